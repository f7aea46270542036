"""`timeglass check`: all that is wrong or odd about a table, each at its line, and nothing else."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from check_files import MONTHS, NOISE, ROWS, found, replaced, save, stopping, strict_json
from read_files import FILE, begins
from read_files import folder as folder

from timeglass import TimeglassError
from timeglass.read import check

# ---- exit codes, and what stands where


def test_a_clean_file_ends_with_0(timeglass):
    save(ROWS)
    done = timeglass("check", FILE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "data.csv: 60 rows in 1 series, 1949-01 to 1953-12\n"
        "  values from 97.289 to 102.118\n"
        "  UTF-8, fields separated by ',', decimal mark '.', a header "
        "(--encoding, --separator, --decimal, --header)\n"
        "  times are in column 'date' (--time)\n"
        "  values are in column 'y' (--value)\n"
        "  a row every month (--freq)\n\n"
        "Clean: nothing stops the reading, nothing looks odd.\n"
    )
    report = found(timeglass)
    assert report["sha256"] == hashlib.sha256(Path(FILE).read_bytes()).hexdigest()
    assert (report["rows"], report["series"], report["frequency"], report["fault_count"]) == (60, ["y"], "month", 0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "data.csv is empty (0 bytes)"),
        (b"date,y\n", "data.csv has a header (date,y) but no rows"),
        (b"\n \n", "data.csv has no text"),
        (b"%PDF-1.7 ", "data.csv is a PDF"),
        (b"date,y\n2020-01,1\n2020-02,\0\n", "data.csv:3: holds a NUL character"),
        (b"date,y\n2020-01,1\n2020-02,\xff\n", "data.csv:3: byte 9 is not UTF-8"),
        (b'date,y\n2020-01,1\n2020-02,"2\n2020-03,3\n', "data.csv:3: a quote opened here never closes"),
        (b'date,y\n2020-01,1\n"2020-02"x,2\n', "data.csv:3: a quoted field goes on after its closing quote"),
        (b"date,y\n2020-01,1,2\n2020-02,1,2\n", "data.csv:1: the header has 2 names (date, y), but the rows have"),
    ],
)
def test_what_is_no_table_ends_with_2_and_one_line(content, words, timeglass, tmp_path):
    (tmp_path / FILE).write_bytes(content)
    for more in ([], ["--json"]):
        done = timeglass("check", FILE, *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"timeglass: {words}")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["nothing.csv"], "no file nothing.csv"),
        (["."], "."),
        ([FILE, "--missing", "guess"], "--missing 'guess': expected one of linear, seasonal, drop"),
        ([FILE, "--value", "z"], "no column 'z' for --value: there are 'date', 'y'"),
        ([FILE, "--skip-footer", "-1"], "--skip-footer -1: expected a whole number from 0"),
        ([FILE, "--freq", "fortnight"], "--freq 'fortnight': expected day, business day"),
        ([FILE, "--resample", "month:product"], "--resample 'month:product': expected one of mean, sum"),
        ([FILE, "--thousands", "x"], "--thousands 'x': expected one of"),
        ([FILE, "--nothing"], "No such option"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_asked_for_ends_with_2(given, words, timeglass):
    save(ROWS)
    done = timeglass("check", *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.startswith("timeglass: ")
    assert done.stderr.count("\n") == 1


def run(*given: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timeglass", *given], capture_output=True, text=True, check=False, timeout=60, **more
    )


def test_in_a_process_of_its_own(tmp_path):
    save(ROWS)
    done = run("check", FILE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Clean: nothing stops the reading, nothing looks odd.\n")
    save(replaced({32: f"{MONTHS[30]},x"}))
    with open(FILE, encoding="utf-8") as file:
        done = run("check", "-", "--json", stdin=file)
    assert (done.returncode, done.stderr) == (1, "")
    assert stopping(strict_json(done.stdout)) == [("value", 32)]
    (tmp_path / FILE).write_bytes(b"a,b\n1,\0\n")
    done = run("check", FILE)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_reader_of_the_output_that_goes_is_not_complained_of():
    save([f"{day},x{i}" for i, day in enumerate(np.arange("1990-01-01", "2000-01-01", dtype="datetime64[D]"))])
    process = subprocess.Popen(
        [sys.executable, "-m", "timeglass", "check", FILE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "data.csv: no row can be used\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) in (0, 1)


def test_the_largest_doubles_make_no_noise():
    """Nothing but the report: no warning of NumPy's on standard error."""
    save([f"{MONTHS[i]},{value!r}" for i, value in enumerate([1e308, -1e308] * 12 + [1.0, 2.0])])
    done = run("check", FILE, "--json")
    assert done.stderr == ""
    assert strict_json(done.stdout)["rows"] == 26


