"""Optuna as the searcher: a study that goes on where it ended, and that several processes may share."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from timeglass.errors import EngineError, OptionError
from timeglass.forecast.leaderboard import Trial
from timeglass.forecast.settings import Task
from timeglass.forecast.sweep import Judged
from timeglass.forecast.tuning_space import Between, Settings, Space
from timeglass.words import quoted

__all__ = ["Study", "open_study"]

_NAME = "timeglass"
_MARK = "timeglass"  # under which a study says what it was made for


@dataclass(frozen=True, eq=False)
class Study:
    """A study of Optuna's, and the distributions of the settings it chooses."""

    study: Any
    distributions: dict[str, Any]

    def trials(self) -> list[Trial]:
        """All that have ended, of earlier calls and of other processes too."""
        from optuna.trial import TrialState

        ended = self.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.FAIL))
        complete = [trial for trial in ended if set(trial.params) == set(self.distributions)]
        return [
            Trial(self._ordered(trial.params), None if trial.value is None else float(trial.value))
            for trial in complete
            if trial.value is not None or trial.user_attrs.get("diverged")
        ]

    def run(self, count: int, error_of: Callable[[Settings], float | None]) -> Iterator[None]:
        """Tries `count` further settings one after another; one that is interrupted is told of as failed."""
        from optuna.trial import TrialState

        for _ in range(count):
            with _quiet():
                trial = self.study.ask(self.distributions)
            try:
                error = error_of(self._ordered(trial.params))
            except BaseException:
                self.study.tell(trial, state=TrialState.FAIL)
                raise
            if error is None:
                trial.set_user_attr("diverged", True)
                self.study.tell(trial, state=TrialState.FAIL)
            else:
                self.study.tell(trial, error)
            yield

    def _ordered(self, params: dict[str, Any]) -> Settings:
        return {name: params[name] for name in self.distributions}


def open_study(judged: Judged, task: Task, space: Space, storage: str | None, name: str | None) -> Study:
    """Makes a study or opens the one of that name; without `storage` it lives in memory.

    The sampler is Optuna's TPE: J. Bergstra and others, "Algorithms for hyper-parameter optimization", NeurIPS 2011.
    Its seed follows from the task's and from the number of trials there are. An `OptionError` where the storage cannot
    be opened, or the study was made for other data, settings or another space.
    """
    optuna, name = _optuna(), name or _NAME
    with _quiet():
        try:
            study = optuna.create_study(storage=storage, study_name=name, direction="minimize", load_if_exists=True)
        except Exception as error:  # of SQLAlchemy, a driver or the operating system: there is no common root
            raise OptionError(
                f"storage {_masked(storage)}: cannot be opened ({_masked(str(error).splitlines()[0])}): "
                "expected an address such as sqlite:///tuning.db"
            ) from None
        mark, found = _mark(judged, task, space), study.user_attrs.get(_MARK)
        if found is None and len(study.get_trials(deepcopy=False)) == 0:
            study.set_user_attr(_MARK, mark)
        elif found != mark:
            raise OptionError(
                f"study {quoted(name)} holds trials of other data, other settings or another space, whose errors "
                "cannot be compared: give another name (study=…, --study NAME)"
            )
        made = len(study.get_trials(deepcopy=False))
        study.sampler = optuna.samplers.TPESampler(seed=(task.seed + made) % 2**32)
    return Study(study, {each: _distribution(optuna, values) for each, values in space.items()})


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise EngineError(
            "the searcher 'optuna' needs Optuna: pip install 'timeglass[tune]', or take another (searcher='lanes', "
            "--searcher lanes)"
        ) from None
    return optuna


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's lines about each study on standard error; warnings are still shown."""
    logging = _optuna().logging
    before = logging.get_verbosity()
    logging.set_verbosity(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _distribution(optuna: Any, values: tuple[Any, ...] | Between) -> Any:
    kinds = optuna.distributions
    if not isinstance(values, Between):
        return kinds.CategoricalDistribution(values)
    if values.whole:
        return kinds.IntDistribution(int(values.low), int(values.high), log=values.log)
    return kinds.FloatDistribution(float(values.low), float(values.high), log=values.log)


def _mark(judged: Judged, task: Task, space: Space) -> str:
    """What errors must have in common to be compared; the seed is not in it, so that processes may differ in it."""
    digest = hashlib.sha256(repr((judged.held, judged.period, task.with_seed(-task.seed), dict(space))).encode())
    beside = () if judged.channels is None else (judged.channels.ahead, *judged.channels.values)
    for values in (*judged.series, *beside):
        digest.update(repr(values.shape).encode())
        digest.update(np.ascontiguousarray(values, "<f8").tobytes())
    return digest.hexdigest()


def _masked(text: str | None) -> str:
    """Without the name and password that an address may hold."""
    return re.sub(r"//[^@/\s]*@", "//…@", str(text))
