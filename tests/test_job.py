"""The sunspots job: every figure that can be worked out beforehand, and the others within their bounds."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from typing import NamedTuple

import numpy as np
import pytest
from test_bad_input import ROWS, SMALL, YEARS, table

from timeglass import OptionError
from timeglass.evaluate.metrics import root_mean_squared_error
from timeglass.kernel.library import load
from timeglass.tutorial import JobOptions, JobResult, plan_job, run_job
from timeglass.tutorial.report import plan_lines, result_json, result_lines


@pytest.fixture(scope="module")
def result() -> JobResult:
    return run_job(plan_job(JobOptions(engine="lanes")))


def test_the_plan_is_the_tutorials(result: JobResult) -> None:
    plan = result.plan
    assert (len(plan.series), plan.train_rows, len(plan.test.values)) == (2820, 2256, 564)
    assert (len(plan.train.windows.y), len(plan.test.windows.y)) == (187, 46)
    assert plan.model.count_params() == 19
    assert (plan.scaler.low, plan.scaler.high) == (0.0, 253.8)


def test_the_plan_in_words(result: JobResult) -> None:
    *lines, engine = plan_lines(result.plan, width=200)
    assert engine == f"Engine    lanes, {load().instruction_set}"
    assert lines == [
        "Data      the bundled sunspots.csv, column Sunspots: 2,820 rows, 1749-01 to 1983-12",
        "Split     80% to train, the rest to test: 2,256 and 564 rows; the test part begins at 1937-01",
        "Windows   12 steps and the value after them, not overlapping: 187 to train, 46 to test",
        "Network   SimpleRNN 3 tanh → Dense 1 tanh, 19 weights",
        "Training  16 networks, each with its own start and shuffle: 20 epochs, batch size 1, Adam, "
        "mean squared error; seed 0",
    ]


@pytest.mark.parametrize(
    ("key", "error"),
    [
        ("last_value", 0.0796),
        ("mean_of_last_3", 0.0807),
        ("season_ago", 0.1490),
        ("least_squares", 0.0781),
        ("least_squares_all", 0.0777),
    ],
)
def test_the_baselines_reach_the_known_errors(result: JobResult, key: str, error: float) -> None:
    baseline = next(b for b in result.baselines if b.key == key)
    assert baseline.test_error == pytest.approx(error, abs=0.00005)


def test_sixteen_networks_learn(result: JobResult) -> None:
    train, test = result.scores
    assert train.networks.shape == (16,)
    assert result.losses.shape == (16, 20)
    assert (result.losses[:, -1] < 0.5 * result.losses[:, 0]).all()
    assert 0.055 < train.median < 0.065  # the tutorial printed 0.058 for one unpublished seed
    assert 0.07 < test.median < 0.10  # and 0.077
    assert train.best < train.median < train.worst
    assert len(np.unique(train.networks)) == 16


def test_the_ensemble_is_the_mean_of_the_networks(result: JobResult) -> None:
    mean = result.forecasts[1].astype(np.float64).mean(axis=0)
    assert result.scores[1].ensemble == float(root_mean_squared_error(result.plan.test.windows.y, mean))
    assert result.scores[1].ensemble <= float(np.sqrt(np.mean(result.scores[1].networks ** 2)))


def test_the_proof_covers_all_forecasts(result: JobResult) -> None:
    assert result.proof.network.shape == (16, 187 + 46, 1)
    assert result.proof.holds
    assert result.proof.max_abs_difference < 5e-7


def test_the_five_findings_carry_their_numbers(result: JobResult) -> None:
    found = {f.name: f.numbers for f in result.findings if f.found}
    assert set(found) == {
        "no_better_than_nothing", "scaler_saw_test", "claimed_cycle", "unused_windows", "output_bounded",
    }  # fmt: skip
    assert found["scaler_saw_test"]["maximum"] == 253.8
    assert found["scaler_saw_test"]["maximum_at"] == "1957-10"
    assert found["scaler_saw_test"]["train_maximum"] == 238.9
    assert found["claimed_cycle"]["peak"] == pytest.approx(126, abs=2)
    assert found["unused_windows"] == {"used": 187, "possible": 2244, "weights": 19}
    assert found["output_bounded"]["limit"] == pytest.approx(253.8)
    assert found["output_bounded"]["test_values_beyond_train_limit"] == 2


def test_the_verdict_is_not_shown(result: JobResult) -> None:
    assert result.verdict.outcome == "not shown"
    assert result.verdict.low < 0 < result.verdict.high


def test_the_report_prints_the_numbers(result: JobResult) -> None:
    text = "\n".join(result_lines(result, width=100))
    test = result.scores[1]
    assert f"{test.median:.4f}" in text
    assert f"{test.ensemble * 253.8:.4g}" in text
    assert "Prediction from network" in text
    assert "Prediction from our computation" in text
    assert "Not shown to be better than doing nothing" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_json_is_whole_and_finite(result: JobResult) -> None:
    data = json.loads(json.dumps(result_json(result, []), allow_nan=False))
    assert data["rows"] == 2820
    assert data["windows"] == {"train": 187, "test": 46}
    assert (data["weights"], data["networks"]) == (19, 16)
    assert data["fit_seconds"] > 0
    assert set(data["rmse"]["test"]) == {"median", "best", "worst", "ensemble"}
    assert data["rmse_original"]["test"]["median"] == pytest.approx(data["rmse"]["test"]["median"] * 253.8)
    assert data["baselines"]["last_value"]["test"] == pytest.approx(0.0796, abs=0.00005)
    assert data["proof"]["max_abs_difference"] == result.proof.max_abs_difference
    assert [f["found"] for f in data["findings"]] == [True] * 5


@pytest.mark.slow
def test_the_same_seed_gives_the_same_job_on_every_engine(result: JobResult) -> None:
    again = run_job(plan_job(JobOptions(engine="lanes")))
    assert again.forecasts[1].tobytes() == result.forecasts[1].tobytes()
    options = JobOptions(networks=2, epochs=3)
    lanes, reference, keras = (
        run_job(plan_job(JobOptions(**{**vars(options), "engine": engine}))) for engine in ("lanes", "numpy", "keras")
    )
    np.testing.assert_allclose(reference.forecasts[1], lanes.forecasts[1], atol=1e-5)
    np.testing.assert_allclose(keras.forecasts[1], lanes.forecasts[1], atol=1e-4)
    np.testing.assert_allclose(keras.losses, lanes.losses, atol=1e-5)


def test_a_lone_network_of_another_shape_runs_too() -> None:
    result = run_job(plan_job(JobOptions(networks=1, time_steps=5, hidden_units=7, epochs=2, split=0.5)))
    assert result.plan.model.count_params() == 7 + 49 + 7 + 7 + 1
    assert (len(result.plan.train.windows.y), len(result.plan.test.windows.y)) == (281, 281)
    assert result.scores[1].median == pytest.approx(result.scores[1].ensemble, rel=1e-6)
    assert next(b for b in result.baselines if b.key == "season_ago").train_error > 0


def test_quarters_and_years_are_not_called_months(tmp_path: object) -> None:
    for step, count in ((3, 200), (12, 150)):
        months = np.datetime64("1800-01", "M") + step * np.arange(count)
        path = f"{tmp_path}/{step}.csv"
        with open(path, "w", encoding="utf-8") as file:
            file.write("t,y\n" + "".join(f"{month}-01,{i * 7 % 13}\n" for i, month in enumerate(months)))
        result = run_job(plan_job(JobOptions(epochs=1, networks=1, time_steps=4), path))
        assert not result.plan.series.monthly
        text = "\n".join(result_lines(result, width=200))
        assert "value 12 rows before" in text
        assert "month" not in text


def test_all_five_checks_are_made_where_the_training_part_does_not_vary(tmp_path: object) -> None:
    path = f"{tmp_path}/flat.csv"
    with open(path, "w", encoding="utf-8") as file:
        file.write("t,y\n" + "".join(f"{i},{5 if i < 160 else 5 + i % 7}\n" for i in range(200)))
    result = run_job(plan_job(JobOptions(epochs=1, networks=2), path))
    assert len(result.findings) == 5
    json.dumps(result_json(result, []), allow_nan=False)


def test_better_data_give_a_better_verdict(tmp_path: object) -> None:
    # A cycle of 24 rows and no noise: the last value is a poor forecast, the network a good one.
    path = f"{tmp_path}/cycle.csv"
    t = np.arange(2400)
    with open(path, "w", encoding="utf-8") as file:
        file.write("t,y\n" + "".join(f"{i},{50 + 50 * np.sin(2 * np.pi * i / 25):.6f}\n" for i in t))
    result = run_job(plan_job(JobOptions(epochs=60), path))
    assert result.verdict.outcome == "better"
    found = {f.name: f.found for f in result.findings}
    assert found["unused_windows"]
    text = "\n".join(result_lines(result, width=200))
    assert "Better than doing nothing" in text
    assert plan_lines(result.plan, width=200)[0] == f"Data      {path}, column y: 2,400 rows, 0 to 2399"
    assert result.plan.series.origin.guesses[-1] == "times are whole numbers, 1 apart (--freq, --date-format)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split": 1.5}, "--split 1.5: expected a share between 0 and 1"),
        ({"time_steps": 0}, "--time-steps 0: expected a whole number from 1"),
        ({"networks": True}, "--networks True: expected a whole number"),
        ({"epochs": 2.5}, "--epochs 2.5: expected a whole number"),
        ({"seed": 2**64}, "expected a whole number from 0 to 2\\*\\*64 - 1"),
        ({"engine": "gpu"}, "--engine gpu: expected one of lanes, numpy, keras"),
    ],
)
def test_options_out_of_range_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        JobOptions(**options)  # type: ignore[arg-type]


# ---- one table in many forms: its values, their lines, and all that is said


VALUES = [i * 7 % 13 + 0.5 for i in range(60)]
AT = list(range(2, 62))
TIMES, MONTHLY = "times are in column 'Month' (--time)", "a row every month (--freq)"


def zipped(content: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner.csv", content)
    return packed.getvalue()


class Good(NamedTuple):
    """A file with the values of `table()`: the lines they come from, what is said, what `--strict` says."""

    name: str
    data: bytes | str
    guesses: tuple[str, ...] = (TIMES, MONTHLY)
    notes: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    lines: list[int] = AT
    strict: str = ""


SEMICOLONS = "fields are separated by ';' (--separator)"
COMMA = "the decimal mark is a comma, since '0,5' has no other reading (--decimal)"
GOOD = [
    Good("a plain one", table()),
    Good("semicolons", table().replace(",", ";"), (SEMICOLONS, TIMES, MONTHLY)),
    Good("decimal commas", table().replace(",", ";").replace(".5", ",5"), (SEMICOLONS, COMMA, TIMES, MONTHLY)),
    Good("tabs", table().replace(",", "\t"), ("fields are separated by a tab (--separator)", TIMES, MONTHLY)),
    Good("gzip", gzip.compress(table().encode()), notes=("unpacked from gzip",)),
    Good("bzip2", bz2.compress(table().encode()), notes=("unpacked from bzip2",)),
    Good("xz", lzma.compress(table().encode()), notes=("unpacked from xz",)),
    Good("a zip of one", zipped(table()), notes=("unpacked from zip",)),
    Good(
        "a row twice", table(rows=[*ROWS[:6], ROWS[5], *ROWS[6:]]),
        changes=("line 8 (1900-06), column 'Value': '9.5' → left out: the same as in line 7",),
        lines=[*range(2, 8), *range(9, 63)], strict=" lines 7 and 8 both say 1900-06, the same value: keep one",
    ),
    Good(
        "unsorted", table(L7=ROWS[6], L8=ROWS[5]),
        notes=("the rows stood out of order in 1 place, and were sorted (1900-06 comes after 1900-07 (line 7))",),
        lines=[*range(2, 7), 8, 7, *range(9, 62)], strict=" 1900-06 comes after 1900-07 (line 7): sort the rows",
    ),
    Good(
        "newest first", table(rows=ROWS[::-1]),
        notes=("the rows stood newest first, and were turned round (1904-11 comes after 1904-12 (line 2))",),
        lines=AT[::-1], strict=" 1904-11 comes after 1904-12 (line 2): sort the rows by date",
    ),
    Good(
        "years, newest first", table(header="Jahr,Wert", rows=YEARS[::-1]),
        ("times are read as years, since all lie from 1800 to 1859 (--date-format)",
         "times are in column 'Jahr' (--time)", "a row every year (--freq)"),
        ("the rows stood newest first, and were turned round (1858 comes after 1859 (line 2))",),
        lines=AT[::-1], strict=" 1858 comes after 1859 (line 2): sort the rows by date",
    ),
]  # fmt: skip


@pytest.mark.parametrize("case", GOOD, ids=[case.name for case in GOOD])
def test_read_and_said(case, timeglass, tmp_path, monkeypatch):
    (tmp_path / "data.csv").write_bytes(case.data if isinstance(case.data, bytes) else case.data.encode())
    command = ["sunspots", "--data", "data.csv", "--no-plot", "--time-steps", "3", "--epochs", "1", "--networks", "1"]
    done = timeglass(*command)
    assert done.returncode == 0
    assert done.stderr == "".join(f"timeglass: data.csv: {words}\n" for words in (*case.guesses, *case.changes))
    shown = " ".join(done.stdout.split())
    assert shown.count(" note: ") == len(case.notes)
    assert all(f" note: {note} " in shown for note in case.notes)
    monkeypatch.chdir(tmp_path)
    series = plan_job(JobOptions(**SMALL), "data.csv").series
    assert (series.values.tolist(), series.lines.tolist()) == (VALUES, case.lines)
    assert series.place(5) == f"data.csv:{case.lines[5]}:2"
    origin = series.origin
    assert (origin.guesses, origin.notes, tuple(map(str, origin.changes))) == (case.guesses, case.notes, case.changes)
    strict = timeglass(*command, "--strict")
    assert (strict.returncode, case.strict in strict.stderr) == (2 if case.strict else 0, True)
