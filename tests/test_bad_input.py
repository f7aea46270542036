"""What can go wrong with the data and options of `timeglass sunspots`, one case a row.

Each row runs through the command line and through the Python API, which must say the same in one or two
lines that name the place, end with exit code 2, and leave neither output nor half a file behind.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any, NamedTuple

import pytest
from quick import one_in

from timeglass import TimeglassError
from timeglass.read.options import ReadOptions
from timeglass.tutorial import JobOptions, plan_job

COMMAND = [sys.executable, "-m", "timeglass.cli.main"]
ROWS = [f"{1900 + i // 12}-{i % 12 + 1:02d},{i * 7 % 13}.5" for i in range(60)]
NUMBERED = [f"{i},{i * 7 % 13}.5" for i in range(60)]
YEARS = [f"{1800 + i},{i * 7 % 13}.5" for i in range(60)]
MISSING = "fill it in, or choose --missing linear, seasonal, or drop to go on without it"
SMALL = {"time_steps": 3, "epochs": 1, "networks": 2}  # a job that 60 rows are enough for


def table(*, header: str = "Month,Value", rows: list[str] = ROWS, **lines: str) -> str:
    """A good file, but for the lines given as L7="…", counted from 1 for the header."""
    text = [header, *rows]
    for line, changed in lines.items():
        text[int(line[1:]) - 1] = changed
    return "\n".join(text) + "\n"


class Case(NamedTuple):
    """A file or address, options, and what the message must contain."""

    name: str
    data: bytes | str | None  # the file's content; None where `where` is all there is
    words: tuple[str, ...]
    options: dict[str, Any] = SMALL
    where: str = "data.csv"


def value(name: str, text: str, *words: str) -> Case:
    """One bad value in line 7."""
    return Case(name, table(L7=f"1900-06,{text}"), ("data.csv:7:2: column 'Value'", *words))


def date(name: str, line: int, text: str, words: str) -> Case:
    """One bad date."""
    place = f"data.csv:{line}:1: column 'Month' holds {text!r}: "
    return Case(name, table(**{f"L{line}": f"{text},5"}), (place + words,))


def option(name: str, given: Any, *words: str) -> Case:
    return Case(f"--{name}={given}", table(), (f"--{name.replace('_', '-')} {given}: expected", *words), {name: given})


LATIN_HEADER = table(header="Month,Größe").encode("latin-1")
LATIN_ROW = table(L7="1900-06,5°").encode("latin-1")
CASES = [
    # the file
    Case("missing file", None, ("no file nothere.csv",), where="nothere.csv"),
    Case("missing file beside a like one", table(), ("no file dat.csv", "that folder has data.csv"), where="dat.csv"),
    Case("missing folder", None, ("no file no/data.csv", "the folder no does not exist"), where="no/data.csv"),
    Case("a folder", None, ("folder: give the file itself",), where="."),
    Case("a device", None, ("/dev/zero is not a regular file",), where="/dev/zero"),
    Case("empty", b"", ("data.csv is empty (0 bytes)", "expected a header and rows such as 1749-01,58.0")),
    Case("a BOM alone", b"\xef\xbb\xbf", ("data.csv has no text", "expected a header and rows")),
    Case("white space alone", b" \n\t \r\n  ", ("data.csv has no text", "expected a header and rows")),
    Case("line ends alone", b"\n\n\n", ("data.csv has no text", "expected a header and rows")),
    Case("NUL byte", table(L7="1900-06,5\0"), ("data.csv:7: holds a NUL character",)),
    Case("NUL byte, CR line ends", table(L7="1900-06,5\0").replace("\n", "\r"), ("data.csv:7: holds a NUL character",)),
    Case("UTF-16 without its mark", table().encode("utf-16-le"), ("data.csv:1: holds a NUL", "UTF-16 without")),
    Case("half a UTF-16 character", table().encode("utf-16") + b"\0", ("data.csv:62: byte", "is not UTF-16")),
    Case("Latin-1 header", LATIN_HEADER, ("data.csv:1: byte 9 is not UTF-8; it looks like cp1252 ('Größe'): use",)),
    Case("Latin-1 row", LATIN_ROW, ("data.csv:7: byte 10 is not UTF-8; it looks like cp1252 ('5°'): use",)),
    Case("Latin-1, CR line ends", LATIN_ROW.replace(b"\n", b"\r"), ("data.csv:7: byte 10 is not UTF-8; it looks",)),
    Case("bytes of no code", table().encode() + b"\x81\n", ("data.csv:62: byte 1 is not UTF-8; save it as UTF-8",)),
    Case("web page", "\n<!DOCTYPE html>\n<html><body>x</body></html>", ("is a web page, not CSV", "the raw file")),
    Case("web page with a BOM", b"\xef\xbb\xbf<!DOCTYPE html><html>", ("is a web page, not CSV",)),
    Case("web page as XML", '<?xml version="1.0"?>\n<!DOCTYPE html>\n<html/>', ("is a web page, not CSV",)),
    Case("half a zip", b"PK\x03\x04\x14\0\0\0", ("data.csv cannot be unpacked: ", "the file is damaged, get it again")),
    Case("half a gzip", b"\x1f\x8b\x08\0\0\0", ("data.csv cannot be unpacked: ", "the file is damaged")),
    Case("half a Parquet", b"PAR1\x15\x04", ("data.csv cannot be read as Parquet: ", "the file is damaged")),
    Case("PDF", b"%PDF-1.7\n", ("is a PDF, not CSV",)),
    Case("SQLite", b"SQLite format 3\0", ("is an SQLite database, not CSV",)),
    # its structure
    Case("header only", "Month,Value\n", ("data.csv has a header (Month,Value) but no rows",)),
    Case("no header", "\n".join(ROWS), ("data.csv:1: the first line looks like data (1900-01,0.5): use --no-header",)),
    Case("one column", "Value\n1\n2\n", ("number 2 (--value), but the table has 1 column, 'Value'",)),
    Case("ragged row", table(L7="1900-06,1,2,3"), ("data.csv:7: 4 fields where the header has 2: '1900-06,1,2,3'",)),
    Case(
        "an unnamed field in every row",
        table(rows=[f"{row},x" for row in ROWS]),
        ("data.csv:1: the header has 2 names (Month, Value), but the rows have 3 fields", "name each column"),
    ),
    Case("short row", table(L7="1900-06"), ("data.csv:7: 1 field where the header has 2: '1900-06'; correct",)),
    Case(
        "footer",
        table() + "Total,9999\n",
        (
            "data.csv:62:1: column 'Month' holds 'Total': expected a date written yyyy-mm such as 1900-01",
            "if this last line is no record: --skip-footer 1",
        ),
    ),
    Case("footer of one field", table() + "Source: R\n", ("data.csv:62: 1 field where the header", "--skip-footer 1")),
    Case("unterminated quote", table(L7='1900-06,"5'), ("data.csv:7: a quote opened here never closes",)),
    Case("text after a quote", table(L7='1900-06,"5"x'), ("data.csv:7: a quoted field goes on after its closing",)),
    Case(
        "a field of 140,000 characters",
        table(L7="1900-06," + "x" * 140_000),
        (f"data.csv:7:2: column 'Value' holds '{'x' * 40}…': expected a number such as 58.0",),
    ),
    Case("a line of 400,000 fields", table(L7="1," * 400_000), ("data.csv:7: 400,001 fields where the header has 2",)),
    # its values
    value("word", "many", "holds 'many': expected a number such as 58.0"),
    value("number with a unit", "58 kg", "holds '58 kg': a number with a unit: --strip-unit reads it without"),
    value("percent", "12%", "holds '12%': a number with a unit: --strip-unit reads it without"),
    value("thousands mark", '"1,234.5"', "holds '1,234.5': it has a thousands mark: use --thousands ,"),
    value("decimal comma", '"58,0"', "holds '58,0': expected a number", "its comma the decimal mark? use --decimal ,"),
    value("Python's thousands mark", "1_000", "holds '1_000': it has a thousands mark: use --thousands _"),
    value("digits of other scripts", "１２", "holds '１２': expected a number"),
    value("Arabic digits", "٣", "holds '٣': expected a number"),
    value("a true minus sign", "−5", "holds '−5': expected a number"),
    value("hexadecimal", "0x10", "holds '0x10': expected a number"),
    value("Boolean", "True", "holds 'True': true or false, not a number: --booleans reads them as 1 and 0"),
    value("two points", "1.2.3", "holds '1.2.3': expected a number"),
    value("point alone", ".", "holds '.': expected a number"),
    value("exponent alone", "e5", "holds 'e5': expected a number"),
    value("blank", "", f"is empty: {MISSING}"),
    value("spaces alone", "   ", f"is empty: {MISSING}"),
    value("infinity", "inf", "holds 'inf': expected a finite number"),
    value("minus infinity", "-Infinity", "holds '-Infinity': expected a finite number"),
    value("NaN", "nan", f"holds 'nan', which stands for no value: {MISSING}"),
    value("NA", "NA", f"holds 'NA', which stands for no value: {MISSING}"),
    value("null", "null", f"holds 'null', which stands for no value: {MISSING}"),
    value("too large", "1e999", "holds '1e999': a double cannot hold it: it goes up to 1.8e308"),
    value("400 digits", "9" * 400, f"holds '{'9' * 40}…': a double cannot hold it: it goes up to 1.8e308"),
    value("escape codes", "\x1b[31m5\u202e", r"holds '\x1b[31m5\u202e'"),
    value("100,000 digits and a letter", "1" * 100_000 + "x", f"holds '{'1' * 40}…': expected a number such as 58.0"),
    Case(
        "a column name of 100,000 characters",
        table(header="Month," + "x" * 100_000, L7="1900-06,y"),
        ("data.csv:7:2: column 'xxx", "holds 'y'"),
    ),
    Case("constant", table(rows=[f"{r[:8]}5" for r in ROWS]), ("data.csv: column 'Value'", "60 values are 5")),
    Case(
        "values too far apart",
        table(L7="1900-06,1e308", L9="1900-08,-1e308"),
        ("data.csv", "'Value'", "from -1e+308 to 1e+308"),
    ),
    # its dates
    date("month 13", 7, "1900-13", "there is no month 13, expected 1 to 12"),
    date("month 0", 7, "1900-00", "there is no month 0, expected 1 to 12"),
    date("month 13 first", 2, "1900-13", "there is no month 13, expected 1 to 12"),
    Case(
        "29 February of another year",
        table(rows=[f"1900-{2 + i // 28:02d}-{i % 28 + 1:02d},{i % 9}" for i in range(28)], L29="1900-02-29,3"),
        ("data.csv:29:1: column 'Month' holds '1900-02-29': there is no day 29: February 1900 has 28",),
    ),
    date("blank date", 7, "", "the date is blank: fill it in, or cut the row"),
    date("blank date first", 2, "", "the date is blank: fill it in, or cut the row"),
    date("one digit for the month", 7, "1900-6", "expected a date written yyyy-mm such as 1900-01; correct it"),
    date("one digit for the first month", 2, "1900-1", "expected a date written yyyy-mm such as 1900-02; correct it"),
    date("a day among months", 7, "1900-06-15", "expected a date written yyyy-mm such as 1900-01; correct it"),
    date("digits of other scripts in a date", 7, "1９00-06", "expected a date written yyyy-mm such as 1900-01"),
    date("a year among months", 7, "1900", "expected a date written yyyy-mm such as 1900-01; correct it"),
    Case(
        "repeated date",
        table(L8="1900-06,5"),
        ("data.csv:8:1: lines 7 and 8 both say 1900-06: 9.5 and 5: keep one, or choose --duplicates last or mean",),
    ),
    Case(
        "three months missing",
        table(rows=ROWS[:20] + ROWS[23:]),
        ("data.csv:22:1: gap 1901-09..1901-11 (3 rows) between lines 21 and 22: fill the rows in", "--missing "),
    ),
    Case(
        "as many steps of one month as of two",
        table(rows=[f"1900-{month},5" for month in ("01", "02", "04", "05", "07")]),
        ("data.csv:4:1: gap 1900-03 (1 row) between lines 3 and 4: fill the rows in", "--missing linear, "),
    ),
    Case(
        "a row twice in place of the next",
        table(L8=ROWS[5]),
        ("data.csv:9:", " gap 1900-07 (1 row) between lines 7 and 9: fill the rows in", "--missing linear, "),
    ),
    # whole numbers and years as dates
    Case("a number missing", table(rows=NUMBERED, L7="7,5"), ("data.csv:9:1: lines 7 and 9 both say 7: 5 and 10.5",)),
    Case("a number twice", table(rows=NUMBERED, L7="4,5"), ("data.csv:7:", "lines 6 and 7 both say 4: 2.5 and 5")),
    Case("no year", table(header="Jahr,Wert", rows=YEARS, L7="187x,5"), ("data.csv:7:1: column 'Jahr' holds '187x'",)),
    Case("a year twice", table(header="Jahr,Wert", rows=YEARS, L7="1804,5"), ("data.csv:7:", "6 and 7 both say 1804")),
    # too few rows
    Case("one row", "Month,Value\n1900-01,5\n", ("data.csv: 1 row, ", "at least 121 are needed"), {}),
    Case("three rows", table(rows=ROWS[:3]), ("data.csv: 3 rows, 2 to train on and 1 to test", "--time-steps 12"), {}),
    Case("too few for the windows", table(), ("60 rows, 48 to train on and 12 to test", "at least 121 are needed"), {}),
    Case("a window longer than the series", table(), ("--time-steps 61", "are needed"), {"time_steps": 61}),
    Case("nothing left to test", table(), ("60 rows, 59 to train on and 1 to test", "--split 0.99"), {"split": 0.99}),
    Case("nothing left to train on", table(), ("0 to train on and 60 to test",), {**SMALL, "split": 1e-9}),
    Case("a split close to 0", table(), ("0 to train on and 60 to test", "--split 1e-300"), {**SMALL, "split": 1e-300}),
    Case("the split closest to 0", table(), ("0 to train on", "--split 4.94066e-324"), {**SMALL, "split": 5e-324}),
    Case("a split close to 1", table(), ("1 to test", "are needed"), {**SMALL, "split": 0.9999999999999999}),
    # options
    *(option("time_steps", given, "from 1 to 100,000") for given in (0, -3, 10**9)),
    *(option("split", given, "a share between 0 and 1") for given in (0.0, 1.0, 1.5, -0.2, float("nan"), float("inf"))),
    *(option("epochs", given, "a whole number from 1 to 1,000,000") for given in (0, -1, 10**12)),
    *(option("networks", given, "a whole number from 1 to 65,536") for given in (0, -1, 10**9)),
    *(option("hidden_units", given, "a whole number from 1 to 1,024") for given in (0, -1, 10**6)),
    *(option("seed", given, "a whole number from 0 to 2**64 - 1") for given in (-1, 2**64, 10**40)),
    option("engine", "warp", "one of lanes, numpy, keras"),
    option("engine", "", "one of lanes, numpy, keras"),
    # addresses
    Case("unknown host", None, ("http://timeglass.invalid/x.csv cannot be reached: ",), where="http://timeglass.invalid/x.csv"),
    Case("file address", None, ("file:///etc/passwd: expected an http or https",), where="file:///etc/passwd"),
    Case("ftp address", None, ("ftp://example.com/x.csv: expected an http",), where="ftp://example.com/x.csv"),
    Case("this machine", None, ("127.0.0.1", "--allow-private-address"), where="http://127.0.0.1:9/x.csv"),
    Case("secret in an address", None, ("timeglass.invalid/",), where="https://name:s3cr3t@timeglass.invalid/"),
    Case("bracket in an address", None, ("http://[::1",), where="http://[::1"),
    Case("space in an address", None, ("http://",), where="http://timeglass.invalid/a b"),
]  # fmt: skip


def run(folder, *arguments: str, closed: int = 0, **settings: Any) -> subprocess.CompletedProcess[str]:
    """`timeglass` with these arguments in that folder; `closed` is an output closed by the shell, 1 or 2."""
    settings = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 60, **settings}
    shell = ["sh", "-c", f'exec "$@" {closed}>&-', "sh"] if closed else []
    return subprocess.run([*shell, *COMMAND, *arguments], cwd=folder, text=True, encoding="utf-8", **settings)


def check_refused(done: subprocess.CompletedProcess[str], folder) -> str:
    """Exit code 2, one or two plain lines, no output, no file; the message without the program's name."""
    assert done.returncode == 2, done.stderr[-2000:]
    assert done.stdout == ""
    assert done.stderr.startswith("timeglass: ")
    assert done.stderr.endswith("\n")
    message = done.stderr.removeprefix("timeglass: ")[:-1]
    assert message.isprintable()  # in one line, and no escape codes
    assert "Traceback" not in message
    assert len(message) < 500
    out = folder / "out"
    assert not out.exists() or list(out.iterdir()) == []
    return message


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_refused(case, timeglass, tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    if case.data is not None:
        (tmp_path / "data.csv").write_bytes(case.data if isinstance(case.data, bytes) else case.data.encode())
    options = [f"--{name.replace('_', '-')}={given}" for name, given in case.options.items()]
    message = check_refused(timeglass("sunspots", "--data", case.where, "--out", "out", *options), tmp_path)
    for words in case.words:
        assert words in message
    assert "s3cr3t" not in message
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TimeglassError) as caught:
        plan_job(JobOptions(**case.options), case.where)
    assert str(caught.value) == message
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, ValueError)


