"""A task with the mean squared error as a sum of squares, as Levenberg and Marquardt's method wants it.

loss = Σ_n weight_n · mean_k (p_nk - y_nk)² / N + l2 · Σ w²  =  r · r,
r_nk = sqrt(weight_n / (N · K)) · (p_nk - y_nk),   and sqrt(l2) · w for each regularized weight
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np

from timeglass.train.engine import Engine, FitTask
from timeglass.train.levenberg_marquardt import Quadratic, products, quadratic
from timeglass.types import Array

__all__ = ["LeastSquares", "solver_type"]

# Of Jacobians at once: 32 MB of doubles; and multiply-adds of their products, so few that Ctrl-C is not kept waiting.
_NUMBERS_AT_ONCE = 2**22
_WORK_AT_ONCE = 2 * 10**9


def _blocks(count: int, at_once: int) -> Iterator[slice]:
    """0 … count in blocks of at most `at_once`, and at least one."""
    at_once = max(1, at_once)
    return (slice(begin, min(begin + at_once, count)) for begin in range(0, count, at_once))


def solver_type(engine: Engine) -> type[np.floating]:
    """The type of the weights that a solver gives this engine: the widest that it counts in."""
    return np.float32 if engine.name == "lanes" else np.float64


class LeastSquares:
    """Called with weights (L, P) it gives the loss, and its model around them, of each network of the task.

    Which windows go together depends on P and K alone: no network's sum depends on how many stand beside it.
    """

    def __init__(self, engine: Engine, task: FitTask, networks: int) -> None:
        self._engine, self._architecture, self._type = engine, task.architecture, solver_type(engine)
        shared, count = task.x.ndim == 3, task.x.shape[-3]
        self._outputs = prod(task.architecture.output_shape)  # K
        self._x = task.x[None] if shared else task.x  # (L or 1, N, T, F)
        self._y = task.y.reshape(len(self._x), count, self._outputs).astype(np.float64)
        own = task.counts_of(networks)[:, None]  # (L, 1)
        self._divisors = (own * self._outputs)[..., None]  # N · K (L, 1, 1)
        self._roots: Array | None = None  # of the weights (L, N), 0 past a network's count; None: all 1
        if task.sample_weight is not None or task.counts is not None:
            weights = 1.0 if task.sample_weight is None else task.sample_weight.astype(np.float64)
            self._roots = np.sqrt(np.where(np.arange(count) < own, weights, 0.0))
        self._penalty = None if task.l2 is None else task.l2[:, None] * task.architecture.regularized  # (L, P)
        if task.counts is not None and not shared:
            # What stands past a network's count may be anything, and 0 times anything is not always 0.
            unread = np.arange(count) >= own
            self._x, self._y = (np.where(_trailing(unread, a), 0, a) for a in (self._x, self._y))

    def __call__(self, weights: Array) -> Quadratic:
        networks, count = weights.shape
        total = np.zeros((networks, count + 1, count + 1))
        row = self._outputs * (count + 1)  # numbers of one window
        at_once = min(_NUMBERS_AT_ONCE // row, _WORK_AT_ONCE // (row * (count + 1)))
        for part in _blocks(self._x.shape[1], at_once):
            windows = part.stop - part.start
            for some in _blocks(networks, at_once // windows):
                total[some] += products(self._rows(weights[some], some, part))
        total /= self._divisors
        if self._penalty is not None:
            self._add_penalty(total, weights)
        return quadratic(total)

    def _rows(self, weights: Array, some: slice, part: slice) -> Array:
        """[J r] (L', M, P+1) of some networks and windows, but for the division by N · K."""
        x = self._x[0, part] if len(self._x) == 1 else self._x[some, part]
        y = self._y[:, part] if len(self._y) == 1 else self._y[some, part]
        forecasts, jacobian = self._engine.jacobian(self._architecture, weights.astype(self._type, copy=False), x)
        rows = np.empty((*jacobian.shape[:-1], jacobian.shape[-1] + 1))
        rows[..., :-1] = jacobian
        rows[..., -1] = forecasts - y
        if self._roots is not None:
            rows *= self._roots[some, part, None, None]
        return rows.reshape(len(weights), -1, rows.shape[-1])

    def _add_penalty(self, total: Array, weights: Array) -> None:
        """l2 · w · w, its half derivative l2 · w, and l2 on the diagonal of A."""
        assert self._penalty is not None
        share = self._penalty * weights
        each = np.arange(weights.shape[1])
        total[:, each, each] += self._penalty
        total[:, :-1, -1] += share
        total[:, -1, -1] += (share * weights).sum(axis=1)


def _trailing(marks: Array, values: Array) -> Array:
    """Marks (L, N) with as many axes as the values have."""
    return marks.reshape(*marks.shape, *(1,) * (values.ndim - 2))
