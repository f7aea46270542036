"""The tutorial's first part with its numbers: a small recurrent network, step by step, by hand beside the network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from timeglass.explain.equations import number
from timeglass.explain.formulas import formulas
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Dense, SimpleRNN
from timeglass.trace.trace import Trace
from timeglass.train.engine_numpy import loss_and_gradient
from timeglass.types import Array

__all__ = ["WEIGHTS", "WINDOW", "network", "walk"]

# As the tutorial prints them.
WEIGHTS: dict[str, list[list[float]] | list[float]] = {
    "wx": [[0.18662322, -1.2369459]],
    "wh": [[0.86981213, -0.49338293], [0.49338293, 0.8698122]],
    "bh": [0.0, 0.0],
    "wy": [[-0.4635998], [0.6538409]],
    "by": [0.0],
}
WINDOW = (1.0, 2.0, 3.0)
TARGET = 1.0
_NUDGE = 1e-6

_WORDS = {
    "wx": "from the input to the two hidden units",
    "wh": "from the hidden units to themselves, one step later",
    "bh": "the hidden units' bias",
    "wy": "from the hidden units to the output",
    "by": "the output's bias",
}


def network(activation: str) -> Sequential:
    """SimpleRNN(2) and Dense(1) on three steps of one feature, with the tutorial's weights."""
    model = Sequential([SimpleRNN(2, activation, input_shape=(3, 1)), Dense(1, activation)], seed=0)
    model.set_weights(list(WEIGHTS.values()))
    model.compile("sgd", "mean_squared_error")
    return model


def walk(width: int | None = None) -> Iterator[str]:
    """The lines of the walk, of at most `width` characters where that can be."""
    yield "A recurrent network, worked out by hand"
    yield ""
    yield "SimpleRNN(2) and Dense(1), both linear, on windows of three steps of one feature. Five arrays of weights:"
    for name, array in WEIGHTS.items():
        rows = np.atleast_2d(np.asarray(array))
        for i, row in enumerate(rows):
            label, words = (name, _WORDS[name]) if i == 0 else ("", "")
            yield f"  {label:3} {'  '.join(f'{number(value, 8):>12}' for value in row):26}  {words}".rstrip()
    yield ""
    steps = ", ".join(map(number, WINDOW))
    yield f"For the window {steps}, from h0 = 0 on, where h2[1] is unit 1 after step 2:"
    yield from _by_hand("linear", width)
    yield ""
    yield "The same weights with tanh in both layers:"
    yield from _by_hand("tanh", width)
    yield ""
    yield from _gradient("tanh")


def _trace(model: Sequential, target: float | None = None) -> Trace:
    window = [[[value] for value in WINDOW]]
    return model.trace(window) if target is None else model.trace(window, [[target]])


def _by_hand(activation: str, width: int | None) -> Iterator[str]:
    model = network(activation)
    trace = _trace(model)
    for equation in formulas(trace):
        name = "o3[0]" if equation.symbol == "y" else equation.name
        text = equation.text(width=None if width is None else width - 2).replace(equation.name, name, 1)
        yield from (f"  {line}" for line in text.splitlines())
    forecast = float(np.ravel(model.predict([[[value] for value in WINDOW]]))[0])
    by_hand = float(trace.forecasts[0, 0])
    yield f"  by hand {number(by_hand, 9)}, the network says {number(forecast, 9)}: {abs(by_hand - forecast):.1e} apart"


def _loss(model: Sequential, weights: Array) -> float:
    """The squared error in float64 at other weights."""
    x = np.asarray(WINDOW)[None, None, :, None]
    y = np.full((1, 1, 1), TARGET)
    return float(loss_and_gradient(model.architecture, weights[None], x, y, "mean_squared_error")[0][0])


def _gradient(activation: str) -> Iterator[str]:
    model = network(activation)
    trace = _trace(model, TARGET)
    assert trace.losses is not None
    target, loss = number(TARGET), number(trace.losses[0])
    yield f"The gradient, where the output should have been {target}: the loss is (o3 − {target})² = {loss}."
    yield "Each weight of wh acts at every step: its derivative is a sum over the steps (backpropagation through time):"
    weights = model.weight_rows[0].astype(np.float64)
    for i, j in np.ndindex(2, 2):
        shares = trace["simple_rnn.dwh"][0, :, i, j]
        nudge = np.zeros_like(weights)
        nudge[2 + 2 * i + j] = _NUDGE
        slope = (_loss(model, weights + nudge) - _loss(model, weights - nudge)) / (2 * _NUDGE)
        terms = " + ".join(f"({number(share)})" if share < 0 else number(share) for share in shares)
        yield (f"  dwh[{i},{j}] = {terms} = {number(shares.sum(), 6)}, by nudging the weight {number(slope, 6)}")
