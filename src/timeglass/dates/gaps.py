"""What is wrong with the order of dates: rows that are missing, come twice, or stand in another order."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency
from timeglass.errors import OptionError

__all__ = ["Gap", "Order", "duplicates", "gaps", "order"]


@dataclass(frozen=True)
class Gap:
    """`count` rows that are missing, dated `first` to `last`, between the rows `row` and `row + 1`, from 0."""

    row: int
    first: np.datetime64 | np.int64
    last: np.datetime64 | np.int64
    count: int

    def __str__(self) -> str:
        return str(self.first) if self.count == 1 else f"{self.first}..{self.last} ({self.count:,} rows)"


@dataclass(frozen=True)
class Order:
    """`rows` (N,) brings the dates into order, equal ones as they stood; at least `moved` rows change places."""

    rows: NDArray[np.int64]
    moved: int
    reversed: bool  # newest first throughout

    def __str__(self) -> str:
        if self.reversed:
            return "the rows stand newest first"
        return f"{self.moved:,} of {len(self.rows):,} rows stand out of order" if self.moved else "in order"


def gaps(dates: Dates, frequency: Frequency) -> list[Gap]:
    """Where rows are missing in dates (N,) that are in order, none twice. OptionError where one is off the grid.

    >>> dates = np.array(["1951-05", "1951-06", "1951-10"], "datetime64[M]")
    >>> print(gaps(dates, Frequency("month", day=1))[0])
    1951-07..1951-09 (3 rows)
    """
    if len(dates) == 0:
        return []
    ordinals, stride = frequency.ordinals(dates), frequency.stride(dates.dtype)
    off = ~frequency.holds(dates) | ((ordinals - ordinals[0]) % stride != 0)
    if off.any():
        row = int(np.argmax(off))
        raise OptionError(f"dates: {dates[row]} in row {row + 1} has no place where rows come every {frequency}")
    counts = np.diff(ordinals) // stride - 1
    if (counts < 0).any():
        row = int(np.argmax(counts < 0))
        raise OptionError(f"dates: {dates[row + 1]} comes after {dates[row]}: sort them first, and keep one of each")
    found = []
    for row in np.flatnonzero(counts).tolist():
        first = frequency.after(dates[row], 1)[0]
        # From the row's own date on: what lies between is not made, it may be long.
        last = _jump(frequency, dates[row], int(counts[row]))
        found.append(Gap(row, first, last, int(counts[row])))
    return found


def _jump(frequency: Frequency, date: np.datetime64 | np.int64, count: int) -> np.datetime64 | np.int64:
    """The date so many steps on."""
    dates = np.asarray(date).reshape(1)
    far = frequency.ordinals(dates) + count * frequency.stride(dates.dtype)
    return frequency.dates(far, dates)[0]


def duplicates(dates: Dates) -> NDArray[np.int64]:
    """Pairs of rows (D, 2) from 0 that have one date: the first that has it, and each later one.

    >>> duplicates(np.array([1, 2, 1, 3, 1])).tolist()
    [[0, 2], [0, 4]]
    """
    rows = np.argsort(dates, kind="stable")
    again = np.concatenate([[False], dates[rows][1:] == dates[rows][:-1]])[: len(dates)]
    starts = np.maximum.accumulate(np.where(again, 0, np.arange(len(dates))))
    pairs = np.stack([rows[starts[again]], rows[again]], axis=1)
    return pairs[np.argsort(pairs[:, 1])]


def order(dates: Dates) -> Order:
    """How to sort dates (N,), and how many rows that moves at least.

    >>> print(order(np.array([1, 2, 9, 3, 4])), order(np.array([3, 2, 1])), sep="; ")
    1 of 5 rows stand out of order; the rows stand newest first
    """
    rows = np.argsort(dates, kind="stable")
    if (dates[1:] >= dates[:-1]).all():
        return Order(rows, 0, False)
    # The longest run of rows in order, not necessarily neighbours, may stay: patience sorting.
    ends: list[int] = []
    for value in dates.astype(np.int64).tolist():
        place = bisect_right(ends, value)
        ends[place : place + 1] = [value]
    backwards = bool((dates[1:] <= dates[:-1]).all())
    return Order(rows, len(dates) - len(ends), backwards)
