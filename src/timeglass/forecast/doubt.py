"""Intervals from held-back errors: how far off forecasts have been, step by step, in units of what each might be off.

Conformal prediction: V. Vovk, A. Gammerman, G. Shafer, "Algorithmic learning in a random world", 2005; with scores in
units that differ from case to case as in J. Lei and others, "Distribution-free predictive inference for regression",
Journal of the American Statistical Association 113, 2018. The unit is the size of a usual error of the series plus the
members' disagreement about this very forecast: a forecast that the members agree on is doubted less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.windows import Sight, smoothed_paths
from timeglass.types import Array

__all__ = [
    "Scores",
    "disagreement",
    "normal_half",
    "one_step_error",
    "smoothing_scores",
    "unit_of",
    "usual_times",
    "widening",
]

_FIRST = 3  # rows from which on smoothing's errors count
_LEAST = 1e-4
_FEW = 50  # scores at a step, below which its neighbours' count too
_OPINIONS = ("smoothing", "theta", "window", "guided")
_LEAST_INDEPENDENT = 2.0
# Independent errors at which their own tails, and their own size, count as much as what holds without them: tails that
# are alike, and smoothing's errors of all the time before.
_TRUST = 5.0
_FIRST_SHARE, _FIRST_ORIGIN = 4, 6  # smoothing must have seen so much of a series before its errors count there
_MOST_ORIGINS = 50_000
# A share that few errors resolve, and no outlier among them moves; a normal variable is so far off no more often.
_RESOLVED, _RESOLVED_NORMAL = 0.8, 1.2816
_FEWEST_SCORES = 4  # at a step that has quantiles of its own, where nothing was held back


def one_step_error(sight: Sight) -> Array:
    """(S,): the geometric mean of a series' mean change and of the mean size of smoothing's one-step errors, in z."""
    at = np.arange(len(sight.z))
    ahead = sight.smoothed.damped(at, 1)[:, 0]
    found = np.empty(len(sight.offsets) - 1)
    for s, (begin, end) in enumerate(zip(sight.offsets[:-1], sight.offsets[1:], strict=True)):
        rows = np.arange(end - begin)
        bare = sight.z[begin:end] - sight.form.season(np.full(len(rows), s), rows)
        errors = np.abs(bare[1:] - ahead[begin : end - 1])[min(_FIRST, max(len(rows) - 2, 0)) :]
        found[s] = max(float(errors.mean()) if len(errors) else 0.0, _LEAST)
    return np.sqrt(found * sight.form.spread)


def disagreement(members: Mapping[str, Array]) -> Array:
    """How far the members lie apart, (B, K): their standard deviation, never less than at an earlier step."""
    opinions = np.stack([members[name] for name in _OPINIONS if name in members] or list(members.values()))
    return np.maximum.accumulate(opinions.std(axis=0), axis=1)


def unit_of(error: Array, members: Mapping[str, Array]) -> Array:
    """What a forecast's error is measured in, (B, K)."""
    return error[:, None] + disagreement(members)


