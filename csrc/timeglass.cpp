// The plain C interface: checks what the caller gave, finds room and hands over to the kernel of the instruction set
// asked for. Built for the baseline processor.
#include "timeglass.h"

#include <stdlib.h>
#include <string.h>

#include <chrono>
#include <cmath>
#include <thread>

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

int most_lanes(int32_t instruction_set) {
  return instruction_set == TG_AVX512 ? timeglass::kWideLanes : timeglass::kCommonLanes;
}

// The table for that many networks of one group, or for samples. AVX-512 has no narrow kernel of its own: eight floats
// fill one of AVX2's registers, and the bits are the same.
const Kernel *kernel_of(int32_t instruction_set, int64_t networks, int32_t carry) {
  if (instruction_set < 0 || instruction_set >= TG_INSTRUCTION_SETS) return nullptr;
  if (!(supported() & (1u << instruction_set))) return nullptr;
  const bool narrow = carry == TG_NETWORKS && networks <= timeglass::kNarrowLanes;
  switch (instruction_set) {
#if defined(TG_HAVE_AVX2)
    case TG_AVX2: return narrow ? &timeglass::kAvx2NarrowKernel : &timeglass::kAvx2Kernel;
#endif
#if defined(TG_HAVE_AVX512)
    case TG_AVX512:
      if (carry == TG_NETWORKS && networks > timeglass::kCommonLanes) return &timeglass::kAvx512WideKernel;
      return narrow ? &timeglass::kAvx2NarrowKernel : &timeglass::kAvx512Kernel;
#endif
#if defined(TG_HAVE_NEON)
    case TG_NEON: return narrow ? &timeglass::kNeonNarrowKernel : &timeglass::kNeonKernel;
#else
    case TG_BASELINE: return narrow ? &timeglass::kBaselineNarrowKernel : &timeglass::kBaselineKernel;
#endif
    default: return nullptr;
  }
}

// Calls that take any number of networks go through them in groups of sixteen.
int64_t common_group(int64_t networks) {
  return networks < timeglass::kCommonLanes ? networks : timeglass::kCommonLanes;
}

double seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
void let_others() { std::this_thread::yield(); }
constexpr timeglass::System kSystem = {seconds, let_others};

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

bool is_rate(double a) { return std::isfinite(a) && a >= 0; }
bool is_share(double a) { return a >= 0 && a < 1; }

bool is_sound(const tg_windows *windows, bool targets) {
  return windows && windows->count >= 1 && windows->count <= INT32_MAX && windows->x && (!targets || windows->y);
}

bool has_counts(const tg_windows &windows, int64_t networks) {
  for (int64_t l = 0; windows.counts && l < networks; ++l)
    if (windows.counts[l] < 1 || windows.counts[l] > windows.count) return false;
  return true;
}

bool suits(const tg_loss *loss, const Plan &plan) {
  if (!loss || loss->kind < 0 || loss->kind >= TG_LOSSES) return false;
  if (loss->kind == TG_QUANTILE && (loss->level_count < 1 || !loss->levels)) return false;
  if (loss->kind == TG_HUBER && !(loss->delta > 0)) return false;
  const int64_t width = plan.layers[plan.count - 1].units;
  const int64_t share = loss->kind == TG_QUANTILE ? loss->level_count : loss->kind == TG_GAUSSIAN ? 2 : 1;
  return width % share == 0;
}

bool is_sound(const tg_optimizer &o) {
  if (o.kind < 0 || o.kind >= TG_OPTIMIZERS || o.clip < TG_NO_CLIP || o.clip > TG_CLIP_GLOBAL_NORM) return false;
  if (o.clip != TG_NO_CLIP && !(std::isfinite(o.clip_limit) && o.clip_limit > 0)) return false;
  if (!(o.momentum >= 0 && o.momentum <= 1)) return false;
  return is_share(o.beta_1) && is_share(o.beta_2) && is_rate(o.epsilon) && is_rate(o.weight_decay);
}

