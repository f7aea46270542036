"""What a forecaster is fitted on: the series, the frame they came in, and the covariates beside them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from timeglass.dates.calendar import Dates
from timeglass.errors import InputError, OptionError
from timeglass.forecast.form import SMALLEST_LOGGED
from timeglass.read.cells import type_of
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_panel
from timeglass.series.panel import Panel
from timeglass.series.series import Series, as_text
from timeglass.types import Array
from timeglass.words import quoted

__all__ = [
    "History",
    "append",
    "check_logged",
    "check_season",
    "column_names",
    "dates_after",
    "frame_kind",
    "read_history",
    "usual_columns",
]

_LARGEST = 1e250  # of a value: forecasts, their intervals and sums over many rows must be doubles, too
_FARTHEST = 1e20  # medians of its series: networks see a series in its own unit, in single precision
_UNNAMED = "y"  # the id of a series that came without one
_LONG = {"id": "unique_id", "time": "ds", "value": "y"}  # what the columns of a long frame are usually called


@dataclass(frozen=True, eq=False)
class History:
    """S series, and how they were given.

    `kind` is "pandas", "polars", "pyarrow", or "" where it was no frame; `time_type` narwhals' type of its times.
    """

    panel: Panel
    kind: str = ""
    time_type: Any = None

    @property
    def series(self) -> list[Array]:
        """The values (rows,) of each series."""
        return np.split(self.panel.values, self.panel.offsets[1:-1])

    def last_date(self, s: int) -> Any:
        """Of series s; None where the rows are numbered."""
        return None if self.panel.dates is None else self.panel.dates[self.panel.offsets[s + 1] - 1]


def read_history(source: Any, options: ReadOptions | None = None) -> History:
    """Reads `source`: a path, an address, a frame, an array, a `Series` or a `Panel`.

    Of a frame that has the columns unique_id, ds and y these are taken, unless `options` says otherwise. An
    `InputError` where there is no row, or a value so large that forecasts could not be finite; else what `read_panel`
    raises.
    """
    if isinstance(source, History):
        return source
    if isinstance(source, Panel):
        return History(_checked(source))
    if isinstance(source, Series):
        return History(_checked(_panel_of(source)))
    options = usual_columns(source, options or ReadOptions())
    kind = frame_kind(source)
    return History(_checked(read_panel(source, options)), kind, _time_type(source, kind, options.time))


def usual_columns(source: Any, options: ReadOptions) -> ReadOptions:
    """The options, with the usual columns of a long frame where nothing else was said."""
    names = column_names(source)
    found = {role: name for role, name in _LONG.items() if name in names and getattr(options, role) is None}
    return replace(options, **found) if "y" in names else options  # type: ignore[arg-type]  # the names are these three


def column_names(source: Any) -> list[str]:
    """Of a frame; [] for anything else."""
    schema = getattr(source, "collect_schema", None)  # a lazy frame warns where it is asked for its columns
    columns = (
        schema() if callable(schema) else getattr(source, "column_names", None) or getattr(source, "columns", None)
    )
    if columns is None and isinstance(source, dict):
        columns = source
    try:
        return [str(name) for name in columns] if columns is not None else []
    except TypeError:
        return []


def frame_kind(source: Any) -> str:
    """The library that a frame is of, as narwhals calls it; "" for none."""
    for module in ("pandas", "polars", "pyarrow"):
        if module in sys.modules and type(source).__module__.split(".")[0] == module:
            return module
    return ""


def _time_type(source: Any, kind: str, time: str | int | None) -> Any:
    if not kind or not isinstance(time, str) or time not in column_names(source):
        return None
    import narwhals as nw  # a slow start

    frame = nw.from_native(source)
    return type_of(frame[time]) if isinstance(frame, nw.DataFrame) else frame.collect_schema()[time]


def _panel_of(series: Series) -> Panel:
    return Panel(
        (series.name or _UNNAMED,), np.asarray(series.values), series.dates, np.array([0, len(series)]), series.lines,
        (series.position,), series.origin, series.frequency, series.zone, series.date_format,
    )  # fmt: skip


def _checked(panel: Panel) -> Panel:
    if not len(panel) or not len(panel.values):
        raise InputError(f"{panel.origin.name}: there is no row to forecast from")
    _check_sizes(panel, panel.origin.name)
    return panel


def _check_sizes(panel: Panel, name: str) -> None:
    """Refuses a value of `name`, a file or a frame, that the forecasts of its series could not be finite with."""
    size, starts = np.abs(panel.values), panel.offsets[:-1]
    largest = np.maximum.reduceat(size, starts)  # (S,)
    least = np.minimum.reduceat(np.where(size > 0, size, np.inf), starts)  # (S,), of those that are not zero
    for s in np.flatnonzero((largest > _LARGEST) | (largest / _FARTHEST > least)).tolist():
        own = size[panel.offsets[s] : panel.offsets[s + 1]]
        wanted = f"at most {_LARGEST:g} in size: mend it, or divide the whole series"
        if largest[s] <= _LARGEST:
            middle = float(np.median(own[own > 0]))
            if largest[s] / _FARTHEST <= middle:
                continue
            wanted = f"at most {_FARTHEST:g} times the median size, {middle:.3g}: mend it"
        row = int(panel.offsets[s] + np.argmax(own))
        column = panel.columns[s if len(panel.columns) > 1 else 0]
        raise InputError(
            f"{name}:{panel.lines[row]}:{column}: series {quoted(panel.ids[s])} holds "
            f"{as_text(float(panel.values[row]))}, which no finite forecast can be made with: expected {wanted}"
        )


def check_logged(history: History) -> None:
    """Refuses values that have no logarithm: an `InputError` names the first of them."""
    panel = history.panel
    wrong = np.flatnonzero(panel.values < SMALLEST_LOGGED)
    if len(wrong):
        row = int(wrong[0])
        s = int(np.searchsorted(panel.offsets, row, "right")) - 1
        column = panel.columns[s if len(panel.columns) > 1 else 0]
        raise InputError(
            f"{panel.origin.name}:{panel.lines[row]}:{column}: series {quoted(panel.ids[s])} holds "
            f"{as_text(float(panel.values[row]))}, and logarithms need values above 0, at least {SMALLEST_LOGGED:g}: "
            "leave out log=True (--log)"
        )


def dates_after(history: History, s: int, count: int) -> Dates:
    """The dates (count,) of the rows that follow series s; numbers where the rows are numbered.

    An `InputError` where the dates have no frequency to go on by.
    """
    panel, last = history.panel, history.last_date(s)
    rows = int(panel.offsets[s + 1] - panel.offsets[s])
    if last is None:
        return np.arange(rows + 1, rows + count + 1)
    if panel.frequency is None:
        raise InputError(
            f"{panel.origin.name}: its rows come at no steady rate, so that what follows {last} has no date: "
            "give the frequency (ReadOptions(frequency='day'), --freq day), resample (--resample day), or number the "
            "rows in place of dates (ReadOptions(time='none'), --time none)"
        )
    return panel.frequency.after(last, count)


def append(history: History, more: History) -> History:
    """The history with further rows of its series, which must follow on where each ends.

    An `InputError` names the series and the dates where they do not.
    """
    old, new = history.panel, more.panel
    if len(old) == 1 and len(new) == 1 and more.panel.dates is None and old.dates is not None:
        new = replace(new, dates=dates_after(history, 0, len(new.values)), frequency=old.frequency)
    if len(old) == 1 and len(new) == 1 and _UNNAMED in (*old.ids, *new.ids):
        new = replace(new, ids=old.ids)
    fitted = set(old.ids)
    unknown = [name for name in new.ids if name not in fitted]
    if unknown:
        raise InputError(f"update: no series {quoted(unknown[0])} was fitted: fit anew with it")
    place = {name: s for s, name in enumerate(new.ids)}
    values, dates, lines = [], [], []
    for s, name in enumerate(old.ids):
        rows = slice(int(old.offsets[s]), int(old.offsets[s + 1]))
        values.append(old.values[rows])
        lines.append(np.asarray(old.lines[rows], np.int64))
        dates.append(old.dates[rows] if old.dates is not None else None)
        if name in place:
            added = slice(int(new.offsets[place[name]]), int(new.offsets[place[name] + 1]))
            values.append(new.values[added])
            lines.append(np.asarray(new.lines[added], np.int64))
            dates.append(_following(history, s, new, added))
    lengths = [len(old.values[old.offsets[s] : old.offsets[s + 1]]) for s in range(len(old))]
    counts = [n + (len(new[place[name]]) if name in place else 0) for n, name in zip(lengths, old.ids, strict=True)]
    grown = replace(
        old, values=np.concatenate(values), offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        dates=None if old.dates is None else np.concatenate([d for d in dates if d is not None]),
        lines=np.concatenate(lines), origin=replace(old.origin, changes=old.origin.changes + new.origin.changes),
    )  # fmt: skip
    _check_sizes(grown, new.origin.name)
    return History(grown, history.kind, history.time_type)


def _following(history: History, s: int, new: Panel, added: slice) -> Any:
    """The new rows' dates, checked."""
    old = history.panel
    if old.dates is None:
        return None
    if new.dates is None:
        raise InputError(f"update: the rows of {quoted(old.ids[s])} need dates, since those before have some")
    wanted = dates_after(history, s, added.stop - added.start)
    came = new.dates[added].astype(wanted.dtype) if new.dates.dtype.kind == wanted.dtype.kind else new.dates[added]
    wrong = np.flatnonzero(came != wanted)
    if len(wrong):
        raise InputError(
            f"update: series {quoted(old.ids[s])} ends at {history.last_date(s)}, so that its row {wrong[0] + 1} must "
            f"be {wanted[wrong[0]]}, got {came[wrong[0]]}: give the rows that follow, none left out"
        )
    return wanted


def check_season(season: object) -> int | None:
    """Rows in a season, or None; an `OptionError` for what is neither."""
    if season is None:
        return None
    if isinstance(season, bool) or not isinstance(season, int | np.integer) or not 1 <= int(season) <= 1_000_000:
        raise OptionError(f"season: expected the rows in a season, such as 12, 1 for none, or None, got {season!r}")
    return int(season)
