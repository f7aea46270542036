"""Which character separates the fields, and which mark the decimals, by the first lines of a table."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

from timeglass.dates.patterns import PATTERNS, expression
from timeglass.errors import DataError
from timeglass.words import quoted

__all__ = ["find_decimal", "find_separator", "looks_like_date", "looks_like_number"]

SEPARATORS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:[eE][+-]?[0-9]+)?")
_ENGLISH = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]*")
_DIGITS = str.maketrans("123456789", "000000000")


def find_separator(lines: Sequence[str]) -> str | None:
    """The mark that gives most lines as many fields as the first has; None where each line is one field.

    >>> find_separator(["date;y", "2020-01;1,5", "2020-02;2,5"])
    ';'
    """
    scores = {mark: _score(lines, mark) for mark in SEPARATORS}
    best = max(scores, key=lambda mark: scores[mark])
    return best if scores[best][0] else None


def _score(lines: Sequence[str], mark: str) -> tuple[bool, bool, float, float]:
    try:
        rows = [row for row in csv.reader(lines, delimiter=mark) if row]
    except csv.Error:
        return (False, False, 0.0, 0.0)
    counts = Counter(map(len, rows))
    width, often = counts.most_common(1)[0] if counts else (1, 0)
    if width < 2:
        return (False, False, 0.0, 0.0)
    regular = [row for row in rows if len(row) == width]
    readable = sum(looks_like_number(cell) or looks_like_date(cell) for row in regular for cell in row)
    return (True, len(rows[0]) == width, round(often / len(rows), 1), readable / (width * len(regular)))


def looks_like_number(text: str) -> bool:
    """With either decimal mark."""
    return bool(_NUMBER.fullmatch(text.strip()))


def looks_like_date(text: str) -> bool:
    """By one of the patterns, whatever the digits."""
    return _is_shape_of_date(text.strip().translate(_DIGITS))


@lru_cache(maxsize=4096)
def _is_shape_of_date(shape: str) -> bool:
    patterns = ("yyyy-mm-ddThh:mm", *PATTERNS) if "0" in shape else ()
    return any(expression(pattern).fullmatch(shape) for pattern in patterns)


def find_decimal(texts: Mapping[str, str]) -> tuple[str, str]:
    """The decimal mark of texts, each with its place, and what speaks for it.

    A `DataError` asks where two readings fit.

    >>> find_decimal({"1,5": "data.csv:2:2", "12,25": "data.csv:3:2"})
    (',', "'1,5' has no other reading")
    """
    commas = [text for text in texts if "," in text and "." not in text and looks_like_number(text)]
    points = [text for text in texts if "." in text and "," not in text and looks_like_number(text)]
    plain = [text for text in commas if not _is_group(text)]
    whole = next((text for text in texts if re.fullmatch(r"[+-]?[1-9][0-9]{2,}", text)), None)
    if not commas and points and whole and all(_is_group(text.replace(".", ",")) for text in points):
        group = points[0]
        raise DataError(
            f"{texts[group]}: is {quoted(group)} beside {quoted(whole)} {group} or {group.replace('.', '')}? The file "
            "does not tell: give --decimal . or --thousands ."
        )
    if not commas or any(_ENGLISH.fullmatch(text) for text in texts):
        return ".", ""
    if points and len(plain) == len(commas):
        # One of the two kinds is wrong: the reader of numbers names the line.
        return "," if len(commas) > len(points) else ".", ""
    if plain and not points:
        return ",", f"{quoted(plain[0])} has no other reading"
    group = next(text for text in commas if _is_group(text))
    if points:
        raise DataError(
            f"{texts[group]}: {quoted(group)} beside {quoted(points[0])}: which is the decimal mark? Give --decimal . "
            "with --thousands , or --decimal , with --thousands ."
        )
    readings = f"{group.replace(',', '.')} or {group.replace(',', '')}"
    raise DataError(
        f"{texts[group]}: is {quoted(group)} {readings}? The file does not tell: give --decimal , or --thousands ,"
    )


def _is_group(text: str) -> bool:
    """Whether its comma may as well stand between thousands."""
    return bool(re.fullmatch(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+", text))
