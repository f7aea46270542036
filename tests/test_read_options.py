"""Units, marks, words and lines that are left out, each on request alone; and no repair does what another is for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from read_files import FILE, begins, refusal
from read_files import folder as folder
from repair_files import (
    DAYS,
    MONTHS,
    ROWS,
    VALUES,
    listed,
    read,
    replaced,
    same_bits,
    save,
    value_in,
)

from timeglass.read.options import MISSING_WORDS

# ---- numbers that are written in another way


def test_units_are_stripped_where_that_is_asked_and_each_is_listed():
    for text, number in (("$3", 3), ("12 kWh", 12), ("7 %", 7), ("€ -1.5e2", -150), ("USD 4", 4), ("12.5°C", 12.5)):
        save([f"{MONTHS[0]},1", f"{MONTHS[1]},{text}", f"{MONTHS[2]},{text}", f"{MONTHS[3]},2"])
        said = f"{FILE}:3:2: column 'y' holds {text!r}: a number with a unit: --strip-unit reads it without"
        assert refusal() == said
        series = read(strip_unit=True)
        assert series.values.tolist() == [1, number, number, 2]
        wanted = [(line, text, float(number)) for line in (3, 4)]
        assert [(line, old, float(new)) for line, _, _, old, new, _ in listed(series)] == wanted
        assert {(column, why) for _, column, _, _, _, why in listed(series)} == {("y", "read without its unit")}


def test_two_units_of_one_column_are_refused():
    save([f"{MONTHS[0]},3 kWh", f"{MONTHS[1]},3 kWh", f"{MONTHS[2]},3 MWh"])
    said = f"{FILE}:4:2: column 'y': its unit is 'MWh', in line 2 it is 'kWh': bring them to one, and read them then"
    assert refusal(strip_unit=True) == said


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
    for day in twice + again:
        held[day] = sum(float(text) for _, text in lines[day])
    known = [i for i, day in enumerate(DAYS[:40]) if day not in blank + gone]
    wanted = np.interp(np.arange(40), known, [held[DAYS[i]] for i in known])
    assert np.abs(series.values - wanted).max() < 1e-12
    assert same_bits(series.values[known], [held[DAYS[i]] for i in known])
    foreseen = {(lines[day][0][0], lines[day][0][1], repr(held[day]), "read without its unit") for day in unit}
    why = "sum of 2 rows of this date"
    foreseen |= {(line, text, repr(held[day]), why) for day in twice + again for line, text in lines[day]}
    found = {day: repr(float(series.values[DAYS.index(day)])) for day in blank + gone}
    foreseen |= {(lines[day][0][0], "", found[day], "filled in, linear") for day in blank}
    made = {(line, old, new, why) for line, _, _, old, new, why in listed(series) if line is not None}
    assert made == foreseen
    assert [(row[2], row[3]) for row in listed(series) if row[0] is None] == [(day, "no row") for day in sorted(gone)]
    assert len(listed(series)) == len(foreseen) + len(gone)
    for i, day in enumerate(DAYS[:40]):
        assert series.lines[i] == (0 if day in gone else lines[day][0][0])
