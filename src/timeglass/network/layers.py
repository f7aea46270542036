"""The layers, in Keras's words and with Keras's defaults: what a network is asked to be.

A layer here is a frozen value without weights; `Architecture` works out the shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

from timeglass.cells.activations import ACTIVATIONS
from timeglass.errors import OptionError

__all__ = ["Dense", "Input", "Layer", "SimpleRNN"]

Shape = tuple[int | None, ...]


def _check_units(layer: str, units: int) -> None:
    if isinstance(units, bool) or not isinstance(units, Integral) or units < 1:
        raise OptionError(f"{layer} units: expected a whole number of at least 1, got {units!r}")


def _check_activation(layer: str, activation: str | None) -> None:
    if activation is not None and (not isinstance(activation, str) or activation not in ACTIVATIONS):
        known = ", ".join(ACTIVATIONS)
        raise OptionError(f"{layer} activation: expected one of {known}, got {activation!r}")


def _check_input_shape(layer: str, shape: Sequence[int] | None) -> None:
    if shape is None:
        return
    sizes = tuple(shape) if isinstance(shape, Sequence) else ()
    if len(sizes) != 2 or not all(isinstance(s, Integral) and not isinstance(s, bool) and s >= 1 for s in sizes):
        raise OptionError(f"{layer} input shape: expected (time steps, features), each at least 1, got {shape!r}")


@dataclass(frozen=True)
class Input:
    """The shape of one window: (T time steps, F features).

    >>> Input((12, 1)).shape
    (12, 1)
    """

    shape: tuple[int, int]

    def __post_init__(self) -> None:
        _check_input_shape("Input", self.shape)


@dataclass(frozen=True)
class SimpleRNN:
    """The simple recurrent layer: h_t = f(x_t · wx + h_{t-1} · wh + bh), h_0 = 0.

    Gives h_T (H), or h_1 … h_T (T, H) with `return_sequences`. `input_shape` (T, F) may stand on a network's first
    layer in place of an `Input`.

    >>> SimpleRNN(3)
    SimpleRNN(units=3, activation='tanh', use_bias=True, return_sequences=False, input_shape=None, name=None)
    """

    units: int
    activation: str | None = "tanh"
    use_bias: bool = True
    return_sequences: bool = False
    input_shape: tuple[int, int] | None = None
    name: str | None = None
    kind: ClassVar[str] = "simple_rnn"

    def __post_init__(self) -> None:
        _check_units("SimpleRNN", self.units)
        _check_activation("SimpleRNN", self.activation)
        _check_input_shape("SimpleRNN", self.input_shape)


@dataclass(frozen=True)
class Dense:
    """The fully connected layer: y = f(x · wy + by), at each step if it is given a sequence.

    >>> Dense(units=1, activation="tanh").units
    1
    """

    units: int
    activation: str | None = None
    use_bias: bool = True
    input_shape: tuple[int, int] | None = None
    name: str | None = None
    kind: ClassVar[str] = "dense"

    def __post_init__(self) -> None:
        _check_units("Dense", self.units)
        _check_activation("Dense", self.activation)
        _check_input_shape("Dense", self.input_shape)


Layer = SimpleRNN | Dense
