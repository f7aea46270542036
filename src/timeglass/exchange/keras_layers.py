"""A layer as Keras writes it down, as one of ours: closed lists of classes and arguments, nothing looked up by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from timeglass.errors import InputError, OptionError
from timeglass.exchange.keras_place import Place
from timeglass.network.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Layer,
    Masking,
    Recurrent,
    SimpleRNN,
)
from timeglass.words import quoted

__all__ = ["KerasObject", "as_object", "check_dtype", "check_name", "own_layer"]

_SIMPLE: dict[str, type[Any]] = {one.__name__: one for one in (SimpleRNN, GRU, LSTM, Dense, Dropout, Masking)}
_KNOWN = "SimpleRNN, GRU, LSTM, Bidirectional, Dense, Dropout and Masking"

# Arguments of Keras's that no forecast depends on: how weights start, are held and trained, and how steps are computed.
_HARMLESS = {
    "kernel_initializer", "recurrent_initializer", "bias_initializer", "kernel_regularizer", "recurrent_regularizer",
    "bias_regularizer", "activity_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint",
    "trainable", "seed", "unroll", "implementation", "dtype",  # as_object has seen to that
}  # fmt: skip

# Arguments that would change what is computed: the only value taken, and why.
_FIXED: dict[str, tuple[Any, str]] = {
    "return_state": (False, "a layer here gives its states or the last of them, and no second output"),
    "stateful": (False, "a window here always starts from a state of zeros"),
    "time_major": (False, "windows here are (N, T, F)"),
    "noise_shape": (None, "each number is dropped by itself here"),
    "quantization_config": (None, "weights here are float32"),
    "quantization_mode": (None, "weights here are float32"),
    "lora_rank": (None, "there is one kernel here: merge the adapter into it first"),
}

_HINTS = {
    "Lambda": "it holds Python code, which is never run",
    "TimeDistributed": "Dense by itself acts on each step of a sequence: use it in TimeDistributed's place",
    "RNN": "use SimpleRNN, GRU or LSTM in place of a cell in RNN",
    "Sequential": "a model within a model: put its layers into the model itself",
    "Functional": "a model within a model: put its layers into the model itself",
    "Flatten": "only of the window, on the way to a LinearSkip's Dense and Add",
    "Add": "only as a LinearSkip: Add()([y, Dense(K)(Flatten()(window))])",
} | dict.fromkeys(
    ("Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "PReLU"),
    "give the activation to the layer before it, as in Dense(1, activation='tanh')",
)


@dataclass(frozen=True)
class KerasObject:
    """A layer or operation as written down: its class is one of Keras's own, by the name of its module."""

    module: str
    kind: str  # the name of its class
    name: str
    config: Mapping[str, Any]
    wrapped: Mapping[str, Any]  # all of it
    place: Place

    @property
    def known(self) -> bool:
        """Whether it is a layer that has a counterpart here."""
        return self.module == "keras.layers" and self.kind in {*_SIMPLE, "Bidirectional"}

    def refuse(self, hint: str = "") -> InputError:
        """That it is none of ours."""
        hint = hint or (_HINTS.get(self.kind, "") if self.module.startswith("keras") else "")
        name = quoted(f"{self.module}.{self.kind}")
        return self.place.refuse(f"Timeglass has no {name}{': ' + hint if hint else ''}; it has {_KNOWN}")


def as_object(written: Any, place: Place) -> KerasObject:
    """Takes the wrapping off; refuses custom classes and names that are none."""
    config = written.get("config") if isinstance(written, dict) else None
    if not isinstance(config, dict):
        raise place.refuse(f"expected a layer with class_name and config, found {quoted(str(written))}")
    kind, module = str(written.get("class_name")), str(written.get("module"))
    name = check_name(written.get("name", config.get("name")), place)
    place = place.at(f"layer {quoted(name)} ({kind})")
    registered = written.get("registered_name")
    if module.partition(".")[0] != "keras" or registered not in (None, kind):
        raise place.refuse(
            f"a custom layer ({quoted(f'{module}.{kind}')}, registered as {quoted(str(registered))}), "
            f"whose code is never looked up; Timeglass has {_KNOWN}"
        )
    if config.get("name") not in (None, name):
        raise place.refuse(f"has a second name, {quoted(str(config['name']))}")
    check_dtype(config.get("dtype"), place)
    return KerasObject(module, kind, name, config, written, place)


