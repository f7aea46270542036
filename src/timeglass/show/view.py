"""What part of the values an axis shows: all, but for few that would press everything else into a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.show.colours import INK
from timeglass.show.figure import shrunk
from timeglass.show.numbers import number
from timeglass.types import Array

__all__ = ["View", "mark_beyond", "view_of"]

_LEAST = 10  # values; fewer have no outliers
_FEW = 0.03  # of the values at each end may lie outside, at least one
_FAR = 2.0  # ranges of the others: what lies farther away is outside
_ROOM = 0.05  # of the axis, above and below
_NAMED = 3  # values outside that are written


@dataclass(frozen=True)
class View:
    """From where to where the values' axis reaches, in the series' own units; whether it cuts off a band."""

    low: float
    high: float
    cuts_band: bool

    def inside(self, values: Array) -> Array:
        """Values beyond the axis moved to its end."""
        return np.clip(values, self.low, self.high)

    def beyond(self, values: Array) -> NDArray[np.intp]:
        """The places of values outside, the farthest first."""
        away = np.maximum(self.low - values, values - self.high)
        order = np.argsort(-away, kind="stable")
        return order[: int((away > 0).sum())]


def view_of(seen: Array, others: Array, edges: Array) -> View | None:
    """The axis for values that must be `seen`, `others` (rows,), of which few may lie outside, and `edges` of bands.

    None where all of it is within two ranges of what is not an outlier: then the axis shows all.

    >>> view_of(np.array([3.0]), np.r_[np.arange(20.0), 1e6], np.array([0.0, 5.0]))
    View(low=0.0, high=19.0, cuts_band=False)
    >>> view_of(np.array([3.0]), np.arange(20.0), np.array([0.0, 5.0])) is None
    True
    """
    everything = np.concatenate([seen, others, edges])
    unit = float(np.abs(everything).max(initial=0.0))
    if len(others) < _LEAST or unit == 0:
        return None
    drop = max(1, int(_FEW * len(others)))
    kept = np.concatenate([seen, np.sort(others)[drop:-drop]]) / unit  # so that no difference is beyond a double
    low, high = float(kept.min()), float(kept.max())
    far_low, far_high = low - _FAR * (high - low), high + _FAR * (high - low)
    within = everything / unit
    outside = (within < far_low) | (within > far_high)
    if high == low or not outside.any():
        return None
    shown = np.concatenate([within[~outside], np.clip(edges / unit, far_low, far_high)])
    cuts = bool(outside[len(seen) + len(others) :].any())
    return View(unit * float(shown.min()), unit * float(shown.max()), cuts)


def mark_beyond(axes: Any, view: View, at: Array, values: Array, *, power: int) -> None:
    """Ends the axis where the view ends; each value outside is a triangle there, the farthest with their numbers."""
    low, high = (float(shrunk(np.array(end), power)) for end in (view.low, view.high))
    room = _ROOM * (high - low)
    axes.set_ylim(low - room, high + room)
    for count, place in enumerate(view.beyond(values)):
        above = values[place] > view.high
        end = high + room if above else low - room
        axes.plot(at[place : place + 1], [end], "^" if above else "v", color=INK, markersize=6, clip_on=False, zorder=5)
        if count < _NAMED:
            left = at[place] < np.mean(axes.get_xlim())
            axes.annotate(
                number(float(shrunk(values[place], power))), (at[place], end), fontsize=9, color=INK,
                xytext=(8 if left else -8, -4 if above else 4), textcoords="offset points",
                ha="left" if left else "right", va="top" if above else "bottom",
            )  # fmt: skip
