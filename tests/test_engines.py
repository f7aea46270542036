"""The engines: lanes trains and predicts what NumPy does, each is chosen by name, and what is missing is said.

After the short trainings here float32 leaves at most 1e-5 between the engines' weights and losses (6e-6 is the most
that was seen, with the baseline instruction set); each network has moved by more than a hundred times as much. Adam
divides by the root of squared gradients, so that where a gradient almost vanishes its rounding counts.
"""

from __future__ import annotations

import itertools
import sys

import networks
import numpy as np
import pytest
from networks import NETWORKS, Network, ignore, state_of, task_of
from numpy.testing import assert_allclose

from timeglass.errors import EngineError, OptionError
from timeglass.kernel import calls
from timeglass.kernel.library import kernel_status, load
from timeglass.train.engine_keras import KerasEngine
from timeglass.train.engine_lanes import LanesEngine, network_code
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.engines import engine_of
from timeglass.train.optimizers import Adam, adam_step

TOLERANCE = 1e-5


def check_same_training(lanes: LanesEngine, network: Network, count: int, **options) -> None:
    task = task_of(network, **options)
    one, other = state_of(network, count), state_of(network, count)
    before = one.weights.copy()
    losses = lanes.fit(task, one, ignore)
    expected = NumpyEngine().fit(task, other, ignore)
    assert (np.abs(one.weights - before).max(axis=1) > 1e-3).all()
    assert_allclose(one.weights, other.weights, rtol=0, atol=TOLERANCE)
    assert_allclose(one.m, other.m, rtol=0, atol=TOLERANCE)
    assert_allclose(one.v, other.v, rtol=0, atol=TOLERANCE)
    assert_allclose(losses, expected, rtol=0, atol=TOLERANCE)
    assert one.beta_powers == other.beta_powers
    for state in (one, other):
        assert (state.steps, state.epochs) == (task.epochs * task.batches, task.epochs)


@networks.each_instruction_set
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("batch_size", [1, 4, 22, 32])
@pytest.mark.parametrize("count", [1, 3, 16, 17, 40])
def test_lanes_trains_every_network_as_numpy_does(library, count, batch_size, shuffle):
    check_same_training(
        LanesEngine(library), NETWORKS["stacked"], count, batch_size=batch_size, shuffle=shuffle, epochs=2
    )


@networks.each_instruction_set
@networks.each_network
def test_lanes_trains_every_kind_of_network_as_numpy_does(library, network):
    check_same_training(LanesEngine(library), network, 3)


@networks.needs_kernel
def test_lanes_takes_adams_own_rates_as_numpy_does():
    adam = Adam(learning_rate=0.02, beta_1=0.5, beta_2=0.9, epsilon=1e-3)
    check_same_training(LanesEngine(), NETWORKS["tutorial"], 3, adam=adam)


@networks.each_instruction_set
@networks.each_network
def test_lanes_predicts_what_numpy_does(library, network):
    weights, x = network.weights(18), network.windows(19)
    made = LanesEngine(library).predict(network.architecture, weights, x)
    expected = NumpyEngine().predict(network.architecture, weights, x)
    assert made.shape == expected.shape == (18, 19, *network.architecture.output_shape)
    assert made.dtype == expected.dtype == np.float32
    assert_allclose(made, expected, rtol=0, atol=2e-6)


def test_adam_takes_the_two_first_steps_worked_by_hand():
    # One weight of 1, gradients 0.5 and then -0.25; learning rate 0.1, betas 0.9 and 0.99, epsilon 0.001.
    adam = Adam(learning_rate=0.1, beta_1=0.9, beta_2=0.99, epsilon=0.001)
    w, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    adam_step(adam, (0.9, 0.99), np.array([0.5]), w, m, v)
    # m = 0.05, v = 0.0025, rate = 0.1 · sqrt(0.01) / 0.1 = 0.1: w = 1 - 0.1 · 0.05 / (0.05 + 0.001)
    first = 1 - 0.005 / 0.051
    assert [m[0], v[0], w[0]] == pytest.approx([0.05, 0.0025, first], abs=1e-14)
    adam_step(adam, (0.81, 0.9801), np.array([-0.25]), w, m, v)
    # m = 0.05 + (-0.25 - 0.05) · 0.1 = 0.02, v = 0.0025 + (0.0625 - 0.0025) · 0.01 = 0.0031
    second = first - 0.1 * 0.0199**0.5 / 0.19 * 0.02 / (0.0031**0.5 + 0.001)
    assert [m[0], v[0], w[0]] == pytest.approx([0.02, 0.0031, second], abs=1e-14)


