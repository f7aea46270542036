"""The audit of the forecasts that a fit made of rows held back: do they stand in their own rows, are they too good?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from timeglass.evaluate.audit_alignment import check_alignment
from timeglass.evaluate.audit_too_good import check_too_good
from timeglass.evaluate.evidence import LARGEST, Evidence, Given, gather_evidence
from timeglass.evaluate.finding import Finding
from timeglass.forecast.combine import combine
from timeglass.forecast.fitted import Fitted
from timeglass.forecast.history import History
from timeglass.words import quoted

__all__ = ["check_held_back"]

_MOST_SERIES = 8
_CHECKS: tuple[tuple[str, str, Callable[[Given], Finding]], ...] = (
    ("target_misaligned", "fit their own rows", check_alignment),
    ("too_good", "are not better than their past allows", check_too_good),
)


def check_held_back(fitted: Fitted, history: History) -> list[Finding]:
    """The checks of `timeglass.evaluate.audit` for the one-step forecasts of some series' held-back rows.

    The first eight series are asked that have forecasts from origins that follow on each other.
    """
    given = _given(fitted, history)
    found = []
    for name, fine, check in _CHECKS:
        each = {series: check(one) for series, one in given.items()}
        checked = [finding for finding in each.values() if finding.checked]
        wrong = next((series for series, finding in each.items() if finding.checked and finding.found), None)
        if wrong is not None:
            which = "" if len(history.panel) == 1 else f"Series {quoted(wrong)}, rows held back: "
            found.append(replace(each[wrong], sentence=which + each[wrong].sentence))
        elif checked:
            said = f"One-step forecasts of rows held back {fine} (asked of {len(checked):,} series)."
            found.append(Finding(name, False, said, {"series": len(checked)}))
    return found


def _given(fitted: Fitted, history: History) -> dict[str, Given]:
    """By series: the rows before those held back, these, and the forecasts of them."""
    found: dict[str, Given] = {}
    series = history.series
    for group in fitted.groups:
        held = group.learned.held_back
        if held is None:
            continue
        z = combine(group.learned.weights, held.members)
        for number in np.unique(held.which)[: _MOST_SERIES - len(found)]:
            own = np.flatnonzero(held.which == number)
            origins, place = held.origins[own], group.places[number]
            if len(origins) > 1 and (np.diff(origins) == 1).all():
                forecasts = held.form.inverse(held.place[own], z[own, :1])[:, 0]
                known, came = series[place][: origins[0]], series[place][origins[0] : origins[-1] + 1]
                most = max(np.abs(known).max(), np.abs(came).max(), np.abs(forecasts).max())
                if most <= LARGEST and np.ptp(known) > 0:
                    period = fitted.task.period if fitted.task.period > 1 else None
                    found[history.panel.ids[place]] = gather_evidence(known, came, forecasts, None, period, Evidence())
    return found
