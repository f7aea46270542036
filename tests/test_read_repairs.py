"""Every repair, on request alone: what it makes of a file, and that each value that it changes is listed.

A repair is listed in `origin.changes` as line, column, date, what stood there, what is used, and why. Without its
option the same file is refused at the very line; what nobody asked to change stays to the last bit.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from read_files import FILE, begins, refusal
from read_files import folder as folder
from repair_files import (
    DAYS,
    LONG,
    MONTHS,
    ROWS,
    SORTED,
    VALUES,
    listed,
    read,
    replaced,
    same_bits,
    save,
    value_in,
)

from timeglass import TimeglassError
from timeglass.read import ReadOptions, read_panel
from timeglass.read.options import MISSING_WORDS

# ---- missing


@pytest.mark.parametrize("word", MISSING_WORDS)
def test_a_cell_without_a_value_is_filled_on_a_line_or_left_out(word):
    save(replaced(value_in(7, word)))
    what = f"holds '{word}', which stands for no value" if word else "is empty"
    assert begins(refusal(), f"{FILE}:7:2: column 'y' {what}: fill it in, or choose --missing")
    between = (VALUES[4] + VALUES[6]) / 2
    series = read(missing="linear")
    assert listed(series) == [(7, "y", DAYS[5], word, repr(between), "filled in, linear")]
    assert same_bits(series.values, [*VALUES[:5], between, *VALUES[6:]])
    assert series.lines.tolist() == list(range(2, 42))
    series = read(missing="drop")
    assert listed(series) == [(7, "y", DAYS[5], word, "", "no value")]
    assert same_bits(series.values, VALUES[:5] + VALUES[6:])
    assert series.lines.tolist() == [2, 3, 4, 5, 6, *range(8, 42)]
    assert series.dates.astype(str).tolist() == [*DAYS[:5], *DAYS[6:40]]


def test_blank_cells_and_missing_rows_side_by_side_are_one_hole():
    """Lines 10 and 12 without a value, the rows of 2021-03-10 (line 11) and 2021-03-20 (line 21) not there."""
    rows = replaced(value_in(10, "") | value_in(12, "NA"))
    del rows[19], rows[9]
    save(rows)
    assert begins(refusal(), f"{FILE}:10:2: column 'y' is empty")
    series = read(missing="linear")
    first, last = VALUES[7], VALUES[11]
    along = [(first * (4 - k) + last * k) / 4 for k in (1, 2, 3)]
    alone = (VALUES[18] + VALUES[20]) / 2
    assert listed(series) == [
        (10, "y", "2021-03-09", "", repr(along[0]), "filled in, linear"),
        (None, "y", "2021-03-10", "no row", repr(along[1]), "filled in, linear"),
        (11, "y", "2021-03-11", "NA", repr(along[2]), "filled in, linear"),
        (None, "y", "2021-03-20", "no row", repr(alone), "filled in, linear"),
    ]
    assert same_bits(series.values, [*VALUES[:8], *along, *VALUES[11:19], alone, *VALUES[20:]])
    assert series.lines.tolist() == [*range(2, 11), 0, *range(11, 20), 0, *range(20, 40)]
    assert series.dates.astype(str).tolist() == DAYS[:40]
    assert series.place(9) == "data.csv (filled in, 2021-03-10)"
    assert series.place(10) == "data.csv:11:2"


def test_going_on_without_blanks_and_missing_rows():
    rows = replaced(value_in(10, ""))
    del rows[19:22]
    save(rows)
    series = read(missing="drop")
    assert listed(series) == [(10, "y", "2021-03-09", "", "", "no value")]
    assert same_bits(series.values, VALUES[:8] + VALUES[9:19] + VALUES[22:])
    assert series.notes == (
        "3 rows missing (the first: 2021-03-20, after line 20): the rows beside such a gap are used as neighbours, "
        "as asked",
    )
    assert str(series.frequency) == "day"


@pytest.mark.parametrize("gap", [range(9, 10), range(9, 14), range(1, 38)])
def test_missing_rows_alone_are_refused_between_their_neighbours(gap):
    """A gap that leaves fewer than half of the steps makes the dates uneven: without --freq nobody knows of it."""
    rows = [row for i, row in enumerate(ROWS) if i not in gap]
    save(rows)
    count = "1 row" if len(gap) == 1 else f"{len(gap)} rows"
    what = DAYS[gap[0]] if len(gap) == 1 else f"{DAYS[gap[0]]}..{DAYS[gap[-1]]}"
    said = refusal(frequency="day")
    assert begins(
        said,
        f"{FILE}:{gap[0] + 2}: gap {what} ({count}) between lines {gap[0] + 1} and {gap[0] + 2}: fill the rows in, or "
        "choose --missing linear, seasonal, or drop to go on without them",
    )
    series = read(frequency="day", missing="linear")
    assert len(series) == 40
    assert [row[:4] for row in listed(series)] == [(None, "y", DAYS[i], "no row") for i in gap]
    line = np.interp(np.arange(40), [i for i in range(40) if i not in gap], [float(r.split(",")[1]) for r in rows])
    assert np.abs(series.values - line).max() < 1e-12
    assert same_bits(np.delete(series.values, gap), [VALUES[i] for i in range(40) if i not in gap])


SEASON = [2.0 * i + (5, -3, 8, 0, 1, -7, 4, 4, -9, 2, 6, -11)[i % 12] for i in range(60)]  # 2 t + the same each year


def test_a_season_with_a_slope_is_filled_in_as_it_was():
    """Exactly season + line: wherever values are known on both sides, what is filled in is what was taken out."""
    rows = [f"{month},{value!r}" for month, value in zip(MONTHS, SEASON, strict=True)]
    rows[17], rows[18] = f"{MONTHS[17]},", f"{MONTHS[18]},null"
    del rows[30:33]
    save(rows)
    assert begins(refusal(), f"{FILE}:19:2: column 'y' is empty")
    series = read(missing="seasonal")
    assert np.abs(series.values - SEASON).max() < 1e-9
    holes = [17, 18, 30, 31, 32]
    assert listed(series) == [
        (line, "y", MONTHS[i], old, repr(float(series.values[i])), "filled in, seasonal")
        for i, line, old in zip(holes, (19, 20, None, None, None), ("", "null", *["no row"] * 3), strict=True)
    ]
    assert same_bits(np.delete(series.values, holes), np.delete(SEASON, holes))
    linear = read(missing="linear")
    assert linear.values[17] == (SEASON[16] * 2 + SEASON[19]) / 3 != SEASON[17]


@pytest.mark.parametrize(
    ("line", "which"), [(2, "the first 1 row without one before"), (41, "the last 1 row without one after")]
)
def test_a_line_has_no_end_of_its_own(line, which):
    save(replaced(value_in(line, "")))
    said = refusal(missing="linear")
    assert begins(said, f"{FILE}:{line}: --missing linear: a line needs a known value on either side: {which}")
    assert said.endswith("use seasonal, or drop to go on without them")
    series = read(missing="seasonal")
    assert [row[:4] for row in listed(series)] == [(line, "y", DAYS[line - 2], "")]
    assert len(series) == 40
    assert np.isfinite(series.values).all()
    series = read(missing="drop")
    assert listed(series) == [(line, "y", DAYS[line - 2], "", "", "no value")]
    assert same_bits(series.values, VALUES[1:] if line == 2 else VALUES[:-1])


def test_where_the_end_has_no_value_the_place_that_is_named_is_the_end():
    """Line 7 lies between known values: what stops the line is line 41."""
    save(replaced(value_in(7, "") | value_in(41, "")))
    assert begins(refusal(missing="linear"), f"{FILE}:41: --missing linear: ")


def test_nothing_is_known():
    save([f"{day}," for day in DAYS[:20]])
    assert begins(refusal(), f"{FILE}:2:2: column 'y' is empty")
    assert refusal(missing="drop") == f"{FILE}: no row is left: all values are missing"
    assert "no value is known among 20 rows: there is nothing to fill from" in refusal(missing="linear")


def test_rows_without_dates_are_filled_in_too():
    save(["1.5", "NA", "4.5"], "y")
    assert begins(refusal(), f"{FILE}:3:1: column 'y' holds 'NA'")
    series = read(missing="linear")
    assert listed(series) == [(3, "y", "", "NA", "3.0", "filled in, linear")]
    assert "period 1: there is no season: use linear" in refusal(missing="seasonal")


def test_one_series_of_many_is_mended_and_the_others_are_not_touched():
    """Line 28 is the seventh row of b; the row of 2021-03-15, line 36, is gone."""
    rows = list(LONG)
    rows[26] = f"b,{DAYS[6]},NA"
    del rows[34]
    save(rows, "unique_id,ds,y")
    assert begins(refusal(), f"{FILE}:28:3: series 'b': column 'y' holds 'NA'")
    panel = read_panel(FILE, ReadOptions(missing="linear"))
    b = [VALUES[i] + 1 for i in range(20)]
    b[6], b[14] = (b[5] + b[7]) / 2, (b[13] + b[15]) / 2
    assert listed(panel) == [
        (28, "y", DAYS[6], "NA", repr(b[6]), "filled in, linear of series 'b'"),
        (None, "y", DAYS[14], "no row", repr(b[14]), "filled in, linear of series 'b'"),
    ]
    assert panel.offsets.tolist() == [0, 20, 40, 60]
    for k, name in enumerate("abc"):
        assert same_bits(panel[name].values, b if name == "b" else [VALUES[i] + k for i in range(20)])
    assert panel["b"].lines.tolist() == [*range(22, 36), 0, *range(36, 41)]
    assert panel["c"].lines.tolist() == list(range(41, 61))
    dropped = read_panel(FILE, ReadOptions(missing="drop"))
    assert listed(dropped) == [(28, "y", DAYS[6], "NA", "", "no value of series 'b'")]
    assert dropped.offsets.tolist() == [0, 20, 38, 58]
    said = "series 'b': 1 row missing (the first: 2021-03-15, after line 35): the rows beside such a gap are used as"
    assert dropped.origin.notes == (f"{said} neighbours, as asked",)


def test_a_series_of_which_nothing_is_left_is_gone_and_said():
    save([*LONG[:40], "c,2021-03-01,"], "unique_id,ds,y")
    panel = read_panel(FILE, ReadOptions(missing="drop"))
    assert panel.ids == ("a", "b")
    assert listed(panel) == [(42, "y", DAYS[0], "", "", "no value of series 'c'")]


@given(holes=st.sets(st.integers(1, 38), min_size=1, max_size=12), gone=st.sets(st.integers(1, 38), max_size=8))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_holes_anywhere_are_filled_and_all_else_stays(holes, gone):
    """Beside NumPy's interpolation: a cell is blank where `holes` says, a row is not there where `gone` does."""
    kept = [i for i in range(40) if i not in gone]
    save([f"{DAYS[i]},{'' if i in holes else repr(VALUES[i])}" for i in kept])
    series = read(missing="linear", frequency="day")
    known = [i for i in kept if i not in holes]
    filled = sorted(holes | gone)
    wanted = np.interp(np.arange(40), known, [VALUES[i] for i in known])
    assert np.abs(series.values - wanted).max() < 1e-12
    assert same_bits(series.values[known], [VALUES[i] for i in known])
    lines = {i: n for n, i in enumerate(kept, 2)}
    assert listed(series) == [
        (
            lines.get(i),
            "y",
            DAYS[i],
            "no row" if i in gone else "",
            repr(float(series.values[i])),
            "filled in, linear",
        )
        for i in filled
    ]


