"""The window of a series whose forecast is for a given date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from timeglass.errors import InputError, OptionError
from timeglass.series.dates import date_label
from timeglass.series.series import Series
from timeglass.types import Array
from timeglass.words import counted

__all__ = ["ChosenWindow", "window_before"]


@dataclass(frozen=True)
class ChosenWindow:
    """T rows of a series, in its own units, and what came after them."""

    values: Array  # (T,)
    labels: tuple[str, ...]  # (T,): dates, or rows' numbers
    target: str  # what the row after them is called
    actual: float | None  # its value; None where the series ends before it
    place: str  # where the rows stand: data.csv, lines 2 to 13


def window_before(series: Series, time_steps: int, when: str | None = None) -> ChosenWindow:
    """The T rows before the date `when`, written as in the series, or before the row of that number where it has none.

    It may be the one after the last row, which None means: the forecast of what is not known yet. An `OptionError`
    says which dates have a window.
    """
    rows = len(series)
    if rows < time_steps:
        raise InputError(f"{series.source}: {rows} rows, but the model's window has {time_steps}: give more rows")
    known = [*(series.label(row).removeprefix("row ") for row in range(rows)), _after(series)]
    wanted = known[-1] if when is None else when.strip()
    if wanted not in known[time_steps:]:
        what = "date" if series.dates is not None else "row"
        raise OptionError(
            f"--date {wanted}: no {what} of {series.source} with {time_steps} rows before it: "
            f"choose {known[time_steps]} to {known[-1]}, written like that"
        )
    at = known.index(wanted, time_steps)
    actual = float(series.values[at]) if at < rows else None
    steps = slice(at - time_steps, at)
    return ChosenWindow(
        series.values[steps], tuple(known[steps]), wanted, actual, _place(series, steps.start, steps.stop - 1)
    )


def _place(series: Series, first: int, last: int) -> str:
    lines = series.lines[first : last + 1]
    known = lines[lines > 0]
    if len(known) == 0:
        return f"{series.source}, rows that were filled in"
    filled = f", and {counted(len(lines) - len(known), 'row')} filled in" if len(known) < len(lines) else ""
    return f"{series.source}, lines {known.min()} to {known.max()}{filled}"


def _after(series: Series) -> str:
    """The row after the last: by the frequency, or as far from it as the steps usually are."""
    if series.dates is None or len(series) < 2:
        return str(len(series) + 1)
    if series.frequency is not None:
        return date_label(series.frequency.after(series.dates[-1], 1)[0], series.date_format)
    steps, often = np.unique(np.diff(series.dates), return_counts=True)
    return date_label(series.dates[-1] + steps[np.argmax(often)], series.date_format)
