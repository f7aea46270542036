"""Gradients: the definition's in float64 against finite differences, the kernel's in float32 against the definition's.

Finite differences go along random directions: (L(w + s·u) - L(w - s·u)) / 2s = dL/dw · u, for unit vectors u.
"""

from __future__ import annotations

from functools import partial

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import DROPPING, NETWORKS, Network, dense, random_network, rnn

from timeglass.cells.activations import ACTIVATIONS
from timeglass.kernel import calls
from timeglass.network import chain
from timeglass.network.dropout import dropout_masks
from timeglass.train.engine_lanes import network_code
from timeglass.train.engine_numpy import loss_and_gradient

LOSS = "mean_squared_error"
STEP = 1e-5

# What float32 adds, to losses and gradients of order one: a share of the loss or of the network's largest gradient,
# or of one where these are smaller.
KERNEL_TOLERANCE = 4e-6


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


def check_kernel(library, network: Network, group_size: int = 2, count: int = 5) -> None:
    weights, x, y = network.weights(group_size), network.windows(count), network.targets(count)
    losses, gradient = calls.gradients(library, network_code(network.architecture), weights, x, y.reshape(count, -1))
    true_losses, truth = _truth(network, weights, x, y)
    assert (np.abs(losses - true_losses) / np.maximum(1, true_losses)).max() <= KERNEL_TOLERANCE / 2
    size = np.maximum(1, np.abs(truth).max(axis=1, keepdims=True))
    assert (np.abs(gradient - truth) / size).max() <= KERNEL_TOLERANCE


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


@networks.each_instruction_set
@networks.each_network
def test_the_kernels_gradient_is_the_definitions(library, network: Network):
    check_kernel(library, network)


@networks.each_instruction_set
@pytest.mark.parametrize("units", [*range(1, 14), 16, 19])
def test_the_kernels_gradient_is_the_definitions_at_every_size(library, units):
    check_kernel(library, Network(3, 2, (rnn(units, return_sequences=True), rnn(3), dense(units, "sigmoid"))))
    check_kernel(library, Network(3, units, (dense(units, "tanh"), rnn(units), dense(1))))


@networks.each_instruction_set
@pytest.mark.parametrize("group_size", [1, 15, 16, 17, 33])
def test_every_lane_has_its_own_networks_gradient(library, group_size):
    check_kernel(library, NETWORKS["stacked"], group_size, count=3)


@networks.needs_kernel
def test_avx2_and_avx512_give_the_same_gradients_to_the_bit():
    if not {"avx2", "avx512"} <= set(networks.KERNEL.instruction_sets):
        pytest.skip("this processor does not have both AVX2 and AVX-512")
    for network in (*NETWORKS.values(), *map(random_network, range(30))):
        weights, x, y = network.weights(17), network.windows(5), network.targets(5).reshape(5, -1)
        code = network_code(network.architecture)
        made = [
            calls.gradients(networks.with_instruction_set(name), code, weights, x, y) for name in ("avx2", "avx512")
        ]
        for one, other in zip(*made, strict=True):
            assert np.array_equal(one.view(np.uint32), other.view(np.uint32))


activations = st.sampled_from(calls.ACTIVATIONS)
units = st.integers(1, 12)


@st.composite
def any_network(draw: st.DrawFn) -> Network:
    """Dense layers below, SimpleRNN layers, Dense layers above; at least one in all."""

    def layers(make, most: int, **options):
        return [
            make(draw(units), draw(activations), use_bias=draw(st.booleans()), **options)
            for _ in range(draw(st.integers(0, most)))
        ]

    chain = [*layers(dense, 1), *layers(rnn, 2, return_sequences=True), *layers(rnn, 1), *layers(dense, 2)]
    return Network(
        draw(st.integers(1, 9)), draw(st.integers(1, 4)), tuple(chain or [dense(1)]), draw(st.integers(0, 10**6))
    )


@networks.each_instruction_set
@settings(max_examples=60, deadline=None, derandomize=True)
@given(network=any_network(), group_size=st.integers(1, 18), count=st.integers(1, 6))
def test_the_kernels_gradient_is_the_definitions_whatever_the_shape(library, network, group_size, count):
    check_kernel(library, network, group_size, count)
