"""The command line, run as a user runs it."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from quick import one_in

from timeglass.kernel.library import load

COMMAND = [sys.executable, "-m", "timeglass.cli.main"]


def run(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_job_prints_and_draws(tmp_path: Path) -> None:
    done = run("sunspots", folder=tmp_path)
    assert done.returncode == 0
    assert done.stderr == ""
    for words in (
        "2,820 rows, 1749-01 to 1983-12",
        "187 to train, 46 to test",
        "repeat the last value                         0.0629  0.0796            15.96            20.2",
        "Not shown to be better than doing nothing",
        "the proof holds",
        "5 of 5 checks of this set-up found something:",
        "Test part: × actual, line predicted",
        "Drawn     timeglass-sunspots/forecast.png",
    ):
        assert words in done.stdout
    assert "\r" not in done.stdout
    assert "\x1b" not in done.stdout
    files = sorted(path.name for path in (tmp_path / "timeglass-sunspots").iterdir())
    assert files == ["forecast.png", "forecast.svg"]


def test_json_alone_stands_on_standard_output(tmp_path: Path) -> None:
    done = run("sunspots", "--json", "--out", "a b", "--networks", "3", "--epochs", "2", folder=tmp_path)
    data = json.loads(done.stdout)
    assert (done.stderr, data["networks"], data["epochs"]) == ("", 3, 2)
    assert data["files"] == ["a b/forecast.png", "a b/forecast.svg"]
    assert all((tmp_path / name).is_file() for name in data["files"])


def test_without_the_picture_nothing_is_written(tmp_path: Path) -> None:
    done = run("sunspots", "--no-plot", "--epochs", "1", folder=tmp_path)
    assert done.returncode == 0
    assert "Test part" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_same_seed_prints_the_same_numbers_and_another_one_others(tmp_path: Path) -> None:
    def rmse(seed: str) -> object:
        return json.loads(run("sunspots", "--json", "--no-plot", "--seed", seed, folder=tmp_path).stdout)["rmse"]

    first = rmse("5")
    assert rmse("5") == first
    assert rmse("6") != first


@pytest.mark.parametrize("engine", ["lanes", "numpy", pytest.param("keras", marks=pytest.mark.slow)])
def test_every_engine_runs_the_job(tmp_path: Path, engine: str) -> None:
    if engine == "keras":
        pytest.importorskip("keras", reason="Keras is not installed: pip install 'timeglass[keras]'")
    arguments = ["sunspots", "--json", "--no-plot", "--engine", engine, "--networks", "2", "--epochs", "2"]
    data = json.loads(run(*arguments, folder=tmp_path).stdout)
    assert data["engine"] == ("keras (jax)" if engine == "keras" else engine)
    # All engines start from the same weights and meet the windows in the same order.
    assert data["rmse"]["test"]["median"] == pytest.approx(0.11655, abs=0.00005)


def test_info_says_which_engine_runs_and_why(tmp_path: Path) -> None:
    library = load()
    facts = json.loads(run("info", "--json", folder=tmp_path, TIMEGLASS_INSTRUCTION_SET="").stdout)
    assert facts["engine"] == "lanes"
    assert facts["instruction set"] == library.instruction_sets[0]
    shown = run("info", folder=tmp_path, TIMEGLASS_INSTRUCTION_SET=library.instruction_sets[-1]).stdout
    assert f"instruction set   {library.instruction_sets[-1]}" in shown
    assert "asked for by TIMEGLASS_INSTRUCTION_SET" in shown
    none = json.loads(run("info", "--json", folder=tmp_path, TIMEGLASS_KERNEL="none").stdout)
    assert (none["engine"], none["reason"]) == ("numpy", "TIMEGLASS_KERNEL=none asks for no compiled kernel")


def test_without_a_kernel_the_job_runs_on_numpy(tmp_path: Path) -> None:
    done = run("sunspots", "--no-plot", "--networks", "1", "--epochs", "1", folder=tmp_path, TIMEGLASS_KERNEL="none")
    assert done.returncode == 0
    assert "(engine numpy)" in done.stdout


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TIMEGLASS_INSTRUCTION_SET": "sse9"}, "TIMEGLASS_INSTRUCTION_SET=sse9: this kernel on this processor has"),
        ({"TIMEGLASS_KERNEL": "/nowhere.so"}, "no kernel at /nowhere.so"),
        ({"TIMEGLASS_KERNEL": __file__}, "does not load"),
    ],
)
def test_a_kernel_asked_for_in_vain_is_an_error(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    done = run("sunspots", "--no-plot", "--engine", "lanes", folder=tmp_path, **environment)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("variable", ["TIMEGLASS_INSTRUCTION_SET", "TIMEGLASS_KERNEL", "TIMEGLASS_THREADS"])
@pytest.mark.parametrize("command", one_in(2, [["info"], ["sunspots", "--no-plot"]]))
def test_a_mistyped_variable_is_never_passed_over(tmp_path: Path, variable: str, command: list[str]) -> None:
    done = run(*command, folder=tmp_path, **{variable: "/no-such"})
    assert done.returncode == 2
    assert done.stderr.startswith(f"timeglass: {variable}")


@pytest.mark.slow
def test_keras_runs_as_its_extra_installs_it(tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="Keras is not installed: pip install 'timeglass[keras]'")
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    arguments = ["sunspots", "--json", "--no-plot", "--engine", "keras", "--networks", "1", "--epochs", "1"]
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["engine"].startswith("keras (")


def test_bad_input_leaves_no_folder_behind(tmp_path: Path) -> None:
    assert run("sunspots", "--data", "nowhere.csv", "--out", "a/b", folder=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_sees_a_bar(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    arguments = ["sunspots", "--no-plot", "--networks", "200", "--epochs", "100"]
    with subprocess.Popen([*COMMAND, *arguments], cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 30)[0]:
            try:
                part = os.read(ours, 65536)
            except OSError:  # the other end has closed: what Linux says instead of an empty read
                break
            if not part:
                break
            shown += part
        assert process.stdout is not None
        assert b"\r" not in process.stdout.read()
    os.close(ours)
    assert b"100%" in shown
    assert b"18700/18700" in shown


def test_ctrl_c_stops_at_once_and_quietly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "sunspots", "--no-plot", "--epochs", "1000000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Training"):
                break
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=10)
    assert process.returncode == 130
    assert error.strip() == "timeglass: stopped"
    assert "Trained" not in output


def test_help_names_every_option() -> None:
    done = run("sunspots", "--help", folder=Path.cwd())
    options = "--data --split --time-steps --hidden-units --epochs --networks --seed --engine --out --no-plot --json"
    assert [option for option in options.split() if option not in done.stdout] == []
    assert "Commands:" in run("--help", folder=Path.cwd()).stdout
    assert run("--version", folder=Path.cwd()).stdout.startswith("timeglass, version 0.1.0")


def test_the_list_of_commands_is_cut_nowhere(timeglass) -> None:
    listed = timeglass("--help").stdout.split("Commands:\n")[1].splitlines()
    assert len(listed) == 11
    assert [line for line in listed if line.endswith("...") or len(line) > 80] == []
