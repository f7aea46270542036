"""The scores of many series and models in a frame: what `timeglass.evaluate.metrics` computes of arrays.

utilsforecast, which is made for such frames, computes all that it has; the rest is made of its numbers. Where it counts
differently there is one definition, that of the arrays: sMAPE is M4's, and MAPE leaves no zeros out.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from timeglass.errors import DataError, OptionError
from timeglass.evaluate.forecast_frame import (
    CUTOFF,
    Columns,
    Forecasts,
    open_frame,
    read_forecasts,
    read_training,
)
from timeglass.evaluate.frame_losses import INTERVALS, METRICS, SCALED, compute, naive2_of, start
from timeglass.evaluate.metrics import overall_weighted_average
from timeglass.prepare.checks import whole_number
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["mean_scores", "score"]


def score(
    frame: Any,
    *,
    metrics: str | Sequence[str] | None = None,
    train: Any = None,
    period: int | None = None,
    level: float | Sequence[float] | None = None,
    time: str = "ds",
    id: str = "unique_id",  # noqa: A002  as the readers call it
    target: str = "y",
) -> Any:
    """One row for each metric and series and one column for each model, in a frame of the kind given.

    `frame` is any frame that narwhals knows, in long form: `id`, `time`, `target`, a column for each model, and two for
    each of its intervals, such as `timeglass-lo-90` and `timeglass-hi-90`. With a column `cutoff`, as a backtest has,
    there is a row for each metric, series and cutoff. `train` has the rows of the training part (id, time, target): of
    each series those up to the cutoff are taken, or without cutoffs all, which must lie before the forecasts.

    | metric | unit | needs |
    |---|---|---|
    | mae, rmse | that of the values | |
    | mape, smape | percent; sMAPE 0 to 200, as M4 has it | |
    | mase, rmsse | seasonal naive errors of the training part | train, period |
    | owa | 1 is as good as Naive2; brings smape and mase along | train, period, a column `naive2` |
    | pinball-0.05, … | that of the values; one for each end of each interval | intervals |
    | crps | that of the values; over the ends of all intervals | intervals |
    | coverage-90, … | share of the values inside, 0 to 1 | intervals |
    | width-90, … | that of the values | intervals |
    | msis-90, … | seasonal naive errors of the training part | intervals, train, period |

    `metrics` are names as above, without the number; None takes all for which there is what they need. `period` is the
    season in rows, 12 for months; a series with no row a period earlier is compared with the row before. `level` is the
    interval to score, or several, in percent; None takes all. A model without any intervals has null in their rows.

    Null (NaN in pandas) also stands where a score does not exist: MAPE of a series with a zero; MASE, RMSSE and MSIS of
    one whose training part never changes, or has one row; OWA where Naive2 is exact. `mean_scores` counts them. Nothing
    else is left out: a value that is not a finite number is a `DataError` with its row, a metric without what it needs
    an `OptionError`. Needs the extra: pip install 'timeglass[baselines]'.

    >>> import pandas as pd
    >>> came = pd.DataFrame({"unique_id": "a", "ds": [4, 5], "y": [5.0, 6.0], "naive": [4.0, 4.0]})
    >>> past = pd.DataFrame({"unique_id": "a", "ds": [1, 2, 3], "y": [1.0, 2.0, 4.0]})
    >>> print(score(came, metrics=["mae", "mase"], train=past, period=1).to_string(index=False))
    unique_id metric  naive
            a    mae    1.5
            a   mase    1.0
    """
    columns = Columns(time, id, target)
    found = read_forecasts(frame, columns)
    names = _chosen(metrics, found, has_train=train is not None, has_level=level is not None)
    of_intervals, scaled = ([name for name in names if name in some] for some in (INTERVALS, SCALED))
    levels = _levels(level, found, of_intervals[0]) if of_intervals else ()
    training, season = None, 1
    if scaled:
        season = _season(scaled[0], train, period)
        training = read_training(train, columns, found)
    job = start(found, training, season, levels)
    return _table(found, {label: values for name in names for label, values in compute(job, name).items()})


def mean_scores(table: Any, *, id: str = "unique_id") -> Any:  # noqa: A002  as the readers call it
    """The means over series (and cutoffs) of what `score` gave: one row for each metric, in a frame of the kind given.

    `scored` is how many rows went into the mean, `left_out` how many have no such score, the same for every model. A
    model without any intervals keeps its null. OWA is M4's: not the mean of the OWA of single series, but made of the
    means of sMAPE and MASE that stand in the same table.

    >>> import pandas as pd
    >>> rows = {"unique_id": ["a", "b", "c"], "metric": "mase", "naive": [1.0, 2.0, None], "ours": [0.5, 1.5, None]}
    >>> print(mean_scores(pd.DataFrame(rows)).to_string(index=False))
    metric  scored  left_out  naive  ours
      mase       2         1    1.5   1.0
    """
    import narwhals as nw  # a slow start

    frame = open_frame(table, "table")
    if not {id, "metric"} <= set(frame.columns):
        raise DataError(f"table: expected columns {quoted(id)} and 'metric', as score gives them, got {frame.columns}")
    models = [name for name in frame.columns if name not in (id, "metric", CUTOFF)]
    if not models or not all(frame[name].dtype.is_numeric() for name in models):
        raise DataError("table: expected a column of numbers for each model, as score gives them")
    values = np.column_stack([frame[name].cast(nw.Float64).to_numpy() for name in models])
    which = np.array(frame["metric"].to_list(), dtype=object)
    means: dict[str, Array] = {}
    counts: dict[str, tuple[int, int]] = {}
    for metric in dict.fromkeys(which.tolist()):
        means[metric], counts[metric] = _means(values[which == metric])
    if "owa" in means:
        means["owa"], counts["owa"] = _mean_owa(models, means, counts)
    lists = {name: [row[i] if np.isfinite(row[i]) else None for row in means.values()] for i, name in enumerate(models)}
    scored, left_out = zip(*counts.values(), strict=True)
    rows = {"metric": list(means), "scored": list(scored), "left_out": list(left_out), **lists}
    kinds = {"metric": nw.String(), "scored": nw.Int64(), "left_out": nw.Int64()}
    schema = {name: kinds.get(name, nw.Float64()) for name in rows}
    return nw.from_dict(rows, schema, backend=frame.implementation).to_native()


def _means(values: Array) -> tuple[Array, tuple[int, int]]:
    """The means (M,) of the rows (rows, M) that all models have which have any, and how many rows do and do not."""
    there = np.isfinite(values)
    having = there.any(axis=0)
    rows = there[:, having].all(axis=1) & having.any()
    means = np.full(values.shape[1], np.nan)
    if rows.any():
        with np.errstate(over="ignore"):
            means[having] = values[rows][:, having].mean(axis=0)
        if np.isinf(means).any():
            raise DataError("table: the mean is larger than a double holds: scale the values before")
    return means, (int(rows.sum()), int((~rows).sum()))


def _mean_owa(
    models: list[str], means: dict[str, Array], counts: dict[str, tuple[int, int]]
) -> tuple[Array, tuple[int, int]]:
    naive2 = naive2_of(models)
    if naive2 is None or "smape" not in means or "mase" not in means:
        raise DataError(
            "table: the mean OWA is made of the rows 'smape' and 'mase' and of a column 'naive2': keep them"
        )
    smape, mase, place = means["smape"], means["mase"], models.index(naive2)
    if not (smape[place] > 0 and mase[place] > 0):
        return np.full(len(models), np.nan), (0, sum(counts["owa"]))
    owa = overall_weighted_average(smape, mase, smape_naive2=smape[place], mase_naive2=mase[place])
    return owa, counts["mase"]


def _chosen(metrics: str | Sequence[str] | None, found: Forecasts, *, has_train: bool, has_level: bool) -> list[str]:
    """Names of metrics, each once; OWA after the two that it is made of."""
    has_naive2 = naive2_of(list(found.models)) is not None
    if metrics is None:
        lacking = set() if has_train else set(SCALED)
        lacking |= set() if found.bounds or has_level else set(INTERVALS)
        lacking |= set() if has_naive2 else {"owa"}
        return [name for name in METRICS if name not in lacking]
    names = list(metrics) if isinstance(metrics, Sequence) and not isinstance(metrics, str) else [metrics]
    if not names:
        raise OptionError(f"metrics: expected at least one, got none: there are {', '.join(METRICS)}")
    for name in names:
        if name not in METRICS:
            near = difflib.get_close_matches(str(name).lower(), METRICS, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise OptionError(f"metrics: no metric {quoted(str(name))}: {hint}there are {', '.join(METRICS)}")
    if "owa" in names and not has_naive2:
        raise OptionError("metrics: owa compares with Naive2: give its forecasts as a column 'naive2'")
    pieces = [piece for name in names for piece in (("smape", "mase", "owa") if name == "owa" else (name,))]
    return list(dict.fromkeys(pieces))


def _season(metric: str, train: Any, period: int | None) -> int:
    if train is None:
        raise OptionError(
            f"train: {metric} divides by the errors of the training part: give its rows, or other metrics"
        )
    if period is None:
        raise OptionError(f"period: {metric} needs the season in rows: 12 for months, 1 where there is none")
    return whole_number("period", period, at_least=1)


def _levels(level: float | Sequence[float] | None, found: Forecasts, metric: str) -> tuple[float, ...]:
    """The levels to score, which every model that has intervals must have."""
    some = next(iter(found.models))
    if not found.bounds:
        at = f"{_wanted(level)[0]:g}" if level is not None else "90"
        raise OptionError(f"level: {metric} needs intervals: add columns such as '{some}-lo-{at}' and '{some}-hi-{at}'")
    wanted = found.levels if level is None else _wanted(level)
    for model in dict.fromkeys(model for model, _, _ in found.bounds):
        has = [other for other in found.levels if (model, "lo", other) in found.bounds]
        lacking = [f"{each:g}" for each in wanted if each not in has]
        if lacking:
            there = ", ".join(f"{each:g}" for each in has)
            raise OptionError(
                f"level: {quoted(model)} has intervals of {there} %, not of {lacking[0]} %: add columns "
                f"'{model}-lo-{lacking[0]}' and '{model}-hi-{lacking[0]}', or give with level= what all models have"
            )
    return wanted


def _wanted(level: object) -> tuple[float, ...]:
    levels: list[Any] = list(level) if isinstance(level, Sequence | np.ndarray) else [level]
    for each in levels:
        if isinstance(each, bool) or not isinstance(each, Real) or not 0 < float(each) < 100:
            raise OptionError(f"level: expected percent above 0 and below 100, such as 90, got {each!r}")
    if not levels:
        raise OptionError("level: expected at least one, such as 90, got none")
    return tuple(sorted({float(each) for each in levels}))


def _table(found: Forecasts, scores: dict[str, Array]) -> Any:
    """The frame of scores: all series of the first metric, then those of the next."""
    import narwhals as nw

    groups = len(found.first_rows)
    rows = np.tile(found.first_rows, len(scores))
    keys = nw.maybe_reset_index(found.frame.select(*found.keys)[rows])
    values = np.concatenate(list(scores.values()))  # (rows, M)
    names = [label for label in scores for _ in range(groups)]
    backend = found.frame.implementation
    columns = [nw.new_series("metric", names, nw.String(), backend=backend)]
    for i, model in enumerate(found.models):
        numbers = [None if np.isnan(value) else value for value in values[:, i].tolist()]
        columns.append(nw.new_series(model, numbers, nw.Float64(), backend=backend))
    return keys.with_columns(*columns).to_native()
