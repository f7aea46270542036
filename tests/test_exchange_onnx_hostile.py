"""ONNX files that are damaged, of another kind, or made to do harm: refused in one line, and nothing else happens."""

from __future__ import annotations

import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from networks import NETWORKS, Network, dense, gru, lstm, masking
from onnx_changes import CHANGES

from timeglass import DataError, OptionError, Sequential
from timeglass.exchange.onnx_read import from_onnx
from timeglass.exchange.onnx_write import to_onnx

GRAPH = Network(4, 2, (gru(3), dense(2, "tanh")), seed=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def written(path: Path, network: Network = GRAPH, *, own: bool = False) -> onnx.ModelProto:
    """A file of ours; unless `own`, without what it says of its layers, so that it is read as others' are."""
    model = network.sequential(seed=1)
    model.training_state.weights[...] = network.weights()
    to_onnx(model, path)
    proto = onnx.load(path)
    if not own:
        del proto.metadata_props[:]
    onnx.save(proto, path)
    return proto


def refusal(path: Path | str) -> str:
    """The message: one line that names the file."""
    with pytest.raises((DataError, OptionError)) as caught:
        from_onnx(path)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1000
    return message


# ---- other files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        (pickle.dumps({"weights": [1.0]}), "is a pickle, which this never opens"),
        (b"PK\x03\x04 and so on", "is a zip archive"),
        (b"<!DOCTYPE html><title>model.onnx</title>", "is a web page or XML, no ONNX file"),
        (b'\n{"message": "Not found"}', "is JSON, no ONNX file"),
        (b"version https://git-lfs.github.com/spec/v1", "is a pointer of Git LFS"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"date,y\n2020-01,1\n", "is no ONNX file, or damaged"),
        (bytes(range(256)) * 50, "is no ONNX file, or damaged"),
        (b"\x3a\x00", "holds no graph"),
        (b"\x3a" + b"\xff" * 9 + b"\x01", "is no ONNX file, or damaged"),  # a graph of 2^63 bytes
        (b"\x3a\x7f" * 200, "is no ONNX file, or damaged"),
    ],
)
def test_files_of_another_kind(content: bytes, said: str, path: Path) -> None:
    path.write_bytes(content)
    assert said in refusal(path)


def test_a_pickle_is_not_opened(path: Path) -> None:
    class Harm:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(path.parent / "harm"),)

    path.write_bytes(pickle.dumps(Harm()))
    assert "pickle" in refusal(path)
    assert not (path.parent / "harm").exists()


def test_paths_that_are_none(path: Path) -> None:
    assert refusal(path).startswith(f"no file {path}")
    assert "is a folder" in refusal(path.parent)
    os.mkfifo(path)
    assert "is not a regular file" in refusal(path)
    assert "expected a file's path: download it first" in refusal("https://example.com/model.onnx")
    assert "from_onnx path: expected a file's path, got 3" in refusal(3)  # type: ignore[arg-type]


# ---- damage


@pytest.mark.parametrize("own", [False, True])
def test_every_length_that_is_too_short(own: bool, path: Path) -> None:
    """Each is refused; or is the same network, where only what follows the graph is missing."""
    proto = written(path, own=own)
    content, model = path.read_bytes(), from_onnx(path)
    whole = len(content) - len(proto.opset_import[0].SerializeToString()) - 2
    refused = 0
    for length in range(0, len(content), 3):
        path.write_bytes(content[:length])
        try:
            read = from_onnx(path)
        except (DataError, OptionError):
            refused += 1
        else:
            assert length > whole // 2
            assert read.training_state.weights.tobytes() == model.training_state.weights.tobytes()
    assert refused > 0.9 * len(content) / 3


@pytest.mark.parametrize(
    ("name", "own"), [("gru", False), ("gru", True), ("masked", True), ("two ways, stacked", False)]
)
def test_flipped_bits(name: str, own: bool, path: Path) -> None:
    """A network, whose weights may be others then, or a refusal: nothing else."""
    written(path, NETWORKS[name], own=own)
    content, rng, read, refused = path.read_bytes(), np.random.default_rng(4), 0, 0
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(damaged))
        try:
            assert np.isfinite(from_onnx(path).training_state.weights).all()
            read += 1
        except (DataError, OptionError):
            refused += 1
    assert read > 2
    assert refused > 10


