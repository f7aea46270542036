"""Is a forecast better than another over many origins, by how much, and how sure is that? In one plain sentence.

What to do about it is said once for all baselines, in `timeglass.evaluate.recommendation`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import OptionError
from timeglass.evaluate.dm_test import DMTest, diebold_mariano, student_t_quantile
from timeglass.evaluate.origins import LEAST_BLOCKS, Measure, Origins, Units, drawn_means, units_of
from timeglass.prepare.checks import whole_number
from timeglass.types import Array

__all__ = ["Comparison", "Outcome", "compare", "verdict_table"]

_LEVEL = 0.95
_MEASURES = {"mae": "mean absolute error", "rmse": "root mean squared error"}
_MOST_PERCENT = 999
_MOST_DECIMALS = 2
_SAME = 0.0005  # a share that no decision hangs on: errors that differ by less are the same

Outcome = Literal["better", "worse", "not shown"]


@dataclass(frozen=True)
class Comparison:
    """How the error of one forecast differs from that of another, with the interval of that.

    `change` is the error of `ours` as a share of that of `theirs`, minus 1: below zero ours is better; infinite where
    only theirs is exact. `low` and `high` are its 95 % interval: -1 and infinity where too little was seen to have one.
    Nothing is shown by a change of no more than 0.05 %. The two errors are scaled. `units` counts what was drawn: whole
    series (`drawn` "series"), or blocks of origins.
    `dm` is None where there are no more units than origins that share rows.
    """

    ours: str
    theirs: str
    measure: Measure
    error_ours: float
    error_theirs: float
    change: float
    low: float
    high: float
    outcome: Outcome
    dm: DMTest | None
    forecasts: int
    series: int
    left_out: int
    drawn: Literal["series", "blocks"]
    units: int

    def sentence(self) -> str:
        """The verdict in words, such as `better than seasonal naive by 12 % (4 to 19)`."""
        change, low, high = (100 * value for value in (self.change, self.low, self.high))
        if self.outcome == "better":
            return f"better than {self.theirs} by {_percents(-change, -high, -low, '{} % ({} to {})')}"
        if self.outcome == "worse" and self.error_theirs == 0:
            return f"worse than {self.theirs}, which is exact"
        if self.outcome == "worse":
            return f"worse than {self.theirs} by {_percents(change, low, high, '{} % ({} to {})')}"
        return f"not shown to be better than {self.theirs} ({self._doubt(change, low, high)})"

    def _doubt(self, change: float, low: float, high: float) -> str:
        if self.forecasts == 0:
            return f"nothing to compare: {_left_out(self.left_out)}"
        if not self.enough:
            return f"too few forecasts to tell: {self.too_few}"
        if self.error_theirs == 0:
            return "which is exact" if self.error_ours else "both are exact"
        if max(-low, high) <= 100 * _SAME:
            return f"the same within {100 * _SAME:g} %"
        if abs(change) <= 100 * _SAME:
            return _percents(change, -low, high, "the same, {1} % lower to {2} % higher")
        if change < 0:
            return _percents(-change, -high, -low, "{} % lower, {} to {}")
        return _percents(change, low, high, "{} % higher, {} to {}")

    @property
    def enough(self) -> bool:
        """Whether enough stood apart to have an interval."""
        return self.drawn == "series" or self.units >= LEAST_BLOCKS

    @property
    def too_few(self) -> str:
        """How many stand apart, and how many would be needed, in words."""
        blocks = "1 block stands" if self.units == 1 else f"{self.units} blocks stand"
        return f"{blocks} apart, {LEAST_BLOCKS} are needed"

    def details(self) -> str:
        """What was measured, on how much, and how the interval came about."""
        if self.forecasts == 0:
            return f"No forecast could be compared: {_left_out(self.left_out)}."
        said = [
            f"Scaled {_MEASURES[self.measure]}: {self.error_ours:.4g} of {self.ours}, {self.error_theirs:.4g} of "
            f"{self.theirs}, over {_count(self.forecasts, 'forecast')} of {self.series:,} series."
        ]
        if self.left_out:
            said.append(f"Not in it: {_left_out(self.left_out)}.")
        if self.enough:
            what = f"{self.units:,} series" if self.drawn == "series" else f"{self.units:,} blocks of origins"
            said.append(f"The 95% interval is a bootstrap of {what}.")
        if self.dm is not None:
            what = "series" if self.drawn == "series" else "origins"
            said.append(f"Diebold–Mariano over {what}: {self.dm.statistic:.2f}, p = {self.dm.p_value:.2g}.")
        return " ".join(said)


def compare(
    origins: Origins,
    ours: ArrayLike,
    theirs: ArrayLike,
    *,
    names: tuple[str, str] = ("the forecast", "naive"),
    measure: Measure = "mae",
    seed: int = 0,
) -> Comparison:
    """Compares forecasts `ours` (B, K) with `theirs` (B, K), called by `names`.

    The error is the mean over units of scaled errors; with "rmse" the root of that of their squares. With 10 series or
    more a unit is a series, the mean of its rows, and whole series are drawn again, as clusters: A. C. Davison,
    D. V. Hinkley, "Bootstrap methods and their application", 1997, section 3.8. Series whose errors go together count
    for more than they are. With fewer a unit is an origin, the mean over the series, and blocks of consecutive origins
    are drawn, in a circle: H. R. Künsch, "The jackknife and the bootstrap for general stationary observations", Annals
    of Statistics 17, 1989; D. N. Politis, J. P. Romano, "A circular block-resampling procedure for stationary data",
    1992. `block_length` says how long they are.

    The interval is the middle 95 % of the changes, made wider for the number m of series or blocks: it ends where a
    normal distribution has ±√(m / (m - 1)) · t, with the t of m - 1 degrees of freedom, instead of ±1.96. T. C.
    Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69, 2015. With fewer than 5
    blocks nothing is shown. The outcome goes by the interval; the Diebold–Mariano test stands beside it, and finds a
    difference too often where there are fewer than some 20 times as many origins as share rows.

    >>> came = np.random.default_rng(0).normal(size=(60, 2))
    >>> origins = Origins(came, np.zeros(60, int), np.ones(60), horizon=2)
    >>> found = compare(origins, 0.1 * came, 0.5 * came, names=("ours", "naive"))
    >>> found.sentence()
    'worse than naive by 80 % (80 to 80)'
    """
    return verdict_table(origins, ours, {names[1]: theirs}, name=names[0], measure=measure, seed=seed)[0]


def verdict_table(
    origins: Origins,
    ours: ArrayLike,
    baselines: Mapping[str, ArrayLike],
    *,
    name: str = "the forecast",
    measure: Measure = "mae",
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Compares `ours` (B, K) with each of `baselines` (B, K), as `compare` does; the baseline that errs least is first.

    All are compared on the same rows and the same draws.

    >>> origins = Origins(np.zeros((40, 1)), np.zeros(40, int), np.ones(40), horizon=1)
    >>> rows = verdict_table(origins, np.full((40, 1), 2.0), {"mean": np.full((40, 1), 4.0), "naive": np.ones((40, 1))})
    >>> [(row.theirs, row.change) for row in rows]
    [('naive', 1.0), ('mean', -0.5)]
    """
    if measure not in _MEASURES:
        raise OptionError(f"measure: expected one of {', '.join(_MEASURES)}, got {measure!r}")
    if not baselines:
        raise OptionError("baselines: got none: give at least one forecast to compare with")
    seed = whole_number("seed", seed, at_least=0)
    units = units_of(origins, [(name, ours), *baselines.items()], measure)
    if units is None:
        return tuple(_nothing((name, each), len(origins.actual), measure) for each in baselines)
    means = units.losses.mean(axis=1)[:, None]  # (M, 1)
    draws = drawn_means(units, seed) if units.enough else np.empty((len(means), 0))
    errors, drawn = (values if measure == "mae" else np.sqrt(values) for values in (means, draws))
    rows = [_comparison(units, (name, each), i, (errors, drawn), measure) for i, each in enumerate(baselines, start=1)]
    return tuple(sorted(rows, key=lambda row: row.error_theirs))


