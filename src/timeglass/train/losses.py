"""The losses: what training makes small, and its derivative by the forecasts.

Every loss is a mean of terms over the targets of a window. Axes: L networks, N windows, T steps where the network
gives sequences, then K outputs of the network beside Ky targets. Float32 and float64 arrays stay what they are.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from timeglass.errors import OptionError, ShapeError
from timeglass.train.checks import check_number
from timeglass.types import Array

__all__ = [
    "GaussianLikelihood",
    "Huber",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Quantile",
    "batch_loss",
    "batch_shares",
    "loss_of",
]


class Loss(ABC):
    """Of forecasts p (L, N, …, K) and targets y (L or 1, N, …, Ky).

    A loss takes `outputs_per_target` outputs for each target, group by group: outputs 0 … Ky - 1 are the first
    group's, one for each target. It has `terms_per_target` terms for each.
    """

    name: ClassVar[str]

    @property
    def outputs_per_target(self) -> int:
        """G."""
        return 1

    @property
    def terms_per_target(self) -> int:
        return 1

    def outputs(self, targets: int) -> int:
        """K: outputs that the network needs for so many targets."""
        return self.outputs_per_target * targets

    @abstractmethod
    def _terms(self, p: Array, y: Array) -> Array:
        """Terms (…, terms_per_target, Ky) of p (…, G, Ky) and y (…, 1, Ky)."""

    @abstractmethod
    def _slopes(self, p: Array, y: Array) -> Array:
        """The derivative (…, G, Ky) of the terms' sum by p."""

    def of_steps(self, p: Array, y: Array) -> Array:
        """The mean over the targets of each step, or of each window where there are no steps: p's shape but for K."""
        return self._terms(*self._grouped(p, y)).mean(axis=(-2, -1))

    def of_windows(self, p: Array, y: Array) -> Array:
        """(L, N): the mean over all targets of each window.

        >>> MeanSquaredError().of_windows(np.array([[[1.0, 2.0]]]), np.array([[[0.0, 4.0]]]))
        array([[2.5]])
        """
        losses = self.of_steps(p, y)
        return losses.mean(axis=tuple(range(2, losses.ndim)))

    def derivative(self, p: Array, y: Array) -> Array:
        """The derivative of `of_windows` by p, of p's shape: each term's slope times 1 / (terms of a window).

        >>> MeanSquaredError().derivative(np.array([[[1.0, 2.0]]]), np.array([[[0.0, 4.0]]]))
        array([[[ 1., -2.]]])
        """
        terms = math.prod(y.shape[2:]) * self.terms_per_target
        return self._slopes(*self._grouped(p, y)).reshape(p.shape) * p.dtype.type(1.0 / terms)

    def _grouped(self, p: Array, y: Array) -> tuple[Array, Array]:
        if p.shape[1:-1] != y.shape[1:-1] or p.shape[-1] != self.outputs(y.shape[-1]) or len(y) not in (1, len(p)):
            expected = (*p.shape[:-1], self.outputs(y.shape[-1]))
            raise ShapeError(
                f"{self.name}: {self.outputs_per_target} outputs for each target: targets of shape {y.shape} need "
                f"forecasts of shape {expected}, got {p.shape}"
            )
        return p.reshape(*p.shape[:-1], self.outputs_per_target, -1), y[..., None, :]


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """The mean of (p - y)²; its minimum is the mean of what may come.

    >>> MeanSquaredError().name
    'mean_squared_error'
    """

    name: ClassVar[str] = "mean_squared_error"

    def _terms(self, p: Array, y: Array) -> Array:
        return np.square(p - y)

    def _slopes(self, p: Array, y: Array) -> Array:
        return 2 * (p - y)


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """The mean of |p - y|; its minimum is the median.

    The derivative is the sign of p - y, 0 where they are equal: as in Keras on TensorFlow and torch; JAX has -1 there.

    >>> MeanAbsoluteError().derivative(np.array([[[1.0], [2.0], [3.0]]]), np.array([[[2.0], [2.0], [2.0]]])).ravel()
    array([-1.,  0.,  1.])
    """

    name: ClassVar[str] = "mean_absolute_error"

    def _terms(self, p: Array, y: Array) -> Array:
        return np.abs(p - y)

    def _slopes(self, p: Array, y: Array) -> Array:
        return np.sign(p - y)


