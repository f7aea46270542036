"""Every named array of a network's way over windows, and of the way back: what a forecast is made of."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from timeglass.errors import EngineError, OptionError
from timeglass.network.architecture import Architecture
from timeglass.prepare.scale import MinMaxScaler
from timeglass.train.losses import Loss
from timeglass.types import Array
from timeglass.words import counted, shown

__all__ = ["Trace"]

_PLACE = re.compile(r"(?P<name>.+?)\[(?:t\s*=\s*)?(?P<step>[0-9]+)\]")
_AXES = ("window", "step", "from", "unit")


@dataclass(frozen=True)
class Trace:
    """What one network computed for windows x (N, T, F), by name; made by `Sequential.trace`.

    The names are `x`, the windows, and for each layer its name and that of the array: `simple_rnn.z`, `simple_rnn.h`,
    `lstm.forget`, `dense.y`. Arrays are (N, T, H), or (N, H) where there is no time. Step t holds what the layer made
    of x_t, also in a layer that goes backwards.

    With targets, `losses` (N,) are those of the windows, and d before a name is the derivative of their mean:
    `simple_rnn.dh`, `simple_rnn.dz`, and each step's own share of each weight's: `simple_rnn.dwx` (N, T, F, H). Their
    sum over windows and steps is the gradient of training, without an L2 penalty and dropout.
    """

    architecture: Architecture
    engine: str  # which made the numbers
    weights: list[dict[str, Array]]  # of each node, by name
    arrays: Mapping[str, Array]
    losses: Array | None = None  # (N,)
    given: Mapping[int, Array] = field(default_factory=dict)  # what each node gives; -1: the window
    targets: Array | None = None  # (N, …, Ky), where it had some
    loss: Loss | None = None  # that the targets were measured with

    @property
    def names(self) -> tuple[str, ...]:
        """Of all arrays, in the order in which they are computed."""
        return tuple(self.arrays)

    @property
    def windows(self) -> int:
        """N."""
        return len(self.arrays["x"])

    @property
    def forecasts(self) -> Array:
        """(N, K), or (N, T, K) where the network gives sequences."""
        return self.output_of(len(self.architecture.layers) - 1)

    def output_of(self, node: int) -> Array:
        """What a node gives those that read it, (N, T, H) or (N, H); -1 is the window itself."""
        return self.given[node]

    @property
    def weight_row(self) -> Array:
        """All weights (P,), as the network keeps them."""
        return np.concatenate([array.ravel() for own in self.weights for array in own.values()])

    def recurrent(self, layer: str | None = None) -> int:
        """The node of that recurrent layer, or of the first; an `OptionError` names those that there are."""
        known = {node.name: index for index, node in enumerate(self.architecture.layers) if node.recurrent}
        if not known:
            raise OptionError("this network has no recurrent layer, and so no states")
        if layer is not None and layer not in known:
            raise OptionError(f"layer {layer}: the recurrent layers of this network are {', '.join(known)}")
        return known[layer] if layer is not None else next(iter(known.values()))

    def step_counts(self, masking: int) -> Array:
        """(N, T): which steps the mask of that node lets count."""
        return self.arrays[f"{self.architecture.layers[masking].name}.mask"]

    def __getitem__(self, name: str) -> Array:
        """An array by name; with a step in brackets, from 1 on, (N, H) of that step: `trace["simple_rnn.h[t=3]"]`."""
        if not isinstance(name, str):
            raise OptionError(f'trace: expected the name of an array, such as trace["x"], got {name!r}')
        if name in self.arrays:
            return self.arrays[name]
        place = _PLACE.fullmatch(name)
        if place and place["name"] in self.arrays:
            array, step = self.arrays[place["name"]], int(place["step"])
            if self.has_steps(place["name"]) and 1 <= step <= array.shape[1]:
                return array[:, step - 1]
            steps = f"steps 1 to {array.shape[1]}" if self.has_steps(place["name"]) else "no steps"
            raise OptionError(f"trace: {place['name']} has {steps}, got {name}")
        raise OptionError(f"trace: no array {name}: there are {', '.join(self.names)}")

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def has_steps(self, name: str) -> bool:
        """Whether the second axis of an array is time."""
        if name in ("x", "dx"):
            return True
        layer = name.rpartition(".")[0]
        node = next(node for node in self.architecture.layers if node.name == layer)
        return node.recurrent or node.gives_sequence

    def gradient(self) -> list[dict[str, Array]]:
        """Of each node, by name: the derivative of the mean loss by its weights, summed over windows and steps."""
        if self.losses is None:
            raise OptionError("trace: no gradient without targets: trace(x, y)")
        found = []
        for node, weights in zip(self.architecture.layers, self.weights, strict=True):
            sums = {}
            for name, array in weights.items():
                shares = self.arrays[f"{node.name}.d{name}"]
                sums[name] = shares.sum(axis=tuple(range(shares.ndim - array.ndim)))
            found.append(sums)
        return found

    def __repr__(self) -> str:
        """One line: all the arrays would fill pages."""
        layers = [shown(node.name) for node in self.architecture.layers]
        names = ", ".join(layers[:6]) + (f" and {len(layers) - 6} more" if len(layers) > 6 else "")
        windows, steps = counted(self.windows, "window"), counted(self.arrays["x"].shape[1], "step")
        return f"Trace({self.engine}: {counted(len(self), 'array')} of {windows}, {steps}; {names})"

    def _repr_html_(self) -> str:
        """For a notebook: the network unrolled over window 0, and a table of the arrays."""
        from timeglass.trace.page import trace_html  # XML is loaded only when something is drawn

        return trace_html(self)

    def to_frame(self) -> Any:
        """A pandas frame, one number a row: name, window, step (from 1 on), from (a weight's row), unit, value.

        What an array does not have is -1. An `EngineError` says that pandas is missing.
        """
        try:
            import pandas as pd
        except ImportError:
            raise EngineError("to_frame needs pandas: pip install pandas") from None
        return pd.concat([pd.DataFrame(self._columns(name)) for name in self.names], ignore_index=True)

    def _columns(self, name: str) -> dict[str, Any]:
        array = self.arrays[name]
        places = dict(zip(self.axes(name), np.indices(array.shape), strict=True))
        columns: dict[str, Any] = {"name": np.full(array.size, name, dtype=object)}
        for axis in _AXES:
            first = 1 if axis == "step" else 0
            columns[axis] = places[axis].ravel() + first if axis in places else np.full(array.size, -1)
        return columns | {"value": array.ravel().astype(np.float64)}

    def axes(self, name: str) -> tuple[str, ...]:
        """What the axes of an array are: of window, step, from, unit those that it has."""
        axes = ["window", "step"] if self.has_steps(name) else ["window"]
        left = self.arrays[name].ndim - len(axes)
        return (*axes, *_AXES[4 - left :])

    def to_json(self) -> str:
        """All of it as one JSON object: engine, layers, losses and, by name, axes and values of each array."""
        arrays = {name: {"axes": list(self.axes(name)), "values": self.arrays[name].tolist()} for name in self.names}
        layers = [
            {"name": node.name, "kind": node.layer.kind, "units": node.units} for node in self.architecture.layers
        ]
        losses = None if self.losses is None else self.losses.tolist()
        return json.dumps(
            {"engine": self.engine, "layers": layers, "losses": losses, "arrays": arrays}, allow_nan=False
        )

    def to_xlsx(self, path: str | os.PathLike[str], *, window: int = 0, scaler: MinMaxScaler | None = None) -> None:
        """Writes the network and one window as a workbook in which every computed number is a formula.

        Change an input or a weight there, in Excel or LibreOffice, and every hidden state, gate and the forecast
        follow. The first sheet holds the window (T, F) and the forecast beside the one of this trace; each layer has a
        sheet, with a row for each time step and a column for each unit and gate, and one for its weights.

        `scaler` is the one that the windows were scaled with: the window and the forecast then stand in the series'
        own units, and are scaled in the workbook.

        The same trace gives the same bytes. An `OptionError` says what a workbook cannot hold (16,384 columns,
        1,048,576 rows; here half a million cells) and where none can be written; an `EngineError` that XlsxWriter is
        missing.

        >>> import tempfile, pathlib
        >>> from timeglass import Dense, Sequential, SimpleRNN
        >>> model = Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.trace([[[1.0], [2.0], [3.0]]]).to_xlsx(pathlib.Path(folder) / "forecast.xlsx")
        """
        from timeglass.trace.workbook import write_workbook  # a slow start

        write_workbook(self._by_definition(), path, window=window, scaler=scaler)

    def _by_definition(self) -> Trace:
        """A spreadsheet computes in float64: what the kernel recorded in float32 could not be told from a change."""
        if self.engine == "numpy":
            return self
        from timeglass.trace.recording import record  # which makes traces

        return record(self.architecture, self.weight_row, self.arrays["x"])
