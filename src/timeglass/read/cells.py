"""One column of some rows with a type of its own, from Arrow, a data frame or an array, in one of three forms."""

from __future__ import annotations

import datetime as dt
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates
from timeglass.types import Array

__all__ = [
    "BOOLEANS",
    "Cells",
    "cells_of_array",
    "cells_of_arrow",
    "cells_of_series",
    "primitive",
    "type_of",
    "words_of",
]

BOOLEANS = "true and false"
_WHOLE = 2**53


@dataclass(frozen=True)
class Cells:
    """Numbers, times, or words; or `other`, which names what they are instead. BOOLEANS have numbers too."""

    name: str
    numbers: Array | None = None  # (rows,), NaN where there is none
    times: Dates | None = None  # (rows,), NaT where there is none
    words: tuple[list[str], NDArray[np.int64]] | None = None  # those that occur, which each row has: -1 for none
    other: str = ""
    whole: bool = False  # whole numbers
    exact: Sequence[int] | NDArray[Any] | None = None  # (rows,): these, where they may be more than a double holds
    zone: str | None = None  # times are in UTC, and shown in this zone
    rounded: tuple[tuple[int, str], ...] = ()  # rows whose whole number a double does not hold, and that number
    form: str | None = None  # of the dates, where it has a name
    count: int = 0  # rows of what is other

    def __len__(self) -> int:
        parts = (self.numbers, self.times, self.words[1] if self.words else None)
        return next((len(part) for part in parts if part is not None), self.count)

    def texts(self, most: int) -> list[str]:
        """The first words, in the order of the rows."""
        assert self.words is not None
        known, places = self.words
        return [known[place] for place in places[:most].tolist() if place >= 0]


def words_of(name: str, texts: Sequence[str | None]) -> Cells:
    """Words, each kept once."""
    known: dict[str, int] = {}
    places = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        places[row] = known.setdefault(text.strip(), len(known)) if text is not None else -1
    return Cells(name, words=(list(known), places))


