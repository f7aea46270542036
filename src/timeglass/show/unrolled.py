"""What is drawn of a network unrolled over time: nodes, lines, bands of units and the columns of the time steps.

A column is a time step, from left to right. Within it what a layer reads stands to its left and below it, so that all
lines that enter a node come from the left: a layer's depth is its place in the column, its band the rows of its units.
A layer that goes backwards is read from right to left.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

__all__ = ["Band", "Unrolled", "UnrolledEdge", "UnrolledNode", "column_width", "depth_width", "most_steps"]

NODE_WIDTH, NODE_HEIGHT = 66.0, 34.0
_WIDEST = 1200.0  # pixels that the columns may take together


@dataclass(frozen=True)
class UnrolledNode:
    """One unit of one layer at one step, and its value."""

    name: str  # of its array, as in a trace: "simple_rnn.h[t=3]"
    unit: int
    label: str  # short, as in a formula: "h3[0]"
    band: int  # its layer, in `Unrolled.bands`
    column: int  # 0 is before the first step; then the place in `Unrolled.steps`, from 1 on
    value: float
    masked: bool = False  # the step does not count: a layer holds its state over it
    details: tuple[tuple[str, float], ...] = ()  # what else went into it: bias, gates


@dataclass(frozen=True)
class UnrolledEdge:
    """A line between two of `Unrolled.nodes`."""

    source: int
    target: int
    weight: float | None  # None where a number goes on without one
    words: str = ""  # what becomes of it then: held, added, a factor
    recurrent: bool = False  # from the same layer's step before
    gates: tuple[tuple[str, float], ...] = ()  # of a gated layer: each gate's own weight


@dataclass(frozen=True)
class Band:
    """The rows of one layer's units, or of the window's features."""

    name: str  # of the layer; "x" is the window
    kind: str
    symbol: str  # x, h or y
    depth: int
    rows: int  # units that are drawn
    units: int  # that there are
    timed: bool = True  # has a column for each step; without time it stands at the right of the last one
    backwards: bool = False

    @property
    def left_out(self) -> int:
        """Units that are not drawn."""
        return self.units - self.rows


@dataclass(frozen=True)
class Unrolled:
    """One window's way through a network."""

    title: str
    steps: tuple[int | None, ...]  # of the columns from 1 on; None stands for those left out
    bands: tuple[Band, ...]  # from the bottom up; the window is the first
    nodes: tuple[UnrolledNode, ...]
    edges: tuple[UnrolledEdge, ...]
    notes: tuple[str, ...] = ()  # what the picture does not show, and how it shows the rest

    def largest_value(self, band: int) -> float:
        """The size of a band's largest value that is finite: full colour."""
        return max((abs(n.value) for n in self.nodes if n.band == band and isfinite(n.value)), default=0.0)

    @property
    def largest_weight(self) -> float:
        """The size of the largest weight that is drawn: the thickest line."""
        return max((abs(e.weight) for e in self.edges if e.weight is not None and isfinite(e.weight)), default=0.0)

    @property
    def timed_depth(self) -> int:
        """Of the deepest layer that has time."""
        return max(band.depth for band in self.bands if band.timed)


def depth_width(rows: int) -> float:
    """Pixels from a layer to the next within a column: the more rows, the more room for the lines."""
    return NODE_WIDTH + min(64.0, 22.0 + 6.0 * rows)


def column_width(depth: int, rows: int) -> float:
    """Pixels of a column whose deepest layer that gives sequences has that depth, with at most so many rows.

    >>> column_width(1, 2)
    188.0
    """
    return depth * depth_width(rows) + NODE_WIDTH + 22.0


def most_steps(depth: int, rows: int) -> int:
    """How many columns fit side by side, at least four.

    >>> most_steps(1, 2), most_steps(4, 8)
    (6, 4)
    """
    return max(4, int(_WIDEST // column_width(depth, rows)))
