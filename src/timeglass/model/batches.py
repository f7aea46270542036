"""Training one batch at a time, for callbacks that want to look at each: the same numbers as in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from timeglass.network.philox import shuffled_orders
from timeglass.train.engine import Engine, FitTask, TrainingState
from timeglass.train.engine_lanes import Carry, carries_samples
from timeglass.types import Array

__all__ = ["train_by_batch"]


def train_by_batch(
    engine: Engine,
    task: FitTask,
    state: TrainingState,
    before: Callable[[int], None],
    after: Callable[[int, Array], bool],
) -> Array:
    """One epoch; gives its losses (L,).

    `before` is told the number of each batch, `after` also the losses (L,) so far: False of it ends the epoch.
    """
    kept = state.epochs, state.best_weights.copy(), state.best_loss.copy()
    try:
        losses = _batches(engine, task, state, before, after)
    finally:
        # The engine took each batch for an epoch.
        state.epochs, state.best_weights, state.best_loss = kept
    state.end_epoch(losses)
    return losses


def _batches(
    engine: Engine,
    task: FitTask,
    state: TrainingState,
    before: Callable[[int], None],
    after: Callable[[int, Array], bool],
) -> Array:
    counts, size = task.counts_of(len(state.weights)), task.batch_size
    orders = _orders(task, state, counts)
    sums, seen = np.zeros(len(counts)), np.zeros(len(counts), dtype=np.int64)
    samples = carries_samples(task, len(counts))  # as in the whole fit, also where the last batch is small
    for batch in range(task.batches):
        before(batch)
        sizes = np.clip(counts - batch * size, 0, size)
        carries: list[tuple[Carry, NDArray[np.bool_]]] = [("networks", ~samples), ("samples", samples)]
        for lanes, theirs in carries:
            rows = np.flatnonzero(theirs & (sizes > 0))
            if rows.size:
                some, part = state.take(rows), _batch_task(task, rows, orders, batch * size, sizes[rows])
                losses = engine.fit(replace(part, lanes=lanes), some, lambda _: None)[:, 0]
                state.put(rows, some)
                sums[rows] += losses * sizes[rows]
        seen += sizes
        if not after(batch, sums / seen):
            break
    return np.asarray(sums / seen)


def _orders(task: FitTask, state: TrainingState, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(L, N): the order in which each network meets its windows."""
    orders = np.tile(np.arange(task.windows), (len(counts), 1))
    if task.shuffle:
        for count in np.unique(counts).tolist():
            alike = np.flatnonzero(counts == count)
            orders[alike, :count] = shuffled_orders(task.seed, state.numbers[alike], epoch=state.epochs, count=count)
    return orders


def _batch_task(
    task: FitTask, rows: NDArray[np.intp], orders: NDArray[np.int64], begin: int, sizes: NDArray[np.int64]
) -> FitTask:
    """Some networks' next windows as a task of one batch."""
    some, chosen = task.take(rows), orders[rows, begin : begin + int(sizes.max())]  # (L, n)

    def picked(values: Array, shared: bool) -> Array:
        return values[chosen] if shared else values[np.arange(len(rows))[:, None], chosen]

    weight, shared = some.sample_weight, some.x.ndim == 3
    return replace(
        some,
        x=picked(some.x, shared),
        y=picked(some.y, shared),
        sample_weight=None if weight is None else picked(weight, weight.ndim == 1),
        counts=None if (sizes == sizes[0]).all() else sizes,
        epochs=1,
        batch_size=int(sizes.max()),
        shuffle=False,
    )
