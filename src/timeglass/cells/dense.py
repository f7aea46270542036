"""A fully connected layer, forward and backward.

    z = x · wy + by
    y = f(z)

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


def step(x: Array, w: Weights, f: Activation) -> dict[str, Array]:
    """Z and y (…, N, K) from x (…, N, F)."""
    z = x @ w.wy + w.by  # (…, N, K)
    return {"z": z, "y": f.f(z)}


def step_backward(dy: Array, x: Array, now: dict[str, Array], w: Weights, f: Activation) -> tuple[Array, Weights]:
    """Dx (…, N, F) and the gradients dwy, dby, from dy (…, N, K)."""
    dz = dy * f.derivative(now["y"], now["z"])  # (…, N, K)
    return dz @ w.wy.mT, Weights(x.mT @ dz, dz.sum(axis=-2, keepdims=True))
