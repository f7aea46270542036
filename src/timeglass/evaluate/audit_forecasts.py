"""Forecasts that stick at a limit, errors in units that nobody has, and seeds that were lucky."""

from __future__ import annotations

import numpy as np

from timeglass.evaluate.evidence import ACTIVATIONS, Given
from timeglass.evaluate.finding import Finding, Numbers, not_checked
from timeglass.evaluate.learned_scale import LearnedScale, implied_scale, learned_scale
from timeglass.evaluate.metrics import root_mean_squared_error
from timeglass.types import Array

__all__ = ["check_saturation", "check_seeds", "check_units"]

_AT_LIMIT = 0.01  # of the output's range: as near to a limit as tanh comes for all it wants to say
_SHARE = 0.05  # of the forecasts, at a limit
_RUN = 3  # forecasts one after another at their extreme
_STILL = 0.2  # of the other steps without a change: then forecasts go in stairs, and a run at the top is one of them
_SMALL = 4.0  # what scaled values hardly exceed
_SAME_ERROR = 0.01
_LEAST_SEEDS = 3
_LUCKY = 0.95  # of the median error
_WIDE = 1.5  # the worst seed's error over the best one's


def check_saturation(given: Given) -> Finding:
    """Do forecasts stick at a limit of the output, or test values lie beyond it?

    With the output's `activation` and the scaler the limit is known, and 5 % of the forecasts within a hundredth of
    it, or one test value beyond it, are a finding. Without, three forecasts in a row at their common extreme, and 5 %
    of all, where the series itself does not stop so.
    """
    name, forecast = "saturated_output", given.forecast
    if forecast is None:
        return not_checked(name, "the forecasts of the test rows (predictions)")
    activation = given.evidence.activation
    limits = ACTIVATIONS[activation] if activation is not None else (None, None)
    if limits != (None, None):
        scale = given.scale or (learned_scale((0.0, 1.0)) if np.abs(given.series).max() <= 1 + _AT_LIMIT else None)
        if scale is None:
            return not_checked(name, f"the scaler (scaler), to know which value the limit of {activation} is")
        return _at_limits(given, forecast, limits, scale)
    for word, sign in (("highest", 1.0), ("lowest", -1.0)):
        at = _stuck(sign * forecast)
        share = float(at.mean())
        own = max(float(_stuck(sign * values).mean()) for values in (given.series, given.test))
        if share >= _SHARE and own < share / 2:
            value, first = sign * float((sign * forecast).max()), given.label(int(np.flatnonzero(at)[0]))
            numbers: Numbers = {"limit": value, "share": share, "forecasts": int(at.sum())}
            said = f"{at.sum()} of {len(at)} forecasts are their {word}, {value:.6g}, some in a row (first in {first})"
            return Finding(name, True, f"{said}: the output is cut off there; give it a linear activation.", numbers)
    return Finding(name, False, "The forecasts do not stick at a highest or lowest value.", {"limit": None})


def _at_limits(
    given: Given, forecast: Array, limits: tuple[float | None, float | None], scale: LearnedScale
) -> Finding:
    activation, name = given.evidence.activation, "saturated_output"
    numbers: Numbers = {"limit": None}
    for limit, sign in zip(limits, (-1.0, 1.0), strict=True):
        if limit is None:
            continue
        value = float(scale.inverse(np.array(limit)))
        at = sign * (forecast - value) >= -_AT_LIMIT * scale.unit
        beyond = sign * (given.test - value) > 1e-9 * scale.unit
        numbers = {"limit": value, "share": float(at.mean()), "test_values_beyond": int(beyond.sum())}
        side = "above" if sign > 0 else "below"
        if at.mean() >= _SHARE and at.sum() >= _RUN:
            first = given.label(int(np.flatnonzero(at)[0]))
            count = f"{at.sum()} of {len(at)} forecasts"
            said = f"{count} are at the limit {value:.6g} of the {activation} output (first in {first})"
        elif beyond.any():
            first = given.label(int(np.flatnonzero(beyond)[0]))
            count = f"{beyond.sum()} test value{'s lie' if beyond.sum() > 1 else ' lies'}"
            said = f"A {activation} output cannot go {side} {value:.6g}, and {count} beyond (first in {first})"
        else:
            continue
        return Finding(name, True, f"{said}: give it a linear activation.", numbers)
    said = f"Forecasts do not stick at a limit of the {activation} output, and no test value lies beyond one."
    return Finding(name, False, said, numbers)


def _stuck(values: Array) -> Array:
    """Which of the values (rows,) are the maximum, if three in a row are and the others move; else none."""
    at = values >= values.max() - 1e-7 * np.ptp(values)
    run = "".join("x" if here else " " for here in at)
    moves = np.diff(values)[~(at[1:] & at[:-1])] != 0
    if at.all() or "x" * _RUN not in run or not len(moves) or moves.mean() < 1 - _STILL:
        return np.zeros(len(values), dtype=bool)
    return at


