"""How far forecasts are from what came, on arrays: numbers in, numbers out.

Every function works along the last axis, in double precision: forecasts (L, N) of actual values (N,) or (L, N) give
(L,). Values that are not finite are refused, and so is whatever has no finite answer; `root_mean_squared_error` alone
passes them through. `timeglass.evaluate.scores` computes the same of a frame of many series and models.
"""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.prepare.checks import finite_numbers, one_series, whole_number
from timeglass.types import Array

__all__ = [
    "crps_from_quantiles",
    "interval_coverage",
    "interval_width",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_absolute_scaled_error",
    "mean_scaled_interval_score",
    "naive_scale",
    "overall_weighted_average",
    "pinball_loss",
    "root_mean_squared_error",
    "root_mean_squared_scaled_error",
    "symmetric_mape",
]


def root_mean_squared_error(actual: ArrayLike, forecast: ArrayLike) -> Array:
    """sqrt(mean((actual - forecast)²)) along the last axis, so that forecasts (L, N) give (L,).

    >>> float(root_mean_squared_error([1.0, 2.0], [1.0, 4.0]))
    1.4142135623730951
    """
    a, f = np.asarray(actual, dtype=np.float64), np.asarray(forecast, dtype=np.float64)
    if a.shape[-1:] != f.shape[-1:]:
        raise ShapeError(f"root_mean_squared_error: {a.shape} actual values beside {f.shape} forecasts")
    return np.sqrt(np.mean(np.square(a - f), axis=-1))


def mean_absolute_error(actual: ArrayLike, forecast: ArrayLike) -> Array:
    """Mean of |actual - forecast|, in the unit of the values.

    >>> float(mean_absolute_error([1.0, 2.0], [1.0, 4.0]))
    1.0
    """
    a, f = _beside("mean_absolute_error", actual, forecast)
    return _mean(np.abs(_difference(a, f)), "mean_absolute_error")


def mean_absolute_percentage_error(actual: ArrayLike, forecast: ArrayLike) -> Array:
    """100 · mean(|actual - forecast| / |actual|), in percent; an `InputError` where an actual value is zero.

    >>> float(mean_absolute_percentage_error([1.0, 2.0], [1.0, 4.0]))
    50.0
    """
    who = "mean_absolute_percentage_error"
    a, f = _beside(who, actual, forecast)
    if not a.all():
        place = ", ".join(str(i + 1) for i in np.argwhere(a == 0)[0])
        raise InputError(f"{who}: actual value {place} is 0, of which no error is a percentage: use sMAPE or MASE")
    with np.errstate(over="ignore"):
        return _mean(100 * np.abs(_difference(a, f)) / np.abs(a), who)


def symmetric_mape(actual: ArrayLike, forecast: ArrayLike) -> Array:
    """mean(200 · |actual - forecast| / (|actual| + |forecast|)), in percent: 0 to 200. Zero beside zero counts as 0.

    As in the M4 competition: S. Makridakis, E. Spiliotis, V. Assimakopoulos, "The M4 Competition: 100,000 time series
    and 61 forecasting methods", International Journal of Forecasting 36 (2020).

    >>> float(symmetric_mape([1.0, 3.0], [1.0, 1.0])), float(symmetric_mape([0.0], [0.0]))
    (50.0, 0.0)
    """
    a, f = _beside("symmetric_mape", actual, forecast)
    # Divided by a power of two, which rounds nothing, so that sum and difference stay in the range of a double.
    exponents = -np.frexp(np.maximum(np.abs(a), np.abs(f)))[1]
    a, f = np.ldexp(a, exponents), np.ldexp(f, exponents)
    sums = np.abs(a) + np.abs(f)
    return _mean(200 * (np.abs(a - f) / np.where(sums == 0, 1.0, sums)), "symmetric_mape")


def naive_scale(values: ArrayLike, period: int = 1, *, squared: bool = False) -> float:
    """How far the training `values` (N,) of one series are from those a `period` before: what scaled errors divide by.

    The mean of |value[t] - value[t - period]|, as MASE and MSIS take it; with `squared` the root of the mean square,
    as RMSSE takes it. A series with no row a period before is compared with the row before instead. 0 where there is
    nothing to compare with (one row) or nothing moves: there a scaled error does not exist, so leave such a series out
    of a mean over series and say how many were left out.

    R. J. Hyndman, A. B. Koehler, "Another look at measures of forecast accuracy", International Journal of Forecasting
    22 (2006); the squares: S. Makridakis, E. Spiliotis, V. Assimakopoulos, "The M5 competition", the same 38 (2022).

    >>> naive_scale([1.0, 2.0, 4.0]), naive_scale([1.0, 2.0, 4.0], 2), naive_scale([5.0, 5.0, 5.0])
    (1.5, 3.0, 0.0)
    """
    numbers = one_series(values, "naive_scale")
    lag = whole_number("period", period, at_least=1)
    lag = lag if len(numbers) > lag else 1
    if len(numbers) == 1:
        return 0.0
    steps = np.abs(_difference(numbers[lag:], numbers[:-lag]))
    with np.errstate(over="ignore"):
        return float(np.sqrt(_mean(np.square(steps), "naive_scale")) if squared else _mean(steps, "naive_scale"))


