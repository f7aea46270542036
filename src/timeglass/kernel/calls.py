"""The kernel's calls for NumPy arrays: each checks what it is given, then makes one call.

Axes: N windows, T time steps, F features, K outputs of a window, P weights of a network, L networks.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, Structure, byref, c_double, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import EngineError
from timeglass.kernel.library import Library
from timeglass.types import Array, Floats

__all__ = [
    "ACTIVATIONS",
    "KINDS",
    "LANES",
    "NARROW",
    "FitSettings",
    "Group",
    "LayerCode",
    "NetworkCode",
    "activate",
    "count_weights",
    "gradients",
    "predict",
    "random_blocks",
    "train",
]

LANES, NARROW = 16, 8  # networks in a group, and in one that takes little more than half the time

# In the order of the header's enums.
KINDS = ("simple_rnn", "dense")
ACTIVATIONS = ("linear", "tanh", "sigmoid", "relu")
_ERRORS = {
    -1: "this instruction set is not available here",
    -2: "the kernel does not have this network",
    -3: "a size or rate is outside the kernel's range",
    -4: "not enough memory for the kernel's buffers",
}


class LayerCode(Structure):
    """tg_layer."""

    _fields_: ClassVar[Sequence[Any]] = [
        ("kind", c_int32),
        ("units", c_int32),
        ("activation", c_int32),
        ("use_bias", c_int32),
        ("return_sequences", c_int32),
    ]


class _Network(Structure):
    _fields_: ClassVar[Sequence[Any]] = [
        ("time_steps", c_int32),
        ("features", c_int32),
        ("layer_count", c_int32),
        ("layers", POINTER(LayerCode)),
    ]


class _Windows(Structure):
    _fields_: ClassVar[Sequence[Any]] = [("count", c_int64), ("x", c_void_p), ("y", c_void_p)]


class FitSettings(Structure):
    """tg_adam and tg_fit."""

    _fields_: ClassVar[Sequence[Any]] = [
        ("learning_rate", c_double),
        ("beta_1", c_double),
        ("beta_2", c_double),
        ("epsilon", c_double),
        ("seed", c_uint64),
        ("first_epoch", c_int64),
        ("epochs", c_int64),
        ("batch_size", c_int64),
        ("shuffle", c_int32),
        ("slice_batches", c_int64),
        ("slice_seconds", c_double),
    ]


class _Progress(Structure):
    _fields_: ClassVar[Sequence[Any]] = [
        ("first_network", c_int64),
        ("networks", c_int32),
        ("epoch", c_int64),
        ("batch", c_int64),
        ("beta_1_power", c_double),
        ("beta_2_power", c_double),
        ("loss_sum", c_double * LANES),
        ("weights", c_void_p),
        ("m", c_void_p),
        ("v", c_void_p),
        ("losses", c_void_p),
        ("order", c_void_p),
        ("order_epoch", c_int64),
    ]


@dataclass(frozen=True)
class NetworkCode:
    """A network as the kernel is told of it."""

    time_steps: int
    features: int
    outputs: int  # K
    layers: tuple[LayerCode, ...]

    def pack(self) -> _Network:
        layers = (LayerCode * len(self.layers))(*self.layers)
        return _Network(self.time_steps, self.features, len(self.layers), layers)


def _pointer(array: Array, dtype: Any, shape: tuple[int, ...]) -> int:
    if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
        raise TypeError(f"expected a C-contiguous {np.dtype(dtype)} array {shape}, got {array.dtype} {array.shape}")
    return array.ctypes.data


def _pack_windows(network: NetworkCode, x: Floats, y: Floats | None) -> _Windows:
    count = len(x)
    at_x = _pointer(x, np.float32, (count, network.time_steps, network.features))
    return _Windows(count, at_x, None if y is None else _pointer(y, np.float32, (count, network.outputs)))


def _check(result: int) -> int:
    if result < 0:
        raise EngineError(f"the kernel refused: {_ERRORS.get(result, f'error {result}')}")
    return result


def count_weights(library: Library, network: NetworkCode) -> int:
    """P, as the kernel counts."""
    library.calls.tg_count_weights.restype = c_int64
    return _check(library.calls.tg_count_weights(byref(network.pack())))


def predict(library: Library, network: NetworkCode, weights: Floats, x: Floats) -> Floats:
    """(L, N, K) forecasts for weights (L, P) and windows x (N, T, F)."""
    networks, count = len(weights), len(x)
    at = _pointer(weights, np.float32, (networks, count_weights(library, network)))
    out = np.empty((networks, count, network.outputs), dtype=np.float32)
    windows = _pack_windows(network, x, None)
    _check(
        library.calls.tg_predict(
            c_int32(library.code),
            byref(network.pack()),
            c_int64(networks),
            c_void_p(at),
            byref(windows),
            c_void_p(out.ctypes.data),
        )
    )
    return out


def gradients(library: Library, network: NetworkCode, weights: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Mean squared errors (L,) over windows x (N, T, F), y (N, K), and their gradients (L, P)."""
    at = _pointer(weights, np.float32, (len(weights), count_weights(library, network)))
    losses, out = np.empty(len(weights), dtype=np.float32), np.empty_like(weights)
    windows = _pack_windows(network, x, y)
    _check(
        library.calls.tg_gradients(
            c_int32(library.code),
            byref(network.pack()),
            c_int64(len(weights)),
            c_void_p(at),
            byref(windows),
            c_void_p(losses.ctypes.data),
            c_void_p(out.ctypes.data),
        )
    )
    return losses, out


