"""Local times without their zone: which hours come twice or are missing because clocks were changed that night."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates
from timeglass.dates.gaps import duplicates, order

__all__ = ["ClockChange", "clock_changes", "zones_of"]

# For naming only: one zone for each rule that has been in use for long.
_ZONES = (
    "Europe/Berlin", "Europe/London", "Europe/Athens", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles", "America/Sao_Paulo", "America/Santiago", "Australia/Sydney", "Australia/Adelaide",
    "Pacific/Auckland", "Asia/Jerusalem", "Asia/Tehran",
)  # fmt: skip
_MOST = 1000  # times that are looked up


@dataclass(frozen=True)
class ClockChange:
    """An hour that comes twice in the rows `row` and `other`, or is missing between them, from 0."""

    kind: str  # repeated or missing
    row: int
    other: int
    time: np.datetime64  # the first local time that is so
    zones: tuple[str, ...]  # in which all changes found are of this kind

    def __str__(self) -> str:
        how = "comes twice, as clocks went back" if self.kind == "repeated" else "is missing, as clocks went forward"
        return (
            f"{self.time} {how} that night in {', '.join(self.zones[:3])}: local time without its zone; "
            "give each time its UTC offset, or all in UTC"
        )


def clock_changes(dates: Dates) -> list[ClockChange]:
    """Hours repeated or missing in local times (N,) as they stand in a file, where that is what clocks did.

    The zones named are those that explain the most; what they do not explain is not in the list.

    >>> hours = np.array(["2021-10-31T01", "2021-10-31T02", "2021-10-31T02", "2021-10-31T03"], "datetime64[s]")
    >>> clock_changes(hours)[0].kind, clock_changes(hours)[0].zones
    ('repeated', ('Europe/Berlin',))
    """
    if dates.dtype.kind != "M" or np.datetime_data(dates.dtype)[0] not in ("s", "ms", "us") or len(dates) < 3:
        return []
    found = _oddities(dates)
    zones = {name: {i for i, odd in enumerate(found) if _kind(odd[3], zone) == odd[0]} for name, zone in _loaded()}
    most = max(map(len, zones.values()), default=0)
    names = tuple(name for name, explained in zones.items() if len(explained) == most)
    return [ClockChange(*odd, names) for i, odd in enumerate(found) if most and i in zones[names[0]]]


def _oddities(dates: Dates) -> list[tuple[str, int, int, np.datetime64]]:
    """Times that come twice, and steps that are an hour or half an hour too long: (kind, row, other row, time)."""
    found = [("repeated", int(a), int(b), dates[a]) for a, b in duplicates(dates)[:_MOST]]
    rows = order(dates).rows
    growth = np.diff(dates[rows])
    kinds, counts = np.unique(growth[growth > np.timedelta64(0)], return_counts=True)
    if len(kinds) == 0:
        return found
    usual = kinds[np.argmax(counts)]
    for minutes in (60, 30):  # Lord Howe's clocks, and some of before 1950, change by half an hour
        for i in np.flatnonzero(growth == usual + np.timedelta64(minutes, "m"))[:_MOST]:
            found.append(("missing", int(rows[i]), int(rows[i + 1]), dates[rows[i]] + usual))
    return found


def _loaded() -> list[tuple[str, ZoneInfo]]:
    """The zones that this machine knows: Windows has none without the package tzdata."""
    loaded = []
    for name in _ZONES:
        try:
            loaded.append((name, ZoneInfo(name)))
        except ZoneInfoNotFoundError:
            continue
    return loaded


def _kind(time: np.datetime64, zone: ZoneInfo) -> str:
    """Whether a local time comes twice in a zone, is missing there, or neither: by its offset on either reading."""
    local = time.astype("datetime64[us]").item()
    if not isinstance(local, dt.datetime):  # a year that the standard library's datetime does not know
        return "neither"
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert first is not None
    assert second is not None
    return "neither" if first == second else "repeated" if first > second else "missing"


def zones_of(dates: Dates, offsets: NDArray[np.int64]) -> tuple[str, ...]:
    """The zones in which times (N,) in UTC have these offsets (N,) in minutes: only looked for where they change.

    >>> zones_of(np.array(["2021-01-01", "2021-07-01"], "datetime64[s]"), np.array([60, 120]))
    ('Europe/Berlin',)
    """
    change = np.flatnonzero(np.diff(offsets))
    if len(change) == 0:
        return ()
    rows = np.unique(np.concatenate([[0], change, change + 1, [len(dates) - 1]]))[:_MOST]
    return tuple(name for name, zone in _loaded() if all(_offset(dates[i], zone) == offsets[i] for i in rows))


def _offset(time: np.datetime64, zone: ZoneInfo) -> int | None:
    utc = time.astype("datetime64[us]").item()
    if not isinstance(utc, dt.datetime):
        return None
    try:
        offset = utc.replace(tzinfo=dt.UTC).astimezone(zone).utcoffset()
    except OverflowError:  # the first and last day that datetime knows
        return None
    return int(offset.total_seconds() // 60) if offset is not None else None
