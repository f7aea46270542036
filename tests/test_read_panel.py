"""Tables of many series: which row belongs to which, in what order, and on which line of the file each value stands."""

from __future__ import annotations

import csv
import gc
import io
import re
import warnings
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import timeglass as tg
from timeglass import TimeglassError
from timeglass.dates.calendar import Frequency
from timeglass.dates.frequencies import Irregular, detect
from timeglass.errors import DataError, InputError, OptionError
from timeglass.prepare.power import Log
from timeglass.prepare.scale import MinMaxScaler
from timeglass.prepare.steps import Steps
from timeglass.prepare.windows import direct_windows
from timeglass.read import ReadOptions, csv_arrow, grouping, growing, read_panel, read_series, regular, text
from timeglass.read.grouping import Flat
from timeglass.series.panel import Panel

FILE = "data.csv"
DAYS = np.arange("2021-03-01", "2021-06-01", dtype="datetime64[D]").astype(str).tolist()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(rows: list[str], header: str = "unique_id,ds,y") -> None:
    with open(FILE, "w", encoding="utf-8", newline="") as file:
        file.write("\n".join([header, *rows]) + "\n")


def read(**options: Any) -> Panel:
    return read_panel(FILE, ReadOptions(**options))


def refusal(**options: Any) -> str:
    with pytest.raises(TimeglassError) as caught:
        read(**options)
    assert caught.value.exit_code == 2
    return str(caught.value)


def begins(said: str, start: str) -> bool:
    """Whether it begins so; a place of which the line alone is known may have its column besides."""
    return said.startswith(start) or re.sub(r"^(data\.csv:\d+):\d+:", r"\1:", said).startswith(start)


def of(name: str, count: int = 4, first: int = 0, scale: float = 1.0) -> list[str]:
    return [f"{name},{DAYS[first + i]},{(first + i) * scale!r}" for i in range(count)]


# ---- long tables


@pytest.mark.parametrize("order", ["whole", "interleaved", "in pieces", "backwards"])
def test_the_rows_of_a_series_are_put_together_wherever_they_stand(order):
    a, b, c = of("a", 6), of("b", 4, 3, 10.0), of("c", 5, 1, 100.0)
    rows = {
        "whole": a + b + c,
        "interleaved": [row for rows in zip(a[:4], b, c[:4], strict=True) for row in rows] + a[4:] + c[4:],
        "in pieces": a[:3] + b[:1] + c[:2] + a[3:] + b[1:] + c[2:],
        "backwards": (a + b + c)[::-1],
    }[order]
    save(rows)
    panel = read()
    ids = list(dict.fromkeys(row[0] for row in rows))
    assert panel.ids == tuple(ids)
    lengths = {"a": 6, "b": 4, "c": 5}
    assert panel.offsets.tolist() == np.cumsum([0, *(lengths[name] for name in ids)]).tolist()
    wanted = {"a": [0, 1, 2, 3, 4, 5], "b": [30, 40, 50, 60], "c": [100, 200, 300, 400, 500]}
    for name, values in wanted.items():
        series = panel[name]
        assert series.values.tolist() == values
        assert (series.name, series.position, str(series.frequency)) == (name, 3, "day")
        for row in range(len(series)):
            assert rows[series.lines[row] - 2] == f"{name},{series.label(row)},{float(series.values[row])!r}"
    assert panel.lines == range(2, 17) if order == "whole" else isinstance(panel.lines, np.ndarray)
    assert len(panel.origin.notes) == (3 if order == "backwards" else 0)


def test_lines_are_a_range_while_no_line_between_is_blank():
    save([*of("a"), *of("b")])
    assert read().lines == range(2, 10)
    save([*of("a"), "", *of("b")])
    panel = read()
    assert np.asarray(panel.lines).tolist() == [2, 3, 4, 5, 7, 8, 9, 10]
    assert panel["b"].lines.dtype == np.int64
    save([*of("a")[:2], *of("b"), *of("a")[2:]])
    assert np.asarray(read().lines).tolist() == [2, 3, 8, 9, 4, 5, 6, 7]


