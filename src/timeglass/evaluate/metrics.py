"""How far forecasts are from what came."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import ShapeError
from timeglass.types import Array

__all__ = ["root_mean_squared_error"]


def root_mean_squared_error(actual: ArrayLike, forecast: ArrayLike) -> Array:
    """sqrt(mean((actual - forecast)²)) along the last axis, so that forecasts (L, N) give (L,).

    >>> float(root_mean_squared_error([1.0, 2.0], [1.0, 4.0]))
    1.4142135623730951
    """
    a, f = np.asarray(actual, dtype=np.float64), np.asarray(forecast, dtype=np.float64)
    if a.shape[-1:] != f.shape[-1:]:
        raise ShapeError(f"root_mean_squared_error: {a.shape} actual values beside {f.shape} forecasts")
    return np.sqrt(np.mean(np.square(a - f), axis=-1))
