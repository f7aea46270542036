"""An ONNX file as plain values: what it holds is data of others, so each size is compared before anything is made.

Only operators of ONNX's own domain, no functions, no graphs in attributes, no data outside of the file, no training
parts. Numbers are float32 and finite, or whole (int32, int64, for shapes and places); float64 is rounded to float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from timeglass.errors import DataError
from timeglass.read.source import is_address, read_bytes
from timeglass.types import Array
from timeglass.words import printable, quoted, shown

__all__ = ["Graph", "Operator", "constants_of", "graph_of", "read_proto"]

_MOST_OPERATORS = 20_000
_MOST_AXES = 8
_LEAST_OPSET = 9

# Numbers of TensorProto.DataType, the fields in which they may stand besides raw_data, and the types they have in it.
_TYPES: dict[int, tuple[str, str]] = {
    1: ("float_data", "<f4"), 11: ("double_data", "<f8"), 6: ("int32_data", "<i4"), 7: ("int64_data", "<i8"),
}  # fmt: skip

_OTHER_FILES = {
    b"\x80": "a pickle, which this never opens",
    b"PK": "a zip archive (torch's .pt, a .keras file …), no ONNX file",
    b"<": "a web page or XML, no ONNX file: download the file itself",
    b"{": "JSON, no ONNX file",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself",
    b"\x89HDF": "an HDF5 file, no ONNX file",
}


@dataclass(frozen=True)
class Operator:
    """One node of the graph."""

    name: str  # fit to be shown
    kind: str
    inputs: tuple[str, ...]  # "" where one is left out
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Graph:
    """The operators in their order, the arrays that the file holds, and the input's shape, None where it is open."""

    where: str
    operators: tuple[Operator, ...]
    constants: Mapping[str, Array]
    input: str
    input_shape: tuple[int | None, ...]
    output: str


def read_proto(onnx: Any, path: str) -> Any:
    """The ModelProto of a file, parsed and nothing else; a `DataError` where it is none."""
    from google.protobuf.message import DecodeError  # what onnx itself is built upon

    if is_address(path):
        raise DataError(f"{path}: expected a file's path: download it first")
    content, where = read_bytes(path)
    if not content:
        raise DataError(f"{where} is empty (0 bytes)")
    for begin, what in _OTHER_FILES.items():
        if content.lstrip().startswith(begin):
            raise DataError(f"{where} is {what}")
    try:
        proto = onnx.ModelProto.FromString(content)
    except (DecodeError, RuntimeWarning, ValueError) as error:
        raise DataError(f"{where} is no ONNX file, or damaged ({error})") from None
    _check_texts(proto, where)
    if not proto.HasField("graph") or not proto.opset_import:
        raise DataError(f"{where} is no ONNX file, or damaged: it holds no graph")
    return proto


def _check_texts(message: Any, where: str) -> None:
    """Every text must be text: what is no UTF-8 comes as bytes."""
    for field, value in message.ListFields():
        several = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]
        if field.type == field.TYPE_STRING and any(isinstance(one, bytes) for one in several):
            raise DataError(f"{where} is damaged: its {field.name} holds a text that is no UTF-8")
        if field.type == field.TYPE_MESSAGE:
            for one in several:
                _check_texts(one, where)


