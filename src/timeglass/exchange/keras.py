"""Networks from Keras, and for Keras."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from os import PathLike
from typing import Any

import numpy as np

from timeglass.errors import InputError, OptionError
from timeglass.exchange.keras_archive import KerasFile, read_keras_file
from timeglass.exchange.keras_chain import Chain, Step, chain_of
from timeglass.exchange.keras_hdf5 import Hdf5
from timeglass.exchange.keras_place import Place
from timeglass.model.checks import whole
from timeglass.model.sequential import Sequential
from timeglass.network.architecture import Architecture
from timeglass.network.layers import Dropout, Input, Recurrent
from timeglass.network.nodes import PlacedLayer
from timeglass.network.weight_names import KERAS_NAMES
from timeglass.train.keras_network import keras_network
from timeglass.types import Floats
from timeglass.words import quoted

__all__ = ["from_keras", "to_keras"]

# The arrays of a step's layer, from what within it holds them, of these shapes.
_Read = Callable[[Step, str, list[tuple[int, ...]]], list[Floats]]


@dataclass(frozen=True)
class _Source:
    """A model as it is written down, and what reads its weights once their sizes are known."""

    place: Place  # of its configuration
    weights_place: Place
    written: Any
    reader: Callable[[Architecture], _Read]


def from_keras(
    source: Any, *, time_steps: int | None = None, seed: int | None = None, engine: str | None = None
) -> Sequential:
    """The network of a `keras.Model`, or of a `.keras` file that Keras 3 saved: same layers, names and weights.

    The model is a chain of Timeglass's layers, a Sequential or functional; a LinearSkip may stand in it as
    `Add()([y, Dense(K)(Flatten()(window[:, -steps:]))])`. `time_steps` is T, where the model leaves it open.
    `seed` and `engine` are the new network's. What belongs to training alone (optimiser, loss, initialisers,
    regularisers, constraints, frozen layers, Dropout's seeds) is left behind: compile the network to train it.

    A file is read by Timeglass itself: Keras is neither needed nor run, and no code in the file is. Raises `DataError`
    for a file that is damaged, too large or holds what Timeglass lacks, with its part and the layer; `OptionError` for
    such a model. Weights are taken bit for bit.

    >>> model = from_keras("forecaster.keras")  # doctest: +SKIP
    >>> model.trace(windows)["lstm.forget[t=3]"]  # doctest: +SKIP
    """
    given = _file(source) if isinstance(source, str | PathLike) else _model(source)
    chain = chain_of(given.written, given.place)
    steps = _time_steps(chain, time_steps)
    architecture = _architecture(chain, steps, given.place)
    weights = _weights(architecture, chain, given)
    layers = [Input((steps, chain.features)), *(step.layer for step in chain.steps)]
    model = Sequential(layers, chain.name, seed=seed, engine=engine)
    for own, arrays in zip(architecture.split(model.training_state.weights), weights, strict=True):
        for name, array in arrays.items():
            own[name][0] = array
    return model


def _time_steps(chain: Chain, asked: int | None) -> int:
    """T: the model's own, or what was asked for where it leaves that open."""
    if asked is not None:
        whole("from_keras time_steps", asked, 1)
    if chain.time_steps is None and asked is None:
        raise OptionError(
            "from_keras time_steps: the model takes windows of any length, a Timeglass network has one: "
            "give it, such as time_steps=12"
        )
    if None not in (chain.time_steps, asked) and chain.time_steps != asked:
        raise OptionError(
            f"from_keras time_steps: the model's windows have {chain.time_steps} time steps, got {asked}: leave it out"
        )
    return chain.time_steps or int(asked or 0)


def _architecture(chain: Chain, time_steps: int, place: Place) -> Architecture:
    layers = [step.layer for step in chain.steps]
    try:
        return Architecture.of(layers, time_steps=time_steps, features=chain.features)
    except InputError as error:
        raise place.refuse(str(error)) from None


def _weights(architecture: Architecture, chain: Chain, source: _Source) -> list[dict[str, Floats]]:
    """Of each node, by name: all of them, and all finite."""
    read = source.reader(architecture)
    holders = [(step, holder) for step in chain.steps for holder in step.holders]
    found = []
    for node, (step, holder) in zip(architecture.layers, holders, strict=True):
        shapes = node.weight_shapes
        arrays = read(step, holder, list(shapes.values())) if shapes else []
        found.append(dict(zip(shapes, arrays, strict=True)))
        for name, array in found[-1].items():
            if not np.isfinite(array).all():
                place = source.weights_place.at(f"layer {quoted(node.name)}")
                raise place.refuse(f"its {KERAS_NAMES[name]} holds values that are not finite")
    return found


