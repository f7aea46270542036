"""Metrics, baselines, verdict and audit, on numbers that can be checked by head."""

from __future__ import annotations

import numpy as np
import pytest

from timeglass.errors import InputError, ShapeError
from timeglass.evaluate import audit
from timeglass.evaluate.baselines import baselines
from timeglass.evaluate.metrics import root_mean_squared_error
from timeglass.evaluate.verdict import judge
from timeglass.prepare.autocorrelation import autocorrelation
from timeglass.prepare.scale import MinMaxScaler
from timeglass.prepare.windows import Part, count_windows, cut_windows
from timeglass.series.series import Series


def part(values: np.ndarray, steps: int) -> Part:
    return Part(values, cut_windows(values, steps, stride=steps))


def series(values: list[float]) -> Series:
    months = np.datetime64("2000-01", "M") + np.arange(len(values))
    return Series(np.array(values), months, np.arange(len(values)) + 2, "y", "y.csv", "")


def test_rmse_by_hand() -> None:
    assert root_mean_squared_error([0.0, 0.0], [3.0, 4.0]) == pytest.approx(np.sqrt(12.5), rel=1e-15)
    assert root_mean_squared_error([1.0, 2.0], [[1.0, 2.0], [2.0, 3.0]]).tolist() == [0.0, 1.0]
    with pytest.raises(ShapeError, match=r"\(2,\) actual values beside \(3,\) forecasts"):
        root_mean_squared_error([1.0, 2.0], [1.0, 2.0, 3.0])


def test_windows_are_the_tutorials() -> None:
    windows = cut_windows(np.arange(30.0), 12, stride=12)
    assert windows.x[:, 0].tolist() == [0.0, 12.0]
    assert windows.y.tolist() == [12.0, 24.0]
    assert windows.target_rows.tolist() == [12, 24]


@pytest.mark.parametrize("rows", range(1, 40))
def test_counting_windows_agrees_with_cutting_them(rows: int) -> None:
    for stride in (1, 3, 5):
        by_hand = len([start for start in range(0, rows, stride) if start + 5 < rows])
        assert count_windows(rows, 5, stride) == by_hand
        assert len(cut_windows(np.arange(rows), 5, stride=stride).y) == by_hand


def test_scaling_has_its_inverse() -> None:
    values = np.array([-3.0, 0.0, 7.0])
    scaler = MinMaxScaler.fit(values)
    assert scaler.transform(values).tolist() == [0.0, 0.3, 1.0]
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(values)), values, rtol=0, atol=1e-15)
    with pytest.raises(InputError, match="all 2 values are 5: no variation"):
        MinMaxScaler.fit(np.array([5.0, 5.0]))
    with pytest.raises(InputError, match="too far apart"):
        MinMaxScaler.fit(np.array([-1e308, 1e308]))


def test_baselines_by_hand() -> None:
    values = np.arange(40.0) ** 2
    train, test = part(values[:27], 13), part(values[27:], 12)
    found = {b.key: b for b in baselines(train, part(values[27:], 13), train.windows, monthly=True)}
    assert found["last_value"].train.tolist() == [144.0, 625.0]
    assert found["mean_of_last_3"].train.tolist() == [(100 + 121 + 144) / 3, (529 + 576 + 625) / 3]
    assert found["season_ago"].train.tolist() == [1.0, 14.0**2]
    assert found["last_value"].train_error == pytest.approx(np.sqrt((25**2 + 51**2) / 2))
    assert len(test.windows.y) == 1


def test_least_squares_finds_an_exact_line_and_uses_no_test_value() -> None:
    rng = np.random.default_rng(0)
    values = np.zeros(300)
    for t in range(2, 300):
        values[t] = 0.3 + 0.5 * values[t - 1] - 0.2 * values[t - 2] + rng.normal()
    train, test = part(values[:200], 4), part(values[200:], 4)
    every = cut_windows(values[:200], 4, stride=1)
    first = {b.key: b for b in baselines(train, test, every, monthly=False)}
    x = np.column_stack([np.ones(len(every.y)), every.x])
    normal = np.linalg.solve(x.T @ x, x.T @ every.y)
    expected = np.column_stack([np.ones(len(test.windows.y)), test.windows.x]) @ normal
    np.testing.assert_allclose(first["least_squares_all"].test, expected, rtol=1e-9)
    changed = Part(test.values, test.windows._replace(y=test.windows.y + 100))
    second = {b.key: b for b in baselines(train, changed, every, monthly=False)}
    assert second["least_squares"].test.tolist() == first["least_squares"].test.tolist()


def test_season_ago_says_nothing_where_the_rows_do_not_reach() -> None:
    train = part(np.arange(40.0), 5)
    season = next(b for b in baselines(train, train, train.windows, monthly=False) if b.key == "season_ago")
    assert np.isnan(season.train[:2]).all()
    assert season.train[2:].tolist() == [3.0, 8.0, 13.0, 18.0, 23.0]
    assert season.train_error == 12.0


