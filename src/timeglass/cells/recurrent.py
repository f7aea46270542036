"""What the recurrent cells have in common: the form of their weights, of their values, and of their equations.

Axes: any leading axes (networks), then N windows, F input features, H hidden units, G gates (1, 3 or 4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from timeglass.cells.activations import Activation
from timeglass.types import Array

__all__ = ["Cell", "Functions", "Kept", "Values", "Weights"]

# Named arrays of one step, each (…, N, H) or (…, N, G·H).
Values = dict[str, Array]

# Dropout's factors of the state, 0 or 1 / (1 - rate), (…, N, H); 1 where nothing is dropped.
Kept = Array | float


class Weights(NamedTuple):
    """A cell's weights, or a gradient of the same shapes; the gates side by side, in Keras's order."""

    wx: Array  # (…, F, G·H)
    wh: Array  # (…, H, G·H)
    bh: Array  # (…, 1, G·H); (…, 2, 3H) of a GRU with reset_after: beside wx, beside wh


class Functions(NamedTuple):
    """A cell's activations: of the candidate and the output, and of the gates."""

    activation: Activation
    gate: Activation


@dataclass(frozen=True)
class Cell:
    """The equations of one step, forward and backward.

    step(x_t, past, w, f, kept) -> the step's values, where `past` holds the state's values of the step before;
    step_backward(d, x_t, past, now, w, f, kept) -> dx_t, the state's derivatives one step before, and this step's
    share of the weights' gradient, where `d` holds the derivatives by the state's values.
    """

    state: tuple[str, ...]  # the values that go from one step to the next; the first is the output, h
    step: Callable[[Array, Values, Weights, Functions, Kept], Values]
    step_backward: Callable[[Values, Array, Values, Values, Weights, Functions, Kept], tuple[Array, Values, Weights]]
