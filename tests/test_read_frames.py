"""Data frames of any kind, series with an index, arrays, lists and mappings: the same table is the same series.

Rows are numbered from 1. What cannot be read is refused with its row and column, in these words.
"""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from dateutil.tz import tzoffset
from hypothesis import given
from hypothesis import strategies as st

from timeglass import DataError, InputError
from timeglass.errors import TimeglassError
from timeglass.read import Panel, ReadOptions, read_panel, read_series

DAYS = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(5)]
TEXTS = [str(day) for day in DAYS]
VALUES = [1.5, -0.0, 0.1, 1 / 3, 5.0]
DATES = np.array(DAYS, "datetime64[D]")
LONG = {"unique_id": ["b", "b", "a", "a", "b"], "ds": [*DAYS[:2], *DAYS[:2], DAYS[2]], "y": VALUES}
FRAMES = {
    "pandas DataFrame": pd.DataFrame, "polars DataFrame": pl.DataFrame, "polars LazyFrame": pl.LazyFrame,
    "pyarrow Table": pa.table, "dict": dict, "narwhals DataFrame": lambda table: nw.from_native(pl.DataFrame(table)),
    "narwhals LazyFrame": lambda table: nw.from_native(pl.LazyFrame(table)),
}  # fmt: skip


def refusal(source: object, **options: Any) -> str:
    with pytest.raises(TimeglassError) as caught:
        read_panel(source, ReadOptions(**options))
    assert str(caught.value).isprintable()
    assert caught.value.exit_code == 2
    return str(caught.value)


def check(panel: Panel, ids: list[str], values: list[list[float]], dates: list[Any], rows: list[list[int]]) -> None:
    assert panel.ids == tuple(ids)
    assert panel.values.tobytes() == np.concatenate(values).astype(float).tobytes()
    assert panel.dates is not None
    assert (panel.dates.dtype, panel.dates.tolist()) == (DATES.dtype, [day for part in dates for day in part])
    assert np.asarray(panel.lines).tolist() == [row for part in rows for row in part]
    assert panel.offsets.tolist() == [0, *np.cumsum(list(map(len, values)))]
    assert (panel.origin.sha256, panel.origin.fetched, panel.origin.notes) == ("", None, ())


# ---- the same table


@pytest.mark.parametrize("name", FRAMES)
def test_one_series(name):
    source = FRAMES[name]({"ds": DAYS, "y": VALUES})
    series = read_series(source)
    check(read_panel(source), ["y"], [VALUES], [DAYS], [[1, 2, 3, 4, 5]])
    assert (series.source, series.position, str(series.frequency), series.date_format) == (name, 2, "day", None)
    assert series.origin.guesses == (
        "times are in column 'ds' (--time)", "values are in column 'y' (--value)", "a row every day (--freq)",
    )  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_wide_tables(name):
    panel = read_panel(FRAMES[name]({"b": VALUES, "day": TEXTS, "note": list("vwxyz"), "a": [1, 2, 3, 4, 5]}))
    check(panel, ["b", "a"], [VALUES, [1, 2, 3, 4, 5]], [DAYS, DAYS], [[1, 2, 3, 4, 5]] * 2)
    assert (panel.columns, panel.date_format) == ((1, 4), "yyyy-mm-dd")


@pytest.mark.parametrize("name", FRAMES)
def test_long_tables(name):
    parts = ["b", "a"], [[1.5, -0.0, 5.0], [0.1, 1 / 3]], [DAYS[:3], DAYS[:2]], [[1, 2, 5], [3, 4]]
    panel = read_panel(FRAMES[name](LONG))
    check(panel, *parts)
    assert (panel.columns, panel.origin.name) == ((3,), name)
    assert panel.origin.guesses[0] == "series are told apart by column 'unique_id' (--id)"
    renamed = {"store": LONG["unique_id"], "sold": VALUES, "other": [1, 2, 3, 4, 5], "when": LONG["ds"]}
    for options in (ReadOptions(time="when", value="sold", id="store"), ReadOptions(time=4, value=2, id=1)):
        again = read_panel(FRAMES[name](renamed), options)
        check(again, *parts)
        assert (again.columns, again.origin.guesses) == ((2,), ("a row every day (--freq)",))


def test_one_of_many_series_is_asked_for():
    with pytest.raises(DataError, match=r"^dict has 2 series \('b', 'a'\), one is wanted: use read_panel, or cut the"):
        read_series(LONG)


