"""A trace holds what the network computed, by name; its shares of gradients add up; its formulas come out."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import networks
import numpy as np
import pytest
from networks import NETWORKS, Network, task_of

from timeglass import GRU, LSTM, Dense, OptionError, Sequential, ShapeError, SimpleRNN
from timeglass.cells.activations import ACTIVATIONS
from timeglass.explain.attribution import attribute
from timeglass.explain.equations import Call, Equation, Expression, Negative, Power, Product, Sum
from timeglass.explain.flow import gradient_flow, state_jacobians
from timeglass.explain.formulas import formulas
from timeglass.explain.memory import Memory, layer_states, memory, window_jacobian
from timeglass.network import chain
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.engine_numpy import NumpyEngine

each_network = pytest.mark.parametrize("name", NETWORKS)
TUTORIAL = [
    [[0.18662322, -1.2369459]], [[0.86981213, -0.49338293], [0.49338293, 0.8698122]], [0, 0],
    [[-0.4635998], [0.6538409]], [0],
]  # fmt: skip


def tutorial() -> Sequential:
    model = Sequential([SimpleRNN(2, "linear", input_shape=(3, 1)), Dense(1)], seed=0)
    model.set_weights(TUTORIAL)
    return model


def traced(name: str, count: int = 4, backward: bool = True) -> Trace:
    """The network's own weights and windows."""
    network = NETWORKS[name]
    task = task_of(network, count=count)
    weights = network.weights()[0]
    return record(network.architecture, weights, task.x, *((task.y, task.loss) if backward else ()))


def unmasked(name: str) -> bool:
    """Whether each of the network's outputs counts in its loss."""
    last = NETWORKS[name].architecture.layers[-1]
    return not (last.masked and last.gives_sequence)


# The arrays


def test_the_tutorials_printed_example():
    trace = tutorial().trace([[[1.0], [2.0], [3.0]]])
    printed = [[0.18662322, -1.23694587], [-0.07471441, -3.64187904], [-1.30195881, -6.84172557]]
    assert np.abs(trace["simple_rnn.h"][0] - printed).max() < 6e-9
    assert abs(trace.forecasts[0, 0] - -3.86981212) < 5e-8
    assert trace.names == ("x", "simple_rnn.z", "simple_rnn.h", "dense.z", "dense.y")
    assert trace.engine == "numpy"


@each_network
def test_forecasts_are_the_engines(name):
    network, trace = NETWORKS[name], traced(name, backward=False)
    weights, x = network.weights(), network.windows(4)
    expected = NumpyEngine().predict(network.architecture, weights.astype(np.float64), x.astype(np.float64))[0]
    assert np.abs(trace.forecasts - expected).max() <= 1e-12
    assert trace.losses is None
    if networks.KERNEL:
        fast = LanesEngine().predict(network.architecture, weights, x)[0]
        assert np.abs(trace.forecasts - fast).max() <= 2e-6 * max(1, np.abs(fast).max())


@pytest.mark.parametrize("name", [name for name in NETWORKS if unmasked(name)])
def test_shares_of_windows_and_steps_add_up_to_the_gradient(name):
    network, trace = NETWORKS[name], traced(name, count=5)
    task, weights = task_of(network, count=5), network.weights()
    losses, gradients = NumpyEngine().gradients(task, weights.astype(np.float64))
    own = np.concatenate([array.ravel() for node in trace.gradient() for array in node.values()])
    assert np.abs(own - gradients[0]).max() <= 1e-13 * max(1, np.abs(own).max())
    assert abs(trace.losses.mean() - losses[0]) <= 1e-12
    if networks.KERNEL:
        fast = LanesEngine().gradients(task, weights)[1][0]
        assert np.abs(own - fast).max() <= 4e-6 * max(1, np.abs(own).max())


def test_steps_that_are_masked_share_no_loss():
    network = Network(5, 2, (networks.masking(), networks.gru(3, return_sequences=True), networks.dense(2)))
    task, weights = task_of(network, count=4), network.weights()
    trace = record(network.architecture, weights[0], task.x, task.y, task.loss)
    losses, gradients = NumpyEngine().gradients(task, weights.astype(np.float64))
    own = np.concatenate([array.ravel() for node in trace.gradient() for array in node.values()])
    assert not trace["masking.mask"].all()
    assert np.abs(own - gradients[0]).max() <= 1e-13
    assert abs(trace.losses.mean() - losses[0]) <= 1e-12


