"""One series' rows on their way into order, and the words for what is wrong with them or is changed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates
from timeglass.read.faults import Fault, Faults
from timeglass.read.options import ReadOptions
from timeglass.series.dates import date_label
from timeglass.series.series import Change, as_text
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["Log", "Rows"]


@dataclass
class Rows:
    """One series' rows. A missing value is NaN; `texts` has what stands there, by line."""

    values: Array  # (rows,)
    dates: Dates | None  # (rows,)
    lines: NDArray[np.int64]  # (rows,), 0 for a row that was filled in
    name: str  # of the series, "" where there is one
    column: tuple[int, str]  # of the values: its place from 1, its name
    time_column: int | None = None  # its place from 1
    texts: dict[int, str] = field(default_factory=dict)
    lost: tuple[int, ...] = ()  # lines of rows of this series whose date cannot be read, in order

    def keep(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> None:
        self.values, self.lines = self.values[rows], self.lines[rows]
        if self.dates is not None:
            self.dates = self.dates[rows]


@dataclass
class Log:
    """What is said about the series of one table; `changes` and `notes` are what was done."""

    source: str
    options: ReadOptions
    faults: Faults
    date_format: str | None = None
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unit: str = "line"  # by which rows are counted
    zone: str | None = None  # of times in UTC
    wide: bool = False  # series of one table side by side may begin late and end early

    def label(self, date: np.datetime64 | np.int64) -> str:
        return date_label(date, self.date_format)

    def old(self, rows: Rows, row: int) -> str:
        """What stands in a row: a number in its shortest form, or the word for none."""
        return as_text(rows.values[row]) or rows.texts.get(int(rows.lines[row]), "")

    def _place(self, line: int | None) -> str:
        return f"{self.source}:{line}" if line else self.source

    def _of(self, rows: Rows) -> str:
        return f"series {quoted(rows.name)}: " if rows.name else ""

    def fault(self, kind: str, rows: Rows, message: str, row: int | None = None) -> None:
        line = int(rows.lines[row]) if row is not None else None
        column = rows.time_column if line and kind != "missing" else None
        place = f"{self._place(line)}{f':{column}' if column else ''}"
        self.faults.add(Fault(kind, f"{place}: {self._of(rows)}{message}", line, column))

    def note(self, rows: Rows, kind: str, message: str, row: int) -> None:
        """What is mended without being asked, or as asked: said, and a finding of a check."""
        self.notes.append(f"{self._of(rows)}{message}")
        line = int(rows.lines[row]) or None
        self.faults.add(Fault(kind, f"{self._place(line)}: {self._of(rows)}{message}", line, stops=False))

    def change(self, rows: Rows, row: int, old: str, new: str, why: str) -> None:
        """Lists a value that is not used as it stands, if that is not a fault already."""
        line = int(rows.lines[row]) or None
        if line is not None and self.faults.has(line, rows.column[0]):
            return
        date = self.label(rows.dates[row]) if rows.dates is not None else ""
        self.change_of(rows, (line, date), old, new, why)

    def change_of(self, rows: Rows, where: tuple[int | None, str], old: str, new: str, why: str) -> None:
        """The same for a line and a date."""
        column = rows.name if rows.name and self.wide else rows.column[1]
        of = f" of series {quoted(rows.name)}" if rows.name and not self.wide else ""
        self.changes.append(Change(where[0], column, where[1], old, new, why + of))
