"""`timeglass tune`: the leaderboard on standard output and in files, and the options that come of it."""

from __future__ import annotations

import csv
import io
import shlex

import numpy as np
import pandas as pd
import pytest
from check_files import strict_json

from timeglass.cli.tune import _options, _table
from timeglass.forecast.leaderboard import Leaderboard, Trial

QUICK = ("--trials", "3", "--horizon", "1", "--networks", "2", "--epochs", "1", "--quiet")


@pytest.fixture
def table(tmp_path):
    values = 50 + np.random.default_rng(0).normal(size=60).cumsum()
    (tmp_path / "walk.csv").write_text("y\n" + "".join(f"{v:.3f}\n" for v in values))
    return "walk.csv"


def test_the_leaderboard_is_printed_and_written(timeglass, table, tmp_path):
    found = strict_json(timeglass("tune", table, *QUICK, "--json").stdout)
    board = found["leaderboard"]
    assert (board["place"], sum(board["default"])) == ([1, 2, 3], 1)
    assert board["error"] == sorted(board["error"])
    ran = timeglass("tune", table, *QUICK, "--out", "board.csv")
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[0] == "mean absolute error over the rows to choose by, in units of the seasonal naive one:"
    assert lines[2].split()[:3] == ["place", "error", "default"]
    assert [line.split()[:3] for line in lines[3:6]] == [
        [str(place), f"{error:.4g}", "yes" if default else "no"]
        for place, error, default in zip(board["place"], board["error"], board["default"], strict=True)
    ]
    assert lines[7].startswith(found["sentence"])
    rows = list(csv.DictReader(io.StringIO((tmp_path / "board.csv").read_text())))
    assert [float(row["error"]) for row in rows] == board["error"]
    own = board["default"].index(True)
    assert (rows[own]["networks__hidden_units"], rows[own]["default"]) == ("", "True")  # automatic


def test_the_leaderboard_as_parquet(timeglass, table, tmp_path):
    printed = strict_json(timeglass("tune", table, *QUICK, "--json", "--out", "board.parquet").stdout)["leaderboard"]
    frame = pd.read_parquet(tmp_path / "board.parquet")
    assert frame["error"].tolist() == printed["error"]
    units = [None if np.isnan(value) else int(value) for value in frame["networks__hidden_units"]]
    assert units == printed["networks__hidden_units"]
    assert None in units


def test_what_diverged_is_said_and_what_is_automatic():
    settings = {"networks__hidden_units": None, "log": None}
    lines = _table(Leaderboard((Trial(settings, 0.5, True), Trial(settings | {"log": False}, None))))
    assert [line.split() for line in lines[1:]] == [
        ["1", "0.5", "yes", "automatic", "automatic"], ["2", "diverged", "no", "automatic", "no"],
    ]  # fmt: skip


def test_the_options_give_the_settings_exactly(timeglass, table):
    (line,) = _options(
        {"networks__count": 2, "networks__epochs": 1, "networks__learning_rate": 0.0025503, "log": False}, {}
    )
    words = shlex.split(line)
    wanted = "timeglass forecast DATA --networks 2 --epochs 1 --learning-rate 0.0025503 --no-log"
    assert words == wanted.split()
    assert timeglass("forecast", table, "--horizon", "1", *words[3:]).returncode == 0
    assert _options({}, {"--horizon": ["--horizon", "1"]}) == []


def test_the_last_line_gives_what_was_tuned_with_the_options_it_was_tuned_under(timeglass, tmp_path):
    pattern = np.tile(np.random.default_rng(3).normal(size=13), 20)
    lines = [f"{v:.4f};n/v" for v in pattern + 0.05 * np.random.default_rng(4).normal(size=260)]
    (tmp_path / "pattern.csv").write_text("load;my note\n" + "\n".join(lines) + "\n")
    given = ("--horizon", "1", "--season", "1", "--no-log", "--separator", ";", "--value", "load", "--level", "50")
    given += ("--missing-word", "n/v", "--missing-word", "-")
    quick = ("--trials", "4", "--networks", "4", "--epochs", "8", "--time-steps", "3", "--quiet", "--out", "board.csv")
    ran = timeglass("tune", "pattern.csv", *given, *quick)
    line = ran.stdout.splitlines()[-1]
    assert line.startswith("timeglass forecast DATA --"), ran.stdout
    words = shlex.split(line)[3:]
    counts = {option: words.count(option) for option in ("--missing-word", "--time-steps", "--epochs", "--networks")}
    assert "time_steps automatic" in ran.stdout
    assert counts == {"--missing-word": 2, "--time-steps": 0, "--epochs": 1, "--networks": 1}
    assert not {"--trials", "--out", "--quiet"} & set(words)
    assert all(word in words for word in given)
    made = timeglass("forecast", "pattern.csv", *words, "--quiet")
    assert made.stdout.splitlines()[0] == "unique_id,ds,timeglass,timeglass-lo-50,timeglass-hi-50,method"
    assert len(made.stdout.splitlines()) == 2
