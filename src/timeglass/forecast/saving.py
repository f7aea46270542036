"""A fitted forecaster in a file: data only, and it goes on where it stood.

The form is that of model files (docs/model-files.md): a .safetensors file with a header in JSON. What is read has been
checked before it is used: format and version, the closed list of names, all sizes beside those of the file, a SHA-256
of the header and of each array, that all is finite, and that the parts fit each other.
"""

from __future__ import annotations

import io
import os
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from timeglass.errors import DataError, InputError, OptionError
from timeglass.evaluate.audit import Finding
from timeglass.files import open_regular, write_whole
from timeglass.forecast.backtest import backtest_of_fit
from timeglass.forecast.fitted import Fitted
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.history import History, check_season
from timeglass.forecast.outcome import Replaced
from timeglass.forecast.plain_records import checked, of_type, plain, read_list, read_record
from timeglass.forecast.saved_beside import (
    beside_arrays,
    beside_header,
    beside_of,
    beside_shapes,
    channel_count,
)
from timeglass.forecast.saved_groups import (
    group_arrays,
    group_header,
    group_of,
    group_shapes,
    joined,
    parted,
    total,
)
from timeglass.forecast.saved_panel import cut, history_arrays, history_header, history_of, history_shapes
from timeglass.forecast.settings import Covariates, Networks, Task, check_horizon, check_levels
from timeglass.model.saving import check_place
from timeglass.model.strict_json import check_keys
from timeglass.model.tensor_file import pack, unpack
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["check_forecaster_place", "forecaster_bytes", "forecaster_from_bytes", "load_forecaster", "save_forecaster"]

_KIND = ("timeglass forecaster", 1)
_ENDING = ".safetensors"
_KEYS = ["settings", "task", "series", "covariates", "groups", "replaced", "fell_back", "audit"]
_SETTINGS = {"horizon": "int | None", "season": "int | None", "fallback": "bool", "log": "bool | None", "seed": "int"}
_FINDING = {"name": "str", "found": "bool", "sentence": "str", "checked": "bool"}


def save_forecaster(forecaster: Forecaster, path: str | os.PathLike[str]) -> None:
    """Writes a fitted forecaster with its series, whole or not at all: `load_forecaster` gives it back.

    The name ends in .safetensors. An `InputError` says what cannot be written, an `OptionError` where.
    """
    target = _place("save path", path)
    try:
        content = forecaster_bytes(forecaster)
    except InputError as error:
        raise type(error)(f"save {target}: {error}") from None
    write_whole(target, lambda part: part.write_bytes(content), len(content))


def load_forecaster(path: str | os.PathLike[str]) -> Forecaster:
    """The forecaster that `save_forecaster` wrote: its forecasts have the same bits, and `update` goes on.

    A `DataError` says why a file cannot be used: it is none of ours, damaged (and where), or made by another version.

    >>> import tempfile
    >>> forecaster = Forecaster(2, networks=Networks(count=2, epochs=1)).fit([float(x * x % 17) for x in range(40)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_forecaster(forecaster, f"{folder}/squares.safetensors")
    ...     again = load_forecaster(f"{folder}/squares.safetensors")
    >>> bool((again.forecast().point == forecaster.forecast().point).all())
    True
    """
    place = _place("load path", path)
    with open_regular(place, "give the file of a forecaster", _ENDING) as (file, size):
        try:
            return _read(file, size)
        except DataError as error:
            raise DataError(f"{place}: {error}") from None


def check_forecaster_place(option: str, path: str | os.PathLike[str]) -> None:
    """Refuses, before any work, a path at which no forecaster could be written; the message begins with `option`."""
    check_place(option, _place(option, path))


def forecaster_from_bytes(content: bytes) -> Forecaster:
    """The forecaster in the bytes of such a file."""
    return _read(io.BytesIO(content), len(content))


def _place(option: str, path: Any) -> Path:
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise OptionError(f"{option}: expected the name of a file, got {path!r}")
    place = Path(path)
    if place.suffix.lower() != _ENDING:
        raise OptionError(f"{option} {place}: expected a name that ends in {_ENDING}: a forecaster has no other form")
    return place


# To a file


def forecaster_bytes(forecaster: Forecaster) -> bytes:
    """What a file holds."""
    if not hasattr(forecaster, "fitted_"):
        raise InputError("fit the forecaster first: forecaster.fit(series)")
    forecaster.check()
    fitted, history, before = forecaster.fitted_, forecaster.history_, forecaster.held_back_
    learned_from = history if before is None else before.history
    parts = [group_arrays(group) for group in fitted.groups]
    header = {
        "settings": _settings_header(forecaster),
        "task": plain("task", fitted.task),
        "series": history_header(history),
        "covariates": beside_header(forecaster._beside()),
        "groups": [group_header(group, part) for group, part in zip(fitted.groups, parts, strict=True)],
        "replaced": [[s, each.method, each.why] for s, each in fitted.replaced.items()],
        "fell_back": forecaster.fallback_ is not None,
        "audit": [_finding_header(each) for each in forecaster.audit_],
    }
    arrays = history_arrays(history, np.diff(learned_from.panel.offsets).astype(np.int64))
    arrays |= beside_arrays(forecaster._beside()) | joined(parts)
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"{name} has numbers that are not finite: fit the forecaster anew")
    return pack(_KIND, header, arrays)


def _settings_header(forecaster: Forecaster) -> dict[str, Any]:
    given = forecaster.get_params(deep=False)
    if not isinstance(given["level"], list | tuple | int | float):  # an array, a range: as numbers
        given["level"] = check_levels("level", given["level"])
    return {name: plain(f"settings {name}", value) for name, value in given.items()}


