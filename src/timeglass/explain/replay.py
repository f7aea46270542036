"""Computes a network's forecasts once more, in float64, as one would by hand: gate by gate, step by step.

It shares no arithmetic with the engines, nor with the cells: what proves forecasts must not repeat their mistakes. Its
functions are written in other ways, and each gate has its own products.

Axes: N windows, T time steps, F features, H units.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from timeglass.network.architecture import Architecture, Merge, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Dense, LinearSkip, Masking, Recurrent
from timeglass.types import Array

__all__ = ["replay"]

Function = Callable[[Array], Array]
Step = Callable[[Array, Array, Array], tuple[Array, Array]]  # x_t, h_{t-1}, c_{t-1} -> h_t, c_t


def _sigmoid(z: Array) -> Array:
    return (1 + np.tanh(z / 2)) / 2


def _elu(z: Array) -> Array:
    return np.maximum(z, 0) + np.exp(np.minimum(z, 0)) - 1


_FUNCTIONS: dict[str, Function] = {
    "linear": lambda z: z,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "relu": lambda z: z * (z > 0),
    "hard_sigmoid": lambda z: np.minimum(np.maximum(z + 3, 0), 6) / 6,
    "leaky_relu": lambda z: np.maximum(z, 0.2 * z),
    "elu": _elu,
    "selu": lambda z: 1.0507009873554805 * (z * (z > 0) + 1.6732632423543772 * _elu(z * (z < 0))),
    "softplus": lambda z: np.logaddexp(0, z),
    "softsign": lambda z: z / (np.abs(z) + 1),
    "swish": lambda z: z * _sigmoid(z),
}


def replay(architecture: Architecture, weights: Array, windows: Array) -> Array:
    """Forecasts (N, …) of windows (N, T, F) by one network's weights (P,), in float64.

    >>> from timeglass.network.layers import SimpleRNN
    >>> network = Architecture.of([SimpleRNN(1, "linear")], time_steps=2, features=1)
    >>> replay(network, np.array([2.0, 0.5, 0.25]), np.array([[[1.0], [10.0]]]))  # 2 · 10 + (2 · 1 + 0.25) · 0.5 + 0.25
    array([[21.375]])
    """
    window = np.asarray(windows, dtype=np.float64)
    row = np.asarray(weights, dtype=np.float64)[None]
    made: list[Array] = []  # by each node: (N, T, H), or (N, H)
    masks: dict[int, Array] = {}  # by Masking nodes: (N, T), true where a step counts
    for node, arrays in zip(architecture.layers, architecture.split(row), strict=True):
        w = {name: array[0] for name, array in arrays.items()}
        given = [window if source < 0 else made[source] for source in node.inputs]
        if isinstance(node.layer, Masking):
            mask = (given[0].astype(np.float32) != np.float32(node.layer.mask_value)).any(axis=-1)
            masks[len(made)] = mask
            made.append(given[0] * mask[..., None])
        elif node.recurrent:
            made.append(_through_time(node, w, given[0], masks.get(node.mask)))
        else:
            made.append(_without_time(node, w, given))
    return made[-1]


def _without_time(node: PlacedLayer, w: dict[str, Array], given: list[Array]) -> Array:
    layer = node.layer
    if isinstance(layer, Dense):
        return _FUNCTIONS[node.activation](np.dot(given[0], w["wy"]) + w.get("by", 0.0))
    if isinstance(layer, LinearSkip):
        flat = given[1].reshape(len(given[1]), -1)[:, -node.skip_features :]
        return given[0] + np.dot(flat, w["wy"]) + w.get("by", 0.0)
    if isinstance(layer, Merge):
        return _merged(layer.mode, *given)
    return given[0]  # dropout drops nothing in a forecast


def _merged(mode: str, forward: Array, backward: Array) -> Array:
    if mode == "concat":
        return np.concatenate((forward, backward), axis=-1)
    if mode == "mul":
        return forward * backward
    return (forward + backward) * (0.5 if mode == "ave" else 1.0)


def _through_time(node: PlacedLayer, w: dict[str, Array], x: Array, mask: Array | None) -> Array:
    """(N, T, H), or (N, H): the states of a recurrent layer. A masked step leaves the state as it is."""
    step, units = _step_of(node, w), node.units
    h, c = np.zeros((len(x), units)), np.zeros((len(x), units))
    seen = []
    for t in reversed(range(node.time_steps)) if node.go_backwards else range(node.time_steps):
        counts = np.ones((len(x), 1), dtype=bool) if mask is None else mask[:, t, None]
        new_h, new_c = step(x[:, t], h, c)
        h, c = np.where(counts, new_h, h), np.where(counts, new_c, c)
        seen.append(h * counts if node.zero_masked else h)
    if not node.gives_sequence:
        return h
    return np.stack(seen[::-1] if node.turned else seen, axis=1)


def _step_of(node: PlacedLayer, w: dict[str, Array]) -> Step:
    f, s = _FUNCTIONS[node.activation], _FUNCTIONS[node.recurrent_activation]
    assert isinstance(node.layer, Recurrent)
    if isinstance(node.layer, LSTM):
        return _lstm(w, f, s)
    if isinstance(node.layer, GRU):
        return _gru_reset_after(w, f, s) if node.layer.reset_after else _gru_reset_before(w, f, s)
    return lambda x, h, c: (f(np.dot(x, w["wx"]) + np.dot(h, w["wh"]) + w.get("bh", 0.0)), c)


def _gate_arrays(w: dict[str, Array], gates: int, bias: tuple[int, ...] = ()) -> list[tuple[Array, Array, Array]]:
    """Of each gate: its columns of wx and wh, and its part of the bias, (*bias, H)."""
    arrays = w["wx"], w["wh"], w.get("bh", np.zeros((*bias, w["wx"].shape[-1])))
    return list(zip(*(np.split(array, gates, axis=-1) for array in arrays), strict=True))


def _lstm(w: dict[str, Array], f: Function, s: Function) -> Step:
    (xi, hi, bi), (xf, hf, bf), (xg, hg, bg), (xo, ho, bo) = _gate_arrays(w, 4)

    def step(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        c = s(np.dot(x, xf) + np.dot(h, hf) + bf) * c + s(np.dot(x, xi) + np.dot(h, hi) + bi) * f(
            np.dot(x, xg) + np.dot(h, hg) + bg
        )
        return s(np.dot(x, xo) + np.dot(h, ho) + bo) * f(c), c

    return step


def _gru_reset_after(w: dict[str, Array], f: Function, s: Function) -> Step:
    (xu, hu, bu), (xr, hr, br), (xg, hg, bg) = _gate_arrays(w, 3, bias=(2,))

    def step(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        update = s(np.dot(x, xu) + bu[0] + np.dot(h, hu) + bu[1])
        reset = s(np.dot(x, xr) + br[0] + np.dot(h, hr) + br[1])
        new = f(np.dot(x, xg) + bg[0] + reset * (np.dot(h, hg) + bg[1]))
        return new + update * (h - new), c

    return step


def _gru_reset_before(w: dict[str, Array], f: Function, s: Function) -> Step:
    (xu, hu, bu), (xr, hr, br), (xg, hg, bg) = _gate_arrays(w, 3)

    def step(x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        update = s(np.dot(x, xu) + np.dot(h, hu) + bu)
        reset = s(np.dot(x, xr) + np.dot(h, hr) + br)
        new = f(np.dot(x, xg) + np.dot(reset * h, hg) + bg)
        return new + update * (h - new), c

    return step
