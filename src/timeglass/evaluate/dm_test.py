"""Do two forecasts err differently, or is it chance? The test of Diebold and Mariano, in the form for few forecasts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.prepare.checks import finite_numbers, whole_number
from timeglass.types import Array

__all__ = ["DMTest", "diebold_mariano", "student_t_p_value", "student_t_quantile"]

_ROUNDING = 1e-13  # differences that vary by less than this share of their size do not vary
_LARGE = 100.0  # where the series for a ratio of gamma functions is exact to the last bit
_SMALLEST = 1e-300  # instead of a zero to divide by
_MOST_FRACTIONS = 100_000


@dataclass(frozen=True)
class DMTest:
    """The statistic, its two-sided p-value (Student's t, N - 1 degrees of freedom), and the mean of a - b.

    Below zero a errs less. The statistic is infinite, and p is 0, where all differences are the same and not zero.
    """

    statistic: float
    p_value: float
    mean_difference: float


def diebold_mariano(loss_a: ArrayLike, loss_b: ArrayLike, *, horizon: int = 1) -> DMTest:
    """Tests whether losses (N,) of two forecasts, in time order, have the same mean.

    With d = a - b and its autocovariances γ, the variance of the mean is (γ0 + 2·(γ1 + … + γ[h-1])) / N, and

        statistic = mean(d) / √variance · √((N + 1 - 2h + h·(h - 1)/N) / N)

    F. X. Diebold, R. S. Mariano, "Comparing predictive accuracy", Journal of Business & Economic Statistics 13, 1995;
    the second root: D. Harvey, S. Leybourne, P. Newbold, "Testing the equality of prediction mean squared errors",
    International Journal of Forecasting 13, 1997. Where the sum of autocovariances is not above zero, the k-th is
    weighed by 1 - k/h: W. K. Newey, K. D. West, Econometrica 55, 1987. `horizon` h is how many consecutive losses
    share rows: the steps ahead where forecasts start one row apart, 1 where they share none.

    An `InputError` where N is not above h. Where all differences are zero the statistic is 0 and p is 1.

    >>> test = diebold_mariano([1.0, 2.0, 1.0, 2.0], [2.0, 4.0, 3.0, 3.0])
    >>> round(test.statistic, 4), round(test.p_value, 4), test.mean_difference
    (-5.1962, 0.0138, -1.5)
    """
    h = whole_number("horizon", horizon, at_least=1)
    a, b = finite_numbers(loss_a, "loss_a"), finite_numbers(loss_b, "loss_b")
    if a.ndim != 1 or a.shape != b.shape:
        raise ShapeError(f"diebold_mariano: expected two times (N,) losses, got {a.shape} and {b.shape}")
    n = len(a)
    if n <= h:
        raise InputError(f"diebold_mariano: {n} losses, at least {h + 1} are needed: give more forecasts")
    d, unit = _differences(a, b)
    mean = float(d.mean())
    variance = _variance(d - mean, h)
    if variance <= _ROUNDING**2:
        statistic = math.copysign(math.inf, mean) if abs(mean) > _ROUNDING else 0.0
    else:
        statistic = mean / math.sqrt(variance) * math.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    return DMTest(statistic, student_t_p_value(statistic, n - 1), mean * unit)


def _differences(a: Array, b: Array) -> tuple[Array, float]:
    """A - b as shares of the largest loss, so that squares stay in the range of a double, and that loss."""
    unit = float(max(np.abs(a).max(), np.abs(b).max()))
    if unit == 0:
        return np.zeros(len(a)), 1.0
    return a / unit - b / unit, unit


def _variance(centred: Array, h: int) -> float:
    """The variance of the mean of differences (N,) of which h in a row may depend on each other."""
    n = len(centred)
    gammas = [float(centred[k:] @ centred[: n - k]) / n for k in range(h)]
    variance = gammas[0] + 2 * sum(gammas[1:])
    if variance <= 0:
        variance = gammas[0] + 2 * sum((1 - k / h) * gammas[k] for k in range(1, h))
    return variance / n


def student_t_p_value(statistic: float, freedom: int) -> float:
    """P(|T| ≥ |statistic|), where T has Student's t distribution with `freedom` degrees of freedom ν.

    It is the regularised incomplete beta function I(ν / (ν + t²); ν/2, 1/2): NIST Digital Library of Mathematical
    Functions, 8.17; its continued fraction (8.17.22) by W. J. Lentz, Applied Optics 15, 1976, with the care for zeros
    of I. J. Thompson, A. R. Barnett, Journal of Computational Physics 64, 1986.

    >>> round(student_t_p_value(2.228, 10), 4), student_t_p_value(0.0, 3)
    (0.05, 1.0)
    """
    if math.isnan(statistic):
        raise InputError("student_t_p_value: expected a number, got nan")
    a, t = whole_number("freedom", freedom, at_least=1) / 2, abs(statistic)
    if t == 0 or math.isinf(t):
        return 1.0 if t == 0 else 0.0
    ratio = t * t / (2 * a)
    if math.isinf(ratio):
        return 0.0
    log_x, y = -math.log1p(ratio), ratio / (1 + ratio)
    if y == 0:
        return 1.0
    front = math.exp(_log_gamma_ratio(a) - 0.5 * math.log(math.pi) + a * log_x + 0.5 * math.log(y))
    # The fraction converges fast on one side of the mean only; on the other one takes 1 minus the mirror image.
    if math.exp(log_x) < (a + 1) / (a + 2.5):
        return min(1.0, front * _beta_fraction(math.exp(log_x), a, 0.5) / a)
    return max(0.0, 1 - front * _beta_fraction(y, 0.5, a) / 0.5)


def student_t_quantile(probability: float, freedom: int) -> float:
    """The t with P(T ≤ t) = `probability`, by bisection: for `probability` above 0 and below 1.

    >>> round(student_t_quantile(0.975, 10), 4), student_t_quantile(0.5, 10)
    (2.2281, 0.0)
    """
    if not 0 < probability < 1:
        raise OptionError(f"probability: expected a number above 0 and below 1, got {probability!r}")
    tail = 2 * min(probability, 1 - probability)
    low, high = 0.0, 1.0
    while student_t_p_value(high, freedom) > tail:
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high and tail < 1:
        low, high = (middle, high) if student_t_p_value(middle, freedom) > tail else (low, middle)
    return math.copysign(low, probability - 0.5) if tail < 1 else 0.0


def _log_gamma_ratio(a: float) -> float:
    """Log Γ(a + 1/2) / Γ(a); for large a by its series, as the difference of two large numbers is inexact."""
    if a < _LARGE:
        return math.lgamma(a + 0.5) - math.lgamma(a)
    return 0.5 * math.log(a) - 1 / (8 * a) + 1 / (192 * a**3) - 1 / (640 * a**5)


def _beta_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_FRACTIONS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            c, d = _away(1 + term / c), 1 / _away(1 + term * d)
            value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value


def _away(x: float) -> float:
    return x if abs(x) > _SMALLEST else _SMALLEST
