"""Which numbers dropout keeps: a function of seed, network, epoch, node and the window's place.

Axes: L networks, N windows of a batch, E numbers that one mask covers.

N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014;
Y. Gal, Z. Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS 2016:
inside a cell one mask serves all steps of a window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError
from timeglass.network.architecture import Architecture
from timeglass.network.layers import Dropout, Rate, Recurrent
from timeglass.network.nodes import PlacedLayer
from timeglass.network.philox import Purpose, random_blocks
from timeglass.types import Floats

__all__ = ["INPUTS", "STATE", "Masks", "check_rates", "dropout_masks", "drops"]

INPUTS, STATE = 0, 1  # what a mask acts on: a layer's inputs, or a recurrent layer's state

# By node and kind: factors 0 or 1 / (1 - rate), (L, N, E).
Masks = dict[tuple[int, int], Floats]


def _rates_of(node: PlacedLayer) -> dict[int, Rate]:
    """The node's rates by kind."""
    if isinstance(node.layer, Recurrent):
        return {INPUTS: node.layer.dropout, STATE: node.layer.recurrent_dropout}
    return {INPUTS: node.layer.rate} if isinstance(node.layer, Dropout) else {}


def _size(node: PlacedLayer, kind: int) -> int:
    """E: F or H inside a cell, T · F for a sequence that a Dropout layer is given."""
    if isinstance(node.layer, Recurrent):
        return node.units if kind == STATE else node.features
    return node.time_steps * node.features


def drops(architecture: Architecture) -> bool:
    """Whether any rate is above 0, so that training needs masks."""
    return any(np.any(np.asarray(rate) > 0) for node in architecture.layers for rate in _rates_of(node).values())


def check_rates(architecture: Architecture, networks: int) -> None:
    """Refuses rates given one for each network where there are not as many networks."""
    for node in architecture.layers:
        for rate in _rates_of(node).values():
            if isinstance(rate, tuple) and len(rate) != networks:
                raise OptionError(
                    f"{node.name}: {len(rate)} dropout rates for {networks} networks: give one rate, or one for each"
                )


def dropout_masks(
    architecture: Architecture,
    seed: int,
    networks: NDArray[np.integer],
    epoch: int,
    positions: NDArray[np.integer],
) -> Masks:
    """The masks of a batch, for each node and kind with a rate above 0: factors (L, N, E) in float32.

    `networks` (L,) are the networks' numbers, the keys of their random numbers; `positions` (N,) the windows' places in
    the epoch's order. Rates given one for each network are those of these networks, in this order; where there are
    not as many, that is an `OptionError`.

    >>> from timeglass.network.layers import Dense, Dropout
    >>> network = Architecture.of([Dropout(0.5), Dense(1)], time_steps=1, features=4)
    >>> dropout_masks(network, 0, np.array([0]), 0, np.arange(1, 3))[0, INPUTS].tolist()
    [[[2.0, 0.0, 2.0, 2.0], [2.0, 0.0, 0.0, 2.0]]]
    """
    check_rates(architecture, len(networks))
    masks: Masks = {}
    for index, node in enumerate(architecture.layers):
        for kind, rate in _rates_of(node).items():
            rates = np.broadcast_to(np.asarray(rate, dtype=np.float64), len(networks))
            if rates.any():
                purpose = Purpose.DROPOUT + 2 * index + kind
                words = _words(seed, networks, epoch, purpose, positions, _size(node, kind))
                masks[index, kind] = _factors(words, rates)
    return masks


def _words(
    seed: int,
    networks: NDArray[np.integer],
    epoch: int,
    purpose: int,
    positions: NDArray[np.integer],
    size: int,
) -> NDArray[np.uint64]:
    """(L, N, E) words: the window at place n has the blocks from n · ceil(E / 4) on, counted modulo 2^32."""
    width = -(-size // 4)
    blocks = np.asarray(positions, dtype=np.int64)[:, None] * width + np.arange(width)
    words = random_blocks(seed, networks, epoch=epoch, purpose=purpose, blocks=blocks.ravel() % 2**32)
    return words.reshape(len(networks), len(positions), 4 * width)[:, :, :size]


def _factors(words: NDArray[np.uint64], rates: NDArray[np.float64]) -> Floats:
    """Kept, and scaled up for those that are not, where the word is at least the share `rates` (L,) of 2^32."""
    kept = words >= np.floor(rates * 2.0**32).astype(np.uint64)[:, None, None]
    return kept * (1 / (1 - rates)).astype(np.float32)[:, None, None]
