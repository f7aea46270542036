// h_t = f(x_t · wx + h_{t-1} · wh + bh), h_0 = 0: the fast copy of cells/simple_rnn.py.
#pragma once

#include "activations.hpp"
#include "linear.hpp"
#include "plan.hpp"

namespace {

// x (T, F) -> h (T + 1, H), of which row 0 is h_0
template <int Fixed>
void simple_rnn_forward(const timeglass::Layer &layer, const Lanes *w, const Lanes *x, Lanes *h) {
  const int units = size_of<Fixed>(layer.units), features = layer.features;
  const Lanes *wx = w, *wh = wx + features * units, *bh = wh + units * units;
  for (int j = 0; j < units; ++j) h[j] = lanes(0.0f);
  Lanes kept_h[Fixed > 0 ? Fixed : 1] = {}, kept_z[Fixed > 0 ? Fixed : 1];  // in registers where they fit
  for (int t = 1; t <= layer.steps; ++t) {
    const Lanes *past = Fixed > 0 ? kept_h : h + (t - 1) * units;
    Lanes *z = Fixed > 0 ? kept_z : h + t * units, *now = Fixed > 0 ? kept_h : h + t * units;
    for (int j = 0; j < units; ++j) z[j] = layer.use_bias ? bh[j] : lanes(0.0f);
    multiply_add<Fixed>(x + (t - 1) * features, features, wx, units, z);
    multiply_add<Fixed>(past, units, wh, units, z);
    activate(layer.activation, z, units, now);
    if (Fixed > 0)
      for (int j = 0; j < units; ++j) h[t * units + j] = now[j];
  }
}

// dh: the gradient of the layer's output, (T, H) or the last step's (H). dz is room for (T, H), dh_t for (H).
// Adds to dw; dx (T, F) may be null.
template <int Fixed>
void simple_rnn_backward(const timeglass::Layer &layer, const Lanes *w, const Lanes *x, const Lanes *h, const Lanes *dh,
                         Lanes *dz, Lanes *dh_t, Lanes *dw, Lanes *dx) {
  const int units = size_of<Fixed>(layer.units), features = layer.features, steps = layer.steps;
  const Lanes *wx = w, *wh = wx + features * units;
  Lanes *dwx = dw, *dwh = dwx + features * units, *dbh = dwh + units * units;
  Lanes kept_dh[Fixed > 0 ? Fixed : 1], kept_dz[Fixed > 0 ? Fixed : 1];  // in registers where they fit
  if (Fixed > 0) dh_t = kept_dh;
  for (int t = steps; t >= 1; --t) {
    // dh_t = what the output asks of it + dz_{t+1} · whᵀ
    const Lanes *asked = layer.return_sequences ? dh + (t - 1) * units : dh;
    if (t == steps) {
      for (int j = 0; j < units; ++j) dh_t[j] = asked[j];
    } else {
      multiply_transposed<Fixed>(Fixed > 0 ? kept_dz : dz + t * units, units, wh, units, dh_t);
      if (layer.return_sequences)
        for (int j = 0; j < units; ++j) dh_t[j] = dh_t[j] + asked[j];
    }
    Lanes *dz_t = Fixed > 0 ? kept_dz : dz + (t - 1) * units;
    activate_backward(layer.activation, dh_t, h + t * units, units, dz_t);
    if (Fixed > 0)
      for (int j = 0; j < units; ++j) dz[(t - 1) * units + j] = dz_t[j];
    if (dx) multiply_transposed<Fixed>(dz_t, units, wx, features, dx + (t - 1) * features);
  }
  add_outer<0, Fixed>(x, features, dz, units, steps, dwx);
  add_outer<Fixed, Fixed>(h, units, dz, units, steps, dwh);
  if (layer.use_bias) add_rows<Fixed>(dz, units, steps, dbh);
}

}  // namespace
