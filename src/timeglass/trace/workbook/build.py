"""The whole workbook, planned: which sheets there are, what stands in them, and whether a spreadsheet can hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from timeglass.errors import OptionError
from timeglass.prepare.scale import MinMaxScaler
from timeglass.trace.workbook.front import FRONT, Front, Line, front_of
from timeglass.trace.workbook.layout import Columns, Given, StepSheet, WeightSheet
from timeglass.trace.workbook.names import sheet_name
from timeglass.trace.workbook.plain import plain_sheet
from timeglass.trace.workbook.recurrent import recurrent_sheet
from timeglass.trace.workbook.view import NodeView
from timeglass.trace.workbook.weights import weight_sheet
from timeglass.words import shown

if TYPE_CHECKING:
    from timeglass.trace.trace import Trace

__all__ = ["Plan", "plan_of"]

Sheets = list[tuple[StepSheet, WeightSheet | None]]  # of each node

# Excel's sheets, and what opens and computes in a few seconds.
_MOST_ROWS, _MOST_COLUMNS, _MOST_CELLS = 2**20, 2**14, 500_000


@dataclass(frozen=True)
class Plan:
    """Everything that is written, before any ink."""

    front: Front
    about: tuple[str, ...]
    outputs: tuple[str, ...]  # the forecast's labels
    lines: tuple[Line, ...]  # the forecast's table
    sheets: Sheets


def plan_of(trace: Trace, window: int, scaler: MinMaxScaler | None) -> Plan:
    """The workbook of one window. An `OptionError` where it does not fit into a spreadsheet."""
    x = np.asarray(trace.arrays["x"][window], dtype=np.float64)
    nodes = trace.architecture.layers
    front = front_of(x, len(nodes), scaler)
    gives: dict[int, Given] = {-1: front.gives}
    masks: dict[int, Columns] = {}
    sheets: Sheets = []
    taken, ranges = {FRONT.casefold()}, set[str]()
    for index in range(len(nodes)):
        view = _view(trace, index, window, gives, masks, taken, ranges)
        sheet = recurrent_sheet(view) if view.node.recurrent else plain_sheet(view)
        gives[index] = sheet.gives
        if view.node.mask == index:
            masks[index] = next(block.columns for block in sheet.blocks if block.labels == ("mask",))
        sheets.append((sheet, view.weights))
    forecast = trace.forecasts[window]
    _check_size(front, forecast.size, sheets)
    _check_finite(sheets)
    return Plan(
        front, _about(trace, window), _outputs(forecast.shape),
        tuple(front.lines(gives[len(nodes) - 1], forecast)), sheets,
    )  # fmt: skip


def _view(
    trace: Trace, index: int, window: int, gives: dict[int, Given], masks: dict[int, Columns],
    taken: set[str], ranges: set[str],
) -> NodeView:  # fmt: skip
    node = trace.architecture.layers[index]
    arrays = {
        name.removeprefix(f"{node.name}."): trace.arrays[name][window]
        for name in trace.names
        if name.rpartition(".")[0] == node.name
    }
    own_mask = node.masked and node.mask != index
    if own_mask:
        arrays["mask"] = trace.step_counts(node.mask)[window]
    names = {-1: "the window"} | {i: shown(other.name) for i, other in enumerate(trace.architecture.layers)}
    sheet, weights = sheet_name(node.name, taken), None
    if trace.weights[index]:
        weights = weight_sheet(node, trace.weights[index], sheet_name(node.name, taken, " weights"), ranges)
    return NodeView(
        node, sheet, arrays,
        tuple(np.asarray(trace.output_of(source)[window]) for source in node.inputs),
        tuple(names[source] for source in node.inputs), tuple(gives[source] for source in node.inputs),
        weights, masks[node.mask] if own_mask else None,
    )  # fmt: skip


def _outputs(shape: tuple[int, ...]) -> tuple[str, ...]:
    if len(shape) == 1:
        return tuple(f"y[{k}]" for k in range(shape[0]))
    return tuple(f"t={t + 1} y[{k}]" for t in range(shape[0]) for k in range(shape[1]))


def _about(trace: Trace, window: int) -> tuple[str, ...]:
    layers, weights = len(trace.architecture.layers), trace.architecture.weight_count
    steps, features = trace.arrays["x"].shape[1:]
    node = next((node for node in trace.architecture.layers if node.recurrent), trace.architecture.layers[-1])
    name = shown(node.name)
    letter, step = "h" if node.recurrent else "y", f"t={(steps + 1) // 2}" if trace.has_steps(f"{node.name}.y") else ""
    return (
        "A recurrent network's forecast, every number of it a formula",
        f"{layers} layer{'s' * (layers > 1)} with {weights:,} weights; window {window} of {trace.windows}: "
        f"{steps} time step{'s' * (steps > 1)} of {features} feature{'s' * (features > 1)}.",
        "Change a yellow cell, of the window below or of a weights sheet: every state, gate and the forecast follow.",
        f"A cell's column and row are its place in the trace: on the sheet {name}, column {letter}[0] and row "
        f"{step or 'value'} are trace['{name}.{letter}{f'[{step}]' if step else ''}'][{window}, 0].",
    )


def _check_size(front: Front, outputs: int, sheets: Sheets) -> None:
    """What a spreadsheet cannot hold is refused before any of it is written."""
    steps, features = front.window.shape
    sizes = [(front.inputs.top + steps, 1 + max(outputs, features * (2 if front.scaled else 1)))]
    sizes += [(sheet.rows, sheet.columns) for pair in sheets for sheet in pair if sheet is not None]
    for what, count, most in (
        ("rows", max(rows for rows, _ in sizes), _MOST_ROWS),
        ("columns", max(columns for _, columns in sizes), _MOST_COLUMNS),
        ("cells", sum(rows * columns for rows, columns in sizes), _MOST_CELLS),
    ):
        if count > most:
            raise OptionError(
                f"to_xlsx: this network and window take {count:,} {what}, and a workbook holds {most:,}: "
                "write a smaller network, or a window of fewer steps"
            )


def _check_finite(sheets: Sheets) -> None:
    for sheet, weights in sheets:
        arrays = {block.key: block.values for block in sheet.blocks} | (dict(weights.arrays) if weights else {})
        for key, array in arrays.items():
            if not np.isfinite(array).all():
                key = key.replace("\n", " ")
                raise OptionError(
                    f"to_xlsx: {key} of {sheet.title} holds numbers that are not finite, which no spreadsheet can hold"
                )
