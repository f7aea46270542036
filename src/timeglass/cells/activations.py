"""The activations, as Keras 3 has them: each a function and its derivative.

One table, read by the cells and by the layers' checks; the kernel's copy stands in activations.hpp, in the same order.

The derivative is written in the output h alone, which backpropagation has at hand anyway. swish is the exception: it
falls to its minimum near z = -1.28 and rises on both sides, so two z share one h, and its derivative needs z itself.

Where a function has a corner, at z = 0 or at hard_sigmoid's ends, the derivative is the one of Keras on JAX: 0 for
relu, 1 for leaky_relu, the left one for elu (1) and selu.

X. Glorot, A. Bordes, Y. Bengio, "Deep sparse rectifier neural networks", AISTATS 2011 (relu, softplus);
A. L. Maas, A. Y. Hannun, A. Y. Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013;
D.-A. Clevert, T. Unterthiner, S. Hochreiter, "Fast and accurate deep network learning by exponential linear units",
ICLR 2016; G. Klambauer et al., "Self-normalizing neural networks", NIPS 2017 (selu); J. Bergstra et al., "Quadratic
polynomials learn better image features", 2009 (softsign); P. Ramachandran, B. Zoph, Q. V. Le, "Searching for activation
functions", 2017 (swish).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from timeglass.types import Array

__all__ = ["ACTIVATIONS", "OTHER_NAMES", "Activation"]

_LEAK = 0.2
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


class Activation(NamedTuple):
    """h = f(z), and dh/dz = derivative(h, z), which only swish takes from z.

    >>> tanh = ACTIVATIONS["tanh"]
    >>> h = tanh.f(np.array([0.0, 0.5]))
    >>> tanh.derivative(h, np.array([0.0, 0.5])).round(4).tolist()
    [1.0, 0.7864]
    """

    f: Callable[[Array], Array]
    derivative: Callable[[Array, Array], Array]


def _sigmoid(z: Array) -> Array:
    # 1 / (1 + e^-z), from the side on which e does not overflow.
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def _elu(z: Array) -> Array:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def _softplus(z: Array) -> Array:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))  # log(1 + e^z)


def _swish_derivative(h: Array, z: Array) -> Array:
    s = _sigmoid(z)
    return s + h * (1 - s)


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(lambda z: z, lambda h, _: np.ones_like(h)),
    "tanh": Activation(np.tanh, lambda h, _: 1 - h * h),
    "sigmoid": Activation(_sigmoid, lambda h, _: h * (1 - h)),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda h, _: (h > 0).astype(h.dtype)),
    "hard_sigmoid": Activation(
        lambda z: np.clip(z / 6 + 0.5, 0, 1), lambda h, _: ((h > 0) & (h < 1)).astype(h.dtype) / 6
    ),
    "leaky_relu": Activation(
        lambda z: np.where(z >= 0, z, _LEAK * z), lambda h, _: np.where(h >= 0, 1, _LEAK).astype(h.dtype)
    ),
    "elu": Activation(_elu, lambda h, _: np.where(h > 0, 1, h + 1)),
    "selu": Activation(
        lambda z: _SELU_SCALE * np.where(z > 0, z, _SELU_ALPHA * _elu(z)),
        lambda h, _: np.where(h > 0, _SELU_SCALE, h + _SELU_SCALE * _SELU_ALPHA),
    ),
    "softplus": Activation(_softplus, lambda h, _: -np.expm1(-h)),
    "softsign": Activation(lambda z: z / (1 + np.abs(z)), lambda h, _: (1 - np.abs(h)) ** 2),
    "swish": Activation(lambda z: z * _sigmoid(z), _swish_derivative),
}

# Keras knows these by two names.
OTHER_NAMES = {"silu": "swish"}
