"""Levenberg and Marquardt's method: against minima that are published or that SciPy finds, and steps worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import solving
from networks import Network, dense, gru, lstm, rnn
from quick import one_in
from solving import ENGINE, SMALL

from timeglass.train import full_batch, least_squares, levenberg_marquardt
from timeglass.train.least_squares import LeastSquares
from timeglass.train.levenberg_marquardt import Quadratic, minimize, products, quadratic
from timeglass.train.solvers import LevenbergMarquardt

EXACT = LevenbergMarquardt(ftol=1e-15, xtol=1e-15, gtol=1e-15)
NEVER = LevenbergMarquardt(ftol=0, xtol=0, gtol=0)


def of_functions(residuals, jacobian):
    """What `minimize` calls, from functions of one w (P,)."""

    def evaluate(weights, _) -> Quadratic:
        rows = [np.concatenate([jacobian(w), residuals(w)[:, None]], axis=1) for w in weights]
        return quadratic(products(np.stack(rows)))

    return evaluate


# Plain problems


U = np.arange(1, 16.0)
BARD_Y = np.array([14, 18, 22, 25, 29, 32, 35, 39, 37, 58, 73, 96, 134, 210, 439]) / 100
KOWALIK_U = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
KOWALIK_Y = np.array([0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246])


def bard(w):
    return BARD_Y - w[0] - U / ((16 - U) * w[1] + np.minimum(U, 16 - U) * w[2])


def bard_jacobian(w):
    below = ((16 - U) * w[1] + np.minimum(U, 16 - U) * w[2]) ** 2
    return np.stack([-np.ones(15), U * (16 - U) / below, U * np.minimum(U, 16 - U) / below], axis=1)


def kowalik(w):
    u = KOWALIK_U
    return KOWALIK_Y - w[0] * (u**2 + u * w[1]) / (u**2 + u * w[2] + w[3])


def kowalik_jacobian(w):
    u = KOWALIK_U
    above, below = u**2 + u * w[1], u**2 + u * w[2] + w[3]
    return np.stack([-above / below, -w[0] * u / below, w[0] * above * u / below**2, w[0] * above / below**2], axis=1)


def jennrich(w):
    i = np.arange(1, 11)
    return 2 + 2 * i - np.exp(i * w[0]) - np.exp(i * w[1])


def jennrich_jacobian(w):
    i = np.arange(1, 11)
    return np.stack([-i * np.exp(i * w[0]), -i * np.exp(i * w[1])], axis=1)


def rosenbrock(w):
    return np.array([10 * (w[1] - w[0] ** 2), 1 - w[0]])


def rosenbrock_jacobian(w):
    return np.array([[-20 * w[0], 10], [-1, 0]])


# J. J. Moré, B. S. Garbow, K. E. Hillstrom, "Testing unconstrained optimization software", 1981: start and minimum.
PLAIN = {
    "Bard": (bard, bard_jacobian, [1.0, 1.0, 1.0], 8.21487e-3),
    "Kowalik and Osborne": (kowalik, kowalik_jacobian, [0.25, 0.39, 0.415, 0.39], 3.07505e-4),
    "Jennrich and Sampson": (jennrich, jennrich_jacobian, [0.3, 0.4], 124.362),
    "Rosenbrock": (rosenbrock, rosenbrock_jacobian, [-1.2, 1.0], 0.0),
}
each_plain = pytest.mark.parametrize("problem", PLAIN.values(), ids=PLAIN)


@each_plain
def test_plain_problems_end_in_their_published_minimum(problem):
    residuals, jacobian, start, minimum = problem
    found = solving.alone(minimize, of_functions(residuals, jacobian), start, EXACT)
    assert found.values[0] == pytest.approx(minimum, rel=1e-5, abs=1e-20)
    assert found.done[0] < 100


@each_plain
@pytest.mark.parametrize("method", ["lm", "trf"])
def test_plain_problems_end_where_scipy_ends(problem, method):
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is what this is checked against")
    residuals, jacobian, start, _ = problem
    found = solving.alone(minimize, of_functions(residuals, jacobian), start, EXACT)
    theirs = optimize.least_squares(residuals, start, jacobian, method=method, ftol=1e-15, xtol=1e-15, gtol=1e-15)
    assert found.values[0] == pytest.approx(2 * theirs.cost, rel=1e-6, abs=1e-20)
    assert np.abs(found.best_weights[0] - theirs.x).max() < 1e-4


def test_a_linear_problem_takes_one_step_with_hardly_any_damping():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(9, 4)), rng.normal(size=9)
    solver = replace(NEVER, damping=1e-14)
    found = solving.alone(minimize, of_functions(lambda w: a @ w - b, lambda w: a), np.zeros(4), solver, limit=1)
    solution, squares, *_ = np.linalg.lstsq(a, b)
    assert found.best_weights[0] == pytest.approx(solution, rel=1e-10)
    assert found.values[0] == pytest.approx(squares[0], rel=1e-12)


def test_a_step_worked_by_hand():
    # r = (w - 3, 2 w), J = (1, 2) at w = 1: F = 8, g = 2, A = 5, D = 5 + 5. With a damping of 0.3 the step is
    # h = -2 / (5 + 0.3 · 10) = -1/4. The model is exact: F falls as foretold, by -2 h g - h² A = 11/16, the gain is 1,
    # and the damping falls to a third.
    evaluate = of_functions(lambda w: np.array([w[0] - 3, 2 * w[0]]), lambda w: np.array([[1.0], [2.0]]))
    one = solving.alone(minimize, evaluate, [1.0], replace(NEVER, damping=0.3), limit=1)
    assert one.best_weights[0, 0] == pytest.approx(0.75, rel=1e-14)
    assert one.values[0] == pytest.approx(8 - 11 / 16, rel=1e-14)
    two = solving.alone(minimize, evaluate, [1.0], replace(NEVER, damping=0.3), limit=2)
    assert two.best_weights[0, 0] == pytest.approx(0.75 - 0.75 / 6, rel=1e-14)  # g = 0.75, 5 + 0.1 · 10 = 6


def test_a_step_that_would_raise_the_loss_is_not_taken_and_the_damping_doubles_then_grows_fourfold():
    # r = arctan(w), far out: the first steps overshoot by far.
    seen = []

    def evaluate(weights, _):
        seen.append(weights[0, 0])
        return quadratic(products(np.stack([1 / (1 + weights**2), np.arctan(weights)], axis=-1)))

    found = solving.alone(minimize, evaluate, [20.0], replace(NEVER, damping=1e-3), limit=3)
    full = np.arctan(20.0) * (1 + 20.0**2)  # Gauss and Newton's step; D = 2 A
    assert seen[1:] == pytest.approx([20 - full / (1 + 2 * d) for d in (1e-3, 2e-3, 8e-3)], rel=1e-9)
    assert found.best_weights[0, 0] == 20.0


# The task as a sum of squares


@pytest.mark.parametrize("name", SMALL)
def test_the_sum_of_squares_is_the_engines_loss_and_its_model_the_jacobians(name):
    network = SMALL[name]
    task, weights = solving.rich_task(network, 3), network.weights(3).astype(np.float64)
    near = LeastSquares(ENGINE, task, 3)(weights)
    losses, gradient = full_batch.gradients(task, weights)
    assert near.value == pytest.approx(losses, rel=1e-12)
    assert np.abs(2 * near.gradient - gradient).max() < 1e-14
    for row in range(3):
        count, k = task.counts[row], int(np.prod(network.architecture.output_shape))
        jacobian = full_batch.jacobian(network.architecture, weights[row : row + 1], task.x[row, :count])[1][0]
        scaled = jacobian * task.sample_weight[row, :count, None, None] / (count * k)
        expected = np.einsum("nkp,nkq->pq", scaled, jacobian) + np.diag(task.l2[row] * network.architecture.regularized)
        assert np.abs(near.curvature[row] - expected).max() < 1e-14


def test_how_much_is_done_at_once_changes_only_the_order_of_sums(monkeypatch: pytest.MonkeyPatch):
    network = SMALL["two features, two outputs"]
    task, weights = solving.rich_task(network, 3), network.weights(3).astype(np.float64)
    whole = LeastSquares(ENGINE, task, 3)(weights)
    monkeypatch.setattr(least_squares, "_NUMBERS_AT_ONCE", 700)
    for one, other in zip(whole, LeastSquares(ENGINE, task, 3)(weights), strict=True):
        assert 0 < np.abs(one - other).max() < 1e-14


# Networks


# With an L2 that leaves one minimum nearby: elsewhere SciPy's two methods often end in different ones themselves.
TAUGHT = {
    "simple": (SMALL["tutorial"], 1e-4),
    "dense below": (SMALL["dense"], 1e-3),
    "lstm, sequences": (Network(4, 1, (lstm(1, return_sequences=True), dense(1))), 1e-4),
    "two outputs": (Network(4, 2, (rnn(1), dense(2))), 1e-4),
    "sequences, two outputs": (Network(4, 2, (rnn(2, "sigmoid", return_sequences=True), dense(2, "tanh"))), 1e-2),
}


@pytest.mark.parametrize("method", ["lm", "trf"])
@pytest.mark.parametrize("name", one_in(2, TAUGHT))
def test_networks_end_where_scipy_ends(name, method):
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is what this is checked against")
    network, l2 = TAUGHT[name]
    task, state = solving.taught(network, 3, epochs=100, l2=np.full(3, l2))
    start = state.weights.astype(np.float64)
    losses = solving.fit_all(EXACT, task, state)["loss"]
    root = np.sqrt(l2 * network.architecture.regularized)

    def rows(w):
        """[J r], the penalty's rows included."""
        forecasts, jacobian = full_batch.jacobian(network.architecture, w[None], task.x)
        jacobian, residuals = jacobian.reshape(-1, len(w)), (forecasts - task.y.reshape(forecasts.shape)).reshape(-1, 1)
        own = np.concatenate([jacobian, residuals], axis=1) / np.sqrt(residuals.size)
        return np.concatenate([own, np.concatenate([np.diag(root), (root * w)[:, None]], axis=1)])

    for row in range(3):
        theirs = optimize.least_squares(
            lambda w: rows(w)[:, -1], start[row], lambda w: rows(w)[:, :-1],
            method=method, ftol=1e-14, xtol=1e-14, gtol=1e-14, max_nfev=500,
        )  # fmt: skip
        assert losses[row, -1] == pytest.approx(2 * theirs.cost, rel=1e-6)
        assert losses[row, 0] > 1.05 * losses[row, -1]
        assert state.steps[row] < 1.2 * theirs.nfev + 5


