// The three products that every layer is made of. A block of sums stays in registers while the rest streams past.
// `Fixed` is a size known to the compiler, which then unrolls the loop; 0 leaves it to run time.
#pragma once

#include "lanes.hpp"

namespace {

// Sums held in registers at once: as many as the register file has room for beside their operands.
constexpr int kBlock = 8 / kRegisters > 0 ? 8 / kRegisters : 1;

template <int Fixed>
TG_INLINE constexpr int size_of(int size) {
  return Fixed > 0 ? Fixed : size;
}

template <int Block>
TG_INLINE void multiply_add_block(const Lanes *a, int m, const Lanes *w, int n, Lanes *z) {
  Lanes sum[Block];
  for (int j = 0; j < Block; ++j) sum[j] = z[j];
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < Block; ++j) sum[j] = fma(a[i], w[i * n + j], sum[j]);
  for (int j = 0; j < Block; ++j) z[j] = sum[j];
}

// z += a · w, with a (m), w (m, n), z (n)
template <int Fixed>
TG_INLINE void multiply_add(const Lanes *a, int m, const Lanes *w, int n, Lanes *z) {
  if constexpr (Fixed > 0) {
    multiply_add_block<Fixed>(a, m, w, Fixed, z);
  } else {
    int j = 0;
    for (; j + kBlock <= n; j += kBlock) multiply_add_block<kBlock>(a, m, w + j, n, z + j);
    for (; j < n; ++j) multiply_add_block<1>(a, m, w + j, n, z + j);
  }
}

// da = dz · wᵀ, with dz (n), w (m, n), da (m)
template <int Fixed>
TG_INLINE void multiply_transposed(const Lanes *dz, int n_, const Lanes *w, int m, Lanes *da) {
  const int n = size_of<Fixed>(n_);
  for (int i = 0; i < m; ++i) {
    Lanes sum = dz[0] * w[i * n];
    for (int j = 1; j < n; ++j) sum = fma(dz[j], w[i * n + j], sum);
    da[i] = sum;
  }
}

template <int Rows, int Columns>
TG_INLINE void add_outer_block(const Lanes *a, int m, const Lanes *dz, int n, int steps, Lanes *dw) {
  Lanes sum[Rows * Columns];
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Columns; ++j) sum[i * Columns + j] = dw[i * n + j];
  for (int t = 0; t < steps; ++t)
    for (int i = 0; i < Rows; ++i)
      for (int j = 0; j < Columns; ++j) sum[i * Columns + j] = fma(a[t * m + i], dz[t * n + j], sum[i * Columns + j]);
  for (int i = 0; i < Rows; ++i)
    for (int j = 0; j < Columns; ++j) dw[i * n + j] = sum[i * Columns + j];
}

// Rows of `dw` at a time, so that a block's sums fill the registers and no more.
template <int Columns>
constexpr int kRows = 2 * kBlock / Columns > 0 ? 2 * kBlock / Columns : 1;

template <int FixedRows, int Columns>
TG_INLINE void add_outer_columns(const Lanes *a, int m, const Lanes *dz, int n, int steps, Lanes *dw) {
  if constexpr (FixedRows > 0 && FixedRows <= kRows<Columns>) {
    add_outer_block<FixedRows, Columns>(a, m, dz, n, steps, dw);
  } else {
    int i = 0;
    for (; i + kRows<Columns> <= m; i += kRows<Columns>)
      add_outer_block<kRows<Columns>, Columns>(a + i, m, dz, n, steps, dw + i * n);
    for (; i < m; ++i) add_outer_block<1, Columns>(a + i, m, dz, n, steps, dw + i * n);
  }
}

// dw += Σ_t a_tᵀ · dz_t, with a (steps, m), dz (steps, n), dw (m, n)
template <int FixedRows, int FixedColumns>
TG_INLINE void add_outer(const Lanes *a, int m, const Lanes *dz, int n, int steps, Lanes *dw) {
  if constexpr (FixedColumns > 0) {
    add_outer_columns<FixedRows, FixedColumns>(a, m, dz, FixedColumns, steps, dw);
  } else {
    int j = 0;
    for (; j + 4 <= n; j += 4) add_outer_columns<0, 4>(a, m, dz + j, n, steps, dw + j);
    for (; j < n; ++j) add_outer_columns<0, 1>(a, m, dz + j, n, steps, dw + j);
  }
}

template <int Block>
TG_INLINE void add_rows_block(const Lanes *dz, int n, int steps, Lanes *db) {
  Lanes sum[Block];
  for (int j = 0; j < Block; ++j) sum[j] = db[j];
  for (int t = 0; t < steps; ++t)
    for (int j = 0; j < Block; ++j) sum[j] = sum[j] + dz[t * n + j];
  for (int j = 0; j < Block; ++j) db[j] = sum[j];
}

// db += Σ_t dz_t, with dz (steps, n), db (n)
template <int Fixed>
TG_INLINE void add_rows(const Lanes *dz, int n, int steps, Lanes *db) {
  if constexpr (Fixed > 0) {
    add_rows_block<Fixed>(dz, Fixed, steps, db);
  } else {
    int j = 0;
    for (; j + kBlock <= n; j += kBlock) add_rows_block<kBlock>(dz + j, n, steps, db + j);
    for (; j < n; ++j) add_rows_block<1>(dz + j, n, steps, db + j);
  }
}

}  // namespace
