"""The fan of a backtest: what came, and the forecasts made on the way, each from what was known then."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.prepare.checks import finite_numbers, whole_number
from timeglass.show.colours import BLUE, INK
from timeglass.show.figure import draw_time, figure_in, legend, power_of, shrunk
from timeglass.show.given import Labels, bands_of, dates_of, values_of
from timeglass.show.time_axis import TimeAxis, time_axis
from timeglass.show.view import View, mark_beyond, view_of
from timeglass.types import Array
from timeglass.words import counted

__all__ = ["FanPath", "FanPicture", "draw_fan", "fan_picture"]

_BEFORE = 2  # horizons of history in front of the first forecast
_FEW_PATHS = 30  # up to which the origins have large dots
_FEW = 80  # rows up to which each is a dot too


@dataclass(frozen=True, eq=False)
class FanPath:
    """One forecast: its origin's date and value, and J dated values with their band."""

    origin_at: Any  # the date of the last row that was known
    origin_value: float
    at: Array  # (J,)
    point: Array  # (J,)
    low: Array  # (J,): empty where there is no band
    high: Array  # (J,)


@dataclass(frozen=True, eq=False)
class FanPicture:
    """Everything that is drawn, in the series' own units: R rows of what came, and the paths in order of origin."""

    at: Array  # (R,): dates or row numbers
    actual: Array  # (R,)
    paths: tuple[FanPath, ...]
    horizon: int
    level: float | None  # the band's, in percent
    labels: Labels
    total: int = 1  # series that were forecast: this is one of them

    @property
    def title(self) -> str:
        made = "made" if len(self.paths) == 1 else "each made"
        origins = counted(len(self.paths), "forecast")
        which = f"{self.labels.title}, one of {self.total:,} series" if self.total > 1 else self.labels.title
        return f"{which}: {origins} of {counted(self.horizon, 'row')}, {made} from what was known then"

    @property
    def band_words(self) -> str:
        """What the legend calls the band; "" without one."""
        beyond = ", which goes on beyond" if self.view is not None and self.view.cuts_band else ""
        return "" if self.level is None else f"{self.level:g} % interval{beyond}"

    @property
    def power(self) -> int:
        """The power of ten that the axis of the values counts in."""
        parts = [self.actual, *(part for path in self.paths for part in (path.point, path.low, path.high))]
        return power_of(*(parts if self.view is None else map(self.view.inside, parts)))

    @property
    def view(self) -> View | None:
        """What the axis of the values shows, where that is not all: every forecast, but not every outlier."""
        edges = np.concatenate([edge for path in self.paths for edge in (path.low, path.high)])
        return view_of(np.concatenate([path.point for path in self.paths]), self.actual, edges)


def fan_picture(
    series: tuple[ArrayLike, ArrayLike],
    forecasts: tuple[ArrayLike, ArrayLike],
    *,
    band: Mapping[float, tuple[ArrayLike, ArrayLike]] | None = None,
    rows: int | None = None,
    labels: Labels | None = None,
    total: int = 1,
) -> FanPicture:
    """From (dates, values) of the whole series (N,) and (origins (B,), forecasts (B, K)).

    An origin is how many rows were known: row number `origin` of the series, from 0, is the first that is forecast.
    `band` is one interval, {level in percent: (low (B, K), high (B, K))}. Steps beyond the series' end are left out,
    unless the dates go further than the values. The last `rows` rows are drawn: without it all from two horizons
    before the first origin on. `total` is how many series have such forecasts. An `InputError` says which of these
    cannot be used.

    >>> picture = fan_picture((np.arange(6), [1.0, 2, 3, 4, 5, 6]), ([3, 5], [[4.0, 5.5], [6.5, 7.0]]))
    >>> [(path.origin_value, path.point.tolist()) for path in picture.paths]
    [(3.0, [4.0, 5.5]), (5.0, [6.5])]
    """
    values = values_of(series[1], "values of the series")
    dates = dates_of(series[0], "dates of the series", max(len(values), np.size(series[0])))
    point = finite_numbers(forecasts[1], "forecasts")
    if point.ndim != 2 or 0 in point.shape:
        raise ShapeError(f"forecasts: expected (origins, steps), at least one of each, got {point.shape}")
    point = values_of(point, "forecasts", point.shape)
    origins = _origins(forecasts[0], len(point), len(values))
    bands = bands_of(band or {}, point.shape)
    if len(bands) > 1:
        raise OptionError(f"band: expected the interval of one level, got {len(bands)}: more would hide each other")
    usual = len(values) - max(0, int(origins.min()) - _BEFORE * point.shape[1])
    last = min(len(values), usual if rows is None else whole_number("rows", rows, at_least=1))
    begin, one = len(values) - last, bands[0] if bands else None
    paths = tuple(
        _path(dates, values, int(origins[b]), point[b], None if one is None else (one.low[b], one.high[b]))
        for b in np.argsort(origins, kind="stable")
        if origins[b] > begin and origins[b] < len(dates)
    )
    if not paths:
        raise InputError(f"forecasts: none lies in the last {last} rows and has a date: give more rows or dates")
    return FanPicture(
        dates[begin : len(values)], values[begin:], paths, point.shape[1], None if one is None else one.level,
        labels or Labels(), whole_number("total", total, at_least=1),
    )  # fmt: skip


