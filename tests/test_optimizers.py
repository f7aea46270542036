"""The optimisers: two steps of each worked by hand, runs against Keras, clipping, rates of each network, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live import live_keras
from numpy.testing import assert_allclose
from quick import one_in

from timeglass.errors import OptionError
from timeglass.train.clipping import clip_by_global_norm, clip_by_norm, clip_by_value
from timeglass.train.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop, optimizer_of
from timeglass.train.schedules import CosineDecay, ExponentialDecay, OneCycle

# Keras's own, from its variables' values with NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

SHAPES = [(2, 3), (3,), (3, 1), (1,)]
SIZE = sum(math.prod(shape) for shape in SHAPES)


class Run:
    """L networks whose weights take steps along given gradients."""

    def __init__(self, optimizer: Optimizer, weights: np.ndarray) -> None:
        self.optimizer, self.weights = optimizer, weights.copy()  # (L, P)
        self.slots = np.zeros((optimizer.slots, *weights.shape), dtype=weights.dtype)
        self.steps, self.beta_powers = np.zeros(len(weights), dtype=np.int64), np.ones((len(weights), 2))

    def step(self, gradient: np.ndarray) -> np.ndarray:
        """Takes the step, and gives the weights."""
        o, gradient = self.optimizer, gradient.astype(self.weights.dtype)
        arrays, at = [], 0
        for size in map(math.prod, SHAPES if gradient.shape[1] == SIZE else [(gradient.shape[1],)]):
            arrays.append(gradient[:, at : at + size])
            at += size
        o.clip(gradient, lambda: arrays)
        rates = o.base_rates(len(self.weights)) * o.factor(self.steps)
        self.steps += 1
        self.beta_powers *= o.betas
        o.step(gradient, self.weights, self.slots, o.step_rates(rates, self.beta_powers, self.weights.dtype))
        return self.weights


def drawn(networks: int = 1, steps: int = 12, dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
    """Weights (L, P), and gradients (steps, L, P) of very different sizes."""
    rng = np.random.default_rng(8)
    size = 10.0 ** rng.uniform(-3, 1, (steps, networks, 1))
    return rng.normal(size=(networks, SIZE)).astype(dtype), (rng.normal(size=(steps, networks, SIZE)) * size).astype(
        dtype
    )


# By hand: one weight of 1; gradients 0.5, then -0.25. Each step in plain numbers.


def check_two_steps(optimizer: Optimizer, first: float, second: float) -> None:
    run = Run(optimizer, np.array([[1.0]]))
    assert run.step(np.array([[0.5]]))[0, 0] == pytest.approx(first, abs=1e-14)
    assert run.step(np.array([[-0.25]]))[0, 0] == pytest.approx(second, abs=1e-14)


def test_sgd_by_hand():
    check_two_steps(SGD(0.1), 1 - 0.05, 1 - 0.05 + 0.025)


def test_sgd_with_momentum_by_hand():
    # v = -0.05; then 0.8 · -0.05 + 0.025 = -0.015
    check_two_steps(SGD(0.1, momentum=0.8), 1 - 0.05, 1 - 0.05 - 0.015)


def test_nesterov_by_hand():
    # w += 0.8 · -0.05 - 0.05 = -0.09; then 0.8 · -0.015 + 0.025 = 0.013
    check_two_steps(SGD(0.1, momentum=0.8, nesterov=True), 1 - 0.09, 1 - 0.09 + 0.013)


def test_rmsprop_by_hand():
    # v = 0.2 · 0.25 = 0.05; then 0.8 · 0.05 + 0.2 · 0.0625 = 0.0525
    first = 1 - 0.1 * 0.5 / math.sqrt(0.05 + 0.001)
    check_two_steps(RMSprop(0.1, rho=0.8, epsilon=0.001), first, first + 0.1 * 0.25 / math.sqrt(0.0525 + 0.001))


def test_rmsprop_with_momentum_by_hand():
    change = 0.1 * 0.5 / math.sqrt(0.051)
    then = 0.5 * change - 0.1 * 0.25 / math.sqrt(0.0535)
    check_two_steps(RMSprop(0.1, rho=0.8, momentum=0.5, epsilon=0.001), 1 - change, 1 - change - then)


def test_centered_rmsprop_by_hand():
    # a = 0.2 · 0.5 = 0.1, d = 0.05 - 0.01 + 0.001; then a = 0.08 - 0.05 = 0.03, d = 0.0525 - 0.0009 + 0.001
    first = 1 - 0.05 / math.sqrt(0.041)
    check_two_steps(RMSprop(0.1, rho=0.8, epsilon=0.001, centered=True), first, first + 0.025 / math.sqrt(0.0526))


def test_adam_by_hand():
    # m = 0.05, v = 0.0025, rate = 0.1 · sqrt(0.01) / 0.1 = 0.1
    first = 1 - 0.1 * 0.05 / (0.05 + 0.001)
    # m = 0.05 + (-0.25 - 0.05) · 0.1 = 0.02, v = 0.0025 + (0.0625 - 0.0025) · 0.01 = 0.0031
    second = first - 0.1 * 0.0199**0.5 / 0.19 * 0.02 / (0.0031**0.5 + 0.001)
    check_two_steps(Adam(0.1, beta_1=0.9, beta_2=0.99, epsilon=0.001), first, second)


def test_adamw_by_hand():
    # The decay takes 0.1 · 0.2 of the weight, then Adam's step as above.
    first = 0.98 - 0.1 * 0.05 / 0.051
    second = 0.98 * first - 0.1 * 0.0199**0.5 / 0.19 * 0.02 / (0.0031**0.5 + 0.001)
    check_two_steps(AdamW(0.1, weight_decay=0.2, beta_1=0.9, beta_2=0.99, epsilon=0.001), first, second)


# Against Keras

OPTIMIZERS: list[Optimizer] = [
    SGD(),
    SGD(0.05, momentum=0.9),
    SGD(0.05, momentum=0.9, nesterov=True),
    RMSprop(),
    RMSprop(0.01, rho=0.7, momentum=0.6),
    RMSprop(0.01, centered=True),
    RMSprop(0.01, momentum=0.6, centered=True, epsilon=1e-4),
    Adam(),
    Adam(0.02, 0.5, 0.9, 1e-3),
    AdamW(),
    AdamW(0.02, 0.1, 0.8, 0.95),
    Adam(0.02, clipnorm=0.5),
    SGD(0.05, global_clipnorm=0.7),
    RMSprop(0.01, clipvalue=0.1),
    AdamW(0.02, clipnorm=0.5),
    Adam(CosineDecay(0.02, 8, 0.1)),
    AdamW(ExponentialDecay(0.02, 3, 0.5), weight_decay=0.1),
    SGD(CosineDecay(0.01, 5, warmup_target=0.1, warmup_steps=4), momentum=0.5),
]
each_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)


def keras_optimizer(optimizer: Optimizer) -> Any:
    import keras

    settings = dict(vars(optimizer))
    rate = settings["learning_rate"]
    if not isinstance(rate, float):
        settings["learning_rate"] = getattr(keras.optimizers.schedules, type(rate).__name__)(**vars(rate))
    return getattr(keras.optimizers, type(optimizer).__name__)(**settings)


@live_keras
@pytest.mark.parametrize("optimizer", one_in(3, OPTIMIZERS), ids=repr)
def test_a_run_is_that_of_keras(optimizer):
    import keras

    weights, gradients = drawn()
    theirs, at, variables = keras_optimizer(optimizer), 0, []
    for shape in SHAPES:
        variables.append(keras.Variable(weights[0, at : at + math.prod(shape)].reshape(shape)))
        at += math.prod(shape)
    run = Run(optimizer, weights)
    for gradient in gradients:
        edges = np.cumsum([math.prod(shape) for shape in SHAPES])[:-1]
        parts = np.split(gradient[0], edges)
        theirs.apply([part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)], variables)
        expected = np.concatenate([np.ravel(variable.numpy()) for variable in variables])
        assert_allclose(run.step(gradient)[0], expected, rtol=0, atol=2e-6)
    assert np.abs(run.weights - weights).max() > 1e-3
    for name, slot in zip(optimizer.slot_names, run.slots, strict=True):
        kept = np.concatenate([np.ravel(v.numpy()) for v in theirs.variables if v.path.endswith(f"_{name}")])
        assert_allclose(slot[0], kept, rtol=2e-6, atol=2e-6)


@live_keras
@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW])
def test_defaults_and_their_order_are_those_of_keras(kind):
    import keras

    theirs = getattr(keras.optimizers, kind.__name__)
    config = theirs().get_config()
    for name, value in vars(kind()).items():
        assert config[name] == (value if value is None else pytest.approx(value, rel=1e-7))
    names = [name for name in vars(kind()) if "clip" not in name]
    code = theirs.__init__.__code__
    assert list(code.co_varnames[1 : 1 + len(names)]) == names
    assert optimizer_of(kind.__name__) == optimizer_of(kind.name) == kind()


# Many networks


@each_optimizer
def test_networks_beside_each_other_take_the_steps_that_each_would_take_alone(optimizer):
    weights, gradients = drawn(networks=4)
    together = Run(optimizer, weights)
    alone = [Run(optimizer, weights[[i]]) for i in range(4)]
    for gradient in gradients:
        together.step(gradient)
        for i, run in enumerate(alone):
            run.step(gradient[[i]])
    assert np.array_equal(together.weights, np.concatenate([run.weights for run in alone]))


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW])
def test_each_network_takes_its_own_learning_rate(kind):
    weights, gradients = drawn(networks=3)
    rates = (0.1, 0.01, 0.001)
    together = Run(kind(rates), weights)
    alone = [Run(kind(rate), weights[[i]]) for i, rate in enumerate(rates)]
    scheduled = Run(kind(ExponentialDecay(rates, 100, 1.0)), weights)
    for gradient in gradients:
        together.step(gradient)
        scheduled.step(gradient)
        for i, run in enumerate(alone):
            run.step(gradient[[i]])
    assert np.array_equal(together.weights, np.concatenate([run.weights for run in alone]))
    assert np.array_equal(together.weights, scheduled.weights)


def test_each_network_is_at_its_own_step_of_a_schedule():
    run = Run(SGD(ExponentialDecay(1.0, 1, 0.5)), np.zeros((3, 1)))
    run.steps[:] = [0, 1, 3]
    assert run.step(np.ones((3, 1))).ravel().tolist() == [-1, -0.5, -0.125]


def test_float32_rates_are_rounded_once_from_float64():
    rates = Adam(0.1).step_rates(np.array([0.1]), np.array([[0.9, 0.999]]), np.float32)
    assert rates.rate.dtype == np.float32
    assert rates.rate[0, 0] == np.float32(0.1 * np.sqrt(1 - 0.999) / (1 - 0.9))
    decay = AdamW(0.1, 0.03).step_rates(np.array([0.1]), np.array([[0.9, 0.999]]), np.float32).decay
    assert decay[0, 0] == np.float32(0.1 * 0.03)


def test_centered_rmsprop_survives_a_gradient_that_never_changes():
    # v - a² comes to rounding alone, which is below -epsilon for some of these.
    run = Run(RMSprop(0.001, rho=0.95, centered=True), np.zeros((1, 9), dtype=np.float32))
    gradient = np.array([[0.1, 0.7, 1, 3, 10, 33, 100, 1000, 4321]])
    for _ in range(600):
        assert np.isfinite(run.step(gradient)).all()


# Clipping

numbers = st.floats(-1e3, 1e3, width=32)
limits = st.floats(2**-7, 2**13, width=32)


def norm(array: np.ndarray) -> float:
    return float(np.sqrt(np.square(array.astype(np.float64)).sum()))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(numbers, min_size=3, max_size=3), st.lists(numbers, min_size=2, max_size=2), limits)
def test_clipping_bounds_what_is_too_large_and_leaves_the_rest_to_the_bit(one, other, limit):
    given_gradient = np.array([[*one, *other]], dtype=np.float32)
    by_value, by_norm, by_global_norm = (given_gradient.copy() for _ in range(3))
    clip_by_value(by_value, limit)
    assert by_value.tolist() == np.clip(given_gradient, -np.float32(limit), np.float32(limit)).tolist()
    clip_by_norm([by_norm[:, :3], by_norm[:, 3:]], limit)
    clip_by_global_norm(by_global_norm, limit)
    parts = [(by_norm[:, :3], given_gradient[:, :3]), (by_norm[:, 3:], given_gradient[:, 3:])]
    for made, before in [*parts, (by_global_norm, given_gradient)]:
        assert norm(made) <= limit * (1 + 1e-6)
        if norm(before) < limit * (1 - 1e-6):
            assert np.array_equal(made, before)
        else:
            assert_allclose(made * norm(before), before * min(limit, norm(before)), rtol=1e-5, atol=1e-30)


def test_a_gradient_of_zero_stays_zero():
    gradient = np.zeros((2, 3), dtype=np.float32)
    clip_by_global_norm(gradient, 1.0)
    clip_by_norm([gradient], 1.0)
    assert gradient.tolist() == np.zeros((2, 3)).tolist()


# What is refused


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Adam(0), "Adam learning_rate: expected a finite number above 0, got 0"),
        (lambda: Adam(math.nan), "Adam learning_rate: expected a finite number above 0, got nan"),
        (lambda: Adam("fast"), "Adam learning_rate: expected a finite number above 0, got 'fast'"),
        (lambda: Adam([0.1, -0.1]), "Adam learning_rate of network 1: expected a finite number above 0, got -0.1"),
        (lambda: Adam([[0.1], [0.2]]), "learning_rate: expected one rate, or one for each network in a row"),
        (lambda: Adam(beta_1=1.0), "Adam beta_1: expected a number from 0 to below 1, got 1.0"),
        (lambda: AdamW(weight_decay=-1), "AdamW weight_decay: expected a finite number of at least 0, got -1"),
        (lambda: AdamW(epsilon=True), "AdamW epsilon: expected a finite number of at least 0, got True"),
        (lambda: SGD(momentum=1.5), "SGD momentum: expected a number from 0 to 1, got 1.5"),
        (lambda: RMSprop(rho=-0.1), "RMSprop rho: expected a number from 0 to below 1, got -0.1"),
        (
            lambda: SGD(clipnorm=1, clipvalue=1),
            "SGD: expected at most one kind of clipping, got clipnorm and clipvalue",
        ),
        (lambda: SGD(global_clipnorm=0), "SGD global_clipnorm: expected a finite number above 0, got 0"),
        (lambda: SGD((0.1, 0.2)).base_rates(3), "SGD learning_rate: expected one rate or 3, .* got 2"),
        (lambda: Adam(OneCycle((0.1, 0.2), 9)).base_rates(3), "Adam learning_rate: expected one rate or 3, .* got 2"),
        (lambda: optimizer_of("ftrl"), "optimizer: expected one of sgd, rmsprop, adam, adamw, or .*, got 'ftrl'"),
        (lambda: optimizer_of(Adam), "optimizer: expected one of .* got <class"),
    ],
)
def test_what_is_no_optimiser_is_refused_with_what_is_expected(make, words):
    with pytest.raises(OptionError, match=words):
        make()


def test_rates_in_any_sequence_are_kept_as_a_tuple():
    assert Adam(np.array([0.1, 0.2])) == Adam([0.1, 0.2]) == Adam((0.1, 0.2))
    assert SGD(1).learning_rate == 1.0
