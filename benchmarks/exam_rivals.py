"""Who takes the exam: each a function from a group of series to forecasts, made ready before the clock starts.

A contender runs in a process of its own on two processors (`measure.Worker`), which has the training parts only.
Defaults throughout: of ours, of statsforecast and of neuralforecast.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from exam_data import Group, long_columns, training_parts
from exam_scores import naive2_forecast, season_of
from measure import Job, Numbers
from numpy.typing import NDArray

__all__ = ["CONTENDERS", "OURS", "Contender", "forecast_ours", "job", "key_of"]

Array = NDArray[np.float64]
Forecast = Mapping[str, Array]  # point (S, K), and low and high where there are 90 % intervals
Ready = Callable[[Group], Forecast]

OURS = "Timeglass"
LEVEL = 90
LAGS = 12  # of the ridge
LAG_PENALTY, DRIFT_PENALTY = 100.0, 10.0  # of the ridge, beside inputs of spread 1; chosen on the last rows of training
PROCESSES = 2
_WARM = 4  # series to warm up with
_TRIED = 10  # steps of training that show how many threads are faster


# Ours


def forecast_ours(group: Group, seed: int = 0, settings: Mapping[str, Any] | None = None) -> Forecast:
    """With settings only while they are chosen; the exam gives none."""
    import polars as pl

    from timeglass.forecast.forecaster import Forecaster

    forecaster = Forecaster(horizon=group.horizon, season=group.period, seed=seed)
    if settings:
        forecaster.set_params(**settings)
    frame = forecaster.fit(pl.DataFrame(long_columns(group))).predict(level=[LEVEL])
    shape = len(group.ids), group.horizon
    names = {"point": "timeglass", "low": f"timeglass-lo-{LEVEL}", "high": f"timeglass-hi-{LEVEL}"}
    return {what: frame[name].to_numpy().reshape(shape) for what, name in names.items()}


def timeglass(group: Group, seed: int) -> Ready:
    """The default."""
    forecast_ours(_few(group), seed)
    return lambda group: forecast_ours(group, seed)


# Plain ones


def naive(group: Group, seed: int) -> Ready:
    """The last value."""
    del group, seed
    return lambda group: _each(group, lambda y: np.full(group.horizon, y[-1]))


def seasonal_naive(group: Group, seed: int) -> Ready:
    """The last season."""
    del group, seed
    return lambda group: _each(group, lambda y: np.resize(y[-group.period :], group.horizon))


def naive2(group: Group, seed: int) -> Ready:
    """The last value without its season, by the 90 % test."""
    del group, seed
    return lambda group: _each(group, lambda y: naive2_forecast(y, group.horizon, group.period))


def ridge(group: Group, seed: int) -> Ready:
    """Least squares on 12 lags, with a penalty: what a linear model makes of the same inputs."""
    del group, seed
    return lambda group: _each(group, lambda y: _ridge(y, group.horizon, group.period))


def _each(group: Group, forecast: Callable[[Array], Array]) -> Forecast:
    return {"point": np.array([forecast(y) for y in group.values])}


def _ridge(y: Array, horizon: int, period: int) -> Array:
    """One step ahead, read on as if it had come, of the logarithm without its season.

    A lag is measured from the last value known and so is the answer, as in the networks' windows.
    """
    season = season_of(y, period)
    z = np.log(y / np.resize(season, len(y)))
    lags = min(LAGS, len(z) // 3)
    windows = np.lib.stride_tricks.sliding_window_view(z, lags + 1)  # (N, lags + 1)
    last = windows[:, -2:-1]
    x, target = windows[:, :-2] - last, windows[:, -1] - last[:, 0]
    spread = x.std() or 1.0
    inputs = np.column_stack([x / spread, np.ones(len(x))])
    penalty = np.diag([LAG_PENALTY] * (lags - 1) + [DRIFT_PENALTY])
    weights = np.linalg.solve(inputs.T @ inputs + penalty, inputs.T @ target)
    path = list(z)
    for _ in range(horizon):
        recent = np.array(path[-lags:])
        path.append(recent[-1] + np.append((recent[:-1] - recent[-1]) / spread, 1.0) @ weights)
    rows = np.arange(len(z), len(z) + horizon)
    return np.exp(np.clip(path[len(z) :], z.min() - 3, z.max() + 3)) * season[rows % len(season)]


# statsforecast


def _statistical(model: str) -> Callable[[Group, int], Ready]:
    def ready(group: Group, seed: int) -> Ready:
        del seed
        import pandas as pd
        from statsforecast import StatsForecast, models

        warnings.simplefilter("ignore")
        frames: dict[str, Any] = {}

        def forecast(group: Group) -> Forecast:
            kind = getattr(models, model)
            job = StatsForecast(
                models=[kind(season_length=group.period)], freq=1, n_jobs=PROCESSES if len(group.ids) > _WARM else 1,
                fallback_model=models.Naive(),
            )  # fmt: skip
            found = job.forecast(df=frames[group.digest], h=group.horizon)
            return _in_order(group, found, found.columns[-1])

        few = _few(group)
        for some in (few, group):
            frames[some.digest] = pd.DataFrame(long_columns(some))
        forecast(few)
        return forecast

    return ready


# neuralforecast


def _neural(model: str) -> Callable[[Group, int], Ready]:
    def ready(group: Group, seed: int) -> Ready:
        import pandas as pd
        import torch
        from neuralforecast import NeuralForecast, models

        warnings.simplefilter("ignore")
        for name in ("pytorch_lightning", "lightning.pytorch", "lightning"):
            logging.getLogger(name).setLevel(logging.ERROR)
        frame = pd.DataFrame(long_columns(group))

        def trained(**more: int) -> Any:
            # Padding, since a window of the default is longer than many a series.
            network = getattr(models, model)(
                h=group.horizon, random_seed=seed + 1, start_padding_enabled=True, enable_progress_bar=False,
                logger=False, enable_checkpointing=False, **more,
            )  # fmt: skip
            job = NeuralForecast(models=[network], freq=1)
            job.fit(df=frame)
            return job

        def seconds(threads: int) -> float:
            torch.set_num_threads(threads)
            began = time.perf_counter()
            trained(max_steps=_TRIED)
            return time.perf_counter() - began

        trained(max_steps=1)
        torch.set_num_threads(min(range(1, PROCESSES + 1), key=seconds))  # small networks may be faster on one
        return lambda group: _in_order(group, trained().predict(), model)

    return ready


def _in_order(group: Group, found: Any, column: str) -> Forecast:
    """Of a library's frame, the forecasts in the order of the group's series."""
    order = {name: s for s, name in enumerate(found["unique_id"].unique())}
    values = found[column].to_numpy(dtype=np.float64).reshape(-1, group.horizon)
    return {"point": values[[order[name] for name in group.ids]]}


# All of them


@dataclass(frozen=True)
class Contender:
    """What makes it ready, and what it needs."""

    ready: Callable[[Group, int], Ready]
    needs: tuple[str, ...] = ()


CONTENDERS = {
    OURS: Contender(timeglass, ("polars",)),
    "ridge AR(12)": Contender(ridge),
    "Naive": Contender(naive),
    "SeasonalNaive": Contender(seasonal_naive),
    "Naive2": Contender(naive2),
    "Theta": Contender(_statistical("Theta"), ("statsforecast",)),
    "OptimizedTheta": Contender(_statistical("OptimizedTheta"), ("statsforecast",)),
    "DynamicOptimizedTheta": Contender(_statistical("DynamicOptimizedTheta"), ("statsforecast",)),
    "AutoTheta": Contender(_statistical("AutoTheta"), ("statsforecast",)),
    "AutoETS": Contender(_statistical("AutoETS"), ("statsforecast",)),
    "CES": Contender(_statistical("AutoCES"), ("statsforecast",)),
    "RNN": Contender(_neural("RNN"), ("neuralforecast",)),
    "LSTM": Contender(_neural("LSTM"), ("neuralforecast",)),
}


def key_of(name: str, group: Group, seed: int) -> str:
    """What a kept result belongs to: the contender as it is written here, its library's version, its data, its seed."""
    contender = CONTENDERS[name]
    versions = " ".join(f"{package} {metadata.version(package)}" for package in contender.needs)
    written = hashlib.sha256(inspect.getsource(contender.ready).encode()).hexdigest()[:8]
    return f"{name}|{versions}|{written}|{group.digest}|{seed}"


def job(name: str, group: str, seed: int, few: int = 0) -> Job:
    """In a worker: a contender with a group of M3 by name; `few` takes so many series of it."""
    chosen = next(one for one in training_parts() if one.name == group)
    chosen = chosen.of(chosen.sample(few)) if few else chosen
    forecast = CONTENDERS[name].ready(chosen, seed)

    def once() -> Numbers:
        began = time.perf_counter()
        found = forecast(chosen)
        return {"seconds": time.perf_counter() - began} | {what: values.tolist() for what, values in found.items()}

    return once


def _few(group: Group) -> Group:
    return group.of(group.sample(_WARM))
