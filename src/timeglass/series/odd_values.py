"""Odd by what they are, wherever they stand: far too large, stand-ins for missing values, one that dwarfs the rest."""

from __future__ import annotations

import math

import numpy as np

from timeglass.series.oddity import Oddity, number, rescaled, scaled
from timeglass.types import Array
from timeglass.words import counted

__all__ = ["off_scale", "repeated_values", "squeezed_range", "stand_ins"]

_OFF_SCALE = 6.0  # decimal digits beyond the median size
# What files have in place of a missing value, either sign; each must lie far from the other values to be named.
_NAMED = [0, 99, 99.9, 99.99, 888, 999, 999.9, 999.99, 8888, 9999, 9999.9, 99999, 999999, 1e20, 1e30]
_NAMED += [32767, 32768, 65535, 2147483647, 2147483648]
_RANGES = 1.0  # of the other values, that such a value lies from them at least
_ONCE = 3.0  # where it comes once and is not negative: outliers may look like it
_OFTEN = 5  # times the next most frequent value
_UNIQUE = 0.9  # share of the other values that come once only, so that a value that comes again is odd
_SQUEEZED = 0.05  # of the range


def off_scale(values: Array) -> list[Oddity]:
    """Values (rows,) of 10⁶ times the median size or more; zeros have no size.

    >>> off_scale(np.array([58.2, 1e300, 60.0, 58.0, 0.0]))[0].words
    '1e300 is 1.7e298 times the median size, 58.2'
    """
    sizes = np.abs(values)
    some = sizes[sizes > 0]
    if len(some) < 2:
        return []
    middle = np.partition(some, (len(some) - 1) // 2)[(len(some) - 1) // 2]  # the lower of two: no sum, no overflow
    digits = np.log10(np.where(sizes > 0, sizes, middle)) - np.log10(middle)  # (rows,)
    found = []
    for row in np.flatnonzero(digits >= _OFF_SCALE).tolist():
        words = f"{number(values[row])} is {_times(float(digits[row]))} times the median size, {number(middle)}"
        found.append(Oddity("scale", row, row, float(digits[row]), words))
    return found


def _times(digits: float) -> str:
    """10^digits in two digits, also where it is beyond a double."""
    power = math.floor(digits)
    return f"{10 ** (digits - power):.1f}e{power}"


def stand_ins(values: Array, off: Array | None = None) -> list[Oddity]:
    """-999 and its like in values (rows,), one finding for each: farther from all others than those lie apart.

    One that comes once and is not negative must lie three times as far: an outlier may look like it. Zero counts too,
    where all others lie on one side; -1 in whole numbers that are never negative otherwise, where it comes more often
    than 0, 1 and 2 together, three times at least. Rows that are `off` (rows,) are not among the others.

    >>> stand_ins(np.array([4.0, 5, 7, -999, 6, 5, 4, -999, 6, 7]))[0].words
    '-999 comes 2 times; all other values lie between 4 and 7: does it stand for a missing one?'
    """
    named = np.isin(np.abs(values), _NAMED)  # (rows,)
    usual = ~named if off is None else ~named & ~off
    found = []
    for value in sorted(np.unique(values[named]).tolist(), key=abs):
        here = values == value
        needed = _RANGES if value < 0 or here.sum() > 1 else _ONCE
        if (distance := _distance(value, values[usual])) > needed:
            found.append(_stand_in(values, value, values[usual], distance))
        else:
            usual |= here
    return found or _minus_one(values)


def _distance(value: float, others: Array) -> float:
    """From a value to the nearest of the others, in units of their range; 0 where they are too few to say."""
    if len(others) < 8 or len(np.unique(others)) < 3:
        return 0.0
    near, _ = scaled(np.append(others, value))
    others, value = near[:-1], float(near[-1])
    low, high = float(others.min()), float(others.max())
    apart = max(low - value, value - high, 0.0)
    return apart / (high - low) if high - low > apart / 1e300 else 1e300


def _minus_one(values: Array) -> list[Oddity]:
    """-1 among counts."""
    minus = values == -1
    others = values[~minus]
    if minus.sum() < 3 or len(others) < 8 or others.min() < 0 or (others != np.floor(others)).any():
        return []
    small = int((others <= 2).sum())
    if minus.sum() <= small or len(np.unique(others)) < 3:
        return []
    return [_stand_in(values, -1.0, others, float(minus.sum() / max(small, 1)))]


def _stand_in(values: Array, value: float, others: Array, score: float) -> Oddity:
    rows = np.flatnonzero(values == value)
    words = f"{number(value)} comes {_often(len(rows))}; all other values lie between {number(others.min())} and "
    words += f"{number(others.max())}: does it stand for a missing one?"
    return Oddity("repeated value", int(rows[0]), int(rows[-1]), score, words)


def _often(count: int) -> str:
    return "once" if count == 1 else counted(count, "time")


def repeated_values(values: Array) -> list[Oddity]:
    """A value of (rows,) that comes again and again, not in one run, while nearly all others come once.

    It must come 5 times as often as the next most frequent one, in 5 runs or more, and 90 % of the others must be
    unique. Zero is let pass where it is the smallest or largest: no rain, nothing sold.

    >>> found = repeated_values(np.array([.12, .5, .31, .5, .77, .5, .93, .5, .24, .5, .68]))
    >>> (found[0].words, found[0].score) if found else None
    ('0.5 comes 5 times, no other value more than once: is it measured?', 5.0)
    """
    levels, counts = np.unique(values, return_counts=True)  # (levels,)
    if len(levels) < 3 or counts.max() < _OFTEN:
        return []
    top = int(np.argmax(counts))
    value, second = float(levels[top]), int(np.delete(counts, top).max())
    unique = (len(levels) - 1) / (len(values) - counts[top])
    if counts[top] < _OFTEN * second or unique < _UNIQUE or (value == 0 and top in (0, len(levels) - 1)):
        return []
    rows = np.flatnonzero(values == value)
    if 1 + (np.diff(rows) > 1).sum() < _OFTEN:
        return []
    words = f"{number(value)} comes {_often(len(rows))}, no other value more than {_often(second)}: is it measured?"
    return [Oddity("repeated value", int(rows[0]), int(rows[-1]), float(counts[top] / second), words)]


def squeezed_range(values: Array) -> list[Oddity]:
    """Whether nearly all values (rows,) lie in a twentieth of the range or less: the row that widens it most.

    Nearly all: 99 %, or all but one to three of fewer than 400 rows, as few as will do, and one of ten at most.

    >>> squeezed_range(np.append(np.arange(19.0), 900.0))[0].words
    '95 % of the values lie in 2 % of the range, 0 to 18; with 900 a min-max scale leaves them no room'
    """
    x, exponent = scaled(values)
    ordered = np.sort(x)
    most = max(min(3, len(x) // 10), len(x) // 100)
    for out in sorted({min(few, most) for few in (1, 2, 3, most)} - {0}):
        low, high = _shortest(ordered, len(x) - out)
        if 0 < high - low <= _SQUEEZED * (ordered[-1] - ordered[0]):
            return [_squeezed(values, x, (low, high), exponent)]
    return []


def _squeezed(values: Array, x: Array, inside: tuple[float, float], exponent: int) -> Oddity:
    """The finding at the row farthest from all that is inside."""
    low, high = inside
    row = int(np.argmax(np.maximum(low - x, x - high)))
    share = (high - low) / float(x.max() - x.min())
    percent = 100 * float(((x >= low) & (x <= high)).mean())
    between = f"{number(rescaled(low, exponent))} to {number(rescaled(high, exponent))}"
    words = f"{percent:.3g} % of the values lie in {100 * share:.2g} % of the range, {between}; "
    words += f"with {number(values[row])} a min-max scale leaves them no room"
    return Oddity("squeezed range", row, row, 1 / max(share, 1e-300), words)


def _shortest(ordered: Array, count: int) -> tuple[float, float]:
    """The shortest interval that holds so many of the ordered values."""
    widths = ordered[count - 1 :] - ordered[: len(ordered) - count + 1]
    start = int(np.argmin(widths))
    return float(ordered[start]), float(ordered[start + count - 1])
