"""What L minimisations, independent of each other, have come to: losses, stops, and the best weights so far."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from timeglass.types import Array

__all__ = ["Iterations", "OnIteration", "Rows", "Validate"]

Rows = NDArray[np.intp]  # (L',): which of the L minimisations
Validate = Callable[[Array, Rows], Array]  # weights (L', P) of these rows -> validation losses (L',)
OnIteration = Callable[[float], None]  # called with the share that is done, 0 … 1; what it raises ends the work


class Iterations:
    """L minimisations of at most `limit` iterations each. A minimiser calls `begin` once, then `end_iteration`.

    Whenever it is stopped, by its own end or by an error, `best_weights` holds the best: the present weights, or,
    with `patience`, those of the lowest validation loss; a minimisation then ends after `patience` iterations
    without a lower one (L. Prechelt, "Early stopping – but when?", 1998).

    >>> two = Iterations(np.zeros((2, 1)), limit=5)
    >>> two.begin(np.array([4.0, 9.0]))
    >>> two.end_iteration(np.array([1]), np.array([[0.5]]), np.array([2.0]))
    >>> two.done.tolist(), two.values.tolist(), two.running.tolist()
    ([0, 1], [4.0, 2.0], [0, 1])
    """

    def __init__(
        self,
        start: Array,
        limit: int,
        *,
        validate: Validate | None = None,
        patience: int | None = None,
        on_iteration: OnIteration | None = None,
    ) -> None:
        networks = len(start)
        self.limit = limit
        self.weights = np.array(start, dtype=np.float64)  # (L, P): at the end of each one's last iteration
        self.values = np.full(networks, np.nan)  # (L,): their loss
        self.done = np.zeros(networks, dtype=np.int64)  # (L,): iterations
        self.best_weights = self.weights.copy()  # (L, P)
        self.best_losses = np.full(networks, np.inf)  # (L,): their loss
        self.best_values = np.full(networks, np.inf)  # (L,): their validation loss; the loss where there is none
        # Columns are added as they are needed: few reach the limit.
        self._losses = np.empty((networks, 0))
        self._validation_losses = np.empty((networks, 0))
        self._start_validation = np.full(networks, np.nan)
        self._running = np.ones(networks, dtype=bool)
        self._waited = np.zeros(networks, dtype=np.int64)  # (L,): iterations since the best
        self._validate, self._patience, self._on_iteration = validate, patience, on_iteration

    @property
    def running(self) -> Rows:
        """Which minimisations have not ended."""
        return np.flatnonzero(self._running)

    def runs(self, rows: Rows) -> NDArray[np.bool_]:
        """(L',): which of these have not ended."""
        return self._running[rows]

    @property
    def losses(self) -> dict[str, Array]:
        """By name, "loss" and with validation "val_loss": (L, iterations of the longest), at the end of each iteration.

        A minimisation that ended earlier keeps its last value.
        """
        columns = {"loss": self._filled(self._losses, self.values)}
        if self._validate is not None:
            columns["val_loss"] = self._filled(self._validation_losses, self._start_validation)
        return columns

    def begin(self, values: Array) -> None:
        """Notes the loss (L,) at the start; a minimisation whose start is not finite ends here."""
        self.values[:] = values
        every = np.arange(len(values))
        if self._validate is not None:
            self._start_validation[:] = self._validate(self.weights, every)
        self._keep_best(every, values if self._validate is None else self._start_validation)
        self.stop(every[~np.isfinite(values)])

    def end_iteration(self, rows: Rows, weights: Array, values: Array) -> None:
        """Notes an iteration of `rows`: where each stands now (L', P), and the loss there (L',)."""
        if self.done[rows].max(initial=0) == self._losses.shape[1]:
            self._losses, self._validation_losses = _widened(self._losses), _widened(self._validation_losses)
        self.weights[rows], self.values[rows] = weights, values
        self._losses[rows, self.done[rows]] = values
        validation = values
        if self._validate is not None:
            validation = self._validate(weights, rows)
            self._validation_losses[rows, self.done[rows]] = validation
        self.done[rows] += 1
        self._waited[rows] += 1
        self._keep_best(rows, validation)
        self.stop(rows[self.done[rows] >= self.limit])
        if self._patience is not None:
            self.stop(rows[self._waited[rows] >= self._patience])

    def report(self) -> None:
        """Says how much of the work is done, where someone listens."""
        if self._on_iteration is not None:
            done = np.where(self._running, self.done, self.limit)
            self._on_iteration(float(done.sum()) / (self.limit * len(done)))

    def stop(self, rows: Rows) -> None:
        """Ends these minimisations."""
        self._running[rows] = False

    def _keep_best(self, rows: Rows, validation: Array) -> None:
        """The present weights, since the loss never rises; with patience those that validate best."""
        better = np.ones(len(rows), dtype=bool)
        if self._patience is not None:
            better = validation < self.best_values[rows]
        kept = rows[better]
        self.best_weights[kept] = self.weights[kept]
        self.best_losses[kept], self.best_values[kept] = self.values[kept], validation[better]
        self._waited[kept] = 0

    def _filled(self, columns: Array, start: Array) -> Array:
        """The columns that were reached, at least one; each row goes on with its last value, or its start's."""
        reached = int(self.done.max())
        if reached == 0:
            return start[:, None].copy()
        last = np.minimum(np.arange(reached), self.done[:, None] - 1)  # (L, iterations)
        rows = np.arange(len(columns))[:, None]
        return np.where(last < 0, start[:, None], columns[rows, np.maximum(last, 0)])


def _widened(columns: Array) -> Array:
    """With twice the columns, and some more."""
    return np.concatenate([columns, np.full((len(columns), columns.shape[1] + 16), np.nan)], axis=1)
