"""Every value that the kernel computes for windows of one network: its buffers, cut into each node's arrays.

Axes: N windows, T time steps, H units, G gates, F features, P weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Structure, byref, c_int64
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from timeglass.kernel.calls import NetworkCode, Windows, check, pointer
from timeglass.kernel.library import Library
from timeglass.kernel.structs import LossCode
from timeglass.types import Floats

__all__ = ["Places", "Recorded", "record"]


class Places(Structure):
    """tg_places: where in a window's row a node's arrays begin; -1 where it has no such array."""

    _fields_: ClassVar[Sequence[Any]] = [
        (name, c_int64) for name in ("y", "z", "h", "c", "gates", "extra", "mask", "dy", "dh", "dc", "dz", "dx")
    ]


@dataclass(frozen=True)
class Recorded:
    """The kernel's buffers, and where each node's arrays lie in them."""

    places: Sequence[Places]
    window_place: int  # of the gradient of the window
    values: Floats  # (N, …)
    losses: Floats | None = None  # (N,)
    gradients: Floats | None = None  # (N, …)
    weight_gradients: Floats | None = None  # (N, P)

    def array(self, node: int, name: str, *shape: int) -> Floats:
        """(N, *shape): one array of a node, by its name among the `Places`."""
        buffer = self.gradients if name.startswith("d") else self.values
        assert buffer is not None
        return _cut(buffer, getattr(self.places[node], name), shape)

    def window_gradient(self, *shape: int) -> Floats:
        """(N, *shape): the derivative by the window."""
        assert self.gradients is not None
        return _cut(self.gradients, self.window_place, shape)


def _cut(buffer: Floats, place: int, shape: tuple[int, ...]) -> Floats:
    return buffer[:, place : place + int(np.prod(shape))].reshape(len(buffer), *shape)


def record(
    library: Library, network: NetworkCode, weights: Floats, windows: Windows, loss: LossCode | None = None
) -> Recorded:
    """The way of windows through one network with weights (P,), and with a loss the way back."""
    places, sizes = (Places * len(network.layers))(), np.empty(3, dtype=np.int64)
    check(library.calls.tg_trace_places(network.at, places, sizes.ctypes.data))
    count, (values_size, gradients_size, window_place) = windows.count, sizes.tolist()
    values = np.empty((count, values_size), dtype=np.float32)
    back = None
    if loss is not None:
        back = [np.empty((count, *rest), dtype=np.float32) for rest in ((), (gradients_size,), (network.weights,))]
    at = pointer(weights, np.float32, (network.weights,))
    packed = windows.pack(network, 1)
    check(
        library.calls.tg_trace(
            library.code, network.at, None if loss is None else byref(loss), at, byref(packed), values.ctypes.data,
            *([array.ctypes.data for array in back] if back else [None] * 3),
        )
    )  # fmt: skip
    return Recorded(list(places), window_place, values, *(back or []))
