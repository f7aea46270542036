"""What a date of a series is called in messages, tables and plots."""

from __future__ import annotations

import numpy as np

from timeglass.dates.formats import DateFormat

__all__ = ["date_label"]


def date_label(date: np.datetime64 | np.int64, form: str | None = None) -> str:
    """A date as ISO 8601 writes it, quarters and weeks as the format `form` does; a whole number as it is.

    >>> date_label(np.datetime64("1749-01")), date_label(np.datetime64("1960-04"), "yyyyQq")
    ('1749-01', '1960Q2')
    >>> date_label(np.datetime64(-600 - 1970, "Y")), date_label(np.datetime64("2013-05-01T06", "s"))
    ('-0600', '2013-05-01T06:00')
    """
    if not isinstance(date, np.datetime64):
        return str(date)
    if form is not None and ("q" in form.lower() or "ww" in form):
        return DateFormat(form).format(date.reshape(1))[0]
    unit = np.datetime_data(date.dtype)[0]
    if unit == "Y":
        year = int(date.astype(np.int64)) + 1970
        return f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    minutes = date.astype("datetime64[m]")
    return str(minutes) if unit in ("s", "ms", "us") and minutes == date else str(date)
