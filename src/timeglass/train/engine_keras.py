"""Real Keras as the engine: one network after another, from the same starts and through the same shuffles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from timeglass.errors import EngineError
from timeglass.network.architecture import Architecture
from timeglass.network.dropout import drops
from timeglass.network.philox import shuffled_orders
from timeglass.train.engine import FitTask, OnProgress, TrainingState
from timeglass.train.keras_network import KerasNetwork, keras_library, keras_network
from timeglass.train.keras_words import keras_loss, keras_optimizer, keras_slots
from timeglass.types import Array, Floats

__all__ = ["KerasEngine"]


def _refuse(what: str) -> EngineError:
    return EngineError(f"engine keras: {what}: use engine='lanes' or engine='numpy'")


class KerasEngine:
    """Runs on whichever backend Keras is set to.

    Layers, losses, optimisers, schedules, clipping, sample weights and L2 are Keras's own, but for the losses that
    Keras lacks. Dropout is refused, since Keras draws its own random numbers; so are gradients and Jacobians.
    """

    def __init__(self) -> None:
        self._keras = keras_library()
        self.name = f"keras ({self._keras.config.backend()})"

    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        networks = len(state.weights)
        task.check(networks)
        if drops(task.architecture):
            raise _refuse("dropout would draw Keras's random numbers, which no seed of Timeglass's repeats")
        state.make_slots(task.optimizer)
        losses = np.zeros((networks, task.epochs))
        for network in range(networks):

            def on_share(share: float, network: int = network) -> None:
                on_progress((network + share) / networks)

            losses[network] = _fit_one(self._keras, task.take(slice(network, network + 1)), state, network, on_share)
        state.epochs += task.epochs
        return losses

    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        windows = np.broadcast_to(x, (len(weights), *x.shape[-3:]))
        made = [
            keras_network(architecture, row).model.predict(own, verbose=0)
            for row, own in zip(weights, windows, strict=True)
        ]
        return np.stack([np.asarray(one) for one in made])

    def gradients(self, task: FitTask, weights: Array) -> tuple[Array, Array]:  # noqa: ARG002  # refused whatever it is
        raise _refuse("it gives no gradients")

    def jacobian(self, architecture: Architecture, weights: Array, x: Array) -> tuple[Array, Array]:  # noqa: ARG002
        raise _refuse("it gives no Jacobian")


def _fit_one(keras: Any, task: FitTask, state: TrainingState, network: int, on_share: OnProgress) -> list[float]:
    """Trains one network, whose own task this is; gives its losses."""
    steps = int(state.steps[network])
    total = task.epochs * task.batches
    rates = task.optimizer.base_rates(1) * state.rate_scale[network]
    rates = rates * task.optimizer.factor(steps + np.arange(total))
    optimizer = keras_optimizer(task.optimizer, rates, steps)
    made = keras_network(task.architecture, state.weights[network], 0.0 if task.l2 is None else float(task.l2[0]))
    made.model.compile(loss=keras_loss(task.loss), optimizer=optimizer)
    optimizer.build(made.model.trainable_variables)
    optimizer.iterations.assign(steps)
    slots = [made.beside(slot) for slot in keras_slots(optimizer, task.optimizer.slot_names)]
    for kept, variables in zip(state.slots[:, network], slots, strict=True):
        made.assign(kept, variables)

    def on_epoch_end(epoch: int, logs: Any) -> None:
        if logs["loss"] < state.best_loss[network]:
            state.best_loss[network], state.best_weights[network] = logs["loss"], made.flat()
        on_share((epoch + 1) / task.epochs)

    history = made.model.fit(
        _batches(task, int(state.numbers[network]), state.epochs),
        steps_per_epoch=task.batches,
        epochs=task.epochs,
        shuffle=False,  # the batches come shuffled
        verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)],
    )
    _keep(made, slots, task, state, network)
    return history.history["loss"]


def _keep(made: KerasNetwork, slots: list[list[Any]], task: FitTask, state: TrainingState, network: int) -> None:
    """Writes what Keras has come to into the state."""
    state.weights[network] = made.flat()
    for kept, variables in zip(state.slots[:, network], slots, strict=True):
        kept[...] = made.flat(variables)
    state.steps[network] += task.epochs * task.batches
    state.beta_powers[network] = np.power(task.optimizer.betas, state.steps[network])


def _batches(task: FitTask, number: int, first_epoch: int) -> Iterator[tuple[Floats, ...]]:
    """The batches of all epochs in the order in which the other engines meet them."""
    count = task.windows
    arrays = [values if values.ndim == axes else values[0] for values, axes in _arrays(task)]
    order = np.arange(count)
    for epoch in range(task.epochs):
        if task.shuffle:
            order = shuffled_orders(task.seed, np.array([number]), epoch=first_epoch + epoch, count=count)[0]
        for begin in range(0, count, task.batch_size):
            yield tuple(array[order[begin : begin + task.batch_size]] for array in arrays)


def _arrays(task: FitTask) -> Iterator[tuple[Floats, int]]:
    """Windows, targets and sample weights, with the axes that they have where all networks share them."""
    yield task.x, 3
    yield task.y, 1 + len(task.architecture.output_shape)
    if task.sample_weight is not None:
        # Keras's sequences have a loss for each step, and a window's weight is for all of them.
        steps = (1,) * (len(task.architecture.output_shape) - 1)
        yield task.sample_weight.reshape(*task.sample_weight.shape, *steps), 1 + len(steps)
