"""The test of Diebold and Mariano by hand, Student's t beside scipy, and how often it is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.evaluate.dm_test import diebold_mariano, student_t_p_value, student_t_quantile
from timeglass.types import Array

FREEDOMS = (1, 2, 3, 5, 9, 30, 99, 199, 200, 201, 1_000, 100_000)


def plain(d: Array, h: int) -> float:
    """The statistic as Harvey, Leybourne and Newbold print it, in loops."""
    n, mean = len(d), sum(d) / len(d)
    gamma = [sum((d[t] - mean) * (d[t - k] - mean) for t in range(k, n)) / n for k in range(h)]
    s1 = mean / math.sqrt((gamma[0] + 2 * sum(gamma[1:])) / n)
    return s1 * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)


def test_by_hand() -> None:
    found = diebold_mariano([3.0, 1.0, 4.0, 1.0], [1.0, 1.0, 3.0, 2.0])
    # d = 2, 0, 1, -1; mean 1/2; γ0 = 5/4; variance 5/16; the correction √(3/4).
    assert found.mean_difference == 0.5
    assert found.statistic == pytest.approx(0.5 / math.sqrt(5 / 16) * math.sqrt(3 / 4))
    assert found.p_value == pytest.approx(2 * stats.t.sf(found.statistic, 3), rel=1e-12)


def test_one_step_is_the_t_test_of_the_mean() -> None:
    a, b = np.random.default_rng(1).gamma(2, size=(2, 25))
    expected = stats.ttest_1samp(a - b, 0)
    found = diebold_mariano(a, b)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-12)


@pytest.mark.parametrize(("n", "h"), [(30, 2), (60, 4), (200, 12)])
def test_more_steps_beside_loops(n: int, h: int) -> None:
    noise = np.random.default_rng(n).normal(size=(2, n + h))
    a, b = (np.convolve(row, np.ones(h), "valid")[:n] ** 2 for row in noise)
    assert diebold_mariano(a, b, horizon=h).statistic == pytest.approx(plain(a - b, h), rel=1e-10)


def test_a_variance_that_is_not_above_zero_takes_bartlett_weights() -> None:
    d = np.array([1.0, -1.0] * 4) + 0.25
    # γ0 = 1 and γ1 = -7/8: 1 - 7/4 is below zero; weighed by half it is 1 - 7/8.
    found = diebold_mariano(d, np.zeros(8), horizon=2)
    assert found.statistic == pytest.approx(0.25 / math.sqrt((1 / 8) / 8) * math.sqrt((9 - 4 + 2 / 8) / 8))


def test_differences_that_do_not_vary() -> None:
    same = diebold_mariano([1.0, 2.0], [1.0, 2.0])
    assert (same.statistic, same.p_value, same.mean_difference) == (0.0, 1.0, 0.0)
    zero = diebold_mariano([0.0, 0.0], [0.0, 0.0])
    assert (zero.statistic, zero.p_value) == (0.0, 1.0)
    less = diebold_mariano([0.1, 0.2, 0.3], [1.1, 1.2, 1.3])  # equal but for rounding
    assert (less.statistic, less.p_value) == (-math.inf, 0.0)


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(0, 1e3)), min_size=4, max_size=30), st.integers(1, 3))
def test_turned_round_and_in_other_units(pairs: list[tuple[float, float]], h: int) -> None:
    a, b = np.array(pairs).T
    found, turned, scaled = (
        diebold_mariano(*each, horizon=h) for each in ((a, b), (b, a), (a * 2.0**600, b * 2.0**600))
    )
    assert turned.statistic == -found.statistic
    assert turned.p_value == found.p_value == scaled.p_value
    assert 0 <= found.p_value <= 1


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_students_t_beside_scipy(freedom: int) -> None:
    for t in (1e-12, 1e-3, 0.1, 0.5, 0.999, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 40.0, 1e3):
        expected = 2 * stats.t.sf(t, freedom)
        assert student_t_p_value(t, freedom) == pytest.approx(expected, abs=1e-11, rel=0)
        assert student_t_p_value(-t, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    for share in (1e-6, 0.025, 0.3, 0.5, 0.7, 0.975, 0.9999):
        assert student_t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-9, abs=1e-12)


def test_students_t_at_the_ends() -> None:
    assert student_t_p_value(0.0, 4) == 1.0
    assert student_t_p_value(math.inf, 4) == 0.0
    assert student_t_p_value(1e200, 1) == pytest.approx(0, abs=1e-190)
    assert student_t_p_value(1e-200, 1) == 1.0


@pytest.mark.parametrize("h", [1, 3])
def test_equal_forecasts_are_found_different_in_about_one_of_twenty(h: int) -> None:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(400):
        errors = rng.normal(size=(2, 80 + h - 1))
        a, b = (np.convolve(row, np.ones(h), "valid") ** 2 for row in errors)
        found.append(diebold_mariano(a, b, horizon=h).p_value < 0.05)
    assert 0.02 <= np.mean(found) <= 0.1


def test_refusals() -> None:
    with pytest.raises(InputError, match="3 losses, at least 4 are needed"):
        diebold_mariano([1.0] * 3, [2.0] * 3, horizon=3)
    with pytest.raises(ShapeError, match=r"\(2,\) and \(3,\)"):
        diebold_mariano([1.0] * 2, [2.0] * 3)
    with pytest.raises(DataError, match="loss_b: value 2 is nan"):
        diebold_mariano([1.0, 1.0], [2.0, np.nan])
    with pytest.raises(OptionError, match="horizon"):
        diebold_mariano([1.0, 1.0], [2.0, 2.0], horizon=0)
    with pytest.raises(InputError, match="nan"):
        student_t_p_value(math.nan, 3)
    with pytest.raises(OptionError, match="probability"):
        student_t_quantile(1.0, 3)
