"""The file of a checkpoint: an .npz of plain numeric arrays, one of them a header in JSON. No pickle."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from timeglass.errors import OptionError
from timeglass.files import check_folder, write_whole
from timeglass.types import Array

__all__ = ["check_place", "read_archive", "write_archive"]

_FORMAT = "timeglass checkpoint"
_HEADER_BYTES = 10**6  # at most


def check_place(path: Path) -> None:
    """Refuses a path at which no file can be written."""
    if path.is_dir():
        raise OptionError(f"Checkpoint path {path}: is a folder: give the name of a file")
    if not path.parent.is_dir():
        raise OptionError(f"Checkpoint path {path}: there is no folder {path.parent}: make it first")
    check_folder("Checkpoint path", path.parent)


def write_archive(path: Path, header: dict[str, Any], arrays: dict[str, Array]) -> None:
    """Writes the file, whole or not at all."""
    text = json.dumps({"format": _FORMAT, **header}).encode()
    members = {"header": np.frombuffer(text, dtype=np.uint8), **arrays}

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **members)

    write_whole(path, write)


def read_archive(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """Header and arrays. Nothing in the file is run, and no array is made that is larger than the file."""
    with zipfile.ZipFile(path) as file:
        arrays = {info.filename.removesuffix(".npy"): _member(file, info) for info in file.infolist()}
    header = json.loads(arrays.pop("header")[:_HEADER_BYTES].tobytes())
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        raise ValueError("its header is of no checkpoint")
    wanted: dict[str, Callable[[Any], bool]] = {
        "version": lambda value: isinstance(value, int),
        "epochs": lambda value: isinstance(value, int) and value > 0,
        "state_epochs": lambda value: isinstance(value, int) and value > 0,
        "fingerprint": lambda value: isinstance(value, dict),
    }
    for name, holds in wanted.items():
        if not holds(header.get(name)):
            raise ValueError(f"its header's {name} is {header.get(name)!r}")
    return header, arrays


def _member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """One array. Reading it all first has the zip file compare its checksum before anything is made of it."""
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")
    whole_member = io.BytesIO(file.read(info))
    version = np.lib.format.read_magic(whole_member)
    if version != (1, 0):
        raise ValueError(f"{info.filename} is an array of version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(whole_member)
    numbers = bytearray(whole_member.read())
    if dtype.kind not in "fiub" or fortran or math.prod(shape) * dtype.itemsize != len(numbers):
        raise ValueError(f"{info.filename} holds {len(numbers)} bytes, but its header says {dtype} {shape}")
    return np.frombuffer(numbers, dtype=dtype).reshape(shape)
