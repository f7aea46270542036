// y = f(x · wy + by), at every step that the layer is given: the fast copy of cells/dense.py.
#pragma once

#include "activations.hpp"
#include "linear.hpp"
#include "plan.hpp"

namespace {

// x (T, F) -> y (T, H)
template <int Fixed>
void dense_forward(const timeglass::Layer &layer, const Lanes *w, const Lanes *x, Lanes *y) {
  const int units = size_of<Fixed>(layer.units), features = layer.features;
  const Lanes *wy = w, *by = wy + features * units;
  for (int t = 0; t < layer.steps; ++t) {
    Lanes *z = y + t * units;
    for (int j = 0; j < units; ++j) z[j] = layer.use_bias ? by[j] : lanes(0.0f);
    multiply_add<Fixed>(x + t * features, features, wy, units, z);
    activate(layer.activation, z, units, z);
  }
}

// dy (T, H); dz is room for as much. Adds to dw; dx (T, F) may be null.
template <int Fixed>
void dense_backward(const timeglass::Layer &layer, const Lanes *w, const Lanes *x, const Lanes *y, const Lanes *dy,
                    Lanes *dz, Lanes *dw, Lanes *dx) {
  const int units = size_of<Fixed>(layer.units), features = layer.features, steps = layer.steps;
  Lanes *dwy = dw, *dby = dwy + features * units;
  for (int t = 0; t < steps; ++t) {
    activate_backward(layer.activation, dy + t * units, y + t * units, units, dz + t * units);
    if (dx) multiply_transposed<Fixed>(dz + t * units, units, w, features, dx + t * features);
  }
  add_outer<0, Fixed>(x, features, dz, units, steps, dwy);
  if (layer.use_bias) add_rows<Fixed>(dz, units, steps, dby);
}

}  // namespace
