"""What a fit leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from timeglass.types import Array

__all__ = ["History"]


@dataclass(frozen=True)
class History:
    """Losses by epoch, as Keras's History: `history["loss"]`, and `history["val_loss"]` if there was validation.

    Each entry is a number, or an array (L,) where L > 1 networks were trained. `params` holds
    `epochs`, `steps` (batches of an epoch), `networks`, `engine` and `seconds` (of training).
    """

    history: dict[str, list[Any]]
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def epoch(self) -> list[int]:
        """The epochs' numbers, from 0."""
        return list(range(len(self.history["loss"])))

    @classmethod
    def of(cls, losses: dict[str, Array], params: dict[str, Any]) -> History:
        """From losses (L, epochs)."""
        one = all(len(loss) == 1 for loss in losses.values())
        return cls(
            {name: loss[0].tolist() if one else list(loss.T) for name, loss in losses.items()},
            params,
        )
