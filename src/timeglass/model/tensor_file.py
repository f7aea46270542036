"""A .safetensors file with a header of ours: named arrays as bytes, everything else as JSON in its metadata.

    8 bytes: n, little-endian | n bytes: JSON {"__metadata__": {"timeglass": "…"}, "simple_rnn.wh": {…}, …} | arrays

The format and its rules: https://github.com/huggingface/safetensors. The package writes the file. It is read here, so
that each rule is checked by us, in our words, and before memory is taken; an array is never larger than the file.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from timeglass.errors import DataError, OptionError
from timeglass.model.description import Shapes
from timeglass.model.foreign import foreign
from timeglass.model.sealing import Kind, check_names, check_tensors, little, sealed, unsealed
from timeglass.model.strict_json import MOST_BYTES, canonical, check_keys, is_text, parse
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["Entry", "TensorFile", "pack", "unpack"]

_LENGTH = 8  # bytes of the number at the start
_MOST_AXES = 8
_TYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """Where an array lies among the bytes after the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True)
class TensorFile:
    """A file whose header has been read and checked, its arrays not yet."""

    header: dict[str, Any]
    entries: dict[str, Entry]
    digests: dict[str, str]
    file: BinaryIO
    start: int  # of the arrays
    size: int  # of the file

    def check(self, shapes: Shapes) -> None:
        """A `DataError` unless the file holds just these arrays."""
        check_names(shapes, self.entries)
        for name, (dtype, shape) in shapes.items():
            entry = self.entries[name]
            if entry.dtype != dtype or entry.shape != shape:
                raise DataError(f"tensor {name} is {entry.dtype} {entry.shape}, expected {dtype} {shape}")

    def arrays(self) -> dict[str, Array]:
        """All arrays by name, their checksums compared."""
        self.file.seek(self.start)
        content = bytearray(self.size - self.start)
        if (got := self.file.readinto(content)) != len(content):  # type: ignore[attr-defined]
            raise DataError(f"truncated: {self.start + got:,} of {self.size:,} bytes")
        arrays = {name: _array(content, entry) for name, entry in self.entries.items()}
        check_tensors(self.digests, arrays)
        return arrays


def _array(content: bytearray, entry: Entry) -> Array:
    count = math.prod(entry.shape)
    flat = np.frombuffer(content, entry.dtype, count, entry.begin) if count else np.zeros(0, entry.dtype)
    return flat.reshape(entry.shape).astype(entry.dtype.newbyteorder("="))


def pack(kind: Kind, header: dict[str, Any], arrays: dict[str, Array]) -> bytes:
    """The whole file."""
    from safetensors.numpy import save  # a slow start, and only for who writes a file

    for name in arrays:
        if not is_text(name):
            raise OptionError(f"the name {quoted(name)} cannot be written: expected a text")
    text = canonical(sealed(kind, header, arrays)).decode("ascii")
    content = save({name: little(array) for name, array in arrays.items()}, {"timeglass": text})
    if int.from_bytes(content[:_LENGTH], "little") > MOST_BYTES:
        raise OptionError(
            f"the names and settings alone would take more than {MOST_BYTES:,} bytes: shorten the names, or give "
            "fewer networks settings of their own"
        )
    return content


def unpack(kind: Kind, file: BinaryIO, size: int) -> TensorFile:
    """Reads the header; a `DataError` unless every byte of the file has its place in it."""
    start = file.read(_LENGTH + 1)
    length = int.from_bytes(start[:_LENGTH], "little")
    if len(start) <= _LENGTH or not 2 <= length <= MOST_BYTES or start[_LENGTH:] != b"{":
        file.seek(0)
        raise DataError(foreign(file.read(512), size))
    if _LENGTH + length > size:
        raise DataError(f"truncated: {size:,} of more than {_LENGTH + length:,} bytes")
    outer = parse(start[_LENGTH:] + file.read(length - 1))
    if not isinstance(outer, dict):
        raise DataError("damaged: its header is no object")
    metadata = outer.pop("__metadata__", None)
    entries = _entries(outer, size - _LENGTH - length, size)
    if not isinstance(metadata, dict) or not isinstance(metadata.get("timeglass"), str):
        raise DataError("it is a safetensors file of another program: it has no 'timeglass' in its metadata")
    check_keys("metadata", metadata, ["timeglass"])
    header, digests = unsealed(kind, parse(metadata["timeglass"].encode("utf-8", "surrogatepass")))
    return TensorFile(header, entries, digests, file, _LENGTH + length, size)


def _entries(outer: dict[str, Any], room: int, size: int) -> dict[str, Entry]:
    """Where each array lies; together they fill the `room` after the header, with no gap and nothing shared."""
    entries = {name: _entry(name, given) for name, given in outer.items()}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != end:
            what = "leaves a gap before it" if entry.begin > end else "lies over another"
            raise DataError(f"damaged: tensor {quoted(name)} {what}")
        end = entry.end
    if end > room:
        raise DataError(f"truncated: {size:,} of {size - room + end:,} bytes")
    if end < room:
        raise DataError(f"damaged: {room - end:,} bytes too many after its last tensor")
    return entries


def _entry(name: str, given: Any) -> Entry:
    where = f"tensor {quoted(name)}"
    check_keys(where, given, ["dtype", "shape", "data_offsets"])
    if not isinstance(given["dtype"], str) or given["dtype"] not in _TYPES:
        raise DataError(f"{where}: expected one of {', '.join(_TYPES)}, got {quoted(repr(given['dtype']))}")
    shape, offsets = (_sizes(f"{where} {key}", given[key]) for key in ("shape", "data_offsets"))
    dtype = np.dtype(_TYPES[given["dtype"]])
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * dtype.itemsize:
        raise DataError(f"damaged: {where} of shape {shape} does not fit its offsets {offsets}")
    return Entry(dtype, shape, offsets[0], offsets[1])


def _sizes(where: str, given: Any) -> tuple[int, ...]:
    if not isinstance(given, list) or len(given) > _MOST_AXES or not all(type(n) is int and n >= 0 for n in given):
        raise DataError(f"damaged: {where}: expected whole numbers, got {quoted(repr(given))}")
    return tuple(given)
