"""A long frame of forecasts as arrays: whose each row is, what came, and what each model said, with its intervals."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import DataError, InputError, OptionError
from timeglass.read.frames import name_of_frame
from timeglass.types import Array
from timeglass.words import quoted, shown

__all__ = ["CUTOFF", "FORBIDDEN", "Columns", "Forecasts", "Training", "open_frame", "read_forecasts", "read_training"]

CUTOFF = "cutoff"  # the last time that a forecast of a backtest has seen
FORBIDDEN = ("metric", "scored", "left_out")  # columns of the tables of scores
_BOUND = re.compile(r"(?P<model>.+)-(?P<side>lo|hi)-(?P<level>\d+(?:\.\d+)?)", re.DOTALL)


@dataclass(frozen=True)
class Columns:
    """What the three columns of a long frame are called."""

    time: str
    id: str
    target: str


@dataclass(frozen=True, eq=False)
class Forecasts:
    """R rows of G groups: a group is a series, or in a backtest a series and a cutoff."""

    frame: Any  # the narwhals frame
    keys: tuple[str, ...]  # the columns that tell groups apart
    groups: NDArray[np.int64]  # (R,): the group of each row, numbered in order of appearance
    first_rows: NDArray[np.int64]  # (G,): where each group appears first
    ids: Array  # (G,)
    cutoffs: Array | None  # (G,)
    begins: Array  # (G,): the earliest time of each
    actual: Array  # (R,)
    models: dict[str, Array]  # (R,) each
    bounds: dict[tuple[str, str, float], Array]  # of (model, "lo" or "hi", level in percent): (R,)

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of all intervals, in percent."""
        return tuple(sorted({level for _, _, level in self.bounds}))

    def name_of(self, group: int) -> str:
        """What a group is called in messages."""
        cutoff = "" if self.cutoffs is None else f" with cutoff {self.cutoffs[group]}"
        return f"series {quoted(str(self.ids[group]))}{cutoff}"


@dataclass(frozen=True, eq=False)
class Training:
    """The training rows of the same groups, group after group and in time order."""

    groups: NDArray[np.int64]  # (rows,)
    values: Array  # (rows,)
    counts: NDArray[np.int64]  # (G,), all at least 1


def open_frame(source: Any, who: str) -> Any:
    """`source` as an eager narwhals frame; an `InputError` where it is no frame. A lazy one is collected."""
    import narwhals as nw  # a slow start

    try:
        frame: Any = nw.from_native(source)
        frame = frame.collect() if isinstance(frame, nw.LazyFrame) else frame
    except TypeError:
        raise InputError(f"{who}: expected a data frame that narwhals knows, got {name_of_frame(source)}") from None
    except Exception as error:  # two columns of one name, and whatever else a library says of its frame
        raise DataError(f"{who}: {shown(' '.join(str(error).split()))}") from None
    if not len(frame):
        raise DataError(f"{who}: the frame has no rows: give at least one")
    return frame


def read_forecasts(source: Any, columns: Columns) -> Forecasts:
    """The rows of a frame with a column for each model, and two for each interval: `model-lo-90`, `model-hi-90`."""
    frame = open_frame(source, "frame")
    _require(frame, "frame", columns)
    named = (columns.id, columns.time, columns.target)
    keys = (columns.id, CUTOFF) if CUTOFF in frame.columns and CUTOFF not in named else (columns.id,)
    plain = [name for name in frame.columns if name not in (*named, *keys)]
    parts = {name: match for name in plain if (match := _BOUND.fullmatch(name))}
    models = [name for name in plain if name not in parts]
    bounds = {name: (match["model"], match["side"], float(match["level"])) for name, match in parts.items()}
    _check_models(models, bounds)
    key_values, times = [_key(frame, key, "frame") for key in keys], _key(frame, columns.time, "frame")
    groups, first_rows = _numbered(key_values)
    order = _in_time_order(groups, times, "frame")
    numbers = {name: _numbers(frame, name, "frame", key_values[0], times) for name in (columns.target, *plain)}
    found = Forecasts(
        frame, keys, groups, first_rows, key_values[0][first_rows],
        key_values[1][first_rows] if len(keys) > 1 else None,
        times[order[np.searchsorted(groups[order], np.arange(len(first_rows)))]],
        numbers[columns.target], {name: numbers[name] for name in models},
        {bound: numbers[name] for name, bound in bounds.items()},
    )  # fmt: skip
    _check_order(found)
    return found


