"""What a fit by either solver promises: independent networks, stops, starts, interruptions, refusals."""

from __future__ import annotations

from dataclasses import replace

import networks
import numpy as np
import pytest
import solving
from networks import Network, dense, gru, masking
from solving import ENGINE, SMALL

from timeglass.errors import OptionError
from timeglass.network.initializers import initial_weights
from timeglass.train import full_batch
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.iterations import Iterations
from timeglass.train.losses import loss_of
from timeglass.train.solvers import LBFGS, LevenbergMarquardt, fit

TUTORIAL = SMALL["tutorial"]
NEVER = {
    LevenbergMarquardt: LevenbergMarquardt(ftol=0, xtol=0, gtol=0),
    LBFGS: LBFGS(ftol=0, gtol=0),
}
each_solver = pytest.mark.parametrize("solver", [LevenbergMarquardt, LBFGS])


def losses_now(task, weights: np.ndarray) -> np.ndarray:
    return full_batch.gradients(task, weights.astype(np.float64))[0]


# What comes out


@each_solver
@pytest.mark.parametrize("name", SMALL)
def test_the_loss_never_rises_and_falls_far(solver, name):
    network = SMALL[name]
    task, state = solving.make_task(network, epochs=40), solving.make_state(network, 4)
    before = losses_now(task, state.weights)
    losses = solving.fit_all(NEVER[solver], task, state)["loss"]
    assert losses.shape == (4, 40)
    assert (losses[:, 0] <= before * (1 + 1e-14)).all()
    assert (np.diff(losses, axis=1) <= 0).all()
    assert (losses[:, -1] < 0.9 * before).all()


@each_solver
def test_the_numbers_left_behind_are_those_of_the_fit(solver):
    network = SMALL["gru"]
    task, state = solving.make_task(network, l2=np.full(3, 1e-3)), solving.make_state(network, 3)
    losses = solving.fit_all(NEVER[solver], task, state)["loss"]
    assert losses_now(task, state.weights) == pytest.approx(losses[:, -1], rel=1e-6)  # the weights have been rounded
    assert state.weights.dtype == np.float32
    assert state.steps.tolist() == [12, 12, 12]
    assert state.epochs == 12
    assert (state.best_weights == state.weights).all()
    assert (state.best_loss == losses[:, -1]).all()


@each_solver
def test_a_network_that_has_stopped_keeps_its_loss_while_others_go_on(solver):
    task, state = solving.taught(TUTORIAL, 6, epochs=300)
    losses = solving.fit_all(solver(ftol=1e-5), task, state)["loss"]
    assert len(set(state.steps.tolist())) > 2
    assert losses.shape[1] == state.steps.max() < 300
    for row, steps in enumerate(state.steps):
        assert (losses[row, steps - 1 :] == losses[row, steps - 1]).all()
        assert losses[row, steps - 1] < losses[row, 0]


@each_solver
def test_a_network_that_starts_without_a_finite_loss_ends_alone(solver):
    network = SMALL["dense"]
    task, state, untouched = solving.make_task(network), solving.make_state(network, 3), solving.make_state(network, 3)
    state.weights[1] = np.nan
    losses = solving.fit_all(solver(), task, state)["loss"]
    whole = solving.fit_all(solver(), task, untouched)["loss"]
    assert np.isnan(losses[1]).all()
    assert np.isnan(state.weights[1]).all()
    assert (losses[[0, 2]] == whole[[0, 2]]).all()


@each_solver
def test_weights_on_which_nothing_depends_stay_as_they_are(solver):
    network = Network(3, 1, (dense(2, "relu"), ("SimpleRNN", {"units": 1, "activation": "linear"})))
    task, state = solving.make_task(network), solving.make_state(network, 2)
    state.weights[0, :4] = [0.1, 0.1, -9.0, -9.0]  # both units closed: all derivatives of the first layer are 0
    before = state.weights.copy()
    losses = solving.fit_all(solver(), task, state)["loss"]
    assert (state.weights[0, :4] == before[0, :4]).all()
    assert np.isfinite(losses).all()
    forecasts = ENGINE.predict(network.architecture, state.weights, task.x)[0]  # one number, whatever the window
    assert forecasts == pytest.approx(np.full((30, 1), task.y.mean()), rel=1e-4)


