"""How dates are written: each form read and written back, each doubt asked, each fault at its line."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass import DataError, OptionError
from timeglass.dates.formats import DateFormat
from timeglass.dates.guess import guess_format
from timeglass.dates.patterns import NUMBERS, PATTERNS, tokens
from timeglass.dates.text_column import TextColumn
from timeglass.dates.texts import unit_of


def column(*texts: str) -> TextColumn:
    return TextColumn(texts, range(2, len(texts) + 2), "data.csv", "Day")


def guess(*texts: str) -> tuple[str, list[str]]:
    """The format's name, and the dates as NumPy writes them."""
    form = guess_format(column(*texts))
    assert form is not None
    return form.name, form.parse(column(*texts)).dates.astype(str).tolist()


def refusal(*texts: str, chosen: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        read(texts, chosen)
    return str(caught.value)


def read(texts: Sequence[str], chosen: str | None = None) -> np.ndarray | None:
    form = guess_format(column(*texts), chosen=chosen)
    return form and form.parse(column(*texts)).dates


@pytest.mark.parametrize(
    ("texts", "name", "dates"),
    [
        (["1749-01", "1749-02"], "yyyy-mm", ["1749-01", "1749-02"]),
        (["-0044-03-15", "+12345-01-01"], "yyyy-mm-dd", ["-044-03-15", "12345-01-01"]),
        (["2024-02-28", "2024-02-29"], "yyyy-mm-dd", ["2024-02-28", "2024-02-29"]),
        (["2020-01-01T10:00", "2020-01-01T11:00"], "yyyy-mm-ddThh:mm", ["2020-01-01T10:00:00", "2020-01-01T11:00:00"]),
        (["2020-01-01T10", "2020-01-01T11"], "yyyy-mm-ddThh:mm", ["2020-01-01T10:00:00", "2020-01-01T11:00:00"]),
        (["2020-01-01 10:00:05.250", "2020-01-01"], "yyyy-mm-dd hh:mm",
         ["2020-01-01T10:00:05.250", "2020-01-01T00:00:00.000"]),
        (["2020-01-01T10:00:00.000001000", "2020-01-01T10:00:00"], "yyyy-mm-ddThh:mm",
         ["2020-01-01T10:00:00.000001", "2020-01-01T10:00:00.000000"]),
        (["2020-12-31T23:30Z", "2021-01-01T00:30Z"],
         "yyyy-mm-ddThh:mm", ["2020-12-31T23:30:00", "2021-01-01T00:30:00"]),
        (["2020-W53", "2021-W01"], "yyyy-Www", ["2020-12-28", "2021-01-04"]),
        (["2020-W53-7", "2021-W01-1"], "yyyy-Www-d", ["2021-01-03", "2021-01-04"]),
        (["1959Q3", "1959Q4"], "yyyyQq", ["1959-07", "1959-10"]),
        (["Q3 1959", "Q4 1959"], "Qq yyyy", ["1959-07", "1959-10"]),
        (["1959-q3", "1959-Q4"], "yyyy-Qq", ["1959-07", "1959-10"]),
        (["2020M01", "2020M02"], "yyyyMmm", ["2020-01", "2020-02"]),
        (["1700", "1701"], "yyyy", ["1700", "1701"]),
        (["-0002", "-0001", "0000", "0001"], "yyyy", ["-002", "-001", "0000", "0001"]),
        (["0", "1", "-2"], "number", ["0", "1", "-2"]),
        (["31.12.2020", "1.1.2021"], "dd.mm.yyyy", ["2020-12-31", "2021-01-01"]),
        (["12/31/2020", "1/1/2021"], "mm/dd/yyyy", ["2020-12-31", "2021-01-01"]),
        (["1/12/2020", "31/12/2020"], "dd/mm/yyyy", ["2020-12-01", "2020-12-31"]),
        (["12-31-2020 13:30", "01-01-2021 00:00"], "mm-dd-yyyy hh:mm", ["2020-12-31T13:30:00", "2021-01-01T00:00:00"]),
        (["12/31/2020 12:30 AM", "12/31/2020 12:30 PM"],
         "mm/dd/yyyy hh:mm", ["2020-12-31T00:30:00", "2020-12-31T12:30:00"]),
        (["Jan 2020", "february 2020", "Sept. 2020"], "mmm yyyy", ["2020-01", "2020-02", "2020-09"]),
        (["5 March 2021", "12 Mar 2021"], "dd mmm yyyy", ["2021-03-05", "2021-03-12"]),
        (["Mar 5, 2021", "MAR 12, 2021"], "mmm dd, yyyy", ["2021-03-05", "2021-03-12"]),
        (["5-Mar-2021", "12-Mar-2021"], "dd-mmm-yyyy", ["2021-03-05", "2021-03-12"]),
        (["20201231", "20210101"], "yyyymmdd", ["2020-12-31", "2021-01-01"]),
        (["202012", "202101"], "yyyymm", ["2020-12", "2021-01"]),
        (["202012", "202013"], "number", ["202012", "202013"]),
        (["1/2020", "12/2020"], "mm/yyyy", ["2020-01", "2020-12"]),
    ],
)  # fmt: skip
def test_what_is_recognised(texts, name, dates):
    assert guess(*texts) == (name, dates)


@pytest.mark.parametrize(
    "texts", [["red", "green"], ["1.5", "a", "b"], [], ["１９４９-01", "１９４９-02"], ["a\nb", "2020\n"]]
)
def test_what_is_no_date(texts):
    assert guess_format(column(*texts)) is None


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["1951-13-45", "1951-01-01"],
         "data.csv:2:1: column 'Day' holds '1951-13-45': there is no month 13, expected 1 to 12"),
        (["2021-02-28", "2021-02-29"],
         "data.csv:3:1: column 'Day' holds '2021-02-29': there is no day 29: February 2021 has 28"),
        (["1900-02-28", "1900-02-29"], "there is no day 29: February 1900 has 28"),
        (["2021-W53", "2021-W01"], "data.csv:2:1: column 'Day' holds '2021-W53': there is no week 53: 2021 has 52"),
        (["1959Q5", "1959Q1"], "there is no quarter 5, expected 1 to 4"),
        (["2021-01-01T24:00", "2021-01-02T01:00"],
         "there is no hour 24, expected 0 to 23; 24:00 is 00:00 of the next day"),
        (["2021-01-01T10:00:60", "2021-01-02T01:00"], "there is no second 60"),
        (["2021-01-01T13:00 pm", "2021-01-02T01:00 pm"], "with am or pm the hours go from 1 to 12"),
        (["2021-01-01T13:00:00.1234567", "2021-01-02T01:00"], "finer than a microsecond"),
        (["2021-01-01T13:00+01:00", "2021-01-02T01:00"],
         "data.csv:3:1: column 'Day' holds '2021-01-02T01:00': has no UTC offset"),
        (["2021-01-01T13:00+01:99", "2021-01-02T01:00+01:00"], "there is no minute of the UTC offset 99"),
        (["2021-01-01", "", "2021-01-03"],
         "data.csv:3:1: column 'Day' holds '': the date is blank: fill it in, or cut the row"),
        (["2021-01-01", "Total", "2021-01-03"],
         "data.csv:3:1: column 'Day' holds 'Total': expected a date written yyyy-mm-dd such as 2021-01-01; "
         "correct it in the file, or cut the row"),
        (["2021-01-01", "2021-01-02", "Total", "2021-13-01"], "data.csv:4:1: "),
        (["2021-01-01", "2021-01-02", "2021-13-01", "Total"], "data.csv:4:1: "),
        (["31.12.20", "01.01.21"], "its year has two digits: write all of them with four"),
        (["31.12.2020", "01.01.2021", "02.01.21"],
         "data.csv:4:1: column 'Day' holds '02.01.21': its year has two digits"),
        (["1", "2", "x"], "data.csv:4:1: column 'Day' holds 'x': expected a whole number of at most 18 digits"),
        (["31/12/2020", "12/31/2020"],
         "data.csv:3:1: column 'Day' holds '12/31/2020': line 2 has '31/12/2020', and no one format fits both: "
         "write all dates as yyyy-mm-dd, or give --date-format dd/mm/yyyy or mm/dd/yyyy and correct the others"),
        (["03/04/2021", "03/05/2021"],
         "data.csv:2:1: column 'Day' holds '03/04/2021': days or months first? 2021-04-03, a row every month, on day 3 "
         "(--date-format dd/mm/yyyy) or 2021-03-04, a row every day (--date-format mm/dd/yyyy); "
         "the file does not tell"),
        (["44197", "44198"],
         "a number, or Excel's number of a day (2021-01-01)? Give --date-format number, or --date-format excel"),
        (["1609459200", "1609462800"], "a number, or seconds since 1970 (2021-01-01T00:00:00)?"),
        (["1609459200000", "1609462800000"], "a number, or milliseconds since 1970 (2021-01-01T00:00:00)?"),
    ],
)  # fmt: skip
def test_what_is_refused_or_asked(texts, message):
    assert message in refusal(*texts)
    assert re.match(r"data\.csv:[0-9]+:1: column 'Day' holds ", refusal(*texts))