bool is_sound(const Plan &plan, const tg_fit *fit, const tg_progress *p) {
  if (!fit || !p || !p->weights || !p->best_weights || !p->losses || !p->order || !fit->rates) return false;
  if (p->networks < 1 || p->networks > TG_LANES || (fit->carry == TG_SAMPLES && p->networks != 1)) return false;
  if (fit->epochs < 1 || fit->epochs > INT32_MAX || fit->first_epoch < 0 || fit->first_epoch > INT32_MAX ||
      fit->batch_size < 1 || fit->batch_size > INT32_MAX || fit->slice_batches < 0)
    return false;
  if (fit->factors && fit->factor_count < 1) return false;
  if (fit->carry != TG_NETWORKS && fit->carry != TG_SAMPLES) return false;
  if (!is_sound(fit->optimizer)) return false;
  for (int l = 0; l < p->networks; ++l) {
    if (!is_rate(fit->rates[l]) || (fit->l2 && !is_rate(fit->l2[l]))) return false;
    for (int i = 0; fit->dropout && i < 2 * plan.count; ++i)
      if (!is_share(fit->dropout[l * 2 * plan.count + i])) return false;
  }
  for (int s = 0; s < TG_SLOTS; ++s) {
    const bool needed =
        fit->optimizer.kind == TG_ADAM ? s < 2
        : s == 0                       ? fit->optimizer.kind == TG_RMSPROP || fit->optimizer.momentum != 0
        : s == 1 ? fit->optimizer.kind == TG_RMSPROP && (fit->optimizer.momentum != 0 || fit->optimizer.centered)
                 : fit->optimizer.kind == TG_RMSPROP && fit->optimizer.momentum != 0 && fit->optimizer.centered;
    if (needed && !p->slots[s]) return false;
  }
  return true;
}

// What changes while a network is trained: not for helpers to look at, who come in the middle of it.
bool stands_right(const tg_progress *p) {
  for (int l = 0; l < p->networks; ++l)
    if (p->steps[l] < 0) return false;
  return p->epoch >= 0 && p->batch >= 0;
}

// A call on its way through the checks: the first thing that is wrong is its result.
struct Call {
  const Kernel *kernel = nullptr;
  Plan plan;
  int32_t result = TG_OK;

  Call(int32_t instruction_set, const tg_network *network, int64_t networks, int32_t carry, bool traced = false) {
    kernel = kernel_of(instruction_set, networks, carry);
    if (!kernel) {
      result = TG_BAD_INSTRUCTION_SET;
    } else if (!timeglass::make_plan(network, &plan, traced)) {
      result = TG_BAD_NETWORK;
    }
  }

  void require(bool sound) {
    if (result == TG_OK && !sound) result = TG_BAD_SIZE;
  }
};

tg_places places_of(const timeglass::Layer &layer) {
  const bool weighs = layer.recurrent || layer.kind == TG_DENSE || layer.kind == TG_LINEAR_SKIP;
  const bool lstm = layer.kind == TG_LSTM, gated = layer.gates > 1;
  const auto in_values = [&](bool has, int64_t place) { return has ? layer.state + place : -1; };
  tg_places at;
  at.y = in_values(true, layer.output);
  at.z = in_values(weighs, layer.before);
  at.h = in_values(layer.recurrent, 0);
  at.c = in_values(lstm, layer.cells);
  at.gates = in_values(gated, layer.gate_values);
  at.extra = in_values(gated, layer.extra);
  at.mask = in_values(layer.kind == TG_MASKING, layer.mask_values);
  at.dy = layer.gradient;
  at.dh = layer.dh;
  at.dc = layer.dc;
  at.dz = layer.dz;
  at.dx = layer.dx;
  return at;
}

// A network of at most eight units takes the narrow kernel, whose registers it fills better.
struct StepperCall {
  const Kernel *kernel = nullptr;
  Plan plan;
  int32_t result = TG_OK;

