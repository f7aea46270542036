"""What a backtest left over: residuals over time, their histogram and autocorrelation, and the error by step."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from timeglass.errors import DataError, OptionError, ShapeError
from timeglass.prepare.autocorrelation import autocorrelation
from timeglass.prepare.checks import whole_number
from timeglass.show.colours import BLUE, FAINT, GREY, INK, ORANGE
from timeglass.show.figure import RIVALS, EndLabel, draw_time, end_labels, figure_in, power_of, shrunk, whole_marks
from timeglass.show.given import Labels, dates_of, known_values, named_values
from timeglass.show.numbers import number
from timeglass.show.time_axis import time_axis
from timeglass.types import Array
from timeglass.words import counted, shown

__all__ = ["ResidualsPicture", "draw_residuals", "residuals_picture"]

_LAGS = 24
_FEWEST = 8  # residuals from which on an autocorrelation says anything
_MOST_BINS = 40
_LIMIT = NormalDist().inv_cdf(0.975)  # 95 %, both sides


@dataclass(frozen=True, eq=False)
class ResidualsPicture:
    """Everything that is drawn, in the series' own units. B' residuals of one step ahead; errors of K' steps."""

    at: Array  # (B',): the targets' dates
    residual: Array  # (B',): actual - forecast, `step` rows ahead
    step: int
    counts: NDArray[np.int64]  # (bins,): residuals in each bin
    edges: Array  # (bins + 1,)
    lags: NDArray[np.int64]  # (lags,): 1, 2, …; empty where there are fewer than 8 residuals
    autocorrelation: Array  # (lags,)
    limit: float  # 95 % of the autocorrelations of pure noise lie within ± limit
    steps: NDArray[np.int64]  # (K',): the steps that have come, from 1
    errors: dict[str, Array]  # mean absolute error by step, (K',) each; ours first
    labels: Labels

    @property
    def beyond(self) -> int:
        """How many autocorrelations lie beyond the limits."""
        return int((np.abs(self.autocorrelation) > self.limit).sum())


def residuals_picture(
    actual: ArrayLike,
    forecasts: Mapping[str, ArrayLike],
    *,
    at: ArrayLike,
    step: int = 1,
    lags: int | None = None,
    labels: Labels | None = None,
) -> ResidualsPicture:
    """From what came (B, K) and forecasts (B, K) by name, ours first; rows are origins of one series in time order.

    NaN in `actual` stands for what has not come. Residuals are actual - forecast of ours, `step` rows ahead; `at` (B,)
    are the dates of these targets. The limits of the autocorrelations are ± 1.96 / √B' (M. S. Bartlett, "On the
    theoretical specification and sampling properties of autocorrelated time-series", Journal of the Royal Statistical
    Society, supplement 8, 1946): of pure noise one in twenty lies beyond. Residuals of a step above 1 are correlated up
    to lag step - 1 even where the forecast is as good as can be, if there is an origin at each row.

    >>> picture = residuals_picture([[1.0, 2.0], [2.0, np.nan]], {"ours": [[0.0, 2.5], [2.5, 3.0]]}, at=[1, 2])
    >>> picture.residual, picture.errors["ours"]
    (array([ 1. , -0.5]), array([0.75, 0.5 ]))
    """
    came, everyone = _checked(actual, forecasts)
    origins, horizon = came.shape
    if whole_number("step", step, at_least=1) > horizon:
        raise OptionError(f"step: expected 1 to {horizon}, the steps of the forecasts, got {step}")
    dates = dates_of(at, "at", origins)
    known = ~np.isnan(came)
    here, steps = known[:, step - 1], np.flatnonzero(known.any(axis=0))
    if not here.any():
        raise DataError(f"actual: nothing has come {step} rows ahead: choose a smaller step or earlier origins")
    ours = next(iter(everyone.values()))
    residual = (came - ours)[here, step - 1]
    counts, edges = _histogram(residual)
    reach = _reach(len(residual), lags)
    return ResidualsPicture(
        dates[here], residual, step, counts, edges, np.arange(1, reach + 1), autocorrelation(residual, reach)[1:],
        _LIMIT / sqrt(len(residual)), steps + 1,
        {name: _by_step(came, forecast, steps) for name, forecast in everyone.items()}, labels or Labels(),
    )  # fmt: skip


def _checked(actual: ArrayLike, forecasts: Mapping[str, ArrayLike]) -> tuple[Array, dict[str, Array]]:
    shape = np.shape(actual)
    if len(shape) != 2 or 0 in shape:
        raise ShapeError(f"actual: expected (origins, steps), at least one of each, got {shape}")
    if not forecasts:
        raise DataError("forecasts: expected at least ours, got none")
    return known_values(actual, "actual", shape), named_values(forecasts, "forecast", shape)


