"""One of our networks as a `torch.nn.Module`. Only `torch.to_torch` imports this: torch is an extra."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional

from timeglass.errors import ShapeError
from timeglass.exchange.chain_of_layers import layer_of_network
from timeglass.exchange.torch_cells import TORCH_ACTIVATIONS, WrittenOut
from timeglass.exchange.torch_weights import PARTS, from_torch_form, to_torch_form
from timeglass.model.sequential import Sequential
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Dense, Dropout, Input, Layer, LinearSkip, Masking, Recurrent, SimpleRNN
from timeglass.network.nodes import Merge
from timeglass.types import Array

__all__ = ["TimeglassNetwork", "torch_network"]

Tensor = Any
Module: Any = torch.nn.Module


def torch_network(model: Sequential, network: int) -> TimeglassNetwork:
    """The module of one of the model's networks, in evaluation mode."""
    own, shape = model.architecture, (model.architecture.time_steps, model.architecture.features)
    layers = [layer_of_network(layer, network) for layer in model.layers]
    with torch.random.fork_rng(devices=[]):  # torch draws weights for its layers, which are not kept
        made = TimeglassNetwork(layers, shape, model.name)
    split = own.split(model.training_state.weights[network : network + 1])
    with torch.no_grad():
        for index, arrays in enumerate(split):
            made.take(index, {name: array[0] for name, array in arrays.items()})
    return made.eval()


class TimeglassNetwork(Module):  # type: ignore[misc]  # its class is Any
    """A chain of layers on windows (N, T, F): node after node, each reading what others gave."""

    def __init__(self, layers: Sequence[Layer], shape: tuple[int, int], name: str) -> None:
        super().__init__()
        self._layers, self._name = tuple(layers), name
        self._architecture = Architecture.of(layers, time_steps=shape[0], features=shape[1])
        self._places: dict[int, tuple[str, str]] = {}  # of each node with a part: its name, and its names' ending
        for index, node in enumerate(self._architecture.layers):
            if index not in self._places:
                self._place(index, node)

    def extra_repr(self) -> str:
        """What stands beside the parts where the module is printed."""
        return f"windows (N, {self._architecture.time_steps}, {self._architecture.features})"

    # Its parts

    def _place(self, index: int, node: PlacedLayer) -> None:
        nodes, bias = self._architecture.layers, len(node.weight_shapes) > 1
        both = self._two_ways(index)
        ending = ""
        made: Any
        if isinstance(node.layer, Recurrent):
            made = _native(node, both) or WrittenOut(node)
            ending = "" if isinstance(made, WrittenOut) else "_l0"
        elif isinstance(node.layer, Dense | LinearSkip):
            made = torch.nn.Linear(node.skip_features or node.features, node.units, bias=bias)
        elif isinstance(node.layer, Dropout):
            made = torch.nn.Dropout(cast(float, node.layer.rate))
        else:
            return
        name = self._free_name(nodes[index + 2].name if both else node.name)
        self.add_module(name, made)
        self._places[index] = name, ending
        if both:
            self._places[index + 1] = name, f"{ending}_reverse"

    def _two_ways(self, index: int) -> bool:
        """Whether this node and the next are one of torch's layers that go both ways."""
        nodes = self._architecture.layers
        pair = next((other.inputs for other in nodes if isinstance(other.layer, Merge) and index in other.inputs), ())
        return pair[:1] == (index,) and not nodes[index].go_backwards and _alike(nodes[index], nodes[index + 1])

    def _free_name(self, wanted: str) -> str:
        name = re.sub(r"\W", "_", wanted)
        while not name or hasattr(self, name):
            name += "_"
        return name

    def _part(self, index: int) -> Any:
        return getattr(self, self._places[index][0])

    # Its weights

    def _parameters_of(self, index: int) -> dict[str, Any]:
        """A node's tensors by weight_ih … or weight and bias, without those it does not have."""
        part, ending = self._part(index), self._places[index][1]
        names = PARTS if self._architecture.layers[index].recurrent else ("weight", "bias")
        found = {name: getattr(part, name + ending, None) for name in names}
        return {name: tensor for name, tensor in found.items() if tensor is not None}

    def take(self, index: int, own: Mapping[str, Array]) -> None:
        """Sets a node's weights to ours, wx … or wy …."""
        if not own:
            return
        node = self._architecture.layers[index]
        if node.recurrent:
            arrays = to_torch_form(node.layer.kind, own)
        else:
            arrays = {"weight": own["wy"].T} | ({"bias": own["by"]} if "by" in own else {})
        for name, tensor in self._parameters_of(index).items():
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(arrays[name])))

    def to_sequential(self) -> Sequential:
        """The network as ours again, with the weights that it has now."""
        model = Sequential(
            [Input((self._architecture.time_steps, self._architecture.features)), *self._layers], self._name
        )
        model.set_weights([array for index in sorted(self._places) for array in self._own(index)])
        return model

    def _own(self, index: int) -> list[Array]:
        node = self._architecture.layers[index]
        if not node.weight_shapes:
            return []
        given = {name: tensor.detach().cpu().double().numpy() for name, tensor in self._parameters_of(index).items()}
        if not node.recurrent:
            return [given["weight"].T, *([given["bias"]] if "bias" in given else [])]
        after = isinstance(node.layer, GRU) and node.layer.reset_after
        if "bias_ih" in given:
            given.setdefault("bias_hh", np.zeros_like(given["bias_ih"]))
        return list(from_torch_form(node.layer.kind, given, reset_after=after))

    # What it computes

    def forward(self, window: Tensor) -> Tensor:
        """The forecasts (N, K) or (N, T, K) of windows (N, T, F)."""
        expected = self._architecture.time_steps, self._architecture.features
        if window.ndim != 3 or tuple(window.shape[1:]) != expected:
            raise ShapeError(f"to_torch: expected windows (N, {expected[0]}, {expected[1]}), got {tuple(window.shape)}")
        given: dict[int, Tensor] = {-1: window}
        masks: dict[int, Tensor] = {}
        for index, node in enumerate(self._architecture.layers):
            read = [given[source] for source in node.inputs]
            if isinstance(node.layer, Masking):
                masks[index] = (read[0] != np.float32(node.layer.mask_value)).any(dim=-1, keepdim=True)
                given[index] = torch.where(masks[index], read[0], 0.0)
            elif isinstance(node.layer, Merge):
                given[index] = _merged(node.layer.mode, *read)
            elif node.recurrent:
                given[index] = self._recurrent(index, node, read[0], masks.get(node.mask))
            elif isinstance(node.layer, LinearSkip):
                flat = read[1].flatten(1)[:, -node.skip_features :]
                given[index] = read[0] + self._part(index)(flat)
            elif isinstance(node.layer, Dense):
                given[index] = TORCH_ACTIVATIONS[node.activation](self._part(index)(read[0]))
            else:
                given[index] = self._part(index)(read[0])
        return given[len(self._architecture.layers) - 1]

    def _recurrent(self, index: int, node: PlacedLayer, x: Tensor, mask: Tensor | None) -> Tensor:
        assert isinstance(node.layer, Recurrent)
        if node.layer.dropout and self.training:  # the same features of a window at every step
            x = x * functional.dropout(torch.ones_like(x[:, :1]), cast(float, node.layer.dropout))
        part, ending = self._part(index), self._places[index][1]
        if isinstance(part, WrittenOut):
            states = part(x, mask)
        elif part.bidirectional:
            both = part(x)[0]
            states = both[..., node.units :] if ending.endswith("_reverse") else both[..., : node.units]
        else:
            states = part(x.flip(1))[0].flip(1) if node.go_backwards else part(x)[0]
        if not node.gives_sequence:
            return states[:, 0 if node.go_backwards else -1]
        if node.zero_masked and mask is not None:
            states = torch.where(mask, states, 0.0)
        return states.flip(1) if node.go_backwards != node.turned else states


