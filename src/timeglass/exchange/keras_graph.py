"""The graph of a functional Keras model, as it is written down: which layer or operation reads which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timeglass.exchange.keras_layers import KerasObject, own_layer
from timeglass.exchange.keras_place import Place
from timeglass.network.layers import Dense
from timeglass.words import quoted

__all__ = ["Graph", "is_add"]

_OPERATIONS = "keras.src.ops.numpy"

# A mask: the name of what it was made of, and the value that marks its steps.
Mask = tuple[str, Any]


class Graph:
    """Layers and operations by name. Each may be used once; what is not on the way to the output is refused."""

    def __init__(self, config: dict[str, Any], objects: Sequence[KerasObject], place: Place) -> None:
        self._place = place
        self._by_name = {one.name: one for one in objects}
        self.window = self._find(_end(config.get("input_layers"), place.at("input_layers")))
        if (self.window.module, self.window.kind) != ("keras.layers", "InputLayer"):
            raise self.window.place.refuse("expected the model's input to be an InputLayer")
        self._output = _end(config.get("output_layers"), place.at("output_layers"))
        self._used: set[str] = set()

    def _find(self, name: str) -> KerasObject:
        if name not in self._by_name:
            raise self._place.refuse(f"there is no layer {quoted(name)}, which another one reads")
        return self._by_name[name]

    def chain(self) -> list[KerasObject]:
        """The layers from the window up, without it; an Add stands for all of a LinearSkip."""
        found, name = [], self._output
        while name != self.window.name:
            given = self._use(name)
            found.append(given)
            if not given.known and not is_add(given):
                raise given.refuse()
            self._check_named(given)
            name = self._chain_input(given) if is_add(given) else self.only_input(given)
        for given in reversed(found):
            for mask in self._tensors(self._call(given)[1].get("mask")):
                self._mark_mask(mask)
        self._used.add(self.window.name)
        for other in self._by_name.values():
            if other.name not in self._used:
                raise other.place.refuse("is not on the one way from input to output: Timeglass has chains of layers")
        return found[::-1]

    def _use(self, name: str) -> KerasObject:
        if name in self._used:
            raise self._find(name).place.refuse("is used twice: Timeglass has chains of layers")
        self._used.add(name)
        return self._find(name)

    # What a layer is called with

    def _call(self, given: KerasObject) -> tuple[list[Any], dict[str, Any]]:
        """The arguments by position and by name, of its only call."""
        nodes = given.wrapped.get("inbound_nodes")
        if not isinstance(nodes, list) or len(nodes) != 1:
            count = len(nodes) if isinstance(nodes, list) else 0
            raise given.place.refuse(f"is called {count} times: Timeglass has chains of layers, each used once")
        node = nodes[0] if isinstance(nodes[0], dict) else {}
        arguments, named = node.get("args"), node.get("kwargs")
        if not isinstance(arguments, list) or not isinstance(named, dict):
            raise given.place.refuse("inbound_nodes are not written as Keras 3 writes them")
        return arguments, named

    def _tensors(self, value: Any) -> list[str]:
        """The names of what a value reads."""
        values = value if isinstance(value, list) else [value]
        return [name for one in values if (name := _tensor(one, self._place)) is not None]

    def only_input(self, given: KerasObject) -> str:
        """The name of the one thing that a layer reads."""
        arguments, _ = self._call(given)
        names = self._tensors(arguments[0]) if arguments else []
        if len(arguments) != 1 or len(names) != 1 or isinstance(arguments[0], list):
            raise given.place.refuse("expected it to read one layer and nothing else")
        return names[0]

    def _check_named(self, given: KerasObject) -> None:
        """Refuses a call with arguments that change the forecast."""
        for key, value in self._call(given)[1].items():
            if key == "training" and value:
                raise given.place.refuse(f"is called with training={value}: a forecast here is made without dropout")
            if key not in ("mask", "training") and value is not None:
                raise given.place.refuse(f"is called with {quoted(key)}, which a chain of layers does not have")

    def check_mask(self, given: KerasObject, mask: Mask | None) -> None:
        """Refuses a call with another mask than a chain's."""
        masks = self._tensors(self._call(given)[1].get("mask"))
        if [self._mask(name) for name in masks] != ([] if mask is None else [mask]):
            raise given.place.refuse("its mask is not that of the Masking layer below it, as in a chain of layers")

    # Masks: Any(NotEqual(what is masked, value))

    def _mask(self, name: str) -> Mask:
        _, not_equal = self._mask_parts(name)
        arguments, _ = self._call(not_equal)
        return self._tensors(arguments[0])[0], arguments[1]

    def _mask_parts(self, name: str) -> tuple[KerasObject, KerasObject]:
        any_ = self._find(name)
        if not _is_operation(any_, "Any") or any_.config.get("axis") != -1 or any_.config.get("keepdims"):
            raise any_.place.refuse("expected a mask of a Masking layer")
        not_equal = self._find(self.only_input(any_))
        arguments, _ = self._call(not_equal)
        if not _is_operation(not_equal, "NotEqual") or len(arguments) != 2 or not self._tensors(arguments[0]):
            raise not_equal.place.refuse("expected a mask of a Masking layer")
        return any_, not_equal

    def _mark_mask(self, name: str) -> None:
        self._used |= {part.name for part in self._mask_parts(name)}

    # LinearSkip: Add(y, Dense(Flatten(window)))

    def _added(self, given: KerasObject) -> list[str]:
        """The names of the two things that an Add reads: one list, or as y + skip is written, two arguments."""
        arguments, _ = self._call(given)
        return self._tensors(arguments[0] if len(arguments) == 1 else arguments)

    def _skip_name(self, given: KerasObject) -> str:
        """The name of the Dense layer of the two that an Add reads."""
        names = self._added(given)
        branches = [name for name in names if self._is_skip(self._find(name))]
        if len(names) != 2 or not branches:
            raise given.refuse("only as a LinearSkip: Add()([y, Dense(K)(Flatten()(window))])")
        return branches[-1]

    def _is_skip(self, given: KerasObject) -> bool:
        if (given.module, given.kind) != ("keras.layers", "Dense"):
            return False
        below = self._find(self.only_input(given))
        return (below.module, below.kind) == ("keras.layers", "Flatten")

    def _chain_input(self, given: KerasObject) -> str:
        """What an Add reads beside its skip, whose own layers are marked as used."""
        dense = self._skip_name(given)
        below = [dense, flatten := self.only_input(self._find(dense)), self.only_input(self._find(flatten))]
        for name in below:
            if name != self.window.name:
                self._use(name)
        others = [name for name in self._added(given) if name != dense]
        if not others:
            raise given.place.refuse("adds a layer to itself: Timeglass has chains of layers")
        return others[0]

    def skip(self, given: KerasObject) -> tuple[KerasObject, int | None]:
        """The Dense layer of the LinearSkip that an Add ends, and how many of the window's last steps it reads."""
        dense = self._find(self._skip_name(given))
        made = own_layer(dense, masked=False)
        if not isinstance(made, Dense) or made.activation not in (None, "linear"):
            raise dense.place.refuse("a LinearSkip has no activation: expected linear")
        flatten = self._find(self.only_input(dense))
        for part in (given, dense, flatten):
            self._check_named(part)
            self.check_mask(part, None)
        if flatten.config.get("data_format") not in (None, "channels_last"):
            raise flatten.place.refuse("data_format: expected channels_last, step after step")
        return dense, self._steps_read(flatten)

    def _steps_read(self, flatten: KerasObject) -> int | None:
        """How many of the window's last steps are flattened, None for all."""
        name = self.only_input(flatten)
        if name == self.window.name:
            return None
        part = self._find(name)
        arguments, _ = self._call(part)
        if not _is_operation(part, "GetItem") or self._tensors(arguments[:1]) != [self.window.name]:
            raise part.place.refuse("expected a LinearSkip to read the window or its last steps, window[:, -steps:]")
        return _last_steps(arguments[1:], self.window.config["batch_shape"][1], part.place)


