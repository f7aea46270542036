"""Training in the kernel, with networks and with samples in its lanes, is the definition's: weights, slots, losses.

The definition runs in float64. After these short trainings float32 leaves at most 3e-6; each network has moved by more
than a thousand times as much.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import networks
import numpy as np
import pytest
from fits import (
    LOSSES,
    OPTIMIZERS,
    Trained,
    check_near,
    each_carry,
    fitted,
    of_targets,
    own_windows,
    rows_of,
    truth,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from networks import DROPPING, NETWORKS, Network, dense, dropout, gru, lstm, rnn, state_of, task_of

from timeglass.cells.activations import ACTIVATIONS
from timeglass.train.engine import FitTask, TrainingState
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.kernel_codes import kernel_lacks
from timeglass.train.losses import MeanSquaredError
from timeglass.train.optimizers import SGD, Adam, Optimizer
from timeglass.train.schedules import CosineDecay

TOLERANCE = 4e-6


def check(engine: LanesEngine, task: FitTask, state: TrainingState, true: Trained) -> None:
    """What the kernel makes of it is near the truth, and every network has moved far."""
    made = fitted(engine, task, state)
    check_near(made, true, TOLERANCE)
    assert (np.abs(made[1].weights - state.weights).max(axis=1) > 1e-3).all()


# Networks

EVERY = {**NETWORKS, **{f"dropping, {name}": network for name, network in DROPPING.items()}}


@cache
def of_network(name: str) -> tuple[FitTask, TrainingState, Trained]:
    task, state = task_of(EVERY[name]), state_of(EVERY[name], 11)
    return task, state, truth(task, state)


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("name", EVERY)
def test_every_kind_of_network_trains_as_the_definition_does(library, lanes, name):
    task, state, true = of_network(name)
    engine = LanesEngine(library)
    check(engine, replace(task, lanes=lanes), state, true)
    if lanes == "networks":  # eleven ride in sixteen lanes, three in eight
        check(engine, replace(task, lanes=lanes), state.take(slice(3)), rows_of(true, slice(3)))


def layers_of(activation: str, units: int) -> Network:
    """Every layer with that activation, which the gates have too."""
    gates = {"recurrent_activation": activation}
    layers = (
        dense(units, activation),
        rnn(units, activation, return_sequences=True),
        gru(units, activation, return_sequences=True, **gates),
        gru(units, activation, reset_after=False, return_sequences=True, **gates),
        lstm(units, activation, **gates),
        dense(2, activation),
    )
    return Network(2, 2, layers, seed=7)


@cache
def of_activation(activation: str, units: int) -> tuple[FitTask, TrainingState, Trained]:
    network = layers_of(activation, units)
    task = task_of(network, epochs=2, optimizer=SGD(0.005))
    state = TrainingState(network.weights(3))
    return task, state, truth(task, state)


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_trains_as_the_definition_does(library, lanes, activation):
    for units in (3, 9):  # of few units the kernel knows the number
        task, state, true = of_activation(activation, units)
        check_near(fitted(LanesEngine(library), replace(task, lanes=lanes), state), true, TOLERANCE)


# Losses and optimisers, with what else bears on a step


@cache
def of_optimizer(optimizer: str, loss: str) -> tuple[FitTask, TrainingState, Trained]:
    network = Network(6, 2, (gru(3), dense(6)))
    options: dict[str, Any] = {
        "loss": LOSSES[loss],
        "optimizer": OPTIMIZERS[optimizer],
        "l2": np.array([0.0, 0.01, 0.1]),
        "sample_weight": np.random.default_rng(1).uniform(0, 2, 37).astype(np.float32),
        "counts": np.array([37, 20, 11]),
    }
    task = of_targets(task_of(network, count=37, epochs=2, batch_size=9, **options))
    state = state_of(network, 3)
    return task, state, truth(task, state)


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_trains_by_every_loss_as_the_definition_does(library, lanes, optimizer):
    for loss in LOSSES:
        task, state, true = of_optimizer(optimizer, loss)
        check(LanesEngine(library), replace(task, lanes=lanes), state, true)


@networks.needs_kernel
@each_carry
@pytest.mark.parametrize("loss", LOSSES)
def test_sequences_train_by_every_loss_as_the_definition_does(lanes, loss):
    network = Network(4, 2, (lstm(3, return_sequences=True), dense(6)))
    task = of_targets(task_of(network, loss=LOSSES[loss], lanes=lanes))
    state = state_of(network, 3)
    check(LanesEngine(), task, state, truth(task, state))


# Windows, counts, batches


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [1, 4, 22, 32])
def test_every_number_of_networks_and_windows_in_a_batch(library, lanes, batch_size, shuffle):
    task, state, true = of_batch(batch_size, shuffle)
    for count in (1, 8, 17, 40):
        check(LanesEngine(library), replace(task, lanes=lanes), state.take(slice(count)), rows_of(true, slice(count)))


@cache
def of_batch(batch_size: int, shuffle: bool) -> tuple[FitTask, TrainingState, Trained]:
    network = NETWORKS["stacked"]
    task = task_of(network, batch_size=batch_size, shuffle=shuffle, epochs=2, optimizer=SGD(0.03))
    state = state_of(network, 40)
    return task, state, truth(task, state)


@cache
def of_own_windows(name: str, shuffle: bool) -> tuple[FitTask, TrainingState, Trained]:
    counts = [11, 40, 1, 9, 4, 33, 16, 17, 5]
    network = EVERY[name]
    x, y = own_windows(network, counts)
    rng = np.random.default_rng(2)
    task = FitTask(
        network.architecture, x, y, 2, 5, shuffle, 5, SGD(CosineDecay(0.1, 60), momentum=0.5), MeanSquaredError(),
        np.array(counts), rng.uniform(0.5, 2, x.shape[:2]).astype(np.float32), rng.uniform(0, 0.1, len(counts)),
    )  # fmt: skip
    state = state_of(network, len(counts))
    state.numbers[:] = [7, 2, 2**32 - 1, 0, 40, 3, 1, 99, 5]
    state.rate_scale[:] = rng.uniform(0.5, 1, len(counts))
    return task, state, truth(task, state)


@networks.each_instruction_set
@each_carry
@pytest.mark.parametrize(
    ("name", "shuffle"),
    [(name, True) for name in ("stacked", "lstm", "masked, two ways", "skip", "dropping, gru", "sequences")]
    + [("stacked", False)],
)
def test_networks_with_windows_weights_and_penalties_of_their_own(library, lanes, name, shuffle):
    task, state, true = of_own_windows(name, shuffle)
    check(LanesEngine(library), replace(task, lanes=lanes), state, true)


@networks.needs_kernel
@each_carry
def test_a_large_batch_is_shared_out_as_the_definition_has_it(lanes):
    # 300 windows are nineteen columns of sixteen, in eight shares; 37 of the second batch are three, in two.
    network = DROPPING["two ways"]
    task = task_of(network, count=337, batch_size=300, epochs=2, lanes=lanes)
    state = state_of(network, 2)
    check(LanesEngine(), task, state, truth(task, state))


# Rates of each network; further fits; what diverges


@networks.each_instruction_set
@each_carry
def test_dropout_rates_of_each_network(library, lanes):
    rates = (0.0, 0.1, 0.6)
    layers = (dropout(0.25), gru(3, dropout=rates, recurrent_dropout=rates[::-1]), dropout(rates), dense(1))
    task, state = task_of(Network(4, 3, layers), lanes=lanes), state_of(Network(4, 3, layers), 3)
    check(LanesEngine(library), task, state, truth(task, state))


@networks.needs_kernel
@each_carry
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_further_fit_goes_on_as_the_definitions(lanes, optimizer):
    # The networks have taken different numbers of steps, so that each stands elsewhere in the schedule.
    network = DROPPING["simple"]
    task = task_of(network, optimizer=optimizer, counts=np.array([22, 9, 4]), epochs=2, lanes=lanes)
    _, state = fitted(LanesEngine(), task, state_of(network, 3))
    assert (state.epochs, state.steps.tolist()) == (2, [12, 6, 2])
    check(LanesEngine(), task, state, truth(task, state))


@networks.needs_kernel
@each_carry
def test_the_best_weights_are_those_of_the_definitions_best_epoch(lanes):
    network = NETWORKS["tutorial"]
    task, state = task_of(network, epochs=6, optimizer=SGD(2.0, momentum=0.9), lanes=lanes), state_of(network, 5)
    losses, made = fitted(LanesEngine(), task, state)
    true_losses, _ = truth(task, state)
    assert (np.argmin(losses, axis=1) < 5).any(), "every network's last epoch was its best: this shows nothing"
    assert np.argmin(losses, axis=1).tolist() == np.argmin(true_losses, axis=1).tolist()
    assert np.array_equal(made.best_loss, losses.min(axis=1))
    for row in range(5):
        epochs = int(np.argmin(losses[row])) + 1
        _, then = fitted(LanesEngine(), replace(task, epochs=epochs), state)
        assert np.array_equal(then.weights[row], made.best_weights[row])


@networks.needs_kernel
@each_carry
def test_a_loss_that_is_not_finite_is_never_the_best(lanes):
    network = NETWORKS["linear"]
    task = task_of(network, epochs=60, optimizer=SGD(0.3), lanes=lanes)
    losses, state = fitted(LanesEngine(), task, state_of(network, 8))
    assert not np.isfinite(losses[:, -1]).all()
    assert np.isfinite(state.best_weights).all()
    assert state.best_loss.tolist() == np.where(np.isfinite(losses), losses, np.inf).min(axis=1).tolist()


# Whatever the shape

OPTIMIZERS_OF_ANY: list[Optimizer] = [
    SGD(0.05, momentum=0.5),
    SGD(CosineDecay(0.1, 9), global_clipnorm=0.5),
    Adam(0.01, epsilon=1e-2),
    OPTIMIZERS["rmsprop, both"],
]


@networks.needs_kernel
@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 18),
    windows=st.integers(1, 40),
    batch_size=st.integers(1, 40),
    shuffle=st.booleans(),
    optimizer=st.sampled_from(OPTIMIZERS_OF_ANY),
    rate=st.sampled_from([0.0, 0.3]),
    weighs=st.booleans(),
)
def test_training_is_the_definitions_whatever_the_shape(
    seed, count, windows, batch_size, shuffle, optimizer, rate, weighs
):
    network = networks.any_network(seed)
    network = replace(network, layers=(dropout(rate), *network.layers)) if rate else network
    assume(kernel_lacks(network.architecture) is None)
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0, 2, (count, windows)).astype(np.float32) if weighs else None
    task = task_of(
        network, count=windows, batch_size=batch_size, shuffle=shuffle, optimizer=optimizer, epochs=2,
        sample_weight=weight, counts=rng.integers(1, windows + 1, count),
    )  # fmt: skip
    state = TrainingState(network.weights(count))
    true = truth(task, state)
    for name in networks.KERNEL.instruction_sets:
        for lanes in ("networks", "samples"):
            made = fitted(LanesEngine(networks.with_instruction_set(name)), replace(task, lanes=lanes), state)
            check_near(made, true, TOLERANCE)
