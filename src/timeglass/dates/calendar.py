"""How often a series has a row, and the dates that come after its last: months have ends, weeks a weekday."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError

__all__ = ["MONTHS", "WEEKDAYS", "Frequency", "on_day", "split_days", "weekdays"]

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Dates = NDArray[Any]  # datetime64 in Y, M, D, s, ms or us; or integers

_MICROSECONDS = {
    "microsecond": 1, "millisecond": 1000, "second": 10**6, "minute": 60 * 10**6, "hour": 3600 * 10**6,
    "day": 86400 * 10**6, "week": 7 * 86400 * 10**6,
}  # fmt: skip
_IN_MONTHS = {"month": 1, "quarter": 3, "year": 12}
# Rows in the usual cycle above each unit: the hour of seconds, the day of minutes and hours, the week or the year.
_CYCLE = {
    "second": 3600, "minute": 1440, "hour": 24, "day": 7, "business day": 5, "week": 52, "month": 12, "quarter": 4,
}  # fmt: skip
_LAST = 31  # the `day` that means a month's end
_MOST = 10_000_000  # dates in one call


@dataclass(frozen=True)
class Frequency:
    """A row every so many units.

    `unit` is number, microsecond, millisecond, second, minute, hour, day, business day (Monday to Friday), week,
    month, quarter or year. Weeks have a `weekday` (0 is Monday). Months, quarters and years have a `day`, which shorter
    months cut to their last: 31 means the end of each month. Quarters and years have the `month` of their date, in a
    quarter 1 to 3.

    >>> print(Frequency("month", day=31), Frequency("hour", 3), Frequency("week", weekday=6), sep="; ")
    month, on its last day; 3 hours; week, on Sundays
    >>> Frequency("month", day=31).after(np.datetime64("2024-01-31"), 2).astype(str).tolist()
    ['2024-02-29', '2024-03-31']
    """

    unit: str
    every: int = 1
    weekday: int | None = None
    day: int | None = None
    month: int | None = None

    def __post_init__(self) -> None:
        if self.unit not in (*_MICROSECONDS, *_IN_MONTHS, "number", "business day"):
            raise OptionError(f"unit={self.unit!r} is no unit of time: expected day, month, business day or the like")
        if not 1 <= self.every <= _MOST:
            raise OptionError(f"every={self.every}: expected 1 to {_MOST:,}")
        self._check("weekday", self.weekday, 0, 6, wanted=self.unit == "week")
        self._check("day", self.day, 1, _LAST, wanted=self.unit in _IN_MONTHS)
        in_unit = {"quarter": 3, "year": 12}.get(self.unit, 0)
        self._check("month", self.month, 1, in_unit, wanted=in_unit > 0)

    def _check(self, name: str, value: int | None, first: int, last: int, *, wanted: bool) -> None:
        if wanted and (value is None or not first <= value <= last):
            raise OptionError(f"{name}={value}: expected {first} to {last} for the unit {self.unit}")
        if not wanted and value is not None:
            raise OptionError(f"{name}={value}: the unit {self.unit} has none")

    def __str__(self) -> str:
        count = self.unit if self.every == 1 else f"{self.every} {self.unit}s"
        if self.weekday is not None:
            return f"{count}, on {WEEKDAYS[self.weekday]}s"
        if self.day is None:
            return count
        if self.unit == "month":
            return count + {1: "", _LAST: ", on its last day"}.get(self.day, f", on day {self.day}")
        assert self.month is not None
        if (self.month, self.day) == (1, 1):
            return count
        day = "the last day" if self.day == _LAST else f"day {self.day}"
        months = MONTHS[self.month - 1]
        if self.unit == "quarter":
            months = ", ".join(MONTHS[m][:3] for m in range(self.month - 1, 12, 3))
        return f"{count}, on {day} of {months}"

    @property
    def period(self) -> int:
        """Rows in a season: 12 months, 4 quarters, 52 weeks, 7 days, 5 business days, 24 hours; else 1.

        >>> Frequency("minute", 15).period, Frequency("year", day=1, month=1).period
        (96, 1)
        """
        cycle = _CYCLE.get(self.unit, 1)
        return cycle // self.every if cycle % self.every == 0 else 1

    @property
    def months(self) -> int | None:
        """The step in months, where it is one."""
        return self.every * _IN_MONTHS[self.unit] if self.unit in _IN_MONTHS else None

    def ordinals(self, dates: Dates) -> NDArray[np.int64]:
        """Whole numbers (N,) that grow by `stride` from row to row: months, business days, or the dates' own unit."""
        if self.unit in _IN_MONTHS:
            return dates.astype("datetime64[M]").astype(np.int64)
        if self.unit == "business day":
            return np.busday_count(np.datetime64("1970-01-01", "D"), dates.astype("datetime64[D]"))
        return dates.astype(np.int64)

    def stride(self, dtype: np.dtype[Any]) -> int:
        """By how much the ordinals of such dates grow. OptionError where dates of this dtype are too coarse for it."""
        name = np.datetime_data(dtype)[0] if dtype.kind == "M" else "numbers"
        if self.unit not in _MICROSECONDS and not (name == "Y" and (self.months or 1) % 12):
            return self.months or self.every
        own = {"us": 1, "ms": 1000, "s": 10**6, "D": _MICROSECONDS["day"]}.get(name)
        step = self.every * _MICROSECONDS.get(self.unit, 0)
        if own is None or step % own:
            raise OptionError(f"dates held in {name} cannot go on by {self}")
        return step // own

    def holds(self, dates: Dates) -> NDArray[np.bool_]:
        """Which dates (N,) have the weekday, the day and the month that this frequency asks for."""
        if (dates.dtype.kind == "M") == (self.unit == "number"):
            return np.zeros(len(dates), bool)
        if self.unit in _IN_MONTHS:
            assert self.day is not None
            months, days = dates.astype("datetime64[M]"), dates.astype("datetime64[D]")
            good = days == on_day(months, self.day)
            if self.month is not None:
                good &= months.astype(np.int64) % _IN_MONTHS[self.unit] == self.month - 1
            return good
        if self.unit == "business day":
            return np.is_busday(dates.astype("datetime64[D]"))
        if self.weekday is not None:
            return weekdays(dates) == self.weekday
        return np.ones(len(dates), bool)

    def after(self, last: np.datetime64 | int, count: int) -> Dates:
        """The dates (count,) that follow `last`, in its unit, at its time of day. OptionError where it is off the grid.

        >>> Frequency("year", day=29, month=2).after(np.datetime64("2020-02-29"), 4).astype(str).tolist()
        ['2021-02-28', '2022-02-28', '2023-02-28', '2024-02-29']
        """
        if not 0 <= count <= _MOST:
            raise OptionError(f"count={count}: expected 0 to {_MOST:,} dates")
        dates = np.asarray(last).reshape(1)
        if not self.holds(dates)[0]:
            raise OptionError(f"last={dates[0]} has no place where rows come every {self}")
        if dates.dtype.kind != "M":
            dates = dates.astype(np.int64)
        start, stride = int(self.ordinals(dates)[0]), self.stride(dates.dtype)
        _check_end(dates[0], start + stride * count, self)
        return self.dates(start + stride * np.arange(1, count + 1), dates)

    def dates(self, ordinals: NDArray[np.int64], like: Dates) -> Dates:
        """The dates (count,) of such ordinals, in the unit and at the time of day of `like` (1,)."""
        if like.dtype.kind != "M" or self.unit in _MICROSECONDS:
            return ordinals.astype(like.dtype)
        days, time = split_days(like)
        if self.unit == "business day":
            return np.busday_offset(np.datetime64("1970-01-01", "D"), ordinals).astype(like.dtype) + time
        months = ordinals.astype("datetime64[M]")
        assert self.day is not None
        whole = months if days.dtype != "datetime64[D]" else on_day(months, self.day)
        return whole.astype(like.dtype) + time


