"""Forecasts that are too good to be true are found; those of what can be known are not, exact as they may be."""

from __future__ import annotations

import numpy as np
import pytest

from timeglass.datasets.by_name import load
from timeglass.evaluate.audit_report import audit
from timeglass.evaluate.evidence import Evidence
from timeglass.evaluate.finding import Finding
from timeglass.evaluate.lag_forecasts import lag_forecasts

KNOWN, ROWS = 180, 240
T = np.arange(float(ROWS))
PATTERN = np.random.default_rng(0).normal(size=24)[T.astype(int) % 24]
NOISE = np.random.default_rng(1).normal(size=ROWS)


def too_good(values, forecasts, *, known=KNOWN, **evidence) -> Finding:
    return audit(values[:known], values[known:], forecasts[known:], evidence=Evidence(**evidence)).finding("too_good")


def logistic(rows: int) -> np.ndarray:
    values = [0.3]
    for _ in range(rows - 1):
        values.append(3.9 * values[-1] * (1 - values[-1]))
    return np.array(values)


@pytest.mark.parametrize("horizon", [1, 6])
@pytest.mark.parametrize(
    "values",
    [5 + 0.3 * T, T**2, np.exp(0.02 * T), np.sin(T / 40), np.sin(T) + np.sin(np.sqrt(2) * T), PATTERN,
     PATTERN + 0.1 * T, (100 + T) * (1 + 0.3 * np.sin(T)), (T % 30 < 11) * 1.0, np.tile([0.0, 0, 3, 1, 0, 0], 40),
     np.full(ROWS, 7.0)],
    ids=["line", "square", "growth", "slow wave", "two waves", "pattern", "pattern on a line", "growing wave", "switch",
         "week", "constant"],
)  # fmt: skip
def test_exact_forecasts_of_what_has_nothing_new_are_no_leak(values, horizon):
    for forecasts in (values, values * (1 + 1e-9)):
        found = too_good(values, forecasts, horizon=horizon)
        assert (found.found, found.checked) == (False, True)


def test_a_rule_in_products_of_the_last_values_can_be_learned():
    values = logistic(ROWS)
    assert not too_good(values, values).found
    assert too_good(values, values, horizon=6).found  # six rows ahead nobody knows it to the last digit


@pytest.mark.parametrize("name", ["sunspots", "air-passengers", "nile", "uk-gas"])
def test_a_little_noise_on_the_test_values_hides_no_leak(name):
    values = load(name).values
    known = len(values) * 3 // 4
    step = np.abs(np.diff(values)).mean()
    noise = np.random.default_rng(0).normal(size=len(values)) * step
    honest = np.r_[values[0], values[:-1]]  # the last value
    for forecasts, leak in (
        (values, True),
        (values + 0.01 * noise, True),
        (values + 0.5 * noise, False),
        (honest, False),
    ):
        assert too_good(values, forecasts, known=known).found is leak


def test_the_best_that_can_be_known_is_not_too_good():
    """Of an AR(1) series: its true expectation; half the noise away from what came would still be possible."""
    y = np.zeros(ROWS)
    for t in range(1, ROWS):
        y[t] = 0.8 * y[t - 1] + NOISE[t]
    expected = np.r_[0.0, 0.8 * y[:-1]]
    for seen, leak in ((0.0, False), (0.5, False), (0.9, False), (0.97, True)):
        found = too_good(y, expected + seen * (y - expected))
        assert found.found is leak
    assert found.numbers["error"] == pytest.approx(0.03 * np.abs(NOISE[KNOWN:]).mean())
    assert found.numbers["error_of_naive"] == pytest.approx(np.abs(np.diff(y[KNOWN - 1 :])).mean())


def test_the_words_and_what_is_needed():
    values = 100 + 10 * NOISE
    copied = too_good(values, values)
    assert copied.sentence.startswith("All 60 forecasts are the actual values to the last digit: they are copied")
    near = too_good(values, values + 0.01)
    assert near.sentence.startswith("The mean absolute error 0.01 is 0.0")
    assert (
        "of the naive forecast's 12.3 and 0.12 % of the 8.17 that least squares on what was known leaves"
        in near.sentence
    )
    assert near.sentence.endswith("; or name the covariates that explain it.")
    assert (
        "at least 6 test rows; there are 5" in audit(values[:99], values[:5], values[:5]).finding("too_good").sentence
    )
    assert not audit(values[:4], values[:9], values[:9]).finding("too_good").checked
    assert not audit(values[:99], values[:9]).finding("too_good").checked


def test_covariates_that_explain_all_explain_good_forecasts():
    price = np.random.default_rng(3).integers(8, 14, ROWS).astype(float)
    sales = 100 - 5 * price + 10 * (T % 7 >= 5)
    assert too_good(sales, sales).found
    week = (T % 7 >= 5) * 1.0
    assert not too_good(sales, sales, covariates={"price": price, "week": week}).found
    lacking = np.where(T == 3, np.nan, price)
    with pytest.raises(Exception, match="no value in row 4"):
        too_good(sales, sales, covariates={"price": lacking})


def test_lag_forecasts_are_numpys():
    values, lags, beside = 50 + NOISE.cumsum(), np.array([2, 5]), np.sin(T)[None]
    rows = np.arange(5, KNOWN)
    a, b = values[rows - 2], values[rows - 5]
    x = np.column_stack([np.ones(len(rows)), a, b, a * a, a * b, b * b, beside[0, rows]])
    weights = np.linalg.lstsq(x, values[rows], rcond=None)[0]
    ahead = np.arange(KNOWN, ROWS)
    a, b = values[ahead - 2], values[ahead - 5]
    expected = np.column_stack([np.ones(len(ahead)), a, b, a * a, a * b, b * b, beside[0, ahead]]) @ weights
    made = lag_forecasts(values, KNOWN, lags, products=True, beside=beside)
    np.testing.assert_allclose(made, expected, rtol=1e-6)
    changed = values.copy()
    changed[-1] += 1e6  # no later row teaches anything
    np.testing.assert_array_almost_equal(
        lag_forecasts(changed, KNOWN, lags)[:-1], lag_forecasts(values, KNOWN, lags)[:-1]
    )
