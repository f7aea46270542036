// The plan of a network: where each layer's weights, states and gradients lie. Made once per call from the
// caller's description, the same for every instruction set. Offsets and sizes count Lanes.
#pragma once

#include <stdint.h>

#include "timeglass.h"

namespace timeglass {

constexpr int kMostLayers = 64;
constexpr int64_t kMostSize = int64_t{1} << 28;  // Lanes in one buffer: 16 GiB, more than a small network can mean

struct Layer {
  int kind;
  int units;  // H
  int activation;
  bool use_bias;
  bool return_sequences;
  int features;     // F: what the layer gets at each step
  int steps;        // T: 1 for a layer that gets a vector
  int64_t weights;  // where its weights begin: wx (F, H), then wh (H, H) if recurrent, then the bias (H)
  int64_t weight_count;
  int64_t state;   // where its values begin; a recurrent layer holds h_0 … h_T, a dense one its outputs
  int64_t output;  // where in the state its output begins
  int64_t output_count;
};

struct Plan {
  int time_steps;
  int features;
  int count;
  Layer layers[kMostLayers];
  int64_t weights;  // P
  int64_t state;    // all layers' values together
  int64_t widest;   // the largest state of a layer: room for its gradients
  int64_t outputs;  // K
  int64_t work;     // multiply-adds of one window's forward pass: how long it takes, roughly
};

// Fills the plan; false where the description is not one that the kernel has.
bool make_plan(const tg_network *network, Plan *plan);

}  // namespace timeglass
