"""What came after many origins, the losses of forecasts of it, and how these are drawn again for an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from timeglass.errors import DataError, InputError, ShapeError
from timeglass.prepare.checks import finite_numbers, whole_number
from timeglass.types import Array

__all__ = ["LEAST_BLOCKS", "MANY_SERIES", "Measure", "Origins", "Units", "block_length", "drawn_means", "units_of"]

MANY_SERIES = 10  # from here on whole series are drawn, not blocks of origins
LEAST_BLOCKS = 5  # fewer say nothing
_RESAMPLES = 10_000
_FEWEST_RESAMPLES = 1_000
_MOST_DRAWN = 2**25  # numbers drawn in all; more series than that allows are drawn fewer times
_AT_ONCE = 2**21

Measure = Literal["mae", "rmse"]


@dataclass(frozen=True, eq=False)
class Origins:
    """What came after B origins, K steps each: what all forecasts are compared on.

    `actual` (B, K), NaN where nothing was observed; the rows of a series are in time order. `series` (B,) are whole
    numbers: which series a row belongs to. `scale` (B,) is what errors of the row are divided by, such as
    `naive_scale` of the values before it; rows where it is 0 or NaN, and rows with nothing observed, are left out and
    counted. `horizon` is how many consecutive origins share rows: K where they are one row apart, 1 where they share
    none.
    """

    actual: Array
    series: NDArray[np.int64]
    scale: Array
    horizon: int

    def __post_init__(self) -> None:
        whole_number("horizon", self.horizon, at_least=1)
        for name in ("actual", "scale"):
            object.__setattr__(self, name, _numbers(name, getattr(self, name)))
        object.__setattr__(self, "series", np.asarray(self.series))
        if self.actual.ndim != 2 or not self.actual.size:
            raise ShapeError(f"actual: expected (origins, steps), at least one of each, got {self.actual.shape}")
        for name, values in (("series", self.series), ("scale", self.scale)):
            if values.shape != self.actual.shape[:1]:
                raise ShapeError(f"{name}: expected one for each of {len(self.actual)} origins, got {values.shape}")
        if not np.issubdtype(self.series.dtype, np.integer):
            raise InputError("series: expected whole numbers, such as 0 for each origin of the first series")
        if (self.scale < 0).any():
            raise DataError(f"scale: {self.scale.min():g} is below 0: give such as naive_scale of the values before")


def _numbers(name: str, values: ArrayLike) -> Array:
    """Doubles that are finite or NaN."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{name}: expected numbers, got {type(values).__name__}") from None
    if np.isinf(numbers).any():
        raise DataError(f"{name}: expected finite numbers, or NaN where there is none, got infinity")
    return numbers


@dataclass(frozen=True, eq=False)
class Units:
    """Losses (M, units) of M forecasts: of series (`drawn` "series"), or of origins in time order ("blocks").

    `block` is how many are drawn together, 1 where units are series; `horizon` is how many in a row share rows.
    """

    losses: Array
    block: int
    horizon: int
    drawn: Literal["series", "blocks"]
    forecasts: int
    series: int
    left_out: int

    @property
    def count(self) -> int:
        """How many series or blocks there are."""
        return self.losses.shape[1] // self.block

    @property
    def enough(self) -> bool:
        """Whether an interval can be had from them."""
        return self.count >= (MANY_SERIES if self.drawn == "series" else LEAST_BLOCKS)


def units_of(origins: Origins, forecasts: Sequence[tuple[str, ArrayLike]], measure: Measure) -> Units | None:
    """The mean scaled losses (squares with "rmse") of `forecasts`, each a name and (B, K); None where no row is left.

    With 10 series or more a unit is a series: the mean of its rows. With fewer it is an origin: the mean over series of
    the rows that are as many origins before their series' last.
    """
    seen = ~np.isnan(origins.actual)
    kept = seen.any(axis=1) & (origins.scale > 0)
    checked = [_forecasts(name, values, origins) for name, values in forecasts]
    if not kept.any():
        return None
    names = [name for name, _ in forecasts]
    rows = [_losses(name, values, origins, measure)[kept] for name, values in zip(names, checked, strict=True)]
    which = np.unique(origins.series, return_inverse=True)[1]
    count = len(np.unique(which[kept]))
    many = count >= MANY_SERIES
    # Places before rows are left out, so that one that lacks moves no other.
    groups = np.unique((which if many else _from_last(which))[kept], return_inverse=True)[1]
    losses = np.array([np.bincount(groups, row) for row in rows]) / np.bincount(groups)
    horizon = 1 if many else int(origins.horizon)
    block = 1 if many else block_length(losses.shape[1], horizon)
    return Units(losses, block, horizon, "series" if many else "blocks", int(kept.sum()), count, int((~kept).sum()))


def _forecasts(name: str, values: ArrayLike, origins: Origins) -> Array:
    numbers = finite_numbers(values, name)
    if numbers.shape != origins.actual.shape:
        raise ShapeError(f"{name}: expected forecasts {origins.actual.shape}, got {numbers.shape}")
    return numbers


def _losses(name: str, values: Array, origins: Origins, measure: Measure) -> Array:
    """The mean loss of each row (B,) over the steps that were observed; 0 where the row is left out anyway."""
    seen = ~np.isnan(origins.actual) & (origins.scale[:, None] > 0)
    scale = np.where(origins.scale > 0, origins.scale, 1.0)[:, None]
    with np.errstate(over="ignore"):
        errors = np.abs(np.where(seen, values - np.where(seen, origins.actual, 0.0), 0.0)) / scale
        losses = (errors if measure == "mae" else errors**2).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    if not np.isfinite(losses.sum()):
        row = int(losses.argmax())
        raise DataError(f"{name}: the scaled error of origin {row + 1} is larger than a double holds", row=row)
    return losses


def _from_last(which: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the place of its origin; the last origins of all series have the same place."""
    counts = np.bincount(which)
    order = np.argsort(which, kind="stable")
    places = np.empty_like(which)
    places[order] = np.concatenate([np.arange(counts.max() - count, counts.max()) for count in counts])
    return places


def block_length(origins: int, horizon: int) -> int:
    """How many consecutive origins are drawn together: twice the `horizon` (if above 1), at least origins^(1/3).

    Losses of k steps ahead depend on each other over k - 1 origins. Blocks of k would miss about a third of what that
    adds to the variance of the mean, blocks of 2k a sixth. The cube root, for what else depends: P. Hall,
    J. L. Horowitz, B.-Y. Jing, "On blocking rules for the bootstrap with dependent data", Biometrika 82, 1995.

    >>> block_length(100, 1), block_length(100, 6)
    (5, 12)
    """
    return max(1 if horizon == 1 else 2 * horizon, round(origins ** (1 / 3)))


def drawn_means(units: Units, seed: int) -> Array:
    """Mean losses (M, R) of the units drawn with replacement R times, in blocks: 10,000 times, fewer of many units.

    The last unit is followed by the first, so that all are drawn alike.
    """
    rng, size = np.random.default_rng(seed), units.losses.shape[1]
    resamples = int(np.clip(_MOST_DRAWN // size, _FEWEST_RESAMPLES, _RESAMPLES))
    at_once = max(1, _AT_ONCE // size)
    means = []
    for done in range(0, resamples, at_once):
        starts = rng.integers(0, size, size=(min(at_once, resamples - done), -(-size // units.block), 1))
        chosen = ((starts + np.arange(units.block)) % size).reshape(len(starts), -1)[:, :size]
        means.append([row[chosen].mean(axis=1) for row in units.losses])
    return np.concatenate(means, axis=1)
