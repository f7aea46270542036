"""Gets the bytes of a file or a web address, within bounds.

An address may be http or https only, is refused where it leads to this machine or a private network
(unless that is asked for), and is checked again after each of at most five redirects.
"""

from __future__ import annotations

import difflib
import ipaddress
import socket
import stat
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any

from timeglass.errors import DataError

__all__ = ["is_address", "read_bytes"]

_MOST_BYTES = 256 * 2**20
_SECONDS = 30.0
_MOST_REDIRECTS = 5


def is_address(where: str) -> bool:
    """Whether this is a web address rather than a file's path."""
    return "://" in where


def read_bytes(where: str, *, private: bool = False) -> tuple[bytes, str]:
    """The bytes, and the name to call them by in messages. `private` admits addresses of private networks."""
    if is_address(where):
        return _fetch(where, private)
    return _read_file(Path(where)), where


def _closest(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"; the folder {folder} does not exist either"
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    near = difflib.get_close_matches(path.name, names, n=1) or [name for name in names if name.endswith(".csv")][:1]
    return f"; that folder has {near[0]}" if near else ""


def _read_file(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"{path} is a folder: give the file itself")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path} is not a regular file: save the data to a file first")
        if status.st_size > _MOST_BYTES:
            raise DataError(
                f"{path} has {status.st_size:,} bytes, this job reads at most {_MOST_BYTES:,}: give a shorter part"
            )
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"no file {path}{_closest(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{path} cannot be read: {reason}") from None


def _shown(address: str) -> str:
    """The address without a name and password."""
    parts = urllib.parse.urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _check_address(address: str, private: bool) -> None:
    parts = urllib.parse.urlsplit(address)
    shown = _shown(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DataError(f"{shown}: expected an http or https address, or a file's path")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError) as error:
        raise _unreachable(shown, error) from None
    for entry in found:
        if not private and not ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_global:
            raise DataError(
                f"{shown} leads to {entry[4][0]}, on this machine or a private network: "
                "use --allow-private-address if you mean that"
            )


def _unreachable(shown: str, error: object) -> DataError:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    reason = getattr(reason, "strerror", None) or reason
    return DataError(
        f"{shown} cannot be reached: {reason}; check the address and the connection, or download it and give its path"
    )


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MOST_REDIRECTS

    def __init__(self, private: bool) -> None:
        self._private = private

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        _check_address(newurl, self._private)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(address: str, private: bool) -> tuple[bytes, str]:
    _check_address(address, private)
    opener = urllib.request.build_opener(_CheckedRedirects(private))
    request = urllib.request.Request(address, headers={"User-Agent": "timeglass"})
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return _read_answer(answer, _shown(address)), _shown(answer.geturl())
    except urllib.error.HTTPError as error:
        raise DataError(f"{_shown(address)} answered {error.code} {error.reason}: check the address") from None
    except (OSError, ValueError) as error:
        raise _unreachable(_shown(address), error) from None


def _read_answer(answer: Any, shown: str) -> bytes:
    began, parts, size = time.monotonic(), [], 0
    while part := answer.read(2**16):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise DataError(f"{shown} sends more than {_MOST_BYTES:,} bytes: download it and give a shorter part")
        if time.monotonic() - began > _SECONDS:
            raise DataError(f"{shown} takes longer than {_SECONDS:.0f} s: download it and give its path")
    return b"".join(parts)
