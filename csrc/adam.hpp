// Adam as Keras has it: bias corrections in the rate, epsilon outside the root.
// D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, the form before section 2.1.
#pragma once

#include <stdint.h>

#include "lanes.hpp"
#include "timeglass.h"

namespace {

struct AdamRates {
  Lanes rate, one_minus_beta_1, one_minus_beta_2, epsilon;
};

// Call after the betas' powers have been raised to this step's. The root is a double's: correctly rounded everywhere.
TG_INLINE AdamRates adam_rates(const tg_adam &adam, double beta_1_power, double beta_2_power) {
  const double rate = adam.learning_rate * __builtin_sqrt(1.0 - beta_2_power) / (1.0 - beta_1_power);
  return {lanes(static_cast<float>(rate)), lanes(static_cast<float>(1.0 - adam.beta_1)),
          lanes(static_cast<float>(1.0 - adam.beta_2)), lanes(static_cast<float>(adam.epsilon))};
}

TG_INLINE void adam_step(const AdamRates &r, const Lanes *dw, int64_t count, Lanes *w, Lanes *m, Lanes *v) {
  for (int64_t i = 0; i < count; ++i) {
    m[i] = fma(dw[i] - m[i], r.one_minus_beta_1, m[i]);
    v[i] = fma(dw[i] * dw[i] - v[i], r.one_minus_beta_2, v[i]);
    w[i] = w[i] - m[i] * r.rate / (sqrt(v[i]) + r.epsilon);
  }
}

}  // namespace
