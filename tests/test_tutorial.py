"""The tutorial's five functions, and its program with Timeglass and with Keras."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from timeglass import OptionError
from timeglass.tutorial import create_RNN, get_train_test, get_XY, plot_result, print_error, sunspots_url
from timeglass.tutorial.walk import walk

EXAMPLE = Path(__file__).parents[1] / "examples" / "sunspots_tutorial.py"


def test_get_train_test_scales_over_all_rows() -> None:
    train, test, data = get_train_test(sunspots_url)
    assert (len(train), len(test), len(data)) == (2256, 564, 2820)
    assert (data.min(), data.max()) == (0.0, 1.0)
    assert train[0] == 58.0 / 253.8
    assert train.max() == 238.9 / 253.8
    assert np.concatenate([train, test]).tolist() == data.tolist()
    assert len(get_train_test(sunspots_url, split_percent=0.5)[0]) == 1410
    with pytest.raises(OptionError, match="split_percent"):
        get_train_test(sunspots_url, 80)


def test_get_xy_cuts_the_tutorials_windows() -> None:
    x, y = get_XY(np.arange(40.0), 12)
    assert x.shape == (3, 12, 1)
    assert x[1, :, 0].tolist() == list(range(12, 24))
    assert y.tolist() == [12.0, 24.0, 36.0]
    with pytest.raises(OptionError, match="time_steps"):
        get_XY([1.0, 2.0], 0)


def test_create_rnn_is_compiled_and_trains() -> None:
    model = create_RNN(3, 1, (12, 1), activation=["tanh", "linear"])
    assert [array.shape for array in model.get_weights()] == [(1, 3), (3, 3), (3,), (3, 1), (1,)]
    x, y = get_XY(get_train_test(sunspots_url)[0], 12)
    losses = model.fit(x, y, epochs=5, batch_size=1, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_print_error_prints_the_tutorials_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_error([0.0, 0.0], [1.0], [[0.3], [0.4]], [[0.5]])
    assert capsys.readouterr().out == "Train RMSE: 0.354 RMSE\nTest RMSE: 0.500 RMSE\n"


def test_plot_result_draws_both_lines_and_the_split() -> None:
    from matplotlib import pyplot as plt

    plt.switch_backend("Agg")
    axes = plot_result([1.0, 2.0], [3.0], [[1.5], [2.5]], [[3.5]])
    lines = [line.get_ydata() for line in axes.get_lines()]
    assert list(lines[0]) == [1.0, 2.0, 3.0]
    assert list(lines[1]) == [1.5, 2.5, 3.5]
    assert list(axes.get_lines()[2].get_xdata()) == [2, 2]
    assert axes.get_lines()[2].get_color() == "r"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["Actual", "Predictions"]
    assert axes.figure.get_size_inches().tolist() == [15.0, 6.0]
    plt.close("all")


def check_program(source: str, folder: Path) -> None:
    """Runs the program and checks what it prints: two equal predictions, 20 epochs, two plausible errors."""
    (folder / "program.py").write_text(source, encoding="utf-8")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = dict(re.findall(r"^(Prediction from .*?) (-?[\d.]+)$", done.stdout, re.MULTILINE))
    assert float(said["Prediction from network"]) == pytest.approx(
        float(said["Prediction from our computation"]), abs=2e-6
    )
    assert done.stdout.count("Epoch ") == 20
    train, test = (float(error) for error in re.findall(r"^T\w+ RMSE: ([\d.]+) RMSE$", done.stdout, re.MULTILINE))
    assert 0.05 < train < 0.2
    assert 0.06 < test < 0.3
    assert (folder / "sunspots_tutorial.png").read_bytes()[:4] == b"\x89PNG"


def test_the_program_runs_with_timeglass(tmp_path: Path) -> None:
    check_program(EXAMPLE.read_text(encoding="utf-8"), tmp_path)


@pytest.mark.slow
def test_the_program_runs_with_keras_by_changing_import_lines_only(tmp_path: Path) -> None:
    pytest.importorskip("keras", reason="Keras is not installed: pip install 'timeglass[keras]'")
    ours = "from timeglass import Dense, Sequential, SimpleRNN\n"
    theirs = "from keras import Sequential\nfrom keras.layers import Dense, SimpleRNN\n"
    source = EXAMPLE.read_text(encoding="utf-8")
    assert source.count(ours) == 1
    check_program(source.replace(ours, theirs), tmp_path)


# The walk through the first part


def test_the_walk_works_the_network_out_by_hand(timeglass):
    done = timeglass("tutorial")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  wh    0.86981213   −0.49338293  from the hidden units to themselves" in done.stdout
    assert "  h3[1] = 3·(−1.2369) + ((−0.074714)·(−0.49338) + (−3.6419)·0.86981) + 0 = −6.8417" in done.stdout
    assert "  o3[0] = (−1.302)·(−0.4636) + (−6.8417)·0.65384 + 0 = −3.8698" in done.stdout
    apart = [float(found) for found in re.findall(r"([0-9.e-]+) apart", done.stdout)]
    assert len(apart) == 2
    assert max(apart) < 1e-6
    slopes = re.findall(r"dwh\[.,.\] = .* = (\S+), by nudging the weight (\S+)", done.stdout)
    assert len(slopes) == 4
    for shares, nudged in slopes:
        one, other = (float(value.replace("−", "-")) for value in (shares, nudged))
        assert abs(one - other) <= 1e-5 * abs(one)


def test_the_walk_keeps_to_the_width_of_the_terminal():
    lines = list(walk(width=60))
    assert max(len(line) for line in lines if line.startswith(("  h", "  o"))) <= 60
