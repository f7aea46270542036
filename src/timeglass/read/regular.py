"""How often rows come in all series of a table, and which series are not as they should be."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency
from timeglass.dates.frequencies import Irregular, detect
from timeglass.dates.frequency_words import frequency_for
from timeglass.errors import OptionError
from timeglass.read.grouping import Flat

__all__ = ["common_frequency", "faulty_series"]

_CHUNK = 2**20
_LOOKED_AT = 32  # series whose dates tell how often rows come


def common_frequency(flat: Flat, words: str | None) -> Frequency | Irregular | None:
    """The frequency of most of the first series with more than one date; None where there is none to find.

    `words` is what was asked for: "none" is None.
    """
    if flat.times is None or words == "none":
        return None
    found: Counter[Frequency] = Counter()
    irregular = None
    for place in _some_series(flat):
        dates = np.sort(flat.times[flat.offsets[place] : flat.offsets[place + 1]])
        dates = np.concatenate([dates[:1], dates[1:][dates[1:] != dates[:-1]]])  # np.unique takes 20 ms to start
        if words is not None and len(dates):
            return frequency_for(words, dates)
        if len(dates) < 2:
            continue
        frequency = detect(dates)
        if isinstance(frequency, Frequency):
            found[frequency] += 1
        elif frequency.usual is not None:
            found[frequency.usual] += 1
        else:
            irregular = irregular or frequency
    return found.most_common(1)[0][0] if found else irregular


def _some_series(flat: Flat) -> list[int]:
    """The longest of the first many."""
    lengths = np.diff(flat.offsets)[:4096]
    return np.argsort(-lengths, kind="stable")[:_LOOKED_AT].tolist()


def faulty_series(flat: Flat, frequency: Frequency | None) -> NDArray[np.int64]:
    """Which series have a missing value, dates that do not rise, or one that is not the next by the frequency."""
    bad = []
    for first in range(0, len(flat.values), _CHUNK):
        rows = slice(first, first + _CHUNK)
        odd = np.isnan(flat.values[rows])
        if flat.times is not None:
            # One row more: its step is from the last of these.
            odd |= _odd_steps(
                flat.times[first : first + _CHUNK + 1], frequency, len(odd), _starts(flat, first, len(odd))
            )
        bad.append(np.flatnonzero(odd) + first)
    found = np.concatenate(bad) if bad else np.empty(0, np.int64)
    return np.unique(np.searchsorted(flat.offsets, found, side="right") - 1)


def _starts(flat: Flat, first: int, count: int) -> NDArray[np.int64]:
    """Which of the rows after `first` begin a series, from 0; among them the one after the last."""
    low, high = np.searchsorted(flat.offsets, [first, first + count + 1])
    return flat.offsets[low:high] - first


def _odd_steps(dates: Dates, frequency: Frequency | None, count: int, starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Rows (count,) after which, or at which, the dates are not as they should be."""
    if frequency is None:
        wrong = dates[1:] <= dates[:-1]
        own = np.zeros(count, bool)
    else:
        try:
            stride = frequency.stride(dates.dtype)
        except OptionError:
            return np.ones(count, bool)
        wrong = np.diff(frequency.ordinals(dates)) != stride
        own = ~frequency.holds(dates[:count])
    begins = starts[(starts > 0) & (starts <= len(wrong))] - 1
    wrong[begins] = False  # a step from one series to the next
    own[: len(wrong)] |= wrong[:count]
    return own