def check_name(name: Any, place: Place) -> str:
    """The name, if it can be one."""
    if not isinstance(name, str) or not name or len(name) > 200 or not name.isprintable():
        raise place.refuse(f"expected a layer's name of 1 to 200 printable characters, found {quoted(str(name))}")
    return name


def check_dtype(dtype: Any, place: Place) -> None:
    """Refuses all but float32, by name or as a policy."""
    if isinstance(dtype, dict):
        inner = dtype.get("config")
        known = dtype.get("class_name") in ("DTypePolicy", "FloatDTypePolicy") and isinstance(inner, dict)
        dtype = inner.get("name") if known and isinstance(inner, dict) else dtype.get("class_name")
    if dtype not in (None, "float32"):
        raise place.refuse(f"dtype {quoted(str(dtype))}: Timeglass computes in float32: build the model with it")


def own_layer(given: KerasObject, *, masked: bool) -> Layer:
    """Our layer with its arguments and name. `masked`: whether the steps that it reads may be masked."""
    if not given.known:
        raise given.refuse()
    if given.kind == "Bidirectional":
        return _pair(given, masked)
    return _simple(given, masked=masked, zeroes=False)


def _simple(given: KerasObject, *, masked: bool, zeroes: bool) -> Any:
    """A layer that holds no other. `zeroes`: what its zero_output_for_mask must be, where that matters."""
    own, arguments = _SIMPLE[given.kind], {}
    names = {field.name for field in fields(own)} - {"input_shape"}
    for key, value in given.config.items():
        if key == "name":
            arguments[key] = given.name
        elif key in names:
            arguments[key] = _activation(key, value, given.place) if key.endswith("activation") else value
        elif key == "zero_output_for_mask":
            if masked and bool(value) != zeroes:
                raise given.place.refuse(
                    f"zero_output_for_mask={value}: a layer here {'gives 0' if zeroes else 'repeats its state'} "
                    f"at masked steps: set it to {zeroes}"
                )
        else:
            _check_other(key, value, given.place)
    if "units" in names and "units" not in arguments:
        raise given.place.refuse("has no units")
    return _made(own, arguments, given.place)


def _made(own: type[Any], arguments: dict[str, Any], place: Place) -> Any:
    try:
        return own(**arguments)
    except (OptionError, TypeError) as error:
        raise place.refuse(str(error)) from None


def _check_other(key: str, value: Any, place: Place) -> None:
    """An argument that our layers lack."""
    if key in _FIXED:
        wanted, why = _FIXED[key]
        if value != wanted and value is not None:
            raise place.refuse(f"{key}={value}: {why}: expected {wanted}")
    elif key not in _HARMLESS and value is not None:
        raise place.refuse(f"{quoted(key)}={quoted(str(value))}: an argument that Timeglass does not know")


def _activation(key: str, value: Any, place: Place) -> Any:
    if isinstance(value, dict):
        name = value.get("config") if value.get("class_name") == "function" else value.get("class_name")
        raise place.refuse(f"{key}: expected the name of one of Keras's, found an object, {quoted(str(name))}")
    return value


def _pair(given: KerasObject, masked: bool) -> Bidirectional:
    """A Bidirectional; its backward layer is left to itself where it is the forward one turned round."""
    arguments: dict[str, Any] = {"name": given.name}
    for key, value in given.config.items():
        if key in ("layer", "backward_layer") and value is not None:
            inner = as_object(value, given.place.at(key))
            arguments[key] = _inner(inner, masked)
        elif key == "merge_mode":
            arguments[key] = value
        elif key not in ("name", "layer", "backward_layer"):
            _check_other(key, value, given.place)
    if "layer" not in arguments:
        raise given.place.refuse("has no layer within")
    return _plain(_made(Bidirectional, arguments, given.place))


def _inner(given: KerasObject, masked: bool) -> Recurrent:
    if not given.known or given.kind not in ("SimpleRNN", "GRU", "LSTM"):
        raise given.place.refuse("expected a SimpleRNN, GRU or LSTM within a Bidirectional")
    sequences = bool(given.config.get("return_sequences"))
    made: Recurrent = _simple(given, masked=masked, zeroes=sequences)
    return made


def _plain(pair: Bidirectional) -> Bidirectional:
    """The same without what it says by itself: Keras puts forward_ and backward_ before the one layer's name."""
    name = (pair.layer.name or "").removeprefix("forward_")
    layer = replace(pair.layer, name=name or None)
    if pair.backward_layer == replace(layer, go_backwards=True, name=f"backward_{name}"):
        return replace(pair, layer=layer, backward_layer=None)
    return replace(pair, layer=layer)
