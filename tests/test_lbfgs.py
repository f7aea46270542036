"""L-BFGS and its line search: against SciPy, against the matrix that it never writes down, and on awkward functions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import solving
from networks import Network, dense, gru, lstm, rnn
from quick import one_in
from solving import SMALL

from timeglass.train import full_batch, line_search
from timeglass.train.lbfgs import _Memory, minimize
from timeglass.train.line_search import LineSearches
from timeglass.train.losses import loss_of
from timeglass.train.solvers import LBFGS

EXACT = LBFGS(ftol=1e-15, gtol=1e-10)
NEVER = LBFGS(ftol=0, gtol=0)


def rosenbrock(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of any even number of weights, each row of (L, P) by itself."""
    a, b = w[:, 0::2], w[:, 1::2]
    gradient = np.empty_like(w)
    gradient[:, 0::2] = -400 * a * (b - a * a) - 2 * (1 - a)
    gradient[:, 1::2] = 200 * (b - a * a)
    return (100 * (b - a * a) ** 2 + (1 - a) ** 2).sum(axis=1), gradient


def stretched(w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A bowl of curvatures 1 … 10⁴ with a wave on it, whose minimum is not 0."""
    curvature = np.logspace(0, 4, w.shape[1])
    value = (0.5 * curvature * w * w + np.cos(w + 0.5)).sum(axis=1)
    return value, curvature * w - np.sin(w + 0.5)


def rows_of(function):
    """What `minimize` calls."""
    return lambda weights, _: function(weights)


# Plain problems


@pytest.mark.parametrize("count", [2, 10])
@pytest.mark.parametrize("function", [rosenbrock, stretched])
def test_plain_problems_end_where_scipy_ends(function, count):
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is what this is checked against")
    start = np.tile([-1.2, 1.0], count // 2)
    found = solving.alone(minimize, rows_of(function), start, EXACT)
    theirs = optimize.minimize(
        lambda w: tuple(part[0] for part in function(w[None])), start, jac=True, method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10, "maxiter": 500, "maxcor": 10},
    )  # fmt: skip
    assert found.values[0] == pytest.approx(theirs.fun, rel=1e-9, abs=1e-18)
    assert np.abs(found.best_weights[0] - theirs.x).max() < 1e-6
    assert found.done[0] < 1.5 * theirs.nit


TWO_OUTPUTS = Network(4, 2, (rnn(1), dense(2)))
TAUGHT = [  # network, L2, loss
    (SMALL["tutorial"], 1e-4, "mse"),
    (SMALL["tutorial"], 1e-4, "huber"),
    (SMALL["dense"], 1e-3, "log_cosh"),
    (Network(3, 1, (lstm(1, return_sequences=True), dense(1))), 1e-4, "mse"),
    (TWO_OUTPUTS, 1e-4, "mse"),
    (TWO_OUTPUTS, 1e-4, "gaussian_likelihood"),
]


@pytest.mark.parametrize(
    ("network", "l2", "loss"),
    one_in(2, TAUGHT, several=True),
    ids=["mse", "huber", "log-cosh", "lstm", "two", "gaussian"],
)
def test_networks_end_where_scipy_ends(network, l2, loss):
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is what this is checked against")
    task, state = solving.taught(network, 1, epochs=1000, l2=np.full(1, l2), loss=loss_of(loss))
    if loss == "gaussian_likelihood":  # which takes two outputs for each target
        task = replace(task, y=task.y[..., :1])
    start = state.weights[0].astype(np.float64)
    losses = solving.fit_all(LBFGS(ftol=1e-13, gtol=1e-9), task, state)["loss"]
    theirs = optimize.minimize(
        lambda w: tuple(part[0] for part in full_batch.gradients(task, w[None])), start, jac=True,
        method="L-BFGS-B", options={"ftol": 1e-13, "gtol": 1e-9, "maxiter": 1000},
    )  # fmt: skip
    assert losses[0, -1] == pytest.approx(theirs.fun, rel=1e-6)
    assert losses[0, 0] > losses[0, -1] + 1e-2 * abs(losses[0, -1])
    assert state.steps[0] < 1.5 * theirs.nit


# The direction


def bfgs_matrix(steps: list[np.ndarray], changes: list[np.ndarray]) -> np.ndarray:
    """The inverse Hessian's approximation written down, from Nocedal and Wright's equations 6.17 and 7.20."""
    count = len(steps[0])
    h = np.eye(count) * (steps[-1] @ changes[-1]) / (changes[-1] @ changes[-1])
    for s, y in zip(steps, changes, strict=True):
        v = np.eye(count) - np.outer(y, s) / (s @ y)
        h = v.T @ h @ v + np.outer(s, s) / (s @ y)
    return h


def test_the_direction_is_that_of_the_matrix_whose_memory_each_problem_has_by_itself():
    rng = np.random.default_rng(2)
    memory = _Memory(3, 4, 5)
    kept: dict[int, list] = {0: [], 1: [], 2: []}
    hessians = [m @ m.T + np.eye(5) for m in rng.normal(size=(3, 5, 5))]
    for turn in range(7):
        rows = np.array([0, 1] if turn % 2 else [0])  # seven times, three times, never
        steps = rng.normal(size=(len(rows), 5))
        changes = np.stack([hessians[row] @ step for row, step in zip(rows, steps, strict=True)])
        memory.add(rows, steps, changes)
        for row, step, change in zip(rows, steps, changes, strict=True):
            kept[row].append((step, change))
    gradient = rng.normal(size=(3, 5))
    found = memory.directions(np.arange(3), gradient)
    for row in (0, 1):
        matrix = bfgs_matrix(*(list(part) for part in zip(*kept[row][-4:], strict=True)))
        assert found[row] == pytest.approx(-matrix @ gradient[row], rel=1e-10)
    assert (found[2] == -gradient[2]).all()
    assert memory.filled.tolist() == [4, 3, 0]
    memory.forget(np.array([0]))
    assert (memory.directions(np.arange(2), gradient[:2])[0] == -gradient[0]).all()


def test_a_step_that_shows_no_curvature_upwards_is_left_out():
    memory = _Memory(2, 3, 2)
    memory.add(np.array([0, 1]), np.array([[1.0, 0], [1, 0]]), np.array([[2.0, 0], [-2, 0]]))
    assert memory.filled.tolist() == [1, 0]
    assert memory.directions(np.array([0, 1]), np.ones((2, 2))).tolist() == [[-0.5, -0.5], [-1, -1]]


def test_a_bowl_is_reached_in_as_many_steps_as_it_has_curvatures():
    curvature = np.array([1.0, 10, 100])
    found = solving.alone(
        minimize, lambda w, _: ((0.5 * curvature * w * w).sum(axis=1), curvature * w), np.ones(3), LBFGS(gtol=1e-12)
    )
    assert np.abs(found.best_weights).max() < 1e-12
    assert found.done[0] < 20


# The line search


WOLFE = {
    "a bowl, first step far too short": (lambda a: (a - 50) ** 2, lambda a: 2 * (a - 50), 1e-3),
    "a bowl, first step far too long": (lambda a: (a - 1e-3) ** 2, lambda a: 2 * (a - 1e-3), 10.0),
    "a wave": (lambda a: np.cos(3 * a) - 0.5 * a, lambda a: -3 * np.sin(3 * a) - 0.5, 1.3),
    "a wall": (lambda a: -np.log(1 - a) - 3 * a, lambda a: 1 / (1 - a) - 3, 5.0),
    "a kink": (lambda a: np.abs(a - 0.7) + 0.01 * a * a, lambda a: np.sign(a - 0.7) + 0.02 * a, 3.0),
    # J. J. Moré, D. J. Thuente, "Line search algorithms with guaranteed sufficient decrease", 1994: the first function.
    "Moré and Thuente": (lambda a: -a / (a * a + 2), lambda a: (a * a - 2) / (a * a + 2) ** 2, 1e-3),
}


@np.errstate(invalid="ignore", divide="ignore")
@pytest.mark.parametrize(("f", "slope", "first"), WOLFE.values(), ids=WOLFE)
def test_the_line_search_ends_at_a_point_that_meets_the_wolfe_conditions(f, slope, first):
    searches, row = LineSearches(3), np.array([1])
    value0, slope0 = f(0.0 * row), slope(0.0 * row) + 0.0
    searches.begin(row, value0, slope0, np.array([first]))
    for _ in range(15):
        step = searches.step[row]
        verdict = searches.look(row, f(step), slope(step))
        if verdict.taken[0]:
            break
    if f is WOLFE["a kink"][0]:  # no point meets the second condition but at the kink's very place
        step = searches.low.step[row]
        assert f(step) <= value0 + 1e-4 * step * slope0
        return
    assert verdict.taken[0]
    assert f(step) <= value0 + 1e-4 * step * slope0
    assert np.abs(slope(step)) <= 0.9 * np.abs(slope0)
    assert searches.step[[0, 2]].tolist() == [0, 0]


def test_the_cubics_minimum_is_tried_between_two_points():
    # f(a) = a³ - a, from 0 with the slope -1: 3 is too high, and the cubic through both points is f itself, with its
    # minimum at 1/√3.
    searches, row = LineSearches(1), np.array([0])
    searches.begin(row, np.array([0.0]), np.array([-1.0]), np.array([3.0]))
    verdict = searches.look(row, np.array([24.0]), np.array([26.0]))
    assert not verdict.taken[0]
    assert searches.step[0] == pytest.approx(1 / np.sqrt(3), rel=1e-12)


def test_most_iterations_take_one_evaluation():
    task, state = solving.taught(SMALL["tutorial"], 8, epochs=60)
    calls = []

    class Counting:
        name = "counting"

        def gradients(self, task, weights):
            calls.append(len(weights))
            return full_batch.gradients(task, weights)

    from timeglass.train.solvers import fit

    fit(NEVER, Counting(), task, state)
    assert sum(calls) < 1.3 * state.steps.sum()


def test_once_the_curvature_is_known_the_whole_step_is_tried_however_long():
    seen = []

    def bowl(w, _):
        seen.append(w[0, 0])
        return 0.5 * (w[:, 0] - 1e4) ** 2, w - 1e4

    found = solving.alone(minimize, bowl, [0.0], LBFGS(gtol=1e-6))
    assert seen[:2] == [0, 1]  # a step of length 1 first
    assert found.best_weights[0, 0] == pytest.approx(1e4, rel=1e-9)
    assert len(seen) < 12
    assert np.abs(np.diff(seen)).max() > 5e3


def test_a_line_left_at_its_low_goes_on_with_value_and_gradient_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(line_search, "_MOST_TRIES", 2)
    monkeypatch.setattr(line_search, "_SLOPE", 0.1)  # so that many points are low and not taken
    kept, add = [], _Memory.add

    def noted(memory, rows, steps, changes):
        kept.append((steps[0], changes[0]))
        add(memory, rows, steps, changes)

    monkeypatch.setattr(_Memory, "add", noted)
    start = np.full(6, 3.0)
    iterations = solving.alone(minimize, rows_of(stretched), start, EXACT, limit=60)
    places = start + np.cumsum([np.zeros(6), *(step for step, _ in kept)], axis=0)
    values, gradients = stretched(places)
    assert np.stack([change for _, change in kept]) == pytest.approx(np.diff(gradients, axis=0), rel=1e-6, abs=1e-8)
    assert iterations.losses["loss"][0] == pytest.approx(values[1:], rel=1e-12)


# Awkward functions


@pytest.mark.parametrize(("value", "slope"), [(0.5, np.nan), (-np.inf, -1.0), (np.nan, -1.0), (0.5, -np.inf)])
def test_a_point_without_a_finite_value_and_slope_is_never_the_low(value, slope):
    searches, row = LineSearches(1), np.array([0])
    searches.begin(row, np.array([1.0]), np.array([-1.0]), np.array([2.0]))
    verdict = searches.look(row, np.array([value]), np.array([slope]))
    assert not (verdict.taken | verdict.lower).any()
    assert searches.low.step[0] == 0
    assert searches.step[0] == 1.0  # the middle


def test_a_function_that_is_not_finite_everywhere_is_searched_where_it_is():
    @np.errstate(invalid="ignore", divide="ignore")
    def walled(w, _):
        return (w - np.log(w)).sum(axis=1), 1 - 1 / w  # for w > 0, with its minimum at 1

    found = solving.alone(minimize, walled, [[1e-3, 40.0], [5.0, 1e-6]], EXACT)
    assert found.best_weights == pytest.approx(np.ones((2, 2)), abs=1e-6)


def test_a_function_without_end_ends_at_the_limit():
    found = solving.alone(minimize, lambda w, _: (-w.sum(axis=1), -np.ones_like(w)), np.zeros(2), NEVER, limit=5)
    assert found.done[0] == 5
    assert np.isfinite(found.values).all()


def test_a_gradient_that_is_wrong_ends_the_search_and_keeps_the_lowest_point():
    found = solving.alone(minimize, lambda w, _: ((w * w).sum(axis=1), -2 * w), [[1.0, 2.0]], NEVER)
    assert found.best_weights.tolist() == [[1.0, 2.0]]
    assert found.running.size == 0


def test_rounding_to_float32_on_the_way_costs_no_more_than_its_own_size():
    def rounded(w, _):
        value, gradient = stretched(w.astype(np.float32))
        return value.astype(np.float32).astype(np.float64), gradient.astype(np.float32).astype(np.float64)

    start = np.full(6, 3.0)
    truth = solving.alone(minimize, rows_of(stretched), start, EXACT)
    found = solving.alone(minimize, rounded, start, LBFGS())
    assert found.values[0] == pytest.approx(truth.values[0], rel=1e-6)
    assert found.running.size == 0


# Stops


def test_ftol_is_relative_to_the_loss_and_gtol_bounds_the_largest_number_of_the_gradient():
    network = SMALL["gru"]
    task, state = solving.taught(network, 3, epochs=500)
    losses = solving.fit_all(replace(NEVER, ftol=1e-3), task, state)["loss"]
    falls = -np.diff(losses) / losses[:, :-1]
    for row, steps in enumerate(state.steps):
        assert (falls[row, : steps - 2] > 1e-3).all()
        assert falls[row, steps - 2] <= 1e-3
    task, state = solving.taught(network, 3, epochs=500)
    solving.fit_all(replace(NEVER, gtol=1e-3), task, state)
    gradient = full_batch.gradients(task, state.weights.astype(np.float64))[1]
    assert (np.abs(gradient).max(axis=1) < 1.01e-3).all()
    assert (state.steps > 1).any()


def test_at_a_minimum_it_stays():
    found = solving.alone(minimize, rows_of(rosenbrock), np.ones(4), LBFGS())
    assert found.best_weights.tolist() == [[1, 1, 1, 1]]
    assert found.losses["loss"].tolist() == [[0]]


# The tutorial's networks


def test_a_hundred_iterations_train_the_tutorials_networks():
    from timeglass.tutorial import get_train_test, get_XY, sunspots_url

    train, test, _ = get_train_test(sunspots_url)
    (x, y), (test_x, test_y) = get_XY(train, 12), get_XY(test, 12)
    network = Network(12, 1, (rnn(3), dense(1, "tanh")))
    task = replace(solving.make_task(network, epochs=100), x=x.astype(np.float32), y=y[:, None].astype(np.float32))
    state = solving.initial(network, 8)
    losses = solving.fit_all(LBFGS(), task, state)["loss"]
    assert 0.0535 < np.median(np.sqrt(losses[:, -1])) < 0.0555
    errors = solving.ENGINE.predict(network.architecture, state.weights, test_x.astype(np.float32))[..., 0] - test_y
    assert np.median(np.sqrt(np.mean(errors**2, axis=1))) < 0.0765


def test_a_gru_learns_a_wave_that_its_skip_cannot():
    t = np.arange(120)
    wave = np.sin(t / 4) * np.sin(t / 9)
    x = np.stack([wave[i : i + 8] for i in range(100)])[..., None].astype(np.float32)
    network = Network(8, 1, (gru(4), dense(1)))
    task = replace(solving.make_task(network, epochs=200), x=x, y=wave[8:108, None].astype(np.float32))
    losses = solving.fit_all(LBFGS(), task, solving.initial(network, 3))["loss"]
    assert (losses[:, -1] < 1e-3 * wave.var()).all()
