"""Does a series end with a value that is out of all proportion? Forecasts go on from it, whatever it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeglass.evaluate.finding import Finding
from timeglass.series.panel import Panel
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["check_last_rows"]

_LEAST_ROWS = 8  # fewer show no usual change
_BEYOND = 3.0  # times the largest change before; even of Cauchy's changes n leave one in 3n beyond it
_BEYOND_IN_LOGS = 1.5  # the same in logarithms, where values are above zero: what grows by a factor goes on doing so


def check_last_rows(panel: Panel) -> Finding:
    """Is the last change of a series more than three times the largest one before? After zeros alone it may be.

    >>> from timeglass.forecast.history import read_history
    >>> check_last_rows(read_history([1.0, 2, 1, 2, 1, 2, 1, 2, 41]).panel).sentence
    'The last row (row 9: 41) is 39 usual changes away from the one before: forecasts go on from it; check the value.'
    """
    found = _far(panel.values, panel.offsets, _BEYOND)
    positive = np.minimum.reduceat(panel.values, panel.offsets[:-1]) > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(panel.values > 0, np.log(panel.values), 0.0)
    far = [
        s
        for s in np.flatnonzero(found & (~positive | _far(logs, panel.offsets, _BEYOND_IN_LOGS))).tolist()
        if panel.values[panel.offsets[s] : panel.offsets[s + 1] - 1].any()
    ]
    if not far:
        return Finding("last_row", False, "No last row is far from those before.", {"series": 0})
    usual = {s: _usual_changes(panel.values[panel.offsets[s] : panel.offsets[s + 1]]) for s in far}
    worst = max(usual, key=lambda s: usual[s])
    series = panel[worst]
    where = f"({series.label(len(series.values) - 1)}: {series.values[-1]:g})"
    rows = f"The last row {where} is" if len(panel) == 1 else (
        f"The last row of {len(far):,} of {len(panel):,} series, of {quoted(panel.ids[worst])} {where} most of all, is"
    )  # fmt: skip
    # Where nothing changed before, there is no usual change to count in.
    how = f"{usual[worst]:,.0f} usual changes away from" if np.isfinite(usual[worst]) else "the first that differs from"
    sentence = f"{rows} {how} the one before: forecasts go on from it; check the value."
    changes = usual[worst] if np.isfinite(usual[worst]) else None
    return Finding("last_row", True, sentence, {"series": len(far), "most": panel.ids[worst], "usual_changes": changes})


def _far(values: Array, offsets: NDArray[np.int64], beyond: float) -> NDArray[np.bool_]:
    """(S,): whether a series' last change is more than `beyond` times its largest one before."""
    with np.errstate(over="ignore"):
        changes = np.append(np.abs(np.diff(values)), 0.0)
    changes[offsets[1:] - 1] = 0.0  # from one series to the next
    lengths = np.diff(offsets)
    last = offsets[1:] - 2
    ends = np.where(lengths >= 2, changes[last], 0.0)
    changes[last[lengths >= 2]] = 0.0
    found: NDArray[np.bool_] = (lengths > _LEAST_ROWS) & (ends > beyond * np.maximum.reduceat(changes, offsets[:-1]))
    return found


def _usual_changes(values: Array) -> float:
    """The last change in units of the median one before, of the mean one where most rows do not change."""
    changes = np.abs(np.diff(values))
    usual = float(np.median(changes[:-1])) or float(changes[:-1].mean())
    return float(changes[-1]) / usual if usual else np.inf
