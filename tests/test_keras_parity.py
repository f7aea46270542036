"""Timeglass against Keras 3: forecasts, trainings, histories and initial weights.

Golden vectors, recorded by tools/record_keras.py from the real Keras, are compared always; the Keras that is
installed is run too, and held to the golden vectors and to Timeglass. Where it is missing those tests are skipped.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import networks
import numpy as np
import pytest
from networks import NETWORKS, Network
from numpy.testing import assert_allclose
from quick import one_in

import timeglass
from timeglass import Adam, Dense, Input, Sequential, SimpleRNN
from timeglass.train.keras_network import keras_network

# Most of the time here is JAX's compiling: quickly rather than well. It is read when JAX is first imported.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

FORECAST_TOLERANCE = 2e-6
LOSS_TOLERANCE = 5e-6  # of the losses, which lie between 0.001 and 1

_MISSING = [name for name in ("keras", "jax") if importlib.util.find_spec(name) is None]
live = pytest.mark.skipif(
    bool(_MISSING), reason=f"{' and '.join(_MISSING)} not installed: run pip install 'timeglass[keras]'"
)
# Keras's own, from its get_weights with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

each_engine = pytest.mark.parametrize("engine", ["numpy", pytest.param("lanes", marks=networks.needs_kernel)])


def _tool() -> Any:
    """tools/record_keras.py, which is no package."""
    path = Path(__file__).resolve().parents[1] / "tools" / "record_keras.py"
    spec = importlib.util.spec_from_file_location("record_keras", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["record_keras"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


record_keras = _tool()
GOLDEN = json.loads(record_keras.GOLDEN.read_text(encoding="utf-8"))
each_training = pytest.mark.parametrize("name", record_keras.TRAININGS)
TENS = [list(record_keras.PREDICTIONS)[i : i + 10] for i in range(0, 100, 10)]


def check_forecasts(made: Any, expected: Any) -> None:
    assert_allclose(np.ravel(made), expected, rtol=0, atol=FORECAST_TOLERANCE)


def own_training(training: Any, engine: str | None = None) -> list[dict[str, Any]]:
    """What Timeglass makes of a recorded training."""
    model = training.network.sequential(engine=engine)
    model.set_weights(training.network.arrays())
    model.compile(optimizer=Adam(*training.adam), loss="mean_squared_error")
    return training.run(model)


def check_fits(training: Any, made: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    for fit, one, other in zip(training.fits, made, expected, strict=True):
        assert_allclose(one["weights"], other["weights"], rtol=0, atol=fit.tolerance)
        assert one["losses"].keys() == other["losses"].keys()
        for name, losses in other["losses"].items():
            assert len(losses) == fit.epochs
            assert_allclose(one["losses"][name], losses, rtol=0, atol=LOSS_TOLERANCE)


def test_the_golden_vectors_were_recorded_from_the_inputs_of_these_tests():
    wrong = [
        name
        for name, network in record_keras.PREDICTIONS.items()
        if GOLDEN[name]["inputs"]
        != networks.checksum(network.windows(record_keras.WINDOWS_TO_PREDICT), *network.arrays())
    ] + [
        name
        for name, training in record_keras.TRAININGS.items()
        if GOLDEN[name]["inputs"] != networks.checksum(*training.data(), *training.network.arrays())
    ]
    assert not wrong, "these inputs changed: run PYTHONPATH=tests python tools/record_keras.py"
    assert GOLDEN.keys() == {"versions", *record_keras.PREDICTIONS, *record_keras.TRAININGS}


@each_engine
def test_forecasts_of_a_hundred_random_networks_are_the_recorded_ones(engine):
    for name, network in record_keras.PREDICTIONS.items():
        model = network.sequential(engine=engine)
        model.set_weights(network.arrays())
        check_forecasts(model.predict(network.windows(record_keras.WINDOWS_TO_PREDICT)), GOLDEN[name]["forecasts"])


@pytest.mark.slow
@live
@pytest.mark.parametrize("names", TENS, ids=lambda names: f"{names[0]} to {names[-1].split()[1]}")
def test_keras_still_forecasts_as_recorded_and_timeglass_as_keras(names):
    chosen = [record_keras.PREDICTIONS[name] for name in names]
    for name, network, record in zip(names, chosen, record_keras.record_predictions(chosen), strict=True):
        check_forecasts(record["forecasts"], GOLDEN[name]["forecasts"])
        model = network.sequential()
        model.set_weights(network.arrays())
        check_forecasts(model.predict(network.windows(record_keras.WINDOWS_TO_PREDICT)), record["forecasts"])


@each_engine
@each_training
def test_a_training_ends_at_the_recorded_weights_and_losses(name, engine):
    training = record_keras.TRAININGS[name]
    made = own_training(training, engine)
    before = np.concatenate([array.ravel() for array in training.network.arrays()])
    for fit, record in zip(training.fits, GOLDEN[name]["fits"], strict=True):
        assert np.abs(np.array(record["weights"]) - before).max() > 50 * fit.tolerance
        before = np.array(record["weights"])
    check_fits(training, made, GOLDEN[name]["fits"])


@live
@pytest.mark.parametrize("name", one_in(3, record_keras.TRAININGS))
def test_keras_still_trains_as_recorded_and_timeglass_as_keras(name):
    training = record_keras.TRAININGS[name]
    fits = record_keras.record_training(training)["fits"]
    check_fits(training, fits, GOLDEN[name]["fits"])
    check_fits(training, own_training(training), fits)


def _keras_model(network: Network) -> Any:
    return record_keras.keras_model(network)


@live
@networks.each_network
def test_weights_go_to_keras_and_back_unchanged(network: Network):
    weights = np.concatenate([array.ravel() for array in network.arrays()])
    theirs, ours = keras_network(network.architecture, weights).model, network.sequential()
    ours.set_weights(theirs.get_weights())
    back = ours.get_weights()
    assert [array.shape for array in back] == [array.shape for array in theirs.get_weights()]
    for one, other in zip(back, network.arrays(), strict=True):
        assert np.array_equal(one, other)
    other_start = network.sequential(seed=9).get_weights()
    theirs.set_weights(other_start)
    for one, other in zip(theirs.get_weights(), other_start, strict=True):
        assert np.array_equal(one, other)
    assert ours.count_params() == theirs.count_params()


@live
def test_layers_have_the_defaults_of_keras():
    import keras

    for own, theirs in [(SimpleRNN(3), keras.layers.SimpleRNN(3)), (Dense(2), keras.layers.Dense(2))]:
        config = theirs.get_config()
        assert config["activation"] == (own.activation or "linear")
        assert config["use_bias"] == own.use_bias
        assert config["kernel_initializer"]["class_name"] == "GlorotUniform"
        assert config["bias_initializer"]["class_name"] == "Zeros"
    assert keras.layers.SimpleRNN(3).get_config()["recurrent_initializer"]["class_name"] == "Orthogonal"
    config = keras.optimizers.Adam().get_config()
    given = {name: value for name, value in vars(Adam()).items() if value is not None}
    assert [config[name] for name in given] == pytest.approx(list(given.values()), rel=1e-7)


@live
def test_a_history_has_the_keys_and_the_epochs_of_keras():
    network = NETWORKS["tutorial"]
    theirs, ours = _keras_model(network), network.sequential()
    theirs.compile(loss="mean_squared_error", optimizer="adam")
    ours.compile(loss="mean_squared_error", optimizer="adam")
    x, y = network.windows(70), network.targets(70)
    options = {"epochs": 2, "validation_split": 0.1, "verbose": 0}
    expected, made = theirs.fit(x, y, **options), ours.fit(x, y, **options)
    assert list(made.history) == list(expected.history) == ["loss", "val_loss"]
    assert made.epoch == expected.epoch == [0, 1]
    for name in ("epochs", "steps"):
        assert made.params[name] == expected.params[name]  # 63 windows, batches of 32: 2 steps
    assert [type(loss) for loss in made.history["loss"]] == [float, float]


@live
def test_evaluate_gives_keras_loss():
    network = NETWORKS["stacked"]
    theirs, ours = _keras_model(network), network.sequential()
    ours.set_weights(network.arrays())
    for model in (theirs, ours):
        model.compile(loss="mse", optimizer="adam")
    x, y = network.windows(45), network.targets(45)
    assert ours.evaluate(x, y) == pytest.approx(theirs.evaluate(x, y, verbose=0), rel=0, abs=1e-6)


def _two_fits(engine: str, name: str, count: int, **options: Any) -> tuple[Sequential, list[dict[str, Any]]]:
    network = NETWORKS[name]
    model = network.sequential(seed=6, networks=count, engine=engine)
    model.compile(Adam(learning_rate=0.01), "mse")
    x, y = network.windows(13), network.targets(13)
    return model, [model.fit(x, y, batch_size=4, verbose=0, **options).history for _ in range(2)]


@pytest.mark.slow
@live
@networks.needs_kernel
@pytest.mark.parametrize(
    ("name", "count", "options"),
    [
        ("tutorial", 2, {"epochs": 3}),
        ("no bias", 1, {"epochs": 2, "validation_split": 0.3, "shuffle": False}),
    ],
    ids=["two networks, shuffled", "in order, with validation"],
)
def test_the_keras_engine_trains_as_lanes_does_also_in_a_second_fit(name, count, options):
    theirs, expected = _two_fits("keras", name, count, **options)
    ours, made = _two_fits("lanes", name, count, **options)
    assert theirs.engine == "keras (jax)"
    assert np.abs(ours.weight_rows - NETWORKS[name].sequential(seed=6, networks=count).weight_rows).max() > 0.02
    assert_allclose(ours.weight_rows, theirs.weight_rows, rtol=0, atol=1e-5)
    for one, other in zip(made, expected, strict=True):
        assert one.keys() == other.keys()
        for key, losses in one.items():
            assert_allclose(losses, other[key], rtol=0, atol=LOSS_TOLERANCE)
    x = NETWORKS[name].windows(5)
    assert_allclose(ours.predict(x), theirs.predict(x), rtol=0, atol=1e-5)


# Initial weights: 300 networks of SimpleRNN(6) on 4 features and Dense(2).


def _starts() -> list[np.ndarray]:
    return Sequential([Input((3, 4)), SimpleRNN(6), Dense(2)], networks=300, seed=0).get_weights()


def test_initial_kernels_are_glorot_uniform():
    wx, _, _, wy, _ = _starts()
    for array, limit in [(wx, np.sqrt(6 / (4 + 6))), (wy, np.sqrt(6 / (6 + 2)))]:
        drawn = array.ravel() / limit
        assert np.abs(drawn).max() <= 1
        # Uniform within ± 1: each bound is four standard errors or more.
        assert np.abs(drawn).max() > 0.998
        assert abs(drawn.mean()) < 4 * np.sqrt(1 / 3 / len(drawn))
        assert abs((drawn**2).mean() - 1 / 3) < 4 * np.sqrt(4 / 45 / len(drawn))


def test_initial_recurrent_kernels_are_orthogonal_and_turned_every_way():
    wh = _starts()[1].astype(np.float64)
    assert np.abs(wh.mT @ wh - np.eye(6)).max() <= 1e-6
    # Of a random orthogonal matrix each element has mean 0 and variance 1/6; signs of determinants are even.
    assert np.abs(wh.mean(axis=0)).max() < 4.5 * np.sqrt(1 / 6 / 300)
    assert np.abs((wh**2).mean(axis=0) * 6 - 1).max() < 0.45
    assert 100 < (np.linalg.det(wh) > 0).sum() < 200


def test_initial_biases_are_zero():
    _, _, bh, _, by = _starts()
    assert not bh.any()
    assert not by.any()


def test_the_tutorials_windows_are_187_of_12_months_with_the_month_after_each_as_target():
    x, y = record_keras.sunspot_windows()
    assert x.shape == (187, 12, 1)
    assert y.shape == (187, 1)
    assert np.array_equal(x[1:, 0, 0], y[:-1, 0])
    assert x[0, :3, 0] == pytest.approx(np.array([58.0, 62.6, 70.0]) / 253.8, abs=1e-7)  # 1749-01 … 03
    assert timeglass.Sequential([Input((12, 1)), *NETWORKS["tutorial"].own_layers()]).count_params() == 19
