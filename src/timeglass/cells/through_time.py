"""The loop over time: the one place where a recurrent cell's steps are put in a row.

Axes: T time steps lead, then any leading axes (networks), N windows, F input features, H hidden units.
"""

from __future__ import annotations

import numpy as np

from timeglass.cells import simple_rnn
from timeglass.cells.activations import Activation
from timeglass.types import Array

__all__ = ["backward", "forward"]


def forward(x: Array, w: simple_rnn.Weights, f: Activation) -> Array:
    """h_0 … h_T (T+1, …, N, H) from x_1 … x_T (T, …, N, F), with h_0 = 0."""
    leading = np.broadcast_shapes(x.shape[1:-2], w.wh.shape[:-2])
    h = np.zeros((len(x) + 1, *leading, x.shape[-2], w.wh.shape[-1]), dtype=w.wh.dtype)
    for t in range(len(x)):
        h[t + 1] = simple_rnn.step(x[t], h[t], w, f)
    return h


def backward(dh: Array, x: Array, h: Array, w: simple_rnn.Weights, f: Activation) -> tuple[Array, simple_rnn.Weights]:
    """Dx (T, …, N, F) and the sums over time of dwx, dwh, dbh.

    dh (T, …, N, H) is what the output asks of each h_1 … h_T by itself; what a step owes to the
    steps after it is added here (backpropagation through time).
    """
    dx = np.empty((*dh.shape[:-1], x.shape[-1]), dtype=dh.dtype)
    dw = simple_rnn.Weights(*(np.zeros_like(array) for array in w))
    dh_past = np.zeros_like(dh[0])
    for t in reversed(range(len(x))):
        dx[t], dh_past, share = simple_rnn.step_backward(dh[t] + dh_past, x[t], h[t], h[t + 1], w, f)
        dw = simple_rnn.Weights(*(total + part for total, part in zip(dw, share, strict=True)))
    return dx, dw
