"""Monthly sunspots one step ahead over the tutorial's 564 test months, each with all months before it known."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from measure import Numbers, note, print_table
from numpy.typing import NDArray

__all__ = ["autoregression_ahead", "sunspots"]

Array = NDArray[np.float64]

TEST = 564  # of 2,820 months
LAGS = 24
MOST = 18.0  # RMSE to reach


def autoregression_ahead(values: Array, test: int, lags: int) -> Array:
    """(test,): least squares on `lags` and a constant, from the rows before the test part; one step ahead through it.

    >>> autoregression_ahead(2.0 ** np.arange(12), 2, 1).round(6).tolist()
    [1024.0, 2048.0]
    """
    windows = np.lib.stride_tricks.sliding_window_view(values, lags + 1)
    inputs = np.column_stack([np.ones(len(windows)), windows[:, :-1]])
    train = len(windows) - test
    weights = np.linalg.lstsq(inputs[:train], windows[:train, -1], rcond=None)[0]
    return inputs[train:] @ weights


def sunspots(seeds: int, test: int = TEST) -> Numbers:
    """Prints the errors of ours beside the last value and AR(24), and gives the numbers."""
    from timeglass.datasets import load

    series = load("sunspots")
    values = np.asarray(series.values, dtype=np.float64)
    came = values[-TEST:][:test]
    rows = {"last value": [_rmse(came, values[-TEST - 1 : -1][:test])]}
    rows[f"AR({LAGS})"] = [_rmse(came, autoregression_ahead(values, TEST, LAGS)[:test])]
    rows["Timeglass"], seconds = [], []
    for seed in range(seeds):
        note(f"sunspots, seed {seed} …")
        began = time.perf_counter()
        rows["Timeglass"].append(_rmse(came, _ours(series, test, seed)))
        seconds.append(time.perf_counter() - began)
    print(f"Monthly sunspots, one step ahead, {test} months\n")
    _print(rows)
    return {"rmse": rows, "seconds": seconds}


def _ours(series: Any, test: int, seed: int) -> Array:
    """The default: learned once from the rows before the test part, then one row more known at a time."""
    from timeglass.forecast.forecaster import Forecaster

    known = len(series) - TEST
    made = Forecaster(horizon=1, seed=seed).backtest(series[: known + test], origins=test, stride=1, statistical=False)
    if made.origins[0] != known:
        raise RuntimeError(f"learned from {made.origins[0]} rows, not {known}")
    return np.asarray(made.point[:, 0])


def _rmse(came: Array, forecast: Array) -> float:
    return float(np.sqrt(np.mean((came - forecast) ** 2)))


def _print(rows: Mapping[str, Sequence[float]]) -> None:
    cells = []
    for who, errors in rows.items():
        middle = float(np.median(errors))
        spread = f"{min(errors):.2f} .. {max(errors):.2f}" if len(errors) > 1 else ""
        goal = ["≤ 18.00", "yes" if middle <= MOST else "no"] if who == "Timeglass" else ["", ""]
        cells.append([who, f"{middle:.2f}", spread, *goal])
    print_table(["who", "RMSE", "over seeds", "to reach", "reached?"], cells)
