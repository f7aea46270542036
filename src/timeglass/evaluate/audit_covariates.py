"""Could the covariates of a forecast have been known when it was made?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import DataError, ShapeError
from timeglass.evaluate.evidence import Given
from timeglass.evaluate.finding import Finding, Numbers, not_checked
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["check_covariates", "target_in"]

_LEADS = 3  # rows ahead, for which a covariate that holds a later value is looked for
_ALIKE = 0.98  # R² of the target's changes on the covariate's, from which it is the target under another name
_LEAST_ROWS = 12
_LEAST_STILL = 3  # test rows that repeat the last known value


def check_covariates(given: Given) -> Finding:
    """Looks at each covariate of the rows that are forecast.

    It is not known there where values are missing or repeat the last training row's, though they moved before. It is
    the target itself where its changes explain at least 98 % of the target's, of the same row or of one up to 3 rows
    later, and no earlier row's better: the target of earlier rows is known, and may be a covariate.
    """
    name = "covariate_unknown"
    if not given.evidence.covariates:
        return not_checked(name, "the covariates that the forecasts were given (covariates)")
    faults = {label: _fault(given, label, values) for label, values in given.evidence.covariates.items()}
    bad = {label: fault for label, fault in faults.items() if fault}
    numbers: Numbers = {"covariates": len(faults), "bad": len(bad), "names": ", ".join(bad)}
    if not bad:
        return Finding(name, False, f"Nothing in {len(faults)} covariates says that they were not known.", numbers)
    said = "; ".join(f"{quoted(label)} {fault}" for label, fault in list(bad.items())[:5])
    more = f"; and {len(bad) - 5} more" if len(bad) > 5 else ""
    remedy = "forecast it too, give it of earlier rows only, or leave it out"
    return Finding(name, True, f"Covariate {said}{more}: {remedy}.", numbers)


def _fault(given: Given, name: str, values: ArrayLike) -> str:
    """What shows that a covariate was not known, after its name; "" for nothing."""
    numbers, known = _numbers(name, values), len(given.train)
    rows = known + len(given.test)
    if numbers.shape == (known,):
        return f"has no values in the rows forecast ({given.span})"
    if numbers.shape != (rows,):
        raise ShapeError(
            f"covariates: {quoted(name)} has shape {numbers.shape}: expected ({rows},), train and test rows"
        )
    missing = np.flatnonzero(np.isnan(numbers[known:]))
    if len(missing):
        return f"is missing in {len(missing)} of {rows - known} rows forecast, first in {given.label(int(missing[0]))}"
    if np.isnan(numbers[:known]).any():
        row = int(np.flatnonzero(np.isnan(numbers))[0])
        raise DataError(
            f"covariates: {quoted(name)} has no value in row {row + 1}: fill it or leave the row out", row=row
        )
    later, moves = numbers[known:], np.diff(numbers[:known]) != 0
    if len(later) >= _LEAST_STILL and known > 1 and (later == numbers[known - 1]).all() and moves.mean() > 0.5:
        return f"repeats its last training value in all rows forecast ({given.span})"
    return target_in(numbers, given.series)


def _numbers(name: str, values: ArrayLike) -> Array:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"covariates: {quoted(name)} holds more than numbers: give its values as numbers") from None
    if np.isinf(numbers).any():
        raise DataError(f"covariates: {quoted(name)} has an infinite value: leave it out or fill it")
    return numbers


def target_in(covariate: Array, series: Array) -> str:
    """What a covariate (rows,) tells of the target (rows,) of its own row or of a later one, by their changes; else "".

    >>> values = np.random.default_rng(0).normal(size=40)
    >>> target_in(2 * values + 3, values), target_in(np.arange(40.0), values)
    ('moves as the target of the same row does (100.0% of its changes)', '')
    """
    shifts = range(-_LEADS, _LEADS + 1)
    if len(series) < _LEAST_ROWS + 2 * _LEADS:
        return ""
    inside = slice(_LEADS, len(series) - 1 - _LEADS)
    own = np.diff(covariate)[inside]
    shares = [_share(own, np.diff(series)[inside.start + k : inside.stop + k]) for k in shifts]
    best = int(np.argmax(shares))
    lead = shifts[best]
    if lead < 0 or shares[best] < _ALIKE:
        return ""
    which = "of the same row" if lead == 0 else f"{lead} {'row' if lead == 1 else 'rows'} later"
    return f"moves as the target {which} does ({shares[best]:.1%} of its changes)"


def _share(one: Array, other: Array) -> float:
    """R² of one on the other, a constant included; 0 where one does not vary."""
    one, other = one - one.mean(), other - other.mean()
    size, reach = float(np.abs(one).max()), float(np.abs(other).max())
    if size == 0 or reach == 0:
        return 0.0
    one, other = one / size, other / reach
    return float((one @ other) ** 2 / ((one @ one) * (other @ other)))
