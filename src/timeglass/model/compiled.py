"""What `compile` settles: the optimiser or solver, the loss, and the L2 penalty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError
from timeglass.model.checks import per_network
from timeglass.train.engine import TrainingState
from timeglass.train.losses import Loss, loss_of
from timeglass.train.optimizers import Adam, Optimizer, optimizer_of
from timeglass.train.schedules import Schedule
from timeglass.train.solver_settings import LBFGS, LevenbergMarquardt, Solver

__all__ = ["Compiled"]

_SOLVERS = {"lbfgs": LBFGS, "levenberg_marquardt": LevenbergMarquardt}


@dataclass(frozen=True)
class Compiled:
    """Of a model with L networks."""

    optimizer: Optimizer | Solver
    loss: Loss
    l2: NDArray[np.float64] | None  # (L,)

    @classmethod
    def of(cls, optimizer: Any, loss: Any, l2: Any, networks: int) -> Compiled:
        """Checked: values or Keras's names; what is given for each network must be given for so many."""
        penalty = per_network("l2", l2, networks, lambda value: value >= 0, "a finite number of at least 0")
        chosen = _optimizer_of(optimizer)
        if isinstance(chosen, Optimizer):
            chosen.base_rates(networks)
        return cls(chosen, loss_of(loss), penalty if penalty.any() else None)

    @property
    def stepwise(self) -> Optimizer:
        """The optimiser, where it has a learning rate."""
        if not isinstance(self.optimizer, Optimizer):
            raise OptionError(f"learning_rate: {type(self.optimizer).__name__} has none")
        return self.optimizer

    @property
    def for_task(self) -> Optimizer:
        """What a `FitTask` takes; a solver's has an optimiser that plays no part."""
        return self.optimizer if isinstance(self.optimizer, Optimizer) else Adam()

    def rates(self, state: TrainingState) -> NDArray[np.float64]:
        """(L,): the learning rates of the next step."""
        optimizer = self.stepwise
        rates = optimizer.base_rates(len(state.weights)) * state.rate_scale * optimizer.factor(state.steps)
        return np.asarray(rates)

    def set_rates(self, state: TrainingState, rates: Any) -> None:
        """Has the coming steps take these rates: one, or one for each network."""
        optimizer = self.stepwise
        if isinstance(optimizer.learning_rate, Schedule):
            raise OptionError(
                f"learning_rate: {type(optimizer.learning_rate).__name__} sets it; "
                "compile with a number to change it yourself or by ReduceLROnPlateau"
            )
        networks = len(state.weights)
        wanted = per_network("learning_rate", rates, networks, lambda rate: rate >= 0, "a finite number of at least 0")
        # What stays as it is keeps its bits, which dividing might change.
        changed = wanted != self.rates(state)
        state.rate_scale[changed] = (wanted / optimizer.base_rates(networks))[changed]


def _optimizer_of(optimizer: Any) -> Optimizer | Solver:
    if isinstance(optimizer, Solver):
        return optimizer
    if isinstance(optimizer, str) and optimizer.lower() in _SOLVERS:
        return _SOLVERS[optimizer.lower()]()
    try:
        return optimizer_of(optimizer)
    except OptionError as error:
        words = str(error)
        known = ", ".join(_SOLVERS)
        raise OptionError(words.replace("expected one of ", f"expected one of {known}, ")) from None
