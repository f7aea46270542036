"""The losses: the mean over a batch, and its derivative by the forecasts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from timeglass.errors import OptionError
from timeglass.types import Array

__all__ = ["LOSSES", "Loss", "loss_name"]


class Loss(NamedTuple):
    """Of forecasts p (L, N, K) and targets y (L or 1, N, K)."""

    value: Callable[[Array, Array], Array]  # (L,)
    derivative: Callable[[Array, Array], Array]  # (L, N, K)


def _of_one_network(p: Array) -> int:
    return int(np.prod(p.shape[1:]))


LOSSES: dict[str, Loss] = {
    "mean_squared_error": Loss(
        lambda p, y: np.mean(np.square(p - y), axis=tuple(range(1, p.ndim))),
        lambda p, y: (p - y) * p.dtype.type(2.0 / _of_one_network(p)),
    ),
}

_SHORT = {"mse": "mean_squared_error", "MSE": "mean_squared_error"}


def loss_name(loss: str) -> str:
    """The loss's full name, from that or Keras's short one.

    >>> loss_name("mse")
    'mean_squared_error'
    """
    name = _SHORT.get(loss, loss) if isinstance(loss, str) else ""
    if name not in LOSSES:
        raise OptionError(f"loss: expected one of {', '.join(LOSSES)}, got {loss!r}")
    return name
