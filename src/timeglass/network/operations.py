"""What each kind of node computes, forward directly above backward.

A forward function gives a node's named arrays, among them `y`, what other nodes read of it. A backward one takes dy and
gives the derivatives by each input, and by each weight array.

Axes: T time steps lead (1 for a vector), then L networks (1 where they share their windows), N windows, and a node's
features F or units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from timeglass.cells import dense, gru, lstm, simple_rnn, through_time
from timeglass.cells.activations import ACTIVATIONS
from timeglass.cells.recurrent import Cell, Functions, Values, Weights
from timeglass.network.layers import GRU, LSTM, Masking
from timeglass.network.nodes import Merge, PlacedLayer
from timeglass.types import Array

__all__ = ["OPERATIONS", "Operation", "Task"]

# Derivatives by a node's inputs, and by its weight arrays.
Shares = tuple[Sequence[Array], Values]


@dataclass(frozen=True)
class Task:
    """One node's work: the node with its weights and all that it is given."""

    node: PlacedLayer
    weights: Values  # by name, each (L, …)
    given: Sequence[Array]  # what each of its inputs gives, (T or 1, L or 1, N, F)
    mask: Array | None  # (T, L or 1, N, 1): true where a step counts
    inputs_kept: Array | None  # dropout's factors, (L, N, E)
    state_kept: Array | None  # (L, N, H)
    record: Values | None = None  # is given every array of the way back, where each window has its own network
    nudge: Array | None = None  # (T, L, N or 1, H): added to the states of a recurrent node


class Operation(NamedTuple):
    """A kind of node, forward and backward."""

    forward: Callable[[Task], Values]
    backward: Callable[[Task, Values, Array], Shares]


def _cell_of(node: PlacedLayer) -> Cell:
    if isinstance(node.layer, LSTM):
        return lstm.CELL
    if isinstance(node.layer, GRU):
        return gru.CELL_RESET_AFTER if node.layer.reset_after else gru.CELL_RESET_BEFORE
    return simple_rnn.CELL


def _bias(task: Task, name: str, matrix: str, rows: int = 1) -> Array:
    """(L, rows, G·H), zeros where the layer has none."""
    kernel = task.weights[matrix]
    if name in task.weights:
        return task.weights[name].reshape(len(kernel), rows, -1)
    return np.zeros((len(kernel), rows, kernel.shape[-1]), dtype=kernel.dtype)


def _run(task: Task) -> through_time.Run:
    cell = _cell_of(task.node)
    rows = 2 if cell is gru.CELL_RESET_AFTER else 1
    weights = Weights(task.weights["wx"], task.weights["wh"], _bias(task, "bh", "wh", rows))
    functions = Functions(ACTIVATIONS[task.node.activation], ACTIVATIONS[task.node.recurrent_activation])
    kept = 1.0 if task.state_kept is None else task.state_kept
    return through_time.Run(cell, weights, functions, kept, task.mask, task.node.go_backwards, task.nudge)


def _kept_inputs(task: Task) -> Array:
    """The inputs (T, L, N, F) without the features that dropout takes, the same ones at every step."""
    return task.given[0] if task.inputs_kept is None else task.given[0] * task.inputs_kept


def _recurrent(task: Task) -> Values:
    run = _run(task)
    values = through_time.forward(run, _kept_inputs(task))
    y = values["h"][1:] if task.node.gives_sequence else values["h"][-1:]
    if task.node.zero_masked and run.mask is not None:
        y = np.where(run.in_its_order(run.mask), y, 0)
    return values | {"y": y[::-1] if task.node.turned else y}


def _recurrent_backward(task: Task, values: Values, dy: Array) -> Shares:
    run = _run(task)
    dy = dy[::-1] if task.node.turned else dy
    if task.node.zero_masked and run.mask is not None:
        dy = np.where(run.in_its_order(run.mask), dy, 0)
    dh = np.zeros_like(values["h"][1:])
    dh[len(dh) - len(dy) :] = dy
    values = {name: array for name, array in values.items() if name != "y"}
    dx, dw = through_time.backward(run, dh, _kept_inputs(task), values, task.record)
    dx = dx if task.inputs_kept is None else dx * task.inputs_kept
    return [dx], dw._asdict()


def _dense_weights(task: Task) -> dense.Weights:
    return dense.Weights(task.weights["wy"], _bias(task, "by", "wy"))


