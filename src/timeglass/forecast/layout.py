"""How long the networks' windows are, and in which pieces they read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from timeglass.forecast.settings import Task

__all__ = ["Layout", "choose_layout", "layout_for"]

_LONGEST_CHUNK = 200  # rows that are read at once: a longer season is left to the smoothing
_LONGEST_WINDOW = 1024
_SEASONS = 2  # in the shortest window
_MOST_SEASONS = 12
_LEAST_ROWS = 8  # in a window of a series without a season
_MOST_ROWS = 64
_SHARE = 16  # a window holds at most this part of a series, beyond the shortest
_ROW_BY_ROW = 16  # windows of so many rows are read one by one


@dataclass(frozen=True)
class Layout:
    """A window of `time_steps` rows, read `chunk` rows at a time; each window less the mean of its last `level` rows.

    `horizon` is what a network forecasts at once, `first` the fewest rows that a training window reaches back over;
    what is missing before them is the first row again.
    """

    time_steps: int
    chunk: int
    level: int
    horizon: int
    first: int


def choose_layout(lengths: Sequence[int], period: int, horizon: int, *, time_steps: int | None = None) -> Layout:
    """The windows for series of such lengths, unless `time_steps` is told.

    With a season: as many whole seasons as hold two seasons, the horizon, and a sixteenth of a series of median
    length, at most twelve. Without one: one and a half horizons, at least 8 rows.

    >>> choose_layout([126], 12, 18)
    Layout(time_steps=24, chunk=12, level=12, horizon=18, first=12)
    >>> choose_layout([2256], 12, 1).time_steps, choose_layout([20], 1, 6).time_steps
    (132, 9)
    """
    rows = int(np.median(lengths))
    season = period if 1 < period <= min(_LONGEST_CHUNK, rows // 3) else 1
    if time_steps is not None:
        steps = time_steps
        chunk = season if season > 1 and steps % season == 0 else 1 if steps <= _ROW_BY_ROW else _divisor(steps)
    elif season > 1:
        share = min(rows // _SHARE, _MOST_SEASONS * season) // season * season
        steps = max(_SEASONS * season, -(-min(horizon, rows // 2) // season) * season, share)
        steps, chunk = max(season, min(steps, _LONGEST_WINDOW // season * season)), season
    else:
        wanted = max(_LEAST_ROWS, -(-3 * min(horizon, rows) // 2), rows // _SHARE)
        steps = min(wanted, _MOST_ROWS)
        chunk = 1 if steps <= _ROW_BY_ROW else 4
        steps = -(-steps // chunk) * chunk
    return Layout(steps, chunk, season if steps >= season else 1, horizon, max(4, steps // 2))


def _divisor(steps: int) -> int:
    """The largest divisor of at most 12, so that a long window is read in few pieces."""
    return max(d for d in range(1, 13) if steps % d == 0)


def layout_for(lengths: Sequence[int], task: Task) -> Layout:
    """The windows for a task: with its strategy "recursive", a network forecasts one row."""
    layout = choose_layout(lengths, task.period, task.horizon, time_steps=task.networks.time_steps)
    one = task.networks.strategy == "recursive" or task.networks.recipe == "tutorial"
    return replace(layout, horizon=1) if one else layout