@pytest.mark.parametrize(
    ("source", "name"),
    [(VALUES, "list"), (tuple(VALUES), "tuple"), (np.array(VALUES), "numpy ndarray"), ({"y": VALUES}, "dict"),
     (np.array([VALUES]).T, "numpy ndarray"), ([[value] for value in VALUES], "list"),
     (list(map(repr, VALUES)), "list"),
     (pl.Series(VALUES), "polars Series"), (pd.Series(VALUES), "pandas Series"), (nw.from_native(pl.Series(VALUES),
      series_only=True), "narwhals Series"), (pa.chunked_array([VALUES[:2], VALUES[2:]]), "pyarrow ChunkedArray"),
     (np.repeat(VALUES, 3)[::3], "numpy ndarray"), (np.array(VALUES, ">f8"), "numpy ndarray"),
     (list(map(decimal.Decimal, map(repr, VALUES))), "list"), (np.array(VALUES, object), "numpy ndarray")],
)  # fmt: skip
def test_numbers_alone(source, name):
    series = read_series(source)
    assert (series.values.tobytes(), series.dates, series.frequency) == (np.array(VALUES).tobytes(), None, None)
    assert (series.lines.tolist(), series.source) == ([1, 2, 3, 4, 5], name)
    assert series.name == ("column 1" if np.ndim(source) == 2 else "y")


def test_arrays_of_several_series():
    for dtype in (float, np.float32, int):
        array = np.array([[1, 10], [2, 30], [3, 20], [4, 50]], dtype)
        panel = read_panel(array)
        assert panel.ids == ("column 1", "column 2"), dtype
        assert panel.values.tolist() == [1, 2, 3, 4, 10, 30, 20, 50]
        assert panel.dates is None
    assert read_panel(np.asfortranarray(np.arange(6.0).reshape(3, 2))).values.tolist() == [0, 2, 4, 1, 3, 5]


# ---- values


@pytest.mark.parametrize(
    "column",
    [
        pl.Series([1, None, 3, 4, 2**53 + 1]), pd.Series([1, None, 3, 4, 2**53 + 1], dtype="Int64"),
        pa.array([1, None, 3, 4, 2**53 + 1]), [1, None, 3, 4, 2**53 + 1],
        pl.Series([1.0, None, float("nan"), 4.0, 2**53]), [1.0, None, float("nan"), 4, 2**53],
        ["1", "NA", "3", "4", "9007199254740993"], pd.Series(["1", None, "3", "4", str(2**53 + 1)], dtype="string"),
    ],
    ids=["polars", "pandas", "pyarrow", "list", "polars NaN", "list NaN", "texts", "texts of pandas"],
)  # fmt: skip
def test_what_is_missing_is_refused_or_filled_in_and_what_is_rounded_is_said(column, request):
    frames: Any = {pl.Series: pl.DataFrame, pd.Series: pd.DataFrame, pa.Int64Array: pa.table}
    source = frames.get(type(column), dict)({"ds": DAYS, "y": column})
    kind = request.node.callspec.id
    holds = "holds 'NA', which stands for no value" if kind == "texts" else "is empty"
    assert refusal(source).endswith(f":2:2: column 'y' {holds}: fill it in, or choose --missing linear, seasonal, or "
                                    "drop to go on without it")  # fmt: skip
    series = read_series(source, ReadOptions(missing="linear"))
    assert series.values.tolist() == [1, 2, 3, 4, 2.0**53]
    assert (series.origin.changes[0].line, float(series.origin.changes[0].new)) == (2, 2.0)
    rounded = "row 5: 9007199254740993 cannot be held exactly; kept as 9007199254740992.0"
    assert (rounded in series.notes) == ("NaN" not in kind)


@pytest.mark.parametrize(
    "values",
    [[2**53 + 1, 1], [2**64 + 1, 1], [2**53 + 1, 0.5], [decimal.Decimal(2**53 + 1), decimal.Decimal(1)],
     np.array([2**53 + 1, 1], "u8"), pl.Series([2**100 + 1, 1], dtype=pl.Int128),
     pa.array([decimal.Decimal(2**53 + 1)] * 2), pl.Series([decimal.Decimal(2**53 + 1)] * 2), [str(2**53 + 1), "1"]],
    ids=["list", "beyond 64 bits", "beside a fraction", "Decimal", "unsigned", "128 bits", "Arrow", "polars", "texts"],
)  # fmt: skip
def test_whole_numbers_that_a_double_does_not_hold_are_said_whatever_they_come_in(values):
    frame: Any = pl.DataFrame if isinstance(values, pl.Series) else pa.table if isinstance(values, pa.Array) else dict
    series = read_series(frame({"y": values}))
    first = int(values[0].as_py() if isinstance(values, pa.Array) else values[0])
    assert series.values[0] == float(first)
    assert f"row 1: {first} cannot be held exactly; kept as {float(first)!r}" in series.notes


