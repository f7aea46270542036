"""What is recommended after all comparisons: one answer, word for word, and none where nothing can be told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from timeglass.evaluate.comparison import Comparison, verdict_table
from timeglass.evaluate.origins import Origins
from timeglass.evaluate.recommendation import recommend
from timeglass.forecast import Forecaster, Networks
from timeglass.forecast.report import backtest_lines, backtest_values, comparison_values, forecast_lines

SOME = Comparison(
    *("ours", "AR", "mae", 0.88, 1.0, -0.12, -0.19, -0.04, "better", None), 60, 1, 0, drawn="blocks", units=12
)


def against(theirs: str, outcome: str, **more: Any) -> Comparison:
    return replace(SOME, theirs=theirs, outcome=outcome, **more)


@pytest.mark.parametrize(
    ("verdict", "outcome", "use", "sentence"),
    [
        ([against("AR", "better"), against("naive", "better")], "better", None, "better than every baseline"),
        (
            # In whatever order: the baseline that errs least is the one to use.
            [against("naive", "not shown", error_theirs=2.0), against("AR", "not shown", error_theirs=0.9)],
            "not shown", "AR", "not shown to be better: use the AR forecast",
        ),
        (
            [against("seasonal naive", "not shown"), against("naive", "better", error_theirs=2.0)],
            "not shown", "seasonal naive", "not shown to be better: use the seasonal naive forecast",
        ),
        (
            [against("AR", "worse", error_theirs=0.5), against("naive", "better")],
            "worse", "AR", "worse than AR: use the AR forecast",
        ),
        (
            [against("AR", "better"), against("naive", "not shown", error_theirs=2.0)],
            "better", None, "better than AR, the best baseline; not shown to be better than naive",
        ),
        (
            [against("naive", "not shown", units=3, forecasts=20), against("AR", "worse", units=3, error_theirs=2.0)],
            "too few", None,
            "too few held-back rows to tell: of 20 forecasts 3 blocks stand apart, 5 are needed; so far the error is "
            "12 % lower than that of naive, the best baseline",
        ),
        (
            [against("AR", "not shown", units=1, forecasts=1, change=3e15)], "too few", None,
            "too few held-back rows to tell: of 1 forecast 1 block stands apart, 5 are needed; so far the error is "
            "over 999 % higher than that of AR, the best baseline",
        ),
        (
            [against("naive", "not shown", units=1, forecasts=1, change=0.001)], "too few", None,
            "too few held-back rows to tell: of 1 forecast 1 block stands apart, 5 are needed; so far the error is the "
            "same as that of naive, the best baseline",
        ),
        (
            [against("naive", "not shown", units=1, forecasts=2, change=np.inf)], "too few", None,
            "too few held-back rows to tell: of 2 forecasts 1 block stands apart, 5 are needed; so far naive is exact",
        ),
        (
            [against("naive", "not shown", forecasts=0, left_out=7)], "nothing", None,
            "nothing can be compared: all 7 forecasts are of rows that were not observed, or of a series without a "
            "change to scale errors by",
        ),
        ([], "nothing", None, "nothing can be compared: no rows were held back"),
    ],
)  # fmt: skip
def test_one_answer(verdict, outcome, use, sentence):
    found = recommend(verdict)
    assert (found.outcome, found.use, found.sentence) == (outcome, use, sentence)


def test_equal_forecasts_give_way_to_the_simple_one():
    rng = np.random.default_rng(0)
    origins = Origins(rng.normal(size=(60, 1)), np.zeros(60, int), np.ones(60), 1)
    naive = rng.normal(size=(60, 1))
    verdict = verdict_table(origins, naive * (1 + 1e-9), {"naive": naive, "mean": naive + 9})
    assert recommend(verdict).sentence == "not shown to be better: use the naive forecast"
    assert verdict[0].sentence() == "not shown to be better than naive (the same within 0.05 %)"


def test_a_short_series_gets_one_line_and_no_baseline():
    y = 100 + np.random.default_rng(0).normal(size=60).cumsum()
    forecaster = Forecaster(18, season=12, networks=Networks(count=2, epochs=1)).fit(y)
    lines = [line for line in forecast_lines(forecaster, forecaster.forecast()) if line.startswith("verdict: ")]
    assert len(forecaster.verdict_) == 5
    assert len(lines) == 1
    assert lines[0].startswith("verdict: too few held-back rows to tell: of 20 forecasts 0 blocks stand apart, 5 are ")
    assert "use the" not in lines[0]
    values = comparison_values(forecaster.verdict_[0])
    assert (values["low"], values["high"]) == (None, None)  # not the -1 that stands for no interval
    assert values["change"] is not None


def test_zeros_are_said_to_be_exact_and_nothing_is_recommended():
    made = Forecaster(3).backtest(np.zeros(40), origins=4, statistical=False)
    lines = backtest_lines(made)
    assert lines[0] == (
        "4 forecasts of 3 rows, 1 series; before the first origin nothing changes that errors could be scaled by; the "
        "mean absolute error is 0: every forecast was exact."
    )
    assert lines[-1].startswith("nothing can be compared: all 4 forecasts are of ")
    assert not [line for line in lines if "nan" in line or "use the" in line]
    values = backtest_values(made)
    json.dumps(values, allow_nan=False)
    assert set(values["errors"].values()) == {None}
    assert {each["error"] for each in values["verdict"]} == {None}
    assert (values["recommendation"]["outcome"], values["recommendation"]["use"]) == ("nothing", None)
    later = np.r_[np.zeros(34), np.arange(1.0, 7.0)]
    moved = backtest_lines(Forecaster(2).backtest(later, origins=3, statistical=False))
    assert moved[0].endswith("could be scaled by; the mean absolute error is 1.5.")
