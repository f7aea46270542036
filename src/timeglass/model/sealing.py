"""What every file of ours says of itself: what it is, by which version it was made, and a checksum of each part."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from timeglass import __version__
from timeglass.errors import DataError
from timeglass.model.strict_json import canonical
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["Kind", "check_names", "check_tensors", "little", "sealed", "unsealed"]

_DIGEST = re.compile("[0-9a-f]{64}")

_ADVICE = {
    "timeglass checkpoint": ": give its path to Checkpoint, in the fit that wrote it",
    "timeglass forecaster": ": open it with Forecaster.load, or timeglass audit",
    "timeglass model": ": open it with load_model, or timeglass trace",
}

# The format's name and version.
Kind = tuple[str, int]


def sealed(kind: Kind, header: dict[str, Any], arrays: dict[str, Array]) -> dict[str, Any]:
    """The header with format, version and the checksums of everything."""
    digests = {name: _digest(array) for name, array in arrays.items()}
    whole = {"format": kind[0], "version": kind[1], "timeglass": __version__, **header, "sha256": digests}
    return whole | {"header_sha256": hashlib.sha256(canonical(whole)).hexdigest()}


def unsealed(kind: Kind, header: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The header without what `sealed` added, and the arrays' checksums; a `DataError` unless it is of this kind."""
    name = header.get("format") if isinstance(header, dict) else None
    if not isinstance(name, str) or not name.startswith("timeglass "):
        raise DataError("it is no file of Timeglass: its format is not named")
    if name != kind[0]:
        raise DataError(f"it holds a {quoted(name)}, not a {kind[0]!r}{_ADVICE.get(name, '')}")
    _check_version(header.get("version"), kind[1])
    rest = {key: value for key, value in header.items() if key != "header_sha256"}
    if header.get("header_sha256") != hashlib.sha256(canonical(rest)).hexdigest():
        raise DataError("damaged: checksum differs at the header")
    digests = rest.pop("sha256", None)
    if not isinstance(digests, dict) or not all(_is_digest(digest) for digest in digests.values()):
        raise DataError("damaged: its header has no checksums of the tensors")
    if not isinstance(rest.pop("timeglass", None), str):
        raise DataError("damaged: its header does not say which Timeglass made it")
    del rest["format"], rest["version"]
    return rest, digests


def check_tensors(digests: dict[str, str], arrays: dict[str, Array]) -> None:
    """A `DataError` unless these are the arrays that were sealed."""
    check_names(digests, arrays)
    for name, array in arrays.items():
        if _digest(array) != digests[name]:
            raise DataError(f"damaged: checksum differs at tensor {name}")


def check_names(expected: Iterable[str], found: Iterable[str]) -> None:
    """A `DataError` unless these are the names of the same tensors."""
    if missing := sorted(set(expected) - set(found)):
        raise DataError(f"tensor {quoted(missing[0])} is missing")
    if more := sorted(set(found) - set(expected)):
        raise DataError(f"tensor {quoted(more[0])} does not belong to it")


def little(array: Array) -> Array:
    """The array as files hold it: in C order, the lowest byte first."""
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)


def _digest(array: Array) -> str:
    return hashlib.sha256(little(array).data).hexdigest()


def _is_digest(digest: Any) -> bool:
    return isinstance(digest, str) and _DIGEST.fullmatch(digest) is not None


def _check_version(version: Any, own: int) -> None:
    if not isinstance(version, int) or isinstance(version, bool):
        raise DataError(f"damaged: its version is {quoted(repr(version))}")
    if version != own:
        remedy = "install a newer Timeglass" if version > own else "open it with the Timeglass that made it"
        raise DataError(f"made by format version {version}, this Timeglass reads {own}: {remedy}")
