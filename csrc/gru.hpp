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
      Base::layer, Base::node, Base::panel, Base::past, Base::units, Base::wh, Base::wx, Base::x;
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
  void record_others(int) {}

  void step(int t) {
    const Factor<W> from_x{x.row(0, t), x.column, layer.features, wx, n};
    const Factor<W> from_h{past.row(0, t), past.column, units, wh, n};
    const Factor<W> x_candidate{from_x.a, from_x.column, layer.features, wx + two, n};
    const W *candidate_bias = bias ? bias + two : nullptr, *recurrent_bias = bias ? bias + n : nullptr;
    affine(columns, bias, from_x, from_h, two, gates.row(0, t), gates.column);
    const W *gate_bias = layer.reset_after ? recurrent_bias : nullptr;
    const bool reset_after = layer.reset_after, recording = node.recording();
    const int one_gate = units, two_gates = two;
    for (int c = 0; c < columns; ++c) {
      Lanes *u = gates.row(c, t), *z = before.row(c, t);
      by_activation(layer.recurrent_activation, [&](auto activation) {
        for (int j = 0; j < two_gates; ++j) {
          const Lanes sum = gate_bias ? u[j] + spread_weight(gate_bias[j]) : u[j];
          if (activation.asks_before || recording) z[j] = sum;
          u[j] = activation.of(sum);
        }
      });
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
      const Lanes *u = gates.row(c, t), *r = u + units, *past_h = h.row(c, t), *s = met.row(c, t);
      Lanes *g = gates.row(c, t) + two, *now = h.row(c, t + 1), *z = before.row(c, t) + two;
      by_activation(layer.activation, [&](auto activation) {
        for (int j = 0; j < one_gate; ++j) {
          const Lanes sum = reset_after ? fma(r[j], s[j], g[j]) : g[j];
          if (activation.asks_before || recording) z[j] = sum;
          g[j] = activation.of(sum);
          now[j] = fma(u[j], past_h[j] - g[j], g[j]);
        }
      });
    }
  }

  // The gradients before the activations take the gates' place; that of what r multiplies takes `met`'s.
  void step_backward(int t) {
    const bool reset_after = layer.reset_after;
    const int one_gate = units, two_gates = two;
    for (int c = 0; c < columns; ++c) {
      const Lanes *u = gates.row(c, t), *r = u + units, *past_h = h.row(c, t), *asked = dh.row(c, 0);
      const Lanes *z_g = before.row(c, t) + two;
      Lanes *g = gates.row(c, t) + two, *du = dgates.row(c, 0), *dr = du + units, *kept = direct.row(c, 0);
      Lanes *s = met.row(c, t);
      const Lanes *counts = node.mask.at ? node.mask.row(c, t) : nullptr;
      by_activation(layer.activation, [&](auto activation) {
        for (int j = 0; j < one_gate; ++j) {
          du[j] = asked[j] * (past_h[j] - g[j]);
          kept[j] = asked[j] * u[j];
          g[j] = counted(counts, activation.backward(asked[j] * (lanes(1.0f) - u[j]), g[j], z_g, j));
          if (reset_after) {
            dr[j] = g[j] * s[j];
            s[j] = g[j] * r[j];
          }
        }
      });
    }
    if (!layer.reset_after) {
      multiply_transposed(columns, gates.row(0, t) + two, gates.column, units, wh + two, n, units, dpast.at,
                          dpast.column, false);
      for (int c = 0; c < columns; ++c) {
        const Lanes *r = gates.row(c, t) + units;
        Lanes *back = dpast.row(c, 0);
        multiply(back, past.row(c, t), units, dgates.row(c, 0) + units);
        multiply(back, r, units, back);
      }
    }
    for (int c = 0; c < columns; ++c) {
      Lanes *u = gates.row(c, t);
      const Lanes *du = dgates.row(c, 0), *z = before.row(c, t);
      const Lanes *counts = node.mask.at ? node.mask.row(c, t) : nullptr;
      by_activation(layer.recurrent_activation, [&](auto activation) {
        for (int j = 0; j < two_gates; ++j) u[j] = counted(counts, activation.backward(du[j], u[j], z, j));
      });
    }
    multiply_transposed(columns, gates.row(0, t), gates.column, two, wh, n, units, dpast.at, dpast.column,
                        !layer.reset_after);
    if (layer.reset_after)
      multiply_transposed(columns, met.row(0, t), met.column, units, wh + two, n, units, dpast.at, dpast.column, true);
  }

  // A masked step has no gradient of its own.
  TG_INLINE static Lanes counted(const Lanes *counts, Lanes dz_j) {
    return counts ? choose(*counts, dz_j, lanes(0.0f)) : dz_j;
  }

  // What u keeps of h_{t-1}, past dropout.
  void add_direct(int) {
    for (int c = 0; c < columns; ++c)
      for (int j = 0; j < units; ++j) dpast.row(c, 0)[j] = dpast.row(c, 0)[j] + direct.row(c, 0)[j];
  }

  void add_gradients() {
    const int steps = layer.steps;
    const Read d = read(dz), candidate{dz.at + two, dz.column, dz.step};
    add_outer(columns, steps, x, layer.features, d, n, dwx, n, panel);
    add_outer(columns, steps, past, units, d, two, dwh, n, panel);
    if (layer.reset_after) {
      add_outer(columns, steps, past, units, read(met), units, dwh + two, n, panel);
    } else {
      add_outer(columns, steps, read(met), units, candidate, units, dwh + two, n, panel);
    }
    if (!bias) return;
    add_rows(columns, steps, d, n, dbias);
    if (!layer.reset_after) return;
    for (int j = 0; j < two; ++j) dbias[n + j] = dbias[j];  // both are added in the same place
    add_rows(columns, steps, read(met), units, dbias + n + two);
  }
};

}  // namespace
