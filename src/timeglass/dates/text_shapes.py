"""Texts by their shape, which is the text with a 0 for every digit: texts of one shape are read together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Shapes"]

_ZEROS = bytes.maketrans(b"123456789", b"000000000")


class Shapes:
    """The shapes of texts (N,), in the order in which they first occur.

    >>> shapes = Shapes(["1.2.2020", "12.2.2020", "3.4.2021"])
    >>> shapes.counts
    {'0.0.0000': 2, '00.0.0000': 1}
    >>> [shapes.number(rows, 4, 8).tolist() for shape, rows in shapes if shape == "0.0.0000"]
    [[2020, 2021]]
    """

    def __init__(self, texts: Sequence[str]) -> None:
        joined = "\n".join(texts)
        if joined.count("\n") >= len(texts) > 0:  # one holds a line end: it is no date, whatever stands there instead
            joined = "\n".join(text.replace("\n", "?") for text in texts)
        content = joined.encode("ascii", "replace")
        shapes = content.translate(_ZEROS).decode().split("\n") if texts else []
        first = dict.fromkeys(shapes)
        ids = {shape: i for i, shape in enumerate(first)}
        self._ids = np.fromiter(map(ids.__getitem__, shapes), np.int64, len(shapes))  # (N,)
        self._content = np.frombuffer(content, np.uint8)
        ends = np.cumsum(np.fromiter(map(len, shapes), np.int64, len(shapes)) + 1)
        self._starts = np.concatenate([[0], ends])[: len(shapes)]  # (N,)
        numbers = np.bincount(self._ids, minlength=len(ids)).tolist()
        self.counts: dict[str, int] = dict(zip(ids, numbers, strict=True))

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Each shape with its rows, in order."""
        rows = np.argsort(self._ids, kind="stable")
        ends = np.cumsum(list(self.counts.values()), dtype=np.int64)
        for shape, end, count in zip(self.counts, ends, self.counts.values(), strict=True):
            yield shape, rows[end - count : end]

    def first(self, shape: str) -> int:
        """The first row of a shape."""
        return int(np.argmax(self._ids == list(self.counts).index(shape)))

    def number(self, rows: NDArray[np.int64], start: int, end: int) -> NDArray[np.int64]:
        """The whole numbers that the digits from `start` to `end` make in these rows of one shape, (rows,)."""
        places = self._starts[rows] + start
        value = np.zeros(len(rows), np.int64)
        for k in range(end - start):
            value = value * 10 + (self._content[places + k] - 48)
        return value
