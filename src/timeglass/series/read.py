"""Reads a CSV of the tutorial's form: a header, then one row for each time, its value in the second column.

Whatever cannot be read exactly is refused with its place, `file:line:column`, where the column is the
field's number from 1.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import re

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import DataError
from timeglass.series.dates import read_dates
from timeglass.series.series import Series
from timeglass.series.source import read_bytes
from timeglass.words import quoted, shown

__all__ = ["read_series"]

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_KINDS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\x1f\x8b": "a gzip archive",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"SQLite": "an SQLite database",
}


def _line(before: str) -> int:
    """The number of the line on which the text after this begins."""
    return before.count("\n") + before.count("\r") - before.count("\r\n") + 1


def _text(content: bytes, source: str) -> str:
    if not content:
        raise DataError(f"{source} is empty (0 bytes): expected a header and rows such as 1749-01,58.0")
    for magic, kind in _KINDS.items():
        if content.startswith(magic):
            raise DataError(f"{source} is {kind}, not CSV: save it as CSV first")
    start = content[:512].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<!--")):
        raise DataError(f"{source} is a web page, not CSV: use the link to the raw file")
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = _line(content[: error.start].decode(encoding, "replace"))
        raise DataError(
            f"{source}:{line}: byte {error.start} is not {encoding.upper().removesuffix('-SIG')}: save it as UTF-8"
        ) from None
    if "\0" in text:
        line = _line(text[: text.index("\0")])
        raise DataError(f"{source}:{line}: holds a NUL character: the file is damaged, or UTF-16 without its mark")
    return text


def _rows(text: str, source: str) -> list[tuple[int, list[str]]]:
    """Each row that is not blank with the number of the line on which it begins."""
    rows = []
    reader = csv.reader(io.StringIO(text, newline=None), strict=True)
    line = 1
    try:
        for fields in reader:
            if any(map(str.strip, fields)) or len(fields) > 1:
                rows.append((line, [field.strip() for field in fields]))
            line = reader.line_num + 1
    except csv.Error as error:
        what = "a quote opened here never closes" if "end of data" in str(error) else str(error)
        raise DataError(f"{source}:{line}: {what}") from None
    return rows


def _check_header(header: list[str], source: str, line: int) -> None:
    if len(header) < 2:
        other = next((mark for mark in ";\t|" if mark in header[0]), None)
        hint = f"it looks separated by {other!r}: save it with commas" if other else "expected a date and a value"
        raise DataError(f"{source}:{line}: one column only, {quoted(header[0])}; {hint}")
    if _NUMBER.fullmatch(header[1]):
        raise DataError(
            f"{source}:{line}:2: the first line looks like data ({quoted(header[1])}): put a header above it, "
            "such as Month,Value"
        )


def _value(text: str, place: str, column: str) -> float:
    if not text:
        raise DataError(f"{place}: column {quoted(column)} is blank: fill in the value, or cut the rows up to it")
    if not _NUMBER.fullmatch(text):
        infinite = text.lower().lstrip("+-") in ("inf", "infinity", "nan", "na", "null", "none")
        expected = "expected a finite number" if infinite else "expected a number such as 58.0"
        hint = "; 1,234.5 is written 1234.5" if re.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", text) else ""
        what = f"{place}: column {quoted(column)} holds {quoted(text)}"
        raise DataError(f"{what}: {expected}; correct it in the file{hint}")
    value = float(text)
    if math.isinf(value):
        raise DataError(f"{place}: column {quoted(column)} holds {quoted(text)}, beyond what a double can hold")
    return value


def _is_held(text: str, value: float) -> bool:
    """Whether a double holds the number, but for the usual rounding of a decimal fraction."""
    digits = text.lstrip("+-0")
    if value == 0:
        return not re.search("[1-9]", digits.lower().partition("e")[0])
    return len(digits) < 16 or not digits.isdigit() or int(digits) == abs(int(value))


def read_series(where: str, *, private: bool = False) -> Series:
    """The series in the second column of a CSV file or web address.

    Dates are taken from the first column where it is written 1749-01 or 1749-01-31; otherwise the
    rows are numbered, and `notes` says so.
    """
    content, source = read_bytes(where, private=private)
    rows = _rows(_text(content, source), source)
    if not rows:
        raise DataError(f"{source} has no text: expected a header and rows such as 1749-01,58.0")
    (header_line, header), records = rows[0], rows[1:]
    _check_header(header, source, header_line)
    if not records:
        raise DataError(f"{source} has a header ({shown(','.join(header))}) but no rows")
    values, rounded = np.empty(len(records)), []
    for i, (line, fields) in enumerate(records):
        if len(fields) != len(header):
            count = f"{len(fields)} field{'s' * (len(fields) != 1)}"
            raise DataError(f"{source}:{line}: {count} where the header has {len(header)}")
        values[i] = _value(fields[1], f"{source}:{line}:2", header[1])
        if not _is_held(fields[1], values[i]):
            rounded.append(f"line {line}: {quoted(fields[1])} is held as {float(values[i])!r}")
    lines: NDArray[np.int64] = np.array([line for line, _ in records])
    dates, notes = read_dates([fields[0] for _, fields in records], lines, source, header[0])
    if len(rounded) > 3:
        rounded[3:] = [f"and {len(rounded) - 3:,} more values that a double cannot hold exactly"]
    notes = (*rounded, *notes)
    return Series(values, dates, lines, header[1], source, hashlib.sha256(content).hexdigest(), notes)
