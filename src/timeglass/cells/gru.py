"""One step of the gated recurrent unit, forward and backward, in its two variants.

With reset_after, as Keras has it by default: the reset gate acts on what the state gives the candidate,

    x_part      = x_t · wx + bh[0]              three parts of each, in Keras's order: update, reset, candidate
    h_part      = (m ∘ h_{t-1}) · wh + bh[1]
    update_t    = s(x_part + h_part: first H)
    reset_t     = s(x_part + h_part: second H)
    met_t       = h_part: last H
    candidate_t = f(x_part: last H + reset_t ∘ met_t)
    h_t         = update_t ∘ h_{t-1} + (1 - update_t) ∘ candidate_t

and without it on the state itself, as in the article, with one bias:

    update_t, reset_t = s(x_t · wx + (m ∘ h_{t-1}) · wh + bh: first and second H)
    met_t             = reset_t ∘ m ∘ h_{t-1}
    candidate_t       = f(x_t · wx + met_t · wh + bh: last H)

`met` is what meets the reset gate. z_t (3H) holds what s and f are applied to. m is dropout's mask of the state, 1
outside training; the sum that gives h_t takes h_{t-1} whole, as in Keras. Axes: any leading axes (networks), then N
windows, F input features, H hidden units.

K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine translation",
EMNLP 2014.
"""

from __future__ import annotations

import numpy as np

from timeglass.cells.recurrent import Cell, Functions, Kept, Values, Weights
from timeglass.types import Array

__all__ = ["CELL_RESET_AFTER", "CELL_RESET_BEFORE", "step_after", "step_after_backward", "step_before",
           "step_before_backward"]  # fmt: skip


def step_after(x: Array, past: Values, w: Weights, f: Functions, kept: Kept = 1.0) -> Values:
    """With reset_after: z_t (…, N, 3H), the others (…, N, H), from x_t (…, N, F) and the past h (…, N, H)."""
    x_part = x @ w.wx + w.bh[..., :1, :]  # (…, N, 3H)
    h_part = (kept * past["h"]) @ w.wh + w.bh[..., 1:, :]  # (…, N, 3H)
    x_update, x_reset, x_candidate = np.split(x_part, 3, axis=-1)
    h_update, h_reset, met = np.split(h_part, 3, axis=-1)
    z_update, z_reset = x_update + h_update, x_reset + h_reset
    update, reset = f.gate.f(z_update), f.gate.f(z_reset)
    z_candidate = x_candidate + reset * met
    return _mixed(past, [z_update, z_reset, z_candidate], update, reset, met, f)


def step_after_backward(
    d: Values, x: Array, past: Values, now: Values, w: Weights, f: Functions, kept: Kept = 1.0
) -> tuple[Array, Values, Weights]:
    """dx_t (…, N, F), dh_{t-1} (…, N, H) and this step's share of dwx, dwh, dbh, from dh_t (…, N, H)."""
    dz_update, dz_candidate, dh_past = _mixed_backward(d["h"], past, now, f)
    dmet = dz_candidate * now["reset"]
    dz_reset = dz_candidate * now["met"] * f.gate.derivative(now["reset"], _part(now["z"], 1))
    dx_part = np.concatenate([dz_update, dz_reset, dz_candidate], axis=-1)  # (…, N, 3H)
    dh_part = np.concatenate([dz_update, dz_reset, dmet], axis=-1)  # (…, N, 3H)
    dbh = np.concatenate([part.sum(axis=-2, keepdims=True) for part in (dx_part, dh_part)], axis=-2)
    dw = Weights(x.mT @ dx_part, (kept * past["h"]).mT @ dh_part, dbh)
    return dx_part @ w.wx.mT, {"h": dh_past + kept * (dh_part @ w.wh.mT)}, dw


def step_before(x: Array, past: Values, w: Weights, f: Functions, kept: Kept = 1.0) -> Values:
    """Without reset_after: z_t (…, N, 3H), the others (…, N, H), from x_t (…, N, F) and the past h (…, N, H)."""
    wh_gates, wh_candidate = _gates_and_candidate(w.wh)
    x_update, x_reset, x_candidate = np.split(x @ w.wx + w.bh, 3, axis=-1)
    h = kept * past["h"]
    h_update, h_reset = np.split(h @ wh_gates, 2, axis=-1)
    z_update, z_reset = x_update + h_update, x_reset + h_reset
    update, reset = f.gate.f(z_update), f.gate.f(z_reset)
    met = reset * h
    z_candidate = x_candidate + met @ wh_candidate
    return _mixed(past, [z_update, z_reset, z_candidate], update, reset, met, f)


def step_before_backward(
    d: Values, x: Array, past: Values, now: Values, w: Weights, f: Functions, kept: Kept = 1.0
) -> tuple[Array, Values, Weights]:
    """dx_t (…, N, F), dh_{t-1} (…, N, H) and this step's share of dwx, dwh, dbh, from dh_t (…, N, H)."""
    wh_gates, wh_candidate = _gates_and_candidate(w.wh)
    h = kept * past["h"]
    dz_update, dz_candidate, dh_past = _mixed_backward(d["h"], past, now, f)
    dmet = dz_candidate @ wh_candidate.mT
    dz_reset = dmet * h * f.gate.derivative(now["reset"], _part(now["z"], 1))
    dz_gates = np.concatenate([dz_update, dz_reset], axis=-1)  # (…, N, 2H)
    dz = np.concatenate([dz_gates, dz_candidate], axis=-1)  # (…, N, 3H)
    dwh = np.concatenate([h.mT @ dz_gates, now["met"].mT @ dz_candidate], axis=-1)
    dh = dmet * now["reset"] + dz_gates @ wh_gates.mT
    return dz @ w.wx.mT, {"h": dh_past + kept * dh}, Weights(x.mT @ dz, dwh, dz.sum(axis=-2, keepdims=True))


def _mixed(past: Values, z: list[Array], update: Array, reset: Array, met: Array, f: Functions) -> Values:
    """The last line of both variants, with the step's values."""
    candidate = f.activation.f(z[2])
    h = update * past["h"] + (1 - update) * candidate
    return {
        "z": np.concatenate(z, axis=-1), "update": update, "reset": reset, "met": met, "candidate": candidate, "h": h,
    }  # fmt: skip


def _mixed_backward(dh: Array, past: Values, now: Values, f: Functions) -> tuple[Array, Array, Array]:
    """The dz of update and candidate, and what h_{t-1} owes by that line."""
    dz_update = dh * (past["h"] - now["candidate"]) * f.gate.derivative(now["update"], _part(now["z"], 0))
    dz_candidate = dh * (1 - now["update"]) * f.activation.derivative(now["candidate"], _part(now["z"], 2))
    return dz_update, dz_candidate, dh * now["update"]


def _part(z: Array, index: int) -> Array:
    """(…, H): update, reset or candidate's of (…, 3H)."""
    units = z.shape[-1] // 3
    return z[..., index * units : (index + 1) * units]


def _gates_and_candidate(wh: Array) -> tuple[Array, Array]:
    """(…, H, 2H) and (…, H, H) of (…, H, 3H)."""
    units = wh.shape[-2]
    return wh[..., : 2 * units], wh[..., 2 * units :]


CELL_RESET_AFTER = Cell(("h",), step_after, step_after_backward)
CELL_RESET_BEFORE = Cell(("h",), step_before, step_before_backward)
