"""From the fields of written dates, such as day and month, to dates; and what is impossible about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import MONTHS
from timeglass.dates.text_shapes import Shapes

__all__ = ["Fields", "Impossible"]

Ints = NDArray[np.int64]

_RANGES = {
    "month": (1, 12), "quarter": (1, 4), "week": (1, 53), "weekday": (1, 7), "day": (1, 31), "hour": (0, 23),
    "minute": (0, 59), "second": (0, 59), "offset_hour": (0, 23), "offset_minute": (0, 59),
}  # fmt: skip

_FROM_1 = ("month", "day", "weekday", "week", "quarter")


@dataclass(frozen=True)
class Impossible:
    """The first row whose fields make no date, and the reason."""

    row: int
    reason: str


class Fields:
    """The fields of N dates as whole numbers, each (N,); 0 or 1 where a text does not have it."""

    def __init__(self, count: int) -> None:
        self._values: dict[str, Ints] = {}
        self.count = count
        self.in_utc = np.zeros(count, bool)  # whether a text says where it stands to UTC, (N,)
        self.problems: list[Impossible] = []

    def of(self, name: str, default: int = 0) -> Ints:
        """One field of all dates, (N,)."""
        return self._values.setdefault(name, np.full(self.count, default, np.int64))

    def read(self, shapes: Shapes, rows: Ints, match: re.Match[str]) -> None:
        """Takes the fields of these rows, whose shape a pattern matched."""
        found = match.groupdict()
        for name in ("year", *_RANGES):
            if found.get(name) is not None:
                signed = found[name][0] in "+-"
                value = shapes.number(rows, match.start(name) + signed, match.end(name))
                self.of(name, int(name in _FROM_1))[rows] = -value if found[name][0] == "-" else value
                self._check(name, value, rows)
        if found.get("name"):
            names = [month[:3].lower() for month in MONTHS]
            self.of("month")[rows] = names.index(found["name"][:3].lower()) + 1
        if found.get("fraction"):
            self._read_fraction(shapes, rows, match)
        if found.get("half"):
            self._read_half(rows, afternoon=found["half"][0] in "pP")
        if found.get("sign"):
            self.of("minutes_east")[rows] = (60 * self.of("offset_hour")[rows] + self.of("offset_minute")[rows]) * (
                -1 if found["sign"] == "-" else 1
            )
        self.in_utc[rows] = bool(found.get("sign") or found.get("utc"))

    def _problem(self, bad: NDArray[np.bool_], rows: Ints, reason: str) -> None:
        """Notes the first of the rows that is bad."""
        if bad.any():
            self.problems.append(Impossible(int(rows[np.argmax(bad)]), reason))

    def _check(self, name: str, value: Ints, rows: Ints) -> None:
        if name in _RANGES:
            low, high = _RANGES[name]
            bad = (value < low) | (value > high)
            worst = int(value[np.argmax(bad)])
            label = f"{name[7:]} of the UTC offset" if name.startswith("offset") else name
            hint = "; 24:00 is 00:00 of the next day" if (name, worst) == ("hour", 24) else ""
            self._problem(bad, rows, f"there is no {label} {worst}, expected {low} to {high}{hint}")

    def _read_fraction(self, shapes: Shapes, rows: Ints, match: re.Match[str]) -> None:
        start, end = match.span("fraction")
        size = min(end - start, 6)
        self.of("microsecond")[rows] = shapes.number(rows, start, start + size) * 10 ** (6 - size)
        if end > start + 6:
            rest = shapes.number(rows, start + 6, end)
            self._problem(rest != 0, rows, "its time is finer than a microsecond: cut it to six digits")

    def _read_half(self, rows: Ints, *, afternoon: bool) -> None:
        hours = self.of("hour")[rows]
        self._problem((hours < 1) | (hours > 12), rows, "with am or pm the hours go from 1 to 12")
        self.of("hour")[rows] = hours % 12 + 12 * afternoon

    def first_problem(self) -> Impossible | None:
        """What is wrong in the first row in which something is."""
        self._check_days()
        self._check_weeks()
        if self.in_utc.any() and not self.in_utc.all():
            row = int(np.argmax(self.in_utc != self.in_utc[0]))
            other = "has a UTC offset, rows before it have none" if self.in_utc[row] else "has no UTC offset"
            self.problems.append(Impossible(row, f"{other}: give all of them one, or none"))
        return min(self.problems, key=lambda problem: problem.row, default=None)

    def _check_days(self) -> None:
        if "day" not in self._values:
            return
        months = self.months()
        length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
        day = self.of("day")
        bad = (day > length) & (day <= 31)
        if bad.any():
            i = int(np.argmax(bad))
            name = MONTHS[int(months[i].astype(np.int64)) % 12]
            self.problems.append(Impossible(i, f"there is no day {day[i]}: {name} {months[i]!s:.4} has {length[i]}"))

    def _check_weeks(self) -> None:
        if "week" not in self._values:
            return
        year, week = self.of("year"), self.of("week")
        long = (self._first_monday(year + 1) - self._first_monday(year)).astype(np.int64) == 53 * 7
        bad = (week == 53) & ~long
        if bad.any():
            i = int(np.argmax(bad))
            self.problems.append(Impossible(i, f"there is no week 53: {year[i]} has 52"))

    @staticmethod
    def _first_monday(year: Ints) -> NDArray[np.datetime64]:
        """The Monday of each ISO year's first week, which is the one with 4 January, (N,)."""
        fourth = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]") + 3
        return fourth - ((fourth.astype(np.int64) + 3) % 7).astype("timedelta64[D]")

    def months(self) -> NDArray[np.datetime64]:
        """Year and month, (N,)."""
        month = (self.of("quarter") - 1) * 3 + 1 if "quarter" in self._values else self.of("month", 1)
        month = np.clip(month, 1, 12)  # an impossible one has been noted
        return ((self.of("year") - 1970) * 12 + month - 1).astype("datetime64[M]")

    def dates(self, unit: str) -> NDArray[Any]:
        """The dates (N,) in Y, M, D, or for the unit s in s, ms or us, whichever holds them; in UTC."""
        if "week" in self._values:
            return self._first_monday(self.of("year")) + (self.of("week") - 1) * 7 + (self.of("weekday", 1) - 1)
        if unit in ("Y", "M"):
            return self.months().astype(f"datetime64[{unit}]")
        days = self.months().astype("datetime64[D]") + (self.of("day", 1) - 1)
        if unit == "D":
            return days
        minutes = self.of("hour") * 60 + self.of("minute") - self.of("minutes_east")
        seconds = days.astype("datetime64[s]") + (minutes * 60 + self.of("second"))
        if not (small := self.of("microsecond")).any():
            return seconds
        size, name = (1000, "ms") if (small % 1000 == 0).all() else (1, "us")
        return seconds.astype(f"datetime64[{name}]") + small // size
