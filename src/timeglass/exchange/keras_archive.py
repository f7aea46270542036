"""The parts of a `.keras` file, within bounds: an archive of three members, none of them run or unpacked to disk."""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from typing import Any

from timeglass.errors import InputError, OptionError
from timeglass.exchange.keras_place import Place
from timeglass.read.source import is_address, read_bytes
from timeglass.words import quoted, shown

__all__ = ["KerasFile", "read_json", "read_keras_file"]

# The members, and the most bytes that each may have.
_MEMBERS = {"metadata.json": 10**4, "config.json": 2 * 2**20, "model.weights.h5": 256 * 2**20}
_MOST_DIRECTORY = 2**16  # bytes of the archive's list of members, of which three take 200
_MOST_RATIO = 100  # of a member's size to its bytes in the archive
_MOST_DEPTH = 50  # of JSON: a Bidirectional layer takes some ten

# A string, or what is left of one, or a bracket. Possessive: no text makes it look at a character twice.
_BRACKETS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)

_HOW = "save the model with Keras 3: model.save('model.keras')"

# What a file that is no archive begins with, and what it is then.
_OTHERS = {
    b"\x89HDF": "is an HDF5 file, Keras's older format: open it with Keras 3 and save it as a .keras file",
    b"\x80": "is a pickle, which would run code when opened: " + _HOW,
    b"\x1f\x8b": "is compressed with gzip: unpack it first",
    b"\x93NUMPY": "is a NumPy array: " + _HOW,
    b"PK\x05\x06": "is an archive without members: " + _HOW,
    b"{": "is JSON, a model without weights: " + _HOW,
    b"<": "is a web page, not a model: use the link to the raw file",
}


@dataclass(frozen=True)
class KerasFile:
    """What a `.keras` file holds."""

    place: Place
    config: Any  # of config.json, as JSON has it
    weights: bytes  # of model.weights.h5


def read_keras_file(path: str | PathLike[str]) -> KerasFile:
    """Its parts; a `DataError` says which is damaged, too large or none of Keras's."""
    if is_address(str(path)):
        raise OptionError(f"from_keras source {shown(str(path))}: download the file first and give its path")
    data, name = read_bytes(str(path))
    place = Place(name)
    _check_kind(data, place)
    members = _members(data, place)
    _check_version(read_json(members["metadata.json"], place.at("metadata.json")), place.at("metadata.json"))
    config = read_json(members["config.json"], place.at("config.json"))
    return KerasFile(place, config, members["model.weights.h5"])


def _check_kind(data: bytes, place: Place) -> None:
    """Refuses what is no archive, by the name of what it is."""
    if not data:
        raise place.refuse("is empty (0 bytes)")
    if data.startswith(b"PK\x03\x04"):
        return
    begin = data[:200].lstrip()
    kind = next((words for mark, words in _OTHERS.items() if begin.startswith(mark)), None)
    raise place.refuse(kind or f"is no .keras file: {_HOW}")


def _members(data: bytes, place: Place) -> dict[str, bytes]:
    """The three members' bytes, each compared with its checksum."""
    # No comment and no second directory: what stands at the end is then what is read.
    if data[-22:-18] != b"PK\x05\x06" or data[-2:] != b"\0\0" or data[-42:-38] == b"PK\x06\x07":
        raise place.refuse("its end is not that of an archive: cut short, or something was put behind it")
    if int.from_bytes(data[-10:-6], "little") > _MOST_DIRECTORY:
        raise place.refuse(f"its list of members is longer than {_MOST_DIRECTORY:,} bytes")
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            _check_names([info.filename for info in archive.infolist()], place)
            return {info.filename: _member(archive, info, place) for info in archive.infolist()}
    except InputError:
        raise  # a refusal of those below, which is a ValueError too
    except (
        zipfile.BadZipFile, zlib.error, struct.error,
        RuntimeError, EOFError, OSError, ArithmeticError, LookupError, ValueError,
    ) as error:  # fmt: skip
        raise place.refuse(f"damaged: {shown(str(error)) or type(error).__name__}") from None


def _check_names(names: list[str], place: Place) -> None:
    for name in names:
        if name.endswith("/data.pkl"):
            raise place.refuse("is a PyTorch file, not one of Keras's")
        if name not in _MEMBERS:
            raise place.refuse(f"holds {quoted(name)}: expected {', '.join(_MEMBERS)} and nothing else")
        if names.count(name) > 1:
            raise place.refuse(f"holds {name} {names.count(name)} times: expected each member once")
    for name in _MEMBERS:
        if name not in names:
            raise place.refuse(f"has no {name}: {_HOW}")


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Place) -> bytes:
    place, most = place.at(info.filename), _MEMBERS[info.filename]
    if info.flag_bits & 1:
        raise place.refuse("is encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise place.refuse(f"is packed in way {info.compress_type}: expected stored or deflated")
    if info.file_size > most:
        raise place.refuse(f"has {info.file_size:,} bytes, at most {most:,} are read")
    if info.file_size > _MOST_RATIO * info.compress_size:
        raise place.refuse(
            f"would unpack {info.compress_size:,} bytes to {info.file_size:,}, more than {_MOST_RATIO} times as many"
        )
    found = archive.read(info)
    if len(found) != info.file_size:
        raise place.refuse(f"has {len(found):,} bytes, the archive says {info.file_size:,}")
    return found


def read_json(text: bytes, place: Place) -> Any:
    """The value; no deeper than its bound, no name twice in one object, no number that is not finite.

    >>> read_json(b'{"units": 3}', Place("a.keras"))
    {'units': 3}
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) < len(items):
            seen: set[str] = set()
            twice = next(name for name, _ in items if name in seen or seen.add(name))  # type: ignore[func-returns-value]
            raise place.refuse(f"the name {quoted(twice)} comes twice in one object")
        return found

    def constant(word: str) -> Any:
        raise place.refuse(f"expected finite numbers, found {word}")

    _check_depth(text, place)
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant)
    except InputError:
        raise  # a refusal of the two above, which is a ValueError too
    except UnicodeDecodeError as error:
        raise place.refuse(f"byte {error.start:,} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise place.refuse(f"line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError as error:
        raise place.refuse(str(error)) from None  # a number of too many digits


def _check_depth(text: bytes, place: Place) -> None:
    """Refuses brackets within brackets beyond the bound, before a parser goes after them."""
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += (found[0] in (b"[", b"{")) - (found[0] in (b"]", b"}"))
        if depth > _MOST_DEPTH:
            raise place.refuse(f"is nested more than {_MOST_DEPTH} deep")


def _check_version(metadata: Any, place: Place) -> None:
    version = metadata.get("keras_version") if isinstance(metadata, dict) else None
    if not isinstance(version, str):
        raise place.refuse("has no keras_version, which Keras writes")
    if not version.startswith("3."):
        # Keras 2 computes some things otherwise, hard_sigmoid among them.
        raise place.refuse(f"keras_version is {quoted(version)}, expected 3.x: open the model with Keras 3 and save it")
