"""Settings and origins as plain JSON values and back, each field of the type that its class says: for files.

The kinds are a closed list, and a file names none of them: the place in it says which kind is meant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields
from numbers import Integral, Real
from types import NoneType
from typing import Any, TypeVar

import numpy as np

from timeglass.dates.calendar import Frequency
from timeglass.errors import DataError, InputError, OptionError
from timeglass.forecast.layout import Layout
from timeglass.forecast.settings import Covariates, Networks, Task
from timeglass.model.strict_json import check_keys, is_text
from timeglass.read.options import ReadOptions
from timeglass.series.series import Change, Origin
from timeglass.words import quoted

__all__ = ["checked", "of_type", "plain", "read_list", "read_record"]

_Made = TypeVar("_Made")

# How a field's type is written in its class, and the types that JSON may have there.
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "str | None": (str, NoneType),
    "int": (int,),
    "int | None": (int, NoneType),
    "float": (int, float),
    "bool": (bool,),
    "bool | None": (bool, NoneType),
    "Column": (str, int, NoneType),
}
_RECORDS = {"Networks": Networks}
_LISTS: dict[str, Any] = {"tuple[str, ...]": "str", "tuple[Change, ...]": Change}
_KINDS = (Change, Covariates, Frequency, Layout, Networks, Origin, ReadOptions, Task)
_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "null"}


def plain(where: str, value: Any) -> Any:
    """The value as JSON holds it; an `OptionError` where it cannot.

    >>> plain("frequency", Frequency("hour", 3))
    {'unit': 'hour', 'every': 3, 'weekday': None, 'day': None, 'month': None}
    """
    if type(value) in _KINDS:
        return {field.name: plain(f"{where} {field.name}", getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(where, part) for part in value]
    if isinstance(value, dict):
        return {plain(where, name): plain(where, part) for name, part in value.items()}
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and math.isfinite(value):
        return float(value)
    if value is None or is_text(value):
        return value
    raise OptionError(f"{where}: {quoted(repr(value))} cannot be written: expected a text or a finite number")


def read_record(where: str, given: Any, kind: type[_Made]) -> _Made:
    """The value that `plain` wrote; a `DataError` names what cannot be.

    >>> read_record("frequency", {"unit": "hour", "every": 0, "weekday": None, "day": None, "month": None}, Frequency)
    Traceback (most recent call last):
    timeglass.errors.DataError: frequency: every=0: expected 1 to 10,000,000
    """
    known = fields(kind)  # type: ignore[arg-type]  # they are all dataclasses
    check_keys(where, given, [field.name for field in known])
    found = {field.name: _read(f"{where} {field.name}", given[field.name], str(field.type)) for field in known}
    return checked(where, lambda: kind(**found))


def _read(where: str, given: Any, form: str) -> Any:
    if form in _RECORDS:
        return read_record(where, given, _RECORDS[form])
    if form in _LISTS:
        return read_list(where, given, _LISTS[form])
    return of_type(where, given, form)


def read_list(where: str, given: Any, kind: Any) -> tuple[Any, ...]:
    """A list of records, or of values of a type that is told in words."""
    if not isinstance(given, list):
        raise DataError(f"{where}: expected a list, got {quoted(repr(given))}")
    if isinstance(kind, str):
        return tuple(of_type(where, part, kind) for part in given)
    return tuple(read_record(f"{where} {i}", part, kind) for i, part in enumerate(given))


def of_type(where: str, given: Any, form: str, least: float = -math.inf, most: float = math.inf) -> Any:
    """The value, where it is of the type; numbers also from `least` to `most`.

    >>> of_type("windows", True, "int")
    Traceback (most recent call last):
    timeglass.errors.DataError: windows: expected a whole number, got 'True'
    """
    types = _TYPES[form]
    if type(given) not in types or (isinstance(given, str) and not is_text(given)):
        expected = " or ".join(_WORDS[one] for one in types if one is not int or float not in types)
        raise DataError(f"{where}: expected {expected}, got {quoted(given if is_text(given) else repr(given))}")
    if isinstance(given, int | float) and not least <= given <= most:
        raise DataError(f"{where}: expected a number from {least} to {most}, got {given}")
    return given


def checked(where: str, make: Callable[[], _Made]) -> _Made:
    """What `make` gives; what it refuses is the file's fault."""
    try:
        return make()
    except InputError as error:
        raise DataError(str(error) if isinstance(error, DataError) else f"{where}: {error}") from None
