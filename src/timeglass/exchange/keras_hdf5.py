"""The arrays of an HDF5 file as h5py writes it for Keras: groups in groups, and 32-bit floats in one piece.

That is a small part of the oldest of HDF5's formats. What else there is (soft and external links, chunks, filters,
external storage, virtual datasets, other types) is refused by name rather than read: there is no code here that it
could mislead. Each address is held against the file's length before anything is read there, and the steps are counted,
so that no circle of addresses keeps a reader for ever.

The HDF Group, "HDF5 File Format Specification Version 3.0", whose words the names here are.
"""

from __future__ import annotations

import struct
from math import prod

import numpy as np

from timeglass.errors import InputError
from timeglass.exchange.keras_place import Place
from timeglass.types import Floats
from timeglass.words import shown

__all__ = ["Hdf5"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_MOST_STEPS = 10**5  # messages, nodes and entries: a network of Keras's takes some ten for each array
_MOST_LEVELS = 8  # of a group's tree
_LONGEST_NAME = 255

# Types of header messages.
_DATASPACE, _DATATYPE, _EXTERNAL, _LAYOUT, _FILTERS = 0x01, 0x03, 0x07, 0x08, 0x0B
_LINK, _CONTINUATION, _SYMBOL_TABLE = 0x06, 0x10, 0x11
_SHARED = 0x02  # a message's flag: it stands elsewhere

# Version 1, class 1, little-endian, of 4 bytes: IEEE's binary32, field by field.
_FLOAT32 = bytes.fromhex("11201f000400000000002000170800177f000000")

_LINK_KINDS = {1: "a soft link", 64: "an external link"}
_LAYOUTS = {0: "compact", 1: "contiguous", 2: "chunked", 3: "virtual"}


class Hdf5:
    """A file's bytes, read when asked for."""

    def __init__(self, data: bytes, place: Place) -> None:
        self._data, self._place = data, place
        self._steps = 0
        self._groups: dict[int, dict[str, int]] = {}  # a group's members, by the address of its header
        self._root = self._superblock()

    def array(self, path: str, shape: tuple[int, ...]) -> Floats:
        """A copy of the dataset at `path`, which must be float32 of that shape."""
        at = self._find(path)
        size = 4 * prod(shape)
        place = self._place.at(f"/{path}")
        address = self._storage(at, shape, size, place)
        if address + size > len(self._data):
            raise place.refuse(f"its {size:,} bytes would end behind the file's {len(self._data):,}")
        return np.frombuffer(self._data, dtype="<f4", count=prod(shape), offset=address).reshape(shape).copy()

    def members(self, path: str) -> list[str]:
        """The names in the group at `path`."""
        return list(self._members(self._find(path), path))

    # Bytes

    def _numbers(self, form: str, at: int) -> tuple[int, ...]:
        if at + struct.calcsize(f"<{form}") > len(self._data):
            raise self._damaged(f"address {at:,} lies behind its end")
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise self._damaged(f"its parts lead to more than {_MOST_STEPS:,} others")
        return struct.unpack_from(f"<{form}", self._data, at)

    def _damaged(self, what: str) -> InputError:
        return self._place.refuse(f"damaged, or not written by Keras: {what}")

    def _signed(self, at: int, mark: bytes) -> None:
        if self._data[at : at + 4] != mark:
            raise self._damaged(f"byte {at:,} should begin a {mark.decode()}")

    def _superblock(self) -> int:
        """The address of the root group's header."""
        if self._data[:8] != _SIGNATURE:
            raise self._damaged("it does not begin as HDF5 does")
        versions, (offsets, lengths) = self._numbers("4B", 8), self._numbers("2B", 13)
        if versions != (0, 0, 0, 0) or (offsets, lengths) != (8, 8):
            raise self._place.refuse(
                f"is HDF5 of version {versions[0]}, and Keras writes version 0: save the model again with Keras 3"
            )
        base, _, _, _, _, root = self._numbers("6Q", 24)
        if base:
            raise self._damaged(f"its addresses count from {base:,}")
        return root

    # Headers

    def _messages(self, at: int) -> list[tuple[int, int, bytes]]:
        """Type, flags and body of each message of the object header at that address."""
        version, count, size = self._numbers("BxHxxxxI", at)
        if version != 1:
            raise self._damaged(f"the header at byte {at:,} has version {version}")
        found: list[tuple[int, int, bytes]] = []
        blocks = [(at + 16, size)]
        while blocks and len(found) < count:
            here, size = blocks.pop(0)
            end = here + size
            while here + 8 <= end and len(found) < count:
                kind, length, flags = self._numbers("HHB", here)
                body = self._data[here + 8 : here + 8 + length]
                if here + 8 + length > end or len(body) < length:
                    raise self._damaged(f"the message at byte {here:,} does not end within its header")
                found.append((kind, flags, body))
                if kind == _CONTINUATION:
                    address, size = self._numbers("QQ", here + 8)
                    blocks.append((address, size))
                here += 8 + length
        return found

    def _by_type(self, at: int, place: Place) -> dict[int, bytes]:
        """The messages that matter here, each at most once."""
        wanted = (_DATASPACE, _DATATYPE, _EXTERNAL, _LAYOUT, _FILTERS, _LINK, _SYMBOL_TABLE)
        found: dict[int, bytes] = {}
        for kind, flags, body in self._messages(at):
            if kind in wanted and (kind in found or flags & _SHARED):
                raise place.refuse(f"damaged, or not written by Keras: message {kind} comes twice or stands elsewhere")
            if kind in wanted:
                found[kind] = body.ljust(2, b"\0")
        return found

    # Groups

    def _find(self, path: str) -> int:
        """The address of the header at `path`."""
        at, passed = self._root, ""
        for name in path.split("/"):
            members = self._members(at, passed)
            passed = f"{passed}/{name}"
            if name not in members:
                raise self._place.refuse(
                    f"has no {passed}: the configuration describes a layer whose weights are not in it"
                )
            at = members[name]
        return at

    def _members(self, at: int, path: str) -> dict[str, int]:
        """The addresses of a group's members, by name."""
        if at not in self._groups:
            place = self._place.at(f"/{path.lstrip('/')}")
            messages = self._by_type(at, place)
            if _LINK in messages:
                raise place.refuse(f"has {_kind_of_link(messages[_LINK])}, which is not followed")
            if _SYMBOL_TABLE not in messages or len(messages[_SYMBOL_TABLE]) < 16:
                raise place.refuse("expected a group with a symbol table, as Keras writes it")
            tree, heap = struct.unpack_from("<QQ", messages[_SYMBOL_TABLE])
            self._groups[at] = self._entries(tree, heap, place)
        return self._groups[at]

    def _entries(self, tree: int, heap: int, place: Place) -> dict[str, int]:
        self._signed(heap, b"HEAP")
        size, _, names = self._numbers("3Q", heap + 8)
        found: dict[str, int] = {}
        for leaf in self._leaves(tree):
            self._signed(leaf, b"SNOD")
            (count,) = self._numbers("H", leaf + 6)
            for i in range(count):
                offset, header, kind = self._numbers("QQI", leaf + 8 + 40 * i)
                name = self._name(names, size, offset)
                if kind not in (0, 1):
                    raise place.refuse(f"{shown(name)} is {_LINK_KINDS[1]}, which is not followed")
                if name in found:
                    raise place.refuse(f"has two members {shown(name)}")
                found[name] = header
        return found

    def _leaves(self, tree: int) -> list[int]:
        """The addresses of the nodes of symbols below the root of a group's tree."""
        self._signed(tree, b"TREE")
        kind, top = self._numbers("BB", tree + 4)
        if kind or top > _MOST_LEVELS:
            raise self._damaged(f"the tree at byte {tree:,} is of no group")
        nodes = [tree]
        for level in range(top, -1, -1):
            nodes = [child for node in nodes for child in self._children(node, level)]
        return nodes

    def _children(self, node: int, level: int) -> list[int]:
        self._signed(node, b"TREE")
        kind, own, used = self._numbers("BBH", node + 4)
        if kind or own != level:
            raise self._damaged(f"the tree at byte {node:,} is of no group")
        return [self._numbers("Q", node + 32 + 16 * i)[0] for i in range(used)]

    def _name(self, names: int, size: int, offset: int) -> str:
        begin, end = names + offset, min(names + size, names + offset + _LONGEST_NAME)
        name, nul, _ = self._data[begin:end].partition(b"\0")
        if offset >= size or not name or not nul or not name.isascii():
            raise self._damaged(f"byte {begin:,} should begin a name")
        return name.decode("ascii")

    # Datasets

    def _storage(self, at: int, shape: tuple[int, ...], size: int, place: Place) -> int:
        """The address of a dataset's values, once it is known to be what is expected."""
        messages = self._by_type(at, place)
        if _EXTERNAL in messages:
            raise place.refuse("keeps its values in another file, which is not opened")
        if _FILTERS in messages:
            raise place.refuse("is compressed or filtered, as Keras never writes weights")
        if not {_DATASPACE, _DATATYPE, _LAYOUT} <= messages.keys():
            raise place.refuse("expected an array, found something else")
        if (given := self._shape(messages[_DATASPACE], place)) != shape:
            raise place.refuse(f"has shape {given}, the configuration describes {shape}")
        if messages[_DATATYPE][: len(_FLOAT32)] != _FLOAT32:
            raise place.refuse("expected 32-bit floats (float32), found another type")
        version, kind = messages[_LAYOUT][:2]
        if version != 3 or kind != 1 or len(messages[_LAYOUT]) < 18:
            raise place.refuse(
                f"is {_LAYOUTS.get(kind, 'stored in an unknown way')} (layout {version}), "
                "expected contiguous (layout 3), as Keras writes it"
            )
        address, stored = struct.unpack_from("<QQ", messages[_LAYOUT], 2)
        if stored != size:
            raise place.refuse(f"takes {stored:,} bytes, expected {size:,} for shape {shape}")
        return int(address)

    def _shape(self, body: bytes, place: Place) -> tuple[int, ...]:
        version, rank = body[:2]
        if version != 1 or len(body) < 8 + 8 * rank:
            raise place.refuse(f"has a dataspace of version {version}, expected 1, as Keras writes it")
        return struct.unpack_from(f"<{rank}Q", body, 8)


def _kind_of_link(body: bytes) -> str:
    """What a link message is of: its third byte, where the flags in its second say that there is one."""
    kind = body[2] if len(body) > 2 and body[1] & 8 else 0
    return _LINK_KINDS.get(kind, "a link of a new kind")
