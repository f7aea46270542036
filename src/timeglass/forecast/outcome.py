"""A forecast as numbers with dates, and as a frame."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np

from timeglass.dates.calendar import Dates
from timeglass.forecast.zones import in_utc, zone_in
from timeglass.types import Array

__all__ = ["Forecast", "Replaced", "frame_of"]

_LIBRARIES = ("pandas", "polars", "pyarrow")
_LAST_IN_NS = np.datetime64("2262-04-10")  # the last whole day, in any zone, that fits 64 bits of nanoseconds


@dataclass(frozen=True)
class Replaced:
    """A series that is not forecast by the networks: by what instead, and why."""

    series: str
    method: str
    why: str

    def __str__(self) -> str:
        return f"{self.series}: {self.method}: {self.why}"


@dataclass(frozen=True, eq=False)
class Forecast:
    """The next K rows of S series, in their own units.

    `low` and `high` hold an array (S, K) for each level in percent. `members` are the forecasts that the point forecast
    is made of, (S, K) each, and `weights` what they count, (S,) each; NaN where a series has no such member. `lanes`
    (L, S, K) are the single networks.
    """

    ids: tuple[str, ...]
    dates: tuple[Dates, ...]  # (K,) each
    point: Array  # (S, K)
    low: dict[float, Array]
    high: dict[float, Array]
    method: tuple[str, ...]
    replaced: tuple[Replaced, ...]
    members: dict[str, Array]
    weights: dict[str, Array]
    lanes: Array
    zone: str | None = None

    def columns(self) -> dict[str, Any]:
        """The long frame's columns: unique_id, ds, timeglass, timeglass-lo-80, timeglass-hi-80, …, method."""
        horizon = self.point.shape[1]
        found: dict[str, Any] = {
            "unique_id": [name for name in self.ids for _ in range(horizon)],
            "ds": np.concatenate(self.dates),
            "timeglass": self.point.ravel(),
        }
        for level in sorted(self.low):
            found[f"timeglass-lo-{level:g}"] = self.low[level].ravel()
            found[f"timeglass-hi-{level:g}"] = self.high[level].ravel()
        found["method"] = [name for name in self.method for _ in range(horizon)]
        return found

    def frame(self, kind: str = "", like: Any = None) -> Any:
        """The long frame of a library, "pandas", "polars" or "pyarrow"; "" takes the first one that is installed."""
        return frame_of(self.columns(), kind, zone=self.zone, like=like)


def frame_of(columns: dict[str, Any], kind: str = "", *, zone: str | None = None, like: Any = None) -> Any:
    """Columns as a frame of the library `kind`; without any such library, the mapping itself.

    The column ds gets the type `like`, narwhals' type of the times that were given, where there is one that holds them.
    """
    kind = kind or next((name for name in _LIBRARIES if importlib.util.find_spec(name)), "")
    if not kind:
        return columns
    import narwhals as nw  # a slow start

    frame = nw.from_dict({name: _plain(values, zone) for name, values in columns.items()}, backend=kind)  # type: ignore[arg-type]
    time = nw.col("ds")
    if zone is not None:
        own = [name for name in ("ds", "cutoff") if name in columns and frame.schema[name] == nw.Datetime]
        local = nw.col(own).dt.replace_time_zone("UTC").dt.convert_time_zone(zone_in(kind, zone))
        frame = frame.with_columns(local) if own else frame
    if like is not None and like.is_integer() and _are_years(columns["ds"]):
        return frame_of(dict(columns) | {"ds": columns["ds"].astype(np.int64) + 1970}, kind, like=like)
    if like is not None and getattr(like, "time_unit", "") == "ns" and (columns["ds"] > _LAST_IN_NS).any():
        return frame.to_native()
    if like is not None and (like.is_temporal() or like.is_integer()) and frame.schema["ds"] != like:
        frame = frame.with_columns(time.cast(like))
    return frame.to_native()


def _are_years(dates: Any) -> bool:
    return isinstance(dates, np.ndarray) and dates.dtype == np.dtype("datetime64[Y]")


def _plain(values: Any, zone: str | None) -> Any:
    """Dates in a unit that every library has, in UTC where they have a zone; lists of words stay lists."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return in_utc(values, zone).astype("datetime64[us]")
    return values