def test_far_more_missing_rows_than_there_are_mean_a_wrong_date():
    save([*ROWS[:20], "2121-03-21,5"])
    assert "is a date wrong, or the frequency, --freq?" in refusal(missing="linear")
    assert begins(
        refusal(missing="linear"),
        f"{FILE}:22: 36,524 rows are missing beside 21 rows, most between 2021-03-20 (line 21) and",
    )


def test_a_change_that_was_not_listed_would_be_found(monkeypatch):
    """The comparisons above can fail."""
    save(replaced(value_in(7, "")))
    monkeypatch.setattr("timeglass.read.log.Log.change", lambda *given, **more: None)
    with pytest.raises(AssertionError):
        test_a_cell_without_a_value_is_filled_on_a_line_or_left_out("")


# ---- duplicates

HOW = {
    "first": lambda found: found[0], "last": lambda found: found[-1], "mean": lambda found: sum(found) / len(found),
    "sum": sum, "min": min, "max": max,
}  # fmt: skip
KEEPS = ("first", "last", "min", "max")  # take one of the rows as it stands; the others are made anew of all
TWICE = [3.25, 1.5, 7.75, 2.0]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_several_values_of_one_date_become_one(how, count):
    """Line 7 and those after it, all of 2021-03-06."""
    given = TWICE[:count]
    save([*ROWS[:5], *(f"{DAYS[5]},{value!r}" for value in given), *ROWS[6:]])
    assert begins(
        refusal(),
        f"{FILE}:8: lines 7 and 8 both say 2021-03-06: 3.25 and 1.5: keep one, or choose --duplicates last or mean",
    )
    series = read(duplicates=how)
    made = HOW[how](given)
    assert same_bits(series.values, [*VALUES[:5], made, *VALUES[6:]])
    used = 7 + given.index(made) if how in KEEPS else None  # the line of the one that is kept
    why = f"{how} of {count} rows of this date"
    assert listed(series) == [
        (7 + i, "y", DAYS[5], repr(value), repr(float(made)), why) if used is None
        else (7 + i, "y", DAYS[5], repr(value), "", f"the {why} is in line {used}")
        for i, value in enumerate(given) if 7 + i != used
    ]  # fmt: skip
    assert series.dates.astype(str).tolist() == DAYS[:40]
    assert np.delete(series.lines, 5).tolist() == [*range(2, 7), *range(7 + count, 41 + count)]


