"""Classical decomposition: trend by a centred moving average, the same season in every period, and the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import DataError, OptionError
from timeglass.prepare.checks import one_series, whole_number
from timeglass.types import Array

__all__ = ["Decomposition", "check_kind", "classical_decomposition", "moving_average"]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Additive: values = trend + seasonal + remainder; multiplicative: values = trend · seasonal · remainder."""

    kind: str
    trend: Array  # (rows,): NaN for the period // 2 rows at either end
    seasonal: Array  # (rows,)
    remainder: Array  # (rows,): NaN where the trend is
    indices: Array  # (period,): the season from the first row on


def moving_average(values: ArrayLike, period: int) -> Array:
    """The mean of `period` values around each, (rows,), NaN at the ends; an even period takes half of two end values.

    >>> moving_average([1.0, 2.0, 3.0, 6.0, 5.0], 4)
    array([nan, nan, 3.5, nan, nan])
    """
    period = whole_number("period", period, at_least=2)
    series = one_series(values, "moving_average", at_least=period + 1 - period % 2)
    weights = np.full(period + 1 - period % 2, 1 / period)
    if period % 2 == 0:
        weights[[0, -1]] /= 2
    averages = np.full(len(series), np.nan)
    half = period // 2
    averages[half : len(series) - half] = np.convolve(series, weights, mode="valid")
    return averages


def classical_decomposition(values: ArrayLike, period: int, *, kind: str = "multiplicative") -> Decomposition:
    """`values` (rows,), at least two periods of them, in trend, season and remainder.

    The season's indices are the means of value / trend (or value - trend) over the rows of each place in the period,
    then divided by their mean, so that they average to 1 (or less their mean: to 0), as in R's `decompose` and in the
    M-competitions. Textbook: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, 3.4.

    >>> t = np.arange(12)
    >>> classical_decomposition((10 + t) * np.tile([0.5, 1.5], 6), 2).indices.round(2).tolist()
    [0.5, 1.5]
    """
    period, kind = whole_number("period", period, at_least=2), check_kind(kind)
    series = one_series(values, "classical_decomposition", at_least=2 * period)
    product = kind == "multiplicative"
    if product and series.min() <= 0:
        row = int(np.argmax(series <= 0))
        raise DataError(
            f"a multiplicative season needs values above zero, but value {row + 1} is {series[row]:g}: "
            "use kind='additive'",
            row=row,
        )
    trend = moving_average(series, period)
    detrended = series / trend if product else series - trend
    raw = np.array([np.nanmean(detrended[place::period]) for place in range(period)])
    indices = raw / raw.mean() if product else raw - raw.mean()
    seasonal = np.resize(indices, len(series))
    remainder = detrended / seasonal if product else detrended - seasonal
    return Decomposition(kind, trend, seasonal, remainder, indices)


def check_kind(kind: str) -> str:
    """`kind`, if it is one of the two; an `OptionError` otherwise."""
    if kind not in ("additive", "multiplicative"):
        raise OptionError(f"kind: expected 'additive' or 'multiplicative', got {kind!r}")
    return kind