def mean_absolute_scaled_error(actual: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike) -> Array:
    """MASE: mean |actual - forecast| / scale, where `scale` is `naive_scale(training_values, period)`.

    Below 1 where the forecast errs less than the seasonal naive one did, step by step, in the training part. `scale` is
    one number, or one for each answer; an `OptionError` where it is zero. Hyndman and Koehler (2006), as above.

    >>> float(mean_absolute_scaled_error([5.0, 6.0], [4.0, 4.0], scale=naive_scale([1.0, 2.0, 4.0])))
    1.0
    """
    who = "mean_absolute_scaled_error"
    a, f = _beside(who, actual, forecast)
    return _scaled(_mean(np.abs(_difference(a, f)), who), scale, who)


def root_mean_squared_scaled_error(actual: ArrayLike, forecast: ArrayLike, *, scale: ArrayLike) -> Array:
    """RMSSE: sqrt(mean((actual - forecast)²)) / scale, where `scale` is `naive_scale(..., squared=True)`.

    As in the M5 competition, there with period 1: Makridakis, Spiliotis and Assimakopoulos (2022).

    >>> float(root_mean_squared_scaled_error([5.0, 6.0], [4.0, 4.0], scale=naive_scale([1.0, 2.0, 4.0], squared=True)))
    1.0
    """
    who = "root_mean_squared_scaled_error"
    a, f = _beside(who, actual, forecast)
    with np.errstate(over="ignore"):
        return _scaled(np.sqrt(_mean(np.square(_difference(a, f)), who)), scale, who)


def pinball_loss(actual: ArrayLike, forecast: ArrayLike, quantile: float) -> Array:
    """mean(max(q · (actual - forecast), (q - 1) · (actual - forecast))): how good a forecast of one quantile is.

    0 < `quantile` < 1; in the unit of the values; at 0.5 half of the mean absolute error. R. Koenker, G. Bassett,
    "Regression quantiles", Econometrica 46 (1978).

    >>> float(pinball_loss([10.0], [8.0], 0.9)), float(pinball_loss([8.0], [10.0], 0.75))
    (1.8, 0.5)
    """
    q = _share("quantile", quantile)
    a, f = _beside("pinball_loss", actual, forecast)
    error = _difference(a, f)
    return _mean(np.maximum(q * error, (q - 1) * error), "pinball_loss")


def crps_from_quantiles(actual: ArrayLike, forecasts: ArrayLike, quantiles: ArrayLike) -> Array:
    """CRPS, the continuous ranked probability score, of forecasts (Q, …, N) of `quantiles` (Q,): mean of 2 · pinball.

    In the unit of the values; with the one quantile 0.5 it is the mean absolute error. All quantiles weigh the same:
    the more there are and the more evenly they lie, the nearer it comes to the score of the whole distribution.
    F. Laio, S. Tamea, "Verification tools for probabilistic forecasts of continuous hydrological variables",
    Hydrology and Earth System Sciences 11 (2007).

    >>> float(crps_from_quantiles([3.0], [[1.0], [2.0], [5.0]], [0.25, 0.5, 0.75]))
    1.0
    """
    levels, f = finite_numbers(quantiles, "quantiles"), finite_numbers(forecasts, "crps_from_quantiles")
    if levels.ndim != 1 or not levels.size or f.ndim < 2 or len(f) != len(levels):
        raise ShapeError(
            f"crps_from_quantiles: {f.shape} forecasts beside {levels.shape} quantiles: expected (Q, …, N) and (Q,)"
        )
    losses = [pinball_loss(actual, each, float(level)) for each, level in zip(f, levels, strict=True)]
    with np.errstate(over="ignore"):
        return _finite(2 * np.mean(losses, axis=0), "crps_from_quantiles")


def interval_coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> Array:
    """The share of actual values in low … high, both included: from 0 to 1, about 0.9 for honest 90 % intervals.

    >>> float(interval_coverage([1.0, 2.0, 3.0, 4.0], [0.0, 2.0, 4.0, 0.0], [9.0, 9.0, 9.0, 3.0]))
    0.5
    """
    bottom, top = _interval("interval_coverage", low, high)
    a, _ = _beside("interval_coverage", actual, bottom)
    return np.asarray(np.mean((bottom <= a) & (a <= top), axis=-1))


def interval_width(low: ArrayLike, high: ArrayLike) -> Array:
    """mean(high - low), in the unit of the values.

    >>> float(interval_width([1.0, 2.0], [2.0, 5.0]))
    2.0
    """
    bottom, top = _interval("interval_width", low, high)
    return _mean(_difference(top, bottom), "interval_width")