def test_a_decimal_that_is_no_double_but_0_is_said():
    for tiny in (decimal.Decimal("1e-400"), "1e-400"):
        (note,) = read_series([tiny, tiny]).notes[:1]
        assert "cannot be held exactly; kept as 0.0" in note


def test_the_largest_doubles_make_no_noise():
    assert read_series([1.0, 1.7e308, 1.7e308, 1.7e308]).values.tolist() == [1.0, 1.7e308, 1.7e308, 1.7e308]


def test_units_that_are_stripped_are_listed_as_of_a_file():
    changes = read_series({"y": ["1 kWh", "2.5 kWh"]}, ReadOptions(strip_unit=True)).origin.changes
    found = [(change.line, change.old, float(change.new)) for change in changes]
    assert found == [(1, "1 kWh", 1.0), (2, "2.5 kWh", 2.5)]


def test_masked_values_are_missing():
    for dtype in (float, int):
        array = np.ma.masked_array(np.array([1, 2, 999], dtype), mask=[False, True, False])
        assert refusal(array).startswith("numpy MaskedArray:2:1: column 'y' is empty: fill it in")


BOOLEANS = [True, False, True, True, False]


@pytest.mark.parametrize("name", [*FRAMES, "list", "array", "objects", "pandas boolean"])
def test_true_and_false_are_numbers_where_that_is_asked_for(name):
    made = {"list": list, "array": np.array, "objects": lambda b: np.array(b, object), "pandas boolean": lambda b:
            pd.Series(b, dtype="boolean")}  # fmt: skip
    source = made[name](BOOLEANS) if name in made else FRAMES[name]({"y": BOOLEANS})
    assert refusal(source).endswith(": column 'y' holds true and false, not numbers: --booleans reads them as 1 and 0")
    assert read_series(source, ReadOptions(booleans=True)).values.tolist() == [1, 0, 1, 1, 0]


@pytest.mark.parametrize(
    "column",
    [pl.Series(LONG["unique_id"], dtype=pl.Categorical), pl.Series(LONG["unique_id"], dtype=pl.Enum(["z", "a", "b"])),
     pd.Categorical(LONG["unique_id"]), pa.array(LONG["unique_id"]).dictionary_encode(), np.array(LONG["unique_id"])],
)  # fmt: skip
def test_categories_and_enums_are_names_in_the_order_in_which_they_occur(column):
    frame: Any = {pl.Series: pl.DataFrame, pd.Categorical: pd.DataFrame, np.ndarray: dict}.get(type(column), pa.table)
    panel = read_panel(frame({**LONG, "unique_id": column}))
    check(panel, ["b", "a"], [[1.5, -0.0, 5.0], [0.1, 1 / 3]], [DAYS[:3], DAYS[:2]], [[1, 2, 5], [3, 4]])


@pytest.mark.parametrize("base", [7, 2**53])
def test_whole_numbers_are_names_too_whatever_their_size(base):
    """2**53 and 2**53 + 1 are two series, though one double."""
    ids = [base, base, base + 1, base + 1, base]
    for frame in (pd.DataFrame, pl.DataFrame, pa.table, dict):
        panel = read_panel(frame({**LONG, "unique_id": ids}), ReadOptions(duplicates="last"))
        assert panel.ids == (str(base), str(base + 1))
        assert panel.offsets.tolist() == [0, 3, 5]


# ---- refusals


def of(**columns: object) -> dict[str, object]:
    return {**LONG, **columns}


