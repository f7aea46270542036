"""Tuning: a search for better settings, and what the best of them gains on rows that the search did not see.

The rows of each series are split in time: [ learn | validate | unseen ]. Every setting learns from the first part and
is judged by its forecasts of the second. The best one, and the default beside it, are then fitted on both parts and
compared on the third: an error that was the smallest of many is smaller than it will be again (G. C. Cawley,
N. L. C. Talbot, "On over-fitting in model selection and subsequent selection bias in performance evaluation", Journal
of Machine Learning Research 11, 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from timeglass.errors import OptionError
from timeglass.evaluate.comparison import Comparison, compare
from timeglass.evaluate.origins import Origins
from timeglass.forecast.backtest import forecast_back
from timeglass.forecast.covariates import Beside, calendar_alone
from timeglass.forecast.history import History
from timeglass.forecast.leaderboard import Leaderboard, Trial, ranked
from timeglass.forecast.settings import Task
from timeglass.forecast.sweep import Judged, errors_of
from timeglass.forecast.tuning_optuna import Study, open_study
from timeglass.forecast.tuning_space import Settings, Space, check_space, default_space, draw, settings_of, task_of
from timeglass.forecast.tuning_split import Split, split_rows
from timeglass.words import counted

if TYPE_CHECKING:
    from timeglass.forecast.forecaster import Forecaster

__all__ = ["Search", "Searcher", "Tuning", "tune", "tune_task"]

_SEARCHERS = ("lanes", "optuna")
_MOST_TRIALS = 100_000
_SEARCH = 0.9  # of the progress
_OTHERS = "the default"
_COUNT, _FEW_NETWORKS = "networks__count", 4  # of a large panel, to tell settings apart

Searcher = Literal["lanes", "optuna"]
OnProgress = Callable[[float], None]


@dataclass(frozen=True)
class Search:
    """What to try: a `space` (None for the usual one), how many `trials`, and who chooses them.

    "lanes" spreads the trials over the space, and trains those that differ in the learning rate alone side by side.
    "optuna" learns from each trial where to try next; with `storage`, such as "sqlite:///tuning.db", a later call with
    the same `study` goes on, and other processes may take part.
    """

    space: Mapping[str, Any] | None = None
    trials: int = 64
    searcher: Searcher = "lanes"
    storage: str | None = None
    study: str | None = None

    def __post_init__(self) -> None:
        if self.searcher not in _SEARCHERS:
            raise OptionError(f"searcher: expected one of {', '.join(_SEARCHERS)}, got {self.searcher!r}")
        count = self.trials
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or not 1 <= count <= _MOST_TRIALS:
            raise OptionError(f"trials: expected a whole number from 1 to {_MOST_TRIALS:,}, got {count!r}")
        for name in ("storage", "study"):
            given = getattr(self, name)
            if given is not None and (not isinstance(given, str) or not given):
                raise OptionError(f"{name}: expected a text, got {given!r}")
            if given is not None and self.searcher != "optuna":
                raise OptionError(
                    f"{name}: only the searcher 'optuna' keeps its trials: give it too (searcher='optuna', --searcher)"
                )


@dataclass(frozen=True, eq=False)
class Tuning:
    """What a search found. `best` are the settings that erred least on the validation rows, for `set_params`.

    `gain` compares them with the default on rows that the search did not see: None where the default itself is the
    best, or where the search was `stopped` by Ctrl-C before that could be seen. `sample` says on which part of the
    series a search of many looked, "" for all; the gain is always that of models of all series.
    """

    best: Settings
    default: Settings
    leaderboard: Leaderboard
    gain: Comparison | None
    stopped: bool = False
    sample: str = ""

    @property
    def keep_default(self) -> bool:
        """Whether the best settings were not shown to be better than the default."""
        return self.gain is None or self.gain.outcome != "better"

    @property
    def settings(self) -> Settings:
        """What to give `set_params`: the best settings, or none where the default should be kept."""
        return {} if self.keep_default else dict(self.best)

    def sentence(self) -> str:
        """What was found, in words."""
        return self._found() + (f" ({self.sample})" if self.sample else "")

    def _found(self) -> str:
        if self.best == self.default:
            tried = counted(len(self.leaderboard) - 1, "other setting")
            return f"none of {tried} erred less than {_OTHERS}: keep the default"
        changed = ", ".join(
            f"{name.removeprefix('networks__')} {_text(value)}"
            for name, value in self.best.items()
            if value != self.default[name]
        )
        if self.gain is None:
            return f"{changed}: stopped before it was compared on rows that the search did not see: keep the default"
        return f"{changed}: {_said(self.gain)}"


def _text(value: Any) -> str:
    if value is None:
        return "automatic"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _said(gain: Comparison) -> str:
    where = f"{_OTHERS} on rows that the search did not see"
    if gain.outcome == "better":
        return gain.sentence().replace(f"better than {_OTHERS} by", f"better than {where} by")
    return f"{gain.sentence().replace(f'than {_OTHERS}', f'than {where}')}: keep the default"


def tune(
    forecaster: Forecaster,
    history: History,
    search: Search | None = None,
    *,
    beside: Beside | None = None,
    on_progress: OnProgress | None = None,
) -> Tuning:
    """Searches for settings of `forecaster`, which stays as it is, that forecast `history` better than its own.

    The space of `search` maps names as in `set_params`, such as "networks__hidden_units", to a list of choices or a
    `Between`. The forecaster's own settings are one of the trials. `beside` are its covariates, as read from the table.
    The same seed gives the same result. Ctrl-C ends the search and returns what was found, once the default and another
    setting have been tried.

    An `OptionError` for a space with unknown names or values out of range; an `InputError` where the rows are too few
    to be split in three; an `EngineError` without Optuna.

    >>> from timeglass.forecast.forecaster import Forecaster
    >>> from timeglass.forecast.history import read_history
    >>> history = read_history(np.random.default_rng(0).normal(size=90))
    >>> found = tune(Forecaster(horizon=1), history, Search({"networks__epochs": [1, 2]}, trials=3))
    >>> len(found.leaderboard), found.settings
    (3, {})
    """
    forecaster.check()
    if beside is None and forecaster.covariates:
        beside = calendar_alone(history, forecaster.covariates)
    return tune_task(history, forecaster._task(history), search or Search(), beside=beside, on_progress=on_progress)


def tune_task(
    history: History,
    task: Task,
    search: Search,
    *,
    beside: Beside | None = None,
    on_progress: OnProgress | None = None,
) -> Tuning:
    """The same for a task."""
    space = None if search.space is None else check_space(search.space, task)
    split = split_rows(history, task, beside)
    judged = split.judged
    if space is None:
        rows = int(np.median([len(y) for y in judged.series])) - judged.held
        space = default_space(task, rows, split.windows)
    default, sample, tried = settings_of(task, list(space)), split.sample, task
    if sample and _COUNT not in space and task.networks.count > _FEW_NETWORKS:
        tried = task_of(task, {_COUNT: _FEW_NETWORKS})
        sample += f", with {_FEW_NETWORKS} networks"
    found, stopped = _run(_Searching(judged, tried, search, space, default), on_progress)
    board = ranked(found, history.kind)
    best = board.trials[0].settings
    gain = None
    if best != default and not stopped:
        try:
            gain = _gain(history, (task_of(task, best), task), split, on_progress)
        except KeyboardInterrupt:
            stopped = True
    if not stopped:
        _tell(on_progress, 1.0)
    return Tuning(best, default, board, gain, stopped, sample)


@dataclass(frozen=True, eq=False)
class _Searching:
    """Makes trials one after another; the default is the first."""

    judged: Judged
    task: Task
    search: Search
    space: Space
    default: Settings

    def steps(self) -> Iterator[tuple[list[Trial], int]]:
        """All trials that are known after each step, and how many of them were made here."""
        opened = None
        if self.search.searcher == "optuna":  # a storage that cannot be opened is told of before any work
            opened = open_study(self.judged, self.task, self.space, self.search.storage, self.search.study)
        first = Trial(self.default, self._errors([self.default])[0], default=True)
        yield [first], 1
        for found, made in self._lanes() if opened is None else self._optuna(opened):
            yield [first, *found], made + 1

    def _lanes(self) -> Iterator[tuple[list[Trial], int]]:
        count = self.search.trials - 1
        found: list[Trial] = []
        for batch in draw(self.space, count, self.task.seed, without=self.default) if count else []:
            errors = self._errors(batch)
            found += [Trial(settings, error) for settings, error in zip(batch, errors, strict=True)]
            yield found, len(found)

    def _optuna(self, study: Study) -> Iterator[tuple[list[Trial], int]]:
        yield study.trials(), 0
        for made, _ in enumerate(study.run(self.search.trials - 1, self._error), start=1):
            yield study.trials(), made

    def _error(self, settings: Settings) -> float | None:
        return self._errors([settings])[0]

    def _errors(self, batch: list[Settings]) -> list[float | None]:
        return errors_of(self.judged, [task_of(self.task, settings) for settings in batch])


def _run(searching: _Searching, on_progress: OnProgress | None) -> tuple[list[Trial], bool]:
    """The trials, and whether they were ended by Ctrl-C."""
    found: list[Trial] = []
    try:
        for known, made in searching.steps():
            found = known
            _tell(on_progress, _SEARCH * made / searching.search.trials)
    except KeyboardInterrupt:
        if len(found) < 2:
            raise
        return found, True
    return found, False


def _tell(on_progress: OnProgress | None, share: float) -> None:
    if on_progress is not None:
        on_progress(share)


def _gain(history: History, tasks: tuple[Task, Task], split: Split, on_progress: OnProgress | None) -> Comparison:
    """The best task beside the default one on the unseen rows, both fitted on all rows before them."""
    made = []
    for number, task in enumerate(tasks):
        made.append(forecast_back(history, task, origins=split.origins, stride=split.stride, channels=split.channels))
        _tell(on_progress, _SEARCH + (1 - _SEARCH) * (number + 1) / 2)
    best, default = made
    where = Origins(default.actual, default.which, default.scale, default.overlap)
    return compare(where, best.point, default.point, names=("the tuned settings", _OTHERS), seed=tasks[1].seed)