def _whole_numbers(name: str, values: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> Cells:
    """From integers; those that a double does not hold are named."""
    numbers = values.astype(np.float64)
    far = np.flatnonzero(numbers >= _WHOLE) if values.dtype.kind == "u" else np.flatnonzero(np.abs(numbers) >= _WHOLE)
    rounded = tuple((row, str(values[row])) for row in far.tolist() if int(values[row]) != int(numbers[row]))
    if missing is not None and missing.any():
        numbers[missing] = np.nan
    return Cells(name, numbers, whole=True, exact=values, rounded=rounded)


def _booleans(name: str, values: NDArray[Any]) -> Cells:
    """Numbers only where that was asked for."""
    return Cells(name, values.astype(np.float64), other=BOOLEANS)


# ---- NumPy


def cells_of_array(name: str, array: NDArray[Any]) -> Cells:
    """From a NumPy array (rows,)."""
    if array.dtype.kind in "iu":
        return _whole_numbers(name, array)
    if array.dtype.kind == "f":
        if array.dtype.itemsize > 8:
            return Cells(name, other="numbers beyond double precision", count=len(array))
        return Cells(name, array.astype(np.float64))
    if array.dtype.kind == "M":
        return Cells(name, times=array)
    if array.dtype.kind == "b":
        return _booleans(name, array)
    if array.dtype.kind in "UT":
        return words_of(name, array.tolist())
    if array.dtype.kind == "O":
        return _of_objects(name, [None if _is_nothing(value) else value for value in array.tolist()])
    return Cells(name, other=f"values of the type {array.dtype}", count=len(array))


def _float(value: Any) -> float:
    """NaN for None, infinity for what is beyond a double."""
    try:
        return float(value) if value is not None else math.nan
    except OverflowError:
        return math.inf


def _of_objects(name: str, values: list[Any]) -> Cells:
    """Objects that are all texts, or all numbers, some of them None perhaps."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return words_of(name, values)
    if kinds <= {bool, np.bool_}:
        return _booleans(name, np.array([np.nan if value is None else float(value) for value in values]))
    if bool in kinds or np.bool_ in kinds:
        return Cells(name, other="numbers beside true and false", count=len(values))
    if all(issubclass(kind, int | np.integer) for kind in kinds):
        numbers = np.array(list(map(_float, values)), np.float64)
        held = np.isfinite(numbers)
        rounded = [(i, str(v)) for i, v in enumerate(values) if held[i] and int(v) != int(numbers[i])]
        exact = [int(value) if value is not None else 0 for value in values]
        return Cells(name, numbers, whole=True, exact=exact, rounded=tuple(rounded))
    if all(hasattr(kind, "__float__") and not issubclass(kind, np.datetime64 | np.timedelta64) for kind in kinds):
        numbers = np.array(list(map(_float, values)), np.float64)
        far = np.flatnonzero(np.abs(numbers) >= _WHOLE).tolist()
        lost = [(i, str(values[i])) for i in far if np.isfinite(numbers[i]) and int(values[i]) != int(numbers[i])]
        gone = [i for i in np.flatnonzero(numbers == 0).tolist() if values[i] != 0]
        lost += [(i, str(values[i])) for i in gone]
        return Cells(name, numbers, rounded=tuple(lost))
    zone = None
    if any(getattr(value, "tzinfo", None) is not None for value in values):
        if not all(value is None or getattr(value, "tzinfo", None) is not None for value in values):
            return Cells(name, other="times with and without a zone", count=len(values))
        zone = str(next(value.tzinfo for value in values if value is not None))
        values = [value and value.astimezone(dt.UTC).replace(tzinfo=None) for value in values]
    if not all(issubclass(kind, dt.date | np.datetime64) for kind in kinds):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))[:60]
        return Cells(name, other=f"objects of the type {names}", count=len(values))
    times = np.array(values, dtype="datetime64[us]")
    return Cells(name, times=times, zone=zone)


# ---- Arrow


def primitive(array: Any, dtype: Any) -> NDArray[Any]:
    """The numbers (N,) of an Arrow array without nulls. Its own to_numpy would import pandas, which takes 0.2 s."""
    size = np.dtype(dtype).itemsize
    return (
        np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * size) if len(array) else np.empty(0, dtype)
    )


def _filled(array: Any, dtype: Any, value: int) -> NDArray[Any]:
    """The numbers (N,) of an Arrow array, with this value where there is none."""
    if not array.null_count:
        return primitive(array, dtype)
    import pyarrow.compute as pc  # a slow start

    return primitive(pc.fill_null(array, value), dtype)


def _nulls(array: Any) -> NDArray[np.bool_] | None:
    return np.asarray(array.is_null().to_numpy(zero_copy_only=False)) if array.null_count else None


def cells_of_arrow(name: str, array: Any) -> Cells:
    """From an Arrow array or chunked array (rows,)."""
    import pyarrow as pa  # it is there: the array is of it

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    kind, types = array.type, pa.types
    if types.is_boolean(kind):
        return _booleans(name, array.cast(pa.int8()).cast(pa.float64()).to_numpy(zero_copy_only=False))
    if types.is_integer(kind):
        return _whole_numbers(name, _filled(array, str(kind), 0), _nulls(array))
    if types.is_decimal(kind):
        return _of_objects(name, array.to_pylist())  # pyarrow's own conversion is not the nearest double
    if types.is_floating(kind):
        plain = array if kind == pa.float64() else array.cast(pa.float64())
        numbers = plain.to_numpy(zero_copy_only=False) if plain.null_count else primitive(plain, np.float64)
        return Cells(name, numbers)
    if types.is_date(kind) or types.is_timestamp(kind):
        return _arrow_times(name, array, pa)
    return _arrow_words(name, array, pa)


def _arrow_times(name: str, array: Any, pa: Any) -> Cells:
    kind = array.type
    unit = {pa.date32(): "D", pa.date64(): "ms"}.get(kind) or kind.unit
    times = (
        _filled(array, np.int32 if kind == pa.date32() else np.int64, 0).astype(np.int64).view(f"datetime64[{unit}]")
    )
    nulls = _nulls(array)
    if nulls is not None:
        times[nulls] = np.datetime64("NaT")
    return Cells(name, times=times, zone=kind.tz if pa.types.is_timestamp(kind) else None)


def _arrow_words(name: str, array: Any, pa: Any) -> Cells:
    text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    if text or array.type == pa.string_view():
        array = array.cast(pa.string()).dictionary_encode()
    if not pa.types.is_dictionary(array.type):
        return Cells(name, other=f"values of the type {array.type}", count=len(array))
    if array.dictionary.null_count:
        return words_of(name, array.cast(array.type.value_type).cast(pa.string()).to_pylist())
    words = [str(text).strip() for text in array.dictionary.to_pylist()]
    return Cells(name, words=(words, _filled(array.indices, str(array.type.index_type), -1)))


# ---- data frames


def type_of(series: Any) -> Any:
    """The type of a narwhals Series, also of times of pandas whose zone narwhals does not find in their type's name.

    >>> import narwhals, pandas
    >>> times = pandas.Series(pandas.to_datetime(["2024-01-01"])).dt.tz_localize("America/New_York")
    >>> type_of(narwhals.from_native(times, series_only=True)).time_zone
    'America/New_York'
    """
    import narwhals as nw

    kind, own = series.dtype, getattr(series.to_native(), "dtype", None)
    unit, zone = getattr(own, "unit", None), getattr(own, "tz", None)
    return nw.Datetime(unit, str(zone)) if kind == nw.Unknown and unit and zone else kind  # names with _, + or two -


def cells_of_series(series: Any) -> Cells:
    """From a narwhals Series (rows,), whatever is behind it."""
    import narwhals as nw

    kind, name = type_of(series), str(series.name)
    if kind == nw.Boolean:
        return _booleans(name, series.cast(nw.Float64).to_numpy())
    if kind.is_integer():
        missing = series.is_null().to_numpy()
        if missing.any():
            return _of_objects(
                name, [None if gone else value for value, gone in zip(series.to_list(), missing, strict=True)]
            )
        if kind in (nw.Int128, nw.UInt128):  # NumPy has none of these
            return _of_objects(name, series.to_list())
        return _whole_numbers(name, np.asarray(series.to_numpy()))
    if kind.is_decimal():
        return _of_objects(name, series.to_list())
    if kind.is_float():
        return Cells(name, np.asarray(series.cast(nw.Float64).to_numpy(), np.float64))
    if kind == nw.Date or kind == nw.Datetime:
        zone = getattr(kind, "time_zone", None)
        unit = "D" if kind == nw.Date else str(kind.time_unit)
        if series.dtype == nw.Unknown:
            return Cells(name, times=series.to_native().to_numpy(f"datetime64[{unit}]"), zone=zone)  # pandas gives UTC
        if zone is not None:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return Cells(name, times=np.asarray(series.to_numpy()).astype(f"datetime64[{unit}]"), zone=zone)
    if kind in (nw.String, nw.Categorical, nw.Enum):
        return words_of(name, [None if _is_nothing(text) else str(text) for text in series.to_list()])
    if kind == nw.Object:
        return _of_objects(name, [None if _is_nothing(value) else value for value in series.to_list()])
    if str(getattr(series.to_native(), "dtype", "")).startswith("period"):
        periods = sys.modules["pandas"].PeriodIndex(series.to_native())
        return Cells(name, times=periods.to_timestamp().to_numpy())
    return Cells(name, other=f"values of the type {kind}", count=len(series))


def _is_nothing(value: Any) -> bool:
    """None, or one of pandas' values for it, all of which are not equal to themselves."""
    return value is None or bool(
        type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )
