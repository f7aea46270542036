"""What strangers found in tables of the world: zones of days, marks with two readings, digits that are dates, units."""

from __future__ import annotations

from pathlib import Path

import pytest

from timeglass import DataError
from timeglass.read import ReadOptions, check, read_series
from timeglass.series.series import Series

MIDNIGHTS = [f"2021-03-{day:02d}T00:00+0{1 + (day >= 29)}:00,{day}" for day in range(1, 32)]  # in Berlin


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(rows: list[str], header: str = "date,y", **options) -> Series:
    Path("data.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return read_series("data.csv", ReadOptions(**options))


def refusal(rows: list[str], header: str = "date,y", **options) -> str:
    with pytest.raises(DataError) as caught:
        read(rows, header, **options)
    return str(caught.value)


def test_midnights_of_a_zone_are_its_days():
    series = read(MIDNIGHTS)
    assert series.dates is not None
    assert series.dates.astype(str).tolist() == [f"2021-03-{day:02d}" for day in range(1, 32)]
    assert (str(series.frequency), series.zone) == ("day", "Europe/Berlin")
    assert series.notes[-1] == "all times are midnights of Europe/Berlin: they are held as its days"


def test_a_bad_date_among_midnights_is_the_one_finding():
    Path("data.csv").write_text("\n".join(["date,y", *MIDNIGHTS[:10], "2021-03-1xT00:00+01:00,4", *MIDNIGHTS[11:]]))
    assert [(fault.kind, fault.line) for fault in check("data.csv").faults] == [("date", 12)]


@pytest.mark.parametrize("words", ["day:sum", "day"])
def test_days_are_gathered_by_the_clocks_of_the_zone(words):
    rows = [f"2021-07-{day:02d}T{hour:02d}:00+02:00,{day}" for day in (1, 2, 3) for hour in range(24)]
    series = read(rows, resample=words)
    assert series.dates is not None
    assert series.dates.astype(str).tolist() == ["2021-07-01", "2021-07-02", "2021-07-03"]
    assert series.values.tolist() == ([24, 48, 72] if words == "day:sum" else [1, 2, 3])


def test_two_hours_of_one_name_are_two_also_where_their_values_are_equal():
    said = refusal([f"2021-10-31 {hour}:00,0" for hour in ("00", "01", "02", "02", "03", "04")])
    assert said.startswith("data.csv:5:1: lines 4 and 5 both say 2021-10-31T02:00: 0 and 0; ")
    assert "comes twice, as clocks went back that night in Europe/Berlin" in said


@pytest.mark.parametrize("blank", ["", '""'])
def test_a_blank_in_a_table_of_one_column_is_a_missing_value(blank):
    assert refusal(["5", blank, "7", "", ""], "y").startswith("data.csv:3:1: column 'y' is empty")
    assert read(["5", blank, "7", "", ""], "y", missing="linear").values.tolist() == [5, 6, 7]


def test_thousands_without_decimals_are_asked():
    rows = ["01.03.2021;950", "02.03.2021;980", "13.03.2021;1.010"]
    assert refusal(rows, "d;y").startswith("data.csv:4:2: is '1.010' beside '950' 1.010 or 1010?")
    assert read(rows, "d;y", thousands=".", frequency="none").values.tolist() == [950, 980, 1010]
    assert read(rows, "d;y", decimal=".", frequency="none").values.tolist() == [950, 980, 1.01]


@pytest.mark.parametrize("mark", ["\u202f", "\u00a0", " "])
def test_blanks_between_thousands(mark):
    rows = [f"2021-03-01;1{mark}234,5", f"2021-03-02;1{mark}235,5"]
    assert "it has a thousands mark: use --thousands ' '" in refusal(rows, "d;y")
    assert read(rows, "d;y", thousands=" ", decimal=",").values.tolist() == [1234.5, 1235.5]


def test_units_beside_thousands_and_decimal_commas():
    rows = ["2021-03-01;1.234 €", "2021-03-02;2.345 €"]
    assert refusal(rows, "d;y", decimal=",", strip_unit=True).startswith("data.csv:2:2: column 'y' holds '1.234 €'")
    assert read(rows, "d;y", thousands=".", strip_unit=True).values.tolist() == [1234, 2345]
    dollars = ['2021-03-01,"$1,000.00"', '2021-03-02,"-$5.00"']
    assert read(dollars, thousands=",", strip_unit=True).values.tolist() == [1000, -5]


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        ([f"2101{day:02d}" for day in range(28, 32)] + ["210201"], "yymmdd"),
        (["01012021", "02012021", "03012021"], "ddmmyyyy"),
        (["2021010100", "2021010101", "2021010102"], "yyyymmddhh"),
        (["202101010000", "202101010100", "202101010200"], "yyyymmddhhmm"),
        (["20210101000000", "20210101010000", "20210101020000"], "yyyymmddhhmmss"),
    ],
)
def test_digits_that_are_times_are_asked(texts, name):
    said = refusal([f"{text},{i}" for i, text in enumerate(texts)])
    assert said.startswith(f"data.csv:2:1: column 'date' holds '{texts[0]}': a number, or a time written {name}?")


@pytest.mark.parametrize("texts", [["202101", "202102", "202103"], ["201201", "201202", "201203"]])
def test_months_in_digits_are_months(texts):
    assert str(read([f"{text},1" for text in texts]).frequency) == "month"


def test_years_from_one_to_the_next_are_asked():
    rows = [f"{2000 + i}/{(i + 1) % 100:02d},{i}" for i in range(12)]
    assert "a month, or a year from one to the next?" in refusal(rows, "season,y")


def test_a_time_in_two_columns_is_named_as_such():
    rows = [f"{2020 + i // 12},{i % 12 + 1},{i}" for i in range(24)]
    assert "the time is spread over the columns 'year' and 'month'" in refusal(rows, "year,month,y")


def test_leftovers_of_spreadsheets():
    Path("data.csv").write_text("sep=;\ndate;y\n2021-03-01;1\n2021-03-02;2\n")
    with pytest.raises(DataError, match=r"^data\.csv:1: this line is Excel's"):
        read_series("data.csv")
    assert read_series("data.csv", ReadOptions(skip_lines=1, separator=";")).values.tolist() == [1, 2]
    series = read(["2021-03-01,1", "2021-03-02,2", ",", ","])
    assert series.notes == ("2 rows of nothing but separators left out (line 4, line 5)",)
    assert series.values.tolist() == [1, 2]


def test_a_sum_counts_equal_rows_too():
    assert read(["2021-03-01,1", "2021-03-01,1", "2021-03-02,5"], duplicates="sum").values.tolist() == [2, 5]
