// The plan of a network: where each node's weights, values and gradients lie. Made once per call from the caller's
// description, the same for every instruction set. Offsets and sizes count weights or Lanes, of one column.
#pragma once

#include <stdint.h>

#include "timeglass.h"

namespace timeglass {

constexpr int kMostLayers = 64;
constexpr int kMostArrays = 3 * kMostLayers;
constexpr int64_t kMostSize = int64_t{1} << 28;  // Lanes in one buffer: 16 GiB, more than a small network can mean
constexpr int kPanel = 4;                        // values of a row that products put next to each other
constexpr int kWindow = -1;                      // as a node's input: the window itself

struct Layer {
  int kind, input, other, units, activation, recurrent_activation;
  bool use_bias, return_sequences, go_backwards, reset_after;
  int mask, merge, skip_steps;
  bool drops_inputs, drops_states;
  float mask_value;

  bool recurrent;
  int gates;      // 1, 3 or 4 for a recurrent layer
  int features;   // F: what it gets at each step
  int steps;      // T: 1 for a layer that gets a vector
  bool sequence;  // whether it gives one

  int64_t weights, weight_count;  // wx (F, gates · H), then wh (H, gates · H) if recurrent, then the bias
  int64_t wh, bias;               // from `weights` on

  // Its values: where they begin, how many, and what lies where from there on.
  int64_t state, state_size;
  int64_t output, output_count;
  int64_t cells;                           // LSTM: c_0 … c_T
  int64_t gate_values;                     // GRU, LSTM: (T, gates · H), which backward overwrites with their gradients
  int64_t extra;                           // GRU: what the reset gate meets, (T, H). LSTM: f(c_t)
  int64_t before;                          // (T, gates · H) before the activations, where a derivative asks for them
  int64_t dropped_inputs, dropped_states;  // (T, F) and (T, H) as dropout leaves them, each after its factors
  int64_t mask_values;                     // TG_MASKING: (T), 1 where a step counts

  int64_t gradient;             // where the gradient of its output begins
  int64_t dh, dc, dz, dx;       // likewise, in the plan of a trace: what it records of its way back, -1: nothing
  bool adds_input, adds_other;  // whether the gradient of what it reads has been begun by a node above
};

struct WeightArray {
  int64_t offset, count;
  bool regularized;
};

struct Plan {
  int time_steps, features;
  int count;
  Layer layers[kMostLayers];
  int array_count;
  WeightArray arrays[kMostArrays];
  int64_t weights;    // P
  int64_t state;      // all nodes' values together
  int64_t gradients;  // all outputs' gradients together
  int64_t spare;      // room that one node's backward pass needs besides
  int64_t outputs;    // K
  int64_t work;       // multiply-adds of one window's forward pass: how long it takes, roughly
  bool drops;         // whether a layer has dropout

  bool traced;              // every node keeps what comes before its activations, and has room for its way back
  int64_t window_gradient;  // in that plan: where the gradient of the window begins
};

// Fills the plan; false where the description is not one that the kernel has.
bool make_plan(const tg_network *network, Plan *plan, bool traced = false);

// Whether each step of a network needs no more than the one before: layer after layer, none turned in time or masked.
bool goes_by_steps(const Plan &plan);

}  // namespace timeglass
