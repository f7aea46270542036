// What one instruction set's build of the kernel offers to the dispatcher. Room is given by the caller: the builds
// allocate nothing and share no inline function of the standard library, which a linker could take from the wrong one.
#pragma once

#include <stdint.h>

#include "plan.hpp"
#include "timeglass.h"

namespace timeglass {

struct Kernel {
  int64_t (*room)(const Plan &plan);  // bytes, to be aligned to 64
  void (*predict)(const Plan &plan, int networks, const float *weights, const tg_windows &windows, void *room,
                  float *out);
  void (*gradients)(const Plan &plan, int networks, const float *weights, const tg_windows &windows, void *room,
                    float *losses, float *gradients);
  int32_t (*train)(const Plan &plan, const tg_windows &windows, const tg_fit &fit, void *room, double (*now)(),
                   tg_progress *progress);
  void (*activate)(int activation, int64_t count, const float *x, float *out);
};

// The narrow ones carry eight networks, for less than the time of sixteen.
constexpr int kNarrowLanes = 8;
extern const Kernel kBaselineKernel, kAvx2Kernel, kAvx512Kernel, kNeonKernel;
extern const Kernel kBaselineNarrowKernel, kAvx2NarrowKernel, kNeonNarrowKernel;

}  // namespace timeglass
