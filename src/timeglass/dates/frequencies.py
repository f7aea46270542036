"""Finds how often a series has a row: every month's last day, every business day, every 15 minutes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency, on_day, split_days, weekdays
from timeglass.errors import OptionError

__all__ = ["Irregular", "check_dates", "day_of_month", "detect", "steps"]

_UNITS = (
    ("week", 7 * 86400 * 10**6), ("day", 86400 * 10**6), ("hour", 3600 * 10**6), ("minute", 60 * 10**6),
    ("second", 10**6), ("millisecond", 1000), ("microsecond", 1),
)  # fmt: skip
_MICROSECONDS = {"D": 86400 * 10**6, "s": 10**6, "ms": 1000, "us": 1}


@dataclass(frozen=True)
class Irregular:
    """Dates without one frequency, and why.

    `usual` is the frequency that they would have without their gaps: at least half of the steps are of it, all others
    whole multiples. None where there is no such frequency.
    """

    reason: str
    steps: tuple[tuple[str, int], ...] = ()
    usual: Frequency | None = None

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True)
class _Grid:
    """Dates as whole numbers, and what a step of so many of them is called."""

    ordinals: NDArray[np.int64]
    unit: str  # month, business day, number, or a part of a day in which the ordinals count
    size: int = 1  # microseconds of one, where it is a part of a day
    day: int | None = None


def detect(dates: Dates) -> Frequency | Irregular:
    """The frequency of dates or whole numbers (N,), or why there is none. OptionError where one is not a time.

    >>> detect(np.array(["2021-01-31", "2021-02-28", "2021-03-31"], "datetime64[D]"))
    Frequency(unit='month', every=1, weekday=None, day=31, month=None)
    >>> print(detect(np.array(["2021-01", "2021-02", "2021-05"], "datetime64[M]")))
    the steps differ: 1 of 1 month, 1 of 3 months
    """
    check_dates(dates)
    if len(dates) < 2:
        return Irregular("one row has no step to the next" if len(dates) else "there are no rows")
    growth = dates[1:] > dates[:-1]
    if not growth.all():
        i = int(np.argmin(growth))
        what = "comes twice" if dates[i] == dates[i + 1] else f"comes after {dates[i]}"
        return Irregular(f"{dates[i + 1]} {what}: the rows are not in order, each with a date of its own", steps(dates))
    grids = list(_grids(dates))
    for grid in grids:
        strides = np.diff(grid.ordinals)
        if (strides == strides[0]).all():
            return _frequency(grid, int(strides[0]), dates)
    usual = next((found for grid in grids if (found := _usual(grid, dates))), None)
    counts = steps(dates)
    most = ", ".join(f"{count:,} of {step}" for step, count in counts[:4])
    more = f" and {len(counts) - 4:,} other kinds" if len(counts) > 4 else ""
    return Irregular(f"the steps differ: {most}{more}", counts, usual)


def steps(dates: Dates) -> tuple[tuple[str, int], ...]:
    """Each kind of step from row to row in words with its count, the most frequent first.

    >>> steps(np.array(["2021-01-01", "2021-01-02", "2021-01-03", "2021-01-06"], "datetime64[D]"))
    (('1 day', 2), ('3 days', 1))
    """
    check_dates(dates)
    kinds, counts = np.unique(np.diff(dates).astype(np.int64), return_counts=True)
    order = np.lexsort((kinds, -counts))
    unit = np.datetime_data(dates.dtype)[0] if dates.dtype.kind == "M" else "number"
    return tuple((_words(int(kinds[i]), unit), int(counts[i])) for i in order)


def check_dates(dates: Dates) -> None:
    """An OptionError where they are neither whole numbers (N,) nor times in a known unit, or one is NaT."""
    if dates.dtype.kind not in "Miu" or dates.ndim != 1:
        raise OptionError(f"dates: expected datetime64 or whole numbers (N,), got {dates.dtype} {dates.shape}")
    if dates.dtype.kind == "M":
        if np.datetime_data(dates.dtype) not in [(unit, 1) for unit in ("Y", "M", "D", "s", "ms", "us")]:
            raise OptionError(f"dates: expected datetime64 in Y, M, D, s, ms or us, got {dates.dtype}")
        if np.isnat(dates).any():
            raise OptionError(f"dates: row {int(np.argmax(np.isnat(dates))) + 1} is not a time (NaT)")


def _words(step: int, unit: str) -> str:
    if unit in _MICROSECONDS:
        size = step * _MICROSECONDS[unit]
        units = _UNITS[1:]  # a step of 28 days is not four weeks to everybody
        unit, part = next(((name, part) for name, part in units if size and size % part == 0), ("second", 10**6))
        step = size // part
    else:
        unit = {"Y": "year", "M": "month"}.get(unit, unit)
        if unit == "number":
            return f"{step:,}"
    return f"{step:,} {unit}{'s' * (abs(step) != 1)}"


def _grids(dates: Dates) -> Iterator[_Grid]:
    """The ways to count these dates, the one with the most to say first."""
    if dates.dtype.kind != "M":
        yield _Grid(dates.astype(np.int64), "number")
        return
    days, times = split_days(dates)
    if (times == times[0]).all():
        day = day_of_month(days)
        months = dates.astype("datetime64[M]").astype(np.int64)
        if day is not None and (np.diff(months) > 0).all():
            yield _Grid(months, "month", day=day)
        if days.dtype != "datetime64[D]":
            return
        numbers = days.astype(np.int64)
        if (np.diff(numbers) == numbers[1] - numbers[0]).all() or not np.is_busday(days).all():
            yield _Grid(numbers, "day", _MICROSECONDS["D"])
            return
        yield _Grid(np.busday_count(np.datetime64("1970-01-01", "D"), days), "business day")
        yield _Grid(numbers, "day", _MICROSECONDS["D"])
    else:
        yield _Grid(dates.astype(np.int64), "part", _MICROSECONDS[np.datetime_data(dates.dtype)[0]])


def day_of_month(days: NDArray[np.datetime64]) -> int | None:
    """The day that all dates (N,) lie on, 31 where all are ends of their months, shorter months cut it; or None.

    >>> day_of_month(np.array(["2021-01-30", "2021-02-28", "2021-03-30"], "datetime64[D]"))
    30
    """
    if days.dtype != "datetime64[D]":
        return 1
    months = days.astype("datetime64[M]")
    if (days == on_day(months, 31)).all():
        return 31
    day = int((days - months.astype("datetime64[D]")).astype(np.int64).max()) + 1
    return day if (days == on_day(months, day)).all() else None


def _usual(grid: _Grid, dates: Dates) -> Frequency | None:
    strides = np.diff(grid.ordinals)
    kinds, counts = np.unique(strides, return_counts=True)
    stride = int(kinds[np.argmax(counts)])  # of equally many, the shorter
    if counts.max() * 2 < len(strides) or (kinds % stride).any():
        return None
    return _frequency(grid, stride, dates)


def _frequency(grid: _Grid, stride: int, dates: Dates) -> Frequency:
    if grid.unit in ("number", "business day"):
        return Frequency(grid.unit, stride)
    if grid.unit == "month":
        month = int(dates[0].astype("datetime64[M]").astype(np.int64)) % 12
        if stride % 12 == 0:
            return Frequency("year", stride // 12, day=grid.day, month=month + 1)
        if stride == 3:
            return Frequency("quarter", day=grid.day, month=month % 3 + 1)
        return Frequency("month", stride, day=grid.day)
    unit, size = next((unit, size) for unit, size in _UNITS if stride * grid.size % size == 0)
    weekday = int(weekdays(dates[:1])[0]) if unit == "week" else None
    return Frequency(unit, stride * grid.size // size, weekday=weekday)
