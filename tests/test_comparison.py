"""Verdicts: numbers by hand, sentences word for word, and how often equal forecasts are told apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.evaluate.comparison import Comparison, compare, verdict_table
from timeglass.evaluate.dm_test import diebold_mariano
from timeglass.evaluate.origins import Measure, Origins, block_length, drawn_means, units_of
from timeglass.types import Array

SOME = Comparison(
    *("ours", "naive", "mae", 0.88, 1.0, -0.12, -0.19, -0.04, "better", None), 60, 1, 0, drawn="blocks", units=12
)


def one_series(rows: int, steps: int = 1, *, horizon: int | None = None, seed: int = 0) -> Origins:
    came = np.random.default_rng(seed).normal(size=(rows, steps))
    return Origins(came, np.zeros(rows, int), np.ones(rows), horizon or steps)


def walks(rng: np.random.Generator, series: int, origins: int, steps: int) -> tuple[Array, Array]:
    """AR(1) series with coefficient 0.6: what came after origins one row apart, and its best forecasts."""
    noise = rng.normal(size=(series, origins + steps + 20))
    y = np.zeros_like(noise)
    for t in range(1, y.shape[1]):
        y[:, t] = 0.6 * y[:, t - 1] + noise[:, t]
    at = 20 + np.arange(origins)
    came = y[:, at[:, None] + np.arange(steps)].reshape(-1, steps)
    return came, (y[:, at - 1].reshape(-1, 1) * 0.6 ** np.arange(1, steps + 1))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"theirs": "seasonal naive"}, "better than seasonal naive by 12 % (4 to 19)"),
        ({"change": -0.01, "low": -0.02, "high": -0.003}, "better than naive by 1.0 % (0.3 to 2.0)"),
        (
            {"change": 0.03, "low": 0.01, "high": 0.05, "outcome": "worse"},
            "worse than naive by 3 % (1 to 5)",
        ),
        (
            {"change": 0.5, "low": 0.01, "high": math.inf, "outcome": "worse"},
            "worse than naive by 50 % (1 to over 999)",
        ),
        (
            {"change": math.inf, "low": math.inf, "high": math.inf, "error_theirs": 0.0, "outcome": "worse"},
            "worse than naive, which is exact",
        ),
        (
            {"change": -0.02, "low": -0.07, "high": 0.03, "outcome": "not shown"},
            "not shown to be better than naive (2 % lower, -3 to 7)",
        ),
        (
            {"change": 0.02, "low": -0.07, "high": 0.11, "outcome": "not shown"},
            "not shown to be better than naive (2 % higher, -7 to 11)",
        ),
        (
            {"change": 0.002, "low": -0.002, "high": 0.11, "outcome": "not shown"},
            "not shown to be better than naive (0.2 % higher, -0.2 to 11.0)",
        ),
        (
            {"change": -0.000001, "low": -0.05, "high": 0.000001, "outcome": "not shown"},
            "not shown to be better than naive (the same, 5 % lower to 0 % higher)",
        ),
        (
            {"low": -1.0, "high": math.inf, "outcome": "not shown", "units": 3},
            "not shown to be better than naive (too few forecasts to tell: 3 blocks stand apart, 5 are needed)",
        ),
        (
            {"change": -1e-9, "low": -2e-9, "high": -5e-10, "outcome": "not shown"},
            "not shown to be better than naive (the same within 0.05 %)",
        ),
        (
            {"change": 0.0, "error_ours": 0.0, "error_theirs": 0.0, "outcome": "not shown"},
            "not shown to be better than naive (both are exact)",
        ),
    ],
)
def test_sentences(changed: dict[str, Any], sentence: str) -> None:
    assert replace(SOME, **changed).sentence() == sentence


def test_details() -> None:
    found = compare(one_series(60, 2), np.zeros((60, 2)), np.ones((60, 2)), names=("ours", "naive"))
    assert found.dm is not None
    assert found.details() == (
        f"Scaled mean absolute error: {found.error_ours:.4g} of ours, {found.error_theirs:.4g} of naive, over 60 "
        "forecasts of 1 series. The 95% interval is a bootstrap of 15 blocks of origins. Diebold–Mariano over origins: "
        f"{found.dm.statistic:.2f}, p = {found.dm.p_value:.2g}."
    )


@pytest.mark.parametrize(("measure", "ours", "theirs"), [("mae", 1.0, 5 / 3), ("rmse", 1.0, math.sqrt(11 / 3))])
def test_errors_by_hand(measure: Measure, ours: float, theirs: float) -> None:
    """Scaled, over the steps that were observed; rows without a scale or an observation are left out."""
    actual = np.array([[1.0, 2.0], [4.0, np.nan], [9.0, 9.0], [np.nan, np.nan], [0.0, 0.0], [3.0, 3.0]])
    scale = np.array([1.0, 2.0, 0.0, 1.0, 1.0, np.nan])
    origins = Origins(actual, np.zeros(6, int), scale, 1)
    a = np.array([[2.0, 1.0], [2.0, 77.0], [0.0, 0.0], [5.0, 5.0], [1.0, -1.0], [0.0, 0.0]])  # 1, 1; 1; 1, 1
    b = np.array([[2.0, 3.0], [10.0, 7.0], [0.0, 0.0], [5.0, 5.0], [-1.0, 1.0], [0.0, 0.0]])  # 1, 1; 3; 1, 1
    found = compare(origins, a, b, measure=measure)
    assert (found.error_ours, found.error_theirs) == pytest.approx((ours, theirs))
    assert found.change == pytest.approx(ours / theirs - 1)
    assert (found.forecasts, found.left_out, found.series) == (3, 3, 1)
    assert found.dm == diebold_mariano([1.0, 1, 1], [1.0, 3 if measure == "mae" else 9, 1])
    assert "Not in it: 3 forecasts with nothing observed or a scale of zero." in found.details()


def test_units_of_few_and_of_many_series() -> None:
    # Series 7 has three origins, series 5 two; the last of each are of one place.
    actual, zeros = np.array([[1.0], [10.0], [2.0], [20.0], [3.0]]), np.zeros((5, 1))
    few = units_of(Origins(actual, np.array([7, 5, 7, 5, 7]), np.ones(5), 1), [("zero", zeros)], "mae")
    assert few is not None
    assert few.losses.tolist() == [[1.0, (10 + 2) / 2, (20 + 3) / 2]]
    # A row that is left out moves no other.
    lacking = units_of(
        Origins(actual, np.array([7, 5, 7, 5, 7]), np.array([1, 1, 1, 1, 0]), 1), [("zero", zeros)], "mae"
    )
    assert lacking is not None
    assert lacking.losses.tolist() == [[1.0, (10 + 2) / 2, 20.0]]
    which = np.repeat(np.arange(10), 2)
    many = units_of(Origins(np.arange(20.0)[:, None], which, np.ones(20), 4), [("zero", np.zeros((20, 1)))], "mae")
    assert many is not None
    assert (many.drawn, many.block, many.horizon, many.count) == ("series", 1, 1, 10)
    assert many.losses.tolist() == [(2 * np.arange(10) + 0.5).tolist()]


def test_blocks_are_drawn_in_a_circle() -> None:
    assert [block_length(n, h) for n, h in ((8, 1), (1_000, 1), (100, 12), (1, 1))] == [2, 10, 24, 1]
    rows = 12
    units = units_of(one_series(rows, 1, horizon=3), [("zero", np.zeros((rows, 1)))], "mae")
    assert units is not None
    assert units.block == 6
    loss = units.losses[0]
    sums = np.array([sum(loss[(i + j) % rows] for j in range(6)) for i in range(rows)])
    possible = (sums[:, None] + sums).ravel() / rows
    drawn = drawn_means(units, 0)[0]
    assert np.abs(drawn[:, None] - possible).min(axis=1).max() < 1e-12
    assert drawn.mean() == pytest.approx(loss.mean(), abs=4 * possible.std() / 100)
    assert drawn.std() == pytest.approx(possible.std(), rel=0.05)


def test_the_interval_of_many_series_is_hesterbergs() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.gamma(4, size=(2, 10, 1))
    found = compare(Origins(np.zeros((10, 1)), np.arange(10), np.ones(10), 1), a, b)
    drawn = rng.integers(0, 10, (100_000, 10))
    ratios = a[drawn, 0].mean(axis=1) / b[drawn, 0].mean(axis=1) - 1
    # t of 9 degrees 2.2622, times √(10/9), is 2.3845, beyond which a normal distribution has 0.855 %.
    low, high = np.quantile(ratios, [0.00855, 1 - 0.00855])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02 * (high - low))
    assert found.dm == diebold_mariano(a[:, 0], b[:, 0])


def equal_noise(came: Array, best: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return best + 0.5 * rng.normal(size=best.shape), best + 0.5 * rng.normal(size=best.shape)


def equal_bias(came: Array, best: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    return best + 0.3, best - 0.3


@pytest.mark.parametrize(
    ("pair", "series", "origins", "steps"),
    [(equal_noise, 1, 40, 1), (equal_bias, 1, 100, 4), (equal_bias, 4, 60, 3), (equal_noise, 20, 2, 6)],
)
def test_equal_forecasts_are_told_apart_in_about_one_of_twenty(
    pair: Callable[..., tuple[Array, Array]], series: int, origins: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("timeglass.evaluate.origins._RESAMPLES", 1_000)
    rng, runs = np.random.default_rng(11), 150
    which, ones = np.repeat(np.arange(series), origins), np.ones(series * origins)
    wrong = better = 0
    for run in range(runs):
        came, best = walks(rng, series, origins, steps)
        ours, theirs = pair(came, best, rng)
        at = Origins(came, which, ones, steps)
        wrong += compare(at, ours, theirs, seed=run).outcome != "not shown"
        better += run < 20 and compare(at, best, ours + 2.0, seed=run).outcome == "better"
    assert 0 < wrong / runs <= 0.1
    assert better == 20


def test_a_table_is_sorted_and_the_same_as_each_alone() -> None:
    origins = one_series(50, 3)
    rng = np.random.default_rng(2)
    rivals = {name: rng.normal(scale=scale, size=(50, 3)) for name, scale in (("a", 2.0), ("b", 0.1), ("c", 0.7))}
    rows = verdict_table(origins, np.zeros((50, 3)), rivals, name="zero", seed=4)
    assert [row.theirs for row in rows] == ["b", "c", "a"]
    for row in rows:
        assert row == compare(origins, np.zeros((50, 3)), rivals[row.theirs], names=("zero", row.theirs), seed=4)
    assert rows[2].outcome == "better"
    assert rows[2].low < rows[2].change < rows[2].high


@settings(max_examples=25, deadline=None)
@given(st.integers(6, 40), st.integers(1, 3), st.integers(0, 3), st.sampled_from(["mae", "rmse"]))
def test_units_cancel(rows: int, steps: int, seed: int, measure: Measure) -> None:
    origins = one_series(rows, steps, horizon=1, seed=seed)
    ours, theirs = np.random.default_rng(seed + 9).normal(size=(2, rows, steps))
    large = Origins(origins.actual * 8, origins.series, origins.scale * 8, 1)
    found, other = (
        compare(origins, ours, theirs, measure=measure),
        compare(large, 8 * ours, 8 * theirs, measure=measure),
    )
    assert found == other
    itself = compare(origins, ours, ours, measure=measure)
    assert (itself.change, itself.outcome) == (0.0, "not shown")


def test_too_few_and_nothing() -> None:
    few = compare(one_series(20, 4), np.zeros((20, 4)), np.full((20, 4), 9.0))
    assert (few.outcome, few.low, few.high, few.units) == ("not shown", -1.0, math.inf, 2)
    assert few.change < -0.8
    assert "bootstrap" not in few.details()
    single = compare(one_series(1, 3), np.zeros((1, 3)), np.ones((1, 3)))
    assert single.dm is None
    nothing = compare(Origins(np.ones((3, 1)), np.arange(3), np.zeros(3), 1), np.zeros((3, 1)), np.ones((3, 1)))
    assert nothing.sentence() == (
        "not shown to be better than naive (nothing to compare: 3 forecasts with nothing observed or a scale of zero)"
    )
    assert nothing.details().startswith("No forecast could be compared: 3 forecasts")


def test_exact_forecasts() -> None:
    origins = one_series(40)
    both = compare(origins, origins.actual, origins.actual)
    assert (both.change, both.low, both.high, both.outcome) == (0, 0, 0, "not shown")
    assert both.sentence() == "not shown to be better than naive (both are exact)"
    theirs = compare(origins, origins.actual + 1, origins.actual)
    assert (theirs.change, theirs.outcome) == (math.inf, "worse")
    ours = compare(origins, origins.actual, origins.actual + 1)
    assert ours.sentence() == "better than naive by 100 % (100 to 100)"
    rare = origins.actual.copy()
    rare[3] += 1
    assert compare(origins, origins.actual + 1, rare).sentence().startswith("worse than naive by over 999 % (")
    assert "which is exact" in compare(origins, rare, origins.actual).sentence()


def test_what_no_decision_hangs_on_is_the_same() -> None:
    """However sure the difference is: within 0.05 % nothing is shown, beyond it is."""
    origins = one_series(60)
    theirs = origins.actual + 1.0
    for share, outcome in ((1e-9, "not shown"), (4e-4, "not shown"), (6e-4, "better")):
        found = compare(origins, origins.actual + (1 - share), theirs)
        assert found.change == pytest.approx(-share, rel=1e-6)
        assert (found.high < 0, found.outcome) == (True, outcome)
        worse = compare(origins, origins.actual + (1 + share), theirs).outcome
        assert worse == {"better": "worse"}.get(outcome, outcome)
        same = "not shown to be better than naive (the same within 0.05 %)"
        assert found.sentence() == (same if share < 5e-4 else "better than naive by 0.1 % (0.1 to 0.1)")


def test_refusals() -> None:
    origins, zeros = one_series(10, 2), np.zeros((10, 2))
    with pytest.raises(ShapeError, match=r"theirs: expected forecasts \(10, 2\), got \(10,\)"):
        compare(origins, zeros, np.zeros(10), names=("ours", "theirs"))
    with pytest.raises(DataError, match="ours: value 1, 1 is nan"):
        compare(origins, zeros + np.nan, zeros, names=("ours", "theirs"))
    with pytest.raises(DataError, match="ours: the scaled error of origin 1 is larger than a double holds"):
        compare(origins, zeros + 1e300, zeros, names=("ours", "theirs"), measure="rmse")
    with pytest.raises(OptionError, match="measure: expected one of mae, rmse, got 'mse'"):
        compare(origins, zeros, zeros, measure="mse")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="seed"):
        compare(origins, zeros, zeros, seed=-1)
    with pytest.raises(OptionError, match="baselines: got none"):
        verdict_table(origins, zeros, {})


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"actual": np.ones(10)}, ShapeError, r"actual: expected \(origins, steps\)"),
        ({"actual": np.full((10, 2), np.inf)}, DataError, "actual: expected finite numbers, or NaN"),
        ({"actual": [["a", "b"]] * 10}, DataError, "actual: expected numbers, got list"),
        ({"series": np.zeros(9, int)}, ShapeError, r"series: expected one for each of 10 origins, got \(9,\)"),
        ({"series": np.zeros(10)}, InputError, "series: expected whole numbers"),
        ({"scale": np.full(10, -1.0)}, DataError, "scale: -1 is below 0"),
        ({"horizon": 0}, OptionError, "horizon"),
    ],
)
def test_refusals_of_origins(changed: dict[str, Any], error: type[InputError], match: str) -> None:
    given: dict[str, Any] = {
        "actual": np.ones((10, 2)),
        "series": np.zeros(10, int),
        "scale": np.ones(10),
        "horizon": 2,
    }
    with pytest.raises(error, match=match):
        Origins(**given | changed)