# ---- what a message names as the remedy is one


JUNE = "line 7 (1900-06), column 'Value': "
REMEDIES = [
    ("Latin-1 header", {"encoding": "cp1252"}, 9.5, ""),
    ("UTF-16 without its mark", {"encoding": "utf-16-le"}, 9.5, ""),
    ("no header", {"header": False}, 9.5, "times are in column 'column 1' (--time)"),
    ("footer", {"skip_footer": 1}, 9.5, "1 line at the end left out, as asked: 'Total,9999'"),
    ("footer of one field", {"skip_footer": 1}, 9.5, "1 line at the end left out, as asked: 'Source: R'"),
    (
        "number with a unit",
        {"strip_unit": True},
        58.0,
        "line 7 (1900-06), column 'Value': '58 kg' → 58: read without its",
    ),
    ("percent", {"strip_unit": True}, 12.0, "line 7 (1900-06), column 'Value': '12%' → 12: read without its unit"),
    ("thousands mark", {"thousands": ","}, 1234.5, ""),
    ("Python's thousands mark", {"thousands": "_"}, 1000.0, ""),
    ("Boolean", {"booleans": True}, 1.0, ""),
    ("blank", {"missing": "linear"}, 3.0, JUNE + "nothing → 3: filled in, linear"),
    ("NA", {"missing": "linear"}, 3.0, JUNE + "'NA' → 3: filled in, linear"),
    ("null", {"missing": "drop"}, 3.5, JUNE + "'null' → left out: no value"),
    ("repeated date", {"duplicates": "last", "missing": "drop"}, 5.0, JUNE + "'9.5' → left out: the last of 2 rows"),
    ("repeated date", {"duplicates": "mean", "missing": "drop"}, 7.25, JUNE + "'9.5' → 7.25: mean of 2 rows of"),
    ("three months missing", {"missing": "linear"}, 9.5, "no line (1901-09), column 'Value': 'no row' → 4: filled"),
    ("three months missing", {"missing": "drop"}, 9.5, "3 rows missing (the first: 1901-09, after line 21): the rows"),
]


