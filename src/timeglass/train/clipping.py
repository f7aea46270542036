"""Gradient clipping: what a batch with an outlier may do to the weights is bounded.

All three act in place on gradients (L, P), network by network. Where a gradient is within its bound nothing changes,
to the bit.

R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks", ICML 2013.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from timeglass.types import Array

__all__ = ["clip_by_global_norm", "clip_by_norm", "clip_by_value"]


def clip_by_value(gradient: Array, limit: float) -> None:
    """Each number of the gradient (L, P) into -limit … limit.

    >>> gradient = np.array([[3.0, -0.5]])
    >>> clip_by_value(gradient, 1.0)
    >>> gradient
    array([[ 1. , -0.5]])
    """
    bound = gradient.dtype.type(limit)
    np.clip(gradient, -bound, bound, out=gradient)


def clip_by_norm(arrays: Iterable[Array], limit: float) -> None:
    """Each array (L, …) of the gradient to a norm of at most the limit: times limit / max(norm, limit).

    >>> gradient = np.array([[3.0, 4.0]])
    >>> clip_by_norm([gradient], 1.0)
    >>> gradient
    array([[0.6, 0.8]])
    """
    for array in arrays:
        axes = tuple(range(1, array.ndim))
        array *= _scale(np.square(array).sum(axis=axes, keepdims=True), limit)


def clip_by_global_norm(gradient: Array, limit: float) -> None:
    """The whole gradient (L, P) of each network to a norm of at most the limit: times limit / max(norm, limit).

    >>> gradient = np.array([[3.0, 4.0], [0.3, 0.4]])
    >>> clip_by_global_norm(gradient, 1.0)
    >>> gradient
    array([[0.6, 0.8],
           [0.3, 0.4]])
    """
    gradient *= _scale(np.square(gradient).sum(axis=1, keepdims=True), limit)


def _scale(squares: Array, limit: float) -> Array:
    bound = squares.dtype.type(limit)
    return bound / np.maximum(np.sqrt(squares), bound)
