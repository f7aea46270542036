// The factors of dropout, 0 or 1 / (1 - rate): a function of the seed, the network, the epoch, the window's place in
// it, the layer and the element. The fast copy of network/dropout.py.
#pragma once

#include "lanes.hpp"
#include "philox.hpp"
#include "plan.hpp"

namespace {

// Which windows the lanes of a column hold.
struct Places {
  uint64_t seed;
  uint32_t epoch;
  uint32_t network[kLanes];
  uint32_t place[kLanes];       // of each lane's window in the order of the epoch
  const double *rates[kLanes];  // of each lane's network: (nodes, 2)
};

// factors (count) of node `node`; kind 0: inputs, 1: states
inline void dropout_factors(const Places &places, int node, int kind, int64_t count, Lanes *factors) {
  uint32_t least[kLanes];
  float scale[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    const double rate = places.rates[l][2 * node + kind];
    least[l] = static_cast<uint32_t>(rate * 4294967296.0);
    scale[l] = static_cast<float>(1.0 / (1.0 - rate));
  }
  const uint32_t blocks = static_cast<uint32_t>((count + 3) / 4);
  const uint32_t purpose =
      static_cast<uint32_t>(Purpose::kDropout) + 2u * static_cast<uint32_t>(node) + static_cast<uint32_t>(kind);
  for (uint32_t block = 0; block < blocks; ++block) {
    alignas(64) float rows[4][kLanes];
    for (int first = 0; first < kLanes; first += kBlocks) {
      RandomBlocks random;
      for (int l = 0; l < kBlocks; ++l) {
        const int lane = first + l < kLanes ? first + l : 0;
        random.word[0][l] = places.place[lane] * blocks + block;
        random.word[1][l] = places.network[lane];
        random.word[2][l] = places.epoch;
        random.word[3][l] = purpose;
      }
      philox_rounds(places.seed, &random);
      for (int k = 0; k < 4; ++k)
        for (int l = first; l < kLanes && l < first + kBlocks; ++l)
          rows[k][l] = random.word[k][l - first] >= least[l] ? scale[l] : 0.0f;
    }
    for (int k = 0; k < 4 && 4 * int64_t{block} + k < count; ++k) factors[4 * int64_t{block} + k] = load(rows[k]);
  }
}

}  // namespace
