"""`timeglass forecast` and `timeglass backtest`: what goes to standard output, what is said, and what is refused."""

from __future__ import annotations

import csv
import functools
import http.server
import io
import json
import sys
import threading

import numpy as np
import pandas as pd
import pytest

from timeglass.forecast import Forecaster

QUICK = ("--id", "shop", "--hidden-units", "2", "--networks", "4", "--epochs", "2")


@pytest.fixture
def table(tmp_path):
    """Two series of months, and their file's name."""
    rng = np.random.default_rng(0)
    frame = pd.concat(
        pd.DataFrame(
            {
                "shop": name,
                "when": pd.date_range("2020-01-01", periods=n, freq="MS").strftime("%Y-%m-%d"),
                "sold": (100 + rng.normal(size=n).cumsum()).round(3),
            }
        )
        for name, n in (("=north", 40), ("south", 30))
    )
    frame.to_csv(tmp_path / "shops.csv", index=False)
    return "shops.csv"


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_a_series_of_one_row_is_drawn_without_intervals(timeglass, tmp_path):
    rows = [f"long,2020-{month:02d},{month % 5}" for month in range(1, 13)]
    (tmp_path / "short.csv").write_text("\n".join(["shop,when,sold", "new,2020-01,5", *rows]) + "\n")
    ran = timeglass("forecast", "short.csv", "--horizon", "2", "--plot", "both.svg", *QUICK)
    assert ran.returncode == 0
    assert [row["timeglass-hi-80"] == "" for row in rows_of(ran.stdout)] == [True, True, False, False]
    assert ">80 % interval<" in (tmp_path / "both.svg").read_text(encoding="utf-8").replace("&#160;", " ")


def test_the_forecast_is_csv_on_standard_output(timeglass, table):
    ran = timeglass("forecast", table, "--horizon", "3", "--level", "50,90", *QUICK)
    assert ran.returncode == 0
    rows = rows_of(ran.stdout)
    assert list(rows[0]) == [
        "unique_id", "ds", "timeglass", "timeglass-lo-50", "timeglass-hi-50", "timeglass-lo-90", "timeglass-hi-90",
        "method",
    ]  # fmt: skip
    assert [row["ds"] for row in rows] == [
        "2023-05-01", "2023-06-01", "2023-07-01", "2022-07-01", "2022-08-01", "2022-09-01",
    ]  # fmt: skip
    assert rows[0]["unique_id"] == "'=north"  # no spreadsheet computes it
    for row in rows:
        ends = [float(row[f"timeglass-{end}"]) for end in ("lo-90", "lo-50", "hi-50", "hi-90")]
        assert ends == sorted(ends)
        assert 80 < float(row["timeglass"]) < 120


def test_what_is_said_goes_to_standard_error(timeglass, table):
    ran = timeglass("forecast", table, "--horizon", "3", *QUICK)
    said = ran.stderr
    assert "timeglass: intervals: promised 80 %, covered " in said
    assert "timeglass: verdict: too few held-back rows to tell: of " in said
    assert "timeglass: audit: " in said
    quiet = timeglass("forecast", table, "--horizon", "3", "--quiet", *QUICK)
    assert (quiet.stderr, quiet.stdout) == ("", ran.stdout)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_forecast_in_a_file(timeglass, table, tmp_path, ending):
    printed = rows_of(timeglass("forecast", table, "--horizon", "3", *QUICK).stdout)
    ran = timeglass("forecast", table, "--horizon", "3", "--out", f"made.{ending}", *QUICK)
    assert (ran.returncode, ran.stdout) == (0, "")
    assert f"timeglass: written to made.{ending}" in ran.stderr
    made = (
        pd.read_csv(tmp_path / "made.csv", float_precision="round_trip")
        if ending == "csv"
        else pd.read_parquet(tmp_path / "made.parquet")
    )
    np.testing.assert_array_equal(made["timeglass"], [float(row["timeglass"]) for row in printed])
    assert made["unique_id"].iloc[-1] == "south"


