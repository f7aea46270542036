"""Checks the arrays that users hand over and brings them into the engines' form."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError, ShapeError
from timeglass.network.architecture import Architecture
from timeglass.types import Floats

__all__ = ["as_floats", "as_targets", "as_windows"]


def as_floats(name: str, values: ArrayLike) -> Floats:
    """The values in float32, or an `InputError` that names the first that float32 cannot hold."""
    # Who has a masked array has loaded numpy.ma; to name it here would load it for everyone.
    if "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray) and values.mask.any():
        raise InputError(f"{name}: {values.mask.sum()} values are masked: fill them in or leave them out")
    try:
        array = np.atleast_1d(np.asarray(values))
        if array.dtype.kind == "O":
            array = array.astype(np.float64)
        if array.dtype.kind not in "fiub":
            raise TypeError("neither floats nor whole numbers nor booleans")
        with np.errstate(over="ignore"):  # what overflows is refused below, by its place
            floats = np.ascontiguousarray(array, dtype=np.float32)
    except (TypeError, ValueError):
        raise InputError(f"{name}: expected real numbers in an array of one shape, got {_kind(values)}") from None
    if not np.isfinite(floats).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(floats))[0])
        value: Any = array[place]
        raise InputError(
            f"{name}{list(place)} is {value}, which float32 cannot hold as a finite number: "
            "remove or replace missing values, and scale large ones"
        )
    return floats


def _kind(values: ArrayLike) -> str:
    dtype = getattr(values, "dtype", None)
    return f"an array of {dtype}" if dtype is not None else f"{type(values).__name__} {str(values)[:40]!r}"


def as_windows(architecture: Architecture, x: ArrayLike) -> Floats:
    """X as (N, T, F); (N, T) is taken as one feature."""
    floats = as_floats("x", x)
    if floats.ndim == 2 and architecture.features == 1:
        floats = floats[:, :, None]
    if floats.ndim != 3 or floats.shape[1:] != (architecture.time_steps, architecture.features):
        raise ShapeError(
            f"x: expected windows of shape (N, {architecture.time_steps}, {architecture.features}), got {floats.shape}"
        )
    if len(floats) == 0:
        raise ShapeError("x: expected at least one window, got none")
    return floats


def as_targets(architecture: Architecture, y: ArrayLike, windows: int) -> Floats:
    """Y as (N, …) of the network's output shape; (N,) is taken as one value for each window."""
    floats = as_floats("y", y)
    if floats.ndim == 1 and architecture.output_shape == (1,):
        floats = floats[:, None]
    if floats.shape[1:] != architecture.output_shape:
        expected = ", ".join(map(str, ("N", *architecture.output_shape)))
        raise ShapeError(f"y: expected targets of shape ({expected}), got {floats.shape}")
    if len(floats) != windows:
        raise ShapeError(f"x has {windows} windows, y has {len(floats)}: give one target for each window")
    return floats
