"""Every repair, on request alone: what it makes of a file, and that each value that it changes is listed.

A repair is listed in `origin.changes` as line, column, date, what stood there, what is used, and why. Without its
option the same file is refused at the very line; what nobody asked to change stays to the last bit.
"""

from __future__ import annotations

import re
import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeglass import TimeglassError
from timeglass.read import ReadOptions, read_panel, read_series
from timeglass.read.options import MISSING_WORDS
from timeglass.series.series import Series

FILE = "data.csv"
DAYS = np.arange("2021-03-01", "2021-05-01", dtype="datetime64[D]").astype(str).tolist()
VALUES = (10 + np.random.default_rng(5).normal(size=40)).tolist()  # no two alike, all digits of a double in use
ROWS = [f"{day},{value!r}" for day, value in zip(DAYS, VALUES, strict=False)]
SORTED = "the rows stood out of order in %s, and were sorted"
TURNED = "the rows stood newest first, and were turned round"
Listed = tuple[int | None, str, str, str, str, str]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def save(rows: list[str], header: str | None = "date,y") -> None:
    with open(FILE, "w", encoding="utf-8", newline="") as file:
        file.write("\n".join([*([] if header is None else [header]), *rows]) + "\n")


def read(**options: Any) -> Series:
    return read_series(FILE, ReadOptions(**options))


def number(text: str) -> str:
    """3 is listed as 3 or as 3.0: one number."""
    return repr(float(text)) if re.fullmatch(r"[-+.e0-9]*[0-9]", text) else text


def listed(series: Any) -> list[Listed]:
    return [(c.line, c.column, c.date, number(c.old), number(c.new), c.why) for c in series.origin.changes]


def refusal(**options: Any) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(TimeglassError) as caught:
        read_panel(FILE, ReadOptions(**options))
    assert caught.value.exit_code == 2
    return str(caught.value)


def begins(said: str, start: str) -> bool:
    """Whether it begins so; a place of which the line alone is known may have its column besides."""
    return said.startswith(start) or re.sub(r"^(data\.csv:\d+):\d+:", r"\1:", said).startswith(start)


def replaced(changed: dict[int, str], rows: list[str] = ROWS) -> list[str]:
    """The rows, but for those of some lines, the header being line 1."""
    return [changed.get(i + 2, row) for i, row in enumerate(rows)]


def value_in(line: int, text: str) -> dict[int, str]:
    return {line: f"{DAYS[line - 2]},{text}"}


def same_bits(found: Any, wanted: Any) -> bool:
    return np.asarray(found, np.float64).tobytes() == np.asarray(wanted, np.float64).tobytes()


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


MONTHS = [f"{2000 + i // 12}-{i % 12 + 1:02d}" for i in range(60)]
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


LONG = [f"{name},{day},{VALUES[i] + k!r}" for k, name in enumerate("abc") for i, day in enumerate(DAYS[:20])]


def test_one_series_of_many_is_mended_and_the_others_are_not_touched():
    """Line 28 is the seventh row of b; the row of 2021-03-15, line 36, is gone."""
    rows = list(LONG)
    rows[26] = f"b,{DAYS[6]},NA"
    del rows[34]
    save(rows, "unique_id,ds,y")
    assert begins(refusal(), f"{FILE}:28:3: column 'y' holds 'NA'")
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
    assert "is one of the dates wrong? Correct it, or cut the row" in refusal(missing="linear")
    assert begins(refusal(missing="linear"), f"{FILE}:22: 36,524 rows are missing between 2021-03-20 (line 21) and")


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


# ---- numbers that are written in another way


def test_units_are_stripped_where_that_is_asked_and_each_is_listed():
    texts = ["$3", "12 kWh", "7 %", "3", "€ -1.5e2", "USD 4", "12.5°C"]
    save([f"{MONTHS[i]},{text}" for i, text in enumerate(texts)])
    assert refusal() == f"{FILE}:2:2: column 'y' holds '$3': a number with a unit: --strip-unit reads it without"
    series = read(strip_unit=True)
    assert series.values.tolist() == [3, 12, 7, 3, -150, 4, 12.5]
    wanted = [(i + 2, text, repr(float(series.values[i]))) for i, text in enumerate(texts) if text != "3"]
    assert [(line, old, new) for line, _, _, old, new, _ in listed(series)] == wanted
    assert {(column, why) for _, column, _, _, _, why in listed(series)} == {("y", "read without its unit")}


