"""Puts layers in a row: makes each one's nodes, and refuses a layer that does not fit on the one before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from timeglass.errors import OptionError, ShapeError
from timeglass.network.layers import Bidirectional, Dense, Layer, LinearSkip, Masking, Recurrent
from timeglass.network.nodes import Merge, NodeLayer, PlacedLayer

__all__ = ["place"]


def place(layers: Sequence[Layer], time_steps: int, features: int) -> tuple[PlacedLayer, ...]:
    """The nodes of `layers` on windows of T time steps and F features, in the order in which they are computed."""
    row = _Row(layers, time_steps, features)
    for layer in layers:
        row.add(layer)
    if not row.nodes:
        raise ShapeError("a network needs at least one layer: add SimpleRNN(3) and Dense(1), say")
    return tuple(row.nodes)


class _Row:
    """The nodes so far, and the shape of what the last of them gives."""

    def __init__(self, layers: Sequence[Layer], time_steps: int, features: int) -> None:
        self.nodes: list[PlacedLayer] = []
        self._window = (time_steps, features)
        self._steps, self._width = time_steps, features
        self._sequence, self._mask = True, -1
        named = [inner.name for layer in layers for inner in _named_in(layer) if inner.name]
        if len(set(named)) < len(named):
            raise OptionError(f"layer names: each may be given once, got {', '.join(named)}")
        self._taken = set(named)

    def add(self, layer: Layer) -> None:
        """Makes the layer's nodes."""
        if isinstance(layer, Bidirectional):
            self._add_pair(layer)
        elif isinstance(layer, Recurrent):
            self._needs_sequence(layer)
            self._put(layer, self._name(layer), units=layer.units, gives_sequence=layer.return_sequences)
        elif isinstance(layer, LinearSkip):
            self._add_skip(layer)
        elif isinstance(layer, Masking):
            self._needs_sequence(layer)
            self._mask = len(self.nodes)
            self._put(layer, self._name(layer), units=self._width, gives_sequence=True)
        else:
            units = layer.units if isinstance(layer, Dense) else self._width
            self._put(layer, self._name(layer), units=units, gives_sequence=self._sequence)

    def _add_pair(self, pair: Bidirectional) -> None:
        self._needs_sequence(pair)
        forward, backward = pair.layer, pair.backward
        sequence, zero_masked = forward.return_sequences, forward.return_sequences and self._mask >= 0
        name, inner = self._name(pair), forward.name or forward.kind
        own = pair.backward_layer.name if pair.backward_layer else None
        one = self._node(forward, self._free_name(f"forward_{inner}"), forward.units, sequence)
        back_name = own or self._free_name(f"backward_{inner}")
        other = replace(one, layer=backward, name=back_name, units=backward.units, turned=sequence)
        first = len(self.nodes)
        self.nodes += [replace(node, zero_masked=zero_masked) for node in (one, other)]
        self._gives(forward.units + backward.units, sequence)
        units = self._width if pair.merge_mode == "concat" else forward.units
        merge = self._node(Merge(pair.merge_mode), name, units, sequence)
        self.nodes.append(replace(merge, inputs=(first, first + 1)))
        self._gives(units, sequence)

    def _add_skip(self, skip: LinearSkip) -> None:
        steps, features = self._window
        if not self.nodes or self._sequence:
            raise ShapeError(
                "LinearSkip adds to one vector for each window, but the layer before it gives a sequence: "
                "leave out return_sequences on that layer, or let a recurrent layer stand before"
            )
        if (skip.time_steps or 1) > steps:
            raise ShapeError(f"LinearSkip time_steps: the windows have {steps} time steps, got {skip.time_steps}")
        node = self._node(skip, self._name(skip), self._width, gives_sequence=False)
        read = (skip.time_steps or steps) * features
        self.nodes.append(replace(node, inputs=(len(self.nodes) - 1, -1), skip_features=read))

    def _put(self, layer: NodeLayer, name: str, *, units: int, gives_sequence: bool) -> None:
        """Adds a node that reads the last one."""
        self.nodes.append(self._node(layer, name, units, gives_sequence))
        self._gives(units, gives_sequence)

    def _node(self, layer: NodeLayer, name: str, units: int, gives_sequence: bool) -> PlacedLayer:
        before = len(self.nodes) - 1
        return PlacedLayer(layer, name, (before,), self._steps, self._width, units, gives_sequence, self._mask)

    def _gives(self, units: int, sequence: bool) -> None:
        """Notes what the last node gives."""
        self._steps, self._width = (self._steps if sequence else 1), units
        self._sequence, self._mask = sequence, self._mask if sequence else -1

    def _needs_sequence(self, layer: Layer) -> None:
        if not self._sequence:
            raise ShapeError(
                f"{layer} needs a sequence, but the layer before it gives one vector: "
                "set return_sequences=True on that layer"
            )

    def _name(self, layer: Layer) -> str:
        return layer.name or self._free_name(layer.kind)

    def _free_name(self, wanted: str) -> str:
        """simple_rnn, simple_rnn_1, …: the first that no layer has."""
        name = next(name for n in count() if (name := f"{wanted}_{n}" if n else wanted) not in self._taken)
        self._taken.add(name)
        return name


def _named_in(layer: Layer) -> list[Layer]:
    """The layers whose own names a network shows."""
    given = [layer.backward_layer] if isinstance(layer, Bidirectional) and layer.backward_layer else []
    return [layer, *given]
