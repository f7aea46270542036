// The products that every layer is made of. A block of sums stays in registers while the rest streams past.
//
// Rows of a tile: column c (a window, or sixteen windows of one network), then time step t. A weight W is a Lanes where
// the lanes carry networks and a float where they carry samples; a gradient D is a Lanes, or a float that takes the
// sum over the lanes. Every sum is added up in the order of its index, whatever the blocks.
#pragma once

#include "lanes.hpp"

namespace {

// Sums held in registers at once: as many as the register file has room for beside their operands.
#if defined(TG_WIDE_REGISTERS)
constexpr int kSums = 24;
#elif defined(__ARM_NEON)
constexpr int kSums = 24 / kRegisters;
#else
constexpr int kSums = 12 / kRegisters;
#endif

// The block of columns × units in which a product of weights W is worked out.
template <class W>
struct Block {
  static constexpr int columns = kSums >= 12 ? 4 : kSums >= 6 ? 2 : 1;
  static constexpr int units = kSums >= 24 ? 4 : 3;
};
template <>
struct Block<float> {
  static constexpr int columns = kSums >= 6 ? 2 : 1;
  static constexpr int units = kSums >= 24 ? 8 : kSums >= 12 ? 6 : 3;
};

// a (columns, count) times w (count, n): rows of `a` lie `column` apart, rows of `w` lie `row` apart.
template <class W>
struct Factor {
  const Lanes *a;
  int64_t column;
  int count;
  const W *w;
  int64_t row;

  Factor nothing() const { return {a, column, 0, w, row}; }
};

template <int C, int J, class W>
TG_INLINE void add_products(const Factor<W> &factor, int first, Lanes (&sum)[C][J]) {
  const W *w = factor.w + first;
  for (int i = 0; i < factor.count; ++i, w += factor.row) {
    Lanes a[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) a[c] = factor.a[c * factor.column + i];
#pragma GCC unroll 16
    for (int j = 0; j < J; ++j) {
      const Lanes weight = spread_weight(w[j]);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sum[c][j] = fma(a[c], weight, sum[c][j]);
    }
  }
}

template <int C, int J, class W>
void affine_block(const W *bias, const Factor<W> &x, const Factor<W> &h, int j, Lanes *z, int64_t column) {
  Lanes sum[C][J];
#pragma GCC unroll 16
  for (int k = 0; k < J; ++k)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[c][k] = bias ? spread_weight(bias[j + k]) : lanes(0.0f);
  add_products(x, j, sum);
  add_products(h, j, sum);
#pragma GCC unroll 16
  for (int k = 0; k < J; ++k)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) z[c * column + j + k] = sum[c][k];
}

template <int C, class W>
void affine_columns(const W *bias, const Factor<W> &x, const Factor<W> &h, int n, Lanes *z, int64_t column) {
  constexpr int units = Block<W>::units;
  int j = 0;
  for (; j + units <= n; j += units) affine_block<C, units>(bias, x, h, j, z, column);
  if constexpr (units > 4)
    for (; j + 4 <= n; j += 4) affine_block<C, 4>(bias, x, h, j, z, column);
  for (; j < n; ++j) affine_block<C, 1>(bias, x, h, j, z, column);
}

// z (columns, n) = bias + x · wx + h · wh. No bias where it is null; `count` may be 0.
template <class W>
void affine(int columns, const W *bias, Factor<W> x, Factor<W> h, int n, Lanes *z, int64_t column) {
  constexpr int most = Block<W>::columns;
  int c = 0;
  const auto advance = [&](int by) {
    x.a += by * x.column;
    h.a += by * h.column;
    z += by * column;
    c += by;
  };
  while (c + most <= columns) {
    affine_columns<most>(bias, x, h, n, z, column);
    advance(most);
  }
  if constexpr (most > 2) {
    if (c + 2 <= columns) {
      affine_columns<2>(bias, x, h, n, z, column);
      advance(2);
    }
  }
  while (c < columns) {
    affine_columns<1>(bias, x, h, n, z, column);
    advance(1);
  }
}

template <int C, int I, class W>
void transposed_block(const Lanes *dz, int64_t dz_column, int n, const W *w, int64_t row, Lanes *da, int64_t da_column,
                      bool add) {
  Lanes sum[C][I];
#pragma GCC unroll 16
  for (int i = 0; i < I; ++i)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) sum[c][i] = add ? da[c * da_column + i] : lanes(0.0f);
  for (int j = 0; j < n; ++j) {
    Lanes d[C];
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) d[c] = dz[c * dz_column + j];
#pragma GCC unroll 16
    for (int i = 0; i < I; ++i) {
      const Lanes weight = spread_weight(w[i * row + j]);
#pragma GCC unroll 8
      for (int c = 0; c < C; ++c) sum[c][i] = fma(d[c], weight, sum[c][i]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < I; ++i)
#pragma GCC unroll 8
    for (int c = 0; c < C; ++c) da[c * da_column + i] = sum[c][i];
}

template <int C, class W>
void transposed_columns(const Lanes *dz, int64_t dz_column, int n, const W *w, int64_t row, int m, Lanes *da,
                        int64_t da_column, bool add) {
  constexpr int units = Block<W>::units;
  int i = 0;
  for (; i + units <= m; i += units)
    transposed_block<C, units>(dz, dz_column, n, w + i * row, row, da + i, da_column, add);
  if constexpr (units > 4)
    for (; i + 4 <= m; i += 4) transposed_block<C, 4>(dz, dz_column, n, w + i * row, row, da + i, da_column, add);
  for (; i < m; ++i) transposed_block<C, 1>(dz, dz_column, n, w + i * row, row, da + i, da_column, add);
}

