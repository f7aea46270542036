"""L-BFGS: the quasi-Newton method with limited memory, for many small problems side by side.

The direction is -H g: g is the gradient, H an approximation of the inverse of the Hessian that is never written down
but worked out from the last few steps s and the changes y of the gradient along them, in two loops:

    q = g;   from the last step to the first:  a_i = s_i · q / (s_i · y_i),   q -= a_i · y_i
    z = q · (s · y) / (y · y), of the last step
    from the first step to the last:  b = y_i · z / (s_i · y_i),   z += s_i · (a_i - b);   the direction is -z

J. Nocedal, "Updating quasi-Newton matrices with limited storage", 1980; D. C. Liu, J. Nocedal, "On the limited memory
BFGS method for large scale optimization", 1989; J. Nocedal, S. J. Wright, "Numerical optimization", 2006, 7.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from timeglass.train.iterations import Iterations, Rows
from timeglass.train.line_search import LineSearches
from timeglass.train.solver_settings import LBFGS
from timeglass.types import Array

__all__ = ["Evaluate", "minimize"]

# At weights (L', P) of these rows: the losses (L',) and their gradients (L', P).
Evaluate = Callable[[Array, Rows], tuple[Array, Array]]

# A step along which the gradient hardly changes says nothing of the curvature: s · y must exceed this share of y · y.
_LEAST_CURVATURE = 1e-14


def _dot(a: Array, b: Array) -> Array:
    """(L',) from (L', P): by NumPy's own sum, whose order depends on P alone."""
    return np.add.reduce(a * b, axis=-1)


class _Memory:
    """The last m steps and changes of each problem's gradient, the latest last; places not filled yet hold zeros."""

    def __init__(self, problems: int, size: int, weights: int) -> None:
        self._steps = np.zeros((size, problems, weights))  # s (m, L, P)
        self._changes = np.zeros((size, problems, weights))  # y (m, L, P)
        self._inverses = np.zeros((size, problems, 1))  # 1 / (s · y) (m, L, 1), 0 in places not filled
        self._scale = np.ones((problems, 1))  # (s · y) / (y · y) of the latest (L, 1)
        self.filled = np.zeros(problems, dtype=np.int64)  # (L,)

    def add(self, rows: Rows, steps: Array, changes: Array) -> None:
        """A step and a change of the gradient (L', P) for each row; left out where they show no curvature upwards."""
        curvature, square = _dot(steps, changes)[:, None], _dot(changes, changes)[:, None]
        useful = (curvature > _LEAST_CURVATURE * square)[:, 0]
        if not useful.all():
            rows, steps, changes = rows[useful], steps[useful], changes[useful]
            curvature, square = curvature[useful], square[useful]
        latest = ((self._steps, steps), (self._changes, changes), (self._inverses, 1 / curvature))
        for kept, new in latest:
            kept[:-1, rows] = kept[1:, rows]
            kept[-1, rows] = new
        self._scale[rows] = curvature / square
        self.filled[rows] = np.minimum(self.filled[rows] + 1, len(self._steps))

    def forget(self, rows: Rows) -> None:
        self._inverses[:, rows], self._scale[rows], self.filled[rows] = 0, 1, 0

    def directions(self, rows: Rows, gradient: Array) -> Array:
        """-H g (L', P)."""
        used = slice(len(self._steps) - int(self.filled[rows].max()), None)
        s, y, inverse = self._steps[used, rows], self._changes[used, rows], self._inverses[used, rows]
        over = inverse * s, inverse * y  # s / (s · y), y / (s · y): (m, L', P)
        shares = np.empty_like(inverse)
        z = gradient.copy()
        for i in reversed(range(len(s))):
            shares[i] = _dot(over[0][i], z)[:, None]
            z -= shares[i] * y[i]
        z *= self._scale[rows]
        for i in range(len(s)):
            z += (shares[i] - _dot(over[1][i], z)[:, None]) * s[i]
        return -z