def test_a_minimisation_that_makes_no_iteration_still_has_a_column():
    iterations = Iterations(np.zeros((1, 2)), 5)
    iterations.begin(np.array([np.inf]))
    assert iterations.losses["loss"].tolist() == [[np.inf]]


# Networks beside each other


@pytest.mark.parametrize(
    "solver", [LevenbergMarquardt(), LevenbergMarquardt(starts=3), LBFGS(), LBFGS(starts=2, memory=3)], ids=repr
)
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


@each_solver
def test_with_patience_no_networks_bits_depend_on_the_others(solver):
    task, validation = solving.halves(solving.make_task(TUTORIAL, epochs=60))
    together = solving.make_state(TUTORIAL, 5)
    losses = solving.fit_all(solver(patience=2), task, together, validation)
    assert len(set(together.steps.tolist())) > 1
    for row in range(5):
        apart = solving.make_state(TUTORIAL, 5).take(np.array([row]))
        own = solving.fit_all(solver(patience=2), task, apart, validation)
        assert (apart.weights == together.weights[[row]]).all()
        for name, column in own.items():
            assert (column == losses[name][[row], : column.shape[1]]).all()


@networks.needs_kernel
@each_solver
@pytest.mark.parametrize("name", SMALL)
def test_the_compiled_engine_comes_to_the_same_and_keeps_networks_apart_to_the_bit(solver, name):
    network, lanes = SMALL[name], LanesEngine()
    task, together, plain = solving.rich_task(network, 18), *(solving.initial(network, 18) for _ in range(2))
    losses = fit(solver(), lanes, task, together)["loss"]
    truth = solving.fit_all(solver(), task, plain)["loss"]
    # Float32's errors grow from step to step, and most where a step is hardly taken or refused: so at first all agree,
    # and later most.
    assert losses[:, :2] == pytest.approx(truth[:, :2], rel=1e-3)
    assert np.median(np.abs(losses[:, -1] / truth[:, -1] - 1)) < 1e-3
    for rows in ([17], [2, 3, 9]):
        apart = solving.initial(network, 18).take(np.array(rows))
        few = fit(solver(), lanes, task.take(np.array(rows)), apart)["loss"]
        assert (apart.weights == together.weights[rows]).all()
        assert (few == losses[rows, : few.shape[1]]).all()


@each_solver
def test_windows_past_a_networks_count_are_not_read(solver):
    network = SMALL["gru"]
    task = solving.rich_task(network, 2, counts=np.array([30, 20]))
    spoiled = replace(task, x=task.x.copy(), y=task.y.copy(), sample_weight=task.sample_weight.copy())
    spoiled.x[1, 20:], spoiled.y[1, 20:], spoiled.sample_weight[1, 20:] = np.nan, np.nan, np.nan
    clean, other = solving.make_state(network, 2), solving.make_state(network, 2)
    solving.fit_all(solver(), task, clean)
    solving.fit_all(solver(), spoiled, other)
    assert (clean.weights == other.weights).all()


# Validation, starts


@each_solver
def test_patience_ends_a_network_and_gives_it_back_the_weights_that_validated_best(solver):
    task, validation = solving.halves(solving.make_task(TUTORIAL, epochs=100))
    state = solving.make_state(TUTORIAL, 6)
    start = losses_now(validation, state.weights)
    losses = solving.fit_all(replace(NEVER[solver], patience=3), task, state, validation)
    after = np.column_stack([start, losses["val_loss"]])  # the start counts too
    assert losses_now(validation, state.weights) == pytest.approx(after.min(axis=1), rel=1e-5)
    assert (state.steps == after.argmin(axis=1) + 3).all()
    assert 0 < np.median(after.argmin(axis=1)) < 20
    trained = losses_now(task, state.weights)
    assert state.best_loss == pytest.approx(trained, rel=1e-5)
    assert (trained > losses["loss"][:, -1]).all()


