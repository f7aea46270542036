"""How does the time of training grow with hidden units, time steps and networks?

    python benchmarks/growth.py                    # three rounds, some minutes
    python benchmarks/growth.py --layer LSTM
    python benchmarks/growth.py --quick            # does it run at all

One size is doubled at a time while the others stay: SimpleRNN of 16 units, windows of 32 steps of one feature, batches
of 32, and 16 networks where the lanes carry networks, one where they carry samples. The time is that of one window: of
forward, backward and its share of Adam, for all networks together. The exponent e says that the time grows as size^e
from the size before to this one: 0 costs nothing, 1 is in proportion.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Literal

import numpy as np
from measure import (
    Job,
    Rounds,
    Worker,
    finish,
    note,
    options,
    print_machine,
    print_table,
    readable,
    repeated,
    spread,
    take_turns,
)
from peak import GATES, layer_of

__all__ = ["main"]

CARRIES = ("networks", "samples")
BATCH, WINDOWS = 32, 128
# Of each size its least and its most; the usual is that of the other sizes' tables.
SIZES = {"units": (1, 256), "steps": (4, 512), "networks": (1, 4096)}
USUAL = {"units": 16, "steps": 32}
USUAL_NETWORKS = {"networks": 16, "samples": 1}


def doubling(least: int, most: int) -> list[int]:
    """Least, 2 · least, … most."""
    return [least * 2**i for i in range(int(math.log2(most // least)) + 1)]


def window(layer: str, lanes: Literal["networks", "samples"], sizes: dict[str, int], seconds: float) -> Job:
    """The job of a worker: seconds of one window's training, all networks together."""
    from timeglass import Dense, Sequential

    x = np.random.default_rng(0).random((WINDOWS, sizes["steps"], 1), dtype=np.float32)
    y = x[:, -1]
    recurrent = layer_of(layer)(sizes["units"], input_shape=(sizes["steps"], 1))
    model = Sequential([recurrent, Dense(1)], networks=sizes["networks"], seed=0)
    model.compile("adam", "mean_squared_error")

    def fit(epochs: int) -> float:
        began = time.perf_counter()
        model.fit(x, y, epochs=epochs, batch_size=BATCH, shuffle=False, verbose=0, lanes=lanes)
        return time.perf_counter() - began

    # So many epochs in a call that Python's share is small, but no more than the time allows.
    fit(1)
    epochs = max(1, min(50, int(seconds / 3 / fit(1))))
    return lambda: {"seconds": repeated(lambda: fit(epochs), seconds, most=9) / (epochs * WINDOWS)}


def exponents(sizes: Sequence[int], times: Sequence[float]) -> list[str]:
    """From each size to the next; the first has none."""
    pairs = zip(sizes, sizes[1:], times, times[1:], strict=False)
    return ["", *(f"{math.log(late / early) / math.log(large / small):.2f}" for small, large, early, late in pairs)]


def table_of(size: str, values: Sequence[int], found: dict[int, Rounds]) -> None:
    """Prints how the time grows with one of the sizes."""
    columns: list[list[str]] = [[f"{value:,}" for value in values]]
    for lanes in CARRIES:
        times = [[numbers["seconds"] for numbers in found[value][lanes]] for value in values]
        columns.append([spread(measured, readable) for measured in times])
        columns.append(exponents(values, [statistics.median(measured) for measured in times]))
    head = [size, *(column for lanes in CARRIES for column in (f"lanes carry {lanes}", "exponent"))]
    print_table(head, list(zip(*columns, strict=True)))


def main() -> int:
    """0."""
    parser = options(__doc__ or "", rounds=3)
    parser.add_argument("--layer", choices=GATES, default="SimpleRNN")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    here = print_machine(rounds := 1 if given.quick else given.rounds)
    seconds = 0.005 if given.quick else 0.2
    everything = {}
    workers = {lanes: Worker("growth", threads=given.threads) for lanes in CARRIES}
    for size, (least, most) in SIZES.items():
        values = doubling(least, 4 * least if given.quick else most)
        found: dict[int, Rounds] = {}
        for value in values:
            for lanes, worker in workers.items():
                sizes = USUAL | {"networks": USUAL_NETWORKS[lanes], size: value}
                worker.prepare("window", layer=given.layer, lanes=lanes, sizes=sizes, seconds=seconds)
            found[value] = take_turns({lanes: worker.measure for lanes, worker in workers.items()}, rounds)
            note(f"{size} {value}")
        print(f"{given.layer}, threads: {given.threads}; time of one window: median (least .. most).")
        table_of(size, values, found)
        everything[size] = found
    for worker in workers.values():
        worker.close()
    finish(given, here | {"layer": given.layer, "threads": given.threads, "found": everything})
    return 0


if __name__ == "__main__":
    sys.exit(main())
