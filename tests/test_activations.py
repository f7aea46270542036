"""The kernel's activations over the whole range of float32, and the definition's derivatives.

Truth is NumPy in float64. An ulp is the distance of float32 numbers at the true value.
"""

from __future__ import annotations

from functools import cache

import networks
import numpy as np
import pytest

from timeglass.cells.activations import ACTIVATIONS
from timeglass.kernel import calls, structs


def _sweep() -> np.ndarray:
    """±: 0, every 5003rd float32 from the smallest denormal to the largest number, all from 0.9 to 1 less, inf."""
    bits = np.arange(0, 0x7F800000, 5003, dtype=np.uint32)
    edges = np.array([1, 2, 3, 0x007FFFFF, 0x00800000, 0x7F7FFFFF, 0x7F800000], dtype=np.uint32)
    near_the_clamps = np.concatenate([np.linspace(7.5, 9.5, 20001), np.linspace(86.0, 89.0, 30001)])
    positive = np.concatenate([bits.view(np.float32), edges.view(np.float32), near_the_clamps.astype(np.float32)])
    return np.concatenate([positive, -positive])


X = _sweep()
ZEROS = np.array([0.0, -0.0], dtype=np.float32)


def _ulps(error: np.ndarray, truth: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # above the largest number comes infinity
        return error / np.spacing(np.abs(truth).astype(np.float32)).astype(np.float64)


def _sigmoid(z: np.ndarray) -> np.ndarray:
    """In float64, written apart from the definition's."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z.astype(np.float64)))


@networks.each_instruction_set
def test_the_kernels_tanh_is_within_4e_7_and_six_ulps(library):
    truth = np.tanh(X.astype(np.float64))
    error = np.abs(calls.activate(library, "tanh", X) - truth)
    assert error.max() <= 4e-7
    assert _ulps(error, truth).max() <= 6


@networks.each_instruction_set
def test_the_kernels_tanh_stays_within_one_and_is_odd_to_the_bit(library):
    h = calls.activate(library, "tanh", X)
    assert np.abs(h).max() <= 1
    positive, negative = np.split(h, 2)
    assert np.array_equal(positive.view(np.uint32) ^ 0x80000000, negative.view(np.uint32))
    assert np.array_equal(np.signbit(calls.activate(library, "tanh", ZEROS)), [False, True])


@networks.each_instruction_set
def test_the_kernels_tanh_is_one_where_it_rounds_to_one(library):
    # Else a saturated unit would pass on a share of its gradient, and a large one, that the definition does not.
    far = X[np.abs(X) >= 9.02]
    assert np.array_equal(calls.activate(library, "tanh", far), np.sign(far))


@networks.each_instruction_set
def test_the_kernels_tanh_never_falls_by_more_than_its_error(library):
    h = calls.activate(library, "tanh", np.sort(X)).astype(np.float64)
    assert np.diff(h).min() >= -4e-7


@networks.each_instruction_set
def test_the_kernels_sigmoid_is_within_1_5e_7_and_three_ulps(library):
    truth = _sigmoid(X)
    h = calls.activate(library, "sigmoid", X)
    error = np.abs(h - truth)
    assert error.max() <= 1.5e-7
    assert _ulps(error, truth)[truth >= 1e-37].max() <= 3
    assert h.min() >= 0
    assert h.max() <= 1
    assert calls.activate(library, "sigmoid", ZEROS).tolist() == [0.5, 0.5]


@networks.each_instruction_set
def test_the_kernels_relu_and_linear_are_exact(library):
    assert np.array_equal(calls.activate(library, "relu", X), np.where(X > 0, X, np.float32(0)))
    assert np.array_equal(calls.activate(library, "linear", X).view(np.uint32), X.view(np.uint32))


# The largest error, as a share of the true value where that is above one.
ERRORS = {
    "hard_sigmoid": 6e-8, "leaky_relu": 1e-7, "elu": 1e-7, "selu": 2e-7, "softplus": 2e-7, "softsign": 1.5e-7,
    "swish": 2e-7,
}  # fmt: skip
FINITE = X[np.isfinite(X)]


@cache
def _truth(activation: str) -> np.ndarray:
    """The definition's values in float64, on which tests/test_cells.py and the ones below keep an eye."""
    with np.errstate(over="ignore"):
        return ACTIVATIONS[activation].f(FINITE.astype(np.float64))


@networks.each_instruction_set
@pytest.mark.parametrize("activation", ERRORS)
def test_the_kernels_other_activations_are_within_their_errors(library, activation):
    truth = _truth(activation)
    held = np.abs(truth) < np.finfo(np.float32).max  # selu outgrows float32 before its argument does
    error = np.abs(calls.activate(library, activation, FINITE) - truth)[held]
    assert (error / np.maximum(1, np.abs(truth[held]))).max() <= ERRORS[activation]


@networks.each_instruction_set
@pytest.mark.parametrize("activation", ["softplus", "softsign", "swish"])
def test_the_kernels_small_values_are_within_four_ulps(library, activation):
    # elu, selu and hard_sigmoid subtract near their zeros, where an error of 1e-7 is no small share.
    truth = _truth(activation)
    error = np.abs(calls.activate(library, activation, FINITE) - truth)
    assert _ulps(error, truth)[np.abs(truth) >= 1e-35].max() <= 4


@networks.each_instruction_set
def test_the_kernels_leaky_relu_is_within_one_ulp(library):
    truth = _truth("leaky_relu")
    assert _ulps(np.abs(calls.activate(library, "leaky_relu", FINITE) - truth), truth).max() <= 1


@networks.each_instruction_set
@pytest.mark.parametrize("activation", structs.ACTIVATIONS)
def test_the_kernels_activations_at_zero(library, activation):
    h = calls.activate(library, activation, ZEROS)
    assert h[0] == h[1] == pytest.approx(ACTIVATIONS[activation].f(np.zeros(1))[0], abs=6e-8)


@networks.each_instruction_set
@pytest.mark.parametrize("activation", structs.ACTIVATIONS)
def test_not_a_number_stays_so_in_its_own_place(library, activation):
    x = np.linspace(-2, 2, 37, dtype=np.float32)  # two whole registers of sixteen, and five
    clean = calls.activate(library, activation, x)
    for place in (0, 17, 36):
        spoiled = x.copy()
        spoiled[place] = np.nan
        h = calls.activate(library, activation, spoiled)
        assert np.isnan(h[place])
        assert np.array_equal(np.delete(h, place), np.delete(clean, place))


@networks.needs_kernel
@pytest.mark.parametrize("activation", structs.ACTIVATIONS)
def test_avx2_and_avx512_give_the_same_bits(activation):
    if not {"avx2", "avx512"} <= set(networks.KERNEL.instruction_sets):
        pytest.skip("this processor does not have both AVX2 and AVX-512")
    one, other = (
        calls.activate(networks.with_instruction_set(name), activation, X).view(np.uint32)
        for name in ("avx2", "avx512")
    )
    assert np.array_equal(one, other)


def test_the_kernel_and_the_definition_have_the_same_activations():
    assert tuple(ACTIVATIONS) == structs.ACTIVATIONS


@pytest.mark.parametrize(
    ("activation", "z", "h"),
    [
        ("linear", -1.25, -1.25),
        ("tanh", 0.5, 0.46211715726000975),
        ("sigmoid", 2.0, 0.8807970779778823),
        ("sigmoid", -2.0, 0.11920292202211755),
        ("sigmoid", -1000.0, 0.0),
        ("sigmoid", 1000.0, 1.0),
        ("relu", -3.0, 0.0),
        ("relu", 3.0, 3.0),
        ("hard_sigmoid", 1.5, 0.75),
        ("hard_sigmoid", -3.0, 0.0),
        ("leaky_relu", -2.0, -0.4),
        ("elu", -1.0, -0.6321205588285577),
        ("selu", -1.0, -1.1113307378125625),
        ("selu", 2.0, 2.101401974710961),
        ("softplus", 1.0, 1.3132616875182228),
        ("softplus", -1000.0, 0.0),
        ("softplus", 1000.0, 1000.0),
        ("softsign", -3.0, -0.75),
        ("swish", 1.0, 0.7310585786300049),
        ("swish", -1000.0, 0.0),
    ],
)
def test_the_definition_gives_the_known_value(activation, z, h):
    assert ACTIVATIONS[activation].f(np.array([z]))[0] == pytest.approx(h, rel=1e-15, abs=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_definitions_derivative_is_the_central_difference(activation):
    f, derivative = ACTIVATIONS[activation]
    z = np.linspace(-6, 6, 240)  # without 0, where relu has a corner
    step = 1e-5
    difference = (f(z + step) - f(z - step)) / (2 * step)
    assert np.abs(derivative(f(z), z) - difference).max() <= 1e-9


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_definition_keeps_the_precision_it_is_given(activation):
    f, derivative = ACTIVATIONS[activation]
    for real in (np.float32, np.float64):
        z = np.array([[-0.5, 0.5]], dtype=real)
        assert f(z).dtype == derivative(f(z), z).dtype == real