@dataclass(frozen=True)
class Huber(Loss):
    """Squared near the target, absolute beyond delta: e² / 2 where |e| ≤ delta, else delta · |e| - delta² / 2.

    Here e = p - y; the derivative is e, held within ± delta.

    P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.

    >>> Huber(delta=1.0).of_windows(np.array([[[0.5], [3.0]]]), np.zeros((1, 2, 1)))
    array([[0.125, 2.5  ]])
    """

    delta: float = 1.0
    name: ClassVar[str] = "huber"

    def __post_init__(self) -> None:
        check_number("Huber delta", self.delta, lambda delta: delta > 0, "a finite number above 0")

    def _terms(self, p: Array, y: Array) -> Array:
        e, delta = p - y, p.dtype.type(self.delta)
        size, half = np.abs(e), p.dtype.type(0.5)
        return np.where(size <= delta, half * np.square(e), delta * size - half * (delta * delta))

    def _slopes(self, p: Array, y: Array) -> Array:
        delta = p.dtype.type(self.delta)
        return np.clip(p - y, -delta, delta)


@dataclass(frozen=True)
class LogCosh(Loss):
    """The mean of log cosh e, e = p - y: near e² / 2 for small errors, |e| - log 2 for large ones.

    Written as |e| + log(1 + exp(-2 |e|)) - log 2, which no large error overflows (Keras leaves out the bars, which
    changes nothing). The derivative is tanh e.

    >>> LogCosh().of_windows(np.array([[[1.0]]]), np.array([[[0.0]]])).round(6)
    array([[0.433781]])
    """

    name: ClassVar[str] = "log_cosh"

    def _terms(self, p: Array, y: Array) -> Array:
        size = np.abs(p - y)
        return size + np.log1p(np.exp(-2 * size)) - p.dtype.type(math.log(2.0))

    def _slopes(self, p: Array, y: Array) -> Array:
        return np.tanh(p - y)


@dataclass(frozen=True)
class Quantile(Loss):
    """The pinball loss of several levels at once: level · u where u = y - p ≥ 0, else (level - 1) · u.

    The network has an output for each level and target, level by level: K = Q · Ky. The minimum of each is that
    quantile of what may come. The derivative by p is -level where p < y, 1 - level where p > y, 0 where they are equal.

    R. Koenker, G. Bassett, "Regression quantiles", Econometrica 46, 1978.

    >>> Quantile(levels=(0.1, 0.9)).of_windows(np.array([[[0.0, 2.0]]]), np.array([[[1.0]]]))
    array([[0.1]])
    """

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    name: ClassVar[str] = "quantile"

    def __post_init__(self) -> None:
        levels = tuple(np.atleast_1d(np.asarray(self.levels, dtype=object)).tolist())
        for level in levels:
            check_number("Quantile levels", level, lambda level: 0 < level < 1, "numbers between 0 and 1")
        if not levels or any(one >= other for one, other in pairwise(levels)):
            raise OptionError(f"Quantile levels: expected at least one level, each above the one before, got {levels}")
        object.__setattr__(self, "levels", tuple(float(level) for level in levels))

    @property
    def outputs_per_target(self) -> int:
        return len(self.levels)

    @property
    def terms_per_target(self) -> int:
        return len(self.levels)

    def _levels(self, p: Array) -> Array:
        return np.array(self.levels, dtype=p.dtype)[:, None]  # (Q, 1)

    def _terms(self, p: Array, y: Array) -> Array:
        u, level = y - p, self._levels(p)
        return np.maximum(level * u, (level - 1) * u)

    def _slopes(self, p: Array, y: Array) -> Array:
        u, level = y - p, self._levels(p)
        return np.where(u > 0, -level, np.where(u < 0, 1 - level, 0 * level))


