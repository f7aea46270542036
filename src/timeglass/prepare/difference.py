"""Differences, ordinary and seasonal, and the values of a window beside its last: what is left is the change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.prepare.checks import finite_numbers, whole_number
from timeglass.types import Array

__all__ = ["Difference", "LastValue"]


@dataclass(frozen=True, eq=False)
class Difference:
    """value[t] - value[t - lag], along the last axis: lag 1 is the ordinary difference, lag 12 a year's of months.

    Nothing is learned. By itself it leaves out the first `lag` values, which have none before them. `after(values)`
    is the difference of what follows these values: as many differences as values, and an exact inverse.

    >>> rise = Difference(lag=2)
    >>> rise.transform(np.array([1.0, 2.0, 4.0, 7.0]))
    array([3., 5.])
    >>> rise.after(np.array([1.0, 2.0])).inverse_transform(np.array([3.0, 5.0, 1.0]))
    array([4., 7., 5.])
    """

    lag: int = 1
    before: Array | None = None  # (…, lag): the values just before those that come

    def __post_init__(self) -> None:
        whole_number("lag", self.lag, at_least=1)
        if self.before is not None and np.shape(self.before)[-1:] != (self.lag,):
            raise ShapeError(f"Difference: before: expected (…, {self.lag}) values, got {np.shape(self.before)}")

    def after(self, values: Array) -> Difference:
        """For what follows `values` (…, rows): one series, or windows (N, T) of which each is followed by its own."""
        values = finite_numbers(values, "Difference")
        known = values if self.before is None else np.concatenate([self.before, values], axis=-1)
        if known.ndim == 0 or known.shape[-1] < self.lag:
            raise InputError(
                f"Difference: {values.shape} values before, at least {self.lag} are needed for lag {self.lag}: "
                "give more of them"
            )
        return replace(self, before=known[..., -self.lag :].copy())

    def transform(self, values: Array) -> Array:
        values = finite_numbers(values, "Difference")
        if self.before is not None:
            before = _beside(self.before, values, "Difference")
            values = np.concatenate([before, values], axis=-1)
        if values.ndim == 0 or values.shape[-1] <= self.lag:
            raise InputError(f"Difference: {values.shape} values, more than {self.lag} are needed for lag {self.lag}")
        return values[..., self.lag :] - values[..., : -self.lag]

    def inverse_transform(self, differences: Array) -> Array:
        differences = finite_numbers(differences, "Difference")
        if self.before is None:
            raise InputError(f"Difference: the inverse needs the {self.lag} values before: use after(values)")
        before = _beside(self.before, differences, "Difference")
        steps = differences.shape[-1]
        # One row for each round of `lag` values: each adds its differences to the round before.
        rounds = np.zeros((*differences.shape[:-1], -(-steps // self.lag) * self.lag))
        rounds[..., :steps] = differences
        rounds = rounds.reshape(*differences.shape[:-1], -1, self.lag)
        rounds = np.concatenate([before[..., None, :], rounds], axis=-2).cumsum(axis=-2)[..., 1:, :]
        return rounds.reshape(*differences.shape[:-1], -1)[..., :steps]


@dataclass(frozen=True, eq=False)
class LastValue:
    """Each window (…, T) minus its last value, or divided by it: windows of every level look alike.

    Nothing is learned. The targets of the windows and the inverse need the windows' last values: `after(windows)`.

    >>> step = LastValue()
    >>> windows = np.array([[1.0, 2.0, 4.0]])
    >>> step.transform(windows), step.after(windows).transform(np.array([[5.0, 3.0]]))
    (array([[-3., -2.,  0.]]), array([[ 1., -1.]]))
    >>> step.after(windows).inverse_transform(np.array([[1.0, -1.0]]))
    array([[5., 3.]])
    """

    kind: str = "minus"
    last: Array | None = None  # (…, 1)

    def __post_init__(self) -> None:
        if self.kind not in ("minus", "divided"):
            raise OptionError(f"LastValue: kind: expected 'minus' or 'divided', got {self.kind!r}")
        if self.last is not None and np.shape(self.last)[-1:] != (1,):
            raise ShapeError(f"LastValue: last: expected (…, 1) values, got {np.shape(self.last)}")

    def after(self, windows: Array) -> LastValue:
        """For what follows `windows` (…, T), and to invert it."""
        return replace(self, last=self._last_of(finite_numbers(windows, "LastValue")).copy())

    def transform(self, values: Array) -> Array:
        values = finite_numbers(values, "LastValue")
        last = self._last_of(values) if self.last is None else _beside(self.last, values, "LastValue")
        return values - last if self.kind == "minus" else values / last

    def inverse_transform(self, values: Array) -> Array:
        values = finite_numbers(values, "LastValue")
        if self.last is None:
            raise InputError("LastValue: the inverse needs the windows' last values: use after(windows)")
        last = _beside(self.last, values, "LastValue")
        return values + last if self.kind == "minus" else values * last

    def _last_of(self, windows: Array) -> Array:
        if windows.ndim == 0 or windows.shape[-1] == 0:
            raise ShapeError(f"LastValue: expected windows (…, T), got {windows.shape}")
        last = windows[..., -1:]
        if self.kind == "divided" and (last == 0).any():
            raise DataError(
                f"LastValue: {(last == 0).sum()} of {last.size} windows end with zero, by which nothing can be "
                "divided: use kind='minus'"
            )
        return last


def _beside(before: Array, values: Array, who: str) -> Array:
    """`before` (N, lag) for each of `values` (…, N, steps): never a window beside another window's values."""
    leading = before.shape[:-1]
    if values.ndim < before.ndim or values.shape[values.ndim - before.ndim : -1] != leading:
        expected = ", ".join(["…", *map(str, leading), "steps"])
        raise ShapeError(
            f"{who}: it stands after {leading} windows, expected ({expected}) values, got {values.shape}: "
            "one step ahead is written values[:, None]"
            if leading
            else f"{who}: expected (…, steps) values, got {values.shape}"
        )
    return np.broadcast_to(before, (*values.shape[:-1], before.shape[-1]))
