// Philox 4x32-10: a random number is a function of what it is for, so no lane, thread or slice can change it.
// J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <stdint.h>

namespace {

enum class Purpose : uint32_t { kInitialWeights = 0, kShuffle = 1 };

struct Philox {
  uint32_t word[4];
};

inline Philox philox(Philox counter, uint32_t key_0, uint32_t key_1) {
  uint32_t *c = counter.word;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product_0 = 0xD2511F53ull * c[0];
    const uint64_t product_1 = 0xCD9E8D57ull * c[2];
    const uint32_t next_0 = static_cast<uint32_t>(product_1 >> 32) ^ c[1] ^ key_0;
    const uint32_t next_2 = static_cast<uint32_t>(product_0 >> 32) ^ c[3] ^ key_1;
    c[1] = static_cast<uint32_t>(product_1);
    c[3] = static_cast<uint32_t>(product_0);
    c[0] = next_0;
    c[2] = next_2;
    key_0 += 0x9E3779B9u;
    key_1 += 0xBB67AE85u;
  }
  return counter;
}

// order = the windows 0 … count-1 in the order in which `network` meets them in `epoch` (Fisher–Yates; the choice
// among n is (u · n) >> 32, so its bias is below n / 2^32).
inline void shuffled_order(int32_t *order, int64_t count, uint64_t seed, uint32_t network, uint32_t epoch) {
  for (int64_t i = 0; i < count; ++i) order[i] = static_cast<int32_t>(i);
  const uint32_t key_0 = static_cast<uint32_t>(seed), key_1 = static_cast<uint32_t>(seed >> 32);
  Philox random{};
  for (int64_t draw = 0; draw < count - 1; ++draw) {
    if (draw % 4 == 0) {
      const Philox counter{{static_cast<uint32_t>(draw / 4), network, epoch, static_cast<uint32_t>(Purpose::kShuffle)}};
      random = philox(counter, key_0, key_1);
    }
    const int64_t last = count - 1 - draw;
    const int64_t chosen = static_cast<int64_t>((static_cast<uint64_t>(random.word[draw % 4]) * (last + 1)) >> 32);
    const int32_t held = order[last];
    order[last] = order[chosen];
    order[chosen] = held;
  }
}

}  // namespace
