"""Is a forecast better than doing nothing, or not shown to be?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from timeglass.evaluate.metrics import root_mean_squared_error
from timeglass.types import Array

__all__ = ["Verdict", "judge"]

_RESAMPLES = 10_000
_LEVEL = 0.95
_MOST_DRAWN = 2**22  # windows in memory at once


@dataclass(frozen=True)
class Verdict:
    """The change of RMSE against a baseline, as a share of the baseline's, with its 95 % interval."""

    outcome: Literal["better", "worse", "not shown"]
    change: float
    low: float
    high: float
    windows: int

    def sentence(self, forecast: str, baseline: str) -> str:
        """In words: `forecast` and `baseline` are what the two are called."""
        head = {
            "better": "Better than doing nothing",
            "worse": "Worse than doing nothing",
            "not shown": "Not shown to be better than doing nothing",
        }[self.outcome]
        if not np.isfinite([self.change, self.low, self.high]).all():
            return f"{head}: {baseline} is exact in some or all of the {self.windows} test windows, {forecast} is not."
        side = "below" if self.change < 0 else "above"
        return (
            f"{head}: the test RMSE of {forecast} is {abs(self.change):.1%} {side} that of {baseline} "
            f"(95% interval {self.low:+.1%} to {self.high:+.1%}, paired bootstrap over {self.windows} windows)."
        )


def judge(actual: Array, forecast: Array, baseline: Array, *, seed: int) -> Verdict:
    """Compares two forecasts (N,) of the same windows by resampling the windows in pairs.

    The windows do not overlap, so they are drawn one by one, with replacement, 10,000 times; the interval is
    the middle 95 % of the changes of RMSE. B. Efron, R. J. Tibshirani, "An introduction to the bootstrap", 1993.
    """
    ours, theirs = root_mean_squared_error(actual, forecast), root_mean_squared_error(actual, baseline)
    if theirs == 0:
        return Verdict("not shown" if ours == 0 else "worse", 0.0 if ours == 0 else np.inf, 0.0, np.inf, len(actual))
    squares = np.square(np.stack([actual - forecast, actual - baseline]))  # (2, N)
    rng, at_once = np.random.default_rng(seed), max(1, _MOST_DRAWN // len(actual))
    # The mean squared errors of each resample, both on the same windows.
    pair = np.concatenate(
        [
            squares[:, rng.integers(0, len(actual), size=(min(at_once, _RESAMPLES - done), len(actual)))].mean(axis=2)
            for done in range(0, _RESAMPLES, at_once)
        ],
        axis=1,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = np.where(pair[1] > 0, np.sqrt(pair[0] / pair[1]) - 1, 0.0)
    low, high = np.quantile(changes, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    outcome: Literal["better", "worse", "not shown"] = "better" if high < 0 else "worse" if low > 0 else "not shown"
    return Verdict(outcome, float(ours / theirs - 1), float(low), float(high), len(actual))
