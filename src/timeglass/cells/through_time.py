"""The loop over time: the one place where a recurrent cell's steps are put in a row.

Axes: T time steps lead, then any leading axes (networks), N windows, F input features, H hidden units.

Backward is backpropagation through time (P. J. Werbos, "Backpropagation through time: what it does and how to do it",
Proceedings of the IEEE 78, 1990).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from timeglass.cells.recurrent import Cell, Functions, Kept, Values, Weights
from timeglass.types import Array

__all__ = ["Run", "backward", "forward"]


@dataclass(frozen=True)
class Run:
    """A cell on its way through a window: what stays the same at every step, and which steps it takes."""

    cell: Cell
    w: Weights
    f: Functions
    kept: Kept = 1.0  # dropout's factors of the state (…, N, H): the same ones at every step
    mask: Array | None = None  # (T, …, N, 1): true where a step counts; over the others the state is held
    go_backwards: bool = False
    nudge: Array | None = None  # (T, …, N or 1, H): added to each h_t as it comes about, to see what that changes

    def in_its_order(self, x: Array) -> Array:
        """(T, …) from time's order into the order in which the cell meets the steps, and back."""
        return x[::-1] if self.go_backwards else x


def forward(run: Run, x: Array) -> Values:
    """Every value of every step, by name, from x_1 … x_T (T, …, N, F).

    The state's (h, and c of an LSTM) are (T+1, …, N, H), from h_0 = 0 on; the others (T, …, N, H or G·H). They stand in
    the order in which they come about: backwards in time with `go_backwards`. At a masked step the state's are the
    ones before, and the others are those that came to nothing.
    """
    x, mask = run.in_its_order(x), None if run.mask is None else run.in_its_order(run.mask)
    units = run.w.wh.shape[-2]
    leading = np.broadcast_shapes(x.shape[1:-2], run.w.wh.shape[:-2])
    start = {name: np.zeros((*leading, x.shape[-2], units), dtype=run.w.wh.dtype) for name in run.cell.state}
    past, steps = start, []
    for t in range(len(x)):
        now = run.cell.step(x[t], past, run.w, run.f, run.kept)
        if run.nudge is not None:
            now["h"] = now["h"] + run.nudge[t]
        if mask is not None:
            now |= {name: np.where(mask[t], now[name], past[name]) for name in run.cell.state}
        steps.append(now)
        past = now
    from_start = {name: [array] for name, array in start.items()}
    return {name: np.stack(from_start.get(name, []) + [step[name] for step in steps]) for name in steps[0]}


def backward(run: Run, dh: Array, x: Array, values: Values, record: Values | None = None) -> tuple[Array, Weights]:
    """Dx (T, …, N, F), in time's order, and the sums over time of dwx, dwh, dbh.

    dh (T, …, N, H), in the order in which the states come about, is what the output asks of each h_1 … h_T by itself;
    what a step owes to the steps after it is added here.

    `record` is given every step's own part, in that order: the derivatives by the state (dh, dc), by the input (dx), by
    what the activations are applied to (dz), and its shares of dwx, dwh, dbh.
    """
    x, mask = run.in_its_order(x), None if run.mask is None else run.in_its_order(run.mask)
    state = run.cell.state
    d = {name: np.zeros_like(dh[0]) for name in state}
    dw = Weights(*(np.zeros_like(array) for array in run.w))
    dx, recorded = [], []
    for t in reversed(range(len(x))):
        past = {name: values[name][t] for name in state}
        now = {name: array[t + 1] if name in past else array[t] for name, array in values.items()}
        d["h"] = d["h"] + dh[t]
        asked = d if mask is None else {name: np.where(mask[t], d[name], 0) for name in state}
        dx_t, d_past, share = run.cell.step_backward(asked, x[t], past, now, run.w, run.f, run.kept)
        d = d_past if mask is None else {name: np.where(mask[t], d_past[name], d[name]) for name in state}
        dw = Weights(*(total + part for total, part in zip(dw, share, strict=True)))
        dx.append(dx_t)
        if record is not None:
            # What a step adds to the bias is the sum of its dz over the windows, here one in each network.
            own = {f"d{name}": array for name, array in (asked | share._asdict()).items()}
            recorded.append(own | {"dx": dx_t, "dz": share.bh[..., :1, :]})
    if record is not None:
        record |= {name: np.stack([step[name] for step in recorded[::-1]]) for name in recorded[0]}
    return run.in_its_order(np.stack(dx[::-1])), dw
