"""Initial weights as Keras draws them: Glorot uniform for kernels, orthogonal for recurrent kernels, zero biases.

X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010;
A. M. Saxe, J. L. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks", ICLR 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeglass.network.architecture import Architecture
from timeglass.network.philox import Purpose, normal, random_words, uniform
from timeglass.types import Array, Floats

__all__ = ["initial_weights"]

_WORK_AT_ONCE = 10**7

Words = NDArray[np.uint64]


def _glorot_uniform(words: Words, shape: tuple[int, int]) -> Array:
    """(L, F, H), uniform within ± sqrt(6 / (F + H))."""
    limit = np.sqrt(6.0 / sum(shape))
    return ((2.0 * uniform(words) - 1.0) * limit).reshape(-1, *shape)


def _orthogonal(words: Words, units: int) -> Array:
    """(L, H, H), each orthogonal: the Q of a normal matrix's QR with the diagonal of R made positive."""
    numbers = normal(words)[:, : units * units].reshape(-1, units, units)
    made = np.empty_like(numbers)
    # Some networks at a time: LAPACK cannot be interrupted, and a large batch would keep Ctrl-C waiting.
    at_once = max(1, _WORK_AT_ONCE // units**3)
    for first in range(0, len(numbers), at_once):
        q, r = np.linalg.qr(numbers[first : first + at_once])
        made[first : first + at_once] = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None, :]
    return made


def initial_weights(architecture: Architecture, networks: NDArray[np.integer], *, seed: int) -> Floats:
    """(L, P): the weights that each of `networks` (its numbers, L of them) starts from.

    A network's weights depend on the seed and its own number, not on how many stand beside it.
    """
    # Room for the orthogonal draws, which take normals in pairs.
    counts = [
        {name: -(-int(np.prod(shape)) // 2) * 2 for name, shape in layer.weight_shapes.items() if len(shape) == 2}
        for layer in architecture.layers
    ]
    total = sum(sum(count.values()) for count in counts)
    words = random_words(seed, networks, epoch=0, purpose=Purpose.INITIAL_WEIGHTS, count=total)
    weights = np.zeros((len(networks), architecture.weight_count), dtype=np.float32)
    at = 0
    for layer, arrays, count in zip(architecture.layers, architecture.split(weights), counts, strict=True):
        for name, size in count.items():
            drawn = words[:, at : at + size]
            shape = layer.weight_shapes[name]
            if name == "wh":
                arrays[name][...] = _orthogonal(drawn, layer.layer.units)
            else:
                arrays[name][...] = _glorot_uniform(drawn[:, : shape[0] * shape[1]], (shape[0], shape[1]))
            at += size
    return weights
