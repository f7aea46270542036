"""What a scaler has learned, whoever made it: read from its fields, so that no other library is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from timeglass.errors import OptionError
from timeglass.prepare.scale import MinMaxScaler, RobustScaler, StandardScaler
from timeglass.types import Array

__all__ = ["LearnedScale", "implied_scale", "learned_scale", "numbers_of"]

_ROUNDING = 1e-5  # of single precision
_EXPECTED = (
    "expected the limits (low, high) of the target, a scaler of timeglass.prepare, or one with scikit-learn's fitted "
    "data_min_ and data_max_, mean_ and scale_, center_ and scale_, or max_abs_"
)


@dataclass(frozen=True)
class LearnedScale:
    """scaled = (value - offset) / unit, and the numbers that were learned for it.

    `kind` is limits, moments, middle or reach: minimum and maximum; mean and std; median and iqr; largest size.
    """

    kind: str
    numbers: dict[str, float]
    offset: float
    unit: float
    quantiles: tuple[float, float] = (0.25, 0.75)  # between which the iqr is

    def inverse(self, scaled: Array) -> Array:
        """In the units of the series."""
        return scaled * self.unit + self.offset


def numbers_of(values: Array, scale: LearnedScale) -> dict[str, float]:
    """What a scaler of this kind learns from `values` (rows,), under the same names."""
    if scale.kind == "limits":
        return {"minimum": float(values.min()), "maximum": float(values.max())}
    if scale.kind == "moments":
        return {"mean": float(values.mean()), "std": float(values.std())}
    if scale.kind == "middle":
        first, middle, third = np.quantile(values, [scale.quantiles[0], 0.5, scale.quantiles[1]]).tolist()
        return {"median": middle, "iqr": third - first}
    return {"largest size": float(np.abs(values).max())}


def learned_scale(scaler: Any) -> LearnedScale:
    """Reads it from a pair (low, high), a scaler of `timeglass.prepare` or one with scikit-learn's fitted fields.

    An `OptionError` where it is none of these, was fitted on several columns, or has learned nothing.

    >>> learned_scale((10.0, 30.0)).inverse(np.array([0.5])).tolist()
    [20.0]
    """
    if isinstance(scaler, MinMaxScaler):
        return _limits(scaler.low, scaler.high)
    if isinstance(scaler, StandardScaler):
        return _moments(scaler.mean, scaler.std)
    if isinstance(scaler, RobustScaler):
        return _middle(scaler.median, scaler.iqr, (0.25, 0.75))
    if isinstance(scaler, Sequence | np.ndarray) and not isinstance(scaler, str):
        if len(scaler) != 2 or not all(isinstance(end, Real) for end in scaler):
            raise OptionError(f"scaler: {_EXPECTED}, got {scaler!r:.60}")
        return _limits(float(scaler[0]), float(scaler[1]))
    for fields, read in _FITTED.items():
        if all(getattr(scaler, field, None) is not None for field in fields):
            return read(scaler)
    raise OptionError(f"scaler: {_EXPECTED}, got {type(scaler).__name__}: fit it before, and give the fitted one")


def implied_scale(*parts: Array) -> LearnedScale | None:
    """The scale of values that were scaled before they were given: a part reaches from 0 or -1 to 1, or has mean 0 and
    standard deviation 1. Whole numbers, such as zeros and ones, do so by chance, and do not count.

    >>> implied_scale(np.array([0.0, 0.3, 1.0])).numbers
    {'minimum': 0.0, 'maximum': 1.0}
    """
    for values in parts:
        low, high, std = float(values.min()), float(values.max()), float(values.std())
        if low == high or (values == np.round(values)).all():
            continue
        for bound in (0.0, -1.0):
            if max(abs(low - bound), abs(high - 1)) <= _ROUNDING:
                return _limits(bound, 1.0)
        if max(abs(float(values.mean())), abs(std - 1)) <= _ROUNDING:
            return _moments(0.0, 1.0)
    return None


def _limits(low: float, high: float, shown: tuple[float, float] = (0.0, 1.0)) -> LearnedScale:
    """`shown` is what the limits are scaled to."""
    _finite(low, high)
    if not low < high:
        raise OptionError(f"scaler: expected limits with the lower one first, got {low:g} and {high:g}")
    unit = (high - low) / (shown[1] - shown[0])
    return LearnedScale("limits", {"minimum": low, "maximum": high}, low - shown[0] * unit, unit)


def _moments(mean: float, std: float, *, centred: bool = True) -> LearnedScale:
    _finite(mean, std)
    _above_zero("standard deviation", std)
    return LearnedScale("moments", {"mean": mean, "std": std}, mean * centred, std)


def _middle(median: float, iqr: float, quantiles: tuple[float, float]) -> LearnedScale:
    _finite(median, iqr)
    _above_zero("interquartile range", iqr)
    return LearnedScale("middle", {"median": median, "iqr": iqr}, median, iqr, quantiles)


def _reach(size: float) -> LearnedScale:
    _finite(size)
    _above_zero("largest size", size)
    return LearnedScale("reach", {"largest size": size}, 0.0, size)


def _finite(*numbers: float) -> None:
    if not np.isfinite(numbers).all():
        raise OptionError(f"scaler: what it has learned is not finite: {', '.join(map(str, numbers))}: fit it anew")


def _above_zero(what: str, number: float) -> None:
    if not number > 0:
        raise OptionError(f"scaler: its {what} is {number:g}: expected one above zero")


def _one(scaler: Any, field: str) -> float:
    numbers = np.asarray(getattr(scaler, field), dtype=np.float64).ravel()
    if len(numbers) != 1:
        raise OptionError(
            f"scaler: {field} holds {len(numbers)} columns, one is wanted: give the target's limits (low, high), or a "
            "scaler of the target alone"
        )
    return float(numbers[0])


# scikit-learn's fitted fields, and what becomes of them.
_FITTED: dict[tuple[str, ...], Callable[[Any], LearnedScale]] = {
    ("data_min_", "data_max_"): lambda s: _limits(
        _one(s, "data_min_"), _one(s, "data_max_"), getattr(s, "feature_range", (0.0, 1.0))
    ),
    ("center_", "scale_"): lambda s: _middle(
        _one(s, "center_"), _one(s, "scale_"),
        tuple(q / 100 for q in getattr(s, "quantile_range", (25.0, 75.0))),  # type: ignore[arg-type]  # a pair
    ),
    ("mean_", "scale_"): lambda s: _moments(
        _one(s, "mean_"), _one(s, "scale_"), centred=getattr(s, "with_mean", True)
    ),
    ("max_abs_",): lambda s: _reach(_one(s, "max_abs_")),
}  # fmt: skip
