"""The record of the intervals: what was promised, and what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from timeglass.forecast.learn import Learned
from timeglass.types import Array

__all__ = ["Coverage", "coverage_of"]

_FEWEST_SERIES = 4  # from which on halves are made of series; of fewer, of time
_FEWEST = 20  # forecasts that say anything


@dataclass(frozen=True)
class Coverage:
    """Of `forecasts` held-back values, the share `covered` by intervals that promised `level` percent.

    The intervals rest on other held-back errors than those that they are tested on: the other half of the series, or
    the earlier origins. `covered` is None where too few were left for that.
    """

    level: float
    covered: float | None
    forecasts: int
    steps: tuple[float, ...] = ()  # the same for each step

    def sentence(self) -> str:
        """In words.

        >>> Coverage(90, 0.88, 120).sentence()
        'promised 90 %, covered 88 % of 120 forecasts'
        >>> Coverage(90, None, 0).sentence()
        'promised 90 %, not tested: too few held-back rows'
        """
        if self.covered is None:
            return f"promised {self.level:g} %, not tested: too few held-back rows"
        return f"promised {self.level:g} %, covered {100 * self.covered:.0f} % of {self.forecasts:,} forecasts"


def coverage_of(groups: Sequence[Learned], level: float) -> Coverage:
    """The record over all groups of series."""
    inside, known = [], []
    for learned in groups:
        if learned.scores is not None and learned.held_back is not None:
            for fitted_on, tested_on in _halves(learned):
                low, high = replace(learned.scores, scores=learned.scores.scores[fitted_on]).quantiles(
                    level / 100, learned.scores.scores.shape[1]
                )
                scores = learned.scores.scores[tested_on]
                known.append(np.isfinite(scores))
                inside.append((scores >= low) & (scores <= high))
    if not known or sum(int(k.sum()) for k in known) < _FEWEST:
        return Coverage(level, None, 0)
    hits, count = np.concatenate([a & k for a, k in zip(inside, known, strict=True)]), np.concatenate(known)
    steps = hits.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
    return Coverage(level, float(hits.sum() / count.sum()), int(count.sum()), tuple(steps.tolist()))


def _halves(learned: Learned) -> list[tuple[Array, Array]]:
    """Rows of the scores to rest on, and rows to test."""
    held = learned.held_back
    assert held is not None
    if len(np.unique(held.which)) >= _FEWEST_SERIES:
        even = held.which % 2 == 0
        return [(even, ~even), (~even, even)]
    # In time: no interval rests on an error that was known only after its forecast.
    first = {int(s): int(held.origins[held.which == s].min()) for s in np.unique(held.which)}
    order = held.origins - np.array([first[int(s)] for s in held.which])
    half = (order.max() + 1) / 2
    steps = held.actual.shape[1]
    early = order + steps <= half if (order + steps <= half).sum() >= _FEWEST else order < half
    return [(early, order >= half)]
