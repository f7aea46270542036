"""`timeglass check`: all that is wrong or odd about a table, each at its line, and nothing else.

The strongest test is the last: a good file, one known fault at a known line, five hundred times.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from timeglass import TimeglassError
from timeglass.read import ReadOptions, check, read_panel
from timeglass.read.options import MISSING_WORDS

FILE = "data.csv"
MONTHS = [f"{1949 + i // 12}-{i % 12 + 1:02d}" for i in range(60)]
NOISE = np.random.default_rng(1).normal(100, 1, 60).round(3).tolist()  # nothing odd about it
ROWS = [f"{month},{value!r}" for month, value in zip(MONTHS, NOISE, strict=True)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(rows: list[str], header: str = "date,y", name: str = FILE) -> None:
    with open(name, "w", encoding="utf-8", newline="") as file:
        file.write("\n".join([header, *rows]) + "\n")


def begins(said: str, start: str) -> bool:
    """Whether it begins so; a place of which the line alone is known may have its column besides."""
    return said.startswith(start) or re.sub(r"^(data\.csv:\d+):\d+:", r"\1:", said).startswith(start)


def replaced(changed: dict[int, str | None], rows: list[str] = ROWS) -> list[str]:
    """The rows with those of some lines changed, or taken out; the header is line 1."""
    found = [changed.get(i + 2, row) for i, row in enumerate(rows)]
    return [row for row in found if row is not None]


def strict_json(content: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(content, parse_constant=refuse)


def found(timeglass, *options: str) -> dict[str, Any]:
    """What is found as JSON, after a look whether the text says the same."""
    given = timeglass("check", FILE, "--json", *options)
    assert given.stderr == ""
    report = strict_json(given.stdout)
    said = timeglass("check", FILE, *options)
    assert (said.returncode, said.stderr) == (given.returncode, "")
    assert given.returncode == (0 if report["clean"] else 1)
    assert all(line.isprintable() for line in said.stdout.split("\n"))
    agree(report, said.stdout)
    return report


def sections(content: str) -> tuple[list[str], dict[str, list[str]]]:
    """The first lines, and the lines below each title."""
    head, *rest = content.rstrip("\n").split("\n\n")
    parts = {part.split("\n")[0]: [line[2:] for line in part.split("\n")[1:]] for part in rest[:-1]}
    return head.split("\n"), parts


def agree(report: dict[str, Any], content: str) -> None:
    head, parts = sections(content)
    stops = [fault["message"] for fault in report["faults"] if fault["stops"]]
    mended = [fault["message"] for fault in report["faults"] if not fault["stops"]]
    odd = [odd["message"] for odd in report["odd"]]
    wanted = {"Stops the reading": stops, "Mended": mended, "Looks odd, and is used as it stands": odd}
    listed = {re.sub(r" \([\d,]+\)$", "", title): lines for title, lines in parts.items()}
    changed = listed.pop("Changed", [])
    assert listed == {title: lines for title, lines in wanted.items() if lines}
    assert len(changed) == len(report["changes"])
    for line, change in zip(changed, report["changes"], strict=True):
        place = f"line {change['line']}" if change["line"] is not None else "no line"
        assert line.startswith(f"{report['source']}: {place}")
        assert change["why"] in line
    for title, lines in parts.items():
        assert title.endswith(f" ({len(lines):,})")
    if report["rows"]:
        low, high = report["range"]
        assert [line[2:] for line in head[1:]] == [
            f"values from {low:.10g} to {high:.10g}",
            *report["guesses"],
            *report["notes"],
        ]
    verdict = content.rstrip("\n").split("\n")[-1]
    findings = f"finding{'s' * (len(stops) != 1)} would stop the reading"
    parts_of = ((stops, findings), (mended, "mended"), (changed, "changed"), (odd, "odd"))
    counts = [f"{len(lines)} {what}" for lines, what in parts_of if lines]
    clean = "Clean: nothing stops the reading, nothing looks odd."
    assert verdict == (clean if report["clean"] else f"Found: {', '.join(counts)}.")


def stopping(report: dict[str, Any]) -> list[tuple[str, int]]:
    return [(fault["kind"], fault["line"]) for fault in report["faults"] if fault["stops"]]


# ---- exit codes, and what stands where


def test_a_clean_file_ends_with_0(timeglass):
    save(ROWS)
    done = timeglass("check", FILE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "data.csv: 60 rows in 1 series, 1949-01 to 1953-12\n"
        "  values from 97.289 to 102.118\n"
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


# ---- what is mended, changed, odd


def test_what_is_mended_without_being_asked_is_a_finding(timeglass):
    save(ROWS[::-1])
    report = found(timeglass)
    assert [(fault["kind"], fault["line"], fault["stops"]) for fault in report["faults"]] == [("order", 3, False)]
    said = timeglass("check", FILE).stdout
    assert "\nMended (1)\n  data.csv:3: the rows stood newest first, and were turned round (1953-11 comes after" in said
    assert said.endswith("Found: 1 mended.\n")


def test_repairs_that_were_asked_for_are_listed(timeglass):
    save(replaced({4: f"{MONTHS[2]},", 20: None, 41: f"{MONTHS[39]},NA"}))
    assert stopping(found(timeglass)) == [("missing", 4), ("gap", 20), ("missing", 40)]
    report = found(timeglass, "--missing", "linear")
    assert stopping(report) == []
    assert [(c["line"], c["column"], c["date"], c["old"], c["why"]) for c in report["changes"]] == [
        (4, "y", "1949-03", "", "filled in, linear"),
        (None, "y", "1950-07", "no row", "filled in, linear"),
        (40, "y", "1952-04", "NA", "filled in, linear"),
    ]
    assert float(report["changes"][0]["new"]) == pytest.approx((NOISE[1] + NOISE[3]) / 2, rel=1e-14)
    said = timeglass("check", FILE, "--missing", "linear").stdout
    assert "\nChanged (3)\n  data.csv: line 4 (1949-03), column 'y': nothing → " in said
    assert "\n  data.csv: no line (1950-07), column 'y': 'no row' → " in said
    assert said.endswith("Found: 3 changed.\n")


def test_an_outlier_stands_at_its_line_and_date(timeglass):
    save(replaced({32: f"{MONTHS[30]},150"}))
    report = found(timeglass)
    assert stopping(report) == []
    odd = next(odd for odd in report["odd"] if odd["kind"] == "outlier")
    assert (odd["series"], odd["lines"], odd["dates"]) == ("y", [32, 32], ["1951-07", "1951-07"])
    assert odd["message"].startswith("data.csv:32:2 (1951-07): 150 ")
    assert odd["score"] > 10


def test_a_stretch_has_its_first_and_last_line(timeglass):
    save([*ROWS[:20], *(f"{month},100.5" for month in MONTHS[20:34]), *ROWS[34:]])
    odd = next(odd for odd in found(timeglass)["odd"] if odd["kind"] == "constant stretch")
    assert (odd["lines"], odd["dates"]) == ([22, 35], ["1950-09", "1951-10"])
    assert odd["message"].startswith("data.csv:22:2 (1950-09 to 1951-10): ")


def test_series_are_told_apart(timeglass):
    rows = [
        f"{name},{month},{value + k!r}"
        for k, name in enumerate("abc")
        for month, value in zip(MONTHS, NOISE, strict=True)
    ]
    rows[70] = f"b,{MONTHS[10]},150"  # line 72
    rows[130] = f"c,{MONTHS[10]},"  # line 132
    del rows[20]  # of a: 1950-09, then line 22 is the next; the others move up
    save(rows, "unique_id,ds,y")
    report = found(timeglass)
    assert stopping(report) == [("gap", 22), ("missing", 131)]
    assert begins(report["faults"][0]["message"], "data.csv:22: series 'a': gap 1950-09 (1 row) between lines 21")
    assert (report["rows"], report["series"]) == (178, ["a", "b", "c"])
    odd = next(odd for odd in report["odd"] if odd["kind"] == "outlier")
    assert (odd["series"], odd["lines"]) == ("b", [71, 71])
    assert odd["message"].startswith("data.csv:71:3 (series 'b', 1949-11): 150 ")
    assert timeglass("check", FILE).stdout.startswith(
        "data.csv: 178 rows in 3 series, the first from 1949-01 to 1953-12\n"
    )


def test_progress_is_told_up_to_the_end():
    save([f"{name},{month},{i * 7 % 11}" for name in "abcd" for i, month in enumerate(MONTHS)], "unique_id,ds,y")
    told: list[float] = []
    check(FILE, on_progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]


# ---- very many


def test_twenty_thousand_faults_are_counted(timeglass):
    days = np.arange("1960-01-01", "2023-01-01", dtype="datetime64[D]").astype(str)[:20_100]
    save([f"{day},{'x' if i < 20_000 else i % 7}" for i, day in enumerate(days)])
    done = timeglass("check", FILE)
    assert (done.returncode, done.stderr) == (1, "")
    assert "\nStops the reading (20,000)\n  data.csv:2:2: column 'y' holds 'x'" in done.stdout
    assert done.stdout.split("\n")[-2].startswith("Found: 20,000 findings would stop the reading")
    report = strict_json(timeglass("check", FILE, "--json").stdout)
    assert report["fault_count"] == 20_000
    assert [fault["line"] for fault in report["faults"]] == list(range(2, 10_002))


def test_very_many_that_are_mended_stop_nothing(timeglass, monkeypatch):
    """More than are listed: the verdict does not take them for what stops."""
    monkeypatch.setattr("timeglass.read.faults._MOST", 10)
    save([f"s{k},2021-03-{day:02d},{day * k % 7}" for k in range(20) for day in (2, 1, 3)], "unique_id,ds,y")
    assert len(read_panel(FILE)) == 20
    verdict = timeglass("check", FILE).stdout.split("\n")[-2]
    assert "would stop" not in verdict


def test_what_ends_the_reading_after_other_findings_keeps_its_line(monkeypatch):
    """A word in the first block of a file, a NUL in a later one."""
    monkeypatch.setattr("timeglass.read.text._PIECE", 200)
    save(replaced({5: f"{MONTHS[3]},x", 50: f"{MONTHS[48]},\0"}))
    report = check(FILE)
    assert [(fault.kind, fault.line) for fault in report.faults] == [("value", 5), ("table", 50)]


# ---- other people's words

HOSTILE = "y\x1b[31m\u202e\x9b2J\u2028\u200b"


@pytest.mark.parametrize("where", ["column", "series", "value", "date"])
def test_hostile_names_move_no_cursor(where, timeglass):
    text = HOSTILE.replace("\u2028", "")
    if where == "column":
        save(replaced({32: f"{MONTHS[30]},150"}), f"date,{text}")
    elif where == "series":
        rows = [f"{name},{row}" for name in (text, "b") for row in replaced({32: f"{MONTHS[30]},"})]
        save(rows, "unique_id,date,y")
    elif where == "value":
        save(replaced({32: f"{MONTHS[30]},{text}"}))
    else:
        save(replaced({32: f"{text},1"}))
    for more in ([], ["--missing", "linear"]):
        done = timeglass("check", FILE, *more)
        assert done.returncode == 1
        assert all(line.isprintable() for line in done.stdout.split("\n"))
        assert "y\\x1b[31m\\u202e" in done.stdout or (where == "series" and not more)
    report = strict_json(timeglass("check", FILE, "--json").stdout)
    assert stopping(report) == {"column": [], "series": [("missing", 32), ("missing", 92)]}.get(where, [(where, 32)])


@pytest.mark.parametrize("where", ["column", "series"])
def test_hostile_names_move_no_cursor_in_json_either(where, timeglass):
    """What a program reads is shown on a terminal too; an escape is the same text to a program."""
    name = HOSTILE.replace("\u2028", "")
    save(ROWS, f"date,{name}")
    if where == "series":
        save([f"{id_},{row}" for id_ in (name, "b") for row in ROWS], "unique_id,date,y")
    done = timeglass("check", FILE, "--json")
    assert name in strict_json(done.stdout)["series"]
    assert all(line.isprintable() for line in done.stdout.split("\n"))


def test_the_name_of_a_file_moves_no_cursor(timeglass):
    name = "a\x1b[31m\u202e.csv"
    for rows in (ROWS, replaced({32: f"{MONTHS[30]},x"})):
        save(rows, name=name)
        done = timeglass("check", name)
        assert done.returncode in (0, 1)
        assert all(line.isprintable() for line in done.stdout.split("\n"))


def test_numbers_at_the_ends_of_a_double_are_json(timeglass):
    for values in ([1.0] + [1.7e308] * 30, [5e-324, 1e-310] * 20, [0.0] * 30 + [-0.0, 5e-324], [1e300, *range(40)]):
        save([f"{month},{value!r}" for month, value in zip(MONTHS, values, strict=False)])
        report = strict_json(timeglass("check", FILE, "--json").stdout)
        assert report["rows"] == len(values)
        assert all(np.isfinite(odd["score"]) for odd in report["odd"])


# ---- one known fault at a known line


class Base(NamedTuple):
    """A good table: its rows, and of each row the name of its series and its place in it."""

    header: str
    rows: list[str]
    places: list[tuple[str, int]]
    length: int


def base(seed: int) -> Base:
    """Months, days, or three series of days one after the other or row by row; no two values are alike."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(16, 30))
    numbers = (rng.permutation(1000)[: 3 * length] + 0.5).tolist()
    alone = [("", i) for i in range(length)]
    if seed % 4 == 0:
        return Base("date,y", [f"{MONTHS[i]},{numbers[i]!r}" for i in range(length)], alone, length)
    days = (np.datetime64("2020-02-10") + np.arange(length)).astype(str)
    if seed % 4 == 1:
        return Base("ds,y", [f"{days[i]},{numbers[i]!r}" for i in range(length)], alone, length)
    places = [(name, i) for name in "abc" for i in range(length)]
    if seed % 4 == 3:
        places = [(name, i) for i in range(length) for name in "abc"]
    rows = [f"{name},{days[i]},{numbers['abc'.index(name) * length + i]!r}" for name, i in places]
    return Base("unique_id,ds,y", rows, places, length)