def _comparison(
    units: Units, names: tuple[str, str], i: int, found: tuple[Array, Array], measure: Measure
) -> Comparison:
    errors, drawn = found  # (M, 1), (M, R)
    low, high = _interval(_changes(drawn[0], drawn[i]), units.count) if units.enough else (-1.0, math.inf)
    change = float(_changes(errors[0], errors[i])[0])
    enough = units.losses.shape[1] > units.horizon
    return Comparison(
        *names,
        measure=measure,
        error_ours=float(errors[0, 0]),
        error_theirs=float(errors[i, 0]),
        change=change,
        low=low,
        high=high,
        outcome=_outcome(change, low, high),
        dm=diebold_mariano(units.losses[0], units.losses[i], horizon=units.horizon) if enough else None,
        forecasts=units.forecasts,
        series=units.series,
        left_out=units.left_out,
        drawn=units.drawn,
        units=units.count,
    )


def _outcome(change: float, low: float, high: float) -> Outcome:
    if abs(change) <= _SAME:
        return "not shown"
    return "better" if high < 0 else "worse" if low > 0 else "not shown"


def _nothing(names: tuple[str, str], left_out: int, measure: Measure) -> Comparison:
    zeros, interval = (0.0, 0.0, 0.0), (-1.0, math.inf)
    return Comparison(*names, measure, *zeros, *interval, "not shown", None, 0, 0, left_out, "blocks", 0)


def _changes(ours: Array, theirs: Array) -> Array:
    """Ours / theirs - 1; 0 where both are zero, infinity where only theirs is."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where((ours == 0) & (theirs == 0), 0.0, ours / theirs - 1)


def _interval(changes: Array, count: int) -> tuple[float, float]:
    """The middle of `changes` (R,), of which the share Φ(-√(m / (m - 1)) · t) is left out on either side."""
    z = math.sqrt(count / (count - 1)) * student_t_quantile((1 + _LEVEL) / 2, count - 1)
    tail = math.erfc(z / math.sqrt(2)) / 2
    # A drawn value each, none between two: one of them may be infinite.
    return float(np.quantile(changes, tail, method="lower")), float(np.quantile(changes, 1 - tail, method="higher"))


def _percents(change: float, low: float, high: float, words: str) -> str:
    """The three in `words`, with decimals where a bound that is not the same as zero would look like it."""
    decimals = 0
    while decimals < _MOST_DECIMALS and any(
        abs(bound) > 100 * _SAME and round(bound, decimals) == 0 for bound in (low, high)
    ):
        decimals += 1

    def text(value: float) -> str:
        if abs(value) > _MOST_PERCENT:
            return f"{'below -' if value < 0 else 'over '}{_MOST_PERCENT}"
        return f"{round(value, decimals) + 0.0:.{decimals}f}"

    return words.format(text(change), text(low), text(high))


def _left_out(count: int) -> str:
    return f"{_count(count, 'forecast')} with nothing observed or a scale of zero"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
