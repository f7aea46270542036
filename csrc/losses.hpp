// The losses of one window and their derivatives by its forecasts, the fast copy of train/losses.py.
#pragma once

#include "activations.hpp"
#include "timeglass.h"

namespace {

// Targets of a window, from the values that the network puts out for it; 0 where these do not divide.
inline int64_t targets_of(const tg_loss &loss, int64_t outputs) {
  const int64_t share = loss.kind == TG_QUANTILE ? loss.level_count : loss.kind == TG_GAUSSIAN ? 2 : 1;
  return share > 0 && outputs % share == 0 ? outputs / share : 0;
}

TG_INLINE Lanes sign(Lanes a) { return choose(a, lanes(1.0f), choose(negative(a), lanes(-1.0f), lanes(0.0f))); }

template <int kind>
TG_INLINE Lanes error_loss(Lanes error, float delta, Lanes *d) {
  const Lanes half = lanes(0.5f);
  if constexpr (kind == TG_SQUARED_ERROR) {
    *d = error + error;
    return error * error;
  }
  if constexpr (kind == TG_ABSOLUTE_ERROR) {
    *d = sign(error);
    return absolute(error);
  }
  if constexpr (kind == TG_HUBER) {
    const Lanes size = absolute(error), limit = lanes(delta), beyond = size - limit;
    *d = choose(beyond, sign(error) * limit, error);
    return choose(beyond, limit * (size - limit * half), half * error * error);
  }
  // log cosh e = |e| + log(1 + exp(-2 |e|)) - log 2
  const Lanes size = absolute(error);
  *d = tanh(error);
  return size + log_one_plus(exp(size * lanes(-2.0f))) - lanes(0.69314718f);
}

template <int kind>
TG_INLINE Lanes sum_of_errors(const tg_loss &loss, const Lanes *p, const Lanes *y, int64_t targets, Lanes scale,
                              Lanes *dp) {
  Lanes sum = lanes(0.0f), d;
  for (int64_t k = 0; k < targets; ++k) {
    sum = sum + error_loss<kind>(p[k] - y[k], loss.delta, &d);
    dp[k] = d * scale;
  }
  return sum;
}

// p: level by level, all targets of a level together
TG_INLINE Lanes sum_of_quantiles(const tg_loss &loss, const Lanes *p, const Lanes *y, int64_t targets, Lanes scale,
                                 Lanes *dp) {
  Lanes sum = lanes(0.0f);
  for (int q = 0; q < loss.level_count; ++q, p += targets, dp += targets) {
    const Lanes level = lanes(loss.levels[q]), below = lanes(loss.levels[q] - 1.0f);
    for (int64_t k = 0; k < targets; ++k) {
      const Lanes missed = y[k] - p[k];  // above the forecast
      sum = sum + at_least(missed * level, missed * below);
      dp[k] = choose(missed, negative(level), choose(negative(missed), negative(below), lanes(0.0f))) * scale;
    }
  }
  return sum;
}

// p: the means, then the logarithms s of the variances
TG_INLINE Lanes sum_of_likelihoods(const Lanes *p, const Lanes *y, int64_t targets, Lanes scale, Lanes *dp) {
  Lanes sum = lanes(0.0f);
  const Lanes half = lanes(0.5f), one = lanes(1.0f);
  for (int64_t k = 0; k < targets; ++k) {
    const Lanes error = p[k] - y[k], s = p[targets + k], precision = exp(negative(s));
    const Lanes share = error * error * precision;
    sum = sum + (s + share + lanes(1.83787707f)) * half;  // log 2π
    dp[k] = error * precision * scale;
    dp[targets + k] = half * (one - share) * scale;
  }
  return sum;
}

// The mean loss of one window of `steps` forecasts p, `width` values each, with targets y; dp = its derivative by the
// forecasts times `scale`.
TG_INLINE Lanes loss_of_window(const tg_loss &loss, const Lanes *p, const Lanes *y, int steps, int64_t width,
                               Lanes scale, Lanes *dp) {
  const int64_t targets = targets_of(loss, width);
  const int64_t terms = steps * (loss.kind == TG_GAUSSIAN ? targets : width);
  const Lanes each = terms == 1 ? scale : scale * lanes(1.0f / static_cast<float>(terms));
  Lanes sum = lanes(0.0f);
  switch (loss.kind) {
    case TG_SQUARED_ERROR: sum = sum_of_errors<TG_SQUARED_ERROR>(loss, p, y, terms, each, dp); break;
    case TG_ABSOLUTE_ERROR: sum = sum_of_errors<TG_ABSOLUTE_ERROR>(loss, p, y, terms, each, dp); break;
    case TG_HUBER: sum = sum_of_errors<TG_HUBER>(loss, p, y, terms, each, dp); break;
    case TG_LOG_COSH: sum = sum_of_errors<TG_LOG_COSH>(loss, p, y, terms, each, dp); break;
    default:
      for (int t = 0; t < steps; ++t, p += width, dp += width, y += targets)
        sum = sum + (loss.kind == TG_QUANTILE ? sum_of_quantiles(loss, p, y, targets, each, dp)
                                              : sum_of_likelihoods(p, y, targets, each, dp));
  }
  return terms == 1 ? sum : sum / lanes(static_cast<float>(terms));
}

}  // namespace
