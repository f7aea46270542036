"""Two networks side by side: how far apart their forecasts are, which of their hidden units do the same, and how far
apart their weights are once these stand in one order.

The networks may have other seeds, sizes or kinds of layers, or be one network at two moments of its training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from timeglass.errors import EngineError, ShapeError
from timeglass.explain.equations import number
from timeglass.explain.matching import Matching, check_same_windows, match_layers
from timeglass.explain.rearranging import Units, rearranged
from timeglass.explain.unit_groups import unit_groups
from timeglass.trace.recording import record
from timeglass.trace.trace import Trace
from timeglass.types import Array
from timeglass.words import counted

__all__ = ["Comparison", "aligned", "compare"]

_SAME = 1e-9  # of the forecasts' size


@dataclass(frozen=True)
class Comparison:
    """What came of two traces of the same windows."""

    one: Trace
    other: Trace
    aligned: Trace  # the other one with its units matched: the same forecasts
    matchings: tuple[Matching, ...]  # of the layers that both have, recurrent or Dense; the last one is the forecast's

    @property
    def differences(self) -> Array:
        """(N, …): the other's forecasts less the one's."""
        return self.other.forecasts - self.one.forecasts

    @property
    def weight_distances(self) -> tuple[float, float] | None:
        """√Σ (difference of weights)² as they stand, and with the units matched; None where the shapes differ."""
        if self.one.weight_row.shape != self.other.weight_row.shape or not _same_shapes(self.one, self.other):
            return None
        distances = [np.linalg.norm(trace.weight_row - self.one.weight_row) for trace in (self.other, self.aligned)]
        return float(distances[0]), float(distances[1])

    def __repr__(self) -> str:
        """One line: three traces and all pairs of units would fill pages."""
        layers, apart = counted(len(self.matchings), "layer"), np.abs(self.differences).max()
        windows = counted(self.one.windows, "window")
        return f"Comparison({layers} matched over {windows}; forecasts at most {apart:.4g} apart)"

    def lines(self) -> list[str]:
        """In words: forecasts, losses, units, weights."""
        apart = np.abs(self.differences)
        place = np.unravel_index(int(np.argmax(apart)), apart.shape)
        root = number(float(np.sqrt(np.mean(apart**2))), 4)
        lines = [
            f"{len(apart):,} windows: the forecasts differ by {root} (root of the mean square), "
            f"at most by {number(apart[place], 4)}, in window {place[0]}"
        ]
        if self.one.losses is not None and self.other.losses is not None:
            losses = self.one.losses.mean(), self.other.losses.mean()
            lines.append(f"mean loss: {number(float(losses[0]), 5)} and {number(float(losses[1]), 5)}")
        lines += [line for matching in self.matchings for line in matching.lines()]
        if (distances := self.weight_distances) is not None:
            before, after = (number(distance, 4) for distance in distances)
            lines.append(f"the weights are {before} apart as they stand, {after} with the units matched")
        return lines


def compare(one: Trace, other: Trace) -> Comparison:
    """Two traces of the same windows beside each other.

    A `ShapeError` or `OptionError` where they are of different windows or forecast something else; an `EngineError`
    says that SciPy is missing, which matches the units.

    >>> from timeglass import Dense, Sequential, SimpleRNN
    >>> model = Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], networks=2, seed=1)
    >>> x = np.linspace(-1, 1, 12).reshape(4, 3, 1)
    >>> found = compare(model.trace(x, network=0), model.trace(x, network=1))
    >>> found.matchings[0].permutation.tolist(), found.matchings[0].signs.tolist()
    ([1, 0], [-1.0, -1.0])
    >>> bool(abs(found.aligned.forecasts - found.other.forecasts).max() < 1e-14)
    True
    """
    check_same_windows(one, other)
    if one.forecasts.shape != other.forecasts.shape:
        raise ShapeError(f"compare: forecasts of shapes {one.forecasts.shape} and {other.forecasts.shape}")
    found = match_layers(one, other)
    return Comparison(one, other, _aligned(other, found), tuple(found))


def aligned(one: Trace, other: Trace) -> Trace:
    """The other network with its units in the order and with the signs of those of the one that they match.

    Its weights are `weight_row`; it forecasts what the other does. Layers that have no like in the one stay as they
    are, unless their units stand in one order with those of a layer that has; units that are left come last.
    """
    return _aligned(other, match_layers(one, other))


def _aligned(other: Trace, matchings: list[Matching]) -> Trace:
    weights = rearranged(other.architecture, other.weight_row, _units(other, matchings))
    found = record(other.architecture, weights, other["x"], other.targets, other.loss)
    _check_same_forecasts(other, found)
    return found


def _units(other: Trace, matchings: list[Matching]) -> dict[int, Units]:
    """The new order of each node: that of its matching, or of the node of its group that has one."""
    units = {matching.nodes[1]: matching.units for matching in matchings}
    for group in unit_groups(other.architecture):
        matched = [units[node] for node in group.nodes if node in units]
        for node in group.nodes if matched else ():
            order, signs = matched[0]
            units.setdefault(node, Units(order, signs if group.one_sign else np.ones_like(signs)))
    return units


def _check_same_forecasts(other: Trace, found: Trace) -> None:
    """An `EngineError` where a network with its units matched forecasts something else."""
    row = other.weight_row
    # A kernel's forecasts are float32's; the matched network's are the definition's.
    before = other if other.engine == found.engine else record(other.architecture, row, other["x"])
    apart = _apart(found, before)
    size = float(np.abs(before.forecasts).max(initial=0.0, where=np.isfinite(before.forecasts)))
    if apart > _SAME * size:
        # Some networks make much of rounding: what the last place of the weights does is no fault.
        last_place = record(other.architecture, np.nextafter(row, np.inf), other["x"])
        if apart > 1000 * _apart(last_place, before):
            raise EngineError(
                f"compare: with its units matched the other network's forecasts move by {number(apart, 4)}, expected "
                f"none to move by more than {_SAME:g} of their size: a fault of the matching, please report it"
            )


def _apart(one: Trace, other: Trace) -> float:
    """How far forecasts are apart at most, among those that are finite."""
    finite = np.isfinite(one.forecasts) & np.isfinite(other.forecasts)
    return float(np.abs(one.forecasts[finite] - other.forecasts[finite]).max(initial=0.0))


def _same_shapes(one: Trace, other: Trace) -> bool:
    shapes = [[node.weight_shapes for node in trace.architecture.layers] for trace in (one, other)]
    return shapes[0] == shapes[1]
