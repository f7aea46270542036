"""The future covariates of the rows to forecast: read, and checked to follow on where each series ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from timeglass.errors import DataError, InputError, OptionError
from timeglass.forecast.covariates import Beside
from timeglass.forecast.history import History, column_names, dates_after
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_panel
from timeglass.series.panel import Panel
from timeglass.types import Array
from timeglass.words import counted, quoted

__all__ = ["read_future"]

_IDS = ("unique_id", "series_id", "item_id", "id", "series")


def read_future(
    source: Any,
    history: History,
    beside: Beside | None,
    rows: tuple[int, int],
    *,
    private: bool = False,
    tell: Callable[[str], None] | None = None,
) -> list[Array] | None:
    """The future columns of the rows after each series, (at least `rows[0]`, at most `rows[1]`, F); None without any.

    `source` is a table with the ids, the dates and the future columns; `tell` hears what was filled in there. An
    `OptionError` where it is not wanted; an `InputError` names the series and the first date that is missing or
    overlaps.
    """
    names = () if beside is None else beside.covariates.future
    if source is None:
        if names:
            raise InputError(
                f"future: the forecast needs {', '.join(map(quoted, names))} of the rows to come: give "
                f"a table with ids, dates and these columns for the next {counted(rows[0], 'row')} of each series "
                "(predict(future=…), --future FILE)"
            )
        return None
    if beside is None or not names:
        raise OptionError(
            "future: no covariate is told to be known ahead: name its columns (Covariates(future=…), "
            "--future-columns), and fit anew, or leave future out"
        )
    options = _options(source, history, beside.options_for(source))
    read = [(name, _read(source, replace(options, value=name), name, private)) for name in names]
    if tell is not None:
        for _, panel in read:
            for change in panel.origin.changes:
                tell(f"future: {panel.origin.name}: {change}")
    return [
        np.column_stack([_ahead(panel, history, s, (beside.options.value, name), rows) for name, panel in read])
        for s in range(len(history.panel))
    ]


def _options(source: Any, history: History, options: ReadOptions) -> ReadOptions:
    """How the table is read: as the values were. Its dates are compared with those that are due, not judged."""
    id_ = options.id
    if id_ is None and len(history.panel) > 1:
        id_ = next((name for name in _IDS if name in column_names(source)), None)  # one row of each does not tell
    return replace(
        options,
        id=id_,
        booleans=True,
        date_format=options.date_format or history.panel.date_format,  # a few dates would tell it less surely
        frequency=options.frequency if options.resample else "none",
    )


def _read(source: Any, options: ReadOptions, name: str, private: bool) -> Panel:
    try:
        return read_panel(source, options, private=private)
    except DataError as error:
        raise DataError(f"future: {error}".replace(f"{quoted(name)} for --value", f"{quoted(name)}")) from None


def _ahead(panel: Panel, history: History, s: int, columns: tuple[Any, str], rows: tuple[int, int]) -> Array:
    """The values (rows,) that a column has after the last row of series s: as many as there are, within `rows`."""
    name, where = history.panel.ids[s], f"future: {panel.origin.name}"
    place, (least, most) = _place(panel, history, s, columns, where), rows
    begin, end = int(panel.offsets[place]), int(panel.offsets[place + 1])
    values, wanted = panel.values[begin:end][:most], dates_after(history, s, most)
    if history.panel.dates is not None:
        if panel.dates is None or (panel.dates.dtype.kind != wanted.dtype.kind):
            raise InputError(
                f"{where}: series {quoted(name)} needs dates, from {wanted[0]} on, since its values have some"
            )
        came = panel.dates[begin:end][:most].astype(wanted.dtype)
        if came[0] <= history.last_date(s):
            line = np.asarray(panel.lines)[begin]
            raise InputError(
                f"{where}:{line}: series {quoted(name)} ends at {history.last_date(s)}: the row for {came[0]} "
                f"overlaps: give the rows from {wanted[0]} on"
            )
        wrong = np.flatnonzero(came != wanted[: len(came)])
        if len(wrong):
            at = int(wrong[0])
            raise InputError(
                f"{where}: series {quoted(name)} has no row for {wanted[at]}; {came[at]} comes in its place: give each "
                "row once, none left out"
            )
    if len(values) < least:
        raise InputError(
            f"{where}: series {quoted(name)} has no row for {wanted[len(values)]}: {counted(len(values), 'row')} of "
            f"the {least:,} to forecast; give them all, or forecast fewer"
        )
    return values


def _place(panel: Panel, history: History, s: int, columns: tuple[Any, str], where: str) -> int:
    """Which of the series in the table is series s; `columns` are those of the values and of the covariate."""
    name, ids = history.panel.ids[s], panel.ids
    if name in ids:
        return ids.index(name)
    # A table of one series may have no ids: it is then called as its column is.
    if len(ids) == len(history.panel) == 1 and (ids[0] == columns[1] or name == columns[0] or columns[0] is None):
        return 0
    raise InputError(f"{where}: no row of series {quoted(name)}: give its rows from {dates_after(history, s, 1)[0]} on")