@each_network
def test_arrays_have_the_axes_that_they_say(name):
    trace = traced(name)
    architecture = trace.architecture
    for key in trace:
        sizes = dict(zip(trace.axes(key), trace[key].shape, strict=True))
        assert sizes["window"] == 4
        assert sizes.get("step", architecture.time_steps) == architecture.time_steps
    for node, weights in zip(architecture.layers, trace.weights, strict=True):
        for array, values in weights.items():
            assert trace[f"{node.name}.d{array}"].shape[-values.ndim :] == values.shape
    assert np.isfinite(np.concatenate([trace[key].ravel().astype(float) for key in trace])).all()


def test_a_step_of_a_layer_that_goes_backwards_stands_at_its_time():
    trace = traced("backwards")
    w, x, h = trace.weights[0], trace["x"], trace["gru.h"]
    late = np.zeros_like(h[:, 0])
    assert (h[:, -1] != h[:, 0]).any()  # the last step is the first that it met, from a state of zeros
    single = Network(1, 2, (NETWORKS["backwards"].layers[0],))
    again = record(single.architecture, np.concatenate([a.ravel() for a in w.values()]), x[:, -1:])
    assert np.abs(again["gru.h"][:, 0] - h[:, -1]).max() == 0
    assert late.shape == h[:, 0].shape


def test_places_and_names():
    trace = traced("tutorial")
    assert np.array_equal(trace["simple_rnn.h[t=3]"], trace["simple_rnn.h"][:, 2])
    assert np.array_equal(trace["simple_rnn.h[3]"], trace["simple_rnn.h"][:, 2])
    assert "simple_rnn.h" in trace
    assert len(trace) == len(trace.names)
    for wrong, words in (
        ("simple_rnn.c", "no array simple_rnn.c: there are x, simple_rnn.z, simple_rnn.h"),
        ("simple_rnn.h[13]", "simple_rnn.h has steps 1 to 12"),
        ("dense.y[1]", "dense.y has no steps"),
    ):
        with pytest.raises(OptionError, match=words.replace("[", r"\[")):
            _ = trace[wrong]
    with pytest.raises(OptionError, match="no gradient without targets"):
        traced("tutorial", backward=False).gradient()


def test_as_json_and_as_a_frame():
    trace = traced("gru")
    read = json.loads(trace.to_json())
    assert read["engine"] == "numpy"
    assert read["layers"][0] == {"name": "gru", "kind": "gru", "units": 3}
    assert np.array_equal(read["arrays"]["gru.dwx"]["values"], trace["gru.dwx"])
    assert read["arrays"]["gru.dwx"]["axes"] == ["window", "step", "from", "unit"]
    frame = trace.to_frame()
    assert list(frame) == ["name", "window", "step", "from", "unit", "value"]
    assert len(frame) == sum(trace[key].size for key in trace)
    one = frame[(frame.name == "gru.h") & (frame.window == 2) & (frame.step == 4) & (frame.unit == 1)]
    assert one.value.tolist() == [trace["gru.h[t=4]"][2, 1]]


def test_a_models_own_traces():
    model = Sequential([SimpleRNN(3, input_shape=(4, 1)), Dense(1)], networks=3, seed=2)
    x, y = np.arange(8.0).reshape(2, 4, 1) / 8, np.ones((2, 1))
    traces = [model.trace(x, network=network) for network in range(3)]
    assert np.abs(np.stack([trace.forecasts for trace in traces]) - model.predict(x)).max() < 2e-6
    for call, words in (
        (lambda: model.trace(x, network=3), "trace network: expected 0 to 2, got 3"),
        (lambda: model.trace(x, y), "compile the network first"),
        (lambda: model.trace(x[:, :3]), "expected windows of shape"),
        (lambda: model.trace(np.zeros((4 * 10**6, 4, 1), dtype=np.float32)), "trace at most"),
    ):
        with pytest.raises(Exception, match=words):
            call()
    model.compile("adam", "mse")
    own = model.trace([x, x[:1], x], [y, y[:1], y], network=1)
    assert own.windows == 1
    assert own.losses.shape == (1,)


# The formulas


def worked_out(node: Expression) -> float:
    """An expression's value in Python's own numbers."""
    if isinstance(node, Sum):
        return math.fsum(map(worked_out, node.terms))
    if isinstance(node, Product):
        return math.prod(map(worked_out, node.factors))
    if isinstance(node, Call):
        return float(ACTIVATIONS[node.function].f(np.float64(worked_out(node.of))))
    if isinstance(node, Power):
        return worked_out(node.of) ** node.exponent
    if isinstance(node, Negative):
        return -worked_out(node.of)
    return float(node)