def test_a_unit_that_was_stripped_is_listed_with_its_date():
    save(["2021-01,1", "2021-02,3 kWh", "2021-03,2"])
    assert [row[:3] for row in listed(read(strip_unit=True))] == [(3, "y", "2021-02")]


@pytest.mark.parametrize("text", ["3 1", "kWh", "$", "3-", "1/2", "0x1F", "--3", "$3 4"])
def test_what_is_no_number_with_a_unit_stays_refused(text):
    save(replaced(value_in(9, text)))
    assert begins(refusal(strip_unit=True), f"{FILE}:9:2: column 'y' holds '{text}': ")


@pytest.mark.parametrize(
    ("mark", "text", "value"),
    [
        (",", '"1,234.5"', 1234.5),
        (",", '"-12,345,678"', -12345678.0),
        ("'", "1'234.25", 1234.25),
        (" ", "1 234", 1234.0),
    ],
)
def test_marks_between_thousands(mark, text, value):
    save(replaced(value_in(9, text)))
    bare = text.strip('"').replace("'", "\\'")
    said = refusal()
    assert begins(said, f"{FILE}:9:2: column 'y' holds ") or begins(said, f"{FILE}: ")
    assert bare in said or text.strip('"') in said
    series = read(thousands=mark)
    assert same_bits(series.values, [*VALUES[:7], value, *VALUES[8:]])


@pytest.mark.parametrize("text", ["1'23.5", "1234'567", "'123", "1'234'56", "1'234.5'6"])
def test_a_mark_that_stands_elsewhere_is_no_thousands_mark(text):
    save(replaced(value_in(9, text)))
    assert begins(refusal(thousands="'"), f"{FILE}:9:2: column 'y' holds ")


def test_the_remedy_for_points_between_thousands_works():
    """What the message says is to be typed."""
    save([f"{day},{1 + i}.200.{300 + i}" for i, day in enumerate(DAYS[:9])])
    said = refusal()
    assert begins(said, f"{FILE}:2:2: column 'y' holds '1.200.300': it has a thousands mark: use --thousands .")
    assert read(thousands=".").values[:2].tolist() == [1200300, 2200301]


def test_true_and_false():
    texts = ["true", "FALSE", "yes", "No", "t", "f", "True"]
    save([f"{MONTHS[i]},{text}" for i, text in enumerate(texts)])
    assert begins(refusal(), f"{FILE}:2:2: column 'y' holds 'true': true or false, not a number: --booleans")
    assert read(booleans=True).values.tolist() == [1, 0, 1, 0, 1, 0, 1]


def test_true_and_false_are_listed_as_what_they_became():
    """The contract: any value that is not used exactly as it stands is listed."""
    save([f"{MONTHS[i]},{text}" for i, text in enumerate(["true", "false", "1"])])
    assert [(line, old, new) for line, _, _, old, new, _ in listed(read(booleans=True))] == [
        (2, "true", "1.0"), (3, "false", "0.0"),
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["n/a?", "missing", "?", "inf", "*"])
def test_words_for_no_value(word):
    save(replaced(value_in(9, word)))
    assert begins(refusal(missing="linear"), f"{FILE}:9:2: column 'y' holds '{word}': ")
    words = (*MISSING_WORDS, word)
    assert begins(refusal(missing_words=words), f"{FILE}:9:2: column 'y' holds '{word}', which stands for no value")
    made = (VALUES[6] + VALUES[8]) / 2
    series = read(missing_words=words, missing="linear")
    assert listed(series) == [(9, "y", DAYS[7], word, repr(made), "filled in, linear")]
    assert same_bits(series.values, [*VALUES[:7], made, *VALUES[8:]])


@pytest.mark.parametrize("others", ["numbers alone", "NA elsewhere"])
def test_a_number_that_stands_for_no_value(others):
    """-999, the most usual of all: whether other cells are numbers makes no difference."""
    changed = value_in(9, "-999") | (value_in(20, "NA") if others == "NA elsewhere" else {})
    save(replaced(changed))
    words = (*MISSING_WORDS, "-999")
    series = read(missing_words=words, missing="linear")
    assert series.values[7] == (VALUES[6] + VALUES[8]) / 2
    assert listed(series)[0][:4] == (9, "y", DAYS[7], "-999.0")
    assert begins(refusal(missing_words=words), f"{FILE}:9:2: column 'y' holds '-999', which stands for no value")


