"""Checks of single arguments: each gives the value in its type, or an `OptionError` that names the argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError
from timeglass.train.checks import check_number, check_whole

__all__ = ["flag", "number", "one_of", "per_network", "whole"]


def whole(name: str, value: Any, least: int) -> int:
    """A whole number of at least `least`.

    >>> whole("epochs", 20, 1)
    20
    """
    check_whole(name, value, least)
    return int(value)


def number(name: str, value: Any, holds: Callable[[float], bool], words: str) -> float:
    """A finite number for which `holds` is true; `words` say what that means."""
    check_number(name, value, holds, words)
    return float(value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise OptionError(f"{name}: expected True or False, got {value!r}")
    return bool(value)


def one_of(name: str, value: Any, known: Sequence[str | None]) -> Any:
    """One of the known words."""
    if not (value is None or isinstance(value, str)) or value not in known:
        raise OptionError(f"{name}: expected one of {', '.join(map(repr, known))}, got {value!r}")
    return value


def per_network(
    name: str, values: Any, networks: int, holds: Callable[[float], bool], words: str
) -> NDArray[np.float64]:
    """(L,): one number for all networks, or one for each.

    >>> per_network("l2", 0.5, 3, lambda value: value >= 0, "a finite number of at least 0").tolist()
    [0.5, 0.5, 0.5]
    """
    if isinstance(values, Real):
        return np.full(networks, number(name, values, holds, words))
    given = list(values) if isinstance(values, (Sequence, np.ndarray)) and not isinstance(values, str) else None
    if given is None or len(given) != networks:
        got = repr(values) if given is None else f"{len(given)} of them"
        raise OptionError(f"{name}: expected a number, or one for each of {networks} networks, got {got}")
    return np.array([number(f"{name}[{i}]", value, holds, words) for i, value in enumerate(given)])
