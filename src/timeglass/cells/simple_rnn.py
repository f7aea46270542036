"""One step of the simple recurrent cell (Elman, 1990), forward and backward.

    z_t = x_t · wx + (m ∘ h_{t-1}) · wh + bh
    h_t = f(z_t)

m is dropout's mask of the state, 1 outside training. Axes: any leading axes (networks), then N windows, F input
features, H hidden units.

J. L. Elman, "Finding structure in time", Cognitive Science 14, 1990.
"""

from __future__ import annotations

from timeglass.cells.recurrent import Cell, Functions, Kept, Values, Weights
from timeglass.types import Array

__all__ = ["CELL", "step", "step_backward"]


def step(x: Array, past: Values, w: Weights, f: Functions, kept: Kept = 1.0) -> Values:
    """z_t and h_t (…, N, H) from x_t (…, N, F) and the past h (…, N, H).

    >>> import numpy as np
    >>> from timeglass.cells.activations import ACTIVATIONS
    >>> one, f = np.ones((1, 1)), Functions(ACTIVATIONS["linear"], ACTIVATIONS["linear"])
    >>> step(one, {"h": one}, Weights(0.5 * one, 0.25 * one, 0 * one), f)["h"]
    array([[0.75]])
    """
    z = x @ w.wx + (kept * past["h"]) @ w.wh + w.bh  # (…, N, H)
    return {"z": z, "h": f.activation.f(z)}


def step_backward(
    d: Values, x: Array, past: Values, now: Values, w: Weights, f: Functions, kept: Kept = 1.0
) -> tuple[Array, Values, Weights]:
    """dx_t (…, N, F), dh_{t-1} (…, N, H) and this step's share of dwx, dwh, dbh, from dh_t (…, N, H)."""
    dz = d["h"] * f.activation.derivative(now["h"], now["z"])  # (…, N, H)
    dw = Weights(x.mT @ dz, (kept * past["h"]).mT @ dz, dz.sum(axis=-2, keepdims=True))
    return dz @ w.wx.mT, {"h": kept * (dz @ w.wh.mT)}, dw


CELL = Cell(("h",), step, step_backward)
