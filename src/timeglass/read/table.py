"""A table as read, whatever it came from: columns of numbers, times, names and lines, not yet series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from timeglass.dates.calendar import Dates
from timeglass.read.faults import Fault
from timeglass.read.gathered import Gathered
from timeglass.read.layout import Guess
from timeglass.series.series import Change
from timeglass.words import quoted

__all__ = ["Table", "missing_fault"]


@dataclass
class Table:
    """Columns of a table with what was found out about them. Places of columns count from 0."""

    source: str
    gathered: Gathered
    names: Sequence[str]
    value_columns: tuple[int, ...]
    time_column: int | None
    ids: tuple[str, ...] | None  # names of series, which the gathered codes number
    times: Dates | None  # (rows,)
    date_format: str | None = None
    zone: str | None = None
    guesses: Sequence[Guess] = ()
    notes: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    form: str = ""  # how a text is written, with the options that say otherwise
    unit: str = "line"  # what its rows are counted by; "row" where there is no text


def missing_fault(source: str, line: int, column: tuple[int, str], text: str, series: str = "") -> Fault:
    """A cell without a value; `column` is its place from 1 and its name, `series` whose it is."""
    what = "is empty" if not text else f"holds {quoted(text)}, which stands for no value"
    of = f"series {quoted(series)}: " if series else ""
    return Fault(
        "missing",
        f"{source}:{line}:{column[0]}: {of}column {quoted(column[1])} {what}: fill it in, or choose --missing linear, "
        "seasonal, or drop to go on without it",
        line,
        column[0],
    )
