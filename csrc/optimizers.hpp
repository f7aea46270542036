// One step of an optimiser, the fast copy of train/optimizers.py: gradient, L2, clipping, decay, step. The arrays are
// (count) Lanes: of as many networks, or of one network's weights side by side.
#pragma once

#include "lanes.hpp"
#include "plan.hpp"

namespace {

struct StepRates {
  Lanes rate, decay;  // the learning rate, Adam's with its bias correction; what AdamW takes off each weight
};

TG_INLINE double factor_of(const tg_fit &fit, int64_t step) {
  if (!fit.factors) return 1.0;
  const int64_t at = step - fit.first_step;
  return fit.factors[at < 0 ? 0 : at < fit.factor_count ? at : fit.factor_count - 1];
}

// Takes network l on by a step: its counter, its betas' powers, and the rates of that step.
TG_INLINE void next_rates(const tg_fit &fit, tg_progress *p, int l, float *rate, float *decay) {
  const double learning_rate = fit.rates[l] * factor_of(fit, p->steps[l]);
  p->steps[l] += 1;
  double corrected = learning_rate;
  if (fit.optimizer.kind == TG_ADAM) {
    p->beta_1_power[l] *= fit.optimizer.beta_1;
    p->beta_2_power[l] *= fit.optimizer.beta_2;
    corrected = learning_rate * __builtin_sqrt(1.0 - p->beta_2_power[l]) / (1.0 - p->beta_1_power[l]);
  }
  *rate = static_cast<float>(corrected);
  *decay = static_cast<float>(learning_rate * fit.optimizer.weight_decay);
}

// dw += 2 · l2 · w for kernels. T is a Lanes (a network in each lane), or a float with one rate for all.
template <class T>
TG_INLINE void add_l2(const timeglass::Plan &plan, T l2, const T *w, T *dw) {
  const T twice = l2 + l2;
  for (int a = 0; a < plan.array_count; ++a)
    if (plan.arrays[a].regularized)
      for (int64_t i = plan.arrays[a].offset; i < plan.arrays[a].offset + plan.arrays[a].count; ++i)
        dw[i] = dw[i] + twice * w[i];
}

// The sum of the squares of kernels, for the penalty.
template <class T>
TG_INLINE T sum_of_squares(const timeglass::Plan &plan, const T *w) {
  T sum{};
  for (int a = 0; a < plan.array_count; ++a)
    if (plan.arrays[a].regularized)
      for (int64_t i = plan.arrays[a].offset; i < plan.arrays[a].offset + plan.arrays[a].count; ++i)
        sum = sum + w[i] * w[i];
  return sum;
}

TG_INLINE float square_root(float a) { return __builtin_sqrtf(a); }
TG_INLINE Lanes square_root(Lanes a) { return sqrt(a); }
TG_INLINE float larger(float a, float b) { return a > b ? a : b; }
TG_INLINE Lanes larger(Lanes a, Lanes b) { return at_least(a, b); }
TG_INLINE float held(float a, float limit) { return a > limit ? limit : a < -limit ? -limit : a; }
TG_INLINE Lanes held(Lanes a, Lanes limit) { return at_most(at_least(a, negative(limit)), limit); }

template <class T>
TG_INLINE void clip_norm(T limit, T *dw, int64_t from, int64_t to) {
  T sum = dw[from] * dw[from];
  for (int64_t i = from + 1; i < to; ++i) sum = sum + dw[i] * dw[i];
  const T scale = limit / larger(square_root(sum), limit);
  for (int64_t i = from; i < to; ++i) dw[i] = dw[i] * scale;
}

template <class T>
TG_INLINE void clip(const timeglass::Plan &plan, int kind, T limit, T *dw) {
  if (kind == TG_CLIP_VALUE)
    for (int64_t i = 0; i < plan.weights; ++i) dw[i] = held(dw[i], limit);
  if (kind == TG_CLIP_GLOBAL_NORM && plan.weights > 0) clip_norm(limit, dw, 0, plan.weights);
  if (kind == TG_CLIP_NORM)
    for (int a = 0; a < plan.array_count; ++a)
      clip_norm(limit, dw, plan.arrays[a].offset, plan.arrays[a].offset + plan.arrays[a].count);
}

// What a network that rests keeps.
template <bool some_rest>
TG_INLINE void keep(Lanes active, Lanes changed, Lanes *to) {
  *to = some_rest ? choose(active, changed, *to) : changed;
}

template <bool some_rest>
void sgd_step(const tg_optimizer &o, const StepRates &r, Lanes active, const Lanes *dw, int64_t count, Lanes *w,
              Lanes *const *slots) {
  const Lanes momentum = lanes(static_cast<float>(o.momentum));
  for (int64_t i = 0; i < count; ++i) {
    const Lanes change = dw[i] * r.rate;
    if (o.momentum == 0.0) {
      keep<some_rest>(active, w[i] - change, &w[i]);
      continue;
    }
    const Lanes v = slots[0][i] * momentum - change;
    keep<some_rest>(active, w[i] + (o.nesterov ? v * momentum - change : v), &w[i]);
    keep<some_rest>(active, v, &slots[0][i]);
  }
}

template <bool some_rest>
void rmsprop_step(const tg_optimizer &o, const StepRates &r, Lanes active, const Lanes *dw, int64_t count, Lanes *w,
                  Lanes *const *slots) {
  const Lanes rho = lanes(static_cast<float>(o.beta_2)), rest = lanes(static_cast<float>(1.0 - o.beta_2));
  const Lanes epsilon = lanes(static_cast<float>(o.epsilon)), momentum = lanes(static_cast<float>(o.momentum));
  Lanes *const mean = slots[o.momentum != 0.0 ? 2 : 1];
  for (int64_t i = 0; i < count; ++i) {
    const Lanes v = slots[0][i] * rho + dw[i] * dw[i] * rest;
    keep<some_rest>(active, v, &slots[0][i]);
    Lanes d = v;
    if (o.centered) {
      const Lanes a = mean[i] * rho + dw[i] * rest;
      keep<some_rest>(active, a, &mean[i]);
      d = at_least(v - a * a, lanes(0.0f));
    }
    Lanes change = dw[i] * r.rate / sqrt(d + epsilon);
    if (o.momentum != 0.0) {
      change = slots[1][i] * momentum + change;
      keep<some_rest>(active, change, &slots[1][i]);
    }
    keep<some_rest>(active, w[i] - change, &w[i]);
  }
}

template <bool some_rest>
void adam_step(const tg_optimizer &o, const StepRates &r, Lanes active, const Lanes *dw, int64_t count, Lanes *w,
               Lanes *const *slots) {
  const Lanes rest_1 = lanes(static_cast<float>(1.0 - o.beta_1)), rest_2 = lanes(static_cast<float>(1.0 - o.beta_2));
  const Lanes epsilon = lanes(static_cast<float>(o.epsilon));
  Lanes *const m = slots[0], *const v = slots[1];
  const bool decays = o.weight_decay != 0.0;
  for (int64_t i = 0; i < count; ++i) {
    const Lanes m_i = fma(dw[i] - m[i], rest_1, m[i]), v_i = fma(dw[i] * dw[i] - v[i], rest_2, v[i]);
    const Lanes before = decays ? w[i] - w[i] * r.decay : w[i];
    keep<some_rest>(active, m_i, &m[i]);
    keep<some_rest>(active, v_i, &v[i]);
    keep<some_rest>(active, before - m_i * r.rate / (sqrt(v_i) + epsilon), &w[i]);
  }
}

template <bool some_rest>
TG_INLINE void optimizer_step(const tg_optimizer &o, const StepRates &r, Lanes active, const Lanes *dw, int64_t count,
                              Lanes *w, Lanes *const *slots) {
  switch (o.kind) {
    case TG_SGD: return sgd_step<some_rest>(o, r, active, dw, count, w, slots);
    case TG_RMSPROP: return rmsprop_step<some_rest>(o, r, active, dw, count, w, slots);
    default: return adam_step<some_rest>(o, r, active, dw, count, w, slots);
  }
}

inline int slots_of(const tg_optimizer &o) {
  if (o.kind == TG_ADAM) return 2;
  return (o.kind == TG_RMSPROP ? 1 + (o.centered != 0) : 0) + (o.momentum != 0.0);
}

}  // namespace
