"""Which settings a search tries: choices and ranges by name, checked before anything is trained, and draws of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

import numpy as np

from timeglass.errors import OptionError
from timeglass.forecast.history import check_season
from timeglass.forecast.layout import layout_for
from timeglass.forecast.networks import plan
from timeglass.forecast.settings import CELL_NAMES, Networks, Task
from timeglass.words import quoted

__all__ = ["RATE", "Between", "Settings", "Space", "check_space", "default_space", "draw", "settings_of", "task_of"]

RATE = "networks__learning_rate"  # the one setting in which networks side by side may differ
_PREFIX = "networks__"
_NAMES = (*(_PREFIX + f.name for f in fields(Networks)), "season", "log")
_ONLY_CHOICES = (_PREFIX + "shared", "log")
_EPOCHS = (16, 32, 64)
_RATES = 8  # for each shape of network, where there is a range of rates
_DIGITS = 3  # of a number that is drawn
_ATTEMPTS = 20  # at drawing shapes that have not been drawn yet

Settings = dict[str, Any]


@dataclass(frozen=True)
class Between:
    """All numbers from `low` to `high`, both included; whole ones where both are. With `log` by ratio, not difference.

    >>> Between(4, 64, log=True)
    Between(low=4, high=64, log=True)
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        for value in (self.low, self.high):
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise OptionError(f"Between: expected two finite numbers, got {value!r}")
        if not self.low < self.high or (self.log and self.low <= 0):
            limit = " above 0" if self.log else ""
            raise OptionError(f"Between: expected a lower end{limit} below the upper, got {self.low} and {self.high}")

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return isinstance(self.low, Integral) and isinstance(self.high, Integral)

    def at(self, share: float) -> float:
        """The number so far up the range, 0 … 1, with three digits.

        >>> Between(0.001, 0.1, log=True).at(0.5), Between(4, 8).at(0.99)
        (0.01, 8)
        """
        low, high = (self.low, self.high + 1 if self.whole else self.high)
        value = low * (high / low) ** share if self.log else low + (high - low) * share
        if self.whole:
            return int(min(math.floor(value), self.high))
        return float(min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high))


Space = Mapping[str, tuple[Any, ...] | Between]


