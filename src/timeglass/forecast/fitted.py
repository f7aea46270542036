"""What a fitted forecaster knows: which series taught which models, and what each forecast is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from timeglass.errors import InputError
from timeglass.forecast.doubt import normal_half
from timeglass.forecast.history import History, dates_after
from timeglass.forecast.learn import Learned, Outlook, learn
from timeglass.forecast.members import FEWEST_WINDOWS
from timeglass.forecast.outcome import Forecast, Replaced
from timeglass.forecast.settings import Networks, Task
from timeglass.forecast.simple import sort_out
from timeglass.forecast.windows import Channels
from timeglass.series.series import Change, as_text
from timeglass.types import Array
from timeglass.words import counted, quoted

__all__ = ["Fitted", "Group", "fit_groups", "followed", "forecast_ahead", "interval_ends", "learn_apart", "replaced_in"]

_LONG_SERIES, _FEW_SERIES = 1_000, 16  # series so long, and so few, have networks of their own
_STANDARD = 1.2533  # the normal distribution's standard deviation in mean absolute errors


@dataclass(frozen=True, eq=False)
class Group:
    """Series (their places in the history) that were learned from together."""

    places: tuple[int, ...]
    learned: Learned


@dataclass(frozen=True, eq=False)
class Fitted:
    """All groups, and the series that are forecast by a simpler rule."""

    task: Task
    groups: tuple[Group, ...]
    replaced: dict[int, Replaced]


def fit_groups(
    history: History,
    task: Task,
    *,
    channels: Channels | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Fitted:
    """Learns from every series that is long enough, together or one by one."""
    series = history.series
    sorted_out = sort_out(history.panel.ids, series)
    places = list(sorted_out.learned)
    own = learn_apart(task.networks, [len(series[s]) for s in places])
    parts = [[s] for s in places] if own else [places] if places else []
    groups = []
    for number, part in enumerate(parts):
        learned = learn(
            [series[s] for s in part],
            task,
            channels=None if channels is None else channels.of(part),
            on_progress=_share(on_progress, number, len(parts)),
        )
        groups.append(Group(tuple(part), learned))
    return Fitted(task, tuple(groups), sorted_out.replaced)


def learn_apart(networks: Networks, lengths: Sequence[int]) -> bool:
    """Whether each of the series of these lengths has networks of its own: a few long ones do, unless told.

    >>> learn_apart(Networks(), [2_000] * 3), learn_apart(Networks(), [2_000, 90])
    (True, False)
    """
    if networks.shared is not None:
        return not networks.shared
    return 0 < len(lengths) <= _FEW_SERIES and min(lengths) >= _LONG_SERIES


def followed(fitted: Fitted, before: History, after: History, name: str) -> History:
    """`after`, whose last rows came since `before`, in `name`; with each of them that does not count as it stands.

    An `InputError` where one is below zero and none of those fitted was: no forecast would follow it there.
    """
    panel, changes = after.panel, list(after.panel.origin.changes)
    for group in fitted.groups:
        form = group.learned.core.form
        for place, s in enumerate(group.places):
            begin = int(panel.offsets[s] + before.panel.offsets[s + 1] - before.panel.offsets[s])
            came = panel.values[begin : panel.offsets[s + 1]]
            below = np.flatnonzero(came < form.lowest[place])
            if len(below):
                column = panel.columns[s if len(panel.columns) > 1 else 0]
                raise InputError(
                    f"update: {name}:{panel.lines[begin + below[0]]}:{column}: series {quoted(panel.ids[s])} holds "
                    f"{as_text(float(came[below[0]]))}, and no row that was fitted was below zero, so that no forecast "
                    "is: fit anew with these rows"
                )
            if form.logged[place]:
                used = np.exp(form.transform(place, came))
                for row in np.flatnonzero(used > came * (1 + 1e-6)).tolist():
                    date = panel[s].label(begin + row - int(panel.offsets[s]))
                    why = f"in {name}: far below all rows fitted, in logarithms: fit anew if it is to stay so"
                    old, new = as_text(float(came[row])), as_text(float(f"{used[row]:.6g}"))
                    changes.append(Change(int(panel.lines[begin + row]), panel.ids[s], date, old, new, why))
    return replace(after, panel=replace(panel, origin=replace(panel.origin, changes=tuple(changes))))


def _share(on_progress: Callable[[float], None] | None, number: int, parts: int) -> Callable[[float], None] | None:
    return None if on_progress is None else lambda share: on_progress((number + share) / parts)


def forecast_ahead(
    fitted: Fitted, history: History, horizon: int, levels: Sequence[float], *, channels: Channels | None = None
) -> Forecast:
    """The `horizon` rows after the last of each series."""
    size, replaced = len(history.panel), replaced_in(fitted, history)
    names = sorted({name for group in fitted.groups for name in group.learned.weights})
    networks = max((group.learned.networks for group in fitted.groups), default=0)
    found = Forecast(
        history.panel.ids,
        tuple(dates_after(history, s, horizon) for s in range(size)),
        np.empty((size, horizon)),
        {level: np.empty((size, horizon)) for level in levels},
        {level: np.empty((size, horizon)) for level in levels},
        tuple(replaced[s].method if s in replaced else "networks" for s in range(size)),
        tuple(replaced[s] for s in sorted(replaced)),
        {name: np.full((size, horizon), np.nan) for name in names},
        {name: np.zeros(size) for name in names},
        np.full((networks, size, horizon), np.nan),
        history.panel.zone,
    )
    series = history.series
    for group in fitted.groups:
        _fill(found, group, [series[s] for s in group.places], channels)
    for s in fitted.replaced:
        _fill_simply(found, s, series[s])
    return found


def _fill(found: Forecast, group: Group, series: list[Array], channels: Channels | None) -> None:
    """Writes a group's forecasts in their places."""
    at, which, learned = np.array(group.places), np.arange(len(series)), group.learned
    own, origins = None if channels is None else channels.of(group.places), np.array([len(y) for y in series])
    outlook = learned.outlook(series, which, origins, found.point.shape[1], channels=own)
    found.point[at] = learned.core.form.inverse(which, outlook.point)
    for level in found.low:
        low, high = interval_ends(outlook, level / 100)
        found.low[level][at] = learned.core.form.inverse(which, low)
        found.high[level][at] = learned.core.form.inverse(which, high)
    for name, values in outlook.members.items():
        found.members[name][at] = learned.core.form.inverse(which, values)
        found.weights[name][at] = learned.weights[name]
    for lane, values in enumerate(outlook.lanes):
        found.lanes[lane, at] = learned.core.form.inverse(which, values)