def _dense(task: Task) -> Values:
    return dense.step(task.given[0], _dense_weights(task), ACTIVATIONS[task.node.activation])


def _dense_backward(task: Task, values: Values, dy: Array) -> Shares:
    f = ACTIVATIONS[task.node.activation]
    dx, dw = dense.step_backward(dy, task.given[0], values, _dense_weights(task), f)
    if task.record is not None:
        task.record.update({"dy": dy, "dz": dw.by, "dx": dx, "dwy": dw.wy, "dby": dw.by})
    return [dx], {"wy": dw.wy.sum(axis=0), "by": dw.by.sum(axis=0)}


def _factors(task: Task) -> Array | float:
    """Dropout's (T or 1, L, N, F) of (L, N, T·F)."""
    if task.inputs_kept is None:
        return 1.0
    networks, windows, _ = task.inputs_kept.shape
    return np.moveaxis(task.inputs_kept.reshape(networks, windows, task.node.time_steps, -1), 2, 0)


def _dropout(task: Task) -> Values:
    return {"y": task.given[0] * _factors(task)}


def _dropout_backward(task: Task, values: Values, dy: Array) -> Shares:  # noqa: ARG001
    return [dy * _factors(task)], {}


def _masking(task: Task) -> Values:
    assert isinstance(task.node.layer, Masking)
    x = task.given[0]
    marked = x.astype(np.float32) != np.float32(task.node.layer.mask_value)
    mask = marked.any(axis=-1, keepdims=True)  # (T, L or 1, N, 1)
    return {"mask": mask, "y": np.where(mask, x, 0)}


def _masking_backward(task: Task, values: Values, dy: Array) -> Shares:  # noqa: ARG001
    return [np.where(values["mask"], dy, 0)], {}


def _mode(task: Task) -> str:
    assert isinstance(task.node.layer, Merge)
    return task.node.layer.mode


def _merge(task: Task) -> Values:
    one, other = task.given
    mode = _mode(task)
    if mode == "concat":
        return {"y": np.concatenate([one, other], axis=-1)}
    if mode == "mul":
        return {"y": one * other}
    return {"y": one + other if mode == "sum" else (one + other) / 2}


def _merge_backward(task: Task, values: Values, dy: Array) -> Shares:  # noqa: ARG001
    one, other = task.given
    mode = _mode(task)
    if mode == "concat":
        return [dy[..., : one.shape[-1]], dy[..., one.shape[-1] :]], {}
    if mode == "mul":
        return [dy * other, dy * one], {}
    return ([dy, dy] if mode == "sum" else [dy / 2, dy / 2]), {}


def _flat_window(task: Task) -> Array:
    """(1, L or 1, N, E): the last steps of the window, one after the other."""
    window = np.moveaxis(task.given[1], 0, -2)  # (L or 1, N, T, F)
    return window.reshape(*window.shape[:2], -1)[None, ..., -task.node.skip_features :]


def _linear_skip(task: Task) -> Values:
    skip = dense.step(_flat_window(task), _dense_weights(task), ACTIVATIONS["linear"])["y"]
    return {"skip": skip, "y": task.given[0] + skip}


def _linear_skip_backward(task: Task, values: Values, dy: Array) -> Shares:
    now = {"z": values["skip"], "y": values["skip"]}
    dflat, dw = dense.step_backward(dy, _flat_window(task), now, _dense_weights(task), ACTIVATIONS["linear"])
    steps, _, windows, features = task.given[1].shape
    dwindow = np.zeros((dflat.shape[1], windows, steps * features), dtype=dy.dtype)
    dwindow[..., -task.node.skip_features :] = dflat[0]
    dwindow = np.moveaxis(dwindow.reshape(-1, windows, steps, features), -2, 0)
    if task.record is not None:
        task.record.update({"dy": dy, "dwy": dw.wy, "dby": dw.by})
    return [dy, dwindow], {"wy": dw.wy[0], "by": dw.by[0]}


OPERATIONS: dict[str, Operation] = {
    "simple_rnn": Operation(_recurrent, _recurrent_backward),
    "gru": Operation(_recurrent, _recurrent_backward),
    "lstm": Operation(_recurrent, _recurrent_backward),
    "dense": Operation(_dense, _dense_backward),
    "dropout": Operation(_dropout, _dropout_backward),
    "masking": Operation(_masking, _masking_backward),
    "merge": Operation(_merge, _merge_backward),
    "linear_skip": Operation(_linear_skip, _linear_skip_backward),
}