MISSING_ID = "2:1: column 'unique_id' is empty: which series is this row of?"
MISSING_TIME = "2:2: column 'ds' is empty: fill the time in, or cut the row"
GONE = [LONG["ds"][0], None, *LONG["ds"][2:]]
REFUSED = [
    (pd.DataFrame(of(unique_id=["b", None, "a", "a", "b"])), f"pandas DataFrame:{MISSING_ID}"),
    (pl.DataFrame(of(unique_id=["b", None, "a", "a", "b"])), f"polars DataFrame:{MISSING_ID}"),
    (of(unique_id=["b", " ", "a", "a", "b"]), f"dict:{MISSING_ID}"),
    (pl.DataFrame(of(unique_id=[1, None, 2, 2, 1])), f"polars DataFrame:{MISSING_ID}"),
    (pa.table(of(unique_id=pa.array(["b", None, "a", "a", "b"]).dictionary_encode())), f"pyarrow Table:{MISSING_ID}"),
    (pd.DataFrame(of(ds=pd.to_datetime(pd.Series(GONE)))), f"pandas DataFrame:{MISSING_TIME}"),
    (pl.DataFrame(of(ds=GONE)), f"polars DataFrame:{MISSING_TIME}"), (of(ds=GONE), f"dict:{MISSING_TIME}"),
    (of(ds=[pd.NaT if day is None else pd.Timestamp(day) for day in GONE]), f"dict:{MISSING_TIME}"),
    (pd.Series([1.0, 2.0, 3.0], index=pd.PeriodIndex(["2020Q1", None, "2020Q3"], freq="Q")), "pandas Series:2:1: "),
    (pl.DataFrame(of(ds=[str(day) if day else None for day in GONE])), "polars DataFrame:2:2: column 'ds' holds '': t"),
    ({"ds": np.array([0, 1, 2], "datetime64[ns]"), "y": [1.0, 2.0, 3.0]},
     "dict:2:1: column 'ds' holds 1970-01-01T00:00:00.000000001: finer than a microsecond"),
    (of(y=[1, 2, float("inf"), 4, 5]), "dict:3:3: column 'y' holds inf: expected a finite number"),
    (of(y=["1", "2", "x", "4", "5"]), "dict:3:3: column 'y' holds 'x': expected a number such as 58.0; corre"),
    (of(y=[1, "2", 3.5, dt.date(2020, 1, 1), 5]), "dict: column 'y' holds objects of the type date, float, int, str"),
    (pa.table([pa.array(DAYS), pa.array(VALUES), pa.array(VALUES)], ["ds", "y", "y"]), "pyarrow Table: "),
    (pd.DataFrame([[1.0, 2.0]], columns=["y", "y"]), "pandas DataFrame: "),
    ({"ds": DAYS, "y": VALUES[:4]}, "dict: column 'y' has 4 rows, 'ds' has 5"),
    ({"ds": DAYS, "y": 1.0}, "dict"), ({"ds": DAYS, "y": [[1.0]] * 5}, "dict"),
    ([[1, 2], [3]], "list: its rows have different lengths: expected numbers, one for each time"),
    ([], "list has columns (y) but no rows"), ({}, "dict has no columns"), (np.zeros((0, 2)), "numpy ndarray has col"),
    (pd.DataFrame(), "pandas DataFrame has no columns"), (pl.DataFrame({"ds": [], "y": []}), "polars DataFrame has c"),
    (pa.table({"y": pa.array([], pa.float64())}), "pyarrow Table has columns (y) but no rows"), ([[]], "list has no c"),
    (np.array(1.0), "numpy ndarray: expected values (rows,), or (rows, S) of several series, got ()"),
    (np.zeros((2, 2, 2)), "numpy ndarray: expected values (rows,), or (rows, S) of several series, got (2, 2, 2)"),
    (np.array([1, 2j]), "numpy ndarray: column 'y' holds values of the type complex128, not numbers"),
    (np.array([1], "m8[D]"), "numpy ndarray: column 'y' holds values of the type timedelta64[D], not numbers"),
    (np.array([1], "longdouble"), "numpy ndarray: column 'y' holds numbers beyond double precision"),
    ([10**400, 1], "list"), ([True, 2, 3], "list: column 'y' holds numbers beside true and false"),
    ([b"1"], "list: column 'y' holds objects of the type bytes, not numbers"),
    (DAYS, "list: no column holds numbers (columns: 'y')"),
    (pl.DataFrame({"ds": DAYS, "y": [[1.0]] * 5}), "polars DataFrame: column 'y' holds values of the type List("),
    (pl.DataFrame({"ds": [dt.time(i) for i in range(5)], "y": VALUES}), "polars DataFrame: column 'ds' holds val"),
    (pl.LazyFrame({"ds": DAYS}).select("z"), "polars LazyFrame: "), (None, "cannot read NoneType: expected a file's "),
    ({1, 2}, "cannot read set: expected a file's path, an address, a data frame, an array or a list"), (b"a", "cannot"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "words"), REFUSED, ids=[f"{i} {words[:40]}" for i, (_, words) in enumerate(REFUSED)]
)
def test_refused(source, words):
    assert refusal(source).startswith(words)


