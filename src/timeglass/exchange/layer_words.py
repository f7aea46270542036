"""Layers as plain words and numbers, for files: a closed list of names, of which nothing is looked up elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from timeglass.errors import DataError, InputError
from timeglass.network.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Layer,
    LinearSkip,
    Masking,
    SimpleRNN,
)  # fmt: skip
from timeglass.words import quoted

__all__ = ["layers_of_text", "text_of_layers"]

_LAYERS: dict[str, type[Any]] = {
    one.__name__: one for one in (GRU, LSTM, Bidirectional, Dense, Dropout, LinearSkip, Masking, SimpleRNN)
}
_INNER = ("layer", "backward_layer")
_LEFT_OUT = ("input_shape",)  # the file says it elsewhere
_MOST_CHARACTERS = 10**6
_MOST_LAYERS = 1000


def _words(layer: Layer) -> dict[str, Any]:
    own = {one.name: getattr(layer, one.name) for one in fields(layer) if one.name not in _LEFT_OUT}
    inner = {name: own[name] and _words(own[name]) for name in _INNER if name in own}
    # Numbers of NumPy's are taken by the layers, but not by JSON.
    plain = {key: value.item() if hasattr(value, "item") else value for key, value in own.items()}
    return {"layer_type": type(layer).__name__, **plain, **inner}


def text_of_layers(layers: Sequence[Layer]) -> str:
    """The layers in JSON; rates must be numbers.

    >>> layers_of_text(text_of_layers([GRU(3), Dense(1, "tanh")]), "here") == [GRU(3), Dense(1, "tanh")]
    True
    """
    return json.dumps([_words(layer) for layer in layers])


def _layer(words: Any, where: str, depth: int = 0) -> Any:
    if not isinstance(words, dict) or not isinstance(words.get("layer_type"), str) or depth > 1:
        raise DataError(f"{where}: its list of layers is damaged")
    kind = _LAYERS.get(words["layer_type"])
    if kind is None:
        raise DataError(f"{where}: names a layer {words['layer_type']!r}: expected one of {', '.join(_LAYERS)}")
    options = {key: value for key, value in words.items() if key != "layer_type"}
    if set(options) != {one.name for one in fields(kind)} - set(_LEFT_OUT):
        raise DataError(f"{where}: its {kind.__name__} has other arguments than this version's")
    if not str(options.get("name") or "").isprintable():
        raise DataError(f"{where}: the name {quoted(options['name'])} of a {kind.__name__} cannot be shown")
    for name in _INNER:
        if options.get(name) is not None:
            options[name] = _layer(options[name], where, depth + 1)
    return kind(**options)


def layers_of_text(text: str, where: str) -> list[Layer]:
    """The layers, each checked as if a user had written it; a `DataError` begins with `where`."""
    if len(text) > _MOST_CHARACTERS:
        raise DataError(
            f"{where}: its list of layers has {len(text):,} characters, at most {_MOST_CHARACTERS:,} are read"
        )
    try:
        words = json.loads(text)
        if not isinstance(words, list) or len(words) > _MOST_LAYERS:
            raise ValueError
        return [_layer(one, where) for one in words]
    except DataError:
        raise
    except InputError as error:
        raise DataError(f"{where}: {error}") from None
    except (ValueError, RecursionError):
        raise DataError(f"{where}: its list of layers is damaged") from None
