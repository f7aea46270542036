"""What one may write for --freq: English words and pandas' aliases; the dates say what the words leave open."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import MONTHS, WEEKDAYS, Dates, Frequency, split_days, weekdays
from timeglass.dates.frequencies import check_dates, day_of_month
from timeglass.errors import InputError, OptionError
from timeglass.words import quoted

__all__ = ["HELD_IN", "Wish", "frequency_for", "parse_frequency"]

HELD_IN = {"Y": "years", "M": "months", "D": "days", "s": "seconds", "ms": "milliseconds", "us": "microseconds"}

_LAST = 31  # the `day` that means a month's end
_ENDS = {"end": _LAST, "start": 1}
_WITH_DAY = ("month", "quarter", "year")


@dataclass(frozen=True)
class Wish:
    """A frequency as words give it; `weekday`, `day` and `month` mean what they mean in `Frequency`, None is open."""

    unit: str
    every: int = 1
    weekday: int | None = None
    day: int | None = None
    month: int | None = None


_ENGLISH = {
    **{unit: unit for unit in ("number", "microsecond", "millisecond", "second", "minute", "hour", "day")},
    **{unit: unit for unit in ("business day", "week", "month", "quarter", "year")},
    "hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter", "yearly": "year",
}  # fmt: skip

# Upper and lower case differ here: MS is a month's start and ms a millisecond, M is a month and min or T a minute.
_ALIASES = {
    "us": Wish("microsecond"), "U": Wish("microsecond"), "ms": Wish("millisecond"), "L": Wish("millisecond"),
    "s": Wish("second"), "S": Wish("second"), "min": Wish("minute"), "T": Wish("minute"),
    "h": Wish("hour"), "H": Wish("hour"), "D": Wish("day"), "d": Wish("day"),
    "B": Wish("business day"), "b": Wish("business day"), "W": Wish("week"), "w": Wish("week"),
    "M": Wish("month"), "MS": Wish("month", day=1), "ME": Wish("month", day=_LAST),
    "Q": Wish("quarter"), "QS": Wish("quarter", day=1), "QE": Wish("quarter", day=_LAST),
    "Y": Wish("year"), "YS": Wish("year", day=1), "YE": Wish("year", day=_LAST),
    "A": Wish("year"), "AS": Wish("year", day=1),
}  # fmt: skip
_KNOWN = [
    *_ENGLISH, *(f"{unit} {end}" for unit in _WITH_DAY for end in _ENDS), *(f"week {day.lower()}" for day in WEEKDAYS),
    *_ALIASES,
]  # fmt: skip


def parse_frequency(words: str, option: str = "--freq") -> Wish:
    """What the words say and no more; an `OptionError` that begins with `option` where they say nothing.

    English, in upper or lower case: day, business day, week, month, quarter, year, hour, minute, second, millisecond,
    microsecond, number; daily and the like; week sunday; month end, quarter start. Or an alias of pandas, old or new,
    in its own case: D B W MS ME QS QE YS YE h min s ms us, M Q Y A AS H T S L U; W-SUN, QS-FEB, YE-JUN. A count may
    stand before: 15 minutes, 2W.

    Where an alias has no anchor, the data say it: W is every week, not Sundays alone; QS begins in any month; M, Q, Y
    and A fit starts and ends. Q-JAN, Y-JUN and A-JUN are ends, as in pandas before 2.2.

    >>> parse_frequency("15 minutes")
    Wish(unit='minute', every=15, weekday=None, day=None, month=None)
    >>> parse_frequency("MS") == parse_frequency("month start") == Wish("month", day=1)
    True
    >>> parse_frequency("QE-DEC")
    Wish(unit='quarter', every=1, weekday=None, day=31, month=3)
    """
    if not isinstance(words, str):
        raise OptionError(f"{option} {repr(words)[:40]}: expected words such as month, got {type(words).__name__}")
    match = re.fullmatch(r"(?:every\s+)?([0-9]{0,9})\s*(\S.*)", words.strip())
    wish = (_alias(match[2]) or _english(match[2])) if match else None
    if match is None or wish is None:
        raise OptionError(
            f"{option} {quoted(words)}: expected day, business day, week, month, month end, quarter, year, hour, "
            f"15 minutes or a pandas alias such as MS{_closest(match[2] if match else words)}"
        )
    every = int(match[1] or 1)
    if not 1 <= every <= 10_000_000:
        raise OptionError(f"{option} {quoted(words)}: expected a count of 1 to 10,000,000, got {every:,}")
    return replace(wish, every=every)


def _alias(text: str) -> Wish | None:
    name, dash, anchor = text.partition("-")
    wish = _ALIASES.get(name)
    if wish is None or not dash:
        return wish
    day, month = _place(anchor, WEEKDAYS), _place(anchor, MONTHS)
    if wish.unit == "week" and day is not None:
        return replace(wish, weekday=day)
    if wish.unit in ("quarter", "year") and month is not None:
        return replace(wish, day=wish.day or _LAST, month=(month % 3 if wish.unit == "quarter" else month) + 1)
    return None


def _place(anchor: str, names: tuple[str, ...]) -> int | None:
    """The place of a name by its first three letters, upper case."""
    short = [name[:3].upper() for name in names]
    return short.index(anchor) if anchor in short else None


def _english(text: str) -> Wish | None:
    *front, last = [word for word in text.lower().replace(",", " ").split() if word != "on"] or [""]
    unit = _unit(" ".join(front))
    if unit in _WITH_DAY and last in _ENDS:
        return Wish(unit, day=_ENDS[last])
    for number, name in enumerate(WEEKDAYS):
        if unit == "week" and last in (name.lower(), name.lower() + "s", name[:3].lower()):
            return Wish(unit, weekday=number)
    unit = _unit(" ".join([*front, last]))
    return Wish(unit) if unit else None


def _unit(text: str) -> str:
    return _ENGLISH.get(text) or _ENGLISH.get(text.removesuffix("s"), "")


def _closest(text: str) -> str:
    if text == "m":
        return "; closest: M for months, min for minutes"
    given, lowered = text[:40].lower(), dict.fromkeys(map(str.lower, _KNOWN))
    near = [given] if given in lowered else difflib.get_close_matches(given, lowered, n=2, cutoff=0.5)
    found = [known for match in near for known in _KNOWN if known.lower() == match]
    return f"; closest: {', '.join(found)}" if found else ""


def frequency_for(words: str, dates: Dates) -> Frequency:
    """The frequency that is asked for, with the weekday, day and month of the dates (N,) where the words name none.

    An `OptionError` names the first date that does not lie on it; dates may be missing between. Dates held in months
    or years have no day, and those in years no month: none is asked of them, whatever the words say.

    >>> dates = np.array(["2021-01-31", "2021-02-28", "2021-05-31"], "datetime64[D]")
    >>> print(frequency_for("month", dates))
    month, on its last day
    >>> print(frequency_for("2W", np.array(["2021-01-10", "2021-01-24", "2021-03-07"], "datetime64[D]")))
    2 weeks, on Sundays
    """
    wish = parse_frequency(words)
    check_dates(dates)
    if len(dates) == 0:
        raise InputError(f"--freq {quoted(words)}: there are no dates: give at least one row")
    _check_kind(words, wish, dates)
    frequency = _completed(wish, dates)
    off = _off(words, frequency, dates)
    if off.any():
        row = int(np.argmax(off))
        raise OptionError(
            f"--freq {quoted(words)}: {dates[row]} in row {row + 1} does not lie on it ({frequency}): leave --freq out "
            "to have the frequency found, or choose --freq none to take the rows as they follow each other"
        )
    return frequency


def _check_kind(words: str, wish: Wish, dates: Dates) -> None:
    if dates.dtype.kind != "M" and wish.unit != "number":
        raise OptionError(f"--freq {quoted(words)}: the rows have whole numbers such as {dates[0]}: expected number")
    if dates.dtype.kind == "M" and wish.unit == "number":
        raise OptionError(f"--freq {quoted(words)}: the rows have dates such as {dates[0]}: expected day or the like")


def _completed(wish: Wish, dates: Dates) -> Frequency:
    weekday, day, month = wish.weekday, wish.day, wish.month
    if wish.unit == "week" and weekday is None:
        weekday = int(weekdays(dates[:1])[0])
    if wish.unit in _WITH_DAY:
        held = np.datetime_data(dates.dtype)[0]
        day = 1 if held in ("Y", "M") else day or _day(dates)
        if wish.unit != "month":
            first = 0 if held == "Y" else int(dates[0].astype("datetime64[M]").astype(np.int64))
            month = 1 if held == "Y" else month or first % (3 if wish.unit == "quarter" else 12) + 1
    return Frequency(wish.unit, wish.every, weekday, day, month)


def _day(dates: Dates) -> int:
    """The day that all dates lie on; of the first where there is none."""
    days = split_days(dates)[0]
    first = (days[0] - days[0].astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
    return day_of_month(days) or int(first) + 1


def _off(words: str, frequency: Frequency, dates: Dates) -> NDArray[np.bool_]:
    """Which dates (N,) have no place on the grid that begins with the first."""
    held = np.datetime_data(dates.dtype)[0] if dates.dtype.kind == "M" else ""
    try:
        if frequency.unit == "business day" and held in ("Y", "M"):
            raise OptionError("no days")
        stride = frequency.stride(dates.dtype)
    except OptionError:
        raise OptionError(
            f"--freq {quoted(words)}: the dates are whole {HELD_IN[held]}, such as {dates[0]}, and cannot come every "
            f"{frequency}: leave --freq out to have the frequency found"
        ) from None
    ordinals = frequency.ordinals(dates)
    off = ~frequency.holds(dates) | ((ordinals - ordinals[0]) % stride != 0)
    if frequency.months or frequency.unit == "business day":  # whose ordinals have no time of day
        times = split_days(dates)[1]
        off |= times != times[0]
    return off
