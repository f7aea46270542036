"""Levenberg and Marquardt's method: against solutions known or worked out by SciPy, and what a fit by it promises."""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
import solving
from networks import Network, dense, gru, masking, rnn
from solving import ENGINE, SMALL

from timeglass.errors import OptionError
from timeglass.network.initializers import initial_weights
from timeglass.train import full_batch, least_squares, levenberg_marquardt
from timeglass.train.iterations import Iterations
from timeglass.train.least_squares import LeastSquares
from timeglass.train.levenberg_marquardt import Quadratic, minimize, products, quadratic
from timeglass.train.losses import loss_of
from timeglass.train.solvers import LevenbergMarquardt, fit

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


@pytest.mark.parametrize("method", ["lm", "trf"])
@pytest.mark.parametrize("name", SMALL)
def test_networks_end_where_scipy_ends(name, method):
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is what this is checked against")
    network = SMALL[name]
    task, state = solving.taught(network, 3, epochs=200, l2=np.full(3, 1e-4))
    start = state.weights.astype(np.float64)
    losses = solving.fit_all(EXACT, task, state)["loss"]
    root = np.sqrt(1e-4 * network.architecture.regularized)

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
        assert losses[row, 0] > 1.1 * losses[row, -1]


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
    state = networks.state_of(network, 8)
    losses = solving.fit_all(LevenbergMarquardt(), task, state)["loss"]
    # Adam: 0.0610 after 20 epochs, 0.0573 after 100, 0.0553 after 500 (medians, RMSE).
    assert 0.054 < np.median(np.sqrt(losses[:, -1])) < 0.0565
    forecasts = ENGINE.predict(network.architecture, state.weights, x)
    assert np.mean((forecasts - y) ** 2, axis=(1, 2)) == pytest.approx(losses[:, -1], rel=1e-4)


def test_the_loss_never_rises():
    for name, network in SMALL.items():
        task, state = solving.make_task(network, epochs=40), solving.make_state(network, 4)
        before = full_batch.gradients(task, state.weights.astype(np.float64))[0]
        losses = solving.fit_all(NEVER, task, state)["loss"]
        assert losses.shape == (4, 40), name
        assert (np.diff(np.column_stack([before, losses]), axis=1) <= 0).all(), name
        assert (losses[:, -1] < 0.8 * before).all(), name


def test_the_numbers_left_behind_are_those_of_the_fit():
    network = SMALL["gru"]
    task, state = solving.make_task(network), solving.make_state(network, 3)
    losses = solving.fit_all(NEVER, task, state)["loss"]
    truth = full_batch.gradients(task, state.weights.astype(np.float64))[0]
    assert truth == pytest.approx(losses[:, -1], rel=1e-6)  # the weights are rounded to float32
    assert state.weights.dtype == np.float32
    assert state.steps.tolist() == [12, 12, 12]
    assert state.epochs == 12
    assert (state.best_weights == state.weights).all()
    assert (state.best_loss == losses[:, -1]).all()


# Stops


def test_a_network_that_has_stopped_keeps_its_loss_while_others_go_on():
    network = SMALL["tutorial"]
    task, state = solving.taught(network, 6, epochs=300)
    losses = solving.fit_all(LevenbergMarquardt(ftol=1e-5), task, state)["loss"]
    assert len(set(state.steps.tolist())) > 2
    assert losses.shape[1] == state.steps.max() < 300
    for row, steps in enumerate(state.steps):
        assert (losses[row, steps - 1 :] == losses[row, steps - 1]).all()
        assert steps < 2 or losses[row, steps - 1] < losses[row, 0]


@pytest.mark.parametrize("stop", ["ftol", "xtol", "gtol"])
def test_each_tolerance_stops_by_itself_and_a_smaller_one_later(stop):
    network = SMALL["tutorial"]
    steps = []
    for tolerance in (1e-2, 1e-4):
        task, state = solving.taught(network, 4, epochs=300)
        solving.fit_all(replace(NEVER, **{stop: tolerance}), task, state)
        steps.append(state.steps)
    assert (steps[0] < steps[1]).all()
    assert (steps[1] < 500).all()


