"""Windows, networks, weights and doubt of a forecast, each by hand or beside an independent computation."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from timeglass.forecast.combine import combine, independent_series, learned_weights, usual_weights
from timeglass.forecast.doubt import Scores, disagreement, one_step_error, widening
from timeglass.forecast.form import Form
from timeglass.forecast.held_back import hold_back, rows_held_back
from timeglass.forecast.layout import Layout
from timeglass.forecast.members import fit_core, guide_for, member_forecasts
from timeglass.forecast.networks import fit_linear, run, training_set
from timeglass.forecast.settings import Networks, Task
from timeglass.forecast.windows import Channels, inputs, look, training_origins, window_rows

SMALL = Networks(hidden_units=2, count=4, epochs=2)


def sight_of(series, period=1, channels=None):
    series = [np.asarray(y, np.float64) for y in series]
    return look(Form.fit(series, period, log=False), series, channels, horizon=1)


def places(*pairs):
    which, origins = zip(*pairs, strict=True)
    return np.array(which), np.array(origins)


def test_training_windows_have_all_their_targets():
    sight = sight_of([np.arange(10.0), np.arange(3.0) ** 2])
    which, origins = training_origins(sight, Layout(4, 1, 1, 3, 4))
    assert which.tolist() == [0] * 4
    assert origins.tolist() == [4, 5, 6, 7]
    which, origins = training_origins(sight, Layout(4, 1, 1, 2, 4))
    assert [which.tolist()[-1], origins.tolist()[-1]] == [1, 1]  # a short series gives what it has


def test_what_is_missing_before_a_window_is_the_first_value():
    sight = sight_of([[1.0, 2.0, 4.0, 8.0]])
    rows = window_rows(sight, Layout(4, 1, 1, 1, 4), *places((0, 2), (0, 4)))
    z = sight.z
    assert rows.tolist() == [[z[0], z[0], z[0], z[1]], z.tolist()]


def test_an_input_by_hand():
    sight = sight_of([[0.0, 2.0, 4.0, 10.0, 4.0]])
    layout = Layout(2, 1, 1, 2, 2)
    which, origins = places((0, 4))
    window = window_rows(sight, layout, which, origins)  # z of 4 and 10
    x, level, unit = inputs(sight, layout, which, origins, window, window + 1.0)
    center, size = 4.0, 2.4  # median, and mean distance from it
    z = (np.array([4.0, 10.0]) - center) / size
    spread = np.mean(np.abs(np.diff([0.0, 2.0, 4.0, 10.0, 4.0]))) / size
    wanted = 0.9 * (z[1] - z[0]) + 0.1 * spread
    np.testing.assert_allclose(unit, [wanted])
    np.testing.assert_allclose(level, [z[1]])
    np.testing.assert_allclose(x[0, :, 0], np.array([*(z - z[1]), *(z + 1 - z[1])]) / wanted, rtol=1e-6)


def test_covariates_stand_beside_their_rows_and_past_ones_end_at_the_origin():
    channels = Channels((np.column_stack([np.arange(7.0), 10 + np.arange(7.0)]),), np.array([True, False]))
    sight = sight_of([[0.0, 2.0, 4.0, 10.0, 4.0]], channels=channels)
    layout = Layout(2, 1, 1, 2, 2)
    which, origins = places((0, 3))
    x, _, _ = inputs(sight, layout, which, origins, window_rows(sight, layout, which, origins), None)
    assert x[0, :, 1].tolist() == [1, 2, 3, 4]
    assert x[0, :, 2].tolist() == [11, 12, 0, 0]
    assert x[0, 2:, 0].tolist() == [0, 0]


def test_chunks_hold_several_rows():
    sight = sight_of([np.arange(20.0)])
    layout = Layout(8, 4, 4, 6, 4)
    which, origins = places((0, 12))
    x, _, _ = inputs(sight, layout, which, origins, window_rows(sight, layout, which, origins), np.zeros((1, 6)))
    assert x.shape == (1, 4, 4)  # two chunks of the window, two for six rows ahead
    assert x[0, 3, 2:].tolist() == [0, 0]


def test_the_linear_model_is_weighted_least_squares():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(200, 5, 1)), rng.uniform(0.5, 2, 200)
    truth = rng.normal(size=(6, 2))
    y = np.column_stack([x[:, :, 0], np.ones(200)]) @ truth + 0.01 * rng.normal(size=(200, 2))
    root = np.sqrt(w)[:, None]
    wanted = np.linalg.lstsq(np.column_stack([x[:, :, 0], np.ones(200)]) * root, y * root, rcond=None)[0]
    linear = fit_linear(x.astype(np.float32), y, w)
    np.testing.assert_allclose(linear.coefficients, wanted, atol=5e-3)
    np.testing.assert_allclose(linear(x)[0], np.column_stack([x[:, :, 0], np.ones(200)]) @ truth, atol=0.05)


def test_forecasts_beyond_a_networks_reach_are_read_on():
    """A model that adds one unit to the last value, asked for five rows, two at once."""
    sight = sight_of([np.arange(12.0)])
    layout = Layout(4, 1, 1, 2, 4)
    which, origins = places((0, 12))
    found = run(lambda x: np.tile([1.0, 2.0], (1, len(x), 1)), sight, layout, which, origins, horizon=5)
    np.testing.assert_allclose(np.diff(found[0, 0]), np.diff(sight.z)[0], rtol=1e-9)


def test_targets_and_inputs_of_guided_networks_fit_together():
    """What is to be learned, added to what smoothing expects, is what came."""
    rng = np.random.default_rng(1)
    sight = sight_of([rng.normal(size=40).cumsum()])
    layout = Layout(6, 1, 1, 3, 4)
    which, origins = training_origins(sight, layout)
    guide = guide_for(None)
    _, y, _ = training_set(sight, layout, which, origins, guide(sight, which, origins, 3))

    def teacher(x):
        return y[None, : len(x)]

    made = run(teacher, sight, layout, which, origins, horizon=3, guide=guide)
    came = sight.z[origins[:, None] + np.arange(3)]
    np.testing.assert_allclose(made[0], came, atol=1e-6)


def test_untrained_guided_networks_give_the_smoothed_forecast():
    """They start from it: with a learning rate of next to nothing that is what they stay at."""
    rng = np.random.default_rng(2)
    sight = sight_of([rng.normal(size=60).cumsum()])
    still = dataclasses.replace(SMALL, learning_rate=1e-12)
    core = fit_core(sight, Layout(6, 1, 1, 3, 4), still, seed=0)
    members, lanes = member_forecasts(core, sight, *places((0, 60)), 3)
    assert lanes.shape == (4, 1, 3)
    assert np.abs(members["guided"] - members["smoothing"]).max() < 0.3


@pytest.mark.parametrize(("windows", "networks"), [(0, 0.0), (200, 2 / 7), (1e9, 4 / 7)])
def test_networks_count_by_how_much_taught_them(windows, networks):
    weights = usual_weights(["smoothing", "theta", "linear", "window", "guided"], windows)
    assert weights["window"] + weights["guided"] == pytest.approx(networks)
    assert weights["smoothing"] == pytest.approx(2 * weights["theta"])
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["linear"] == 0


def test_weights_move_towards_the_member_that_was_right():
    rng = np.random.default_rng(0)
    actual = rng.normal(size=(50, 3))
    actual[40:, 2] = np.nan
    forecasts = {"smoothing": np.nan_to_num(actual), "theta": rng.normal(size=(50, 3))}
    usual = {"smoothing": 0.5, "theta": 0.5}
    spread = np.ones(50)
    none, some, many = (learned_weights(usual, forecasts, actual, spread, n)["smoothing"] for n in (0.0, 1e-3, 10.0))
    assert none == pytest.approx(0.5)  # the mean of all weights in fifths is a half, too
    assert 0.5 < some < many
    assert many == pytest.approx(1, abs=1e-6)
    assert learned_weights(usual, forecasts, np.full((50, 3), np.nan), spread, 8.0) == usual


def test_weights_by_hand():
    """Errors of 1 by one member and 2 by the other, to the same side: 2 - w for the weight w of the first."""
    forecasts = {"smoothing": np.array([[1.0]]), "theta": np.array([[2.0]])}
    found = learned_weights({"smoothing": 0.5, "theta": 0.5}, forecasts, np.zeros((1, 1)), np.ones(1), 0.5)
    tried = np.array([0.5, 0, 0.2, 0.4, 0.6, 0.8, 1.0])
    likely = np.array([0.75, *[0.25 / 6] * 6]) * (2 - tried) ** -(4.0 * 0.5)
    assert found["smoothing"] == pytest.approx((likely * tried).sum() / likely.sum())


def test_a_combination_by_hand():
    made = combine({"a": 0.25, "b": 0.75}, {"a": np.array([[4.0]]), "b": np.array([[8.0]])})
    assert made.tolist() == [[7.0]]


def test_series_that_move_together_count_as_one():
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=60).cumsum(), rng.normal(size=(30, 60)).cumsum(axis=1)
    assert independent_series(sight_of(list(common + 0.01 * own))) < 1.2
    assert independent_series(sight_of(list(own))) > 15


def test_disagreement_by_hand():
    members = {"smoothing": np.array([[1.0, 1.0]]), "window": np.array([[3.0, 1.0]]), "linear": np.array([[99.0, 9.0]])}
    assert disagreement(members).tolist() == [[1.0, 1.0]]  # the linear model has no say; it never falls


def test_the_usual_error_is_that_of_one_step():
    z = np.random.default_rng(0).normal(size=300)
    sight = sight_of([z])
    ahead = sight.smoothed.damped(np.arange(300), 1)[:, 0]
    by_hand = np.mean([abs(sight.z[t + 1] - ahead[t]) for t in range(3, 299)])
    np.testing.assert_allclose(one_step_error(sight), [np.sqrt(by_hand * sight.form.spread[0])])


def test_intervals_hold_their_share_and_lie_inside_each_other():
    scores = Scores(np.random.default_rng(0).normal(size=(4000, 3)) * [1, 2, 3], 1e9)
    low, high = scores.quantiles(0.9, 5)
    np.testing.assert_allclose(high[:3], 1.645 * np.array([1, 2, 3]), rtol=0.06)
    np.testing.assert_allclose(low[:3], -1.645 * np.array([1, 2, 3]), rtol=0.06)
    np.testing.assert_allclose(high[3:], high[2] * np.sqrt([4 / 3, 5 / 3]))
    last = (np.zeros(5), np.zeros(5))
    for share in (0.1, 0.5, 0.8, 0.9, 0.95, 0.99):
        ends = scores.quantiles(share, 5)
        assert (ends[0] <= last[0]).all()
        assert (ends[1] >= last[1]).all()
        last = ends


def test_few_independent_errors_widen_an_interval():
    """Beside Student's t: the first term is near it for ten, and it is never narrower than for endless data."""
    stats = pytest.importorskip("scipy.stats")
    for count in (10.0, 40.0):
        wanted = stats.t.ppf(0.95, count) / stats.norm.ppf(0.95) * np.sqrt(1 + 1 / count)
        assert widening(0.9, count) == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize(("lengths", "horizon", "rows"), [([100] * 20, 6, 6), ([90], 6, 30), ([20, 30, 40], 18, 18)])
