"""Static covariates: a number or a word for each series, the same in all of its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import DataError, InputError
from timeglass.forecast.history import History
from timeglass.read.options import ReadOptions
from timeglass.series.panel import Panel
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["ReadTable", "static_features"]

_MOST_WORDS = 32  # in a column: each is a channel of its own

ReadTable = Callable[[ReadOptions], Panel]  # a table, read as the options say
Reader = Callable[[ReadTable, ReadOptions, str, History], Array]


def static_features(
    table: ReadTable, history: History, names: Sequence[str], options: ReadOptions, read: Reader
) -> tuple[Array, list[str]]:
    """What static columns say of S series, (S, D), and notes.

    A column of numbers is scaled over the series; each word of another is a column of 0 and 1. `read` gives a column of
    numbers (rows,). A `DataError` names the place where a series does not keep to one value.
    """
    parts, notes = [np.zeros((len(history.panel), 0))], []
    for name in names:
        part = _features(table, history, name, options, read)
        if not part.any():
            notes.append(f"column {quoted(name)} is the same in all series: it teaches nothing")
        parts.append(part)
    return np.concatenate(parts, axis=1), notes


def _features(table: ReadTable, history: History, name: str, options: ReadOptions, read: Reader) -> Array:
    try:
        column = read(table, options, name, history)
    except DataError as error:
        if f"no column {quoted(name)}" in str(error):
            raise
        try:
            words, codes = _words(table, history, name, options)
        except DataError as other:
            raise (error if "tells no series apart" in str(other) else other) from None
        if any(map(_is_number, words)):
            raise error from None  # numbers, one of which cannot be read
        return _one_hot(history, name, codes[_each_series(history, name, codes, words)])
    values = column[_each_series(history, name, column, None)]
    center = values.mean()
    return ((values - center) / (np.abs(values - center).mean() or 1.0))[:, None]


def _is_number(word: str) -> bool:
    try:
        float(word.replace(",", "."))
    except ValueError:
        return False
    return True


def _words(
    table: ReadTable, history: History, name: str, options: ReadOptions
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The words of a column, and which of them stands in each row (rows,); -1 in rows that were filled in."""
    # The reader tells series apart by names: with this column as those, each row is of the series of its word.
    told = replace(
        options, id=name, time="none", date_format=None, frequency=None, resample=None, duplicates=None, missing="drop"
    )
    panel = table(told)
    lines = np.asarray(panel.lines, np.int64)
    order = np.argsort(lines)
    wanted = np.asarray(history.panel.lines, np.int64)
    at = order[np.minimum(np.searchsorted(lines[order], wanted), len(lines) - 1)]
    code = np.searchsorted(panel.offsets, at, side="right") - 1
    return panel.ids, np.where(lines[at] == wanted, code, -1)


def _each_series(history: History, name: str, column: NDArray[Any], words: Sequence[str] | None) -> NDArray[np.int64]:
    """A row (S,) of each series that tells its value; a `DataError` where others tell another."""
    panel, rows = history.panel, []
    for s, series in enumerate(panel.ids):
        own = np.arange(panel.offsets[s], panel.offsets[s + 1])
        known = own if words is None else own[column[own] >= 0]
        if not len(known):
            raise DataError(f"{panel.origin.name}: series {quoted(series)} has no value of column {quoted(name)}")
        other = known[column[known] != column[known[0]]]
        if len(other):
            values = [words[column[i]] if words else float(column[i]) for i in (known[0], other[0])]
            raise DataError(
                f"{panel.origin.name}:{panel.lines[other[0]]}: column {quoted(name)} is {values[1]!r}, but series "
                f"{quoted(series)} had {values[0]!r} before: a static column has one value for each series; name it "
                "among the future or past ones if it changes"
            )
        rows.append(int(known[0]))
    return np.array(rows)


def _one_hot(history: History, name: str, codes: NDArray[np.int64]) -> Array:
    used = np.unique(codes)
    if len(used) > _MOST_WORDS:
        raise InputError(
            f"{history.panel.origin.name}: column {quoted(name)} has {len(used):,} different words, more than "
            f"{_MOST_WORDS}: put them in groups, or give numbers"
        )
    return (codes[:, None] == used).astype(np.float64) * (len(used) > 1)
