"""Changes of the file that to_onnx writes of GRU(3), Dense(2, "tanh"), each with what its refusal says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def node_of(proto: onnx.ModelProto, kind: str) -> Any:
    return next(node for node in proto.graph.node if node.op_type == kind)


def array_of(proto: onnx.ModelProto, name: str) -> Any:
    return next(one for one in proto.graph.initializer if one.name == name)


Change = Callable[[onnx.ModelProto], Any]


def _external(proto: onnx.ModelProto) -> None:
    tensor = array_of(proto, "gru/W")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def _segment(proto: onnx.ModelProto) -> None:
    array_of(proto, "gru/W").segment.end = 9


def _dims(name: str, *dims: int) -> Change:
    def change(proto: onnx.ModelProto) -> None:
        array_of(proto, name).dims[:] = dims

    return change


def _array(name: str, values: Any) -> Change:
    def change(proto: onnx.ModelProto) -> None:
        array_of(proto, name).CopyFrom(numpy_helper.from_array(np.asarray(values), name))

    return change


def _attribute(kind: str, name: str, value: Any) -> Change:
    def change(proto: onnx.ModelProto) -> None:
        node = node_of(proto, kind)
        for old in [one for one in node.attribute if one.name == name]:
            node.attribute.remove(old)
        node.attribute.append(helper.make_attribute(name, value))

    return change


def _operator(kind: str, new: str, domain: str = "") -> Change:
    def change(proto: onnx.ModelProto) -> None:
        node_of(proto, kind).op_type = new
        node_of(proto, new).domain = domain

    return change


def _between(*nodes: Any, arrays: Any = ()) -> Change:
    """Operators between the dense layer's sum and its activation: from "z" to "new"."""

    def change(proto: onnx.ModelProto) -> None:
        at = next(i for i, node in enumerate(proto.graph.node) if node.op_type == "Tanh")
        rest = list(proto.graph.node)[at:]
        del proto.graph.node[at:]
        proto.graph.node.extend([*nodes, *rest])
        node_of(proto, "Tanh").input[0] = "new"
        proto.graph.initializer.extend([numpy_helper.from_array(np.asarray(values), name) for name, values in arrays])

    return change


def _read(proto: onnx.ModelProto, kind: str, index: int, name: str) -> None:
    node = node_of(proto, kind)
    while len(node.input) <= index:
        node.input.append("")
    node.input[index] = name


def _begin(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1, 3), np.float32), "h0"))
    _read(proto, "GRU", 5, "h0")


def _lengths(proto: onnx.ModelProto) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.full(3, 2, np.int32), "lengths"))
    _read(proto, "GRU", 4, "lengths")


def _nan(value: float) -> Change:
    weights = np.zeros((1, 9, 2), np.float32)
    weights[0, 4, 1] = value
    return _array("gru/W", weights)


