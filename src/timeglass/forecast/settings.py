"""What a forecaster can be told, each setting checked when the value is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real

import numpy as np

from timeglass.errors import OptionError

__all__ = ["CALENDAR", "CELL_NAMES", "Covariates", "Networks", "Task", "check_horizon", "check_levels"]

CELL_NAMES = ("simple", "gru", "lstm")
CALENDAR = ("month", "quarter", "week", "weekday", "day", "hour", "minute")
_STRATEGIES = ("direct", "recursive")
_RECIPES = ("hybrid", "tutorial")
_MOST = {"hidden_units": 1_024, "time_steps": 10_000, "count": 1_024, "epochs": 100_000}
_MOST_HORIZON = 100_000


@dataclass(frozen=True)
class Networks:
    """What the networks are, and how they are trained.

    `count` networks of a `cell` "simple", "gru" or "lstm", half of each kind (docs/forecasting.md), with `hidden_units`
    units: None for 8, or 16 from 5,000 windows on. `time_steps` rows in a window, None to choose by season, horizon and
    length. At most `epochs`; fewer where the windows are so many that they would take more than 2,000 steps.
    `strategy`: "direct" forecasts all steps at once, "recursive" one step, which is read on as if it had come.
    `shared`: the same networks for all series, or with False some for each; None shares unless there are a few long
    series. `recipe` "tutorial" is the tutorial's network alone, on windows that do not overlap, scaled to 0 … 1.

    >>> Networks(cell="lstm").cell
    'lstm'
    """

    cell: str = "gru"
    hidden_units: int | None = None
    time_steps: int | None = None
    count: int = 16
    epochs: int = 32
    learning_rate: float = 3e-3
    strategy: str = "direct"
    shared: bool | None = None
    recipe: str = "hybrid"

    def __post_init__(self) -> None:
        for name, choices in (("cell", CELL_NAMES), ("strategy", _STRATEGIES), ("recipe", _RECIPES)):
            if getattr(self, name) not in choices:
                raise OptionError(f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name, most in _MOST.items():
            value = getattr(self, name)
            if value is None and name in ("hidden_units", "time_steps"):
                continue
            if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= most:
                raise OptionError(f"{name}: expected a whole number from 1 to {most:,}, got {value!r}")
        rate = self.learning_rate
        if isinstance(rate, bool) or not isinstance(rate, Real) or not 0 < float(rate) <= 1:
            raise OptionError(f"learning_rate: expected a number above 0 and at most 1, such as 0.003, got {rate!r}")
        if self.shared not in (None, True, False):
            raise OptionError(f"shared: expected True, False or None, got {self.shared!r}")


@dataclass(frozen=True)
class Covariates:
    """Columns beside the values that forecasts may use.

    `future` are known of the rows to forecast (prices that are set, holidays), and `predict` wants them; `past` are
    known up to now only; `static` are the same in all rows of a series, numbers or words. `calendar` are made from the
    dates: "month", "quarter", "week", "weekday", "day" (of the month), "hour", "minute".

    >>> Covariates(future=("price",), calendar=("weekday",)).calendar
    ('weekday',)
    """

    future: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    static: tuple[str, ...] = ()
    calendar: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            if isinstance(given, str) or not isinstance(given, Sequence) or not all(isinstance(n, str) for n in given):
                raise OptionError(f"{field.name}: expected names of columns, such as ('price',), got {given!r}")
            object.__setattr__(self, field.name, tuple(given))
        columns = [*self.future, *self.past, *self.static]
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice:
            raise OptionError(f"covariates: {', '.join(twice)} stands twice: a column is future, past or static")
        unknown = [name for name in self.calendar if name not in CALENDAR]
        if unknown:
            raise OptionError(f"calendar: expected some of {', '.join(CALENDAR)}, got {unknown[0]!r}")

    def __bool__(self) -> bool:
        return any(getattr(self, f.name) for f in fields(self))


@dataclass(frozen=True)
class Task:
    """What is to be learned: forecasts of `horizon` rows of series with such a `period`, 1 for none.

    `log` says whether to take logarithms; None where they suit.
    """

    horizon: int
    period: int
    networks: Networks = Networks()
    log: bool | None = None
    seed: int = 0

    def with_seed(self, more: int) -> Task:
        """The same with another seed."""
        return replace(self, seed=self.seed + more)


def check_horizon(name: str, horizon: object) -> int:
    """A horizon as an int; an `OptionError` where it is none.

    >>> check_horizon("horizon", 12)
    12
    """
    if isinstance(horizon, bool) or not isinstance(horizon, Integral) or int(horizon) < 1:
        raise OptionError(f"{name} must be a whole number of at least 1, got {horizon!r}")
    if int(horizon) > _MOST_HORIZON:
        raise OptionError(
            f"{name} {int(horizon):,} is more than the {_MOST_HORIZON:,} steps that a forecast may have "
            f"({int(horizon) * 8 * 8 / 2**30:,.3g} GiB for one series): ask for fewer"
        )
    return int(horizon)


def check_levels(name: str, levels: object) -> tuple[float, ...]:
    """Levels of intervals in percent, in rising order; an `OptionError` where one is none.

    >>> check_levels("level", [95, 80])
    (80, 95)
    """
    given = [levels] if isinstance(levels, Real) else levels.tolist() if isinstance(levels, np.ndarray) else levels
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise OptionError(f"{name}: expected percentages such as [80, 95], got {levels!r}")
    for level in given:
        if isinstance(level, bool) or not isinstance(level, Real) or not 1 <= float(level) <= 99.9:
            raise OptionError(f"{name}: expected percentages from 1 to 99.9, such as 80 and 95, got {level!r}")
    return tuple(sorted({int(level) if float(level).is_integer() else float(level) for level in given}))
