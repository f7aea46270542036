"""torch's layers, of a module or a state dict, as ours. torch itself is not needed: its objects are only asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from timeglass.errors import DataError, OptionError
from timeglass.exchange.chain_of_layers import Piece
from timeglass.exchange.torch_weights import PARTS, from_torch_form
from timeglass.network.layers import GRU, LSTM, Bidirectional, Dense, Dropout, Recurrent, SimpleRNN
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["module_pieces", "state_pieces", "with_activations"]

_KINDS: dict[int, type[Recurrent]] = {1: SimpleRNN, 3: GRU, 4: LSTM}  # by the number of gates
_RECURRENT_NAME = re.compile(r"(weight|bias)_(ih|hh)_l(0|[1-9]\d{0,3})(_reverse)?")
_UNDERSTOOD = "RNN, GRU, LSTM, Linear, Dropout, activations and containers of them"


@dataclass(frozen=True)
class _Only:
    """An activation of torch's that is ours with one value of its arguments."""

    name: str
    needs: Mapping[str, float]


_ACTIVATIONS: dict[str, _Only] = {
    "Tanh": _Only("tanh", {}),
    "Sigmoid": _Only("sigmoid", {}),
    "ReLU": _Only("relu", {}),
    "Hardsigmoid": _Only("hard_sigmoid", {}),
    "LeakyReLU": _Only("leaky_relu", {"negative_slope": 0.2}),
    "ELU": _Only("elu", {"alpha": 1.0}),
    "SELU": _Only("selu", {}),
    "Softplus": _Only("softplus", {"beta": 1.0, "threshold": 20.0}),
    "Softsign": _Only("softsign", {}),
    "SiLU": _Only("swish", {}),
}


def _numbers(where: str, tensor: Any) -> Array:
    """A tensor's or array's numbers in float64, which holds every float type's that torch has."""
    try:
        if hasattr(tensor, "detach"):
            tensor = tensor.detach().cpu().to_dense().double().numpy()
        array = np.asarray(tensor)
        if array.dtype.kind != "f":
            raise TypeError(f"{array.dtype}")
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        raise DataError(
            f"{where}: expected a tensor or array of floats, got {type(tensor).__name__} ({error})"
        ) from None
    return array.astype(np.float64)


# Names and weights


def _recurrent_piece(
    where: str, kind: type[Recurrent], arrays: Sequence[Mapping[str, Array]], activation: str | None, name: str | None
) -> Piece:
    """One layer of a direction or two."""
    shapes = [{part: values.shape for part, values in one.items()} for one in arrays]
    rows, units = shapes[0]["weight_hh"] if len(shapes[0]["weight_hh"]) == 2 else (0, 0)
    expected = {"weight_ih": (rows, *shapes[0]["weight_ih"][1:2]), "weight_hh": (kind.gates * units, units)}
    expected |= {part: (rows,) for part in PARTS[2:] if part in shapes[0]}
    if not units or any(shape != expected for shape in shapes) or len(expected["weight_ih"]) != 2:
        raise DataError(f"{where}: the shapes {shapes} are not those of a {kind.__name__}: expected {expected}")
    options: dict[str, Any] = {"use_bias": "bias_ih" in expected, "name": name}
    layer = kind(units, **options) if activation is None else kind(units, activation, **options)
    own = [from_torch_form(kind.kind, one) for one in arrays]
    if len(arrays) == 1:
        return Piece(where, layer, own[0])
    return Piece(where, Bidirectional(replace(layer, name=None), name=name), own[0] + own[1])


def _levels(where: str, tensors: Mapping[str, Any]) -> list[list[dict[str, Array]]]:
    """For each of the stacked layers, for each direction, the four tensors (or two, without biases) by name."""
    levels: dict[int, dict[bool, dict[str, Array]]] = {}
    for name, tensor in tensors.items():
        found = _RECURRENT_NAME.fullmatch(name)
        if found is None:
            what = "a projection (proj_size), which no layer of ours has" if "_hr_" in name else "not understood"
            raise DataError(f"{where}.{shown(name)} is {what}")
        part, level, backward = f"{found[1]}_{found[2]}", int(found[3]), found[4] is not None
        levels.setdefault(level, {}).setdefault(backward, {})[part] = _numbers(f"{where}.{name}", tensor)
    wanted = {backward: set(parts) for backward, parts in levels.get(0, {}).items()}
    if not wanted or any(parts not in ({*PARTS[:2]}, {*PARTS}) for parts in wanted.values()) or False not in wanted:
        raise DataError(f"{where}: expected {', '.join(PARTS)} of layer l0, the last two of them or none of both")
    for level in range(len(levels)):
        found_here = {backward: set(parts) for backward, parts in levels.get(level, {}).items()}
        if found_here != wanted:
            raise DataError(f"{where}: its layer l{level} does not have the weights that its layer l0 has")
    return [[levels[level][backward] for backward in sorted(wanted)] for level in range(len(levels))]


