"""The sheets of layers without a state: Dense, LinearSkip, Masking, Dropout, and what puts a Bidirectional together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from timeglass.network.architecture import Merge
from timeglass.network.layers import Dense, Dropout, LinearSkip, Masking
from timeglass.trace.workbook.activations import ACTIVATION_WORDS, activation_formula
from timeglass.trace.workbook.layout import Block, Columns, Given, StepSheet, dot, side_by_side
from timeglass.trace.workbook.names import cell_name
from timeglass.trace.workbook.view import FIRST_COLUMN, HEAD_ROWS, NodeView, reading, step_labels
from timeglass.words import shown

__all__ = ["float32_range", "plain_sheet"]

Formula = Callable[[int, int], str]

_MERGED = {
    "concat": "y = the one beside the other",
    "sum": "y = one + other",
    "mul": "y = one · other",
    "ave": "y = (one + other) / 2",
}


def plain_sheet(view: NodeView) -> StepSheet:
    """The sheet of a node that is not recurrent."""
    layer = view.node.layer
    if isinstance(layer, Dense):
        return _dense(view)
    if isinstance(layer, LinearSkip):
        return _skip(view)
    if isinstance(layer, Masking):
        return _masking(view, layer)
    if isinstance(layer, Merge):
        return _merge(view, layer.mode)
    return _dropout(view)


def float32_range(value: float) -> tuple[float, float]:
    """From and to which number float32 takes for `value`: a workbook's numbers are doubles, a window's are not.

    >>> low, high = float32_range(0.1)
    >>> np.float32([low, high]) == np.float32(0.1), low < 0.1 < high
    (array([ True,  True]), True)
    """
    middle = np.float32(value)
    ends: list[float] = []
    for way in (-np.inf, np.inf):
        with np.errstate(over="ignore"):  # beyond the last float32 there is none
            end = (float(middle) + float(np.nextafter(middle, np.float32(way)))) / 2
        if not np.isfinite(end):
            end = float(middle)
        # Half way between two of them float32 takes the even one.
        ends.append(end if np.float32(end) == middle else float(np.nextafter(end, -way)))
    return ends[0], ends[1]


def _labels(letter: str, columns: Columns) -> tuple[str, ...]:
    return tuple(f"{letter}[{j}]" for j in range(columns.count))


def _block(view: NodeView, at: dict[str, Columns], name: str, formula: Formula, kind: str = "output") -> Block:
    columns = at[name]
    return Block(columns, f"{shown(view.node.name)}.{name}", _labels(name, columns), view.table(name), formula, kind)


def _sheet(
    view: NodeView, what: str, lines: tuple[str, ...], blocks: list[Block],
    parameters: tuple[tuple[str, float], ...] = (),
) -> StepSheet:  # fmt: skip
    """Its last block is what the node gives."""
    gives = blocks[-1].columns
    steps = len(blocks[-1].values)
    return StepSheet(
        view.sheet, f"{shown(view.node.name)}: {what}", lines, parameters,
        step_labels(steps, view.node.gives_sequence), tuple(blocks),
        gives.top, None, (), Given(gives, tuple(range(steps))),
    )  # fmt: skip


def _place(view: NodeView, lines: int, counts: dict[str, int], parameters: int = 0) -> dict[str, Columns]:
    top = lines + 2 + HEAD_ROWS + (parameters + 1 if parameters else 0)
    return side_by_side(view.sheet, FIRST_COLUMN, top, counts)


def _dense(view: NodeView) -> StepSheet:
    node, weights = view.node, view.layer_weights
    lines = ["z = x·wy + by" if "by" in node.weight_shapes else "z = x·wy", f"y = {node.activation}(z)"]
    lines += [ACTIVATION_WORDS[node.activation]] if node.activation != "linear" else []
    at = _place(view, len(lines), {"x": node.features, "z": node.units, "y": node.units})

    def total(t: int, k: int) -> str:
        return dot(at["x"].row(t), weights.row("wy", k)) + weights.bias("by", k)

    blocks = [
        reading(view, at["x"]),
        _block(view, at, "z", total, "sum"),
        _block(view, at, "y", lambda t, k: activation_formula(node.activation, at["z"].cell(t, k))),
    ]
    when = " at each step" if node.gives_sequence else ""
    return _sheet(
        view, f"Dense of {node.units} unit{'s' * (node.units > 1)}, {node.activation}{when}", tuple(lines), blocks
    )


def _skip(view: NodeView) -> StepSheet:
    node, weights = view.node, view.layer_weights
    features = view.read[1].shape[1]
    steps = node.skip_features // features
    first = len(view.read[1]) - steps
    bias = " + by" if "by" in node.weight_shapes else ""
    of = "window" if first == 0 else f"window's last {steps} step{'s' * (steps > 1)}"
    lines = (f"skip = {of}·wy{bias}, the window's numbers in a row, step after step", "y = x + skip")
    at = _place(view, len(lines), {"x": node.units, "window": node.skip_features, "skip": node.units, "y": node.units})
    window = Block(
        at["window"], "the window, step after step",
        tuple(f"t={first + i // features + 1} x[{i % features}]" for i in range(node.skip_features)),
        view.read[1].reshape(1, -1)[:, -node.skip_features :],
        lambda _, i: view.given[1].far(first + i // features, i % features), "input",
    )  # fmt: skip
    blocks = [
        reading(view, at["x"]),
        window,
        _block(
            view, at, "skip",
            lambda t, k: dot(at["window"].row(t), weights.row("wy", k)) + weights.bias("by", k), "sum",
        ),
        _block(view, at, "y", lambda t, k: f"{at['x'].cell(t, k)}+{at['skip'].cell(t, k)}"),
    ]  # fmt: skip
    return _sheet(view, "LinearSkip, a linear forecast from the window itself", lines, blocks)


def _masking(view: NodeView, layer: Masking) -> StepSheet:
    node = view.node
    lines = (
        "mask = 1 where a step counts, 0 where every x of it is the value that marks a step",
        "y = x·mask",
        "A network's windows are float32 numbers, which take all from … to … for that value.",
    )
    low, high = float32_range(layer.mask_value)
    parameters = (("marked, from", low), ("marked, to", high))
    at = _place(view, len(lines), {"x": node.features, "mask": 1, "y": node.units}, len(parameters))
    cells = [cell_name(len(lines) + 2 + row, 1) for row in range(len(parameters))]

    def counts(t: int, _: int) -> str:
        x = at["x"].row(t)
        return f"IF(SUMPRODUCT(({x}<{cells[0]})+({x}>{cells[1]}))>0,1,0)"

    mask = view.arrays["mask"].astype(float)[:, None]
    blocks = [
        reading(view, at["x"]),
        Block(at["mask"], f"{shown(node.name)}.mask", ("mask",), mask, counts, "gate"),
        _block(view, at, "y", lambda t, j: f"IF({at['mask'].cell(t, 0)}=1,{at['x'].cell(t, j)},0)"),
    ]
    return _sheet(view, f"Masking of steps whose x are all {layer.mask_value:g}", lines, blocks, parameters)


def _merge(view: NodeView, mode: str) -> StepSheet:
    one, other = (given.columns.count for given in view.given)
    lines = (_MERGED[mode],)
    at = _place(view, len(lines), {"one": one, "other": other, "y": view.node.units})

    def merged(t: int, j: int) -> str:
        if mode == "concat":
            return at["one"].cell(t, j) if j < one else at["other"].cell(t, j - one)
        a, b = at["one"].cell(t, j), at["other"].cell(t, j)
        return {"sum": f"{a}+{b}", "mul": f"{a}*{b}", "ave": f"({a}+{b})/2"}[mode]

    blocks = [reading(view, at["one"]), reading(view, at["other"], 1), _block(view, at, "y", merged)]
    return _sheet(view, f"Bidirectional, what its two layers give ({mode})", lines, blocks)


def _dropout(view: NodeView) -> StepSheet:
    assert isinstance(view.node.layer, Dropout)
    lines = ("y = x: dropout drops numbers in training only, never in a forecast",)
    at = _place(view, len(lines), {"x": view.node.units, "y": view.node.units})
    blocks = [reading(view, at["x"]), _block(view, at, "y", lambda t, j: at["x"].cell(t, j))]
    return _sheet(view, "Dropout", lines, blocks)
