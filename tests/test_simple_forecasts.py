"""The five baselines, by hand and beside plain loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.evaluate.simple_forecasts import (
    autoregression,
    autoregression_lags,
    drift,
    mean,
    naive,
    seasonal_naive,
    simple_forecasts,
)
from timeglass.types import Array

CALLS: dict[str, Callable[..., Array]] = {"naive": naive, "drift": drift, "mean": mean, "ar": autoregression}
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)


def by_solve(y: Array, horizon: int, lags: int) -> list[float]:
    """Normal equations, in the values' own units, and a plain loop."""
    rows = np.array([[1.0, *y[t - lags : t][::-1]] for t in range(lags, len(y))])
    coefficients = np.linalg.solve(rows.T @ rows, rows.T @ y[lags:])
    path = list(y)
    for _ in range(horizon):
        path.append(float(coefficients[0] + sum(coefficients[j] * path[-j] for j in range(1, lags + 1))))
    return path[len(y) :]


def test_by_hand() -> None:
    found = simple_forecasts([2.0, 4.0, 3.0, 8.0, 6.0], 4, 3)
    assert found["naive"].tolist() == [6, 6, 6, 6]
    assert found["seasonal_naive"].tolist() == [3, 8, 6, 3]
    assert found["drift"].tolist() == [7, 8, 9, 10]
    assert found["mean"].tolist() == pytest.approx([4.6] * 4)
    # One lag: y[t] = c + a·y[t-1] over the pairs 2→4, 4→3, 3→8, 8→6; a = (93 - 4.25·21)/(93 - 4·4.25²).
    a = (2 * 4 + 4 * 3 + 3 * 8 + 8 * 6 - 4 * 4.25 * 5.25) / (4 + 16 + 9 + 64 - 4 * 4.25**2)
    c = 5.25 - a * 4.25
    assert found["ar"][:2].tolist() == pytest.approx([c + a * 6, c + a * (c + a * 6)])


@pytest.mark.parametrize(
    ("rows", "period", "lags"), [(120, 12, 12), (120, 1, 12), (200, 7, 7), (30, 4, 4), (30, 12, 7)]
)
def test_autoregression_beside_normal_equations(rows: int, period: int, lags: int) -> None:
    y = 50 + 0.1 * np.cumsum(np.random.default_rng(rows + period).normal(size=rows))
    assert autoregression_lags(rows, period) == lags
    assert autoregression(y, 18, period) == pytest.approx(by_solve(y, 18, lags), rel=1e-6)


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (np.arange(24.0), [24, 25, 26, 27]),
        (np.tile([5.0, 1.0, 3.0], 12), [5, 1, 3, 5]),
        (2.0 ** np.arange(16), [65536, 131072]),
        (np.full(50, 0.1), [0.1, 0.1]),
        (np.full(3, 7.7), [7.7, 7.7]),
    ],
    ids=["line", "season", "doubling", "constant", "short constant"],
)
def test_autoregression_continues_what_it_fits_exactly(y: Array, expected: list[float]) -> None:
    found = autoregression(y, len(expected), 3)
    assert found == pytest.approx(expected, rel=1e-6)
    if np.ptp(y) == 0:
        assert (found == y[0]).all()
        assert all((forecast == y[0]).all() for forecast in simple_forecasts(y, 3, 2).values())


def test_an_explosion_repeats_the_last_value() -> None:
    y = 2.0 ** np.arange(16)
    # The range is 2¹⁵ - 1: 2¹⁸ is 7 ranges beyond the last value, 2¹⁹ is 15.
    assert autoregression(y, 3)[-1] == pytest.approx(2.0**18, rel=1e-6)
    assert (autoregression(y, 4) == y[-1]).all()
    assert (autoregression(y, 5_000) == y[-1]).all()


@pytest.mark.parametrize("y", [[3.0], [3.0, 5.0], [3.0, 5.0, 1.0], [1e300, -1e300], [1e-310, 3e-310, 2e-310, 0.0] * 3])
def test_short_and_extreme_series_have_finite_forecasts(y: list[float]) -> None:
    found = simple_forecasts(y, 40, 12)
    assert set(found) >= {"naive", "drift", "mean", "ar"}
    assert ("seasonal_naive" in found) == (len(y) >= 12)
    for forecast in found.values():
        assert forecast.shape == (40,)
        assert np.isfinite(forecast).all()


def test_seasonal_naive_is_there_only_with_a_season() -> None:
    assert "seasonal_naive" not in simple_forecasts(np.arange(9.0), 2, 1)
    assert "seasonal_naive" not in simple_forecasts(np.arange(9.0), 2, 10)
    assert simple_forecasts(np.arange(9.0), 2, 9)["seasonal_naive"].tolist() == [0, 1]


@given(st.lists(NUMBERS, min_size=1, max_size=40), st.integers(1, 20), st.integers(1, 13))
def test_each_function_gives_what_all_together_do(y: list[float], horizon: int, period: int) -> None:
    found = simple_forecasts(y, horizon, period)
    alone = {name: call(y, horizon) for name, call in CALLS.items()} | {"ar": autoregression(y, horizon, period)}
    if "seasonal_naive" in found:
        alone["seasonal_naive"] = seasonal_naive(y, horizon, period)
    assert set(found) == set(alone)
    for name, forecast in found.items():
        assert np.array_equal(forecast, alone[name])
        assert np.isfinite(forecast).all()
        if name != "drift":
            assert (forecast >= min(y) - 10.001 * (max(y) - min(y))).all()
            assert (forecast <= max(y) + 10.001 * (max(y) - min(y))).all()


@pytest.mark.parametrize("factor", [4.0, -1.0, 2.0**-40])
def test_units_do_not_matter(factor: float) -> None:
    y = np.random.default_rng(3).normal(size=60)
    for name, forecast in simple_forecasts(y, 9, 4).items():
        assert simple_forecasts(factor * y, 9, 4)[name] == pytest.approx(factor * forecast, rel=1e-9)


@pytest.mark.parametrize("call", [*CALLS.values(), lambda y, h: simple_forecasts(y, h, 1)])
def test_refusals(call: Callable[..., Array]) -> None:
    with pytest.raises(OptionError, match=r"horizon: expected a whole number of at least 1, got 0"):
        call([1.0], 0)
    with pytest.raises(DataError, match="value 2 is nan"):
        call([1.0, np.nan], 1)
    with pytest.raises(DataError, match=r"value 2 is -1e\+301: expected at most 1e\+300") as error:
        call([1.0, -1e301], 1)
    assert error.value.row == 1
    with pytest.raises(ShapeError, match="one series"):
        call([[1.0]], 1)
    with pytest.raises(InputError, match="0 rows"):
        call([], 1)


def test_refusals_of_the_season() -> None:
    with pytest.raises(InputError, match="2 rows, at least 3 are needed"):
        seasonal_naive([1.0, 2.0], 1, 3)
    for call in (seasonal_naive, autoregression, simple_forecasts):
        with pytest.raises(OptionError, match="period"):
            call([1.0, 2.0], 1, 0)
