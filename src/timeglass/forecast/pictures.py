"""Pictures of a forecaster: what to draw, as the numbers that `timeglass.show` draws.

Each function gives a picture, which a function of that room draws: `draw_outlook(outlook_of(forecaster, made), files)`.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from timeglass.errors import InputError
from timeglass.evaluate.simple_forecasts import baseline_title, simple_forecasts
from timeglass.forecast.backtest import Backtest
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.history import History
from timeglass.forecast.outcome import Forecast
from timeglass.show.fan import FanPicture, draw_fan, fan_picture
from timeglass.show.given import Labels
from timeglass.show.loss_curves import LossesPicture, losses_picture
from timeglass.show.outlook import (
    OutlookPicture,
    OutlooksPicture,
    draw_outlook,
    draw_outlooks,
    outlook_picture,
    outlooks_picture,
)
from timeglass.show.reliability import ReliabilityPicture, reliability_picture
from timeglass.show.residuals import ResidualsPicture, residuals_picture
from timeglass.types import Array

__all__ = [
    "draw_backtest",
    "draw_forecast",
    "fan_of",
    "losses_of",
    "outlook_of",
    "outlooks_of",
    "reliability_of",
    "residuals_of",
]

_MOST_PANELS = 9
_LEVELS = (50, 60, 70, 80, 90, 95)


def _dates(history: History, s: int) -> Any:
    panel = history.panel
    rows = slice(int(panel.offsets[s]), int(panel.offsets[s + 1]))
    if panel.dates is None:
        return np.arange(1, rows.stop - rows.start + 1)
    return panel.dates[rows]


def _place(ids: tuple[str, ...], series: int | str) -> int:
    if isinstance(series, str):
        if series not in ids:
            raise InputError(f"no series {series!r}: there are {', '.join(ids[:6])}{', …' * (len(ids) > 6)}")
        return ids.index(series)
    return range(len(ids))[series]


def outlook_of(
    forecaster: Forecaster, made: Forecast, series: int | str = 0, *, baselines: bool = True, unit: str = ""
) -> OutlookPicture:
    """History, forecast and intervals of one series, and with `baselines` naive and seasonal naive beside them.

    A series of one row has no intervals: none is drawn.
    """
    history, s = forecaster.history_, _place(made.ids, series)
    values = history.series[s]
    horizon = made.point.shape[1]
    wanted = ("seasonal_naive", "naive") if baselines else ()
    found = simple_forecasts(values, horizon, forecaster.season_)
    beside = {baseline_title(name): found[name] for name in wanted if name in found}
    return outlook_picture(
        (_dates(history, s), values), (made.dates[s], made.point[s]),
        bands={level: (low[s], made.high[level][s]) for level, low in made.low.items() if np.isfinite(low[s]).all()},
        baselines=beside, season=forecaster.season_, labels=Labels(made.ids[s], unit),
    )  # fmt: skip


def outlooks_of(forecaster: Forecaster, made: Forecast) -> OutlooksPicture:
    """A small panel for each of the first nine series."""
    some = [outlook_of(forecaster, made, s, baselines=False) for s in range(min(_MOST_PANELS, len(made.ids)))]
    return outlooks_picture(some, total=len(made.ids))


def draw_forecast(forecaster: Forecaster, made: Forecast, path: str | os.PathLike[str]) -> None:
    """Draws one series with baselines beside it, or a panel for each of the first nine."""
    if len(made.ids) == 1:
        draw_outlook(outlook_of(forecaster, made), [path])
    else:
        draw_outlooks(outlooks_of(forecaster, made), [path])


def fan_of(made: Backtest, series: int | str = 0) -> FanPicture:
    """The forecasts of one series from all its origins, over what came, with the interval of the lowest level."""
    s = _place(made.history.panel.ids, series)
    own = made.which == s
    if not own.any():
        raise InputError(f"series {made.history.panel.ids[s]!r} is too short for the backtest: choose another")
    lowest = min(made.low, default=None)
    band = None if lowest is None else {lowest: (made.low[lowest][own], made.high[lowest][own])}
    return fan_picture(
        (_dates(made.history, s), made.history.series[s]), (made.origins[own], made.point[own]), band=band,
        labels=Labels(made.history.panel.ids[s]), total=len(np.unique(made.which)),
    )  # fmt: skip


def draw_backtest(made: Backtest, path: str | os.PathLike[str]) -> None:
    """Draws the fan of the first series that has forecasts."""
    draw_fan(fan_of(made, int(made.which[0])), [path])


def residuals_of(made: Backtest, series: int | str = 0, *, step: int = 1) -> ResidualsPicture:
    """What came less the forecast of one series: over time, as a histogram, autocorrelated, and by step."""
    s = _place(made.history.panel.ids, series)
    own = made.which == s
    rivals = {baseline_title(name): values[own] for name, values in made.rivals.items()}
    dates = _dates(made.history, s)
    at = dates[np.minimum(made.origins[own] + step - 1, len(dates) - 1)]
    return residuals_picture(
        made.actual[own], {"timeglass": made.point[own]} | rivals, at=at, step=step,
        labels=Labels(made.history.panel.ids[s]),
    )  # fmt: skip


def reliability_of(forecaster: Forecaster) -> ReliabilityPicture:
    """Promised and covered shares of held-back values, for six levels."""
    records = [forecaster.coverage(level) for level in _LEVELS]
    if any(record.covered is None for record in records):
        raise InputError("the intervals were not tested: too few held-back rows")
    inside = [round((record.covered or 0.0) * record.forecasts) for record in records]
    return reliability_picture(list(_LEVELS), inside, total=[record.forecasts for record in records])


def losses_of(forecaster: Forecaster, kind: str = "window", group: int = 0) -> LossesPicture:
    """The training losses of all networks of a kind, "window", "guided" or "tutorial", epoch by epoch."""
    losses = forecaster.fitted_.groups[group].learned.core.losses
    if kind not in losses:
        raise InputError(f"no networks of the kind {kind!r}: there are {', '.join(losses) or 'none'}")
    shown: Array = losses[kind]
    return losses_picture(shown, labels=Labels(f"{kind} networks"))
