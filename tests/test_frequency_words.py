"""What may be written for --freq: English, pandas' aliases beside pandas, what is refused, what the dates add."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.dates.calendar import WEEKDAYS, Frequency
from timeglass.dates.frequencies import detect
from timeglass.dates.frequency_words import Wish, frequency_for, parse_frequency
from timeglass.dates.gaps import gaps
from timeglass.errors import InputError, OptionError

TRIALS = settings(max_examples=40, deadline=None, derandomize=True)


def days(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[D]")


def seconds(*texts: str) -> np.ndarray:
    return np.array(texts, "datetime64[s]")


WORDS = [
    ("day", Wish("day")), ("days", Wish("day")), ("Daily", Wish("day")), ("2 days", Wish("day", 2)),
    ("business day", Wish("business day")), ("10 business  days", Wish("business day", 10)),
    ("15 minutes", Wish("minute", 15)), (" 15minutes ", Wish("minute", 15)), ("every 15 minutes", Wish("minute", 15)),
    ("week", Wish("week")), ("weekly", Wish("week")), ("week sunday", Wish("week", weekday=6)),
    ("2 weeks, on Mondays", Wish("week", 2, weekday=0)), ("weekly wed", Wish("week", weekday=2)),
    ("month", Wish("month")), ("Month End", Wish("month", day=31)), ("month start", Wish("month", day=1)),
    ("monthly", Wish("month")), ("3 hourly", Wish("hour", 3)), ("quarter", Wish("quarter")),
    ("quarterly", Wish("quarter")), ("quarter end", Wish("quarter", day=31)), ("year", Wish("year")),
    ("yearly", Wish("year")), ("year end", Wish("year", day=31)), ("5 years", Wish("year", 5)), ("hour", Wish("hour")),
    ("hourly", Wish("hour")), ("second", Wish("second")), ("250 milliseconds", Wish("millisecond", 250)),
    ("microsecond", Wish("microsecond")), ("number", Wish("number")), ("10 numbers", Wish("number", 10)),
    ("D", Wish("day")), ("B", Wish("business day")), ("W", Wish("week")), ("W-SUN", Wish("week", weekday=6)),
    ("2W-TUE", Wish("week", 2, weekday=1)), ("MS", Wish("month", day=1)), ("ME", Wish("month", day=31)),
    ("M", Wish("month")), ("6MS", Wish("month", 6, day=1)), ("QS", Wish("quarter", day=1)),
    ("QE", Wish("quarter", day=31)), ("Q", Wish("quarter")), ("QS-FEB", Wish("quarter", day=1, month=2)),
    ("QE-DEC", Wish("quarter", day=31, month=3)), ("Q-JAN", Wish("quarter", day=31, month=1)),
    ("YS", Wish("year", day=1)), ("YE", Wish("year", day=31)), ("Y", Wish("year")), ("A", Wish("year")),
    ("AS", Wish("year", day=1)), ("A-JUN", Wish("year", day=31, month=6)), ("Y-JUN", Wish("year", day=31, month=6)),
    ("YS-APR", Wish("year", day=1, month=4)), ("YE-JUN", Wish("year", day=31, month=6)), ("h", Wish("hour")),
    ("H", Wish("hour")), ("3h", Wish("hour", 3)), ("min", Wish("minute")), ("T", Wish("minute")),
    ("15min", Wish("minute", 15)), ("15T", Wish("minute", 15)), ("s", Wish("second")), ("S", Wish("second")),
    ("ms", Wish("millisecond")), ("L", Wish("millisecond")), ("us", Wish("microsecond")), ("U", Wish("microsecond")),
]  # fmt: skip


@pytest.mark.parametrize(("words", "wish"), WORDS)
def test_words(words, wish):
    assert parse_frequency(words) == wish


LIST = (
    "expected day, business day, week, month, month end, quarter, year, hour, 15 minutes or a pandas alias such as MS"
)


@pytest.mark.parametrize(
    ("words", "closest"),
    [
        ("x", ""), ("", ""), (" ", ""), ("15", ""), ("-1D", None), ("1.5h", None), ("1h30min", None), ("C", None),
        ("montly", "; closest: monthly, month"), ("dayly", "; closest: daily, day"),
        ("15 minuets", "; closest: minute, min"),
        ("week sonday", "; closest: week sunday, week monday"), ("m", "; closest: M for months, min for minutes"),
        ("Ms", "; closest: ms, MS"), ("2qs", "; closest: QS"), ("hour end", None), ("W-FEB", None), ("QS-SUN", None),
        ("MS-FEB", None), ("W-", None), ("W-sun", None), ("day sunday", None), ("3-hourly", None), ("٣ days", None),
        ("business", None), ("none", None), ("end", None), ("sunday", None),
    ],
)  # fmt: skip
def test_what_says_nothing(words, closest):
    with pytest.raises(OptionError, match=f"^--freq {re.escape(repr(words))}: {LIST}") as caught:
        parse_frequency(words)
    if closest is not None:
        assert str(caught.value).endswith(f"such as MS{closest}")


def test_other_refusals():
    with pytest.raises(OptionError, match=r"^--resample 'x': expected day"):
        parse_frequency("x", "--resample")
    for count in ("0", "10000001", "999999999"):
        with pytest.raises(OptionError, match=r"expected a count of 1 to 10,000,000, got "):
            parse_frequency(f"{count} days")
    for other in (None, 3, Frequency("day")):
        with pytest.raises(OptionError, match=r"expected words such as month, got "):
            parse_frequency(other)
    with pytest.raises(OptionError) as caught:
        parse_frequency("9" * 10**6)
    assert len(str(caught.value)) < 250


@TRIALS
@given(st.text(max_size=20))
def test_any_text_is_a_wish_or_refused(text):
    try:
        wish = parse_frequency(text)
    except OptionError:
        return
    assert wish.unit
    assert 1 <= wish.every <= 10**7


# pandas' spellings of today; those of before 2.2 that it refuses, and what they are called now
TODAY = [
    "D", "B", "W", "W-SUN", "W-MON", "W-WED", "MS", "ME", "QS", "QE", "QS-FEB", "QE-NOV", "QS-DEC", "QE-JAN", "YS",
    "YE", "YS-APR", "YE-JUN", "YE-FEB", "h", "min", "s", "ms", "us", "15min", "3h", "2W", "2W-THU", "6MS", "2QS", "2QE",
    "5YS", "2YE-FEB", "10B", "7D", "90s", "250ms", "5us", "36h",
]  # fmt: skip
BEFORE = [
    ("M", "ME"), ("Q", "QE"), ("Y", "YE"), ("A", "YE"), ("H", "h"), ("T", "min"), ("S", "s"), ("L", "ms"), ("U", "us"),
    ("Q-JAN", "QE-JAN"), ("A-JUN", "YE-JUN"), ("Y-JUN", "YE-JUN"), ("AS", "YS"), ("AS-APR", "YS-APR"), ("15T", "15min"),
    ("2M", "2ME"), ("3H", "3h"),
]  # fmt: skip


@pytest.mark.parametrize(("alias", "pandas"), [*((name, name) for name in TODAY), *BEFORE])
@TRIALS
@given(start=st.integers(-80_000 * 86_400, 80_000 * 86_400))
def test_pandas_dates_are_held_and_go_on(alias, pandas, start):
    dates = pd.date_range(np.datetime64(start, "s"), periods=20, freq=pandas, unit="us").to_numpy()
    frequency = frequency_for(alias, dates[:12])
    assert (frequency.after(dates[11], 8) == dates[12:]).all()
    assert gaps(dates, frequency) == []
    found = detect(dates)
    assert isinstance(found, Frequency)
    assert (found.after(dates[11], 8) == dates[12:]).all()


@pytest.mark.parametrize("alias", [name for name in TODAY if name[-1] not in "hsn"])
def test_pandas_days_are_held_and_go_on(alias):
    dates = pd.date_range("1999-01-15", periods=20, freq=alias).to_numpy().astype("datetime64[D]")
    assert (frequency_for(alias, dates).after(dates[0], 19) == dates[1:]).all()


def test_pandas_refuses_what_is_called_otherwise_now():
    for alias, _ in BEFORE:
        # pandas 3 refuses them, pandas 2 warns that it will.
        with pytest.raises((ValueError, FutureWarning), match=r"Invalid frequency|is deprecated"):
            pd.date_range("2020", periods=2, freq=alias)


@pytest.mark.parametrize(
    ("words", "dates", "frequency"),
    [
        ("week", days("2021-01-06", "2021-01-20"), Frequency("week", weekday=2)),
        ("week wednesday", days("2021-01-06"), Frequency("week", weekday=2)),
        ("month", days("2021-01-31", "2021-02-28"), Frequency("month", day=31)),
        ("month", days("2021-02-28", "2021-03-30"), Frequency("month", day=30)),
        ("month", days("2021-01-15", "2021-02-15"), Frequency("month", day=15)),
        ("month end", days("2021-02-28", "2021-04-30"), Frequency("month", day=31)),
        ("M", days("2021-02-01", "2021-04-01"), Frequency("month", day=1)),
        ("QS", days("2021-02-01", "2021-05-01"), Frequency("quarter", day=1, month=2)),
        ("quarter end", days("2021-02-28", "2021-08-31"), Frequency("quarter", day=31, month=2)),
        ("quarter", days("2021-12-15"), Frequency("quarter", day=15, month=3)),
        ("year", days("2020-02-29", "2021-02-28"), Frequency("year", day=31, month=2)),
        ("YS", days("2020-04-01", "2023-04-01"), Frequency("year", day=1, month=4)),
        ("hour", seconds("2021-01-01T00:30", "2021-01-01T05:30"), Frequency("hour")),
        ("24 hours", days("2021-01-01", "2021-01-03"), Frequency("hour", 24)),
        ("business day", seconds("2021-01-01T16:00", "2021-01-04T16:00"), Frequency("business day")),
        # Dates without a day or a month are not asked for them.
        ("month end", days("2021-01-31", "2021-02-28").astype("datetime64[M]"), Frequency("month", day=1)),
        ("QE-FEB", days("2021-02-01", "2021-05-01").astype("datetime64[M]"), Frequency("quarter", day=1, month=2)),
        ("year", days("2021-06-01", "2022-06-01").astype("datetime64[M]"), Frequency("year", day=1, month=6)),
        ("YE-JUN", days("2021-01-01", "2022-01-01").astype("datetime64[Y]"), Frequency("year", day=1, month=1)),
        ("24 months", days("2021-01-01", "2023-01-01").astype("datetime64[Y]"), Frequency("month", 24, day=1)),
        ("number", np.array([3, 7, 8]), Frequency("number")), ("5 numbers", np.array([3, 8]), Frequency("number", 5)),
    ],
)  # fmt: skip
def test_the_dates_say_the_rest(words, dates, frequency):
    assert frequency_for(words, dates) == frequency
    assert len(gaps(dates, frequency)) <= 1


@pytest.mark.parametrize(
    ("words", "dates", "message"),
    [
        ("week", days("2021-01-04", "2021-01-12", "2021-01-20"), r"'week': 2021-01-12 in row 2 does not lie on it "
         r"\(week, on Mondays\): leave --freq out to have the frequency found, or choose --freq none to take the rows"),
        ("W-SUN", days("2021-01-04", "2021-01-11"), "2021-01-04 in row 1 does not lie on it .week, on Sundays"),
        ("2 weeks", days("2021-01-04", "2021-01-18", "2021-01-25"), "2021-01-25 in row 3"),
        ("MS", days("2021-01-01", "2021-02-02"), "2021-02-02 in row 2 does not lie on it .month."),
        ("month", days("2021-01-15", "2021-02-15", "2021-03-16"), "2021-03-16 in row 3 does not .* on day 15"),
        ("QS-FEB", days("2021-01-01", "2021-04-01"), "2021-01-01 in row 1"),
        ("quarter", days("2021-01-01", "2021-04-01", "2021-06-01"), "2021-06-01 in row 3"),
        ("YE", days("2021-06-30", "2022-06-29"), "2022-06-29 in row 2"),
        ("business day", days("2021-01-01", "2021-01-02"), "2021-01-02 in row 2"),
        ("15 minutes", seconds("2021-01-01T00:00", "2021-01-01T00:31"), "2021-01-01T00:31:00 in row 2"),
        ("day", seconds("2021-01-01T10:00", "2021-01-02T11:00"), "2021-01-02T11:00:00 in row 2"),
        ("month", seconds("2021-01-01T10:00", "2021-02-01T11:00"), "2021-02-01T11:00:00 in row 2"),
        ("B", seconds("2021-01-01T10:00", "2021-01-04T10:01"), "2021-01-04T10:01:00 in row 2"),
        ("5 number", np.array([0, 5, 9]), "9 in row 3 does not lie on it .5 numbers"),
        ("hour", days("2021-01-01"), "the dates are whole days, such as 2021-01-01, and cannot come every hour"),
        ("day", days("2021-01-01").astype("datetime64[M]"), "the dates are whole months, such as 2021-01"),
        ("B", days("2021-01-01").astype("datetime64[M]"), "the dates are whole months"),
        ("month", days("2021-01-01").astype("datetime64[Y]"), "the dates are whole years, such as 2021"),
        ("us", seconds("2021-01-01"), "the dates are whole seconds"),
        ("day", np.array([1, 2]), "the rows have whole numbers such as 1: expected number"),
        ("number", days("2021-01-01"), "the rows have dates such as 2021-01-01: expected day or the like"),
        ("day", np.array([1.5]), "expected datetime64 or whole numbers"), ("day", days("NaT"), "not a time"),
    ],
)  # fmt: skip
def test_dates_that_do_not_lie_on_it(words, dates, message):
    with pytest.raises(OptionError, match=message):
        frequency_for(words, dates)


def test_no_dates():
    with pytest.raises(InputError, match="there are no dates"):
        frequency_for("day", days())


@TRIALS
@given(st.integers(0, 6), st.integers(1, 60), st.integers(-90_000, 90_000), st.integers(1, 9))
def test_weeks_are_read_as_they_print(weekday, every, near, count):
    frequency = Frequency("week", every, weekday=weekday)
    some = np.arange(near, near + 7).astype("datetime64[D]")
    dates = frequency.after(some[np.argmax(frequency.holds(some))], count)
    assert frequency_for(str(frequency), dates) == frequency
    assert frequency_for(f"{every}W-{WEEKDAYS[weekday][:3].upper()}", dates) == frequency
    if every > 1:
        off = np.append(dates, dates[-1] + 7)
        with pytest.raises(OptionError, match=f"{off[-1]} in row {count + 1}"):
            frequency_for(str(frequency), off)
