"""One time series, with its dates and the place that each value came from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency
from timeglass.errors import InputError, OptionError
from timeglass.series.dates import date_label
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["Change", "Origin", "Series", "WindowRows", "as_text"]


class WindowRows(Protocol):
    """Windows that know which rows of their series they are made of."""

    @property
    def rows(self) -> NDArray[np.int64]:
        """(N, T)."""

    @property
    def target_rows(self) -> NDArray[np.int64]:
        """(N, K)."""


def as_text(value: float) -> str:
    """The shortest decimal number that gives the value again; "" for none.

    >>> as_text(5.0), as_text(0.1), as_text(float("nan"))
    ('5', '0.1', '')
    """
    return "" if np.isnan(value) else repr(float(value)).removesuffix(".0")


@dataclass(frozen=True)
class Change:
    """A value that is not used exactly as it stands: where, what stood there, what is used, and why.

    `line` is None for a row that was not there; `new` is "" for one that was left out. `date` says when. A number that
    was read stands in `old` in its shortest form.
    """

    line: int | None
    column: str
    date: str
    old: str
    new: str
    why: str

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line is not None else "no line"
        when = f" ({self.date})" if self.date else ""
        old, new = (quoted(self.old) if self.old else "nothing"), (self.new or "left out")
        return f"{place}{when}, column {quoted(self.column)}: {old} → {new}: {self.why}"


@dataclass(frozen=True)
class Origin:
    """Where values came from, a file's name, an address as it was at last, a kind of frame; and how they were read.

    `fetched` is when an address was read, in UTC. `guesses` are what the reader found out by itself, each with the
    options that say otherwise; `notes` what else there is to know; `changes` each value that is not used as it stands.
    `form` is how a text was written, with its options.
    """

    name: str
    sha256: str = ""  # of the bytes as they lay
    fetched: str | None = None
    guesses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    form: str = ""


@dataclass(frozen=True)
class Series:
    """Values in time order, all finite.

    `dates` is None where the rows are numbered. `lines` holds the line of each value in its file, from 1; of a frame
    or an array its row; 0 for a row that was filled in. `position` is the value column's place in the table, from 1.
    """

    values: Array  # (rows,)
    dates: Dates | None  # (rows,), datetime64 in Y, M, D, s, ms or us, in UTC where there is a zone; or whole numbers
    lines: NDArray[np.int64]  # (rows,)
    name: str  # the value column's, or the series' in a table of many
    origin: Origin
    position: int = 2
    frequency: Frequency | None = None  # None where the rows only follow each other
    zone: str | None = None  # of the times' UTC offsets
    date_format: str | None = None  # how the dates were written

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        return np.array(self.values, dtype=dtype, copy=copy)  # type: ignore[call-overload]

    def __getitem__(self, rows: slice) -> Series:
        """Some of the rows, such as `series[split.train]`; a value is `series.values[row]`."""
        if not isinstance(rows, slice):
            raise OptionError(f"series[{rows!r}]: expected a slice of rows; a value is series.values[{rows!r}]")
        dates = None if self.dates is None else self.dates[rows]
        return replace(self, values=self.values[rows], dates=dates, lines=self.lines[rows])

    @property
    def source(self) -> str:
        """The file name or address."""
        return self.origin.name

    @property
    def sha256(self) -> str:
        """Of the file's bytes."""
        return self.origin.sha256

    @property
    def notes(self) -> tuple[str, ...]:
        """In plain words, what there is to know about how the series was read."""
        return self.origin.notes

    @property
    def monthly(self) -> bool:
        """Whether the rows are consecutive months."""
        return self.frequency is not None and (self.frequency.unit, self.frequency.every) == ("month", 1)

    def label(self, row: int) -> str:
        """What a row is called in messages: its date, or its number from 1."""
        return date_label(self.dates[row], self.date_format) if self.dates is not None else f"row {row + 1}"

    def place(self, row: int) -> str:
        """Where a row's value stands: `data.csv:32:2`, by line and column.

        >>> origin = Origin("data.csv")
        >>> Series(np.array([1.5]), None, np.array([2]), "y", origin).place(0)
        'data.csv:2:2'
        """
        if self.lines[row] == 0:
            return f"{self.source} (filled in, {self.label(row)})"
        return f"{self.source}:{self.lines[row]}:{self.position}"

    @contextlib.contextmanager
    def places(self, windows: WindowRows | None = None) -> Iterator[None]:
        """Within it, an `InputError` about one of the values also says where that stands.

        For errors about `windows` of this series, such as those of `direct_windows`, give them.

        >>> from timeglass.prepare.power import Log
        >>> series = Series(np.array([1.5, 0.0]), None, np.array([2, 3]), "y", Origin("data.csv"))
        >>> try:
        ...     with series.places():
        ...         Log().transform(series.values)
        ... except InputError as error:
        ...     print(str(error)[:26])
        data.csv:3:2 (row 2): Log:
        """
        try:
            yield
        except InputError as error:
            row = error.row
            if windows is not None and error.step is not None:
                row = int(windows.rows[error.step])
            elif windows is not None and error.target is not None:
                row = int(windows.target_rows[error.target])
            if row is None or not 0 <= row < len(self):
                raise
            raise type(error)(f"{self.place(row)} ({self.label(row)}): {error}") from None

    def axis(self) -> Array:
        """What a plot has along its time axis: the dates, years as plain numbers, or the rows' numbers from 1."""
        if self.dates is not None and self.dates.dtype.kind == "M" and np.datetime_data(self.dates.dtype)[0] == "Y":
            return self.dates.astype(np.int64) + 1970  # a calendar for plots begins with the year 1
        return self.dates if self.dates is not None else np.arange(1, len(self) + 1)
