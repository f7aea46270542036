"""The formulas of the way back, backpropagation through time, with the numbers of one window in.

From the loss down to the first step: what reaches each output (`dy`) and state (`dh`, and `dc` of an LSTM), what that
is before the activations (`dz`, gate by gate), and the derivative by each weight, a sum over the steps. The equations
are those of `cells/`; they are the derivatives of the mean loss over all windows of the trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from timeglass.errors import OptionError
from timeglass.explain.equations import Equation, Expression, Product, Sum
from timeglass.explain.formulas import check_places
from timeglass.explain.slopes import slope
from timeglass.network import chain
from timeglass.network.architecture import Merge, PlacedLayer
from timeglass.network.layers import GRU, LSTM, Dense, Dropout, LinearSkip
from timeglass.network.weight_names import GATES
from timeglass.trace.trace import Trace
from timeglass.train.losses import MeanSquaredError
from timeglass.types import Array

__all__ = ["backward_formulas"]

Terms = tuple[Expression, ...]


def backward_formulas(
    trace: Trace, layer: str | None = None, *, window: int = 0, step: int | None = None, unit: int | None = None
) -> list[Equation]:
    """The equations of one window's way back, in the order in which they are computed.

    `layer`, `step` and `unit` choose as in `formulas`. With a step, the derivatives by the weights are that step's own
    shares; without, the sums over all steps. What passes a mask stands as a number. An `OptionError` where the trace
    has no targets, or names what the network does not have.

    >>> from timeglass import Dense, Sequential, SimpleRNN
    >>> model = Sequential([SimpleRNN(1, input_shape=(2, 1)), Dense(1)], seed=0)
    >>> model.set_weights([[[0.5]], [[0.25]], [0.0], [[2.0]], [0.0]])
    >>> model.compile("sgd", "mse")
    >>> for one in backward_formulas(model.trace([[[1.0], [2.0]]], [1.0]), "simple_rnn", step=1):
    ...     print(one.text(3))
    dh1[0] = 0.858·0.25 = 0.214
    dz1[0] = 0.214·(1 − 0.462²) = 0.169
    dwx1[0,0] = 1·0.169 = 0.169
    dwh1[0,0] = 0·0.169 = 0
    dbh1[0] = 0.169 = 0.169
    """
    if trace.loss is None:
        raise OptionError("no way back without targets: trace(x, y)")
    check_places(trace, layer, window, step, unit)
    equations: list[Equation] = []
    for index in reversed(range(len(trace.architecture.layers))):
        node = trace.architecture.layers[index]
        if layer is None or node.name == layer:
            equations += _Node(trace, index, node, window).equations(step, unit)
    return equations


def _products(*rows: Array) -> Terms:
    """a[k] · b[k] · …, for each k."""
    return tuple(Product(tuple(map(float, factors))) for factors in zip(*rows, strict=True))


def _times(*factors: Expression | None) -> Expression:
    """A product without the factors that are 1."""
    left = tuple(factor for factor in factors if factor is not None)
    return left[0] if len(left) == 1 else Product(left)


@dataclass(frozen=True)
class _Node:
    """One node on one window."""

    trace: Trace
    index: int
    node: PlacedLayer
    window: int

    def value(self, name: str) -> Array:
        """(T, …), or (…) where there is no time."""
        return self.trace[f"{self.node.name}.{name}"][self.window]

    def at(self, index: int) -> _Node:
        return _Node(self.trace, index, self.trace.architecture.layers[index], self.window)

    @property
    def weights(self) -> dict[str, Array]:
        return self.trace.weights[self.index]

    def equations(self, step: int | None, unit: int | None) -> Iterator[Equation]:
        units = range(self.node.units) if unit is None else [unit] if unit < self.node.units else []
        if self.node.recurrent:
            order = list(range(self.node.time_steps))
            for t in order if self.node.go_backwards else reversed(order):
                if step is None or t + 1 == step:
                    yield from self._step(t, list(units))
        elif isinstance(self.node.layer, Dense | LinearSkip):
            timed = self.node.gives_sequence
            for place in range(self.node.time_steps) if timed else [None]:
                if step is None or place is None or place + 1 == step:
                    yield from self._plain(place, list(units))
        yield from self._weights(step, list(units))

    # What reaches a node's output

    def asked(self, t: int | None, j: int) -> Terms | None:
        """What the nodes that read output j (at their step t) ask of it; None where only the number is known."""
        layers = self.trace.architecture.layers
        if self.index == len(layers) - 1:
            return self._of_loss(t, j)
        terms: list[Expression] = []
        for index, reader in enumerate(layers):
            if self.index in reader.inputs:
                found = self.at(index)._asks(reader.inputs.index(self.index), t, j)
                if found is None:
                    return None
                terms += found
        return tuple(terms)

    def _of_loss(self, t: int | None, j: int) -> Terms:
        trace, here = self.trace, j if t is None else (t, j)
        assert trace.loss is not None
        assert trace.targets is not None
        forecast, target = trace.forecasts[self.window], trace.targets[self.window]
        share = 1 / trace.windows
        if self.node.masked and self.node.gives_sequence:
            values = chain.forward(trace.architecture, trace.weight_row[None], trace["x"][None])
            mask = chain.step_mask(trace.architecture, values)
            assert mask is not None
            share = float(np.broadcast_to(mask, (1, trace.windows, len(forecast)))[0, self.window, t]) / mask.sum()
        if isinstance(trace.loss, MeanSquaredError):
            numbers = forecast.shape[-1] if self.node.masked else prod(forecast.shape)
            return (Product((2 * share / numbers, Sum((float(forecast[here]), -float(target[here]))))),)
        if self.node.masked and t is not None:  # each step that counts has a share of its own
            forecast, target, here = forecast[t], target[t], j
        slopes = trace.loss.derivative(forecast[None, None], target[None, None])[0, 0]
        return (Product((share, float(slopes[here]))),)

    def _asks(self, which: int, t: int | None, j: int) -> Terms | None:
        """What this node asks of number j of its input, at the input's step t."""
        layer = self.node.layer
        if isinstance(layer, Dense):
            dz = self.value("dz")
            return _products(dz if t is None else dz[t], self.weights["wy"][j])
        if isinstance(layer, LinearSkip):
            return (float(self.value("dy")[j]),) if which == 0 else None
        if isinstance(layer, Dropout):
            return self.asked(t, j)
        if isinstance(layer, Merge):
            return self._merge_asks(layer.mode, which, t, j)
        return _products(self.value("dz")[t], self.weights["wx"][j]) if self.node.recurrent else None

    def _merge_asks(self, mode: str, which: int, t: int | None, j: int) -> Terms | None:
        before = self.trace.architecture.layers[self.node.inputs[0]].units if mode == "concat" and which else 0
        asked = self.asked(t, before + j)
        if asked is None or mode in ("concat", "sum"):
            return asked
        if mode == "ave":
            return (Product((0.5, Sum(asked))),)
        other = self.trace.output_of(self.node.inputs[1 - which])[self.window]
        return (Product((float(other[j] if t is None else other[t, j]), Sum(asked))),)

    # Dense layers

    def _plain(self, t: int | None, units: list[int]) -> Iterator[Equation]:
        place = None if t is None else t + 1
        for j in units:
            here = j if t is None else (t, j)
            dy, asked = float(self.value("dy")[here]), self.asked(t, j)
            yield Equation("dy", place, j, dy if asked is None else Sum(asked), dy)
            if isinstance(self.node.layer, Dense):
                by = slope(self.node.activation, float(self.value("y")[here]), float(self.value("z")[here]))
                yield Equation("dz", place, j, _times(dy, by), float(self.value("dz")[here]))

    # Recurrent layers

    def _later(self, t: int) -> int | None:
        """The step that came about after step t; None after the last."""
        step = t - 1 if self.node.go_backwards else t + 1
        return step if 0 <= step < self.node.time_steps else None

    def _step(self, t: int, units: list[int]) -> Iterator[Equation]:
        for j in units:
            dh = float(self.value("dh")[t, j])
            asked, later = self._asked_of_state(t, j), self._later(t)
            if asked is None or self.node.masked:
                right: Expression = dh
            else:
                right = Sum((*asked, *(() if later is None else self._carried(later, j))))
            yield Equation("dh", t + 1, j, right, dh)
            if isinstance(self.node.layer, LSTM):
                yield Equation("dc", t + 1, j, self._carried_cell(t, j), float(self.value("dc")[t, j]))
            yield from self._gates(t, j, dh)

    def _asked_of_state(self, t: int, j: int) -> Terms | None:
        """The output's step is time's, or the order in which the states came about."""
        if not self.node.gives_sequence:
            return self.asked(None, j) if self._later(t) is None else ()
        came = self.node.go_backwards and not self.node.turned
        return self.asked(self.node.time_steps - 1 - t if came else t, j)

    def _carried(self, later: int, j: int) -> Terms:
        """What step `later` asks of unit j of the state before it."""
        dz, wh = self.value("dz")[later], self.weights["wh"][j]
        if not isinstance(self.node.layer, GRU):
            return (Sum(_products(dz, wh)),)
        two, reset = 2 * self.node.units, self.value("reset")[later]
        kept = Product((float(self.value("dh")[later, j]), float(self.value("update")[later, j])))
        gates = Sum(_products(dz[:two], wh[:two]))
        if self.node.layer.reset_after:
            return (kept, gates, Sum(_products(dz[two:], reset, wh[two:])))
        return (kept, gates, Product((Sum(_products(dz[two:], wh[two:])), float(reset[j]))))

    def _whole_dc(self, t: int, j: int) -> Expression:
        """What reaches c_t: from c_{t+1}, and by way of h_t."""
        shown, c = (float(self.value(name)[t, j]) for name in ("shown", "c"))
        dh, gate = float(self.value("dh")[t, j]), float(self.value("output")[t, j])
        return Sum((float(self.value("dc")[t, j]), _times(dh, gate, slope(self.node.activation, shown, c))))

    def _carried_cell(self, t: int, j: int) -> Expression:
        later = self._later(t)
        if self.node.masked:
            return float(self.value("dc")[t, j])
        return 0.0 if later is None else Product((self._whole_dc(later, j), float(self.value("forget")[later, j])))

    def _gates(self, t: int, j: int, dh: float) -> Iterator[Equation]:
        """Each dz: what reaches its gate, times the slope of its activation."""
        layer, units = self.node.layer, self.node.units
        z, dz = self.value("z")[t], self.value("dz")[t]
        if not isinstance(layer, GRU | LSTM):
            by = slope(self.node.activation, float(self.value("h")[t, j]), float(z[j]))
            yield Equation("dz", t + 1, j, _times(dh, by), float(dz[j]))
            return
        counts = not self.node.masked or bool(self.trace.step_counts(self.node.mask)[self.window, t])
        for gate, name in enumerate(GATES[layer.kind]):
            column = gate * units + j
            f = self.node.activation if name == "candidate" else self.node.recurrent_activation
            by = slope(f, float(self.value(name)[t, j]), float(z[column]))
            reached = (
                self._reaches_lstm(name, t, j, dh) if isinstance(layer, LSTM) else self._reaches_gru(name, t, j, dh)
            )
            yield Equation(f"dz_{name}", t + 1, j, _times(*reached, by) if counts else 0.0, float(dz[column]))

    def _before(self, name: str, t: int, j: int) -> float:
        earlier = t + 1 if self.node.go_backwards else t - 1
        return float(self.value(name)[earlier, j]) if 0 <= earlier < self.node.time_steps else 0.0

    def _reaches_lstm(self, name: str, t: int, j: int, dh: float) -> Terms:
        if name == "output":
            return dh, float(self.value("shown")[t, j])
        beside = {
            "input": float(self.value("candidate")[t, j]),
            "forget": self._before("c", t, j),
            "candidate": float(self.value("input")[t, j]),
        }
        return self._whole_dc(t, j), beside[name]

    def _reaches_gru(self, name: str, t: int, j: int, dh: float) -> Terms:
        assert isinstance(self.node.layer, GRU)
        past, update, candidate = (
            self._before("h", t, j),
            *(float(self.value(n)[t, j]) for n in ("update", "candidate")),
        )
        if name == "update":
            return dh, Sum((past, -candidate))
        if name == "candidate":
            return dh, Sum((1.0, -update))
        dz = self.value("dz")[t, 2 * self.node.units :]
        if self.node.layer.reset_after:
            return float(dz[j]), float(self.value("met")[t, j])
        return Sum(_products(dz, self.weights["wh"][j, 2 * self.node.units :])), past

    # Weights

    def _weights(self, step: int | None, units: list[int]) -> Iterator[Equation]:
        timed = self.node.recurrent or self.node.gives_sequence
        steps = list(range(self.node.time_steps)) if timed else [0]
        if step is not None and timed:
            steps = [step - 1]
        for name, array in self.weights.items():
            shares = self.value(f"d{name}").reshape(-1, *array.shape)
            for place in np.ndindex(array.shape):
                if place[-1] % self.node.units not in units:
                    continue
                terms = [self._share(name, t, place) for t in steps]
                value = float(sum(shares[t][place] for t in steps))
                unit = (place[0], place[1]) if len(place) == 2 else place[0]
                yield Equation(f"d{name}", step if timed else None, unit, Sum(tuple(terms)), value)

    def _share(self, name: str, t: int, place: tuple[int, ...]) -> Expression:
        """One step's share of the derivative by one weight: what the weight multiplies, times dz."""
        row, column = place[0], place[-1]
        if not self.node.recurrent:
            d = np.atleast_2d(self.value("dy" if isinstance(self.node.layer, LinearSkip) else "dz"))[t, column]
            return float(d) if name == "by" else Product((self._read(t, row), float(d)))
        d = float(self.value("dz")[t, column])
        candidate = isinstance(self.node.layer, GRU) and column >= 2 * self.node.units
        after = isinstance(self.node.layer, GRU) and self.node.layer.reset_after
        j = column % self.node.units
        beside_state = name == "wh" or (name == "bh" and len(place) == 2 and row == 1)
        factors: list[Expression] = [d]
        if candidate and after and beside_state:
            factors.append(float(self.value("reset")[t, j]))
        if name == "wx":
            factors.insert(0, self._read(t, row))
        if name == "wh":
            met = candidate and not after
            factors.insert(0, float(self.value("met")[t, row]) if met else self._before("h", t, row))
        return _times(*factors)

    def _read(self, t: int, row: int) -> float:
        """What a node reads at a step."""
        if isinstance(self.node.layer, LinearSkip):
            return float(self.trace.output_of(-1)[self.window].reshape(-1)[-self.node.skip_features :][row])
        return float(np.atleast_2d(self.trace.output_of(self.node.inputs[0])[self.window])[t, row])