Z = "dense/z"
CHANGES: dict[str, tuple[Change, str]] = {
    "external data": (_external, "gru/W lies in another file, which is never opened"),
    "huge dims": (_dims("gru/W", 2**40, 2**40, 2**40), "but holds 18: the file is damaged"),
    "dims that overflow to the right number": (_dims("gru/W", 2**32, 2**32, 18), "but holds 18: the file is damaged"),
    "negative dims": (_dims("gru/W", -1, -9, 2), "which no array has"),
    "many dims": (_dims("gru/W", *[1] * 500, 1, 9, 2), "which no array has"),
    "fewer numbers": (_dims("gru/W", 1, 9, 3), "of 27 numbers, but holds 18"),
    "a part of an array": (_segment, "but holds 18: the file is damaged"),
    "NaN": (_nan(np.nan), "gru/W[0, 4, 1] is nan: expected numbers that are finite in float32"),
    "infinity": (_nan(-np.inf), "gru/W[0, 4, 1] is -inf"),
    "float64 beyond float32": (
        _array("gru/W", np.full((1, 9, 2), 1e200)),
        "is 1e+200: expected numbers that are finite",
    ),
    "half floats": (_array("gru/W", np.ones((1, 9, 2), np.float16)), "has numbers of type 10: expected float32"),
    "texts": (_array("gru/W", np.array([["a"]])), "has numbers of type 8"),
    "other shapes": (_array("gru/W", np.ones((1, 12, 2), np.float32)), "has weights of other shapes than"),
    "no units": (_array("gru/R", np.ones((1, 9, 0), np.float32)), "GRU gru/last has weights of other shapes"),
    "fewer axes": (_array("gru/R", np.ones((9, 3), np.float32)), "has weights or a direction that it cannot have"),
    "two of a name": (lambda proto: proto.graph.initializer.append(proto.graph.initializer[0]), "twice"),
    "unknown operator": (_operator("Tanh", "Erf"), "Erf dense/f is not understood: expected RNN, GRU, LSTM"),
    "hostile name": (_operator("Tanh", "\x1b[31mErf"), r"\x1b[31mErf dense/f is not understood"),
    "other domain": (_operator("GRU", "GRU", "com.microsoft"), "is of the domain 'com.microsoft', not ONNX's own"),
    "lengths": (_lengths, "has lengths of its sequences, which no layer of ours has"),
    "first state": (_begin, "has a first state that is not zero"),
    "clip": (_attribute("GRU", "clip", 1.0), "has clip, which no layer"),
    "direction": (_attribute("GRU", "direction", "sideways"), "has weights or a direction that it cannot have"),
    "hidden size": (_attribute("GRU", "hidden_size", 2**40), "says hidden_size 1099511627776, but has 3 units"),
    "activations": (
        _attribute("GRU", "activations", ["Sigmoid", "ScaledTanh"]),
        "has the activations ['Sigmoid', 'ScaledTanh']",
    ),
    "leak": (_operator("Tanh", "LeakyRelu"), "has alpha 0.01, where our leaky_relu has 0.2"),
    "two activations": (
        _between(helper.make_node("Relu", [Z], ["new"])),
        "acts on what is no dense layer's: only these take an activation",
    ),
    "scaled": (
        _between(helper.make_node("Mul", [Z, "k"], ["new"]), arrays=[("k", np.float32(2))]),
        "is neither a layer's bias nor half of a sum",
    ),
    "bias of each window": (
        _between(
            helper.make_node("Add", [Z, "k"], ["new"]), arrays=[("k", np.ones((3, 2), np.float32) * [[1], [2], [3]])]
        ),
        "which are no bias of 2 units",
    ),
    "added to itself": (
        _between(helper.make_node("Add", [Z, Z], ["new"])),
        "is neither the merging of two directions nor a linear skip",
    ),
    "units swapped": (
        _between(helper.make_node("Gather", [Z, "k"], ["new"], axis=1), arrays=[("k", np.array([1, 0]))]),
        "in an order in which no layer gives them",
    ),
    "windows swapped": (
        _between(
            helper.make_node("Slice", [Z, "m", "e", "o", "m"], ["new"]),
            arrays=[("m", np.array([-1])), ("e", np.array([-(2**31)])), ("o", np.array([0]))],
        ),
        "its output is neither a layer's sequence nor one step of it for each window",
    ),
    "a window left out": (
        _between(
            helper.make_node("Slice", [Z, "o", "e", "o"], ["new"]), arrays=[("o", np.array([0])), ("e", np.array([2]))]
        ),
        "its output is neither a layer's sequence nor one step",
    ),
    "read before it is made": (
        _between(helper.make_node("Relu", ["later"], ["new"])),
        "reads 'later', which nothing before it gives",
    ),
    "given twice": (_between(helper.make_node("Relu", [Z], [Z])), "gives 'dense/z', which is there already"),
    "an array of 2^62 numbers": (
        _between(helper.make_node("Expand", [Z, "k"], ["new"]), arrays=[("k", np.array([2**61, 3, 2]))]),
        "cannot be computed",
    ),
    "zeros without end": (
        _between(helper.make_node("ConstantOfShape", ["k"], ["new"]), arrays=[("k", np.array([2**31, 2**31]))]),
        "is too large",
    ),
    "doubled, again and again": (
        _between(
            *[
                helper.make_node("Concat", [a, a], [b], axis=0)
                for a, b in zip([Z, *(f"d{i}" for i in range(60))], [*(f"d{i}" for i in range(60)), "new"], strict=True)
            ]
        ),
        "is too large",
    ),
    "a place beyond the end": (
        _between(helper.make_node("Gather", [Z, "k"], ["new"], axis=1), arrays=[("k", np.array([7]))]),
        "cannot be computed",
    ),
    "an axis that is none": (_array("int:0", np.array([9])), "Squeeze gru/y cannot be computed"),
    "dropout in training": (
        _between(helper.make_node("Dropout", [Z, "", "k"], ["new"]), arrays=[("k", np.array(1))]),
        "dropout in training mode",
    ),
    "weights of the window": (
        _between(helper.make_node("MatMul", [Z, Z], ["new"])),
        "has weights that are missing, or depend on the window",
    ),
    "another function": (
        lambda proto: proto.functions.add(name="f", domain="d"),
        "holds functions, which are not understood",
    ),
    "training": (lambda proto: proto.training_info.add(), "holds training parts"),
    "sparse": (lambda proto: proto.graph.sparse_initializer.add(), "holds sparse arrays"),
    "old operators": (lambda proto: setattr(proto.opset_import[0], "version", 3), "has operators of version [3]"),
    "operators of the future": (
        lambda proto: setattr(proto.opset_import[0], "version", 2**40),
        "has operators of version",
    ),
    "many operators": (
        lambda proto: proto.graph.node.extend([helper.make_node("Identity", [Z], [f"i{i}"]) for i in range(20_001)]),
        "operators, at most 20,000 are read",
    ),
    "two inputs": (
        lambda proto: proto.graph.input.append(helper.make_tensor_value_info("x", 1, ["N", 4, 2])),
        "has 2 inputs and 1 outputs",
    ),
    "an output of its own": (
        lambda proto: setattr(proto.graph.output[0], "name", "gru/W"),
        "its output does not come from its window",
    ),
    "steps without end": (
        lambda proto: setattr(proto.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 2**50),
        "at most 4,096 steps are understood",
    ),
    "negative steps": (
        lambda proto: setattr(proto.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", -4),
        "its input has shape (None, -4, 2)",
    ),
    "an input of two axes": (
        lambda proto: proto.graph.input[0].type.tensor_type.shape.dim.pop(),
        "is no window (N, T, F) of floats",
    ),
    "features left open": (
        lambda proto: setattr(proto.graph.input[0].type.tensor_type.shape.dim[2], "dim_param", "F"),
        "expected a fixed number of features",
    ),
}