def test_json_holds_forecast_record_verdict_and_audit(timeglass, table):
    ran = timeglass("forecast", table, "--horizon", "2", "--json", *QUICK)
    found = json.loads(ran.stdout)
    assert (found["horizon"], found["season"], len(found["forecast"])) == (2, 12, 4)
    assert found["forecast"][0]["ds"] == "2023-05-01"
    assert {each["level"] for each in found["record"]} == {80, 95}
    assert {each["against"] for each in found["verdict"]} == {"naive", "seasonal naive", "drift", "mean", "AR"}
    assert {each["check"] for each in found["audit"]} >= {"few_windows", "lucky_seed", "held_back_leak"}
    weights = found["members"]["smoothing"]["weight"]
    assert 0 < weights["south"] < 1


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_picture(timeglass, table, tmp_path, ending):
    assert timeglass("forecast", table, "--horizon", "3", "--plot", f"made.{ending}", *QUICK).returncode == 0
    content = (tmp_path / f"made.{ending}").read_bytes()
    assert content.startswith(b"\x89PNG" if ending == "png" else b"<?xml")


def test_bundled_series_and_the_default_horizon(timeglass):
    ran = timeglass("forecast", "nile", *QUICK[2:])
    assert [row["ds"] for row in rows_of(ran.stdout)] == ["1971", "1972", "1973", "1974", "1975", "1976"]


def test_a_series_that_does_not_vary(timeglass, tmp_path):
    (tmp_path / "flat.csv").write_text("ds,y\n" + "".join(f"{1950 + i},5\n" for i in range(20)))
    ran = timeglass("forecast", "flat.csv", "--horizon", "2", *QUICK[2:])
    assert [(row["ds"], row["timeglass"], row["method"]) for row in rows_of(ran.stdout)] == [
        ("1970", "5", "constant"), ("1971", "5", "constant"),
    ]  # fmt: skip
    assert "timeglass: replaced: y: constant: no variation; nothing to learn" in ran.stderr


def test_a_fallback_is_said(timeglass, tmp_path):
    walk = np.random.default_rng(0).normal(size=300).cumsum()
    (tmp_path / "walk.csv").write_text("y\n" + "".join(f"{v!r}\n" for v in walk.tolist()))
    ran = timeglass("forecast", "walk.csv", "--horizon", "5", "--fallback")
    rows = rows_of(ran.stdout)
    assert {row["method"] for row in rows} == {"naive"}
    assert {float(row["timeglass"]) for row in rows} == {walk[-1]}
    assert "erred less over held-back rows" in ran.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--horizon", "0"), "--horizon must be a whole number of at least 1, got 0"),
        (("--horizon", "-3"), "--horizon must be a whole number of at least 1, got -3"),
        (("--horizon", "1000000000"), "more than the 100,000 steps"),
        (("--level", "80,x"), "--level 80,x: expected percentages such as 80,95"),
        (("--level", "0"), "--level: expected percentages from 1 to 99.9"),
        (("--season", "0"), "timeglass: --season: expected the rows in a season"),
        (("--hidden-units", "0"), "--hidden-units: expected a whole number from 1 to 1,024, got 0"),
        (("--time-steps", "0"), "--time-steps: expected a whole number"),
        (("--epochs", "0"), "--epochs: expected a whole number"),
        (("--networks", "0"), "--networks: expected a whole number"),
        (("--learning-rate", "0"), "--learning-rate: expected a number above 0"),
        (("--learning-rate", "nan"), "--learning-rate: expected a number above 0"),
        (("--learning-rate", "1e9"), "--learning-rate: expected a number above 0"),
        (("--seed", "-1"), "timeglass: --seed: expected a whole number from 0"),
        (("--cell", "rnn"), "'rnn' is not one of"),
        (("--calendar", "moon"), "--calendar: expected some of month"),
        (("--out", "made.txt"), "--out made.txt: expected a name that ends in .csv or .parquet"),
        (("--out", "no/made.csv"), "--out no/made.csv: there is no folder no: make it first"),
        (("--plot", "made.gif"), "--plot made.gif: expected a name that ends in .png, .svg or .pdf"),
        (("--out", ""), "--out .: expected a name that ends in"),
        (("--plot", ""), "--plot : expected a name that ends in"),
        (("--save", "made.pkl"), "--save made.pkl: expected a name that ends in"),
        (("--save", "made.json"), "--save made.json: expected a name that ends in .safetensors"),
        (("--save", "no/made.safetensors"), "--save no/made.safetensors: there is no folder no"),
        (("--save", ""), "--save: expected the name of a file, got ''"),
    ],
)
@pytest.mark.parametrize("command", ["forecast", "backtest"])
def test_options_are_refused_before_the_file_is_read(timeglass, command, options, words):
    if command == "backtest" and options[0] in ("--save",):
        return
    ran = timeglass(command, "no-such-file.csv", *options)
    assert ran.returncode == 2
    assert words in ran.stderr
    assert ran.stdout == ""
    assert len(ran.stderr.splitlines()) == 1


