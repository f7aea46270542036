"""What stands in an index of pandas, and times with a zone, from whatever holds them."""

from __future__ import annotations

import datetime as dt
import warnings
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from timeglass.errors import TimeglassError
from timeglass.read import ReadOptions, read_panel, read_series
from timeglass.read.reading import gather

DAYS = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(5)]
VALUES = [1.5, -0.0, 0.1, 1 / 3, 5.0]
NAMES = ["b", "b", "a", "a", "b"]
OF_NAMES = [*DAYS[:2], *DAYS[:2], DAYS[2]]


@pytest.mark.parametrize(
    ("start", "freq", "unit", "words", "form"),
    [
        ("2020-01", "M", "M", "month", None), ("1600-01", "M", "M", "month", None), ("1600", "Y", "Y", "year", None),
        ("1959Q3", "Q", "M", "quarter", "yyyyQq"), ("1600Q1", "Q", "M", "quarter", "yyyyQq"),
        ("2020-02-27", "D", "D", "day", None), ("1676-12-30", "D", "D", "day", None),
        ("2020-01-01 22:00", "h", "s", "hour", None), ("2020-01-01 22:59", "min", "s", "minute", None),
        ("2020Q1", "Q-NOV", "D", "quarter, on day 1 of Mar, Jun, Sep, Dec", None),
        ("1600", "Y-JUN", "D", "year, on day 1 of July", None), ("1600-01-01", "W-SUN", "D", "week, on Mondays", None),
        ("2020-01", "2M", "D", "2 months", None),
    ],
)  # fmt: skip
def test_periods_are_called_by_their_beginning(start, freq, unit, words, form):
    index = pd.period_range(start, periods=5, freq=freq)
    series = read_series(pd.Series(VALUES, index=index, name="size"))
    assert series.dates is not None
    assert (series.dates.dtype, str(series.frequency), series.date_format) == (f"datetime64[{unit}]", words, form)
    beginnings = [np.datetime64(str(period.asfreq("s", "start")), "s") for period in index]
    assert series.dates.astype("datetime64[s]").tolist() == [beginning.item() for beginning in beginnings]
    assert (series.name, series.position, series.values.tolist()) == ("size", 2, VALUES)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_an_index_of_dates(unit):
    index = pd.date_range("2020-01-01", periods=5, unit=unit, name="when")
    panel = read_panel(pd.DataFrame({"a": VALUES, "b": VALUES}, index=index))
    assert (panel.ids, panel.values.tolist(), panel.dates.tolist()) == (("a", "b"), VALUES * 2, DAYS * 2)
    assert (panel.dates.dtype, panel.origin.guesses[0]) == ("datetime64[D]", "times are in column 'when' (--time)")
    series = read_series(pd.Series(VALUES, index=index[::-1]))
    assert (series.dates.tolist(), series.values.tolist(), series.lines.tolist()) == (
        DAYS,
        VALUES[::-1],
        [5, 4, 3, 2, 1],
    )
    assert series.notes == (
        "the rows stood newest first, and were turned round (2020-01-04 comes after 2020-01-05 (row 1))",
    )


INDEXES = [pd.Index(list(map(str, DAYS))), pd.Index(DAYS), pd.MultiIndex.from_arrays([NAMES, OF_NAMES])]


@pytest.mark.parametrize(
    "source",
    [*(pd.DataFrame({"y": VALUES}, index=index) for index in INDEXES), pd.Series(VALUES, index=INDEXES[0]),
     nw.from_native(pd.DataFrame({"y": VALUES}, index=pd.date_range("2020", periods=5)))],
    ids=["texts", "dates", "two levels", "Series", "narwhals"],
)  # fmt: skip
def test_an_index_that_is_no_row_number_is_not_dropped_in_silence(source):
    """Two series one after another as one, without a word, or rows numbered that have dates."""
    panel, faults = gather(source, ReadOptions())
    said = [fault.message for fault in faults.found]
    if panel is not None and panel.dates is None:
        assert any("index" in line for line in (*said, *panel.origin.notes, *panel.origin.guesses))
    assert panel is not None or said


HOURS = np.arange("2021-10-30T22", "2021-10-31T03", dtype="datetime64[h]").astype("datetime64[us]")  # in UTC
ZONED = pd.DatetimeIndex(HOURS, tz="UTC").tz_convert("Europe/Berlin")


