"""The weights of a network as tables whose rows and columns have names, with what Keras and torch call them."""

from __future__ import annotations

from dataclasses import dataclass

from timeglass.errors import OptionError
from timeglass.model.checks import whole
from timeglass.model.sequential import Sequential
from timeglass.network.architecture import PlacedLayer
from timeglass.network.layers import GRU
from timeglass.network.weight_names import KERAS_NAMES, weight_columns, weight_rows
from timeglass.show.html import grid_html
from timeglass.show.numbers import number
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["WeightTable", "weight_tables"]

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

    def _repr_html_(self) -> str:
        name = f"{shown(self.layer)}.{self.name}"
        title = f"{name} (Keras: {self.keras}; torch: {self.torch})"
        return grid_html(self.values, self.rows, self.columns, title=title, name=name)


def weight_tables(model: Sequential, network: int = 0) -> list[WeightTable]:
    """All arrays of one network, layer by layer, in Keras's order.

    >>> from timeglass.network.layers import Dense, SimpleRNN
    >>> model = Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], seed=0)
    >>> [(table.name, table.rows, table.columns) for table in weight_tables(model)][1]
    ('wh', ('h[0]', 'h[1]'), ('h[0]', 'h[1]'))
    """
    if whole("weight_tables network", network, 0) >= model.networks:
        raise OptionError(f"weight_tables network: expected 0 to {model.networks - 1}, got {network}")
    tables = []
    split = model.architecture.split(model.weight_rows[network : network + 1])
    for node, arrays in zip(model.architecture.layers, split, strict=True):
        for name, array in arrays.items():
            values = array[0] if array[0].ndim == 2 else array[0][None]
            tables.append(
                WeightTable(
                    node.name, name, values, weight_rows(name, len(values)), weight_columns(node),
                    KERAS_NAMES[name], _torch(node, name), _TORCH_GATES.get(node.layer.kind, ()),
                )
            )  # fmt: skip
    return tables


def _torch(node: PlacedLayer, name: str) -> str:
    both = isinstance(node.layer, GRU) and node.layer.reset_after and name == "bh"
    return "bias_ih_l0, bias_hh_l0" if both else _TORCH[name]
