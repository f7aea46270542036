"""Model files that say they are larger, deeper or other than they are: refused before any memory is taken."""

from __future__ import annotations

import io
import json
import os
import socket
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from networks import Network, dense, rnn

from timeglass import DataError, Sequential, load_model
from timeglass.model import saving
from timeglass.model.json_file import pack_json
from timeglass.model.saving import model_bytes, model_from_bytes
from timeglass.model.strict_json import MOST_BYTES
from timeglass.model.tensor_file import pack, unpack

KIND = ("timeglass model", 1)
ENDINGS = [".safetensors", ".json"]
each_ending = pytest.mark.parametrize("ending", ENDINGS)


def made() -> Sequential:
    network = Network(3, 1, (rnn(2), dense(1)))
    model = network.sequential(seed=1)
    model.compile("adam", "mse")
    model.fit(network.windows(4), network.targets(4))
    return model


MODEL = made()
FILES = {ending: model_bytes(MODEL, ending) for ending in ENDINGS}
GOOD = FILES[".safetensors"]
START = 8 + int.from_bytes(GOOD[:8], "little")


def refusal(content: bytes, ending: str = ".safetensors") -> str:
    """The message; a megabyte and what a copy of the file takes is all the memory that may be asked for."""
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            model_from_bytes(content, ending)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**20 + 12 * len(content)
    assert len(str(caught.value)) < 600
    return str(caught.value)


def opened() -> tuple[dict, dict[str, np.ndarray]]:
    contents = unpack(KIND, io.BytesIO(GOOD), len(GOOD))
    return json.loads(json.dumps(contents.header)), contents.arrays()


def raw(outer: dict | bytes, data: bytes = GOOD[START:]) -> bytes:
    """A safetensors file with any header."""
    text = outer if isinstance(outer, bytes) else json.dumps(outer).encode()
    return len(text).to_bytes(8, "little") + text + data


# ---- the header of a safetensors file


@pytest.mark.parametrize("length", [0, 1, MOST_BYTES + 1, 2**31, 2**63, 2**64 - 1])
def test_a_length_beyond_reason(length):
    assert "it is" in refusal(length.to_bytes(8, "little") + GOOD[8:])
    assert "it is" in refusal(length.to_bytes(8, "little") + b"{")


@pytest.mark.parametrize("length", [2, START - 9, START - 7, MOST_BYTES])
def test_a_length_that_is_wrong(length):
    assert refusal(length.to_bytes(8, "little") + GOOD[8:]).startswith(("damaged: ", "truncated: "))


def entry(**changes) -> dict:
    """The header with one of its tensors changed: dense.by, four bytes long."""
    outer = json.loads(GOOD[8:START])
    outer["dense.by"] |= changes
    return outer


@pytest.mark.parametrize(
    ("outer", "words"),
    [
        (entry(data_offsets=[0, 4]), "lies over another"),
        (entry(shape=[0], data_offsets=[0, 0]), "leaves a gap before it"),
        (entry(data_offsets=[2**40, 2**40 + 4]), "leaves a gap before it"),
        (entry(shape=[2**60, 2**60], data_offsets=[0, 2**62]), "of shape (1152921504606846976, 1152921504606846976)"),
        (entry(shape=[2**60], data_offsets=[0, 2**62]), "lies over another"),
        (entry(shape=[1] * 9), "shape: expected whole numbers, got '[1, 1, 1, 1, 1, 1, 1, 1, 1]'"),
        (entry(shape=[-1], data_offsets=[4, 0]), "shape: expected whole numbers, got '[-1]'"),
        (entry(shape=[1.0]), "shape: expected whole numbers, got '[1.0]'"),
        (entry(shape=[True]), "shape: expected whole numbers, got '[True]'"),
        (entry(shape=7), "shape: expected whole numbers, got '7'"),
        (entry(data_offsets=[0]), "does not fit its offsets (0,)"),
        (entry(data_offsets=[4, 0]), "does not fit its offsets (4, 0)"),
        (entry(dtype="BF16"), "expected one of BOOL, U8"),
        (entry(dtype=["F32"]), "expected one of BOOL, U8"),
        (entry(more=1), "tensor 'dense.by': unknown key 'more'"),
        ({"dense.by": 7}, "tensor 'dense.by': expected an object, got '7'"),
        ({"dense.by": {"dtype": "F32", "shape": [1]}}, "tensor 'dense.by': the key 'data_offsets' is missing"),
        (entry() | {"__metadata__": {"timeglass": 7}}, "it has no 'timeglass' in its metadata"),
        (entry() | {"__metadata__": {"timeglass": "{}", "x": "y"}}, "metadata: unknown key 'x'"),
        (entry() | {"__metadata__": {"timeglass": "[" * 99}}, "its JSON is nested more than 16 deep at character 16"),
        (entry() | {"__metadata__": []}, "it has no 'timeglass' in its metadata"),
        (GOOD[8:START].replace(b'"dense.by":', b'"dense.wy":', 1), "the key 'dense.wy' twice in one object"),
        (b'{"a":' * 10**5 + b"1", "its JSON is nested more than 16 deep"),
        (b'{"a":' + b"9" * 5000 + b"}", "its JSON has a whole number of 5,000 digits"),
        (b'{"a":1e999}', "its JSON has the number '1e999', which is not finite"),
        (b'{"a":-Infinity}', "its JSON has -Infinity, which is not a finite number"),
        (b'{"a":\xff}', "byte 5 of its JSON is not UTF-8"),
        (b'{"a":"\x00"}', "Invalid control character"),
        (b"{}[]", "Extra data"),
    ],
    ids=str,
)  # fmt: skip
def test_headers_that_lie(outer, words):
    assert words in refusal(raw(outer))


