"""What the calendar says of a row: the place of its date within the year, the week, the day, as sines and cosines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from timeglass.dates.calendar import Dates, on_day, weekdays
from timeglass.dates.local_time import local_times
from timeglass.errors import InputError, OptionError
from timeglass.forecast.settings import CALENDAR
from timeglass.series.panel import Panel
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["calendar_features", "check_calendar", "place_in_cycle"]

_WEEKS = 365.2425 / 7  # in a year
_NO_WEEKDAY = ("Y", "M")  # dates of whole years or months


def check_calendar(panel: Panel, words: Sequence[str]) -> None:
    """Refuses words that the dates of a panel say nothing about.

    An `InputError` where there are no dates, an `OptionError` for a word whose place is the same in all rows.
    """
    if not words:
        return
    if panel.dates is None or panel.dates.dtype.kind != "M":
        raise InputError(
            f"{panel.origin.name}: calendar {quoted(words[0])} needs dates, but its rows are numbered: say which "
            "column holds the dates (ReadOptions(time=…), --time), or leave calendar out"
        )
    dates = _local(panel.dates, panel.zone)
    for word in words:
        if not _varies(dates, word):
            others = [other for other in CALENDAR if _varies(dates, other)]
            rate = f" of rows that come every {panel.frequency}" if panel.frequency else ""
            remedy = f"choose of {', '.join(others)}, or leave it out" if others else "leave calendar out"
            raise OptionError(f"calendar: {word!r} says nothing{rate}: it is the same in all: {remedy}")


def _varies(dates: Dates, word: str) -> bool:
    if word == "weekday" and np.datetime_data(dates.dtype)[0] in _NO_WEEKDAY:
        return False
    return bool(np.ptp(place_in_cycle(dates, word)) > 0)


def calendar_features(dates: Dates, words: Sequence[str], zone: str | None = None) -> Array:
    """Sine and cosine of the place of each date (rows,) within each cycle, (rows, 2 · words).

    Dates of a `zone` are times in UTC; the clocks of the zone count.

    >>> calendar_features(np.array(["2021-01", "2021-04", "2021-07"], "datetime64[M]"), ["month"]).round(3).tolist()
    [[0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]
    """
    local = _local(dates, zone)
    angles = [2 * np.pi * place_in_cycle(local, word) for word in words]
    columns = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
    return np.column_stack(columns) if columns else np.zeros((len(dates), 0))


def place_in_cycle(dates: Dates, word: str) -> Array:
    """How far within the cycle each date (N,) is, 0 to below 1: April is 3/12 of a year, Tuesday 1/7 of a week.

    >>> place_in_cycle(np.array(["2021-03-02", "2021-03-31"], "datetime64[D]"), "weekday") * 7
    array([1., 2.])
    """
    months = dates.astype("datetime64[M]")
    days = dates.astype("datetime64[D]")
    if word in ("month", "quarter"):
        month = months.astype(np.int64) % 12
        return month / 12 if word == "month" else month // 3 / 4
    if word == "week":
        in_year = (days - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
        return in_year // 7 / _WEEKS
    if word == "weekday":
        return weekdays(dates) / 7
    if word == "day":
        first = months.astype("datetime64[D]")
        length = (on_day(months, 31) - first).astype(np.int64) + 1
        return (days - first).astype(np.int64) / length
    seconds = (dates.astype("datetime64[s]") - days.astype("datetime64[s]")).astype(np.int64)
    return seconds // 3600 / 24 if word == "hour" else seconds // 60 % 60 / 60


def _local(dates: Dates, zone: str | None) -> Dates:
    """Times as the clocks of their zone show them; days stay as they are."""
    if zone is None or np.datetime_data(dates.dtype)[0] in ("Y", "M", "D") or not len(dates):
        return dates
    local = local_times(dates, zone)
    if local is None:
        raise InputError(
            f"calendar: this machine does not know the zone {quoted(zone)}, or a time is beyond its years: give times "
            "without a zone, or in UTC"
        )
    return local
