"""Checks the numbers that users hand over."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError
from timeglass.types import Array, Floats

__all__ = ["as_floats", "check_finite"]


def as_floats(name: str, values: ArrayLike) -> Floats:
    """The values in float32, or an `InputError` that names the first that float32 cannot hold."""
    # The quick way for what is as it should be.
    if (
        type(values) is np.ndarray
        and values.ndim
        and values.dtype == np.float32
        and values.flags.c_contiguous
        and np.isfinite(values).all()
    ):
        return values
    # Who has a masked array has loaded numpy.ma; to name it here would load it for everyone.
    if "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray) and values.mask.any():
        raise InputError(f"{name}: {values.mask.sum()} values are masked: fill them in or leave them out")
    try:
        array = np.atleast_1d(np.asarray(values))
        if array.dtype.kind == "O":
            if any(isinstance(value, str | bytes) for value in array.flat):
                raise TypeError("text, which NumPy would read as numbers")
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
            "remove or replace missing values, and scale large ones",
            step=(place[0], place[1]) if name == "x" and len(place) > 1 else None,
            target=(place[0], place[1] if len(place) > 1 else 0) if name == "y" else None,
        )
    return floats


def check_finite(call: str, what: str, values: Array) -> None:
    """An `InputError` that names the first of the values (L, …) of L networks that is not finite."""
    if np.isfinite(values).all():
        return
    network, *place = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
    where = f" of window {place[0]}" if place else ""
    raise InputError(
        f"{call}: the {what}{where} by network {network} is not finite: scale the data to about -1 … 1, "
        "or train the network anew",
        target=(place[0], place[-1]) if place else None,
    )


def _kind(values: ArrayLike) -> str:
    dtype = getattr(values, "dtype", None)
    return f"an array of {dtype}" if dtype is not None else f"{type(values).__name__} {str(values)[:40]!r}"
