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
      Base::layer, Base::node, Base::past, Base::units, Base::wh, Base::wx, Base::x;
  const int n;                              // 4H
  const Write gates, cells, shown, before;  // (T, 4H), (T + 1, H), (T, H): a(c_t), (T, 4H): z
  Write dc, kept_dc, dgates;                // (H), (H), (4H)

  explicit Lstm(const Node<W, D> &from)
      : Base(from),
        n(4 * from.layer.units),
        gates(from.values(from.layer.gate_values, n)),
        cells(from.values(from.layer.cells, from.layer.units)),
        shown(from.values(from.layer.extra, from.layer.units)),
        before(from.values(from.layer.before, n)) {
    dc = from.room(2 * units, units);
    kept_dc = from.room(3 * units, units);
    dgates = from.room(4 * units, n);
  }

  void begin(int c) { clear(cells.row(c, 0), units); }
  void hold_others(int t) { hold(node, cells, units, t); }
  void begin_backward(int c) { clear(dc.row(c, 0), units); }
  void add_direct(int) {}

  void step(int t) {
    const Factor<W> from_x{x.row(0, t), x.column, layer.features, wx, n};
    const Factor<W> from_h{past.row(0, t), past.column, units, wh, n};
    affine(columns, bias, from_x, from_h, n, gates.row(0, t), gates.column);
    for (int c = 0; c < columns; ++c) {
      Lanes *i = gates.row(c, t), *f = i + units, *g = f + units, *o = g + units;
      if (layer.activation == TG_SWISH || layer.recurrent_activation == TG_SWISH) copy(i, n, before.row(c, t));
      activate(layer.recurrent_activation, i, 2 * units, i);
      activate(layer.activation, g, units, g);
      activate(layer.recurrent_activation, o, units, o);
      const Lanes *past_c = cells.row(c, t);
      Lanes *now_c = cells.row(c, t + 1), *seen = shown.row(c, t);
      for (int j = 0; j < units; ++j) now_c[j] = fma(f[j], past_c[j], i[j] * g[j]);
      activate(layer.activation, now_c, units, seen);
      multiply(o, seen, units, h.row(c, t + 1));
    }
  }

  // The gradients before the activations take the gates' place.
  void step_backward(int t) {
    for (int c = 0; c < columns; ++c) {
      Lanes *i = gates.row(c, t), *f = i + units, *g = f + units, *o = g + units;
      const Lanes *past_c = cells.row(c, t), *seen = shown.row(c, t), *asked = dh.row(c, 0), *z = before.row(c, t);
      Lanes *di = dgates.row(c, 0), *df = di + units, *dg = df + units, *d_o = dg + units, *dc_t = dc.row(c, 0);
      if (node.mask.at) copy(dc_t, units, kept_dc.row(c, 0));
      multiply(asked, o, units, di);
      activate_backward(layer.activation, di, seen, cells.row(c, t + 1), units, di);
      for (int j = 0; j < units; ++j) {
        const Lanes d = dc_t[j] + di[j];
        d_o[j] = asked[j] * seen[j];
        di[j] = d * g[j];
        df[j] = d * past_c[j];
        dg[j] = d * i[j];
        dc_t[j] = d * f[j];
      }
      activate_backward(layer.recurrent_activation, di, i, z, 2 * units, i);
      activate_backward(layer.activation, dg, g, z + 2 * units, units, g);
      activate_backward(layer.recurrent_activation, d_o, o, z + 3 * units, units, o);
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
    add_outer(columns, steps, x, layer.features, read(dz), n, dwx, n);
    add_outer(columns, steps, past, units, read(dz), n, dwh, n);
    if (bias) add_rows(columns, steps, read(dz), n, dbias);
  }
};

}  // namespace
