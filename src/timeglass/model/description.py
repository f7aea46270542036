"""What a model is besides its arrays, as the header of a file; and from a header which arrays a file must hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from timeglass.errors import DataError, InputError, OptionError
from timeglass.model.compiled import Compiled
from timeglass.model.fitting import check_size
from timeglass.model.plain_values import LAYERS, LOSSES, OPTIMIZERS, SCALERS, from_plain, to_plain
from timeglass.model.strict_json import check_keys, is_text
from timeglass.network.architecture import Architecture
from timeglass.network.dropout import check_rates
from timeglass.network.layers import Input, Layer
from timeglass.network.philox import check_seed
from timeglass.prepare.scale import MinMaxScaler
from timeglass.train.optimizers import Optimizer
from timeglass.words import quoted

__all__ = ["MOST_LAYERS", "Description", "Shapes", "Slots", "tensor_shapes"]

MOST_LAYERS = 1000
_MOST_NETWORKS = 2**32  # a network's number is a word of its random numbers' key
_MOST_EPOCHS = 2**32 - 1  # as is the epoch's

Slots = tuple[str, ...]
Shapes = dict[str, tuple[np.dtype[Any], tuple[int, ...]]]  # type and shape of arrays, by name


@dataclass(frozen=True)
class Description:
    """Of a model that is built; `slots` are those of the optimiser that training has filled."""

    name: str
    networks: int
    seed: int
    architecture: Architecture
    layers: tuple[Layer, ...]
    compiled: Compiled | None
    epochs: int  # trained so far
    slots: Slots
    scaler: MinMaxScaler | None

    def header(self) -> dict[str, Any]:
        """As JSON holds it; an `OptionError` where it cannot."""
        if len(self.layers) > MOST_LAYERS:
            raise OptionError(f"a file holds at most {MOST_LAYERS:,} layers, this model has {len(self.layers):,}")
        for words in (self.name, *(node.name for node in self.architecture.layers)):
            if not is_text(words):
                raise OptionError(f"the name {quoted(repr(words))} cannot be written: expected a text")
        layers = [to_plain(f"layer {i}", layer, LAYERS) for i, layer in enumerate(self.layers)]
        return {
            "name": self.name,
            "networks": self.networks,
            "seed": self.seed,
            "input_shape": [self.architecture.time_steps, self.architecture.features],
            "layers": layers,
            "compile": None if self.compiled is None else _compile_header(self.compiled),
            "training": {"epochs": self.epochs, "slots": list(self.slots)},
            "scaler": None if self.scaler is None else to_plain("scaler", self.scaler, SCALERS),
        }

    @classmethod
    def of(cls, header: dict[str, Any], compare: Callable[[Shapes], None]) -> Description:
        """From a header; a `DataError` names what is not as it must be.

        `compare` is told which arrays belong to it, before anything is made whose size the header says.
        """
        keys = ["name", "networks", "seed", "input_shape", "layers", "compile", "training", "scaler"]
        check_keys("header", header, keys)
        name, networks = header["name"], _whole("networks", header["networks"], 1, _MOST_NETWORKS)
        if not is_text(name):
            raise DataError(f"name: expected a text, got {quoted(repr(name))}")
        layers = _layers(header["layers"])
        architecture = _checked("network", lambda: _architecture(layers, header["input_shape"], networks))
        optimizer, loss, l2 = _compile_parts(header["compile"])
        check_keys("training", header["training"], ["epochs", "slots"])
        slots = _slots(header["training"]["slots"], optimizer)
        compare(tensor_shapes(architecture, networks, slots))
        return cls(
            name, networks, _checked("network", lambda: check_seed(header["seed"])), architecture, layers,
            None if optimizer is None else _checked("compile", lambda: Compiled.of(optimizer, loss, l2, networks)),
            _whole("training epochs", header["training"]["epochs"], 0, _MOST_EPOCHS), slots,
            None if header["scaler"] is None else from_plain("scaler", header["scaler"], SCALERS),
        )  # fmt: skip


def tensor_shapes(architecture: Architecture, networks: int, slots: Slots) -> Shapes:
    """Type and shape by name of every array of L networks.

    Weights are named as in traces, `simple_rnn.wh`; what the optimiser keeps of each, `simple_rnn.wh.momentum`.
    """
    real, wide, whole = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.int64)
    shapes = {
        f"{node.name}.{name}{slot}": (real, (networks, *shape))
        for slot in ("", *(f".{slot}" for slot in slots))
        for node in architecture.layers
        for name, shape in node.weight_shapes.items()
    }
    return shapes | {
        "steps": (whole, (networks,)),
        "beta_powers": (wide, (networks, 2)),
        "numbers": (whole, (networks,)),
        "rate_scale": (wide, (networks,)),
    }


# The parts of a header


def _compile_header(compiled: Compiled) -> dict[str, Any]:
    l2 = [0.0] if compiled.l2 is None else compiled.l2.tolist()
    return {
        "optimizer": to_plain("optimizer", compiled.optimizer, OPTIMIZERS),
        "loss": to_plain("loss", compiled.loss, LOSSES),
        "l2": l2[0] if len(set(l2)) == 1 else l2,
    }


def _compile_parts(given: Any) -> tuple[Any, Any, Any]:
    if given is None:
        return None, None, None
    check_keys("compile", given, ["optimizer", "loss", "l2"])
    optimizer = from_plain("optimizer", given["optimizer"], OPTIMIZERS)
    return optimizer, from_plain("loss", given["loss"], LOSSES), given["l2"]


def _layers(given: Any) -> tuple[Layer, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MOST_LAYERS:
        raise DataError(f"layers: expected a list of 1 to {MOST_LAYERS:,}, got {quoted(repr(given))}")
    return tuple(from_plain(f"layer {i}", one, LAYERS) for i, one in enumerate(given))


def _architecture(layers: tuple[Layer, ...], input_shape: Any, networks: int) -> Architecture:
    if not isinstance(input_shape, list) or len(input_shape) != 2:
        raise DataError(f"input_shape: expected [time steps, features], got {quoted(repr(input_shape))}")
    shape = Input(tuple(input_shape)).shape
    if layers[0].input_shape not in (None, shape) or any(layer.input_shape for layer in layers[1:]):
        raise DataError(f"a layer's input_shape contradicts the network's, {shape}")
    architecture = Architecture.of(layers, time_steps=shape[0], features=shape[1])
    if wrong := [node.name for node in architecture.layers if not is_text(node.name)]:
        raise DataError(f"layer name: expected a text, got {quoted(wrong[0])}")
    check_size(architecture, networks)
    check_rates(architecture, networks)
    return architecture


def _slots(given: Any, optimizer: Any) -> Slots:
    own = list(optimizer.slot_names) if isinstance(optimizer, Optimizer) else []
    if given not in ([], own):
        raise DataError(f"training slots: expected {own}, or none of them, got {quoted(repr(given))}")
    return tuple(given)


def _checked(where: str, make: Callable[[], Any]) -> Any:
    """What `make` gives; what it refuses is the file's fault."""
    try:
        return make()
    except InputError as error:
        raise DataError(str(error) if isinstance(error, DataError) else f"{where}: {error}") from None


def _whole(where: str, given: Any, least: int, most: int) -> int:
    if type(given) is not int or not least <= given <= most:
        raise DataError(f"{where}: expected a whole number from {least} to {most}, got {quoted(repr(given))}")
    return given
