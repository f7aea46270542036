"""What every picture of a forecast asks of the numbers and dates that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.prepare.checks import finite_numbers
from timeglass.show.svg import fitted
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["Band", "Labels", "bands_of", "dates_of", "known_values", "level_of", "named_values", "values_of"]

_LARGEST = float(np.finfo(np.float64).max) / 16  # so that differences of two values, and margins, are finite
_TITLE, _NAME, _UNIT = 330.0, 190.0, 130.0  # pixels for words in titles and beside axes


@dataclass(frozen=True)
class Labels:
    """What a series is called, the unit of its values, and what its time axis is called; "" for none.

    >>> Labels("Passengers", "thousands").values
    'Passengers (thousands)'
    """

    name: str = ""
    unit: str = ""
    time: str = ""

    @property
    def values(self) -> str:
        """The words beside the axis of the values."""
        return self.with_power(0)

    @property
    def title(self) -> str:
        """The name as it stands in titles, cut where it would not fit; "Series" without one."""
        return fitted(shown(self.name), _TITLE, size=12) or "Series"

    def with_power(self, power: int) -> str:
        """The same where the axis counts in a power of ten.

        >>> Labels("Population", "people").with_power(9), Labels("Loss").with_power(-6)
        ('Population (10⁹ people)', 'Loss (10⁻⁶)')
        """
        times = "" if power == 0 else "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        unit = " ".join(word for word in (times, fitted(shown(self.unit), _UNIT, size=12)) if word)
        name = fitted(shown(self.name), _NAME, size=12) or "Value"
        return f"{name} ({unit})" if unit else name


@dataclass(frozen=True, eq=False)
class Band:
    """An interval at each point that promises to hold `level` percent of what comes."""

    level: float
    low: Array
    high: Array


def values_of(values: ArrayLike, who: str, shape: tuple[int, ...] | None = None) -> Array:
    """Finite numbers of this shape, or of one series with at least one row.

    A `DataError` says which value cannot be drawn, a `ShapeError` which shape was expected.
    """
    numbers = finite_numbers(values, who)
    if shape is None and (numbers.ndim != 1 or not len(numbers)):
        raise ShapeError(f"{who}: expected one series (rows,) of at least one row, got {numbers.shape}")
    if shape is not None and numbers.shape != shape:
        raise ShapeError(f"{who}: expected the shape {shape}, got {numbers.shape}: give one value for each date")
    if numbers.size and np.abs(numbers).max() > _LARGEST:
        raise DataError(
            f"{who}: {numbers.flat[np.abs(numbers).argmax()]:g} is too large to be drawn: expected values up to "
            f"{_LARGEST:.2g}: give them in a larger unit"
        )
    return numbers


def known_values(values: ArrayLike, who: str, shape: tuple[int, ...]) -> Array:
    """The same, but NaN stands for a value that has not come."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{who}: expected numbers, got {type(values).__name__}: {error}") from None
    missing = np.isnan(numbers)
    return np.where(missing, np.nan, values_of(np.where(missing, 0.0, numbers), who, shape))


def dates_of(dates: ArrayLike, who: str, count: int) -> Array:
    """Whole numbers or datetime64 in time order, one for each of `count` rows."""
    given = np.asarray(dates)
    if given.shape != (count,):
        raise ShapeError(f"{who}: expected {count} dates ({count},), got {given.shape}: give one for each value")
    if given.dtype.kind not in "iuM" or given.dtype == np.dtype("datetime64"):
        raise InputError(
            f"{who}: expected datetime64 or whole numbers, got {given.dtype}: use numpy.array(dates, 'datetime64[D]') "
            "or numpy.arange"
        )
    given = given.astype(np.int64) if given.dtype.kind in "iu" else given
    if given.dtype.kind == "M" and np.isnat(given).any():
        row = int(np.isnat(given).argmax())
        raise DataError(f"{who}: date {row + 1} is missing: leave its row out", row=row)
    back = np.flatnonzero(given[1:] <= given[:-1])
    if len(back):
        row = int(back[0]) + 1
        raise DataError(f"{who}: {given[row]} stands after {given[row - 1]}: sort by date, one row each", row=row)
    return given


def level_of(level: float, who: str) -> float:
    """A percentage between 0 and 100, without its ends."""
    if isinstance(level, bool) or not isinstance(level, int | float | np.number) or not 0 < level < 100:
        raise OptionError(f"{who}: expected a level in percent between 0 and 100, such as 90, got {level!r}")
    return float(level)


def bands_of(bands: Mapping[float, tuple[ArrayLike, ArrayLike]], shape: tuple[int, ...]) -> tuple[Band, ...]:
    """Bands by level in percent, each (low, high) of this shape; the widest comes first."""
    found = []
    for level, (low, high) in bands.items():
        who = f"band {level_of(level, 'bands'):g}"
        band = Band(float(level), values_of(low, f"{who}, low", shape), values_of(high, f"{who}, high", shape))
        if (band.low > band.high).any():
            place = tuple(int(i) for i in np.argwhere(band.low > band.high)[0])
            raise DataError(f"{who}: low {band.low[place]:g} is above high {band.high[place]:g} at {place}: swap them")
        found.append(band)
    return tuple(sorted(found, key=lambda each: -each.level))


def named_values(
    given: Mapping[str, ArrayLike] | None, who: str, shape: tuple[int, ...], *, gaps: bool = False
) -> dict[str, Array]:
    """Forecasts of one shape by the name of who made them; with `gaps` NaN stands for what is not there."""
    check = known_values if gaps else values_of
    return {str(name): check(values, f"{who} {shown(str(name))}", shape) for name, values in (given or {}).items()}
