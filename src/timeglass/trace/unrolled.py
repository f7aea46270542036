"""A trace as a network unrolled over time: which nodes and lines are drawn, and their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from timeglass.errors import OptionError
from timeglass.network.architecture import Merge
from timeglass.network.layers import Dropout, Masking
from timeglass.show.unrolled import Band, Unrolled, UnrolledNode, most_steps
from timeglass.trace.trace import Trace
from timeglass.trace.unrolled_lines import GATES, Key, Plan, lines
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["unrolled"]

_ALSO = {"gru": (*GATES["gru"], "met"), "lstm": (*GATES["lstm"], "c")}  # what a tooltip adds to h
_MOST_UNITS = 8

Details = tuple[tuple[str, float], ...]


def unrolled(trace: Trace, window: int = 0, *, steps: int | None = None, units: int = _MOST_UNITS) -> Unrolled:
    """The network of a trace unrolled over one window: `unrolled_svg` draws it.

    At most `units` of each layer are shown and `steps` time steps, the first and the last ones (as many as fit, unless
    told); `notes` say what is left out. `Dropout` and `Masking` have no nodes: the one passes its input on in a
    forecast, the other marks steps. An `OptionError` names a window, or a count, that cannot be.

    >>> from timeglass import Dense, Sequential, SimpleRNN
    >>> model = Sequential([SimpleRNN(2, input_shape=(3, 1)), Dense(1)], seed=0)
    >>> drawn = unrolled(model.trace([[[1.0], [2.0], [3.0]]]))
    >>> len(drawn.nodes), len(drawn.edges), drawn.nodes[0].name
    (12, 20, 'x[t=1]')
    """
    if not 0 <= window < trace.windows:
        raise OptionError(f"window {window}: the trace has windows 0 to {trace.windows - 1}")
    if steps is not None and steps < 2:
        raise OptionError(f"unrolled steps: expected at least 2, the first and the last, got {steps}")
    if units < 1:
        raise OptionError(f"unrolled units: expected at least 1, got {units}")
    plan = _planned(trace, window, steps, units)
    nodes: list[UnrolledNode] = []
    places: dict[Key, int] = {}
    for key, node in _nodes(plan):
        places[key] = len(nodes)
        nodes.append(node)
    return Unrolled(
        _title(plan), plan.steps, plan.bands, tuple(nodes), tuple(lines(plan, places)), tuple(_notes(plan, nodes))
    )


def _planned(trace: Trace, window: int, steps: int | None, units: int) -> Plan:
    network = trace.architecture
    bands = [Band("x", "window", "x", 0, min(units, network.features), network.features)]
    band_of = {-1: 0}  # by the network's node
    for index, node in enumerate(network.layers):
        if isinstance(node.layer, Dropout | Masking):
            band_of[index] = band_of[node.inputs[0]]
            continue
        depth = 1 + max(bands[band_of[source]].depth for source in node.inputs)
        band_of[index], symbol, rows = len(bands), "h" if node.recurrent else "y", min(units, node.units)
        timed = node.recurrent or node.gives_sequence
        bands.append(Band(node.name, node.layer.kind, symbol, depth, rows, node.units, timed, node.go_backwards))
    deepest = max(band.depth for band in bands if band.timed)
    fit = most_steps(deepest, max(band.rows for band in bands))
    return Plan(trace, window, tuple(bands), band_of, _columns(network.time_steps, steps, fit))


def _columns(time_steps: int, wanted: int | None, fit: int) -> tuple[int | None, ...]:
    """The steps shown, from 1 on, with None for those left out, which take a column, too."""
    count = wanted if wanted is not None else time_steps if time_steps <= fit else fit - 1
    if count >= time_steps:
        return tuple(range(1, time_steps + 1))
    first = count // 2
    return (*range(1, first + 1), None, *range(time_steps - (count - first) + 1, time_steps + 1))


# Nodes, each with its place


def _nodes(plan: Plan) -> Iterator[tuple[Key, UnrolledNode]]:
    marked = _marked(plan)
    yield from _of_band(plan, 0, plan.trace["x"][plan.window], plan.shown_steps, marked.get(0))
    for index, node in enumerate(plan.layers):
        band = plan.band_of[index]
        if isinstance(node.layer, Dropout | Masking):
            continue
        if node.recurrent:
            yield from _start(plan, band)
        values = plan.trace[f"{node.name}.{plan.bands[band].symbol}"][plan.window]
        steps = plan.shown_steps if plan.bands[band].timed else (None,)
        for key, one in _of_band(plan, band, values, steps, marked.get(band)):
            yield key, replace(one, details=() if one.masked else _details(plan, index, key))


def _marked(plan: Plan) -> dict[int, list[bool]]:
    """By band, at each step: whether it is masked, in what a Masking layer reads and in layers that heed it."""
    found, steps = {}, range(1, plan.time_steps + 1)
    for index, node in enumerate(plan.layers):
        if isinstance(node.layer, Masking) or (node.masked and node.recurrent):
            found[plan.band_of[index]] = [not plan.counts(node.mask, step) for step in steps]
        elif isinstance(node.layer, Merge) and node.gives_sequence:
            found[plan.band_of[index]] = [
                all(plan.gives_zero(source, step) for source in node.inputs) for step in steps
            ]
    return found


def _of_band(
    plan: Plan, band: int, values: Array, steps: tuple[int | None, ...], masked: list[bool] | None
) -> Iterator[tuple[Key, UnrolledNode]]:
    own = plan.bands[band]
    array = own.symbol if band == 0 else f"{own.name}.{own.symbol}"
    for step in steps:
        for unit in range(own.rows):
            value = values[unit] if step is None else values[step - 1, unit]
            name, label = (array, own.symbol) if step is None else (f"{array}[t={step}]", f"{own.symbol}{step}")
            off = masked is not None and step is not None and masked[step - 1]
            yield (
                (band, step, unit),
                UnrolledNode(name, unit, f"{label}[{unit}]", band, plan.column(step), float(value), off),
            )


def _start(plan: Plan, band: int) -> Iterator[tuple[Key, UnrolledNode]]:
    """The state of zeros before the first step; behind the last one where time is gone through backwards."""
    own = plan.bands[band]
    step, column = (plan.time_steps + 1, len(plan.steps) + 1) if own.backwards else (0, 0)
    for unit in range(own.rows):
        node = UnrolledNode(f"{own.name}.h at its start", unit, f"h{step}[{unit}]", band, column, 0.0)
        yield (band, step, unit), node


def _details(plan: Plan, index: int, key: Key) -> Details:
    """A unit's gates and biases."""
    node, weights, (_, step, unit) = plan.layers[index], plan.trace.weights[index], key
    kind, found = node.layer.kind, []
    for name in _ALSO.get(kind, ()):
        if (array := f"{node.name}.{name}") in plan.trace and step is not None:
            found.append((name, float(plan.trace[array][plan.window, step - 1, unit])))
    bias = weights.get("bh", weights.get("by"))
    for row, beside in zip(() if bias is None else np.atleast_2d(bias), ("", " beside wh"), strict=False):
        for gate, name in enumerate(GATES.get(kind, ("",))):
            found.append((f"{name} bias{beside}".strip(), float(row[gate * node.units + unit])))
    return tuple(found)