def check_units(given: Given) -> Finding:
    """Are errors measured in scaled units alone?

    They are where the values are scaled and no scaler leads back; where forecasts fit the values only after scaling
    back; or where the reported error is the one in scaled units.
    """
    name, forecast = "scaled_units", given.forecast
    implied = implied_scale(given.series, given.train)
    if implied is not None and (given.scale is None or abs(given.scale.unit - implied.unit) > 1e-4):
        said = "y_train and y_test are in scaled units, so that every error of theirs is"
        numbers: Numbers = {"minimum": float(given.series.min()), "maximum": float(given.series.max())}
        return Finding(name, True, f"{said}: apply inverse_transform to them and to the forecasts.", numbers)
    if forecast is None:
        return not_checked(name, "the forecasts of the test rows (predictions)")
    error = float(np.abs(forecast - given.test).mean())
    backs = [float(np.abs(scale.inverse(forecast) - given.test).mean()) for scale in _scales(given)]
    if backs and np.abs(forecast).max() <= _SMALL and min(backs) < error / 2:
        numbers = {"error": error, "scaled_back": min(backs)}
        said = (
            f"The forecasts are scaled, the values are not: scaled back they err by {min(backs):.4g}, not {error:.4g}"
        )
        return Finding(name, True, f"{said}; apply inverse_transform to them.", numbers)
    return _reported(given, forecast)


def _reported(given: Given, forecast: Array) -> Finding:
    """Which of the errors is the one that was reported?"""
    name, reported, scales = "scaled_units", given.evidence.reported_error, _scales(given)
    forecasts = given.forecasts if given.forecasts is not None else forecast[None]
    errors = {
        "RMSE": root_mean_squared_error(given.test, forecasts), "MAE": np.abs(forecasts - given.test).mean(axis=1),
    }  # fmt: skip
    numbers: Numbers = {"rmse": float(np.median(errors["RMSE"])), "mae": float(np.median(errors["MAE"]))}
    if reported is None:
        said = f"The forecasts are in the units of the series (RMSE {numbers['rmse']:.4g}, MAE {numbers['mae']:.4g})."
        return Finding(name, False, said, numbers)
    numbers["reported"] = reported
    for title, each in errors.items():
        if _any_near(each, reported):
            return Finding(
                name, False, f"The reported error {reported:.4g} is the {title} in the units of the series.", numbers
            )
    for scale in scales:
        for title, each in errors.items():
            if _any_near(each / scale.unit, reported):
                real = reported * scale.unit
                numbers["in_units"] = real
                said = f"The reported error {reported:.4g} is the {title} in scaled units"
                return Finding(name, True, f"{said}: report {real:.4g}, in the units of the series.", numbers)
    known = f"neither RMSE {numbers['rmse']:.4g} nor MAE {numbers['mae']:.4g}, scaled or not"
    needs = f"the measure of the reported error {reported:.4g}, which is {known}"
    return not_checked(name, needs, numbers)


def _any_near(errors: Array, reported: float) -> bool:
    return bool((np.abs(errors - reported) <= _SAME_ERROR * reported).any())


def _scales(given: Given) -> list[LearnedScale]:
    """What may have scaled the forecasts: the scaler given, or those that are usual."""
    if given.scale is not None:
        return [given.scale]
    found = []
    for rows in (given.train, given.series):
        if np.ptp(rows) > 0:
            found += [learned_scale((float(rows.min()), float(rows.max())))]
        if rows.std() > 0:
            found += [LearnedScale("moments", {}, float(rows.mean()), float(rows.std()))]
    return found


def check_seeds(given: Given) -> Finding:
    """Is the reported error that of a lucky seed?

    It is where it is no more than 95 % of the median over the seeds, and among the lowest tenth. Without a reported
    error the spread is a finding where the worst seed errs at least 1.5 times as much as the best.
    """
    name, errors, reported = "lucky_seed", given.seed_errors, given.evidence.reported_error
    if errors is None and given.forecasts is not None and len(given.forecasts) > 1:
        errors = root_mean_squared_error(given.test, given.forecasts)
    if errors is None or len(errors) < _LEAST_SEEDS:
        return not_checked(
            name, f"the test errors of at least {_LEAST_SEEDS} seeds (seed_errors, or their predictions)"
        )
    best, middle, worst = float(errors.min()), float(np.median(errors)), float(errors.max())
    numbers: Numbers = {"seeds": len(errors), "best": best, "median": middle, "worst": worst, "reported": reported}
    spread = f"{len(errors)} seeds err by {best:.4g} to {worst:.4g}, the median is {middle:.4g}"
    if reported is None:
        if worst < _WIDE * best or worst == 0:
            return Finding(name, False, f"{spread}: one is as good as another.", numbers)
        return Finding(
            name, True, f"{spread}: one seed alone is a draw of luck; report the median and the spread.", numbers
        )
    lucky = reported <= _LUCKY * middle and reported <= float(np.quantile(errors, 0.1)) * (1 + _SAME_ERROR)
    if lucky:
        below = f"that of a lucky seed ({1 - reported / middle:.0%} below the median)"
        return Finding(name, True, f"{spread}; the reported {reported:.4g} is {below}: report the median.", numbers)
    return Finding(name, False, f"{spread}; the reported {reported:.4g} is not the luck of a seed.", numbers)