# Files


def _file(path: str | PathLike[str]) -> _Source:
    file = read_keras_file(path)
    place, weights_place = file.place.at("config.json"), file.place.at("model.weights.h5")
    return _Source(place, weights_place, file.config, lambda network: _file_reader(file, weights_place, network))


def _file_reader(file: KerasFile, place: Place, architecture: Architecture) -> _Read:
    if 4 * architecture.weight_count > len(file.weights):
        raise place.refuse(
            f"has {len(file.weights):,} bytes, the configuration describes {architecture.weight_count:,} weights of 4"
        )
    archive = Hdf5(file.weights, place)

    def read(step: Step, holder: str, shapes: list[tuple[int, ...]]) -> list[Floats]:
        path = "/".join(part for part in (step.group, holder, "vars") if part)
        names = archive.members(path)
        if sorted(names) != [str(i) for i in range(len(shapes))]:
            raise place.refuse(f"/{path} holds {len(names)} arrays, the configuration describes {len(shapes)}")
        return [archive.array(f"{path}/{i}", shape) for i, shape in enumerate(shapes)]

    return read


# Models


def _model(source: Any) -> _Source:
    """A live model, which Keras writes down."""
    keras = sys.modules.get("keras")  # there is no model without it
    if keras is None or not isinstance(source, keras.Model):
        raise OptionError(
            f"from_keras source: expected a keras.Model or the path of a .keras file, got {quoted(repr(source))}"
        )
    place = Place(f"Keras model {quoted(source.name)}", OptionError)
    if not str(keras.__version__).startswith("3."):
        raise place.refuse(f"is of Keras {keras.__version__}: expected Keras 3")
    try:
        with warnings.catch_warnings(action="ignore"):  # of what would be unsafe to load, which nobody does
            written = json.loads(json.dumps(keras.saving.serialize_keras_object(source)))
    except (TypeError, ValueError, NotImplementedError) as error:
        raise place.refuse(f"Keras cannot write it down: {error}") from None
    return _Source(place, place, written, lambda _: _model_reader(source, keras.ops.convert_to_numpy))


def _model_reader(model: Any, to_numpy: Callable[[Any], Floats]) -> _Read:
    def read(step: Step, holder: str, shapes: list[tuple[int, ...]]) -> list[Floats]:
        layer = reduce(getattr, holder.split("/") if holder else [], model.get_layer(step.name))
        given = [getattr(layer, name, None) for name in ("kernel", "recurrent_kernel", "bias")]
        arrays = [np.asarray(to_numpy(one.value)) for one in given if one is not None]
        described = [(one.shape, str(one.dtype)) for one in arrays]
        if described != [(shape, "float32") for shape in shapes]:
            raise step.place.refuse(f"expected weights of float32 and shapes {shapes}, found {described}")
        return arrays

    return read


# To Keras


def to_keras(model: Sequential, *, network: int = 0) -> Any:
    """One network as a `keras.Model` with the same layers, names, dropout and weights; it forecasts the same.

    A `keras.Sequential`, or with a LinearSkip a functional model. It is not compiled: optimiser, loss and L2 are for
    `compile` to say. Layers named by Timeglass keep those names too. An `EngineError` says how to get Keras where it
    is missing; `OptionError` names a layer whose name Keras does not take.

    >>> to_keras(model).save("forecaster.keras")  # doctest: +SKIP
    """
    architecture = model.architecture
    if not 0 <= whole("to_keras network", network, 0) < model.networks:
        raise OptionError(f"to_keras network: expected 0 to {model.networks - 1}, got {network}")
    for name in (model.name, *(node.name for node in architecture.layers)):
        if not name or "/" in name:
            raise OptionError(f"to_keras: Keras takes no name that is empty or has a slash, got {quoted(name)}")
    one = replace(architecture, layers=tuple(_of_network(node, network) for node in architecture.layers))
    return keras_network(one, model.training_state.weights[network], whole=model.name).model


def _of_network(node: PlacedLayer, network: int) -> PlacedLayer:
    """The node with that network's own dropout rates."""
    layer = node.layer
    names = ("dropout", "recurrent_dropout") if isinstance(layer, Recurrent) else ("rate",)
    if not isinstance(layer, Recurrent | Dropout):
        return node
    rates = {name: rate[network] for name in names if isinstance(rate := getattr(layer, name), tuple)}
    return replace(node, layer=replace(layer, **rates))