def test_a_file_that_is_not_there(timeglass):
    ran = timeglass("forecast", "no-such-file.csv")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "no file no-such-file.csv" in ran.stderr


def test_a_backtest_prints_errors_record_and_verdict(timeglass, table):
    ran = timeglass("backtest", table, "--horizon", "3", "--origins", "4", "--stride", "2", "--no-statistical", *QUICK)
    assert ran.returncode == 0
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(
        "8 forecasts of 3 rows, 2 series; mean absolute error in units of the seasonal naive one"
    )
    errors = [float(line.split()[-1]) for line in lines[3 : lines.index("", 3)]]
    assert errors == sorted(errors)
    assert any(line.startswith("promised 95 %, covered ") for line in lines)


def test_a_backtest_in_json_and_its_forecasts_in_a_file(timeglass, table, tmp_path):
    ran = timeglass(
        "backtest", table, "--horizon", "3", "--origins", "2", "--json", "--out", "all.csv", "--plot", "fan.png",
        "--no-statistical", *QUICK,
    )  # fmt: skip
    found = json.loads(ran.stdout)
    assert (found["forecasts"], found["series"]) == (4, 2)  # of two origins
    assert found["data"]["source"] == table
    assert "a row every month (--freq)" in found["data"]["guesses"]
    assert (found["refit"], found["rows_before_first_origin"]) == (False, 34)
    assert "learned once, of the longest series from the first 34 of 40 rows, while" in ran.stderr
    again = timeglass("backtest", table, "--horizon", "3", "--origins", "2", "--refit", "--no-statistical", *QUICK)
    assert "learned once" not in again.stderr
    rows = rows_of((tmp_path / "all.csv").read_text())
    assert len(rows) == 12
    frame = pd.DataFrame(rows)
    error = (frame["timeglass"].astype(float) - frame["y"].astype(float)).abs().mean()
    assert 0 < error < 10
    assert frame["cutoff"].iloc[0] < frame["ds"].iloc[0]
    assert (tmp_path / "fan.png").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--origins", "0"), "--origins: expected a whole number of at least 1, got 0"),
        (("--stride", "0"), "--stride: expected a whole number of at least 1, got 0"),
        (("--origins", "50"), "need at least"),
        (
            ("--origins", "1", "--horizon", "900"),
            "1 origin, 900 rows apart, with a horizon of 900 need at least 904: ask for a shorter horizon",
        ),
    ],
)
def test_backtests_that_cannot_be(timeglass, table, options, words):
    ran = timeglass("backtest", table, "--horizon", "3", *options, *QUICK)  # of two, click takes the last
    assert ran.returncode == 2
    assert words in ran.stderr


