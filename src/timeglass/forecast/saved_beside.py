"""The covariates of a fitted forecaster as a header and arrays, and back: for files."""

from __future__ import annotations

from typing import Any

import numpy as np

from timeglass.errors import DataError
from timeglass.forecast.calendar_features import check_calendar
from timeglass.forecast.covariates import Beside
from timeglass.forecast.history import History
from timeglass.forecast.plain_records import checked, of_type, plain, read_list, read_record
from timeglass.forecast.settings import Covariates
from timeglass.model.description import Shapes
from timeglass.model.strict_json import check_keys
from timeglass.read.options import ReadOptions
from timeglass.types import Array

__all__ = ["beside_arrays", "beside_header", "beside_of", "beside_shapes", "channel_count"]

_KEYS = ["covariates", "options", "static", "notes"]
_REAL = np.dtype(np.float64)
_MOST = 2**20  # channels of one covariate or another


def beside_header(beside: Beside | None) -> dict[str, Any] | None:
    """All but the arrays."""
    if beside is None:
        return None
    header = {
        "covariates": beside.covariates,
        "options": beside.options,
        "static": beside.static.shape[1],
        "notes": beside.notes,
    }
    return {key: plain(f"covariates {key}", value) for key, value in header.items()}


def beside_arrays(beside: Beside | None) -> dict[str, Array]:
    """In the order of `beside_shapes`."""
    names = [] if beside is None else ["columns", "center", "unit", "static"]
    return {f"covariates.{name}": getattr(beside, name) for name in names}


def beside_shapes(given: Any, rows: int, series: int) -> Shapes:
    """The arrays that belong to such a header, whose sizes have been checked."""
    if given is None:
        return {}
    check_keys("covariates", given, _KEYS)
    covariates = read_record("covariates", given["covariates"], Covariates)
    columns = len(covariates.future) + len(covariates.past)
    static = of_type("covariates static", given["static"], "int", 0, _MOST)
    shapes = {"columns": (rows, columns), "center": (columns,), "unit": (columns,), "static": (series, static)}
    return {f"covariates.{name}": (_REAL, shape) for name, shape in shapes.items()}


def channel_count(given: Any) -> int:
    """How many channels the networks see beside the values, of a header that `beside_shapes` has checked."""
    if given is None:
        return 0
    names = given["covariates"]
    return len(names["future"]) + len(names["past"]) + int(given["static"]) + 2 * len(names["calendar"])


def beside_of(given: Any, arrays: dict[str, Array], history: History) -> Beside | None:
    """What stands beside the series of `history`; a `DataError` names what cannot be."""
    if given is None:
        return None
    columns, center, unit, static = (
        arrays[f"covariates.{name}"] for name in ("columns", "center", "unit", "static")
    )  # fmt: skip
    if (unit < 0).any():
        raise DataError("tensor covariates.unit: expected no number below 0")
    covariates = read_record("covariates", given["covariates"], Covariates)
    checked("covariates", lambda: check_calendar(history.panel, covariates.calendar))
    beside = Beside(
        covariates, read_record("covariates options", given["options"], ReadOptions), columns, center, unit, static,
        read_list("covariates notes", given["notes"], "str"),
    )  # fmt: skip
    checked("covariates", lambda: beside.channels(history))  # refuses what is out of all proportion
    return beside
