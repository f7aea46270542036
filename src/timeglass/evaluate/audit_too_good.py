"""Are forecasts better than anything could be that had not seen the values?"""

from __future__ import annotations

import numpy as np

from timeglass.evaluate.evidence import Given
from timeglass.evaluate.finding import Finding, Numbers, not_checked
from timeglass.evaluate.lag_forecasts import lag_forecasts
from timeglass.types import Array

__all__ = ["check_too_good"]

_LEAST_ROWS = 6  # fewer may be hit by luck
_TOO_GOOD = 0.05  # of what the best of the simple forecasts errs by
_EXACT = 0.01  # of the naive error: where a simple forecast comes that near, others may be exact
_MOST_LAGS = 12
_MOST_SQUARED = 4  # lags that products are made of
_ROWS_PER_NUMBER = 4
_LONGEST_CYCLE = 1_000
_LOOKED_AT = 20_000  # rows, for a cycle


def check_too_good(given: Given) -> Finding:
    """Is the error a twentieth, or less, of what the best of four simple forecasts leaves?

    What comes is partly new. How much of it is, shows in what the last value and least squares leave: on the lags
    known then, on these and a cycle, and on lags and their products, all learned from the training rows, covariates of
    the row included. Good models err a fifth less than the best of them, or a half; hardly ever nineteen twentieths.
    A series without anything new, such as a line or a sine, does not count: there least squares leaves next to
    nothing, too.
    """
    name, forecast = "too_good", given.forecast
    if forecast is None:
        return not_checked(name, "the forecasts of the test rows (predictions)")
    rows, known, horizon = len(given.test), len(given.train), given.evidence.horizon
    if rows < _LEAST_ROWS:
        return not_checked(name, f"at least {_LEAST_ROWS} test rows; there are {rows}")
    simple = _simple_errors(given)
    if not simple:
        return not_checked(name, f"more training rows to know what can be known; there are {known}")
    error = _mean_error(forecast, given)
    naive = _mean_error(given.series[np.maximum(known + np.arange(rows) - horizon, 0)], given)
    least = min(naive, *simple)
    numbers: Numbers = {"error": error, "error_of_naive": naive, "error_of_least_squares": min(simple)}
    if least <= _EXACT * naive:
        return Finding(name, False, "The values follow from those before: exact forecasts are no wonder.", numbers)
    errs = f"a mean absolute error of {error:.4g}, {error / least:.0%} of what the best simple forecast leaves"
    if error > _TOO_GOOD * least:
        return Finding(name, False, f"The forecasts have {errs}: nothing that could not be known.", numbers)
    if error == 0:
        said = f"All {rows} forecasts are the actual values to the last digit: they are copied, not forecast"
    else:
        said = (
            f"The mean absolute error {error:.3g} is {_percent(error / naive)} of the naive forecast's {naive:.3g} and "
            f"{_percent(error / min(simple))} of the {min(simple):.3g} that least squares on what was known leaves: "
            "forecasts this good are nearly always made with the test values"
        )
    remedy = "check for leaks: targets among the inputs, a fit on test rows; or name the covariates that explain it"
    return Finding(name, True, f"{said}; {remedy}.", numbers)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share >= 1e-4 else "less than 0.01 %"


def _mean_error(forecast: Array, given: Given) -> float:
    return float(np.abs(forecast - given.test).mean())


def _simple_errors(given: Given) -> list[float]:
    """Mean absolute errors of least squares on lags; on lags and a cycle; on few lags and their products."""
    known, horizon, beside = len(given.train), given.evidence.horizon, _covariates(given)
    found = []

    def tried(lags: Array, *, products: bool = False) -> None:
        numbers = 1 + len(beside) + (len(lags) + 1) * (len(lags) + 2) // 2 if products else 1 + len(beside) + len(lags)
        if len(lags) and known - lags.max() >= _ROWS_PER_NUMBER * numbers:
            forecast = lag_forecasts(given.series, known, lags, products=products, beside=beside)
            found.append(_mean_error(forecast, given))

    fewest = _ROWS_PER_NUMBER + 1  # rows that a lag takes: itself and those that teach its weight
    most = (known - horizon + 1 - _ROWS_PER_NUMBER * (1 + len(beside))) // fewest
    near = horizon + np.arange(max(0, min(_MOST_LAGS, most)))
    tried(near)
    tried(near[:_MOST_SQUARED], products=True)
    cycle = _cycle(given)
    if cycle is not None:
        tried(np.array([cycle]))
        tried(np.unique(np.append(near, cycle)))
    return found


def _covariates(given: Given) -> Array:
    """Those that are complete, (C, rows)."""
    each = [np.asarray(values, dtype=np.float64) for values in given.evidence.covariates.values()]
    whole = [values for values in each if values.shape == given.series.shape and np.isfinite(values).all()]
    return np.array(whole).reshape(len(whole), len(given.series))


def _cycle(given: Given) -> int | None:
    """How many rows before a training value is most like it, but for a constant, among those that a forecast knows."""
    rows = given.train[-_LOOKED_AT:]
    lags = range(given.evidence.horizon, min(len(rows) // 2, _LONGEST_CYCLE) + 1)
    return min(lags, key=lambda lag: float(np.std(rows[lag:] - rows[:-lag])), default=None)
