"""The losses: values and derivatives against Keras, against finite differences and by hand, and what each minimises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import live_keras, live_torch
from numpy.testing import assert_allclose

from timeglass.errors import OptionError, ShapeError
from timeglass.train.losses import (
    GaussianLikelihood,
    Huber,
    LogCosh,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Quantile,
    batch_loss,
    batch_shares,
    loss_of,
)

LOSSES: list[Loss] = [
    MeanSquaredError(),
    MeanAbsoluteError(),
    Huber(),
    Huber(0.3),
    LogCosh(),
    Quantile(),
    Quantile((0.02, 0.98)),
    GaussianLikelihood(),
]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=repr)
KERAS_LOSSES = LOSSES[:5]


def drawn(loss: Loss, shape: tuple[int, ...] = (3, 4, 2), seed: int = 0, shared: bool = True):
    """Forecasts p (L, N, …, K) and targets y (1 or L, N, …, Ky) with errors on both sides of every kink."""
    rng = np.random.default_rng([seed, 7])
    y = rng.normal(size=(1 if shared else shape[0], *shape[1:]))
    return rng.normal(size=(*shape[:-1], loss.outputs(shape[-1]))), y


def numeric(loss: Loss, p: np.ndarray, y: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The derivative of `of_windows` by finite differences: one output after another moves in all windows at once."""
    made = np.empty_like(p)
    for place in np.ndindex(p.shape[2:]):
        moved = np.zeros_like(p)
        moved[(..., *place)] = step
        made[(..., *place)] = (loss.of_windows(p + moved, y) - loss.of_windows(p - moved, y)) / (2 * step)
    return made


@each_loss
@pytest.mark.parametrize("shape", [(3, 4, 1), (2, 5, 3), (2, 3, 4, 2)], ids=str)
@pytest.mark.parametrize("shared", [True, False])
def test_the_derivative_is_the_finite_difference(loss, shape, shared):
    p, y = drawn(loss, shape, shared=shared)
    derivative = loss.derivative(p, y)
    assert derivative.shape == p.shape
    assert_allclose(derivative, numeric(loss, p, y), rtol=1e-9, atol=1e-9)
    assert loss.of_windows(p, y).shape == shape[:2]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    loss=st.sampled_from(LOSSES),
    shape=st.tuples(*[st.integers(1, 4)] * 4),
    sequences=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_derivative_is_the_finite_difference_whatever_the_shape(loss, shape, sequences, seed):
    p, y = drawn(loss, shape if sequences else shape[:3], seed)
    errors = np.abs(p.reshape(*p.shape[:-1], -1, y.shape[-1]) - y[..., None, :])
    # At a kink there is no derivative: at 0, and where Huber's line begins, the second one jumps at least.
    if min(np.abs(errors - kink).min() for kink in (0, 0.3, 1)) > 1e-5:
        assert_allclose(loss.derivative(p, y), numeric(loss, p, y), rtol=0, atol=2e-8)


@each_loss
def test_float32_stays_float32_and_is_near_the_truth(loss):
    p, y = drawn(loss, (3, 40, 2))
    p32, y32 = p.astype(np.float32), y.astype(np.float32)
    values, derivative = loss.of_windows(p32, y32), loss.derivative(p32, y32)
    assert values.dtype == derivative.dtype == np.float32
    truth = loss.of_windows(p32.astype(float), y32.astype(float)), loss.derivative(p32.astype(float), y32.astype(float))
    assert_allclose(values, truth[0], rtol=3e-6, atol=3e-7)
    assert_allclose(derivative, truth[1], rtol=3e-6, atol=3e-7)


# By hand: the errors of one window are 0.5, -2 and 0.
BY_HAND = {
    MeanSquaredError(): ((0.25 + 4 + 0) / 3, [2 * 0.5 / 3, 2 * -2 / 3, 0]),
    MeanAbsoluteError(): (2.5 / 3, [1 / 3, -1 / 3, 0]),
    Huber(): ((0.125 + (2 - 0.5) + 0) / 3, [0.5 / 3, -1 / 3, 0]),
    Huber(3.0): ((0.125 + 2 + 0) / 3, [0.5 / 3, -2 / 3, 0]),
    LogCosh(): ((math.log(math.cosh(0.5)) + math.log(math.cosh(2))) / 3, [math.tanh(0.5) / 3, -math.tanh(2) / 3, 0]),
}


@pytest.mark.parametrize("loss", BY_HAND, ids=repr)
def test_values_and_derivatives_worked_by_hand(loss):
    p, y = np.array([[[1.5, -1.0, 4.0]]]), np.array([[[1.0, 1.0, 4.0]]])
    value, derivative = BY_HAND[loss]
    assert_allclose(loss.of_windows(p, y), [[value]], rtol=1e-14)
    assert_allclose(loss.derivative(p, y), [[derivative]], rtol=1e-14)


