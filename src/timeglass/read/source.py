"""Gets the bytes of a file or a web address, within bounds.

An address may be http or https only, is refused where it leads to this machine or a private network
(unless that is asked for), and is checked again after each of at most five redirects.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPMessage
from pathlib import Path
from typing import IO, Any

from timeglass.errors import DataError
from timeglass.files import open_regular

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


def _read_file(path: Path) -> bytes:
    with open_regular(path, "save the data to a file first", ".csv") as (file, size):
        if size > _MOST_BYTES:
            raise DataError(f"{path} has {size:,} bytes, this job reads at most {_MOST_BYTES:,}: give a shorter part")
        return file.read(_MOST_BYTES)


def _shown(address: str) -> str:
    """The address without a name and password."""
    return re.sub(r"//[^/?#]*@", "//", address, count=1)


def _check_address(address: str, private: bool) -> None:
    shown = _shown(address)
    try:
        parts = urllib.parse.urlsplit(address)
    except ValueError as error:
        raise DataError(f"{shown}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DataError(f"{shown}: expected an http or https address, or a file's path")
    if shown != address:
        raise DataError(f"{shown}: a name and password in an address are not sent: download it and give its path")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError) as error:
        raise _unreachable(shown, error) from None
    if not private:
        for entry in found:
            _check_global(str(entry[4][0]), shown)


def _check_global(found: str, shown: str) -> None:
    if not ipaddress.ip_address(found.partition("%")[0]).is_global:
        raise DataError(
            f"{shown} leads to {found}, on this machine or a private network: "
            "use --allow-private-address if you mean that"
        )


def _unreachable(shown: str, error: object) -> DataError:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
    reason = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return DataError(
        f"{shown} cannot be reached: {reason}; check the address and the connection, or download it and give its path"
    )


class _CheckedRedirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MOST_REDIRECTS

    def __init__(self, private: bool) -> None:
        self._private = private

    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage
    ) -> Any:
        try:
            if target := headers.get("Location"):
                _check_address(urllib.parse.urljoin(req.full_url, target), self._private)
            return super().http_error_302(req, fp, code, msg, headers)
        except BaseException:
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _GlobalHTTP(http.client.HTTPConnection):
    """Looks again where it really leads: a name may have changed its address since the check."""

    def connect(self) -> None:
        super().connect()
        _check_global(self.sock.getpeername()[0], f"http://{self.host}")


class _GlobalHTTPS(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _check_global(self.sock.getpeername()[0], f"https://{self.host}")


class _GlobalHandler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return super().http_open(req) if req.has_proxy() else self.do_open(_GlobalHTTP, req)


class _GlobalTLSHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return super().https_open(req) if req.has_proxy() else self.do_open(_GlobalHTTPS, req)


def _fetch(address: str, private: bool) -> tuple[bytes, str]:
    _check_address(address, private)
    checks = [] if private else [_GlobalHandler, _GlobalTLSHandler]
    opener = urllib.request.build_opener(_CheckedRedirects(private), *checks)
    try:
        request = urllib.request.Request(address, headers={"User-Agent": "timeglass"})
        with opener.open(request, timeout=_SECONDS) as answer:
            return _read_answer(answer, _shown(address)), _shown(answer.geturl())
    except DataError:
        raise  # it is a ValueError too
    except urllib.error.HTTPError as error:
        error.close()
        reason = str(error.reason).partition("\n")[0]
        raise DataError(f"{_shown(address)} answered {error.code} {reason}: check the address") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unreachable(_shown(address), error) from None


def _read_answer(answer: Any, shown: str) -> bytes:
    began, parts, size = time.monotonic(), [], 0
    while part := answer.read1(2**16):  # what has come; read would wait for all of it
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise DataError(f"{shown} sends more than {_MOST_BYTES:,} bytes: download it and give a shorter part")
        if time.monotonic() - began > _SECONDS:
            raise DataError(f"{shown} takes longer than {_SECONDS:.0f} s: download it and give its path")
    if answer.length:
        raise DataError(f"{shown} broke off {answer.length:,} bytes before its end: try again, or download it")
    return b"".join(parts)
