"""How long does one time step of a small recurrent layer take at C level, sample after sample?

    python benchmarks/step.py                      # nine rounds, half a minute
    python benchmarks/step.py --quick              # does it run at all

`step.cpp` calls `tg_step` from C++, one thread, for windows of one feature, and for windows of as many features as the
layer has units. The latter is what RTNeural published its times for (github.com/jatinchowdhury18/RTNeural-compare,
results/bench_xsimd.txt and bench_eigen.txt: 480,000 steps of a layer whose size is fixed when the program is compiled),
measured on another machine. Its forecasts are checked against `tg_predict`. Needs a C++ compiler.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measure import (
    Goal,
    Numbers,
    compile_cpp,
    finish,
    options,
    print_machine,
    print_table,
    readable,
    spread,
    take_turns,
)

__all__ = ["main"]

THEIR_MACHINE = "2018 Mac Mini, Intel Core i7-8700B, 3.20 GHz"
AGREE = 1e-5


@dataclass(frozen=True)
class Case:
    """A layer, and the seconds that RTNeural published for one step, by the library it was built with."""

    layer: str
    units: int
    xsimd: float
    eigen: float

    def __str__(self) -> str:
        return f"{self.layer}({self.units})"


# Seconds for 480,000 steps, as published, over 480,000.
CASES = (
    Case("LSTM", 4, 0.044373 / 480_000, 0.0372671 / 480_000),
    Case("GRU", 16, 0.105189 / 480_000, 0.128289 / 480_000),
    Case("LSTM", 32, 0.496908 / 480_000, 0.42444 / 480_000),
)


def build(folder: Path) -> tuple[Path, int]:
    """The program made from step.cpp, linked with this installation's kernel, and the instruction set's number."""
    from timeglass.kernel.library import load

    library, here = load(), Path(__file__)
    header = here.parents[1] / "csrc"
    more = (f"-I{header}", library.path, f"-Wl,-rpath,{Path(library.path).parent}")
    return compile_cpp(here.with_name("step.cpp"), folder, *more), library.code


def steps(program: Path, instruction_set: int, case: Case, features: int, seconds: float) -> Numbers:
    """Seconds of one step, and by how much the forecasts differ from `tg_predict`'s."""
    from timeglass.kernel.structs import KINDS

    command = [program, KINDS.index(case.layer.lower()), case.units, features, instruction_set, seconds]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case}: {done.stderr.strip()}")
    nanoseconds, difference = done.stdout.split()
    return {"seconds": float(nanoseconds) * 1e-9, "difference": float(difference)}


def main() -> int:
    """0; 1 where steps and `tg_predict` differ."""
    given = options(__doc__ or "", rounds=9).parse_args()
    here = print_machine(rounds := 1 if given.quick else given.rounds)
    seconds = 0.02 if given.quick else 0.3
    works = [(case, features) for case in CASES for features in (1, case.units)]
    with tempfile.TemporaryDirectory() as folder:
        program, code = build(Path(folder))
        jobs = {
            f"{case}, {features} in": (
                lambda case=case, features=features: steps(program, code, case, features, seconds)
            )
            for case, features in works
        }
        found = take_turns(jobs, rounds)
    rows = []
    for (name, measured), (case, _) in zip(found.items(), works, strict=True):
        times = [numbers["seconds"] for numbers in measured]
        faster = Goal(name, [min(case.xsimd, case.eigen) / own for own in times], 1)
        published = [readable(case.xsimd), readable(case.eigen)]
        rows.append([name, spread(times, readable), *published, spread(faster.values), faster.reached])
    print(
        "One time step, one thread: median (least .. most); `n in`: of so many features. RTNeural as published, with as"
    )
    print(f"many features as units, on another machine ({THEIR_MACHINE}). Ratio: its faster time over ours.")
    print_table(["layer", "tg_step", "RTNeural, xsimd", "RTNeural, Eigen", "ratio", "≥ 1?"], rows)
    finish(given, here | {"found": found})
    worst = max(numbers["difference"] for measured in found.values() for numbers in measured)
    if worst > AGREE:
        print(f"Steps differ from tg_predict by {worst:.2g}", file=sys.stderr)
    return int(worst > AGREE)


if __name__ == "__main__":
    sys.exit(main())