@dataclass(frozen=True)
class GaussianLikelihood(Loss):
    """How unlikely the targets are under a normal distribution whose mean and log variance the network gives.

        (s + (y - mean)² · exp(-s) + log 2π) / 2,     by the mean: (mean - y) · exp(-s)
        K = 2 · Ky outputs: first the means, then the log variances s;   by s: (1 - (y - mean)² · exp(-s)) / 2

    D. A. Nix, A. S. Weigend, "Estimating the mean and variance of the target probability distribution", 1994.

    >>> GaussianLikelihood().of_windows(np.array([[[3.0, 0.0]]]), np.array([[[3.0]]])).round(6)
    array([[0.918939]])
    """

    name: ClassVar[str] = "gaussian_likelihood"

    @property
    def outputs_per_target(self) -> int:
        return 2

    def _terms(self, p: Array, y: Array) -> Array:
        mean, s = p[..., :1, :], p[..., 1:, :]
        constant = p.dtype.type(math.log(2 * math.pi))
        return p.dtype.type(0.5) * (s + np.square(mean - y) * np.exp(-s) + constant)

    def _slopes(self, p: Array, y: Array) -> Array:
        mean, s = p[..., :1, :], p[..., 1:, :]
        e, precision = mean - y, np.exp(-s)
        return np.concatenate([e * precision, p.dtype.type(0.5) * (1 - np.square(e) * precision)], axis=-2)


_KINDS: tuple[Callable[[], Loss], ...] = (
    MeanSquaredError, MeanAbsoluteError, Huber, LogCosh, Quantile, GaussianLikelihood,
)  # fmt: skip
_BY_NAME: dict[str, Callable[[], Loss]] = {kind().name: kind for kind in _KINDS} | {
    "mse": MeanSquaredError, "mae": MeanAbsoluteError, "logcosh": LogCosh,
}  # fmt: skip


def loss_of(loss: str | Loss) -> Loss:
    """The loss itself, from its value, its name or a name that Keras has for it.

    >>> loss_of("mse")
    MeanSquaredError()
    """
    if isinstance(loss, Loss):
        return loss
    # Keras takes the names of its classes too: MeanSquaredError, MSE.
    found = _BY_NAME.get(loss) or _BY_NAME.get(_snake(loss)) if isinstance(loss, str) else None
    if found is None:
        raise OptionError(f"loss: expected one of {', '.join(_BY_NAME)}, or a loss such as Huber(0.5), got {loss!r}")
    return found()


def _snake(name: str) -> str:
    """MeanSquaredError -> mean_squared_error; MSE -> mse."""
    if name.isupper():
        return name.lower()
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def batch_shares(windows: int, real: Any, sample_weight: Array | None = None, steps: Array | None = None) -> Array:
    """What each window has of the loss of a batch of so many windows, (L or 1, N): sample weight · (1 / windows).

    Where the network gives sequences some of whose steps are masked, `steps` (L or 1, N, T) says which of them count,
    and each step has a share (L or 1, N, T): sample weight · (1 / steps of the batch that count), or 0. As in Keras,
    the divisor does not change with the sample weights.

    >>> batch_shares(2, np.float64, np.array([[1.0, 3.0]])).tolist()
    [[0.5, 1.5]]
    """
    one = np.ones((1, windows), dtype=real) if sample_weight is None else sample_weight.astype(real, copy=False)
    if steps is None:
        return one * one.dtype.type(1.0 / windows)
    counted = np.maximum(steps.sum(axis=(1, 2), keepdims=True), 1)
    return one[:, :, None] * (steps * (1.0 / counted).astype(real))


def batch_loss(loss: Loss, p: Array, y: Array, shares: Array) -> tuple[Array, Array]:
    """A batch's loss (L,) in float64, and its derivative by p, in p's type.

    The loss is Σ share · loss of each window for shares (L or 1, N), or of each step for shares (L or 1, N, T);
    `batch_shares` makes them. The derivative is `loss.derivative` times the share, and times T for a step's.
    """
    if shares.ndim == 2:
        losses = loss.of_windows(p, y)
        scale = shares.reshape(*shares.shape, *(1,) * (p.ndim - 2))
    else:
        losses = loss.of_steps(p, y)
        scale = (shares * p.dtype.type(p.shape[2]))[..., None]
    value = np.asarray(losses * shares, dtype=np.float64).sum(axis=tuple(range(1, losses.ndim)))
    return np.asarray(value), loss.derivative(p, y) * scale