@each_solver
def test_without_patience_validation_is_shown_and_changes_nothing(solver):
    task, validation = solving.halves(solving.make_task(TUTORIAL, l2=np.full(3, 1e-3)))
    shown, plain = solving.make_state(TUTORIAL, 3), solving.make_state(TUTORIAL, 3)
    losses = solving.fit_all(solver(), task, shown, validation)
    assert (losses["loss"] == solving.fit_all(solver(), task, plain)["loss"]).all()
    assert (shown.weights == plain.weights).all()
    assert losses["val_loss"][:, -1] == pytest.approx(losses_now(validation, shown.weights), rel=1e-5)


@each_solver
def test_of_several_starts_the_best_is_kept_and_the_first_is_the_networks_own(solver):
    task, state = solving.make_task(TUTORIAL), solving.make_state(TUTORIAL, 4)
    state.numbers[:] = [7, 8, 9, 10]
    losses = solving.fit_all(solver(starts=3), task, state)["loss"]
    rivals = [solving.make_state(TUTORIAL, 4) for _ in range(3)]
    for start in (1, 2):
        drawn = initial_weights(TUTORIAL.architecture, state.numbers, seed=task.seed + start * 2**32)
        rivals[start].weights[...] = drawn
    ends = np.stack([solving.fit_all(solver(), task, rival)["loss"][:, -1] for rival in rivals])
    assert (losses[:, -1] == ends.min(axis=0)).all()
    assert len(set(ends.argmin(axis=0).tolist())) > 1
    for row, start in enumerate(ends.argmin(axis=0)):
        assert (state.weights[row] == rivals[start].weights[row]).all()


@each_solver
def test_of_several_starts_the_one_that_validates_best_is_kept(solver):
    task, validation = solving.halves(solving.make_task(TUTORIAL))
    states = [solving.make_state(TUTORIAL, 4) for _ in range(2)]
    solving.fit_all(solver(starts=4), task, states[0])
    solving.fit_all(solver(starts=4), task, states[1], validation)
    trained, validated = ([losses_now(part, s.weights) for s in states] for part in (task, validation))
    assert (trained[0] <= trained[1] * 1.000001).all()
    assert (validated[1] <= validated[0] * 1.000001).all()
    assert (validated[1] < validated[0]).any()


@each_solver
def test_the_history_ends_with_the_networks_kept(solver):
    task, state = solving.taught(TUTORIAL, 2, epochs=300)
    solving.fit_all(solver(), task, state)
    trained = state.weights.copy()
    state.steps[:] = 0
    losses = solving.fit_all(solver(starts=4, ftol=1e-3), replace(task, epochs=6), state)["loss"]
    assert np.abs(state.weights - trained).max() < 0.1  # the other draws come nowhere near in six iterations
    assert losses.shape == (2, state.steps.max())
    assert state.steps.max() < 6


@each_solver
def test_a_start_that_is_not_finite_loses(solver):
    task, state = solving.make_task(TUTORIAL), solving.make_state(TUTORIAL, 2)
    state.weights[0] = np.inf
    assert np.isfinite(solving.fit_all(solver(starts=2), task, state)["loss"]).all()
    assert np.isfinite(state.weights).all()


# Interruption


@each_solver
@pytest.mark.parametrize("calls", [1, 5])
def test_what_on_progress_raises_ends_the_fit_with_the_best_weights_so_far(solver, calls):
    shares: list[float] = []

    def on_progress(share):
        shares.append(share)
        if len(shares) == calls:
            raise KeyboardInterrupt

    task, state = solving.make_task(TUTORIAL), solving.make_state(TUTORIAL, 3)
    with pytest.raises(KeyboardInterrupt):
        fit(NEVER[solver], ENGINE, task, state, None, on_progress)
    assert shares[-1] == pytest.approx(state.steps.sum() / 36)
    assert state.steps.max() == state.epochs <= calls
    for row, steps in enumerate(state.steps.tolist()):
        alone = solving.make_state(TUTORIAL, 3)
        if steps:
            solving.fit_all(NEVER[solver], replace(task, epochs=steps), alone)
        assert (state.weights[row] == alone.weights[row]).all()


