"""The tutorial's forecasting job, whole: series, windows, networks, errors, proof, verdict, findings.

`plan_job` reads and says what will be done; `run_job` does it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from numbers import Integral, Real

import numpy as np

from timeglass.errors import DivergenceError, InputError, OptionError
from timeglass.evaluate import audit
from timeglass.evaluate.baselines import Baseline, baselines
from timeglass.evaluate.metrics import root_mean_squared_error
from timeglass.evaluate.verdict import Verdict, judge
from timeglass.explain.proof import Proof, prove_forecasts
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Dense, Input, Layer, SimpleRNN
from timeglass.prepare.scale import MinMaxScaler
from timeglass.prepare.windows import Part, Windows, count_windows, cut_windows
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_series
from timeglass.series.bundled import SUNSPOTS
from timeglass.series.series import Series
from timeglass.show.picture import ForecastPicture, forecast_picture
from timeglass.train.engines import ENGINES
from timeglass.types import Array

__all__ = ["JobOptions", "JobPlan", "JobResult", "Scores", "plan_job", "run_job"]

# The fewest windows of a part: two, or there is nothing to resample and no spread.
_FEWEST_WINDOWS = 2
_MOST_ROWS = 10**9
_MOST_NETWORKS = 65_536
_MOST_UNITS = 1_024
_MOST_BYTES = 4 * 2**30


@dataclass(frozen=True)
class JobOptions:
    """The tutorial's settings unless changed. Each is checked when the value is made."""

    split: float = 0.8
    time_steps: int = 12
    hidden_units: int = 3
    epochs: int = 20
    networks: int = 16
    seed: int = 0
    engine: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.split, bool) or not isinstance(self.split, Real) or not 0 < self.split < 1:
            raise OptionError(f"--split {self.split}: expected a share between 0 and 1, such as 0.8")
        limits = {"time_steps": 100_000, "hidden_units": _MOST_UNITS, "epochs": 1_000_000, "networks": _MOST_NETWORKS}
        for name, most in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= int(value) <= most:
                option = "--" + name.replace("_", "-")
                raise OptionError(f"{option} {value}: expected a whole number from 1 to {most:,}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, Integral) or not 0 <= self.seed < 2**64:
            raise OptionError(f"--seed {self.seed}: expected a whole number from 0 to 2**64 - 1")
        if self.engine is not None and self.engine not in ENGINES:
            raise OptionError(f"--engine {self.engine}: expected one of {', '.join(ENGINES)}")


@dataclass(frozen=True)
class JobPlan:
    """What will be done: the series scaled as the tutorial does, over all its rows, split and cut into windows."""

    series: Series
    options: JobOptions
    scaler: MinMaxScaler
    train: Part  # scaled; its windows do not overlap
    test: Part
    model: Sequential

    @property
    def train_rows(self) -> int:
        return len(self.train.values)


@dataclass(frozen=True)
class Scores:
    """RMSE over one part's windows, in scaled units: of the networks one by one and of their mean forecast."""

    networks: Array  # (L,)
    ensemble: float

    @property
    def median(self) -> float:
        return float(np.median(self.networks))

    @property
    def best(self) -> float:
        return float(self.networks.min())

    @property
    def worst(self) -> float:
        return float(self.networks.max())


@dataclass(frozen=True)
class JobResult:
    """Everything that came out. Pairs are (training part, test part)."""

    plan: JobPlan
    fit_seconds: float
    losses: Array  # (L, epochs)
    forecasts: tuple[Array, Array]  # (L, windows), scaled
    scores: tuple[Scores, Scores]
    baselines: list[Baseline]
    verdict: Verdict
    proof: Proof
    proved: tuple[int, int]  # the network and the test window whose forecast is shown
    findings: list[audit.Finding]
    picture: ForecastPicture


def _fewest_rows(options: JobOptions) -> int:
    """The fewest rows that give both parts enough windows."""
    part = _FEWEST_WINDOWS * options.time_steps + 1
    # Both parts grow with the rows, so that halving finds the first number that is enough.
    return bisect_left(
        range(_MOST_ROWS), True, key=lambda n: min(int(n * options.split), n - int(n * options.split)) >= part
    )


def _check_length(series: Series, options: JobOptions) -> None:
    steps, rows = options.time_steps, len(series)
    train = int(rows * options.split)
    if min(count_windows(part, steps, steps) for part in (train, rows - train)) >= _FEWEST_WINDOWS:
        return
    raise InputError(
        f"{series.source}: {rows} row{'s' * (rows != 1)}, {train} to train on and {rows - train} to test; with "
        f"--time-steps {steps} and --split {options.split:g} at least {_fewest_rows(options):,} are needed "
        f"({_FEWEST_WINDOWS} windows in each part): give more rows, fewer time steps or another split"
    )


def _check_memory(options: JobOptions) -> None:
    """Losses are kept for each epoch; a weight costs about 64 bytes while the network is made."""
    units = options.hidden_units
    need = options.networks * (8 * options.epochs + 64 * (units * (units + 3) + 1))
    if need > _MOST_BYTES:
        raise OptionError(
            f"--networks {options.networks} with --hidden-units {units} and --epochs {options.epochs} would take about "
            f"{need / 2**30:,.0f} GiB of memory, this job takes at most {_MOST_BYTES / 2**30:.0f}: lower one of them"
        )


def plan_job(
    options: JobOptions, data: str | None = None, *, private: bool = False, reading: ReadOptions | None = None
) -> JobPlan:
    """Reads `data` (a file or address; the bundled sunspots for None) and prepares all but the training.

    Unless `reading` names another column, the values are in the second, as in the tutorial.
    """
    reading = reading or ReadOptions()
    if reading.value is None:
        reading = replace(reading, value=2)
    series = read_series(str(SUNSPOTS) if data is None else data, reading, private=private)
    _check_length(series, options)
    try:
        scaler = MinMaxScaler.fit(series.values)
    except InputError as error:
        low, high = float(series.values.min()), float(series.values.max())
        same = f"; its forecast is {low:g}, whatever the network" if low == high else ""
        raise InputError(f"{series.source}: column {series.name!r}: {error}{same}") from None
    scaled = scaler.transform(series.values)
    rows = int(len(series) * options.split)
    steps = options.time_steps
    train, test = (Part(part, cut_windows(part, steps, stride=steps)) for part in (scaled[:rows], scaled[rows:]))
    _check_memory(options)
    layers: list[Input | Layer] = [Input((steps, 1)), SimpleRNN(options.hidden_units), Dense(1, activation="tanh")]
    model = Sequential(layers, networks=options.networks, seed=options.seed, engine=options.engine)
    return JobPlan(series, options, scaler, train, test, model)


def run_job(plan: JobPlan, *, verbose: int | str = 0) -> JobResult:
    """Trains the networks and works out all that the job reports."""
    model, train, test = plan.model, plan.train.windows, plan.test.windows
    model.compile(optimizer="adam", loss="mean_squared_error")
    try:
        history = model.fit(train.x[..., None], train.y, epochs=plan.options.epochs, batch_size=1, verbose=verbose)
    except DivergenceError as error:
        row = int(np.abs(plan.train.values).argmax())
        place = f"{plan.series.place(row)} ({plan.series.label(row)})"
        raise DivergenceError(f"{error}; the largest value that it was trained on stands at {place}") from None
    both = np.concatenate([train.x, test.x])[..., None].astype(np.float32)
    forecasts = model.predict(both).reshape(plan.options.networks, len(both))
    pair = forecasts[:, : len(train.y)], forecasts[:, len(train.y) :]
    scores = _scores(train.y, pair[0]), _scores(test.y, pair[1])
    every = cut_windows(plan.train.values, plan.options.time_steps, stride=1)
    rivals = baselines(plan.train, plan.test, every, monthly=plan.series.monthly)
    verdict = judge(test.y, pair[1].mean(axis=0), rivals[0].test, seed=plan.options.seed)
    proof = prove_forecasts(model.architecture, model.weight_rows, both, forecasts[:, :, None])
    typical = int(np.argsort(scores[0].networks, kind="stable")[(plan.options.networks - 1) // 2])
    losses = np.reshape(np.array(history.history["loss"]), (plan.options.epochs, -1)).T
    return JobResult(
        plan, history.params["seconds"], losses, pair, scores, rivals, verdict, proof,
        (typical, len(both) - 1), _findings(plan, every, scores[1], rivals, verdict), _picture(plan, pair),
    )  # fmt: skip


def _scores(actual: Array, forecasts: Array) -> Scores:
    mean = forecasts.mean(axis=0, dtype=np.float64)
    return Scores(root_mean_squared_error(actual, forecasts), float(root_mean_squared_error(actual, mean)))


def _findings(
    plan: JobPlan, every: Windows, test: Scores, rivals: list[Baseline], verdict: Verdict
) -> list[audit.Finding]:
    train_values = plan.series.values[: plan.train_rows]
    test_values = plan.series.values[plan.train_rows :]
    errors = {rival.title: rival.test_error for rival in rivals if np.isfinite(rival.test_error)}
    last = plan.model.architecture.layers[-1]
    own = MinMaxScaler.fit(train_values) if np.ptp(train_values) > 0 else None
    unit = "months" if plan.series.monthly else "rows"
    return [
        audit.check_baselines(verdict.outcome, test.ensemble, errors),
        audit.check_scaler(plan.series, plan.train_rows),
        audit.check_cycle(train_values, plan.options.time_steps, unit=unit),
        audit.check_unused_windows(len(plan.train.windows.y), len(every.y), plan.model.count_params()),
        audit.check_output_range(last.activation, plan.scaler, own, test_values),
    ]


def _picture(plan: JobPlan, forecasts: tuple[Array, Array]) -> ForecastPicture:
    axis, train, test = plan.series.axis(), plan.train.windows, plan.test.windows
    rows = np.concatenate([train.target_rows, test.target_rows + plan.train_rows])
    return forecast_picture(
        axis[rows],
        plan.series.values[rows],
        plan.scaler.inverse_transform(np.concatenate(forecasts, axis=1).astype(np.float64)),
        split=axis[plan.train_rows],
        train_windows=len(train.y),
        names=(plan.series.name, "Date" if plan.series.dates is not None else "Row"),
    )
