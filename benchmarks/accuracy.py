"""How good are the forecasts: M3 scored as in the M4 competition, beside statsforecast, neuralforecast and a ridge.

    python benchmarks/accuracy.py exam --cache kept.json    # about an hour; minutes once the slow ones are kept
    python benchmarks/accuracy.py exam --quick              # some series, the fast contenders: does it run at all
    python benchmarks/accuracy.py choose --collections DIR --try "networks__epochs=64"
    python benchmarks/accuracy.py sunspots

`exam` takes no settings: it runs the default. `choose` takes settings and has no test parts: they are taken out of the
process before anything is learned. README.md beside this file keeps the numbers found.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from exam_choose import choose
from exam_data import Group, exam_parts
from exam_report import (
    Parts,
    Row,
    Run,
    Runs,
    as_numbers,
    best_rival,
    bias,
    combined,
    intervals,
    print_bias,
    print_intervals,
    print_rows,
    rows_of,
)
from exam_rivals import CONTENDERS, OURS, key_of
from exam_sunspots import sunspots
from measure import Numbers, Worker, finish, installed, note, print_machine, print_table

__all__ = ["main"]

LINEAR = "ridge AR(12)"  # the honest bar
ALWAYS = (OURS, LINEAR, "Naive", "SeasonalNaive", "Naive2")
FAST = (*ALWAYS, "Theta")
COMBINED = ("AutoETS", "DynamicOptimizedTheta", "CES")
COVERAGE = 0.87, 0.93
MOST_SMAPE = {"monthly": 13.4, "quarterly": 8.9, "yearly": 16.5, "other": 4.4, "all": 12.5}
MOST_OWA = 0.806  # monthly
MOST_SECONDS = 60.0  # all of M3 on two processors
QUICK = 24  # series of each group


class Kept:
    """Results of contenders other than ours in a file, so that ours can be examined again quickly."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        there = path is not None and path.exists()
        self._found: dict[str, Numbers] = json.loads(path.read_text(encoding="utf-8")) if path and there else {}

    def get(self, key: str) -> Numbers | None:
        return self._found.get(key)

    def put(self, key: str, found: Numbers) -> None:
        if self._path is None:
            return
        self._found[key] = found
        with tempfile.NamedTemporaryFile(
            "w", dir=self._path.absolute().parent, prefix=self._path.name, delete=False, encoding="utf-8"
        ) as file:
            json.dump(self._found, file)
        Path(file.name).replace(self._path)  # whole or not at all


def run_all(parts: Parts, names: Sequence[str], *, seeds: int, kept: Kept, few: int = 0) -> Runs:
    """Each contender alone, in a process of its own for each group and seed; seeds only where they change anything."""
    runs: Runs = {}
    for name in names:
        count = seeds if name == OURS else 1
        runs[name] = {
            group.name: [_run(name, group, seed, kept=kept, few=few) for seed in range(count)] for group, _ in parts
        }
    return runs


def _run(name: str, group: Group, seed: int, *, kept: Kept, few: int) -> Run:
    slow = name != OURS and CONTENDERS[name].needs
    if slow and (there := kept.get(key_of(name, group, seed))):
        return Run.of(there, kept=True)
    note(f"{name}, {group.name}, seed {seed} …")
    with Worker("exam_rivals") as worker:
        found = worker.prepare("job", name=name, group=group.name, seed=seed, few=few).measure()
    if slow:
        kept.put(key_of(name, group, seed), found)
    return Run.of(found)


