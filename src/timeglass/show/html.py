"""Tables for a notebook's page, as HTML in which every text is escaped and every colour is its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from timeglass.show.colours import FAINT, GREY, GROUND, INK, diverging, ink_on
from timeglass.show.numbers import exact, number
from timeglass.types import Array
from timeglass.words import printable, shown

__all__ = ["Cell", "grid_html", "table_html"]

_MOST_ROWS, _MOST_COLUMNS = 24, 32
_CARD = (
    f"display:inline-block;background:{GROUND};color:{INK};"
    "padding:10px 12px;margin:4px 0;border-radius:6px;font-size:13px"
)
_TABLE = f"border-collapse:collapse;background:{GROUND};color:{INK};font-size:13px;margin:8px 0"
_CELL = f"padding:3px 9px;border:1px solid {FAINT};text-align:right;font-variant-numeric:tabular-nums"
_HEAD = f"{_CELL};background:{GROUND};color:{GREY};font-weight:normal"


@dataclass(frozen=True)
class Cell:
    """What stands in a table's cell, with its colours and what a tooltip says."""

    words: str
    fill: str = GROUND
    ink: str = INK
    tip: str = ""
    bold: bool = False


def table_html(
    header: Sequence[str], rows: Sequence[Sequence[str | Cell]], *, title: str = "", below: Sequence[str] = ()
) -> str:
    """A table with a title above and sentences below; the first column names the rows.

    >>> table_html(["a", "b"], [["<i>", "1"]]).count("&lt;i&gt;")
    1
    """
    box = Xml.Element("div", {"style": "overflow-x:auto;max-width:100%"})
    card = Xml.SubElement(box, "div", {"style": _CARD})
    if title:
        Xml.SubElement(card, "div", {"style": f"color:{INK};font-weight:bold"}).text = printable(title)
    table = Xml.SubElement(card, "table", {"style": _TABLE})
    head = Xml.SubElement(Xml.SubElement(table, "thead"), "tr", {"style": f"background:{GROUND}"})
    for place, words in enumerate(header):
        style = _HEAD if place else f"{_HEAD};text-align:left"
        Xml.SubElement(head, "th", {"style": style, "scope": "col"}).text = printable(words)
    body = Xml.SubElement(table, "tbody")
    for row in rows:
        _row(body, row)
    for words in below:
        Xml.SubElement(card, "div", {"style": f"color:{GREY};font-size:12px"}).text = printable(words)
    return Xml.tostring(box, encoding="unicode", method="html")


def _row(body: Xml.Element, row: Sequence[str | Cell]) -> None:
    line = Xml.SubElement(body, "tr", {"style": f"background:{GROUND}"})
    for place, given in enumerate(row):
        cell = given if isinstance(given, Cell) else Cell(given)
        style = f"{_CELL};background:{cell.fill};color:{cell.ink}" + (";font-weight:bold" if cell.bold else "")
        names = {"style": style} | ({"title": printable(cell.tip)} if cell.tip else {})
        if place == 0:
            Xml.SubElement(line, "th", {"style": f"{_HEAD};text-align:left", "scope": "row"}).text = printable(
                cell.words
            )
        else:
            Xml.SubElement(line, "td", names).text = printable(cell.words)


def grid_html(values: Array, rows: Sequence[str], columns: Sequence[str], *, title: str, name: str) -> str:
    """A table of numbers (R, C) whose cells are tinted from blue, negative, to orange, positive.

    At most 24 rows and 32 columns are shown; a line below says how many there are.
    """
    high, wide = values.shape
    limit = float(abs(values).max()) if values.size else 0.0
    table = []
    for row in range(min(high, _MOST_ROWS)):
        cells: list[str | Cell] = [shown(rows[row])]
        for column in range(min(wide, _MOST_COLUMNS)):
            value = float(values[row, column])
            fill = diverging(value, limit)
            tip = f"{shown(name)}[{row}, {column}], {shown(rows[row])} to {shown(columns[column])} = {exact(value)}"
            cells.append(Cell(number(value, 4), fill, ink_on(fill), tip))
        table.append(cells)
    below = []
    if high > _MOST_ROWS or wide > _MOST_COLUMNS:
        below.append(
            f"The first {min(high, _MOST_ROWS)} of {high} rows and {min(wide, _MOST_COLUMNS)} of {wide} columns."
        )
    return table_html(["", *map(shown, columns[:_MOST_COLUMNS])], table, title=title, below=below)
