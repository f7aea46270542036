"""`timeglass data`, and series by name in the other commands, run as a user runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from timeglass import Dense, Input, Sequential, SimpleRNN
from timeglass.datasets import DATASETS, load
from timeglass.prepare.scale import MinMaxScaler

ROOT = Path(__file__).parents[1]


def run(
    *arguments: str, folder: Path, columns: str | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    known = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    if columns is not None:
        known["COLUMNS"] = columns
    command = [sys.executable, "-m", "timeglass.cli.main", *arguments]
    return subprocess.run(command, cwd=folder, env={**known, **environment}, capture_output=True, check=False)


def test_the_page_shows_what_the_command_prints(tmp_path: Path) -> None:
    done = run("data", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    page = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    shown = re.search(r"This is what `timeglass data` prints\.\n\n```text\n(.*?)```", page, re.DOTALL)
    assert shown is not None
    assert done.stdout.decode() == shown[1]
    total = sum(dataset.path.stat().st_size for dataset in DATASETS.values())
    assert f"Fourteen series come with Timeglass, {total / 1000:.0f} KB together" in page
    assert len(DATASETS) == 14


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("150", 150), ("5", 40)])
def test_the_list_keeps_to_the_terminals_width(tmp_path: Path, columns: str, width: int) -> None:
    lines = run("data", folder=tmp_path, columns=columns).stdout.decode().splitlines()
    assert width - 25 < max(map(len, lines)) <= width
    assert [line for line in lines if line and not line.startswith(" ")] == list(DATASETS)
    assert lines.count("") == len(DATASETS) - 1


def test_an_output_without_the_signs_gets_escapes(tmp_path: Path) -> None:
    done = run("data", folder=tmp_path, PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"in 10\\u2078 m\xb3" in done.stdout


@pytest.mark.parametrize("name", ["nile", "jfk-temperature"])
def test_one_series_is_printed_byte_for_byte(tmp_path: Path, name: str) -> None:
    done = run("data", name, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == DATASETS[name].path.read_bytes()


def test_json_of_all_and_of_one(tmp_path: Path) -> None:
    listed = json.loads(run("data", "--json", folder=tmp_path).stdout)
    assert [entry["name"] for entry in listed] == list(DATASETS)
    assert all(entry["source"] and entry["licence"] and entry["unit"] and entry["what"] for entry in listed)
    one = json.loads(run("data", "uk-gas", "--json", folder=tmp_path).stdout)
    assert one.pop("dates")[:2] == ["1960Q1", "1960Q2"]
    assert one.pop("values") == load("uk-gas").values.tolist()
    assert one == listed[list(DATASETS).index("uk-gas")]
    assert [one[key] for key in ("rows", "from", "to", "frequency", "column")] == [
        108,
        "1960Q1",
        "1986Q4",
        "quarterly",
        "Gas",
    ]


@pytest.mark.parametrize("arguments", [["data", "nil"], ["data", "nil", "--json"]])
def test_an_unknown_name_ends_with_2(tmp_path: Path, arguments: list[str]) -> None:
    done = run(*arguments, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"timeglass: no bundled series 'nil': did you mean 'nile'? there are sunspots, ")
    assert done.stderr.count(b"\n") == 1


def sunspots(*arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return run("sunspots", "--no-plot", "--networks", "1", "--epochs", "1", *arguments, folder=folder)


NILE = b"""timeglass: the bundled nile.csv: times are read as years, since all lie from 1871 to 1970 (--date-format)
timeglass: the bundled nile.csv: times are in column 'Year' (--time)
timeglass: the bundled nile.csv: a row every year (--freq)
"""


def test_a_job_on_a_series_by_its_name(tmp_path: Path) -> None:
    done = sunspots("--data", "nile", "--time-steps", "4", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, NILE)
    assert "Data      the bundled nile.csv, column Flow: 100 rows, 1871 to 1970" in done.stdout.decode()


def test_a_file_of_that_name_wins_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "nile").write_text("Year,Mine\n" + "".join(f"{1900 + i},{i % 7}\n" for i in range(90)))
    done = sunspots("--data", "nile", "--time-steps", "4", folder=tmp_path)
    assert done.returncode == 0
    assert "Data      nile, column Mine: 90 rows" in done.stdout.decode()
    assert done.stderr.decode().splitlines() == [
        "timeglass: nile is read from the file of that name here, which wins over the bundled series: move to another "
        "folder for that",
        "timeglass: nile: times are read as years, since all lie from 1900 to 1989 (--date-format)",
        "timeglass: nile: times are in column 'Year' (--time)",
        "timeglass: nile: a row every year (--freq)",
    ]


def test_a_folder_of_that_name_does_not_win(tmp_path: Path) -> None:
    (tmp_path / "nile").mkdir()
    done = sunspots("--data", "nile", "--time-steps", "4", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, NILE)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nil", "no file 'nil' and no bundled series of that name: did you mean nile? `timeglass data` lists them"),
        ("nile.csv", "no file nile.csv"),
        ("./nile", "no file nile"),
        ("", "is a folder"),
        ("x" * 5000, "name too long"),
        ("nile\n", "no file nile\\n"),
        ("zzz", "no file zzz"),
    ],
)
def test_what_is_no_name_is_a_file(tmp_path: Path, given: str, words: str) -> None:
    done = sunspots("--data", given, folder=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr.decode()
    assert b"Traceback" not in done.stderr


def test_trace_and_prove_take_names(tmp_path: Path) -> None:
    model = Sequential([Input((4, 1)), SimpleRNN(2), Dense(1)], seed=1)
    model.save(str(tmp_path / "m.json"), MinMaxScaler.fit(load("nile").values))
    done = run("trace", "m.json", "--data", "nile", "--json", folder=tmp_path)
    assert json.loads(done.stdout)["window"] == {
        "labels": ["1967", "1968", "1969", "1970"],
        "values": [[919.0], [718.0], [714.0], [740.0]],
    }
    assert json.loads(done.stdout)["target"] == "1971"
    assert done.stderr == NILE
    proof = run("prove", "m.json", "nile", "--by", "numpy,definition", "--json", folder=tmp_path)
    assert json.loads(proof.stdout)["forecasts"] == 97  # each window of 4 in 100 rows
    assert proof.stderr == NILE


def test_days_that_are_missing_in_a_bundled_series_are_said(tmp_path: Path) -> None:
    done = sunspots("--data", "ozone", "--time-steps", "4", folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr.decode().splitlines()[:2] == [
        "timeglass: the bundled ozone.csv: times are in column 'Date' (--time)",
        "timeglass: the bundled ozone.csv: a row every day (--freq)",
    ]
    assert " note: 37 rows missing (the first: 1973-05-05, after line 5): the rows beside" in " ".join(
        done.stdout.decode().split()
    )
