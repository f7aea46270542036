"""The table that `Sequential.summary` prints."""

from __future__ import annotations

from timeglass.network.architecture import Architecture

__all__ = ["summary_lines"]


def summary_lines(name: str, architecture: Architecture, networks: int) -> list[str]:
    """One line per layer: name, kind, output shape, weights, and where they come from."""
    rows = [("Layer (type)", "Output shape", "Weights", "Weight arrays")]
    for placed in architecture.layers:
        arrays = ", ".join(f"{key} {shape}" for key, shape in placed.weight_shapes.items())
        title = f"{placed.name} ({type(placed.layer).__name__}, {placed.activation})"
        rows.append((title, str((None, *placed.output_shape)), f"{placed.weight_count:,}", arrays))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    total = f"Total weights: {architecture.weight_count:,}"
    if networks > 1:
        total += f" in each of {networks} networks"
    return [f'Model: "{name}"', lines[0], "─" * max(map(len, lines)), *lines[1:], "─" * max(map(len, lines)), total]
