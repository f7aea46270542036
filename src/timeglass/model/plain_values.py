"""Layers, optimisers, losses and scalers as plain JSON values and back: the closed list of what a file can hold.

A value is its class's name and all its fields: {"class": "Dense", "units": 1, …}. Nothing is looked up by name but in
the lists below, and each class checks its own fields, as it does when a user makes one.
"""

from __future__ import annotations

from dataclasses import Field, fields
from numbers import Integral, Real
from typing import Any

import numpy as np

from timeglass.errors import DataError, InputError, OptionError
from timeglass.model.strict_json import check_keys
from timeglass.network.layers import GRU, LSTM, Bidirectional, Dense, Dropout, LinearSkip, Masking, SimpleRNN
from timeglass.prepare.scale import MinMaxScaler
from timeglass.train.losses import GaussianLikelihood, Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, Quantile
from timeglass.train.optimizers import SGD, Adam, AdamW, RMSprop
from timeglass.train.schedules import CosineDecay, ExponentialDecay, OneCycle
from timeglass.train.solver_settings import LBFGS, LevenbergMarquardt
from timeglass.words import quoted

__all__ = ["LAYERS", "LOSSES", "OPTIMIZERS", "SCALERS", "Kinds", "from_plain", "to_plain"]

Kinds = tuple[type, ...]

_RECURRENT: Kinds = (SimpleRNN, GRU, LSTM)
_SCHEDULES: Kinds = (CosineDecay, ExponentialDecay, OneCycle)
LAYERS: Kinds = (*_RECURRENT, Bidirectional, Dense, Dropout, Masking, LinearSkip)
OPTIMIZERS: Kinds = (SGD, RMSprop, Adam, AdamW, LevenbergMarquardt, LBFGS)
LOSSES: Kinds = (MeanSquaredError, MeanAbsoluteError, Huber, LogCosh, Quantile, GaussianLikelihood)
SCALERS: Kinds = (MinMaxScaler,)

# The fields that may hold another such value.
_INNER: dict[str, Kinds] = {"layer": _RECURRENT, "backward_layer": _RECURRENT, "learning_rate": _SCHEDULES}


def to_plain(where: str, made: Any, known: Kinds) -> dict[str, Any]:
    """The value as an object of JSON; an `OptionError` where it is of a class of one's own.

    >>> from timeglass.train.losses import Huber
    >>> to_plain("loss", Huber(0.5), LOSSES)
    {'class': 'Huber', 'delta': 0.5}
    """
    if type(made) not in known:
        raise OptionError(f"{where}: a file can hold {_names(known)}, not {made!r} of a class of your own")
    return {"class": type(made).__name__} | {
        field.name: _plain(f"{where} {field.name}", field.name, getattr(made, field.name)) for field in fields(made)
    }


def _plain(where: str, name: str, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, tuple | list):
        return [_plain(where, name, part) for part in value]
    return to_plain(where, value, _INNER.get(name, ()))


def from_plain(where: str, given: Any, known: Kinds) -> Any:
    """The value itself; a `DataError` names what cannot be.

    >>> from_plain("layer 0", {"class": "os.system"}, SCALERS)
    Traceback (most recent call last):
    timeglass.errors.DataError: layer 0: expected the class MinMaxScaler, got 'os.system'
    """
    name = given.get("class") if isinstance(given, dict) else given
    kind = next((kind for kind in known if kind.__name__ == name), None)
    if kind is None or not isinstance(given, dict):
        got = quoted(name) if isinstance(name, str) else quoted(repr(name))
        raise DataError(f"{where}: expected the class {_names(known)}, got {got}")
    check_keys(where, given, ["class", *(field.name for field in fields(kind))])
    try:
        return kind(**{field.name: _value(f"{where} {field.name}", field, given[field.name]) for field in fields(kind)})
    except DataError:
        raise
    except InputError as error:
        raise DataError(f"{where}: {error}") from None


def _value(where: str, field: Field[Any], given: Any) -> Any:
    if isinstance(given, dict) and field.name in _INNER:
        return from_plain(where, given, _INNER[field.name])
    if field.type == "bool" and not isinstance(given, bool):
        raise DataError(f"{where}: expected true or false, got {quoted(repr(given))}")
    if isinstance(given, dict | list):
        if isinstance(given, dict) or not all(isinstance(part, int | float) for part in given):
            raise DataError(f"{where}: expected a list of numbers, got {quoted(repr(given))}")
        return tuple(given)
    return given


def _names(known: Kinds) -> str:
    return ", ".join(kind.__name__ for kind in known) or "no object"
