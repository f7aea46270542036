"""One node on one window, as the sheets see it: its numbers, and where stands what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from timeglass.network.architecture import PlacedLayer
from timeglass.trace.workbook.layout import Block, Columns, Given, WeightSheet
from timeglass.types import Array

__all__ = ["FIRST_COLUMN", "HEAD_ROWS", "NodeView", "reading", "step_labels"]

FIRST_COLUMN = 1  # of the blocks; column 0 holds the steps' labels
HEAD_ROWS = 2  # above the steps: keys, labels


@dataclass(frozen=True)
class NodeView:
    """A node with its arrays of the trace, (T, H) or (H,), and its place in the workbook."""

    node: PlacedLayer
    sheet: str
    arrays: Mapping[str, Array]
    read: tuple[Array, ...]  # what each of its inputs gives, (T, F) or (F,)
    sources: tuple[str, ...]  # the names of its inputs
    given: tuple[Given, ...]  # and where they stand
    weights: WeightSheet | None
    mask: Columns | None  # of the Masking node whose mask its steps have

    def table(self, name: str) -> Array:
        """(T, H), or (1, H) where there is no time."""
        array = self.arrays[name]
        return array if array.ndim == 2 else array[None]

    @property
    def layer_weights(self) -> WeightSheet:
        """Those of a layer that has some."""
        assert self.weights is not None
        return self.weights


def step_labels(count: int, timed: bool) -> tuple[str, ...]:
    """The labels of the rows.

    >>> step_labels(2, True)
    ('t=1', 't=2')
    """
    return tuple(f"t={t + 1}" for t in range(count)) if timed else ("value",) * count


def reading(view: NodeView, columns: Columns, which: int = 0) -> Block:
    """The block that takes what a node reads over from where it stands."""
    values, given = view.read[which], view.given[which]
    values = values if values.ndim == 2 else values[None]
    labels = tuple(f"x[{j}]" for j in range(columns.count))
    return Block(columns, f"x, from\n{view.sources[which]}", labels, values, given.far, "input")
