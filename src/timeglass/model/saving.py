"""Models in files: `Sequential.save` and `load_model`. Data only: opening a file runs nothing that is in it.

The ending says which of two forms: .safetensors, or .json for a person to read. docs/model-files.md gives both field
by field. What is read has been checked before it is used: format and version, the closed list of classes, the sizes
that the layers ask for beside those of the file, a SHA-256 of the header and of each array, and that all is finite.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from timeglass.errors import DataError, InputError, OptionError
from timeglass.model.sequential import Sequential
from timeglass.prepare.scale import MinMaxScaler
from timeglass.train.engine import TrainingState
from timeglass.train.optimizers import Optimizer
from timeglass.types import Array

if TYPE_CHECKING:
    from pathlib import Path

    from timeglass.model.description import Description

__all__ = ["check_place", "load_model", "model_bytes", "model_from_bytes", "save_model"]

# What only files need is imported where one is read or written, so that the package starts without it.

_KIND = ("timeglass model", 1)
_ENDINGS = (".safetensors", ".json")
_ELSEWHERE = {
    ".keras": "to_keras and from_keras write and read .keras files",
    ".h5": "Timeglass neither writes nor reads HDF5; .keras files are written by to_keras and read by from_keras",
    ".npz": "Timeglass keeps no model in .npz",
    ".onnx": "to_onnx and from_onnx write and read .onnx files",
    ".pt": "load it with torch.load(path, weights_only=True) and give that to from_torch",
    ".pkl": "Timeglass neither writes nor opens a pickle, which may run anything when it is opened",
}
_ELSEWHERE |= {".hdf5": _ELSEWHERE[".h5"], ".pickle": _ELSEWHERE[".pkl"], ".joblib": _ELSEWHERE[".pkl"]}
_ELSEWHERE[".pth"] = _ELSEWHERE[".pt"]


def save_model(model: Sequential, path: str | os.PathLike[str], scaler: MinMaxScaler | None = None) -> None:
    """Writes everything about a model, whole or not at all: `Sequential.save`."""
    from timeglass.files import write_whole

    target, ending = _place("save path", path)
    if not isinstance(scaler, MinMaxScaler | None):
        raise OptionError(f"save scaler: expected a MinMaxScaler, got {scaler!r}")
    before, model.scaler = model.scaler, model.scaler if scaler is None else scaler
    try:
        content = model_bytes(model, ending)
        write_whole(target, lambda part: part.write_bytes(content), len(content))
    except BaseException as error:
        model.scaler = before  # what was not saved has changed nothing
        if isinstance(error, InputError) and not str(error).startswith(str(target)):
            raise type(error)(f"save {target}: {error}") from None
        raise


def load_model(path: str | os.PathLike[str], *, engine: str | None = None) -> Sequential:
    """The model that `Sequential.save` wrote: a further fit goes on as if it had never left the memory.

    `engine` is "lanes", "numpy" or "keras"; None takes the fastest on this machine. A `DataError` says why a file
    cannot be used: it is none of ours, damaged (and where), or made by another version.

    >>> import tempfile
    >>> from timeglass.network.layers import Dense, SimpleRNN
    >>> model = Sequential([SimpleRNN(3, input_shape=(12, 1)), Dense(1)], seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(f"{folder}/model.safetensors")
    ...     again = load_model(f"{folder}/model.safetensors")
    >>> again.layers == model.layers, bool((again.predict([[0.5] * 12]) == model.predict([[0.5] * 12])).all())
    (True, True)
    """
    from timeglass.files import open_regular

    place, ending = _place("load_model path", path)
    with open_regular(place, "give a model file", ending) as (file, size):
        try:
            return _read(file, size, ending, engine)
        except DataError as error:
            raise DataError(f"{place}: {error}") from None


def model_from_bytes(content: bytes, ending: str, *, engine: str | None = None) -> Sequential:
    """The model in the bytes of such a file; `ending` says in which form."""
    return _read(io.BytesIO(content), len(content), ending, engine)


def model_bytes(model: Sequential, ending: str) -> bytes:
    """What a file of that ending holds."""
    from timeglass.model.json_file import pack_json
    from timeglass.model.tensor_file import pack

    description = _description_of(model)
    return (pack if ending == ".safetensors" else pack_json)(
        _KIND, description.header(), _arrays_of(model, description)
    )


def check_place(option: str, path: str | os.PathLike[str]) -> None:
    """Refuses, before any work, a path at which `save_model` could write no model; the message begins with `option`."""
    from timeglass.files import check_folder

    target, _ = _place(option, path)
    if target.is_dir():
        raise OptionError(f"{option} {target}: is a folder: give the name of a file")
    if not target.parent.is_dir():
        raise OptionError(f"{option} {target}: there is no folder {target.parent}: make it first")
    check_folder(option, target.parent)


def _place(option: str, path: Any) -> tuple[Path, str]:
    """The path and its ending."""
    from pathlib import Path

    if not isinstance(path, str | os.PathLike) or not str(path):
        raise OptionError(f"{option}: expected the name of a file, got {path!r}")
    place = Path(path)
    ending = place.suffix.lower()
    if ending not in _ENDINGS:
        more = f"; {_ELSEWHERE[ending]}" if ending in _ELSEWHERE else ""
        raise OptionError(f"{option} {place}: expected a name that ends in .safetensors or .json{more}")
    return place, ending


# From a model

_COUNTERS = ("steps", "beta_powers", "numbers", "rate_scale")
_ANY = (-np.inf, np.inf)
_LIMITS = {
    "steps": (0, 2**53), "beta_powers": (0, 1), "numbers": (0, 2**32 - 1), "rate_scale": (0, np.inf),
    "velocity": (0, np.inf),  # a running mean of squares
}  # fmt: skip


def _description_of(model: Sequential) -> Description:
    from timeglass.model.description import Description

    state, compiled = model.training_state, model._compiled
    optimizer = compiled.optimizer if compiled else None
    filled = isinstance(optimizer, Optimizer) and len(state.slots) == optimizer.slots
    return Description(
        model.name, model.networks, model.seed, model.architecture, tuple(model.layers), compiled, state.epochs,
        optimizer.slot_names if isinstance(optimizer, Optimizer) and filled else (), model.scaler,
    )  # fmt: skip


def _arrays_of(model: Sequential, description: Description) -> dict[str, Array]:
    """In the order of `tensor_shapes`; an `InputError` where one is not finite."""
    from timeglass.model.description import tensor_shapes

    state, slots = model.training_state, description.slots
    arrays: dict[str, Array] = _named(description, state.weights, "")
    for slot, values in zip(slots, state.slots, strict=False):
        arrays |= _named(description, values, slot)
    arrays |= {name: getattr(state, name) for name in _COUNTERS}
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"{name} has numbers that are not finite: train the network anew")
    return {name: arrays[name] for name in tensor_shapes(description.architecture, description.networks, slots)}


def _named(description: Description, table: Array, slot: str) -> dict[str, Array]:
    """Views of a table (L, P), by the name that files give each array."""
    nodes = zip(description.architecture.layers, description.architecture.split(table), strict=True)
    end = f".{slot}" if slot else ""
    return {f"{node.name}.{name}{end}": array for node, arrays in nodes for name, array in arrays.items()}


# To a model


def _read(file: BinaryIO, size: int, ending: str, engine: str | None) -> Sequential:
    from timeglass.model.description import Description
    from timeglass.model.json_file import unpack_json
    from timeglass.model.tensor_file import unpack

    read = unpack if ending == ".safetensors" else unpack_json
    contents = read(_KIND, file, size)
    description = Description.of(contents.header, contents.check)
    state = _state_of(description, contents.arrays())
    model = Sequential(name=description.name, networks=description.networks, seed=description.seed, engine=engine)
    model.restore(list(description.layers), description.architecture, description.compiled, state)
    model.scaler = description.scaler
    if engine is not None:
        _ = model.engine  # one that is missing is told of here
    return model


def _state_of(description: Description, arrays: dict[str, Array]) -> TrainingState:
    """The tables that training changes; a `DataError` where a number cannot stand there."""
    for name, array in arrays.items():
        least, most = _LIMITS.get(name.rpartition(".")[2], _ANY)
        if not np.isfinite(array).all():
            raise DataError(f"tensor {name} has numbers that are not finite")
        if array.size and not (least <= array.min() and array.max() <= most):
            raise DataError(f"tensor {name} has numbers outside {least:g} to {most:g}")
    shape = description.networks, description.architecture.weight_count
    weights, slots = np.empty(shape, np.float32), np.empty((len(description.slots), *shape), np.float32)
    for table, slot in [(weights, ""), *zip(slots, description.slots, strict=True)]:
        for name, view in _named(description, table, slot).items():
            view[...] = arrays[name]
    counters = {name: arrays[name] for name in _COUNTERS}
    return TrainingState(weights, slots, epochs=description.epochs, **counters)