@pytest.mark.parametrize(
    ("chosen", "text", "date"),
    [
        ("dd/mm/yyyy", "03/04/2021", "2021-04-03"), ("mm/dd/yyyy", "03/04/2021", "2021-03-04"),
        ("excel", "44197", "2021-01-01"), ("excel", "44197.5", "2021-01-01T12:00:00"),
        ("unix", "1609459200", "2021-01-01T00:00:00"), ("unix-ms", "1609459200250", "2021-01-01T00:00:00.250"),
        ("number", "44197", "44197"), ("yyyy|mm|dd", "2021|03|04", "2021-03-04"),
        ("yyyymmdd", "20210304", "2021-03-04"),
    ],
)  # fmt: skip
def test_the_option_settles_it(chosen, text, date):
    form = guess_format(column(text), chosen=chosen)
    assert form.parse(column(text)).dates.astype(str).tolist() == [date]


def test_what_was_decided_is_said_in_one_line():
    assert str(guess_format(column("1/12/2020", "31/12/2020"))) == (
        "read as dates written dd/mm/yyyy, since line 3 has '31/12/2020'; another reading: --date-format"
    )
    assert str(guess_format(column("1749", "1750"))) == (
        "read as years, since all lie from 1749 to 1750; another reading: --date-format"
    )


