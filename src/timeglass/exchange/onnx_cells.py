"""Recurrent nodes in ONNX: its own RNN, GRU and LSTM where these compute the same everywhere, otherwise a Scan.

ONNX's operators have no mask for steps in the middle, and leave it open how parameters of activations are listed;
onnxruntime's softplus overflows inside of them. So they are taken for unmasked nodes with tanh, sigmoid, relu and
softsign; all else is written out in a Scan, whose body is one step as `timeglass.cells` has it.

ONNX's order of gates is ours for a GRU; an LSTM's is input, output, forget, candidate. Matrices stand transposed,
(directions, outputs, inputs), and two biases in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from timeglass.exchange.onnx_graph import GraphWriter
from timeglass.network.layers import GRU, LSTM, Recurrent, SimpleRNN
from timeglass.network.nodes import PlacedLayer
from timeglass.types import Array

__all__ = ["OPERATORS", "from_operator_form", "is_native", "recurrent", "to_operator_form"]

OPERATORS: dict[str, type[Recurrent]] = {"RNN": SimpleRNN, "GRU": GRU, "LSTM": LSTM}
_NAMES = {"tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "softsign": "Softsign"}
_LSTM_ORDER = (0, 3, 1, 2)  # of ours, in ONNX's places
_FLOAT = 1  # TensorProto.FLOAT


def is_native(node: PlacedLayer) -> bool:
    """Whether ONNX's own operator is taken."""
    used = {node.activation} | ({node.recurrent_activation} if isinstance(node.layer, GRU | LSTM) else set())
    return not node.masked and used <= set(_NAMES)


def _moved(kind: type[Recurrent], rows: Array, *, back: bool = False) -> Array:
    """(G·H, …) from our order of gates into ONNX's, or back."""
    if kind is not LSTM:
        return rows
    parts = np.split(rows, 4)
    return np.concatenate([parts[i] for i in (np.argsort(_LSTM_ORDER) if back else _LSTM_ORDER)])


def to_operator_form(kind: type[Recurrent], own: Mapping[str, Array]) -> dict[str, Array]:
    """W (1, G·H, F), R (1, G·H, H) and, where there is a bias, B (1, 2·G·H), from wx, wh, bh."""
    arrays = {"W": _moved(kind, own["wx"].T)[None], "R": _moved(kind, own["wh"].T)[None]}
    if "bh" in own:
        two = own["bh"] if own["bh"].ndim == 2 else (own["bh"], np.zeros_like(own["bh"]))
        arrays["B"] = np.concatenate([_moved(kind, bias) for bias in two])[None]
    return arrays


def from_operator_form(kind: type[Recurrent], given: Mapping[str, Array], *, both_biases: bool) -> list[Array]:
    """Wx, wh and bh, where there is a bias, from one direction's W (G·H, F), R (G·H, H), B (2·G·H).

    Two biases that only occur as their sum are added in float64; whoever makes that float32 rounds once.
    """
    arrays = [_moved(kind, given[name], back=True).T for name in ("W", "R")]
    if "B" in given:
        two = [_moved(kind, bias.astype(np.float64), back=True) for bias in np.split(given["B"], 2)]
        arrays.append(np.stack(two) if both_biases else two[0] + two[1])
    return arrays


def recurrent(graph: GraphWriter, node: PlacedLayer, own: Mapping[str, Array], x: str, mask: str | None) -> str:
    """What a recurrent node gives, (N, T, H) or (N, H), of x (N, T, F) and which steps count, (N, T, 1)."""
    return _operator(graph, node, own, x) if is_native(node) else _scan(graph, node, own, x, mask)


