"""Logarithm and Box-Cox: where a series swings the more, the higher it stands."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np

from timeglass.errors import DataError, InputError, OptionError
from timeglass.prepare.checks import finite_numbers, one_series, training_values, whole_number
from timeglass.types import Array

__all__ = ["BoxCox", "Log", "guerrero_lambda"]

_LOWEST, _HIGHEST = -1.0, 2.0  # Guerrero's lambda is looked for between them, as R's forecast does
_NARROW = 1e-10
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Log:
    """ln(value + offset).

    Zeros and negative values have no logarithm and are refused; an `offset` that lifts all above zero lets them in,
    such as 1 for counts. It is chosen, not learned, and stays as it is.

    >>> Log(offset=1.0).transform(np.array([0.0, np.e - 1])).tolist()
    [0.0, 1.0]
    """

    offset: float = 0.0

    def __post_init__(self) -> None:
        _check_number("Log", "offset", self.offset)

    @classmethod
    def fit(cls, values: Array) -> Log:
        """Without an offset; a `DataError` where one of `values` is zero or negative. It learns nothing else."""
        log = cls()
        log.transform(training_values(values, "Log"))
        return log

    def transform(self, values: Array) -> Array:
        return np.log(_above_zero(values, self.offset, "Log"))

    def inverse_transform(self, logs: Array) -> Array:
        """An `InputError` where a value would be beyond a double."""
        with np.errstate(over="ignore"):
            found = np.exp(finite_numbers(logs, "Log")) - self.offset
        return _held(found, "Log")


@dataclass(frozen=True)
class BoxCox:
    """(x^λ - 1) / λ with x = value + offset, and ln x where λ is 0: Box and Cox, "An analysis of transformations",
    Journal of the Royal Statistical Society B 26 (1964).

    Values must be above -offset, as for `Log`. The inverse exists where λ · transformed > -1.

    >>> BoxCox(0.5).transform(np.array([4.0])), BoxCox(0.5).inverse_transform(np.array([2.0]))
    (array([2.]), array([4.]))
    """

    lambda_: float
    offset: float = 0.0

    def __post_init__(self) -> None:
        _check_number("BoxCox", "lambda_", self.lambda_)
        _check_number("BoxCox", "offset", self.offset)

    @classmethod
    def fit(cls, values: Array, period: int = 2, *, offset: float = 0.0) -> BoxCox:
        """With Guerrero's λ for `values` (rows,) with that seasonal `period`; 2 where the series has none."""
        _check_number("BoxCox", "offset", offset)
        return cls(guerrero_lambda(_above_zero(values, offset, "BoxCox"), period), offset)

    @property
    def limits(self) -> tuple[float, float]:
        """Between which numbers, neither included, a transformed value has an inverse."""
        if self.lambda_ == 0:
            return -np.inf, np.inf
        end = -1 / self.lambda_
        return (end, np.inf) if self.lambda_ > 0 else (-np.inf, end)

    def transform(self, values: Array) -> Array:
        logs = np.log(_above_zero(values, self.offset, "BoxCox"))
        with np.errstate(over="ignore"):  # _held says so
            # expm1 keeps the digits that x^λ - 1 loses where λ ln x is small.
            return _held(np.expm1(self.lambda_ * logs) / self.lambda_ if self.lambda_ else logs, "BoxCox")

    def inverse_transform(self, transformed: Array) -> Array:
        """An `InputError` where one of `transformed` lies outside `limits`, or its value beyond a double."""
        transformed = finite_numbers(transformed, "BoxCox")
        outside = ~(self.lambda_ * transformed > -1)
        if outside.any():
            low, high = self.limits
            raise InputError(
                f"BoxCox: {outside.sum()} of {transformed.size} transformed values have no inverse with lambda "
                f"{self.lambda_:g}, the first is {transformed[outside].flat[0]:g}: they must lie between {low:g} and "
                f"{high:g}; hold them there (np.clip), or use a lambda nearer to 0"
            )
        with np.errstate(over="ignore"):
            logs = np.log1p(self.lambda_ * transformed) / self.lambda_ if self.lambda_ else transformed
            return _held(np.exp(logs) - self.offset, "BoxCox")


def guerrero_lambda(values: Array, period: int) -> float:
    """The λ in -1 … 2 with which the swing of a series depends least on its level.

    The rows are cut into stretches of `period`, the last row ends the last stretch, and rows that fill none are left
    out at the beginning. With the mean m and the standard deviation s (over n - 1) of each stretch, λ is where the
    coefficient of variation of s / m^(1 - λ) is least: Guerrero, "Time-series analysis supported by power
    transformations", Journal of Forecasting 12 (1993). Found on a grid of hundredths, then by golden section.

    >>> t = np.arange(48)
    >>> abs(guerrero_lambda(np.exp(0.02 * t + 0.3 * np.sin(t * np.pi / 6)), 12)) < 1e-6  # swings with its level
    True
    """
    period = whole_number("period", period, at_least=2)
    values = training_values(one_series(values, "guerrero_lambda", at_least=2 * period), "guerrero_lambda")
    if values.min() <= 0:
        raise DataError(f"guerrero_lambda: the smallest value is {values.min():g}, expected values above zero")
    stretches = values[len(values) % period :].reshape(-1, period) / values.max()
    means, deviations = np.log(stretches.mean(axis=1)), stretches.std(axis=1, ddof=1)
    if not deviations.any():
        raise InputError(f"guerrero_lambda: no variation within stretches of {period} rows, nothing to learn")

    def variation(power: float) -> float:
        ratios = deviations * np.exp((power - 1) * (means - means.mean()))
        return float(ratios.std(ddof=1) / ratios.mean())

    grid = np.linspace(_LOWEST, _HIGHEST, 301)
    best = int(np.argmin([variation(power) for power in grid]))
    low, high = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    while high - low > _NARROW:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, right) if variation(left) <= variation(right) else (left, high)
    return float((low + high) / 2)


def _check_number(who: str, name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not np.isfinite(float(value)):
        raise OptionError(f"{who}: {name}: expected a finite number, got {value!r}")


def _above_zero(values: Array, offset: float, who: str) -> Array:
    """`values` + `offset`, all above zero."""
    values = finite_numbers(values, who)
    lifted = values + offset
    if (lifted <= 0).any():
        row = int(np.argmax(lifted <= 0)) + 1
        raise DataError(
            f"{who}: {(lifted <= 0).sum()} of {values.size} values are not above {-offset + 0.0:g}, the first is value "
            f"{row}: {values.flat[row - 1]:g}; give an offset larger than {-values.min() + 0.0:g}",
            row=row - 1 if values.ndim == 1 else None,
        )
    return lifted


def _held(values: Array, who: str) -> Array:
    """`values`, all of which a double holds."""
    if not np.isfinite(values).all():
        raise InputError(f"{who}: {(~np.isfinite(values)).sum()} of {values.size} values are too large for a double")
    return values
