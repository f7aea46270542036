"""The reference engine: the definition itself, put in a training loop. Runs wherever NumPy does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.network import chain
from timeglass.network.architecture import Architecture
from timeglass.network.dropout import Masks, check_rates, dropout_masks, drops
from timeglass.network.philox import shuffled_orders
from timeglass.train import full_batch
from timeglass.train.engine import FitTask, OnProgress, Rows, TrainingState, architecture_of
from timeglass.train.losses import Loss, batch_loss, batch_shares, loss_of
from timeglass.types import Array, Floats

__all__ = ["NumpyEngine", "loss_and_gradient"]

# Multiply-adds of a forward pass at once, so that the values kept on the way take some hundred megabytes at most.
_WORK_AT_ONCE = 3 * 10**7

# Windows (L or 1, N, T, F), targets (L or 1, N, …) and sample weights (L or 1, N).
Batch = tuple[Array, Array, Array | None]

_quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")


def loss_and_gradient(
    architecture: Architecture, weights: Array, x: Array, y: Array, loss: Loss | str
) -> tuple[Array, Array]:
    """The loss (L,) of windows x (L or 1, N, T, F), y (L or 1, N, …), and its gradient (L, P).

    >>> from timeglass.network.layers import Dense
    >>> line = Architecture.of([Dense(1)], time_steps=1, features=1)  # y = 2 x + 0.5 at x = 1, where 3 is asked for
    >>> x, y = np.array([[[[1.0]]]]), np.array([[[[3.0]]]])
    >>> loss, gradient = loss_and_gradient(line, np.array([[2.0, 0.5]]), x, y, "mse")
    >>> loss.tolist(), gradient.tolist()
    ([0.25], [[-1.0, -1.0]])
    """
    return _loss_and_gradient(architecture, weights, (x, y, None), loss_of(loss))


def _loss_and_gradient(
    architecture: Architecture, weights: Array, batch: Batch, loss: Loss, masks: Masks | None = None
) -> tuple[Array, Array]:
    """A batch's loss (L,) and gradient (L, P)."""
    x, y, sample_weight = batch
    values = chain.forward(architecture, weights, x, masks)
    shares = batch_shares(x.shape[1], weights.dtype, sample_weight, chain.step_mask(architecture, values))
    losses, dy = batch_loss(loss, chain.output(architecture, values), y, shares)
    return losses, chain.backward(architecture, weights, values, dy, masks)


def _groups(sizes: NDArray[np.int64]) -> Iterator[tuple[int, Rows]]:
    """The networks with as many windows, for each such number above 0; all of them as a slice where they agree."""
    if (sizes == sizes[0]).all():
        yield int(sizes[0]), slice(None)
        return
    for size in np.unique(sizes[sizes > 0]).tolist():
        yield size, np.flatnonzero(sizes == size)


class _Data:
    """A task's arrays, each with a leading axis of networks, of length 1 where they share it."""

    def __init__(self, task: FitTask, networks: int) -> None:
        task.check(networks)
        shared = task.x.ndim == 3
        self.networks = networks
        self.counts = task.counts_of(networks)
        self._x, self._y = (task.x[None], task.y[None]) if shared else (task.x, task.y)
        self._weight = task.sample_weight
        if self._weight is not None and self._weight.ndim == 1:
            self._weight = self._weight[None]

    def _some(self, values: Array, rows: Rows, chosen: Array) -> Array:
        if len(values) == 1:
            return values[0][chosen]
        return values[np.arange(self.networks)[rows][:, None], chosen]

    def batch(self, rows: Rows, chosen: Array) -> Batch:
        """Of some networks, the windows chosen (L or 1, n)."""
        weight = None if self._weight is None else self._some(self._weight, rows, chosen)
        return self._some(self._x, rows, chosen), self._some(self._y, rows, chosen), weight


class _Penalty:
    """The L2 penalty of some networks: l2 · the sum of squares of the weights that are regularized."""

    def __init__(self, task: FitTask, real: Any) -> None:
        self._l2 = task.l2
        self._regularized = task.architecture.regularized.astype(real)

    def add(self, rows: Rows, weights: Array, losses: Array, gradient: Array) -> None:
        """Adds penalty and derivative, w · (2 · l2), to losses (L,) and gradient (L, P)."""
        if self._l2 is None:
            return
        l2 = self._l2[rows]
        kept = weights * self._regularized
        losses += l2 * np.square(kept).sum(axis=1, dtype=np.float64)
        gradient += kept * (2.0 * l2).astype(weights.dtype)[:, None]


