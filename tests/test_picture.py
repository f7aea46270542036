"""The picture: the numbers that are drawn, and that they reach the file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from timeglass import OptionError
from timeglass.files import check_folder, write_whole
from timeglass.show.picture import ForecastPicture, draw_forecast, forecast_picture
from timeglass.show.table import table_lines
from timeglass.show.terminal import plot_lines


def picture(dates: bool = True) -> ForecastPicture:
    at = np.datetime64("1749-01", "M") + 12 * np.arange(6) if dates else np.arange(6)
    actual = np.array([1.0, 5.0, 2.0, 4.0, 3.0, 6.0])
    forecasts = actual + np.linspace(-1, 1, 11)[:, None]
    return forecast_picture(at, actual, forecasts, split=at[4], train_windows=4, names=("Spots", "Date"))


def test_the_numbers_of_the_picture() -> None:
    drawn = picture()
    np.testing.assert_allclose(drawn.forecast, drawn.actual, atol=1e-15)
    np.testing.assert_allclose(drawn.low, drawn.actual - 0.8, atol=1e-15)
    np.testing.assert_allclose(drawn.high, drawn.actual + 0.8, atol=1e-15)
    np.testing.assert_allclose(drawn.residual, 0, atol=1e-15)
    assert (drawn.networks, drawn.train_windows, str(drawn.split)) == (11, 4, "1753-01")


@pytest.mark.parametrize("dates", [True, False])
def test_png_and_svg_are_drawn_whole_and_alike_each_time(tmp_path: Path, dates: bool) -> None:
    png, svg = tmp_path / "a.png", tmp_path / "a.svg"
    draw_forecast(picture(dates), [png, svg])
    content = png.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == (1500, 800)
    text = svg.read_text(encoding="utf-8")
    words = [
        "Actual",
        "Predictions (mean of 11 networks)",
        "80% of the 11 networks",
        "Spots",
        "Date",
        "training",
        "test",
    ]
    assert [word for word in words if f">{word}<" not in text] == []
    assert text.rstrip().endswith("</svg>")
    draw_forecast(picture(dates), [tmp_path / "b.png", tmp_path / "b.svg"])
    assert (tmp_path / "b.png").read_bytes() == content
    assert (tmp_path / "b.svg").read_text(encoding="utf-8") == text
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "a.svg", "b.png", "b.svg"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail(part: Path) -> None:
        part.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OptionError, match=r"a\.txt: cannot be written \(No space left on device\)"):
        write_whole(target, fail)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "old")]
    write_whole(target, lambda part: part.write_text("new"))
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.txt", "new")]


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OptionError, match=r"--out .*file/deeper: cannot write there \(Not a directory\)"):
        check_folder("--out", tmp_path / "file" / "deeper")
    check_folder("--out", tmp_path / "new" / "deep")
    assert list((tmp_path / "new" / "deep").iterdir()) == []


def test_the_terminal_plot_shows_the_test_part(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = plot_lines(picture(), width=60)
    assert lines[0] == "Test part: × actual, line predicted"
    body = "\n".join(lines[1:])
    assert body.count("×") == 2  # the test part has two windows
    assert "(Spots)" in body
    assert "1753" in body
    assert max(map(len, lines)) <= 60
    assert "\x1b" not in body
    monkeypatch.setenv("FORCE_COLOR", "1")  # plotille by itself colours a terminal only
    assert "\x1b" in "\n".join(plot_lines(picture(), width=60, color=True))


def test_a_constant_test_part_can_be_plotted() -> None:
    flat = picture()._replace(actual=np.full(6, 5.0), forecast=np.full(6, 5.0))
    assert "×" in "\n".join(plot_lines(flat))


def test_tables_align() -> None:
    assert table_lines([["a", "bb"], ["ccc", "1"]]) == ["a    bb", "ccc   1"]
