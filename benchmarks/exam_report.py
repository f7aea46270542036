"""The tables of the exam, from forecasts of M3 and what came: numbers first, then the ink."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from exam_data import Group, domain_of
from exam_rivals import LEVEL, OURS
from exam_scores import (
    Kind,
    Scores,
    bias_table,
    coverage,
    join,
    kinds_of,
    msis,
    owa,
    paired_interval,
    score,
)
from measure import Numbers, print_table
from numpy.typing import NDArray

__all__ = [
    "Parts",
    "Row",
    "Run",
    "Runs",
    "as_numbers",
    "best_rival",
    "bias",
    "combined",
    "intervals",
    "print_bias",
    "print_intervals",
    "print_rows",
    "rows_of",
]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Run:
    """A contender's forecasts of a group with one seed."""

    seconds: float
    point: Array  # (S, K)
    low: Array | None = None
    high: Array | None = None
    kept: bool = False  # from a file, by an earlier run: so are its seconds

    @classmethod
    def of(cls, found: Mapping[str, Any], *, kept: bool = False) -> Run:
        """From what a worker answers."""
        low, high = (np.array(found[end]) if end in found else None for end in ("low", "high"))
        return cls(float(found["seconds"]), np.array(found["point"], dtype=np.float64), low, high, kept)


Runs = dict[str, dict[str, list[Run]]]  # by contender, then group: one for each seed
Parts = Sequence[tuple[Group, Array]]


@dataclass(frozen=True)
class Row:
    """A contender in a group. Scores are those of the first seed, `seeds` the least and the most OWA of all seeds.

    `low` and `high` are the interval of its sMAPE less ours: above 0 where ours is better.
    """

    who: str
    smape: float
    mase: float
    owa: float
    seconds: float
    low: float
    high: float
    seeds: tuple[float, float]
    kept: bool


def rows_of(parts: Parts, runs: Runs) -> list[Row]:
    """Of one group, or of several that are scored together; the one with the least OWA first."""
    naive2, ours = _scores(parts, runs["Naive2"], 0), _scores(parts, runs[OURS], 0)
    rows = []
    for who, by_group in runs.items():
        seeds = min(len(by_group[group.name]) for group, _ in parts)
        each = [_scores(parts, by_group, seed) for seed in range(seeds)]
        owas = [owa(found, naive2) for found in each]
        low, high = paired_interval(each[0].smape, ours.smape)
        chosen = [by_group[group.name] for group, _ in parts]
        seconds = sum(statistics.median(run.seconds for run in some) for some in chosen)
        kept = any(run.kept for some in chosen for run in some)
        spread = min(owas), max(owas)
        rows.append(Row(who, *each[0].means, owas[0], seconds, low, high, spread, kept))
    return sorted(rows, key=lambda row: row.owa)


def combined(several: Sequence[Mapping[str, Sequence[Run]]]) -> dict[str, list[Run]]:
    """The median of contenders' forecasts, and the sum of their seconds."""
    found = {}
    for name in several[0]:
        runs = [by_group[name][0] for by_group in several]
        point = np.median([run.point for run in runs], axis=0)
        found[name] = [Run(sum(run.seconds for run in runs), point, kept=any(run.kept for run in runs))]
    return found


def best_rival(rows: Sequence[Row]) -> Row:
    """The contender with the least OWA that is not ours."""
    return next(row for row in rows if row.who != OURS)


def print_rows(title: str, rows: Sequence[Row]) -> None:
    """A row for each contender."""
    print(f"{title}\n")
    cells = []
    for row in rows:
        apart = "" if row.who == OURS else f"{row.low:+.2f} .. {row.high:+.2f}"
        low, high = row.seeds
        spread = f"{low:.4f} .. {high:.4f}" if high > low else ""
        seconds = f"{row.seconds:.1f}" + (" (kept)" if row.kept else "")
        cells.append([row.who, f"{row.smape:.3f}", f"{row.mase:.3f}", f"{row.owa:.4f}", spread, seconds, apart])
    head = ["who", "sMAPE", "MASE", "OWA", "OWA over seeds", "seconds", "sMAPE less ours, 95 %"]
    print_table(head, cells)


def intervals(parts: Parts, by_group: Mapping[str, Sequence[Run]]) -> dict[str, tuple[float, float]]:
    """Coverage and MSIS of our nominal 90 % intervals, medians over seeds, by group and for all of them."""
    found = {}
    for group, actual in parts:
        each = []
        for run in by_group[group.name]:
            assert run.low is not None
            assert run.high is not None
            covered = coverage(actual, run.low, run.high)
            each.append((covered, msis(group.values, actual, (run.low, run.high), period=group.period, level=LEVEL)))
        found[group.name] = tuple(statistics.median(column) for column in zip(*each, strict=True))
    # Coverage counts values and MSIS series, so that the mean over all is made of each by its own count.
    counts = [(actual.size, len(actual)) for _, actual in parts]
    together = [
        sum(count[i] * found[group.name][i] for count, (group, _) in zip(counts, parts, strict=True))
        / sum(count[i] for count in counts)
        for i in range(2)
    ]
    return found | {"all": (together[0], together[1])}


def print_intervals(found: Mapping[str, tuple[float, float]], least: float, most: float) -> None:
    """With the goal beside each."""
    print(f"Nominal {LEVEL} % intervals of {OURS}\n")
    rows = [
        [
            name,
            f"{covered:.2%}",
            f"{least:.0%} to {most:.0%}",
            "yes" if least <= covered <= most else "no",
            f"{sis:.2f}",
        ]
        for name, (covered, sis) in found.items()
    ]
    print_table(["group", "coverage", "to reach", "reached?", "MSIS"], rows)


def bias(parts: Parts, runs: Runs) -> dict[str, list[Kind]]:
    """By group: the kinds of series, and how ours does on them beside the last value."""
    found = {}
    for group, actual in parts:
        kinds = kinds_of(group.values, group.period, [domain_of(name) for name in group.ids])
        ours, naive, naive2 = (runs[who][group.name][0].point for who in (OURS, "Naive", "Naive2"))
        found[group.name] = bias_table(kinds, actual, ours, naive=naive, naive2=naive2)
    return found


def print_bias(found: Mapping[str, Sequence[Kind]]) -> None:
    """Which kinds of series lose to doing nothing."""
    print(f"Which kinds of series {OURS} loses on: to the last value (Naive), and to Naive2\n")
    rows = [
        [group, kind.name, f"{kind.series:,}", f"{kind.lost:.0%}", f"{kind.lost_naive2:.0%}", f"{kind.relative:.2f}",
         f"{kind.bias:+.1%}"]
        for group, kinds in found.items() for kind in kinds
    ]  # fmt: skip
    head = ["group", "kind", "series", "lost to Naive", "lost to Naive2", "error, Naive = 1", "bias"]
    print_table(head, rows)


def as_numbers(rows: Mapping[str, Sequence[Row]], kinds: Mapping[str, Sequence[Kind]]) -> Numbers:
    """For `--json`."""
    return {
        "scores": {name: [asdict(row) for row in some] for name, some in rows.items()},
        "bias": {name: [asdict(kind) for kind in some] for name, some in kinds.items()},
    }


def _scores(parts: Parts, by_group: Mapping[str, Sequence[Run]], seed: int) -> Scores:
    return join(
        [score(group.values, actual, by_group[group.name][seed].point, group.period) for group, actual in parts]
    )