  StepperCall(int32_t instruction_set, const tg_network *network) {
    if (!timeglass::make_plan(network, &plan) || !timeglass::goes_by_steps(plan)) {
      result = TG_BAD_NETWORK;
      return;
    }
    int most = 0;
    for (int i = 0; i < plan.count; ++i) most = plan.layers[i].units > most ? plan.layers[i].units : most;
    kernel = kernel_of(instruction_set, common_group(most), TG_NETWORKS);
    if (!kernel) result = TG_BAD_INSTRUCTION_SET;
  }
};

int32_t check_fit(Call *call, const tg_windows *windows, const tg_fit *fit, const tg_progress *progress) {
  call->require(is_sound(windows, true));
  if (call->result == TG_OK) call->require(suits(&fit->loss, call->plan) && is_sound(call->plan, fit, progress));
  if (call->result == TG_OK) call->require(has_counts(*windows, progress->networks));
  return call->result;
}

}  // namespace

int32_t tg_abi_version(void) { return TG_ABI_VERSION; }

uint32_t tg_instruction_sets(void) { return supported(); }

int64_t tg_count_weights(const tg_network *network) {
  Plan plan;
  if (!timeglass::make_plan(network, &plan)) return TG_BAD_NETWORK;
  return plan.weights;
}

int32_t tg_predict(int32_t instruction_set, const tg_network *network, int32_t carry, int64_t networks,
                   const float *weights, const tg_windows *windows, float *out) {
  Call call(instruction_set, network, common_group(networks), carry);
  call.require(is_sound(windows, false) && networks >= 1 && weights && out);
  if (call.result != TG_OK) return call.result;
  const Memory room(call.kernel->room(call.plan));
  if (!room.start) return TG_NO_MEMORY;
  call.kernel->predict(call.plan, carry, networks, weights, *windows, room.start, out);
  return TG_OK;
}

int32_t tg_gradients(int32_t instruction_set, const tg_network *network, const tg_loss *loss, int32_t carry,
                     int64_t networks, const float *weights, const tg_windows *windows, double *losses,
                     double *gradients) {
  Call call(instruction_set, network, common_group(networks), carry);
  call.require(is_sound(windows, true) && networks >= 1 && weights && losses && gradients);
  if (call.result == TG_OK) call.require(suits(loss, call.plan) && has_counts(*windows, networks));
  if (call.result != TG_OK) return call.result;
  const Memory room(call.kernel->room(call.plan));
  if (!room.start) return TG_NO_MEMORY;
  call.kernel->gradients(call.plan, *loss, carry, networks, weights, *windows, room.start, losses, gradients);
  return TG_OK;
}

int32_t tg_jacobian(int32_t instruction_set, const tg_network *network, int64_t networks, const float *weights,
                    const tg_windows *windows, float *out, float *jacobian) {
  Call call(instruction_set, network, networks, TG_SAMPLES);
  call.require(is_sound(windows, false) && networks >= 1 && weights && out && jacobian);
  if (call.result != TG_OK) return call.result;
  const Memory room(call.kernel->room(call.plan));
  if (!room.start) return TG_NO_MEMORY;
  call.kernel->jacobian(call.plan, networks, weights, *windows, room.start, out, jacobian);
  return TG_OK;
}

int32_t tg_trace_places(const tg_network *network, tg_places *places, int64_t *sizes) {
  Plan plan;
  if (!timeglass::make_plan(network, &plan, true)) return TG_BAD_NETWORK;
  if (!places || !sizes) return TG_BAD_SIZE;
  for (int i = 0; i < plan.count; ++i) places[i] = places_of(plan.layers[i]);
  sizes[0] = plan.state;
  sizes[1] = plan.gradients;
  sizes[2] = plan.window_gradient;
  return TG_OK;
}

