"""The chain of layers that a graph's computations are, from the output down to the window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from timeglass.errors import DataError
from timeglass.exchange.chain_of_layers import Piece
from timeglass.exchange.onnx_blocks import Activated, Block, Cell, Flat, Joined, Linear, Pair, Part, Sum, Window
from timeglass.exchange.onnx_cells import OPERATORS, from_operator_form
from timeglass.exchange.onnx_recognise import RNN_ACTIVATIONS, Recogniser
from timeglass.exchange.onnx_unrolled import recurrent_layer
from timeglass.network.layers import GRU, LSTM, Bidirectional, Dense, LinearSkip, Recurrent, SimpleRNN
from timeglass.types import Array

__all__ = ["pieces_of"]

_TURNED = -1  # the whole sequence, from its last step to its first


@dataclass(frozen=True)
class _Chain:
    """Layers down from some computation, of which one step or (None) all are read."""

    found: Recogniser

    def block(self, index: int) -> Block:
        return self.found.blocks.all[index]

    def down(self, part: Part) -> list[Piece]:
        """The layers, from the window on, that give this."""
        made, step = recurrent_layer(self.found.blocks, part, self.found.time_steps)
        part = Part(part.block, step)
        if isinstance(made, Window):
            if part.step is not None:
                raise self.found.refuse("the graph", "reads one step of the window without a recurrent layer")
            return []
        if isinstance(made, Linear):
            return [*self.down(Part(made.source, part.step)), _dense(made)]
        if isinstance(made, Activated):
            return self._activated(made, part)
        if isinstance(made, Cell):
            return self._alone(made, part)
        if isinstance(made, Flat):
            raise self.found.refuse("the graph", "reads the window as one vector, which only a linear skip does here")
        if isinstance(made, Joined):
            raise self.found.refuse("the graph", "puts steps in a row that are not those of one recurrent layer")
        return self._of_two(made, part)

    def _activated(self, made: Activated, part: Part) -> list[Piece]:
        below = self.down(Part(made.source, part.step))
        last = below.pop() if below else None
        if last is None or not isinstance(last.layer, Dense) or last.layer.activation is not None:
            raise self.found.refuse(made.where, "acts on what is no dense layer's: only these take an activation")
        return [*below, replace(last, layer=replace(last.layer, activation=made.activation))]

    def _alone(self, made: Cell, part: Part) -> list[Piece]:
        end = 0 if made.backward else self.found.time_steps - 1
        if part.step in (None, _TURNED):
            if made.backward != (part.step == _TURNED):
                way = "backwards" if made.backward else "forwards"
                raise self.found.refuse(made.operator, f"goes {way}, and its states are read in the other order")
        elif part.step != end:
            raise self.found.refuse(made.operator, f"gives its state of step {part.step + 1}, not its last one")
        sequence = part.step in (None, _TURNED)
        return [*self._below(made), self._cell(made, sequence)]

    def _below(self, made: Cell) -> list[Piece]:
        return self.down(Part(made.source, _TURNED if made.turned else None))

    def _cell(self, made: Cell, sequence: bool) -> Piece:
        operator, kind = made.operator, OPERATORS[made.operator.kind]
        count = {SimpleRNN: 1, GRU: 2, LSTM: 3}[kind]
        usual = ["Tanh"] if kind is SimpleRNN else ["Sigmoid", "Tanh", "Tanh"][:count]
        names = operator.attributes.get("activations") or usual * 2
        own = names[made.side * count : made.side * count + count]
        if len(own) != count or not set(own) <= set(RNN_ACTIVATIONS) or (kind is LSTM and own[1] != own[2]):
            raise self.found.refuse(
                operator,
                f"has the activations {own}: expected of {', '.join(RNN_ACTIVATIONS)}, an LSTM's last two alike",
            )
        *gate, activation = (RNN_ACTIVATIONS[name] for name in own[: 2 if kind is LSTM else count])
        options: dict[str, Any] = {"recurrent_activation": gate[0]} if gate else {}
        after = kind is GRU and bool(operator.attributes.get("linear_before_reset", 0))
        options |= {"reset_after": after} if kind is GRU else {}
        layer = kind(
            made.weights["R"].shape[-1], activation, use_bias="B" in made.weights, return_sequences=sequence,
            go_backwards=made.backward, **options,
        )  # fmt: skip
        return Piece(str(operator), layer, from_operator_form(kind, made.weights, both_biases=after))

    def _of_two(self, made: Pair | Sum, part: Part) -> list[Piece]:
        (one, at_one), (other, at_other) = (
            recurrent_layer(self.found.blocks, each, self.found.time_steps) for each in (made.one, made.other)
        )
        if isinstance(one, Cell) and isinstance(other, Cell):
            return self._both_ways(made, one, other, part, {one.backward: at_one, other.backward: at_other})
        if isinstance(made, Sum) and made.factor == 1:
            for skip, rest in ((made.one, made.other), (made.other, made.one)):
                if (found := self._skip(skip, part)) is not None:
                    step = rest.step if rest.step is not None else part.step
                    return [*self.down(Part(rest.block, step)), found]
        raise self.found.refuse(made.where, "is neither the merging of two directions nor a linear skip of the window")

    def _skip(self, part: Part, read: Part) -> Piece | None:
        """The linear layer of the window's last steps, if this is one."""
        made, steps = self.block(part.block).made, self.found.time_steps
        source = self.block(made.source).made if isinstance(made, Linear) else None
        at = part.step if part.step is not None else read.step
        if not isinstance(made, Linear) or not (
            isinstance(source, Flat) or (isinstance(source, Window) and at == steps - 1)
        ):
            return None
        count = source.time_steps if isinstance(source, Flat) else 1
        layer = LinearSkip(None if count == steps else count, use_bias=made.bias is not None)
        return Piece(made.where, layer, _dense(made).arrays)

    def _both_ways(
        self, made: Pair | Sum, one: Cell, other: Cell, part: Part, ends: dict[bool, int | None]
    ) -> list[Piece]:
        where, steps = made.where, self.found.time_steps
        mode = made.mode if isinstance(made, Pair) else {1.0: "sum", 0.5: "ave"}.get(made.factor)
        if mode is None or (one.source, one.turned) != (other.source, other.turned) or one.backward == other.backward:
            raise self.found.refuse(
                where, "brings two recurrent layers together that are not one layer's two directions"
            )
        if one.backward:
            if mode == "concat":
                raise self.found.refuse(where, "puts the backward direction first, and ours stands second")
            one, other = other, one
        if part.step == _TURNED:
            raise self.found.refuse(where, "is read from its last step to its first")
        if ends == {False: None, True: None}:
            if part.step not in (None, 0 if steps == 1 else None):
                raise self.found.refuse(
                    where,
                    f"is read at step {part.step + 1} alone, where not both of its directions are at their end: "
                    "expected all steps, or each direction's own last state (torch's h_n)",
                )
            sequence = part.step is None
        elif ends == {False: steps - 1, True: 0}:
            sequence = False
        else:
            raise self.found.refuse(where, "brings other states together than the last one of each direction")
        forward, backward = self._cell(one, sequence), self._cell(other, sequence)
        assert isinstance(forward.layer, Recurrent)
        assert isinstance(backward.layer, Recurrent)
        same = backward.layer == replace(forward.layer, go_backwards=True)
        pair = Bidirectional(forward.layer, mode, None if same else backward.layer)
        return [*self._below(one), Piece(where, pair, forward.arrays + backward.arrays)]


