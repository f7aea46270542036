// The loop over time, forward and backward: the one place where a cell's steps are put in a row. The fast copy of
// cells/through_time.py.
//
// A Cell has step(t), which makes h_{t+1} of all columns from row t of its past, step_backward(t), which turns dh into
// dz and makes `dpast` from it, and add_gradients(). A trace records what reaches h_t, and c_t by record_others(t).
#pragma once

#include "node.hpp"

namespace {

// The rows that every recurrent cell has. Row t of `past` is h_t, or what dropout leaves of it.
template <class W, class D>
struct Recurrent {
  const Node<W, D> &node;
  const Layer &layer;
  const int units, columns;
  const W *wx, *wh, *bias;
  D *dwx, *dwh, *dbias;
  Write h, x_left, h_left;  // (T + 1, H); what dropout leaves: (T, F), (T, H)
  Read x, past;
  Write dz, own_dh, dh, dpast, dx_left, panel;

  explicit Recurrent(const Node<W, D> &n)
      : node(n),
        layer(n.layer),
        units(n.layer.units),
        columns(n.columns),
        wx(n.w),
        wh(wx + layer.wh),
        bias(layer.use_bias ? wx + layer.bias : nullptr),
        dwx(n.dw),
        dwh(dwx + layer.wh),
        dbias(dwx + layer.bias),
        h(n.values(0, units)),
        x_left(n.values(layer.dropped_inputs + layer.features, layer.features)),
        h_left(n.values(layer.dropped_states + units, units)),
        x(drops_inputs() ? read(x_left) : n.input),
        past(drops_states() ? read(h_left) : read(h)) {
    const int64_t all = layer.gates > 1 ? 0 : int64_t{layer.steps} * units;
    dz = layer.gates > 1 ? n.values(layer.gate_values, layer.gates * units) : n.room(0, units);
    own_dh = n.room(all, units);
    dpast = n.room(all + units, units);
    dx_left = n.room(all + 8 * units, layer.features);
    panel = n.room(all + 8 * units + int64_t{layer.steps} * layer.features, kPanel);
  }

  // Row t of what a trace keeps of a gradient by the state: nothing where the step does not count. One column.
  void record(const Write &gradient, int64_t place, int t) const {
    const Lanes *d = gradient.row(0, 0);
    Lanes *to = node.traced + place + int64_t{t} * units;
    for (int j = 0; j < units; ++j) to[j] = node.mask.at ? choose(node.mask.row(0, t)[0], d[j], lanes(0.0f)) : d[j];
  }

