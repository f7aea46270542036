"""Reads the dates of a series and checks that they run on without gap, repetition or step back."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import DataError
from timeglass.words import quoted

__all__ = ["date_label", "read_dates"]

# Years come last: four digits may be anything, so they are years only where the first row has them.
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?")
_QUARTER = re.compile(r"([0-9]{4})-?Q([0-9])")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:00)?")
_YEAR = re.compile(r"[0-9]{4}|[+-][0-9]{4,6}")  # ISO 8601 wants a sign where there are more digits, or less than none
_FORMS = {_ISO: "D", _QUARTER: "3M", _TIME: "m", _YEAR: "Y"}
_STEPS = {("Y", 1): "year", ("M", 3): "quarter", ("M", 1): "month", ("D", 1): "day", ("h", 1): "hour"}

Dates = NDArray[np.datetime64]


def read_dates(
    texts: Sequence[str], lines: NDArray[np.int64], source: str, column: str
) -> tuple[Dates | None, tuple[str, ...]]:
    """Dates in months or days, or None with a note where no row's is written 1749-01 or 1749-01-31.

    Also read are years (1871, -6000), quarters (1960Q1) and hours or minutes (2013-05-01T06:00, without a time zone).
    """
    form, pattern = next(((f, t) for f in _FORMS for t in texts if f.fullmatch(t)), (None, ""))
    if form is None or (form is _YEAR and not _YEAR.fullmatch(texts[0])):
        return None, (f"column {quoted(column)} is not written as 1749-01 or 1749-01-31: rows are numbered instead",)
    unit = "M" if len(pattern) == 7 and form is _ISO else _FORMS[form]
    dates = np.empty(len(texts), dtype=f"datetime64[{unit}]")
    for i, text in enumerate(texts):
        try:
            if not form.fullmatch(text) or (form is not _YEAR and len(text) != len(pattern)):
                raise ValueError(f"expected a date written as {pattern}")
            dates[i] = _date(text, unit)
        except ValueError as error:
            reason = str(error) if str(error).startswith("expected") else "there is no such date"
            raise DataError(f"{source}:{lines[i]}:1: column {quoted(column)} holds {quoted(text)}: {reason}") from None
    dates = _coarsest(dates, unit)
    _check_order(dates, lines, source)
    return dates, _check_steps(dates, lines, source)


def _date(text: str, unit: str) -> np.datetime64 | str:
    """What NumPy takes for the date; it refuses a 13th month itself."""
    if unit == "Y":
        return np.datetime64(int(text) - 1970, "Y")
    if unit == "3M":
        month = 3 * int(text[-1]) - 2
        return np.datetime64(f"{text[:4]}-{month:02d}" if 1 <= month <= 12 else "no date", "M")
    return text


def _coarsest(dates: Dates, unit: str) -> Dates:
    """Days that are all the first of their month as months, minutes that are all full hours as hours."""
    if unit in ("D", "m"):
        coarser = dates.astype("datetime64[M]" if unit == "D" else "datetime64[h]")
        return coarser if (dates == coarser).all() else dates
    return dates


def date_label(date: np.datetime64) -> str:
    """A date as it is written in files.

    >>> date_label(np.datetime64("1749-01")), date_label(np.datetime64("1960-04", "3M"))
    ('1749-01', '1960Q2')
    >>> date_label(np.datetime64(-600 - 1970, "Y")), date_label(np.datetime64("2013-05-01T06", "h"))
    ('-0600', '2013-05-01T06:00')
    """
    unit, count = np.datetime_data(date.dtype)
    if unit == "Y":
        year = int(date.astype(np.int64)) + 1970
        return f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    if (unit, count) == ("M", 3):
        year, quarter = divmod(int(date.astype(np.int64)), 4)
        return f"{year + 1970:04d}Q{quarter + 1}"
    return str(date.astype("datetime64[m]")) if unit == "h" else str(date)


def _check_order(dates: Dates, lines: NDArray[np.int64], source: str) -> None:
    steps = np.diff(dates).astype(np.int64)
    if (steps > 0).all():
        return
    i = int(np.argmax(steps <= 0))
    before, after = date_label(dates[i]), date_label(dates[i + 1])
    if steps[i] == 0:
        raise DataError(f"{source}:{lines[i + 1]}:1: lines {lines[i]} and {lines[i + 1]} both say {before}: keep one")
    raise DataError(f"{source}:{lines[i + 1]}:1: {after} comes after {before} (line {lines[i]}): sort the rows by date")


def _check_steps(dates: Dates, lines: NDArray[np.int64], source: str) -> tuple[str, ...]:
    steps = np.diff(dates).astype(np.int64)
    if len(steps) == 0 or (steps == steps[0]).all():
        return ()
    kinds, often = np.unique(steps, return_counts=True)
    usual = int(kinds[np.argmax(often)])  # of equally many, the shorter
    i = int(np.argmax(steps != usual))
    between = f"between lines {lines[i]} and {lines[i + 1]}"
    step = _STEPS.get(np.datetime_data(dates.dtype), "minute")
    if step in ("year", "quarter", "month"):
        raise DataError(
            f"{source}:{lines[i + 1]}:1: the step from {date_label(dates[i])} to {date_label(dates[i + 1])} {between} "
            f"is not the {usual} {step}(s) of the other rows: fill in the missing rows"
        )
    counts = dict(zip(kinds, often, strict=True))
    shown = ", ".join(f"{count} of {size} {step}s" for size, count in list(counts.items())[:4])
    return (
        f"the dates are not evenly spaced (steps: {shown}; the first other step is {between}); rows are used as such",
    )
