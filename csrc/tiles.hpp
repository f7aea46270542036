// Windows and weights on their way into lanes and out of them.
#pragma once

#include "network.hpp"

namespace {

// (networks, count) in memory <-> (count) Lanes. Lanes without a network hold zeros.
inline void to_lanes(const float *from, int networks, int64_t count, Lanes *to) {
  for (int64_t i = 0; i < count; ++i) {
    alignas(64) float row[kLanes] = {};
    for (int l = 0; l < networks; ++l) row[l] = from[l * count + i];
    to[i] = load(row);
  }
}

inline void from_lanes(const Lanes *from, int networks, int64_t count, float *to) {
  for (int64_t i = 0; i < count; ++i) {
    alignas(64) float row[kLanes];
    store(from[i], row);
    for (int l = 0; l < networks; ++l) to[l * count + i] = row[l];
  }
}

// The same row for all lanes.
inline void spread_row(const float *from, int64_t count, Lanes *to) {
  for (int64_t i = 0; i < count; ++i) to[i] = lanes(from[i]);
}

// What a window has: `size` numbers x (T, F), `targets` numbers y.
struct Sizes {
  int64_t x, y;
  Sizes(const Plan &plan, const tg_loss *loss)
      : x(int64_t{plan.time_steps} * plan.features), y(loss ? targets_of(*loss, plan.outputs) : plan.outputs) {}
};

// Network l's own windows, or those that all share.
inline const float *x_of(const tg_windows &windows, const Sizes &sizes, int64_t l) {
  return windows.x + (windows.own_x ? l * windows.count * sizes.x : 0);
}
inline const float *y_of(const tg_windows &windows, const Sizes &sizes, int64_t l) {
  return windows.y + (windows.own_y ? l * windows.count * sizes.y : 0);
}
inline float weight_of(const tg_windows &windows, int64_t l, int64_t n) {
  return windows.weight ? windows.weight[(windows.own_weight ? l * windows.count : 0) + n] : 1.0f;
}
inline int64_t count_of(const tg_windows &windows, int64_t l) {
  return windows.counts ? windows.counts[l] : windows.count;
}

inline double sum_in_order(Lanes a) {
  alignas(64) float row[kLanes];
  store(a, row);
  double sum = 0.0;
  for (int l = 0; l < kLanes; ++l) sum += static_cast<double>(row[l]);
  return sum;
}

// Columns of samples on their way through one network: up to sixteen windows in each, those of `order` (in turn where
// it is null) from `begin` on. Lanes past `end` repeat the last window and weigh nothing.
struct SampleColumns {
  const tg_windows &windows;
  const Sizes sizes;
  const float *x, *y;
  int64_t network;
  const int32_t *order;

  SampleColumns(const tg_windows &w, const Sizes &s, int64_t l, const int32_t *o)
      : windows(w), sizes(s), x(x_of(w, s, l)), y(w.y ? y_of(w, s, l) : nullptr), network(l), order(o) {}

  int64_t window(int64_t n) const { return order ? order[n] : n; }

  void fetch(int64_t begin, int64_t end, Lanes *to_x, Lanes *to_y) const {
    const float *row_x[kLanes], *row_y[kLanes];
    for (int l = 0; l < kLanes; ++l) {
      const int64_t n = window(begin + l < end ? begin + l : end - 1);
      row_x[l] = x + n * sizes.x;
      row_y[l] = to_y ? y + n * sizes.y : nullptr;
    }
    gather_rows(row_x, sizes.x, to_x);
    if (to_y) gather_rows(row_y, sizes.y, to_y);
  }

  // Each window's weight in a mean over `count` windows.
  Lanes shares(int64_t begin, int64_t end, float count) const {
    alignas(64) float row[kLanes];
    for (int l = 0; l < kLanes; ++l)
      row[l] = begin + l < end ? weight_of(windows, network, window(begin + l)) / count : 0.0f;
    return load(row);
  }
};

}  // namespace
