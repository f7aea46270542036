"""Tuning: what is tried, how it is judged, what is said of the best, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass.errors import InputError, OptionError
from timeglass.evaluate.comparison import Comparison
from timeglass.forecast.combine import combine, learned_weights, usual_weights
from timeglass.forecast.fitted import fit_groups
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.held_back import hold_back, rows_held_back
from timeglass.forecast.history import read_history
from timeglass.forecast.leaderboard import Leaderboard, Trial, ranked
from timeglass.forecast.networks import train_networks
from timeglass.forecast.settings import Networks, Task
from timeglass.forecast.sweep import Judged, errors_of, side_by_side
from timeglass.forecast.tuning import Search, Tuning, tune
from timeglass.forecast.tuning_space import RATE, Between, check_space, default_space, draw, settings_of, task_of
from timeglass.forecast.tuning_split import split_rows

QUICK = Networks(hidden_units=2, count=4, epochs=2)
TASK = Task(3, 1, QUICK)
STEPS = "networks__time_steps"


def walk(rows=90, seed=0):
    return 50 + np.random.default_rng(seed).normal(size=rows).cumsum()


def pattern(rows=300, length=13):
    """A pattern of random numbers, again and again, that no known season tells of."""
    rng = np.random.default_rng(3)
    return np.tile(rng.normal(size=length), rows // length + 1)[:rows] + 0.05 * rng.normal(size=rows)


def quick(horizon=3, **more):
    return Forecaster(horizon, season=1, networks=replace(QUICK, **more))


# Whether the best is better, on rows that the search did not see


@pytest.fixture(scope="module")
def found():
    forecaster = quick(1, time_steps=3, epochs=16)
    space = {STEPS: (3, 16), RATE: (0.003, 0.01)}
    return tune(forecaster, read_history(pattern()), Search(space, 8))


def test_a_longer_window_is_found_where_memory_is_long(found):
    assert found.best[STEPS] == 16
    assert found.gain.low < found.gain.change < found.gain.high < -0.4
    assert not found.keep_default
    assert found.settings == found.best
    low, high = (f"{-100 * end:.0f}" for end in (found.gain.high, found.gain.low))
    assert found.sentence() == (
        f"time_steps 16, learning_rate {found.best[RATE]:.3g}: better than the default on rows that the search did not "
        f"see by {-100 * found.gain.change:.0f} % ({low} to {high})"
    ).replace(", learning_rate 0.003", "")


def test_the_gain_is_that_of_two_forecasters_over_the_unseen_rows(found):
    history = read_history(pattern())
    learned = read_history(pattern()[:200])
    task = Task(1, 1, replace(QUICK, time_steps=3, epochs=16))
    errors = []
    for each in (task_of(task, found.best), task):
        group = fit_groups(learned, each).groups[0].learned
        z = group.outlook(history.series, np.zeros(100, int), np.arange(200, 300), 1).point
        point = group.core.form.inverse(np.zeros(100, int), z)
        errors.append(np.abs(point[:, 0] - pattern()[200:]).mean())
    np.testing.assert_allclose(found.gain.change, errors[0] / errors[1] - 1, rtol=1e-9)
    assert found.gain.forecasts == 100


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_pure_noise_the_default_is_kept(seed):
    noise = read_history(np.random.default_rng(seed).normal(size=150))
    space = {"networks__hidden_units": (1, 2, 4), "networks__epochs": (1, 4, 8), RATE: Between(0.001, 0.03, log=True)}
    made = tune(quick(1), noise, Search(space, 24))
    assert len(made.leaderboard) == 24
    assert made.keep_default
    assert made.settings == {}
    assert made.sentence().endswith("keep the default")


def test_the_unseen_rows_do_not_change_what_is_chosen():
    space = {"networks__epochs": (1, 8), STEPS: (2, 8)}
    y = walk()
    one = tune(quick(1), read_history(y), Search(space, 5))
    two = tune(quick(1), read_history(np.append(y[:60], 10 * y[60:])), Search(space, 5))
    assert one.leaderboard == two.leaderboard
    assert one.gain != two.gain


# What is said


def said(outcome, change, low, high, units=9):
    comparison = Comparison(
        "ours", "the default", "mae", 1 + change, 1.0, change, low, high, outcome, None, 60, 1, 0, "blocks", units
    )
    best, default = {RATE: 0.0025, STEPS: None}, {RATE: 0.003, STEPS: 3}
    return Tuning(best, default, ranked([Trial(default, 2.0, True), Trial(best, 1.0)]), comparison)


@pytest.mark.parametrize(
    ("outcome", "numbers", "start", "ending"),
    [
        ("better", (-0.12, -0.19, -0.04), "better than the default", " by 12 % (4 to 19)"),
        ("not shown", (-0.03, -0.06, 0.01), "not shown to be better than the default", " (3 % lower, -1 to 6)"),
        ("worse", (0.05, 0.01, 0.09), "worse than the default", " by 5 % (1 to 9)"),
    ],
)
def test_sentences(outcome, numbers, start, ending):
    tuning = said(outcome, *numbers)
    keep = ": keep the default" * (outcome != "better")
    assert tuning.sentence() == (
        f"learning_rate 0.0025, time_steps automatic: {start} on rows that the search did not see{ending}{keep}"
    )
    assert tuning.keep_default == (outcome != "better")


def test_sentences_without_a_comparison():
    tuning = said("better", -0.1, -0.2, -0.05)
    assert replace(tuning, gain=None, stopped=True).keep_default
    assert (
        replace(tuning, gain=None, stopped=True)
        .sentence()
        .endswith("stopped before it was compared on rows that the search did not see: keep the default")
    )
    same = replace(tuning, best=tuning.default, gain=None)
    assert same.sentence() == "none of 1 other setting erred less than the default: keep the default"
    assert "too few forecasts to tell" in said("not shown", -0.1, -1.0, np.inf, units=2).sentence()


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_the_leaderboard_as_a_frame(kind):
    board = Leaderboard((Trial({"a": 1, "b": "x"}, 0.5), Trial({"a": None, "b": "y"}, 0.75, True)))
    frame = board.frame(kind)
    names = frame.column_names if kind == "pyarrow" else list(frame.columns)
    assert type(frame).__module__.startswith(kind)
    assert names == ["place", "error", "default", "a", "b"]
    assert [float(e) for e in frame["error"].to_numpy()] == [0.5, 0.75]


def test_of_equal_errors_the_default_comes_first_and_what_diverged_last():
    trials = [Trial({"a": 1}, None), Trial({"a": 2}, 1.0), Trial({"a": 3}, 1.0, True), Trial({"a": 4}, 0.0)]
    assert [trial.settings["a"] for trial in ranked(trials).trials] == [4, 3, 2, 1]


# How settings are judged


def test_the_error_of_a_setting_is_that_of_the_forecasts_that_fit_holds_back():
    series = [walk(40, 1), walk(55, 2)]
    judged = Judged(tuple(series), rows_held_back([40, 55], 3), 1)
    held = hold_back(series, TASK)
    weights = usual_weights(list(held.members), held.independent * 3 / judged.held * 47.5)
    weights = learned_weights(weights, held.members, held.actual, held.spread, held.independent)
    point = held.form.inverse(held.which, combine(weights, held.members))
    each = []
    for s, y in enumerate(series):
        known, own = y[: len(y) - judged.held], held.which == s
        came = np.array([np.append(y[o : o + 3], [np.nan] * 3)[:3] for o in held.origins[own]])
        each.append(np.nanmean(np.abs(point[own] - came)) / np.abs(np.diff(known)).mean())
    assert judged.held == 15
    np.testing.assert_allclose(errors_of(judged, [TASK]), [np.mean(each)], rtol=1e-9)


def test_the_first_networks_side_by_side_are_those_of_a_fit_to_the_bit():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 6, 1)).astype(np.float32), rng.normal(size=(50, 2)).astype(np.float32)
    weights = rng.random(50).astype(np.float32)
    plain = replace(QUICK, epochs=5)
    made = side_by_side([plain, replace(plain, learning_rate=0.1), plain], x, y, weights, seed=7)
    alone = train_networks(plain, x, y, weights, seed=7)[0]
    assert (made[0].weight_rows == alone.weight_rows).all()
    start = replace(plain, learning_rate=1e-30)
    begun = side_by_side([start, start], x, y, weights, seed=7)
    np.testing.assert_allclose(begun[0].weight_rows, begun[1].weight_rows, atol=1e-20)
    moved = [np.abs(model.weight_rows - begun[0].weight_rows).mean() for model in made]
    assert moved[1] > 3 * moved[2] > 0


def test_many_networks_train_in_parts(monkeypatch):
    judged = Judged((walk(),), 20, 1)
    tasks = [task_of(TASK, {RATE: rate}) for rate in (0.001, 0.01, 0.1)]
    whole = errors_of(judged, tasks)
    monkeypatch.setattr("timeglass.forecast.sweep._MOST_NETWORKS", 2)
    assert errors_of(judged, tasks) == [errors_of(judged, [task])[0] for task in tasks]
    assert whole[0] == errors_of(judged, tasks)[0]


@pytest.mark.parametrize(
    ("rows", "count", "shared"), [(1_000, 2, None), (999, 2, None), (40, 3, False), (1_000, 17, None)]
)
def test_series_learn_together_as_in_a_fit(rows, count, shared):
    networks = Networks(hidden_units=1, count=2, epochs=1, time_steps=2, shared=shared)
    series = [walk(rows, s) for s in range(count)]
    groups = fit_groups(many(rows, count), Task(1, 1, networks)).groups
    parts = Judged(tuple(series), 10, 1).parts(networks)
    assert [part.tolist() for part in parts] == [list(group.places) for group in groups]


def test_what_diverges_is_left_out_of_the_rest(monkeypatch):
    from timeglass.errors import DivergenceError
    from timeglass.forecast import sweep

    train = sweep.side_by_side

    def training(networks, *data, seed):
        if any(own.learning_rate == 1.0 for own in networks):
            raise DivergenceError("the loss is not finite")
        return train(networks, *data, seed=seed)

    monkeypatch.setattr(sweep, "side_by_side", training)
    tasks = [task_of(TASK, {RATE: rate}) for rate in (0.001, 1.0, 0.01)]
    errors = errors_of(Judged((walk(),), 20, 1), tasks)
    assert errors[1] is None
    assert None not in (errors[0], errors[2])


@pytest.mark.parametrize(
    "change", [{"recipe": "tutorial"}, {"strategy": "recursive"}, {"shared": False}, {"cell": "lstm"}]
)
def test_kinds_of_networks(change):
    made = tune(quick(2, **change), read_history(walk(60)), Search({RATE: (0.001, 0.01)}, 3))
    assert all(trial.error > 0 for trial in made.leaderboard.trials)


# The split


def test_the_three_parts():
    split = split_rows(read_history(walk(144)), Task(12, 12))
    assert [len(split.judged.series[0]), split.judged.held, split.origins, split.stride] == [96, 32, 37, 1]
    split = split_rows(read_history(walk(3000)), Task(10, 1))
    assert (split.origins - 1) * split.stride + 10 == 3000 - len(split.judged.series[0]) <= 1000
    assert split.origins <= 201


@pytest.mark.parametrize(("horizon", "season"), [(1, 1), (3, 1), (12, 12), (30, 7)])
def test_too_few_rows_says_how_many_are_needed(horizon, season):
    task = Task(horizon, season, QUICK)
    with pytest.raises(InputError, match=r"at least \d+ are needed") as refused:
        split_rows(read_history(walk(9)), task)
    need = int(str(refused.value).split("at least ")[1].split()[0])
    assert split_rows(read_history(walk(need)), task)
    with pytest.raises(InputError):
        split_rows(read_history(walk(need - 1)), task)


def many(rows, count=24):
    values = np.concatenate([walk(rows, s) for s in range(count)])
    ids = np.repeat(np.arange(count), rows).astype(str)
    return read_history(pl.DataFrame({"unique_id": ids, "ds": np.tile(np.arange(rows), count), "y": values}))


def test_of_many_series_a_horizon_each_is_unseen_and_whole_series_are_drawn():
    with pytest.raises(InputError, match=r"19 rows in the longest series; .* at least 20 are needed"):
        split_rows(many(19), Task(6, 1, QUICK))
    split = split_rows(many(20), Task(6, 1, QUICK))
    judged = split.judged
    assert (len(judged.series), len(judged.series[0]), judged.held, split.origins) == (24, 14, 6, 1)
    made = tune(quick(6), many(20), Search({RATE: (0.001, 0.1)}, 3))
    assert made.gain is None or (made.gain.drawn, made.gain.units) == ("series", 24)
    assert len(made.leaderboard) == 3


def test_nothing_to_tune_where_nothing_changes():
    with pytest.raises(
        InputError, match="in the rows to learn from its series stay as they are, or repeat each season"
    ):
        tune(quick(), read_history(np.append(np.ones(80), 1 + walk(10))))


# The space


def test_the_usual_space_holds_windows_around_the_usual_one():
    space = default_space(Task(12, 12), 64)
    assert space[STEPS] == (None, 12, 48)
    assert default_space(Task(12, 12), 40)[STEPS] == (None, 12)
    assert default_space(Task(4, 1, Networks(time_steps=3)), 100)[STEPS] == (None, 4, 16)
    assert check_space(space, Task(12, 12)) == space


def test_all_of_a_small_space_is_tried_and_a_large_one_evenly():
    space = {"networks__cell": ("simple", "gru", "lstm"), RATE: (0.001, 0.01)}
    assert [len(batch) for batch in draw(space, 50, 0)] == [2, 2, 2]
    batches = draw(default_space(Task(12, 12), 64), 96, 0)
    assert [len(batch) for batch in batches] == [8] * 12
    cells = [batch[0]["networks__cell"] for batch in batches]
    assert sorted(cells) == ["gru"] * 4 + ["lstm"] * 4 + ["simple"] * 4
    for batch in batches:
        rates = [settings[RATE] for settings in batch]
        assert rates == sorted(set(rates))
        assert 0.001 <= rates[0] <= 0.00134 <= rates[1]  # an eighth of the way to 0.01 each


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(0, 9),
    st.integers(1, 4),
    st.integers(1, 6),
    st.booleans(),
    st.sampled_from([0, 1, 3]),
)
def test_draws_differ_stay_inside_and_are_no_more_than_asked_for(count, seed, few, width, log, rates):
    space = {"networks__epochs": Between(few, few + width, log), STEPS: tuple(range(1, few + 1))}
    space |= {RATE: (0.1, 0.2, 0.3)[:rates]} if rates else {}
    batches = draw(space, count, seed)
    every = [tuple(chosen.values()) for batch in batches for chosen in batch]
    assert len(every) == len(set(every)) <= count
    assert len(every) >= min(count, few)
    for epochs, steps, *_ in every:
        assert few <= epochs <= few + width
        assert 1 <= steps <= few
    assert batches == draw(space, count, seed)


def test_settings_and_tasks():
    task = task_of(TASK, {"networks__cell": "lstm", "season": 4, "log": False})
    assert task == Task(3, 4, replace(QUICK, cell="lstm"), log=False)
    assert settings_of(task, ["log", "networks__cell", "season"]) == {
        "log": False,
        "networks__cell": "lstm",
        "season": 4,
    }


# What is refused


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({}, "space: expected settings"),
        ([1], "space: expected settings"),
        ({"units": [1]}, "no setting 'units'"),
        ({"networks__units": [1]}, "no setting 'networks__units'"),
        ({"seed": [1]}, "no setting 'seed'"),
        ({RATE: []}, "expected a list of choices"),
        ({RATE: 0.1}, "expected a list of choices"),
        ({"networks__cell": "gru"}, "expected a list of choices"),
        ({"networks__cell": ["gru", "rnn"]}, "cell: expected one of simple, gru, lstm, got 'rnn'"),
        ({"networks__cell": [["gru"]]}, "expected numbers, words or None"),
        ({RATE: [0.1, 2.0]}, "learning_rate: expected a number above 0"),
        ({RATE: Between(0.1, 2.0)}, "learning_rate: expected a number above 0"),
        ({"networks__epochs": Between(1.0, 9.0)}, "epochs: expected a whole number"),
        ({"log": Between(0, 1)}, "expected a list of choices"),
        ({"log": ["yes"]}, "log: expected True, False or None"),
        ({"season": [0]}, "season: expected the rows"),
    ],
)
def test_spaces_that_are_refused_before_any_training(space, message):
    with pytest.raises(OptionError, match=message):
        tune(quick(), read_history(walk()), Search(space))


@pytest.mark.parametrize(
    ("low", "high", "log"), [(1, 1, False), (2, 1, False), (0, 1, True), ("a", 1, False), (0, np.inf, False)]
)
def test_ranges_that_are_none(low, high, log):
    with pytest.raises(OptionError, match="Between: expected"):
        Between(low, high, log)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ({"trials": 0}, "trials: expected a whole number from 1"),
        ({"trials": 2.5}, "trials: expected"),
        ({"trials": True}, "trials: expected"),
        ({"searcher": "grid"}, "searcher: expected one of lanes, optuna, got 'grid'"),
        ({"storage": "sqlite:///a.db"}, "only the searcher 'optuna'"),
        ({"study": "a"}, "only the searcher 'optuna'"),
        ({"study": 3, "searcher": "optuna"}, "study: expected a text"),
    ],
)
def test_searches_that_are_refused(search, message):
    with pytest.raises(OptionError, match=message):
        Search(**search)
