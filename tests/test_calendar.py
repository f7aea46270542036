"""Frequencies: what they are called, what comes next, what is missing; pandas' calendars beside ours."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass import OptionError
from timeglass.dates.calendar import Frequency
from timeglass.dates.clock_changes import clock_changes, zones_of
from timeglass.dates.frequencies import Irregular, detect, steps
from timeglass.dates.gaps import duplicates, gaps, order

YEAR = Frequency("year", day=1, month=1)
MONTH, MONTH_END = Frequency("month", day=1), Frequency("month", day=31)


def days(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[D]")


def months(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[M]")


def seconds(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[s]")


@pytest.mark.parametrize(
    ("frequency", "last", "following"),
    [
        (MONTH_END, "2023-01-31", ["2023-02-28", "2023-03-31", "2023-04-30"]),
        (MONTH_END, "2024-01-31", ["2024-02-29", "2024-03-31"]),
        (Frequency("month", day=30), "2023-01-30", ["2023-02-28", "2023-03-30"]),
        (Frequency("quarter", day=31, month=3), "2023-12-31", ["2024-03-31", "2024-06-30", "2024-09-30"]),
        (Frequency("year", day=29, month=2), "2096-02-29", ["2097-02-28", "2098-02-28", "2099-02-28", "2100-02-28"]),
        (Frequency("year", 5, day=1, month=1), "1670-01-01", ["1675-01-01", "1680-01-01"]),
        (Frequency("business day"), "2021-01-07", ["2021-01-08", "2021-01-11"]),
        (Frequency("week", weekday=6), "2020-12-27", ["2021-01-03", "2021-01-10"]),
        (Frequency("week", 2, weekday=0), "2020-12-28", ["2021-01-11"]),
        (Frequency("day"), "1582-10-04", ["1582-10-05"]),  # NumPy's calendar is Gregorian throughout
        (Frequency("hour", 3), "2020-02-28T23:00", ["2020-02-29T02:00", "2020-02-29T05:00"]),
        (MONTH_END, "2023-01-31T23:59:59", ["2023-02-28T23:59:59"]),
        (Frequency("business day"), "1969-12-31T16:00", ["1970-01-01T16:00", "1970-01-02T16:00", "1970-01-05T16:00"]),
        (MONTH, "1749-12", ["1750-01", "1750-02"]),
        (Frequency("quarter", day=1, month=1), "1959-10", ["1960-01"]),
        (YEAR, "-0001", ["0000", "0001"]),
        (YEAR, "99999", ["100000"]),
    ],
)  # fmt: skip
def test_what_comes_after(frequency, last, following):
    unit = "s" if "T" in last else np.datetime_data(np.datetime64(last).dtype)[0]
    found = frequency.after(np.datetime64(last, unit), len(following))
    assert found.tolist() == np.array(following, f"datetime64[{unit}]").tolist()
    assert found.dtype == np.dtype(f"datetime64[{unit}]")


def test_whole_numbers_go_on():
    assert Frequency("number", 5).after(10, 3).tolist() == [15, 20, 25]
    assert detect(np.array([10, 15, 20])) == Frequency("number", 5)
    assert Frequency("number").after(np.int32(2**31 - 1), 1).tolist() == [2**31]


@pytest.mark.parametrize(
    ("frequency", "last", "words"),
    [
        (MONTH, days("2021-01-02")[0], "last=2021-01-02 has no place where rows come every month"),
        (Frequency("business day"), days("2021-01-02")[0], "has no place"),
        (Frequency("hour"), days("2021-01-01")[0], "dates held in D cannot go on by hour"),
        (Frequency("quarter", day=1, month=1), np.datetime64("2021"), "dates held in Y cannot go on by quarter"),
        (Frequency("number", 10**7), 2**63 - 1, "beyond what can be held"),
        (Frequency("year", 10**7, day=1, month=1), np.datetime64("2021"), "beyond what can be held"),
        (Frequency("day"), 5, "has no place"),
    ],
)
def test_refusals_of_after(frequency, last, words):
    with pytest.raises(OptionError, match=words):
        frequency.after(last, 1)


@pytest.mark.parametrize("count", [-1, 10**9])
def test_counts_out_of_range(count):
    with pytest.raises(OptionError, match="expected 0 to 10,000,000 dates"):
        MONTH.after(np.datetime64("2021-01"), count)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": "fortnight"}, "no unit of time"), ({"unit": "day", "every": 0}, "every=0"),
        ({"unit": "week"}, "weekday=None: expected 0 to 6"), ({"unit": "day", "weekday": 1}, "has none"),
        ({"unit": "month", "day": 32}, "day=32: expected 1 to 31"),
        ({"unit": "quarter", "day": 1, "month": 4}, "1 to 3"),
    ],
)  # fmt: skip
def test_impossible_frequencies(options, words):
    with pytest.raises(OptionError, match=words):
        Frequency(**options)


@pytest.mark.parametrize(
    ("frequency", "period", "words"),
    [
        (MONTH, 12, "month"), (Frequency("month", 2, day=1), 6, "2 months"),
        (Frequency("month", 5, day=1), 1, "5 months"),
        (Frequency("quarter", day=1, month=1), 4, "quarter"),
        (Frequency("quarter", day=31, month=3), 4, "quarter, on the last day of Mar, Jun, Sep, Dec"),
        (Frequency("week", weekday=0), 52, "week, on Mondays"), (Frequency("day"), 7, "day"),
        (Frequency("business day"), 5, "business day"), (Frequency("hour"), 24, "hour"),
        (Frequency("hour", 3), 8, "3 hours"), (Frequency("minute", 15), 96, "15 minutes"), (YEAR, 1, "year"),
        (Frequency("year", day=29, month=2), 1, "year, on day 29 of February"), (Frequency("number"), 1, "number"),
        (Frequency("month", day=15), 12, "month, on day 15"),
    ],
)  # fmt: skip
def test_periods_and_words(frequency, period, words):
    assert (frequency.period, str(frequency)) == (period, words)


# pandas' name, our frequency
PANDAS = [
    ("MS", MONTH), ("ME", MONTH_END), ("QS-FEB", Frequency("quarter", day=1, month=2)),
    ("QE-DEC", Frequency("quarter", day=31, month=3)), ("YS-JAN", YEAR), ("YE-JUN", Frequency("year", day=31, month=6)),
    ("W-WED", Frequency("week", weekday=2)), ("2W-SUN", Frequency("week", 2, weekday=6)),
    ("B", Frequency("business day")),
    ("D", Frequency("day")), ("h", Frequency("hour")), ("3h", Frequency("hour", 3)), ("15min", Frequency("minute", 15)),
    ("7s", Frequency("second", 7)), ("5YS-JAN", Frequency("year", 5, day=1, month=1)),
    ("250ms", Frequency("millisecond", 250)),
    ("6MS", Frequency("month", 6, day=1)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "frequency"), PANDAS)
@settings(max_examples=20, deadline=None)
@given(start=st.integers(-90_000, 90_000), count=st.integers(8, 60))
def test_pandas_has_the_same_dates(name, frequency, start, count):
    range_ = pd.date_range(np.datetime64(start, "D").astype("datetime64[s]"), periods=count, freq=name, unit="us")
    dates = range_.to_numpy().astype("datetime64[ms]")
    assert detect(dates) == frequency
    assert (frequency.after(dates[0], count - 1) == dates[1:]).all()
    assert gaps(dates, frequency) == []


FREQUENCIES = st.one_of(
    st.builds(Frequency, st.sampled_from(["day"]), st.integers(1, 6)),
    st.builds(Frequency, st.just("week"), st.integers(1, 9), weekday=st.integers(0, 6)),
    st.builds(Frequency, st.just("month"), st.sampled_from([1, 2, 4, 5, 6, 7]), day=st.integers(1, 31)),
    st.builds(Frequency, st.just("quarter"), day=st.integers(1, 31), month=st.integers(1, 3)),
    st.builds(Frequency, st.just("year"), st.integers(1, 30), day=st.integers(1, 28), month=st.integers(1, 12)),
    st.just(Frequency("business day")),
)


def start_of(frequency: Frequency, near: int) -> np.datetime64:
    """The first date from this day on that the frequency holds."""
    some = np.arange(near, near + 400).astype("datetime64[D]")
    return some[np.argmax(frequency.holds(some))]


@given(FREQUENCIES, st.integers(-3_000_000, 3_000_000), st.integers(1, 40))
def test_what_comes_after_keeps_the_frequency(frequency, near, count):
    start = start_of(frequency, near)
    first = np.concatenate([[start], frequency.after(start, 25)])
    found = detect(first)
    assert isinstance(found, Frequency)
    assert (found.after(start, 25) == frequency.after(start, 25)).all()
    more = np.concatenate([first, found.after(first[-1], count)])
    assert detect(more) == found
    assert (more[1:] == frequency.after(start, 25 + count)).all()


@given(FREQUENCIES, st.integers(-800_000, 800_000), st.integers(2, 37), st.integers(1, 30))
def test_a_gap_is_found_where_it_was_made(frequency, near, row, count):
    start = start_of(frequency, near)
    whole = np.concatenate([[start], frequency.after(start, 40 + count)])
    found = gaps(np.delete(whole, np.arange(row, row + count)), frequency)
    assert [(g.row, g.first, g.last, g.count) for g in found] == [(row - 1, whole[row], whole[row + count - 1], count)]


def test_months_missing():
    dates = months("1951-05", "1951-06", "1951-10", "1951-11", "1951-12")
    found = detect(dates)
    assert isinstance(found, Irregular)
    assert found.usual == MONTH
    assert str(found) == "the steps differ: 3 of 1 month, 1 of 4 months"
    assert [str(gap) for gap in gaps(dates, found.usual)] == ["1951-07..1951-09 (3 rows)"]


def test_a_long_gap_is_not_made_row_by_row():
    gap = gaps(seconds("0001-01-01", "9999-01-01"), Frequency("second"))[0]
    assert (gap.count, str(gap.last)) == (315_506_361_599, "9998-12-31T23:59:59")


def test_irregular_days_have_a_histogram_and_no_usual_step():
    found = detect(days("2021-01-01", "2021-01-03", "2021-01-06", "2021-01-10", "2021-01-12", "2021-02-20"))
    assert isinstance(found, Irregular)
    assert found.usual is None
    assert found.steps == (("2 days", 2), ("3 days", 1), ("4 days", 1), ("39 days", 1))


def test_holidays_are_gaps_in_business_days():
    dates = np.delete(Frequency("business day").after(np.datetime64("2020-12-18"), 30), 4)  # without 25 December
    found = detect(dates)
    assert isinstance(found, Irregular)
    assert found.usual == Frequency("business day")
    assert [str(gap) for gap in gaps(dates, found.usual)] == ["2020-12-25"]


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (days(), "there are no rows"), (days("2021-01-01"), "one row has no step"),
        (days("2021-01-01", "2021-01-01"), "2021-01-01 comes twice"),
        (days("2021-01-02", "2021-01-01"), "2021-01-01 comes after 2021-01-02"),
    ],
)  # fmt: skip
def test_why_there_is_no_frequency(dates, words):
    found = detect(dates)
    assert isinstance(found, Irregular)
    assert str(found).startswith(words)


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (np.array([1.5]), "float64"), (days("NaT"), "NaT"), (np.array(["2021"], "datetime64[ns]"), "ns"),
        (np.array(["2021"], "datetime64[2D]"), "2D"),
    ],
)  # fmt: skip
def test_what_is_no_date(dates, words):
    for function in (detect, steps):
        with pytest.raises(OptionError, match=words):
            function(dates)


def test_off_the_grid():
    with pytest.raises(OptionError, match="2021-01-05 in row 2 has no place where rows come every week, on Mondays"):
        gaps(days("2021-01-04", "2021-01-05"), Frequency("week", weekday=0))
    with pytest.raises(OptionError, match="2021-03 in row 2"):
        gaps(months("2021-02", "2021-03"), Frequency("month", 2, day=1))


def test_order_and_duplicates():
    dates = days("2021-01-03", "2021-01-01", "2021-01-02", "2021-01-03", "2021-01-03")
    found = order(dates)
    assert (found.rows.tolist(), found.moved, found.reversed) == ([1, 2, 0, 3, 4], 1, False)
    assert duplicates(dates).tolist() == [[0, 3], [0, 4]]
    assert duplicates(dates[:0]).shape == (0, 2)
    assert order(dates[:0]).moved == 0
    assert order(np.array([5, 4, 4, 1])).reversed


@given(st.lists(st.integers(-5, 5), max_size=30))
def test_order_against_plain_loops(numbers):
    found = order(np.array(numbers, np.int64))
    longest = [1] * len(numbers)
    for i in range(len(numbers)):
        longest[i] += max((longest[j] for j in range(i) if numbers[j] <= numbers[i]), default=0)
    assert found.moved == len(numbers) - max(longest, default=0)
    assert [numbers[i] for i in found.rows] == sorted(numbers)
    pairs = [[numbers.index(n), i] for i, n in enumerate(numbers) if n in numbers[:i]]
    assert duplicates(np.array(numbers, np.int64)).tolist() == pairs


HOURS = np.datetime64("2021-03-27T00", "s") + np.arange(24 * 300) * np.timedelta64(3600, "s")


def local(zone: str, *, minutes: int = 60) -> np.ndarray:
    """The local times that a file without offsets would have."""
    utc = pd.date_range("2021-01-01", "2021-12-31", freq=f"{minutes}min", tz="UTC", unit="s")
    return utc.tz_convert(zone).tz_localize(None).to_numpy().astype("datetime64[s]")


@pytest.mark.parametrize("minutes", [60, 30, 15])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Sydney"])
def test_clock_changes_are_named(zone, minutes):
    dates = local(zone, minutes=minutes)
    found = clock_changes(dates)
    assert sum(change.kind == "missing" for change in found) == 1
    assert sum(change.kind == "repeated" for change in found) == 60 // minutes
    assert all(zone in change.zones for change in found)
    assert found[0].zones == (zone,) or not zone.startswith("Europe")
    for change in found:
        assert dates[change.row] == (change.time if change.kind == "repeated" else change.time - minutes * 60)
    assert "clocks went" in str(found[0])


def test_other_gaps_and_repeats_are_not_blamed_on_clocks():
    assert clock_changes(np.delete(HOURS, 500)) == []
    assert clock_changes(np.insert(HOURS, 500, HOURS[500])) == []
    assert clock_changes(days("2021-03-28", "2021-03-28", "2021-03-29")) == []


def test_offsets_tell_the_zone():
    utc = np.arange("2021-01-01", "2022-01-01", dtype="datetime64[D]").astype("datetime64[s]")
    series = pd.DatetimeIndex(utc, tz="UTC").tz_convert("America/New_York")
    offsets = np.array([int(time.utcoffset().total_seconds() // 60) for time in series])
    assert zones_of(utc, offsets) == ("America/New_York",)
    assert zones_of(utc, np.full(len(utc), 60)) == ()