def exam(*, seeds: int, kept: Kept, only: Sequence[str] = (), quick: bool = False) -> Numbers:
    """Runs the default beside all that are installed, prints every table, and gives the numbers."""
    parts: Parts = exam_parts()
    if quick:
        parts = [(group.of(some), actual[some]) for group, actual in parts for some in [group.sample(QUICK)]]
    wanted = FAST if quick else (only or tuple(CONTENDERS))
    names = [name for name in CONTENDERS if name in {*ALWAYS, *wanted} and installed(*CONTENDERS[name].needs)]
    for name in set(wanted) - set(names):
        note(f"{name} needs {', '.join(CONTENDERS[name].needs)}: not installed")
    runs = run_all(parts, names, seeds=1 if quick else seeds, kept=kept, few=QUICK if quick else 0)
    if set(COMBINED) <= set(names):
        runs[f"median of {', '.join(COMBINED)}"] = combined([runs[name] for name in COMBINED])
    tables = {group.name: rows_of([(group, actual)], runs) for group, actual in parts} | {"all": rows_of(parts, runs)}
    for name, rows in tables.items():
        print_rows(f"M3, {name}", rows)
    covered = intervals(parts, runs[OURS])
    print_intervals(covered, *COVERAGE)
    kinds = bias(parts, runs)
    print_bias(kinds)
    print_goals(tables, whole=not quick)
    seconds = {
        name: {which: [run.seconds for run in some] for which, some in own.items()} for name, own in runs.items()
    }
    return as_numbers(tables, kinds) | {"intervals": covered, "seconds": seconds}


def print_goals(tables: Mapping[str, Sequence[Row]], *, whole: bool) -> None:
    """Ours beside what it is to reach in every group; the time only where it was the whole of M3."""
    cells = []
    for name, rows in tables.items():
        ours, linear = (next(row for row in rows if row.who == who) for who in (OURS, LINEAR))
        for rival in dict.fromkeys((linear, best_rival(rows))):
            better = "yes" if ours.owa < rival.owa else "no"
            cells.append([f"{name}: OWA", f"< {rival.owa:.4f} ({rival.who})", f"{ours.owa:.4f}", better])
    if whole:
        for name, most in MOST_SMAPE.items():
            found = next(row for row in tables[name] if row.who == OURS).smape
            cells.append([f"{name}: sMAPE", f"≤ {most}", f"{found:.3f}", "yes" if found <= most else "no"])
        monthly = next(row for row in tables["monthly"] if row.who == OURS).owa
        cells.append(["monthly: OWA", f"≤ {MOST_OWA}", f"{monthly:.4f}", "yes" if monthly <= MOST_OWA else "no"])
        seconds = next(row for row in tables["all"] if row.who == OURS).seconds
        reached = "yes" if seconds <= MOST_SECONDS else "no"
        cells.append(["all of M3 on two processors", f"≤ {MOST_SECONDS:.0f} s", f"{seconds:.1f} s", reached])
    print_table(["goal", "to reach", "found", "reached?"], cells)


# The command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in (("exam", "the default on M3"), ("choose", "settings on training parts"), ("sunspots", "RMSE")):
        own = commands.add_parser(name, help=what)
        own.add_argument("--seeds", type=int, default=1 if name == "choose" else 3)
        own.add_argument("--quick", action="store_true", help="a smoke check: little work")
        own.add_argument("--json", type=Path, metavar="FILE", help="write every number there, too")
        if name == "exam":
            own.add_argument("--cache", type=Path, metavar="FILE", help="keep the other contenders' forecasts there")
            own.add_argument("--only", nargs="+", default=[], choices=list(CONTENDERS), metavar="NAME")
        if name == "choose":
            own.add_argument("--collections", type=Path, metavar="DIR", help="folders with meta.json, train.csv.gz")
            own.add_argument("--try", dest="tried", action="append", default=[], metavar="SETTINGS")
            own.add_argument("--origins", type=int, default=1)
            own.add_argument("--most", type=int, default=0, help="only so many series of each collection")
    return parser


def main() -> None:
    """Does what the command line asks for."""
    parser = _parser()
    given = parser.parse_args()
    if given.seeds < 1:
        parser.error(f"--seeds {given.seeds}: expected a whole number from 1 on")
    result: Numbers = {"machine": print_machine(given.seeds)}
    if given.command == "exam":
        result |= exam(seeds=given.seeds, kept=Kept(given.cache), only=given.only, quick=given.quick)
    elif given.command == "choose":
        most = QUICK if given.quick else given.most
        result |= choose(
            given.tried, collections=given.collections, origins=given.origins, seeds=given.seeds, most=most
        )
    else:
        result |= sunspots(1, 12) if given.quick else sunspots(given.seeds)
    finish(given, result)


if __name__ == "__main__":
    main()
