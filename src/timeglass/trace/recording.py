"""Runs the definition, or the compiled kernel, over windows and keeps everything, forward and backward.

In both each window is given a network of its own with a copy of the weights: so what a window and a step add to a
gradient stands apart, by the equations of the cells themselves.
"""

from __future__ import annotations

import numpy as np

from timeglass.cells.recurrent import Values
from timeglass.errors import OptionError
from timeglass.kernel.library import Library
from timeglass.network import chain
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import Masking
from timeglass.trace.kernel_record import kernel_passes
from timeglass.trace.trace import Trace
from timeglass.train.losses import Loss, batch_loss
from timeglass.types import Array

__all__ = ["record"]

# Numbers of a trace: a gigabyte of doubles.
_MOST_NUMBERS = 2**27


def record(
    architecture: Architecture,
    weights: Array,
    x: Array,
    y: Array | None = None,
    loss: Loss | None = None,
    *,
    library: Library | None = None,
) -> Trace:
    """The trace of windows x (N, T, F), with targets y (N, …) if given, by one network's weights (P,).

    The definition's, in float64; with a `library`, the compiled kernel's own numbers. An `OptionError` where so many
    windows would not fit into the memory.
    """
    _check_size(architecture, x, y)
    if library is not None:
        values, kept, losses = kernel_passes(library, architecture, weights, x, y, loss)
    else:
        values, kept, losses = _definition_passes(architecture, weights, x, y, loss)
    window = values[-1]["y"][:, :, 0]
    arrays = {"x": np.moveaxis(window, 0, 1)}
    given = {-1: arrays["x"]}
    for index, node in enumerate(architecture.layers):
        given[index] = _own(values[index]["y"], node, node.gives_sequence, turned=False)
        arrays |= {f"{node.name}.{name}": array for name, array in _forward(node, values[index]).items()}
    if kept:
        for node, found in zip(architecture.layers, kept[:-1], strict=True):
            arrays |= {f"{node.name}.{name}": array for name, array in _backward(node, found).items()}
        arrays["dx"] = np.moveaxis(kept[-1]["dy"][:, :, 0], 0, 1)  # (N, T, F)
    row = np.asarray(weights, dtype=np.float64)[None]
    split = [{name: array[0] for name, array in own.items()} for own in architecture.split(row)]
    targets = None if losses is None or y is None else np.asarray(y, dtype=np.float64)
    engine = "numpy" if library is None else "lanes"
    return Trace(architecture, engine, split, arrays, losses, given, targets, None if losses is None else loss)


def _check_size(architecture: Architecture, x: Array, y: Array | None) -> None:
    """An `OptionError` where a trace would be too large."""
    windows, steps = x.shape[:2]
    # Each window has a copy of the weights, and with targets a share of each gradient at every step.
    shares = architecture.weight_count * (0 if y is None else 1)
    values = sum(8 * (node.units + node.features) for node in architecture.layers)
    numbers = windows * (architecture.weight_count + steps * (shares + values))
    if numbers > _MOST_NUMBERS:
        raise OptionError(
            f"trace: {windows:,} windows of {steps} steps come to {numbers:,} numbers: "
            f"trace at most {max(1, windows * _MOST_NUMBERS // numbers):,} windows at a time"
        )


def _definition_passes(
    architecture: Architecture, weights: Array, x: Array, y: Array | None, loss: Loss | None
) -> tuple[list[Values], list[Values], Array | None]:
    """As `kernel_passes`, by the equations of the cells in float64."""
    windows = len(x)
    copies = np.repeat(np.asarray(weights, dtype=np.float64)[None], windows, axis=0)  # (N, P)
    values = chain.forward(architecture, copies, np.asarray(x, dtype=np.float64)[:, None])
    if y is None or loss is None:
        return values, [], None
    kept: list[Values] = [{} for _ in values]
    share = np.full((windows, 1), 1.0 / windows)
    if (mask := chain.step_mask(architecture, values)) is not None:
        share = mask / max(1, int(mask.sum()))  # (N, 1, T): as in training, steps that count share the loss
    forecasts = chain.output(architecture, values)  # (N, 1, …)
    losses, dy = batch_loss(loss, forecasts, np.asarray(y, dtype=np.float64)[:, None], share)
    chain.backward(architecture, copies, values, dy, record=kept)
    return values, kept, losses * windows


def _own(array: Array, node: PlacedLayer, timed: bool, turned: bool) -> Array:
    """(N, T, …), or (N, …) where there is no time, of (T, N, 1, …) or (1, N, 1, …): each window its own network."""
    array = array[::-1] if turned and node.go_backwards else array
    return np.moveaxis(array[:, :, 0], 0, 1) if timed else array[0, :, 0]


def _forward(node: PlacedLayer, values: dict[str, Array]) -> dict[str, Array]:
    """A node's arrays, in time's order. What a recurrent layer gives on is its h, but in a pair."""
    if not node.recurrent:
        timed = node.gives_sequence or isinstance(node.layer, Masking)
        found = {name: _own(array, node, timed, turned=False) for name, array in values.items()}
        return found | ({"mask": found["mask"][..., 0]} if "mask" in found else {})
    steps, found = node.time_steps, {}
    for name, array in values.items():
        if name == "y" and not (node.turned or node.zero_masked):
            continue
        own = name == "y"
        found[name] = _own(array[-steps:], node, node.gives_sequence if own else True, turned=not own)
    return found


def _backward(node: PlacedLayer, kept: dict[str, Array]) -> dict[str, Array]:
    """A node's derivatives, in time's order: (N, T, …) or (N, …)."""
    timed = node.recurrent or node.gives_sequence or isinstance(node.layer, Masking)
    found = {}
    for name, array in kept.items():
        weight = name[1:] in node.weight_shapes
        if name in ("dwx", "dwh", "dbh", "dwy", "dby") and not weight:
            continue  # a bias that the layer does not have
        ordered = array[::-1] if node.go_backwards else array
        # A share of a weight's gradient is (T, N, rows, columns), all else (T, N, 1, units).
        shape = node.weight_shapes[name[1:]] if weight else ordered.shape[3:]
        ordered = ordered.reshape(*ordered.shape[:2], *shape)
        found[name] = np.moveaxis(ordered, 0, 1) if timed else ordered[0]
    return found