def _finding_header(finding: Finding) -> dict[str, Any]:
    found = {field.name: getattr(finding, field.name) for field in fields(Finding)}
    found["numbers"] = list(finding.numbers.items())  # in their order, which an object of JSON has none of
    return {name: plain(f"audit {name}", value) for name, value in found.items()}


# From a file


def _read(file: BinaryIO, size: int) -> Forecaster:
    contents = unpack(_KIND, file, size)
    header = contents.header
    check_keys("header", header, _KEYS)
    forecaster, task = _forecaster_of(header["settings"]), _task_of(header["task"])
    check_keys("series", header["series"], ["panel", "frame", "time_type"])
    if not isinstance(header["groups"], list):
        raise DataError(f"groups: expected a list, got {quoted(repr(header['groups']))}")
    parts = [group_shapes(group, task) for group in header["groups"]]
    shapes = history_shapes(header["series"]["panel"])
    shapes |= beside_shapes(header["covariates"], shapes["series.values"][1][0], shapes["series.fitted_rows"][1][0])
    contents.check(shapes | total(parts))
    arrays = contents.arrays()
    _check_numbers(arrays)
    history, rows = history_of(header["series"], arrays)
    own = {name: array for name, array in arrays.items() if name not in shapes}
    channels = channel_count(header["covariates"])
    each = zip(header["groups"], parted(own, parts), strict=True)
    groups = tuple(group_of(group, part, task, rows=rows, channels=channels) for group, part in each)
    replaced = _replaced_of(header["replaced"], history)
    places = sorted([*replaced, *(s for group in groups for s in group.places)])
    if places != list(range(len(history.panel))):
        raise DataError("groups and replaced: expected each series in one of them")
    _conclude(forecaster, Fitted(task, groups, replaced), cut(history, rows), header)
    forecaster.history_, forecaster.beside_ = history, beside_of(header["covariates"], arrays, history)
    return forecaster


def _conclude(forecaster: Forecaster, fitted: Fitted, before: History, header: dict[str, Any]) -> None:
    """Gives the forecaster what it learned from the series as they were `before`, and what follows from that."""
    forecaster.fitted_, forecaster.horizon_, forecaster.season_ = fitted, fitted.task.horizon, fitted.task.period
    forecaster.held_back_ = backtest_of_fit(fitted, before)
    forecaster.verdict_ = () if forecaster.held_back_ is None else forecaster.held_back_.verdict()
    forecaster.fallback_ = forecaster._fallback() if of_type("fell_back", header["fell_back"], "bool") else None
    forecaster.audit_ = _audit_of(header["audit"])


def _check_numbers(arrays: dict[str, Array]) -> None:
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise DataError(f"tensor {name} has numbers that are not finite")
        if array.dtype == np.bool_ and array.view(np.uint8).max(initial=0) > 1:
            raise DataError(f"tensor {name} has marks that are neither 0 nor 1")


def _forecaster_of(given: Any) -> Forecaster:
    check_keys("settings", given, list(Forecaster().get_params(deep=False)))
    plainly = {name: of_type(f"settings {name}", given[name], form) for name, form in _SETTINGS.items()}
    networks, covariates = given["networks"], given["covariates"]
    level = given["level"]
    levels = read_list("settings level", level, "float") if isinstance(level, list) else level
    made = Forecaster(
        **plainly,
        networks=None if networks is None else read_record("settings networks", networks, Networks),
        covariates=None if covariates is None else read_record("settings covariates", covariates, Covariates),
        level=levels,
    )
    checked("settings", made.check)
    return made


def _task_of(given: Any) -> Task:
    task = read_record("task", given, Task)
    checked("task", lambda: (check_horizon("horizon", task.horizon), check_season(task.period)))
    of_type("task seed", task.seed, "int", 0, 2**64 - 2)
    return task


def _replaced_of(given: Any, history: History) -> dict[int, Replaced]:
    found: dict[int, Replaced] = {}
    for s, method, why in _rows("replaced", given, ["series", "method", "why"]):
        of_type("replaced series", s, "int", 0, len(history.panel) - 1)
        found[s] = Replaced(history.panel.ids[s], *(of_type("replaced", words, "str") for words in (method, why)))
    return found


def _audit_of(given: Any) -> tuple[Finding, ...]:
    if not isinstance(given, list):
        raise DataError(f"audit: expected a list, got {quoted(repr(given))}")
    return tuple(_finding_of(part) for part in given)


def _finding_of(given: Any) -> Finding:
    known = [field.name for field in fields(Finding)]
    check_keys("audit", given, known)
    found = {name: of_type(f"audit {name}", given[name], _FINDING[name]) for name in known if name != "numbers"}
    numbers = {}
    for name, value in _rows("audit numbers", given["numbers"], ["name", "number"]):
        if isinstance(value, list | dict):
            raise DataError(f"audit numbers: expected plain values, got {quoted(repr(value))}")
        numbers[of_type("audit numbers", name, "str")] = value
    return Finding(**found, numbers=numbers)


def _rows(where: str, given: Any, columns: list[str]) -> list[list[Any]]:
    """A list of lists, each of so many values."""
    for row in given if isinstance(given, list) else [given]:
        if not isinstance(row, list) or len(row) != len(columns):
            raise DataError(f"{where}: expected lists of {', '.join(columns)}, got {quoted(repr(row))}")
    return list(given)
