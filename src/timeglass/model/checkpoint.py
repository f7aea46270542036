"""`Checkpoint`: a fit's whole state in a file; stopped at any point, it ends with the bits of a fit never stopped.

The file is an .npz of plain numeric arrays (no pickle), one of them the header: JSON with the format's version, the
epochs done, and the fit's fingerprint. A fit takes a file up only if every line of the fingerprint is its own.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from timeglass.errors import DataError, OptionError
from timeglass.files import check_folder, write_whole
from timeglass.model.callbacks import Callback, CallbackStates
from timeglass.model.checks import whole
from timeglass.model.fingerprint import Fingerprint, differences
from timeglass.model.history import Columns
from timeglass.train.engine import TrainingState
from timeglass.types import Array, Floats

__all__ = ["Checkpoint", "Saved"]

_FORMAT, _VERSION = "timeglass checkpoint", 1
_HEADER_BYTES = 10**6  # at most


@dataclass
class Saved:
    """What a file holds: where a fit stands after `epochs` epochs."""

    state: TrainingState
    best_weights: Floats  # (L, P): of the lowest validation loss
    best_loss: Array  # (L,): that loss, infinite without validation
    stopped: Array  # (L,): networks that are not trained any more
    columns: Columns  # the history
    epochs: int
    callbacks: CallbackStates


class Checkpoint(Callback):
    """Keeps a fit's whole state in a file; the same fit with the same path goes on where the file ends.

    It writes after every `every` epochs and at the end, so that a reader finds the old file or the new one, whatever
    happens. A fit killed at any moment and started again gives the same bits as one never stopped: weights, optimiser,
    random numbers, history, early stopping and best weights are all kept. The file of a finished fit gives its result
    at once; with more `epochs` the fit goes on. A file of another network, seed, data or settings is refused.

    >>> Checkpoint("run.npz", every=10)
    Checkpoint('run.npz', every=10)
    """

    def __init__(self, path: str | Path, every: int = 1) -> None:
        if not isinstance(path, str | Path) or not str(path):
            raise OptionError(f"Checkpoint path: expected the name of a file, got {path!r}")
        self.path = Path(path)
        self.every = whole("Checkpoint every", every, 1)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, every={self.every})"

    def save(self, fingerprint: Fingerprint, saved: Saved) -> None:
        """Writes the file, whole or not at all."""
        header = {"format": _FORMAT, "version": _VERSION, "epochs": saved.epochs, "fingerprint": fingerprint}
        header |= {"state_epochs": saved.state.epochs}
        arrays = {"header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **_arrays_of(saved)}

        def write(part: Path) -> None:
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)

        write_whole(self.path, write)

    def load(self, fingerprint: Fingerprint, start: Saved, epochs: int) -> Saved | None:
        """What the file holds, None where there is none yet; `start` shows the shapes that it must have."""
        self._check_folder()
        if not self.path.exists():
            return None
        try:
            header, arrays = _read(self.path)
        except Exception as error:  # a file from anywhere: zip, header and JSON readers each have errors of their own
            raise DataError(
                f"{self.path}: not a whole checkpoint ({error or type(error).__name__}): "
                "remove it to start afresh, or give Checkpoint another path"
            ) from None
        if header["version"] != _VERSION:
            raise DataError(
                f"{self.path}: written in version {header['version']} of the checkpoint's format, this is {_VERSION}: "
                "go on with the Timeglass that wrote it, or remove it to start afresh"
            )
        if found := differences(header["fingerprint"], fingerprint):
            raise OptionError(
                f"{self.path}: the checkpoint of another fit: {'; '.join(found)}. Fit as the file says to go on, or "
                "remove it or give Checkpoint another path to start afresh"
            )
        if header["epochs"] > epochs:
            raise OptionError(
                f"epochs: {self.path} has {header['epochs']} of them already, this fit asks for {epochs}: "
                "ask for at least as many, or give Checkpoint another path"
            )
        try:
            return _saved_of(header, arrays, start)
        except (ValueError, KeyError) as error:
            raise DataError(f"{self.path}: damaged ({error}): remove it to start afresh") from None

    def _check_folder(self) -> None:
        if self.path.is_dir():
            raise OptionError(f"Checkpoint path {self.path}: is a folder: give the name of a file")
        if not self.path.parent.is_dir():
            raise OptionError(f"Checkpoint path {self.path}: there is no folder {self.path.parent}: make it first")
        check_folder("Checkpoint path", self.path.parent)


# To arrays and back

_STATE = tuple(field.name for field in fields(TrainingState) if field.name != "epochs")
_BESIDE = ("best_weights", "best_loss", "stopped")


def _arrays_of(saved: Saved) -> dict[str, Array]:
    arrays = {f"state.{name}": getattr(saved.state, name) for name in _STATE}
    arrays |= {name: getattr(saved, name) for name in _BESIDE}
    arrays |= {f"history.{name}": _numbers(f"history {name}", column) for name, column in saved.columns.items()}
    for key, state in saved.callbacks.items():
        arrays |= {f"callback.{key}.{name}": _numbers(f"{key} {name}", values) for name, values in state.items()}
    return arrays


def _numbers(name: str, values: Any) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise OptionError(f"Checkpoint: cannot keep {name}: expected numbers, got {array.dtype}")
    return array


def _saved_of(header: dict[str, Any], arrays: dict[str, Array], start: Saved) -> Saved:
    """The arrays in their places; a `ValueError` or `KeyError` says what does not fit."""
    like = _arrays_of(start)
    for name, array in arrays.items():
        if name in like and not name.startswith(("history.", "callback.")):
            _check_like(name, array, like[name])
    state = TrainingState(**{name: arrays[f"state.{name}"] for name in _STATE}, epochs=int(header["state_epochs"]))
    for name in ("weights", "slots", "beta_powers", "rate_scale"):
        if not np.isfinite(getattr(state, name)).all():
            raise ValueError(f"state.{name} has numbers that are not finite")
    columns: Columns = {}
    for name, array in arrays.items():
        if name.startswith("history."):
            columns[name.removeprefix("history.")] = array.tolist() if array.ndim == 1 else list(array)
    if any(len(column) > header["epochs"] for column in columns.values()) or "loss" not in columns:
        raise ValueError("history and epochs disagree")
    callbacks: CallbackStates = {}
    for key, own in start.callbacks.items():
        callbacks[key] = {name: arrays[f"callback.{key}.{name}"] for name in own}
        for name, values in own.items():
            _check_like(f"{key} {name}", callbacks[key][name], np.asarray(values))
    return Saved(
        state, arrays["best_weights"], arrays["best_loss"], arrays["stopped"], columns, int(header["epochs"]), callbacks
    )


def _check_like(name: str, array: Array, like: Array) -> None:
    if array.dtype != like.dtype or array.shape != like.shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {like.dtype} {like.shape}")


# The file


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays. Nothing in the file is run, and no array is made that is larger than the file."""
    with zipfile.ZipFile(path) as file:
        arrays = {info.filename.removesuffix(".npy"): _member(file, info) for info in file.infolist()}
    header = json.loads(arrays.pop("header")[:_HEADER_BYTES].tobytes())
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise ValueError("its header is of no checkpoint")
    wanted: dict[str, Callable[[Any], bool]] = {
        "version": lambda value: isinstance(value, int),
        "epochs": lambda value: isinstance(value, int) and value > 0,
        "state_epochs": lambda value: isinstance(value, int) and value > 0,
        "fingerprint": lambda value: isinstance(value, dict),
    }
    for name, holds in wanted.items():
        if not holds(header.get(name)):
            raise ValueError(f"its header's {name} is {header.get(name)!r}")
    return header, arrays


def _member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """One array. Reading it all first has the zip file compare its checksum before anything is made of it."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")
    whole_member = io.BytesIO(file.read(info))
    version = np.lib.format.read_magic(whole_member)
    if version != (1, 0):
        raise ValueError(f"{info.filename} is an array of version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(whole_member)
    numbers = bytearray(whole_member.read())
    if dtype.kind not in "fiub" or fortran or math.prod(shape) * dtype.itemsize != len(numbers):
        raise ValueError(f"{info.filename} holds {len(numbers)} bytes, but its header says {dtype} {shape}")
    return np.frombuffer(numbers, dtype=dtype).reshape(shape)
