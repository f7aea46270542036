"""Single steps worked by hand, and whole networks against plain loops without NumPy's products.

In the hand-worked tests every product and sum is written out, so that a reader checks them with a pocket calculator.
"""

from __future__ import annotations

import math

import networks
import numpy as np
import pytest
from networks import NETWORKS, Network, dense, rnn
from numpy.testing import assert_allclose

from timeglass.cells import dense as dense_cell
from timeglass.cells import simple_rnn, through_time
from timeglass.cells.activations import ACTIVATIONS
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
    assert_allclose(values[1][1:, 0, 0], H, rtol=0, atol=1e-7)
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


# One step of SimpleRNN with F = 2, H = 2, and one Dense unit, by hand.
X1, X2 = 0.5, -1.0
PAST1, PAST2 = 0.25, -0.75
W = simple_rnn.Weights(
    np.array([[0.1, 0.2], [0.3, -0.4]]), np.array([[0.5, -0.6], [0.7, 0.8]]), np.array([[0.05, -0.15]])
)
Z1 = 0.5 * 0.1 + -1.0 * 0.3 + 0.25 * 0.5 + -0.75 * 0.7 + 0.05  # -0.6
Z2 = 0.5 * 0.2 + -1.0 * -0.4 + 0.25 * -0.6 + -0.75 * 0.8 - 0.15  # -0.4


def test_a_step_of_the_simple_recurrent_cell_is_its_formula():
    assert_allclose([Z1, Z2], [-0.6, -0.4], rtol=0, atol=1e-15)
    h = simple_rnn.step(np.array([[X1, X2]]), np.array([[PAST1, PAST2]]), W, ACTIVATIONS["tanh"])
    assert_allclose(h, [[math.tanh(-0.6), math.tanh(-0.4)]], rtol=0, atol=1e-15)


def test_a_step_of_the_simple_recurrent_cell_goes_back_by_the_chain_rule():
    h1, h2 = math.tanh(-0.6), math.tanh(-0.4)
    dh1, dh2 = 2.0, -3.0
    dz1, dz2 = dh1 * (1 - h1 * h1), dh2 * (1 - h2 * h2)
    dx, dh_past, dw = simple_rnn.step_backward(
        np.array([[dh1, dh2]]),
        np.array([[X1, X2]]),
        np.array([[PAST1, PAST2]]),
        np.array([[h1, h2]]),
        W,
        ACTIVATIONS["tanh"],
    )
    assert_allclose(dx, [[dz1 * 0.1 + dz2 * 0.2, dz1 * 0.3 + dz2 * -0.4]], rtol=0, atol=1e-15)
    assert_allclose(dh_past, [[dz1 * 0.5 + dz2 * -0.6, dz1 * 0.7 + dz2 * 0.8]], rtol=0, atol=1e-15)
    assert_allclose(dw.wx, [[0.5 * dz1, 0.5 * dz2], [-1.0 * dz1, -1.0 * dz2]], rtol=0, atol=1e-15)
    assert_allclose(dw.wh, [[0.25 * dz1, 0.25 * dz2], [-0.75 * dz1, -0.75 * dz2]], rtol=0, atol=1e-15)
    assert_allclose(dw.bh, [[dz1, dz2]], rtol=0, atol=1e-15)


def test_a_dense_layer_is_its_formula_forward_and_backward():
    x, w = np.array([[0.5, -2.0]]), dense_cell.Weights(np.array([[0.4], [0.3]]), np.array([[0.1]]))
    y = 1 / (1 + math.exp(0.3))  # z = 0.5 · 0.4 - 2.0 · 0.3 + 0.1 = -0.3
    assert_allclose(dense_cell.step(x, w, ACTIVATIONS["sigmoid"]), [[y]], rtol=0, atol=1e-15)
    dz = 5.0 * y * (1 - y)
    dx, dw = dense_cell.step_backward(np.array([[5.0]]), x, np.array([[y]]), w, ACTIVATIONS["sigmoid"])
    assert_allclose(dx, [[dz * 0.4, dz * 0.3]], rtol=0, atol=1e-15)
    assert_allclose(dw.wy, [[0.5 * dz], [-2.0 * dz]], rtol=0, atol=1e-15)
    assert_allclose(dw.by, [[dz]], rtol=0, atol=1e-15)


