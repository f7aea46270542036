"""Files that were damaged at random: a refusal in one line or finite values, never a traceback, a hang or a NaN.

Each also goes through pyarrow's way and through blocks of a few bytes, which must come to the same, word for word.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from timeglass import TimeglassError
from timeglass.read import ReadOptions, csv_arrow, read_panel, text
from timeglass.read.faults import Faults
from timeglass.read.reading import gather
from timeglass.read.report import check

MONTHS = "\n".join(["date,y", *(f"{1949 + i // 12}-{i % 12 + 1:02d},{100 + i * 7 % 13}.5" for i in range(40))])
LONG = "\n".join(
    ["unique_id,ds,y", *(f"{name},2021-03-{day + 1:02d},{day * 3 % 7}" for name in ("a", "b") for day in range(20))]
)
SEMI = "\n".join(["Tag;Last;Preis", *(f"{day + 1:02d}.03.2021;{day % 7},5;{day * 3 % 11},25" for day in range(31))])
QUOTED = "\n".join(
    ['"date","y","remark"', *(f'"2021-03-{day + 1:02d}",{day},"no ""{day}"", it said"' for day in range(31))]
)
TIMES = "\n".join(["ds\ty", *(f"2021-03-27T{hour % 24:02d}:00+01:00\t{hour}e-{hour % 3}" for hour in range(24)), ""])
GOOD = [MONTHS, LONG, SEMI, QUOTED, TIMES]
BYTES = np.frombuffer(b"\0\n\r\"',;.-+eE0189 x\xff\xfe\xef\x80\t|TZ:/", dtype=np.uint8)
FIXES = [{}, {"missing": "linear", "duplicates": "last"}, {"missing": "drop", "duplicates": "mean", "strip_unit": True}]


def mutated(seed: int) -> bytes:
    """One of the good files with some bytes changed, cut out, put in twice, or its end cut off."""
    rng = np.random.default_rng(seed)
    good = GOOD[seed % len(GOOD)].encode()
    content = np.frombuffer(good, dtype=np.uint8).copy()
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at, length = int(rng.integers(0, len(content))), int(rng.integers(1, 12))
        kind = rng.integers(0, 7)
        if kind < 2:
            content[at] = rng.choice(BYTES) if rng.random() < 0.7 else rng.integers(0, 256)
        elif kind < 4:
            digits = np.flatnonzero((content >= 48) & (content < 58))
            content[rng.choice(digits)] = rng.integers(48, 58)
        elif kind == 4:
            content = np.delete(content, slice(at, at + length))
        elif kind == 5:
            content = np.insert(content, at, content[at : at + length])
        else:
            content = content[: max(1, len(content) - length)]
        if not len(content) or not ((content >= 48) & (content < 58)).any():
            break
    return content.tobytes()


def outcome(path: str, options: ReadOptions) -> tuple[object, ...]:
    """All that a reader makes of a file."""
    try:
        panel = read_panel(path, options)
    except TimeglassError as error:
        return ("refused", str(error))
    assert np.isfinite(panel.values).all()
    dates = b"" if panel.dates is None else panel.dates.tobytes() + str(panel.dates.dtype).encode()
    origin = panel.origin
    return (
        panel.ids, panel.values.tobytes(), dates, panel.offsets.tolist(), np.asarray(panel.lines).tolist(),
        panel.columns, str(panel.frequency), panel.zone, origin.guesses, origin.notes, origin.changes, origin.sha256,
    )  # fmt: skip


def stops(path: str, options: ReadOptions) -> bool:
    """Whether a check says that something stops the reading."""
    try:
        report = check(path, options)
    except TimeglassError:
        return True
    return any(fault.stops for fault in report.faults)


def run(seeds: range, tmp_path, monkeypatch) -> tuple[int, int]:
    """How many were read and how many refused."""
    path = tmp_path / "data.csv"
    read = 0
    for seed in seeds:
        path.write_bytes(mutated(seed))
        options = ReadOptions(**FIXES[seed % len(FIXES)])
        began = time.monotonic()
        monkeypatch.setattr(csv_arrow, "SMALLEST", 2**40)
        monkeypatch.setattr(text, "_PIECE", 2**22)
        first = outcome(str(path), options)
        monkeypatch.setattr(csv_arrow, "SMALLEST", 1)
        assert outcome(str(path), options) == first, seed
        monkeypatch.setattr(text, "_PIECE", len(GOOD[seed % len(GOOD)]) // 2 + seed % 40)
        in_blocks = outcome(str(path), options)
        # What the first block does not show is not guessed from the second: that a lone comma is the decimal mark.
        if first[0] == "refused" or in_blocks[0] != "refused":
            assert (in_blocks == first) or (in_blocks[0] == first[0] == "refused"), seed
        else:
            assert "use --decimal ," in str(in_blocks[1]), seed
        assert stops(str(path), options) == (in_blocks[0] == "refused"), (seed, in_blocks)
        if first[0] == "refused":
            message = str(first[1])
            assert message.isprintable(), seed
            assert message.startswith(str(path)), seed
        else:
            read += 1
        assert time.monotonic() - began < 20, seed
    return read, len(seeds) - read


def test_a_hundred_damaged_files(tmp_path, monkeypatch):
    read, refused = run(range(100), tmp_path, monkeypatch)
    assert read > 12
    assert refused > 50


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_ten_thousand_damaged_files(part, tmp_path, monkeypatch):
    read, refused = run(range(100 + 1_250 * part, 1_350 + 1_250 * part), tmp_path, monkeypatch)
    assert read > 200
    assert refused > 500


def test_a_gathering_reader_that_lost_a_fault_would_be_found(tmp_path, monkeypatch):
    """The comparison above can fail."""
    path = tmp_path / "data.csv"
    path.write_text(MONTHS.replace("1950-03,101.5", "1950-03,x"))
    monkeypatch.setattr(Faults, "add", lambda self, fault: None)
    panel, faults = gather(str(path), ReadOptions())
    assert panel is not None
    assert not faults.found