def test_one_row_per_series():
    save([f"s{i},{DAYS[i]},{i}" for i in range(50)])
    panel = read()
    assert len(panel) == 50
    assert panel.offsets.tolist() == list(range(51))
    assert panel.frequency is None
    assert panel["s7"].label(0) == DAYS[7]
    assert "one date alone tells no frequency (--freq)" in panel.origin.guesses
    assert [s.values.tolist() for s in panel] == [[float(i)] for i in range(50)]


@pytest.mark.parametrize(("way", "smallest"), [("pyarrow", 1), ("the exact reader", 2**40)])
def test_seventy_thousand_series_in_two_rounds(way, smallest, monkeypatch):
    """More than 16 bits count: rows of a series lie 70,000 lines apart."""
    monkeypatch.setattr(csv_arrow, "SMALLEST", smallest)
    count = 70_000
    save(
        [
            f"{(i * 7919) % count},{day},{(i * 7919) % count + k * 0.5}"
            for k, day in enumerate(DAYS[:2])
            for i in range(count)
        ]
    )
    panel = read(time="ds", id="unique_id", value="y")
    assert len(panel) == count
    assert panel.ids[:3] == ("0", "7919", "15838")
    assert panel.offsets[-1] == 2 * count
    assert (np.diff(panel.offsets) == 2).all()
    numbers = np.array(panel.ids, dtype=np.int64)
    assert (panel.values.reshape(count, 2) == numbers[:, None] + [0, 0.5]).all()
    lines = np.asarray(panel.lines).reshape(count, 2)
    assert (lines == np.arange(count)[:, None] + [2, count + 2]).all()
    assert panel["65536"].values.tolist() == [65536.0, 65536.5]
    assert panel[-1].values.tolist() == [numbers[-1], numbers[-1] + 0.5]


def test_ids_that_are_numbers_stay_as_they_are_written():
    save([row for k, name in enumerate(("7", "007", "7.0", "-3", "1e3")) for row in of(name, scale=k + 1.0)])
    panel = read()
    assert panel.ids == ("7", "007", "7.0", "-3", "1e3")
    assert panel["007"].lines.tolist() == [6, 7, 8, 9]
    assert "series are told apart by column 'unique_id' (--id)" in panel.origin.guesses
    assert begins(refusal(id="none", time="ds", value="y"), f"{FILE}:7: lines 3 and 7 both say 2021-03-02: 1 and 2:")


def test_ids_in_quotes_and_with_blanks_around_them():
    names = {'"a,b"': "a,b", '"say ""x"""': 'say "x"', " c ": "c", '" d "': "d", "ü€": "ü€", '"e\nf"': "e\nf"}
    save([row for name in names for row in of(name, 3)])
    panel = read()
    assert panel.ids == tuple(names.values())
    assert panel['say "x"'].lines.tolist() == [5, 6, 7]
    assert panel["e\nf"].lines.tolist() == [17, 19, 21]
    assert all(series.values.tolist() == [0, 1, 2] for series in panel)


def test_a_blank_id_is_refused_at_its_line():
    save([*of("a"), *of("b")[:2], *of("")[2:3], *of("b")[3:]])
    assert refusal() == f"{FILE}:8:1: column 'unique_id' is empty: which series is this row of?"


def test_a_panel_is_asked_by_number_or_by_name():
    save([*of("a", 4), *of("b", 5), *of("c", 6)])
    panel = read()
    assert len(panel) == 3
    assert panel[0].values.tolist() == panel["a"].values.tolist() == panel[-3].values.tolist() == [0, 1, 2, 3]
    assert panel[np.int64(1)].name == "b"
    assert [series.name for series in panel] == ["a", "b", "c"]
    assert [len(series) for series in panel] == [4, 5, 6]
    assert repr(panel) == "Panel of 3 series, 15 rows, a row every day, from 'data.csv'"
    assert np.shares_memory(panel[2].values, panel.values)
    with pytest.raises(OptionError, match=r"^no series 'd' in data.csv: there are 'a', 'b', 'c'$"):
        panel["d"]
    with pytest.raises(IndexError):
        panel[3]
    with pytest.raises(DataError, match=r"^data.csv has 3 series \('a', 'b', 'c'\), one is wanted: use read_panel"):
        read_series(FILE)


def test_a_slice_of_a_panel_is_refused_in_words():
    """As `series[3]` is; not by NumPy about arrays of no dimension."""
    save([*of("a"), *of("b")])
    with pytest.raises(OptionError, match="panel"):
        read()[0:2]


