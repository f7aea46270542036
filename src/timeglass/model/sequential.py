"""`Sequential`: one network, or many of the same shape side by side, in Keras's words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from timeglass.errors import InputError, OptionError, ShapeError, TimeglassError
from timeglass.model.arrays import as_floats, check_finite
from timeglass.model.callbacks import Callback
from timeglass.model.checks import flag, one_of, whole
from timeglass.model.compiled import Compiled
from timeglass.model.data import Shape, data_of, is_series_list, windows_of
from timeglass.model.evaluation import data_losses
from timeglass.model.fingerprint import Interrupted
from timeglass.model.fitting import batch_size_of, check_epochs, check_size, sorted_callbacks, split_data
from timeglass.model.history import History
from timeglass.model.report import Reporter, check_verbose
from timeglass.model.solving import Solving
from timeglass.model.summary import summary_lines
from timeglass.model.tracing import trace_of
from timeglass.model.training import Training
from timeglass.model.weight_lists import list_of, take_list
from timeglass.model.weight_tables import WeightTables
from timeglass.network.architecture import Architecture
from timeglass.network.dropout import check_rates
from timeglass.network.initializers import initial_weights
from timeglass.network.layers import Input, Layer
from timeglass.network.philox import check_seed
from timeglass.prepare.scale import MinMaxScaler
from timeglass.trace.trace import Trace
from timeglass.train.engine import Engine, FitTask, OnProgress, TrainingState
from timeglass.train.engines import engine_of
from timeglass.train.losses import Loss
from timeglass.train.optimizers import Optimizer
from timeglass.train.solver_settings import Solver
from timeglass.types import Array, Floats

__all__ = ["Sequential"]


class Sequential:
    """A chain of layers. With `networks=L`, L networks of that shape, each with its own start and shuffles.

    With one network every method takes and gives what Keras's does. With more, weights, forecasts
    and losses have a leading axis of L networks.

    `seed` makes a run repeatable; without it one is drawn, and kept in `seed`. `engine` is "lanes",
    "numpy" or "keras"; None takes the fastest on this machine.

    >>> from timeglass.network.layers import Dense, SimpleRNN
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
        self.networks = whole("networks", networks, 1)
        self.seed = check_seed(int.from_bytes(os.urandom(4), "little") if seed is None else seed)
        self._engine: Engine | None = None
        self._engine_name = engine
        self._input: tuple[int, int] | None = None
        self._layers: list[Layer] = []
        self._architecture: Architecture | None = None
        self._state: TrainingState | None = None
        self._compiled: Compiled | None = None
        self.scaler: MinMaxScaler | None = None  # how the series was scaled before it was windowed; `save` keeps it
        self.interrupted: Interrupted | None = None  # the fit with a checkpoint that ended early
        self.stopped: NDArray[np.bool_] = np.zeros(self.networks, dtype=np.bool_)  # (L,): as stop_training says
        if layers is not None and not isinstance(layers, Iterable):
            raise OptionError(f"Sequential layers: expected a list, got {layers!r}: put it in brackets")
        for layer in layers or ():
            self._take(layer)
        if self._input and self._layers:
            self.build(self._input)  # once, since large networks take long to draw their weights

    def __getstate__(self) -> dict[str, Any]:
        """For copies and other processes, which choose the engine anew: a loaded library cannot be sent."""
        return self.__dict__ | {"_engine": None}

    # What the network is

    def add(self, layer: Input | Layer) -> None:
        """Puts a layer on top; one that does not fit is refused, and the network stays as it was."""
        before = self._input, list(self._layers)
        try:
            self._take(layer)
            if self._input and self._layers:
                self.build(self._input)
        except TimeglassError:
            self._input, self._layers = before
            raise

    def _take(self, layer: Input | Layer) -> None:
        if isinstance(layer, Input):
            if self._input or self._layers:
                raise ShapeError("Input: only as the first layer")
            self._input = layer.shape
        elif isinstance(layer, Layer):
            if layer.input_shape:
                self._take_shape((layer.input_shape[0], layer.input_shape[1]), layer)
            self._layers.append(layer)
        else:
            raise OptionError(
                f"Sequential: expected layers such as Input((12, 1)), SimpleRNN(3) or Dense(1), got {layer!r}"
            )

    def _take_shape(self, shape: tuple[int, int], layer: Layer) -> None:
        if self._layers:
            raise ShapeError(f"{layer}: only the first layer may have an input_shape: leave it out")
        if self._input and self._input != shape:
            raise ShapeError(f"{layer}: its input_shape contradicts Input({self._input}): leave one of them out")
        self._input = shape

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Places the layers on windows of (T, F), or (N, T, F) as Keras writes it, and draws the initial weights."""
        shape = Input(tuple(input_shape)[-2:]).shape  # type: ignore[arg-type]  # Input itself refuses what is no pair
        architecture = Architecture.of(self._layers, time_steps=shape[0], features=shape[1])
        check_size(architecture, self.networks)
        check_rates(architecture, self.networks)
        old, state = self._architecture, self._state
        self._architecture = architecture
        self._state = TrainingState(initial_weights(architecture, np.arange(self.networks), seed=self.seed))
        if old and state and architecture.layers[: len(old.layers)] == old.layers:
            # A layer more on top leaves the weights of those below as they are.
            self._state.weights[:, : old.weight_count] = state.weights

    def restore(
        self, layers: list[Layer], architecture: Architecture, compiled: Compiled | None, state: TrainingState
    ) -> None:
        """Takes what a file held, checked, in place of building and drawing it."""
        self._input, self._layers = (architecture.time_steps, architecture.features), layers
        self._architecture, self._compiled, self._state = architecture, compiled, state

    @property
    def architecture(self) -> Architecture:
        """The layers' shapes; a `ShapeError` while the input's shape is not known."""
        if self._architecture is None:
            raise ShapeError(
                "the network has no input shape yet: begin with Input((time_steps, features)), "
                "or give the first layer an input_shape"
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

    # Weights, and what else training changes

    @property
    def training_state(self) -> TrainingState:
        """Weights, the optimiser's state and counters, not copied: what training changes."""
        _ = self.architecture
        assert self._state is not None
        return self._state

    @training_state.setter
    def training_state(self, state: TrainingState) -> None:
        self._state = state

    @property
    def weights(self) -> WeightTables:
        """Labelled tables of all arrays, with what Keras and torch call them; `weights.of(3)` of another network.

        >>> from timeglass.network.layers import SimpleRNN
        >>> model = Sequential([SimpleRNN(1, use_bias=False, input_shape=(3, 1))], seed=0)
        >>> model.set_weights([[[0.5]], [[0.25]]])
        >>> print(model.weights["simple_rnn.wh"])
        simple_rnn.wh (Keras: recurrent_kernel; torch: weight_hh_l0)
                h[0]
          h[0]  0.25
        """
        return WeightTables(self.architecture, self.weight_rows)

    @property
    def weight_rows(self) -> Floats:
        """A copy of all weights (L, P), one row for each network, in Keras's order. May be set."""
        return self.training_state.weights.copy()

    @weight_rows.setter
    def weight_rows(self, weights: ArrayLike) -> None:
        own, given = self.training_state.weights, as_floats("weight_rows", weights)
        if given.shape != own.shape:
            raise ShapeError(f"weight_rows: expected shape {own.shape}, got {given.shape}")
        own[...] = given

    def get_weights(self) -> list[Floats]:
        """Keras's list: kernel, recurrent kernel, bias of each layer; each (L, …) where L > 1."""
        return [] if self._architecture is None else list_of(self._architecture, self.weight_rows)

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Takes what `get_weights` gives."""
        take_list(self.architecture, self.training_state.weights, weights)

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step: a number, or (L,) where L > 1. May be set, to one or to L numbers."""
        rates = self._settings().rates(self.training_state)
        return float(rates[0]) if self.networks == 1 else rates

    @learning_rate.setter
    def learning_rate(self, rates: ArrayLike) -> None:
        self._settings().set_rates(self.training_state, rates)

    @property
    def stop_training(self) -> Any:
        """Whether the fit is to end after this epoch, or (L,) where L > 1: for which networks. Callbacks set it."""
        return bool(self.stopped[0]) if self.networks == 1 else self.stopped.copy()

    @stop_training.setter
    def stop_training(self, stop: bool | NDArray[np.bool_]) -> None:
        given = np.asarray(stop)
        if given.dtype.kind not in "biu" or given.shape not in ((), (self.networks,)):
            raise OptionError(f"stop_training: expected True, False or one of them for each network, got {stop!r}")
        self.stopped[:] = given

    def save(self, path: str | os.PathLike[str], scaler: MinMaxScaler | None = None) -> None:
        """Writes all of the model to a .safetensors or .json file, whole or not at all; `load_model` reads it.

        A `scaler` becomes `model.scaler`: how the series was scaled before it was windowed, which nothing here applies.
        """
        from timeglass.model.saving import save_model  # a slow start, and only for who writes files

        save_model(self, path, scaler)

    # Training and use

    def compile(
        self, optimizer: str | Optimizer | Solver, loss: str | Loss, *, l2: float | Sequence[float] = 0.0
    ) -> None:
        """Sets optimiser and loss, by value or Keras's name, and starts the optimiser afresh.

        `l2` times the sum of squares of all kernels is added to the loss, as Keras's regularizers.L2 on each layer;
        it and learning rates may be one number for each network.
        """
        compiled = Compiled.of(optimizer, loss, l2, self.networks)
        self._chosen_engine()  # an engine that is missing is told of here, before any work
        self._compiled = compiled
        if self._state is not None:
            self._state = TrainingState(self._state.weights)

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def optimizer(self) -> Optimizer | Solver:
        """What `compile` was given."""
        return self._settings().optimizer

    @property
    def loss(self) -> Loss:
        """What `compile` was given."""
        return self._settings().loss

    def _settings(self) -> Compiled:
        if self._compiled is None:
            raise InputError("compile the network first: model.compile(optimizer='adam', loss='mean_squared_error')")
        return self._compiled

    def _shape_for(self, x: Any, *, targets: bool) -> Shape:
        """What x and what comes with it must fit; builds the network for x if that is still to do."""
        first = x[0] if is_series_list(x) else x
        if self._architecture is None and len(shape := as_floats("x", first).shape) in (3, 4):
            self.build(shape)
        return Shape(self.architecture, self.networks, self._settings().loss if targets else None)

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Iterable[Callback] | None = None,
        validation_split: float = 0.0,
        validation_data: tuple[Any, ...] | None = None,
        shuffle: bool = True,
        sample_weight: Any = None,
        lanes: Literal["networks", "samples"] | None = None,
        on_progress: OnProgress | None = None,
    ) -> History:
        """Trains every network on windows x (N, T, F) with targets y (N, K).

        As in Keras: batches of 32 unless told, the last share of the windows held back by `validation_split` (or
        `validation_data`, a pair x, y or with weights), the rest shuffled anew for each epoch; a further fit goes on
        where the last one ended. `verbose`: 0 silent, 1 or "auto" a progress bar where standard error is a terminal,
        2 a line for each epoch. `on_progress` is called with the share done, several times a second.

        x and y may be lists of L arrays, one series of windows for each network, of different lengths if need be; or
        have a leading axis of L. So may `sample_weight` (N,), and all of these in `validation_data`.

        With `LevenbergMarquardt` or `LBFGS` an epoch is one iteration over all windows; there are no batches, and no
        callbacks for epochs.

        `lanes` says what the compiled engine's lanes carry; it chooses itself unless told.

        Ctrl-C, and any error, leaves each network the best weights so far: of the epoch with the lowest validation
        loss, or without validation (with a solver: without `patience`) the lowest loss. A loss or weight that is not
        finite ends in `DivergenceError`; arrays that do not fit the network in `ShapeError`, values that float32 cannot
        hold in `InputError`, settings outside their range in `OptionError`.
        """
        compiled = self._settings()
        shape = self._shape_for(x, targets=True)
        data, held_back = split_data(shape, data_of(shape, x, y, sample_weight), validation_split, validation_data)
        task = FitTask(
            self.architecture, data.x, data.y,
            epochs=check_epochs(whole("epochs", epochs, 1), self.networks),
            batch_size=batch_size_of(batch_size, compiled.optimizer, data.windows),
            shuffle=flag("shuffle", shuffle), seed=self.seed, optimizer=compiled.for_task, loss=compiled.loss,
            counts=data.counts, sample_weight=data.sample_weight, l2=compiled.l2,
            lanes=one_of("lanes", lanes, (None, "networks", "samples")),
        )  # fmt: skip
        told, checkpoint = sorted_callbacks(callbacks, self.architecture)
        reporter = Reporter(verbose, task.epochs, task.batches, on_progress)
        engine, optimizer = self._chosen_engine(), compiled.optimizer
        if isinstance(optimizer, Solver):
            return Solving(self, engine, optimizer, task, held_back, told, checkpoint, reporter).run()
        return Training(self, engine, task, held_back, told, checkpoint, reporter).run()

    def predict(self, x: Any, *, verbose: int | str = "auto") -> Any:
        """Forecasts (N, K) of windows x (N, T, F); (L, N, K) where L > 1.

        A list of L arrays, one series of windows for each network, gives a list of L arrays.
        `verbose` may be what Keras takes; a forecast takes microseconds here, so no value of it shows a bar.
        """
        check_verbose(verbose)
        windows, counts = windows_of(self._shape_for(x, targets=False), x)
        forecasts = self._chosen_engine().predict(self.architecture, self.training_state.weights, windows)
        check_finite("predict", "forecast", forecasts)
        if is_series_list(x):
            lengths = [windows.shape[1]] * self.networks if counts is None else counts.tolist()
            return [row[:length] for row, length in zip(forecasts, lengths, strict=True)]
        return forecasts[0] if self.networks == 1 else forecasts

    def trace(self, x: Any, y: Any = None, *, network: int = 0, engine: Literal["numpy", "lanes"] = "numpy") -> Trace:
        """Every named array of one network's way over windows x (N, T, F), and with targets y of the way back.

        Computed by the definition in float64, or with `engine="lanes"` recorded by the compiled kernel, in float32;
        `engine` of the trace says which. With y the network must be compiled: the arrays of the way back are the
        derivatives of the mean of its loss, without L2. An `InputError` names an array that is not finite.

        >>> from timeglass.network.layers import Dense, SimpleRNN
        >>> model = Sequential([SimpleRNN(2, "linear", input_shape=(3, 1)), Dense(1)], seed=0)
        >>> model.trace([[[1.0], [2.0], [3.0]]])["simple_rnn.h"].shape
        (1, 3, 2)
        """
        shape = self._shape_for(x, targets=y is not None)
        loss = None if y is None else self._settings().loss
        return trace_of(shape, self.training_state.weights, x, y, loss, network=network, engine=engine)

    def evaluate(self, x: Any, y: Any, *, sample_weight: Any = None, verbose: int | str = "auto") -> Any:
        """The loss over windows x (N, T, F) with targets y (N, K), as in training: a number, or (L,) where L > 1."""
        check_verbose(verbose)
        compiled, shape = self._settings(), self._shape_for(x, targets=True)
        losses: Array = data_losses(
            self._chosen_engine(), self.architecture, self.training_state.weights,
            data_of(shape, x, y, sample_weight), compiled.loss, compiled.l2,
        )  # fmt: skip
        check_finite("evaluate", "loss", losses)
        return float(losses[0]) if self.networks == 1 else losses