def _origins(given: ArrayLike, count: int, rows: int) -> NDArray[np.int64]:
    origins = np.asarray(given)
    if origins.shape != (count,):
        raise ShapeError(f"origins: expected one for each of {count} forecasts ({count},), got {origins.shape}")
    if origins.dtype.kind not in "iu":
        raise InputError(f"origins: expected whole numbers of known rows, got {origins.dtype}")
    if origins.min() < 1 or origins.max() > rows:
        raise OptionError(f"origins: expected 1 to {rows}, the series' rows, got {origins.min()} to {origins.max()}")
    return origins.astype(np.int64)


def _path(dates: Array, values: Array, origin: int, point: Array, band: tuple[Array, Array] | None) -> FanPath:
    at = dates[origin : origin + len(point)]
    low, high = (edge[: len(at)] for edge in band) if band else (np.empty(0), np.empty(0))
    return FanPath(dates[origin - 1], float(values[origin - 1]), at, point[: len(at)], low, high)


def draw_fan(picture: FanPicture, files: Sequence[str | os.PathLike[str]] | None = None) -> Any:
    """Draws what came and every forecast; writes .png, .svg or .pdf files; returns the figure.

    Each path begins at the value that was its last known one. One-step forecasts are joined to one line.
    """

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        axis = time_axis(picture.at, *(path.at for path in picture.paths))
        axes.set_title(picture.title)
        marks = (_draw_steps if picture.horizon == 1 else _draw_paths)(axes, picture, axis)
        few = {"marker": ".", "markersize": 4} if len(picture.at) <= _FEW else {}
        shown_at, actual = axis.places(picture.at), shrunk(picture.actual, picture.power)
        (line,) = axes.plot(shown_at, actual, color=INK, linewidth=1.2, zorder=3, **few)
        axes.margins(x=0.01)
        if picture.view is not None:
            mark_beyond(axes, picture.view, shown_at, picture.actual, power=picture.power)
        axes.set_ylabel(picture.labels.with_power(picture.power))
        draw_time(axes, axis, picture.labels.time)
        legend(axes, [(line, "what came"), *marks])

    return figure_in(paint, files, size=(11, 5))


def _draw_paths(axes: Any, p: FanPicture, axis: TimeAxis) -> list[tuple[Any, str]]:
    marks: list[tuple[Any, str]] = []
    few = len(p.paths) <= _FEW_PATHS
    thin = max(0.3, min(1.0, 12 / len(p.paths)))  # many paths on each other are dark enough
    for path in p.paths:
        at = axis.places(np.concatenate([np.array([path.origin_at], path.at.dtype), path.at]))
        values = np.append([path.origin_value], path.point)
        if len(path.low):
            low, high = (np.append([path.origin_value], edge) for edge in (path.low, path.high))
            area = axes.fill_between(
                at, shrunk(low, p.power), shrunk(high, p.power), color=BLUE, alpha=0.16 * thin, linewidth=0
            )
        (line,) = axes.plot(at, shrunk(values, p.power), color=BLUE, linewidth=1.2, alpha=max(0.55, thin))
        (dot,) = axes.plot(at[:1], shrunk(values[:1], p.power), "o", color=BLUE, markersize=3.5 if few else 2, zorder=4)
    marks = [(line, "forecasts"), (dot, "their origins: the last value known")]
    return marks + ([(area, p.band_words)] if p.level is not None else [])


def _draw_steps(axes: Any, p: FanPicture, axis: TimeAxis) -> list[tuple[Any, str]]:
    at = axis.places(np.concatenate([path.at for path in p.paths]))
    point, low, high = (
        shrunk(np.concatenate(parts), p.power)
        for parts in zip(*((path.point, path.low, path.high) for path in p.paths), strict=True)
    )
    marks: list[tuple[Any, str]] = []
    if len(low) and len(at) > 1:
        marks.append((axes.fill_between(at, low, high, color=BLUE, alpha=0.2, linewidth=0), p.band_words))
    elif len(low):
        marks.append((axes.vlines(at, low, high, color=BLUE, alpha=0.2, linewidth=9), p.band_words))
    (line,) = axes.plot(at, point, color=BLUE, linewidth=1.2, marker=".", markersize=4)
    return [(line, "forecasts, one row ahead"), *marks]