@pytest.mark.parametrize(("how", "line"), [("first", 7), ("last", 9), ("min", 8), ("max", 9)])
def test_the_line_of_a_value_that_was_chosen_is_its_own(how, line):
    """`lines` holds the line of each value in its file: a message about 7.75 shall not lead to 3.25."""
    save([*ROWS[:5], f"{DAYS[5]},3.25", f"{DAYS[5]},1.5", f"{DAYS[5]},7.75", *ROWS[6:]])
    assert read(duplicates=how).lines[5] == line


@pytest.mark.parametrize("text", ["999", "1000", "1.5", "NA"])
def test_what_stood_there_is_listed_as_it_stood(text):
    save([*ROWS[:5], f"{DAYS[5]},3.25", f"{DAYS[5]},{text}", *ROWS[6:]])
    series = read(duplicates="first", missing="linear")
    assert series.origin.changes[-1].old == text


@pytest.mark.parametrize("how", ["sum", "mean"])
def test_no_infinity_comes_of_values_that_are_finite(how):
    save([*ROWS[:5], f"{DAYS[5]},1.7e308", f"{DAYS[5]},1.6e308", *ROWS[6:]])
    said, values = "", np.zeros(1)
    try:
        values = read(duplicates=how).values
    except TimeglassError as error:
        said = str(error)
    assert np.isfinite(values).all()
    assert not said or said.startswith(f"{FILE}:")