class _Fit:
    """A fit on its way."""

    def __init__(self, task: FitTask, state: TrainingState) -> None:
        self.task, self.state = task, state
        self.data = _Data(task, len(state.weights))
        self.penalty = _Penalty(task, state.weights.dtype.type)
        self.base_rates = task.optimizer.base_rates(len(state.weights))
        self.drops = drops(task.architecture)
        check_rates(task.architecture, len(state.weights))
        state.make_slots(task.optimizer)

    def orders(self) -> Array:
        """(L or 1, N): the windows in the order in which each network meets them in the coming epoch."""
        task, state, counts = self.task, self.state, self.data.counts
        if not task.shuffle:
            return np.arange(task.windows)[None]
        orders = np.zeros((len(counts), task.windows), dtype=np.int64)
        for count, rows in _groups(counts):
            orders[rows, :count] = shuffled_orders(task.seed, state.numbers[rows], epoch=state.epochs, count=count)
        return orders

    def batch(self, rows: Rows, chosen: Array, begin: int) -> Array:
        """Trains some networks on the windows chosen (L or 1, n), at place `begin` and on; gives the losses (L,)."""
        task, weights = self.task, self.state.weights[rows]
        count = chosen.shape[1]
        masks = self._masks(rows, begin + np.arange(count)) if self.drops else None
        batch = self.data.batch(rows, chosen)
        losses, gradient = _loss_and_gradient(task.architecture, weights, batch, task.loss, masks)
        self.penalty.add(rows, weights, losses, gradient)
        self._step(rows, weights, gradient)
        return losses

    def _masks(self, rows: Rows, positions: Array) -> Masks:
        task, state = self.task, self.state
        whole = isinstance(rows, slice)
        architecture = task.architecture if whole else architecture_of(task.architecture, rows)
        return dropout_masks(architecture, task.seed, state.numbers[rows], state.epochs, positions)

    def _step(self, rows: Rows, weights: Array, gradient: Array) -> None:
        """One step of the optimiser: `weights` are those of the rows, a view or a copy."""
        state, optimizer = self.state, self.task.optimizer
        rates = self.base_rates[rows] * state.rate_scale[rows] * optimizer.factor(state.steps[rows])
        state.steps[rows] += 1
        state.beta_powers[rows] *= optimizer.betas
        step_rates = optimizer.step_rates(rates, state.beta_powers[rows], weights.dtype)
        optimizer.clip(gradient, lambda: self._arrays(gradient))
        slots = state.slots[:, rows]
        optimizer.step(gradient, weights, slots, step_rates)
        state.weights[rows] = weights
        state.slots[:, rows] = slots

    def _arrays(self, gradient: Array) -> list[Array]:
        return [array for arrays in self.task.architecture.split(gradient) for array in arrays.values()]

    def epoch(self, on_batch: OnProgress) -> Array:
        """Trains all networks for an epoch; gives its losses (L,)."""
        orders, size, counts = self.orders(), self.task.batch_size, self.data.counts
        losses = np.zeros(self.data.networks)
        for batch in range(self.task.batches):
            begin = batch * size
            for windows, rows in _groups(np.clip(counts - begin, 0, size)):
                chosen = (orders if len(orders) == 1 else orders[rows])[:, begin : begin + windows]
                losses[rows] += self.batch(rows, chosen, begin) * (windows / counts[rows])
            on_batch((batch + 1) / self.task.batches)
        self.state.end_epoch(losses)
        return losses


class NumpyEngine:
    """All networks at once, along the arrays' first axis.

    What a task's `lanes` say is for the compiled engine; it changes no equation, and nothing here.
    """

    name = "numpy"

    # Numbers that outgrow float32 end in the model's DivergenceError; NumPy need not warn of them as well.
    @_quiet
    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        fit = _Fit(task, state)
        losses = np.zeros((len(state.weights), task.epochs))
        for epoch in range(task.epochs):

            def on_batch(share: float, epoch: int = epoch) -> None:
                on_progress((epoch + share) / task.epochs)

            losses[:, epoch] = fit.epoch(on_batch)
        return losses

    @_quiet
    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        windows = x if x.ndim == 4 else x[None]
        at_once = max(1, _WORK_AT_ONCE // max(1, architecture.work * len(weights)))
        made = [
            chain.output(architecture, chain.forward(architecture, weights, windows[:, begin : begin + at_once]))
            for begin in range(0, windows.shape[1], at_once)
        ]
        return np.concatenate(made, axis=1)

    def gradients(self, task: FitTask, weights: Array) -> tuple[Array, Array]:
        task.check(len(weights))
        return full_batch.gradients(task, weights)

    def jacobian(self, architecture: Architecture, weights: Array, x: Array) -> tuple[Array, Array]:
        return full_batch.jacobian(architecture, weights, x)
