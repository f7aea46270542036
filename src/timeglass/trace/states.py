"""A recurrent layer's states over time as a picture's numbers."""

from __future__ import annotations

import numpy as np

from timeglass.errors import OptionError
from timeglass.show.heat_map import HeatMap
from timeglass.trace.trace import Trace
from timeglass.words import shown

__all__ = ["state_map"]


def state_map(trace: Trace, layer: str | None = None, *, window: int = 0, array: str = "h") -> HeatMap:
    """Units × steps of one recurrent layer, the first unless named: `heat_map_svg` draws it.

    `array` may be another one of the layer's that has a number for each unit and step, such as "forget" or "dh". An
    `OptionError` names a window, layer or array that is not there.

    >>> from timeglass import LSTM, Sequential
    >>> model = Sequential([LSTM(2, input_shape=(3, 1))], seed=0)
    >>> state_map(model.trace([[[1.0], [2.0], [3.0]]]), array="forget").values.shape
    (2, 3)
    """
    if not 0 <= window < trace.windows:
        raise OptionError(f"window {window}: the trace has windows 0 to {trace.windows - 1}")
    node = trace.architecture.layers[trace.recurrent(layer)]
    steps = (trace.windows, node.time_steps, node.units)
    name = f"{node.name}.{array}"
    if name not in trace or trace[name].shape != steps:
        known = [key.rpartition(".")[2] for key in trace if key.rpartition(".")[0] == node.name]
        whole = [key for key in known if trace[f"{node.name}.{key}"].shape == steps]
        raise OptionError(f"array {array}: of {node.name} there are {', '.join(whole)} for each unit and step")
    masked: tuple[int, ...] = ()
    if node.masked:
        masked = tuple(np.flatnonzero(~trace.step_counts(node.mask)[window]).tolist())
    title = f"{shown(node.name)}.{array} over time, window {window}"
    return HeatMap(title, trace[name][window].T, "unit", "time step t", masked=masked, value_name=array)
