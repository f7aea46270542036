"""Many series in flat arrays: values one after another, and where each series begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency
from timeglass.errors import OptionError
from timeglass.series.series import Origin, Series
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["Panel"]


@dataclass(frozen=True, eq=False)
class Panel:
    """S series of a table, each in time order; `panel[0]` or `panel["name"]` is one of them as a `Series`.

    `columns` holds the place of the value column, from 1, of each series of a wide table; of a long one all have the
    same. Lines are a range where the rows stand as in the file, without a gap.
    """

    ids: tuple[str, ...]  # (S,)
    values: Array  # (rows,), all finite
    dates: Dates | None  # (rows,)
    offsets: NDArray[np.int64]  # (S + 1,): series s has the rows offsets[s] … offsets[s + 1] - 1
    lines: range | NDArray[np.int64]  # (rows,)
    columns: tuple[int, ...]  # (S,), or (1,) for all
    origin: Origin
    frequency: Frequency | None = None
    zone: str | None = None
    date_format: str | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        rows = f"{len(self.values):,} rows"
        every = f", a row every {self.frequency}" if self.frequency else ""
        return f"Panel of {len(self):,} series, {rows}{every}, from {quoted(self.origin.name)}"

    def __iter__(self) -> Iterator[Series]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, which: int | str) -> Series:
        if not isinstance(which, str | Integral):
            raise OptionError(f"panel[{which!r}]: expected the name of one series, or its number from 0")
        place = self._place(which) if isinstance(which, str) else range(len(self))[int(which)]
        rows = slice(int(self.offsets[place]), int(self.offsets[place + 1]))
        column = self.columns[place] if len(self.columns) > 1 else self.columns[0]
        return Series(
            self.values[rows], None if self.dates is None else self.dates[rows], np.asarray(self.lines[rows], np.int64),
            self.ids[place], self.origin, column, self.frequency, self.zone, self.date_format,
        )  # fmt: skip

    def _place(self, name: str) -> int:
        try:
            return self.ids.index(name)
        except ValueError:
            some = ", ".join(map(quoted, self.ids[:8])) + ", …" * (len(self) > 8)
            raise OptionError(f"no series {quoted(name)} in {self.origin.name}: there are {some}") from None
