"""All windows at once, on the definition: the loss and its gradient, the forecasts and their Jacobian.

What Levenberg and Marquardt's method and L-BFGS ask of an engine. So many windows and networks are taken at a time that
the arrays on the way stay below some hundred megabytes; which windows go together depends on the architecture alone,
so that a network's numbers do not depend on how many stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from numpy.typing import NDArray

from timeglass.network import chain
from timeglass.network.architecture import Architecture
from timeglass.train.engine import FitTask
from timeglass.train.losses import batch_loss
from timeglass.types import Array

__all__ = ["gradients", "jacobian"]

# Numbers kept on the way at once: 64 MB of doubles.
_NUMBERS_AT_ONCE = 2**23

Rows = NDArray[np.intp]

_quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def _blocks(count: int, at_once: int) -> Iterator[slice]:
    """0 … count in blocks of at most `at_once`, and at least one."""
    at_once = max(1, at_once)
    return (slice(begin, min(begin + at_once, count)) for begin in range(0, count, at_once))


def _numbers(architecture: Architecture) -> int:
    """Numbers that one window's forward and backward pass keep, roughly: each node's input, gates and output."""
    return sum(8 * node.time_steps * (node.features + node.units) for node in architecture.layers)


def _of(values: Array, rows: Rows, part: slice, shared: bool) -> Array:
    """Of values given for windows, these networks' for these windows; with a first axis of 1 where all share them."""
    return values[None, part] if shared else values[rows, part]


@_quiet
def gradients(task: FitTask, weights: Array) -> tuple[Array, Array]:
    """The loss (L,) over all of a network's windows, L2 included, and its gradient (L, P), by weights (L, P).

    In the type of the weights; without dropout. What the task says of epochs, batches and optimiser plays no part.
    """
    losses, gradient = np.zeros(len(weights)), np.zeros_like(weights)
    counts = task.counts_of(len(weights))
    for count in np.unique(counts).tolist():
        blocks = list(_blocks_of_both(task.architecture, np.flatnonzero(counts == count), count))
        divisors = _divisors(task, weights, blocks, count)
        for rows, part in blocks:
            loss, share = _part_of_gradients(task, weights[rows], rows, part, divisors[rows])
            losses[rows] += loss
            gradient[rows] += share
    if task.l2 is not None:
        kept = weights * task.architecture.regularized
        losses += task.l2 * np.square(kept).sum(axis=1, dtype=np.float64)
        gradient += kept * (2.0 * task.l2).astype(weights.dtype)[:, None]
    return losses, gradient


def _blocks_of_both(architecture: Architecture, networks: Rows, windows: int) -> Iterator[tuple[Rows, slice]]:
    """Some networks with some of their windows, until all have been given."""
    numbers = _numbers(architecture)
    for part in _blocks(windows, _NUMBERS_AT_ONCE // numbers):
        for some in _blocks(len(networks), _NUMBERS_AT_ONCE // (numbers * (part.stop - part.start))):
            yield networks[some], part


def _divisors(task: FitTask, weights: Array, blocks: list[tuple[Rows, slice]], count: int) -> Array:
    """(L,): what the sum of losses is divided by: the windows; of masked sequences the steps that count."""
    last = task.architecture.layers[-1]
    if not (last.masked and last.gives_sequence):
        return np.full(len(weights), count)
    steps = np.zeros(len(weights), dtype=np.int64)
    for rows, part in blocks:
        values = chain.forward(task.architecture, weights[rows], _of(task.x, rows, part, task.x.ndim == 3))
        mask = chain.step_mask(task.architecture, values)
        steps[rows] += 0 if mask is None else mask.sum(axis=(1, 2))
    return np.maximum(steps, 1)


def _part_of_gradients(task: FitTask, weights: Array, rows: Rows, part: slice, divisors: Array) -> tuple[Array, Array]:
    """What some windows add to some networks' losses and gradients."""
    real, shared = weights.dtype, task.x.ndim == 3
    x, y = (_of(values, rows, part, shared).astype(real, copy=False) for values in (task.x, task.y))
    values = chain.forward(task.architecture, weights, x)
    shares = 1.0 / divisors[:, None]  # (L, 1): what each window, or step, has of the loss
    if task.sample_weight is not None:
        shares = shares * _of(task.sample_weight, rows, part, task.sample_weight.ndim == 1)
    shares = np.broadcast_to(shares, (len(weights), x.shape[1])).astype(real)  # (L, N)
    if (mask := chain.step_mask(task.architecture, values)) is not None:
        shares = shares[:, :, None] * mask  # (L, N, T)
    losses, dy = batch_loss(task.loss, chain.output(task.architecture, values), y, shares)
    return losses, chain.backward(task.architecture, weights, values, dy)


@_quiet
def jacobian(architecture: Architecture, weights: Array, x: Array) -> tuple[Array, Array]:
    """Forecasts (L, N, K) and their derivatives (L, N, K, P) by weights (L, P), for windows x ((L,) N, T, F).

    In the type of the weights; without dropout. A network that gives sequences has K = T · units outputs.

    >>> from timeglass.network.layers import Dense
    >>> line = Architecture.of([Dense(1)], time_steps=1, features=1)
    >>> forecasts, derivatives = jacobian(line, np.array([[2.0, 1.0]]), np.array([[[3.0]]]))
    >>> forecasts.tolist(), derivatives.tolist()
    ([[[7.0]]], [[[[3.0, 1.0]]]])
    """
    networks, windows = len(weights), x.shape[-3]
    outputs, count = prod(architecture.output_shape), architecture.weight_count
    forecasts = np.empty((networks, windows, outputs), dtype=weights.dtype)
    derivatives = np.empty((networks, windows, outputs, count), dtype=weights.dtype)
    numbers = _numbers(architecture) + 4 * count
    for part in _blocks(windows, _NUMBERS_AT_ONCE // numbers):
        for some in _blocks(networks, _NUMBERS_AT_ONCE // (numbers * (part.stop - part.start))):
            given = (x[None] if x.ndim == 3 else x[some])[:, part]
            forecasts[some, part], derivatives[some, part] = _part_of_jacobian(architecture, weights[some], given)
    return forecasts, derivatives


def _part_of_jacobian(architecture: Architecture, weights: Array, x: Array) -> tuple[Array, Array]:
    """Each window is given a network of its own, with a copy of the weights: its gradient is a row of the Jacobian."""
    networks, windows = len(weights), x.shape[1]
    copies = np.repeat(weights, windows, axis=0)  # (L · N, P)
    alone = np.broadcast_to(x, (networks, *x.shape[1:])).reshape(-1, 1, *x.shape[2:])  # (L · N, 1, T, F)
    values = chain.forward(architecture, copies, alone.astype(weights.dtype, copy=False))
    forecasts = chain.output(architecture, values)  # (L · N, 1, …)
    outputs = prod(architecture.output_shape)
    derivatives = np.empty((len(copies), outputs, copies.shape[1]), dtype=weights.dtype)
    for k in range(outputs):
        dy = np.zeros(forecasts.shape, dtype=forecasts.dtype)  # in C order, which zeros_like would not keep to
        dy.reshape(len(dy), -1)[:, k] = 1
        derivatives[:, k] = chain.backward(architecture, copies, values, dy)
    shape = networks, windows, outputs
    return forecasts.reshape(shape), derivatives.reshape(*shape, -1)
