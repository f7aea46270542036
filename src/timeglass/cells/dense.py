"""A fully connected layer, forward and backward.

    y = f(x · wy + by)

Axes: any leading axes (networks, time steps), then N windows, F input features, K units.
"""

from __future__ import annotations

from typing import NamedTuple

from timeglass.cells.activations import Activation
from timeglass.types import Array

__all__ = ["Weights", "step", "step_backward"]


class Weights(NamedTuple):
    """The layer's weights, or a gradient of the same shapes."""

    wy: Array  # (…, F, K)
    by: Array  # (…, 1, K)


def step(x: Array, w: Weights, f: Activation) -> Array:
    """Y (…, N, K) from x (…, N, F)."""
    return f.f(x @ w.wy + w.by)  # (…, N, K)


def step_backward(dy: Array, x: Array, y: Array, w: Weights, f: Activation) -> tuple[Array, Weights]:
    """Dx (…, N, F) and the gradients dwy, dby, from dy (…, N, K)."""
    dz = dy * f.derivative(y)  # (…, N, K)
    return dz @ w.wy.mT, Weights(x.mT @ dz, dz.sum(axis=-2, keepdims=True))
