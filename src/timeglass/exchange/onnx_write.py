"""Networks as ONNX files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from timeglass.errors import EngineError, OptionError
from timeglass.exchange.chain_of_layers import layer_of_network
from timeglass.exchange.layer_words import text_of_layers
from timeglass.exchange.onnx_cells import recurrent
from timeglass.exchange.onnx_graph import GraphWriter, onnx_library
from timeglass.files import write_whole
from timeglass.model.checks import whole
from timeglass.model.sequential import Sequential
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import Dense, LinearSkip, Masking
from timeglass.network.nodes import Merge
from timeglass.types import Array

__all__ = ["LAYERS_KEY", "model_proto", "named_for_values", "to_onnx"]

LAYERS_KEY = "timeglass.layers"  # among the file's metadata
_INPUT, _OUTPUT = "window", "forecast"
_LEAST_OPSET, _OPSET = 14, 17
_MOST_WEIGHTS = 5 * 10**8 - 10**6  # a file of ONNX's has at most 2 GiB


def to_onnx(model: Sequential, path: str | os.PathLike[str], *, network: int = 0, opset: int = _OPSET) -> None:
    """Writes one network of the model as an ONNX file, which gives what `predict` gives, in float32.

    Its input "window" takes (N, T, F) with any N, its output "forecast" gives (N, K), or (N, T, K) where the network
    gives sequences. Recurrent layers become ONNX's RNN, GRU and LSTM; what these lack (masked steps, a GRU or LSTM with
    elu, say) becomes a Scan that is written out. Dropout is for training and is not there. `opset` is the version of
    ONNX's operators, from 14 on; 17 is understood by every runtime since 2022.

    The file is checked before it is written, and written whole. `from_onnx` gives the network back to the bit. An
    `EngineError` where onnx is not installed, an `OptionError` where the file cannot be written.

    >>> import tempfile
    >>> from timeglass.network.layers import GRU, Dense
    >>> model = Sequential([GRU(2, input_shape=(3, 1)), Dense(1)], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(model, f"{folder}/model.onnx")
    ...     print([node.op_type for node in onnx_library("here").load(f"{folder}/model.onnx").graph.node])
    ['Transpose', 'GRU', 'Squeeze', 'MatMul', 'Add', 'Identity']
    """
    if whole("to_onnx network", network, 0) >= model.networks:
        raise OptionError(f"to_onnx network: expected 0 to {model.networks - 1}, got {network}")
    onnx = onnx_library("to_onnx")
    newest = onnx.defs.onnx_opset_version()
    if not _LEAST_OPSET <= whole("to_onnx opset", opset, 1) <= newest:
        raise OptionError(f"to_onnx opset: this onnx writes {_LEAST_OPSET} to {newest}, got {opset}")
    if model.architecture.weight_count > _MOST_WEIGHTS:
        raise OptionError(f"to_onnx: {model.architecture.weight_count:,} weights are more than one ONNX file can hold")
    weights = model.training_state.weights[network]
    if not np.isfinite(weights).all():
        raise OptionError("to_onnx: the network has weights that are not finite: train it anew")
    layers = [layer_of_network(layer, network) for layer in model.layers]
    proto = model_proto(onnx, text_of_layers(layers), model.architecture, weights, opset=opset, name=model.name)
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise EngineError(f"to_onnx: onnx {onnx.__version__} refuses this network's graph: {error}") from None
    content = proto.SerializeToString(deterministic=True)
    write_whole(Path(path), lambda part: part.write_bytes(content))


def model_proto(onnx: Any, layers: str, architecture: Architecture, weights: Array, *, opset: int, name: str) -> Any:
    """The ModelProto of a network with the weights (P,): a function of its arguments alone, to the byte."""
    helper = onnx.helper
    graph = GraphWriter(onnx)
    split = [{key: array[0] for key, array in arrays.items()} for arrays in architecture.split(weights[None])]
    last = _nodes(graph, architecture, split)
    graph.add("Identity", [last], _OUTPUT)
    floats = onnx.TensorProto.FLOAT
    shape = ["N", architecture.time_steps, architecture.features]
    made = helper.make_graph(
        graph.nodes,
        name,
        [helper.make_tensor_value_info(_INPUT, floats, shape)],
        [helper.make_tensor_value_info(_OUTPUT, floats, ["N", *architecture.output_shape])],
        [onnx.numpy_helper.from_array(array, key) for key, array in graph.initializers.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    proto = helper.make_model(
        made, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets), producer_name="timeglass"
    )
    helper.set_model_props(proto, {LAYERS_KEY: layers})
    return proto


def named_for_values(architecture: Architecture) -> list[PlacedLayer]:
    """The nodes under names that can begin those of values: their own, or a number where those could be confused."""
    return [
        replace(node, name=str(index)) if set(node.name) & set("/:.") or node.name.isdigit() else node
        for index, node in enumerate(architecture.layers)
    ]


def _nodes(graph: GraphWriter, architecture: Architecture, split: list[dict[str, Array]]) -> str:
    """All nodes in their order; gives the last one's value."""
    given, masks = {-1: _INPUT}, dict[int, str]()
    for index, node in enumerate(named_for_values(architecture)):
        read = [given[source] for source in node.inputs]
        if isinstance(node.layer, Masking):
            masks[index], given[index] = _masking(graph, node, read[0])
        else:
            given[index] = _node(graph, node, split[index], read, masks.get(node.mask))
    return given[len(architecture.layers) - 1]


def _node(graph: GraphWriter, node: PlacedLayer, own: Mapping[str, Array], read: list[str], mask: str | None) -> str:
    if node.recurrent:
        return recurrent(graph, node, own, read[0], mask)
    if isinstance(node.layer, Merge):
        return _merge(graph, node, node.layer.mode, read)
    if isinstance(node.layer, Dense):
        return graph.activation(_affine(graph, node, own, read[0]), node.activation, f"{node.name}/f")
    if isinstance(node.layer, LinearSkip):
        return _linear_skip(graph, node, own, read)
    return read[0]  # Dropout


def _affine(graph: GraphWriter, node: PlacedLayer, own: Mapping[str, Array], x: str) -> str:
    weights = [graph.constant(f"{node.name}/{part}", array) for part, array in own.items()]
    return graph.affine(x, weights[0], weights[1] if len(weights) > 1 else None, f"{node.name}/z")


def _masking(graph: GraphWriter, node: PlacedLayer, x: str) -> tuple[str, str]:
    """The mask (N, T, 1), true where any feature differs from the marked value, and x with zeros elsewhere."""
    assert isinstance(node.layer, Masking)
    name = node.name
    marked = graph.add("Equal", [x, graph.number(float(np.float32(node.layer.mask_value)))], f"{name}/marked")
    floats = int(graph.onnx.TensorProto.FLOAT)
    other = graph.add("Cast", [graph.add("Not", [marked], f"{name}/other")], f"{name}/others", to=floats)
    # The operators' one reduction with the same form in every version.
    count = graph.add("ReduceSum", [other, graph.whole(-1)], f"{name}/count", keepdims=1)
    mask = graph.add("Greater", [count, graph.number(0.0)], f"{name}/mask")
    return mask, graph.add("Where", [mask, x, graph.number(0.0)], f"{name}/y")


def _merge(graph: GraphWriter, node: PlacedLayer, mode: str, read: list[str]) -> str:
    name = f"{node.name}/merged"
    if mode == "concat":
        return graph.add("Concat", read, name, axis=-1)
    if mode == "mul":
        return graph.add("Mul", read, name)
    if mode == "sum":
        return graph.add("Add", read, name)
    return graph.add("Mul", [graph.add("Add", read, f"{node.name}/sum"), graph.number(0.5)], name)


def _linear_skip(graph: GraphWriter, node: PlacedLayer, own: Mapping[str, Array], read: list[str]) -> str:
    before, window = read
    assert isinstance(node.layer, LinearSkip)
    if node.layer.time_steps is not None:
        ends = [graph.whole(-node.layer.time_steps), graph.whole(np.iinfo(np.int64).max), graph.whole(1)]
        window = graph.add("Slice", [window, *ends], f"{node.name}/window")
    flat = graph.add("Reshape", [window, graph.whole(0, -1)], f"{node.name}/flat")
    return graph.add("Add", [before, _affine(graph, node, own, flat)], f"{node.name}/y")
