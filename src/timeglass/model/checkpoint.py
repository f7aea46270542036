"""`Checkpoint`: a fit's whole state in a file; stopped at any point, it ends with the bits of a fit never stopped.

The file is an .npz of plain numeric arrays (no pickle), one of them the header: JSON with the format's version, the
epochs done, and the fit's fingerprint. A fit takes a file up only if every line of the fingerprint is its own.
"""

from __future__ import annotations

import os
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

__all__ = ["Checkpoint", "Saved"]

_VERSION = 1


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
        if not isinstance(path, str | os.PathLike) or not str(path):
            raise OptionError(f"Checkpoint path: expected the name of a file, got {path!r}")
        from pathlib import Path  # a fifth of the package's start

        self.path = Path(path)
        self.every = whole("Checkpoint every", every, 1)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, every={self.every})"

    def save(self, fingerprint: Fingerprint, saved: Saved) -> None:
        """Writes the file, whole or not at all."""
        from timeglass.model.archive import write_archive  # a slow start, and only for who keeps checkpoints

        header = {"version": _VERSION, "epochs": saved.epochs, "fingerprint": fingerprint}
        write_archive(self.path, header | {"state_epochs": saved.state.epochs}, _arrays_of(saved))

    def load(self, fingerprint: Fingerprint, start: Saved, epochs: int) -> Saved | None:
        """What the file holds, None where there is none yet; `start` shows the shapes that it must have."""
        from timeglass.model.archive import check_place, read_archive

        check_place(self.path)
        if not self.path.exists():
            return None
        try:
            header, arrays = read_archive(self.path)
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
            _check_like(f"{key} {name}", _first_part(callbacks[key][name], values), np.asarray(values))
    return Saved(
        state, arrays["best_weights"], arrays["best_loss"], arrays["stopped"], columns, int(header["epochs"]), callbacks
    )


def _first_part(array: Array, like: Array) -> Array:
    """Of an array that was empty when the fit began, and may have grown, as much as there was then: nothing."""
    return array[:0] if np.shape(like)[:1] == (0,) and array.ndim else array


def _check_like(name: str, array: Array, like: Array) -> None:
    if array.dtype != like.dtype or array.shape != like.shape:
        raise ValueError(f"{name} is {array.dtype} {array.shape}, expected {like.dtype} {like.shape}")
