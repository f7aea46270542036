"""Axes of a chart: where a value stands, and which values are written beside it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

from timeglass.show.colours import FAINT, GREY, INK
from timeglass.show.numbers import number
from timeglass.show.svg import Element, line, text

__all__ = ["Axis", "across", "ticks", "upright"]


@dataclass(frozen=True)
class Axis:
    """A scale from `low` at pixel `start` to `high` at pixel `end`.

    >>> Axis(0, 10, 100, 200).place(5), Axis(1e-2, 1e2, 0, 100, log=True).place(1.0)
    (150.0, 50.0)
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """The pixel of a value; of one beyond the scale that of its end."""
        low, high, own = (log10(v) if self.log else v for v in (self.low, self.high, max(value, self.low)))
        share = (min(own, high) - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def marks(self, most: int = 6) -> list[float]:
        """The values that are written: powers of ten where the scale is logarithmic."""
        if not self.log:
            return ticks(self.low, self.high, most)
        first, last = ceil(log10(self.low) - 1e-9), floor(log10(self.high) + 1e-9)
        return [10.0**power for power in range(first, last + 1, max(1, ceil((last - first) / most)))]


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers within a range, at distances of 1, 2 or 5 times a power of ten.

    >>> ticks(0.0, 23.0), ticks(-1.0, 1.0, 4)
    ([0.0, 5.0, 10.0, 15.0, 20.0], [-1.0, -0.5, 0.0, 0.5, 1.0])
    """
    if not high > low:
        return [low]
    power = 10.0 ** floor(log10((high - low) / most))
    step = next(times * power for times in (1, 2, 5, 10, 20) if (high - low) / (times * power) <= most)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(count * step, 12 - floor(log10(step))) for count in range(first, last + 1)]


def upright(root: Element, axis: Axis, *, left: float, right: float, label: str) -> None:
    """The scale at the left with faint lines across, and its label above it."""
    for value in axis.marks():
        y = axis.place(value)
        line(root, (left, y, right, y), colour=FAINT)
        text(root, _mark(value, axis.log), at=(left - 7, y + 4), size=11, anchor="end", colour=GREY)
    text(root, label, at=(16, min(axis.start, axis.end) - 26), size=11.5)


def across(root: Element, axis: Axis, *, bottom: float, label: str) -> None:
    """The scale below, of whole numbers, and its label under its middle."""
    marks = [round(mark) for mark in ticks(axis.low, axis.high, 12) if mark == round(mark)]
    if len(marks) > 1 and marks[0] - axis.low > 0.6 * (marks[1] - marks[0]):
        marks.insert(0, round(axis.low))
    for value in dict.fromkeys(marks):
        x = axis.place(value)
        line(root, (x, bottom, x, bottom + 4), colour=GREY)
        text(root, f"{value}", at=(x, bottom + 18), size=11, anchor="middle", colour=GREY)
    line(root, (axis.start, bottom, axis.end, bottom), colour=INK)
    text(root, label, at=((axis.start + axis.end) / 2, bottom + 38), size=11.5, anchor="middle")


def _mark(value: float, log: bool) -> str:
    if not log:
        return number(value, 4)
    power = round(log10(value))
    return "1" if power == 0 else "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
