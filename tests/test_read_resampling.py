"""Rows by their dates: gathered into days, weeks or months, held against a frequency that is given, put in order."""

from __future__ import annotations

import re
import statistics

import numpy as np
import pytest
from read_files import FILE, begins, refusal
from read_files import folder as folder
from repair_files import (
    DAYS,
    LONG,
    MONTHS,
    ROWS,
    SORTED,
    TURNED,
    VALUES,
    listed,
    read,
    same_bits,
    save,
)

from timeglass.read import ReadOptions, read_panel

# ---- resample

HOURS = [(day, (7 * i) % 24, (13 * i) % 60) for i, day in enumerate(np.repeat(DAYS[:40], 3))]
STAMPS = sorted(f"{day}T{hour:02d}:{minute:02d}" for day, hour, minute in HOURS)
WAYS = {
    "mean": statistics.fmean, "sum": sum, "last": lambda x: x[-1], "first": lambda x: x[0], "min": min, "max": max,
    "median": statistics.median,
}  # fmt: skip


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("unit", ["day", "month", "week"])
def test_irregular_stamps_are_gathered_as_was_asked(unit, how):
    """Beside a plain dictionary of bins."""
    save([f"{stamp},{i}" for i, stamp in enumerate(STAMPS)])
    assert begins(
        refusal(), f"{FILE}:5: the dates are not evenly spaced (steps: 59 of 433 minutes, 15 of 373 minutes, "
    )
    bins: dict[str, list[int]] = {}
    for i, stamp in enumerate(STAMPS):
        day = np.datetime64(stamp[:10])
        monday = day - (day.astype(int) + 3) % 7  # 1970-01-01 was a Thursday
        begin = {"day": str(day), "month": stamp[:7] + "-01", "week": str(monday)}[unit]
        bins.setdefault(begin, []).append(i)
    series = read(resample=f"{unit}:{how}")
    assert series.dates.astype("datetime64[D]").astype(str).tolist() == list(bins)
    assert series.values.tolist() == pytest.approx([WAYS[how](rows) for rows in bins.values()], rel=1e-15)
    assert series.lines.tolist() == [rows[0] + 2 for rows in bins.values()]
    assert listed(series) == [
        (rows[0] + 2, "y", series.label(k), f"{len(rows)} rows", repr(float(series.values[k])), f"{how} of each {unit}")
        for k, rows in enumerate(bins.values())
    ]
    assert len(bins) == {"day": 40, "month": 2, "week": 6}[unit]


def test_without_a_way_it_is_the_mean():
    save([f"{stamp},{i}" for i, stamp in enumerate(STAMPS)])
    assert same_bits(read(resample="day").values, read(resample="day:mean").values)
    assert same_bits(read(resample="D").values, np.arange(1, 120, 3))


def test_a_bin_without_a_row_needs_its_own_option():
    save([f"{stamp},{i}" for i, stamp in enumerate(STAMPS) if not 30 <= i < 36])
    said = f"{FILE}:32: gap 2021-03-11..2021-03-12 (2 rows) between lines 29 and 32"
    assert begins(refusal(resample="day:sum"), said)
    series = read(resample="day:sum", missing="linear")
    assert listed(series)[-2:] == [
        (None, "y", "2021-03-11", "no row", "93.0", "filled in, linear"),
        (None, "y", "2021-03-12", "no row", "102.0", "filled in, linear"),
    ]
    assert series.values[9:13].tolist() == [84.0, 93.0, 102.0, 111.0]
    assert series.lines[9:13].tolist() == [29, 0, 0, 32]
    dropped = read(resample="day:sum", missing="drop")
    assert len(dropped) == 38
    assert any("2 rows missing (the first: 2021-03-11, after line 29)" in note for note in dropped.notes)


def test_values_that_are_missing_are_none_of_a_bin():
    rows = [f"{stamp},{'' if i == 4 else i}" for i, stamp in enumerate(STAMPS)]
    save(rows)
    assert begins(refusal(resample="day"), f"{FILE}:6:2: column 'y' is empty")
    series = read(resample="day", missing="drop")
    assert series.values[1] == 4.0  # of 3 and 5
    assert listed(series)[0] == (6, "y", "2021-03-02T11:05", "", "", "no value")
    assert listed(series)[2][3] == "2 rows"


def test_a_file_that_is_even_is_gathered_too_and_a_table_without_dates_is_not():
    save([f"2021-{m:02d}-{d:02d},{m}" for m in range(1, 5) for d in range(1, 29)])
    assert read(resample="month:sum", missing="drop").values.tolist() == [28, 56, 84, 112]
    assert begins(refusal(time="none", resample="day", value=2), "--resample day: the rows have no dates")


def test_series_are_gathered_each_for_itself_and_the_list_tells_them_apart():
    """Where a long table's changes name their series, so do these."""
    save([row for row in LONG if not row.startswith("c")], "unique_id,ds,y")
    panel = read_panel(FILE, ReadOptions(resample="week:sum"))
    assert panel.offsets.tolist() == [0, 3, 6]
    assert panel["b"].lines.tolist() == [22, 29, 36]
    assert panel["b"].values[0] == pytest.approx(sum(VALUES[:7]) + 7, rel=1e-15)
    assert [re.findall("series '(.)'", row[5]) for row in listed(panel)] == [["a"]] * 3 + [["b"]] * 3


