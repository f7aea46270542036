"""Odd by how they follow each other: one value for too long, and stretches that come twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeglass.series.oddity import Oddity, number
from timeglass.types import Array

__all__ = ["constant_stretches", "copied_stretches"]

_SHORTEST = 4  # rows of a constant stretch
_ELSEWHERE = 20  # rows outside it, from which to know the rest
_COPIED = 6  # rows of a copied one, or a period
_LONGEST = 100  # copies that are left out of what is usual
_LEVELS = 4  # distinct values in it
_DIGITS = 4.0  # fewer than 10⁻⁴ such stretches are to be expected
_PRIOR = 10.0  # rows' worth of belief that a value is repeated as often as all others


def constant_stretches(values: Array) -> list[Oddity]:
    """Runs of 4 and more equal values in (rows,), of which fewer than 10⁻⁴ are to be expected.

    Were a value v followed by itself with the probability p, whatever came before, the lengths of its runs would be
    geometric, and n rows would hold at most n · p^(L-1) runs of L or more. p is taken from outside the run, and from
    where it may be at most: p = q + 2 √(q (1 - q) / (c_v + 10)), q = (e_v + 10 p₀) / (c_v + 10), e_v of the c_v other
    rows of v being followed by v again, and p₀ the same share of all values. So zeros that often follow zeros may do so
    for long, and a value met nowhere else may not. A run with fewer than 20 rows outside is let pass.

    >>> values = np.concatenate([np.arange(50) % 7, np.full(12, 3), np.arange(50) % 7])
    >>> [(found.first, found.last, found.words) for found in constant_stretches(values)]
    [(50, 61, '3 comes 12 times in a row; elsewhere it is followed by itself with a probability of 3 % at most')]
    """
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))  # (runs,)
    lengths = np.diff(np.append(starts, len(values)))
    if len(starts) == 1 or lengths.max() < _SHORTEST:
        return []
    long = np.flatnonzero(lengths >= _SHORTEST)
    chance = _repeats(values[starts], lengths, long)  # (long,)
    digits = -np.log10(len(values)) - (lengths[long] - 1) * np.log10(chance)
    found = []
    for run, p, score in zip(long.tolist(), chance.tolist(), digits.tolist(), strict=True):
        if score < _DIGITS or len(values) - lengths[run] < _ELSEWHERE:
            continue
        first, length = int(starts[run]), int(lengths[run])
        words = f"{number(values[first])} comes {length:,} times in a row; "
        words += f"elsewhere it is followed by itself with a probability of {100 * p:.2g} % at most"
        found.append(Oddity("constant stretch", first, first + length - 1, score, words))
    return found


def _repeats(levels: Array, lengths: NDArray[np.int64], long: NDArray[np.int64]) -> Array:
    """(long,): the probability, at most, that a value is followed by itself, from all runs but the one in question."""
    ids = np.unique(levels, return_inverse=True)[1]  # (runs,)
    rows, runs = np.bincount(ids, weights=lengths)[ids[long]], np.bincount(ids)[ids[long]]
    pairs = lengths[long] - 1
    every = lengths.sum() - 1 - pairs
    overall = (lengths.sum() - len(lengths) - pairs + 1) / (every + 2)  # Laplace's: neither 0 nor 1
    seen = rows - lengths[long] + _PRIOR
    chance = (rows - runs - pairs + _PRIOR * overall) / seen
    return np.minimum(chance + 2 * np.sqrt(chance * (1 - chance) / seen), 1.0)


def copied_stretches(values: Array, *, period: int = 1) -> list[Oddity]:
    """Stretches of 6 and more rows, of a period and more, that stand in values (rows,) a second time.

    They must hold 4 distinct values, and fewer than 10⁻⁴ are to be expected. S₂ stretches of 2 rows and more, as long
    as they go, stood before, and S₄ of 4 rows and more; so each further row agrees with the probability ρ,
    ρ² = (S₄ + r²) / (S₂ + 1), and (S₂ + 1) · ρ^(L-2) stretches of L rows should have stood before. r is what is
    believed before any is seen: (M + 1) / (n + 2), M of n values having stood before. The copy itself and those as long
    (the hundred longest at most) are left out of S₂, S₄ and M. What follows itself three times and more is a period,
    no copy.

    >>> values = np.random.default_rng(0).normal(size=60)
    >>> values[40:49] = values[10:19]
    >>> [(found.first, found.last, found.words) for found in copied_stretches(values)]
    [(40, 48, '9 values are those that stood 30 rows before: -0.623274, 0.041326, -2.32503, …')]
    """
    width = max(_COPIED, period)
    if len(values) < 2 * width:
        return []
    ids = np.unique(values, return_inverse=True)[1]  # (rows,)
    pairs = _joined(ids[:-1], ids[1:])
    fours = _joined(pairs[:-2], pairs[2:])
    shorter = len(_maximal(pairs, 2)), len(_maximal(fours, 4))  # S₂, S₄
    if shorter[1] == 0:
        return []
    length, words = 4, fours
    while 2 * length <= width:
        length, words = 2 * length, _joined(words[:-length], words[length:])
    if length < width:
        words = _joined(words[: len(ids) - width + 1], words[width - length :])
    return _improbable(values, _maximal(words, width), (len(ids) - int(ids.max()) - 1, *shorter))


def _joined(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs as numbers from 0: equal ones have one number."""
    return np.unique(left * (right.max() + 1) + right, return_inverse=True)[1]


def _maximal(words: NDArray[np.int64], width: int) -> NDArray[np.int64]:
    """(found, 3) where the first of two equal stretches begins, how many rows later the next, and how long they are."""
    order = np.argsort(words, kind="stable")
    again = np.flatnonzero(words[order][1:] == words[order][:-1])
    lag = np.zeros(len(words) + 2, np.int64)  # to the next of the same words, 0 for none; one row more at either end
    lag[order[again] + 1] = order[again + 1] - order[again]
    changes = np.flatnonzero(lag[1:] != lag[:-1])  # windows one row apart, with one lag, are one stretch
    heads, ends = changes[:-1], changes[1:]
    stretches = np.stack([heads, lag[heads + 1], ends - heads + width - 1], axis=1)
    return stretches[stretches[:, 1] > 0]


def _improbable(values: Array, stretches: NDArray[np.int64], usual: tuple[int, int, int]) -> list[Oddity]:
    """Those of the stretches that chance would not make; `usual`: M, S₂ and S₄."""
    stretches = stretches[np.argsort(-stretches[:, 2], kind="stable")]
    lengths = stretches[:, 2]
    last = np.searchsorted(-lengths, -lengths, side="right").clip(max=_LONGEST)  # so many are as long
    rows = np.maximum(usual[0] - np.append(0, np.cumsum(lengths))[last], 0)  # (found,)
    two, four = np.maximum(usual[1] - last, 0), np.maximum(usual[2] - last, 0)
    square = (four + ((rows + 1) / (len(values) + 2)) ** 2) / (two + 1)
    digits = -np.log10(two + 1) - (lengths - 2) * np.log10(np.minimum(square, 1.0)) / 2
    found = []
    odd = (digits >= _DIGITS) & (lengths < 2 * stretches[:, 1])
    for (start, lag, length), score in zip(stretches[odd].tolist(), digits[odd].tolist(), strict=True):
        if len(np.unique(values[start : start + length])) < _LEVELS:
            continue
        shown = ", ".join(number(value) for value in values[start : start + 3])
        words = f"{length:,} values are those that stood {lag:,} rows before: {shown}, …"
        found.append(Oddity("copied stretch", start + lag, start + lag + length - 1, score, words))
    return found
