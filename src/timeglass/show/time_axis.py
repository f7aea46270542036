"""Where dates stand on an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from timeglass.types import Array

__all__ = ["TimeAxis", "decimal_years", "time_axis"]

_CALENDAR = np.datetime64("0100-01-01"), np.datetime64("9900-01-01")  # libraries know the years 1 to 9999
_SHORTEST = np.timedelta64(10, "ms")  # a shorter span is too fine for days as doubles
_FINEST = 2**40  # times its span may a number be, to stand on an axis as it is


@dataclass(frozen=True)
class TimeAxis:
    """How dates become numbers: "days" since 1970, "years" with a fraction, "rows" as they are, or "since" a start."""

    kind: str
    start: Any = None

    def places(self, dates: Array) -> Array:
        """Numbers (N,) for dates (N,).

        >>> TimeAxis("days").places(np.array(["1970-01-03", "1970-02-01"], "datetime64[D]"))
        array([ 2., 31.])
        """
        if self.kind == "rows":
            return dates.astype(np.float64)
        if self.kind == "years":
            return decimal_years(dates)
        if self.kind == "since":
            after = dates - self.start
            return after / np.timedelta64(1, "ns") if after.dtype.kind == "m" else after.astype(np.float64)
        days = dates.astype("datetime64[D]")
        rest = (dates - days.astype(dates.dtype)) / np.timedelta64(1, "D") if _finer_than_days(dates) else 0.0
        return days.astype(np.int64) + rest

    def words(self, label: str) -> str:
        """What stands beside the axis."""
        if self.kind != "since":
            return label
        unit = "ns after" if isinstance(self.start, np.datetime64) else "after"
        return f"{label} ({unit} {self.start})".strip()


def _finer_than_days(dates: Array) -> bool:
    return np.datetime_data(dates.dtype)[0] not in ("Y", "M", "W", "D")


def time_axis(*parts: Array) -> TimeAxis:
    """One axis for all these dates: years where each date is one, or where a calendar does not reach.

    >>> time_axis(np.array(["1949", "1950"], "datetime64[Y]")), time_axis(np.arange(3))
    (TimeAxis(kind='years', start=None), TimeAxis(kind='rows', start=None))
    """
    low, high = min(part.min() for part in parts), max(part.max() for part in parts)
    if any(part.dtype.kind != "M" for part in parts):
        fine = max(abs(int(low)), abs(int(high))) > _FINEST * max(1, int(high) - int(low))
        return TimeAxis("since", low) if fine else TimeAxis("rows")
    if all(np.datetime_data(part.dtype)[0] == "Y" for part in parts):
        return TimeAxis("years")
    # In days: the calendar's ends are beyond nanoseconds.
    if not (_CALENDAR[0] <= low.astype("datetime64[D]") and high.astype("datetime64[D]") <= _CALENDAR[1]):
        return TimeAxis("years")
    return TimeAxis("since", low) if low < high < low + _SHORTEST and _finer_than_days(parts[0]) else TimeAxis("days")


def decimal_years(dates: Array) -> Array:
    """Dates as years with a fraction.

    >>> decimal_years(np.array(["1950-01-01", "1950-07-02T12"], "datetime64[h]"))
    array([1950. , 1950.5])
    """
    years = dates.astype("datetime64[Y]")
    if np.datetime_data(dates.dtype)[0] == "Y":
        return years.astype(np.int64) + 1970.0
    begin, end = years.astype("datetime64[s]"), (years + 1).astype("datetime64[s]")
    share = (dates.astype("datetime64[s]") - begin) / (end - begin)
    return years.astype(np.int64) + 1970 + share
