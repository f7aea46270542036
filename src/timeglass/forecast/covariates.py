"""Covariates: what stands beside the values, how it is scaled, and what the networks see of it.

Columns come from the same table as the values, by the same reader, so that each fault has its address. What is known
of a row that is yet to come (future columns, static ones, the calendar) is shown for the rows to forecast too; past
columns end where the forecast begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from timeglass.errors import DataError, InputError
from timeglass.forecast.calendar_features import calendar_features, check_calendar
from timeglass.forecast.history import History, append, column_names, dates_after, usual_columns
from timeglass.forecast.settings import Covariates
from timeglass.forecast.static_features import ReadTable, static_features
from timeglass.forecast.windows import Channels
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_panel
from timeglass.series.panel import Panel
from timeglass.series.series import Change, Series
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["Beside", "calendar_alone", "read_beside", "read_column", "value_options"]

_FARTHEST = 1e6  # units from the mean: what is farther is a mistake, and would leave the networks' numbers
_MOST_CHANGES = 10  # that are noted
_HELD_SHARE = 3  # a fit holds back at most so large a part of a series, or a horizon


@dataclass(frozen=True, eq=False)
class Beside:
    """What stands beside S series: columns as they were read, and the numbers that bring them to the networks' units.

    `columns` holds those of `covariates.future`, then of `covariates.past`. A column counts as (value - center) / unit;
    a unit of 0 marks one that never varies, which the networks see as 0. `options` say how the table was read.
    """

    covariates: Covariates
    options: ReadOptions
    columns: Array  # (rows, C)
    center: Array  # (C,)
    unit: Array  # (C,)
    static: Array  # (S, D) in the networks' units
    notes: tuple[str, ...] = ()

    @property
    def ahead(self) -> np.ndarray:
        """Which channels are known of rows that are yet to come: all but the past columns."""
        calendar = 2 * len(self.covariates.calendar)
        future, past = len(self.covariates.future), len(self.covariates.past)
        return np.array([True] * future + [False] * past + [True] * (self.static.shape[1] + calendar), bool)

    def channels(self, history: History, ahead: int = 0, future: Sequence[Array] | None = None) -> Channels:
        """What the networks see beside the rows of each series, and beside `ahead` rows after them.

        `future` holds the future columns of the rows to come, (up to `ahead`, F) of each series in their own units.
        Where there are fewer rows the last one is repeated. An `InputError` where a value is out of all proportion.
        """
        panel, known = history.panel, len(self.covariates.future)
        rows, later = self._scaled(self.columns, panel.origin.name), _dated(history, ahead, self.covariates.calendar)
        words, values = self.covariates.calendar, []
        dated = calendar_features(panel.dates, words, panel.zone) if words and panel.dates is not None else None
        for s in range(len(panel)):
            own = slice(int(panel.offsets[s]), int(panel.offsets[s + 1]))
            beside = np.concatenate([rows[own], np.repeat(rows[own][-1:], ahead, axis=0)])
            if future is not None:
                coming = self._scaled(future[s], f"future, series {quoted(panel.ids[s])}")[:ahead]
                beside[len(rows[own]) :, :known] = coming[np.minimum(np.arange(ahead), len(coming) - 1)]
            parts = [beside, np.repeat(self.static[s : s + 1], len(beside), axis=0)]
            if dated is not None:
                parts.append(np.concatenate([dated[own], calendar_features(later[s], words, panel.zone)]))
            values.append(np.concatenate(parts, axis=1))
        return Channels(tuple(values), self.ahead)

    def _scaled(self, columns: Array, where: str) -> Array:
        """Columns (rows, C or fewer) in the networks' units."""
        count = columns.shape[1]
        unit, center = self.unit[:count], self.center[:count]
        found = (columns / np.where(unit > 0, unit, 1.0) - center / np.where(unit > 0, unit, 1.0)) * (unit > 0)
        far = np.argwhere(~(np.abs(found) <= _FARTHEST))
        if len(far):
            row, column = far[0]
            name = [*self.covariates.future, *self.covariates.past][column]
            raise InputError(
                f"{where}: column {quoted(name)} is {float(columns[row, column])!r} in row {row + 1}, more than "
                f"{_FARTHEST:,.0f} times as far from its mean as usual: is it a mistake?"
            )
        return found

    def scaled_before(self, history: History, held: int) -> Beside:
        """The same, with past columns scaled by all but the last `held` rows of each series.

        So that forecasts of rows that were held back know nothing of those, not even the mean. What does not vary
        before is scaled by all rows.
        """
        panel, center, unit = history.panel, self.center.copy(), self.unit.copy()
        ends = np.maximum(panel.offsets[1:] - held, panel.offsets[:-1])
        before = np.concatenate([np.arange(a, b) for a, b in zip(panel.offsets[:-1], ends, strict=True)])
        for column in range(len(self.covariates.future), self.columns.shape[1]):
            if len(before) and np.ptp(self.columns[before, column]) > 0:
                center[column], unit[column] = _scale(self.columns[before, column])
        return replace(self, center=center, unit=unit)

    def for_fit(self, history: History, horizon: int, held: int = 0) -> tuple[Beside, Channels]:
        """Itself scaled for a fit on all but the last `held` rows, and its channels.

        They reach `horizon` rows beyond each end where the dates are known there.
        """
        longest = int(np.diff(history.panel.offsets).max()) - held
        scaled = self.scaled_before(history, held + max(horizon, longest // _HELD_SHARE))
        dated = bool(self.covariates.calendar) and history.panel.frequency is not None
        return scaled, scaled.channels(history, horizon if dated else 0)

    def appended(self, source: Any, options: ReadOptions, before: History, more: History) -> Beside:
        """With the covariates of rows that came since `before`: those of `more`, read from `source` likewise."""
        names = [*self.covariates.future, *self.covariates.past]
        table = partial(read_panel, source)
        columns = [np.zeros((len(before.panel.values) + len(more.panel.values), 0))]
        for column, name in enumerate(names):
            new = replace(more, panel=replace(more.panel, values=read_column(table, options, name, more)))
            old = replace(before, panel=replace(before.panel, values=self.columns[:, column]))
            columns.append(append(old, new).panel.values[:, None])
        return replace(self, columns=np.concatenate(columns, axis=1))

    def options_for(self, source: Any) -> ReadOptions:
        """How a further table is read: as the first; one series alone needs no column of ids or times."""
        columns = column_names(source) if len(self.static) == 1 else []
        id_, time = (
            None if columns and isinstance(name, str) and name not in ("none", *columns) else name
            for name in (self.options.id, self.options.time)
        )
        return replace(self.options, id=id_, time=time)


def _dated(history: History, ahead: int, words: Sequence[str]) -> list[Any]:
    """The dates (ahead,) of the rows after each series, where the calendar counts."""
    panel = history.panel
    if not words or panel.dates is None:
        return []
    if not ahead:
        return [panel.dates[:0]] * len(panel)
    return [dates_after(history, s, ahead) for s in range(len(panel))]


def value_options(source: Any, options: ReadOptions | None, covariates: Covariates | None) -> ReadOptions:
    """How values are read beside which columns stand: those of column y, unless another was named.

    >>> value_options("sales.csv", None, Covariates(future=("price",))).value
    'y'
    """
    options = options or ReadOptions()
    if covariates is None or not (covariates.future or covariates.past or covariates.static):
        return options
    if isinstance(source, Panel | Series | History) or (isinstance(source, str) and source == "-"):
        kind = "standard input" if isinstance(source, str) else f"a {type(source).__name__}"
        names = ", ".join(map(quoted, [*covariates.future, *covariates.past, *covariates.static]))
        raise InputError(
            f"covariates: {kind} gives values alone, once, and {names} must be read beside them: give a table "
            "(a frame, or the path of a file)"
        )
    options = usual_columns(source, options)
    return options if options.value is not None else replace(options, value="y")


def read_beside(
    source: Any, history: History, covariates: Covariates, options: ReadOptions, *, private: bool = False
) -> Beside:
    """The covariates beside the series of `history`, which were read from `source` with the same options.

    `private` admits addresses of private networks. What was filled in or left out stands in `notes`.

    A `DataError` names the place of what cannot be read, a missing column, or the first date at which a column does not
    go with the values; an `InputError` says what else cannot be.
    """
    check_calendar(history.panel, covariates.calendar)
    names = [*covariates.future, *covariates.past]
    changes: list[Change] = []

    def read(how: ReadOptions) -> Panel:
        panel = read_panel(source, how, private=private)
        if how.value != options.value:  # those of the values are the history's
            changes.extend(panel.origin.changes)
        return panel

    columns = [read_column(read, options, name, history) for name in names]
    scales = [_scale(column) for column in columns]
    for name, (center, _) in zip(names, scales, strict=True):
        if not np.isfinite(center):
            raise InputError(f"{history.panel.origin.name}: column {quoted(name)} has numbers too large to scale")
    static, notes = static_features(read, history, covariates.static, options, read_column)
    constant = [name for name, (_, unit) in zip(names, scales, strict=True) if unit == 0]
    notes = [f"column {quoted(name)} is the same in all rows: it teaches nothing" for name in constant] + notes
    notes += [str(change) for change in changes[:_MOST_CHANGES]]
    notes += [f"and {len(changes) - _MOST_CHANGES:,} more changes of covariates"] * (len(changes) > _MOST_CHANGES)
    table = np.column_stack(columns) if columns else np.zeros((len(history.panel.values), 0))
    centers, units = np.array(scales).reshape(-1, 2).T
    return Beside(covariates, options, table, centers, units, static, tuple(notes))


def calendar_alone(history: History, covariates: Covariates) -> Beside:
    """The calendar of series whose table is not at hand; an `InputError` where columns are asked for too."""
    columns = [*covariates.future, *covariates.past, *covariates.static]
    if columns:
        raise InputError(
            f"covariates: {quoted(columns[0])} must be read beside the values: fit on the table, or give what "
            "read_beside makes of it"
        )
    return read_beside(None, history, covariates, ReadOptions())


def _scale(values: Array) -> tuple[float, float]:
    """Mean and mean absolute deviation; a unit of 0 where nothing varies."""
    if np.ptp(values) == 0:
        return float(values[0]), 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        center = float(values.mean())
        unit = float(np.abs(values - center).mean())
    return (center, unit) if np.isfinite(unit) else (np.inf, unit)


def read_column(table: ReadTable, options: ReadOptions, name: str, history: History) -> Array:
    """A column of numbers (rows,) beside the rows of the values; true and false are 1 and 0."""
    panel = _read(table, replace(options, value=name, booleans=True), name)
    if panel.columns == history.panel.columns:
        raise InputError(f"covariates: column {quoted(name)} holds the values themselves: leave it out")
    _check_rows(panel, history.panel, name)
    return panel.values


def _read(table: ReadTable, options: ReadOptions, name: str) -> Panel:
    try:
        return table(options)
    except DataError as error:
        # The option would be wrong here: the name stands among the covariates.
        raise DataError(
            str(error).replace(f"{quoted(name)} for --value", f"{quoted(name)} for the covariates")
        ) from None


def _check_rows(panel: Panel, values: Panel, name: str) -> None:
    """Refuses a column that has no value where there is one to forecast, or the other way round."""
    same = len(panel) == len(values) == 1 or panel.ids == values.ids
    dates = panel.dates is None if values.dates is None else np.array_equal(panel.dates, values.dates)  # type: ignore[arg-type]
    if same and dates and np.array_equal(panel.offsets, values.offsets):
        return
    raise DataError(
        f"{values.origin.name}: column {quoted(name)} does not go with the values: {_difference(panel, values)}: give "
        "both in each row, or fill them in (ReadOptions(missing='linear'), --missing linear)"
    )


def _difference(panel: Panel, values: Panel) -> str:
    """The first place where one has a row and the other none."""
    for s, name in enumerate(values.ids):
        place = s if len(panel) == len(values) == 1 else panel.ids.index(name) if name in panel.ids else None
        if place is None:
            return f"series {quoted(name)} has no value of it"
        ours, its = values[s], panel[place]
        if ours.dates is None or its.dates is None:
            if len(ours) != len(its):
                return f"series {quoted(name)} has {len(ours):,} values, and {len(its):,} of it"
            continue
        lost, more = np.setdiff1d(ours.dates, its.dates), np.setdiff1d(its.dates, ours.dates)
        if len(lost):
            return f"series {quoted(name)} has no value of it at {lost[0]}"
        if len(more):
            return f"series {quoted(name)} has a value of it at {more[0]}, where there is none to forecast"
    return "it has other series"