def mean_scaled_interval_score(
    actual: ArrayLike, low: ArrayLike, high: ArrayLike, *, level: float, scale: ArrayLike
) -> Array:
    """MSIS: mean(high - low + 2/α · (how far the actual value lies outside)) / scale, with α = 1 - level / 100.

    `level` is in percent, such as 95; `scale` is `naive_scale(training_values, period)`. As in the M4 competition:
    Makridakis, Spiliotis and Assimakopoulos (2020); the score itself: T. Gneiting, A. E. Raftery, "Strictly proper
    scoring rules, prediction, and estimation", Journal of the American Statistical Association 102 (2007).

    >>> float(mean_scaled_interval_score([1.0, 8.0], [0.0, 2.0], [4.0, 6.0], level=50, scale=2.0))
    4.0
    """
    who = "mean_scaled_interval_score"
    if not _is_number(level) or not 0 < level < 100:
        raise OptionError(f"level: expected percent above 0 and below 100, such as 90, got {level!r}")
    bottom, top = _interval(who, low, high)
    a, _ = _beside(who, actual, bottom)
    with np.errstate(over="ignore"):
        outside = np.maximum(bottom - a, 0) + np.maximum(a - top, 0)
        return _scaled(_mean(top - bottom + 2 / (1 - level / 100) * outside, who), scale, who)


def overall_weighted_average(
    smape: ArrayLike, mase: ArrayLike, *, smape_naive2: ArrayLike, mase_naive2: ArrayLike
) -> Array:
    """OWA: the mean of sMAPE and MASE, each as a share of that of Naive2; below 1 is better than Naive2.

    M4 takes the means over all series first and divides then, so give those means, not scores of single series.
    An `InputError` where Naive2 is exact. Makridakis, Spiliotis and Assimakopoulos (2020).

    >>> float(overall_weighted_average(12.0, 1.5, smape_naive2=16.0, mase_naive2=2.0))
    0.75
    """
    who = "overall_weighted_average"
    ours = [finite_numbers(smape, "smape"), finite_numbers(mase, "mase")]
    theirs = [finite_numbers(smape_naive2, "smape_naive2"), finite_numbers(mase_naive2, "mase_naive2")]
    _common(who, *ours, *theirs)
    if any((values < 0).any() for values in ours):
        raise InputError(f"{who}: sMAPE or MASE below zero, which no error is")
    if any((values <= 0).any() for values in theirs):
        raise InputError(f"{who}: sMAPE or MASE of Naive2 is not above zero: where Naive2 is exact there is no OWA")
    with np.errstate(over="ignore"):
        return _finite((ours[0] / theirs[0] + ours[1] / theirs[1]) / 2, who)


def _beside(who: str, actual: ArrayLike, forecast: ArrayLike) -> tuple[Array, Array]:
    """Both finite, with one last axis that is not empty, and others that go together."""
    a, f = finite_numbers(actual, f"{who}, actual"), finite_numbers(forecast, f"{who}, forecast")
    if not a.ndim or not f.ndim or a.shape[-1] != f.shape[-1]:
        raise ShapeError(f"{who}: {a.shape} actual values beside {f.shape} forecasts: expected the same last axis")
    if not a.shape[-1]:
        raise InputError(f"{who}: no values to compare: give at least one")
    _common(who, a, f)
    return a, f


def _interval(who: str, low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    bottom, top = _beside(f"{who}, low and high", low, high)
    bottom, top = np.broadcast_arrays(bottom, top)
    if (bottom > top).any():
        at = tuple(np.argwhere(bottom > top)[0])
        place = ", ".join(str(i + 1) for i in at)
        raise InputError(
            f"{who}: interval {place} ends at {top[at]:g}, below its beginning {bottom[at]:g}: swap low and high"
        )
    return bottom, top


def _common(who: str, *arrays: Array) -> None:
    try:
        np.broadcast_shapes(*(array.shape for array in arrays))
    except ValueError:
        raise ShapeError(
            f"{who}: the shapes {', '.join(str(array.shape) for array in arrays)} do not go together"
        ) from None


def _difference(a: Array, b: Array) -> Array:
    with np.errstate(over="ignore"):  # _mean says what came of it
        return a - b


def _mean(values: Array, who: str) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):
        return _finite(np.mean(values, axis=-1), who)


def _finite(result: Array, who: str) -> Array:
    if not np.isfinite(result).all():
        raise InputError(f"{who}: the result is larger than a double holds: scale the values before")
    return np.asarray(result)


def _scaled(errors: Array, scale: ArrayLike, who: str) -> Array:
    scales = finite_numbers(scale, f"{who}, scale")
    if not (scales > 0).all():
        raise OptionError(
            f"scale: expected a number above zero, got {scales.min():g}: where the training values are all the same, "
            "or only one, no scaled error exists; leave that series out of the mean, and say so"
        )
    _common(who, errors, scales)
    if np.broadcast_shapes(errors.shape, scales.shape) != errors.shape:
        raise ShapeError(f"{who}: {scales.shape} scales for {errors.shape} errors: expected one, or one for each")
    with np.errstate(over="ignore"):
        return _finite(errors / scales, who)


def _share(name: str, value: float) -> float:
    if not _is_number(value) or not 0 < value < 1:
        raise OptionError(f"{name}: expected a number above 0 and below 1, got {value!r}")
    return float(value)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
