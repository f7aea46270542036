"""Scaling to 0 … 1, with its inverse."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from timeglass.errors import InputError
from timeglass.types import Array

__all__ = ["MinMaxScaler"]


@dataclass(frozen=True)
class MinMaxScaler:
    """(value - low) / (high - low).

    >>> scaler = MinMaxScaler.fit(np.array([10.0, 30.0]))
    >>> scaler.transform(np.array([20.0])), scaler.inverse_transform(np.array([0.5]))
    (array([0.5]), array([20.]))
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        bounds = self.low, self.high
        if not all(isinstance(bound, Real) and np.isfinite(16 * float(bound)) for bound in bounds) or not (
            self.low < self.high and np.isfinite(16 * self.range)
        ):
            raise InputError(f"MinMaxScaler: expected two finite numbers, the lower one first, got {bounds}")

    @classmethod
    def fit(cls, values: Array) -> MinMaxScaler:
        """Takes the smallest and the largest of `values`; an `InputError` where they are the same."""
        low, high = float(values.min()), float(values.max())
        if low == high:
            raise InputError(f"all {len(values)} values are {low:g}: no variation, nothing to learn")
        # A sixteenth of the range of a double, so that sums of a few values and forecasts beyond the range are finite.
        if not np.isfinite(16 * high - 16 * low) or not np.isfinite(16 * max(abs(low), abs(high))):
            raise InputError(f"the values reach from {low:g} to {high:g}: too far apart for a double")
        return cls(low, high)

    @property
    def range(self) -> float:
        """One scaled unit in original ones: an error is scaled by this alone."""
        return self.high - self.low

    def transform(self, values: Array) -> Array:
        return (values - self.low) / self.range

    def inverse_transform(self, scaled: Array) -> Array:
        return scaled * self.range + self.low
