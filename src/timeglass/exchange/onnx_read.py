"""Networks from ONNX files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from timeglass.errors import DataError, OptionError, ShapeError
from timeglass.exchange.chain_of_layers import sequential_of
from timeglass.exchange.compare import check_same, probe_windows
from timeglass.exchange.layer_words import layers_of_text
from timeglass.exchange.onnx_assemble import pieces_of
from timeglass.exchange.onnx_cells import from_operator_form, is_native
from timeglass.exchange.onnx_evaluate import evaluate
from timeglass.exchange.onnx_file import Graph, constants_of, graph_of, read_proto
from timeglass.exchange.onnx_graph import onnx_library
from timeglass.exchange.onnx_recognise import Recogniser
from timeglass.exchange.onnx_write import LAYERS_KEY, model_proto, named_for_values
from timeglass.model.checks import whole
from timeglass.model.sequential import Sequential
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import GRU, Input
from timeglass.types import Array, Floats

__all__ = ["from_onnx"]

_WINDOWS = 3  # with which a graph is followed where it leaves their number open
_MOST_WINDOWS = 256
_MOST_STEPS = 2**12
_MOST_ALL_STEPS = 2**15  # of all windows that the file wants at once
_MOST_NUMBERS = 2**22  # in a window
_REMEDY = "the file's operators do not do what they were taken for: please report this with the file"


def from_onnx(path: str | os.PathLike[str], *, time_steps: int | None = None) -> Sequential:
    """The network in an ONNX file: one that `to_onnx` wrote, or one that another library's exporter did.

    Understood are recurrent networks of RNN, GRU and LSTM operators, one way or both, with dense layers, activations,
    the last step or the whole sequence, merged directions and a linear skip of the window; as torch's exporters write
    an nn.GRU or LSTM with its last step and a Linear, say. Windows are (N, T, F), or (T, N, F) in the file: ours are
    (N, T, F) in any case. `time_steps` is T, where the file leaves it open.

    A network that `to_onnx` wrote comes back to the bit, with its Dropout, Masking and names. Of any other file it is
    found out what each number of its output comes from, however it is moved about; anything else that it computes is
    refused with the operator's name. Then both are computed for a few windows: the graph, operator by operator as
    ONNX's specification says, and by onnxruntime where that is installed; a difference is an error.

    Nothing in the file is run by that but its own operators from a closed list, no other file is opened, and sizes are
    compared before anything is made of them. Numbers are float32; float64 ones are rounded. A `DataError` says what is
    wrong with the file, an `EngineError` that onnx is not installed.

    >>> import tempfile
    >>> from timeglass.exchange.onnx_write import to_onnx
    >>> from timeglass.network.layers import GRU, Dense
    >>> model = Sequential([GRU(2, input_shape=(3, 1)), Dense(1)], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_onnx(model, f"{folder}/model.onnx")
    ...     back = from_onnx(f"{folder}/model.onnx")
    >>> np.array_equal(back.predict([[[0.5]] * 3]), model.predict([[[0.5]] * 3]))
    True
    """
    steps = None if time_steps is None else whole("from_onnx time_steps", time_steps, 1)
    if not isinstance(path, str | os.PathLike):
        raise OptionError(f"from_onnx path: expected a file's path, got {path!r}")
    where = str(path)
    onnx = onnx_library("from_onnx")
    proto = read_proto(onnx, where)
    model = _own(onnx, proto, where)
    if model is None:
        graph = graph_of(proto, where, onnx.defs.onnx_opset_version())
        try:
            return _foreign(graph, proto, steps)
        except (DataError, OptionError):
            raise
        except (TypeError, ValueError, LookupError, AttributeError) as error:  # attributes of other kinds than theirs
            raise DataError(f"{where} is damaged: an operator's attributes do not fit ({error})") from None
    if steps not in (None, model.architecture.time_steps):
        raise _other_steps(model.architecture.time_steps, steps)
    return model


def _other_steps(there: int, given: int | None) -> OptionError:
    return OptionError(f"from_onnx time_steps: the file's windows have {there} steps, got {given}: leave it out")


# What to_onnx wrote


def _own(onnx: Any, proto: Any, where: str) -> Sequential | None:
    """The network, if the file is, to the bit, what `to_onnx` writes for the layers that it names."""
    text = next((one.value for one in proto.metadata_props if one.key == LAYERS_KEY), None)
    if text is None or len(proto.graph.input) != 1 or len(proto.opset_import) != 1:
        return None
    layers, constants = layers_of_text(text, where), constants_of(proto.graph, where)
    shape = [dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim][1:]
    try:
        architecture = Architecture.of(layers, time_steps=shape[0], features=shape[1])
        if architecture.weight_count > sum(array.size for array in constants.values()):
            return None
        weights = _weights(architecture, constants)
        opset = proto.opset_import[0].version
        made = model_proto(onnx, text, architecture, weights, opset=opset, name=proto.graph.name)
    except (ShapeError, IndexError, KeyError, ValueError):
        return None
    if made.graph != proto.graph or made.opset_import != proto.opset_import:
        return None
    name = proto.graph.name if proto.graph.name.isprintable() else "sequential"
    model = Sequential([Input((shape[0], shape[1])), *layers], name)
    model.training_state.weights[0] = weights
    return model


def _weights(architecture: Architecture, constants: Mapping[str, Array]) -> Floats:
    """The weights (P,) from where `to_onnx` puts them; a KeyError or ValueError where they are not there."""
    weights = np.zeros((1, architecture.weight_count), dtype=np.float32)
    nodes = named_for_values(architecture)
    for node, own in zip(nodes, architecture.split(weights), strict=True):
        found = dict(zip(own, _arrays(node, constants), strict=True)) if own else {}
        for name, array in own.items():
            array[0] = found[name].reshape(array.shape[1:])
    return weights[0]


def _arrays(node: PlacedLayer, constants: Mapping[str, Array]) -> list[Array]:
    if not (node.recurrent and is_native(node)):
        return [constants[f"{node.name}/{part}"] for part in node.weight_shapes]
    given = {part: constants[f"{node.name}/{part}"][0] for part in ("W", "R", "B")[: len(node.weight_shapes)]}
    after = isinstance(node.layer, GRU) and node.layer.reset_after
    return from_operator_form(type(node.layer), given, both_biases=after)  # type: ignore[arg-type]


# What others wrote


def _foreign(graph: Graph, proto: Any, time_steps: int | None) -> Sequential:
    """Tries each order in which the window's axes may stand; the first one's error is told."""
    errors = []
    for windows, steps, features, steps_first in _layouts(graph, time_steps):
        try:
            found = Recogniser(graph, windows or _WINDOWS, steps, features, steps_first)
            model = sequential_of(graph.where, pieces_of(found), time_steps=steps, features=features)
        except DataError as error:
            errors.append(error)
            continue
        _check(graph, proto, model, windows, steps_first)
        return model
    raise errors[0] if errors else _other_steps(0, time_steps)


def _layouts(graph: Graph, time_steps: int | None) -> Iterator[tuple[int, int, int, bool]]:
    """(N or 0 where it is open, T, F, whether T stands before N), in the order of likelihood."""
    first, second, features = graph.input_shape
    where = f"{graph.where}: its input has shape {graph.input_shape}"
    if any(size is not None and size < 1 for size in graph.input_shape):
        raise DataError(f"{where}: expected sizes of at least 1")
    if features is None:
        raise DataError(f"{where}: expected a fixed number of features at the end")
    layouts = [(first, second, False), (second, first, True)]
    if (first is None) != (second is None):  # the open one is N
        layouts = layouts[:1] if first is None else layouts[1:]
    for windows, steps, steps_first in layouts:
        own = steps or time_steps
        if own is None:
            raise OptionError(f"from_onnx time_steps: {where}, which leaves the number of steps open: say how many")
        if len(layouts) == 1 and time_steps not in (None, own):
            raise _other_steps(own, time_steps)
        if (windows or 0) > _MOST_WINDOWS:
            raise DataError(f"{where} takes {windows:,} windows at once: at most {_MOST_WINDOWS} are understood")
        if own > _MOST_STEPS or own * (windows or 1) > _MOST_ALL_STEPS or own * features > _MOST_NUMBERS:
            raise DataError(
                f"{where} takes windows of {own:,} steps of {features:,} features, {windows or 'any number'} at once: "
                f"at most {_MOST_STEPS:,} steps are understood, and {_MOST_ALL_STEPS:,} in all windows"
            )
        if time_steps in (None, own):
            yield windows or 0, own, features, steps_first


def _check(graph: Graph, proto: Any, model: Sequential, windows: int, steps_first: bool) -> None:
    def in_our_order(compute: Any, x: Floats) -> Array:
        given = np.ascontiguousarray(np.swapaxes(x, 0, 1)) if steps_first else x
        y = np.asarray(compute(given))
        return np.swapaxes(y, 0, 1) if y.ndim == 3 and y.shape[:2] == (x.shape[1], x.shape[0]) else y

    check_same(model, lambda x: in_our_order(lambda given: evaluate(graph, given), x), graph.where, _REMEDY, windows)
    first = probe_windows(model.architecture.time_steps, model.architecture.features, windows)
    runtime = _runtime(proto, np.swapaxes(first, 0, 1) if steps_first else first)
    if runtime is not None:
        name = f"{graph.where}, computed by onnxruntime,"
        check_same(model, lambda x: in_our_order(runtime, x), name, _REMEDY, windows)


def _runtime(proto: Any, windows: Floats) -> Any:
    """What computes a window in onnxruntime, or None where that is not installed or does not take this file."""
    try:
        import onnxruntime  # better than nothing to compare with, but never needed
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        dtype = np.float64 if "double" in given.type else np.float32
        session.run(None, {given.name: windows.astype(dtype)})
    except Exception:  # it lacks an operator, say; its classes of errors have no common one
        return None
    return lambda x: session.run(None, {given.name: x.astype(dtype)})[0]