class _Descent:
    """Where each of L problems stands: at `iterations.weights`, on the way along a line."""

    def __init__(self, iterations: Iterations, gradient: Array, settings: LBFGS) -> None:
        problems, weights = gradient.shape
        self._iterations, self._settings = iterations, settings
        self._gradient = gradient  # (L, P) at the line's beginning
        self._low_gradient = gradient.copy()  # (L, P) at the line's low
        self._direction = np.zeros_like(gradient)  # (L, P)
        self._memory = _Memory(problems, settings.memory, weights)
        self._lines = LineSearches(problems)
        self._aim(iterations.running)

    def tries(self, rows: Rows) -> Array:
        """The weights to try next (L', P)."""
        return self._on_line(rows, self._lines.step)

    def _on_line(self, rows: Rows, step: Array) -> Array:
        return self._iterations.weights[rows] + step[rows, None] * self._direction[rows]

    def look(self, rows: Rows, weights: Array, values: Array, gradients: Array) -> None:
        """Takes notice of the values and gradients (L', P) at what was tried."""
        verdict = self._lines.look(rows, values, _dot(gradients, self._direction[rows]))
        lower, at_end = verdict.lower, verdict.ended.any()
        self._low_gradient[rows[lower]] = gradients[lower]
        arrived, stuck = verdict.taken, rows[:0]
        if at_end:
            # The low, if there is one, is lower than where the line began, though its slope is still steep.
            fell = verdict.ended & (self._lines.low.step[rows] > 0)
            stuck = rows[verdict.ended & ~fell]
            weights[fell] = self._on_line(rows[fell], self._lines.low.step)
            values = np.where(fell, self._lines.low.value[rows], values)
            gradients = np.where(fell[:, None], self._low_gradient[rows], gradients)
            arrived = arrived | fell
        if arrived.any():
            self._arrive(rows[arrived], weights[arrived], values[arrived], gradients[arrived])
        if at_end:
            self._despair(stuck)

    def _arrive(self, rows: Rows, weights: Array, values: Array, gradients: Array) -> None:
        """An iteration has ended for these problems; those that go on start a new line."""
        before = self._iterations.values[rows]
        self._memory.add(rows, weights - self._iterations.weights[rows], gradients - self._gradient[rows])
        self._gradient[rows] = gradients
        self._iterations.end_iteration(rows, weights, values)
        small = before - values <= self._settings.ftol * np.maximum(np.abs(before), np.abs(values))
        flat = np.abs(gradients).max(axis=1) <= self._settings.gtol
        self._iterations.stop(rows[small | flat])
        self._aim(rows[self._iterations.runs(rows)])

    def _despair(self, rows: Rows) -> None:
        """No lower point was found on their lines: tries once more straight down the gradient, then ends."""
        last_try = self._memory.filled[rows] == 0
        self._iterations.stop(rows[last_try])
        self._memory.forget(rows[~last_try])
        self._aim(rows[~last_try])

    def _aim(self, rows: Rows) -> None:
        """Starts a line from where these problems stand."""
        if rows.size == 0:
            return
        gradient = self._gradient[rows]
        direction = self._memory.directions(rows, gradient)
        slope = _dot(direction, gradient)
        lost = ~(slope < 0)  # by rounding alone
        if lost.any():
            self._memory.forget(rows[lost])
            direction[lost], slope[lost] = -gradient[lost], -_dot(gradient[lost], gradient[lost])
        self._direction[rows] = direction
        # While no curvature is known, a step of length 1 at most.
        first = np.minimum(1, 1 / np.sqrt(_dot(direction, direction)))
        step = np.where(self._memory.filled[rows] > 0, 1.0, first)
        self._lines.begin(rows, self._iterations.values[rows], slope, step)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def minimize(evaluate: Evaluate, iterations: Iterations, settings: LBFGS) -> None:
    """Minimises from `iterations.weights` (L, P); what comes of it, and when it ends, stands in `iterations`.

    Each round evaluates one point for each problem still running, all of them in one call; an iteration takes as many
    rounds as its line needs points, one as a rule, and no problem waits for another.

    >>> bowl = lambda w, rows: (((w - 3) ** 2).sum(axis=1), 2 * (w - 3))
    >>> one = Iterations(np.zeros((1, 2)), limit=20)
    >>> minimize(bowl, one, LBFGS())
    >>> one.best_weights.round(6).tolist()
    [[3.0, 3.0]]
    """
    values, gradient = evaluate(iterations.weights, np.arange(len(iterations.weights)))
    iterations.begin(values)
    iterations.stop(np.flatnonzero(np.abs(gradient).max(axis=1) <= settings.gtol))
    descent = _Descent(iterations, np.array(gradient, dtype=np.float64), settings)
    while (rows := iterations.running).size:
        weights = descent.tries(rows)
        descent.look(rows, weights, *evaluate(weights, rows))
        iterations.report()
