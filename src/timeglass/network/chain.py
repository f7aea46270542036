"""A whole network in NumPy, in float64 or float32: what the network is. The compiled kernel is proved equal to this.

Axes inside: T time steps lead (1 for a vector), then L networks (1 where they share their windows), N windows, and a
node's features F or units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from timeglass.cells.recurrent import Values
from timeglass.network.architecture import Architecture
from timeglass.network.dropout import INPUTS, STATE, Masks
from timeglass.network.operations import OPERATIONS, Task
from timeglass.types import Array

__all__ = ["backward", "forward", "output", "state_backward", "step_mask"]


def _task(
    architecture: Architecture, index: int, weights: Values, values: list[Values], masks: Masks | None,
    record: Values | None = None,
) -> Task:  # fmt: skip
    """The work of one node, with what the nodes that it reads have given."""
    node, kept = architecture.layers[index], masks or {}
    # A Masking node makes its mask, the others that have one are given it.
    mask = values[node.mask]["mask"] if node.masked and node.mask != index else None
    given = [values[source]["y"] for source in node.inputs]
    return Task(node, weights, given, mask, kept.get((index, INPUTS)), kept.get((index, STATE)), record)


def forward(
    architecture: Architecture,
    weights: Array,
    x: Array,
    masks: Masks | None = None,
    nudges: Mapping[int, Array] | None = None,
) -> list[Values]:
    """Every node's named arrays for weights (L, P) and windows x (L or 1, N, T, F), the window's own last.

    So `values[i]` belongs to node i, and `values[-1]["y"]` is the window, as -1 among a node's inputs says. Every node
    has `y` (T or 1, L, N, units), what the nodes that read it are given. Besides that, recurrent layers have the arrays
    that `through_time.forward` names, dense ones `z`, `Masking` its `mask`, `LinearSkip` its share `skip`.

    `masks` are dropout's, from `dropout_masks`; without them nothing is dropped. `nudges` (T, L, N or 1, H) are added
    to the states of those recurrent nodes, in the order in which these come about.

    >>> from timeglass.network.layers import LSTM
    >>> network = Architecture.of([LSTM(2)], time_steps=3, features=1)
    >>> values = forward(network, np.zeros((1, network.weight_count)), np.ones((1, 5, 3, 1)))
    >>> sorted(values[0]), values[0]["c"].shape
    (['c', 'candidate', 'forget', 'h', 'input', 'output', 'shown', 'y', 'z'], (4, 1, 5, 2))
    """
    window = np.moveaxis(np.asarray(x, dtype=weights.dtype), -2, 0)
    values: list[Values] = [{} for _ in architecture.layers] + [{"y": window}]
    for index, arrays in enumerate(architecture.split(weights)):
        task = _task(architecture, index, arrays, values, masks)
        if nudges is not None and index in nudges:
            task = replace(task, nudge=nudges[index])
        values[index] = OPERATIONS[task.node.layer.kind].forward(task)
    return values


def output(architecture: Architecture, values: list[Values]) -> Array:
    """The forecasts (L, N, K), or (L, N, T, K) where the network gives sequences."""
    last = len(architecture.layers) - 1
    y = values[last]["y"]
    return np.moveaxis(y, 0, -2) if architecture.layers[last].gives_sequence else y[0]


def step_mask(architecture: Architecture, values: list[Values]) -> NDArray[np.bool_] | None:
    """(L or 1, N, T): which steps of the forecasts count, where the network gives masked sequences; otherwise None."""
    last = architecture.layers[-1]
    if not (last.masked and last.gives_sequence):
        return None
    return np.moveaxis(values[last.mask]["mask"][..., 0], 0, -1)


def backward(
    architecture: Architecture,
    weights: Array,
    values: list[Values],
    dy: Array,
    masks: Masks | None = None,
    record: list[Values] | None = None,
) -> Array:
    """The gradient (L, P), given dy: the loss's derivative by the network's output, shaped as `output` gives it.

    `values` and `masks` are those of the forward pass. `record` has a place for each node, which is given all arrays of
    its way back, and a last one, which is given `dy`, the derivative by the window (T, L, N, F); that asks for N = 1,
    one window in each network.
    """
    gradient = np.zeros_like(weights)
    nodes, split, shares = architecture.layers, architecture.split(weights), architecture.split(gradient)
    d: list[Array | float] = [0.0] * len(values)  # by each node's y, summed over the nodes that read it
    d[len(nodes) - 1] = np.moveaxis(dy, -2, 0) if nodes[-1].gives_sequence else dy[None]
    for index in reversed(range(len(nodes))):
        task = _task(architecture, index, split[index], values, masks, None if record is None else record[index])
        dgiven, dweights = OPERATIONS[task.node.layer.kind].backward(task, values[index], np.asarray(d[index]))
        for source, share in zip(task.node.inputs, dgiven, strict=True):
            d[source] = d[source] + share
        for name, array in shares[index].items():
            array[...] = dweights[name].reshape(array.shape)
    if record is not None:
        record[len(nodes)]["dy"] = np.asarray(d[len(nodes)])
    return gradient


def state_backward(architecture: Architecture, index: int, weights: Array, values: list[Values], dh: Array) -> Array:
    """The derivatives (T, L, N, H) by the states h_1 … h_T of a recurrent node, given dh (L, N, H) by its last alone.

    In the order in which the states come about; N = 1.
    """
    record: Values = {}
    node = architecture.layers[index]
    task = _task(architecture, index, architecture.split(weights)[index], values, None, record)
    dy = np.zeros((node.time_steps if node.gives_sequence else 1, *dh.shape), dtype=dh.dtype)
    dy[0 if node.turned else -1] = dh
    OPERATIONS[node.layer.kind].backward(task, values[index], dy)
    return np.asarray(record["dh"])
