"""Values that are missing: refused, filled in or left out, as was asked."""

from __future__ import annotations

import numpy as np

from timeglass.dates.calendar import Frequency
from timeglass.errors import InputError
from timeglass.read.log import Log, Rows
from timeglass.read.table import missing_fault
from timeglass.series.filling import fill_linear, fill_seasonal
from timeglass.series.series import as_text

__all__ = ["drop_missing", "fill_missing", "leave_out", "trim"]


def leave_out(rows: Rows, log: Log, row: int) -> None:
    """A fault where nothing was asked for, else a change: the row is left out."""
    text = rows.texts.get(int(rows.lines[row]), "")
    if log.options.missing is None:
        if not log.faults.has(int(rows.lines[row]), rows.column[0]):
            log.faults.add(missing_fault(log.source, int(rows.lines[row]), rows.column, text))
    else:
        log.change(rows, row, text, "", "no value")


def trim(rows: Rows, log: Log) -> None:
    """In a wide table a series may begin later and end earlier than its neighbours; that is said."""
    known = np.flatnonzero(~np.isnan(rows.values))
    if not log.wide or len(known) in (0, len(rows.values)):
        return
    first, last = int(known[0]), int(known[-1])
    if first > 0 or last < len(rows.values) - 1:
        lines = f"from {log.unit} {rows.lines[first]} to {log.unit} {rows.lines[last]}"
        log.note(rows, "length", f"values {lines} alone: it begins and ends there", first)
        rows.keep(np.arange(first, last + 1))


def drop_missing(rows: Rows, log: Log) -> None:
    """Leaves out the rows that still have no value; in a wide table that is a fault where nothing was asked for."""
    bad = np.isnan(rows.values)
    if not bad.any():
        return
    for row in np.flatnonzero(bad).tolist():
        if log.options.missing == "drop" or log.wide:
            leave_out(rows, log, row)
    rows.keep(~bad)


def fill_missing(rows: Rows, log: Log, frequency: Frequency | None) -> None:
    """Each missing value by its neighbours, or by those and the season; a fault where that cannot be done."""
    bad = np.isnan(rows.values)
    if not bad.any():
        return
    known = rows.values
    try:
        if log.options.missing == "seasonal":
            rows.values = fill_seasonal(known, frequency.period if frequency is not None else 1)
        else:
            rows.values = fill_linear(known)
    except InputError as error:
        ends = np.flatnonzero(~bad)
        row = len(bad) - 1 if len(ends) and bad[-1] and not bad[0] else int(np.argmax(bad))
        log.fault("missing", rows, f"--missing {log.options.missing}: {error}", row)
        return
    for row in np.flatnonzero(bad).tolist():
        line = int(rows.lines[row])
        old = rows.texts.get(line, "") if line else "no row"
        log.change(rows, row, old, as_text(rows.values[row]), f"filled in, {log.options.missing}")
