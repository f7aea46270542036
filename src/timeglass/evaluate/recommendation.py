"""What to do after a comparison with all baselines: one answer, where each comparison states its own fact only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from timeglass.evaluate.comparison import Comparison

__all__ = ["Recommendation", "recommend"]

_MOST_PERCENT = 999  # that are told apart


@dataclass(frozen=True)
class Recommendation:
    """Which forecast to use. `use` is a baseline's name, None where there is no reason to leave the forecast.

    `outcome` is "better" than the best baseline, "worse", or "not shown"; "too few" held-back rows to tell; "nothing"
    to compare. Only "worse" and "not shown" come with a baseline to use: the one that errs least.
    """

    outcome: Literal["better", "worse", "not shown", "too few", "nothing"]
    use: str | None
    sentence: str


def recommend(verdict: Sequence[Comparison]) -> Recommendation:
    """One recommendation from the comparisons with all baselines, as `verdict_table` or `Backtest.verdict` give them.

    >>> import numpy as np
    >>> from timeglass.evaluate.comparison import verdict_table
    >>> from timeglass.evaluate.origins import Origins
    >>> origins = Origins(np.zeros((40, 1)), np.zeros(40, int), np.ones(40), horizon=1)
    >>> baselines = {"mean": np.full((40, 1), 4.0), "naive": np.full((40, 1), 2.0)}
    >>> recommend(verdict_table(origins, np.full((40, 1), 2.0), baselines)).sentence
    'not shown to be better: use the naive forecast'
    >>> recommend(verdict_table(origins, np.full((40, 1), 1.0), baselines)).sentence
    'better than every baseline'
    """
    if not verdict:
        return Recommendation("nothing", None, "nothing can be compared: no rows were held back")
    best = min(verdict, key=lambda each: each.error_theirs)
    if best.forecasts == 0:
        which = "the only forecast is" if best.left_out == 1 else f"all {best.left_out:,} forecasts are"
        why = f"{which} of rows that were not observed, or of a series without a change to scale errors by"
        return Recommendation("nothing", None, f"nothing can be compared: {why}")
    if not best.enough:
        count = f"of {best.forecasts:,} forecast{'s' * (best.forecasts != 1)} {best.too_few}"
        return Recommendation("too few", None, f"too few held-back rows to tell: {count}{_so_far(best)}")
    open_ = [each.theirs for each in verdict if each.outcome != "better"]
    if not open_:
        return Recommendation("better", None, "better than every baseline")
    if best.outcome == "better":
        said = f"better than {best.theirs}, the best baseline; not shown to be better than {', '.join(open_)}"
        return Recommendation("better", None, said)
    said = f"worse than {best.theirs}" if best.outcome == "worse" else "not shown to be better"
    return Recommendation(best.outcome, best.theirs, f"{said}: use the {best.theirs} forecast")


def _so_far(best: Comparison) -> str:
    if not math.isfinite(best.change):
        return f"; so far {best.theirs} is exact"
    percent = round(100 * abs(best.change))
    shown = str(percent) if percent <= _MOST_PERCENT else f"over {_MOST_PERCENT}"
    beside = f"{shown} % {'lower' if best.change < 0 else 'higher'} than" if percent else "the same as"
    return f"; so far the error is {beside} that of {best.theirs}, the best baseline"
