"""Tuning with covariates beside the values, and of many series."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timeglass.errors import InputError
from timeglass.forecast import Covariates, Forecaster, Networks
from timeglass.forecast.history import read_history
from timeglass.forecast.settings import Task
from timeglass.forecast.sweep import Judged
from timeglass.forecast.tuning import Search, tune
from timeglass.forecast.tuning_optuna import _mark
from timeglass.forecast.tuning_space import RATE
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
