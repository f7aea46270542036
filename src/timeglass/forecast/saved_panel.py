"""The series of a forecaster as a header and arrays, and back: for files."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency
from timeglass.dates.local_time import local_times
from timeglass.errors import DataError, OptionError
from timeglass.forecast.history import History
from timeglass.forecast.plain_records import checked, of_type, plain, read_list, read_record
from timeglass.model.description import Shapes
from timeglass.model.strict_json import check_keys
from timeglass.series.panel import Panel
from timeglass.series.series import Origin
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["cut", "history_arrays", "history_header", "history_of", "history_shapes"]

_KEYS = ["ids", "rows", "columns", "values", "dates", "lines", "origin", "frequency", "zone", "date_format"]
_KINDS = ("", "pandas", "polars", "pyarrow")
_VALUES = ("float64", "float32")
_DATES = ("Y", "M", "D", "s", "ms", "us", "number")
_MOST_ROWS = 2**40
_MOST_YEARS = 250_000  # from 1970: microseconds hold a few more
_WHOLE = ("Int8", "Int16", "Int32", "Int64")
_UNITS = ("s", "ms", "us", "ns")
_OFFSET = re.compile(r"(UTC)?[+-]\d\d:\d\d")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{1,63}")
_LONG = np.dtype(np.int64)


def history_header(history: History) -> dict[str, Any]:
    """All but the arrays."""
    panel = history.panel
    if panel.zone is not None and not _is_zone(panel.zone):
        raise OptionError(
            f"the time zone {quoted(panel.zone)} cannot be written: give times in one such as Europe/Berlin"
        )
    lines = panel.lines if isinstance(panel.lines, range) else None
    header = {
        "ids": panel.ids,
        "rows": len(panel.values),
        "columns": panel.columns,
        "values": panel.values.dtype.name if panel.values.dtype.name in _VALUES else _VALUES[0],
        "dates": None if panel.dates is None else _unit_of(panel.dates),
        "lines": None if lines is None else [lines.start, lines.stop, lines.step],
        "origin": panel.origin,
        "frequency": panel.frequency,
        "zone": panel.zone,
        "date_format": panel.date_format,
    }
    made = {key: plain(f"series {key}", value) for key, value in header.items()}
    return {"panel": made, "frame": history.kind, "time_type": _words_of(history.time_type)}


def history_arrays(history: History, fitted_rows: NDArray[np.int64]) -> dict[str, Array]:
    """In the order of `history_shapes`; of the first `fitted_rows` (S,) of each series it was learned."""
    panel = history.panel
    values = panel.values if panel.values.dtype.name in _VALUES else panel.values.astype(np.float64)
    arrays: dict[str, Array] = {"values": values, "offsets": panel.offsets, "fitted_rows": fitted_rows}
    if panel.dates is not None:
        arrays["dates"] = panel.dates.astype(np.int64)
    if not isinstance(panel.lines, range):
        arrays["lines"] = panel.lines
    return {f"series.{name}": array for name, array in arrays.items()}


def history_shapes(given: Any) -> Shapes:
    """The arrays that belong to such a header, whose sizes have been checked."""
    check_keys("series", given, _KEYS)
    rows = of_type("series rows", given["rows"], "int", 1, _MOST_ROWS)
    if not isinstance(given["ids"], list) or not 1 <= len(given["ids"]) <= rows:
        raise DataError(f"series ids: expected names of 1 to {rows:,} series, got {quoted(repr(given['ids']))}")
    size = len(given["ids"])
    shapes: Shapes = {
        "values": (np.dtype(_one_of("series values", given["values"], _VALUES)), (rows,)),
        "offsets": (_LONG, (size + 1,)),
        "fitted_rows": (_LONG, (size,)),
    }
    if given["dates"] is not None:
        shapes["dates"] = (_LONG, (rows,))
    if given["lines"] is None:
        shapes["lines"] = (_LONG, (rows,))
    return {f"series.{name}": shape for name, shape in shapes.items()}


def history_of(header: dict[str, Any], arrays: dict[str, Array]) -> tuple[History, NDArray[np.int64]]:
    """The series, and how many rows of each were learned from; a `DataError` names what cannot be."""
    given = header["panel"]
    ids, columns = read_list("series ids", given["ids"], "str"), read_list("series columns", given["columns"], "int")
    if len(set(ids)) < len(ids):
        raise DataError("series ids: a name stands there twice")
    if len(columns) not in (1, len(ids)):
        raise DataError(f"series columns: expected 1 or {len(ids):,}, got {len(columns):,}")
    offsets, rows = _offsets_of(arrays["series.offsets"], given["rows"]), arrays["series.fitted_rows"]
    if (rows < 1).any() or (rows > np.diff(offsets)).any():
        raise DataError("tensor series.fitted_rows: expected 1 to all rows of each series")
    dates = None
    if given["dates"] is not None:
        dates = _dates_of(_one_of("series dates", given["dates"], _DATES), arrays["series.dates"], offsets)
    lines = arrays["series.lines"] if given["lines"] is None else _range_of(given["lines"], given["rows"])
    panel = Panel(
        ids, arrays["series.values"], dates, offsets, lines, columns,
        read_record("series origin", given["origin"], Origin), _frequency_of(given["frequency"], dates),
        _zone_of(given["zone"], dates),
        of_type("series date_format", given["date_format"], "str | None"),
    )  # fmt: skip
    time_type = _time_type_of(header["time_type"])
    if hasattr(time_type, "time_zone") and (time_type.time_zone is None) != (panel.zone is None):
        raise DataError(f"time_type: {time_type} does not fit the zone {panel.zone}")
    return History(panel, _one_of("frame", header["frame"], _KINDS), time_type), rows


def cut(history: History, rows: NDArray[np.int64]) -> History:
    """The first `rows` (S,) of each series: the very same history where that is all of them."""
    panel = history.panel
    if (rows == np.diff(panel.offsets)).all():
        return history
    kept = np.concatenate([np.arange(begin, begin + n) for begin, n in zip(panel.offsets, rows, strict=False)])
    return replace(
        history,
        panel=replace(
            panel,
            values=panel.values[kept],
            dates=None if panel.dates is None else panel.dates[kept],
            offsets=np.concatenate([[0], np.cumsum(rows)]).astype(np.int64),
            lines=np.asarray(panel.lines, np.int64)[kept],
        ),
    )


def _one_of(where: str, given: Any, known: tuple[str, ...]) -> str:
    if not isinstance(given, str) or given not in known:
        raise DataError(f"{where}: expected one of {', '.join(map(repr, known))}, got {quoted(repr(given))}")
    return given


def _unit_of(dates: Dates) -> str:
    return np.datetime_data(dates.dtype)[0] if dates.dtype.kind == "M" else "number"


def _offsets_of(offsets: Array, rows: int) -> NDArray[np.int64]:
    if offsets[0] != 0 or offsets[-1] != rows or (np.diff(offsets) < 1).any():
        raise DataError(f"tensor series.offsets: expected them to rise from 0 to {rows:,}")
    return offsets


def _dates_of(unit: str, numbers: Array, offsets: NDArray[np.int64]) -> Dates:
    dates = numbers if unit == "number" else numbers.astype(f"datetime64[{unit}]")
    if unit != "number":
        years = dates.astype("datetime64[Y]").astype(np.int64)
        if np.isnat(dates).any() or (np.abs(years) > _MOST_YEARS).any():
            raise DataError(f"tensor series.dates: expected dates within {_MOST_YEARS:,} years of 1970")
    falls = numbers[1:] < numbers[:-1]
    falls[offsets[1:-1] - 1] = False  # there another series begins
    if falls.any():
        raise DataError("tensor series.dates: expected each series in time order")
    return dates


def _frequency_of(given: Any, dates: Dates | None) -> Frequency | None:
    if given is None:
        return None
    frequency = read_record("series frequency", given, Frequency)
    if dates is None or (dates.dtype.kind == "M") == (frequency.unit == "number"):
        raise DataError(f"series frequency: {frequency} does not fit the dates")
    checked("series frequency", lambda: frequency.stride(dates.dtype))
    return frequency


def _is_zone(zone: str) -> bool:
    named = _ZONE.fullmatch(zone) and not zone.startswith(("UTC+", "UTC-"))
    return bool(named or _OFFSET.fullmatch(zone))


def _zone_of(given: Any, dates: Dates | None) -> str | None:
    zone: str | None = of_type("series zone", given, "str | None")
    if zone is None:
        return None
    if dates is None or dates.dtype.kind != "M" or not _is_zone(zone):
        raise DataError(f"series zone: expected a name such as Europe/Berlin, of times, got {quoted(zone)}")
    if not _OFFSET.fullmatch(zone) and local_times(dates[:1], zone) is None:
        raise DataError(f"series zone: this machine knows no time zone {quoted(zone)}: pip install tzdata may help")
    return zone


def _range_of(given: Any, rows: int) -> range:
    ends = read_list("series lines", given, "int")
    if len(ends) != 3 or ends[2] == 0 or max(map(abs, ends)) > _MOST_ROWS or len(range(*ends)) != rows:
        raise DataError(f"series lines: expected start, stop and step of {rows:,} lines, got {quoted(repr(given))}")
    return range(*ends)


# The type of a frame's times, as narwhals calls it: "Date", "Int64", "Datetime us", "Datetime ns Europe/Berlin".


def _words_of(time_type: Any) -> str | None:
    """None for a type that no forecast's times have."""
    name = "" if time_type is None else type(time_type).__name__
    name = time_type.__name__ if name == "DType" or isinstance(time_type, type) else name
    if name == "Datetime":
        unit, zone = getattr(time_type, "time_unit", None), getattr(time_type, "time_zone", None)
        return " ".join(["Datetime", unit, *([zone] if zone else [])]) if unit in _UNITS else None
    return name if name in ("Date", *_WHOLE) else None


def _time_type_of(given: Any) -> Any:
    if given is None:
        return None
    name, unit, zone = (*of_type("time_type", given, "str | None").split(" ", 2), "", "")[:3]
    if not (name in ("Date", *_WHOLE) and not unit) and not (name == "Datetime" and unit in _UNITS):
        raise DataError(f"time_type: expected Date, Int64, Datetime us or the like, got {quoted(given)}")
    import narwhals as nw  # a slow start

    kinds = {"Date": nw.Date, "Int8": nw.Int8, "Int16": nw.Int16, "Int32": nw.Int32, "Int64": nw.Int64}
    return nw.Datetime(unit, zone or None) if name == "Datetime" else kinds[name]()
