"""How the exam is scored: as the M4 competition did, and what else a table of it says.

S. Makridakis, E. Spiliotis, V. Assimakopoulos, "The M4 Competition: 100,000 time series and 61 forecasting methods",
International Journal of Forecasting 36 (2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.evaluate.metrics import naive_scale, overall_weighted_average, symmetric_mape
from timeglass.prepare.autocorrelation import seasonality_test
from timeglass.prepare.decomposition import classical_decomposition

__all__ = [
    "Kind",
    "Scores",
    "bias_table",
    "coverage",
    "join",
    "kinds_of",
    "msis",
    "naive2_forecast",
    "owa",
    "paired_interval",
    "score",
    "season_of",
    "trend_strength",
]

Array = NDArray[np.float64]

_RESAMPLES = 10_000
_MOST_DRAWN = 2**22  # numbers in memory at once
_STRONG = 0.5  # share of the variance that a line explains


def season_of(y: Array, period: int) -> Array:
    """(period,): the multiplicative season of `y` from its first row on; ones where the 90 % test finds none.

    >>> season_of(np.tile([1.0, 3.0], 8), 2).tolist()
    [0.5, 1.5]
    """
    if period == 1 or not seasonality_test(y, period).seasonal:
        return np.ones(period)
    return classical_decomposition(y, period).indices


def naive2_forecast(y: Array, horizon: int, period: int) -> Array:
    """(horizon,): the last value without its season, repeated, with the season put back.

    >>> naive2_forecast(np.tile([1.0, 3.0], 8), 3, 2).tolist()
    [1.0, 3.0, 1.0]
    """
    season = season_of(y, period)
    rows = np.arange(len(y) - 1, len(y) + horizon) % period
    return y[-1] / season[rows[0]] * season[rows[1:]]


@dataclass(frozen=True, eq=False)
class Scores:
    """Of each series (S,). MASE is NaN where the training part never changes: it is left out of the mean."""

    smape: Array
    mase: Array

    @property
    def means(self) -> tuple[float, float]:
        """SMAPE in percent, and MASE."""
        return float(self.smape.mean()), float(np.nanmean(self.mase))


def score(training: Sequence[Array], actual: Array, forecast: Array, period: int) -> Scores:
    """Of forecasts (S, K) beside what came (S, K)."""
    _check(actual, forecast)
    scale = _scales(training, period)
    return Scores(symmetric_mape(actual, forecast), np.abs(actual - forecast).mean(axis=1) / scale)


def join(parts: Sequence[Scores]) -> Scores:
    """Of the series of several groups."""
    return Scores(np.concatenate([part.smape for part in parts]), np.concatenate([part.mase for part in parts]))


def owa(ours: Scores, naive2: Scores) -> float:
    """The mean of sMAPE and MASE, each as a share of that of Naive2, after the means over series."""
    smape, mase = ours.means
    of_smape, of_mase = naive2.means
    return float(overall_weighted_average(smape, mase, smape_naive2=of_smape, mase_naive2=of_mase))


def coverage(actual: Array, low: Array, high: Array) -> float:
    """The share of all values (S, K) that lie in their interval."""
    _check(actual, low, high)
    return float(((low <= actual) & (actual <= high)).mean())


def msis(training: Sequence[Array], actual: Array, ends: tuple[Array, Array], *, period: int, level: float) -> float:
    """The mean scaled interval score over the series; `level` in percent."""
    low, high = ends
    _check(actual, low, high)
    outside = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
    each = (high - low + 2 / (1 - level / 100) * outside).mean(axis=1) / _scales(training, period)
    return float(np.nanmean(each))


def paired_interval(theirs: Array, ours: Array, *, seed: int = 0) -> tuple[float, float]:
    """The middle 95 % of the mean of `theirs` less that of `ours` (S,), series drawn anew 10,000 times in pairs.

    B. Efron, R. J. Tibshirani, "An introduction to the bootstrap", 1993.

    >>> paired_interval(np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0]))
    (2.0, 2.0)
    """
    differences = theirs - ours
    rng, at_once = np.random.default_rng(seed), max(1, _MOST_DRAWN // len(differences))
    means = np.concatenate(
        [
            differences[rng.integers(0, len(differences), (min(at_once, _RESAMPLES - done), len(differences)))].mean(1)
            for done in range(0, _RESAMPLES, at_once)
        ]
    )
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


# Which kinds of series lose


def trend_strength(y: Array, period: int) -> float:
    """The share of the variance, without the season, that a straight line explains: 0 to 1.

    >>> round(trend_strength(np.arange(20.0), 1), 6), trend_strength(np.ones(20), 1)
    (1.0, 0.0)
    """
    z = y / np.resize(season_of(y, period), len(y))
    return 0.0 if z.min() == z.max() else float(np.corrcoef(z, np.arange(len(z)))[0, 1] ** 2)


def kinds_of(training: Sequence[Array], period: int, domains: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    """For each kind which of the series (S,) are of it; each series is of one kind in each pair, and of one domain."""
    strong = np.array([trend_strength(y, period) >= _STRONG for y in training])
    lengths = np.array([len(y) for y in training])
    long = lengths > np.median(lengths)
    found = {"all": np.ones(len(lengths), bool), "trend strong": strong, "trend weak": ~strong}
    if period > 1:
        seasonal = np.array([seasonality_test(y, period).seasonal for y in training])
        found |= {"seasonal": seasonal, "not seasonal": ~seasonal}
    found |= {"long": long, "short": ~long}
    found |= {domain: np.array(domains) == domain for domain in sorted(set(domains))}
    return {name: which for name, which in found.items() if which.any()}


@dataclass(frozen=True)
class Kind:
    """How ours does on the series of a kind.

    `lost` is the share of series whose mean absolute error is above that of the last value, `lost_naive2` above
    Naive2's; `relative` the geometric mean of our error over the last value's; `bias` the mean of forecast less actual
    as a share of the mean size of what came: above 0 where forecasts are too high.
    """

    name: str
    series: int
    lost: float
    lost_naive2: float
    relative: float
    bias: float


def bias_table(
    kinds: dict[str, NDArray[np.bool_]], actual: Array, ours: Array, naive: Array, naive2: Array
) -> list[Kind]:
    """One row for each kind; forecasts and actual values are (S, K)."""
    _check(actual, ours, naive, naive2)
    own, last, seasonal = (np.abs(actual - forecast).mean(axis=1) for forecast in (ours, naive, naive2))
    size = np.abs(actual).mean(axis=1)
    relative = np.log((own + 1e-9 * size) / (last + 1e-9 * size))  # a forecast may be exact
    bias = (ours - actual).mean(axis=1) / size
    found = []
    for name, which in kinds.items():
        lost, lost_naive2 = (float((own > theirs)[which].mean()) for theirs in (last, seasonal))
        apart = float(np.exp(relative[which].mean())), float(bias[which].mean())
        found.append(Kind(name, int(which.sum()), lost, lost_naive2, *apart))
    return found


def _scales(training: Sequence[Array], period: int) -> Array:
    scale = np.array([naive_scale(y, period) for y in training])
    return np.where(scale > 0, scale, np.nan)


def _check(actual: Array, *forecasts: Array) -> None:
    for forecast in forecasts:
        if forecast.shape != actual.shape or not np.isfinite(forecast).all():
            raise ValueError(
                f"forecasts {forecast.shape} beside {actual.shape} values: expected the same shape, all finite"
            )
