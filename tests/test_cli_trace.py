"""`timeglass trace` and `timeglass prove`: a saved model's forecasts, opened and proved."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from live import live_keras
from networks import needs_kernel

import timeglass as tg
from timeglass.cells import simple_rnn
from timeglass.cells.recurrent import Cell
from timeglass.explain import proof, series_proof
from timeglass.prepare.scale import MinMaxScaler

STEPS = 4


def saved(folder, name="model.json", networks=2, scaler=True, layers=None):
    model = tg.Sequential(layers or [tg.SimpleRNN(2, input_shape=(STEPS, 1)), tg.Dense(1)], networks=networks, seed=3)
    model.compile("adam", "mse")
    model.save(folder / name, MinMaxScaler(10.0, 30.0) if scaler else None)
    return model


@pytest.fixture
def series(tmp_path):
    """Twenty months from 2020-01 on."""
    values = 20 + 8 * np.sin(np.arange(20) / 3)
    months = [f"{2020 + i // 12}-{i % 12 + 1:02d}" for i in range(20)]
    rows = "".join(f"{month},{value:.3f}\n" for month, value in zip(months, values, strict=True))
    (tmp_path / "series.csv").write_text("month,y\n" + rows)
    return np.round(values, 3)


SAID = (
    "timeglass: series.csv: times are in column 'month' (--time)\ntimeglass: series.csv: a row every month (--freq)\n"
)


def test_a_window_is_opened_in_the_series_own_units(timeglass, tmp_path):
    model = saved(tmp_path)
    done = timeglass("trace", "model.json", "--input", "12,15,20,25", "--network", "1")
    assert (done.returncode, done.stderr) == (0, "")
    scaled = np.array([0.1, 0.25, 0.5, 0.75])
    forecast = float(model.predict(scaled[None, :, None])[1, 0, 0])
    assert "Model     SimpleRNN(2), Dense(1): 11 weights, network 1 of 2 (numbered from 0)" in done.stdout
    assert "Window    1 to 4: 12, 15, 20, 25" in done.stdout
    assert "Scaled    (value − 10) / (30 − 10): 0.1, 0.25, 0.5, 0.75" in done.stdout
    line = next(line for line in done.stdout.splitlines() if line.startswith("Forecast"))
    shown = line.split(": ")[1].replace("−", "-").split(" ")[0]
    assert float(shown) == pytest.approx(10 + 20 * forecast, rel=1e-4)
    h = model.trace(scaled[None, :, None], network=1)["simple_rnn.h"][0]
    assert f"{h[3, 1]:.5g}".replace("-", "−") in done.stdout


def test_a_date_is_opened_with_its_way_back(timeglass, tmp_path, series):
    model = saved(tmp_path, "model.safetensors")
    done = timeglass(
        "trace", "model.safetensors", "--data", "series.csv", "--date", "2020-08", "--backward", "--formulas"
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, SAID)
    x, y = (series[3:7] - 10) / 20, (series[7] - 10) / 20
    assert "Window    2020-04 to 2020-07: " in done.stdout
    assert f"; it was {series[7]:.5g}\n" in done.stdout
    loss = float(model.trace(x[None, :, None], [y]).losses[0])
    assert f"Loss      {loss:.8g}, the mean squared error" in done.stdout
    assert "h4[1] = tanh(" in done.stdout
    assert "And back:\ndy[0] = 2·(" in done.stdout
    assert "dwh[1,0] = " in done.stdout
    assert "by finite difference " in done.stdout
    assert done.stdout.rstrip().endswith("all gradients hold")
    # The month after the last is the one that is opened unless told.
    assert "Forecast  2021-09: " in timeglass("trace", "model.safetensors", "--data", "series.csv").stdout


@needs_kernel
def test_what_the_kernel_recorded(timeglass, tmp_path):
    saved(tmp_path)
    done = timeglass(
        "trace", "model.json", "--input", "12,15,20,25", "--engine", "lanes", "--backward", "--target", "22"
    )  # fmt: skip
    assert done.returncode == 0
    assert "By        the compiled kernel, in float32" in done.stdout
    assert "all gradients hold" in done.stdout


def test_json_alone_stands_on_standard_output(timeglass, tmp_path):
    model = saved(tmp_path, scaler=False)
    done = timeglass(
        "trace", "model.json", "--input", "0.1,0.2,-3e-1,0.4", "--target", "0.5", "--backward", "--json",
        "--xlsx", "a.xlsx", "--svg", "a.svg",
    )  # fmt: skip
    found = json.loads(done.stdout)
    trace = model.trace([[[0.1], [0.2], [-0.3], [0.4]]], [0.5])
    assert found["trace"]["arrays"]["simple_rnn.h"]["values"] == trace["simple_rnn.h"].tolist()
    assert found["forecast"] == [float(trace.forecasts[0, 0])]
    assert (found["actual"], found["scaler"], found["networks"]) == ([0.5], None, 2)
    assert done.stderr == "Written   a.xlsx\nDrawn     a.svg\n"
    assert (tmp_path / "a.xlsx").read_bytes()[:2] == b"PK"
    assert (tmp_path / "a.svg").read_text().startswith("<svg ")


def test_latex_is_one_block_for_each_way(timeglass, tmp_path):
    saved(tmp_path)
    done = timeglass("trace", "model.json", "--input", "12,15,20,25", "--latex", "--layer", "simple_rnn", "--step", "1")
    lines = done.stdout.splitlines()
    assert (lines[0], lines[-1]) == (r"\begin{gather*}", r"\end{gather*}")
    assert lines[1].startswith(r"  h_{1,0} = \tanh\left(0.1 \cdot ")
    assert lines[1].endswith(r" \\")
    assert len(lines) == 4
    both = timeglass("trace", "model.json", "--input", "12,15,20,25", "--target", "20", "--latex", "--backward").stdout
    assert both.count(r"\begin{gather*}") == 2


def test_the_terminals_width_is_kept(timeglass, tmp_path, monkeypatch):
    saved(tmp_path, layers=[tg.LSTM(9, input_shape=(STEPS, 1)), tg.Dense(1)], networks=1)
    monkeypatch.setenv("COLUMNS", "60")
    done = timeglass("trace", "model.json", "--input", "12,15,20,25", "--formulas")
    assert max(map(len, done.stdout.split("lstm, its states")[1].splitlines())) <= 60
    assert "lstm, its states (the first 3 of 9 units):" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--input", "1,2"], "--input: 2 numbers given, but the model's window has 4 (4 steps)"),
        (["--input", "1,2,3_0,4"], "--input: '3_0' is not a finite number"),
        (["--input", "1,2,3,4", "--json", "--step", "1"], "--json gives the whole trace: leave out --formulas,"),
        (["--input", "1,2,3,4", "--output", "1"], "output 1: the network has outputs 0 to 0"),
        (["--input", "1,2,3,4", "--svg", ""], "--svg : expected the name of a file"),
        (["--input", "1,2,x,4"], "--input: 'x' is not a finite number: write them like 1,2.5,-3"),
        (["--input", "1,2,nan,4"], "--input: 'nan' is not a finite number: write them like 1,2.5,-3"),
        (["--input", "1,2,3,4", "--date", "2020-01"], "--input gives the window itself: leave out --date and --data"),
        (["--input", "1,2,3,4", "--backward"], "--backward: what came after the window is not known: give it"),
        (["--input", "1,2,3,4", "--target", "1,2"], "--target: 2 targets given, but the network's loss compares 1"),
        (["--input", "1,2,3,4", "--network", "2"], "--network: expected 0 to 1, got 2"),
        (["--input", "1,2,3,4", "--layer", "gru"], "layer gru: this network has simple_rnn, dense"),
        (["--input", "1,2,3,4", "--step", "5"], "step 5: expected a time step from 1 to 4"),
        (["--input", "1,2,3,4", "--unit", "2"], "unit 2: simple_rnn and dense have units 0 to 1"),
        (["--input", "1,2,3,4", "--engine", "keras"], "--engine keras: expected numpy or lanes"),
        (["--data", "series.csv", "--date", "2020-03"], "with 4 rows before it: choose 2020-05 to 2021-09, written"),
        (["--data", "nothing.csv"], "no file nothing.csv"),
        (["--input", "1,2,3,4", "--xlsx", "no/such/a.xlsx"], "no/such"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_refused_in_one_line(timeglass, tmp_path, series, arguments, words):
    saved(tmp_path)
    done = timeglass("trace", "model.json", *arguments)
    assert done.returncode == 2
    message = done.stderr.removeprefix(SAID if "series.csv" in arguments else "")
    assert words in message
    assert message.startswith("timeglass: ")
    assert message.count("\n") == 1


def test_a_model_that_is_none(timeglass, tmp_path):
    assert "no file a.json" in timeglass("trace", "a.json").stderr
    (tmp_path / "a.json").write_text("{}")
    for command in ("trace", "prove"):
        done = timeglass(command, "a.json")
        assert (done.returncode, done.stdout) == (2, "")
        assert "a.json: " in done.stderr
    saved(tmp_path, "two.json", layers=[tg.GRU(2, input_shape=(STEPS, 2)), tg.Dense(1)])
    assert "have 2 features: use --input" in timeglass("trace", "two.json").stderr
    assert "have 2 features, a series has one" in timeglass("prove", "two.json").stderr
    done = timeglass("trace", "two.json", "--input", "1,2,3,4,5,6,7,8")
    assert done.returncode == 0
    assert "feature 1" in done.stdout


# The proof


@needs_kernel
def test_every_forecast_of_a_series_is_proved(timeglass, tmp_path, series):
    model = saved(tmp_path)
    done = timeglass("prove", "model.json", "series.csv", "--by", "lanes,definition", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["holds"], found["forecasts"]) == (0, True, 2 * 17)
    assert found["differences"]["definition"] < 1e-14
    assert found["recorded"]["recorded forecast"] == 0.0
    # The last window, whose forecast is not known yet, is among them.
    table = series_proof.prove_series(tg.load_model(tmp_path / "model.json"), _read(tmp_path), ["definition"])
    last = (series[-STEPS:] - 10) / 20
    expected = model.predict(last[None, :, None])[:, 0]
    assert np.abs(table.forecasts["plain"][:, -1] - expected).max() < 1e-6


def _read(folder):
    from timeglass.read.reading import read_series

    return read_series(str(folder / "series.csv"))


def test_parts_of_a_series_make_one_table(tmp_path, series, monkeypatch):
    model = saved(tmp_path)
    model.scaler = MinMaxScaler(10.0, 30.0)
    whole = series_proof.prove_series(model, _read(tmp_path), ["definition"])
    monkeypatch.setattr(series_proof, "_MOST_NUMBERS", 1)
    told = []
    parts = series_proof.prove_series(model, _read(tmp_path), ["definition"], on_progress=told.append)
    assert all(np.array_equal(parts.forecasts[way], whole.forecasts[way]) for way in whole.forecasts)
    assert parts.count == whole.count == 34


@needs_kernel
def test_a_proof_that_fails_ends_with_one(timeglass, tmp_path, series, monkeypatch):
    saved(tmp_path)
    done = timeglass("prove", "model.json", "series.csv", "--by", "definition", "--tolerance", "0")
    assert done.returncode == (0 if "the proof holds" in done.stdout else 1)
    right = proof._engines

    def wrong(*given):
        made = right(*given).copy()
        made[1, 5] = math.nan
        return made

    monkeypatch.setattr(proof, "_engines", wrong)
    done = timeglass("prove", "model.json", "series.csv", "--by", "lanes")
    assert done.returncode == 1
    assert done.stdout.rstrip().endswith("the proof FAILS")
    found = json.loads(timeglass("prove", "model.json", "series.csv", "--by", "lanes", "--json").stdout)
    assert (found["holds"], found["differences"]["lanes"]) == (False, None)


@live_keras
def test_keras_is_among_the_ways_where_it_is_installed(timeglass, tmp_path, series):
    saved(tmp_path, networks=1)
    done = timeglass("prove", "model.json", "series.csv")
    assert done.returncode == 0
    assert "  keras  " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--by", "torch"], "prove ways: expected some of lanes, numpy, keras, definition, got 'torch'"),
        (["--tolerance", "-1"], "--tolerance -1: expected a number of at least 0"),
        (["--tolerance", "nan"], "--tolerance nan: expected a number of at least 0"),
    ],
)
def test_a_proof_that_cannot_be_asked_for(timeglass, tmp_path, series, arguments, words):
    saved(tmp_path)
    done = timeglass("prove", "model.json", "series.csv", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_too_short_a_series(timeglass, tmp_path):
    saved(tmp_path)
    (tmp_path / "short.csv").write_text("month,y\n2020-01,1\n2020-02,2\n")
    for command in (["trace", "model.json", "--data", "short.csv"], ["prove", "model.json", "short.csv"]):
        done = timeglass(*command)
        assert done.returncode == 2
        assert "2 rows, but the model's window has 4: give more rows" in done.stderr


def test_a_wrong_gradient_ends_with_one(timeglass, tmp_path, monkeypatch):
    saved(tmp_path)
    given = ["trace", "model.json", "--input", "12,15,20,25", "--target", "22", "--backward"]
    assert timeglass(*given).returncode == 0
    right = simple_rnn.CELL.step_backward

    def wrong(*arguments):
        dx, d, dw = right(*arguments)
        return dx, {"h": 1.01 * d["h"]}, dw

    monkeypatch.setattr(simple_rnn, "CELL", Cell(("h",), simple_rnn.step, wrong))
    done = timeglass(*given)
    assert done.returncode == 1
    assert "WRONG: simple_rnn.dwx" in done.stdout


def test_nothing_is_written_where_a_place_is_wrong(timeglass, tmp_path):
    saved(tmp_path)
    done = timeglass("trace", "model.json", "--input", "1,2,3,4", "--xlsx", "a.xlsx", "--svg", "no/a.svg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--svg no/a.svg: there is no folder no: make it first" in done.stderr
    assert not (tmp_path / "a.xlsx").exists()
    done = timeglass("sunspots", "--no-plot", "--save", "model.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--save model.txt: expected a name that ends in .safetensors or .json" in done.stderr


def test_a_network_of_means_and_deviations(timeglass, tmp_path):
    model = tg.Sequential([tg.SimpleRNN(2, input_shape=(STEPS, 1)), tg.Dense(2)], seed=3)
    model.compile("adam", tg.GaussianLikelihood())
    model.save(tmp_path / "model.json", MinMaxScaler(10.0, 30.0))
    mean, log = model.predict([[[0.1], [0.25], [0.5], [0.75]]])[0].astype(float)
    lines = timeglass("trace", "model.json", "--input", "12,15,20,25").stdout.splitlines()
    line = next(line for line in lines if line.startswith("Forecast"))
    numbers = [float(found.replace("−", "-")) for found in re.findall(r"[−\d][\d.e−]*", line)]
    assert numbers == pytest.approx([10 + 20 * mean, 20 * math.exp(log / 2), mean, log], rel=1e-4)


def test_sequences_stand_step_by_step_and_a_date_is_no_target_of_theirs(timeglass, tmp_path, series):
    layers = [tg.GRU(2, return_sequences=True, input_shape=(STEPS, 1)), tg.Dense(1)]
    saved(tmp_path, layers=layers, networks=1)
    done = timeglass("trace", "model.json", "--data", "series.csv", "--date", "2020-08")
    assert done.returncode == 0
    assert ", step by step\n" in done.stdout
    assert "  output 3: the forecast is " in done.stdout
    assert "  output 1: " in timeglass("trace", "model.json", "--data", "series.csv", "--output", "1").stdout


def test_what_is_not_finite_and_names_that_would_move_the_cursor(timeglass, tmp_path):
    twelve = ",".join(["20"] * 12)
    layers = [tg.SimpleRNN(1, "linear", input_shape=(12, 1), name="a\u202eb\x1b[31m"), tg.Dense(1)]
    model = saved(tmp_path, layers=layers, networks=1)
    done = timeglass("trace", "model.json", "--input", twelve)
    assert "a\\u202eb\\x1b[31m, its states:" in done.stdout
    assert not set(done.stdout) & {"\x1b", "\u202e"}
    model.weight_rows = np.full_like(model.weight_rows, 3e38)
    model.save(tmp_path / "model.json")
    for more in ([], ["--json"], ["--target", "1", "--backward"]):
        done = timeglass("trace", "model.json", "--input", twelve, *more)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is not finite: scale the data to about -1 … 1, or train the network anew" in done.stderr
        assert done.stderr.count("\n") == 1
