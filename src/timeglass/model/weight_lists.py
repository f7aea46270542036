"""Weights as Keras's list of arrays, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError, ShapeError
from timeglass.model.arrays import as_floats
from timeglass.network.architecture import Architecture
from timeglass.types import Floats

__all__ = ["list_of", "take_list"]


def list_of(architecture: Architecture, rows: Floats) -> list[Floats]:
    """Kernel, recurrent kernel, bias of each layer, of rows (L, P): each (L, …), or (…) where L is 1."""
    arrays = [array for layer in architecture.split(rows) for array in layer.values()]
    return [array[0] for array in arrays] if len(rows) == 1 else arrays


def take_list(architecture: Architecture, rows: Floats, weights: Sequence[ArrayLike]) -> None:
    """Writes such a list into rows (L, P), all of it or nothing; a `ShapeError` names what does not fit."""
    own = [(name, array) for layer in architecture.split(rows) for name, array in layer.items()]
    if not isinstance(weights, Sequence | np.ndarray) or isinstance(weights, str):
        raise InputError(f"set_weights: expected a list of {len(own)} arrays, got {weights!r}")
    if len(weights) != len(own):
        raise ShapeError(f"set_weights: expected {len(own)} arrays, got {len(weights)}")
    given = [as_floats(f"set_weights: {name}", value) for (name, _), value in zip(own, weights, strict=True)]
    for (name, array), new in zip(own, given, strict=True):
        expected = array.shape[1:] if len(rows) == 1 else array.shape
        if new.shape != expected:
            raise ShapeError(f"set_weights: {name} has shape {expected}, got {new.shape}")
    for (_, array), new in zip(own, given, strict=True):
        array[...] = new
