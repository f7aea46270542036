"""Learning-rate schedules: how the rate changes from one step of the optimiser to the next.

    rate of network l at step n = base_rate[l] · factor(n),    n = 0, 1, 2, …

All networks share `factor`, a function of the step alone; `base_rate` may differ between networks. Both in float64.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError
from timeglass.train.checks import Rates, as_rates, check_number, check_whole
from timeglass.types import Array

__all__ = ["CosineDecay", "ExponentialDecay", "OneCycle", "Schedule"]


class Schedule(ABC):
    """What an optimiser takes in place of a learning rate."""

    @property
    @abstractmethod
    def base_rate(self) -> Rates:
        """The rate for which a factor of 1 stands: one for all networks, or one for each."""

    @abstractmethod
    def factor(self, steps: Any) -> NDArray[np.float64]:
        """By what the base rate is multiplied at each of these steps, of any shape, counted from 0."""

    def _set_rates(self, name: str) -> None:
        """Checks the field of that name and keeps it as a number or a tuple."""
        object.__setattr__(self, name, as_rates(f"{type(self).__name__} {name}", getattr(self, name)))


def _half_cosine(share: Array) -> Array:
    """From 1 at 0 down to 0 at 1."""
    return 0.5 * (1.0 + np.cos(np.pi * share))


@dataclass(frozen=True)
class CosineDecay(Schedule):
    """Falls along half a cosine, after a straight warm-up where one is asked for.

        warm-up, n < warmup_steps:  initial + (warmup_target - initial) · n / warmup_steps
        then, with m = min(n - warmup_steps, decay_steps), from the target (without warm-up from the initial rate):
        top · ((1 - alpha) · (1 + cos(π · m / decay_steps)) / 2 + alpha)

    Names, order and formula are those of `keras.optimizers.schedules.CosineDecay`. The initial rate may be a tuple of
    one rate for each network; with a warm-up it is one number (0 at the least), and the target may be the tuple if
    that number is 0, so that all networks share one curve.

    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.

    >>> CosineDecay(0.01, decay_steps=100).factor([0, 50, 100, 500]).round(6).tolist()
    [1.0, 0.5, 0.0, 0.0]
    """

    initial_learning_rate: Rates
    decay_steps: int
    alpha: float = 0.0
    warmup_target: Rates | None = None
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        check_whole("CosineDecay decay_steps", self.decay_steps, 1)
        check_number("CosineDecay alpha", self.alpha, lambda alpha: 0 <= alpha <= 1, "a number from 0 to 1")
        check_whole("CosineDecay warmup_steps", self.warmup_steps, 0)
        if self.warmup_target is None:
            self._set_rates("initial_learning_rate")
            if self.warmup_steps:
                raise OptionError("CosineDecay warmup_steps: a warm-up needs the rate it ends at: give warmup_target")
            return
        self._set_rates("warmup_target")
        name, words = "CosineDecay initial_learning_rate", "with a warm-up, one finite number of at least 0"
        check_number(name, self.initial_learning_rate, lambda rate: rate >= 0, words)
        if isinstance(self.warmup_target, tuple) and self.initial_learning_rate != 0:
            raise OptionError(
                f"{name}: expected 0 where warmup_target has a rate for each network, "
                f"got {self.initial_learning_rate!r}"
            )

    @property
    def base_rate(self) -> Rates:
        return self.initial_learning_rate if self.warmup_target is None else self.warmup_target

    def factor(self, steps: Any) -> NDArray[np.float64]:
        n = np.asarray(steps, dtype=np.float64)
        share = np.clip((n - self.warmup_steps) / self.decay_steps, 0.0, 1.0)
        decayed = (1.0 - self.alpha) * _half_cosine(share) + self.alpha
        if self.warmup_steps == 0:
            return decayed
        assert isinstance(self.initial_learning_rate, float | int)
        start = self.initial_learning_rate / self.warmup_target if isinstance(self.warmup_target, float) else 0.0
        return np.where(n < self.warmup_steps, start + (1.0 - start) * (n / self.warmup_steps), decayed)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """Falls by the same share in every step: initial · decay_rate^(n / decay_steps).

    With `staircase` the exponent is rounded down, so that the rate changes once in `decay_steps` steps. Names, order
    and formula are those of `keras.optimizers.schedules.ExponentialDecay`.

    >>> ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5).factor([0, 10, 20]).tolist()
    [1.0, 0.5, 0.25]
    """

    initial_learning_rate: Rates
    decay_steps: int
    decay_rate: float
    staircase: bool = False

    def __post_init__(self) -> None:
        self._set_rates("initial_learning_rate")
        check_whole("ExponentialDecay decay_steps", self.decay_steps, 1)
        name = "ExponentialDecay decay_rate"
        check_number(name, self.decay_rate, lambda rate: rate > 0, "a finite number above 0")

    @property
    def base_rate(self) -> Rates:
        return self.initial_learning_rate

    def factor(self, steps: Any) -> NDArray[np.float64]:
        exponent = np.asarray(steps, dtype=np.float64) / self.decay_steps
        return np.power(float(self.decay_rate), np.floor(exponent) if self.staircase else exponent)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up along half a cosine to the greatest rate, then down along another to almost nothing.

        up, n ≤ u = start_share · total_steps - 1:   from max / div_factor to max, share n / u
        down, to n = total_steps - 1:                from max to max / div_factor / final_div_factor

    and stays there. The rates are those of `torch.optim.lr_scheduler.OneCycleLR` as it is by default, momentum left
    alone.

    L. N. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018.

    >>> cycle = OneCycle(max_learning_rate=0.1, total_steps=11, start_share=6 / 11)
    >>> cycle.factor([0, 5]).round(6).tolist()
    [0.04, 1.0]
    """

    max_learning_rate: Rates
    total_steps: int
    start_share: float = 0.3
    div_factor: float = 25.0
    final_div_factor: float = 1e4

    def __post_init__(self) -> None:
        self._set_rates("max_learning_rate")
        check_whole("OneCycle total_steps", self.total_steps, 1)
        check_number("OneCycle start_share", self.start_share, lambda share: 0 <= share <= 1, "a number from 0 to 1")
        for name in ("div_factor", "final_div_factor"):
            value = getattr(self, name)
            check_number(f"OneCycle {name}", value, lambda factor: factor >= 1, "a finite number of at least 1")

    @property
    def base_rate(self) -> Rates:
        return self.max_learning_rate

    def factor(self, steps: Any) -> NDArray[np.float64]:
        n = np.asarray(steps, dtype=np.float64)
        top, last = self.start_share * self.total_steps - 1.0, self.total_steps - 1.0
        start, end = 1.0 / self.div_factor, 1.0 / self.div_factor / self.final_div_factor
        # A rise or a fall of no steps has a length of 0; then no step asks for a share of it but its end.
        up = np.clip(n / top, 0.0, 1.0) if top > 0 else np.ones_like(n)
        down = np.clip((n - top) / (last - top), 0.0, 1.0) if last > top else np.zeros_like(n)
        return np.where(n <= top, 1.0 + (start - 1.0) * _half_cosine(up), end + (1.0 - end) * _half_cosine(down))
