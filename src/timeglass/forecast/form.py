"""The form in which series are forecast: logarithms or a common unit, and the season that is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.season import FEWEST_PERIODS, PERIODS, season_rows, whole_season
from timeglass.types import Array

__all__ = ["SMALLEST_LOGGED", "Form"]

SMALLEST_LOGGED = 1e-290  # of a value; what a forecast takes off the logarithm of a smaller one leaves the doubles

# A value this far below the median would be a huge step in logarithms: such a series keeps its units.
_LOWEST_SHARE = 0.02
# Logarithms of values that differ by less than this share have lost most digits of the differences.
_LEAST_RATIO = 1 + 1e-6
# Changes smaller than this share of the level count as this: else a nearly constant series would outweigh all others.
_LEAST_SPREAD = 1e-3
_FEW_ROWS = 20  # up to which a line of whole steps looks like growth to smoothing, and the other way round
_LARGEST_LOG = 690.0  # exp of more leaves the doubles


@dataclass(frozen=True, eq=False)
class Form:
    """How each of S series is seen: z = log y, or (y - center) / unit; learned from training rows alone.

    `spread` is the mean size of a change of z from row to row: what the networks measure a series by. `seasons` holds
    the additive season of z, from the first row on; zeros where none stands out. `lowest` is 0 for a series
    that has no value below it, which no forecast of it goes below either; minus infinity for others. `limits` are the
    smallest and the largest z.
    """

    logged: NDArray[np.bool_]  # (S,)
    center: Array  # (S,)
    unit: Array  # (S,)
    seasons: Array  # (S, rows until it begins anew)
    spread: Array  # (S,)
    lowest: Array  # (S,)
    limits: Array  # (S, 2)

    @classmethod
    def fit(
        cls,
        series: Sequence[Array],
        period: int,
        *,
        log: bool | None = None,
        logged: Sequence[bool] | None = None,
        seasonal: Sequence[bool] | None = None,
    ) -> Form:
        """Learns from the rows of each series. `log` says whether to take logarithms; None where they suit.

        `logged` tells it of each series, in place of `log`; `seasonal` of which to look for a season in two periods,
        where it takes three.

        >>> form = Form.fit([np.array([1.0, 2.0, 4.0]), np.array([-1.0, 0.0, 1.0])], 1)
        >>> form.logged.tolist(), form.spread.round(3).tolist()
        ([True, False], [0.693, 1.5])
        """
        size, period = len(series), max(1, period)
        center, unit = np.zeros(size), np.ones(size)
        chosen = np.array([_suits(y, log) for y in series] if logged is None else logged, bool)
        seasons, spread, lowest = np.zeros((size, season_rows(period))), np.empty(size), np.full(size, -np.inf)
        limits = np.empty((size, 2))
        for s, y in enumerate(series):
            low, middle = float(y.min()), float(np.median(y))
            lowest[s] = 0.0 if low >= 0 else -np.inf
            if not chosen[s]:
                center[s] = middle
                unit[s] = float(np.mean(np.abs(y - middle))) or abs(middle) or 1.0
            z = np.log(y) if chosen[s] else (y - center[s]) / unit[s]
            limits[s] = z.min(), z.max()
            spread[s] = max(float(np.abs(np.diff(z)).mean()) if len(z) > 1 else 0.0, _LEAST_SPREAD)
            seasons[s] = whole_season(z, period, FEWEST_PERIODS if seasonal is not None and seasonal[s] else PERIODS)
        return cls(chosen, center, unit, seasons, spread, lowest, limits)

    def transform(self, s: int, values: Array) -> Array:
        """Z of values (rows,) of series s; one that has no logarithm, or a far smaller one, counts as a low one here.

        >>> form = Form.fit([np.array([40.0, 80.0, 40.0])], 1)
        >>> np.exp(form.transform(0, np.array([80.0, 2.0, 0.0]))).round(6).tolist()
        [80.0, 2.0, 10.0]
        """
        if not self.logged[s]:
            return (values - self.center[s]) / self.unit[s]
        # One zero among later rows would be a fall of 700 in logarithms: as far below as the rows fitted reach. What
        # would have been logged among those counts as it is, or a lasting fall would never be seen.
        low, high = self.limits[s]
        z, least = np.log(np.maximum(values, np.finfo(np.float64).tiny)), 2 * low - high - self.spread[s]
        return np.where(z >= min(least, low + np.log(_LOWEST_SHARE)), z, least)

    def season(self, which: NDArray[np.int64], rows: NDArray[np.int64]) -> Array:
        """The season of z at `rows` (…) of the series `which` (…), rows counted from a series' first."""
        return self.seasons[which, rows % self.seasons.shape[1]]

    def inverse(self, which: NDArray[np.int64], z: Array) -> Array:
        """Y of z (B, …), the first axis of which belongs to the series `which` (B,)."""
        shape = (-1,) + (1,) * (z.ndim - 1)
        logged = self.logged[which].reshape(shape)
        exponent = np.clip(np.where(logged, z, 0.0), -_LARGEST_LOG, _LARGEST_LOG)
        plain = self.center[which].reshape(shape) + self.unit[which].reshape(shape) * z
        return np.where(logged, np.exp(exponent), np.maximum(plain, self.lowest[which].reshape(shape)))


def _suits(y: Array, log: bool | None) -> bool:
    """Whether to take logarithms of such values."""
    low = float(y.min())
    if log is not None or low < SMALLEST_LOGGED:
        return log is True and low > 0
    if low < _LOWEST_SHARE * float(np.median(y)) or float(y.max()) <= _LEAST_RATIO * low:
        return False
    return len(y) > _FEW_ROWS or _changes_by_shares(y)


def _changes_by_shares(y: Array) -> bool:
    """Whether changes of log y are more alike than those of y: the likelihoods of normal ones, compared.

    G. E. P. Box, D. R. Cox, "An analysis of transformations", Journal of the Royal Statistical Society B 26, 1964.
    """
    own = y / np.median(y)
    z, least = np.log(own), np.finfo(np.float64).tiny
    plain, shares = (np.log(max(float(np.diff(values).std()), least)) for values in (own, z))
    return bool(shares + z[1:].mean() <= plain)
