"""Proves forecasts: an independent replay of the network's arithmetic beside what the engine put out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from timeglass.errors import ShapeError
from timeglass.network.architecture import Architecture
from timeglass.types import Array

__all__ = ["TOLERANCE", "Proof", "prove", "replay"]

# What float32 may differ from float64 in a network of this kind, for outputs of order one.
TOLERANCE = 2e-6

_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda z: z,
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: z * (z > 0),
}


def replay(architecture: Architecture, weights: Array, windows: Array) -> Array:
    """Forecasts (N, …) of windows (N, T, F) by one network's weights (P,), in float64, written as one would by hand.

    It shares no arithmetic with the engines: h_0 = 0, then h = f(x · wx + h · wh + bh) step by step.
    """
    values = np.asarray(windows, dtype=np.float64)  # (N, T, F), or (N, F) once a layer has given a vector
    row = np.asarray(weights, dtype=np.float64)[None]
    for placed, arrays in zip(architecture.layers, architecture.split(row), strict=True):
        w = {name: array[0] for name, array in arrays.items()}
        f = _FUNCTIONS[placed.activation]
        if placed.recurrent:
            h = np.zeros((len(values), placed.layer.units))
            steps = []
            for t in range(placed.time_steps):
                h = f(np.dot(values[:, t], w["wx"]) + np.dot(h, w["wh"]) + w.get("bh", 0.0))
                steps.append(h)
            values = np.stack(steps, axis=1) if placed.gives_sequence else h
        else:
            values = f(np.dot(values, w["wy"]) + w.get("by", 0.0))
    return values


@dataclass(frozen=True)
class Proof:
    """What the network put out beside what our computation gives, for every forecast given."""

    network: Array  # (L, N, …): the engine's
    computation: Array  # (L, N, …): the replay's, float64
    tolerance: float = TOLERANCE

    @property
    def max_abs_difference(self) -> float:
        """The largest difference of all forecasts."""
        return float(np.max(np.abs(self.network - self.computation)))

    @property
    def holds(self) -> bool:
        """Whether it is within the tolerance; a value that is not finite never is."""
        return bool(self.max_abs_difference <= self.tolerance)


def prove(architecture: Architecture, weights: Array, windows: Array, forecasts: Array) -> Proof:
    """Replays all forecasts (L, N, …) of windows (N, T, F) by networks with weights (L, P)."""
    if forecasts.shape[:2] != (len(weights), len(windows)):
        raise ShapeError(f"prove: forecasts {forecasts.shape} of {len(weights)} networks and {len(windows)} windows")
    computed = np.stack([replay(architecture, row, windows) for row in weights])
    return Proof(np.asarray(forecasts, dtype=np.float64), computed)
