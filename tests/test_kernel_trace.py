"""What the compiled kernel records of its way, forward and backward, is what the definition computes."""

from __future__ import annotations

import numpy as np
import pytest
from networks import (
    KERNEL,
    NETWORKS,
    Network,
    dense,
    each_instruction_set,
    gru,
    lstm,
    masking,
    needs_kernel,
    rnn,
    task_of,
)

from timeglass import EngineError, Huber, OptionError, Quantile
from timeglass.kernel.calls import Windows
from timeglass.kernel.tracing import record as kernel_record
from timeglass.trace.recording import record
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.kernel_codes import loss_code, network_code

pytestmark = needs_kernel

# A whole group of sixteen windows, and five more.
COUNT = 21


def both(network: Network, library=KERNEL, loss=None, backward: bool = True):
    """The kernel's trace, and the definition's."""
    task = task_of(network, count=COUNT)
    given = network.architecture, network.weights()[0], task.x
    ways = (task.y, loss or task.loss) if backward else ()
    return record(*given, *ways, library=library), record(*given, *ways)


def assert_equal(kernel, definition) -> None:
    """Every array under the same name, of the same shape, to float32's last bits."""
    assert kernel.names == definition.names
    for name in definition.names:
        one, other = np.asarray(kernel[name], dtype=np.float64), definition[name]
        assert one.shape == other.shape, name
        # Gradients are means over the windows, so their own size is what counts.
        size = max(np.abs(other).max(), 1.0 if not name.rpartition(".")[2].startswith("d") else 1e-3 / COUNT)
        assert np.abs(one - other).max() <= 3e-6 * size, name


@pytest.mark.parametrize("name", NETWORKS)
def test_every_array_is_the_definitions(name):
    kernel, definition = both(NETWORKS[name])
    assert_equal(kernel, definition)
    assert (kernel.engine, definition.engine) == ("lanes", "numpy")
    assert kernel.losses.dtype == np.float32
    assert np.abs(kernel.losses - definition.losses).max() < 2e-6


@pytest.mark.parametrize("name", NETWORKS)
def test_the_recorded_forecasts_are_the_engines_bit_for_bit(name):
    network = NETWORKS[name]
    kernel, _ = both(network, backward=False)
    forecasts = LanesEngine().predict(network.architecture, network.weights(), network.windows(COUNT))[0]
    assert kernel.losses is None
    assert np.array_equal(kernel.forecasts, forecasts)


@pytest.mark.parametrize("name", NETWORKS)
def test_sums_of_each_steps_shares_are_the_kernels_gradient(name):
    network = NETWORKS[name]
    task = task_of(network, count=COUNT)
    losses, gradients = LanesEngine().gradients(task, network.weights())
    kernel, _ = both(network)
    flat = [array.ravel() for own in kernel.gradient() for array in own.values()]
    assert np.abs(np.concatenate(flat) - gradients[0]).max() < 2e-6 * max(1.0, np.abs(gradients).max())
    assert kernel.losses.mean() == pytest.approx(losses[0], rel=2e-6)


@pytest.mark.parametrize("name", ["tutorial", "gru", "lstm"])
def test_each_windows_gradient_is_the_sum_of_its_steps(name):
    network = NETWORKS[name]
    task = task_of(network, count=COUNT)
    code, _levels = loss_code(task.loss)
    windows = Windows(task.x, task.y.reshape(COUNT, -1))
    found = kernel_record(KERNEL, network_code(network.architecture), network.weights()[0], windows, code)
    kernel, _ = both(network)
    at = 0
    for node, own in zip(network.architecture.layers, kernel.weights, strict=True):
        for weight, array in own.items():
            shares = kernel[f"{node.name}.d{weight}"]
            sums = shares.sum(axis=tuple(range(1, shares.ndim - array.ndim))).reshape(COUNT, -1)
            assert np.abs(sums - found.weight_gradients[:, at : at + array.size]).max() < 1e-7, weight
            at += array.size


@each_instruction_set
def test_every_instruction_set_records_the_same(library):
    network = Network(6, 2, (gru(9, return_sequences=True), lstm(5), dense(2, "swish")))
    kernel, definition = both(network, library)
    assert_equal(kernel, definition)
    first, _ = both(network)
    if library.instruction_set != "baseline":  # it has no fused multiply-add
        assert all(np.array_equal(kernel[name], first[name]) for name in first.names)


@pytest.mark.parametrize("loss", [Huber(0.3), Quantile((0.1, 0.9))])
def test_losses_with_settings_of_their_own(loss):
    network = Network(5, 1, (rnn(4), dense(loss.outputs(2))))
    x, y = network.windows(COUNT), network.targets(COUNT)[:, :2]
    given = network.architecture, network.weights()[0], x, y, loss
    kernel, definition = record(*given, library=KERNEL), record(*given)
    assert_equal(kernel, definition)
    assert np.abs(kernel.losses - definition.losses).max() < 2e-6


def test_a_model_is_asked_for_either():
    network = NETWORKS["gru"]
    model = network.sequential(networks=3, seed=4)
    model.compile("adam", "mse")
    x, y = network.windows(4), network.targets(4)
    assert model.trace(x, y, network=2, engine="lanes").engine == "lanes"
    assert model.trace(x, y, network=2).engine == "numpy"
    assert np.array_equal(model.trace(x, network=2, engine="lanes").forecasts, model.predict(x)[2])
    with pytest.raises(OptionError, match="trace engine: expected one of 'numpy', 'lanes', got 'keras'"):
        model.trace(x, engine="keras")


def test_what_the_kernel_does_not_have_is_refused():
    network = Network(4, 1, (masking(), gru(2, return_sequences=True), dense(1)))
    with pytest.raises(EngineError, match="does not have masked steps in the output: use engine='numpy'"):
        both(network)
