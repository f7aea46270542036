"""The engines: each is chosen by name, what is missing is said, and lanes predicts and reports what NumPy does.

That it trains and derives as NumPy does is shown in tests/test_kernel_fits.py and tests/test_kernel_gradients.py.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import networks
import numpy as np
import pytest
from fits import LOSSES, OPTIMIZERS, carry_of, check_near, each_carry, fitted, of_targets, truth
from networks import DROPPING, NETWORKS, Network, dense, gru, ignore, state_of, task_of
from numpy.testing import assert_allclose

from timeglass.errors import EngineError, OptionError, ShapeError
from timeglass.kernel.library import kernel_status, load
from timeglass.train import engine_lanes
from timeglass.train.engine import TrainingState
from timeglass.train.engine_keras import KerasEngine
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.engines import engine_of
from timeglass.train.optimizers import SGD, Adam

EVERY = {**NETWORKS, **{f"dropping, {name}": network for name, network in DROPPING.items()}}
either_engine = pytest.mark.parametrize("engine", [NumpyEngine, pytest.param(LanesEngine, marks=networks.needs_kernel)])


# Forecasts


@networks.each_instruction_set
@pytest.mark.parametrize("network", EVERY.values(), ids=EVERY)
def test_lanes_predicts_what_numpy_does(library, network):
    weights, x = network.weights(18), network.windows(19)
    made = LanesEngine(library).predict(network.architecture, weights, x)
    expected = NumpyEngine().predict(network.architecture, weights.astype(float), x)
    assert made.shape == (18, 19, *network.architecture.output_shape)
    assert made.dtype == np.float32
    assert_allclose(made, expected, rtol=0, atol=2e-6)


@networks.needs_kernel
def test_forecasts_in_blocks_are_the_same(monkeypatch):
    network = NETWORKS["stacked"]
    weights, x = network.weights(33), network.windows(50)
    each = np.stack([np.roll(x, shift, axis=0) for shift in range(33)])
    whole, own = (LanesEngine().predict(network.architecture, weights, windows) for windows in (x, each))
    monkeypatch.setattr(engine_lanes, "_WORK_OF_A_SLICE", 16 * network.architecture.work)
    assert np.array_equal(LanesEngine().predict(network.architecture, weights, x), whole)
    assert np.array_equal(LanesEngine().predict(network.architecture, weights, each), own)
    for shift in range(33):
        assert np.array_equal(own[shift], np.roll(whole[shift], shift, axis=0))


@networks.needs_kernel
def test_arrays_in_another_order_or_type_are_taken_as_they_are_by_numpy():
    network = NETWORKS["lstm, stacked"]
    weights, x = network.weights(6)[::2], network.windows(40)[::2]
    made = LanesEngine().predict(network.architecture, weights, x)
    assert_allclose(made, NumpyEngine().predict(network.architecture, weights, x), rtol=0, atol=2e-6)
    double = np.asfortranarray(x.astype(np.float64))
    assert np.array_equal(LanesEngine().predict(network.architecture, weights, double), made)
    task = task_of(network, count=20)
    strided = replace(task, x=np.asfortranarray(task.x.astype(np.float64)), y=np.asfortranarray(task.y))
    check_near(fitted(LanesEngine(), strided, state_of(network, 2)), truth(task, state_of(network, 2)), 4e-6)


@networks.needs_kernel
def test_weights_in_float64_are_kept_in_it():
    network = NETWORKS["gru"]
    task, weights = task_of(network), network.weights(2).astype(np.float64)
    made, expected = LanesEngine().gradients(task, weights), NumpyEngine().gradients(task, weights)
    assert np.array_equal(made[1], expected[1])
    made = LanesEngine().jacobian(network.architecture, weights, task.x)
    assert np.array_equal(made[1], NumpyEngine().jacobian(network.architecture, weights, task.x)[1])


# Fits


def test_what_the_lanes_carry_depends_on_the_windows_of_a_batch_alone():
    for windows in (3, 15, 16, 100):
        for batch_size, carry in ((1, "networks"), (15, "networks"), (16, "samples"), (400, "samples")):
            task = task_of(NETWORKS["gru"], count=windows, batch_size=batch_size)
            assert carry_of(task) == (carry if windows >= 16 else "networks")
            assert carry_of(replace(task, lanes="networks")) == "networks"
            assert carry_of(replace(task, lanes="samples")) == "samples"


@networks.needs_kernel
@each_carry
def test_what_the_lanes_carry_changes_nothing_but_last_bits(lanes):
    for name in ("tutorial", "lstm", "two ways"):
        network = NETWORKS[name]
        task = task_of(network, batch_size=7)
        one, other = (
            fitted(LanesEngine(), replace(task, lanes=carry), state_of(network, 3)) for carry in (None, lanes)
        )
        check_near(one, other, 2e-6)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("lanes", marks=networks.needs_kernel)])
@each_carry
def test_progress_rises_to_exactly_one(engine, lanes):
    shares: list[float] = []
    task = task_of(NETWORKS["tutorial"], lanes=lanes, counts=np.array([22, 5] * 20))
    engine_of(engine).fit(task, state_of(NETWORKS["tutorial"], 40), shares.append)
    assert all(0 <= one <= other for one, other in itertools.pairwise(shares))
    assert shares[-1] == 1.0


@either_engine
@each_carry
def test_a_fit_that_is_ended_counts_whole_epochs_and_keeps_the_best_of_them(engine, lanes, monkeypatch):
    monkeypatch.setattr(engine_lanes, "_LOOK_SECONDS", 0.0)
    network = NETWORKS["tutorial"]
    task = task_of(network, lanes=lanes)
    ended = LanesEngine(slice_batches=1, threads=1) if engine is LanesEngine else engine()

    def stop(share: float) -> None:
        if share > 0.6:
            raise KeyboardInterrupt

    state = state_of(network, 1)
    with pytest.raises(KeyboardInterrupt):
        ended.fit(task, state, stop)
    assert state.epochs == 2
    assert state.steps.tolist() == [15]
    losses, whole = fitted(engine(), replace(task, epochs=2), state_of(network, 1))
    assert np.array_equal(state.best_weights, whole.best_weights)
    assert state.best_loss.tolist() == losses.min(axis=1).tolist()
    assert not np.array_equal(state.weights, whole.weights)


@networks.needs_kernel
@pytest.mark.parametrize("threads", [1, 2])
def test_a_fit_that_is_ended_counts_the_epochs_of_its_slowest_network(threads, monkeypatch):
    monkeypatch.setattr(engine_lanes, "_LOOK_SECONDS", 0.0)
    network, calls = NETWORKS["tutorial"], []

    def stop(share: float) -> None:
        calls.append(share)
        if len(calls) == 9:
            raise KeyboardInterrupt

    state = state_of(network, 40)
    with pytest.raises(KeyboardInterrupt):
        LanesEngine(slice_batches=7, threads=threads).fit(task_of(network, epochs=10), state, stop)
    assert state.epochs == (0 if threads == 1 else state.steps.min() // 6)  # six batches an epoch
    assert state.steps.max() > 0


@networks.needs_kernel
def test_many_quantiles_in_many_groups_keep_their_levels():
    network = Network(3, 1, (gru(2), dense(38)))
    levels = tuple(np.linspace(0.025, 0.975, 19).tolist())
    task = of_targets(task_of(network, loss=replace(LOSSES["quantile"], levels=levels), optimizer=OPTIMIZERS["sgd"]))
    state = state_of(network, 40)
    check_near(fitted(LanesEngine(), task, state), truth(task, state), 4e-6)


@either_engine
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"y": np.zeros((10, 1), np.float32)}, ShapeError, r"got x \(22, 12, 1\), y \(10, 1\)"),
        ({"sample_weight": np.ones(10, np.float32)}, ShapeError, "sample_weight: expected shape"),
        ({"l2": np.ones(3)}, ShapeError, r"l2: expected shape \(2,\), got \(3,\)"),
        ({"counts": np.array([3, 23])}, OptionError, r"from 1 to 22, got \[3, 23\]"),
        ({"optimizer": Adam((0.1, 0.2, 0.3))}, OptionError, "learning_rate: expected one rate or 2, .* got 3"),
    ],
)
def test_what_is_not_given_for_as_many_networks_is_refused(engine, change, error, words):
    network = NETWORKS["tutorial"]
    task = replace(task_of(network), **change)
    with pytest.raises(error, match=words):
        engine().fit(task, state_of(network, 2), ignore)
    with pytest.raises(error, match=words):
        engine().gradients(task, network.weights(2))


@networks.needs_kernel
def test_networks_taken_from_others_train_on():
    network = NETWORKS["gru"]
    _, state = fitted(LanesEngine(), task_of(network), state_of(network, 4))
    some = state.take(np.array([3, 1]))
    assert not some.slots[0].flags.c_contiguous, "the copy lies as the kernel takes it: this shows nothing"
    check_near(fitted(LanesEngine(), task_of(network), some), truth(task_of(network), some), 4e-6)


@networks.needs_kernel
def test_a_network_without_weights_trains_as_numpys():
    network = Network(3, 2, (networks.dropout(0.5),))
    task = task_of(network, optimizer=SGD(0.1), l2=np.array([0.1]))
    for lanes in ("networks", "samples"):
        state = TrainingState(np.zeros((1, 0), dtype=np.float32))
        losses = LanesEngine().fit(replace(task, lanes=lanes), state, ignore)
        expected = NumpyEngine().fit(task, TrainingState(np.zeros((1, 0), dtype=np.float32)), ignore)
        assert_allclose(losses, expected, rtol=0, atol=1e-6)


# Choosing


@networks.needs_kernel
def test_lanes_is_taken_where_there_is_a_kernel_and_numpy_where_there_is_none(monkeypatch):
    assert engine_of(None).name == "lanes"
    monkeypatch.setenv("TIMEGLASS_KERNEL", "none")
    assert engine_of(None).name == "numpy"
    assert kernel_status().reason == "TIMEGLASS_KERNEL=none asks for no compiled kernel"
    with pytest.raises(EngineError, match="TIMEGLASS_KERNEL=none asks for no compiled kernel"):
        engine_of("lanes")


def test_an_unknown_engine_is_named_beside_the_known_ones():
    with pytest.raises(OptionError, match="engine: expected one of lanes, numpy, keras, got 'torch'"):
        engine_of("torch")


def test_keras_missing_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(EngineError, match=r"engine keras: .* not installed .*run: pip install 'timeglass\[keras\]'"):
        KerasEngine()


def test_a_kernel_file_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("TIMEGLASS_KERNEL", str(tmp_path / "missing.so"))
    with pytest.raises(EngineError, match=r"no kernel at .*missing\.so"):
        load()


def test_a_kernel_file_that_is_no_library_is_named(monkeypatch, tmp_path):
    file = tmp_path / "text.so"
    file.write_text("not a library")
    monkeypatch.setenv("TIMEGLASS_KERNEL", str(file))
    with pytest.raises(EngineError, match=r"the kernel .*text\.so does not load"):
        load()


@networks.needs_kernel
def test_an_instruction_set_is_chosen_by_name(monkeypatch):
    for name in networks.KERNEL.instruction_sets:
        monkeypatch.setenv("TIMEGLASS_INSTRUCTION_SET", name)
        assert load().instruction_set == name
        assert kernel_status().reason == "asked for by TIMEGLASS_INSTRUCTION_SET"
    monkeypatch.setenv("TIMEGLASS_INSTRUCTION_SET", "sse9")
    with pytest.raises(EngineError, match=r"TIMEGLASS_INSTRUCTION_SET=sse9: this kernel .* has .*choose one of these"):
        load()
