"""A Keras model as it is written down, as a chain of our layers: a Sequential, or a functional model without branches.

The one branch is LinearSkip's: the window, flattened, through a Dense layer of its own, added to a vector of the chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from timeglass.exchange.keras_graph import Graph, is_add
from timeglass.exchange.keras_layers import KerasObject, as_object, check_dtype, check_name, own_layer
from timeglass.exchange.keras_place import Place
from timeglass.network.layers import Bidirectional, Layer, LinearSkip, Masking, Recurrent
from timeglass.words import quoted

__all__ = ["Chain", "Step", "chain_of"]

_MOST_LAYERS = 100


@dataclass(frozen=True)
class Step:
    """A layer of the chain, and where its weights stand."""

    layer: Layer
    name: str  # of the Keras layer that holds its weights
    group: str  # of the same layer's weights in a file
    place: Place

    @property
    def holders(self) -> tuple[str, ...]:
        """For each of the layer's nodes, what within the Keras layer holds its weights."""
        if isinstance(self.layer, Bidirectional):
            return "forward_layer/cell", "backward_layer/cell", ""
        return ("cell",) if isinstance(self.layer, Recurrent) else ("",)


@dataclass(frozen=True)
class Chain:
    """The model's name, its windows and its layers."""

    name: str
    time_steps: int | None  # T, None where the model leaves it open
    features: int  # F
    steps: list[Step]


def chain_of(written: Any, place: Place) -> Chain:
    """The chain that a model's configuration describes; an error names the layer that is none of ours."""
    config = written.get("config") if isinstance(written, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(layers, list):
        raise place.refuse("expected a Keras model with a list of layers")
    if len(layers) > _MOST_LAYERS:
        raise place.refuse(f"has {len(layers):,} layers, at most {_MOST_LAYERS} are taken")
    check_dtype(config.get("dtype"), place)
    objects = [as_object(layer, place) for layer in layers]
    groups = _groups(objects)
    kind, module = written.get("class_name"), str(written.get("module"))
    if written.get("registered_name") not in (None, kind) or module.partition(".")[0] != "keras":
        kind = None
    if kind == "Sequential":
        shape, steps = _window(objects, place), _sequential(objects, groups)
    elif kind in ("Functional", "Model"):
        graph = Graph(config, objects, place)
        shape, steps = _shape(graph.window), _functional(graph, groups)
    else:
        name = quoted(f"{module}.{written.get('class_name')}")
        raise place.refuse(f"expected a Sequential or functional model of Keras's own, found {name}")
    return Chain(check_name(config.get("name"), place), *shape, _with_free_names(list(steps)))


def _groups(objects: list[KerasObject]) -> dict[str, str]:
    """By name, where a layer's weights stand in a file: Keras counts the layers of each class."""
    counts, groups = Counter[str](), {}
    for one in objects:
        if one.name in groups:
            raise one.place.refuse("two layers have this name")
        base = _GROUP_NAMES.get(one.kind, one.kind)
        groups[one.name] = f"layers/{base}_{counts[base]}" if counts[base] else f"layers/{base}"
        counts[base] += one.module == "keras.layers"
    return groups


_GROUP_NAMES = {
    "SimpleRNN": "simple_rnn", "GRU": "gru", "LSTM": "lstm", "Bidirectional": "bidirectional", "Dense": "dense",
}  # fmt: skip


# The input


def _window(objects: list[KerasObject], place: Place) -> tuple[int | None, int]:
    """(T or None, F) of a Sequential."""
    if objects and (objects[0].module, objects[0].kind) == ("keras.layers", "InputLayer"):
        return _shape(objects[0])
    raise place.refuse("the model is not built, so it has no weights: call model.build((None, time_steps, features))")


def _shape(given: KerasObject) -> tuple[int | None, int]:
    """(T or None, F) of an InputLayer."""
    check_dtype(given.config.get("dtype"), given.place)
    for flag in ("sparse", "ragged", "optional"):
        if given.config.get(flag):
            raise given.place.refuse(f"{flag}={given.config[flag]}: expected windows (N, T, F) of float32")
    shape = given.config.get("batch_shape")
    sizes: list[Any] = shape[1:] if isinstance(shape, list) and len(shape) == 3 else [None, None]
    if not (sizes[0] is None or _is_size(sizes[0])) or not _is_size(sizes[1]):
        raise given.place.refuse(
            f"batch_shape {quoted(str(shape))}: expected (None, time steps, features), such as (None, 12, 1)"
        )
    return sizes[0], sizes[1]


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


# The layers


def _sequential(objects: list[KerasObject], groups: dict[str, str]) -> Iterator[Step]:
    masked = False
    for given in objects[1:]:
        layer = own_layer(given, masked=masked)
        masked = isinstance(layer, Masking) or (masked and _gives_sequence(layer))
        yield Step(layer, given.name, groups[given.name], given.place)


def _functional(graph: Graph, groups: dict[str, str]) -> Iterator[Step]:
    """From the window up, each layer reading the one before."""
    mask = None  # of the steps so far: the name of what is masked, and the value that marks it
    for given in graph.chain():
        if is_add(given):
            dense, steps = graph.skip(given)
            skip = LinearSkip(steps, bool(dense.config.get("use_bias", True)), dense.name)
            yield Step(skip, dense.name, groups[dense.name], dense.place)
            continue
        layer = own_layer(given, masked=mask is not None)
        graph.check_mask(given, mask if isinstance(layer, Recurrent | Bidirectional) else None)
        if isinstance(layer, Masking):
            mask = (graph.only_input(given), layer.mask_value)
        elif not _gives_sequence(layer):
            mask = None
        yield Step(layer, given.name, groups[given.name], given.place)


def _gives_sequence(layer: Layer) -> bool:
    """Whether a layer on a sequence gives one."""
    inner = layer.layer if isinstance(layer, Bidirectional) else layer
    return not isinstance(inner, Recurrent) or inner.return_sequences


def _with_free_names(steps: list[Step]) -> list[Step]:
    """Keras lets a backward layer within a Bidirectional have a name that another layer has; here it gets a new one."""
    taken = {step.layer.name for step in steps}
    free = []
    for step in steps:
        layer = step.layer
        backward = layer.backward_layer if isinstance(layer, Bidirectional) else None
        if isinstance(layer, Bidirectional) and backward is not None:
            if backward.name in taken:
                layer = replace(layer, backward_layer=replace(backward, name=None))
            taken.add(backward.name)
        free.append(replace(step, layer=layer))
    return free
