"""From the texts of a column: how are its dates written? What two readings fit is asked, not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Frequency
from timeglass.dates.formats import DateFormat
from timeglass.dates.frequencies import detect
from timeglass.dates.gaps import order
from timeglass.dates.patterns import PATTERNS, expression
from timeglass.dates.text_column import TextColumn
from timeglass.dates.text_shapes import Shapes
from timeglass.errors import DataError
from timeglass.words import quoted

__all__ = ["guess_format"]

_MOST_SHAPES = 1000  # that are looked at: a column with more kinds of text than this has no dates
_USUAL = ("yyyy-mm-dd", "yyyy-mm", "yyyy-mm-ddThh:mm", "yyyy-mm-dd hh:mm")  # no other fits what one of these fits
_TWO_DIGITS = re.compile(r"(0?0[./-]0?0[./-]|[a-z]{3,9}[ -]|0?0[ -][a-z]{3,9}[ -])'?00", re.IGNORECASE)


def guess_format(column: TextColumn, *, chosen: str | None = None) -> DateFormat | None:
    """How most of the texts are written; None where fewer than half are dates or whole numbers.

    DataError where a text is blank, and where two readings fit: 03/04/2021, 44197 (Excel's days), 1609459200 (seconds).
    `chosen`, the option `--date-format`, settles it.

    >>> print(guess_format(TextColumn(["1959Q1", "1959Q2"], [2, 3], "data.csv", "Quarter")))
    read as dates written yyyyQq; another reading: --date-format
    """
    for row, text in enumerate(column.texts):
        if not text or text.isspace():
            raise column.refusal(row, "the date is blank: fill it in, or cut the row")
    if chosen is not None:
        return DateFormat(chosen, "it was chosen")
    shapes = Shapes(column.texts)
    numbers = sum(count for shape, count in shapes.counts.items() if re.fullmatch(r"[+-]?0{1,18}(\.0+)?", shape))
    if numbers * 2 > len(column):
        return _of_numbers(column, shapes)
    best, most = _best_pattern(shapes, len(column))
    if most * 2 <= len(column):
        _refuse_two_digits(column, shapes)
        return None
    day, _, time = best.partition(" ")
    if day in ("dd/mm/yyyy", "dd-mm-yyyy"):
        return _which_first(column, shapes, day, time)
    if best in ("yyyy/mm", "yyyy-mm"):
        _refuse_split_years(column, best)
    return DateFormat(best)


def _refuse_split_years(column: TextColumn, pattern: str) -> None:
    """2000/01, 2001/02 may be years that begin in one and end in the next."""
    parts = [re.fullmatch(r"[0-9]{2}([0-9]{2})[/-]([0-9]{2})", text) for text in column.texts]
    if len(parts) > 1 and all(part and (int(part[1]) + 1) % 100 == int(part[2]) for part in parts):
        raise column.refusal(0, f"a month, or a year from one to the next? Give --date-format {pattern}, or write yyyy")


def _best_pattern(shapes: Shapes, count: int) -> tuple[str, int]:
    """The pattern that most texts are of, the first of equally many, and their number."""
    for pattern in _USUAL:  # to compile all of them takes longer than to read a thousand rows
        if _count(pattern, shapes) == count:
            return pattern, count
    fits = {pattern: _count(pattern, shapes) for pattern in PATTERNS}
    best = max(fits, key=lambda pattern: fits[pattern])
    return best, fits[best]


def _count(pattern: str, shapes: Shapes) -> int:
    """How many texts are of this pattern."""
    wanted = expression(pattern)
    some = list(shapes.counts.items())[:_MOST_SHAPES]
    return sum(count for shape, count in some if wanted.fullmatch(shape))


def _refuse_two_digits(column: TextColumn, shapes: Shapes) -> None:
    short = [shape for shape in list(shapes.counts)[:_MOST_SHAPES] if _TWO_DIGITS.fullmatch(shape)]
    if sum(shapes.counts[shape] for shape in short) * 2 > len(column):
        raise column.refusal(shapes.first(short[0]), "its year has two digits: write all of them with four")


def _which_first(column: TextColumn, shapes: Shapes, day: str, time: str) -> DateFormat:
    """Days or months first: a number above 12 tells, or else the reader of this must."""
    mark = day[2]
    names = [f"{pattern} {time}".strip() for pattern in (day, f"mm{mark}dd{mark}yyyy")]
    above = [_first_above_12(shapes, names[0], field) for field in ("day", "month")]
    rows = [row for row in above if row is not None]
    if not rows:
        row = _row_with_two_readings(column, names)
        shown = " or ".join(_reading(name, column, row) for name in names)
        raise column.refusal(row, f"days or months first? {shown}; the file does not tell")
    texts = {row: f"line {column.lines[row]} has {quoted(column.texts[row])}" for row in rows}
    if len(texts) == 2:
        raise column.refusal(
            max(rows),
            f"{texts[min(rows)]}, and no one format fits both: write all dates as yyyy-mm-dd, or give "
            f"--date-format {names[0]} or {names[1]} and correct the others",
        )
    return DateFormat(names[0] if above[0] is not None else names[1], texts[rows[0]])


def _first_above_12(shapes: Shapes, pattern: str, field: str) -> int | None:
    """The first row in which this field is more than any month's number."""
    found = []
    for shape, rows in shapes:
        if match := expression(pattern).fullmatch(shape):
            found += rows[shapes.number(rows, *match.span(field)) > 12][:1].tolist()
    return min(found, default=None)


def _row_with_two_readings(column: TextColumn, names: list[str]) -> int:
    """The first row whose day and month differ, or the first."""
    try:
        one, other = (DateFormat(name).parse(column).dates for name in names)
    except DataError:
        return 0
    return int(np.argmax(one != other))


def _reading(name: str, column: TextColumn, row: int) -> str:
    """What the dates would be in this format, with the option that chooses it."""
    try:
        dates = DateFormat(name).parse(column).dates
    except DataError:
        return f"--date-format {name}"
    found = detect(dates[order(dates).rows])
    rows = f", a row every {found}" if isinstance(found, Frequency) else ""
    return f"{dates[row]}{rows} (--date-format {name})"


def _of_numbers(column: TextColumn, shapes: Shapes) -> DateFormat:
    """Whole numbers: years, days without separators, or what only the user can know."""
    main = max(shapes.counts, key=lambda shape: shapes.counts[shape])
    like = {shape for shape in shapes.counts if re.fullmatch(r"[+-]?0{1,18}(\.0+)?", shape)}
    whole = [shapes.number(rows, 0, len(shape)) for shape, rows in shapes if shape in like and shape.isdigit()]
    if not whole and {shape.partition(".")[0] for shape in like} == {"00000"}:  # days of Excel's with a time of day
        whole = [shapes.number(rows, 0, 5) for shape, rows in shapes if shape in like]
    values = np.concatenate([*whole, np.zeros(int(not whole), np.int64)])
    low, high = int(values.min()), int(values.max())
    if {shape.partition(".")[0] for shape in like} == {"00000"} and low >= 20_000 and high < 80_000:
        _ask("excel", "Excel's number of a day", column, shapes.first(main))
    if any("." in shape for shape in like):
        return DateFormat("number")
    if len(main) >= 10:
        _ask_packed(column, values, like)
    if like <= {"000000000", "0000000000"} and low >= 10**8 and high < 5 * 10**9:
        _ask("unix", "seconds since 1970", column, shapes.first(main))
    if like <= {"000000000000", "0000000000000"} and low >= 10**11:
        _ask("unix-ms", "milliseconds since 1970", column, shapes.first(main))
    signed = {shape for shape in like if shape[0] in "+-"}
    if like - signed == {"0000"} and (low >= 1000 and high < 3000) | (signed <= {"+0000", "-0000"} and bool(signed)):
        return DateFormat("yyyy", f"all lie from {low} to {high}" if not signed else "all have four digits")
    if main == "0000" and shapes.counts[main] >= max(2, 0.9 * len(column) - 1):  # one that is none of them is a fault
        years = np.concatenate([shapes.number(rows, 0, 4) for shape, rows in shapes if shape == main])
        if years.min() >= 1000 and years.max() < 3000:
            return DateFormat("yyyy", f"nearly all lie from {years.min()} to {years.max()}")
    for name in ("yyyymmdd", "yyyymm"):
        if like == {"0" * len(name)} and all(_plausible(values, name)):
            return DateFormat(name, f"all {len(values):,} numbers make such dates")
    _ask_packed(column, values, like)
    return DateFormat("number")


def _ask_packed(column: TextColumn, values: NDArray[np.int64], like: set[str]) -> None:
    """Digits that make dates, but whose steps would be no even numbers: 210131, 210201."""
    packed = {6: ("yymmdd", 100, 1), 8: ("ddmmyyyy", 10**4, 10**6), 10: ("yyyymmddhh", 10**4, 100),
              12: ("yyyymmddhhmm", 10**6, 10**4), 14: ("yyyymmddhhmmss", 10**8, 10**6)}  # fmt: skip
    length = len(next(iter(like))) if len(like) == 1 else 0
    if length not in packed or len(values) < 3 or not next(iter(like)).isdigit():
        return
    name, month, day = packed[length]
    months, days = values // month % 100, values // day % 100
    if length != 6 and length != 8:
        plausible = ((values // 10 ** (length - 4) >= 1900) & (values // 10 ** (length - 4) < 2200)).all()
    else:
        plausible = length == 6 or bool(((values % 10**4 >= 1900) & (values % 10**4 < 2200)).all())
    if plausible and ((months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all():
        raise column.refusal(
            0, f"a number, or a time written {name}? Write it as 2021-03-01T00:00, or give --date-format number"
        )


def _plausible(values: NDArray[np.int64], name: str) -> Iterator[bool]:
    month = values if name == "yyyymm" else values // 100
    yield bool((month // 100 >= 1600).all() and (month // 100 < 2200).all())
    yield bool((month % 100 >= 1).all() and (month % 100 <= 12).all())
    if name == "yyyymmdd":
        yield bool((values % 100 >= 1).all() and (values % 100 <= 31).all())


def _ask(name: str, words: str, column: TextColumn, row: int) -> None:
    text = column.texts[row]
    date = DateFormat(name).parse(TextColumn([text], [column.lines[row]], column.source, column.name)).dates[0]
    raise column.refusal(
        row, f"a number, or {words} ({date})? Give --date-format number, or --date-format {name} to read it as such"
    )