# ---- graphs that hold what no network of ours does


@pytest.mark.parametrize("name", CHANGES)
def test_what_no_network_of_ours_does_is_refused(name: str, path: Path) -> None:
    change, said = CHANGES[name]
    proto = written(path)
    change(proto)
    path.write_bytes(proto.SerializeToString())
    tracemalloc.start()
    try:
        message = refusal(path)
        assert said in message
        assert str(path) in message
        assert tracemalloc.get_traced_memory()[1] < 2**29
    finally:
        tracemalloc.stop()


def test_the_file_beside_is_not_opened(path: Path) -> None:
    """Not even where it holds just the weights that are missing."""
    proto = written(path)
    onnx.save(proto, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (path.parent / "weights.bin").exists()
    assert "lies in another file, which is never opened" in refusal(path)


# ---- files that say they are ours


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("[", "its layers: truncated: its JSON breaks off"),
        ("[" * 100_000, "its layers: its JSON is nested more than 16 deep"),
        ("3", "its layers: expected a list of at most 1,000 layers"),
        ("[3]", "layer 0: expected the class SimpleRNN, GRU, LSTM,"),
        ('[{"class": "Lambda", "function": "os.system"}]', "LinearSkip, got 'Lambda'"),
        ('[{"class": "GRU"}]', "layer 0: the key 'units' is missing"),
        (" " * 2**24 + "[]", "its JSON has 16,777,218 bytes, at most 16,777,216 are read"),
    ],
)
def test_lists_of_layers_that_are_refused(words: str, said: str, path: Path) -> None:
    proto = written(path, own=True)
    proto.metadata_props[0].value = words
    path.write_bytes(proto.SerializeToString())
    assert said in refusal(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"units":3', '"units":-3', "GRU units: expected a whole number"),
        ('"name":null', '"name":3', "GRU name: expected a text that is not empty, got 3"),
        ('"activation":"tanh"', '"activation":"__import__"', "GRU activation: expected one of"),
    ],
)
def test_arguments_that_are_refused(old: str, new: str, said: str, path: Path) -> None:
    proto = written(path, own=True)
    proto.metadata_props[0].value = proto.metadata_props[0].value.replace(old, new)
    path.write_bytes(proto.SerializeToString())
    assert said in refusal(path)


@pytest.mark.parametrize("units", [4, 10**12])
def test_layers_that_are_not_those_of_the_graph_are_not_believed(units: int, path: Path) -> None:
    """The operators count: they are read as those of any other file."""
    proto = written(path, own=True)
    words = proto.metadata_props[0]
    words.value = words.value.replace('"units": 3', f'"units": {units}')
    path.write_bytes(proto.SerializeToString())
    model: Sequential = from_onnx(path)
    assert model.layers == GRAPH.own_layers()


def test_a_masked_network_that_was_changed_is_not_believed(path: Path) -> None:
    proto = written(path, Network(4, 1, (masking(0.5), lstm(2), dense(1))), own=True)
    proto.metadata_props[0].value = proto.metadata_props[0].value.replace("0.5", "0.25")
    path.write_bytes(proto.SerializeToString())
    assert "Equal masking/marked is not understood" in refusal(path) or "to_onnx wrote it" in refusal(path)


@pytest.mark.parametrize("value", [3, 0.5])
def test_an_attribute_of_another_kind_than_its_own_is_refused(path: Path, value: float) -> None:
    proto = written(path)
    node = next(node for node in proto.graph.node if node.op_type == "GRU")
    del node.attribute[:]
    node.attribute.extend(
        [onnx.helper.make_attribute("hidden_size", 3), onnx.helper.make_attribute("activations", value)]
    )
    path.write_bytes(proto.SerializeToString())
    assert str(path) in refusal(path)