def _fill_simply(found: Forecast, s: int, y: Array) -> None:
    """A series that stays as it is, in intervals as wide as its few changes were, growing as a random walk's do."""
    found.point[s] = y[-1]
    change = float(np.abs(np.diff(y)).mean()) if len(y) > 1 else np.nan  # of one row nothing is known
    spread = _STANDARD * change * np.sqrt(np.arange(1, found.point.shape[1] + 1))
    lowest = 0.0 if y.min() >= 0 else -np.inf
    for level in found.low:
        half = spread * normal_half(level / 100, len(y))
        found.low[level][s], found.high[level][s] = np.maximum(y[-1] - half, lowest), y[-1] + half


def interval_ends(outlook: Outlook, share: float) -> tuple[Array, Array]:
    """The lower and the upper ends (B, K) of intervals, in z, that hold such a share.

    Without a record the errors are taken to be normal, as large as smoothing's, and to grow as a random walk's do.
    """
    horizon = outlook.unit.shape[1]
    if outlook.scores is None:
        above = _STANDARD * normal_half(share, 2.0) * np.sqrt(np.arange(1, horizon + 1))
        below = -above
    else:
        below, above = outlook.scores.quantiles(share, horizon)
    low, high = (np.clip(outlook.point + end * outlook.unit, *outlook.reach) for end in (below, above))
    return low, high


def replaced_in(fitted: Fitted, history: History) -> dict[int, Replaced]:
    """By place, the series that networks do not forecast, and why."""
    return _replaced_now(fitted, history) | _smoothed_only(fitted, history)


def _replaced_now(fitted: Fitted, history: History) -> dict[int, Replaced]:
    """Series that are forecast by a simpler rule; why, as things stand with the rows that came since."""
    series = history.series
    again = sort_out([one.series for one in fitted.replaced.values()], [series[s] for s in fitted.replaced]).replaced
    found = dict(fitted.replaced)
    for number, (s, one) in enumerate(fitted.replaced.items()):
        if number not in again:
            why = f"{one.why}, when it was fitted: fit anew to learn from the rows that came since"
            found[s] = Replaced(one.series, "last value", why)
    return found


def _smoothed_only(fitted: Fitted, history: History) -> dict[int, Replaced]:
    """Series of a group that had too few windows to train on."""
    found: dict[int, Replaced] = {}
    for group in fitted.groups:
        core = group.learned.core
        if not core.trained:
            why = (
                f"{counted(core.windows, 'training window')} of {counted(core.layout.time_steps, 'row')} and the "
                f"{core.layout.horizon} after; at least {FEWEST_WINDOWS} are needed to train on"
            )
            found |= {s: Replaced(history.panel.ids[s], "smoothing", why) for s in group.places}
    return found
