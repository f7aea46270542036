"""Opens what is to be read: a file, an address, standard input; as bytes that come one after another."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from timeglass.errors import DataError
from timeglass.files import open_regular
from timeglass.read.source import is_address, read_bytes
from timeglass.read.unpack import PEEK, kind_of, refuse_kind, unpacked
from timeglass.series.bundled import DATA

__all__ = ["Opened", "open_source"]

_SPOOL = 64 * 2**20  # bytes of standard input that are kept in memory, where all of it is needed at once


class _Hashing(io.RawIOBase):
    """A file whose bytes are hashed as they are read, each once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash, self._place = file, hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._file.read(len(buffer))
        buffer[: len(part)] = part
        self._hash.update(part)
        self._place += len(part)
        return len(part)

    def tell(self) -> int:
        return self._place

    def sha256(self) -> str:
        """The hash of the whole file: what has not been read is read now."""
        while part := self._file.read(2**20):
            self._hash.update(part)
        return self._hash.hexdigest()


@dataclass
class Opened:
    """A table's bytes. `kind` is text, Parquet or Arrow; `packed` how they were compressed."""

    name: str
    file: IO[bytes]  # unpacked; seekable for Parquet and Arrow
    kind: str
    packed: str | None
    size: int | None  # of the bytes as they lie, None where that is not known
    fetched: str | None  # when an address was read, in UTC
    sha256: Any  # a function: the hash of the bytes as they lie, once all is read


@contextlib.contextmanager
def open_source(where: str, *, private: bool = False) -> Iterator[Opened]:
    """A path, an http or https address, or - for standard input. `private` admits addresses of private networks."""
    with contextlib.ExitStack() as closing:
        if where == "-":
            if sys.stdin is None or sys.stdin.closed:
                raise DataError("standard input is closed: give a file, or pipe one in")
            yield _opened(sys.stdin.buffer, "standard input", None, None, closing)
        elif is_address(where):
            content, name = read_bytes(where, private=private)
            now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            yield _opened(io.BytesIO(content), name, len(content), now, closing)
        else:
            opened = open_regular(Path(where), "save the data to a file first", ".csv")
            file, size = closing.enter_context(opened)
            bundled = Path(where).parent == DATA
            yield _opened(file, f"the bundled {Path(where).name}" if bundled else where, size, None, closing)


def _opened(file: IO[bytes], name: str, size: int | None, fetched: str | None, closing: contextlib.ExitStack) -> Opened:
    hashing = _Hashing(file)
    buffered = io.BufferedReader(hashing, 2**20)
    kind = kind_of(buffered.peek(PEEK)[:PEEK])
    refuse_kind(kind, name)
    packed, inner = None, buffered
    if kind == "zip":
        packed, inner = kind, unpacked(_seekable(buffered, closing), kind, name)  # type: ignore[assignment]
    elif kind in ("gzip", "bzip2", "xz", "zstd"):
        packed, inner = kind, unpacked(_Told(buffered, hashing), kind, name)  # type: ignore[assignment, arg-type]
    if packed:
        kind = kind_of(inner.peek(PEEK)[:PEEK])
        if kind in ("gzip", "bzip2", "xz", "zstd", "zip"):
            raise DataError(f"{name} is {packed} around {kind}: unpack it once, and give what is inside")
        refuse_kind(kind, name)
    if kind in ("Parquet", "Arrow") and not packed and file.seekable():
        file.seek(0)
        return Opened(name, file, kind, packed, size, fetched, lambda: _hash_of(file))
    if kind in ("Parquet", "Arrow"):
        inner = _seekable(inner, closing)  # type: ignore[assignment]
    return Opened(name, inner, kind, packed, size, fetched, hashing.sha256)


def _hash_of(file: IO[bytes]) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


class _Told(io.RawIOBase):
    """What is read through a buffer, with the place of the file below it: what has been taken from there so far."""

    def __init__(self, buffered: Any, below: _Hashing) -> None:
        self._buffered, self._below = buffered, below

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._buffered.read1(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def tell(self) -> int:
        return self._below.tell()


def _seekable(file: IO[bytes], closing: contextlib.ExitStack) -> IO[bytes]:
    """The same bytes where one can go back and forth: on disk, if they are many."""
    spool = closing.enter_context(tempfile.SpooledTemporaryFile(_SPOOL))  # noqa: SIM115
    while part := file.read(2**20):
        spool.write(part)
    spool.seek(0, os.SEEK_SET)
    return spool
