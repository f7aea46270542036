"""The parts in time that tuning splits series in: rows to learn from, to validate on, and to compare on unseen."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from timeglass.errors import InputError
from timeglass.forecast.covariates import Beside
from timeglass.forecast.held_back import rows_held_back
from timeglass.forecast.history import History
from timeglass.forecast.layout import layout_for
from timeglass.forecast.settings import Task
from timeglass.forecast.simple import sort_out
from timeglass.forecast.sweep import Judged
from timeglass.forecast.windows import Channels

__all__ = ["Split", "split_rows"]

_LEAST_LEARNED = 8  # rows of a series, as in `hold_back`
_FEWEST_WINDOWS = 8  # of all series together
_MOST_ORIGINS = 200  # of each series, among the unseen rows


@dataclass(frozen=True, eq=False)
class Split:
    """What settings are judged on; the origins among the unseen rows, `stride` rows apart; covariates of all series.

    The covariates are in units that neither the rows to validate on nor the unseen ones had a part in.
    """

    judged: Judged
    origins: int
    stride: int
    channels: Channels | None = None


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
    judged = Judged(
        tuple(series[s][: len(series[s]) - unseen] for s in long), held, task.period,
        None if channels is None else channels.of(long),
    )  # fmt: skip
    windows = _windows([len(y) - held for y in judged.series], task)
    if windows < _FEWEST_WINDOWS or not (judged.scale > 0).any():
        raise InputError(_too_few(history, lengths, task))
    return Split(judged, origins, stride, channels)


def _unseen(lengths: list[int], horizon: int) -> tuple[int, int, int]:
    """How many origins there are among the rows that a search does not see, how far apart, and the rows."""
    span = rows_held_back(lengths, horizon) - horizon
    stride = max(1, -(-span // _MOST_ORIGINS))
    origins = span // stride + 1
    return origins, stride, horizon + (origins - 1) * stride


def _windows(learned: list[int], task: Task) -> int:
    """How many windows there are to train on, as in `training_origins`."""
    if not learned:
        return 0
    layout = layout_for(learned, task)
    rows = np.array(learned)
    first = np.maximum(1, np.minimum(layout.first, rows - layout.horizon))
    return int(np.maximum(0, rows - layout.horizon - first + 1).sum())


def _too_few(history: History, lengths: list[int], task: Task) -> str:
    """With the rows that each of so many series would need."""

    def enough(rows: int) -> bool:
        each = [rows] * len(lengths)
        learned = rows - _unseen(each, task.horizon)[2]
        learned -= rows_held_back([learned] * len(lengths), task.horizon)
        long = learned >= max(_LEAST_LEARNED, task.horizon + 2)
        return long and _windows([learned] * len(lengths), task) >= _FEWEST_WINDOWS

    name, most = history.panel.origin.name, 64 * (task.horizon + task.period + _LEAST_LEARNED)
    need = bisect_left(range(most), True, key=enough)
    if max(lengths) >= need:
        return (
            f"{name}: in the rows to learn from its series stay as they are, or repeat each season: there is nothing "
            "to tune"
        )
    return (
        f"{name}: {max(lengths)} rows in the longest series; to learn, validate and compare on unseen rows with a "
        f"horizon of {task.horizon}, at least {need} are needed: give more rows, or ask for a shorter horizon"
    )
