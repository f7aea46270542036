"""One step of training of one wider layer: Timeglass, torch.nn and Keras 3 on JAX, on the same two threads.

    python benchmarks/layers.py                    # five rounds of 18 cases: some 25 minutes
    python benchmarks/layers.py --layers LSTM --units 32 64
    python benchmarks/layers.py --quick            # does it run at all
    python benchmarks/layers.py --no-unrolled      # without Keras's unrolled layers, which take long to compile
    python benchmarks/layers.py --compiled         # with torch.compile, which takes minutes for each case

The work: one SimpleRNN, GRU or LSTM of 32, 64 or 128 units and Dense(1), windows of 50 steps of one feature, batches of
32 and 256, mean squared error, Adam. A step is forward, backward and Adam. Each contender sits in a process of its own,
goes about it in the fastest of its ways, and they take turns. Needs a C++ compiler, for the peak of the processor.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from measure import (
    Goal,
    Job,
    Numbers,
    Rounds,
    Worker,
    fastest,
    finish,
    installed,
    note,
    options,
    print_machine,
    print_table,
    ratios,
    readable,
    seconds_of,
    spread,
    take_turns,
)
from numpy.typing import NDArray
from peak import GATES, build_peak, flops, layer_of, measure_peak

__all__ = ["main"]

STEPS, FEATURES, THREADS = 50, 1, 2
UNITS, BATCHES = (32, 64, 128), (32, 256)
# Steps in one call of `fit`, so that what Python does for a call falls on many: some 20 GFLOP of them.
FEWEST, MOST, WORK = 16, 256, 2e10
TORCH_STEPS = 8  # in one measurement of torch, whose steps are calls anyway
REFERENCE = "timeglass"
FRAMEWORKS = ("torch", "keras")

TESTED = 256  # windows whose loss is looked at

Floats = NDArray[np.float32]


def least(units: int) -> float:
    """What Timeglass's advantage was to be."""
    return 10 if units == 32 else 3


