"""The same seed gives the same bits: whatever rides beside a network, however its training is cut into slices.

Arrays are compared as their bits, so that 0.0 and -0.0 differ and NaN equals itself.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import networks
import numpy as np
import pytest
from networks import NETWORKS, Network, ignore, state_of, task_of
from numpy.typing import NDArray

from timeglass import Adam, Sequential
from timeglass.kernel import calls
from timeglass.network.initializers import initial_weights
from timeglass.train.engine_lanes import LanesEngine, network_code
from timeglass.train.engine_numpy import NumpyEngine

ENGINES = ["numpy", pytest.param("lanes", marks=networks.needs_kernel)]
each_engine = pytest.mark.parametrize("engine", ENGINES)
each_shuffle = pytest.mark.parametrize("shuffle", [True, False])


def bits(array: NDArray) -> NDArray:
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


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


@each_engine
@each_shuffle
@networks.each_network
def test_a_networks_bits_do_not_depend_on_the_networks_beside_it(engine, shuffle, network):
    x = network.windows(5)
    alone, three, sixteen, forty = (
        trained(network, networks=count, engine=engine, shuffle=shuffle) for count in (1, 3, 16, 40)
    )
    assert np.isfinite(forty.weights).all()
    assert len(np.unique(forty.weights, axis=0)) == 40
    check_same(forty.weights[0], sixteen.weights[0], three.weights[0], alone.weights[0])
    check_same(forty.weights[2], sixteen.weights[2], three.weights[2])
    check_same(forty.weights[15], sixteen.weights[15])
    check_same(forty.predict(x)[0], sixteen.predict(x)[0], three.predict(x)[0], alone.predict(x))
    check_same(forty.predict(x)[2], sixteen.predict(x)[2], three.predict(x)[2])


@networks.needs_kernel
@networks.each_network
@pytest.mark.parametrize("number", [1, 15, 16, 39])
def test_any_network_trained_quite_alone_has_the_bits_that_it_has_among_forty(network, number):
    task = task_of(network)
    together = state_of(network, 40)
    losses = LanesEngine().fit(task, together, ignore)
    weights = initial_weights(network.architecture, np.array([number]), seed=network.seed)
    group = calls.Group(number, weights, np.zeros_like(weights), np.zeros_like(weights), (1.0, 1.0))
    group.prepare(task.epochs, len(task.x))
    rates = calls.FitSettings(
        task.adam.learning_rate, 0.9, 0.999, 1e-7, task.seed, 0, task.epochs, task.batch_size, task.shuffle, 0, 0.0
    )
    y = task.y.reshape(len(task.y), -1)
    assert not calls.train(networks.KERNEL, network_code(network.architecture), task.x, y, rates, group)
    check_same(group.weights[0], together.weights[number])
    check_same(group.m[0], together.m[number])
    check_same(group.v[0], together.v[number])
    check_same(group.losses[0], losses[number])


@networks.each_instruction_set
@networks.each_network
@each_shuffle
def test_slices_of_any_length_give_the_same_bits(library, network, shuffle):
    task = task_of(network, shuffle=shuffle)  # 6 batches in each of 4 epochs
    whole = state_of(network, 18)
    losses = LanesEngine(library).fit(task, whole, ignore)
    for slice_batches in (1, 7, 1000):
        cut = state_of(network, 18)
        calls_made: list[float] = []
        made = LanesEngine(library, threads=1, slice_batches=slice_batches).fit(task, cut, calls_made.append)
        assert len(calls_made) >= 2 * -(-24 // slice_batches)  # two groups
        check_same(whole.weights, cut.weights)
        check_same(whole.m, cut.m)
        check_same(whole.v, cut.v)
        check_same(losses, made)


@networks.needs_kernel
@networks.each_network
def test_avx2_and_avx512_train_to_the_same_bits(network):
    if not {"avx2", "avx512"} <= set(networks.KERNEL.instruction_sets):
        pytest.skip("this processor does not have both AVX2 and AVX-512")
    states, losses, forecasts = [], [], []
    for name in ("avx2", "avx512"):
        engine, state = LanesEngine(networks.with_instruction_set(name)), state_of(network, 18)
        losses.append(engine.fit(task_of(network, epochs=30), state, ignore))
        states.append(state)
        forecasts.append(engine.predict(network.architecture, state.weights, network.windows(9)))
    check_same(*(state.weights for state in states))
    check_same(*(state.v for state in states))
    check_same(*losses)
    check_same(*forecasts)


@each_engine
@each_shuffle
def test_two_fits_of_five_epochs_are_one_of_ten(engine, shuffle):
    for count in (1, 18):
        options = {"networks": count, "engine": engine, "shuffle": shuffle}
        once = trained(NETWORKS["stacked"], fits=(10,), **options)
        twice = trained(NETWORKS["stacked"], fits=(5, 5), **options)
        check_same(once.weights, twice.weights)


@each_engine
def test_validation_does_not_change_the_training(engine):
    network = NETWORKS["tutorial"]
    x, y = network.windows(20), network.targets(20)
    models = [network.sequential(seed=1, networks=3, engine=engine) for _ in range(2)]
    for model in models:
        model.compile("adam", "mse")
    models[0].fit(x, y, validation_split=0.25, epochs=4, batch_size=4)
    models[1].fit(x[:15], y[:15], epochs=4, batch_size=4)
    check_same(models[0].weights, models[1].weights)


@each_engine
def test_the_same_seed_gives_the_same_bits_and_another_seed_gives_others(engine):
    one, again = (trained(NETWORKS["stacked"], seed=7, networks=3, engine=engine) for _ in range(2))
    other = trained(NETWORKS["stacked"], seed=8, networks=3, engine=engine)
    check_same(one.weights, again.weights)
    assert (np.abs(one.weights - other.weights).max(axis=1) > 0.01).all()


@each_engine
def test_the_seed_moves_the_shuffles_too_and_not_only_the_start(engine):
    start = NETWORKS["tutorial"].arrays()
    ends = []
    for seed in (1, 2):
        model = NETWORKS["tutorial"].sequential(seed=seed, engine=engine)
        model.set_weights(start)
        model.compile("adam", "mse")
        model.fit(NETWORKS["tutorial"].windows(9), NETWORKS["tutorial"].targets(9), batch_size=1)
        ends.append(model.weights)
    assert not np.array_equal(*ends)


def test_a_model_without_a_seed_draws_one_that_repeats_it():
    first = trained(NETWORKS["tutorial"], seed=None)
    check_same(first.weights, trained(NETWORKS["tutorial"], seed=first.seed).weights)
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