def test_forecasts_from_standard_input(timeglass, table, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((tmp_path / table).read_bytes())))
    assert len(rows_of(timeglass("forecast", "-", "--horizon", "3", *QUICK).stdout)) == 6


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The address of a server on this machine that hands out the files in `tmp_path`."""
    monkeypatch.setenv("no_proxy", "*")

    class Files(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Files, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_covariates_come_from_private_addresses_where_that_is_allowed(timeglass, server, tmp_path):
    rng = np.random.default_rng(0)
    price = rng.integers(1, 4, 63)
    rows = [f"{1900 + i},{100 - 5 * p + i % 2},{p},red\n" for i, p in enumerate(price)]
    (tmp_path / "sales.csv").write_text("ds,y,price,colour\n" + "".join(rows[:60]))
    (tmp_path / "coming.csv").write_text("ds,price\n" + "".join(f"{1960 + i},{price[60 + i]}\n" for i in range(3)))
    told = ("--future-columns", "price", "--static-columns", "colour", "--horizon", "3", *QUICK[2:])
    here = timeglass("forecast", "sales.csv", "--future", "coming.csv", *told)
    there = timeglass(
        "forecast", f"{server}/sales.csv", "--future", f"{server}/coming.csv", *told, "--allow-private-address"
    )
    assert (there.returncode, there.stdout) == (0, here.stdout)
    assert len(rows_of(here.stdout)) == 3
    backtested = timeglass("backtest", f"{server}/sales.csv", *told, "--allow-private-address", "--no-statistical")
    assert backtested.returncode == 0
    words = "leads to 127.0.0.1, on this machine or a private network: use --allow-private-address if you mean that"
    for data in (f"{server}/sales.csv", "sales.csv"):
        refused = timeglass("forecast", data, "--future", f"{server}/coming.csv", *told, "--quiet")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert f"{server}/{'coming' if data == 'sales.csv' else 'sales'}.csv {words}" in refused.stderr


def test_errors_of_a_setting_begin_with_its_option(timeglass, table, tmp_path):
    refused = timeglass("forecast", table, *QUICK, "--calendar", "hour", "--quiet")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("timeglass: --calendar: 'hour' says nothing of rows that come every month")
    for options, words in {
        ("--trials", "0"): "timeglass: --trials: expected a whole number from 1",
        ("--storage", "sqlite:///a.db"): "timeglass: --storage: only the searcher 'optuna' keeps its trials: give it "
        "too (searcher='optuna', --searcher)",
    }.items():
        assert timeglass("tune", "no-such-file.csv", *options).stderr.startswith(words)


def test_the_calendar_goes_with_standard_input(timeglass, table, tmp_path, monkeypatch):
    content = (tmp_path / table).read_bytes()
    printed = timeglass("forecast", table, "--horizon", "3", "--calendar", "month", *QUICK).stdout
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert timeglass("forecast", "-", "--horizon", "3", "--calendar", "month", *QUICK).stdout == printed
    refused = timeglass("forecast", "-", "--past-columns", "sold", *QUICK)
    assert "standard input can be read once only: give covariates in a file" in refused.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--future-columns", "price"), "--future-columns price: the forecast needs them of the rows to come: give "
         "--future FILE"),
        (("--future", "coming.csv"), "--future coming.csv: name its columns, --future-columns NAME"),
        (("--future", "-", "--future-columns", "price"), "--future: standard input can be read once only"),
    ],
)  # fmt: skip
def test_future_covariates_are_asked_for_before_the_file_is_read(timeglass, options, words):
    ran = timeglass("forecast", "no-such-file.csv", *options)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in ran.stderr


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("ds,sold\n1960,1\n1961,2\n", "future: coming.csv: no column 'price'"),
        ("ds,price\n1960,1\n", "future: coming.csv: series 'y' has no row for 1961: 1 row of the 2 to forecast"),
        ("ds,price\n1960,1\n1961,x\n", "future: coming.csv:3:2: column 'price' holds 'x'"),
    ],
)
def test_a_bad_table_of_the_future_is_refused_before_training(timeglass, tmp_path, monkeypatch, rows, words):
    (tmp_path / "sales.csv").write_text("ds,y,price\n" + "".join(f"{1900 + i},{i % 7},{i % 3}\n" for i in range(60)))
    (tmp_path / "coming.csv").write_text(rows)
    monkeypatch.setattr(Forecaster, "fit_history", lambda *given, **more: pytest.fail("trained"))
    ran = timeglass("forecast", "sales.csv", "--future-columns", "price", "--future", "coming.csv", "--horizon", "2")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in ran.stderr


def test_what_was_filled_in_beside_the_values_is_said(timeglass, tmp_path):
    prices = ["" if i in (5, *range(20, 32)) else i % 3 for i in range(60)]
    rows = "".join(f"{1900 + i},{i % 7},{price},4\n" for i, price in enumerate(prices))
    (tmp_path / "sales.csv").write_text("ds,y,price,fee\n" + rows)
    (tmp_path / "coming.csv").write_text("ds,price\n1960,1\n1961,\n1962,2\n")
    told = ("--future-columns", "price", "--past-columns", "fee", "--missing", "linear", "--horizon", "3", *QUICK[2:])
    said = timeglass("forecast", "sales.csv", "--future", "coming.csv", *told).stderr.splitlines()
    assert "timeglass: sales.csv: line 7 (1905), column 'price': nothing → 0.5: filled in, linear" in said
    assert sum("column 'price': nothing → " in line for line in said) == 10 + 1
    assert "timeglass: sales.csv: and 3 more changes of covariates" in said
    assert "timeglass: future: coming.csv: line 3 (1961), column 'price': nothing → 1.5: filled in, linear" in said
    assert "timeglass: sales.csv: column 'fee' is the same in all rows: it teaches nothing" in said
    assert timeglass("forecast", "sales.csv", "--future", "coming.csv", *told, "--quiet").stderr == ""


def test_names_are_the_same_on_standard_output_as_in_a_file(timeglass, tmp_path):
    rows = [f"a\x1b[31mred,2020-{month:02d},{month % 5}" for month in range(1, 13)]
    (tmp_path / "red.csv").write_text("\n".join(["shop,when,sold", *rows]) + "\n")
    told = ("forecast", "red.csv", "--horizon", "1", "--quiet", *QUICK)
    printed = timeglass(*told).stdout
    assert timeglass(*told, "--out", "made.csv").returncode == 0
    assert printed == (tmp_path / "made.csv").read_text(encoding="utf-8")
    assert "\na\x1b[31mred,2021-01," in printed


def test_what_was_changed_stands_in_the_json_too(timeglass, tmp_path):
    rows = [f"2020-{month:02d},{month % 5 if month != 4 else ''}" for month in range(1, 13)]
    (tmp_path / "gap.csv").write_text("\n".join(["when,sold", *rows]) + "\n")
    told = ("gap.csv", "--horizon", "1", "--missing", "linear", "--json", "--quiet", *QUICK[2:])
    data = json.loads(timeglass("forecast", *told).stdout)["data"]
    assert data["changes"] == ["line 5 (2020-04), column 'sold': nothing → 1.5: filled in, linear"]
    assert len(data["sha256"]) == 64


def test_closed_standard_error_costs_no_result(timeglass, table, monkeypatch):
    """As in `timeglass forecast … 2>&-`: what Python makes of it is None."""
    told = timeglass("forecast", table, "--horizon", "3", *QUICK).stdout
    monkeypatch.setattr(sys, "stderr", None)
    ran = timeglass("forecast", table, "--horizon", "3", *QUICK)
    sys.stderr.close()  # what stands in for it
    assert (ran.returncode, ran.stdout) == (0, told)


def test_a_file_that_hides_a_bundled_series_is_said_unless_all_is_to_be_quiet(timeglass, table, tmp_path):
    (tmp_path / table).rename(tmp_path / "nile")
    told = ("forecast", "nile", "--horizon", "3", *QUICK)
    assert "nile is read from the file of that name here" in timeglass(*told).stderr
    assert timeglass(*told, "--quiet").stderr == ""


@pytest.mark.parametrize("command", ["forecast", "backtest", "tune"])
def test_a_result_is_not_lost_in_closed_output(timeglass, table, command, monkeypatch):
    """As in `timeglass forecast … >&-`: what Python makes of it is None."""
    monkeypatch.setattr(sys, "__stdout__", None)
    for more, remedy in (((), "give --out FILE"), (("--out", "made.csv", "--json"), "leave --json out")):
        ran = timeglass(command, "no-such-file.csv", *more)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr == (
            f"timeglass: standard output is closed, so that the result would be lost: open it, or {remedy}\n"
        )
    if command == "forecast":
        assert timeglass("forecast", table, "--horizon", "3", "--out", "made.csv", *QUICK).returncode == 0
