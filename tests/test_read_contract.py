"""What may be wrong with a file, its structure, its values and its times: one case a row, each through three doors.

`read_series` in Python, `timeglass sunspots` on the command line and `timeglass check` must say the same in one line
that begins with the place. No traceback, no NaN, no file left behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from contract_cases import CASES, ROWS, Case, table, value

from timeglass import TimeglassError
from timeglass.read import ReadOptions, read_series

FLAGS = {"header": "--no-header", "strict": "--strict", "booleans": "--booleans"}


def arguments(options: dict[str, Any]) -> list[str]:
    """The same options on the command line."""
    found: list[str] = []
    for name, given in options.items():
        if name in FLAGS:
            found.append(FLAGS[name])
        elif name == "missing_words":
            found += [f"--missing-word={word}" for word in given]
        else:
            found.append(f"--{name.replace('_', '-')}={given}")
    return found


def write(case: Case, folder: Any) -> None:
    if case.content is not None:
        (folder / "data.csv").write_bytes(case.content if isinstance(case.content, bytes) else case.content.encode())


@pytest.mark.parametrize("case", [case for case in CASES if not case.read], ids=lambda case: case.name)
def test_refused(case, timeglass, tmp_path, monkeypatch):
    write(case, tmp_path)
    value_option = {} if "value" in case.options or "22" in case.name else {"value": 2}
    job = timeglass("sunspots", "--data", "data.csv", "--no-plot", *arguments({**case.options, **value_option}))
    assert (job.returncode, job.stdout) == (2, "")
    message = job.stderr.removeprefix("timeglass: ").removesuffix("\n")
    assert message.isprintable()  # one line, no escape codes, no traceback
    if "22" not in case.name:  # the job takes column two
        for words in case.words:
            assert words in message
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TimeglassError) as caught:
        read_series("data.csv", ReadOptions(**case.options))
    for words in case.words:
        assert words in str(caught.value)
    assert caught.value.exit_code == 2
    if "22" not in case.name:
        assert str(caught.value) == message
    assert {path.name for path in tmp_path.iterdir()} <= {"data.csv"}
    found = timeglass("check", "data.csv", *arguments(case.options))
    assert found.returncode in (1, 2)
    if "22" not in case.name:  # a check takes all columns
        assert message.partition("; if this last line")[0] in found.stdout + found.stderr


@pytest.mark.parametrize("case", [case for case in CASES if case.read], ids=lambda case: case.name)
def test_read_and_said(case, timeglass, tmp_path, monkeypatch):
    write(case, tmp_path)
    monkeypatch.chdir(tmp_path)
    series = read_series("data.csv", ReadOptions(**case.options))
    assert np.isfinite(series.values).all()
    said = [*series.origin.guesses, *series.notes, *map(str, series.origin.changes)]
    for words in case.words:
        assert any(words in line for line in said), said
    found = timeglass("check", "data.csv", *arguments(case.options))
    assert found.returncode in (0, 1)
    assert "Stops the reading" not in found.stdout
    for words in case.words:
        assert words in found.stdout


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1e-310", 1e-310), ("-0.0", -0.0), ("0.3066010001873337", 0.3066010001873337), ("9007199254740993", 2.0**53)],
)
def test_values_are_held_to_the_last_bit(text, wanted, tmp_path):
    (tmp_path / "data.csv").write_text(value(text, 2))
    found = read_series(str(tmp_path / "data.csv")).values[0]
    assert np.array([found]).tobytes() == np.array([wanted]).tobytes()


def test_numbers_of_a_file_with_thousands_and_booleans(tmp_path):
    (tmp_path / "data.csv").write_text(value('"1,100.50"', 2))
    assert read_series(str(tmp_path / "data.csv"), ReadOptions(thousands=",")).values[0] == 1100.5
    (tmp_path / "data.csv").write_text(
        table(rows=[f"{r[:8]}{'true' if i % 2 else 'false'}" for i, r in enumerate(ROWS)])
    )
    assert read_series(str(tmp_path / "data.csv"), ReadOptions(booleans=True)).values[:4].tolist() == [0, 1, 0, 1]


def test_a_constant_series_is_read_and_its_lack_of_variation_said(timeglass, tmp_path):
    """34: what there is to learn of it, the check says; its forecast is that value."""
    (tmp_path / "data.csv").write_text(table(rows=[f"{r[:8]}5" for r in ROWS]))
    assert set(read_series(str(tmp_path / "data.csv")).values) == {5.0}
    found = timeglass("check", "data.csv")
    assert found.returncode == 1
    assert "no variation; nothing to learn" in found.stdout
    job = timeglass("sunspots", "--data", "data.csv", "--no-plot", "--time-steps", "3")
    assert job.returncode == 2
    assert "all 60 values are 5: no variation, nothing to learn; its forecast is 5, whatever the network" in job.stderr


def test_one_outlier_that_leaves_no_room_is_said(timeglass, tmp_path):
    """44."""
    (tmp_path / "data.csv").write_text(value("100000"))
    found = timeglass("check", "data.csv")
    assert found.returncode == 1
    assert "data.csv:32:2 (1951-07): 98.3 % of the values lie in 0.0" in found.stdout
    assert "a min-max scale leaves them no room" in found.stdout


@pytest.mark.parametrize(("rows", "words"), [(1, "1 row, 0 to train on"), (3, "3 rows, 2 to train on and 1 to test")])
def test_too_few_rows_for_the_job(rows, words, timeglass, tmp_path):
    """27, 28."""
    (tmp_path / "data.csv").write_text(table(rows=ROWS[:rows]))
    done = timeglass("sunspots", "--data", "data.csv", "--no-plot")
    assert done.returncode == 2
    assert words in done.stderr
    assert "with --time-steps 12 and --split 0.8 at least 121 are needed" in done.stderr


def test_none_left_to_test(timeglass, tmp_path):
    """29."""
    (tmp_path / "data.csv").write_text(table())
    done = timeglass("sunspots", "--data", "data.csv", "--no-plot", "--time-steps", "3", "--split", "0.97")
    assert done.returncode == 2
    assert "60 rows, 58 to train on and 2 to test" in done.stderr
    assert "give more rows, fewer time steps or another split" in done.stderr


def test_forecasts_beyond_the_training_range_are_said(timeglass, tmp_path):
    """36: a tanh output cannot reach what lies above the scaled maximum."""
    rows = [f"{1949 + i // 12}-{i % 12 + 1:02d},{i * i % 40 + (300 if i > 110 else 0)}" for i in range(130)]
    (tmp_path / "data.csv").write_text(table(rows=rows))
    done = timeglass(
        "sunspots", "--data", "data.csv", "--no-plot", "--time-steps", "3", "--epochs", "1", "--networks", "2"
    )
    assert done.returncode == 0
    assert "tanh" in done.stdout
    assert "The scaler saw the test part" in done.stdout
