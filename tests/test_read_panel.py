"""Tables of many series: which row belongs to which, in what order, and on which line of the file each value stands."""

from __future__ import annotations

import numpy as np
import pytest
from panel_files import DAYS, of, read, save
from read_files import FILE, begins, refusal
from read_files import folder as folder

from timeglass.errors import DataError, OptionError
from timeglass.read import csv_arrow, read_series

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


def test_months_among_days_are_refused_with_the_series_named():
    save([*of("a", 10), *(f"m,2021-{m:02d}-01,{m}" for m in range(1, 10)), *of("b", 10)])
    assert begins(refusal(), f"{FILE}:12:2: series 'm': a row every month, where the other series have one every day")


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


@pytest.mark.parametrize("smallest", [1, 2**40])
def test_blanks_around_names_of_series_are_said(smallest, monkeypatch):
    """By pyarrow and by the exact reader: A and "A " are one series, and that is no secret."""
    monkeypatch.setattr("timeglass.read.csv_arrow.SMALLEST", smallest)
    save([*of("A", 10), *(row.replace("A,", "A ,") for row in of("A", 20)[10:])])
    panel = read()
    assert (panel.ids, len(panel.values)) == (("A",), 20)
    assert panel.origin.notes == ("the names of series are taken without the blanks around them",)
