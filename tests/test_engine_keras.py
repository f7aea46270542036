"""The Keras engine: real Keras trains and predicts what the NumPy engine does, and what it cannot do is refused.

After these short trainings float32 leaves at most 1e-5 between the engines' weights and losses.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import networks
import numpy as np
import pytest
from live import live_keras
from networks import DROPPING, NETWORKS, Network, dense, gru, ignore, lstm, rnn
from numpy.testing import assert_allclose
from quick import one_in

from timeglass.errors import EngineError
from timeglass.train.engine import FitTask, TrainingState
from timeglass.train.engine_keras import KerasEngine
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.keras_network import keras_network
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
from timeglass.train.schedules import CosineDecay, OneCycle

# Keras's own, from its variables' values with NumPy 2.
pytestmark = [
    live_keras,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

TOLERANCE = 1e-5


def task_of(network: Network, optimizer: Optimizer, loss: Loss, **options: Any) -> FitTask:
    """Ten epochs of two batches."""
    task = networks.task_of(network, **{"count": 8, "epochs": 10, "optimizer": optimizer, "loss": loss} | options)
    rng = np.random.default_rng(2)
    *steps, units = network.architecture.output_shape
    y = rng.uniform(-1, 1, (len(task.x), *steps, units // loss.outputs(1))).astype(np.float32)
    return replace(task, y=y)


def check_same(task: FitTask, count: int = 1, start: TrainingState | None = None) -> TrainingState:
    """Trains in both engines; gives Keras's state."""
    weights = np.random.default_rng(3).uniform(-0.5, 0.5, (count, task.architecture.weight_count)).astype(np.float32)
    own = start.take(slice(None)) if start else TrainingState(weights)
    theirs, before = own.take(slice(None)), own.weights.copy()
    expected, losses = NumpyEngine().fit(task, own, ignore), KerasEngine().fit(task, theirs, ignore)
    assert_allclose(losses, expected, rtol=0, atol=TOLERANCE)
    assert (np.abs(own.weights - before).max(axis=1) > 1e-3).all()
    for name in ("weights", "best_weights", "best_loss"):
        assert_allclose(getattr(theirs, name), getattr(own, name), rtol=0, atol=TOLERANCE)
    assert_allclose(theirs.slots, own.slots, rtol=1e-4, atol=TOLERANCE)
    assert_allclose(theirs.beta_powers, own.beta_powers, rtol=1e-12)
    assert theirs.steps.tolist() == own.steps.tolist()
    assert theirs.epochs == own.epochs
    return theirs


# One network of each kind, each optimiser with another loss: Keras compiles each anew.
RUNS: list[tuple[str, Network, Optimizer, Loss]] = [
    ("sgd", NETWORKS["tutorial"], SGD(0.05), MeanSquaredError()),
    ("nesterov", Network(3, 1, (gru(2), dense(1))), SGD(0.05, momentum=0.9, nesterov=True), MeanAbsoluteError()),
    ("rmsprop", Network(3, 2, (lstm(2), dense(3))), RMSprop(0.01), Quantile()),
    ("centered", NETWORKS["linear"], RMSprop(0.01, momentum=0.5, centered=True), Huber(0.3)),
    ("adam", Network(3, 1, (rnn(3), dense(2))), Adam(0.02, clipnorm=0.5), GaussianLikelihood()),
    ("adamw", NETWORKS["skip, short"], AdamW(0.02, global_clipnorm=0.7), LogCosh()),
    ("schedule", NETWORKS["tutorial"], Adam(CosineDecay(0.02, 12, 0.1)), Huber()),
    ("one cycle", NETWORKS["tutorial"], SGD(OneCycle(0.2, 20), clipvalue=0.05), MeanSquaredError()),
]


@pytest.mark.parametrize("run", one_in(2, RUNS), ids=[name for name, *_ in RUNS])
def test_ten_epochs_are_those_of_numpy(run):
    _, network, optimizer, loss = run
    check_same(task_of(network, optimizer, loss))


def test_sample_weights_l2_rates_and_windows_of_each_network():
    network = Network(3, 2, (rnn(2, return_sequences=True), rnn(2), dense(2)))
    task = task_of(network, Adam((0.02, 0.01)), MeanSquaredError())
    x = np.stack([task.x, -task.x])
    weight = np.random.default_rng(4).uniform(0, 2, (2, 8)).astype(np.float32)
    task = replace(
        task, x=x, y=np.stack([task.y, task.y[::-1]]), sample_weight=weight, l2=np.array([0.02, 0.1]),
        counts=np.array([8, 5]),
    )  # fmt: skip
    check_same(task, 2)


def test_masked_sequences_two_ways():
    network = Network(4, 2, (networks.masking(), networks.bidirectional(gru(2, return_sequences=True)), dense(2)))
    task = task_of(network, Adam(0.02), MeanSquaredError(), sample_weight=np.linspace(0.5, 2, 8).astype(np.float32))
    task.x[2, 1:] = 0
    task.x[5, 0] = 0
    check_same(task)


def test_a_further_fit_goes_on_where_the_last_one_ended():
    task = task_of(NETWORKS["tutorial"], AdamW(CosineDecay(0.02, 30)), MeanSquaredError(), epochs=3)
    state = check_same(task)
    state.rate_scale[:] = 0.5
    again = check_same(task, start=state)
    assert (again.epochs, again.steps.tolist()) == (6, [12])


@pytest.mark.slow
def test_networks_of_every_kind_predict_what_numpy_does():
    import keras

    names = (
        "backwards",
        "two ways, stacked",
        "masked, two ways",
        "skip",
        "skip, short",
        "gru, reset before",
        "no bias",
    )
    chosen = [*(NETWORKS[name] for name in names), DROPPING["dropout"]]
    weights = [network.weights()[0] for network in chosen]
    made = [keras_network(network.architecture, own) for network, own in zip(chosen, weights, strict=True)]
    # Side by side in one model, so that Keras compiles but once.
    together = keras.Model([one.model.inputs[0] for one in made], [one.model.outputs[0] for one in made])
    windows = [network.windows(4) for network in chosen]
    forecasts = together.predict(windows, verbose=0)
    for network, one, own, x, theirs in zip(chosen, made, weights, windows, forecasts, strict=True):
        expected = NumpyEngine().predict(network.architecture, own[None], x)[0]
        assert_allclose(theirs, expected, rtol=0, atol=2e-6)
        assert np.array_equal(one.flat(), own)


def test_each_network_predicts_its_own_windows():
    network = NETWORKS["linear"]
    x = np.stack([network.windows(3), -network.windows(3)])
    made = KerasEngine().predict(network.architecture, network.weights(2), x)
    assert_allclose(made, NumpyEngine().predict(network.architecture, network.weights(2), x), rtol=0, atol=2e-6)


def test_what_keras_cannot_do_names_the_engines_that_can():
    engine, network = KerasEngine(), DROPPING["gru"]
    task, state = networks.task_of(network), networks.state_of(network, 1)
    words = "engine keras: .*: use engine='lanes' or engine='numpy'"
    with pytest.raises(EngineError, match=words):
        engine.fit(task, state, ignore)
    with pytest.raises(EngineError, match=words):
        engine.gradients(task, state.weights)
    with pytest.raises(EngineError, match=words):
        engine.jacobian(task.architecture, state.weights, task.x)
