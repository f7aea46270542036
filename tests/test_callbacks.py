"""Callbacks: Keras's meaning, decided for each network by itself, and no change to what the others come to."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from timeglass.errors import DivergenceError, OptionError
from timeglass.model.callbacks import Callback, LambdaCallback
from timeglass.model.sequential import Sequential
from timeglass.model.stopping import EarlyStopping, ReduceLROnPlateau
from timeglass.network.layers import Dense, Dropout, SimpleRNN
from timeglass.train.optimizers import SGD, Adam
from timeglass.train.schedules import ExponentialDecay

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3, 2))
Y = RANDOM.normal(size=20)


def build(networks: int = 1, **options) -> Sequential:
    optimizer = options.pop("optimizer", Adam(0.02))
    l2 = options.pop("l2", 0.0)
    model = Sequential([SimpleRNN(3, input_shape=(3, 2)), Dense(1)], networks=networks, seed=3, **options)
    model.compile(optimizer, "mse", l2=l2)
    return model


class Recorder(Callback):
    """Keeps the weights at the end of each epoch."""

    def __init__(self) -> None:
        self.weight_rows: list[np.ndarray] = []

    def on_epoch_end(self, epoch, logs=None):
        self.weight_rows.append(self.model.weight_rows)


# In a fit


def test_a_network_that_has_stopped_rests_and_the_others_go_on_as_without_it():
    whole, seen = build(networks=6), Recorder()
    whole.fit(X, Y, epochs=40, batch_size=5, validation_split=0.4, callbacks=[seen])
    stop = EarlyStopping(patience=2)
    model = build(networks=6)
    history = model.fit(X, Y, epochs=40, batch_size=5, validation_split=0.4, callbacks=[stop]).history
    ends = np.where(stop.stopped_epoch > 0, stop.stopped_epoch, 39)
    assert len(set(ends.tolist())) > 2
    for network, end in enumerate(ends):
        assert np.array_equal(model.weight_rows[network], seen.weight_rows[end][network])
    losses = np.stack(history["val_loss"])
    assert losses.shape == (ends.max() + 1, 6)
    for name in ("loss", "val_loss"):
        finite = np.isfinite(np.stack(history[name]))
        assert (finite.sum(axis=0) == ends + 1).all()
        assert finite[0].all()


def test_the_best_weights_come_back_to_each_network():
    seen, stop = Recorder(), EarlyStopping(patience=5, restore_best_weights=True)
    model = build(networks=4)
    history = model.fit(X, Y, epochs=60, validation_split=0.4, callbacks=[seen, stop]).history
    best = np.nanargmin(np.stack(history["val_loss"]), axis=0)
    assert best.tolist() == stop.best_epoch.tolist()
    assert (best < len(seen.weight_rows) - 1).any()
    for network, epoch in enumerate(best):
        assert np.array_equal(model.weight_rows[network], seen.weight_rows[epoch][network])
    lowest = np.nanmin(np.stack(history["val_loss"]), axis=0)
    assert np.array_equal(model.evaluate(X[12:], Y[12:]), lowest)


def test_one_network_alone_stops_as_it_does_among_others():
    many, one = EarlyStopping(patience=2), EarlyStopping(patience=2)
    build(networks=6).fit(X, Y, epochs=40, validation_split=0.4, callbacks=[many])
    model = build()
    history = model.fit(X, Y, epochs=40, validation_split=0.4, callbacks=[one])
    assert one.stopped_epoch.tolist() == many.stopped_epoch[:1].tolist()
    assert len(history.epoch) == one.stopped_epoch[0] + 1
    assert all(isinstance(loss, float) for loss in history.history["val_loss"])
    assert model.stop_training is True


def test_the_rate_of_a_plateau_is_in_the_history_and_changes_only_its_network():
    def fit(networks: int) -> tuple[Sequential, list]:
        model = build(networks=networks, optimizer=SGD(0.3))
        lower = ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1)
        return model, model.fit(X, Y, epochs=30, batch_size=4, callbacks=[lower]).history["learning_rate"]

    many, rates = fit(5)
    one, alone = fit(1)
    assert [row[0] for row in rates] == alone
    assert alone[0] == 0.3
    assert alone[-1] < 0.1
    assert len({tuple(column) for column in np.transpose(rates)}) > 1
    assert np.array_equal(many.weight_rows[0], one.weight_rows[0])
    assert many.learning_rate[0] == one.learning_rate <= alone[-1]


def test_a_rate_set_between_fits_is_the_one_of_another_compile():
    model, other = build(networks=2, optimizer=SGD(0.1)), build(networks=2, optimizer=SGD((0.2, 0.05)))
    model.learning_rate = [0.2, 0.05]
    assert model.learning_rate.tolist() == [0.2, 0.05]
    for each in (model, other):
        each.fit(X, Y, epochs=3)
    assert_allclose(model.weight_rows, other.weight_rows, rtol=1e-6)
    model.compile(SGD(0.1), "mse")
    assert model.learning_rate.tolist() == [0.1, 0.1]


def test_a_rate_set_for_one_network_leaves_the_others_to_the_bit():
    rates = np.random.default_rng(2).uniform(0.01, 1, size=(2, 50))
    model = build(networks=50, optimizer=SGD(tuple(rates[0])))
    scale = model.training_state.rate_scale
    scale[:] = rates[1]
    assert ((rates[0] * rates[1]) / rates[0] != rates[1]).any()  # dividing again would not do
    now = model.learning_rate
    now[7] /= 2
    model.learning_rate = now
    assert scale[7] == pytest.approx(rates[1, 7] / 2)
    assert np.array_equal(np.delete(scale, 7), np.delete(rates[1], 7))


def test_the_rate_of_a_schedule_is_in_the_history():
    decay = ExponentialDecay(0.1, decay_steps=5, decay_rate=0.5)
    one = build(optimizer=SGD(decay)).fit(X, Y, epochs=3, batch_size=4).history["learning_rate"]
    assert_allclose(one, [0.05, 0.025, 0.0125])
    by_epoch = build(optimizer=SGD(decay)).fit(X, Y, epochs=3, batch_size=4, callbacks=[Recorder()])
    assert by_epoch.history["learning_rate"] == one
    with pytest.raises(OptionError, match="a schedule sets the learning rate already"):
        build(optimizer=SGD(decay)).fit(X, Y, callbacks=[ReduceLROnPlateau(monitor="loss")])


def test_what_a_callback_adds_to_the_logs_stands_in_the_history_and_may_be_watched():
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(step=abs(epoch - 3)))
    stop = EarlyStopping(monitor="step", mode="min")
    history = build(networks=2).fit(X, Y, epochs=20, callbacks=[add, stop]).history
    assert history["step"] == [3, 2, 1, 0, 1]
    assert len(history["loss"]) == 5


def test_stop_training_ends_the_fit_after_the_epoch_for_all_or_for_some():
    def stop_at(epoch: int, stop: object) -> LambdaCallback:
        def on_epoch_end(now: int, logs: dict) -> None:
            if now == epoch:
                model.stop_training = stop

        return LambdaCallback(on_epoch_end=on_epoch_end)

    model = build(networks=3)
    assert len(model.fit(X, Y, epochs=9, callbacks=[stop_at(2, True)]).epoch) == 3
    assert len(model.fit(X, Y, epochs=9).epoch) == 9  # a new fit begins anew
    loss = model.fit(X, Y, epochs=4, callbacks=[stop_at(1, np.array([True, False, True]))]).history["loss"]
    assert np.isfinite(np.stack(loss)).sum(axis=0).tolist() == [2, 4, 2]
    with pytest.raises(OptionError, match="stop_training: expected True, False or one of them for each network, got"):
        model.stop_training = [True]


# Batches


class Batches(Callback):
    def __init__(self) -> None:
        self.losses: list[list] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.losses.append([])

    def on_train_batch_end(self, batch, logs=None):
        assert batch == len(self.losses[-1])
        self.losses[-1].append(logs["loss"])


@pytest.mark.parametrize("shuffle", [True, False])
def test_batch_after_batch_gives_the_same_bits(shuffle):
    options = {"epochs": 3, "batch_size": 6, "shuffle": shuffle, "sample_weight": RANDOM.uniform(size=20)}
    plain, watched, seen = build(networks=3, l2=0.01), build(networks=3, l2=0.01), Batches()
    expected = plain.fit(X, Y, **options).history["loss"]
    history = watched.fit(X, Y, callbacks=[seen], **options).history["loss"]
    assert np.array_equal(plain.weight_rows, watched.weight_rows)
    assert_allclose(history, expected, rtol=1e-12)
    assert [len(epoch) for epoch in seen.losses] == [4, 4, 4]
    assert np.array_equal([epoch[-1] for epoch in seen.losses], history)  # the epoch's mean so far
    for each in (plain, watched):
        each.fit(X, Y, epochs=2)  # optimiser and counters stand where they would
    assert np.array_equal(plain.weight_rows, watched.weight_rows)


def test_batch_after_batch_with_series_of_different_lengths_and_networks_that_stop():
    x, y = [X[:14], X[:5], X[4:]], [Y[:14], Y[:5], Y[4:]]
    stop = LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", [False, False, epoch == 1])
    )
    made = []
    for callbacks in ([stop], [stop, Batches()]):
        made.append(build(networks=3))
        made[-1].fit(x, y, epochs=3, batch_size=4, callbacks=callbacks)
    assert np.array_equal(made[0].weight_rows, made[1].weight_rows)


def test_stopping_in_a_batch_ends_the_epoch_there():
    model = build()
    stop = LambdaCallback(on_train_batch_end=lambda batch, logs: setattr(model, "stop_training", batch == 1))
    history = model.fit(X, Y, epochs=5, batch_size=5, shuffle=False, callbacks=[stop])
    assert len(history.epoch) == 1
    other = build()
    other.fit(X[:10], Y[:10], batch_size=5, shuffle=False)
    assert np.array_equal(model.weight_rows, other.weight_rows)


# Words


def test_verbose_callbacks_say_what_they_did(capsys):
    stop = EarlyStopping(patience=2, verbose=1, restore_best_weights=True)
    lower = ReduceLROnPlateau(factor=0.5, patience=1, verbose=1)
    build(networks=6).fit(X, Y, epochs=40, validation_split=0.4, callbacks=[stop, lower])
    printed = capsys.readouterr().out.splitlines()
    assert "ReduceLROnPlateau: lowered the rate of" in printed[0]
    count, low, high = (stop.stopped_epoch > 0).sum(), stop.stopped_epoch[stop.stopped_epoch > 0].min() + 1, 0
    high = stop.stopped_epoch.max() + 1
    assert printed[-2] == f"EarlyStopping: stopped {count} of 6 networks, epochs {low} to {high}"
    assert printed[-1].startswith("EarlyStopping: restored the weights of the best epochs, epoch")


def test_a_fit_that_diverges_leaves_finite_weights():
    model = Sequential([SimpleRNN(3, "linear", input_shape=(3, 2)), Dense(1)], seed=0, networks=2)
    model.compile(SGD((0.01, 1e20)), "mse")
    start = model.weight_rows
    with pytest.raises(DivergenceError, match=r"in epoch 2 of 5 \(network 1\): lower the learning rate \(now 1e\+20\)"):
        model.fit(X, Y, epochs=5)
    assert np.array_equal(model.weight_rows[1], start[1])
    alone = Sequential([SimpleRNN(3, "linear", input_shape=(3, 2)), Dense(1)], seed=0)
    alone.compile(SGD(0.01), "mse")
    seen = Recorder()
    alone.fit(X, Y, epochs=5, callbacks=[seen])
    assert np.array_equal(model.weight_rows[0], seen.weight_rows[-1][0])  # the other keeps its best


def _fit(*callbacks: object, **options: object) -> object:
    return build(networks=2).fit(X, Y, callbacks=callbacks, **options)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: _fit("early"), "callbacks: expected objects of timeglass.Callback, got 'early'"),
        (lambda: _fit(EarlyStopping), "EarlyStopping'>: write its parentheses"),
        (lambda: build().fit(X, Y, callbacks=7), "callbacks: expected a list of callbacks, got 7"),
        (
            lambda: _fit(EarlyStopping()),
            "EarlyStopping monitor 'val_loss': this fit has 'loss'; give fit validation_sp",
        ),
        (lambda: _fit(ReduceLROnPlateau("x", mode="min")), "ReduceLROnPlateau monitor 'x': this fit has 'loss'"),
        (
            lambda: EarlyStopping("val_mae"),
            "EarlyStopping monitor 'val_mae': whether less is better is known of losses",
        ),
        (lambda: EarlyStopping(7), "EarlyStopping monitor: expected a name such as 'val_loss', got 7"),
        (lambda: EarlyStopping(mode="least"), "EarlyStopping mode: expected one of 'auto', 'min', 'max', got 'least'"),
        (lambda: EarlyStopping(patience=-1), "EarlyStopping patience: expected a whole number of at least 0, got -1"),
        (lambda: EarlyStopping(min_delta=np.nan), "EarlyStopping min_delta: expected a finite number, got nan"),
        (lambda: EarlyStopping(baseline="a"), "EarlyStopping baseline: expected a finite number or None, got 'a'"),
        (lambda: ReduceLROnPlateau(factor=1.0), "ReduceLROnPlateau factor: expected a number between 0 and 1, got 1.0"),
        (lambda: ReduceLROnPlateau(min_lr=-1), "ReduceLROnPlateau min_lr: expected a number of at least 0, got -1"),
        (lambda: LambdaCallback(on_epoch_end=3), "LambdaCallback on_epoch_end: expected a function, got 3"),
        (
            lambda: setattr(build(), "learning_rate", [1, 2]),
            "learning_rate: expected a number, or one for each of 1 net",
        ),
        (lambda: setattr(build(), "learning_rate", -1.0), "learning_rate: expected a finite number of at least 0, got"),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_a_refusal_says_what_was_expected(call, words):
    with pytest.raises(OptionError) as caught:
        call()
    assert words in str(caught.value)


def test_batches_are_not_shown_of_a_network_with_dropout():
    model = Sequential([SimpleRNN(3, input_shape=(3, 2)), Dropout(0.5), Dense(1)], seed=0)
    model.compile("adam", "mse")
    with pytest.raises(OptionError, match="do not go together with dropout: use on_epoch_begin and on_epoch_end"):
        model.fit(X, Y, callbacks=[Batches()])