# ---- ten at once

TEN: dict[int, str | None] = {
    4: f"{MONTHS[2]},",  # a blank
    13: f"{MONTHS[11]},broken",
    17: f"{MONTHS[15]},inf",
    21: f"{MONTHS[19]},1'100.5",
    26: f"{MONTHS[24]},7,8",  # a field too many
    31: MONTHS[29],  # a field too few
    36: "1951-13,5",
    41: ",5",
    46: f"{ROWS[44]}\n{MONTHS[44]},5",  # in line 47 the date of line 46 again
    51: None,  # 1953-02 would be in line 52, where 1953-03 is then
}


def test_ten_faults_are_all_listed_at_their_lines_in_their_order_and_nothing_else(timeglass):
    save(replaced(TEN))
    report = found(timeglass)
    assert stopping(report) == [
        ("missing", 4), ("value", 13), ("value", 17), ("value", 21), ("fields", 26), ("fields", 31), ("date", 36),
        ("date", 41), ("duplicate", 47), ("gap", 52),
    ]  # fmt: skip
    assert [fault["column"] for fault in report["faults"]][:8] == [2, 2, 2, 2, None, None, 1, 1]
    starts = [
        "data.csv:4:2: column 'y' is empty: fill it in, or choose --missing",
        "data.csv:13:2: column 'y' holds 'broken': expected a number such as 58.0",
        "data.csv:17:2: column 'y' holds 'inf': expected a finite number",
        "data.csv:21:2: column 'y' holds \"1'100.5\": it has a thousands mark",
        "data.csv:26: 3 fields where the header has 2: '1951-01,7,8'",
        "data.csv:31: 1 field where the header has 2: '1951-06'",
        "data.csv:36:1: column 'date' holds '1951-13': there is no month 13",
        "data.csv:41:1: column 'date' holds '': the date is blank",
        f"data.csv:47: lines 46 and 47 both say 1952-09: {NOISE[44]:.10g} and 5: keep one",
        "data.csv:52: gap 1953-02 (1 row) between lines 51 and 52: fill the rows in",
    ]
    for fault, start in zip(report["faults"], starts, strict=True):
        assert begins(fault["message"], start)
    assert report["fault_count"] == 10
    assert timeglass("check", FILE).stdout.split("\n")[-2].startswith("Found: 10 findings would stop the reading")


def test_a_gap_and_a_duplicate_of_one_row_name_the_same_line_once_each(timeglass):
    """A date that was mistyped as the one before is both: twice there, and missing."""
    save(replaced({46: f"{MONTHS[43]},5"}))
    assert stopping(found(timeglass)) == [("duplicate", 46), ("gap", 47)]


def test_a_bad_date_in_the_middle_makes_no_gap_besides(timeglass):
    for bad in ("1951-13", "", "soon", "1951-7-x"):
        save(replaced({32: f"{bad},5"}))
        assert stopping(found(timeglass)) == [("date", 32)]
    save(replaced({32: MONTHS[30], 40: f"{MONTHS[38]},1,2"}))
    assert stopping(found(timeglass)) == [("fields", 32), ("fields", 40)]


def test_a_bad_date_in_a_file_newest_first_makes_no_gap_besides(timeglass):
    save(replaced({32: "1951-13,5"}, ROWS[::-1]))
    assert stopping(found(timeglass)) == [("date", 32)]


@pytest.mark.parametrize("bad", ["", "1951-13", "soon"])
def test_the_same_bad_date_twice_is_two_findings(bad, timeglass):
    """Who corrects the first of them shall not meet the second when all seems well."""
    save(replaced({32: f"{bad},5", 40: f"{bad},6"}))
    assert stopping(found(timeglass)) == [("date", 32), ("date", 40)]


