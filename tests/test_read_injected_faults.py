"""A good file with one known fault at a known line, five hundred times: refused there, listed there, repaired there."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pytest
from check_files import MONTHS, save
from quick import one_in
from read_files import FILE
from read_files import folder as folder

from timeglass import TimeglassError
from timeglass.read import ReadOptions, check, read_panel
from timeglass.read.options import MISSING_WORDS

# ---- one known fault at a known line


class Base(NamedTuple):
    """A good table: its rows, and of each row the name of its series and its place in it."""

    header: str
    rows: list[str]
    places: list[tuple[str, int]]
    length: int


def base(seed: int) -> Base:
    """Months, days, or three series of days one after the other or row by row; no two values are alike."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(16, 30))
    numbers = (rng.permutation(1000)[: 3 * length] + 0.5).tolist()
    alone = [("", i) for i in range(length)]
    if seed % 4 == 0:
        return Base("date,y", [f"{MONTHS[i]},{numbers[i]!r}" for i in range(length)], alone, length)
    days = (np.datetime64("2020-02-10") + np.arange(length)).astype(str)
    if seed % 4 == 1:
        return Base("ds,y", [f"{days[i]},{numbers[i]!r}" for i in range(length)], alone, length)
    places = [(name, i) for name in "abc" for i in range(length)]
    if seed % 4 == 3:
        places = [(name, i) for i in range(length) for name in "abc"]
    rows = [f"{name},{days[i]},{numbers['abc'.index(name) * length + i]!r}" for name, i in places]
    return Base("unique_id,ds,y", rows, places, length)


class Fault(NamedTuple):
    """What is done to a row: what stands there then, the kind of the finding, and the repair with what it lists."""

    kind: str
    repair: dict[str, Any] | None = None
    old: str | None = None


KINDS = {
    "blank": Fault("missing", {"missing": "drop"}, ""),
    "NA": Fault("missing", {"missing": "drop"}, "NA"),
    "word": Fault("value", {"missing": "drop", "missing_words": (*MISSING_WORDS, "broken")}, "broken"),
    "inf": Fault("value", {"missing": "drop", "missing_words": (*MISSING_WORDS, "-inf")}, "-inf"),
    "unit": Fault("value", {"strip_unit": True}, "12.5 kWh"),
    "thousands": Fault("value", {"thousands": "'"}),
    "extra field": Fault("fields"),
    "short row": Fault("fields"),
    "bad month": Fault("date"),
    "blank date": Fault("date"),
    "duplicate": Fault("duplicate", {"duplicates": "mean"}, ""),
    "removed": Fault("gap", {"missing": "linear"}, "no row"),
    "NUL": Fault("unreadable"),
    "quote": Fault("unreadable"),
    "byte": Fault("unreadable"),
}
TEXTS = {"blank": "", "NA": "NA", "word": "broken", "inf": "-inf", "unit": "12.5 kWh", "thousands": "1'100.5"}


def injected(kind: str, table: Base, row: int) -> tuple[bytes, int]:
    """The file with the fault, and its line."""
    rows, line = list(table.rows), row + 2
    *front, day, value = rows[row].split(",")
    if kind in TEXTS:
        rows[row] = ",".join([*front, day, TEXTS[kind]])
    elif kind == "extra field":
        rows[row] += ",7"
    elif kind == "short row":
        rows[row] = rows[row].rpartition(",")[0]
    elif kind == "bad month":
        rows[row] = ",".join([*front, re.sub(r"-\d\d", "-13", day, count=1), value])
    elif kind == "blank date":
        rows[row] = ",".join([*front, "", value])
    elif kind == "duplicate":
        rows.insert(row + 1, ",".join([*front, day, "1.25"]))
        line += 1
    elif kind == "removed":
        del rows[row]
        name, place = table.places[row]
        after = table.places.index((name, place + 1))
        line = after - 1 + 2  # one line up, since a row is gone before it
    elif kind == "NUL":
        rows[row] = ",".join([*front, day, value[:2] + "\0" + value[2:]])
    elif kind == "quote":
        rows[row] = ",".join([*front, day, f'"{value}'])
    content = ("\n".join([table.header, *rows]) + "\n").encode()
    if kind == "byte":
        lines = content.split(b"\n")
        lines[line - 1] += b"\xff"
        content = b"\n".join(lines)
    return content, line


def inject(seed: int, kind: str, timeglass: Any = None) -> None:
    """One case: refused at that line, that finding alone, and the repair listed there."""
    rng = np.random.default_rng(seed)
    table, fault = base(seed), KINDS[kind]
    row = int(rng.integers(len(table.rows)))
    if kind == "removed":
        row = int(rng.choice([i for i, (_, place) in enumerate(table.places) if 0 < place < table.length - 1]))
    elif kind == "quote":
        row = max(row, 1)  # of the first row another test tells
    content, line = injected(kind, table, row)
    if seed % 3 == 0:
        content = content.replace(b"\n", b"\r\n")
    with open(FILE, "wb") as file:
        file.write(content)
    name, place = table.places[row]
    case = (seed, kind, line)

    with pytest.raises(TimeglassError) as caught:
        read_panel(FILE)
    assert re.match(rf"data\.csv:{line}[: ]", str(caught.value)), (case, str(caught.value))

    if fault.kind == "unreadable":
        with pytest.raises(TimeglassError) as again:
            check(FILE)
        assert str(again.value) == str(caught.value), case
    else:
        report = check(FILE)
        assert [(one.kind, one.line, one.stops) for one in report.faults] == [(fault.kind, line, True)], case
        assert report.faults[0].message.partition("; if th")[0] == str(caught.value).partition("; if th")[0]
        assert report.fault_count == 1
        if name:
            assert (f"series '{name}'" in report.faults[0].message) == (
                fault.kind in ("duplicate", "gap", "missing")
            ), case
    if timeglass is not None:
        done = timeglass("check", FILE)
        if fault.kind == "unreadable":
            assert (done.returncode, done.stdout) == (2, ""), case
            assert done.stderr.endswith(f"timeglass: {caught.value}\n"), case
        else:
            assert (done.returncode, done.stderr) == (1, ""), case
            assert "\nStops the reading (1)\n  data.csv:" + str(line) in done.stdout, case
    if fault.repair is not None:
        repaired(fault, table, row, line, case)
    assert place >= 0


