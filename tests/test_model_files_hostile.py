"""Model files from anywhere: damaged, cut, of another kind, or made to do harm. Each is refused in words or right."""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile

import numpy as np
import pytest
from networks import Network, bidirectional, dense, dropout, lstm
from safetensors.numpy import save

from timeglass import Adam, CosineDecay, DataError, Sequential
from timeglass.model.json_file import pack_json
from timeglass.model.saving import model_bytes, model_from_bytes
from timeglass.model.tensor_file import pack, unpack
from timeglass.prepare.scale import MinMaxScaler

KIND = ("timeglass model", 1)
ENDINGS = [".safetensors", ".json"]
each_ending = pytest.mark.parametrize("ending", ENDINGS)


def made() -> Sequential:
    """A small model with something in every place of a file."""
    network = Network(3, 1, (bidirectional(lstm(1, dropout=0.2)), dropout((0.1, 0.3)), dense(1, name="größe")))
    model = network.sequential(networks=2, seed=1)
    model.compile(Adam(CosineDecay((0.1, 0.2), 50), clipnorm=1.0), "huber", l2=(0.0, 0.1))
    model.fit(network.windows(8), network.targets(8), epochs=2)
    model.scaler = MinMaxScaler(1.0, 2.0)
    return model


MODEL = made()
FILES = {ending: model_bytes(MODEL, ending) for ending in ENDINGS}


def state_of(model: Sequential) -> tuple:
    state = model.training_state
    tables = (state.weights, state.slots, state.steps, state.beta_powers, state.numbers, state.rate_scale)
    settings = (model.name, model.seed, model.layers, model.architecture, model.scaler, str(model._compiled))
    return (*settings, state.epochs, *(table.tobytes() for table in tables))


def refusal(content: bytes, ending: str) -> str:
    with pytest.raises(DataError) as caught:
        model_from_bytes(content, ending)
    assert str(caught.value).isprintable()
    return str(caught.value)


# ---- damage


@pytest.mark.slow
@each_ending
def test_ten_thousand_files_of_which_a_byte_or_more_has_changed(ending):
    """Each gives the very same model or a `DataError`: no other error, no other number."""
    good, expected = FILES[ending], state_of(MODEL)
    rng, right = np.random.default_rng(7), 0
    for _ in range(10_000):
        damaged = bytearray(good)
        place, kind = int(rng.integers(len(good))), rng.integers(6)
        if kind == 0:
            damaged[place] ^= 1 << rng.integers(8)
        elif kind == 1:
            damaged[place] = rng.integers(256)
        elif kind == 2:
            del damaged[place:]
        elif kind == 3:
            del damaged[place : place + int(rng.integers(1, 9))]
        elif kind == 4:
            damaged[place:place] = good[(start := int(rng.integers(len(good)))) : start + int(rng.integers(1, 9))]
        else:
            damaged[place : place + 2] = damaged[place : place + 2][::-1]
        try:
            model = model_from_bytes(bytes(damaged), ending)
        except DataError:
            continue
        assert state_of(model) == expected
        right += 1
    # White space of the JSON, what was swapped with its like, and zeros in place of zeros.
    assert 0 < right < 2_000


def test_every_bit_of_the_numbers_counts():
    """The mutations above fall on few of them: here each byte of each array of a smaller model."""
    model = Network(1, 1, (dense(1),)).sequential(seed=0)
    good, rng = model_bytes(model, ".safetensors"), np.random.default_rng(3)
    start = 8 + int.from_bytes(good[:8], "little")
    for place in range(start, len(good)):
        damaged = bytearray(good)
        damaged[place] ^= 1 << rng.integers(8)
        assert "checksum differs at tensor " in refusal(bytes(damaged), ".safetensors")


