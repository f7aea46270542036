"""Forecasts in Python's own numbers: one product after another, straight from the layers as they are written.

An oracle for the definition and the kernel: it knows nothing of nodes, of NumPy's products or of the order of work.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from networks import LayerSpec, Network

Row = list[float]

FUNCTIONS = {
    "linear": lambda z: z,
    "tanh": math.tanh,
    "sigmoid": lambda z: 0.5 * (1 + math.tanh(z / 2)),
    "relu": lambda z: max(z, 0.0),
    "hard_sigmoid": lambda z: min(max(z / 6 + 0.5, 0.0), 1.0),
    "leaky_relu": lambda z: z if z > 0 else 0.2 * z,
    "elu": lambda z: z if z > 0 else math.exp(z) - 1,
    "selu": lambda z: 1.0507009873554805 * (z if z > 0 else 1.6732632423543772 * (math.exp(z) - 1)),
    "softplus": lambda z: math.log(1 + math.exp(z)),
    "softsign": lambda z: z / (1 + abs(z)),
    "swish": lambda z: z / (1 + math.exp(-z)),
}


def times(row: Row, matrix: list[Row]) -> Row:
    return [sum(value * matrix[i][j] for i, value in enumerate(row)) for j in range(len(matrix[0]))]


def plus(*rows: Row) -> Row:
    return [sum(values) for values in zip(*rows, strict=True)]


def product(*rows: Row) -> Row:
    return [math.prod(values) for values in zip(*rows, strict=True)]


def each(name: str, row: Row) -> Row:
    return [FUNCTIONS[name](value) for value in row]


def parts(row: Row, count: int) -> list[Row]:
    size = len(row) // count
    return [row[k * size : (k + 1) * size] for k in range(count)]


def one_step(spec: LayerSpec, w: list[Any], x: Row, h: Row, c: Row) -> tuple[Row, Row]:
    """h_t and c_t of any recurrent layer."""
    name, options = spec
    f, s = options.get("activation", "tanh"), options.get("recurrent_activation", "sigmoid")
    wx, wh, bias = w
    if name == "SimpleRNN":
        return each(f, plus(times(x, wx), times(h, wh), bias)), c
    if name == "LSTM":
        i, forget, g, o = parts(plus(times(x, wx), times(h, wh), bias), 4)
        c = plus(product(each(s, forget), c), product(each(s, i), each(f, g)))
        return product(each(s, o), each(f, c)), c
    after = options.get("reset_after", True)
    bias_x, bias_h = bias if after else (bias, [0.0] * len(bias))
    from_x, from_h = plus(times(x, wx), bias_x), plus(times(h, wh), bias_h)
    (xu, xr, xg), (hu, hr, hg) = parts(from_x, 3), parts(from_h, 3)
    update, reset = each(s, plus(xu, hu)), each(s, plus(xr, hr))
    if not after:
        hg = parts(times(product(reset, h), wh), 3)[2]
    g = each(f, plus(xg, product(reset, hg) if after else hg))
    return plus(product(update, h), product([1 - u for u in update], g)), c


def no_bias(spec: LayerSpec) -> Any:
    name, options = spec
    width = options["units"] * {"SimpleRNN": 1, "GRU": 3, "LSTM": 4, "Dense": 1}[name]
    return [[0.0] * width] * 2 if name == "GRU" and options.get("reset_after", True) else [0.0] * width


def recurrent(spec: LayerSpec, arrays: list[Any], rows: list[Row], counts: list[bool]) -> list[Row]:
    """The state after each step, in the order in which they come about."""
    options = spec[1]
    w = [arrays.pop(0), arrays.pop(0), arrays.pop(0) if options.get("use_bias", True) else no_bias(spec)]
    h = c = [0.0] * options["units"]
    states = []
    steps = list(zip(rows, counts, strict=True))
    for row, step_counts in reversed(steps) if options.get("go_backwards") else steps:
        if step_counts:
            h, c = one_step(spec, w, row, h, c)
        states.append(h)
    return states


def bidirectional(options: dict[str, Any], arrays: list[Any], rows: list[Row], counts: list[bool]) -> list[Row]:
    """What the two layers give, in the order of the first."""
    name, inner = options["layer"]
    other = options.get("backward_layer") or (name, {**inner, "go_backwards": True})
    one, back = (recurrent(spec, arrays, rows, counts) for spec in ((name, inner), other))
    if inner.get("return_sequences"):
        met = counts[::-1] if inner.get("go_backwards") else counts
        one, back = (
            [[value * step_counts for value in row] for row, step_counts in zip(side, met, strict=True)]
            for side in (one, back[::-1])
        )
    else:
        one, back = one[-1:], back[-1:]
    merge = {
        "concat": lambda a, b: a + b,
        "sum": plus,
        "mul": product,
        "ave": lambda a, b: [value / 2 for value in plus(a, b)],
    }[options.get("merge_mode", "concat")]
    return [merge(a, b) for a, b in zip(one, back, strict=True)]


def forecast(network: Network, arrays: list[np.ndarray], window: np.ndarray) -> list[Row]:
    """The network's output at each step that it gives, by Keras's list of weights, for one window (T, F)."""
    given = [[float(value) for value in row] for row in window]
    weights, rows, counts = [array.tolist() for array in arrays], given, [True] * len(given)
    for name, options in network.layers:
        sequences = options.get("return_sequences", False)
        if name == "Dense":
            w, bias = weights.pop(0), weights.pop(0) if options.get("use_bias", True) else no_bias((name, options))
            rows = [each(options["activation"], plus(times(row, w), bias)) for row in rows]
            sequences = True
        elif name == "Masking":
            value = float(np.float32(options["mask_value"]))
            counts = [any(number != value for number in row) for row in rows]
            rows = [[number * step_counts for number in row] for row, step_counts in zip(rows, counts, strict=True)]
            sequences = True
        elif name == "LinearSkip":
            flat = [number for row in given[-(options["time_steps"] or len(given)) :] for number in row]
            share = times(flat, weights.pop(0))
            bias = weights.pop(0) if options.get("use_bias", True) else [0.0] * len(share)
            rows = [plus(rows[0], share, bias)]
            sequences = True
        elif name == "Dropout":  # which drops nothing in a forecast
            sequences = True
        elif name == "Bidirectional":
            sequences = options["layer"][1].get("return_sequences", False)
            rows = bidirectional(options, weights, rows, counts)
        else:
            rows = recurrent((name, options), weights, rows, counts)
        rows = rows if sequences else rows[-1:]
    return rows
