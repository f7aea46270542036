"""torch's modules whose exported files are read in the tests, and how they are exported."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    """A recurrent layer, what is taken of it, and a head."""

    def __init__(self, inner: nn.RNNBase, take: str) -> None:
        super().__init__()
        self.rnn, self.take = inner, take
        self.head = nn.Linear(inner.hidden_size * (2 if inner.bidirectional else 1), 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, h = self.rnn(x)
        h = h[0] if isinstance(h, tuple) else h
        if self.take == "final":
            y = torch.cat([h[-2], h[-1]], dim=-1) if self.rnn.bidirectional else h[-1]
        elif self.take == "last":
            y = y[:, -1] if self.rnn.batch_first else y[-1]
        return torch.tanh(self.head(y))

    def forecast(self, x: np.ndarray) -> np.ndarray:
        """(N, 2) or (N, T, 2) of windows x (N, T, 2), whichever axis stands first in the module."""
        first = self.rnn.batch_first
        with torch.no_grad():
            y = self(torch.from_numpy(x if first else np.swapaxes(x, 0, 1).copy())).numpy()
        return np.swapaxes(y, 0, 1) if self.take == "sequence" and not first else y


def exported(module: Net, path: Path, *, dynamo: bool, steps: int = 5, n: int | None = None) -> None:
    """By torch, for windows (N, T, 2) or (T, N, 2), with N open unless it is given."""
    axis = 0 if module.rnn.batch_first else 1
    x = torch.randn((n or 3, steps, 2) if axis == 0 else (steps, n or 3, 2))
    options: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"], "dynamo": dynamo}
    if dynamo:
        options |= {"external_data": False, "verbose": False}
    if n is None:
        options |= {"dynamic_shapes": ({axis: "N"},)} if dynamo else {"dynamic_axes": {"x": {axis: "N"}}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module.eval(), (x,), str(path), **options)


MODULES: dict[str, Callable[[], Net]] = {
    "rnn": lambda: Net(nn.RNN(2, 3, batch_first=True), "last"),
    "rnn, relu": lambda: Net(nn.RNN(2, 3, nonlinearity="relu", batch_first=True, bias=False), "last"),
    "rnn, stacked": lambda: Net(nn.RNN(2, 3, 2, batch_first=True), "sequence"),
    "rnn, both ways": lambda: Net(nn.RNN(2, 3, 2, batch_first=True, bidirectional=True), "sequence"),
    "rnn, both ways, last": lambda: Net(nn.RNN(2, 3, batch_first=True, bidirectional=True), "final"),
    "gru": lambda: Net(nn.GRU(2, 3, batch_first=True), "last"),
    "gru, steps first": lambda: Net(nn.GRU(2, 3), "last"),
    "gru, steps first, sequence": lambda: Net(nn.GRU(2, 3), "sequence"),
    "gru, both ways": lambda: Net(nn.GRU(2, 3, 2, batch_first=True, bidirectional=True), "final"),
    "lstm": lambda: Net(nn.LSTM(2, 3, batch_first=True), "final"),
    "lstm, both ways": lambda: Net(nn.LSTM(2, 3, 2, batch_first=True, bidirectional=True), "sequence"),
}