def test_a_file_cut_anywhere_is_truncated():
    good = FILES[".safetensors"]
    header = 8 + int.from_bytes(good[:8], "little")
    for length in (9, 100, header - 1):
        assert refusal(good[:length], ".safetensors") == f"truncated: {length:,} of more than {header:,} bytes"
    for length in (header, header + 1, len(good) - 1):
        assert refusal(good[:length], ".safetensors") == f"truncated: {length:,} of {len(good):,} bytes"
    assert refusal(good + b"\0\0", ".safetensors") == "damaged: 2 bytes too many after its last tensor"
    good = FILES[".json"]
    for length in range(1, len(good) - 2, 97):
        words = "truncated: its JSON breaks off after"
        assert refusal(good[:length], ".json").startswith(words)


def test_the_damaged_tensor_is_named():
    good = FILES[".safetensors"]
    contents = unpack(KIND, io.BytesIO(good), len(good))
    for name in ("forward_lstm.wh", "größe.by.velocity", "steps"):
        place = contents.start + contents.entries[name].end - 1
        damaged = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        assert refusal(damaged, ".safetensors") == f"damaged: checksum differs at tensor {name}"
    text = FILES[".json"].decode()
    changed = re.sub(r'("steps": \[)(\d)', lambda found: found[1] + str((int(found[2]) + 1) % 10), text)
    assert refusal(changed.encode(), ".json") == "damaged: checksum differs at tensor steps"
    changed = text.replace('"epsilon": 1e-07', '"epsilon": 2e-07')
    assert refusal(changed.encode(), ".json") == "damaged: checksum differs at the header"


# ---- other kinds of files


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("config.json", "{}")
    return made.getvalue()


FOREIGN = {
    "empty": (b"", "it is empty (0 bytes)"),
    "zip": (zipped(), "it is a zip archive, as .keras and .npz files are: a .keras file is opened by from_keras"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "it is an HDF5 file, as .h5 files are: save it as .keras in Keras"),
    "npy": (b"\x93NUMPY\x01\x00v\x00{'descr'", "it is a NumPy array, not a model"),
    "gzip": (b"\x1f\x8b\x08" + bytes(20), "it is a gzip archive: unpack it first"),
    "page": (b"\n<!DOCTYPE html>\n<html><head>" + bytes(99), "it is a web page: use the link to the file itself"),
    "page with a mark": (b"\xef\xbb\xbf<html lang='en'>", "it is a web page: use the link to the file itself"),
    "text": (b"date,y\n1,2\n", "it is no model file: none begins with 64 61 74 65 2c 79 0a 31"),
    "zeros": (bytes(50), "it is no model file: none begins with 00 00 00 00 00 00 00 00"),
    "short": (b"\x05", "it is no model file: none begins with 05"),
    **{
        f"pickle {protocol}": (
            pickle.dumps({"weights": [1.0] * 99}, protocol=protocol),
            "it is a pickle, which may run",
        )
        for protocol in range(2, 6)
    },
}


@each_ending
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_of_another_kind_is_named(kind, ending):
    content, words = FOREIGN[kind]
    assert refusal(content, ending).startswith(words)


def test_a_file_of_ours_under_the_wrong_name():
    words = "it is JSON: a model file in JSON is named .json"
    assert refusal(FILES[".json"], ".safetensors") == words
    assert refusal(FILES[".safetensors"], ".json") == "it is a safetensors file: name it .safetensors"


def test_safetensors_of_another_program():
    weights = {"lstm.weight": np.zeros((3, 2), dtype=np.float32)}
    for metadata in (None, {"format": "pt"}):
        words = "it is a safetensors file of another program: it has no 'timeglass' in its metadata"
        assert refusal(save(weights, metadata), ".safetensors") == words
    assert refusal(b'{"weights": [1, 2]}', ".json") == "it is no file of Timeglass: its format is not named"
    assert refusal(b'{"format": "timeglass checkpoint"}', ".json") == (
        "it holds a 'timeglass checkpoint', not a 'timeglass model': "
        "give its path to Checkpoint, in the fit that wrote it"
    )


