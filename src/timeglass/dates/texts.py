"""Writes dates as a pattern says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import MONTHS, Dates, weekdays
from timeglass.errors import OptionError

__all__ = ["unit_of", "write"]

Ints = NDArray[np.int64]


def unit_of(parts: Sequence[str]) -> str:
    """The unit of the dates that a pattern of these parts tells apart: Y, M, D or s."""
    if "hh:mm" in parts:
        return "s"
    if {"dd", "ww"} & set(parts):
        return "D"
    return "M" if {"mm", "mmm", "q"} & set(parts) else "Y"


def write(parts: Sequence[str], dates: Dates, offsets: Ints | None = None) -> list[str]:
    """Dates (N,) as a pattern says, so many minutes east of UTC. OptionError where it would lose a part of one."""
    if offsets is not None:
        dates = dates.astype(np.promote_types(dates.dtype, "datetime64[s]")) + offsets * np.timedelta64(60, "s")
    values = _values(parts, dates)
    _check(parts, dates, values)
    written = []
    for part in parts:
        if part == "hh:mm":
            written.append(_times(dates, offsets))
        elif part in values:
            written.append(_digits(part, values[part], first=part == parts[0] and "mm" not in parts[1:2]))
        else:
            written.append([part] * len(dates))
    return ["".join(pieces) for pieces in zip(*written, strict=True)]


def _values(parts: Sequence[str], dates: Dates) -> dict[str, Ints]:
    days = dates.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    middle = days - weekdays(days) + 3 if "ww" in parts else days  # a week is of the year that has its Thursday
    year = middle.astype("datetime64[Y]")
    return {
        "yyyy": year.astype(np.int64) + 1970, "mm": month, "mmm": month, "q": (month + 2) // 3,
        "dd": (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
        "ww": (middle - year.astype("datetime64[D]")).astype(np.int64) // 7 + 1, "d": weekdays(days) + 1,
    }  # fmt: skip


def _check(parts: Sequence[str], dates: Dates, values: dict[str, Ints]) -> None:
    unit = unit_of(parts)
    kept = dates.astype(f"datetime64[{unit}]").astype(dates.dtype) if unit != "s" else dates
    lost = kept != dates
    if "q" in parts:
        lost |= values["mm"] % 3 != 1
    if "ww" in parts and "d" not in parts:
        lost |= values["d"] != 1
    if lost.any():
        raise OptionError(f"dates: {dates[np.argmax(lost)]} cannot be written as {''.join(parts)} without loss")
    years = values["yyyy"]
    signed = parts[0] == "yyyy" and "mm" not in parts[1:2]
    bad = (np.abs(years) > 999_999) if signed else (years < 0) | (years > 9999)
    if bad.any():
        raise OptionError(f"dates: the year of {dates[np.argmax(bad)]} cannot be written as {''.join(parts)}")


def _digits(part: str, values: Ints, *, first: bool) -> list[str]:
    kinds, places = np.unique(values, return_inverse=True)
    if part == "mmm":
        texts = [MONTHS[m - 1][:3] for m in kinds]
    elif part == "yyyy":
        texts = [f"{y:04d}" if 0 <= y <= 9999 or not first else f"{y:+05d}" for y in kinds.tolist()]
    else:
        texts = [f"{value:0{len(part)}d}" for value in kinds.tolist()]
    return np.array(texts, dtype=object)[places].tolist()


def _times(dates: Dates, offsets: Ints | None) -> list[str]:
    """Times of day as fine as the finest of them needs: 14:00, 14:00:05 or 14:00:05.250."""
    size = {"s": 1, "ms": 1000, "us": 10**6}.get(np.datetime_data(dates.dtype)[0])
    if size is None:
        dates, size = dates.astype("datetime64[s]"), 1
    time = (dates - dates.astype("datetime64[D]")).astype(np.int64)
    second, small = time // size, time % size
    texts = _digits("hh", second // 3600, first=False), _digits("mm", second // 60 % 60, first=False)
    parts: list[Any] = [texts[0], texts[1]]
    if (second % 60).any() or small.any():
        parts.append(_digits("ss", second % 60, first=False))
    result = [":".join(pieces) for pieces in zip(*parts, strict=True)]
    if small.any():
        width = 3 if size == 1000 else 6
        result = [f"{text}.{part:0{width}d}" for text, part in zip(result, small.tolist(), strict=True)]
    if offsets is None:
        return result
    ends = [f"{'-' if m < 0 else '+'}{abs(m) // 60:02d}:{abs(m) % 60:02d}" for m in offsets.tolist()]
    return [text + end for text, end in zip(result, ends, strict=True)]
