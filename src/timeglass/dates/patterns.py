"""Ways to write a date, in the words of `--date-format`: dd.mm.yyyy, yyyy-mm-ddThh:mm, yyyyQq."""

from __future__ import annotations

import re
from functools import lru_cache

from timeglass.dates.calendar import MONTHS
from timeglass.errors import OptionError

__all__ = ["NUMBERS", "PATTERNS", "expression", "tokens"]

# Tried in this order: of those that fit equally many rows the first is taken.
_DAYS = (
    "yyyy-mm-dd", "yyyy/mm/dd", "yyyy.mm.dd", "dd.mm.yyyy", "dd/mm/yyyy", "mm/dd/yyyy", "dd-mm-yyyy", "mm-dd-yyyy",
    "dd mmm yyyy", "dd-mmm-yyyy", "dd. mmm yyyy", "mmm dd, yyyy", "mmm dd yyyy", "yyyy-mmm-dd",
)  # fmt: skip
_OTHERS = (
    "yyyy-mm", "yyyy/mm", "mm/yyyy", "mm.yyyy", "yyyyMmm", "mmm yyyy", "mmm-yyyy", "yyyy mmm", "yyyy-mmm",
    "yyyyQq", "yyyy-Qq", "yyyy Qq", "Qq yyyy", "Qq-yyyy", "Qq/yyyy", "yyyy-Www", "yyyyWww", "yyyy-Www-d",
)  # fmt: skip
PATTERNS = (*_DAYS, *_OTHERS, "yyyy-mm-ddThh:mm", *(f"{day} hh:mm" for day in _DAYS))
NUMBERS = ("number", "yyyy", "yyyymm", "yyyymmdd", "excel", "unix", "unix-ms")  # digits only: their values decide

_TOKEN = re.compile(r"yyyy|mmm|mm|dd|ww|hh:mm|q|d")
_NAME = "|".join(f"{m[:3]}(?:{m[3:]})?" if m != "September" else "Sep(?:t(?:ember)?)?" for m in MONTHS)
_TIME = (
    r"(?P<hour>[0-9]{1,2})(?::(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
    r"(?: ?(?P<half>[ap]m))?"
    r"(?: ?(?:(?P<utc>z|utc)|(?P<sign>[+-])(?P<offset_hour>[0-9]{2})(?::?(?P<offset_minute>[0-9]{2}))?))?"
)
_FIELDS = {
    "yyyy": "(?P<year>[0-9]{4})", "mmm": rf"(?P<name>{_NAME})\.?", "mm": "(?P<month>[0-9]{1,2})",
    "dd": "(?P<day>[0-9]{1,2})", "ww": "(?P<week>[0-9]{2})", "q": "(?P<quarter>[0-9])", "d": "(?P<weekday>[0-9])",
    "hh:mm": _TIME,
}  # fmt: skip


def tokens(pattern: str) -> tuple[str, ...]:
    """The parts of a pattern, literal characters among them. OptionError where they make no date.

    >>> tokens("dd.mm.yyyy")
    ('dd', '.', 'mm', '.', 'yyyy')
    """
    parts: list[str] = []
    place = 0
    while place < len(pattern):
        match = _TOKEN.match(pattern, place)
        parts.append(match[0] if match else pattern[place])
        place += len(parts[-1])
    fields = sorted(part for part in parts if part in _FIELDS and part != "hh:mm")
    known = ["yyyy", "mm yyyy", "mmm yyyy", "dd mm yyyy", "dd mmm yyyy", "q yyyy", "ww yyyy", "d ww yyyy"]
    timed = parts.count("hh:mm")
    if " ".join(fields) not in known or timed > 1 or (timed and ("dd" not in fields or parts[-1] != "hh:mm")):
        raise OptionError(
            f"--date-format {pattern!r} makes no date: expected a pattern such as dd.mm.yyyy, mm/dd/yyyy hh:mm, "
            f"mmm yyyy or yyyyQq, or one of {', '.join(NUMBERS)}"
        )
    return tuple(parts)


@lru_cache(maxsize=256)
def expression(pattern: str) -> re.Pattern[str]:
    """What texts of this pattern look like, whichever digits they have. A time of day may be left out.

    Texts that differ in their digits alone both match or neither, with their fields at the same places.
    """
    parts = tokens(pattern)
    found = ""
    for i, part in enumerate(parts):
        beside = {parts[i - 1] if i else "", *parts[i + 1 : i + 2]} & {"yyyy", "mm", "dd"}
        if part in ("mm", "dd") and (beside or pattern.startswith("yyyy-mm")):
            found += _FIELDS[part].replace("{1,2}", "{2}")
        elif part == "yyyy" and i == 0 and not beside:
            found += "(?P<year>[0-9]{4}|[+-][0-9]{4,6})"
        elif part == "hh:mm":
            found = f"{found[: -len(re.escape(parts[i - 1]))]}(?:{re.escape(parts[i - 1])}{_TIME})?"
        else:
            found += _FIELDS.get(part) or re.escape(part)
    return re.compile(found, re.IGNORECASE)