@pytest.mark.parametrize(("name", "options", "value", "said"), REMEDIES, ids=lambda given: str(given)[:30])
def test_the_option_that_the_message_names_reads_the_file(name, options, value, said, tmp_path):
    """`value` is that of the sixth row, in which most of these files have their fault."""
    case = next(case for case in CASES if case.name == name)
    (tmp_path / "data.csv").write_bytes(case.data if isinstance(case.data, bytes) else case.data.encode())
    series = plan_job(JobOptions(**SMALL), str(tmp_path / "data.csv"), reading=ReadOptions(**options)).series
    assert series.values[5] == value
    origin = series.origin
    assert any(line.startswith(said) for line in (*origin.guesses, *origin.notes, *map(str, origin.changes)))


# ---- the command line


@pytest.mark.parametrize(
    ("arguments", "words"),
    one_in(
        2,
        [
            (["nonsense"], ("No such command 'nonsense'", "timeglass --help")),
            (["sunspots", "--colour", "red"], ("No such option '--colour'", "timeglass sunspots --help")),
            (["sunspots", "--seed", "x"], ("'--seed'", "'x'", "integer")),
            (["sunspots", "--seed", "1.5"], ("'--seed'", "'1.5'", "integer")),
            (["sunspots", "--epochs", "9" * 300], ("--epochs",)),
            (["sunspots", "--split", "much"], ("'--split'", "'much'")),
            (["sunspots", "--data"], ("'--data'", "requires an argument")),
            (["sunspots", "data.csv"], ("unexpected extra argument", "data.csv")),
            (["sunspots", "--out", "file", "--epochs", "1"], ("--out file: cannot write there (File exists)",)),
            (
                ["sunspots", "--out", "file/out"],
                ("--out file/out: cannot write there (Not a directory)", "choose a folder"),
            ),
            (["sunspots", "--out", "/dev/null/x"], ("--out /dev/null/x: cannot write there", "choose a folder")),
            (
                ["sunspots", "--out", "/proc/timeglass"],
                ("--out /proc/timeglass: cannot write there", "choose a folder"),
            ),
            (["sunspots", "--out", "x" * 300], ("cannot write there (File name too long)",)),
            (["sunspots", "--engine", "a\n\x1b[31mb"], ("--engine a", "expected one of")),
            (["sunspots", "--no-plot", "--data", "no\nsuch\x1b[31m\u202e.csv"], ("no file",)),
            (["nonsense\n\x1b[31m"], ("No such command",)),
        ],
        several=True,
    ),
    ids=lambda given: " ".join(given)[:40].encode("unicode_escape").decode() if isinstance(given, list) else "",
)
def test_refused_on_the_command_line(arguments, words, tmp_path):
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    message = check_refused(run(tmp_path, *arguments), tmp_path)
    for word in words:
        assert word in message
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("given", ["3", 3.0, None, True, float("nan")])
@pytest.mark.parametrize("name", ["time_steps", "epochs", "networks", "hidden_units", "seed"])
def test_options_of_another_type_are_refused_in_python(name, given):
    with pytest.raises(TimeglassError, match=rf"^--{name.replace('_', '-')} .*: expected a whole number"):
        JobOptions(**{name: given})


