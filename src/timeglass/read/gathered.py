"""What the batches of a table add up to, before it is put into series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.read.growing import Growing, free_memory
from timeglass.types import Array

__all__ = ["Batch", "Gathered", "Ids", "Lines", "Missing", "room_for"]

Lines = range | NDArray[np.int64]


@dataclass(frozen=True)
class Missing:
    """A cell without a value: its row, which of the value columns, and what stands there."""

    row: int
    column: int
    text: str


@dataclass
class Batch:
    """Some rows of a table, columns side by side."""

    lines: Lines  # (rows,)
    values: list[Array]  # one (rows,) for each value column, NaN where missing
    times: NDArray[np.int64] | None = None  # (rows,)
    codes: NDArray[np.int32] | None = None  # (rows,): which series
    missing: Sequence[Missing] = ()


class Ids:
    """Names of series, each with its number in the order in which they first occur."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self.trimmed = False  # whether blanks around a name were left out

    def codes(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """The numbers (N,) of these names."""
        known = self._codes
        for text in dict.fromkeys(texts):
            known.setdefault(text, len(known))
        return np.fromiter(map(known.__getitem__, texts), np.int32, len(texts))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._codes)


_WORTH_TELLING = 2**25  # bytes


def room_for(rows: int, widths: tuple[int, bool, bool], source: str, tell: Callable[[str], None] | None) -> bool:
    """Whether so many rows of `widths` (value columns, times, codes) go to a file: over half of the free memory.

    `tell` is told what they will take.
    """
    each = 8 * widths[0] + 8 * widths[1] + 4 * widths[2]
    spill = 2 * rows * each > free_memory()
    if tell is not None and (spill or rows * each > _WORTH_TELLING):
        where = "in a temporary file, since it is more than half of the free memory" if spill else "of memory"
        tell(f"{source}: about {rows:,} rows: {rows * each / 2**20:,.0f} MiB {where}")
    return spill


@dataclass
class Gathered:
    """Columns that grow batch by batch. `capacity` rows are expected; with `spill` they lie in a file."""

    width: int  # value columns
    timed: bool
    coded: bool
    capacity: int = 0
    spill: bool = False
    missing: list[Missing] = field(default_factory=list)

    def __post_init__(self) -> None:
        room: dict[str, Any] = {"capacity": self.capacity, "spill": self.spill}
        self.values = [Growing(np.float64, **room) for _ in range(self.width)]
        self.times = Growing(np.int64, **room) if self.timed else None
        self.codes = Growing(np.int32, **room) if self.coded else None
        self._pieces: list[Lines] = []
        self.rows = 0

    def add(self, batch: Batch) -> None:
        self.missing += [Missing(cell.row + self.rows, cell.column, cell.text) for cell in batch.missing]
        for grown, values in zip(self.values, batch.values, strict=True):
            grown.extend(values)
        if self.times is not None and batch.times is not None:
            self.times.extend(batch.times)
        if self.codes is not None and batch.codes is not None:
            self.codes.extend(batch.codes)
        self._add_lines(batch.lines)
        self.rows += len(batch.lines)

    def _add_lines(self, lines: Lines) -> None:
        if not len(lines):
            return
        last = self._pieces[-1] if self._pieces else None
        if isinstance(lines, range) and isinstance(last, range) and last.stop == lines.start:
            self._pieces[-1] = range(last.start, lines.stop)
        else:
            self._pieces.append(lines)

    def lines(self) -> Lines:
        """The line of each row: a range where no line between them was blank."""
        if len(self._pieces) == 1:
            return self._pieces[0]
        return np.concatenate([np.asarray(piece, np.int64) for piece in self._pieces] or [np.empty(0, np.int64)])
