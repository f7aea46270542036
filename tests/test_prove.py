"""A model's forecasts in several ways, beside Python's own arithmetic, and that the proof can fail."""

from __future__ import annotations

import numpy as np
import pytest
from live import live_keras
from networks import DROPPING, NETWORKS

from timeglass import OptionError
from timeglass.explain.proof import Table, prove

EVERY = {**NETWORKS, **{f"dropping, {name}": network for name, network in DROPPING.items()}}


@pytest.mark.parametrize("name", EVERY)
def test_every_way_gives_what_plain_python_gives(name):
    network = EVERY[name]
    model = network.sequential(seed=1, networks=2)
    model.weights = network.weights(2)
    table = prove(model, network.windows(5))
    assert table.holds, table.lines()
    assert table.differences["definition"] < 1e-13
    assert table.lines()[-1] == "the proof holds"


@live_keras
def test_keras_gives_what_plain_python_gives():
    model = NETWORKS["lstm"].sequential(seed=1)
    table = prove(model, NETWORKS["lstm"].windows(5), ["keras", "numpy"])
    assert set(table.differences) == {"keras", "numpy"}
    assert table.holds


def test_a_corrupted_weight_or_forecast_fails_the_table():
    network = NETWORKS["gru"]
    model = network.sequential(seed=1)
    table = prove(model, network.windows(5))
    wrong = {way: made.copy() for way, made in table.forecasts.items()}
    wrong["definition"][0, 3] += 1e-5
    failed = Table(wrong)
    assert not failed.holds
    assert failed.lines()[-1] == "the proof FAILS"
    wrong["definition"][0, 3] = np.nan
    assert not Table(wrong).holds
    with pytest.raises(
        OptionError, match="prove ways: expected some of lanes, numpy, keras, definition, plain, got 'x'"
    ):
        prove(model, network.windows(5), ["x"])
