"""Scaling by a centre and a scale that are learned, each with its inverse."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from timeglass.errors import InputError
from timeglass.prepare.checks import check_scale, training_values
from timeglass.types import Array

__all__ = ["MinMaxScaler", "RobustScaler", "StandardScaler"]


@dataclass(frozen=True)
class MinMaxScaler:
    """(value - low) / (high - low): the training values lie in 0 … 1.

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
        values = training_values(values, "MinMaxScaler")
        low, high = float(values.min()), float(values.max())
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


@dataclass(frozen=True)
class StandardScaler:
    """(value - mean) / std: the training values have mean 0 and standard deviation 1.

    The standard deviation is that of the values themselves: √(Σ (value - mean)² / n), not n - 1.

    >>> StandardScaler.fit(np.array([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]))
    StandardScaler(mean=5.0, std=2.0)
    """

    mean: float
    std: float

    def __post_init__(self) -> None:
        check_scale("StandardScaler", self.mean, self.std)

    @classmethod
    def fit(cls, values: Array) -> StandardScaler:
        """Takes mean and standard deviation of `values`; an `InputError` where they are all the same."""
        values = training_values(values, "StandardScaler")
        with np.errstate(over="ignore", invalid="ignore"):  # check_scale says what came of it
            return cls(float(values.mean()), float(values.std()))

    @property
    def range(self) -> float:
        """One scaled unit in original ones: an error is scaled by this alone."""
        return self.std

    def transform(self, values: Array) -> Array:
        return (values - self.mean) / self.std

    def inverse_transform(self, scaled: Array) -> Array:
        return scaled * self.std + self.mean


@dataclass(frozen=True)
class RobustScaler:
    """(value - median) / iqr: a few outliers change neither.

    `iqr` is the interquartile range, the 0.75 quantile less the 0.25 quantile. Between two values a quantile is
    interpolated linearly: definition 7 of Hyndman and Fan, "Sample quantiles in statistical packages",
    The American Statistician 50 (1996), as NumPy, R and scikit-learn have it.

    >>> RobustScaler.fit(np.array([1.0, 2.0, 3.0, 4.0, 1000.0]))
    RobustScaler(median=3.0, iqr=2.0)
    """

    median: float
    iqr: float

    def __post_init__(self) -> None:
        check_scale("RobustScaler", self.median, self.iqr)

    @classmethod
    def fit(cls, values: Array) -> RobustScaler:
        """Takes median and interquartile range; an `InputError` where the middle half of `values` is one number."""
        values = training_values(values, "RobustScaler")
        with np.errstate(over="ignore", invalid="ignore"):  # check_scale says what came of it
            first, median, third = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
        if first == third:
            raise InputError(
                f"RobustScaler: the middle half of the values is {median:g}, so that their interquartile range is "
                "zero: use StandardScaler or MinMaxScaler"
            )
        return cls(median, third - first)

    @property
    def range(self) -> float:
        """One scaled unit in original ones: an error is scaled by this alone."""
        return self.iqr

    def transform(self, values: Array) -> Array:
        return (values - self.median) / self.iqr

    def inverse_transform(self, scaled: Array) -> Array:
        return scaled * self.iqr + self.median
