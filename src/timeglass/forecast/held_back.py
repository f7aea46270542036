"""Forecasts of rows that were held back: what weights, intervals and the verdict rest on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.combine import independent_series
from timeglass.forecast.doubt import one_step_error, usual_times
from timeglass.forecast.form import Form
from timeglass.forecast.layout import layout_for
from timeglass.forecast.members import fit_core, member_forecasts
from timeglass.forecast.season import FEWEST_PERIODS, PERIODS
from timeglass.forecast.settings import Task
from timeglass.forecast.windows import Channels, first_rows, look
from timeglass.types import Array

__all__ = ["MANY_SERIES", "HeldBack", "hold_back", "rows_held_back"]

MANY_SERIES = 20  # series from which on one horizon of each is enough
_SHARE = 3  # of fewer series' rows, one in so many is held back
_LEAST_LEFT = 8  # rows to learn from
_MOST_ORIGINS = 20_000  # in all


@dataclass(frozen=True, eq=False)
class HeldBack:
    """B forecasts of up to K rows, made by models that had seen none of these rows; all numbers are z.

    `which` (B,) are places in the list of series that was given, `origins` (B,) how many rows were known. `actual` is
    NaN beyond a series' end. `unit` (B,) is half of what intervals are measured in: the size of a usual error. `form`
    is the one that the models worked in, `place` (B,) a series' place there.
    """

    which: NDArray[np.int64]
    origins: NDArray[np.int64]
    actual: Array  # (B, K)
    members: dict[str, Array]  # (B, K) each
    lanes: Array  # (L, B, K): the single networks
    spread: Array  # (B,)
    unit: Array  # (B,)
    form: Form
    place: NDArray[np.int64]
    usual: Array  # (K,): how many times as large smoothing's errors were in all the time before
    independent: float  # how many of the forecasts do not depend on each other


def rows_held_back(lengths: Sequence[int], horizon: int) -> int:
    """How many rows at the end of each series are held back.

    >>> rows_held_back([126] * 1428, 18), rows_held_back([144], 12)
    (18, 48)
    """
    if len(lengths) >= MANY_SERIES:
        return horizon
    return max(horizon, int(np.median(lengths)) // _SHARE)


def hold_back(
    series: Sequence[Array],
    task: Task,
    *,
    logged: NDArray[np.bool_] | None = None,
    channels: Channels | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> HeldBack | None:
    """Learns from all but each series' last rows and forecasts those from every origin; None where too few are left.

    `series` are values (rows,) in their units, `logged` (S,) says of which the logarithms are forecast, where that is
    known: it must be of those that are once all rows are learned from, or the record would be another method's.
    """
    lengths, horizon = np.array([len(y) for y in series]), task.horizon
    held = rows_held_back([len(y) for y in series], horizon)
    # Where all rows have a season to learn, those that are left must have one, too, or the record is another method's.
    seasonal = (lengths >= PERIODS * task.period) & (task.period > 1)
    left = np.where(seasonal, FEWEST_PERIODS * task.period, 0)
    long = np.flatnonzero(lengths - held >= np.maximum(max(_LEAST_LEFT, horizon + 2), left))
    if not len(long):
        return None
    known = [series[s][: lengths[s] - held] for s in long.tolist()]
    beside = None if channels is None else channels.of(long)
    chosen = None if logged is None else logged[long].tolist()
    form = Form.fit(known, task.period, log=task.log, logged=chosen, seasonal=seasonal[long].tolist())
    whole = look(form, [series[s] for s in long.tolist()], beside, horizon=horizon)
    past = first_rows(whole, lengths[long] - held)
    layout = layout_for([len(y) for y in known], task)
    core = fit_core(past, layout, task.networks, seed=task.seed + 1, on_progress=on_progress)
    stride = max(1, -(-len(long) * held // _MOST_ORIGINS))
    ahead = np.arange(0, held, stride)
    place = np.repeat(np.arange(len(long)), len(ahead))
    origins = (lengths[long][:, None] - held + ahead).ravel()
    members, lanes = member_forecasts(core, whole, place, origins, horizon)
    rows = origins[:, None] + np.arange(horizon)
    came = whole.z[np.minimum(whole.offsets[place][:, None] + rows, len(whole.z) - 1)]
    error = one_step_error(past)
    usual = usual_times(whole, lengths[long] - held, error, horizon, task.period)
    return HeldBack(
        long[place], origins, np.where(rows < lengths[long][place][:, None], came, np.nan), members, lanes,
        form.spread[place], error[place], form, place, usual, independent_series(past) * held / horizon,
    )  # fmt: skip
