// The long short-term memory, the fast copy of cells/lstm.py. Gates in Keras's order: input i, forget f, candidate g,
// output o.
//
//     i, f, o = s(x_t · wx + h_{t-1} · wh + b),  g = a(…)
//     c_t = f · c_{t-1} + i · g,  h_t = o · a(c_t)
#pragma once

#include "recurrent.hpp"

namespace {

template <class W, class D>
struct Lstm : Recurrent<W, D> {
  using Base = Recurrent<W, D>;
  using Base::bias, Base::columns, Base::dbias, Base::dh, Base::dpast, Base::dwh, Base::dwx, Base::dz, Base::h,
      Base::layer, Base::node, Base::panel, Base::past, Base::units, Base::wh, Base::wx, Base::x;
  const int n;                              // 4H
  const Write gates, cells, shown, before;  // (T, 4H), (T + 1, H), (T, H): a(c_t), (T, 4H): z
  Write dc, kept_dc, candidates;            // (H): of c_t; of c_t, where a step does not count; of g

  explicit Lstm(const Node<W, D> &from)
      : Base(from),
        n(4 * from.layer.units),
        gates(from.values(from.layer.gate_values, n)),
        cells(from.values(from.layer.cells, from.layer.units)),
        shown(from.values(from.layer.extra, from.layer.units)),
        before(from.values(from.layer.before, n)) {
    dc = from.room(2 * units, units);
    kept_dc = from.room(3 * units, units);
    candidates = from.room(4 * units, units);
  }

  void begin(int c) { clear(cells.row(c, 0), units); }
  void hold_others(int t) { hold(node, cells, units, t); }
  void begin_backward(int c) { clear(dc.row(c, 0), units); }
  void add_direct(int) {}
  void record_others(int t) { this->record(dc, layer.dc, t); }

  void step(int t) {
    const Factor<W> from_x{x.row(0, t), x.column, layer.features, wx, n};
    const Factor<W> from_h{past.row(0, t), past.column, units, wh, n};
    affine(columns, bias, from_x, from_h, n, gates.row(0, t), gates.column);
    const int count = units;
    for (int c = 0; c < columns; ++c) {
      Lanes *i = gates.row(c, t), *f = i + units, *g = f + units, *o = g + units;
      const Lanes *past_c = cells.row(c, t);
      Lanes *now_c = cells.row(c, t + 1), *seen = shown.row(c, t), *now = h.row(c, t + 1);
      if (layer.activation == TG_SWISH || layer.recurrent_activation == TG_SWISH || node.recording())
        copy(i, n, before.row(c, t));
      activate(layer.recurrent_activation, i, 2 * units, i);
      by_activation(layer.activation, [&](auto activation) {
        for (int j = 0; j < count; ++j) {
          g[j] = activation.of(g[j]);
          now_c[j] = fma(f[j], past_c[j], i[j] * g[j]);
          seen[j] = activation.of(now_c[j]);
        }
      });
      by_activation(layer.recurrent_activation, [&](auto activation) {
        for (int j = 0; j < count; ++j) {
          o[j] = activation.of(o[j]);
          now[j] = o[j] * seen[j];
        }
      });
    }
  }

  // The gradients before the activations take the gates' place.
  void step_backward(int t) {
    const int count = units;
    for (int c = 0; c < columns; ++c) {
      Lanes *i = gates.row(c, t), *f = i + units, *g = f + units, *o = g + units, *dc_t = dc.row(c, 0);
      const Lanes *past_c = cells.row(c, t), *seen = shown.row(c, t), *asked = dh.row(c, 0), *z = before.row(c, t);
      Lanes *dg = candidates.row(c, 0);
      if (node.mask.at) copy(dc_t, units, kept_dc.row(c, 0));
      by_activation(layer.activation, [&](auto activation) {
        const Lanes *now_c = cells.row(c, t + 1), *z_g = z + 2 * units;
        for (int j = 0; j < count; ++j) {
          dc_t[j] = dc_t[j] + activation.backward(asked[j] * o[j], seen[j], now_c, j);
          dg[j] = activation.backward(dc_t[j] * i[j], g[j], z_g, j);
        }
      });
      by_activation(layer.recurrent_activation, [&](auto activation) {
        const Lanes *z_f = z + units, *z_o = z + 3 * units;
        for (int j = 0; j < count; ++j) {
          const Lanes d = dc_t[j], kept = f[j];
          i[j] = activation.backward(d * g[j], i[j], z, j);
          f[j] = activation.backward(d * past_c[j], kept, z_f, j);
          g[j] = dg[j];
          o[j] = activation.backward(asked[j] * seen[j], o[j], z_o, j);
          dc_t[j] = d * kept;
        }
      });
      if (node.mask.at) heed_mask(c, t);
    }
    multiply_transposed(columns, dz.row(0, t), dz.column, n, wh, n, units, dpast.at, dpast.column, false);
  }

  void heed_mask(int c, int t) {
    const Lanes counts = node.mask.row(c, t)[0];
    Lanes *dz_t = dz.row(c, t), *dc_t = dc.row(c, 0);
    for (int j = 0; j < n; ++j) dz_t[j] = choose(counts, dz_t[j], lanes(0.0f));
    for (int j = 0; j < units; ++j) dc_t[j] = choose(counts, dc_t[j], kept_dc.row(c, 0)[j]);
  }

  void add_gradients() {
    const int steps = layer.steps;
    add_outer(columns, steps, x, layer.features, read(dz), n, dwx, n, panel);
    add_outer(columns, steps, past, units, read(dz), n, dwh, n, panel);
    if (bias) add_rows(columns, steps, read(dz), n, dbias);
  }
};

}  // namespace
