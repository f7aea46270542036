"""The same source built for ARM's NEON, run in an emulator: the same bits as on this processor, whatever is asked."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import networks
import numpy as np
import pytest
from fits import LOSSES, OPTIMIZERS, by_hand, carry_of, of_targets, own_windows
from networks import DROPPING, NETWORKS, Network, dense, gru, lstm, rnn, task_of

from timeglass.cells.activations import ACTIVATIONS
from timeglass.kernel import calls
from timeglass.kernel.library import Library
from timeglass.kernel.structs import CARRIES
from timeglass.train.engine import FitTask, TrainingState

ROOT = Path(__file__).parents[1]
COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64-static"

SOURCES = ["csrc/timeglass.cpp", "csrc/plan.cpp", "tests/neon/run_tasks.cpp"]
KERNELS = {"kNeonKernel": 16, "kNeonNarrowKernel": 8}
# -O1 takes half of -O2's time to compile, and may change no bit either.
FLAGS = ["-std=c++20", "-O1", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-static"]


# What is asked

TRAIN, GRADIENTS, JACOBIAN, PREDICT = range(4)  # run_tasks.cpp's Call


@dataclass(frozen=True)
class Asked:
    """A call of the kernel for a task and so many networks."""

    name: str
    call: int
    task: FitTask
    networks: int

    def state(self) -> TrainingState:
        shape = self.networks, self.task.architecture.weight_count
        weights = np.random.default_rng(3).uniform(-0.6, 0.6, shape).astype(np.float32)
        return TrainingState(weights, numbers=5 + np.arange(self.networks), epochs=2)


def all_that_is_asked() -> Iterator[Asked]:
    rng = np.random.default_rng(4)
    weight = rng.uniform(0, 2, 22).astype(np.float32)
    for name, network in {**NETWORKS, **{f"dropping, {name}": network for name, network in DROPPING.items()}}.items():
        task = task_of(network, epochs=2, batch_size=7)
        if name == "wide":
            task = replace(task, x=task.x[:9], y=task.y[:9])
        for lanes, count in (("networks", 11), ("networks", 3), ("samples", 1)):
            yield Asked(f"{name}, {count} {lanes}", TRAIN, replace(task, lanes=lanes), count)
            some = replace(task, lanes=lanes, x=task.x[:9], y=task.y[:9])
            yield Asked(f"gradients, {name}, {count} {lanes}", GRADIENTS, some, count)
            yield Asked(f"predict, {name}, {count} {lanes}", PREDICT, some, count)
        yield Asked(f"jacobian, {name}", JACOBIAN, replace(task, x=task.x[:5], y=task.y[:5]), 1)
    for activation in ACTIVATIONS:
        gates = {"recurrent_activation": activation}
        for units in (3, 9):
            layers = (
                dense(units, activation), rnn(units, activation, return_sequences=True),
                gru(units, activation, return_sequences=True, **gates), lstm(2, activation, **gates),
                dense(1, activation),
            )  # fmt: skip
            task = task_of(Network(2, 2, layers), count=5, optimizer=OPTIMIZERS["sgd, clipvalue"])
            yield Asked(f"{activation}, {units}", TRAIN, task, 3)
    network = Network(6, 2, (gru(3), dense(6)))
    x, y = own_windows(network, [37, 20, 11])
    for optimizer in OPTIMIZERS:
        for loss in LOSSES.values():
            options = {"loss": loss, "optimizer": OPTIMIZERS[optimizer], "counts": np.array([37, 20, 11])}
            options |= {
                "l2": np.array([0.0, 0.01, 0.1]),
                "sample_weight": rng.uniform(0, 2, (3, 37)).astype(np.float32),
            }
            task = of_targets(replace(task_of(network, batch_size=9, epochs=1, **options), x=x, y=y))
            yield Asked(f"{optimizer}, {loss.name}", TRAIN, replace(task, lanes="networks"), 3)
            one = replace(task.take(slice(1)), sample_weight=weight, x=x[0, :22], y=task.y[0, :22], counts=None)
            yield Asked(f"{optimizer}, {loss.name}, samples", TRAIN, replace(one, lanes="samples"), 1)


# How it is asked there, and here


def packed(asked: Asked) -> bytes:
    """What run_tasks.cpp reads of it."""
    state = asked.state()
    fit, _ = by_hand(asked.task, state)
    windows, kept, network = fit._windows, fit.settings, fit._network
    assert windows.y is not None
    given = [windows.weight, windows.counts, kept._l2, kept._dropout, kept._factors]
    header = [
        asked.call, CARRIES.index(carry_of(asked.task)), len(network.layers), network.time_steps, network.features,
        asked.networks, state.weights.shape[1], network.outputs,
        windows.count, windows.y.shape[-1], windows.x.ndim == 4, windows.y.ndim == 3,
        windows.weight is not None, np.ndim(windows.weight) == 2, windows.counts is not None,
        len(state.slots), kept._l2 is not None, kept._dropout is not None,
        0 if kept._factors is None else len(kept._factors), len(kept._levels),
    ]  # fmt: skip
    weight, counts, l2, dropout, factors = (b"" if array is None else array.tobytes() for array in given)
    parts = [np.array(header, dtype=np.int64).tobytes(), *map(bytes, network.layers)]
    parts += [windows.x.tobytes(), windows.y.tobytes(), weight, counts]
    parts += [bytes(fit._settings), kept._levels.tobytes(), state.weights.tobytes()]
    if asked.call == TRAIN:
        parts += [bytes(fit.progress), kept._rates.tobytes(), l2, dropout, factors]
        parts += [state.best_weights.tobytes(), state.slots.tobytes()]
    return b"".join(parts)


def answered_here(asked: Asked, library: Library) -> list[np.ndarray]:
    state = asked.state()
    fit, group = by_hand(asked.task, state, library=library)
    weights, carry = state.weights, carry_of(asked.task)
    if asked.call == GRADIENTS:
        return list(calls.gradients(library, fit._network, weights, fit._windows, fit._settings.loss, carry))
    if asked.call == JACOBIAN:
        return list(calls.jacobian(library, fit._network, weights, fit._windows))
    if asked.call == PREDICT:
        return [calls.predict(library, fit._network, weights, fit._windows, carry)]
    while fit():
        pass
    fit.give_back()
    return [group.weights, group.best_weights, *group.slots, fit.losses, group.best_loss]


def build(folder: Path) -> Path:
    """The program for ARM; kept for the next time, as long as no source changes."""
    sources = sorted([*(ROOT / "csrc").iterdir(), ROOT / SOURCES[-1]])
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources) + " ".join(FLAGS).encode()).hexdigest()
    program = folder / f"run_tasks-{digest[:16]}"
    if program.exists():
        return program
    for old in folder.iterdir():
        old.unlink()

    def compile_kernel(table: str) -> str:
        made = str(folder / f"{table}.o")
        defines = [f"-DTG_KERNEL={table}", f"-DTG_KERNEL_LANES={KERNELS[table]}"]
        subprocess.run([COMPILER, *FLAGS, *defines, "-c", "csrc/kernel.cpp", "-o", made], cwd=ROOT, check=True)
        return made

    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compile_kernel, KERNELS))
    linked = program.with_suffix(".new")
    subprocess.run([COMPILER, *FLAGS, "-DTG_HAVE_NEON", *SOURCES, *objects, "-o", str(linked)], cwd=ROOT, check=True)
    return linked.rename(program)


WITH_FMA = [name for name in (networks.KERNEL.instruction_sets if networks.KERNEL else ()) if name != "baseline"]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which(COMPILER) is None or shutil.which(EMULATOR) is None,
    reason="no ARM compiler or emulator: apt-get install g++-aarch64-linux-gnu qemu-user-static",
)
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="NEON is compared with another processor")
@pytest.mark.skipif(not WITH_FMA, reason="no kernel with fused multiply-add here: its last bits differ")
def test_neon_gives_the_same_bits(request: pytest.FixtureRequest) -> None:
    program = build(Path(request.config.cache.mkdir("neon")))
    asked = list(all_that_is_asked())
    done = subprocess.run([EMULATOR, str(program)], input=b"".join(map(packed, asked)), capture_output=True, check=True)
    theirs, at = done.stdout, 0
    for one in asked:
        answers = [answered_here(one, networks.with_instruction_set(name)) for name in WITH_FMA]
        for arrays in zip(*answers, strict=True):
            ours = [array.tobytes() for array in arrays]
            assert np.isfinite(arrays[0]).all(), one.name
            # They differ, too, where the kernel here was built of another source.
            assert set(ours) == {theirs[at : at + len(ours[0])]}, one.name
            at += len(ours[0])
    assert at == len(theirs) > 100_000
