"""The marks by which numbers that come from the window are known, while a graph moves them about.

What one computation gives, a sequence (N, S, U) of S steps (1 of a vector) and U units, is a block of N · S · U whole
numbers in a row, one for each of its numbers. Operators that move numbers about move these as well. So wherever one
comes out, its block, window, step and unit can be read off, however it got there: transposed, cut, put side by side.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from timeglass.errors import DataError
from timeglass.types import Array

__all__ = ["Activated", "Block", "Blocks", "Cell", "Flat", "Joined", "Linear", "Pair", "Part", "Place", "Sum", "Window"]


_MOST_NUMBERS = 2**25  # in one block


class Part(NamedTuple):
    """What is read of a block: all of it, or one step."""

    block: int
    step: int | None


@dataclass(frozen=True)
class Window:
    """The input itself."""


@dataclass(frozen=True)
class Flat:
    """The window's last steps, one after the other."""

    time_steps: int


@dataclass(frozen=True)
class Linear:
    """x · kernel + bias at each step of the block it reads."""

    source: int
    kernel: Array  # (F, U)
    bias: Array | None  # (U,)
    where: str


@dataclass(frozen=True)
class Activated:
    """f(z) of each number of a block."""

    source: int
    activation: str
    where: str


@dataclass(frozen=True)
class Cell:
    """The states of a recurrent layer, in time's order."""

    source: int
    turned: bool  # whether it meets the steps of that block's sequence in turned order
    backward: bool
    operator: Any  # what it is: an `onnx_file.Operator`
    side: int  # which of its directions
    weights: dict[str, Array]  # W, R, B of this direction


@dataclass(frozen=True)
class Pair:
    """Two blocks side by side, or multiplied: all steps, or one of each."""

    mode: str  # concat, mul
    one: Part
    other: Part
    where: str = field(compare=False)


@dataclass(frozen=True)
class Sum:
    """Two blocks added: all steps, or one of each; times `factor`."""

    one: Part
    other: Part
    factor: float
    where: str


@dataclass(frozen=True)
class Joined:
    """Single steps of several blocks, put in a row: those of a recurrent layer that is written out, say."""

    parts: tuple[Part, ...]


Made = Window | Flat | Linear | Activated | Cell | Pair | Sum | Joined


@dataclass(frozen=True)
class Block:
    """What one computation gives, and where its numbers begin."""

    base: int
    steps: int
    units: int
    made: Made


class Place(NamedTuple):
    """Of which block some numbers are, and where in it: arrays of their shape."""

    block: int
    window: Array
    step: Array
    unit: Array


class Blocks:
    """All blocks so far, for N windows."""

    def __init__(self, where: str, windows: int) -> None:
        self.where, self.windows = where, windows
        self.all: list[Block] = []
        self._bases: list[int] = []
        self._next = 0
        self._once: dict[Made, int] = {}

    def add(self, steps: int, units: int, made: Made) -> int:
        """A new block's number."""
        if self.windows * steps * units > _MOST_NUMBERS:
            raise DataError(f"{self.where}: {steps:,} steps of {units:,} units are more numbers than are followed")
        self.all.append(Block(self._next, steps, units, made))
        self._bases.append(self._next)
        self._next += self.windows * steps * units
        return len(self.all) - 1

    def add_once(self, steps: int, units: int, made: Made) -> int:
        """The number of the block of just this, which may be there already."""
        if made not in self._once:
            self._once[made] = self.add(steps, units, made)
        return self._once[made]

    def whole(self, index: int) -> Array:
        """All of a block's marks, (N, S, U)."""
        block = self.all[index]
        marks = np.arange(self.windows * block.steps * block.units, dtype=np.int64)
        return block.base + marks.reshape(self.windows, block.steps, block.units)

    def place(self, marks: Array) -> Place | None:
        """Where all of these stand, or None if they are of several blocks."""
        if not marks.size:
            return None
        index = bisect_right(self._bases, int(marks.flat[0])) - 1
        block = self.all[index]
        own = marks - block.base
        if own.min() < 0 or own.max() >= self.windows * block.steps * block.units:
            return None
        rows, unit = np.divmod(own, block.units)
        window, step = np.divmod(rows, block.steps)
        return Place(index, window, step, unit)

    def moved(self, marks: Array, source: int, target: int) -> Array:
        """The marks at the same places of another block of the same shape."""
        return marks - self.all[source].base + self.all[target].base
