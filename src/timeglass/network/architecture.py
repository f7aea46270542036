"""What a network is once its input is known: each layer's shapes, and where its weights lie.

All weights of one network stand in one row of P numbers: layer after layer, array after array in Keras's order,
each in C order. L networks are a table (L, P).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import prod

from timeglass.errors import OptionError, ShapeError
from timeglass.network.layers import Dense, Layer, SimpleRNN
from timeglass.types import Array

__all__ = ["Architecture", "PlacedLayer"]


@dataclass(frozen=True)
class PlacedLayer:
    """A layer with its place in a network. T is 1 where the layer is given a vector."""

    layer: Layer
    name: str
    time_steps: int  # T
    features: int  # F: what it is given at each step
    gives_sequence: bool

    @property
    def activation(self) -> str:
        return self.layer.activation or "linear"

    @property
    def recurrent(self) -> bool:
        return isinstance(self.layer, SimpleRNN)

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes by name, in Keras's order: kernel, recurrent kernel, bias."""
        units, features = self.layer.units, self.features
        if isinstance(self.layer, SimpleRNN):
            shapes: dict[str, tuple[int, ...]] = {"wx": (features, units), "wh": (units, units), "bh": (units,)}
        else:
            shapes = {"wy": (features, units), "by": (units,)}
        if not self.layer.use_bias:
            shapes.popitem()
        return shapes

    @property
    def weight_count(self) -> int:
        return sum(prod(shape) for shape in self.weight_shapes.values())

    @property
    def output_shape(self) -> tuple[int, ...]:
        return (self.time_steps, self.layer.units) if self.gives_sequence else (self.layer.units,)


def _free_name(kind: str, taken: set[str]) -> str:
    """simple_rnn, simple_rnn_1, …: the first that no layer has."""
    return next(name for n in count() if (name := f"{kind}_{n}" if n else kind) not in taken)


@dataclass(frozen=True)
class Architecture:
    """A chain of layers on windows of T time steps and F features.

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
        named = [layer.name for layer in layers if layer.name]
        if len(set(named)) < len(named):
            raise OptionError(f"layer names: each may be given once, got {', '.join(named)}")
        taken = set(named)
        placed: list[PlacedLayer] = []
        steps, width, sequence = time_steps, features, True
        for layer in layers:
            if isinstance(layer, SimpleRNN) and not sequence:
                raise ShapeError(
                    f"{layer} needs a sequence, but the layer before it gives one vector: "
                    "set return_sequences=True on that layer"
                )
            name = layer.name or _free_name(layer.kind, taken)
            taken.add(name)
            sequence = sequence and (isinstance(layer, Dense) or layer.return_sequences)
            placed.append(PlacedLayer(layer, name, steps, width, sequence))
            steps, width = (steps if sequence else 1), layer.units
        if not placed:
            raise ShapeError("a network needs at least one layer: add SimpleRNN(3) and Dense(1), say")
        return cls(time_steps, features, tuple(placed))

    @property
    def weight_count(self) -> int:
        """P: weights of one network."""
        return sum(layer.weight_count for layer in self.layers)

    @property
    def work(self) -> int:
        """Multiply-adds of one window's forward pass, roughly: each weight once for each step that uses it."""
        return sum(layer.weight_count * layer.time_steps for layer in self.layers)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of one window's forecast."""
        return self.layers[-1].output_shape

    def split(self, weights: Array) -> list[dict[str, Array]]:
        """Views of weights (L, P): for each layer, arrays (L, …) by name."""
        views: list[dict[str, Array]] = []
        at = 0
        for layer in self.layers:
            arrays = {}
            for name, shape in layer.weight_shapes.items():
                arrays[name] = weights[:, at : at + prod(shape)].reshape(-1, *shape)
                at += prod(shape)
            views.append(arrays)
        return views
