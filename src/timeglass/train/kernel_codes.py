"""Networks, losses and fits in the kernel's words, and what the kernel does not have."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timeglass.kernel.calls import NetworkCode
from timeglass.kernel.structs import (
    ACTIVATIONS,
    CLIPS,
    KINDS,
    LOSSES,
    MERGES,
    OPTIMIZERS,
    LayerCode,
    LossCode,
    OptimizerCode,
)
from timeglass.network.architecture import Architecture, PlacedLayer
from timeglass.network.layers import GRU, Dropout, LinearSkip, Masking, Recurrent
from timeglass.network.nodes import Merge
from timeglass.train.losses import Huber, Loss, Quantile
from timeglass.train.optimizers import Adam, AdamW, Optimizer, RMSprop

__all__ = ["dropout_rates", "kernel_lacks", "loss_code", "network_code", "optimizer_code"]

MOST_NODES = 64


def kernel_lacks(architecture: Architecture) -> str | None:
    """What it is about a network that the kernel does not have; None where it has all."""
    if len(architecture.layers) > MOST_NODES:
        return f"more than {MOST_NODES} layers"
    last = architecture.layers[-1]
    if last.masked and last.gives_sequence:
        return "masked steps in the output"
    return None


def _layer_code(architecture: Architecture, node: PlacedLayer) -> LayerCode:
    layer: Any = node.layer
    recurrent = isinstance(layer, Recurrent)
    # A tuple counts as dropping whatever its rates, or a network's bits would hang on those of its neighbours.
    inputs, states = (isinstance(rate, tuple) or rate > 0 for rate in _rates(node))
    skip = isinstance(layer, LinearSkip)
    # A merge heeds the mask where its two layers give zeros at masked steps.
    heeds = node.masked and (recurrent or (isinstance(layer, Merge) and node.gives_sequence))
    nodes = [i for i in node.inputs if i >= 0] or [-1]
    return LayerCode(
        kind=KINDS.index(layer.kind),
        input=nodes[0] if skip else node.inputs[0],
        other=node.inputs[1] if isinstance(layer, Merge) else -1,
        units=node.units,
        activation=ACTIVATIONS.index(node.activation),
        recurrent_activation=ACTIVATIONS.index(node.recurrent_activation),
        use_bias=getattr(layer, "use_bias", False),
        return_sequences=recurrent and node.gives_sequence,
        # A merge of sequences stands in the order of the first of them.
        go_backwards=(architecture.layers[node.inputs[0]] if isinstance(layer, Merge) else node).go_backwards,
        reset_after=isinstance(layer, GRU) and layer.reset_after,
        mask=node.mask if heeds else -1,
        merge=MERGES.index(layer.mode) if isinstance(layer, Merge) else 0,
        skip_steps=0,
        dropout=inputs,
        recurrent_dropout=states,
        mask_value=layer.mask_value if isinstance(layer, Masking) else 0.0,
    )


def network_code(architecture: Architecture) -> NetworkCode:
    """The network in the kernel's words."""
    codes = tuple(_layer_code(architecture, node) for node in architecture.layers)
    for code, node in zip(codes, architecture.layers, strict=True):
        if isinstance(node.layer, LinearSkip):
            code.skip_steps = node.skip_features // architecture.features
    outputs = prod(architecture.output_shape)
    return NetworkCode(architecture.time_steps, architecture.features, outputs, architecture.weight_count, codes)


def _rates(node: PlacedLayer) -> tuple[Any, Any]:
    """The shares of inputs and of states that a layer drops: numbers, or tuples with one for each network."""
    layer = node.layer
    if isinstance(layer, Recurrent):
        return layer.dropout, layer.recurrent_dropout
    return (layer.rate, 0.0) if isinstance(layer, Dropout) else (0.0, 0.0)


def dropout_rates(architecture: Architecture, networks: int) -> NDArray[np.float64] | None:
    """(L, nodes, 2), or None where no layer drops anything."""
    rates = [rate for node in architecture.layers for rate in _rates(node)]
    if not any(any(rate) if isinstance(rate, tuple) else rate for rate in rates):
        return None
    columns = [np.broadcast_to(np.asarray(rate, dtype=np.float64), (networks,)) for rate in rates]
    return np.ascontiguousarray(np.stack(columns, axis=1).reshape(networks, -1, 2))


def loss_code(loss: Loss) -> tuple[LossCode, Any]:
    """The loss, and what has to live as long as it does."""
    levels = np.array(loss.levels if isinstance(loss, Quantile) else [], dtype=np.float32)
    code = LossCode(
        kind=LOSSES.index(loss.name),
        level_count=len(levels),
        delta=loss.delta if isinstance(loss, Huber) else 1.0,
        levels=levels.ctypes.data,
    )
    return code, levels


def optimizer_code(optimizer: Optimizer) -> OptimizerCode:
    """The optimiser but for its learning rate."""
    settings: Any = optimizer
    adam, rmsprop = isinstance(optimizer, Adam | AdamW), isinstance(optimizer, RMSprop)
    clip = next((name for name in CLIPS[1:] if getattr(settings, str(name)) is not None), None)
    beta_1, beta_2 = optimizer.betas if adam else (0.0, settings.rho if rmsprop else 0.0)
    return OptimizerCode(
        kind=OPTIMIZERS.index("adam" if adam else optimizer.name),
        nesterov=getattr(settings, "nesterov", False),
        centered=getattr(settings, "centered", False),
        clip=CLIPS.index(clip),
        clip_limit=getattr(settings, clip) if clip else 0.0,
        momentum=getattr(settings, "momentum", 0.0),
        beta_1=beta_1,
        beta_2=beta_2,
        epsilon=getattr(settings, "epsilon", 0.0),
        weight_decay=getattr(settings, "weight_decay", 0.0),
    )