def _own_name(where: str) -> str | None:
    """A name for the layer here: Keras's and ours have no dots."""
    return where.replace(".", "_") or None


def _recurrent_pieces(
    where: str, tensors: Mapping[str, Any], kind: type[Recurrent] | None, activation: str | None, dropout: float = 0.0
) -> list[Piece]:
    """The stacked layers of an nn.RNN, GRU or LSTM, with the dropout between them."""
    levels, pieces = _levels(where, tensors), list[Piece]()
    if kind is None:
        gates = _gates(where, levels[0][0])
        kind = _KINDS[gates]
    for level, directions in enumerate(levels):
        if level and dropout:
            pieces.append(Piece(f"{where} dropout", Dropout(dropout)))
        name = _own_name(where) if len(levels) == 1 else f"{_own_name(where) or kind.kind}_l{level}"
        own = activation if kind is SimpleRNN else None
        pieces.append(_recurrent_piece(f"{where}_l{level}".lstrip("_"), kind, directions, own, name))
    return pieces


def _gates(where: str, tensors: Mapping[str, Array]) -> int:
    shape = tensors["weight_hh"].shape
    gates = shape[0] // shape[1] if len(shape) == 2 and shape[1] and shape[0] % shape[1] == 0 else 0
    if gates not in _KINDS:
        raise DataError(
            f"{where}.weight_hh_l0 has shape {shape}: expected (H, H) of an RNN, (3H, H) of a GRU or (4H, H) of an LSTM"
        )
    return gates


def _linear_piece(where: str, tensors: Mapping[str, Any]) -> Piece:
    arrays = {name: _numbers(f"{where}.{name}", tensor) for name, tensor in tensors.items()}
    kernel = arrays["weight"]
    if kernel.ndim != 2 or ("bias" in arrays and arrays["bias"].shape != kernel.shape[:1]):
        raise DataError(
            f"{where}: weight {kernel.shape} and bias are not those of an nn.Linear: understood are {_UNDERSTOOD}"
        )
    layer = Dense(kernel.shape[0], use_bias="bias" in arrays, name=_own_name(where))
    return Piece(where, layer, [kernel.T, *([arrays["bias"]] if "bias" in arrays else [])])


def _ordered(groups: Mapping[str, Any], order: Sequence[str] | None) -> list[tuple[str, Any]]:
    """The named things in this order, which must name each of them once."""
    if order is None:
        return list(groups.items())
    if isinstance(order, str) or sorted(map(str, order)) != sorted(groups):
        raise OptionError(f"from_torch order: expected each of {', '.join(groups)} once, got {order!r}")
    return [(name, groups[name]) for name in order]


def with_activations(pieces: Sequence[Piece], activations: Mapping[str, str]) -> list[Piece]:
    """Puts activations into Linear layers by the names under which these were found."""
    given, free = list(pieces), [piece.where for piece in pieces if _takes_activation(piece)]
    for where, activation in activations.items():
        if where not in free:
            raise OptionError(
                f"from_torch activations: expected names of Linear layers without an activation "
                f"({', '.join(free) or 'there are none'}), got {where!r}"
            )
        at = [piece.where for piece in given].index(where)
        given[at] = _with_activation(given[at], activation)
    return given


def _with_activation(piece: Piece, activation: str) -> Piece:
    return replace(piece, layer=replace(cast(Dense, piece.layer), activation=activation))


def _takes_activation(piece: Piece) -> bool:
    return isinstance(piece.layer, Dense) and piece.layer.activation is None


# State dicts


