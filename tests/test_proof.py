"""The proof of a forecast, and that it can fail."""

from __future__ import annotations

import numpy as np
import pytest

from timeglass import Dense, Input, Sequential, ShapeError, SimpleRNN
from timeglass.explain.proof import TOLERANCE, prove_forecasts, replay


def deep_network(engine: str | None = None) -> Sequential:
    layers = [
        Input((5, 2)), SimpleRNN(4, "sigmoid", return_sequences=True), Dense(3, "relu"),
        SimpleRNN(3, use_bias=False), Dense(2),
    ]  # fmt: skip
    return Sequential(layers, networks=3, seed=5, engine=engine)


@pytest.mark.parametrize("engine", ["lanes", "numpy"])
def test_a_deep_networks_forecasts_are_replayed(engine: str) -> None:
    model = deep_network(engine)
    x = np.random.default_rng(0).normal(size=(7, 5, 2)).astype(np.float32)
    proof = prove_forecasts(model.architecture, model.weight_rows, x, model.predict(x))
    assert proof.holds
    assert 0 < proof.max_abs_difference <= TOLERANCE


def test_the_replay_by_hand() -> None:
    model = Sequential([SimpleRNN(1, "linear", input_shape=(2, 1)), Dense(1)], seed=0)
    model.set_weights([[[0.5]], [[2.0]], [0.25], [[3.0]], [-1.0]])
    # h1 = 0.5·1 + 0.25 = 0.75;  h2 = 0.5·4 + 2·0.75 + 0.25 = 3.75;  y = 3·3.75 - 1 = 10.25
    assert replay(model.architecture, model.weight_rows[0], np.array([[[1.0], [4.0]]])).tolist() == [[10.25]]


@pytest.mark.parametrize("network", range(3))
def test_one_wrong_weight_breaks_the_proof(network: int) -> None:
    model = deep_network()
    x = np.random.default_rng(0).normal(size=(7, 5, 2)).astype(np.float32)
    forecasts = model.predict(x)
    wrong = model.weight_rows
    wrong[network, -1] += 1e-4
    assert not prove_forecasts(model.architecture, wrong, x, forecasts).holds


def test_a_forecast_that_is_not_finite_breaks_the_proof() -> None:
    model = deep_network()
    x = np.zeros((1, 5, 2), dtype=np.float32)
    forecasts = model.predict(x).copy()
    forecasts[0, 0, 0] = np.nan
    assert not prove_forecasts(model.architecture, model.weight_rows, x, forecasts).holds


def test_shapes_must_agree() -> None:
    model = deep_network()
    with pytest.raises(ShapeError, match="of 3 networks and 2 windows"):
        prove_forecasts(model.architecture, model.weight_rows, np.zeros((2, 5, 2)), np.zeros((3, 4, 2)))
