"""The same network with its hidden units in another order, and with other signs: what it forecasts stays the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from timeglass.network.architecture import Architecture, Merge, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Dense, LinearSkip
from timeglass.types import Array

__all__ = ["Units", "rearranged"]


class Units(NamedTuple):
    """Unit j of the new order is `signs[j]` times unit `order[j]` of the old one."""

    order: Array  # (H,)
    signs: Array  # (H,): 1 or -1

    def of(self, array: Array, axis: int = -1) -> Array:
        """An array with its units along that axis so arranged."""
        shape = [1] * array.ndim
        shape[axis] = -1
        return np.take(array, self.order, axis) * self.signs.reshape(shape).astype(array.dtype)


def rearranged(architecture: Architecture, weights: Array, units: Mapping[int, Units]) -> Array:
    """Weights (P,) with the units of those nodes rearranged, and all that reads them accordingly.

    `unit_groups` says what may be asked for. Weights only change places and signs: no bit of their size.

    >>> from timeglass.network.layers import Dense, SimpleRNN
    >>> network = Architecture.of([SimpleRNN(2, use_bias=False), Dense(1, use_bias=False)], time_steps=3, features=1)
    >>> weights = np.arange(1.0, 9.0)  # wx 1 2, wh 3 4 | 5 6, wy 7 | 8
    >>> rearranged(network, weights, {0: Units(np.array([1, 0]), np.array([1, -1]))}).tolist()
    [2.0, -1.0, 6.0, -5.0, -4.0, 3.0, 8.0, -7.0]
    """
    new = weights.copy()
    given: list[Units] = []  # by each node
    split, window = architecture.split(new[None]), _same(architecture.features)
    for index, (node, arrays) in enumerate(zip(architecture.layers, split, strict=True)):
        sources = [given[source] if source >= 0 else window for source in node.inputs]
        own = units.get(index, _same(node.units))
        if node.recurrent:
            _recurrent(node, arrays, sources[0], own)
        elif isinstance(node.layer, Dense):
            _dense(arrays, sources[0], own)
        elif isinstance(node.layer, LinearSkip):
            _dense(arrays, _same(node.skip_features), sources[0])
            own = sources[0]
        elif isinstance(node.layer, Merge):
            own = _merged(node.layer.mode, *sources)
        else:
            own = sources[0]
        given.append(own)
    return new


def _same(units: int) -> Units:
    return Units(np.arange(units), np.ones(units))


def _dense(arrays: dict[str, Array], given: Units, own: Units) -> None:
    arrays["wy"][0] = own.of(given.of(arrays["wy"][0], axis=0))
    if "by" in arrays:
        arrays["by"][0] = own.of(arrays["by"][0])


def _recurrent(node: PlacedLayer, arrays: dict[str, Array], given: Units, own: Units) -> None:
    gates = {"gru": 3, "lstm": 4}.get(node.layer.kind, 1)
    signed = 2 if isinstance(node.layer, GRU | LSTM) else 0  # the candidate, where there are gates
    columns = []
    for gate in range(gates):
        columns.append(Units(own.order + gate * node.units, own.signs if gate == signed else np.ones(node.units)))
    wide = Units(*(np.concatenate(parts) for parts in zip(*columns, strict=True)))
    arrays["wx"][0] = wide.of(given.of(arrays["wx"][0], axis=0))
    arrays["wh"][0] = wide.of(own.of(arrays["wh"][0], axis=0))
    if "bh" in arrays:
        arrays["bh"][0] = wide.of(arrays["bh"][0])


def _merged(mode: str, one: Units, other: Units) -> Units:
    if mode == "concat":
        order = np.concatenate([one.order, other.order + len(one.order)])
        return Units(order, np.concatenate([one.signs, other.signs]))
    return Units(one.order, one.signs * other.signs if mode == "mul" else one.signs)
