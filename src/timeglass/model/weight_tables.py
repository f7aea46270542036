"""The weights of a network as tables whose rows and columns have names, with what Keras and torch call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

from timeglass.errors import OptionError
from timeglass.model.checks import whole
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import GRU
from timeglass.network.weight_names import KERAS_NAMES, weight_column_names, weight_row_names
from timeglass.show.numbers import number
from timeglass.types import Array, Floats
from timeglass.words import shown

__all__ = ["WeightTable", "WeightTables"]

# Keras's gate order is ours. Where torch's differs: the gates in its order.
_TORCH_GATES = {"gru": ("reset", "update", "candidate"), "lstm": ("input", "forget", "candidate", "output")}
_TORCH = {"wx": "weight_ih_l0", "wh": "weight_hh_l0", "bh": "bias_ih_l0", "wy": "weight", "by": "bias"}


@dataclass(frozen=True)
class WeightTable:
    """One array of one layer.

    torch holds matrices transposed, (outputs, inputs), its gates in `torch_gates`' order. It has two biases in each
    recurrent layer: a GRU's with reset_after is both; any other belongs to `bias_ih_l0`, and `bias_hh_l0` is 0.
    """

    layer: str
    name: str  # wx, wh, bh, wy, by
    values: Array  # (rows, columns)
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    keras: str
    torch: str
    torch_gates: tuple[str, ...] = ()

    def lines(self, digits: int = 5) -> list[str]:
        """The table in words."""
        cells = [[number(value, digits) for value in row] for row in self.values]
        widths = [max(len(text) for text in column) for column in zip(self.columns, *cells, strict=True)]
        first = max(map(len, self.rows))
        head = f"{self.layer}.{self.name} (Keras: {self.keras}; torch: {self.torch})"
        rows = [("", self.columns), *zip(self.rows, cells, strict=True)]
        texts = [
            f"  {label:<{first}}  " + "  ".join(f"{text:>{width}}" for text, width in zip(row, widths, strict=True))
            for label, row in rows
        ]
        return [head, *texts]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        from timeglass.show.html import grid_html  # XML is loaded only when something is drawn

        name = f"{shown(self.layer)}.{self.name}"
        title = f"{name} (Keras: {self.keras}; torch: {self.torch})"
        return grid_html(self.values, self.rows, self.columns, title=title, name=name)


@dataclass(frozen=True)
class WeightTables(Sequence[WeightTable]):
    """All arrays of one network, layer by layer, in Keras's order: what `Sequential.weights` gives.

    By position, or by layer and name: `tables["simple_rnn.wh"]`. `of(3)` are those of another network of the model.

    >>> import numpy as np
    >>> from timeglass.network.initializers import initial_weights
    >>> from timeglass.network.layers import Dense, SimpleRNN
    >>> network = Architecture.of([SimpleRNN(2), Dense(1)], time_steps=3, features=1)
    >>> tables = WeightTables(network, initial_weights(network, np.arange(1), seed=0))
    >>> tables.names, tables["simple_rnn.wh"].columns
    (('simple_rnn.wx', 'simple_rnn.wh', 'simple_rnn.bh', 'dense.wy', 'dense.by'), ('h[0]', 'h[1]'))
    """

    architecture: Architecture
    weight_rows: Floats  # (L, P): of all networks
    network: int = 0

    def of(self, network: int) -> WeightTables:
        """The tables of that network, from 0 on."""
        if whole("weights network", network, 0) >= len(self.weight_rows):
            raise OptionError(f"weights network: expected 0 to {len(self.weight_rows) - 1}, got {network}")
        return WeightTables(self.architecture, self.weight_rows, network)

    @cached_property
    def _tables(self) -> dict[str, WeightTable]:
        split = self.architecture.split(self.weight_rows[self.network : self.network + 1])
        return {
            f"{node.name}.{name}": _table(node, name, array[0] if array[0].ndim == 2 else array[0][None])
            for node, arrays in zip(self.architecture.layers, split, strict=True)
            for name, array in arrays.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Layer and array of each."""
        return tuple(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    @overload
    def __getitem__(self, place: int | str) -> WeightTable: ...

    @overload
    def __getitem__(self, place: slice) -> list[WeightTable]: ...

    def __getitem__(self, place: int | str | slice) -> WeightTable | list[WeightTable]:
        if not isinstance(place, str):
            return list(self._tables.values())[place]
        if place not in self._tables:
            raise OptionError(f"weights: no array {place}: there are {', '.join(self.names)}")
        return self._tables[place]

    def lines(self, digits: int = 5) -> list[str]:
        """All tables in words."""
        of = f", network {self.network} of {len(self.weight_rows)}" if len(self.weight_rows) > 1 else ""
        head = f"{self.architecture.weight_count:,} weights{of}"
        return [head, *(line for table in self for line in ("", *table.lines(digits)))]

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self)


def _table(node: PlacedLayer, name: str, values: Array) -> WeightTable:
    return WeightTable(
        node.name, name, values, weight_row_names(name, len(values)), weight_column_names(node),
        KERAS_NAMES[name], _torch(node, name), _TORCH_GATES.get(node.layer.kind, ()),
    )  # fmt: skip


def _torch(node: PlacedLayer, name: str) -> str:
    both = isinstance(node.layer, GRU) and node.layer.reset_after and name == "bh"
    return "bias_ih_l0, bias_hh_l0" if both else _TORCH[name]
