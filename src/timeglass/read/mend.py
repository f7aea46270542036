"""One series put in order: what is wrong is refused with its lines, or repaired as was asked, each repair listed."""

from __future__ import annotations

from timeglass.dates.calendar import Frequency
from timeglass.dates.frequencies import Irregular
from timeglass.read.evenly import fill_gaps, resample_rows
from timeglass.read.in_order import merge_duplicates, sort_rows
from timeglass.read.log import Log, Rows
from timeglass.read.missing import drop_missing, fill_missing, trim

__all__ = ["mend"]


def mend(rows: Rows, log: Log, frequency: Frequency | Irregular | None) -> Frequency | None:
    """Changes `rows` until each value is known and each date the next one; the frequency that they then have."""
    if rows.dates is not None:
        sort_rows(rows, log)
        if log.options.resampling is None or log.options.duplicates is not None:
            merge_duplicates(rows, log)
    trim(rows, log)
    if log.options.resampling is not None:
        frequency = resample_rows(rows, log)
    known = fill_gaps(rows, log, frequency) if rows.dates is not None and frequency is not None else None
    if log.options.missing in ("linear", "seasonal"):
        fill_missing(rows, log, known)
    drop_missing(rows, log)
    return known
