"""Rows brought to a grid: by hand, beside pandas' resample on random stamps, beside a plain loop for whole numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.dates.calendar import Frequency
from timeglass.dates.gaps import gaps
from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.series.resampling import resample

NAN = np.nan
TRIALS = settings(max_examples=60, deadline=None, derandomize=True)
HOWS = ["mean", "sum", "last", "first", "min", "max", "median"]

# Our words, pandas' alias, about how long a bin is in seconds
UNITS = [
    ("microsecond", "us", 1e-6), ("250 us", "250us", 250e-6), ("millisecond", "ms", 1e-3), ("7ms", "7ms", 7e-3),
    ("second", "s", 1), ("30 seconds", "30s", 30), ("minute", "min", 60), ("15 minutes", "15min", 900),
    ("7 minutes", "7min", 420), ("hour", "h", 3600), ("5 hours", "5h", 18_000), ("36h", "36h", 129_600),
    ("day", "D", 86_400), ("3 days", "3D", 3 * 86_400), ("business day", "B", 86_400), ("week", "W-MON", 7 * 86_400),
    ("week sunday", "W-SUN", 7 * 86_400), ("W-WED", "W-WED", 7 * 86_400), ("2 weeks", "2W-MON", 14 * 86_400),
    ("month", "MS", 30 * 86_400), ("5 months", "5MS", 150 * 86_400), ("quarter", "QS", 91 * 86_400),
    ("QS-FEB", "QS-FEB", 91 * 86_400), ("2Q", "2QS", 182 * 86_400), ("year", "YS", 365 * 86_400),
    ("YS-APR", "YS-APR", 365 * 86_400), ("10 years", "10YS", 3652 * 86_400),
]  # fmt: skip


def stamps(seed: int, length: float, unit: str) -> np.ndarray:
    """Some 60 stamps over some 30 bins of so many seconds, thick and thin, some of them twice, before 1970 or after."""
    rng = np.random.default_rng(seed)
    start = rng.integers(-(10**9), 10**9) * 10**6
    steps = rng.exponential(length / 2 * 10**6, 60) * rng.choice([0, 0.1, 1, 4], 60, p=[0.1, 0.3, 0.5, 0.1])
    return (start + np.cumsum(steps).astype(np.int64)).astype("datetime64[us]").astype(f"datetime64[{unit}]")


def numbers(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng([seed, 1])
    values = rng.normal(10, 30, count)
    values[rng.random(count) < 0.1] = NAN
    return values


def check(found, dates, values, alias, how):
    """All that pandas knows, and what it does not: the first row of each bin."""
    groups = pd.Series(values, pd.DatetimeIndex(dates)).resample(alias, closed="left", label="left")
    wanted = groups.sum(min_count=1) if how == "sum" else getattr(groups, how)()
    assert (found.dates == wanted.index.to_numpy()).all()
    np.testing.assert_allclose(found.values, wanted.to_numpy(), rtol=1e-12, atol=1e-12)
    assert found.counts.tolist() == groups.count().tolist()
    ends = np.append(
        found.dates[1:].astype(dates.dtype), dates[-1] + np.timedelta64(1, np.datetime_data(dates.dtype)[0])
    )
    for bin_, (start, end) in enumerate(zip(found.dates, ends, strict=True)):
        rows = np.flatnonzero((dates >= start) & (dates < end) & ~np.isnan(values))
        assert found.first_rows[bin_] == (rows[0] if len(rows) else -1)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize(("words", "alias", "length"), UNITS)
def test_pandas_has_the_same_bins(words, alias, length, how):
    for seed in range(6):
        unit = "us" if length < 1e-3 else "ms" if length < 1 else ["us", "ms", "s"][seed % 3]
        dates = stamps(seed, length, unit)
        values = numbers(seed, len(dates))
        found = resample(dates, values, words, how)
        check(found, dates, values, alias, how)
        known = found.dates[found.counts > 0]
        assert gaps(known, found.frequency) is not None  # none is off the grid
        assert (found.frequency.after(found.dates[0], len(found.dates) - 1) == found.dates[1:]).all()


@pytest.mark.parametrize(("words", "alias"), [(words, alias) for words, alias, length in UNITS if length % 86_400 == 0])
def test_pandas_has_the_same_bins_of_days(words, alias):
    for seed in range(4):
        dates = stamps(seed, 20 * 86_400, "D")
        values = numbers(seed, len(dates))
        found = resample(dates, values, words, "median")
        check(found, dates.astype("datetime64[s]"), values, alias, "median")
        assert found.dates.dtype == "datetime64[D]"


@pytest.mark.parametrize(
    ("words", "alias"), [("month", "MS"), ("2 months", "2MS"), ("quarter", "QS"), ("QS-MAR", "QS-MAR"), ("year", "YS"),
                         ("YS-OCT", "YS-OCT")],
)  # fmt: skip
def test_pandas_has_the_same_bins_of_months(words, alias):
    for seed in range(10):
        dates = stamps(seed, 50 * 86_400, "M")
        values = numbers(seed, len(dates))
        found = resample(dates, values, words, "sum")
        check(found, dates.astype("datetime64[s]"), values, alias, "sum")
        assert found.dates.dtype == "datetime64[M]"


@pytest.mark.parametrize("how", HOWS)
@TRIALS
@given(
    stamps=st.lists(st.integers(-500, 500), min_size=1, max_size=40).map(sorted),
    every=st.integers(1, 50),
    seed=st.integers(0, 999),
)
def test_whole_numbers_beside_a_plain_loop(how, stamps, every, seed):
    dates, values = np.array(stamps), numbers(seed, len(stamps))
    found = resample(dates, values, f"{every} number", how)
    assert found.dates.tolist() == list(range(stamps[0] // every * every, stamps[-1] + 1, every))
    assert found.frequency == Frequency("number", every)
    for start, value, count, first in zip(found.dates, found.values, found.counts, found.first_rows, strict=True):
        rows = [i for i, d in enumerate(stamps) if start <= d < start + every and not np.isnan(values[i])]
        assert (count, first) == (len(rows), rows[0] if rows else -1)
        if not rows:
            assert np.isnan(value)
            continue
        wanted = (
            values[rows[-1]] if how == "last" else values[first] if how == "first" else getattr(np, how)(values[rows])
        )
        assert value == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_a_day_by_hand():
    dates = np.array(
        ["2021-01-29T23:59:59", "2021-01-30T00:00:00", "2021-01-30T12:00:00", "2021-02-01"], "datetime64[s]"
    )
    found = resample(dates, np.array([1.0, 2.0, 4.0, NAN]), "day")
    assert found.dates.tolist() == np.arange("2021-01-29", "2021-02-02", dtype="datetime64[D]").tolist()
    np.testing.assert_array_equal(found.values, [1.0, 3.0, NAN, NAN])
    assert (found.counts.tolist(), found.first_rows.tolist()) == ([1, 2, 0, 0], [0, 1, -1, -1])
    assert found.frequency == Frequency("day")


@pytest.mark.parametrize(
    ("held", "words", "made"),
    [
        ("us", "us", "us"), ("us", "ms", "ms"), ("us", "hour", "s"), ("ms", "15min", "s"), ("s", "day", "D"),
        ("us", "week", "D"), ("s", "month", "D"), ("D", "year", "D"), ("D", "24 hours", "D"), ("M", "quarter", "M"),
        ("Y", "10 years", "Y"), ("M", "year", "M"), ("Y", "24 months", "Y"),
    ],
)  # fmt: skip
def test_the_unit_suits_the_bins(held, words, made):
    dates = np.array(["2020", "2021"], f"datetime64[{held}]")
    if words in ("us", "ms", "15min", "24 hours"):
        dates = dates[:1]
    found = resample(dates, np.ones(len(dates)), words)
    assert found.dates.dtype == np.dtype(f"datetime64[{made}]")
    assert found.dates[0] == (np.datetime64("2019-12-30") if words == "week" else dates[0])


def test_weekends_belong_to_their_friday():
    found = resample(np.array(["2021-01-02", "2021-01-03", "2021-01-04"], "datetime64[D]"), np.arange(3.0), "B", "sum")
    assert (found.dates.astype(str).tolist(), found.values.tolist()) == (["2021-01-01", "2021-01-04"], [1.0, 2.0])


def test_nothing_known():
    found = resample(np.array([3, 5]), np.array([NAN, NAN]), "number", "sum")
    np.testing.assert_array_equal(found.values, [NAN] * 3)
    assert (found.counts.tolist(), found.first_rows.tolist()) == ([0, 0, 0], [-1, -1, -1])


def test_medians_of_the_largest_and_the_smallest():
    most = 1.7976931348623157e308
    values = np.array([most, most, 5e-324])
    assert resample(np.array([0, 0, 1]), values, "number", "median").values.tolist() == [most, 5e-324]
    assert resample(np.array([0, 0, 1]), np.array([-most, most, 3.0]), "number", "median").values.tolist() == [0.0, 3.0]


DAYS = np.array(["2021-01-04", "2021-01-05"], "datetime64[D]")


@pytest.mark.parametrize(
    ("dates", "words", "error", "message"),
    [
        (DAYS, "hour", OptionError, "--resample 'hour': the dates are whole days, such as 2021-01-04: bins of hour "
         "cannot be finer than the dates, nor begin between them: ask for days or longer"),
        (DAYS, "36 hours", OptionError, "bins of 36 hours cannot be finer than the dates, nor begin between them"),
        (DAYS.astype("datetime64[s]"), "ms", OptionError, "the dates are whole seconds"),
        (DAYS.astype("datetime64[M]"), "day", OptionError, "the dates are whole months"),
        (DAYS.astype("datetime64[M]"), "business day", OptionError, "the dates are whole months"),
        (DAYS.astype("datetime64[Y]"), "quarter", OptionError, "the dates are whole years"),
        (DAYS.astype("datetime64[Y]"), "YS-APR", OptionError, "the dates are whole years"),
        (DAYS, "month end", OptionError, "has the date of its beginning, not of its end: ask for month"),
        (DAYS, "Q-JAN", OptionError, "ask for quarter"), (DAYS, "number", OptionError, "have dates such as 2021-01-04"),
        (np.array([1, 2]), "day", OptionError, "have whole numbers such as 1: expected number"),
        (np.array([0, 10**9]), "number", OptionError, "--resample 'number': 1,000,000,001 bins from 0 to 1000000000, at"
         " most 10,000,000 are made: ask for longer ones"),
        (np.array(["-200000", "200000"], "datetime64[s]"), "second", OptionError, r"12,622,780,800,001 bins"),
        (DAYS, "fortnight", OptionError, "--resample 'fortnight': expected day, "),
        (DAYS[::-1], "day", DataError, "dates: 2021-01-04 in row 2 comes after 2021-01-05: sort"),
        (np.array(["2021", "NaT"], "datetime64[D]"), "day", OptionError, "row 2 is not a time"),
        (np.array([1.5, 2.5]), "number", OptionError, "got float64"),
        (DAYS[:1], "day", ShapeError, r"\(1,\) and values"),
        (np.array(["2021", "2022"], "datetime64[ns]"), "day", OptionError, "ns"),
    ],
)  # fmt: skip
def test_refusals(dates, words, error, message):
    with pytest.raises(error, match=message):
        resample(dates, np.array([1.0, 2.0]), words)


@pytest.mark.parametrize(
    ("values", "how", "error", "message"),
    [
        ([1.0, np.inf], "mean", DataError, "value 2 is inf"), (["x", "y"], "mean", DataError, "expected numbers"),
        ([1.7e308, 1.7e308], "sum", DataError, "the sum of 2 rows from 2021-01-04 on is beyond a double: scale them"),
        ([1.0, 2.0], "mode", OptionError, "how: expected one of mean, sum, last, first, min, max, median, got 'mode'"),
        ([1.0, 2.0], ["mean"], OptionError, "got "),
    ],
)  # fmt: skip
def test_values_that_cannot_be_used(values, how, error, message):
    with pytest.raises(error, match=message):
        resample(DAYS[[0, 0]], np.array(values), "day", how)


def test_no_rows():
    with pytest.raises(InputError, match="there are no rows"):
        resample(DAYS[:0], np.empty(0), "day")


def test_as_many_bins_as_are_allowed():
    found = resample(np.array([0, 9_999_999]), np.array([1.0, 2.0]), "number", "last")
    assert (len(found.dates), found.values[-1], found.first_rows[-1]) == (10_000_000, 2.0, 1)
    with pytest.raises(OptionError, match="10,000,001 bins"):
        resample(np.array([0, 10_000_000]), np.array([1.0, 2.0]), "number")
