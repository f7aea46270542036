// What one instruction set's build of the kernel offers to the dispatcher. Room is given by the caller: the builds
// allocate nothing and share no inline function of the standard library, which a linker could take from the wrong one.
#pragma once

#include <stdint.h>

#include "plan.hpp"
#include "timeglass.h"

namespace timeglass {

// What a build asks of the system.
struct System {
  double (*now)();  // seconds
  void (*yield)();  // lets another thread have the processor
};

// Where a trace goes: (windows, …) each. With values alone there is no way back.
struct Traced {
  float *values, *losses, *gradients, *weight_gradients;
};

struct Kernel {
  int64_t (*room)(const Plan &plan);  // bytes that a call needs, to be aligned to 64
  int64_t (*crew_bytes)(const Plan &plan);
  void (*predict)(const Plan &plan, int carry, int64_t networks, const float *weights, const tg_windows &windows,
                  void *room, float *out);
  void (*gradients)(const Plan &plan, const tg_loss &loss, int carry, int64_t networks, const float *weights,
                    const tg_windows &windows, void *room, double *losses, double *gradients);
  void (*jacobian)(const Plan &plan, int64_t networks, const float *weights, const tg_windows &windows, void *room,
                   float *out, float *jacobian);
  void (*trace)(const Plan &plan, const tg_loss *loss, const float *weights, const tg_windows &windows, void *room,
                const Traced &to);
  int32_t (*train)(const Plan &plan, const tg_windows &windows, const tg_fit &fit, void *room, const System &system,
                   tg_progress *progress, void *crew);
  int32_t (*help)(const Plan &plan, const tg_windows &windows, const tg_fit &fit, void *room, const System &system,
                  tg_progress *progress, void *crew);
  int64_t (*stepper_bytes)(const Plan &plan);
  void (*make_stepper)(const Plan &plan, const float *weights, void *stepper);
  void (*activate)(int activation, int64_t count, const float *x, float *out);
};

// The narrow ones carry eight networks, for less than the time of sixteen; the wide one carries two registers of
// sixteen, of which one computes while the other waits for its last step, for less than twice the time. Only sixteen
// lanes carry samples.
constexpr int kNarrowLanes = 8, kCommonLanes = 16, kWideLanes = 32;
extern const Kernel kBaselineKernel, kAvx2Kernel, kAvx512Kernel, kNeonKernel;
extern const Kernel kAvx512WideKernel;
extern const Kernel kBaselineNarrowKernel, kAvx2NarrowKernel, kNeonNarrowKernel;

}  // namespace timeglass
