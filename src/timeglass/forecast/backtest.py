"""Backtests: forecasts from earlier origins, made with what was known then, beside what came and beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates
from timeglass.errors import InputError
from timeglass.evaluate.comparison import Comparison, verdict_table
from timeglass.evaluate.metrics import naive_scale
from timeglass.evaluate.origins import Origins
from timeglass.evaluate.simple_forecasts import baseline_title, simple_forecasts
from timeglass.evaluate.statistical_forecasts import statistical_available, statistical_forecasts
from timeglass.forecast.combine import combine
from timeglass.forecast.doubt import one_step_error
from timeglass.forecast.fitted import Fitted, fit_groups, interval_ends
from timeglass.forecast.history import History
from timeglass.forecast.outcome import frame_of
from timeglass.forecast.settings import Task
from timeglass.forecast.simple import FEWEST_ROWS
from timeglass.forecast.windows import Channels
from timeglass.types import Array
from timeglass.words import counted

__all__ = ["Backtest", "Rivals", "backtest_of_fit", "forecast_back", "rivals_of", "with_rivals"]

_MOST_COMPARED = 3_000  # forecasts that baselines are made for, in the verdict of a fit
_MOST_PER_SERIES = 100

Rivals = Callable[[Sequence[Array], int, int], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Backtest:
    """B forecasts of K rows in the series' own units; what came is NaN beyond a series' end.

    `which` (B,) are series by number, `origins` (B,) how many of their rows were known. `low` and `high` hold an array
    (B, K) for each level in percent, `rivals` the baselines' forecasts, `parts` those of the members. `scale` (B,) is
    the mean error of the seasonal naive forecast over the rows known at the series' first origin.
    """

    history: History
    period: int
    which: NDArray[np.int64]
    origins: NDArray[np.int64]
    actual: Array
    point: Array
    low: dict[float, Array]
    high: dict[float, Array]
    rivals: dict[str, Array]
    parts: dict[str, Array]
    scale: Array
    seed: int = 0

    @property
    def dates(self) -> list[Dates]:
        """(K,) of each forecast that came."""
        panel = self.history.panel
        found = []
        for s, origin in zip(self.which, self.origins, strict=True):
            begin, end = int(panel.offsets[s]), int(panel.offsets[s + 1])
            rows = np.arange(begin + origin, min(begin + origin + self.point.shape[1], end))
            found.append(panel.dates[rows] if panel.dates is not None else rows - begin + 1)
        return found

    def errors(self) -> dict[str, float]:
        """Mean absolute scaled error of ours, of its members and of each baseline, by name, smallest first."""
        everyone = {"timeglass": self.point} | self.rivals | {f"our {name}": part for name, part in self.parts.items()}
        known = np.isfinite(self.actual) & (self.scale > 0)[:, None]
        found = {}
        for name, forecast in everyone.items():
            error = np.abs(forecast - self.actual) / np.where(self.scale > 0, self.scale, 1.0)[:, None]
            found[name] = float(error[known].mean()) if known.any() else float("nan")
        return dict(sorted(found.items(), key=lambda item: item[1]))

    @property
    def overlap(self) -> int:
        """How many consecutive origins of a series share rows."""
        steps = [np.diff(self.origins[self.which == s]) for s in np.unique(self.which)]
        apart = min((int(own.min()) for own in steps if len(own)), default=self.point.shape[1])
        return -(-self.point.shape[1] // apart)

    def verdict(self) -> tuple[Comparison, ...]:
        """Ours beside each baseline, the one that errs least first."""
        found = Origins(self.actual, self.which, self.scale, self.overlap)
        named = {baseline_title(name): values for name, values in self.rivals.items()}
        return verdict_table(found, self.point, named, name="timeglass", seed=self.seed)

    def columns(self) -> dict[str, Any]:
        """Of a long frame: unique_id, ds, cutoff (the last row known), y, timeglass, intervals, baselines."""
        known = np.isfinite(self.actual)
        panel, dates = self.history.panel, self.dates
        last = [self._date(s, origin - 1) for s, origin in zip(self.which, self.origins, strict=True)]
        counts = known.sum(axis=1)
        found: dict[str, Any] = {
            "unique_id": [panel.ids[s] for s, count in zip(self.which, counts, strict=True) for _ in range(count)],
            "ds": np.concatenate(dates),
            "cutoff": np.repeat(np.array(last), counts),
            "y": self.actual[known],
            "timeglass": self.point[known],
        }
        for level in sorted(self.low):
            found[f"timeglass-lo-{level:g}"] = self.low[level][known]
            found[f"timeglass-hi-{level:g}"] = self.high[level][known]
        return found | {name: values[known] for name, values in self.rivals.items()}

    def _date(self, s: int, row: int) -> Any:
        panel = self.history.panel
        return panel.dates[panel.offsets[s] + row] if panel.dates is not None else row + 1

    def frame(self, kind: str = "") -> Any:
        """The long frame of a library; "" takes the one that was given, or the first that is installed."""
        return frame_of(self.columns(), kind or self.history.kind, zone=self.history.panel.zone)


def _came(history: History, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int) -> Array:
    panel = history.panel
    rows = panel.offsets[which][:, None] + origins[:, None] + np.arange(horizon)
    there = rows < panel.offsets[which + 1][:, None]
    return np.where(there, panel.values[np.minimum(rows, len(panel.values) - 1)], np.nan)


def _scales(history: History, which: NDArray[np.int64], origins: NDArray[np.int64], period: int) -> Array:
    first = {int(s): int(origins[which == s].min()) for s in np.unique(which)}
    series = history.series
    scale = {s: naive_scale(series[s][:rows], period) for s, rows in first.items()}
    return np.array([scale[int(s)] for s in which])


def with_rivals(made: Backtest, more: Rivals | None = None) -> Backtest:
    """The same with the baselines' forecasts, and those that `more(known series, horizon, period)` gives."""
    series, horizon = made.history.series, made.point.shape[1]
    known = [series[s][:origin] for s, origin in zip(made.which, made.origins, strict=True)]
    each = [simple_forecasts(y, horizon, made.period) for y in known]
    names = list(each[int(np.argmax([len(found) for found in each]))])
    # A series that is too short for a season has the naive forecast in the place of the seasonal one.
    rivals = {name: np.array([found.get(name, found["naive"]) for found in each]) for name in names}
    return replace(made, rivals=rivals | (more(known, horizon, made.period) if more else {}))


