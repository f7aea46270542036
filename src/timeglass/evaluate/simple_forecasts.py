"""Forecasts that cost nothing: what a forecast has to beat. Each is a few lines, from the last row of one series.

The first four are as in R. J. Hyndman, G. Athanasopoulos, "Forecasting: principles and practice", 3rd edition, 2021,
section 5.2; the fifth is least squares on lags: H. B. Mann, A. Wald, "On the statistical treatment of linear stochastic
difference equations", Econometrica 11, 1943.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import DataError
from timeglass.prepare.checks import one_series, whole_number
from timeglass.types import Array

__all__ = [
    "autoregression",
    "autoregression_lags",
    "baseline_title",
    "drift",
    "mean",
    "naive",
    "seasonal_naive",
    "simple_forecasts",
]

_TITLES = {"ar": "AR", "ets": "ETS", "theta": "Theta"}
_LARGEST = 1e300  # of a value: beyond it a sum or a line would leave the range of a double
_LAGS_WITHOUT_SEASON = 12
_MOST_LAGS = 24
_ROWS_PER_LAG = 4
_REFINED = 3  # solutions: each mends what rounding left of the one before
_FARTHEST = 10  # ranges of the values beyond them: an autoregression that goes farther has exploded


def baseline_title(name: str) -> str:
    """What a baseline is called in words.

    >>> baseline_title("seasonal_naive"), baseline_title("ar")
    ('seasonal naive', 'AR')
    """
    return _TITLES.get(name, name.replace("_", " "))


def naive(values: ArrayLike, horizon: int) -> Array:
    """The last of `values` (N,), repeated `horizon` times: (K,).

    >>> naive([1.0, 3.0, 5.0], 2).tolist()
    [5.0, 5.0]
    """
    return _naive(*_checked("naive", values, horizon))


def seasonal_naive(values: ArrayLike, horizon: int, period: int) -> Array:
    """The last `period` values, repeated: (K,). An `InputError` where there are fewer.

    >>> seasonal_naive([9.0, 1.0, 2.0], 3, 2).tolist()
    [1.0, 2.0, 1.0]
    """
    period = whole_number("period", period, at_least=1)
    return _seasonal_naive(*_checked("seasonal_naive", values, horizon, at_least=period), period)


def drift(values: ArrayLike, horizon: int) -> Array:
    """The line through the first and the last of `values` (N,), continued: (K,). Flat where there is one value.

    >>> drift([1.0, 9.0, 5.0], 2).tolist()
    [7.0, 9.0]
    """
    return _drift(*_checked("drift", values, horizon))


def mean(values: ArrayLike, horizon: int) -> Array:
    """The mean of all `values` (N,), repeated: (K,).

    >>> mean([1.0, 3.0, 5.0], 2).tolist()
    [3.0, 3.0]
    """
    return _mean(*_checked("mean", values, horizon))


def autoregression(values: ArrayLike, horizon: int, period: int = 1) -> Array:
    """Ordinary least squares of a value on a constant and the values before it, continued step by step: (K,).

    `autoregression_lags` says how many values before. Where several coefficients fit equally well, the smallest are
    taken (the minimum-norm solution). Fewer than 4 values, which leave no lag, give their mean. Where a forecast would
    lie more than 10 times the range of the values beyond them, the last value is repeated instead.

    >>> autoregression([1.0, 2.0, 4.0, 8.0, 16.0], 2).round(9).tolist()
    [32.0, 64.0]
    """
    period = whole_number("period", period, at_least=1)
    return _autoregression(*_checked("autoregression", values, horizon), period)


def autoregression_lags(rows: int, period: int) -> int:
    """How many lags `autoregression` has: a season (12 where the period is 1), at most 24 and a quarter of the rows.

    >>> [autoregression_lags(120, 12), autoregression_lags(120, 1), autoregression_lags(20, 12)]
    [12, 12, 5]
    """
    return min(period if period > 1 else _LAGS_WITHOUT_SEASON, _MOST_LAGS, rows // _ROWS_PER_LAG)


def simple_forecasts(values: ArrayLike, horizon: int, period: int) -> dict[str, Array]:
    """All five of `values` (N,), by name, each (K,): naive, seasonal_naive, drift, mean, ar.

    `seasonal_naive` is there only where `period` is above 1 and there are as many values. One value is enough for the
    others. All are finite; a `DataError` names a value that is not, or is above 1e300 in size.

    >>> {name: forecast.tolist() for name, forecast in simple_forecasts([1.0, 3.0, 2.0], 2, 2).items()}
    {'naive': [2.0, 2.0], 'seasonal_naive': [3.0, 2.0], 'drift': [2.5, 3.0], 'mean': [2.0, 2.0], 'ar': [2.0, 2.0]}
    """
    period = whole_number("period", period, at_least=1)
    y, horizon = _checked("simple_forecasts", values, horizon)
    found = {"naive": _naive(y, horizon)}
    if 1 < period <= len(y):
        found["seasonal_naive"] = _seasonal_naive(y, horizon, period)
    return found | {
        "drift": _drift(y, horizon),
        "mean": _mean(y, horizon),
        "ar": _autoregression(y, horizon, period),
    }


def _checked(who: str, values: ArrayLike, horizon: int, *, at_least: int = 1) -> tuple[Array, int]:
    horizon = whole_number("horizon", horizon, at_least=1)
    y = one_series(values, who, at_least=at_least)
    row = int(np.abs(y).argmax())
    if abs(y[row]) > _LARGEST:
        raise DataError(
            f"{who}: value {row + 1} is {y[row]:g}: expected at most {_LARGEST:g} in size, or forecasts leave the "
            "range of a double: scale the values before",
            row=row,
        )
    return y, horizon


def _naive(y: Array, horizon: int) -> Array:
    return np.full(horizon, y[-1])


def _seasonal_naive(y: Array, horizon: int, period: int) -> Array:
    return np.resize(y[-period:], horizon)


def _drift(y: Array, horizon: int) -> Array:
    slope = (y[-1] - y[0]) / max(1, len(y) - 1)
    return y[-1] + slope * np.arange(1, horizon + 1)


def _mean(y: Array, horizon: int) -> Array:
    # A mean of equal values may be rounded beside them.
    return np.full(horizon, min(max(y.mean(), y.min()), y.max()))


def _autoregression(y: Array, horizon: int, period: int) -> Array:
    lags = autoregression_lags(len(y), period)
    center = _mean(y, 1)[0]
    unit = np.abs(y - center).max()
    if lags == 0 or unit == 0:
        return np.full(horizon, center)
    z = (y - center) / unit
    windows = np.lib.stride_tricks.as_strided(z, (len(z) - lags, lags), z.strides * 2, writeable=False)
    x = np.empty((len(windows), lags + 1))
    x[:, 0], x[:, 1:] = 1.0, windows
    constant, *weights = _least_squares(x, z[lags:])
    low, high = z.min(), z.max()
    ahead = _continued(z[-lags:], float(constant), np.array(weights), horizon)
    beyond = np.maximum(low - ahead, ahead - high).max()
    # Written so that what is not a number counts as exploded.
    return center + unit * ahead if beyond <= _FARTHEST * (high - low) else _naive(y, horizon)


def _least_squares(x: Array, y: Array) -> Array:
    """The shortest w (P,) that brings x w (N, P) closest to y (N,).

    By P equations, and again for what they left: a few small steps, where a decomposition of x takes many, each of
    which waits for all threads of the linear algebra on a busy machine.
    """
    gram = x.T @ x
    found = np.zeros(x.shape[1])
    for _ in range(_REFINED):
        found += np.linalg.lstsq(gram, x.T @ (y - x @ found), rcond=None)[0]
    return found


def _continued(last: Array, constant: float, weights: Array, horizon: int) -> Array:
    """(K,) values after `last` (P,), each from the P before it."""
    lags = len(last)
    path = np.concatenate([last, np.empty(horizon)])
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(lags, lags + horizon):
            path[k] = constant + weights @ path[k - lags : k]
    return path[lags:]
