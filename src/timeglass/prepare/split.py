"""Which rows are for training and which for testing, in time order, with a gap between them where one is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import DataError, InputError, OptionError
from timeglass.prepare.checks import whole_number

__all__ = ["Split", "split_at_date", "split_by_count", "split_by_share"]


@dataclass(frozen=True)
class Split:
    """Rows 0 … train_rows - 1 are for training, rows test_start … rows - 1 for testing, those between for neither.

    >>> split = Split(rows=10, train_rows=6, test_start=8)
    >>> np.arange(10)[split.train], np.arange(10)[split.test], split.gap
    (array([0, 1, 2, 3, 4, 5]), array([8, 9]), 2)
    """

    rows: int
    train_rows: int
    test_start: int

    def __post_init__(self) -> None:
        for name in ("rows", "train_rows", "test_start"):
            whole_number(name, getattr(self, name), at_least=-(2**62))
        if not 0 < self.train_rows <= self.test_start < self.rows:
            raise InputError(
                f"a split of {self.rows} rows: {max(self.train_rows, 0)} to train on and "
                f"{max(self.rows - self.test_start, 0)} to test, with a gap of {self.test_start - self.train_rows}: "
                "at least 1 of each is needed: give more rows, another split or a smaller gap"
            )

    @property
    def train(self) -> slice:
        return slice(0, self.train_rows)

    @property
    def test(self) -> slice:
        return slice(self.test_start, self.rows)

    @property
    def gap(self) -> int:
        """How many rows between the two parts are left out."""
        return self.test_start - self.train_rows


def split_by_share(rows: int, share: float = 0.8, *, gap: int = 0) -> Split:
    """The first int(rows · share) rows to train on, as in the tutorial; the gap is taken from the test part.

    >>> split_by_share(2820, 0.8)
    Split(rows=2820, train_rows=2256, test_start=2256)
    """
    rows, gap = whole_number("rows", rows, at_least=0), whole_number("gap", gap, at_least=0)
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 < share < 1:
        raise OptionError(f"share: expected a number between 0 and 1, such as 0.8, got {share!r}")
    train_rows = int(rows * share)
    return Split(rows, train_rows, train_rows + gap)


def split_by_count(rows: int, test_rows: int, *, gap: int = 0) -> Split:
    """The last `test_rows` rows to test on; the gap is taken from the training part.

    >>> split_by_count(100, 12, gap=3)
    Split(rows=100, train_rows=85, test_start=88)
    """
    rows, gap = whole_number("rows", rows, at_least=0), whole_number("gap", gap, at_least=0)
    start = rows - whole_number("test_rows", test_rows, at_least=1)
    return Split(rows, start - gap, start)


def split_at_date(dates: ArrayLike, first_test: str | np.datetime64, *, gap: int = 0) -> Split:
    """The rows from the date `first_test` on to test on, whether or not it has a row of its own.

    `dates` (rows,) are numpy.datetime64, ascending. The gap is taken from the training part.

    >>> months = np.arange("2020-01", "2021-01", dtype="datetime64[M]")
    >>> split_at_date(months, "2020-10", gap=2)
    Split(rows=12, train_rows=7, test_start=9)
    """
    gap, days = whole_number("gap", gap, at_least=0), np.asarray(dates)
    if days.dtype.kind != "M" or days.ndim != 1:
        raise DataError(f"dates: expected numpy.datetime64 (rows,), got {days.dtype} {days.shape}")
    if np.isnat(days).any():
        raise DataError(f"dates: row {int(np.argmax(np.isnat(days))) + 1} has none: leave the row out before")
    back = np.flatnonzero(days[1:] <= days[:-1])
    if len(back):
        row = int(back[0])
        raise DataError(f"dates: row {row + 2} ({days[row + 1]}) is not after row {row + 1} ({days[row]}): sort them")
    try:
        first = np.datetime64(first_test)
    except (TypeError, ValueError):
        first = np.datetime64("NaT")
    if np.isnat(first):
        raise OptionError(f"first_test: expected a date such as '1950-01' or numpy.datetime64, got {first_test!r}")
    start = int(np.searchsorted(days, first))
    if start in (0, len(days)) and len(days):
        raise OptionError(f"first_test: {first} leaves one part empty: choose a date after {days[0]}, up to {days[-1]}")
    return Split(len(days), start - gap, start)
