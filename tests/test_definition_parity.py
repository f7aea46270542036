"""The NumPy definition against real Keras, and torch where it is installed: forecasts and all gradients, in float32.

The other libraries are given the same weights, windows and dropout masks, and differentiate by themselves. Each network
here has several things to check at once, since compiling one takes JAX half a second.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from live import live_keras, live_torch
from networks import LayerSpec, Network, bidirectional, dense, dropout, gru, linear_skip, lstm, masking, rnn

from timeglass.cells.activations import ACTIVATIONS
from timeglass.network import chain
from timeglass.network.architecture import Merge
from timeglass.network.dropout import INPUTS, STATE, Masks, dropout_masks
from timeglass.network.layers import GRU, LSTM, SimpleRNN

TOLERANCE = 2e-6  # of values of order one
COUNT = 5  # windows

PARITY = {
    "simple, all options": Network(
        5,
        2,
        (
            masking(),
            bidirectional(rnn(3, dropout=0.3, recurrent_dropout=0.4, return_sequences=True), "mul"),
            rnn(2, "softsign", go_backwards=True, use_bias=False),
            dense(2, "elu"),
            linear_skip(),
        ),
    ),
    "gru, all options": Network(
        5,
        2,
        (
            gru(3, dropout=0.4, recurrent_dropout=0.3, return_sequences=True),
            dropout(0.25),
            gru(2, "softplus", recurrent_activation="hard_sigmoid", use_bias=False, dropout=0.3),
            dropout(0.5),
            dense(3),
            linear_skip(2, use_bias=False),
        ),
        seed=2,
    ),
    # A sequence given backwards, over which Keras takes the mask in its old order.
    "gru, reset before": Network(
        5,
        2,
        (
            masking(0.5),
            gru(3, reset_after=False, dropout=0.4, recurrent_dropout=0.3, go_backwards=True, return_sequences=True),
            gru(2, "elu", reset_after=False, use_bias=False),
            dense(2),
        ),
    ),
    "lstm, all options": Network(
        5,
        2,
        (
            lstm(3, dropout=0.4, recurrent_dropout=0.3, return_sequences=True),
            dropout(0.25),
            lstm(2, "softsign", recurrent_activation="swish", use_bias=False, dropout=0.3, go_backwards=True),
            dense(2),
        ),
    ),
    "two ways, masked": Network(
        6,
        2,
        (
            masking(-0.5),
            bidirectional(lstm(2, dropout=0.2, recurrent_dropout=0.3, return_sequences=True)),
            bidirectional(gru(3), "ave"),
        ),
    ),
    "two ways, two layers": Network(
        4,
        2,
        (
            masking(),
            bidirectional(
                gru(3, go_backwards=True, return_sequences=True), "sum", backward_layer=lstm(3, return_sequences=True)
            ),
            dense(2),
        ),
    ),
    "every activation": Network(1, 3, (rnn(3), *(dense(3, name) for name in ACTIVATIONS))),
}


def definition(network: Network, masks: Masks, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Forecasts (N, …) and the gradient (P,) of dy · forecasts, in float32."""
    architecture, weights = network.architecture, network.weights()
    values = chain.forward(architecture, weights, network.windows(COUNT)[None], masks)
    gradient = chain.backward(architecture, weights, values, dy[None], masks)
    return chain.output(architecture, values)[0], gradient[0]


def asked(network: Network) -> np.ndarray:
    """Dy (N, …), of order one after the sum over windows."""
    shape = (COUNT, *network.architecture.output_shape)
    return (np.random.default_rng([network.seed, 6]).normal(size=shape) / np.sqrt(COUNT)).astype(np.float32)


def check_same(made: tuple[np.ndarray, np.ndarray], theirs: tuple[np.ndarray, np.ndarray]) -> None:
    for own, other in zip(made, theirs, strict=True):
        assert own.dtype == np.float32
        assert np.abs(own - other).max() <= TOLERANCE * max(1, np.abs(other).max())


