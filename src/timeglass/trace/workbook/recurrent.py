"""The sheets of recurrent layers: one row for each step, one column for each unit and gate, in computing's order.

The equations are those of `timeglass.cells`. A row's formulas read the row itself, and of the state the row before: the
one above, or below in a layer that goes backwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from timeglass.network.layers import GRU, LSTM
from timeglass.network.weight_names import GATES
from timeglass.trace.workbook.activations import ACTIVATION_WORDS, activation_formula
from timeglass.trace.workbook.layout import Block, Columns, Given, StepSheet, dot, side_by_side
from timeglass.trace.workbook.view import FIRST_COLUMN, HEAD_ROWS, NodeView, reading, step_labels
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["recurrent_sheet"]

Formula = Callable[[int, int], str]

_LINES = {
    "simple_rnn": ("z(t) = x(t)·wx + h(t−1)·wh + bh", "h(t) = {f}(z(t))"),
    "lstm": (
        "z(t) = x(t)·wx + h(t−1)·wh + bh, four parts of it: input, forget, candidate, output",
        "input, forget and output are {s}(z), candidate is {f}(z)",
        "c(t) = forget·c(t−1) + input·candidate",
        "h(t) = output·shown, where shown = {f}(c(t))",
    ),
    "gru": (
        "update and reset are {s}(z), where z(t) = x(t)·wx + h(t−1)·wh + bh",
        "met = reset·h(t−1);  candidate = {f}(x(t)·wx + met·wh + bh)",
        "h(t) = update·h(t−1) + (1 − update)·candidate",
    ),
    "gru, reset after": (
        "update and reset are {s}(z), where z(t) = x(t)·wx + h(t−1)·wh + both biases",
        "met = h(t−1)·wh + the bias beside wh;  candidate = {f}(x(t)·wx + the bias beside wx + reset·met)",
        "h(t) = update·h(t−1) + (1 − update)·candidate",
    ),
}
_BIASES = re.compile(r" \+ (bh|both biases|the bias beside w[xh])")
_MASKED = "Where the mask is 0 the state is held: it is that of the step before."
_KINDS = {"x": "input", "mask": "input", "met": "sum", "c": "state", "h": "state", "y": "output"}


def recurrent_sheet(view: NodeView) -> StepSheet:
    """The sheet of a SimpleRNN, a GRU or an LSTM."""
    node = view.node
    lines, back = _lines(view), node.go_backwards
    top = len(lines) + 2 + HEAD_ROWS + (0 if back else 1)
    counts = {"mask": 1} if view.mask else {}
    counts |= {"x": node.features} | dict.fromkeys(_names(view), node.units)
    at = side_by_side(view.sheet, FIRST_COLUMN, top, counts)
    cell = _Cell(view, at)
    blocks = [reading(view, at["x"]), *(_block(cell, name) for name in at if name not in ("mask", "x"))]
    if view.mask:
        blocks.insert(0, _mask_block(view, at["mask"], view.mask))
    states = (at["c"], at["h"]) if "c" in at else (at["h"],)
    start = top + node.time_steps if back else top - 1
    return StepSheet(
        view.sheet, _title(view), lines, (), step_labels(node.time_steps, timed=True), tuple(blocks),
        top, start, states, _gives(view, at),
    )  # fmt: skip


def _title(view: NodeView) -> str:
    node = view.node
    kind = type(node.layer).__name__
    way = ", which goes backwards: from the last step to the first" if node.go_backwards else ""
    return f"{shown(node.name)}: {kind} of {node.units} unit{'s' * (node.units > 1)}, {node.activation}{way}"


def _lines(view: NodeView) -> tuple[str, ...]:
    node = view.node
    kind = "gru, reset after" if isinstance(node.layer, GRU) and node.layer.reset_after else node.layer.kind
    # t-1 is the step that came before: in a layer that goes backwards, the one below.
    before = "t+1" if node.go_backwards else "t−1"
    lines = [line.format(f=node.activation, s=node.recurrent_activation) for line in _LINES[kind]]
    used = {node.activation: None} | ({} if kind == "simple_rnn" else {node.recurrent_activation: None})
    lines += [ACTIVATION_WORDS[name] for name in used if name != "linear"]
    lines = [line.replace("t−1", before) for line in lines]
    if "bh" not in node.weight_shapes:
        lines = [_BIASES.sub("", line) for line in lines]
    return tuple(lines + ([_MASKED] if view.mask else []))


def _names(view: NodeView) -> list[str]:
    """The blocks after x, in the order in which they are computed."""
    layer = view.node.layer
    if isinstance(layer, LSTM):
        gates = GATES["lstm"]
        new = ["c, if the step counts"] if view.mask else []
        names = [*(f"z {gate}" for gate in gates), *gates, *new, "c", "shown", "h"]
    elif isinstance(layer, GRU):
        names = ["z update", "z reset", "update", "reset", "met", "z candidate", "candidate", "h"]
    else:
        names = ["z", "h"]
    return names + (["y"] if "y" in view.arrays else [])


def _steps_in_order(view: NodeView) -> list[int]:
    """The steps in the order in which the node gives them on."""
    node, steps = view.node, list(range(view.node.time_steps))
    met = steps[::-1] if node.go_backwards else steps
    if not node.gives_sequence:
        return met[-1:]
    return met[::-1] if node.turned else met


def _gives(view: NodeView, at: dict[str, Columns]) -> Given:
    if "y" in at:
        return Given(at["y"], tuple(range(view.node.time_steps)))
    return Given(at["h"], tuple(_steps_in_order(view)))


def _mask_block(view: NodeView, columns: Columns, mask: Columns) -> Block:
    counts = view.arrays["mask"].astype(float)[:, None]
    return Block(columns, "mask", ("mask",), counts, lambda t, _: mask.far(t, 0), "input")


def _block(cell: _Cell, name: str) -> Block:
    node = cell.view.node
    kind, _, gate = name.partition(" ")
    formula, values = cell.formula(name), cell.values(name)
    if name.startswith("c,"):
        labels = tuple(f"c[{j}]" for j in range(node.units))
        return Block(cell.at[name], name, labels, values, formula, "sum")
    first = GATES[node.layer.kind].index(gate) * node.units if gate else 0
    labels = tuple(f"{kind}[{first + j}]" for j in range(node.units))
    key = f"{shown(node.name)}.{kind}" + (f"\n{gate}" if gate else "")
    shade = "sum" if kind == "z" else _KINDS.get(kind, "gate")
    return Block(cell.at[name], key, labels, values, formula, shade)


@dataclass(frozen=True)
class _Cell:
    """The formulas of one recurrent node."""

    view: NodeView
    at: dict[str, Columns]

    def before(self, t: int) -> int:
        """The row of the step that came before; the start's where there is none."""
        return t + 1 if self.view.node.go_backwards else t - 1

    def values(self, name: str) -> Array:
        node, arrays = self.view.node, self.view.arrays
        if name.startswith("c,"):
            past = np.roll(arrays["c"], -1 if node.go_backwards else 1, axis=0)
            past[-1 if node.go_backwards else 0] = 0
            return arrays["forget"] * past + arrays["input"] * arrays["candidate"]
        kind, _, gate = name.partition(" ")
        if not gate:
            return arrays[kind]
        return np.split(arrays["z"], node.layer.gates, axis=1)[GATES[node.layer.kind].index(gate)]  # type: ignore[union-attr]

    def formula(self, name: str) -> Formula:
        """The formula of a block."""
        layer = self.view.node.layer
        if name == "y":
            return self._given_on
        if name == "z" or name.startswith("z "):
            return self._sum(name.partition(" ")[2])
        if isinstance(layer, LSTM):
            return self._lstm(name)
        if isinstance(layer, GRU):
            return self._gru(name, layer.reset_after)
        return self._held("h", self._applied(self.view.node.activation, "z"))

    # Pieces

    def _here(self, name: str, t: int, j: int) -> str:
        return self.at[name].cell(t, j)

    def _past(self, name: str, t: int, j: int) -> str:
        return self.at[name].cell(self.before(t), j)

    def _applied(self, function: str, of: str) -> Formula:
        return lambda t, j: activation_formula(function, self._here(of, t, j))

    def _held(self, name: str, new: Formula) -> Formula:
        """The state's new value, or the one before where the mask is 0."""
        if "mask" not in self.at:
            return new
        return lambda t, j: f"IF({self._here('mask', t, 0)}=1,{new(t, j)},{self._past(name, t, j)})"

    def _given_on(self, k: int, j: int) -> str:
        """What the node gives on as its k-th step: a pair's sequences stand in time's order, 0 where masked."""
        t = _steps_in_order(self.view)[k]
        h = self._here("h", t, j)
        return f"IF({self._here('mask', t, 0)}=1,{h},0)" if self.view.node.zero_masked else h

    def _sum(self, gate: str) -> Formula:
        """What an activation is applied to: x · wx + h · wh + bh, or what the GRU's candidate has in its place."""
        weights, layer = self.view.layer_weights, self.view.node.layer
        gates = GATES.get(layer.kind, ("",))
        first = gates.index(gate) * self.view.node.units
        after = isinstance(layer, GRU) and layer.reset_after

        def formula(t: int, j: int) -> str:
            unit = first + j
            x, bias = dot(self.at["x"].row(t), weights.row("wx", unit)), weights.bias("bh", unit)
            if gate == "candidate" and isinstance(layer, GRU):
                if after:
                    return f"{x}{bias}+{self._here('reset', t, j)}*{self._here('met', t, j)}"
                return f"{x}+{dot(self.at['met'].row(t), weights.row('wh', unit))}{bias}"
            h = dot(self.at["h"].row(self.before(t)), weights.row("wh", unit))
            return f"{x}+{h}{bias}" + (weights.bias("bh", unit, 1) if after else "")

        return formula

    def _lstm(self, name: str) -> Formula:
        f, s = self.view.node.activation, self.view.node.recurrent_activation
        here, new = self._here, "c, if the step counts"

        def cell_state(t: int, j: int) -> str:
            forget, kept = here("forget", t, j), self._past("c", t, j)
            return f"{forget}*{kept}+{here('input', t, j)}*{here('candidate', t, j)}"

        if name in GATES["lstm"]:
            return self._applied(f if name == "candidate" else s, f"z {name}")
        if name == "shown":
            return self._applied(f, new if new in self.at else "c")
        if name == "h":
            return self._held("h", lambda t, j: f"{here('output', t, j)}*{here('shown', t, j)}")
        if name == "c" and new in self.at:
            return self._held("c", lambda t, j: here(new, t, j))
        return cell_state

    def _gru(self, name: str, reset_after: bool) -> Formula:
        f, s = self.view.node.activation, self.view.node.recurrent_activation
        here, past = self._here, self._past
        weights, first = self.view.layer_weights, 2 * self.view.node.units

        def met(t: int, j: int) -> str:
            if not reset_after:
                return f"{here('reset', t, j)}*{past('h', t, j)}"
            h = self.at["h"].row(self.before(t))
            return dot(h, weights.row("wh", first + j)) + weights.bias("bh", first + j, 1)

        def state(t: int, j: int) -> str:
            update = here("update", t, j)
            return f"{update}*{past('h', t, j)}+(1-{update})*{here('candidate', t, j)}"

        if name == "met":
            return met
        if name == "h":
            return self._held("h", state)
        return self._applied(f if name == "candidate" else s, f"z {name}")
