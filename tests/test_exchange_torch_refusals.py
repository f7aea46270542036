"""What from_torch refuses, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from networks import NETWORKS
from test_exchange_torch import Net, filled
from torch import nn

from timeglass import DataError, OptionError
from timeglass.exchange.torch import from_torch, to_torch


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda y: y + 1e-3, "something else"),
        (lambda y: y * float("nan"), "something else"),
        (lambda y: y.repeat(1, 2), r"gives \(13, 2\) for windows \(13, 5, 2\), its layers in order \(13, 1\)"),
        (lambda y: {"y": y}, "gives dict: expected a tensor"),
        (lambda y: y @ y, r"fails on windows \(13, 5, 2\): RuntimeError"),
    ],
)
def test_a_forward_that_does_something_else_is_refused(change: Callable[[Any], Any], said: str) -> None:
    class Other(Net):
        def forward(self, x: torch.Tensor) -> Any:
            return change(super().forward(x))

    with pytest.raises(DataError, match=said):
        from_torch(Other(nn.GRU(2, 3, batch_first=True), nn.Linear(3, 1)), time_steps=5)


def test_the_last_step_of_a_layer_both_ways_is_no_last_state() -> None:
    module = Net(nn.GRU(2, 3, batch_first=True, bidirectional=True), nn.Linear(6, 1))
    with pytest.raises(DataError, match=r"something else.*output\[:, -1\] is not its last state: take h_n"):
        from_torch(module, time_steps=5)


def test_a_network_that_rounding_moves_too_far_is_not_called_the_same() -> None:
    module = nn.RNN(1, 32, batch_first=True)
    with torch.no_grad():
        module.weight_hh_l0.copy_(torch.randn(32, 32) / 2)  # a spectral radius of about 3: chaos
    with pytest.raises(DataError, match="rounding to float32 alone changes its forecasts beyond recognition"):
        from_torch(module, time_steps=200)


class Loose(Net):
    def __init__(self) -> None:
        super().__init__(nn.GRU(1, 2, batch_first=True), nn.Linear(2, 1))
        self.scale = nn.Parameter(torch.ones(1))


class Tied(Net):
    def __init__(self) -> None:
        inner = nn.Linear(2, 2)
        super().__init__(nn.GRU(1, 2, batch_first=True), inner, nn.Tanh(), inner)


def _with_nan() -> nn.Module:
    module = Net(nn.GRU(1, 2, batch_first=True), nn.Linear(2, 1))
    with torch.no_grad():
        module.head[0].weight[0, 1] = float("nan")
    return module


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Net(nn.LSTM(1, 3, proj_size=2, batch_first=True), nn.Linear(2, 1)),
            r"rnn\.weight_hr_l0 is a projection",
        ),
        (lambda: Net(nn.GRU(1, 2), nn.BatchNorm1d(2)), r"head\.0 is a BatchNorm1d: only RNN, GRU, LSTM, Linear"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(5, 1)), "0 is a Flatten"),
        (lambda: Net(nn.GRU(1, 2), nn.LayerNorm(2)), r"head\.0 is a LayerNorm"),
        (lambda: Net(nn.GRU(1, 2), nn.LeakyReLU()), "LeakyReLU with negative_slope=0.01: ours has 0.2"),
        (lambda: Net(nn.GRU(1, 2), nn.Tanh()), "head.0 applies tanh after rnn"),
        (lambda: nn.Sequential(nn.Tanh(), nn.Linear(1, 1)), "0 applies tanh at the beginning"),
        (lambda: Net(nn.GRU(1, 2), nn.Linear(2, 1), nn.Tanh(), nn.Tanh()), "head.2 applies tanh after head.0"),
        (lambda: Loose(), "scale belongs to none of the layers"),
        (lambda: Tied(), r"head\.2\.weight and head\.0\.weight are one and the same tensor"),
        (_with_nan, r"head\.0 holds a weight that is not finite"),
        (
            lambda: nn.utils.parametrizations.weight_norm(nn.Linear(1, 1)),
            "ParametrizationList|ParametrizedLinear|_WeightNorm",
        ),
        (lambda: nn.Sequential(nn.Dropout(0.5)), "none of its layers has weights"),
        (lambda: nn.Sequential(nn.Linear(1, 1), nn.Dropout(1.0)), "Dropout rate: expected a share"),
    ],
)
def test_modules_that_are_refused(make: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises((DataError, OptionError), match=said):
        from_torch(make(), time_steps=5, return_sequences=True)


ONES = {"weight_ih_l0": np.ones((3, 1)), "weight_hh_l0": np.ones((3, 3))}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({}, "is empty"),
        ({3: np.ones(3)}, "expected names as keys, got 3"),
        ({"a.weight": np.ones(3)}, r"a: weight \(3,\) and bias are not those of an nn.Linear"),
        ({"a.weight": np.ones((3, 2)), "a.bias": np.ones(2)}, "are not those of an nn.Linear"),
        ({"a.running_mean": np.ones(3)}, "a holds running_mean: expected weight_ih_l0"),
        ({"a.weight": np.ones((2, 3), int)}, "expected a tensor or array of floats, got ndarray"),
        ({"a.weight": "pickle"}, "expected a tensor or array of floats, got str"),
        ({**ONES, "weight_hh_l0": np.ones((6, 3))}, r"weight_hh_l0 has shape \(6, 3\): expected"),
        ({**ONES, "weight_hh_l0": np.ones((0, 0))}, r"has shape \(0, 0\)"),
        ({**ONES, "weight_ih_l0": np.ones((4, 1))}, "are not those of a SimpleRNN"),
        ({**ONES, "weight_ih_l0": np.ones(3)}, "are not those of a SimpleRNN"),
        ({**ONES, "bias_ih_l0": np.ones(3)}, "the last two of them or none of both"),
        ({**ONES, "weight_ih_l2": np.ones((3, 3)), "weight_hh_l2": np.ones((3, 3))}, "its layer l1 does not have"),
        ({**ONES, "weight_ih_l0_reverse": np.ones((3, 1))}, "the last two of them or none of both"),
        ({**ONES, "weight_hr_l0": np.ones((2, 3))}, "is a projection"),
        ({**ONES, "other": np.ones((2, 3))}, "other is not understood"),
        ({**ONES, "weight_ih_l0": np.full((3, 1), 1e300)}, "is not finite, or too large for float32"),
        ({"rnn.cell.weight_ih": np.ones((3, 1)), "rnn.cell.weight_hh": np.ones((3, 3))}, "rnn.cell holds weight_ih"),
    ],
)
def test_state_dicts_that_are_refused(state: Any, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        from_torch(state, time_steps=5)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"time_steps": 0}, "from_torch time_steps"),
        ({"return_sequences": 1}, "from_torch return_sequences: expected True or False"),
        ({"activation": "elu"}, "from_torch activation: expected one of None, 'tanh', 'relu'"),
        ({"activations": {"x": "tanh"}}, "expected names of Linear layers without an activation"),
        ({"order": ("a", "b")}, "from_torch order: expected each of  once"),
    ],
)
def test_options_of_from_torch(options: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        from_torch(ONES, **{"time_steps": 5, **options})


def test_sources_that_are_none_and_options_that_do_not_apply() -> None:
    with pytest.raises(OptionError, match="expected a torch module or a state dict, got str"):
        from_torch("model.pt", time_steps=5)
    with pytest.raises(OptionError, match=r"a module's nn\.RNN has its own"):
        from_torch(nn.RNN(1, 2), time_steps=5, activation="tanh")
    module = to_torch(filled(NETWORKS["gru"]))
    for options in ({"time_steps": 5}, {"time_steps": 6, "order": ()}, {"time_steps": 6, "return_sequences": True}):
        with pytest.raises(OptionError, match="came from to_torch"):
            from_torch(module, **options)
    with pytest.raises(OptionError, match="set return_sequences=True"):
        from_torch(nn.Linear(2, 1), time_steps=5)


class Stateful(nn.Module):
    """Goes on from where the last call ended."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.head, self.state = nn.GRU(2, 3, batch_first=True), nn.Linear(3, 1), None

    def forward(self, x: Any) -> Any:
        states, state = self.rnn(x, self.state)
        self.state = state.detach()
        return self.head(states[:, -1])


