"""`timeglass audit`: which tables it takes, what it says of them, and how it ends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from check_files import strict_json

from timeglass.forecast import Forecaster, Networks

ROWS, FIRST = 72, 48
MONTHS = [f"{2015 + i // 12}-{i % 12 + 1:02d}" for i in range(ROWS)]
_rng = np.random.default_rng(7)
_wave = 50 + 20 * np.sin(2 * np.pi * np.arange(ROWS) / 12)
VALUES = (_wave + _rng.normal(0, 1, ROWS)).round(3)
VALUES[63] = 75.0  # a record in the test part
GOOD = (_wave + _rng.normal(0, 0.5, ROWS)).round(3)
LATE = np.roll(GOOD, 2)  # two rows late
COVERING = ["--scaler-min", f"{VALUES[:FIRST].min()}", "--scaler-max", f"{VALUES[:FIRST].max()}"]


def write(path: Path, columns: dict[str, object], first: int = 0, name: str = "data.csv") -> None:
    rows = [",".join(["month", *columns])]
    rows += [
        ",".join([month, *(str(column[i]) for column in columns.values())]) for i, month in enumerate(MONTHS[first:])
    ]
    (path / name).write_text("\n".join(rows) + "\n")


def only_later(values: np.ndarray) -> list[object]:
    return ["" if i < FIRST else value for i, value in enumerate(values)]


def checks(text: str) -> dict[str, dict]:
    (one,) = strict_json(text)["audits"]
    return {each["check"]: each for each in one["checks"]}


# ---- the ways to say which rows are for testing


@pytest.mark.parametrize("way", ["forecasts", "date", "year", "row", "part", "train"])
def test_each_way_to_split_gives_the_same(way, timeglass, tmp_path):
    later = only_later(GOOD)
    options = {"forecasts": [], "date": ["--split", "2019-01"], "year": ["--split", "2019"], "row": ["--split", "49"],
               "part": ["--part", "part"], "train": ["--train", "train.csv"]}[way]  # fmt: skip
    if way == "train":
        write(tmp_path, {"y": VALUES[FIRST:], "nn": GOOD[FIRST:]}, FIRST)
        (tmp_path / "train.csv").write_text(
            "month,y\n" + "".join(f"{m},{v}\n" for m, v in zip(MONTHS[:FIRST], VALUES[:FIRST], strict=True))
        )
    elif way == "part":
        write(tmp_path, {"y": VALUES, "nn": later, "part": ["train"] * FIRST + ["test"] * (ROWS - FIRST)})
    else:
        write(tmp_path, {"y": VALUES, "nn": later if way == "forecasts" else GOOD})
    done = timeglass("audit", "data.csv", *options, "--period", "12", *COVERING)
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "data.csv, nn: 48 training rows, 24 test rows, 1 forecast of each"
    assert lines[2] == "In order (6)"
    error = np.abs(GOOD[FIRST : ROWS - 3] - VALUES[FIRST : ROWS - 3]).mean()
    assert f"(mean absolute error {error:.4g})" in done.stdout
    assert lines[-1] == "0 of 6 checks found something; 6 more could not be made."


@pytest.mark.parametrize(
    "split", ["2024-03-03", "2024-03-03T00:00+02:00", "49"], ids=["the day", "the hour", "the number"]
)
def test_hours_with_an_offset_are_split_as_they_are_written(split, timeglass, tmp_path):
    rows = [f"2024-03-{1 + i // 24:02d}T{i % 24:02d}:00:00+02:00,{VALUES[i]},{GOOD[i]}\n" for i in range(ROWS)]
    (tmp_path / "hours.csv").write_text("ds,y,nn\n" + "".join(rows))
    done = timeglass("audit", "hours.csv", "--split", split)
    assert done.returncode == 0
    assert done.stdout.startswith("hours.csv, nn: 48 training rows, 24 test rows")
    none = timeglass("audit", "hours.csv", "--split", "2025")
    assert "the first test row by its date, 2024-03-01T01:00+02:00 to 2024-03-03T23:00+02:00, or by" in none.stderr


def test_what_is_found_is_said_and_ends_with_1(timeglass, tmp_path):
    write(tmp_path, {"y": VALUES, "nn": only_later(LATE)})
    low, high = f"{VALUES.min()}", f"{VALUES.max()}"
    done = timeglass("audit", "data.csv", "--scaler-min", low, "--scaler-max", high, "--period", "7")
    assert done.returncode == 1
    assert "Found (3)" in done.stdout
    assert "scaler_saw_test: The scaler saw the test part: its maximum 75 is that of 2020-04, " in done.stdout
    assert "target_misaligned: The forecasts fit the values 2 rows before better than their own" in done.stdout
    assert "claimed_season: The training rows have no season of 7 rows" in done.stdout
    assert "(mean absolute error" in done.stdout
    assert "2019-01 to 2020-12" in done.stdout


def test_json_holds_the_same_and_each_column_by_itself(timeglass, tmp_path):
    write(tmp_path, {"y": VALUES, "good": GOOD, "late": LATE})
    done = timeglass("audit", "data.csv", "--split", "2019-01", "--json")
    report = strict_json(done.stdout)
    assert (done.returncode, report["found"], report["source"]) == (1, 1, "data.csv")
    found = {one["forecast"]: [each["check"] for each in one["checks"] if each["found"]] for one in report["audits"]}
    assert found == {"good": [], "late": ["target_misaligned"]}
    chosen = timeglass("audit", "data.csv", "--split", "2019-01", "--predictions", "good")
    assert chosen.returncode == 0


def test_columns_of_several_seeds_are_judged_together(timeglass, tmp_path):
    rng = np.random.default_rng(3)
    seeds = {f"s{k}": (VALUES + rng.normal(0, 1 + k, ROWS)).round(4) for k in range(6)}
    write(tmp_path, {"y": VALUES, **seeds})
    errors = [float(np.sqrt(np.mean((s - VALUES)[FIRST:] ** 2))) for s in seeds.values()]
    options = ["audit", "data.csv", "--split", "49", "--seeds", "--json", "--reported-error"]
    lucky = checks(timeglass(*options, f"{min(errors):.5f}").stdout)["lucky_seed"]
    assert lucky["found"]
    assert lucky["numbers"]["median"] == pytest.approx(np.median(errors))
    honest = timeglass(*options, f"{np.median(errors):.5f}")
    assert not checks(honest.stdout)["lucky_seed"]["found"]


def test_options_reach_their_checks(timeglass, tmp_path):
    write(tmp_path, {"y": VALUES, "nn": GOOD})
    done = timeglass(
        "audit", "data.csv", "--split", "49", "--weights", "19", "--windows", "4", "--time-steps", "12",
        "--activation", "tanh", *COVERING, "--json", "--reported-error",
        f"{np.abs(GOOD - VALUES)[FIRST:].mean() / np.ptp(VALUES[:FIRST]):.6f}",
    )  # fmt: skip
    found = checks(done.stdout)
    assert found["few_windows"]["numbers"] == {"windows": 4, "weights": 19}
    assert found["unused_windows"]["numbers"] == {"used": 4, "possible": 36}
    assert found["saturated_output"]["numbers"]["test_values_beyond"] == (VALUES[FIRST:] > VALUES[:FIRST].max()).sum()
    assert "is the MAE in scaled units" in found["scaled_units"]["sentence"]
    moments = ["--scaler-mean", f"{VALUES.mean()}", "--scaler-std", f"{VALUES.std()}"]
    seen = checks(timeglass("audit", "data.csv", "--split", "49", "--json", *moments).stdout)["scaler_saw_test"]
    assert seen["found"]
    assert seen["numbers"]["kind"] == "moments"


def test_a_table_without_forecasts_is_audited_as_data(timeglass, tmp_path):
    write(tmp_path, {"y": VALUES})
    done = timeglass("audit", "data.csv", "--split", "49", "--period", "12")
    assert done.returncode == 0
    assert done.stdout.startswith("data.csv: 48 training rows, 24 test rows, no forecasts\n")


# ---- bad input ends with 2 and one line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "which rows are for testing? Give --split DATE, --part COLUMN, or --train FILE"),
        (["--split", "2019-01", "--part", "p"], "--split and --part: each says which rows are for training"),
        (["--split", "2031-01"], "--split 2031-01: expected the first test row by its date, 2015-02 to 2020-12"),
        (["--split", "1"], "--split 1: expected the first test row"),
        (["--split", "49", "--scaler-min", "1"], "--scaler-min and --scaler-max: expected both, or neither"),
        (["--split", "49", "--scaler-min", "3", "--scaler-max", "1"], "--scaler-min 3 and --scaler-max 1: "),
        (["--split", "49", "--scaler-min", "3", "--scaler-std", "1"], "a scaler has either limits or a mean"),
        (["--split", "49", "--horizon", "0"], "--horizon: expected a whole number of at least 1, got 0"),
        (["--split", "49", "--period", "0"], "--period 0: expected a whole number of at least 1"),
        (["--split", "49", "--activation", "tan"], "--activation: expected one of elu, "),
        (["--split", "49", "--reported-error", "nan"], "--reported-error: expected a finite number"),
        (["--split", "49", "--time-steps", "-2"], "--time-steps: expected a whole number of at least 1, got -2"),
        (["--split", "49", "--predictions", "nm"], "--predictions nm: no such column of forecasts: there are 'y'"),
        (["--split", "49", "--value", "z"], "no column 'z' of numbers for --value: there are 'y', 'nn'"),
        (["--split", "49", "--id", "nn"], "--id: an audit is of one series"),
        (["--part", "half"], "column 'half' says 'a', 'b': expected train and test (--part)"),
        (["--part", "mixed"], "column 'mixed' mixes train and test: expected all training rows before the test rows"),
        (["--train", "data.csv"], "the training rows end with 2020-12, but data.csv:2:2 begins with 2015-01"),
        (["--train", "none.csv"], "no file none.csv"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(options, words, timeglass, tmp_path):
    halves = ["a"] * FIRST + ["b"] * (ROWS - FIRST)
    write(tmp_path, {"y": VALUES, "nn": GOOD, "half": halves, "mixed": ["train", "test"] * (ROWS // 2)})
    for more in ([], ["--json"]):
        done = timeglass("audit", "data.csv", *options, *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr


def test_a_test_row_without_a_forecast_is_named(timeglass, tmp_path):
    write(tmp_path, {"y": VALUES, "nn": only_later(GOOD)})
    done = timeglass("audit", "data.csv", "--split", "2018-11")
    assert done.returncode == 2
    assert "data.csv:48:2: column 'nn' has no forecast of 2018-11, one of 2 test rows without" in done.stderr


def test_hostile_names_move_no_cursor(timeglass, tmp_path):
    write(tmp_path, {"y": VALUES, "\x1b[31m": GOOD})
    for more in ([], ["--json"]):
        done = timeglass("audit", "data.csv", "--split", "49", *more)
        assert done.returncode == 0
        assert all(line.isprintable() for line in done.stdout.splitlines())
    assert json.loads(done.stdout)["audits"][0]["forecast"] == "\\x1b[31m"


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_what_is_missing_is_named_by_its_option(more, timeglass, tmp_path):
    write(tmp_path, {"y": VALUES, "nn": GOOD})
    done = timeglass("audit", "data.csv", "--split", "49", "--activation", "sigmoid", *more)
    assert done.returncode == 0
    for words in (
        "what the scaler has learned (--scaler-min and --scaler-max, or --scaler-mean and --scaler-std)",
        "the weights that are learned (--weights) and the training windows (--windows)",
        "the number and length of the training windows (--windows, --time-steps)",
        "the rows of the season that the forecasts count on (--period)",
        "at least 3 seeds (a column for each, --seeds)",
        "the function that learns from all rows (in Python: Evidence(learn=…))",
    ):
        assert words in done.stdout
    scaled = timeglass("audit", "data.csv", "--split", "49", "--scaler-min", "0", "--scaler-max", "90", *more)
    assert "come neither from the training rows nor from all rows; give a table in the units that it takes" in (
        scaled.stdout
    )
    bare = timeglass("audit", "data.csv", "--split", "49", "--predictions", "", "--scaler-max", f"{VALUES.max()}",
                     "--scaler-min", f"{VALUES[:FIRST].min()}", *more)  # fmt: skip
    assert "is that of 2020-04, the training rows' is" in bare.stdout
    assert "fit it on the training rows alone" in bare.stdout
    assert "forecasts of the test rows (columns beside the values, --predictions)" in bare.stdout
    for ran in (done, scaled, bare):
        assert "y_train" not in ran.stdout
        assert "y_test" not in ran.stdout


def test_values_too_large_are_named_by_their_part(timeglass, tmp_path):
    write(tmp_path, {"y": ["1e200", "2e200"] * (ROWS // 2), "nn": GOOD})
    done = timeglass("audit", "data.csv", "--split", "49")
    assert (done.returncode, done.stdout) == (2, "")
    assert "data.csv: the training rows: values beyond 1e+150 have no squares in a double" in done.stderr


def test_a_bundled_series_is_called_by_its_name(timeglass):
    assert timeglass("audit", "nile").stderr.startswith("timeglass: the bundled nile.csv: which rows are for testing?")
    done = timeglass("audit", "nile", "--split", "1950")
    assert done.stdout.startswith("the bundled nile.csv: 79 training rows, 21 test rows, no forecasts")


# ---- a saved forecaster


def saved(path: Path, hidden_units: int = 2) -> Forecaster:
    quick = Networks(hidden_units=hidden_units, count=2, epochs=1, time_steps=4)
    made = Forecaster(2, 12, networks=quick).fit(VALUES)
    made.save(path / "made.safetensors")
    return made


def test_a_saved_forecasters_audit_is_that_of_its_fit(timeglass, tmp_path):
    made = saved(tmp_path, 16)
    found = {each.name: each.sentence for each in made.audit_ if each.found}
    assert "few_windows" in found
    done = timeglass("audit", "made.safetensors")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "made.safetensors: a forecaster of 1 series, 72 rows, fitted for 2 rows ahead", "", f"Found ({len(found)})",
    ]  # fmt: skip
    assert f"  few_windows: {found['few_windows']}" in lines
    assert lines[-1] == f"{len(found)} of {len(made.audit_)} checks found something."
    shown = timeglass("audit", "made.safetensors", "--json")
    assert shown.returncode == 1
    report = strict_json(shown.stdout)
    assert (report["found"], report["audits"][0]["rows"]) == (len(found), ROWS)
    assert [(each["check"], each["numbers"]) for each in report["audits"][0]["checks"]] == [
        (each.name, dict(each.numbers)) for each in made.audit_
    ]


def test_a_saved_forecaster_in_order_ends_with_0(timeglass, tmp_path):
    made = saved(tmp_path)
    made.audit_ = tuple(replace(each, found=False) for each in made.audit_)
    made.save(tmp_path / "made.safetensors")
    done = timeglass("audit", "made.safetensors")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"In order ({len(made.audit_)})" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["made.safetensors", "--split", "3"], "--split: a saved forecaster is audited with the rows it was fitted on"),
        (["made.safetensors", "--no-header"], "--header: a saved forecaster is audited with the rows it was fitted on"),
        (["made.safetensors", "--horizon", "1"], "--horizon: a saved forecaster is audited"),
        (["mad.safetensors"], "no file mad.safetensors; that folder has made.safetensors"),
        (["http://127.0.0.1:9/made.safetensors"], "a saved forecaster is read from a file: fetch it first"),
        (["table.safetensors"], "table.safetensors: it is no model file"),
    ],
)
def test_what_is_no_saved_forecaster(arguments, words, timeglass, tmp_path):
    saved(tmp_path)
    (tmp_path / "table.safetensors").write_text("month,y\n2015-01,3\n")
    done = timeglass("audit", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
