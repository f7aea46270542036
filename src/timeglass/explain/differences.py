"""Central finite differences of a trace's loss, in float64: by its weights, and by the states of a recurrent layer.

    (loss(w + nudge) - loss(w - nudge)) / 2 nudge,   nudge = ε^⅓ · max(1, |w|), ε that of float64

They go forward only, so that they share nothing with the way back. J. Nocedal, S. J. Wright, "Numerical Optimization",
2nd ed. 2006, 8.1 (the nudge).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from timeglass.errors import OptionError
from timeglass.explain.corners import changed_sides, corner_sides
from timeglass.network import chain
from timeglass.trace.trace import Trace
from timeglass.train.losses import batch_shares
from timeglass.types import Array

__all__ = ["Differences", "needs_targets", "rounding", "state_differences", "states_nudged", "weights_nudged"]

_EPSILON = float(np.finfo(np.float64).eps)
_EPSILON_32 = float(np.finfo(np.float32).eps)
_NUDGE = _EPSILON ** (1 / 3)
_MOST_NUMBERS = 2**22  # of a forward pass
_MOST_WORK = 2**33  # multiply-adds of the differences of all states: some ten seconds


class Differences(NamedTuple):
    """Of one array."""

    central: Array
    spread: Array  # half of what the differences to either side are apart
    # Windows in which a nudge takes an activation across a corner. A weight's differences leave them out, unless that
    # would leave none.
    corners: Array  # (M, N)


def needs_targets(trace: Trace) -> None:
    """An `OptionError` for a trace that has none."""
    if trace.loss is None:
        raise OptionError("no gradients without targets: trace(x, y)")


def rounding(trace: Trace) -> float:
    """What rounding may do to a difference, as a rule of thumb: some units in the last place of the mean loss."""
    assert trace.losses is not None
    size = max(float(np.abs(trace.losses).max()), float(np.abs(trace.forecasts).max()))
    of_kernel = 0.0
    if trace.engine == "lanes":  # whose gradients are float32's
        of_kernel = 16 * _EPSILON_32 * max(float(np.abs(trace[name]).max()) for name in trace.names if ".d" in name)
    return 4 * _EPSILON * size / _NUDGE + of_kernel


def weights_nudged(trace: Trace, at: int, changes: Array) -> Differences:
    """(M,): of the mean loss along changes (M, size) of the weights from `at` on."""
    row, here = trace.weight_row, _losses(trace, trace.weight_row[None])[0]
    own = slice(at, at + changes.shape[1])
    nudges = _NUDGE * np.maximum(1, np.abs(row[own] * changes).max(axis=1))
    found = []
    for first in range(0, len(changes), _block(trace)):
        some = slice(first, first + _block(trace))
        losses, sides, steps = [], [], []
        for sign in (1, -1):
            rows = np.repeat(row[None], len(changes[some]), axis=0)
            rows[:, own] += sign * nudges[some, None] * changes[some]
            # The step that was taken is what the sum rounded it to.
            steps.append(np.abs(rows[:, own] - row[own]).max(axis=1))
            own_losses, own_sides = _losses(trace, rows)
            losses.append(own_losses)
            sides.append(own_sides)
        corners = changed_sides(sides[0], sides[1], losses[0].shape)
        kept = ~corners | corners.all(axis=1, keepdims=True)
        up, down, still = (np.where(kept, each, 0).sum(axis=1) for each in (*losses, here))
        found.append(_sides(up, down, still, (steps[0], steps[1]), corners))
    return _joined(found)


def states_nudged(trace: Trace, index: int, places: Array) -> Differences:
    """(M, N): of each window's share of the mean loss by a recurrent node's states at places (M, 2): step, unit."""
    node = trace.architecture.layers[index]
    nudge = _NUDGE * max(1.0, float(np.abs(trace[f"{node.name}.h"]).max()))
    here = _losses(trace, trace.weight_row[None])[0]
    found = []
    for first in range(0, len(places), _block(trace)):
        steps, units = places[first : first + _block(trace)].T
        rows = np.repeat(trace.weight_row[None], len(steps), axis=0)
        met = node.time_steps - 1 - steps if node.go_backwards else steps
        nudges = np.zeros((node.time_steps, len(steps), 1, node.units))
        nudges[met, np.arange(len(steps)), 0, units] = nudge
        (up, above), (down, below) = (_losses(trace, rows, {index: sign * nudges}) for sign in (1, -1))
        corners = changed_sides(above, below, up.shape)
        found.append(_sides(up, down, here, (np.array(nudge), np.array(nudge)), corners))
    return _joined(found)


def state_differences(trace: Trace, layer: str | None = None) -> Array:
    """∂loss/∂h_t (N, T, H) of a recurrent layer by central finite differences, beside the trace's own `dh`.

    Each state of each window is nudged by itself, at each step. The layer is the first recurrent one unless named; an
    `OptionError` where that would take long.
    """
    needs_targets(trace)
    index = trace.recurrent(layer)
    node, architecture = trace.architecture.layers[index], trace.architecture
    places = node.time_steps * node.units
    if 2 * places * trace.windows * architecture.work > _MOST_WORK:
        few = max(1, _MOST_WORK // (2 * places * architecture.work))
        raise OptionError(
            f"finite differences of {places:,} states of {trace.windows:,} windows would take more than "
            f"{_MOST_WORK:,} multiply-adds: trace at most {few:,} windows"
        )
    every = np.indices((node.time_steps, node.units)).reshape(2, -1).T
    central = states_nudged(trace, index, every).central  # (T · H, N)
    return np.moveaxis(central.reshape(node.time_steps, node.units, -1), -1, 0)


def _losses(trace: Trace, rows: Array, nudges: dict[int, Array] | None = None) -> tuple[Array, list[Array]]:
    """(L, N): what each window adds to the mean loss, of networks (L, P); and on which sides of corners they are."""
    assert trace.loss is not None
    assert trace.targets is not None
    values = chain.forward(trace.architecture, rows, trace["x"][None], nudges=nudges)
    shares = batch_shares(trace.windows, np.float64, steps=chain.step_mask(trace.architecture, values))
    p, y = chain.output(trace.architecture, values), trace.targets[None]
    sides = corner_sides(trace.architecture, values)
    if shares.ndim == 2:
        return np.asarray(trace.loss.of_windows(p, y) * shares), sides
    return np.asarray((trace.loss.of_steps(p, y) * shares).sum(axis=-1)), sides


def _block(trace: Trace) -> int:
    """How many networks at once."""
    nodes = trace.architecture.layers
    each = trace.windows * sum(8 * node.time_steps * (node.units + node.features) for node in nodes)
    return max(1, _MOST_NUMBERS // (each + trace.architecture.weight_count))


def _sides(up: Array, down: Array, here: Array, steps: tuple[Array, Array], corners: Array) -> Differences:
    """From the losses with the nudge, against it, and without."""
    above, below = steps
    spread = np.abs((up - here) / above - (here - down) / below) / 2
    return Differences((up - down) / (above + below), spread, corners)


def _joined(found: list[Differences]) -> Differences:
    return Differences(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
