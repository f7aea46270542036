"""What a reader cannot use: raised at the first, or all of them gathered, as `timeglass check` does."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from timeglass.errors import DataError

__all__ = ["Fault", "Faults"]

_NO_ROW = ("fields", "id")
_MOST = 10_000  # that are kept; what is more is counted


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong. The message begins with its place; `column` is the field's number from 1."""

    kind: str  # fields, date, value, missing, duplicate, gap, steps, order
    message: str
    line: int | None = None
    column: int | None = None
    stops: bool = True  # a reader; else it mends that by itself, and says so


@dataclass
class Faults:
    """With `gather` they are kept, and the reader goes on without what is faulty; else the first is a `DataError`."""

    gather: bool = False
    found: list[Fault] = field(default_factory=list)
    count: int = 0
    stopping: int = 0  # of them
    _places: set[tuple[int | None, int | None]] = field(default_factory=set)
    _lines: list[int] = field(default_factory=list)
    _sorted_of: int = 0

    def has(self, line: int, column: int) -> bool:
        """Whether something that stops a reader was found in this cell."""
        return (line, column) in self._places

    def any_between(self, line: int, end: int) -> bool:
        """Whether a line after `line` and before `end` is no row: it has other fields, or is of no series."""
        if self._sorted_of != len(self.found):
            self._lines = sorted(fault.line for fault in self.found if fault.line is not None and fault.kind in _NO_ROW)
            self._sorted_of = len(self.found)
        place = bisect_right(self._lines, line)
        return place < len(self._lines) and self._lines[place] < end

    def add(self, fault: Fault) -> None:
        if not self.gather and fault.stops:
            raise DataError(fault.message)
        self.count += 1
        self.stopping += fault.stops
        if fault.stops:
            self._places.add((fault.line, fault.column))
        if len(self.found) < _MOST:
            self.found.append(fault)
