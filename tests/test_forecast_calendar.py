"""What the calendar says of a row, worked by hand; and of which rows it says nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timeglass.errors import InputError, OptionError
from timeglass.forecast.calendar_features import calendar_features, place_in_cycle
from timeglass.forecast.covariates import calendar_alone
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.history import read_history
from timeglass.forecast.settings import Covariates, Networks
from timeglass.read import read_panel


def quick(covariates):
    return Forecaster(4, 1, networks=Networks(hidden_units=2, count=2, epochs=2), covariates=covariates)


@pytest.mark.parametrize(
    ("word", "date", "place"),
    [
        ("month", "2021-04-30", 3 / 12), ("quarter", "2021-12-01", 3 / 4), ("week", "2021-01-15", 2 * 7 / 365.2425),
        ("weekday", "2021-03-07", 6 / 7), ("day", "2020-02-29", 28 / 29), ("hour", "2021-03-01T18:30", 18 / 24),
        ("minute", "2021-03-01T18:45", 45 / 60), ("weekday", "1969-12-31T23:00", 2 / 7),
        ("hour", "1969-12-31T23:00", 23 / 24),
    ],
)  # fmt: skip
def test_the_place_of_a_date_in_its_cycle(word, date, place):
    dates = np.array([np.datetime64(date)]).astype("datetime64[s]" if "T" in date else "datetime64[D]")
    assert place_in_cycle(dates, word)[0] == pytest.approx(place, abs=1e-12)


def test_the_clocks_of_the_zone_count():
    times = np.array(["2021-07-01T22:00"], "datetime64[s]")  # midnight in Berlin
    assert calendar_features(times, ["hour"], "Europe/Berlin")[0] == pytest.approx([0, 1])
    assert calendar_features(times, ["hour"])[0] == pytest.approx([-0.5, np.sqrt(3) / 2])


@pytest.mark.parametrize(
    ("frequency", "calendar", "words"),
    [
        ("MS", "hour", "'hour' says nothing of rows that come every month: .* choose of month, quarter"),
        ("D", "minute", "the same in all"), ("YS", "quarter", "the same in all"),
    ],
)  # fmt: skip
def test_a_word_that_varies_nowhere_is_refused(frequency, calendar, words):
    frame = pd.DataFrame({"ds": pd.date_range("2001-01-01", periods=60, freq=frequency), "y": np.arange(60.0)})
    with pytest.raises(OptionError, match=words):
        quick(Covariates(calendar=(calendar,))).fit(frame)


def test_whole_months_have_no_weekday():
    months = {"ds": [f"20{y:02}-{m:02}" for y in range(3) for m in range(1, 13)], "y": np.arange(36.0)}
    with pytest.raises(OptionError, match="'weekday' says nothing"):
        quick(Covariates(calendar=("weekday",))).fit(months)


def test_the_calendar_needs_dates_and_no_table():
    with pytest.raises(InputError, match="needs dates, but its rows are numbered"):
        quick(Covariates(calendar=("weekday",))).fit(np.arange(40.0))
    days = [f"2021-{d:%m-%d}" for d in pd.date_range("2021-03-01", periods=40)]
    panel = read_panel({"ds": days, "a": np.arange(40.0), "b": np.arange(40.0) ** 2})
    history = read_history(panel)
    channels = calendar_alone(history, Covariates(calendar=("weekday",))).channels(history, 2)
    angle = (np.arange(42) % 7) * 2 * np.pi / 7  # 2021-03-01 was a Monday
    np.testing.assert_allclose(channels.values[1], np.column_stack([np.sin(angle), np.cos(angle)]), atol=1e-12)
    assert channels.ahead.tolist() == [True, True]
