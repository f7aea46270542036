"""Chooses the engine: lanes where there is a compiled kernel, NumPy where there is none, Keras when asked."""

from __future__ import annotations

from timeglass.errors import OptionError
from timeglass.kernel.library import kernel_status
from timeglass.train.engine import Engine
from timeglass.train.engine_keras import KerasEngine
from timeglass.train.engine_lanes import LanesEngine
from timeglass.train.engine_numpy import NumpyEngine

__all__ = ["ENGINES", "engine_of", "engine_words"]

ENGINES = ("lanes", "numpy", "keras")


def engine_words(name: str | None) -> str:
    """The engine of that name for a reader, with the instruction set, or with the reason why it is NumPy's."""
    if name not in (None, "lanes"):
        return str(name)
    status = kernel_status()
    return f"lanes, {status.library.instruction_set}" if status.library else f"numpy, since {status.reason}"


def engine_of(name: str | None) -> Engine:
    """The engine of that name; the fastest that this machine has for None.

    An engine asked for by name and not available is an `EngineError`, never replaced.
    """
    if name is None:
        library = kernel_status().library
        return LanesEngine(library) if library else NumpyEngine()
    if name == "lanes":
        return LanesEngine()
    if name == "numpy":
        return NumpyEngine()
    if name == "keras":
        return KerasEngine()
    raise OptionError(f"engine: expected one of {', '.join(ENGINES)}, got {name!r}")
