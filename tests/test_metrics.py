"""Metrics of arrays: each worked by hand, and what changing the scale of the values does to each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.evaluate import metrics
from timeglass.types import Array

ACTUAL, FORECAST = [2.0, 4.0, -5.0, 10.0], [3.0, 2.0, -5.0, 30.0]
TRAIN = [1.0, 3.0, 2.0, 6.0, 4.0]  # steps of 1: 2, -1, 4, -2; of 2: 1, 3, 2
LOW, HIGH = [1.0, 5.0, -6.0, 4.0], [2.0, 7.0, -3.0, 8.0]  # 2 inside, 4 one below, -5 inside, 10 two above


def every(actual: Any, forecast: Any, low: Any, high: Any, train: Any) -> dict[str, float]:
    """All metrics of one series."""
    scale, root_scale = metrics.naive_scale(train, 2), metrics.naive_scale(train, 2, squared=True)
    found = {
        "mae": metrics.mean_absolute_error(actual, forecast),
        "mape": metrics.mean_absolute_percentage_error(actual, forecast),
        "smape": metrics.symmetric_mape(actual, forecast),
        "mase": metrics.mean_absolute_scaled_error(actual, forecast, scale=scale),
        "rmsse": metrics.root_mean_squared_scaled_error(actual, forecast, scale=root_scale),
        "pinball": metrics.pinball_loss(actual, forecast, 0.9),
        "crps": metrics.crps_from_quantiles(actual, [low, forecast], [0.1, 0.5]),
        "coverage": metrics.interval_coverage(actual, low, high),
        "width": metrics.interval_width(low, high),
        "msis": metrics.mean_scaled_interval_score(actual, low, high, level=80, scale=scale),
    }
    return {name: float(value) for name, value in found.items()}


BY_HAND = {
    "mae": (1 + 2 + 0 + 20) / 4,
    "mape": 100 * (1 / 2 + 2 / 4 + 0 + 20 / 10) / 4,
    "smape": 200 * (1 / 5 + 2 / 6 + 0 + 20 / 40) / 4,
    "mase": (23 / 4) / 2,  # (1 + 3 + 2) / 3 = 2
    "rmsse": np.sqrt((1 + 4 + 0 + 400) / 4) / np.sqrt((1 + 9 + 4) / 3),
    "pinball": (0.1 * 1 + 0.9 * 2 + 0 + 0.1 * 20) / 4,
    # At 0.1 the errors are 1, -1, 1, 6; at 0.5 -1, 2, 0, -20.
    "crps": 2 * ((0.1 + 0.9 + 0.1 + 0.6) / 4 + (0.5 + 1 + 0 + 10) / 4) / 2,
    "coverage": 0.5,
    "width": (1 + 2 + 3 + 4) / 4,
    "msis": (1 + 2 + 3 + 4 + 2 / 0.2 * (1 + 2)) / 4 / 2,
}


def test_each_by_hand() -> None:
    assert every(ACTUAL, FORECAST, LOW, HIGH, TRAIN) == pytest.approx(BY_HAND, rel=1e-14)


@pytest.mark.parametrize(
    ("period", "squared", "expected"),
    [
        (1, False, (2 + 1 + 4 + 2) / 4),
        (2, False, 2.0),
        (4, False, 3.0),
        (5, False, 9 / 4),  # five rows have none five rows before: the row before instead
        (1, True, np.sqrt((4 + 1 + 16 + 4) / 4)),
        (12, True, np.sqrt(25 / 4)),
    ],
)
def test_scale_by_hand(period: int, squared: bool, expected: float) -> None:
    assert metrics.naive_scale(TRAIN, period, squared=squared) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("values", [[7.0], [7.0, 7.0, 7.0]])
def test_scale_is_zero_where_nothing_moves_and_is_refused(values: list[float]) -> None:
    scale = metrics.naive_scale(values)
    assert scale == 0.0
    for scaled in (metrics.mean_absolute_scaled_error, metrics.root_mean_squared_scaled_error):
        with pytest.raises(OptionError, match=r"scale: expected a number above zero, got 0: .*leave that series out"):
            scaled([1.0], [2.0], scale=scale)


def test_a_naive_forecast_of_the_training_part_has_mase_and_rmsse_one() -> None:
    values = np.random.default_rng(4).normal(size=50).cumsum()
    after, before = values[12:], values[:-12]
    mase = metrics.mean_absolute_scaled_error(after, before, scale=metrics.naive_scale(values, 12))
    scale = metrics.naive_scale(values, 12, squared=True)
    assert mase == pytest.approx(1.0, rel=1e-14)
    assert metrics.root_mean_squared_scaled_error(after, before, scale=scale) == pytest.approx(1.0, rel=1e-14)


def test_owa_by_hand() -> None:
    owa = metrics.overall_weighted_average([9.0, 20.0], [0.5, 4.0], smape_naive2=10.0, mase_naive2=2.0)
    np.testing.assert_allclose(owa, [(0.9 + 0.25) / 2, (2 + 2) / 2], rtol=1e-15)
    with pytest.raises(InputError, match="where Naive2 is exact there is no OWA"):
        metrics.overall_weighted_average(1.0, 1.0, smape_naive2=0.0, mase_naive2=1.0)
    with pytest.raises(InputError, match="below zero"):
        metrics.overall_weighted_average(-1.0, 1.0, smape_naive2=1.0, mase_naive2=1.0)


def test_last_axis_and_scales_of_series() -> None:
    actual, forecast = np.arange(6.0).reshape(2, 3), np.zeros((2, 3))
    assert metrics.mean_absolute_error(actual, forecast).tolist() == [1.0, 4.0]
    assert metrics.mean_absolute_scaled_error(actual, forecast, scale=[2.0, 8.0]).tolist() == [0.5, 0.5]
    assert metrics.mean_absolute_error([0.0, 0.0, 3.0], forecast).tolist() == [1.0, 1.0]
    forecasts = np.stack([forecast, actual + 2])  # (Q, 2, 3)
    each = [metrics.crps_from_quantiles(actual[i], forecasts[:, i], [0.2, 0.7]) for i in range(2)]
    assert metrics.crps_from_quantiles(actual, forecasts, [0.2, 0.7]).tolist() == each


def test_pinball_is_least_at_the_quantile_and_half_the_error_at_the_median() -> None:
    values = np.random.default_rng(1).exponential(size=2001)
    guesses = np.linspace(0, 5, 501)
    losses = [float(metrics.pinball_loss(values, np.full(2001, guess), 0.8)) for guess in guesses]
    assert guesses[np.argmin(losses)] == pytest.approx(np.quantile(values, 0.8), abs=0.01)
    half = metrics.pinball_loss(ACTUAL, FORECAST, 0.5)
    assert half == metrics.mean_absolute_error(ACTUAL, FORECAST) / 2
    assert metrics.crps_from_quantiles(ACTUAL, [FORECAST], [0.5]) == 2 * half


def test_crps_of_many_quantiles_is_that_of_the_distribution() -> None:
    """Uniform in 0 … 1 and the value y: the integral of (F - 1[y <= x])² is y³/3 + (1 - y)³/3."""
    quantiles = (np.arange(1000) + 0.5) / 1000
    for y in (0.0, 0.3, 1.0):
        crps = metrics.crps_from_quantiles([y], quantiles[:, None], quantiles)
        assert crps == pytest.approx((y**3 + (1 - y) ** 3) / 3, abs=1e-6)


def test_zeros() -> None:
    assert metrics.symmetric_mape([0.0, 0.0, 1.0], [0.0, 3.0, 1.0]) == pytest.approx(200 / 3)
    with pytest.raises(InputError, match=r"actual value 2 is 0, .*use sMAPE or MASE"):
        metrics.mean_absolute_percentage_error([1.0, 0.0], [1.0, 0.0])


@pytest.mark.parametrize("size", [1e308, 1e-300, 5e-324])
def test_smape_at_the_ends_of_a_double(size: float) -> None:
    assert metrics.symmetric_mape([size], [-size]) == 200.0
    assert metrics.symmetric_mape([size], [size]) == 0.0
    assert metrics.symmetric_mape([size], [0.0]) == 200.0


def test_ends_of_an_interval_are_inside() -> None:
    assert metrics.interval_coverage([1.0, 2.0], [1.0, 0.0], [3.0, 2.0]) == 1.0
    assert metrics.mean_scaled_interval_score([1.0], [1.0], [3.0], level=90, scale=1.0) == 2.0


numbers = st.floats(-1e3, 1e3).filter(lambda value: value == 0 or abs(value) > 1e-3)
rows = st.tuples(numbers, numbers, numbers, st.floats(0, 100))


@given(st.lists(rows, min_size=3, max_size=8), st.integers(-20, 20))
def test_scale_of_the_values(table: list[tuple[float, ...]], exponent: int) -> None:
    """Doubling the values doubles what has their unit, and changes nothing of what has none."""
    actual, forecast, low, width = map(np.array, zip(*table, strict=True))
    actual = np.where(actual == 0, 1.0, actual)
    train = np.arange(5.0) ** 2
    factor = 2.0**exponent
    plain = every(actual, forecast, low, low + width, train)
    larger = every(factor * actual, factor * forecast, factor * low, factor * (low + width), factor * train)
    of_unit = {"mae", "pinball", "crps", "width"}
    assert larger == pytest.approx({name: value * (factor if name in of_unit else 1) for name, value in plain.items()})


@given(st.lists(rows, min_size=1, max_size=8), st.permutations(range(8)))
def test_order_of_the_rows(table: list[tuple[float, ...]], order: list[int]) -> None:
    actual, forecast, low, width = map(np.array, zip(*table, strict=True))
    actual = np.where(actual == 0, 1.0, actual)
    other = [i for i in order if i < len(actual)]
    plain = every(actual, forecast, low, low + width, TRAIN)
    mixed = every(actual[other], forecast[other], low[other], (low + width)[other], TRAIN)
    assert mixed == pytest.approx(plain)


TWO_ARRAYS: list[Callable[[Any, Any], Array]] = [
    metrics.mean_absolute_error,
    metrics.mean_absolute_percentage_error,
    metrics.symmetric_mape,
    metrics.interval_width,
    lambda a, f: metrics.mean_absolute_scaled_error(a, f, scale=1.0),
    lambda a, f: metrics.root_mean_squared_scaled_error(a, f, scale=1.0),
    lambda a, f: metrics.pinball_loss(a, f, 0.5),
    lambda a, f: metrics.crps_from_quantiles(a, [f], [0.5]),
    lambda a, f: metrics.interval_coverage(a, f, f),
    lambda a, f: metrics.mean_scaled_interval_score(a, f, f, level=90, scale=1.0),
]


@pytest.mark.parametrize("metric", TWO_ARRAYS)
@pytest.mark.parametrize(
    ("actual", "forecast", "error", "words"),
    [
        ([1.0, 2.0], [1.0, 2.0, 3.0], ShapeError, "expected the same last axis"),
        (np.ones((2, 3)), np.ones((4, 3)), ShapeError, "do not go together"),
        (1.0, 1.0, ShapeError, r"\(\)|expected \(Q, …, N\)"),
        ([], [], InputError, "no values to compare"),
        ([1.0, np.nan], [1.0, 1.0], InputError, "value 2 is nan"),
        ([1.0, 1.0], [1.0, np.inf], InputError, "value (1, )?2 is inf"),
        (["a"], [1.0], InputError, "expected numbers"),
    ],
)
def test_faulty_arrays(metric: Callable[..., Array], actual: Any, forecast: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        metric(actual, forecast)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: metrics.pinball_loss([1.0], [1.0], 90),
            OptionError,
            "quantile: expected a number above 0 and below 1",
        ),
        (lambda: metrics.pinball_loss([1.0], [1.0], True), OptionError, "got True"),
        (lambda: metrics.crps_from_quantiles([1.0], [[1.0]], [1.0]), OptionError, "quantile: .* got 1.0"),
        (lambda: metrics.crps_from_quantiles([1.0], [[1.0]], [0.1, 0.9]), ShapeError, r"\(1, 1\).*\(2,\) quantiles"),
        (lambda: metrics.crps_from_quantiles([1.0], [1.0], [0.5]), ShapeError, "expected"),
        (lambda: metrics.interval_width([3.0, 5.0], [4.0, 4.0]), InputError, "interval 2 ends at 4, below its begin"),
        (lambda: metrics.interval_coverage([1.0], [2.0], [1.0]), InputError, "swap low and high"),
        (
            lambda: metrics.mean_scaled_interval_score([1.0], [1.0], [1.0], level=0.9, scale=0.0),
            OptionError,
            "scale: expected a number above zero",
        ),
        (
            lambda: metrics.mean_scaled_interval_score([1.0], [1.0], [1.0], level=100, scale=1.0),
            OptionError,
            "level: expected percent",
        ),
        (lambda: metrics.mean_absolute_scaled_error([1.0], [1.0], scale=[1.0, 2.0]), ShapeError, r"\(2,\) scales"),
        (lambda: metrics.mean_absolute_scaled_error([1.0], [1.0], scale=-1.0), OptionError, "got -1"),
        (lambda: metrics.mean_absolute_scaled_error([1.0], [1.0], scale=np.nan), InputError, "nan"),
        (lambda: metrics.naive_scale([1.0, 2.0], 0), OptionError, "period: expected a whole number of at least 1"),
        (lambda: metrics.naive_scale([], 1), InputError, "0 rows"),
        (lambda: metrics.naive_scale([[1.0]], 1), ShapeError, "one series"),
        (lambda: metrics.mean_absolute_error([1e308], [-1e308]), InputError, "larger than a double holds"),
        (lambda: metrics.naive_scale([1e200, 0.0], squared=True), InputError, "larger than a double holds"),
        (lambda: metrics.mean_absolute_percentage_error([1e-310], [1e300]), InputError, "larger than a double holds"),
    ],
)
def test_faulty_options(call: Callable[[], Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        call()