@pytest.mark.parametrize("engine", ["numpy", pytest.param("lanes", marks=networks.needs_kernel)])
def test_progress_rises_to_exactly_one(engine):
    shares: list[float] = []
    engine_of(engine).fit(task_of(NETWORKS["tutorial"]), state_of(NETWORKS["tutorial"], 40), shares.append)
    assert all(0 <= one <= other for one, other in itertools.pairwise(shares))
    assert shares[-1] == 1.0


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


@networks.needs_kernel
@pytest.mark.parametrize(
    "layer",
    [
        calls.LayerCode(9, 3, 0, 1, 0),
        calls.LayerCode(0, 0, 0, 1, 0),
        calls.LayerCode(0, 3, 9, 1, 0),
        calls.LayerCode(1, 2**30, 0, 1, 0),
    ],
    ids=["kind", "units", "activation", "size"],
)
def test_the_kernel_refuses_a_layer_that_it_does_not_have(layer):
    with pytest.raises(EngineError, match="the kernel refused: the kernel does not have this network"):
        calls.count_weights(networks.KERNEL, calls.NetworkCode(2, 1, 3, (layer,)))


@networks.needs_kernel
def test_the_kernel_refuses_a_recurrent_layer_on_a_vector():
    layers = (calls.LayerCode(0, 2, 1, 1, 0), calls.LayerCode(0, 2, 1, 1, 0))
    with pytest.raises(EngineError, match="does not have this network"):
        calls.count_weights(networks.KERNEL, calls.NetworkCode(2, 1, 2, layers))


@networks.needs_kernel
def test_the_kernel_counts_weights_as_the_architecture_does():
    for network in (*NETWORKS.values(), *map(networks.random_network, range(40))):
        made = calls.count_weights(networks.KERNEL, network_code(network.architecture))
        assert made == network.architecture.weight_count


@networks.needs_kernel
@pytest.mark.parametrize(
    ("change", "value"),
    [("learning_rate", -1.0), ("beta_1", 1.0), ("batch_size", 0), ("epochs", 0), ("epsilon", np.nan)],
)
def test_the_kernel_refuses_a_rate_or_size_outside_its_range(change, value):
    network = NETWORKS["linear"]
    weights, x, y = network.weights(), network.windows(2), network.targets(2)
    group = calls.Group(0, weights, np.zeros_like(weights), np.zeros_like(weights), (1.0, 1.0))
    group.prepare(1, 2)
    settings = calls.FitSettings(0.001, 0.9, 0.999, 1e-7, 0, 0, 1, 1, 0, 0, 0.0)
    setattr(settings, change, value)
    with pytest.raises(EngineError, match="a size or rate is outside the kernel's range"):
        calls.train(networks.KERNEL, network_code(network.architecture), x, y, settings, group)


@networks.needs_kernel
def test_arrays_of_another_type_shape_or_order_never_reach_the_kernel():
    network = NETWORKS["stacked"]
    code, weights, x = network_code(network.architecture), network.weights(), network.windows(3)
    for wrong in (x.astype(np.float64), x[:, :, :1], x.transpose(0, 2, 1), x[:, ::-1]):
        with pytest.raises(TypeError, match="expected a C-contiguous float32 array"):
            calls.predict(networks.KERNEL, code, weights, wrong)
    with pytest.raises(TypeError, match="expected a C-contiguous float32 array"):
        calls.predict(networks.KERNEL, code, weights[:, 1:], x)
