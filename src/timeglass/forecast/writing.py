"""Forecasts as text and as files: CSV and Parquet, written whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from timeglass.errors import EngineError, OptionError
from timeglass.files import check_folder, write_whole
from timeglass.forecast.zones import date_texts, in_utc, zone_in
from timeglass.series.series import as_text

__all__ = ["check_table_place", "csv_text", "write_table"]

_ENDINGS = (".csv", ".parquet")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute a text that begins so


def csv_text(columns: Mapping[str, Any], date_format: str | None = None, zone: str | None = None) -> str:
    r"""Columns as CSV: numbers in their shortest form, dates as they were written, no value as an empty cell.

    Dates of a `zone` have its offset. A text that a spreadsheet would take for a formula gets an apostrophe before it.

    >>> csv_text({"unique_id": ["=a"], "ds": np.array(["2020-01"], "datetime64[M]"), "timeglass": np.array([1.5])})
    "unique_id,ds,timeglass\n'=a,2020-01,1.5\n"
    """
    cells = [_cells(values, date_format, zone) for values in columns.values()]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(map(_cell, columns))
    writer.writerows(zip(*cells, strict=True))
    return out.getvalue()


def _cells(values: Any, date_format: str | None, zone: str | None) -> list[str]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return date_texts(values, date_format, zone)
    return list(map(_cell, values))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA) else value
    if value is None or isinstance(value, np.integer | int):
        return "" if value is None else str(value)
    return as_text(float(value))


def check_table_place(option: str, path: str | os.PathLike[str]) -> Path:
    """The place of a table to write; an `OptionError` before any work where none can be written there."""
    place = Path(path)
    if place.suffix.lower() not in _ENDINGS:
        raise OptionError(f"{option} {place}: expected a name that ends in .csv or .parquet")
    if place.is_dir():
        raise OptionError(f"{option} {place}: is a folder: give the name of a file")
    if not place.parent.is_dir():
        raise OptionError(f"{option} {place}: there is no folder {place.parent}: make it first")
    check_folder(option, place.parent)
    if place.suffix.lower() == ".parquet":
        _pyarrow()
    return place


def write_table(
    columns: Mapping[str, Any], place: Path, date_format: str | None = None, zone: str | None = None
) -> None:
    """Writes columns to a .csv or .parquet file; dates of a `zone` as its times."""
    if place.suffix.lower() == ".csv":
        content = csv_text(columns, date_format, zone).encode()
        write_whole(place, lambda part: part.write_bytes(content), len(content))
        return
    arrow = _pyarrow()
    from pyarrow import parquet  # the extra, and a slow start

    times = arrow.timestamp("us", tz=None if zone is None else zone_in("pyarrow", zone))
    table = arrow.table(
        {
            name: arrow.array(in_utc(values, zone).astype("datetime64[us]").astype(np.int64)).cast(times)
            if isinstance(values, np.ndarray) and values.dtype.kind == "M"
            else values
            for name, values in columns.items()
        }
    )
    write_whole(place, lambda part: parquet.write_table(table, part))


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise EngineError("Parquet needs pyarrow: pip install 'timeglass[arrow]', or write a .csv file") from None
    return pyarrow
