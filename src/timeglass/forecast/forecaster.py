"""`Forecaster`: series in; dated forecasts with intervals, their record, a verdict and an audit out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from timeglass.errors import InputError, OptionError
from timeglass.forecast.backtest import Backtest, backtest_of_fit, forecast_back, rivals_of, with_rivals
from timeglass.forecast.covariates import Beside, calendar_alone, read_beside, value_options
from timeglass.forecast.falling_back import Fallback, choose_fallback, fall_back
from timeglass.forecast.fitted import Fitted, fit_groups, followed, forecast_ahead, replaced_in
from timeglass.forecast.future_values import read_future
from timeglass.forecast.history import History, append, check_logged, check_season, read_history
from timeglass.forecast.outcome import Forecast, Replaced
from timeglass.forecast.record import Coverage, coverage_of
from timeglass.forecast.self_audit import audit_run
from timeglass.forecast.settings import Covariates, Networks, Task, check_horizon, check_levels
from timeglass.prepare.checks import whole_number
from timeglass.read.options import ReadOptions

if TYPE_CHECKING:
    from timeglass.forecast.tuning import Search, Tuning

__all__ = ["Forecaster"]

# Rows that one would forecast, by what a row is; as in the M4 competition.
_HORIZONS = {"year": 6, "quarter": 8, "month": 18, "week": 13, "day": 14, "business day": 10, "hour": 48}
_USUAL_HORIZON = 8
_LONGEST_SEASON = 1_000  # rows; a longer one takes more data than there is
_LEAST_SHARE = 3  # a default horizon is at most this part of the shortest series
_MOST_NUMBERS = 2**27  # in one forecast

OnProgress = Callable[[float], None]


class Forecaster:
    """Forecasts of one series or many, by networks and smoothing together, in the shape of a scikit-learn estimator.

    `horizon` is how many rows to forecast, `season` how many rows a season has; None takes what is usual for the
    frequency of the rows. `networks` and `covariates` hold further settings. `level` are the intervals' percentages.
    With `fallback`, a baseline that did better on held-back rows gives the forecast. `log` says whether to work with
    logarithms; None where all values suit. The same data and `seed` give the same bits on one machine.

    >>> forecaster = Forecaster(horizon=2, season=12).fit([float(x) for x in range(1, 61)])
    >>> forecaster.forecast().point.round(0).tolist()
    [[61.0, 62.0]]
    """

    def __init__(
        self,
        horizon: int | None = None,
        season: int | None = None,
        *,
        networks: Networks | None = None,
        covariates: Covariates | None = None,
        level: Any = (80, 95),
        fallback: bool = False,
        log: bool | None = None,
        seed: int = 0,
    ) -> None:
        self.horizon = horizon
        self.season = season
        self.networks = networks
        self.covariates = covariates
        self.level = level
        self.fallback = fallback
        self.log = log
        self.seed = seed

    @classmethod
    def tutorial(cls) -> Forecaster:
        """The tutorial's settings: SimpleRNN(3) on windows of 12 rows that do not overlap, one step ahead, 20 epochs.

        >>> Forecaster.tutorial().networks.hidden_units
        3
        """
        return cls(horizon=1, networks=Networks("simple", 3, 12, epochs=20, learning_rate=1e-3, recipe="tutorial"))

    # What scikit-learn's tools ask for

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Every setting by name; with `deep` also `networks__hidden_units` and the like."""
        own = {name: getattr(self, name) for name in _NAMES}
        if deep:
            for name, value in list(own.items()):
                if is_dataclass(value) and not isinstance(value, type):
                    own |= {f"{name}__{f.name}": getattr(value, f.name) for f in fields(value)}
        return own

    def set_params(self, **params: Any) -> Forecaster:
        """Changes settings by name, such as `horizon=12` or `networks__cell="lstm"`."""
        inside: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            outer, _, inner = name.partition("__")
            if outer not in _NAMES or (inner and outer not in _NESTED):
                raise OptionError(f"set_params: no setting {name!r}: expected some of {', '.join(_NAMES)}")
            if inner:
                if inner not in {f.name for f in fields(_NESTED[outer])}:
                    raise OptionError(f"set_params: {outer} has no setting {inner!r}")
                inside.setdefault(outer, {})[inner] = value
            else:
                setattr(self, name, value)
        for outer, values in inside.items():
            setattr(self, outer, replace(getattr(self, outer) or _NESTED[outer](), **values))
        return self

    def __repr__(self) -> str:
        plain = Forecaster()
        changed = [(n, getattr(self, n)) for n in _NAMES if repr(getattr(self, n)) != repr(getattr(plain, n))]
        return f"Forecaster({', '.join(f'{name}={value!r}' for name, value in changed)})"

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn's searches and checks ask since 1.6: neither a classifier nor a regressor, without y."""
        from sklearn.utils import Tags, TargetTags  # only scikit-learn calls this

        return Tags(estimator_type=None, target_tags=TargetTags(required=False))

    # Fit and forecast

    def fit(
        self, series: Any, y: Any = None, *, options: ReadOptions | None = None, on_progress: OnProgress | None = None
    ) -> Forecaster:
        """Learns from `series`: a path, an address, a frame (long or wide), an array, a `Series` or a `Panel`.

        `options` say how it is read. `y` is there for scikit-learn's sake and must be None. `on_progress` is called
        with the share done. Afterwards `horizon_`, `season_`, `history_`, `replaced_` say what was learned. Covariates
        are columns of the same table; beside them the values are those of column y, unless `options` name another.
        """
        if y is not None:
            raise OptionError("fit: y: the series holds the values: give one argument")
        self.check()
        history, beside = self._read(series, options)
        self.fit_history(history, beside=beside, on_progress=on_progress)
        return self

    def fit_history(
        self, history: History, *, beside: Beside | None = None, on_progress: OnProgress | None = None
    ) -> None:
        """Learns from series that have been read, with the covariates `beside` them."""
        task = self._task(history)
        if beside is None and self.covariates:
            beside = calendar_alone(history, self.covariates)
        beside, channels = (None, None) if beside is None else beside.for_fit(history, task.horizon)
        fitted = fit_groups(history, task, channels=channels, on_progress=on_progress)
        made = backtest_of_fit(fitted, history)
        audit = audit_run(fitted, history, claimed=self.season is not None, beside=beside)
        verdict = () if made is None else made.verdict()
        fallback = _fallback(fitted, made) if self.fallback else None
        # All at once: a fit that is interrupted leaves the forecaster as it was.
        self.fitted_, self.history_, self.horizon_, self.season_ = fitted, history, task.horizon, task.period
        self.beside_, self.held_back_, self.audit_, self.verdict_, self.fallback_ = (
            beside,
            made,
            audit,
            verdict,
            fallback,
        )

    def _fallback(self) -> Fallback | None:
        return _fallback(self.fitted_, self.held_back_)

    def _read(self, series: Any, options: ReadOptions | None) -> tuple[History, Beside | None]:
        """The values of a table, and what stands beside them; or both, where they have been read."""
        if isinstance(series, tuple) and len(series) == 2 and isinstance(series[0], History):
            return series
        told = value_options(series, options, self.covariates)
        history = read_history(series, told)
        return history, read_beside(series, history, self.covariates, told) if self.covariates else None

    def forecast(
        self, h: int | None = None, level: Any = None, *, future: Any = None, private: bool = False
    ) -> Forecast:
        """The next `h` rows of every series as numbers; `predict` gives them as a frame.

        A horizon longer than the trained one is reached by reading the forecasts on as if they had come. `future` is
        a table of the covariates that are known ahead, with ids and dates, for these rows (of more, those up to the
        trained horizon count), at an address of a private network only where `private` admits that; an `InputError`
        names the series and the date that is missing.
        """
        fitted, history = self._fitted()
        horizon = self.horizon_ if h is None else check_horizon("h", h)
        levels = check_levels("level", self.level if level is None else level)
        if horizon * len(history.panel) * (2 + 2 * len(levels) + len(fitted.groups) * 21) > _MOST_NUMBERS:
            raise OptionError(
                f"{horizon:,} steps of {len(history.panel):,} series would take about "
                f"{horizon * len(history.panel) * 200 / 2**30:,.0f} GiB: ask for fewer steps "
                "(h=…, --horizon), or series by series"
            )
        beside = self._beside()
        ahead = -(-horizon // self.horizon_) * self.horizon_  # what the networks look ahead at
        coming = read_future(future, history, beside, (horizon, ahead), private=private)
        channels = None if beside is None else beside.channels(history, ahead, coming)
        found = forecast_ahead(fitted, history, horizon, levels, channels=channels)
        return found if self.fallback_ is None else fall_back(found, history, self.fallback_, self.season_)

    def predict(self, h: int | None = None, level: Any = None, *, future: Any = None) -> Any:
        """The next `h` rows as a frame of the kind that was fitted, with the columns unique_id, ds, timeglass,
        timeglass-lo-80, timeglass-hi-80, …, method.

        What was no frame gives one of pandas, polars or pyarrow, whichever is installed; without any, a mapping of
        columns. `future` is the table of covariates that are known ahead, as in `forecast`.
        """  # fmt: skip
        history = self._fitted()[1]
        return self.forecast(h, level, future=future).frame(history.kind, history.time_type)

    def update(self, series: Any, *, options: ReadOptions | None = None) -> Forecaster:
        """Takes rows that came after those fitted, without training anew: forecasts go on from the last of them.

        Future and past covariates must stand beside them; static ones are known. What was mended in reading, or does
        not count as it stands (a zero where logarithms are forecast), is listed in `history_.panel.origin.changes`. An
        `InputError` where rows do not follow on, or one is below zero in a series that never was.
        """
        (fitted, history), beside = self._fitted(), self._beside()
        if beside is None:
            more = read_history(series, options)
            self.history_ = followed(fitted, history, append(history, more), more.panel.origin.name)
            return self
        told = value_options(series, options or beside.options_for(series), beside.covariates)
        more = read_history(series, told)
        longer = followed(fitted, history, append(history, more), more.panel.origin.name)
        beside = beside.appended(series, told, history, more)
        beside.channels(longer)  # refuses what is out of all proportion
        self.history_, self.beside_ = longer, beside
        return self

    def coverage(self, level: float | None = None) -> Coverage:
        """The record of the intervals over held-back rows, by default of the widest level."""
        levels = check_levels("level", self.level if level is None else level)
        if not levels:
            raise OptionError("level: there is no interval to have a record: give a percentage, coverage(80)")
        return coverage_of([group.learned for group in self._fitted()[0].groups], levels[-1])

    def backtest(
        self,
        series: Any = None,
        *,
        origins: int = 5,
        stride: int | None = None,
        refit: bool = False,
        statistical: bool | None = None,
        options: ReadOptions | None = None,
        on_progress: OnProgress | None = None,
    ) -> Backtest:
        """Forecasts the last rows of `series`, by default of what was fitted, from `origins` earlier origins.

        They lie `stride` rows apart, a horizon unless told. What is learned comes from rows before the first origin;
        with `refit` it is learned anew for each. The baselines are naive, seasonal naive, drift, mean and AR; with
        `statistical` also Theta and ETS, by default where statsforecast is installed. The forecaster stays as it is.

        >>> made = Forecaster(horizon=2).backtest([float(x * x) for x in range(40)], origins=3, statistical=False)
        >>> made.origins.tolist(), made.actual[0].tolist()
        ([34, 36, 38], [1156.0, 1225.0])
        """
        self.check()
        count = whole_number("origins", origins, at_least=1)
        apart = None if stride is None else whole_number("stride", stride, at_least=1)
        more = rivals_of(statistical)
        history, beside = (self._fitted()[1], self._beside()) if series is None else self._read(series, options)
        task = self._task(history)
        held = task.horizon + (count - 1) * (apart or task.horizon)
        channels = None if beside is None else beside.for_fit(history, task.horizon, held)[1]
        made = forecast_back(
            history, task, origins=count, stride=apart, refit=refit, levels=check_levels("level", self.level),
            channels=channels, on_progress=on_progress,
        )  # fmt: skip
        return with_rivals(made, more)

    def tune(self, series: Any, *, search: Search | None = None, options: ReadOptions | None = None,
             on_progress: OnProgress | None = None) -> Tuning:  # fmt: skip
        """Searches for better settings on `series`; the forecaster stays as it is: give it `tuning.settings`.

        The best settings' gain is measured on rows that the search did not see. `search` says what to try and who
        chooses: `Search(trials=200)`, `Search(searcher="optuna", storage="sqlite:///tuning.db", study="sales")`.
        """
        from timeglass.forecast.tuning import tune as search_settings  # it imports this module

        self.check()
        history, beside = self._read(series, options)
        return search_settings(self, history, search, beside=beside, on_progress=on_progress)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fitted forecaster with its series to a .safetensors file, whole or not at all."""
        from timeglass.forecast.saving import save_forecaster  # it imports this module

        save_forecaster(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Forecaster:
        """The forecaster that `save` wrote: its forecasts have the same bits, and `update` goes on.

        Data only: opening a file runs nothing that is in it. A `DataError` says why one cannot be used.
        """
        from timeglass.forecast.saving import load_forecaster  # it imports this module

        return load_forecaster(path)

    @property
    def replaced_(self) -> tuple[Replaced, ...]:
        """Series that the networks do not forecast: by what they are forecast, and why."""
        found = replaced_in(*self._fitted())
        return tuple(found[s] for s in sorted(found))

    def _fitted(self) -> tuple[Fitted, History]:
        if not hasattr(self, "fitted_"):
            raise InputError("fit the forecaster first: forecaster.fit(series)")
        return self.fitted_, self.history_

    def _beside(self) -> Beside | None:
        """What stands beside the series that were fitted."""
        return getattr(self, "beside_", None)

    def check(self) -> None:
        """Refuses, before anything is read, settings that nothing can be done with."""
        if self.horizon is not None:
            check_horizon("horizon", self.horizon)
        check_season(self.season)
        check_levels("level", self.level)
        for name, kind in _NESTED.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                raise OptionError(f"{name}: expected {kind.__name__}(…), got {value!r}")
        if self.covariates and self.networks is not None and self.networks.recipe == "tutorial":
            raise OptionError("covariates: the recipe 'tutorial' reads none: leave them out, or take recipe='hybrid'")
        for name in ("fallback", "log"):
            value = getattr(self, name)
            if not isinstance(value, bool) and not (name == "log" and value is None):
                raise OptionError(f"{name}: expected True or False, got {value!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int | np.integer) or not 0 <= self.seed < 2**64 - 1:
            raise OptionError(f"seed: expected a whole number from 0 to 2**64 - 2, got {self.seed!r}")

    def _task(self, history: History) -> Task:
        if self.log:
            check_logged(history)
        panel = history.panel
        season = check_season(self.season)
        if season is None:
            season = 1 if panel.frequency is None else panel.frequency.period
            season = 1 if season > _LONGEST_SEASON else season
        horizon = self.horizon
        if horizon is None:
            usual = _HORIZONS.get(panel.frequency.unit, _USUAL_HORIZON) if panel.frequency else _USUAL_HORIZON
            horizon = max(1, min(usual, int(np.median(np.diff(panel.offsets))) // _LEAST_SHARE))
        networks, longest = self.networks or Networks(), int(np.diff(panel.offsets).max())
        if networks.recipe == "hybrid" and (networks.time_steps or 0) > longest:
            raise OptionError(
                f"time_steps: a window of {networks.time_steps:,} rows is longer than every series: the longest has "
                f"{longest:,}: ask for fewer"
            )
        return Task(int(horizon), season, networks, self.log, int(self.seed))


_NESTED: dict[str, Any] = {"networks": Networks, "covariates": Covariates}
_NAMES = ("horizon", "season", "networks", "covariates", "level", "fallback", "log", "seed")


def _fallback(fitted: Fitted, made: Backtest | None) -> Fallback | None:
    if made is None:
        return None
    held = [group.learned.held_back for group in fitted.groups]
    return choose_fallback(made, sum(each.independent for each in held if each is not None))
