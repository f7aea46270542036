// The activations over Lanes: f, and its derivative from the output f(z), as in cells/activations.py.
// The coefficients come from tools/fit_activations.py, which also states the polynomials' own errors; what float32
// adds is measured in tests/test_activations.py.
#pragma once

#include "lanes.hpp"
#include "timeglass.h"

namespace {

// tanh(z) = z · p(z²) / q(z²), |z| held to 7.9, where tanh is within 2.8e-7 of one. NaN stays NaN.
TG_INLINE Register tanh(Register z) {
  z = at_most(at_least(z, spread(-7.9f)), spread(7.9f));
  const Register u = z * z;
  // Pairs first (Estrin): the steps of a recurrent layer wait for each other, so a short chain counts.
  const Register v = u * u;
  const Register p = fma(fma(v, spread(0.0179420523f), fma(u, spread(25.6120548f), spread(4162.20752f))), v,
                         fma(u, spread(156424.688f), spread(1162955.12f)));
  const Register q =
      fma(v + fma(u, spread(398.155273f), spread(30460.4004f)), v, fma(u, spread(544076.312f), spread(1162955.12f)));
  return z * p / q;
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

TG_INLINE Register sigmoid(Register z) { return 1.0f / (1.0f + exp(-z)); }
// The sum makes -0 a 0 on every processor.
TG_INLINE Register relu(Register z) { return at_least(z, spread(0.0f)) + 0.0f; }

TG_INLINE Lanes tanh(Lanes a) { TG_EACH_REGISTER(tanh(a.part[k])); }
TG_INLINE Lanes sigmoid(Lanes a) { TG_EACH_REGISTER(sigmoid(a.part[k])); }
TG_INLINE Lanes relu(Lanes a) { TG_EACH_REGISTER(relu(a.part[k])); }

TG_INLINE Lanes positive(Lanes a) { TG_EACH_REGISTER(a.part[k] > 0.0f ? spread(1.0f) : spread(0.0f)); }

// h = f(z)
TG_INLINE void activate(int activation, const Lanes *z, int units, Lanes *h) {
  switch (activation) {
    case TG_TANH:
      for (int j = 0; j < units; ++j) h[j] = tanh(z[j]);
      break;
    case TG_SIGMOID:
      for (int j = 0; j < units; ++j) h[j] = sigmoid(z[j]);
      break;
    case TG_RELU:
      for (int j = 0; j < units; ++j) h[j] = relu(z[j]);
      break;
    default:
      for (int j = 0; j < units; ++j) h[j] = z[j];
  }
}

// dz = dh · f'(z), with f' from h = f(z)
TG_INLINE void activate_backward(int activation, const Lanes *dh, const Lanes *h, int units, Lanes *dz) {
  const Lanes one = lanes(1.0f);
  switch (activation) {
    case TG_TANH:
      for (int j = 0; j < units; ++j) dz[j] = dh[j] * (one - h[j] * h[j]);
      break;
    case TG_SIGMOID:
      for (int j = 0; j < units; ++j) dz[j] = dh[j] * (h[j] * (one - h[j]));
      break;
    case TG_RELU:
      for (int j = 0; j < units; ++j) dz[j] = dh[j] * positive(h[j]);
      break;
    default:
      for (int j = 0; j < units; ++j) dz[j] = dh[j];
  }
}

}  // namespace
