"""The lines of a network unrolled over time: from where to where, and with which weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from timeglass.network.architecture import Merge, PlacedLayer
from timeglass.network.layers import Dropout, LinearSkip, Masking
from timeglass.show.unrolled import Band, UnrolledEdge
from timeglass.trace.trace import Trace
from timeglass.types import Array

__all__ = ["GATES", "Key", "Places", "Plan", "lines"]

# In the order of their columns in wx and wh; what the other gates let through is the candidate.
GATES = {"gru": ("update", "reset", "candidate"), "lstm": ("input", "forget", "candidate", "output")}

Key = tuple[int, int | None, int]  # band, step, unit
Places = Mapping[Key, int]  # where a node stands in the picture's tuple


@dataclass(frozen=True)
class Plan:
    """What is to be drawn: the layers' bands and the steps' columns."""

    trace: Trace
    window: int
    bands: tuple[Band, ...]
    band_of: Mapping[int, int]  # by the network's node; -1 is the window
    steps: tuple[int | None, ...]  # None stands for those left out

    @property
    def layers(self) -> tuple[PlacedLayer, ...]:
        return self.trace.architecture.layers

    @property
    def time_steps(self) -> int:
        return self.trace.architecture.time_steps

    @property
    def shown_steps(self) -> tuple[int, ...]:
        return tuple(step for step in self.steps if step is not None)

    def column(self, step: int | None) -> int:
        """Of a step; what has no time stands in the last one's."""
        return len(self.steps) if step is None else self.steps.index(step) + 1

    def counts(self, masking: int, step: int | None) -> bool:
        """Whether a step counts, by that Masking node; without one or without time all do."""
        if masking < 0 or step is None:
            return True
        return bool(self.trace.step_counts(masking)[self.window, step - 1])

    def step_read(self, source: PlacedLayer, step: int | None) -> int | None:
        """The step of a layer's own whose number is read as that of `step`."""
        if not source.recurrent:
            return step if source.gives_sequence else None
        if not source.gives_sequence:
            return 1 if source.go_backwards else self.time_steps
        if step is None or source.go_backwards == source.turned:
            return step
        return self.time_steps + 1 - step  # in the order in which the states came about, or turned from it

    def gives_zero(self, source: int, step: int | None) -> bool:
        """Whether a layer of a pair gives 0 for its state: those that give sequences do, at masked steps."""
        node = self.layers[source]
        return node.zero_masked and not self.counts(node.mask, self.step_read(node, step))


def lines(plan: Plan, places: Places) -> Iterator[UnrolledEdge]:
    """All lines between nodes that are drawn: into each layer's, step by step and unit by unit."""
    targets = list(places.items())
    for index, node in enumerate(plan.layers):
        if isinstance(node.layer, Dropout | Masking):
            continue
        for (band, step, unit), target in targets:
            if band == plan.band_of[index] and (step is None or 1 <= step <= plan.time_steps):
                yield from _into(plan, places, index, (step, unit, target))


def _into(plan: Plan, places: Places, index: int, at: tuple[int | None, int, int]) -> Iterator[UnrolledEdge]:
    node, (step, unit, target) = plan.layers[index], at
    counts = not node.recurrent or plan.counts(node.mask, step)
    if counts:
        for which, source in enumerate(node.inputs):
            for row, place in _read(plan, places, source, None if isinstance(node.layer, LinearSkip) else step):
                yield from _line(plan, index, which, (step, row, unit), (place, target))
    if node.recurrent and step is not None:
        before = step + 1 if node.go_backwards else step - 1
        for row in range(plan.bands[plan.band_of[index]].rows):
            place = places.get((plan.band_of[index], before, row), -1)
            if place < 0:
                continue  # among the steps left out
            if counts:
                yield _weighted(node, plan.trace.weights[index]["wh"], (row, unit), (place, target), recurrent=True)
            elif row == unit:
                yield UnrolledEdge(place, target, None, "held", recurrent=True)


def _read(plan: Plan, places: Places, source: int, step: int | None) -> Iterator[tuple[int, int]]:
    """The numbers of a node that are read at a step, or of the window at all steps: each its row and its place."""
    while source >= 0 and isinstance(plan.layers[source].layer, Dropout | Masking):
        source = plan.layers[source].inputs[0]
    band = plan.band_of[source]
    features, rows = plan.trace.architecture.features, range(plan.bands[band].rows)
    if source < 0 and step is None:
        for t in plan.shown_steps:
            yield from (((t - 1) * features + row, places[band, t, row]) for row in rows)
        return
    read = step if source < 0 else plan.step_read(plan.layers[source], step)
    yield from ((row, places[band, read, row]) for row in rows if (band, read, row) in places)


def _line(
    plan: Plan, index: int, which: int, at: tuple[int | None, int, int], ends: tuple[int, int]
) -> Iterator[UnrolledEdge]:
    """From a row of what is read to a unit, if there is a line; `at` is step, row and unit."""
    node, weights, (step, row, unit) = plan.layers[index], plan.trace.weights[index], at
    if isinstance(node.layer, LinearSkip):
        first = plan.time_steps * plan.trace.architecture.features - node.skip_features
        if which == 1 and row >= first:
            yield UnrolledEdge(*ends, float(weights["wy"][row - first, unit]))
        elif which == 0 and row == unit:
            yield UnrolledEdge(*ends, None, "added as it is")
    elif isinstance(node.layer, Merge):
        if node.layer.mode == "concat":
            row += which * plan.layers[node.inputs[0]].units
        words = {"concat": "passed on", "sum": "added", "ave": "half of it added", "mul": "a factor"}
        off = " as 0: its step is masked" if plan.gives_zero(node.inputs[which], step) else ""
        if row == unit:
            yield UnrolledEdge(*ends, None, words[node.layer.mode] + off)
    else:
        yield _weighted(node, weights["wx" if node.recurrent else "wy"], (row, unit), ends)


def _weighted(
    node: PlacedLayer, weights: Array, at: tuple[int, int], ends: tuple[int, int], *, recurrent: bool = False
) -> UnrolledEdge:
    row, unit = at
    names = GATES.get(node.layer.kind, ())
    gates = tuple((name, float(weights[row, gate * node.units + unit])) for gate, name in enumerate(names))
    weight = dict(gates)["candidate"] if gates else float(weights[row, unit])
    return UnrolledEdge(*ends, weight, recurrent=recurrent, gates=gates)
