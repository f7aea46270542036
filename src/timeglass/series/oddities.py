"""What looks odd in a series: shown, never removed. Each search stands in a file of its own beside this one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import OptionError
from timeglass.series.level_shift import level_shift
from timeglass.series.odd_stretches import constant_stretches, copied_stretches
from timeglass.series.odd_values import off_scale, repeated_values, squeezed_range, stand_ins
from timeglass.series.oddity import Oddity, worst
from timeglass.series.outliers import outliers, running_median
from timeglass.types import Array

__all__ = ["Oddity", "oddities"]


def oddities(values: ArrayLike, *, period: int = 1) -> tuple[Oddity, ...]:
    """What is odd about values (rows,), finite and in time order, the worst 20 of each kind; in the order of the rows.

    What stands for missing values or is off the scale is said once: outliers and level shifts are then looked for as if
    it lay on the line between its neighbours. Level shifts are looked for as if no outlier were there.

    >>> for oddity in oddities([4.0, 5, 7, 6, 5, -999, 6, 5, 4, 5]):
    ...     print(f"{oddity.first}: {oddity.words}")
    5: -999 comes once; all other values lie between 4 and 7: does it stand for a missing one?
    5: 90 % of the values lie in 0.3 % of the range, 4 to 7; with -999 a min-max scale leaves them no room
    """
    x = _checked(values, period)
    if len(x) < 2:
        return ()
    if (x == x[0]).all():
        return (Oddity("constant", 0, len(x) - 1, float(len(x)), "no variation; nothing to learn"),)
    scale = off_scale(x)
    missing = stand_ins(x, _marked(x, scale))
    stands_in = np.isin(x, [x[oddity.first] for oddity in missing])  # (rows,)
    away = stands_in | _marked(x, scale)
    near = _bridged(x, away)
    spikes = outliers(near, period=period)
    runs = [oddity for oddity in constant_stretches(x) if not away[oddity.first]]
    found = [
        *worst([oddity for oddity in scale if not stands_in[oddity.first]]),
        *worst(missing or repeated_values(x)),
        *worst(spikes),
        *worst(runs),
        *level_shift(_calmed(near, spikes), period=period),
        *worst(copied_stretches(x, period=period)),
        *squeezed_range(x),
    ]
    return tuple(sorted(found, key=lambda oddity: oddity.first))


def _checked(values: ArrayLike, period: int) -> Array:
    x = np.asarray(values, np.float64)
    if x.ndim != 1:
        raise OptionError(f"values: oddities takes one series (rows,), but this has shape {x.shape}")
    if not np.isfinite(x).all():
        raise OptionError(f"values: row {int(np.argmin(np.isfinite(x))) + 1} is not finite: leave out missing values")
    if isinstance(period, bool) or not isinstance(period, int | np.integer) or period < 1:
        raise OptionError(f"period: {period!r} is no whole number from 1 on; 1 is no season")
    return x


def _marked(x: Array, found: list[Oddity]) -> Array:
    """(rows,): where the findings of one row each are."""
    marked = np.zeros(len(x), bool)
    marked[[oddity.first for oddity in found]] = True
    return marked


def _bridged(x: Array, away: Array) -> Array:
    """(rows,) with straight lines over the rows `away`, which are never all."""
    if not away.any():
        return x
    rows = np.arange(len(x))
    reach = np.abs(x[~away]).max() or 1.0  # the difference of two of the largest doubles is beyond a double
    bridged = x.copy()
    bridged[away] = np.interp(rows[away], rows[~away], x[~away] / reach) * reach
    return bridged


def _calmed(x: Array, spikes: list[Oddity]) -> Array:
    """(rows,) with the running median in place of outliers."""
    if not spikes:
        return x
    return np.where(_marked(x, spikes), running_median(x / 2) * 2, x)  # the median of 7 is one of them