def sunspots(series_part):
    from timeglass.tutorial import get_XY

    x, y = get_XY(series_part, 12)
    return x.astype(np.float32), y[:, None].astype(np.float32)


def test_ten_iterations_train_the_tutorials_networks_as_well_as_adam_does_in_hundreds_of_epochs():
    from timeglass.tutorial import get_train_test, sunspots_url

    train, _, _ = get_train_test(sunspots_url)
    x, y = sunspots(train)
    network = Network(12, 1, (rnn(3), dense(1, "tanh")))
    task = replace(solving.make_task(network, epochs=10), x=x, y=y)
    state = solving.initial(network, 8)
    losses = solving.fit_all(LevenbergMarquardt(), task, state)["loss"]
    # Adam: 0.0610 after 20 epochs, 0.0573 after 100, 0.0553 after 500 (medians, RMSE).
    assert 0.054 < np.median(np.sqrt(losses[:, -1])) < 0.0565
    forecasts = ENGINE.predict(network.architecture, state.weights, x)
    assert np.mean((forecasts - y) ** 2, axis=(1, 2)) == pytest.approx(losses[:, -1], rel=1e-4)


def test_a_gru_learns_the_logistic_map():
    # With Marquardt's diagonal alone the median of the losses is 0.017 after these iterations.
    values = [0.3]
    while len(values) < 200:
        values.append(3.8 * values[-1] * (1 - values[-1]))
    x = np.stack([values[i : i + 6] for i in range(190)])[..., None].astype(np.float32)
    network = Network(6, 1, (gru(3), dense(1)))
    task = replace(solving.make_task(network, epochs=25), x=x, y=np.float32(values[6:196])[:, None])
    losses = solving.fit_all(LevenbergMarquardt(), task, solving.initial(network, 6))["loss"]
    assert np.median(losses[:, -1]) < 2e-4