def usual_times(sight: Sight, known: NDArray[np.int64], error: Array, horizon: int, period: int) -> Array:
    """(K,): how many times as large smoothing's errors were before the rows held back as they were in those.

    The first `known` (S,) rows of each series lie before. A quiet month is a poor measure of the months to come, and a
    wild one, too; smoothing has forecast all the time before, and knew no later row. `error` (S,) is what its errors
    are measured in. Indices of a season that were learned from the very rows understate errors by the square root of
    (1 - 1/c) / (1 + 1/c), c being the number of seasons of `period` rows.
    """
    lengths = np.diff(sight.offsets)
    first = np.minimum(np.maximum(_FIRST_ORIGIN, known // _FIRST_SHARE), known)
    before = _sizes(sight, first, known, error, horizon)
    held = _sizes(sight, known, lengths, error, horizon)
    before *= _seasons_learned(sight, known, period)[:, None]
    both = np.isfinite(before) & np.isfinite(held)
    count = both.sum(axis=0)
    if not count.any():
        return np.ones(horizon)
    before, held = (np.where(both, sizes, 0.0).sum(axis=0) + _LEAST * count for sizes in (before, held))
    times = np.log(np.divide(before, held, out=np.ones(horizon), where=count > 0))
    times[count == 0] = times[count > 0].mean()
    reach = horizon // 4  # steps beside, whose errors are nearly the same ones
    return np.exp([times[max(0, k - reach) : k + reach + 1].mean() for k in range(horizon)])


def smoothing_scores(sight: Sight, horizon: int, period: int) -> Scores | None:
    """Where nothing could be held back: errors of smoothing and theta from all origins of the rows; None if too few.

    They knew no later row, but for the season and the form.
    """
    lengths = np.diff(sight.offsets)
    first = np.minimum(np.maximum(_FIRST_ORIGIN, lengths // _FIRST_SHARE), lengths)
    which, origins = _places(first, lengths)
    rows = origins[:, None] + np.arange(horizon)
    actual = sight.z[np.minimum(sight.offsets[which][:, None] + rows, len(sight.z) - 1)]
    damped, theta = smoothed_paths(sight, which, origins, horizon)
    unit = unit_of(one_step_error(sight)[which], {"smoothing": damped, "theta": theta})
    errors = (actual - (2 * damped + theta) / 3) / unit * _seasons_learned(sight, lengths, period)[which][:, None]
    scores = np.where(rows < lengths[which][:, None], errors, np.nan)
    steps = int((np.isfinite(scores).sum(axis=0) >= _FEWEST_SCORES).sum())
    return Scores(scores[:, :steps], len(which) / np.arange(1, steps + 1)) if steps else None


def _seasons_learned(sight: Sight, known: NDArray[np.int64], period: int) -> Array:
    """(S,): how much larger errors are than those beside a season that was learned from the same rows."""
    seasons = np.maximum(known / max(1, period), 2.0)
    return np.where(sight.form.seasons.any(axis=1), np.sqrt((1 + 1 / seasons) / (1 - 1 / seasons)), 1.0)


def _places(first: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Series (N,) and origins (N,) from `first` (S,) to `end` (S,), of very many some evenly."""
    stride = max(1, int((end - first).sum()) // _MOST_ORIGINS)
    own = [np.arange(a, b, stride) for a, b in zip(first, end, strict=True)]
    return np.repeat(np.arange(len(own)), [len(some) for some in own]), np.concatenate(own)


def _sizes(sight: Sight, first: NDArray[np.int64], end: NDArray[np.int64], error: Array, horizon: int) -> Array:
    """Mean absolute errors (S, K) of smoothing from the origins `first` (S,) to `end` (S,), of rows before that end."""
    which, origins = _places(first, end)
    rows = origins[:, None] + np.arange(horizon)
    came = rows < end[which][:, None]
    actual = sight.z[np.minimum(sight.offsets[which][:, None] + rows, len(sight.z) - 1)]
    season = sight.form.season(which[:, None], rows)
    size = np.abs(actual - season - sight.smoothed.damped(sight.offsets[which] + origins - 1, horizon))
    sums, counts = (np.zeros((len(first), horizon)) for _ in range(2))
    np.add.at(sums, which, np.where(came, size, 0.0) / error[which][:, None])
    np.add.at(counts, which, came)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def widening(share: float, count: float) -> float:
    """How much wider than its quantiles an interval is: Student's over the normal one's, and the new case's own error.

    `count` errors are independent. R. A. Fisher, E. A. Cornish, "The percentile points of distributions having known
    cumulants", 1960.

    >>> round(widening(0.9, 40.0), 3)
    1.036
    """
    count, normal = max(count, _LEAST_INDEPENDENT), NormalDist().inv_cdf((1 + share) / 2)
    return float(np.sqrt(1 + 1 / count) * (1 + (normal**2 + 1) / (4 * count)))


def normal_half(share: float, count: float) -> float:
    """Half of a normal interval that holds such a share, in standard deviations, widened likewise.

    >>> round(normal_half(0.9, 1e9), 3)
    1.645
    """
    return NormalDist().inv_cdf((1 + share) / 2) * widening(share, count)


@dataclass(frozen=True, eq=False)
class Scores:
    """Errors of held-back forecasts in their units, (B, K), NaN where nothing came."""

    scores: Array
    independent: Array | float  # (K,), or the same for all steps: how many of the scores do not depend on each other
    usual: Array | float = 1.0  # (K,): how many times as large errors of the time before were

    def quantiles(self, share: float, horizon: int) -> tuple[Array, Array]:
        """Lower and upper ends (horizon,), in units, of an interval that holds such a share of the errors.

        An interval holds the point forecast, never narrows with the step, and lies inside that of a larger share. The
        fewer independent errors there are, the more it is as if each had come with either sign, and as large as errors
        were in the time before; and it is wider, as Student's t is beside the normal distribution, whose quantiles
        count where too few errors lie in a tail. Steps beyond the held-back ones widen with the root of the step.
        """
        steps = self.scores.shape[1]
        ends = np.array([self._ends(share, step) for step in range(steps)])
        low = np.minimum.accumulate(np.minimum(ends[:, 0], 0.0))
        high = np.maximum.accumulate(np.maximum(ends[:, 1], 0.0))
        if horizon > steps:
            growth = np.sqrt(np.arange(steps + 1, horizon + 1) / steps)
            low, high = np.append(low, low[-1] * growth), np.append(high, high[-1] * growth)
        return low[:horizon], high[:horizon]

    def _ends(self, share: float, step: int) -> Array:
        scores, steps = self._around(step), self.scores.shape[1]
        count = max(1.0, float(np.broadcast_to(self.independent, steps)[step]))
        doubt, tail, both = _TRUST / (_TRUST + count), (1 - share) / 2, np.array([-1.0, 1.0])
        tails, alike = np.quantile(scores, [tail, 1 - tail]), np.quantile(np.abs(scores), share) * both
        # Of forecasts that overlap by k rows one in k is another one. Where hardly one of those lies beyond an end, the
        # quantile is no more than the largest of them: the normal distribution's reaches further.
        seen = np.isfinite(self.scores[:, step]).sum() / (step + 1) * tail
        normal = NormalDist().inv_cdf(1 - tail) * both
        middle = float(np.median(scores))
        about, size = (np.quantile(np.abs(scores - m), _RESOLVED) / _RESOLVED_NORMAL for m in (middle, 0.0))
        # Only outwards: or a larger share, of which fewer are seen, could have the narrower interval.
        tails = tails + both * np.maximum(both * (middle + about * normal - tails), 0) / (seen + 1)
        alike = alike + both * np.maximum(both * (size * normal - alike), 0) / (seen + 1)
        times = float(np.broadcast_to(self.usual, steps)[step]) ** doubt
        # Errors of either sign are up to twice as many.
        return ((1 - doubt) * tails + doubt * alike) * times * widening(share, count * (1 + doubt))

    def _around(self, step: int) -> Array:
        """The scores at a step, and at as many steps around it as it takes to have enough."""
        steps = self.scores.shape[1]
        for reach in range(steps):
            near = self.scores[:, max(0, step - reach) : step + reach + 1]
            known = near[np.isfinite(near)]
            if len(known) >= _FEW or reach > steps // 4:
                break
        return known if len(known) else self.scores[np.isfinite(self.scores)]
