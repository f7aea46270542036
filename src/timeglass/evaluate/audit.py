"""Looks for what a forecasting set-up does wrong on its data. Each check is computed, whatever the data are."""

from __future__ import annotations

import numpy as np

from timeglass.evaluate.finding import Finding, Numbers
from timeglass.prepare.autocorrelation import autocorrelation
from timeglass.prepare.scale import MinMaxScaler
from timeglass.series.series import Series
from timeglass.types import Array

__all__ = [
    "Finding",
    "check_baselines",
    "check_cycle",
    "check_output_range",
    "check_scaler",
    "check_unused_windows",
]

# What an output activation cannot exceed, in scaled units.
_UPPER_BOUNDS = {"tanh": 1.0, "sigmoid": 1.0}


def check_scaler(series: Series, train_rows: int) -> Finding:
    """Would a scaler fitted on the training rows alone be another one?"""
    values, train = series.values, series.values[:train_rows]
    row = int(values.argmax())
    numbers: Numbers = {
        "maximum": float(values.max()), "maximum_at": series.label(row), "train_maximum": float(train.max()),
        "minimum": float(values.min()), "train_minimum": float(train.min()),
    }  # fmt: skip
    seen = [end for end in ("maximum", "minimum") if numbers[end] != numbers[f"train_{end}"]]
    if not seen:
        return Finding("scaler_saw_test", False, "The scaler's limits both lie in the training part.", numbers)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        test_reach = float((values[train_rows:].max() - train.min()) / np.ptp(train))
    numbers["test_maximum_on_train_scale"] = test_reach if np.isfinite(test_reach) else None
    if "maximum" in seen:
        end, value, own, at = "maximum", values.max(), train.max(), row
    else:
        end, value, own, at = "minimum", values.min(), train.min(), int(values.argmin())
    grown = f"{test_reach:.3f}" if test_reach < 1e6 else f"{test_reach:.3g}"
    sentence = (
        f"The scaler saw the test part: its {end} {value:g} ({series.label(at)}) is a test value, the training part's "
        f"is {own:g}. "
    ) + (
        f"Fitted on the training part, it would take the test part up to {grown}."
        if np.isfinite(test_reach)
        else "The training part varies too little to scale the test part by."
    )
    return Finding("scaler_saw_test", True, sentence, numbers)


def _first_return(r: Array) -> int | None:
    """The lag of the highest autocorrelation after the first trough below zero, if it is a positive peak."""
    below = np.flatnonzero(r < 0)
    if len(below) == 0:
        return None
    lag = int(below[0] + np.argmax(r[below[0] :]))
    inside = 0 < lag < len(r) - 1
    return lag if inside and r[lag] > 0 and r[lag] >= max(r[lag - 1], r[lag + 1]) else None


def check_cycle(train: Array, period: int, *, unit: str) -> Finding:
    """Is there a cycle of as many rows as a window holds, which is the reason to choose that length?

    `unit` is what a row is called, "months" say.

    A cycle shows as a peak of the autocorrelation: at that lag it is higher than half a period before and after.
    """
    lags = min(len(train) // 2, max(20 * period, 60))
    r = autocorrelation(train, lags)
    half = max(1, period // 2)
    if lags < period + half:
        return Finding(
            "claimed_cycle", False, f"Too few rows to look for a cycle of {period} {unit}.", {"period": period}
        )
    around = float(max(r[period - half], r[period + half]))
    peak = _first_return(r)
    numbers: Numbers = {
        "period": period, "autocorrelation": float(r[period]), "autocorrelation_around": around,
        "peak": peak, "autocorrelation_at_peak": None if peak is None else float(r[peak]),
    }  # fmt: skip
    if r[period] > around and r[period] > 0:
        return Finding(
            "claimed_cycle", False, f"There is a cycle of {period} {unit}: autocorrelation {r[period]:.2f}.", numbers
        )
    elsewhere = "" if peak is None else f"; it peaks again near lag {peak} ({r[peak]:.2f})"
    sentence = (
        f"There is no cycle of {period} {unit}: the autocorrelation has no peak at lag {period} "
        f"({r[period - half]:.2f}, {r[period]:.2f}, {r[period + half]:.2f} at lags "
        f"{period - half}, {period}, {period + half}){elsewhere}."
    )
    return Finding("claimed_cycle", True, sentence, numbers)


def check_unused_windows(used: int, possible: int, weights: int) -> Finding:
    """How many of the training part's windows does the network see?"""
    numbers: Numbers = {"used": used, "possible": possible, "weights": weights}
    if used >= possible:
        return Finding("unused_windows", False, f"All {possible:,} training windows are used.", numbers)
    sentence = (
        f"{used:,} of {possible:,} possible training windows are used ({used / possible:.0%}): windows that do not "
        f"overlap leave the rest out, and {weights:,} weights rest on {used:,} targets."
    )
    return Finding("unused_windows", True, sentence, numbers)


def check_output_range(
    activation: str, scaler: MinMaxScaler, train_scaler: MinMaxScaler | None, test: Array
) -> Finding:
    """Can the network's output reach every value that may come?

    `train_scaler` is fitted on the training part; None where that part does not vary.
    """
    bound = _UPPER_BOUNDS.get(activation)
    if bound is None:
        return Finding("output_bounded", False, f"A {activation} output has no upper limit.", {"limit": None})
    limit = float(scaler.inverse_transform(np.array(bound)))
    numbers: Numbers = {"limit": limit}
    sentence = (
        f"A {activation} output cannot exceed {limit:g}, the highest value in the file: no new record can be forecast."
    )
    if train_scaler is not None:
        honest = float(train_scaler.inverse_transform(np.array(bound)))
        beyond = int((test > honest).sum())
        numbers |= {"limit_on_train_scale": honest, "test_values_beyond_train_limit": beyond}
        if beyond:
            sentence += (
                f" With the scaler fitted on the training part the limit is {honest:g}, "
                f"and {beyond} test {'value lies' if beyond == 1 else 'values lie'} beyond it."
            )
    return Finding("output_bounded", True, sentence, numbers)


def check_baselines(outcome: str, forecast: float, rivals: dict[str, float]) -> Finding:
    """Does a forecast that costs nothing do as well?

    `outcome` is the verdict against repeating the last value, `rivals` are the baselines' test RMSE by title.
    """
    title, best = min(rivals.items(), key=lambda item: item[1])
    numbers: Numbers = {
        "ensemble": forecast,
        "best_baseline": best,
        "best_baseline_name": title,
    }
    lower = sum(error < forecast for error in rivals.values())
    if lower:
        which = f"{lower} of {len(rivals)} baselines {'has' if lower == 1 else 'have'} a lower test RMSE"
        sentence = f"No network does better: {which}; the best is '{title}', {best:.4f} against {forecast:.4f}."
    elif outcome != "better":
        sentence = (
            f"The network's lead is not shown: no baseline has a lower test RMSE than its {forecast:.4f} "
            f"('{title}' has {best:.4f}), but the verdict's interval reaches zero."
        )
    else:
        return Finding("no_better_than_nothing", False, "No baseline does as well as the ensemble.", numbers)
    return Finding("no_better_than_nothing", True, sentence, numbers)
