"""One step of the simple recurrent cell (Elman, 1990), forward and backward.

    h_t = f(x_t · wx + h_{t-1} · wh + bh)

Axes: any leading axes (networks), then N windows, F input features, H hidden units.
"""

from __future__ import annotations

from typing import NamedTuple

from timeglass.cells.activations import Activation
from timeglass.types import Array

__all__ = ["Weights", "step", "step_backward"]


class Weights(NamedTuple):
    """The cell's weights, or a gradient of the same shapes."""

    wx: Array  # (…, F, H)
    wh: Array  # (…, H, H)
    bh: Array  # (…, 1, H)


def step(x: Array, h_past: Array, w: Weights, f: Activation) -> Array:
    """h_t (…, N, H) from x_t (…, N, F) and h_{t-1} (…, N, H).

    >>> import numpy as np
    >>> one = np.ones((1, 1))
    >>> step(one, one, Weights(0.5 * one, 0.25 * one, 0 * one), Activation(lambda z: z, np.ones_like))
    array([[0.75]])
    """
    return f.f(x @ w.wx + h_past @ w.wh + w.bh)  # (…, N, H)


def step_backward(
    dh: Array, x: Array, h_past: Array, h: Array, w: Weights, f: Activation
) -> tuple[Array, Array, Weights]:
    """dx_t (…, N, F), dh_{t-1} (…, N, H) and this step's share of dwx, dwh, dbh, from dh_t (…, N, H)."""
    dz = dh * f.derivative(h)  # (…, N, H)
    dw = Weights(x.mT @ dz, h_past.mT @ dz, dz.sum(axis=-2, keepdims=True))
    return dz @ w.wx.mT, dz @ w.wh.mT, dw
