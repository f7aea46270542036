"""Everything that one may say about how a table is written, which columns count, and what may be repaired."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, fields

from timeglass.dates.formats import DateFormat
from timeglass.dates.frequency_words import parse_frequency
from timeglass.errors import OptionError
from timeglass.words import quoted

__all__ = ["HOW_TO_MERGE", "HOW_TO_RESAMPLE", "MISSING_WORDS", "ReadOptions"]

# Read as "no value here". What is not in this list and no number is refused.
MISSING_WORDS = ("", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "-")
HOW_TO_MERGE = ("first", "last", "mean", "sum", "min", "max")
HOW_TO_RESAMPLE = ("mean", "sum", "last", "first", "min", "max", "median")
_CHOICES = {
    "decimal": (".", ","), "thousands": (",", ".", " ", "'", "_"), "missing": ("linear", "seasonal", "drop"),
    "duplicates": HOW_TO_MERGE,
}  # fmt: skip

Column = str | int | None


@dataclass(frozen=True)
class ReadOptions:
    """What is None is found out, and said. Each is checked when the value is made.

    How it is written: `encoding`; `separator` between fields; `decimal` mark; `thousands` mark; `header` in the first
    line or not; `skip_lines` before it; `skip_footer` lines at the end; `date_format` such as dd.mm.yyyy; the
    `missing_words` that stand for no value; `booleans` to read true and false as 1 and 0.

    What counts: the columns `time`, `value` and `id` by name or by place from 1 (`time="none"`: the rows are numbered);
    the `frequency`, in words such as "month end" (`"none"`: the rows follow each other, whatever their dates).

    What may be repaired, each repair listed: `missing` values and rows ("linear", "seasonal", or "drop" to go on
    without them); `duplicates` of a date ("last", "mean", …); `resample` to a frequency ("month", "day:sum");
    `strip_unit` to read 12.5 kWh as 12.5. With `strict`, rows out of order and repeated rows are refused too.

    >>> ReadOptions(decimal=",", missing="linear").decimal
    ','
    """

    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    header: bool | None = None
    skip_lines: int = 0
    skip_footer: int = 0
    date_format: str | None = None
    missing_words: tuple[str, ...] = MISSING_WORDS
    booleans: bool = False
    time: Column = None
    value: Column = None
    id: Column = None
    frequency: str | None = None
    missing: str | None = None
    duplicates: str | None = None
    resample: str | None = None
    strip_unit: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            given = getattr(self, name)
            if given is not None and given not in choices:
                wanted = ", ".join(map(repr, choices)) if name in ("decimal", "thousands") else ", ".join(choices)
                raise OptionError(f"--{name} {_shown(given)}: expected one of {wanted}")
        self._check_types()
        self._check_writing()
        if self.date_format is not None:
            DateFormat(self.date_format)
        if self.frequency not in (None, "none"):
            parse_frequency(self.frequency)
        if self.resample is not None:
            self.resampling  # noqa: B018  (checked when asked for)

    def _check_types(self) -> None:
        for name in ("skip_lines", "skip_footer"):
            given = getattr(self, name)
            if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= 10**6:
                raise OptionError(f"--{_option(name)} {_shown(given)}: expected a whole number from 0 to 1,000,000")
        for name in ("encoding", "separator", "date_format", "frequency", "resample"):
            given = getattr(self, name)
            if given is not None and not isinstance(given, str):
                raise OptionError(f"--{_option(name)} {_shown(given)}: expected words, got {type(given).__name__}")
        for name in ("time", "value", "id"):
            given = getattr(self, name)
            if given is not None and (isinstance(given, bool) or not isinstance(given, str | int)):
                raise OptionError(f"--{name} {_shown(given)}: expected a column's name, or its place from 1")
        if isinstance(self.missing_words, str):
            raise OptionError(f"--missing-words {_shown(self.missing_words)}: expected several words, got one text")

    def _check_writing(self) -> None:
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
                "a".encode(self.encoding)
            except (LookupError, UnicodeError, TypeError, ValueError):
                raise OptionError(
                    f"--encoding {_shown(self.encoding)}: no such encoding of text: expected utf-8, cp1252, utf-16 "
                    "or the like"
                ) from None
        if self.separator is not None and (len(self.separator) != 1 or self.separator in '"\n\r\0' + "0123456789.+-"):
            raise OptionError(f"--separator {_shown(self.separator)}: expected one character such as , ; | or a tab")
        if self.separator is not None and not self.separator.isascii():
            raise OptionError(f"--separator {_shown(self.separator)}: expected one ASCII character")
        if self.thousands is not None and self.thousands == self.decimal:
            raise OptionError(
                f"--thousands {self.thousands!r} with --decimal {self.decimal!r}: expected two different marks"
            )

    @property
    def resampling(self) -> tuple[str, str] | None:
        """The frequency in words and the way: "day:sum" gives ("day", "sum"); without a way it is the mean."""
        if self.resample is None:
            return None
        words, _, how = self.resample.partition(":")
        if how not in ("", *HOW_TO_RESAMPLE):
            raise OptionError(
                f"--resample {_shown(self.resample)}: expected one of {', '.join(HOW_TO_RESAMPLE)} after :"
            )
        parse_frequency(words, "--resample")
        return words, how or "mean"

    def changed(self) -> dict[str, object]:
        """Those that are not as they are without a word, for reports."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}


def _option(name: str) -> str:
    return {"frequency": "freq"}.get(name, name.replace("_", "-"))


def _shown(given: object) -> str:
    return quoted(given) if isinstance(given, str) else repr(given)[:40]
