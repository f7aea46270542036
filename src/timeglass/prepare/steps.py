"""A chain of steps: learned in order, inverted backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError, ShapeError
from timeglass.prepare.checks import finite_numbers, one_series, places_of
from timeglass.types import Array

__all__ = ["FollowingStep", "Step", "Steps", "inverse_forecasts"]


@runtime_checkable
class Step(Protocol):
    """What changes values and can change them back. What it has learned are its fields, and it never learns more."""

    def transform(self, values: Array, /) -> Array:
        """Values along the last axis, in time order."""

    def inverse_transform(self, values: Array, /) -> Array:
        """The values of which `transform` makes these."""


@runtime_checkable
class FollowingStep(Step, Protocol):
    """A step that depends on what came before: on the place in the season, or on the last values."""

    def after(self, values: Array, /) -> Step:
        """The same step for what comes directly after `values`."""


@dataclass(frozen=True)
class Steps:
    """Steps one after another. It is a step itself.

    >>> from timeglass.prepare.power import Log
    >>> from timeglass.prepare.scale import MinMaxScaler
    >>> steps = Steps.fit(np.array([1.0, 10.0, 100.0]), [Log(), MinMaxScaler.fit])
    >>> steps.transform(np.array([10.0, 1000.0])).round(12), steps.inverse_transform(np.array([0.0, 2.0])).round(9)
    (array([0.5, 1.5]), array([1.e+00, 1.e+04]))
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        for place, step in enumerate(self.steps, 1):
            if isinstance(step, type) or not isinstance(step, Step):
                raise InputError(
                    f"Steps: step {place}: expected a step with transform and inverse_transform, such as Log(), "
                    f"got {step!r}"
                )

    @classmethod
    def fit(cls, values: ArrayLike, makers: Sequence[Step | Callable[[Array], Step]]) -> Steps:
        """Learns each step from what those before it make of `values` (rows,): the training rows, and only they.

        `makers` holds steps, which stay as they are, and functions that learn one: `MinMaxScaler.fit`, or
        `functools.partial(SeasonalIndices.fit, period=12)`. What is wrong with a value of a `Series`, such as
        `series[split.train]`, is said with its line and column.
        """
        left = one_series(values, "Steps")
        found: list[Step] = []
        with places_of(values):
            for place, maker in enumerate(makers, 1):
                found.append(_made(maker, left, place))
                left = found[-1].transform(left)
        return cls(tuple(found))

    def transform(self, values: Array) -> Array:
        for step in self.steps:
            values = step.transform(values)
        return values

    def inverse_transform(self, values: Array) -> Array:
        for step in reversed(self.steps):
            values = step.inverse_transform(values)
        return values

    def after(self, values: Array) -> Steps:
        """The same steps for what comes directly after `values`: seasons go on, differences begin at the last values.

        `values` (rows,) begin where the training rows begin, in their units.
        """
        moved: list[Step] = []
        for step in self.steps:
            moved.append(step.after(values) if isinstance(step, FollowingStep) else step)
            values = step.transform(values)
        return Steps(tuple(moved))


def _made(maker: Step | Callable[[Array], Step], values: Array, place: int) -> Step:
    if isinstance(maker, Step) and not isinstance(maker, type):
        return maker
    if isinstance(maker, type) or not callable(maker):
        raise InputError(
            f"Steps: step {place}: expected a step such as Log(), or a function that learns one such as "
            f"MinMaxScaler.fit, got {maker!r}"
        )
    return maker(values)


def inverse_forecasts(steps: Step, values: ArrayLike, *, target_rows: Array, forecasts: ArrayLike) -> Array:
    """Forecasts (…, N, K) in the units of `values`, (…, N, K): each inverted after the rows that it was made from.

    `values` (rows,) are the series from the first training row on, `target_rows` (N, K) the rows that are forecast,
    as `DirectWindows` has them. A forecast sees no row from its first target row on.

    >>> from timeglass.prepare.difference import Difference
    >>> series, rises = np.array([1.0, 2.0, 4.0, 7.0]), np.array([[2.0, 3.0], [3.0, 4.0]])
    >>> inverse_forecasts(Difference(), series, target_rows=np.array([[2, 3], [3, 4]]), forecasts=rises)
    array([[ 4.,  7.],
           [ 7., 11.]])
    """
    series, numbers = one_series(values, "inverse_forecasts"), finite_numbers(forecasts, "inverse_forecasts")
    if target_rows.ndim != 2 or numbers.shape[-2:] != target_rows.shape:
        raise ShapeError(
            f"inverse_forecasts: {numbers.shape} forecasts beside {target_rows.shape} target rows: expected (…, N, K) "
            "and (N, K)"
        )
    origins = target_rows[:, 0]
    if len(origins) and not 0 < origins.min() <= origins.max() <= len(series):
        raise InputError(
            f"inverse_forecasts: target rows from {origins.min()} to {origins.max()}, but the series has "
            f"{len(series)} rows: the first target of a window must be 1 to {len(series)}"
        )
    if not isinstance(steps, FollowingStep):
        return steps.inverse_transform(numbers)
    found = np.empty(numbers.shape)
    for window, origin in enumerate(origins):
        found[..., window, :] = steps.after(series[:origin]).inverse_transform(numbers[..., window, :])
    return found