class Fault(NamedTuple):
    """What is done to a row: what stands there then, the kind of the finding, and the repair with what it lists."""

    kind: str
    repair: dict[str, Any] | None = None
    old: str | None = None


KINDS = {
    "blank": Fault("missing", {"missing": "drop"}, ""),
    "NA": Fault("missing", {"missing": "drop"}, "NA"),
    "word": Fault("value", {"missing": "drop", "missing_words": (*MISSING_WORDS, "broken")}, "broken"),
    "inf": Fault("value", {"missing": "drop", "missing_words": (*MISSING_WORDS, "-inf")}, "-inf"),
    "unit": Fault("value", {"strip_unit": True}, "12.5 kWh"),
    "thousands": Fault("value", {"thousands": "'"}),
    "extra field": Fault("fields"),
    "short row": Fault("fields"),
    "bad month": Fault("date"),
    "blank date": Fault("date"),
    "duplicate": Fault("duplicate", {"duplicates": "mean"}, ""),
    "removed": Fault("gap", {"missing": "linear"}, "no row"),
    "NUL": Fault("unreadable"),
    "quote": Fault("unreadable"),
    "byte": Fault("unreadable"),
}
TEXTS = {"blank": "", "NA": "NA", "word": "broken", "inf": "-inf", "unit": "12.5 kWh", "thousands": "1'100.5"}


