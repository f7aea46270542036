"""Forecast dates of a time zone: as times in UTC, as texts with an offset, and what each library calls the zone."""

from __future__ import annotations

from typing import Any

import numpy as np

from timeglass.dates.calendar import Dates
from timeglass.dates.local_time import local_times
from timeglass.series.dates import date_label

__all__ = ["date_texts", "in_utc", "zone_in"]

_MINUTE = np.timedelta64(60, "s")


def in_utc(dates: Dates, zone: str | None) -> Dates:
    """Days of a zone as its midnights in UTC; times are in UTC already. What has no zone, or an unknown one, stays.

    >>> in_utc(np.array(["2021-07-01", "2021-12-01"], "datetime64[D]"), "Europe/Berlin").astype(str).tolist()
    ['2021-06-30T22:00:00', '2021-11-30T23:00:00']
    """
    if zone is None or dates.dtype.kind != "M" or np.datetime_data(dates.dtype)[0] not in ("Y", "M", "D"):
        return dates
    midnights = dates.astype("datetime64[s]")
    found = midnights
    for _ in range(2):  # the offset at that time of UTC, then at the midnight itself
        local = local_times(found, zone)
        if local is None:
            return dates
        found = midnights - (local - found)
    return found


def date_texts(dates: Any, date_format: str | None = None, zone: str | None = None) -> list[str]:
    """Dates (N,) as ISO 8601 writes them, quarters and weeks as `date_format` does, whole numbers as they are.

    Those of a `zone` get its offset; Z where it is UTC, or one that this machine does not know.

    >>> date_texts(np.array(["2024-03-31T00:00", "2024-03-31T01:00"], "datetime64[s]"), zone="Europe/Berlin")
    ['2024-03-31T01:00+01:00', '2024-03-31T03:00+02:00']
    >>> date_texts(np.array(["2024-03"], "datetime64[M]")), date_texts(np.array([7]))
    (['2024-03'], ['7'])
    """
    times = in_utc(np.asarray(dates), zone)
    if zone is None or times.dtype.kind != "M" or np.datetime_data(times.dtype)[0] in ("Y", "M", "D"):
        return [date_label(date, date_format) for date in times]
    local = None if zone == "UTC" else local_times(times, zone)
    if local is None or ((local - times) % _MINUTE).any():  # offsets of seconds, as before 1900, have no short form
        return [f"{date_label(time)}Z" for time in times]
    minutes = (local - times) // _MINUTE
    return [f"{date_label(time)}{_offset(east)}" for time, east in zip(local, minutes.tolist(), strict=True)]


def _offset(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def zone_in(kind: str, zone: str) -> str:
    """What a library calls a zone such as UTC+02:00; for polars, which has whole hours alone, UTC stands for others.

    >>> [zone_in(kind, "UTC+02:00") for kind in ("pandas", "pyarrow", "polars")]
    ['UTC+02:00', '+02:00', 'Etc/GMT-2']
    >>> zone_in("polars", "UTC-03:30"), zone_in("polars", "Asia/Tokyo")
    ('UTC', 'Asia/Tokyo')
    """
    sign, hours, minutes = zone[3:4], zone[4:6], zone[7:9]
    if not zone.startswith(("UTC+", "UTC-")) or kind == "pandas":
        return zone
    if kind == "pyarrow":
        return zone.removeprefix("UTC")
    # Etc/GMT-2 lies east of Greenwich: POSIX counts the other way.
    return f"Etc/GMT{'-' if sign == '+' else '+'}{int(hours)}" if minutes == "00" and int(hours) <= 12 else "UTC"
