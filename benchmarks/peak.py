"""How much of the processor do the lanes use: the kernel's GFLOP/s beside the most that one core can do.

    python benchmarks/peak.py                      # nine rounds, two minutes
    python benchmarks/peak.py --quick              # does it run at all

Sixteen networks are trained in the lanes of one core, batches of 32 and of 1. Counted are only the multiply-adds of
the recurrent layer's products, two operations each; activations, the dense layer, Adam and Python are not, but their
time is. `peak.cpp` measures the most that the core can do, in the same round. Needs a C++ compiler.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from measure import (
    Goal,
    Job,
    Worker,
    compile_cpp,
    finish,
    note,
    options,
    print_machine,
    print_table,
    repeated,
    spread,
    take_turns,
)

__all__ = ["GATES", "build_peak", "flops", "layer_of", "main", "measure_peak"]

GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}
UNITS, BATCHES = (8, 16, 24, 32), (32, 1)
NETWORKS, STEPS, FEATURES, WINDOWS = 16, 50, 1, 1024
LEAST = 0.4


def flops(layer: str, units: int, features: int, steps: int) -> int:
    """Operations of one window's training: two for each multiply-add of x · wx and h · wh, of dh, dwx and dwh.

    2 · gates · H · (3 H + 2 F) · T: the gradient of the window itself is not worked out, for nobody asks for it.
    """
    return 2 * GATES[layer] * units * (3 * units + 2 * features) * steps


def layer_of(layer: str) -> Any:
    """Timeglass's layer of that name."""
    import timeglass

    return getattr(timeglass, layer)


def build_peak(folder: Path) -> Path:
    """The program made from peak.cpp."""
    return compile_cpp(Path(__file__).with_name("peak.cpp"), folder, "-ffp-contract=fast")


def measure_peak(program: Path, threads: int, seconds: float = 0.3) -> tuple[float, int]:
    """GFLOP/s of so many threads together, and how many floats a register holds."""
    done = subprocess.run([str(program), str(threads), str(seconds)], capture_output=True, text=True, check=True)
    rate, floats = done.stdout.split()
    return float(rate), int(floats)


def lanes(layer: str, units: int, batch: int, seconds: float) -> Job:
    """The job of a worker: GFLOP/s of a fit of sixteen networks, each in its lane."""
    from timeglass import Dense, Sequential

    rng = np.random.default_rng(0)
    x = rng.random((WINDOWS, STEPS, FEATURES), dtype=np.float32)
    y = x[:, -1]
    recurrent = layer_of(layer)(units, input_shape=(STEPS, FEATURES))
    model = Sequential([recurrent, Dense(1)], networks=NETWORKS, seed=0)
    model.compile("adam", "mean_squared_error")

    def fit() -> float:
        began = time.perf_counter()
        model.fit(x, y, epochs=1, batch_size=batch, shuffle=False, verbose=0, lanes="networks")
        return time.perf_counter() - began

    fit()
    work = flops(layer, units, FEATURES, STEPS) * WINDOWS * NETWORKS * 1e-9
    return lambda: {"rate": work / repeated(fit, seconds)}


def main() -> int:
    """0."""
    given = options(__doc__ or "", rounds=9).parse_args()
    here = print_machine(rounds := 1 if given.quick else given.rounds)
    seconds = 0.02 if given.quick else 0.1
    cases: Sequence[tuple[str, int, int]] = list(product(GATES, (8,) if given.quick else UNITS, BATCHES))
    rows, found = [], {}
    with tempfile.TemporaryDirectory() as folder, Worker("peak", threads=1) as worker:
        program = build_peak(Path(folder))
        both, floats = measure_peak(program, 2, seconds)
        for layer, units, batch in cases:
            worker.prepare("lanes", layer=layer, units=units, batch=batch, seconds=seconds)
            jobs = {"peak": lambda: {"rate": measure_peak(program, 1, seconds)[0]}, "kernel": worker.measure}
            case = take_turns(jobs, rounds)
            name = f"{layer}({units}), batch size {batch}"
            rates, peaks = ([numbers["rate"] for numbers in case[who]] for who in ("kernel", "peak"))
            shares = [rate / most for rate, most in zip(rates, peaks, strict=True)]
            reached = Goal(name, shares, LEAST).reached
            rows.append([name, spread(rates), spread(peaks), spread(shares, "{:.0%}".format), reached])
            found[name] = {"rates": rates, "peaks": peaks}
            note(f"{name}: {rows[-1][3]}")
    print(f"{NETWORKS} networks in lanes, one thread, {STEPS} steps, {FEATURES} feature: median (least .. most).")
    print("GFLOP/s, where one window counts 2 · gates · H · (3 H + 2 F) · T operations.")
    print_table(["work", "kernel, GFLOP/s", "peak of one core", "share", f"≥ {LEAST:.0%}?"], rows)
    print(f"Two cores together: {both:.0f} GFLOP/s, in registers of {floats} floats.")
    finish(given, here | {"found": found, "peak of two cores": both})
    return 0


if __name__ == "__main__":
    sys.exit(main())