def test_a_bad_date_of_one_series_does_not_hide_the_gap_of_another(timeglass):
    rows = [f"{name},2021-03-{day:02d},{day * 7 % 5}" for day in range(1, 21) for name in "ab"]
    rows[19] = "b,2021-03-99,1"  # line 21
    del rows[18]  # the row of a before it
    save(rows, "unique_id,ds,y")
    assert stopping(found(timeglass)) == [("date", 20), ("gap", 21)]


def test_blank_names_of_series_are_each_a_finding_and_make_no_gap(timeglass):
    rows = [f"{name},2021-03-{day:02d},{day * 7 % 5}" for name in "ab" for day in range(1, 21)]
    rows[5], rows[30] = rows[5][1:], rows[30][1:]
    save(rows, "unique_id,ds,y")
    report = found(timeglass)
    assert stopping(report) == [("id", 7), ("id", 32)]
    assert report["series"] == ["a", "b"]


def test_a_word_in_a_wide_table_is_one_finding(timeglass):
    """Not also a cell that is empty: it is not."""
    save([f"{month},{i % 7},{i % 5}" for i, month in enumerate(MONTHS)], "date,a,b")
    rows = [f"{month},{i % 7},{'x' if i == 30 else i % 5}" for i, month in enumerate(MONTHS)]
    save(rows, "date,a,b")
    assert stopping(found(timeglass)) == [("value", 32)]


@pytest.mark.parametrize("missing", ["linear", "drop"])
def test_a_word_is_no_missing_value_that_is_repaired(missing, timeglass):
    """What --missing does is listed; the word stays a finding, and is not listed as a cell with nothing in it."""
    save(replaced({32: f"{MONTHS[30]},x"}))
    report = found(timeglass, "--missing", missing)
    assert stopping(report) == [("value", 32)]
    assert [change for change in report["changes"] if change["old"] == ""] == []


def test_a_quote_that_is_opened_in_the_first_row_is_named_as_in_any_other():
    """Not that the file has no rows."""
    save(replaced({2: f'{MONTHS[0]},"5'}))
    with pytest.raises(TimeglassError) as caught:
        check(FILE)
    assert str(caught.value).startswith("data.csv:2: a quote opened here never closes")


@pytest.mark.parametrize("byte", [b"\xff", b"\0"])
def test_the_line_of_a_byte_that_cannot_be_read_does_not_depend_on_the_blocks(byte, monkeypatch):
    """Lines that end with CR alone, cut after each of the first 60 bytes: a CR at the very cut counts too."""
    content = ("date,y\r" + "\r".join(ROWS)).encode().replace(b"1949-09,", b"1949-09" + byte + b",")
    Path(FILE).write_bytes(content)
    said = []
    for piece in range(10, 70):
        monkeypatch.setattr("timeglass.read.text._PIECE", piece)
        with pytest.raises(TimeglassError) as caught:
            check(FILE)
        said.append(str(caught.value))
    assert [words for words in said if not words.startswith("data.csv:10: ")] == []


def test_two_columns_of_one_name_are_refused_at_the_line_of_the_header():
    save(["", "date,y,y", *(f"{row},7" for row in ROWS)], "")
    with pytest.raises(TimeglassError) as caught:
        check(FILE)
    assert str(caught.value).startswith("data.csv:3: 2 columns are called 'y'")


def test_what_strict_refuses_is_listed_once(timeglass):
    rows = list(ROWS)
    rows[10], rows[11] = rows[11], rows[10]
    save(rows)
    report = found(timeglass, "--strict")
    assert [(fault["kind"], fault["line"], fault["stops"]) for fault in report["faults"]] == [("order", 13, True)]


def test_each_row_that_stands_twice_is_listed_where_strict_refuses_them(timeglass):
    save([*ROWS[:5], ROWS[4], *ROWS[5:20], ROWS[19], *ROWS[20:]])
    assert stopping(found(timeglass, "--strict")) == [("duplicate", 7), ("duplicate", 23)]
    report = found(timeglass)
    assert [(change["line"], change["why"]) for change in report["changes"]] == [
        (7, "the same as in line 6"), (23, "the same as in line 22"),
    ]  # fmt: skip