def test_gtol_measures_the_cosine_between_residuals_and_columns():
    network = SMALL["tutorial"]
    task, state = solving.taught(network, 1, epochs=300)
    solving.fit_all(replace(NEVER, gtol=1e-4), task, state)
    forecasts, jacobian = full_batch.jacobian(network.architecture, state.weights.astype(np.float64), task.x)
    residuals, columns = (forecasts - task.y).reshape(-1), jacobian.reshape(60, -1)
    cosines = np.abs(residuals @ columns) / np.linalg.norm(residuals) / np.linalg.norm(columns, axis=0)
    assert 1e-7 < cosines.max() < 1.1e-4  # the weights were rounded


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


def test_weights_on_which_nothing_depends_stay_as_they_are():
    network = Network(3, 1, (dense(2, "relu"), rnn(1, "linear")))
    weights = network.weights(2)
    weights[0, :4] = [0.1, 0.1, -9.0, -9.0]  # both units closed: all derivatives of the first layer are 0
    task, state = solving.make_task(network), solving.make_state(network, 2)
    state.weights[...] = weights
    losses = solving.fit_all(LevenbergMarquardt(), task, state)["loss"]
    assert (state.weights[0, :4] == weights[0, :4]).all()
    assert np.isfinite(losses).all()
    assert losses[0, -1] < losses[0, 0]  # the bias of the last layer is free


def test_a_network_that_starts_without_a_finite_loss_ends_alone():
    network = SMALL["dense"]
    task, state, untouched = solving.make_task(network), solving.make_state(network, 3), solving.make_state(network, 3)
    state.weights[1] = np.nan
    losses = solving.fit_all(LevenbergMarquardt(), task, state)["loss"]
    alone = solving.fit_all(LevenbergMarquardt(), task, untouched)["loss"]
    assert not np.isfinite(losses[1]).any()
    assert np.isnan(state.weights[1]).all()
    assert (losses[[0, 2]] == alone[[0, 2]]).all()


def test_one_singular_matrix_of_a_stack_gives_no_step_and_takes_none_from_the_others(monkeypatch):
    matrices = np.stack([np.eye(2), np.ones((2, 2)), 2 * np.eye(2)])
    solved = levenberg_marquardt._solve(matrices, np.ones((3, 2)))
    assert solved[[0, 2]].tolist() == [[1, 1], [0.5, 0.5]]
    assert np.isnan(solved[1]).all()
    monkeypatch.setattr(levenberg_marquardt, "_WORK_AT_ONCE", 16)  # two at a time
    assert np.array_equal(levenberg_marquardt._solve(matrices, np.ones((3, 2))), solved, equal_nan=True)


# Networks beside each other


@pytest.mark.parametrize("solver", [LevenbergMarquardt(), LevenbergMarquardt(starts=3)], ids=["one start", "three"])
@pytest.mark.parametrize("name", ["tutorial", "two features, two outputs", "gru"])
def test_no_networks_bits_depend_on_the_others(name, solver):
    network = SMALL[name]
    task, together = solving.rich_task(network, 5), solving.make_state(network, 5)
    losses = solving.fit_all(solver, task, together)["loss"]
    for rows in ([3], [0, 4]):
        apart = solving.make_state(network, 5).take(np.array(rows))
        few = solving.fit_all(solver, task.take(np.array(rows)), apart)["loss"]
        assert (apart.weights == together.weights[rows]).all()
        assert (few == losses[rows, : few.shape[1]]).all()


