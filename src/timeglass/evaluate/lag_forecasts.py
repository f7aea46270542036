"""Forecasts of test rows by least squares on the rows before them: what anybody could have known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeglass.types import Array

__all__ = ["lag_forecasts"]

_MOST_ROWS = 100_000  # that weights are learned from: the last ones


def lag_forecasts(
    series: Array, known: int, lags: NDArray[np.int64], *, products: bool = False, beside: Array | None = None
) -> Array:
    """(rows - known,) forecasts of the rows of `series` (rows,) from `known` on, in its units.

    Ordinary least squares on a constant and the values `lags` (P,) rows before, learned from the rows before `known`;
    with `products` also on their squares and the products of two; `beside` (C, rows) are covariates of the row itself.

    >>> lag_forecasts(np.arange(10.0), 8, np.array([2, 3])).round(9).tolist()
    [8.0, 9.0]
    """
    mean = series[:known].mean()
    centred = series - mean
    unit = float(np.abs(centred).max()) or 1.0
    z = centred / unit
    columns = np.empty((0, len(series))) if beside is None else np.array([_in_its_unit(each) for each in beside])

    def inputs(rows: NDArray[np.int64]) -> Array:
        x = z[rows[:, None] - lags]
        pairs = [x[:, i] * x[:, j] for i in range(len(lags)) for j in range(i + 1)] if products else []
        return np.column_stack([np.ones(len(rows)), x, *pairs, *(each[rows] for each in columns)])

    learned = np.arange(int(lags.max()), known)[-_MOST_ROWS:]
    weights = np.linalg.lstsq(inputs(learned), z[learned], rcond=None)[0]
    return mean + unit * (inputs(np.arange(known, len(series))) @ weights)


def _in_its_unit(values: Array) -> Array:
    centred = values - values.mean()
    return centred / (float(np.abs(centred).max()) or 1.0)