def test_no_tensor_may_be_added_taken_away_or_changed_in_kind():
    header, arrays = opened()
    more = pack(KIND, header, arrays | {"more": np.zeros(2)})
    assert refusal(more) == "tensor 'more' does not belong to it"
    fewer = pack(KIND, header, {name: array for name, array in arrays.items() if name != "dense.wy"})
    assert refusal(fewer) == "tensor 'dense.wy' is missing"
    wide = pack(KIND, header, arrays | {"dense.wy": arrays["dense.wy"].astype(np.float64)})
    assert refusal(wide) == "tensor dense.wy is float64 (1, 2, 1), expected float32 (1, 2, 1)"
    # Two arrays of one shape in each other's place.
    data, outer = GOOD[START:], json.loads(GOOD[8:START])
    one, other = "dense.wy.velocity", "dense.wy.momentum"
    outer[one]["data_offsets"], outer[other]["data_offsets"] = (
        outer[other]["data_offsets"],
        outer[one]["data_offsets"],
    )
    assert "checksum differs at tensor dense.wy." in refusal(raw(outer, data))


# ---- sizes that a header says


@each_ending
@pytest.mark.parametrize(
    "change",
    [
        {"networks": 2**32},
        {"networks": 2**22},
        {"layers": [{"class": "Dense", "units": 10**9, "activation": None, "use_bias": True}]},
        {"layers": [{"class": "Dense", "units": 10**6, "activation": None, "use_bias": True}] * 900},
        {"layers": [{"class": "Dense", "units": 1, "activation": None, "use_bias": True}] * 1001},
        {"layers": [{"class": "LinearSkip", "time_steps": None, "use_bias": True}], "input_shape": [10**18, 10**18]},
        {"layers": [[[[[[]]]]]] * 999},
    ],
    ids=lambda change: str(change)[:40],
)
def test_nothing_is_made_in_the_size_that_a_header_says(change, ending):
    header, arrays = opened()
    for layer in change.get("layers", []):
        if isinstance(layer, dict):
            layer |= {"name": None} | ({} if layer["class"] == "LinearSkip" else {"input_shape": None})
    content = (pack if ending == ".safetensors" else pack_json)(KIND, header | change, arrays)
    assert refusal(content, ending)


NUMBERS = {
    "steps": (-1, "numbers outside 0 to 9.0072e+15"),
    "numbers": (2**32, "numbers outside 0 to 4.29497e+09"),
    "beta_powers": (1.5, "numbers outside 0 to 1"),
    "rate_scale": (-1.0, "numbers outside 0 to inf"),
    "dense.wy.velocity": (-1e-9, "numbers outside 0 to inf"),
}


@each_ending
@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_training_cannot_have_left(name, ending):
    value, words = NUMBERS[name]
    header, arrays = opened()
    arrays[name].reshape(-1)[0] = value
    content = (pack if ending == ".safetensors" else pack_json)(KIND, header, arrays)
    assert refusal(content, ending) == f"tensor {name} has {words}"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["simple_rnn.wh", "dense.wy.momentum", "beta_powers", "rate_scale"])
