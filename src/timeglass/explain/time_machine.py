"""The time machine: the weights of every network as they stood after each epoch, to look at when training is over."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from typing import Any

import numpy as np

from timeglass.errors import DataError, EngineError, OptionError
from timeglass.model.callbacks import Callback, Logs
from timeglass.model.checks import whole
from timeglass.model.data import Shape, windows_of
from timeglass.model.sequential import Sequential
from timeglass.network import chain
from timeglass.network.architecture import Architecture
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.train.engine import TrainingState
from timeglass.types import Array, Floats

__all__ = ["TimeMachine"]

_MOST_BYTES = 2**30  # of weights
_MOST_ROWS = 2**24  # of a frame


class TimeMachine(Callback):
    """Keeps the weights of all networks before training (epoch 0) and after epochs 1, 2, …, the bits of training.

    None keeps every epoch; `epochs` are those to keep besides 0; `every=10` keeps each tenth and the last one. It holds
    the last fit that it was given to: a further fit begins a new record, whose epoch 0 is what that fit began with. A
    fit that goes on from a `Checkpoint`'s file brings its epochs along, and one that was interrupted keeps those that
    were trained whole. It changes no result. An `OptionError`, before any training, where they would take more than a
    gigabyte. What other callbacks change after it (`EarlyStopping` restores weights at the end) it does not see.

    >>> from timeglass.network.layers import Dense, SimpleRNN
    >>> model = Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], seed=0)
    >>> model.compile("adam", "mse")
    >>> x, machine = np.arange(12.0).reshape(4, 3, 1) / 12, TimeMachine()
    >>> _ = model.fit(x, np.ones(4), epochs=5, callbacks=[machine])
    >>> machine.epochs, machine.states(x, window=1).shape
    ((0, 1, 2, 3, 4, 5), (6, 3, 2))
    >>> bool((machine.weights(5) == model.training_state.weights[0]).all())
    True
    """

    def __init__(self, epochs: Iterable[int] | None = None, every: int | None = None) -> None:
        if epochs is not None and every is not None:
            raise OptionError(f"TimeMachine: epochs or every, got both: epochs={epochs!r}, every={every!r}")
        self.every = None if every is None else whole("TimeMachine every", every, 1)
        self.chosen = None if epochs is None else _chosen(epochs)
        self._network: Sequential | None = None
        self._kept: dict[int, Floats] = {}  # by epoch, (L, P)

    def __repr__(self) -> str:
        if self.chosen is not None:
            return f"TimeMachine({list(self.chosen)})"
        return "TimeMachine()" if self.every is None else f"TimeMachine(every={self.every})"

    # In training

    def on_train_begin(self, logs: Logs | None = None) -> None:  # noqa: ARG002 - Keras's arguments
        start = self.model.training_state.weights
        self._check_size(self.params["epochs"], start)
        # The network as it is now: what becomes of the model later does not matter.
        self._network = copy(self.model)
        self._network.training_state = TrainingState(start.copy())
        self._kept = {0: start.copy()}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:  # noqa: ARG002
        if self.every is not None and not self._wanted(newest := max(self._kept)):
            del self._kept[newest]  # it was there as the last one so far
        if self.every is not None or self._wanted(epoch + 1):
            self._kept[epoch + 1] = self.model.training_state.weights.copy()

    def _wanted(self, epoch: int) -> bool:
        if self.chosen is not None:
            return epoch in self.chosen
        return epoch % (self.every or 1) == 0

    def _check_size(self, epochs: int, weights: Floats) -> None:
        if self.chosen is not None and max(self.chosen, default=0) > epochs:
            raise OptionError(f"TimeMachine epochs: this fit has {epochs:,} epochs, got {max(self.chosen):,}")
        kept = len(self.chosen) if self.chosen is not None else epochs // (self.every or 1)
        most = _MOST_BYTES // max(1, weights.nbytes) - 2  # besides the first and the last one
        if kept > most:
            remedy = f"TimeMachine(every={-(-epochs // most):,}) does" if most > 0 else "train fewer networks at a time"
            raise OptionError(
                f"TimeMachine: {kept:,} epochs of {len(weights):,} networks of {weights.shape[1]:,} weights would take "
                f"{kept * weights.nbytes / 2**30:,.1f} GiB of memory, it takes at most {_MOST_BYTES // 2**30}: {remedy}"
            )

    def get_state(self) -> dict[str, Array]:
        start, *later = self._kept.values()
        weights = np.stack(later) if later else start[None][:0]
        return {"start": start, "epochs": np.array(self.epochs[1:], dtype=np.int64), "weights": weights}

    def set_state(self, state: dict[str, Array]) -> None:
        epochs, weights = state["epochs"].tolist(), state["weights"]
        whole_file = len(epochs) == len(weights) and epochs == sorted({epoch for epoch in epochs if epoch > 0})
        if not whole_file or not np.isfinite(weights).all() or not np.isfinite(state["start"]).all():
            raise DataError(
                "TimeMachine: the checkpoint's weights of earlier epochs are damaged: remove the file to start afresh"
            )
        self._kept = {0: state["start"], **dict(zip(epochs, weights, strict=True))}

    # Afterwards

    @property
    def epochs(self) -> tuple[int, ...]:
        """Those that are kept, in order; 0 is before training."""
        return tuple(self._kept)

    @property
    def architecture(self) -> Architecture:
        """Of the network that was trained."""
        return self._trained().architecture

    @property
    def networks(self) -> int:
        """L."""
        return self._trained().networks

    def weights(self, epoch: int, network: int = 0) -> Floats:
        """A copy of one network's weights (P,) after that epoch."""
        return self._all(epoch)[self._number(network)].copy()

    def trace(self, epoch: int, x: Any, y: Any = None, network: int = 0) -> Trace:
        """Every named array of windows x (N, T, F), as `Sequential.trace` would have given it after that epoch."""
        weights = self._all(epoch)
        then = copy(self._trained())
        then.training_state = TrainingState(weights.copy())
        return then.trace(x, y, network=self._number(network))

    def states(self, x: Any, layer: str | None = None, window: int = 0, network: int = 0) -> Array:
        """How the hidden units of a recurrent layer came to be, (epochs, T, H): their states over one window of x.

        The layer is the first recurrent one unless named. In float64, in time's order, as in a trace.
        """
        windows = self._windows(x, network)
        if whole("TimeMachine window", window, 0) >= len(windows):
            raise OptionError(f"TimeMachine window: expected 0 to {len(windows) - 1}, got {window}")
        traces = (record(self.architecture, weights[network], windows[window][None]) for weights in self._kept.values())
        return np.stack([trace[f"{trace.architecture.layers[trace.recurrent(layer)].name}.h"][0] for trace in traces])

    def forecasts(self, x: Any, network: int = 0) -> Array:
        """What the network forecast for windows x (N, T, F) after each epoch, (epochs, N, …), in float64."""
        windows, architecture = self._windows(x, network), self.architecture
        made = []
        for weights in self._kept.values():
            values = chain.forward(architecture, weights[network : network + 1].astype(np.float64), windows[None])
            made.append(chain.output(architecture, values)[0])
        return np.stack(made)

    def columns(self, network: int | None = None) -> dict[str, Array]:
        """All weights, one a row, as columns: epoch, network, layer, array, from (its row), unit (its column), value.

        Of one network, or of all. What a bias does not have is -1.
        """
        numbers = range(self.networks) if network is None else [self._number(network)]
        rows = len(self._kept) * len(numbers) * self.architecture.weight_count
        if rows > _MOST_ROWS:
            remedy = "ask for one network" if len(numbers) > 1 else "keep fewer epochs, or take weights(epoch)"
            raise OptionError(f"TimeMachine: a table of {rows:,} rows, at most {_MOST_ROWS:,} are made: {remedy}")
        places = self._places()
        weights = np.stack([table[numbers] for table in self._kept.values()])  # (epochs, L, P)
        epoch, own, place = (axis.ravel() for axis in np.indices(weights.shape))
        found = {"epoch": np.array(self.epochs)[epoch], "network": np.array(numbers)[own]}
        return found | {name: values[place] for name, values in places.items()} | {"value": weights.ravel()}

    def to_frame(self, network: int | None = None) -> Any:
        """`columns` as a pandas frame; an `EngineError` says that pandas is missing."""
        try:
            import pandas as pd
        except ImportError:
            raise EngineError("to_frame needs pandas: pip install pandas; columns() gives the same as arrays") from None
        return pd.DataFrame(self.columns(network))

    def _trained(self) -> Sequential:
        if self._network is None:
            raise OptionError("TimeMachine: no fit yet: model.fit(x, y, callbacks=[machine])")
        return self._network

    def _all(self, epoch: int) -> Floats:
        """(L, P) after that epoch."""
        self._trained()
        if whole("TimeMachine epoch", epoch, 0) not in self._kept:
            raise OptionError(f"TimeMachine epoch {epoch}: kept are {_listed(self.epochs)}")
        return self._kept[int(epoch)]

    def _number(self, network: int) -> int:
        if whole("TimeMachine network", network, 0) >= self.networks:
            raise OptionError(f"TimeMachine network: expected 0 to {self.networks - 1}, got {network}")
        return int(network)

    def _windows(self, x: Any, network: int) -> Floats:
        """(N, T, F): one network's."""
        self._number(network)
        windows, counts = windows_of(Shape(self.architecture, self.networks), x)
        return windows if windows.ndim == 3 else windows[network, : None if counts is None else counts[network]]

    def _places(self) -> dict[str, Array]:
        """Of each of P weights: layer, array, from, unit."""
        rows: list[tuple[str, str, int, int]] = []
        for node in self.architecture.layers:
            for name, shape in node.weight_shapes.items():
                own = [(-1, *place) if len(shape) == 1 else place for place in np.ndindex(shape)]
                rows += [(node.name, name, row, column) for row, column in own]
        kinds: dict[str, type] = {"layer": object, "array": object, "from": np.int64, "unit": np.int64}
        given = zip(*rows, strict=True) if rows else ((),) * 4
        return {name: np.array(list(one), dtype=kind) for (name, kind), one in zip(kinds.items(), given, strict=True)}


def _chosen(epochs: Any) -> tuple[int, ...]:
    if not isinstance(epochs, Iterable) or isinstance(epochs, str):
        raise OptionError(f"TimeMachine epochs: expected a list of epochs such as (1, 5, 20), got {epochs!r}")
    return tuple(sorted({whole("TimeMachine epochs", epoch, 0) for epoch in epochs}))


def _listed(epochs: tuple[int, ...]) -> str:
    """0, 1, 2 … 20: the first few, and the last."""
    if epochs == tuple(range(len(epochs))) and len(epochs) > 2:
        return f"0 to {epochs[-1]}"
    first = ", ".join(map(str, epochs[:8]))
    return first if len(epochs) <= 8 else f"{first} … {epochs[-1]}"
