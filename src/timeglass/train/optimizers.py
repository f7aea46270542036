"""The optimisers, with Keras's formulas, names, defaults and places of epsilon.

A step: gradient (of the loss and the L2 penalty), clipping, AdamW's decay, the step itself. All of it acts in place on
arrays (L, P) of L networks with P weights each, in the order of operations that the docstrings give, which is the
compiled kernel's too.

Learning rates are made in float64 for each network at each step, and rounded once to the weights' type:

    rate[l] = base_rate[l] · rate_scale[l] · factor(steps[l]),    multiplied from left to right
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError
from timeglass.train.checks import Rates, as_rates, check_number
from timeglass.train.clipping import clip_by_global_norm, clip_by_norm, clip_by_value
from timeglass.train.schedules import Schedule
from timeglass.types import Array

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "StepRates", "optimizer_of"]

Doubles = NDArray[np.float64]


class StepRates(NamedTuple):
    """What one step multiplies by, for each network: (L, 1), in the weights' type."""

    rate: Array  # the learning rate; Adam's with its bias correction
    decay: Array  # what AdamW takes off each weight: learning rate · weight_decay


class Optimizer(ABC):
    """What every optimiser has: a learning rate, clipping, and a step.

    `learning_rate` is a number, a tuple with one for each network, or a schedule; of `clipnorm` (of each weight array),
    `clipvalue` and `global_clipnorm` (of all weights together) one may be given.
    """

    name: ClassVar[str]
    learning_rate: Rates | Schedule
    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None

    @property
    @abstractmethod
    def slot_names(self) -> tuple[str, ...]:
        """What the optimiser keeps for each weight, in Keras's words."""

    @property
    def slots(self) -> int:
        """S: how many numbers it keeps for each weight."""
        return len(self.slot_names)

    @abstractmethod
    def step(self, gradient: Array, weights: Array, slots: Array, rates: StepRates) -> None:
        """One step of weights (L, P) and slots (S, L, P) in place, for a gradient (L, P) already clipped."""

    def base_rates(self, networks: int) -> Doubles:
        """(L,): the learning rate for which a schedule's factor of 1 stands."""
        rate = self.learning_rate.base_rate if isinstance(self.learning_rate, Schedule) else self.learning_rate
        if isinstance(rate, tuple) and len(rate) != networks:
            raise OptionError(
                f"{type(self).__name__} learning_rate: expected one rate or {networks}, one for each network, "
                f"got {len(rate)}"
            )
        return np.broadcast_to(np.asarray(rate, dtype=np.float64), (networks,)).copy()

    def factor(self, steps: Any) -> Doubles:
        """What a schedule makes of the base rate at these steps, counted from 0; ones where there is no schedule."""
        if isinstance(self.learning_rate, Schedule):
            return self.learning_rate.factor(steps)
        return np.ones(np.shape(steps))

    def step_rates(self, rates: Doubles, _beta_powers: Doubles, real: Any) -> StepRates:
        """From the learning rates (L,) of this step, and for Adam its beta powers (L, 2), this step's included."""
        rate = rates.astype(real)[:, None]
        return StepRates(rate, np.zeros_like(rate))

    def clip(self, gradient: Array, arrays: Callable[[], Iterable[Array]]) -> None:
        """Clips the gradient (L, P) in place; `arrays` gives views (L, …) of it, one for each weight array."""
        if self.clipnorm is not None:
            clip_by_norm(arrays(), self.clipnorm)
        elif self.global_clipnorm is not None:
            clip_by_global_norm(gradient, self.global_clipnorm)
        elif self.clipvalue is not None:
            clip_by_value(gradient, self.clipvalue)

    @property
    def betas(self) -> tuple[float, float]:
        """By what the beta powers are multiplied in each step; ones where there are none."""
        return 1.0, 1.0

    def _check(self, **limits: str) -> None:
        """Checks the fields; `limits` says for each what it may be."""
        kind = type(self).__name__
        if not isinstance(self.learning_rate, Schedule):
            object.__setattr__(self, "learning_rate", as_rates(f"{kind} learning_rate", self.learning_rate))
        for name, limit in limits.items():
            holds, words = _LIMITS[limit]
            check_number(f"{kind} {name}", getattr(self, name), holds, words)
        clips = [name for name in ("clipnorm", "clipvalue", "global_clipnorm") if getattr(self, name) is not None]
        if len(clips) > 1:
            raise OptionError(f"{kind}: expected at most one kind of clipping, got {' and '.join(clips)}")
        for name in clips:
            check_number(f"{kind} {name}", getattr(self, name), lambda limit: limit > 0, "a finite number above 0")


