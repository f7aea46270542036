// The nodes without weights: masking, merging two directions, dropout.
#pragma once

#include "node.hpp"

namespace {

// A step all of whose features equal the mask value counts for nothing: its mask is 0, its values become 0.
template <class W, class D>
void masking_forward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const Lanes value = lanes(layer.mask_value), one = lanes(1.0f), zero = lanes(0.0f);
  const Write y = node.values(layer.output, layer.units), mask = node.values(layer.mask_values, 1);
  for (int c = 0; c < node.columns; ++c)
    for (int t = 0; t < layer.steps; ++t) {
      const Lanes *x = node.input.row(c, t);
      Lanes counts = zero;
      for (int i = 0; i < layer.units; ++i) counts = where_equal(x[i], value, counts, one);
      for (int i = 0; i < layer.units; ++i) y.row(c, t)[i] = choose(counts, x[i], zero);
      mask.row(c, t)[0] = counts;
    }
}

template <class W, class D>
void masking_backward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  if (!node.dinput.at) return;
  const Write mask = node.values(layer.mask_values, 1);
  for (int c = 0; c < node.columns; ++c)
    for (int t = 0; t < layer.steps; ++t)
      for (int i = 0; i < layer.units; ++i) {
        const Lanes d = choose(mask.row(c, t)[0], node.doutput.row(c, t)[i], lanes(0.0f));
        Lanes &dx = node.dinput.row(c, t)[i];
        dx = layer.adds_input ? dx + d : d;
      }
}

// node.other comes turned back in time. A pair of layers gives zeros at masked steps, as Keras's does.
template <class W, class D>
void merge_forward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const int first = layer.features, second = layer.units - first;
  const Write y = node.values(layer.output, layer.units);
  for (int c = 0; c < node.columns; ++c)
    for (int t = 0; t < layer.steps; ++t) {
      const Lanes *a = node.input.row(c, t), *b = node.other.row(c, t);
      Lanes *to = y.row(c, t);
      if (layer.merge == TG_CONCAT) {
        copy(a, first, to);
        copy(b, second, to + first);
      }
      for (int i = 0; layer.merge != TG_CONCAT && i < first; ++i)
        to[i] = layer.merge == TG_MUL ? a[i] * b[i] : layer.merge == TG_SUM ? a[i] + b[i] : (a[i] + b[i]) * lanes(0.5f);
      if (node.mask.at)
        for (int i = 0; i < layer.units; ++i) to[i] = choose(node.mask.row(c, t)[0], to[i], lanes(0.0f));
    }
}

TG_INLINE void give(Lanes d, bool add, Lanes *to) { *to = add ? *to + d : d; }

template <class W, class D>
void merge_backward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const int first = layer.features, second = layer.merge == TG_CONCAT ? layer.units - first : first;
  const int shift = layer.merge == TG_CONCAT ? first : 0;
  for (int c = 0; c < node.columns; ++c)
    for (int t = 0; t < layer.steps; ++t) {
      const Lanes *d = node.doutput.row(c, t), *a = node.input.row(c, t), *b = node.other.row(c, t);
      Lanes *da = node.dinput.row(c, t), *db = node.dother.row(c, t);
      Lanes share = lanes(layer.merge == TG_AVE ? 0.5f : 1.0f);
      if (node.mask.at) share = choose(node.mask.row(c, t)[0], share, lanes(0.0f));
      for (int i = 0; i < first; ++i)
        give(layer.merge == TG_MUL ? d[i] * b[i] * share : d[i] * share, layer.adds_input, da + i);
      for (int i = 0; i < second; ++i)
        give(layer.merge == TG_MUL ? d[i] * a[i] * share : d[shift + i] * share, layer.adds_other, db + i);
    }
}

template <class W, class D>
void dropout_forward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  const int64_t all = int64_t{layer.steps} * layer.units;
  for (int c = 0; c < node.columns; ++c) {
    const Lanes *x = node.input.row(c, 0);  // the rows of a column lie side by side
    Lanes *values = node.state + c * node.state_column;
    if (node.dropping && layer.drops_inputs) {
      multiply(x, values + layer.dropped_inputs, all, values + layer.output);
    } else {
      copy(x, all, values + layer.output);
    }
  }
}

template <class W, class D>
void dropout_backward(const Node<W, D> &node) {
  const Layer &layer = node.layer;
  if (!node.dinput.at) return;
  const int64_t all = int64_t{layer.steps} * layer.units;
  for (int c = 0; c < node.columns; ++c) {
    const Lanes *d = node.doutput.row(c, 0), *factor = node.state + c * node.state_column + layer.dropped_inputs;
    const bool drops = node.dropping && layer.drops_inputs;
    for (int64_t i = 0; i < all; ++i)
      give(drops ? d[i] * factor[i] : d[i], layer.adds_input, node.dinput.row(c, 0) + i);
  }
}

// The linear skip passes its gradient on as it is.
template <class W, class D>
void pass_gradient(const Node<W, D> &node) {
  if (!node.dinput.at) return;
  for (int c = 0; c < node.columns; ++c)
    for (int64_t i = 0; i < node.layer.output_count; ++i)
      give(node.doutput.row(c, 0)[i], node.layer.adds_input, node.dinput.row(c, 0) + i);
}

}  // namespace
