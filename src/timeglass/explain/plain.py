"""Forecasts in Python's own numbers: one product after another, every sum exactly rounded (math.fsum).

The slowest way and the plainest: no NumPy, no order of work to trust, nothing shared with the cells or the engines.
A row is a list of numbers, a sequence a list of rows, in time's order.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence

from timeglass.network.architecture import Architecture, Merge, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Dense, LinearSkip, Masking

__all__ = ["plain_forecast"]

Row = list[float]
Arrays = dict[str, list[Row]]  # by name; a bias is one row, or a GRU's two

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def _elu(z: float) -> float:
    return z if z > 0 else math.expm1(z)


_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "linear": lambda z: z,
    "tanh": math.tanh,
    "sigmoid": lambda z: (1 + math.tanh(z / 2)) / 2,
    "relu": lambda z: max(z, 0.0),
    "hard_sigmoid": lambda z: min(max(z / 6 + 0.5, 0.0), 1.0),
    "leaky_relu": lambda z: z if z > 0 else 0.2 * z,
    "elu": _elu,
    "selu": lambda z: _SELU_SCALE * (z if z > 0 else _SELU_ALPHA * _elu(z)),
    "softplus": lambda z: max(z, 0.0) + math.log1p(math.exp(-abs(z))),
    "softsign": lambda z: z / (1 + abs(z)),
    "swish": lambda z: z * (1 + math.tanh(z / 2)) / 2,
}


def plain_forecast(
    architecture: Architecture, weights: Sequence[float], window: Sequence[Sequence[float]]
) -> list[Row]:
    """One network's outputs for one window (T, F): one row, or one for each step of a network that gives sequences.

    `weights` (P,) stand as the network keeps them.

    >>> from timeglass.network.layers import SimpleRNN
    >>> network = Architecture.of([SimpleRNN(1, "linear")], time_steps=2, features=1)
    >>> plain_forecast(network, [2.0, 0.5, 0.25], [[1.0], [10.0]])  # 2 · 10 + (2 · 1 + 0.25) · 0.5 + 0.25
    [[21.375]]
    """
    made: dict[int, list[Row]] = {-1: [[float(value) for value in row] for row in window]}
    masks: dict[int, list[bool]] = {}
    at = 0
    for index, node in enumerate(architecture.layers):
        arrays: Arrays = {}
        for name, shape in node.weight_shapes.items():
            columns = shape[-1]
            rows = math.prod(shape) // columns
            arrays[name] = [list(map(float, weights[at + i * columns : at + (i + 1) * columns])) for i in range(rows)]
            at += rows * columns
        given = [made[source] for source in node.inputs]
        if isinstance(node.layer, Masking):
            # Windows are float32 numbers, and so is the value that marks a step.
            marked = struct.unpack("f", struct.pack("f", node.layer.mask_value))[0]
            masks[index] = [any(value != marked for value in row) for row in given[0]]
            pairs = zip(given[0], masks[index], strict=True)
            made[index] = [[value * counts for value in row] for row, counts in pairs]
        elif node.recurrent:
            made[index] = _recurrent(node, arrays, given[0], masks.get(node.mask))
        else:
            made[index] = _without_time(node, arrays, given)
    return made[len(architecture.layers) - 1]


def _times(row: Row, matrix: list[Row], bias: Row) -> Row:
    """Row · matrix + bias, each sum rounded once."""
    return [math.fsum([bias[j], *(value * matrix[i][j] for i, value in enumerate(row))]) for j in range(len(matrix[0]))]


def _bias(arrays: Arrays, name: str, like: str, row: int = 0) -> Row:
    return arrays[name][row] if name in arrays else [0.0] * len(arrays[like][0])


def _each(name: str, row: Row) -> Row:
    return [_FUNCTIONS[name](value) for value in row]


def _without_time(node: PlacedLayer, arrays: Arrays, given: list[list[Row]]) -> list[Row]:
    if isinstance(node.layer, Dense):
        return [_each(node.activation, _times(row, arrays["wy"], _bias(arrays, "by", "wy"))) for row in given[0]]
    if isinstance(node.layer, LinearSkip):
        flat = [value for row in given[1] for value in row][-node.skip_features :]
        share = _times(flat, arrays["wy"], _bias(arrays, "by", "wy"))
        return [[math.fsum(pair) for pair in zip(given[0][0], share, strict=True)]]
    if isinstance(node.layer, Merge):
        return [_merged(node.layer.mode, one, other) for one, other in zip(*given, strict=True)]
    return given[0]  # dropout drops nothing in a forecast


def _merged(mode: str, one: Row, other: Row) -> Row:
    if mode == "concat":
        return one + other
    if mode == "mul":
        return [a * b for a, b in zip(one, other, strict=True)]
    return [(a + b) / (2 if mode == "ave" else 1) for a, b in zip(one, other, strict=True)]


def _recurrent(node: PlacedLayer, arrays: Arrays, rows: list[Row], mask: list[bool] | None) -> list[Row]:
    h, c, seen = [0.0] * node.units, [0.0] * node.units, []
    for t in reversed(range(len(rows))) if node.go_backwards else range(len(rows)):
        counts = mask is None or mask[t]
        if counts:
            h, c = _step(node, arrays, rows[t], h, c)
        seen.append(h if counts or not node.zero_masked else [0.0] * node.units)
    if not node.gives_sequence:
        return [h]
    return seen[::-1] if node.turned else seen


def _step(node: PlacedLayer, arrays: Arrays, x: Row, h: Row, c: Row) -> tuple[Row, Row]:
    f, s, units = node.activation, node.recurrent_activation, range(node.units)
    together = [*arrays["wx"], *arrays["wh"]]  # x and h side by side, so that each sum is rounded once
    if isinstance(node.layer, GRU):
        return (_gru_after if node.layer.reset_after else _gru_before)(node, arrays, x, h), c
    z = _times([*x, *h], together, _bias(arrays, "bh", "wh"))
    if not isinstance(node.layer, LSTM):
        return _each(f, z), c
    i, forget, g, o = (z[k * node.units : (k + 1) * node.units] for k in range(4))
    i, forget, g, o = _each(s, i), _each(s, forget), _each(f, g), _each(s, o)
    c = [math.fsum((forget[j] * c[j], i[j] * g[j])) for j in units]
    return [o[j] * _FUNCTIONS[f](c[j]) for j in units], c


def _gru_after(node: PlacedLayer, arrays: Arrays, x: Row, h: Row) -> Row:
    f, s = _FUNCTIONS[node.activation], _FUNCTIONS[node.recurrent_activation]
    units, size = range(node.units), node.units
    from_x = _times(x, arrays["wx"], _bias(arrays, "bh", "wx", 0))
    from_h = _times(h, arrays["wh"], _bias(arrays, "bh", "wh", 1))
    update = [s(from_x[j] + from_h[j]) for j in units]
    reset = [s(from_x[size + j] + from_h[size + j]) for j in units]
    g = [f(math.fsum((from_x[2 * size + j], reset[j] * from_h[2 * size + j]))) for j in units]
    return [math.fsum((update[j] * h[j], (1 - update[j]) * g[j])) for j in units]


def _gru_before(node: PlacedLayer, arrays: Arrays, x: Row, h: Row) -> Row:
    f, s = _FUNCTIONS[node.activation], _FUNCTIONS[node.recurrent_activation]
    units, size, bias = range(node.units), node.units, _bias(arrays, "bh", "wh")
    z = _times([*x, *h], [*arrays["wx"], *arrays["wh"]], bias)
    update, reset = [s(z[j]) for j in units], [s(z[size + j]) for j in units]
    met = _times([*x, *(reset[j] * h[j] for j in units)], [*arrays["wx"], *arrays["wh"]], bias)
    return [math.fsum((update[j] * h[j], (1 - update[j]) * f(met[2 * size + j]))) for j in units]
