"""The proof of every forecast that a model makes of a series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from timeglass.errors import InputError
from timeglass.explain.proof import TOLERANCE, Table, prove
from timeglass.model.sequential import Sequential
from timeglass.prepare.windows import cut_windows
from timeglass.series.series import Series
from timeglass.train.engine import OnProgress

__all__ = ["prove_series"]

# Windows at a time: a trace keeps every array of each.
_MOST_NUMBERS = 2**24


def prove_series(
    model: Sequential,
    series: Series,
    ways: Sequence[str] | None = None,
    *,
    tolerance: float = TOLERANCE,
    on_progress: OnProgress | None = None,
) -> Table:
    """All windows of a series, scaled by the model's scaler, through all its networks: `prove`, part by part.

    The last window, whose forecast is of what is not known yet, is among them. An `InputError` where the model's
    windows have several features, or the series is too short for one.
    """
    architecture = model.architecture
    steps, rows = architecture.time_steps, len(series)
    if architecture.features != 1:
        raise InputError(f"the model's windows have {architecture.features} features, a series has one")
    if rows < steps:
        raise InputError(f"{series.source}: {rows} rows, but the model's window has {steps}: give more rows")
    values = series.values if model.scaler is None else model.scaler.transform(series.values)
    # A row more, so that the last window is cut as well.
    windows = cut_windows(np.append(values, 0.0), steps, stride=1).x[..., None]
    numbers = steps * sum(8 * (node.units + node.features) for node in architecture.layers)
    at_once = max(1, _MOST_NUMBERS // numbers)
    parts = []
    for first in range(0, len(windows), at_once):
        part = windows[first : first + at_once]

        def tell(share: float, first: int = first, size: int = len(part)) -> None:
            if on_progress is not None:
                on_progress((first + share * size) / len(windows))

        parts.append(prove(model, part, ways, tolerance=tolerance, on_progress=tell))
    return parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: list[Table]) -> Table:
    """One table of all the parts' forecasts."""
    first = parts[0]
    forecasts = {way: np.concatenate([part.forecasts[way] for part in parts], axis=1) for way in first.forecasts}
    # What is not a number stays that: max alone would pass over it.
    recorded = {name: float(np.max([part.recorded[name] for part in parts])) for name in first.recorded}
    return Table(forecasts, first.tolerance, recorded, first.missing)
