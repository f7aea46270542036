"""A whole network in NumPy, in float64 or float32: what the network is. The compiled kernel is proved equal to this.

Axes inside: T time steps lead where there are any, then L networks, N windows, and a layer's features or units.
"""

from __future__ import annotations

import numpy as np

from timeglass.cells import dense, simple_rnn, through_time
from timeglass.cells.activations import ACTIVATIONS
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.types import Array

__all__ = ["backward", "forward", "output"]


def _bias(layer: PlacedLayer, arrays: dict[str, Array], name: str) -> Array:
    """(L, 1, H), zeros where the layer has none."""
    if name in arrays:
        return arrays[name][:, None, :]
    first = next(iter(arrays.values()))
    return np.zeros((len(first), 1, layer.layer.units), dtype=first.dtype)


def _rnn_weights(layer: PlacedLayer, arrays: dict[str, Array]) -> simple_rnn.Weights:
    return simple_rnn.Weights(arrays["wx"], arrays["wh"], _bias(layer, arrays, "bh"))


def _dense_weights(layer: PlacedLayer, arrays: dict[str, Array]) -> dense.Weights:
    return dense.Weights(arrays["wy"], _bias(layer, arrays, "by"))


def _given(values: Array, below: PlacedLayer | None) -> Array:
    """What a layer is given: the sequence (T, L, N, F), or the last step's vector (1, L, N, F)."""
    if below is None:
        return values
    h = values[1:] if below.recurrent else values
    return h if below.gives_sequence else h[-1:]


def forward(architecture: Architecture, weights: Array, x: Array) -> list[Array]:
    """Every layer's values for weights (L, P) and windows x (L or 1, N, T, F), the input's first.

    A recurrent layer's are h_0 … h_T (T+1, L, N, H), a dense layer's y (T or 1, L, N, K).
    """
    values = [np.moveaxis(x, -2, 0)]
    below: PlacedLayer | None = None
    for layer, arrays in zip(architecture.layers, architecture.split(weights), strict=True):
        given = _given(values[-1], below)
        f = ACTIVATIONS[layer.activation]
        if layer.recurrent:
            values.append(through_time.forward(given, _rnn_weights(layer, arrays), f))
        else:
            values.append(dense.step(given, _dense_weights(layer, arrays), f))
        below = layer
    return values


def output(architecture: Architecture, values: list[Array]) -> Array:
    """The forecasts (L, N, K), or (L, N, T, K) where the network gives sequences."""
    last = architecture.layers[-1]
    given = values[-1][1:] if last.recurrent else values[-1]
    return np.moveaxis(given, 0, -2) if last.gives_sequence else given[-1]


def backward(architecture: Architecture, weights: Array, values: list[Array], dy: Array) -> Array:
    """The gradient (L, P), given dy: the loss's derivative by the network's output, shaped as `output` gives it."""
    gradient = np.zeros_like(weights)
    layers, split, shares = architecture.layers, architecture.split(weights), architecture.split(gradient)
    d = np.moveaxis(dy, -2, 0) if layers[-1].gives_sequence else dy[None]  # (T or 1, L, N, K)
    for i in reversed(range(len(layers))):
        layer, below = layers[i], layers[i - 1] if i else None
        given, f = _given(values[i], below), ACTIVATIONS[layer.activation]
        if layer.recurrent:
            dh = np.zeros_like(values[i + 1][1:])
            dh[len(dh) - len(d) :] = d
            d, dw = through_time.backward(dh, given, values[i + 1], _rnn_weights(layer, split[i]), f)
            named = {"wx": dw.wx, "wh": dw.wh, "bh": dw.bh[:, 0]}
        else:
            d, dwy = dense.step_backward(d, given, values[i + 1], _dense_weights(layer, split[i]), f)
            named = {"wy": dwy.wy.sum(axis=0), "by": dwy.by.sum(axis=0)[:, 0]}
        for name, array in shares[i].items():
            array[...] = named[name]
    return gradient
