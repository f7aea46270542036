"""Reading `.keras` files: what Keras wrote, and what was cut, bent, swapped or made to harm. Keras is not run."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import pytest
from keras_file import GOLDEN, PARTS, WEIGHTS, bent, layer, packed, record, refusal_of
from numpy.testing import assert_allclose

from timeglass import Bidirectional, DataError, InputError, LinearSkip, Masking, OptionError
from timeglass.exchange.keras import from_keras
from timeglass.exchange.keras_archive import read_json
from timeglass.exchange.keras_hdf5 import Hdf5
from timeglass.exchange.keras_place import Place


@pytest.fixture
def refusal(tmp_path):
    """The words with which a file of these bytes is refused."""
    return lambda data: refusal_of(data, tmp_path / "m.keras")


# ---- what Keras wrote


def test_layers_names_weights_and_forecasts_of_a_file_of_keras():
    model = from_keras(GOLDEN, seed=3)
    expected = json.loads(GOLDEN.with_suffix(".json").read_text(encoding="utf-8"))["forecasts"]
    assert_allclose(model.predict(record.windows()), expected, rtol=0, atol=2e-6)
    assert (model.name, model.seed, model.count_params()) == ("my forecaster", 3, 329)
    assert [node.name for node in model.architecture.layers] == [
        "masking_9", "forward_gru_7", "backward_gru_7", "both ways", "forward_simple_rnn", "from the end", "pair",
        "lstm_3", "simple_rnn_3", "dropout_1", "dense", "trend",
    ]  # fmt: skip
    for node, arrays in zip(
        model.architecture.layers, model.architecture.split(model.training_state.weights), strict=True
    ):
        for number, array in enumerate(arrays.values()):
            assert np.array_equal(array[0], record.weights_of(node.name, number, array.shape[1:]))
    masking, both, pair, lstm, rnn, dropout, dense, skip = model.layers
    assert isinstance(masking, Masking)
    assert isinstance(both, Bidirectional)
    assert (both.merge_mode, both.backward_layer, both.layer.kind) == ("sum", None, "gru")
    assert (pair.merge_mode, pair.backward_layer.kind, pair.backward_layer.name) == ("concat", "gru", "from the end")
    assert (lstm.dropout, rnn.activation, rnn.go_backwards, rnn.use_bias) == (0.25, "relu", True, False)
    assert (dropout.rate, dense.activation, skip) == (0.2, "tanh", LinearSkip(4, name="trend"))


def test_reading_a_file_imports_nothing_of_keras():
    code = (
        "import sys\n"
        "for name in ('keras', 'h5py', 'jax', 'tensorflow', 'torch'): sys.modules[name] = None\n"
        "before = set(sys.modules)\n"
        "from timeglass.exchange.keras import from_keras\n"
        f"model = from_keras({str(GOLDEN)!r}, engine='numpy')\n"
        "print(model.count_params(), {m.split('.')[0] for m in set(sys.modules) - before} & {'keras', 'h5py', 'jax'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "329 set()"


def test_each_array_of_the_file_bit_for_bit():
    reader = Hdf5(WEIGHTS, Place("w"))
    assert reader.members("layers/lstm/cell/vars") == ["0", "1", "2"]
    assert np.array_equal(reader.array("layers/lstm/cell/vars/1", (2, 8)), record.weights_of("lstm_3", 1, (2, 8)))


def test_windows_of_any_length_need_time_steps(tmp_path):
    def open_time(config: dict[str, Any]) -> None:
        layer(config, "input_layer")["config"]["batch_shape"][1] = None

    path = tmp_path / "m.keras"
    path.write_bytes(bent(open_time))
    with pytest.raises(OptionError, match=r"time_steps: the model takes windows of any length.*such as time_steps=12"):
        from_keras(path)
    assert from_keras(path, time_steps=8).architecture.time_steps == 8
    with pytest.raises(OptionError, match=r"time_steps: the model's windows have 8 time steps, got 9: leave it out"):
        from_keras(GOLDEN, time_steps=9)
    with pytest.raises(OptionError, match="time_steps"):
        from_keras(path, time_steps=0)


# ---- no archive, or a damaged one


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty (0 bytes)"),
        (b"\x89HDF\r\n\x1a\n" + b"\0" * 600, "is an HDF5 file, Keras's older format: open it with Keras 3"),
        (b"\x80\x04\x95\x10\0\0\0", "is a pickle, which would run code when opened"),
        (b"<!DOCTYPE html><html>404</html>", "is a web page, not a model"),
        (b"\n  <html>", "is a web page, not a model"),
        (b"\x1f\x8b\x08\0", "is compressed with gzip"),
        (PARTS["config.json"], "is JSON, a model without weights"),
        (b"PK\x05\x06" + b"\0" * 18, "is an archive without members"),
        (b"hello" * 100, "is no .keras file: save the model with Keras 3"),
    ],
)
def test_other_files_are_named(refusal, data, words):
    assert refusal(data).startswith(words)


def test_paths_and_sources_that_are_none(tmp_path):
    with pytest.raises(DataError, match=r"no file .*none.keras"):
        from_keras(tmp_path / "none.keras")
    with pytest.raises(DataError, match="is a folder"):
        from_keras(tmp_path)
    with pytest.raises(OptionError, match="download the file first"):
        from_keras("https://example.com/m.keras")
    for source in (None, 3, b"m.keras", ["m.keras"]):
        with pytest.raises(OptionError, match=r"expected a keras.Model or the path of a .keras file"):
            from_keras(source)


def test_a_file_cut_anywhere_is_refused(refusal):
    whole = packed(PARTS)
    for end in [*range(1, len(whole), 331), len(whole) - 1]:
        assert refusal(whole[:end])
    assert refusal(whole[:-1]) == "its end is not that of an archive: cut short, or something was put behind it"
    assert refusal(whole + b"x") == refusal(whole[:-1])
    assert refusal(whole[:-2] + b"\1\0") == refusal(whole[:-1])  # a comment that is not there


def test_flipped_bits_are_refused_by_the_checksums(refusal):
    whole, rng = packed(PARTS), random.Random(1)
    at = whole.index(b"\x89HDF")
    for _ in range(40):
        data = bytearray(whole)
        data[at + rng.randrange(len(WEIGHTS))] ^= 1 << rng.randrange(8)
        assert refusal(bytes(data)) == "damaged: Bad CRC-32 for file 'model.weights.h5'"


@pytest.mark.slow
@pytest.mark.parametrize("part", ["config.json", "model.weights.h5"])
def test_changed_bytes_with_the_right_checksum_are_refused_or_harmless(part, tmp_path):
    rng, path, taken = random.Random(2), tmp_path / "m.keras", 0
    messages = []
    for _ in range(250):
        data = bytearray(PARTS[part])
        for _ in range(rng.choice([1, 3, 30])):
            data[rng.randrange(len(data))] = rng.choice([0, 1, 8, 255, rng.randrange(256)])
        path.write_bytes(packed(PARTS | {part: bytes(data)}))
        try:
            model = from_keras(path, engine="numpy")
        except InputError as error:
            messages.append(str(error))
        else:
            taken += 1
            assert np.isfinite(model.training_state.weights).all()
    assert taken or part == "config.json"  # HDF5 has gaps that nobody reads
    assert len(messages) > 50
    assert all(message.isprintable() for message in messages)


def test_members_that_are_missing_or_too_many(refusal):
    for name in PARTS:
        left = {other: data for other, data in PARTS.items() if other != name}
        assert refusal(packed(left)).startswith(f"has no {name}: save the model with Keras 3")
    for name in ("../../etc/passwd", "/etc/passwd", "assets/x", "__MACOSX/._config.json", "config.json/"):
        words = f"holds {name!r}: expected metadata.json, config.json, model.weights.h5 and nothing else"
        assert refusal(packed(PARTS | {name: b"x"})) == words
    assert refusal(packed({"m/data.pkl": b"\x80\x02"})) == "is a PyTorch file, not one of Keras's"
    twice = packed(PARTS | {"config.jsom": PARTS["config.json"]}).replace(b"config.jsom", b"config.json")
    assert refusal(twice) == "holds config.json 2 times: expected each member once"


def test_bombs_are_not_unpacked(refusal):
    zeros = b"\0" * (20 * 2**20)
    bomb = packed(PARTS | {"model.weights.h5": zeros}, zipfile.ZIP_DEFLATED)
    assert "model.weights.h5: would unpack" in (words := refusal(bomb))
    assert words.endswith("to 20,971,520, more than 100 times as many")
    spaces = packed(PARTS | {"config.json": b" " * (3 * 2**20)})
    assert refusal(spaces) == "config.json: has 3,145,728 bytes, at most 2,097,152 are read"
    assert "list of members is longer" in refusal(packed(PARTS | {f"{i:0200}": b"" for i in range(400)}))
    lzma = packed(PARTS, zipfile.ZIP_LZMA)
    assert refusal(lzma).endswith("is packed in way 14: expected stored or deflated")


def test_encrypted_members_are_refused(refusal):
    data = bytearray(packed(PARTS))
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    assert refusal(bytes(data)) == "metadata.json: is encrypted"


# ---- JSON


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[" * 10**6, "config.json: is nested more than 50 deep"),
        (b'{"a":' * 60 + b"1" + b"}" * 60, "config.json: is nested more than 50 deep"),
        (b'{"a": 1, "a": 2}', "config.json: the name 'a' comes twice in one object"),
        # To look through all names again for each would take minutes.
        (
            b"{" + b"".join(b'"%d": 1, ' % i for i in range(40_000)) + b'"7": 2}',
            "config.json: the name '7' comes twice",
        ),
        (b'{"a": NaN}', "config.json: expected finite numbers, found NaN"),
        (b'{"a": }', "config.json: line 1, column 7: Expecting value"),
        (b'{"\xff": 1}', "config.json: byte 2 is not UTF-8"),
        (b"9" * 5000, "config.json: Exceeds the limit"),
        (b"[]", "config.json: expected a Keras model with a list of layers"),
        (b"null", "config.json: expected a Keras model with a list of layers"),
    ],
)
def test_hostile_json(refusal, text, words):
    assert refusal(packed(PARTS | {"config.json": text})).startswith(words)


def test_brackets_in_strings_are_no_depth_and_quotes_cost_no_time():
    text = json.dumps({"a": "[" * 100 + '"\\' + "{" * 100}).encode()
    assert read_json(text, Place("x"))["a"].count("[") == 100
    for hostile in (b'"' + b'\\"' * 10**6, b'"\\' * 10**6 + b"\\"):
        with pytest.raises(DataError):
            read_json(hostile, Place("x"))


def test_other_versions_of_keras(refusal):
    old = packed(PARTS | {"metadata.json": b'{"keras_version": "2.15.0"}'})
    assert refusal(old).startswith("metadata.json: keras_version is '2.15.0', expected 3.x")
    for text in (b"{}", b"[]", b'{"keras_version": 3}'):
        assert "has no keras_version" in refusal(packed(PARTS | {"metadata.json": text}))
