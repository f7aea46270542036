"""Layers with their weights, as another library holds them, put in a row as a `Sequential`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from timeglass.errors import DataError, InputError
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Bidirectional, Input, Layer, Recurrent
from timeglass.types import Array

__all__ = ["Piece", "layer_of_network", "sequential_of", "with_sequences"]

_RATES = ("rate", "dropout", "recurrent_dropout")


@dataclass(frozen=True)
class Piece:
    """A layer, where it was found, and its weights in our order; a recurrent one's `return_sequences` is set later."""

    where: str
    layer: Layer
    arrays: list[Array] = field(default_factory=list)


def _giving(layer: Layer, sequences: bool) -> Layer:
    if isinstance(layer, Bidirectional):
        inner: list[Any] = [
            one and replace(one, return_sequences=sequences) for one in (layer.layer, layer.backward_layer)
        ]
        return replace(layer, layer=inner[0], backward_layer=inner[1])
    return replace(layer, return_sequences=sequences) if isinstance(layer, Recurrent) else layer


def layer_of_network(layer: Layer, network: int) -> Layer:
    """The layer as one of several networks has it: with that one's dropout.

    >>> from timeglass.network.layers import Dropout
    >>> layer_of_network(Dropout((0.0, 0.5)), 1).rate
    0.5
    """
    if isinstance(layer, Bidirectional):
        inner: list[Any] = [one and layer_of_network(one, network) for one in (layer.layer, layer.backward_layer)]
        return replace(layer, layer=inner[0], backward_layer=inner[1])
    rates: dict[str, Any] = {
        name: rate[network] for name in _RATES if isinstance(rate := getattr(layer, name, None), tuple)
    }
    return replace(layer, **rates)


def with_sequences(pieces: Sequence[Piece], return_sequences: bool) -> list[Piece]:
    """Every recurrent layer gives its sequence to the next one, the last gives what is asked for."""
    recurrent = [i for i, piece in enumerate(pieces) if isinstance(piece.layer, Recurrent | Bidirectional)]
    last = recurrent[-1] if recurrent else -1
    return [replace(piece, layer=_giving(piece.layer, return_sequences or i != last)) for i, piece in enumerate(pieces)]


def sequential_of(where: str, pieces: Sequence[Piece], *, time_steps: int, features: int) -> Sequential:
    """The network with its weights, each checked to be a number that float32 holds."""
    for piece in pieces:
        for array in piece.arrays:
            with np.errstate(over="ignore"):
                if not np.isfinite(array.astype(np.float32)).all():
                    raise DataError(
                        f"{where}: {piece.where} holds a weight that is not finite, or too large for float32: "
                        "train that network anew"
                    )
    try:
        model = Sequential([Input((time_steps, features)), *(piece.layer for piece in pieces)])
        model.set_weights([array.astype(np.float32) for piece in pieces for array in piece.arrays])
    except InputError as error:
        found = ", ".join(piece.where for piece in pieces)
        raise DataError(f"{where}: its layers do not fit together in the order {found}: {error}") from None
    return model
