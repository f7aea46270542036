// The activations over Lanes: f, and its derivative from the output f(z), as in cells/activations.py.
// The coefficients come from tools/fit_activations.py, which also states the polynomials' own errors; what float32
// adds is measured in tests/test_activations.py.
#pragma once

#include "lanes.hpp"
#include "timeglass.h"

namespace {

// tanh(z) = z · p(z²) / q(z²), with z² held to 8.6², from where on the quotient is one or more; it is held to that, so
// that a saturated unit passes no gradient on. NaN stays NaN.
TG_INLINE Register tanh(Register z) {
  const Register u = at_most(z * z, spread(73.96f));
  // Pairs first (Estrin): the steps of a recurrent layer wait for each other, so a short chain counts.
  const Register v = u * u;
  const Register p = fma(fma(v, spread(0.0174490288f), fma(u, spread(26.1718826f), spread(4369.41943f))), v,
                         fma(u, spread(166119.078f), spread(1239058.88f)));
  const Register q =
      fma(v + fma(u, spread(413.383575f), spread(32207.9727f)), v, fma(u, spread(579138.562f), spread(1239058.88f)));
  return at_most(at_least(z * p / q, spread(-1.0f)), spread(1.0f));
}

// e^z = 2^n · e^r with n = round(z / ln 2), |r| <= ln 2 / 2, z held to ±87. NaN stays NaN.
TG_INLINE Register exp(Register z) {
  z = at_most(at_least(z, spread(-87.0f)), spread(87.0f));
  const Register rounder = spread(12582912.0f);  // 1.5 · 2^23: adding it leaves the integer in the low bits
  const Register shifted = fma(z, spread(1.44269504f), rounder);
  const Register n = shifted - rounder;
  Register r = fma(n, spread(-0.693145752f), z);  // ln 2 in two parts, the first exact in n · part
  r = fma(n, spread(-1.42860682e-6f), r);
  Register p = fma(r, spread(1.38145988e-3f), spread(8.36871658e-3f));
  p = fma(r, p, spread(4.1668389e-2f));
  p = fma(r, p, spread(0.166665211f));
  p = fma(r, p, spread(0.49999994f));
  p = fma(r * r, p, r) + 1.0f;
  IntRegister bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127) << 23;
  Register power;
  memcpy(&power, &bits, sizeof power);
  return p * power;
}

// log(1 + u) for 0 <= u <= 1, as 2 artanh(s) with s = u / (2 + u) <= 1/3: the series in s², whose rest is below 1e-8.
TG_INLINE Register log_one_plus(Register u) {
  const Register s = u / (2.0f + u), v = s * s;
  Register p = fma(v, spread(1.0f / 13.0f), spread(1.0f / 11.0f));
  p = fma(v, p, spread(1.0f / 9.0f));
  p = fma(v, p, spread(1.0f / 7.0f));
  p = fma(v, p, spread(1.0f / 5.0f));
  p = fma(v, p, spread(1.0f / 3.0f));
  return 2.0f * fma(s * v, p, s);
}

TG_INLINE Register sigmoid(Register z) { return 1.0f / (1.0f + exp(-z)); }

TG_INLINE Lanes tanh(Lanes a) { TG_EACH_REGISTER(tanh(a.part[k])); }
TG_INLINE Lanes exp(Lanes a) { TG_EACH_REGISTER(exp(a.part[k])); }
TG_INLINE Lanes log_one_plus(Lanes a) { TG_EACH_REGISTER(log_one_plus(a.part[k])); }
TG_INLINE Lanes sigmoid(Lanes a) { TG_EACH_REGISTER(sigmoid(a.part[k])); }
// The sum makes -0 a 0 on every processor.
TG_INLINE Lanes relu(Lanes a) { return at_least(a, lanes(0.0f)) + lanes(0.0f); }

constexpr float kLeak = 0.2f;                                             // Keras's default slope
constexpr float kSeluScale = 1.05070098f, kSeluAlphaScale = 1.75809932f;  // scale, and scale · alpha

