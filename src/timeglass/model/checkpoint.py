"""`Checkpoint`: a fit's whole state in a file; stopped at any point, it ends with the bits of a fit never stopped.

The file is a .safetensors file, as models' are, under another header: the epochs done and the fit's fingerprint. A fit
takes a file up only if every line of the fingerprint is its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from timeglass.errors import DataError, OptionError
from timeglass.model.callbacks import Callback, CallbackStates
from timeglass.model.checks import whole
from timeglass.model.fingerprint import Fingerprint, differences
from timeglass.model.history import Columns
from timeglass.train.engine import TrainingState
from timeglass.types import Array, Floats

if TYPE_CHECKING:
    from pathlib import Path

    from timeglass.model.tensor_file import TensorFile

__all__ = ["Checkpoint", "Saved"]

_KIND = ("timeglass checkpoint", 2)  # version 1 was an .npz


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

    >>> Checkpoint("run.safetensors", every=10)
    Checkpoint('run.safetensors', every=10)
    """

    def __init__(self, path: str | Path, every: int = 1) -> None:
        if not isinstance(path, str | os.PathLike) or not str(path):
            raise OptionError(f"Checkpoint path: expected the name of a file, got {path!r}")
        from pathlib import Path  # a fifth of the package's start

        self.path = Path(path)
        self.every = whole("Checkpoint every", every, 1)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, every={self.every})"

    def save(self, fingerprint: Fingerprint, saved: Saved) -> None:
        """Writes the file, whole or not at all."""
        from timeglass.files import write_whole  # a slow start, and only for who keeps checkpoints
        from timeglass.model.tensor_file import pack

        header = {
            "epochs": saved.epochs,
            "state_epochs": saved.state.epochs,
            "history": list(saved.columns),
            "fingerprint": fingerprint,
        }
        content = pack(_KIND, header, _arrays_of(saved))
        write_whole(self.path, lambda part: part.write_bytes(content), len(content))

    def load(self, fingerprint: Fingerprint, start: Saved, epochs: int) -> Saved | None:
        """What the file holds, None where there is none yet; `start` shows the shapes that it must have."""
        from timeglass.files import open_regular
        from timeglass.model.tensor_file import unpack

        self._check_place()
        if not self.path.exists():
            return None
        with open_regular(self.path, "give Checkpoint the path of a file", ".safetensors") as (file, size):
            try:
                whole = unpack(_KIND, file, size)
                _check_header(whole.header)
                self._check_same_fit(whole.header, fingerprint, epochs)
                return _saved_of(whole, start)
            except DataError as error:
                raise DataError(f"{self.path}: {error}: remove it to start afresh, or give another path") from None

    def _check_same_fit(self, header: dict[str, Any], fingerprint: Fingerprint, epochs: int) -> None:
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

    def _check_place(self) -> None:
        """Refuses a path at which no file can be written."""
        from timeglass.files import check_folder

        if self.path.is_dir():
            raise OptionError(f"Checkpoint path {self.path}: is a folder: give the name of a file")
        if not self.path.parent.is_dir():
            raise OptionError(f"Checkpoint path {self.path}: there is no folder {self.path.parent}: make it first")
        check_folder("Checkpoint path", self.path.parent)


def _check_header(header: dict[str, Any]) -> None:
    wanted: dict[str, Callable[[Any], bool]] = {
        "epochs": lambda value: type(value) is int and value > 0,
        "state_epochs": lambda value: type(value) is int and value > 0,
        "history": lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
        "fingerprint": lambda value: isinstance(value, dict) and all(isinstance(line, str) for line in value.values()),
    }
    for name, holds in wanted.items():
        if not holds(header.get(name)):
            raise DataError(f"damaged: its header's {name} is {header.get(name)!r}")


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
    if array.dtype.kind not in "fiub" or array.itemsize > 8:
        raise OptionError(f"Checkpoint: cannot keep {name}: expected numbers, got {array.dtype}")
    return array


def _saved_of(whole: TensorFile, start: Saved) -> Saved:
    """The arrays in their places; a `DataError` says what does not fit."""
    from timeglass.model.sealing import check_names

    header, found = whole.header, {name: (entry.dtype, entry.shape) for name, entry in whole.entries.items()}
    history = {name: f"history.{name}" for name in header["history"]}
    like = {name: array for name, array in _arrays_of(start).items() if not name.startswith("history.")}
    check_names({*like, *history.values()}, found)
    like_history = {place: found[place] for place in history.values()}
    if "loss" not in history or any(not shape or shape[0] > header["epochs"] for _, shape in like_history.values()):
        raise DataError("damaged: history and epochs disagree")
    whole.check({name: _form(name, array, found) for name, array in like.items()} | like_history)
    arrays = whole.arrays()
    state = TrainingState(**{name: arrays[f"state.{name}"] for name in _STATE}, epochs=header["state_epochs"])
    for name in ("weights", "slots", "beta_powers", "rate_scale"):
        if not np.isfinite(getattr(state, name)).all():
            raise DataError(f"damaged: state.{name} has numbers that are not finite")
    columns: Columns = {}
    for name, place in history.items():
        columns[name] = arrays[place].tolist() if arrays[place].ndim == 1 else list(arrays[place])
    best_weights, best_loss, stopped = (arrays[name] for name in _BESIDE)
    callbacks = {key: {name: arrays[f"callback.{key}.{name}"] for name in own} for key, own in start.callbacks.items()}
    return Saved(state, best_weights, best_loss, stopped, columns, header["epochs"], callbacks)


def _form(name: str, like: Array, found: dict[str, Any]) -> Any:
    """The type and shape to expect: what a callback had nothing of when the fit began may have grown."""
    own = like.dtype, like.shape
    grows = name.startswith("callback.") and like.shape[:1] == (0,)
    there = found.get(name, own)
    return there if grows and (there[0], there[1][1:]) == (like.dtype, like.shape[1:]) else own
