"""The time machine holds the bits of training, epoch by epoch, changes none, and shows how units came to be."""

from __future__ import annotations

import io

import numpy as np
import pytest
from networks import NETWORKS, dense, dropout, gru, lstm, masking, rnn

from timeglass import (
    LBFGS,
    Adam,
    Checkpoint,
    DataError,
    EarlyStopping,
    EngineError,
    LambdaCallback,
    LevenbergMarquardt,
    OptionError,
    Sequential,
)
from timeglass.explain import time_machine
from timeglass.explain.time_machine import TimeMachine
from timeglass.model.tensor_file import pack, unpack
from timeglass.network.layers import Dense, Dropout, SimpleRNN

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3, 2))
Y = RANDOM.normal(size=20)
EPOCHS = 6


def build(networks: int = 3, **options) -> Sequential:
    layers = [SimpleRNN(3, input_shape=(3, 2), dropout=0.2), Dropout(0.1), Dense(1)]
    model = Sequential(layers, networks=networks, seed=3, **options)
    model.compile(Adam(0.05), "mse")
    return model


def fit(model: Sequential, *callbacks, epochs: int = EPOCHS, **options):
    return model.fit(X, Y, epochs=epochs, batch_size=6, callbacks=list(callbacks), **options)


def after(epochs: int, **options) -> np.ndarray:
    """The weights after a fit of so many epochs that nobody watched."""
    model = build(**options)
    if epochs:
        fit(model, epochs=epochs)
    return model.training_state.weights


def same(machine: TimeMachine, epochs: range) -> bool:
    """Whether it holds these epochs, each with the bits of a fit that ended there."""
    kept = [[machine.weights(epoch, network) for network in range(3)] for epoch in epochs]
    return machine.epochs == tuple(epochs) and np.array_equal(kept, [after(epoch) for epoch in epochs])


def test_every_epoch_has_the_bits_of_a_fit_that_ended_there_and_no_bit_of_training_changes():
    plain, watched, machine = build(), build(), TimeMachine()
    losses = fit(plain).history["loss"]
    history = fit(watched, machine)
    assert np.array_equal(losses, history.history["loss"])
    assert np.array_equal(plain.training_state.weights, watched.training_state.weights)
    assert same(machine, range(EPOCHS + 1))
    assert len({machine.weights(epoch).tobytes() for epoch in machine.epochs}) == EPOCHS + 1
    fit(plain, epochs=2)  # slots, steps and random numbers are where they would be
    fit(watched, epochs=2)
    assert np.array_equal(plain.training_state.weights, watched.training_state.weights)


def test_another_engine():
    def made(*callbacks):
        model = Sequential([SimpleRNN(2, input_shape=(3, 2)), Dense(1)], networks=2, seed=1, engine="numpy")
        model.compile("adam", "mse")
        fit(model, *callbacks, epochs=2)
        return model.training_state.weights

    machine = TimeMachine()
    assert np.array_equal(made(machine), made())
    assert np.array_equal(machine.weights(2, 1), made()[1])


def test_which_epochs_are_kept():
    for machine, epochs in (
        (TimeMachine((1, 4)), (0, 1, 4)),
        (TimeMachine([]), (0,)),
        (TimeMachine(np.array([6, 2, 2])), (0, 2, 6)),
        (TimeMachine(every=4), (0, 4, 6)),
        (TimeMachine(every=3), (0, 3, 6)),
        (TimeMachine(every=100), (0, 6)),
    ):
        fit(build(), machine)
        assert machine.epochs == epochs
        assert np.array_equal([machine.weights(epoch, 2) for epoch in epochs], [after(epoch)[2] for epoch in epochs])


def test_a_second_fit_has_a_record_of_its_own():
    model, machine = build(), TimeMachine()
    fit(model, machine, epochs=2)
    first = machine.weights(2)
    fit(model, machine, epochs=3)
    assert machine.epochs == (0, 1, 2, 3)
    assert np.array_equal(machine.weights(0), first)
    assert np.array_equal(machine.weights(3), model.training_state.weights[0])
    straight = build()
    fit(straight, epochs=2)
    fit(straight, epochs=3)
    assert np.array_equal(machine.weights(3), straight.training_state.weights[0])