_LIMITS = {
    "share": (lambda value: 0 <= value < 1, "a number from 0 to below 1"),
    "share or one": (lambda value: 0 <= value <= 1, "a number from 0 to 1"),
    "not negative": (lambda value: value >= 0, "a finite number of at least 0"),
}


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, with momentum if asked for.

        w -= g · rate
        momentum:            v = v · momentum - g · rate,   w += v
        and with nesterov:                                  w += v · momentum - g · rate

    Y. Nesterov, "A method for solving the convex programming problem with convergence rate O(1/k²)", 1983;
    I. Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.

    >>> SGD(momentum=0.9).slot_names
    ('momentum',)
    """

    learning_rate: Rates | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    name: ClassVar[str] = "sgd"

    def __post_init__(self) -> None:
        self._check(momentum="share or one")

    @property
    def slot_names(self) -> tuple[str, ...]:
        return ("momentum",) if self.momentum else ()

    def step(self, gradient: Array, weights: Array, slots: Array, rates: StepRates) -> None:
        change = gradient * rates.rate
        if not self.momentum:
            weights -= change
            return
        momentum = weights.dtype.type(self.momentum)
        slots[0] = slots[0] * momentum - change
        weights += slots[0] * momentum - change if self.nesterov else slots[0]


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """Steps divided by a running root mean square of the gradient.

        v = v · rho + g² · (1 - rho)
        centered:   a = a · rho + g · (1 - rho),   d = max(v - a², 0) + epsilon;   else d = v + epsilon
        change = g · rate / sqrt(d)
        momentum:   m = m · momentum + change,   w -= m;   else w -= change

    Slots: v, m if there is momentum, a if centered. Keras does without the max, and ends in NaN where rounding makes
    v - a² negative; elsewhere they are the same.

    T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", Coursera, 2012; A. Graves, "Generating sequences with recurrent
    neural networks", 2013 (centered).

    >>> RMSprop(momentum=0.9, centered=True).slot_names
    ('velocity', 'momentum', 'average_gradient')
    """

    learning_rate: Rates | Schedule = 0.001
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    name: ClassVar[str] = "rmsprop"

    def __post_init__(self) -> None:
        self._check(rho="share", momentum="share or one", epsilon="not negative")

    @property
    def slot_names(self) -> tuple[str, ...]:
        return ("velocity", *(("momentum",) if self.momentum else ()), *(("average_gradient",) * self.centered))

    def step(self, gradient: Array, weights: Array, slots: Array, rates: StepRates) -> None:
        real = weights.dtype.type
        rho, rest, epsilon = real(self.rho), real(1.0 - self.rho), real(self.epsilon)
        slots[0] = slots[0] * rho + gradient * gradient * rest
        d = slots[0]
        if self.centered:
            slots[-1] = slots[-1] * rho + gradient * rest
            d = np.maximum(d - slots[-1] * slots[-1], real(0.0))
        change = gradient * rates.rate / np.sqrt(d + epsilon)
        if self.momentum:
            slots[1] = slots[1] * real(self.momentum) + change
            change = slots[1]
        weights -= change


def _adam_step(epsilon: float, betas: tuple[float, float], g: Array, w: Array, slots: Array, rate: Array) -> None:
    real = w.dtype.type
    m, v = slots
    m += (g - m) * real(1.0 - betas[0])
    v += (g * g - v) * real(1.0 - betas[1])
    w -= m * rate / (np.sqrt(v) + real(epsilon))


def _corrected(rates: Doubles, beta_powers: Doubles) -> Doubles:
    """Adam's learning rates (L,): times sqrt(1 - beta_2^t), then divided by 1 - beta_1^t; powers (L, 2)."""
    return rates * np.sqrt(1.0 - beta_powers[:, 1]) / (1.0 - beta_powers[:, 0])


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

        m += (g - m) · (1 - beta_1),   v += (g² - v) · (1 - beta_2)
        w -= m · rate / (sqrt(v) + epsilon)
        with rate = learning_rate · sqrt(1 - beta_2^t) / (1 - beta_1^t), t = 1, 2, …

    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, with the bias
    corrections in the rate and epsilon outside the root, as Keras has it.

    >>> Adam().betas
    (0.9, 0.999)
    """

    learning_rate: Rates | Schedule = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    name: ClassVar[str] = "adam"

    def __post_init__(self) -> None:
        self._check(beta_1="share", beta_2="share", epsilon="not negative")

    @property
    def slot_names(self) -> tuple[str, ...]:
        return "momentum", "velocity"

    @property
    def betas(self) -> tuple[float, float]:
        return self.beta_1, self.beta_2

    def step_rates(self, rates: Doubles, beta_powers: Doubles, real: Any) -> StepRates:
        rate = _corrected(rates, beta_powers).astype(real)[:, None]
        return StepRates(rate, np.zeros_like(rate))

    def step(self, gradient: Array, weights: Array, slots: Array, rates: StepRates) -> None:
        _adam_step(self.epsilon, self.betas, gradient, weights, slots, rates.rate)


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam that takes a share off every weight, biases too, before its step.

        w -= w · decay,   decay = learning_rate · weight_decay;   then Adam's step

    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.

    >>> AdamW().weight_decay
    0.004
    """

    learning_rate: Rates | Schedule = 0.001
    weight_decay: float = 0.004
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    name: ClassVar[str] = "adamw"

    def __post_init__(self) -> None:
        self._check(weight_decay="not negative", beta_1="share", beta_2="share", epsilon="not negative")

    @property
    def slot_names(self) -> tuple[str, ...]:
        return "momentum", "velocity"

    @property
    def betas(self) -> tuple[float, float]:
        return self.beta_1, self.beta_2

    def step_rates(self, rates: Doubles, beta_powers: Doubles, real: Any) -> StepRates:
        corrected = _corrected(rates, beta_powers)
        return StepRates(corrected.astype(real)[:, None], (rates * self.weight_decay).astype(real)[:, None])

    def step(self, gradient: Array, weights: Array, slots: Array, rates: StepRates) -> None:
        weights -= weights * rates.decay
        _adam_step(self.epsilon, self.betas, gradient, weights, slots, rates.rate)


_BY_NAME = {kind.name: kind for kind in (SGD, RMSprop, Adam, AdamW)}


def optimizer_of(optimizer: str | Optimizer) -> Optimizer:
    """The optimiser itself, from its value or its Keras name.

    >>> optimizer_of("adam") == Adam()
    True
    """
    if isinstance(optimizer, Optimizer):
        return optimizer
    kind = _BY_NAME.get(optimizer.lower()) if isinstance(optimizer, str) else None
    if kind is None:
        known = ", ".join(_BY_NAME)
        raise OptionError(f"optimizer: expected one of {known}, or an optimiser such as Adam(0.01), got {optimizer!r}")
    return kind()