# Stops


@pytest.mark.parametrize("stop", ["ftol", "xtol", "gtol"])
def test_each_tolerance_stops_by_itself_and_a_smaller_one_later(stop):
    network = SMALL["tutorial"]
    steps = []
    for tolerance in (1e-2, 1e-4):
        task, state = solving.taught(network, 4, epochs=300, l2=np.full(4, 1e-3))
        solving.fit_all(replace(NEVER, **{stop: tolerance}), task, state)
        steps.append(state.steps)
    assert (steps[0] < steps[1]).all()
    assert (steps[1] < 500).all()


def test_gtol_measures_the_cosine_between_residuals_and_columns():
    network, _ = TAUGHT["two outputs"]
    largest = []
    for more in (0, -1):  # at the stop, and an iteration before it
        task, state = solving.taught(network, 1, epochs=100)
        solving.fit_all(replace(NEVER, gtol=1e-4), task, state)
        task, state = solving.taught(network, 1, epochs=int(state.steps[0]) + more)
        solving.fit_all(NEVER, task, state)
        forecasts, jacobian = full_batch.jacobian(network.architecture, state.weights.astype(np.float64), task.x)
        residuals, columns = (forecasts - task.y).reshape(-1), jacobian.reshape(120, -1)
        cosines = np.abs(residuals @ columns) / np.linalg.norm(residuals) / np.linalg.norm(columns, axis=0)
        largest.append(cosines.max())
    assert largest[0] < 1.01e-4 < largest[1]


def test_a_network_at_its_minimum_stays_and_stops():
    network = SMALL["tutorial"]
    task, state = solving.make_task(network), solving.make_state(network, 2)
    forecasts = ENGINE.predict(network.architecture, state.weights.astype(np.float64), task.x)
    exact = replace(task, y=forecasts[0])
    start = state.weights.copy()
    losses = solving.fit_all(LevenbergMarquardt(), replace(exact, x=task.x), state)["loss"]
    assert losses[0, -1] < 1e-14  # its targets are its own forecasts, rounded to float32
    assert np.abs(state.weights[0] - start[0]).max() < 1e-5
    assert losses[1, 0] > 1e-4


def test_one_singular_matrix_of_a_stack_gives_no_step_and_takes_none_from_the_others(monkeypatch):
    matrices = np.stack([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])
    solved = levenberg_marquardt._solve(matrices, np.ones((3, 2)))
    assert solved[[0, 2]].tolist() == [[1, 1], [0.5, 0.5]]
    assert np.isnan(solved[1]).all()
    monkeypatch.setattr(levenberg_marquardt, "_WORK_AT_ONCE", 16)  # two at a time
    assert np.array_equal(levenberg_marquardt._solve(matrices, np.ones((3, 2))), solved, equal_nan=True)
