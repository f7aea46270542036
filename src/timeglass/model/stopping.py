"""Callbacks that watch a loss, as Keras's do, but decide for each network by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError
from timeglass.model.callbacks import Callback, Logs
from timeglass.model.checks import flag, number, one_of, whole
from timeglass.model.report import say
from timeglass.train.schedules import Schedule
from timeglass.types import Array

__all__ = ["EarlyStopping", "ReduceLROnPlateau"]


@dataclass(frozen=True)
class _Monitor:
    """What is watched, and what counts as better."""

    owner: str
    name: str
    mode: str
    min_delta: float

    @classmethod
    def of(cls, owner: str, name: Any, mode: Any, min_delta: Any) -> _Monitor:
        if not isinstance(name, str):
            raise OptionError(f"{owner} monitor: expected a name such as 'val_loss', got {name!r}")
        one_of(f"{owner} mode", mode, ("auto", "min", "max"))
        if mode == "auto" and name.removeprefix("val_") != "loss":
            raise OptionError(f"{owner} monitor {name!r}: whether less is better is known of losses: give mode")
        delta = number(f"{owner} min_delta", min_delta, lambda _: True, "a finite number")
        return cls(owner, name, "max" if mode == "max" else "min", abs(delta))

    def check(self, params: dict[str, Any]) -> None:
        """Refuses a validation loss that there will not be, before any training."""
        metrics = params.get("metrics", [self.name])
        if self.name == "val_loss" and self.name not in metrics:
            self._refuse(metrics)

    def _refuse(self, known: Iterable[str]) -> NoReturn:
        remedy = "; give fit validation_split or validation_data" if self.name.startswith("val_") else ""
        raise OptionError(
            f"{self.owner} monitor {self.name!r}: this fit has {', '.join(map(repr, known)) or 'nothing'}{remedy}"
        )

    def values(self, logs: Logs, networks: int) -> Array:
        """(L,), nan for a network that has stopped."""
        if self.name not in logs:
            self._refuse(logs)
        return np.array(np.broadcast_to(np.asarray(logs[self.name], dtype=np.float64), (networks,)))

    def better(self, values: Array, reference: Array | float) -> NDArray[np.bool_]:
        """(L,), by more than `min_delta`; anything is better than a reference of nan, which stands for none."""
        sign = -1.0 if self.mode == "max" else 1.0
        improved = sign * values + self.min_delta < sign * np.asarray(reference)
        return ~np.isnan(values) & (improved | np.isnan(reference))


class EarlyStopping(Callback):
    """Ends the training of each network that has not improved for `patience` epochs; the others go on.

    Arguments and meaning are Keras's; each network is judged by its own values, and is not trained further once it has
    stopped. With `restore_best_weights` each gets back, at the end, the weights of its best epoch.
    `best`, `best_epoch` and `stopped_epoch` (0 where it has not stopped) are arrays (L,).

    >>> EarlyStopping(monitor="loss", patience=3)
    EarlyStopping(monitor='loss', min_delta=0.0, patience=3, mode='auto', baseline=None, restore_best_weights=False, \
start_from_epoch=0)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self._monitor = _Monitor.of("EarlyStopping", monitor, mode, min_delta)
        self.patience = whole("EarlyStopping patience", patience, 0)
        self.verbose = whole("EarlyStopping verbose", verbose, 0)
        if baseline is not None:
            baseline = number("EarlyStopping baseline", baseline, lambda _: True, "a finite number or None")
        self.baseline = baseline
        self.restore_best_weights = flag("EarlyStopping restore_best_weights", restore_best_weights)
        self.start_from_epoch = whole("EarlyStopping start_from_epoch", start_from_epoch, 0)
        self._words = (
            f"EarlyStopping({monitor=}, min_delta={self._monitor.min_delta}, {patience=}, {mode=}, {baseline=}, "
            f"restore_best_weights={self.restore_best_weights}, {start_from_epoch=})"
        )

    def __repr__(self) -> str:
        return self._words

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002 - Keras's arguments
        self._monitor.check(self.params)
        networks = self.model.networks
        self.wait = np.zeros(networks, dtype=np.int64)
        self.stopped_epoch = np.zeros(networks, dtype=np.int64)
        self.best_epoch = np.zeros(networks, dtype=np.int64)
        self.best = np.full(networks, np.nan)
        self.best_weights = self.model.weight_rows if self.restore_best_weights else None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values = self._monitor.values(logs or {}, len(self.wait))
        if epoch < self.start_from_epoch:
            return
        active = ~np.isnan(values)
        better = self._monitor.better(values, self.best)
        self.wait += active
        self.best[better] = values[better]
        self.best_epoch[better] = epoch
        if self.best_weights is not None and better.any():
            self.best_weights[better] = self.model.weight_rows[better]
        # As in Keras, what is better than before but not than the baseline neither ends nor begins the waiting.
        renewed = better if self.baseline is None else better & self._monitor.better(values, self.baseline)
        self.wait[renewed] = 0
        stopping = active & ~better & (self.wait >= self.patience)
        if stopping.any():
            self.stopped_epoch[stopping] = epoch
            self.model.stop_training = self.model.stop_training | stopping

    def on_train_end(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        if self.best_weights is not None:
            weights = self.model.weight_rows
            judged = ~np.isnan(self.best)
            weights[judged] = self.best_weights[judged]
            self.model.weight_rows = weights
        if self.verbose:
            stopped = self.stopped_epoch[self.stopped_epoch > 0]
            say(f"EarlyStopping: stopped {len(stopped)} of {len(self.wait)} networks" + _range(stopped))
            if self.best_weights is not None:
                say("EarlyStopping: restored the weights of the best epochs" + _range(self.best_epoch))

    def get_state(self) -> dict[str, Array]:
        names = ("wait", "stopped_epoch", "best_epoch", "best")
        state: dict[str, Array] = {name: getattr(self, name) for name in names}
        return state if self.best_weights is None else state | {"best_weights": self.best_weights}

    def set_state(self, state: dict[str, Array]) -> None:
        for name in self.get_state():
            getattr(self, name)[...] = state[name]


def _range(epochs: Array) -> str:
    """Of epochs numbered from 0, for a reader who counts from 1."""
    if len(epochs) == 0:
        return ""
    low, high = int(epochs.min()) + 1, int(epochs.max()) + 1
    return f", epoch {low}" if low == high else f", epochs {low} to {high}"


class ReduceLROnPlateau(Callback):
    """Lowers the learning rate of each network whose value has not improved for `patience` epochs.

    Arguments and meaning are Keras's: the rate is multiplied by `factor`, not below `min_lr`, and then left alone for
    `cooldown` epochs. Each network is judged by its own values. The history shows the rate of each epoch.

    >>> ReduceLROnPlateau(factor=0.5, patience=5)
    ReduceLROnPlateau(monitor='val_loss', factor=0.5, patience=5, mode='auto', min_delta=0.0001, cooldown=0, min_lr=0.0)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        self._monitor = _Monitor.of("ReduceLROnPlateau", monitor, mode, min_delta)
        self.factor = number("ReduceLROnPlateau factor", factor, lambda f: 0 < f < 1, "a number between 0 and 1")
        self.patience = whole("ReduceLROnPlateau patience", patience, 0)
        self.verbose = whole("ReduceLROnPlateau verbose", verbose, 0)
        self.cooldown = whole("ReduceLROnPlateau cooldown", cooldown, 0)
        self.min_lr = number("ReduceLROnPlateau min_lr", min_lr, lambda rate: rate >= 0, "a number of at least 0")
        self._words = (
            f"ReduceLROnPlateau({monitor=}, {factor=}, {patience=}, {mode=}, min_delta={self._monitor.min_delta}, "
            f"{cooldown=}, {min_lr=})"
        )

    def __repr__(self) -> str:
        return self._words

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002
        if isinstance(getattr(self.model.optimizer, "learning_rate", None), Schedule):
            raise OptionError(
                "ReduceLROnPlateau: a schedule sets the learning rate already: compile with a number, or leave this out"
            )
        self._monitor.check(self.params)
        networks = self.model.networks
        self.wait = np.zeros(networks, dtype=np.int64)
        self.cooldown_counter = np.zeros(networks, dtype=np.int64)
        self.best = np.full(networks, np.nan)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        values = self._monitor.values(logs, len(self.wait))
        active = ~np.isnan(values)
        rates = np.where(active, self.model.learning_rate, np.nan)
        logs["learning_rate"] = rates if len(rates) > 1 else float(rates[0])
        cooling = active & (self.cooldown_counter > 0)
        self.cooldown_counter[cooling] -= 1
        better = self._monitor.better(values, self.best)
        self.best[better] = values[better]
        self.wait[better] = 0
        waiting = active & ~better & (self.cooldown_counter == 0)
        self.wait[waiting] += 1
        self._lower(epoch, waiting & (self.wait >= self.patience))

    def _lower(self, epoch: int, due: Array) -> None:
        rates = np.array(np.broadcast_to(self.model.learning_rate, due.shape))
        lowered = due & (rates > self.min_lr)
        if not lowered.any():
            return
        rates[lowered] = np.maximum(rates[lowered] * self.factor, self.min_lr)
        self.model.learning_rate = rates
        self.cooldown_counter[lowered] = self.cooldown
        self.wait[lowered] = 0
        if self.verbose:
            now = f"{rates[lowered].min():.4g} at the least"
            say(f"Epoch {epoch + 1}: ReduceLROnPlateau: lowered the rate of {lowered.sum()} networks, now {now}")

    def get_state(self) -> dict[str, Array]:
        return {"wait": self.wait, "cooldown_counter": self.cooldown_counter, "best": self.best}

    def set_state(self, state: dict[str, Array]) -> None:
        for name, value in self.get_state().items():
            value[...] = state[name]
