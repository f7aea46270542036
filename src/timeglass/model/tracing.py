"""The trace of one of a model's networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from timeglass.errors import InputError, OptionError
from timeglass.kernel.library import load
from timeglass.model.checks import one_of, whole
from timeglass.model.data import Shape, data_of, windows_of
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.train.losses import Loss
from timeglass.types import Floats

__all__ = ["trace_of"]


def trace_of(
    shape: Shape, rows: Floats, x: Any, y: Any, loss: Loss | None, *, network: int = 0, engine: str = "numpy"
) -> Trace:
    """Of that network's own windows x, and targets y where they are given: see `Sequential.trace`.

    An `InputError` names the first number that is not finite.
    """
    if not 0 <= whole("trace network", network, 0) < len(rows):
        raise OptionError(f"trace network: expected 0 to {len(rows) - 1}, got {network}")
    chosen = one_of("trace engine", engine, ("numpy", "lanes"))
    data = None if y is None else data_of(shape, x, y)
    windows, counts = (data.x, data.counts) if data is not None else windows_of(shape, x)
    targets = None if data is None else data.y
    if windows.ndim == 4:  # a set of windows for each network
        own = slice(None if counts is None else int(counts[network]))
        windows, targets = windows[network, own], None if targets is None else targets[network, own]
    library = load() if chosen == "lanes" else None
    with np.errstate(all="ignore"):  # what is not finite is told of below, in words
        found = record(shape.architecture, rows[network], windows, targets, loss, library=library)
    for name in found.names:
        if not np.isfinite(found[name]).all():
            window, *place = np.argwhere(~np.isfinite(found[name]))[0].tolist()
            step = f" at step {place[0] + 1}" if found.has_steps(name) else ""
            raise InputError(
                f"trace: {name} of window {window}{step} is not finite: scale the data to about -1 … 1, "
                "or train the network anew"
            )
    return found