def test_one_series_of_a_long_table_is_a_series():
    save(of("only", 5))
    series = read_series(FILE)
    assert (series.name, series.values.tolist(), series.place(2)) == ("only", [0, 1, 2, 3, 4], "data.csv:4:3")


# ---- different frequencies


def test_hours_among_days_are_refused_and_the_series_named():
    save([*of("a", 10), *of("b", 10), *(f"h,2021-03-01T{h:02d}:00,{h}" for h in range(10))])
    said = refusal()
    assert begins(said, f"{FILE}:23: series 'h': the other series have a row every day; ")
    assert "(steps: 9 of 1 hour; the first other step is between lines 22 and 23)" in said
    assert said.endswith("or --freq none to take the rows as they follow each other")
    assert read(frequency="none")["h"].values.tolist() == list(range(10))


def test_months_among_days_are_gaps_of_the_series_named():
    save([*of("a", 10), *(f"m,2021-{m:02d}-01,{m}" for m in range(1, 10)), *of("b", 10)])
    assert begins(refusal(), f"{FILE}:13: series 'm': gap 2021-01-02..2021-01-31 (30 rows) between lines 12 and 13")


def test_starts_of_months_beside_ends():
    save([*(f"a,2021-{m:02d}-01,{m}" for m in range(1, 13)), "b,2021-01-31,1", "b,2021-02-28,2", "b,2021-03-31,3"])
    assert begins(refusal(), f"{FILE}:16: series 'b': the other series have a row every month; ")


def test_the_series_that_is_refused_is_the_first_that_is_wrong():
    rows = [*of("a", 10), *of("b", 10), *of("c", 10)]
    del rows[24], rows[13]
    save(rows)
    assert begins(refusal(), f"{FILE}:15: series 'b': gap 2021-03-04 (1 row) between lines 14 and 15")


# ---- wide tables


def test_columns_begin_late_and_end_early_and_that_is_said():
    save(["2021-01,,1,7", "2021-02,1,2,8", "2021-03,2,3,9", "2021-04,3,,10", "2021-05,4,NA,11"], "date,a,b,c")
    panel = read()
    assert panel.ids == ("a", "b", "c")
    assert panel.columns == (2, 3, 4)
    assert panel.offsets.tolist() == [0, 4, 7, 12]
    assert panel.values.tolist() == [1, 2, 3, 4, 1, 2, 3, 7, 8, 9, 10, 11]
    assert np.asarray(panel.lines).tolist() == [3, 4, 5, 6, 2, 3, 4, 2, 3, 4, 5, 6]
    assert panel["b"].place(2) == "data.csv:4:3"
    assert panel["a"].label(0) == "2021-02"
    assert panel.origin.notes == (
        "series 'a': values from line 3 to line 6 alone: it begins and ends there",
        "series 'b': values from line 2 to line 4 alone: it begins and ends there",
    )
    assert panel.origin.changes == ()
    with pytest.raises(DataError, match=r"^data.csv: 3 columns hold numbers, 'a', 'b', 'c': say which, --value"):
        read_series(FILE)


def test_a_blank_within_a_column_is_refused_at_its_place():
    save(["2021-01,,1", "2021-02,1,2", "2021-03,,3", "2021-04,3,"], "date,a,b")
    assert begins(refusal(), f"{FILE}:4:2: column 'a' is empty: fill it in")
    panel = read(missing="linear")
    assert panel["a"].values.tolist() == [1, 2, 3]
    assert [str(change) for change in panel.origin.changes] == [
        "line 4 (2021-03), column 'a': nothing → 2: filled in, linear"
    ]