@pytest.mark.parametrize(
    "source",
    [
        pd.Series(VALUES, index=ZONED), pd.DataFrame({"t": ZONED, "y": VALUES}),
        pl.DataFrame({"t": pl.Series(HOURS).dt.replace_time_zone("UTC"), "y": VALUES}).with_columns(
            pl.col("t").dt.convert_time_zone("Europe/Berlin")),
        pa.table({"t": pa.array(HOURS, pa.timestamp("us", "Europe/Berlin")), "y": VALUES}), {"t": ZONED, "y": VALUES},
        {"t": list(ZONED.to_pydatetime()), "y": VALUES},
    ],
    ids=["index", "pandas", "polars", "pyarrow", "dict", "lists"],
)  # fmt: skip
def test_times_with_a_zone_are_held_in_utc(source, request):
    with warnings.catch_warnings(record=True) as said:
        series = read_series(source)
    assert not said
    assert series.dates is not None
    assert (series.dates.dtype, series.dates.tolist()) == ("datetime64[s]", HOURS.astype("datetime64[s]").tolist())
    assert str(series.frequency) == "hour"
    assert series.zone == "Europe/Berlin" or (series.zone and "lists" in request.node.name)


# ---- other indexes


@pytest.mark.parametrize(
    "index",
    [[0, 2, 3, 7, 9], [3, 1, 4, 0, 2], [0, 1, 0, 1, 2], [0.5, 1.5, 2.5, 3.5, 4.5], [5, 6, 7, 8, 9], list("vwxyz")],
    ids=["filtered", "shuffled", "concatenated", "fractions", "cut", "texts"],
)  # fmt: skip
def test_an_index_beside_a_column_of_times_is_no_series(index):
    """What is left of a frame after some rows are chosen: df[df.sold > 0], df.sample(5), pd.concat."""
    frame = pd.DataFrame({"ds": DAYS, "sold": VALUES}, index=index)
    for panel in (read_panel(frame), read_panel(frame.rename(columns={"sold": "y"}))):
        assert (len(panel), panel.values.tolist(), panel.dates.tolist()) == (1, VALUES, DAYS)
    assert read_series(frame).values.tolist() == VALUES
    wide = read_panel(frame.assign(more=VALUES[::-1]))
    assert (wide.ids, wide.values.tolist()) == (("sold", "more"), VALUES + VALUES[::-1])


def test_levels_of_an_index_are_columns():
    for ids, index in (("unique_id", DAYS), ("shop", DAYS), ("unique_id", pd.PeriodIndex(DAYS, freq="D"))):
        levels = pd.MultiIndex.from_arrays([NAMES, [index[DAYS.index(day)] for day in OF_NAMES]], names=[ids, "ds"])
        panel = read_panel(pd.DataFrame({"y": VALUES}, index=levels), ReadOptions(id=ids))
        assert (panel.ids, panel.offsets.tolist(), panel.lines.tolist()) == (("b", "a"), [0, 3, 5], [1, 2, 5, 3, 4])
        assert panel.values.tolist() == [1.5, -0.0, 5.0, 0.1, 1 / 3]
        assert panel.dates.tolist() == [*DAYS[:3], *DAYS[:2]]


YEARS = ["2000", "2001", "2002", "2003", "2004"]


@pytest.mark.parametrize("index", [pd.RangeIndex(2000, 2005), pd.Index(list(map(int, YEARS))), pd.Index(YEARS)])
def test_an_index_of_years(index):
    series = read_series(pd.Series(VALUES, index=index))
    assert series.dates is not None
    assert (series.dates.dtype, series.dates.astype(str).tolist()) == ("datetime64[Y]", YEARS)


@pytest.mark.parametrize("index", [pd.interval_range(0, 5), pd.to_timedelta(range(5), unit="h"), pd.Index([1j] * 5)])
def test_an_index_that_cannot_be_read_is_refused_or_left_out_and_said(index):
    try:
        panel = read_panel(pd.Series(VALUES, index=index))
    except TimeglassError:
        return
    assert panel.values.tolist() == VALUES
    assert "no column holds dates: the rows are numbered (--time)" in panel.origin.guesses


# ---- times in lists


@pytest.mark.parametrize(
    "times",
    [list(np.array(DAYS, "datetime64[D]")), list(np.array(DAYS, "datetime64[ns]")), [pd.Timestamp(day) for day in DAYS],
     np.array([pd.Timestamp(day) for day in DAYS], object), [dt.datetime(day.year, day.month, day.day) for day in DAYS],
     pd.Series(DAYS), pl.Series(DAYS), pd.Categorical(list(map(str, DAYS)))],
    ids=["days", "nanoseconds", "Timestamp", "objects", "datetime", "pandas", "polars", "categories"],
)  # fmt: skip
def test_times_in_lists(times):
    series = read_series({"ds": times, "y": VALUES})
    assert (series.dates.dtype, series.dates.tolist(), series.values.tolist()) == ("datetime64[D]", DAYS, VALUES)


PAIRS = list(zip(DAYS, VALUES, strict=True))


@pytest.mark.parametrize("rows", [PAIRS, [[str(day), value] for day, value in PAIRS]])
def test_the_times_of_rows_in_a_list_are_not_dropped_in_silence(rows: Any):
    try:
        series = read_series(rows)
    except TimeglassError:
        return
    assert series.dates is not None or any("column 1" in guess for guess in series.origin.guesses)
