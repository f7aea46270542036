"""On which side of its corners each activation of a network stands, and where a nudge takes one across.

Across a corner a finite difference mixes two slopes, and is no measure of a gradient: with two corners on the way, the
gradient need not even lie between the differences to either side.
"""

from __future__ import annotations

import numpy as np

from timeglass.cells.recurrent import Values
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Masking
from timeglass.types import Array

__all__ = ["CORNERS", "changed_sides", "corner_sides"]

# Where the activation's formula changes: its slope jumps there, or (elu) its curvature does.
CORNERS: dict[str, tuple[float, ...]] = {
    "relu": (0.0,),
    "leaky_relu": (0.0,),
    "hard_sigmoid": (-3.0, 3.0),
    "elu": (0.0,),
    "selu": (0.0,),
}


def corner_sides(architecture: Architecture, values: list[Values]) -> list[Array]:
    """Of `chain.forward`'s values, for each corner of each node: -1, 0 or 1 (T, L, N, units); and each mask.

    >>> from timeglass.network import chain
    >>> from timeglass.network.layers import Dense
    >>> network = Architecture.of([Dense(1, "relu")], time_steps=0, features=1)
    >>> values = chain.forward(network, np.array([[2.0, -1.0]]), np.array([[[0.5], [0.0], [3.0]]]))
    >>> corner_sides(network, values)[0].ravel().tolist()
    [0, -1, 1]
    """
    found = []
    for node, own in zip(architecture.layers, values, strict=False):
        if isinstance(node.layer, Masking):
            found.append(own["mask"].astype(np.int8))
        for activation, z in _met(node, own):
            found += [(z > at).astype(np.int8) - (z < at).astype(np.int8) for at in CORNERS.get(activation, ())]
    return found


def changed_sides(one: list[Array], other: list[Array], shape: tuple[int, ...]) -> Array:
    """(L, N), which is `shape`: in which windows anything stands on another side, of two lists of `corner_sides`."""
    found = np.zeros(shape, dtype=bool)
    for mine, theirs in zip(one, other, strict=True):
        found = found | (mine != theirs).any(axis=(0, -1))
    return found


def _met(node: PlacedLayer, own: Values) -> list[tuple[str, Array]]:
    """Each activation of a node, with what it is applied to."""
    if "z" not in own:
        return []
    if not isinstance(node.layer, GRU | LSTM):
        return [(node.activation, own["z"])]
    parts = np.split(own["z"], node.layer.gates, axis=-1)
    names = [node.recurrent_activation] * len(parts)
    names[2] = node.activation  # the candidate
    met = list(zip(names, parts, strict=True))
    return [*met, (node.activation, own["c"])] if isinstance(node.layer, LSTM) else met
