"""Short trainings for the tests of the kernel: what the definition makes of them, and how near another engine comes.

The definition runs in float64, so that what is measured is the other engine's own error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import Network, ignore
from numpy.typing import NDArray

from timeglass.kernel.library import Library, load
from timeglass.kernel.training import Fit, Group
from timeglass.train.engine import Engine, FitTask, TrainingState
from timeglass.train.engine_lanes import Carry, LanesEngine, _Settings, carries_samples
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.kernel_codes import network_code
from timeglass.train.losses import GaussianLikelihood, Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, Quantile
from timeglass.train.optimizers import SGD, Adam, AdamW, RMSprop
from timeglass.train.schedules import CosineDecay, ExponentialDecay, OneCycle

Floats = NDArray[np.float32]

# The losses (L, epochs), and the state at the end.
Trained = tuple[NDArray[np.float64], TrainingState]

each_carry = pytest.mark.parametrize("lanes", ["networks", "samples"])

LOSSES = {
    loss.name: loss
    for loss in (
        MeanSquaredError(), MeanAbsoluteError(), Huber(0.3), LogCosh(), Quantile((0.1, 0.5, 0.9)), GaussianLikelihood(),
    )
}  # fmt: skip

# Every optimiser with each of its options; three networks' rates where there are several.
RATES = (0.01, 0.02, 0.005)
OPTIMIZERS = {
    "sgd": SGD(0.05),
    "sgd, momentum": SGD(RATES, momentum=0.9),
    "sgd, nesterov": SGD(CosineDecay(0.05, 9), momentum=0.9, nesterov=True),
    "sgd, clipvalue": SGD(0.1, clipvalue=0.01),
    "rmsprop": RMSprop(0.002, rho=0.8),
    "rmsprop, momentum": RMSprop(ExponentialDecay(0.005, 4, 0.5, staircase=True), momentum=0.5, epsilon=1e-5),
    "rmsprop, centered": RMSprop(0.002, centered=True, epsilon=1e-4),
    "rmsprop, both": RMSprop(0.002, momentum=0.5, centered=True, epsilon=1e-4, clipnorm=0.2),
    "adam": Adam(RATES),
    "adam, options": Adam(OneCycle(0.02, 30), beta_1=0.5, beta_2=0.9, epsilon=1e-3),
    "adam, clipnorm": Adam(CosineDecay(0.0, 20, warmup_target=RATES, warmup_steps=3), clipnorm=0.1),
    "adam, global clipnorm": Adam(0.01, global_clipnorm=0.2),
    "adamw": AdamW(CosineDecay(RATES, 30), weight_decay=0.1),
}


def fitted(engine: Engine, task: FitTask, state: TrainingState) -> Trained:
    """What an engine makes of a copy of the state."""
    own = state.take(slice(None))
    return engine.fit(task, own, ignore), own


def truth(task: FitTask, state: TrainingState) -> Trained:
    """What the definition makes of it in float64."""
    own = state.take(slice(None))
    for name in ("weights", "slots", "best_weights"):
        setattr(own, name, getattr(own, name).astype(np.float64))
    return NumpyEngine().fit(task, own, ignore), own


def rows_of(trained: Trained, rows: Any) -> Trained:
    """Some of the networks."""
    return trained[0][rows], trained[1].take(rows)


def check_near(made: Trained, true: Trained, tolerance: float) -> None:
    """Weights, best weights, losses and slots within the tolerance, of slots as a share of the largest; counters alike.

    Losses as a share of themselves where they are above one.
    """
    (losses, state), (true_losses, true_state) = made, true
    assert np.abs((losses - true_losses) / np.maximum(1, np.abs(true_losses))).max() <= tolerance
    assert np.abs((state.best_loss - true_state.best_loss) / np.maximum(1, true_state.best_loss)).max() <= tolerance
    for name in ("weights", "best_weights"):
        assert np.abs(getattr(state, name) - getattr(true_state, name)).max(initial=0) <= tolerance, name
    assert state.slots.shape == true_state.slots.shape
    for slot, true_slot in zip(state.slots, true_state.slots, strict=True):
        assert np.abs(slot - true_slot).max() <= tolerance * np.abs(true_slot).max()
    for name in ("steps", "beta_powers", "numbers", "rate_scale", "epochs"):
        assert np.array_equal(getattr(state, name), getattr(true_state, name)), name


def bits(array: Any) -> Any:
    array = np.asarray(array)
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def check_same_bits(one: Trained, *others: Trained) -> None:
    """0.0 and -0.0 differ, and NaN equals itself."""
    for losses, state in others:
        assert np.array_equal(bits(one[0]), bits(losses))
        for name in vars(state):
            assert np.array_equal(bits(getattr(one[1], name)), bits(getattr(state, name))), name


def carry_of(task: FitTask) -> Carry:
    """What the lanes carry for all networks of a task."""
    networks = 1 if task.counts is None else len(task.counts)
    return "samples" if carries_samples(task, networks).all() else "networks"


def own_windows(network: Network, counts: list[int]) -> tuple[Floats, Floats]:
    """A set of windows for each network, x (L, N, T, F), y (L, N, …): NaN past its count, where nobody may read."""
    most = max(counts)
    x = np.full((len(counts), most, network.time_steps, network.features), np.nan, dtype=np.float32)
    y = np.full((len(counts), most, *network.architecture.output_shape), np.nan, dtype=np.float32)
    for i, count in enumerate(counts):
        own = replace(network, seed=50 + i)
        x[i, :count], y[i, :count] = own.windows(count), own.targets(count)
    return x, y


def of_targets(task: FitTask) -> FitTask:
    """The task with as many of its targets as the loss takes for the network's outputs."""
    targets = task.y.shape[-1] // task.loss.outputs_per_target
    return replace(task, y=np.ascontiguousarray(task.y[..., :targets]))


def by_hand(
    task: FitTask, state: TrainingState, *, slice_batches: int = 0, library: Library | None = None
) -> tuple[Fit, Group]:
    """The kernel's fit of at most sixteen networks, to be called slice by slice, and what it changes: the state."""
    engine = LanesEngine(library or load(), slice_batches=slice_batches)
    state.make_slots(task.optimizer)
    settings = _Settings(engine, task, state)
    group = Group(
        state.numbers, state.weights, state.slots, state.steps, state.beta_powers, state.best_weights, state.best_loss
    )
    windows = engine._windows(task)
    fit = Fit(engine.library, network_code(task.architecture), windows, settings.of(slice(None), carry_of(task)), group)
    fit.settings = settings  # which holds the arrays that the kernel is pointed to
    return fit, group
