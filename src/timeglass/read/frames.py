"""Data frames of any kind, arrays and lists as tables. Their rows are numbered from 1 in place of lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from timeglass.errors import DataError, InputError
from timeglass.read.cells import Cells, cells_of_array, cells_of_series
from timeglass.read.faults import Faults
from timeglass.read.options import ReadOptions
from timeglass.read.table import Table
from timeglass.read.typed_table import read_typed
from timeglass.words import counted, quoted, shown

__all__ = ["is_frame", "read_frame"]

_PERIODS = {"Y": "Y", "A": "Y", "M": "M", "D": "D", "h": "h", "H": "h", "min": "m", "T": "m", "s": "s", "S": "s"}


def is_frame(source: object) -> bool:
    """Whether this is a table in memory rather than the name of one."""
    if isinstance(source, str | bytes):
        return False
    known = isinstance(source, np.ndarray | list | tuple | Mapping)
    return known or any(
        hasattr(type(source), name) for name in ("__narwhals_dataframe__", "columns", "to_frame", "__arrow_c_stream__")
    )


def read_frame(source: Any, options: ReadOptions, faults: Faults, *, many: bool) -> Table:
    """A frame, a series with its index, a mapping of columns, an array (rows,) or (rows, S), or a list of numbers."""
    name = _name(source)
    columns = _columns(source, name)
    lengths = {len(cells): cells.name for cells in columns}
    if len(lengths) > 1:
        (few, one), (many_rows, other) = sorted(lengths.items())[:2]
        raise DataError(f"{name}: column {quoted(one)} has {counted(few, 'row')}, {quoted(other)} has {many_rows:,}")
    return read_typed([columns], options, name, faults, many=many)


def _name(source: Any) -> str:
    package = type(source).__module__.partition(".")[0]
    kind = type(source).__name__
    return kind if package in ("builtins", "collections") else f"{package} {kind}"


def _columns(source: Any, name: str) -> list[Cells]:
    if isinstance(source, Mapping):
        return [
            cells_of_array(str(key), _array(values, f"{name}, column {quoted(str(key))}"))
            for key, values in source.items()
        ]
    if isinstance(source, np.ndarray | list | tuple):
        array = _array(source, name)
        if array.ndim == 2:
            return [cells_of_array(f"column {i + 1}", array[:, i]) for i in range(array.shape[1])]
        if array.ndim != 1:
            raise DataError(f"{name}: expected values (rows,), or (rows, S) of several series, got {array.shape}")
        return [cells_of_array("y", array)]
    return [*_index(source), *_frame_columns(source, name)]


def _array(values: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(f"{name}: its rows have different lengths: expected numbers, one for each time") from None


def _frame_columns(source: Any, name: str) -> list[Cells]:
    import narwhals as nw  # a slow start

    try:
        frame: Any = nw.from_native(source, allow_series=True)
    except TypeError:
        raise InputError(
            f"cannot read {name}: expected a data frame that narwhals knows, an array, a list or a path"
        ) from None
    except Exception as error:  # two columns of one name, and whatever else a library says of its frame
        raise DataError(f"{name}: {shown(' '.join(str(error).split()))}") from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, nw.Series):
        return [cells_of_series(frame.alias(frame.name or "y"))]
    return [cells_of_series(frame[column]) for column in frame.columns]


def _index(source: Any) -> Sequence[Cells]:
    """The times in a pandas index, where it has some."""
    index: Any = getattr(source, "index", None)
    kind = type(index).__name__
    if kind == "DatetimeIndex":
        zone = str(index.tz) if index.tz is not None else None
        plain = index.tz_convert("UTC").tz_localize(None) if zone else index
        return [Cells(str(index.name or "ds"), times=plain.to_numpy(), zone=zone)]
    if kind == "PeriodIndex":
        return [_periods(index)]
    return []


def _periods(index: Any) -> Cells:
    """Periods are called by their beginning; quarters of the calendar keep their name."""
    name, numbers, freq = str(index.name or "ds"), index.asi8, index.freqstr
    base = freq.partition("-")[0]
    if freq in ("Q-DEC", "QE-DEC"):
        return Cells(name, times=(3 * numbers).astype("datetime64[M]"), form="yyyyQq")
    if base in _PERIODS and freq in (base, f"{base}-DEC"):
        return Cells(name, times=numbers.astype(f"datetime64[{_PERIODS[base]}]"))
    return Cells(name, times=index.to_timestamp().to_numpy())
