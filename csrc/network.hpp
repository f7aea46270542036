// A whole network on a tile: forward and backward over its nodes, the fast copy of network/chain.py.
#pragma once

#include <new>

#include "dense.hpp"
#include "dropout.hpp"
#include "gru.hpp"
#include "losses.hpp"
#include "lstm.hpp"
#include "simple_rnn.hpp"
#include "small.hpp"
#include "weightless.hpp"

namespace {

using timeglass::kWindow;
using timeglass::Plan;

// Windows of a tile: fewer where their values would not stay in the nearer caches. A function of the network alone.
inline int columns_of(const Plan &plan, int most) {
  const int64_t values = plan.state + plan.gradients + plan.spare;
  const int fit = values <= 32768 ? 4 : values <= 131072 ? 2 : 1;
  return most < fit ? most : fit;
}

// Buffers are cut from one block of memory; a first pass without memory counts.
struct Cutter {
  char *base;
  int64_t size = 0;

  template <class T>
  T *cut(int64_t count) {
    T *from = base ? reinterpret_cast<T *>(base + size) : nullptr;
    size += (count * static_cast<int64_t>(sizeof(T)) + 63) / 64 * 64;
    return from;
  }
};

// Room for the values and gradients of a tile, and for what each node is given of it.
struct TileRoom {
  int columns;
  Lanes *state, *gradients, *spare;
  void *nodes;

  TileRoom(const Plan &plan, int most, Cutter &cutter) : columns(columns_of(plan, most)) {
    state = cutter.cut<Lanes>(columns * plan.state);
    gradients = cutter.cut<Lanes>(columns * plan.gradients);
    spare = cutter.cut<Lanes>(columns * plan.spare);
    nodes = cutter.cut<Node<Lanes, Lanes>>(plan.count);
  }
};

// Layers of a few units take the way on which their size is known, but for Jacobians, which are rare.
template <class W, class D>
constexpr bool kHasSmall = true;
template <>
constexpr bool kHasSmall<float, Lanes> = false;

#define TG_SMALL_OR_ANY(name, by_units, small, any) \
  template <class W, class D>                       \
  void name(const Node<W, D> &n) {                  \
    if constexpr (kHasSmall<W, D>) {                \
      if (is_small(n.layer)) {                      \
        by_units(small, n.layer.units, n) return;   \
      }                                             \
    }                                               \
    any(n);                                         \
  }
#define TG_ANY_RNN_FORWARD recurrent_forward<SimpleRnn<W, D>>
#define TG_ANY_RNN_BACKWARD recurrent_backward<SimpleRnn<W, D>>
TG_SMALL_OR_ANY(simple_rnn_any_forward, TG_BY_UNITS, small_rnn_forward, TG_ANY_RNN_FORWARD)
TG_SMALL_OR_ANY(simple_rnn_any_backward, TG_BY_UNITS, small_rnn_backward, TG_ANY_RNN_BACKWARD)
TG_SMALL_OR_ANY(dense_any_forward, TG_BY_FEW_UNITS, small_dense_forward, dense_forward)
TG_SMALL_OR_ANY(dense_any_backward, TG_BY_FEW_UNITS, small_dense_backward, dense_backward)

template <class W, class D>
struct Pass {
  const Plan &plan;
  const TileRoom &room;
  Node<W, D> *nodes;

  Pass(const Plan &p, const W *weights, D *gradients, const TileRoom &r)
      : plan(p), room(r), nodes(static_cast<Node<W, D> *>(r.nodes)) {
    static_assert(sizeof(Node<W, D>) == sizeof(Node<Lanes, Lanes>), "the room is made for any");
    for (int i = 0; i < plan.count; ++i) new (nodes + i) Node<W, D>(made(i, weights, gradients));
  }

  Lanes *state(int node) const { return room.state + room.columns * plan.layers[node].state; }

  Read given(int node) const {
    if (node == kWindow) return {nullptr, 0, 0};
    const Layer &layer = plan.layers[node];
    return {state(node) + layer.output, layer.state_size, layer.units};
  }

  Write gradient(int node) const {
    if (node == kWindow) return {nullptr, 0, 0};
    const Layer &layer = plan.layers[node];
    return {room.gradients + room.columns * layer.gradient, layer.output_count, layer.units};
  }

  Node<W, D> made(int i, const W *weights, D *gradients) const {
    const Layer &layer = plan.layers[i];
    Node<W, D> n{layer,
                 1,
                 weights + layer.weights,
                 gradients ? gradients + layer.weights : nullptr,
                 state(i),
                 layer.state_size,
                 given(layer.input),
                 {nullptr, 0, 0},
                 {nullptr, 0, 0},
                 read(gradient(i)),
                 gradient(layer.input),
                 {nullptr, 0, 0},
                 room.spare,
                 plan.spare,
                 false,
                 plan.traced ? room.gradients : nullptr};
    if (layer.kind == TG_MERGE) {
      n.other = given(layer.other).turned(layer.steps);
      n.dother = gradient(layer.other).turned(layer.steps);
    }
    if (n.recording()) give_own_room(i, &n);
    if (layer.mask != kWindow)
      n.mask = {state(layer.mask) + plan.layers[layer.mask].mask_values, plan.layers[layer.mask].state_size, 1};
    if (layer.go_backwards && n.mask.at) n.mask = n.mask.turned(layer.steps);
    if (layer.go_backwards && layer.recurrent) {
      n.input = n.input.turned(layer.steps);
      if (n.dinput.at) n.dinput = n.dinput.turned(layer.steps);
    }
    return n;
  }

  // In a trace each node's dx stands by itself, until it is added to the gradient of what the node reads.
  void give_own_room(int i, Node<W, D> *n) const {
    const Layer &layer = plan.layers[i];
    if (layer.kind != TG_MERGE) n->dinput = {n->traced + layer.dx, 0, layer.features};
    if (layer.kind == TG_LINEAR_SKIP) {
      n->dinput.step = layer.units;
      n->dother = {window_gradient() + (plan.time_steps - layer.skip_steps) * plan.features, 0, 0};
    }
  }
  Lanes *window_gradient() const { return room.gradients + plan.window_gradient; }

  void add_to_source(const Node<W, D> &n) const {
    const Layer &layer = n.layer;
    if (layer.kind == TG_MERGE) return;
    Lanes *to = layer.input == kWindow ? window_gradient() : gradient(layer.input).at;
    const Lanes *dx = n.traced + layer.dx;
    const int64_t count = layer.kind == TG_LINEAR_SKIP ? layer.units : int64_t{layer.steps} * layer.features;
    for (int64_t k = 0; k < count; ++k) to[k] = to[k] + dx[k];
  }

  // The window x: rows (c, t).
  void point_to(int columns, const Read &x, bool dropping) const {
    for (int i = 0; i < plan.count; ++i) {
      const Layer &layer = plan.layers[i];
      Node<W, D> &n = nodes[i];
      n.columns = columns;
      n.dropping = dropping;
      if (layer.input == kWindow) n.input = layer.go_backwards ? x.turned(layer.steps) : x;
      if (layer.kind == TG_LINEAR_SKIP)
        n.other = {x.at + (plan.time_steps - layer.skip_steps) * plan.features, x.column, 0};
    }
  }

  void forward(int columns, const Read &x, bool dropping = false) const {
    point_to(columns, x, dropping);
    for (int i = 0; i < plan.count; ++i) {
      const Node<W, D> &n = nodes[i];
      switch (n.layer.kind) {
        case TG_SIMPLE_RNN: simple_rnn_any_forward(n); break;
        case TG_GRU: recurrent_forward<Gru<W, D>>(n); break;
        case TG_LSTM: recurrent_forward<Lstm<W, D>>(n); break;
        case TG_DENSE: dense_any_forward(n); break;
        case TG_DROPOUT: dropout_forward(n); break;
        case TG_MASKING: masking_forward(n); break;
        case TG_MERGE: merge_forward(n); break;
        default: linear_skip_forward(n);
      }
    }
  }

  // After `forward`, given the gradient of the network's output: adds the gradients of all weights.
  void backward() const {
    for (int i = plan.count - 1; i >= 0; --i) {
      const Node<W, D> &n = nodes[i];
      switch (n.layer.kind) {
        case TG_SIMPLE_RNN: simple_rnn_any_backward(n); break;
        case TG_GRU: recurrent_backward<Gru<W, D>>(n); break;
        case TG_LSTM: recurrent_backward<Lstm<W, D>>(n); break;
        case TG_DENSE: dense_any_backward(n); break;
        case TG_DROPOUT: dropout_backward(n); break;
        case TG_MASKING: masking_backward(n); break;
        case TG_MERGE: merge_backward(n); break;
        default: linear_skip_backward(n); pass_gradient(n);
      }
      if (n.recording()) add_to_source(n);
    }
  }

  const Lanes *output(int column) const {
    const Layer &last = plan.layers[plan.count - 1];
    return state(plan.count - 1) + column * last.state_size + last.output;
  }
  Lanes *doutput(int column) const { return gradient(plan.count - 1).row(column, 0); }

  // The loss of the window in a column, and the gradient of its output times `scale`.
  Lanes loss(const tg_loss &of, int column, const Lanes *y, Lanes scale) const {
    const Layer &last = plan.layers[plan.count - 1];
    return loss_of_window(of, output(column), y, last.sequence ? plan.time_steps : 1, last.units, scale,
                          doutput(column));
  }

  // The factors of dropout of the windows in a column, for every node that drops.
  void drop(int column, const Places &places) const {
    for (int i = 0; i < plan.count; ++i) {
      const Layer &layer = plan.layers[i];
      Lanes *values = state(i) + column * layer.state_size;
      if (layer.drops_inputs)
        dropout_factors(places, i, 0, layer.recurrent ? layer.features : int64_t{layer.steps} * layer.features,
                        values + layer.dropped_inputs);
      if (layer.drops_states) dropout_factors(places, i, 1, layer.units, values + layer.dropped_states);
    }
  }
};

}  // namespace
