"""Single steps worked by hand, and whole networks against plain loops without NumPy's products (plain.py).

In the hand-worked tests every product and sum is written out, so that a reader checks them with a pocket calculator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import networks
import numpy as np
import plain
import pytest
from networks import DROPPING, NETWORKS, Network, any_network, dense, rnn
from numpy.testing import assert_allclose

from timeglass.cells import dense as dense_cell
from timeglass.cells import gru, lstm, simple_rnn, through_time
from timeglass.cells.activations import ACTIVATIONS
from timeglass.cells.recurrent import Cell, Functions, Values, Weights
from timeglass.explain.replay import replay
from timeglass.kernel import calls
from timeglass.network import chain
from timeglass.train.engine_lanes import network_code

# The design's example: SimpleRNN(2) and Dense(1), both linear, on x = 1, 2, 3. Its weights are float32 numbers, printed
# with as many digits as tell them apart; each stands for the float32 number next to it.
EXAMPLE = Network(3, 1, (rnn(2, "linear"), dense(1)))
WX = [[0.18662322, -1.2369459]]
WH = [[0.86981213, -0.49338293], [0.49338293, 0.8698122]]
WY = [[-0.4635998], [0.6538409]]
ARRAYS = [np.array(a, dtype=np.float32).astype(np.float64) for a in (WX, WH, [0, 0], WY, [0])]
H = [[0.18662322, -1.23694587], [-0.07471441, -3.64187904], [-1.30195881, -6.84172557]]
O3 = -3.86981216


def _row(arrays: list[np.ndarray]) -> np.ndarray:
    """Keras's list as (1, P)."""
    return np.concatenate([array.ravel() for array in arrays])[None]


def test_the_printed_example_comes_out_in_plain_numbers():
    # -1.2369459 is the float32 number -1.23694587, 0.8698122 is 0.86981219.
    h1a, h1b = 1 * 0.18662322, 1 * -1.23694587
    h2a = 2 * 0.18662322 + h1a * 0.86981213 + h1b * 0.49338293
    h2b = 2 * -1.23694587 + h1a * -0.49338293 + h1b * 0.86981219
    h3a = 3 * 0.18662322 + h2a * 0.86981213 + h2b * 0.49338293
    h3b = 3 * -1.23694587 + h2a * -0.49338293 + h2b * 0.86981219
    assert [h1a, h1b, h2a, h2b, h3a, h3b] == pytest.approx([*H[0], *H[1], *H[2]], rel=0, abs=1e-7)
    assert h3a * -0.4635998 + h3b * 0.6538409 == pytest.approx(O3, rel=0, abs=1e-7)


def test_the_definition_gives_the_printed_example():
    x = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    values = chain.forward(EXAMPLE.architecture, _row(ARRAYS), x)
    assert_allclose(values[0]["h"][1:, 0, 0], H, rtol=0, atol=1e-7)
    assert_allclose(chain.output(EXAMPLE.architecture, values), [[[O3]]], rtol=0, atol=1e-7)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("lanes", marks=networks.needs_kernel)])
