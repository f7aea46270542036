"""The ink of the layers' sheets: their steps and their weights."""

from __future__ import annotations

from typing import Any

from timeglass.network.weight_names import KERAS_NAMES, weight_row_names
from timeglass.trace.workbook.layout import Block, Columns, StepSheet, WeightSheet
from timeglass.trace.workbook.pens import INPUT, SHADES, Pens, number_format

__all__ = ["write_steps", "write_weights"]

_MOST_LINES = 12  # in a chart
_CHART_ROWS = 15  # that a chart covers
_FORMULA_COLUMNS = 8  # over which a written formula may reach, at least


def write_steps(pens: Pens, plan: StepSheet) -> None:
    """The sheet of one node."""
    chart = _CHART_ROWS if _is_drawn(plan) else 0
    below = plan.rows + 1
    sheet = pens.sheet(plan.name, (below + chart + len(plan.blocks), plan.columns), "#2E75B6", 14)
    pens.titles(sheet, (plan.title, *plan.lines))
    for row, (label, value) in enumerate(plan.parameters, start=len(plan.lines) + 2):
        pens.text(sheet, row, 0, label)
        sheet.write_number(row, 1, value, pens.format(num_format="0.00000E+00"))
    first_row = plan.top if plan.start is None else min(plan.top, plan.start)
    for t, label in enumerate(plan.steps):
        pens.text(sheet, plan.top + t, 0, label, align="right")
    if plan.start is not None:
        _write_start(pens, sheet, plan, plan.start)
    for block in plan.blocks:
        _write_block(pens, sheet, first_row - 2, block)
    sheet.freeze_panes(first_row, 1)
    sheet.repeat_rows(first_row - 2, first_row - 1)
    # What Excel would mark with green corners: that neighbours' formulas differ, as units' do.
    sheet.ignore_errors({"formula_differs": "A1:XFD1048576", "formula_range": "A1:XFD1048576"})
    if chart:
        _write_chart(pens, sheet, plan, below)
    _write_formulas(pens, sheet, plan, below + chart)


def _write_start(pens: Pens, sheet: Any, plan: StepSheet, row: int) -> None:
    """The state before the first step."""
    grey = {"font_color": "#7F7F7F", "italic": True}
    pens.text(sheet, row, 0, "start", align="right", **grey)
    for columns in plan.start_columns:
        for j in range(columns.count):
            sheet.write_number(row, columns.first + j, 0, pens.format(**grey))


def _write_block(pens: Pens, sheet: Any, head: int, block: Block) -> None:
    columns, shade = block.columns, SHADES[block.kind]
    pens.heading(sheet, head, columns, block.key, shade)
    pens.labels(sheet, head + 1, columns.first, block.labels, shade)
    numbers = "0" if block.labels == ("mask",) else number_format(block.values)
    style = pens.framed(numbers, shade if block.kind in ("state", "output") else "#FFFFFF")
    pens.formulas(sheet, columns, block.formula, block.values, style)


def _states(plan: StepSheet) -> Block | None:
    return next((block for block in plan.blocks if block.kind == "state" and block.labels[0] == "h[0]"), None)


def _is_drawn(plan: StepSheet) -> bool:
    states = _states(plan)
    return states is not None and len(plan.steps) > 1 and states.columns.count <= _MOST_LINES


def _write_chart(pens: Pens, sheet: Any, plan: StepSheet, row: int) -> None:
    """The hidden states over the steps."""
    block = _states(plan)
    assert block is not None
    rows, first = len(plan.steps), block.columns.first
    labels = Columns(plan.name, 0, 1, plan.top).area(rows)
    lines = [(label, Columns(plan.name, first + j, 1, plan.top).area(rows)) for j, label in enumerate(block.labels)]
    pens.chart(sheet, (row, 1), "The hidden state h, step by step", labels, lines)


def _write_formulas(pens: Pens, sheet: Any, plan: StepSheet, row: int) -> None:
    """For paper: the formula of each block's first column, written out for the middle one of the steps."""
    t = len(plan.steps) // 2
    of = f" in row {plan.steps[t]}" if len(plan.steps) > 1 else ""
    pens.subtitle(sheet, row, f"The first formula of each block{of}")
    last = max(_FORMULA_COLUMNS, min(plan.columns - 1, 2 * _FORMULA_COLUMNS))
    for i, block in enumerate(plan.blocks, start=row + 1):
        pens.text(sheet, i, 0, f"{block.labels[0]} =", align="right", valign="top")
        pens.wrapped(sheet, i, (1, last), block.formula(t, 0))


def write_weights(pens: Pens, plan: WeightSheet) -> None:
    """The sheet of one layer's weights, and the names of their ranges."""
    top = next(iter(plan.places.values())).top
    sheet = pens.sheet(plan.name, (top + len(plan.labels), plan.columns), "#E0C200", 14)
    pens.titles(sheet, (
        f"{plan.layer}: its weights",
        "One row for each unit and gate: what its inputs are multiplied by. Change a number: the forecast follows.",
        "Each array stands turned: row i, column j of it here is [j, i] in Keras, and in the trace's weights.",
        f"Their ranges have names: {', '.join(plan.ranges.values())}.",
    ))  # fmt: skip
    for row, label in enumerate(plan.labels, start=top):
        pens.text(sheet, row, 0, label, align="right")
    for name, columns in plan.places.items():
        pens.heading(sheet, top - 2, columns, f"{plan.layer}.{name}\nKeras: {KERAS_NAMES[name]}", INPUT)
        pens.labels(sheet, top - 1, columns.first, weight_row_names(name, columns.count), INPUT)
        pens.inputs(sheet, columns, plan.arrays[name], number_format(plan.arrays[name]))
        pens.book.define_name(plan.ranges[name], f"={columns.area(len(plan.labels))}")
    sheet.freeze_panes(top, 1)
    sheet.repeat_rows(top - 2, top - 1)
