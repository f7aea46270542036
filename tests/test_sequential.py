"""`Sequential` as a user meets it: what each method gives, and what each refusal says."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

from timeglass import Adam, Dense, DivergenceError, Input, InputError, OptionError, Sequential, ShapeError, SimpleRNN

X = np.linspace(-1, 1, 60).reshape(10, 3, 2)
Y = np.linspace(0, 0.9, 10)


def build(**options) -> Sequential:
    layers = options.pop("layers", [SimpleRNN(4), Dense(1)])
    return Sequential([Input((3, 2)), *layers], **{"seed": 0} | options)


def compiled(optimizer: str | Adam = "adam", **options) -> Sequential:
    model = build(**options)
    model.compile(optimizer=optimizer, loss="mse")
    return model


# What the network is


def test_the_input_shape_may_stand_in_input_in_the_first_layer_in_build_or_in_the_data():
    layers = [SimpleRNN(4), Dense(1)]
    by_layer = Sequential([SimpleRNN(4, input_shape=(3, 2)), Dense(1)], seed=0)
    by_add = Sequential(seed=0)
    for layer in (Input((3, 2)), *layers):
        by_add.add(layer)
    by_build, by_fit, by_predict, by_evaluate = (Sequential(layers, seed=0) for _ in range(4))
    by_build.build((None, 3, 2))
    for model in (by_fit, by_evaluate):
        model.compile("adam", "mse")
    by_fit.fit(X, Y)
    by_predict.predict(X)
    by_evaluate.evaluate(X, Y)
    fitted = compiled()
    fitted.fit(X, Y)
    assert np.array_equal(by_fit.weight_rows, fitted.weight_rows)
    for model in (by_layer, by_add, by_build, by_predict, by_evaluate):
        assert np.array_equal(model.weight_rows, build().weight_rows)


def test_layers_and_weights_are_counted():
    model = build(networks=5)
    assert model.count_params() == 2 * 4 + 4 * 4 + 4 + 4 * 1 + 1
    assert model.weight_rows.shape == (5, 33)
    assert model.layers == [SimpleRNN(4), Dense(1)]


def test_the_summary_shows_each_layer_with_its_shape_and_weights(capsys):
    Sequential([SimpleRNN(4, input_shape=(3, 2), return_sequences=True), SimpleRNN(5), Dense(1, "tanh")]).summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'Model: "sequential"'
    rows = [line.split("  ") for line in lines if "(None" in line]
    rows = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert rows == [
        ["simple_rnn (SimpleRNN, tanh)", "(None, 3, 4)", "28", "wx (2, 4), wh (4, 4), bh (4,)"],
        ["simple_rnn_1 (SimpleRNN, tanh)", "(None, 5)", "50", "wx (4, 5), wh (5, 5), bh (5,)"],
        ["dense (Dense, tanh)", "(None, 1)", "6", "wy (5, 1), by (1,)"],
    ]
    assert lines[-1] == "Total weights: 84"
    kept: list[str] = []
    build(networks=3, name="small").summary(print_fn=kept.append)
    assert kept[0] == 'Model: "small"'
    assert kept[-1] == "Total weights: 33 in each of 3 networks"


@pytest.mark.parametrize("networks", [1, 3])
def test_weights_taken_and_given_back_are_the_same(networks):
    model, other = build(networks=networks), build(networks=networks, seed=1)
    taken = model.get_weights()
    lead = () if networks == 1 else (networks,)
    assert [array.shape for array in taken] == [(*lead, *shape) for shape in [(2, 4), (4, 4), (4,), (4, 1), (1,)]]
    other.set_weights(taken)
    assert np.array_equal(other.weight_rows, model.weight_rows)
    assert np.array_equal(other.predict(X), model.predict(X))
    taken[0][...] = 7  # a copy: the model keeps its own
    assert not (model.weight_rows == 7).any()
    assert Sequential([SimpleRNN(4)]).get_weights() == []


# Training and use


def test_evaluate_is_the_mean_of_the_squared_errors():
    model = compiled()
    forecasts = model.predict(X)
    assert forecasts.shape == (10, 1)
    errors = [(float(forecast) - float(target)) ** 2 for forecast, target in zip(forecasts[:, 0], Y, strict=True)]
    assert model.evaluate(X, Y) == pytest.approx(sum(errors) / 10, rel=1e-6)
    several = compiled(networks=3)
    expected = ((several.predict(X)[:, :, 0] - Y) ** 2).mean(axis=1)
    assert_allclose(several.evaluate(X, Y), expected, rtol=1e-6)
    assert several.evaluate(X, Y)[0] == model.evaluate(X, Y)


def test_targets_may_be_a_column_or_a_row_and_windows_of_one_feature_a_table():
    model = Sequential([SimpleRNN(3, input_shape=(4, 1)), Dense(1)], seed=0)
    model.compile("adam", "mse")
    x = np.arange(20).reshape(5, 4) / 20
    y = x[:, 0]
    assert np.array_equal(model.predict(x), model.predict(x[:, :, None]))
    assert model.evaluate(x.tolist(), y) == model.evaluate(x, y[:, None])


def test_a_fit_lowers_the_loss_and_reports_each_epoch():
    model = compiled(Adam(learning_rate=0.02), networks=3)
    before = model.evaluate(X, Y)
    history = model.fit(X, Y, epochs=40, batch_size=4)
    assert (model.evaluate(X, Y) < 0.2 * before).all()
    assert list(history.history) == ["loss"]
    assert [len(loss) for loss in history.history["loss"]] == [3] * 40
    assert history.epoch == list(range(40))
    seconds = history.params.pop("seconds")
    assert 0 < seconds < 60
    assert history.params == {"epochs": 40, "steps": 3, "networks": 3, "engine": model.engine, "resumed": 0}


def test_the_first_loss_of_a_whole_batch_is_that_of_the_start():
    model = compiled()
    start = model.evaluate(X, Y)
    assert model.fit(X, Y).history["loss"] == pytest.approx([start], rel=1e-6)  # batches of 32 unless told


def test_the_validation_loss_is_that_of_the_windows_held_back():
    model = compiled()
    history = model.fit(X, Y, epochs=3, validation_split=0.25)  # trains on int(10 · 0.75) = 7
    assert history.history["val_loss"][-1] == model.evaluate(X[7:], Y[7:])
    assert len(history.history["val_loss"]) == 3
    other = compiled()
    assert other.fit(X[:7], Y[:7], epochs=3).history["loss"] == history.history["loss"]


def test_compiling_again_starts_adam_afresh_and_keeps_the_weights():
    model, other = compiled(), compiled()
    model.fit(X, Y, epochs=3, shuffle=False)
    other.set_weights(model.get_weights())
    model.compile("adam", "mse")
    assert np.array_equal(model.weight_rows, other.weight_rows)
    for each in (model, other):
        each.fit(X, Y, shuffle=False)
    assert np.array_equal(model.weight_rows, other.weight_rows)


def test_verbose_two_prints_a_line_for_each_epoch_and_the_others_nothing(capsys):
    history = compiled().fit(X, Y, epochs=2, validation_split=0.5, verbose=2).history
    expected = [
        f"Epoch {i + 1}/2 - loss: {history['loss'][i]:.4g} - val_loss: {history['val_loss'][i]:.4g}" for i in (0, 1)
    ]
    assert capsys.readouterr().out.splitlines() == expected
    loss = compiled(networks=3).fit(X, Y, verbose=2).history["loss"][0]
    low, middle, high = sorted(loss)
    assert capsys.readouterr().out == f"Epoch 1/1 - loss: {middle:.4g} ({low:.4g} … {high:.4g})\n"
    for verbose in (0, 1, "auto"):
        compiled().fit(X, Y, verbose=verbose)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_drawn_on_a_terminal_only_when_asked_for(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for verbose, drawn in [("auto", True), (1, True), (0, False), (2, False)]:
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        compiled().fit(X, Y, epochs=5, batch_size=2, verbose=verbose)
        assert ("25/25" in terminal.getvalue()) == drawn


@pytest.mark.parametrize("engine", ["numpy", None])
@pytest.mark.parametrize("validation_split", [0.0, 0.5])
def test_progress_rises_to_one(engine, validation_split):
    shares: list[float] = []
    model = compiled(engine=engine, networks=20)
    model.fit(X, Y, epochs=4, validation_split=validation_split, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] == 1.0
    assert len(shares) >= (4 if validation_split else 1)


@pytest.mark.parametrize("engine", ["numpy", None])
@pytest.mark.parametrize("validation_split", [0.0, 0.5])
def test_an_interrupt_ends_the_fit_at_once_and_leaves_weights_to_go_on_from(engine, validation_split):
    model = compiled(engine=engine, networks=20)
    before = model.weight_rows
    shares: list[float] = []

    def interrupt(share: float) -> None:
        shares.append(share)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=50, batch_size=1, on_progress=interrupt, validation_split=validation_split)
    assert len(shares) == 1
    assert np.isfinite(model.weight_rows).all()
    assert not np.array_equal(model.weight_rows[0], before[0])
    loss = model.fit(X, Y, epochs=30).history["loss"]
    assert (loss[-1] < loss[0]).all()


@pytest.mark.parametrize("engine", ["numpy", None])
def test_an_enormous_learning_rate_is_said_to_diverge(engine):
    model = Sequential([SimpleRNN(3, "linear", input_shape=(3, 2)), Dense(1)], seed=0, engine=engine, networks=2)
    model.compile(Adam(learning_rate=1e30), "mse")
    words = r"training diverged in epoch 1 of 5 \(network 0 and 1 more\): lower the learning rate \(now 1e\+30\) or"
    with pytest.raises(DivergenceError, match=words):
        model.fit(X, Y, epochs=5, batch_size=5)


# Refusals


def _fit(**options):
    x, y = options.pop("x", X), options.pop("y", Y)
    return compiled().fit(x, y, **options)


def _with(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: SimpleRNN(0), OptionError, "SimpleRNN units: expected a whole number of at least 1, got 0"),
        (lambda: SimpleRNN(2.5), OptionError, "SimpleRNN units: expected a whole number of at least 1, got 2.5"),
        (lambda: Dense(True), OptionError, "Dense units: expected a whole number of at least 1, got True"),
        (lambda: Dense(1, "gelu"), OptionError, "Dense activation: expected one of linear, tanh, sigmoid, relu, "),
        (lambda: SimpleRNN(1, "mish"), OptionError, "SimpleRNN activation: expected one of linear, tanh, sigmoid"),
        (
            lambda: Input((12,)),
            OptionError,
            "Input shape: expected (time steps, features), each at least 1, such as (12, 1)",
        ),
        (lambda: Input((None, 1)), OptionError, "Input shape: expected (time steps, features)"),
        (lambda: SimpleRNN(1, input_shape=(0, 1)), OptionError, "SimpleRNN input_shape: expected (time steps"),
        (lambda: Dense(1, input_shape=(1,)), OptionError, "Dense input_shape: expected (time steps, features)"),
        (lambda: Sequential(["tanh"]), OptionError, "expected layers such as Input((12, 1)), SimpleRNN(3) or"),
        (lambda: Sequential(Dense(1)), OptionError, "Sequential layers: expected a list, got Dense(units=1"),
        (lambda: Sequential(5), OptionError, "Sequential layers: expected a list, got 5"),
        (lambda: build(layers=[SimpleRNN(2, dropout=(0.1, 0.2))]), OptionError, "2 dropout rates for 1 networks: give"),
        (lambda: Sequential([SimpleRNN(2), Input((3, 2))]), ShapeError, "Input: only as the first layer"),
        (lambda: Sequential([Input((3, 2)), SimpleRNN(2), SimpleRNN(2)]), ShapeError, "set return_sequences=True on"),
        (lambda: Sequential([Input((3, 2))]).build((3, 2)), ShapeError, "a network needs at least one layer: add"),
        (lambda: Sequential(networks=0), OptionError, "networks: expected a whole number of at least 1, got 0"),
        (lambda: Sequential(networks=1.0), OptionError, "networks: expected a whole number of at least 1, got 1.0"),
        (lambda: Sequential(seed=-1), OptionError, "seed: expected a whole number from 0 to 2**64 - 1, got -1"),
        (lambda: build(engine="torch").predict(X), OptionError, "expected one of lanes, numpy, keras, got 'torch'"),
        (lambda: Sequential([SimpleRNN(2)]).count_params(), ShapeError, "no input shape yet: begin with Input("),
        (lambda: Sequential([SimpleRNN(2)]).predict(X[:, :, 0]), ShapeError, "the network has no input shape yet"),
        (lambda: build().compile("nadam", "mse"), OptionError, "optimizer: expected one of lbfgs, levenberg_marq"),
        (lambda: build().compile(7, "mse"), OptionError, "or an optimiser such as Adam(0.01), got 7"),
        (lambda: build().compile("adam", "hinge"), OptionError, "loss: expected one of mean_squared_error, mean_abs"),
        (lambda: build().compile("adam", "mse", l2=-1), OptionError, "l2: expected a finite number of at least 0"),
        (lambda: build().compile("adam", "mse", l2=[0, 1]), OptionError, "l2: expected a number, or one for each of"),
        (lambda: build().compile("adam", "mse", l2="a"), OptionError, "l2: expected a number, or one for each of"),
        (lambda: build().compile(Adam((0.1, 0.2)), "mse"), OptionError, "Adam learning_rate: expected one rate or 1"),
        (lambda: build().learning_rate, InputError, "compile the network first"),
        (lambda: Adam(learning_rate=0), OptionError, "Adam learning_rate: expected a finite number above 0, got 0"),
        (lambda: Adam(learning_rate=np.inf), OptionError, "learning_rate: expected a finite number above 0, got inf"),
        (lambda: Adam(beta_1=1.0), OptionError, "Adam beta_1: expected a number from 0 to below 1, got 1.0"),
        (lambda: Adam(beta_2=-0.1), OptionError, "Adam beta_2: expected a number from 0 to below 1, got -0.1"),
        (lambda: Adam(epsilon=np.nan), OptionError, "Adam epsilon: expected a finite number of at least 0, got nan"),
        (lambda: build().fit(X, Y), InputError, "compile the network first: model.compile(optimizer='adam', loss="),
        (lambda: build().evaluate(X, Y), InputError, "compile the network first"),
        (lambda: _fit(x=X[:, :2]), ShapeError, "x: expected windows of shape (N, 3, 2), got (10, 2, 2)"),
        (lambda: _fit(x=X[:, :, 0]), ShapeError, "x: expected windows of shape (N, 3, 2), got (10, 3)"),
        (lambda: _fit(x=X[:0], y=Y[:0]), ShapeError, "x: expected at least one window, got none"),
        (lambda: _fit(y=Y[:9]), ShapeError, "x has 10 windows, y has 9: give one target for each window"),
        (lambda: _fit(y=np.ones((10, 2))), ShapeError, "y: expected targets of shape (N, 1), got (10, 2)"),
        (lambda: _fit(x="data.csv"), InputError, "expected real numbers in an array of one shape, got str 'data.csv'"),
        (lambda: _fit(y=[["one"]] * 10), InputError, "y: expected real numbers in an array of one shape, got list"),
        (lambda: _fit(x=X + 1j), InputError, "of one shape, got an array of complex128"),
        (lambda: _fit(y=np.zeros(10, "M8[D]")), InputError, "of one shape, got an array of datetime64[D]"),
        (lambda: _fit(y=[[1.0], [1.0, 2.0]]), InputError, "y: expected real numbers in an array of one shape"),
        (lambda: _fit(y=np.ma.masked_equal(Y, Y[0])), InputError, "y: 1 values are masked: fill them in"),
        (lambda: _fit(y=np.nan), InputError, "y[0] is nan"),
        (lambda: _fit(validation_split="a"), OptionError, "validation_split: expected a share"),
        (
            lambda: Input(12),
            OptionError,
            "Input shape: expected (time steps, features), each at least 1, such as (12, 1)",
        ),
        (lambda: Input((True, 1)), OptionError, "Input shape"),
        (lambda: SimpleRNN(3, ["tanh"]), OptionError, "SimpleRNN activation: expected one of"),
        (lambda: Adam(learning_rate="a"), OptionError, "Adam learning_rate: expected a finite number above 0"),
        (lambda: build().compile("adam", ["mse"]), OptionError, "loss: expected one of mean_squared_error"),
        (lambda: build().build((3,)), OptionError, "Input shape: expected (time steps, features)"),
        (lambda: build().set_weights([None] * 5), InputError, "set_weights: wx"),
        (lambda: Sequential([Dense(2, name="a", input_shape=(2, 1)), Dense(1, name="a")]), OptionError, "given once"),
        (lambda: _fit(x=_with(X, (4, 2, 1), np.nan)), InputError, "x[4, 2, 1] is nan, which float32 cannot hold"),
        (lambda: _fit(x=_with(X, (0, 1, 0), -np.inf)), InputError, "x[0, 1, 0] is -inf, which float32 cannot hold"),
        (lambda: _fit(y=_with(Y, (7,), np.nan)), InputError, "y[7] is nan, which float32 cannot hold"),
        (lambda: build().predict(_with(X, (9, 0, 0), np.nan)), InputError, "remove or replace missing values"),
        (lambda: _fit(epochs=0), OptionError, "epochs: expected a whole number of at least 1, got 0"),
        (lambda: _fit(epochs=2**40), OptionError, "the losses of 1,099,511,627,776 epochs of 1 networks alone"),
        (lambda: _fit(lanes="threads"), OptionError, "lanes: expected one of None, 'networks', 'samples'"),
        (lambda: _fit(epochs=1.5), OptionError, "epochs: expected a whole number of at least 1, got 1.5"),
        (lambda: _fit(batch_size=0), OptionError, "batch_size: expected a whole number of at least 1, got 0"),
        (lambda: _fit(validation_split=1.0), OptionError, "expected a share from 0 to below 1, got 1.0"),
        (lambda: _fit(validation_split=-0.1), OptionError, "validation_split: expected a share from 0 to below 1"),
        (lambda: _fit(validation_split=0.95), OptionError, "0.95 of 10 windows leaves none to train on"),
        (lambda: _fit(verbose=3), OptionError, "verbose: expected 0, 1, 2 or 'auto', got 3"),
        (lambda: build().set_weights(5), InputError, "set_weights: expected a list of 5 arrays, got 5"),
        (
            lambda: setattr(build(), "weight_rows", np.ones(33)),
            ShapeError,
            "weight_rows: expected shape (1, 33), got (33,)",
        ),
        (lambda: build().set_weights([]), ShapeError, "set_weights: expected 5 arrays, got 0"),
        (lambda: build().set_weights(build(networks=2).get_weights()), ShapeError, "wx has shape (2, 4), got (2, 2"),
        (lambda: Sequential([SimpleRNN(2)]).set_weights([]), ShapeError, "the network has no input shape yet"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_a_refusal_says_what_was_expected_and_what_was_given(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("size", [2**31, 2**63 - 1, 2**64 + 1])
def test_a_batch_larger_than_the_data_is_all_of_them(size):
    whole, huge = build(seed=1), build(seed=1)
    whole.compile("adam", "mse")
    huge.compile("adam", "mse")
    expected = whole.fit(X, Y, batch_size=len(X), epochs=2, verbose=0).history["loss"]
    assert huge.fit(X, Y, batch_size=size, epochs=2, verbose=0).history["loss"] == expected
    assert np.array_equal(whole.weight_rows, huge.weight_rows)


def test_a_layer_more_leaves_the_weights_below_as_they_are():
    model = Sequential([SimpleRNN(2, input_shape=(3, 2))], seed=0)
    drawn = model.get_weights()
    model.set_weights([array + 1 for array in drawn])
    model.add(Dense(1))
    assert [array.tolist() for array in model.get_weights()[:3]] == [(array + 1).tolist() for array in drawn]
    assert model.get_weights()[3].any()
    whole = Sequential([SimpleRNN(2, input_shape=(3, 2)), Dense(1)], seed=0)
    assert whole.get_weights()[3].tolist() == model.get_weights()[3].tolist()


def test_layers_without_a_name_take_the_next_free_one():
    model = Sequential([Dense(1, input_shape=(2, 1)), Dense(1, name="dense"), Dense(1)])
    assert [placed.name for placed in model.architecture.layers] == ["dense_1", "dense", "dense_2"]


def test_refused_weights_change_nothing():
    model = build()
    before = model.weight_rows
    arrays = build(seed=1).get_weights()
    arrays[-1] = np.array([np.nan])
    with pytest.raises(InputError, match="set_weights: by\\[0\\] is nan"):
        model.set_weights(arrays)
    assert np.array_equal(model.weight_rows, before)


@pytest.mark.parametrize("value", [1e300, -1e39])
def test_a_number_too_large_for_float32_is_refused_in_its_place(value):
    with pytest.raises(InputError, match=r"x\[2, 0, 1\] is .*, which float32 cannot hold as a finite number"):
        build().predict(_with(X, (2, 0, 1), value))
