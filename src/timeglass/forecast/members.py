"""The members of a forecast, and the forecasts that each of them makes after any row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from timeglass.forecast.autoregression import Autoregression, fit_autoregression
from timeglass.forecast.form import Form
from timeglass.forecast.layout import Layout
from timeglass.forecast.networks import Guide, Linear, drawn, fit_linear, run, train_networks, training_set
from timeglass.forecast.settings import Networks
from timeglass.forecast.tutorial_recipe import run_tutorial, train_tutorial
from timeglass.forecast.windows import Sight, reach, smoothed_paths, training_origins
from timeglass.model.sequential import Sequential
from timeglass.types import Array

__all__ = ["FEWEST_WINDOWS", "MEMBERS", "Core", "fit_core", "guide_for", "member_forecasts"]

MEMBERS = ("smoothing", "theta", "linear", "autoregression", "window", "guided", "tutorial")
FEWEST_WINDOWS = 8  # fewer train nothing


@dataclass(frozen=True, eq=False)
class Core:
    """What was learned from the rows of a panel: the form, and the trained models. None where there was too little."""

    form: Form
    layout: Layout
    linear: Linear | None
    window: Sequential | None
    guided: Sequential | None
    tutorial: Sequential | None  # in place of all others
    windows: int  # that were trained on
    losses: dict[str, Array] = field(default_factory=dict)  # (L, epochs) of each kind of networks
    autoregression: Autoregression | None = None

    @property
    def members(self) -> tuple[str, ...]:
        """The names of those that forecast."""
        if self.tutorial is not None:
            return ("tutorial",)
        fitted = {"linear": self.linear, "autoregression": self.autoregression}
        return ("smoothing", "theta", *(name for name, model in fitted.items() if model is not None), *self.trained)

    @property
    def trained(self) -> dict[str, Sequential]:
        """The networks there are, by the name of their member."""
        models = {"window": self.window, "guided": self.guided, "tutorial": self.tutorial}
        return {name: model for name, model in models.items() if model is not None}


def fit_core(
    sight: Sight,
    layout: Layout,
    settings: Networks,
    *,
    seed: int,
    far: bool = True,
    on_progress: Callable[[float], None] | None = None,
) -> Core:
    """Trains the models on every window of `sight`; with `far` autoregression, too, where there are rows enough."""
    if settings.recipe == "tutorial":
        tutorial, losses, windows = train_tutorial(sight, layout, settings, seed=seed, on_progress=on_progress)
        return Core(sight.form, layout, None, None, None, tutorial, windows, losses)
    which, origins = drawn(*training_origins(sight, layout), seed)
    if len(which) < FEWEST_WINDOWS:
        return Core(sight.form, layout, None, None, None, None, len(which))
    models: list[Sequential] = []
    curves: list[Array] = []
    linear, autoregression = None, fit_autoregression(sight) if far else None
    for half, guide in enumerate((None, guide_for(autoregression))):
        path = None if guide is None else guide(sight, which, origins, layout.horizon)
        x, y, weights = training_set(sight, layout, which, origins, path)
        if guide is None:
            linear = fit_linear(x, y, weights)
        part = None if on_progress is None else _part(on_progress, half)
        model, curve = train_networks(settings, x, y, weights, seed=seed, on_progress=part)
        models.append(model)
        curves.append(curve)
    kept = dict(zip(("window", "guided"), curves, strict=True))
    return Core(sight.form, layout, linear, models[0], models[1], None, len(which), kept, autoregression)


def guide_for(autoregression: Autoregression | None) -> Guide:
    """What the guided networks start from: autoregression where there is one, else smoothing."""
    return _damped if autoregression is None else autoregression.forecast


def _damped(sight: Sight, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int) -> Array:
    return smoothed_paths(sight, which, origins, horizon)[0]


def _part(on_progress: Callable[[float], None], half: int) -> Callable[[float], None]:
    return lambda share: on_progress((half + share) / 2)


def member_forecasts(
    core: Core, sight: Sight, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int
) -> tuple[dict[str, Array], Array]:
    """Forecasts of z (N, horizon) by each member there is, and of the single networks (L, N, horizon).

    They are for the rows that follow the first `origins` (N,) rows of the series `which` (N,), within their `reach`.
    """
    found, lanes = _unbounded(core, sight, which, origins, horizon)
    low, high = reach(sight, which, origins, horizon)
    return {name: np.clip(z, low, high) for name, z in found.items()}, np.clip(lanes, low, high)


def _unbounded(
    core: Core, sight: Sight, which: NDArray[np.int64], origins: NDArray[np.int64], horizon: int
) -> tuple[dict[str, Array], Array]:
    if core.tutorial is not None:
        lanes = run_tutorial(core.tutorial, sight, core.layout, which, origins, horizon)
        return {"tutorial": lanes.mean(axis=0)}, lanes
    damped, theta = smoothed_paths(sight, which, origins, horizon)
    found, each = {"smoothing": damped, "theta": theta}, [np.empty((0, *damped.shape))]
    if core.linear is not None:
        found["linear"] = run(core.linear, sight, core.layout, which, origins, horizon=horizon)[0]
    if core.autoregression is not None:
        found["autoregression"] = core.autoregression.forecast(sight, which, origins, horizon)
    for name, model, guide in (("window", core.window, None), ("guided", core.guided, guide_for(core.autoregression))):
        if model is not None:
            each.append(run(_predict(model), sight, core.layout, which, origins, horizon=horizon, guide=guide))
            found[name] = np.median(each[-1], axis=0)
    return found, np.concatenate(each)


def _predict(model: Sequential) -> Callable[[Array], Array]:
    def trained(x: Array) -> Array:
        forecasts = np.asarray(model.predict(x, verbose=0), np.float64)
        return forecasts if forecasts.ndim == 3 else forecasts[None]

    return trained
