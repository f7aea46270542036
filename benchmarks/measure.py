"""What the benchmarks share: contenders in processes of their own that take turns, ratios, tables, the machine.

A contender is a function that imports its library, makes and warms up what it has to, and returns a job: called
without arguments, the job measures once and gives its numbers by name. A `Worker` runs it in a process of its own,
which sleeps while others measure, so that libraries do not fight over threads.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = [
    "COMPILER_FLAGS",
    "Goal",
    "Job",
    "Numbers",
    "Rounds",
    "Worker",
    "compile_cpp",
    "fastest",
    "finish",
    "installed",
    "machine",
    "note",
    "options",
    "print_goals",
    "print_machine",
    "print_table",
    "ratios",
    "readable",
    "repeated",
    "seconds_of",
    "spread",
    "take_turns",
    "whole",
]

Numbers = dict[str, Any]  # what one measurement gives, by name
Job = Callable[[], Numbers]
Rounds = dict[str, list[Numbers]]  # for each contender what each round gave

COMPILER_FLAGS = ("-O3", "-march=native", "-std=c++20")


# Contenders, each in a process of its own


class Worker:
    """A process that prepares jobs of one module and measures when asked; in between it sleeps.

    It may use the first `threads` of the processors that this process may use, and its libraries are told so.
    """

    def __init__(self, module: str, *, threads: int = 2, environment: Mapping[str, str] | None = None) -> None:
        told = {name: str(threads) for name in ("TIMEGLASS_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        self._name = module
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), module, str(threads)],
            env=os.environ | told | dict(environment or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def prepare(self, function: str, **arguments: Any) -> Worker:
        """Has the module's function make a job from the arguments, in place of the job before."""
        self._ask({"function": function, "arguments": arguments})
        return self

    def measure(self) -> Numbers:
        """The numbers of one call of the job."""
        return self._ask({})

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, question: Mapping[str, Any]) -> Numbers:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        reply = json.loads(answer) if answer else {"error": f"exit code {self._process.wait()}"}
        if "error" in reply:
            raise SystemExit(f"{self._name}: {question.get('function', 'the measurement')} failed:\n{reply['error']}")
        return dict(reply)


def _serve(module: str, threads: int) -> None:
    """The worker's side: answers questions until there are no more."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    with contextlib.suppress(KeyboardInterrupt), os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what libraries print is not an answer
        job: Job | None = None
        for line in sys.stdin:
            question, reply = json.loads(line), {}
            try:
                if "function" in question:
                    job = None  # lets go of what it holds before the next one is made
                    job = getattr(importlib.import_module(module), question["function"])(**question["arguments"])
                elif job:
                    reply = job()
            except Exception:
                reply = {"error": traceback.format_exc()}
            print(json.dumps(reply), file=answers, flush=True)


def take_turns(contenders: Mapping[str, Job], rounds: int) -> Rounds:
    """A B C, A B C, …: so that a slow minute of the machine falls on all of them."""
    found: Rounds = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, job in contenders.items():
            found[name].append(job())
    return found


# Times


def repeated(measure: Callable[[], float], seconds: float = 1.0, most: int = 50) -> float:
    """The median of as many measurements as fit into about that time; at least one."""
    times = [measure()]
    while sum(times) < seconds and len(times) < most:
        times.append(measure())
    return statistics.median(times)


def seconds_of(call: Callable[[], object], seconds: float = 0.3, calls: int = 0) -> float:
    """Seconds of one call: the median over loops of so many calls, by default as many as take 5 ms."""

    def loop(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            call()
        return time.perf_counter() - began

    count = calls or 1
    while not calls and loop(count) < 0.005:
        count *= 2
    return repeated(lambda: loop(count), seconds) / count


def fastest(variants: Mapping[str, Callable[[], object]], seconds: float = 0.2) -> tuple[str, Callable[[], object]]:
    """The fastest of several ways to do the same, each called once beforehand."""
    times = {}
    for name, call in variants.items():
        call()
        times[name] = seconds_of(call, seconds, calls=1)
    name = min(times, key=lambda name: times[name])
    return name, variants[name]


# Ratios and goals


def ratios(found: Rounds, name: str, reference: str, number: str = "seconds") -> list[float]:
    """A contender's number over the reference's, round by round."""
    return [theirs[number] / ours[number] for theirs, ours in zip(found[name], found[reference], strict=True)]


@dataclass(frozen=True)
class Goal:
    """What was to be at least `least`, and what each round gave."""

    what: str
    values: Sequence[float]
    least: float

    @property
    def reached(self) -> str:
        """In how many rounds."""
        if min(self.values) >= self.least:
            return "yes, in every round"
        if statistics.median(self.values) >= self.least:
            return "yes, on the median"
        return "in some rounds" if max(self.values) >= self.least else "no"


# The report


def readable(seconds: float) -> str:
    """Three digits in a unit that suits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def whole(ratio: float) -> str:
    """Two digits, or all before the point."""
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def spread(values: Sequence[float], show: Callable[[float], str] = whole) -> str:
    """Median (least .. most)."""
    return f"{show(statistics.median(values))} ({show(min(values))} .. {show(max(values))})"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table as Markdown has it."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
    print()


def note(text: str) -> None:
    """How far the script has come, on standard error."""
    print(text, file=sys.stderr, flush=True)


def print_goals(goals: Sequence[Goal], show: Callable[[float], str] = whole) -> None:
    """Each goal with what was found, and whether it was reached."""
    rows = [[goal.what, f"≥ {show(goal.least)}", spread(goal.values, show), goal.reached] for goal in goals]
    if rows:
        print_table(["goal", "to reach", "found", "reached?"], rows)


# The machine


def installed(*modules: str) -> bool:
    """Whether these modules could be imported."""
    return all(find_spec(module) for module in modules)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("timeglass", "numpy", "scipy", "keras", "jax", "jaxlib", "torch", "tensorflow", "tensorflow-cpu"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _instruction_set() -> str:
    from timeglass.kernel.library import kernel_status

    library = kernel_status().library
    return library.instruction_set if library else "no kernel: NumPy"


def machine() -> Numbers:
    """Where the numbers come from, and how busy it was: beside other work they mean little."""
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "date": datetime.date.today().isoformat(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "busy with other work at the start": f"{load} of them",
        "instruction set of Timeglass": _instruction_set(),
        "versions": ", ".join(f"{name} {version}" for name, version in _versions().items()),
    }


def print_machine(rounds: int) -> Numbers:
    """Prints and gives the machine."""
    here = machine() | {"rounds": rounds}
    for what, value in here.items():
        print(f"{what}: {value}")
    print()
    return here


def compile_cpp(source: Path, folder: Path, *more: str) -> Path:
    """A program made from a C++ file, as fast as the compiler can make it here."""
    asked = os.environ.get("CXX", "")
    compiler = next((path for name in (asked, "g++", "clang++", "c++") if name and (path := shutil.which(name))), None)
    if compiler is None:
        raise SystemExit(f"{source.name} needs a C++ compiler: install GCC or Clang, or name one in CXX")
    program = folder / source.stem
    command = [compiler, *COMPILER_FLAGS, str(source), *more, "-pthread", "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return program


# The command line


def _at_least_one(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def options(description: str, rounds: int = 5) -> argparse.ArgumentParser:
    """The options that all scripts have."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--rounds", type=_at_least_one, default=rounds)
    parser.add_argument("--quick", action="store_true", help="a smoke check: one round of little work")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every measurement there, too")
    return parser


def finish(given: argparse.Namespace, result: Numbers) -> None:
    """Writes what `--json` asks for."""
    if given.json:
        given.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