def test_the_engines_give_the_printed_example(engine):
    model = EXAMPLE.sequential(engine=engine)
    model.set_weights(ARRAYS)
    x = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    assert_allclose(model.predict(x), [[O3]], rtol=0, atol=5e-7)
    states = Network(3, 1, (rnn(2, "linear", return_sequences=True),)).sequential(engine=engine)
    states.set_weights(ARRAYS[:3])
    assert_allclose(states.predict(x), [H], rtol=0, atol=5e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula_and_its_derivative_the_central_difference(name):
    f, derivative = ACTIVATIONS[name]
    z = np.linspace(-9, 9, 360)  # without 0 and ± 3, where some have corners
    step = 1e-6
    assert_allclose(f(z), [plain.FUNCTIONS[name](value) for value in z], rtol=1e-14, atol=1e-15)
    assert np.abs(derivative(f(z), z) - (f(z + step) - f(z - step)) / (2 * step)).max() <= 5e-9
    far = np.array([-1000, 1000], dtype=np.float32)
    assert np.isfinite([f(far), derivative(f(far), far)]).all()
    assert f(far).dtype == derivative(f(far), far).dtype == np.float32


def test_derivatives_at_corners_are_those_of_keras_on_jax():
    corners = [("relu", 0.0, 0.0), ("leaky_relu", 0.0, 1.0), ("elu", 0.0, 1.0), ("selu", 0.0, 1.7580993408473766)]
    for name, z, expected in corners:
        f, derivative = ACTIVATIONS[name]
        at = np.array([z])
        assert derivative(f(at), at)[0] == pytest.approx(expected, rel=1e-15)


# One step of SimpleRNN with F = 2, H = 2, and one Dense unit, by hand.
F = Functions(ACTIVATIONS["tanh"], ACTIVATIONS["sigmoid"])
X = np.array([[0.5, -1.0]])
PAST = {"h": np.array([[0.25, -0.75]])}
W = Weights(np.array([[0.1, 0.2], [0.3, -0.4]]), np.array([[0.5, -0.6], [0.7, 0.8]]), np.array([[0.05, -0.15]]))
Z1 = 0.5 * 0.1 + -1.0 * 0.3 + 0.25 * 0.5 + -0.75 * 0.7 + 0.05  # -0.6
Z2 = 0.5 * 0.2 + -1.0 * -0.4 + 0.25 * -0.6 + -0.75 * 0.8 - 0.15  # -0.4


def test_a_step_of_the_simple_recurrent_cell_is_its_formula():
    assert_allclose([Z1, Z2], [-0.6, -0.4], rtol=0, atol=1e-15)
    now = simple_rnn.step(X, PAST, W, F)
    assert_allclose(now["z"], [[-0.6, -0.4]], rtol=0, atol=1e-15)
    assert_allclose(now["h"], [[math.tanh(-0.6), math.tanh(-0.4)]], rtol=0, atol=1e-15)


def test_a_step_of_the_simple_recurrent_cell_goes_back_by_the_chain_rule():
    now = simple_rnn.step(X, PAST, W, F)
    h1, h2 = math.tanh(-0.6), math.tanh(-0.4)
    dh1, dh2 = 2.0, -3.0
    dz1, dz2 = dh1 * (1 - h1 * h1), dh2 * (1 - h2 * h2)
    dx, d_past, dw = simple_rnn.step_backward({"h": np.array([[dh1, dh2]])}, X, PAST, now, W, F)
    assert_allclose(dx, [[dz1 * 0.1 + dz2 * 0.2, dz1 * 0.3 + dz2 * -0.4]], rtol=0, atol=1e-15)
    assert_allclose(d_past["h"], [[dz1 * 0.5 + dz2 * -0.6, dz1 * 0.7 + dz2 * 0.8]], rtol=0, atol=1e-15)
    assert_allclose(dw.wx, [[0.5 * dz1, 0.5 * dz2], [-1.0 * dz1, -1.0 * dz2]], rtol=0, atol=1e-15)
    assert_allclose(dw.wh, [[0.25 * dz1, 0.25 * dz2], [-0.75 * dz1, -0.75 * dz2]], rtol=0, atol=1e-15)
    assert_allclose(dw.bh, [[dz1, dz2]], rtol=0, atol=1e-15)


def test_dropped_units_of_the_state_count_as_zeros_in_the_products():
    # Of the state, the first unit is dropped and the second doubled.
    kept = np.array([[0.0, 2.0]])
    now = simple_rnn.step(X, PAST, W, F, kept)
    z1, z2 = 0.05 - 0.3 + 2 * -0.75 * 0.7 + 0.05, 0.1 + 0.4 + 2 * -0.75 * 0.8 - 0.15
    assert_allclose(now["z"], [[z1, z2]], rtol=0, atol=1e-15)
    dz1, dz2 = 1 - math.tanh(z1) ** 2, 1 - math.tanh(z2) ** 2
    _, d_past, dw = simple_rnn.step_backward({"h": np.ones((1, 2))}, X, PAST, now, W, F, kept)
    assert_allclose(d_past["h"], [[0, 2 * (dz1 * 0.7 + dz2 * 0.8)]], rtol=0, atol=1e-15)
    assert_allclose(dw.wh, [[0, 0], [-1.5 * dz1, -1.5 * dz2]], rtol=0, atol=1e-15)


def check_values(now: Values, **expected: float) -> None:
    """Of a cell with one unit, to the six digits that stand in the test."""
    assert {name: now[name].item() for name in expected} == pytest.approx(expected, rel=0, abs=5e-7)


def check_backward(cell: Cell, x: float, past: dict[str, float], w: Weights, kept: float = 1.0) -> None:
    """One unit's step_backward against central differences of its step: by x, by the past, by each weight."""

    def outcome(x: float, past: dict[str, float], w: Weights) -> float:
        now = cell.step(np.array([[x]]), {name: np.array([[value]]) for name, value in past.items()}, w, F, kept)
        return sum((k + 2) * now[name].item() for k, name in enumerate(cell.state))

    def slope(of: Callable[[float], float], at: float, e: float = 1e-6) -> float:
        return (of(at + e) - of(at - e)) / (2 * e)

    arrays = {name: np.array([[value]]) for name, value in past.items()}
    now = cell.step(np.array([[x]]), arrays, w, F, kept)
    d = {name: np.array([[k + 2.0]]) for k, name in enumerate(cell.state)}
    dx, d_past, dw = cell.step_backward(d, np.array([[x]]), arrays, now, w, F, kept)
    assert dx.item() == pytest.approx(slope(lambda v: outcome(v, past, w), x), rel=0, abs=1e-9)
    for name in cell.state:
        expected = slope(lambda v, name=name: outcome(x, {**past, name: v}, w), past[name])
        assert d_past[name].item() == pytest.approx(expected, rel=0, abs=1e-9)
    for which, (array, gradient) in enumerate(zip(w, dw, strict=True)):
        for place in np.ndindex(array.shape):

            def with_weight(v: float, which: int = which, place: tuple[int, ...] = place) -> float:
                changed = [a.copy() for a in w]
                changed[which][place] = v
                return outcome(x, past, Weights(*changed))

            assert gradient[place] == pytest.approx(slope(with_weight, array[place]), rel=0, abs=1e-9)


# One unit, x_t = 0.5, h_{t-1} = -0.4; columns update, reset, candidate.
GRU_AFTER = Weights(*map(np.atleast_2d, ([0.6, -0.8, 0.9], [0.5, 0.7, -1.1], [[0.1, -0.2, 0.3], [0.05, 0.15, -0.25]])))
GRU_BEFORE = Weights(*map(np.atleast_2d, ([0.6, -0.8, 0.9], [0.5, 0.7, -1.1], [0.15, -0.05, 0.05])))


def test_a_step_of_the_gru_with_reset_after_by_hand():
    now = gru.step_after(np.array([[0.5]]), {"h": np.array([[-0.4]])}, GRU_AFTER, F)
    # update: 0.5 · 0.6 + 0.1 - 0.4 · 0.5 + 0.05 = 0.25,    1 / (1 + e^-0.25) = 0.562177
    # reset:  0.5 · -0.8 - 0.2 - 0.4 · 0.7 + 0.15 = -0.73,  1 / (1 + e^0.73)  = 0.325195
    # met:    -0.4 · -1.1 - 0.25 = 0.19
    # candidate: 0.5 · 0.9 + 0.3 + 0.325195 · 0.19 = 0.811787, tanh = 0.670575
    # h: 0.562177 · -0.4 + (1 - 0.562177) · 0.670575 = 0.068723
    assert_allclose(now["z"], [[0.25, -0.73, 0.811787]], rtol=0, atol=5e-7)
    check_values(now, update=0.562177, reset=0.325195, met=0.19, candidate=0.670575, h=0.068723)
    check_backward(gru.CELL_RESET_AFTER, 0.5, {"h": -0.4}, GRU_AFTER)
    check_backward(gru.CELL_RESET_AFTER, 0.5, {"h": -0.4}, GRU_AFTER, kept=1.25)


def test_a_step_of_the_gru_with_reset_before_by_hand():
    now = gru.step_before(np.array([[0.5]]), {"h": np.array([[-0.4]])}, GRU_BEFORE, F)
    # update: 0.5 · 0.6 - 0.4 · 0.5 + 0.15 = 0.25,     1 / (1 + e^-0.25) = 0.562177
    # reset:  0.5 · -0.8 - 0.4 · 0.7 - 0.05 = -0.73,   1 / (1 + e^0.73)  = 0.325195
    # met:    0.325195 · -0.4 = -0.130078
    # candidate: 0.5 · 0.9 + 0.05 - 0.130078 · -1.1 = 0.643086, tanh = 0.566997
    # h: 0.562177 · -0.4 + (1 - 0.562177) · 0.566997 = 0.023374
    assert_allclose(now["z"], [[0.25, -0.73, 0.643086]], rtol=0, atol=5e-7)
    check_values(now, update=0.562177, reset=0.325195, met=-0.130078, candidate=0.566997, h=0.023374)
    check_backward(gru.CELL_RESET_BEFORE, 0.5, {"h": -0.4}, GRU_BEFORE)
    check_backward(gru.CELL_RESET_BEFORE, 0.5, {"h": -0.4}, GRU_BEFORE, kept=1.25)


def test_the_gru_drops_the_state_in_products_only():
    # All of the state dropped: the gates and the candidate see zeros, but the sum takes h_{t-1} whole.
    for step, w in ((gru.step_after, GRU_AFTER), (gru.step_before, GRU_BEFORE)):
        now = step(np.array([[0.5]]), {"h": np.array([[-0.4]])}, w, F, np.array([[0.0]]))
        update = 1 / (1 + math.exp(-(0.5 * 0.6 + 0.15)))
        assert now["update"].item() == pytest.approx(update, rel=0, abs=1e-15)
        assert now["h"].item() == pytest.approx(
            update * -0.4 + (1 - update) * now["candidate"].item(), rel=0, abs=1e-15
        )


# One unit, x_t = 0.5, h_{t-1} = 0.2, c_{t-1} = -0.4; columns input, forget, candidate, output.
LSTM = Weights(*map(np.atleast_2d, ([0.6, -0.3, 0.8, 0.1], [0.5, 0.4, -0.7, 0.9], [0.05, 1.0, -0.1, 0.0])))


def test_a_step_of_the_lstm_by_hand():
    now = lstm.step(np.array([[0.5]]), {"h": np.array([[0.2]]), "c": np.array([[-0.4]])}, LSTM, F)
    # input:     0.5 · 0.6 + 0.2 · 0.5 + 0.05 = 0.45,  1 / (1 + e^-0.45) = 0.610639
    # forget:    0.5 · -0.3 + 0.2 · 0.4 + 1 = 0.93,    1 / (1 + e^-0.93) = 0.717075
    # candidate: 0.5 · 0.8 + 0.2 · -0.7 - 0.1 = 0.16,  tanh              = 0.158649
    # output:    0.5 · 0.1 + 0.2 · 0.9 = 0.23,         1 / (1 + e^-0.23) = 0.557248
    # c: 0.717075 · -0.4 + 0.610639 · 0.158649 = -0.189953, tanh = -0.187701
    # h: 0.557248 · -0.187701 = -0.104596
    assert_allclose(now["z"], [[0.45, 0.93, 0.16, 0.23]], rtol=0, atol=1e-15)
    check_values(now, input=0.610639, forget=0.717075, candidate=0.158649, output=0.557248)
    check_values(now, c=-0.189953, shown=-0.187701, h=-0.104596)
    check_backward(lstm.CELL, 0.5, {"h": 0.2, "c": -0.4}, LSTM)
    check_backward(lstm.CELL, 0.5, {"h": 0.2, "c": -0.4}, LSTM, kept=1.25)


def test_a_dense_layer_is_its_formula_forward_and_backward():
    x, w = np.array([[0.5, -2.0]]), dense_cell.Weights(np.array([[0.4], [0.3]]), np.array([[0.1]]))
    y = 1 / (1 + math.exp(0.3))  # z = 0.5 · 0.4 - 2.0 · 0.3 + 0.1 = -0.3
    now = dense_cell.step(x, w, ACTIVATIONS["sigmoid"])
    assert_allclose([now["z"], now["y"]], [[[-0.3]], [[y]]], rtol=0, atol=1e-15)
    dz = 5.0 * y * (1 - y)
    dx, dw = dense_cell.step_backward(np.array([[5.0]]), x, now, w, ACTIVATIONS["sigmoid"])
    assert_allclose(dx, [[dz * 0.4, dz * 0.3]], rtol=0, atol=1e-15)
    assert_allclose(dw.wy, [[0.5 * dz], [-2.0 * dz]], rtol=0, atol=1e-15)
    assert_allclose(dw.by, [[dz]], rtol=0, atol=1e-15)


# One unit, h_t = tanh(0.5 x_t + 0.8 h_{t-1}).
LINE = Weights(np.array([[0.5]]), np.array([[0.8]]), np.array([[0.0]]))


def test_going_back_through_two_steps_adds_what_the_first_owes_to_the_second():
    # x = 1, -2, and the loss asks 1 of h_1 and 10 of h_2.
    run = through_time.Run(simple_rnn.CELL, LINE, F)
    x = np.array([1.0, -2.0]).reshape(2, 1, 1)
    h1 = math.tanh(0.5)
    h2 = math.tanh(-1.0 + 0.8 * h1)
    values = through_time.forward(run, x)
    assert_allclose(values["h"].ravel(), [0.0, h1, h2], rtol=0, atol=1e-15)
    dz2 = 10 * (1 - h2 * h2)
    dz1 = (1 + dz2 * 0.8) * (1 - h1 * h1)
    dx, dw = through_time.backward(run, np.array([1.0, 10.0]).reshape(2, 1, 1), x, values)
    assert_allclose(dx.ravel(), [dz1 * 0.5, dz2 * 0.5], rtol=0, atol=1e-14)
    assert_allclose(
        [dw.wx.item(), dw.wh.item(), dw.bh.item()], [dz1 - 2 * dz2, h1 * dz2, dz1 + dz2], rtol=0, atol=1e-14
    )


def test_going_backwards_meets_the_last_step_first_and_masked_steps_not_at_all():
    # x = 1, -2, 3 from the end, where -2 is masked: 3, then 1.
    mask = np.array([True, False, True]).reshape(3, 1, 1)
    run = through_time.Run(simple_rnn.CELL, LINE, F, mask=mask, go_backwards=True)
    x = np.array([1.0, -2.0, 3.0]).reshape(3, 1, 1)
    h1 = math.tanh(1.5)
    h3 = math.tanh(0.5 + 0.8 * h1)
    values = through_time.forward(run, x)
    assert_allclose(values["h"].ravel(), [0.0, h1, h1, h3], rtol=0, atol=1e-15)
    # The loss asks 10 of the last state and 1 of the one held at the masked step, which is the first one.
    dz3 = 10 * (1 - h3 * h3)
    dz1 = (1 + dz3 * 0.8) * (1 - h1 * h1)
    dx, dw = through_time.backward(run, np.array([0.0, 1.0, 10.0]).reshape(3, 1, 1), x, values)
    assert_allclose(dx.ravel(), [dz3 * 0.5, 0, dz1 * 0.5], rtol=0, atol=1e-14)
    assert_allclose(
        [dw.wx.item(), dw.wh.item(), dw.bh.item()], [3 * dz1 + dz3, h1 * dz3, dz1 + dz3], rtol=0, atol=1e-14
    )


def test_every_value_of_every_node_is_there_by_its_name():
    network = Network(4, 2, (networks.masking(), networks.bidirectional(networks.lstm(3)), dense(2)))
    values = chain.forward(network.architecture, network.weights(2), network.windows(5)[None])
    assert [sorted(node) for node in values] == [
        ["mask", "y"],
        *[["c", "candidate", "forget", "h", "input", "output", "shown", "y", "z"]] * 2,
        ["y"],
        ["y", "z"],
        ["y"],
    ]
    assert values[1]["h"].shape == values[1]["c"].shape == (5, 2, 5, 3)  # h_0 … h_4
    assert values[1]["z"].shape == (4, 2, 5, 12)
    assert values[-1]["y"].shape == (4, 1, 5, 2)  # the window


ALL = {**NETWORKS, **{f"any {seed}": any_network(seed) for seed in range(60)}}
ALL |= {f"random {seed}": networks.random_network(seed) for seed in range(60)}
each_of_all = pytest.mark.parametrize("network", ALL.values(), ids=ALL.keys())


def plain_forecasts(network: Network, x: np.ndarray) -> np.ndarray:
    forecasts = np.array([plain.forecast(network, network.arrays(), window) for window in x])
    return forecasts.reshape(1, len(x), *network.architecture.output_shape)


@each_of_all
def test_the_definition_gives_what_plain_loops_give(network: Network):
    x = network.windows(3)
    values = chain.forward(network.architecture, network.weights().astype(np.float64), x[None].astype(np.float64))
    assert_allclose(chain.output(network.architecture, values), plain_forecasts(network, x), rtol=0, atol=1e-13)


@each_of_all
def test_the_replay_gives_what_the_definition_gives(network: Network):
    x, weights = network.windows(3), network.weights(2).astype(np.float64)
    forecasts = chain.output(network.architecture, chain.forward(network.architecture, weights, x[None]))
    replayed = [replay(network.architecture, row, x) for row in weights]
    assert_allclose(replayed, forecasts, rtol=0, atol=1e-13)


@pytest.mark.parametrize("network", DROPPING.values(), ids=DROPPING.keys())
def test_nothing_is_dropped_from_a_forecast(network: Network):
    x, weights = network.windows(3), network.weights(1).astype(np.float64)
    forecasts = chain.output(network.architecture, chain.forward(network.architecture, weights, x[None]))
    assert_allclose(forecasts, plain_forecasts(network, x), rtol=0, atol=1e-13)
    assert_allclose(replay(network.architecture, weights[0], x), forecasts[0], rtol=0, atol=1e-13)


@networks.needs_kernel
@each_of_all
def test_the_kernel_gives_what_plain_loops_give(network: Network):
    x, weights = network.windows(3), network.weights()
    expected = plain_forecasts(network, x)
    for name in networks.KERNEL.instruction_sets:
        code = network_code(network.architecture)
        made = calls.predict(networks.with_instruction_set(name), code, weights, calls.Windows(x), "networks")
        assert_allclose(made.reshape(expected.shape), expected, rtol=0, atol=2e-6)
