"""What the networks read: windows of z less their level, in units of a series' spread, with covariates beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.form import Form
from timeglass.forecast.layout import Layout
from timeglass.forecast.smoothing import Smoothed, smooth
from timeglass.types import Array, Floats

__all__ = [
    "Channels",
    "Sight",
    "first_rows",
    "inputs",
    "look",
    "reach",
    "smoothed_paths",
    "training_origins",
    "window_rows",
]

_STRAIGHT = 3.0  # times what a line through all rows would go on by
_OWN_CHANGE = 0.9  # of a window's unit: the rest keeps a quiet window from blowing up the next step


@dataclass(frozen=True, eq=False)
class Sight:
    """All that forecasts are made from: z of S series one after another, and what smoothing knows after each row.

    `channels` holds the covariates (rows + future rows, C) of each series, `channel_offsets` where those of each begin;
    `ahead` (C,) says which of them are known of rows that are yet to come.
    """

    form: Form
    z: Array  # (rows,)
    offsets: NDArray[np.int64]  # (S + 1,)
    smoothed: Smoothed
    channels: Array  # (channel rows, C)
    channel_offsets: NDArray[np.int64]  # (S + 1,)
    ahead: NDArray[np.bool_]  # (C,)


@dataclass(frozen=True, eq=False)
class Channels:
    """Covariates beside S series, (rows + future rows, C) of each in the networks' units; which are known ahead."""

    values: tuple[Array, ...]
    ahead: NDArray[np.bool_]  # (C,)

    def of(self, series: Sequence[int] | NDArray[np.int64]) -> Channels:
        """Those of some of the series."""
        return Channels(tuple(self.values[s] for s in series), self.ahead)


def look(
    form: Form, series: Sequence[Array], channels: Channels | None = None, *, horizon: int, seen: Sight | None = None
) -> Sight:
    """Brings values (rows,) of each series into its form and smooths them, for forecasts of `horizon` rows.

    What was `seen` already is not smoothed again.
    """
    z = [form.transform(s, y) for s, y in enumerate(series)]
    offsets = np.concatenate([[0], np.cumsum([len(y) for y in series])]).astype(np.int64)
    bare = [values - form.season(np.full(len(values), s), np.arange(len(values))) for s, values in enumerate(z)]
    beside = (np.zeros((0, 0)),) * len(series) if channels is None else channels.values
    ahead = np.zeros(0, bool) if channels is None else channels.ahead
    ends = np.concatenate([[0], np.cumsum([len(rows) for rows in beside])]).astype(np.int64)
    flat = np.concatenate(z)
    again = seen is not None and np.array_equal(seen.offsets, offsets) and np.array_equal(seen.z, flat)
    smoothed = seen.smoothed if seen is not None and again else smooth(bare, horizon)
    return Sight(form, flat, offsets, smoothed, np.concatenate(beside), ends, ahead)


def first_rows(sight: Sight, rows: NDArray[np.int64]) -> Sight:
    """The same as it was after the first `rows` (S,) rows of each series: smoothing knows no row before it comes."""
    kept = np.concatenate([np.arange(begin, begin + n) for begin, n in zip(sight.offsets, rows, strict=False)])
    offsets = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
    s = sight.smoothed
    smoothed = Smoothed(offsets, s.level[kept], s.trends[kept], s.flat[kept], s.lag[kept], s.slope[kept])
    return replace(sight, z=sight.z[kept], offsets=offsets, smoothed=smoothed)


