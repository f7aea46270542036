"""What `timeglass check` says: what is mended, changed and odd, very many findings, and other people's words."""

from __future__ import annotations

import numpy as np
import pytest
from check_files import MONTHS, NOISE, ROWS, found, replaced, save, stopping, strict_json
from read_files import FILE, begins
from read_files import folder as folder

from timeglass.read import check, read_panel

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
