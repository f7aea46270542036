"""Tables and lines that are larger than the memory may be: in a file while they are read, or given up in time."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from timeglass import DataError
from timeglass.read import ReadOptions, read_series
from timeglass.read.text import Text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


READ = """
import json, resource, sys
limit = int(sys.argv[1]) * 2**20
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
from timeglass.read import read_panel
said = []
panel = read_panel("data.csv", tell=said.append)
sums = [float(series.values.sum()) for series in panel]
ends = [str(panel.dates[i]) for i in (0, -1)]
print(json.dumps([said, panel.ids, sums, ends, panel.offsets.tolist(), len(panel.lines)]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("series", [1_100, 2_200])
def test_a_table_whose_arrays_are_larger_than_half_or_all_of_the_memory_may_be(folder, series):
    """11 or 22 million rows, of which each takes 20 bytes: 210 or 420 MiB, where 384 may be taken."""
    numbers = range(1000, 1000 + series)
    days = np.arange("1990-01-01", 10_000, dtype="datetime64[D]").astype(str)
    rows = "".join(f"s@@@@,{day},@@@@{i % 1000:03d}\n" for i, day in enumerate(days)).encode()
    with open("data.csv", "wb") as file:
        file.write(b"unique_id,ds,y\n")
        for number in numbers:
            file.write(rows.replace(b"@@@@", str(number).encode()))
    done = subprocess.run([sys.executable, "-c", READ, "384"], capture_output=True, timeout=120)
    (folder / "data.csv").unlink()
    assert done.returncode == 0, done.stderr
    said, ids, sums, ends, offsets, lines = json.loads(done.stdout)
    assert ids == [f"s{number}" for number in numbers]
    assert sums == [10_000 * 1000 * number + 10 * 499_500 for number in numbers]  # each is exact
    assert (ends, lines) == ([days[0], days[-1]], 10_000 * series)
    assert offsets == list(range(0, 10_000 * series + 1, 10_000))
    assert len(said) == 1
    assert said[0].endswith(" MiB in a temporary file, since it is more than half of the free memory")


class Endless(io.RawIOBase):
    """A file that begins with `start` and goes on with `more` for long; `size` bytes of it have been read."""

    def __init__(self, start: bytes, more: bytes) -> None:
        self._start, self._more, self.size = start, more, 0

    def read(self, size: int = -1) -> bytes:
        size = size if self.size < 2**26 else 0
        part = (self._start + self._more * (size // len(self._more)))[:size]
        self._start, self.size = b"", self.size + len(part)
        return part


@pytest.mark.parametrize(
    ("start", "more", "words"),
    [(b"1", b"1", "one line of more than 16,777,216 bytes: is this a table of text?"),
     (b'"', b"x" * 999 + b"\n", "a quote opened here never closes, or not within 16,777,216 bytes: close it, or"),
     (b'1,"', b"x", "a quote opened here never closes, or not within 16,777,216 bytes: close it, or take it out")],
)  # fmt: skip
def test_a_line_and_a_record_without_an_end_are_given_up(start, more, words):
    endless = Endless(b"day,size\n2020-01-01,1\n2020-01-02," + start, more)
    with pytest.raises(DataError) as caught:
        list(Text(endless, "data.csv").blocks())
    assert str(caught.value).startswith(f"data.csv:3: {words}")
    assert 2**24 < endless.size <= 2**24 + 2**22


@pytest.mark.parametrize("note", ["x" * 5_000_000, '"' + "a,b\n" * 1_250_000 + '""x"'])
@pytest.mark.parametrize("first", [True, False])
def test_a_long_field_is_read_wherever_it_stands(folder, note, first):
    notes = (note, "n", "n") if first else ("n", "n", note)
    text = "".join(f"2020-01-0{i + 1},{part},{i}.5\n" for i, part in enumerate(notes))
    (folder / "data.csv").write_text("day,note,size\n" + text)
    series = read_series("data.csv", ReadOptions(value="size"))
    assert series.values.tolist() == [0.5, 1.5, 2.5]
    assert series.lines.tolist() == ([2, 1_250_003, 1_250_004] if first and '"' in note else [2, 3, 4])