int32_t tg_trace(int32_t instruction_set, const tg_network *network, const tg_loss *loss, const float *weights,
                 const tg_windows *windows, float *values, float *losses, float *gradients, float *weight_gradients) {
  Call call(instruction_set, network, 1, TG_SAMPLES, true);
  call.require(is_sound(windows, loss != nullptr) && weights && values);
  if (call.result == TG_OK && loss) call.require(suits(loss, call.plan) && losses && gradients && weight_gradients);
  if (call.result != TG_OK) return call.result;
  const Memory room(call.kernel->room(call.plan));
  if (!room.start) return TG_NO_MEMORY;
  call.kernel->trace(call.plan, loss, weights, *windows, room.start, {values, losses, gradients, weight_gradients});
  return TG_OK;
}

int32_t tg_train(int32_t instruction_set, const tg_network *network, const tg_windows *windows, const tg_fit *fit,
                 tg_progress *progress, void *crew) {
  if (!fit || !progress) return TG_BAD_SIZE;
  Call call(instruction_set, network, progress->networks, fit->carry);
  call.require(progress->networks <= most_lanes(instruction_set));
  if (check_fit(&call, windows, fit, progress) != TG_OK) return call.result;
  if (!stands_right(progress)) return TG_BAD_SIZE;
  if (progress->batch >= (windows->count + fit->batch_size - 1) / fit->batch_size) return TG_BAD_SIZE;
  const Memory room(call.kernel->room(call.plan));
  const bool alone = fit->carry == TG_SAMPLES && !crew;
  const int64_t bytes = alone ? call.kernel->crew_bytes(call.plan) : 0;
  const Memory own(bytes);
  if (!room.start || !own.start) return TG_NO_MEMORY;
  if (alone) memset(own.start, 0, bytes);
  return call.kernel->train(call.plan, *windows, *fit, room.start, kSystem, progress, alone ? own.start : crew);
}

int64_t tg_crew_bytes(const tg_network *network) {
  Plan plan;
  if (!timeglass::make_plan(network, &plan)) return TG_BAD_NETWORK;
#if defined(TG_HAVE_NEON)
  return timeglass::kNeonKernel.crew_bytes(plan);
#else
  return timeglass::kBaselineKernel.crew_bytes(plan);
#endif
}

int32_t tg_help(int32_t instruction_set, const tg_network *network, const tg_windows *windows, const tg_fit *fit,
                tg_progress *progress, void *crew) {
  if (!fit || !progress || !crew || fit->carry != TG_SAMPLES) return TG_BAD_SIZE;
  Call call(instruction_set, network, 1, TG_SAMPLES);
  if (check_fit(&call, windows, fit, progress) != TG_OK) return call.result;
  const Memory room(call.kernel->room(call.plan));
  if (!room.start) return TG_NO_MEMORY;
  return call.kernel->help(call.plan, *windows, *fit, room.start, kSystem, progress, crew);
}

int64_t tg_stepper_bytes(int32_t instruction_set, const tg_network *network) {
  const StepperCall call(instruction_set, network);
  return call.result == TG_OK ? call.kernel->stepper_bytes(call.plan) : call.result;
}

int32_t tg_stepper_make(int32_t instruction_set, const tg_network *network, const float *weights, void *stepper) {
  const StepperCall call(instruction_set, network);
  if (call.result != TG_OK) return call.result;
  if (!weights || !stepper || reinterpret_cast<uintptr_t>(stepper) % 64 != 0) return TG_BAD_SIZE;
  call.kernel->make_stepper(call.plan, weights, stepper);
  return TG_OK;
}

void tg_step(void *stepper, const float *x, float *out) {
  // A stepper begins with the function of its kernel.
  using Step = void (*)(void *, const float *, float *);
  (*static_cast<Step *>(stepper))(stepper, x, out);
}

int32_t tg_activate(int32_t instruction_set, int32_t activation, int64_t count, const float *x, float *out) {
  const Kernel *kernel = kernel_of(instruction_set, timeglass::kCommonLanes, TG_NETWORKS);
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
