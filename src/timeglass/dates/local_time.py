"""Times in UTC as the clocks of a zone show them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from timeglass.dates.calendar import Dates

__all__ = ["local_times"]

_FARTHEST = 60 * 10**6  # quarters of an hour from 1970, about 1,700 years: the standard library has years 1 to 9999


def local_times(dates: Dates, zone: str) -> Dates | None:
    """Local times (N,) of times in UTC; None for a zone that this machine does not know, or times beyond its calendar.

    >>> midnights = np.array(["2021-03-01T23:00", "2021-07-01T22:00"], "datetime64[s]")
    >>> local_times(midnights, "Europe/Berlin").astype("datetime64[m]").astype(str).tolist()
    ['2021-03-02T00:00', '2021-07-02T00:00']
    """
    seconds = dates.astype("datetime64[s]")
    parts, places = np.unique(seconds.astype(np.int64) // 900, return_inverse=True)
    info = _zone(zone)
    if info is None or len(parts) == 0 or max(abs(parts[0]), abs(parts[-1])) > _FARTHEST:
        return None
    start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    offsets = [_offset((start + dt.timedelta(seconds=900 * part)).astimezone(info)) for part in parts.tolist()]
    return dates + np.array(offsets, "timedelta64[s]")[places]


def _offset(time: dt.datetime) -> int:
    offset = time.utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _zone(name: str) -> dt.tzinfo | None:
    if name.startswith("UTC") and len(name) == 9:
        hours, minutes = int(name[4:6]), int(name[7:9])
        return dt.timezone((-1 if name[3] == "-" else 1) * dt.timedelta(hours=hours, minutes=minutes))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
