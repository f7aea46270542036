"""The form in which series are forecast, and the layout of windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.form import Form
from timeglass.forecast.layout import choose_layout, layout_for
from timeglass.forecast.season import shrunken_season, whole_season
from timeglass.forecast.settings import Networks, Task
from timeglass.prepare.decomposition import classical_decomposition

ZERO = np.zeros(1, np.int64)


@pytest.mark.parametrize(
    ("values", "logged"),
    [([1.0, 2.0, 4.0], True), ([0.0, 1.0, 2.0], False), ([-1.0, 5.0, 9.0], False), ([0.001, 50.0, 60.0], False)],
)
def test_logarithms_are_taken_where_all_values_suit(values, logged):
    assert Form.fit([np.array(values)], 1).logged.tolist() == [logged]


def test_one_may_say_whether_to_take_logarithms():
    y = [np.array([0.001, 50.0, 60.0]), np.array([-1.0, 2.0, 3.0])]
    assert Form.fit(y, 1, log=True).logged.tolist() == [True, False]
    assert Form.fit([y[0] + 100], 1, log=False).logged.tolist() == [False]


@given(
    st_numpy.arrays(np.float64, st.integers(2, 30), elements=st.floats(-1e6, 1e6).map(lambda v: round(v, 3))),
)
def test_inverse_gives_the_values_again(y):
    form = Form.fit([y], 1)
    again = form.inverse(ZERO, form.transform(0, y)[None])[0]
    np.testing.assert_allclose(again, y, rtol=1e-9, atol=1e-9 * max(1.0, np.abs(y).max()))


def test_a_series_without_a_value_below_zero_has_no_forecast_below_it():
    form = Form.fit([np.array([0.0, 1.0, 5.0]), np.array([-1.0, 1.0, 5.0])], 1)
    low = form.inverse(np.array([0, 1]), np.array([[-9.0], [-9.0]]))
    assert low[0, 0] == 0
    assert low[1, 0] < -1


def test_the_spread_is_the_mean_change_by_hand():
    form = Form.fit([np.array([1.0, np.e, np.e**3])], 1)
    np.testing.assert_allclose(form.spread, [1.5])  # of the logarithms 0, 1, 3
    assert form.limits.round(12).tolist() == [[0.0, 3.0]]
    assert Form.fit([np.full(5, 7.0)], 1).spread.tolist() == [1e-3]


def test_a_season_is_taken_as_far_as_it_stands_out():
    t = np.arange(48)
    wave = 0.3 * np.sin(2 * np.pi * np.arange(12) / 12)
    rng = np.random.default_rng(0)
    form = Form.fit(
        [np.exp(5 + wave[t % 12]), np.exp(rng.normal(size=48)), np.exp(wave[t % 12] + rng.normal(size=48))], 12
    )
    np.testing.assert_allclose(form.seasons[0], wave, atol=1e-9)
    assert np.abs(form.seasons[1]).mean() < 0.1
    assert np.abs(form.seasons[2]).max() < 0.3
    np.testing.assert_allclose(form.season(np.array([0, 0]), np.array([3, 15])), [0.3, 0.3])


@pytest.mark.parametrize("noise", [0.05, 0.3, 1.0])
def test_a_shrunken_season_errs_less_than_the_whole_one(noise):
    """Beside the classical indices, of 200 series of four noisy years."""
    wave, rng = 0.3 * np.sin(2 * np.pi * np.arange(12) / 12), np.random.default_rng(1)
    errors = []
    for _ in range(200):
        z = np.tile(wave, 4) + rng.normal(size=48) * noise
        classical = classical_decomposition(z, 12, kind="additive").indices
        errors.append([np.abs(found - wave).mean() for found in (shrunken_season(z, 12), classical)])
    shrunken, whole = np.mean(errors, axis=0)
    assert shrunken < whole * (1.02 if noise < 0.1 else 0.95)


def test_too_few_periods_have_no_season():
    assert (shrunken_season(np.tile([0.0, 5.0, 1.0, 2.0], 2)[:11], 4) == 0).all()
    assert shrunken_season(np.arange(5.0), 1).tolist() == [0]


def test_huge_forecasts_stay_finite():
    form = Form.fit([np.array([1.0, 2.0, 3.0])], 1)
    assert np.isfinite(form.inverse(ZERO, np.array([[1e9, -1e9]]))).all()


@pytest.mark.parametrize(
    ("lengths", "period", "horizon", "steps", "chunk"),
    [
        ([126], 12, 18, 24, 12), ([44], 4, 8, 8, 4), ([20], 1, 6, 9, 1), ([63], 1, 8, 12, 1), ([96], 1, 8, 12, 1),
        ([2256], 12, 1, 132, 12), ([735], 7, 56, 56, 7), ([700], 24, 48, 48, 24), ([30], 12, 6, 9, 1),
        ([5000], 1, 1, 64, 4), ([100_000], 96, 96, 960, 96),
    ],
)  # fmt: skip
def test_windows_hold_seasons_and_the_horizon(lengths, period, horizon, steps, chunk):
    layout = choose_layout(lengths, period, horizon)
    assert (layout.time_steps, layout.chunk) == (steps, chunk)
    assert layout.time_steps % layout.chunk == 0


@pytest.mark.parametrize(("told", "chunk"), [(36, 12), (13, 1), (25, 5), (26, 2)])
def test_told_time_steps_are_kept(told, chunk):
    layout = choose_layout([126], 12, 18, time_steps=told)
    assert (layout.time_steps, layout.chunk) == (told, chunk)


def test_recursive_networks_forecast_one_row():
    assert layout_for([126], Task(18, 12, Networks(strategy="recursive"))).horizon == 1
    assert layout_for([126], Task(18, 12)).horizon == 18


def test_the_season_of_hours_holds_the_days_of_the_week():
    """Saturdays and Sundays are 3 lower. Where they are not, the season stays that of a day, to the bit."""
    rng, t = np.random.default_rng(0), np.arange(960)
    day = 5 * np.sin(t * 2 * np.pi / 24) + rng.normal(size=960)
    week = whole_season(day - 3 * ((t // 24) % 7 >= 5), 24)
    assert week.shape == (168,)
    assert 2.4 < week[:120].mean() - week[120:].mean() < 3  # shrunk a little
    assert (whole_season(day, 24) == np.tile(shrunken_season(day, 24), 7)).all()
    assert (whole_season(day[:500], 24) == np.tile(shrunken_season(day[:500], 24), 7)).all()  # fewer than three weeks


def test_hours_with_a_weekend_are_forecast_into_it():
    t = np.arange(960)
    low = (t // 24) % 7 >= 5
    y = 100 + 10 * np.sin(t * 2 * np.pi / 24) - 8 * low + np.random.default_rng(0).normal(size=960)
    forecaster = Forecaster(72, season=24, networks=Networks(hidden_units=2, count=4, epochs=2)).fit(y[:888])
    assert np.abs(forecaster.forecast().point[0] - y[888:]).mean() < 1.2  # a day's season alone: above 3
