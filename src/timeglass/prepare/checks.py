"""What every step asks of the values that it is given."""

from __future__ import annotations

import contextlib
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.series.series import Series
from timeglass.types import Array

__all__ = ["check_scale", "finite_numbers", "one_series", "places_of", "training_values", "whole_number"]


def finite_numbers(values: ArrayLike, who: str) -> Array:
    """`values` in double precision; a `DataError` names the first that is not a finite number."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{who}: expected numbers, got {type(values).__name__}: {error}") from None
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        place = ", ".join(str(i + 1) for i in bad[0])
        raise DataError(
            f"{who}: value {place or 1} is {numbers[tuple(bad[0])]}, and {len(bad) - 1} more are not finite numbers: "
            "fill them or leave their rows out before",
            row=int(bad[0][0]) if numbers.ndim == 1 else None,
        )
    return numbers


def places_of(values: object) -> contextlib.AbstractContextManager[None]:
    """Within it, errors about a value of a `Series` say its line and column; of anything else, what they say anyway."""
    return values.places() if isinstance(values, Series) else contextlib.nullcontext()


def training_values(values: ArrayLike, who: str) -> Array:
    """Finite values that are not all the same: from others there is nothing to learn."""
    numbers = finite_numbers(values, who)
    if numbers.size == 0:
        raise InputError(f"{who}: no values to learn from: give the training rows")
    if numbers.min() == numbers.max():
        raise InputError(f"all {numbers.size} values are {numbers.flat[0]:g}: no variation, nothing to learn")
    return numbers


def one_series(values: ArrayLike, who: str, *, at_least: int = 1) -> Array:
    """Finite values (rows,) of one series, in time order."""
    numbers = finite_numbers(values, who)
    if numbers.ndim != 1:
        raise ShapeError(f"{who}: expected one series (rows,), got {numbers.shape}: give one column")
    if len(numbers) < at_least:
        raise InputError(f"{who}: {len(numbers)} rows, at least {at_least} are needed: give more rows")
    return numbers


def whole_number(name: str, value: object, *, at_least: int) -> int:
    """`value` as an `int`; an `OptionError` where it is none or too small.

    >>> whole_number("period", 12, at_least=2)
    12
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < at_least:
        raise OptionError(f"{name}: expected a whole number of at least {at_least}, got {value!r}")
    return int(value)


def check_scale(who: str, center: float, scale: float) -> None:
    """Both finite, and `scale` neither too small nor too large to divide and multiply by."""
    # The same margin as MinMaxScaler's: forecasts some way beyond the training values are still finite.
    real = all(isinstance(number, Real) and np.isfinite(16 * float(number)) for number in (center, scale))
    if not real or not scale >= np.finfo(np.float64).tiny:
        raise InputError(
            f"{who}: expected a finite centre and a scale above zero that a double holds, got {center!r} and {scale!r}"
        )
