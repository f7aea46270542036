"""Builds the kernel with the address and undefined-behaviour sanitizers and runs the kernel's tests on it.

Run from the root of the repository, in an environment that has the tests' packages: python tools/sanitize.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = [
    "activations", "engines", "kernel_codes", "kernel_fits", "kernel_gradients", "kernel_trace", "philox", "proof",
    "same_bits", "step", "team",
]  # fmt: skip


def main() -> int:
    """The tests' exit code. Leaks are not looked for: the interpreter's own would hide the kernel's."""
    scripts = sysconfig.get_path("scripts")
    with tempfile.TemporaryDirectory() as build:
        configure = ["cmake", "-G", "Ninja", "-S", str(ROOT), "-B", build, "-DTIMEGLASS_SANITIZE=ON"]
        environment = {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"]}
        subprocess.run(configure, check=True, env=environment, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", build, "-j2"], check=True, env=environment, stdout=subprocess.DEVNULL)
        names = ("libasan.so", "libubsan.so")
        runtimes = [subprocess.check_output(["g++", f"-print-file-name={name}"], text=True).strip() for name in names]
        environment |= {
            "LD_PRELOAD": " ".join(runtimes),
            "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "TIMEGLASS_KERNEL": f"{build}/libtimeglass.so",
        }
        tests = [f"tests/test_{name}.py" for name in TESTS]
        # What a sanitizer writes before it ends the process goes past Python: it must not be captured.
        command = [sys.executable, "-m", "pytest", "-q", "-n0", "--capture=sys", *tests]
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
