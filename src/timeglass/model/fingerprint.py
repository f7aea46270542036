"""What makes one fit differ from another, line by line: a resumed fit must agree with its file in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from timeglass.model.callbacks import Callbacks
from timeglass.model.data import Data
from timeglass.train.engine import Engine, FitTask
from timeglass.types import Array

if TYPE_CHECKING:
    from timeglass.model.sequential import Sequential

__all__ = ["Fingerprint", "Interrupted", "differences", "digest", "fingerprint_of"]

Fingerprint = dict[str, str]

_MOST_SHOWN = 3


@dataclass(frozen=True)
class Interrupted:
    """A fit that ended early: who fits the same model again, weights untouched, goes on with it."""

    left: str  # digest of the weights that it left
    start: str  # and of those that it began with
    epochs: int  # trained before it


def _start_of(model: Sequential) -> tuple[str, int]:
    """The digest of the weights with which the fit began, and the epochs trained before."""
    here, ended = digest(model.training_state.weights), model.interrupted
    if ended is not None and ended.left == here:
        return ended.start, ended.epochs
    return here, model.training_state.epochs


def fingerprint_of(
    model: Sequential, engine: Engine, task: FitTask, validation: Data | None, callbacks: Callbacks
) -> Fingerprint:
    """By name, as text: the network, the settings and digests of the data."""
    lines = {"input shape": f"{(task.architecture.time_steps, task.architecture.features)}"}
    lines |= {f"layer {i}": repr(layer) for i, layer in enumerate(model.layers)}
    start, epochs = _start_of(model)
    lines |= {
        "networks": str(model.networks),
        "epochs before": str(epochs),
        "weights at the start": start,
        "seed": str(model.seed),
        "engine": engine.name,
        "lanes": str(task.lanes),
        "optimizer": repr(task.optimizer),
        "loss": repr(task.loss),
        "l2": "0.0" if task.l2 is None else str(task.l2.tolist()),
        "batch_size": str(task.batch_size),
        "shuffle": str(task.shuffle),
    }
    lines |= {f"callback {key}": repr(callback) for key, callback in callbacks.with_state().items()}
    training = Data(task.x, task.y, task.counts, task.sample_weight)
    for words, data in (("", training), ("validation ", validation)):
        arrays = {"x": None, "y": None, "counts": None, "sample_weight": None} if data is None else vars(data)
        lines |= {words + name: digest(array) for name, array in arrays.items()}
    return lines


def digest(array: Array | None) -> str:
    """The shape, and what no other numbers have."""
    if array is None:
        return "none"
    import hashlib  # a slow start, and only for who keeps checkpoints

    numbers = np.ascontiguousarray(array)
    return f"{numbers.shape}, SHA-256 {hashlib.sha256(numbers.data).hexdigest()[:16]}"


def differences(theirs: Fingerprint, ours: Fingerprint) -> list[str]:
    """What differs, in words; the first few."""
    names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    found = [
        f"{name} differs: the file has {theirs.get(name, 'none')}, this fit {ours.get(name, 'none')}"
        for name in names[:_MOST_SHOWN]
    ]
    return found + [f"and {len(names) - _MOST_SHOWN} more"] * (len(names) > _MOST_SHOWN)
