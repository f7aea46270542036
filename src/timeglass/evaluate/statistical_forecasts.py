"""Theta and ETS of many series, by statsforecast: `pip install 'timeglass[baselines]'`."""

from __future__ import annotations

import importlib.util
import itertools
import multiprocessing
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import EngineError, InputError, OptionError
from timeglass.evaluate.simple_forecasts import naive, seasonal_naive
from timeglass.prepare.checks import one_series, whole_number
from timeglass.types import Array

__all__ = [
    "STATISTICAL_MODELS",
    "FailedModel",
    "StatisticalForecasts",
    "statistical_available",
    "statistical_forecasts",
]

# Our names, and statsforecast's.
STATISTICAL_MODELS = {"theta": "AutoTheta", "dynamic_theta": "DynamicOptimizedTheta", "ets": "AutoETS"}

_LIBRARY = "statsforecast"
_PIECES = 4  # for each process, so that none waits long for the others
_Answer = tuple[Array, str]  # (K,), and why it is the fallback's; "" where it is the model's


@dataclass(frozen=True)
class FailedModel:
    """A series that a model could not forecast, why, and which baseline gave the numbers instead."""

    series: int
    model: str
    why: str
    instead: str


@dataclass(frozen=True, eq=False)
class StatisticalForecasts:
    """Forecasts (S, K) by the name of the model, all finite; `failed` says which of them are a fallback's."""

    forecasts: dict[str, Array]
    failed: tuple[FailedModel, ...]


def statistical_available() -> bool:
    """Whether statsforecast is installed.

    >>> statistical_available() in (True, False)
    True
    """
    return importlib.util.find_spec(_LIBRARY) is not None


def statistical_forecasts(
    series: Sequence[ArrayLike],
    horizon: int,
    period: int,
    *,
    models: Sequence[str] = ("theta", "ets"),
    processes: int = 1,
) -> StatisticalForecasts:
    """Forecasts of S series, each (N,), by `models`: theta, dynamic_theta, ets, with seasons of `period` rows.

    Theta is the best by squared error of the four of J. A. Fiorucci et al., "Models for optimising the theta method
    and their relationship to state space models", International Journal of Forecasting 32, 2016; dynamic_theta is the
    last of these; ETS is the best by AICc of R. J. Hyndman et al., "A state space framework for automatic forecasting
    using exponential smoothing methods", the same 18, 2002, which knows no season of more than 24 rows.

    A constant series is forecast to stay so. Where a model fails, as on fewer than 4 rows, or gives numbers that are
    not finite, seasonal naive (naive, where there is no season of rows) stands in and `failed` says so. `processes`
    above 1 start new Python processes: a script that asks for them needs `if __name__ == "__main__":`.
    An `EngineError` where statsforecast is missing.

    >>> if statistical_available():
    ...     found = statistical_forecasts([[float(x) for x in range(30)], [5.0] * 30, [1.0, 2.0]], 2, 1, models=["ets"])
    ...     print(found.forecasts["ets"].round(2).tolist(), found.failed[0].series, found.failed[0].instead)
    ... else:
    ...     print("[[30.0, 31.0], [5.0, 5.0], [2.0, 2.0]] 2 naive")
    [[30.0, 31.0], [5.0, 5.0], [2.0, 2.0]] 2 naive
    """
    horizon = whole_number("horizon", horizon, at_least=1)
    period = whole_number("period", period, at_least=1)
    processes = whole_number("processes", processes, at_least=1)
    names = _names(models)
    values = [_values(s, each) for s, each in enumerate(series)]
    if not values:
        raise InputError("statistical_forecasts: no series: give at least one")
    _models(names, period)  # says here, not in another process, that the library is missing
    forecasts = {name: np.empty((len(values), horizon)) for name in names}
    failed = []
    for s, answers in enumerate(_answers(values, horizon, period, names=names, processes=processes)):
        for name, (forecast, why) in zip(names, answers, strict=True):
            forecasts[name][s] = forecast
            if why:
                failed.append(FailedModel(s, name, why, _fallback(values[s], horizon, period)[1]))
    return StatisticalForecasts(forecasts, tuple(failed))


def _names(models: Sequence[str]) -> tuple[str, ...]:
    wanted = (models,) if isinstance(models, str) else tuple(models)
    for name in wanted:
        if name not in STATISTICAL_MODELS:
            raise OptionError(f"models: no model {name!r}: expected some of {', '.join(STATISTICAL_MODELS)}")
    if not wanted:
        raise OptionError(f"models: got none: expected some of {', '.join(STATISTICAL_MODELS)}")
    return tuple(dict.fromkeys(wanted))


def _values(s: int, values: ArrayLike) -> Array:
    return one_series(values, f"statistical_forecasts: series {s + 1}")


def _models(names: Sequence[str], period: int) -> list[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its own imports warn of
            from statsforecast import models
    except ImportError as error:
        raise EngineError(
            f"Theta and ETS need statsforecast ({error}): pip install 'timeglass[baselines]'; "
            "timeglass.evaluate.simple_forecasts needs only NumPy"
        ) from None
    return [getattr(models, STATISTICAL_MODELS[name])(season_length=period) for name in names]


def _answers(
    values: Sequence[Array], horizon: int, period: int, *, names: Sequence[str], processes: int
) -> list[list[_Answer]]:
    """For each series, what each model says; the same for any number of processes."""
    count = min(len(values), processes * _PIECES)
    if processes == 1 or count == 1:
        return _piece(values, horizon, period, names)
    bounds = np.linspace(0, len(values), count + 1).astype(int)
    pieces = [values[low:high] for low, high in itertools.pairwise(bounds)]
    # A fork of a process that has threads, as NumPy's, may never end.
    pool = ProcessPoolExecutor(min(processes, count), mp_context=multiprocessing.get_context("spawn"))
    try:
        with pool:
            futures = [pool.submit(_piece, piece, horizon, period, names) for piece in pieces]
            return [answers for future in futures for answers in future.result()]
    except BrokenProcessPool:
        raise EngineError(
            f"processes: {processes} processes could not be started, or were ended: give processes=1, "
            'or put the script\'s calls under if __name__ == "__main__":'
        ) from None


def _piece(values: Sequence[Array], horizon: int, period: int, names: Sequence[str]) -> list[list[_Answer]]:
    models = _models(names, period)
    return [[_one(model, y, horizon, period) for model in models] for y in values]


def _one(model: Any, y: Array, horizon: int, period: int) -> _Answer:
    if y.min() == y.max():
        forecast, why = naive(y, horizon), ""
        return (forecast, why) if len(y) > 1 else (forecast, "1 row")
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # of overflow and the like: the answer is looked at below
            forecast = np.asarray(model.forecast(y, horizon)["mean"], dtype=np.float64)
    except Exception as error:  # the library raises plain Exceptions
        return _fallback(y, horizon, period)[0], f"{error} ({len(y)} rows)"
    if forecast.shape != (horizon,) or not np.isfinite(forecast).all():
        return _fallback(y, horizon, period)[0], "it gave numbers that are not finite"
    return forecast, ""


def _fallback(y: Array, horizon: int, period: int) -> tuple[Array, str]:
    if 1 < period <= len(y):
        return seasonal_naive(y, horizon, period), "seasonal_naive"
    return naive(y, horizon), "naive"
