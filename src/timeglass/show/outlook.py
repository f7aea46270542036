"""A series' last rows and its forecast: first the numbers, then the ink. One series large, or up to nine small."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError, ShapeError
from timeglass.prepare.checks import whole_number
from timeglass.show.colours import BLUE, FAINT, GROUND, INK
from timeglass.show.figure import RIVALS, EndLabel, draw_time, end_labels, figure_in, legend, power_of, shrunk
from timeglass.show.given import Band, Labels, bands_of, dates_of, named_values, values_of
from timeglass.show.svg import fitted
from timeglass.show.time_axis import TimeAxis, time_axis
from timeglass.show.view import View, mark_beyond, view_of
from timeglass.types import Array
from timeglass.words import counted, shown

__all__ = ["OutlookPicture", "OutlooksPicture", "draw_outlook", "draw_outlooks", "outlook_picture", "outlooks_picture"]

_SEASONS, _HORIZONS, _FEWEST = 5, 4, 30  # of history are drawn, whichever is most
_PANELS = 9
_FEW = 40  # rows up to which each is a dot too
_PANEL_LETTERS, _PANEL_WORDS = 250.0, 100.0  # pixels for a panel's title, and for names in the legend


@dataclass(frozen=True, eq=False)
class OutlookPicture:
    """Everything that is drawn, in the series' own units: R rows of history, a forecast of K rows."""

    at: Array  # (R,): dates or row numbers
    history: Array  # (R,)
    ahead: Array  # (K,): the forecast's dates
    point: Array  # (K,)
    bands: tuple[Band, ...]  # (K,) each, the widest first
    baselines: dict[str, Array]  # (K,) each
    actual: Array  # (K',): what came afterwards, K' from 0 to K
    earlier: int  # rows of history that are not drawn
    labels: Labels

    @property
    def title(self) -> str:
        rows = counted(len(self.point), "row")
        cut = f"the last {len(self.at):,} of {len(self.at) + self.earlier:,} rows" if self.earlier else "history"
        return f"{self.labels.title}: {cut}, and a forecast of {rows}"

    @property
    def power(self) -> int:
        """The power of ten that the axis of the values counts in."""
        edges = [edge for band in self.bands for edge in (band.low, band.high)]
        parts, view = [self.history, self.point, self.actual, *edges, *self.baselines.values()], self.view
        return power_of(*(parts if view is None else map(view.inside, parts)))

    @property
    def view(self) -> View | None:
        """What the axis of the values shows, where that is not all: the forecast always, not every outlier."""
        edges = [edge for band in self.bands for edge in (band.low, band.high)]
        others = np.concatenate([self.history, self.actual, *self.baselines.values()])
        return view_of(self.point, others, np.concatenate([*edges, np.empty(0)]))


def outlook_picture(
    history: tuple[ArrayLike, ArrayLike],
    forecast: tuple[ArrayLike, ArrayLike],
    *,
    bands: Mapping[float, tuple[ArrayLike, ArrayLike]] | None = None,
    baselines: Mapping[str, ArrayLike] | None = None,
    actual: ArrayLike | None = None,
    season: int = 1,
    rows: int | None = None,
    labels: Labels | None = None,
) -> OutlookPicture:
    """From (dates, values) of the history (N,) and (dates, values) of the forecast (K,); the picture of both.

    `bands` are intervals (low, high) by their level in percent, `baselines` other forecasts (K,) by name, `actual` what
    came afterwards, at most K values. Dates are datetime64 or whole numbers, in time order. Of the history the last
    `rows` are drawn: without it five seasons, four horizons or 30 rows, whichever is most. An `InputError` says which
    of these cannot be used.

    >>> picture = outlook_picture((np.arange(3), [1.0, 2.0, 3.0]), (np.arange(3, 5), [4.0, 5.0]),
    ...                           bands={80: ([3.0, 3.5], [5.0, 6.5])}, rows=2, labels=Labels("Rain", "mm"))
    >>> picture.history, picture.earlier, picture.title
    (array([2., 3.]), 1, 'Rain: the last 2 of 3 rows, and a forecast of 2 rows')
    """
    values, point = values_of(history[1], "history"), values_of(forecast[1], "forecast")
    at = dates_of(history[0], "dates of the history", len(values))
    ahead = dates_of(forecast[0], "dates of the forecast", len(point))
    _check_order(at, ahead)
    came = values_of(actual, "actual") if actual is not None and np.size(actual) else np.empty(0)
    if len(came) > len(point):
        raise ShapeError(f"actual: expected at most the forecast's {len(point)} values, got {len(came)}")
    usual = max(_SEASONS * whole_number("season", season, at_least=1), _HORIZONS * len(point), _FEWEST)
    last = min(len(values), usual if rows is None else whole_number("rows", rows, at_least=1))
    return OutlookPicture(
        at[-last:], values[-last:], ahead, point, bands_of(bands or {}, point.shape),
        named_values(baselines, "baseline", point.shape), came, len(values) - last, labels or Labels(),
    )  # fmt: skip


