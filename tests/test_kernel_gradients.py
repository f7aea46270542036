"""The kernel's forecasts, losses, gradients and Jacobians are the definition's, whatever its lanes carry.

The definition runs in float64. What float32 adds is measured as a share of the loss, of the network's largest gradient
or derivative, or of one where these are smaller; forecasts as a share of the largest.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import networks
import numpy as np
import pytest
from fits import LOSSES, each_carry, of_targets, own_windows
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from networks import DROPPING, NETWORKS, Network, dense, gru, linear_skip, lstm, rnn, task_of

from timeglass import Dense
from timeglass.cells.activations import ACTIVATIONS
from timeglass.network.architecture import Architecture
from timeglass.train import engine_lanes
from timeglass.train.engine import FitTask
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.kernel_codes import kernel_lacks
from timeglass.train.losses import GaussianLikelihood, Huber, LogCosh, MeanAbsoluteError, Quantile

TOLERANCE = 4e-6

# Forecasts (L, N, …), losses (L,), gradients (L, P), and the Jacobians' forecasts (L, N, K) and rows (L, N, K, P).
Answers = tuple[np.ndarray, ...]


def answers(engine: Any, task: FitTask, weights: np.ndarray) -> Answers:
    architecture, real = task.architecture, weights.dtype
    x = task.x.astype(real)
    made = engine.predict(architecture, weights, x), *engine.gradients(task, weights)
    return *made, *engine.jacobian(architecture, weights, x)


def truth(task: FitTask, weights: np.ndarray) -> Answers:
    return answers(NumpyEngine(), task, weights.astype(np.float64))


def check_near(made: Answers, true: Answers, tolerance: float = TOLERANCE) -> None:
    for name, one, other in zip(("forecast", "loss", "gradient", "forecast", "row"), made, true, strict=True):
        assert one.shape == other.shape, name
        size = np.maximum(1, np.abs(other).reshape(len(other), -1).max(axis=1))  # (L,)
        error = np.abs(one - other).reshape(len(other), -1).max(axis=1)
        assert (error <= tolerance * size).all(), f"{name}: {error.max()}"


# A task, weights, and the definition's answers.
Case = tuple[FitTask, np.ndarray, Answers]


def case_of(network: Network, networks: int = 2, **options: Any) -> Case:
    task, weights = of_targets(task_of(network, **{"count": 5} | options)), network.weights(networks)
    return task, weights, truth(task, weights)


def check(library: Any, lanes: Any, case: Case) -> None:
    task, weights, true = case
    check_near(answers(LanesEngine(library), replace(task, lanes=lanes), weights), true)


# Networks, sizes, activations

EVERY = NETWORKS | DROPPING  # nothing is dropped here


@cache
def of_network(name: str) -> Case:
    # Twenty windows are two columns of sixteen samples, and five tiles of four.
    weight = np.random.default_rng(1).uniform(0, 2, 20).astype(np.float32)
    counts, l2 = np.array([20, 7, 17]), np.array([0, 0.1, 0.02])
    return case_of(EVERY[name], 3, count=20, sample_weight=weight, counts=counts, l2=l2)


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("name", EVERY)
def test_every_kind_of_network(library, lanes, name):
    check(library, lanes, of_network(name))


@cache
def of_size(units: int) -> Case:
    layers = (
        dense(units, "tanh"),
        rnn(units, return_sequences=True),
        gru(units, return_sequences=True),
        gru(units, reset_after=False, return_sequences=True),
        lstm(units),
        dense(units, "sigmoid"),
        linear_skip(2),
    )
    return case_of(Network(3, units, layers, seed=8))


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("units", [*range(1, 14), 16, 19, 25])
def test_every_size(library, lanes, units):
    check(library, lanes, of_size(units))


@cache
def of_activation(activation: str) -> list[Case]:
    gates = {"recurrent_activation": activation}
    layers = [
        layer
        for units in (4, 9)  # of few units the kernel knows the number
        for layer in (
            dense(units, activation),
            rnn(units, activation, return_sequences=True),
            gru(units, activation, return_sequences=True, **gates),
            gru(units, activation, return_sequences=True, reset_after=False, **gates),
            lstm(units, activation, return_sequences=True, **gates),
        )
    ]
    return [case_of(Network(3, 2, (layer, dense(1, activation)), seed=8)) for layer in layers]


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_of_every_layer(library, lanes, activation):
    for case in of_activation(activation):
        check(library, lanes, case)


# Losses


@cache
def of_loss(loss: str) -> list[Case]:
    weight = np.random.default_rng(3).uniform(0, 2, (3, 20)).astype(np.float32)
    return [
        case_of(Network(4, 2, (rnn(3, return_sequences=sequences), dense(6)), seed=2), 3, count=20,
                loss=LOSSES[loss], sample_weight=weight)
        for sequences in (False, True)
    ]  # fmt: skip


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_of_vectors_and_sequences(library, lanes, loss):
    for case in of_loss(loss):
        check(library, lanes, case)


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("bias", [0.0, 0.3, -0.3, 20.0, -20.0])
@pytest.mark.parametrize(
    "loss",
    [MeanAbsoluteError(), Huber(0.3), LogCosh(), Quantile((0.25, 0.75)), GaussianLikelihood()],
    ids=lambda loss: loss.name,
)
def test_losses_at_their_corners_and_far_from_them(library, lanes, loss, bias):
    # Forecasts are the biases, in float32 too, and targets 0: a loss of no error, at Huber's limit, or of a large one.
    network = Network(1, 1, (dense(loss.outputs_per_target),))
    task = of_targets(task_of(network, count=3, loss=loss, lanes=lanes))
    task = replace(task, x=np.zeros_like(task.x), y=np.zeros_like(task.y))
    weights = np.full((1, network.architecture.weight_count), bias, dtype=np.float32)
    losses, gradients = LanesEngine(library).gradients(task, weights)
    true_losses, truth = NumpyEngine().gradients(task, weights)
    np.testing.assert_allclose(losses, true_losses, rtol=2e-6, atol=1e-7)
    np.testing.assert_allclose(gradients, truth, rtol=2e-6, atol=1e-7)


# Numbers of networks and windows


@cache
def of_numbers(windows: int) -> Case:
    return case_of(NETWORKS["lstm, stacked"], 33, count=windows)


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("windows", [1, 3, 16, 17, 70])
def test_every_number_of_networks_and_windows(library, lanes, windows):
    task, weights, true = of_numbers(windows)
    for count in (1, 8, 9, 16, 33):
        check(library, lanes, (task, weights[:count], tuple(answer[:count] for answer in true)))


@networks.each_instruction_set
@each_carry
def test_windows_of_each_network(library, lanes):
    network, counts = NETWORKS["gru"], [9, 9, 9]
    x, y = own_windows(network, counts)
    task = replace(task_of(network, count=9), x=x, y=y)
    weights = network.weights(3)
    check(library, lanes, (task, weights, truth(task, weights)))


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("name", ["gru", "masked", "skip", "sequences"])
def test_windows_past_a_networks_count_are_never_read(library, lanes, name):
    network, counts = NETWORKS[name], [20, 1, 17, 5]
    x, y = own_windows(network, counts)
    task, weights = replace(task_of(network), x=x, y=y, counts=np.array(counts), lanes=lanes), network.weights(4)
    made, true = LanesEngine(library).gradients(task, weights), NumpyEngine().gradients(task, weights.astype(float))
    np.testing.assert_allclose(made[0], true[0], rtol=0, atol=2e-6)
    np.testing.assert_allclose(made[1], true[1], rtol=0, atol=4e-6)


# Whatever the shape


@networks.needs_kernel
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 18),
    windows=st.integers(1, 36),
    loss=st.sampled_from([*LOSSES.values()]),
)
def test_whatever_the_shape(seed, count, windows, loss):
    network = networks.any_network(seed)
    architecture = network.architecture
    assume(kernel_lacks(architecture) is None)
    assume(architecture.output_shape[-1] % loss.outputs_per_target == 0)
    task, weights, true = case_of(network, count, count=windows, loss=loss)
    for name in networks.KERNEL.instruction_sets:
        for lanes in ("networks", "samples"):
            check(networks.with_instruction_set(name), lanes, (task, weights, true))


@networks.each_instruction_set
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_derivatives_at_corners_are_the_definitions(library, activation):
    network = Architecture.of([Dense(1, activation)], time_steps=1, features=1)
    weights, z = np.array([[1.0, 0.0]], dtype=np.float32), np.array([-4, -3, -1, -0.0, 0, 1, 3, 4], dtype=np.float32)
    made = LanesEngine(library).jacobian(network, weights, z[:, None, None])[1]
    expected = NumpyEngine().jacobian(network, weights, z[:, None, None])[1]
    assert np.abs(made - expected).max() <= 2e-6


@networks.needs_kernel
@each_carry
@pytest.mark.parametrize("name", ["tutorial", "lstm", "masked, two ways"])
def test_windows_in_several_calls(monkeypatch, name, lanes):
    counts = [5, 40, 16, 33, 1, 17]
    network, task = NETWORKS[name], task_of(NETWORKS[name], lanes=lanes)
    x, y = own_windows(network, counts)
    task = replace(task, x=x, y=y, counts=np.array(counts), sample_weight=np.linspace(0.5, 2, 40, dtype=np.float32))
    weights = network.weights(len(counts))
    whole = LanesEngine().gradients(task, weights)
    monkeypatch.setattr(engine_lanes, "_WORK_OF_A_SLICE", 1)  # sixteen windows in a call
    parts = LanesEngine().gradients(task, weights)
    for one, other in zip(whole, parts, strict=True):
        assert np.abs(one - other).max() <= 1e-6 * max(1, np.abs(one).max())
    for network_alone in range(len(counts)):
        row = slice(network_alone, network_alone + 1)
        alone = LanesEngine().gradients(task.take(row), weights[row])
        for one, other in zip(parts, alone, strict=True):
            assert one[row].tobytes() == other.tobytes()
