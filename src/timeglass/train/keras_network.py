"""A network in Keras: the same layers on the same window, and where each node's weights stand in the model."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from importlib.util import find_spec
from typing import Any

import numpy as np

from timeglass.errors import EngineError
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import Dense, LinearSkip, Masking, Recurrent
from timeglass.network.nodes import Merge
from timeglass.types import Array, Floats

__all__ = ["KerasNetwork", "keras_library", "keras_network"]

# Fields of a layer that Keras's is not given: the shape is known, and Keras's dropout draws numbers of its own.
_NOT_KERAS = {"input_shape", "name", "dropout", "recurrent_dropout"}


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


def keras_network(architecture: Architecture, weights: Floats, l2: float = 0.0) -> KerasNetwork:
    """The network with the weights (P,), without dropout, its kernels under an L2 penalty."""
    builder = _Builder(architecture, l2)
    for number in range(len(architecture.layers)):
        builder.add(number)
    made = KerasNetwork(builder.model(), builder.variables())
    made.assign(weights)
    return made


class _Builder:
    """Makes the Keras layers node after node, and remembers which of them holds which node's weights."""

    def __init__(self, architecture: Architecture, l2: float) -> None:
        self._keras = keras_library()
        self._nodes = architecture.layers
        self._window = self._keras.layers.Input((architecture.time_steps, architecture.features))
        self._given: dict[int, Any] = {-1: self._window}  # what each node gives, by its number
        self._made: dict[int, Any] = {}  # the layer that holds each node's weights
        self._regularizer = self._keras.regularizers.L2(l2) if l2 else None

    def model(self) -> Any:
        return self._keras.Model(self._window, self._given[len(self._nodes) - 1])

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
            self._given[number] = self._made[number](given)
        elif isinstance(node.layer, Dense):
            self._made[number] = self._dense(node, node.activation)
            self._given[number] = self._made[number](given)
        elif isinstance(node.layer, LinearSkip):
            self._made[number] = self._dense(node, "linear")
            steps = node.layer.time_steps or self._window.shape[1]
            window = layers.Flatten()(self._window[:, -steps:])
            self._given[number] = layers.Add()([given, self._made[number](window)])
        elif isinstance(node.layer, Masking):
            self._given[number] = layers.Masking(node.layer.mask_value)(given)
        else:
            self._given[number] = given  # Dropout, which is for training and refused there

    def _options(self, kernels: tuple[str, ...]) -> dict[str, Any]:
        # Zeros, since the weights are set later: drawing some first would cost more than a second.
        zeros = {f"{kernel}_initializer": "zeros" for kernel in kernels}
        return zeros | {f"{kernel}_regularizer": self._regularizer for kernel in kernels}

    def _recurrent(self, node: PlacedLayer) -> Any:
        kind = type(node.layer).__name__
        own = {one.name: getattr(node.layer, one.name) for one in fields(node.layer) if one.name not in _NOT_KERAS}
        own["activation"] = node.activation
        if "recurrent_activation" in own:
            own["recurrent_activation"] = node.recurrent_activation
        return getattr(self._keras.layers, kind)(**own, **self._options(("kernel", "recurrent")))

    def _dense(self, node: PlacedLayer, activation: str) -> Any:
        assert isinstance(node.layer, Dense | LinearSkip)
        options = self._options(("kernel",))
        return self._keras.layers.Dense(node.units, activation, use_bias=node.layer.use_bias, **options)

    def _pair(self, node: PlacedLayer, mode: str) -> Any:
        one, other = node.inputs
        pair = self._keras.layers.Bidirectional(self._made[one], mode, backward_layer=self._made[other])
        made = pair(self._given[self._nodes[one].inputs[0]])
        self._made[one], self._made[other] = pair.forward_layer, pair.backward_layer  # Keras makes copies
        return made
