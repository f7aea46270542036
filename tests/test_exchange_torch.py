"""Networks to torch and from torch: the same forecasts, the same weights, and what is refused in which words."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from networks import DROPPING, NETWORKS, Network, any_network, bidirectional, dense, gru, lstm, rnn
from torch import nn

from timeglass import (
    GRU,
    LSTM,
    Bidirectional,
    DataError,
    Dense,
    Dropout,
    EngineError,
    Input,
    OptionError,
    Sequential,
    ShapeError,
    SimpleRNN,
)
from timeglass.exchange import torch as exchange_torch
from timeglass.exchange.torch import from_torch, to_torch

pytestmark = pytest.mark.filterwarnings("ignore:the compiled engine does not have masked steps")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(3)


def filled(network: Network, networks: int = 1) -> Sequential:
    model = network.sequential(networks=networks, seed=1)
    model.training_state.weights[...] = network.weights(networks)
    return model


def forecasts(module: Any, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return module(torch.from_numpy(x)).numpy()


def close(given: np.ndarray, expected: np.ndarray) -> bool:
    """Within float32's rounding over a few layers."""
    return given.shape == expected.shape and np.abs(given - expected).max() < 3e-6 * (1 + np.abs(expected).max())


class Net(nn.Module):
    """The usual module: a recurrent layer, its last step or its sequence, a head."""

    def __init__(self, rnn: nn.Module, *head: nn.Module, take: str = "last") -> None:
        super().__init__()
        self.rnn, self.head, self.take = rnn, nn.Sequential(*head), take

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, h = self.rnn(x)
        if self.take == "final":
            h = h[0] if isinstance(h, tuple) else h
            directions = 2 if self.rnn.bidirectional else 1
            return self.head(h[-directions:].movedim(0, 1).flatten(1))
        return self.head((y[:, -1] if self.rnn.batch_first else y[-1]) if self.take == "last" else y)


# ---- to torch


@pytest.mark.parametrize(
    "network", [*NETWORKS.values(), *DROPPING.values()], ids=[*NETWORKS, *(f"dropping {n}" for n in DROPPING)]
)
def test_a_module_forecasts_as_the_network_and_comes_back_to_the_bit(network: Network) -> None:
    model, x = filled(network, networks=2), network.windows(7)
    module = to_torch(model, network=1)
    assert close(forecasts(module, x), model.predict(x)[1])
    back = from_torch(
        module, time_steps=network.time_steps, return_sequences=model.architecture.layers[-1].gives_sequence
    )
    assert back.training_state.weights.tobytes() == model.training_state.weights[1].tobytes()
    assert np.array_equal(back.predict(x), model.predict(x)[1])
    assert [layer.name for layer in back.architecture.layers] == [layer.name for layer in model.architecture.layers]


@pytest.mark.parametrize("seed", range(40))
def test_any_network_goes_to_torch(seed: int) -> None:
    network = any_network(seed)
    model, x = filled(network), network.windows(5)
    assert close(forecasts(to_torch(model), x), model.predict(x))


@pytest.mark.parametrize(
    ("layers", "parts"),
    [
        ((rnn(3), dense(1)), {"simple_rnn": "RNN", "dense": "Linear"}),
        ((gru(3, return_sequences=True), lstm(2)), {"gru": "GRU", "lstm": "LSTM"}),
        ((gru(3, go_backwards=True),), {"gru": "GRU"}),
        ((bidirectional(lstm(3), "sum"),), {"bidirectional": "LSTM"}),
        ((bidirectional(lstm(3), backward_layer=rnn(3, go_backwards=True)),),
         {"forward_lstm": "LSTM", "backward_lstm": "RNN"}),
        ((rnn(3, "relu"),), {"simple_rnn": "RNN"}),
        ((rnn(3, "elu"),), {"simple_rnn": "WrittenOut"}),
        ((gru(3, reset_after=False),), {"gru": "WrittenOut"}),
        ((gru(3, recurrent_dropout=0.5),), {"gru": "WrittenOut"}),
        ((("Masking", {}), lstm(3)), {"lstm": "WrittenOut"}),
    ],
)  # fmt: skip
def test_torchs_own_layers_are_used_where_it_has_them(layers: Any, parts: dict[str, str]) -> None:
    module = to_torch(filled(Network(4, 2, layers)))
    assert {name: type(part).__name__ for name, part in module.named_children()} == parts