# ---- lines that are left out


@pytest.mark.parametrize(("footer", "note"), [
    (["Total,9999"], "1 line at the end left out, as asked: 'Total,9999'"),
    (["Total,9999", "Source: a bureau"], "2 lines at the end left out, as asked: 'Total,9999' …"),
])  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "", "\n\n\n"])
def test_lines_at_the_end(footer, note, end):
    with open(FILE, "w", encoding="utf-8") as file:
        file.write("\n".join(["date,y", *ROWS, *footer]) + end)
    assert begins(refusal(), f"{FILE}:42:1: column 'date' holds 'Total'" if len(footer) == 1 else f"{FILE}:4")
    series = read(skip_footer=len(footer))
    assert same_bits(series.values, VALUES)
    assert note in series.notes
    assert len(read(skip_footer=len(footer) + 1)) == 39


def test_the_remedy_for_two_lines_at_the_end_works_after_the_first():
    """One was cut already: the same words once more would lead nowhere."""
    save([*ROWS, "Total,9999", "Mean,5"])
    assert "--skip-footer 2" in refusal()
    assert "--skip-footer 2" in refusal(skip_footer=1)


def test_lines_at_the_end_of_a_file_in_blocks(monkeypatch):
    """Blank lines after the footer do not count, however the file is cut."""
    with open(FILE, "w", encoding="utf-8") as file:
        file.write("\n".join(["date,y", *ROWS, "Total,9999"]) + "\n" * 300)
    monkeypatch.setattr("timeglass.read.text._PIECE", 100)
    assert len(read(skip_footer=1)) == 40


def test_lines_before_the_header_are_left_out_and_still_counted():
    save(["Sales, by day", "a bureau; 2021", "date,y", *replaced(value_in(9, "x"))], None)
    assert begins(refusal(skip_lines=2), f"{FILE}:11:2: column 'y' holds 'x'")
    save(["Sales, by day", "a bureau; 2021", "date,y", *ROWS], None)
    series = read(skip_lines=2)
    assert same_bits(series.values, VALUES)
    assert series.lines.tolist() == list(range(4, 44))
    assert begins(refusal(skip_lines=3), f"{FILE}:4: the first line looks like data")


def test_lines_before_the_header_that_are_left_out_are_said():
    """As those at the end are."""
    save(["Sales, by day", "date,y", *ROWS], None)
    assert any("1 line" in note and "left out, as asked" in note for note in read(skip_lines=1).notes)


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


# ---- nothing that was not asked for

