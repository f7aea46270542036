"""Many networks side by side: each is what it would be alone, with its own windows, rates and random numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from networks import DROPPING, NETWORKS, Network, dense, gru, ignore
from numpy.testing import assert_allclose
from test_engine_numpy import ENGINE, check_same, fitted, state_of, task_of

from timeglass.network.philox import shuffled_orders
from timeglass.train.engine import FitTask
from timeglass.train.losses import MeanSquaredError
from timeglass.train.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop
from timeglass.train.schedules import CosineDecay

# Windows of each network


def own_windows(network: Network, counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """x (L, N, T, F), y (L, N, …), NaN past each network's count."""
    most = max(counts)
    x = np.full((len(counts), most, network.time_steps, network.features), np.nan, dtype=np.float32)
    y = np.full((len(counts), most, *network.architecture.output_shape), np.nan, dtype=np.float32)
    for i, count in enumerate(counts):
        own = replace(network, seed=50 + i)
        x[i, :count], y[i, :count] = own.windows(count), own.targets(count)
    return x, y


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("name", ["stacked", "dropout", "lstm"])
def test_a_network_with_its_own_windows_is_what_it_would_be_alone(name, shuffle):
    network, counts = {**NETWORKS, **DROPPING}[name], [11, 4, 1, 9, 4]
    x, y = own_windows(network, counts)
    weight = np.random.default_rng(0).uniform(0.5, 2, x.shape[:2]).astype(np.float32)
    l2 = np.linspace(0, 0.1, 5)
    task = FitTask(
        network.architecture, x, y, 3, 4, shuffle, 5, SGD(CosineDecay(0.05, 8), momentum=0.5), MeanSquaredError(),
        np.array(counts), weight, l2,
    )  # fmt: skip
    start = state_of(network, 5)
    losses, together = fitted(task, start.take(slice(None)))
    for i, count in enumerate(counts):
        rows = np.array([i])
        cut = replace(task.take(rows), x=x[i, :count], y=y[i, :count], counts=None, sample_weight=weight[i, :count])
        own_losses, own = fitted(cut, start.take(rows))
        assert np.array_equal(own_losses[0], losses[i])
        check_same(own, together.take(rows))
        assert own.steps.tolist() == [3 * -(-count // 4)]


def test_a_shared_set_of_windows_is_cut_to_each_networks_count():
    network = NETWORKS["tutorial"]
    task = task_of(network, counts=np.array([11, 5]))
    losses, state = fitted(task, state_of(network, 2))
    start = state_of(network, 2).take(np.array([1]))
    alone = replace(task, x=task.x[:5], y=task.y[:5], counts=None)
    own_losses, own = fitted(alone, start)
    assert np.array_equal(own_losses[0], losses[1])
    check_same(own, state.take(np.array([1])))


def test_one_set_for_all_and_the_same_set_for_each_are_one_thing():
    network = NETWORKS["gru"]
    task = task_of(network)
    each = replace(task, x=np.stack([task.x] * 3), y=np.stack([task.y] * 3))
    losses, one = fitted(task, state_of(network, 3))
    other_losses, other = fitted(each, state_of(network, 3))
    assert np.array_equal(losses, other_losses)
    check_same(one, other)


def test_batches_are_those_of_the_shuffle():
    network = NETWORKS["tutorial"]
    task, state, again = task_of(network, epochs=1), state_of(network, 2), state_of(network, 2)
    again.numbers[:] = state.numbers[:] = [7, 2]
    fitted(task, state)
    order = shuffled_orders(task.seed, np.array([7, 2]), epoch=0, count=11)
    in_order = replace(task, x=task.x[order], y=task.y[order], shuffle=False)
    fitted(in_order, again)
    check_same(state, again)


# Weights of windows, penalty, rates


def test_sample_weights_of_each_network_are_its_own():
    network = NETWORKS["stacked"]
    weight = np.random.default_rng(1).uniform(0, 2, (3, 11)).astype(np.float32)
    losses, state = fitted(task_of(network, sample_weight=weight), state_of(network, 3))
    for i in range(3):
        own_losses, own = fitted(task_of(network, sample_weight=weight[i]), state_of(network, 3))
        assert np.array_equal(own_losses[i], losses[i])
        assert np.array_equal(own.weights[i], state.weights[i])


def test_a_weight_of_two_is_the_window_twice():
    network = NETWORKS["lstm"]
    task = task_of(network, count=3, batch_size=3, shuffle=False, sample_weight=np.array([2, 1, 1], dtype=np.float32))
    losses, _ = ENGINE.gradients(task, network.weights(2))
    twice = np.array([0, 0, 1, 2])
    again = replace(task, x=task.x[twice], y=task.y[twice], sample_weight=None)
    again_losses, _ = ENGINE.gradients(again, network.weights(2))
    assert_allclose(3 * losses, 4 * again_losses, rtol=1e-6)


@pytest.mark.parametrize("name", ["stacked", "two ways", "gru", "skip", "no bias"])
def test_l2_adds_the_squares_of_kernels_alone(name):
    network = NETWORKS[name]
    weights, l2 = network.weights(2).astype(np.float64), np.array([0.5, 0.01])
    task = task_of(network)
    plain_losses, plain = ENGINE.gradients(task, weights)
    losses, gradient = ENGINE.gradients(replace(task, l2=l2), weights)
    kernels = [(node, key) for node, arrays in enumerate(network.architecture.split(weights)) for key in arrays
               if key.startswith("w")]  # fmt: skip
    squares = sum(np.square(network.architecture.split(weights)[node][key]).sum(axis=(1, 2)) for node, key in kernels)
    assert_allclose(losses - plain_losses, l2 * squares, rtol=1e-12)
    added = np.zeros_like(weights)
    for node, key in kernels:
        network.architecture.split(added)[node][key][...] = network.architecture.split(weights)[node][key]
    assert_allclose(gradient - plain, 2 * l2[:, None] * added, rtol=1e-9, atol=1e-12)
    assert kernels


def test_rates_penalties_and_scales_of_each_network_are_its_own():
    network = NETWORKS["gru"]
    rates, l2, scale = (0.1, 0.01, 0.03), np.array([0.0, 0.2, 0.05]), np.array([1.0, 0.5, 0.25])
    start = state_of(network, 3)
    start.rate_scale[:] = scale
    losses, state = fitted(task_of(network, optimizer=RMSprop(rates), l2=l2), start)
    for i in range(3):
        row = np.array([i])
        alone = state_of(network, 3).take(row)
        alone.rate_scale[:] = scale[i]
        own_losses, own = fitted(task_of(network, optimizer=RMSprop(rates[i]), l2=l2[row]), alone)
        assert np.array_equal(own_losses[0], losses[i])
        check_same(own, state.take(row))
    halved = state_of(network, 1)
    halved.rate_scale[:] = 0.5
    _, one = fitted(task_of(network, optimizer=SGD(0.1)), halved)
    _, other = fitted(task_of(network, optimizer=SGD(0.05)), state_of(network, 1))
    assert np.array_equal(one.weights, other.weights)


OPTIMIZERS: list[Optimizer] = [
    SGD(0.01),
    SGD(CosineDecay(0.05, 9), momentum=0.9, nesterov=True),
    RMSprop(0.01, momentum=0.5, centered=True),
    Adam(0.01, clipnorm=0.5),
    AdamW(CosineDecay(0.02, 20, warmup_target=0.05, warmup_steps=3)),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("name", ["stacked", "gru"])
def test_a_further_fit_goes_on_as_one_that_never_ended(name, optimizer):
    network = DROPPING[name] if name == "gru" else NETWORKS[name]
    task = task_of(network, epochs=4, optimizer=optimizer)
    losses, once = fitted(task, state_of(network, 3))
    state = state_of(network, 3)
    parts = [ENGINE.fit(replace(task, epochs=epochs), state, ignore) for epochs in (1, 2, 1)]
    assert np.array_equal(np.concatenate(parts, axis=1), losses)
    check_same(state, once)
    assert (np.abs(once.weights - state_of(network, 3).weights).max(axis=1) > 1e-3).all()


def test_some_networks_taken_out_and_put_back_are_as_if_they_had_stayed():
    network = DROPPING["lstm"]
    rates = (0.01, 0.02, 0.03, 0.04)
    x, y = own_windows(network, [11, 5, 7, 9])
    task = FitTask(
        network.architecture, x, y, 2, 4, True, 5, Adam(rates), MeanSquaredError(), np.array([11, 5, 7, 9]),
        l2=np.linspace(0, 0.1, 4),
    )  # fmt: skip
    losses, once = fitted(task, state_of(network, 4))
    state = state_of(network, 4)
    taken = [(rows, state.take(rows)) for rows in (np.array([2, 0]), np.array([False, True, False, True]))]
    for rows, some in taken:
        assert np.array_equal(ENGINE.fit(task.take(rows), some, ignore), losses[rows])
        state.put(rows, some)
    check_same(state, once)


def test_taking_networks_takes_their_dropout_and_their_rates():
    network = Network(3, 2, (gru(2, dropout=(0.1, 0.2, 0.3), recurrent_dropout=0.5), dense(1)))
    schedule = CosineDecay((0.1, 0.2, 0.3), 10)
    task = task_of(network, optimizer=Adam(schedule)).take(np.array([2, 0]))
    assert task.architecture.layers[0].layer.dropout == (0.3, 0.1)
    assert task.architecture.layers[0].layer.recurrent_dropout == 0.5
    assert task.optimizer == Adam(CosineDecay((0.3, 0.1), 10))
    same = task_of(NETWORKS["gru"])
    assert same.take(np.array([0])).architecture is same.architecture


# Dropout


def test_dropout_rates_of_each_network_are_its_own():
    def network(rate: Any) -> Network:
        return Network(3, 2, (gru(3, dropout=rate), dense(1)))

    rates, counts = (0.0, 0.3, 0.6), np.array([11, 6, 11])
    losses, state = fitted(task_of(network(rates), counts=counts), state_of(network(0.0), 3))
    for i, rate in enumerate(rates):
        own_losses, own = fitted(task_of(network(rate), counts=counts), state_of(network(0.0), 3))
        assert np.array_equal(own_losses[i], losses[i])
        assert np.array_equal(own.weights[i], state.weights[i])


def test_a_networks_number_is_the_key_of_its_random_numbers():
    network = DROPPING["simple"]
    _, state = fitted(task_of(network), state_of(network, 4))
    alone = state_of(network, 4).take(np.array([3]))
    assert alone.numbers.tolist() == [3]
    fitted(task_of(network), alone)
    check_same(alone, state.take(np.array([3])))
    other = replace(state_of(network, 4).take(np.array([3])), numbers=np.array([0]))
    fitted(task_of(network), other)
    assert not np.array_equal(other.weights, alone.weights)
