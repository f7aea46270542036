"""Checks of the numbers that losses, optimisers and schedules are made with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from timeglass.errors import OptionError

__all__ = ["Rates", "as_rates", "check_number", "check_whole"]

# One learning rate for all networks, or one for each of them.
Rates = float | tuple[float, ...]


def check_number(name: str, value: Any, holds: Callable[[float], bool], words: str) -> None:
    """An `OptionError` unless the value is a finite number for which `holds` is true; `words` say what is expected."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or not holds(float(value)):
        raise OptionError(f"{name}: expected {words}, got {value!r}")


def check_whole(name: str, value: Any, least: int) -> None:
    """An `OptionError` unless the value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise OptionError(f"{name}: expected a whole number of at least {least}, got {value!r}")


def as_rates(name: str, value: Any) -> Rates:
    """A finite rate above 0, or a tuple of such from any sequence: one for each network.

    >>> as_rates("learning_rate", [0.1, 0.01])
    (0.1, 0.01)
    """
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        check_number(name, value, lambda rate: rate > 0, "a finite number above 0")
        return float(value)
    if np.ndim(value) != 1 or len(value) == 0:
        raise OptionError(f"{name}: expected one rate, or one for each network in a row, got {value!r}")
    for network, rate in enumerate(value):
        check_number(f"{name} of network {network}", rate, lambda rate: rate > 0, "a finite number above 0")
    return tuple(float(rate) for rate in value)
