"""Learning: what series of one kind teach, and the forecasts that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.combine import combine, independent_series, learned_weights, usual_weights
from timeglass.forecast.doubt import Scores, one_step_error, smoothing_scores, unit_of
from timeglass.forecast.form import Form
from timeglass.forecast.held_back import MANY_SERIES, HeldBack, hold_back
from timeglass.forecast.layout import layout_for
from timeglass.forecast.members import Core, fit_core, member_forecasts
from timeglass.forecast.settings import Task
from timeglass.forecast.windows import Channels, Sight, look, reach
from timeglass.types import Array

__all__ = ["Learned", "Outlook", "learn", "scores_of"]

OnProgress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class Outlook:
    """Forecasts in z of B origins: the combined one, each member's, each network's, and the unit of their errors."""

    point: Array  # (B, K)
    members: dict[str, Array]  # (B, K) each
    lanes: Array  # (L, B, K)
    unit: Array  # (B, K)
    reach: tuple[Array, Array]  # (B, K) each: what no forecast goes below and above
    scores: Scores | None  # what intervals rest on


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned, and the record that it made over rows held back."""

    task: Task
    core: Core
    weights: dict[str, float]
    held_back: HeldBack | None
    scores: Scores | None
    sight: Sight | None = None  # of the rows that were learned from

    @property
    def networks(self) -> int:
        """How many networks there are."""
        return sum(model.networks for model in self.core.trained.values())

    def outlook(
        self,
        series: Sequence[Array],
        which: NDArray[np.int64],
        origins: NDArray[np.int64],
        horizon: int,
        *,
        channels: Channels | None = None,
        error: Array | None = None,
    ) -> Outlook:
        """Forecasts after the first `origins` (B,) rows of the series `which` (B,).

        `series` are the values (rows,) of the series that were learned from, in their order, with rows that came since.
        `error` (S,) is the size of their usual errors, where rows after some origins are among these; None for that
        over all of them.
        """
        sight = look(self.core.form, series, channels, horizon=self.task.horizon, seen=self.sight)
        members, lanes = member_forecasts(self.core, sight, which, origins, horizon)
        scores = self.scores
        if scores is None:
            known = self.sight if error is not None and self.sight is not None else sight
            scores = smoothing_scores(known, horizon, self.task.period)
        return Outlook(
            combine(self.weights, members),
            members,
            lanes,
            unit_of((one_step_error(sight) if error is None else error)[which], members),
            reach(sight, which, origins, horizon),
            scores,
        )


def learn(
    series: Sequence[Array],
    task: Task,
    *,
    channels: Channels | None = None,
    on_progress: OnProgress | None = None,
) -> Learned:
    """Learns from series (rows,) that are long enough to have windows: at least 4 rows, not constant.

    Trains twice: without the rows held back, for weights and record; then on all rows.
    """
    lengths = [len(y) for y in series]
    part = _halves(on_progress)
    form = Form.fit(series, task.period, log=task.log)
    held_back = hold_back(series, task, logged=form.logged, channels=channels, on_progress=part[0])
    sight = look(form, series, channels, horizon=task.horizon)
    far = held_back is not None and "autoregression" in held_back.members  # or there would be no record of it
    core = fit_core(sight, layout_for(lengths, task), task.networks, seed=task.seed, far=far, on_progress=part[1])
    if held_back is not None and not set(core.trained) <= set(held_back.members):
        held_back = None  # too little was left to train on: its record would be that of other models
    members = core.members
    weights = usual_weights(members, independent_series(sight) * float(np.median(lengths)))
    scores = None
    if held_back is not None:
        weights = learned_weights(weights, held_back.members, held_back.actual, held_back.spread, held_back.independent)
        scores = scores_of(held_back, weights)
    return Learned(task, core, weights, held_back, scores, sight)


def scores_of(held_back: HeldBack, weights: dict[str, float]) -> Scores:
    """The errors of the combined forecasts of rows held back, in their units.

    Of one series or a few, forecasts of k rows from every origin overlap by k rows: the shorter, the more of them are
    independent. What moves many series at once (a crisis, a warm winter) moves all their forecasts, of any length.
    """
    steps, few = held_back.actual.shape[1], len(np.unique(held_back.which)) < MANY_SERIES
    repeats = steps / np.arange(1, steps + 1) if few else np.ones(steps)
    errors = held_back.actual - combine(weights, held_back.members)
    return Scores(errors / unit_of(held_back.unit, held_back.members), held_back.independent * repeats, held_back.usual)


def _halves(on_progress: OnProgress | None) -> tuple[OnProgress | None, OnProgress | None]:
    if on_progress is None:
        return None, None
    return lambda share: on_progress(share / 2), lambda share: on_progress(0.5 + share / 2)
