"""What the searches for oddities share: the finding itself, its numbers in words, and a scale without overflow."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from timeglass.types import Array

__all__ = ["MOST", "Oddity", "number", "rescaled", "scaled", "worst"]

MOST = 20  # findings of one kind that are listed


@dataclass(frozen=True)
class Oddity:
    """Rows `first` to `last`, from 0, both included, that look odd; `words` say why, but not where.

    | kind | what `score` is |
    |---|---|
    | constant | the number of rows |
    | scale | the decimal logarithm of the size over the median size |
    | outlier | robust deviations from the neighbours' median, and from the season's where there is one: the smaller |
    | constant stretch | minus the decimal logarithm of how many such runs one would expect |
    | level shift | the t statistic of the step, its sign left out |
    | repeated value | its distance from the other values over their range; or how often it comes for each other |
    | copied stretch | minus the decimal logarithm of how many such copies one would expect |
    | squeezed range | the whole range over the one that nearly all values lie in |
    """

    kind: str
    first: int
    last: int
    score: float
    words: str


def number(value: float) -> str:
    """Six digits of it at most.

    >>> number(118.0), number(1e300), number(0.1 + 0.2), number(-1e-5)
    ('118', '1e300', '0.3', '-1e-5')
    """
    return re.sub(r"e\+?(-?)0?", r"e\1", f"{value:.6g}")


def scaled(values: Array) -> tuple[Array, int]:
    """(rows,) values times 2^-exponent, all within -1 and 1, and the exponent: no sum of a few of them overflows.

    >>> scaled(np.array([3.0, -1e308]))[1], scaled(np.array([3.0, 8.0]))[0].tolist()
    (1024, [0.1875, 0.5])
    """
    exponent = int(np.frexp(np.abs(values).max())[1])
    return np.ldexp(values, -exponent), exponent


def rescaled(value: float, exponent: int) -> float:
    """The value that `scaled` made this of; the largest double where it would be beyond.

    >>> rescaled(0.1875, 4), rescaled(-1.5, 1024)
    (3.0, -1.7976931348623157e+308)
    """
    try:
        return math.ldexp(float(value), exponent)
    except OverflowError:
        return math.copysign(float(np.finfo(float).max), value)


def worst(found: list[Oddity]) -> list[Oddity]:
    """The twenty with the highest scores in the order of their rows; the last one's words count the others.

    >>> [oddity.words for oddity in worst([Oddity("outlier", row, row, row, "odd") for row in range(23)])][-2:]
    ['odd', 'odd; 3 more that score lower are not listed']
    """
    kept = sorted(sorted(found, key=lambda oddity: -oddity.score)[:MOST], key=lambda oddity: oddity.first)
    if (more := len(found) - len(kept)) > 0:
        end = kept[-1]
        verb = "scores lower is" if more == 1 else "score lower are"
        kept[-1] = Oddity(
            end.kind, end.first, end.last, end.score, f"{end.words}; {more:,} more that {verb} not listed"
        )
    return kept
