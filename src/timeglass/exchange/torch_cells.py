"""Our cells in torch's operations, for what torch has no layer for: `timeglass.cells` says what they compute.

Only `torch_network` imports this: torch is an extra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch.nn import functional

from timeglass.network.layers import GRU, LSTM, Recurrent
from timeglass.network.nodes import PlacedLayer

__all__ = ["TORCH_ACTIVATIONS", "WrittenOut"]

# Tensors, which mypy is not asked to know where torch is not installed.
Tensor = Any
Module: Any = torch.nn.Module

TORCH_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "hard_sigmoid": functional.hardsigmoid,
    "leaky_relu": lambda z: functional.leaky_relu(z, 0.2),
    "elu": functional.elu,
    "selu": torch.selu,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "swish": functional.silu,
}


class WrittenOut(Module):  # type: ignore[misc]  # its class is Any
    """One recurrent node, step by step, with torch's order of gates; its weights have the names of nn.GRUCell's.

    A GRU whose gate acts before the product has one bias, `bias_ih`, and so have the others; with reset_after, two.
    """

    def __init__(self, node: PlacedLayer) -> None:
        super().__init__()
        self._node = node
        wide = node.weight_shapes["wh"][1]
        self.weight_ih = torch.nn.Parameter(torch.zeros(wide, node.features))
        self.weight_hh = torch.nn.Parameter(torch.zeros(wide, node.units))
        for name, has in (("bias_ih", "bh" in node.weight_shapes), ("bias_hh", self._two_biases)):
            self.register_parameter(name, torch.nn.Parameter(torch.zeros(wide)) if has else None)

    @property
    def _rate(self) -> float:
        return cast(float, cast(Recurrent, self._node.layer).recurrent_dropout)

    @property
    def _two_biases(self) -> bool:
        return len(self._node.weight_shapes.get("bh", ())) == 2

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """The states (N, T, H) in time's order, of x (N, T, F) and which steps count, (N, T, 1)."""
        steps = range(x.shape[1])
        h = c = x.new_zeros(x.shape[0], self._node.units)
        kept = functional.dropout(torch.ones_like(h), self._rate, self.training)
        states = [h] * len(steps)
        for t in reversed(steps) if self._node.go_backwards else steps:
            new_h, new_c = self._step(x[:, t], h, c, kept)
            if mask is not None:
                new_h, new_c = torch.where(mask[:, t], new_h, h), torch.where(mask[:, t], new_c, c)
            states[t], h, c = new_h, new_h, new_c
        return torch.stack(states, dim=1)

    # Looked up by name, so that the module can be copied and pickled.

    def _activation(self, z: Tensor) -> Tensor:
        return TORCH_ACTIVATIONS[self._node.activation](z)

    def _gate(self, z: Tensor) -> Tensor:
        return TORCH_ACTIVATIONS[self._node.recurrent_activation](z)

    def _step(self, x: Tensor, h: Tensor, c: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
        x_part = functional.linear(x, self.weight_ih, self.bias_ih)
        if isinstance(self._node.layer, GRU):
            return self._gru(x_part, h, kept * h), c
        z = x_part + functional.linear(kept * h, self.weight_hh)
        if not isinstance(self._node.layer, LSTM):
            return self._activation(z), c
        z_input, z_forget, z_candidate, z_output = z.chunk(4, dim=-1)
        c = self._gate(z_forget) * c + self._gate(z_input) * self._activation(z_candidate)
        return self._gate(z_output) * self._activation(c), c

    def _gru(self, x_part: Tensor, h: Tensor, dropped: Tensor) -> Tensor:
        wh_reset, wh_update, wh_candidate = self.weight_hh.chunk(3)
        x_reset, x_update, x_candidate = x_part.chunk(3, dim=-1)
        b_reset, b_update, b_candidate = (None,) * 3 if self.bias_hh is None else self.bias_hh.chunk(3)
        reset = self._gate(x_reset + functional.linear(dropped, wh_reset, b_reset))
        update = self._gate(x_update + functional.linear(dropped, wh_update, b_update))
        if isinstance(self._node.layer, GRU) and self._node.layer.reset_after:
            met = reset * functional.linear(dropped, wh_candidate, b_candidate)
        else:
            met = functional.linear(reset * dropped, wh_candidate)
        return update * h + (1 - update) * self._activation(x_candidate + met)