def read_training(source: Any, columns: Columns, forecasts: Forecasts) -> Training:
    """The training part of each group: the rows up to its cutoff, or without one those of its series.

    A `DataError` where a series has none, and where training rows are as late as a forecast. Other series are left out.
    """
    frame = open_frame(source, "train")
    _require(frame, "train", columns)
    ids, times = _key(frame, columns.id, "train"), _key(frame, columns.time, "train")
    values = _numbers(frame, columns.target, "train", ids, times)
    _check_alike(times, forecasts.begins if forecasts.cutoffs is None else forecasts.cutoffs)
    series, first_rows = _numbered([ids])
    order = _in_time_order(series, times, "train")
    places = dict(zip(ids[first_rows].tolist(), range(len(first_rows)), strict=True))
    starts = np.searchsorted(series[order], np.arange(len(first_rows) + 1))
    parts = []
    for group, name in enumerate(forecasts.ids.tolist()):
        place = places.get(name)
        rows = order[:0] if place is None else order[starts[place] : starts[place + 1]]
        parts.append(values[_before(forecasts, group, rows, times)])
    counts = np.array([len(part) for part in parts])
    return Training(np.repeat(np.arange(len(parts)), counts), np.concatenate(parts), counts)


def _before(forecasts: Forecasts, group: int, rows: NDArray[np.int64], times: Array) -> NDArray[np.int64]:
    """Those of the `rows` of one series that its forecasts may have seen."""
    if forecasts.cutoffs is not None:
        rows = rows[times[rows] <= forecasts.cutoffs[group]]
    elif len(rows) and times[rows[-1]] >= forecasts.begins[group]:
        raise DataError(
            f"train: {forecasts.name_of(group)} has rows up to {times[rows[-1]]}, and its forecasts begin at "
            f"{forecasts.begins[group]}: give only the rows before them"
        )
    if not len(rows):
        raise DataError(f"train: no rows before the forecasts of {forecasts.name_of(group)}: give its training part")
    return rows


def _require(frame: Any, who: str, columns: Columns) -> None:
    """That the three columns are there, and are three."""
    names = {"id": columns.id, "time": columns.time, "target": columns.target}
    for option, name in names.items():
        if name not in frame.columns:
            near = difflib.get_close_matches(str(name), frame.columns, n=1, cutoff=0.5)
            hint = f"did you mean {quoted(near[0])}? " if near else ""
            if name in (getattr(getattr(frame.to_native(), "index", None), "names", None) or ()):
                hint = "it is the index: reset_index() makes a column of it. "
            there = ", ".join(map(quoted, frame.columns[:8])) + ", …" * (len(frame.columns) > 8)
            raise DataError(f"{who}: no column {quoted(str(name))}: {hint}{option}= names it, and there are {there}")
    if columns.id in FORBIDDEN:
        raise OptionError(f"id: {columns.id!r} is a column of the scores: rename it")
    if len(set(names.values())) < len(names):
        raise OptionError(f"id, time and target: expected three columns, got {', '.join(map(quoted, names.values()))}")