def test_the_state_dict_has_torchs_names_and_forms() -> None:
    model = filled(Network(4, 2, (bidirectional(gru(3)), dense(1))))
    state = to_torch(model).state_dict()
    alone = nn.ModuleDict({"bidirectional": nn.GRU(2, 3, bidirectional=True), "dense": nn.Linear(6, 1)})
    assert {k: v.shape for k, v in state.items()} == {k: v.shape for k, v in alone.state_dict().items()}
    wx = model.get_weights()[0]  # update, reset, candidate
    assert np.array_equal(state["bidirectional.weight_ih_l0"][:3].numpy(), wx[:, 3:6].T)  # torch's first is reset
    assert np.array_equal(state["bidirectional.weight_ih_l0"][6:].numpy(), wx[:, 6:].T)


def test_names_that_modules_cannot_have() -> None:
    layers = [
        Input((3, 1)),
        SimpleRNN(2, name="a.b", return_sequences=True),
        SimpleRNN(2, name="a_b"),
        Dense(1, name="forward"),
    ]
    model = Sequential(layers, seed=0)
    module = to_torch(model)
    assert [name for name, _ in module.named_children()] == ["a_b", "a_b_", "forward_"]
    assert close(forecasts(module, np.ones((2, 3, 1), np.float32)), model.predict(np.ones((2, 3, 1))))


def test_making_a_module_draws_no_random_number() -> None:
    before = torch.random.get_rng_state()
    to_torch(filled(NETWORKS["gru"]))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_module_can_be_copied_pickled_trained_and_brought_back() -> None:
    network = Network(
        5, 2, (("Dropout", {"rate": 0.3}), gru(3, reset_after=False, dropout=0.2, recurrent_dropout=0.2), dense(1))
    )
    module = pickle.loads(pickle.dumps(copy.deepcopy(to_torch(filled(network))))).train()
    x, y = torch.from_numpy(network.windows(8)), torch.from_numpy(network.targets(8))
    ((module(x) - y) ** 2).mean().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in module.parameters())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter -= 0.1 * parameter.grad
    assert not torch.equal(module(x), module(x))  # dropout acts
    module.eval()
    back = from_torch(module, time_steps=5)
    assert close(back.predict(x.numpy()), forecasts(module, x.numpy()))
    assert back.layers == filled(network).layers


def test_dropout_of_one_network_of_several() -> None:
    network = Network(4, 2, (gru(3, dropout=(0.0, 0.5)), ("Dropout", {"rate": (0.1, 0.2)})))
    module = to_torch(filled(network, networks=2), network=1)
    assert module.dropout.p == 0.2
    assert from_torch(module, time_steps=4).layers == [GRU(3, dropout=0.5), Dropout(0.2)]


def test_in_training_a_window_drops_the_same_units_at_every_step() -> None:
    """With weights of one and a linear cell, the output counts kept features: 0, 1 or 2 of weight 2, in 3 steps."""
    model = Sequential([SimpleRNN(1, "linear", use_bias=False, dropout=0.5, input_shape=(3, 2))], seed=0)
    model.set_weights([np.ones((2, 1)), np.ones((1, 1))])
    given = to_torch(model).train()(torch.ones(200, 3, 2))
    assert set(given.flatten().tolist()) == {0.0, 6.0, 12.0}


def test_recurrent_dropout_leaves_what_a_gru_keeps_of_its_state() -> None:
    """Without weights on the state, nothing that is dropped counts: h_t = h_{t-1} / 2 + x_t / 2, as in evaluation."""
    layer = GRU(1, "linear", use_bias=False, recurrent_dropout=0.5, input_shape=(3, 1))
    model = Sequential([layer], seed=0)
    model.set_weights([[[0.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]])
    assert set(to_torch(model).train()(torch.ones(50, 3, 1)).flatten().tolist()) == {0.875}


def test_a_window_of_another_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"expected windows \(N, 12, 1\), got \(2, 11, 1\)"):
        to_torch(filled(NETWORKS["tutorial"]))(torch.zeros(2, 11, 1))


def test_options_of_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    model = filled(NETWORKS["gru"])
    with pytest.raises(OptionError, match="to_torch network: expected 0 to 0, got 1"):
        to_torch(model, network=1)
    monkeypatch.setitem(__import__("sys").modules, "timeglass.exchange.torch_network", None)
    with pytest.raises(EngineError, match=r"torch is not installed.*pip install 'timeglass\[torch\]'"):
        to_torch(model)


# ---- from torch


