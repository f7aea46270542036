"""`Checkpoint`: a fit stopped at any point and started again ends with the bits of one never stopped."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from timeglass.errors import DataError, InputError, OptionError
from timeglass.model.callbacks import Callback, LambdaCallback
from timeglass.model.checkpoint import Checkpoint
from timeglass.model.history import History
from timeglass.model.sequential import Sequential
from timeglass.model.stopping import EarlyStopping, ReduceLROnPlateau
from timeglass.model.tensor_file import pack, unpack
from timeglass.network.layers import Dense, Dropout, SimpleRNN
from timeglass.train.optimizers import SGD, Adam, RMSprop

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3, 2))
Y = RANDOM.normal(size=20)
EPOCHS = 14


class StoppedError(Exception):
    pass


def stop_after(epoch: int) -> Callback:
    def on_epoch_begin(now: int, logs: dict) -> None:
        if now == epoch:
            raise StoppedError

    return LambdaCallback(on_epoch_begin=on_epoch_begin)


def build(**options) -> Sequential:
    given = {"networks": 4, "seed": 3} | options
    optimizer, l2 = given.pop("optimizer", Adam(0.05)), given.pop("l2", 0.0)
    layers, loss = given.pop("layers", [SimpleRNN(3, input_shape=(3, 2)), Dense(1)]), given.pop("loss", "mse")
    model = Sequential(layers, **given)
    model.compile(optimizer, loss, l2=l2)
    return model


def fit(model: Sequential, *more: Callback, **options) -> History:
    """A fit in which every kind of state plays a part."""
    callbacks = [
        ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=0.01),
        EarlyStopping(patience=3, restore_best_weights=True),
        *more,
    ]
    return model.fit(
        X, Y, **{"epochs": EPOCHS, "batch_size": 6, "validation_split": 0.3} | options, callbacks=callbacks
    )


def same(one: History, other: History) -> bool:
    return list(one.history) == list(other.history) and all(
        np.array_equal(np.stack(column), np.stack(other.history[name]), equal_nan=True)
        for name, column in one.history.items()
    )


@pytest.fixture(scope="module")
def whole() -> tuple[Sequential, History]:
    model = build()
    history = fit(model)
    finite = np.isfinite(np.stack(history.history["loss"])).sum(axis=0)
    assert len(set(finite.tolist())) > 1  # networks stop at different epochs
    return model, history


@pytest.mark.parametrize("epoch", range(1, EPOCHS, 3))
@pytest.mark.parametrize("every", [1, 2])
def test_a_fit_stopped_after_any_epoch_goes_on_as_if_it_had_not_been(whole, tmp_path, epoch, every):
    stopped = min(epoch, len(whole[1].epoch) - 1)
    path = tmp_path / "run.safetensors"
    with pytest.raises(StoppedError):
        fit(build(), Checkpoint(path, every), stop_after(stopped))
    model = build()
    history = fit(model, Checkpoint(path, every))
    assert np.array_equal(model.weight_rows, whole[0].weight_rows)
    assert same(history, whole[1])
    assert history.params["resumed"] == stopped // every * every
    again = build()
    assert same(fit(again, Checkpoint(path, every)), history)  # the file of a finished fit gives its result
    assert np.array_equal(again.weight_rows, whole[0].weight_rows)
    assert list(tmp_path.iterdir()) == [path]


def test_the_best_weights_of_before_are_kept_when_the_resumed_fit_is_interrupted(tmp_path):
    weights, options = [], {"epochs": 30, "validation_split": 0.3}
    keep, first, model = Checkpoint(tmp_path / "run.safetensors"), build(optimizer=SGD(0.5)), build(optimizer=SGD(0.5))
    see = LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append((logs["val_loss"], first.weight_rows)))
    with pytest.raises(StoppedError):
        first.fit(X, Y, callbacks=[see, keep, stop_after(20)], **options)
    with pytest.raises(StoppedError):
        model.fit(X, Y, callbacks=[keep, stop_after(20)], **options)
    best = np.argmin([losses for losses, _ in weights], axis=0)
    assert best.min() < 18
    assert np.array_equal(model.weight_rows, [weights[epoch][1][network] for network, epoch in enumerate(best)])
    assert np.array_equal(model.weight_rows, first.weight_rows)


@pytest.mark.parametrize("optimizer", [SGD(0.05, momentum=0.9), RMSprop(0.01, momentum=0.5, centered=True)], ids=repr)
def test_more_epochs_go_on_from_the_file_and_give_the_same_bits_in_a_further_fit(tmp_path, optimizer):
    """Without validation and callbacks, where the engine trains as many epochs in one call as `every` says."""
    layers = [SimpleRNN(3, input_shape=(3, 2), dropout=0.2), Dropout(0.3), Dense(1)]
    plain, model = (build(optimizer=optimizer, layers=layers, l2=0.01) for _ in range(2))
    expected = plain.fit(X, Y, epochs=11, batch_size=6)
    keep = Checkpoint(tmp_path / "run.safetensors", every=4)
    model.fit(X, Y, epochs=5, batch_size=6, callbacks=[keep])
    fresh = build(optimizer=optimizer, layers=layers, l2=0.01)
    history = fresh.fit(X, Y, epochs=11, batch_size=6, callbacks=[keep])
    assert same(history, expected)
    assert (history.params["resumed"], len(history.epoch)) == (5, 11)
    assert np.array_equal(fresh.weight_rows, plain.weight_rows)
    for each in (plain, fresh):
        each.fit(X, Y, epochs=2)  # slots, steps and random numbers are where they would be
    assert np.array_equal(fresh.weight_rows, plain.weight_rows)


def test_a_callback_of_ones_own_keeps_its_state(tmp_path):
    class Counter(Callback):
        def on_train_begin(self, logs=None):
            self.seen = np.zeros(2)

        def on_epoch_end(self, epoch, logs=None):
            self.seen += [1, epoch]

        def get_state(self):
            return {"seen": self.seen}

        def set_state(self, state):
            self.seen[:] = state["seen"]

    counters = Counter(), Counter()
    keep = Checkpoint(tmp_path / "run.safetensors")
    with pytest.raises(StoppedError):
        build().fit(X, Y, epochs=5, callbacks=[counters[0], keep, stop_after(3)])
    build().fit(X, Y, epochs=5, callbacks=[counters[1], keep])
    assert counters[1].seen.tolist() == [5, 10]


# StoppedError from outside

SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have it ignored
sys.path[:0] = {paths!r}
import numpy as np
from test_checkpoint import SCRIPTED, Checkpoint, scripted
model, history = scripted(Checkpoint({path!r}, every=3))
print("done", model.weight_rows.tobytes().hex(), history.params["resumed"], flush=True)
"""
SCRIPTED = 200  # epochs