def state_pieces(state: Mapping[str, Any], activation: str, order: Sequence[str] | None = None) -> list[Piece]:
    """The layers that the names and shapes of a state dict tell of, in its order or the one given."""
    groups: dict[str, dict[str, Any]] = {}
    for name, tensor in state.items():
        if not isinstance(name, str):
            raise DataError(f"state dict: expected names as keys, got {name!r}")
        where, _, part = name.rpartition(".")
        groups.setdefault(where, {})[part] = tensor
    pieces: list[Piece] = []
    for where, tensors in _ordered(groups, order):
        if "weight_ih_l0" in tensors:
            pieces += _recurrent_pieces(where, tensors, None, activation)
        elif set(tensors) in ({"weight"}, {"weight", "bias"}):
            pieces.append(_linear_piece(where, tensors))
        else:
            raise DataError(
                f"state dict: {shown(where)} holds {shown(', '.join(tensors))}: expected weight_ih_l0 … of an nn.RNN, "
                "GRU or LSTM, or weight and bias of an nn.Linear"
            )
    if not pieces:
        raise DataError("state dict: is empty")
    return pieces


# Modules


def _leaves(module: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """What a module is made of, in the order in which it was put together; an entry that stands twice comes twice."""
    inner = {name: one for name, one in module._modules.items() if one is not None}
    if not inner:
        yield where, module
    for name, one in inner.items():
        yield from _leaves(one, f"{where}.{name}".lstrip("."))


def _is(module: Any, name: str) -> bool:
    """Whether it is torch's own class of that name, not one made of it, whose forward may be another."""
    return type(module).__name__ == name and type(module).__module__.startswith("torch.nn.modules.")


def _check_shared(module: Any, leaves: Sequence[tuple[str, Any]]) -> None:
    """Refuses weights that two layers have in common, and weights that no layer has."""
    owners: dict[int, str] = {}
    for where, leaf in leaves:
        for name, tensor in leaf._parameters.items():
            if tensor is None:
                continue
            if id(tensor) in owners:
                raise DataError(
                    f"from_torch: {where}.{name} and {owners[id(tensor)]} are one and the same tensor, and layers "
                    "of ours share no weights: give each its own copy"
                )
            owners[id(tensor)] = f"{where}.{name}"
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if id(tensor) not in owners:
            raise DataError(f"from_torch: {name} belongs to none of the layers that are understood: {_UNDERSTOOD}")


def module_pieces(module: Any, order: Sequence[str] | None = None) -> list[Piece]:
    """The layers of a torch module in the order of its children or the one given."""
    leaves = [(where, leaf) for where, leaf in _leaves(module) if not _is(leaf, "Identity")]
    leaves = _ordered(dict(leaves), order)
    pieces: list[Piece] = []
    for where, leaf in leaves:
        if activation := _activation(where, leaf):
            _activate(pieces, where, activation)
        else:
            pieces += _layer_pieces(where, leaf)
    _check_shared(module, leaves)
    if not pieces:
        raise DataError("from_torch: the module has no layers")
    return pieces


def _layer_pieces(where: str, leaf: Any) -> list[Piece]:
    tensors = {name: tensor for name, tensor in leaf._parameters.items() if tensor is not None}
    for kind, name in ((SimpleRNN, "RNN"), (GRU, "GRU"), (LSTM, "LSTM")):
        if _is(leaf, name):
            activation = getattr(leaf, "nonlinearity", None)
            return _recurrent_pieces(where, tensors, kind, activation, float(leaf.dropout))
    if _is(leaf, "Linear"):
        return [_linear_piece(where, tensors)]
    if _is(leaf, "Dropout"):
        return [Piece(where, Dropout(float(leaf.p), name=_own_name(where)))]
    raise DataError(
        f"from_torch: {where or 'the module'} is a {type(leaf).__name__}: only {_UNDERSTOOD} are understood"
    )


def _activation(where: str, leaf: Any) -> str | None:
    """Our name of an activation, or None of what is none."""
    known = _ACTIVATIONS.get(type(leaf).__name__)
    if known is None or not _is(leaf, type(leaf).__name__):
        return None
    for name, value in known.needs.items():
        if getattr(leaf, name) != value:
            raise DataError(
                f"from_torch: {where} is a {type(leaf).__name__} with {name}={getattr(leaf, name)}: ours has {value}"
            )
    return known.name


def _activate(pieces: list[Piece], where: str, activation: str) -> None:
    """Puts the activation into the Linear layer before it."""
    before = pieces[-1] if pieces else None
    if before is None or not _takes_activation(before):
        place = f"after {before.where}" if before else "at the beginning"
        raise DataError(
            f"from_torch: {where} applies {activation} {place}, but layers of ours have their activation themselves, "
            "and only an nn.Linear just before it can take it"
        )
    pieces[-1] = _with_activation(before, activation)
