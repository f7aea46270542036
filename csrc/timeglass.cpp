// The plain C interface: checks what the caller gave, finds room and hands over to the kernel of the instruction set
// asked for. Built for the baseline processor.
#include "timeglass.h"

#include <stdlib.h>

#include <chrono>
#include <cmath>

#include "kernel.hpp"
#include "philox.hpp"

namespace {

using timeglass::Kernel;
using timeglass::Plan;

uint32_t supported() {
#if defined(__x86_64__) || defined(__i386__)
  uint32_t sets = 1u << TG_BASELINE;
  __builtin_cpu_init();
#if defined(TG_HAVE_AVX2)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) sets |= 1u << TG_AVX2;
#endif
#if defined(TG_HAVE_AVX512)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    sets |= 1u << TG_AVX512;
#endif
  return sets;
#elif defined(TG_HAVE_NEON)
  return 1u << TG_NEON;
#else
  return 1u << TG_BASELINE;
#endif
}

// The table for that many networks of one group. AVX-512 has no narrow kernel of its own: eight floats fill one of
// AVX2's registers, and the bits are the same.
const Kernel *kernel_of(int32_t instruction_set, int64_t networks) {
  if (instruction_set < 0 || instruction_set >= TG_INSTRUCTION_SETS) return nullptr;
  if (!(supported() & (1u << instruction_set))) return nullptr;
  const bool narrow = networks <= timeglass::kNarrowLanes;
  switch (instruction_set) {
#if defined(TG_HAVE_AVX2)
    case TG_AVX2: return narrow ? &timeglass::kAvx2NarrowKernel : &timeglass::kAvx2Kernel;
#endif
#if defined(TG_HAVE_AVX512)
    case TG_AVX512: return narrow ? &timeglass::kAvx2NarrowKernel : &timeglass::kAvx512Kernel;
#endif
#if defined(TG_HAVE_NEON)
    case TG_NEON: return narrow ? &timeglass::kNeonNarrowKernel : &timeglass::kNeonKernel;
#else
    case TG_BASELINE: return narrow ? &timeglass::kBaselineNarrowKernel : &timeglass::kBaselineKernel;
#endif
    default: return nullptr;
  }
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Memory for one call, aligned to a cache line; the owner frees it.
struct Memory {
  void *start = nullptr;
  explicit Memory(int64_t bytes) {
    const size_t whole = (static_cast<size_t>(bytes) + 63) / 64 * 64;
    start = aligned_alloc(64, whole ? whole : 64);
  }
  ~Memory() { free(start); }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
};

struct Call {
  const Kernel *kernel = nullptr;
  Plan plan;
  int32_t result = TG_OK;

  Call(int32_t instruction_set, const tg_network *network, const tg_windows *windows, int64_t networks, bool targets) {
    kernel = kernel_of(instruction_set, networks);
    if (!kernel) {
      result = TG_BAD_INSTRUCTION_SET;
    } else if (!timeglass::make_plan(network, &plan)) {
      result = TG_BAD_NETWORK;
    } else if (!windows || windows->count < 1 || windows->count > INT32_MAX || !windows->x ||
               (targets && !windows->y)) {
      result = TG_BAD_SIZE;
    }
  }
};

bool is_rate(double a) { return std::isfinite(a) && a >= 0; }

bool is_sound(const tg_fit *fit, const tg_progress *p) {
  if (!fit || !p || !p->weights || !p->m || !p->v || !p->losses || !p->order) return false;
  if (fit->epochs < 1 || fit->epochs > INT32_MAX || fit->first_epoch < 0 || fit->first_epoch > INT32_MAX ||
      fit->batch_size < 1 || fit->batch_size > INT32_MAX || fit->slice_batches < 0)
    return false;
  if (!is_rate(fit->adam.learning_rate) || !is_rate(fit->adam.epsilon)) return false;
  if (!(fit->adam.beta_1 >= 0 && fit->adam.beta_1 < 1 && fit->adam.beta_2 >= 0 && fit->adam.beta_2 < 1)) return false;
  if (p->networks < 1 || p->networks > TG_LANES || p->first_network < 0) return false;
  return p->first_network <= UINT32_MAX - TG_LANES && p->epoch >= 0 && p->batch >= 0;
}

}  // namespace

int32_t tg_abi_version(void) { return TG_ABI_VERSION; }

uint32_t tg_instruction_sets(void) { return supported(); }

int64_t tg_count_weights(const tg_network *network) {
  Plan plan;
  if (!timeglass::make_plan(network, &plan)) return TG_BAD_NETWORK;
  return plan.weights;
}

int32_t tg_predict(int32_t instruction_set, const tg_network *network, int64_t networks, const float *weights,
                   const tg_windows *windows, float *out) {
  const Call call(instruction_set, network, windows, networks, false);
  if (call.result != TG_OK) return call.result;
  if (networks < 1 || !weights || !out) return TG_BAD_SIZE;
  const Memory room(call.kernel->room(call.plan));
  if (!room.start) return TG_NO_MEMORY;
  for (int64_t first = 0; first < networks; first += TG_LANES) {
    const int group = static_cast<int>(networks - first < TG_LANES ? networks - first : TG_LANES);
    call.kernel->predict(call.plan, group, weights + first * call.plan.weights, *windows, room.start,
                         out + first * windows->count * call.plan.outputs);
  }
  return TG_OK;
}

int32_t tg_gradients(int32_t instruction_set, const tg_network *network, int64_t networks, const float *weights,
                     const tg_windows *windows, float *losses, float *gradients) {
  const Call call(instruction_set, network, windows, networks, true);
  if (call.result != TG_OK) return call.result;
  if (networks < 1 || !weights || !losses || !gradients) return TG_BAD_SIZE;
  const Memory room(call.kernel->room(call.plan));
  if (!room.start) return TG_NO_MEMORY;
  for (int64_t first = 0; first < networks; first += TG_LANES) {
    const int group = static_cast<int>(networks - first < TG_LANES ? networks - first : TG_LANES);
    const int64_t offset = first * call.plan.weights;
    call.kernel->gradients(call.plan, group, weights + offset, *windows, room.start, losses + first,
                           gradients + offset);
  }
  return TG_OK;
}

int32_t tg_train(int32_t instruction_set, const tg_network *network, const tg_windows *windows, const tg_fit *fit,
                 tg_progress *progress) {
  const Call call(instruction_set, network, windows, progress ? progress->networks : TG_LANES, true);
  if (call.result != TG_OK) return call.result;
  if (!is_sound(fit, progress)) return TG_BAD_SIZE;
  if (progress->batch >= (windows->count + fit->batch_size - 1) / fit->batch_size) return TG_BAD_SIZE;
  const Memory room(call.kernel->room(call.plan));
  if (!room.start) return TG_NO_MEMORY;
  return call.kernel->train(call.plan, *windows, *fit, room.start, seconds, progress);
}

int32_t tg_activate(int32_t instruction_set, int32_t activation, int64_t count, const float *x, float *out) {
  const Kernel *kernel = kernel_of(instruction_set, TG_LANES);
  if (!kernel) return TG_BAD_INSTRUCTION_SET;
  if (activation < 0 || activation >= TG_ACTIVATIONS || count < 0 || !x || !out) return TG_BAD_SIZE;
  kernel->activate(activation, count, x, out);
  return TG_OK;
}

void tg_random(uint64_t seed, uint32_t network, uint32_t epoch, uint32_t purpose, uint32_t first_block, uint32_t *out) {
  RandomBlocks random;
  philox(first_block, network, epoch, purpose, seed, &random);
  for (int b = 0; b < kBlocks; ++b)
    for (int i = 0; i < 4; ++i) out[b * 4 + i] = random.word[i][b];
}
