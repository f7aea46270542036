"""The activations: a function and its derivative, taken from the output as backpropagation has it at hand.

One table, read by the NumPy engine and by the layers' checks; the kernel's copy stands in activations.hpp.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from timeglass.types import Array

__all__ = ["ACTIVATIONS", "Activation"]


class Activation(NamedTuple):
    """h = f(z), and df/dz written in h."""

    f: Callable[[Array], Array]
    derivative: Callable[[Array], Array]


def _sigmoid(z: Array) -> Array:
    # 1 / (1 + e^-z), from the side on which e does not overflow.
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda z: z, lambda h: np.ones_like(h)),
    "tanh": Activation(np.tanh, lambda h: 1 - h * h),
    "sigmoid": Activation(_sigmoid, lambda h: h * (1 - h)),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda h: (h > 0).astype(h.dtype)),
}
