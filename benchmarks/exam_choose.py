"""Choosing settings without the exam: only training parts, the last rows of each series held back."""

from __future__ import annotations

import ast
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from exam_data import Group, held_back, training_parts
from exam_rivals import LEVEL, forecast_ours
from exam_scores import Scores, coverage, join, naive2_forecast, owa, paired_interval, score
from measure import Numbers, note, print_table

__all__ = ["choose", "parse_settings"]

Settings = dict[str, Any]
_LEAST_KNOWN = 10  # rows that a series has left where its last ones are held back


@dataclass(frozen=True, eq=False)
class Trial:
    """Settings on the held-back rows of a collection, all origins and seeds together."""

    scores: Scores
    naive2: Scores
    covered: float
    seconds: float

    @property
    def owa(self) -> float:
        return owa(self.scores, self.naive2)


def parse_settings(text: str) -> Settings:
    """What `Forecaster.set_params` takes, written NAME=VALUE with a blank between two.

    >>> parse_settings("networks__epochs=64 networks__cell=lstm log=None")
    {'networks__epochs': 64, 'networks__cell': 'lstm', 'log': None}
    """
    found: Settings = {}
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals:
            raise SystemExit(f"--try {text!r}: expected NAME=VALUE, got {part!r}")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value  # a word
    return found


def choose(
    tried: Sequence[str], *, collections: Path | None = None, origins: int = 1, seeds: int = 1, most: int = 0
) -> Numbers:
    """Prints how the default and the settings `tried` do on held-back rows, and gives the numbers.

    Origin k lies k horizons before the end of a series' training part; each is learned anew from the rows before it.
    `most` takes only so many series of each collection. The test parts are gone from this process before it begins.
    """
    groups = [group.of(group.sample(most)) if most else group for group in training_parts(collections)]
    named: dict[str, Settings] = {"default": {}} | {text: parse_settings(text) for text in tried}
    found: dict[str, dict[str, Trial]] = {name: {} for name in named}
    for group in groups:
        for name, settings in named.items():
            note(f"{group.name}: {name} …")
            found[name][group.name] = _trial(group, settings, origins, seeds)
        _print_group(group, {name: trials[group.name] for name, trials in found.items()})
    print("All collections: the mean of their OWA\n")
    means = {name: float(np.mean([trial.owa for trial in trials.values()])) for name, trials in found.items()}
    print_table(["settings", "OWA"], [[name, f"{value:.4f}"] for name, value in means.items()])
    return {name: {which: _numbers(trial) for which, trial in trials.items()} for name, trials in found.items()}


def _trial(group: Group, settings: Mapping[str, Any], origins: int, seeds: int) -> Trial:
    ours, naive2, covered, seconds = [], [], [], 0.0
    for number in range(1, origins + 1):
        known, came = held_back(group, number * group.horizon, at_least=_LEAST_KNOWN)
        if not known.ids:
            note(f"{group.name}: no series is long enough for origin {number}")
            continue
        last = np.array([naive2_forecast(y, group.horizon, group.period) for y in known.values])
        naive2.append(score(known.values, came, last, group.period))
        each = []
        for seed in range(seeds):
            began = time.perf_counter()
            made = forecast_ours(known, seed, settings)
            seconds += time.perf_counter() - began
            each.append(score(known.values, came, made["point"], group.period))
            covered.append(coverage(came, made["low"], made["high"]))
        # The mean over seeds, which are no further series.
        smape, mase = (np.mean(some, axis=0) for some in zip(*((one.smape, one.mase) for one in each), strict=True))
        ours.append(Scores(smape, mase))
    if not ours:
        raise SystemExit(f"{group.name}: no series has {_LEAST_KNOWN + group.horizon} rows: none can be held back")
    return Trial(join(ours), join(naive2), float(np.mean(covered)), seconds)


def _print_group(group: Group, trials: Mapping[str, Trial]) -> None:
    print(f"{group.name}: {len(group.ids):,} series, horizon {group.horizon}, held back\n")
    default = trials["default"].scores.smape
    rows = []
    for name, trial in trials.items():
        low, high = paired_interval(trial.scores.smape, default)
        smape, mase = trial.scores.means
        apart = "" if name == "default" else f"{low:+.3f} .. {high:+.3f}"
        cells = [f"{smape:.3f}", f"{mase:.3f}", f"{trial.owa:.4f}", f"{trial.covered:.1%}", f"{trial.seconds:.1f}"]
        rows.append([name, *cells, apart])
    head = ["settings", "sMAPE", "MASE", "OWA", f"in {LEVEL} % intervals", "seconds", "sMAPE less default's, 95 %"]
    print_table(head, rows)


def _numbers(trial: Trial) -> Numbers:
    smape, mase = trial.scores.means
    return {"smape": smape, "mase": mase, "owa": trial.owa, "coverage": trial.covered, "seconds": trial.seconds}
