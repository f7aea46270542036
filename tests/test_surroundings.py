"""`timeglass sunspots` with hard data, hostile names, odd surroundings, and stopped in the middle."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import time
import unicodedata
import xml.etree.ElementTree as ElementTree
from typing import Any

import pytest
from quick import one_in
from test_bad_input import COMMAND, ROWS, SMALL, check_refused, run, table

from timeglass.tutorial import JobOptions, plan_job, run_job
from timeglass.tutorial.report import result_json

FAST = ["sunspots", "--time-steps", "12", "--epochs", "1", "--networks", "2"]
CALLS = {
    "the job": [*FAST, "--no-plot"],
    "the job with its picture": [*FAST, "--out", "out"],
    "the job as JSON": [*FAST, "--no-plot", "--json"],
    "info": ["info"],
    "help": ["--help"],
    "no command": [],
}


def said_of(name: str) -> str:
    """What standard error holds, and no more, where the file of that name is `table()`."""
    return f"timeglass: {name}: times are in column 'Month' (--time)\ntimeglass: {name}: a row every month (--freq)\n"


# ---- good data that are hard to work with: results are finite, or it is refused


def hard(kind: str) -> str:
    maker = {
        "1e200": lambda i: 1e200 * (1 + i * 7 % 13),
        "up to the largest double": lambda i: 1.7e308 if i % 5 == 0 else 1e308 * (i % 3 > 0),
        "denormals": lambda i: 5e-324 * (i * 7 % 13),
        "negative and tiny": lambda i: -1e-12 * (i * 7 % 13),
        "one of 1e300": lambda i: 1e300 if i == 40 else i % 9,
        "denormal training part": lambda i: 1e-320 * (i % 7) if i < 48 else i % 11,
        "constant training part": lambda i: 5 if i < 48 else i % 11,
        "constant test part": lambda i: i % 11 if i < 48 else 5,
        "alternating": lambda i: i % 2,
    }[kind]
    return table(rows=[f"{row[:8]}{float(maker(i))!r}" for i, row in enumerate(ROWS)])


def check_finite(value: Any) -> None:
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            check_finite(item)
    assert not isinstance(value, float) or math.isfinite(value)
    assert not re.search(r"\b(nan|inf|infinity)\b", str(value), re.IGNORECASE)


@pytest.mark.parametrize(
    "kind",
    one_in(2, [
        "1e200", "up to the largest double", "denormals", "negative and tiny", "one of 1e300", "denormal training part",
        "constant training part", "constant test part", "alternating",
    ]),
)  # fmt: skip
def test_nothing_that_is_not_finite_comes_out(kind, timeglass, tmp_path):
    (tmp_path / "data.csv").write_text(hard(kind), encoding="utf-8")
    options = ["--data", "data.csv", "--time-steps", "3", "--epochs", "1", "--networks", "2"]
    done = timeglass("sunspots", *options)
    if done.returncode == 2:
        check_refused(done, tmp_path)
        return
    assert (done.returncode, done.stderr) == (0, said_of("data.csv"))
    assert not re.search(r"\b(nan|inf|infinity)\b", done.stdout, re.IGNORECASE)
    assert max(map(len, done.stdout.splitlines())) < 160
    assert "the proof holds" in done.stdout
    check_finite(result_json(run_job(plan_job(JobOptions(**SMALL), str(tmp_path / "data.csv"))), []))


# ---- hostile names


NAMES = {
    "mathematics": "$\\frac{$",
    "dollars": "US$ or A$",
    "escape codes": "\x1b[31mred\x1b]0;title\x07",
    "other control characters": "a\x01\x08b\x7f\x9b31m",
    "right to left": "\u202egnp.exe\u2066",
    "line separators": "a\u2028b\u2029c\x85d",
    "line end": "two\nlines",
    "script": "</script><script>&amp;",
    "other script": "黒点",
    "100,000 characters": "x" * 100_000,
    "words of 9,000 characters": "some words " * 900,
    "none": "",
}


def is_plain(text: str) -> bool:
    return all(unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") or c == "\n" for c in text)


@pytest.mark.parametrize("name", one_in(3, NAMES.values()), ids=NAMES)
def test_hostile_column_names(name, timeglass, tmp_path, monkeypatch):
    (tmp_path / "data.csv").write_text(table(header=f'Month,"{name}"'), encoding="utf-8", newline="")
    options = ["--data", "data.csv", "--time-steps", "3", "--epochs", "1", "--networks", "2"]
    monkeypatch.setenv("COLUMNS", "80")
    done = timeglass("sunspots", "--out", "out", *options)
    assert (done.returncode, done.stderr) == (0, said_of("data.csv"))
    assert is_plain(done.stdout)
    assert max(map(len, done.stdout.splitlines())) < 240
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["forecast.png", "forecast.svg"]
    assert (tmp_path / "out" / "forecast.png").read_bytes().startswith(b"\x89PNG")
    svg = (tmp_path / "out" / "forecast.svg").read_bytes()
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert b"<script" not in svg
    assert len(svg) < 500_000
    assert plan_job(JobOptions(**SMALL), str(tmp_path / "data.csv")).series.name == name.strip()


@pytest.mark.parametrize(
    "name", ["new\nline.csv", "esc\x1b[31m\x07.csv", "\u202evsc.csv", "größe 黒.csv", "a'b\"c.csv"]
)
def test_hostile_file_names(name, timeglass, tmp_path):
    (tmp_path / name).write_text(table(), encoding="utf-8")
    done = timeglass("sunspots", "--data", name, "--no-plot", "--time-steps", "3", "--epochs", "1", "--networks", "2")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)
    assert (done.returncode, done.stderr) == (0, said_of(shown))
    assert is_plain(done.stdout)
    (tmp_path / name).write_text(table(L7="1900-06,x"), encoding="utf-8")
    message = check_refused(timeglass("sunspots", "--data", name), tmp_path)
    assert message.isprintable()
    assert ":7:2: column 'Value' holds 'x'" in message


# ---- the surroundings


def test_closed_error_output(tmp_path):
    done = run(tmp_path, *CALLS["the job"], closed=2)
    assert done.returncode == 0
    assert "the proof holds" in done.stdout
    refused = run(tmp_path, "sunspots", "--epochs", "0", closed=2)
    assert refused.returncode == 2


@pytest.mark.parametrize("encoding", one_in(3, ["ascii", "latin-1", "cp1252"]))
def test_output_in_another_encoding(encoding, tmp_path):
    """What cannot be written in it comes out as an escape or a question mark, not as an error."""
    settings = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*COMMAND, *CALLS["the job with its picture"]], cwd=tmp_path, env=settings, capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"the proof holds" in done.stdout


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"HOME": "/proc/none", "MPLCONFIGDIR": "/proc/none"}, id="HOME that cannot be written"),
        pytest.param({"MPLBACKEND": "tkagg", "DISPLAY": ""}, id="no display"),
        pytest.param({"LC_ALL": "C", "LANG": "C", "TERM": ""}, id="C locale, no TERM"),
        pytest.param({"COLUMNS": "10", "NO_COLOR": "1"}, id="10 columns"),
        pytest.param({"COLUMNS": "many", "LINES": "-1"}, id="nonsense for COLUMNS"),
    ],
)
def test_surroundings(settings, tmp_path):
    done = run(tmp_path, *CALLS["the job with its picture"], env={**os.environ, **settings})
    assert done.returncode == 0, done.stderr[-2000:]
    assert "timeglass" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "the proof" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["forecast.png", "forecast.svg"]


def test_an_unknown_backend_is_not_needed_or_named(tmp_path):
    done = run(tmp_path, *CALLS["the job with its picture"], env={**os.environ, "MPLBACKEND": "nonsense"})
    if done.returncode:
        assert "MPLBACKEND" in check_refused(done, tmp_path)


@pytest.mark.slow
def test_a_matplotlibrc_of_ones_own_changes_nothing(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "matplotlibrc").write_text("text.usetex: True\naxes.facecolor: black\n", encoding="utf-8")
    plain = run(tmp_path, *CALLS["the job with its picture"])
    ours = (tmp_path / "out" / "forecast.svg").read_bytes()
    other = run(
        tmp_path, *CALLS["the job with its picture"], env={**os.environ, "MPLCONFIGDIR": str(tmp_path / "mine")}
    )
    assert (plain.returncode, other.returncode) == (0, 0)
    assert (tmp_path / "out" / "forecast.svg").read_bytes() == ours


# ---- output that nobody takes


def test_without_a_command_the_help_is_shown(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 2
    assert "Usage: timeglass [OPTIONS] COMMAND" in done.stdout + done.stderr
    assert "sunspots" in done.stdout + done.stderr


def end_of(call: str) -> int:
    return 2 if call == "no command" else 0


@pytest.mark.parametrize("call", one_in(2, CALLS))
def test_a_reader_that_has_gone(call, tmp_path):
    """As in `timeglass … | head`: quiet, and never exit code 1, which says that the proof failed."""
    read, write = os.pipe()
    os.close(read)
    try:
        done = run(tmp_path, *CALLS[call], capture_output=False, stdout=write, stderr=subprocess.PIPE)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (end_of(call), "")


@pytest.mark.parametrize("call", one_in(2, CALLS))
def test_closed_output(call, tmp_path):
    """As in `timeglass … >&-`."""
    done = run(tmp_path, *CALLS[call], closed=1)
    assert (done.returncode, done.stderr) == (end_of(call), "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("call", one_in(2, CALLS))
def test_output_to_a_full_disk(call, tmp_path):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run(tmp_path, *CALLS[call], capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode in (1, 2)
    assert "No space left on device" in done.stderr
    assert done.stderr.startswith("timeglass: ")
    assert done.stderr.count("\n") <= 2


# ---- stopped in the middle


@pytest.mark.parametrize("engine", ["numpy", None])
def test_ctrl_c_during_training(engine, tmp_path):
    options = ["--engine", engine] if engine else []
    with subprocess.Popen(
        [*COMMAND, "sunspots", "--epochs", "1000000", "--out", "out", *options],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        for line in process.stdout:
            if line.startswith("Training"):
                break
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 2  # 0.2 s on a machine with nothing else to do
    assert process.returncode == 130
    assert errors.strip() == "timeglass: stopped"
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
def test_killed_at_any_moment_leaves_the_old_picture_or_the_new(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("forecast.png", "forecast.svg"):
        (out / name).write_bytes(b"old")
    for delay in (0.6, 0.9, 1.2):
        with subprocess.Popen(
            [*COMMAND, *CALLS["the job with its picture"]], cwd=tmp_path, stdout=subprocess.DEVNULL
        ) as process:
            time.sleep(delay)
            process.kill()
        png, svg = (out / "forecast.png").read_bytes(), (out / "forecast.svg").read_bytes()
        assert png == b"old" or (png.startswith(b"\x89PNG") and b"IEND" in png[-12:])
        assert svg == b"old" or svg.rstrip().endswith(b"</svg>")


def test_two_at_once_both_finish(tmp_path):
    both = [
        subprocess.Popen([*COMMAND, *CALLS["the job with its picture"]], cwd=tmp_path, stdout=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["forecast.png", "forecast.svg"]
    assert (tmp_path / "out" / "forecast.svg").read_bytes().rstrip().endswith(b"</svg>")
