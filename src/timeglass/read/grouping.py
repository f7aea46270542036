"""From rows in any order to series one after another, without moving what already stands so."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates
from timeglass.read.gathered import Lines
from timeglass.read.table import Table
from timeglass.types import Array

__all__ = ["Flat", "flatten"]

_CHUNK = 2**20  # rows that are looked at together


@dataclass
class Flat:
    """S series one after another, as in a `Panel`, but with their faults: NaN where missing, dates in any order."""

    ids: tuple[str, ...]
    values: Array  # (rows,)
    times: Dates | None  # (rows,)
    lines: Lines  # (rows,)
    offsets: NDArray[np.int64]  # (S + 1,)
    columns: tuple[int, ...]  # from 1: (S,), or (1,) for all
    lost: dict[int, list[int]] = field(default_factory=dict)  # by series: lines of rows whose time cannot be read


def flatten(table: Table) -> Flat:
    """A table's rows by series. The table's own arrays are given up to it."""
    gathered = table.gathered
    columns = tuple(place + 1 for place in table.value_columns)
    times, lines = table.times, gathered.lines()
    if table.ids is None or gathered.codes is None:
        return _wide(table, columns, lines)
    codes, values = gathered.codes.whole(), gathered.values[0].whole()
    gathered.codes = None
    starts = _run_starts(codes)
    if len(starts) == len(table.ids):  # each series in one piece, in the order in which they first occur
        offsets = np.append(starts, len(codes)).astype(np.int64)
        return Flat(table.ids, values, times, lines, offsets, columns)
    order = _stable_order(codes)
    counts = np.bincount(codes, minlength=len(table.ids))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    del codes
    gathered.values = []
    values = values[order]
    gathered.times = table.times = None
    times = times[order] if times is not None else None
    return Flat(table.ids, values, times, np.asarray(lines, np.int64)[order], offsets, columns)


def _wide(table: Table, columns: tuple[int, ...], lines: Lines) -> Flat:
    """Each value column a series: their times and lines are the same."""
    series = [grown.whole() for grown in table.gathered.values]
    names = tuple(table.names[place] for place in table.value_columns)
    rows, count = len(lines), len(series)
    offsets = np.arange(count + 1, dtype=np.int64) * rows
    if count == 1:
        return Flat(names, series[0], table.times, lines, offsets, columns)
    times = np.tile(table.times, count) if table.times is not None else None
    return Flat(names, np.concatenate(series), times, np.tile(np.asarray(lines, np.int64), count), offsets, columns)


def _run_starts(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Where another series begins than in the row before."""
    starts = [np.zeros(min(1, len(codes)), np.int64)]
    for first in range(0, len(codes), _CHUNK):
        part = codes[first : first + _CHUNK + 1]
        starts.append(np.flatnonzero(part[1:] != part[:-1]) + first + 1)
    return np.concatenate(starts)


def _stable_order(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Rows by code, equal ones as they stood: by the low half, then the high half, which NumPy does by radix."""
    order = np.argsort(codes.astype(np.uint16), kind="stable")
    high = (codes >> 16).astype(np.uint16)
    return order[np.argsort(high[order], kind="stable")] if high.any() else order
