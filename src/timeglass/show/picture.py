"""The forecast's picture: first the numbers, then the ink."""

from __future__ import annotations

import os
import warnings
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from timeglass.errors import EngineError
from timeglass.files import write_whole
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["BAND", "ForecastPicture", "draw_forecast", "forecast_picture", "require_matplotlib"]

# The share of the networks that lie inside the band.
BAND = 0.8

_ACTUAL, _FORECAST, _SPLIT = "#222222", "#1769aa", "#d62728"


class ForecastPicture(NamedTuple):
    """Everything that is drawn, in original units. W windows of both parts, the training part's first."""

    at: Array  # (W,): the targets' dates, or their row numbers
    actual: Array  # (W,)
    forecast: Array  # (W,): the mean of the networks
    low: Array  # (W,): the lower edge of the band that holds 80 % of the networks
    high: Array  # (W,): and the upper
    residual: Array  # (W,): actual - forecast
    split: Any  # where the test part begins: a date or row number
    train_windows: int
    networks: int
    value_name: str
    time_name: str


def forecast_picture(
    at: Array, actual: Array, forecasts: Array, *, split: Any, train_windows: int, names: tuple[str, str]
) -> ForecastPicture:
    """From targets (W,) and forecasts (L, W); `names` are those of the value and the time axis.

    >>> picture = forecast_picture(np.arange(2), np.array([1.0, 2.0]), np.array([[1.0, 1.0], [3.0, 3.0]]),
    ...                            split=1, train_windows=1, names=("Sunspots", "Month"))
    >>> picture.forecast, picture.residual
    (array([2., 2.]), array([-1.,  0.]))
    """
    low, high = np.quantile(forecasts, [(1 - BAND) / 2, (1 + BAND) / 2], axis=0)
    mean = forecasts.mean(axis=0)
    return ForecastPicture(
        at, actual, mean, low, high, actual - mean, split, train_windows, len(forecasts), *names
    )  # fmt: skip


def require_matplotlib() -> Any:
    """The module, or an `EngineError` that says how to get it."""
    try:
        import matplotlib as mpl  # an optional extra, and a third of a second of start-up
    except ImportError:
        raise EngineError(
            "the picture needs matplotlib: run pip install 'timeglass[plot]', or leave it out with --no-plot"
        ) from None
    except ValueError:  # matplotlib looks at it when it starts, used or not
        raise EngineError(
            f"matplotlib does not know the MPLBACKEND {os.environ.get('MPLBACKEND')!r}: unset it, or use --no-plot"
        ) from None
    return mpl


def draw_forecast(picture: ForecastPicture, paths: list[Path]) -> None:
    """Draws the picture into each of `paths`; the ending (.png, .svg, …) says the format."""
    mpl = require_matplotlib()
    # The figure alone, without pyplot: it needs no display, keeps no state and starts sooner.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # From matplotlib's defaults, whatever the user's matplotlibrc says; text is text, not TeX.
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        mpl.rcParams.update({k: v for k, v in mpl.rcParamsDefault.items() if k not in ("backend", "interactive")})
        mpl.rcParams.update(
            {"text.parse_math": False, "svg.hashsalt": "timeglass", "svg.fonttype": "none", "font.size": 10}
        )
        figure = Figure(figsize=(15, 8), layout="constrained")
        FigureCanvasAgg(figure)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        _draw_values(upper, picture)
        _draw_residuals(lower, picture)
        # The places of all parts, worked out once for all files.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for path in paths:
            # Without a date in the file, the same numbers give the same bytes.
            metadata = {"Date": None} if path.suffix == ".svg" else None
            write_whole(path, partial(figure.savefig, dpi=100, metadata=metadata))


def _draw_values(axes: Any, p: ForecastPicture) -> None:
    band = f"{BAND:.0%} of the {p.networks} networks"
    if p.networks > 1:
        axes.fill_between(p.at, p.low, p.high, color=_FORECAST, alpha=0.25, linewidth=0, label=band)
    axes.plot(p.at, p.actual, color=_ACTUAL, linewidth=1.2, marker=".", markersize=4, label="Actual")
    label = "Predictions" if p.networks == 1 else f"Predictions (mean of {p.networks} networks)"
    axes.plot(p.at, p.forecast, color=_FORECAST, linewidth=1.5, label=label)
    axes.axvline(p.split, color=_SPLIT, linewidth=1.5)
    for text, side, align in (("training", -6, "right"), ("test", 6, "left")):
        place = {"xy": (p.split, 1), "xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        axes.annotate(text, xytext=(side, -14), ha=align, color=_SPLIT, **place)
    axes.set_ylabel(shown(p.value_name))
    axes.set_title("Actual and predicted values. The red line separates the training part from the test part.")
    axes.legend(loc="upper left", ncols=3, frameon=False)


def _draw_residuals(axes: Any, p: ForecastPicture) -> None:
    axes.axhline(0, color=_ACTUAL, linewidth=0.8)
    axes.vlines(p.at, 0, p.residual, color=_FORECAST, linewidth=1.5)
    axes.axvline(p.split, color=_SPLIT, linewidth=1.5)
    axes.margins(x=0.01)  # of the axes above too, which share it
    axes.set_ylabel("Actual − predicted")
    axes.set_xlabel(p.time_name)
