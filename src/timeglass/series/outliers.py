"""Outliers: values far from their neighbours, and from the same season's where there is a season."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from timeglass.series.oddity import Oddity, number, rescaled, scaled
from timeglass.types import Array

__all__ = ["outliers", "running_median"]

_WINDOW = 7  # rows
_LIMIT = 10.0  # robust deviations; many, since clean data may be skewed
# |residual|'s quantiles over those of a normal distribution: each estimates its standard deviation.
_QUANTILES = ((0.5, 0.6745), (0.9, 1.6449), (0.95, 1.96), (0.99, 2.5758))


def running_median(values: Array) -> Array:
    """(rows,): the median of the seven rows around each, of the first or last seven near the ends.

    >>> running_median(np.array([1.0, 2, 3, 900, 5, 6, 7, 8])).tolist()
    [5.0, 5.0, 5.0, 5.0, 6.0, 6.0, 6.0, 6.0]
    """
    return np.median(sliding_window_view(values, _WINDOW), axis=1)[_starts(np.arange(len(values)), len(values))]


def _starts(rows: Array, count: int) -> Array:
    """Where the windows of these rows begin."""
    return np.clip(rows - _WINDOW // 2, 0, count - _WINDOW)


def outliers(values: Array, *, period: int = 1) -> list[Oddity]:
    """The rows of values (rows,) whose score is 10 · (1 + 10/rows) or more; fewer than 7 rows have none.

    score = |x - m| / max(s, s'), m the running median of 7 rows, s the spread of all residuals x - m (`_spread`),
    s' = 1.4826 · MAD of the seven, so that a slope or a wild stretch explains itself. In whole numbers s is 1 at least:
    one sale among zeros is no outlier. The MAD as a scale: F. R. Hampel, "The influence curve and its role in robust
    estimation", Journal of the American Statistical Association 69 (1974).

    With a period and 3 of them in the rows, the residual is compared with e, the median of the residuals one and two
    periods before and after, too: x - m and x - m - e must have one sign, and the score is the smaller of both. e / 10
    is the least spread there, since what a season adds is never quite the same.

    >>> values = np.array([112.0, 118, 115, 999, 121, 118, 116, 119, 117, 120, 118])
    >>> [(found.first, found.words) for found in outliers(values)]
    [(3, "999 is 198 robust deviations from its neighbours' median, 118")]
    """
    if len(values) < _WINDOW:
        return []
    x, exponent = scaled(values)
    middle = running_median(x)  # (rows,)
    limit = _LIMIT * (1 + 10 / len(x))
    whole = bool((values == np.floor(values)).all())
    score, seasonal = _scores(x, middle, period, (limit, rescaled(1.0, -exponent) if whole else 0.0))
    season = ", and from the same season's" if seasonal else ""
    found = []
    for row in np.flatnonzero(score >= limit).tolist():
        words = f"{number(values[row])} is {score[row]:,.0f} robust deviations from its neighbours' median"
        words += f", {number(rescaled(middle[row], exponent))}{season}"
        found.append(Oddity("outlier", row, row, float(score[row]), words))
    return found


def _scores(x: Array, middle: Array, period: int, least: tuple[float, float]) -> tuple[Array, bool]:
    """(rows,) robust deviations, and whether the season has a say; `least`: the limit, and the smallest spread."""
    limit, unit = least
    residual = x - middle  # (rows,)
    seasonal = period > 1 and len(x) >= 3 * period
    score = _over(residual, unit, tails=not seasonal)
    if seasonal:
        season = _same_season(residual, period)
        beyond = residual - season
        same = np.sign(beyond) == np.sign(residual)
        score = np.where(same, np.minimum(score, _over(beyond, np.maximum(unit, np.abs(season) / 10), tails=True)), 0.0)
    rows = np.flatnonzero(score >= limit)
    near = np.abs(sliding_window_view(x, _WINDOW)[_starts(rows, len(x))] - middle[rows, None])  # (found, 7)
    local = 1.4826 * np.median(near, axis=1)
    score[rows] = np.minimum(score[rows], np.abs(residual[rows]) / np.maximum(local, 1e-300))
    return score, seasonal


def _over(residual: Array, least: Array | float, *, tails: bool) -> Array:
    """(rows,) sizes over their spread, or over the least that it may be where that is more."""
    return np.abs(residual) / np.maximum(np.maximum(_spread(residual, tails=tails), least), 1e-300)


def _same_season(residual: Array, period: int) -> Array:
    """(rows,): the median of the residuals one and two periods before and after, of those that there are."""
    count = len(residual)
    around = np.full((4, count), np.nan)
    for one, shift in zip(around, (-2 * period, -period, period, 2 * period), strict=True):
        if abs(shift) < count:
            here = slice(max(0, -shift), min(count, count - shift))
            one[here] = residual[here.start + shift : here.stop + shift]
    around.sort(axis=0)  # what is not there comes last
    there = (~np.isnan(around)).sum(axis=0)  # (rows,): 2 to 4
    rows = np.arange(count)
    return (around[(there - 1) // 2, rows] + around[there // 2, rows]) / 2


def _spread(residual: Array, *, tails: bool) -> float:
    """The residuals' standard deviation were they normal; the largest of several estimates.

    1.4826 · MAD, and with `tails` the 90, 95 and 99 % quantiles of the sizes over the normal distribution's, as far as
    3 rows lie beyond: what happens in one row of ten, or of a hundred, is how the series is. Where more than half of
    the residuals are zero, those are left out, as counts have them; with one or two others, 1.2533 times the mean size
    (B. Iglewicz, D. C. Hoaglin, "How to detect and handle outliers", 1993).
    """
    sizes = np.abs(residual)
    some = sizes[sizes > 0]
    if len(some) < 3:
        return 1.2533 * float(sizes.mean())
    if 2 * len(some) < len(sizes):
        sizes = some
    used = [(q, z) for q, z in _QUANTILES if q == 0.5 or (tails and len(sizes) * (1 - q) >= 3)]
    levels = np.quantile(sizes, [q for q, _ in used])
    return float(max(level / z for level, (_, z) in zip(levels, used, strict=True)))
