"""What each number of a window moved the forecast by: shares that add up to the forecast less a baseline's.

Integrated gradients (M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017) along the
straight line from the baseline to the window, by Gauss and Legendre's rule on parts of it: exact for linear networks,
and closing in on the corners of relu.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import NamedTuple

import numpy as np

from timeglass.errors import OptionError, ShapeError
from timeglass.explain.attribution_words import attribution_lines
from timeglass.explain.memory import window_jacobian
from timeglass.explain.pictures import attribution_picture
from timeglass.network import chain
from timeglass.network.layers import LinearSkip, Masking
from timeglass.prepare.scale import MinMaxScaler
from timeglass.show.svg import framed
from timeglass.show.waterfall import Waterfall, waterfall_svg
from timeglass.trace.trace import Trace
from timeglass.types import Array
from timeglass.words import counted

__all__ = ["Attribution", "attribute"]

_POINTS, _MOST_PANELS = 8, 256


@dataclass(frozen=True)
class Attribution:
    """Shares of each number of each window in each of its forecasts."""

    shares: Array  # (N, K, T, F)
    forecasts: Array  # (N, K)
    baseline: Array  # (N, K): the forecasts for the baseline
    points: int  # of the integration rule
    converged: bool = True  # whether the gap is within the tolerance asked for

    @property
    def gap(self) -> float:
        """The largest difference between a sum of shares and what the forecast differs by: what the rule misses."""
        return float(np.abs(self.shares.sum(axis=(2, 3)) - (self.forecasts - self.baseline)).max())

    def lines(
        self,
        window: int = 0,
        output: int = 0,
        *,
        scaler: MinMaxScaler | None = None,
        names: Sequence[object] | None = None,
        features: Sequence[object] | None = None,
        most: int = 12,
    ) -> list[str]:
        r"""One forecast in words: what each number moved it by, the `most` largest first, and that they add up.

        With the target's `scaler` in its original units, into which shares go by the range alone. `names` are the T
        steps' (months, dates), "step −1" for the last unless given; `features` the F features', which are named where
        there are several. An `OptionError` names what the attribution does not have.

        >>> found = Attribution(np.array([[[[-0.25], [0.5]]]]), np.array([[0.75]]), np.array([[0.5]]), 4)
        >>> print("\n".join(found.lines(scaler=MinMaxScaler(10.0, 110.0), names=["May", "June"])))
        window 0: the forecast is 85, the baseline's 60
          June  moved it +50
          May   moved it −25
        sum of shares 25.0000 = 85.0000 − 60.0000, to 0 with 4 points
        """
        return attribution_lines(self, window, output, scaler=scaler, names=names, features=features, most=most)

    def picture(self, window: int = 0, output: int = 0) -> Waterfall:
        """A bar for each number of one window, from baseline to forecast: `waterfall_svg` draws them."""
        return attribution_picture(self.shares, self.forecasts, self.baseline, window=window, output=output)

    def __repr__(self) -> str:
        """One line: all the shares would fill pages."""
        kinds = ("window", "output", "step", "feature")
        sizes = ", ".join(counted(count, what) for count, what in zip(self.shares.shape, kinds, strict=True))
        return f"Attribution({sizes}; {counted(self.points, 'point')}, gap {self.gap:.1e})"

    def _repr_html_(self) -> str:
        return framed(waterfall_svg(self.picture()))


def attribute(trace: Trace, baseline: float | Array = 0.0, *, tolerance: float = 1e-9) -> Attribution:
    """The shares of a trace's windows, from a baseline window: one number, (T, F), or (N, T, F).

    Steps that a `Masking` of the window masks stay masked all the way, and have no share.

    The way is halved where the shares do not add up within `tolerance` of the forecasts' size, into 256 parts at most;
    `Attribution.gap` says what is left, `converged` whether that is within it.
    """
    if not isinstance(tolerance, Real) or not 0 < float(tolerance) < np.inf:
        raise OptionError(f"attribute tolerance: expected a number above 0, got {tolerance!r}")
    trace = _with_its_mask_held(trace)
    x = trace["x"]
    try:
        start = np.broadcast_to(np.asarray(baseline, dtype=np.float64), x.shape)
    except (ValueError, TypeError):
        got = np.shape(baseline) or repr(baseline)
        raise ShapeError(f"attribute baseline: expected a number or shape {x.shape[1:]}, got {got}") from None
    if not np.isfinite(start).all():
        raise OptionError("attribute baseline: expected finite numbers")
    start = np.where(x == _MASKED, x, start)
    forecasts, from_start = _forecasts(trace, x), _forecasts(trace, start)
    size = max(1.0, float(np.abs(forecasts - from_start).max()))
    line = _Line(trace, start, x - start)
    panels = [line.panel(0.0, 1.0)]
    while (gap := sum(panel.gap for panel in panels)) > tolerance * size and len(panels) < _MOST_PANELS:
        # Where it is smooth one panel will do; a corner of relu's is closed in on, half by half.
        worst = panels.pop(int(np.argmax([panel.gap for panel in panels])))
        middle = (worst.begin + worst.end) / 2
        panels += [line.panel(worst.begin, middle), line.panel(middle, worst.end)]
    shares = sum((panel.shares for panel in panels), start=np.zeros(()))
    points = _POINTS * (2 * len(panels) - 1)  # those of the panels that were halved as well
    return Attribution(shares, forecasts, from_start, points, bool(gap <= tolerance * size))


class _Panel(NamedTuple):
    """A part of the way from the baseline to the window."""

    begin: float
    end: float
    shares: Array  # (N, K, T, F): of what the forecasts change by on it
    gap: float  # the largest difference between that and their sum


@dataclass(frozen=True)
class _Line:
    """The straight line from a baseline to the windows."""

    trace: Trace
    start: Array  # (N, T, F)
    way: Array  # (N, T, F)

    def panel(self, begin: float, end: float) -> _Panel:
        places, weights = np.polynomial.legendre.leggauss(_POINTS)
        half, middle = (end - begin) / 2, (begin + end) / 2
        slopes = sum(
            (
                weight * half * self._slopes(middle + half * place)
                for place, weight in zip(places, weights, strict=True)
            ),
            start=np.zeros(()),
        )
        shares = slopes * self.way[:, None]
        change = self._forecasts(end) - self._forecasts(begin)
        return _Panel(begin, end, shares, float(np.abs(shares.sum(axis=(2, 3)) - change).max()))

    def _slopes(self, at: float) -> Array:
        return window_jacobian(self.trace, self.start + at * self.way)

    def _forecasts(self, at: float) -> Array:
        return _forecasts(self.trace, self.start + at * self.way)


# A number that no window holds, by which steps are marked that are to stay masked.
_MASKED = float(np.finfo(np.float32).max)


def _with_its_mask_held(trace: Trace) -> Trace:
    """The same trace of windows whose masked steps hold a value that no point on the way to them does.

    A step's mask is otherwise that of each point: the forecast would jump where the baseline itself is masked. With a
    `LinearSkip`, which reads the window's own numbers, the trace stays as it is.
    """
    layers = trace.architecture.layers
    masking = [i for i, node in enumerate(layers) if isinstance(node.layer, Masking) and node.inputs == (-1,)]
    if not masking or any(isinstance(node.layer, LinearSkip) for node in layers):
        return trace
    counts = trace.step_counts(masking[0])[..., None]
    held = list(layers)
    held[masking[0]] = replace(layers[masking[0]], layer=Masking(_MASKED))
    arrays = {**trace.arrays, "x": np.where(counts, trace["x"], _MASKED)}
    return replace(trace, architecture=replace(trace.architecture, layers=tuple(held)), arrays=arrays)


def _forecasts(trace: Trace, x: Array) -> Array:
    """(N, K), in float64."""
    values = chain.forward(trace.architecture, trace.weight_row[None], x[None])
    return chain.output(trace.architecture, values)[0].reshape(len(x), -1)
