"""The networks of a forecast, shared by all series, and the linear model on the same inputs that they must beat.

Kind "window" reads the window alone; kind "guided" reads on, over what autoregression, or of short series smoothing,
expects of the rows to come, and learns what to change in that, as in S. Smyl, "A hybrid method of exponential smoothing
and recurrent neural networks for time series forecasting", International Journal of Forecasting 36, 2020. Both have a
linear way beside the recurrent one, and give `horizon` rows at once; for more, their own forecasts are read on as if
they had come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.layout import Layout
from timeglass.forecast.settings import Networks
from timeglass.forecast.windows import Sight, inputs, window_rows
from timeglass.model.history import History
from timeglass.model.sequential import Sequential
from timeglass.network.layers import GRU, LSTM, Dense, Input, LinearSkip, SimpleRNN
from timeglass.train.optimizers import Adam
from timeglass.train.schedules import CosineDecay
from timeglass.types import Array, Floats

__all__ = [
    "CELLS",
    "Guide",
    "Linear",
    "Plan",
    "drawn",
    "fit_linear",
    "losses_of",
    "plan",
    "run",
    "train",
    "train_networks",
    "training_set",
    "untrained",
]

CELLS = {"simple": SimpleRNN, "gru": GRU, "lstm": LSTM}
_MOST_WINDOWS = 200_000  # more are drawn from
_MOST_STEPS = 2_000
_MANY_WINDOWS, _FEW_UNITS, _MANY_UNITS = 5_000, 8, 16
_LARGEST_BATCH, _SMALLEST_BATCH = 256, 16
_BATCHES = 32  # in an epoch, where there are few windows
_RIDGE = 1e-3  # of the mean square of an input
_MOST_AT_ONCE = 50_000  # windows

Trained = Callable[[Floats], Array]  # inputs (N, T', F) → (L, N, horizon) in units of spread
# What is expected of the rows after the first `origins` (N,) of the series `which` (N,): z (N, horizon).
Guide = Callable[[Sight, NDArray[np.int64], NDArray[np.int64], int], Array]


def training_set(
    sight: Sight, layout: Layout, which: NDArray[np.int64], origins: NDArray[np.int64], path: Array | None
) -> tuple[Floats, Floats, Floats]:
    """Inputs (N, T', F), targets (N, horizon) and weights (N,); guided by a path (N, horizon), if there is one."""
    x, level, unit = inputs(sight, layout, which, origins, window_rows(sight, layout, which, origins), path)
    came = sight.z[(sight.offsets[which] + origins)[:, None] + np.arange(layout.horizon)]
    y = (came - (level[:, None] if path is None else path)) / unit[:, None]
    # A unit of spread is so much of z: with the weight, all series' errors count in z, where 0.1 is 10 %.
    return x, y.astype(np.float32), (unit / unit.mean()).astype(np.float32)


def drawn(
    which: NDArray[np.int64], origins: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All windows, or as many as are used, drawn by the seed."""
    if len(which) <= _MOST_WINDOWS:
        return which, origins
    chosen = np.sort(np.random.default_rng(seed).choice(len(which), _MOST_WINDOWS, replace=False))
    return which[chosen], origins[chosen]


@dataclass(frozen=True)
class Plan:
    """How networks are trained: how many of each kind, of how many units, and for how long."""

    count: int
    units: int
    batch: int
    epochs: int
    steps: int  # in all epochs


def plan(settings: Networks, windows: int) -> Plan:
    """What settings come to with so many windows.

    >>> plan(Networks(), 400)
    Plan(count=8, units=8, batch=16, epochs=32, steps=800)
    >>> plan(Networks(epochs=64), 86_000).epochs
    5
    """
    batch = int(np.clip(windows // _BATCHES, _SMALLEST_BATCH, _LARGEST_BATCH))
    each = -(-windows // batch)
    epochs = max(1, min(settings.epochs, _MOST_STEPS // each))
    units = settings.hidden_units
    if units is None:
        units = _MANY_UNITS if windows >= _MANY_WINDOWS else _FEW_UNITS
    return Plan(max(1, settings.count // 2), units, batch, epochs, epochs * each)


def untrained(settings: Networks, x: Floats, y: Floats, *, count: int, seed: int) -> Sequential:
    """Networks for windows x (N, T', F) and targets y (N, K) whose output is 0."""
    units = plan(settings, len(x)).units
    layers = [Input(x.shape[1:]), CELLS[settings.cell](units), Dense(y.shape[1]), LinearSkip()]
    model = Sequential(layers, networks=count, seed=seed)
    *recurrent, dense, dense_bias, skip, skip_bias = model.get_weights()
    model.set_weights([*recurrent, *(np.zeros_like(w) for w in (dense, dense_bias, skip, skip_bias))])
    return model


def train(
    model: Sequential,
    planned: Plan,
    rate: float | tuple[float, ...],
    windows: tuple[Floats, Floats, Floats],
    *,
    on_progress: Callable[[float], None] | None = None,
) -> History:
    """Trains by absolute error on `windows`: x (N, T', F), y (N, K) and weights (N,); a `rate` for all, or for each."""
    x, y, weights = windows
    model.compile(Adam(CosineDecay(rate, planned.steps), global_clipnorm=1.0), "mean_absolute_error")
    return model.fit(
        x, y, batch_size=planned.batch, epochs=planned.epochs, sample_weight=weights, verbose=0, on_progress=on_progress
    )


def train_networks(
    settings: Networks,
    x: Floats,
    y: Floats,
    weights: Floats,
    *,
    seed: int,
    on_progress: Callable[[float], None] | None = None,
) -> tuple[Sequential, Array]:
    """`settings.count // 2` networks on windows x (N, T', F), targets y (N, K), by absolute error; losses (L, epochs).

    At the start the output is 0, which is the level or what the guide expects.
    """
    planned = plan(settings, len(x))
    model = untrained(settings, x, y, count=planned.count, seed=seed)
    history = train(model, planned, settings.learning_rate, (x, y, weights), on_progress=on_progress)
    return model, losses_of(history)


def losses_of(history: History) -> Array:
    """The losses (L, epochs) of a fit."""
    losses = np.asarray(history.history["loss"], np.float64)
    return losses.T if losses.ndim == 2 else losses[None]


@dataclass(frozen=True, eq=False)
class Linear:
    """output = (inputs, 1) · coefficients."""

    coefficients: Array  # (inputs + 1, horizon)

    def __call__(self, x: Floats) -> Array:
        flat = x.reshape(len(x), -1)
        return (flat @ self.coefficients[:-1] + self.coefficients[-1])[None]


def fit_linear(x: Floats, y: Floats, weights: Floats) -> Linear:
    """Least squares with a small ridge on the windows that the networks see: what they have to beat."""
    a = np.column_stack([x.reshape(len(x), -1), np.ones(len(x))]).astype(np.float64)
    weighted = a * weights[:, None]
    gram = weighted.T @ a
    gram[np.diag_indices(len(gram))] += _RIDGE * max(float(np.trace(gram)) / len(gram), 1e-12)
    return Linear(np.linalg.solve(gram, weighted.T @ y))


def run(
    trained: Trained, sight: Sight, layout: Layout, which: NDArray[np.int64], origins: NDArray[np.int64],
    *, horizon: int, guide: Guide | None = None,
) -> Array:  # fmt: skip
    """Forecasts of z, (L, N, horizon), by each of the L models, which read on over what the `guide` expects."""
    parts = [
        _run_part(trained, sight, layout, which[i : i + _MOST_AT_ONCE], origins[i : i + _MOST_AT_ONCE], horizon, guide)
        for i in range(0, len(which), _MOST_AT_ONCE)
    ]
    return np.concatenate(parts, axis=1)


def _run_part(
    trained: Trained, sight: Sight, layout: Layout, which: NDArray[np.int64], origins: NDArray[np.int64],
    horizon: int, guide: Guide | None,
) -> Array:  # fmt: skip
    step = layout.horizon
    blocks = -(-horizon // step)
    path = None if guide is None else guide(sight, which, origins, blocks * step)
    window = window_rows(sight, layout, which, origins)
    found: list[Array] = []
    for block in range(blocks):
        ahead = None if path is None else path[:, block * step : (block + 1) * step]
        x, level, unit = inputs(sight, layout, which, origins + block * step, window, ahead, known=origins)
        base = level[:, None] if ahead is None else ahead
        found.append(base + unit[:, None] * trained(x))  # (L, N, step)
        # All models go on from their median: it is what is forecast, and one way costs a tenth of L.
        window = np.concatenate([window, np.median(found[-1], axis=0)], axis=1)[:, -layout.time_steps :]
    return np.concatenate(found, axis=2)[:, :, :horizon]
