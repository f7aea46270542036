"""The audit of a forecaster's own run: each check is computed from what was learned, whatever that is."""

from __future__ import annotations

import numpy as np

from timeglass.evaluate.audit_covariates import target_in
from timeglass.evaluate.audit_data import has_season
from timeglass.evaluate.finding import Finding, Numbers
from timeglass.forecast.covariates import Beside
from timeglass.forecast.fitted import Fitted, Group
from timeglass.forecast.form import Form
from timeglass.forecast.held_back_audit import check_held_back
from timeglass.forecast.history import History
from timeglass.forecast.last_rows import check_last_rows
from timeglass.series.odd_values import squeezed_range
from timeglass.words import quoted

__all__ = ["audit_run"]

_SEASONAL_SHARE = 0.1  # fewer series with the season than would show it by chance
_MOST_TESTED = 1_000  # series; of more, some evenly
_WIDE_SPREAD = 1.5  # the worst network's error over the best one's
_LEAST_TARGETS = 1.0  # for each weight


def audit_run(fitted: Fitted, history: History, *, claimed: bool, beside: Beside | None = None) -> tuple[Finding, ...]:
    """What is wrong, or may be, with a fit: its season, its covariates, its windows, its output, its networks, its
    held-back rows.

    `claimed` says whether the season was given; else it is the one that is usual for how often rows come.
    """  # fmt: skip
    groups = [group for group in fitted.groups if group.learned.core.trained]
    found = [_season(fitted, history, claimed)] if fitted.task.period > 1 and fitted.groups else []
    if beside is not None and beside.covariates.future:
        found.append(_future_columns(history, beside))
    if fitted.groups:
        found.append(_squeezed(fitted, history))
    if groups:
        found += [_windows(groups), _unused(groups, history), _output(groups), _seeds(groups)]
    return (*found, check_last_rows(history.panel), *check_held_back(fitted, history), _held_back(fitted, history))


