"""A level shift: one step in a series that otherwise has a trend and autocorrelated noise."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from timeglass.series.oddity import Oddity, number, rescaled, scaled
from timeglass.types import Array

__all__ = ["level_shift"]

_FEWEST = 40  # rows, and 4 periods
_BLOCKS = 2000  # rows that are looked at; of longer series the means of blocks
_LAGS = 8  # of autoregression at most
_LEVEL = 0.01  # of false alarms, over all rows
_SIZE = 1.5  # deviations of the noise's own level
_GAIN = 12.0  # of BIC over all that has no step
_NEAR = 10  # rows before and after the step whose noise is looked at by itself
_WEIGHTS = np.array([0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4])  # of smoothing


@dataclass(frozen=True)
class _Step:
    """A step by `size` at row `row`; `noise` (rows,) is what it and the trend leave, `errors` their innovations."""

    row: int
    size: float
    t: float
    bic: float
    noise: Array
    errors: Array
    lags: Array  # (lags,)


def level_shift(values: Array, *, period: int = 1) -> list[Oddity]:
    """The most evident step in values (rows,), if it is one; none in fewer than 40 rows or 4 periods.

    y_t = a + b t + c · (t ≥ k) + u_t, u autoregressive, is fitted for every k but the first and last twentieth: u's
    coefficients from the residuals, their number by BIC, then generalised least squares (R. S. Tsay, "Outliers, level
    shifts, and variance changes in time series", Journal of Forecasting 7, 1988). A step is told where

    - |t| of c, by the errors of all rows or the 21 around k, whichever is larger, exceeds Bonferroni's limit for
      n rows, z(1 - 0.005/n) · (1 + 30/n);
    - c is at least 1.5 times σ/(1 - Σφ), by which the noise's own level wanders, and 1.5 deviations of u;
    - BIC is better by 12 than without a step: than a line or a parabola with such noise, or a level that wanders
      (exponential smoothing).

    With a period, what a line through each of its phases finds beside a parabola is taken out first. Series of more
    than 4,000 rows are looked at in block means; then the row is found among those near. Only the most evident step is
    told: look again at the rows before and after it.

    >>> values = np.random.default_rng(0).normal(size=100) + np.where(np.arange(100) < 60, 0.0, 4.0)
    >>> found = level_shift(values)[0]
    >>> found.first, round(found.score, 1), found.words[:37]
    (60, 9.4, 'from here on the level is 3.77 higher')
    """
    if len(values) < max(_FEWEST, 4 * period):
        return []
    x, exponent = scaled(values)
    if x.min() == x.max():
        return []
    x, again = scaled(_without_season(x - np.median(x), period))
    width = max(1, len(x) // _BLOCKS)
    blocks = x[: len(x) // width * width].reshape(-1, width).mean(axis=1)  # (n,)
    free = 1 - (2 * period if period > 1 else 0) / len(x)  # the share that the lines leave to the noise
    step = _best_step(blocks)
    limit = NormalDist().inv_cdf(1 - _LEVEL / 2 / len(blocks)) * (1 + 30 / len(blocks))
    near = step.errors[max(0, step.row - len(step.lags) - _NEAR) :][: 2 * _NEAR + 1]
    local = max(1.0, float(np.sqrt((near @ near) / len(near) / max(_variance(step.errors), 1e-300))))
    score = abs(step.t) / local * np.sqrt(free)
    if score < limit or not _large(step) or free * (_without_step(blocks) - step.bic) < _GAIN:
        return []
    row = _among(x, step, width)
    way = "higher" if step.size > 0 else "lower"
    size, t = (number(float(f"{value:.3g}")) for value in (abs(rescaled(step.size, exponent + again)), score))
    words = f"from here on the level is {size} {way}: t = {t}, where {limit:.2g} is the limit, "
    words += "with trend and autocorrelation allowed for"
    return [Oddity("level shift", row, row, float(score), words)]


def _without_season(x: Array, period: int) -> Array:
    """(rows,) without the line through each phase of the period that is there beside the parabola of all rows."""
    if period < 2:
        return x
    rest, phase, time = _without_trend(x, 2), np.arange(len(x)) % period, np.arange(len(x)) / len(x)
    counts = np.bincount(phase)  # (period,)
    time = time - (np.bincount(phase, weights=time) / counts)[phase]
    means = np.bincount(phase, weights=rest) / counts
    slopes = np.bincount(phase, weights=rest * time) / np.bincount(phase, weights=time * time)
    return x - means[phase] - slopes[phase] * time


def _best_step(y: Array) -> _Step:
    """The step of the smaller BIC, searched from white noise on and from the noise that is there without a step."""
    starts = (np.zeros(0), _autoregression(_without_trend(y, 1))[1])
    return min((_settled(y, lags) for lags in starts), key=lambda step: step.bic)


def _settled(y: Array, lags: Array) -> _Step:
    """The step and the noise's coefficients, each found from the other in turn."""
    for _ in range(4):
        row, size, t, errors = _search(y, lags)
        noise = _without_trend(y - size * (np.arange(len(y)) >= row), 1)
        bic, after = _autoregression(noise)
        step = _Step(row, size, t, bic + 3 * float(np.log(len(y))), noise, errors, lags)
        lags = after
    return step


def _search(y: Array, lags: Array) -> tuple[int, float, float, Array]:
    """The row of the largest |t|, the step's size there, its t and the errors; for all rows by suffix sums.

    With π(B) = 1 - φ₁B - …: errors = π(B)y, step_k = π(B)(t ≥ k), both without 1 and t;
    c_k = ⟨errors, step_k⟩ / ‖step_k‖².
    """
    count, order = len(y) - len(lags), len(lags)
    pi = np.append(1.0, -lags)
    time = np.arange(count) - (count - 1) / 2
    lines = np.stack([np.full(count, count**-0.5), time / np.sqrt(time @ time)])  # (2, n) orthonormal
    errors = np.convolve(y, pi)[order : len(y)]  # (n,)
    errors = errors - (lines @ errors) @ lines
    weights = np.cumsum(pi)  # the filtered step, from its first row on; then its last weight for ever
    left = count - np.arange(count)
    squares = (
        np.cumsum(weights**2)[np.minimum(left, order + 1) - 1] + np.maximum(left - order - 1, 0) * weights[-1] ** 2
    )
    squares -= sum(_inner(line, pi) ** 2 for line in lines)
    trim = max(5, count // 20)
    inner = _inner(errors, pi)
    evidence = inner * inner / np.maximum(squares, 1e-9)
    row = trim + int(np.argmax(evidence[trim : count - trim]))
    size = float(inner[row] / squares[row])
    step = np.zeros(count)
    step[row:] = weights[np.minimum(np.arange(count - row), order)]
    errors = errors - size * (step - (lines @ step) @ lines)
    t = size * np.sqrt(squares[row] / max(_variance(errors) * count / (count - 3 - order), 1e-24))
    return row + order, size, float(t), errors


def _inner(a: Array, pi: Array) -> Array:
    """(n,): the inner product of `a` (n,) and the filtered step at each row."""
    sums = np.append(np.cumsum(a[::-1])[::-1], np.zeros(len(pi)))
    return np.convolve(sums, pi[::-1])[len(pi) - 1 :][: len(a)]


def _without_trend(y: Array, degree: int) -> Array:
    """(n,) without its line or parabola."""
    powers = np.vander(np.linspace(-1, 1, len(y)), degree + 1)
    return y - powers @ np.linalg.lstsq(powers, y, rcond=None)[0]


def _autoregression(noise: Array) -> tuple[float, Array]:
    """BIC and coefficients of the best order up to 8; all orders are compared on the same rows.

    [past now] = QR; what the first lags leave of `now` is the lower end of R's last column.
    """
    past = [noise[_LAGS - lag : len(noise) - lag] for lag in range(1, _LAGS + 1)]
    r = np.linalg.qr(np.stack([*past, noise[_LAGS:]], axis=1)).R  # (9, 9)
    left = np.cumsum(r[::-1, -1] ** 2)[::-1].tolist()  # (9,): the sum of squares that 0, 1, … 8 lags leave
    order = min(range(_LAGS + 1), key=lambda lags: _bic(left[lags], len(past[0]), lags))
    lags = np.linalg.lstsq(r[:order, :order], r[:order, -1], rcond=None)[0] if order else np.zeros(0)
    return _bic(left[order], len(past[0]), order), lags


def _without_step(y: Array) -> float:
    """The best BIC of what has no step: a line, a parabola, a level that wanders."""
    curves = [_autoregression(_without_trend(y, degree))[0] + (degree + 1) * float(np.log(len(y))) for degree in (1, 2)]
    level = np.full(len(_WEIGHTS), y[:5].mean())
    errors = np.empty((len(y), len(_WEIGHTS)))
    for one, value in zip(errors, y, strict=True):
        one[:] = value - level
        level += _WEIGHTS * one
    return min(*curves, *(_bic(square, len(y) - _LAGS, 2) for square in (errors[_LAGS:] ** 2).sum(axis=0).tolist()))


def _bic(squares: float, count: int, parameters: int) -> float:
    """BIC: n log σ² + parameters log n; σ is at least 10⁻¹² of what the values reach."""
    return float(count * np.log(max(squares / count, 1e-24)) + parameters * np.log(count))


def _variance(errors: Array) -> float:
    return float(errors @ errors) / len(errors)


def _large(step: _Step) -> bool:
    """Whether the step stands out from the noise and from what its level wanders by."""
    wander = np.sqrt(_variance(step.errors)) / max(1 - float(step.lags.sum()), 1e-3)
    return abs(step.size) >= _SIZE * max(wander, np.sqrt(_variance(step.noise)))


def _among(x: Array, step: _Step, width: int) -> int:
    """The row among those of the neighbouring blocks where the level changes."""
    if width == 1:
        return step.row
    start = max(0, (step.row - 2) * width)
    near = x[start : (step.row + 2) * width]
    middle = (near[:width].mean() + near[-width:].mean()) / 2
    return start + int(np.argmin(np.cumsum(np.sign(step.size) * (near - middle)))) + 1