def _check_order(at: Array, ahead: Array) -> None:
    if at.dtype.kind != ahead.dtype.kind:
        raise InputError(
            f"dates: the history has {at.dtype}, the forecast {ahead.dtype}: give both datetime64, or both numbers"
        )
    if ahead[0] <= at[-1]:
        raise InputError(f"dates: the forecast begins at {ahead[0]}, expected after the history's last, {at[-1]}")


def draw_outlook(picture: OutlookPicture, files: Sequence[str | os.PathLike[str]] | None = None) -> Any:
    """Draws history, forecast, bands, baselines and what came; writes .png, .svg or .pdf files; returns the figure."""

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        axis = time_axis(picture.at, picture.ahead)
        axes.set_title(picture.title)
        marks, _ = _draw(axes, picture, axis)
        axes.set_ylabel(picture.labels.with_power(picture.power))
        draw_time(axes, axis, picture.labels.time)
        legend(axes, marks, columns=6)
        end_labels(axes, _ends(picture, axis))

    return figure_in(paint, files, size=(11, 5))


def _draw(axes: Any, p: OutlookPicture, axis: TimeAxis) -> tuple[list[tuple[Any, str]], list[Any]]:
    """Returns the marks with what they mean, and the baselines' lines."""
    at, ahead, power = axis.places(p.at), axis.places(p.ahead), p.power
    marks: list[tuple[Any, str]] = []
    rivals: list[Any] = []
    (line,) = axes.plot(at, shrunk(p.history, power), color=INK, linewidth=1.3, **_dots(len(at)))
    marks.append((line, "history"))
    if p.actual.size:
        place = ahead[: len(p.actual)]
        (came,) = axes.plot(
            place, shrunk(p.actual, power), color=INK, linewidth=0.8, marker="o", markersize=4, markerfacecolor="white"
        )
        came.set_zorder(4)
        marks.append((came, "what came"))
    for (colour, dashes), values in zip(_pens(len(p.baselines)), p.baselines.values(), strict=True):
        y = shrunk(values, power)
        rivals += axes.plot(ahead, y, color=colour, linestyle=dashes, linewidth=1.3, **_dots(len(ahead), 2))
    (line,) = axes.plot(ahead, shrunk(p.point, power), color=BLUE, linewidth=2, zorder=3, **_dots(len(ahead)))
    marks.append((line, "forecast"))
    for order, (band, shade) in enumerate(zip(p.bands, _shades(len(p.bands)), strict=True)):
        area = _area(axes, ahead, (shrunk(band.low, power), shrunk(band.high, power)), shade)
        area.set_zorder(0.1 + 0.1 * order)  # below every line, the narrowest on top
        marks.append((area, f"{band.level:g} % interval"))
    if p.view is not None:
        if p.view.cuts_band:
            marks[-len(p.bands)] = (marks[-len(p.bands)][0], f"{p.bands[0].level:g} % interval, which goes on beyond")
        came_at = ahead[: len(p.actual)]
        mark_beyond(axes, p.view, np.append(at, came_at), np.append(p.history, p.actual), power=power)
    axes.axvline((at[-1] + ahead[0]) / 2, color=FAINT, linewidth=1, zorder=0)
    axes.margins(x=0.01)
    return marks, rivals


def _area(axes: Any, ahead: Array, edges: tuple[Array, Array], shade: str) -> Any:
    if len(ahead) == 1:  # an area of no width would not be seen
        return axes.vlines(ahead, *edges, color=shade, linewidth=9)
    return axes.fill_between(ahead, *edges, color=shade, linewidth=0)


