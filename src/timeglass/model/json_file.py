"""A model as one JSON object that a person can read and compare line by line, for networks of moderate size.

Each number is the shortest decimal that gives back the same float32; each row of an array stands on a line of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from timeglass.errors import DataError, OptionError
from timeglass.model.description import Shapes
from timeglass.model.foreign import foreign
from timeglass.model.sealing import Kind, check_names, check_tensors, sealed, unsealed
from timeglass.model.strict_json import MOST_BYTES, parse
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["MOST_NUMBERS", "JsonFile", "pack_json", "unpack_json"]

MOST_NUMBERS = 250_000
_USE = "save it as .safetensors"


def pack_json(kind: Kind, header: dict[str, Any], arrays: dict[str, Array]) -> bytes:
    """The whole file."""
    numbers = sum(array.size for array in arrays.values())
    if numbers > MOST_NUMBERS:
        raise OptionError(f"a .json file holds at most {MOST_NUMBERS:,} numbers, this model has {numbers:,}: {_USE}")
    whole = sealed(kind, header, arrays) | {"tensors": {name: _decimals(array) for name, array in arrays.items()}}
    content = (_pretty(whole) + "\n").encode("ascii")
    if len(content) > MOST_BYTES:
        raise OptionError(f"a .json file has at most {MOST_BYTES:,} bytes, this model takes {len(content):,}: {_USE}")
    return content


@dataclass
class JsonFile:
    """A file whose header has been checked; its tensors are nested lists until `check` knows their shapes."""

    header: dict[str, Any]
    tensors: dict[str, Any]
    digests: dict[str, str]
    made: dict[str, Array] = field(default_factory=dict)

    def check(self, shapes: Shapes) -> None:
        """A `DataError` unless the file holds just these arrays."""
        check_names(shapes, self.tensors)
        self.made = {name: _array(name, self.tensors[name], *shapes[name]) for name in shapes}

    def arrays(self) -> dict[str, Array]:
        """All arrays by name, their checksums compared."""
        check_tensors(self.digests, self.made)
        return self.made


def unpack_json(kind: Kind, file: BinaryIO, size: int) -> JsonFile:
    """Reads the file; a `DataError` unless it is JSON with a header of this kind."""
    start = file.read(512)
    if not start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").startswith(b"{"):
        raise DataError(foreign(start, size))
    if size > MOST_BYTES:
        raise DataError(f"it has {size:,} bytes, a .json model file at most {MOST_BYTES:,}")
    whole = parse(start + file.read(MOST_BYTES))
    tensors = whole.pop("tensors", None)
    header, digests = unsealed(kind, whole)
    if not isinstance(tensors, dict):
        raise DataError("damaged: it has no tensors")
    return JsonFile(header, tensors, digests)


# Numbers


def _decimals(array: Array) -> Any:
    """Nested lists of numbers that JSON writes in the fewest digits."""
    if array.dtype.kind != "f":
        return array.tolist()
    doubles = array.astype("U32").astype(np.float64)  # NumPy writes the fewest digits that give back the same number
    return np.where(doubles.astype(array.dtype) == array, doubles, array.astype(np.float64)).tolist()


def _array(name: str, values: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Array:
    flat: list[int | float] = []
    _flatten(f"tensor {quoted(name)}", values, shape, (int,) if dtype.kind == "i" else (int, float), flat)
    try:
        with np.errstate(over="ignore"):  # what overflows is not finite, which whoever asked refuses
            return np.array(flat, dtype=np.int64 if dtype.kind == "i" else np.float64).astype(dtype).reshape(shape)
    except OverflowError:
        raise DataError(f"tensor {quoted(name)}: has a number beyond 64 bits") from None


def _flatten(where: str, values: Any, shape: tuple[int, ...], kinds: tuple[type, ...], flat: list[int | float]) -> None:
    """Adds the numbers of nested lists of this shape."""
    if not isinstance(values, list) or len(values) != shape[0]:
        got = f"{len(values)} of them" if isinstance(values, list) else quoted(repr(values))
        raise DataError(f"{where}: expected a list of {shape[0]}, got {got}")
    if len(shape) > 1:
        for part in values:
            _flatten(where, part, shape[1:], kinds, flat)
        return
    if not set(map(type, values)) <= set(kinds):
        wrong = next(value for value in values if type(value) not in kinds)
        raise DataError(f"{where}: expected numbers, got {quoted(repr(wrong))}")
    flat.extend(values)


# Text


def _pretty(value: Any, indent: str = "") -> str:
    """What has parts of its own one part to a line, everything else on one line."""
    inner = indent + "  "
    if not _has_parts(value):
        return json.dumps(value, allow_nan=False)
    if isinstance(value, dict):
        rows = [f"{json.dumps(key)}: {_pretty(part, inner)}" for key, part in value.items()]
    else:
        rows = [_pretty(part, inner) for part in value]
    first, last = "{}" if isinstance(value, dict) else "[]"
    return f"{first}\n{inner}" + f",\n{inner}".join(rows) + f"\n{indent}{last}"


def _has_parts(value: Any) -> bool:
    if isinstance(value, dict):
        return any(isinstance(part, dict) or _has_parts(part) or len(str(part)) == 64 for part in value.values())
    return isinstance(value, list) and any(isinstance(part, dict | list) for part in value)
