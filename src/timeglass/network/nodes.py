"""A node of a network: one computation, that is a layer, or a part of one, in its place."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from timeglass.cells.activations import OTHER_NAMES
from timeglass.network.layers import GRU, LSTM, Dense, Dropout, LinearSkip, Masking, Recurrent, SimpleRNN

__all__ = ["Merge", "NodeLayer", "PlacedLayer"]


@dataclass(frozen=True)
class Merge:
    """The last of a `Bidirectional`'s three nodes: puts what the two layers give together."""

    mode: str
    kind: ClassVar[str] = "merge"


NodeLayer = SimpleRNN | GRU | LSTM | Dense | Dropout | Masking | LinearSkip | Merge


@dataclass(frozen=True)
class PlacedLayer:
    """A node: a layer with its place in a network."""

    layer: NodeLayer
    name: str
    inputs: tuple[int, ...]  # the nodes that it reads; -1 is the window
    time_steps: int  # T of its input, 1 where that is a vector
    features: int  # F: what its input holds at each step
    units: int  # H or K: what it gives at each step
    gives_sequence: bool
    mask: int = -1  # the Masking node whose mask its steps have; a Masking node's own index
    # The backward layer of a pair: its sequence is turned back, from the order in which it came about to time's.
    turned: bool = False
    # Keras sets a pair's sequences to 0 at masked steps; a layer alone repeats its state there.
    zero_masked: bool = False
    skip_features: int = 0  # of a LinearSkip: the numbers of the window that it reads

    @property
    def activation(self) -> str:
        return _activation_of(self.layer, "activation")

    @property
    def recurrent_activation(self) -> str:
        return _activation_of(self.layer, "recurrent_activation")

    @property
    def masked(self) -> bool:
        """Whether its steps may be masked."""
        return self.mask >= 0

    @property
    def recurrent(self) -> bool:
        return isinstance(self.layer, Recurrent)

    @property
    def go_backwards(self) -> bool:
        return isinstance(self.layer, Recurrent) and self.layer.go_backwards

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name, in Keras's order: kernel, recurrent kernel, bias."""
        layer = self.layer
        if isinstance(layer, Recurrent):
            wide = layer.gates * layer.units
            bias = (2, wide) if isinstance(layer, GRU) and layer.reset_after else (wide,)
            shapes: dict[str, tuple[int, ...]] = {"wx": (self.features, wide), "wh": (layer.units, wide), "bh": bias}
        elif isinstance(layer, Dense | LinearSkip):
            rows = self.skip_features if isinstance(layer, LinearSkip) else self.features
            shapes = {"wy": (rows, self.units), "by": (self.units,)}
        else:
            return {}
        if not layer.use_bias:
            shapes.popitem()
        return shapes

    @property
    def weight_count(self) -> int:
        return sum(prod(shape) for shape in self.weight_shapes.values())

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.time_steps, self.units) if self.gives_sequence else (self.units,)


def _activation_of(layer: NodeLayer, which: str) -> str:
    """The name in the table of activations; linear where a layer has none."""
    given = getattr(layer, which, None) or "linear"
    return OTHER_NAMES.get(given, given)
