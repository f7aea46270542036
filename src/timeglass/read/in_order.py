"""Rows in the order of their dates, each date once: sorted and said, or refused; merged as was asked."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.clock_changes import clock_changes
from timeglass.dates.gaps import duplicates, order
from timeglass.read.log import Log, Rows
from timeglass.series.series import as_text
from timeglass.words import counted

__all__ = ["merge_duplicates", "sort_rows"]


def sort_rows(rows: Rows, log: Log) -> None:
    """By date, equal ones as they stood; a note says so, or with `strict` a fault."""
    assert rows.dates is not None
    if (rows.dates[1:] >= rows.dates[:-1]).all():
        return
    found = order(rows.dates)
    row = int(np.argmax(rows.dates[1:] < rows.dates[:-1])) + 1
    before = f"{log.label(rows.dates[row - 1])} ({log.unit} {rows.lines[row - 1]})"
    what = f"{log.label(rows.dates[row])} comes after {before}"
    if log.options.strict:
        log.fault("order", rows, f"{what}: sort the rows by date, or leave --strict out", row)
        rows.keep(found.rows)
        return
    how = "newest first, and were turned round" if found.reversed else ""
    how = how or f"out of order in {counted(found.moved, 'place')}, and were sorted"
    log.note(rows, "order", f"the rows stood {how} ({what})", row)
    rows.keep(found.rows)


def merge_duplicates(rows: Rows, log: Log) -> None:
    """One row for each date: the same value twice counts once, different ones are merged as was asked, or a fault."""
    assert rows.dates is not None
    pairs = duplicates(rows.dates)
    if len(pairs) == 0:
        return
    one, other = rows.values[pairs[:, 0]], rows.values[pairs[:, 1]]
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    repeated: dict[object, str] = {}
    if log.options.duplicates is None:
        repeated = {change.time: str(change) for change in clock_changes(rows.dates) if change.kind == "repeated"}
        same &= [date not in repeated for date in rows.dates[pairs[:, 0]]]  # two hours, also where they are alike
    if not same.all() and log.options.duplicates is None:
        for a, b in pairs[~same].tolist():
            log.fault("duplicate", rows, _twice(rows, log, a, b, repeated.get(rows.dates[a])), b)
    for a, b in pairs[same].tolist() if log.options.strict else ():
        log.fault("duplicate", rows, f"{_both(rows, log, a, b)}, the same value: keep one", b)
    _merge(rows, log, pairs, same)


def _both(rows: Rows, log: Log, a: int, b: int) -> str:
    assert rows.dates is not None
    return f"{log.unit}s {rows.lines[a]} and {rows.lines[b]} both say {log.label(rows.dates[a])}"


def _twice(rows: Rows, log: Log, a: int, b: int, clocks: str | None) -> str:
    values = [f"{rows.values[i]:.10g}" if not np.isnan(rows.values[i]) else "no value" for i in (a, b)]
    hint = f"; {clocks}" if clocks else ": keep one, or choose --duplicates last or mean"
    other = "" if clocks or rows.name else "; if they belong to different series, --id tells which column names them"
    return f"{_both(rows, log, a, b)}: {' and '.join(values)}{hint}{other}"


def _merge(rows: Rows, log: Log, pairs: NDArray[np.int64], same: NDArray[np.bool_]) -> None:
    how = log.options.duplicates or "first"
    keep = np.ones(len(rows.values), bool)
    by_first = np.argsort(pairs[:, 0], kind="stable")
    cuts = np.flatnonzero(np.diff(pairs[by_first, 0])) + 1
    for group in np.split(by_first, cuts):
        first = int(pairs[group[0], 0])
        places = [first, *pairs[group, 1].tolist()]
        keep[places[1:]] = False
        if same[group].all() and how != "sum":
            for place in places[1:] if not log.options.strict else ():  # else it is a fault, and said
                log.change(rows, place, log.old(rows, place), "", f"the same as in {log.unit} {rows.lines[first]}")
            continue
        _merge_different(rows, log, places, how)
    rows.keep(keep)


def _merge_different(rows: Rows, log: Log, places: list[int], how: str) -> None:
    """Puts what comes of several values of one date in the place of the first."""
    known = [place for place in places if not np.isnan(rows.values[place])]
    new, used = _combined(rows, log, known, how)
    why = f"{how} of {len(places)} rows of this date"
    for place in places if log.options.duplicates else ():  # else it is a fault, and said
        old = log.old(rows, place)
        if used is None:
            log.change(rows, place, old, as_text(new), why)
        elif place != used:
            log.change(rows, place, old, "", f"the {why} is in {log.unit} {rows.lines[used]}")
    rows.values[places[0]] = new
    if used is not None:
        rows.lines[places[0]] = rows.lines[used]


def _combined(rows: Rows, log: Log, known: list[int], how: str) -> tuple[float, int | None]:
    """What comes of the values in these rows, and in which of them it stands, if it does."""
    values = [float(rows.values[place]) for place in known]
    if how in ("mean", "sum"):
        try:
            total = math.fsum(values)
        except OverflowError:
            total = math.fsum(value / len(values) for value in values) * (len(values) if how == "sum" else 1)
            if math.isinf(total):
                log.fault(
                    "duplicate", rows, "the sum of the rows of this date is beyond a double: choose mean", known[0]
                )
                return values[0], known[0]
            return total, None
        return (total / len(values) if how == "mean" else total), None
    place = {"first": 0, "last": -1, "min": int(np.argmin(values)), "max": int(np.argmax(values))}[how]
    return values[place], known[place]
