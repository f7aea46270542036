"""Each metric of all groups and models at once, by utilsforecast where it has the metric.

Answers are (G, M): groups by models; NaN where a score does not exist, or a model has no intervals.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from timeglass.errors import DataError, EngineError
from timeglass.evaluate.forecast_frame import Forecasts, Training
from timeglass.evaluate.metrics import naive_scale
from timeglass.types import Array

__all__ = ["INTERVALS", "METRICS", "SCALED", "Job", "compute", "naive2_of", "start"]

METRICS = ("mae", "rmse", "mape", "smape", "mase", "rmsse", "owa", "pinball", "crps", "coverage", "width", "msis")
SCALED = ("mase", "rmsse", "owa", "msis")  # these need the training part
INTERVALS = ("pinball", "crps", "coverage", "width", "msis")
_MAY_NOT_EXIST = ("mape", *SCALED)
_UNITS = {"mape": 100.0, "smape": 200.0}  # utilsforecast has shares; M4's sMAPE is twice theirs


@dataclass(frozen=True, eq=False)
class Job:
    """What the losses take: pandas frames with numbers for names, so that no name of a column can be in their way."""

    losses: Any  # the module
    forecasts: Forecasts
    frame: Any
    train: Any
    training: Training | None
    period: int
    levels: tuple[float, ...]

    @property
    def models(self) -> list[str]:
        """What the models are called in `frame`."""
        return [f"m{i}" for i in range(len(self.forecasts.models))]

    @property
    def with_intervals(self) -> list[str]:
        """Those of `models` that have intervals."""
        having = {model for model, _, _ in self.forecasts.bounds}
        return [name for name, model in zip(self.models, self.forecasts.models, strict=True) if model in having]

    def answer(self, table: Any) -> Array:
        """(G, M) of what a loss gave: a row for each of some groups, a column for each of some models."""
        values = np.full((len(self.forecasts.first_rows), len(self.models)), np.nan)
        columns = [name for name in table.columns if name != "unique_id"]
        places = [self.models.index(name) for name in columns]
        values[np.ix_(table["unique_id"].to_numpy(), places)] = table[columns].to_numpy(dtype=np.float64)
        return values


def start(forecasts: Forecasts, training: Training | None, period: int, levels: tuple[float, ...]) -> Job:
    """Sets the frames up; an `EngineError` where utilsforecast is not installed."""
    pd, losses = _libraries()
    columns = {"unique_id": forecasts.groups, "y": forecasts.actual}
    for i, (model, values) in enumerate(forecasts.models.items()):
        columns[f"m{i}"] = values
        for level in levels:
            for side in ("lo", "hi"):
                if (model, side, level) in forecasts.bounds:
                    columns[_bound(f"m{i}", side, level)] = forecasts.bounds[model, side, level]
    train = None if training is None else pd.DataFrame({"unique_id": training.groups, "y": training.values})
    return Job(losses, forecasts, pd.DataFrame(columns), train, training, period, levels)


def _libraries() -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            # A docstring of utilsforecast 0.2 has an escape that Python warns of, which would end a run under -W error.
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", SyntaxWarning)
            import pandas as pd
            from utilsforecast import losses
    except ImportError as error:
        raise EngineError(
            f"scores of frames need utilsforecast ({error}): pip install 'timeglass[baselines]'; the functions of "
            "timeglass.evaluate.metrics need only NumPy"
        ) from None
    return pd, losses


def compute(job: Job, metric: str) -> dict[str, Array]:
    """One of `METRICS`, (G, M) under the name of each of its rows: `mae`, or `coverage-80`, `coverage-95`."""
    found = _METRICS[metric](job, metric)
    if metric in _MAY_NOT_EXIST:
        return {label: np.where(np.isfinite(values), values, np.nan) for label, values in found.items()}
    for label, values in found.items():
        if np.isinf(values).any():
            group = int(np.argwhere(np.isinf(values))[0, 0])
            name = job.forecasts.name_of(group)
            raise DataError(f"{label} of {name} is larger than a double holds: scale the values before")
    return found


def naive2_of(models: list[str]) -> str | None:
    """The column of Naive2 among `models`, upper and lower case alike.

    >>> naive2_of(["timeglass", "Naive2"])
    'Naive2'
    """
    return next((name for name in models if name.lower() == "naive2"), None)


def _point(job: Job, metric: str) -> dict[str, Array]:
    values = job.answer(getattr(job.losses, metric)(job.frame, models=job.models))
    if metric == "mape":  # theirs leaves the zeros out and takes the mean of the rest
        values[job.forecasts.groups[job.forecasts.actual == 0]] = np.nan
    return {metric: _UNITS.get(metric, 1.0) * values}


def _scaled(job: Job, metric: str) -> dict[str, Array]:
    """Series too short for the period are compared with the row before, as `naive_scale` does."""
    assert job.training is not None
    lags = np.where(job.training.counts > job.period, job.period, 1)  # (G,)
    values = np.full((len(lags), len(job.models)), np.nan)
    for lag in np.unique(lags):
        rows, train_rows = (lags == lag)[job.forecasts.groups], (lags == lag)[job.training.groups]
        table = getattr(job.losses, metric)(
            job.frame[rows], models=job.models, seasonality=int(lag), train_df=job.train[train_rows]
        )
        values = np.where((lags == lag)[:, None], job.answer(table), values)
    return {metric: values}


def _owa(job: Job, metric: str) -> dict[str, Array]:
    naive2 = list(job.forecasts.models).index(naive2_of(list(job.forecasts.models)) or "")
    smape, mase = compute(job, "smape")["smape"], compute(job, "mase")["mase"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return {metric: (smape / smape[:, [naive2]] + mase / mase[:, [naive2]]) / 2}


def _pinball(job: Job, metric: str) -> dict[str, Array]:
    found = {}
    for quantile, side, level in _quantiles(job.levels):
        models = {name: _bound(name, side, level) for name in job.with_intervals}
        found[f"{metric}-{quantile:g}"] = job.answer(job.losses.quantile_loss(job.frame, models=models, q=quantile))
    return found


def _crps(job: Job, metric: str) -> dict[str, Array]:
    quantiles = _quantiles(job.levels)
    models = {name: [_bound(name, side, level) for _, side, level in quantiles] for name in job.with_intervals}
    numbers = np.array([quantile for quantile, _, _ in quantiles])
    return {metric: 2 * job.answer(job.losses.mqloss(job.frame, models=models, quantiles=numbers))}


def _coverage(job: Job, metric: str) -> dict[str, Array]:
    return {
        f"{metric}-{level:g}": job.answer(
            job.losses.coverage(job.frame, models=job.with_intervals, level=_plain(level))
        )
        for level in job.levels
    }


def _width(job: Job, metric: str) -> dict[str, Array]:
    """The mean absolute error of the lower end, had the upper one come."""
    found = {}
    for level in job.levels:
        widths = job.frame[["unique_id"]].assign(y=0.0)
        for name in job.with_intervals:
            widths[name] = job.frame[_bound(name, "hi", level)] - job.frame[_bound(name, "lo", level)]
        found[f"{metric}-{level:g}"] = job.answer(job.losses.mae(widths, models=job.with_intervals))
    return found


def _msis(job: Job, metric: str) -> dict[str, Array]:
    """The Winkler score, which is the same before it is scaled, by the scale of MASE."""
    assert job.training is not None
    parts = np.split(job.training.values, np.cumsum(job.training.counts)[:-1])
    scales = np.array([naive_scale(part, job.period) for part in parts])[:, None]  # (G, 1)
    found = {}
    for level in job.levels:
        table = job.losses.winkler_score(job.frame, models=job.with_intervals, level=_plain(level))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found[f"{metric}-{level:g}"] = job.answer(table) / scales
    return found


def _quantiles(levels: tuple[float, ...]) -> list[tuple[float, str, float]]:
    """(quantile, side, level) of all ends of the intervals, from the lowest quantile to the highest."""
    lower = [((100 - level) / 200, "lo", level) for level in sorted(levels, reverse=True)]
    return lower + [(1 - quantile, "hi", level) for quantile, _, level in reversed(lower)]


def _bound(model: str, side: str, level: float) -> str:
    return f"{model}-{side}-{_plain(level)}"


def _plain(level: float) -> float:
    """90 for 90.0: utilsforecast looks for the level as Python writes it."""
    return int(level) if level == int(level) else level


_METRICS: dict[str, Callable[[Job, str], dict[str, Array]]] = {
    "mae": _point,
    "rmse": _point,
    "mape": _point,
    "smape": _point,
    "mase": _scaled,
    "rmsse": _scaled,
    "owa": _owa,
    "pinball": _pinball,
    "crps": _crps,
    "coverage": _coverage,
    "width": _width,
    "msis": _msis,
}
