"""The settings of the two solvers for small networks: values that `compile` takes in an optimiser's place.

Both look at all windows at once; an epoch is one of their iterations. They count in float64. On the compiled engine
losses and derivatives come in float32, which is enough until the last digits; `engine="numpy"` has them in float64.
"""

from __future__ import annotations

from dataclasses import dataclass

from timeglass.train.checks import check_number, check_whole

__all__ = ["LBFGS", "LevenbergMarquardt", "Solver"]


def _check(solver: LevenbergMarquardt | LBFGS, *numbers: str) -> None:
    """Checks what both solvers have, and that these fields hold numbers of at least 0."""
    kind = type(solver).__name__
    check_whole(f"{kind} starts", solver.starts, 1)
    if solver.patience is not None:
        check_whole(f"{kind} patience", solver.patience, 1)
    for name in numbers:
        check_number(f"{kind} {name}", getattr(solver, name), lambda value: value >= 0, "a finite number of at least 0")


@dataclass(frozen=True)
class LevenbergMarquardt:
    """Levenberg and Marquardt's method, for the mean squared error of networks of up to some hundreds of weights.

    An iteration tries one step for each network, and takes it if the loss falls.

    - `starts`: tries so many initial draws for each network, the first being the weights it has, and keeps the one
      with the lowest loss (validation loss, where there is validation data).
    - `damping`: at the start, relative to the curvature by each weight.
    - `patience`: a network stops after so many iterations without a lower validation loss, and takes back the weights
      of the lowest; needs validation data.
    - A network also stops where the loss, as it fell and as it was foretold to fall, changed by less than `ftol` times
      itself; the step was below `xtol` times the weights; or the cosine between the residuals and each column of the
      Jacobian was below `gtol`. 0 turns a stop off.

    The method and its sources: `timeglass.train.levenberg_marquardt`.

    >>> LevenbergMarquardt(patience=5)
    LevenbergMarquardt(starts=1, damping=0.01, patience=5, ftol=1e-08, xtol=1e-08, gtol=1e-08)
    """

    starts: int = 1
    damping: float = 1e-2
    patience: int | None = None
    ftol: float = 1e-8
    xtol: float = 1e-8
    gtol: float = 1e-8

    def __post_init__(self) -> None:
        _check(self, "ftol", "xtol", "gtol")
        check_number("LevenbergMarquardt damping", self.damping, lambda value: value > 0, "a finite number above 0")


@dataclass(frozen=True)
class LBFGS:
    """The quasi-Newton method with limited memory, for any loss.

    An iteration searches the loss of each network along a line and takes a step there. Where the loss has corners, as
    the absolute error has, it may end at one that is not a minimum.

    - `memory`: steps that the curvature is worked out from.
    - `starts`, `patience`: as for `LevenbergMarquardt`.
    - A network also stops where the loss fell by less than `ftol` times itself, where no number of the gradient is
      larger than `gtol`, or where no lower loss is found down the gradient. 0 turns a stop off.

    The method and its sources: `timeglass.train.lbfgs`.

    >>> LBFGS()
    LBFGS(memory=10, starts=1, patience=None, ftol=1e-09, gtol=1e-08)
    """

    memory: int = 10
    starts: int = 1
    patience: int | None = None
    ftol: float = 1e-9
    gtol: float = 1e-8

    def __post_init__(self) -> None:
        _check(self, "ftol", "gtol")
        check_whole("LBFGS memory", self.memory, 1)


Solver = LevenbergMarquardt | LBFGS