def _check_models(models: list[str], bounds: dict[str, tuple[str, str, float]]) -> None:
    """That there are forecasts, that each interval is one of them and has two ends, and that no name is taken."""
    if not models:
        raise DataError("frame: no forecasts: expected a column for each model beside id, time and target")
    for name in models:
        if name in FORBIDDEN:
            raise DataError(f"frame: a model may not be called {name!r}, as a column of the scores is: rename it")
    for name, (model, side, level) in bounds.items():
        if model not in models:
            raise DataError(
                f"frame: column {quoted(name)} is an interval of a column {quoted(model)}, which is not there"
            )
        if (model, "hi" if side == "lo" else "lo", level) not in bounds.values():
            raise DataError(f"frame: column {quoted(name)} is one end of an interval: the other end is not there")


def _key(frame: Any, name: str, who: str) -> Array:
    """A column of names or times (R,), none of them missing."""
    column = frame[name]
    if column.null_count():
        row = int(np.argmax(column.is_null().to_numpy()))
        raise DataError(
            f"{who}: row {row + 1} of column {quoted(name)} is empty: fill it or leave the row out", row=row
        )
    return np.asarray(column.to_numpy())


def _numbers(frame: Any, name: str, who: str, ids: Array, times: Array) -> Array:
    """A column of finite numbers (R,); a `DataError` names the first row that holds none."""
    import narwhals as nw

    column = frame[name]
    if not column.dtype.is_numeric():
        raise DataError(
            f"{who}: column {quoted(name)} holds {column.dtype}, expected numbers: leave it out or convert it"
        )
    values = np.asarray(column.cast(nw.Float64).to_numpy(), dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"{who}: {_label(row, ids, times)} has {values[row]} in column {quoted(name)}, and {len(bad) - 1} more "
            "rows have no finite number there: fill them or leave those rows out",
            row=row,
        )
    return values


def _numbered(keys: list[Array]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The group of each row (R,), numbered in order of appearance, and the first row of each (G,)."""
    numbers: dict[Any, int] = {}
    rows = zip(*(key.tolist() for key in keys), strict=True)
    groups = np.array([numbers.setdefault(row, len(numbers)) for row in rows], dtype=np.int64)
    return groups, np.unique(groups, return_index=True)[1].astype(np.int64)


def _in_time_order(groups: NDArray[np.int64], times: Array, who: str) -> NDArray[np.int64]:
    """The rows (R,) group after group and in time order; a `DataError` where a group has a time twice."""
    try:
        order = np.argsort(times, kind="stable")
    except TypeError as error:
        raise DataError(f"{who}: the times cannot be put in order: {shown(str(error))}") from None
    order = order[np.argsort(groups[order], kind="stable")]
    again = (groups[order][1:] == groups[order][:-1]) & (times[order][1:] == times[order][:-1])
    if again.any():
        at = int(np.argmax(again))
        first, second = order[at] + 1, order[at + 1] + 1
        backtest = f"; the forecasts of a backtest need the column {CUTOFF!r}" if who == "frame" else ""
        raise DataError(f"{who}: rows {first} and {second} are of one series and one time: give each once{backtest}")
    return order


def _check_order(forecasts: Forecasts) -> None:
    for (model, side, level), low in forecasts.bounds.items():
        high = forecasts.bounds[model, "hi", level]
        if side == "lo" and (low > high).any():
            row = int(np.argmax(low > high))
            group = forecasts.name_of(int(forecasts.groups[row]))
            raise DataError(
                f"frame: row {row + 1} ({group}): the {level:g} % interval of {quoted(model)} ends at {high[row]:g}, "
                f"below its beginning {low[row]:g}: are lo and hi swapped?",
                row=row,
            )


def _check_alike(times: Array, others: Array) -> None:
    """That the times of the two frames can be compared."""
    kinds = ["number" if array.dtype.kind in "iuf" else array.dtype.kind for array in (times, others)]
    try:
        if kinds[0] != kinds[1]:
            raise TypeError
        _ = times[:1] < others[:1]
    except TypeError:
        raise DataError(
            f"train: its times are {times.dtype}, those of the frame {others.dtype}: give both as the same type"
        ) from None


def _label(row: int, ids: Array, times: Array) -> str:
    return f"row {row + 1} (series {quoted(str(ids[row]))}, {times[row]})"