def _operator(graph: GraphWriter, node: PlacedLayer, own: Mapping[str, Array], x: str) -> str:
    layer, name = node.layer, node.name
    assert isinstance(layer, Recurrent)
    kind = type(layer)
    arrays = to_operator_form(kind, own)
    inputs = [graph.add("Transpose", [x], f"{name}/steps", perm=[1, 0, 2])]  # (T, N, F)
    inputs += [graph.constant(f"{name}/{part}", array) for part, array in arrays.items()]
    act, gate = _NAMES[node.activation], _NAMES.get(node.recurrent_activation, "")
    used = {SimpleRNN: [act], GRU: [gate, act], LSTM: [gate, act, act]}
    attributes: dict[str, Any] = {
        "hidden_size": node.units,
        "direction": "reverse" if node.go_backwards else "forward",
        "activations": used[kind],
    }
    if isinstance(layer, GRU):
        attributes["linear_before_reset"] = int(layer.reset_after)
    operator = next(operator for operator, one in OPERATORS.items() if one is kind)
    if not node.gives_sequence:
        _, last = graph.several(operator, inputs, ["", f"{name}/last"], **attributes)  # (1, N, H)
        return graph.add("Squeeze", [last, graph.whole(0)], f"{name}/y")
    states = graph.add(operator, inputs, f"{name}/states", **attributes)  # (T, 1, N, H)
    flat = graph.add("Squeeze", [states, graph.whole(1)], f"{name}/flat")
    y = graph.add("Transpose", [flat], f"{name}/in_time", perm=[1, 0, 2])
    return y if node.go_backwards == node.turned else _turned(graph, y, 1, f"{name}/turned")


def _turned(graph: GraphWriter, value: str, axis: int, name: str) -> str:
    """The value from the last place of an axis to the first."""
    ends = [graph.whole(-1), graph.whole(np.iinfo(np.int64).min + 1), graph.whole(axis), graph.whole(-1)]
    return graph.add("Slice", [value, *ends], name)


def _steps(graph: GraphWriter, node: PlacedLayer, value: str, name: str) -> str:
    """(T, N, …) of (N, T, …), in the order in which the node meets the steps."""
    steps = graph.add("Transpose", [value], f"{name}_steps", perm=[1, 0, 2])
    return _turned(graph, steps, 0, f"{name}_turned") if node.go_backwards else steps


def _scan(graph: GraphWriter, node: PlacedLayer, own: Mapping[str, Array], x: str, mask: str | None) -> str:
    name, state = node.name, ["h", "c"] if isinstance(node.layer, LSTM) else ["h"]
    weights = {part: graph.constant(f"{name}/{part}", array) for part, array in own.items()}
    read = {"x": x} | ({"mask": mask} if mask else {})
    body = _body(graph.inside(f"{name}/step/"), node, weights, state, list(read))
    count = graph.add(
        "Slice", [graph.add("Shape", [x], f"{name}/shape"), graph.whole(0), graph.whole(1)], f"{name}/count"
    )
    shape = graph.add("Concat", [count, graph.whole(node.units)], f"{name}/state_shape", axis=0)
    zeros = graph.add("Expand", [graph.number(0.0), shape], f"{name}/zeros")  # (N, H)
    # Axes and directions are those without being told, since some runtimes have no others.
    last, *_, states = graph.several(
        "Scan",
        [zeros] * len(state) + [_steps(graph, node, value, f"{name}/{part}") for part, value in read.items()],
        [f"{name}/last_{one}" for one in state] + [f"{name}/states"],
        body=body,
        num_scan_inputs=len(read),
    )
    if not node.gives_sequence:
        return last
    states = _turned(graph, states, 0, f"{name}/turned") if node.turned else states
    return graph.add("Transpose", [states], f"{name}/y", perm=[1, 0, 2])


def _body(step: GraphWriter, node: PlacedLayer, weights: Mapping[str, str], state: list[str], read: list[str]) -> Any:
    """One step: the state and what is read at this step, to the state after it and what the node gives of it."""
    helper = step.onnx.helper
    prefix = f"{node.name}/step/"
    now = {one: prefix + one for one in (*state, *read)}
    new = _step(step, node, weights, now)
    mask = now.get("mask")
    if mask:
        new = {one: step.add("Where", [mask, new[one], now[one]], f"held_{one}") for one in state}
    zeroed = node.zero_masked
    shown = step.add("Where", [mask, new["h"], step.number(0.0)], "zeroed") if zeroed and mask else new["h"]
    outputs = [step.add("Identity", [new[one]], f"new_{one}") for one in state]
    outputs.append(step.add("Identity", [shown], "given"))

    def value(name: str, width: int, kind: int = _FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, ["N", width])

    boolean = step.onnx.TensorProto.BOOL
    inputs = [value(now[one], node.units) for one in state] + [value(now["x"], node.features)]
    inputs += [value(mask, 1, boolean)] if mask else []
    return helper.make_graph(step.nodes, f"{prefix}body", inputs, [value(name, node.units) for name in outputs])


