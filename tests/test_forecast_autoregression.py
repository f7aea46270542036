"""Autoregression on longer and longer stretches, beside least squares written out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from timeglass.datasets.by_name import load
from timeglass.forecast.autoregression import fit_autoregression
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.form import Form
from timeglass.forecast.layout import Layout
from timeglass.forecast.learn import learn
from timeglass.forecast.members import fit_core, member_forecasts
from timeglass.forecast.settings import Networks, Task
from timeglass.forecast.windows import look

SMALL = Networks(hidden_units=2, count=4, epochs=2)


def sight_of(series, period=1):
    return look(Form.fit(series, period, log=False), series, horizon=1)


def test_weights_are_those_of_least_squares_by_hand():
    """Two hundred rows reach back over 16: the last value, and means of 1, 2, 4 and 8 values."""
    y = np.random.default_rng(0).normal(size=200).cumsum()
    sight = sight_of([y])
    found = fit_autoregression(sight).coefficients[0]
    z, rows = sight.z, range(16, 200)
    stretches = [(0, 1), (1, 2), (2, 4), (4, 8), (8, 16)]
    inputs = np.array([[1.0, *(z[t - end : t - begin].mean() for begin, end in stretches)] for t in rows])
    constant, *weights = np.linalg.lstsq(inputs, z[16:], rcond=None)[0]
    wanted = np.concatenate(
        [[w / (end - begin)] * (end - begin) for w, (begin, end) in zip(weights, stretches, strict=True)]
    )
    np.testing.assert_allclose(found, np.append(constant, wanted), atol=1e-5)


def test_each_step_reads_on_the_ones_before():
    y = np.random.default_rng(1).normal(size=200).cumsum()
    sight = sight_of([y])
    fitted = fit_autoregression(sight)
    made = fitted.forecast(sight, np.array([0]), np.array([150]), 3)[0]
    constant, weights = fitted.coefficients[0, 0], fitted.coefficients[0, 1:]
    known = list(sight.z[:150])
    for step in range(3):
        known.append(constant + weights @ np.array(known[::-1][: len(weights)]))
        assert made[step] == pytest.approx(known[-1], rel=1e-12)


def test_a_short_series_among_long_ones_stays_as_it_is():
    rng = np.random.default_rng(2)
    series = [rng.normal(size=n).cumsum() for n in (300, 200, 40)]
    sight = sight_of(series)
    made = fit_autoregression(sight).forecast(sight, np.array([2]), np.array([40]), 3)
    assert made[0].tolist() == [sight.z[-1]] * 3
    assert fit_autoregression(sight_of([y[:140] for y in series])) is None


def test_untrained_guided_networks_give_its_forecast():
    sight = sight_of([np.random.default_rng(3).normal(size=300).cumsum()])
    core = fit_core(sight, Layout(6, 1, 1, 3, 4), dataclasses.replace(SMALL, learning_rate=1e-12), seed=0)
    members, _ = member_forecasts(core, sight, np.array([0]), np.array([300]), 3)
    np.testing.assert_allclose(members["guided"], members["autoregression"], atol=1e-6)


def test_without_a_record_there_is_none():
    """Of 200 rows a third is held back: too few are left for it, so that it has no record, and no say."""
    y = np.random.default_rng(4).normal(size=240).cumsum()
    with_one, without = learn([y], Task(3, 1, SMALL)), learn([y[:200]], Task(3, 1, SMALL))
    assert with_one.core.autoregression is not None
    assert with_one.weights["autoregression"] > 0
    assert without.core.autoregression is None
    assert "autoregression" not in without.weights


def test_it_forecasts_the_sunspots_better_than_twenty_four_lags():
    """One step ahead over the last 450 of the first 1,800 months, learned before them."""
    y = np.asarray(load("sunspots").values, float)[:1800]
    known, rows = 1350, np.arange(1350, 1800)
    sight = look(Form.fit([y[:known]], 1, log=False), [y], horizon=1)
    fitted = fit_autoregression(sight_of([y[:known]]))
    ours = sight.form.inverse(np.zeros(450, int), fitted.forecast(sight, np.zeros(450, int), rows, 1))[:, 0]
    windows = np.lib.stride_tricks.sliding_window_view(y, 25)
    inputs = np.column_stack([np.ones(len(windows)), windows[:, :-1]])
    lags = inputs[known - 24 :] @ np.linalg.lstsq(inputs[: known - 24], y[24:known], rcond=None)[0]
    errors = [float(np.sqrt(np.mean((found - y[known:]) ** 2))) for found in (ours, lags)]
    np.testing.assert_allclose(errors, [13.69, 13.74], atol=0.08)


def test_it_is_kept_in_a_file(tmp_path):
    y = np.random.default_rng(5).normal(size=240).cumsum()
    forecaster = Forecaster(3, networks=SMALL).fit(y)
    forecaster.save(tmp_path / "f.safetensors")
    again = Forecaster.load(tmp_path / "f.safetensors")
    assert (again.forecast().point == forecaster.forecast().point).all()
    assert (again.forecast().high[95] == forecaster.forecast().high[95]).all()
    assert (
        again.forecast().members["autoregression"].tolist() == forecaster.forecast().members["autoregression"].tolist()
    )