def test_with_patience_no_networks_bits_depend_on_the_others():
    network = SMALL["tutorial"]
    task, validation = solving.halves(solving.make_task(network, epochs=60))
    solver, together = LevenbergMarquardt(patience=2), solving.make_state(network, 5)
    losses = solving.fit_all(solver, task, together, validation)
    assert len(set(together.steps.tolist())) > 1
    for row in range(5):
        apart = solving.make_state(network, 5).take(np.array([row]))
        own = solving.fit_all(solver, task, apart, validation)
        assert (apart.weights == together.weights[[row]]).all()
        for name, column in own.items():
            assert (column == losses[name][[row], : column.shape[1]]).all()


# Validation, starts


def test_patience_ends_a_network_and_gives_it_back_the_weights_that_validated_best():
    network = SMALL["tutorial"]
    task, validation = solving.halves(solving.make_task(network, epochs=100))
    state = solving.make_state(network, 6)
    start = full_batch.gradients(validation, state.weights.astype(np.float64))[0]
    losses = solving.fit_all(replace(NEVER, patience=3), task, state, validation)
    kept = full_batch.gradients(validation, state.weights.astype(np.float64))[0]
    after = np.column_stack([start, losses["val_loss"]])  # the start counts too
    assert kept == pytest.approx(after.min(axis=1), rel=1e-5)
    best = after.argmin(axis=1)
    assert (state.steps == best + 3).all()
    assert 0 < np.median(best) < 20
    trained = full_batch.gradients(task, state.weights.astype(np.float64))[0]
    assert state.best_loss == pytest.approx(trained, rel=1e-5)
    assert (trained > losses["loss"][:, -1]).all()


def test_without_patience_validation_is_shown_and_changes_nothing():
    network = SMALL["tutorial"]
    task, validation = solving.halves(solving.make_task(network, l2=np.full(3, 1e-3)))
    shown, plain = solving.make_state(network, 3), solving.make_state(network, 3)
    losses = solving.fit_all(LevenbergMarquardt(), task, shown, validation)
    assert (losses["loss"] == solving.fit_all(LevenbergMarquardt(), task, plain)["loss"]).all()
    assert (shown.weights == plain.weights).all()
    truth = full_batch.gradients(validation, shown.weights.astype(np.float64))[0]
    assert losses["val_loss"][:, -1] == pytest.approx(truth, rel=1e-5)


def test_of_several_starts_the_best_is_kept_and_the_first_is_the_networks_own():
    network = SMALL["tutorial"]
    task = solving.make_task(network)
    state = solving.make_state(network, 4)
    state.numbers[:] = [7, 8, 9, 10]
    losses = solving.fit_all(LevenbergMarquardt(starts=3), task, state)["loss"]
    rivals = [solving.make_state(network, 4) for _ in range(3)]
    for start in (1, 2):
        drawn = initial_weights(network.architecture, state.numbers, seed=task.seed + start * 2**32)
        rivals[start].weights[...] = drawn
    ends = np.stack([solving.fit_all(LevenbergMarquardt(), task, rival)["loss"][:, -1] for rival in rivals])
    assert (losses[:, -1] == ends.min(axis=0)).all()
    assert len(set(ends.argmin(axis=0).tolist())) > 1
    for row, start in enumerate(ends.argmin(axis=0)):
        assert (state.weights[row] == rivals[start].weights[row]).all()


def test_a_start_that_is_not_finite_loses():
    network = SMALL["dense"]
    task, state = solving.make_task(network), solving.make_state(network, 2)
    state.weights[0] = np.inf
    assert np.isfinite(solving.fit_all(LevenbergMarquardt(starts=2), task, state)["loss"]).all()
    assert np.abs(state.weights).max() < 100


# Interruption


