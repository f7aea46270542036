"""One column of a table as texts, and the words that say where one of them stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from timeglass.errors import DataError
from timeglass.words import quoted

__all__ = ["TextColumn"]


@dataclass(frozen=True)
class TextColumn:
    """The texts (N,) of one column as they stand in a file, and the line of each.

    >>> print(TextColumn(["1749-01", ""], [2, 3], "data.csv", "Month").refusal(1, "is blank"))
    data.csv:3:1: column 'Month' holds '': is blank
    """

    texts: Sequence[str]
    lines: Sequence[int]
    source: str  # the file's name or address
    name: str  # the column's
    position: int = 1  # the column's place in a row, from 1

    def __len__(self) -> int:
        return len(self.texts)

    def refusal(self, row: int, reason: str) -> DataError:
        """Why the text in this row, from 0, cannot be used."""
        holds = f"column {quoted(self.name)} holds {quoted(self.texts[row])}"
        return DataError(f"{self.source}:{self.lines[row]}:{self.position}: {holds}: {reason}")
