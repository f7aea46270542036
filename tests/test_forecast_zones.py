"""Times with UTC offsets: forecasts go on in the form of the rows, in files, in JSON and in frames of each library."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from timeglass.forecast import Forecaster, Networks
from timeglass.forecast.outcome import frame_of
from timeglass.forecast.zones import date_texts, in_utc
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_series

QUICK = ("--horizon", "2", "--networks", "2", "--epochs", "1", "--hidden-units", "2", "--quiet")
START = dt.datetime(2024, 3, 28, tzinfo=dt.UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def offset(hours, minutes=0):
    return dt.timezone(dt.timedelta(hours=hours, minutes=minutes))


def hours(zone_of, count=72):
    """A table of hourly rows, each in the zone that `zone_of` gives it."""
    times = [(START + dt.timedelta(hours=i)).astimezone(zone_of(i)) for i in range(count)]
    return "ds,y\n" + "".join(f"{time.isoformat()},{100 + i % 7 + i / 10:.1f}\n" for i, time in enumerate(times))


CASES = {
    "east": (lambda i: offset(2), ["2024-03-31T02:00+02:00", "2024-03-31T03:00+02:00"]),
    "west": (lambda i: offset(-3, -30), ["2024-03-30T20:30-03:30", "2024-03-30T21:30-03:30"]),
    "utc": (lambda i: dt.UTC, ["2024-03-31T00:00Z", "2024-03-31T01:00Z"]),
    "mixed": (lambda i: offset(3 if i % 2 else -7), ["2024-03-31T00:00Z", "2024-03-31T01:00Z"]),
}


@pytest.mark.parametrize("case", CASES)
def test_the_forecast_keeps_the_offset(case, timeglass, tmp_path):
    zone_of, wanted = CASES[case]
    (tmp_path / "hours.csv").write_text(hours(zone_of))
    printed = timeglass("forecast", "hours.csv", *QUICK).stdout
    assert [row["ds"] for row in csv.DictReader(io.StringIO(printed))] == wanted
    (tmp_path / "made.csv").write_text(printed)
    again = read_series(
        tmp_path / "made.csv", ReadOptions(value="timeglass")
    )  # as times with offsets are read, they follow on
    assert again.dates[0] == np.datetime64("2024-03-31T00:00")


def test_clocks_that_change_between_rows_and_forecast(timeglass, tmp_path):
    """Europe/Berlin at 01:00 UTC on 2024-03-31 goes from +01:00 to +02:00: the table ends just before."""
    both = hours(lambda i: BERLIN, 74) + "".join(  # an offset of summer tells the zone
        f"{(START + dt.timedelta(hours=i)).astimezone(BERLIN).isoformat()},{100 + i % 7:.1f}\n" for i in range(74, 76)
    )
    (tmp_path / "hours.csv").write_text(both)
    found = json.loads(timeglass("forecast", "hours.csv", *QUICK, "--json").stdout)
    assert [row["ds"] for row in found["forecast"]] == ["2024-03-31T06:00+02:00", "2024-03-31T07:00+02:00"]
    times = np.array(["2024-10-27T00:00", "2024-10-27T01:00"], "datetime64[s]")  # 02:00 twice
    assert date_texts(times, zone="Europe/Berlin") == ["2024-10-27T02:00+02:00", "2024-10-27T02:00+01:00"]


def test_days_of_an_offset_go_on_at_its_midnights(timeglass, tmp_path):
    rows = "".join(f"{day:%Y-%m-%d}T00:00:00+02:00,{i % 7}.5\n" for i, day in enumerate(
        pd.date_range("2024-01-01", periods=60)))  # fmt: skip
    (tmp_path / "days.csv").write_text("ds,y\n" + rows)
    ran = timeglass("forecast", "days.csv", *QUICK)
    assert [row["ds"] for row in csv.DictReader(io.StringIO(ran.stdout))] == [
        "2024-03-01T00:00+02:00", "2024-03-02T00:00+02:00",
    ]  # fmt: skip


def test_parquet_and_a_backtests_columns(timeglass, tmp_path):
    (tmp_path / "hours.csv").write_text(hours(CASES["west"][0]))
    timeglass("forecast", "hours.csv", *QUICK, "--out", "made.parquet")
    kind = parquet.read_schema(tmp_path / "made.parquet").field("ds").type
    assert kind == pa.timestamp("us", tz="-03:30")
    assert str(pd.read_parquet(tmp_path / "made.parquet")["ds"][0]) == "2024-03-30 20:30:00-03:30"
    assert read_series(tmp_path / "made.parquet", ReadOptions(value="timeglass")).dates[0] == np.datetime64(
        "2024-03-31T00:00"
    )
    timeglass("backtest", "hours.csv", *QUICK, "--origins", "1", "--no-statistical", "--out", "back.csv")
    first = next(csv.DictReader(io.StringIO((tmp_path / "back.csv").read_text())))
    assert (first["cutoff"], first["ds"]) == ("2024-03-30T17:30-03:30", "2024-03-30T18:30-03:30")


@pytest.mark.parametrize(
    ("zone", "names"),
    [
        ("UTC+02:00", ("UTC+02:00", "Etc/GMT-2", "+02:00")),
        ("UTC-03:30", ("UTC-03:30", "UTC", "-03:30")),  # polars has no such zone
        ("UTC", ("UTC", "UTC", "UTC")),
        ("Europe/Berlin", ("Europe/Berlin",) * 3),
    ],
)
def test_frames_of_each_library(zone, names):
    times = np.array(["2024-03-31T00:00", "2024-03-31T01:00"], "datetime64[s]")
    columns = {"unique_id": ["y", "y"], "ds": times, "cutoff": times}
    kinds = [frame_of(columns, kind, zone=zone) for kind in ("pandas", "polars", "pyarrow")]
    for name in ("ds", "cutoff"):
        found = str(kinds[0][name].dt.tz), kinds[1].schema[name].time_zone, kinds[2].schema.field(name).type.tz
        assert found == names
        assert kinds[0][name].dt.tz_convert("UTC").dt.tz_localize(None).tolist() == times.tolist()
        assert kinds[1][name].dt.convert_time_zone("UTC").dt.replace_time_zone(None).to_list() == times.tolist()
        assert kinds[2][name].cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us")).to_pylist() == times.tolist()


@pytest.mark.parametrize("zone", ["America/New_York", "America/Port-au-Prince", "+02:00", "UTC"])
def test_predict_gives_the_type_of_times_that_was_fitted(zone, tmp_path):
    times = pd.date_range("2024-03-09", periods=48, freq="h", tz="UTC").tz_convert(zone)  # clocks go on in America
    frame = pd.DataFrame({"unique_id": "a", "ds": times, "y": 100.0 + np.arange(48) % 7})
    frames = {"pandas": frame, "polars": pl.from_pandas(frame), "pyarrow": pa.Table.from_pandas(frame)}
    for kind, given in frames.items():
        fitted = Forecaster(2, 1, networks=Networks(hidden_units=2, count=2, epochs=1)).fit(given)
        fitted.save(tmp_path / "saved.safetensors")
        for made in (fitted.predict(), Forecaster.load(tmp_path / "saved.safetensors").predict()):
            same = made["ds"].type == given["ds"].type if kind == "pyarrow" else made["ds"].dtype == given["ds"].dtype
            assert same, (kind, zone)
            found = made["ds"].to_pylist() if kind == "pyarrow" else list(made["ds"])
            assert [time.isoformat() for time in found] == [
                (times[-1] + pd.Timedelta(hours=hour)).isoformat() for hour in (1, 2)
            ]


def test_predict_from_a_table_with_offsets(tmp_path):
    (tmp_path / "hours.csv").write_text(hours(CASES["east"][0]))
    made = Forecaster(2, 1, networks=Networks(hidden_units=2, count=2, epochs=1)).fit(tmp_path / "hours.csv")
    frame = made.forecast().frame("polars")
    assert frame["ds"].dtype == pl.Datetime("us", "Etc/GMT-2")
    assert frame["ds"][0].isoformat() == "2024-03-31T02:00:00+02:00"


def test_midnights_that_a_zone_lacks_or_has_elsewhere():
    days = np.array(["2024-03-31", "2024-04-01", "2024-10-27"], "datetime64[D]")
    # Beirut's clocks go on at midnight, to 01:00: that day begins there.
    assert date_texts(days[:2], zone="Asia/Beirut") == ["2024-03-31T01:00+03:00", "2024-04-01T00:00+03:00"]
    assert in_utc(days, "Europe/Berlin").astype("datetime64[h]").astype(str).tolist() == [
        "2024-03-30T23", "2024-03-31T22", "2024-10-26T22",
    ]  # fmt: skip
    assert in_utc(days, None) is days
    assert date_texts(days[:1], zone="Nowhere/Town") == ["2024-03-31"]
    assert date_texts(days[:1].astype("datetime64[s]"), zone="Nowhere/Town") == ["2024-03-31T00:00Z"]


@pytest.mark.parametrize("library", [lambda f: f, pl.from_pandas, pa.Table.from_pandas])
def test_dates_beyond_the_years_that_nanoseconds_hold_come_in_microseconds(library):
    days = pd.date_range("2262-01-01", periods=60)
    rows = library(pd.DataFrame({"ds": days, "y": np.random.default_rng(0).normal(size=60)}))
    forecaster = Forecaster(3, networks=Networks(count=2, epochs=1, hidden_units=2)).fit(rows)
    near, far = forecaster.predict(1)["ds"], forecaster.predict(60)["ds"]
    assert "ns" in str(getattr(near, "dtype", None) or near.type)
    assert "us" in str(getattr(far, "dtype", None) or far.type).replace("μ", "u")
    assert np.asarray(far)[-1].astype("datetime64[D]") == np.datetime64("2262-04-30")
