"""History and forecast in the terminal, drawn by plotille in Braille dots."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np

from timeglass.prepare.checks import whole_number
from timeglass.show.figure import shrunk
from timeglass.show.outlook import OutlookPicture
from timeglass.show.time_axis import TimeAxis, time_axis
from timeglass.words import shown

__all__ = ["outlook_lines"]

_HEIGHT = 14
_NARROWEST = 60
_AROUND = 22  # columns that plotille puts around its dots, besides the time axis's name
_LETTERS = 12  # of the time axis's name
_CHARS = 9  # of a mark at the time axis
# The form of a date that tells neighbouring marks apart, by the days that are drawn: from, to which letter of ISO 8601.
_FORMS = ((400, 0, 7), (15, 5, 10), (2, 8, 13), (0.1, 11, 16), (0, 14, 22))


def outlook_lines(picture: OutlookPicture, *, width: int = 80, color: bool = False) -> list[str]:
    """The plot's lines: history as a line, the forecast as crosses, the widest band as two lines, what came as o.

    No line is longer than `width` columns, at least 60. Without `color` no escape sequences are written.
    """
    import plotille  # only when something is drawn

    width, power = max(_NARROWEST, whole_number("width", width, at_least=1)), picture.power
    axis = time_axis(picture.at, picture.ahead)
    at, ahead, time = axis.places(picture.at), axis.places(picture.ahead), _cut(shown(picture.labels.time), _LETTERS)
    figure = plotille.Figure()
    figure.width, figure.height = width - _AROUND - _columns(time), _HEIGHT
    figure.with_colors, figure.color_mode, figure.origin = color, "names", False
    figure.register_label_formatter(float, _label)
    figure.register_label_formatter(np.float64, _label)
    figure.x_ticks_fkt = _marks(axis, float(ahead[-1] - at[0]))
    figure.set_x_limits(*_room(float(at[0]), float(ahead[-1]), 0.01))
    figure.set_y_limits(*_limits(picture))
    figure.x_label, figure.y_label = time, _cut(picture.labels.with_power(power), width - 4)
    for edge in (edge for band in picture.bands[:1] for edge in (band.low, band.high)):
        figure.plot(ahead.tolist(), shrunk(edge, power).tolist(), lc="cyan" if color else None)
    history = shrunk(picture.history, power).tolist()
    # A line of one point has no dots.
    (figure.plot if len(at) > 1 else figure.scatter)(at.tolist(), history, lc=None)
    figure.scatter(ahead.tolist(), shrunk(picture.point, power).tolist(), lc="blue" if color else None, marker="×")
    if len(picture.actual):
        came = shrunk(picture.actual, power).tolist()
        figure.scatter(ahead[: len(came)].tolist(), came, lc="red" if color else None, marker="o")
    return [_key(picture), _dates(picture), *(line.rstrip() for line in figure.show().splitlines())]


def _limits(p: OutlookPicture) -> tuple[float, float]:
    edges = [edge for band in p.bands[:1] for edge in (band.low, band.high)]
    values = shrunk(np.concatenate([p.history, p.point, p.actual, *edges]), p.power)
    low, high = _room(float(values.min()), float(values.max()), 0.05)
    # No room below zero for what is never below it.
    return (max(low, 0.0) if values.min() > 0 else low), high


def _room(low: float, high: float, share: float) -> tuple[float, float]:
    """The limits with room on both sides, also where both are the same: plotille leaves out what lies on its edge."""
    room = share * (high - low) or 0.05 * abs(high) or 0.5
    return low - room, high + room


def _label(value: Any, chars: int, delta: Any = None, left: bool = False) -> str:
    del delta
    text = f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}" if abs(value) < 1e8 else f"{value:.3g}"
    return text.ljust(chars) if left else text.rjust(chars)


def _marks(axis: TimeAxis, span: float) -> Any:
    """What writes a mark at the time axis: of dates the part that changes."""
    if axis.kind != "days":
        return lambda value, _: _label(value, _CHARS, left=True)
    begin, end = next((begin, end) for days, begin, end in _FORMS if span >= days)

    def mark(value: float, _: float) -> str:
        date = np.datetime64(0, "us") + np.timedelta64(round(value * 86_400e6), "us")
        return str(date)[begin:end].replace("T", " ").ljust(_CHARS)

    return mark


def _key(p: OutlookPicture) -> str:
    band = f", around it {p.bands[0].level:g} % interval" if p.bands else ""
    came = ", o came" if p.actual.size else ""
    return f"Line history, × forecast{band}{came}"


def _dates(p: OutlookPicture) -> str:
    last = "" if len(p.ahead) == 1 else f" to {p.ahead[-1]}"
    text = f"From {p.at[0]}, forecast {p.ahead[0]}{last}"
    return text if len(text) <= _NARROWEST else f"Forecast from {p.ahead[0]}"


def _columns(text: str) -> int:
    """How many columns of a terminal words take: wide letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _cut(text: str, columns: int) -> str:
    while _columns(text) > columns:
        text = text[:-1]
    return text
