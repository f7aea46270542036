"""Matches the hidden units of two networks by what they do: an order and signs that make them comparable.

Units are paired so that the sum of the correlations of their states, over all windows and steps, is as large as it can
be: a linear assignment. Where a sign is free, that of the correlation does not count.

Y. Li, J. Yosinski, J. Clune, H. Lipson, J. Hopcroft, "Convergent learning: do different neural networks learn the same
representations?", ICLR 2016 (the matching); D. F. Crouse, "On implementing 2D rectangular assignment algorithms", IEEE
Transactions on Aerospace and Electronic Systems 52, 2016 (SciPy's solution of it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from timeglass.errors import EngineError, OptionError, ShapeError
from timeglass.explain.equations import number
from timeglass.explain.rearranging import Units
from timeglass.explain.unit_groups import UnitGroup, unit_groups
from timeglass.network.layers import Dense
from timeglass.trace.trace import Trace
from timeglass.types import Array

__all__ = ["Matching", "check_same_windows", "match_layers", "match_units"]


@dataclass(frozen=True)
class Matching:
    """The units of a layer of one network beside those of a layer of another; M pairs."""

    layers: tuple[str, str]
    nodes: tuple[int, int]  # where they stand in their networks
    matched: Array  # (M,): the one's units, in order
    permutation: Array  # (H',): the other's units: first each pair's, then those that are left
    signs: Array  # (H',): what each of them is to be multiplied by, 1 or -1
    correlations: Array  # (M,): of each pair's states over windows and steps, with the sign; 0 where one never moves
    unmatched: tuple[tuple[int, ...], tuple[int, ...]]  # units of the one, and of the other, that are left

    @property
    def units(self) -> Units:
        """The other's units in the new order."""
        return Units(self.permutation, self.signs)

    def lines(self) -> list[str]:
        """In words: each pair with its correlation, then what is left."""
        one, other = self.layers
        count = f"{len(self.matched)} pair{'s' * (len(self.matched) != 1)} of units"
        lines = [f"{one} beside {other}: {count}, correlation {_mean(self.correlations)}"]
        pairs = zip(self.matched, self.permutation, self.signs, self.correlations, strict=False)
        for unit, partner, sign, correlation in pairs:
            minus = "−" if sign < 0 else " "
            lines.append(f"  unit {unit:<3} is {minus}unit {partner:<3} {number(correlation, 4)}")
        for which, left in zip(("first", "second"), self.unmatched, strict=True):
            if left:
                lines.append(f"  of the {which} network only: unit {', '.join(map(str, left))}")
        return lines


def match_units(one: Trace, other: Trace, layer: str | None = None) -> Matching:
    """The matching of a layer of two networks, from their traces of the same windows.

    `layer` is the first one's: a recurrent or Dense layer, the first recurrent one unless named. It is held against the
    other's layer of that kind in the same place: the second recurrent one against the second. Layers may be of other
    sizes. An `EngineError` says that SciPy is missing, an `OptionError` or `ShapeError` what cannot be compared.

    >>> from timeglass import Sequential, SimpleRNN
    >>> models = [Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], seed=0) for _ in range(2)]
    >>> models[1].set_weights([array[..., ::-1] if array.ndim == 1 or len(array) == 1 else array[::-1, ::-1]
    ...                        for array in models[0].get_weights()])
    >>> x = np.linspace(-1, 1, 12).reshape(4, 3, 1)
    >>> found = match_units(models[0].trace(x), models[1].trace(x))
    >>> found.permutation.tolist(), found.signs.tolist(), found.correlations.round(6).tolist()
    ([1, 0], [1.0, 1.0], [1.0, 1.0])
    """
    found = match_layers(one, other)
    index = one.recurrent() if layer is None else _named(one, layer)
    for matching in found:
        if matching.nodes[0] == index:
            return matching
    name = one.architecture.layers[index].name
    raise OptionError(f"match_units layer {name}: the other network has no layer in its place")


def match_layers(one: Trace, other: Trace) -> list[Matching]:
    """The matchings of all layers that have their like in the other network, in the order of the other's layers."""
    check_same_windows(one, other)
    partners, found = _partners(one, other), []
    for group in unit_groups(other.architecture):
        pairs = [(partners[node], node) for node in group.nodes if node in partners]
        first = [(mine, theirs) for mine, theirs in pairs if _units(one, mine) == _units(one, pairs[0][0])]
        if first:
            found += _matched(one, other, group, first)
    return found


def check_same_windows(one: Trace, other: Trace) -> None:
    """A `ShapeError` or `OptionError` unless both traces are of the same windows."""
    if one["x"].shape != other["x"].shape:
        raise ShapeError(f"the traces are of windows {one['x'].shape} and {other['x'].shape}: trace the same x by both")
    if not np.array_equal(one["x"], other["x"]):
        raise OptionError("the traces are of different windows: trace the same x by both")


