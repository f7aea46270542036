"""Proves forecasts: an independent replay of the network's arithmetic beside what the engine put out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from timeglass.errors import ShapeError
from timeglass.explain.replay import replay
from timeglass.network.architecture import Architecture
from timeglass.types import Array

__all__ = ["TOLERANCE", "Proof", "prove", "replay"]

# What float32 may differ from float64 in a network of this kind, for outputs of order one.
TOLERANCE = 2e-6


@dataclass(frozen=True)
class Proof:
    """What the network put out beside what our computation gives, for every forecast given."""

    network: Array  # (L, N, …): the engine's
    computation: Array  # (L, N, …): the replay's, float64
    tolerance: float = TOLERANCE

    @property
    def max_abs_difference(self) -> float:
        """The largest difference of all forecasts."""
        return float(np.max(np.abs(self.network - self.computation)))

    @property
    def holds(self) -> bool:
        """Whether it is within the tolerance; a value that is not finite never is."""
        return bool(self.max_abs_difference <= self.tolerance)


def prove(architecture: Architecture, weights: Array, windows: Array, forecasts: Array) -> Proof:
    """Replays all forecasts (L, N, …) of windows (N, T, F) by networks with weights (L, P)."""
    if forecasts.shape[:2] != (len(weights), len(windows)):
        raise ShapeError(f"prove: forecasts {forecasts.shape} of {len(weights)} networks and {len(windows)} windows")
    computed = np.stack([replay(architecture, row, windows) for row in weights])
    return Proof(np.asarray(forecasts, dtype=np.float64), computed)