def repaired(fault: Fault, table: Base, row: int, line: int, case: object) -> None:
    """With the option: the change at that line, all other values to the last bit, and a check finds no more than it."""
    assert fault.repair is not None
    options = ReadOptions(**fault.repair)
    panel, report = read_panel(FILE, options), check(FILE, options)
    assert panel.origin.changes == report.panel.origin.changes, case
    assert not any(one.stops for one in report.faults), case
    changes, day = panel.origin.changes, table.rows[row].split(",")[-2]
    if fault.old is None:
        assert changes == (), case
    elif fault.kind == "duplicate":
        assert [(change.line, change.date) for change in changes] == [(line - 1, day), (line, day)], case
    else:
        where = None if fault.kind == "gap" else line
        assert [(change.line, change.old) for change in changes] == [(where, fault.old)], case
        assert changes[0].date in ("", day) if fault.kind == "value" else changes[0].date == day, case
    name, place = table.places[row]
    wanted = {key: float(text.split(",")[-1]) for key, text in zip(table.places, table.rows, strict=True)}
    series = panel[name] if name else panel[0]
    for other in panel:
        if name and other.name != name:
            assert other.values.tolist() == [wanted[other.name, i] for i in range(table.length)], case
    values = [wanted[name, i] for i in range(table.length)]
    if fault.repair.get("missing") == "drop":
        del values[place]
    elif fault.kind == "gap":
        values[place] = (values[place - 1] + values[place + 1]) / 2
    elif fault.kind == "duplicate":
        values[place] = (values[place] + 1.25) / 2
    else:
        values[place] = {"strip_unit": 12.5, "thousands": 1100.5}[next(iter(fault.repair))]
    assert series.values.tolist() == values, case


@pytest.mark.parametrize("kind", KINDS)
def test_one_fault_at_a_known_line(kind):
    """34 files for each of 15 kinds: 510 in all."""
    for k in range(34):
        inject(1000 * list(KINDS).index(kind) + k, kind)


@pytest.mark.parametrize("kind", one_in(3, KINDS))
def test_one_fault_at_a_known_line_through_the_command(kind, timeglass):
    for k in range(3):
        inject(50_000 + 100 * list(KINDS).index(kind) + k, kind, timeglass)


@pytest.mark.parametrize("seed", range(60))
def test_several_faults_at_once_are_all_listed(seed):
    """Two to five of different kinds, three rows apart at least: none hides another, none makes one more."""
    rng = np.random.default_rng(seed)
    table = base(4 * seed + seed % 3)  # not row by row of several series: that has a test of its own
    free = [i for i, (_, place) in enumerate(table.places) if 0 < place < table.length - 1]
    chosen: dict[int, str] = {}
    kinds = [kind for kind, fault in KINDS.items() if fault.kind != "unreadable"]
    for kind in rng.permutation(kinds)[: rng.integers(2, 6)]:
        near = [i for i in free if all(abs(i - other) > 3 for other in chosen)]
        if near:
            chosen[int(rng.choice(near))] = str(kind)
    rows, wanted = [], []
    for i, row in enumerate(table.rows):
        *front, day, value = row.split(",")
        kind = chosen.get(i, "")
        if chosen.get(i - 1) == "removed":
            wanted.append(("gap", len(rows) + 2))
        if kind in TEXTS:
            row = ",".join([*front, day, TEXTS[kind]])
        row = {
            "extra field": f"{row},7", "short row": row.rpartition(",")[0], "blank date": ",".join([*front, "", value]),
            "bad month": ",".join([*front, re.sub(r"-\d\d", "-13", day, count=1), value]),
        }.get(kind, row)  # fmt: skip
        rows += [] if kind == "removed" else [row]
        if kind == "duplicate":
            rows.append(",".join([*front, day, "1.25"]))
        if kind and kind != "removed":
            wanted.append((KINDS[kind].kind, len(rows) + 1))
    save(rows, table.header)
    report = check(FILE)
    assert [(one.kind, one.line) for one in report.faults if one.stops] == wanted, chosen
    assert report.fault_count == len(wanted) >= 2


@pytest.mark.parametrize("break_", ["line", "extra", "silent"])
def test_a_line_that_is_wrong_and_a_finding_too_many_would_be_found(break_, monkeypatch):
    """The property above can fail."""
    from timeglass.read import csv_table, table
    from timeglass.read.faults import Fault as Found
    from timeglass.read.faults import Faults

    right = Faults.add
    if break_ == "line":
        monkeypatch.setattr(
            csv_table,
            "missing_fault",
            lambda source, line, *rest: table.missing_fault(source, line + 1, *rest),
        )
    elif break_ == "extra":

        def twice(self: Faults, fault: Found) -> None:
            right(self, fault)
            right(self, fault)

        monkeypatch.setattr(Faults, "add", twice)
    else:
        monkeypatch.setattr(Faults, "add", lambda self, fault: None)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_one_fault_at_a_known_line("blank")