def test_what_is_no_table_at_all_is_another_error_than_a_table_with_faults():
    with pytest.raises(InputError) as caught:
        read_series(5)
    assert not isinstance(caught.value, DataError)
    assert refusal({"ds": DAYS, "y": VALUES}, value="ds").endswith("column 'ds' holds times, not numbers")


@pytest.mark.parametrize("columns", [None, pd.MultiIndex.from_product([["a"], ["x", "y"]]), pd.Index(DAYS[:2])])
def test_columns_of_pandas_whose_names_are_no_texts(columns):
    panel = read_panel(pd.DataFrame([[1.5, 10.0], [2.5, 30.0], [0.5, 20.0]], columns=columns))
    assert panel.values.tolist() == [1.5, 2.5, 0.5, 10, 30, 20]
    assert panel.ids == tuple(map(str, [0, 1] if columns is None else columns))


# ---- any table


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Long tables: series of different lengths, their rows mixed."""
    words = st.text("abä ü'\"0,;", min_size=1, max_size=5).map(str.strip).filter(bool)
    names = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    first = draw(st.integers(-100_000, 60_000))
    rows = [(name, first + day) for name in names for day in range(draw(st.integers(2, 6)))]
    values = st.floats(-1e300, 1e300)
    found = [(name, np.datetime64(day, "D").item(), draw(values)) for name, day in draw(st.permutations(rows))]
    return {key: list(column) for key, column in zip(("unique_id", "ds", "y"), zip(*found, strict=True), strict=True)}


@given(table=tables())
def test_any_table_is_the_same_panel_from_all_of_them(table, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    pl.DataFrame(table).write_csv(path, float_precision=None)
    wanted: dict[str, dict[dt.date, float]] = {}
    for name, day, value in zip(*table.values(), strict=True):
        wanted.setdefault(name, {})[day] = value
    for source in (pd.DataFrame(table), pl.DataFrame(table), pa.table(table), table, path):
        panel = read_panel(source)
        assert panel.ids == tuple(wanted)
        assert str(panel.frequency) == "day"
        for series in panel:
            days = wanted[series.name]
            assert series.dates.tolist() == sorted(days)
            assert series.values.tobytes() == np.array([days[day] for day in sorted(days)]).tobytes()
            first = 2 if source is path else 1
            assert [table["y"][line - first] for line in series.lines.tolist()] == series.values.tolist()


# Time zones

ZONES = ["America/New_York", "America/Port-au-Prince", "Etc/GMT+5", "UTC+02:00", "UTC", "Europe/Berlin"]


def in_zone(kind, zone):
    """Four hours from midnight UTC on, in a frame of a library whose times have a zone."""
    hours = np.arange("2024-01-01T00", "2024-01-01T04", dtype="datetime64[h]").astype("datetime64[us]")
    own = zone.removeprefix("UTC") or zone
    if kind == "polars":
        times = pl.Series("ds", hours).dt.replace_time_zone("UTC").dt.convert_time_zone(own)
        return pl.DataFrame([times, pl.Series("y", VALUES[:4])])
    if kind == "pyarrow":
        return pa.table({"ds": pa.array(hours).cast(pa.timestamp("us", own)), "y": VALUES[:4]})
    times = pd.DatetimeIndex(hours).tz_localize("UTC").tz_convert(own)
    return pd.Series(VALUES[:4], times, name="y") if kind == "index" else pd.DataFrame({"ds": times, "y": VALUES[:4]})


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("kind", ["pandas", "index", "polars", "pyarrow"])
def test_zones_of_any_name(kind, zone):
    series = read_series(in_zone(kind, zone))
    assert series.zone in (zone, "Etc/GMT-2" if zone == "UTC+02:00" else zone)  # polars has names alone
    assert series.dates.astype("datetime64[h]").astype(str).tolist() == [f"2024-01-01T0{hour}" for hour in range(4)]
    assert series.values.tolist() == VALUES[:4]


@pytest.mark.parametrize("kind", ["pandas", "index"])
def test_a_zone_without_a_name_is_refused(kind):
    frame = in_zone("pandas", "UTC")
    frame["ds"] = frame["ds"].dt.tz_convert(tzoffset(None, 7200))
    with pytest.raises(DataError, match=r"column 'ds' has the time zone .tzoffset\(None, 7200\)., which has no name"):
        read_series(frame if kind == "pandas" else frame.set_index("ds"))