@pytest.mark.parametrize("take", ["last", "final", "sequence"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_modules_of_every_kind(kind: type[nn.RNNBase], both: bool, layers: int, take: str) -> None:
    if both and take == "last":
        return  # another network, refused below
    for options in ({}, {"bias": False}, {"batch_first": False}) if layers == 1 else ({},):
        inner = kind(2, 3, num_layers=layers, bidirectional=both, **{"batch_first": True, **options})
        module = Net(
            inner, nn.Dropout(0.1), nn.Linear(6 if both else 3, 4), nn.ReLU(), nn.Linear(4, 1), take=take
        ).train()
        model = from_torch(module, time_steps=5, return_sequences=take == "sequence")
        assert all(part.training for part in module.modules())
        x = np.random.default_rng(1).uniform(-1, 1, (4, 5, 2)).astype(np.float32)
        given = x if inner.batch_first else np.swapaxes(x, 0, 1).copy()
        expected = forecasts(module.eval(), given)
        if take == "sequence" and not inner.batch_first:
            expected = np.swapaxes(expected, 0, 1)
        assert close(model.predict(x), expected)
        assert model.count_params() <= sum(parameter.numel() for parameter in module.parameters())


def test_layers_and_names_of_a_module() -> None:
    module = Net(
        nn.LSTM(2, 3, num_layers=2, bidirectional=True, batch_first=True, dropout=0.25), nn.Linear(6, 4), nn.SiLU(),
        nn.Identity(), nn.Linear(4, 1, bias=False), take="final",
    )  # fmt: skip
    assert from_torch(module, time_steps=4).layers == [
        Bidirectional(LSTM(3, return_sequences=True), name="rnn_l0"),
        Dropout(0.25),
        Bidirectional(LSTM(3), name="rnn_l1"),
        Dense(4, "swish", name="head_0"),
        Dense(1, use_bias=False, name="head_3"),
    ]


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_weights_that_can_have_the_same_bits_do(kind: str) -> None:
    module = Net(getattr(nn, kind)(2, 3, batch_first=True), nn.Linear(3, 1))
    model = from_torch(module, time_steps=4)
    state = to_torch(model).state_dict()
    for name, tensor in module.state_dict().items():
        own = state[name.replace("head.0", "head_0")]
        if kind == "LSTM" and "bias_hh" in name:
            assert not own.any()
        elif kind == "LSTM" and "bias_ih" in name:
            assert torch.equal(own, tensor + module.rnn.bias_hh_l0)
        else:
            assert torch.equal(own, tensor), name


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_lone_layer_and_its_state_dict_give_the_same(kind: type[nn.RNNBase], both: bool) -> None:
    module = kind(2, 3, num_layers=2, bidirectional=both, batch_first=True)
    x = np.random.default_rng(1).uniform(-1, 1, (4, 6, 2)).astype(np.float32)
    sequences = from_torch(module, time_steps=6, return_sequences=True)
    assert close(sequences.predict(x), module(torch.from_numpy(x))[0].detach().numpy())
    last, of_state = from_torch(module, time_steps=6), from_torch(module.state_dict(), time_steps=6)
    assert last.training_state.weights.tobytes() == of_state.training_state.weights.tobytes()
    assert np.array_equal(last.predict(x), of_state.predict(x))


def test_a_state_dict_of_numpy_arrays_in_another_order() -> None:
    module = Net(nn.RNN(2, 3, nonlinearity="relu", batch_first=True), nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    state = {name: tensor.numpy() for name, tensor in sorted(module.state_dict().items())}
    with pytest.raises(DataError, match=r"head\.0 is a Linear layer before a recurrent one; .* give `order`"):
        from_torch(state, time_steps=5)
    options: Any = {"activation": "relu", "activations": {"head.0": "tanh"}, "order": ("rnn", "head.0", "head.2")}
    model = from_torch(state, time_steps=5, **options)
    x = np.random.default_rng(1).uniform(-1, 1, (4, 5, 2)).astype(np.float32)
    assert close(model.predict(x), forecasts(module, x))


def test_the_module_and_torchs_random_numbers_are_left_as_they_were() -> None:
    class Noisy(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert not torch.is_grad_enabled()
            return super().forward(x) + 0 * torch.rand(1)

    module = Noisy(nn.GRU(2, 3, batch_first=True), nn.Dropout(0.5), nn.Linear(3, 1)).train()
    module.head[0].eval()
    before, state = torch.random.get_rng_state(), {k: v.clone() for k, v in module.state_dict().items()}
    from_torch(module, time_steps=5)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [part.training for part in module.modules()] == [True, True, True, False, True]
    assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())


def test_functions_that_a_forward_applies() -> None:
    class Bent(Net):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(super().forward(x)).squeeze(-1)

    module = Bent(nn.GRU(2, 3, batch_first=True), nn.Linear(3, 1))
    with pytest.raises(DataError, match=r"Bent does something else than its layers in order.*`activations`"):
        from_torch(module, time_steps=5)
    model = from_torch(module, time_steps=5, activations={"head.0": "sigmoid"})
    x = np.random.default_rng(1).uniform(-1, 1, (4, 5, 2)).astype(np.float32)
    assert close(model.predict(x)[:, 0], forecasts(module, x))


def test_the_room_loads_no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    code = "import sys, timeglass.exchange.torch as e; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
    assert exchange_torch.__all__ == ["from_torch", "to_torch"]
