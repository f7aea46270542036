"""A table of numbers as coloured cells: hidden states over time, or anything else of rows and columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from timeglass.errors import ShapeError
from timeglass.show.colours import FAINT, GREY, diverging, ink_on
from timeglass.show.legend import colour_bar, notes, notes_height
from timeglass.show.numbers import exact, number
from timeglass.show.svg import Element, canvas, fitted_number, rectangle, svg_text, text
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["Cell", "HeatMap", "heat_map_svg"]

_MOST_ROWS, _MOST_COLUMNS = 64, 128
_LEFT, _TOP, _RIGHT = 78.0, 52.0, 116.0  # at the right the colour bar, and numbers as wide as −1.22e+300


@dataclass(frozen=True)
class Cell:
    """What is drawn as one rectangle: a number, or the one largest in size of a block of neighbours."""

    row: int  # of the number itself, in the table
    column: int
    value: float


@dataclass(frozen=True)
class HeatMap:
    """A table (rows, columns) with what its axes are; rows are drawn from the top down.

    >>> HeatMap("Norms", np.array([[1.0, -2.0]]), "epoch", "step").limit
    2.0
    """

    title: str
    values: Array  # (R, C)
    rows: str  # what the rows are: "unit"
    columns: str
    first_row: int = 0
    first_column: int = 1
    masked: tuple[int, ...] = ()  # columns, from 0 on, of steps that do not count
    value_name: str = "value"

    def __post_init__(self) -> None:
        if np.ndim(self.values) != 2 or 0 in np.shape(self.values):
            raise ShapeError(f"HeatMap: expected values of rows and columns, got shape {np.shape(self.values)}")

    @property
    def limit(self) -> float:
        """The size of the largest finite number: full colour."""
        finite = np.abs(self.values[np.isfinite(self.values)])
        return float(finite.max()) if finite.size else 0.0

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns that share a cell: one of each, unless there are more than can be seen."""
        rows, columns = self.values.shape
        return -(-rows // _MOST_ROWS), -(-columns // _MOST_COLUMNS)

    def cells(self) -> Iterator[tuple[Cell, ...]]:
        """The cells of each row. Of a block it is the number largest in size; one that is not finite comes first."""
        (tall, wide), (rows, columns) = self.block, self.values.shape
        sizes = np.where(np.isfinite(self.values), np.abs(self.values), np.inf)
        for top in range(0, rows, tall):
            found = []
            for left in range(0, columns, wide):
                block = sizes[top : top + tall, left : left + wide]
                row, column = np.unravel_index(int(block.argmax()), block.shape)
                at = top + int(row), left + int(column)
                found.append(Cell(*at, float(self.values[at])))
            yield tuple(found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the picture does not show, and how it shows the rest."""
        (tall, wide), found = self.block, []
        if tall * wide > 1:
            found.append(f"A cell stands for {tall} × {wide} numbers and shows the one that is largest in size.")
        if self.masked:
            found.append("▾ marks masked steps, over which the state is held.")
        if odd := int((~np.isfinite(self.values)).sum()):
            found.append(f"{odd:,} {'number is' if odd == 1 else 'numbers are'} not finite: grey.")
        return tuple(found)


def heat_map_svg(drawn: HeatMap) -> str:
    """The picture as SVG text."""
    cells = list(drawn.cells())
    wide = min(56.0, max(5.0, 720 // len(cells[0])))
    tall = min(28.0, max(6.0, 380 // len(cells)))
    height = tall * len(cells)
    width = max(420.0, _LEFT + wide * len(cells[0]) + _RIGHT)
    bar = max(height, 80.0)
    bottom = _TOP + bar + 54
    rows, columns = drawn.values.shape
    words = f"{rows} by {columns} numbers, full colour {number(drawn.limit, 3)}."
    total = bottom + notes_height(drawn.notes, width - 32)
    root = canvas(width, total, title=shown(drawn.title), description=words)
    text(root, drawn.title, at=(16, 26), size=15, bold=True, within=width - 32)
    for place, row in enumerate(cells):
        for column, cell in enumerate(row):
            _cell(root, drawn, cell, (_LEFT + column * wide, _TOP + place * tall, wide, tall))
    _labels(root, drawn, cells, (wide, tall))
    low, high = _range(drawn)
    text(root, drawn.value_name, at=(width - _RIGHT + 22, _TOP - 8), size=11, colour=GREY, within=_RIGHT - 26)
    colour_bar(root, (width - _RIGHT + 22, _TOP), low=low, high=high, limit=drawn.limit, length=bar)
    notes(root, drawn.notes, at=(16, bottom), width=width - 32)
    return svg_text(root)


def _range(drawn: HeatMap) -> tuple[float, float]:
    finite = drawn.values[np.isfinite(drawn.values)]
    return (min(0.0, float(finite.min())), max(0.0, float(finite.max()))) if finite.size else (0.0, 0.0)


def _cell(root: Element, drawn: HeatMap, cell: Cell, box: tuple[float, float, float, float]) -> None:
    x, y, wide, tall = box
    fill = diverging(cell.value, drawn.limit)
    off = ", masked" if cell.column in drawn.masked else ""
    tip = (
        f"{shown(drawn.value_name)}: {shown(drawn.rows)} {drawn.first_row + cell.row}, "
        f"{shown(drawn.columns)} {drawn.first_column + cell.column}{off} = {exact(cell.value)}"
    )
    rectangle(root, box, fill=fill, outline="#ffffff" if min(wide, tall) > 8 else "", tip=tip)
    # The next cell would cover what does not fit: such a number is left to the tooltip, never cut.
    if wide >= 44 and tall >= 18 and (words := fitted_number(cell.value, wide - 3, size=10.5)):
        text(root, words, at=(x + wide / 2, y + tall / 2 + 4), size=10.5, anchor="middle", colour=ink_on(fill))


def _labels(root: Element, drawn: HeatMap, cells: list[tuple[Cell, ...]], size: tuple[float, float]) -> None:
    """The axes: numbers of rows and columns, as many as have room, and what they are."""
    (wide, tall), (high, long) = size, drawn.block
    every = max(1, int(-(-15 // tall)))
    for place in range(0, len(cells), every):
        y = _TOP + (place + 0.5) * tall + 4
        text(root, f"{drawn.first_row + place * high}", at=(_LEFT - 7, y), size=11, anchor="end", colour=GREY)
    last = drawn.first_column + drawn.values.shape[1] - 1
    every = max(1, int(-(-(10 + 8 * len(str(last))) // wide)))
    bottom = _TOP + len(cells) * tall
    for place in range(0, len(cells[0]), every):
        x = _LEFT + (place + 0.5) * wide
        text(root, f"{drawn.first_column + place * long}", at=(x, bottom + 16), size=11, anchor="middle", colour=GREY)
    for column in drawn.masked:
        x = _LEFT + (column // long + 0.5) * wide
        text(root, "▾", at=(x, _TOP - 3), size=11, anchor="middle", colour=GREY)
    middle = _LEFT + len(cells[0]) * wide / 2
    room = max(120.0, len(cells[0]) * wide)
    text(root, drawn.columns, at=(max(middle, 16 + room / 2), bottom + 34), size=11.5, anchor="middle", within=room)
    text(root, drawn.rows, at=(16, _TOP + 12), size=11.5, within=_LEFT - 34)
    rectangle(root, (_LEFT, _TOP, len(cells[0]) * wide, len(cells) * tall), fill="none", outline=FAINT)