@pytest.mark.parametrize("given", ["0.8", None, True, float("nan")])
def test_a_split_of_another_type_is_refused_in_python(given):
    with pytest.raises(TimeglassError, match=r"^--split .*: expected a share"):
        JobOptions(split=given)


@pytest.mark.parametrize(("time_steps", "split"), [(12, 0.8), (12, 0.5), (1, 0.1), (3, 0.99), (7, 1 / 3), (30, 0.7)])
def test_as_many_rows_as_the_message_asks_for_are_enough(time_steps, split, tmp_path):
    path, options = tmp_path / "data.csv", JobOptions(time_steps=time_steps, split=split)

    def plan(count):
        path.write_text("Row,Value\n" + "".join(f"r{i},{i * 7 % 13}\n" for i in range(count)), encoding="utf-8")
        return plan_job(options, str(path))

    with pytest.raises(TimeglassError) as caught:
        plan(2)
    needed = int(re.search(r"at least ([0-9,]+) are needed", str(caught.value))[1].replace(",", ""))
    with pytest.raises(TimeglassError, match=f"at least {needed:,} are needed"):
        plan(needed - 1)
    done = plan(needed)
    assert min(len(done.train.windows.y), len(done.test.windows.y)) == 2


def test_a_pipe_as_data(tmp_path):
    os.mkfifo(tmp_path / "data.csv")
    message = check_refused(run(tmp_path, "sunspots", "--data", "data.csv"), tmp_path)
    assert message == "data.csv is not a regular file: save the data to a file first"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--networks", "65536", "--hidden-units", "1024"], id="weights of half a terabyte"),
        pytest.param(["--networks", "65536", "--epochs", "1000000"], id="losses of half a terabyte"),
    ],
)
def test_more_than_the_memory_is_refused_in_words(tmp_path, options):
    message = check_refused(run(tmp_path, "sunspots", "--no-plot", *options), tmp_path)
    assert "memory" in message
    assert "--networks" in message