@pytest.mark.parametrize("name", ["", "dd", "yyyy-dd", "yyyy-mm-mm", "hh:mm", "yyyy hh:mm", "%Y-%m-%d", "yyyy yyyy"])
def test_patterns_that_make_no_date(name):
    with pytest.raises(OptionError, match=r"makes no date: expected a pattern such as dd\.mm\.yyyy"):
        DateFormat(name)


def test_offsets_go_to_utc_and_back():
    texts = ["2021-10-31T02:30+02:00", "2021-10-31T02:30+01:00", "2021-10-31T02:30-03:30"]
    form = guess_format(column(*texts))
    parsed = form.parse(column(*texts))
    assert parsed.dates.astype(str).tolist() == ["2021-10-31T00:30:00", "2021-10-31T01:30:00", "2021-10-31T06:00:00"]
    assert parsed.offsets.tolist() == [120, 60, -210]
    assert form.format(parsed.dates, parsed.offsets) == texts
    assert form.parse(column("2021-10-31T02:30")).offsets is None


UNITS = {"Y": (-1000, 7000), "M": (-20_000, 90_000), "D": (-700_000, 2_900_000), "s": (-(6 * 10**10), 2 * 10**11)}


@pytest.mark.parametrize("name", [*PATTERNS, *NUMBERS])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back(name, data):
    unit = unit_of(tokens(name)) if name not in ("number", "excel", "unix", "unix-ms") else "s"
    low, high = {"excel": (-(10**9), 10**9)}.get(name, UNITS[unit])
    numbers = np.array(data.draw(st.lists(st.integers(low, high), max_size=6)), np.int64)
    if "q" in tokens("yyyy" if unit == "s" and name in NUMBERS else name):
        numbers = numbers // 3 * 3
    if "ww" in name and not name.endswith("d"):
        numbers = numbers // 7 * 7 + 4  # a Monday
    dates = numbers.astype(f"datetime64[{unit}]") if name != "number" else numbers
    if name == "excel":
        dates = dates[dates >= np.datetime64("1927-05-18")]
    elif name != "number" and not name.startswith("yyyy"):
        dates = dates[dates >= np.datetime64("0000")]
    if name in ("yyyymm", "yyyymmdd"):
        dates = dates[dates >= np.datetime64("0000")]
    form = DateFormat(name)
    found = form.parse(column(*form.format(dates))).dates
    assert (found == dates).all()
    assert found.shape == dates.shape


