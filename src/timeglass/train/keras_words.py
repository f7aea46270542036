"""Losses, optimisers and learning rates in Keras's own objects."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.train.keras_network import keras_library
from timeglass.train.losses import (
    GaussianLikelihood,
    Huber,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Quantile,
)
from timeglass.train.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from timeglass.train.schedules import Schedule

__all__ = ["keras_loss", "keras_optimizer", "keras_slots"]

_SETTINGS: dict[type[Optimizer], tuple[str, ...]] = {
    SGD: ("momentum", "nesterov"),
    RMSprop: ("rho", "momentum", "epsilon", "centered"),
    Adam: ("beta_1", "beta_2", "epsilon"),
    AdamW: ("weight_decay", "beta_1", "beta_2", "epsilon"),
}
_CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


def keras_loss(loss: Loss) -> Any:
    """Keras's loss where it has one, else a function of targets and forecasts."""
    losses = keras_library().losses
    if isinstance(loss, MeanSquaredError | MeanAbsoluteError | LogCosh):
        return getattr(losses, type(loss).__name__)()
    if isinstance(loss, Huber):
        return losses.Huber(loss.delta)
    if isinstance(loss, Quantile):
        return _quantile(loss.levels)
    assert isinstance(loss, GaussianLikelihood)
    return _gaussian_likelihood


def _quantile(levels: tuple[float, ...]) -> Any:
    ops = keras_library().ops

    def quantile(y: Any, p: Any) -> Any:
        parts = ops.split(p, len(levels), axis=-1)
        terms = [ops.maximum(q * (y - part), (q - 1) * (y - part)) for q, part in zip(levels, parts, strict=True)]
        return ops.mean(ops.concatenate(terms, axis=-1), axis=-1)

    return quantile


def _gaussian_likelihood(y: Any, p: Any) -> Any:
    ops = keras_library().ops
    mean, s = ops.split(p, 2, axis=-1)
    return ops.mean(0.5 * (s + ops.square(y - mean) * ops.exp(-s) + math.log(2 * math.pi)), axis=-1)


def keras_optimizer(optimizer: Optimizer, rates: NDArray[np.float64], first_step: int) -> Any:
    """Keras's optimiser with these learning rates from the step `first_step` on: as many as it will take steps."""
    keras = keras_library()
    names = [*_SETTINGS[type(optimizer)], *_CLIPPING]
    settings = {name: getattr(optimizer, name) for name in names}
    changes = isinstance(optimizer.learning_rate, Schedule)
    rate = _table(keras, rates, first_step) if changes else float(rates[0])
    return getattr(keras.optimizers, type(optimizer).__name__)(learning_rate=rate, **settings)


def _table(keras: Any, rates: NDArray[np.float64], first_step: int) -> Any:
    """A schedule that looks its rates up."""

    class Table(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]  # Keras has no types
        def __call__(self, step: Any) -> Any:
            return keras.ops.take(keras.ops.convert_to_tensor(rates, dtype="float32"), step - first_step)

    return Table()


def keras_slots(optimizer: Any, names: tuple[str, ...]) -> list[list[Any]]:
    """The variables of each of the optimiser's slots, in the order of the model's weights."""
    return [[one for one in optimizer.variables if one.path.endswith(f"_{name}")] for name in names]
