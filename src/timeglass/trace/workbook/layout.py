"""Where things stand in the workbook, before any ink: columns, blocks of formulas with their values, sheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from timeglass.trace.workbook.names import cell_name, column_name, quoted_sheet
from timeglass.types import Array

__all__ = ["Block", "Columns", "Given", "StepSheet", "WeightSheet", "dot", "side_by_side"]


@dataclass(frozen=True)
class Columns:
    """Columns side by side, one for each unit; a row for each time step."""

    sheet: str
    first: int  # the first column, from 0 on
    count: int
    top: int  # the row of the first step, from 0 on

    def cell(self, t: int, j: int) -> str:
        """A cell of this sheet; its row moves along where it is copied."""
        return f"${column_name(self.first + j)}{self.top + t + 1}"

    def row(self, t: int) -> str:
        """All units at one step."""
        return f"{self.cell(t, 0)}:{self.cell(t, self.count - 1)}" if self.count > 1 else self.cell(t, 0)

    def far(self, t: int, j: int) -> str:
        """A cell as other sheets name it."""
        return f"{quoted_sheet(self.sheet)}!{cell_name(self.top + t, self.first + j)}"

    def area(self, rows: int) -> str:
        """Its first rows as other sheets name them."""
        last = cell_name(self.top + rows - 1, self.first + self.count - 1)
        return f"{quoted_sheet(self.sheet)}!{cell_name(self.top, self.first)}:{last}"


def side_by_side(sheet: str, first: int, top: int, counts: Mapping[str, int]) -> dict[str, Columns]:
    """So many columns for each name, from column `first` on."""
    placed = {}
    for name, count in counts.items():
        placed[name] = Columns(sheet, first, count, top)
        first += count
    return placed


@dataclass(frozen=True)
class Block:
    """Columns with a formula in each cell, and with the values that come out: one array of the trace."""

    columns: Columns
    key: str  # what stands above them: the array's name in the trace
    labels: tuple[str, ...]  # one for each column
    values: Array  # (rows, columns)
    formula: Callable[[int, int], str]  # of step and unit, both from 0 on; without the sign of equality
    kind: str  # "input", "sum", "gate", "state" or "output": how it is coloured


@dataclass(frozen=True)
class Given:
    """Where stands what a node gives: its k-th step in row `rows[k]` of the columns."""

    columns: Columns
    rows: tuple[int, ...]

    def far(self, k: int, j: int) -> str:
        """The cell of step k and unit j, as other sheets name it."""
        return self.columns.far(self.rows[k], j)


@dataclass(frozen=True)
class StepSheet:
    """The sheet of one node: one row for each step, or one where there is no time."""

    name: str
    title: str
    lines: tuple[str, ...]  # what it computes, in words
    parameters: tuple[tuple[str, float], ...]  # numbers that formulas read, below the lines
    steps: tuple[str, ...]  # the rows' labels
    blocks: tuple[Block, ...]
    top: int  # the row of the first step
    start: int | None  # the row of the state before the first step, where there is one
    start_columns: tuple[Columns, ...]  # those of the state
    gives: Given

    @property
    def rows(self) -> int:
        return self.top + len(self.steps) + 1

    @property
    def columns(self) -> int:
        last = self.blocks[-1].columns
        return last.first + last.count


@dataclass(frozen=True)
class WeightSheet:
    """The weights of one layer: a row for each column of its arrays, so that a unit's weights stand side by side.

    A formula takes the scalar product of two rows: two columns, or a row and a column, would need more than that.
    """

    name: str
    layer: str
    labels: tuple[str, ...]  # of the rows
    arrays: Mapping[str, Array]  # by name, (rows of the sheet, columns): transposed
    places: Mapping[str, Columns]
    ranges: Mapping[str, str]  # by name of the array, that of its range

    def row(self, name: str, unit: int) -> str:
        """The weights of an array that lead to one unit."""
        columns = self.places[name]
        first, last = (cell_name(columns.top + unit, columns.first + j) for j in (0, columns.count - 1))
        return f"{quoted_sheet(self.name)}!{first}" + (f":{last}" if columns.count > 1 else "")

    def bias(self, name: str, unit: int, which: int = 0) -> str:
        """What adds a unit's bias; nothing where the layer has none."""
        return "+" + self.places[name].far(unit, which) if name in self.places else ""

    @property
    def rows(self) -> int:
        return next(iter(self.places.values())).top + len(self.labels)

    @property
    def columns(self) -> int:
        return 1 + sum(columns.count for columns in self.places.values())


def dot(values: str, weights: str) -> str:
    """The sum of the products of two rows of the same length, in a form that every spreadsheet computes as it stands.

    >>> dot("$B7:$D7", "'w'!$B$5:$D$5"), dot("$B7", "'w'!$B$5")
    ("SUMPRODUCT($B7:$D7,'w'!$B$5:$D$5)", "$B7*'w'!$B$5")
    """
    return f"SUMPRODUCT({values},{weights})" if ":" in values else f"{values}*{weights}"
