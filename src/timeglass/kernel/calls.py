"""The kernel's calls for NumPy arrays: each checks what it is given, then makes one call.

Axes: N windows, T time steps, F features, K outputs of a window, P weights of a network, L networks.
"""

from __future__ import annotations

from ctypes import byref
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import EngineError
from timeglass.kernel.library import Library
from timeglass.kernel.structs import (
    ACTIVATIONS,
    CARRIES,
    LayerCode,
    LossCode,
    NetworkStruct,
    WindowsStruct,
)
from timeglass.types import Array, Floats

__all__ = [
    "NetworkCode",
    "Windows",
    "activate",
    "check",
    "count_weights",
    "gradients",
    "jacobian",
    "pointer",
    "predict",
    "random_blocks",
]

_ERRORS = {
    -1: "this instruction set is not available here",
    -2: "the kernel does not have this network",
    -3: "a size, rate or choice is outside the kernel's range",
    -4: "not enough memory for the kernel's buffers",
}


@dataclass(frozen=True)
class NetworkCode:
    """A network as the kernel is told of it."""

    time_steps: int
    features: int
    outputs: int  # K
    weights: int  # P
    layers: tuple[LayerCode, ...]

    @cached_property
    def packed(self) -> NetworkStruct:
        layers = (LayerCode * len(self.layers))(*self.layers)
        return NetworkStruct(self.time_steps, self.features, len(self.layers), layers)

    @cached_property
    def at(self) -> Any:
        """What calls take for it."""
        return byref(self.packed)


def pointer(array: Array, dtype: Any, shape: tuple[int, ...]) -> int:
    """Where a C-contiguous array of that type and shape lies; a `TypeError` for any other."""
    if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
        raise TypeError(f"expected a C-contiguous {np.dtype(dtype)} array {shape}, got {array.dtype} {array.shape}")
    return array.ctypes.data


@dataclass(frozen=True)
class Windows:
    """Windows x (N, T, F) and targets y (N, targets), or (L, …) of either where each network has its own.

    `weight` (N,) or (L, N), and `counts` (L,): a network has only its first so many windows.
    """

    x: Floats
    y: Floats | None = None
    weight: Floats | None = None
    counts: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        return self.x.shape[-3]

    def pack(self, network: NetworkCode, networks: int) -> WindowsStruct:
        n = self.count
        own_x, own_y = self.x.ndim == 4, self.y is not None and self.y.ndim == 3
        own_weight = self.weight is not None and self.weight.ndim == 2
        window = (network.time_steps, network.features)
        packed = WindowsStruct(count=n, own_x=own_x, own_y=own_y, own_weight=own_weight)
        packed.x = pointer(self.x, np.float32, (networks, n, *window) if own_x else (n, *window))
        if self.y is not None:
            targets = self.y.shape[-1]
            packed.y = pointer(self.y, np.float32, (networks, n, targets) if own_y else (n, targets))
        if self.weight is not None:
            packed.weight = pointer(self.weight, np.float32, (networks, n) if own_weight else (n,))
        if self.counts is not None:
            packed.counts = pointer(self.counts, np.int64, (networks,))
        return packed

    def between(self, begin: int, end: int, rows: NDArray[np.intp], counts: NDArray[np.int64]) -> Windows:
        """The windows from `begin` to `end`, of which these networks have so many."""

        def part(values: Any, shared_axes: int) -> Any:
            if values is None or values.ndim == shared_axes:
                return values if values is None else np.ascontiguousarray(values[begin:end])
            return np.ascontiguousarray(values[rows, begin:end])

        given = None if self.counts is None else counts
        return Windows(part(self.x, 3), part(self.y, 2), part(self.weight, 1), given)

    def some(self, rows: slice) -> Windows:
        """Those of some networks."""
        return Windows(
            self.x[rows] if self.x.ndim == 4 else self.x,
            self.y[rows] if self.y is not None and self.y.ndim == 3 else self.y,
            self.weight[rows] if self.weight is not None and self.weight.ndim == 2 else self.weight,
            None if self.counts is None else self.counts[rows],
        )


def check(result: int) -> int:
    """The result, or an `EngineError` in words."""
    if result < 0:
        raise EngineError(f"the kernel refused: {_ERRORS.get(result, f'error {result}')}")
    return result


def count_weights(library: Library, network: NetworkCode) -> int:
    """P, as the kernel counts."""
    return check(library.calls.tg_count_weights(network.at))


def predict(library: Library, network: NetworkCode, weights: Floats, windows: Windows, carry: str) -> Floats:
    """(L, N, K) forecasts for weights (L, P)."""
    networks = len(weights)
    at = pointer(weights, np.float32, (networks, network.weights))
    out = np.empty((networks, windows.count, network.outputs), dtype=np.float32)
    packed = windows.pack(network, networks)
    check(
        library.calls.tg_predict(
            library.code, network.at, CARRIES.index(carry), networks, at, byref(packed), out.ctypes.data
        )
    )
    return out


def gradients(
    library: Library, network: NetworkCode, weights: Floats, windows: Windows, loss: LossCode, carry: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Losses (L,) over all windows, and their gradients (L, P)."""
    networks = len(weights)
    at = pointer(weights, np.float32, (networks, network.weights))
    losses, out = np.empty(networks), np.empty(weights.shape)
    packed = windows.pack(network, networks)
    check(
        library.calls.tg_gradients(
            library.code, network.at, byref(loss), CARRIES.index(carry), networks, at, byref(packed),
            losses.ctypes.data, out.ctypes.data,
        )
    )  # fmt: skip
    return losses, out


def jacobian(library: Library, network: NetworkCode, weights: Floats, windows: Windows) -> tuple[Floats, Floats]:
    """Forecasts (L, N, K) and their derivatives by the weights (L, N, K, P)."""
    networks = len(weights)
    at = pointer(weights, np.float32, (networks, network.weights))
    out = np.empty((networks, windows.count, network.outputs), dtype=np.float32)
    rows = np.empty((*out.shape, weights.shape[1]), dtype=np.float32)
    packed = windows.pack(network, networks)
    check(
        library.calls.tg_jacobian(
            library.code, network.at, networks, at, byref(packed), out.ctypes.data, rows.ctypes.data
        )
    )
    return out, rows


def activate(library: Library, activation: str, x: Floats) -> Floats:
    """The kernel's own activation of each value of x (n,)."""
    out = np.empty_like(x)
    at = pointer(x, np.float32, (len(x),))
    check(library.calls.tg_activate(library.code, ACTIVATIONS.index(activation), len(x), at, out.ctypes.data))
    return out


def random_blocks(
    library: Library, *, seed: int, network: int, epoch: int, purpose: int, first_block: int
) -> NDArray[np.uint32]:
    """(16, 4): the kernel's own random words."""
    out = np.empty((16, 4), dtype=np.uint32)
    library.calls.tg_random(seed, network, epoch, purpose, first_block, out.ctypes.data)
    return out
