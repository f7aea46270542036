"""From texts to numbers, exactly: each is read to its last bit, named as missing, or refused."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from timeglass.types import Array

__all__ = ["NumberFormat", "Numbers", "is_held"]

_NUMBER = r"[+-]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+"
_ONE = re.compile(_NUMBER)
_MANY = re.compile(rf"(?:{_NUMBER}\n)*+")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[,.' \u00a0\u202f’_][0-9]{3})+(?:[.,][0-9]+)?")
_UNIT = re.compile(
    r"([+-]?)([$€£¥]|[A-Z]{3}(?=[\s0-9]))?\s*([+-]?[0-9.,](?:[0-9.,' _]*[0-9.,])?(?:[eE][+-]?[0-9]+)?)\s*"
    r"([^0-9\s.,+-][^0-9]*)?"
)
_ALIKE = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'"}
)  # marks between thousands that look alike
_BOOLEANS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "t": 1.0, "f": 0.0}
_INFINITE = ("inf", "infinity", "+inf", "-inf", "+infinity", "-infinity")
_WHOLE = 2.0**53  # from here on not every whole number has a double of its own


@dataclass
class Numbers:
    """What the texts of a column are: values (N,), NaN where there is none; rows that are missing or refused."""

    values: Array
    missing: list[int] = field(default_factory=list)  # rows
    refused: list[tuple[int, str]] = field(default_factory=list)  # row, why and what to do
    rounded: list[int] = field(default_factory=list)  # rows whose number a double does not hold
    changed: list[tuple[int, str]] = field(default_factory=list)  # row, why it is not used as it stands
    units: dict[str, int] = field(default_factory=dict)  # that were taken off, each with its first row


@dataclass(frozen=True)
class NumberFormat:
    """How numbers are written.

    >>> form = NumberFormat(decimal=",")
    >>> form.read(["1,5", "x", "NA"]).values.tolist(), form.read(["1,5", "x", "NA"]).missing
    ([1.5, nan, nan], [2])
    """

    decimal: str = "."
    thousands: str | None = None
    missing_words: tuple[str, ...] = ("", "NA")
    booleans: bool = False
    strip_unit: bool = False

    @functools.cached_property
    def number_words(self) -> frozenset[str]:
        """Numbers that stand for no value, such as -999."""
        return frozenset(word for word in self.missing_words if _ONE.fullmatch(word.replace(",", ".")))

    def read(self, texts: Sequence[str]) -> Numbers:
        """Each text's number."""
        if self.number_words and not self.number_words.isdisjoint(texts):
            return self._read_each(texts)
        plain = texts if self.decimal == "." else None
        if plain is None and not any("." in text for text in texts):
            plain = [text.replace(",", ".") for text in texts]
        if plain is not None and self.thousands is None and (values := _all_numbers(plain)) is not None:
            found = Numbers(values)
            self._check_held(found, plain)
            return found
        return self._read_each(texts)

    def _read_each(self, texts: Sequence[str]) -> Numbers:
        found = Numbers(np.full(len(texts), np.nan))
        for row, text in enumerate(texts):
            if text in self.missing_words:
                found.missing.append(row)
            elif (plain := self._plain(text)) is not None:
                self._take(found, row, plain)
            elif self.booleans and text.lower() in _BOOLEANS:
                found.values[row] = _BOOLEANS[text.lower()]
                found.changed.append((row, "read as a number, as asked"))
            elif self.strip_unit and (without := self._without_unit(text)) is not None:
                self._take(found, row, without[0])
                found.units.setdefault(without[1], row)
                found.changed.append((row, "read without its unit"))
            else:
                found.refused.append((row, self._why(text)))
        return found

    def _take(self, found: Numbers, row: int, plain: str) -> None:
        value = float(plain)
        if math.isinf(value):
            found.refused.append((row, "a double cannot hold it: it goes up to 1.8e308; correct it in the file"))
            return
        found.values[row] = value
        if not is_held(plain, value):
            found.rounded.append(row)

    def _plain(self, text: str) -> str | None:
        """The text as Python writes numbers, None where it is none."""
        if self.thousands is not None:
            text = text.translate(_ALIKE)
        if self.thousands is not None and self.thousands in text:
            whole, mark, part = text.partition(self.decimal)
            group = re.escape(self.thousands)
            if self.thousands in part or not re.fullmatch(rf"[+-]?[0-9]{{1,3}}(?:{group}[0-9]{{3}})+", whole):
                return None
            text = whole.replace(self.thousands, "") + mark + part
        if self.decimal == ",":
            if "." in text:
                return None
            text = text.replace(",", ".")
        return text if _ONE.fullmatch(text) else None

    def _without_unit(self, text: str) -> tuple[str, str] | None:
        """The number before or after a unit, and the unit."""
        match = _UNIT.fullmatch(text.translate(_ALIKE))
        if not match or not (match[2] or match[4]):
            return None
        plain = self._plain(match[1] + match[3])
        if plain is None or math.isinf(float(plain)):
            return None
        return plain, f"{match[2] or ''}{match[4] or ''}".strip()

    def _check_held(self, found: Numbers, texts: Sequence[str]) -> None:
        values = found.values
        for row in np.flatnonzero((np.abs(values) >= _WHOLE) | (values == 0)).tolist():
            if math.isinf(values[row]):
                values[row] = np.nan
                found.refused.append((row, "a double cannot hold it: it goes up to 1.8e308; correct it in the file"))
            elif not is_held(texts[row], float(values[row])):
                found.rounded.append(row)

    def _why(self, text: str) -> str:
        """Why a text is no number, with the one option or change that makes it one."""
        lower = text.lower()
        if lower in _INFINITE or lower in ("nan", "na", "null", "none"):
            what = "expected a finite number; correct it in the file"
            return what if lower in _INFINITE else f"{what}, or say --missing-word {text} if it stands for no value"
        if lower in _BOOLEANS:
            return "true or false, not a number: --booleans reads them as 1 and 0"
        if _GROUPED.fullmatch(text):
            mark = next(c for c in text if not (c.isdigit() or c in "+-"))
            mark = mark.translate(_ALIKE)
            return f"it has a thousands mark: use --thousands {repr(mark) if mark in ' ' else mark}"
        if "," in text and self.decimal == "." and self.thousands != "," and _ONE.fullmatch(text.replace(",", ".")):
            return "expected a number such as 58.0: is its comma the decimal mark? use --decimal ,"
        if "." in text and self.decimal == "," and _ONE.fullmatch(text):
            return "it has a decimal point where the others have a comma; correct it in the file, or use --decimal ."
        if self._without_unit(text) is not None:
            return "a number with a unit: --strip-unit reads it without"
        what = "expected a number such as 58.0; correct it in the file, or cut the row"
        if len(text) <= 12 and not any(map(str.isdigit, text)):
            return f"{what}; if it stands for no value: --missing-word {text if text.isalnum() else repr(text)}"
        return what


def _all_numbers(texts: Sequence[str]) -> Array | None:
    """The numbers (N,), or None where one text is none."""
    joined = "\n".join(texts)
    if joined.count("\n") != len(texts) - 1 or not _MANY.fullmatch(joined + "\n"):
        return None
    return np.array(list(map(float, texts)))


def is_held(text: str, value: float) -> bool:
    """Whether a double holds the number, but for the usual rounding of a decimal fraction.

    >>> is_held("9007199254740993", 9007199254740993.0), is_held("0.1", 0.1), is_held("1e-400", 0.0)
    (False, True, False)
    """
    digits = text.lstrip("+-0")
    if value == 0:
        return not re.search("[1-9]", digits.lower().partition("e")[0])
    return len(digits) < 16 or not digits.isdigit() or int(digits) == abs(int(value))
