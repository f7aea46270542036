// What one node of the network is given for a tile: `columns` windows of each network, or that many times sixteen
// windows of one network.
#pragma once

#include "activations.hpp"
#include "linear.hpp"
#include "plan.hpp"

namespace {

using timeglass::kPanel;
using timeglass::Layer;

// Windows of a tile at most. The bits of a gradient depend on it, so it is the same for every instruction set.
constexpr int kColumns = 4;

// Whether a trace can be asked for: where each lane has a window of one network, and a gradient of its own.
template <class W, class D>
constexpr bool kRecords = false;
template <>
constexpr bool kRecords<float, Lanes> = true;

// W: a weight; D: a gradient.
template <class W, class D>
struct Node {
  const Layer &layer;
  int columns;
  const W *w;
  D *dw;
  Lanes *state;  // its values, `state_column` apart for each column
  int64_t state_column;
  Read input, other;     // rows (c, t) in the order in which it reads them
  Read mask;             // likewise, 1 where a step counts; null where all do
  Read doutput;          // the gradient of its output: rows (c, t), or (c, 0) of a vector
  Write dinput, dother;  // where the gradients of what it reads go; null where nobody asks
  Lanes *spare;          // room of its own for the way back, `spare_column` apart
  int64_t spare_column;
  bool dropping;  // dropout is on, and its factors stand in the state
  Lanes *traced;  // where a trace records the way back; null: there is none

  // Whether to keep what nothing else asks for. Known to be false where a trace cannot be asked for, which so costs
  // training and forecasts nothing.
  TG_INLINE bool recording() const {
    if constexpr (kRecords<W, D>) return traced != nullptr;
    return false;
  }

  // Rows of `count` values, from `offset` in its values on.
  TG_INLINE Write values(int64_t offset, int count) const { return {state + offset, state_column, count}; }
  TG_INLINE Write room(int64_t offset, int count) const { return {spare + offset, spare_column, count}; }
};

TG_INLINE Read read(const Write &rows) { return {rows.at, rows.column, rows.step}; }

TG_INLINE void copy(const Lanes *from, int64_t count, Lanes *to) {
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}

template <class T>
TG_INLINE void clear(T *a, int64_t count) {
  for (int64_t i = 0; i < count; ++i) a[i] = T{};
}

TG_INLINE void multiply(const Lanes *a, const Lanes *b, int64_t count, Lanes *product) {
  for (int64_t i = 0; i < count; ++i) product[i] = a[i] * b[i];
}

}  // namespace