class _Keras:
    """A Keras model of the same layers, which drops what the masks say."""

    def __init__(self, network: Network, masks: Masks) -> None:
        import keras  # seconds of start-up

        self._layers, self._network, self._masks = keras.layers, network, masks
        self._node = 0  # the node of the layer that comes next
        window = y = keras.layers.Input((network.time_steps, network.features), batch_size=COUNT)
        for spec in network.layers:
            y = self._add(spec, y, window)
        self.model = keras.Model(window, y)
        self.model.set_weights(network.arrays())

    def _add(self, spec: LayerSpec, y: Any, window: Any) -> Any:
        name, options = spec
        node, self._node = self._node, self._node + (3 if name == "Bidirectional" else 1)
        if name == "Dropout":
            return y * self._masks[node, INPUTS][0].reshape(y.shape)
        if name == "LinearSkip":
            steps = options["time_steps"] or self._network.time_steps
            flat = self._layers.Flatten()(window[:, self._network.time_steps - steps :])
            skip = self._layers.Dense(y.shape[-1], use_bias=options.get("use_bias", True))(flat)
            return self._layers.Add()([y, skip])
        layer = self._layer(spec)
        if name == "Bidirectional":
            self._drop(layer.forward_layer, node)
            self._drop(layer.backward_layer, node + 1)
        else:
            self._drop(layer, node)
        return layer(y)

    def _layer(self, spec: LayerSpec) -> Any:
        name, options = spec
        made = {key: self._layer(value) if "layer" in key else value for key, value in options.items()}
        # Drawing weights to replace them would take longer than all the rest.
        zeros = {"kernel_initializer": "zeros"} if "units" in options else {}
        zeros |= {"recurrent_initializer": "zeros"} if name in ("SimpleRNN", "GRU", "LSTM") else {}
        return getattr(self._layers, name)(**made, **zeros)

    def _drop(self, layer: Any, node: int) -> None:
        """Puts our masks in place of the ones that the cell would draw.

        With a recurrent dropout Keras draws one for each gate of a GRU or LSTM; here all gates are given the same.
        """
        for kind, method in ((INPUTS, "get_dropout_mask"), (STATE, "get_recurrent_dropout_mask")):
            if (node, kind) in self._masks:
                gates = getattr(layer.cell, "dropout_mask_count", None)
                mask = self._masks[node, kind][0]
                given = mask if gates is None else [mask] * gates
                object.__setattr__(layer.cell, method, lambda _, given=given: given)

    def run(self, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Forecasts (N, …) and the gradient (P,) of dy · forecasts."""
        import jax

        fixed = [variable.value for variable in self.model.non_trainable_variables]

        def loss(weights: list[Any], x: Any) -> tuple[Any, Any]:
            y, _ = self.model.stateless_call(weights, fixed, x, training=True)
            return (y * dy).sum(), y

        weights = [variable.value for variable in self.model.trainable_variables]
        gradient_of = jax.jit(jax.value_and_grad(loss, has_aux=True))
        (_, forecasts), gradient = gradient_of(weights, self._network.windows(COUNT))
        return np.asarray(forecasts), np.concatenate([np.ravel(array) for array in gradient])


@pytest.mark.slow
@live_keras
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
@pytest.mark.parametrize("network", PARITY.values(), ids=PARITY.keys())
def test_forecasts_and_gradients_are_kerass(network: Network):
    masks = dropout_masks(network.architecture, 9, np.arange(1), 0, np.arange(COUNT))
    dy = asked(network)
    check_same(definition(network, masks, dy), _Keras(network, masks).run(dy))


def _torch_layer(torch: Any, name: str, options: dict[str, Any], arrays: list[np.ndarray], features: int) -> Any:
    """torch.nn.GRU or LSTM with Keras's arrays: torch's are turned over, with two biases, a GRU's reset gate first."""
    units, two_ways = options["units"], len(arrays) == 6
    layer = getattr(torch.nn, name)(features, units, batch_first=True, bidirectional=two_ways)
    gates = [1, 0, 2] if name == "GRU" else [0, 1, 2, 3]

    def turned(array: np.ndarray) -> Any:
        parts = np.split(array, len(gates), axis=-1)
        return torch.nn.Parameter(torch.tensor(np.concatenate([parts[gate] for gate in gates], axis=-1).T.copy()))

    for end, suffix in enumerate(["", "_reverse"][: 1 + two_ways]):
        wx, wh, bias = arrays[3 * end : 3 * end + 3]
        biases = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
        for part, array in (("weight_ih", wx), ("weight_hh", wh), ("bias_ih", biases[0]), ("bias_hh", biases[1])):
            setattr(layer, f"{part}_l0{suffix}", turned(array))
    return layer


@live_torch
@pytest.mark.parametrize("make", [gru, lstm], ids=["gru", "lstm"])
@pytest.mark.parametrize("two_ways", [False, True])
def test_forecasts_and_gradients_are_torchs(make: Any, two_ways: bool):
    import torch

    name, options = spec = make(4, return_sequences=True)
    network = Network(6, 3, (bidirectional(spec) if two_ways else spec,), seed=1)
    layer = _torch_layer(torch, name, options, network.arrays(), network.features)
    forecasts, _ = layer(torch.tensor(network.windows(COUNT)))
    dy = asked(network)
    (forecasts * torch.tensor(dy)).sum().backward()
    # Both of torch's biases have one gradient each; ours has the one beside wx, and a GRU's the one beside wh too.
    gates = [1, 0, 2] if name == "GRU" else [0, 1, 2, 3]
    gradient = []
    for suffix in ["", "_reverse"][: 1 + two_ways]:
        for part in ("weight_ih", "weight_hh", "bias_ih", *(["bias_hh"] if name == "GRU" else [])):
            theirs = getattr(layer, f"{part}_l0{suffix}").grad.numpy().T
            parts = np.split(theirs, len(gates), axis=-1)
            gradient.append(np.concatenate([parts[gate] for gate in gates], axis=-1).ravel())
    check_same(definition(network, {}, dy), (forecasts.detach().numpy(), np.concatenate(gradient)))


def test_these_networks_have_every_layer_merge_and_mask():
    nodes = [node for network in PARITY.values() for node in network.architecture.layers]
    kinds = {node.layer.kind for node in nodes}
    assert kinds == {"simple_rnn", "gru", "lstm", "dense", "dropout", "masking", "merge", "linear_skip"}
    assert {node.layer.mode for node in nodes if isinstance(node.layer, Merge)} == {"concat", "sum", "mul", "ave"}
    for kind in (GRU, LSTM, SimpleRNN):
        rates = {
            (node.layer.dropout > 0, node.layer.recurrent_dropout > 0) for node in nodes if type(node.layer) is kind
        }
        assert {(False, False), (True, True)} <= rates
