"""Each gradient beside its central finite difference, in float64: of the loss by the weights, and by the states.

A gradient holds if it lies between the differences to either side, give or take a millionth of it and what rounding
does to the loss. Where a nudge takes an activation across a corner, as relu has one, differences say nothing: such
windows are left out of a weight's gradient, and a number of which no window is left is not compared, but counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from timeglass.errors import OptionError
from timeglass.explain.differences import Differences, needs_targets, rounding, states_nudged, weights_nudged
from timeglass.explain.equations import number
from timeglass.model.checks import whole
from timeglass.trace.trace import Trace
from timeglass.types import Array
from timeglass.words import counted

__all__ = ["ArrayCheck", "GradientCheck", "check_gradients"]

_TOLERANCE = 1e-6
_MOST_CHANGES = 2**24  # numbers of a table of nudges


@dataclass(frozen=True)
class ArrayCheck:
    """The gradient by one array, number by number, M of them."""

    name: str  # simple_rnn.dwx; simple_rnn.dh, the gradient by a layer's states
    count: int  # numbers that the array has
    axes: tuple[str, ...]  # of what the places count, such as row and column
    places: Array  # (M, axes), from 0 on
    gradients: Array  # (M,)
    differences: Array  # (M,): the central ones
    allowed: Array  # (M,): how far apart the two may be
    whole: tuple[float, float, float] | None = None  # the same along ± 1 in all numbers at once, where M < count
    corners: Array | None = None  # (M,): which are at a corner in every window, and so not comparable; None: none
    partly: int = 0  # how many of the others are compared without those windows that are at a corner

    @property
    def at_corner(self) -> Array:
        """(M,): `corners`; but what is not finite is never excused."""
        none = np.zeros(len(self.gradients), dtype=bool)
        return none if self.corners is None else np.asarray(self.corners & np.isfinite(self.gradients))

    @property
    def errors(self) -> Array:
        """(M,): how far apart they are, as a share of the larger one; 0 where both are 0."""
        sizes = np.maximum(np.abs(self.gradients), np.abs(self.differences))
        return np.abs(self.gradients - self.differences) / np.where(sizes > 0, sizes, 1)

    @property
    def holds_at(self) -> Array:
        """(M,): which of them hold; what is not finite never does, and what is at a corner neither holds nor fails."""
        return (np.abs(self.gradients - self.differences) <= self.allowed) & ~self.at_corner

    @property
    def holds(self) -> bool:
        """Whether all that can be compared hold."""
        along = self.whole is None or abs(self.whole[0] - self.whole[1]) <= self.whole[2]
        return bool((self.holds_at | self.at_corner).all()) and along

    def lines(self, most: int = 3) -> list[str]:
        """In words, with those numbers that are furthest apart."""
        lines = [self._head()]
        apart, corner = np.abs(self.gradients - self.differences), self.at_corner
        shares = np.where(corner, -1, apart / np.maximum(self.allowed, 1e-300))
        for i in np.argsort(-shares, kind="stable")[:most]:
            place = ", ".join(f"{axis} {value}" for axis, value in zip(self.axes, self.places[i], strict=True))
            pair = f"gradient {number(self.gradients[i], 10)}   finite difference {number(self.differences[i], 10)}"
            verdict = f"error {self.errors[i]:.1e}{'' if self.holds_at[i] else '   FAILS'}"
            lines.append(f"  {place:<28}{pair}   {'at a corner: not comparable' if corner[i] else verdict}")
        if self.whole is not None:
            gradient, difference, allowed = self.whole
            pair = f"gradient {number(gradient, 10)}   finite difference {number(difference, 10)}"
            corner_words = "   at a corner: not comparable" if np.isinf(allowed) else ""
            lines.append(f"  {'all at once, each by ± 1':<28}{pair}{corner_words}")
        return lines

    def _head(self) -> str:
        compared = ~self.at_corner
        apart = float(np.abs(self.gradients - self.differences)[compared].max(initial=0.0))
        size = float(np.abs(self.differences)[compared].max(initial=0.0))
        share = f", {apart / size:.1e} of the largest" if size > 0 else ""
        count, left = int(compared.sum()), int((~compared).sum())
        words = [f"{self.name}: {count:,} of {self.count:,} numbers, at most {apart:.1e} apart{share}"]
        words += [f"{left:,} at a corner: not comparable"] * (left > 0)
        words += [f"{self.partly:,} without the windows at a corner"] * (self.partly > 0)
        verdict = ("holds" if count else "not compared") if self.holds else "FAILS"
        return f"{'; '.join(words)}: {verdict}"


@dataclass(frozen=True)
class GradientCheck:
    """What came of all arrays."""

    arrays: tuple[ArrayCheck, ...]
    seed: int  # of the choice of numbers, where there are many

    @property
    def holds(self) -> bool:
        """Whether all arrays hold."""
        return all(one.holds for one in self.arrays)

    @property
    def tested(self) -> int:
        """Numbers that were compared one by one."""
        return sum(len(one.gradients) for one in self.arrays) - self.corners

    @property
    def corners(self) -> int:
        """Numbers at a corner, which cannot be compared."""
        return sum(int(one.at_corner.sum()) for one in self.arrays)

    def __repr__(self) -> str:
        """One line: all the numbers would fill pages."""
        verdict = "all hold" if self.holds else "WRONG"
        arrays, gradients = counted(len(self.arrays), "array"), counted(self.tested, "gradient")
        return f"GradientCheck({arrays}, {gradients} tested, seed {self.seed}: {verdict})"

    def __getitem__(self, name: str) -> ArrayCheck:
        """An array's, by its name in the trace."""
        for one in self.arrays:
            if one.name == name:
                return one
        raise OptionError(f"check_gradients: no {name}: there are {', '.join(one.name for one in self.arrays)}")

    def lines(self, most: int = 3) -> list[str]:
        """In words: the verdict, and of each array those `most` numbers that are furthest apart."""
        chosen = f", chosen with seed {self.seed}" if any(one.whole or _partly(one) for one in self.arrays) else ""
        head = f"{self.tested:,} gradients beside central finite differences in float64{chosen}"
        bad = [one.name for one in self.arrays if not one.holds]
        verdict = f"WRONG: {', '.join(bad)}" if bad else "all gradients hold"
        if self.corners:
            head += f"; {self.corners:,} more at a corner of an activation: not comparable"
            verdict += "" if bad else " that can be compared"
        return [head, *(line for one in self.arrays for line in one.lines(most)), verdict]


