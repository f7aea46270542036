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

from timeglass.forecast.windows import Sight
from timeglass.types import Array

__all__ = ["Scores", "disagreement", "one_step_error", "unit_of"]

_FIRST = 3  # rows from which on smoothing's errors count
_LEAST = 1e-4
_FEW = 50  # scores at a step, below which its neighbours' count too
_OPINIONS = ("smoothing", "theta", "window", "guided")
_LEAST_INDEPENDENT = 2.0


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


@dataclass(frozen=True, eq=False)
class Scores:
    """Errors of held-back forecasts in their units, (B, K), NaN where nothing came."""

    scores: Array
    independent: Array | float  # (K,), or the same for all steps: how many of the scores do not depend on each other

    def quantiles(self, share: float, horizon: int) -> tuple[Array, Array]:
        """Lower and upper ends (horizon,), in units, of an interval that holds such a share of the errors.

        An interval holds the point forecast, never narrows with the step, and lies inside that of a larger share. As
        the quantiles rest on few independent errors, they are widened as Student's t is beside the normal distribution.
        Steps beyond the held-back ones widen with the square root of the step.
        """
        steps = self.scores.shape[1]
        tails = np.array([(1 - share) / 2, (1 + share) / 2])
        ends = np.array([np.quantile(self._around(step), tails) * self.widening(share, step) for step in range(steps)])
        low = np.minimum.accumulate(np.minimum(ends[:, 0], 0.0))
        high = np.maximum.accumulate(np.maximum(ends[:, 1], 0.0))
        if horizon > steps:
            growth = np.sqrt(np.arange(steps + 1, horizon + 1) / steps)
            low, high = np.append(low, low[-1] * growth), np.append(high, high[-1] * growth)
        return low[:horizon], high[:horizon]

    def widening(self, share: float, step: int = 0) -> float:
        """How much wider than the quantiles: Student's over the normal one's, and the new case's own error.

        R. A. Fisher, E. A. Cornish, "The percentile points of distributions having known cumulants", 1960.

        >>> round(Scores(np.zeros((1, 1)), 40.0).widening(0.9), 3)
        1.036
        """
        count = max(float(np.broadcast_to(self.independent, self.scores.shape[1])[step]), _LEAST_INDEPENDENT)
        normal = NormalDist().inv_cdf((1 + share) / 2)
        return float(np.sqrt(1 + 1 / count) * (1 + (normal**2 + 1) / (4 * count)))

    def normal(self, share: float) -> float:
        """Half of a normal interval that holds such a share, in standard deviations, widened likewise."""
        return NormalDist().inv_cdf((1 + share) / 2) * self.widening(share)

    def _around(self, step: int) -> Array:
        """The scores at a step, and at as many steps around it as it takes to have enough."""
        steps = self.scores.shape[1]
        for reach in range(steps):
            near = self.scores[:, max(0, step - reach) : step + reach + 1]
            known = near[np.isfinite(near)]
            if len(known) >= _FEW or reach > steps // 4:
                break
        return known if len(known) else self.scores[np.isfinite(self.scores)]