def backtest_of_fit(fitted: Fitted, history: History) -> Backtest | None:
    """The forecasts that `fit` made of rows it held back, beside baselines; None where no rows could be held back.

    Of many series only some origins are taken, the same ones for all.
    """
    parts = [_of_group(history, fitted, number) for number in range(len(fitted.groups))]
    made = [part for part in parts if part is not None]
    if not made:
        return None
    return with_rivals(_join(made))


def _of_group(history: History, fitted: Fitted, number: int) -> Backtest | None:
    group = fitted.groups[number]
    learned, held = group.learned, group.learned.held_back
    if held is None:
        return None
    chosen = _chosen(held.which, _MOST_COMPARED // len(fitted.groups))
    which = np.array(group.places)[held.which[chosen]]
    origins, horizon = held.origins[chosen], held.actual.shape[1]

    def unit(z: Array) -> Array:
        return held.form.inverse(held.place[chosen], z[chosen])

    return Backtest(
        history, fitted.task.period, which, origins, _came(history, which, origins, horizon),
        unit(combine(learned.weights, held.members)), {}, {}, {}, {name: unit(z) for name, z in held.members.items()},
        _scales(history, which, origins, fitted.task.period), fitted.task.seed,
    )  # fmt: skip


def _chosen(which: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Forecasts to compare: the first origin of each series and others evenly, series by series evenly if need be."""
    places = [np.flatnonzero(which == s) for s in np.unique(which)]
    each = max(1, min(_MOST_PER_SERIES, most // len(places)))
    some = places[:: max(1, -(-len(places) * each // max(most, 1)))]
    return np.concatenate(
        [own[np.unique(np.linspace(0, len(own) - 1, min(each, len(own))).astype(int))] for own in some]
    )


def forecast_back(
    history: History,
    task: Task,
    *,
    origins: int = 5,
    stride: int | None = None,
    refit: bool = False,
    levels: Sequence[float] = (),
    channels: Channels | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Backtest:
    """Forecasts from `origins` origins, `stride` rows apart (None: a horizon), the last a horizon before each end.

    Learns once, from the rows before the first origin; with `refit` anew for each origin. There are no baselines in it:
    `with_rivals` adds them. An `InputError` where no series is long enough.
    """
    step = task.horizon if stride is None else stride
    held = task.horizon + (origins - 1) * step
    lengths = np.diff(history.panel.offsets)
    long = np.flatnonzero(lengths - held >= FEWEST_ROWS)
    if not len(long):
        raise InputError(
            f"{history.panel.origin.name}: {counted(int(lengths.max()), 'row')} in the longest series; "
            f"{counted(origins, 'origin')}, {counted(step, 'row')} "
            f"apart, with a horizon of {task.horizon} need at least {held + FEWEST_ROWS:,}: ask for "
            f"{'fewer origins' if origins > 1 else 'a shorter horizon'}"
        )
    parts = []
    rounds = origins if refit else 1
    for number in range(rounds):
        back = held - number * step
        ahead = np.arange(origins if not refit else 1) * step
        part = None if on_progress is None else _share(on_progress, number, rounds)
        fitted = fit_groups(_cut(history, long, back), task, channels=_channels(channels, long), on_progress=part)
        parts.append(_roll(history, fitted, long, lengths[long] - back, ahead, levels, channels))
    return _join(parts)


def rivals_of(statistical: bool | None) -> Rivals | None:
    """What makes Theta's and ETS's forecasts; None where they are not wanted, or not there and not asked for."""
    if statistical is False or (statistical is None and not statistical_available()):
        return None
    if not statistical_available():
        statistical_forecasts([[1.0, 2.0]], 1, 1)  # says what to install

    def rivals(known: Sequence[Array], horizon: int, period: int) -> dict[str, Array]:
        return statistical_forecasts(known, horizon, period).forecasts

    return rivals


def _share(on_progress: Callable[[float], None], number: int, rounds: int) -> Callable[[float], None]:
    return lambda share: on_progress((number + share) / rounds)


def _channels(channels: Channels | None, places: NDArray[np.int64]) -> Channels | None:
    return None if channels is None else channels.of(places)


def _cut(history: History, places: NDArray[np.int64], back: int) -> History:
    """Some series without their last rows."""
    panel = history.panel
    rows = [np.arange(panel.offsets[s], panel.offsets[s + 1] - back) for s in places]
    every = np.concatenate(rows)
    return replace(
        history,
        panel=replace(
            panel,
            ids=tuple(panel.ids[s] for s in places),
            values=panel.values[every],
            dates=None if panel.dates is None else panel.dates[every],
            offsets=np.concatenate([[0], np.cumsum([len(own) for own in rows])]).astype(np.int64),
            lines=np.asarray(panel.lines, np.int64)[every],
            columns=tuple(panel.columns[s] for s in places) if len(panel.columns) > 1 else panel.columns,
        ),
    )


def _roll(
    history: History,
    fitted: Fitted,
    long: NDArray[np.int64],
    first: NDArray[np.int64],
    ahead: NDArray[np.int64],
    levels: Sequence[float],
    channels: Channels | None,
) -> Backtest:
    """Forecasts of a fit on `long` series cut at `first` rows, from there and from `ahead` rows later."""
    horizon, series, count = fitted.task.horizon, history.series, len(ahead)
    which = np.repeat(long, count)
    origins = (first[:, None] + ahead).ravel()
    point = np.empty((len(which), horizon))
    low, high = ({level: np.empty(point.shape) for level in levels} for _ in range(2))
    parts: dict[str, Array] = {}
    for group in fitted.groups:
        places = np.array(group.places)
        at = (places[:, None] * count + np.arange(count)).ravel()
        own = np.repeat(np.arange(len(places)), count)
        learned = group.learned
        outlook = learned.outlook(
            [series[s] for s in long[places]], own, origins[at], horizon,
            channels=None if channels is None else channels.of(long[places]),
            error=None if learned.sight is None else one_step_error(learned.sight),  # of no row after an origin
        )  # fmt: skip
        point[at] = learned.core.form.inverse(own, outlook.point)
        for level in levels:
            lower, upper = interval_ends(outlook, level / 100)
            low[level][at] = learned.core.form.inverse(own, lower)
            high[level][at] = learned.core.form.inverse(own, upper)
        for name, z in outlook.members.items():
            parts.setdefault(name, np.full(point.shape, np.nan))[at] = learned.core.form.inverse(own, z)
    for place in fitted.replaced:
        at = place * count + np.arange(count)
        point[at] = series[long[place]][origins[at] - 1][:, None]
        for level in levels:
            low[level][at] = high[level][at] = point[at]
    parts = {name: values for name, values in parts.items() if np.isfinite(values).all()}
    period = fitted.task.period
    return Backtest(
        history, period, which, origins, _came(history, which, origins, horizon), point, low, high, {}, parts,
        _scales(history, which, origins, period), fitted.task.seed,
    )  # fmt: skip


def _join(parts: list[Backtest]) -> Backtest:
    """One backtest of several, in order of series and origin."""
    which, origins = (np.concatenate([getattr(p, name) for p in parts]) for name in ("which", "origins"))
    order = np.lexsort((origins, which))

    def joined(of: Callable[[Backtest], Array]) -> Array:
        return np.concatenate([of(part) for part in parts])[order]

    first = parts[0]
    names = [name for name in first.parts if all(name in part.parts for part in parts)]
    return replace(
        first,
        which=which[order],
        origins=origins[order],
        actual=joined(lambda p: p.actual),
        point=joined(lambda p: p.point),
        low={level: joined(lambda p, level=level: p.low[level]) for level in first.low},  # type: ignore[misc]
        high={level: joined(lambda p, level=level: p.high[level]) for level in first.high},  # type: ignore[misc]
        parts={name: joined(lambda p, name=name: p.parts[name]) for name in names},  # type: ignore[misc]
        scale=joined(lambda p: p.scale),
    )
