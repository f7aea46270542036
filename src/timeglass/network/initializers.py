"""Initial weights as Keras draws them: Glorot uniform for kernels, orthogonal for recurrent kernels, zero biases.

An LSTM's forget gate starts with a bias of 1, unless told otherwise (R. Jozefowicz, W. Zaremba, I. Sutskever, "An
empirical exploration of recurrent network architectures", ICML 2015).

X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010;
A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks", ICLR 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeglass.network.architecture import Architecture
from timeglass.network.layers import LSTM
from timeglass.network.nodes import PlacedLayer
from timeglass.network.philox import Purpose, normal, random_words, uniform
from timeglass.types import Array, Floats

__all__ = ["initial_weights"]

_WORK_AT_ONCE = 10**7

Words = NDArray[np.uint64]


def _glorot_uniform(words: Words, shape: tuple[int, int]) -> Array:
    """(L, F, H), uniform within ± sqrt(6 / (F + H))."""
    limit = np.sqrt(6.0 / sum(shape))
    return ((2.0 * uniform(words) - 1.0) * limit).reshape(-1, *shape)


def _orthogonal(words: Words, shape: tuple[int, int]) -> Array:
    """(L, H, G·H), each with orthonormal rows: the Q of a normal matrix's QR with the diagonal of R made positive.

    The matrix is tall; where the gates' columns are more than the rows, Q is turned over, as Keras does.
    """
    short, long = shape
    numbers = normal(words)[:, : long * short].reshape(-1, long, short)
    made = np.empty_like(numbers)
    # Some networks at a time: LAPACK cannot be interrupted, and a large batch would keep Ctrl-C waiting.
    at_once = max(1, _WORK_AT_ONCE // (long * short**2))
    for first in range(0, len(numbers), at_once):
        q, r = np.linalg.qr(numbers[first : first + at_once])
        made[first : first + at_once] = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None, :]
    return made if long == short else made.mT


def initial_weights(architecture: Architecture, networks: NDArray[np.integer], *, seed: int) -> Floats:
    """(L, P): the weights that each of `networks` (its numbers, L of them) starts from.

    A network's weights depend on the seed and its own number, not on how many stand beside it.
    """
    # Room for the orthogonal draws, which take normals in pairs.
    counts = [
        {name: -(-rows * columns // 2) * 2 for name, (rows, columns) in _matrices(layer).items()}
        for layer in architecture.layers
    ]
    total = sum(sum(count.values()) for count in counts)
    words = random_words(seed, networks, epoch=0, purpose=Purpose.INITIAL_WEIGHTS, count=total)
    weights = np.zeros((len(networks), architecture.weight_count), dtype=np.float32)
    at = 0
    for layer, arrays, count in zip(architecture.layers, architecture.split(weights), counts, strict=True):
        for name, shape in _matrices(layer).items():
            drawn = words[:, at : at + count[name]]
            if name == "wh":
                arrays[name][...] = _orthogonal(drawn, shape)
            else:
                arrays[name][...] = _glorot_uniform(drawn[:, : shape[0] * shape[1]], shape)
            at += count[name]
        if isinstance(layer.layer, LSTM) and layer.layer.unit_forget_bias and "bh" in arrays:
            arrays["bh"][:, layer.units : 2 * layer.units] = 1  # the forget gate's
    return weights


def _matrices(layer: PlacedLayer) -> dict[str, tuple[int, int]]:
    """The shapes of the weights that are drawn, by name: all but the biases."""
    return {name: (shape[0], shape[1]) for name, shape in layer.weight_shapes.items() if name.startswith("w")}