FAULTS = {
    "blank": (value_in(9, ""), "9:2: column 'y' is empty", {"missing"}),
    "word": (value_in(9, "broken"), "9:2: column 'y' holds 'broken'", {"word"}),
    "inf": (value_in(9, "-inf"), "9:2: column 'y' holds '-inf'", set()),
    "unit": (value_in(9, "3 kWh"), "9:2: column 'y' holds '3 kWh'", {"strip_unit"}),
    "boolean": (value_in(9, "true"), "9:2: column 'y' holds 'true'", {"booleans"}),
    "thousands": (value_in(9, "1'234.5"), "9:2: column 'y' holds \"1'234.5\"", {"thousands"}),
    "duplicate": ({9: f"{ROWS[7]}\n{DAYS[7]},5"}, "10: lines 9 and 10 both say 2021-03-08", {"duplicates"}),
    "gap": ({9: "\n".join(ROWS[7:7])}, "10: gap 2021-03-08 (1 row) between lines 8 and 10", {"missing"}),
    "field": ({9: f"{ROWS[7]},7"}, "9: 3 fields where the header has 2", set()),
    "short": ({9: DAYS[7]}, "9: 1 field where the header has 2", set()),
    "month": ({9: "2021-13-08,1"}, "9:1: column 'date' holds '2021-13-08': there is no month 13", set()),
    "blank date": ({9: ",1"}, "9:1: column 'date' holds '': the date is blank", set()),
}
REPAIRS = {
    "missing": {"missing": "linear"}, "duplicates": {"duplicates": "last"}, "strip_unit": {"strip_unit": True},
    "booleans": {"booleans": True}, "thousands": {"thousands": "'"},
    "word": {"missing": "drop", "missing_words": (*MISSING_WORDS, "broken")},
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_no_repair_does_what_another_is_for(fault):
    """All repairs but the fitting ones together leave the file refused, at the same line, in the same words."""
    changed, where, fitting = FAULTS[fault]
    save(replaced(changed))
    assert begins(refusal(), f"{FILE}:{where}")
    others: dict[str, Any] = {}
    for name, options in REPAIRS.items():
        if name in fitting or ("missing" in options and "missing" in fitting):
            continue
        others |= options
    assert begins(refusal(**others), f"{FILE}:{where}")
    for name in fitting:
        series = read(**REPAIRS[name])
        kept = [i for i in range(len(series)) if series.label(i) != DAYS[7]]
        assert same_bits(series.values[kept], VALUES[:7] + VALUES[8:])


def test_a_good_file_is_read_the_same_with_every_repair_there_is():
    save(ROWS)
    plain = read()
    mended = read(
        missing="seasonal", duplicates="mean", strip_unit=True, booleans=True, thousands=" ", strict=True,
        missing_words=(*MISSING_WORDS, "x"),
    )  # fmt: skip
    for series in (plain, mended):
        assert same_bits(series.values, VALUES)
        assert (listed(series), series.notes) == ([], ())
        assert series.lines.tolist() == list(range(2, 42))


@pytest.mark.parametrize("seed", range(40))
def test_many_repairs_at_once_beside_a_plain_dictionary(seed):
    """Faults of five kinds at random rows of a file in random order; every value of it and every change is foreseen."""
    rng = np.random.default_rng(seed)
    held = {day: VALUES[i] for i, day in enumerate(DAYS[:40])}
    inner = [DAYS[i] for i in rng.permutation(np.arange(1, 39))]
    blank, gone, unit, twice, again = inner[:4], inner[4:7], inner[7:9], inner[9:12], inner[12:14]
    texts = {day: f"{value!r} kWh" if day in unit else repr(value) for day, value in held.items()}
    rows = [f"{day},{'' if day in blank else text}" for day, text in texts.items() if day not in gone]
    rows += [f"{day},{held[day] + 1!r}" for day in twice] + [f"{day},{held[day]!r}" for day in again]
    rows = [rows[i] for i in rng.permutation(len(rows))]
    save(rows)
    series = read(missing="linear", duplicates="sum", strip_unit=True, frequency="day")
    lines: dict[str, list[tuple[int, str]]] = {}
    for line, row in enumerate(rows, 2):
        lines.setdefault(row.split(",")[0], []).append((line, row.split(",")[1]))
    for day in twice:
        held[day] = sum(float(text) for _, text in lines[day])
    known = [i for i, day in enumerate(DAYS[:40]) if day not in blank + gone]
    wanted = np.interp(np.arange(40), known, [held[DAYS[i]] for i in known])
    assert np.abs(series.values - wanted).max() < 1e-12
    assert same_bits(series.values[known], [held[DAYS[i]] for i in known])
    foreseen = {(lines[day][0][0], lines[day][0][1], repr(held[day]), "read without its unit") for day in unit}
    why = "sum of 2 rows of this date"
    foreseen |= {(line, text, repr(held[day]), why) for day in twice for line, text in lines[day]}
    foreseen |= {(lines[day][1][0], repr(held[day]), "", f"the same as in line {lines[day][0][0]}") for day in again}
    found = {day: repr(float(series.values[DAYS.index(day)])) for day in blank + gone}
    foreseen |= {(lines[day][0][0], "", found[day], "filled in, linear") for day in blank}
    made = {(line, old, new, why) for line, _, _, old, new, why in listed(series) if line is not None}
    assert made == foreseen
    assert [(row[2], row[3]) for row in listed(series) if row[0] is None] == [(day, "no row") for day in sorted(gone)]
    assert len(listed(series)) == len(foreseen) + len(gone)
    for i, day in enumerate(DAYS[:40]):
        assert series.lines[i] == (0 if day in gone else lines[day][0][0])


def test_a_change_that_was_not_listed_would_be_found(monkeypatch):
    """The comparisons above can fail."""
    save(replaced(value_in(7, "")))
    monkeypatch.setattr("timeglass.read.log.Log.change", lambda *given, **more: None)
    with pytest.raises(AssertionError):
        test_a_cell_without_a_value_is_filled_on_a_line_or_left_out("")
