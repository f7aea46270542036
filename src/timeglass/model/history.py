"""What a fit leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from timeglass.types import Array

__all__ = ["Columns", "History", "rows_of"]

# By name, one entry for each epoch: a number, or an array (L,) where L > 1.
Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class History:
    """Losses by epoch, as Keras's History: `history["loss"]`, and `history["val_loss"]` if there was validation.

    Each entry is a number, or an array (L,) where L > 1 networks were trained, nan for a network that had stopped.
    `history["learning_rate"]` stands there where the rate changes: as in Keras, the one in force when the epoch ended.
    `params` holds `epochs` (asked for), `steps` (batches of an epoch), `networks`, `engine`, `seconds` (of training)
    and `resumed` (epochs that a `Checkpoint` brought along).
    """

    history: Columns
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def epoch(self) -> list[int]:
        """The epochs' numbers, from 0."""
        return list(range(len(self.history.get("loss", []))))


def rows_of(values: Array) -> list[Any]:
    """The values (L, epochs) epoch by epoch: numbers for one network, arrays (L,) for more."""
    return values[0].tolist() if len(values) == 1 else list(values.T)
