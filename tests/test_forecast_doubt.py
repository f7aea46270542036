"""Intervals where little is known: few errors, a quiet time held back, an outlier, nothing at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timeglass.errors import InputError
from timeglass.forecast.doubt import Scores, one_step_error, usual_times
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.form import Form
from timeglass.forecast.learn import learn
from timeglass.forecast.settings import Networks, Task
from timeglass.forecast.windows import first_rows, look, reach

QUICK = Networks(hidden_units=2, count=4, epochs=2)


def quick(horizon=3, **settings):
    return Forecaster(horizon, networks=QUICK, **settings)


def test_few_errors_on_one_side_make_an_interval_on_both():
    """With n independent errors, 5 in 5 + n parts are as if each had come with either sign."""
    scores = np.full((100_000, 1), 2.0)  # so many that the normal distribution has no say
    low, high = Scores(scores, 1.0).quantiles(0.9, 1)
    assert low[0] == pytest.approx(-high[0] * (5 - 1) / 6, rel=1e-3)
    assert Scores(scores, 1e9).quantiles(0.9, 1)[1][0] == pytest.approx(2, rel=1e-3)


def test_a_quiet_time_held_back_counts_less_the_fewer_errors_it_has():
    scores = np.random.default_rng(0).normal(size=(2000, 1))
    plain, wider = (
        [Scores(scores, count, times).quantiles(0.9, 1)[1][0] for count in (1.0, 45.0, 1e9)] for times in (1.0, 4.0)
    )
    np.testing.assert_allclose(np.divide(wider, plain), [4 ** (5 / 6), 4**0.1, 1.0], rtol=1e-6)


def test_a_tail_that_few_errors_have_seen_is_the_normal_distributions():
    """Of 100 errors 2.5 lie beyond an end of 95 %: 2.5 parts the quantile, one part the normal one, by hand."""
    z = np.random.default_rng(0).normal(size=(100, 1))
    high = Scores(z, 1e9).quantiles(0.95, 1)[1]
    middle = np.median(z)
    normal = middle + 1.96 * np.quantile(np.abs(z - middle), 0.8) / 1.2816
    np.testing.assert_allclose(high[0], (2.5 * np.quantile(z, 0.975) + normal) / 3.5, rtol=1e-3)
    outlier = np.concatenate([z, [[1e6]]])
    assert Scores(outlier, 1e9).quantiles(0.8, 1)[1][0] < 1.5  # it moves no quantile that it does not lie at


@pytest.mark.parametrize("independent", [1.0, 8.0, 1e9])
def test_a_larger_share_is_never_narrower(independent):
    """Fifteen errors in a hundred are large, all others nothing: of the ends of 90 and 95 % few have been seen."""
    scores = np.zeros((20, 1))
    scores[:3, 0] = 10.0, -10.0, 10.0
    ends = [Scores(scores, independent).quantiles(share, 1) for share in np.linspace(0.05, 0.99, 60)]
    low, high = np.array(ends)[:, :, 0].T
    assert (np.diff(low) <= 1e-12).all()
    assert (np.diff(high) >= -1e-12).all()


def test_usual_times_by_hand():
    """One step ahead without a season: the mean error before the rows held back over that in them."""
    rng = np.random.default_rng(1)
    y = np.concatenate([rng.normal(size=60), 0.1 * rng.normal(size=40)]).cumsum()
    sight = look(Form.fit([y], 1, log=False), [y], horizon=1)
    known = np.array([60])
    error = one_step_error(first_rows(sight, known))
    size = np.abs(sight.z[1:] - sight.smoothed.damped(np.arange(99), 1)[:, 0]) / error
    wanted = size[15 - 1 : 60 - 1].mean() / size[60 - 1 :].mean()  # errors of the rows 15 … 59, and 60 … 99
    np.testing.assert_allclose(usual_times(sight, known, error, 1, 1), [wanted], rtol=2e-3)
    assert wanted > 3


def test_short_random_walks_are_covered():
    """Of 24 walks, promised 95 %: by the quantiles of the few held-back errors alone 84 % were."""
    inside = []
    for seed in range(100, 124):
        y = 100 + np.random.default_rng(seed).normal(size=78).cumsum()
        made = quick(18, season=12).fit(y[:60]).forecast(level=[95])
        inside.append((made.low[95][0] <= y[60:]) & (y[60:] <= made.high[95][0]))
    assert 0.9 <= np.mean(inside) <= 0.98


def test_no_forecast_goes_beyond_its_reach():
    """The range of the rows before, and three times what a line through them would go on by."""
    y = np.array([0.0, 1.0, 2.0, 3.0, 8.0, 2.0])
    sight = look(Form.fit([y], 1, log=False), [y], horizon=2)
    low, high = reach(sight, np.array([0, 0]), np.array([4, 6]), 2)
    z, spread = sight.z, sight.form.spread[0]
    room = z[3] - z[0] + spread
    np.testing.assert_allclose(high[0], [z[3] + room * (1 + 3 / 4), z[3] + room * (1 + 6 / 4)])
    np.testing.assert_allclose(low[0], [z[0] - room * (1 + 3 / 4), z[0] - room * (1 + 6 / 4)])
    assert high[1, 0] > z[4]  # at row 6 the outlier has come


@pytest.mark.parametrize("log", [None, False])
def test_an_outlier_in_the_last_row_makes_no_endless_interval(log):
    y = 100 + 3 * np.random.default_rng(0).standard_normal(200)
    y[-1] = 1e6
    made = quick(4, season=12, log=log).fit(y).forecast()
    assert made.point.max() < 1e6
    assert made.high[95].max() < 1e8
    assert made.low[95].min() >= 0


def test_one_change_after_zeros():
    made = quick(4, season=1).fit([0.0] * 30 + [1.0]).forecast()
    assert (made.low[95] >= 0).all()
    assert (made.low[95] < made.point - 0.2).all()
    assert (made.high[95] < 4).all()


def test_one_row_has_no_interval(tmp_path):
    forecaster = quick().fit([5.0])
    made = forecaster.forecast()
    assert made.point.tolist() == [[5.0] * 3]
    assert np.isnan(made.low[95]).all()
    assert "one shows no spread: no intervals" in made.replaced[0].why
    assert forecaster.predict()["timeglass-lo-80"].isna().all()


def test_a_season_that_all_rows_have_is_in_the_held_back_forecasts():
    """Of 40 months 27 are left, two periods: enough for it there. Without it 80 % intervals held 52 % of six steps."""
    inside, errors = [], []
    for seed in range(20):
        y = 10 * np.sin(2 * np.pi * np.arange(46) / 12) + np.random.default_rng(seed).normal(size=46)
        forecaster = quick(6, season=12).fit(y[:40])
        assert forecaster.fitted_.groups[0].learned.held_back.form.seasons.any()
        made = forecaster.forecast(level=[80])
        inside.append((made.low[80][0] <= y[40:]) & (y[40:] <= made.high[80][0]))
        errors.append(np.abs(made.point[0] - y[40:]))
    assert np.mean(inside) >= 0.75
    assert np.mean(errors) < 1.2


def test_where_nothing_is_held_back_smoothings_own_errors_make_the_intervals():
    """20 walks of 40 rows, 18 steps: the square root of the step times two errors had held 100 % of 80 promised."""
    inside = []
    for seed in range(20):
        y = np.exp(np.random.default_rng(seed).normal(size=58).cumsum() / 5)
        forecaster = quick(18, season=12).fit(y[:40])
        assert forecaster.held_back_ is None
        made = forecaster.forecast(level=[80])
        inside.append((made.low[80][0] <= y[40:]) & (y[40:] <= made.high[80][0]))
    assert 0.75 <= np.mean(inside) <= 0.95


# The form


def test_few_rows_are_logged_where_their_changes_are_shares():
    line, growth = 10.0 * np.arange(1, 8), 10 * 1.2 ** np.arange(7)
    assert Form.fit([line, growth, 1e200 * line], 1).logged.tolist() == [False, True, False]
    point = quick(2).fit(line).forecast().point[0]
    assert 75 < point[0] < point[1] < 90  # in logarithms 88 and more


def test_small_differences_of_large_values_are_kept():
    """In logarithms of 1e15 a difference of 1 is a few last bits."""
    y = 1e15 + np.arange(60) % 5
    form = Form.fit([y], 1)
    assert not form.logged[0]
    assert (form.inverse(np.zeros(1, int), form.transform(0, y)[None])[0] == y).all()


def test_values_that_are_too_small_for_logarithms_keep_their_size():
    y = 1e-310 * (1 + np.arange(40.0))
    point = quick().fit(y).forecast().point
    np.testing.assert_allclose(point[0], 1e-310 * np.array([41, 42, 43]), rtol=0.2)


def test_held_back_forecasts_are_of_the_form_that_forecasts():
    """A zero among the rows held back: all rows are forecast in their units, so these must be, too."""
    y = np.exp(np.random.default_rng(2).normal(size=60).cumsum() / 5)
    y[50] = 0.0
    learned = learn([y], Task(3, 1, QUICK))
    assert not learned.core.form.logged[0]
    assert not learned.held_back.form.logged[0]


def test_logarithms_of_what_has_none_are_refused():
    words = (
        r"pandas DataFrame:3:3: series 'a' holds 0, and logarithms need values above 0.*leave out log=True \(--log\)"
    )
    frame = pd.DataFrame({"unique_id": ["a"] * 9, "ds": range(2000, 2009), "y": [1.0, 2.0, 0.0, *[3.0, 4.0] * 3]})
    with pytest.raises(InputError, match=words):
        quick(log=True).fit(frame)


# Rows that came since


def rows(name, begin, count):
    dates = pd.date_range("2020-01-01", periods=begin + count, freq="MS")[begin:]
    return pd.DataFrame({"unique_id": name, "ds": dates, "y": 1.0 + begin + np.arange(count)})


def test_a_short_series_that_has_grown_says_so():
    forecaster = quick().fit(rows("a", 0, 3)).update(rows("a", 3, 20))
    made = forecaster.forecast()
    assert made.method == ("last value",)
    assert made.replaced[0].why == (
        "3 rows; at least 4 are needed to learn from, when it was fitted: fit anew to learn from the rows that came "
        "since"
    )


def test_a_constant_series_that_has_changed_is_no_longer_called_constant():
    made = quick().fit([2.0] * 20).update([3.0]).forecast()
    assert made.point.tolist() == [[3.0] * 3]
    assert made.method == ("last value",)
    assert (made.high[95] > 3).all()


def test_an_update_with_another_series_is_refused():
    forecaster = quick().fit(rows("a", 0, 30))
    with pytest.raises(InputError, match="update: no series 'b' was fitted: fit anew with it"):
        forecaster.update(rows("b", 30, 2))
    assert forecaster.update(rows("b", 30, 2)[["ds", "y"]]).forecast().dates[0][0] == np.datetime64("2022-09")
