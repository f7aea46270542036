"""Ctrl-C: it arrives within 0.2 s, each network keeps its best weights so far, and the model is fit for use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from timeglass.errors import OptionError
from timeglass.model.callbacks import Callback, LambdaCallback
from timeglass.model.checkpoint import Checkpoint
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Dense, SimpleRNN
from timeglass.train.optimizers import SGD

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(24, 4, 2))
Y = RANDOM.normal(size=24)
NETWORKS = 6
EPOCHS = 10**6  # more than are done before the signal comes
RECORDS = 2000  # epochs in which all networks have come to the weights they keep
SLOWNESS = 5  # of a machine with other things to do


def build(**options) -> Sequential:
    """A rate so high that losses go up and down, and each network has its best epoch somewhere else."""
    model = Sequential([SimpleRNN(4, input_shape=(4, 2)), Dense(1)], networks=NETWORKS, seed=1, **options)
    model.compile(SGD(0.3), "mse")
    return model


def data_for(model: Sequential) -> tuple[np.ndarray, np.ndarray]:
    """So much that an epoch takes milliseconds."""
    times = 400 if model.engine == "lanes" else 1
    return np.tile(X, (times, 1, 1)), np.tile(Y, times)


class Recorder(Callback):
    def __init__(self) -> None:
        self.weight_rows: list[np.ndarray] = []
        self.logs: list[dict] = []

    def on_epoch_end(self, epoch, logs=None):
        self.weight_rows.append(self.model.weight_rows)
        self.logs.append(dict(logs or {}))

    def best(self, name: str, epochs: int) -> tuple[np.ndarray, np.ndarray]:
        """Each network's best epoch among the first, and its weights there."""
        best = np.argmin([logs[name] for logs in self.logs[:epochs]], axis=0)
        return best, np.array([self.weight_rows[epoch][network] for network, epoch in enumerate(best)])


def interrupt_at(share: float):
    def on_progress(done: float) -> None:
        if done >= share:
            raise KeyboardInterrupt

    return on_progress


@pytest.mark.parametrize("validation_split", [0.0, 0.25])
@pytest.mark.parametrize("watched", ["", "on_epoch_end", "on_train_batch_end"], ids=["", "by epoch", "by batch"])
def test_each_network_keeps_the_weights_of_its_best_epoch(validation_split, watched):
    seen, options = Recorder(), {"epochs": 20, "batch_size": 4, "validation_split": validation_split}
    build(engine="numpy").fit(X, Y, callbacks=[seen], **options)
    model = build(engine="numpy")
    callbacks = [LambdaCallback(**{watched: lambda number, logs: None})] if watched else []
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, on_progress=interrupt_at(0.624), callbacks=callbacks, **options)  # in the thirteenth epoch
    epochs, weights = seen.best("val_loss" if validation_split else "loss", 12)
    assert np.array_equal(model.weight_rows, weights)
    assert len(set(epochs.tolist())) > 1
    if validation_split:
        lowest = np.min([logs["val_loss"] for logs in seen.logs[:12]], axis=0)
        assert np.array_equal(model.evaluate(X[18:], Y[18:]), lowest)


def test_in_the_first_epoch_the_weights_stay_as_they_are_and_a_fit_goes_on_from_there():
    model = build(engine="numpy")
    start = model.weight_rows
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=5, batch_size=4, on_progress=interrupt_at(0.1))
    assert not np.array_equal(model.weight_rows, start)
    other = build(engine="numpy")
    other.weight_rows = model.weight_rows
    for each in (model, other):  # the optimiser starts afresh
        each.fit(X, Y, epochs=2)
    assert np.array_equal(model.weight_rows, other.weight_rows)


def test_the_best_of_an_earlier_fit_does_not_come_back():
    model, other, seen = build(engine="numpy"), build(engine="numpy"), Recorder()
    for each in (model, other):
        each.fit(X, Y, epochs=10)
    other.fit(X, Y + 10, epochs=3, callbacks=[seen])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y + 10, epochs=10, on_progress=interrupt_at(0.35))
    assert np.array_equal(model.weight_rows, seen.best("loss", 3)[1])