def test_rows_held_back(lengths, horizon, rows):
    assert rows_held_back(lengths, horizon) == rows


def test_held_back_rows_teach_nothing():
    """Other values in the rows held back change no forecast made before them, nor what was learned."""
    rng = np.random.default_rng(5)
    series = [np.exp(rng.normal(size=60).cumsum() / 10) for _ in range(3)]
    task = Task(4, 1, SMALL)
    held = rows_held_back([60] * 3, 4)
    others = [np.concatenate([y[: 60 - held], y[60 - held :] * rng.uniform(0.5, 2, held)]) for y in series]
    one, two = hold_back(series, task), hold_back(others, task)
    first = one.origins == 60 - held
    for name in one.members:
        assert (one.members[name][first] == two.members[name][first]).all(), name
    assert (one.spread == two.spread).all()
    assert (one.unit == two.unit).all()


def test_past_covariates_of_held_back_rows_teach_nothing():
    rng = np.random.default_rng(6)
    y, known = np.exp(rng.normal(size=60).cumsum() / 10), rng.normal(size=(64, 1))
    task, held = Task(4, 1, SMALL), rows_held_back([60], 4)
    other = known.copy()
    other[60 - held :] += 1
    made = [hold_back([y], task, channels=Channels((c,), np.array([False]))) for c in (known, other)]
    first = made[0].origins == 60 - held
    assert (made[0].members["window"][first] == made[1].members["window"][first]).all()
    assert not (made[0].members["window"] == made[1].members["window"]).all()


def test_too_few_rows_hold_none_back():
    assert hold_back([np.arange(12.0)], Task(6, 1, SMALL)) is None


def test_constant_columns_do_no_harm():
    core = SimpleNamespace(coefficients=fit_linear(np.zeros((9, 2, 1), np.float32), np.ones((9, 1)), np.ones(9)))
    assert np.isfinite(core.coefficients.coefficients).all()
