"""A model's forecasts in several ways, beside Python's own arithmetic, and that the proof can fail."""

from __future__ import annotations

import numpy as np
import pytest
from live import live_keras
from networks import DROPPING, KERNEL, NETWORKS, Network, dense, needs_kernel, rnn

from timeglass import EngineError, OptionError
from timeglass.explain import proof
from timeglass.explain.proof import Table, prove
from timeglass.trace import kernel_record

FASTEST = "lanes" if KERNEL else "numpy"
EVERY = {**NETWORKS, **{f"dropping, {name}": network for name, network in DROPPING.items()}}


@pytest.mark.parametrize("name", EVERY)
def test_every_way_gives_what_plain_python_gives(name):
    network = EVERY[name]
    model = network.sequential(seed=1, networks=2)
    model.weight_rows = network.weights(2)
    table = prove(model, network.windows(5), [FASTEST, "definition"])
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
    table = prove(model, network.windows(5), ["definition"])
    wrong = {way: made.copy() for way, made in table.forecasts.items()}
    wrong["definition"][0, 3] += 1e-5
    failed = Table(wrong)
    assert not failed.holds
    assert failed.lines()[-1] == "the proof FAILS"
    wrong["definition"][0, 3] = np.nan
    assert not Table(wrong).holds
    with pytest.raises(OptionError, match="prove ways: expected some of lanes, numpy, keras, definition, got 'x'"):
        prove(model, network.windows(5), ["x"])


@live_keras
@needs_kernel
def test_unless_told_it_goes_by_kernel_definition_and_keras():
    model = NETWORKS["tutorial"].sequential(seed=1)
    table = prove(model, NETWORKS["tutorial"].windows(2))
    assert list(table.differences) == ["lanes", "definition", "keras"]
    assert {"x", "simple_rnn.z", "simple_rnn.h", "dense.y", "recorded forecast"} <= set(table.recorded)
    assert table.holds
    assert table.recorded["recorded forecast"] == 0.0


def test_what_is_missing_is_said_and_what_was_asked_for_is_not_passed_over(monkeypatch):
    def nothing() -> None:
        raise EngineError("there is no kernel here")

    monkeypatch.setattr(proof, "load", nothing)
    model = NETWORKS["tutorial"].sequential(seed=1)
    table = prove(model, NETWORKS["tutorial"].windows(2))
    assert "lanes" not in table.differences
    assert table.missing["lanes"] == "there is no kernel here"
    assert "  lanes was left out: there is no kernel here" in table.lines()
    with pytest.raises(EngineError, match="there is no kernel here"):
        prove(model, NETWORKS["tutorial"].windows(2), ["lanes"])


@needs_kernel
@pytest.mark.parametrize("wrong", [1e-4, np.nan])
def test_a_corrupted_buffer_of_the_kernel_fails_the_proof(monkeypatch, wrong):
    true_record = kernel_record.record

    def corrupted(*given):
        found = true_record(*given)
        found.array(0, "h", 7, 3)[4, 3, 1] += wrong  # h_3[1] of the last window, after h_0
        return found

    network = Network(6, 1, (rnn(3), dense(1)))
    model = network.sequential(seed=1)
    assert prove(model, network.windows(5), ["lanes"]).holds
    monkeypatch.setattr(kernel_record, "record", corrupted)
    table = prove(model, network.windows(5), ["lanes"])
    assert not table.holds
    assert table.differences["lanes"] < 1e-6, "the forecast itself is right"
    assert table.lines()[-2].startswith("  simple_rnn.h ")
    assert table.lines()[-2].endswith("FAILS")


@needs_kernel
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_is_no_number_fails_whichever_network_it_is_of(monkeypatch, order):
    """max() passes over a NaN that does not stand first."""
    true_record = kernel_record.record
    calls = []

    def corrupted(*given):
        found = true_record(*given)
        calls.append(found)
        if len(calls) - 1 == order[0]:
            found.array(0, "h", 13, 3)[0, 3, 1] = np.nan
        return found

    monkeypatch.setattr(kernel_record, "record", corrupted)
    model = NETWORKS["tutorial"].sequential(seed=1, networks=2)
    table = prove(model, NETWORKS["tutorial"].windows(2), ["lanes"])
    assert not table.holds
    assert np.isnan(table.recorded["simple_rnn.h"])


def test_a_proof_of_nothing_is_none():
    model = NETWORKS["tutorial"].sequential(seed=1)
    with pytest.raises(OptionError, match="got none: nothing would be compared"):
        prove(model, NETWORKS["tutorial"].windows(2), [])
    assert not Table({"plain": np.zeros((1, 2, 1))}).holds
    assert prove(model, NETWORKS["tutorial"].windows(2), "definition").holds