def training_origins(sight: Sight, layout: Layout) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All windows that have their targets: which series (N,), and how many of its rows lie before the targets (N,)."""
    which, origins = [], []
    for s, rows in enumerate(np.diff(sight.offsets)):
        if rows > layout.horizon:
            own = np.arange(max(1, min(layout.first, rows - layout.horizon)), rows - layout.horizon + 1)
            which.append(np.full(len(own), s))
            origins.append(own)
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *which]), np.concatenate([empty, *origins])


def window_rows(sight: Sight, layout: Layout, which: NDArray[np.int64], origins: NDArray[np.int64]) -> Array:
    """The last `time_steps` values of z before each origin, (N, T); the first value stands for those before it."""
    rows = np.maximum(origins[:, None] + np.arange(-layout.time_steps, 0), 0)
    return sight.z[sight.offsets[which][:, None] + rows]


def smoothed_paths(
    sight: Sight, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int
) -> tuple[Array, Array]:
    """Damped smoothing's and theta's forecasts of z, both (N, horizon), with the season."""
    at = sight.offsets[which] + origins - 1
    season = sight.form.season(which[:, None], origins[:, None] + np.arange(horizon))
    return sight.smoothed.damped(at, horizon) + season, sight.smoothed.theta(at, horizon) + season


def reach(sight: Sight, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int) -> tuple[Array, Array]:
    """The lowest and the highest z, both (N, horizon), that a forecast may come to.

    Each is as far from the rows before the origin as these are from each other, and three times as far as a line
    through them would go: what lies beyond comes of an outlier among the last rows, or of errors that feed themselves.
    """
    low, high = np.empty_like(sight.z), np.empty_like(sight.z)
    for begin, end in zip(sight.offsets[:-1], sight.offsets[1:], strict=True):
        low[begin:end] = np.minimum.accumulate(sight.z[begin:end])
        high[begin:end] = np.maximum.accumulate(sight.z[begin:end])
    at = sight.offsets[which] + origins - 1
    far = 1 + _STRAIGHT * np.arange(1, horizon + 1) / origins[:, None]
    room = (high[at] - low[at] + sight.form.spread[which])[:, None] * far
    return low[at][:, None] - room, high[at][:, None] + room


def inputs(
    sight: Sight,
    layout: Layout,
    which: NDArray[np.int64],
    origins: NDArray[np.int64],
    window: Array,
    path: Array | None,
    *,
    known: NDArray[np.int64] | None = None,
) -> tuple[Floats, Array, Array]:
    """A network's input (N, T', F), the level (N,) that its window was taken less, and the unit (N,) that it is in.

    After the window come the rows to forecast, where there is a `path` (N, horizon) of z that smoothing expects, or
    covariates; what is not known there is 0. Each step of the input holds `chunk` rows, all their channels. Where
    forecasts are read on as if they had come, only `known` (N,) rows have: past covariates stay as they were then.
    """
    count, extra = sight.channels.shape[1], path is not None or sight.channels.shape[1] > 0
    level = window[:, -layout.level :].mean(axis=1)
    unit = _units(sight.form.spread[which], window)
    ahead = -(-layout.horizon // layout.chunk) * layout.chunk if extra else 0
    x = np.zeros((len(which), layout.time_steps + ahead, 1 + count), np.float32)
    x[:, : layout.time_steps, 0] = (window - level[:, None]) / unit[:, None]
    if path is not None:
        x[:, layout.time_steps : layout.time_steps + layout.horizon, 0] = (path - level[:, None]) / unit[:, None]
    if count:
        width = layout.time_steps + layout.horizon
        rows = np.maximum(origins[:, None] + np.arange(-layout.time_steps, layout.horizon), 0)
        last = np.diff(sight.channel_offsets)[which][:, None] - 1
        begin = sight.channel_offsets[which][:, None]
        come = np.minimum(rows, (origins if known is None else known)[:, None] - 1)
        beside, before = (sight.channels[begin + np.minimum(r, last)] for r in (rows, come))
        x[:, :width, 1:] = np.where(sight.ahead, beside, before)
        x[:, layout.time_steps :, 1:] *= sight.ahead  # of the others nothing is known yet
    return x.reshape(len(x), -1, layout.chunk * (1 + count)), level, unit


def _units(spread: Array, window: Array) -> Array:
    """What a network's numbers count in, (N,): the mean change within the window, and a little of the whole series'."""
    change = np.abs(np.diff(window, axis=1)).mean(axis=1) if window.shape[1] > 1 else spread
    return _OWN_CHANGE * change + (1 - _OWN_CHANGE) * spread