def _reach(residuals: int, lags: int | None) -> int:
    """How many lags are drawn: none where there are too few residuals, at most half as many as residuals."""
    if residuals < _FEWEST:
        return 0
    wanted = _LAGS if lags is None else whole_number("lags", lags, at_least=1)
    return min(wanted, residuals // 2 if lags is None else residuals - 1)


def _histogram(values: Array) -> tuple[NDArray[np.int64], Array]:
    """As many bins as the square root of how many values; one bin where all are the same."""
    low, high = float(values.min()), float(values.max())
    if low == high:
        half = 0.5 * abs(low) or 0.5
        return np.array([len(values)]), np.array([low - half, low + half])
    bins = min(_MOST_BINS, ceil(sqrt(len(values))))
    # Shares of the range, so that numbers of any size have bins of their own.
    counts, shares = np.histogram((values - low) / (high - low), bins=bins, range=(0.0, 1.0))
    edges = low + shares * (high - low)
    edges[-1] = high  # rounding may miss it
    return counts, edges


def _by_step(actual: Array, forecast: Array, steps: NDArray[np.intp]) -> Array:
    """The mean absolute error of each step that has come, divided first: a sum of large errors is beyond a double."""
    known = ~np.isnan(actual[:, steps])
    error = np.where(known, np.abs(actual - forecast)[:, steps], 0.0)
    return (error / known.sum(axis=0)).sum(axis=0)


# ---- ink


def draw_residuals(picture: ResidualsPicture, files: Sequence[str | os.PathLike[str]] | None = None) -> Any:
    """Draws the four panels; writes .png, .svg or .pdf files; returns the figure."""

    def paint(figure: Any) -> None:
        (over_time, histogram), (correlation, by_step) = figure.subplots(2, 2, width_ratios=[3, 2])
        figure.suptitle(
            f"{picture.labels.title}: what the forecasts left over, in {_unit(picture)}", x=0.01, ha="left", fontsize=11
        )
        _draw_over_time(over_time, picture)
        _draw_histogram(histogram, picture)
        _draw_autocorrelation(correlation, picture)
        _draw_errors(by_step, picture)

    return figure_in(paint, files, size=(12, 7))


def _unit(p: ResidualsPicture) -> str:
    return shown(p.labels.unit) or "the series' own units"


def _power(p: ResidualsPicture) -> int:
    return power_of(p.residual, *p.errors.values())


def _axis_words(p: ResidualsPicture, words: str) -> str:
    return Labels(words, p.labels.unit).with_power(_power(p))


def _ahead(p: ResidualsPicture) -> str:
    return f"{counted(p.step, 'row')} ahead"


def _draw_over_time(axes: Any, p: ResidualsPicture) -> None:
    axis, values = time_axis(p.at), shrunk(p.residual, _power(p))
    at = axis.places(p.at)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.vlines(at, 0, values, color=BLUE, linewidth=1.2, alpha=0.6)
    axes.plot(at, values, ".", color=BLUE, markersize=4)
    axes.margins(x=0.02)
    axes.set_title(f"Residuals {_ahead(p)}: above 0 the forecast was too low")
    axes.set_ylabel(_axis_words(p, "Actual − forecast"))
    draw_time(axes, axis, p.labels.time)


def _draw_histogram(axes: Any, p: ResidualsPicture) -> None:
    edges, residual = shrunk(p.edges, _power(p)), shrunk(p.residual, _power(p))
    axes.bar(edges[:-1], p.counts, width=np.diff(edges), align="edge", color=BLUE, alpha=0.55, edgecolor="white")
    axes.axvline(0, color=INK, linewidth=0.8)
    mean = float(residual.mean())
    axes.axvline(mean, color=ORANGE, linewidth=1.5, linestyle=(0, (4, 2)))
    axes.set_title(f"Their histogram; dashed: the mean, {number(mean, 3)}")
    axes.set_xlabel(_axis_words(p, "Actual − forecast"))
    axes.set_ylabel("Residuals")
    whole_marks(axes.yaxis, 5)


def _draw_autocorrelation(axes: Any, p: ResidualsPicture) -> None:
    axes.set_xlabel("Lag (origins)")
    axes.set_ylabel("Autocorrelation")
    if not len(p.lags):
        axes.set_title("Their autocorrelation")
        axes.text(
            0.5, 0.5, f"not computed: {counted(len(p.residual), 'residual')}, {_FEWEST} are needed",
            transform=axes.transAxes, ha="center", va="center", color=GREY,
        )  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
        return
    axes.axhspan(-p.limit, p.limit, color=FAINT, alpha=0.6, linewidth=0)
    axes.axhline(0, color=INK, linewidth=0.8)
    outside = np.abs(p.autocorrelation) > p.limit
    for chosen, colour in ((~outside, BLUE), (outside, ORANGE)):
        axes.vlines(p.lags[chosen], 0, p.autocorrelation[chosen], color=colour, linewidth=2)
        axes.plot(p.lags[chosen], p.autocorrelation[chosen], "o", color=colour, markersize=4)
    reach = max(1.15 * float(np.abs(p.autocorrelation).max()), 1.5 * p.limit)
    axes.set_ylim(-reach, reach)
    expected = 0.05 * len(p.lags)
    beyond = f"{p.beyond} of {len(p.lags)} beyond the 95 % limits"
    axes.set_title(f"Their autocorrelation: {beyond} (noise: {expected:.1f})")
    whole_marks(axes.xaxis)


def _draw_errors(axes: Any, p: ResidualsPicture) -> None:
    labels = []
    for place, (name, errors) in enumerate(p.errors.items()):
        colour, dashes = (BLUE, "-") if place == 0 else RIVALS[(place - 1) % len(RIVALS)]
        values = shrunk(errors, _power(p))
        width = 2 if place == 0 else 1.3
        axes.plot(p.steps, values, color=colour, linestyle=dashes, linewidth=width, marker=".", zorder=3 - (place > 0))
        labels.append(EndLabel(shown(name), float(p.steps[-1]), float(values[-1]), colour))
    axes.set_ylim(bottom=0)
    axes.margins(x=0.03)
    whole_marks(axes.xaxis)
    axes.set_title("Mean absolute error by step")
    axes.set_xlabel("Rows ahead")
    axes.set_ylabel(_axis_words(p, "Error"))
    end_labels(axes, labels)
