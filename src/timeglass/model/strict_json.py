"""JSON from anywhere, read strictly: no key twice, no number that is not finite, nothing deep or endless."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from timeglass.errors import DataError
from timeglass.words import quoted

__all__ = ["MOST_BYTES", "canonical", "check_keys", "is_text", "parse"]

MOST_BYTES = 16 * 2**20  # of a text that is read; who writes one asks for no more
_MOST_DEPTH = 16
_MOST_DIGITS = 20  # of a whole number
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]')


def parse(content: bytes) -> Any:
    """What the text holds; a `DataError` says what it may not hold, and where.

    >>> parse(b'{"units": 3}')
    {'units': 3}
    """
    if len(content) > MOST_BYTES:
        raise DataError(f"its JSON has {len(content):,} bytes, at most {MOST_BYTES:,} are read")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"damaged: byte {error.start:,} of its JSON is not UTF-8") from None
    _check_depth(text)
    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_int=_whole, parse_float=_real, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise DataError(f"damaged: its JSON, line {error.lineno} column {error.colno}: {error.msg}") from None


def canonical(value: Any) -> bytes:
    """The one way to write it: keys sorted, no spaces, ASCII; numbers as Python writes them, in the fewest digits.

    >>> canonical({"b": [1, 0.5], "a": None})
    b'{"a":null,"b":[1,0.5]}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def check_keys(where: str, given: Any, names: list[str]) -> None:
    """A `DataError` unless it is an object with just these keys."""
    if not isinstance(given, dict):
        raise DataError(f"{where}: expected an object, got {quoted(repr(given))}")
    for name in given:
        if name not in names:
            raise DataError(f"{where}: unknown key {quoted(name)}, expected {', '.join(names)}")
    for name in names:
        if name not in given:
            raise DataError(f"{where}: the key {quoted(name)} is missing")


def is_text(given: Any) -> bool:
    """Whether it is a text that can be written: without halves of characters, which UTF-8 cannot hold."""
    return isinstance(given, str) and not any("\ud800" <= letter <= "\udfff" for letter in given)


def _check_depth(text: str) -> None:
    """Before anything is made of it."""
    depth = 0
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        depth += (mark in "[{") - (mark in "]}")
        if depth > _MOST_DEPTH:
            raise DataError(f"its JSON is nested more than {_MOST_DEPTH} deep at character {token.start():,}")
    if depth > 0:
        raise DataError(f"truncated: its JSON breaks off after {len(text):,} characters, before its end")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise DataError(f"damaged: its JSON has the key {quoted(twice)} twice in one object")
    return made


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise DataError(f"damaged: its JSON has a whole number of {len(digits):,} digits")
    return int(digits)


def _real(digits: str) -> float:
    if not math.isfinite(value := float(digits)):
        raise DataError(f"damaged: its JSON has the number {quoted(digits)}, which is not finite")
    return value


def _refuse_constant(word: str) -> Any:
    raise DataError(f"damaged: its JSON has {word}, which is not a finite number")
