"""What a reader finds out by itself, which option each guess names, and that the option wins; what it asks instead.

A case is a text, the options, and what comes of it. Each guess that is made stands in `origin.guesses`, no other does.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from timeglass.errors import TimeglassError
from timeglass.read import Panel, ReadOptions, read_panel, read_series
from timeglass.read.csv_form import kind_of_column
from timeglass.read.layout import Sample, find_layout
from timeglass.read.separator import find_decimal, find_separator
from timeglass.series.series import Series

MONTHS = [f"{2019 + i // 12}-{i % 12 + 1:02d}" for i in range(14)]
TIME, VALUE, MONTH = (
    "times are in column 'm' (--time)",
    "values are in column 'y' (--value)",
    "a row every month (--freq)",
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def table(row: str, header: str = "m;y", count: int = 14) -> str:
    """`row` with {m} for a month, {i} for its number, {j} for 100 and more, {k} for one that goes up and down."""
    rows = [row.format(m=MONTHS[i], i=i, j=100 + i, k=i * 7 % 5) for i in range(count)]
    return "\n".join([*([header] if header else []), *rows]) + "\n"


def series(content: str | bytes, **options: Any) -> Series:
    Path("d.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_series("d.csv", ReadOptions(**options))


def panel(content: str, **options: Any) -> Panel:
    Path("d.csv").write_text(content)
    return read_panel("d.csv", ReadOptions(**options))


def refusal(content: str | bytes, *, many: bool = False, **options: Any) -> str:
    with pytest.raises(TimeglassError) as caught:
        panel(str(content), **options) if many else series(content, **options)
    assert str(caught.value).isprintable()
    return str(caught.value)


# ---- separators, marks, headers


@pytest.mark.parametrize(
    ("mark", "words"),
    [(",", ()), (";", ("fields are separated by ';' (--separator)",)),
     ("|", ("fields are separated by '|' (--separator)",)), ("\t", ("fields are separated by a tab (--separator)",))],
)  # fmt: skip
def test_separators(mark, words):
    content = table("{m};{k}.5;x", "m;y;note").replace(";", mark)
    found = series(content)
    assert found.values.tolist() == [i * 7 % 5 + 0.5 for i in range(14)]
    assert found.origin.guesses == (*words, TIME, VALUE, MONTH)
    said = series(content, separator=mark)
    assert (said.values.tolist(), said.origin.guesses) == (found.values.tolist(), (TIME, VALUE, MONTH))


@pytest.mark.parametrize("mark", " :/^&~")
def test_a_separator_that_is_not_guessed_is_offered_and_works(mark):
    content = table("{m};{k}.5").replace(";", mark)
    message = refusal(content)
    assert message == f"d.csv:1: one column only, 'm{mark}y'; is it separated by another mark? use --separator {mark!r}"
    assert series(content, separator=mark).values.tolist() == [i * 7 % 5 + 0.5 for i in range(14)]


def test_the_separator_that_is_said_wins():
    content = "m;y,z\n2020-01;1,2\n2020-02;3,4\n2020-03;5,6\n"
    assert series(content, separator=";", decimal=",", value=2).values.tolist() == [1.2, 3.4, 5.6]
    assert series(content, separator=",", time="none", value="z").values.tolist() == [2, 4, 6]
    assert find_separator(["a;b", "1,5;2,5", "3,5;4,5"]) == ";"
    assert find_separator(["a b", "1 2"]) is None


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
def test_a_comma_in_fractions(separator):
    content = table('{m};"{k},25"' if separator == "," else "{m};{k},25").replace(";", separator)
    found = series(content)
    assert found.values.tolist() == [i * 7 % 5 + 0.25 for i in range(14)]
    guess = "the decimal mark is a comma, since '0,25' has no other reading (--decimal)"
    assert guess in found.origin.guesses
    assert guess not in series(content, decimal=",").origin.guesses
    assert refusal(content, decimal=".") == (
        "d.csv:2:2: column 'y' holds '0,25': expected a number such as 58.0: is its comma the decimal mark? use "
        "--decimal ,"
    )


@pytest.mark.parametrize(("mark", "decimal"), [*zip(",. '_\u00a0\u202f’", ".,,..,,.", strict=True), (" ", ".")])
def test_thousands_are_never_guessed_and_the_remedy_works(mark, decimal):
    content = table(f"{{m}};1{mark}{{j}}{decimal}5")
    message, shown = refusal(content), {"\u00a0": " ", "\u202f": " ", "’": "'"}.get(mark, mark)
    assert message.startswith("d.csv:2:2: column 'y' holds ")
    said = repr(shown) if shown == " " else shown
    assert message.endswith(f": it has a thousands mark: use --thousands {said}")
    assert series(content, thousands=shown).values.tolist() == [1100.5 + i for i in range(14)]


WHICH = "which is the decimal mark? Give --decimal . with --thousands , or --decimal , with --thousands ."
TELL = "? The file does not tell: give"


@pytest.mark.parametrize(
    ("content", "words", "readings"),
    [
        (table("{m};1,{j}"), f"2:2: is '1,100' 1.100 or 1100{TELL} --decimal , or --thousands ,", [1.1, 1100]),
        (table("{m};1.{j}").replace("1.101", "1101"),
         f"2:2: is '1.100' beside '1101' 1.100 or 1100{TELL} --decimal . or --thousands .", [1100, 1.1]),
        (table("{m};1.{j}").replace("1.101", "1,101"), f"3:2: '1,101' beside '1.100': {WHICH}", [1100, 1.1]),
        (table("{m};1.5").replace("02;1.5", "02;1,523"), f"3:2: '1,523' beside '1.5': {WHICH}", [None, 1.5]),
    ],
)  # fmt: skip
def test_a_mark_with_two_readings_is_asked(content, words, readings):
    assert refusal(content) == f"d.csv:{words}"
    for decimal, first in zip(",.", readings, strict=True):
        thousands = "," if decimal == "." else "." if ";1." in content else None
        assert first is None or series(content, decimal=decimal, thousands=thousands).values[0] == first


@pytest.mark.parametrize(
    ("texts", "mark", "why"),
    [("1.5 2", ".", ""), ("1,234.5 1,234", ".", ""), ("1,5 2,5 3.5", ",", ""), ("x 7", ".", ""),
     ("1,234 0,5", ",", "'0,5' has no other reading"), ("0,123", ",", "'0,123' has no other reading")],
)  # fmt: skip
def test_decimal_marks_of_texts(texts, mark, why):
    """Where 3.5 stands beside many 1,5, or 1,234.5 needs --thousands, the reader of numbers says so."""
    assert find_decimal(dict.fromkeys(texts.split(), "d.csv:2:2")) == (mark, why)


def test_a_header_or_none():
    content = table("{m};{k}.5", "")
    assert refusal(content) == (
        "d.csv:1: the first line looks like data (2019-01;0.5): use --no-header, or put a header above it, such as "
        "Month,Value; if these are names: --header"
    )
    found = series(content, header=False)
    assert (found.lines[0], found.values[0], found.name) == (1, 0.5, "column 2")
    assert found.origin.guesses[1:3] == (
        "times are in column 'column 1' (--time)",
        "values are in column 'column 2' (--value)",
    )
    found = series(content, header=True)
    assert (found.lines[0], found.values[0], found.name) == (2, 2.5, "0.5")
    for header in ("m;y", "m;2019", "2018;2019"):  # a name may be a number
        assert series(table("{m};{k}.5", header)).name == header.partition(";")[2]
    assert refusal(table("{m};{k}.5"), header=False).startswith(
        "d.csv:1:1: column 'column 1' holds 'm': expected a date"
    )
    assert series("7\n8\n6\n", header=False).values.tolist() == [7, 8, 6]


# ---- encodings

GREAT = table("{m};{k}.5", "m;größe")


@pytest.mark.parametrize(
    ("encoding", "read"),
    [("utf-8", ""), ("utf_8_sig", "UTF-8"), ("utf16", "UTF-16-LE"), ("utf-16-be", "UTF-16-BE"), ("utf32", "UTF-32-LE")],
)  # fmt: skip
def test_encodings_that_have_a_mark(encoding, read):
    content = ("\ufeff" if encoding == "utf-16-be" else "") + GREAT
    found = series(content.encode(encoding))
    assert (found.name, found.notes) == ("größe", (f"read as {read}, by the mark in front",) if read else ())
    said = series(content.encode(encoding), encoding=encoding)
    assert (said.name, said.values.tolist()) == ("größe", found.values.tolist())


def test_an_encoding_without_a_mark_is_asked():
    content = GREAT.encode("cp1252")
    assert refusal(content) == "d.csv:1: byte 5 is not UTF-8; it looks like cp1252 ('größe'): use --encoding cp1252"
    assert series(content, encoding="cp1252").name == series(content, encoding="cp1250").name == "größe"
    late = table("{m};{k}.5;x", "m;y;note").replace("2019-12;2.5;x", "2019-12;2.5;5 €").encode("cp1252")
    assert refusal(late) == "d.csv:13: byte 15 is not UTF-8; it looks like cp1252 ('5 €'): use --encoding cp1252"
    for encoding in ("utf-16-le", "utf-16-be"):
        assert series(GREAT.encode(encoding), encoding=encoding).name == "größe"
    assert refusal(GREAT.encode("utf-16")[:-1]) == "d.csv:15: byte 12 is not UTF-16-LE; choose another --encoding"
    assert "d.csv:1: byte 5 is not ASCII; choose another" in refusal(GREAT.encode(), encoding="ascii")
    words = "d.csv:1: holds a NUL character: the file is damaged, or UTF-16 without its mark: --encoding utf-16-"
    assert refusal(GREAT.encode("utf-16-le")).startswith(words)


# ---- columns


def test_the_column_of_times_by_its_name_and_by_what_it_holds():
    found = series(table("{k}.5,{m}", "y,seen"))
    assert found.origin.guesses[0] == "times are in column 'seen' (--time)"
    content = table("{k}.5,{m},2020-01-{i:02d}", "y,seen,Date").replace("2020-01-00", "2020-01-31")
    by_name = series(content, missing="drop", duplicates="last", value="y")
    assert by_name.origin.guesses[0] == "times are in column 'Date' (--time)"
    assert str(by_name.dates[0]) == "2020-01-01"
    for time in ("seen", 2):
        said = series(content, time=time)
        assert (str(said.dates[0]), said.origin.guesses) == ("2019-01", (VALUE, MONTH))
    numbered = series(content, time="none")
    assert (numbered.dates, numbered.origin.guesses) == (None, (VALUE,))
    assert series(table("{k}.5;x", "y;note")).origin.guesses[1:] == (
        "no column holds dates: the rows are numbered (--time)",
        VALUE,
    )
    assert series(table("{i};{k}.5", "n;y")).origin.guesses[1] == "times are in column 'n' (--time)"  # rows that count


def test_two_columns_of_dates_are_asked():
    content = table("{m},2020-01-{i:02d},{k}.5", "from,to,y").replace("2020-01-00", "2020-01-14")
    assert refusal(content) == "d.csv: 2 columns hold dates, 'from', 'to': say which counts, --time 'from' or another"
    assert str(series(content, time="from").dates[0]) == "2019-01"
    assert str(series(content, time=2).dates[0]) == "2020-01-01"
    both = content.replace("from,to", "month,date")  # a known name each
    assert refusal(both).startswith("d.csv: 2 columns hold dates, 'month', 'date': say which counts")


def test_the_column_of_values():
    content = table("{m},{i}.25,{k}.5,x", "m,a,b,note")
    assert refusal(content) == "d.csv: 2 columns hold numbers, 'a', 'b': say which, --value 'a' or another"
    for value in ("b", 3):
        assert (series(content, value=value).position, series(content, value=value).origin.guesses) == (
            3,
            (TIME, MONTH),
        )
    wide = panel(content)
    assert (wide.ids, wide.columns) == (("a", "b"), (2, 3))
    assert wide.origin.guesses[1] == "each of the 2 columns of numbers is a series (--value, --id)"
    assert panel(content, value="b").ids == ("b",)
    for name in ("y", "Value", "TARGET"):
        assert series(content.replace(",b,", f",{name},")).position == 3
    assert series(table("{m},{i}.5,{k}.5", "m,value,y")).position == 3  # y is the better known
    assert series(table("{m},{k}.5,x", "m,sold,note")).origin.guesses[1] == "values are in column 'sold' (--value)"
    message = refusal(content, value="B2")
    assert message == "d.csv: no column 'B2' for --value: there are 'm', 'a', 'b', 'note'"
    assert refusal(content, value="not").endswith("'note'; the closest is 'note'")
    assert series(table("{m},{i}.5,{k}.5", "m,3,b"), value="3").position == 2  # a name before a place
    assert series(table("{m},{i}.5,{k}.5", "m,3,b"), value=3).position == 3


def test_two_columns_of_one_name_are_asked_by_place():
    content = table("{m},{i}.25,{k}.5", "m,y,y")
    for options in ({}, {"value": "y"}):
        assert refusal(content, **options).endswith(
            "2 columns are called 'y': say which by its place, --value 2 or --value 3"
        )
    assert [series(content, value=place).values[1] for place in (2, 3)] == [1.25, 2.5]
    assert refusal(table("{m},{m},{k}.5", "m,m,y"), time="m").endswith("by its place, --time 1 or --time 2")


def test_the_column_that_tells_series_apart():
    rows = "".join(f"{name},{month},{i}{ord(name)}\n" for name in ("b", "a") for i, month in enumerate(MONTHS))
    for name in ("unique_id", "Series_ID", "item_id", "id", "series"):
        found = panel(f"{name},ds,y\n{rows}")
        assert (found.ids, found.offsets.tolist()) == (("b", "a"), [0, 14, 28])
        assert found.origin.guesses[0] == f"series are told apart by column '{name}' (--id)"
    other = f"shop,ds,y\n{rows}"
    assert refusal(other, many=True).endswith("if they belong to different series, --id tells which column names them")
    for given in ("shop", 1):
        assert (panel(other, id=given).ids, panel(other, id=given).origin.guesses[0]) == (
            ("b", "a"),
            "times are in column 'ds' (--time)",
        )
    message = refusal(f"id,ds,y\n{rows}", many=True, id="none")
    assert "lines 2 and 16 both say 2019-01: 98 and 97: keep one" in message
    assert panel(table("{i},{m},{k}.5", "id,ds,y"), value="y").ids == ("y",)  # a number of its own for each row


def test_the_kinds_of_columns_and_a_layout_of_them():
    kinds = {"date": ["2020-01", "x", "2020-02"], "number": ["1.5", "2", "x", "3"], "text": ["a", "1", "b"],
             "blank": [], "whole": ["3", "4", "5", "7"]}  # fmt: skip
    assert {kind: kind_of_column(texts) for kind, texts in kinds.items()} == {kind: kind for kind in kinds}
    samples = [Sample("note", "text"), Sample("ds", "date"), Sample("x", "number"), Sample("y", "whole")]
    layout = find_layout(samples, ReadOptions(), "d.csv", many=False)
    assert (layout.time, layout.values, layout.id) == (1, (3,), None)


# ---- dates and how often they come


FORMATS = {
    "yyyy-mm-dd": "%Y-%m-%d", "yyyy/mm/dd": "%Y/%m/%d", "dd.mm.yyyy": "%d.%m.%Y", "dd mmm yyyy": "%d %b %Y",
    "mmm dd, yyyy": "%B %d, %Y", "yyyymmdd": "%Y%m%d", "dd/mm/yyyy": "%d/%m/%Y", "mm/dd/yyyy": "%m/%d/%Y",
    "mm-dd-yyyy": "%m-%d-%Y", "yyyy-Www-d": "%G-W%V-%u", "yyyy-mm-ddThh:mm": "%Y-%m-%dT%H:%M",
    "mm/dd/yyyy hh:mm": "%m/%d/%Y %I:%M %p",
}  # fmt: skip
SAID = {
    "yyyymmdd": "all 20 numbers make such dates", "dd/mm/yyyy": "line 2 has '25/02/2021'",
    "mm/dd/yyyy": "line 2 has '02/25/2021'", "mm-dd-yyyy": "line 2 has '02-25-2021'",
    "mm/dd/yyyy hh:mm": "line 2 has '02/25/2021 12:00 AM'",
}  # fmt: skip


def stamps(texts: list[object]) -> str:
    return "t;y\n" + "".join(f"{text};{i}.5\n" for i, text in enumerate(texts))


@pytest.mark.parametrize("name", FORMATS)
def test_formats_of_dates(name):
    days = [dt.datetime(2021, 2, 25) + dt.timedelta(i) for i in range(20)]
    content = stamps([day.strftime(FORMATS[name]) for day in days])
    found = series(content)
    assert (found.dates.astype("datetime64[D]").tolist(), found.date_format) == ([day.date() for day in days], name)
    said = [guess for guess in found.origin.guesses if "--date-format" in guess]
    wanted = [f"times are read as dates written {name}, since {SAID[name]} (--date-format)"] if name in SAID else []
    assert said == wanted
    again = series(content, date_format=name)
    assert (again.dates.tolist(), [g for g in again.origin.guesses if "--date-format" in g]) == (
        found.dates.tolist(),
        [],
    )
    if name == "yyyymmdd":
        assert series(content, date_format="number", frequency="none").dates[:2].tolist() == [20210225, 20210226]


GIVE, READ = "? Give --date-format number, or --date-format", "to read it as such"


@pytest.mark.parametrize(
    ("texts", "words", "first"),
    [
        (["03/04/2021", "04/04/2021", "05/04/2021"],
         "days or months first? 2021-04-03, a row every day (--date-format dd/mm/yyyy) or 2021-03-04, a row every "
         "month, on day 4 (--date-format mm/dd/yyyy); the file does not tell",
         {"dd/mm/yyyy": "2021-04-03", "mm/dd/yyyy": "2021-03-04"}),
        ([44197, 44198, 44199], f"a number, or Excel's number of a day (2021-01-01){GIVE} excel {READ}",
         {"number": "44197", "excel": "2021-01-01"}),
        (["44197.5", "44198.5"], f"a number, or Excel's number of a day (2021-01-01T12:00:00){GIVE} excel {READ}",
         {"excel": "2021-01-01T12:00:00"}),
        ([1609459200, 1609462800], f"a number, or seconds since 1970 (2021-01-01T00:00:00){GIVE} unix {READ}",
         {"number": "1609459200", "unix": "2021-01-01T00:00:00"}),
        ([1609459200000, 1609462800000],
         f"a number, or milliseconds since 1970 (2021-01-01T00:00:00){GIVE} unix-ms {READ}",
         {"number": "1609459200000", "unix-ms": "2021-01-01T00:00:00"}),
    ],
)  # fmt: skip
def test_dates_with_two_readings_are_asked(texts, words, first):
    assert refusal(stamps(texts)) == f"d.csv:2:1: column 't' holds '{texts[0]}': {words}"
    for name, wanted in first.items():
        assert str(series(stamps(texts), date_format=name).dates[0]) == wanted


def days(first: str, step: int, count: int = 12) -> list[object]:
    return np.arange(np.datetime64(first), np.datetime64(first) + step * count, step).tolist()


ENDS = (np.arange("2020-02", "2021-02", dtype="datetime64[M]").astype("datetime64[D]") - 1).tolist()
CLOCKS = ["00:00+02:00", "01:00+02:00", "02:00+02:00", "02:00+01:00", "03:00+01:00"]
NUMBERS = "times are whole numbers, {} apart (--freq, --date-format)"
FREQUENCIES = {
    "month": [f"2020-{month:02d}" for month in range(1, 13)], "month, on its last day": ENDS,
    "month, on day 30": ["2021-01-30", "2021-02-28", "2021-03-30"], "quarter": ["1959Q3", "1959Q4", "1960Q1"],
    "quarter, on the last day of Mar, Jun, Sep, Dec": ENDS[2::3], "week, on Sundays": days("2021-03-07", 7),
    "week, on Mondays": ["2020-W52", "2020-W53", "2021-W01"], "2 weeks, on Thursdays": days("2021-03-04", 14),
    "business day": [day for day in days("2021-03-01", 1, 30) if day.weekday() < 5], "day": days("1650-02-27", 1),
    "3 days": days("2021-03-01", 3), "hour": [f"2021-10-31T{clock}" for clock in CLOCKS],
    "15 minutes": [f"2021-03-01 {i // 4:02d}:{i % 4 * 15:02d}" for i in range(9)], "year": list(range(1600, 1612)),
    "2 years": list(range(1950, 1970, 2)),
    "year, on the last day of February": ["2019-02-28", "2020-02-29", "2021-02-28"],
}  # fmt: skip


@pytest.mark.parametrize("words", FREQUENCIES)
def test_frequencies(words):
    found = series(stamps(FREQUENCIES[words]))
    assert (str(found.frequency), found.origin.guesses[-1]) == (words, f"a row every {words} (--freq)")
    none = series(stamps(FREQUENCIES[words]), frequency="none")
    assert (none.frequency, none.origin.guesses) == (None, found.origin.guesses[:-1])
    said = series(stamps(FREQUENCIES[words]), frequency=words.partition(",")[0])
    assert (said.frequency, said.origin.guesses) == (found.frequency, found.origin.guesses[:-1])
    assert refusal(stamps(FREQUENCIES[words]), frequency="7 hours").startswith("--freq '7 hours': ")


def test_times_across_a_clock_change_are_in_utc_and_years_and_numbers_stay_what_they_are():
    found = series(stamps(FREQUENCIES["hour"]))
    assert found.dates.astype(str).tolist() == [
        f"2021-10-{day}:00:00" for day in ("30T22", "30T23", "31T00", "31T01", "31T02")
    ]
    assert found.notes == ("times are held in UTC; their offsets (+01:00, +02:00) are those of Europe/Berlin",)
    assert found.zone == "Europe/Berlin"
    years = series(stamps(FREQUENCIES["year"]))
    assert (years.dates.dtype, years.dates.astype(int)[0]) == ("datetime64[Y]", 1600 - 1970)
    assert years.origin.guesses[1] == "times are read as years, since all lie from 1600 to 1611 (--date-format)"
    for texts, step in ((range(1, 9), "1"), (range(0, 45000, 5000), "5,000"), (range(-3, 6), "1")):
        numbers = series(stamps(list(texts)))
        assert (numbers.dates.dtype, numbers.dates.tolist()) == (np.int64, list(texts))
        assert numbers.origin.guesses[-1] == NUMBERS.format(step)
    assert series(stamps(FREQUENCIES["year"]), date_format="number").origin.guesses[-1] == NUMBERS.format(1)
