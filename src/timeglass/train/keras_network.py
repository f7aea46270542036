"""A network in Keras: the same layers on the same window, and where each node's weights stand in the model."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import Any

import numpy as np

from timeglass.errors import EngineError
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import Dense, Dropout, LinearSkip, Masking, Recurrent
from timeglass.network.nodes import Merge
from timeglass.types import Array, Floats

__all__ = ["KerasNetwork", "keras_library", "keras_network"]

# Fields of a layer that Keras's is not given: the shape is known, the name is the node's; and for an engine, which has
# numbers of its own to drop by, those that would have Keras draw some.
_NOT_KERAS = {"input_shape", "name"}
_DROPPING = {"dropout", "recurrent_dropout"}


def keras_library() -> Any:
    """The module `keras`; an `EngineError` says how to get it where it is missing."""
    # Keras takes TensorFlow unless told; the extra that brings Keras brings JAX.
    if "KERAS_BACKEND" not in os.environ and find_spec("tensorflow") is None and find_spec("jax") is not None:
        os.environ["KERAS_BACKEND"] = "jax"
    try:
        import keras  # an optional extra, and seconds of start-up
    except ImportError as error:
        raise EngineError(
            f"engine keras: Keras or its backend (KERAS_BACKEND) is not installed ({error}); "
            "run: pip install 'timeglass[keras]'"
        ) from None
    return keras


@dataclass(frozen=True)
class KerasNetwork:
    """One network as a `keras.Model`, and its variables in Timeglass's order."""

    model: Any
    variables: list[Any]

    def flat(self, variables: list[Any] | None = None) -> Floats:
        """The weights (P,), or other variables that stand in the same order."""
        to_numpy = keras_library().ops.convert_to_numpy
        rows = [np.ravel(to_numpy(variable.value)) for variable in variables or self.variables]
        return np.concatenate([np.zeros(0, dtype=np.float32), *rows])

    def assign(self, values: Array, variables: list[Any] | None = None) -> None:
        """Sets them to values (P,)."""
        at = 0
        for variable in variables or self.variables:
            size = int(np.prod(variable.shape))
            variable.assign(values[at : at + size].reshape(variable.shape))
            at += size

    def beside(self, slots: list[Any]) -> list[Any]:
        """An optimiser's variables, which stand in the model's order, in Timeglass's."""
        place = {id(variable): i for i, variable in enumerate(self.model.trainable_variables)}
        return [slots[place[id(variable)]] for variable in self.variables]


def keras_network(
    architecture: Architecture, weights: Floats, l2: float = 0.0, *, whole: str | None = None
) -> KerasNetwork:
    """The network with the weights (P,), its kernels under an L2 penalty; without dropout, which an engine draws.

    `whole` is a name for the model: it then has dropout and the layers' names too, and is a Sequential where no layer
    reads the window besides the first.
    """
    builder = _Builder(architecture, l2, whole)
    for number in range(len(architecture.layers)):
        builder.add(number)
    made = KerasNetwork(builder.model(), builder.variables())
    made.assign(weights)
    return made