def injected(kind: str, table: Base, row: int) -> tuple[bytes, int]:
    """The file with the fault, and its line."""
    rows, line = list(table.rows), row + 2
    *front, day, value = rows[row].split(",")
    if kind in TEXTS:
        rows[row] = ",".join([*front, day, TEXTS[kind]])
    elif kind == "extra field":
        rows[row] += ",7"
    elif kind == "short row":
        rows[row] = rows[row].rpartition(",")[0]
    elif kind == "bad month":
        rows[row] = ",".join([*front, re.sub(r"-\d\d", "-13", day, count=1), value])
    elif kind == "blank date":
        rows[row] = ",".join([*front, "", value])
    elif kind == "duplicate":
        rows.insert(row + 1, ",".join([*front, day, "1.25"]))
        line += 1
    elif kind == "removed":
        del rows[row]
        name, place = table.places[row]
        after = table.places.index((name, place + 1))
        line = after - 1 + 2  # one line up, since a row is gone before it
    elif kind == "NUL":
        rows[row] = ",".join([*front, day, value[:2] + "\0" + value[2:]])
    elif kind == "quote":
        rows[row] = ",".join([*front, day, f'"{value}'])
    content = ("\n".join([table.header, *rows]) + "\n").encode()
    if kind == "byte":
        lines = content.split(b"\n")
        lines[line - 1] += b"\xff"
        content = b"\n".join(lines)
    return content, line


