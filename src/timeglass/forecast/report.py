"""What a forecast and a backtest say of themselves: lines for people, plain values for programs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from timeglass.evaluate.audit import Finding
from timeglass.evaluate.comparison import Comparison
from timeglass.evaluate.recommendation import recommend
from timeglass.evaluate.simple_forecasts import baseline_title
from timeglass.forecast.backtest import Backtest
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.outcome import Forecast
from timeglass.forecast.zones import date_texts
from timeglass.show.table import table_lines
from timeglass.words import counted

__all__ = [
    "backtest_lines",
    "backtest_values",
    "comparison_values",
    "finding_values",
    "forecast_lines",
    "forecast_values",
    "rows_of",
]

_MOST_REPLACED = 10  # that are said one by one


def forecast_lines(forecaster: Forecaster, made: Forecast) -> list[str]:
    """The record, the verdict, what was replaced, and what the audit found."""
    lines = [f"intervals: {forecaster.coverage(level).sentence()}" for level in made.low]
    lines += [f"verdict: {line}" for line in _verdict_lines(forecaster.verdict_)]
    lines += [f"audit: {finding.sentence}" for finding in forecaster.audit_ if finding.found]
    lines += [f"replaced: {each}" for each in made.replaced[:_MOST_REPLACED]]
    more = len(made.replaced) - _MOST_REPLACED
    return lines + ([f"replaced: and {more:,} more series"] if more > 0 else [])


def _verdict_lines(verdict: Sequence[Comparison]) -> list[str]:
    """The fact of each comparison, where there is one, and what follows from all together."""
    facts = [each.sentence() for each in verdict if each.forecasts and each.enough]
    return [*facts, recommend(verdict).sentence]


def forecast_values(forecaster: Forecaster, made: Forecast) -> dict[str, Any]:
    """All of it in plain values: the rows, the record, the verdict, the audit, what was replaced, the members."""
    panel = forecaster.history_.panel
    return {
        "horizon": int(made.point.shape[1]),
        "season": forecaster.season_,
        "forecast": rows_of(made.columns(), panel.date_format, panel.zone),
        "record": [
            {"level": record.level, "covered": record.covered, "forecasts": record.forecasts, "steps": record.steps}
            for record in map(forecaster.coverage, made.low)
        ],
        "verdict": [comparison_values(each) for each in forecaster.verdict_],
        "recommendation": _recommendation_values(forecaster.verdict_),
        "audit": [finding_values(each) for each in forecaster.audit_],
        "replaced": [{"series": r.series, "method": r.method, "why": r.why} for r in made.replaced],
        "members": {
            name: {
                "weight": dict(zip(made.ids, np.asarray(weights).tolist(), strict=True)),
                "forecast": [[_number(v) for v in row] for row in made.members[name].tolist()],
            }
            for name, weights in made.weights.items()
        },
    }


def _recommendation_values(verdict: Sequence[Comparison]) -> dict[str, Any]:
    found = recommend(verdict)
    return {"outcome": found.outcome, "use": found.use, "sentence": found.sentence}


def comparison_values(each: Comparison) -> dict[str, Any]:
    """One comparison in plain values; None for what too little was seen to have."""
    error, theirs, change = (
        (each.error_ours, each.error_theirs, each.change) if each.forecasts else (math.nan, math.nan, math.nan)
    )
    low, high = (each.low, each.high) if each.enough else (math.nan, math.nan)
    return {
        "against": each.theirs,
        "outcome": each.outcome,
        "sentence": each.sentence(),
        "details": each.details(),
        "error": _number(error),
        "error_of_baseline": _number(theirs),
        "change": _number(change),
        "low": _number(low),
        "high": _number(high),
        "diebold_mariano": None
        if each.dm is None
        else {"statistic": _number(each.dm.statistic), "p_value": _number(each.dm.p_value)},
        "forecasts": each.forecasts,
        "series": each.series,
    }


def finding_values(each: Finding) -> dict[str, Any]:
    """One check of the audit in plain values."""
    return {"check": each.name, "found": each.found, "sentence": each.sentence, "numbers": each.numbers}


def rows_of(columns: Mapping[str, Any], date_format: str | None, zone: str | None = None) -> list[dict[str, Any]]:
    """A mapping of columns as rows of plain values; dates as they were written, those of a `zone` with its offset."""
    plain = {name: _plain(values, date_format, zone) for name, values in columns.items()}
    return [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]


def _plain(values: Any, date_format: str | None, zone: str | None) -> list[Any]:
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return date_texts(values, date_format, zone)
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    return [_number(value) if isinstance(value, float) else value for value in plain]


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def backtest_lines(made: Backtest) -> list[str]:
    """The scaled error of everyone, and the verdict."""
    forecasts, series = len(made.which), len(np.unique(made.which))
    head = f"{counted(forecasts, 'forecast')} of {counted(made.point.shape[1], 'row')}, {series:,} series"
    errors = made.errors()
    if np.isfinite(list(errors.values())).all():
        scaled = f"mean absolute error in units of the seasonal naive one (season {made.period})"
        rows = [[baseline_title(name), f"{error:.4f}"] for name, error in errors.items()]
        table = [f"{head}; {scaled}:", "", *table_lines([["forecast", "error"], *rows])]
    else:
        table = [f"{head}; {_unscaled(made)}"]
    record = [_coverage_line(made, level) for level in made.low]
    return [*table, "", *record, *_verdict_lines(made.verdict())]


def _unscaled(made: Backtest) -> str:
    """Why no error can be scaled, and what the errors are."""
    known = np.isfinite(made.actual)
    error = float(np.abs(made.point - made.actual)[known].mean()) if known.any() else 0.0
    why = "before the first origin nothing changes that errors could be scaled by"
    return f"{why}; the mean absolute error is {error:.4g}" + ("." if error else ": every forecast was exact.")


def _coverage_line(made: Backtest, level: float) -> str:
    known = np.isfinite(made.actual)
    inside = (made.low[level] <= made.actual) & (made.actual <= made.high[level])
    return f"promised {level:g} %, covered {100 * inside[known].mean():.0f} % of {int(known.sum()):,} forecasts"


def backtest_values(made: Backtest) -> dict[str, Any]:
    """All of it in plain values."""
    known = np.isfinite(made.actual)
    return {
        "forecasts": len(made.which),
        "series": len(np.unique(made.which)),
        "horizon": int(made.point.shape[1]),
        "season": made.period,
        "errors": {name: _number(error) for name, error in made.errors().items()},
        "record": [
            {
                "level": level,
                "covered": float(((made.low[level] <= made.actual) & (made.actual <= made.high[level]))[known].mean()),
                "forecasts": int(known.sum()),
            }
            for level in made.low
        ],
        "verdict": [comparison_values(each) for each in made.verdict()],
        "recommendation": _recommendation_values(made.verdict()),
    }