@pytest.mark.parametrize("how", HOW)
def test_one_blank_among_values_of_a_date_does_not_count(how):
    """A blank is no value: it needs an option of its own, and is then none of the values of its date."""
    save([*ROWS[:5], f"{DAYS[5]},3.25", f"{DAYS[5]},", f"{DAYS[5]},1.5", *ROWS[6:]])
    assert begins(refusal(duplicates=how), f"{FILE}:8:2: column 'y' is empty")
    assert begins(refusal(missing="drop"), f"{FILE}:8: lines 7 and 8 both say 2021-03-06: 3.25 and no value")
    for missing in ("linear", "seasonal", "drop"):
        series = read(duplicates=how, missing=missing)
        made = HOW[how]([3.25, 1.5])
        assert same_bits(series.values, [*VALUES[:5], made, *VALUES[6:]])
        used = {3.25: 7, 1.5: 9}.get(made) if how in KEEPS else None
        new = repr(float(made)) if used is None else ""
        assert [row[:5] for row in listed(series)] == [
            (line, "y", DAYS[5], old, new) for line, old in ((7, "3.25"), (8, ""), (9, "1.5")) if line != used
        ]


def test_the_same_date_in_two_series_is_no_duplicate_and_in_one_it_is():
    rows = list(LONG)
    rows.insert(30, f"b,{DAYS[9]},99.5")  # line 32: after the tenth row of b
    save(rows, "unique_id,ds,y")
    said = refusal()
    assert begins(said, f"{FILE}:32: series 'b': lines 31 and 32 both say 2021-03-10: ")
    assert said.endswith(" and 99.5: keep one, or choose --duplicates last or mean")
    panel = read_panel(FILE, ReadOptions(duplicates="max"))
    assert [row[:3] + row[4:] for row in listed(panel)] == [
        (31, "y", DAYS[9], "", "the max of 2 rows of this date is in line 32 of series 'b'")
    ]
    assert panel["b"].lines[9] == 32
    assert panel["b"].values[9] == 99.5
    assert panel.offsets.tolist() == [0, 20, 40, 60]
    for k, name in ((0, "a"), (2, "c")):
        assert same_bits(panel[name].values, [VALUES[i] + k for i in range(20)])


