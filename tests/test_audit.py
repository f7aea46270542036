"""The audit of what was learned from which rows: scalers, windows, covariates, seasons. Each with and without fault."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.preprocessing as sk

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.evaluate.audit_report import AuditReport, audit
from timeglass.evaluate.evidence import Evidence
from timeglass.evaluate.finding import Finding
from timeglass.evaluate.learned_scale import learned_scale
from timeglass.prepare.power import Log
from timeglass.prepare.scale import MinMaxScaler, RobustScaler, StandardScaler
from timeglass.prepare.steps import Steps
from timeglass.prepare.windows import cut_windows
from timeglass.series.series import Origin, Series

ROWS, KNOWN = 120, 90
SERIES = np.random.default_rng(4).normal(50, 10, ROWS).round(3)
SERIES[100], SERIES[110] = 95.0, 2.0  # both records are in the test part
TRAIN, TEST = SERIES[:KNOWN], SERIES[KNOWN:]


def check(name: str, *, train=TRAIN, test=TEST, predictions=None, scaler=None, period=None, **more) -> Finding:
    return audit(train, test, predictions, scaler=scaler, period=period, evidence=Evidence(**more)).finding(name)


# ---- the scaler


MAKERS = {
    "ours, limits": MinMaxScaler.fit,
    "ours, moments": StandardScaler.fit,
    "ours, robust": RobustScaler.fit,
    "a pair": lambda v: (v.min(), v.max()),
    "an array": lambda v: np.array([v.min(), v.max()]),
    "scikit-learn, limits": lambda v: sk.MinMaxScaler().fit(v[:, None]),
    "scikit-learn, limits -1 to 1": lambda v: sk.MinMaxScaler((-1, 1)).fit(v[:, None]),
    "scikit-learn, single precision": lambda v: sk.MinMaxScaler().fit(v[:, None].astype(np.float32)),
    "scikit-learn, moments": lambda v: sk.StandardScaler().fit(v[:, None]),
    "scikit-learn, robust": lambda v: sk.RobustScaler(quantile_range=(10, 90)).fit(v[:, None]),
    "scikit-learn, reach": lambda v: sk.MaxAbsScaler().fit(v[:, None]),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_scaler_fitted_on_test_rows_is_found_and_only_that(make):
    assert check("scaler_saw_test", scaler=make(SERIES)).found
    honest = check("scaler_saw_test", scaler=make(TRAIN))
    assert (honest.found, honest.checked) == (False, True)


@pytest.mark.parametrize(
    "scaler", [sk.MinMaxScaler((-1, 3)), sk.StandardScaler(), sk.StandardScaler(with_mean=False), sk.RobustScaler(),
               sk.MaxAbsScaler()], ids=str,
)  # fmt: skip
def test_a_scaler_is_inverted_as_scikit_learn_does(scaler):
    scaled = scaler.fit_transform(SERIES[:, None])[:, 0]
    np.testing.assert_allclose(learned_scale(scaler).inverse(scaled), SERIES, rtol=1e-12)


def test_limits_say_which_test_row_they_are_of():
    both = check("scaler_saw_test", scaler=MinMaxScaler.fit(SERIES))
    assert both.sentence == (
        f"The scaler saw the test part: its minimum 2 is that of test row 21, the training rows' is {TRAIN.min():.6g}: "
        "fit it on y_train alone."
    )
    assert both.numbers == {
        "kind": "limits", "minimum": 2.0, "minimum_of_train": TRAIN.min(), "minimum_of_all": 2.0,
        "maximum": 95.0, "maximum_of_train": TRAIN.max(), "maximum_of_all": 95.0,
    }  # fmt: skip
    assert "its maximum 95 is that of test row 11" in check("scaler_saw_test", scaler=(TRAIN.min(), 95.0)).sentence
    dates = np.datetime64("2001-01", "M") + np.arange(KNOWN, ROWS)
    dated = Series(TEST, dates, np.arange(len(TEST)) + 2, "y", Origin("y.csv"))
    assert "that of 2010-03" in check("scaler_saw_test", test=dated, scaler=MinMaxScaler.fit(SERIES)).sentence


def test_limits_of_a_part_of_the_training_rows_are_in_order_and_strange_ones_unknown():
    part = check("scaler_saw_test", scaler=(TRAIN.min() + 1, TRAIN.max() - 1))
    assert (part.found, part.checked) == (False, True)
    for strange in ((0.0, 200.0), StandardScaler(80.0, 1.0), StandardScaler.fit(TRAIN[:60])):
        unknown = check("scaler_saw_test", scaler=strange)
        assert (unknown.found, unknown.checked) == (False, False)
        assert "come neither from y_train nor from all rows" in unknown.sentence


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("make", [MinMaxScaler.fit, StandardScaler.fit])
def test_values_that_were_scaled_before_show_by_which_rows(make, dtype):
    whole, own = (make(rows).transform(SERIES).astype(dtype) for rows in (SERIES, TRAIN))
    leaked = audit(whole[:KNOWN], whole[KNOWN:])
    honest = audit(own[:KNOWN], own[KNOWN:])
    assert leaked.finding("scaler_saw_test").found
    assert honest.finding("scaler_saw_test").checked
    assert not honest.finding("scaler_saw_test").found
    assert leaked.finding("scaled_units").found
    assert honest.finding("scaled_units").found
    # With the limits in the series' units the same is seen, though they do not fit the values.
    assert audit(whole[:KNOWN], whole[KNOWN:], scaler=(2.0, 95.0)).finding("scaler_saw_test").found


def test_zeros_and_ones_are_not_taken_for_scaled():
    binary = (SERIES > 50).astype(float)
    report = audit(binary[:KNOWN], binary[KNOWN:])
    assert not report.found
    assert not report.finding("scaler_saw_test").checked


class _Unfitted:
    data_min_ = None


@pytest.mark.parametrize(
    ("scaler", "words"),
    [
        (_Unfitted(), "got _Unfitted: fit it before"),
        ("minmax", "got str"),
        ((1.0, 2.0, 3.0), "expected the limits"),
        ((3.0, 3.0), "the lower one first, got 3 and 3"),
        ((0.0, np.inf), "not finite: 0.0, inf"),
        (sk.MinMaxScaler().fit(np.ones((3, 2)) * [[1], [2], [3]]), "data_min_ holds 2 columns, one is wanted"),
        (sk.StandardScaler(), "got StandardScaler: fit it before"),
    ],
)
def test_what_is_no_fitted_scaler_of_one_column_is_refused(scaler, words):
    with pytest.raises(OptionError, match=f"^scaler: .*{words}"):
        audit(TRAIN, TEST, scaler=scaler)


def test_what_is_learned_from_test_rows_is_named():
    honest = check("learned_from_test", learn=lambda rows: Steps.fit(rows[:KNOWN], [Log(), MinMaxScaler.fit]))
    assert (honest.found, honest.checked) == (False, True)
    leaking = check("learned_from_test", learn=lambda rows: Steps.fit(rows, [Log(), MinMaxScaler.fit]))
    assert "depends on test rows (test rows 1 to 30): steps[1].high, steps[1].low: learn it" in leaking.sentence


# ---- windows


@pytest.mark.parametrize("scale", [None, TRAIN, SERIES], ids=["units", "scaled by train", "scaled by all"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_windows_across_the_split_are_counted(scale, dtype):
    used = SERIES if scale is None else MinMaxScaler.fit(scale).transform(SERIES)
    every = cut_windows(used, 8, stride=1).x.astype(dtype)  # 112 windows; those with a target in TRAIN are 82
    honest = check("windows_overlap", x_train=every[:82], x_test=every[82:])
    assert (honest.found, honest.checked) == (False, True)
    order = np.random.default_rng(0).permutation(112)
    shuffled = check("windows_overlap", x_train=every[order[:82], :, None], x_test=every[order[82:], :, None])
    late, early = int((order[:82] >= 82).sum()), int((order[82:] < 82).sum())
    assert shuffled.found
    assert shuffled.numbers == {
        "train_windows": 82, "holding_test_rows": late, "test_windows": 30, "with_training_targets": early,
    }  # fmt: skip
    last = order[:82].max() + 8 - KNOWN + 1
    said = f"{late} of 82 training windows, or their targets, hold test rows, up to test row {last}; {early} of 30"
    assert said in shuffled.sentence
    one_more = check("windows_overlap", x_train=every[:83])
    assert one_more.numbers["holding_test_rows"] == 1
    assert check("windows_overlap", x_train=every[:82], horizon=2).numbers["holding_test_rows"] == 1


def test_windows_that_stand_at_two_places_count_for_the_right_one():
    repeating = np.tile(np.arange(6.0), 20)
    every = cut_windows(repeating, 6, stride=1).x
    assert not check("windows_overlap", train=repeating[:90], test=repeating[90:], x_train=every).found


def test_windows_of_other_values_are_not_judged():
    other = cut_windows(np.random.default_rng(9).normal(size=50), 8, stride=1).x
    backwards = cut_windows(TRAIN, 8, stride=1).x[:, ::-1]
    for windows in (other, backwards, cut_windows(TRAIN, 3, stride=1).x):
        assert not check("windows_overlap", x_train=windows).checked


# ---- covariates


_noise = np.random.default_rng(11).normal(size=ROWS)
_gap = np.where(np.arange(ROWS) == 95, np.nan, _noise)
COVARIATES = {
    "the target in other units": (3 * SERIES - 7, "moves as the target of the same row does (100.0% of its changes)"),
    "nearly the target": (SERIES + 0.1 * _noise, "moves as the target of the same row does"),
    "the next row's target": (np.r_[SERIES[1:], 50.0], "moves as the target 1 row later does"),
    "the target of three rows later": (np.r_[SERIES[3:], [50.0] * 3], "moves as the target 3 rows later does"),
    "values of the training rows": (_noise[:KNOWN], "has no values in the rows forecast (test rows 1 to 30)"),
    "filled forward": (np.r_[_noise[:KNOWN], [_noise[KNOWN - 1]] * 30], "repeats its last training value"),
    "missing": (_gap, "is missing in 1 of 30 rows forecast, first in test row 6"),
    "noise": (_noise, ""),
    "the last row's target": (np.r_[50.0, SERIES[:-1]], ""),
    "related": (SERIES + 5 * _noise, ""),
    "a switch that stays": ((np.arange(ROWS) > 40).astype(float), ""),
    "a constant": (np.ones(ROWS), ""),
}


@pytest.mark.parametrize("name", COVARIATES)
def test_a_covariate_that_was_not_known_is_named(name):
    values, words = COVARIATES[name]
    finding = check("covariate_unknown", covariates={"calm": np.sin(np.arange(ROWS)), name: values})
    assert (finding.found, finding.checked) == (bool(words), True)
    assert words in finding.sentence
    assert finding.numbers["names"] == (name if words else "")


def test_a_lag_of_a_smooth_series_is_no_leak():
    smooth = np.sin(np.arange(ROWS) / 30)
    lag = {"lag": np.r_[0.0, smooth[:-1]]}
    assert not check("covariate_unknown", train=smooth[:KNOWN], test=smooth[KNOWN:], covariates=lag).found
    lead = {"lead": np.r_[smooth[1:], 0.0]}
    assert check("covariate_unknown", train=smooth[:KNOWN], test=smooth[KNOWN:], covariates=lead).found


# ---- season, weights, windows left out


def test_a_season_that_is_not_there_is_found_and_one_under_a_trend_is_seen():
    t = np.arange(KNOWN)
    noise = np.random.default_rng(2).normal(0, 1, KNOWN)
    for seasonal in (np.sin(2 * np.pi * t / 12) * 3 + noise, np.sin(2 * np.pi * t / 12) * 3 + noise + t):
        assert not check("claimed_season", train=seasonal, period=12).found
    missing = check("claimed_season", train=np.sin(2 * np.pi * t / 20) * 3 + noise, period=12)
    assert missing.found
    assert "no season of 12 rows" in missing.sentence
    assert "there is a peak near lag" in missing.sentence
    assert missing.numbers["autocorrelation"] < missing.numbers["limit"]
    assert not check("claimed_season", period=1).checked
    assert "3 seasons of 40 rows" in check("claimed_season", period=40).sentence


@pytest.mark.parametrize(("windows", "found"), [(18, True), (19, False)])
def test_windows_are_held_against_weights(windows, found):
    assert check("few_windows", weights=19, windows=windows).found is found


def test_windows_left_out_are_counted():
    thinned, every = (cut_windows(TRAIN, 8, stride=stride).x for stride in (8, 1))
    few = check("unused_windows", x_train=thinned)
    assert few.found
    assert few.numbers == {"used": 11, "possible": 82}
    assert not check("unused_windows", x_train=every).found
    assert not check("unused_windows", windows=62, time_steps=8).found  # 75.6 %: the others may be held back
    assert check("unused_windows", windows=61, time_steps=8).found


# ---- the report


def test_the_report_says_what_was_not_checked_and_ends_with_a_code():
    report = audit(TRAIN, TEST, scaler=MinMaxScaler.fit(SERIES), period=1)
    assert isinstance(report, AuditReport)
    assert [finding.name for finding in report.found] == ["scaler_saw_test"]
    assert report.exit_code == 1
    lines = report.lines()
    assert lines[0] == "90 training rows, 30 test rows, no forecasts"
    assert lines[2] == "Found (1)"
    assert lines[lines.index("Not checked (11)") + 6].startswith("  saturated_output: it needs the forecasts")
    assert lines[-1] == "1 of 1 check found something; 11 more could not be made."
    values = json.loads(json.dumps(report.json(), allow_nan=False))
    assert (values["found"], values["not_checked"], len(values["checks"])) == (1, 11, 12)
    assert all(each.sentence.endswith(".") and each.sentence.isprintable() for each in report.findings)
    assert audit(TRAIN, TEST).exit_code == 0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: audit([], [1.0]), ShapeError, "y_train: expected the values"),
        (lambda: audit([1.0], [np.nan]), InputError, "y_test: value 1 is nan"),
        (lambda: audit([1.0], ["a"]), InputError, "y_test: expected numbers"),
        (lambda: audit([1e200, 1.0], [1.0]), InputError, "y_train: values beyond 1e"),
        (lambda: audit([1.0], [1.0, 2.0], [1.0]), ShapeError, "one for each of the 2 test rows"),
        (lambda: audit([1.0], [1.0], period=0), OptionError, "period: expected a whole number of at least 1"),
        (lambda: Evidence(horizon=0), OptionError, "horizon: expected a whole number of at least 1, got 0"),
        (lambda: Evidence(weights=-1), OptionError, "weights: expected"),
        (lambda: Evidence(activation="tan"), OptionError, "activation: expected one of"),
        (lambda: Evidence(reported_error=-1.0), OptionError, "reported_error: expected"),
        (lambda: Evidence(covariates=[1.0]), OptionError, "covariates: expected a mapping"),
        (lambda: check("lucky_seed", seed_errors=[1.0, -1.0]), InputError, "seed_errors: expected"),
        (lambda: check("windows_overlap", x_train=[1.0]), ShapeError, "x_train: expected windows"),
        (lambda: check("windows_overlap", x_train=np.ones((3, 8)), x_test=np.ones((3, 7))), ShapeError, "x_test"),
        (lambda: check("x", covariates={"a": [1.0]}), ShapeError, r"'a' has shape \(1,\): expected \(120,\)"),
        (lambda: check("x", covariates={"a": ["b"] * ROWS}), InputError, "'a' holds more than numbers"),
        (lambda: check("x", covariates={"a": [np.inf] * ROWS}), InputError, "'a' has an infinite value"),
        (lambda: check("x", covariates={"a": [np.nan] * KNOWN + [1.0] * 30}), InputError, "no value in row 1"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_its_name(call, error, words):
    with pytest.raises(error, match=words):
        call()