def on_day(months: NDArray[np.datetime64], day: int) -> NDArray[np.datetime64]:
    """The same day of each month (N,), or its last where it is shorter."""
    first = months.astype("datetime64[D]")
    length = ((months + 1).astype("datetime64[D]") - first).astype(np.int64)
    return first + (np.minimum(day, length) - 1)


def weekdays(dates: Dates) -> NDArray[np.int64]:
    """0 for Monday to 6 for Sunday, (N,): 1970-01-01 was a Thursday."""
    return (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7


def split_days(dates: Dates) -> tuple[NDArray[np.datetime64], NDArray[np.timedelta64]]:
    """Days and times of day, both (N,); months and years stay as they are, with a time of 0."""
    if np.datetime_data(dates.dtype)[0] in ("Y", "M"):
        return dates, np.zeros(len(dates), f"timedelta64[{np.datetime_data(dates.dtype)[0]}]")
    days = dates.astype("datetime64[D]")
    return days, dates - days.astype(dates.dtype)


def _check_end(last: np.datetime64 | np.int64, end: int, frequency: Frequency) -> None:
    """An end beyond what 64 bits hold would wrap around without a word; no calendar needs the year 200,000."""
    if isinstance(last, np.datetime64):
        in_year = {"Y": 1, "M": 12, "D": 366, "s": 366 * 86400, "ms": 366 * 86400 * 10**3, "us": 366 * 86400 * 10**6}
        ordinals = 12 if frequency.months else in_year[np.datetime_data(last.dtype)[0]]
        beyond = end > 200_000 * ordinals
    else:
        beyond = end >= 2**63
    if beyond:
        raise OptionError(f"{frequency} after {last}: the last date would be beyond what can be held; ask for fewer")
