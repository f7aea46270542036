"""Irregular rows brought to a regular grid: one value for each day, 15 minutes, month or the like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency, weekdays
from timeglass.dates.frequencies import check_dates
from timeglass.dates.frequency_words import HELD_IN, Wish, parse_frequency
from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["Resampled", "resample"]

_MOST = 10_000_000  # bins
_FINEST = {"microsecond": "us", "millisecond": "ms", "second": "s", "minute": "s", "hour": "s"}  # D for longer units
_COARSER = ("us", "ms", "s", "D", "M", "Y")


@dataclass(frozen=True, eq=False)
class Resampled:
    """N bins without a gap. A bin is empty where none of its rows has a value."""

    dates: Dates  # (N,), the beginning of each bin
    values: Array  # (N,), NaN in empty bins
    counts: NDArray[np.int64]  # (N,), the source rows that have a value
    first_rows: NDArray[np.int64]  # (N,), the first of them, from 0; -1 in empty bins
    frequency: Frequency


def resample(dates: Dates, values: Array, frequency: str, how: str = "mean") -> Resampled:
    """One value for each bin of rows, dates and values (rows,), the dates in order, several of one date allowed.

    `frequency` is as in `parse_frequency`; `how` is mean, sum, last, first, min, max or median, each over the values
    that are not NaN; also a sum of none is NaN. A bin is [its beginning, the next one's) and has the date of its
    beginning: days of midnight, weeks of their Monday or the weekday that is named, business days reach over the
    weekend, months, quarters and years begin on the first day of a month; a year of any month, as YS-APR says. Of
    several units, parts of a day are counted from midnight before the first row, others from the unit of the first
    row, whole numbers from 0. Dates come out in days where no bin is shorter, and in seconds for hours and minutes.

    >>> dates = np.array(["2021-01-03T23:50", "2021-01-04T06:30", "2021-01-06T06:31"], "datetime64[s]")
    >>> found = resample(dates, np.array([1.0, 2.0, 4.0]), "day", "sum")
    >>> found.dates.astype(str).tolist(), found.values.tolist(), found.first_rows.tolist()
    (['2021-01-03', '2021-01-04', '2021-01-05', '2021-01-06'], [1.0, 2.0, nan, 4.0], [0, 1, -1, 2])
    """
    if not isinstance(how, str) or how not in _WAYS:
        raise OptionError(f"how: expected one of {', '.join(_WAYS)}, got {repr(how)[:40]}")
    values = _checked(dates, values)
    if dates.dtype.kind != "M":
        dates = dates.astype(np.int64)
    every = _frequency(frequency, dates)
    bins, labels = _bins(dates, every, f"--resample {quoted(frequency)}")
    rows = np.flatnonzero(~np.isnan(values))  # (known,)
    return _combined(bins, values, rows, how, labels, every)


def _checked(dates: Dates, values: Array) -> Array:
    check_dates(dates)
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"values: expected numbers, with NaN where one is missing: {error}") from None
    if numbers.shape != dates.shape:
        raise ShapeError(f"resample: dates {dates.shape} and values {numbers.shape}: expected both (rows,)")
    if len(dates) == 0:
        raise InputError("resample: there are no rows: give at least one")
    falling = dates[1:] < dates[:-1]
    if falling.any():
        row = int(np.argmax(falling)) + 1
        raise DataError(f"dates: {dates[row]} in row {row + 1} comes after {dates[row - 1]}: sort the rows before")
    if np.isinf(numbers).any():
        row = int(np.argmax(np.isinf(numbers)))
        raise DataError(f"value {row + 1} is {numbers[row]}: expected finite numbers, and NaN where one is missing")
    return numbers


def _frequency(words: str, dates: Dates) -> Frequency:
    """What begins the bins; an `OptionError` where dates cannot be put into such."""
    wish, option = parse_frequency(words, "--resample"), f"--resample {quoted(words)}"
    held = np.datetime_data(dates.dtype)[0] if dates.dtype.kind == "M" else ""
    if (wish.unit == "number") != (held == ""):
        kind, units = ("dates", "day or the like") if held else ("whole numbers", "number, or 10 numbers")
        raise OptionError(f"{option}: the rows have {kind} such as {dates[0]}: expected {units}")
    frequency = _begun(wish, option)
    coarse = frequency.unit == "business day" and held in ("Y", "M")
    coarse |= held == "Y" and frequency.month not in (1, None)
    try:
        frequency.stride(dates.dtype)
    except OptionError:
        coarse = True
    if coarse:
        raise OptionError(
            f"{option}: the dates are whole {HELD_IN[held]}, such as {dates[0]}: bins of {frequency} cannot be finer "
            f"than the dates, nor begin between them: ask for {HELD_IN[held]} or longer"
        )
    return frequency


def _begun(wish: Wish, option: str) -> Frequency:
    """Weeks begin on Monday, all else on the first day, where the words name no other."""
    if wish.day not in (1, None):
        raise OptionError(f"{option}: a bin has the date of its beginning, not of its end: ask for {wish.unit}")
    if wish.unit == "week":
        return Frequency(wish.unit, wish.every, weekday=wish.weekday or 0)
    if wish.unit == "month":
        return Frequency(wish.unit, wish.every, day=1)
    if wish.unit in ("quarter", "year"):
        return Frequency(wish.unit, wish.every, day=1, month=wish.month or 1)
    return Frequency(wish.unit, wish.every)


def _bins(dates: Dates, frequency: Frequency, option: str) -> tuple[NDArray[np.int64], Dates]:
    """The bin of each row (rows,) from 0, and the beginnings of all bins (N,) in the unit that suits them."""
    if frequency.unit == "business day":
        dates = np.busday_offset(dates.astype("datetime64[D]"), 0, roll="backward").astype(dates.dtype)
    ordinals, stride = frequency.ordinals(dates), frequency.stride(dates.dtype)
    origin = _origin(frequency, dates[:1])
    bins = (ordinals - origin) // stride
    first, count = int(bins[0]), int(bins[-1]) - int(bins[0]) + 1
    if count > _MOST:
        raise OptionError(
            f"{option}: {count:,} bins from {dates[0]} to {dates[-1]}, at most {_MOST:,} are made: ask for longer ones"
        )
    labels = frequency.dates(origin + stride * (first + np.arange(count)), dates[:1])
    if dates.dtype.kind == "M":
        unit = max(np.datetime_data(dates.dtype)[0], _FINEST.get(frequency.unit, "D"), key=_COARSER.index)
        labels = labels.astype(f"datetime64[{unit}]")  # days without the time of the first row
    return bins - first, labels


def _origin(frequency: Frequency, first: Dates) -> int:
    """An ordinal at which a bin begins, from the first row's date (1,)."""
    if frequency.unit == "number":
        return 0
    day = _midnight(first)
    if frequency.weekday is not None:
        back = (weekdays(day) - frequency.weekday) % 7
        day = (day.astype("datetime64[D]") - back).astype(day.dtype)
    ordinal = int(frequency.ordinals(day)[0])
    if frequency.month is None:
        return ordinal
    return ordinal - (ordinal - (frequency.month - 1)) % (3 if frequency.unit == "quarter" else 12)


def _midnight(dates: Dates) -> Dates:
    held = np.datetime_data(dates.dtype)[0] if dates.dtype.kind == "M" else ""
    return dates.astype("datetime64[D]").astype(dates.dtype) if held in ("s", "ms", "us") else dates


def _combined(
    bins: NDArray[np.int64], values: Array, rows: NDArray[np.int64], how: str, labels: Dates, frequency: Frequency
) -> Resampled:
    """The `rows` that have a value, each bin's in one."""
    counts = np.bincount(bins[rows], minlength=len(labels))  # (N,)
    filled = np.flatnonzero(counts)  # (bins with a value,)
    sizes = counts[filled]
    starts = np.cumsum(sizes) - sizes
    made, first_rows = np.full(len(labels), np.nan), np.full(len(labels), -1)
    if len(filled):
        with np.errstate(over="ignore"):
            made[filled] = _WAYS[how](values[rows], starts, sizes)
        first_rows[filled] = rows[starts]
    if np.isinf(made).any():
        bin_ = int(np.argmax(np.isinf(made)))
        raise DataError(
            f"the {how} of {counts[bin_]:,} rows from {labels[bin_]} on is beyond a double: scale them before"
        )
    return Resampled(labels, made, counts, first_rows, frequency)


# Each takes values (known,), the place at which each bin's begin, and how many they are; it gives one for each bin.


def _mean(values: Array, starts: Array, sizes: Array) -> Array:
    return np.add.reduceat(values, starts) / sizes


def _median(values: Array, starts: Array, sizes: Array) -> Array:
    values = values[np.lexsort((values, np.repeat(starts, sizes)))]
    low, high = values[starts + (sizes - 1) // 2], values[starts + sizes // 2]
    return np.where(low == high, low, low / 2 + high / 2)


_WAYS: dict[str, Callable[[Array, Array, Array], Any]] = {
    "mean": _mean,
    "sum": lambda values, starts, _: np.add.reduceat(values, starts),
    "last": lambda values, starts, sizes: values[starts + sizes - 1],
    "first": lambda values, starts, _: values[starts],
    "min": lambda values, starts, _: np.minimum.reduceat(values, starts),
    "max": lambda values, starts, _: np.maximum.reduceat(values, starts),
    "median": _median,
}