// h = f(z) of one value, and df/dz from h; only swish asks for z as well.
template <int activation>
TG_INLINE Lanes activated(Lanes z) {
  const Lanes zero = lanes(0.0f), one = lanes(1.0f);
  if constexpr (activation == TG_TANH) return tanh(z);
  if constexpr (activation == TG_SIGMOID) return sigmoid(z);
  if constexpr (activation == TG_RELU) return relu(z);
  if constexpr (activation == TG_HARD_SIGMOID)
    return at_most(at_least(fma(z, lanes(1.0f / 6.0f), lanes(0.5f)), zero), one);
  if constexpr (activation == TG_LEAKY_RELU) return choose(z, z, z * lanes(kLeak));
  if constexpr (activation == TG_ELU) return choose(z, z, exp(z) - one);
  if constexpr (activation == TG_SELU) return choose(z, z * lanes(kSeluScale), (exp(z) - one) * lanes(kSeluAlphaScale));
  if constexpr (activation == TG_SOFTPLUS) return at_least(z, zero) + log_one_plus(exp(negative(absolute(z))));
  if constexpr (activation == TG_SOFTSIGN) return z / (one + absolute(z));
  // Held, since the sigmoid of a very negative z is never quite 0.
  if constexpr (activation == TG_SWISH) return at_least(z, lanes(-87.0f)) * sigmoid(z);
  return z;
}

template <int activation>
TG_INLINE Lanes derivative(Lanes h, Lanes z) {
  const Lanes zero = lanes(0.0f), one = lanes(1.0f);
  if constexpr (activation == TG_TANH) return one - h * h;
  if constexpr (activation == TG_SIGMOID) return h * (one - h);
  if constexpr (activation == TG_RELU) return choose(h, one, zero);
  if constexpr (activation == TG_HARD_SIGMOID) return choose(h, choose(one - h, lanes(1.0f / 6.0f), zero), zero);
  if constexpr (activation == TG_LEAKY_RELU) return choose(negative(h), lanes(kLeak), one);
  if constexpr (activation == TG_ELU) return choose(h, one, h + one);
  if constexpr (activation == TG_SELU) return choose(h, lanes(kSeluScale), h + lanes(kSeluAlphaScale));
  if constexpr (activation == TG_SOFTPLUS) return one - exp(negative(h));
  if constexpr (activation == TG_SOFTSIGN) {
    const Lanes rest = one - absolute(h);
    return rest * rest;
  }
  if constexpr (activation == TG_SWISH) {
    const Lanes s = sigmoid(z);
    return fma(h, one - s, s);
  }
  return one;
}

// An activation as a value of its own type, for loops that are compiled once for each.
template <int number>
struct Activation {
  static constexpr bool asks_before = number == TG_SWISH;  // whether its derivative asks for z

  TG_INLINE static Lanes of(Lanes z) { return activated<number>(z); }
  // dh · f'(z_j), from h = f(z_j); z is read only where the derivative asks for it.
  TG_INLINE static Lanes backward(Lanes dh, Lanes h, const Lanes *z, int j) {
    if constexpr (number == TG_LINEAR) return dh;
    return dh * derivative<number>(h, asks_before ? z[j] : h);
  }
};

// Calls f(Activation<…>) for an activation that is known at run time.
template <class F>
TG_INLINE void by_activation(int activation, const F &f) {
  switch (activation) {
    case TG_TANH: return f(Activation<TG_TANH>());
    case TG_SIGMOID: return f(Activation<TG_SIGMOID>());
    case TG_RELU: return f(Activation<TG_RELU>());
    case TG_HARD_SIGMOID: return f(Activation<TG_HARD_SIGMOID>());
    case TG_LEAKY_RELU: return f(Activation<TG_LEAKY_RELU>());
    case TG_ELU: return f(Activation<TG_ELU>());
    case TG_SELU: return f(Activation<TG_SELU>());
    case TG_SOFTPLUS: return f(Activation<TG_SOFTPLUS>());
    case TG_SOFTSIGN: return f(Activation<TG_SOFTSIGN>());
    case TG_SWISH: return f(Activation<TG_SWISH>());
    default: return f(Activation<TG_LINEAR>());
  }
}

// h = f(z), in place where h is z
inline void activate(int activation, const Lanes *z, int count, Lanes *h) {
  by_activation(activation, [&](auto f) {
    for (int j = 0; j < count; ++j) h[j] = f.of(z[j]);
  });
}

// dz = dh · f'(z), with f' from h = f(z); z is read for swish only and may be null otherwise
inline void activate_backward(int activation, const Lanes *dh, const Lanes *h, const Lanes *z, int count, Lanes *dz) {
  by_activation(activation, [&](auto f) {
    for (int j = 0; j < count; ++j) dz[j] = f.backward(dh[j], h[j], z, j);
  });
}

}  // namespace
