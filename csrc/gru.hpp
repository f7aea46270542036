// The gated recurrent unit, the fast copy of cells/gru.py. Gates in Keras's order: update u, reset r, candidate g.
//
//     u, r = s(x_t · wx + h_{t-1} · wh + b)
//     reset after:   g = a(x_t · wx + bx + r · (h_{t-1} · wh + bh))
//     reset before:  g = a(x_t · wx + b + (r · h_{t-1}) · wh)
//     h_t = u · h_{t-1} + (1 - u) · g
#pragma once

#include "recurrent.hpp"

namespace {

template <class W, class D>
struct Gru : Recurrent<W, D> {
  using Base = Recurrent<W, D>;
  using Base::bias, Base::columns, Base::dbias, Base::dh, Base::dpast, Base::dwh, Base::dwx, Base::dz, Base::h,
      Base::layer, Base::node, Base::past, Base::units, Base::wh, Base::wx, Base::x;
  const int n, two;           // 3H, 2H
  const Write gates, before;  // (T, 3H), (T, 3H): z
  const Write met;            // (T, H): h_{t-1} · wh + bh, which r multiplies; or r · h_{t-1}
  Write direct, dgates;       // (H), (3H)

  explicit Gru(const Node<W, D> &from)
      : Base(from),
        n(3 * from.layer.units),
        two(2 * from.layer.units),
        gates(from.values(from.layer.gate_values, n)),
        before(from.values(from.layer.before, n)),
        met(from.values(from.layer.extra, from.layer.units)) {
    direct = from.room(2 * units, units);
    dgates = from.room(3 * units, n);
  }

  void begin(int) {}
  void hold_others(int) {}
  void begin_backward(int) {}

  void step(int t) {
    const Factor<W> from_x{x.row(0, t), x.column, layer.features, wx, n};
    const Factor<W> from_h{past.row(0, t), past.column, units, wh, n};
    const Factor<W> x_candidate{from_x.a, from_x.column, layer.features, wx + two, n};
    const W *candidate_bias = bias ? bias + two : nullptr, *recurrent_bias = bias ? bias + n : nullptr;
    affine(columns, bias, from_x, from_h, two, gates.row(0, t), gates.column);
    for (int c = 0; c < columns; ++c) {
      Lanes *u = gates.row(c, t);
      if (layer.reset_after && bias)
        for (int j = 0; j < two; ++j) u[j] = u[j] + spread_weight(recurrent_bias[j]);
      if (keeps_before()) copy(u, two, before.row(c, t));
      activate(layer.recurrent_activation, u, two, u);
      if (!layer.reset_after) multiply(u + units, past.row(c, t), units, met.row(c, t));
    }
    const Factor<W> candidate{layer.reset_after ? from_h.a : met.row(0, t),
                              layer.reset_after ? past.column : met.column, units, wh + two, n};
    if (layer.reset_after) {
      affine(columns, recurrent_bias ? recurrent_bias + two : nullptr, candidate, candidate.nothing(), units,
             met.row(0, t), met.column);
      affine(columns, candidate_bias, x_candidate, x_candidate.nothing(), units, gates.row(0, t) + two, gates.column);
    } else {
      affine(columns, candidate_bias, x_candidate, candidate, units, gates.row(0, t) + two, gates.column);
    }
    for (int c = 0; c < columns; ++c) {
      const Lanes *u = gates.row(c, t), *r = u + units, *past_h = h.row(c, t);
      Lanes *g = gates.row(c, t) + two, *now = h.row(c, t + 1);
      if (layer.reset_after)
        for (int j = 0; j < units; ++j) g[j] = fma(r[j], met.row(c, t)[j], g[j]);
      if (keeps_before()) copy(g, units, before.row(c, t) + two);
      activate(layer.activation, g, units, g);
      for (int j = 0; j < units; ++j) now[j] = fma(u[j], past_h[j] - g[j], g[j]);
    }
  }

  bool keeps_before() const { return layer.activation == TG_SWISH || layer.recurrent_activation == TG_SWISH; }

  // The gradients before the activations take the gates' place; that of what r multiplies takes `met`'s.
  void step_backward(int t) {
    for (int c = 0; c < columns; ++c) {
      const Lanes *u = gates.row(c, t), *past_h = h.row(c, t), *asked = dh.row(c, 0), *z = before.row(c, t);
      Lanes *g = gates.row(c, t) + two, *du = dgates.row(c, 0), *dg = du + two;
      for (int j = 0; j < units; ++j) {
        du[j] = asked[j] * (past_h[j] - g[j]);
        dg[j] = asked[j] * (lanes(1.0f) - u[j]);
        direct.row(c, 0)[j] = asked[j] * u[j];
      }
      activate_backward(layer.activation, dg, g, z + two, units, g);
      if (node.mask.at) heed_mask(c, t, g, units);
    }
    if (!layer.reset_after)
      multiply_transposed(columns, gates.row(0, t) + two, gates.column, units, wh + two, n, units, dpast.at,
                          dpast.column, false);
    for (int c = 0; c < columns; ++c) {
      Lanes *u = gates.row(c, t), *r = u + units, *du = dgates.row(c, 0), *dr = du + units;
      const Lanes *g = u + two, *past_h = past.row(c, t);
      Lanes *back = dpast.row(c, 0), *s = met.row(c, t);
      for (int j = 0; j < units; ++j) {
        dr[j] = layer.reset_after ? g[j] * s[j] : back[j] * past_h[j];
        if (layer.reset_after) {
          s[j] = g[j] * r[j];
        } else {
          back[j] = back[j] * r[j];
        }
      }
      activate_backward(layer.recurrent_activation, du, u, before.row(c, t), two, u);
      if (node.mask.at) heed_mask(c, t, u, two);
    }
    multiply_transposed(columns, gates.row(0, t), gates.column, two, wh, n, units, dpast.at, dpast.column,
                        !layer.reset_after);
    if (layer.reset_after)
      multiply_transposed(columns, met.row(0, t), met.column, units, wh + two, n, units, dpast.at, dpast.column, true);
  }

  void heed_mask(int c, int t, Lanes *dz_t, int count) {
    const Lanes counts = node.mask.row(c, t)[0];
    for (int j = 0; j < count; ++j) dz_t[j] = choose(counts, dz_t[j], lanes(0.0f));
  }

  // What u keeps of h_{t-1}, past dropout.
  void add_direct(int) {
    for (int c = 0; c < columns; ++c)
      for (int j = 0; j < units; ++j) dpast.row(c, 0)[j] = dpast.row(c, 0)[j] + direct.row(c, 0)[j];
  }

  void add_gradients() {
    const int steps = layer.steps;
    const Read d = read(dz), candidate{dz.at + two, dz.column, dz.step};
    add_outer(columns, steps, x, layer.features, d, n, dwx, n);
    add_outer(columns, steps, past, units, d, two, dwh, n);
    if (layer.reset_after) {
      add_outer(columns, steps, past, units, read(met), units, dwh + two, n);
    } else {
      add_outer(columns, steps, read(met), units, candidate, units, dwh + two, n);
    }
    if (!bias) return;
    add_rows(columns, steps, d, n, dbias);
    if (!layer.reset_after) return;
    add_rows(columns, steps, d, two, dbias + n);
    add_rows(columns, steps, read(met), units, dbias + n + two);
  }
};

}  // namespace
