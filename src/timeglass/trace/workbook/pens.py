"""What every sheet is written with: formats, texts that stay texts, input cells, headings, charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from timeglass.trace.workbook.layout import Columns
from timeglass.types import Array

__all__ = ["DARK", "INPUT", "SHADES", "Pens", "number_format", "original_format"]

DARK, INPUT = "#1F3864", "#FFF9C4"
SHADES = {"input": "#F2F2F2", "sum": "#DDEBF7", "gate": "#E2EFDA", "state": "#FCE4D6", "output": "#FFE1EA"}
_LINE, _PALE = "#BFBFBF", "#E7E6E6"
_INPUT_STYLE = {"bg_color": INPUT, "font_color": "#0B3D91", "border": 1, "border_color": "#E0C200"}
_WIDTH = 14  # of a column, in characters
_LINE_HEIGHT = 15  # of a row, in points
_PAGE_COLUMNS, _PAGE_ROWS = 16, 60  # what is made to fit on one page
_ONLY_NUMBERS = {
    "validate": "custom",
    "error_title": "A number, please",
    "error_message": "This cell is an input of the network: it takes a number.",
}


def number_format(values: Array) -> str:
    """Six decimals, or powers of ten where these would show too little or too much.

    >>> number_format(np.array([0.25])), number_format(np.array([1e-7])), number_format(np.zeros(0))
    ('0.000000', '0.00000E+00', '0.000000')
    """
    most = float(np.abs(values).max(initial=0))
    return "0.000000" if most == 0 or 1e-3 <= most < 1e5 else "0.00000E+00"


def original_format(values: Array) -> str:
    """About five digits of what is in a series' own units.

    >>> original_format(np.array([118.2])), original_format(np.array([0.02])), original_format(np.array([2e7]))
    ('0.00', '0.000000', '0')
    """
    most = float(np.abs(values).max(initial=0))
    digits = 4 - int(np.floor(np.log10(most))) if most > 0 else 2
    if digits > 8 or digits < -6:
        return "0.0000E+00"
    return "0." + "0" * digits if digits > 0 else "0"


class Pens:
    """An open workbook, with its formats."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def format(self, **settings: Any) -> Any:
        """A cell format; the same settings give the same one."""
        key = tuple(sorted(settings.items()))
        if key not in self._formats:
            self._formats[key] = self.book.add_format(settings)
        return self._formats[key]

    def sheet(self, name: str, size: tuple[int, int], tab: str, first_width: int) -> Any:
        """An empty sheet for so many rows and columns, that prints on one page if it can."""
        rows, columns = size
        sheet = self.book.add_worksheet(name)
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.set_footer("&L&A&RPage &P of &N")
        sheet.set_tab_color(tab)
        sheet.set_column(0, 0, first_width)
        sheet.set_column(1, max(1, columns - 1), _WIDTH)
        sheet.fit_to_pages(-(-columns // _PAGE_COLUMNS), 1 if rows <= _PAGE_ROWS else 0)
        if columns > _PAGE_COLUMNS:
            sheet.repeat_columns(0)
        return sheet

    def text(self, sheet: Any, row: int, column: int, text: str, **settings: Any) -> None:
        """A text, which never becomes a formula, whatever it begins with and whoever edits it."""
        if text[:1] in tuple("=+-@\t\r"):
            settings["quote_prefix"] = True
        sheet.write_string(row, column, text, self.format(**settings))

    def titles(self, sheet: Any, lines: Sequence[str]) -> None:
        """A title and lines below it."""
        self.text(sheet, 0, 0, lines[0], bold=True, font_size=15, font_color=DARK)
        for row, line in enumerate(lines[1:], start=1):
            self.text(sheet, row, 0, line, font_color="#404040")

    def subtitle(self, sheet: Any, row: int, text: str) -> None:
        self.text(sheet, row, 0, text, bold=True, font_color=DARK, font_size=12)

    def heading(self, sheet: Any, row: int, columns: Columns, text: str, shade: str) -> None:
        """Two lines of text over all of the columns."""
        settings = {"bold": True, "bg_color": shade, "border": 1, "border_color": _LINE}
        settings |= {"text_wrap": True, "valign": "top"}
        last = columns.first + columns.count - 1
        if last > columns.first:
            sheet.merge_range(row, columns.first, row, last, "", self.format(**settings))
        self.text(sheet, row, columns.first, text, **settings)
        sheet.set_row(row, 2.2 * _LINE_HEIGHT)

    def labels(self, sheet: Any, row: int, first: int, labels: Sequence[str], shade: str) -> None:
        """One text above each column."""
        for j, label in enumerate(labels):
            self.text(sheet, row, first + j, label, bg_color=shade, border=1, border_color=_LINE, align="right")

    def wrapped(self, sheet: Any, row: int, span: tuple[int, int], text: str) -> None:
        """A long text over some columns, in as many lines as it takes."""
        settings = {"text_wrap": True, "valign": "top", "font_color": "#404040"}
        sheet.merge_range(row, span[0], row, span[1], "", self.format(**settings))
        self.text(sheet, row, span[0], text, **settings)
        lines = -(-len(text) // (_WIDTH * (span[1] - span[0] + 1)))
        sheet.set_row(row, _LINE_HEIGHT * lines)

    def formulas(
        self, sheet: Any, columns: Columns, formula: Callable[[int, int], str], values: Array, style: Any
    ) -> None:  # fmt: skip
        """Formulas of step and unit, and what comes out for readers that do not compute."""
        for t, row in enumerate(values.tolist()):
            for j, value in enumerate(row):
                sheet.write_formula(columns.top + t, columns.first + j, f"={formula(t, j)}", style, float(value))

    def framed(self, numbers: str, shade: str = "#FFFFFF", **more: Any) -> Any:
        """The format of a number in a table."""
        return self.format(**({"num_format": numbers, "border": 1, "border_color": _PALE, "bg_color": shade} | more))

    def inputs(self, sheet: Any, columns: Columns, values: Array, numbers: str) -> None:
        """Numbers that are there to be changed; what is no number turns red."""
        style = self.format(num_format=numbers, **_INPUT_STYLE)
        for (t, j), value in np.ndenumerate(values):
            sheet.write_number(columns.top + t, columns.first + j, float(value), style)
        area = (columns.top, columns.first, columns.top + len(values) - 1, columns.first + columns.count - 1)
        first = columns.cell(0, 0).replace("$", "")
        sheet.data_validation(*area, _ONLY_NUMBERS | {"value": f"=ISNUMBER({first})"})
        rule = {"type": "formula", "criteria": f"=NOT(ISNUMBER({first}))", "format": self.format(bg_color="#FF9999")}
        sheet.conditional_format(*area, rule)

    def chart(
        self, sheet: Any, place: tuple[int, int], title: str, labels: str, lines: Sequence[tuple[str, str]]
    ) -> None:  # fmt: skip
        """Lines over the steps. No layer's name is among these texts: one that begins with = would be a range."""
        chart = self.book.add_chart({"type": "line"})
        for name, values in lines:
            look = {"marker": {"type": "circle", "size": 4}, "line": {"width": 1.5}}
            chart.add_series({"name": name, "categories": f"={labels}", "values": f"={values}", **look})
        chart.set_title({"name": title, "name_font": {"size": 11, "bold": False}})
        chart.set_x_axis({"label_position": "low"})
        chart.set_y_axis({"major_gridlines": {"visible": True, "line": {"color": _PALE}}, "num_format": "General"})
        chart.set_legend({"none": True} if len(lines) == 1 else {"position": "bottom"})
        chart.set_size({"width": 520, "height": 270})
        sheet.insert_chart(*place, chart)
