"""A network is what it would be alone: no bit of it depends on who is trained beside it, or on who looks on."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import networks
import numpy as np
import pytest

from timeglass import (
    GRU,
    SGD,
    Callback,
    Dense,
    DivergenceError,
    Dropout,
    EarlyStopping,
    Input,
    InputError,
    LambdaCallback,
    OptionError,
    ReduceLROnPlateau,
    Sequential,
    ShapeError,
    SimpleRNN,
)  # fmt: skip

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 6, 1)).astype(np.float32), RNG.normal(size=(40, 1)).astype(np.float32)


def made(count: int = 1, layer: Any = None, **options: Any) -> Sequential:
    model = Sequential([Input((6, 1)), layer or SimpleRNN(3), Dense(1)], networks=count, seed=4, **options)
    model.compile("adam", "mse")
    return model


@networks.needs_kernel
@pytest.mark.parametrize("batch_size", [None, 8, 16])
def test_series_of_other_lengths_beside_it(batch_size):
    both = made(2)
    both.fit([X[:10], X], [Y[:10], Y], epochs=3, batch_size=batch_size)
    for network, length in enumerate((10, 40)):
        alone = made(2)
        alone.fit([X[:length]] * 2, [Y[:length]] * 2, epochs=3, batch_size=batch_size)
        assert alone.weight_rows[network].tobytes() == both.weight_rows[network].tobytes()


@networks.needs_kernel
@pytest.mark.parametrize("batch_size", [4, 16, 32])
def test_callbacks_for_batches(batch_size):
    plain, watched, seen = made(3), made(3), []
    plain.fit(X[:20], Y[:20], epochs=3, batch_size=batch_size)
    look = LambdaCallback(on_train_batch_end=lambda batch, _: seen.append(batch))
    watched.fit(X[:20], Y[:20], epochs=3, batch_size=batch_size, callbacks=[look])
    assert len(seen) == 3 * -(-20 // batch_size)
    assert plain.weight_rows.tobytes() == watched.weight_rows.tobytes()


class _StopSecond(Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.model.stop_training = np.array([False, True]) if epoch == 1 else self.model.stop_training


@networks.needs_kernel
def test_a_network_without_dropout_whose_neighbour_with_it_stops():
    one, other = (made(2, SimpleRNN(3, dropout=(0.0, rate))) for rate in (0.5, 0.0))
    one.fit(X, Y, epochs=4, batch_size=4, callbacks=[_StopSecond()])
    other.fit(X, Y, epochs=4, batch_size=4)
    assert one.weight_rows[0].tobytes() == other.weight_rows[0].tobytes()


@pytest.mark.parametrize("engine", ["numpy", pytest.param("lanes", marks=networks.needs_kernel)])
def test_divergence_names_the_epoch_and_the_network_and_does_not_train_to_the_end(engine):
    model = made(16, engine=engine)
    model.compile(SGD((*(1e-3,) * 7, 1e18, *(1e-3,) * 8)), "mse")
    start, epochs = model.weight_rows, 10**6 if engine == "lanes" else 3  # a million epochs would take minutes
    with pytest.raises(DivergenceError, match=r"in epoch [12] of [0-9]+ \(network 7\): lower the learning rate"):
        model.fit(X, Y, epochs=epochs, batch_size=8)
    assert np.isfinite(model.weight_rows).all()
    assert model.weight_rows[7].tobytes() == start[7].tobytes() or np.abs(model.weight_rows[7]).max() < 1e30


@networks.needs_kernel
def test_divergence_ends_a_fit_that_several_threads_share(monkeypatch):
    monkeypatch.setenv("TIMEGLASS_THREADS", "2")
    model = made()
    model.compile(SGD(1e18), "mse")
    with pytest.raises(DivergenceError, match=r"in epoch [12] of 1000000 \(network 0\)"):
        model.fit(np.tile(X, (4, 1, 1)), np.tile(Y, (4, 1)), epochs=10**6, batch_size=64)


@pytest.mark.parametrize("callback", [EarlyStopping(), ReduceLROnPlateau()])
def test_a_monitor_that_there_is_not_is_refused_before_any_training(callback):
    model = made()
    start = model.weight_rows
    with pytest.raises(OptionError, match=r"monitor 'val_loss': this fit has 'loss'; give fit validation_split"):
        model.fit(X, Y, callbacks=[callback])
    assert model.weight_rows.tobytes() == start.tobytes()


def test_what_is_not_finite_does_not_leave():
    model = Sequential([Input((1, 1)), Dense(1)], seed=0)
    model.compile("sgd", "mse")
    model.set_weights([[[10.0]], [0.0]])
    big = np.full((3, 1, 1), 3e38, dtype=np.float32)
    with pytest.raises(InputError, match=r"^predict: the forecast of window 0 by network 0 is not finite: scale"):
        model.predict(big)
    with pytest.raises(InputError, match=r"^evaluate: the loss by network 0 is not finite"):
        model.evaluate(big, big)
    with pytest.raises(DivergenceError, match="diverged in epoch 1 of 2"):
        model.fit(big * 0, big * 0, epochs=2, validation_data=(big, big))


def test_a_layer_that_does_not_fit_leaves_the_network_as_it_was():
    model = made()
    weights = model.weight_rows
    with pytest.raises(ShapeError, match="needs a sequence"):
        model.add(GRU(2))
    assert len(model.layers) == 2
    assert model.weight_rows.tobytes() == weights.tobytes()
    model.add(Dense(2))
    assert model.architecture.output_shape == (2,)
    for wrong, words in ((SimpleRNN(2, input_shape=(5, 1)), "contradicts"), (Dense(1, input_shape=(6, 1)), "only the")):
        with pytest.raises(ShapeError, match=words):
            Sequential([Input((6, 1)), *([SimpleRNN(1)] * (words == "only the")), wrong])


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_model_can_be_copied_and_sent(duplicate):
    model = made(2)
    model.fit(X, Y, epochs=1)
    other = duplicate(model)
    for one in (model, other):
        one.fit(X, Y, epochs=1)
    assert other.weight_rows.tobytes() == model.weight_rows.tobytes()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: m.fit(X, Y, validation_data=(X * np.nan, Y)), InputError, "validation_data: x[0, 0, 0] is nan"),
        (lambda m: m.fit(X, Y, validation_data=(X, Y, -np.ones(40))), OptionError, "validation_data: sample_weight"),
        (lambda m: m.fit(X, Y, sample_weight=np.ones((40, 1))), ShapeError, "expected shape (40,) or (1, 40), got"),
        (lambda m: m.fit([X[:, :, 0], X[:9, :, 0]], Y), ShapeError, "a list of 2 arrays of two axes: give one array"),
        (lambda m: m.fit(X, np.array([["1.5"]] * 40, dtype=object)), InputError, "y: expected real numbers"),
        (lambda m: m.fit(X, Y, shuffle="False"), OptionError, "shuffle: expected True or False, got 'False'"),
        (lambda m: Sequential([Input((6, 1)), SimpleRNN(10**6)]), OptionError, "fewer units or networks"),
    ],
)  # fmt: skip
def test_what_is_refused_in_which_words(call, error, words):
    with pytest.raises(error) as caught:
        call(made())
    assert words in str(caught.value)


@pytest.mark.parametrize("solver", ["lbfgs", "levenberg_marquardt"])
def test_solvers_refuse_networks_without_weights(solver):
    model = Sequential([Input((1, 1)), Dropout(0.0)])
    model.compile(solver, "mse")
    with pytest.raises(OptionError, match="no weights to train"):
        model.fit(np.zeros((3, 1, 1)), np.zeros((3, 1, 1)))


def test_a_fit_of_no_epoch_has_an_empty_history():
    stop = LambdaCallback(on_train_begin=lambda _: setattr(model, "stop_training", True))
    model = made()
    history = model.fit(X, Y, epochs=3, callbacks=[stop])
    assert history.epoch == []
