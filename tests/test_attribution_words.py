"""Attributions in words: original units, names, sums that add up, and what did not converge is said."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from networks import Network, dense, linear_skip, rnn

from timeglass import Dense, OptionError, Sequential, SimpleRNN
from timeglass.explain import attribution
from timeglass.explain.attribution import Attribution, attribute
from timeglass.prepare.scale import MinMaxScaler
from timeglass.trace.recording import record

SCALER = MinMaxScaler(10.0, 250.0)


def value(words: str) -> float:
    return float(words.replace("−", "-"))


def linear(network: Network, count: int = 5) -> tuple[Attribution, np.ndarray, dict[str, np.ndarray]]:
    weights = network.weights()[0].astype(np.float64)
    trace = record(network.architecture, weights, network.windows(count))
    arrays = {name: array for own in trace.weights for name, array in own.items() if name != "by"}
    return attribute(trace, 0.25), trace["x"], arrays


def test_shares_of_a_linear_network_are_exact():
    """y = Σ x_t · wx · wh^(T - t) · wy + a constant: each share is (x_t - baseline) times its factor."""
    found, x, w = linear(Network(7, 2, (rnn(3, "linear"), dense(2))))
    for t in range(7):
        factor = w["wx"] @ np.linalg.matrix_power(w["wh"], 6 - t) @ w["wy"]  # (F, K)
        expected = (x[:, t] - 0.25)[:, None] * factor.T  # (N, K, F)
        assert np.abs(found.shares[:, :, t] - expected).max() <= 1e-12
    assert found.gap <= 1e-12
    assert (found.points, found.converged) == (8, True)


def test_shares_of_a_linear_skip_are_its_weights():
    network = Network(4, 1, (rnn(2, "linear"), dense(1), linear_skip(2)))
    trace = record(network.architecture, np.zeros(network.architecture.weight_count), network.windows(3))
    skip = trace.weights[-1]
    skip["wy"][:] = [[2.0], [-3.0]]
    trace = record(network.architecture, trace.weight_row, network.windows(3))
    expected = trace["x"][..., 0] * [0, 0, 2, -3]
    assert np.abs(attribute(trace).shares[:, 0, :, 0] - expected).max() <= 1e-12


def test_a_forecast_in_words_by_hand():
    """h_t = x_t + h_{t-1} / 2, y = h_3: shares x_t / 2^(3 - t); in original units times 240."""
    model = Sequential([SimpleRNN(1, "linear", input_shape=(3, 1)), Dense(1)], seed=0)
    model.set_weights([[[1.0]], [[0.5]], [0.0], [[1.0]], [0.125]])
    found = attribute(model.trace([[[0.4], [-0.1], [0.25]]]))
    lines = found.lines(scaler=SCALER)
    assert lines[0] == "window 0: the forecast is 112, the baseline's 40"  # 10 + 240 · 0.425, 10 + 240 · 0.125
    assert lines[1:4] == ["  step −1  moved it +60", "  step −3  moved it +24", "  step −2  moved it −12"]
    assert re.fullmatch(r"sum of shares 72\.0000 = 112\.000 − 40\.0000, to \S+ with 8 points", lines[4])
    assert len(lines) == 5
    assert found.lines()[1] == "  step −1  moved it +0.25"
    months = found.lines(scaler=SCALER, names=["March", "April", "May"], most=1)
    assert months[1:3] == ["  May    moved it +60", "  the other 2, of at most 24 each, moved it +12"]
    dates = np.array(["1983-09", "1983-10", "1983-11"], dtype="datetime64[M]")
    assert found.lines(names=dates)[1] == "  1983-11  moved it +0.25"


def test_the_words_add_up_to_the_forecast_and_to_the_model():
    network = Network(12, 1, (rnn(3), dense(1, "tanh")))
    model = network.sequential(seed=3)
    model.compile("adam", "mse")
    x = network.windows(20)
    found = attribute(model.trace(x))
    for window in (0, 7, 19):
        lines = found.lines(window, scaler=SCALER)
        moves = [value(line.split("moved it")[1]) for line in lines[1:-1]]
        assert len(moves) == 12
        assert [abs(move) for move in moves] == sorted((abs(move) for move in moves), reverse=True)
        total, forecast, baseline = re.fullmatch(r"sum of shares (\S+) = (\S+) − (\S+), to .*", lines[-1]).groups()
        assert sum(moves) == pytest.approx(value(total), abs=0.02)
        assert value(total) == pytest.approx(value(forecast) - value(baseline), abs=2e-3)
        own = SCALER.inverse_transform(model.predict(x)[window, 0].astype(float))
        assert value(forecast) == pytest.approx(own, abs=1e-3)
        assert value(re.search(r"forecast is (\S+),", lines[0]).group(1)) == pytest.approx(own, rel=1e-4)


def test_a_baseline_below_zero_several_features_and_outputs():
    found = linear(Network(3, 2, (rnn(2, "linear"), dense(2))))[0]
    found = replace(found, baseline=np.full_like(found.baseline, -0.5))
    lines = found.lines(1, 1, features=["rain", "sun"], most=4)
    assert lines[0].startswith("window 1, output 1: the forecast is ")
    assert lines[0].endswith("the baseline's −0.5")
    assert " + 0.500000, to " in lines[-1]
    largest = np.unravel_index(np.argmax(np.abs(found.shares[1, 1])), (3, 2))
    assert lines[1].startswith(f"  step −{3 - largest[0]}, {('rain', 'sun')[largest[1]]}")
    assert "step −3, x[0]" in "\n".join(found.lines(most=6))
    assert len(lines) == 1 + 4 + 1 + 1


def test_a_corner_is_closed_in_on_and_what_has_not_converged_is_said(monkeypatch):
    """relu with its corner on the line, far from the middle: no rule of a few points gets over it."""
    model = Sequential([SimpleRNN(1, "relu", input_shape=(1, 1)), Dense(1)], seed=0)
    model.set_weights([[[1.0]], [[0.0]], [-0.3], [[1.0]], [0.0]])
    trace = model.trace([[[1.0]]])
    found = attribute(trace)
    assert found.converged
    assert found.gap < 1e-9
    assert found.shares[0, 0, 0, 0] == pytest.approx(0.7, abs=1e-7)  # weights are float32
    monkeypatch.setattr(attribution, "_MOST_PANELS", 4)
    found = attribute(trace)
    assert not found.converged
    assert found.points == 8 * 7  # four parts, and the three that were halved
    assert 1e-9 < found.gap < 2e-2
    words = found.lines(scaler=SCALER)[-1]
    assert words.startswith("NOT CONVERGED: of all windows, the sums miss at most ")
    assert value(re.search(r"at most (\S+),", words).group(1)) == pytest.approx(240 * found.gap, rel=0.1)
    assert attribute(trace, tolerance=0.01).converged
    assert not any("CONVERGED" in line for line in attribute(trace, tolerance=0.01).lines())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": 5}, "lines window: expected 0 to 4, got 5"),
        ({"output": 2}, "lines output: expected 0 to 1, got 2"),
        ({"window": -1}, "lines window: expected a whole number of at least 0, got -1"),
        ({"most": 0}, "lines most: expected a whole number of at least 1, got 0"),
        ({"names": ["a"]}, "lines names: expected 3 in a list, such as 'step −1', got 1"),
        ({"names": "abc"}, "lines names: expected 3 in a list, such as 'step −1', got 'abc'"),
        ({"features": 7}, r"lines features: expected 2 in a list, such as 'x\[1\]', got 7"),
        ({"scaler": 240}, "lines scaler: expected a MinMaxScaler or None, got 240"),
    ],
)
def test_what_is_refused(options, words):
    found, _, _ = linear(Network(3, 2, (rnn(2, "linear"), dense(2))))
    with pytest.raises(OptionError, match=words):
        found.lines(**options)


def test_hostile_names_stay_in_one_line():
    found, _, _ = linear(Network(3, 1, (rnn(2, "linear"), dense(1))))
    lines = found.lines(names=["a\nb", "\x1b[31m", "x" * 1000])
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 120
