"""The ink: a plan written with XlsxWriter, with formats, named ranges, notes and charts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from timeglass.network.weight_names import KERAS_NAMES, weight_rows
from timeglass.trace.workbook.build import Plan
from timeglass.trace.workbook.front import FRONT, Front
from timeglass.trace.workbook.layout import Block, Columns, StepSheet, WeightSheet
from timeglass.trace.workbook.names import quoted_sheet
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["write_plan"]

_CREATED = datetime(2000, 1, 1)  # always the same: the same trace gives the same bytes
_WIDTH, _LABEL_WIDTH = 12, 31  # of a column, in characters
_MOST_LINES, _WIDEST_PRINT = 12, 40  # in a chart; columns that are made to fit on a page
_DARK, _LINE = "#1F3864", "#BFBFBF"
_SHADES = {"input": "#F2F2F2", "sum": "#DDEBF7", "gate": "#E2EFDA", "state": "#FCE4D6", "output": "#FFE1EA"}
_INPUT = {"bg_color": "#FFF9C4", "font_color": "#0B3D91", "border": 1, "border_color": "#E0C200"}
_NUMBERS = {"validate": "decimal", "criteria": "between", "minimum": -1e300, "maximum": 1e300,
            "error_title": "A number, please", "error_message": "This cell is an input of the network: it takes a number."}  # fmt: skip


class _Ink:
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

    def text(self, sheet: Any, row: int, column: int, text: str, **settings: Any) -> None:
        """A text, which never becomes a formula, whatever it begins with."""
        sheet.write_string(row, column, text, self.format(**settings))

    def cell(self, sheet: Any, place: tuple[int, int], formula: str, value: float | str, settings: Mapping[str, Any]) -> None:
        """A formula with what comes out."""
        sheet.write_formula(*place, f"={formula}", self.format(**settings), value)


def write_plan(plan: Plan, book: Any) -> None:
    """Fills an empty workbook of XlsxWriter."""
    book.set_properties({"title": plan.about[0], "created": _CREATED, "comments": plan.about[1]})
    ink = _Ink(book)
    _write_front(ink, plan)
    for sheet, weights in plan.sheets:
        _write_steps(ink, sheet)
        if weights:
            _write_weights(ink, weights)


def number_format(values: Array) -> str:
    """Six decimals, or powers of ten where these would show too little or too much.

    >>> number_format(np.array([0.25])), number_format(np.array([1e-7])), number_format(np.zeros(0))
    ('0.000000', '0.00000E+00', '0.000000')
    """
    most = float(np.abs(values).max(initial=0))
    return "0.000000" if most == 0 or 1e-3 <= most < 1e5 else "0.00000E+00"


def _new_sheet(ink: _Ink, name: str, columns: int, tab: str) -> Any:
    sheet = ink.book.add_worksheet(name)
    sheet.hide_gridlines(2)
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_footer("&L&A&RPage &P of &N")
    sheet.set_tab_color(tab)
    sheet.set_column(1, max(1, columns - 1), _WIDTH)
    if columns <= _WIDEST_PRINT:
        sheet.fit_to_pages(1, 0)
    return sheet


def _titles(ink: _Ink, sheet: Any, lines: tuple[str, ...]) -> None:
    ink.text(sheet, 0, 0, lines[0], bold=True, font_size=15, font_color=_DARK)
    for row, line in enumerate(lines[1:], start=1):
        ink.text(sheet, row, 0, line, font_color="#404040")


def _heading(ink: _Ink, sheet: Any, row: int, columns: Columns, text: str, shade: str) -> None:
    """A text over all of the columns."""
    settings = {"bold": True, "bg_color": shade, "border": 1, "border_color": _LINE, "text_wrap": True, "valign": "top"}
    last = columns.first + columns.count - 1
    if last > columns.first:
        sheet.merge_range(row, columns.first, row, last, "", ink.format(**settings))
    ink.text(sheet, row, columns.first, text, **settings)


def _labels(ink: _Ink, sheet: Any, row: int, first: int, labels: tuple[str, ...], shade: str) -> None:
    for j, label in enumerate(labels):
        ink.text(sheet, row, first + j, label, bg_color=shade, border=1, border_color=_LINE, align="right")


def _inputs(ink: _Ink, sheet: Any, columns: Columns, values: Array, numbers: str) -> None:
    """Numbers that are there to be changed."""
    style = ink.format(num_format=numbers, **_INPUT)
    for (t, j), value in np.ndenumerate(values):
        sheet.write_number(columns.top + t, columns.first + j, float(value), style)
    area = (columns.top, columns.first, columns.top + len(values) - 1, columns.first + columns.count - 1)
    sheet.data_validation(*area, _NUMBERS)
    first = columns.cell(0, 0).replace("$", "")
    warning = ink.book.add_format({"bg_color": "#FF9999"})
    sheet.conditional_format(*area, {"type": "formula", "criteria": f"=NOT(ISNUMBER({first}))", "format": warning})


# The first sheet


def _write_front(ink: _Ink, plan: Plan) -> None:
    front = plan.front
    rows, features = front.window.shape
    sheet = _new_sheet(ink, FRONT, 1 + max(features * (2 if front.scaled else 1), len(plan.outputs)), _DARK)
    sheet.set_column(0, 0, _LABEL_WIDTH)
    _titles(ink, sheet, plan.about)
    for row, (name, title) in enumerate(plan.contents, start=front.contents_row):
        sheet.write_url(row, 0, f"internal:{quoted_sheet(name)}!A1", ink.format(font_color="#0563C1", underline=1), name)
        ink.text(sheet, row, 1, title)
    _write_forecast(ink, sheet, plan)
    if front.scaler:
        _write_scale(ink, sheet, front)
    _write_window(ink, sheet, front)
    ink.book.define_name("window", f"={front.inputs.area(rows)}")
    outputs = Columns(FRONT, 1, len(plan.outputs), front.forecast_row + 1)
    ink.book.define_name("forecast", f"={outputs.area(1)}")
    sheet.set_selection(front.inputs.top, 1, front.inputs.top, 1)


_LINE_STYLES: dict[str, dict[str, Any]] = {
    "forecast": {"bold": True, "bg_color": _SHADES["output"], "border": 1, "border_color": _LINE},
    "constant": {"font_color": "#404040", "border": 1, "border_color": _LINE},
    "difference": {"border": 1, "border_color": _LINE, "num_format": "0.0E+00"},
    "check": {"italic": True, "font_color": "#404040", "text_wrap": True, "valign": "top", "align": "right"},
    "original": {"bold": True, "bg_color": _SHADES["output"], "border": 1, "border_color": _LINE},
}


def _write_forecast(ink: _Ink, sheet: Any, plan: Plan) -> None:
    row = plan.front.forecast_row
    ink.text(sheet, row, 0, "The forecast", bold=True, font_color=_DARK, font_size=12)
    _labels(ink, sheet, row, 1, plan.outputs, _SHADES["output"])
    numbers = number_format(np.array(plan.lines[0].values))
    for i, line in enumerate(plan.lines, start=1):
        ink.text(sheet, row + i, 0, line.label, bold=line.kind == "forecast")
        style = {"num_format": numbers} | _LINE_STYLES[line.kind]
        if line.kind == "original":
            style["num_format"] = original_format(np.array(line.values))
        if line.kind == "check":
            sheet.set_row(row + i, 45)
        for k, value in enumerate(line.values):
            if line.formulas is None:
                sheet.write_number(row + i, 1 + k, value, ink.format(**style))
            else:
                ink.cell(sheet, (row + i, 1 + k), line.formulas[k], value, style)


def original_format(values: Array) -> str:
    """About five digits of what is in a series' own units.

    >>> original_format(np.array([118.2])), original_format(np.array([0.02])), original_format(np.array([2e7]))
    ('0.00', '0.000000', '0')
    """
    most = float(np.abs(values).max(initial=0))
    digits = 4 - int(np.floor(np.log10(most))) if most > 0 else 2
    return "0." + "0" * min(digits, 12) if digits > 0 else "0"


def _write_scale(ink: _Ink, sheet: Any, front: Front) -> None:
    assert front.scaler is not None
    for i, (label, value) in enumerate((("Scale: this value is 0", front.scaler.low), ("Scale: this one is 1", front.scaler.high))):
        ink.text(sheet, front.scale_row + i, 0, label)
        numbers = original_format(np.array([front.scaler.low, front.scaler.high]))
        at = Columns(FRONT, 1, 1, front.scale_row + i)
        _inputs(ink, sheet, at, np.array([[value]]), numbers)


def _write_window(ink: _Ink, sheet: Any, front: Front) -> None:
    rows, features = front.window.shape
    top, labels = front.inputs.top, tuple(f"x[{j}]" for j in range(features))
    ink.text(sheet, front.window_row, 0, "The window", bold=True, font_color=_DARK, font_size=12)
    note = "in the series' units" if front.scaled else "change these"
    _heading(ink, sheet, top - 2, front.inputs, note, _INPUT["bg_color"])
    _labels(ink, sheet, top - 1, 1, labels, _INPUT["bg_color"])
    for t in range(rows):
        ink.text(sheet, top + t, 0, f"t={t + 1}", align="right")
    numbers = original_format(front.window) if front.scaled else number_format(front.window)
    _inputs(ink, sheet, front.inputs, front.window, numbers)
    if front.scaled:
        _heading(ink, sheet, top - 2, front.scaled, "as the network is given them", _SHADES["input"])
        _labels(ink, sheet, top - 1, front.scaled.first, labels, _SHADES["input"])
        style = {"num_format": number_format(front.scaled_values)}
        for (t, j), value in np.ndenumerate(front.scaled_values):
            place = (top + t, front.scaled.first + j)
            ink.cell(sheet, place, front.scaled_formula(t, j), float(value), style)
    steps, series = front.chart_ranges()
    if rows > 1 and features <= _MOST_LINES:
        right = 2 + features * (2 if front.scaled else 1)
        _chart(ink, sheet, (top - 2, right), "The window", steps, list(zip(labels, series, strict=True)))


# The layers' sheets


def _write_steps(ink: _Ink, plan: StepSheet) -> None:
    sheet = _new_sheet(ink, plan.name, plan.columns, "#2E75B6")
    sheet.set_column(0, 0, 14)
    _titles(ink, sheet, (plan.title, *plan.lines))
    for row, (label, value) in enumerate(plan.parameters, start=len(plan.lines) + 2):
        ink.text(sheet, row, 0, label)
        sheet.write_number(row, 1, value, ink.format(num_format="0.0000000E+00"))
    first_row = plan.top if plan.start is None else min(plan.top, plan.start)
    head = first_row - 2
    sheet.set_row(head, 45)
    for t, label in enumerate(plan.steps):
        ink.text(sheet, plan.top + t, 0, label, align="right")
    if plan.start is not None:
        _write_start(ink, sheet, plan, plan.start)
    for block in plan.blocks:
        _write_block(ink, sheet, head, block)
    sheet.freeze_panes(first_row, 1)
    sheet.repeat_rows(head, head + 1)
    sheet.ignore_errors({"formula_differs": "A1:XFD1048576", "formula_range": "A1:XFD1048576"})
    if plan.start is not None:
        _state_chart(ink, sheet, plan)


def _write_start(ink: _Ink, sheet: Any, plan: StepSheet, row: int) -> None:
    """The state before the first step."""
    ink.text(sheet, row, 0, "start", align="right", italic=True, font_color="#7F7F7F")
    for columns in plan.start_columns:
        for j in range(columns.count):
            sheet.write_number(row, columns.first + j, 0, ink.format(font_color="#7F7F7F", italic=True))


def _write_block(ink: _Ink, sheet: Any, head: int, block: Block) -> None:
    columns, shade = block.columns, _SHADES[block.kind]
    _heading(ink, sheet, head, columns, shown(block.key), shade)
    _labels(ink, sheet, head + 1, columns.first, block.labels, shade)
    whole = block.labels == ("mask",)
    style = {
        "num_format": "0" if whole else number_format(block.values), "border": 1, "border_color": "#E7E6E6",
        "bg_color": shade if block.kind in ("state", "output") else "#FFFFFF",
    }  # fmt: skip
    for (t, j), value in np.ndenumerate(block.values):
        ink.cell(sheet, (columns.top + t, columns.first + j), block.formula(t, j), float(value), style)


def _state_chart(ink: _Ink, sheet: Any, plan: StepSheet) -> None:
    """The hidden states over the steps, below them."""
    block = next(block for block in plan.blocks if block.kind == "state" and block.labels[0] == "h[0]")
    rows, columns = len(plan.steps), block.columns
    if rows < 2 or columns.count > _MOST_LINES:
        return
    labels = Columns(plan.name, 0, 1, plan.top).area(rows)
    lines = [
        (label, Columns(plan.name, columns.first + j, 1, plan.top).area(rows)) for j, label in enumerate(block.labels)
    ]
    _chart(ink, sheet, (plan.rows + 1, 1), shown(block.key), labels, lines)


def _chart(ink: _Ink, sheet: Any, place: tuple[int, int], title: str, labels: str, lines: list[tuple[str, str]]) -> None:
    chart = ink.book.add_chart({"type": "line"})
    for name, values in lines:
        marker = {"type": "circle", "size": 4}
        chart.add_series({"name": name, "categories": f"={labels}", "values": f"={values}", "marker": marker,
                          "line": {"width": 1.5}})  # fmt: skip
    chart.set_title({"name": title, "name_font": {"size": 11, "bold": False}})
    chart.set_x_axis({"label_position": "low"})
    chart.set_y_axis({"major_gridlines": {"visible": True, "line": {"color": "#E7E6E6"}}, "num_format": "General"})
    chart.set_legend({"none": True} if len(lines) == 1 else {"position": "bottom"})
    chart.set_size({"width": 520, "height": 270})
    sheet.insert_chart(*place, chart)


def _write_weights(ink: _Ink, plan: WeightSheet) -> None:
    sheet = _new_sheet(ink, plan.name, plan.columns, "#E0C200")
    sheet.set_column(0, 0, 14)
    _titles(ink, sheet, (
        f"{plan.layer}: its weights",
        "One row for each unit and gate: what its inputs are multiplied by. Change them: the forecast follows.",
        "Each array stands turned: Keras's kernel[0, 2] is in row 2, column 0.",
    ))  # fmt: skip
    top = next(iter(plan.places.values())).top
    sheet.set_row(top - 2, 45)
    for row, label in enumerate(plan.labels):
        ink.text(sheet, top + row, 0, label, align="right")
    for name, columns in plan.places.items():
        _heading(ink, sheet, top - 2, columns, f"{shown(plan.layer)}.{name} (Keras: {KERAS_NAMES[name]})", _INPUT["bg_color"])
        _labels(ink, sheet, top - 1, columns.first, weight_rows(name, columns.count), _INPUT["bg_color"])
        _inputs(ink, sheet, columns, plan.arrays[name], number_format(plan.arrays[name]))
        ink.book.define_name(plan.ranges[name], f"={columns.area(len(plan.labels))}")
    sheet.freeze_panes(top, 1)
    sheet.repeat_rows(top - 2, top - 1)
