"""Cuts a series into windows and targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.prepare.checks import whole_number
from timeglass.series.series import Series
from timeglass.types import Array

__all__ = ["DirectWindows", "Part", "Windows", "count_windows", "cut_windows", "direct_windows"]


class Windows(NamedTuple):
    """N windows of T steps, each with the value after it."""

    x: Array  # (N, T)
    y: Array  # (N,)
    target_rows: NDArray[np.int64]  # (N,): which of the rows each target is


class Part(NamedTuple):
    """The training or the test part: its values, and its windows."""

    values: Array  # (rows,)
    windows: Windows


def count_windows(rows: int, time_steps: int, stride: int) -> int:
    """How many windows of T steps with a target fit into that many rows.

    >>> count_windows(2256, 12, stride=12), count_windows(2256, 12, stride=1)
    (187, 2244)
    """
    return max(0, (rows - time_steps - 1) // stride + 1)


def cut_windows(values: Array, time_steps: int, *, stride: int) -> Windows:
    """Windows that begin `stride` rows apart: the tutorial's for stride = T, all there are for stride = 1.

    >>> cut_windows(np.arange(7), 3, stride=3).x.tolist()
    [[0, 1, 2], [3, 4, 5]]
    >>> cut_windows(np.arange(7), 3, stride=3).y.tolist()
    [3, 6]
    """
    starts = np.arange(count_windows(len(values), time_steps, stride)) * stride
    return Windows(values[starts[:, None] + np.arange(time_steps)], values[starts + time_steps], starts + time_steps)


class DirectWindows(NamedTuple):
    """N windows of T steps, each with the K values that follow: targets of a direct forecast of K steps."""

    x: Array  # (N, T), or (N, T, F) of several columns
    y: Array  # (N, K), or (N, K, F)
    rows: NDArray[np.int64]  # (N, T): which of the rows each step is
    target_rows: NDArray[np.int64]  # (N, K): which of the rows each target is


def direct_windows(
    values: ArrayLike, time_steps: int, *, horizon: int = 1, stride: int = 1, targets: slice | None = None
) -> DirectWindows:
    """Windows of `values` (rows,) or (rows, F) that begin `stride` rows apart, each with its `horizon` targets.

    All targets of every window lie in the rows `targets`, such as a `Split`'s `test`; the steps before them may reach
    back, since they are known by then. For the training windows give `targets=split.train`. An `InputError` where
    not one window fits. `stride=1` gives all there are; `stride=time_steps` the tutorial's, with `horizon=1`.

    >>> windows = direct_windows(np.arange(10.0), 3, horizon=2, stride=2)
    >>> windows.x.tolist()
    [[0.0, 1.0, 2.0], [2.0, 3.0, 4.0], [4.0, 5.0, 6.0]]
    >>> windows.target_rows.tolist()
    [[3, 4], [5, 6], [7, 8]]
    >>> direct_windows(np.arange(10.0), 3, targets=slice(8, 10)).rows.tolist()
    [[5, 6, 7], [6, 7, 8]]
    """
    steps, ahead = whole_number("time_steps", time_steps, at_least=1), whole_number("horizon", horizon, at_least=1)
    stride, series = whole_number("stride", stride, at_least=1), np.asarray(values)
    if series.ndim not in (1, 2):
        raise ShapeError(f"direct_windows: expected values (rows,) or (rows, F), got {series.shape}")
    first, end, skip = (targets or slice(None)).indices(len(series))
    if skip != 1:
        raise OptionError(f"targets: expected a slice of rows without a step, got {targets}")
    # A window's first target, in all that have T rows before them and K - 1 after them.
    origins = np.arange(max(first, steps), end - ahead + 1, stride)
    if len(origins) == 0:
        of = (
            f"{values.source}, lines {values.lines[0]} to {values.lines[-1]}: "
            if isinstance(values, Series) and len(series)
            else ""
        )
        raise InputError(
            f"{of}{len(series)} rows, targets in rows {first + 1} to {end}: no window fits with time_steps {steps} and "
            f"horizon {ahead}: {steps + ahead} rows are needed, {ahead} of them targets"
        )
    rows, target_rows = origins[:, None] + np.arange(-steps, 0), origins[:, None] + np.arange(ahead)
    return DirectWindows(series[rows], series[target_rows], rows, target_rows)
