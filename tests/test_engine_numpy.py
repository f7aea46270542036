"""The NumPy engine: steps by hand, windows, weights, penalties and rates of each network, dropout, best weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import networks
import numpy as np
import pytest
from networks import DROPPING, NETWORKS, Network, dense, gru, ignore, rnn
from numpy.testing import assert_allclose

from timeglass.errors import OptionError, ShapeError
from timeglass.network import chain
from timeglass.network.dropout import dropout_masks
from timeglass.network.philox import shuffled_orders
from timeglass.train.engine import FitTask, TrainingState
from timeglass.train.engine_numpy import NumpyEngine, loss_and_gradient
from timeglass.train.losses import GaussianLikelihood, Huber, MeanSquaredError, Quantile
from timeglass.train.optimizers import SGD, Adam, AdamW

ENGINE = NumpyEngine()
LINE = Network(1, 1, (dense(1),))  # y = wy · x + by, a sequence of one step


def task_of(network: Network, count: int = 11, **options: Any) -> FitTask:
    return networks.task_of(network, count=count, **{"epochs": 3} | options)


def state_of(network: Network, count: int) -> TrainingState:
    return networks.state_of(network, count)


def fitted(task: FitTask, state: TrainingState) -> tuple[np.ndarray, TrainingState]:
    return ENGINE.fit(task, state, ignore), state


def check_same(one: TrainingState, other: TrainingState) -> None:
    """To the bit."""
    for name in vars(one):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def line_task(x: list[float], y: list[float], **options: Any) -> FitTask:
    windows, targets = np.array(x, dtype=np.float32)[:, None, None], np.array(y, dtype=np.float32)[:, None, None]
    settings: dict[str, Any] = {"epochs": 1, "batch_size": 2, "shuffle": False, "seed": 0, "loss": MeanSquaredError()}
    return FitTask(LINE.architecture, windows, targets, **settings | {"optimizer": SGD(0.1)} | options)


def line_state(wy: float, by: float) -> TrainingState:
    return TrainingState(np.array([[wy, by]], dtype=np.float32))


# By hand


def test_two_batches_by_hand():
    # First batch: x 1 and 2, forecasts 1.5 and 2.5, errors 0.5 and -1.5: loss 1.25, dwy = 0.5 - 3, dby = 0.5 - 1.5.
    # Second: x 3, forecast 1.25 · 3 + 0.6 = 4.35, error 1.35: loss 1.8225, dwy = 2.7 · 3, dby = 2.7.
    losses, state = fitted(line_task([1, 2, 3], [1, 4, 3]), line_state(1, 0.5))
    assert_allclose(state.weights, [[1.25 - 0.81, 0.6 - 0.27]], rtol=1e-6)
    assert_allclose(losses, [[(2 * 1.25 + 1.8225) / 3]], rtol=1e-6)
    assert (state.steps.tolist(), state.epochs) == ([2], 1)


def test_sample_weights_by_hand():
    # Weights 3 and 0.5: loss (3 · 0.25 + 0.5 · 2.25) / 2, dwy = (3 · 0.5 · 1 + 0.5 · -1.5 · 2), dby = 1.5 - 0.75.
    task = line_task([1, 2], [1, 4], sample_weight=np.array([3, 0.5], dtype=np.float32))
    losses, state = fitted(task, line_state(1, 0.5))
    assert_allclose(state.weights, [[1, 0.5 - 0.075]], rtol=1e-6)
    assert_allclose(losses, [[0.9375]], rtol=1e-6)


def test_l2_by_hand():
    # The penalty 0.3 · 1² joins the loss, 0.6 the kernel's gradient; the bias has none.
    losses, state = fitted(line_task([1, 2], [1, 4], l2=np.array([0.3])), line_state(1, 0.5))
    assert_allclose(losses, [[1.25 + 0.3]], rtol=1e-6)
    assert_allclose(state.weights, [[1 + 0.25 - 0.06, 0.6]], rtol=1e-6)


@pytest.mark.parametrize(
    ("optimizer", "wy", "by"),
    [
        (SGD(0.1, clipvalue=1.5), 1 + 0.15, 0.5 + 0.1),
        (SGD(0.1, clipnorm=2.0), 1 + 0.2, 0.5 + 0.1),  # the kernel's -2.5 to -2, the bias's -1 as it is
        (SGD(0.1, global_clipnorm=1.0), 1 + 0.25 / 7.25**0.5, 0.5 + 0.1 / 7.25**0.5),
    ],
)
def test_clipping_by_hand(optimizer, wy, by):
    _, state = fitted(line_task([1, 2], [1, 4], optimizer=optimizer), line_state(1, 0.5))
    assert_allclose(state.weights, [[wy, by]], rtol=1e-6)


def test_adamw_decays_after_the_gradient_was_taken():
    _, state = fitted(line_task([1, 2], [1, 4], optimizer=AdamW(0.1, weight_decay=0.5)), line_state(1, 0.5))
    # Adam's first step is the learning rate, up to epsilon.
    assert_allclose(state.weights, [[0.95 + 0.1, 0.475 + 0.1]], rtol=1e-6)


# Dropout


@pytest.mark.parametrize("name", DROPPING)
def test_training_drops_what_the_masks_say_and_prediction_nothing(name):
    network = DROPPING[name]
    task, state = task_of(network, epochs=1, batch_size=4, optimizer=SGD(0.1)), state_of(network, 2)
    state.epochs, weights = 6, state.weights.copy()
    order = shuffled_orders(task.seed, np.arange(2), epoch=6, count=11)
    for begin in (0, 4, 8):
        chosen = order[:, begin : begin + 4]
        positions = begin + np.arange(chosen.shape[1])
        masks = dropout_masks(network.architecture, task.seed, np.arange(2), 6, positions)
        values = chain.forward(network.architecture, weights, task.x[chosen], masks)
        p = chain.output(network.architecture, values)
        dy = task.loss.derivative(p, task.y[chosen]) / np.float32(chosen.shape[1])
        weights -= np.float32(0.1) * chain.backward(network.architecture, weights, values, dy, masks)
    fitted(task, state)
    assert_allclose(state.weights, weights, rtol=0, atol=1e-7)
    without = chain.output(network.architecture, chain.forward(network.architecture, weights, task.x[None]))
    assert np.array_equal(ENGINE.predict(network.architecture, weights, task.x), without)


# Best weights


def test_the_best_weights_are_those_after_the_epoch_of_the_lowest_loss():
    network = NETWORKS["tutorial"]
    task = task_of(network, epochs=1, optimizer=SGD(2.0, momentum=0.9))
    state, seen, losses = state_of(network, 5), [], []
    for _ in range(6):
        losses.append(ENGINE.fit(task, state, ignore)[:, 0])
        seen.append(state.weights.copy())
    best = np.argmin(losses, axis=0)
    assert set(best.tolist()) != {5}, "every network's last epoch was its best: this shows nothing"
    assert state.best_loss.tolist() == np.min(losses, axis=0).tolist()
    assert np.array_equal(state.best_weights, np.stack(seen)[best, np.arange(5)])


def test_a_loss_that_is_not_finite_is_never_the_best():
    network = NETWORKS["linear"]
    state = state_of(network, 2)
    losses, _ = fitted(task_of(network, epochs=60, optimizer=SGD(0.2)), state)
    assert not np.isfinite(losses[:, -1]).any()
    assert np.isfinite(state.best_loss).all()
    assert np.isfinite(state.best_weights).all()
    assert state.best_loss.tolist() == np.nanmin(losses, axis=1).tolist()


def test_what_ends_a_fit_leaves_whole_epochs_counted():
    network = NETWORKS["tutorial"]

    def stop(share: float) -> None:
        if share > 0.6:
            raise KeyboardInterrupt

    state = state_of(network, 2)
    with pytest.raises(KeyboardInterrupt):
        ENGINE.fit(task_of(network, epochs=4), state, stop)
    assert state.epochs == 2
    whole = state_of(network, 2)
    losses, _ = fitted(task_of(network, epochs=2), whole)
    assert np.array_equal(state.best_weights, whole.best_weights)
    assert state.best_loss.tolist() == losses.min(axis=1).tolist()


# Sequences, several outputs


@pytest.mark.parametrize("loss", [Quantile((0.1, 0.5, 0.9)), GaussianLikelihood(), Huber(0.2)], ids=repr)
@pytest.mark.parametrize("sequences", [False, True])
def test_losses_of_several_outputs_train(loss, sequences):
    network = Network(4, 2, (rnn(5, return_sequences=sequences), dense(loss.outputs(2))))
    rng = np.random.default_rng(6)
    y = rng.uniform(-1, 1, (30, 4, 2) if sequences else (30, 2)).astype(np.float32)
    task = replace(task_of(network, count=30, epochs=25, optimizer=Adam(0.02), loss=loss), y=y)
    losses, state = fitted(task, state_of(network, 2))
    assert (losses[:, -1] < losses[:, 0] - 0.02).all()
    p = ENGINE.predict(network.architecture, state.weights, task.x)
    expected = loss.of_windows(p.astype(np.float64), y[None].astype(np.float64)).mean(axis=1)
    assert_allclose(ENGINE.gradients(task, state.weights)[0], expected, rtol=1e-6)


def test_masked_steps_count_neither_in_loss_nor_gradient():
    network = Network(5, 2, (networks.masking(), gru(3, return_sequences=True), dense(2)))
    weights, x, y = network.weights(2).astype(float), network.windows(4)[None], network.targets(4)[None].astype(float)
    x[0, 1, 2:], x[0, 3, 0] = 0, 0
    loss, gradient = loss_and_gradient(network.architecture, weights, x, y, "mse")
    p = chain.output(network.architecture, chain.forward(network.architecture, weights, x))
    kept = ~(x == 0).all(axis=-1)[0]
    assert_allclose(loss, [np.square(p[i] - y[0])[kept].mean() for i in range(2)], rtol=1e-12)
    moved = y.copy()
    moved[0][~kept] += 100
    assert np.array_equal(loss_and_gradient(network.architecture, weights, x, moved, "mse")[1], gradient)


# Prediction


def test_prediction_in_blocks_and_of_own_windows(monkeypatch):
    network = NETWORKS["stacked"]
    weights, x = network.weights(3), network.windows(9)
    whole = ENGINE.predict(network.architecture, weights, x)
    monkeypatch.setattr("timeglass.train.engine_numpy._WORK_AT_ONCE", 4 * 3 * network.architecture.work)
    assert_allclose(ENGINE.predict(network.architecture, weights, x), whole, rtol=0, atol=1e-6)
    each = np.stack([x, x[::-1], -x])
    made = ENGINE.predict(network.architecture, weights, each)
    for i in range(3):
        assert_allclose(made[i], ENGINE.predict(network.architecture, weights[[i]], each[i])[0], rtol=0, atol=1e-6)


# What is refused


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (
            {"x": np.zeros((11, 12), np.float32)},
            ShapeError,
            r"expected windows x \(N, T, F\) with .*, got x \(11, 12\)",
        ),
        ({"y": np.zeros((10, 1), np.float32)}, ShapeError, r"got x \(11, 12, 1\), y \(10, 1\)"),
        ({"x": np.zeros((3, 11, 12, 1), np.float32), "y": np.zeros((3, 11, 1), np.float32)}, ShapeError, "2 .*got 3"),
        ({"sample_weight": np.ones(10, np.float32)}, ShapeError, r"sample_weight: expected shape \(11,\) or \(2, 11\)"),
        ({"l2": np.ones(3)}, ShapeError, r"l2: expected shape \(2,\), got \(3,\)"),
        ({"counts": np.array([3, 0])}, OptionError, r"counts: expected 2 whole numbers from 1 to 11, got \[3, 0\]"),
        ({"counts": np.array([3, 12])}, OptionError, r"from 1 to 11, got \[3, 12\]"),
        ({"counts": np.array([3])}, OptionError, r"counts: expected 2 whole numbers"),
        ({"optimizer": Adam((0.1, 0.2, 0.3))}, OptionError, "learning_rate: expected one rate or 2, .* got 3"),
    ],
)
def test_what_is_not_given_for_as_many_networks_is_refused(change, error, words):
    network = NETWORKS["tutorial"]
    state = state_of(network, 2)
    before = state.take(slice(None))
    with pytest.raises(error, match=words):
        ENGINE.fit(replace(task_of(network), **change), state, ignore)
    check_same(before, state)


def test_dropout_rates_for_another_number_of_networks_are_refused():
    network = Network(3, 2, (gru(2, dropout=(0.1, 0.2, 0.3)), dense(1)))
    with pytest.raises(OptionError, match="3 dropout rates for 2 networks"):
        ENGINE.fit(task_of(network), state_of(network, 2), ignore)
