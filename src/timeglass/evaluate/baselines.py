"""Forecasts that cost nothing, on the same windows as the network's: what it has to beat."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from timeglass.evaluate.metrics import root_mean_squared_error
from timeglass.prepare.windows import Part, Windows
from timeglass.types import Array

__all__ = ["Baseline", "baselines"]

_SEASON = 12


@dataclass(frozen=True)
class Baseline:
    """A name to show, and forecasts of both parts' targets; NaN where the part's rows do not reach back far enough."""

    key: str
    title: str
    train: Array  # (windows of the training part,)
    test: Array  # (windows of the test part,)
    train_error: float  # RMSE over the windows that have a forecast; NaN where none has
    test_error: float


def _error(part: Part, forecast: Array) -> float:
    known = ~np.isnan(forecast)
    return float(root_mean_squared_error(part.windows.y[known], forecast[known])) if known.any() else math.nan


def _season_ago(part: Part) -> Array:
    rows = part.windows.target_rows - _SEASON
    return np.where(rows >= 0, part.values[np.maximum(rows, 0)], np.nan)


def _least_squares(train: Windows) -> Callable[[Part], Array]:
    """Ordinary least squares of the target on a constant and all lags of the window."""

    def with_constant(x: Array) -> Array:
        return np.column_stack([np.ones(len(x)), x])

    coefficients = np.linalg.lstsq(with_constant(train.x), train.y, rcond=None)[0]
    return lambda part: with_constant(part.windows.x) @ coefficients


def baselines(train: Part, test: Part, every: Windows, *, monthly: bool) -> list[Baseline]:
    """Five baselines for the windows of both parts.

    `every` are all windows that the training part has, overlapping ones too: least squares is fitted
    once on the network's own windows and once on these. Nothing is fitted on the test part.
    """
    few, many = f"{len(train.windows.y):,}", f"{len(every.y):,}"
    lags = train.windows.x.shape[1]
    makers: list[tuple[str, str, Callable[[Part], Array]]] = [
        ("last_value", "repeat the last value", lambda part: part.windows.x[:, -1]),
        ("mean_of_last_3", "mean of the last 3 values", lambda part: part.windows.x[:, -3:].mean(axis=1)),
        ("season_ago", "same month last year" if monthly else f"value {_SEASON} rows before", _season_ago),
        ("least_squares", f"least squares on {lags} lags ({few} windows)", _least_squares(train.windows)),
        ("least_squares_all", f"least squares on {lags} lags (all {many} windows)", _least_squares(every)),
    ]
    found = []
    for key, title, make in makers:
        pair = make(train), make(test)
        found.append(Baseline(key, title, *pair, _error(train, pair[0]), _error(test, pair[1])))
    return found
