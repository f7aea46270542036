"""The same source built for ARM's NEON, run in an emulator: the same bits as on this processor."""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from timeglass.kernel import calls
from timeglass.kernel.library import Library, load

ROOT = Path(__file__).parents[1]
COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64-static"

SOURCES = ["csrc/timeglass.cpp", "csrc/plan.cpp", "tests/neon/train_once.cpp"]
KERNELS = {"kNeonKernel": 16, "kNeonNarrowKernel": 8}
FLAGS = ["-std=c++20", "-O2", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-static"]


def train_here(library: Library, networks: int) -> np.ndarray:
    """The work of train_once.cpp on this processor: weights (networks, P)."""
    layers = (calls.LayerCode(0, 5, 1, 1, 1), calls.LayerCode(0, 9, 2, 1, 0), calls.LayerCode(1, 2, 1, 1, 0))
    network = calls.NetworkCode(6, 2, 2, layers)
    count = calls.count_weights(library, network)
    i = np.arange(16 * count)
    weights = ((i * 37 % 101 - 50) / 64).astype(np.float32).reshape(16, count)[:networks]
    j, k = np.arange(21 * 6 * 2), np.arange(21 * 2)
    x = ((j * j % 97 - 48) / 64).astype(np.float32).reshape(21, 6, 2)
    y = ((k * 11 % 23 - 11) / 16).astype(np.float32).reshape(21, 2)
    group = calls.Group(0, weights, np.zeros_like(weights), np.zeros_like(weights), (1.0, 1.0))
    group.prepare(3, 21)
    settings = calls.FitSettings(1e-2, 0.9, 0.999, 1e-7, 7, 0, 3, 4, 1, 0, 0.0)
    assert not calls.train(library, network, x, y, settings, group)
    return weights


@pytest.mark.skipif(
    shutil.which(COMPILER) is None or shutil.which(EMULATOR) is None,
    reason="no ARM compiler or emulator: apt-get install g++-aarch64-linux-gnu qemu-user-static",
)
def test_neon_gives_the_same_bits(tmp_path: Path) -> None:
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("this processor is not the one that NEON is compared with")
    program = tmp_path / "train_once"
    objects = []
    for table, lanes in KERNELS.items():
        objects.append(str(tmp_path / f"{table}.o"))
        defines = [f"-DTG_KERNEL={table}", f"-DTG_KERNEL_LANES={lanes}"]
        compile_kernel = [COMPILER, *FLAGS, *defines, "-c", "csrc/kernel.cpp", "-o", objects[-1]]
        subprocess.run(compile_kernel, cwd=ROOT, check=True)
    link = [COMPILER, *FLAGS, "-DTG_HAVE_NEON", *SOURCES, *objects, "-o", str(program)]
    subprocess.run(link, cwd=ROOT, check=True)
    library = load()
    with_fma = [name for name in library.instruction_sets if name != "baseline"]
    if not with_fma:
        pytest.skip("this processor has no fused multiply-add, so its last bits differ")
    for networks in (16, 5):  # a wide group and a narrow one
        done = subprocess.run([EMULATOR, str(program), str(networks)], capture_output=True, text=True, check=True)
        theirs = np.array([int(line, 16) for line in done.stdout.split()], dtype=np.uint32)
        assert len(np.unique(theirs)) > len(theirs) // 2  # something was trained
        for name in with_fma:
            ours = train_here(replace(library, instruction_set=name), networks)
            assert ours.ravel().view(np.uint32).tolist() == theirs.tolist()
