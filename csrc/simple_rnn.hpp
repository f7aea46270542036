// h_t = f(x_t · wx + h_{t-1} · wh + bh), h_0 = 0: the fast copy of cells/simple_rnn.py.
#pragma once

#include "recurrent.hpp"

namespace {

template <class W, class D>
struct SimpleRnn : Recurrent<W, D> {
  using Base = Recurrent<W, D>;
  using Base::bias, Base::columns, Base::dbias, Base::dh, Base::dpast, Base::dwh, Base::dwx, Base::dz, Base::h,
      Base::layer, Base::node, Base::panel, Base::past, Base::units, Base::wh, Base::wx, Base::x;
  const Write before;  // (T, H): z, where the activation's derivative asks for it

  explicit SimpleRnn(const Node<W, D> &n) : Base(n), before(n.values(n.layer.before, n.layer.units)) {}

  void begin(int) {}
  void hold_others(int) {}
  void begin_backward(int) {}
  void add_direct(int) {}
  void record_others(int) {}

  void step(int t) {
    const Factor<W> from_x{x.row(0, t), x.column, layer.features, wx, units};
    const Factor<W> from_h{past.row(0, t), past.column, units, wh, units};
    affine(columns, bias, from_x, from_h, units, h.row(0, t + 1), h.column);
    for (int c = 0; c < columns; ++c) {
      Lanes *now = h.row(c, t + 1);
      if (layer.activation == TG_SWISH || node.recording()) copy(now, units, before.row(c, t));
      activate(layer.activation, now, units, now);
    }
  }

  void step_backward(int t) {
    for (int c = 0; c < columns; ++c) {
      Lanes *dz_t = dz.row(c, t);
      activate_backward(layer.activation, dh.row(c, 0), h.row(c, t + 1), before.row(c, t), units, dz_t);
      if (node.mask.at)
        for (int j = 0; j < units; ++j) dz_t[j] = choose(node.mask.row(c, t)[0], dz_t[j], lanes(0.0f));
    }
    multiply_transposed(columns, dz.row(0, t), dz.column, units, wh, units, units, dpast.at, dpast.column, false);
  }

  void add_gradients() {
    const int steps = layer.steps;
    add_outer(columns, steps, x, layer.features, read(dz), units, dwx, units, panel);
    add_outer(columns, steps, past, units, read(dz), units, dwh, units, panel);
    if (bias) add_rows(columns, steps, read(dz), units, dbias);
  }
};

}  // namespace
