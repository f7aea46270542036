"""Long tables of series by the day, written and read back as a panel."""

from __future__ import annotations

from typing import Any

import numpy as np
from read_files import FILE

from timeglass.read import ReadOptions, read_panel
from timeglass.series.panel import Panel

DAYS = np.arange("2021-03-01", "2021-06-01", dtype="datetime64[D]").astype(str).tolist()


def save(rows: list[str], header: str = "unique_id,ds,y") -> None:
    with open(FILE, "w", encoding="utf-8", newline="") as file:
        file.write("\n".join([header, *rows]) + "\n")


def read(**options: Any) -> Panel:
    return read_panel(FILE, ReadOptions(**options))


def of(name: str, count: int = 4, first: int = 0, scale: float = 1.0) -> list[str]:
    return [f"{name},{DAYS[first + i]},{(first + i) * scale!r}" for i in range(count)]
