"""What is forecast of series that have too little in them for anything to learn from: a stated simpler rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from timeglass.forecast.outcome import Replaced
from timeglass.types import Array

__all__ = ["FEWEST_ROWS", "Sorted", "sort_out"]

FEWEST_ROWS = 4  # of a series that a network or smoothing learns from


@dataclass(frozen=True)
class Sorted:
    """Which series can be learned from, and which are forecast by a simpler rule."""

    learned: tuple[int, ...]
    replaced: dict[int, Replaced]


def sort_out(ids: Sequence[str], series: Sequence[Array]) -> Sorted:
    """Puts constant and very short series aside; both are forecast to stay as they are.

    >>> sort_out(["a", "b"], [np.ones(50), np.arange(3.0)]).replaced[0].why
    'no variation; nothing to learn'
    """
    replaced: dict[int, Replaced] = {}
    for s, (name, y) in enumerate(zip(ids, series, strict=True)):
        if len(y) < FEWEST_ROWS:
            why = f"{len(y)} row{'s' * (len(y) != 1)}; at least {FEWEST_ROWS} are needed to learn from"
            why += ", and one shows no spread: no intervals" * (len(y) == 1)
            replaced[s] = Replaced(name, "last value", why)
        elif np.ptp(y) == 0:
            replaced[s] = Replaced(name, "constant", "no variation; nothing to learn")
    return Sorted(tuple(s for s in range(len(series)) if s not in replaced), replaced)
