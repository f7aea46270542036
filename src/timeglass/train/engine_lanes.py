"""The compiled engine: groups of sixteen or eight networks, one in each lane of the kernel's vector registers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from timeglass.kernel import calls
from timeglass.kernel.library import Library, load
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.train.engine import FitTask, OnProgress, TrainingState
from timeglass.train.team import run_in_threads, thread_count
from timeglass.types import Array, Floats

__all__ = ["LanesEngine", "network_code"]

# A slice of training between two looks at the keyboard and the progress bar, and one of prediction: multiply-adds of
# one lane that take some ten milliseconds.
_SLICE_SECONDS = 0.04
_WORK_OF_A_SLICE = 3_000_000

# Multiply-adds of one lane that take half a millisecond; to wake a thread takes a tenth of that.
_WORK_WORTH_A_THREAD = 150_000

# What eight networks take of the time of sixteen, measured.
_NARROW_TIME = 0.6


def _layer_code(layer: PlacedLayer) -> calls.LayerCode:
    return calls.LayerCode(
        calls.KINDS.index(layer.layer.kind),
        layer.layer.units,
        calls.ACTIVATIONS.index(layer.activation),
        layer.layer.use_bias,
        layer.recurrent and layer.gives_sequence,
    )


def network_code(architecture: Architecture) -> calls.NetworkCode:
    """The network in the kernel's words."""
    return calls.NetworkCode(
        architecture.time_steps,
        architecture.features,
        int(np.prod(architecture.output_shape)),
        tuple(_layer_code(layer) for layer in architecture.layers),
    )


def _settings(task: FitTask, first_epoch: int, slice_batches: int) -> calls.FitSettings:
    adam = task.adam
    return calls.FitSettings(
        adam.learning_rate, adam.beta_1, adam.beta_2, adam.epsilon,
        task.seed, first_epoch, task.epochs, task.batch_size, task.shuffle, slice_batches, _SLICE_SECONDS,
    )  # fmt: skip


def _useful_threads(task: FitTask, networks: int) -> int:
    """One for a fit of less than a millisecond, which would be over before another thread has got under way."""
    work = task.architecture.work * len(task.x) * task.epochs * -(-networks // calls.LANES)
    return thread_count() if work > _WORK_WORTH_A_THREAD else 1


def _group_size(networks: int, threads: int) -> int:
    """Networks in a group: sixteen, or eight where the threads end sooner with those."""

    def rounds(size: int) -> int:
        return -(-networks // size // threads)

    return calls.NARROW if rounds(calls.NARROW) * _NARROW_TIME < rounds(calls.LANES) else calls.LANES


class _GroupFit:
    """One group on its way: called, it trains a slice and says whether there is more to do."""

    def __init__(self, engine: LanesEngine, task: FitTask, state: TrainingState, rows: slice) -> None:
        self._library, self._task = engine.library, task
        self._network = network_code(task.architecture)
        self._settings = _settings(task, state.epochs, engine.slice_batches)
        self._targets = task.y.reshape(len(task.y), -1)
        self.group = calls.Group(rows.start, state.weights[rows], state.m[rows], state.v[rows], state.beta_powers)
        self.group.prepare(task.epochs, len(task.x))
        self.epochs_done = 0.0  # of each of its networks

    def __call__(self) -> bool:
        more = calls.train(self._library, self._network, self._task.x, self._targets, self._settings, self.group)
        self.epochs_done = self.group.progress.epoch + self.group.progress.batch / self._task.batches
        return more


@dataclass(frozen=True)
class LanesEngine:
    """Groups of networks spread over threads: None takes one for a short fit, else `thread_count()`.

    `slice_batches` bounds a slice of training besides its 40 ms; 0 leaves it unbounded. Neither changes a result.
    """

    library: Library = field(default_factory=load)
    threads: int | None = None
    slice_batches: int = 0
    name = "lanes"

    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        networks = len(state.weights)
        threads = self.threads or _useful_threads(task, networks)
        size = _group_size(networks, threads)
        starts = range(0, networks, size)
        fits = [_GroupFit(self, task, state, slice(first, min(first + size, networks))) for first in starts]

        def look() -> None:
            done = sum(fit.epochs_done * len(fit.group.weights) for fit in fits)
            on_progress(done / (networks * task.epochs))

        run_in_threads(fits, threads, look)
        state.count(task, fits[0].group.beta_powers)
        return np.concatenate([fit.group.losses for fit in fits])

    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        network = network_code(architecture)
        out = np.empty((len(weights), len(x), network.outputs), dtype=np.float32)
        at_once = max(1, _WORK_OF_A_SLICE // architecture.work)
        for first in range(0, len(weights), calls.LANES):
            rows = slice(first, first + calls.LANES)
            for begin in range(0, len(x), at_once):
                windows = slice(begin, begin + at_once)
                out[rows, windows] = calls.predict(self.library, network, weights[rows], x[windows])
        return out.reshape(len(weights), len(x), *architecture.output_shape)