@each_solver
def test_an_error_before_the_first_iteration_leaves_the_weights(solver):
    class Broken:
        name = "broken"

        def jacobian(self, *_):
            raise MemoryError

        gradients = jacobian

    state = solving.make_state(TUTORIAL, 3)
    with pytest.raises(MemoryError):
        fit(solver(starts=2), Broken(), solving.make_task(TUTORIAL), state)
    assert (state.weights == TUTORIAL.weights(3)).all()


@each_solver
def test_progress_reaches_one(solver):
    shares: list[float] = []
    task, state = solving.taught(TUTORIAL, 4, epochs=300)
    fit(solver(ftol=1e-3), ENGINE, task, state, None, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


# What is refused


@pytest.mark.parametrize(
    ("solver", "field", "value"),
    [
        (LevenbergMarquardt, "starts", 0),
        (LevenbergMarquardt, "starts", True),
        (LevenbergMarquardt, "damping", 0),
        (LevenbergMarquardt, "damping", float("nan")),
        (LevenbergMarquardt, "patience", 0),
        (LevenbergMarquardt, "ftol", -1e-8),
        (LevenbergMarquardt, "xtol", "small"),
        (LevenbergMarquardt, "gtol", float("inf")),
        (LBFGS, "memory", 0),
        (LBFGS, "starts", 1.5),
        (LBFGS, "patience", -1),
        (LBFGS, "ftol", None),
        (LBFGS, "gtol", True),
    ],
)
def test_settings_outside_their_range_are_refused(solver, field, value):
    with pytest.raises(OptionError, match=rf"{solver.__name__} {field}: expected .*, got {value!r}"):
        solver(**{field: value})


def refused(network: Network, solver, **options) -> str:
    task = solving.make_task(network, **options)
    with pytest.raises(OptionError) as error:
        solving.fit_all(solver, task, solving.make_state(network, 2))
    return str(error.value)


@each_solver
def test_networks_with_dropout_are_refused(solver):
    name = solver.__name__
    assert f"{name}: the networks have dropout" in refused(Network(4, 2, (gru(3, dropout=0.2), dense(1))), solver())
    assert "have dropout" in refused(Network(4, 2, (gru(3), ("Dropout", {"rate": (0.0, 0.5)}), dense(1))), solver())
    network = Network(4, 2, (gru(3, recurrent_dropout=0.0), ("Dropout", {"rate": 0.0}), dense(1)))
    solving.fit_all(solver(), solving.make_task(network, epochs=1), solving.make_state(network, 2))


@each_solver
def test_patience_without_validation_is_refused(solver):
    assert "give fit validation_split or validation_data" in refused(TUTORIAL, solver(patience=3))


@each_solver
def test_what_would_not_fit_into_memory_is_refused(solver):
    assert "GiB of memory" in refused(Network(4, 2, (gru(90), dense(1))), solver(starts=10_000))


@pytest.mark.parametrize("loss", ["mae", "huber", "log_cosh"])
def test_losses_that_are_no_sum_of_squares_are_for_lbfgs_alone(loss):
    words = refused(TUTORIAL, LevenbergMarquardt(), loss=loss_of(loss))
    assert "expected the loss mean_squared_error, which is a sum of squares, got" in words
    assert "take LBFGS or Adam" in words
    task = solving.make_task(TUTORIAL, loss=loss_of(loss))
    losses = solving.fit_all(LBFGS(), task, solving.make_state(TUTORIAL, 2))["loss"]
    assert (losses[:, -1] < losses[:, 0]).all()


def test_masked_sequences_are_for_lbfgs_alone():
    masked = Network(4, 2, (masking(), gru(2, return_sequences=True), dense(1)))
    assert "may be masked" in refused(masked, LevenbergMarquardt())
    losses = solving.fit_all(LBFGS(), solving.make_task(masked), solving.make_state(masked, 2))["loss"]
    assert (losses[:, -1] < losses[:, 0]).all()


def test_a_weight_below_zero_has_no_root():
    weights = np.linspace(-0.5, 1, 30).astype(np.float32)
    assert "sample_weight: expected numbers of at least 0, got -0.5" in refused(
        TUTORIAL, LevenbergMarquardt(), sample_weight=weights
    )
