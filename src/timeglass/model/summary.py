"""The table that `Sequential.summary` prints."""

from __future__ import annotations

from timeglass.network.architecture import Architecture, Merge, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Dense, Dropout, LinearSkip, Masking, Recurrent

__all__ = ["summary_lines"]


def summary_lines(name: str, architecture: Architecture, networks: int) -> list[str]:
    """One line per layer that was given: name, kind, output shape, weights, and their arrays.

    A `Bidirectional` is one line, with the arrays of its two layers.
    """
    rows = [("Layer (type)", "Output shape", "Weights", "Weight arrays")]
    rows += [_row(parts) for parts in _parts(architecture)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    total = f"Total weights: {architecture.weight_count:,}"
    if networks > 1:
        total += f" in each of {networks} networks"
    return [f'Model: "{name}"', lines[0], "─" * max(map(len, lines)), *lines[1:], "─" * max(map(len, lines)), total]


def _parts(architecture: Architecture) -> list[list[PlacedLayer]]:
    """The nodes of each layer that was given, the one that gives its output last."""
    parts: list[list[PlacedLayer]] = []
    for node in architecture.layers:
        # A merge's two nodes stand right before it.
        taken = [parts.pop()[0] for _ in node.inputs][::-1] if isinstance(node.layer, Merge) else []
        parts.append([*taken, node])
    return parts


def _row(parts: list[PlacedLayer]) -> tuple[str, str, str, str]:
    last = parts[-1]
    title = f"{last.name} ({', '.join(_kind(parts))})"
    count = sum(node.weight_count for node in parts)
    arrays = [_arrays(node, named=len(parts) > 1) for node in parts if node.weight_count]
    return title, str((None, *last.output_shape)), f"{count:,}", "; ".join(arrays)


def _arrays(node: PlacedLayer, *, named: bool) -> str:
    arrays = ", ".join(f"{key} {shape}" for key, shape in node.weight_shapes.items())
    return f"{node.name}: {arrays}" if named else arrays


def _kind(parts: list[PlacedLayer]) -> list[str]:
    """The layer's class and what tells it from others of its class."""
    layer = parts[-1].layer
    if isinstance(layer, Merge):
        # Not the backward layer's going backwards, which is what the word says.
        return ["Bidirectional", *_kind(parts[:1]), layer.mode]
    words = [type(layer).__name__]
    if isinstance(layer, Recurrent | Dense):
        words.append(parts[-1].activation)
    if isinstance(layer, GRU | LSTM) and parts[-1].recurrent_activation != "sigmoid":
        words.append(f"gates {parts[-1].recurrent_activation}")
    if isinstance(layer, GRU) and not layer.reset_after:
        words.append("reset before")
    if isinstance(layer, Recurrent) and layer.go_backwards:
        words.append("backwards")
    words += _more(layer)
    return words


def _more(layer: object) -> list[str]:
    if isinstance(layer, Dropout):
        return [f"rate {layer.rate}"]
    if isinstance(layer, Masking):
        return [f"value {layer.mask_value:g}"]
    if isinstance(layer, LinearSkip) and layer.time_steps is not None:
        return [f"last {layer.time_steps} steps"]
    if isinstance(layer, Recurrent):
        rates = {"dropout": layer.dropout, "recurrent dropout": layer.recurrent_dropout}
        return [f"{name} {rate}" for name, rate in rates.items() if rate]
    return []
