"""What an engine is given, keeps and offers. Each of the three does the same work; only the speed differs.

Axes: L networks, N windows, T steps, F features, P weights of a network, S numbers that the optimiser keeps for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError, ShapeError
from timeglass.network.architecture import Architecture
from timeglass.train.losses import Loss
from timeglass.train.optimizers import Optimizer
from timeglass.types import Array, Floats

__all__ = ["Engine", "FitTask", "OnProgress", "Rows", "TrainingState", "architecture_of"]

# Called with the share of a fit that is done, 0 … 1, now and then; what it raises ends the fit.
OnProgress = Callable[[float], None]

Doubles = NDArray[np.float64]
Counts = NDArray[np.int64]

# Which of the networks: their rows, a mark for each, or a slice.
Rows = NDArray[np.integer] | NDArray[np.bool_] | slice


@dataclass(frozen=True)
class FitTask:
    """What to train on, and how.

    Windows x are (N, T, F), and targets y (N, …) as the loss needs them for the network's output; or both have a
    leading axis of L: a set of windows for each network. Rows of x and y past a network's count are never read.

    A network with fewer windows than another has fewer batches in an epoch. It rests when its own are done, and is
    what it would be if trained alone.
    """

    architecture: Architecture
    x: Floats
    y: Floats
    epochs: int
    batch_size: int
    shuffle: bool
    seed: int
    optimizer: Optimizer
    loss: Loss
    counts: Counts | None = None  # (L,): the windows of each network, its first ones; None: all N
    sample_weight: Floats | None = None  # (N,) or (L, N)
    l2: Doubles | None = None  # (L,): times the sum of squares of kernels and recurrent kernels, added to the loss
    lanes: Literal["networks", "samples"] | None = None  # what the compiled engine's lanes carry; None: it chooses

    @property
    def windows(self) -> int:
        """N: windows of the network that has most."""
        return self.x.shape[-3] if self.counts is None else int(self.counts.max())

    @property
    def batches(self) -> int:
        """Batches in one epoch of the network with most windows; a network's last one may be smaller."""
        return -(-self.windows // self.batch_size)

    def counts_of(self, networks: int) -> Counts:
        """(L,): the windows of each network."""
        if self.counts is None:
            return np.full(networks, self.windows, dtype=np.int64)
        return np.asarray(self.counts, dtype=np.int64)

    def check(self, networks: int) -> None:
        """A `ShapeError` or `OptionError` unless everything that is given for each network is given for so many."""
        shared = self.x.ndim == 3
        if self.x.ndim not in (3, 4) or self.y.shape[: self.x.ndim - 2] != self.x.shape[:-2]:
            got = f"x {self.x.shape}, y {self.y.shape}"
            raise ShapeError(f"expected windows x (N, T, F) with y (N, …), or both with L before that, got {got}")
        n = self.x.shape[-3]
        if not shared and len(self.x) != networks:
            raise ShapeError(f"x: expected a set of windows for each of {networks} networks, got {len(self.x)} sets")
        if self.sample_weight is not None and self.sample_weight.shape not in ((n,), (networks, n)):
            raise ShapeError(
                f"sample_weight: expected shape ({n},) or ({networks}, {n}), got {self.sample_weight.shape}"
            )
        if self.l2 is not None and np.shape(self.l2) != (networks,):
            raise ShapeError(f"l2: expected shape ({networks},), got {np.shape(self.l2)}")
        counts = self.counts_of(networks)
        if counts.shape != (networks,) or counts.min() < 1 or counts.max() > n:
            raise OptionError(f"counts: expected {networks} whole numbers from 1 to {n}, got {counts.tolist()}")
        self.optimizer.base_rates(networks)

    def take(self, rows: Rows) -> FitTask:
        """The task of some of the networks: whatever is given for each network is given for these."""

        def some(values: Any, shared_axes: int) -> Any:
            return values if values is None or np.ndim(values) == shared_axes else values[rows]

        output = len(self.architecture.output_shape)
        return replace(
            self,
            architecture=architecture_of(self.architecture, rows),
            x=some(self.x, 3),
            y=some(self.y, 1 + output),
            counts=some(self.counts, 0),
            sample_weight=some(self.sample_weight, 1),
            l2=some(self.l2, 0),
            optimizer=_some_rates(self.optimizer, rows),
        )


def _some_rates(given: Any, rows: Rows) -> Any:
    """A frozen value whose fields that are tuples of floats, one for each network, keep these rows.

    A schedule in a field is gone into.
    """
    changed: dict[str, Any] = {}
    for one in fields(given):
        value = getattr(given, one.name)
        if one.name in _PER_NETWORK and isinstance(value, tuple):
            changed[one.name] = tuple(np.array(value)[rows].tolist())
        elif one.name == "learning_rate" and hasattr(value, "factor"):
            changed[one.name] = _some_rates(value, rows)
    return replace(given, **changed) if changed else given


_PER_NETWORK = frozenset(
    {
        *("learning_rate", "initial_learning_rate", "warmup_target", "max_learning_rate"),
        *("dropout", "recurrent_dropout", "rate"),
    }
)


def architecture_of(architecture: Architecture, rows: Rows) -> Architecture:
    """The same architecture for some of the networks: with their dropout rates, where each has its own."""
    placed = tuple(replace(node, layer=_some_rates(node.layer, rows)) for node in architecture.layers)
    return replace(architecture, layers=placed) if placed != architecture.layers else architecture


def _none() -> Any:
    return np.zeros(0)


@dataclass
class TrainingState:
    """What training changes: an engine updates it in place, and a further fit goes on from it.

    After a fit that was ended by an error, weights and slots stand somewhere in an epoch; `best_weights` and
    `best_loss` are those of an epoch that was trained whole.
    """

    weights: Floats  # (L, P)
    slots: Floats = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.float32))  # (S, L, P): the optimiser's
    steps: Counts = field(default_factory=_none)  # (L,): the optimiser's, taken so far
    beta_powers: Doubles = field(default_factory=_none)  # (L, 2): running products of Adam's betas, 1 at the start
    epochs: int = 0  # done so far
    numbers: Counts = field(default_factory=_none)  # (L,): the keys of the networks' random numbers; 0, 1, 2, …
    rate_scale: Doubles = field(default_factory=_none)  # (L,): by what learning rates are multiplied, 1 at the start
    best_weights: Floats = field(default_factory=_none)  # (L, P): at the end of the epoch of the lowest training loss
    best_loss: Doubles = field(default_factory=_none)  # (L,): that loss, infinite at the start

    def __post_init__(self) -> None:
        networks = len(self.weights)
        if not self.slots.size:
            self.slots = np.zeros((len(self.slots), *self.weights.shape), dtype=self.weights.dtype)
        start: dict[str, Array] = {
            "steps": np.zeros(networks, dtype=np.int64),
            "beta_powers": np.ones((networks, 2)),
            "numbers": np.arange(networks, dtype=np.int64),
            "rate_scale": np.ones(networks),
            "best_weights": self.weights.copy(),
            "best_loss": np.full(networks, np.inf),
        }
        for name, values in start.items():
            if not len(getattr(self, name)):
                setattr(self, name, values)

    def make_slots(self, optimizer: Optimizer) -> None:
        """Gives the optimiser its slots, at 0, if they are not there yet."""
        if len(self.slots) != optimizer.slots:
            self.slots = np.zeros((optimizer.slots, *self.weights.shape), dtype=self.weights.dtype)

    def end_epoch(self, losses: Array) -> None:
        """Notes that all networks have been trained for an epoch, with losses (L,), and keeps the best weights."""
        self.epochs += 1
        better = losses < self.best_loss
        # The weights first: stopped between the two lines, no loss stands without its weights.
        self.best_weights[better] = self.weights[better]
        self.best_loss[better] = losses[better]

    def take(self, rows: Rows) -> TrainingState:
        """A copy of some of the networks.

        >>> state = TrainingState(np.zeros((3, 5), dtype=np.float32))
        >>> state.take(np.array([2])).numbers.tolist()
        [2]
        """
        rows = np.arange(len(self.weights))[rows]  # not a view
        return TrainingState(
            self.weights[rows], self.slots[:, rows], self.steps[rows], self.beta_powers[rows], self.epochs,
            self.numbers[rows], self.rate_scale[rows], self.best_weights[rows], self.best_loss[rows],
        )  # fmt: skip

    def put(self, rows: Rows, state: TrainingState) -> None:
        """Takes some networks back, which `take` gave, after their training."""
        if len(self.slots) != len(state.slots):
            self.slots = np.zeros((len(state.slots), *self.weights.shape), dtype=self.weights.dtype)
        self.slots[:, rows] = state.slots
        for name in ("weights", "steps", "beta_powers", "numbers", "rate_scale", "best_weights", "best_loss"):
            getattr(self, name)[rows] = getattr(state, name)
        self.epochs = max(self.epochs, state.epochs)


class Engine(Protocol):
    """Lanes (compiled), NumPy (the definition) and Keras."""

    name: str

    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        """Trains all networks in place; gives each epoch's mean loss (L, epochs), over its windows, L2 included."""
        ...

    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        """Forecasts (L, N, …) of windows x (N, T, F), or (L, N, T, F)."""
        ...

    def gradients(self, task: FitTask, weights: Array) -> tuple[Array, Array]:
        """The loss (L,) of all windows at once, without dropout, and its gradient (L, P); weights (L, P)."""
        ...

    def jacobian(self, architecture: Architecture, weights: Array, x: Array) -> tuple[Array, Array]:
        """Forecasts (L, N, K) and their derivatives by the weights (L, N, K, P); sequences count as K = T · units."""
        ...