def test_going_back_through_two_steps_adds_what_the_first_owes_to_the_second():
    # One unit, h_t = tanh(0.5 x_t + 0.8 h_{t-1}), x = 1, -2, and the loss asks 1 of h_1 and 10 of h_2.
    w = simple_rnn.Weights(np.array([[0.5]]), np.array([[0.8]]), np.array([[0.0]]))
    x = np.array([1.0, -2.0]).reshape(2, 1, 1)
    h1 = math.tanh(0.5)
    h2 = math.tanh(-1.0 + 0.8 * h1)
    h = through_time.forward(x, w, ACTIVATIONS["tanh"])
    assert_allclose(h.ravel(), [0.0, h1, h2], rtol=0, atol=1e-15)
    dz2 = 10 * (1 - h2 * h2)
    dz1 = (1 + dz2 * 0.8) * (1 - h1 * h1)
    dx, dw = through_time.backward(np.array([1.0, 10.0]).reshape(2, 1, 1), x, h, w, ACTIVATIONS["tanh"])
    assert_allclose(dx.ravel(), [dz1 * 0.5, dz2 * 0.5], rtol=0, atol=1e-14)
    assert_allclose(
        [dw.wx.item(), dw.wh.item(), dw.bh.item()], [dz1 - 2 * dz2, h1 * dz2, dz1 + dz2], rtol=0, atol=1e-14
    )


def _activate(name: str, z: float) -> float:
    return {"linear": z, "tanh": math.tanh(z), "sigmoid": 0.5 * (1 + math.tanh(z / 2)), "relu": max(z, 0.0)}[name]


def plain_forecast(network: Network, arrays: list[np.ndarray], window: np.ndarray) -> list[list[float]]:
    """The network's output at each step that it gives, in Python's numbers: one product after another."""
    rows = [[float(value) for value in row] for row in window]
    arrays = [array.tolist() for array in arrays]
    for name, options in network.layers:
        units, f = options["units"], options["activation"]
        w = arrays.pop(0)
        recurrent = arrays.pop(0) if name == "SimpleRNN" else None
        bias = arrays.pop(0) if options.get("use_bias", True) else [0.0] * units
        out, past = [], [0.0] * units
        for row in rows:
            z = list(bias)
            for j in range(units):
                for i, value in enumerate(row):
                    z[j] += value * w[i][j]
                if recurrent:
                    for i, value in enumerate(past):
                        z[j] += value * recurrent[i][j]
            past = [_activate(f, value) for value in z]
            out.append(past)
        rows = out if name == "Dense" or options.get("return_sequences", False) else out[-1:]
    return rows


ALL = [*NETWORKS.values(), *(networks.random_network(seed) for seed in range(60))]


@pytest.mark.parametrize("network", ALL, ids=[*NETWORKS, *(f"random {seed}" for seed in range(60))])
def test_definition_and_kernel_give_what_plain_loops_give(network: Network):
    x = network.windows(3)
    expected = np.array([plain_forecast(network, network.arrays(), window) for window in x])
    expected = expected.reshape(1, 3, *network.architecture.output_shape)
    weights = network.weights()
    values = chain.forward(network.architecture, weights.astype(np.float64), x[None].astype(np.float64))
    assert_allclose(chain.output(network.architecture, values), expected, rtol=0, atol=1e-13)
    for name in networks.KERNEL.instruction_sets if networks.KERNEL else ():
        code = network_code(network.architecture)
        made = calls.predict(networks.with_instruction_set(name), code, weights, x)
        assert_allclose(made.reshape(expected.shape), expected, rtol=0, atol=2e-6)