@dataclass(frozen=True)
class Case:
    """One layer, one batch size."""

    layer: str
    units: int
    batch: int

    def __str__(self) -> str:
        return f"{self.layer}({self.units}), batch {self.batch}"

    @property
    def flops(self) -> int:
        """Of one step."""
        return flops(self.layer, self.units, FEATURES, STEPS) * self.batch

    @property
    def steps(self) -> int:
        """In one call of `fit`."""
        return int(max(FEWEST, min(MOST, WORK // self.flops)))


def windows(count: int) -> tuple[Floats, Floats]:
    """Windows x (N, T, F) from -1 to 1, and as the target its last value (N, 1), whose variance is 1/3."""
    x = np.random.default_rng(0).uniform(-1, 1, (count, STEPS, FEATURES)).astype(np.float32)
    return x, np.ascontiguousarray(x[:, -1, :1])


# The contenders: each gives ways to train, each with the steps that one call of it takes, and the loss at the end

Call = Callable[[], object]
Ways = tuple[dict[str, tuple[Call, int]], Callable[[], float]]


def timeglass(case: Case, steps: int, **_: bool) -> Ways:
    """One network, its lanes carrying samples: `fit` with many batches, and with a single one."""
    from timeglass import Dense, Sequential

    x, y = windows(steps * case.batch)
    recurrent = layer_of(case.layer)(case.units, input_shape=(STEPS, FEATURES))
    model = Sequential([recurrent, Dense(1)], seed=0)
    model.compile("adam", "mean_squared_error")

    def fit(x: Floats, y: Floats) -> object:
        return model.fit(x, y, epochs=1, batch_size=case.batch, shuffle=False, verbose=0, lanes="samples")

    ways: dict[str, tuple[Call, int]] = {"fit": (partial(fit, x, y), steps)}
    ways["single"] = partial(fit, x[: case.batch], y[: case.batch]), 1
    return ways, lambda: model.evaluate(x[:TESTED], y[:TESTED])


def torch(case: Case, _: int, *, compiled: bool = False, **__: bool) -> Ways:
    """The usual loop, with Adam in its three forms, on one thread and on two; or through torch.compile."""
    import torch

    torch.manual_seed(0)
    x, y = (torch.from_numpy(array) for array in windows(TORCH_STEPS * case.batch))
    batches = list(zip(x.split(case.batch), y.split(case.batch), strict=True))
    layers = {"SimpleRNN": torch.nn.RNN, "GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}
    recurrent, dense = layers[case.layer](FEATURES, case.units, batch_first=True), torch.nn.Linear(case.units, 1)

    def loss_of(x: Any, y: Any) -> Any:
        return torch.nn.functional.mse_loss(dense(recurrent(x)[0][:, -1]), y)

    training = loss_of
    if compiled:
        torch._dynamo.config.allow_rnn = True  # else it leaves recurrent layers alone
        training = torch.compile(loss_of)

    def steps(optimizer: Any, threads: int) -> None:
        torch.set_num_threads(threads)
        for batch in batches:
            optimizer.zero_grad(set_to_none=True)
            training(*batch).backward()
            optimizer.step()

    ways: dict[str, tuple[Call, int]] = {}
    forms: dict[str, dict[str, bool]] = {"Adam": {}, "foreach Adam": {"foreach": True}, "fused Adam": {"fused": True}}
    for (name, form), threads in product(forms.items(), range(1, THREADS + 1)):
        optimizer = torch.optim.Adam([*recurrent.parameters(), *dense.parameters()], **form)
        ways[f"{name}, threads: {threads}"] = partial(steps, optimizer, threads), len(batches)
    return ways, lambda: loss_of(x[:TESTED], y[:TESTED]).item()


def keras(case: Case, steps: int, *, unrolled: bool = True, **_: bool) -> Ways:
    """`fit` with all steps in one execution, plain and unrolled, and `train_on_batch`; compiled by XLA."""
    os.environ.update(KERAS_BACKEND="jax")
    from keras import Sequential, layers, utils

    utils.set_random_seed(0)
    x, y = windows(steps * case.batch)

    def model_of(unroll: bool) -> Any:
        recurrent = getattr(layers, case.layer)(case.units, unroll=unroll)
        model = Sequential([layers.Input((STEPS, FEATURES)), recurrent, layers.Dense(1)])
        model.compile("adam", "mean_squared_error", steps_per_execution=steps, jit_compile=True)
        return model

    models = {"fit": model_of(False)} | ({"fit, unrolled": model_of(True)} if unrolled else {})
    ways: dict[str, tuple[Call, int]] = {
        name: (partial(model.fit, x, y, batch_size=case.batch, shuffle=False, verbose=0), steps)
        for name, model in models.items()
    }
    ways["train_on_batch"] = partial(models["fit"].train_on_batch, x[: case.batch], y[: case.batch]), 1
    return ways, lambda: min(model.evaluate(x[:TESTED], y[:TESTED], verbose=0) for model in models.values())


CONTENDERS: dict[str, Callable[..., Ways]] = {"timeglass": timeglass, "torch": torch, "keras": keras}


def steps_of(name: str, case: Sequence[Any], steps: int, seconds: float, **choices: bool) -> Job:
    """The job of a worker: seconds of a step in the contender's fastest way, and what came of the training."""
    ways, loss = CONTENDERS[name](Case(*case), steps, **choices)
    single = ways.pop("single", None)
    most = max(steps for _, steps in ways.values())

    def all_steps(call: Call, steps: int) -> None:
        for _ in range(most // steps):
            call()

    how, call = fastest({name: partial(all_steps, *way) for name, way in ways.items()}, seconds)

    def measure() -> Numbers:
        numbers = {"seconds": seconds_of(call, seconds, calls=1) / most, "how": how, "loss": float(loss())}
        return numbers | ({"single": seconds_of(single[0], seconds / 4, calls=1)} if single else {})

    return measure


# The report


def times_row(case: Case, found: Rounds, peaks: Sequence[float]) -> list[str]:
    own = [numbers["seconds"] for numbers in found[REFERENCE]]
    rates = [case.flops / seconds * 1e-9 for seconds in own]
    shares = [rate / peak for rate, peak in zip(rates, peaks, strict=True)]
    single = [numbers["single"] for numbers in found[REFERENCE]]
    row = [str(case), spread(own, readable), spread(rates), spread(shares, "{:.0%}".format), spread(single, readable)]
    for name in FRAMEWORKS:
        times = [numbers["seconds"] for numbers in found.get(name, [])]
        row.append(f"{spread(times, readable)}, {found[name][0]['how']}" if times else "not installed")
    return row


def ratio_rows(case: Case, found: Rounds, peaks: Sequence[float]) -> list[list[str]]:
    rows = []
    for name in (name for name in FRAMEWORKS if name in found):
        goal = Goal(str(case), ratios(found, name, REFERENCE), least(case.units))
        # What would be found if Timeglass did nothing but products, all of them at the peak.
        bounds = [
            numbers["seconds"] * peak * 1e9 / case.flops for numbers, peak in zip(found[name], peaks, strict=True)
        ]
        rows.append([str(case), name, spread(goal.values), f"≥ {goal.least:.0f}", goal.reached, spread(bounds)])
    return rows


def odd_losses(case: Case, found: Rounds) -> list[str]:
    """Who has not learnt: whose loss is not below the targets' variance."""
    return [f"{name} at {case}" for name, rounds in found.items() if not rounds[-1]["loss"] < 1 / 3]


def main() -> int:
    """0; 1 where a contender has not learnt."""
    parser = options(__doc__ or "")
    parser.add_argument("--layers", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument("--units", nargs="+", type=int, default=UNITS)
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--no-unrolled", dest="unrolled", action="store_false", help="without Keras's unrolled layers")
    parser.add_argument("--compiled", action="store_true", help="with torch.compile")
    given = parser.parse_args()
    here = print_machine(rounds := 1 if given.quick else given.rounds)
    cases = [Case(*case) for case in product(given.layers, given.units, given.batches)]
    seconds = 0.4
    if given.quick:
        cases, seconds = [Case("SimpleRNN", 32, 32), Case("LSTM", 32, 32)], 0.02
    names = [REFERENCE, *(name for name in FRAMEWORKS if installed(name))]
    workers = {name: Worker("layers", threads=THREADS) for name in names}
    choices = {"unrolled": given.unrolled and not given.quick, "compiled": given.compiled}
    times, compared, odd, everything = [], [], [], {}
    with tempfile.TemporaryDirectory() as folder:
        program = build_peak(Path(folder))
        for case in cases:
            for name, worker in workers.items():
                work = {"name": name, "case": (case.layer, case.units, case.batch)}
                steps = FEWEST if given.quick else case.steps
                worker.prepare("steps_of", **work, steps=steps, seconds=seconds, **choices)
            jobs = {"peak": lambda: {"rate": measure_peak(program, THREADS, 0.05)[0]}}
            found = take_turns(jobs | {name: worker.measure for name, worker in workers.items()}, rounds)
            peaks = [numbers["rate"] for numbers in found.pop("peak")]
            times.append(times_row(case, found, peaks))
            compared += ratio_rows(case, found, peaks)
            odd += odd_losses(case, found)
            everything[str(case)] = {"found": found, "peaks": peaks}
            note(", ".join(times[-1]))
    for worker in workers.values():
        worker.close()

    print(
        f"A step of training, {THREADS} threads: median (least .. most). Timeglass: `fit` with many batches in a call;"
    )
    print("`single`: a call with one batch. GFLOP/s count 2 · gates · H · (3 H + 2 F) · T · batch operations.")
    head = ["work", "Timeglass", "GFLOP/s", "of the peak", "single", *FRAMEWORKS]
    print_table(head, times)
    print("Their time over Timeglass's; `bound`: what it would be if Timeglass did all products at the measured peak.")
    print_table(["work", "contender", "ratio", "to reach", "reached?", "bound"], compared)
    if odd:
        print(f"Has not learnt: {', '.join(odd)}", file=sys.stderr)
    finish(given, here | {"found": everything})
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main())