# Words


def _title(plan: Plan) -> str:
    names = [shown(band.name) for band in plan.bands[1:]]
    return f"Window {plan.window} through {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"


def _notes(plan: Plan, nodes: list[UnrolledNode]) -> Iterator[str]:
    """What is left out, and what a reader could take for something else."""
    if None in plan.steps:
        gap = plan.steps.index(None)
        first, last = (plan.steps[gap - 1] or 0) + 1, (plan.steps[gap + 1] or 0) - 1
        which = f"Step {first}" if first == last else f"Steps {first} to {last}"
        yield f"{which} of {plan.time_steps} {'is' if first == last else 'are'} left out."
    for band in plan.bands:
        if band.left_out:
            what = "features" if band.kind == "window" else "units"
            yield f"{shown(band.name)}: the first {band.rows} of {band.units} {what} are drawn."
    if any(band.kind in GATES for band in plan.bands):
        yield "A line into a GRU or LSTM layer has the weight of its candidate; its tooltip has every gate's."
    if any(node.masked for node in nodes):
        yield "Dashed nodes are masked steps: a recurrent layer holds its state over them, others read 0."
    if any(isinstance(node.layer, Dropout) for node in plan.layers):
        yield "Dropout is not drawn: in a forecast it passes on what it is given."
    if any(name.startswith("b") for weights in plan.trace.weights for name in weights):
        yield "Biases are in the nodes' tooltips."
