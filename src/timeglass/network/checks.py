"""The checks of the layers' arguments: each passes, or raises an `OptionError` that begins with layer and argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from numbers import Integral, Real
from types import UnionType
from typing import Any

import numpy as np

from timeglass.cells.activations import ACTIVATIONS, OTHER_NAMES
from timeglass.errors import OptionError

__all__ = ["MERGE_MODES", "Rate", "bidirectional", "input_shape", "layer"]

# One share for all networks, or one for each.
Rate = float | tuple[float, ...]

_LARGEST = float(np.finfo(np.float32).max)

MERGE_MODES = ("concat", "sum", "mul", "ave")


def _is_whole(value: Any, at_least: int) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= at_least


def _is_share(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < 1


def _units(where: str, value: Any) -> None:
    if not _is_whole(value, 1):
        raise OptionError(f"{where}: expected a whole number of at least 1, got {value!r}")


def _activation(where: str, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or value not in {*ACTIVATIONS, *OTHER_NAMES}):
        known = ", ".join([*ACTIVATIONS, *OTHER_NAMES])
        raise OptionError(f"{where}: expected one of {known}, got {value!r}")


def _flag(where: str, value: Any) -> None:
    if not isinstance(value, bool | np.bool_):
        raise OptionError(f"{where}: expected True or False, got {value!r}")


def _rate(where: str, value: Any) -> None:
    shares = value if isinstance(value, tuple) and value else (value,)
    if not all(_is_share(share) for share in shares):
        raise OptionError(
            f"{where}: expected a share from 0 to below 1, or a tuple with one for each network, got {value!r}"
        )


def _name(where: str, value: Any) -> None:
    if value is not None and (not isinstance(value, str) or not value):
        raise OptionError(f"{where}: expected a text that is not empty, got {value!r}")


def _mask_value(where: str, value: Any) -> None:
    if not isinstance(value, Real) or isinstance(value, bool) or not abs(float(value)) <= _LARGEST:
        raise OptionError(
            f"{where}: expected a finite number that marks the steps to mask, got {value!r}; "
            "missing values (NaN) must be replaced by such a number first"
        )


def _time_steps(where: str, value: Any) -> None:
    if value is not None and not _is_whole(value, 1):
        raise OptionError(
            f"{where}: expected a whole number of at least 1, or None for the whole window, got {value!r}"
        )


def _input_shape(where: str, value: Any) -> None:
    if value is None:
        return
    sizes = tuple(value) if isinstance(value, Sequence) else ()
    if len(sizes) != 2 or not all(_is_whole(size, 1) for size in sizes):
        raise OptionError(
            f"{where}: expected (time steps, features), each at least 1, such as (12, 1) for 12 steps of one feature, "
            f"got {value!r}"
        )


_CHECKS: dict[str, Callable[[str, Any], None]] = {
    "units": _units,
    "activation": _activation,
    "recurrent_activation": _activation,
    "use_bias": _flag,
    "unit_forget_bias": _flag,
    "reset_after": _flag,
    "return_sequences": _flag,
    "go_backwards": _flag,
    "dropout": _rate,
    "recurrent_dropout": _rate,
    "rate": _rate,
    "mask_value": _mask_value,
    "time_steps": _time_steps,
    "input_shape": _input_shape,
    "name": _name,
}


def layer(made: Any) -> None:
    """Every argument of a layer that has just been made."""
    for field in fields(made):
        _CHECKS[field.name](f"{type(made).__name__} {field.name}", getattr(made, field.name))


def input_shape(where: str, shape: Any) -> None:
    """The (T, F) of a network's windows."""
    _input_shape(f"{where} shape", shape)


def bidirectional(made: Any, recurrent: UnionType) -> None:
    """The arguments of a `Bidirectional`, whose two layers must be `recurrent` and fit together."""
    _name("Bidirectional name", made.name)
    for name in ("layer", "backward_layer"):
        inner = getattr(made, name)
        if not isinstance(inner, recurrent) and (name == "layer" or inner is not None):
            raise OptionError(f"Bidirectional {name}: expected a SimpleRNN, GRU or LSTM, got {inner!r}")
    _merge_mode(made.merge_mode)
    one, other = made.layer, made.backward
    if one.go_backwards == other.go_backwards:
        raise OptionError(
            f"Bidirectional: the two layers must go opposite ways, but both have go_backwards={one.go_backwards}: "
            "leave it out of `layer`, and set go_backwards=True on `backward_layer`"
        )
    if one.return_sequences != other.return_sequences:
        raise OptionError(
            f"Bidirectional: `layer` has return_sequences={one.return_sequences}, "
            f"`backward_layer` {other.return_sequences}: give both the same"
        )
    if made.merge_mode != "concat" and one.units != other.units:
        raise OptionError(
            f"Bidirectional merge_mode: {made.merge_mode!r} goes unit by unit, but the layers have "
            f"{one.units} and {other.units} units: give both the same, or merge by 'concat'"
        )


def _merge_mode(mode: Any) -> None:
    if mode is None:
        raise OptionError(
            "Bidirectional merge_mode: None would give two outputs, and a chain of layers has one: "
            f"choose one of {', '.join(MERGE_MODES)}"
        )
    if not isinstance(mode, str) or mode not in MERGE_MODES:
        raise OptionError(f"Bidirectional merge_mode: expected one of {', '.join(MERGE_MODES)}, got {mode!r}")
