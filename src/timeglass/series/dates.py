"""Reads the dates of a series and checks that they run on without gap, repetition or step back."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import DataError
from timeglass.words import quoted

__all__ = ["read_dates"]

_ISO = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")

Dates = NDArray[np.datetime64]


def read_dates(
    texts: Sequence[str], lines: NDArray[np.int64], source: str, column: str
) -> tuple[Dates | None, tuple[str, ...]]:
    """Dates in months or days, or None with a note where no row's is written 1749-01 or 1749-01-31."""
    pattern = next((text for text in texts if _ISO.fullmatch(text)), None)
    if pattern is None:
        return None, (f"column {quoted(column)} is not written as 1749-01 or 1749-01-31: rows are numbered instead",)
    unit = "M" if len(pattern) == 7 else "D"
    dates = np.empty(len(texts), dtype=f"datetime64[{unit}]")
    for i, text in enumerate(texts):
        try:
            if not _ISO.fullmatch(text) or len(text) != len(pattern):
                raise ValueError(f"expected a date written as {pattern}")
            dates[i] = text  # NumPy reads it, and refuses a 13th month
        except ValueError as error:
            reason = str(error) if str(error).startswith("expected") else "there is no such date"
            raise DataError(f"{source}:{lines[i]}:1: column {quoted(column)} holds {quoted(text)}: {reason}") from None
    months = dates.astype("datetime64[M]")
    if unit == "D" and (dates == months).all():
        dates = months
    _check_order(dates, lines, source)
    return dates, _check_steps(dates, lines, source)


def _check_order(dates: Dates, lines: NDArray[np.int64], source: str) -> None:
    steps = np.diff(dates).astype(np.int64)
    if (steps > 0).all():
        return
    i = int(np.argmax(steps <= 0))
    if steps[i] == 0:
        raise DataError(f"{source}:{lines[i + 1]}:1: lines {lines[i]} and {lines[i + 1]} both say {dates[i]}: keep one")
    raise DataError(
        f"{source}:{lines[i + 1]}:1: {dates[i + 1]} comes after {dates[i]} (line {lines[i]}): sort the rows by date"
    )


def _check_steps(dates: Dates, lines: NDArray[np.int64], source: str) -> tuple[str, ...]:
    steps = np.diff(dates).astype(np.int64)
    if len(steps) == 0 or (steps == steps[0]).all():
        return ()
    kinds, often = np.unique(steps, return_counts=True)
    usual = int(kinds[np.argmax(often)])  # of equally many, the shorter
    i = int(np.argmax(steps != usual))
    between = f"between lines {lines[i]} and {lines[i + 1]}"
    if np.datetime_data(dates.dtype)[0] == "M":
        raise DataError(
            f"{source}:{lines[i + 1]}:1: the step from {dates[i]} to {dates[i + 1]} {between} is not the "
            f"{usual} month(s) of the other rows: fill in the missing rows"
        )
    counts = dict(zip(kinds, often, strict=True))
    shown = ", ".join(f"{count} of {step} days" for step, count in list(counts.items())[:4])
    return (
        f"the dates are not evenly spaced (steps: {shown}; the first other step is {between}); rows are used as such",
    )
