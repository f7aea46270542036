"""What a file is by its first bytes, and the bytes of compressed ones, within bounds of size and of ratio."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from typing import IO, Any

from timeglass.errors import DataError, EngineError
from timeglass.words import printable, shown

__all__ = ["PEEK", "kind_of", "refuse_kind", "unpacked"]

PEEK = 4096  # bytes that tell what a file is
_MOST_BYTES = 64 * 2**30
_MOST_RATIO = 200
_RATIO_FROM = 2**20  # bytes: what is smaller may be as dense as it likes

_COMPRESSED = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip",
}  # fmt: skip
_TABLES = {b"PAR1": "Parquet", b"ARROW1": "Arrow", b"\xff\xff\xff\xff": "Arrow"}
_OTHERS = {
    b"%PDF": "a PDF", b"SQLite format 3": "an SQLite database", b"\x89HDF": "an HDF5 file", b"\x89PNG": "a picture",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)", b"PK\x05\x06": "an empty zip archive",
    b"{\\rtf": "a text document (RTF)", b"\x7fELF": "a program", b"Rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7-Zip archive", b"\x80\x04\x95": "a Python pickle",
}  # fmt: skip
_WEB = (b"<!doctype", b"<html", b"<?xml", b"<!--", b"<head", b"<body")


def kind_of(start: bytes) -> str:
    """Parquet, Arrow, gzip, bzip2, xz, zstd, zip, a name such as "a PDF", "a web page", or text.

    >>> kind_of(b"PAR1..."), kind_of(b"date,y"), kind_of(b"<!DOCTYPE html>")
    ('Parquet', 'text', 'a web page')
    """
    for known in (_COMPRESSED, _TABLES, _OTHERS):
        for magic, kind in known.items():
            if start.startswith(magic):
                return kind
    if start.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_WEB):
        return "a web page"
    return "text"


def refuse_kind(kind: str, source: str) -> None:
    """A `DataError` where a file of this kind holds no table that can be read."""
    if kind == "a web page":
        raise DataError(f"{source} is a web page, not CSV: {_raw_link(source)}")
    if kind in _OTHERS.values():
        raise DataError(f"{source} is {kind}, not CSV: save the table as CSV first")


def _raw_link(source: str) -> str:
    """For pages of which it is known, the address of the file that they show."""
    address = source.partition("?")[0]
    if "://github.com/" in address and "/blob/" in address:
        raw = address.replace("://github.com/", "://raw.githubusercontent.com/").replace("/blob/", "/", 1)
        return f"use the raw link, {raw}"
    return "use the link to the raw file"


def _damaged(source: str, error: Exception) -> DataError:
    reason = printable(str(error)[:90])
    return DataError(f"{source} cannot be unpacked: {reason}: the file is damaged, get it again")


class _Counting(io.RawIOBase):
    """Unpacked bytes, counted against the packed ones."""

    def __init__(self, inner: IO[bytes], packed: Any, source: str) -> None:
        self._inner, self._packed, self._source, self._out = inner, packed, source, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            part = self._inner.read(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError,
                ValueError) as error:  # fmt: skip
            if isinstance(error, DataError):
                raise
            raise _damaged(self._source, error) from None
        self._out += len(part)
        packed = max(1, self._packed())
        if self._out > _MOST_BYTES or (self._out > _RATIO_FROM and self._out > _MOST_RATIO * packed):
            raise DataError(
                f"{self._source} unpacks to over {self._out:,} bytes from {packed:,}: at most {_MOST_BYTES:,} bytes "
                f"and {_MOST_RATIO} times the packed size are unpacked here; if that is right, unpack it first"
            )
        buffer[: len(part)] = part
        return len(part)


def unpacked(file: IO[bytes], kind: str, source: str) -> IO[bytes]:
    """The bytes inside, as a stream. `file` must be seekable for a zip archive."""
    if kind == "zip":
        return _from_zip(file, source)
    if kind == "zstd":
        return _counted(_from_zstd(file), file, source)
    opener = {"gzip": gzip.GzipFile, "bzip2": bz2.BZ2File, "xz": lzma.LZMAFile}[kind]
    inner: Any = opener(fileobj=file) if kind == "gzip" else opener(file)
    return _counted(inner, file, source)


def _counted(inner: Any, file: IO[bytes], source: str) -> IO[bytes]:
    return io.BufferedReader(_Counting(inner, file.tell, source), 2**20)


def _from_zstd(file: IO[bytes]) -> Any:
    try:
        import pyarrow as pa  # an optional extra
    except ImportError:
        raise EngineError("to unpack zstd, install pyarrow: pip install 'timeglass[arrow]'") from None
    return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")


def _from_zip(file: IO[bytes], source: str) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _damaged(source, error) from None
    members = [member for member in archive.infolist() if not member.is_dir() and "__MACOSX" not in member.filename]
    if any(member.filename in ("[Content_Types].xml", "mimetype") for member in members):
        raise DataError(f"{source} is a workbook (Excel or LibreOffice), not CSV: save the sheet as CSV first")
    if len(members) != 1:
        names = ", ".join(shown(member.filename) for member in members[:4])
        raise DataError(
            f"{source} is a zip archive of {len(members)} files{f' ({names})' if names else ''}, expected one: "
            "unpack it, and give the file itself"
        )
    member = members[0]
    if member.flag_bits & 1:
        raise DataError(f"{source} is locked with a password: unpack it, and give the file itself")
    try:
        inner = archive.open(member)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        raise _damaged(source, error) from None
    return io.BufferedReader(_Counting(inner, lambda: member.compress_size, source), 2**20)