def contents_of(ending: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays of the good file, to be changed and sealed anew."""
    good = FILES[".safetensors"]
    contents = unpack(KIND, io.BytesIO(good), len(good))
    return json.loads(json.dumps(contents.header)), contents.arrays()


def resealed(ending: str, header: dict, arrays: dict, kind: tuple = KIND) -> bytes:
    """With all checksums right, as an attacker would."""
    return (pack if ending == ".safetensors" else pack_json)(kind, header, arrays)


@each_ending
def test_another_version_is_named(ending):
    header, arrays = contents_of(ending)
    newer = resealed(ending, {**header, "more": 1}, arrays, ("timeglass model", 3))
    assert refusal(newer, ending) == "made by format version 3, this Timeglass reads 1: install a newer Timeglass"
    older = resealed(ending, header, arrays, ("timeglass model", 0))
    assert refusal(older, ending).endswith("reads 1: open it with the Timeglass that made it")
    for version in (True, 1.0, "1", None, [1]):
        assert "damaged: its version is " in refusal(resealed(ending, header, arrays, (KIND[0], version)), ending)


# ---- files whose checksums are right


def places(value, path=()):
    """Every place in a header."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


HOSTILE = [
    None, True, False, -1, 0, 1, 2, 7, 10**19, -(10**18), 0.5, -0.0, 1e308, 5e-324, "", "x", "SimpleRNN", "../../etc",
    "\ud800", "__class__", [], [[]], [0.1, 0.2], [1] * 3, {}, {"class": "Dense"}, {"class": "SimpleRNN", "units": 2},
    {"class": ["Dense"]}, {"class": "os.system", "command": "true"}, {"__reduce__": []}, "x" * 5000,
]  # fmt: skip


@each_ending
def test_headers_that_were_changed_and_sealed_anew(ending):
    """Whatever stands anywhere: a `DataError`, or a model that has it and gives finite forecasts."""
    header, arrays = contents_of(ending)
    everywhere, rng = [path for path in places(header) if path], np.random.default_rng(4)
    taken = 0
    for _ in range(600):
        changed = json.loads(json.dumps(header))
        for _ in range(1 + (rng.random() < 0.3)):
            path = everywhere[rng.integers(len(everywhere))]
            change(changed, path, int(rng.integers(6)), HOSTILE[rng.integers(len(HOSTILE))])
        try:
            model = model_from_bytes(resealed(ending, changed, arrays), ending)
        except DataError:
            continue
        taken += 1
        if model.architecture.time_steps == 3:
            assert np.isfinite(model.predict(np.ones((1, 3, model.architecture.features)))).all()
        assert state_of(model_from_bytes(model_bytes(model, ending), ending)) == state_of(model)
    assert 15 < taken < 200


def change(header: dict, path: tuple, kind: int, value) -> None:
    """Replaces, removes or adds what stands there; does nothing where another change has removed it."""
    *way, last = path
    try:
        for key in way:
            header = header[key]
        if kind == 0:
            del header[last]
        elif kind == 1 and isinstance(header, dict):
            header[f"{last}_"] = header[last]
        else:
            header[last] = value
    except (KeyError, IndexError, TypeError):
        pass


CHANGES = {
    "unknown class": (("layers", 2, "class"), "Lambda", "layer 2: expected the class SimpleRNN, GRU, LSTM, Bidirec"),
    "class of another place": (("layers", 2, "class"), "Adam", "layer 2: expected the class SimpleRNN, GRU, LSTM"),
    "no class": (("layers", 2), 5, "layer 2: expected the class SimpleRNN, GRU, LSTM"),
    "unknown key": (("layers", 2, "registered_name"), "x", "layer 2: unknown key 'registered_name', expected class, u"),
    "units": (("layers", 2, "units"), 0, "layer 2: Dense units: expected a whole number of at least 1, got 0"),
    "inner": (("layers", 0, "layer", "units"), 2.0, "layer 0 layer: LSTM units: expected a whole number of at least 1"),
    "inner class": (("layers", 0, "layer", "class"), "Dense", "layer 0 layer: expected the class SimpleRNN, GRU, L"),
    "no inner": (("layers", 0, "layer"), None, "layer 0: Bidirectional layer: expected a SimpleRNN, GRU or LSTM, got"),
    "flag": (("layers", 2, "use_bias"), 1, "layer 2 use_bias: expected true or false, got '1'"),
    "list": (("layers", 1, "rate"), [0.1, "x"], "layer 1 rate: expected a list of numbers"),
    "rates": (("layers", 1, "rate"), [0.1, 0.2, 0.3], "network: dropout: 3 dropout rates for 2 networks"),
    "layers do not fit": (("layers", 1), {"class": "Masking", "mask_value": 0, "input_shape": None, "name": None},
                          "network: Masking(mask_value=0, input_shape=None, name=None) needs a sequence"),
    "no layers": (("layers",), [], "layers: expected a list of 1 to 1,000"),
    "no shape": (("input_shape",), None, "input_shape: expected [time steps, features], got 'None'"),
    "shape": (("input_shape",), [3, 0], "network: Input shape: expected (time steps, features)"),
    "shape 2": (("layers", 2, "input_shape"), [3, 1], "a layer's input_shape contradicts the network's, (3, 1)"),
    "networks": (("networks",), 0, "networks: expected a whole number from 1 to 4294967296, got '0'"),
    "more networks": (("networks",), 3, "network: dropout: 2 dropout rates for 3 networks"),
    "seed": (("seed",), -1, "network: seed: expected a whole number from 0 to 2**64 - 1, got -1"),
    "name": (("name",), None, "name: expected a text, got 'None'"),
    "optimizer": (("compile", "optimizer", "class"), "Lion", "optimizer: expected the class SGD, RMSprop, Adam, Ada"),
    "beta": (("compile", "optimizer", "beta_1"), 1, "optimizer: Adam beta_1: expected a number from 0 to below 1, got"),
    "schedule": (("compile", "optimizer", "learning_rate", "decay_steps"), 0, "optimizer learning_rate: CosineDecay "),
    "rates of too few": (("compile", "optimizer", "learning_rate"), [0.1], "compile: Adam learning_rate: expected one"),
    "loss": (("compile", "loss", "delta"), -1, "loss: Huber delta: expected a finite number above 0, got -1"),
    "l2": (("compile", "l2"), [0.1, -0.1], "compile: l2[1]: expected a finite number of at least 0, got -0.1"),
    "epochs": (("training", "epochs"), -1, "training epochs: expected a whole number from 0 to 4294967295, got '-1'"),
    "slots": (("training", "slots"), ["velocity"], "training slots: expected ['momentum', 'velocity'], or none of "),
    "no slots": (("training", "slots"), [], "tensor 'backward_lstm.bh.momentum' does not belong to it"),
    "scaler": (("scaler", "high"), 1.0, "scaler: MinMaxScaler: expected two finite numbers, the lower one first, got"),
    "scaler 2": (("scaler", "class"), "Pickle", "scaler: expected the class MinMaxScaler, got 'Pickle'"),
    "wider": (("layers", 2, "units"), 2, ("tensor größe.wy is float32 (2, 2, 1), expected float32 (2, 2, 2)",
                                          "tensor 'größe.wy': expected a list of 2, got 1 of them")),
    "another name": (("layers", 2, "name"), "x", "tensor 'x.by' is missing"),
}  # fmt: skip


@each_ending
@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_fit_is_named(name, ending):
    (*way, last), value, words = CHANGES[name]
    header, arrays = contents_of(ending)
    place = header
    for key in way:
        place = place[key]
    place[last] = value
    words = words if isinstance(words, str) else words[ENDINGS.index(ending)]
    assert refusal(resealed(ending, header, arrays), ending).startswith(words)
