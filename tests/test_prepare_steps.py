"""Chains of steps, differences and last values: inverses after any rows, and forecasts brought back to units."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.prepare.deseasonalise import SeasonalIndices
from timeglass.prepare.difference import Difference, LastValue
from timeglass.prepare.power import BoxCox, Log
from timeglass.prepare.scale import MinMaxScaler, RobustScaler, StandardScaler
from timeglass.prepare.steps import FollowingStep, Step, Steps, inverse_forecasts
from timeglass.prepare.windows import direct_windows

TRIALS = settings(max_examples=50, deadline=None, derandomize=True)
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
POSITIVE = st.floats(0.1, 1e3)


def undone(differences, before, lag):
    """The plain loop that `Difference.inverse_transform` must agree with."""
    known = list(before)
    for change in differences:
        known.append(known[-lag] + change)
    return known[len(before) :]


def test_differences_by_hand():
    values = np.array([1.0, 4.0, 9.0, 16.0, 25.0])
    assert Difference().transform(values).tolist() == [3.0, 5.0, 7.0, 9.0]
    assert Difference(2).transform(values).tolist() == [8.0, 12.0, 16.0]
    twice = Steps((Difference(), Difference()))
    assert twice.transform(values).tolist() == [2.0, 2.0, 2.0]
    later = twice.after(values)  # last value 25, last difference 9
    assert later.inverse_transform(np.array([2.0, 2.0])).tolist() == [36.0, 49.0]
    assert later.transform(np.array([36.0, 49.0])).tolist() == [2.0, 2.0]
    assert Difference(2).after(np.array([1.0])[[0, 0]]).after(np.array([5.0])).before.tolist() == [1.0, 5.0]


@TRIALS
@given(
    values=arrays(np.float64, st.integers(14, 40), elements=NUMBERS), lag=st.integers(1, 6), split=st.integers(6, 13)
)
def test_differences_have_their_inverse(values, lag, split):
    step = Difference(lag).after(values[:split])
    changes = step.transform(values[split:])
    assert changes.tolist() == [values[t] - values[t - lag] for t in range(split, len(values))]
    back = step.inverse_transform(changes)
    np.testing.assert_allclose(back, values[split:], rtol=0, atol=1e-14 * len(values) * (1 + np.abs(values).max()))
    np.testing.assert_allclose(back, undone(changes, values[split - lag : split], lag), rtol=0, atol=1e-6)


@TRIALS
@given(windows=arrays(np.float64, (3, 5), elements=POSITIVE), later=arrays(np.float64, (2, 3, 4), elements=POSITIVE))
def test_steps_after_windows_have_their_inverse(windows, later):
    for step in (LastValue(), LastValue("divided"), Difference(), Difference(3)):
        moved = step.after(windows)
        np.testing.assert_allclose(moved.inverse_transform(moved.transform(later)), later, rtol=0, atol=1e-10)
        one = step.after(windows[1]).transform(later[0, 1])
        assert moved.transform(later)[0, 1].tolist() == one.tolist()


def test_last_value_by_hand():
    windows = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert LastValue().transform(windows).tolist() == [[-1.0, 0.0], [-1.0, 0.0]]
    assert LastValue("divided").transform(windows).tolist() == [[0.5, 1.0], [0.75, 1.0]]
    assert LastValue("divided").after(windows).inverse_transform(np.array([[2.0], [3.0]])).tolist() == [[4.0], [12.0]]
    with pytest.raises(DataError, match=r"1 of 2 windows end with zero.*use kind='minus'"):
        LastValue("divided").transform(np.array([[1.0, 0.0], [1.0, 2.0]]))


def test_a_forecast_never_meets_another_windows_values():
    windows = np.ones((3, 5))
    for step in (LastValue(), Difference()):
        for shape in [(3,), (2, 1), (4, 3, 2)[:2], (1, 3)]:
            with pytest.raises(ShapeError, match=r"after \(3,\) windows, expected \(…, 3, steps\).*values\[:, None\]"):
                step.after(windows).inverse_transform(np.ones(shape))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Difference(0), "lag: expected a whole number of at least 1, got 0"),
        (lambda: Difference(2, np.ones(3)), r"before: expected \(…, 2\) values, got \(3,\)"),
        (lambda: Difference(3).after(np.ones(2)), "at least 3 are needed for lag 3"),
        (lambda: Difference(3).transform(np.ones(3)), "more than 3 are needed for lag 3"),
        (lambda: Difference().inverse_transform(np.ones(3)), r"needs the 1 values before: use after"),
        (lambda: LastValue().inverse_transform(np.ones(3)), r"needs the windows' last values: use after"),
        (lambda: LastValue("times"), "expected 'minus' or 'divided', got 'times'"),
        (lambda: LastValue().transform(np.ones((2, 0))), r"expected windows \(…, T\), got \(2, 0\)"),
        (lambda: Steps((MinMaxScaler,)), "step 1: expected a step with transform"),
        (lambda: Steps.fit([1.0, 2.0], [Log(), MinMaxScaler]), r"step 2: .* such as MinMaxScaler.fit, got <class"),
        (lambda: Steps.fit([1.0, 2.0], ["log"]), "step 1: expected a step such as"),
        (lambda: Steps.fit([[1.0], [2.0]], []), r"expected one series \(rows,\), got \(2, 1\)"),
    ],
)
def test_refusals(make, says):
    with pytest.raises((InputError, OptionError), match=says):
        make()


# ---- chains


def test_each_step_learns_from_what_those_before_it_make():
    steps = Steps.fit([1.0, 10.0, 1000.0], [Log(), Difference(), MinMaxScaler.fit])
    ten = np.log(10)
    assert steps.steps[2].low == pytest.approx(ten)
    assert steps.steps[2].high == pytest.approx(2 * ten)
    # After 1000, twofold growth by 10 is 0, by 100 is 1.
    after = steps.after(np.array([1.0, 10.0, 1000.0]))
    np.testing.assert_allclose(after.transform(np.array([1e4, 1e6])), [0, 1], atol=1e-12)
    np.testing.assert_allclose(after.inverse_transform(np.array([0.0, 1.0])), [1e4, 1e6], rtol=1e-12)
    assert isinstance(steps, Step)
    assert isinstance(steps, FollowingStep)
    assert not isinstance(Log(), FollowingStep)


CHAINS = {
    "scaled": [Log(), MinMaxScaler.fit],
    "seasonal": [partial(SeasonalIndices.fit, period=4), StandardScaler.fit],
    "additive": [partial(SeasonalIndices.fit, period=4, kind="additive"), RobustScaler.fit],
    "differences": [partial(BoxCox.fit, period=4), Difference(4), Difference(), StandardScaler.fit],
    "season of differences": [Difference(), partial(SeasonalIndices.fit, period=3, kind="additive")],
    "in a chain": [Steps((Log(), Difference())), MinMaxScaler.fit],
}


@pytest.mark.parametrize("makers", CHAINS.values(), ids=CHAINS.keys())
@TRIALS
@given(noise=arrays(np.float64, 40, elements=st.floats(-0.2, 0.2)), split=st.integers(20, 39), seed=st.integers(0, 99))
def test_chains_have_their_inverse_after_any_rows(makers, noise, split, seed):
    t = np.arange(40)
    wobble = 0.05 * np.random.default_rng(seed).normal(size=40)  # so that no part is constant
    values = np.exp(2 + 0.02 * t + 0.3 * np.sin(t * np.pi / 2) + noise + wobble)
    steps = Steps.fit(values[:split], makers)
    later = steps.after(values[:split])
    np.testing.assert_allclose(later.inverse_transform(later.transform(values[split:])), values[split:], rtol=1e-8)
    # What the chain makes of all rows at once ends with what it makes of the later ones: phases and lags are kept.
    whole = steps.transform(values)
    np.testing.assert_allclose(whole[split - len(values) :], later.transform(values[split:]), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("makers", CHAINS.values(), ids=CHAINS.keys())
def test_perfect_forecasts_of_windows_come_back_as_the_values(makers):
    t = np.arange(60)
    values = np.exp(2 + 0.02 * t + 0.3 * np.sin(t * np.pi / 2) + 0.1 * np.random.default_rng(1).normal(size=60))
    steps = Steps.fit(values[:40], makers)
    made = steps.transform(values)
    lost = len(values) - len(made)
    windows = direct_windows(made, 6, horizon=3, stride=2)
    rows = windows.target_rows + lost
    networks = np.stack([windows.y, windows.y])  # two networks' forecasts, both right
    back = inverse_forecasts(steps, values, target_rows=rows, forecasts=networks)
    np.testing.assert_allclose(back, np.stack([values[rows]] * 2), rtol=1e-9)


def test_a_forecast_is_inverted_without_what_it_forecasts():
    values = np.exp(np.random.default_rng(2).normal(size=30))
    steps = Steps.fit(values[:20], [Log(), Difference(), StandardScaler.fit])
    rows, forecasts = np.array([[22, 23]]), np.array([[0.3, -0.2]])
    first = inverse_forecasts(steps, values, target_rows=rows, forecasts=forecasts)
    changed = values.copy()
    changed[22:] *= 7
    assert inverse_forecasts(steps, changed, target_rows=rows, forecasts=forecasts).tolist() == first.tolist()
    changed[21] *= 7
    assert inverse_forecasts(steps, changed, target_rows=rows, forecasts=forecasts).tolist() != first.tolist()


def test_forecasts_of_what_is_not_known_yet_and_of_rows_that_are_not_there():
    scaler, values = MinMaxScaler(0.0, 10.0), np.arange(5.0)
    assert inverse_forecasts(scaler, values, target_rows=np.array([[5]]), forecasts=[[0.5]]).tolist() == [[5.0]]
    for first in (0, 6):
        with pytest.raises(InputError, match="first target of a window must be 1 to 5"):
            inverse_forecasts(scaler, values, target_rows=np.array([[first]]), forecasts=[[0.5]])
    with pytest.raises(ShapeError, match=r"\(1,\) forecasts beside \(1, 1\) target rows"):
        inverse_forecasts(scaler, values, target_rows=np.array([[5]]), forecasts=[0.5])