def _season(fitted: Fitted, history: History, claimed: bool) -> Finding:
    """A season that the data lack is a fault of who claimed it; the usual one was only looked for."""
    period, series = fitted.task.period, history.series
    places = [s for group in fitted.groups for s in group.places]
    some = places[:: max(1, -(-len(places) // _MOST_TESTED))]
    with_season = sum(has_season(series[s], period) for s in some)
    lacking = with_season <= _SEASONAL_SHARE * len(some)
    numbers: Numbers = {"period": period, "series": len(some), "with_season": with_season}
    said = f"the 90 % test finds it in {with_season:,} of {len(some):,} series"
    if claimed:
        remedy = ": say season=1 if there is none, or give more than three seasons of rows"
        sentence = f"A season of {period} rows is claimed; {said}{remedy * lacking}."
        return Finding("claimed_season", lacking, sentence, numbers)
    shown = "does not show in these rows" if lacking else "shows in these rows"
    kept = ": of it, only what stands out from chance is forecast" * lacking
    sentence = f"The season of {period} rows{_usual_for(history)} {shown}; {said}{kept}."
    return Finding("usual_season", False, sentence, numbers)


def _squeezed(fitted: Fitted, history: History) -> Finding:
    """A value so far out that all others lie close together beside it: in logarithms, where these are forecast."""
    series, found = history.series, {}
    for group in fitted.groups:
        form = group.learned.core.form
        for place in range(0, len(group.places), max(1, -(-len(group.places) // _MOST_TESTED))):
            s = group.places[place]
            if odd := squeezed_range(form.transform(place, series[s])):
                found[s] = odd[0]
    if not found:
        return Finding("squeezed_range", False, "No value leaves all others close together.", {"series": 0})
    worst = max(found, key=lambda s: found[s].score)
    own, row = history.panel[worst], found[worst].first
    which = "" if len(series) == 1 else f"Of {len(found):,} series, {quoted(own.name)} most of all: "
    share = f"nearly all others lie in {100 / found[worst].score:.2g} % of the range"
    sentence = f"{which}beside one value ({own.label(row)}: {own.values[row]:g}) {share}: check it; forecasts suffer."
    return Finding("squeezed_range", True, sentence[0].upper() + sentence[1:], {"series": len(found)})


def _usual_for(history: History) -> str:
    every = history.panel.frequency
    if every is None:
        return ""
    return f", usual for a row every {every.unit if every.every == 1 else f'{every.every} {every.unit}s'},"


def _future_columns(history: History, beside: Beside) -> Finding:
    """Columns that are said to be known ahead, and are the values under another name in most series."""
    offsets, names, series = history.panel.offsets, beside.covariates.future, history.series
    some = range(0, len(series), max(1, -(-len(series) // _MOST_TESTED)))
    bad = {}
    for column, name in enumerate(names):
        each = [target_in(beside.columns[offsets[s] : offsets[s + 1], column], series[s]) for s in some]
        told = [said for said in each if said]
        if 2 * len(told) > len(each):
            bad[name] = told[0]
    numbers: Numbers = {"covariates": len(names), "bad": len(bad), "names": ", ".join(bad)}
    if not bad:
        return Finding("covariate_unknown", False, "No future column is the values under another name.", numbers)
    said = "; ".join(f"{quoted(name)} {fault}" for name, fault in bad.items())
    remedy = "is it known before that row has come? Else give it as a past column, or leave it out"
    return Finding("covariate_unknown", True, f"Future column {said}: {remedy}.", numbers)


def _windows(groups: list[Group]) -> Finding:
    """Independent targets for each weight: windows of one series that overlap share most of their rows."""
    weights = max(model.architecture.weight_count for g in groups for model in g.learned.core.trained.values())
    targets = sum(g.learned.core.windows for g in groups) / len(groups)
    few = targets < _LEAST_TARGETS * weights
    said = f"{targets:,.0f} training windows teach networks of {weights:,} weights"
    remedy = ": their part of the forecast is kept small; fewer hidden units, or more rows or series, would help"
    numbers: Numbers = {"windows": targets, "weights": weights}
    return Finding("few_windows", few, said + remedy * few + ".", numbers)


def _unused(groups: list[Group], history: History) -> Finding:
    series = history.series
    used = sum(g.learned.core.windows for g in groups)
    possible = 0
    for group in groups:
        core = group.learned.core
        possible += sum(max(0, len(series[s]) - core.layout.horizon - core.layout.first + 1) for s in group.places)
    unused = used < possible
    said = f"{used:,} of {possible:,} possible training windows are used"
    return Finding(
        "unused_windows", unused, said + ("; the others teach nothing." if unused else "."),
        {"used": used, "possible": possible},
    )  # fmt: skip


def _output(groups: list[Group]) -> Finding:
    if any(group.learned.core.tutorial is not None for group in groups):
        return Finding(
            "output_bounded", True,
            "A tanh output cannot exceed the highest value of the rows fitted: no new record can be forecast; use the "
            "default recipe.", {"limit": 1.0},
        )  # fmt: skip
    return Finding("output_bounded", False, "The networks' linear output has no limit.", {"limit": None})


def _seeds(groups: list[Group]) -> Finding:
    """The errors of single networks over held-back rows: what one of them would have shown."""
    errors = []
    for group in groups:
        held = group.learned.held_back
        if held is not None and len(held.lanes):
            errors.append(np.nanmean(np.abs(held.lanes - held.actual) / held.spread[:, None], axis=(1, 2)))
    if not errors:
        return Finding("lucky_seed", False, "No rows could be held back to compare the networks on.", {})
    lanes = np.mean([own for own in errors if len(own) == len(errors[0])], axis=0)
    best, middle, worst = float(lanes.min()), float(np.median(lanes)), float(lanes.max())
    wide = worst > _WIDE_SPREAD * best
    said = (
        f"{len(lanes)} networks that differ in their seed err by {best:.3g} to {worst:.3g} (median {middle:.3g}, in "
        "units of a series' mean change)"
    )
    remedy = ": one network alone would be a draw of luck; the forecast takes the median of all"
    return Finding("lucky_seed", wide, said + remedy * wide + ".", {"best": best, "median": middle, "worst": worst})


def _held_back(fitted: Fitted, history: History) -> Finding:
    """Whether what the held-back forecasts worked with could have been learned without the rows held back."""
    series, leaks, rows = history.series, 0, 0
    for group in fitted.groups:
        held = group.learned.held_back
        if held is None:
            continue
        first = {int(s): int(held.origins[held.which == s].min()) for s in np.unique(held.which)}
        known = [series[group.places[s]][:origin] for s, origin in first.items()]
        form = Form.fit(known, fitted.task.period, log=fitted.task.log)
        leaks += int((np.abs(form.limits - held.form.limits).max(axis=1) > 0).sum())
        rows += sum(len(series[group.places[s]]) - origin for s, origin in first.items())
    if rows == 0:
        return Finding(
            "no_held_back_rows", bool(fitted.groups),
            "No rows could be held back: neither intervals nor verdict were tested; give more rows.",
            {"rows": 0},
        )  # fmt: skip
    which = f"all but {leaks:,}" if leaks else "all"
    said = f"{rows:,} rows were held back; scale and season were learned without them in {which} series"
    return Finding("held_back_leak", leaks > 0, said + ".", {"rows": rows, "leaks": leaks})