def test_columns_of_a_wide_table_are_merged_each_for_itself():
    save(["2021-01,1,1", "2021-02,1,2", "2021-02,1,5", "2021-03,2,3", "2021-04,3,1"], "date,a,b")
    assert begins(refusal(), f"{FILE}:4: series 'b': lines 3 and 4 both say 2021-02: 2 and 5")
    panel = read_panel(FILE, ReadOptions(duplicates="last"))
    assert listed(panel) == [
        (4, "a", "2021-02", "1.0", "", "the same as in line 3"),
        (3, "b", "2021-02", "2.0", "", "the last of 2 rows of this date is in line 4"),
    ]
    assert panel["a"].values.tolist() == [1, 1, 2, 3]
    assert panel["b"].values.tolist() == [1, 5, 3, 1]


def test_a_row_that_stands_twice_counts_once_and_is_listed():
    """Asked for or not; three times counts twice."""
    save([*ROWS[:5], ROWS[4], *ROWS[5:10], ROWS[4], *ROWS[10:]])
    series = read()
    assert listed(series) == [
        (7, "y", DAYS[4], repr(VALUES[4]), "", "the same as in line 6"),
        (13, "y", DAYS[4], repr(VALUES[4]), "", "the same as in line 6"),
    ]
    assert same_bits(series.values, VALUES)
    assert series.lines.tolist() == [*range(2, 7), *range(8, 13), *range(14, 44)]
    assert series.notes == (f"{SORTED % '1 place'} (2021-03-05 comes after 2021-03-10 (line 12))",)
    assert begins(refusal(strict=True), f"{FILE}:13: 2021-03-05 comes after 2021-03-10 (line 12): sort the rows")
    save([*ROWS[:5], ROWS[4], *ROWS[5:]])
    assert begins(refusal(strict=True), f"{FILE}:7: lines 6 and 7 both say 2021-03-05, the same value: keep one")


def test_strict_refuses_a_repeated_row_also_where_other_dates_are_merged():
    save([*ROWS[:5], ROWS[4], *ROWS[5:10], f"{DAYS[9]},1", *ROWS[10:]])
    assert begins(refusal(strict=True, duplicates="last"), f"{FILE}:7: lines 6 and 7 both say 2021-03-05")


def test_two_blanks_of_one_date_are_one_blank():
    save([*ROWS[:5], f"{DAYS[5]},", f"{DAYS[5]},NA", *ROWS[6:]])
    made = (VALUES[4] + VALUES[6]) / 2
    assert [row[:3] + row[4:] for row in listed(read(missing="linear"))] == [
        (8, "y", DAYS[5], "", "the same as in line 7"),
        (7, "y", DAYS[5], repr(made), "filled in, linear"),
    ]
