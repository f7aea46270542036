"""The parts in time that tuning splits series in: rows to learn from, to validate on, and to compare on unseen."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import InputError
from timeglass.forecast.covariates import Beside
from timeglass.forecast.held_back import rows_held_back
from timeglass.forecast.history import History
from timeglass.forecast.layout import layout_for
from timeglass.forecast.members import FEWEST_WINDOWS
from timeglass.forecast.settings import Task
from timeglass.forecast.simple import sort_out
from timeglass.forecast.sweep import Judged
from timeglass.forecast.windows import Channels
from timeglass.words import counted

__all__ = ["Split", "split_rows"]

_LEAST_LEARNED = 8  # rows of a series, as in `hold_back`
_MOST_ORIGINS = 200  # of each series, among the unseen rows
# Training on all windows of a large panel takes minutes for each setting: a search draws some of its series.
_MANY_WINDOWS, _SEARCHED_WINDOWS, _SEARCHED_SERIES = 20_000, 6_000, 100


@dataclass(frozen=True, eq=False)
class Split:
    """What settings are judged on; the origins among the unseen rows, `stride` rows apart; covariates of all series.

    The covariates are in units that neither the rows to validate on nor the unseen ones had a part in. `windows` is how
    many all series have to learn from; `sample` says in words what of them settings are judged on, "" for all.
    """

    judged: Judged
    origins: int
    stride: int
    channels: Channels | None = None
    windows: int = 1
    sample: str = ""


def split_rows(history: History, task: Task, beside: Beside | None = None) -> Split:
    """Splits the rows of every series, and what stands `beside` them.

    An `InputError` where the rows are too few, with how many it takes.
    """
    series = history.series
    varied = list(sort_out(history.panel.ids, series).learned)
    lengths = [len(series[s]) for s in varied] or [len(y) for y in series]
    origins, stride, unseen = _unseen(lengths, task.horizon)
    held = rows_held_back([n - unseen for n in lengths], task.horizon)
    least = max(_LEAST_LEARNED, task.horizon + 2)
    long = [s for s in varied if len(series[s]) - unseen - held >= least]
    channels = None if beside is None else beside.for_fit(history, task.horizon, unseen)[1]
    windows = _windows([len(series[s]) - unseen - held for s in long], task)
    some, most = _drawn(windows)
    chosen = [long[i] for i in some.tolist()]
    judged = Judged(
        tuple(series[s][: len(series[s]) - unseen] for s in chosen), held, task.period,
        None if channels is None else channels.of(chosen), most,
    )  # fmt: skip
    if windows.sum() < FEWEST_WINDOWS or not (judged.scale > 0).any():
        raise InputError(_too_few(history, lengths, task))
    sample = "" if most is None else f"searched on {len(some):,} of {len(long):,} series, by at most {most:,} windows"
    return Split(judged, origins, stride, channels, int(windows.sum()), sample)


def _drawn(windows: NDArray[np.int64]) -> tuple[NDArray[np.int64], int | None]:
    """Places of the series that a search looks at, and how many of their windows it learns from; None for all."""
    every = np.arange(len(windows))
    if len(windows) <= _SEARCHED_SERIES or windows.sum() <= _MANY_WINDOWS:
        return every, None
    count = max(_SEARCHED_SERIES, -(-_SEARCHED_WINDOWS * len(windows) // int(windows.sum())))
    rng = np.random.default_rng(0)  # whatever the task's seed: processes that share a study may differ in it
    return np.sort(rng.choice(every, count, replace=False)), _SEARCHED_WINDOWS


def _unseen(lengths: list[int], horizon: int) -> tuple[int, int, int]:
    """How many origins there are among the rows that a search does not see, how far apart, and the rows."""
    span = rows_held_back(lengths, horizon) - horizon
    stride = max(1, -(-span // _MOST_ORIGINS))
    origins = span // stride + 1
    return origins, stride, horizon + (origins - 1) * stride


def _windows(learned: list[int], task: Task) -> NDArray[np.int64]:
    """How many windows there are to train on in each series, as in `training_origins`."""
    if not learned:
        return np.zeros(0, np.int64)
    layout = layout_for(learned, task)
    rows = np.array(learned)
    first = np.maximum(1, np.minimum(layout.first, rows - layout.horizon))
    return np.maximum(0, rows - layout.horizon - first + 1)


def _too_few(history: History, lengths: list[int], task: Task) -> str:
    """With the rows that each of so many series would need."""

    def enough(rows: int) -> bool:
        each = [rows] * len(lengths)
        learned = rows - _unseen(each, task.horizon)[2]
        learned -= rows_held_back([learned] * len(lengths), task.horizon)
        long = learned >= max(_LEAST_LEARNED, task.horizon + 2)
        return long and _windows([learned] * len(lengths), task).sum() >= FEWEST_WINDOWS

    name, most = history.panel.origin.name, 64 * (task.horizon + task.period + _LEAST_LEARNED)
    need = bisect_left(range(most), True, key=enough)
    if max(lengths) >= need:
        return (
            f"{name}: in the rows to learn from its series stay as they are, or repeat each season: there is nothing "
            "to tune"
        )
    return (
        f"{name}: {counted(max(lengths), 'row')} in the longest series; to learn, validate and compare on unseen "
        f"rows with a horizon of {task.horizon}, at least {need} are needed: give more rows, or ask for a shorter "
        "horizon"
    )
