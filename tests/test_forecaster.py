"""The forecaster as its users meet it: frames in, dated frames out, settings, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone

from timeglass.datasets.by_name import load
from timeglass.errors import InputError, OptionError
from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.settings import Covariates, Networks
from timeglass.read import ReadOptions, read_series

QUICK = Networks(hidden_units=2, count=4, epochs=2)


def quick(horizon=3, **settings):
    return Forecaster(horizon, networks=QUICK, **settings)


def long_frame(rows=(40, 30), start="2020-01-31", freq="ME"):
    rng = np.random.default_rng(0)
    parts = [
        pd.DataFrame(
            {
                "unique_id": f"s{i}",
                "ds": pd.date_range(start, periods=n, freq=freq),
                "y": 100 + 10 * i + rng.normal(size=n).cumsum(),
            }
        )
        for i, n in enumerate(rows)
    ]
    return pd.concat(parts, ignore_index=True)


# Frames in, the same kind out


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_long_frame_gives_a_long_frame_of_its_kind(kind):
    frame = long_frame()
    given = {"pandas": frame, "polars": pl.from_pandas(frame), "pyarrow": pa.Table.from_pandas(frame)}[kind]
    made = quick().fit(given).predict(2, level=[80, 95])
    assert type(made) is type(given)
    table = pa.table(made.to_arrow() if kind == "polars" else made)
    assert table.column_names == [
        "unique_id", "ds", "timeglass", "timeglass-lo-80", "timeglass-hi-80", "timeglass-lo-95", "timeglass-hi-95",
        "method",
    ]  # fmt: skip
    assert table["unique_id"].to_pylist() == ["s0", "s0", "s1", "s1"]
    dates = [str(value)[:10] for value in table["ds"].to_pylist()]
    assert dates == ["2023-05-31", "2023-06-30", "2022-07-31", "2022-08-31"]


@pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("ms"), pl.Datetime("ns")])
def test_times_keep_their_type_so_that_frames_can_be_joined(dtype):
    frame = pl.from_pandas(long_frame()).with_columns(pl.col("ds").cast(dtype))
    made = quick().fit(frame).predict()
    assert made.schema["ds"] == dtype
    assert len(frame.join(made, on=["unique_id", "ds"], how="anti")) == len(frame)


def test_numbered_rows_go_on_by_number():
    frame = long_frame().assign(ds=[*range(1, 41), *range(5, 35)])
    assert quick().fit(frame).predict()["ds"].tolist() == [41, 42, 43, 35, 36, 37]


def test_other_names_and_one_series():
    frame = long_frame(rows=(40,)).rename(columns={"ds": "when", "y": "sales"}).drop(columns="unique_id")
    made = quick().fit(frame).predict()
    assert made["unique_id"].unique().tolist() == ["sales"]
    assert str(made["ds"].iloc[0])[:10] == "2023-05-31"


def test_a_wide_frame_is_many_series():
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=30, freq="D"), "a": range(30), "b": range(30, 60)})
    assert quick().fit(frame).predict()["unique_id"].tolist() == ["a"] * 3 + ["b"] * 3


def test_times_with_a_zone_come_back_in_it():
    frame = long_frame(rows=(60,), start="2024-03-28", freq="h")
    frame["ds"] = frame["ds"].dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin")
    made = quick(season=1).fit(frame).predict(1)
    assert made["ds"].dt.tz is not None
    assert made["ds"].iloc[0] == frame["ds"].iloc[-1] + pd.Timedelta(hours=1)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
def test_midnights_of_a_zone_are_followed_by_midnights(zone):
    frame = long_frame(rows=(60,), start="2024-03-01", freq="D")
    frame["ds"] = frame["ds"].dt.tz_localize(zone)
    made = quick(season=1).fit(frame).predict(2)
    assert made["ds"].tolist() == [frame["ds"].iloc[-1] + pd.DateOffset(days=n) for n in (1, 2)]


def test_lists_series_and_panels():
    values = [float(v) for v in np.random.default_rng(0).normal(size=40).cumsum()]
    wanted = quick().fit(values).forecast().point
    for source in (np.array(values), read_series(values), pd.Series(values)):
        assert (quick().fit(source).forecast().point == wanted).all()


# What comes out


def test_the_same_seed_gives_the_same_bits_and_another_others():
    frame = long_frame()
    one, two, other = (quick(seed=s).fit(frame).forecast() for s in (1, 1, 2))
    assert (one.point == two.point).all()
    assert (one.high[95] == two.high[95]).all()
    assert not (one.point == other.point).all()


def test_the_point_forecast_is_the_weighted_mean_of_its_members():
    made = quick(log=False).fit(long_frame()).forecast()
    total = sum(made.weights[name][:, None] * made.members[name] for name in made.members)
    np.testing.assert_allclose(made.point, total, rtol=1e-9)
    np.testing.assert_allclose(sum(made.weights.values()), 1)
    assert made.lanes.shape == (4, 2, 3)


def test_intervals_hold_the_forecast_and_each_other():
    made = quick().fit(long_frame()).forecast(7, level=[50, 80, 95])
    for inner, outer in ((50, 80), (80, 95)):
        assert (made.low[outer] <= made.low[inner]).all()
        assert (made.high[inner] <= made.high[outer]).all()
    assert (made.low[50] <= made.point).all()
    assert (made.point <= made.high[50]).all()


def test_other_units_give_the_same_forecast_in_them():
    frame = long_frame()
    plain = quick(log=False).fit(frame).forecast()
    scaled = quick(log=False).fit(frame.assign(y=frame["y"] * 1024 - 4096)).forecast()
    np.testing.assert_allclose(scaled.point, plain.point * 1024 - 4096, rtol=1e-6)
    np.testing.assert_allclose(scaled.low[95], plain.low[95] * 1024 - 4096, rtol=1e-5)


def test_negative_and_tiny_values():
    frame = long_frame()
    for change in (lambda y: -y, lambda y: y * 1e-12, lambda y: y * 1e200):
        made = quick().fit(frame.assign(y=change(frame["y"]))).forecast()
        first = change(frame["y"]).iloc[39]
        assert np.isfinite(made.point).all()
        assert abs(made.point[0, 0] / first - 1) < 0.1


def test_a_season_is_forecast():
    t = np.arange(120)
    y = 50 + 20 * np.sin(2 * np.pi * t / 12) + 0.5 * np.random.default_rng(0).normal(size=120)
    made = Forecaster(12, season=12).fit(y[:108]).forecast()
    assert np.abs(made.point[0] - y[108:]).mean() < 1.5


def test_intervals_keep_their_promise():
    """Over twelve autoregressive series, 12 rows ahead each: 80 % should hold 80 %, and the record should say so."""
    covered, record = [], []
    for seed in range(12):
        noise = np.random.default_rng(seed).normal(size=120)
        y = np.zeros(120)
        for t in range(1, 120):
            y[t] = 0.7 * y[t - 1] + noise[t]
        forecaster = Forecaster(12, season=1, networks=Networks(hidden_units=4)).fit(y[:108])
        made = forecaster.forecast(level=[80])
        covered.append(np.mean((made.low[80][0] <= y[108:]) & (y[108:] <= made.high[80][0])))
        record.append(forecaster.coverage(80).covered)
    assert 0.7 < np.mean(covered) < 0.9
    assert abs(np.mean(covered) - np.mean(record)) < 0.1


@pytest.mark.parametrize(("name", "horizon", "season"), [("air-passengers", 18, 12), ("uk-gas", 8, 4), ("nile", 6, 1)])
def test_horizon_and_season_follow_from_the_dates(name, horizon, season):
    made = Forecaster(networks=QUICK).fit(load(name))
    assert (made.horizon_, made.season_) == (horizon, season)


def test_the_record_is_said():
    forecaster = quick().fit(load("air-passengers"))
    record = forecaster.coverage(80)
    assert record.sentence() == f"promised 80 %, covered {100 * record.covered:.0f} % of {record.forecasts} forecasts"
    assert 0.5 < record.covered <= 1
    assert quick().fit([1.0, 2.0, 4.0, 3.0, 5.0]).coverage().sentence() == (
        "promised 95 %, not tested: too few held-back rows"
    )


def test_a_horizon_beyond_the_trained_one():
    forecaster = quick(2).fit(long_frame())
    made = forecaster.forecast(9)
    assert np.isfinite(made.point).all()
    np.testing.assert_allclose(made.point[:, :2], forecaster.forecast(2).point)
    width = made.high[95] - made.low[95]
    assert (width[:, 8] > width[:, 1]).all()


@pytest.mark.parametrize(
    "settings", [{"strategy": "recursive"}, {"cell": "lstm"}, {"cell": "simple"}, {"shared": False}]
)
def test_kinds_of_networks(settings):
    networks = Networks(hidden_units=2, count=4, epochs=2, **settings)
    made = Forecaster(3, networks=networks).fit(long_frame()).forecast()
    assert np.isfinite(made.point).all()
    assert np.isfinite(made.lanes).all()


def test_networks_of_their_own_do_not_know_other_series():
    frame = long_frame()
    networks = Networks(hidden_units=2, count=4, epochs=2, shared=False)
    both = Forecaster(3, networks=networks).fit(frame).forecast()
    one = Forecaster(3, networks=networks).fit(frame[frame["unique_id"] == "s1"]).forecast()
    np.testing.assert_allclose(both.point[1], one.point[0])


def test_the_tutorials_settings():
    forecaster = Forecaster.tutorial().fit(load("sunspots")[:400])
    made = forecaster.forecast()
    assert list(made.members) == ["tutorial"]
    assert made.lanes.shape == (16, 1, 1)
    np.testing.assert_allclose(made.point[0, 0], made.lanes.mean(), rtol=1e-9)
    assert forecaster.fitted_.groups[0].learned.core.windows == 33  # 12, 24, … 396 rows before the target


# Series that nothing can be learned from


def test_constant_and_short_series_are_forecast_by_a_stated_rule():
    frame = long_frame()
    short = pd.DataFrame(
        {"unique_id": "short", "ds": pd.date_range("2020-01-31", periods=3, freq="ME"), "y": [1, 3, 2]}
    )
    flat = pd.DataFrame({"unique_id": "flat", "ds": pd.date_range("2020-01-31", periods=20, freq="ME"), "y": -5.0})
    made = quick().fit(pd.concat([short, frame, flat])).forecast()
    assert made.method == ("last value", "networks", "networks", "constant")
    assert [str(each) for each in made.replaced] == [
        "short: last value: 3 rows; at least 4 are needed to learn from",
        "flat: constant: no variation; nothing to learn",
    ]
    assert made.point[3].tolist() == [-5] * 3
    assert made.point[0].tolist() == [2] * 3
    assert (made.high[95][0] > 2).all()


@pytest.mark.parametrize("rows", [1, 2, 4, 5, 6, 9, 12])
def test_short_series_alone(rows):
    made = quick().fit(np.random.default_rng(rows).normal(size=rows)).forecast()
    assert np.isfinite(made.point).all()
    assert np.isfinite([made.low[95], made.high[95]]).all() == (rows > 1)  # one row shows no spread
    assert made.method[0] in ("last value", "smoothing", "networks")
    assert (made.method[0] == "networks") or made.replaced


# Updates


def test_an_update_goes_on_without_training():
    frame = long_frame(rows=(40,))
    forecaster = quick().fit(frame[:36])
    weights = forecaster.fitted_.groups[0].learned.core.window.weight_rows
    forecaster.update(frame[36:])
    assert str(forecaster.predict(1)["ds"].iloc[0])[:10] == "2023-05-31"
    assert (forecaster.fitted_.groups[0].learned.core.window.weight_rows == weights).all()
    rows = [quick().fit(frame[:36]).update(frame[36:38]).update(frame[38:])]
    assert (rows[0].forecast().point == forecaster.forecast().point).all()


def test_an_update_without_dates_follows_on():
    forecaster = quick().fit(load("nile"))
    forecaster.update([800.0, 900.0])
    assert forecaster.forecast().dates[0][0] == np.datetime64("1973")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.assign(ds=f["ds"] + pd.offsets.MonthEnd(1)), "ends at 2022-12-31, so that its row 1 must be"),
        (lambda f: f.assign(unique_id="other").assign(ds=f["ds"]), None),
    ],
)
def test_an_update_that_does_not_follow_is_refused(change, words):
    frame = long_frame(rows=(40, 30))
    forecaster = quick().fit(frame[(frame["unique_id"] == "s1") | (frame["ds"] <= "2022-12-31")])
    more = change(frame[(frame["unique_id"] == "s0") & (frame["ds"] > "2022-12-31")])
    before = forecaster.forecast().point
    with pytest.raises(InputError, match=words or "update: series 's0'|update: no series 'other' was fitted"):
        forecaster.update(pd.concat([more, more.assign(unique_id="zzz")]) if words is None else more)
    assert (forecaster.forecast().point == before).all()


def test_a_zero_after_positive_rows_is_no_fall_without_end():
    y = np.random.default_rng(1).normal(size=140) * 5 + 50
    forecaster = quick().fit(y[:120])
    forecaster.update(np.r_[0.0, y[121:130]])
    assert np.abs(forecaster.forecast().point - 50).max() < 25


def test_a_backtest_knows_no_later_row():
    y = np.random.default_rng(7).normal(size=140) + 100
    other = np.r_[y[:136], 1000, 5, 3, 1e6]
    one, two = (quick(4).backtest(values, origins=5, stride=4, statistical=False) for values in (y, other))
    for values in (lambda b: b.point, lambda b: b.low[95], lambda b: b.high[95]):
        assert (values(one) == values(two)).all()


# Settings


def test_it_is_a_scikit_learn_estimator():
    forecaster = Forecaster(12, networks=Networks(cell="lstm"), covariates=Covariates(calendar=("month",)), seed=3)
    again = clone(forecaster)
    assert again.get_params() == forecaster.get_params()
    assert forecaster.get_params()["networks__cell"] == "lstm"
    again.set_params(horizon=5, networks__hidden_units=7, covariates__past=("rain",))
    assert (again.horizon, again.networks.hidden_units, again.networks.cell) == (5, 7, "lstm")
    assert again.covariates == Covariates(calendar=("month",), past=("rain",))
    assert forecaster.networks.hidden_units is None
    assert repr(Forecaster(12, fallback=True)) == "Forecaster(horizon=12, fallback=True)"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"horizon": 0}, "horizon must be a whole number of at least 1, got 0"),
        ({"horizon": -3}, "at least 1, got -3"),
        ({"horizon": 1.5}, "at least 1, got 1.5"),
        ({"horizon": 10**9}, "1,000,000,000 is more than the 100,000 steps"),
        ({"season": 0}, "season: expected the rows in a season"),
        ({"level": [80, 100]}, "level: expected percentages from 1 to 99.9"),
        ({"level": "80"}, "level: expected percentages such as"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"networks": "gru"}, "networks: expected Networks"),
        ({"fallback": "yes"}, "fallback: expected True or False"),
        ({"log": 2}, "log: expected True or False"),
    ],
)
def test_settings_are_refused_before_anything_is_read(settings, words):
    with pytest.raises(OptionError, match=words):
        Forecaster(**settings).fit("no-such-file.csv")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cell": "rnn"}, "cell: expected one of simple, gru, lstm, got 'rnn'"),
        ({"hidden_units": 0}, "hidden_units: expected a whole number from 1 to 1,024, got 0"),
        ({"epochs": 0}, "epochs: expected"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0 and at most 1"),
        ({"learning_rate": float("nan")}, "learning_rate: expected"),
        ({"learning_rate": 1e9}, "learning_rate: expected"),
        ({"time_steps": 10**9}, "time_steps: expected"),
        ({"strategy": "both"}, "strategy: expected one of direct, recursive"),
        ({"shared": "yes"}, "shared: expected True, False or None"),
    ],
)
def test_networks_refuse_what_is_out_of_range(settings, words):
    with pytest.raises(OptionError, match=words):
        Networks(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"future": "price"}, "future: expected names of columns"),
        ({"future": ("price",), "past": ("price",)}, "price stands twice"),
        ({"calendar": ("moon",)}, "calendar: expected some of month, quarter"),
    ],
)
def test_covariates_refuse_what_is_none(settings, words):
    with pytest.raises(OptionError, match=words):
        Covariates(**settings)


def test_other_calls_that_cannot_be():
    with pytest.raises(InputError, match="fit the forecaster first"):
        quick().predict()
    with pytest.raises(OptionError, match="no setting 'units'"):
        quick().set_params(units=3)
    with pytest.raises(OptionError, match="networks has no setting 'unit'"):
        quick().set_params(networks__unit=3)
    forecaster = quick().fit(long_frame())
    with pytest.raises(OptionError, match="h must be a whole number"):
        forecaster.predict(0)
    with pytest.raises(OptionError, match="level: expected"):
        forecaster.predict(2, level=[0])


def test_dates_without_a_rate_have_none_after_them():
    frame = pd.DataFrame(
        {"ds": pd.to_datetime(["2020-01-01", "2020-01-05", "2020-02-01", "2020-02-03"]), "y": [1, 2, 4, 3]}
    )
    forecaster = quick(1).fit(frame, options=ReadOptions(frequency="none"))
    with pytest.raises(InputError, match=r"no steady rate.* number the rows in place of dates \(.*, --time none\)"):
        forecaster.forecast()