def inject(seed: int, kind: str, timeglass: Any = None) -> None:
    """One case: refused at that line, that finding alone, and the repair listed there."""
    rng = np.random.default_rng(seed)
    table, fault = base(seed), KINDS[kind]
    row = int(rng.integers(len(table.rows)))
    if kind == "removed":
        row = int(rng.choice([i for i, (_, place) in enumerate(table.places) if 0 < place < table.length - 1]))
    elif kind == "quote":
        row = max(row, 1)  # of the first row another test tells
    content, line = injected(kind, table, row)
    if seed % 3 == 0:
        content = content.replace(b"\n", b"\r\n")
    with open(FILE, "wb") as file:
        file.write(content)
    name, place = table.places[row]
    case = (seed, kind, line)

    with pytest.raises(TimeglassError) as caught:
        read_panel(FILE)
    assert re.match(rf"data\.csv:{line}[: ]", str(caught.value)), (case, str(caught.value))

    if fault.kind == "unreadable":
        with pytest.raises(TimeglassError) as again:
            check(FILE)
        assert str(again.value) == str(caught.value), case
    else:
        report = check(FILE)
        assert [(one.kind, one.line, one.stops) for one in report.faults] == [(fault.kind, line, True)], case
        assert report.faults[0].message.partition("; if th")[0] == str(caught.value).partition("; if th")[0]
        assert report.fault_count == 1
        if name:
            assert (f"series '{name}'" in report.faults[0].message) == (fault.kind in ("duplicate", "gap")), case
    if timeglass is not None:
        done = timeglass("check", FILE)
        if fault.kind == "unreadable":
            assert (done.returncode, done.stdout) == (2, ""), case
            assert done.stderr.endswith(f"timeglass: {caught.value}\n"), case
        else:
            assert (done.returncode, done.stderr) == (1, ""), case
            assert "\nStops the reading (1)\n  data.csv:" + str(line) in done.stdout, case
    if fault.repair is not None:
        repaired(fault, table, row, line, case)
    assert place >= 0


