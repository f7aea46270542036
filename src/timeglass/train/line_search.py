"""A search along a line for a point that meets the strong Wolfe conditions: many searches side by side.

Along its line the loss is f(a), a > 0 the step, with f'(0) < 0. A point is taken where

    f(a) <= f(0) + 1e-4 · a · f'(0)   and   |f'(a)| <= 0.9 · |f'(0)|

`low` is the lowest point met that fulfils the first of the two, and `high` is such that one that can be taken lies
between them. While there is no `high` the search reaches further out; then it tries the minimum of the cubic through
the values and slopes of both. J. Nocedal, S. J. Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from timeglass.train.iterations import Rows
from timeglass.types import Array

__all__ = ["LineSearches", "Verdict"]

_FALL, _SLOPE = 1e-4, 0.9
_REACH = 4.0  # how much further out the next try is
_EDGE = 0.1  # what share of the distance between low and high a try stays away from both
_MOST_TRIES = 20

Marks = NDArray[np.bool_]  # (L',)


class Verdict(NamedTuple):
    """What the points tried have turned out to be."""

    taken: Marks  # the point tried can be taken
    lower: Marks  # it cannot, but is the new low
    ended: Marks  # it cannot, and there will be no more tries


class _Points(NamedTuple):
    """One point on each line."""

    step: Array  # (L,)
    value: Array  # (L,)
    slope: Array  # (L,)

    def of(self, rows: Rows) -> _Points:
        return _Points(*(part[rows] for part in self))

    def put(self, rows: Rows, marks: Marks, others: _Points) -> None:
        """Replaces the points of the rows marked."""
        for part, other in zip(self, others, strict=True):
            part[rows[marks]] = other[marks]


def _points(count: int) -> _Points:
    return _Points(np.zeros(count), np.zeros(count), np.zeros(count))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _cubic_minimum(low: _Points, high: _Points) -> Array:
    """Where the cubic through both points has its minimum (equation 3.59), held off the edges; else the middle."""
    width = high.step - low.step
    a = low.slope + high.slope + 3 * (low.value - high.value) / width
    b = np.sign(width) * np.sqrt(a * a - low.slope * high.slope)
    share = 1 - (high.slope + b - a) / (high.slope - low.slope + 2 * b)
    return low.step + width * np.clip(np.where(np.isfinite(share), share, 0.5), _EDGE, 1 - _EDGE)


class LineSearches:
    """L searches: `begin` one, evaluate at `step`, `look` at what came out, until it is taken or has ended."""

    def __init__(self, count: int) -> None:
        self.step = np.zeros(count)  # (L,): the step to try
        self.low = _points(count)
        self._start, self._high = _points(count), _points(count)
        self._tries = np.zeros(count, dtype=np.int64)

    def begin(self, rows: Rows, value: Array, slope: Array, step: Array) -> None:
        """Starts anew for these lines, from values and slopes (L',) at their beginning, with a first step to try."""
        every = np.ones(len(rows), dtype=bool)
        start = _Points(np.zeros(len(rows)), value, slope)
        self._start.put(rows, every, start)
        self.low.put(rows, every, start)
        self._high.step[rows] = np.inf
        self._tries[rows] = 0
        self.step[rows] = step

    def look(self, rows: Rows, value: Array, slope: Array) -> Verdict:
        """Judges the points tried, from their values and slopes (L',), and chooses the next ones."""
        usable = np.isfinite(value) & np.isfinite(slope)
        tried = _Points(self.step[rows], np.where(usable, value, np.inf), slope)
        start, low, high = self._start.of(rows), self.low.of(rows), self._high.of(rows)
        falls = (tried.value <= start.value + _FALL * tried.step * start.slope) & (tried.value < low.value)
        taken = falls & (np.abs(tried.slope) <= -_SLOPE * start.slope)
        lower = falls & ~taken
        self._high.put(rows, ~falls, tried)
        self._high.put(rows, lower & (tried.slope * (high.step - low.step) >= 0), low)
        self.low.put(rows, lower, tried)
        self._tries[rows] += 1
        low, high = self.low.of(rows), self._high.of(rows)
        self.step[rows] = np.where(np.isinf(high.step), _REACH * tried.step, _cubic_minimum(low, high))
        return Verdict(taken, lower, ~taken & (self._tries[rows] >= _MOST_TRIES))
