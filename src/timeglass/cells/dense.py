"""A fully connected layer, forward and backward.

    y = f(x · wy + by)

Axes: any leading axes (networks, time steps), then N windows, F input features, K units.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from timeglass.cells.activations import Activation

__all__ = ["Weights", "step", "step_backward"]

Array = NDArray[np.floating[Any]]


class Weights(NamedTuple):
    """The layer's weights, or a gradient of the same shapes."""

    wy: Array  # (…, F, K)
    by: Array  # (…, 1, K)


def step(x: Array, w: Weights, f: Activation) -> Array:
    """y (…, N, K) from x (…, N, F)."""
    return f.f(x @ w.wy + w.by)  # (…, N, K)


def step_backward(dy: Array, x: Array, y: Array, w: Weights, f: Activation) -> tuple[Array, Weights]:
    """dx (…, N, F) and the gradients dwy, dby, from dy (…, N, K)."""
    dz = dy * f.derivative(y)  # (…, N, K)
    return dz @ w.wy.mT, Weights(x.mT @ dz, dz.sum(axis=-2, keepdims=True))
