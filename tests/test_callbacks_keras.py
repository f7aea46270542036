"""Callbacks and the fit loop beside Keras's own."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from timeglass.model.callbacks import Callback
from timeglass.model.sequential import Sequential
from timeglass.model.stopping import EarlyStopping, ReduceLROnPlateau
from timeglass.network.layers import Dense, SimpleRNN
from timeglass.train.optimizers import SGD


@pytest.fixture(scope="module")
def keras():
    import keras  # takes a second or two: only where it is needed

    return keras


# The callbacks, on losses that are given

RANDOM = np.random.default_rng(0)


def losses_of(networks: int, epochs: int) -> np.ndarray:
    """(L, epochs): wandering losses, exact in float32, with ties."""
    steps = np.random.default_rng(1).integers(-3, 4, size=(networks, epochs))
    return (np.cumsum(steps, axis=1) + 40) / 8.0


class Told:
    """A model that callbacks may stop; its weights are the number of the epoch."""

    def __init__(self, networks: int, rate: float = 0.0) -> None:
        self.networks, self.own = networks, np.zeros((networks, 1))
        self.stop_training: object = False
        self.learning_rate: object = rate
        self.optimizer = SimpleNamespace(learning_rate=rate)

    @property
    def weight_rows(self):
        return self.own.copy()

    @weight_rows.setter
    def weight_rows(self, weights):
        self.own[...] = weights

    def get_weights(self):
        return [self.weight_rows]

    def set_weights(self, weights):
        self.weight_rows = weights[0]


def keras_epochs(callback, losses: np.ndarray, rate: float = 0.0) -> tuple[float, int, list[float]]:
    """What Keras's callback does to one network: its last weights, the epoch of its stop, and the rates."""
    model = Told(1, rate)
    callback.set_model(model)
    callback.on_train_begin()
    rates, stopped = [], 0
    for epoch, loss in enumerate(losses):
        model.weight_rows = epoch
        logs = {"val_loss": float(loss)}
        callback.on_epoch_end(epoch, logs)
        rates.append(logs.get("learning_rate", rate))
        if model.stop_training:
            stopped = epoch
            break
    callback.on_train_end()
    return float(model.weight_rows[0, 0]), stopped, rates


STOPS = [
    {},
    {"patience": 3},
    {"patience": 2, "min_delta": 0.25},
    {"patience": 2, "min_delta": -0.25, "restore_best_weights": True},
    {"patience": 4, "mode": "max", "restore_best_weights": True},
    {"patience": 3, "baseline": 4.0, "restore_best_weights": True},
    {"patience": 2, "start_from_epoch": 5, "restore_best_weights": True},
    {"patience": 0, "start_from_epoch": 30, "restore_best_weights": True},
]


@pytest.mark.parametrize("options", STOPS, ids=str)
def test_early_stopping_stops_each_network_where_keras_would(keras, options):
    losses = losses_of(networks=12, epochs=25)
    expected = [keras_epochs(keras.callbacks.EarlyStopping(**options), row)[:2] for row in losses]
    model, ours = Told(len(losses)), EarlyStopping(**options)
    ours.set_model(model)
    ours.set_params({"epochs": 25, "steps": 1, "metrics": ["loss", "val_loss"]})
    ours.on_train_begin()
    stopped = np.zeros(len(losses), dtype=bool)
    for epoch, column in enumerate(losses.T):
        model.own[~stopped] = epoch
        ours.on_epoch_end(epoch, {"val_loss": np.where(stopped, np.nan, column)})
        stopped = np.broadcast_to(model.stop_training, len(losses))
    ours.on_train_end()
    assert model.weight_rows[:, 0].tolist() == [weights for weights, _ in expected]
    assert ours.stopped_epoch.tolist() == [epoch for _, epoch in expected]
    if "start_from_epoch" not in options:
        assert len(set(ours.stopped_epoch.tolist())) > 2  # each by itself


PLATEAUS = [
    {"patience": 1},
    {"patience": 2, "factor": 0.5, "cooldown": 2},
    {"patience": 3, "factor": 0.5, "min_lr": 0.02, "min_delta": 0.25},
    {"patience": 2, "factor": 0.25, "mode": "max"},
    {"patience": 0, "factor": 0.5, "cooldown": 1, "min_lr": 0.001},
]


@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_the_rate_is_lowered_for_each_network_where_keras_would(keras, options):
    losses = losses_of(networks=12, epochs=25)
    expected = [keras_epochs(keras.callbacks.ReduceLROnPlateau(**options), row, rate=0.1)[2] for row in losses]
    model, ours = Told(len(losses), rate=0.1), ReduceLROnPlateau(**options)
    ours.set_model(model)
    ours.set_params({"epochs": 25, "steps": 1, "metrics": ["loss", "val_loss"]})
    ours.on_train_begin()
    rates = []
    for epoch, column in enumerate(losses.T):
        logs = {"val_loss": column}
        ours.on_epoch_end(epoch, logs)
        rates.append(logs["learning_rate"])
    assert_allclose(np.transpose(rates), expected, rtol=1e-12)
    assert len({tuple(row) for row in expected}) > 3


# The loop, on a fit


class Calls:
    """Keeps each call, with the names in its logs."""

    calls: list[tuple]

    def on_train_begin(self, logs=None):
        self.calls.append(("train begin", sorted(logs or {})))

    def on_train_end(self, logs=None):
        self.calls.append(("train end", sorted(logs or {})))

    def on_epoch_begin(self, epoch, logs=None):
        self.calls.append(("epoch begin", epoch, sorted(logs or {})))

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(("epoch end", epoch, sorted(logs or {})))

    def on_train_batch_begin(self, batch, logs=None):
        self.calls.append(("batch begin", batch, sorted(logs or {})))

    def on_train_batch_end(self, batch, logs=None):
        self.calls.append(("batch end", batch, sorted(logs or {})))


def test_the_loop_goes_as_keras_does(keras):
    made = keras.Sequential([keras.layers.Input((3, 2)), keras.layers.SimpleRNN(3), keras.layers.Dense(1)])
    made.compile(keras.optimizers.SGD(0.05), "mse")
    model = Sequential([SimpleRNN(3, input_shape=(3, 2)), Dense(1)], seed=3)
    model.compile(SGD(0.05), "mse")
    made.set_weights(model.get_weights())

    class Theirs(Calls, keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.calls = []

    class Ours(Calls, Callback):
        def __init__(self):
            self.calls = []

    theirs, ours = Theirs(), Ours()
    options = {"epochs": 3, "batch_size": 4, "shuffle": False, "verbose": 0, "validation_split": 0.33}
    x, y, weight = RANDOM.normal(size=(20, 3, 2)), RANDOM.normal(size=20), RANDOM.uniform(0.5, 1.5, size=20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras's own making
        expected = made.fit(x, y[:, None], sample_weight=weight, callbacks=[theirs], **options)
        weights = made.get_weights()
    history = model.fit(x, y, sample_weight=weight, callbacks=[ours], **options)
    assert ours.calls == theirs.calls
    assert history.epoch == expected.epoch == [0, 1, 2]
    assert list(history.history) == list(expected.history)
    for name, losses in expected.history.items():
        assert_allclose(history.history[name], losses, rtol=1e-5)
    for ours_array, theirs_array in zip(model.get_weights(), weights, strict=True):
        assert_allclose(ours_array, theirs_array, atol=1e-6)
