"""Whether intervals hold what they promise: promised and covered shares, level by level."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.show.colours import BLUE, GREY
from timeglass.show.figure import figure_in
from timeglass.show.given import Labels, level_of
from timeglass.types import Array

__all__ = ["ReliabilityPicture", "draw_reliability", "reliability_picture", "wilson"]

_CLEAR = 2.5  # percent that levels above bars must be apart
_LISTED = 8  # levels beside the axes
_NOTE = """Bars: 95 % binomial intervals, as if the
forecasts were independent of each other;
where they are not, true bars are longer."""


@dataclass(frozen=True, eq=False)
class ReliabilityPicture:
    """Everything that is drawn, in percent: Q levels, lowest first."""

    promised: Array  # (Q,)
    covered: Array  # (Q,): what came inside
    low: Array  # (Q,): the 95 % interval of the covered share, as if the forecasts were independent
    high: Array  # (Q,)
    inside: NDArray[np.int64]  # (Q,)
    total: NDArray[np.int64]  # (Q,)
    labels: Labels

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(Q,): whether the promise lies within the interval."""
        return (self.low <= self.promised) & (self.promised <= self.high)

    def sentences(self) -> list[str]:
        """One for each level.

        >>> reliability_picture([80], [61], total=76).sentences()
        ['promised 80 %, covered 80.3 % (70.0 to 87.7) of 76 forecasts']
        """
        parts = zip(self.promised, self.covered, self.low, self.high, self.total, strict=True)
        return [
            f"promised {promised:g} %, covered {covered:.1f} % ({low:.1f} to {high:.1f}) of {total:,} forecasts"
            for promised, covered, low, high, total in parts
        ]


def wilson(inside: Array, total: Array, *, level: float = 0.95) -> tuple[Array, Array]:
    """The interval of a share of which `inside` of `total` independent trials were seen, as shares.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927). Unlike the share plus and minus two standard errors it has a width at 0 and 1.

    >>> [edge.round(4).tolist() for edge in wilson(np.array([8, 10]), np.array([10, 10]))]
    [[0.4902, 0.7225], [0.9433, 1.0]]
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = inside / total
    middle = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * np.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    # Exactly so by the formula; rounding may miss it by a bit.
    return np.where(inside == 0, 0.0, middle - half), np.where(inside == total, 1.0, middle + half)


def reliability_picture(
    levels: Sequence[float], inside: ArrayLike, *, total: ArrayLike, labels: Labels | None = None
) -> ReliabilityPicture:
    """From levels (Q,) in percent and how many of `total` values came `inside`: (Q,) each, or one number for all.

    An `InputError` says which of these cannot be used.

    >>> picture = reliability_picture([95, 80], [18, 16], total=20)
    >>> picture.promised, picture.covered, picture.kept
    (array([80., 95.]), array([80., 90.]), array([ True,  True]))
    """
    promised = np.array([level_of(level, "levels") for level in levels])
    if not len(promised) or len(np.unique(promised)) < len(promised):
        raise InputError(f"levels: expected at least one, none twice, got {list(levels)}")
    counts = _counts(inside, "inside", promised.shape)
    totals = _counts(total, "total", promised.shape)
    if (totals < 1).any() or (counts > totals).any() or (counts < 0).any():
        raise OptionError(
            f"inside: expected 0 to total of each level, and totals of at least 1, got {counts.tolist()} of "
            f"{totals.tolist()}"
        )
    order = np.argsort(promised)
    counts, totals = counts[order], totals[order]
    low, high = wilson(counts, totals)
    return ReliabilityPicture(
        promised[order], 100 * counts / totals, 100 * low, 100 * high, counts, totals, labels or Labels()
    )


def _counts(given: ArrayLike, who: str, shape: tuple[int, ...]) -> NDArray[np.int64]:
    counts = np.asarray(given)
    if counts.dtype.kind not in "iu":
        raise InputError(f"{who}: expected whole numbers, got {counts.dtype}: give counts, not shares")
    if counts.shape not in ((), shape):
        raise ShapeError(f"{who}: expected one for each of {shape[0]} levels, got {counts.shape}")
    return np.broadcast_to(counts, shape).astype(np.int64)


def draw_reliability(picture: ReliabilityPicture, files: Sequence[str | os.PathLike[str]] | None = None) -> Any:
    """Draws covered over promised shares; writes .png, .svg or .pdf files; returns the figure."""

    def paint(figure: Any) -> None:
        axes = figure.subplots()
        p = picture
        axes.plot([0, 100], [0, 100], color=GREY, linewidth=1)
        axes.vlines(p.promised, p.low, p.high, color=BLUE, linewidth=2, alpha=0.6)
        axes.plot(p.promised, p.covered, "o", color=BLUE, markersize=6)
        _label_points(axes, p)
        low = _lower_edge(p)
        axes.set_xlim(low, 101)
        axes.set_ylim(low, 104)
        axes.set_title(f"{p.labels.title if p.labels.name else 'Intervals'}: what they promised, and what came inside")
        axes.set_xlabel("Promised (%)")
        axes.set_ylabel("Came inside (%)")
        _label_sides(axes)

    return figure_in(paint, files, size=(9, 6))


def _lower_edge(p: ReliabilityPicture) -> float:
    """Where the axes begin: at zero, or at a round number with room where all is far above it."""
    lowest = min(float(p.promised.min()), float(p.low.min()))
    return max(0.0, 10 * np.floor((lowest - 15) / 10)) if lowest > 30 else -1.0


def _label_points(axes: Any, p: ReliabilityPicture) -> None:
    """The level at each bar's end that is away from the line, and all numbers at the right."""
    clear = np.diff(p.promised, prepend=-_CLEAR) >= _CLEAR  # the others are at the right only
    for promised, covered, low, high in zip(*(x[clear] for x in (p.promised, p.covered, p.low, p.high)), strict=True):
        above = covered >= promised or low < _CLEAR
        axes.annotate(
            f"{promised:g}", (promised, high if above else low), xytext=(0, 3 if above else -4),
            textcoords="offset points", ha="center", va="bottom" if above else "top", fontsize=9, color=BLUE,
            annotation_clip=False,
        )  # fmt: skip
    lines = [
        f"{promised:g} %: came inside {covered:.1f} %\n{inside:,} of {total:,}, bar {low:.1f} to {high:.1f} %"
        for promised, covered, inside, total, low, high in zip(
            p.promised, p.covered, p.inside, p.total, p.low, p.high, strict=True
        )
    ]
    kept = f"{int(p.kept.sum())} of {len(p.kept)} bars hold what was promised"
    more = [f"and {len(lines) - _LISTED} more"] if len(lines) > _LISTED else []
    words = "\n\n".join([kept, *lines[:_LISTED], *more, _NOTE])
    axes.text(1.04, 0.99, words, transform=axes.transAxes, va="top", fontsize=9)


def _label_sides(axes: Any) -> None:
    words = {"transform": axes.transAxes, "color": GREY, "fontsize": 9}
    axes.text(0.02, 0.93, "above the line: wider than they need be", va="top", **words)
    axes.text(0.98, 0.02, "below the line: too narrow", ha="right", **words)
