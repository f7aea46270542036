"""How shares add up from one number to another: a bar for each, beginning where the one before ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timeglass.show.axes import Axis
from timeglass.show.colours import BLUE, FAINT, GREY, INK, ORANGE
from timeglass.show.numbers import exact, number
from timeglass.show.svg import Element, canvas, line, rectangle, svg_text, text
from timeglass.words import shown

__all__ = ["Bar", "Waterfall", "waterfall", "waterfall_svg"]

_MOST_BARS = 24
_OPEN = "not accounted for"
_ROW, _TOP, _LEFT, _RIGHT, _WIDTH = 24.0, 56.0, 170.0, 96.0, 720.0


@dataclass(frozen=True)
class Bar:
    """One share: it moves the sum from `start` to `end`."""

    name: str
    share: float
    start: float
    end: float


@dataclass(frozen=True)
class Waterfall:
    """Bars from `low` to `high`, in order: baseline and forecast."""

    title: str
    names: tuple[str, str]  # what it begins and ends with
    first: float
    last: float
    bars: tuple[Bar, ...]

    @property
    def gap(self) -> float:
        """What the bars leave open: the last number less where they end."""
        return self.last - (self.bars[-1].end if self.bars else self.first)


def waterfall(
    shares: Sequence[tuple[str, float]], *, title: str, first: tuple[str, float], last: tuple[str, float],
    most: int = _MOST_BARS,
) -> Waterfall:  # fmt: skip
    """From named shares in order, and the named numbers that they lead from and to.

    Of more than `most` shares the smallest in size are one bar, the first: nothing is lost from the sum.

    >>> drawn = waterfall([("x1", 2.0), ("x2", -0.5)], title="", first=("baseline", 1.0), last=("forecast", 2.5))
    >>> [(bar.name, bar.start, bar.end) for bar in drawn.bars], drawn.gap
    ([('x1', 1.0, 3.0), ('x2', 3.0, 2.5)], 0.0)
    """
    order = sorted(range(len(shares)), key=lambda place: -abs(shares[place][1]))
    kept = set(order if len(shares) <= most else order[: most - 1])
    rest = [share for place, (_, share) in enumerate(shares) if place not in kept]
    parts = [(f"{len(rest)} smaller ones", sum(rest))] if rest else []
    parts += [part for place, part in enumerate(shares) if place in kept]
    bars, level = [], first[1]
    for name, share in parts:
        bars.append(Bar(name, share, level, level + share))
        level += share
    return Waterfall(title, (first[0], last[0]), first[1], last[1], tuple(bars))


def waterfall_svg(drawn: Waterfall) -> str:
    """The picture as SVG text: a row for each bar, from the first number down to the last."""
    levels = [drawn.first, drawn.last, *(level for bar in drawn.bars for level in (bar.start, bar.end))]
    room = (max(levels) - min(levels)) * 0.02 or 1.0
    axis = Axis(min(levels) - room, max(levels) + room, _LEFT, _WIDTH - _RIGHT)
    bars = [*drawn.bars, *_left_over(drawn)]
    rows = len(bars) + 2
    words = f"From {number(drawn.first)} to {number(drawn.last)} in {len(drawn.bars)} shares."
    root = canvas(_WIDTH, _TOP + rows * _ROW + 44, title=drawn.title, description=words)
    text(root, drawn.title, at=(16, 26), size=14, bold=True, within=_WIDTH - 32)
    bottom = _TOP + rows * _ROW
    for value in axis.marks(6):
        x = axis.place(value)
        line(root, (x, _TOP, x, bottom), colour=FAINT)
        text(root, number(value, 4), at=(x, bottom + 16), size=11, anchor="middle", colour=GREY)
    _end(root, axis, 0, drawn.names[0], drawn.first)
    for row, bar in enumerate(bars, 1):
        _bar(root, axis, row, bar)
    _end(root, axis, rows - 1, drawn.names[1], drawn.last)
    gap = number(abs(drawn.gap), 2)
    words = f"The shares add up to the difference between the two{f', but for {gap}' if drawn.gap else ''}."
    text(root, words, at=(16, bottom + 36), size=11, colour=GREY)
    return svg_text(root)


def _left_over(drawn: Waterfall) -> list[Bar]:
    """What the shares leave open, where it is large enough to be seen."""
    span = max((abs(bar.share) for bar in drawn.bars), default=0.0) + abs(drawn.last - drawn.first)
    return [Bar(_OPEN, drawn.gap, drawn.last - drawn.gap, drawn.last)] if abs(drawn.gap) > 1e-4 * span else []


def _end(root: Element, axis: Axis, row: int, name: str, value: float) -> None:
    x, y = axis.place(value), _TOP + row * _ROW
    line(root, (x, y + 2, x, y + _ROW - 2), colour=INK, width=3, tip=f"{shown(name)} = {exact(value)}")
    text(root, name, at=(16, y + 16), size=12, bold=True, within=_LEFT - 26)
    text(root, number(value, 4), at=(_WIDTH - 16, y + 16), size=12, anchor="end", bold=True)


def _bar(root: Element, axis: Axis, row: int, bar: Bar) -> None:
    left, right = sorted((axis.place(bar.start), axis.place(bar.end)))
    y, end = _TOP + row * _ROW, axis.place(bar.end)
    tip = f"{shown(bar.name)}: {exact(bar.share)}, from {exact(bar.start)} to {exact(bar.end)}"
    colour = GREY if bar.name == _OPEN else ORANGE if bar.share > 0 else BLUE
    rectangle(root, (left, y + 4, max(1.0, right - left), _ROW - 8), fill=colour, tip=tip)
    line(root, (end, y + 4, end, y + _ROW + 4), colour=GREY, width=0.8)
    text(root, bar.name, at=(16, y + 16), size=11.5, within=_LEFT - 26)
    words = number(bar.share, 3)
    text(root, words if bar.share < 0 else f"+{words}", at=(_WIDTH - 16, y + 16), size=11.5, anchor="end")
