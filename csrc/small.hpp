// SimpleRNN layers of at most eight units with tanh or relu, and Dense layers of at most four, one column at a time:
// their size is known to the compiler, so that states and sums live in registers. The same equations as simple_rnn.hpp
// and dense.hpp, for the networks whose fit costs a millisecond.
#pragma once

#include "node.hpp"

namespace {

constexpr int kMostSmall = 8, kMostSmallDense = 4;

// Calls f<units>(…) with the units known to the compiler.
#define TG_BY_UNITS(f, units, ...)    \
  switch (units) {                    \
    case 1: f<1>(__VA_ARGS__); break; \
    case 2: f<2>(__VA_ARGS__); break; \
    case 3: f<3>(__VA_ARGS__); break; \
    case 4: f<4>(__VA_ARGS__); break; \
    case 5: f<5>(__VA_ARGS__); break; \
    case 6: f<6>(__VA_ARGS__); break; \
    case 7: f<7>(__VA_ARGS__); break; \
    default: f<8>(__VA_ARGS__);       \
  }
#define TG_BY_FEW_UNITS(f, units, ...) \
  switch (units) {                     \
    case 1: f<1>(__VA_ARGS__); break;  \
    case 2: f<2>(__VA_ARGS__); break;  \
    case 3: f<3>(__VA_ARGS__); break;  \
    default: f<4>(__VA_ARGS__);        \
  }

// z += a · w, with a (m), w (m, n), z (n)
template <int n, class W>
TG_INLINE void multiply_add(const Lanes *a, int m, const W *w, Lanes *z) {
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) z[j] = fma(a[i], spread_weight(w[i * n + j]), z[j]);
}

// da = dz · wᵀ, or += where `add`; dz (n), w (m, n), da (m)
template <int n, class W>
TG_INLINE void small_transposed(const Lanes *dz, const W *w, int m, Lanes *da, bool add) {
  for (int i = 0; i < m; ++i) {
    Lanes sum = add ? fma(dz[0], spread_weight(w[i * n]), da[i]) : dz[0] * spread_weight(w[i * n]);
    for (int j = 1; j < n; ++j) sum = fma(dz[j], spread_weight(w[i * n + j]), sum);
    da[i] = sum;
  }
}

template <int n, class W>
TG_INLINE void begin_with_bias(const W *bias, Lanes *z) {
  for (int j = 0; j < n; ++j) z[j] = bias ? spread_weight(bias[j]) : lanes(0.0f);
}

template <int n, int activation, class W>
TG_INLINE void small_rnn_column(const Layer &layer, const W *w, const Read &x, int c, Lanes *h) {
  const W *wh = w + layer.wh, *bias = layer.use_bias ? w + layer.bias : nullptr;
  Lanes now[n], z[n];
  for (int j = 0; j < n; ++j) h[j] = now[j] = lanes(0.0f);
  for (int t = 0; t < layer.steps; ++t) {
    begin_with_bias<n>(bias, z);
    multiply_add<n>(x.row(c, t), layer.features, w, z);
    multiply_add<n>(now, n, wh, z);
    for (int j = 0; j < n; ++j) h[(t + 1) * n + j] = now[j] = activated<activation>(z[j]);
  }
}

template <int n, int activation, class W>
TG_INLINE void small_rnn_column_back(const Layer &layer, const W *w, const Read &doutput, int c, const Lanes *h,
                                     Lanes *dz) {
  const W *wh = w + layer.wh;
  Lanes dh[n];
  const Lanes *last = doutput.row(c, layer.return_sequences ? layer.steps - 1 : 0);
  for (int j = 0; j < n; ++j) dh[j] = last[j];
  for (int t = layer.steps;; --t) {
    Lanes dz_t[n];
    for (int j = 0; j < n; ++j) {
      dz_t[j] = dh[j] * derivative<activation>(h[t * n + j], h[t * n + j]);
      dz[(t - 1) * n + j] = dz_t[j];
    }
    if (t == 1) return;
    // dh_{t-1} = dz_t · whᵀ + what the output asks of it
    small_transposed<n>(dz_t, wh, n, dh, false);
    if (layer.return_sequences)
      for (int j = 0; j < n; ++j) dh[j] = dh[j] + doutput.row(c, t - 2)[j];
  }
}

inline bool is_small(const Layer &layer) {
  if (layer.kind == TG_DENSE) return layer.units <= kMostSmallDense && layer.activation != TG_SWISH;
  return layer.units <= kMostSmall && (layer.activation == TG_TANH || layer.activation == TG_RELU) && layer.mask < 0 &&
         !layer.drops_inputs && !layer.drops_states;
}

