"""Values that no finite forecast can be made with are refused where they stand; all others have finite forecasts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from timeglass.errors import InputError, OptionError
from timeglass.forecast import Forecaster, Networks
from timeglass.forecast.settings import check_horizon, check_levels

QUICK = Networks(hidden_units=2, count=2, epochs=1)
MONTHS = pd.date_range("2010-01-01", periods=40, freq="MS")


def rows_of(series, rows=slice(None)):
    """A long frame of series (S, 40)."""
    parts = [pd.DataFrame({"unique_id": f"s{s}", "ds": MONTHS, "y": y}).iloc[rows] for s, y in enumerate(series)]
    return pd.concat(parts, ignore_index=True)


def walks(count=3):
    return np.random.default_rng(0).normal(size=(count, 40)).cumsum(axis=1)


def test_one_cell_of_many_series_is_named():
    series = walks()
    series[1, 29] = 2e300
    wanted = (
        r"pandas DataFrame:70:3: series 's1' holds 2e\+300, .*: expected at most 1e\+250 in size: mend it, or divide"
    )
    with pytest.raises(InputError, match=wanted):
        Forecaster(2, 1, networks=QUICK).fit(rows_of(series))


@pytest.mark.parametrize("row", [10, 20, 38, 39])
def test_a_cell_out_of_all_proportion_is_named(row, tmp_path):
    series = walks(1)
    series[0, row] = -1e100
    lines = [f"{month:%Y-%m},{value}" for month, value in zip(MONTHS, series[0], strict=True)]
    (tmp_path / "sales.csv").write_text("month,units\n" + "\n".join(lines) + "\n")
    wanted = (
        rf"sales.csv:{row + 2}:2: series 'units' holds -1e\+100, .*: expected at most 1e\+20 times the median size, \d"
    )
    with pytest.raises(InputError, match=wanted):
        Forecaster(2, 1, networks=QUICK).fit(tmp_path / "sales.csv")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("row", [10, 20, 30, 39])
@pytest.mark.parametrize("scale", [1.0, 1e-200, 5e229])
def test_what_is_not_refused_has_a_finite_forecast(row, scale):
    series = walks()
    series[1, row] = 2e19
    made = Forecaster(2, 1, networks=QUICK).fit(rows_of(series * scale)).forecast()
    assert all(np.isfinite(part).all() for part in (made.point, made.low[95], made.high[95]))


def test_new_rows_are_held_to_the_same():
    series = walks()
    fitted = Forecaster(2, 1, networks=QUICK).fit(rows_of(series, slice(38)))
    before = fitted.forecast().point
    series[1, 39] = 1e200
    with pytest.raises(
        InputError, match=r"pandas DataFrame:4:3: series 's1' holds 1e\+200, .* 1e\+20 times the median"
    ):
        fitted.update(rows_of(series, slice(38, None)))
    assert (fitted.forecast().point == before).all()  # nothing was taken
    series[1, 39] = 1e15
    assert np.isfinite(fitted.update(rows_of(series, slice(38, None))).forecast().point).all()


def test_zeros_have_no_size():
    series = np.where(np.arange(40) % 3, 0.0, 1.0) * walks(1)
    series[0, 0] = 1e-320
    assert np.isfinite(Forecaster(2, 1, networks=QUICK).fit(rows_of(series)).forecast().point).all()


def test_a_window_longer_than_every_series_is_refused_by_its_name():
    told = Networks(hidden_units=1, count=2, epochs=1, time_steps=31)
    said = "time_steps: a window of 31 rows is longer than every series: the longest has 30: ask for fewer"
    with pytest.raises(OptionError, match=said):
        Forecaster(2, networks=told).fit(np.random.default_rng(0).normal(size=30))
    Forecaster(2, networks=told).fit(np.random.default_rng(0).normal(size=31))


def test_series_too_short_for_networks_are_among_those_replaced():
    forecaster = Forecaster(3).fit([1.0, 2.0, 4.0, 3.0, 5.0, 6.0])
    (one,) = forecaster.replaced_
    assert (one.series, one.method) == ("y", "smoothing")
    assert one.why == "1 training window of 8 rows and the 3 after; at least 8 are needed to train on"
    assert forecaster.forecast().replaced == forecaster.replaced_


def test_levels_may_be_an_array():
    assert check_levels("level", np.array([95.0, 80.0])) == (80, 95)
    for wrong in (np.array(80), np.array([[80]]), np.array([True]), np.array([0])):
        with pytest.raises(OptionError, match="level: expected percentages"):
            check_levels("level", wrong)


@pytest.mark.parametrize(("horizon", "size"), [(10**9, "59.6"), (100_001, "0.00596")])
def test_a_horizon_beyond_all_use_is_refused_with_what_it_would_take(horizon, size):
    with pytest.raises(OptionError, match=rf"more than the 100,000 steps .* \({size} GiB for one series\)"):
        check_horizon("horizon", horizon)
