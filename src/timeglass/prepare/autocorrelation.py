"""Autocorrelation, and the test of it that says whether a series has a season."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from timeglass.prepare.checks import one_series, whole_number
from timeglass.types import Array

__all__ = ["SeasonalityTest", "autocorrelation", "seasonality_test"]

_NINETY = 1.645  # the normal distribution's quantile, two-sided, as the competitions wrote it
_PERIODS = 3  # fewer of them show nothing


def autocorrelation(values: Array, lags: int) -> Array:
    """(lags + 1,): the usual estimate, from 1 at lag 0; zeros for a constant series.

    G. E. P. Box, G. M. Jenkins, "Time series analysis", 1970, section 2.1.5.

    >>> autocorrelation(np.array([1.0, 2.0, 3.0, 4.0]), 2).tolist()
    [1.0, 0.25, -0.3]
    """
    reach = float(np.abs(values).max()) or 1.0  # the squares of the largest doubles are beyond a double
    centred = values / reach - (values / reach).mean()
    total = float(centred @ centred)
    if total == 0:
        return np.zeros(lags + 1)
    return np.array([centred[: len(values) - lag] @ centred[lag:] for lag in range(lags + 1)]) / total


@dataclass(frozen=True)
class SeasonalityTest:
    """Whether the autocorrelation at lag `period` is beyond its limit; all numbers behind it."""

    seasonal: bool
    period: int
    autocorrelation: float  # r at lag m; NaN where there are too few rows
    limit: float  # what |r| must exceed; NaN where there are too few rows
    rows: int

    def sentence(self) -> str:
        if math.isnan(self.limit):
            return f"Not seasonal: {self.rows} rows are fewer than {_PERIODS} periods of {self.period}."
        word, sign = ("Seasonal", ">") if self.seasonal else ("Not seasonal", "≤")
        size = abs(self.autocorrelation)
        return f"{word}: |r| at lag {self.period} is {size:.3f} {sign} {self.limit:.3f} (90% test, {self.rows} rows)."


def seasonality_test(values: ArrayLike, period: int) -> SeasonalityTest:
    """The 90 % test of the M-competitions: |r_m| > 1.645 · √((1 + 2 Σ_{i<m} r_i²) / n).

    Assimakopoulos and Nikolopoulos, "The theta model", International Journal of Forecasting 16 (2000); written out by
    Fiorucci and others, "Models for optimising the theta method", the same journal 32 (2016); the limit is Bartlett's.
    With fewer than 3 periods of `values` (rows,) the answer is no, as in the M4 competition's program. A trend raises
    every autocorrelation: it can hide a season or feign one.

    >>> print(seasonality_test(np.tile([1.0, 2.0, 5.0, 2.0], 6), 4).sentence())
    Seasonal: |r| at lag 4 is 0.833 > 0.482 (90% test, 24 rows).
    """
    period, series = whole_number("period", period, at_least=2), one_series(values, "seasonality_test")
    if len(series) < _PERIODS * period:
        return SeasonalityTest(False, period, math.nan, math.nan, len(series))
    r = autocorrelation(series, period)
    limit = _NINETY * math.sqrt((1 + 2 * float(r[1:period] @ r[1:period])) / len(series))
    return SeasonalityTest(bool(abs(r[period]) > limit), period, float(r[period]), limit, len(series))
