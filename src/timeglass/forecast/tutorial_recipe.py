"""The tutorial's network inside a forecaster: SimpleRNN and Dense, both tanh, on windows scaled to 0 … 1.

As in the tutorial the windows do not overlap, the loss is the squared error, and each step of Adam sees one window. One
thing is not as there: the scale is learned from the rows that are trained on, and from no others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.form import Form
from timeglass.forecast.layout import Layout
from timeglass.forecast.networks import CELLS, losses_of
from timeglass.forecast.settings import Networks
from timeglass.forecast.windows import Sight, window_rows
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Dense, Input
from timeglass.train.optimizers import Adam
from timeglass.types import Array

__all__ = ["run_tutorial", "train_tutorial"]


def _scaled(form: Form, which: NDArray[np.int64], z: Array) -> Array:
    low, high = form.limits[which].T
    return (z - low[:, None]) / (high - low)[:, None]


def train_tutorial(
    sight: Sight, layout: Layout, settings: Networks, *, seed: int, on_progress: Callable[[float], None] | None = None
) -> tuple[Sequential | None, dict[str, Array], int]:
    """The trained networks, their losses (L, epochs), and the number of their windows: None for fewer than two."""
    which, origins = [], []
    for s, rows in enumerate(np.diff(sight.offsets)):
        own = np.arange(layout.time_steps, rows, layout.time_steps)
        which.append(np.full(len(own), s))
        origins.append(own)
    places, ends = np.concatenate(which), np.concatenate(origins)
    if len(places) < 2:
        return None, {}, len(places)
    x = _scaled(sight.form, places, window_rows(sight, layout, places, ends))
    y = _scaled(sight.form, places, sight.z[sight.offsets[places] + ends][:, None])
    cell, units = CELLS[settings.cell], settings.hidden_units or 3
    model = Sequential(
        [Input((layout.time_steps, 1)), cell(units), Dense(1, "tanh")], networks=settings.count, seed=seed
    )
    model.compile(Adam(settings.learning_rate), "mean_squared_error")
    history = model.fit(x[:, :, None], y, batch_size=1, epochs=settings.epochs, verbose=0, on_progress=on_progress)
    return model, {"tutorial": losses_of(history)}, len(places)


def run_tutorial(
    model: Sequential, sight: Sight, layout: Layout, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int
) -> Array:
    """Forecasts of z by each network, (L, N, horizon): step by step, each network reading its own forecasts on."""
    low, high = sight.form.limits[which].T
    window = _scaled(sight.form, which, window_rows(sight, layout, which, origins))
    windows, found = np.repeat(window[None], model.networks, axis=0), []
    for _ in range(horizon):
        x = list(windows[..., None]) if model.networks > 1 else windows[0][..., None]
        step = np.asarray(model.predict(x, verbose=0), np.float64).reshape(model.networks, len(which), 1)
        found.append(step)
        windows = np.concatenate([windows, step], axis=2)[:, :, 1:]
    return low[:, None] + np.concatenate(found, axis=2) * (high - low)[:, None]