// da (columns, m) = dz · wᵀ, or += where `add`; dz (columns, n), w (m, n) with rows `row` apart
template <class W>
void multiply_transposed(int columns, const Lanes *dz, int64_t dz_column, int n, const W *w, int64_t row, int m,
                         Lanes *da, int64_t da_column, bool add) {
  constexpr int most = Block<W>::columns;
  int c = 0;
  for (; c + most <= columns; c += most)
    transposed_columns<most>(dz + c * dz_column, dz_column, n, w, row, m, da + c * da_column, da_column, add);
  if constexpr (most > 2)
    for (; c + 2 <= columns; c += 2)
      transposed_columns<2>(dz + c * dz_column, dz_column, n, w, row, m, da + c * da_column, da_column, add);
  for (; c < columns; ++c)
    transposed_columns<1>(dz + c * dz_column, dz_column, n, w, row, m, da + c * da_column, da_column, add);
}

// Rows of a tile: row (c, t) begins at `at` + c · column + t · step. Turned back in time with a negative step.
template <class L>
struct Rows {
  L *at;
  int64_t column, step;

  TG_INLINE L *row(int c, int t) const { return at + c * column + t * step; }
  Rows turned(int steps) const { return {at + (steps - 1) * step, column, -step}; }
};
using Read = Rows<const Lanes>;
using Write = Rows<Lanes>;

template <int I, int J, class D>
void outer_block(int columns, int steps, const Read &a, const Read &dz, D *dw, int64_t row) {
  Lanes sum[I][J];
#pragma GCC unroll 8
  for (int i = 0; i < I; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < J; ++j) sum[i][j] = lanes(0.0f);
  for (int c = 0; c < columns; ++c) {
    const Lanes *at_a = a.row(c, 0), *at_dz = dz.row(c, 0);
    for (int t = 0; t < steps; ++t, at_a += a.step, at_dz += dz.step) {
      Lanes d[J];
#pragma GCC unroll 8
      for (int j = 0; j < J; ++j) d[j] = at_dz[j];
#pragma GCC unroll 8
      for (int i = 0; i < I; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < J; ++j) sum[i][j] = fma(at_a[i], d[j], sum[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < I; ++i) add_sums<J>(sum[i], dw + i * row);
}

template <int J, class D>
void outer_columns(int columns, int steps, Read a, int m, const Read &dz, D *dw, int64_t row) {
  constexpr int rows = kSums >= 24 ? 4 : kSums >= 12 ? 3 : kSums >= 6 ? 2 : 1;
  int i = 0;
  for (; i + rows <= m; i += rows, a.at += rows) outer_block<rows, J>(columns, steps, a, dz, dw + i * row, row);
  for (; i < m; ++i, ++a.at) outer_block<1, J>(columns, steps, a, dz, dw + i * row, row);
}

// `count` values of each row of `from`, put next to each other: rows that lie a power of two apart share few places in
// the caches, and meet `again` times.
TG_INLINE Read packed(int columns, int steps, const Read &from, int count, int again, const Write &room) {
  if (steps < 8 || again < 64 || from.step == count) return from;
  for (int c = 0; c < columns; ++c)
    for (int t = 0; t < steps; ++t)
      for (int j = 0; j < count; ++j) room.at[c * room.column + t * count + j] = from.row(c, t)[j];
  return {room.at, room.column, count};
}

// dw += Σ_c Σ_t a_ctᵀ · dz_ct, with a (columns, steps, m), dz (columns, steps, n), dw (m, n) with rows `row` apart, and
// room for four values of each row of dz
template <class D>
void add_outer(int columns, int steps, const Read &a, int m, Read dz, int n, D *dw, int64_t row, const Write &room) {
  constexpr int block = kSums >= 12 ? 4 : 3;
  int j = 0;
  for (; j + block <= n; j += block, dz.at += block)
    outer_columns<block>(columns, steps, a, m, packed(columns, steps, dz, block, m, room), dw + j, row);
  for (; j < n; ++j, ++dz.at) outer_columns<1>(columns, steps, a, m, dz, dw + j, row);
}

template <int J, class D>
void rows_block(int columns, int steps, const Read &dz, D *db) {
  Lanes sum[J];
#pragma GCC unroll 8
  for (int j = 0; j < J; ++j) sum[j] = lanes(0.0f);
  for (int c = 0; c < columns; ++c)
    for (int t = 0; t < steps; ++t)
#pragma GCC unroll 8
      for (int j = 0; j < J; ++j) sum[j] = sum[j] + dz.row(c, t)[j];
  add_sums<J>(sum, db);
}

// db += Σ_c Σ_t dz_ct, with dz (columns, steps, n), db (n)
template <class D>
void add_rows(int columns, int steps, Read dz, int n, D *db) {
  constexpr int block = kSums >= 12 ? 8 : 4;
  int j = 0;
  for (; j + block <= n; j += block, dz.at += block) rows_block<block>(columns, steps, dz, db + j);
  for (; j < n; ++j, ++dz.at) rows_block<1>(columns, steps, dz, db + j);
}

}  // namespace
