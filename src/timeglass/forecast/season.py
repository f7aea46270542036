"""The season of a series, as far as it stands out from what chance alone would show.

To shrink seasonal indices by as much of them as is noise forecasts better than a test that takes all or nothing:
D. M. Miller, D. Williams, "Shrinkage estimators of time series seasonal factors and their effect on forecasting
accuracy", International Journal of Forecasting 19, 2003, after W. James, C. Stein, "Estimation with quadratic loss",
1961.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeglass.prepare.decomposition import moving_average
from timeglass.types import Array

__all__ = ["FEWEST_PERIODS", "PERIODS", "season_rows", "shrunken_season", "whole_season"]

PERIODS = 3  # fewer of them show little
FEWEST_PERIODS = 2  # and fewer than these nothing
_KEPT = 0.8  # of a row's weight, with each period that came since: seasons change
# The moving average takes in part of the noise, so what is left beside it understates it, by about as much.
_CAUTION = 1.5
_DAYS = (24, 48, 72, 96, 144, 288)  # periods of what comes every hour, half an hour, …, every five minutes
_WEEK = 7


def season_rows(period: int) -> int:
    """Rows after which the season begins anew: those of a week, where a period is a day of hours or of parts of them.

    >>> season_rows(24), season_rows(12), season_rows(1)
    (168, 12, 1)
    """
    return _WEEK * period if period in _DAYS else max(1, period)


def whole_season(z: Array, period: int, periods: int = PERIODS) -> Array:
    """The season (`season_rows(period)`,) of z (rows,): of days, what the days of a week change in it as well.

    It is looked for in at least so many `periods`. Each of the two is shrunk by itself, so that where no weekday stands
    out there is the day's season alone.

    >>> day = np.sin(np.arange(24) * 0.26)
    >>> week = np.concatenate([day, day, day, day, day, day - 2, day - 2])
    >>> season = whole_season(np.tile(week, 5), 24)
    >>> round(float(season[:120].mean() - season[120:].mean()), 2)
    2.0
    """
    rows = season_rows(period)
    found = np.tile(shrunken_season(z, period, periods), rows // max(1, period))
    if rows > period > 1:
        found = found + shrunken_season(z - found[np.arange(len(z)) % rows], rows, periods)
    return found


def shrunken_season(z: Array, period: int, periods: int = PERIODS) -> Array:
    """The additive season (period,) of z (rows,), from the first row on; zeros where z has fewer `periods`.

    Two estimates, averaged: mean distances from the moving average, which suit a steady level, and summed mean changes,
    which suit one that wanders. Of that, what the variance of the indices has beyond their noise's.

    >>> shrunken_season(np.tile([1.0, 2.0, 5.0, 2.0], 6), 4).round(2).tolist()
    [-1.5, -0.5, 2.5, -0.5]
    >>> shrunken_season(np.arange(12.0), 4).round(2).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    rows = np.arange(len(z))
    if period < 2 or len(z) < periods * period:
        return np.zeros(max(1, period))
    place, kept = rows % period, _KEPT ** ((len(z) - 1 - rows) / period)
    beside = z - moving_average(z, period)
    known = np.isfinite(beside)
    distances = _means(beside[known], kept[known], place[known], period)
    changes = np.cumsum(_means(np.diff(z), kept[1:], place[1:], period))
    found = (distances + changes - changes.mean()) / 2
    rest = beside[known] - found[place[known]]
    cycles = kept[known].sum() ** 2 / (kept[known] @ kept[known]) / period
    noise = _CAUTION * (rest @ rest) / max(len(rest) - period, 1) / cycles
    size = found @ found / (period - 1)
    return found * max(0.0, 1 - noise / size) if size > 0 else found


def _means(values: Array, weights: Array, place: NDArray[np.int64], period: int) -> Array:
    """Weighted means of the values at each place in the period, (period,), less their mean."""
    total = np.bincount(place, weights * values, period)
    means = total / np.bincount(place, weights, period)
    return means - means.mean()
