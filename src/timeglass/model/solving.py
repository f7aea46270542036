"""A fit by a full-batch solver: all its iterations in one call, each of which the history shows as an epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from timeglass.errors import DivergenceError, OptionError
from timeglass.model.callbacks import Callbacks
from timeglass.model.checkpoint import Checkpoint
from timeglass.model.data import Data
from timeglass.model.history import Columns, History, rows_of
from timeglass.model.report import Reporter
from timeglass.train import solvers
from timeglass.train.engine import Engine, FitTask, TrainingState
from timeglass.train.solver_settings import Solver
from timeglass.types import Array

if TYPE_CHECKING:
    from timeglass.model.sequential import Sequential

__all__ = ["Solving"]


@dataclass
class Solving:
    """One fit on its way. `model` is changed in place, through its `TrainingState`."""

    model: Sequential
    engine: Engine
    solver: Solver
    task: FitTask
    validation: Data | None
    callbacks: Callbacks
    checkpoint: Checkpoint | None
    reporter: Reporter

    def run(self) -> History:
        """Trains, and gives what came of it; an error or interruption leaves each network its best weights."""
        self._refuse()
        began, state = time.perf_counter(), self.model.training_state
        params: dict[str, Any] = {"epochs": self.task.epochs, "steps": 1}
        try:
            with self.reporter:
                self.callbacks.begin(self.model, params)
                losses = solvers.fit(
                    self.solver, self.engine, self.task, state, self._validation_task(), self.reporter.on_progress
                )
        except BaseException:
            self.model.training_state = TrainingState(state.weights)
            raise
        self._check_finite(losses["loss"])
        columns: Columns = {name: rows_of(values) for name, values in losses.items()}
        self.reporter.epochs(columns, 0)
        self.callbacks.tell("on_train_end", {name: column[-1] for name, column in columns.items()})
        seconds = time.perf_counter() - began
        params |= {"networks": self.model.networks, "engine": self.engine.name, "seconds": seconds, "resumed": 0}
        return History(columns, params)

    def _refuse(self) -> None:
        """What needs single epochs or batches, of which a solver has none."""
        kind = type(self.solver).__name__
        if self.checkpoint is not None or self.callbacks.want_epochs:
            which = ", ".join(self.callbacks.names_for_epochs() + ["Checkpoint"] * (self.checkpoint is not None))
            raise OptionError(
                f"callbacks: {kind} runs all its iterations in one call, in which none can look at single epochs: "
                f"leave {which} out; {kind}(patience=…) stops early, and on_progress is told of each iteration"
            )
        if self.task.batch_size < self.task.windows:
            raise OptionError(
                f"batch_size: {kind} looks at all {self.task.windows} windows at once, got {self.task.batch_size}: "
                "leave it out"
            )

    def _validation_task(self) -> FitTask | None:
        held = self.validation
        if held is None:
            return None
        return replace(self.task, x=held.x, y=held.y, counts=held.counts, sample_weight=held.sample_weight)

    def _check_finite(self, losses: Array) -> None:
        bad = ~np.isfinite(losses).all(axis=1)
        if bad.any():
            raise DivergenceError(
                f"{type(self.solver).__name__}: the loss of network {int(np.argmax(bad))} is not finite from the "
                "start: scale the data to about -1 … 1, or give it other weights to begin with"
            )
