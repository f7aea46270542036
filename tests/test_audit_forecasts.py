"""The audit of forecasts: shifted, cut off, in scaled units, of a lucky seed; and how seldom it accuses clean ones."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.evaluate.audit_report import audit
from timeglass.evaluate.evidence import Evidence
from timeglass.evaluate.finding import Finding
from timeglass.prepare.scale import MinMaxScaler, StandardScaler
from timeglass.prepare.windows import cut_windows

ROWS, KNOWN = 240, 180
T = np.arange(ROWS)
WAVE = 50 + 10 * np.sin(2 * np.pi * T / 12)


def seasonal(seed: int, noise: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """A series, and forecasts as good as can be but for a little noise."""
    rng = np.random.default_rng(seed)
    return WAVE + 0.1 * T + rng.normal(0, noise, ROWS), WAVE + 0.1 * T + rng.normal(0, 1, ROWS)


def walk(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = 100 + np.cumsum(rng.normal(size=ROWS))
    return values, np.r_[values[0], values[:-1]] + rng.normal(0, 0.1, ROWS)


def check(name: str, values, forecasts, *, scaler=None, period=None, **more) -> Finding:
    given_ = None if forecasts is None else forecasts[..., KNOWN:]
    evidence = Evidence(**more)
    return audit(values[:KNOWN], values[KNOWN:], given_, scaler=scaler, period=period, evidence=evidence).finding(name)


# ---- the row that a forecast is of


@pytest.mark.parametrize("shift", [-3, -2, -1, 1, 2, 3])
def test_shifted_forecasts_are_found_with_their_shift(shift):
    values, forecasts = seasonal(1, noise=1.0)
    own = check("target_misaligned", values, forecasts)
    assert (own.found, own.numbers["shift"]) == (False, 0)
    rows = slice(KNOWN, ROWS - 3)
    assert own.numbers["error"] == pytest.approx(np.abs(forecasts - values)[rows].mean())
    shifted = np.roll(forecasts, shift)  # 1 puts each a row too late: it is the forecast of the row before
    moved = check("target_misaligned", values, shifted)
    assert moved.found
    assert moved.numbers["shift"] == shift
    assert moved.numbers["error_at_shift"] == pytest.approx(np.abs(shifted - np.roll(values, shift))[rows].mean())
    side = "later" if shift < 0 else "before"
    assert f"{abs(shift)} row{'s' * (abs(shift) > 1)} {side} better than their own" in moved.sentence


def test_the_last_value_is_accused_where_more_can_be_known_and_only_there():
    values, _ = seasonal(2)
    repeated = np.r_[values[0], values[:-1]]
    lazy = check("target_misaligned", values, repeated)
    assert lazy.found
    assert lazy.numbers["error_at_shift"] == 0
    assert "while least squares on the lags errs by" in lazy.sentence
    values, forecasts = walk(2)
    best = check("target_misaligned", values, forecasts)
    assert (best.found, best.numbers["shift"]) == (False, 1)
    assert "the best that is known may be the last value" in best.sentence


def test_the_comparison_of_least_squares_is_numpys():
    values, _ = seasonal(2)
    lazy = check("target_misaligned", values, np.r_[values[0], values[:-1]])
    lags = np.column_stack([np.ones(KNOWN - 12), *(values[12 - k : KNOWN - k] for k in range(1, 13))])
    weights = np.linalg.lstsq(lags, values[12:KNOWN], rcond=None)[0]
    rows = np.arange(KNOWN, ROWS - 3)
    made = weights[0] + sum(weights[k] * values[rows - k] for k in range(1, 13))
    assert lazy.numbers["error_of_least_squares"] == pytest.approx(np.abs(made - values[rows]).mean(), rel=1e-9)


def test_the_season_before_is_a_choice_and_copies_are_none():
    values = WAVE + np.random.default_rng(4).normal(0, 4, ROWS)
    ago = np.r_[values[:12], values[:-12]]
    accused = check("target_misaligned", values, ago, horizon=12)
    assert (accused.found, accused.numbers["shift"]) == (True, 12)  # least squares has the mean of many seasons
    assert not check("target_misaligned", values, ago, period=12, horizon=12).found
    assert not check("target_misaligned", values, values).found  # of that, `too_good` speaks


def test_a_few_rows_are_not_judged():
    values, forecasts = seasonal(4)
    few = audit(values[:KNOWN], values[KNOWN:][:12], forecasts[KNOWN:][:12]).finding("target_misaligned")
    assert (few.checked, few.found) == (False, False)
    assert "at least 13 test rows" in few.sentence
    enough = audit(values[:KNOWN], values[KNOWN:][:13], forecasts[KNOWN:][:13]).finding("target_misaligned")
    assert (enough.checked, enough.numbers["most_shift"]) == (True, 1)


# ---- limits


@pytest.mark.parametrize("side", [1, -1])
def test_forecasts_that_are_cut_off_are_found(side):
    values, forecasts = seasonal(5, noise=1.0)
    limit = float(np.quantile(side * forecasts[KNOWN:], 0.7))
    cut = side * np.minimum(side * forecasts, limit)
    finding = check("saturated_output", values, cut)
    assert finding.found
    assert finding.numbers == {
        "limit": pytest.approx(side * limit), "share": 18 / 60, "forecasts": 18,
    }  # fmt: skip
    assert ("highest" if side > 0 else "lowest") in finding.sentence
    assert not check("saturated_output", values, forecasts).found
    # Where the series itself stops there, so may its forecast.
    assert not check("saturated_output", side * np.minimum(side * values, limit), cut).found


def test_stairs_and_repeated_seasons_are_not_cut_off():
    values, _ = walk(6)
    assert not check("saturated_output", values, values[np.maximum(0, T // 12 * 12 - 1)], horizon=12).found
    assert not check("saturated_output", values, np.full(ROWS, 100.0)).found
    assert not check("saturated_output", values, np.tile([1.0, 2.0, 3.0, 4.0], 60)).found


def test_an_activations_limit_is_that_of_the_scaler():
    values, forecasts = np.linspace(0, 8, ROWS), np.linspace(0, 8, ROWS)
    values[200] = 12.0
    limit = check("saturated_output", values, forecasts, scaler=(0.0, 10.0), activation="tanh")
    assert limit.numbers == {"limit": 10.0, "share": 0.0, "test_values_beyond": 1}
    assert "A tanh output cannot go above 10, and 1 test value lies beyond (first in test row 21)" in limit.sentence
    values[200] = 8.0
    assert not check("saturated_output", values, forecasts, scaler=(0.0, 10.0), activation="tanh").found
    near = np.where(T >= 237, 9.95, forecasts)  # three, each within a hundredth of the limit
    stuck = check("saturated_output", values, near, scaler=(0.0, 10.0), activation="sigmoid")
    assert "3 of 60 forecasts are at the limit 10 of the sigmoid output (first in test row 58)" in stuck.sentence
    low = check("saturated_output", values - 20, forecasts - 20, scaler=(0.0, 10.0), activation="relu")
    assert "60 of 60 forecasts are at the limit 0 of the relu output" in low.sentence
    assert not check("saturated_output", values, forecasts, scaler=(0.0, 10.0), activation="linear").found
    assert not check("saturated_output", values, forecasts, activation="tanh").checked


# ---- units


@pytest.mark.parametrize("make", [MinMaxScaler.fit, StandardScaler.fit])
@pytest.mark.parametrize("told", [True, False])
def test_forecasts_in_scaled_units_are_found(make, told):
    values, forecasts = seasonal(7)
    scaler = make(values[:KNOWN])
    scaled = check("scaled_units", values, scaler.transform(forecasts), scaler=scaler if told else None)
    assert scaled.found
    back = np.abs(forecasts - values)[KNOWN:].mean()
    assert scaled.numbers["scaled_back"] == pytest.approx(back)
    assert f"scaled back they err by {back:.4g}, not" in scaled.sentence
    assert not check("scaled_units", values, forecasts, scaler=scaler if told else None).found
    # The checks that compare forecasts and values wait for the same units.
    report = audit(values[:KNOWN], values[KNOWN:], scaler.transform(forecasts)[KNOWN:])
    assert not report.finding("target_misaligned").checked


@pytest.mark.parametrize("title", ["RMSE", "MAE"])
def test_the_reported_error_is_recognised(title):
    values, forecasts = seasonal(8)
    scaler = MinMaxScaler.fit(values[:KNOWN])
    off = (forecasts - values)[KNOWN:]
    error = float(np.sqrt(np.mean(off**2)) if title == "RMSE" else np.abs(off).mean())
    honest = check("scaled_units", values, forecasts, scaler=scaler, reported_error=error)
    assert (honest.found, honest.sentence) == (
        False, f"The reported error {error:.4g} is the {title} in the units of the series.",
    )  # fmt: skip
    share = error / scaler.range
    scaled = check("scaled_units", values, forecasts, scaler=scaler, reported_error=share)
    assert (scaled.found, scaled.numbers["in_units"]) == (True, pytest.approx(error))
    assert f"{share:.4g} is the {title} in scaled units: report {error:.4g}" in scaled.sentence
    unknown = check("scaled_units", values, forecasts, scaler=scaler, reported_error=3 * error)
    assert (unknown.found, unknown.checked) == (False, False)


# ---- seeds


def test_a_lucky_seed_is_found():
    errors = np.array([0.8, 0.95, 1.0, 1.05, 1.1])
    values, _ = seasonal(9)
    lucky = check("lucky_seed", values, None, seed_errors=errors, reported_error=0.8)
    assert lucky.found
    assert "the reported 0.8 is that of a lucky seed (20% below the median): report the median" in lucky.sentence
    assert not check("lucky_seed", values, None, seed_errors=errors, reported_error=1.0).found
    close = check("lucky_seed", values, None, seed_errors=[0.96, 1.0, 1.0], reported_error=0.96)
    assert not close.found  # the lowest, but by 4 %
    assert not check("lucky_seed", values, None, seed_errors=[1.0, 2.0], reported_error=1.0).checked
    assert check("lucky_seed", values, None, seed_errors=[1.0, 1.2, 1.5]).found
    assert not check("lucky_seed", values, None, seed_errors=[1.0, 1.2, 1.49]).found
    assert not check("lucky_seed", values, None, seed_errors=[0.0, 0.0, 0.0]).found


def test_the_seeds_forecasts_give_their_errors():
    values, _ = seasonal(9)
    rng = np.random.default_rng(0)
    forecasts = values + rng.normal(0, [[1.0], [2.0], [3.0]], (3, ROWS))
    found = check("lucky_seed", values, forecasts)
    errors = np.sqrt(((forecasts - values)[:, KNOWN:] ** 2).mean(axis=1))
    assert found.numbers["best"] == pytest.approx(errors.min())
    assert found.numbers["worst"] == pytest.approx(errors.max())
    assert found.found


# ---- clean ones


def ar(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=ROWS)
    for i in range(1, ROWS):
        values[i] += 0.9 * values[i - 1]
    return values, 0.9 * np.r_[0, values[:-1]] + rng.normal(0, 0.1, ROWS)


def counts(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.poisson(1.0, ROWS).astype(float), 1 + rng.normal(0, 0.1, ROWS)


@pytest.mark.parametrize(("make", "period"), [(walk, None), (seasonal, 12), (ar, None), (counts, None)])
def test_clean_forecasts_are_seldom_accused(make, period):
    accused: Counter[str] = Counter()
    for seed in range(200):
        values, forecasts = make(seed)
        train = values[:KNOWN]
        evidence = Evidence(
            x_train=cut_windows(train, 12, stride=1).x, x_test=cut_windows(values[KNOWN - 12 :], 12, stride=1).x,
            weights=50, covariates={"known": np.sin(T), "last": np.r_[values[0], values[:-1]]},
        )  # fmt: skip
        report = audit(
            train, values[KNOWN:], forecasts[KNOWN:], scaler=(train.min(), train.max()), period=period,
            evidence=evidence,
        )  # fmt: skip
        assert len(report.not_checked) == 2 + (period is None)
        accused.update(finding.name for finding in report.found)
    assert sum(accused.values()) <= 4  # of 200; when this was written, none


@pytest.mark.parametrize("make", [walk, ar])
def test_a_season_claimed_of_what_has_none_is_mostly_found(make):
    lacking = [check("claimed_season", make(seed)[0], None, period=12).found for seed in range(100)]
    assert sum(lacking) >= 90  # the tests that look for it are 90 % ones


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), unit=st.sampled_from([1e-9, 0.5, 1024.0, 1e9]), shift=st.sampled_from([-1, 0, 2]))
def test_what_is_found_does_not_depend_on_the_unit(seed, unit, shift):
    values, forecasts = seasonal(seed)
    moved = np.roll(forecasts, shift)
    one, other = (
        audit(
            k * values[:KNOWN], k * values[KNOWN:], k * moved[KNOWN:], scaler=(k * values.min(), k * values.max()),
            period=12, evidence=Evidence(covariates={"x": values}),
        )
        for k in (1.0, unit)
    )  # fmt: skip
    skip = {"scaled_units", "target_misaligned", "saturated_output"} if unit < 1e-3 else set()
    assert {f.name: f.found for f in one.findings if f.name not in skip} == {
        f.name: f.found for f in other.findings if f.name not in skip
    }
