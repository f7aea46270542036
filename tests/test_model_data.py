"""What `Sequential` is trained on: several features and outputs, series of different lengths, weights, validation data.

A network's numbers are those it would have alone, whatever the others are given.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from timeglass.errors import InputError, OptionError, ShapeError, TimeglassError
from timeglass.model.callbacks import LambdaCallback
from timeglass.model.checkpoint import Checkpoint
from timeglass.model.sequential import Sequential
from timeglass.network.layers import GRU, LSTM, Bidirectional, Dense, Dropout, LinearSkip, Masking, SimpleRNN
from timeglass.train.losses import GaussianLikelihood, Huber, Quantile
from timeglass.train.optimizers import SGD, Adam
from timeglass.train.solver_settings import LBFGS, LevenbergMarquardt

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(30, 4, 2)).astype(np.float32)
Y = RANDOM.normal(size=(30, 3)).astype(np.float32)
LENGTHS = [30, 7, 12]
SERIES = [X[:length] + i for i, length in enumerate(LENGTHS)]
TARGETS = [Y[:length] - i for i, length in enumerate(LENGTHS)]
WEIGHTS = [RANDOM.uniform(0.5, 2.0, size=length) for length in LENGTHS]


def build(networks: int = 3, layers: list | None = None, loss: object = "mse", **options) -> Sequential:
    optimizer, l2 = options.pop("optimizer", Adam(0.02)), options.pop("l2", 0.0)
    model = Sequential(layers or [SimpleRNN(4), Dense(3)], networks=networks, seed=5, **options)
    model.build((4, 2))
    model.compile(optimizer, loss, l2=l2)
    return model


# Each network as if it stood alone


@pytest.mark.parametrize("options", [{}, {"validation_split": 0.3}, {"shuffle": False}], ids=str)
def test_series_of_different_lengths_give_each_network_what_it_has_alone(options):
    model = build()
    history = model.fit(SERIES, TARGETS, sample_weight=WEIGHTS, epochs=4, batch_size=5, **options).history
    for network in range(3):
        other = build()  # all on this series: its row is what the network would be alone
        alone = other.fit(
            SERIES[network], TARGETS[network], sample_weight=WEIGHTS[network], epochs=4, batch_size=5, **options
        ).history
        assert np.array_equal(model.weight_rows[network], other.weight_rows[network])
        for name, losses in alone.items():
            assert [row[network] for row in history[name]] == [row[network] for row in losses]


def test_lists_and_arrays_with_a_leading_axis_are_the_same():
    x, y = [X[:9] + i for i in range(3)], [Y[:9] - i for i in range(3)]
    listed, stacked = build(), build()
    listed.fit(x, y, epochs=2, validation_data=(x, y))
    stacked.fit(np.stack(x), np.stack(y), epochs=2, validation_data=(np.stack(x), np.stack(y)))
    assert np.array_equal(listed.weight_rows, stacked.weight_rows)
    assert np.array_equal(np.stack(listed.predict(x)), stacked.predict(np.stack(x)))
    assert np.array_equal(listed.evaluate(x, y), stacked.evaluate(np.stack(x), np.stack(y)))


def test_a_list_is_forecast_and_evaluated_series_by_series():
    model = build(l2=0.1)
    forecasts = model.predict(SERIES)
    assert [made.shape for made in forecasts] == [(30, 3), (7, 3), (12, 3)]
    losses = model.evaluate(SERIES, TARGETS, sample_weight=WEIGHTS)
    for i in range(3):
        assert np.array_equal(forecasts[i], model.predict(SERIES[i])[i])
        assert losses[i] == model.evaluate(SERIES[i], TARGETS[i], sample_weight=WEIGHTS[i])[i]


def test_one_network_may_be_given_a_list_of_one():
    one, other = build(networks=1), build(networks=1)
    one.fit([X], [Y], epochs=2)
    other.fit(X, Y, epochs=2)
    assert np.array_equal(one.weight_rows, other.weight_rows)
    assert np.array_equal(one.predict([X])[0], other.predict(X))


def test_weights_of_each_network_for_windows_of_all():
    weights = RANDOM.uniform(0.5, 2.0, size=(3, 30))
    model = build()
    model.fit(X, Y, sample_weight=weights, epochs=3, batch_size=8)
    for network in range(3):
        other = build()
        other.fit(X, Y, sample_weight=weights[network], epochs=3, batch_size=8)
        assert np.array_equal(model.weight_rows[network], other.weight_rows[network])


RATES, PENALTIES, SHARES = (0.01, 0.1, 0.03), (0.0, 0.3, 0.01), (0.0, 0.5, 0.25)


@pytest.mark.parametrize("split", [0.0, 0.3])
def test_a_sweep_of_rates_penalties_and_dropout_is_one_fit(split):
    def layers(share: object) -> list:
        return [GRU(3, dropout=share, recurrent_dropout=share), Dropout(share), Dense(3)]

    def fit(model: Sequential) -> list:
        return model.fit(X, Y, epochs=3, batch_size=8, validation_split=split).history["val_loss" if split else "loss"]

    sweep = build(layers=layers(SHARES), optimizer=SGD(RATES), l2=PENALTIES)
    losses = fit(sweep)
    for i in range(3):
        other = build(layers=layers(SHARES[i]), optimizer=SGD(RATES[i]), l2=PENALTIES[i])
        assert [row[i] for row in fit(other)] == [row[i] for row in losses]
        assert np.array_equal(sweep.weight_rows[i], other.weight_rows[i])
    assert len({tuple(row) for row in sweep.weight_rows}) == 3


# The loss


def test_the_loss_has_the_penalty_and_the_weights_in_it():
    weight = RANDOM.uniform(0.5, 2.0, size=30)
    model = build(networks=1, l2=0.5)
    squares = np.square(model.predict(X).astype(np.float64) - Y).mean(axis=1)
    kernels = sum(np.square(array.astype(np.float64)).sum() for array in model.get_weights() if array.ndim == 2)
    expected = (weight * squares).sum() / 30 + 0.5 * kernels
    assert model.evaluate(X, Y, sample_weight=weight) == pytest.approx(expected, rel=1e-6)
    first = model.fit(X, Y, sample_weight=weight, batch_size=30, validation_data=(X, Y, weight)).history
    assert first["loss"] == pytest.approx([expected], rel=1e-6)
    assert first["val_loss"] == [model.evaluate(X, Y, sample_weight=weight)]


def test_windows_without_weight_do_not_count():
    weight = np.repeat([1.0, 0.0], 15)
    model, halved, plain = (build(optimizer=SGD(0.1)) for _ in range(3))
    model.fit(X, Y, sample_weight=weight, batch_size=30, shuffle=False, epochs=3)
    halved.fit(X[:15], Y[:15], sample_weight=np.full(15, 0.5), batch_size=15, shuffle=False, epochs=3)
    plain.fit(X, Y, batch_size=30, shuffle=False, epochs=3)
    assert_allclose(model.weight_rows, halved.weight_rows, atol=1e-6)
    assert not np.allclose(model.weight_rows, plain.weight_rows, atol=1e-3)


@pytest.mark.parametrize(
    ("loss", "outputs"), [(Quantile((0.1, 0.9)), 6), (GaussianLikelihood(), 6), (Huber(0.5), 3)], ids=repr
)
def test_a_loss_of_several_outputs_for_each_target(loss, outputs):
    model = build(layers=[SimpleRNN(4), Dense(outputs)], loss=loss)
    start = model.evaluate(X, Y)
    expected = loss.of_windows(model.predict(X).astype(np.float64), Y[None].astype(np.float64)).mean(axis=1)
    assert_allclose(start, expected, rtol=1e-12)
    assert (model.fit(X, Y, epochs=30).history["loss"][-1] < start).all()
    assert model.loss is loss


@pytest.mark.filterwarnings("ignore::timeglass.errors.EngineWarning")
def test_the_loss_of_masked_sequences_is_that_of_training():
    layers = [Masking(), LSTM(3, return_sequences=True), Dense(3)]
    x, y = X.copy(), RANDOM.normal(size=(30, 4, 3))
    x[::3, 2:] = 0
    model = build(layers=layers, l2=0.1)
    start = model.evaluate(x, y)
    history = model.fit(x, y, batch_size=30, validation_data=(x, y)).history
    assert_allclose(history["loss"][0], start, rtol=1e-6)
    assert_allclose(history["val_loss"][0], model.evaluate(x, y), rtol=1e-12)
    y[::3, 2:] = 99  # where it does not count
    assert_allclose(model.evaluate(x, y), history["val_loss"][0], rtol=1e-12)


def test_validation_data_is_what_a_split_holds_back_and_goes_before_it():
    weight = RANDOM.uniform(size=30)
    model, other = build(), build()
    split = model.fit(X, Y, sample_weight=weight, epochs=2, validation_split=0.3).history
    held = (X[21:], Y[21:], weight[21:])
    given = other.fit(
        X[:21], Y[:21], sample_weight=weight[:21], epochs=2, validation_data=held, validation_split=0.5
    ).history
    for name in ("loss", "val_loss"):
        assert np.array_equal(split[name], given[name])


def test_every_layer_is_taken_and_dropout_acts_only_in_training():
    layers = [
        Bidirectional(LSTM(3, return_sequences=True), merge_mode="ave"),
        Dropout(0.5),
        GRU(3, dropout=0.3),
        Dense(3),
        LinearSkip(),
    ]
    model = build(layers=layers)
    plain = build(layers=[layer for layer in layers if not isinstance(layer, Dropout)])
    plain.set_weights(model.get_weights())
    assert np.array_equal(model.predict(X), plain.predict(X))
    assert np.array_equal(model.evaluate(X, Y), plain.evaluate(X, Y))
    before = model.evaluate(X, Y)
    model.fit(X, Y, epochs=30)
    plain.fit(X, Y, epochs=30)
    assert (model.evaluate(X, Y) < before).all()
    assert not np.array_equal(model.weight_rows, plain.weight_rows)


# Solvers


@pytest.mark.parametrize("optimizer", ["lbfgs", LBFGS(memory=5), "levenberg_marquardt", LevenbergMarquardt(starts=2)])
def test_a_solver_reaches_in_few_iterations_what_adam_needs_many_epochs_for(optimizer):
    adam = build(optimizer="adam")
    reached = adam.fit(X, Y, epochs=100, batch_size=8).history["loss"][-1]
    model, shares = build(optimizer=optimizer, l2=1e-4), []
    history = model.fit(X, Y, epochs=25, on_progress=shares.append)
    assert (history.history["loss"][-1] < reached).all()
    assert_allclose(model.evaluate(X, Y), history.history["loss"][-1], rtol=1e-4)
    assert history.params["steps"] == 1
    assert len(history.epoch) <= 25
    assert shares == sorted(shares)


def test_an_interrupted_solver_keeps_its_best():
    def stop(share: float) -> None:
        if share > 0.3:
            raise KeyboardInterrupt

    model, other = build(optimizer="lbfgs"), build(optimizer="lbfgs")
    before = model.evaluate(X, Y)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=20, on_progress=stop)
    history = other.fit(X, Y, epochs=20).history
    assert (model.evaluate(X, Y) < before).all()
    assert (model.evaluate(X, Y) >= history["loss"][-1]).all()
    before = model.evaluate(X, Y)
    assert (model.fit(X, Y, epochs=3).history["loss"][-1] < before).all()  # and goes on from there


# Refusals


def _fit(x: object = X, y: object = Y, **options) -> object:
    return build(**options.pop("build", {})).fit(x, y, **options)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: _fit(SERIES[:2], TARGETS), ShapeError, "x: got a list of 2 arrays for 3 networks: give one"),
        (lambda: _fit(SERIES, TARGETS[:2]), ShapeError, "y: x has windows for each of 3 networks: give y"),
        (lambda: _fit(SERIES, 7), ShapeError, "y: x has windows for each of 3 networks: give y for each too, got 7"),
        (lambda: _fit([*SERIES[:2], X[:, :2]], TARGETS), ShapeError, "x[2]: expected windows of shape (N, 4, 2), got"),
        (lambda: _fit([*SERIES[:2], X[:0]], TARGETS), ShapeError, "x[2]: expected at least one window, got none"),
        (lambda: _fit(SERIES, [*TARGETS[:2], Y]), ShapeError, "x[2] has 12 windows, y[2] has 30: give one"),
        (lambda: _fit(SERIES, [*TARGETS[:2], Y[:12, :2]]), ShapeError, "y[2]: expected targets of shape (N, 3), got"),
        (lambda: _fit(SERIES, [*TARGETS[:2], Y[:12] * np.nan]), InputError, "y[2][0, 0] is nan"),
        (lambda: _fit(np.stack([X, X]), Y), ShapeError, "x: expected windows of shape (N, 4, 2), or with 3 before it"),
        (lambda: _fit(sample_weight=np.ones(29)), ShapeError, "x has 30 windows, sample_weight has 29: give one"),
        (lambda: _fit(sample_weight=np.ones((2, 30))), ShapeError, "sample_weight: expected shape (30,) or (3, 30)"),
        (lambda: _fit(sample_weight=-np.ones(30)), OptionError, "sample_weight: expected numbers of at least 0"),
        (lambda: _fit(sample_weight="all"), InputError, "sample_weight: expected real numbers"),
        (lambda: _fit(validation_data=X), OptionError, "validation_data: expected (x, y) or (x, y, sample_weight), "),
        (lambda: _fit(validation_data=(X,)), OptionError, "or (x, y, sample_weight), got 1 values"),
        (lambda: _fit(validation_data=(X, Y[:3])), ShapeError, "validation_data: x has 30 windows, y has 3"),
        (lambda: _fit(SERIES, TARGETS, validation_split=0.9), OptionError, "0.9 of 7 windows leaves none to train on"),
        (lambda: _fit(build={"loss": Quantile()}, y=Y), ShapeError, "y: expected targets of shape (N, 1), got (30, 3)"),
        (lambda: _fit(build={"loss": GaussianLikelihood()}), ShapeError, "needs 2 outputs for each target, but"),
        (lambda: _fit(build={"optimizer": "lbfgs"}, batch_size=8), OptionError, "LBFGS looks at all 30 windows at"),
        (lambda: _fit(build={"optimizer": "lbfgs"}, callbacks=[Checkpoint("a")]), OptionError, "LBFGS runs all"),
        (
            lambda: _fit(build={"optimizer": "lbfgs"}, callbacks=[LambdaCallback(on_epoch_end=print)]),
            OptionError,
            "LBFGS runs all its iterations in one call, in which none can look at single epochs: leave L",
        ),
        (lambda: build(optimizer="lbfgs").learning_rate, OptionError, "learning_rate: LBFGS has none"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)  # fmt: skip
def test_a_refusal_says_what_was_expected_and_where(call, error, words):
    with pytest.raises(TimeglassError) as caught:
        call()
    assert isinstance(caught.value, error)
    assert words in str(caught.value)
