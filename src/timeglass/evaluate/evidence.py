"""What an audit is given: the two parts, the forecasts, and whatever else tells how they were made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.evaluate.learned_scale import LearnedScale, learned_scale
from timeglass.prepare.checks import finite_numbers, places_of, whole_number
from timeglass.series.series import Series
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["ACTIVATIONS", "LARGEST", "Evidence", "Given", "gather_evidence"]

LARGEST = 1e150  # the square of a difference must be a double

# What an output activation cannot go below and above, in scaled units; None for no limit.
ACTIVATIONS: dict[str, tuple[float | None, float | None]] = {
    "elu": (-1.0, None), "hard_sigmoid": (0.0, 1.0), "linear": (None, None), "relu": (0.0, None),
    "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "softplus": (0.0, None), "softsign": (-1.0, 1.0),
    "tanh": (-1.0, 1.0),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known about how forecasts were made, all of it optional: without it the check that needs it is not made.

    `horizon`: how many rows ahead each forecast was made. `activation`: of the output layer. `x_train` and `x_test`:
    windows (N, T) or (N, T, 1) without their targets, in the series' units or scaled. `weights`, `windows`: how many
    numbers the network learns, and from how many windows (else those of `x_train`); `time_steps`: T (else that of
    `x_train`). `covariates`: by name, the values (train and test rows,) of what the forecasts were given about the
    very row that they forecast. `seed_errors`: the test error of each seed (S,). `reported_error`: the one that was
    published. `learn`: a function of all rows, as `timeglass.prepare.leak.find_leaks` takes it.

    >>> Evidence(activation="tanh", weights=19).horizon
    1
    """

    horizon: int = 1
    activation: str | None = None
    x_train: ArrayLike | None = None
    x_test: ArrayLike | None = None
    weights: int | None = None
    windows: int | None = None
    time_steps: int | None = None
    covariates: Mapping[str, ArrayLike] = field(default_factory=dict)
    seed_errors: ArrayLike | None = None
    reported_error: float | None = None
    learn: Callable[[Array], object] | None = None

    def __post_init__(self) -> None:
        whole_number("horizon", self.horizon, at_least=1)
        for name in ("weights", "windows", "time_steps"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), at_least=1)
        if self.activation is not None and self.activation not in ACTIVATIONS:
            raise OptionError(
                f"activation: expected one of {', '.join(ACTIVATIONS)}, got {quoted(str(self.activation))}"
            )
        if self.reported_error is not None and not (np.isfinite(self.reported_error) and self.reported_error >= 0):
            raise OptionError(f"reported_error: expected a finite number not below zero, got {self.reported_error}")
        if not isinstance(self.covariates, Mapping):
            raise OptionError(
                f"covariates: expected a mapping of names to values, got {type(self.covariates).__name__}"
            )


@dataclass(frozen=True, eq=False)
class Given:
    """The same, checked: n training rows, m test rows that follow them directly, and S forecasts of the test rows."""

    train: Array  # (n,)
    test: Array  # (m,)
    forecasts: Array | None  # (S, m)
    scale: LearnedScale | None
    period: int | None
    evidence: Evidence
    labels: tuple[str, ...] | None  # (m,): of the test rows
    x_train: Array | None  # (N, T)
    x_test: Array | None  # (M, T)
    seed_errors: Array | None  # (S,)

    @property
    def series(self) -> Array:
        """Training rows, then test rows."""
        return np.concatenate([self.train, self.test])

    @property
    def forecast(self) -> Array | None:
        """(m,): the median of the forecasts."""
        return None if self.forecasts is None else np.median(self.forecasts, axis=0)

    def label(self, row: int) -> str:
        """What a test row is called: its date, or its number from 1 in the test part."""
        return self.labels[row] if self.labels is not None else f"test row {row + 1}"

    @property
    def span(self) -> str:
        """The test rows, in words."""
        first, last = self.label(0), self.label(len(self.test) - 1)
        return f"{first} to {last}" if self.labels is not None else f"test rows 1 to {len(self.test)}"


def gather_evidence(
    y_train: ArrayLike, y_test: ArrayLike, predictions: ArrayLike | None, scaler: Any, period: int | None,
    evidence: Evidence,
) -> Given:  # fmt: skip
    """Checks all of it, before anything is computed: a `TimeglassError` says what does not fit."""
    train, test = _part("y_train", y_train), _part("y_test", y_test)
    labels = tuple(map(y_test.label, range(len(test)))) if isinstance(y_test, Series) else None
    if period is not None:
        whole_number("period", period, at_least=1)
    return Given(
        train, test,
        None if predictions is None else _forecasts(predictions, len(test)),
        None if scaler is None else learned_scale(scaler),
        period, evidence, labels,
        None if evidence.x_train is None else _windows("x_train", evidence.x_train),
        None if evidence.x_test is None else _windows("x_test", evidence.x_test),
        None if evidence.seed_errors is None else _errors(evidence.seed_errors),
    )  # fmt: skip


def _part(name: str, values: ArrayLike) -> Array:
    with places_of(values):
        numbers = finite_numbers(values, name)
    if numbers.ndim == 2 and numbers.shape[1] == 1:
        numbers = numbers[:, 0]
    if numbers.ndim != 1 or len(numbers) == 0:
        raise ShapeError(f"{name}: expected the values (rows,) of one series, at least 1, got {numbers.shape}")
    return _not_too_large(name, numbers)


def _forecasts(values: ArrayLike, rows: int) -> Array:
    """(S, m) of a forecast (m,) or (m, 1), or of those of several seeds (S, m)."""
    numbers = finite_numbers(values, "predictions")
    if numbers.shape == (rows, 1):
        numbers = numbers[:, 0]
    if numbers.ndim == 1:
        numbers = numbers[None]
    if numbers.ndim != 2 or numbers.shape[1] != rows or len(numbers) == 0:
        raise ShapeError(
            f"predictions: expected one for each of the {rows} test rows, ({rows},), or those of several seeds, "
            f"(seeds, {rows}), got {np.shape(values)}"
        )
    return _not_too_large("predictions", numbers)


def _windows(name: str, values: ArrayLike) -> Array:
    numbers = finite_numbers(values, name)
    if numbers.ndim == 3 and numbers.shape[2] == 1:
        numbers = numbers[:, :, 0]
    if numbers.ndim != 2 or 0 in numbers.shape:
        raise ShapeError(f"{name}: expected windows (N, T) or (N, T, 1) of the target, got {np.shape(values)}")
    return numbers


def _errors(values: ArrayLike) -> Array:
    numbers = finite_numbers(values, "seed_errors")
    if numbers.ndim != 1 or (numbers < 0).any():
        raise InputError("seed_errors: expected one error (S,) for each seed, none below zero")
    return numbers


def _not_too_large(name: str, numbers: Array) -> Array:
    if np.abs(numbers).max() > LARGEST:
        raise InputError(f"{name}: values beyond {LARGEST:g} have no squares in a double: divide all of them first")
    return numbers