def repaired(fault: Fault, table: Base, row: int, line: int, case: object) -> None:
    """With the option: the change at that line, all other values to the last bit, and a check finds no more than it."""
    assert fault.repair is not None
    options = ReadOptions(**fault.repair)
    panel, report = read_panel(FILE, options), check(FILE, options)
    assert panel.origin.changes == report.panel.origin.changes, case
    assert not any(one.stops for one in report.faults), case
    changes, day = panel.origin.changes, table.rows[row].split(",")[-2]
    if fault.old is None:
        assert changes == (), case
    elif fault.kind == "duplicate":
        assert [(change.line, change.date) for change in changes] == [(line - 1, day), (line, day)], case
    else:
        where = None if fault.kind == "gap" else line
        assert [(change.line, change.old) for change in changes] == [(where, fault.old)], case
        assert changes[0].date in ("", day) if fault.kind == "value" else changes[0].date == day, case
    name, place = table.places[row]
    wanted = {key: float(text.split(",")[-1]) for key, text in zip(table.places, table.rows, strict=True)}
    series = panel[name] if name else panel[0]
    for other in panel:
        if name and other.name != name:
            assert other.values.tolist() == [wanted[other.name, i] for i in range(table.length)], case
    values = [wanted[name, i] for i in range(table.length)]
    if fault.repair.get("missing") == "drop":
        del values[place]
    elif fault.kind == "gap":
        values[place] = (values[place - 1] + values[place + 1]) / 2
    elif fault.kind == "duplicate":
        values[place] = (values[place] + 1.25) / 2
    else:
        values[place] = {"strip_unit": 12.5, "thousands": 1100.5}[next(iter(fault.repair))]
    assert series.values.tolist() == values, case


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_at_a_known_line(kind):
    """34 files for each of 15 kinds: 510 in all."""
    for k in range(34):
        inject(1000 * list(KINDS).index(kind) + k, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_at_a_known_line_through_the_command(kind, timeglass):
    for k in range(3):
        inject(50_000 + 100 * list(KINDS).index(kind) + k, kind, timeglass)


@pytest.mark.parametrize("seed", range(60))
def test_several_faults_at_once_are_all_listed(seed):
    """Two to five of different kinds, three rows apart at least: none hides another, none makes one more."""
    rng = np.random.default_rng(seed)
    table = base(4 * seed + seed % 3)  # not row by row of several series: that has a test of its own
    free = [i for i, (_, place) in enumerate(table.places) if 0 < place < table.length - 1]
    chosen: dict[int, str] = {}
    kinds = [kind for kind, fault in KINDS.items() if fault.kind != "unreadable"]
    for kind in rng.permutation(kinds)[: rng.integers(2, 6)]:
        near = [i for i in free if all(abs(i - other) > 3 for other in chosen)]
        if near:
            chosen[int(rng.choice(near))] = str(kind)
    rows, wanted = [], []
    for i, row in enumerate(table.rows):
        *front, day, value = row.split(",")
        kind = chosen.get(i, "")
        if chosen.get(i - 1) == "removed":
            wanted.append(("gap", len(rows) + 2))
        if kind in TEXTS:
            row = ",".join([*front, day, TEXTS[kind]])
        row = {
            "extra field": f"{row},7", "short row": row.rpartition(",")[0], "blank date": ",".join([*front, "", value]),
            "bad month": ",".join([*front, re.sub(r"-\d\d", "-13", day, count=1), value]),
        }.get(kind, row)  # fmt: skip
        rows += [] if kind == "removed" else [row]
        if kind == "duplicate":
            rows.append(",".join([*front, day, "1.25"]))
        if kind and kind != "removed":
            wanted.append((KINDS[kind].kind, len(rows) + 1))
    save(rows, table.header)
    report = check(FILE)
    assert [(one.kind, one.line) for one in report.faults if one.stops] == wanted, chosen
    assert report.fault_count == len(wanted) >= 2


@pytest.mark.parametrize("break_", ["line", "extra", "silent"])
def test_a_line_that_is_wrong_and_a_finding_too_many_would_be_found(break_, monkeypatch):
    """The property above can fail."""
    from timeglass.read import csv_table, table
    from timeglass.read.faults import Fault as Found
    from timeglass.read.faults import Faults

    right = Faults.add
    if break_ == "line":
        monkeypatch.setattr(
            csv_table,
            "missing_fault",
            lambda source, line, column, text: table.missing_fault(source, line + 1, column, text),
        )
    elif break_ == "extra":

        def twice(self: Faults, fault: Found) -> None:
            right(self, fault)
            right(self, fault)

        monkeypatch.setattr(Faults, "add", twice)
    else:
        monkeypatch.setattr(Faults, "add", lambda self, fault: None)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_one_fault_at_a_known_line("blank")
