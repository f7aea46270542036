"""From a table to series: grouped, in order, evenly spaced, every value known; or refused with the place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency
from timeglass.dates.frequencies import Irregular
from timeglass.dates.local_time import local_times
from timeglass.errors import DataError
from timeglass.read.date_column import BAD_TIME
from timeglass.read.faults import Faults
from timeglass.read.gathered import Missing
from timeglass.read.grouping import Flat, flatten
from timeglass.read.layout import Guess
from timeglass.read.log import Log, Rows
from timeglass.read.mend import mend
from timeglass.read.options import ReadOptions
from timeglass.read.regular import common_frequency, faulty_series
from timeglass.read.table import Table
from timeglass.series.dates import date_label
from timeglass.series.panel import Panel
from timeglass.series.series import Origin
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["assemble"]

_FAR = 1e8  # times the median size of a series' values: said at once, whoever reads it
_MOST_SAID = 5


def assemble(
    table: Table, options: ReadOptions, faults: Faults, *, sha256: str = "", fetched: str | None = None
) -> Panel:
    """All series of a table. With `faults` that gather, those are left out of which nothing is left."""
    _check_rows(table)
    _as_local_days(table)
    _date_changes(table)
    missing = _missing_texts(table.gathered.missing)
    flat = flatten(table)
    if faults.gather:
        flat = _without_bad_rows(flat)
    frequency = common_frequency(flat, options.frequency)
    log = Log(table.source, options, faults, table.date_format)
    log.unit, log.zone = table.unit, table.zone
    log.wide = table.ids is None and len(table.value_columns) > 1
    frequency = _mend_all(flat, frequency, log, table, missing)
    flat = _without_empty(flat)
    if not len(flat.ids) and not faults.gather:
        raise DataError(f"{table.source}: no row is left: all values are missing")
    guesses = [*table.guesses, *_frequency_guess(frequency, options, flat)]
    origin = Origin(
        table.source, sha256, fetched, tuple(map(str, guesses)),
        (*table.notes, *log.notes, *_far_values(flat, table.unit)), (*table.changes, *log.changes), table.form,
    )  # fmt: skip
    return Panel(
        flat.ids, flat.values, flat.times, flat.offsets, flat.lines, flat.columns, origin, frequency, table.zone,
        table.date_format,
    )  # fmt: skip


def _check_rows(table: Table) -> None:
    if table.gathered.rows == 0:
        raise DataError(f"{table.source} has a header ({', '.join(table.names)[:40]}) but no rows")


def _as_local_days(table: Table) -> None:
    """Times that are all midnights of their zone are days: clocks that were changed do not make 23 hours of one."""
    times, zone = table.times, table.zone
    if times is None or zone is None or zone == "UTC" or np.datetime_data(times.dtype)[0] != "s":
        return
    good = ~np.isnat(times)  # a time that cannot be read is a fault by now
    for rows in (slice(100), slice(None)):  # most tables are told by their first times
        local = local_times(times[rows][good[rows]], zone)
        if local is None or (local != local.astype("datetime64[D]")).any():
            return
    table.times = np.full(len(times), np.datetime64("NaT", "D"))
    table.times[good] = local
    table.notes.append(f"all times are midnights of {zone}: they are held as its days")


def _date_changes(table: Table) -> None:
    """Gives the changes that were made when their values were read the dates of their rows."""
    if table.times is None or not table.changes:
        return
    lines = table.gathered.lines()
    rows = np.searchsorted(np.asarray(lines), [change.line or 0 for change in table.changes])  # lines rise
    for place, row in enumerate(rows.tolist()):
        if table.times[row].view(np.int64) != BAD_TIME:
            date = date_label(table.times[row], table.date_format)
            table.changes[place] = dataclasses.replace(table.changes[place], date=date)


def _missing_texts(cells: Sequence[Missing]) -> dict[tuple[int, int], str]:
    """By value column and row."""
    return {(cell.column, cell.row): cell.text for cell in cells}


def _without_bad_rows(flat: Flat) -> Flat:
    """Without rows whose time cannot be read, or without a name: faults by now. Their lines are kept."""
    good = np.ones(len(flat.values), bool)
    if flat.times is not None:
        good &= flat.times.view(np.int64) != BAD_TIME
    if "" in flat.ids and len(flat.columns) == 1:
        place = flat.ids.index("")
        good[flat.offsets[place] : flat.offsets[place + 1]] = False
    if good.all():
        return flat
    lost: dict[int, list[int]] = {}
    bad = np.flatnonzero(~good)
    for row, place in zip(bad, np.searchsorted(flat.offsets, bad, side="right") - 1, strict=True):
        lost.setdefault(int(place), []).append(int(flat.lines[row]))
    before = np.concatenate([[0], np.cumsum(good)])
    lines = np.asarray(flat.lines, np.int64)[good]
    times = flat.times[good] if flat.times is not None else None
    return Flat(flat.ids, flat.values[good], times, lines, before[flat.offsets], flat.columns, lost)


def _mend_all(
    flat: Flat, frequency: Frequency | Irregular | None, log: Log, table: Table,
    missing: dict[tuple[int, int], str],
) -> Frequency | None:  # fmt: skip
    """Mends the series that need it, in place of the old ones."""
    if isinstance(frequency, Irregular) or log.options.resampling is not None:
        bad: NDArray[np.int64] = np.arange(len(flat.ids))
    else:
        bad = faulty_series(flat, frequency)
    texts = _by_line(missing, table)
    found = frequency if isinstance(frequency, Frequency) else None
    mended: dict[int, Rows] = {}
    for place in bad.tolist():
        rows = _rows_of(flat, place, table, texts, single=len(flat.ids) == 1)
        found = mend(rows, log, frequency) or found
        mended[place] = rows
    if mended:
        _replace(flat, mended)
    return found


def _by_line(missing: dict[tuple[int, int], str], table: Table) -> list[dict[int, str]]:
    """What stands in cells without a value, for each value column by line."""
    found: list[dict[int, str]] = [{} for _ in table.value_columns]
    lines = table.gathered.lines()
    for (column, row), text in missing.items():
        found[column][int(lines[row])] = text
    return found


def _rows_of(flat: Flat, place: int, table: Table, texts: list[dict[int, str]], *, single: bool) -> Rows:
    rows = slice(int(flat.offsets[place]), int(flat.offsets[place + 1]))
    value = place if len(table.value_columns) > 1 else 0
    column = table.value_columns[value]
    return Rows(
        flat.values[rows].copy(), None if flat.times is None else flat.times[rows].copy(),
        np.array(flat.lines[rows], np.int64), "" if single else flat.ids[place], (column + 1, table.names[column]),
        table.time_column + 1 if table.time_column is not None else None, texts[value], tuple(flat.lost.get(place, ())),
    )  # fmt: skip


def _replace(flat: Flat, mended: dict[int, Rows]) -> None:
    """Puts mended series where they were; what lies between them is taken as it is."""
    values: list[Array] = []
    times: list[Dates] = []
    lines: list[NDArray[np.int64]] = []
    lengths = np.diff(flat.offsets)
    at = 0

    def take(start: int, end: int) -> None:
        if end > start:
            values.append(flat.values[start:end])
            lines.append(np.asarray(flat.lines[start:end], np.int64))
            if flat.times is not None:
                times.append(flat.times[start:end])

    for place, rows in mended.items():
        take(at, int(flat.offsets[place]))
        at = int(flat.offsets[place + 1])
        lengths[place] = len(rows.values)
        values.append(rows.values)
        lines.append(rows.lines)
        if rows.dates is not None:
            times.append(rows.dates)
    take(at, len(flat.values))
    flat.values, flat.lines = np.concatenate(values), np.concatenate(lines)
    flat.times = np.concatenate(times) if flat.times is not None else None
    flat.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _without_empty(flat: Flat) -> Flat:
    """Without series of which no row is left."""
    lengths = np.diff(flat.offsets)
    if lengths.all():
        return flat
    kept = np.flatnonzero(lengths)
    columns = tuple(flat.columns[i] for i in kept) if len(flat.columns) > 1 else flat.columns
    offsets = np.concatenate([[0], np.cumsum(lengths[kept])]).astype(np.int64)
    return dataclasses.replace(flat, ids=tuple(flat.ids[i] for i in kept), offsets=offsets, columns=columns)


def _frequency_guess(frequency: Frequency | None, options: ReadOptions, flat: Flat) -> list[Guess]:
    if options.frequency is not None or options.resample is not None or flat.times is None:
        return []
    if frequency is None:
        return [Guess("one date alone tells no frequency", ("--freq",))] if len(flat.values) else []
    if frequency.unit == "number":
        return [Guess(f"times are whole numbers, {frequency.every:,} apart", ("--freq", "--date-format"))]
    return [Guess(f"a row every {frequency}", ("--freq",))]


def _far_values(flat: Flat, unit: str) -> list[str]:
    """Values that are out of all proportion: nothing learned from such a series would make sense."""
    if len(flat.values) == 0:
        return []
    starts, ends = flat.offsets[:-1], flat.offsets[1:]
    largest = np.maximum(
        np.abs(np.maximum.reduceat(flat.values, starts)), np.abs(np.minimum.reduceat(flat.values, starts))
    )
    # A first sieve, beside three values of each series; the few that it finds are looked at.
    some = np.abs(flat.values[np.stack([starts, (starts + ends) // 2, ends - 1])])
    usual = np.where(some > 0, some, np.inf).min(axis=0)
    suspects = np.flatnonzero((largest / _FAR >= usual) | ((usual == np.inf) & (largest > 0)))
    found: list[str] = []
    for place in suspects.tolist():
        rows = slice(int(flat.offsets[place]), int(flat.offsets[place + 1]))
        sizes = np.abs(flat.values[rows])
        known = sizes[sizes > 0]
        row = int(np.argmax(sizes))
        middle = float(
            np.partition(known, (len(known) - 1) // 2)[(len(known) - 1) // 2]
        )  # the mean of two may overflow
        if sizes[row] / _FAR < middle or middle == 0:
            continue
        with np.errstate(over="ignore"):
            ratio = (
                f"{sizes[row] / middle:.0e} times" if np.isfinite(sizes[row] / middle) else "beyond all comparison with"
            )
        line = flat.lines[rows][row]
        of = f"series {quoted(flat.ids[place])}, " if len(flat.ids) > 1 else ""
        found.append(f"{of}{unit} {line} is {ratio} the median: is {float(flat.values[rows][row])!r} a mistake?")
    more = [f"and {len(found) - _MOST_SAID:,} more series with such a value"] if len(found) > _MOST_SAID else []
    return found[:_MOST_SAID] + more
