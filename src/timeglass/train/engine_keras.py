"""Real Keras as the engine: one network after another, from the same starts and through the same shuffles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from timeglass.errors import EngineError
from timeglass.network.architecture import Architecture
from timeglass.network.philox import shuffled_orders
from timeglass.train.engine import FitTask, OnProgress, TrainingState
from timeglass.types import Array, Floats

__all__ = ["KerasEngine", "keras_model"]


def _keras() -> Any:
    # Keras takes TensorFlow unless told; the extra that brings Keras brings JAX.
    if "KERAS_BACKEND" not in os.environ and find_spec("tensorflow") is None and find_spec("jax") is not None:
        os.environ["KERAS_BACKEND"] = "jax"
    try:
        import keras  # an optional extra, and seconds of start-up
    except ImportError as error:
        raise EngineError(
            f"engine keras: Keras or its backend (KERAS_BACKEND) is not installed ({error}); "
            "run: pip install 'timeglass[keras]'"
        ) from None
    return keras


def keras_model(architecture: Architecture, weights: Floats) -> Any:
    """A keras.Sequential of the same layers with the weights (P,) of one network."""
    keras = _keras()
    model = keras.Sequential([keras.layers.Input((architecture.time_steps, architecture.features))])
    for placed in architecture.layers:
        layer = placed.layer
        # Zeros, since the weights are set below: drawing some first would cost more than a second.
        options = {"activation": placed.activation, "use_bias": layer.use_bias, "kernel_initializer": "zeros"}
        if placed.recurrent:
            options |= {"return_sequences": placed.gives_sequence, "recurrent_initializer": "zeros"}
        make = keras.layers.SimpleRNN if placed.recurrent else keras.layers.Dense
        model.add(make(layer.units, **options))
    split = architecture.split(weights[None])
    model.set_weights([array[0] for arrays in split for array in arrays.values()])
    return model


def _flat(variables: list[Any]) -> Floats:
    return np.concatenate([np.ravel(_keras().ops.convert_to_numpy(variable.value)) for variable in variables])


def _moments(optimizer: Any, kind: str) -> list[Any]:
    return [variable for variable in optimizer.variables if variable.path.endswith(kind)]


class KerasEngine:
    """Runs on whichever backend Keras is set to."""

    def __init__(self) -> None:
        self._library = _keras()
        self.name = f"keras ({self._library.config.backend()})"

    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        networks = len(state.weights)
        losses = np.zeros((networks, task.epochs))
        for network in range(networks):
            model = self._compiled(task, state, network)

            def on_epoch_end(epoch: int, _: Any, network: int = network) -> None:
                on_progress((network + (epoch + 1) / task.epochs) / networks)

            history = model.fit(
                self._batches(task, network, state.epochs),
                steps_per_epoch=task.batches,
                epochs=task.epochs,
                shuffle=False,  # the batches come shuffled
                verbose=0,
                callbacks=[self._library.callbacks.LambdaCallback(on_epoch_end=on_epoch_end)],
            )
            losses[network] = history.history["loss"]
            state.weights[network] = _flat(model.weights)
            state.m[network] = _flat(_moments(model.optimizer, "momentum"))
            state.v[network] = _flat(_moments(model.optimizer, "velocity"))
        steps = state.steps + task.epochs * task.batches
        state.count(task, (task.adam.beta_1**steps, task.adam.beta_2**steps))
        return losses

    def _compiled(self, task: FitTask, state: TrainingState, network: int) -> Any:
        """The Keras model of one network, its optimiser where the last fit left it."""
        adam = task.adam
        optimizer = self._library.optimizers.Adam(adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon)
        model = keras_model(task.architecture, state.weights[network])
        model.compile(loss=task.loss, optimizer=optimizer)
        optimizer.build(model.trainable_variables)
        optimizer.iterations.assign(state.steps)
        for kind, kept in (("momentum", state.m), ("velocity", state.v)):
            at = 0
            for variable in _moments(optimizer, kind):
                size = int(np.prod(variable.shape))
                variable.assign(kept[network, at : at + size].reshape(variable.shape))
                at += size
        return model

    @staticmethod
    def _batches(task: FitTask, network: int, first_epoch: int) -> Iterator[tuple[Floats, Floats]]:
        """The batches of all epochs in the order in which the other engines meet them."""
        order = np.arange(len(task.x))
        for epoch in range(task.epochs):
            if task.shuffle:
                number = np.array([network])
                order = shuffled_orders(task.seed, number, epoch=first_epoch + epoch, count=len(task.x))[0]
            for begin in range(0, len(task.x), task.batch_size):
                chosen = order[begin : begin + task.batch_size]
                yield task.x[chosen], task.y[chosen]

    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        return np.stack([np.asarray(keras_model(architecture, row).predict(x, verbose=0)) for row in weights])
