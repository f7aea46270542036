"""The ink of the first sheet."""

from __future__ import annotations

from typing import Any

import numpy as np

from timeglass.trace.workbook.build import Plan
from timeglass.trace.workbook.front import FRONT, Front
from timeglass.trace.workbook.layout import Columns
from timeglass.trace.workbook.names import quoted_sheet
from timeglass.trace.workbook.pens import DARK, INPUT, SHADES, Pens, number_format, original_format

__all__ = ["write_front"]

_MOST_LINES = 12  # in a chart
_STYLES: dict[str, dict[str, Any]] = {
    "forecast": {"bold": True, "bg_color": SHADES["output"]},
    "constant": {"font_color": "#404040"},
    "difference": {},
    "check": {"italic": True, "align": "right"},
    "original": {"bold": True, "bg_color": SHADES["output"]},
}


def write_front(pens: Pens, plan: Plan) -> None:
    """The first sheet, and the names of its ranges."""
    front = plan.front
    rows, features = front.window.shape
    columns = 1 + max(features * (2 if front.scaled else 1) + 6, len(plan.outputs))
    sheet = pens.sheet(FRONT, (front.inputs.top + rows, columns), DARK, 31)
    pens.titles(sheet, plan.about)
    _write_contents(pens, sheet, plan)
    _write_forecast(pens, sheet, plan)
    if front.scaler:
        _write_scale(pens, sheet, front)
    _write_window(pens, sheet, front)
    pens.book.define_name("the_window", f"={front.inputs.area(rows)}")
    outputs = Columns(FRONT, 1, len(plan.outputs), front.forecast_row + 1)
    pens.book.define_name("the_forecast", f"={outputs.area(1)}")
    sheet.set_selection(front.inputs.top, 1, front.inputs.top, 1)


def _write_contents(pens: Pens, sheet: Any, plan: Plan) -> None:
    link = pens.format(font_color="#0563C1", underline=1, quote_prefix=True)
    pens.subtitle(sheet, plan.front.contents_row, "The layers")
    for row, (steps, weights) in enumerate(plan.sheets, start=plan.front.contents_row + 1):
        sheet.write_url(row, 0, f"internal:{quoted_sheet(steps.name)}!A1", link, steps.name)
        if weights:
            sheet.write_url(row, 1, f"internal:{quoted_sheet(weights.name)}!A1", link, "weights")
        pens.text(sheet, row, 2, steps.title.partition(": ")[2])


def _write_forecast(pens: Pens, sheet: Any, plan: Plan) -> None:
    row = plan.front.forecast_row
    pens.subtitle(sheet, row, "The forecast")
    pens.labels(sheet, row, 1, plan.outputs, SHADES["output"])
    numbers = number_format(np.array(plan.lines[0].values))
    original = original_format(np.array(plan.lines[-1].values)) if plan.front.scaler else numbers
    for i, line in enumerate(plan.lines, start=row + 1):
        pens.text(sheet, i, 0, line.label, bold=line.kind in ("forecast", "original"))
        own = {"original": original, "difference": "0.0E+00"}.get(line.kind, numbers)
        style = pens.framed(own, **_STYLES[line.kind])
        for k, value in enumerate(line.values):
            if line.formulas is None:
                sheet.write_number(i, 1 + k, value, style)
            else:
                sheet.write_formula(i, 1 + k, f"={line.formulas[k]}", style, value)


def _write_scale(pens: Pens, sheet: Any, front: Front) -> None:
    assert front.scaler is not None
    ends = np.array([front.scaler.low, front.scaler.high])
    for i, (label, value) in enumerate(zip(("becomes 0", "becomes 1"), ends, strict=True)):
        pens.text(sheet, front.scale_row + i, 0, f"Scale: what {label}")
        at = Columns(FRONT, 1, 1, front.scale_row + i)
        pens.inputs(sheet, at, np.array([[value]]), original_format(ends))


def _write_window(pens: Pens, sheet: Any, front: Front) -> None:
    rows, features = front.window.shape
    top, labels = front.inputs.top, [f"x[{j}]" for j in range(features)]
    pens.subtitle(sheet, top - 2, "The window")
    note = "series' units:\nchange these" if front.scaled else "change these"
    pens.heading(sheet, top - 2, front.inputs, note, INPUT)
    pens.labels(sheet, top - 1, 1, labels, INPUT)
    for t in range(rows):
        pens.text(sheet, top + t, 0, f"t={t + 1}", align="right")
    numbers = original_format(front.window) if front.scaled else number_format(front.window)
    pens.inputs(sheet, front.inputs, front.window, numbers)
    if front.scaled:
        pens.heading(sheet, top - 2, front.scaled, "as the net-\nwork sees it", SHADES["input"])
        pens.labels(sheet, top - 1, front.scaled.first, labels, SHADES["input"])
        style = pens.framed(number_format(front.scaled_values))
        pens.formulas(sheet, front.scaled, front.scaled_formula, front.scaled_values, style)
    steps, series = front.chart_ranges()
    if rows > 1 and features <= _MOST_LINES:
        right = 2 + features * (2 if front.scaled else 1)
        pens.chart(sheet, (top - 2, right), "The window", steps, list(zip(labels, series, strict=True)))
