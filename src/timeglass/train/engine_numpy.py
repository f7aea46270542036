"""The reference engine: the definition itself, put in a training loop. Runs wherever NumPy does."""

from __future__ import annotations

import numpy as np

from timeglass.network import chain
from timeglass.network.architecture import Architecture
from timeglass.network.philox import shuffled_orders
from timeglass.train.engine import FitTask, OnProgress, TrainingState
from timeglass.train.losses import LOSSES
from timeglass.train.optimizers import adam_step
from timeglass.types import Array, Floats

__all__ = ["NumpyEngine", "loss_and_gradient"]


def loss_and_gradient(architecture: Architecture, weights: Array, x: Array, y: Array, loss: str) -> tuple[Array, Array]:
    """The loss (L,) of windows x (L or 1, N, T, F), y (L or 1, N, …), and its gradient (L, P)."""
    values = chain.forward(architecture, weights, x)
    forecasts = chain.output(architecture, values)
    dy = LOSSES[loss].derivative(forecasts, y)
    return LOSSES[loss].value(forecasts, y), chain.backward(architecture, weights, values, dy)


class NumpyEngine:
    """All networks at once, along the arrays' first axis."""

    name = "numpy"

    # Numbers that outgrow float32 end in the model's DivergenceError; NumPy need not warn of them as well.
    @np.errstate(over="ignore", invalid="ignore")
    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        networks, count = len(state.weights), len(task.x)
        losses = np.zeros((networks, task.epochs))
        powers = state.beta_powers
        in_order = np.arange(count, dtype=np.int32)[None]  # (1, N)
        for epoch in range(task.epochs):
            order = in_order
            if task.shuffle:
                order = shuffled_orders(task.seed, np.arange(networks), epoch=state.epochs + epoch, count=count)
            for batch in range(task.batches):
                chosen = order[:, batch * task.batch_size : (batch + 1) * task.batch_size]  # (L or 1, batch)
                loss, gradient = loss_and_gradient(
                    task.architecture, state.weights, task.x[chosen], task.y[chosen], task.loss
                )
                losses[:, epoch] += loss.astype(np.float64) * (chosen.shape[1] / count)
                powers = powers[0] * task.adam.beta_1, powers[1] * task.adam.beta_2
                adam_step(task.adam, powers, gradient, state.weights, state.m, state.v)
                on_progress((epoch * task.batches + batch + 1) / (task.epochs * task.batches))
        state.count(task, powers)
        return losses

    @np.errstate(over="ignore", invalid="ignore")
    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        values = chain.forward(architecture, weights, x[None])
        return np.ascontiguousarray(chain.output(architecture, values))
