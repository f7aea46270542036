"""What a network is once its input is known: its nodes, their shapes, and where their weights lie.

A node is one computation: a layer, or a part of one. They stand in the order in which they are computed, and each
names the nodes that it reads; -1 is the window itself. Most layers are one node that reads the node before;
`Bidirectional` is three (forward, backward, merge), and `LinearSkip` reads the window as well.

All weights of one network stand in one row of P numbers: node after node, array after array in Keras's order, each in
C order. L networks are a table (L, P).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from timeglass.network.layers import Layer
from timeglass.network.nodes import Merge, PlacedLayer
from timeglass.network.placing import place
from timeglass.types import Array

__all__ = ["Architecture", "Merge", "PlacedLayer"]


@dataclass(frozen=True)
class Architecture:
    """The nodes of a network on windows of T time steps and F features.

    >>> from timeglass.network.layers import Dense, SimpleRNN
    >>> network = Architecture.of([SimpleRNN(3), Dense(1, activation="tanh")], time_steps=12, features=1)
    >>> network.weight_count, network.output_shape
    (19, (1,))
    """

    time_steps: int  # T
    features: int  # F
    layers: tuple[PlacedLayer, ...]

    @classmethod
    def of(cls, layers: Sequence[Layer], *, time_steps: int, features: int) -> Architecture:
        """Places the layers; a `ShapeError` names the one that does not fit on the one before."""
        return cls(time_steps, features, place(layers, time_steps, features))

    @cached_property
    def weight_count(self) -> int:
        """P: weights of one network."""
        return sum(layer.weight_count for layer in self.layers)

    @cached_property
    def work(self) -> int:
        """Multiply-adds of one window's forward pass, roughly: each weight once for each step that uses it."""
        return sum(layer.weight_count * layer.time_steps for layer in self.layers)

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one window's forecast."""
        return self.layers[-1].output_shape

    @property
    def regularized(self) -> NDArray[np.bool_]:
        """(P,): true for kernels and recurrent kernels, on which L2 acts, false for biases.

        >>> from timeglass.network.layers import Dense
        >>> Architecture.of([Dense(2)], time_steps=1, features=1).regularized.tolist()
        [True, True, False, False]
        """
        marks = [
            np.full(prod(shape), name.startswith("w"))
            for layer in self.layers
            for name, shape in layer.weight_shapes.items()
        ]
        return np.concatenate(marks) if marks else np.zeros(0, dtype=np.bool_)

    def split(self, weights: Array) -> list[dict[str, Array]]:
        """Views of weights (L, P): for each node, arrays (L, …) by name."""
        views: list[dict[str, Array]] = []
        at = 0
        for layer in self.layers:
            arrays = {}
            for name, shape in layer.weight_shapes.items():
                arrays[name] = weights[:, at : at + prod(shape)].reshape(-1, *shape)
                at += prod(shape)
            views.append(arrays)
        return views
