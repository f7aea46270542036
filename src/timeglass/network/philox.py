"""Random numbers that are a function of what they are for: Philox 4x32 with ten rounds.

The counter is (block, network, epoch, purpose), the key is the seed, so no lane, thread, slice or engine can
change a number. The kernel's `philox.hpp` makes the same ones.

J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError
from timeglass.types import Array

__all__ = ["Purpose", "check_seed", "normal", "random_blocks", "random_words", "shuffled_orders", "uniform"]

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Purpose(IntEnum):
    """What a random number is for: the last word of its counter."""

    INITIAL_WEIGHTS = 0
    SHUFFLE = 1
    DROPOUT = 2  # and on: 2 + 2 · node, one more for the mask of a recurrent state


def check_seed(seed: int) -> int:
    """The seed itself, if it is one: a whole number from 0 to 2**64 - 1."""
    if not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**64:
        raise OptionError(f"seed: expected a whole number from 0 to 2**64 - 1, got {seed!r}")
    return int(seed)


def random_blocks(
    seed: int, networks: NDArray[np.integer], *, epoch: int, purpose: int, blocks: NDArray[np.integer]
) -> NDArray[np.uint64]:
    """(L, 4 · B) random words of 32 bits, in 64-bit integers: those of B `blocks`, each below 2**32, of a stream.

    A stream belongs to one network, epoch and purpose.

    >>> random_blocks(7, np.array([0, 1]), epoch=0, purpose=Purpose.SHUFFLE, blocks=np.array([5, 6])).shape
    (2, 8)
    """
    counter = np.empty((4, len(networks), len(blocks)), dtype=np.uint64)
    counter[0] = blocks
    counter[1] = np.asarray(networks)[:, None]
    counter[2] = epoch
    counter[3] = purpose
    key = [seed & 0xFFFFFFFF, seed >> 32]
    for _ in range(10):
        product = counter[0::2] * _MULTIPLIERS[:, None, None]  # (2, L, B), exact in 64 bits
        high, low = product >> _HALF, product & _LOW
        counter = np.stack(
            [high[1] ^ counter[1] ^ np.uint64(key[0]), low[1], high[0] ^ counter[3] ^ np.uint64(key[1]), low[0]]
        )
        key = [(word + step) & 0xFFFFFFFF for word, step in zip(key, _KEY_STEPS, strict=True)]
    return counter.transpose(1, 2, 0).reshape(len(networks), 4 * len(blocks))


def random_words(
    seed: int, networks: NDArray[np.integer], *, epoch: int, purpose: int, count: int
) -> NDArray[np.uint64]:
    """(L, count) random words: the first of each network's stream.

    >>> random_words(7, np.array([0, 1]), epoch=0, purpose=Purpose.SHUFFLE, count=2).shape
    (2, 2)
    """
    blocks = np.arange(-(-count // 4))
    return random_blocks(seed, networks, epoch=epoch, purpose=purpose, blocks=blocks)[:, :count]


def uniform(words: NDArray[np.uint64]) -> Array:
    """Each word as a number between 0 and 1, both excluded."""
    return (words + 0.5) * 2.0**-32


def normal(words: NDArray[np.uint64]) -> Array:
    """Standard normal numbers from an even count of words, by Box and Muller's transformation.

    G. E. P. Box, M. E. Muller, "A note on the generation of random normal deviates", 1958.
    """
    radius = np.sqrt(-2.0 * np.log(uniform(words[..., 0::2])))
    angle = 2.0 * np.pi * uniform(words[..., 1::2])
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def shuffled_orders(seed: int, networks: NDArray[np.integer], *, epoch: int, count: int) -> NDArray[np.int32]:
    """(L, count): the order in which each network meets `count` windows in one epoch.

    Fisher and Yates's shuffle, from the last place down; the choice among n is (word · n) >> 32, whose bias is
    below n / 2**32.
    """
    order = np.tile(np.arange(count, dtype=np.int32), (len(networks), 1))
    words = random_words(seed, networks, epoch=epoch, purpose=Purpose.SHUFFLE, count=max(count - 1, 0))
    rows = np.arange(len(networks))
    for draw in range(count - 1):
        left = count - draw
        chosen = (words[:, draw] * np.uint64(left)) >> _HALF
        held = order[:, left - 1].copy()
        order[:, left - 1] = order[rows, chosen]
        order[rows, chosen] = held
    return order
