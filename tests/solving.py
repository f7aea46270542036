"""What the tests of both solvers share: tasks, states, and fits with a record of what happened."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from networks import Network, dense, gru, lstm, rnn, task_of

from timeglass.network.initializers import initial_weights
from timeglass.train.engine import FitTask, TrainingState
from timeglass.train.engine_numpy import NumpyEngine
from timeglass.train.iterations import Iterations
from timeglass.train.solvers import fit

ENGINE = NumpyEngine()

SMALL = {
    "tutorial": Network(6, 1, (rnn(2), dense(1, "tanh"))),
    "two features, two outputs": Network(3, 2, (rnn(2, "sigmoid"), dense(2))),
    "gru": Network(4, 1, (gru(2), dense(1))),
    "lstm, sequences": Network(3, 1, (lstm(2, return_sequences=True), dense(1))),
    "dense": Network(3, 1, (dense(3, "tanh"), rnn(1, "linear"))),
}


def make_task(network: Network, **options) -> FitTask:
    """Thirty windows, some iterations."""
    return task_of(network, **{"count": 30, "epochs": 12} | options)


def make_state(network: Network, networks: int) -> TrainingState:
    return TrainingState(network.weights(networks))


def taught(network: Network, networks: int, **options) -> tuple[FitTask, TrainingState]:
    """Targets that a network of this shape gives, with some noise, and starts near its weights: minima nearby."""
    rng = np.random.default_rng(3)
    teacher = network.weights(1).astype(np.float64)
    x = network.windows(60)
    given = ENGINE.predict(network.architecture, teacher, x)[0]
    task = make_task(network, **options)
    task = replace(task, x=x, y=(given + 0.05 * rng.normal(size=given.shape)).astype(np.float32))
    return task, TrainingState((teacher + 0.2 * rng.normal(size=(networks, teacher.shape[1]))).astype(np.float32))


def fit_all(solver, task: FitTask, state: TrainingState, validation: FitTask | None = None) -> dict[str, np.ndarray]:
    return fit(solver, ENGINE, task, state, validation)


def initial(network: Network, networks: int) -> TrainingState:
    """As a model begins."""
    return TrainingState(initial_weights(network.architecture, np.arange(networks), seed=0))


def rich_task(network: Network, networks: int, **options) -> FitTask:
    """Windows, counts, sample weights and L2 of each network's own."""
    rng = np.random.default_rng(4)
    x = np.stack([replace(network, seed=seed).windows(30) for seed in range(networks)])
    y = np.stack([replace(network, seed=seed).targets(30) for seed in range(networks)])
    given = {
        "x": x,
        "y": y,
        "counts": rng.integers(20, 31, networks),
        "sample_weight": rng.uniform(0.2, 2, (networks, 30)).astype(np.float32),
        "l2": 10.0 ** -rng.integers(2, 5, networks),
    }
    return replace(make_task(network), **given | options)


def halves(task: FitTask) -> tuple[FitTask, FitTask]:
    """The first two thirds of the windows to train on, the others to validate on."""
    cut = 2 * task.x.shape[-3] // 3
    return replace(task, x=task.x[:cut], y=task.y[:cut]), replace(task, x=task.x[cut:], y=task.y[cut:])


def alone(minimize, evaluate, start, settings, limit: int = 500) -> Iterations:
    """One problem, or some, minimised without an engine."""
    iterations = Iterations(np.atleast_2d(np.asarray(start, dtype=np.float64)), limit)
    minimize(evaluate, iterations, settings)
    return iterations
