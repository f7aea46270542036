// One time step of one network, with a layer's units in the lanes: for forecasts that come one value at a time. Every
// unit's sum is added up in the same order as everywhere else, so the bits are the same.
//
// A stepper is a head, the layers, their packed weights and their states. Packed weights of a layer, in Lanes: for each
// input, then for each state, a row of gates × registers; then the rows of biases. A unit beyond the last has zeros.
#pragma once

#include "network.hpp"

namespace {

TG_INLINE int registers_of(const Layer &layer) { return (layer.units + kLanes - 1) / kLanes; }

TG_INLINE int64_t packed_rows(const Layer &layer) {
  return layer.features + (layer.recurrent ? layer.units : 0) + (layer.reset_after ? 2 : 1);
}

TG_INLINE int64_t packed_lanes(const Layer &layer) {
  return layer.weight_count == 0 ? 0 : packed_rows(layer) * layer.gates * registers_of(layer);
}

// h, c and room for the gates of every layer.
TG_INLINE int64_t state_lanes(const Layer &layer) { return (2 + layer.gates + 2) * registers_of(layer); }

struct Stepper {
  void (*step)(Stepper *stepper, const float *x, float *out);
  int64_t count;  // of layers
  Layer *layers;
  Lanes *packed, *state;

  static int64_t lay_out(const Plan &plan, char *memory, Stepper *made) {
    int64_t packed = 0, state = 0;
    for (int i = 0; i < plan.count; ++i) {
      packed += packed_lanes(plan.layers[i]);
      state += state_lanes(plan.layers[i]);
    }
    Cutter cutter{memory};
    Stepper *head = cutter.cut<Stepper>(1);
    Stepper laid{nullptr, plan.count, cutter.cut<Layer>(plan.count), cutter.cut<Lanes>(packed),
                 cutter.cut<Lanes>(state)};
    if (made) *made = laid;
    (void)head;
    return cutter.size;
  }
};

inline void pack(const Plan &plan, const float *weights, float *packed) {
  for (int i = 0; i < plan.count; ++i) {
    const Layer &layer = plan.layers[i];
    const float *w = weights + layer.weights;
    const int wide = registers_of(layer) * kLanes;
    const int64_t bias_rows = layer.reset_after ? 2 : 1, rows = packed_lanes(layer) ? packed_rows(layer) : 0;
    for (int64_t row = 0; row < rows; ++row)
      for (int g = 0; g < layer.gates; ++g)
        for (int j = 0; j < wide; ++j) {
          const bool has = j < layer.units && (row < rows - bias_rows || layer.use_bias);
          *packed++ = has ? w[(row * layer.gates + g) * layer.units + j] : 0.0f;
        }
  }
}

template <int N>
TG_INLINE void add_inputs_block(const float *a, int count, const Lanes *w, int64_t row, Lanes *z) {
  Lanes sum[N];
  for (int j = 0; j < N; ++j) sum[j] = z[j];
  for (int i = 0; i < count; ++i, w += row) {
    const Lanes value = lanes(a[i]);
    for (int j = 0; j < N; ++j) sum[j] = fma(value, w[j], sum[j]);
  }
  for (int j = 0; j < N; ++j) z[j] = sum[j];
}

// z (n) += a · w, with a (count) floats, rows of w `row` Lanes apart
TG_INLINE void add_inputs(const float *a, int count, const Lanes *w, int64_t row, int n, Lanes *z) {
  int j = 0;
  for (; j + 8 <= n; j += 8) add_inputs_block<8>(a, count, w + j, row, z + j);
  for (; j + 4 <= n; j += 4) add_inputs_block<4>(a, count, w + j, row, z + j);
  if (n - j == 3) return add_inputs_block<3>(a, count, w + j, row, z + j);
  if (n - j == 2) return add_inputs_block<2>(a, count, w + j, row, z + j);
  if (n - j == 1) return add_inputs_block<1>(a, count, w + j, row, z + j);
}

TG_INLINE const float *floats(const Lanes *a) { return reinterpret_cast<const float *>(a); }

inline void gru_step(const Layer &layer, const Lanes *w, const float *x, Lanes *h, Lanes *z, Lanes *rest) {
  const int r = registers_of(layer), row = 3 * r;
  const Lanes *wh = w + int64_t{layer.features} * row, *bias = wh + int64_t{layer.units} * row;
  Lanes *const reset = z + r, *const g = z + 2 * r;
  for (int j = 0; j < row; ++j) z[j] = bias[j];
  add_inputs(x, layer.features, w, row, row, z);
  if (layer.reset_after) {
    for (int j = 0; j < r; ++j) {
      rest[j] = g[j];
      g[j] = bias[row + 2 * r + j];
    }
    add_inputs(floats(h), layer.units, wh, row, row, z);
    for (int j = 0; j < 2 * r; ++j) z[j] = z[j] + bias[row + j];
    activate(layer.recurrent_activation, z, 2 * r, z);
    for (int j = 0; j < r; ++j) g[j] = fma(reset[j], g[j], rest[j]);
  } else {
    add_inputs(floats(h), layer.units, wh, row, 2 * r, z);
    activate(layer.recurrent_activation, z, 2 * r, z);
    for (int j = 0; j < r; ++j) rest[j] = reset[j] * h[j];
    add_inputs(floats(rest), layer.units, wh + 2 * r, row, r, g);
  }
  activate(layer.activation, g, r, g);
  for (int j = 0; j < r; ++j) h[j] = fma(z[j], h[j] - g[j], g[j]);
}

inline void lstm_step(const Layer &layer, const Lanes *w, const float *x, Lanes *h, Lanes *c, Lanes *z, Lanes *seen) {
  const int r = registers_of(layer), row = 4 * r;
  const Lanes *wh = w + int64_t{layer.features} * row, *bias = wh + int64_t{layer.units} * row;
  for (int j = 0; j < row; ++j) z[j] = bias[j];
  add_inputs(x, layer.features, w, row, row, z);
  add_inputs(floats(h), layer.units, wh, row, row, z);
  activate(layer.recurrent_activation, z, 2 * r, z);
  activate(layer.activation, z + 2 * r, r, z + 2 * r);
  activate(layer.recurrent_activation, z + 3 * r, r, z + 3 * r);
  for (int j = 0; j < r; ++j) c[j] = fma(z[r + j], c[j], z[j] * z[2 * r + j]);
  activate(layer.activation, c, r, seen);
  for (int j = 0; j < r; ++j) h[j] = z[3 * r + j] * seen[j];
}

inline void plain_step(const Layer &layer, const Lanes *w, const float *x, Lanes *h, Lanes *z) {
  const int r = registers_of(layer);
  const Lanes *wh = w + int64_t{layer.features} * r, *bias = wh + (layer.recurrent ? int64_t{layer.units} * r : 0);
  for (int j = 0; j < r; ++j) z[j] = bias[j];
  add_inputs(x, layer.features, w, r, r, z);
  if (layer.recurrent) add_inputs(floats(h), layer.units, wh, r, r, z);
  activate(layer.activation, z, r, h);
}

inline void step(Stepper *stepper, const float *x, float *out) {
  const Lanes *w = stepper->packed;
  Lanes *at = stepper->state;
  for (int64_t i = 0; i < stepper->count; ++i) {
    const Layer &layer = stepper->layers[i];
    if (layer.kind == TG_DROPOUT) continue;
    const int r = registers_of(layer);
    Lanes *h = at, *c = h + r, *z = c + r, *rest = z + layer.gates * r;
    switch (layer.kind) {
      case TG_GRU: gru_step(layer, w, x, h, z, rest); break;
      case TG_LSTM: lstm_step(layer, w, x, h, c, z, rest); break;
      default: plain_step(layer, w, x, h, z);
    }
    x = floats(h);
    w += packed_lanes(layer);
    at += state_lanes(layer);
  }
  memcpy(out, x, static_cast<size_t>(stepper->layers[stepper->count - 1].units) * sizeof(float));
}

inline int64_t stepper_bytes(const Plan &plan) { return Stepper::lay_out(plan, nullptr, nullptr); }

inline void make_stepper(const Plan &plan, const float *weights, void *memory) {
  memset(memory, 0, static_cast<size_t>(stepper_bytes(plan)));
  Stepper *stepper = static_cast<Stepper *>(memory);
  Stepper::lay_out(plan, static_cast<char *>(memory), stepper);
  stepper->step = step;
  memcpy(stepper->layers, plan.layers, static_cast<size_t>(plan.count) * sizeof(Layer));
  pack(plan, weights, reinterpret_cast<float *>(stepper->packed));
}

}  // namespace