def test_the_verdict_sees_better_worse_and_neither() -> None:
    rng = np.random.default_rng(3)
    actual = rng.normal(size=60)
    close, far, near_far = (actual + s * rng.normal(size=60) for s in (0.1, 1.0, 1.02))
    assert judge(actual, close, far, seed=0).outcome == "better"
    assert judge(actual, far, close, seed=0).outcome == "worse"
    even = judge(actual, near_far, far, seed=0)
    assert even.outcome == "not shown"
    assert even.low < even.change < even.high
    assert even == judge(actual, near_far, far, seed=0)


def test_the_verdict_states_the_change_of_rmse() -> None:
    actual = np.zeros(50)
    verdict = judge(actual, np.full(50, 0.5), np.full(50, 1.0), seed=0)
    assert (verdict.change, verdict.low, verdict.high) == (-0.5, -0.5, -0.5)
    assert verdict.sentence("the ensemble", "repeating the last value") == (
        "Better than doing nothing: the test RMSE of the ensemble is 50.0% below that of repeating the last value "
        "(95% interval -50.0% to -50.0%, paired bootstrap over 50 windows)."
    )


@pytest.mark.slow
def test_the_interval_holds_what_it_promises() -> None:
    # Two forecasts of equal merit: the interval should hold zero in about 95 of 100 trials.
    rng = np.random.default_rng(11)
    held = 0
    for trial in range(200):
        actual = rng.normal(size=46)
        pair = [actual + rng.normal(size=46) for _ in range(2)]
        verdict = judge(actual, *pair, seed=trial)
        held += verdict.outcome == "not shown"
    assert 178 <= held <= 198  # 200 trials at 0.95: mean 190, and the bootstrap's own small shortfall


def test_a_perfect_baseline_cannot_be_beaten() -> None:
    actual = np.arange(5.0)
    assert judge(actual, actual + 1, actual, seed=0).outcome == "worse"
    assert judge(actual, actual, actual, seed=0).outcome == "not shown"


def test_the_scaler_check_looks_at_both_ends() -> None:
    high = audit.check_scaler(series([0.0, 10.0, 5.0, 20.0]), 2)
    assert high.found
    assert "its maximum 20 (2000-04) is a test value, the training part's is 10" in high.sentence
    assert high.numbers["test_maximum_on_train_scale"] == 2.0
    low = audit.check_scaler(series([1.0, 10.0, 5.0, -2.0]), 2)
    assert "its minimum -2 (2000-04) is a test value, the training part's is 1" in low.sentence
    assert not audit.check_scaler(series([0.0, 10.0, 5.0, 7.0]), 2).found


def test_autocorrelation_by_hand() -> None:
    r = autocorrelation(np.array([1.0, 2.0, 3.0, 4.0]), 2)
    # centred: -1.5 -0.5 0.5 1.5, sum of squares 5; lag 1: .75 - .25 + .75; lag 2: -.75 - .75
    np.testing.assert_allclose(r, [1.0, 1.25 / 5, -1.5 / 5], rtol=1e-15)
    assert autocorrelation(np.ones(5), 2).tolist() == [0.0, 0.0, 0.0]


def test_a_cycle_is_found_where_there_is_one_and_only_there() -> None:
    t = np.arange(600)
    seasonal = audit.check_cycle(np.sin(2 * np.pi * t / 12), 12, unit="months")
    assert not seasonal.found
    slow = audit.check_cycle(np.sin(2 * np.pi * t / 126), 12, unit="months")
    assert slow.found
    # The usual estimate divides by the same number at every lag, which draws a peak a little towards zero.
    assert slow.numbers["peak"] == pytest.approx(126, abs=1)
    assert "no cycle of 12 months" in slow.sentence
    noise = audit.check_cycle(np.random.default_rng(0).normal(size=20), 12, unit="months")
    assert noise.sentence == "Too few rows to look for a cycle of 12 months."


def test_unused_windows_are_counted() -> None:
    assert audit.check_unused_windows(187, 2244, 19).numbers == {"used": 187, "possible": 2244, "weights": 19}
    assert audit.check_unused_windows(187, 2244, 19).found
    assert not audit.check_unused_windows(10, 10, 19).found


def test_the_output_check_knows_the_activations_limits() -> None:
    whole, train = MinMaxScaler(0.0, 20.0), MinMaxScaler(0.0, 10.0)
    bounded = audit.check_output_range("tanh", whole, train, np.array([5.0, 12.0, 20.0]))
    assert bounded.found
    assert bounded.numbers == {"limit": 20.0, "limit_on_train_scale": 10.0, "test_values_beyond_train_limit": 2}
    assert not audit.check_output_range("linear", whole, train, np.array([5.0])).found


def test_the_baseline_check_says_which_of_three_cases_it_is() -> None:
    rivals = {"naive": 0.5, "lags": 0.4}
    beaten = audit.check_baselines("better", 0.45, rivals)
    assert beaten.found
    assert "1 of 2 baselines has a lower test RMSE; the best is 'lags', 0.4000 against 0.4500" in beaten.sentence
    assert "not shown" not in beaten.sentence
    close = audit.check_baselines("not shown", 0.3, rivals)
    assert close.found
    assert "no baseline has a lower test RMSE than its 0.3000 ('lags' has 0.4000)" in close.sentence
    assert not audit.check_baselines("better", 0.3, rivals).found
