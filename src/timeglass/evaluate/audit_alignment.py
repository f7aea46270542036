"""Does each forecast belong to the row that it stands in?"""

from __future__ import annotations

import numpy as np

from timeglass.evaluate.dm_test import diebold_mariano
from timeglass.evaluate.evidence import Given
from timeglass.evaluate.finding import Finding, Numbers, not_checked
from timeglass.evaluate.lag_forecasts import lag_forecasts
from timeglass.types import Array

__all__ = ["check_alignment"]

_BEYOND = 2  # rows by which shifts go beyond the horizon
_LEAST_ROWS = 12  # on which all shifts are compared
_LESS = 0.9  # of the error: what another shift must come below
_SURE = 3.0  # what the statistic of Diebold and Mariano must exceed
_MOST_LAGS = 12


def check_alignment(given: Given) -> Finding:
    """Do the forecasts fit their own rows best, or rows some way before or after?

    The mean absolute error is computed with the forecasts shifted against the values, on the same test rows for each
    shift. Another shift counts where its error is at least 10 % lower, and the difference beyond chance: a statistic
    of Diebold and Mariano above 3. Better at a later row, the forecasts have seen it, or stand in the wrong row.
    Better at an earlier row, they follow what is known already. That may be the best there is, as for a random walk;
    so it is a finding only where least squares on the known lags, learned from the training rows, errs less by the same
    two measures. The test rows are taken to follow the training rows directly.
    """
    name, forecast = "target_misaligned", given.forecast
    if forecast is None:
        return not_checked(name, "the forecasts of the test rows (predictions)")
    rows = len(given.test)
    most = min(given.evidence.horizon + _BEYOND, rows - _LEAST_ROWS, len(given.train) - 1)
    if most < 1:
        return not_checked(
            name, f"at least {_LEAST_ROWS + 1} test rows and 2 training rows; there are {rows} test rows"
        )
    errors = {shift: _errors(given, forecast, shift, most) for shift in range(-most, most + 1)}
    means = {shift: float(error.mean()) for shift, error in errors.items()}
    best = min(means, key=lambda shift: (means[shift], abs(shift)))
    numbers: Numbers = {"shift": best, "error": means[0], "error_at_shift": means[best], "most_shift": most}
    # A forecast that repeats the last season follows it by choice.
    if best in (0, given.period) or not _lower(errors[best], errors[0], given.evidence.horizon):
        said = f"The forecasts fit their own rows: no shift of up to {most} rows has an error lower beyond chance"
        return Finding(name, False, f"{said} (mean absolute error {means[0]:.4g}).", numbers | {"shift": 0})
    far = f"{abs(best)} row{'s' * (abs(best) > 1)}"
    fits = f"better than their own (mean absolute error {means[best]:.4g} against {means[0]:.4g}, {given.span})"
    if best < 0:
        said = f"The forecasts fit the values {far} later {fits}: they are shifted, or have seen it"
        return Finding(name, True, f"{said}; pair each with the row that it is of.", numbers)
    simple = _least_squares_errors(given, most)
    said = f"The forecasts fit the values {far} before {fits}"
    if simple is None:
        return not_checked(name, f"more training rows to tell a shift from a lag; {said.lower()}", numbers)
    numbers["error_of_least_squares"] = float(simple.mean())
    if not _lower(simple, errors[0], given.evidence.horizon):
        said += ", which least squares on the lags shows no way to improve on"
        return Finding(name, False, f"{said}: the best that is known may be the last value.", numbers)
    said += f", while least squares on the lags errs by {simple.mean():.4g}"
    remedy = "pair each forecast with its row, or train on: this one repeats what is known"
    return Finding(name, True, f"{said}: {remedy}.", numbers)


def _errors(given: Given, forecast: Array, shift: int, most: int) -> Array:
    """|forecast - value `shift` rows before|, of all test rows but the last `most`."""
    rows = np.arange(len(given.test) - most)
    return np.abs(forecast[rows] - given.series[len(given.train) + rows - shift])


def _lower(one: Array, other: Array, horizon: int) -> bool:
    """Whether errors (rows,) are lower than others, by much and beyond chance."""
    if not one.mean() <= _LESS * other.mean():
        return False
    share = min(max(horizon, round(len(one) ** (1 / 3))), len(one) // 3)
    return diebold_mariano(other, one, horizon=max(1, share)).statistic > _SURE


def _least_squares_errors(given: Given, most: int) -> Array | None:
    """Errors of the same test rows by least squares on a constant and the lags known then; None for too few rows."""
    horizon, known = given.evidence.horizon, len(given.train)
    lags = min(_MOST_LAGS, (known - horizon) // 4)
    if lags < 1:
        return None
    forecast = lag_forecasts(given.series, known, horizon + np.arange(lags))
    return np.abs(forecast - given.test)[: len(given.test) - most]