def _dense(made: Linear) -> Piece:
    bias = [] if made.bias is None else [made.bias]
    return Piece(made.where, Dense(made.kernel.shape[1], use_bias=bool(bias)), [made.kernel, *bias])


def pieces_of(found: Recogniser) -> list[Piece]:
    """The layers from the window on; a `DataError` says what the graph does that no chain of layers does."""
    marks = found.output
    part = _output(found, marks)
    try:
        return _Chain(found).down(part)
    except RecursionError:
        raise DataError(f"{found.where}: its layers are too many") from None


def _output(found: Recogniser, marks: Array) -> Part:
    """What the graph gives: a block's whole sequence, or one step of it for each window."""
    blocks = found.blocks
    if marks.size == blocks.windows and marks.shape[-1:] != (1,):
        marks = marks[..., None]  # one unit, whose axis was taken away
    marks, index = found.rows(marks, "the output")
    whole = blocks.whole(index)
    steps, count = whole.shape[1], blocks.windows
    for given in (marks, np.swapaxes(marks, 0, 1)) if marks.ndim == 3 else ():
        if given.shape == whole.shape and (given == whole).all() and steps == found.time_steps:
            return Part(index, None)
        if given.shape == whole.shape and (given == whole[:, ::-1]).all() and steps == found.time_steps > 1:
            return Part(index, _TURNED)
    flat = marks.reshape(-1, whole.shape[-1])
    for step in (steps - 1, *range(steps - 1)) if len(flat) == count else ():
        if (flat == whole[:, step]).all():
            return Part(index, step)
    raise DataError(f"{found.where}: its output is neither a layer's sequence nor one step of it for each window")
