"""The fit loop: has an engine train epoch after epoch, validates, tells the callbacks, and keeps the best weights.

Where nobody wants to look at single epochs, the engine trains them all in one call. Neither that nor who else is being
trained changes a network's numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import DivergenceError
from timeglass.model.batches import train_by_batch
from timeglass.model.callbacks import Callbacks, Logs
from timeglass.model.checkpoint import Checkpoint, Saved
from timeglass.model.data import Data
from timeglass.model.evaluation import data_losses
from timeglass.model.fingerprint import Fingerprint, Interrupted, digest, fingerprint_of
from timeglass.model.history import Columns, History, rows_of
from timeglass.model.report import Reporter
from timeglass.train.engine import Engine, FitTask, TrainingState
from timeglass.train.schedules import Schedule
from timeglass.types import Array, Floats

if TYPE_CHECKING:
    from timeglass.model.sequential import Sequential

__all__ = ["Training"]


@dataclass
class _Best:
    """The weights (L, P) of the lowest validation loss (L,) so far."""

    weights: Floats
    loss: Array

    def note(self, weights: Floats, losses: Array) -> None:
        """Keeps what is better; a loss of nan is not."""
        better = losses < self.loss
        self.weights[better] = weights[better]  # first, so that an interruption leaves no loss without its weights
        self.loss[better] = losses[better]


@dataclass
class Training:
    """One fit on its way. `model` is changed in place, through its `TrainingState`."""

    model: Sequential
    engine: Engine
    task: FitTask
    validation: Data | None
    callbacks: Callbacks
    checkpoint: Checkpoint | None
    reporter: Reporter
    columns: Columns = field(default_factory=dict)
    done: int = 0  # epochs

    def __post_init__(self) -> None:
        self.state: TrainingState = self.model.training_state
        self.start: Floats = self.state.weights.copy()
        self.best = _Best(self.start.copy(), np.full(len(self.start), np.inf))
        self._diverged = np.zeros(len(self.start), dtype=np.bool_)
        self._taken: tuple[Array, FitTask] | None = None
        self._lines: Fingerprint | None = None

    def run(self) -> History:
        """Trains, and gives what came of it; an error or interruption leaves each network its best weights."""
        began, resumed = time.perf_counter(), self._begin()
        try:
            with self.reporter:
                while self.done < self.task.epochs and self._active().any():
                    self._advance()
                self.callbacks.tell("on_train_end", self._logs(self.done - 1))
        except BaseException:
            self._keep_best()
            raise
        params = {"epochs": self.task.epochs, "steps": self.task.batches, "networks": len(self.start)}
        seconds = time.perf_counter() - began
        return History(self.columns, params | {"engine": self.engine.name, "seconds": seconds, "resumed": resumed})

    # Beginning and end

    def _begin(self) -> int:
        """Starts afresh, or where a checkpoint's file ends; gives the epochs that this brought."""
        self.model.stop_training = False
        self.state.best_loss[:] = np.inf
        metrics = ["loss"] if self.validation is None else ["loss", "val_loss"]
        self.callbacks.begin(self.model, {"epochs": self.task.epochs, "steps": self.task.batches, "metrics": metrics})
        if self.checkpoint is None:
            return 0
        self.state.make_slots(self.task.optimizer)  # so that the file's must be as many
        saved = self.checkpoint.load(self._fingerprint(), self._snapshot(), self.task.epochs)
        if saved is None:
            return 0
        self.model.training_state = self.state = saved.state
        self.best = _Best(saved.best_weights, saved.best_loss)
        self.columns, self.done = saved.columns, saved.epochs
        self.model.stop_training = saved.stopped
        self.callbacks.set_states(saved.callbacks)
        return self.done

    def _keep_best(self) -> None:
        """Gives each network its best weights so far, or those it has; one that diverged those it began with."""
        best = _Best(self.state.best_weights, self.state.best_loss) if self.validation is None else self.best
        weights = self.state.weights.copy()
        known = np.isfinite(best.loss)
        weights[known] = best.weights[known]
        lost = self._diverged | ~np.isfinite(weights).all(axis=1)
        weights[lost] = self.start[lost]
        # The optimiser may stand at different steps in different networks: it starts afresh.
        self.model.training_state = TrainingState(weights)
        if self.checkpoint is not None:
            lines = self._fingerprint()
            start, epochs = lines["weights at the start"], int(lines["epochs before"])
            self.model.interrupted = Interrupted(digest(weights), start, epochs)

    # Epoch after epoch

    def _active(self) -> NDArray[np.bool_]:
        """(L,): the networks still in training."""
        return ~self.model.stopped

    def _advance(self) -> None:
        """Trains until somebody wants to look, then lets them."""
        first, epochs = self.done, self._epochs_at_once()
        active = self._active()
        self.callbacks.tell("on_epoch_begin", first, {})
        rates = self._scheduled_rates(epochs)
        losses = self._train(np.flatnonzero(active), epochs)
        self._check_finite(losses, active)
        self._add("loss", losses)
        if self.validation is not None:
            validated = self._validate(active)[:, None]
            self._check_finite(validated, active)
            self._add("val_loss", validated)
        if rates is not None:
            self._add("learning_rate", np.where(active[:, None], rates, np.nan))
        self.done += epochs
        if self.callbacks.want_epochs:
            self._tell_end(first)
        self.reporter.epochs(self.columns, first)
        if self.checkpoint is not None and self._due():
            self.checkpoint.save(self._fingerprint(), self._snapshot())

    def _epochs_at_once(self) -> int:
        left = self.task.epochs - self.done
        if self.validation is not None or self.callbacks.want_epochs or self.reporter.by_epoch:
            return 1
        return left if self.checkpoint is None else min(left, self.checkpoint.every - self.done % self.checkpoint.every)

    def _train(self, rows: NDArray[np.intp], epochs: int) -> Array:
        """Trains these networks; gives losses (L, epochs), nan for the others."""
        losses = np.full((len(self.start), epochs), np.nan)
        everyone = len(rows) == len(self.start)
        task = replace(self.task if everyone else self._task_of(rows), epochs=epochs)
        state = self.state if everyone else self.state.take(rows)
        try:
            if self.callbacks.want_batches:
                losses[rows, 0] = self._train_by_batch(task, state, rows)
            else:
                losses[rows] = self.engine.fit(task, state, self._progress(epochs))
        finally:
            if not everyone:
                self.state.put(rows, state)
        return losses

    def _train_by_batch(self, task: FitTask, state: TrainingState, rows: NDArray[np.intp]) -> Array:
        """One epoch of these networks, batch by batch; gives its losses."""
        progress = self._progress(1)

        def before(batch: int) -> None:
            self.callbacks.tell("on_train_batch_begin", batch, {})

        def after(batch: int, so_far: Array) -> bool:
            losses = np.full((len(self.start), 1), np.nan)
            losses[rows, 0] = so_far
            progress((batch + 1) / task.batches)
            self.callbacks.tell("on_train_batch_end", batch, {"loss": rows_of(losses)[0]})
            return bool(self._active().any())

        return train_by_batch(self.engine, task, state, before, after)

    def _task_of(self, rows: NDArray[np.intp]) -> FitTask:
        """The task of some networks, kept from epoch to epoch."""
        if self._taken is None or not np.array_equal(self._taken[0], rows):
            self._taken = rows, self.task.take(rows)
        return self._taken[1]

    def _progress(self, epochs: int) -> Callable[[float], None]:
        done, total = self.done, self.task.epochs
        return lambda share: self.reporter.on_progress((done + share * epochs) / total)

    def _validate(self, active: NDArray[np.bool_]) -> Array:
        """(L,), nan for networks that have stopped."""
        assert self.validation is not None
        losses = np.full(len(self.start), np.nan)
        rows = np.flatnonzero(active)
        task, data = (self.task, self.validation) if active.all() else (self._task_of(rows), self.validation.take(rows))
        losses[rows] = data_losses(self.engine, task.architecture, self.state.weights[rows], data, task.loss, task.l2)
        self.best.note(self.state.weights, losses)
        return losses

    def _scheduled_rates(self, epochs: int) -> Array | None:
        """(L, epochs): the rate at each epoch's end, where a schedule moves it."""
        optimizer = self.task.optimizer
        if not isinstance(optimizer.learning_rate, Schedule):
            return None
        counts = self.task.counts_of(len(self.start))
        batches = -(-counts // self.task.batch_size)
        steps = self.state.steps[:, None] + batches[:, None] * np.arange(1, epochs + 1)
        return optimizer.base_rates(len(counts))[:, None] * self.state.rate_scale[:, None] * optimizer.factor(steps)

    def _check_finite(self, losses: Array, active: NDArray[np.bool_]) -> None:
        bad = active[:, None] & ~np.isfinite(losses)
        bad[:, -1] |= active & ~np.isfinite(self.state.weights).all(axis=1)
        if not bad.any():
            return
        self._diverged |= bad.any(axis=1)
        epoch = int(np.argmax(bad.any(axis=0)))
        network = int(np.argmax(bad[:, epoch]))
        others = int(bad.any(axis=1).sum()) - 1
        which = f"network {network}" + (f" and {others} more" if others else "")
        rate = float(np.broadcast_to(self.model.learning_rate, len(self.start))[network])
        raise DivergenceError(
            f"training diverged in epoch {self.done + epoch + 1} of {self.task.epochs} ({which}): "
            f"lower the learning rate (now {rate:g}) or scale the data to about -1 … 1"
        )

    # What it came to

    def _add(self, name: str, values: Array) -> None:
        self.columns.setdefault(name, []).extend(rows_of(values))

    def _logs(self, epoch: int) -> Logs:
        return {name: column[epoch] for name, column in self.columns.items() if epoch < len(column)}

    def _tell_end(self, epoch: int) -> None:
        """Lets the callbacks look, and keeps what they add to the logs."""
        logs = self._logs(epoch)
        self.callbacks.tell("on_epoch_end", epoch, logs)
        for name, value in logs.items():
            column = self.columns.setdefault(name, [])
            del column[epoch:]
            column.append(value)

    # The checkpoint

    def _due(self) -> bool:
        assert self.checkpoint is not None
        ended = self.done == self.task.epochs or not self._active().any()
        return ended or self.done % self.checkpoint.every == 0

    def _fingerprint(self) -> Fingerprint:
        """Made once: digests of large data take time."""
        if self._lines is None:
            self._lines = fingerprint_of(self.model, self.engine, self.task, self.validation, self.callbacks)
        return self._lines

    def _snapshot(self) -> Saved:
        states = self.callbacks.get_states()
        stopped = self.model.stopped
        return Saved(self.state, self.best.weights, self.best.loss, stopped, self.columns, self.done, states)