def scripted(keep: Checkpoint | None = None) -> tuple[Sequential, History]:
    model = build()
    stop = EarlyStopping(patience=SCRIPTED, restore_best_weights=True)
    slow = LambdaCallback(on_epoch_end=lambda epoch, logs: time.sleep(0.002))  # so that the signal finds it under way
    callbacks = [stop] if keep is None else [stop, slow, keep]
    return model, model.fit(X, Y, epochs=SCRIPTED, batch_size=4, validation_split=0.3, callbacks=callbacks)


def run_until(signal_number: int, path: Path, rounds: int) -> tuple[str, list[int], int]:
    """Runs the script, each time sending the signal a moment after the file has changed; at last lets it end."""
    here = [os.path.dirname(__file__), *[part for part in sys.path if part]]
    codes = []
    for attempt in range(rounds + 1):
        code = SCRIPT.format(paths=here, path=str(path))
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            try:
                if attempt < rounds:
                    before = path.stat().st_mtime_ns if path.exists() else 0
                    while process.poll() is None and (not path.exists() or path.stat().st_mtime_ns == before):
                        time.sleep(0.001)
                    time.sleep(0.017 * attempt)
                    process.send_signal(signal_number)
                out, err = process.communicate(timeout=60)
                codes.append(process.returncode)
            finally:
                process.kill()
    assert out.startswith("done"), err[-2000:]
    _, weights, resumed = out.split()
    return weights, codes, int(resumed)


@pytest.mark.parametrize(("number", "rounds"), [(signal.SIGKILL, 2), (signal.SIGINT, 1)], ids=["SIGKILL", "SIGINT"])
def test_killed_at_any_moment_and_started_again_it_ends_with_the_same_bits(tmp_path, number, rounds):
    model, history = scripted()
    weights, codes, resumed = run_until(number, tmp_path / "run.safetensors", rounds)
    assert codes == [-number] * rounds + [0]
    assert weights == model.weight_rows.tobytes().hex()
    assert 3 <= resumed < SCRIPTED
    assert len(history.epoch) == SCRIPTED