def test_the_quantile_loss_worked_by_hand():
    # Two levels, two targets: outputs are (level 0.1: targets 5 and 1), then (level 0.8: the same).
    p, y = np.array([[[4.0, 1.5, 7.0, 1.0]]]), np.array([[[5.0, 1.0]]])
    loss = Quantile((0.1, 0.8))
    # u = y - p: 1, -0.5, -2, 0. Terms 0.1 · 1, -0.9 · -0.5, -0.2 · -2, 0.
    assert_allclose(loss.of_windows(p, y), [[(0.1 + 0.45 + 0.4 + 0) / 4]], rtol=1e-14)
    assert_allclose(loss.derivative(p, y), [[[-0.1 / 4, 0.9 / 4, 0.2 / 4, 0]]], rtol=1e-14)


def test_the_gaussian_likelihood_is_minus_the_logarithm_of_the_density():
    mean, s, y = 1.5, -0.7, 2.25
    deviation = math.exp(s / 2)
    density = math.exp(-(((y - mean) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))
    # Two targets, one as above and one met exactly with variance 1: outputs are both means, then both log variances.
    p = np.array([[[mean, 3.0, s, 0.0]]])
    value = GaussianLikelihood().of_windows(p, np.array([[[y, 3.0]]]))
    assert_allclose(value, [[(-math.log(density) + math.log(2 * math.pi) / 2) / 2]], rtol=1e-14)


def test_median_quantile_is_half_the_absolute_error():
    p, y = drawn(MeanAbsoluteError())
    one, other = Quantile((0.5,)), MeanAbsoluteError()
    assert_allclose(one.of_windows(p, y), other.of_windows(p, y) / 2, rtol=1e-14)
    assert_allclose(one.derivative(p, y), other.derivative(p, y) / 2, rtol=1e-14)


def lowest(loss: Loss, y: np.ndarray, grid: np.ndarray) -> float:
    """The forecast on the grid whose mean loss over the targets y is lowest."""
    losses = [loss.of_windows(np.full((1, len(y), 1), p), y[None, :, None]).mean() for p in grid]
    return float(grid[np.argmin(losses)])


def test_each_loss_is_least_at_what_it_is_to_find():
    y = np.random.default_rng(3).exponential(size=401)
    grid = np.linspace(0, 4, 2001)
    assert lowest(MeanSquaredError(), y, grid) == pytest.approx(y.mean(), abs=0.002)
    assert lowest(MeanAbsoluteError(), y, grid) == pytest.approx(np.median(y), abs=0.002)
    for level in (0.1, 0.5, 0.9):
        # The 401 targets leave an optimum between neighbours no wider than the grid's step allows for.
        assert np.mean(y <= lowest(Quantile((level,)), y, grid)) == pytest.approx(level, abs=0.006)


def test_the_gaussian_likelihood_is_least_at_the_mean_and_log_variance_of_the_targets():
    y = np.random.default_rng(4).normal(2, 0.5, size=(1, 500, 1))
    best = np.array([y.mean(), math.log(y.var())])
    p = np.broadcast_to(best, (1, 500, 2))
    assert_allclose(GaussianLikelihood().derivative(p, y).mean(axis=1), 0, atol=1e-12)


@each_loss
def test_huge_and_tiny_errors_stay_finite(loss):
    y = np.zeros((1, 4, 1), dtype=np.float32)
    p = np.repeat(np.array([[[1e4], [-1e4], [1e-20], [0.0]]], dtype=np.float32), loss.outputs(1), axis=2)
    if isinstance(loss, GaussianLikelihood):
        p[..., 1] = 0
    assert np.isfinite(loss.of_windows(p, y)).all()
    assert np.isfinite(loss.derivative(p, y)).all()
    if isinstance(loss, LogCosh):
        assert loss.of_windows(p, y)[0, :2].tolist() == pytest.approx([1e4 - math.log(2)] * 2)


# The batch


def test_the_share_of_a_window_is_its_weight_over_the_windows_not_over_the_weights():
    shares = batch_shares(4, np.float32, np.array([[1, 0, 2, 5]], dtype=np.float32))
    assert shares.tolist() == [[0.25, 0, 0.5, 1.25]]
    assert shares.dtype == np.float32


def test_masked_steps_have_no_share_and_the_others_share_alike():
    steps = np.array([[[True, False, True], [True, False, False]]])
    shares = batch_shares(2, np.float64, None, steps)
    assert_allclose(shares, [[[1 / 3, 0, 1 / 3], [1 / 3, 0, 0]]])
    each = np.concatenate([steps, ~steps])
    both = batch_shares(2, np.float64, None, each)
    assert_allclose(both, np.concatenate([shares, (1 - 3 * shares) / 3]))
    none = batch_shares(2, np.float64, None, np.zeros((1, 2, 3), dtype=bool))
    assert none.tolist() == np.zeros((1, 2, 3)).tolist()


@each_loss
@pytest.mark.parametrize("masked", [False, True])
def test_the_derivative_of_a_batch_is_its_finite_difference(loss, masked):
    p, y = drawn(loss, (2, 3, 4, 2), seed=2)
    rng = np.random.default_rng(5)
    steps = rng.random((1, 3, 4)) < 0.6 if masked else None
    shares = batch_shares(3, np.float64, rng.uniform(0, 2, (2, 3)), steps)
    value, derivative = batch_loss(loss, p, y, shares)
    assert value.shape == (2,)
    direction = rng.normal(size=p.shape)
    up, down = (batch_loss(loss, p + sign * 1e-6 * direction, y, shares)[0] for sign in (1, -1))
    assert_allclose((derivative * direction).sum(axis=(1, 2, 3)), (up - down) / 2e-6, rtol=0, atol=1e-8)


# Keras


@live_keras
@pytest.mark.parametrize("loss", KERAS_LOSSES, ids=repr)
def test_values_and_derivatives_are_those_of_keras(loss):
    import jax
    import keras

    options = {"delta": loss.delta} if isinstance(loss, Huber) else {}
    theirs = getattr(keras.losses, type(loss).__name__)(**options)
    p, y = (array[0].astype(np.float32) for array in drawn(loss, (1, 30, 3)))
    if not isinstance(loss, MeanAbsoluteError):  # at whose kink JAX has one side's slope, where we have 0
        p[0] = y[0]
    weight = np.random.default_rng(1).uniform(0, 2, 30).astype(np.float32)
    expected, slope = jax.value_and_grad(lambda p: theirs(y, p, sample_weight=weight))(p)
    value, derivative = batch_loss(loss, p[None], y[None], batch_shares(30, np.float32, weight[None]))
    assert_allclose(value[0], expected, rtol=1e-6)
    assert_allclose(derivative[0], slope, rtol=0, atol=1e-7)


@live_keras
def test_every_name_that_keras_has_for_a_loss_is_taken():
    import keras

    own = [name for loss in (MeanSquaredError(), MeanAbsoluteError(), Huber(), LogCosh())
           for name in (loss.name, type(loss).__name__)]  # fmt: skip
    for name in ("mse", "MSE", "mae", "MAE", *own):
        theirs = keras.losses.get(name)
        assert loss_of(name).name in (theirs.name if isinstance(theirs, keras.losses.Loss) else theirs.__name__)


# torch


@live_torch
def test_huber_and_the_gaussian_likelihood_are_those_of_torch():
    import torch
    from torch.nn import functional

    p, y = (array[0] for array in drawn(GaussianLikelihood(), (1, 30, 3)))
    mean, s = (torch.tensor(part, requires_grad=True) for part in (p[:, :3], p[:, 3:]))
    for loss, expected in (
        (GaussianLikelihood(), functional.gaussian_nll_loss(mean, torch.tensor(y), torch.exp(s), full=True, eps=1e-12)),
        (Huber(0.3), functional.huber_loss(mean, torch.tensor(y), delta=0.3)),
    ):
        mean.grad, s.grad = None, torch.zeros_like(s)
        expected.backward()
        given = p if isinstance(loss, GaussianLikelihood) else p[:, :3]
        value, derivative = batch_loss(loss, given[None], y[None], batch_shares(30, np.float64))
        assert_allclose(value[0], expected.item(), rtol=1e-10)
        slopes = np.concatenate([mean.grad.numpy(), s.grad.numpy()], axis=1)[:, : given.shape[1]]
        assert_allclose(derivative[0], slopes, rtol=0, atol=1e-12)


# What is refused


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: loss_of("mape"), "loss: expected one of mean_squared_error, .*, or a loss such as .*, got 'mape'"),
        (lambda: loss_of(None), "loss: expected one of .* got None"),
        (lambda: Huber(0), "Huber delta: expected a finite number above 0, got 0"),
        (lambda: Huber("1"), "Huber delta: expected a finite number above 0, got '1'"),
        (lambda: Quantile(()), r"Quantile levels: expected at least one level, .* got \(\)"),
        (lambda: Quantile((0.9, 0.1)), r"each above the one before, got \(0.9, 0.1\)"),
        (lambda: Quantile((0.5, 0.5)), "each above the one before"),
        (lambda: Quantile((0.1, 1.0)), "Quantile levels: expected numbers between 0 and 1, got 1.0"),
        (lambda: Quantile("half"), "Quantile levels: expected numbers between 0 and 1, got 'half'"),
    ],
)
def test_what_is_no_loss_is_refused_with_what_is_expected(make, words):
    with pytest.raises(OptionError, match=words):
        make()


def test_a_single_level_or_a_list_of_levels_is_taken():
    assert Quantile(0.5) == Quantile([0.5]) == Quantile(np.array([0.5]))
    assert hash(Quantile([0.1, 0.9])) == hash(Quantile((0.1, 0.9)))


def test_forecasts_that_do_not_fit_the_targets_are_refused_by_their_shapes():
    with pytest.raises(ShapeError, match=r"quantile: 3 outputs for each target: targets of shape \(1, 4, 2\) need .*"):
        Quantile().of_windows(np.zeros((1, 4, 2)), np.zeros((1, 4, 2)))
    with pytest.raises(ShapeError, match=r"forecasts of shape \(2, 4, 1\), got \(2, 4, 3\)"):
        MeanSquaredError().derivative(np.zeros((2, 4, 3)), np.zeros((1, 4, 1)))


def test_outputs_are_counted_from_targets():
    assert [loss.outputs(2) for loss in LOSSES] == [2, 2, 2, 2, 2, 6, 4, 4]