def _step(step: GraphWriter, node: PlacedLayer, weights: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    layer = node.layer
    if isinstance(layer, LSTM):
        return _lstm(step, node, weights, now)
    if isinstance(layer, GRU):
        return {"h": _gru(step, node, weights, now)}
    z = step.add("Add", [_x_part(step, weights, now), step.add("MatMul", [now["h"], weights["wh"]], "h_part")], "z")
    return {"h": step.activation(z, node.activation, "f")}


def _x_part(step: GraphWriter, weights: Mapping[str, str], now: Mapping[str, str], bias: str | None = None) -> str:
    return step.affine(now["x"], weights["wx"], bias or weights.get("bh"), "x_part")


def _parts(step: GraphWriter, value: str, names: list[str], units: int, axis: int = -1) -> list[str]:
    """The gates' parts, side by side."""
    return step.several("Split", [value, step.whole(*[units] * len(names))], names, axis=axis)


def _lstm(step: GraphWriter, node: PlacedLayer, weights: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    z = step.add("Add", [_x_part(step, weights, now), step.add("MatMul", [now["h"], weights["wh"]], "h_part")], "z")
    z_input, z_forget, z_candidate, z_output = _parts(
        step, z, ["z_input", "z_forget", "z_candidate", "z_output"], node.units
    )
    gates = [
        step.activation(part, node.recurrent_activation, gate)
        for part, gate in ((z_input, "input"), (z_forget, "forget"), (z_output, "output"))
    ]
    candidate = step.activation(z_candidate, node.activation, "candidate")
    kept = step.add("Mul", [gates[1], now["c"]], "kept")
    c = step.add("Add", [kept, step.add("Mul", [gates[0], candidate], "taken")], "cell")
    shown = step.activation(c, node.activation, "shown")
    return {"h": step.add("Mul", [gates[2], shown], "f"), "c": c}


def _gru(step: GraphWriter, node: PlacedLayer, weights: Mapping[str, str], now: Mapping[str, str]) -> str:
    assert isinstance(node.layer, GRU)
    units, names = node.units, ["update", "reset", "candidate"]
    beside: list[str | None] = [weights.get("bh"), None]
    if node.layer.reset_after and "bh" in weights:
        rows = [step.add("Gather", [weights["bh"], step.whole(row)], f"bias_{row}", axis=0) for row in (0, 1)]
        beside = [rows[0], rows[1]]
    x_update, x_reset, x_candidate = _parts(
        step, _x_part(step, weights, now, beside[0]), [f"x_{name}" for name in names], units
    )
    if node.layer.reset_after:
        h_part = step.affine(now["h"], weights["wh"], beside[1], "h_part")
        h_update, h_reset, met = _parts(step, h_part, [f"h_{name}" for name in names], units)
    else:
        gates, wh_candidate = step.several(
            "Split", [weights["wh"], step.whole(2 * units, units)], ["wh_gates", "wh_candidate"], axis=1
        )
        h_update, h_reset = _parts(
            step, step.add("MatMul", [now["h"], gates], "h_gates"), ["h_update", "h_reset"], units
        )
    update, reset = (
        step.activation(step.add("Add", [x, h], f"z_{name}"), node.recurrent_activation, name)
        for x, h, name in ((x_update, h_update, "update"), (x_reset, h_reset, "reset"))
    )
    if node.layer.reset_after:
        met = step.add("Mul", [reset, met], "met")
    else:
        met = step.add("MatMul", [step.add("Mul", [reset, now["h"]], "met"), wh_candidate], "h_candidate")
    candidate = step.activation(step.add("Add", [x_candidate, met], "z_candidate"), node.activation, "candidate")
    rest = step.add("Mul", [step.add("Sub", [step.number(1.0), update], "not_update"), candidate], "taken")
    return step.add("Add", [step.add("Mul", [update, now["h"]], "kept"), rest], "f")
