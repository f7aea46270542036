"""Gradients: the definition's in float64 against finite differences.

Finite differences go along random directions: (L(w + s·u) - L(w - s·u)) / 2s = dL/dw · u, for unit vectors u.
"""

from __future__ import annotations

from functools import partial

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import DROPPING, Network, dense, random_network, rnn

from timeglass.cells.activations import ACTIVATIONS
from timeglass.network import chain
from timeglass.network.dropout import dropout_masks
from timeglass.train.engine_numpy import loss_and_gradient

LOSS = "mean_squared_error"
STEP = 1e-5


def _truth(network: Network, weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Losses (L,) and gradients (L, P) of the definition in float64."""
    return loss_and_gradient(network.architecture, *(a.astype(np.float64) for a in (weights, x[None], y[None])), LOSS)


def check_definition(network: Network, count: int = 4, masks: bool = False) -> None:
    """The gradient of dy · output, along five directions, relative to the gradient's length.

    With `masks` those of dropout are drawn, one set for all the losses.
    """
    architecture, x = network.architecture, network.windows(count)[None]
    weights = network.weights(2).astype(np.float64)
    kept = dropout_masks(architecture, network.seed, np.arange(2), 3, np.arange(count)) if masks else None
    assert bool(kept) == masks
    rng = np.random.default_rng([network.seed, 5])
    dy = rng.normal(size=(2, count, *architecture.output_shape)) / np.sqrt(count)

    def losses(weights: np.ndarray) -> np.ndarray:
        output = chain.output(architecture, chain.forward(architecture, weights, x, kept))
        return (dy * output).reshape(2, -1).sum(axis=1)

    gradient = chain.backward(architecture, weights, chain.forward(architecture, weights, x, kept), dy, kept)
    for _ in range(5):
        direction = rng.normal(size=weights.shape[1])
        direction *= STEP / np.linalg.norm(direction)
        difference = (losses(weights + direction) - losses(weights - direction)) / (2 * STEP)
        error = np.abs(gradient @ direction / STEP - difference)
        assert (error <= 1e-8 * np.maximum(1, np.linalg.norm(gradient, axis=1))).all()


@networks.each_network
def test_the_definitions_gradient_is_the_finite_difference(network: Network):
    check_definition(network)


@pytest.mark.parametrize("seed", range(40))
def test_the_definitions_gradient_is_the_finite_difference_in_random_networks(seed):
    check_definition(random_network(seed))
    check_definition(networks.any_network(seed))


@pytest.mark.parametrize("network", DROPPING.values(), ids=DROPPING.keys())
def test_the_definitions_gradient_holds_with_dropped_numbers(network: Network):
    check_definition(network, masks=True)


RECURRENT = {
    "simple": rnn,
    "gru": networks.gru,
    "gru, reset before": partial(networks.gru, reset_after=False),
    "lstm": networks.lstm,
}
each_recurrent = pytest.mark.parametrize("recurrent", RECURRENT.values(), ids=RECURRENT.keys())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("use_bias", [False, True])
@each_recurrent
def test_the_definitions_gradient_holds_for_every_activation(activation, use_bias, recurrent):
    gates = {} if recurrent is rnn else {"recurrent_activation": activation}
    layers = (
        dense(3, activation, use_bias=use_bias),
        recurrent(4, activation, use_bias=use_bias, return_sequences=True),
        recurrent(2, "tanh", use_bias=use_bias, return_sequences=use_bias, **gates),
        dense(2, activation, use_bias=use_bias),
    )
    check_definition(Network(4, 2, layers, seed=3))


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave"])
@pytest.mark.parametrize("sequences", [False, True])
@each_recurrent
def test_the_definitions_gradient_holds_both_ways_over_masked_steps(merge_mode, sequences, recurrent):
    pair = networks.bidirectional(recurrent(3, return_sequences=True), merge_mode)
    other = networks.bidirectional(
        recurrent(2, return_sequences=sequences),
        merge_mode,
        backward_layer=rnn(2, "softsign", go_backwards=True, return_sequences=sequences),
    )
    check_definition(Network(5, 2, (networks.masking(0.25), pair, other, dense(2)), seed=4))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    time_steps=st.integers(1, 9),
    features=st.integers(1, 4),
    units=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    recurrent=st.sampled_from([*RECURRENT.values()]),
    go_backwards=st.booleans(),
    skip=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_definitions_gradient_holds_whatever_the_shape(
    time_steps, features, units, recurrent, go_backwards, skip, seed
):
    layers = [recurrent(size, return_sequences=True) for size in units[:-1]]
    layers.append(recurrent(units[-1], go_backwards=go_backwards, dropout=0.4, recurrent_dropout=0.3))
    layers += [networks.dropout(0.5), networks.linear_skip(1 + seed % time_steps)] if skip else []
    check_definition(Network(time_steps, features, tuple(layers), seed), count=1 + seed % 5, masks=True)


def test_the_loss_is_the_mean_of_the_squared_errors_of_all_outputs():
    network = Network(1, 1, (rnn(2, "linear"),))
    weights = np.array([[0.5, -1.0, 0.3, 0.3, 0.3, 0.3, 0.25, 0.0]])  # wx, wh (meets only h_0 = 0), bh
    x, y = np.array([[[1.0]], [[2.0]]]), np.array([[1.0, 1.0], [0.0, -2.0]])
    # Forecasts 0.75, -1 and 1.25, -2: errors -0.25, -2, 1.25, 0.
    loss, gradient = _truth(network, weights, x, y)
    assert loss[0] == (0.0625 + 4.0 + 1.5625 + 0.0) / 4
    # dz = 2/4 · error: -0.125, -1, 0.625, 0.
    assert gradient[0].tolist() == [1 * -0.125 + 2 * 0.625, 1 * -1.0, 0, 0, 0, 0, -0.125 + 0.625, -1.0]