  TG_INLINE bool drops_inputs() const { return node.dropping && layer.drops_inputs; }
  TG_INLINE bool drops_states() const { return node.dropping && layer.drops_states; }
  TG_INLINE const Lanes *input_factors(int c) const {
    return node.state + c * node.state_column + layer.dropped_inputs;
  }
  TG_INLINE const Lanes *state_factors(int c) const {
    return node.state + c * node.state_column + layer.dropped_states;
  }
};

// state (T + 1, H): a masked step leaves it as it was.
template <class W, class D>
void hold(const Node<W, D> &node, const Write &state, int units, int t) {
  for (int c = 0; c < node.columns; ++c) {
    const Lanes counts = node.mask.row(c, t)[0];
    const Lanes *past = state.row(c, t);
    Lanes *now = state.row(c, t + 1);
    for (int j = 0; j < units; ++j) now[j] = choose(counts, now[j], past[j]);
  }
}

template <class Cell, class W, class D>
void recurrent_forward(const Node<W, D> &node) {
  Cell cell(node);
  for (int c = 0; c < node.columns; ++c) {
    clear(cell.h.row(c, 0), cell.units);
    cell.begin(c);
    if (cell.drops_inputs())
      for (int t = 0; t < node.layer.steps; ++t)
        multiply(node.input.row(c, t), cell.input_factors(c), node.layer.features, cell.x_left.row(c, t));
  }
  for (int t = 0; t < node.layer.steps; ++t) {
    if (cell.drops_states())
      for (int c = 0; c < node.columns; ++c)
        multiply(cell.h.row(c, t), cell.state_factors(c), cell.units, cell.h_left.row(c, t));
    cell.step(t);
    if (node.mask.at) {
      hold(node, cell.h, cell.units, t);
      cell.hold_others(t);
    }
  }
}

// dh_t = what the output asks of it + what comes back from step t + 1, which stands in `dpast`. Where nothing is asked,
// the one is the other: a cell has read dh by the time it writes dpast, but under a mask dh is asked for once more.
template <class Cell, class W, class D>
TG_INLINE void ask(const Node<W, D> &node, Cell &cell, int t) {
  const bool last = t + 1 == node.layer.steps, every = node.layer.return_sequences;
  cell.dh = last || every || node.mask.at ? cell.own_dh : cell.dpast;
  for (int c = 0; c < node.columns; ++c) {
    Lanes *dh = cell.dh.row(c, 0);
    const Lanes *carried = cell.dpast.row(c, 0), *asked = node.doutput.row(c, every ? t : 0);
    if (every && !last) {
      for (int j = 0; j < cell.units; ++j) dh[j] = carried[j] + asked[j];
    } else if (last || node.mask.at) {
      copy(last ? asked : carried, cell.units, dh);
    }
  }
}

// A masked step passes its gradient on to the step before.
template <class Cell, class W, class D>
void pass_on(const Node<W, D> &node, Cell &cell, int t) {
  for (int c = 0; c < node.columns; ++c) {
    const Lanes counts = node.mask.row(c, t)[0];
    const Lanes *dh = cell.dh.row(c, 0);
    Lanes *dpast = cell.dpast.row(c, 0);
    for (int j = 0; j < cell.units; ++j) dpast[j] = choose(counts, dpast[j], dh[j]);
  }
}

// dx = dz · wxᵀ at every step, through the factors of dropout where there are any.
template <class Cell, class W, class D>
void give_back(const Node<W, D> &node, Cell &cell) {
  const int n = node.layer.gates * cell.units, features = node.layer.features;
  for (int c = 0; c < node.columns; ++c) {
    const int steps = node.layer.steps;
    if (!cell.drops_inputs()) {
      // The rows of a column are as good as columns.
      multiply_transposed(steps, cell.dz.row(c, 0), cell.dz.step, n, cell.wx, n, features, node.dinput.row(c, 0),
                          node.dinput.step, node.layer.adds_input);
      continue;
    }
    multiply_transposed(steps, cell.dz.row(c, 0), cell.dz.step, n, cell.wx, n, features, cell.dx_left.row(c, 0),
                        cell.dx_left.step, false);
    for (int t = 0; t < steps; ++t) {
      const Lanes *left = cell.dx_left.row(c, t), *factor = cell.input_factors(c);
      Lanes *dx = node.dinput.row(c, t);
      for (int i = 0; i < features; ++i)
        dx[i] = node.layer.adds_input ? fma(left[i], factor[i], dx[i]) : left[i] * factor[i];
    }
  }
}

template <class Cell, class W, class D>
void recurrent_backward(const Node<W, D> &node) {
  Cell cell(node);
  for (int c = 0; c < node.columns; ++c) cell.begin_backward(c);
  for (int t = node.layer.steps - 1; t >= 0; --t) {
    ask(node, cell, t);
    if (node.recording()) {
      cell.record(cell.dh, node.layer.dh, t);
      cell.record_others(t);
    }
    cell.step_backward(t);
    if (cell.drops_states())
      for (int c = 0; c < node.columns; ++c)
        multiply(cell.dpast.row(c, 0), cell.state_factors(c), cell.units, cell.dpast.row(c, 0));
    cell.add_direct(t);
    if (node.mask.at) pass_on(node, cell, t);
  }
  cell.add_gradients();
  if (node.recording())
    copy(cell.dz.row(0, 0), int64_t{node.layer.steps} * node.layer.gates * cell.units, node.traced + node.layer.dz);
  if (node.dinput.at) give_back(node, cell);
}

}  // namespace
