"""Names that a spreadsheet takes: cells, sheets, ranges.

Excel refuses a whole file for one name that it does not like, so whatever a layer is called becomes a legal name here.
"""

from __future__ import annotations

import re
from functools import cache

from timeglass.words import printable

__all__ = ["cell_name", "column_name", "quoted_sheet", "range_name", "sheet_name"]

_LONGEST_SHEET = 31  # UTF-16 code units, as Excel counts
_LONGEST_RANGE = 200  # below Excel's 255
# What Excel refuses, and brackets: XlsxWriter takes SORT( in a sheet's name for a function of Excel's.
_NOT_IN_SHEETS = re.compile(r"[\[\]:*?/\\()]")
_ESCAPE = re.compile(r"_x(?=[0-9A-Fa-f]{4}_)")  # _x0041_ is an A to Excel
_NOT_IN_RANGES = re.compile(r"[^0-9A-Za-z_]")
_RESERVED = {"history"}  # Excel keeps this one for itself


@cache
def column_name(column: int) -> str:
    """A column's letters, from column 0 on.

    >>> column_name(0), column_name(25), column_name(26), column_name(16383)
    ('A', 'Z', 'AA', 'XFD')
    """
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def cell_name(row: int, column: int) -> str:
    """A cell, fixed in both directions, from (0, 0) on.

    >>> cell_name(6, 2)
    '$C$7'
    """
    return f"${column_name(column)}${row + 1}"


def sheet_name(wanted: str, taken: set[str], suffix: str = "") -> str:
    """A legal name as close to `wanted` + suffix as can be, that no sheet in `taken` has; it is added there.

    >>> taken = {"forecast"}
    >>> sheet_name("it's a/b", taken, " weights"), sheet_name("Forecast", taken), sheet_name("'", taken)
    ("it's a_b weights", 'Forecast (2)', 'layer')
    """
    clean = _ESCAPE.sub("_", _NOT_IN_SHEETS.sub("_", printable(wanted))).strip(" '") or "layer"
    number = 1
    while True:
        end = suffix if number == 1 else f"{suffix} ({number})"
        name = _cut(clean, _LONGEST_SHEET - len(end)).rstrip(" '") + end
        if name.casefold() not in taken | _RESERVED:
            taken.add(name.casefold())
            return name
        number += 1


def quoted_sheet(name: str) -> str:
    """A sheet as formulas name it.

    >>> quoted_sheet("it's")
    "'it''s'"
    """
    return "'" + name.replace("'", "''") + "'"


def range_name(layer: str, array: str, taken: set[str]) -> str:
    """A legal name for a range: the layer's and the array's, that none in `taken` has; it is added there.

    >>> taken = set()
    >>> range_name("gru", "wx", taken), range_name("1 b", "wx", taken), range_name("1_b", "wx", taken)
    ('gru_wx', '_1_b_wx', '_1_b_2_wx')
    """
    clean = _NOT_IN_RANGES.sub("_", layer)[:_LONGEST_RANGE]
    clean = clean if clean[:1].isalpha() or clean[:1] == "_" else f"_{clean}"
    number, name = 1, f"{clean}_{array}"
    while name.casefold() in taken:
        number += 1
        name = f"{clean}_{number}_{array}"
    taken.add(name.casefold())
    return name


def _cut(text: str, longest: int) -> str:
    """At most so many UTF-16 code units, no character halved."""
    while len(text.encode("utf-16-le")) // 2 > longest:
        text = text[:-1]
    return text
