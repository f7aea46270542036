"""`Sequential`: one network, or many of the same shape side by side, in Keras's words."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import DivergenceError, InputError, OptionError, ShapeError
from timeglass.model.arrays import as_floats, as_targets, as_windows
from timeglass.model.history import History
from timeglass.model.report import Reporter, check_verbose
from timeglass.model.summary import summary_lines
from timeglass.network.architecture import Architecture
from timeglass.network.initializers import initial_weights
from timeglass.network.layers import Dense, Input, Layer, SimpleRNN
from timeglass.network.philox import check_seed
from timeglass.train.engine import Engine, FitTask, OnProgress, TrainingState
from timeglass.train.engines import engine_of
from timeglass.train.losses import LOSSES, loss_name
from timeglass.train.optimizers import Adam, optimizer_of
from timeglass.types import Array, Floats

__all__ = ["Sequential"]


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise OptionError(f"{name}: expected a whole number of at least {least}, got {value!r}")
    return int(value)


class Sequential:
    """A chain of layers. With `networks=L`, L networks of that shape, each with its own start and shuffles.

    With one network every method takes and gives what Keras's does. With more, weights, forecasts
    and losses have a leading axis of L networks.

    `seed` makes a run repeatable; without it one is drawn, and kept in `seed`. `engine` is "lanes",
    "numpy" or "keras"; None takes the fastest on this machine.

    >>> model = Sequential([SimpleRNN(3, input_shape=(12, 1)), Dense(1, activation="tanh")], seed=0)
    >>> model.count_params()
    19
    """

    def __init__(
        self,
        layers: Iterable[Input | Layer] | None = None,
        name: str = "sequential",
        *,
        networks: int = 1,
        seed: int | None = None,
        engine: str | None = None,
    ) -> None:
        self.name = name
        self.networks = _whole("networks", networks, 1)
        self.seed = check_seed(int.from_bytes(os.urandom(4), "little") if seed is None else seed)
        self._engine: Engine | None = None
        self._engine_name = engine
        self._input: tuple[int, int] | None = None
        self._layers: list[Layer] = []
        self._architecture: Architecture | None = None
        self._state: TrainingState | None = None
        self._compiled: tuple[Adam, str] | None = None
        for layer in layers or ():
            self.add(layer)

    # What the network is

    def add(self, layer: Input | Layer) -> None:
        """Puts a layer on top."""
        if isinstance(layer, Input):
            if self._input or self._layers:
                raise ShapeError("Input: only as the first layer")
            self._input = layer.shape
        elif isinstance(layer, SimpleRNN | Dense):
            if layer.input_shape and not self._layers and not self._input:
                self._input = layer.input_shape
            self._layers.append(layer)
        else:
            raise OptionError(f"Sequential: expected Input, SimpleRNN or Dense layers, got {layer!r}")
        if self._input and self._layers:
            self.build(self._input)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Places the layers on windows of (T, F), or (N, T, F) as Keras writes it, and draws the initial weights."""
        shape = Input(tuple(input_shape)[-2:]).shape  # type: ignore[arg-type]  # Input itself refuses what is no pair
        old, state = self._architecture, self._state
        self._architecture = Architecture.of(self._layers, time_steps=shape[0], features=shape[1])
        self._state = TrainingState(initial_weights(self._architecture, np.arange(self.networks), seed=self.seed))
        if old and state and self._architecture.layers[: len(old.layers)] == old.layers:
            # A layer more on top leaves the weights of those below as they are.
            self._state.weights[:, : old.weight_count] = state.weights

    @property
    def architecture(self) -> Architecture:
        """The layers' shapes; a `ShapeError` while the input's shape is not known."""
        if self._architecture is None:
            raise ShapeError(
                "the network has no input shape yet: begin with Input((time_steps, features)), "
                "or give SimpleRNN an input_shape"
            )
        return self._architecture

    @property
    def engine(self) -> str:
        """The name of the engine that trains and predicts."""
        return self._chosen_engine().name

    def _chosen_engine(self) -> Engine:
        if self._engine is None:
            self._engine = engine_of(self._engine_name)
        return self._engine

    @property
    def _training(self) -> TrainingState:
        _ = self.architecture
        assert self._state is not None
        return self._state

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the input, as Keras gives them."""
        return list(self._layers)

    def count_params(self) -> int:
        """Weights of one network."""
        return self.architecture.weight_count

    def summary(self, print_fn: Callable[[str], Any] = print) -> None:
        """Prints the layers, their shapes and weights."""
        for line in summary_lines(self.name, self.architecture, self.networks):
            print_fn(line)

    # Weights

    @property
    def weights(self) -> Floats:
        """A copy of all weights (L, P), one row for each network, in Keras's order."""
        return self._training.weights.copy()

    def get_weights(self) -> list[Floats]:
        """Keras's list: kernel, recurrent kernel, bias of each layer; each (L, …) where L > 1."""
        if self._architecture is None:
            return []
        split = self._architecture.split(self._training.weights.copy())
        arrays = [array for layer in split for array in layer.values()]
        return [array[0] for array in arrays] if self.networks == 1 else arrays

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Takes what `get_weights` gives."""
        split = self.architecture.split(self._training.weights)
        own = [(name, array) for layer in split for name, array in layer.items()]
        if len(weights) != len(own):
            raise ShapeError(f"set_weights: expected {len(own)} arrays, got {len(weights)}")
        given = [as_floats(f"set_weights: {name}", value) for (name, _), value in zip(own, weights, strict=True)]
        for (name, array), new in zip(own, given, strict=True):
            expected = array.shape[1:] if self.networks == 1 else array.shape
            if new.shape != expected:
                raise ShapeError(f"set_weights: {name} has shape {expected}, got {new.shape}")
        for (_, array), new in zip(own, given, strict=True):
            array[...] = new

    # Training and use

    def compile(self, optimizer: str | Adam, loss: str) -> None:
        """Sets the optimiser ("adam" or `Adam(...)`) and the loss ("mean_squared_error"), and starts Adam afresh."""
        self._compiled = optimizer_of(optimizer), loss_name(loss)
        self._chosen_engine()  # an engine that is missing is told of here, before any work
        if self._state is not None:
            self._state = TrainingState(self._state.weights)

    def _settings(self) -> tuple[Adam, str]:
        if self._compiled is None:
            raise InputError("compile the network first: model.compile(optimizer='adam', loss='mean_squared_error')")
        return self._compiled

    def _build_for(self, x: ArrayLike) -> None:
        if self._architecture is None and len(shape := as_floats("x", x).shape) == 3:
            self.build(shape)

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        validation_split: float = 0.0,
        shuffle: bool = True,
        on_progress: OnProgress | None = None,
    ) -> History:
        """Trains every network on windows x (N, T, F) with targets y (N, K).

        As in Keras: batches of 32 unless told, the last share of the windows held back by `validation_split`, the
        rest shuffled anew for each epoch; a further fit goes on where the last one ended. `verbose`: 0 silent, 1 or
        "auto" a progress bar where standard error is a terminal, 2 a line for each epoch. `on_progress` is called
        with the share done, several times a second.

        A loss or weight that is not finite ends in `DivergenceError`; arrays that do not fit the network in
        `ShapeError`, values that float32 cannot hold in `InputError`, settings outside their range in `OptionError`.
        """
        adam, loss = self._settings()
        self._build_for(x)
        windows = as_windows(self.architecture, x)
        targets = as_targets(self.architecture, y, len(windows))
        if not isinstance(validation_split, Real) or not 0 <= validation_split < 1:
            raise OptionError(f"validation_split: expected a share from 0 to below 1, got {validation_split!r}")
        kept = int(len(windows) * (1 - validation_split))
        if kept == 0:
            raise OptionError(f"validation_split: {validation_split} of {len(windows)} windows leaves none to train on")
        task = FitTask(
            self.architecture, windows[:kept], targets[:kept], epochs=_whole("epochs", epochs, 1),
            batch_size=min(_whole("batch_size", 32 if batch_size is None else batch_size, 1), kept),
            shuffle=bool(shuffle), seed=self.seed, adam=adam, loss=loss,
        )  # fmt: skip
        held_back = (windows[kept:], targets[kept:]) if kept < len(windows) else None
        reporter = Reporter(verbose, task.epochs, task.batches, on_progress)
        return self._fit(task, held_back, reporter)

    def _fit(self, task: FitTask, held_back: tuple[Floats, Floats] | None, reporter: Reporter) -> History:
        engine = self._chosen_engine()
        began = time.perf_counter()
        losses: dict[str, Array]
        try:
            with reporter:
                if held_back is None:
                    losses = {"loss": engine.fit(task, self._training, reporter.on_progress)}
                else:
                    losses = self._fit_by_epoch(engine, task, held_back, reporter)
        except BaseException:
            # Adam's means may stand at different steps in different groups: keep the weights, start it afresh.
            self._state = TrainingState(self._training.weights)
            raise
        seconds = time.perf_counter() - began
        self._check_finite(losses["loss"], task)
        params = {"epochs": task.epochs, "steps": task.batches, "networks": self.networks}
        history = History.of(losses, params | {"engine": engine.name, "seconds": seconds})
        reporter.epochs(history)
        return history

    def _fit_by_epoch(
        self, engine: Engine, task: FitTask, held_back: tuple[Floats, Floats], reporter: Reporter
    ) -> dict[str, Array]:
        one = FitTask(**{**vars(task), "epochs": 1})
        columns: dict[str, list[Array]] = {"loss": [], "val_loss": []}
        for epoch in range(task.epochs):

            def on_progress(share: float, epoch: int = epoch) -> None:
                reporter.on_progress((epoch + share) / task.epochs)

            columns["loss"].append(engine.fit(one, self._training, on_progress)[:, 0])
            columns["val_loss"].append(self._losses(*held_back, task.loss))
        return {name: np.stack(column, axis=1) for name, column in columns.items()}

    def _check_finite(self, losses: Array, task: FitTask) -> None:
        bad = ~np.isfinite(losses)
        bad[:, -1] |= ~np.isfinite(self._training.weights).all(axis=1)
        if bad.any():
            epoch = int(np.argmax(bad.any(axis=0)))
            network = int(np.argmax(bad[:, epoch]))
            raise DivergenceError(
                f"training diverged in epoch {epoch + 1} of {task.epochs} (network {network}): "
                f"lower the learning rate (now {task.adam.learning_rate:g}) or scale the data to about -1 … 1"
            )

    def _predict(self, windows: Floats) -> Floats:
        return self._chosen_engine().predict(self.architecture, self._training.weights, windows)

    def _losses(self, windows: Floats, targets: Floats, loss: str) -> Array:
        return LOSSES[loss].value(self._predict(windows).astype(np.float64), targets[None].astype(np.float64))

    def predict(self, x: ArrayLike, *, verbose: int | str = "auto") -> Floats:
        """Forecasts (N, K) of windows x (N, T, F); (L, N, K) where L > 1.

        `verbose` may be what Keras takes; a forecast takes microseconds here, so no value of it shows a bar.
        """
        check_verbose(verbose)
        self._build_for(x)
        forecasts = self._predict(as_windows(self.architecture, x))
        return forecasts[0] if self.networks == 1 else forecasts

    def evaluate(self, x: ArrayLike, y: ArrayLike, *, verbose: int | str = "auto") -> Any:
        """The loss over windows x (N, T, F) with targets y (N, K): a number, or (L,) where L > 1."""
        check_verbose(verbose)
        _, loss = self._settings()
        self._build_for(x)
        windows = as_windows(self.architecture, x)
        losses = self._losses(windows, as_targets(self.architecture, y, len(windows)), loss)
        return float(losses[0]) if self.networks == 1 else losses
