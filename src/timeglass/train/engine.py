"""What an engine is given, keeps and offers. Each of the three does the same work; only the speed differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from timeglass.network.architecture import Architecture
from timeglass.train.optimizers import Adam
from timeglass.types import Array, Floats

__all__ = ["Engine", "FitTask", "OnProgress", "TrainingState"]

# Called with the share of a fit that is done, 0 … 1, now and then; what it raises ends the fit.
OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class FitTask:
    """What to train on, and how. Windows x (N, T, F), targets y (N, …) of the network's output shape."""

    architecture: Architecture
    x: Floats
    y: Floats
    epochs: int
    batch_size: int
    shuffle: bool
    seed: int
    adam: Adam
    loss: str

    @property
    def batches(self) -> int:
        """Batches in one epoch; the last one may be smaller."""
        return -(-len(self.x) // self.batch_size)


@dataclass
class TrainingState:
    """What training changes: an engine updates it in place, and a further fit goes on from it."""

    weights: Floats  # (L, P)
    m: Floats = field(init=False)  # (L, P): Adam's running mean of the gradient
    v: Floats = field(init=False)  # (L, P): and of its square
    steps: int = 0  # Adam's, taken so far
    beta_powers: tuple[float, float] = (1.0, 1.0)  # beta_1 and beta_2 to the power of these steps
    epochs: int = 0  # done so far

    def __post_init__(self) -> None:
        self.m = np.zeros_like(self.weights)
        self.v = np.zeros_like(self.weights)

    def count(self, task: FitTask, beta_powers: tuple[float, float]) -> None:
        """Notes that a whole task has been trained."""
        self.steps += task.epochs * task.batches
        self.epochs += task.epochs
        self.beta_powers = beta_powers


class Engine(Protocol):
    """Lanes (compiled), NumPy (the definition) and Keras."""

    name: str

    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        """Trains all networks in place; gives the mean loss of each epoch (L, epochs)."""
        ...

    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        """Forecasts (L, N, …) of windows x (N, T, F)."""
        ...
