"""A simple recurrent layer that a graph writes out, step by step, as torch's newer exporter does with an nn.RNN."""

from __future__ import annotations

import numpy as np

from timeglass.exchange.onnx_blocks import Activated, Blocks, Cell, Joined, Linear, Made, Part, Sum
from timeglass.exchange.onnx_file import Operator
from timeglass.exchange.onnx_recognise import RNN_ACTIVATIONS
from timeglass.types import Array

__all__ = ["recurrent_layer"]

_OPERATORS = {ours: theirs for theirs, ours in RNN_ACTIVATIONS.items()}


def recurrent_layer(blocks: Blocks, part: Part, time_steps: int) -> tuple[Made, int | None]:
    """What a part is of: the block's own computation, or the recurrent layer whose last state or states it holds."""
    made = blocks.all[part.block].made
    ends = [made.parts[-1], made.parts[0]] if isinstance(made, Joined) else [part]
    for end in ends:
        for fed in _fed(blocks, end):
            found = _written_out(blocks, end, fed)
            if found is None:
                continue
            cell, states = found
            in_time = states[::-1] if cell.backward else states
            if len(states) == time_steps and isinstance(made, Joined) and in_time == list(made.parts):
                return cell, part.step
            if len(states) == time_steps and not isinstance(made, Joined):
                return cell, 0 if cell.backward else time_steps - 1
    return made, part.step


def _sum_of(blocks: Blocks, part: Part) -> Sum | None:
    """What an activation is applied to, if it is a sum of single steps."""
    made = blocks.all[part.block].made
    inner = blocks.all[made.source].made if isinstance(made, Activated) else None
    both = isinstance(inner, Sum) and inner.one.step is not None and inner.other.step is not None
    return inner if both and isinstance(inner, Sum) and inner.factor == 1 else None


def _fed(blocks: Blocks, part: Part) -> list[int]:
    """The blocks that may hold what the input gives each step: one of the two that are added."""
    inner = _sum_of(blocks, part)
    return [] if inner is None else [each.block for each in (inner.one, inner.other)]


def _written_out(blocks: Blocks, end: Part, fed: int) -> tuple[Cell, list[Part]] | None:
    """The layer, and its states in the order in which they came about, down from the last to the first."""
    last, given = blocks.all[end.block].made, blocks.all[fed].made
    if not (isinstance(last, Activated) and isinstance(given, Linear) and last.activation in _OPERATORS):
        return None
    state, states, steps = end, [end], list[int]()
    recurrent: Linear | None = None
    while (inner := _sum_of(blocks, state)) is not None:
        by_block = {each.block: each for each in (inner.one, inner.other)}
        now = blocks.all[state.block].made
        if (
            len(by_block) != 2
            or fed not in by_block
            or not isinstance(now, Activated)
            or now.activation != last.activation
        ):
            return None
        own = by_block.pop(fed)
        (before,) = by_block.values()
        linear = blocks.all[before.block].made
        if not isinstance(linear, Linear) or not _alike(linear, recurrent or linear):
            return None
        recurrent = linear
        state = Part(linear.source, before.step)
        states.append(state)
        steps.append(int(own.step or 0))
    first = blocks.all[state.block].made
    begin = (
        blocks.all[first.source].made if isinstance(first, Activated) and first.activation == last.activation else None
    )
    if recurrent is None or not isinstance(begin, Linear) or state.step is None:
        return None
    own_begin = begin.source == given.source and np.array_equal(begin.kernel, given.kernel)
    if not own_begin or not np.array_equal(_bias(begin), _bias(given) + _bias(recurrent)):
        return None
    steps.append(state.step)
    order = steps[::-1]
    backward = order == list(range(len(order)))[::-1]
    if not backward and order != list(range(len(order))):
        return None
    return _cell(given, recurrent, last, backward), states[::-1]


def _alike(one: Linear, other: Linear) -> bool:
    return np.array_equal(one.kernel, other.kernel) and np.array_equal(_bias(one), _bias(other))


def _bias(made: Linear) -> Array:
    return np.zeros(made.kernel.shape[1]) if made.bias is None else made.bias


def _cell(given: Linear, recurrent: Linear, last: Activated, backward: bool) -> Cell:
    weights = {"W": given.kernel.T, "R": recurrent.kernel.T}
    if given.bias is not None or recurrent.bias is not None:
        weights["B"] = np.concatenate([_bias(given), _bias(recurrent)])
    operator = Operator(f"that ends with {last.where}", "RNN", (), (), {"activations": [_OPERATORS[last.activation]]})
    return Cell(given.source, False, backward, operator, 0, weights)
