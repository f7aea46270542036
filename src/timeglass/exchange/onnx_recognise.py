"""Finds out what an ONNX graph computes: goes through it with marks in place of numbers (`onnx_blocks`)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from timeglass.errors import DataError
from timeglass.exchange.onnx_blocks import Activated, Blocks, Cell, Flat, Joined, Linear, Pair, Part, Sum, Window
from timeglass.exchange.onnx_cells import OPERATORS
from timeglass.exchange.onnx_file import Graph, Operator
from timeglass.exchange.onnx_run import Flow, Value, run
from timeglass.types import Array

__all__ = ["RNN_ACTIVATIONS", "Recogniser"]

# Activations as operators, with the parameters that ours has and those that an operator has without being told.
_ACTIVATIONS: dict[str, tuple[str, dict[str, tuple[float, float]]]] = {
    "Tanh": ("tanh", {}),
    "Sigmoid": ("sigmoid", {}),
    "Relu": ("relu", {}),
    "HardSigmoid": ("hard_sigmoid", {"alpha": (1 / 6, 0.2), "beta": (0.5, 0.5)}),
    "LeakyRelu": ("leaky_relu", {"alpha": (0.2, 0.01)}),
    "Elu": ("elu", {"alpha": (1.0, 1.0)}),
    "Selu": ("selu", {"alpha": (1.6732632, 1.6732632), "gamma": (1.050701, 1.050701)}),
    "Softplus": ("softplus", {}),
    "Softsign": ("softsign", {}),
    "Swish": ("swish", {"alpha": (1.0, 1.0)}),
}
# Inside of RNN, GRU and LSTM: those without parameters, which these list in no agreed way.
RNN_ACTIVATIONS = {"Tanh": "tanh", "Sigmoid": "sigmoid", "Relu": "relu", "Softsign": "softsign", "Softplus": "softplus"}


class Recogniser:
    """Which computations a graph makes of windows (N, T, F), and of which of them its output is made."""

    def __init__(self, graph: Graph, windows: int, time_steps: int, features: int, steps_first: bool) -> None:
        self.where = graph.where
        self.blocks = Blocks(graph.where, windows)
        self.time_steps, self.features = time_steps, features
        marks = self.blocks.whole(self.blocks.add(time_steps, features, Window()))
        window = np.swapaxes(marks, 0, 1) if steps_first else marks
        self.output = run(graph, window, self._compute).values

    def refuse(self, what: object, why: str) -> DataError:
        """The error, which names operator and reason."""
        return DataError(f"{self.where}: {what} {why}")

    # Rows: the numbers of one block at one step, in their order

    def rows(self, marks: Array, what: object) -> tuple[Array, int]:
        """The marks (…, U) as whole rows of one block, which is made if it is two side by side; and its number."""
        found = self._row(marks) or self._flat(marks) or self._joined(marks) or self._side_by_side(marks, what)
        if found is not None:
            return found
        raise self.refuse(what, "reads numbers in an order in which no layer gives them")

    def _row(self, marks: Array) -> tuple[Array, int] | None:
        place = self.blocks.place(marks)
        if place is None or marks.shape[-1] != self.blocks.all[place.block].units:
            return None
        steps = np.diff(marks, axis=-1)
        return (marks, place.block) if (place.unit[..., 0] == 0).all() and (steps == 1).all() else None

    def _flat(self, marks: Array) -> tuple[Array, int] | None:
        """The window's last steps in a row."""
        place = self.blocks.place(marks)
        width = marks.shape[-1]
        if place is None or place.block != 0 or width % self.features or width <= self.features:
            return None
        steps, count = np.diff(marks, axis=-1), width // self.features
        begins = (place.step[..., 0] == self.time_steps - count) & (place.unit[..., 0] == 0)
        if not (begins.all() and (steps == 1).all()):
            return None
        block = self.blocks.add_once(1, width, Flat(count))
        return self.blocks.whole(block)[place.window[..., 0], 0], block

    def _joined(self, marks: Array) -> tuple[Array, int] | None:
        """Steps of several blocks, in a row along one of two axes."""
        if marks.ndim != 3 or self.time_steps == 1:
            return None
        for axis in (0, 1):
            if marks.shape[axis] != self.time_steps or marks.shape[1 - axis] != self.blocks.windows:
                continue
            parts = [self._one_step(step) for step in np.moveaxis(marks, axis, 0)]
            if None in parts:
                continue
            block = self.blocks.add_once(self.time_steps, marks.shape[-1], Joined(tuple(parts)))  # type: ignore[arg-type]
            return np.moveaxis(self.blocks.whole(block), 1, axis), block
        return None

    def _one_step(self, marks: Array) -> Part | None:
        """The block and step whose numbers (N, U) these are, of all windows."""
        place = self.blocks.place(marks)
        if place is None or self._row(marks) is None or not (place.step == place.step.flat[0]).all():
            return None
        in_order = (place.window[:, 0] == np.arange(self.blocks.windows)).all()
        return Part(place.block, int(place.step.flat[0])) if in_order else None

    def _side_by_side(self, marks: Array, what: object) -> tuple[Array, int] | None:
        first = self.blocks.place(marks.reshape(-1)[:1])
        width = 0 if first is None else self.blocks.all[first.block].units
        if not 0 < width < marks.shape[-1]:
            return None
        halves = [self._row(half) or self._joined(half) for half in (marks[..., :width], marks[..., width:])]
        if halves[0] is None or halves[1] is None:
            return None
        (a, one), (b, other) = halves  # type: ignore[misc]
        made = self._together(a[..., :1], b[..., :1])
        if made is None:
            return None
        parts, at_step, steps = made
        block = self.blocks.add_once(steps, marks.shape[-1], Pair("concat", *parts, str(what)))
        place = self.blocks.place(a[..., 0])
        assert place is not None
        assert {one, other} == {part.block for part in parts}
        return self.blocks.whole(block)[place.window, 0 if at_step else place.step], block

    def _together(self, a: Array, b: Array) -> tuple[tuple[Part, Part], bool, int] | None:
        """How numbers of two blocks meet: step by step, or one step of each. With the steps of what they make."""
        one, other = self.blocks.place(a), self.blocks.place(b)
        if one is None or other is None or not (one.window == other.window).all():
            return None
        steps = [self.blocks.all[place.block].steps for place in (one, other)]
        if steps[0] == steps[1] and (one.step == other.step).all():
            return (Part(one.block, None), Part(other.block, None)), False, steps[0]
        if (one.step == one.step.flat[0]).all() and (other.step == other.step.flat[0]).all():
            parts = Part(one.block, int(one.step.flat[0])), Part(other.block, int(other.step.flat[0]))
            return parts, True, 1
        return None

    # Operators

    def _compute(self, operator: Operator, given: list[Value | None]) -> Sequence[Value | None]:
        kind = operator.kind
        if kind in OPERATORS:
            return self._recurrent(operator, given)
        if kind in ("MatMul", "Gemm"):
            return [self._product(operator, given)]
        if kind in _ACTIVATIONS:
            return [self._activated(operator, self._flow(operator, given[0]))]
        if kind in ("Add", "Mul", "Div"):
            two = [value for value in given if isinstance(value, Flow)]
            if len(two) == 2 and kind != "Div":
                return [self._both(operator, two[0].values, two[1].values)]
            if isinstance(given[0], Flow) or kind != "Div":
                fixed = next((value for value in given if not isinstance(value, Flow)), None)
                return [self._with_fixed(operator, two[0].values, self._fixed(operator, fixed))]
        raise self.refuse(
            operator,
            "is not understood: expected RNN, GRU, LSTM, Gemm, MatMul with Add, activations, taking the last step, the "
            "merging of two directions, or a linear skip",
        )

    def _flow(self, operator: Operator, value: Value | None) -> Array:
        if not isinstance(value, Flow):
            raise self.refuse(operator, "does not read what comes from the window where that is expected")
        return value.values

    def _fixed(self, operator: Operator, value: Value | None) -> Array:
        if value is None or isinstance(value, Flow):
            raise self.refuse(operator, "has weights that are missing, or depend on the window")
        return value

    def _activated(self, operator: Operator, marks: Array) -> Flow:
        name, parameters = _ACTIVATIONS[operator.kind]
        for parameter, (ours, usual) in parameters.items():
            given = operator.attributes.get(parameter, usual)
            if not np.isclose(given, ours, rtol=1e-6, atol=0):
                raise self.refuse(operator, f"has {parameter} {given:g}, where our {name} has {ours:g}")
        return self._applied(name, marks, operator)

    def _applied(self, name: str, marks: Array, operator: Operator) -> Flow:
        place = self.blocks.place(marks)
        if place is None:
            raise self.refuse(operator, "acts on what several layers give")
        source = self.blocks.all[place.block]
        block = self.blocks.add(source.steps, source.units, Activated(place.block, name, str(operator)))
        return Flow(self.blocks.moved(marks, place.block, block))

    def _product(self, operator: Operator, given: list[Value | None]) -> Flow:
        marks, kernel = self._flow(operator, given[0]), self._fixed(operator, given[1])
        bias: Array | None = None
        if operator.kind == "Gemm":
            numbers = operator.attributes
            if numbers.get("transA", 0) or numbers.get("alpha", 1.0) != 1 or numbers.get("beta", 1.0) != 1:
                raise self.refuse(operator, "has transA, alpha or beta, which no layer has")
            kernel = kernel.T if numbers.get("transB", 0) else kernel
            bias = None if len(given) < 3 or given[2] is None else self._fixed(operator, given[2])
        if kernel.ndim != 2 or marks.ndim < 2 or kernel.shape[0] != marks.shape[-1]:
            raise self.refuse(operator, f"multiplies {marks.shape} by {kernel.shape}: expected (…, F) by (F, K)")
        marks, source = self.rows(marks, operator)
        units, steps = kernel.shape[1], self.blocks.all[source].steps
        if bias is not None:
            bias = self._one_row(operator, bias, units)
        block = self.blocks.add(steps, units, Linear(source, kernel, bias, str(operator)))
        return self._rows_of(marks, source, block)

    def _rows_of(self, marks: Array, source: int, block: int) -> Flow:
        """The rows of a block that stand where another's do."""
        one = self.blocks.all[source]
        rows = (marks[..., 0] - one.base) // one.units
        own = self.blocks.all[block]
        return Flow(own.base + rows[..., None] * own.units + np.arange(own.units))

    def _one_row(self, operator: Operator, values: Array, units: int) -> Array:
        """A bias (U,), which may be one number or stand there several times."""
        table = values.reshape(-1, values.shape[-1]) if values.ndim else values.reshape(1, 1)
        if table.shape[-1] not in (1, units) or not (table == table[:1]).all():
            raise self.refuse(operator, f"adds numbers of shape {values.shape}, which are no bias of {units} units")
        return np.broadcast_to(table[0], (units,)).astype(np.float64)

    def _with_fixed(self, operator: Operator, marks: Array, values: Array) -> Flow:
        """A bias, or the half of a sum."""
        place = self.blocks.place(marks)
        made = self.blocks.all[place.block].made if place else None
        shape = np.broadcast_shapes(marks.shape, values.shape)
        if place is not None and prod(shape) == marks.size:
            marks = marks.reshape(shape)  # axes of one before it
        else:
            raise self.refuse(
                operator, "brings the window's values and fixed ones together in a way that no layer does"
            )
        old = self.blocks.all[place.block]
        new: Any = None
        if operator.kind == "Add" and isinstance(made, Linear):
            self.rows(marks, operator)
            bias = self._one_row(operator, values, old.units) + (0.0 if made.bias is None else made.bias)
            new = Linear(made.source, made.kernel, bias, made.where)
        elif operator.kind != "Add" and isinstance(made, Sum) and values.size == 1:
            factor = float(values.reshape(())) if operator.kind == "Mul" else 1 / float(values.reshape(()))
            new = Sum(made.one, made.other, made.factor * factor, made.where)
        if new is None:
            raise self.refuse(operator, "with fixed numbers is neither a layer's bias nor half of a sum")
        return Flow(self.blocks.moved(marks, place.block, self.blocks.add(old.steps, old.units, new)))

    def _both(self, operator: Operator, a: Array, b: Array) -> Flow:
        """A sum or product of two blocks' numbers, unit by unit."""
        shape = np.broadcast_shapes(a.shape, b.shape)
        if prod(shape) == a.size == b.size:
            a, b = a.reshape(shape), b.reshape(shape)  # axes of one before one of them
        one, other = self.blocks.place(a), self.blocks.place(b)
        made = self._together(a, b) if a.shape == b.shape else None
        if made is None or one is None or other is None or not (one.unit == other.unit).all():
            raise self.refuse(operator, "brings numbers together that are not those of two layers, unit by unit")
        parts, at_step, steps = made
        if operator.kind == "Mul" and not at_step:
            for gate, whole, marks in ((one.block, other.block, b), (other.block, one.block, a)):
                now = self.blocks.all[gate].made
                if isinstance(now, Activated) and now.activation == "sigmoid" and now.source == whole:
                    return self._applied("swish", marks, operator)
        units = self.blocks.all[one.block].units
        if units != self.blocks.all[other.block].units:
            raise self.refuse(operator, "brings numbers together of layers of different width")
        new = Sum(*parts, 1.0, str(operator)) if operator.kind == "Add" else Pair("mul", *parts, str(operator))
        block = self.blocks.add(steps, units, new)
        return Flow(self.blocks.whole(block)[one.window, 0 if at_step else one.step, one.unit])

    def _recurrent(self, operator: Operator, given: list[Value | None]) -> Sequence[Value | None]:
        x, w, r, b, lengths, *begin, peep = (*given, *[None] * (8 - len(given)))[:8]
        by_batch = operator.attributes.get("layout", 0) == 1
        marks = self._flow(operator, x)
        source, turned = self._sequence(operator, marks if by_batch else np.swapaxes(marks, 0, 1))
        weights = {"W": self._fixed(operator, w), "R": self._fixed(operator, r)}
        weights |= {} if b is None else {"B": self._fixed(operator, b)}
        self._check(operator, weights, lengths, begin, peep)
        units = weights["R"].shape[-1]
        backward = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[
            operator.attributes.get("direction", "forward")
        ]
        # A window that was turned before it is read forwards is one that is read backwards.
        flip = turned and not self._gives_turned(source)
        states, last = [], []
        for side, back in enumerate(backward):
            own = {name: array[side] for name, array in weights.items()}
            made = Cell(source, turned and not flip, back != flip, operator, side, own)
            whole = self.blocks.whole(self.blocks.add(self.time_steps, units, made))
            whole = whole[:, ::-1] if flip else whole
            states.append(np.swapaxes(whole, 0, 1))  # (T, N, H)
            last.append(whole[:, 0 if back else -1])
        y, h = np.stack(states, axis=1), np.stack(last)
        return [Flow(y.transpose(2, 0, 1, 3)), Flow(np.swapaxes(h, 0, 1))] if by_batch else [Flow(y), Flow(h)]

    def _gives_turned(self, index: int) -> bool:
        """Whether this comes, step by step, from a layer that goes backwards, whose sequence begins at the end."""
        made = self.blocks.all[index].made
        while isinstance(made, Linear | Activated):
            made = self.blocks.all[made.source].made
        return isinstance(made, Cell) and made.backward

    def _sequence(self, operator: Operator, marks: Array) -> tuple[int, bool]:
        """The block whose whole sequence (N, T, F) this is, and whether it is turned."""
        if marks.ndim == 3:
            marks, source = self.rows(marks, operator)
            whole = self.blocks.whole(source)
            for turned, expected in ((False, whole), (True, whole[:, ::-1])):
                if marks.shape == expected.shape and (marks == expected).all():
                    return source, turned
        raise self.refuse(operator, "does not read the sequence that a layer gives, step after step")

    def _check(self, operator: Operator, weights: dict[str, Array], lengths: Any, begin: list[Any], peep: Any) -> None:
        attributes, gates = operator.attributes, OPERATORS[operator.kind].gates
        count = 2 if attributes.get("direction") == "bidirectional" else 1
        if weights["R"].ndim != 3 or weights["W"].ndim != 3 or attributes.get("direction", "forward") not in (
            "forward", "reverse", "bidirectional",
        ):  # fmt: skip
            raise self.refuse(operator, "has weights or a direction that it cannot have")
        units = weights["R"].shape[-1]
        expected: dict[str, tuple[int, ...]] = {
            "W": (count, gates * units, weights["W"].shape[-1]),
            "R": (count, gates * units, units),
        }
        expected |= {"B": (count, 2 * gates * units)} if "B" in weights else {}
        if {name: array.shape for name, array in weights.items()} != expected or not units:
            raise self.refuse(operator, f"has weights of other shapes than {expected}")
        if attributes.get("hidden_size", units) != units:
            raise self.refuse(operator, f"says hidden_size {attributes['hidden_size']}, but has {units} units")
        for what, there in (
            ("lengths of its sequences", lengths is not None),
            (
                "a first state that is not zero",
                any(one is not None and (isinstance(one, Flow) or one.any()) for one in begin),
            ),
            ("peepholes", peep is not None and (isinstance(peep, Flow) or peep.any())),
            ("clip", "clip" in attributes),
            ("input_forget", bool(attributes.get("input_forget", 0))),
        ):
            if there:
                raise self.refuse(operator, f"has {what}, which no layer of ours has")
