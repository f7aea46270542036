"""One forecast of a model, opened: the window it was made from, what came out of each step, and why, in words.

What `timeglass trace` prints; each function gives lines of text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import InputError, OptionError
from timeglass.explain.attribution import attribute
from timeglass.explain.backward_formulas import backward_formulas
from timeglass.explain.equations import number
from timeglass.explain.flow import gradient_flow
from timeglass.explain.formulas import formulas
from timeglass.explain.gradient_check import check_gradients
from timeglass.model.sequential import Sequential
from timeglass.network.nodes import PlacedLayer
from timeglass.prepare.scale import MinMaxScaler
from timeglass.show.table import table_lines
from timeglass.trace.trace import Trace
from timeglass.train.losses import GaussianLikelihood
from timeglass.types import Array

__all__ = ["Opened", "backward_lines", "formula_lines", "one_target", "open_forecast", "state_lines", "summary_lines"]

_FEW = 8  # numbers of a row in words
_NARROWEST = 40


@dataclass(frozen=True)
class Opened:
    """One network's forecast of one window."""

    model: Sequential
    network: int
    values: Array  # (T, F): the window in the series' own units
    labels: tuple[str, ...]  # (T,): what its steps are called
    target: str  # what is forecast
    actual: Array | None  # (…): what came, in the series' own units, where it is known
    trace: Trace
    assumed: bool = False  # whether the loss is not the model's own
    place: str | None = None  # where the window's values stand: data.csv, lines 2 to 13

    @property
    def scaler(self) -> MinMaxScaler | None:
        """How outputs go back into the series' own units; None where they already are, or are no such values."""
        gaussian = self.model.compiled and isinstance(self.model.loss, GaussianLikelihood)
        return None if gaussian else self.model.scaler

    @property
    def forecast(self) -> Array:
        """The forecast as the network gives it, flat."""
        return np.ravel(self.trace.forecasts[0])

    def original(self, scaled: Array) -> Array:
        """In the series' own units."""
        return scaled if self.scaler is None else self.scaler.inverse_transform(np.asarray(scaled, dtype=np.float64))


def open_forecast(
    model: Sequential,
    values: ArrayLike,
    actual: ArrayLike | None = None,
    *,
    labels: Sequence[str] | None = None,
    target: str = "of the step after the window",
    network: int = 0,
    engine: Literal["numpy", "lanes"] = "numpy",
) -> Opened:
    """The forecast of a window of T · F values, in the series' own units: they are scaled by the model's scaler.

    With what came after it, `actual`, also the way back from the loss: the model's own, or the mean squared error where
    it was never compiled. An `InputError` says how many values the window or the output has.
    """
    steps, features = model.architecture.time_steps, model.architecture.features
    window = np.asarray(values, dtype=np.float64)
    if window.size != steps * features:
        of = f"{steps} steps of {features}" if features > 1 else f"{steps} steps"
        raise InputError(f"{window.size} numbers given, but the model's window has {steps * features} ({of})")
    window = window.reshape(steps, features)
    y = came = None
    assumed = not model.compiled
    if actual is not None:
        came = _targets(model, np.asarray(actual, dtype=np.float64))
        y = _scaled(model, came)[None]
        if not model.compiled:  # the caller's model is left as it is
            model = copy(model)
            model.compile("sgd", "mean_squared_error")
    trace = model.trace(_scaled(model, window)[None], y, network=network, engine=engine)
    names = tuple(labels) if labels is not None else tuple(str(step) for step in range(1, steps + 1))
    return Opened(model, network, window, names, target, came, trace, assumed)


def _scaled(model: Sequential, values: Array) -> Array:
    return values if model.scaler is None else model.scaler.transform(values)


