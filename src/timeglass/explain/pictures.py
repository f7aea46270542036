"""Pictures of what `explain` finds whose numbers take more than a line to choose."""

from __future__ import annotations

from timeglass.errors import OptionError
from timeglass.show.waterfall import Waterfall, waterfall
from timeglass.types import Array

__all__ = ["attribution_picture"]


def attribution_picture(
    shares: Array, forecasts: Array, baseline: Array, *, window: int = 0, output: int = 0
) -> Waterfall:
    """One window's shares (N, K, T, F) of one output, in time's order, from the baseline's forecast (N, K) to its own.

    An `OptionError` names a window or output that is not there.
    """
    windows, outputs, steps, features = shares.shape
    for what, given, count in (("window", window, windows), ("output", output, outputs)):
        if not 0 <= given < count:
            raise OptionError(f"attribution {what}: expected 0 to {count - 1}, got {given}")
    parts = [
        (f"x[t={step + 1}]" + (f"[{feature}]" if features > 1 else ""), float(shares[window, output, step, feature]))
        for step in range(steps)
        for feature in range(features)
    ]
    start, end = float(baseline[window, output]), float(forecasts[window, output])
    title = f"From the baseline to the forecast: window {window}, output {output}"
    return waterfall(parts, title=title, first=("baseline's forecast", start), last=("forecast", end))
