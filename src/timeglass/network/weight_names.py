"""What the rows and columns of a layer's weights stand for, and what Keras calls its arrays."""

from __future__ import annotations

from timeglass.network.layers import GRU, LSTM
from timeglass.network.nodes import PlacedLayer

__all__ = ["GATES", "KERAS_NAMES", "weight_column_names", "weight_row_names"]

# In Keras's order, which is ours.
GATES = {"gru": ("update", "reset", "candidate"), "lstm": ("input", "forget", "candidate", "output")}
KERAS_NAMES = {"wx": "kernel", "wh": "recurrent_kernel", "bh": "bias", "wy": "kernel", "by": "bias"}


def weight_row_names(name: str, count: int) -> tuple[str, ...]:
    """What each row of an array is multiplied by.

    >>> weight_row_names("wh", 2), weight_row_names("bh", 1)
    (('h[0]', 'h[1]'), ('bias',))
    """
    if name.startswith("b"):
        return ("bias",) if count == 1 else ("bias beside wx", "bias beside wh")
    return tuple(f"{'h' if name == 'wh' else 'x'}[{i}]" for i in range(count))


def weight_column_names(node: PlacedLayer) -> tuple[str, ...]:
    """What each column of a node's arrays adds to: its units, gate after gate."""
    units = range(node.units)
    if isinstance(node.layer, GRU | LSTM):
        return tuple(f"{gate}[{j}]" for gate in GATES[node.layer.kind] for j in units)
    return tuple(f"{'h' if node.recurrent else 'y'}[{j}]" for j in units)
