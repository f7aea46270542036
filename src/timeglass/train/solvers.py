"""Fits networks with Levenberg and Marquardt's method or L-BFGS: the task as each of the two wants it, starts, stops.

The solvers count in float64. So do losses and derivatives on the NumPy engine; the compiled one, which knows only
float32, gives them to six or seven digits. The weights that come out are rounded to float32 once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from timeglass.errors import OptionError
from timeglass.network.dropout import drops
from timeglass.network.initializers import initial_weights
from timeglass.train import lbfgs, levenberg_marquardt
from timeglass.train.engine import Engine, FitTask, OnProgress, TrainingState
from timeglass.train.iterations import Iterations, Rows, Validate
from timeglass.train.least_squares import LeastSquares, solver_type
from timeglass.train.losses import MeanSquaredError
from timeglass.train.solver_settings import LBFGS, LevenbergMarquardt, Solver
from timeglass.types import Array

__all__ = ["LBFGS", "LevenbergMarquardt", "Solver", "check_solver", "fit"]

_MOST_BYTES = 4 * 2**30

_Made = TypeVar("_Made")


def check_solver(solver: Solver, task: FitTask, networks: int, *, validation: bool) -> None:
    """An `OptionError` where the solver cannot train these networks on this task."""
    kind, weights = type(solver).__name__, task.architecture.weight_count
    if weights == 0:
        raise OptionError(f"{kind}: the networks have no weights to train: add a layer that has, such as Dense(1)")
    if drops(task.architecture):
        raise OptionError(
            f"{kind}: the networks have dropout, but this optimiser looks at one loss that stays the same from step to "
            "step: take the dropout out, or train with Adam"
        )
    if solver.patience is not None and not validation:
        raise OptionError(
            f"{kind} patience: expected validation data to judge by, got none: give fit validation_split or "
            "validation_data, or leave patience out"
        )
    if isinstance(solver, LevenbergMarquardt):
        _check_least_squares(task, networks)
    numbers = weights**2 if isinstance(solver, LevenbergMarquardt) else weights * 2 * solver.memory
    need = networks * solver.starts * numbers * 8 * 4
    if need > _MOST_BYTES:
        remedy = "LBFGS, fewer" if isinstance(solver, LevenbergMarquardt) else "a smaller memory, fewer"
        raise OptionError(
            f"{kind}: {networks * solver.starts:,} networks of {weights:,} weights would take about "
            f"{need / 2**30:,.0f} GiB of memory, a fit takes at most {_MOST_BYTES // 2**30}: take {remedy} networks or "
            "fewer weights"
        )


def _check_least_squares(task: FitTask, networks: int) -> None:
    last = task.architecture.layers[-1]
    if not isinstance(task.loss, MeanSquaredError):
        raise OptionError(
            f"LevenbergMarquardt: expected the loss mean_squared_error, which is a sum of squares, got {task.loss!r}: "
            "take LBFGS or Adam for this loss"
        )
    if last.masked and last.gives_sequence:
        raise OptionError(
            "LevenbergMarquardt: the networks give sequences some of whose steps may be masked, which this optimiser "
            "does not know: take LBFGS or Adam"
        )
    if task.sample_weight is not None:
        read = np.arange(task.x.shape[-3]) < task.counts_of(networks)[:, None]  # (L, N)
        low = float(np.where(read, task.sample_weight, 0).min())
        if not low >= 0:
            raise OptionError(f"LevenbergMarquardt sample_weight: expected numbers of at least 0, got {low:g}")


class _Running(Generic[_Made]):
    """What is made for the task of whichever networks are running: kept as long as they stay the same."""

    def __init__(self, task: FitTask, networks: int, make: Callable[[FitTask, int], _Made]) -> None:
        self._task, self._make = task, make
        self._all = make(task, networks)
        self._networks = networks
        self._rows: Rows = np.arange(0)
        self._some = self._all

    def of(self, rows: Rows) -> _Made:
        if len(rows) == self._networks:
            return self._all
        if not np.array_equal(self._rows, rows):
            self._rows, self._some = rows, self._make(self._task.take(rows), len(rows))
        return self._some


def _loss_and_gradient(engine: Engine, task: FitTask, networks: int) -> lbfgs.Evaluate:
    running = _Running(task, networks, lambda some, _: some)
    real = solver_type(engine)
    return lambda weights, rows: engine.gradients(running.of(rows), weights.astype(real, copy=False))


def _least_squares(engine: Engine, task: FitTask, networks: int) -> levenberg_marquardt.Evaluate:
    running = _Running(task, networks, lambda some, count: LeastSquares(engine, some, count))
    return lambda weights, rows: running.of(rows)(weights)


def _validate(engine: Engine, task: FitTask, networks: int) -> Validate:
    evaluate = _loss_and_gradient(engine, task, networks)
    return lambda weights, rows: evaluate(weights, rows)[0]


def _starts(task: FitTask, state: TrainingState, starts: int) -> Array:
    """(L · starts, P): for each network the weights that it has, then further draws.

    Those of start s come from the seed with s added to its upper half: from no other seed that anyone is likely to use.
    """
    draws = [
        initial_weights(task.architecture, state.numbers, seed=(task.seed + (start << 32)) % 2**64)
        for start in range(1, starts)
    ]
    return np.stack([state.weights, *draws], axis=1).reshape(-1, state.weights.shape[1]).astype(np.float64)


def _best_starts(iterations: Iterations, starts: int) -> Rows:
    """(L,): which row of `iterations` each network keeps."""
    values = np.where(np.isfinite(iterations.best_values), iterations.best_values, np.inf).reshape(-1, starts)
    return np.arange(len(values)) * starts + values.argmin(axis=1)


def fit(
    solver: Solver,
    engine: Engine,
    task: FitTask,
    state: TrainingState,
    validation: FitTask | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Array]:
    """Trains all networks of the state in place, for `task.epochs` iterations at most; gives the losses.

    "loss" and, with `validation`, "val_loss" are (L, iterations) at the end of each iteration, L2 included, of as many
    iterations as the network that went on longest made; one that stopped before goes on with its last. `validation` is
    the same task with the windows, targets, sample weights and counts that were held back. The task's optimiser, batch
    size and shuffling play no part.

    `on_progress` is called after each iteration. What it raises, and any other error, ends the fit; the state then has
    the best weights so far: of the lowest loss, or with `patience` of the lowest validation loss. Nothing else is kept
    in the state: a further fit starts with these weights, and a fresh damping or memory.
    """
    check_solver(solver, task, len(state.weights), validation=validation is not None)
    count = len(state.weights) * solver.starts
    if solver.starts > 1:
        rows = np.repeat(np.arange(len(state.weights)), solver.starts)
        task, validation = task.take(rows), validation and validation.take(rows)
    iterations = Iterations(
        _starts(task, state, solver.starts), task.epochs, patience=solver.patience, on_iteration=on_progress,
        validate=None if validation is None else _validate(engine, validation, count),
    )  # fmt: skip
    try:
        if isinstance(solver, LevenbergMarquardt):
            levenberg_marquardt.minimize(_least_squares(engine, task, count), iterations, solver)
        else:
            lbfgs.minimize(_loss_and_gradient(engine, task, count), iterations, solver)
    finally:
        _note(iterations, _best_starts(iterations, solver.starts), state)
    kept = _best_starts(iterations, solver.starts)
    reached = max(1, int(iterations.done[kept].max()))
    return {name: losses[kept, :reached] for name, losses in iterations.losses.items()}


def _note(iterations: Iterations, kept: Rows, state: TrainingState) -> None:
    """Puts the best of each network into the state."""
    state.weights[...] = iterations.best_weights[kept]
    state.best_weights[...] = state.weights
    state.best_loss[...] = iterations.best_losses[kept]
    state.steps += iterations.done[kept]
    state.epochs += int(iterations.done[kept].max())