@pytest.mark.parametrize("at", [1, 4])
def test_what_on_progress_raises_ends_the_fit_with_the_best_weights_so_far(at):
    network = SMALL["tutorial"]
    shares = []

    def on_progress(share):
        shares.append(share)
        if len(shares) == at:
            raise KeyboardInterrupt

    task, state, whole = solving.make_task(network), solving.make_state(network, 3), solving.make_state(network, 3)
    with pytest.raises(KeyboardInterrupt):
        fit(NEVER, ENGINE, task, state, None, on_progress)
    solving.fit_all(NEVER, replace(task, epochs=at), whole)
    assert shares == pytest.approx([(i + 1) / 12 for i in range(at)])
    assert (state.weights == whole.weights).all()
    assert (state.best_loss == whole.best_loss).all()


def test_an_error_before_the_first_iteration_leaves_the_weights():
    network = SMALL["tutorial"]

    class Broken:
        def jacobian(self, *_):
            raise MemoryError

    state = solving.make_state(network, 3)
    with pytest.raises(MemoryError):
        fit(LevenbergMarquardt(starts=2), Broken(), solving.make_task(network), state)
    assert (state.weights == network.weights(3)).all()


def test_progress_reaches_one():
    shares = []
    network = SMALL["tutorial"]
    task, state = solving.taught(network, 4, epochs=300)
    fit(LevenbergMarquardt(ftol=1e-3), ENGINE, task, state, None, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


# What it refuses


@pytest.mark.parametrize(  # fmt: skip
    ("field", "value"),
    [
        ("starts", 0),
        ("starts", 1.5),
        ("starts", True),
        ("damping", 0),
        ("damping", float("nan")),
        ("patience", 0),
        ("ftol", -1e-8),
        ("xtol", "small"),
        ("gtol", float("inf")),
    ],
)
def test_settings_outside_their_range_are_refused(field, value):
    with pytest.raises(OptionError, match=f"LevenbergMarquardt {field}: expected .*, got {value!r}"):
        LevenbergMarquardt(**{field: value})


@pytest.mark.parametrize("loss", ["mae", "huber", "quantile"])
def test_losses_that_are_no_sum_of_squares_are_refused(loss):
    task = solving.make_task(SMALL["tutorial"], loss=loss_of(loss))
    with pytest.raises(OptionError, match=r"expected the loss mean_squared_error.*take LBFGS or Adam"):
        solving.fit_all(LevenbergMarquardt(), task, solving.make_state(SMALL["tutorial"], 2))


def refused(network: Network, solver=NEVER, **options) -> str:
    task = solving.make_task(network, **options)
    with pytest.raises(OptionError) as error:
        solving.fit_all(solver, task, solving.make_state(network, 2))
    return str(error.value)


def test_networks_with_dropout_are_refused():
    assert "have dropout" in refused(Network(4, 2, (gru(3, dropout=0.2), dense(1))))
    assert "have dropout" in refused(Network(4, 2, (gru(3), ("Dropout", {"rate": (0.0, 0.5)}), dense(1))))
    network = Network(4, 2, (gru(3, recurrent_dropout=0.0), ("Dropout", {"rate": 0.0}), dense(1)))
    solving.fit_all(LevenbergMarquardt(), solving.make_task(network, epochs=1), solving.make_state(network, 2))


def test_what_it_cannot_do_is_refused_with_a_remedy():
    small = SMALL["tutorial"]
    assert "validation_split" in refused(small, LevenbergMarquardt(patience=3))
    masked = Network(4, 2, (masking(), gru(2, return_sequences=True), dense(1)))
    assert "may be masked" in refused(masked)
    weights = np.linspace(-0.5, 1, 30).astype(np.float32)
    assert "at least 0, got -0.5" in refused(small, sample_weight=weights)
    assert "GiB of memory" in refused(Network(4, 2, (gru(90), dense(1))), LevenbergMarquardt(starts=1000))


def test_a_minimisation_that_makes_no_iteration_still_has_a_column():
    iterations = Iterations(np.zeros((1, 2)), 5)
    iterations.begin(np.array([np.inf]))
    assert iterations.losses["loss"].tolist() == [[np.inf]]
