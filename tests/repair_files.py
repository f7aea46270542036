"""Forty days of values to repair, read back with the list of what was changed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from read_files import FILE

from timeglass.read import ReadOptions, read_series
from timeglass.series.series import Series

DAYS = np.arange("2021-03-01", "2021-05-01", dtype="datetime64[D]").astype(str).tolist()
VALUES = (10 + np.random.default_rng(5).normal(size=40)).tolist()  # no two alike, all digits of a double in use
ROWS = [f"{day},{value!r}" for day, value in zip(DAYS, VALUES, strict=False)]
MONTHS = [f"{2000 + i // 12}-{i % 12 + 1:02d}" for i in range(60)]
LONG = [f"{name},{day},{VALUES[i] + k!r}" for k, name in enumerate("abc") for i, day in enumerate(DAYS[:20])]
SORTED = "the rows stood out of order in %s, and were sorted"
TURNED = "the rows stood newest first, and were turned round"
Listed = tuple[int | None, str, str, str, str, str]


def save(rows: list[str], header: str | None = "date,y") -> None:
    with open(FILE, "w", encoding="utf-8", newline="") as file:
        file.write("\n".join([*([] if header is None else [header]), *rows]) + "\n")


def read(**options: Any) -> Series:
    return read_series(FILE, ReadOptions(**options))


def number(text: str) -> str:
    """3 is listed as 3 or as 3.0: one number."""
    return repr(float(text)) if re.fullmatch(r"[-+.e0-9]*[0-9]", text) else text


def listed(series: Any) -> list[Listed]:
    return [(c.line, c.column, c.date, number(c.old), number(c.new), c.why) for c in series.origin.changes]


def replaced(changed: dict[int, str], rows: list[str] = ROWS) -> list[str]:
    """The rows, but for those of some lines, the header being line 1."""
    return [changed.get(i + 2, row) for i, row in enumerate(rows)]


def value_in(line: int, text: str) -> dict[int, str]:
    return {line: f"{DAYS[line - 2]},{text}"}


def same_bits(found: Any, wanted: Any) -> bool:
    return np.asarray(found, np.float64).tobytes() == np.asarray(wanted, np.float64).tobytes()
