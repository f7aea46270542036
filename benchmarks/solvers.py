"""Trains the sunspots tutorial's networks with Adam, Levenberg and Marquardt's method, and L-BFGS: errors and times.

    python benchmarks/solvers.py            # five rounds of 32 networks each, every round with another seed
    python benchmarks/solvers.py --quick    # one round without the long ones: does it run at all

The job: 187 windows of 12 months, SimpleRNN(3, tanh) and Dense(1, tanh), mean squared error; errors are RMSE in scaled
units over the 187 windows trained on and the 46 of the test part. Every way starts from the same initial weights.
README.md beside this file keeps the numbers found.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from measure import Numbers, Rounds, finish, options, print_machine, print_table, readable, spread, take_turns
from numpy.typing import NDArray

import timeglass
from timeglass.tutorial import get_train_test, get_XY, sunspots_url

__all__ = ["main"]

STEPS, UNITS = 12, 3
TARGET = 0.0565  # train RMSE that shows, in the quick check, that the solvers do their work

Windows = tuple[NDArray[Any], NDArray[Any]]  # x (N, T, 1), y (N, 1)


@dataclass(frozen=True)
class Way:
    """How to train: what `compile` and `fit` are told."""

    optimizer: Any
    epochs: int
    l2: float = 0.0
    validation_split: float = 0.0
    long: bool = False

    @property
    def solver(self) -> bool:
        return not isinstance(self.optimizer, str)


LM, LBFGS = timeglass.LevenbergMarquardt, timeglass.LBFGS
WAYS = {
    "Adam, 20 epochs": Way("adam", 20),
    "Adam, 100 epochs": Way("adam", 100),
    "Adam, 500 epochs": Way("adam", 500, long=True),
    "Adam, 2,000 epochs": Way("adam", 2000, long=True),
    "LM, 10 iterations": Way(LM(), 10),
    "LM, 10 iterations, best of 4 starts": Way(LM(starts=4), 10),
    "LM, 30 iterations": Way(LM(), 30),
    "LM, 100 iterations": Way(LM(), 100),
    "LM, 100 iterations, L2 1e-5": Way(LM(), 100, l2=1e-5),
    "LM, 100 iterations, L2 1e-4": Way(LM(), 100, l2=1e-4),
    "LM, validated on a fifth, patience 5": Way(LM(patience=5), 100, validation_split=0.2),
    "L-BFGS, 100 iterations": Way(LBFGS(), 100),
    "L-BFGS, 100 iterations, L2 1e-5": Way(LBFGS(), 100, l2=1e-5),
    "L-BFGS, validated on a fifth, patience 10": Way(LBFGS(patience=10), 300, validation_split=0.2),
}


def windows() -> tuple[Windows, Windows]:
    """The training and the test part."""
    train, test, _ = get_train_test(sunspots_url)
    parts = [get_XY(part, STEPS) for part in (train, test)]
    return (parts[0][0], parts[0][1][:, None]), (parts[1][0], parts[1][1][:, None])


def errors(model: timeglass.Sequential, part: Windows) -> list[float]:
    """(L,): the RMSE of each network."""
    forecasts = np.asarray(model.predict(part[0])).reshape(model.networks, len(part[1]))
    return np.sqrt(np.mean((forecasts - part[1][:, 0]) ** 2, axis=1)).tolist()


def train(way: Way, parts: tuple[Windows, Windows], networks: int, seeds: list[int]) -> Numbers:
    """One fit; takes the next seed each time."""
    layers = [timeglass.SimpleRNN(UNITS, input_shape=(STEPS, 1)), timeglass.Dense(1, activation="tanh")]
    model = timeglass.Sequential(layers, networks=networks, seed=seeds.pop(0))
    model.compile(way.optimizer, "mean_squared_error", l2=way.l2)
    given = {} if way.solver else {"batch_size": 1}
    began = time.perf_counter()
    history = model.fit(*parts[0], epochs=way.epochs, validation_split=way.validation_split, verbose=0, **given)
    seconds = time.perf_counter() - began
    done = len(history.history["loss"])
    return {"seconds": seconds, "epochs": done, "train": errors(model, parts[0]), "test": errors(model, parts[1])}


def all_of(rounds: list[Numbers], part: str) -> list[float]:
    """The errors of all networks of all rounds."""
    return [error for numbers in rounds for error in numbers[part]]


def print_found(found: Rounds, networks: int) -> None:
    def error(value: float) -> str:
        return f"{value:.4f}"

    rows = []
    for name, rounds in found.items():
        one = [numbers["seconds"] / numbers["epochs"] for numbers in rounds]
        rows.append([
            name,
            *(spread(all_of(rounds, part), error) for part in ("train", "test")),
            spread([numbers["seconds"] for numbers in rounds], readable),
            readable(statistics.median(one)),
        ])  # fmt: skip
    print(f"Median (least .. most) over all networks; times of one fit of {networks} networks.")
    print_table(["way", "train RMSE", "test RMSE", "fit", "epoch or iteration"], rows)


def arguments() -> argparse.Namespace:
    parser = options(__doc__ or "")
    parser.add_argument("--networks", type=int, default=32, help="in each fit; default 32")
    given = parser.parse_args()
    if given.networks < 1:
        parser.error("--networks: expected at least 1")
    return given


def main() -> int:
    """0; 1 where ten iterations of Levenberg and Marquardt's method do not train the networks."""
    given = arguments()
    rounds = 1 if given.quick else given.rounds
    here, parts = print_machine(rounds), windows()
    chosen = {name: way for name, way in WAYS.items() if not (given.quick and way.long)}
    seeds = {name: list(range(rounds)) for name in chosen}
    jobs = {name: functools.partial(train, way, parts, given.networks, seeds[name]) for name, way in chosen.items()}
    warm_up = [0] * 2
    for way in (Way("adam", 1), Way(LM(), 1)):
        train(way, parts, given.networks, warm_up)
    found = take_turns(jobs, rounds)
    print_found(found, given.networks)
    finish(given, {"machine": here, "rounds": found})
    trained = statistics.median(all_of(found["LM, 10 iterations"], "train"))
    if trained > TARGET:
        print(f"LM, 10 iterations: train RMSE {trained:.4f}, expected at most {TARGET}", file=sys.stderr)
    return int(trained > TARGET)


if __name__ == "__main__":
    sys.exit(main())
