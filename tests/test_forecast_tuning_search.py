"""The search of tuning as it goes on: Optuna's studies, Ctrl-C, progress, and the same result for the same seed."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import optuna
import pytest

from timeglass.errors import EngineError, OptionError
from timeglass.forecast import backtest
from timeglass.forecast import tuning as module
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.history import read_history
from timeglass.forecast.settings import Networks
from timeglass.forecast.tuning import Search, tune
from timeglass.forecast.tuning_space import RATE, Between

QUICK = Networks(hidden_units=2, count=4, epochs=2)
SPACE = {
    RATE: Between(0.001, 0.1, log=True),
    "networks__epochs": Between(1, 9),
    "networks__time_steps": [None, 4, 8],
}


def walk(rows=90, seed=0):
    return read_history(50 + np.random.default_rng(seed).normal(size=rows).cumsum())


def search(history=None, *, space=SPACE, trials=6, forecaster=None, **more):
    forecaster = forecaster or Forecaster(1, season=1, networks=QUICK)
    told = {name: more.pop(name) for name in ("searcher", "storage", "study") if name in more}
    return tune(forecaster, history or walk(), Search(space, trials, **told), **more)


@pytest.fixture
def shared(tmp_path):
    return {"searcher": "optuna", "storage": f"sqlite:///{tmp_path}/tuning.db"}


@pytest.mark.parametrize("searcher", ["lanes", "optuna"])
def test_the_same_seed_gives_the_same_result_and_another_another(searcher):
    one, two = (search(searcher=searcher) for _ in range(2))
    assert one.leaderboard == two.leaderboard
    assert one.gain == two.gain
    other = search(searcher=searcher, forecaster=Forecaster(1, season=1, networks=QUICK, seed=1))
    assert other.leaderboard != one.leaderboard
    assert sum(trial.default for trial in one.leaderboard.trials) == 1
    assert len(one.leaderboard) == 6


def test_optuna_tries_what_the_space_holds_and_judges_it_as_lanes_do():
    found = search(searcher="optuna", trials=12)
    for trial in found.leaderboard.trials:
        if not trial.default:
            assert list(trial.settings) == list(SPACE)
            assert 0.001 <= trial.settings[RATE] <= 0.1
            assert isinstance(trial.settings["networks__epochs"], int)
            assert trial.settings["networks__time_steps"] in (None, 4, 8)
    one = next(trial for trial in found.leaderboard.trials if not trial.default)
    again = search(space={name: [value] for name, value in one.settings.items()})
    assert [trial.error for trial in again.leaderboard.trials if not trial.default] == [one.error]


def test_a_study_goes_on_and_other_processes_trials_count(shared):
    first = search(trials=4, **shared)
    second = search(trials=3, **shared)
    assert [len(first.leaderboard), len(second.leaderboard)] == [4, 6]
    before = {str(trial) for trial in first.leaderboard.trials}
    assert before < {str(trial) for trial in second.leaderboard.trials}
    study = optuna.load_study(study_name="timeglass", storage=shared["storage"])
    best = {RATE: 0.0123, "networks__epochs": 9, "networks__time_steps": 8}
    kinds = study.trials[0].distributions
    study.add_trial(optuna.create_trial(params=best, distributions=kinds, value=1e-9))
    third = search(trials=1, **shared)
    assert third.best == best
    assert third.gain is not None
    assert len(search(trials=2, study="another", **shared).leaderboard) == 2


def test_a_study_of_other_data_or_of_another_space_is_refused(shared):
    search(trials=2, **shared)
    elsewhere = {"forecaster": Forecaster(1, season=1, networks=replace(QUICK, cell="lstm"))}
    for change in ({"history": walk(seed=1)}, {"space": {RATE: [0.1, 0.2]}}, elsewhere):
        with pytest.raises(OptionError, match="study 'timeglass' holds trials of other data"):
            search(trials=2, **shared, **change)
    seed = Forecaster(1, season=1, networks=QUICK, seed=5)
    assert len(search(trials=2, forecaster=seed, **shared).leaderboard) == 3


@pytest.mark.parametrize("storage", ["nowhere", "mysql+nothing://me:secret@host/db", "sqlite:////no/such/folder/a.db"])
def test_a_storage_that_cannot_be_opened(storage):
    with pytest.raises(OptionError, match=r"expected an address such as sqlite:///tuning\.db") as refused:
        search(searcher="optuna", storage=storage)
    assert "secret" not in str(refused.value)


def test_without_optuna_the_remedy_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(EngineError, match=r"pip install 'timeglass\[tune\]'"):
        search(searcher="optuna")


def test_optuna_says_nothing_on_standard_error_and_its_verbosity_stays(capfd):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    search(searcher="optuna", trials=2)
    assert capfd.readouterr() == ("", "")
    assert optuna.logging.get_verbosity() == optuna.logging.INFO


def interrupted_after(monkeypatch, calls, what="errors_of"):
    real, done = getattr(module, what), []

    def counting(*args, **named):
        if len(done) == calls:
            raise KeyboardInterrupt
        done.append(1)
        return real(*args, **named)

    monkeypatch.setattr(module, what, counting)


@pytest.mark.parametrize("searcher", ["lanes", "optuna"])
def test_ctrl_c_keeps_what_was_tried(monkeypatch, searcher):
    whole = search(searcher=searcher, space={"networks__epochs": [1, 4, 8]}, trials=4)
    interrupted_after(monkeypatch, 2)
    found = search(searcher=searcher, space={"networks__epochs": [1, 4, 8]}, trials=4)
    assert found.stopped
    assert not whole.stopped
    assert len(found.leaderboard) == 2
    assert set(map(str, found.leaderboard.trials)) < set(map(str, whole.leaderboard.trials))
    assert found.keep_default
    assert found.gain is None


def test_the_comparison_makes_no_baselines_that_nobody_sees(monkeypatch):
    made = []
    real = backtest.simple_forecasts
    monkeypatch.setattr(backtest, "simple_forecasts", lambda *given: made.append(given) or real(*given))
    history = read_history(np.tile(np.random.default_rng(0).normal(size=7), 20))
    forecaster = Forecaster(1, season=1, networks=replace(QUICK, time_steps=2))
    found = search(history, forecaster=forecaster, space={"networks__time_steps": [7]})
    assert found.gain.forecasts > 0
    assert made == []


def test_ctrl_c_before_anything_could_be_compared_ends_the_search(monkeypatch):
    interrupted_after(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        search()


def test_ctrl_c_in_the_comparison_keeps_the_default(monkeypatch):
    interrupted_after(monkeypatch, 1, "forecast_back")
    forecaster = Forecaster(1, season=1, networks=replace(QUICK, time_steps=2))
    history = read_history(np.tile(np.random.default_rng(0).normal(size=7), 20))
    found = search(history, forecaster=forecaster, space={"networks__time_steps": [7]})
    assert found.best == {"networks__time_steps": 7}
    assert found.stopped
    assert found.settings == {}
    assert found.sentence() == (
        "time_steps 7: stopped before it was compared on rows that the search did not see: keep the default"
    )


def test_an_interrupted_trial_is_told_of_as_failed(monkeypatch, shared):
    interrupted_after(monkeypatch, 3)
    found = search(trials=6, **shared)
    study = optuna.load_study(study_name="timeglass", storage=shared["storage"])
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "FAIL"]
    assert len(found.leaderboard) == 3


@pytest.mark.parametrize("searcher", ["lanes", "optuna"])
def test_progress_rises_to_one(searcher):
    shares = []
    search(searcher=searcher, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(set(shares)) > 2


def test_the_forecaster_stays_as_it_is_and_takes_the_settings():
    forecaster = Forecaster(1, season=1, networks=QUICK)
    before = repr(forecaster)
    found = search(forecaster=forecaster, trials=8)
    assert repr(forecaster) == before
    forecaster.set_params(**found.best)
    assert forecaster.networks.learning_rate == found.best[RATE]


def test_one_trial_is_the_default():
    found = search(trials=1)
    assert found.best == found.default == {RATE: 0.003, "networks__epochs": 2, "networks__time_steps": None}
    assert found.sentence() == "none of 0 other settings erred less than the default: keep the default"
