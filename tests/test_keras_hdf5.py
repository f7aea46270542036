"""The reader of HDF5 beside h5py: what h5py writes for Keras it reads alike, what else there is it refuses by name."""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from timeglass import DataError
from timeglass.exchange.keras_hdf5 import Hdf5
from timeglass.exchange.keras_place import Place

pytestmark = pytest.mark.skipif(importlib.util.find_spec("h5py") is None, reason="h5py not installed; Keras brings it")

SHAPE = (3, 4)
VALUES = np.arange(12, dtype=np.float32).reshape(SHAPE)

Make = Callable[[Any, Any], object]


def written(make: Make, **options: Any) -> bytes:
    """The file in whose group /layers/dense/vars `make` has put something."""
    import h5py

    data = BytesIO()
    with h5py.File(data, "w", **options) as file:
        make(file, file.create_group("layers/dense/vars"))
    return data.getvalue()


def read(data: bytes, path: str = "layers/dense/vars/0") -> Any:
    return Hdf5(data, Place("w")).array(path, SHAPE)


def plain(_: Any, group: Any) -> None:
    group["0"] = VALUES


def test_groups_and_arrays_are_those_that_h5py_reads():
    """A group of 700 has a tree of two levels; names begin alike; shapes have up to four axes."""
    rng = np.random.default_rng(0)
    shapes = [tuple(int(n) for n in rng.integers(1, 5, rng.integers(1, 5))) for _ in range(700)]
    arrays = {f"a{i}": rng.uniform(-1, 1, shape).astype(np.float32) for i, shape in enumerate(shapes)}

    def make(_: Any, group: Any) -> None:
        for name, array in arrays.items():
            group[name] = array
            group.attrs["name"] = "x" * 100

    reader = Hdf5(written(make), Place("w"))
    assert sorted(reader.members("layers/dense/vars")) == sorted(arrays)
    for name, array in arrays.items():
        assert np.array_equal(reader.array(f"layers/dense/vars/{name}", array.shape), array)
    assert reader.members("layers") == ["dense"]


def test_special_values_keep_their_bits():
    bits = np.array([0, 1, 0x80000000, 0x7F800000, 0x7FC12345, 0xFFFFFFFF, 0x3F800000, 3, 4, 5, 6, 7], dtype=np.uint32)

    def make(_: Any, group: Any) -> None:
        group["0"] = bits.view(np.float32).reshape(SHAPE)

    assert read(written(make)).view(np.uint32).ravel().tolist() == bits.tolist()


def external_link(_: Any, group: Any) -> None:
    import h5py

    group["0"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(_: Any, group: Any) -> None:
    import h5py

    group["1"] = VALUES
    group["0"] = h5py.SoftLink("/layers/dense/vars/1")


def virtual(_: Any, group: Any) -> None:
    import h5py

    layout = h5py.VirtualLayout(SHAPE, "<f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", SHAPE)
    group.create_virtual_dataset("0", layout)


def named_type(file: Any, group: Any) -> None:
    file["type"] = np.dtype("<f4")
    group.create_dataset("0", data=VALUES, dtype=file["type"])


def stored(**options: Any) -> Make:
    return lambda _, group: group.create_dataset("0", **({"data": VALUES} | options))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (external_link, "/layers/dense/vars: has an external link, which is not followed"),
        (soft_link, "/layers/dense/vars: 0 is a soft link, which is not followed"),
        (virtual, "vars/0: is virtual"),
        (named_type, "vars/0: damaged, or not written by Keras: message 3 comes twice or stands elsewhere"),
        (stored(chunks=True), "vars/0: is chunked (layout 3), expected contiguous"),
        (stored(compression="gzip"), "vars/0: is compressed or filtered, as Keras never writes weights"),
        (stored(fletcher32=True), "vars/0: is compressed or filtered"),
        (
            stored(external=[("none", 0, 48)], data=None, shape=SHAPE, dtype="f4"),
            "keeps its values in another file",
        ),
        (stored(data=None, shape=SHAPE, dtype="f4"), "vars/0: its 48 bytes would end behind the file's"),
        (stored(data=VALUES.astype("f8")), "vars/0: expected 32-bit floats (float32), found another type"),
        (stored(data=VALUES.astype(">f4")), "vars/0: expected 32-bit floats (float32), found another type"),
        (stored(data=VALUES.astype("i4")), "vars/0: expected 32-bit floats (float32), found another type"),
        (stored(data=VALUES.T), "vars/0: has shape (4, 3), the configuration describes (3, 4)"),
        (stored(data=VALUES.ravel()), "vars/0: has shape (12,), the configuration describes (3, 4)"),
        (stored(data=1.0), "vars/0: has shape (), the configuration describes (3, 4)"),
        (lambda _, group: group.create_group("0"), "vars/0: expected an array, found something else"),
        (lambda _, group: None, "has no /layers/dense/vars/0: the configuration describes a layer whose weights"),
    ],
)
def test_what_else_hdf5_knows_is_refused_by_name(make, words):
    with pytest.raises(DataError) as caught:
        read(written(make))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"libver": "latest"}, "is HDF5 of version"),
        ({"libver": "v108"}, "is HDF5 of version 2, and Keras writes version 0: save the model again"),
        ({"track_order": True}, "the header at byte"),
        ({"userblock_size": 512}, "does not begin as HDF5 does"),
    ],
)
def test_files_of_other_versions_are_refused(options, words):
    with pytest.raises(DataError, match=words):
        read(written(plain, **options))


def test_a_dataset_is_no_group_and_a_path_may_end_early():
    data = written(plain)
    with pytest.raises(DataError, match="/layers/dense/vars/0: expected a group with a symbol table"):
        read(data, "layers/dense/vars/0/1")
    with pytest.raises(DataError, match="has no /layers/lstm"):
        Hdf5(data, Place("w")).members("layers/lstm")


def test_a_file_cut_anywhere_is_refused():
    data = written(plain)
    end = data.rindex(VALUES.tobytes()) + 48
    for length in range(0, end, 7):
        with pytest.raises(DataError):
            read(data[:length])


def test_circles_of_addresses_end():
    """A header that goes on in itself, and a tree that is its own child."""
    data = bytearray(written(plain))
    root = struct.unpack_from("<Q", data, 64)[0]
    count, size = struct.unpack_from("<H", data, root + 2)[0], struct.unpack_from("<I", data, root + 8)[0]
    assert (count, size) == (1, 24)
    round_ = data.copy()
    struct.pack_into("<H", round_, root + 2, 65535)
    struct.pack_into("<HHBxxxQQ", round_, root + 16, 0x10, 16, 0, root + 16, 24)
    with pytest.raises(DataError, match="lead to more than 100,000 others"):
        read(bytes(round_))
    tree = struct.unpack_from("<Q", data, root + 24)[0]
    assert data[tree : tree + 4] == b"TREE"
    struct.pack_into("<BBH", data, tree + 4, 0, 8, 1)  # of eight levels, its only child is itself
    struct.pack_into("<Q", data, tree + 32, tree)
    with pytest.raises(DataError, match="is of no group"):
        read(bytes(data))


def test_two_members_of_one_name_are_refused():
    def make(_: Any, group: Any) -> None:
        group["0"], group["1"] = VALUES, VALUES

    data = written(make)
    at = data.rindex(b"\x00\x001\x00\x00\x00\x00\x00\x00\x00") + 2
    with pytest.raises(DataError, match="has two members 0"):
        read(data[:at] + b"0" + data[at + 1 :])
