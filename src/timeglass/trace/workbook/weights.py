"""The sheets of weights: each layer's arrays, turned so that a unit is a row, with the names of rows and columns."""

from __future__ import annotations

from collections.abc import Mapping

from timeglass.network.architecture import PlacedLayer
from timeglass.network.weight_names import weight_column_names
from timeglass.trace.workbook.layout import WeightSheet, side_by_side
from timeglass.trace.workbook.names import range_name
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["weight_sheet"]

_TOP = 7  # the row of the first unit


def weight_sheet(node: PlacedLayer, arrays: Mapping[str, Array], name: str, ranges: set[str]) -> WeightSheet:
    """The sheet of a layer's arrays: wx (F, G·H), wh (H, G·H), bh (G·H) or (2, 3H); wy (F, K), by (K)."""
    turned = {key: (array if array.ndim == 2 else array[None]).T for key, array in arrays.items()}
    counts = {key: array.shape[1] for key, array in turned.items()}
    places = side_by_side(name, 1, _TOP, counts)
    return WeightSheet(
        name, shown(node.name), weight_column_names(node), turned, places,
        {key: range_name(node.name, key, ranges) for key in turned},
    )  # fmt: skip
