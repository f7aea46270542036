"""Arrays that grow as rows come, in memory or, where they would not fit, in a file that nobody else sees."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Growing", "free_memory"]

_FIRST = 2**16  # elements


def free_memory() -> int:
    """Bytes that this process may still take: what the machine has free, or a limit that was set for the process."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            free = next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        free = 4 * 2**30  # where the system does not say
    try:
        import resource  # not on Windows

        for kind in (resource.RLIMIT_DATA, resource.RLIMIT_AS):
            limit = resource.getrlimit(kind)[0]
            if limit != resource.RLIM_INFINITY:
                free = min(free, limit)
    except (ImportError, OSError, ValueError):
        pass
    return free


class Growing:
    """One array, longer with each `extend`. With `spill` its bytes lie in an unnamed temporary file.

    >>> numbers = Growing(np.float64)
    >>> numbers.extend([1.0, 2.0])
    >>> numbers.extend([3.0])
    >>> numbers.whole()
    array([1., 2., 3.])
    """

    def __init__(self, dtype: Any, *, capacity: int = 0, spill: bool = False) -> None:
        self._dtype, self._length = np.dtype(dtype), 0
        self._file: int | None = None  # the handle of the temporary file
        self._capacity = max(capacity, _FIRST)
        if spill:
            self._file, name = tempfile.mkstemp()
            os.unlink(name)  # gone when nobody holds it any more
            weakref.finalize(self, os.close, self._file)
            self._array = self._mapped()
        else:
            self._array = np.empty(self._capacity, self._dtype)

    def __len__(self) -> int:
        return self._length

    def _mapped(self) -> NDArray[Any]:
        assert self._file is not None
        size = self._capacity * self._dtype.itemsize
        os.ftruncate(self._file, size)
        return np.frombuffer(mmap.mmap(self._file, size), self._dtype)

    def extend(self, values: ArrayLike) -> None:
        """Puts these elements at the end."""
        new = np.asarray(values, self._dtype)
        end = self._length + len(new)
        if end > self._capacity:
            self._capacity = max(end, self._capacity + self._capacity // 2)
            if self._file is not None:
                self._array = self._mapped()  # the same bytes, and room after them
            else:
                self._array.resize(self._capacity, refcheck=False)  # moves no page where the system can do so
        self._array[self._length : end] = new
        self._length = end

    def whole(self) -> NDArray[Any]:
        """All elements, (N,). Nothing can be added after this."""
        if self._file is None:
            self._array.resize(self._length, refcheck=False)
        return self._array[: self._length]