def _partly(one: ArrayCheck) -> bool:
    return len(one.gradients) < one.count


def check_gradients(trace: Trace, *, most: int = 64, seed: int = 0, states: bool = True) -> GradientCheck:
    """The gradients of a trace with targets, each beside its finite difference.

    Of arrays with more than `most` numbers so many are drawn with `seed`, and all of them are nudged once together, by
    ± 1 each. With `states`, the gradients by each recurrent layer's h_t too: of one unit at one step, over all windows.

    >>> from timeglass import Dense, Sequential, SimpleRNN
    >>> model = Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], seed=0)
    >>> model.compile("adam", "mse")
    >>> check = check_gradients(model.trace([[[0.1], [0.2], [0.3]]], [0.5]))
    >>> check.tested, check.holds, float(check["dense.dby"].errors.max()) < 1e-8
    (17, True, True)
    """
    needs_targets(trace)
    most, rng = whole("check_gradients most", most, 1), np.random.default_rng(whole("check_gradients seed", seed, 0))
    checks, at = [], 0
    for node, sums in zip(trace.architecture.layers, trace.gradient(), strict=True):
        for name, array in sums.items():
            checks.append(_weights_check(trace, f"{node.name}.d{name}", array, at, most, rng))
            at += array.size
    if states:
        for index, node in enumerate(trace.architecture.layers):
            if node.recurrent:
                checks.append(_states_check(trace, index, most, rng))
    return GradientCheck(tuple(checks), seed)


def _allowed(gradients: Array, found: Differences, noise: float) -> Array:
    sizes = np.maximum(np.abs(gradients), np.abs(found.central))
    return np.asarray(_TOLERANCE * sizes + found.spread + noise)


def _weights_check(
    trace: Trace, name: str, gradient: Array, at: int, most: int, rng: np.random.Generator
) -> ArrayCheck:
    flat, few = gradient.ravel(), min(most, gradient.size, max(1, _MOST_CHANGES // gradient.size))
    chosen = np.sort(rng.choice(gradient.size, few, replace=False)) if few < gradient.size else np.arange(few)
    changes = np.zeros((few, gradient.size))
    changes[np.arange(few), chosen] = 1
    if few < gradient.size:
        changes = np.vstack([changes, rng.choice([-1.0, 1.0], gradient.size)])
    found = weights_nudged(trace, at, changes)
    expected, lost = changes @ flat, np.asarray(found.corners.all(axis=1))
    partly = found.corners.any(axis=1) & ~lost
    if partly.any():
        shares = trace[name]
        shares = shares.reshape(trace.windows, -1, flat.size).sum(axis=1)  # (N, size)
        expected[partly] = np.where(found.corners[partly], 0, changes[partly] @ shares.T).sum(axis=1)
    allowed = _allowed(expected, found, rounding(trace))
    allowed[few:][lost[few:]] = np.inf
    along = (float(expected[-1]), float(found.central[-1]), float(allowed[-1])) if few < gradient.size else None
    places = np.stack(np.unravel_index(chosen, gradient.shape), axis=-1)
    axes = ("row", "column") if gradient.ndim == 2 else ("unit",)
    return ArrayCheck(
        name,
        gradient.size,
        axes,
        places,
        expected[:few],
        found.central[:few],
        allowed[:few],
        along,
        lost[:few],
        int(partly[:few].sum()),
    )


def _states_check(trace: Trace, index: int, most: int, rng: np.random.Generator) -> ArrayCheck:
    node = trace.architecture.layers[index]
    every = np.indices((node.time_steps, node.units)).reshape(2, -1).T
    few = min(len(every), most)
    chosen = every[np.sort(rng.choice(len(every), few, replace=False))] if few < len(every) else every
    found = states_nudged(trace, index, chosen)  # (M, N)
    expected = trace[f"{node.name}.dh"][:, chosen[:, 0], chosen[:, 1]].T
    allowed = _allowed(expected, found, rounding(trace) / trace.windows)
    windows = np.indices(expected.shape)
    places = np.column_stack([windows[1].ravel(), chosen[windows[0].ravel()] + [1, 0]])
    count = len(every) * trace.windows
    axes = ("window", "step", "unit")
    return ArrayCheck(
        f"{node.name}.dh",
        count,
        axes,
        places,
        expected.ravel(),
        found.central.ravel(),
        allowed.ravel(),
        corners=found.corners.ravel(),
    )