def is_add(given: KerasObject) -> bool:
    """Whether it adds two things, as a layer or as y + skip is written."""
    return (given.module, given.kind) in (("keras.layers", "Add"), (_OPERATIONS, "Add"))


def _is_operation(given: KerasObject, kind: str) -> bool:
    return (given.module, given.kind) == (_OPERATIONS, kind)


def _end(written: Any, place: Place) -> str:
    """The name of a model's only input or output: [name, 0, 0], or a list of one of these."""
    one = written[0] if isinstance(written, list) and len(written) == 1 else written
    if not isinstance(one, list) or len(one) != 3 or not isinstance(one[0], str):
        raise place.refuse("expected one, a chain's; a model with several cannot be taken")
    return _once(one, place)


def _tensor(value: Any, place: Place) -> str | None:
    """The name of the layer that gives a tensor, None of another value."""
    if not isinstance(value, dict) or value.get("class_name") != "__keras_tensor__":
        return None
    config = value.get("config")
    history = config.get("keras_history") if isinstance(config, dict) else None
    if not isinstance(history, list) or len(history) != 3 or not isinstance(history[0], str):
        raise place.refuse("a keras_history is not written as Keras 3 writes it")
    return _once(history, place)


def _once(history: list[Any], place: Place) -> str:
    """The name of [name, call, output], of the only call's only output."""
    name: str = history[0]
    if history[1:] != [0, 0]:
        raise place.refuse(f"layer {quoted(name)} is used twice or gives several outputs: expected a chain of layers")
    return name


def _last_steps(key: list[Any], time_steps: int | None, place: Place) -> int | None:
    """What window[:, -steps:] says."""
    parts = key[0] if len(key) == 1 and isinstance(key[0], list) else []
    slices = [part.get("config") if isinstance(part, dict) else None for part in parts]
    keys = [[one.get(name) for name in ("start", "stop", "step")] for one in slices if isinstance(one, dict)]
    whole = [None, None, None]
    if len(keys) != len(parts) or len(keys) not in (2, 3) or any(one != whole for one in [keys[0], *keys[2:]]):
        raise place.refuse("expected the window's last steps, window[:, -steps:]")
    start, stop, step = keys[1]
    if stop is not None or step not in (None, 1) or not (start is None or type(start) is int):
        raise place.refuse("expected the window's last steps, window[:, -steps:]")
    if start is not None and start > 0:
        if time_steps is None:
            raise place.refuse("expected the window's last steps, counted from its end: window[:, -steps:]")
        return time_steps - start
    return -start if start else None
