"""How much of its past a network uses: how far back a change of the window still moves the forecast, and what its
recurrent weights and states say of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, log, prod

import numpy as np

from timeglass.network import chain
from timeglass.network.layers import GRU, LSTM
from timeglass.network.weight_names import GATES
from timeglass.show.memory import MemoryPicture, StatesPicture, memory_svg, states_svg
from timeglass.show.svg import framed
from timeglass.trace.trace import Trace
from timeglass.types import Array

__all__ = ["LayerStates", "Memory", "layer_states", "memory", "window_jacobian"]

_SHARE = 0.9  # of the sensitivity, within the effective memory
_SATURATED = 0.98  # of a unit whose range is -1 … 1, or 0 … 1


@dataclass(frozen=True)
class Memory:
    """How the forecast hangs on each step of the window, as a mean over windows and outputs."""

    curve: Array  # (T,): |∂y/∂x| of the step so many before the last: curve[0] is the last one's

    @property
    def steps(self) -> int:
        """The effective memory: the last so many steps have nine tenths of the sensitivity; 0 where there is none."""
        total = self.curve.sum()
        return int(np.searchsorted(np.cumsum(self.curve), _SHARE * total * (1 - 1e-12)) + 1) if total > 0 else 0

    def picture(self) -> MemoryPicture:
        """The curve and the effective memory: `memory_svg` draws them."""
        return MemoryPicture(tuple(self.curve.tolist()), self.steps, _SHARE)

    def _repr_html_(self) -> str:
        return framed(memory_svg(self.picture()))


@dataclass(frozen=True)
class LayerStates:
    """What a recurrent layer's weights and states say of its memory."""

    layer: str
    eigenvalues: Array | None  # (H,) complex: of wh, largest first; None for gated layers, which have `gates`
    saturated: float  # share of all states beyond ± 0.98
    dead: tuple[int, ...]  # units that never move over these windows
    gates: Mapping[str, Array] = field(default_factory=dict)  # (H,) each: of a gate's part of wh, by its name
    kept: float | None = None  # of a gated layer: the share of its state that a step keeps, see `layer_states`

    @property
    def spectral_radius(self) -> float | None:
        """The size of wh's largest eigenvalue; of a gated layer, of the candidate's part, which brings states back."""
        found = self.eigenvalues if self.eigenvalues is not None else self.gates.get("candidate")
        return None if found is None else float(np.abs(found[0]))

    @property
    def half_life(self) -> float | None:
        """Steps after which half of a state is forgotten; infinite where nothing is.

        By a linear network with this wh, or of a gated layer by what its gates let through.
        """
        share = self.spectral_radius if self.kept is None else self.kept
        if share is None or share <= 0:
            return None if share is None else 0.0
        return inf if share >= 1 else log(0.5) / log(share)

    def picture(self) -> StatesPicture:
        """The eigenvalues and the other numbers: `states_svg` draws them."""
        values = None if self.eigenvalues is None else tuple(self.eigenvalues.tolist())
        gates = {gate: float(np.abs(found[0])) for gate, found in self.gates.items()}
        return StatesPicture(self.layer, values, self.half_life, self.saturated, self.dead, gates, self.kept)

    def _repr_html_(self) -> str:
        return framed(states_svg(self.picture()))


def window_jacobian(trace: Trace, x: Array | None = None) -> Array:
    """∂y/∂x (N, K, T, F): of each output of each window by each number of it; at windows x (N, T, F) instead, if given.

    A network that gives sequences has K = T · units outputs.
    """
    windows = trace["x"] if x is None else np.asarray(x, dtype=np.float64)
    outputs = prod(trace.architecture.output_shape)
    # Each window and output has a network of its own.
    copies = np.repeat(trace.weight_row[None], len(windows) * outputs, axis=0)
    values = chain.forward(trace.architecture, copies, np.repeat(windows, outputs, axis=0)[:, None])
    dy = np.tile(np.eye(outputs), (len(windows), 1)).reshape(len(copies), 1, *trace.architecture.output_shape)
    record: list[dict[str, Array]] = [{} for _ in values]
    chain.backward(trace.architecture, copies, values, dy, record=record)
    found = np.broadcast_to(record[-1]["dy"][:, :, 0], (windows.shape[1], len(copies), windows.shape[2]))
    return np.moveaxis(found, 0, 1).reshape(len(windows), outputs, *windows.shape[1:])


def memory(trace: Trace) -> Memory:
    """The curve of a trace's windows, and the effective memory."""
    sizes = np.abs(window_jacobian(trace)).sum(axis=-1).mean(axis=(0, 1))  # (T,)
    return Memory(sizes[::-1].copy())


def layer_states(trace: Trace, layer: str) -> LayerStates:
    """Of one recurrent layer of a trace.

    What a gated layer keeps of its state at a step is the geometric mean, over windows, steps and units, of its forget
    gate (LSTM) or update gate (GRU): the share that is left of a number after many steps, step by step.
    """
    index = trace.recurrent(layer)
    node, wh = trace.architecture.layers[index], trace.weights[index]["wh"]
    parts = np.split(wh, wh.shape[1] // len(wh), axis=1)
    found = {gate: _eigenvalues(part) for gate, part in zip(GATES.get(node.layer.kind, ("",)), parts, strict=True)}
    kept = None
    if isinstance(node.layer, GRU | LSTM):
        gate = trace[f"{layer}.{'forget' if isinstance(node.layer, LSTM) else 'update'}"]
        kept = float(np.exp(np.log(np.maximum(gate, np.finfo(np.float64).tiny)).mean()))
    h = trace[f"{layer}.h"]
    still = np.ptp(h, axis=(0, 1)) == 0 if trace.windows * node.time_steps > 1 else np.zeros(node.units, dtype=bool)
    return LayerStates(
        layer, found.pop("", None), float((np.abs(h) > _SATURATED).mean()), tuple(np.flatnonzero(still).tolist()),
        found, kept,
    )  # fmt: skip


def _eigenvalues(matrix: Array) -> Array:
    """(H,) complex, largest first."""
    found = np.linalg.eigvals(matrix).astype(complex)
    return found[np.argsort(-np.abs(found), kind="stable")]
