"""Whether a network that was brought over gives the forecasts of the one it came from, on windows made for that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from timeglass.errors import DataError
from timeglass.model.sequential import Sequential
from timeglass.network import chain
from timeglass.types import Array, Floats

__all__ = ["check_same", "probe_windows"]

# How far the windows of noise reach: about zero, where activations are straight, at one, where they bend, and beyond.
_SCALES = (0.0, 0.1, 0.5, 1.0, 1.0, 3.0, 10.0)
# And smooth ones, as series are: level and slope over the window, and how far a wave about that goes.
_SMOOTH = ((1.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (3.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0), (0.5, 0.0, 0.5))
_TOLERANCE = 2e-5  # of forecasts in float32, of about one
_OF_ROUNDING = 16.0  # times what rounding alone does to this network
_MOST_ROUNDING = 1e-2


def probe_windows(time_steps: int, features: int, count: int = 0) -> Floats:
    """Seeded windows (N, T, F): `count` of them, or a number that is not T, so that no axis is taken for another.

    >>> probe_windows(5, 2).shape, probe_windows(13, 2).shape
    ((13, 5, 2), (14, 13, 2))
    """
    kinds = len(_SCALES) + len(_SMOOTH)
    count = count or kinds + (time_steps == kinds)
    noise = np.random.default_rng(20).uniform(-1, 1, (count, time_steps, features))
    at = np.arange(1, time_steps + 1)[:, None] / time_steps + np.zeros(features)  # (T, F)
    windows = [scale * noise[i] for i, scale in enumerate(_SCALES[::-1][:count])]
    windows += [level + slope * at + wave * np.sin(6 * at) for level, slope, wave in _SMOOTH]
    return np.resize(np.array(windows), (count, time_steps, features)).astype(np.float32)


def check_same(model: Sequential, theirs: Callable[[Floats], Array], where: str, remedy: str, count: int = 0) -> None:
    """A `DataError` unless `theirs`, given windows (N, T, F), gives the first network's forecasts.

    Ours are computed by the definition, in float64. The tolerance is that of float32, and more by what rounding does
    to this very network: its forecasts in float32 beside those in float64.
    """
    architecture = model.architecture
    x = probe_windows(architecture.time_steps, architecture.features, count)
    exact, rounded = (_forecasts(model, x, dtype) for dtype in (np.float64, np.float32))
    given = np.asarray(theirs(x), dtype=np.float64)
    if _essential(given.shape) != _essential(exact.shape):
        raise DataError(
            f"{where} gives {given.shape} for windows {x.shape}, its layers in order {exact.shape}: {remedy}"
        )
    given = given.reshape(exact.shape)
    scale, rounding, apart = (_most(values) for values in (1 + np.abs(exact), rounded - exact, given - exact))
    usable = np.isfinite(scale) & np.isfinite(rounding) & (rounding < _MOST_ROUNDING * scale)
    if usable.sum() < len(x) / 2:
        raise DataError(
            f"{where}: rounding to float32 alone changes its forecasts beyond recognition, so that the conversion "
            "cannot be checked: its weights are too large for windows this long"
        )
    wrong = usable & ~(apart <= _TOLERANCE * scale + _OF_ROUNDING * rounding)  # not finite is wrong, too
    if wrong.any():
        worst = int(np.argmax(np.where(wrong, np.nan_to_num(apart, nan=np.inf), -1)))
        at = np.unravel_index(int(np.argmax(np.abs(given[worst] - exact[worst]))), exact[worst].shape)
        raise DataError(
            f"{where} does something else than its layers in order: for a window made to compare them it gives "
            f"{given[worst][at]:.6g}, they give {exact[worst][at]:.6g}: {remedy}"
        )


def _forecasts(model: Sequential, x: Floats, dtype: type) -> Array:
    """(N, …) by the definition."""
    weights: Array = model.training_state.weights[:1].astype(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        return chain.output(model.architecture, chain.forward(model.architecture, weights, x[None]))[0]


def _most(values: Array) -> Array:
    """(N,): the largest of each window."""
    return np.abs(values).reshape(len(values), -1).max(axis=1)


def _essential(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without axes of one: a network that gives (N,) for (N, 1) means the same."""
    return tuple(size for size in shape if size != 1)
