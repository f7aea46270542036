"""Goes through an ONNX graph operator by operator.

What comes from the window is a `Flow`, everything else a plain array. Operators that only move numbers about, and whole
numbers computed of shapes, are done here, for whatever a flow holds: the numbers of a forecast (`onnx_evaluate`), or
the marks by which `onnx_recognise` knows where a number comes from. What is left is asked of `compute`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from timeglass.errors import DataError
from timeglass.exchange.onnx_file import Graph, Operator
from timeglass.types import Array

__all__ = ["Compute", "Flow", "Value", "run"]

_MOST_NUMBERS = 2**25  # in all values together


@dataclass(frozen=True)
class Flow:
    """An array of what comes from the window."""

    values: Array


Value = Flow | Array
# The outputs of an operator, given its inputs, None where one is left out.
Compute = Callable[[Operator, list[Value | None]], Sequence[Value | None]]


class _NotUnderstoodError(Exception):
    """An operator, or a way to use it, that is none of these."""


def run(graph: Graph, window: Array, compute: Compute) -> Flow:
    """The graph's output for a window's values; a `DataError` names the operator that cannot be done."""
    values: dict[str, Value] = {**graph.constants, graph.input: Flow(window)}
    left = _MOST_NUMBERS - window.size
    for operator in graph.operators:
        missing = [name for name in operator.inputs if name and name not in values]
        if missing:
            raise DataError(f"{graph.where}: {operator} reads {missing[0]!r}, which nothing before it gives")
        given = [values[name] if name else None for name in operator.inputs]
        made = _done(graph, operator, given, compute, left)
        for name, value in zip(operator.outputs, made, strict=False):
            if not name or value is None:
                continue
            if name in values:
                raise DataError(f"{graph.where}: {operator} gives {name!r}, which is there already")
            values[name] = value
            left -= _size(value)
        if left < 0:
            raise DataError(
                f"{graph.where}: {operator} makes more numbers than the {_MOST_NUMBERS:,} that are followed"
            )
    output = values.get(graph.output)
    if not isinstance(output, Flow):
        raise DataError(f"{graph.where}: its output does not come from its window")
    return output


def _size(value: Value) -> int:
    return (value.values if isinstance(value, Flow) else value).size


def _done(
    graph: Graph, operator: Operator, given: list[Value | None], compute: Compute, left: int
) -> Sequence[Value | None]:
    flows = [value for value in given if isinstance(value, Flow)]
    try:
        if operator.kind in _MOVES:
            plain = [value.values if isinstance(value, Flow) else value for value in given]
            if any(isinstance(value, Flow) for value in given[1:]) and operator.kind != "Concat":
                raise _NotUnderstoodError("a place or shape that depends on the window's values")
            if flows and operator.kind == "Cast" and operator.attributes.get("to") not in (1, 11):
                raise _NotUnderstoodError("rounding or comparing the window's values")
            if flows and operator.kind == "Concat" and len(flows) < len(given):
                raise _NotUnderstoodError("the window's values beside fixed ones")
            made = _MOVES[operator.kind](operator.attributes, plain, left)
            return [Flow(array) for array in made] if flows and operator.kind != "Shape" else made
        if not flows and operator.kind in _FIXED:
            return [_fixed(operator.kind, *[value for value in given if not isinstance(value, Flow | None)], left=left)]
        return compute(operator, given)
    except DataError:
        raise
    except _NotUnderstoodError as error:
        raise DataError(f"{graph.where}: {operator}: {error} is not understood") from None
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, AttributeError) as error:
        raise DataError(f"{graph.where}: {operator} cannot be computed: {error}") from None


# Operators that move numbers about: each takes attributes, arrays, and how many numbers there may be


def _room(shape: Sequence[int], left: int) -> tuple[int, ...]:
    """The shape, if an array of it may be made."""
    sizes = tuple(int(size) for size in shape)
    if any(size < 0 for size in sizes) or prod(sizes) > left:
        raise ValueError(f"an array of shape {sizes} is too large")
    return sizes


Attributes = Mapping[str, Any]
Arrays = list[Any]  # arrays, None where an input is left out


def _axes(attributes: Attributes, arrays: Arrays) -> tuple[int, ...] | None:
    """Axes, which newer versions give as an input, older ones as an attribute."""
    given = arrays[1] if len(arrays) > 1 and arrays[1] is not None else attributes.get("axes")
    return None if given is None else tuple(int(axis) for axis in np.ravel(given))


def _squeeze(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    return [np.squeeze(arrays[0], _axes(attributes, arrays))]


def _unsqueeze(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    axes = _axes(attributes, arrays)
    if axes is None or len(axes) > 8:
        raise ValueError(f"axes {axes}")
    return [np.expand_dims(arrays[0], axes)]


def _transpose(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    return [np.transpose(arrays[0], attributes.get("perm"))]


def _reshape(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    x, shape = arrays[0], [int(size) for size in arrays[1]]
    if not attributes.get("allowzero", 0):
        shape = [x.shape[i] if size == 0 else size for i, size in enumerate(shape)]
    return [np.reshape(x, shape)]


def _flatten(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    x, axis = arrays[0], attributes.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return [x.reshape(prod(x.shape[:axis]), -1)]


def _slice(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    def numbers(index: int, name: str) -> list[int] | None:
        given = arrays[index] if len(arrays) > index else attributes.get(name)
        return None if given is None else [int(number) for number in np.ravel(given)]

    starts, ends = numbers(1, "starts"), numbers(2, "ends")
    if starts is None or ends is None:
        raise ValueError("starts or ends are missing")
    axes, steps = numbers(3, "axes") or list(range(len(starts))), numbers(4, "steps") or [1] * len(starts)
    parts = [slice(None)] * arrays[0].ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = arrays[0].shape[axis]
        # Before the first one, which a step backwards may end at, has no number in Python.
        beyond = step < 0 and (end < -size)
        parts[axis] = slice(start, None if beyond else end, step)
    return [arrays[0][tuple(parts)]]


def _gather(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:
    x, places, axis = arrays[0], arrays[1], attributes.get("axis", 0)
    _room([x.size // max(1, x.shape[axis]), places.size], left)
    return [np.take(x, places, axis=axis)]


def _concat(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:
    _room([sum(array.size for array in arrays)], left)
    return [np.concatenate(arrays, axis=attributes["axis"])]


def _expand(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    shape = np.broadcast_shapes(arrays[0].shape, tuple(int(size) for size in arrays[1]))
    return [np.broadcast_to(arrays[0], _room(shape, left))]


def _split(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    x, axis = arrays[0], attributes.get("axis", 0)
    sizes = arrays[1] if len(arrays) > 1 and arrays[1] is not None else attributes.get("split")
    if sizes is None:
        count = int(attributes["num_outputs"])
        each = -(-x.shape[axis] // count)
        sizes = [min(each, x.shape[axis] - at) for at in range(0, x.shape[axis], each)]
    if sum(int(size) for size in sizes) != x.shape[axis]:
        raise ValueError(f"parts of {list(sizes)} of an axis of {x.shape[axis]}")
    return list(np.split(x, np.cumsum(sizes)[:-1], axis=axis))


def _same(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    return [arrays[0]]


def _dropout(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    if len(arrays) > 2 and arrays[2] is not None:
        raise _NotUnderstoodError("dropout in training mode")
    return [arrays[0]]


def _cast(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    x, whole = arrays[0], attributes["to"] in (6, 7)
    if attributes["to"] not in (1, 11, 6, 7):
        raise _NotUnderstoodError(f"numbers of type {attributes['to']}")
    return [x.astype(np.int64) if whole else x]


def _shape(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    return [np.array(arrays[0].shape, dtype=np.int64)[attributes.get("start") : attributes.get("end")]]


def _constant(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:  # noqa: ARG001
    ((name, value),) = attributes.items()
    if name not in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        raise _NotUnderstoodError(name)
    array = np.asarray(value)
    return [array.astype(np.float32) if array.dtype.kind == "f" else array]


def _constant_of_shape(attributes: Attributes, arrays: Arrays, left: int) -> Arrays:
    value = attributes.get("value", np.zeros(1, dtype=np.float32))
    return [np.broadcast_to(np.reshape(value, ()), _room(arrays[0], left))]


_MOVES: dict[str, Callable[[Attributes, Arrays, int], Arrays]] = {
    "Cast": _cast, "Concat": _concat, "Constant": _constant, "ConstantOfShape": _constant_of_shape,
    "Dropout": _dropout, "Expand": _expand, "Flatten": _flatten, "Gather": _gather, "Identity": _same,
    "Reshape": _reshape, "Shape": _shape, "Slice": _slice, "Split": _split, "Squeeze": _squeeze,
    "Transpose": _transpose, "Unsqueeze": _unsqueeze,
}  # fmt: skip


def _divided(a: Array, b: Array) -> Array:
    if np.any(b == 0):
        raise ValueError("division by zero")
    return np.trunc(a / b).astype(np.int64) if a.dtype.kind == b.dtype.kind == "i" else a / b


# What is computed of shapes, and of states that begin as zeros.
_FIXED: dict[str, Callable[..., Array]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": _divided, "MatMul": np.matmul,
}  # fmt: skip


def _fixed(kind: str, a: Array, b: Array, *, left: int) -> Array:
    if kind == "MatMul":
        _room([*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.size // max(1, a.shape[-1]), b.shape[-1]], left)
    else:
        _room(np.broadcast_shapes(a.shape, b.shape), left)
    return np.asarray(_FIXED[kind](a, b))
