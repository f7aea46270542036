"""What a network is trained, tested or asked on: windows, targets and weights, brought into the engines' form.

Axes: L networks, N windows, T time steps, F features, Ky targets of a window.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.errors import OptionError, ShapeError
from timeglass.model.arrays import as_floats
from timeglass.network.architecture import Architecture
from timeglass.train.losses import Loss
from timeglass.types import Floats

__all__ = ["Data", "Shape", "data_of", "is_series_list", "windows_of"]

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Data:
    """Windows with their targets: one set for all networks, or one for each; series of different lengths are padded."""

    x: Floats  # (N, T, F) or (L, N, T, F)
    y: Floats  # (N, …, Ky) or (L, N, …, Ky)
    counts: Counts | None = None  # (L,): network l has only its first counts[l] windows
    sample_weight: Floats | None = None  # (N,) or (L, N)

    @property
    def windows(self) -> int:
        """N: windows of the network that has most."""
        return self.x.shape[-3]

    @property
    def of_each(self) -> bool:
        """Whether each network has windows of its own."""
        return self.x.ndim == 4

    def take(self, rows: NDArray[np.intp]) -> Data:
        """What some of the networks have."""
        weight = self.sample_weight
        return Data(
            self.x[rows] if self.of_each else self.x,
            self.y[rows] if self.of_each else self.y,
            None if self.counts is None else self.counts[rows],
            weight[rows] if weight is not None and weight.ndim == 2 else weight,
        )

    def split(self, share: float) -> tuple[Data, Data | None]:
        """The windows to train on, and the last share of them to validate on: of each series for itself, as Keras."""
        if share == 0:
            return self, None
        counts = np.array([self.windows]) if self.counts is None else self.counts
        kept = np.floor(counts * (1.0 - share)).astype(np.int64)
        if kept.min() == 0 or (kept == counts).any():
            least = int(counts.min())
            left = "none to train on" if kept.min() == 0 else "none to validate on"
            raise OptionError(f"validation_split: {share:g} of {least} windows leaves {left}: choose another share")
        if self.counts is None:
            return self._cut(slice(0, int(kept[0]))), self._cut(slice(int(kept[0]), None))
        held = self._moved(kept, counts - kept)
        return replace(self._cut(slice(0, int(kept.max()))), counts=kept), held

    def _cut(self, windows: slice) -> Data:
        def cut(array: Floats, each: bool) -> Floats:
            return np.ascontiguousarray(array[:, windows] if each else array[windows])

        weight = self.sample_weight
        return Data(
            cut(self.x, self.of_each),
            cut(self.y, self.of_each),
            None,
            None if weight is None else cut(weight, weight.ndim == 2),
        )

    def _moved(self, first: Counts, counts: Counts) -> Data:
        """Of each series the `counts` windows that begin at `first`."""
        places = np.minimum(first[:, None] + np.arange(counts.max()), self.windows - 1)  # (L, N)

        def moved(array: Floats) -> Floats:
            rows = np.arange(len(counts))[:, None]
            return np.ascontiguousarray(array[rows, places])

        weight = self.sample_weight
        return Data(moved(self.x), moved(self.y), counts, None if weight is None else moved(weight))


@dataclass(frozen=True)
class Shape:
    """What the arrays must fit: a network, how many of it there are, and where there are targets, the loss."""

    architecture: Architecture
    networks: int
    loss: Loss | None = None

    @property
    def window(self) -> tuple[int, int]:
        """(T, F)."""
        return self.architecture.time_steps, self.architecture.features

    @property
    def target(self) -> tuple[int, ...]:
        """(…, Ky): what the targets of one window look like."""
        assert self.loss is not None
        *steps, outputs = self.architecture.output_shape
        each = self.loss.outputs(1)
        if outputs % each:
            raise ShapeError(
                f"loss {self.loss}: needs {each} outputs for each target, but the network has {outputs}: "
                f"make its last layer Dense({each}), or Dense of a multiple of {each}"
            )
        return (*steps, outputs // each)


def is_series_list(x: Any) -> bool:
    """Whether x is a list of arrays, one set of windows (N, T, F) for each network."""
    return isinstance(x, list | tuple) and len(x) > 0 and all(getattr(part, "ndim", 0) == 3 for part in x)


def _refuse_flat_series(shape: Shape, x: Any) -> None:
    """A list of arrays (N, T) could be meant in two ways."""
    if isinstance(x, list | tuple) and len(x) > 0 and all(getattr(part, "ndim", 0) == 2 for part in x):
        steps, features = shape.window
        raise ShapeError(
            f"x: got a list of {len(x)} arrays of two axes: give one array (N, {steps}, {features}) for all networks, "
            f"or a list of such arrays, one for each network"
        )


def windows_of(shape: Shape, x: Any) -> tuple[Floats, Counts | None]:
    """X as (N, T, F), or (L, N, T, F) with the counts of each network; (N, T) is taken as one feature."""
    if is_series_list(x):
        return _stacked(
            "x", [_windows(shape, f"x[{i}]", as_floats(f"x[{i}]", part)) for i, part in enumerate(x)], shape.networks
        )
    _refuse_flat_series(shape, x)
    floats = as_floats("x", x)
    if floats.ndim != 4:
        return _windows(shape, "x", floats), None
    if len(floats) != shape.networks or floats.shape[1] == 0 or floats.shape[2:] != shape.window:
        raise ShapeError(
            f"x: expected windows of shape (N, {shape.window[0]}, {shape.window[1]}), or with {shape.networks} before "
            f"it, one set for each network; got {floats.shape}"
        )
    return floats, None


def _windows(shape: Shape, name: str, floats: Floats) -> Floats:
    if floats.ndim == 2 and shape.window[1] == 1:
        floats = floats[:, :, None]
    if floats.ndim != 3 or floats.shape[1:] != shape.window:
        raise ShapeError(
            f"{name}: expected windows of shape (N, {shape.window[0]}, {shape.window[1]}), got {floats.shape}"
        )
    if len(floats) == 0:
        raise ShapeError(f"{name}: expected at least one window, got none")
    return floats


def data_of(shape: Shape, x: Any, y: Any, sample_weight: Any = None) -> Data:
    """Windows x, targets y and weights, checked against the network and each other."""
    windows, counts = windows_of(shape, x)
    each, lengths = windows.ndim == 4, _lengths(windows, counts)

    def fitted(name: str, values: Any, trailing: tuple[int, ...]) -> Floats:
        return _beside(name, values, lengths if each else lengths[:1], trailing, of_each=each)

    targets = fitted("y", y, shape.target)
    if sample_weight is None:
        return Data(windows, targets, counts)
    own = shape.networks, len(windows)
    if not each and np.ndim(sample_weight) == 2 and np.shape(sample_weight) != own:
        raise ShapeError(f"sample_weight: expected shape {own[1:]} or {own}, got {np.shape(sample_weight)}")
    if not each and np.ndim(sample_weight) == 2:
        lengths, each = [len(windows)] * shape.networks, True  # weights of each network for windows of all
    weights = fitted("sample_weight", sample_weight, ())
    if (weights < 0).any():
        raise OptionError(f"sample_weight: expected numbers of at least 0, got {weights.min():g}")
    return Data(windows, targets, counts, weights)


def _lengths(x: Floats, counts: Counts | None) -> list[int]:
    if counts is not None:
        return counts.tolist()
    return [x.shape[-3]] * (len(x) if x.ndim == 4 else 1)


def _beside(name: str, values: Any, lengths: list[int], trailing: tuple[int, ...], *, of_each: bool) -> Floats:
    """Values (N, *trailing), or one such array for each network, where windows of these `lengths` are given."""
    if not of_each:
        return _fit(name, as_floats(name, values), lengths[0], trailing)
    parts = list(values) if isinstance(values, list | tuple | np.ndarray) else None
    if parts is None or len(parts) != len(lengths):
        got = f"{len(parts)} of them" if parts is not None else repr(values)[:40]
        raise ShapeError(
            f"{name}: x has windows for each of {len(lengths)} networks: give {name} for each too, got {got}"
        )
    fitted = [
        _fit(f"{name}[{i}]", as_floats(f"{name}[{i}]", part), length, trailing)
        for i, (part, length) in enumerate(zip(parts, lengths, strict=True))
    ]
    return _stacked(name, fitted, len(lengths))[0]


def _fit(name: str, values: Floats, windows: int, trailing: tuple[int, ...]) -> Floats:
    if trailing and values.ndim == len(trailing) and trailing[-1] == 1:
        values = values[..., None]  # one target, without an axis of its own
    what = "targets" if name.startswith("y") else "weights"
    if values.shape[1:] != trailing:
        expected = ", ".join(map(str, ("N", *trailing))) + ("," if not trailing else "")
        raise ShapeError(f"{name}: expected {what} of shape ({expected}), got {values.shape}")
    if len(values) != windows:
        one = "target" if what == "targets" else "weight"
        x = "x" + name[name.index("[") :] if "[" in name else "x"
        raise ShapeError(f"{x} has {windows} windows, {name} has {len(values)}: give one {one} for each window")
    return values


def _stacked(name: str, parts: list[Floats], networks: int) -> tuple[Floats, Counts | None]:
    """(L, N, …), padded with zeros where the parts differ in length, and their lengths in that case."""
    if len(parts) != networks:
        raise ShapeError(
            f"{name}: got a list of {len(parts)} arrays for {networks} networks: give one for each, "
            f"or one array for all; Sequential(…, networks={len(parts)}) makes {len(parts)} networks"
        )
    lengths = np.array([len(part) for part in parts])
    if (lengths == lengths[0]).all():
        return np.stack(parts), None
    padded = np.zeros((networks, lengths.max(), *parts[0].shape[1:]), dtype=np.float32)
    for row, part in zip(padded, parts, strict=True):
        row[: len(part)] = part
    return padded, lengths
