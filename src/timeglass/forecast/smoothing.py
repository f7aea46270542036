"""Exponential smoothing of many series by many settings at once, averaged by how well each has forecast so far.

At every row a setting has a level and a trend:

    f = level + φ·trend;  e = z - f;  level = f + α·e;  trend = φ·trend + α·β·e

(E. S. Gardner, "Exponential smoothing: the state of the art", Journal of Forecasting 4, 1985). The squared errors of
one step and of several, up to a row, give each setting its Akaike weight there (K. P. Burnham, D. R. Anderson, "Model
selection and multimodel inference", 2002), so that no row's forecast knows what came after it. Errors some steps ahead
tell a trend that lasts from one that does not, which one step hardly shows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.types import Array

__all__ = ["Smoothed", "smooth"]


def _places_of(phis: Array) -> Iterator[tuple[int, int]]:
    """Where each value of a sorted array begins, and how often it is there."""
    _, first, count = np.unique(phis, return_index=True, return_counts=True)
    return zip(first.tolist(), count.tolist(), strict=True)


_ALPHAS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
_BETAS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
_PHIS = (0.0, 0.8, 0.9, 0.95, 0.98)  # 0: no trend
# (G, 3): every α, β and φ, by φ; without a trend β means nothing.
_GRID = np.array([(a, b, p) for p, a, b in itertools.product(_PHIS, _ALPHAS, _BETAS) if p > 0 or b == 0])
# The settings of each φ.
_OF_PHI = [slice(int(first), int(first + count)) for first, count in _places_of(_GRID[:, 2])]
# What a setting's parameters cost: its level, trend and those of α, β, φ that say something.
_COST = np.where(_GRID[:, 2] == 0, 1.0, np.where(_GRID[:, 1] == 0, 2.5, 3.5))
_FIRST_ROWS = 5  # whose slope the trend starts with
_FAR = 6  # at most, steps of the longer forecasts that settings are judged by
_FAR_WEIGHT = 0.7
# Errors at which a criterion counts half: few of them are won by chance, and far ones overlap.
_TRUST_NEAR, _TRUST_FAR = 5.0, 40.0
_AT_ONCE = 2**16  # numbers in one array of states: a few of them stay in the cache


@dataclass(frozen=True, eq=False)
class Smoothed:
    """What smoothing knows after each row: enough for a forecast of any length.

    Rows of all S series lie one after another; `offsets` (S + 1,) say where each series begins.
    """

    offsets: NDArray[np.int64]
    level: Array  # (rows,): mean of the settings' levels
    trends: Array  # (rows, phis): sum of the weighted trends of each φ
    flat: Array  # (rows,): mean level of the settings without a trend
    lag: Array  # (rows,): mean of (1 - α) / α of these: how many rows that level lies behind a line
    slope: Array  # (rows,): of the least-squares line through all rows so far

    def damped(self, at: NDArray[np.int64], horizon: int) -> Array:
        """Forecasts (B, K) after the rows `at` (B,): level + Σ trend · (φ + … + φᵏ)."""
        growth = np.cumsum(np.array(_PHIS[1:])[:, None] ** np.arange(1, horizon + 1), axis=1)
        return self.level[at][:, None] + self.trends[at] @ growth

    def theta(self, at: NDArray[np.int64], horizon: int) -> Array:
        """Forecasts (B, K) of the theta method: simple smoothing, and half the slope of the line through all rows.

        V. Assimakopoulos, K. Nikolopoulos, "The theta model", International Journal of Forecasting 16, 2000, in the
        form of R. J. Hyndman, B. Billah, "Unmasking the theta method", the same journal 19, 2003.
        """
        steps = np.arange(1, horizon + 1) + self.lag[at][:, None]
        return self.flat[at][:, None] + 0.5 * self.slope[at][:, None] * steps


def smooth(series: Sequence[Array], horizon: int = _FAR) -> Smoothed:
    """Smooths each of the series z (rows,), without their seasons, for forecasts of `horizon` rows.

    >>> smoothed = smooth([np.arange(40.0)])
    >>> smoothed.theta(np.array([39]), 2).round(3).tolist()
    [[39.493, 39.993]]
    >>> bool(abs(smoothed.damped(np.array([39]), 1)[0, 0] - 40) < 0.2)
    True
    """
    lengths = [len(z) for z in series]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    phis = len(_PHIS) - 1
    out = Smoothed(
        offsets, *(np.empty(shape) for shape in ((offsets[-1],), (offsets[-1], phis), *((offsets[-1],),) * 3))
    )
    block = max(1, _AT_ONCE // len(_GRID))
    order = np.argsort(lengths, kind="stable")  # series of about one length together: little padding
    for first in range(0, len(order), block):
        some = order[first : first + block]
        _smooth_block([series[s] for s in some], offsets[some], out, min(horizon, _FAR))
    return out


def _smooth_block(series: list[Array], places: NDArray[np.int64], out: Smoothed, steps: int) -> None:
    """Writes what it finds into `out`, of which series i begins at row places[i]; shorter series come first.

    Settings are judged by errors of one step, and of `steps` where these are more.
    """
    alpha, beta, phi = _GRID.T
    longest = len(series[-1])
    starts = np.array([longest - len(z) for z in series])  # falling: those that have begun are the last ones
    padded = np.zeros((len(series), longest))
    for i, z in enumerate(series):
        padded[i, starts[i] :] = z
    level = np.repeat([[z[0]] for z in series], len(_GRID), axis=1)
    trend = np.array([_first_slope(z) for z in series])[:, None] * (phi > 0)
    near, far, ahead = np.zeros_like(level), np.zeros_like(level), np.empty((steps, *level.shape))
    growth = (phi[:, None] ** np.arange(1, steps + 1)).sum(axis=1)  # of the trend
    for t in range(longest):
        on, later, reached = (slice(int(np.searchsorted(-starts, back - t)), None) for back in (0, 1, steps))
        trend[later] *= phi
        level[later] += trend[later]  # the forecast
        e = padded[later, t, None] - level[later]
        near[later] += e * e
        e *= alpha
        level[later] += e
        e *= beta
        trend[later] += e
        if steps > 1:
            far[reached] += (padded[reached, t, None] - ahead[t % steps, reached]) ** 2
            ahead[t % steps, on] = level[on] + growth * trend[on]
        # Two errors at least, or a setting that met the first rows by chance would get all the weight.
        count = (t - starts[on])[:, None]
        criterion = _evidence(near[on], np.maximum(count, 2), _TRUST_NEAR)
        if steps > 1:
            criterion += _FAR_WEIGHT * _evidence(far[on], np.maximum(count + 1 - steps, 0), _TRUST_FAR)
        weight = _akaike(criterion)
        row = places[on] + t - starts[on]
        out.level[row] = np.einsum("sg,sg->s", weight, level[on])
        for j, own in enumerate(_OF_PHI[1:]):
            out.trends[row, j] = np.einsum("sg,sg->s", weight[:, own], trend[on, own])
        simple = weight[:, _OF_PHI[0]] / weight[:, _OF_PHI[0]].sum(axis=1, keepdims=True)
        out.flat[row] = np.einsum("sg,sg->s", simple, level[on, _OF_PHI[0]])
        out.lag[row] = simple @ ((1 - alpha[_OF_PHI[0]]) / alpha[_OF_PHI[0]])
    for i, z in enumerate(series):
        out.slope[places[i] : places[i] + len(z)] = _slopes(z)


def _evidence(squares: Array, count: Array, trust: float) -> Array:
    """Minus the log-likelihood of `count` (S, 1) errors with such sums of squares (S, G), trusted in part."""
    found = squares / np.maximum(count, 1)
    found += 1e-12
    np.log(found, out=found)
    found *= count**2 / (count + trust) / 2
    return found


def _akaike(criterion: Array) -> Array:
    """Weights (S, G) that sum to 1 in each row, none of them zero; the criterion is used up."""
    criterion += _COST
    np.subtract(criterion.min(axis=1, keepdims=True), criterion, out=criterion)
    weight = np.exp(criterion, out=criterion)
    weight += 1e-300
    weight /= weight.sum(axis=1, keepdims=True)
    return weight


def _first_slope(z: Array) -> float:
    rows = min(_FIRST_ROWS, len(z))
    return float(_slopes(z[:rows])[-1])


def _slopes(z: Array) -> Array:
    """The least-squares slope of the first 1, 2, … rows, (rows,); 0 for one row."""
    t, count = np.arange(len(z), dtype=np.float64), np.arange(1, len(z) + 1)
    centred = z - z[0]
    sum_t, sum_z, sum_tz = np.cumsum(t), np.cumsum(centred), np.cumsum(t * centred)
    spread = np.cumsum(t * t) - sum_t**2 / count
    return np.where(spread > 0, (sum_tz - sum_t * sum_z / count) / np.maximum(spread, 1e-9), 0.0)