def test_a_wide_series_that_begins_late_is_gathered_from_where_it_begins():
    """Without --resample the same table is read: it says where the series begins."""
    rows = [f"{month},{'' if i < 2 else i},{i}" for i, month in enumerate(MONTHS[:12])]
    save(rows, "date,a,b")
    assert read_panel(FILE)["a"].lines.tolist() == list(range(4, 14))
    panel = read_panel(FILE, ReadOptions(resample="quarter:sum"))
    assert panel["a"].values.tolist() == [2, 12, 21, 30]


def test_a_bin_without_a_row_in_a_wide_table_is_no_cell_of_line_0():
    save([f"2021-03-{day:02d}T0{hour}:{day:02d},{day},{hour}" for day in (1, 2, 5, 6) for hour in (1, 3)], "date,a,b")
    said = refusal(resample="day")
    assert "gap 2021-03-03..2021-03-04 (2 rows) between lines " in said
    assert ":0:" not in said


def test_two_sales_of_one_day_are_both_in_its_sum():
    """Rows of one date are what a resampling is for: equal ones are no repetition, others no contradiction."""
    save(["2021-03-01,5", "2021-03-01,5", "2021-03-02,1", "2021-03-02,2", "2021-03-03,7"])
    assert read(resample="day:sum").values.tolist() == [10, 3, 7]


# ---- how often rows come


def test_a_frequency_that_is_given_is_held_against_the_dates():
    business = [str(day) for day in np.array(DAYS, "datetime64[D]") if np.is_busday(day)][:25]
    save([f"{day},{VALUES[i]!r}" for i, day in enumerate(business)])
    assert str(read().frequency) == "business day"
    assert begins(refusal(frequency="day"), f"{FILE}:7: gap 2021-03-06..2021-03-07 (2 rows) between lines 6 and 7")
    series = read(frequency="day", missing="linear")
    assert [row[2] for row in listed(series)] == [
        f"2021-{day}" for day in ("03-06", "03-07", "03-13", "03-14", "03-20", "03-21", "03-27", "03-28")
    ]
    assert series.values[5] == (2 * VALUES[4] + VALUES[5]) / 3
    assert "a row every" not in " ".join(series.origin.guesses)  # it was said, not found
    assert begins(refusal(frequency="month end"), "--freq 'month end': 2021-03-01 in row 1 does not lie on it")


def test_ends_of_months():
    save(["2020-01-31,1", "2020-02-29,2", "2020-03-31,3", "2020-05-31,5"])
    assert begins(refusal(frequency="month end"), f"{FILE}:5: gap 2020-04-30 (1 row) between lines 4 and 5")
    series = read(frequency="month end", missing="linear")
    assert series.dates.astype(str).tolist() == ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30", "2020-05-31"]
    assert listed(series) == [(None, "y", "2020-04-30", "no row", "4.0", "filled in, linear")]


def test_no_frequency_takes_the_rows_as_they_follow_each_other():
    rows = [ROWS[i] for i in (0, 1, 5, 7, 20, 39)]
    save(rows)
    assert "the dates are not evenly spaced" in refusal()
    series = read(frequency="none")
    assert same_bits(series.values, [VALUES[i] for i in (0, 1, 5, 7, 20, 39)])
    assert (series.frequency, listed(series), series.notes) == (None, [], ())
    save([rows[1], rows[0], *rows[2:]])
    assert read(frequency="none").lines.tolist() == [3, 2, 4, 5, 6, 7]


# ---- order


def test_rows_out_of_order_are_sorted_and_that_is_said():
    rows = list(ROWS)
    rows[10], rows[20] = rows[20], rows[10]
    save(rows)
    series = read()
    assert same_bits(series.values, VALUES)
    assert series.lines[[10, 20]].tolist() == [22, 12]
    assert series.notes == (f"{SORTED % '2 places'} (2021-03-12 comes after 2021-03-21 (line 12))",)
    assert listed(series) == []
    said = f"{FILE}:13: 2021-03-12 comes after 2021-03-21 (line 12): sort the rows by date, or leave --strict out"
    assert begins(refusal(strict=True), said)


def test_newest_first():
    save(ROWS[::-1])
    series = read()
    assert same_bits(series.values, VALUES)
    assert series.lines.tolist() == list(range(41, 1, -1))
    assert series.notes == (f"{TURNED} (2021-04-08 comes after 2021-04-09 (line 2))",)
    assert begins(refusal(strict=True), f"{FILE}:3: 2021-04-08 comes after 2021-04-09 (line 2)")


def test_what_is_repaired_in_a_file_newest_first_stands_at_its_line():
    """Line 12 is blank, the row of line 31 (2021-03-11) gone, line 40 comes twice with another value."""
    rows = ROWS[::-1]
    rows[10] = rows[10].split(",")[0] + ","
    rows.insert(39, f"{DAYS[1]},5.5")
    del rows[29]
    save(rows)
    series = read(missing="linear", duplicates="mean")
    assert [row[:4] for row in listed(series)] == [
        (39, "y", DAYS[1], repr(VALUES[1])), (40, "y", DAYS[1], "5.5"), (None, "y", DAYS[10], "no row"),
        (12, "y", DAYS[29], ""),
    ]  # fmt: skip
