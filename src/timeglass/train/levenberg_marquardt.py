"""Levenberg and Marquardt's method: least squares, many small problems side by side, each with its own damping.

The loss is a sum of squares, F(w) = r · r. With J = dr/dw, near w

    F(w + h) ≈ F + 2 h · g + h · A h,   g = Jᵀ r,   A = Jᵀ J

and the step solves (A + damping · D) h = -g: Gauss and Newton's for a small damping, a short one down the gradient for
a large one. D is the diagonal of A (Marquardt), so that a weight's scale matters little, plus the diagonal's mean
(Levenberg), or a weight that hardly matters yet would be thrown far, and GRU and LSTM layers hardly learn. The gain
ratio, the fall of F over the fall foretold, says whether the step is taken and what becomes of the damping (Nielsen).

K. Levenberg, "A method for the solution of certain non-linear problems in least squares", 1944; D. W. Marquardt, "An
algorithm for least-squares estimation of nonlinear parameters", 1963; H. B. Nielsen, "Damping parameter in
Marquardt's method", IMM-REP-1999-05; the stops are those of MINPACK's lmder (J. J. Moré, 1978).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from timeglass.train.iterations import Iterations, Rows
from timeglass.train.solver_settings import LevenbergMarquardt
from timeglass.types import Array

__all__ = ["Evaluate", "Quadratic", "minimize", "products", "quadratic"]

# LAPACK cannot be interrupted: multiply-adds of one call, so few that Ctrl-C is not kept waiting.
_WORK_AT_ONCE = 10**9
_MOST_DAMPING = 1e30


class Quadratic(NamedTuple):
    """The loss at w and its model around it."""

    value: Array  # F (L',)
    gradient: Array  # g (L', P), half of dF/dw
    curvature: Array  # A (L', P, P)


Evaluate = Callable[[Array, Rows], Quadratic]  # at weights (L', P) of these rows


def products(rows: Array) -> Array:
    """[J r]ᵀ [J r] (L', P+1, P+1): A, g and F in one, from [J r] (L', M, P+1), the residuals beside their Jacobian."""
    return rows.mT @ rows


def quadratic(product: Array) -> Quadratic:
    """What stands in `products`, or in a sum of them.

    >>> quadratic(products(np.array([[[1.0, 3.0], [0.5, 4.0]]])))
    Quadratic(value=array([25.]), gradient=array([[5.]]), curvature=array([[[1.25]]]))
    """
    return Quadratic(product[:, -1, -1], product[:, :-1, -1], product[:, :-1, :-1])


def _solve(matrices: Array, targets: Array) -> Array:
    """The solutions (L', P) of matrix · h = target; NaN where a matrix is singular."""
    at_once = max(1, _WORK_AT_ONCE // targets.shape[1] ** 3)
    solved = np.full_like(targets, np.nan)
    waiting = [slice(first, first + at_once) for first in range(0, len(targets), at_once)]
    for some in waiting:
        try:
            solved[some] = np.linalg.solve(matrices[some], targets[some, :, None])[..., 0]
        except np.linalg.LinAlgError:
            # NumPy refuses a whole stack for one matrix of it: then one by one, so that the others have their step.
            if len(targets[some]) > 1:
                waiting += [slice(row, row + 1) for row in range(some.start, min(some.stop, len(targets)))]
    return solved


def _scale(curvature: Array) -> Array:
    """D (L', P), nowhere zero: the diagonal of A and its mean."""
    diagonal = np.diagonal(curvature, axis1=1, axis2=2)
    mean = diagonal.mean(axis=1, keepdims=True)
    return diagonal + np.where(mean > 0, mean, 1.0)


def _step(near: Quadratic, scale: Array, damping: Array) -> tuple[Array, Array]:
    """The step h (L', P) and the fall of F that the model foretells (L',).

    Solved for sqrt(D) h, so that the weights' scales do not matter to the rounding.
    With (A + damping · D) h = -g the fall -2 h · g - h · A h is h · (damping · D h - g).
    """
    root = np.sqrt(scale)  # (L', P)
    matrices = near.curvature / (root[:, :, None] * root[:, None, :])
    each = np.arange(scale.shape[1])
    matrices[:, each, each] += damping[:, None]
    step = _solve(matrices, -near.gradient / root) / root
    return step, (step * (damping[:, None] * scale * step - near.gradient)).sum(axis=1)


def _lengths(scale: Array, vectors: Array) -> Array:
    """The lengths (L',) of vectors (L', P), each number times the root of its scale."""
    return np.sqrt((scale * vectors**2).sum(axis=1))


def _stationary(near: Quadratic, gtol: float) -> Array:
    """Where the residuals stand at right angles to every column of J: the cosine is at most gtol."""
    lengths = np.sqrt(near.value[:, None] * np.diagonal(near.curvature, axis1=1, axis2=2))
    return (np.abs(near.gradient) <= gtol * lengths).all(axis=1)


class _Damping:
    """Each problem's damping, and the factor by which it grows at the next step refused (Nielsen)."""

    def __init__(self, networks: int, first: float) -> None:
        self.values = np.full(networks, first)
        self._growth = np.full(networks, 2.0)

    def adapt(self, rows: Rows, gain: Array, taken: Array) -> None:
        """Shrinks it by up to three where the model foretold the fall well; grows it where the step was refused."""
        shrunk = self.values[rows] * np.maximum(1 / 3, 1 - (2 * np.where(taken, gain, 0.0) - 1) ** 3)
        grown = np.minimum(self.values[rows] * self._growth[rows], _MOST_DAMPING)
        self.values[rows] = np.where(taken, shrunk, grown)
        self._growth[rows] = np.where(taken, 2.0, np.minimum(2 * self._growth[rows], _MOST_DAMPING))


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def minimize(evaluate: Evaluate, iterations: Iterations, settings: LevenbergMarquardt) -> None:
    """Minimises from `iterations.weights` (L, P); what comes of it, and when it ends, stands in `iterations`.

    Each iteration tries one step for each problem still running and calls `evaluate` once, for all of them.

    >>> def line(w, rows):  # r = (w - 3, 2 w)
    ...     return quadratic(products(np.array([[[1.0, w[0, 0] - 3.0], [2.0, 2 * w[0, 0]]]])))
    >>> one = Iterations(np.zeros((1, 1)), limit=20)
    >>> minimize(line, one, LevenbergMarquardt())
    >>> one.best_weights.round(6).tolist(), one.values.round(6).tolist()
    ([[0.6]], [7.2])
    """
    every = np.arange(len(iterations.weights))
    near = Quadratic(*(np.array(part, dtype=np.float64) for part in evaluate(iterations.weights, every)))
    iterations.begin(near.value)
    damping = _Damping(len(every), settings.damping)
    while (rows := iterations.running).size:
        here = Quadratic(*(part[rows] for part in near))
        weights, scale = iterations.weights[rows], _scale(here.curvature)
        step, foretold = _step(here, scale, damping.values[rows])
        there = evaluate(weights + step, rows)
        fall = here.value - there.value
        taken = fall > 0  # never where the new loss is not a number
        damping.adapt(rows, fall / foretold, taken)
        for part, new in zip(near, there, strict=True):
            part[rows[taken]] = new[taken]
        weights[taken] += step[taken]
        iterations.end_iteration(rows, weights, near.value[rows])
        small = np.maximum(np.abs(fall), foretold) <= settings.ftol * here.value
        short = _lengths(scale, step) <= settings.xtol * (settings.xtol + _lengths(scale, weights))
        flat = _stationary(Quadratic(*(part[rows] for part in near)), settings.gtol)
        lost = damping.values[rows] >= _MOST_DAMPING  # not one step gave a number
        iterations.stop(rows[small | short | flat | lost])
        iterations.report()
