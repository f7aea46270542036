"""The same table, written in another way, is the same series; shifted or scaled, it is shifted or scaled exactly."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeglass.dates.formats import DateFormat
from timeglass.read import ReadOptions, csv_arrow, read_series, text
from timeglass.series.series import Series

FORMATS = [
    "yyyy-mm-dd",
    "yyyy/mm/dd",
    "dd.mm.yyyy",
    "dd mmm yyyy",
    "mmm dd, yyyy",
    "yyyymmdd",
    "dd-mmm-yyyy",
    "yyyy-Www-d",
]
numbers = st.floats(-1e9, 1e9, allow_nan=False).map(lambda x: float(f"{x:.6g}"))
values = st.lists(numbers, min_size=32, max_size=60)
starts = st.integers(-100_000, 60_000)  # days from 1970: from 1696 to 2134


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tables")


def days(first: int, count: int) -> np.ndarray:
    return (np.arange(count) + first).astype("datetime64[D]")


def written(dates: list[str], numbers: list[str], *, separator: str = ",", quoting: int = csv.QUOTE_MINIMAL) -> str:
    """A table with a column of words beside date and value."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator="\n")
    writer.writerow(["day", "note", "size"])
    writer.writerows([date, f"no. {i}", number] for i, (date, number) in enumerate(zip(dates, numbers, strict=True)))
    return out.getvalue()


def read(folder: Path, content: str | bytes, **options) -> Series:
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_series(path, ReadOptions(**options))


def check(series: Series, dates: np.ndarray, wanted: list[float]) -> None:
    assert series.values.tobytes() == np.array(wanted).tobytes()
    assert (series.dates == dates).all()
    assert series.frequency is not None
    assert str(series.frequency) == "day"


@given(
    first=starts,
    wanted=values,
    separator=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_other_separators_and_quotes(folder, first, wanted, separator, quoting):
    dates = days(first, len(wanted))
    content = written([str(d) for d in dates], list(map(repr, wanted)), separator=separator, quoting=quoting)
    series = read(folder, content)
    check(series, dates, wanted)
    assert series.lines.tolist() == list(range(2, len(wanted) + 2))
    assert (series.name, series.position) == ("size", 3)


@given(
    first=starts,
    wanted=values,
    encoding=st.sampled_from(["utf-8-sig", "utf-16", "utf-32"]),
    end=st.sampled_from(["\r", "\r\n"]),
)
def test_other_encodings_and_line_ends(folder, first, wanted, encoding, end):
    dates = days(first, len(wanted))
    content = written([str(d) for d in dates], list(map(repr, wanted))).replace("\n", end)
    check(read(folder, content.encode(encoding)), dates, wanted)
    check(read(folder, gzip.compress(content.encode())), dates, wanted)


@given(first=starts, wanted=values, form=st.sampled_from(FORMATS))
def test_other_forms_of_dates(folder, first, wanted, form):
    dates = days(first, len(wanted))
    check(read(folder, written(DateFormat(form).format(dates), list(map(repr, wanted)))), dates, wanted)


@given(first=starts, wanted=values)
def test_decimal_commas(folder, first, wanted):
    wanted[0] = 0.5  # one that has no other reading
    dates = days(first, len(wanted))
    texts = [repr(value).replace(".", ",") for value in wanted]
    check(read(folder, written([str(d) for d in dates], texts, separator=";")), dates, wanted)


@given(first=starts, wanted=values, seed=st.integers(0, 2**32 - 1))
def test_rows_in_another_order(folder, first, wanted, seed):
    dates = days(first, len(wanted))
    order = np.random.default_rng(seed).permutation(len(wanted))
    content = written([str(dates[i]) for i in order], [repr(wanted[i]) for i in order])
    series = read(folder, content)
    check(series, dates, wanted)
    assert series.lines.tolist() == (np.argsort(order) + 2).tolist()
    assert bool(series.notes) == bool((np.diff(order) < 0).any())


@given(first=starts, wanted=values, blank=st.lists(st.integers(1, 30), max_size=4, unique=True))
def test_blank_lines_move_the_lines_alone(folder, first, wanted, blank):
    dates = days(first, len(wanted))
    lines = written([str(d) for d in dates], list(map(repr, wanted))).split("\n")
    for place in sorted(blank, reverse=True):
        lines.insert(place, "")
    series = read(folder, "\n".join(lines))
    check(series, dates, wanted)
    assert [lines[line - 1].split(",")[0] for line in series.lines] == [str(d) for d in dates]


@given(first=starts, wanted=values, shift=st.integers(-3000, 3000), power=st.integers(-40, 40))
def test_shifted_and_scaled(folder, first, wanted, shift, power):
    """Whole days later, and a power of two as large: the result is so too, to the bit."""
    dates = days(first, len(wanted))
    once = read(folder, written([str(d) for d in dates], list(map(repr, wanted))))
    scaled = [value * 2.0**power for value in wanted]
    again = read(folder, written([str(d) for d in dates + shift], list(map(repr, scaled))))
    assert (again.dates == once.dates + shift).all()
    assert again.values.tobytes() == (once.values * 2.0**power).tobytes()
    assert again.origin.guesses == once.origin.guesses


@pytest.mark.slow
@given(first=starts, wanted=values, piece=st.integers(60, 400))
def test_blocks_of_any_size_by_both_readers(folder, first, wanted, piece):
    dates = days(first, len(wanted))
    content = written([str(d) for d in dates], list(map(repr, wanted)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_PIECE", piece)
        check(read(folder, content), dates, wanted)
        patch.setattr(csv_arrow, "SMALLEST", 1)
        series = read(folder, content)
    check(series, dates, wanted)
    assert series.lines.tolist() == list(range(2, len(wanted) + 2))
