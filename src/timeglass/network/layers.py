"""The layers, in Keras's words and with Keras's defaults: what a network is asked to be.

A layer here is a frozen value without weights; `Architecture` works out the shapes. Each checks its own arguments when
it is made, and an `OptionError` names the layer, the argument, what was expected and what was given.

`dropout`, `recurrent_dropout` and `rate` are shares from 0 to below 1: one number, or a tuple, one for each network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from timeglass.network import checks
from timeglass.network.checks import Rate

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "Dense",
    "Dropout",
    "Input",
    "Layer",
    "LinearSkip",
    "Masking",
    "Rate",
    "Recurrent",
    "SimpleRNN",
]


@dataclass(frozen=True)
class Input:
    """The shape of one window: (T time steps, F features).

    >>> Input((12, 1)).shape
    (12, 1)
    """

    shape: tuple[int, int]

    def __post_init__(self) -> None:
        checks.input_shape("Input", self.shape)


@dataclass(frozen=True)
class SimpleRNN:
    """The simple recurrent layer: h_t = f(x_t · wx + h_{t-1} · wh + bh), h_0 = 0.

    Gives h_T (H), or h_1 … h_T (T, H) with `return_sequences`. `go_backwards` reads the window from its end, and gives
    the states in the order in which they came about. `dropout` drops features of x, `recurrent_dropout` units of
    h_{t-1}, in training, the same ones at every step of a window. `input_shape` (T, F) may stand on a network's first
    layer in place of an `Input`.

    >>> SimpleRNN(3).activation
    'tanh'
    """

    units: int
    activation: str | None = "tanh"
    use_bias: bool = True
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    go_backwards: bool = False
    input_shape: tuple[int, int] | None = None
    name: str | None = None
    kind: ClassVar[str] = "simple_rnn"
    gates: ClassVar[int] = 1

    def __post_init__(self) -> None:
        checks.layer(self)


@dataclass(frozen=True)
class GRU:
    """The gated recurrent unit of Cho et al. (2014); the equations stand in `timeglass.cells.gru`.

    `reset_after` (Keras's default) lets the reset gate act after the product with wh, with a second bias; without it
    the gate acts on h_{t-1} before. The other arguments are `SimpleRNN`'s. One dropout mask serves all gates; with
    recurrent_dropout Keras draws one for each.

    >>> GRU(2, reset_after=False).recurrent_activation
    'sigmoid'
    """

    units: int
    activation: str | None = "tanh"
    recurrent_activation: str | None = "sigmoid"
    use_bias: bool = True
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    go_backwards: bool = False
    reset_after: bool = True
    input_shape: tuple[int, int] | None = None
    name: str | None = None
    kind: ClassVar[str] = "gru"
    gates: ClassVar[int] = 3

    def __post_init__(self) -> None:
        checks.layer(self)


@dataclass(frozen=True)
class LSTM:
    """The long short-term memory of Hochreiter and Schmidhuber (1997); the equations stand in `timeglass.cells.lstm`.

    `unit_forget_bias` starts the forget gate's bias at 1. The other arguments are `SimpleRNN`'s. One dropout mask
    serves all gates; with recurrent_dropout Keras draws one for each.

    >>> LSTM(8, return_sequences=True).gates
    4
    """

    units: int
    activation: str | None = "tanh"
    recurrent_activation: str | None = "sigmoid"
    use_bias: bool = True
    unit_forget_bias: bool = True
    dropout: Rate = 0.0
    recurrent_dropout: Rate = 0.0
    return_sequences: bool = False
    go_backwards: bool = False
    input_shape: tuple[int, int] | None = None
    name: str | None = None
    kind: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4

    def __post_init__(self) -> None:
        checks.layer(self)


Recurrent = SimpleRNN | GRU | LSTM


@dataclass(frozen=True)
class Bidirectional:
    """Two recurrent layers over the same windows, one from each end; what they give is merged at each step.

    `backward_layer` is a copy of `layer` that goes backwards, unless given. `merge_mode`: "concat" puts the two side by
    side, "sum", "mul" and "ave" take them unit by unit. With sequences, masked steps become 0, as in Keras.

    >>> Bidirectional(LSTM(4), merge_mode="sum").backward.go_backwards
    True
    """

    layer: Recurrent
    merge_mode: str = "concat"
    backward_layer: Recurrent | None = None
    name: str | None = None
    kind: ClassVar[str] = "bidirectional"

    def __post_init__(self) -> None:
        checks.bidirectional(self, Recurrent)

    @property
    def backward(self) -> Recurrent:
        """The layer that comes from the other end."""
        return self.backward_layer or replace(self.layer, go_backwards=True)

    @property
    def input_shape(self) -> tuple[int, int] | None:
        return self.layer.input_shape


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
        checks.layer(self)


@dataclass(frozen=True)
class Dropout:
    """In training, sets a share `rate` of its inputs to 0 and the others to x / (1 - rate); otherwise gives x itself.

    N. Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.

    >>> Dropout(0.25).rate
    0.25
    """

    rate: Rate
    input_shape: tuple[int, int] | None = None
    name: str | None = None
    kind: ClassVar[str] = "dropout"

    def __post_init__(self) -> None:
        checks.layer(self)


@dataclass(frozen=True)
class Masking:
    """Masks the steps whose features all equal `mask_value`: recurrent layers above hold their state over them.

    The values of a masked step become 0. Values are compared in float32, in which windows are kept. As in Keras, the
    mask goes up unchanged through a layer that gives its sequence backwards: there it meets the steps in their old
    order.

    >>> Masking().mask_value
    0.0
    """

    mask_value: float = 0.0
    input_shape: tuple[int, int] | None = None
    name: str | None = None
    kind: ClassVar[str] = "masking"

    def __post_init__(self) -> None:
        checks.layer(self)


@dataclass(frozen=True)
class LinearSkip:
    """Adds a linear forecast from the window itself to the output of the layer before: y + window · wy + by.

    The window is flattened, step after step, from its last `time_steps` steps (all, unless told), as it was given:
    before any `Masking` or `Dropout`. In Keras: `Add()([y, Dense(K)(Flatten()(window))])`.

    >>> LinearSkip(time_steps=24).time_steps
    24
    """

    time_steps: int | None = None
    use_bias: bool = True
    name: str | None = None
    kind: ClassVar[str] = "linear_skip"
    # It reads the output of the layer before, so it cannot stand first.
    input_shape: ClassVar[Sequence[int] | None] = None

    def __post_init__(self) -> None:
        checks.layer(self)


Layer = SimpleRNN | GRU | LSTM | Bidirectional | Dense | Dropout | Masking | LinearSkip
