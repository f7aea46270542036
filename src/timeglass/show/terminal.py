"""A small plot of the test part for the terminal, drawn by plotille in Braille dots."""

from __future__ import annotations

from typing import Any

import numpy as np

from timeglass.show.picture import ForecastPicture
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["plot_lines"]

_HEIGHT = 12
_NARROWEST = 20
_AROUND = 22  # columns that plotille puts around its dots, besides the time axis's name


def _numbers(at: Array) -> Array:
    """Dates as years with a fraction; row numbers as they are."""
    if not np.issubdtype(at.dtype, np.datetime64):
        return at.astype(np.float64)
    years = at.astype("datetime64[Y]")
    minutes = (at.astype("datetime64[m]") - years.astype("datetime64[m]")).astype(np.int64)
    return years.astype(np.int64) + 1970 + minutes / (24 * 60) / 365.25


def _label(value: Any, chars: int, delta: Any = None, left: bool = False) -> str:
    del delta
    text = f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    return text.ljust(chars) if left else text.rjust(chars)


def plot_lines(picture: ForecastPicture, *, width: int = 80, color: bool = False) -> list[str]:
    """The plot's lines: the test part's actual values as crosses, the mean forecast as a line."""
    import plotille  # only when something is drawn

    test = slice(picture.train_windows, None)
    at, actual, forecast = _numbers(picture.at[test]), picture.actual[test], picture.forecast[test]
    figure = plotille.Figure()
    figure.width, figure.height = max(_NARROWEST, width - _AROUND - len(picture.time_name)), _HEIGHT
    figure.with_colors, figure.color_mode = color, "names"
    figure.register_label_formatter(float, _label)
    figure.register_label_formatter(np.float64, _label)
    low, high = min(actual.min(), forecast.min()), max(actual.max(), forecast.max())
    # Room above and below, also where all values are the same.
    room = 0.05 * (high - low) or max(1.0, abs(high)) * 0.05
    # A little further on both sides: plotille leaves out what lies on its edge.
    side = 0.01 * (at[-1] - at[0]) or 0.5
    figure.set_x_limits(float(at[0] - side), float(at[-1] + side))
    figure.set_y_limits(float(min(low, max(low - room, 0.0))), float(high + room))
    figure.x_label, figure.y_label = picture.time_name, shown(picture.value_name)
    figure.plot(at.tolist(), forecast.tolist(), lc="blue" if color else None)
    figure.scatter(at.tolist(), actual.tolist(), lc="red" if color else None, marker="×")
    return ["Test part: × actual, line predicted", *(line.rstrip() for line in figure.show().splitlines())]
