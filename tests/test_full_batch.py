"""The definition on all windows at once: gradients and Jacobians against finite differences and plain sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import solving
from networks import NETWORKS, Network, dense, each_network, gru, masking, task_of

from timeglass.network import chain
from timeglass.train import full_batch
from timeglass.train.losses import loss_of

STEP = 1e-5
MASKED = Network(5, 2, (masking(), gru(3, return_sequences=True), dense(2)), seed=3)


def differences(function, weights: np.ndarray) -> np.ndarray:
    """The derivatives (…, P) of function(weights (1, P))[0] by central differences."""
    steps = STEP * np.eye(weights.shape[1])
    return np.stack([(function(weights + s)[0] - function(weights - s)[0]) / (2 * STEP) for s in steps], axis=-1)


@each_network
def test_the_jacobian_is_the_finite_difference(network: Network):
    weights, x = network.weights(2).astype(np.float64), network.windows(3)
    forecasts, jacobian = full_batch.jacobian(network.architecture, weights, x)
    rng = np.random.default_rng(network.seed)
    for _ in range(5):
        direction = rng.normal(size=weights.shape[1])
        direction *= STEP / np.linalg.norm(direction)
        up, down = (full_batch.jacobian(network.architecture, weights + s * direction, x)[0] for s in (1, -1))
        assert np.abs(jacobian @ direction - (up - down) / 2).max() < 1e-8 * STEP
    output = chain.output(network.architecture, chain.forward(network.architecture, weights, x[None]))
    assert np.abs(forecasts - output.reshape(2, 3, -1)).max() < 1e-14


@pytest.mark.parametrize("loss", ["mse", "huber", "log_cosh"])
def test_the_gradient_is_the_finite_difference_with_everything_that_a_task_may_have(loss):
    network = solving.SMALL["two features, two outputs"]
    task = solving.rich_task(network, 3, loss=loss_of(loss))
    weights = network.weights(3).astype(np.float64)
    losses, gradient = full_batch.gradients(task, weights)
    for row in range(3):
        one = task.take(np.array([row]))
        expected = differences(lambda w, one=one: full_batch.gradients(one, w)[0], weights[row : row + 1])
        assert np.abs(gradient[row] - expected).max() < 1e-8
    plain = [
        np.sum(task.sample_weight[row, :n] * task.loss.of_windows(p[:, :n], task.y[row : row + 1, :n])) / n
        + task.l2[row] * np.sum(weights[row, network.architecture.regularized] ** 2)
        for row, n in enumerate(task.counts)
        for p in [full_batch.jacobian(network.architecture, weights[row : row + 1], task.x[row])[0]]
    ]
    assert losses == pytest.approx(plain, rel=1e-12)


def test_masked_steps_count_for_nothing_and_are_not_counted():
    task, weights = solving.make_task(MASKED), MASKED.weights(2).astype(np.float64)
    losses, gradient = full_batch.gradients(task, weights)
    shown = (task.x != 0).any(axis=-1)  # (N, T)
    output = chain.output(MASKED.architecture, chain.forward(MASKED.architecture, weights, task.x[None]))
    assert losses == pytest.approx(((output - task.y) ** 2).mean(axis=-1)[:, shown].mean(axis=1), rel=1e-12)
    expected = differences(lambda w: full_batch.gradients(task, w)[0], weights[:1])
    assert np.abs(gradient[0] - expected).max() < 1e-8


@pytest.mark.parametrize("network", [NETWORKS["stacked"], NETWORKS["lstm"], MASKED], ids=["stacked", "lstm", "masked"])
def test_how_much_is_done_at_once_changes_only_the_order_of_sums(network: Network, monkeypatch: pytest.MonkeyPatch):
    task, weights = task_of(network), network.weights(5).astype(np.float64)
    whole = *full_batch.gradients(task, weights), *full_batch.jacobian(network.architecture, weights, task.x)
    monkeypatch.setattr(full_batch, "_NUMBERS_AT_ONCE", 4000)
    parts = *full_batch.gradients(task, weights), *full_batch.jacobian(network.architecture, weights, task.x)
    for one, other in zip(whole, parts, strict=True):
        assert np.abs(one - other).max() < 1e-13


@pytest.mark.parametrize("at_once", [None, 4000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_networks_numbers_do_not_depend_on_those_beside_it(at_once, dtype, monkeypatch: pytest.MonkeyPatch):
    if at_once:
        monkeypatch.setattr(full_batch, "_NUMBERS_AT_ONCE", at_once)
    for name in ("tutorial", "stacked", "gru", "lstm, stacked", "two ways", "skip"):
        network = NETWORKS[name]
        task, weights = task_of(network, count=40), network.weights(6).astype(dtype)
        together = *full_batch.gradients(task, weights), *full_batch.jacobian(network.architecture, weights, task.x)
        for rows in ([2], [0, 5], [1, 2, 3, 4]):
            some = weights[rows]
            apart = *full_batch.gradients(task, some), *full_batch.jacobian(network.architecture, some, task.x)
            for one, other in zip(together, apart, strict=True):
                assert one.dtype == other.dtype
                assert (one[rows] == other).all(), name


def test_windows_past_a_networks_count_are_not_read():
    task = solving.rich_task(solving.SMALL["gru"], 2, counts=np.array([30, 20]))
    spoiled = replace(task, x=task.x.copy(), y=task.y.copy())
    spoiled.x[1, 20:], spoiled.y[1, 20:] = np.nan, np.nan
    weights = solving.SMALL["gru"].weights(2).astype(np.float64)
    for one, other in zip(full_batch.gradients(task, weights), full_batch.gradients(spoiled, weights), strict=True):
        assert (one == other).all()
