// y = f(x · wy + by), at every step that the layer is given: the fast copy of cells/dense.py. And the same on the
// window's last steps, added to what another node gives: the linear skip.
#pragma once

#include "node.hpp"

namespace {

template <class W, class D>
void dense_forward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const int units = layer.units, steps = layer.steps;
  const W *bias = layer.use_bias ? node.w + layer.bias : nullptr;
  const Write y = node.values(layer.output, units), before = node.values(layer.before, units);
  for (int c = 0; c < node.columns; ++c) {
    // The rows of a column are as good as columns.
    const Factor<W> x{node.input.row(c, 0), node.input.step, layer.features, node.w, units};
    affine(steps, bias, x, x.nothing(), units, y.row(c, 0), y.step);
    if (layer.activation == TG_SWISH || node.recording()) copy(y.row(c, 0), int64_t{steps} * units, before.row(c, 0));
    activate(layer.activation, y.row(c, 0), steps * units, y.row(c, 0));
  }
}

template <class W, class D>
void dense_backward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const int units = layer.units, steps = layer.steps;
  const Write y = node.values(layer.output, units), before = node.values(layer.before, units), dz = node.room(0, units);
  for (int c = 0; c < node.columns; ++c) {
    activate_backward(layer.activation, node.doutput.row(c, 0), y.row(c, 0), before.row(c, 0), steps * units,
                      dz.row(c, 0));
    if (node.dinput.at)
      multiply_transposed(steps, dz.row(c, 0), dz.step, units, node.w, units, layer.features, node.dinput.row(c, 0),
                          node.dinput.step, layer.adds_input);
  }
  if (node.recording()) copy(dz.row(0, 0), int64_t{steps} * units, node.traced + layer.dz);
  add_outer(node.columns, steps, node.input, layer.features, read(dz), units, node.dw, units,
            node.room(int64_t{steps} * units, kPanel));
  if (layer.use_bias) add_rows(node.columns, steps, read(dz), units, node.dw + layer.bias);
}

// node.other: the window's last steps in one row
template <class W, class D>
void linear_skip_forward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const Write y = node.values(layer.output, layer.units);
  const Factor<W> x{node.other.at, node.other.column, layer.features, node.w, layer.units};
  affine(node.columns, layer.use_bias ? node.w + layer.bias : nullptr, x, x.nothing(), layer.units, y.at, y.column);
  if (node.recording()) copy(y.row(0, 0), layer.units, node.values(layer.before, layer.units).row(0, 0));
  for (int c = 0; c < node.columns; ++c)
    for (int j = 0; j < layer.units; ++j) y.row(c, 0)[j] = node.input.row(c, 0)[j] + y.row(c, 0)[j];
}

template <class W, class D>
void linear_skip_backward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  add_outer(node.columns, 1, node.other, layer.features, node.doutput, layer.units, node.dw, layer.units, {});
  if (layer.use_bias) add_rows(node.columns, 1, node.doutput, layer.units, node.dw + layer.bias);
  if (node.recording())
    multiply_transposed(1, node.doutput.row(0, 0), node.doutput.column, layer.units, node.w, layer.units,
                        layer.features, node.dother.row(0, 0), node.dother.column, true);
}

}  // namespace
