"""Updates: a lasting fall is followed, what cannot be is refused or listed; settings in scikit-learn's hands."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
from sklearn.utils.validation import check_is_fitted

from timeglass.errors import InputError, OptionError
from timeglass.forecast import forecaster as forecaster_module
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.settings import Networks
from timeglass.read import ReadOptions

QUICK = Networks(hidden_units=2, count=4, epochs=2)
LEVEL = 100 + np.random.default_rng(0).normal(size=80)  # its logarithms are forecast


def quick(horizon=3, **settings):
    return Forecaster(horizon, networks=QUICK, **settings)


@pytest.mark.parametrize("level", [60.0, 5.0, 300.0])
def test_a_lasting_change_of_level_is_followed(level):
    made = quick().fit(LEVEL).update(level + np.random.default_rng(1).normal(size=30) * level / 100).forecast(level=95)
    assert np.abs(made.point / level - 1).max() < 0.03
    assert (made.low[95] < level).all()
    assert (made.high[95] > level).all()


def test_held_back_rows_after_a_fall_count_as_they_are():
    """Else forecasts of the level before would be right beside values that were lifted to it."""
    y = np.r_[LEVEL, 60 + np.random.default_rng(1).normal(size=40)]
    forecaster = quick().fit(y)
    held = forecaster.fitted_.groups[0].learned.held_back
    np.testing.assert_allclose(held.form.inverse(held.place, held.actual)[:, 0], y[held.origins])
    late = forecaster.held_back_.origins > 90
    assert np.abs(forecaster.held_back_.point[late] - 60).max() < 8


def test_an_update_below_zero_is_refused_where_no_forecast_would_be():
    for forecaster in (quick().fit(LEVEL), quick(log=False).fit(LEVEL), quick().fit(np.r_[LEVEL, 0.0])):
        before = forecaster.forecast().point
        with pytest.raises(InputError, match=r"^update: list:2:1: series 'y' holds -5, and no row .* fit anew"):
            forecaster.update([100.0, -5.0])
        assert (forecaster.forecast().point == before).all()
    assert (quick().fit(LEVEL - 100).update([-50.0] * 30).forecast().point < -40).all()


def test_what_an_update_does_not_count_as_it_stands_is_listed(tmp_path):
    days = pd.date_range("2024-01-01", periods=84)
    forecaster = quick().fit(pd.DataFrame({"ds": days[:80], "y": LEVEL}))
    more = pd.DataFrame({"ds": days[80:], "y": [100.0, np.nan, 0.0, 90.0]})
    forecaster.update(more, options=ReadOptions(missing="linear"))
    filled, lifted = map(str, forecaster.history_.panel.origin.changes)
    assert filled == "line 2 (2024-03-22), column 'y': nothing → 50: filled in, linear"
    assert lifted.startswith("line 3 (2024-03-23), column 'y': '0' → 92.577")
    assert lifted.endswith(
        "in pandas DataFrame: far below all rows fitted, in logarithms: fit anew if it is to stay so"
    )
    forecaster.save(tmp_path / "one.safetensors")
    again = Forecaster.load(tmp_path / "one.safetensors")
    assert again.history_.panel.origin.changes == forecaster.history_.panel.origin.changes


# No forecast below zero, whoever makes it


def test_short_series_without_a_value_below_zero_have_no_interval_below_it():
    made = quick().fit(np.array([[1.0, -1.0], [8.0, 8.0]])).forecast()
    assert made.method == ("last value", "last value")
    assert made.low[95][0].tolist() == [0.0, 0.0, 0.0]
    assert (made.low[95][1] < -1).all()
    assert (made.high[95] > 8).all()


def test_a_baseline_in_its_place_does_not_go_below_zero_either():
    y = np.maximum(20 - 0.15 * np.arange(130) + np.random.default_rng(0).normal(size=130).cumsum() * 0.3, 0.3)
    made = quick(20, fallback=True, log=False).fit(y).forecast()
    assert made.method == ("drift",)
    assert made.point.min() == 0
    assert made.low[95].min() == 0
    assert (made.high[95] >= made.point).all()


# Levels


def test_without_levels_there_is_no_record_to_give():
    forecaster = quick(level=()).fit(LEVEL)
    assert list(forecaster.predict()) == ["unique_id", "ds", "timeglass", "method"]
    with pytest.raises(OptionError, match=r"^level: there is no interval .* coverage\(80\)"):
        forecaster.coverage()
    assert forecaster.coverage(80).level == 80


def test_a_forecaster_with_an_array_of_levels_can_be_shown_and_saved(tmp_path):
    forecaster = quick(level=np.array([80, 95])).fit(LEVEL)
    assert repr(Forecaster(3, level=np.array([80, 95]))) == "Forecaster(horizon=3, level=array([80, 95]))"
    forecaster.save(tmp_path / "one.safetensors")
    assert sorted(Forecaster.load(tmp_path / "one.safetensors").forecast().low) == [80, 95]


# scikit-learn's searches


def test_scikit_learn_searches_its_settings():
    def score(fitted, rows, y=None):
        return -float(np.abs(fitted.forecast(len(rows)).point[0] - rows).mean())

    search = GridSearchCV(quick(5), {"log": [True, False]}, cv=TimeSeriesSplit(2, test_size=5), scoring=score)
    best = search.fit(LEVEL)
    by_hand = [
        score(quick(5, log=log).fit(LEVEL[:end]), LEVEL[end : end + 5]) for log in (True, False) for end in (70, 75)
    ]
    np.testing.assert_allclose(best.cv_results_["mean_test_score"], [np.mean(by_hand[:2]), np.mean(by_hand[2:])])
    check_is_fitted(best.best_estimator_)
    with pytest.raises(NotFittedError):
        check_is_fitted(quick())


def test_a_fit_that_is_interrupted_leaves_the_forecaster_as_it_was(monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    fresh, fitted = quick(), quick(fallback=True).fit(LEVEL)
    before = fitted.forecast().point
    monkeypatch.setattr(forecaster_module, "audit_run", stop)
    for forecaster in (fresh, fitted):
        with pytest.raises(KeyboardInterrupt):
            forecaster.fit(LEVEL + 900)
    assert (fitted.forecast().point == before).all()
    with pytest.raises(InputError, match="fit the forecaster first"):
        fresh.forecast()