# Refusals


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(build(), Checkpoint(path), epochs=2)
    return path


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"layers": [SimpleRNN(2, input_shape=(3, 2)), Dense(1)]}, "layer 0 differs: the file has SimpleRNN(units=3"),
        ({"layers": [SimpleRNN(3, input_shape=(3, 2)), Dense(1), Dense(1)]}, "layer 2 differs: the file has none"),
        ({"networks": 5}, "networks differs: the file has 4, this fit 5"),
        ({"seed": 4}, "seed differs: the file has 3, this fit 4"),
        ({"optimizer": Adam(0.01)}, "optimizer differs: the file has Adam(learning_rate=0.05"),
        ({"loss": "mae"}, "loss differs: the file has MeanSquaredError(), this fit MeanAbsoluteError()"),
        ({"l2": 0.5}, "l2 differs: the file has 0.0, this fit [0.5, 0.5, 0.5, 0.5]"),
        ({"batch_size": 5}, "batch_size differs: the file has 6, this fit 5"),
        ({"shuffle": False}, "shuffle differs: the file has True, this fit False"),
        ({"x": X + 1}, "x differs: the file has (14, 3, 2), SHA-256"),
        ({"y": np.append(9, Y[1:])}, "y differs: the file has (14, 1), SHA-256"),
        ({"y": np.append(Y[:19], 9)}, "validation y differs: the file has (6, 1), SHA-256"),
        ({"sample_weight": np.ones(20)}, "sample_weight differs: the file has none, this fit (14,), SHA-256"),
        ({"callbacks": []}, "callback ReduceLROnPlateau 0 differs: the file has ReduceLROnPlateau(monitor='loss'"),
        ({"networks": 5, "seed": 1, "shuffle": False, "batch_size": 2}, "batch_size differs"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_the_file_of_another_fit_is_refused_with_what_differs(saved, change, words):
    made = {name: change[name] for name in ("layers", "networks", "seed", "optimizer", "loss", "l2") if name in change}
    options = {name: value for name, value in change.items() if name not in made}
    x, y = options.pop("x", X), options.pop("y", Y)
    callbacks = options.pop("callbacks", [ReduceLROnPlateau(monitor="loss", factor=0.5, patience=1, min_delta=0.01)])
    callbacks = [*callbacks, EarlyStopping(patience=3, restore_best_weights=True), Checkpoint(saved)]
    model, before = build(**made), saved.read_bytes()
    with pytest.raises(OptionError) as caught:
        model.fit(x, y, **{"epochs": 2, "batch_size": 6, "validation_split": 0.3} | options, callbacks=callbacks)
    message = str(caught.value)
    assert message.startswith(f"{saved}: the checkpoint of another fit: ")
    assert words in message or ("more" in message and "networks differs" in message)
    assert message.endswith("remove it or give Checkpoint another path to start afresh")
    assert saved.read_bytes() == before


def test_a_file_with_more_epochs_than_asked_for_is_refused(saved):
    with pytest.raises(OptionError, match=r"has 2 of them already, this fit asks for 1: ask for at least as many"):
        fit(build(), Checkpoint(saved), epochs=1)


def test_a_refused_file_leaves_the_model_as_it_was(saved):
    model, other = build(seed=4), build(seed=4)
    for each in (model, other):
        each.fit(X, Y, epochs=3)
    with pytest.raises(OptionError, match="the checkpoint of another fit"):
        model.fit(X, Y, epochs=3, callbacks=[Checkpoint(saved)])
    for each in (model, other):
        each.fit(X, Y, epochs=3)  # optimiser and random numbers go on where they stood
    assert np.array_equal(model.weight_rows, other.weight_rows)


def check_damaged(path) -> None:
    model = build()
    start = model.weight_rows
    with pytest.raises(DataError) as caught:
        fit(model, Checkpoint(path), epochs=2)
    assert str(caught.value).startswith(f"{path}: ")
    assert "remove it to start afresh" in str(caught.value)
    assert np.array_equal(model.weight_rows, start)


def test_a_truncated_or_altered_file_is_refused_whole(saved):
    good = saved.read_bytes()
    for length in [0, 1, 100, len(good) // 2, len(good) - 1]:
        saved.write_bytes(good[:length])
        check_damaged(saved)
    contents = unpack(KIND, io.BytesIO(good), len(good))
    for place in [contents.start + entry.end - 1 for entry in contents.entries.values()]:  # the last byte of each array
        saved.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        check_damaged(saved)


def test_no_altered_byte_changes_what_is_trained(saved):
    good, expected = saved.read_bytes(), build()
    fit(expected, Checkpoint(saved), epochs=2)
    for place in np.random.default_rng(5).integers(0, len(good), size=60):
        saved.write_bytes(good[:place] + bytes([good[place] ^ 0x11]) + good[place + 1 :])
        model = build()
        try:
            fit(model, Checkpoint(saved), epochs=2)
        except InputError:
            continue
        assert np.array_equal(model.weight_rows, expected.weight_rows)


KIND = ("timeglass checkpoint", 2)


def rewrite(path, kind=KIND, **changes) -> None:
    """Replaces arrays of the file and keys of its header, or with None removes arrays; all checksums are right."""
    content = path.read_bytes()
    contents = unpack(KIND, io.BytesIO(content), len(content))
    header, arrays = contents.header | changes.pop("header", {}), contents.arrays()
    for name, change in changes.items():
        name = name.replace("__", ".")
        if change is None:
            del arrays[name]
        else:
            arrays[name] = change(arrays[name])
    path.write_bytes(pack(kind, header, arrays))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": (KIND[0], 3)}, "made by format version 3, this Timeglass reads 2: install a newer Timeglass"),
        ({"kind": ("timeglass model", 1)}, "it holds a 'timeglass model', not a 'timeglass checkpoint'"),
        ({"kind": ("other", 2)}, "it is no file of Timeglass: its format is not named"),
        ({"header": {"epochs": "two"}}, "its header's epochs is 'two'"),
        ({"header": {"fingerprint": None}}, "its header's fingerprint is None"),
        ({"state__weights": None}, "tensor 'state.weights' is missing"),
        ({"state__weights": lambda a: a * np.nan}, "state.weights has numbers that are not finite"),
        ({"state__weights": lambda a: a[:, :-1].copy()}, "state.weights is float32 (4, 21), expected float32 (4, 22)"),
        ({"state__slots": lambda a: a[:1]}, "state.slots is float32 (1, 4, 22), expected float32 (2, 4, 22)"),
        ({"state__steps": lambda a: a.astype(float)}, "state.steps is float64 (4,), expected int64 (4,)"),
        ({"history__loss": lambda a: np.concatenate([a, a])}, "history and epochs disagree"),
        ({"history__loss": None}, "tensor 'history.loss' is missing"),
        (
            {"callback__EarlyStopping 1__wait": lambda a: a[:1]},
            "callback.EarlyStopping 1.wait is int64 (1,), expected int64 (4,)",
        ),
        ({"state__weights": lambda a: a.astype(np.float16)}, "state.weights is float16 (4, 22), expected float32"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_file_that_does_not_fit_together_is_refused(saved, changes, words):
    rewrite(saved, **changes)
    with pytest.raises(DataError) as caught:
        fit(build(), Checkpoint(saved), epochs=2)
    assert words in str(caught.value)


def test_an_array_said_to_be_larger_than_the_file_is_not_made(saved):
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    header["bomb"] = {"dtype": "F32", "shape": [2**40, 2**10], "data_offsets": [len(content), len(content) + 2**52]}
    changed = json.dumps(header).encode()
    saved.write_bytes(len(changed).to_bytes(8, "little") + changed + content[8 + length :])
    check_damaged(saved)


def test_a_checkpoint_of_before_is_said_to_be_none(saved):
    np.savez(saved.with_suffix(".npz"), header=np.zeros(3, dtype=np.uint8))
    with pytest.raises(DataError, match=r"run\.npz: it is a zip archive, as \.keras and \.npz files are"):
        fit(build(), Checkpoint(saved.with_suffix(".npz")), epochs=2)


def _fit_with(*callbacks: object) -> History:
    return build().fit(X, Y, callbacks=callbacks)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda path: _fit_with(Checkpoint(path / "no" / "run.safetensors")), "there is no folder "),
        (lambda path: _fit_with(Checkpoint(path)), "is a folder: give the name of a file"),
        (
            lambda path: _fit_with(Checkpoint(path / "a"), Checkpoint(path / "b")),
            "expected at most one Checkpoint, got 2",
        ),
        (lambda path: Checkpoint(7), "Checkpoint path: expected the name of a file, got 7"),
        (lambda path: Checkpoint(""), "Checkpoint path: expected the name of a file, got ''"),
        (lambda path: Checkpoint("a", every=0), "Checkpoint every: expected a whole number of at least 1, got 0"),
    ],
    ids=["no folder", "a folder", "two", "number", "empty", "every"],
)
def test_a_path_that_cannot_be_used_is_refused_before_any_work(tmp_path, call, words):
    with pytest.raises(OptionError) as caught:
        call(tmp_path)
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_history_that_is_no_numbers_cannot_be_kept(tmp_path):
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(note="good"))
    with pytest.raises(OptionError, match="Checkpoint: cannot keep history note: expected numbers, got <U4"):
        _fit_with(add, Checkpoint(tmp_path / "run.safetensors"))