@each_network
def test_every_formula_comes_out(name):
    trace = traced(name, count=3, backward=False)
    for window in range(3):
        equations = formulas(trace, window=window)
        assert len(equations) > 0
        for one in equations:
            assert abs(worked_out(one.right) - one.value) <= 1e-12 * max(1, abs(one.value)), one.text()
    assert abs(equations[-1].value - trace.forecasts[2].ravel()[-1]) == 0 or trace.architecture.layers[-1].go_backwards


def test_the_tutorials_formulas():
    trace = tutorial().trace([[[1.0], [2.0], [3.0]]])
    assert [one.text() for one in formulas(trace)] == [
        "h1[0] = 1·0.18662 + (0·0.86981 + 0·0.49338) + 0 = 0.18662",
        "h1[1] = 1·(−1.2369) + (0·(−0.49338) + 0·0.86981) + 0 = −1.2369",
        "h2[0] = 2·0.18662 + (0.18662·0.86981 + (−1.2369)·0.49338) + 0 = −0.074714",
        "h2[1] = 2·(−1.2369) + (0.18662·(−0.49338) + (−1.2369)·0.86981) + 0 = −3.6419",
        "h3[0] = 3·0.18662 + ((−0.074714)·0.86981 + (−3.6419)·0.49338) + 0 = −1.302",
        "h3[1] = 3·(−1.2369) + ((−0.074714)·(−0.49338) + (−3.6419)·0.86981) + 0 = −6.8417",
        "y[0] = (−1.302)·(−0.4636) + (−6.8417)·0.65384 + 0 = −3.8698",
    ]
    only = formulas(trace, "simple_rnn", step=2, unit=1)
    assert [one.name for one in only] == ["h2[1]"]
    lines = only[0].text(width=40).splitlines()
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines).split()) == only[0].text()


def test_formulas_in_other_forms():
    one = Equation("update", 2, 0, Call("sigmoid", Sum((Product((0.5, -2.0)), 1e-9))), 0.2689414)
    assert one.text(3) == "update2[0] = sigmoid(0.5·(−2) + 1e−09) = 0.269"
    assert one.latex(3) == (
        r"\mathrm{update}_{2,0} = \sigma\left(0.5 \cdot (-2) + 1 \cdot 10^{-9}\right) = 0.269"
    )  # fmt: skip
    assert one.html(3) == "<var>update</var><sub>2,0</sub> = sigmoid(0.5 · (−2) + 1e−09) = <b>0.269</b>"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"layer": "lstm"}, "layer lstm: this network has simple_rnn, dense"),
        ({"window": 9}, "window 9: the trace has windows 0 to 3"),
        ({"step": 0}, "step 0: expected a time step from 1 to 12"),
        ({"layer": "dense", "unit": 3}, "unit 3: dense has units 0 to 0"),
    ],
)
def test_what_there_is_no_formula_for(options, words):
    with pytest.raises(OptionError, match=words):
        formulas(traced("tutorial"), **options)


# Gradients through time, memory, attribution


@pytest.mark.parametrize("name", ["tutorial", "gru", "lstm", "backwards", "two ways", "skip"])
def test_jacobians_are_finite_differences(name):
    network, trace = NETWORKS[name], traced(name)
    weights, x, nudge = network.weights().astype(np.float64), trace["x"], 1e-6

    def forecasts(windows):
        return chain.output(network.architecture, chain.forward(network.architecture, weights, windows[None]))[0]

    found = window_jacobian(trace)
    for place in np.ndindex(x.shape[1:]):
        change = np.zeros(x.shape)
        change[:, *place] = nudge
        slopes = (forecasts(x + change) - forecasts(x - change)).reshape(len(x), -1) / (2 * nudge)
        assert np.abs(slopes - found[:, :, *place]).max() < 1e-7


def test_state_jacobians_of_a_linear_network_are_powers_of_its_weights():
    trace = tutorial().trace([[[1.0], [2.0], [3.0]]])
    wh, found = trace.weights[0]["wh"].T, state_jacobians(trace)[0]
    for t, power in enumerate((2, 1, 0)):
        assert np.abs(found[t] - np.linalg.matrix_power(wh, power)).max() < 1e-14
    flow = gradient_flow(trace)
    assert np.abs(flow.state_norms - 1).max() < 1e-6  # wh is a rotation
    assert flow.verdict == "simple_rnn: the gradient reaches the first of 3 steps, 1 times that of the last"


