"""One step of the long short-term memory, forward and backward.

    z_t         = x_t · wx + (m ∘ h_{t-1}) · wh + bh         four parts, in Keras's order:
    input_t     = s(z_t: first H)
    forget_t    = s(z_t: second H)
    candidate_t = f(z_t: third H)
    output_t    = s(z_t: last H)
    c_t         = forget_t ∘ c_{t-1} + input_t ∘ candidate_t
    shown_t     = f(c_t)
    h_t         = output_t ∘ shown_t

m is dropout's mask of the state h, 1 outside training; c is never dropped. Axes: any leading axes (networks), then N
windows, F input features, H hidden units.

S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997; with the forget gate of F. A. Gers,
J. Schmidhuber, F. Cummins, "Learning to forget", Neural Computation 12, 2000.
"""

from __future__ import annotations

import numpy as np

from timeglass.cells.recurrent import Cell, Functions, Kept, Values, Weights
from timeglass.types import Array

__all__ = ["CELL", "step", "step_backward"]


def step(x: Array, past: Values, w: Weights, f: Functions, kept: Kept = 1.0) -> Values:
    """z_t (…, N, 4H) and the other values (…, N, H) from x_t (…, N, F) and the past h, c (…, N, H)."""
    z = x @ w.wx + (kept * past["h"]) @ w.wh + w.bh  # (…, N, 4H)
    z_input, z_forget, z_candidate, z_output = np.split(z, 4, axis=-1)
    gate_in, forget, gate_out = f.gate.f(z_input), f.gate.f(z_forget), f.gate.f(z_output)
    candidate = f.activation.f(z_candidate)
    c = forget * past["c"] + gate_in * candidate
    shown = f.activation.f(c)
    h = gate_out * shown
    return {
        "z": z, "input": gate_in, "forget": forget, "candidate": candidate, "output": gate_out,
        "c": c, "shown": shown, "h": h,
    }  # fmt: skip


def step_backward(
    d: Values, x: Array, past: Values, now: Values, w: Weights, f: Functions, kept: Kept = 1.0
) -> tuple[Array, Values, Weights]:
    """dx_t (…, N, F), dh_{t-1}, dc_{t-1} (…, N, H) and this step's share of dwx, dwh, dbh, from dh_t, dc_t."""
    z_input, z_forget, z_candidate, z_output = np.split(now["z"], 4, axis=-1)
    dc = d["c"] + d["h"] * now["output"] * f.activation.derivative(now["shown"], now["c"])
    dz_input = dc * now["candidate"] * f.gate.derivative(now["input"], z_input)
    dz_forget = dc * past["c"] * f.gate.derivative(now["forget"], z_forget)
    dz_candidate = dc * now["input"] * f.activation.derivative(now["candidate"], z_candidate)
    dz_output = d["h"] * now["shown"] * f.gate.derivative(now["output"], z_output)
    dz = np.concatenate([dz_input, dz_forget, dz_candidate, dz_output], axis=-1)  # (…, N, 4H)
    dw = Weights(x.mT @ dz, (kept * past["h"]).mT @ dz, dz.sum(axis=-2, keepdims=True))
    return dz @ w.wx.mT, {"h": kept * (dz @ w.wh.mT), "c": dc * now["forget"]}, dw


CELL = Cell(("h", "c"), step, step_backward)