@given(st.lists(st.integers(-(10**15), 10**17), min_size=1), st.sampled_from(["us", "ms"]))
def test_parts_of_a_second_are_read_back(numbers, unit):
    dates = (np.array(numbers) // (1 if unit == "us" else 1000)).astype(f"datetime64[{unit}]")
    form = DateFormat("yyyy-mm-ddThh:mm")
    assert (form.parse(column(*form.format(dates))).dates == dates).all()


@pytest.mark.parametrize(
    ("name", "style"),
    [
        ("yyyy-mm-dd hh:mm", "%Y-%m-%d %H:%M:%S"), ("dd.mm.yyyy", "%d.%m.%Y"), ("mmm dd, yyyy", "%B %d, %Y"),
        ("mm/dd/yyyy hh:mm", "%m/%d/%Y %I:%M %p"), ("yyyy-Www-d", "%G-W%V-%u"), ("dd-mmm-yyyy", "%d-%b-%Y"),
    ],
)  # fmt: skip
def test_what_pandas_writes_is_read(name, style):
    dates = np.sort(np.random.default_rng(1).integers(-(10**10), 10**10, 2000) // 60 * 60).astype("datetime64[s]")
    dates = dates if "hh" in name else dates.astype("datetime64[D]")
    texts = list(pd.DatetimeIndex(dates.astype("datetime64[s]")).strftime(style))
    form = guess_format(column(*texts))
    assert form.name == name
    assert (form.parse(column(*texts)).dates == dates).all()


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("yyyy", "2021-02"), ("yyyyQq", "2021-02"), ("yyyy-Www", "2021-01-05"), ("dd.mm.yyyy", "-0044-01-01"),
        ("yyyymmdd", "10000-01-01"), ("dd.mm.yyyy", "2021-01-01T10:00"),
    ],
)  # fmt: skip
def test_no_part_of_a_date_is_lost_in_writing(name, date):
    with pytest.raises(OptionError, match="cannot be written as"):
        DateFormat(name).format(np.array([date], "datetime64"))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=5), st.sampled_from([*PATTERNS, *NUMBERS, None]))
def test_any_text_is_read_or_refused_with_its_place(texts, chosen):
    message = "data.csv:"
    try:
        dates = read(texts, chosen)
    except DataError as error:
        dates, message = None, str(error)
    assert message.startswith("data.csv:")
    assert dates is None or dates.shape == (len(texts),)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 199), st.text("0123456789-/.T :WQ", min_size=1, max_size=12))
def test_a_fault_is_found_at_its_line(row, fault):
    texts = np.arange("1999-01-01", "1999-07-20", dtype="datetime64[D]").astype(str).tolist()
    try:
        good = np.datetime64(fault).astype(str) == fault and len(fault) == 10
    except ValueError:
        good = False
    texts[row] = fault
    if not good and not fault.isspace():
        assert refusal(*texts).startswith(f"data.csv:{row + 2}:1: ")


def test_a_long_text_and_many_kinds_of_text_take_no_room():
    texts = ["2021-01-01"] * 4000 + ["9" * 10**6] + [f"x{'y' * i}" for i in range(2000)]
    assert refusal(*texts).startswith("data.csv:4002:1: ")