def _targets(model: Sequential, actual: Array) -> Array:
    """What the loss compares an output with: one number serves a network of one output."""
    shape = model.architecture.output_shape
    per_target = model.loss.outputs_per_target if model.compiled else 1
    wanted = (*shape[:-1], shape[-1] // per_target)
    if actual.size != int(np.prod(wanted)):
        raise InputError(f"{actual.size} targets given, but the network's loss compares {int(np.prod(wanted))}")
    return actual.reshape(wanted)


def one_target(model: Sequential) -> bool:
    """Whether the model's loss compares one number with one."""
    per_target = model.loss.outputs_per_target if model.compiled else 1
    return int(np.prod(model.architecture.output_shape)) == per_target


def summary_lines(opened: Opened, output: int | None = None) -> list[str]:
    """Model, window, forecast, and what each step moved it by: output 0 unless told, or the first of the last step.

    An `OptionError` names the outputs that there are.
    """
    model, trace, of = opened.model, opened.trace, ""
    if model.networks > 1:
        of = f", network {opened.network} of {model.networks} (numbered from 0)"
    layers = ", ".join(f"{type(layer).__name__}{_units(layer)}" for layer in model.layers)
    lines = [
        f"Model     {layers}: {model.count_params():,} weights{of}",
        f"Window    {opened.labels[0]} to {opened.labels[-1]}: {_listed(np.ravel(opened.values))}",
    ]
    if model.scaler is not None:
        low, high = number(model.scaler.low), number(model.scaler.high)
        lines.append(f"Scaled    (value − {low}) / ({high} − {low}): {_listed(np.ravel(trace['x'][0]))}")
    came = "" if opened.actual is None else f"; it was {_listed(np.ravel(opened.actual))}"
    if opened.place is not None:
        lines.append(f"Rows      {opened.place}")
    lines.append(f"Forecast  {opened.target}: {_forecast_words(opened)}{came}")
    by = "the compiled kernel, in float32" if trace.engine == "lanes" else "the NumPy definition, in float64"
    return [*lines, f"By        {by}", "", *_attributed(opened, output)]


def _forecast_words(opened: Opened) -> str:
    model, values = opened.model, opened.forecast
    timed = model.architecture.layers[-1].gives_sequence
    if model.compiled and isinstance(model.loss, GaussianLikelihood) and not timed:
        means, logs = np.split(values, 2)  # means, then log variances
        mean = means if model.scaler is None else model.scaler.inverse_transform(means)
        deviation = np.exp(logs / 2) * (1.0 if model.scaler is None else model.scaler.range)
        return f"mean {_listed(mean)}, standard deviation {_listed(deviation)} (outputs {_listed(values)})"
    scaled = "" if opened.scaler is None else f" (scaled {_listed(values)})"
    return f"{_listed(opened.original(values))}{scaled}{', step by step' if timed else ''}"


def _units(layer: Any) -> str:
    units = getattr(layer, "units", None)
    return "" if units is None else f"({units})"


def _listed(values: Array) -> str:
    shown = [number(float(value)) for value in values]
    return ", ".join(shown if len(shown) <= _FEW else [*shown[:3], "…", *shown[-3:]])


def _attributed(opened: Opened, output: int | None) -> list[str]:
    """From a window of zeros in the network's own scale: of what the scaler takes as its lower end."""
    last, outputs = opened.model.architecture.layers[-1], len(opened.forecast)
    chosen = (outputs - last.units if last.gives_sequence else 0) if output is None else output
    if not 0 <= chosen < outputs:
        raise OptionError(f"output {chosen}: the network has outputs 0 to {outputs - 1}")
    features = opened.trace["x"].shape[2]
    names = [f"feature {i}" for i in range(features)] if features > 1 else None
    lines = attribute(opened.trace).lines(output=chosen, scaler=opened.scaler, names=opened.labels, features=names)
    lines[0] = lines[0].split(": ", 1)[1] if outputs == 1 else f"output {chosen}: {lines[0].split(': ', 1)[1]}"
    start = "0" if opened.model.scaler is None else number(opened.model.scaler.low)
    return [f"Attribution, beside a window all of {start} (integrated gradients):", *(f"  {line}" for line in lines)]


def state_lines(opened: Opened, layer: str | None = None, width: int | None = None) -> list[str]:
    """A table for each recurrent layer, or that one: its states step by step."""
    known = [node.name for node in opened.trace.architecture.layers]
    if layer is not None and layer not in known:
        raise OptionError(f"layer {layer}: this network has {', '.join(known)}")
    nodes = [node for node in opened.trace.architecture.layers if node.recurrent and layer in (None, node.name)]
    return [line for node in nodes for line in ("", *_states(opened, node, width))]


def _states(opened: Opened, node: PlacedLayer, width: int | None) -> Iterator[str]:
    h = opened.trace[f"{node.name}.h"][0]  # (T, H)
    shown = node.units if width is None else min(node.units, max(1, (max(width, _NARROWEST) - 22) // 12))
    head = ["step", "", *(f"h[{j}]" for j in range(shown))]
    rows = [
        [str(t + 1), label, *(number(float(value)) for value in h[t, :shown])] for t, label in enumerate(opened.labels)
    ]
    if all(row[0] == row[1] for row in rows):
        head, rows = [head[0], *head[2:]], [[row[0], *row[2:]] for row in rows]
    left = f" (the first {shown} of {node.units} units)" if shown < node.units else ""
    yield f"{node.name}, its states{left}:"
    yield from (f"  {line}" for line in table_lines([head, *rows]))


def formula_lines(
    opened: Opened,
    *,
    layer: str | None = None,
    step: int | None = None,
    unit: int | None = None,
    backward: bool = False,
    width: int | None = None,
    latex: bool = False,
) -> list[str]:
    r"""The window's equations with the numbers in; as LaTeX one `gather*` for a document with amsmath."""
    every = backward_formulas if backward else formulas
    equations = every(opened.trace, layer, step=step, unit=unit)
    if not equations:
        raise OptionError("no equation has such a layer, step and unit: leave one of them out")
    if latex:
        rows = " \\\\\n".join(f"  {equation.latex()}" for equation in equations)
        return [rf"\begin{{gather*}}{chr(10)}{rows}{chr(10)}\end{{gather*}}"]
    return [line for equation in equations for line in equation.text(width=width).splitlines()]


def backward_lines(opened: Opened) -> tuple[list[str], bool]:
    """The way back: loss, how far its gradient reaches, gradients beside finite differences; and whether all hold."""
    trace = opened.trace
    if trace.losses is None:
        raise OptionError("no way back without what came after the window: give it as the target")
    name = opened.model.loss.name.replace("_", " ")
    assumed = ", assumed, since the model has none of its own" if opened.assumed else ""
    lines = [f"Loss      {number(float(trace.losses[0]), 8)}, the {name}{assumed}; without penalties and dropout", ""]
    for node in trace.architecture.layers:
        if node.recurrent:
            lines += [*gradient_flow(trace, node.name, check=True).lines(), ""]
    check = check_gradients(trace)
    return [*lines, *check.lines()], check.holds