class _Builder:
    """Makes the Keras layers node after node, and remembers which of them holds which node's weights."""

    def __init__(self, architecture: Architecture, l2: float, whole: str | None) -> None:
        self._keras = keras_library()
        self._nodes = architecture.layers
        self._whole = whole
        self._taken = {node.name for node in self._nodes}
        self._row: list[Any] | None = None  # the layers, where they are to be a Sequential
        if whole is not None and not any(isinstance(node.layer, LinearSkip) for node in self._nodes):
            self._row = []
        shape = (architecture.time_steps, architecture.features)
        self._window = self._keras.layers.Input(shape, **self._free("input_layer"))
        self._given: dict[int, Any] = {-1: self._window}  # what each node gives, by its number
        self._made: dict[int, Any] = {}  # the layer that holds each node's weights
        self._regularizer = self._keras.regularizers.L2(l2) if l2 else None

    def model(self) -> Any:
        if self._row is not None:
            return self._keras.Sequential([self._window, *self._row], name=self._whole)
        return self._keras.Model(self._window, self._given[len(self._nodes) - 1], name=self._whole)

    def variables(self) -> list[Any]:
        """All weights, node after node."""
        return [variable for number in sorted(self._made) for variable in self._made[number].trainable_variables]

    def add(self, number: int) -> None:
        """Makes the node's layer and applies it; the two layers of a pair wait for the node that merges them."""
        node, layers = self._nodes[number], self._keras.layers
        if isinstance(node.layer, Merge):
            self._given[number] = self._pair(node, node.layer.mode)
            return
        given = self._given.get(node.inputs[0])
        if isinstance(node.layer, Recurrent):
            self._made[number] = self._recurrent(node)
            if any(number in other.inputs for other in self._nodes if isinstance(other.layer, Merge)):
                return
            self._given[number] = self._apply(self._made[number], given)
        elif isinstance(node.layer, Dense):
            self._made[number] = self._dense(node, node.activation)
            self._given[number] = self._apply(self._made[number], given)
        elif isinstance(node.layer, LinearSkip):
            self._made[number] = self._dense(node, "linear")
            self._given[number] = self._skip(node, given, self._made[number])
        elif isinstance(node.layer, Masking):
            self._given[number] = self._apply(layers.Masking(node.layer.mask_value, **self._named(node.name)), given)
        elif isinstance(node.layer, Dropout) and self._whole is not None:
            self._given[number] = self._apply(layers.Dropout(node.layer.rate, **self._named(node.name)), given)
        else:
            self._given[number] = given  # Dropout, which is for training and refused there

    def _apply(self, layer: Any, given: Any) -> Any:
        """What the layer gives; a Sequential applies its layers itself."""
        if self._row is None:
            return layer(given)
        self._row.append(layer)
        return None

    def _named(self, name: str) -> dict[str, str]:
        """The argument for a layer's name, where layers have names."""
        return {} if self._whole is None else {"name": name}

    def _free(self, wanted: str) -> dict[str, str]:
        """The same for a layer that Timeglass has no name for."""
        while wanted in self._taken:
            wanted += "_"
        self._taken.add(wanted)
        return self._named(wanted)

    def _options(self, kernels: tuple[str, ...]) -> dict[str, Any]:
        # Zeros, since the weights are set later: drawing some first would cost more than a second.
        zeros = {f"{kernel}_initializer": "zeros" for kernel in kernels}
        return zeros | {f"{kernel}_regularizer": self._regularizer for kernel in kernels}

    def _recurrent(self, node: PlacedLayer) -> Any:
        kind = type(node.layer).__name__
        left_out = _NOT_KERAS | (_DROPPING if self._whole is None else set())
        own = {one.name: getattr(node.layer, one.name) for one in fields(node.layer) if one.name not in left_out}
        own["activation"] = node.activation
        if "recurrent_activation" in own:
            own["recurrent_activation"] = node.recurrent_activation
        options = self._options(("kernel", "recurrent")) | self._named(node.name)
        return getattr(self._keras.layers, kind)(**own, **options)

    def _dense(self, node: PlacedLayer, activation: str) -> Any:
        assert isinstance(node.layer, Dense | LinearSkip)
        options = self._options(("kernel",)) | self._named(node.name)
        return self._keras.layers.Dense(node.units, activation, use_bias=node.layer.use_bias, **options)

    def _skip(self, node: PlacedLayer, given: Any, dense: Any) -> Any:
        assert isinstance(node.layer, LinearSkip)
        layers, steps = self._keras.layers, node.layer.time_steps
        last = self._window if steps in (None, self._window.shape[1]) else self._window[:, -steps:]
        flat = layers.Flatten(**self._free(f"{node.name}_window"))(last)
        return layers.Add(**self._free(f"{node.name}_add"))([given, dense(flat)])

    def _pair(self, node: PlacedLayer, mode: str) -> Any:
        one, other = node.inputs
        layer, backward = self._made[one], self._made[other]
        if layer.units != backward.units:
            raise EngineError(
                f"Keras lays out what follows a Bidirectional for two layers of the same units, {node.name} has "
                f"{layer.units} and {backward.units}: give both the same, or use engine='lanes' or engine='numpy'"
            )
        pair = self._keras.layers.Bidirectional(layer, mode, backward_layer=backward, **self._named(node.name))
        made = self._apply(pair, self._given[self._nodes[one].inputs[0]])
        self._made[one], self._made[other] = pair.forward_layer, pair.backward_layer  # Keras makes copies
        return made
