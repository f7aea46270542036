"""Seasons: decomposition, indices, the 90 % test and STL, by hand and beside statsmodels."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from timeglass.errors import DataError, EngineError, InputError, OptionError
from timeglass.prepare.autocorrelation import seasonality_test
from timeglass.prepare.decomposition import classical_decomposition, moving_average
from timeglass.prepare.deseasonalise import SeasonalIndices, STLSeason
from timeglass.read.reading import read_series
from timeglass.series.bundled import SUNSPOTS

TRIALS = settings(max_examples=50, deadline=None, derandomize=True)
KINDS = ["additive", "multiplicative"]


def passengers(rows: int, period: int = 12, seed: int = 0) -> np.ndarray:
    """A series that grows, with a season that grows with it, and noise."""
    t = np.arange(rows)
    noise = np.random.default_rng(seed).normal(0, 0.03, rows)
    return np.exp(5 + 0.01 * t + 0.25 * np.sin(2 * np.pi * t / period) + noise)


def test_moving_averages_by_hand():
    np.testing.assert_array_equal(moving_average([1.0, 2.0, 6.0, 4.0], 3), [np.nan, 3.0, 4.0, np.nan])
    # (1/2 + 2 + 6 + 4 + 9/2) / 4
    np.testing.assert_array_equal(moving_average([1.0, 2.0, 6.0, 4.0, 9.0], 4), [np.nan] * 2 + [4.25] + [np.nan] * 2)
    with pytest.raises(InputError, match="4 rows, at least 5 are needed"):
        moving_average(np.ones(4), 4)


def test_indices_by_hand():
    # Rows 1 … 5 have a trend; less it they are 1, 2/3, -7/3, 2, 1, of places 1, 2, 0, 1, 2.
    values = np.array([0.0, 3.0, 3.0, 1.0, 6.0, 5.0, 1.0])
    found = classical_decomposition(values, 3, kind="additive")
    assert found.trend[1:-1].tolist() == pytest.approx([2, 7 / 3, 10 / 3, 4, 4])
    means = np.array([1 - 10 / 3, (1 + 2) / 2, (2 / 3 + 1) / 2])
    np.testing.assert_allclose(found.indices, means - means.mean(), rtol=1e-14)
    # The trend of 2 6 2 6 … is 4: ratios 1/2 and 3/2.
    assert classical_decomposition([2.0, 6.0] * 3, 2).indices.tolist() == [0.5, 1.5]
    assert SeasonalIndices.fit([2.0, 6.0] * 3, 2).transform(np.array([2.0, 6.0, 1.0])).tolist() == [4.0, 4.0, 2.0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("period", [2, 3, 4, 7, 12])
@pytest.mark.parametrize("rows", [24, 61, 100])
def test_the_decomposition_is_statsmodels(kind, period, rows):
    from statsmodels.tsa.seasonal import seasonal_decompose

    values = passengers(rows, period, seed=rows)
    ours, theirs = classical_decomposition(values, period, kind=kind), seasonal_decompose(values, kind, period=period)
    np.testing.assert_allclose(ours.trend, theirs.trend, rtol=1e-13)
    np.testing.assert_allclose(ours.seasonal, theirs.seasonal, rtol=1e-11)
    np.testing.assert_allclose(ours.remainder, theirs.resid, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
@TRIALS
@given(
    values=arrays(np.float64, st.integers(10, 40), elements=st.floats(1.0, 100.0)),
    period=st.integers(2, 5),
    split=st.integers(0, 40),
)
def test_indices_have_their_inverse_and_keep_their_phase(kind, values, period, split):
    values = values + np.linspace(0, 1, len(values))
    season = SeasonalIndices.fit(values, period, kind=kind)
    made, split = season.transform(values), min(split, len(values))
    np.testing.assert_allclose(season.inverse_transform(made), values, rtol=0, atol=1e-12)
    later = season.after(values[:split])
    assert later.transform(values[split:]).tolist() == made[split:].tolist()
    np.testing.assert_allclose(later.inverse_transform(made[split:]), values[split:], rtol=0, atol=1e-12)
    assert season.after(values[:1]).after(values[1:split]) == later or split == 0
    assert np.mean(season.indices) == pytest.approx(float(kind == "multiplicative"), abs=1e-12)


def test_a_perfect_season_is_taken_out_whole_and_put_on_what_comes_after():
    indices = (0.5, 0.8, 1.2, 1.5)
    values = 10 * np.resize(indices, 22)
    season = SeasonalIndices.fit(values[:18], 4)
    np.testing.assert_allclose(season.indices, indices, rtol=1e-12)
    np.testing.assert_allclose(season.after(values[:18]).transform(values[18:]), 10, rtol=1e-12)
    assert season.period == 4


# ---- the test of the competitions


def plain_test(values, period):
    """The rule written as loops."""
    mean, n = sum(values) / len(values), len(values)
    total = sum((v - mean) ** 2 for v in values)
    r = [sum((values[t] - mean) * (values[t - k] - mean) for t in range(k, n)) / total for k in range(period + 1)]
    return abs(r[period]), 1.645 * ((1 + 2 * sum(r[i] ** 2 for i in range(1, period))) / n) ** 0.5


@pytest.mark.parametrize(("rows", "period"), [(36, 12), (100, 7), (24, 4), (9, 3)])
def test_the_test_is_its_formula(rows, period):
    values = np.random.default_rng(rows).normal(size=rows)
    found, (r, limit) = seasonality_test(values, period), plain_test(values.tolist(), period)
    assert (abs(found.autocorrelation), found.limit) == pytest.approx((r, limit), rel=1e-12)
    assert found.seasonal == (r > limit)


def test_a_season_is_found_where_there_is_one():
    seasonal = np.tile([1.0, 2.0, 5.0, 2.0], 6)
    assert seasonality_test(seasonal, 4).seasonal
    assert seasonality_test(seasonal * 1e200, 4).seasonal
    assert not seasonality_test(seasonal[:11], 4).seasonal
    assert seasonality_test(seasonal[:11], 4).sentence() == "Not seasonal: 11 rows are fewer than 3 periods of 4."
    assert not seasonality_test(np.ones(30), 4).seasonal


def test_one_in_ten_noises_passes_for_seasonal():
    rng = np.random.default_rng(0)
    found = sum(seasonality_test(rng.normal(size=120), 4).seasonal for _ in range(1000))
    assert 70 <= found <= 120  # about 100, a little fewer, since the estimate is biased towards zero


def test_only_a_season_that_shows_is_taken_out():
    noise = 10 + np.random.default_rng(3).normal(size=48)
    assert not seasonality_test(noise, 12).seasonal
    assert SeasonalIndices.fit(noise, 12, tested=True) == SeasonalIndices((1.0,) * 12)
    assert SeasonalIndices.fit(noise, 12, kind="additive", tested=True).transform(noise).tolist() == noise.tolist()
    wave = passengers(96)
    assert SeasonalIndices.fit(wave, 12, tested=True) == SeasonalIndices.fit(wave, 12)


def test_sunspots_have_no_season_of_twelve_months():
    values = read_series(str(SUNSPOTS)).values
    rises = np.diff(values)  # the eleven-year cycle raises every autocorrelation of the values themselves
    assert not seasonality_test(rises, 12).seasonal


# ---- STL


@pytest.mark.parametrize("robust", [False, True])
def test_stl_is_statsmodels_and_goes_on_with_its_last_period(robust):
    from statsmodels.tsa.seasonal import STL

    values = passengers(61, seed=4)
    season = STLSeason.fit(values, 12, window=9, robust=robust)
    theirs = STL(values, period=12, seasonal=9, robust=robust).fit().seasonal
    np.testing.assert_array_equal(season.seasonal, theirs)
    np.testing.assert_array_equal(season.transform(values), values - theirs)
    np.testing.assert_allclose(season.inverse_transform(season.transform(values)), values, rtol=1e-14)
    later = season.after(values)
    np.testing.assert_array_equal(later.inverse_transform(np.zeros(30)), np.resize(theirs[-12:], 30))
    # Whatever is cut where: row 61 + 5 is row 61 + 5 - 12's season.
    assert later.after(np.zeros(5)).inverse_transform(np.zeros(1))[0] == theirs[61 + 5 - 12]
    assert season.after(values[:20]).transform(values[20:]).tolist() == season.transform(values)[20:].tolist()


def test_without_statsmodels_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.seasonal", None)
    with pytest.raises(EngineError, match=r"pip install 'timeglass\[stl\]'"):
        STLSeason.fit(passengers(48), 12)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: SeasonalIndices.fit(np.ones(24), 12), InputError, "all 24 values are 1: no variation"),
        (lambda: STLSeason.fit(np.ones(24), 12), InputError, "all 24 values are 1: no variation"),
        (lambda: SeasonalIndices.fit(passengers(23), 12), InputError, "23 rows, at least 24 are needed"),
        (lambda: STLSeason.fit(passengers(23), 12), InputError, "23 rows, at least 24 are needed"),
        (lambda: STLSeason.fit(passengers(48), 12, window=8), OptionError, "an odd number .* such as 9, got 8"),
        (lambda: SeasonalIndices.fit([1.0, 0.0, 2.0, 3.0], 2), DataError, "value 2 is 0: use kind='additive'"),
        (lambda: SeasonalIndices.fit(passengers(24), 1), OptionError, "period: .*at least 2, got 1"),
        (lambda: SeasonalIndices.fit(passengers(24), 12.0), OptionError, "period: expected a whole number"),
        (lambda: SeasonalIndices.fit(passengers(24), 12, kind="both"), OptionError, "'additive' or 'multiplicative'"),
        (lambda: SeasonalIndices((1.0, 0.0)), InputError, "indices above zero, got 0"),
        (lambda: SeasonalIndices((1.0,)), OptionError, "at least 2 rows"),
    ],
)
def test_refusals(make, error, says):
    with pytest.raises(error, match=says):
        make()