class Group:
    """At most sixteen networks on their way through one fit. Changes weights, m and v (n, P) in place."""

    def __init__(
        self, first_network: int, weights: Floats, m: Floats, v: Floats, beta_powers: tuple[float, float]
    ) -> None:
        self.weights, self.m, self.v = weights, m, v
        self.progress = _Progress(first_network=first_network, networks=len(weights), order_epoch=-1)
        self.progress.beta_1_power, self.progress.beta_2_power = beta_powers

    def prepare(self, epochs: int, windows: int) -> None:
        networks, weights = self.weights.shape
        self.losses = np.zeros((networks, epochs))
        self._order = np.empty((networks, windows), dtype=np.int32)
        self.progress.weights = _pointer(self.weights, np.float32, (networks, weights))
        self.progress.m = _pointer(self.m, np.float32, (networks, weights))
        self.progress.v = _pointer(self.v, np.float32, (networks, weights))
        self.progress.losses = self.losses.ctypes.data
        self.progress.order = self._order.ctypes.data

    @property
    def beta_powers(self) -> tuple[float, float]:
        return self.progress.beta_1_power, self.progress.beta_2_power


def train(library: Library, network: NetworkCode, x: Floats, y: Floats, settings: FitSettings, group: Group) -> bool:
    """Trains a prepared group by one slice; true while there is more to do."""
    windows = _pack_windows(network, x, y)
    result = library.calls.tg_train(
        c_int32(library.code), byref(network.pack()), byref(windows), byref(settings), byref(group.progress)
    )
    return _check(result) == 1


def activate(library: Library, activation: str, x: Floats) -> Floats:
    """The kernel's own activation of each value of x (n,)."""
    out = np.empty_like(x)
    at = _pointer(x, np.float32, (len(x),))
    code = ACTIVATIONS.index(activation)
    _check(
        library.calls.tg_activate(
            c_int32(library.code), c_int32(code), c_int64(len(x)), c_void_p(at), c_void_p(out.ctypes.data)
        )
    )
    return out


def random_blocks(
    library: Library, *, seed: int, network: int, epoch: int, purpose: int, first_block: int
) -> NDArray[np.uint32]:
    """(16, 4): the kernel's own random words."""
    out = np.empty((16, 4), dtype=np.uint32)
    call = library.calls.tg_random
    call.restype = None
    call(
        c_uint64(seed), c_uint32(network), c_uint32(epoch), c_uint32(purpose), c_uint32(first_block),
        ctypes.cast(out.ctypes.data, c_void_p),
    )  # fmt: skip
    return out