@pytest.mark.parametrize("stop", [1, 2, 5])
@pytest.mark.parametrize("every", [1, 2])
def test_a_resumed_fit_brings_its_epochs_along(tmp_path, stop, every):
    def stop_at(epoch, logs):
        if epoch == stop:
            raise KeyboardInterrupt

    path, machine, model = tmp_path / "run.safetensors", TimeMachine(), build()
    with pytest.raises(KeyboardInterrupt):
        fit(model, machine, Checkpoint(path, every), LambdaCallback(on_epoch_begin=stop_at))
    assert same(machine, range(stop + 1))  # interrupted, it holds what was trained whole
    for again in (build(), model):  # another process would build it anew; who is still there goes on with it
        machine = TimeMachine()
        assert fit(again, machine, Checkpoint(path, every)).params["resumed"] in (stop // every * every, EPOCHS)
        assert same(machine, range(EPOCHS + 1))
    longer = TimeMachine()
    fit(build(), longer, Checkpoint(path, every), epochs=EPOCHS + 2)
    assert same(longer, range(EPOCHS + 3))


def test_an_interruption_within_an_epoch_leaves_the_epochs_before_it():
    def interrupt(done):
        if done > 3.4 / EPOCHS:
            raise KeyboardInterrupt

    machine = TimeMachine()
    with pytest.raises(KeyboardInterrupt):
        fit(build(), machine, on_progress=interrupt)
    assert machine.epochs in ((0, 1, 2, 3), (0, 1, 2, 3, 4))  # a batch is a slice at the least
    assert same(machine, range(len(machine.epochs)))
    assert machine.trace(3, X, Y).losses.shape == (20,)


def test_chosen_epochs_of_a_resumed_fit(tmp_path):
    keep = Checkpoint(tmp_path / "run.safetensors")
    fit(build(), TimeMachine(every=4), keep, epochs=3)
    machine = TimeMachine(every=4)
    fit(build(), machine, keep, epochs=6)
    assert machine.epochs == (0, 4, 6)
    assert np.array_equal(machine.weights(4, 1), after(4)[1])
    with pytest.raises(OptionError, match=r"the file has TimeMachine\(every=4\), this fit TimeMachine\(\)"):
        fit(build(), TimeMachine(), keep, epochs=6)


@pytest.mark.parametrize("damage", ["epochs", "nan", "fewer", "axes", "start"])
def test_a_damaged_record_is_refused(tmp_path, damage):
    path = tmp_path / "run.safetensors"
    fit(build(), TimeMachine(), Checkpoint(path), epochs=3)
    kind, content = ("timeglass checkpoint", 2), path.read_bytes()
    whole = unpack(kind, io.BytesIO(content), len(content))
    header, arrays = whole.header, whole.arrays()
    key = "callback.TimeMachine 0."
    epochs, weights = arrays[f"{key}epochs"], arrays[f"{key}weights"]
    if damage == "epochs":
        epochs[:] = [1, 1, 2]
    elif damage == "nan":
        weights[1, 0, 0] = np.nan
    elif damage == "fewer":
        arrays[f"{key}weights"] = weights[:2]
    elif damage == "axes":
        arrays[f"{key}weights"] = weights[:, :2]
    else:
        arrays[f"{key}start"] = arrays[f"{key}start"][:2]
    path.write_bytes(pack(kind, header, arrays))
    with pytest.raises(DataError, match="damaged"):
        fit(build(), TimeMachine(), Checkpoint(path), epochs=5)


def test_early_stopping_gives_back_weights_that_were_kept():
    machine, model = TimeMachine(), build()
    stop = EarlyStopping(patience=1, restore_best_weights=True)
    history = fit(model, stop, machine, epochs=40, validation_split=0.3)
    assert len(history.epoch) == machine.epochs[-1] < 40
    for network, best in enumerate(stop.best_epoch):
        assert np.array_equal(machine.weights(int(best) + 1, network), model.training_state.weights[network])


@pytest.mark.parametrize("solver", [LBFGS(), LevenbergMarquardt()], ids=lambda solver: type(solver).__name__)
def test_a_solver_has_no_single_epochs(solver):
    model, machine = Sequential([SimpleRNN(2, input_shape=(3, 2)), Dense(1)], seed=0), TimeMachine()
    model.compile(solver, "mse")
    with pytest.raises(OptionError, match=f"{type(solver).__name__} runs all its iterations in one call.*"
                                          "leave TimeMachine out"):  # fmt: skip
        model.fit(X, Y, epochs=3, callbacks=[machine])
    assert machine.epochs == ()


# What it shows


NETWORK = NETWORKS["backwards"]


@pytest.fixture(scope="module")
def trained() -> tuple[TimeMachine, Sequential]:
    model, machine = NETWORK.sequential(networks=2, seed=4), TimeMachine()
    model.compile(Adam(0.05), "mse")
    model.fit(NETWORK.windows(9), NETWORK.targets(9), epochs=3, callbacks=[machine])
    return machine, model


@pytest.mark.parametrize("epoch", range(4))
def test_a_trace_is_that_of_the_model_then(trained, epoch):
    x, y = NETWORK.windows(9), NETWORK.targets(9)
    then = NETWORK.sequential(networks=2, seed=4)
    then.compile(Adam(0.05), "mse")
    if epoch:
        then.fit(x, y, epochs=epoch)
    expected, found = then.trace(x, y, network=1), trained[0].trace(epoch, x, y, network=1)
    assert found.names == expected.names
    assert all(np.array_equal(found[name], expected[name]) for name in found)
    assert np.array_equal(found.losses, expected.losses)


def test_states_and_forecasts_are_the_traces(trained):
    machine, model = trained
    x = NETWORK.windows(9)
    before = model.training_state.weights.copy()
    for network in range(2):
        forecasts = machine.forecasts(x, network)
        assert forecasts.shape == (4, 9, 1)
        for layer in ("gru", "lstm"):
            states = machine.states(x, layer, window=3, network=network)
            for epoch in machine.epochs:
                trace = machine.trace(epoch, x, network=network)
                assert np.abs(states[epoch] - trace[f"{layer}.h"][3]).max() < 1e-15
                assert np.abs(forecasts[epoch] - trace.forecasts).max() < 1e-14
    assert np.array_equal(machine.states(x), machine.states(x, "gru"))
    assert np.ptp(machine.states(x), axis=0).max() > 0.01
    assert np.abs(machine.forecasts(x)[3] - model.predict(x)[0]).max() < 2e-6
    assert np.array_equal(before, model.training_state.weights)


def test_it_shows_the_network_as_it_was_when_the_model_has_changed():
    model, machine = build(), TimeMachine()
    fit(model, machine)
    expected = machine.trace(2, X, Y)
    model.compile("sgd", "mae")
    model.add(Dense(2))
    found = machine.trace(2, X, Y)
    assert found.architecture.output_shape == (1,)
    assert np.array_equal(found.losses, expected.losses)
    machine.weights(2)[:] = 0
    assert np.array_equal(machine.weights(2), after(2)[0])


def test_a_table_of_all_weights(trained):
    machine, _ = trained
    frame = machine.to_frame()
    assert list(frame) == ["epoch", "network", "layer", "array", "from", "unit", "value"]
    assert len(frame) == 4 * 2 * NETWORK.architecture.weight_count
    split = NETWORK.architecture.split(machine.weights(3, 1)[None])
    one = frame[(frame.epoch == 3) & (frame.network == 1)]
    for name, row, unit, expected in (
        ("wx", 1, 2, split[0]["wx"][0, 1, 2]),
        ("bh", 1, 8, split[0]["bh"][0, 1, 8]),
    ):
        cell = one[(one.layer == "gru") & (one.array == name) & (one["from"] == row) & (one.unit == unit)]
        assert cell.value.tolist() == [expected]
    bias = one[(one.layer == "dense") & (one.array == "by")]
    assert bias[["from", "unit"]].to_numpy().tolist() == [[-1, 0]]
    assert bias.value.tolist() == [split[2]["by"][0, 0]]
    columns = machine.columns(network=1)
    assert np.array_equal(columns["value"], frame[frame.network == 1].value.to_numpy())
    assert set(columns["network"].tolist()) == {1}


@pytest.mark.parametrize(
    "layers", [(masking(), lstm(3), dense(1)), (dropout(0.2), gru(2), dense(1)), (dense(2), dense(1)), (rnn(2),)]
)
def test_networks_of_other_kinds(layers):
    network = type(NETWORK)(4, 2, layers)
    model, machine = network.sequential(seed=0), TimeMachine()
    model.compile("adam", "mse")
    model.fit(network.windows(5), network.targets(5), epochs=1, callbacks=[machine])
    assert machine.forecasts(network.windows(5)).shape[:2] == (2, 5)
    assert len(machine.columns()["value"]) == 2 * network.architecture.weight_count


# What cannot be


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TimeMachine(3), r"TimeMachine epochs: expected a list of epochs such as \(1, 5, 20\), got 3"),
        (lambda: TimeMachine("all"), "expected a list of epochs"),
        (lambda: TimeMachine([1, -2]), "TimeMachine epochs: expected a whole number of at least 0, got -2"),
        (lambda: TimeMachine(every=0), "TimeMachine every: expected a whole number of at least 1, got 0"),
        (lambda: TimeMachine([1], 2), "epochs or every, got both"),
        (lambda: fit(build(), TimeMachine([1, 50])), "TimeMachine epochs: this fit has 6 epochs, got 50"),
        (lambda: TimeMachine().weights(0), r"no fit yet: model.fit\(x, y, callbacks=\[machine\]\)"),
        (lambda: TimeMachine().states(X), "no fit yet"),
    ],
)
def test_what_is_refused(make, words):
    with pytest.raises(OptionError, match=words):
        make()


