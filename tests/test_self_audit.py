"""What a fit says of its own data: the season that was claimed or is usual, the last row, the rows held back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timeglass.evaluate.finding import Finding
from timeglass.forecast import Covariates, Forecaster, Networks
from timeglass.forecast.held_back_audit import check_held_back
from timeglass.forecast.history import read_history
from timeglass.forecast.last_rows import check_last_rows
from timeglass.forecast.report import forecast_lines

QUICK = Networks(count=2, epochs=1, hidden_units=2)
NOISE = 100 + np.random.default_rng(0).normal(size=80)
WAVE = NOISE + 9 * np.sin(2 * np.pi * np.arange(80) / 12)


def monthly(values) -> pd.DataFrame:
    return pd.DataFrame({"ds": pd.date_range("2015-01-01", periods=len(values), freq="MS"), "y": values})


def checks(values, **settings) -> dict[str, Finding]:
    forecaster = Forecaster(2, networks=QUICK, **settings).fit(values)
    return {finding.name: finding for finding in forecaster.audit_}


def last_row(*series) -> Finding:
    names = [f"s{number}" for number, values in enumerate(series) for _ in values]
    rows = np.concatenate([np.arange(1, len(values) + 1) for values in series])
    frame = pd.DataFrame({"unique_id": names, "ds": rows, "y": np.concatenate(series)})
    return check_last_rows(read_history(frame).panel)


def test_a_season_that_nobody_claimed_is_no_fault():
    found = checks(monthly(NOISE))
    assert "claimed_season" not in found
    assert (found["usual_season"].found, found["usual_season"].numbers["with_season"]) == (False, 0)
    assert found["usual_season"].sentence == (
        "The season of 12 rows, usual for a row every month, does not show in these rows; the 90 % test finds it in 0 "
        "of 1 series: of it, only what stands out from chance is forecast."
    )
    shown = checks(monthly(WAVE))["usual_season"]
    assert shown.sentence.endswith(" shows in these rows; the 90 % test finds it in 1 of 1 series.")


def test_a_claimed_season_that_is_not_there_is_one():
    lacking = checks(monthly(NOISE), season=12)
    assert "usual_season" not in lacking
    assert lacking["claimed_season"].found
    said = "A season of 12 rows is claimed; the 90 % test finds it in 0 of 1 series: say season=1 if there is none"
    assert lacking["claimed_season"].sentence.startswith(said)
    assert not checks(monthly(WAVE), season=12)["claimed_season"].found


def test_own_forecasts_of_held_back_rows_are_asked():
    many = pd.DataFrame({"unique_id": np.repeat(["a", "b"], 80), "ds": [*range(80)] * 2, "y": [*NOISE, *WAVE]})
    found = checks(many, season=12)
    assert not found["target_misaligned"].found
    assert found["target_misaligned"].numbers["series"] == 2
    said = "One-step forecasts of rows held back are not better than their past allows (asked of 2 series)."
    assert (found["too_good"].found, found["too_good"].sentence) == (False, said)


def test_own_forecasts_that_have_seen_the_next_row_are_found():
    """What a mistake in the order of rows would do: each forecast is the value of the row after its own."""
    forecaster = Forecaster(2, networks=QUICK).fit(NOISE)
    learned = forecaster.fitted_.groups[0].learned
    held, y = learned.held_back, forecaster.history_.series[0]
    z = held.form.transform(0, y)
    for name, values in held.members.items():
        later = np.minimum(held.origins + 1, len(z) - 1)
        held.members[name] = np.column_stack([z[later], values[:, 1]])
    found = {finding.name: finding for finding in check_held_back(forecaster.fitted_, forecaster.history_)}
    assert found["target_misaligned"].numbers["shift"] == -1
    for name, values in held.members.items():
        held.members[name] = np.column_stack([z[held.origins], values[:, 1]])
    found = {finding.name: finding for finding in check_held_back(forecaster.fitted_, forecaster.history_)}
    assert found["too_good"].found


def test_a_value_far_from_all_others():
    assert not checks(monthly(NOISE))["squeezed_range"].found
    values = NOISE - 100
    values[40] = 1e10
    found = checks(monthly(values))["squeezed_range"]
    assert found.found
    assert found.sentence.startswith("Beside one value (2018-05-01: 1e+10) nearly all others lie in ")
    many = pd.DataFrame({"unique_id": np.repeat(["a", "b"], 80), "ds": [*range(80)] * 2, "y": [*NOISE, *values]})
    assert checks(many)["squeezed_range"].sentence.startswith("Of 1 series, 'b' most of all: beside one value (40: ")


@pytest.mark.parametrize("season", [4, 7, 12])
def test_what_trends_or_walks_has_no_season_for_that(season):
    """The autocorrelation of such rows is high at every lag; a season is a peak of it."""
    walk = np.random.default_rng(3).normal(size=150).cumsum()
    line = 0.1 * np.arange(60.0)  # without its slope it is what rounding left
    for values in (walk, line, NOISE + np.arange(80)):
        assert checks(values, season=season)["claimed_season"].found
    seasonal = walk + 9 * np.sin(2 * np.pi * np.arange(150) / season)
    assert not checks(seasonal, season=season)["claimed_season"].found


@pytest.mark.parametrize(("ahead", "found"), [(0, True), (1, True), (-1, False), (None, False)])
def test_a_future_column_that_is_the_values_themselves(ahead, found):
    """Under another name, of the same row or of the next; what stands there of the row before is known."""
    price = np.random.default_rng(5).normal(size=80)
    if ahead is not None:
        price = 3 * np.roll(NOISE, -ahead) + 1
    frame = monthly(NOISE).assign(price=price)
    forecaster = Forecaster(2, networks=QUICK, covariates=Covariates(future=("price",))).fit(frame)
    check = {finding.name: finding for finding in forecaster.audit_}["covariate_unknown"]
    assert check.found == found
    if found:
        assert check.sentence.startswith("Future column 'price' moves as the target ")
        assert check.sentence.endswith("Else give it as a past column, or leave it out.")


def test_a_last_row_out_of_proportion_is_said_where_it_is():
    values = np.append(NOISE, 1e6)
    forecaster = Forecaster(2, networks=QUICK).fit(monthly(values))
    changes = (1e6 - NOISE[-1]) / np.median(np.abs(np.diff(NOISE)))
    expected = (
        f"The last row (2021-09-01: 1e+06) is {changes:,.0f} usual changes away from the one before: forecasts go on "
        "from it; check the value."
    )
    assert f"audit: {expected}" in forecast_lines(forecaster, forecaster.forecast())
    assert not checks(monthly(NOISE))["last_row"].found


def test_the_last_rows_of_many_series():
    steady, spiked = NOISE, np.append(NOISE, 150.0)
    found = last_row(steady, spiked, np.append(NOISE, -1e3), steady)
    assert found.numbers["series"] == 2
    assert found.sentence.startswith("The last row of 2 of 4 series, of 's2' (81: -1000) most of all, is 1,")
    assert not last_row(steady, steady).found
    assert not last_row(np.append(spiked, NOISE)).found  # a spike in the middle is another matter


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0] * 9 + [3], None),  # the first that is sold
        ([5.0] * 9 + [6], "The last row (10: 6) is the first that differs from the one before: forecasts"),
        (4.0 ** np.arange(12), None),  # what grows by a factor goes on doing so
        ([1.0, 2, 1, 2, 1, 2, 9], None),  # too few rows to say what is usual
        ([1.0, 2, 1, 2, 1, 2, 1, 2, 4.5], None),
        ([1.0, 2, 1, 2, 1, 2, 1, 2, 7], "The last row (9: 7) is 5 usual changes away from the one before"),
        ([0.0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 90], "The last row (11: 90) is 101 usual changes away"),
        ([1e200, -1e200, 1e200, -1e200, 1e200, -1e200, 1e200, -1e200, 1e200, -1e200], None),
    ],
)
def test_what_is_out_of_proportion(values, expected):
    found = last_row(np.array(values)) if np.max(values) < 1e100 else check_last_rows(read_history(values).panel)
    assert found.found is (expected is not None)
    assert found.sentence.startswith(expected or "No last row is far from those before.")


def test_clean_series_are_seldom_accused():
    rng = np.random.default_rng(7)
    kinds = [rng.normal(size=(300, 40)).cumsum(axis=1), rng.standard_t(2, (300, 40)).cumsum(axis=1),
             np.exp(rng.normal(size=(300, 40))), np.exp(rng.normal(size=(300, 40)).cumsum(axis=1) / 2),
             rng.poisson(0.3, (300, 40)).astype(float)]  # fmt: skip
    assert [last_row(*kind).numbers["series"] <= 3 for kind in kinds] == [True] * 5


def test_rows_held_back_are_counted():
    found = checks(monthly(NOISE))["held_back_leak"]
    assert found.sentence == "26 rows were held back; scale and season were learned without them in all series."
