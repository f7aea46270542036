"""Networks for the tests, with weights, windows and targets: each a function of its seed.

A layer is written as its class's name and arguments, which mean the same in Timeglass and in Keras (an argument that
is a layer is written so too). Layers' weights keep a network's values near one, so that an absolute tolerance says as
much for one network as for the next.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import timeglass
from timeglass.cells.activations import ACTIVATIONS
from timeglass.kernel.library import Library, kernel_status
from timeglass.network import layers as own
from timeglass.network.architecture import Architecture
from timeglass.network.initializers import initial_weights
from timeglass.train.engine import FitTask, TrainingState
from timeglass.train.losses import loss_of

LayerSpec = tuple[str, dict[str, Any]]
Floats = NDArray[np.float32]

KERNEL = kernel_status().library
needs_kernel = pytest.mark.skipif(KERNEL is None, reason=f"no compiled kernel: {kernel_status().reason}")


def with_instruction_set(name: str) -> Library:
    """The kernel as it runs with that instruction set."""
    assert KERNEL is not None
    return replace(KERNEL, instruction_set=name)


each_instruction_set = pytest.mark.parametrize(
    "library",
    [pytest.param(with_instruction_set(name), id=name) for name in KERNEL.instruction_sets]
    if KERNEL
    else [pytest.param(None, marks=needs_kernel)],
)


@dataclass(frozen=True)
class Network:
    """Layers on windows of T time steps and F features; `seed` is its weights', windows' and targets'."""

    time_steps: int  # T
    features: int  # F
    layers: tuple[LayerSpec, ...]
    seed: int = 0

    @property
    def architecture(self) -> Architecture:
        return Architecture.of(self.own_layers(), time_steps=self.time_steps, features=self.features)

    def own_layers(self) -> list[Any]:
        """Timeglass's layers."""
        return [_own_layer(layer) for layer in self.layers]

    def sequential(self, **options: Any) -> timeglass.Sequential:
        """The Timeglass model, with its own initial weights."""
        shape = timeglass.Input((self.time_steps, self.features))
        return timeglass.Sequential([shape, *self.own_layers()], **options)

    def _uniform(self, purpose: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
        return np.random.default_rng([self.seed, purpose]).uniform(-1, 1, shape)

    def weights(self, networks: int = 1) -> Floats:
        """(L, P): uniform, matrices within ± 1/√rows, biases within ± 0.5."""
        architecture = self.architecture
        weights = self._uniform(0, (networks, architecture.weight_count))
        for arrays in architecture.split(weights):
            for name, array in arrays.items():
                array *= 1 / np.sqrt(array.shape[1]) if name.startswith("w") else 0.5
        return weights.astype(np.float32)

    def arrays(self) -> list[Floats]:
        """The weights of one network as Keras's list."""
        split = self.architecture.split(self.weights())
        return [array[0] for arrays in split for array in arrays.values()]

    def windows(self, count: int) -> Floats:
        """x (N, T, F) within ± 1; a third of the steps hold a Masking layer's value, where there is one."""
        x = self._uniform(1, (count, self.time_steps, self.features)).astype(np.float32)
        for name, options in self.layers:
            if name == "Masking":
                x[self._uniform(3, x.shape[:2]) < -1 / 3] = options.get("mask_value", 0.0)
        return x

    def targets(self, count: int) -> Floats:
        """y (N, …) of the output's shape, within ± 0.8."""
        return (0.8 * self._uniform(2, (count, *self.architecture.output_shape))).astype(np.float32)


def rnn(units: int, activation: str = "tanh", **options: Any) -> LayerSpec:
    return "SimpleRNN", {"units": units, "activation": activation, **options}


def dense(units: int, activation: str = "linear", **options: Any) -> LayerSpec:
    return "Dense", {"units": units, "activation": activation, **options}


def gru(units: int, activation: str = "tanh", **options: Any) -> LayerSpec:
    return "GRU", {"units": units, "activation": activation, **options}


def lstm(units: int, activation: str = "tanh", **options: Any) -> LayerSpec:
    return "LSTM", {"units": units, "activation": activation, **options}


def bidirectional(layer: LayerSpec, merge_mode: str = "concat", **options: Any) -> LayerSpec:
    return "Bidirectional", {"layer": layer, "merge_mode": merge_mode, **options}


def masking(mask_value: float = 0.0) -> LayerSpec:
    return "Masking", {"mask_value": mask_value}


def dropout(rate: float | tuple[float, ...]) -> LayerSpec:
    return "Dropout", {"rate": rate}


def linear_skip(time_steps: int | None = None, **options: Any) -> LayerSpec:
    return "LinearSkip", {"time_steps": time_steps, **options}


def _own_layer(spec: LayerSpec) -> Any:
    name, options = spec
    inner = ("layer", "backward_layer")
    return getattr(own, name)(**{key: _own_layer(value) if key in inner else value for key, value in options.items()})


# With and without bias, sequences between layers and at the end, layers above and below the eight units up to which the
# kernel knows a size when it is compiled; every layer that is not random.
NETWORKS = {
    "tutorial": Network(12, 1, (rnn(3), dense(1, "tanh"))),
    "linear": Network(4, 1, (rnn(2, "linear"), dense(1))),
    "one unit": Network(5, 1, (rnn(1, "sigmoid"),)),
    "stacked": Network(6, 2, (rnn(4, return_sequences=True), rnn(3, "relu"), dense(2))),
    "sequences": Network(5, 3, (rnn(5, return_sequences=True), dense(2, "sigmoid"))),
    "no bias": Network(4, 2, (rnn(3, use_bias=False), dense(2, "tanh", use_bias=False))),
    "dense alone": Network(3, 2, (dense(4, "tanh"), dense(1))),
    "dense below": Network(4, 2, (dense(3, "relu"), rnn(9, "sigmoid"), dense(3))),
    "wide": Network(7, 5, (rnn(17, return_sequences=True), rnn(10), dense(12, "tanh"), dense(1))),
    "gru": Network(6, 1, (gru(3), dense(1))),
    "gru, reset before": Network(5, 2, (gru(4, reset_after=False), dense(2))),
    "gru, no bias": Network(4, 2, (gru(3, use_bias=False, return_sequences=True), gru(9, "relu"), dense(1))),
    "lstm": Network(6, 1, (lstm(3), dense(1))),
    "lstm, stacked": Network(5, 2, (lstm(4, return_sequences=True), lstm(3, "softsign", use_bias=False), dense(2))),
    "lstm, sequences": Network(4, 3, (lstm(9, recurrent_activation="hard_sigmoid", return_sequences=True), dense(2))),
    "backwards": Network(
        5, 2, (gru(3, go_backwards=True, return_sequences=True), lstm(2, go_backwards=True), dense(1))
    ),
    "two ways": Network(5, 2, (bidirectional(rnn(3)), dense(1))),
    "two ways, stacked": Network(
        4, 2, (bidirectional(lstm(3, return_sequences=True), "sum"), bidirectional(gru(2), "ave"), dense(2))
    ),
    "two ways, sequences": Network(4, 1, (bidirectional(gru(3, return_sequences=True), "mul"), dense(2, "elu"))),
    "masked": Network(6, 2, (masking(), gru(3, return_sequences=True), lstm(3), dense(1))),
    "masked, two ways": Network(
        6, 2, (masking(-0.5), bidirectional(lstm(2, return_sequences=True)), bidirectional(rnn(3), "mul"), dense(2))
    ),
    "masked, two ways, backwards first": Network(
        6,
        2,
        (
            masking(),
            bidirectional(
                gru(3, go_backwards=True, return_sequences=True), "sum", backward_layer=rnn(3, return_sequences=True)
            ),
            gru(3),
            dense(1),
        ),
    ),
    "skip": Network(6, 2, (gru(3), dense(2), linear_skip())),
    "skip, short": Network(7, 1, (lstm(3), dense(1, "tanh"), linear_skip(4, use_bias=False))),
}
each_network = pytest.mark.parametrize("network", [pytest.param(n, id=name) for name, n in NETWORKS.items()])


def random_network(seed: int) -> Network:
    """A small network: T 1 … 8, F 1 … 3, one to four layers of 1 … 6 units, any activation, with or without bias."""
    rng = np.random.default_rng([seed, 9])

    def options() -> dict[str, Any]:
        activation = ("linear", "tanh", "sigmoid", "relu")[rng.integers(4)]
        return {"units": int(rng.integers(1, 7)), "activation": activation, "use_bias": bool(rng.random() < 0.8)}

    below = [("Dense", options()) for _ in range(rng.integers(2))]
    depth = int(rng.integers(1, 3))
    sequences = [True] * (depth - 1) + [bool(rng.random() < 0.3)]
    recurrent = [("SimpleRNN", {**options(), "return_sequences": sequence}) for sequence in sequences]
    above = [("Dense", options()) for _ in range(rng.integers(2))]
    time_steps, features = int(rng.integers(1, 9)), int(rng.integers(1, 4))
    return Network(time_steps, features, (*below, *recurrent, *above), seed)


# Networks that drop numbers while they are trained: shapes, and which kinds of mask.
DROPPING = {
    "dropout": Network(4, 2, (dropout(0.25), gru(3), dropout(0.5), dense(2))),
    "simple": Network(5, 3, (rnn(4, dropout=0.4, recurrent_dropout=0.3, return_sequences=True), rnn(3, dropout=0.2))),
    "gru": Network(5, 3, (gru(3, dropout=0.4, recurrent_dropout=0.3), dense(1))),
    "gru, reset before": Network(4, 2, (gru(3, reset_after=False, dropout=0.3, recurrent_dropout=0.4), dense(1))),
    "lstm": Network(5, 3, (lstm(3, dropout=0.4, recurrent_dropout=0.3, go_backwards=True), dense(2))),
    "two ways": Network(
        5, 3, (masking(), bidirectional(lstm(3, dropout=0.2, recurrent_dropout=0.3, return_sequences=True)), gru(2))
    ),
}


def any_network(seed: int) -> Network:
    """A small network: T 1 … 7, F 1 … 3, one or two recurrent layers of any kind, any options but dropout."""
    rng = np.random.default_rng([seed, 10])

    def coin(chance: float = 0.5) -> bool:
        return bool(rng.random() < chance)

    def activation() -> str:
        return str(rng.choice([*ACTIVATIONS]))

    def recurrent(sequence: bool) -> LayerSpec:
        name = str(rng.choice(["SimpleRNN", "GRU", "LSTM"]))
        options: dict[str, Any] = {
            "units": int(rng.integers(1, 7)),
            "activation": activation(),
            "use_bias": coin(0.8),
            "return_sequences": sequence,
        }
        if name != "SimpleRNN":
            options["recurrent_activation"] = activation() if coin(0.3) else "sigmoid"
        if name == "GRU":
            options["reset_after"] = coin()
        if coin(0.4):
            return bidirectional((name, options), str(rng.choice(["concat", "sum", "mul", "ave"])))
        return name, options | {"go_backwards": coin(0.3)}

    depth, sequences = int(rng.integers(1, 3)), coin(0.3)
    layers = [masking()] if coin(0.4) else []
    layers += [recurrent(sequence) for sequence in [True] * (depth - 1) + [sequences]]
    layers += [dense(int(rng.integers(1, 4)), activation(), use_bias=coin(0.8))] if coin(0.7) else []
    layers += [linear_skip(1 if coin() else None, use_bias=coin())] if not sequences and coin(0.4) else []
    return Network(int(rng.integers(1, 8)), int(rng.integers(1, 4)), tuple(layers), seed)


def checksum(*arrays: Floats) -> int:
    """Tells whether arrays drawn from a seed are still the same."""
    return zlib.crc32(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))


def ignore(_: float) -> None:
    """No progress shown."""


def task_of(network: Network, *, count: int = 22, **options: Any) -> FitTask:
    """A short training on `count` windows; `options` are FitTask's."""
    values = {
        "epochs": 4,
        "batch_size": 4,
        "shuffle": True,
        "seed": 5,
        "optimizer": timeglass.Adam(learning_rate=0.005),
        "loss": loss_of("mean_squared_error"),
    } | options
    x, y = network.windows(count), network.targets(count)
    return FitTask(network.architecture, x, y, **values)


def state_of(network: Network, count: int) -> TrainingState:
    """`count` networks at their initial weights."""
    return TrainingState(initial_weights(network.architecture, np.arange(count), seed=network.seed))