def _shades(count: int) -> list[str]:
    """Blue on white, denser from band to band: the widest is the palest. Opaque, so that the legend's are the same."""
    density = [0.16 + 0.3 * number / max(2, count - 1) for number in range(count)]
    parts = [(int(BLUE[at : at + 2], 16), int(GROUND[at : at + 2], 16)) for at in (1, 3, 5)]
    return ["#" + "".join(f"{round(d * ink + (1 - d) * ground):02x}" for ink, ground in parts) for d in density]


def _dots(rows: int, largest: int = _FEW) -> dict[str, Any]:
    return {"marker": ".", "markersize": 5} if rows <= largest else {}


def _pens(count: int) -> list[tuple[str, Any]]:
    return [RIVALS[number % len(RIVALS)] for number in range(count)]


def _ends(p: OutlookPicture, axis: TimeAxis) -> list[EndLabel]:
    last = float(axis.places(p.ahead)[-1])
    parts = [p.point, *p.baselines.values()]
    point, *rivals = [shrunk(part if p.view is None else p.view.inside(part), p.power) for part in parts]
    found = [EndLabel("forecast", last, float(point[-1]), BLUE)]
    for (colour, _), name, values in zip(_pens(len(rivals)), p.baselines, rivals, strict=True):
        found.append(EndLabel(shown(name), last, float(values[-1]), colour))
    return found


# ---- many series


@dataclass(frozen=True)
class OutlooksPicture:
    """Up to nine series of `total`, in rows and columns of small panels."""

    panels: tuple[OutlookPicture, ...]
    total: int
    rows: int
    columns: int

    @property
    def title(self) -> str:
        most = max(len(panel.point) for panel in self.panels)
        up_to = "up to " if len({len(panel.point) for panel in self.panels}) > 1 else ""
        which = f"{self.total:,} series"  # one or many
        if self.total > len(self.panels):
            which = f"{len(self.panels)} of {which}"
        return f"{which}, {'' if self.total == 1 else 'each '}with a forecast of {up_to}{counted(most, 'row')}"


def outlooks_picture(pictures: Sequence[OutlookPicture], total: int | None = None) -> OutlooksPicture:
    """The first nine of `pictures`; `total` is how many series there are, where not all have a picture.

    >>> one = outlook_picture((np.arange(2), [1.0, 2.0]), (np.array([2]), [3.0]))
    >>> grid = outlooks_picture([one] * 5, total=20)
    >>> grid.rows, grid.columns, grid.title
    (2, 3, '5 of 20 series, each with a forecast of 1 row')
    """
    if not len(pictures):
        raise InputError("pictures: expected at least one series, got none")
    panels = tuple(pictures[:_PANELS])
    columns = ceil(sqrt(len(panels)))
    count = len(pictures) if total is None else whole_number("total", total, at_least=len(pictures))
    return OutlooksPicture(panels, count, ceil(len(panels) / columns), columns)


def draw_outlooks(picture: OutlooksPicture, files: Sequence[str | os.PathLike[str]] | None = None) -> Any:
    """Draws a grid of small panels, each with its own scale; writes files as `draw_outlook`; returns the figure."""

    def paint(figure: Any) -> None:
        grid = figure.subplots(picture.rows, picture.columns, squeeze=False)
        figure.suptitle(picture.title, x=0.01, ha="left", fontsize=11)
        meaning: dict[str, Any] = {}
        for axes in grid.flat[len(picture.panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.flat, picture.panels, strict=False):
            axis = time_axis(panel.at, panel.ahead)
            marks, rivals = _draw(axes, panel, axis)
            meaning |= {words: mark for mark, words in marks}
            # A space: matplotlib leaves out words that begin with an underscore.
            meaning |= {
                f" {fitted(shown(name), _PANEL_WORDS, size=12)}": line
                for name, line in zip(panel.baselines, rivals, strict=True)
            }
            name = panel.labels.with_power(panel.power)
            axes.set_title(fitted(name, _PANEL_LETTERS, size=9.5), fontsize=9.5)
            axes.tick_params(labelsize=8)
            draw_time(axes, axis, "", most=5)
            axes.xaxis.get_offset_text().set_fontsize(8)
        figure.legend(
            list(meaning.values()), list(meaning), loc="outside lower left", ncols=2 * picture.columns, frameon=False,
            fontsize=9,
        )  # fmt: skip

    return figure_in(paint, files, size=(3.9 * picture.columns, 0.8 + 2.4 * picture.rows))
