"""The compiled engine: groups of sixteen networks, one in each lane of the kernel's vector registers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from timeglass.kernel import calls
from timeglass.kernel.library import Library, load
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.train.engine import FitTask, OnProgress, TrainingState
from timeglass.types import Array, Floats

__all__ = ["LanesEngine", "network_code"]

# A slice of training between two looks at the keyboard and the progress bar.
_SLICE_SECONDS = 0.04


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


@dataclass(frozen=True)
class LanesEngine:
    """`slice_batches` bounds a slice of training besides its 40 ms; 0 leaves it unbounded. It changes no result."""

    library: Library = field(default_factory=load)
    slice_batches: int = 0
    name = "lanes"

    def fit(self, task: FitTask, state: TrainingState, on_progress: OnProgress) -> Array:
        networks, count = len(state.weights), len(task.x)
        losses = np.zeros((networks, task.epochs))
        network = network_code(task.architecture)
        targets = task.y.reshape(count, -1)
        settings = _settings(task, state.epochs, self.slice_batches)
        powers = state.beta_powers
        for first in range(0, networks, calls.LANES):
            rows = slice(first, first + calls.LANES)
            group = calls.Group(first, state.weights[rows], state.m[rows], state.v[rows], state.beta_powers)
            group.prepare(task.epochs, count)
            more = True
            while more:
                more = calls.train(self.library, network, task.x, targets, settings, group)
                done = group.progress.epoch + group.progress.batch / task.batches
                on_progress((first + len(group.weights) * done / task.epochs) / networks)
            losses[rows] = group.losses
            powers = group.beta_powers
        state.count(task, powers)
        return losses

    def predict(self, architecture: Architecture, weights: Floats, x: Floats) -> Floats:
        out = calls.predict(self.library, network_code(architecture), weights, x)
        return out.reshape(len(weights), len(x), *architecture.output_shape)
