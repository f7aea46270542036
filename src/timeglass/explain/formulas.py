"""The formulas of a network with the numbers of one window in: one equation for each unit and step.

A recurrent layer's sums are written as x_t · wx, then (h_{t-1} · wh), then the bias, in the order of its units. The
equations are those of `cells/`, and the values those of the trace; `Equation.text` and its like write them down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from timeglass.errors import OptionError
from timeglass.explain.equations import Call, Equation, Expression, Product, Sum
from timeglass.model.checks import whole
from timeglass.network.architecture import Merge, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Dense, LinearSkip
from timeglass.trace.trace import Trace
from timeglass.types import Array

__all__ = ["check_places", "formulas"]


def formulas(
    trace: Trace, layer: str | None = None, *, window: int = 0, step: int | None = None, unit: int | None = None
) -> list[Equation]:
    """The equations of one window, in the order in which they are computed.

    `layer` is a layer's name, `step` a time step from 1 on, `unit` a unit from 0 on; None takes them all. An
    `OptionError` names what the network does not have.
    """
    check_places(trace, layer, window, step, unit)
    equations = []
    for index, node in enumerate(trace.architecture.layers):
        if layer is None or node.name == layer:
            equations += list(_Node(trace, index, node, window).equations(step, unit))
    return equations


def check_places(trace: Trace, layer: str | None, window: int, step: int | None, unit: int | None) -> None:
    """An `OptionError` names the layer, window, step or unit that the trace does not have."""
    whole("formulas window", window, 0)
    if step is not None:
        whole("formulas step", step, 0)
    if unit is not None:
        whole("formulas unit", unit, 0)
    names = [node.name for node in trace.architecture.layers]
    if layer is not None and layer not in names:
        raise OptionError(f"layer {layer}: this network has {', '.join(names)}")
    if not 0 <= window < trace.windows:
        raise OptionError(f"window {window}: the trace has windows 0 to {trace.windows - 1}")
    if step is not None and not 1 <= step <= trace.architecture.time_steps:
        raise OptionError(f"step {step}: expected a time step from 1 to {trace.architecture.time_steps}")
    if unit is not None:
        _check_unit(trace, layer, unit)


def _check_unit(trace: Trace, layer: str | None, unit: int) -> None:
    units = {node.name: node.units for node in trace.architecture.layers if layer in (None, node.name)}
    if not 0 <= unit < max(units.values()):
        verb = "has" if len(units) == 1 else "have"
        raise OptionError(f"unit {unit}: {' and '.join(units)} {verb} units 0 to {max(units.values()) - 1}")


@dataclass(frozen=True)
class _Node:
    """One node on one window."""

    trace: Trace
    index: int
    node: PlacedLayer
    window: int

    def value(self, name: str) -> Array:
        """(T, H), or (H,) where there is no time."""
        return self.trace[f"{self.node.name}.{name}"][self.window]

    def given(self, which: int = 0) -> Array:
        """What it reads: (T, F) or (F,)."""
        return self.trace.output_of(self.node.inputs[which])[self.window]

    @property
    def weights(self) -> dict[str, Array]:
        return self.trace.weights[self.index]

    def equations(self, step: int | None, unit: int | None) -> Iterator[Equation]:
        units = range(self.node.units) if unit is None else [unit] if unit < self.node.units else []
        if self.node.recurrent:
            steps = range(self.node.time_steps)
            for t in reversed(steps) if self.node.go_backwards else steps:
                if step is None or t + 1 == step:
                    yield from self._recurrent(t, list(units))
        elif isinstance(self.node.layer, Dense | LinearSkip | Merge):
            y = self.value("y")
            places: list[int | None] = [*range(len(y))] if y.ndim == 2 else [None]
            for place in places:
                if step is None or place is None or place + 1 == step:
                    yield from self._plain(place, y if place is None else y[place], list(units))

    # Layers without time

    def _plain(self, t: int | None, y: Array, units: list[int]) -> Iterator[Equation]:
        for j in units:
            yield Equation("y", None if t is None else t + 1, j, self._right(t, j), float(y[j]))

    def _right(self, t: int | None, j: int) -> Expression:
        here = slice(None) if t is None else t
        if isinstance(self.node.layer, Merge):
            return _merged(self.node.layer.mode, self.given(0)[here], self.given(1)[here], j)
        if isinstance(self.node.layer, LinearSkip):
            flat = self.given(1).reshape(-1)[-self.node.skip_features :]
            return Sum((float(self.given()[j]), *self._products(flat, "wy", j), *self._bias("by", j)))
        return Call(self.node.activation, Sum((*self._products(self.given()[here], "wy", j), *self._bias("by", j))))

    def _products(self, a: Array, name: str, column: int) -> tuple[Product, ...]:
        return tuple(
            Product((float(value), float(weight)))
            for value, weight in zip(a, self.weights[name][:, column], strict=True)
        )

    def _bias(self, name: str, column: int, row: int = 0) -> tuple[float, ...]:
        if name not in self.weights:
            return ()
        bias = self.weights[name]
        return (float(bias[row, column] if bias.ndim == 2 else bias[column]),)

    # Recurrent layers

    def _recurrent(self, t: int, units: list[int]) -> Iterator[Equation]:
        before = self._before(t)
        masked = self.node.masked and not self.trace.step_counts(self.node.mask)[self.window, t]
        for j in units:
            if masked:
                held = float(before[j])
                yield Equation("h", t + 1, j, held, held)
            elif isinstance(self.node.layer, LSTM):
                yield from self._lstm(t, j, before)
            elif isinstance(self.node.layer, GRU):
                yield from self._gru(t, j, before, self.node.layer.reset_after)
            else:
                right = Call(self.node.activation, self._sums(t, j, before))
                yield Equation("h", t + 1, j, right, float(self.value("h")[t, j]))

    def _before(self, t: int, name: str = "h") -> Array:
        """The state's value of the step before, (H,)."""
        earlier = t + 1 if self.node.go_backwards else t - 1
        values = self.value(name)
        return values[earlier] if 0 <= earlier < len(values) else 0.0 * values[t]

    def _sums(self, t: int, column: int, before: Array) -> Sum:
        x = self._products(self.given()[t], "wx", column)
        return Sum((*x, Sum(self._products(before, "wh", column)), *self._bias("bh", column)))

    def _gate(self, name: str, t: int, j: int, gate: int, before: Array, function: str) -> Equation:
        column = gate * self.node.units + j
        return Equation(name, t + 1, j, Call(function, self._sums(t, column, before)), float(self.value(name)[t, j]))

    def _lstm(self, t: int, j: int, before: Array) -> Iterator[Equation]:
        f, s = self.node.activation, self.node.recurrent_activation
        gates = {"input": s, "forget": s, "candidate": f, "output": s}
        for gate, (name, function) in enumerate(gates.items()):
            yield self._gate(name, t, j, gate, before, function)
        at = {name: float(self.value(name)[t, j]) for name in (*gates, "c", "h")}
        kept = Product((at["forget"], float(self._before(t, "c")[j])))
        yield Equation("c", t + 1, j, Sum((kept, Product((at["input"], at["candidate"])))), at["c"])
        yield Equation("h", t + 1, j, Product((at["output"], Call(f, at["c"]))), at["h"])

    def _gru(self, t: int, j: int, before: Array, reset_after: bool) -> Iterator[Equation]:
        f, s, units = self.node.activation, self.node.recurrent_activation, self.node.units
        at = {name: float(self.value(name)[t, j]) for name in ("update", "reset", "met", "candidate", "h")}
        for gate, name in enumerate(("update", "reset")):
            sums = self._sums(t, gate * units + j, before)
            if reset_after:
                sums = Sum((*sums.terms, *self._bias("bh", gate * units + j, row=1)))
            yield Equation(name, t + 1, j, Call(s, sums), at[name])
        column = 2 * units + j
        x: tuple[Expression, ...] = (*self._products(self.given()[t], "wx", column), *self._bias("bh", column))
        if reset_after:
            met = Sum((*self._products(before, "wh", column), *self._bias("bh", column, row=1)))
            yield Equation("met", t + 1, j, met, at["met"])
            right = Sum((*x, Product((at["reset"], at["met"]))))
        else:
            yield Equation("met", t + 1, j, Product((at["reset"], float(before[j]))), at["met"])
            right = Sum((*x, Sum(self._products(self.value("met")[t], "wh", column))))
        yield Equation("candidate", t + 1, j, Call(f, right), at["candidate"])
        rest = Product((Sum((1.0, -at["update"])), at["candidate"]))
        yield Equation("h", t + 1, j, Sum((Product((at["update"], float(before[j]))), rest)), at["h"])


def _merged(mode: str, one: Array, other: Array, j: int) -> Expression:
    if mode == "concat":
        return float([*one, *other][j])
    if mode == "mul":
        return Product((float(one[j]), float(other[j])))
    both = Sum((float(one[j]), float(other[j])))
    return both if mode == "sum" else Product((0.5, both))
