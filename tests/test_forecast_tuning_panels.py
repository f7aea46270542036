"""Tuning with covariates beside the values, and of many series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timeglass.errors import InputError
from timeglass.forecast import Covariates, Forecaster, Networks, sweep, tuning, tuning_split
from timeglass.forecast.history import read_history
from timeglass.forecast.networks import plan
from timeglass.forecast.settings import Task
from timeglass.forecast.sweep import Judged, errors_of
from timeglass.forecast.tuning import Search, tune
from timeglass.forecast.tuning_optuna import _mark
from timeglass.forecast.tuning_space import RATE, default_space
from timeglass.forecast.tuning_split import split_rows
from timeglass.forecast.windows import Channels

QUICK = Networks(hidden_units=2, count=2, epochs=4)
PRICE = Covariates(future=("price",))
RATES = Search({RATE: (0.001, 0.01, 0.03)}, 4)


def sales(rows=120, seed=0):
    """A table whose values follow the price of the same day."""
    price = 10 + 3.0 * (np.random.default_rng(seed).random(rows) < 0.5)
    noise = np.random.default_rng(seed + 1).normal(size=rows)
    return pd.DataFrame(
        {"ds": pd.date_range("2024-01-01", periods=rows), "y": 100 - 5 * price + noise, "price": price, "visits": noise}
    )


def quick(horizon=2, **more):
    return Forecaster(horizon, 1, networks=QUICK, **more)


# Covariates


def test_settings_are_judged_by_forecasts_that_know_the_covariates():
    told = quick(covariates=PRICE).tune(sales(), search=RATES)
    blind = quick().tune(sales()[["ds", "y"]], search=RATES)
    assert len(told.leaderboard) == 4 == len(blind.leaderboard)
    assert all(
        ours.error < 0.8 * theirs.error
        for ours, theirs in zip(told.leaderboard.trials, blind.leaderboard.trials, strict=True)
    )


def test_the_gain_is_that_of_two_backtests_with_the_covariates():
    forecaster = quick(covariates=PRICE)
    found = forecaster.tune(sales(), search=RATES)
    split = split_rows(read_history(sales()[["ds", "y"]]), Task(2, 1, QUICK))
    errors = []
    for settings in (found.best, found.default):
        made = quick(covariates=PRICE).set_params(**settings)
        rolled = made.backtest(sales(), origins=split.origins, stride=split.stride, statistical=False)
        errors.append(np.abs(rolled.point - rolled.actual).mean())
    assert found.gain.change + 1 == pytest.approx(errors[0] / errors[1], rel=1e-9)
    assert found.best != found.default


def test_nothing_of_the_unseen_rows_has_a_part_in_the_choice():
    later = sales()
    later.loc[80:, ["y", "price", "visits"]] *= 1.5
    search = Search({"networks__epochs": (1, 4, 9)}, 3)
    forecaster = quick(covariates=Covariates(past=("visits",), calendar=("weekday",)))
    one, two = (forecaster.tune(table, search=search) for table in (sales(), later))
    assert one.leaderboard == two.leaderboard
    assert one.gain != two.gain or one.gain is None


def test_a_study_is_of_its_covariates():
    task, price, marks = Task(2, 1, QUICK), sales()["price"].to_numpy()[:, None], set()
    for values, ahead in ((None, None), (price, True), (price + 1.0, True), (price, False)):
        channels = None if values is None else Channels((values,), np.array([ahead]))
        marks |= {_mark(Judged((sales()["y"].to_numpy(),), 30, 1, channels), task, {RATE: (0.01,)}) for _ in range(2)}
    assert len(marks) == 4


def test_the_calendar_needs_no_table_and_columns_do():
    history = read_history(sales()[["ds", "y"]])
    made = tune(quick(covariates=Covariates(calendar=("weekday",))), history, Search({RATE: (0.003, 0.01)}, 2))
    assert len(made.leaderboard) == 2
    with pytest.raises(InputError, match="covariates: 'price' must be read beside the values"):
        tune(quick(covariates=PRICE), history, RATES)


def test_the_command_takes_the_covariates_of_its_table(timeglass, tmp_path):
    sales(60).to_csv(tmp_path / "sales.csv", index=False)
    options = ("--horizon", "1", "--networks", "2", "--trials", "2", "--value", "y", "--quiet", "--json")
    made = timeglass("tune", "sales.csv", "--future-columns", "price", *options)
    assert made.returncode == 0, made.stderr
    assert '"leaderboard"' in made.stdout


# Large panels


def panel(count=24, rows=60):
    """Series that differ, named by their place."""
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {"unique_id": f"{s:02d}", "ds": np.arange(rows), "y": s + rng.normal(size=rows), "price": float(s)}
        )
        for s in range(count)
    ]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def large(monkeypatch):
    """As if a panel were large that has more than 600 windows and 6 series."""
    for name, value in (("_MANY_WINDOWS", 600), ("_SEARCHED_WINDOWS", 200), ("_SEARCHED_SERIES", 6)):
        monkeypatch.setattr(tuning_split, name, value)


@pytest.mark.usefixtures("large")
def test_of_a_large_panel_some_series_are_searched():
    task, history = Task(2, 1, QUICK), read_history(panel()[["unique_id", "ds", "y"]])
    split = split_rows(history, task)
    places = [next(s for s, own in enumerate(history.series) if own[0] == y[0]) for y in split.judged.series]
    assert places == sorted(set(places))
    assert [len(y) for y in split.judged.series] == [58] * 6
    assert (split.judged.most, split.sample) == (200, "searched on 6 of 24 series, by at most 200 windows")
    other = split_rows(history, task.with_seed(1))  # of another process that shares a study
    assert [y[0] for y in other.judged.series] == [y[0] for y in split.judged.series]


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("size", [{"count": 6, "rows": 400}, {"count": 12, "rows": 50}])
def test_of_a_smaller_one_all_are(size):
    split = split_rows(read_history(panel(**size)[["unique_id", "ds", "y"]]), Task(2, 1, QUICK))
    assert (len(split.judged.series), split.judged.most, split.sample) == (size["count"], None, "")


def test_the_usual_panels_are_small():
    split = split_rows(read_history(panel(100, 300)[["unique_id", "ds", "y"]]), Task(2, 1, QUICK))
    assert (len(split.judged.series), split.sample) == (100, "")
    split = split_rows(read_history(panel(400, 80)[["unique_id", "ds", "y"]]), Task(2, 1, QUICK))
    assert split.sample == "searched on 100 of 400 series, by at most 6,000 windows"


@pytest.mark.usefixtures("large")
def test_what_the_search_of_some_found_is_compared_on_all():
    found = quick().tune(panel()[["unique_id", "ds", "y"]], search=RATES)
    assert (found.gain.units, found.gain.series, found.gain.forecasts) == (24, 24, 24)
    assert found.sentence().endswith(" (searched on 6 of 24 series, by at most 200 windows)")


@pytest.mark.usefixtures("large")
def test_covariates_stay_with_their_series():
    table = panel()
    beside = quick(covariates=Covariates(future=("price",)))._read(table, None)
    split = split_rows(beside[0], Task(2, 1, QUICK), beside[1])
    unit = np.abs(np.arange(24) - 11.5).mean()
    for y, values in zip(split.judged.series, split.judged.channels.values, strict=True):
        s = next(s for s, own in enumerate(beside[0].series) if own[0] == y[0])
        np.testing.assert_allclose(values, (s - 11.5) / unit)
    assert len(split.channels.values) == 24


def test_no_more_windows_are_learned_from_than_was_said(monkeypatch):
    seen, train = [], sweep.side_by_side

    def training(networks, x, *rest, seed):
        seen.append(x)
        return train(networks, x, *rest, seed=seed)

    monkeypatch.setattr(sweep, "side_by_side", training)
    series = tuple(np.random.default_rng(0).normal(size=(4, 60)))
    errors = [errors_of(Judged(series, 2, 1, None, most), [Task(2, 1, QUICK)])[0] for most in (None, 10_000, 50)]
    assert [len(x) for x in seen[::2]] == [len(seen[0]), len(seen[0]), 50]
    assert len(seen[0]) > 150
    assert errors[0] == errors[1] != errors[2]
    whole = {row.tobytes() for row in seen[0]}
    assert all(row.tobytes() in whole for row in seen[4])


def test_of_many_windows_epochs_that_come_to_the_same_are_one():
    usual = default_space(Task(12, 12), 64)["networks__epochs"]
    assert usual == (16, 32, 64)
    for windows, wanted in ((10_000, usual), (20_000, (16, 32)), (200_000, (32,))):
        task = Task(12, 12)
        assert default_space(task, 64, windows)["networks__epochs"] == wanted
        counts = [plan(Networks(epochs=epochs), windows).epochs for epochs in usual]
        assert len(set(counts)) == len(wanted)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("count", "space", "wanted", "ending"),
    [
        (16, {RATE: (0.01,)}, [4, 4], "windows, with 4 networks)"),
        (2, {RATE: (0.01,)}, [2, 2], "windows)"),
        (16, {"networks__count": (6,)}, [16, 6], "windows)"),
    ],
)
def test_few_networks_tell_settings_of_a_large_panel_apart(monkeypatch, count, space, wanted, ending):
    seen = []

    def errors_of(judged, tasks):
        seen.extend(task.networks.count for task in tasks)
        return [1.0 + len(seen)] * len(tasks)  # the default is the best: nothing is fitted

    monkeypatch.setattr(tuning, "errors_of", errors_of)
    table = panel()[["unique_id", "ds", "y"]]
    made = Forecaster(2, 1, networks=Networks(count=count)).tune(table, search=Search(space, 2))
    assert seen == wanted
    assert made.sentence().endswith(ending)