def _alike(one: PlacedLayer, other: PlacedLayer) -> bool:
    """Whether the two directions are one of torch's layers; dropout's masks would be each its own."""
    a, b = one.layer, other.layer
    assert isinstance(a, Recurrent)
    assert isinstance(b, Recurrent)
    same = (type(a), a.units, a.use_bias, one.activation) == (type(b), b.units, b.use_bias, other.activation)
    return same and _has_native(one) and _has_native(other) and not (a.dropout or b.dropout)


def _has_native(node: PlacedLayer) -> bool:
    """Whether torch has a layer of these equations."""
    layer = node.layer
    if not isinstance(layer, Recurrent) or node.masked or layer.recurrent_dropout:
        return False
    if isinstance(layer, SimpleRNN):
        return node.activation in ("tanh", "relu")
    usual = (node.activation, node.recurrent_activation) == ("tanh", "sigmoid")
    return usual and (isinstance(layer, LSTM) or layer.reset_after)


def _native(node: PlacedLayer, both: bool) -> Any:
    """A layer of torch's own, or None where there is none."""
    layer = node.layer
    if not isinstance(layer, Recurrent) or not _has_native(node):
        return None
    options: dict[str, Any] = {"bias": layer.use_bias, "batch_first": True, "bidirectional": both}
    if isinstance(layer, SimpleRNN):
        return torch.nn.RNN(node.features, node.units, nonlinearity=node.activation, **options)
    kind = torch.nn.GRU if isinstance(layer, GRU) else torch.nn.LSTM
    return kind(node.features, node.units, **options)


def _merged(mode: str, one: Tensor, other: Tensor) -> Tensor:
    if mode == "concat":
        return torch.cat([one, other], dim=-1)
    if mode == "mul":
        return one * other
    return one + other if mode == "sum" else (one + other) / 2