def graph_of(proto: Any, where: str, newest: int) -> Graph:
    """What the proto holds, each part checked."""
    versions = [one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")]
    if len(versions) != 1 or not _LEAST_OPSET <= versions[0] <= newest:
        raise DataError(f"{where} has operators of version {versions}: expected one of {_LEAST_OPSET} to {newest}")
    graph = proto.graph
    for what, there in (
        ("functions", proto.functions), ("training parts", proto.training_info),
        ("sparse arrays", graph.sparse_initializer),
    ):  # fmt: skip
        if there:
            raise DataError(f"{where} holds {what}, which are not understood")
    if len(graph.node) > _MOST_OPERATORS:
        raise DataError(f"{where} has {len(graph.node):,} operators, at most {_MOST_OPERATORS:,} are read")
    constants = constants_of(graph, where)
    inputs = [one for one in graph.input if one.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise DataError(
            f"{where} has {len(inputs)} inputs and {len(graph.output)} outputs: expected the window alone, and the "
            "forecast alone"
        )
    operators = tuple(_operator(node, index, where) for index, node in enumerate(graph.node))
    return Graph(where, operators, constants, inputs[0].name, _shape(inputs[0], where), graph.output[0].name)


def constants_of(graph: Any, where: str) -> dict[str, Array]:
    """The arrays that the graph holds, by name."""
    constants: dict[str, Array] = {}
    for tensor in graph.initializer:
        if tensor.name in constants:
            raise DataError(f"{where} holds {quoted(tensor.name)} twice")
        constants[tensor.name] = _array(tensor, f"{where}: {shown(tensor.name)}")
    return constants


def _array(tensor: Any, where: str) -> Array:
    """A tensor's numbers. Its shape is compared with what is there before an array is made."""
    if tensor.data_location or tensor.external_data:
        raise DataError(
            f"{where} lies in another file, which is never opened: save the model with its "
            "data inside (torch.onnx.export: external_data=False)"
        )
    if tensor.data_type not in _TYPES:
        raise DataError(f"{where} has numbers of type {tensor.data_type}: expected float32, float64, int32 or int64")
    field, dtype = _TYPES[tensor.data_type]
    dims = tuple(tensor.dims)
    if len(dims) > _MOST_AXES or any(size < 0 for size in dims):
        raise DataError(f"{where} has shape {dims[:_MOST_AXES]}, which no array has")
    listed = getattr(tensor, field)
    held = len(tensor.raw_data) / np.dtype(dtype).itemsize if tensor.raw_data else len(listed)
    if held != prod(dims) or tensor.HasField("segment"):
        raise DataError(f"{where} has shape {dims}, of {prod(dims):,} numbers, but holds {held:g}: the file is damaged")
    array = np.frombuffer(tensor.raw_data, dtype) if tensor.raw_data else np.array(listed, dtype=dtype)
    return _checked(array.reshape(dims), where)


def _checked(array: Array, where: str) -> Array:
    if array.dtype.kind != "f":
        return array.astype(np.int64)
    with np.errstate(over="ignore"):
        floats = array.astype(np.float32)
    if not np.isfinite(floats).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
        raise DataError(f"{where}{list(place)} is {array[place]}: expected numbers that are finite in float32")
    return floats


def _operator(node: Any, index: int, where: str) -> Operator:
    name = printable(node.name or next(iter(node.output), "") or f"number {index}")[:80]
    if node.domain not in ("", "ai.onnx"):
        raise DataError(f"{where}: {shown(node.op_type)} {name} is of the domain {quoted(node.domain)}, not ONNX's own")
    attributes = {one.name: _attribute(one, f"{where}: {shown(node.op_type)} {name}") for one in node.attribute}
    return Operator(name, printable(node.op_type)[:40], tuple(node.input), tuple(node.output), attributes)


def _attribute(attribute: Any, where: str) -> Any:
    """A number, text, list of these or array."""
    if attribute.ref_attr_name:
        raise DataError(f"{where} refers to a function's attribute, and functions are not understood")
    readers: dict[int, Callable[[], Any]] = {
        1: lambda: attribute.f, 2: lambda: attribute.i, 3: lambda: attribute.s.decode(errors="replace"),
        4: lambda: _array(attribute.t, f"{where} {shown(attribute.name)}"), 6: lambda: list(attribute.floats),
        7: lambda: list(attribute.ints), 8: lambda: [text.decode(errors="replace") for text in attribute.strings],
    }  # fmt: skip
    if attribute.type not in readers:
        raise DataError(
            f"{where} holds a graph or another thing in {quoted(attribute.name)}, which is only understood "
            "in a file that is just as to_onnx wrote it"
        )
    return readers[attribute.type]()


def _shape(value: Any, where: str) -> tuple[int | None, ...]:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or kind.elem_type not in (1, 11) or len(kind.shape.dim) != 3:
        raise DataError(f"{where}: its input {shown(value.name)} is no window (N, T, F) of floats")
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in kind.shape.dim)
