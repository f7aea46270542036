"""Cuts a series into windows and targets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from timeglass.types import Array

__all__ = ["Part", "Windows", "count_windows", "cut_windows"]


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