@pytest.mark.parametrize("seed", range(30))
def test_wide_tables_beside_a_plain_loop(seed):
    rng = np.random.default_rng(seed)
    rows, width = int(rng.integers(5, 30)), int(rng.integers(2, 6))
    values = rng.normal(size=(rows, width))
    begins = rng.integers(0, rows // 2, size=width)
    ends = rng.integers(rows // 2 + 1, rows + 1, size=width)
    cells = [
        ["" if not begins[k] <= i < ends[k] else repr(float(values[i, k])) for k in range(width)] for i in range(rows)
    ]
    order = rng.permutation(rows) if seed % 2 else np.arange(rows)
    save([",".join([DAYS[i], *cells[i]]) for i in order], "ds," + ",".join(f"c{k}" for k in range(width)))
    panel = read()
    lines = {int(i): n for n, i in enumerate(order, 2)}
    for k, series in enumerate(panel):
        assert series.values.tobytes() == values[begins[k] : ends[k], k].tobytes()
        assert series.lines.tolist() == [lines[i] for i in range(begins[k], ends[k])]
        assert series.dates.astype(str).tolist() == DAYS[begins[k] : ends[k]]
        assert (series.position, series.name) == (k + 2, f"c{k}")


# ---- parts: order, growth, frequency


@given(st.lists(st.integers(0, 2**31 - 1) | st.integers(0, 3) | st.integers(65_530, 65_540), max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_stable_order(codes):
    array = np.array(codes, np.int32)
    assert grouping._stable_order(array).tolist() == np.argsort(array, kind="stable").tolist()


@pytest.mark.parametrize("largest", [3, 65_535, 65_536, 70_000, 2**31 - 1])
def test_stable_order_of_many(largest):
    codes = np.random.default_rng(largest).integers(0, largest, size=20_000, endpoint=True).astype(np.int32)
    codes[::7] = largest
    assert (grouping._stable_order(codes) == np.argsort(codes, kind="stable")).all()


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(1, 9))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_run_starts_in_any_chunks(codes, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grouping, "_CHUNK", chunk)
        found = grouping._run_starts(np.array(codes, np.int32)).tolist()
    assert found == [i for i, code in enumerate(codes) if i == 0 or code != codes[i - 1]]


@given(
    sizes=st.lists(st.integers(0, 70), max_size=12),
    spill=st.booleans(),
    capacity=st.integers(0, 50),
    dtype=st.sampled_from(["float64", "int64", "int32"]),
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_growing_beside_concatenate(sizes, spill, capacity, dtype):
    rng = np.random.default_rng(len(sizes))
    parts = [rng.integers(-99, 99, size).astype(dtype) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growing, "_FIRST", 4)
        whole, lengths = grown(dtype, parts, spill, capacity)
    assert lengths == np.cumsum(sizes).tolist()
    assert whole.dtype == dtype
    assert whole.tolist() == np.concatenate([np.empty(0, dtype), *parts]).tolist()


def grown(dtype: Any, parts: list[np.ndarray], spill: bool, capacity: int = 0) -> tuple[np.ndarray, list[int]]:
    """The whole, and the lengths on the way. Whether a file is closed, another test says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        array, lengths = growing.Growing(dtype, capacity=capacity, spill=spill), []
        for part in parts:
            array.extend(part)
            lengths.append(len(array))
        whole = array.whole()
        del array
    return whole, lengths


@pytest.mark.parametrize("spill", [False, True])
def test_growing_far_beyond_its_first_room(spill):
    parts = [np.random.default_rng(n).normal(size=30_011) for n in range(9)]
    whole, _ = grown(np.float64, parts, spill)
    assert whole.tobytes() == np.concatenate(parts).tobytes()


def test_the_file_of_an_array_that_is_let_go_of_is_closed():
    """Who runs Python with its warnings on shall see none of ours."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        array = growing.Growing(np.float64, spill=True)
        array.extend([1.0, 2.0])
        whole = array.whole()
        del array
        gc.collect()
    assert whole.tolist() == [1.0, 2.0]
    assert [str(warning.message) for warning in seen] == []


def test_a_table_that_lies_in_a_file_is_read_the_same(monkeypatch):
    save([row for i in range(6) for name in "abc" for row in of(name, 10)[i : i + 1]])
    plain = read()
    monkeypatch.setattr("timeglass.read.gathered.free_memory", lambda: 100)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        spilled = read()
        gc.collect()
    assert spilled.values.tobytes() == plain.values.tobytes()
    assert spilled.dates.tobytes() == plain.dates.tobytes()
    assert np.asarray(spilled.lines).tolist() == np.asarray(plain.lines).tolist()


FREQUENCIES = {
    "day": Frequency("day"), "2 days": Frequency("day", 2), "week": Frequency("week", weekday=0),
    "month": Frequency("month", day=1), "business": Frequency("business day"), "none": None,
}  # fmt: skip


@st.composite
def flats(draw) -> Flat:
    """Series of days, most of them as they should be: with or without a missing value, a gap, a repeat, a swap."""
    values, times, lengths = [], [], []
    for _ in range(draw(st.integers(1, 6))):
        count = draw(st.integers(1, 9))
        step = draw(st.sampled_from([1, 1, 1, 2, 7]))
        dates = np.datetime64("2021-03-01") + draw(st.integers(0, 9)) + step * np.arange(count)
        numbers = np.arange(count) + 0.5
        damage = draw(st.sampled_from(["", "", "", "nan", "gap", "twice", "swap"]))
        at = draw(st.integers(0, count - 1))
        if damage == "nan":
            numbers[at] = np.nan
        elif damage == "gap":
            dates[at:] += step
        elif damage == "twice":
            dates[at] = dates[0]
        elif damage == "swap":
            dates[[0, at]] = dates[[at, 0]]
        values.append(numbers)
        times.append(dates)
        lengths.append(count)
    rows = sum(lengths)
    offsets = np.cumsum([0, *lengths])
    ids = tuple(f"s{i}" for i in range(len(lengths)))
    return Flat(ids, np.concatenate(values), np.concatenate(times), range(2, rows + 2), offsets, (3,))


def is_faulty(values: np.ndarray, dates: np.ndarray, frequency: Frequency | None) -> bool:
    """One series, row by row."""
    if any(value != value for value in values):
        return True
    if frequency is None:
        return any(b <= a for a, b in pairwise(dates))
    if not all(frequency.holds(dates[i : i + 1])[0] for i in range(len(dates))):
        return True
    return any(frequency.after(a, 1)[0] != b for a, b in pairwise(dates))


@given(flats(), st.sampled_from(sorted(FREQUENCIES)), st.integers(1, 12))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_faulty_series_beside_a_loop(flat, name, chunk):
    """Wherever the chunks of rows that are looked at together begin and end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(regular, "_CHUNK", chunk)
        found = regular.faulty_series(flat, FREQUENCIES[name]).tolist()
    wanted = [
        place for place, (a, b) in enumerate(pairwise(flat.offsets))
        if is_faulty(flat.values[a:b], flat.times[a:b], FREQUENCIES[name])
    ]  # fmt: skip
    assert found == wanted


@given(flats())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_common_frequency_beside_a_loop(flat):
    """Of the longest series first; of equally many the one that was found first."""
    parts = sorted(pairwise(flat.offsets), key=lambda part: part[0] - part[1])
    found, odd = [], None
    for a, b in parts:
        dates = np.array(sorted(set(flat.times[a:b].tolist())), "datetime64[D]")
        if len(dates) > 1:
            one = detect(dates)
            usual = one.usual if isinstance(one, Irregular) else one
            found += [usual] if usual is not None else []
            odd = odd or (one if usual is None else None)
    wanted = max(found, key=found.count) if found else odd
    assert regular.common_frequency(flat, None) == wanted
    assert Counter(found)[wanted] == max(Counter(found).values(), default=0)
    assert regular.common_frequency(flat, "none") is None
    assert regular.common_frequency(flat, "day") == Frequency("day")


# ---- where a value stands

NAMES = ["a", "b", 'say "x"', "a,b", "7", "007", "ü€", "two\nlines"]


def field(text: str, rng: np.random.Generator) -> str:
    needs = any(mark in text for mark in ',"\n')
    return '"' + text.replace('"', '""') + '"' if needs or rng.random() < 0.2 else text


def scattered(seed: int) -> tuple[list[str], dict[str, list[tuple[str, float, int]]]]:
    """A long table with its rows in any order, blank lines, and remarks over several lines.

    Its columns, and for each series (date, value, line on which its record begins) in the order of the dates.
    """
    rng = np.random.default_rng(seed)
    names = [NAMES[i] for i in rng.permutation(len(NAMES))[: rng.integers(1, 6)]]
    columns = ["unique_id", "ds", "y", "remark"]
    columns = [columns[i] for i in rng.permutation(4)] if seed % 3 else columns
    cells = []
    for name in names:
        first = int(rng.integers(0, 20))
        cells += [(name, DAYS[first + i], float(rng.normal())) for i in range(rng.integers(2, 25))]
    if seed % 4:
        cells = [cells[i] for i in rng.permutation(len(cells))]
    content, line, wanted = ",".join(columns) + "\n", 2, {}
    for name, day, value in cells:
        for _ in range(rng.choice([0, 0, 0, 0, 1, 2])):
            content, line = content + rng.choice(["\n", "  \n"]), line + 1
        remark = str(rng.choice(["", "good", 'a "b"', "one\ntwo", "x,y\n\n,z", "2021-03-01\n1.5"]))
        parts = {"unique_id": name, "ds": day, "y": repr(value), "remark": remark}
        record = ",".join(field(parts[column], rng) for column in columns) + "\n"
        wanted.setdefault(name, []).append((day, value, line))
        content, line = content + record, line + record.count("\n")
    if seed % 2:
        content = content.removesuffix("\n")
    with open(FILE, "w", encoding="utf-8", newline="") as file:
        file.write(content.replace("\n", "\r\n") if seed % 5 == 0 else content)
    return columns, {name: sorted(rows) for name, rows in wanted.items()}


@pytest.mark.parametrize("seed", range(60))
def test_the_line_of_each_value_holds_it(seed, monkeypatch):
    """The file is opened anew at that line: the record that begins there has that value, date and series.

    By the exact reader, by pyarrow, and in blocks of a few hundred bytes.
    """
    columns, wanted = scattered(seed)
    with open(FILE, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for smallest, piece in ((2**40, 2**22), (1, 2**22), (1, 300 + seed)):
        monkeypatch.setattr(csv_arrow, "SMALLEST", smallest)
        monkeypatch.setattr(text, "_PIECE", piece)
        panel = read(time="ds", value="y", id="unique_id", frequency="day")
        assert set(panel.ids) == set(wanted)
        assert len(panel.values) == sum(map(len, wanted.values()))
        for series in panel:
            rows = wanted[series.name]
            assert series.lines.tolist() == [line for _, _, line in rows]
            assert series.values.tobytes() == np.array([value for _, value, _ in rows]).tobytes()
            assert [series.label(row) for row in range(len(series))] == [day for day, _, _ in rows]
            for row in range(len(series)):
                line = int(series.lines[row])
                record = next(csv.reader(io.StringIO("\n".join(lines[line - 1 :]))))
                held = dict(zip(columns, record, strict=True))
                assert (held["unique_id"], held["ds"]) == (series.name, series.label(row))
                assert float(held["y"]) == series.values[row]
                if columns == ["unique_id", "ds", "y", "remark"] and "\n" not in series.name:
                    assert f"{float(series.values[row])!r}" in lines[line - 1]
                    assert series.label(row) in lines[line - 1]
                assert series.place(row) == f"data.csv:{line}:{columns.index('y') + 1}"


def test_lines_that_are_shifted_by_one_would_be_found(monkeypatch):
    """The property above can fail."""
    from timeglass.read import csv_table

    right = csv_table._lines
    monkeypatch.setattr(csv_table, "_lines", lambda rows: np.asarray(right(rows), np.int64) + 1)
    scattered(3)
    panel = read(time="ds", value="y", id="unique_id", frequency="day")
    _, wanted = scattered(3)
    assert all(
        series.lines.tolist() == [line + 1 for _, _, line in wanted[series.name]] for series in panel
    )  # one more than where it stands


# ---- later messages name the line


def scrambled(values: list[float]) -> dict[str, int]:
    """Two series, rows in any order, every fifth line blank; the lines of series b by date."""
    rng = np.random.default_rng(11)
    rows = [("a", DAYS[i], 1.0 + i) for i in range(9)] + [("b", DAYS[i], value) for i, value in enumerate(values)]
    written, lines = [], {}
    for k in rng.permutation(len(rows)):
        if len(written) % 5 == 4:
            written.append("")
        name, day, value = rows[k]
        written.append(f"{name},{day},{value!r}")
        if name == "b":
            lines[day] = len(written) + 1
    save(written)
    return lines


def test_a_step_that_meets_a_zero_says_where_it_stands():
    values = [2.0, 3.0, 5.0, 0.0, 4.0, 0.0, 7.0]
    lines = scrambled(values)
    series = read()["b"]
    where = f"data.csv:{lines[DAYS[3]]}:3 ({DAYS[3]}): Log: 2 of 7 values are not above 0, the first is value 4: 0"
    for given_ in (series, series[1:]):
        with pytest.raises(DataError) as caught:
            Steps.fit(given_, [Log()])
        place = where if given_ is series else where.replace("of 7", "of 6").replace("value 4", "value 3")
        assert str(caught.value).startswith(place)
    with pytest.raises(DataError) as caught, series[4:].places():
        Log().transform(series[4:].values)
    assert str(caught.value).startswith(f"data.csv:{lines[DAYS[5]]}:3 ({DAYS[5]}): Log: 1 of 3")


def test_a_series_too_short_for_windows_says_which_lines_it_has():
    lines = scrambled([2.0, 3.0, 5.0])
    series = read()["b"]
    with pytest.raises(InputError) as caught:
        direct_windows(series, 4)
    assert str(caught.value).startswith(
        f"data.csv, lines {lines[DAYS[0]]} to {lines[DAYS[2]]}: 3 rows, targets in rows 1 to 3: no window fits with "
        "time_steps 4 and horizon 1: 5 rows are needed"
    )


@pytest.mark.parametrize(("row", "kind"), [(4, "step"), (11, "target")])
def test_training_that_meets_a_value_beyond_float32_says_where_it_stands(row, kind):
    """Row 4 is first met as a step of a window, row 11, the last, as a target alone."""
    values = [float(i % 5) for i in range(12)]
    values[row] = 1e300
    lines = scrambled(values)
    series = read()["b"]
    windows = direct_windows(series, 3, stride=1)
    model = tg.Sequential([tg.SimpleRNN(2, input_shape=(3, 1)), tg.Dense(1)], seed=1)
    model.compile("adam", "mse")
    with pytest.raises(InputError) as caught, series.places(windows):
        model.fit(windows.x[..., None], windows.y, epochs=1, batch_size=4)
    assert str(caught.value).startswith(f"data.csv:{lines[DAYS[row]]}:3 ({DAYS[row]}): ")
    with pytest.raises(InputError) as plain:
        model.fit(windows.x[..., None], windows.y, epochs=1, batch_size=4)
    assert str(caught.value).endswith(str(plain.value))
    assert (plain.value.step is not None) == (kind == "step")


def saved_model() -> None:
    model = tg.Sequential([tg.SimpleRNN(2, input_shape=(4, 1)), tg.Dense(1)], seed=3)
    model.compile("adam", "mse")
    model.save("model.json", MinMaxScaler(0.0, 20.0))


def test_a_trace_shows_the_lines_of_its_window(timeglass):
    saved_model()
    save(
        [
            "",
            *(f"{day},{i}" for i, day in enumerate(DAYS[:8])),
            "",
            *(f"{day},{i + 8}" for i, day in enumerate(DAYS[8:16])),
        ],
        "ds,y",
    )
    done = timeglass("trace", "model.json", "--data", FILE, "--date", DAYS[9])
    assert (done.returncode, done.stderr.count("\n")) == (0, 2)
    assert f"Window    {DAYS[5]} to {DAYS[8]}: 5, 6, 7, 8\n" in done.stdout
    assert "Rows      data.csv, lines 8 to 12\n" in done.stdout
    assert "Rows      data.csv, lines 16 to 19\n" in timeglass("trace", "model.json", "--data", FILE).stdout


def test_a_trace_of_rows_newest_first_shows_lines_in_between_which_they_stand(timeglass):
    saved_model()
    save([f"{day},{i}" for i, day in enumerate(DAYS[:16])][::-1], "ds,y")
    done = timeglass("trace", "model.json", "--data", FILE, "--date", DAYS[9])
    assert f"Window    {DAYS[5]} to {DAYS[8]}: 5, 6, 7, 8\n" in done.stdout
    assert "Rows      data.csv, lines 12 to 9\n" in done.stdout or "Rows      data.csv, lines 9 to 12\n" in done.stdout


def test_a_trace_that_begins_at_a_row_that_was_filled_in_names_no_line_0(timeglass):
    saved_model()
    rows = [f"{day},{i}" for i, day in enumerate(DAYS[:16])]
    del rows[5]
    save(rows, "ds,y")
    done = timeglass("trace", "model.json", "--data", FILE, "--date", DAYS[9], "--missing", "linear")
    assert done.returncode == 0
    assert f"Window    {DAYS[5]} to {DAYS[8]}: 5, 6, 7, 8\n" in done.stdout
    assert "lines 0 to" not in done.stdout
