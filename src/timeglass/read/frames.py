"""Data frames of any kind, arrays and lists as tables. Their rows are numbered from 1 in place of lines."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from timeglass.errors import DataError, InputError
from timeglass.read.cells import Cells, cells_of_array, cells_of_series, type_of
from timeglass.read.csv_form import runs_on
from timeglass.read.faults import Faults
from timeglass.read.layout import TIMES
from timeglass.read.options import ReadOptions
from timeglass.read.table import Table
from timeglass.read.typed_table import read_typed
from timeglass.words import counted, printable, quoted, shown

__all__ = ["is_frame", "name_of_frame", "read_frame"]

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
    name = name_of_frame(source)
    columns = _columns(source, name)
    plain = isinstance(source, np.ndarray | list | tuple) and all(cells.numbers is not None for cells in columns)
    if plain and options.time is None:
        options = replace(options, time="none")  # columns without names: all are values
    lengths = {len(cells): cells.name for cells in columns}
    if len(lengths) > 1:
        (few, one), (many_rows, other) = sorted(lengths.items())[:2]
        raise DataError(f"{name}: column {quoted(one)} has {counted(few, 'row')}, {quoted(other)} has {many_rows:,}")
    return read_typed([columns], options, name, faults, many=many)


def name_of_frame(source: Any) -> str:
    """What a table in memory is called in messages."""
    package = type(source).__module__.partition(".")[0]
    kind = type(source).__name__
    return kind if package in ("builtins", "collections") else f"{package} {kind}"


def _columns(source: Any, name: str) -> list[Cells]:
    if isinstance(source, Mapping):
        return [_cells(str(key), values, f"{name}, column {quoted(str(key))}") for key, values in source.items()]
    if isinstance(source, list | tuple) and any(map(_is_row, source)):
        return _columns_of_rows(source, name)
    if isinstance(source, np.ndarray | list | tuple):
        array = _array(source, name)
        if array.ndim == 2:
            return [cells_of_array(f"column {i + 1}", array[:, i]) for i in range(array.shape[1])]
        if array.ndim != 1:
            raise DataError(f"{name}: expected values (rows,), or (rows, S) of several series, got {array.shape}")
        return [cells_of_array("y", array)]
    return _frame_columns(source, name)


def _columns_of_rows(rows: Any, name: str) -> list[Cells]:
    """A list of rows, such as (date, value), by its columns."""
    lengths = {len(row) if _is_row(row) and np.ndim(row) > 0 else 0 for row in rows}
    if len(lengths) != 1:
        raise DataError(f"{name}: its rows have different lengths: expected numbers, one for each time")
    columns = [list(column) for column in zip(*rows, strict=True)]
    return [_cells(f"column {i + 1}", column, f"{name}, column {i + 1}") for i, column in enumerate(columns)]


def _cells(key: str, values: Any, name: str) -> Cells:
    """One of the columns of a mapping, whatever holds it."""
    if type(values).__name__ in ("DatetimeIndex", "PeriodIndex"):
        return replace(_index(values)[0], name=key)
    if hasattr(type(values), "to_frame") or hasattr(type(values), "__arrow_c_array__"):
        return replace(_frame_columns(values, name)[-1], name=key)
    array = _array(values, name)
    if array.ndim != 1:
        raise DataError(f"{name}: expected one value for each row, got {array.shape}")
    return cells_of_array(key, array)


def _array(values: Any, name: str) -> np.ndarray:
    if "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray):
        if values.dtype.kind not in "fiu":
            raise DataError(f"{name}: masked values of the type {values.dtype} cannot be read: fill them before")
        return np.where(np.ma.getmaskarray(values), np.nan, values.data.astype(np.float64))
    try:
        if isinstance(values, list | tuple) and not any(
            isinstance(value, list | tuple | np.ndarray) for value in values
        ):
            # NumPy would make floats of whole numbers beside floats, and numbers of true and false.
            return np.fromiter(values, object, len(values))
        return np.asarray(values)
    except ValueError:
        raise DataError(f"{name}: its rows have different lengths: expected numbers, one for each time") from None


def _is_row(value: object) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _frame_columns(source: Any, name: str) -> list[Cells]:
    """Columns of a frame, or the values of a series, after what stands in a pandas index."""
    import narwhals as nw  # a slow start

    try:
        frame: Any = nw.from_native(source, allow_series=True)
    except TypeError:
        raise InputError(
            f"cannot read {name}: expected a data frame that narwhals knows, an array, a list or a path"
        ) from None
    except Exception as error:  # two columns of one name, and whatever else a library says of its frame
        raise DataError(f"{name}: {shown(' '.join(str(error).split()))}") from None
    index = getattr(frame.to_native(), "index", None)
    if isinstance(frame, nw.LazyFrame):
        frame = _collected(frame, name)
    before = _index(index) if type(index).__name__.endswith("Index") else []
    if isinstance(frame, nw.DataFrame) and _has_times(frame):
        before = [cells for cells in before if cells.numbers is None and not cells.other]  # numbers of rows, no values
    if isinstance(frame, nw.Series):
        return [*before, cells_of_series(frame.alias(frame.name or "y"))]
    return [*before, *map(cells_of_series, frame.iter_columns())]


def _has_times(frame: Any) -> bool:
    return any(str(one.name).lower() in TIMES or type_of(one).is_temporal() for one in frame.iter_columns())


def _collected(frame: Any, name: str) -> Any:
    try:
        return frame.collect()
    except Exception as error:  # whatever its plan runs into
        raise DataError(f"{name}: {printable(str(error).splitlines()[0][:90])}") from None


def _index(index: Any) -> list[Cells]:
    """What stands in a pandas index: times, or whatever does not only number the rows; each level by itself."""
    kind, name = type(index).__name__, str(index.name if index.name is not None else "ds")
    if kind == "MultiIndex":
        levels = [index.get_level_values(level) for level in range(index.nlevels)]
        named = [level if level.name is not None else level.rename(f"level {i}") for i, level in enumerate(levels)]
        return [cells for level in named for cells in _index(level)]
    if kind == "DatetimeIndex":
        zone = str(index.tz) if index.tz is not None else None
        plain = index.tz_convert("UTC").tz_localize(None) if zone else index
        return [Cells(name, times=plain.to_numpy(), zone=zone)]
    if kind == "PeriodIndex":
        return [_periods(index, name)]
    values = np.asarray(index)
    name = str(index.name if index.name is not None else "index")
    if values.dtype.kind in "iuf" and (values == np.arange(len(values))).all():
        return []
    if values.dtype.kind in "iuf" and not runs_on(values.tolist()):
        return [Cells(name, other="numbers that count no rows", count=len(values))]
    return [cells_of_array(name, values)]


def _periods(index: Any, name: str) -> Cells:
    """Periods are called by their beginning; quarters of the calendar keep their name."""
    numbers, freq = index.asi8, index.freqstr
    base = freq.partition("-")[0]
    if freq in ("Q-DEC", "QE-DEC"):
        return Cells(name, times=(3 * numbers).astype("datetime64[M]"), form="yyyyQq")
    if base in _PERIODS and freq in (base, f"{base}-DEC"):
        return Cells(name, times=numbers.astype(f"datetime64[{_PERIODS[base]}]"))
    # By seconds: pandas 2 has no timestamps before 1677.
    return Cells(name, times=index.asfreq("s", "start").asi8.astype("datetime64[s]"))
