"""What an ONNX graph computes, operator by operator as ONNX's specification has it, in float64.

This shares nothing with our cells and knows nothing of layers, so that a network that was read from a graph can be
compared with the graph itself, whether or not a runtime is installed.

The specification: https://onnx.ai/onnx/operators
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from timeglass.errors import DataError
from timeglass.exchange.onnx_file import Graph, Operator
from timeglass.exchange.onnx_run import Flow, Value, run
from timeglass.types import Array

__all__ = ["evaluate"]

Function = Callable[[Array], Array]


def evaluate(graph: Graph, window: Array) -> Array:
    """The graph's output for its input, as these are in the graph."""
    with np.errstate(over="ignore", invalid="ignore"):
        return run(graph, window.astype(np.float64), _compute).values


def _compute(operator: Operator, given: list[Value | None]) -> Sequence[Value | None]:
    plain = [value.values if isinstance(value, Flow) else value for value in given]
    arrays = [None if array is None else np.asarray(array, dtype=np.float64) for array in plain]
    if operator.kind in _RECURRENT:
        return [made if made is None else Flow(made) for made in _recurrent(operator, arrays)]
    if operator.kind == "Gemm":
        return [Flow(_gemm(operator.attributes, *arrays))]
    if operator.kind in _OF_TWO:
        return [Flow(_OF_TWO[operator.kind](*arrays))]
    return [Flow(_function(operator.kind, operator.attributes)(arrays[0]))]  # type: ignore[arg-type]


_OF_TWO: dict[str, Callable[..., Array]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "MatMul": np.matmul,
}  # fmt: skip


def _gemm(attributes: Any, a: Any, b: Any, c: Any = 0.0) -> Array:
    a, b = (x.T if attributes.get(name) else x for x, name in ((a, "transA"), (b, "transB")))
    return np.asarray(attributes.get("alpha", 1.0) * (a @ b) + attributes.get("beta", 1.0) * (0.0 if c is None else c))


def _function(kind: str, parameters: Any) -> Function:
    """An activation, with the specification's values for parameters that are left out."""
    alpha, beta, gamma = (parameters.get(name) for name in ("alpha", "beta", "gamma"))
    a = {"HardSigmoid": 0.2, "LeakyRelu": 0.01, "Elu": 1.0, "Selu": 1.67326319217681884765625}.get(kind, 1.0)
    a, b = (a if alpha is None else alpha), (0.5 if beta is None else beta)
    functions: dict[str, Function] = {
        "Tanh": np.tanh,
        "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "Relu": lambda x: np.maximum(x, 0),
        "HardSigmoid": lambda x: np.clip(a * x + b, 0, 1),
        "LeakyRelu": lambda x: np.where(x < 0, a * x, x),
        "Elu": lambda x: np.where(x < 0, a * (np.exp(np.minimum(x, 0)) - 1), x),
        "Selu": lambda x: (gamma or 1.05070102214813232421875) * np.where(x <= 0, a * np.exp(np.minimum(x, 0)) - a, x),
        "Softplus": lambda x: np.logaddexp(x, 0),
        "Softsign": lambda x: x / (1 + np.abs(x)),
        "Swish": lambda x: x / (1 + np.exp(-a * x)),
    }
    if kind not in functions:
        raise DataError(f"{kind} is not understood")
    return functions[kind]


def _recurrent(operator: Operator, arrays: list[Any]) -> list[Array | None]:
    """Y (T, D, N, H), Y_h (D, N, H) and, of an LSTM, Y_c; the states begin as zeros."""
    x, w, r, b = (*arrays, None)[:4]
    by_batch = operator.attributes.get("layout", 0) == 1
    x = np.swapaxes(x, 0, 1) if by_batch else x
    step, gates = _RECURRENT[operator.kind]
    b = np.zeros((len(w), 2 * w.shape[1])) if b is None else b
    direction = operator.attributes.get("direction", "forward")
    backward = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]
    every = _functions(operator, gates)
    sides = []
    for side, back in enumerate(backward):
        h = c = np.zeros((x.shape[1], r.shape[-1]))
        states = [h] * len(x)
        for t in reversed(range(len(x))) if back else range(len(x)):
            h, c = step(operator, every[side], x[t], h, c, w[side], r[side], b[side])
            states[t] = h
        sides.append((np.stack(states), h, c))
    y, last, cell = (np.stack(parts, axis) for parts, axis in zip(zip(*sides, strict=True), (1, 0, 0), strict=True))
    if by_batch:
        y, last, cell = y.transpose(2, 0, 1, 3), np.swapaxes(last, 0, 1), np.swapaxes(cell, 0, 1)
    return [y, last, cell if operator.kind == "LSTM" else None]


def _functions(operator: Operator, gates: Sequence[str]) -> list[list[Function]]:
    """The activations of each direction, which are listed one direction after the other."""
    names = operator.attributes.get("activations") or [*gates, *gates]
    made = [_function(name, {}) for name in names]  # of those that are understood here, none has parameters
    return [made[: len(gates)], made[-len(gates) :]]


def _rnn(operator: Operator, f: list[Function], x: Any, h: Any, c: Any, w: Any, r: Any, b: Any) -> Any:  # noqa: ARG001
    one, other = np.split(b, 2)
    return f[0](x @ w.T + h @ r.T + one + other), c


def _gru(operator: Operator, f: list[Function], x: Any, h: Any, c: Any, w: Any, r: Any, b: Any) -> Any:
    (w_z, w_r, w_h), (r_z, r_r, r_h) = np.split(w, 3), np.split(r, 3)
    wb_z, wb_r, wb_h, rb_z, rb_r, rb_h = np.split(b, 6)
    update = f[0](x @ w_z.T + h @ r_z.T + wb_z + rb_z)
    reset = f[0](x @ w_r.T + h @ r_r.T + wb_r + rb_r)
    if operator.attributes.get("linear_before_reset", 0):
        new = f[1](x @ w_h.T + reset * (h @ r_h.T + rb_h) + wb_h)
    else:
        new = f[1](x @ w_h.T + (reset * h) @ r_h.T + rb_h + wb_h)
    return (1 - update) * new + update * h, c


def _lstm(operator: Operator, f: list[Function], x: Any, h: Any, c: Any, w: Any, r: Any, b: Any) -> Any:  # noqa: ARG001
    z_in, z_out, z_forget, z_cell = np.split(x @ w.T + h @ r.T + np.add(*np.split(b, 2)), 4, axis=-1)
    c = f[0](z_forget) * c + f[0](z_in) * f[1](z_cell)
    return f[0](z_out) * f[2](c), c


# By operator: one step, and the activations that it has where none are given.
_RECURRENT: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "RNN": (_rnn, ("Tanh",)),
    "GRU": (_gru, ("Sigmoid", "Tanh")),
    "LSTM": (_lstm, ("Sigmoid", "Tanh", "Tanh")),
}
