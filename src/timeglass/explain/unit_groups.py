"""Which hidden units of a network may change places or signs without changing a forecast, and which only together.

The units of a hidden layer may stand in any order if the weights that make and read them do. Where the activation is
odd, f(-z) = -f(z), a unit may also change its sign: of a SimpleRNN or Dense layer all that makes it; of a GRU or LSTM
the candidate alone, since the state is then a mixture of candidates, each with its sign changed, and the gates stay as
they are. What a `Merge` takes unit by unit must stand in one order. The network's outputs stay where they are.

H. J. Sussmann, "Uniqueness of the weights for minimal feedforward nets with a given input-output map", Neural Networks
5, 1992; A. M. Chen, H. Lu, R. Hecht-Nielsen, "On the geometry of feedforward neural network error surfaces", Neural
Computation 5, 1993; F. Albertini, E. D. Sontag, "For neural networks, function determines form", Neural Networks 6,
1993 (recurrent ones).
"""

from __future__ import annotations

from dataclasses import dataclass

from timeglass.network.architecture import Architecture, Merge, PlacedLayer
from timeglass.network.layers import Dense, Masking

__all__ = ["ODD", "UnitGroup", "unit_groups"]

ODD = ("linear", "tanh", "softsign")  # of the activations, those with f(-z) = -f(z)


@dataclass(frozen=True)
class UnitGroup:
    """Layers whose units stand in one order: one layer, or the two of a pair that are not put side by side."""

    nodes: tuple[int, ...]
    outputs: bool  # its units are the forecast's, and stay where they are
    signs: tuple[bool, ...]  # of each node, whether its units may change sign
    one_sign: bool = False  # the nodes' units only together: they are added up


def unit_groups(architecture: Architecture) -> list[UnitGroup]:
    """The groups of a network, in the order of its layers.

    >>> from timeglass.network.layers import GRU, Dense
    >>> for group in unit_groups(Architecture.of([GRU(3), Dense(2, "relu"), Dense(1)], time_steps=4, features=1)):
    ...     print(group)
    UnitGroup(nodes=(0,), outputs=False, signs=(True,), one_sign=False)
    UnitGroup(nodes=(1,), outputs=False, signs=(False,), one_sign=False)
    UnitGroup(nodes=(2,), outputs=True, signs=(False,), one_sign=False)
    """
    nodes = architecture.layers
    outputs = _makers(nodes, len(nodes) - 1)
    held: set[int] = set(outputs)  # their sign is looked at
    for node in nodes:
        # A value of zero is one that a change of sign leaves as it is.
        if isinstance(node.layer, Masking) and node.layer.mask_value != 0:
            held |= _makers(nodes, node.inputs[0])
    pairs = {index: node for node in nodes if isinstance(node.layer, Merge) for index in node.inputs}
    groups, seen = [], set()
    for index, node in enumerate(nodes):
        if index in seen or not (node.recurrent or isinstance(node.layer, Dense)):
            continue
        merge = pairs.get(index)
        together = (index,) if merge is None or _mode(merge) == "concat" else merge.inputs
        signs = tuple(nodes[i].activation in ODD and i not in held for i in together)
        one_sign = merge is not None and _mode(merge) in ("sum", "ave")
        if one_sign:
            signs = (all(signs),) * len(signs)
        groups.append(UnitGroup(together, index in outputs, signs, one_sign))
        seen |= set(together)
    return groups


def _mode(node: PlacedLayer) -> str:
    assert isinstance(node.layer, Merge)
    return node.layer.mode


def _makers(nodes: tuple[PlacedLayer, ...], index: int) -> set[int]:
    """The layers with units of their own whose units come out of that node, as they are or merged."""
    if index < 0:
        return set()
    node = nodes[index]
    if node.recurrent or isinstance(node.layer, Dense):
        return {index}
    sources = node.inputs if isinstance(node.layer, Merge) else node.inputs[:1]
    return set().union(*(_makers(nodes, source) for source in sources))