def test_numbers_that_are_not_finite(name, value):
    header, arrays = opened()
    arrays[name].reshape(-1)[-1] = value
    assert refusal(pack(KIND, header, arrays)) == f"tensor {name} has numbers that are not finite"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("NaN", "its JSON has NaN, which is not a finite number"),
        ("1e999", "its JSON has the number '1e999', which is not finite"),
        ("1" * 300, "its JSON has a whole number of 300 digits"),
        ("1e39", "checksum differs at tensor dense.by"),
        ('"1"', "tensor 'dense.by': expected numbers, got \"'1'\""),
        ("true", "tensor 'dense.by': expected numbers, got 'True'"),
        ("null", "tensor 'dense.by': expected numbers, got 'None'"),
        ("[1]", "tensor 'dense.by': expected numbers, got '[1]'"),
        ("1, 2", "tensor 'dense.by': expected a list of 1, got 2 of them"),
        ("", "tensor 'dense.by': expected a list of 1, got 0 of them"),
    ],
)
def test_numbers_of_the_json_form(text, words):
    start = FILES[".json"].index(b'"dense.by": [\n      [') + len(b'"dense.by": [\n      [')
    end = FILES[".json"].index(b"]", start)
    changed = FILES[".json"][:start] + text.encode() + FILES[".json"][end:]
    assert words in refusal(changed, ".json")


def test_whole_numbers_of_the_json_form():
    for text, words in {b"1.0": "expected numbers, got '1.0'", b"9" * 19: "has a number beyond 64 bits"}.items():
        changed = FILES[".json"].replace(b'"steps": [1]', b'"steps": [' + text + b"]")
        assert words in refusal(changed, ".json")
    sealed = FILES[".json"].replace(b'"tensors": {', b'"tensors": 7, "more": {')
    assert "checksum differs at the header" in refusal(sealed, ".json")


# ---- what stands at the path


def refused_at(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load_model(path)
    return str(caught.value)


@each_ending
def test_what_is_no_file(tmp_path, ending, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pipe, folder, loop, gone = (Path(f"{name}{ending}") for name in ("pipe", "folder", "loop", "gone"))
    os.mkfifo(pipe)
    folder.mkdir()
    loop.symlink_to(loop)
    for device in ("zero", "null", "urandom"):
        gone.unlink(missing_ok=True)
        gone.symlink_to(f"/dev/{device}")
        assert refused_at(gone) == f"{gone} is not a regular file: give a model file"
    assert refused_at(pipe) == f"{pipe} is not a regular file: give a model file"
    assert refused_at(folder) == f"{folder} is a folder: give the file itself"
    assert refused_at(loop) == f"{loop} cannot be read: Too many levels of symbolic links"
    assert "cannot be read: embedded null" in refused_at(Path(f"a\0{ending}"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"socket{ending}")
        assert "is not a regular file" in refused_at(Path(f"socket{ending}"))
    gone.unlink()
    Path(f"real{ending}").write_bytes(FILES[ending])
    gone.symlink_to(f"real{ending}")
    assert load_model(gone).layers == MODEL.layers  # a link to a file is as good as the file


def test_a_file_of_a_terabyte_is_refused_by_its_header(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(GOOD)
    os.truncate(path, 2**40)  # sparse: takes no room
    assert refused_at(path) == f"{path}: damaged: {2**40 - len(GOOD):,} bytes too many after its last tensor"
    os.rename(path, path.with_suffix(".json"))
    assert "it is a safetensors file" in refused_at(path.with_suffix(".json"))
    path.with_suffix(".json").write_bytes(b"{")
    os.truncate(path.with_suffix(".json"), 2**40)
    assert "it has 1,099,511,627,776 bytes, a .json model file at most 16,777,216" in refused_at(
        path.with_suffix(".json")
    )


def test_a_file_that_shrinks_while_it_is_read():
    class Shrinking(io.BytesIO):
        def readinto(self, buffer):
            return super().readinto(memoryview(buffer)[:-5])

    with pytest.raises(DataError, match=f"truncated: {len(GOOD) - 5:,} of {len(GOOD):,} bytes"):
        saving._read(Shrinking(GOOD), len(GOOD), ".safetensors", None)


def test_the_path_begins_the_message(tmp_path):
    path = tmp_path / "new\nline.json"
    path.write_bytes(FILES[".json"][:99])
    assert refused_at(path) == f"{tmp_path}/new\\nline.json: truncated: its JSON breaks off after 99 characters, " + (
        "before its end"
    )
