"""Proves forecasts: an independent replay of the network's arithmetic beside what the engine put out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from timeglass.errors import EngineError, OptionError, ShapeError
from timeglass.explain.plain import plain_forecast
from timeglass.explain.replay import replay
from timeglass.kernel.library import load
from timeglass.model.sequential import Sequential
from timeglass.network.architecture import Architecture
from timeglass.show.html import Cell, table_html
from timeglass.show.numbers import exact
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.train.engine import OnProgress
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


# The engines' names, and the definition in float64.
WAYS = ("lanes", "numpy", "keras", "definition")


@dataclass(frozen=True)
class Table:
    """The same forecasts computed in several ways, and the largest difference of each from Python's own numbers."""

    forecasts: dict[str, Array]  # by way: (L, N, …)
    tolerance: float = TOLERANCE
    recorded: dict[str, float] = field(default_factory=dict)  # of each array that the kernel recorded: see `prove`
    missing: dict[str, str] = field(default_factory=dict)  # ways that were to be gone, and why they were not

    @property
    def count(self) -> int:
        """Numbers forecast."""
        return int(self.forecasts["plain"].size)

    @property
    def differences(self) -> dict[str, float]:
        """By way; of a forecast whose size is above one, as a share of it."""
        plain = self.forecasts["plain"]
        return {way: _difference(made, plain) for way, made in self.forecasts.items() if way != "plain"}

    @property
    def holds(self) -> bool:
        """Whether all are within the tolerance; a value that is not finite never is, nor what nothing stands beside."""
        found = [*self.differences.values(), *self.recorded.values()]
        return bool(found) and all(difference <= self.tolerance for difference in found)

    def lines(self) -> list[str]:
        """The table in words, with the verdict."""
        lines = [f"{self.count:,} numbers forecast, beside Python's own arithmetic; tolerance {self.tolerance:g}"]
        lines += [self._line(way, difference) for way, difference in self.differences.items()]
        if self.recorded:
            worst = max(self.recorded, key=lambda name: _size(self.recorded[name]))
            lines.append(
                f"{len(self.recorded)} arrays that the kernel recorded, beside the definition's; the furthest:"
            )
            lines.append(self._line(worst, self.recorded[worst]))
        lines += [f"  {way} was left out: {reason}" for way, reason in self.missing.items()]
        return [*lines, "the proof holds" if self.holds else "the proof FAILS"]

    def _line(self, name: str, difference: float) -> str:
        return f"  {name:<20} {difference:.2e}  {'holds' if difference <= self.tolerance else 'FAILS'}"

    def _repr_html_(self) -> str:
        limit, count = self.tolerance, self.count
        beside = {**self.differences, **{f"recorded by the kernel: {name}": gap for name, gap in self.recorded.items()}}
        rows = [
            [name, Cell(f"{gap:.2e}", tip=exact(gap)), "holds" if gap <= limit else "FAILS"]
            for name, gap in beside.items()
        ]
        numbers = f"{count:,} {'number' if count == 1 else 'numbers'}"
        below = [f"{numbers} forecast, beside Python's own arithmetic; tolerance {limit:g}"]
        below += [f"{way} was left out: {reason}" for way, reason in self.missing.items()]
        title = "The proof holds" if self.holds else "The proof FAILS"
        return table_html(["computed by", "largest difference", "verdict"], rows, title=title, below=below)


def _difference(made: Array, expected: Array) -> float:
    """The largest, as a share of what is above one."""
    gap = np.abs(np.asarray(made, dtype=np.float64) - expected) / np.maximum(1.0, np.abs(expected))
    return float(np.max(gap, initial=0.0))


def _size(difference: float) -> float:
    """What is not a number is the largest."""
    return difference if np.isfinite(difference) else np.inf


def prove(
    model: Sequential,
    x: Any,
    ways: Sequence[str] | None = None,
    *,
    tolerance: float = TOLERANCE,
    on_progress: OnProgress | None = None,
) -> Table:
    """Forecasts windows x (N, T, F) by all networks of a model in several ways, beside Python's own numbers.

    `ways` are of "lanes", "numpy", "keras" (engines), "definition" (NumPy in float64); None takes the compiled kernel,
    the definition and, where they are installed, Keras; what could not be asked is in the table's `missing`. Python's
    own numbers, with every sum rounded once, are what all are compared with.

    Where the kernel is among the ways, it also records every array of its way (`Sequential.trace`), and each is
    compared with the definition's.

    `on_progress` is called with the share of Python's own forecasts that are done, the slow part: some 2,000 a second.
    """
    chosen = ["lanes", "definition", "keras"] if ways is None else [ways] if isinstance(ways, str) else list(ways)
    if not chosen:
        raise OptionError(f"prove ways: expected some of {', '.join(WAYS)}, got none: nothing would be compared")
    if unknown := [way for way in chosen if way not in WAYS]:
        raise OptionError(f"prove ways: expected some of {', '.join(WAYS)}, got {', '.join(map(repr, unknown))}")
    architecture, weights = model.architecture, model.training_state.weights
    trace = [model.trace(x, network=network) for network in range(model.networks)]
    windows: list[Floats] = [one["x"].astype(np.float32) for one in trace]
    if len({len(own) for own in windows}) > 1:
        raise ShapeError("prove: the networks have different numbers of windows: prove them one after the other")
    made: dict[str, Array] = {}
    recorded: dict[str, float] = {}
    missing: dict[str, str] = {}
    for way in chosen:
        try:
            if way == "lanes":
                made[way], recorded = _kernels(architecture, weights, windows, trace)
            elif way == "definition":
                made[way] = np.stack([one.forecasts for one in trace])
            else:
                made[way] = _engines(way, architecture, weights, windows)
        except EngineError as error:
            if ways is not None:
                raise
            missing[way] = str(error)
    plain = _plain(architecture, weights, windows, on_progress)
    return Table({**made, "plain": plain}, tolerance, recorded, missing)


def _plain(architecture: Architecture, weights: Floats, windows: list[Floats], on_progress: OnProgress | None) -> Array:
    """(L, N, …), by Python's own numbers."""
    rows, most = [], len(weights) * len(windows[0])
    for row, own in zip(weights, windows, strict=True):
        for window in own.tolist():
            rows.append(plain_forecast(architecture, row.tolist(), window))
            if on_progress is not None and len(rows) % 64 == 0:
                on_progress(len(rows) / most)
    return np.array(rows).reshape(len(weights), -1, *architecture.output_shape)


def _engines(way: str, architecture: Architecture, weights: Floats, windows: list[Floats]) -> Array:
    """(L, N, …), each network by itself."""
    engine = engine_of(way)
    pairs = zip(weights, windows, strict=True)
    return np.concatenate([engine.predict(architecture, row[None], own) for row, own in pairs])


def _kernels(
    architecture: Architecture, weights: Floats, windows: list[Floats], definition: list[Trace]
) -> tuple[Array, dict[str, float]]:
    """The kernel's forecasts, and by name the largest difference of what it recorded from the definition's."""
    library = load()
    records = [record(architecture, row, own, library=library) for row, own in zip(weights, windows, strict=True)]
    forecasts = _engines("lanes", architecture, weights, windows)
    apart = {}
    for name in definition[0].names:
        gaps = [_difference(one[name], other[name]) for one, other in zip(records, definition, strict=True)]
        apart[name] = float(np.max(gaps))  # what is not a number stays that: max alone would pass over it
    # Recorded and forecast are two runs of one kernel.
    apart["recorded forecast"] = _difference(np.stack([one.forecasts for one in records]), forecasts)
    return forecasts, apart
