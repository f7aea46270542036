"""The equations of the way back come out, and are what the trace and training say."""

from __future__ import annotations

import numpy as np
import pytest
from networks import NETWORKS, Network, dense, gru, masking, task_of
from test_trace import traced, tutorial, worked_out

from timeglass import OptionError
from timeglass.explain.backward_formulas import backward_formulas
from timeglass.explain.equations import Equation, Negative, Power, Product, Sum
from timeglass.explain.slopes import slope
from timeglass.trace.recording import record
from timeglass.train.losses import loss_of

each_network = pytest.mark.parametrize("name", NETWORKS)


@each_network
def test_every_equation_comes_out(name):
    trace = traced(name, count=3)
    for window in range(3):
        for one in backward_formulas(trace, window=window):
            assert abs(worked_out(one.right) - one.value) <= 1e-13 * max(1, abs(one.value)), one.text()


@each_network
def test_where_there_is_no_mask_only_what_is_a_number_stands_as_one(name):
    trace = traced(name, count=2)
    for one in backward_formulas(trace):
        if one.symbol in ("dh", "dy") and not any(node.masked for node in trace.architecture.layers):
            assert isinstance(one.right, Sum), one.text()


@each_network
def test_derivatives_by_weights_are_the_gradient(name):
    trace = traced(name, count=1)
    found = backward_formulas(trace)
    for node, own in zip(trace.architecture.layers, trace.gradient(), strict=True):
        equations = [one for one in backward_formulas(trace, node.name) if one.symbol[1:] in own]
        for array, gradient in own.items():
            values = [one.value for one in equations if one.symbol == f"d{array}"]
            assert np.abs(np.array(values) - gradient.ravel()).max() < 1e-14
    assert len(found) == sum(len(backward_formulas(trace, node.name)) for node in trace.architecture.layers)


@pytest.mark.parametrize("name", ["mean_absolute_error", "huber", "log_cosh", "gaussian_likelihood"])
@pytest.mark.parametrize("sequences", [False, True])
def test_other_losses(name, sequences):
    network = Network(4, 2, (gru(3, return_sequences=sequences), dense(2, "softplus")))
    task = task_of(network, count=3)
    loss = loss_of(name)
    trace = record(
        network.architecture, network.weights()[0], task.x, task.y[..., : 2 // loss.outputs_per_target], loss
    )
    for one in backward_formulas(trace, window=2):
        assert abs(worked_out(one.right) - one.value) <= 1e-13 * max(1, abs(one.value)), one.text()


@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error", "huber", "log_cosh"])
def test_masked_sequences_share_the_loss_among_the_steps_that_count(name):
    network = Network(4, 1, (masking(), gru(2, return_sequences=True), dense(1)))
    task = task_of(network, count=3)
    trace = record(network.architecture, network.weights()[0], task.x, task.y, loss_of(name))
    for window in range(3):
        for one in backward_formulas(trace, window=window):
            assert abs(worked_out(one.right) - one.value) <= 1e-13 * max(1, abs(one.value)), one.text()


def test_the_tutorials_way_back():
    model = tutorial()
    model.compile("sgd", "mse")
    trace = model.trace([[[1.0], [2.0], [3.0]]], [1.0])
    assert [one.text(4) for one in backward_formulas(trace) if one.symbol in ("dy", "dz", "dh")][:8] == [
        "dy[0] = 2·(−3.87 − 1) = −9.74",
        "dz[0] = −9.74 = −9.74",
        "dh3[0] = (−9.74)·(−0.4636) = 4.515",
        "dz3[0] = 4.515 = 4.515",
        "dh3[1] = (−9.74)·0.6538 = −6.368",
        "dz3[1] = −6.368 = −6.368",
        "dh2[0] = (4.515·0.8698 + (−6.368)·(−0.4934)) = 7.069",
        "dz2[0] = 7.069 = 7.069",
    ]
    whole = [one.text(4) for one in backward_formulas(trace) if one.name == "dwh[1,0]"]
    assert whole == ["dwh[1,0] = 0·7.783 + (−1.237)·7.069 + (−3.642)·4.515 = −25.19"]
    assert [one.text(4) for one in backward_formulas(trace, "simple_rnn", step=2, unit=0)] == [
        "dh2[0] = (4.515·0.8698 + (−6.368)·(−0.4934)) = 7.069",
        "dz2[0] = 7.069 = 7.069",
        "dwx2[0,0] = 2·7.069 = 14.14",
        "dwh2[0,0] = 0.1866·7.069 = 1.319",
        "dwh2[1,0] = (−1.237)·7.069 = −8.744",
        "dbh2[0] = 7.069 = 7.069",
    ]


def test_powers_and_turned_signs_in_every_form():
    one = Equation("dz_update", 2, 0, Product((0.5, Sum((1.0, Negative(Power(-0.25)))))), 0.46875)
    assert one.text() == "dz_update2[0] = 0.5·(1 − (−0.25)²) = 0.46875"
    assert one.latex() == r"\mathrm{dz\_update}_{2,0} = 0.5 \cdot (1 - (-0.25)^{2}) = 0.46875"
    assert one.html() == (
        "<var>dz_update</var><sub>2,0</sub> = 0.5 · (1 − (−0.25)<sup>2</sup>) = <b>0.46875</b>"
    )  # fmt: skip
    small = Equation("dz", 1, 0, Sum((1.0, Negative(Power(3e-6)))), 1.0)
    assert small.text() == "dz1[0] = 1 − (3e−06)² = 1"
    assert small.latex() == r"\mathrm{dz}_{1,0} = 1 - (3 \cdot 10^{-6})^{2} = 1"
    assert Equation("dwh", None, (1, 0), 0.0, 0.0).name == "dwh[1,0]"
    assert slope("linear", 0.1, 0.1) is None


def test_without_targets_or_with_a_layer_that_is_not_there():
    with pytest.raises(OptionError, match=r"no way back without targets: trace\(x, y\)"):
        backward_formulas(traced("tutorial", backward=False))
    with pytest.raises(OptionError, match="layer lstm: this network has simple_rnn, dense"):
        backward_formulas(traced("tutorial"), "lstm")