def test_what_was_not_kept_is_named(trained, monkeypatch):
    machine, x = trained[0], NETWORK.windows(2)
    some = TimeMachine([2, 3])
    fit(build(), some)
    for call, words in (
        (lambda: machine.weights(4), "TimeMachine epoch 4: kept are 0 to 3"),
        (lambda: some.weights(1), "TimeMachine epoch 1: kept are 0, 2, 3"),
        (lambda: machine.weights(True), "epoch: expected a whole number"),
        (lambda: machine.trace(1, x, network=2), "TimeMachine network: expected 0 to 1, got 2"),
        (lambda: machine.states(x, window=2), "TimeMachine window: expected 0 to 1, got 2"),
        (lambda: machine.states(x, "dense"), "the recurrent layers of this network are gru, lstm"),
    ):
        with pytest.raises(OptionError, match=words):
            call()
    monkeypatch.setattr(time_machine, "_MOST_ROWS", 100)
    with pytest.raises(OptionError, match="a table of 912 rows, at most 100 are made: ask for one network"):
        machine.columns()
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(EngineError, match="pip install pandas"):
        machine.to_frame()


def test_more_than_a_gigabyte_is_refused_before_training_and_what_it_says_helps(monkeypatch):
    model = build()
    before = model.training_state.weights.copy()
    monkeypatch.setattr(time_machine, "_MOST_BYTES", 10 * before.nbytes)
    with pytest.raises(
        OptionError, match=r"TimeMachine: 100 epochs of 3 networks of 22 weights would take .*every=13\) does"
    ):
        fit(model, TimeMachine(), epochs=100)
    assert np.array_equal(model.training_state.weights, before)
    machine = TimeMachine(every=13)
    fit(model, machine, epochs=100)
    assert len(machine.epochs) <= 10
    monkeypatch.setattr(time_machine, "_MOST_BYTES", before.nbytes)
    with pytest.raises(OptionError, match="train fewer networks at a time"):
        fit(model, TimeMachine(every=1), epochs=100)
