"""The error of many settings on the same held-back rows; networks that differ in the learning rate train side by side.

Each setting is judged by the whole forecast, as a fitted forecaster would make it: the models learn from the rows
before the held-back ones, and the members are combined by the weights that those rows teach.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import DivergenceError
from timeglass.evaluate.metrics import naive_scale
from timeglass.forecast.autoregression import fit_autoregression
from timeglass.forecast.combine import combine, independent_series, learned_weights, usual_weights
from timeglass.forecast.fitted import learn_apart
from timeglass.forecast.form import Form
from timeglass.forecast.layout import Layout, layout_for
from timeglass.forecast.members import FEWEST_WINDOWS, Core, fit_core, guide_for, member_forecasts
from timeglass.forecast.networks import drawn, fit_linear, plan, train, training_set, untrained
from timeglass.forecast.settings import Networks, Task
from timeglass.forecast.windows import Channels, Sight, first_rows, look, training_origins
from timeglass.model.sequential import Sequential
from timeglass.types import Array, Floats

__all__ = ["Judged", "errors_of", "side_by_side"]

_MOST_ORIGINS = 4_000  # that are forecast for each setting
_MOST_NETWORKS = 512  # side by side


@dataclass(frozen=True, eq=False)
class Judged:
    """Series (rows,) whose last `held` rows are forecast to judge settings; the `period` is that of scaled errors.

    `channels` are the covariates of these series. Of the windows at most `most` are drawn to learn from; None for as
    many as a fit takes.
    """

    series: tuple[Array, ...]
    held: int
    period: int
    channels: Channels | None = None
    most: int | None = None

    @property
    def scale(self) -> Array:
        """(S,): what the errors of each series are divided by; 0 for one that does not count."""
        return np.array([naive_scale(y[: len(y) - self.held], self.period) for y in self.series])

    def parts(self, networks: Networks) -> list[NDArray[np.int64]]:
        """Places of the series that learn together, as `fit_groups` has them."""
        places, own = np.arange(len(self.series)), learn_apart(networks, [len(y) for y in self.series])
        return [np.array([s]) for s in places] if own else [places]


def errors_of(judged: Judged, tasks: Sequence[Task]) -> list[float | None]:
    """The mean absolute scaled error for each of the tasks, which differ in the learning rate alone.

    Each series counts the same, and each forecast of it. None where the training diverged.
    """
    try:
        errors = np.full((len(tasks), len(judged.series)), np.nan)
        for part in judged.parts(tasks[0].networks):
            errors[:, part] = _errors(judged, part, tasks)
    except DivergenceError:
        return [None] if len(tasks) == 1 else [errors_of(judged, [task])[0] for task in tasks]
    scale = judged.scale
    return [float(row.mean()) for row in errors[:, scale > 0] / scale[scale > 0]]


def _errors(judged: Judged, part: NDArray[np.int64], tasks: Sequence[Task]) -> Array:
    """Mean absolute errors (tasks, series of the part) in the series' units."""
    first, held, horizon = tasks[0], judged.held, tasks[0].horizon
    series = [judged.series[s] for s in part.tolist()]
    lengths = np.array([len(y) for y in series])
    beside = None if judged.channels is None else judged.channels.of(part)
    known = [y[: len(y) - held] for y in series]
    form = Form.fit(known, first.period, log=first.log)
    whole = look(form, series, beside, horizon=horizon)
    past = first_rows(whole, lengths - held)
    layout = layout_for([len(y) for y in known], first)
    ahead = np.arange(0, held, max(1, -(-len(series) * held // _MOST_ORIGINS)))
    which, origins = np.repeat(np.arange(len(series)), len(ahead)), (lengths[:, None] - held + ahead).ravel()
    rows = origins[:, None] + np.arange(horizon)
    there = rows < lengths[which][:, None]
    cells = np.minimum(whole.offsets[which][:, None] + rows, len(whole.z) - 1)
    came, actual = np.where(there, whole.z[cells], np.nan), np.concatenate(series)[cells]
    independent = independent_series(past)
    found = np.empty((len(tasks), len(series)))
    for i, core in enumerate(_cores(past, layout, tasks, judged.most)):
        members = member_forecasts(core, whole, which, origins, horizon)[0]
        weights = usual_weights(list(members), independent * float(np.median(lengths)))
        weights = learned_weights(weights, members, came, form.spread[which], independent * held / horizon)
        error = np.where(there, np.abs(form.inverse(which, combine(weights, members)) - actual), 0.0)
        found[i] = np.bincount(which, error.sum(axis=1)) / np.bincount(which, there.sum(axis=1))
    return found


def _cores(past: Sight, layout: Layout, tasks: Sequence[Task], most: int | None) -> list[Core]:
    """The trained models of each task, from at most so many windows."""
    networks, seed = [task.networks for task in tasks], tasks[0].seed + 1
    if networks[0].recipe == "tutorial":
        return [fit_core(past, layout, each, seed=seed) for each in networks]
    which, origins = drawn(*training_origins(past, layout), seed)
    if most is not None and len(which) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(len(which), most, replace=False))
        which, origins = which[chosen], origins[chosen]
    if len(which) < FEWEST_WINDOWS:
        return [Core(past.form, layout, None, None, None, None, len(which))] * len(tasks)
    autoregression = fit_autoregression(past)
    path = guide_for(autoregression)(past, which, origins, layout.horizon)
    x, y, weights = training_set(past, layout, which, origins, None)
    linear = fit_linear(x, y, weights)
    window = side_by_side(networks, x, y, weights, seed=seed)
    guided = side_by_side(networks, *training_set(past, layout, which, origins, path), seed=seed)
    return [
        Core(past.form, layout, linear, one, other, None, len(which), autoregression=autoregression)
        for one, other in zip(window, guided, strict=True)
    ]


def side_by_side(networks: Sequence[Networks], x: Floats, y: Floats, weights: Floats, *, seed: int) -> list[Sequential]:
    """What `train_networks` gives for each of `networks`, which differ in the learning rate alone.

    All settings begin from the same weights. Their windows are shuffled each in its own way: only the first setting's
    networks are those, to the bit, that `train_networks` would train.
    """
    each = plan(networks[0], len(x)).count
    at_once = max(1, _MOST_NETWORKS // each)
    found: list[Sequential] = []
    for i in range(0, len(networks), at_once):
        found += _side_by_side(networks[i : i + at_once], (x, y, weights), seed)
    return found


def _side_by_side(networks: Sequence[Networks], windows: tuple[Floats, Floats, Floats], seed: int) -> list[Sequential]:
    (x, y, _), shape = windows, networks[0]
    planned = plan(shape, len(x))
    first = untrained(shape, x, y, count=planned.count, seed=seed)
    model = untrained(shape, x, y, count=planned.count * len(networks), seed=seed)
    model.weight_rows = np.tile(first.weight_rows, (len(networks), 1))
    rates = tuple(float(own.learning_rate) for own in networks for _ in range(planned.count))
    train(model, planned, rates, windows)
    single = [copy.deepcopy(first) for _ in networks]
    for i, own in enumerate(single):
        own.weight_rows = model.weight_rows[i * planned.count : (i + 1) * planned.count]
    return single
