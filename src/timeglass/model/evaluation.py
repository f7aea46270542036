"""The loss of networks on windows, as training counts it: sample weights and L2 penalty included, dropout not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeglass.model.data import Data
from timeglass.network.architecture import Architecture
from timeglass.train.engine import Engine, FitTask
from timeglass.train.full_batch import gradients
from timeglass.train.losses import Loss
from timeglass.train.optimizers import Adam
from timeglass.types import Array, Floats

__all__ = ["data_losses", "l2_penalty"]


def l2_penalty(architecture: Architecture, weights: Array, l2: NDArray[np.float64] | None) -> Array:
    """(L,): l2 times the sum of squares of kernels and recurrent kernels, of weights (L, P)."""
    if l2 is None:
        return np.zeros(len(weights))
    kept = weights.astype(np.float64) * architecture.regularized
    return np.asarray(l2 * np.square(kept).sum(axis=1))


def data_losses(
    engine: Engine,
    architecture: Architecture,
    weights: Floats,
    data: Data,
    loss: Loss,
    l2: NDArray[np.float64] | None = None,
) -> Array:
    """(L,): Σ sample weight · loss of each window / windows + penalty, in float64, for weights (L, P).

    As in Keras, the sum is divided by the number of windows, not by the sum of their weights.
    """
    last = architecture.layers[-1]
    if last.masked and last.gives_sequence:
        return _of_masked_sequences(architecture, weights, data, loss, l2)
    y = data.y.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # who asked looks whether it is finite
        forecasts = engine.predict(architecture, weights, data.x).astype(np.float64)
        losses = loss.of_windows(forecasts, y if data.of_each else y[None])  # (L, N)
        if data.sample_weight is not None:
            losses = losses * data.sample_weight
        return _means(losses, data.counts) + l2_penalty(architecture, weights, l2)


def _means(losses: Array, counts: NDArray[np.int64] | None) -> Array:
    """(L,): of each network over its own windows, added up as if it stood alone."""
    if counts is None:
        return losses.mean(axis=1)
    return np.array([row[:count].mean() for row, count in zip(losses, counts, strict=True)])


def _of_masked_sequences(
    architecture: Architecture, weights: Floats, data: Data, loss: Loss, l2: NDArray[np.float64] | None
) -> Array:
    """The same where steps that are masked do not count: the sum is divided by the number of those that do."""
    whole = FitTask(
        architecture, data.x, data.y, epochs=1, batch_size=data.windows, shuffle=False, seed=0, optimizer=Adam(),
        loss=loss, counts=data.counts, sample_weight=data.sample_weight, l2=l2,
    )  # fmt: skip
    return gradients(whole, weights.astype(np.float64))[0]
