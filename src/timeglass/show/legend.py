"""What the colours and line widths of a picture mean, and the words under it."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from timeglass.show.colours import FAINT, GREY, INK, diverging, stroke
from timeglass.show.numbers import number
from timeglass.show.svg import Element, Point, line, rectangle, text, text_width

__all__ = ["colour_bar", "notes", "notes_height", "value_legend", "weight_legend"]

_LINE, _SIZE = 16.0, 11.0  # of the notes


def weight_legend(root: Element, at: Point, *, limit: float) -> None:
    """Samples of lines from the most negative weight to the most positive, in one row whose base line is `at`."""
    x, y = at
    text(root, "Lines: weight", at=at, size=12)
    x += 100
    for share in (-1.0, -0.5, 0.5, 1.0):
        weight = share * limit
        line(root, (x, y - 4, x + 34, y - 4), colour=stroke(weight, limit), width=0.6 + 3.6 * abs(share))
        words = number(weight, 3)
        text(root, words, at=(x + 40, y), size=_SIZE, colour=GREY)
        x += 40 + text_width(words, _SIZE) + 18


def value_legend(root: Element, at: Point) -> None:
    """The colours of nodes, whose scale is each layer's own."""
    x, y = at
    text(root, "Nodes: value", at=at, size=12)
    x += 100
    for share in (-1.0, -0.5, 0.0, 0.5, 1.0):
        rectangle(root, (x, y - 12, 34, 16), fill=diverging(share, 1.0), outline=FAINT)
        x += 34
    text(root, "negative to positive, full colour as beside each layer's name", at=(x + 8, y), size=_SIZE, colour=GREY)


def colour_bar(root: Element, at: Point, *, low: float, high: float, limit: float, length: float) -> None:
    """The scale from `low` to `high` as an upright bar whose upper left corner is `at`."""
    x, y = at
    count = 40
    for place in range(count):
        value = high + (low - high) * (place + 0.5) / count
        rectangle(root, (x, y + place * length / count, 14, length / count + 0.4), fill=diverging(value, limit))
    rectangle(root, (x, y, 14, length), fill="none", outline=FAINT)
    levels: list[float] = []
    for value in dict.fromkeys((high, low, 0.0)):
        level = y if high == low else y + (high - value) / (high - low) * length
        if low <= value <= high and all(abs(level - other) >= 13 for other in levels):
            levels.append(level)
            line(root, (x + 14, level, x + 18, level), colour=GREY)
            text(root, number(value, 3), at=(x + 22, level + 4), size=_SIZE, colour=INK)


def _wrapped(words: Sequence[str], width: float) -> list[str]:
    """Lines that fit into so many pixels."""
    return [part for note in words for part in wrap(note, max(20, int(width / (_SIZE * 0.58))))]


def notes_height(words: Sequence[str], width: float) -> float:
    """Pixels that the notes take."""
    return _LINE * len(_wrapped(words, width)) + 4 if words else 0.0


def notes(root: Element, words: Sequence[str], *, at: Point, width: float) -> None:
    """Sentences under a picture, from the base line `at` downwards."""
    for index, part in enumerate(_wrapped(words, width)):
        text(root, part, at=(at[0], at[1] + index * _LINE), size=_SIZE, colour=GREY)
