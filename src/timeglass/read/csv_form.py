"""How a text table is written: separator, header, columns, decimal mark, dates; by its first block, or as was said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from timeglass.dates.formats import DateFormat
from timeglass.dates.guess import guess_format
from timeglass.dates.text_column import TextColumn
from timeglass.errors import DataError
from timeglass.read.layout import TIMES, Guess, Layout, Sample, find_layout
from timeglass.read.numbers import NumberFormat
from timeglass.read.options import ReadOptions
from timeglass.read.rows import Record, records
from timeglass.read.separator import find_decimal, find_separator, looks_like_date, looks_like_number
from timeglass.read.text import Block
from timeglass.words import counted, quoted, shown

__all__ = ["CsvForm", "find_form", "kind_of_column", "runs_on"]

_SAMPLE = 1000  # rows that tell what a column holds
_ROWS, _FEWER = 100_000, 10_000  # rows whose dates tell how dates are written; fewer in a large file
_LARGE = 2**21  # bytes
_LINES = 200  # lines that tell the separator
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[,.' \u00a0\u202f’][0-9]{3})+(?:[.,][0-9]+)?")


@dataclass(frozen=True)
class CsvForm:
    """All that is to be known before the rows are read."""

    separator: str
    width: int  # fields in a row
    layout: Layout
    numbers: NumberFormat
    dates: DateFormat | None
    rows: Block  # the first block without its header
    records: list[Record] | None  # that block's, where all of them were looked at
    guesses: tuple[Guess, ...]

    def name(self, column: int) -> str:
        return self.layout.names[column]


def find_form(block: Block, options: ReadOptions, source: str, *, many: bool) -> CsvForm:
    """The form of a table that begins with this block; a `DataError` says what is missing or not plain."""
    separator, guesses = _separator(block, options, source)
    most = _ROWS if len(block.content) < _LARGE else _FEWER
    parsed = list(islice(records(block, separator, source), most))
    filled = (record for record in parsed if len(record[1]) > 1 or record[1][0].strip())
    first = [(line, [field.strip() for field in row]) for line, row in islice(filled, _SAMPLE + 1)]
    if not first:
        raise DataError(f"{source} has no text: expected a header and rows such as 1749-01,58.0")
    names, rest, body = _header(first, separator, options, source, block)
    width = len(names)
    rows = [row for _, row in rest if len(row) == width]
    if not rest:
        raise DataError(f"{source} has a header ({shown(separator.join(names))}) but no rows")
    _check_width(rest, names, source, first[0][0])
    columns = [[row[i] for row in rows] for i in range(width)]
    samples = [_sample(name, texts, options) for name, texts in zip(names, columns, strict=True)]
    layout = find_layout(samples, options, source, many=many, line=first[0][0])
    decimal = options.decimal or _decimal(rest, layout, options, source, guesses)
    numbers = NumberFormat(decimal, options.thousands, options.missing_words, options.booleans, options.strip_unit)
    known = [record for record in parsed if record[0] >= body.first_line]
    dates, layout = _dates(known, layout, options, source, guesses)
    whole = known if len(parsed) < most else None
    return CsvForm(separator, width, layout, numbers, dates, body, whole, (*guesses, *layout.guesses))


def _separator(block: Block, options: ReadOptions, source: str) -> tuple[str, list[Guess]]:
    if (mark := re.match(rb"sep=(.)\r?\n", block.content)) and options.header is None:
        raise DataError(
            f"{source}:{block.first_line}: this line is Excel's, for the separator: use --skip-lines "
            f"{block.first_line} --separator {mark[1].decode('utf-8', 'replace')}"
        )
    if options.separator is not None:
        return options.separator, []
    lines = block.content[: 64 * _LINES * 16].decode("utf-8", "replace").split("\n")[:_LINES]
    lines = [line for line in lines if line.strip()]
    found = find_separator(lines) if lines else ","
    if found is None:
        _refuse_one_column(lines, source, block)
        return ",", []
    name = "a tab" if found == "\t" else repr(found)
    return found, [Guess(f"fields are separated by {name}", ("--separator",))] if found != "," else []


def _refuse_one_column(lines: Sequence[str], source: str, block: Block) -> None:
    """One column is a series without dates, if it holds numbers."""
    if any(looks_like_number(line.strip('" ')) for line in lines[1:]) or len(lines) < 2:
        return
    other = next((f"--separator {mark!r}" for mark in " :/&^~" if lines[0].count(mark) and mark in lines[1]), None)
    hint = f"is it separated by another mark? use {other}" if other else "expected a date and a value in each row"
    raise DataError(f"{source}:{block.first_line}: one column only, {quoted(lines[0])}; {hint}")


# ---- the header


def _header(
    first: list[tuple[int, list[str]]], separator: str, options: ReadOptions, source: str, block: Block
) -> tuple[list[str], list[tuple[int, list[str]]], Block]:
    """Names, the rows after them, and the block without the header."""
    line, row = first[0]
    if options.header is False:
        return [f"column {i + 1}" for i in range(len(row))], first, block
    if options.header is None and _is_data(row, [r for _, r in first[1:]]):
        example = shown(separator.join(row))
        raise DataError(
            f"{source}:{line}: the first line looks like data ({example}): use --no-header, or put a header above it, "
            "such as Month,Value; if these are names: --header"
        )
    if len(first) == 1:
        return row, [], Block(b"", line + 1, block.left)
    after = first[1][0]
    content = block.content
    place = 0
    for _ in range(after - block.first_line):
        place = content.index(b"\n", place) + 1
    return row, first[1:], Block(content[place:], after, block.left)


def _is_data(row: Sequence[str], others: Sequence[Sequence[str]]) -> bool:
    """Whether a first line is a row like the others: its date is a date where theirs are, its numbers are numbers."""
    regular = [other for other in others[:50] if len(other) == len(row)]
    if not any(looks_like_number(cell) for cell in row):
        return False
    for i, cell in enumerate(row):
        column = [other[i] for other in regular if other[i]]
        dated = column and sum(looks_like_date(text) and not _WHOLE.fullmatch(text) for text in column) * 2 > len(
            column
        )
        if dated and not looks_like_date(cell):
            return False
        numeric = column and sum(looks_like_number(text) for text in column) * 2 > len(column)
        if numeric and not dated and cell and not looks_like_number(cell):
            return False
    return True


def _check_width(rest: list[tuple[int, list[str]]], names: list[str], source: str, line: int) -> None:
    """A header of another width than nearly all rows is wrong itself."""
    width, often = Counter(len(row) for _, row in rest).most_common(1)[0]
    if width != len(names) and often * 10 >= len(rest) * 9:
        raise DataError(
            f"{source}:{line}: the header has {counted(len(names), 'name')} ({shown(', '.join(names))}), but the rows "
            f"have {counted(width, 'field')}: name each column, or use --skip-lines where the header comes later"
        )


# ---- columns


def _sample(name: str, texts: Sequence[str], options: ReadOptions) -> Sample:
    some = [text for text in texts if text not in options.missing_words]
    return Sample(name, kind_of_column(some), repeats=len(set(some)) < len(some))


def kind_of_column(texts: Sequence[str]) -> str:
    """What most of the texts are: date, whole (numbers that rise), number, text; blank where there are none.

    >>> kind_of_column(["1", "2", "3"]), kind_of_column(["2", "1.5", "x"]), kind_of_column(["1960Q1"])
    ('whole', 'number', 'date')
    """
    if not texts:
        return "blank"
    whole = [int(text) for text in texts if _WHOLE.fullmatch(text)]
    if len(whole) >= min(len(texts), max(2, 0.9 * len(texts) - 1)):
        return "whole" if runs_on(whole) else "number"
    numbers = sum(looks_like_number(text) or bool(_GROUPED.fullmatch(text)) for text in texts)
    dates = sum(not looks_like_number(text) and looks_like_date(text) for text in texts)
    if dates * 2 > len(texts) and dates >= numbers:
        return "date"
    return "number" if numbers * 2 > len(texts) else "text"


def runs_on(numbers: Sequence[float]) -> bool:
    """Whether whole numbers are such as count rows: most steps are the same, forwards or backwards.

    >>> runs_on([1990, 1991, 1993, 1994]), runs_on([4, 3, 3, 2, 1]), runs_on([5, 7, 5, 8])
    (True, True, False)
    """
    steps = Counter(b - a for a, b in pairwise(numbers) if a != b)  # a number that comes twice is no step
    often = max(steps.values(), default=0)
    return 2 * often >= steps.total() and (often > 0 or len(numbers) == 1)


def _decimal(rest: list[Record], layout: Layout, options: ReadOptions, source: str, guesses: list[Guess]) -> str:
    if options.thousands == ",":
        return "."
    if options.thousands == ".":
        return ","
    group, width = options.thousands or "\0", len(layout.names)
    alike = str.maketrans({"\u00a0": " ", "\u202f": " ", "’": "'"}) if options.thousands else {}
    found: dict[str, str] = {}
    for line, row in rest:
        for column in layout.values if len(row) == width else ():
            found.setdefault(row[column].translate(alike).replace(group, ""), f"{source}:{line}:{column + 1}")
    decimal, why = find_decimal(found)
    if decimal == ",":
        guesses.append(Guess(f"the decimal mark is a comma{', since ' * bool(why)}{why}", ("--decimal",)))
    return decimal


def _dates(
    known: list[Record], layout: Layout, options: ReadOptions, source: str, guesses: list[Guess]
) -> tuple[DateFormat | None, Layout]:
    """The format of the first dates, of which each text counts once."""
    if layout.time is None:
        return None, layout
    name, place = layout.names[layout.time], layout.time
    width = len(layout.names)
    texts = {row[place].strip(): line for line, row in reversed(known) if len(row) == width}
    texts = dict(reversed(texts.items()))
    texts.pop("", None)
    column = TextColumn(list(texts), list(texts.values()), source, name, place + 1)
    if options.date_format is not None:
        return DateFormat(options.date_format), layout
    found = guess_format(column) if texts else None
    if found is not None:
        if found.why:
            guesses.append(
                Guess(str(found).partition(";")[0].replace("read as", "times are read as"), ("--date-format",))
            )
        return found, layout
    if options.time is not None or name.lower() in TIMES:
        odd = next((text for text in texts if not looks_like_date(text)), next(iter(texts), ""))
        where = f"{source}:{texts[odd]}:{place + 1}" if odd else source
        raise DataError(
            f"{where}: column {quoted(name)} holds {quoted(odd)}: most of its texts are no times that can be read: say "
            "how they are written, --date-format dd.mm.yyyy, or --time none to number the rows"
        )
    kept = tuple(guess for guess in layout.guesses if "--time" not in guess.options)
    guess = Guess(f"column {quoted(name)} holds no dates: the rows are numbered", ("--time", "--date-format"))
    return None, Layout(layout.names, None, layout.values, layout.id, (*kept, guess))
