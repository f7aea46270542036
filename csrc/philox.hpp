// Philox 4x32-10: a random number is a function of what it is for, so no lane, thread or slice can change it.
// J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <stdint.h>

namespace {

// Dropout's purposes follow: kDropout + 2 · node + (0: inputs, 1: states).
enum class Purpose : uint32_t { kInitialWeights = 0, kShuffle = 1, kDropout = 2 };

constexpr int kBlocks = 16;  // counters worked on together, so that the compiler can put one in each lane

// word[i][b]: before the rounds word i of counter b, afterwards its i-th random word. A counter is (block, network,
// epoch, purpose), the key the seed.
struct RandomBlocks {
  uint32_t word[4][kBlocks];
};

inline void philox_rounds(uint64_t seed, RandomBlocks *random) {
  uint32_t *c0 = random->word[0], *c1 = random->word[1], *c2 = random->word[2], *c3 = random->word[3];
  uint32_t key_0 = static_cast<uint32_t>(seed), key_1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int b = 0; b < kBlocks; ++b) {
      const uint64_t product_0 = 0xD2511F53ull * c0[b];
      const uint64_t product_1 = 0xCD9E8D57ull * c2[b];
      c0[b] = static_cast<uint32_t>(product_1 >> 32) ^ c1[b] ^ key_0;
      c2[b] = static_cast<uint32_t>(product_0 >> 32) ^ c3[b] ^ key_1;
      c1[b] = static_cast<uint32_t>(product_1);
      c3[b] = static_cast<uint32_t>(product_0);
    }
    key_0 += 0x9E3779B9u;
    key_1 += 0xBB67AE85u;
  }
}

// Sixteen blocks of one network from first_block on.
inline void philox(uint32_t first_block, uint32_t network, uint32_t epoch, uint32_t purpose, uint64_t seed,
                   RandomBlocks *random) {
  for (int b = 0; b < kBlocks; ++b) {
    random->word[0][b] = first_block + static_cast<uint32_t>(b);
    random->word[1][b] = network;
    random->word[2][b] = epoch;
    random->word[3][b] = purpose;
  }
  philox_rounds(seed, random);
}

// order = the windows 0 … count-1 in the order in which `network` meets them in `epoch` (Fisher–Yates; the choice
// among n is (u · n) >> 32, so its bias is below n / 2^32).
inline void shuffled_order(int32_t *order, int64_t count, uint64_t seed, uint32_t network, uint32_t epoch) {
  for (int64_t i = 0; i < count; ++i) order[i] = static_cast<int32_t>(i);
  RandomBlocks random;
  for (int64_t draw = 0; draw < count - 1; ++draw) {
    const int64_t block = draw / 4 % kBlocks;
    if (draw % (4 * kBlocks) == 0)
      philox(static_cast<uint32_t>(draw / 4), network, epoch, static_cast<uint32_t>(Purpose::kShuffle), seed, &random);
    const uint64_t left = static_cast<uint64_t>(count - draw);
    const int64_t chosen = static_cast<int64_t>((random.word[draw % 4][block] * left) >> 32);
    const int32_t held = order[left - 1];
    order[left - 1] = order[chosen];
    order[chosen] = held;
  }
}

}  // namespace
