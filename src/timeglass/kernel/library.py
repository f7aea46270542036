"""Finds, checks and loads the compiled kernel, and chooses its instruction set.

The library stands beside this file. Two environment variables change that:
`TIMEGLASS_KERNEL` names another library file, or is `none` for no kernel at all;
`TIMEGLASS_INSTRUCTION_SET` forces one of baseline, avx2, avx512, neon.
"""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from timeglass.errors import EngineError

__all__ = ["ABI_VERSION", "INSTRUCTION_SETS", "KernelStatus", "Library", "NoKernelError", "kernel_status", "load"]

ABI_VERSION = 4

# In the order of enum tg_instruction_set.
INSTRUCTION_SETS = ("baseline", "avx2", "avx512", "neon")
_FASTEST_FIRST = ("avx512", "avx2", "neon", "baseline")


class NoKernelError(EngineError):
    """There is no kernel in this installation, or none is wanted: the NumPy engine takes its place."""


@dataclass(frozen=True)
class Library:
    """A loaded kernel and the instruction set that its calls shall use."""

    calls: ctypes.CDLL
    path: str
    instruction_sets: tuple[str, ...]  # what this processor runs, fastest first
    instruction_set: str

    @cached_property
    def code(self) -> int:
        return INSTRUCTION_SETS.index(self.instruction_set)


@dataclass(frozen=True)
class KernelStatus:
    """Whether the compiled kernel runs here, and why (not)."""

    library: Library | None
    reason: str


def _file_name() -> str:
    return {"win32": "libtimeglass.dll", "darwin": "libtimeglass.dylib"}.get(sys.platform, "libtimeglass.so")


def _instruction_set(available: tuple[str, ...]) -> str:
    asked = os.environ.get("TIMEGLASS_INSTRUCTION_SET", "")
    if asked and asked not in available:
        raise EngineError(
            f"TIMEGLASS_INSTRUCTION_SET={asked}: this kernel on this processor has {', '.join(available)}; "
            "choose one of these or unset the variable"
        )
    return asked or available[0]


def _declare(library: ctypes.CDLL) -> None:
    """Tells ctypes what the calls take and give; without it every number would have to be wrapped at every call."""
    at, whole, long, word = ctypes.c_void_p, ctypes.c_int32, ctypes.c_int64, ctypes.c_uint32
    signatures: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "tg_instruction_sets": (word, ()),
        "tg_count_weights": (long, (at,)),
        "tg_predict": (whole, (whole, at, whole, long, at, at, at)),
        "tg_gradients": (whole, (whole, at, at, whole, long, at, at, at, at)),
        "tg_jacobian": (whole, (whole, at, long, at, at, at, at)),
        "tg_trace_places": (whole, (at, at, at)),
        "tg_trace": (whole, (whole, at, at, at, at, at, at, at, at)),
        "tg_train": (whole, (whole, at, at, at, at, at)),
        "tg_crew_bytes": (long, (at,)),
        "tg_help": (whole, (whole, at, at, at, at, at)),
        "tg_stepper_bytes": (long, (whole, at)),
        "tg_stepper_make": (whole, (whole, at, at, at)),
        "tg_step": (None, (at, at, at)),
        "tg_activate": (whole, (whole, whole, long, at, at)),
        "tg_random": (None, (ctypes.c_uint64, word, word, word, word, at)),
    }
    for name, (result, arguments) in signatures.items():
        call = getattr(library, name)
        call.restype, call.argtypes = result, arguments


@cache
def _open(path: str) -> tuple[ctypes.CDLL, tuple[str, ...]]:
    try:
        calls = ctypes.CDLL(path)
    except OSError as error:
        raise EngineError(f"the kernel {path} does not load: {error}") from None
    calls.tg_abi_version.restype = ctypes.c_int32
    if calls.tg_abi_version() != ABI_VERSION:
        raise EngineError(
            f"the kernel {path} speaks version {calls.tg_abi_version()} of the interface, this package {ABI_VERSION}: "
            "install Timeglass again"
        )
    _declare(calls)
    bits = calls.tg_instruction_sets()
    return calls, tuple(name for name in _FASTEST_FIRST if bits >> INSTRUCTION_SETS.index(name) & 1)


def load() -> Library:
    """The kernel of this installation; `EngineError` says why there is none."""
    named = os.environ.get("TIMEGLASS_KERNEL", "")
    if named == "none":
        raise NoKernelError("TIMEGLASS_KERNEL=none asks for no compiled kernel")
    # os.path, since pathlib alone would take a fifth of the package's import time.
    path = named or os.path.join(os.path.dirname(__file__), _file_name())
    if not named and not os.path.isfile(path):
        raise NoKernelError(
            "this installation has no compiled kernel: no C++ compiler was found, or it failed, when it was installed; "
            "install GCC or Clang, then Timeglass again with `pip install --force-reinstall -v`"
        )
    if not os.path.isfile(path):
        raise EngineError(f"TIMEGLASS_KERNEL: no kernel at {path}; unset the variable or name another file")
    try:
        calls, available = _open(path)
    except EngineError as error:
        if named:
            raise
        raise NoKernelError(str(error)) from None
    return Library(calls, path, available, _instruction_set(available))


def kernel_status() -> KernelStatus:
    """The kernel, or the reason for its absence; what the variables ask for in vain is an `EngineError`."""
    try:
        library = load()
    except NoKernelError as error:
        return KernelStatus(None, str(error))
    forced = "TIMEGLASS_INSTRUCTION_SET" in os.environ and os.environ["TIMEGLASS_INSTRUCTION_SET"]
    return KernelStatus(
        library, "asked for by TIMEGLASS_INSTRUCTION_SET" if forced else "the fastest that this processor runs"
    )