def test_an_error_in_a_callback_keeps_the_best_too():
    def fail(epoch: int, logs: dict) -> None:
        if epoch == 7:
            raise RuntimeError("in a callback")

    seen, model = Recorder(), build()
    with pytest.raises(RuntimeError, match="in a callback"):
        model.fit(X, Y, epochs=20, batch_size=4, callbacks=[seen, LambdaCallback(on_epoch_end=fail)])
    assert np.array_equal(model.weight_rows, seen.best("loss", 8)[1])


SCRIPT = """
import json, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have it ignored
sys.path[:0] = {paths!r}
from test_interrupt import X, build, data_for
model, told = build(engine={engine!r}), []
def on_progress(share):
    if share > 5 / {epochs} and not told:
        told.append(print("under way", flush=True))
try:
    model.fit(*data_for(model), epochs={epochs}, batch_size=4, validation_split={split}, on_progress=on_progress)
except KeyboardInterrupt:
    print(json.dumps([time.monotonic(), model.weight_rows.tolist(), model.predict(X[:1])[:, 0, 0].tolist()]))
"""


@pytest.mark.parametrize("split", [0.0, 0.25])
@pytest.mark.parametrize("engine", ["numpy", None])
def test_a_real_signal_ends_a_fit_in_a_fifth_of_a_second_with_the_best_weights(engine, split):
    here = [os.path.dirname(__file__), *[part for part in sys.path if part]]
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(paths=here, engine=engine, split=split, epochs=EPOCHS)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "under way\n"
            time.sleep(0.05)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            ended, weights, forecasts = json.loads(process.communicate(timeout=30)[0])
        finally:
            process.kill()
    assert ended - sent < 0.2 * SLOWNESS
    # They are each network's record so far: found again by training until all of them have come by.
    model, kept, found = build(engine=engine), np.array(weights, dtype=np.float32), np.zeros(NETWORKS, dtype=bool)
    again = build(engine=engine)
    again.weight_rows = kept
    assert np.array_equal(again.predict(X[:1])[:, 0, 0].astype(float), forecasts)
    record = np.full(NETWORKS, np.inf)

    def look(epoch: int, logs: dict) -> None:
        losses = logs["val_loss" if split else "loss"]
        record[~found] = np.minimum(record, losses)[~found]
        found[(model.weight_rows == kept).all(axis=1) & (losses == record)] = True
        model.stop_training = bool(found.all())

    options = {"epochs": RECORDS, "batch_size": 4, "validation_split": split}
    model.fit(*data_for(model), callbacks=[LambdaCallback(on_epoch_end=look)], **options)
    assert found.all()


def test_the_same_model_goes_on_after_an_interruption_and_starts_no_other_fit(tmp_path):
    x, y = np.random.default_rng(0).normal(size=(20, 4, 1)).astype(np.float32), np.ones((20, 1), dtype=np.float32)

    def made() -> Sequential:
        model = Sequential([SimpleRNN(3, input_shape=(4, 1)), Dense(1)], seed=0)
        model.compile("adam", "mse")
        return model

    def stop(epoch: int, _logs: object) -> None:
        if epoch == 4:
            raise KeyboardInterrupt

    whole, broken = made(), made()
    whole.fit(x, y, epochs=9)
    point = tmp_path / "point"
    with pytest.raises(KeyboardInterrupt):
        broken.fit(x, y, epochs=9, callbacks=[Checkpoint(point), LambdaCallback(on_epoch_end=stop)])
    done = broken.fit(x, y, epochs=9, callbacks=[Checkpoint(point)])
    assert done.params["resumed"] == 4
    assert broken.weight_rows.tobytes() == whole.weight_rows.tobytes()
    # A further fit is another one, and so is one from other weights.
    for other in (broken, made()):
        other.weight_rows = other.weight_rows + np.float32(0.5)
        with pytest.raises(OptionError, match="weights at the start differs"):
            other.fit(x, y, epochs=9, callbacks=[Checkpoint(point)])
