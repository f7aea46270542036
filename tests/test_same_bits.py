"""The same seed gives the same bits: whatever rides beside a network, however its training is cut into slices.

Arrays are compared as their bits, so that 0.0 and -0.0 differ and NaN equals itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from typing import Any

import networks
import numpy as np
import pytest
from fits import (
    LOSSES,
    OPTIMIZERS,
    bits,
    by_hand,
    check_same_bits,
    each_carry,
    fitted,
    of_targets,
    own_windows,
    rows_of,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from networks import DROPPING, NETWORKS, Network, ignore, state_of, task_of
from numpy.typing import NDArray

from timeglass import Adam, Sequential
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.kernel_codes import kernel_lacks
from timeglass.train.optimizers import SGD
from timeglass.train.schedules import CosineDecay

ENGINES = ["numpy", pytest.param("lanes", marks=networks.needs_kernel)]
each_engine = pytest.mark.parametrize("engine", ENGINES)
each_shuffle = pytest.mark.parametrize("shuffle", [True, False])


def check_same(*arrays: NDArray) -> None:
    for array in arrays[1:]:
        assert np.array_equal(bits(arrays[0]), bits(array))


def trained(network: Network, *, fits: tuple[int, ...] = (3,), shuffle: bool = True, **options) -> Sequential:
    model = network.sequential(**{"seed": 4} | options)
    model.compile(Adam(learning_rate=0.01), "mse")
    x, y = network.windows(11), network.targets(11)
    for epochs in fits:
        model.fit(x, y, epochs=epochs, batch_size=4, shuffle=shuffle)
    return model


# The kernel

EVERY = {**NETWORKS, **{f"dropping, {name}": network for name, network in DROPPING.items()}}
each_kind = pytest.mark.parametrize("network", EVERY.values(), ids=EVERY)


@networks.needs_kernel
@each_carry
@each_kind
def test_a_networks_bits_do_not_depend_on_the_networks_beside_it(lanes, network):
    task, state = task_of(network, lanes=lanes), state_of(network, 40)
    together = fitted(LanesEngine(), task, state)
    assert len(np.unique(together[1].weights, axis=0)) == 40
    for rows in (slice(3), slice(7, 8), slice(15, 17), slice(16), slice(39, 40), slice(20, 38)):
        check_same_bits(rows_of(together, rows), fitted(LanesEngine(), task, state.take(rows)))


@networks.needs_kernel
@each_carry
@each_shuffle
@pytest.mark.parametrize("name", ["stacked", "lstm", "masked, two ways", "skip", "dropping, gru", "dropping, two ways"])
def test_a_network_rests_when_its_windows_end_and_is_what_it_would_be_alone(name, shuffle, lanes):
    network, counts = EVERY[name], [11, 40, 1, 9, 4, 33, 16, 17, 5, 40]
    x, y = own_windows(network, counts)
    rng = np.random.default_rng(1)
    weight, l2 = rng.uniform(0.5, 2, x.shape[:2]).astype(np.float32), np.linspace(0, 0.1, 10)
    optimizer = SGD(CosineDecay(tuple(np.linspace(0.05, 0.2, 10).tolist()), 30), momentum=0.5)
    task = task_of(network, batch_size=5, shuffle=shuffle, optimizer=optimizer, lanes=lanes, l2=l2)
    task = replace(task, x=x, y=y, counts=np.array(counts), sample_weight=weight)
    state = state_of(network, 10)
    together = fitted(LanesEngine(), task, state)
    assert np.isfinite(together[1].weights).all()
    for i, count in enumerate(counts):
        row = slice(i, i + 1)
        alone = replace(task.take(row), x=x[i, :count], y=y[i, :count], counts=None, sample_weight=weight[i, :count])
        check_same_bits(rows_of(together, row), fitted(LanesEngine(), alone, state.take(row)))


@networks.each_instruction_set
@each_carry
@each_shuffle
@pytest.mark.parametrize("name", ["tutorial", "lstm, stacked", "masked, two ways", "skip", "dropping, simple"])
def test_slices_of_any_length_give_the_same_bits(library, name, lanes, shuffle):
    network = EVERY[name]
    state = state_of(network, 18)
    # Six batches in each of four epochs; some networks have fewer.
    task = task_of(network, shuffle=shuffle, counts=np.array([22, 9] * 9), lanes=lanes)
    whole = fitted(LanesEngine(library), task, state)
    for slice_batches in (1, 7, 1000):
        check_same_bits(whole, fitted(LanesEngine(library, slice_batches=slice_batches), task, state))


@networks.needs_kernel
@each_carry
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_after_every_slice_all_stands_where_so_many_batches_lead(optimizer, lanes):
    network = DROPPING["gru"]
    task = task_of(network, optimizer=replace(optimizer, learning_rate=0.01), epochs=3, lanes=lanes)  # 18 batches

    def stands(slice_batches: int) -> list[list[bytes]]:
        state = state_of(network, 1)
        fit, group = by_hand(task, state, slice_batches=slice_batches)
        seen, more = [], True
        while more:
            more = fit()
            fit.give_back()
            seen.append([getattr(group, field.name).tobytes() for field in fields(group)] + [fit.losses.tobytes()])
        return seen

    one, four = stands(1), stands(4)
    assert len(one) == 18
    assert four == [*one[3::4], one[-1]]


@networks.needs_kernel
@each_carry
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_further_fit_goes_on_as_one_that_never_ended(optimizer, lanes):
    network, counts = DROPPING["simple"], np.array([22, 9, 4])
    task, start = task_of(network, optimizer=optimizer, counts=counts, lanes=lanes), state_of(network, 3)
    once, losses, state = fitted(LanesEngine(), task, start), [], start
    for epochs in (1, 2, 1):
        part, state = fitted(LanesEngine(), replace(task, epochs=epochs), state)
        losses.append(part)
    check_same_bits(once, (np.concatenate(losses, axis=1), state))


@networks.needs_kernel
@each_carry
def test_networks_taken_out_and_put_back_are_as_if_they_had_stayed(lanes):
    network, rates = DROPPING["lstm"], (0.01, 0.02, 0.03, 0.04)
    task = task_of(
        network, optimizer=Adam(rates), counts=np.array([22, 5, 7, 9]), l2=np.linspace(0, 0.1, 4), lanes=lanes
    )
    together, state = fitted(LanesEngine(), task, state_of(network, 4)), state_of(network, 4)
    taken = [(rows, state.take(rows)) for rows in (np.array([2, 0]), np.array([False, True, False, True]))]
    for rows, some in taken:
        check_same(LanesEngine().fit(task.take(rows), some, ignore), together[0][rows])
        state.put(rows, some)
    check_same_bits(together, (together[0], state))


INSTRUCTION_SETS = {*(networks.KERNEL.instruction_sets if networks.KERNEL else ())}
both_wide_sets = pytest.mark.skipif(
    not {"avx2", "avx512"} <= INSTRUCTION_SETS, reason="this processor does not have both AVX2 and AVX-512"
)
WIDE = ("avx2", "avx512")


def both(ask: Callable[[LanesEngine], Any]) -> list[Any]:
    return [ask(LanesEngine(networks.with_instruction_set(name))) for name in WIDE]


@both_wide_sets
@each_carry
@each_kind
def test_avx2_and_avx512_train_predict_and_derive_to_the_same_bits(lanes, network):
    rng = np.random.default_rng(2)
    weight, l2 = rng.uniform(0, 2, 22).astype(np.float32), rng.uniform(0, 0.01, 18)
    task, state = task_of(network, epochs=12, lanes=lanes, sample_weight=weight, l2=l2), state_of(network, 18)
    check_same_bits(*both(lambda engine: fitted(engine, task, state)))
    weights, architecture = network.weights(18), network.architecture
    x = network.windows(19)
    check_same(*both(lambda engine: engine.predict(architecture, weights, x)))
    for ask in (
        lambda engine: engine.gradients(task, weights),
        lambda engine: engine.jacobian(architecture, weights[:3], x),
    ):
        for one, other in zip(*both(ask), strict=True):
            check_same(one, other)


@both_wide_sets
@each_carry
@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_avx2_and_avx512_train_by_every_loss_to_the_same_bits(optimizer, lanes):
    network = Network(6, 2, (networks.gru(3), networks.dense(6)))
    for loss in LOSSES.values():
        options = {"count": 37, "batch_size": 9, "counts": np.array([37, 20, 11])}
        task = of_targets(task_of(network, loss=loss, optimizer=optimizer, lanes=lanes, **options))
        check_same_bits(*both(lambda engine, task=task: fitted(engine, task, state_of(network, 3))))


@both_wide_sets
@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 18),
    windows=st.integers(1, 40),
    batch_size=st.integers(1, 40),
    lanes=st.sampled_from(["networks", "samples"]),
)
def test_avx2_and_avx512_give_the_same_bits_whatever_the_shape(seed, count, windows, batch_size, lanes):
    network = networks.any_network(seed)
    assume(kernel_lacks(network.architecture) is None)
    task = task_of(network, count=windows, batch_size=batch_size, lanes=lanes)
    check_same_bits(*both(lambda engine: fitted(engine, task, state_of(network, count))))


@networks.each_instruction_set
@each_carry
@each_kind
def test_gradients_do_not_depend_on_the_networks_beside(library, lanes, network):
    engine, task, weights = LanesEngine(library), task_of(network, lanes=lanes), network.weights(20)
    losses, gradients = engine.gradients(task, weights)
    for rows in (slice(1), slice(5, 8), slice(3, 19)):
        own_losses, own = engine.gradients(task, weights[rows])
        check_same(losses[rows], own_losses)
        check_same(gradients[rows], own)


@networks.each_instruction_set
@each_kind
def test_forecasts_do_not_depend_on_what_else_is_asked_for(library, network):
    # Of the choices of what the lanes carry, all are met here.
    engine, weights, x = LanesEngine(library), network.weights(20), network.windows(40)
    together = engine.predict(network.architecture, weights, x)
    for rows in (slice(1), slice(5, 8), slice(3, 19)):
        for windows in (slice(1), slice(11, 14), slice(40)):
            own = engine.predict(network.architecture, weights[rows], x[windows])
            check_same(together[rows, windows], own)
    each = np.stack([x, x[::-1], -x])
    made = engine.predict(network.architecture, weights[:3], each)
    for row in range(3):
        check_same(made[row], engine.predict(network.architecture, weights[row : row + 1], each[row])[0])


# Either engine


@each_engine
@each_shuffle
def test_two_fits_of_five_epochs_are_one_of_ten(engine, shuffle):
    for count in (1, 18):
        options = {"networks": count, "engine": engine, "shuffle": shuffle}
        once = trained(NETWORKS["stacked"], fits=(10,), **options)
        twice = trained(NETWORKS["stacked"], fits=(5, 5), **options)
        check_same(once.weight_rows, twice.weight_rows)


@each_engine
def test_validation_does_not_change_the_training(engine):
    network = NETWORKS["tutorial"]
    x, y = network.windows(20), network.targets(20)
    models = [network.sequential(seed=1, networks=3, engine=engine) for _ in range(2)]
    for model in models:
        model.compile("adam", "mse")
    models[0].fit(x, y, validation_split=0.25, epochs=4, batch_size=4)
    models[1].fit(x[:15], y[:15], epochs=4, batch_size=4)
    check_same(models[0].weight_rows, models[1].weight_rows)


@each_engine
def test_the_same_seed_gives_the_same_bits_and_another_seed_gives_others(engine):
    one, again = (trained(NETWORKS["stacked"], seed=7, networks=3, engine=engine) for _ in range(2))
    other = trained(NETWORKS["stacked"], seed=8, networks=3, engine=engine)
    check_same(one.weight_rows, again.weight_rows)
    assert (np.abs(one.weight_rows - other.weight_rows).max(axis=1) > 0.01).all()


@each_engine
def test_the_seed_moves_the_shuffles_too_and_not_only_the_start(engine):
    start = NETWORKS["tutorial"].arrays()
    ends = []
    for seed in (1, 2):
        model = NETWORKS["tutorial"].sequential(seed=seed, engine=engine)
        model.set_weights(start)
        model.compile("adam", "mse")
        model.fit(NETWORKS["tutorial"].windows(9), NETWORKS["tutorial"].targets(9), batch_size=1)
        ends.append(model.weight_rows)
    assert not np.array_equal(*ends)


def test_a_model_without_a_seed_draws_one_that_repeats_it():
    first = trained(NETWORKS["tutorial"], seed=None)
    check_same(first.weight_rows, trained(NETWORKS["tutorial"], seed=first.seed).weight_rows)
    assert NETWORKS["tutorial"].sequential().seed != first.seed


@networks.needs_kernel
def test_threads_side_by_side_give_the_same_bits():
    task = task_of(NETWORKS["wide"], epochs=20)

    def fit(_: int) -> NDArray:
        state = state_of(NETWORKS["wide"], 17)
        LanesEngine(slice_batches=3).fit(task, state, ignore)
        return state.weights

    alone = fit(0)
    with ThreadPoolExecutor(4) as pool:
        check_same(alone, *pool.map(fit, range(8)))


@pytest.mark.parametrize("engine", [NumpyEngine, pytest.param(LanesEngine, marks=networks.needs_kernel)])
def test_a_fit_leaves_the_data_as_they_were(engine):
    task = task_of(NETWORKS["stacked"])
    kept = replace(task, x=task.x.copy(), y=task.y.copy())
    engine().fit(task, state_of(NETWORKS["stacked"], 2), ignore)
    check_same(task.x, kept.x)
    check_same(task.y, kept.y)


def test_the_process_keeps_its_denormals_and_its_not_a_numbers():
    # A library linked with -ffast-math would set the processor to flush denormals to zero for everyone.
    program = """
import numpy as np
import timeglass
model = timeglass.Sequential([timeglass.SimpleRNN(3, input_shape=(4, 1)), timeglass.Dense(1)], seed=0, networks=16)
model.compile("adam", "mse")
model.fit(np.ones((5, 4, 1)), np.ones(5), epochs=2, verbose=0)
tiny = float("1e-310")
assert tiny * 1.0 != 0 and tiny / 2 > 0
assert (np.array([1e-40], dtype=np.float32) * np.float32(1)).item() != 0
nan = float("nan")
assert nan != nan and np.isnan(np.array([nan], dtype=np.float32)).all() and not np.isfinite(np.float32("inf"))
try:
    model.predict(np.full((1, 4, 1), nan))
except timeglass.InputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("x[0, 0, 0] is nan")
