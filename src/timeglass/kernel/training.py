"""A fit in the kernel: one group of networks, or one network with its windows in the lanes, slice by slice."""

from __future__ import annotations

from ctypes import byref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.kernel.calls import NetworkCode, Windows, check, pointer
from timeglass.kernel.library import Library
from timeglass.kernel.structs import FitCode, ProgressStruct
from timeglass.types import Floats

__all__ = ["Fit", "Group"]

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """At most sixteen networks, or thirty-two with AVX-512; the kernel changes all of it in place but the numbers."""

    numbers: NDArray[np.int64]  # (n,): of each network, part of its random numbers' key
    weights: Floats  # (n, P)
    slots: Floats  # (S, n, P)
    steps: NDArray[np.int64]  # (n,)
    beta_powers: Doubles  # (n, 2)
    best_weights: Floats  # (n, P)
    best_loss: Doubles  # (n,)


class Fit:
    """Called, it trains a slice and says whether there is more to do."""

    def __init__(
        self, library: Library, network: NetworkCode, windows: Windows, settings: FitCode, group: Group
    ) -> None:
        self._library, self._network, self._windows, self._group = library, network, windows, group
        networks, weights = group.weights.shape
        self._packed = windows.pack(network, networks)
        self._settings = settings
        self.losses = np.zeros((networks, settings.epochs))
        self._order = np.empty((networks, windows.count), dtype=np.int32)
        progress = self.progress = ProgressStruct(networks=networks, order_epoch=-1)
        progress.number[:networks] = group.numbers.tolist()
        progress.steps[:networks] = group.steps.tolist()
        progress.beta_1_power[:networks] = group.beta_powers[:, 0].tolist()
        progress.beta_2_power[:networks] = group.beta_powers[:, 1].tolist()
        progress.best_loss[:networks] = group.best_loss.tolist()
        progress.weights = pointer(group.weights, np.float32, (networks, weights))
        progress.best_weights = pointer(group.best_weights, np.float32, (networks, weights))
        for slot, values in enumerate(group.slots):
            progress.slots[slot] = pointer(values, np.float32, (networks, weights))
        progress.losses = self.losses.ctypes.data
        progress.order = self._order.ctypes.data
        self._crew: NDArray[np.uint8] | None = None
        self.diverged = False  # whether a loss of an epoch that has ended is not finite

    def share_with_helpers(self) -> None:
        """Makes the memory in which `help` finds work; before the first slice."""
        size = check(self._library.calls.tg_crew_bytes(self._network.at))
        room = np.zeros(size + 64, dtype=np.uint8)
        start = -room.ctypes.data % 64
        self._crew = room[start : start + size]

    @property
    def epochs_done(self) -> float:
        """Of each of its networks."""
        batches = -(-self._windows.count // self._settings.batch_size)
        return float(self.progress.epoch + self.progress.batch / batches)

    def __call__(self) -> bool:
        crew = None if self._crew is None else self._crew.ctypes.data
        more = check(self._call(self._library.calls.tg_train, crew)) == 1
        epochs = self.progress.epoch
        lost = ~np.isfinite(self.losses[:, :epochs]).all(axis=1)
        if more and lost.any():
            self.losses[lost, epochs:] = np.nan
            self.diverged = True
        return more and not self.diverged

    def help(self) -> bool:
        """Takes shares of the batches of the thread that trains, for a slice."""
        assert self._crew is not None
        return check(self._call(self._library.calls.tg_help, self._crew.ctypes.data)) == 1

    def _call(self, call: object, crew: int | None) -> int:
        assert callable(call)
        return call(
            self._library.code, self._network.at, byref(self._packed), byref(self._settings), byref(self.progress), crew
        )

    def give_back(self) -> None:
        """Writes the counters into the group; its arrays are up to date after every slice."""
        networks, progress = len(self._group.weights), self.progress
        self._group.steps[:] = progress.steps[:networks]
        self._group.beta_powers[:, 0] = progress.beta_1_power[:networks]
        self._group.beta_powers[:, 1] = progress.beta_2_power[:networks]
        self._group.best_loss[:] = progress.best_loss[:networks]
