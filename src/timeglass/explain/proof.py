"""Proves forecasts: an independent replay of the network's arithmetic beside what the engine put out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from timeglass.errors import OptionError, ShapeError
from timeglass.explain.plain import plain_forecast
from timeglass.explain.replay import replay
from timeglass.model.sequential import Sequential
from timeglass.network.architecture import Architecture
from timeglass.show.html import Cell, table_html
from timeglass.show.numbers import exact
from timeglass.train.engines import engine_of
from timeglass.types import Array, Floats

__all__ = ["TOLERANCE", "WAYS", "Proof", "Table", "prove", "prove_forecasts", "replay"]

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


def prove_forecasts(architecture: Architecture, weights: Array, windows: Array, forecasts: Array) -> Proof:
    """Replays all forecasts (L, N, …) of windows (N, T, F) by networks with weights (L, P)."""
    if forecasts.shape[:2] != (len(weights), len(windows)):
        raise ShapeError(
            f"prove_forecasts: forecasts {forecasts.shape} of {len(weights)} networks and {len(windows)} windows"
        )
    computed = np.stack([replay(architecture, row, windows) for row in weights])
    return Proof(np.asarray(forecasts, dtype=np.float64), computed)


# The engines' names, the definition in float64, and Python's own numbers.
WAYS = ("lanes", "numpy", "keras", "definition", "plain")


@dataclass(frozen=True)
class Table:
    """The same forecasts computed in several ways, and the largest difference of each from Python's own numbers."""

    forecasts: dict[str, Array]  # by way: (L, N, …)
    tolerance: float = TOLERANCE

    @property
    def differences(self) -> dict[str, float]:
        """By way; of a forecast whose size is above one, as a share of it."""
        plain = self.forecasts["plain"]
        size = np.maximum(1.0, np.abs(plain))
        return {
            way: float(np.max(np.abs(made - plain) / size)) for way, made in self.forecasts.items() if way != "plain"
        }

    @property
    def holds(self) -> bool:
        """Whether all are within the tolerance; a value that is not finite never is."""
        return all(difference <= self.tolerance for difference in self.differences.values())

    def lines(self) -> list[str]:
        """The table in words, with the verdict."""
        count = self.forecasts["plain"].size
        lines = [f"{count:,} numbers forecast, beside Python's own arithmetic; tolerance {self.tolerance:g}"]
        for way, difference in self.differences.items():
            lines.append(f"  {way:<12}{difference:.2e}  {'holds' if difference <= self.tolerance else 'FAILS'}")
        return [*lines, "the proof holds" if self.holds else "the proof FAILS"]

    def _repr_html_(self) -> str:
        limit, count = self.tolerance, self.forecasts["plain"].size
        rows = [
            [way, Cell(f"{difference:.2e}", tip=exact(difference)), "holds" if difference <= limit else "FAILS"]
            for way, difference in self.differences.items()
        ]
        numbers = f"{count:,} {'number' if count == 1 else 'numbers'}"
        below = [f"{numbers} forecast, beside Python's own arithmetic; tolerance {limit:g}"]
        title = "The proof holds" if self.holds else "The proof FAILS"
        return table_html(["computed by", "largest difference", "verdict"], rows, title=title, below=below)


def prove(model: Sequential, x: Any, ways: Sequence[str] | None = None, *, tolerance: float = TOLERANCE) -> Table:
    """Forecasts windows x (N, T, F) by all networks of a model, by its own engine and in other ways.

    `ways` are of "lanes", "numpy", "keras" (engines), "definition" (NumPy in float64); None takes the model's engine
    and the definition. Python's own numbers, with every sum rounded once, are what all are compared with.
    """
    chosen = [model.engine, "definition"] if ways is None else list(ways)
    if unknown := [way for way in chosen if way not in WAYS]:
        raise OptionError(f"prove ways: expected some of {', '.join(WAYS)}, got {', '.join(map(repr, unknown))}")
    architecture, weights = model.architecture, model.weights
    trace = [model.trace(x, network=network) for network in range(model.networks)]
    windows: list[Floats] = [one["x"].astype(np.float32) for one in trace]
    if len({len(own) for own in windows}) > 1:
        raise ShapeError("prove: the networks have different numbers of windows: prove them one after the other")
    made: dict[str, Array] = {}
    for way in chosen:
        if way == "definition":
            made[way] = np.stack([one.forecasts for one in trace])
        elif way != "plain":
            engine = engine_of(way)
            made[way] = np.concatenate(
                [engine.predict(architecture, row[None], own) for row, own in zip(weights, windows, strict=True)]
            )
    rows = [
        [plain_forecast(architecture, row.tolist(), window) for window in own.tolist()]
        for row, own in zip(weights, windows, strict=True)
    ]
    plain = np.array(rows).reshape(model.networks, -1, *architecture.output_shape)
    return Table({**made, "plain": plain}, tolerance)