@pytest.mark.parametrize(
    ("size", "words"), [(0.05, "vanishes: 3 of 6 steps"), (9.0, "explodes: over 6 steps it grows")]
)
def test_vanishing_and_exploding_are_named(size, words):
    model = Sequential([SimpleRNN(1, "linear", input_shape=(6, 1)), Dense(1)], seed=0)
    model.set_weights([[[1.0]], [[size]], [0.0], [[1.0]], [0.0]])
    model.compile("sgd", "mse")
    flow = gradient_flow(model.trace(np.ones((2, 6, 1)), np.ones((2, 1))))
    assert words in flow.verdict
    assert np.allclose(flow.state_norms, [size**k for k in (5, 4, 3, 2, 1, 0)], rtol=1e-6)
    assert np.allclose(flow.loss_norms / flow.loss_norms[-1], flow.state_norms, rtol=1e-6)


def test_memory_of_a_network_that_forgets_half_at_each_step():
    model = Sequential([SimpleRNN(1, "linear", input_shape=(12, 1)), Dense(1)], seed=0)
    model.set_weights([[[1.0]], [[0.5]], [0.0], [[2.0]], [0.0]])
    trace = model.trace(np.random.default_rng(0).normal(size=(3, 12, 1)))
    assert np.allclose(memory(trace).curve, 2 * 0.5 ** np.arange(12))
    assert memory(trace).steps == 4  # 1/2 + 1/4 + 1/8 + 1/16 of the whole
    states = layer_states(trace, "simple_rnn")
    assert (states.spectral_radius, states.half_life, states.dead) == (0.5, 1.0, ())
    assert Memory(np.zeros(5)).steps == 0


def test_units_that_saturate_or_never_move():
    model = Sequential([SimpleRNN(3, "tanh", input_shape=(5, 1)), Dense(1)], seed=0)
    model.set_weights([[[0.1, 5.0, 0.0]], np.zeros((3, 3)), [0.0, 0.0, 0.0], np.ones((3, 1)), [0.0]])
    states = layer_states(model.trace(np.random.default_rng(0).uniform(0.5, 1, (4, 5, 1))), "simple_rnn")
    assert states.saturated == pytest.approx(1 / 3)
    assert states.dead == (2,)
    assert states.spectral_radius == 0
    assert states.half_life == 0
    with pytest.raises(OptionError, match="layer dense: the recurrent layers of this network are simple_rnn"):
        layer_states(traced("tutorial"), "dense")


@pytest.mark.parametrize("kind", [GRU, LSTM])
def test_what_the_gates_of_a_layer_keep(kind):
    """All weights 0 but the gates' biases: the gate that keeps is sigmoid(1.5) at every step, of every unit."""
    gates = 3 if kind is GRU else 4
    model = Sequential([kind(2, input_shape=(5, 1)), Dense(1)], seed=0)
    wx, wh, bh, wy, by = (np.zeros_like(array) for array in model.get_weights())
    bias = bh[0] if kind is GRU else bh
    bias[:] = 1.5
    wh[:, -2 * 2 :] = [[0.5, 0.0, 2.0, 0.0], [0.0, 0.25, 0.0, 1.0]]
    model.set_weights([wx, 0 * wh, bh, wy, by])
    states = layer_states(model.trace(np.ones((3, 5, 1))), kind.kind)
    assert states.kept == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert states.half_life == pytest.approx(math.log(0.5) / math.log(states.kept))
    model.set_weights([wx, wh, bh, wy, by])
    states = layer_states(model.trace(np.ones((3, 5, 1))), kind.kind)
    names = ("update", "reset", "candidate") if kind is GRU else ("input", "forget", "candidate", "output")
    assert tuple(states.gates) == names
    assert states.eigenvalues is None
    assert states.gates[names[-1]].tolist() == [2.0, 1.0]
    assert states.gates[names[-2]].tolist() == [0.5, 0.25]
    assert states.spectral_radius == (2.0 if kind is GRU else 0.5)
    assert len(names) == gates


@pytest.mark.parametrize("name", ["tutorial", "gru", "lstm", "two ways", "skip", "lstm, sequences"])
def test_attributions_add_up(name):
    found = attribute(traced(name), 0.25)
    assert found.gap <= 1e-9
    assert found.shares.shape[2:] == traced(name)["x"].shape[1:]


def test_attributions_of_a_linear_network_are_its_weights():
    found = attribute(traced("linear"))
    assert found.points == 8
    assert found.gap < 1e-14
    assert np.abs(found.shares - window_jacobian(traced("linear")) * traced("linear")["x"][:, None]).max() < 1e-14
    with pytest.raises(ShapeError, match="attribute baseline: expected a number or shape"):
        attribute(traced("linear"), np.zeros(3))


def test_a_network_without_time_has_no_flow():
    with pytest.raises(OptionError, match="no recurrent layer"):
        gradient_flow(traced("dense alone"))
    assert replace(traced("tutorial"), engine="lanes").engine == "lanes"
