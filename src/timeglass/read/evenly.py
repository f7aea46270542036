"""Rows at even steps: gathered by day or month as was asked, gaps refused or filled, uneven dates refused."""

from __future__ import annotations

import numpy as np

from timeglass.dates.calendar import Frequency
from timeglass.dates.clock_changes import clock_changes
from timeglass.dates.frequencies import Irregular, detect, steps
from timeglass.dates.frequency_words import parse_frequency
from timeglass.dates.gaps import Gap, gaps
from timeglass.dates.local_time import local_times
from timeglass.errors import OptionError
from timeglass.read.log import Log, Rows
from timeglass.read.missing import leave_out
from timeglass.series.resampling import resample
from timeglass.series.series import as_text
from timeglass.words import counted

__all__ = ["fill_gaps", "resample_rows"]

_WORDS = ((60, "second"), (3600, "minute"), (86400, "hour"))  # seconds between rows, and what to gather them by
_CALENDAR = ("day", "business day", "week", "month", "quarter", "year")  # which begin at midnight of the zone
_LONGEST_GAP, _ANY_GAP = 10, 1000  # times the rows that there are, and so many more, are filled in at most


def resample_rows(rows: Rows, log: Log) -> Frequency | None:
    """One row for each day, month or the like in which there are some; the frequency that this makes."""
    assert log.options.resampling is not None
    words, how = log.options.resampling
    if rows.dates is None:
        raise OptionError(f"--resample {words}: the rows have no dates: say which column has them, --time")
    known = ~np.isnan(rows.values)
    for row in np.flatnonzero(~known).tolist():
        leave_out(rows, log, row)
    rows.keep(known)
    dates = rows.dates
    if log.zone is not None and parse_frequency(words, "--resample").unit in _CALENDAR:
        local = local_times(dates, log.zone) if np.datetime_data(dates.dtype)[0] in ("s", "ms", "us") else dates
        if local is None:
            raise OptionError(f"--resample {words}: the zone {log.zone} is not known here: install tzdata")
        dates = local
    found = resample(dates, rows.values, words, how)
    filled = found.counts > 0  # what is empty is a gap like any other
    for place in np.flatnonzero(filled).tolist():
        line, new = int(rows.lines[found.first_rows[place]]), as_text(found.values[place])
        old, why = counted(int(found.counts[place]), "row"), f"{how} of each {found.frequency.unit}"
        log.change_of(rows, (line, log.label(found.dates[place])), old, new, why)
    rows.lines = rows.lines[found.first_rows[filled]]
    rows.values, rows.dates = found.values[filled], found.dates[filled]
    return found.frequency


def fill_gaps(rows: Rows, log: Log, frequency: Frequency | Irregular) -> Frequency | None:
    """Rows without a value where dates are missing, if they are to be filled; the frequency, None where there is none.

    Where nothing was asked for each gap is a fault; dates that are not evenly spaced are one anyway.
    """
    assert rows.dates is not None
    if len(rows.dates) < 2 and isinstance(frequency, Irregular):
        return None
    if isinstance(frequency, Irregular):
        _irregular(rows, log)
        return None
    try:
        found = gaps(rows.dates, frequency)
    except OptionError as error:
        _irregular(rows, log, str(error).removeprefix("dates: "), frequency)
        return None
    own = detect(rows.dates) if found and rows.name and log.options.frequency is None else None
    if isinstance(own, Frequency) and len(rows.dates) > 2:
        why = f"a row every {own}, where the other series have one every {frequency}"
        log.fault("steps", rows, f"{why}: read them apart, or say --freq {frequency.unit}", 0)
    elif found and log.options.missing is None:
        _refuse_gaps(rows, log, found)
    elif found and log.options.missing == "drop":
        one = counted(sum(gap.count for gap in found), "row")
        first = f"{log.label(found[0].first)}, after {log.unit} {rows.lines[found[0].row]}"
        what = f"{one} missing (the first: {first}): the rows beside such a gap are used as neighbours, as asked"
        log.note(rows, "gap", what, found[0].row)
    elif found and not _has_long_gap(rows, log, found):
        _insert(rows, frequency)
    return frequency