def default_space(task: Task, rows: int, windows: int = 1) -> Space:
    """What is tried unless told: cell, units, windows (the usual ones, half and twice as long), epochs and rate.

    `rows` is how many rows of a series are learned from, `windows` how many a fit learns from in all: of many, numbers
    of epochs that come to the same are one.

    >>> default_space(Task(horizon=12, period=12), 64)["networks__time_steps"]
    (None, 12, 48)
    """
    free = replace(task, networks=replace(task.networks, time_steps=None))
    layout = layout_for([rows], free)
    steps, piece = layout.time_steps, layout.chunk
    others = (max(piece, steps // 2 // piece * piece), 2 * steps)
    return {
        "networks__cell": CELL_NAMES,
        "networks__hidden_units": (4, 8, 16, 32),
        "networks__time_steps": (None, *(other for other in others if other != steps and other < rows)),
        "networks__epochs": _epochs(task, windows),
        RATE: Between(0.001, 0.01, log=True),
    }


def _epochs(task: Task, windows: int) -> tuple[int, ...]:
    """Those that a fit would tell apart, where it can the forecaster's own."""
    told = {
        plan(replace(task.networks, epochs=count), windows).epochs: count
        for count in (*reversed(_EPOCHS), *({task.networks.epochs} & set(_EPOCHS)))
    }
    return tuple(sorted(told.values()))


def check_space(space: object, task: Task) -> Space:
    """A space as it was given, each value in it tried; an `OptionError` names what cannot be a setting."""
    if not isinstance(space, Mapping) or not space:
        raise OptionError(f"space: expected settings and their choices, such as {{'{RATE}': [0.001, 0.01]}}, got none")
    found: dict[str, tuple[Any, ...] | Between] = {}
    for name, values in space.items():
        if name not in _NAMES:
            raise OptionError(
                f"space: no setting {quoted(str(name))} that a search can choose: expected some of {', '.join(_NAMES)}"
            )
        chosen = found[name] = _choices(name, values)
        for value in (chosen.low, chosen.high) if isinstance(chosen, Between) else chosen:
            task_of(task, {name: value})
    return found


def _choices(name: str, values: object) -> tuple[Any, ...] | Between:
    if isinstance(values, Between):
        if name in _ONLY_CHOICES:
            raise OptionError(f"space: {name}: expected a list of choices, got {values!r}")
        return values
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray) or not len(values):
        raise OptionError(f"space: {name}: expected a list of choices or Between(low, high), got {values!r}")
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    for value in plain:
        if value is not None and not isinstance(value, bool | int | float | str):
            raise OptionError(f"space: {name}: expected numbers, words or None, got {value!r}")
    return tuple(dict.fromkeys(plain))


def task_of(task: Task, settings: Mapping[str, Any]) -> Task:
    """The task with these settings; an `OptionError` where one is out of range."""
    inside = {name.removeprefix(_PREFIX): value for name, value in settings.items() if name.startswith(_PREFIX)}
    made = replace(task, networks=replace(task.networks, **inside))
    if "season" in settings:
        made = replace(made, period=check_season(settings["season"]) or task.period)
    if "log" in settings:
        if settings["log"] not in (None, True, False):
            raise OptionError(f"log: expected True, False or None, got {settings['log']!r}")
        made = replace(made, log=settings["log"])
    return made


def settings_of(task: Task, names: Sequence[str]) -> Settings:
    """The settings of these names that a task has."""
    own = {"season": task.period, "log": task.log}
    return {name: own[name] if name in own else getattr(task.networks, name.removeprefix(_PREFIX)) for name in names}


def draw(space: Space, count: int, seed: int, without: Settings | None = None) -> list[list[Settings]]:
    """Up to `count` settings but `without`, in batches: those of one are alike in all but the learning rate.

    All of them where there are no more than `count`; else spread over the space as a Latin hypercube: M. D. McKay,
    R. J. Beckman, W. J. Conover, "A comparison of three methods for selecting values of input variables in the analysis
    of output from a computer code", Technometrics 21, 1979.

    >>> draw({"networks__cell": ("gru", "lstm"), RATE: (0.001, 0.01)}, 3, seed=0)[1]
    [{'networks__cell': 'lstm', 'networks__learning_rate': 0.001}]
    """
    for many in (count, count + 1):  # one more, where one is left out
        batches = [[settings for settings in batch if settings != without] for batch in _drawn(space, many, seed)]
        if sum(map(len, batches)) >= count:
            break
    return _first(batches, count)


def _drawn(space: Space, count: int, seed: int) -> list[list[Settings]]:
    rng = np.random.default_rng(seed)
    shape = {name: values for name, values in space.items() if name != RATE}
    rates, most = space.get(RATE), _size(shape)
    each = 1 if rates is None else _RATES if isinstance(rates, Between) else len(rates)
    shapes = int(min(most, -(-count // each)))
    if isinstance(rates, Between):
        each = -(-count // shapes)
    batches = []
    for settings in _shapes(shape, shapes, rng) if shapes < most else _all(shape, rng):
        chosen = _rates(rates, each, rng)
        batches.append([settings if rate is None else settings | {RATE: rate} for rate in chosen])
    return _first(batches, count)


def _size(shape: Space) -> float:
    """How many shapes there are."""
    return math.prod(math.inf if isinstance(values, Between) else len(values) for values in shape.values())


def _all(shape: Space, rng: np.random.Generator) -> list[Settings]:
    every = itertools.product(*(values for values in shape.values() if not isinstance(values, Between)))
    made = [dict(zip(shape, values, strict=True)) for values in every]
    return [made[i] for i in rng.permutation(len(made))]  # of a search that is stopped, an even part was tried


def _rates(rates: tuple[Any, ...] | Between | None, count: int, rng: np.random.Generator) -> list[float | None]:
    if rates is None:
        return [None]
    if isinstance(rates, Between):
        return [rates.at(share) for share in (np.arange(count) + rng.random(count)) / count]
    return list(rates)


def _shapes(shape: Space, count: int, rng: np.random.Generator) -> list[Settings]:
    """So many shapes that differ, or fewer where the ranges hold no more."""
    found: dict[tuple[Any, ...], Settings] = {}
    for _ in range(_ATTEMPTS):
        columns = [_spread(values, count, rng) for values in shape.values()]
        for values in zip(*columns, strict=True):
            found.setdefault(values, dict(zip(shape, values, strict=True)))
        if len(found) >= count:
            break
    return list(found.values())[:count]


def _spread(values: tuple[Any, ...] | Between, count: int, rng: np.random.Generator) -> list[Any]:
    """`count` values, one from each part of the range, in random order."""
    shares = (rng.permutation(count) + rng.random(count)) / count
    if isinstance(values, Between):
        return [values.at(share) for share in shares]
    return [values[int(share * len(values))] for share in shares]


def _first(batches: list[list[Settings]], count: int) -> list[list[Settings]]:
    found = []
    for batch in batches:
        found.append(batch[:count])
        count -= len(found[-1])
    return [batch for batch in found if batch]
