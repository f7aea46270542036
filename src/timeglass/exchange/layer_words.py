"""Layers as a text, for files that are not ours: the words of model files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from timeglass.errors import DataError
from timeglass.model.plain_values import LAYERS, from_plain, to_plain
from timeglass.model.strict_json import canonical, parse
from timeglass.network.layers import Layer, LinearSkip

__all__ = ["layers_of_text", "text_of_layers"]

_MOST_LAYERS = 1000


def text_of_layers(layers: Sequence[Layer]) -> str:
    """The layers in JSON, without their input's shape, which the file says elsewhere.

    >>> from timeglass.network.layers import GRU, Dense
    >>> layers_of_text(text_of_layers([GRU(3), Dense(1, "tanh")]), "here") == [GRU(3), Dense(1, "tanh")]
    True
    """
    return canonical([to_plain(f"layer {i}", _shapeless(layer), LAYERS) for i, layer in enumerate(layers)]).decode()


def layers_of_text(text: str, where: str) -> list[Layer]:
    """The layers, each checked as if a user had written it; a `DataError` begins with `where`."""
    try:
        given = parse(text.encode("utf-8", "surrogatepass"))
        if not isinstance(given, list) or len(given) > _MOST_LAYERS:
            raise DataError(f"expected a list of at most {_MOST_LAYERS:,} layers")
        return [_shapeless(from_plain(f"layer {i}", one, LAYERS)) for i, one in enumerate(given)]
    except DataError as error:
        raise DataError(f"{where}: its layers: {error}") from None


def _shapeless(layer: Any) -> Any:
    """Without the shape of its input; that of a pair stands on its first layer."""
    if hasattr(layer, "backward_layer"):
        other = layer.backward_layer and replace(layer.backward_layer, input_shape=None)
        return replace(layer, layer=replace(layer.layer, input_shape=None), backward_layer=other)
    return layer if isinstance(layer, LinearSkip) else replace(layer, input_shape=None)