def _refuse_gaps(rows: Rows, log: Log, found: list[Gap]) -> None:
    assert rows.dates is not None
    nights = {change.row: str(change) for change in clock_changes(rows.dates) if change.kind == "missing"}
    for gap in found:
        line, end = int(rows.lines[gap.row]), int(rows.lines[gap.row + 1])
        low, high = min(line, end), max(line, end)
        if log.faults.any_between(low, high) or any(low < lost < high for lost in rows.lost):
            continue  # the row is there, but its date cannot be read
        what = log.label(gap.first) + (f"..{log.label(gap.last)}" if gap.count > 1 else "")
        between = f"({counted(gap.count, 'row')}) between {log.unit}s {line} and {end}"
        night = f"; {nights[gap.row]}" if gap.row in nights else ""
        remedy = "fill the rows in, or choose --missing linear, seasonal, or drop to go on without them"
        log.fault("gap", rows, f"gap {what} {between}{night}: {remedy}", gap.row + 1)


def _has_long_gap(rows: Rows, log: Log, found: list[Gap]) -> bool:
    """Whether far more rows are missing than there are: then a date is wrong, and nothing is filled in."""
    total, longest = sum(gap.count for gap in found), max(found, key=lambda gap: gap.count)
    if total <= _LONGEST_GAP * len(rows.values) + _ANY_GAP:
        return False
    assert rows.dates is not None
    before, after = (log.label(rows.dates[longest.row + i]) for i in (0, 1))
    line, count = rows.lines[longest.row], counted(len(rows.values), "row")
    what = f"{total:,} rows are missing beside {count}, most between {before} ({log.unit} {line}) and {after}"
    log.fault("gap", rows, f"{what}: is a date wrong, or the frequency, --freq?", longest.row + 1)
    return True


def _irregular(rows: Rows, log: Log, why: str = "", frequency: Frequency | None = None) -> None:
    assert rows.dates is not None
    counts = steps(rows.dates)
    usual = f"the other series have a row every {frequency}; " if frequency and rows.name else ""
    shown = ", ".join(f"{count:,} of {step}" for step, count in counts[:5])
    more = f" and {counted(len(counts) - 5, 'other kind')}" if len(counts) > 5 else ""
    sizes, often = np.unique(np.diff(rows.dates), return_counts=True)
    bad = int(np.argmax(np.diff(rows.dates) != sizes[np.argmax(often)]))
    where = f"the first other step is between {log.unit}s {rows.lines[bad]} and {rows.lines[bad + 1]}"
    why = f"{why}: " if why and len(counts) < 2 else ""
    what = f"{usual}{why}the dates are not evenly spaced (steps: {shown}{more}; {where})"
    remedy = "choose --freq none to take the rows as they follow each other"
    if rows.dates.dtype.kind == "M":
        middle = np.median(np.diff(rows.dates.astype("datetime64[us]")).astype(np.int64)) / 10**6
        words = next((words for most, words in _WORDS if middle < most), "day, month")
        remedy = f"choose --resample {words} or the like, or {remedy.removeprefix('choose ')}"
    log.fault("steps", rows, f"{what}: {remedy}", bad + 1)


def _insert(rows: Rows, frequency: Frequency) -> None:
    """A row without a value for each date that is missing."""
    assert rows.dates is not None
    ordinals, stride = frequency.ordinals(rows.dates), frequency.stride(rows.dates.dtype)
    places = (ordinals - ordinals[0]) // stride
    count = int(places[-1]) + 1
    dates = frequency.dates(ordinals[0] + stride * np.arange(count), rows.dates[:1])
    values, lines = np.full(count, np.nan), np.zeros(count, np.int64)
    values[places], lines[places], dates[places] = rows.values, rows.lines, rows.dates
    rows.values, rows.lines, rows.dates = values, lines, dates
