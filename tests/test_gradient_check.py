"""Gradients beside finite differences: right ones hold, in every kind of network; a wrong one is found and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from networks import NETWORKS, Network, any_network, dense, masking, rnn, task_of

from timeglass import GRU, LSTM, Dense, OptionError, Sequential, SimpleRNN
from timeglass.cells import gru, lstm, simple_rnn
from timeglass.cells.recurrent import Weights
from timeglass.explain import differences
from timeglass.explain.differences import state_differences
from timeglass.explain.flow import gradient_flow
from timeglass.explain.gradient_check import check_gradients
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.train.losses import GaussianLikelihood, MeanAbsoluteError, loss_of

LOSSES = ("mse", "mae", "huber", "log_cosh")


def traced(network: Network, count: int = 4, loss: str = "mse") -> Trace:
    task = task_of(network, count=count, loss=loss_of(loss))
    return record(network.architecture, network.weights()[0], task.x, task.y, task.loss)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_gradient_holds(name):
    trace = traced(NETWORKS[name])
    check = check_gradients(trace)
    assert check.holds, "\n".join(check.lines())
    weights = [f"{node.name}.d{array}" for node in trace.architecture.layers for array in node.weight_shapes]
    states = [f"{node.name}.dh" for node in trace.architecture.layers if node.recurrent]
    assert [one.name for one in check.arrays] == weights + states
    for one in check.arrays:
        apart = np.abs(one.gradients - one.differences)
        assert apart.max() < 1e-10
        assert (one.allowed < 3e-5).all()  # what counts as right is narrow
        for place, gradient in zip(one.places, one.gradients, strict=True):
            found = trace[one.name]
            if one.name.endswith(".dh"):
                assert found[place[0], place[1] - 1, place[2]] == gradient
            else:
                shares = found.sum(axis=tuple(range(found.ndim - len(place))))
                assert abs(shares[tuple(place)] - gradient) <= 1e-15


@pytest.mark.parametrize("seed", range(60))
def test_every_gradient_of_any_network_holds(seed):
    check = check_gradients(traced(any_network(seed), loss=LOSSES[seed % 4]), most=20, seed=seed)
    assert check.holds, "\n".join(check.lines())


def test_other_losses_and_a_trace_knows_its_own():
    network = Network(4, 1, (rnn(3), dense(2)))
    trace = record(network.architecture, network.weights()[0], network.windows(6), np.ones((6, 1)),
                   GaussianLikelihood())  # fmt: skip
    assert trace.loss == GaussianLikelihood()
    assert np.array_equal(trace.targets, np.ones((6, 1)))
    assert check_gradients(trace).holds
    model = network.sequential(seed=0)
    model.compile("adam", "mae")
    assert model.trace(network.windows(2), [[1, 2], [3, 4]]).loss == MeanAbsoluteError()
    assert model.trace(network.windows(2)).targets is None


def test_a_difference_by_hand():
    """One unit, one step: loss (w x - y)², by w 2 (w x - y) x = 2 · (0.5 · 3 - 1) · 3 = 3."""
    model = Sequential([SimpleRNN(1, "linear", input_shape=(1, 1), use_bias=False)], seed=0)
    model.set_weights([[[0.5]], [[0.25]]])
    model.compile("sgd", "mse")
    check = check_gradients(model.trace([[[3.0]]], [[1.0]]))
    one, other, state = check.arrays
    assert (one.gradients[0], other.gradients[0], other.differences[0]) == (3.0, 0.0, 0.0)
    assert abs(one.differences[0] - 3.0) < 1e-9
    assert (state.gradients[0], state.places.tolist()) == (1.0, [[0, 1, 0]])  # 2 (h - y) = 2 · 0.5
    assert abs(state.differences[0] - 1.0) < 1e-9
    assert other.errors[0] == 0
    assert check.lines()[0] == "3 gradients beside central finite differences in float64"
    assert "  row 0, column 0             gradient 3   finite difference 3   error" in check.lines()[2]
    assert check.lines()[-1] == "all gradients hold"
    with pytest.raises(OptionError, match=r"no dense: there are simple_rnn.dwx, simple_rnn.dwh, simple_rnn.dh"):
        check["dense"]


# A wrong gradient is found


@pytest.mark.parametrize("name", ["tutorial", "gru", "lstm", "two ways", "masked", "skip"])
def test_a_thousandth_too_much_in_one_number_is_found(name):
    trace = traced(NETWORKS[name])
    right = check_gradients(trace)
    for one in right.arrays:
        largest = int(np.argmax(np.abs(one.gradients)))
        wrong = trace[one.name].copy()
        if one.name.endswith(".dh"):
            window, step, unit = one.places[largest]
            wrong[window, step - 1, unit] *= 1.001
        else:
            place = (Ellipsis, *one.places[largest])
            wrong[place] *= 1.001
        check = check_gradients(replace(trace, arrays={**trace.arrays, one.name: wrong}))
        assert [each.name for each in check.arrays if not each.holds] == [one.name]
        assert np.flatnonzero(~check[one.name].holds_at).tolist() == [largest]
        assert check[one.name].errors[largest] == pytest.approx(1e-3, rel=1e-2)
        assert check.lines()[-1] == f"WRONG: {one.name}"
        assert sum(line.endswith("FAILS") for line in check[one.name].lines()) == 2


@pytest.mark.parametrize(
    ("module", "cell", "network"),
    [(simple_rnn, "CELL", "tutorial"), (lstm, "CELL", "lstm"), (gru, "CELL_RESET_AFTER", "gru")],
)
def test_a_wrong_way_back_is_found(monkeypatch, module, cell, network):
    """What a step owes to the one before is left out: the shares of the last step are right, all else is not."""
    real = getattr(module, cell)

    def forgetful(*arguments):
        dx, past, dw = real.step_backward(*arguments)
        return dx, past | {"h": 0 * past["h"]}, Weights(*dw)

    monkeypatch.setattr(module, cell, replace(real, step_backward=forgetful))
    check = check_gradients(traced(NETWORKS[network]))
    layer = NETWORKS[network].architecture.layers[0].name
    found = [one.name for one in check.arrays if not one.holds]
    assert found[:2] == [f"{layer}.dwx", f"{layer}.dwh"]
    assert f"{layer}.dh" in found
    steps = check[f"{layer}.dh"].places[~check[f"{layer}.dh"].holds_at, 1]
    assert steps.max() == NETWORKS[network].time_steps - 1  # the last one is right


def test_many_weights_are_sampled_by_seed_and_all_nudged_together():
    trace = traced(NETWORKS["wide"])
    check, same, other = (check_gradients(trace, most=5, seed=seed, states=False) for seed in (1, 1, 2))
    one = check["simple_rnn.dwh"]
    assert (one.count, len(one.gradients), one.places.shape) == (17 * 17, 5, (5, 2))
    assert np.array_equal(one.places, same["simple_rnn.dwh"].places)
    assert not np.array_equal(one.places, other["simple_rnn.dwh"].places)
    assert check[f"{trace.architecture.layers[-1].name}.dby"].whole is None  # one number: drawn, whatever the seed
    assert "chosen with seed 1" in check.lines()[0]
    assert abs(one.whole[0] - one.whole[1]) < 1e-9
    # A number that was not drawn is wrong: the nudge of all of them together shows it.
    drawn = {tuple(place) for place in one.places.tolist()}
    hidden = max(np.ndindex(17, 17), key=lambda place: -1 if place in drawn else abs(trace.gradient()[0]["wh"][place]))
    wrong = trace["simple_rnn.dwh"].copy()
    wrong[(Ellipsis, *hidden)] *= 1.01
    found = check_gradients(replace(trace, arrays={**trace.arrays, "simple_rnn.dwh": wrong}), most=5, seed=1)
    assert found["simple_rnn.dwh"].holds_at.all()
    assert not found["simple_rnn.dwh"].holds
    assert "FAILS" in found["simple_rnn.dwh"].lines()[0]


def test_a_number_at_a_corner_is_counted_and_not_compared():
    """relu at z = 0, to the bit: the slopes to either side are 0 and 2 (h v - y) v = -2."""
    model = Sequential([SimpleRNN(1, "relu", input_shape=(1, 1)), Dense(1, use_bias=False)], seed=0)
    model.set_weights([[[1.0]], [[0.0]], [0.0], [[1.0]]])
    model.compile("sgd", "mse")
    trace = model.trace([[[0.0]]], [[1.0]])
    check = check_gradients(trace)
    bias = check["simple_rnn.dbh"]
    assert (bias.gradients[0], bias.at_corner.tolist(), bias.holds_at.tolist()) == (0, [True], [False])
    assert bias.differences[0] == pytest.approx(-1, rel=1e-4)
    assert check.holds
    assert (check.corners, check.tested) == (1, 4)  # the state itself is past the corner
    lines = check.lines()
    assert lines[0].endswith("; 1 more at a corner of an activation: not comparable")
    assert lines[-1] == "all gradients hold that can be compared"
    assert bias.lines()[0].endswith("at most 0.0e+00 apart; 1 at a corner: not comparable: not compared")
    assert bias.lines()[1].endswith("at a corner: not comparable")
    # What is not finite is a fault everywhere.
    lost = replace(trace, arrays={**trace.arrays, "simple_rnn.dbh": np.full((1, 1, 1), np.nan)})
    assert not check_gradients(lost)["simple_rnn.dbh"].holds


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "selu", "elu", "hard_sigmoid"])
@pytest.mark.parametrize("layer", [SimpleRNN, LSTM, GRU])
@pytest.mark.parametrize("seed", range(3))
def test_right_gradients_at_corners_on_all_sides_hold(activation, layer, seed):
    """Windows of zeros through fresh weights: every pre-activation is 0, or at an end of hard_sigmoid."""
    model = Sequential([layer(2, activation=activation, input_shape=(2, 1)), Dense(1)], seed=seed)
    weights = model.get_weights()
    if activation == "hard_sigmoid" and layer is SimpleRNN:
        weights[2] += 3
        weights[1] *= 0
        model.set_weights(weights)
    model.compile("sgd", "mse")
    check = check_gradients(model.trace(np.zeros((1, 2, 1)), [[0.5]]))
    assert check.holds, "\n".join(check.lines())
    assert check.corners > 0 or activation == "hard_sigmoid"


def test_windows_to_both_sides_of_a_corner():
    """z = ± 1e-6, nearer than the nudge; the other windows are still compared, and what is wrong there is found."""
    model = Sequential([SimpleRNN(1, "relu", input_shape=(1, 1)), Dense(1)], seed=0)
    model.set_weights([[[1.0]], [[0.0]], [0.0], [[1.0]], [0.0]])
    model.compile("sgd", "mse")
    near = check_gradients(model.trace([[[1e-6]], [[-1e-6]]], [[0.5], [-0.25]]))
    assert near["simple_rnn.dbh"].at_corner.tolist() == [True]
    assert near.holds
    trace = model.trace([[[1e-6]], [[-1e-6]], [[0.7]]], [[0.5], [-0.25], [0.2]])
    check = check_gradients(trace)
    bias = check["simple_rnn.dbh"]
    assert check.holds
    assert (bias.at_corner.tolist(), bias.partly) == ([False], 1)
    assert "; 1 without the windows at a corner: holds" in bias.lines()[0]
    assert bias.gradients[0] == pytest.approx(2 * (0.7 - 0.2) / 3, abs=1e-6)  # of the third window alone
    wrong = replace(trace, arrays={**trace.arrays, "simple_rnn.dbh": 1.001 * trace["simple_rnn.dbh"]})
    assert check_gradients(wrong)["simple_rnn.dbh"].holds_at.tolist() == [False]
    assert not check_gradients(wrong).holds


def test_a_masked_step_has_no_gradient_and_no_difference():
    network = Network(6, 2, (masking(), rnn(3, return_sequences=True), dense(1)))
    trace = traced(network)
    masked = ~trace["masking.mask"]
    assert masked.any()
    assert np.abs(state_differences(trace)[masked]).max() == 0
    assert check_gradients(trace).holds


# Beside the gradient flow


@pytest.mark.parametrize("name", ["tutorial", "gru", "lstm, stacked", "backwards", "two ways, stacked", "masked"])
def test_the_flow_has_differences_beside_it(name):
    trace = traced(NETWORKS[name])
    for node in trace.architecture.layers:
        if node.recurrent:
            flow = gradient_flow(trace, node.name, check=True)
            assert np.abs(flow.loss_norms - flow.loss_differences).max() < 1e-10
            assert np.abs(state_differences(trace, node.name) - trace[f"{node.name}.dh"]).max() < 1e-10
            assert flow.loss_norms.max() > 1e-3
    assert gradient_flow(trace).loss_differences is None


def test_the_flow_in_words():
    model = Sequential([SimpleRNN(1, "linear", input_shape=(3, 1)), Dense(1)], seed=0)
    model.set_weights([[[1.0]], [[0.5]], [0.0], [[1.0]], [0.0]])
    model.compile("sgd", "mse")
    flow = gradient_flow(model.trace(np.ones((1, 3, 1)), [[1.0]]), check=True)  # 2 (1.75 - 1) = 1.5 at the last step
    assert [" ".join(line.split()) for line in flow.lines()] == [
        "simple_rnn: the gradient reaches the first of 3 steps, 0.25 times that of the last",
        "step −1 |∂h_T/∂h_t| 1 |∂loss/∂h_t| 1.5 by finite difference 1.5",
        "step −2 |∂h_T/∂h_t| 0.5 |∂loss/∂h_t| 0.75 by finite difference 0.75",
        "step −3 |∂h_T/∂h_t| 0.25 |∂loss/∂h_t| 0.375 by finite difference 0.375",
    ]
    assert " ".join(gradient_flow(model.trace(np.ones((1, 3, 1)))).lines()[1].split()) == "step −1 |∂h_T/∂h_t| 1"


# What cannot be


def test_what_is_refused(monkeypatch):
    trace = traced(NETWORKS["tutorial"])
    without = record(trace.architecture, trace.weight_row, trace["x"])
    for call, words in (
        (lambda: check_gradients(without), r"no gradients without targets: trace\(x, y\)"),
        (lambda: gradient_flow(without, check=True), "no gradients without targets"),
        (lambda: check_gradients(trace, most=0), "check_gradients most: expected a whole number of at least 1, got 0"),
        (lambda: check_gradients(trace, seed=-1), "check_gradients seed: expected a whole number of at least 0"),
        (lambda: state_differences(trace, "dense"), "the recurrent layers of this network are simple_rnn"),
    ):
        with pytest.raises(OptionError, match=words):
            call()
    work = 2 * 36 * trace.architecture.work
    monkeypatch.setattr(differences, "_MOST_WORK", 3 * work)
    with pytest.raises(OptionError, match=r"36 states of 4 windows would take more than .* trace at most 3 windows"):
        gradient_flow(trace, check=True)
    assert gradient_flow(traced(NETWORKS["tutorial"], count=3), check=True).loss_differences.shape == (12,)
    monkeypatch.setattr(differences, "_MOST_NUMBERS", 1)  # one network at a time
    assert check_gradients(trace).holds
