"""The optimisers, with Keras's formulas, names and defaults."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np

from timeglass.errors import OptionError
from timeglass.types import Array

__all__ = ["Adam", "adam_step", "optimizer_of"]


@dataclass(frozen=True)
class Adam:
    """Adam: steps scaled by running means of the gradient and of its square.

    m += (g - m)(1 - beta_1),  v += (g² - v)(1 - beta_2),
    w -= learning_rate · sqrt(1 - beta_2^t) / (1 - beta_1^t) · m / (sqrt(v) + epsilon)

    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, with the bias
    corrections in the rate and epsilon outside the root, as Keras has it.

    >>> Adam()
    Adam(learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-07)
    """

    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def __post_init__(self) -> None:
        limits: dict[str, tuple[Callable[[float], bool], str]] = {
            "learning_rate": (lambda rate: rate > 0, "a finite number above 0"),
            "beta_1": (lambda beta: 0 <= beta < 1, "a number from 0 to below 1"),
            "beta_2": (lambda beta: 0 <= beta < 1, "a number from 0 to below 1"),
            "epsilon": (lambda epsilon: epsilon >= 0, "a finite number of at least 0"),
        }
        for name, (holds, words) in limits.items():
            value = getattr(self, name)
            if not isinstance(value, Real) or not math.isfinite(value) or not holds(float(value)):
                raise OptionError(f"Adam {name}: expected {words}, got {value!r}")


def optimizer_of(optimizer: str | Adam) -> Adam:
    """The optimiser itself, from its value or its Keras name."""
    if isinstance(optimizer, Adam):
        return optimizer
    if isinstance(optimizer, str) and optimizer.lower() == "adam":
        return Adam()
    raise OptionError(f"optimizer: expected 'adam' or an Adam(...), got {optimizer!r}")


def adam_step(adam: Adam, powers: tuple[float, float], dw: Array, w: Array, m: Array, v: Array) -> None:
    """One step in place; `powers` are beta_1^t and beta_2^t, t counting this step."""
    real = w.dtype.type
    rate = real(adam.learning_rate * math.sqrt(1.0 - powers[1]) / (1.0 - powers[0]))
    m += (dw - m) * real(1.0 - adam.beta_1)
    v += (dw * dw - v) * real(1.0 - adam.beta_2)
    w -= m * rate / (np.sqrt(v) + real(adam.epsilon))
