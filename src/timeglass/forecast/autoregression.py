"""A linear way to see far back: autoregression of each series on means over longer and longer stretches.

z without its season = constant + Σ weight · mean of a stretch, the stretches being the last value, the one before, the
two before these, the four before, the eight before, and so on, each twice as long as the one before it. So a few
weights reach back over hundreds of rows, where as many lags would each need a weight of its own and be learned badly.
After F. Corsi, "A simple approximate long-memory model of realized volatility", Journal of Financial Econometrics 7,
2009, whose stretches are a day, a week and a month, and overlap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.windows import Sight
from timeglass.types import Array

__all__ = ["Autoregression", "fit_autoregression"]

_LEAST_ROWS = 150  # of a series; fewer teach shared networks more than they teach this
_SHARE = 8  # the stretches reach back over at most this part of the shortest series
_MOST_LAGS = 512
_AT_ONCE = 2**22  # numbers in one array of rows
_RIDGE = 1e-8  # of the mean square of an input: enough to solve what is collinear


@dataclass(frozen=True, eq=False)
class Autoregression:
    """z without its season = constant + Σ weight · value before, the latest first; a stretch's values share one."""

    coefficients: Array  # (S, lags + 1), the constant first

    def forecast(self, sight: Sight, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int) -> Array:
        """Of z, (N, horizon), each step reading on the ones before; the first value stands for those before it."""
        some = max(1, _AT_ONCE // (self.coefficients.shape[1] + horizon))
        parts = [
            self._part(sight, which[i : i + some], origins[i : i + some], horizon) for i in range(0, len(which), some)
        ]
        return np.concatenate([np.empty((0, horizon)), *parts])

    def _part(self, sight: Sight, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int) -> Array:
        constant, weights = self.coefficients[which, 0], self.coefficients[which, :0:-1]  # the latest last
        lags = weights.shape[1]
        rows = np.maximum(origins[:, None] + np.arange(-lags, horizon), 0)
        season = sight.form.season(which[:, None], rows)
        known = np.empty(rows.shape)
        known[:, :lags] = sight.z[sight.offsets[which][:, None] + rows[:, :lags]] - season[:, :lags]
        for step in range(horizon):
            known[:, lags + step] = constant + np.einsum("nl,nl->n", weights, known[:, step : lags + step])
        return (known + season)[:, lags:]


def fit_autoregression(sight: Sight) -> Autoregression | None:
    """Learns from all rows of `sight`; None where most series have fewer than 150.

    Elsewhere a series of fewer rows is said to stay as it is.

    >>> from timeglass.forecast.form import Form
    >>> from timeglass.forecast.windows import look
    >>> y = np.zeros(2000)
    >>> for t, noise in enumerate(np.random.default_rng(0).normal(size=2000)):
    ...     y[t] = 0.6 * y[t - 1] + 0.3 * y[t - 2] + noise
    >>> found = fit_autoregression(look(Form.fit([y], 1), [y], horizon=1))
    >>> found.coefficients[0, 1:5].round(1).tolist()
    [0.6, 0.3, 0.0, 0.0]
    """
    lengths = np.diff(sight.offsets)
    if np.median(lengths) < _LEAST_ROWS:
        return None
    lags = [2 ** int(np.log2(min(_MOST_LAGS, max(1, rows // _SHARE)))) for rows in lengths]
    found = np.zeros((len(lengths), max(lags) + 1))
    found[:, 1] = 1.0
    for s, (begin, end) in enumerate(zip(sight.offsets[:-1], sight.offsets[1:], strict=True)):
        rows = np.arange(end - begin)
        if len(rows) >= _LEAST_ROWS:
            z = sight.z[begin:end] - sight.form.season(np.full(len(rows), s), rows)
            found[s, : lags[s] + 1] = _solved(z, 2 ** np.arange(int(np.log2(lags[s])) + 1))
    return Autoregression(found)


def _solved(z: Array, ends: NDArray[np.int64]) -> Array:
    """The least-squares constant and weight of each lag, of stretches that end `ends` rows back."""
    begins = np.append(0, ends[:-1])
    rows = np.arange(ends[-1], len(z))
    sums = np.concatenate([[0.0], np.cumsum(z)])
    inputs = np.ones((len(rows), len(ends) + 1))
    inputs[:, 1:] = (sums[rows[:, None] - begins] - sums[rows[:, None] - ends]) / (ends - begins)
    gram = inputs.T @ inputs
    gram[np.diag_indices(len(gram))] += _RIDGE * float(np.trace(gram)) / len(gram)
    constant, *weights = np.linalg.solve(gram, inputs.T @ z[rows])
    return np.append(constant, np.repeat(np.array(weights) / (ends - begins), ends - begins))
