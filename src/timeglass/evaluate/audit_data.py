"""Do the data bear what is asked of them? The season claimed, the weights learned, the windows left out."""

from __future__ import annotations

import numpy as np

from timeglass.evaluate.audit import check_cycle
from timeglass.evaluate.evidence import Given
from timeglass.evaluate.finding import Finding, Numbers, not_checked
from timeglass.prepare.autocorrelation import SeasonalityTest, seasonality_test
from timeglass.types import Array

__all__ = ["check_few_windows", "check_season", "check_windows_left", "has_season"]

_PERIODS = 3  # fewer of them show nothing
_ROUNDING = 1e-12  # of the largest value: what varies by less does not vary
_LEAST_USED = 0.75  # of the windows: a part held back to stop by is as it should be


def check_season(given: Given) -> Finding:
    """Do the training rows have the season that is claimed?

    It is there where the autocorrelation both has a peak at the period and passes the 90 % test of the
    M-competitions: of the values, of what a straight line leaves of them, or of their changes, since a trend hides it.
    """
    name, period = "claimed_season", given.period
    if period is None or period == 1:
        return not_checked(name, "the rows of the season that the forecasts count on (period)")
    if len(given.train) < _PERIODS * period + 1:
        return not_checked(
            name, f"{_PERIODS} seasons of {period} rows to see one in; there are {len(given.train)} rows"
        )
    tests, seasonal = _season_tests(given.train, period)
    best = max(tests.values(), key=lambda test: test.autocorrelation - test.limit)
    shown = tests[seasonal[0]] if seasonal else best
    numbers: Numbers = {
        "period": period, "autocorrelation": shown.autocorrelation, "limit": shown.limit,
        "train_rows": len(given.train),
    }  # fmt: skip
    level = f"autocorrelation {shown.autocorrelation:.2f} at lag {period}, limit {shown.limit:.2f}"
    if seasonal:
        return Finding(name, False, f"The training rows have a season of {period} rows: {level}.", numbers)
    peak = check_cycle(given.train, period, unit="rows").numbers.get("peak")
    elsewhere = f"; there is a peak near lag {peak}" if peak is not None and peak != period else ""
    said = f"The training rows have no season of {period} rows: {level}, no peak that the 90 % test shows{elsewhere}"
    return Finding(name, True, f"{said}; leave the season out, or choose another.", numbers)


def has_season(values: Array, period: int) -> bool:
    """Whether rows (n,) have such a season, as `check_season` looks for it; False for too few to see one in.

    >>> has_season(np.tile([1.0, 5.0, 2.0, 7.0], 9), 4), has_season(np.arange(36.0), 4)
    (True, False)
    """
    return len(values) > _PERIODS * period and bool(_season_tests(values, period)[1])


def _season_tests(values: Array, period: int) -> tuple[dict[str, SeasonalityTest], list[str]]:
    """The 90 % test of the values, detrended values and changes, and in which of them it finds a peak."""
    forms = {"values": values, "detrended": _without_line(values), "changes": np.diff(values)}
    least = _ROUNDING * float(np.abs(values).max())  # of a line the two others are what rounding left
    tests = {form: seasonality_test(own, period) for form, own in forms.items()}
    seasonal = [
        form for form, test in tests.items()
        if test.seasonal and test.autocorrelation > 0 and np.ptp(forms[form]) > least
        and not check_cycle(forms[form], period, unit="rows").found
    ]  # fmt: skip
    return tests, seasonal


def _without_line(values: Array) -> Array:
    """What the straight line of least squares leaves."""
    t = np.arange(len(values)) - (len(values) - 1) / 2
    return values - values.mean() - t * float(t @ (values - values.mean()) / (t @ t))


def _windows(given: Given) -> int | None:
    if given.evidence.windows is not None:
        return given.evidence.windows
    return None if given.x_train is None else len(given.x_train)


def check_few_windows(given: Given) -> Finding:
    """Is there at least one training window for each weight?"""
    windows, weights = _windows(given), given.evidence.weights
    if windows is None or weights is None:
        words = {
            "the weights that are learned (weights)": weights,
            "the training windows (x_train or windows)": windows,
        }
        missing = [what for what, there in words.items() if there is None]
        return not_checked("few_windows", " and ".join(missing))
    numbers: Numbers = {"windows": windows, "weights": weights}
    said = f"{windows:,} training windows for {weights:,} weights"
    if windows >= weights:
        return Finding("few_windows", False, f"There are {said}.", numbers)
    return Finding("few_windows", True, f"Only {said}: take fewer units, or more rows or series.", numbers)


def check_windows_left(given: Given) -> Finding:
    """Are at least three quarters of the windows used that the training rows have?"""
    windows, steps = _windows(given), given.evidence.time_steps
    if steps is None and given.x_train is not None:
        steps = given.x_train.shape[1]
    if windows is None or steps is None:
        return not_checked(
            "unused_windows", "the training windows (x_train), or their number and length (windows, time_steps)"
        )
    possible = max(0, len(given.train) - steps - given.evidence.horizon + 1)
    numbers: Numbers = {"used": windows, "possible": possible}
    said = f"{windows:,} of {possible:,} possible training windows are used"
    if windows >= _LEAST_USED * possible:
        return Finding("unused_windows", False, f"{said}.", numbers)
    said += f" ({windows / possible:.0%})"
    return Finding("unused_windows", True, f"{said}: begin one in every row (stride 1).", numbers)
