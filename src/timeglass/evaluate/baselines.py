"""Forecasts that cost nothing, on the same windows as the network's: what it has to beat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.prepare.windows import Windows

__all__ = ["Baseline", "baselines"]

Array = NDArray[np.floating[Any]]

_SEASON = 12


@dataclass(frozen=True)
class Baseline:
    """A name to show, and forecasts of both parts' targets; NaN where the part's rows do not reach back far enough."""

    key: str
    title: str
    train: Array  # (windows of the training part,)
    test: Array  # (windows of the test part,)


def _last_value(windows: Windows, values: Array) -> Array:
    return windows.x[:, -1]


def _mean_of_last_three(windows: Windows, values: Array) -> Array:
    return windows.x[:, -3:].mean(axis=1)


def _season_ago(windows: Windows, values: Array) -> Array:
    rows = windows.target_rows - _SEASON
    return np.where(rows >= 0, values[np.maximum(rows, 0)], np.nan)


def _least_squares(train: Windows) -> Callable[[Windows, Array], Array]:
    """Ordinary least squares of the target on a constant and all lags of the window."""

    def with_constant(x: Array) -> Array:
        return np.column_stack([np.ones(len(x)), x])

    coefficients = np.linalg.lstsq(with_constant(train.x), train.y, rcond=None)[0]
    return lambda windows, values: with_constant(windows.x) @ coefficients


def baselines(
    parts: tuple[Array, Array], windows: tuple[Windows, Windows], every: Windows, *, monthly: bool
) -> list[Baseline]:
    """Five baselines for the (training, test) parts' values and windows.

    `every` are all windows that the training part has, overlapping ones too: least squares is fitted
    once on the network's own windows and once on these. Nothing is fitted on the test part.
    """
    lags, few, many = windows[0].x.shape[1], len(windows[0].y), len(every.y)
    makers: list[tuple[str, str, Callable[[Windows, Array], Array]]] = [
        ("last_value", "repeat the last value", _last_value),
        ("mean_of_last_3", "mean of the last 3 values", _mean_of_last_three),
        ("season_ago", "same month last year" if monthly else f"value {_SEASON} rows before", _season_ago),
        ("least_squares", f"least squares on {lags} lags ({few:,} windows)", _least_squares(windows[0])),
        ("least_squares_all", f"least squares on {lags} lags (all {many:,} windows)", _least_squares(every)),
    ]
    return [
        Baseline(key, title, *(make(w, v) for w, v in zip(windows, parts, strict=True))) for key, title, make in makers
    ]
