"""One time series, with its dates and the place that each value came from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.series.dates import date_label
from timeglass.types import Array

__all__ = ["Series"]


@dataclass(frozen=True)
class Series:
    """Values in time order, all finite.

    `dates` is None where the file has none that can be read. `lines` holds the line of each value in
    its file, from 1. `notes` says in plain words what the reader decided by itself.
    """

    values: Array  # (rows,)
    dates: NDArray[np.datetime64] | None  # (rows,), in years, quarters [3M], months, days, hours or minutes
    lines: NDArray[np.int64]  # (rows,)
    name: str  # the value column's
    source: str  # file name or address
    sha256: str  # of the file's bytes
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def monthly(self) -> bool:
        """Whether the rows are consecutive months."""
        if self.dates is None or np.datetime_data(self.dates.dtype) != ("M", 1):
            return False
        return bool((np.diff(self.dates).astype(np.int64) == 1).all())

    def label(self, row: int) -> str:
        """What a row is called in messages: its date, or its number from 1."""
        return date_label(self.dates[row]) if self.dates is not None else f"row {row + 1}"

    def axis(self) -> Array:
        """What a plot has along its time axis: the dates, years as plain numbers, or the rows' numbers from 1."""
        if self.dates is not None and np.datetime_data(self.dates.dtype)[0] == "Y":
            return self.dates.astype(np.int64) + 1970  # a calendar for plots begins with the year 1
        return self.dates if self.dates is not None else np.arange(1, len(self) + 1)