template <int n, class W, class D>
void small_rnn_forward(const Node<W, D> &node) {
  for (int c = 0; c < node.columns; ++c) {
    Lanes *h = node.state + c * node.state_column;
    if (node.layer.activation == TG_TANH) {
      small_rnn_column<n, TG_TANH>(node.layer, node.w, node.input, c, h);
    } else {
      small_rnn_column<n, TG_RELU>(node.layer, node.w, node.input, c, h);
    }
  }
}

template <int rows, int columns, class D>
TG_INLINE void small_outer_block(const Lanes *a, int64_t step, const Lanes *dz, int steps, D *dw) {
  Lanes sum[rows * columns];
  for (int k = 0; k < rows * columns; ++k) sum[k] = lanes(0.0f);
  for (int t = 0; t < steps; ++t)
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        sum[i * columns + j] = fma(a[t * step + i], dz[t * columns + j], sum[i * columns + j]);
  add_sums<rows * columns>(sum, dw);
}

// Rows of `dw` at a time, so that a block's sums fill the registers and no more.
template <int columns>
constexpr int kRows = 16 / kRegisters / columns > 0 ? 16 / kRegisters / columns : 1;

// dw (m, n) += Σ_t a_tᵀ · dz_t, rows of `a` lying `step` apart
template <int most, int n, class D>
TG_INLINE void small_outer(const Lanes *a, int64_t step, int m, const Lanes *dz, int steps, D *dw) {
  if constexpr (most > 0 && most <= kRows<n>) {
    small_outer_block<most, n>(a, step, dz, steps, dw);
  } else {
    int i = 0;
    for (; i + kRows<n> <= m; i += kRows<n>) small_outer_block<kRows<n>, n>(a + i, step, dz, steps, dw + i * n);
    for (; i < m; ++i) small_outer_block<1, n>(a + i, step, dz, steps, dw + i * n);
  }
}

template <int n, class D>
TG_INLINE void small_rows(const Lanes *dz, int steps, D *db) {
  Lanes sum[n];
  for (int j = 0; j < n; ++j) sum[j] = lanes(0.0f);
  for (int t = 0; t < steps; ++t)
    for (int j = 0; j < n; ++j) sum[j] = sum[j] + dz[t * n + j];
  add_sums<n>(sum, db);
}

template <int n, class W, class D>
void small_rnn_backward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const int steps = layer.steps, features = layer.features;
  for (int c = 0; c < node.columns; ++c) {
    const Lanes *h = node.state + c * node.state_column;
    Lanes *dz = node.spare + c * node.spare_column;
    if (layer.activation == TG_TANH) {
      small_rnn_column_back<n, TG_TANH>(layer, node.w, node.doutput, c, h, dz);
    } else {
      small_rnn_column_back<n, TG_RELU>(layer, node.w, node.doutput, c, h, dz);
    }
    small_outer<0, n>(node.input.row(c, 0), node.input.step, features, dz, steps, node.dw);
    small_outer<n, n>(h, n, n, dz, steps, node.dw + layer.wh);
    if (layer.use_bias) small_rows<n>(dz, steps, node.dw + layer.bias);
    if (node.dinput.at)
      for (int t = 0; t < steps; ++t)
        small_transposed<n>(dz + t * n, node.w, features, node.dinput.row(c, t), layer.adds_input);
  }
}

template <int n, class W, class D>
void small_dense_forward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const W *bias = layer.use_bias ? node.w + layer.bias : nullptr;
  for (int c = 0; c < node.columns; ++c)
    for (int t = 0; t < layer.steps; ++t) {
      Lanes z[n];
      begin_with_bias<n>(bias, z);
      multiply_add<n>(node.input.row(c, t), layer.features, node.w, z);
      activate(layer.activation, z, n, node.values(layer.output, n).row(c, t));
    }
}

template <int n, class W, class D>
void small_dense_backward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const int steps = layer.steps, features = layer.features;
  for (int c = 0; c < node.columns; ++c) {
    Lanes *dz = node.spare + c * node.spare_column;
    for (int t = 0; t < steps; ++t) {
      const Lanes *y = node.values(layer.output, n).row(c, t);
      activate_backward(layer.activation, node.doutput.row(c, t), y, y, n, dz + t * n);
      if (node.dinput.at) small_transposed<n>(dz + t * n, node.w, features, node.dinput.row(c, t), layer.adds_input);
    }
    small_outer<0, n>(node.input.row(c, 0), node.input.step, features, dz, steps, node.dw);
    if (layer.use_bias) small_rows<n>(dz, steps, node.dw + layer.bias);
  }
}

}  // namespace