def _named(trace: Trace, layer: str) -> int:
    known = {node.name: i for i, node in enumerate(trace.architecture.layers) if node.recurrent or _dense(trace, i)}
    if layer not in known:
        raise OptionError(f"match_units layer {layer}: the layers with units are {', '.join(known)}")
    return known[layer]


def _dense(trace: Trace, index: int) -> bool:
    return isinstance(trace.architecture.layers[index].layer, Dense)


def _units(trace: Trace, index: int) -> int:
    return trace.architecture.layers[index].units


def _partners(one: Trace, other: Trace) -> dict[int, int]:
    """By the other's nodes, those of the one: recurrent ones, hidden Dense ones, and those that give the forecast."""
    mine, theirs = _by_kind(one), _by_kind(other)
    found = {b: a for kind, own in mine.items() for a, b in zip(own, theirs[kind], strict=False)}
    # A layer with time cannot be held against one without.
    return {b: a for b, a in found.items() if len(_states(one, a)) == len(_states(other, b))}


def _by_kind(trace: Trace) -> dict[str, list[int]]:
    kinds: dict[str, list[int]] = {"outputs": [], "recurrent": [], "dense": []}
    for group in unit_groups(trace.architecture):
        for index in group.nodes:
            hidden = "dense" if _dense(trace, index) else "recurrent"
            kinds["outputs" if group.outputs else hidden].append(index)
    return kinds


def _matched(one: Trace, other: Trace, group: UnitGroup, pairs: list[tuple[int, int]]) -> list[Matching]:
    """Of a group's layers, in one order."""
    tables = [_correlations(_states(one, mine), _states(other, theirs)) for mine, theirs in pairs]
    free = [sign for node, sign in zip(group.nodes, group.signs, strict=True) if node in [b for _, b in pairs]]
    if group.one_sign:
        total = np.sum(tables, axis=0)
        signs = [np.where(total < 0, -1.0, 1.0) if free[0] else np.ones_like(total)] * len(tables)
    else:
        signs = [
            np.where(table < 0, -1.0, 1.0) if may else np.ones_like(table)
            for table, may in zip(tables, free, strict=True)
        ]
    tables = [table * sign for table, sign in zip(tables, signs, strict=True)]
    mine, theirs = _places(group, np.sum(tables, axis=0))
    left = np.setdiff1d(np.arange(tables[0].shape[1]), theirs)
    spare = tuple(np.setdiff1d(np.arange(tables[0].shape[0]), mine).tolist())
    found = []
    for (a, b), table, sign in zip(pairs, tables, signs, strict=True):
        names = one.architecture.layers[a].name, other.architecture.layers[b].name
        whole = np.concatenate([sign[mine, theirs], np.ones(len(left))])
        order = np.concatenate([theirs, left])
        found.append(Matching(names, (a, b), mine, order, whole, table[mine, theirs], (spare, tuple(left.tolist()))))
    return found


def _places(group: UnitGroup, scores: Array) -> tuple[Array, Array]:
    """The units of each pair: an assignment with the largest sum, or where units are the forecast's, their places."""
    if group.outputs:
        both = np.arange(min(scores.shape))
        return both, both
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError:
        raise EngineError("matching units needs SciPy: pip install 'timeglass[explain]'") from None
    mine, theirs = linear_sum_assignment(scores, maximize=True)
    return np.asarray(mine), np.asarray(theirs)


def _states(trace: Trace, index: int) -> Array:
    """(windows · steps, H): what a layer's units did; of one that gives the forecast, what it gave."""
    node = trace.architecture.layers[index]
    hidden = node.recurrent and not any(
        index in group.nodes for group in unit_groups(trace.architecture) if group.outputs
    )
    states = trace[f"{node.name}.h"] if hidden else trace.output_of(index)
    return states.reshape(-1, states.shape[-1])


def _correlations(one: Array, other: Array) -> Array:
    """(H, H') of states (A, H) and (A, H'): 0 where a unit never moves."""
    scaled = []
    for states in (one, other):
        moved = states - states.mean(axis=0)
        size = np.linalg.norm(moved, axis=0)
        still = size <= 1e-12 * np.linalg.norm(states, axis=0)
        scaled.append(np.where(still, 0, moved / np.where(still, 1, size)))
    return np.clip(scaled[0].T @ scaled[1], -1, 1)


def _mean(correlations: Array) -> str:
    """In the mean, at least and at most."""
    mean, low, high = (f"{value:.3f}" for value in (correlations.mean(), correlations.min(), correlations.max()))
    words = mean if len(correlations) == 1 else f"{mean} in the mean, {low} to {high}"
    return words.replace("-", "−")
