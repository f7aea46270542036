"""A baseline's forecast in place of one that does not earn its place."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from timeglass.evaluate.metrics import naive_scale
from timeglass.evaluate.simple_forecasts import baseline_title, simple_forecasts
from timeglass.forecast.backtest import Backtest
from timeglass.forecast.doubt import Scores
from timeglass.forecast.history import History
from timeglass.forecast.outcome import Forecast, Replaced

__all__ = ["Fallback", "choose_fallback", "fall_back"]


@dataclass(frozen=True, eq=False)
class Fallback:
    """The baseline that erred least over held-back rows, less than ours: `errors` are scaled, ours and its own."""

    name: str
    errors: tuple[float, float]
    scores: Scores

    def sentence(self) -> str:
        """In words."""
        ours, theirs = self.errors
        return f"{self.title} erred less over held-back rows: {theirs:.3g} against {ours:.3g}, scaled"

    @property
    def title(self) -> str:
        """What the baseline is called."""
        return baseline_title(self.name)


def choose_fallback(made: Backtest, independent: float) -> Fallback | None:
    """The best of the baselines, where it is better than ours; its errors make its intervals.

    `independent` is how many of the forecasts do not depend on each other.
    """
    errors = {name: error for name, error in made.errors().items() if name in made.rivals or name == "timeglass"}
    best = min(errors, key=lambda name: errors[name])
    if best == "timeglass" or not np.isfinite(errors[best]):
        return None
    kept = made.scale > 0
    scores = (made.actual[kept] - made.rivals[best][kept]) / made.scale[kept, None]
    return Fallback(best, (errors["timeglass"], errors[best]), Scores(scores, independent))


def fall_back(found: Forecast, history: History, fallback: Fallback, period: int) -> Forecast:
    """The forecast with the baseline's numbers for every series that networks or smoothing would have forecast."""
    horizon = found.point.shape[1]
    chosen = [s for s, method in enumerate(found.method) if method in ("networks", "smoothing")]
    method, replaced = list(found.method), [r for r in found.replaced if r.method not in ("networks", "smoothing")]
    series = history.series
    for s in chosen:
        forecasts = simple_forecasts(series[s], horizon, period)
        name = fallback.name if fallback.name in forecasts else "naive"  # too short for a season
        lowest = 0.0 if series[s].min() >= 0 else -np.inf  # as of every forecast
        found.point[s] = np.maximum(forecasts[name], lowest)
        scale = naive_scale(series[s], period)
        for level in found.low:
            ends = fallback.scores.quantiles(level / 100, horizon)
            low, high = (np.maximum(forecasts[name] + end * scale, lowest) for end in ends)
            found.low[level][s], found.high[level][s] = low, high
        method[s] = fallback.title if name == fallback.name else name
        replaced.append(Replaced(history.panel.ids[s], method[s], fallback.sentence()))
    nothing = {name: np.full_like(values, np.nan) for name, values in found.members.items()}
    return replace(found, method=tuple(method), replaced=tuple(replaced), members=nothing, weights={})