class Clamped(Net):
    """Windows beyond five are cut."""

    def forward(self, x: Any) -> Any:
        return super().forward(x.clamp(-5, 5))


def test_a_forward_with_a_state_of_its_own_or_with_limits_is_refused_and_left_as_it_was() -> None:
    module = Stateful()
    with pytest.raises(DataError, match="keeps a state from call to call"):
        from_torch(module, time_steps=5)
    assert module.state is None
    module(torch.zeros(2, 5, 2))
    with pytest.raises(DataError, match="does something else than its layers in order"):
        from_torch(Clamped(nn.GRU(2, 3, batch_first=True), nn.Linear(3, 1)), time_steps=5)


@pytest.mark.parametrize(
    ("part", "put"),
    [
        ("dense", lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))),
        ("gru", lambda: nn.GRU(1, 3, num_layers=2, batch_first=True)),
    ],
)
def test_a_module_of_ours_that_was_changed_is_run_beside_what_comes_back(
    part: str, put: Callable[[], nn.Module]
) -> None:
    module = to_torch(NETWORKS["gru"].sequential(seed=1))
    assert hasattr(module, part)
    from_torch(module, time_steps=6)
    setattr(module, part, put())
    with pytest.raises(DataError, match="this module came from to_torch"):
        from_torch(module, time_steps=6)


def test_a_sorted_state_dict_whose_widths_fit_either_way_is_asked_about() -> None:
    """One number in and one out: head before body would fit as well, and forecast something else."""
    module = Net(nn.LSTM(1, 8, batch_first=True), nn.Linear(8, 1))
    state = dict(sorted(module.state_dict().items()))
    with pytest.raises(DataError, match="give `order`, the names of the layers in the order in which they are used"):
        from_torch(state, time_steps=12)
    model = from_torch(state, time_steps=12, order=("rnn", "head.0"))
    assert [layer.kind for layer in model.layers] == ["lstm", "dense"]
