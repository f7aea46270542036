"""The exact reader of rows: what fields stand on which line. Whatever is faster is held against it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

from timeglass.errors import DataError
from timeglass.read.faults import Fault, Faults
from timeglass.read.text import Block
from timeglass.words import counted, quoted

__all__ = ["Record", "Rows", "footer_hint", "read_rows", "records"]

csv.field_size_limit(2**31 - 1)  # a line has its limit already


Record = tuple[int, list[str]]  # the line on which it begins, and its fields


class Rows:
    """Rows of one block: their fields, without the blanks around them, and their lines."""

    def __init__(self, fields: list[list[str]], lines: list[int], blank: Sequence[int] = ()) -> None:
        self.fields, self.lines = fields, lines
        self.blank = blank  # lines that hold nothing but separators

    def column(self, position: int) -> list[str]:
        """The texts of a column, from 0."""
        return [row[position].strip() for row in self.fields]


def read_rows(
    found: Iterable[Record], form: tuple[str, int], source: str, faults: Faults, *, left: int | None = None
) -> Rows:
    """All records that are not blank, of `form` (separator, number of fields); other numbers are faults.

    Where the file ends with them, `left` lines are left out after: what stands there may be no record at all.
    """
    separator, width = form
    fields, lines, wrong, blank, filled = [], [], [], [], 0
    for line, row in found:
        filled += 1
        if len(row) == width and (width == 1 or any(map(str.strip, row))):
            fields.append(row)  # in a table of one column a blank line is a missing value
            lines.append(line)
        elif len(row) == width and width > 1:
            blank.append(line)
            filled -= 1
        elif len(row) > 1 or row[0].strip():
            wrong.append((filled, line, row))
        else:
            filled -= 1
    for place, line, row in wrong:
        message = _other_width(row, separator, width, f"{source}:{line}")
        faults.add(Fault("fields", message + footer_hint(filled - place + 1, filled, left), line))
    while width == 1 and left is not None and fields and not fields[-1][0].strip():
        fields.pop()  # blank lines at the end
        lines.pop()
    return Rows(fields, lines, blank)


def footer_hint(count: int, rows: int, left: int | None) -> str:
    """What the last `count` of so many rows may be instead, where that is likely; after them `left` lines are left out.

    >>> footer_hint(1, 40, 0)
    '; if this last line is no record: --skip-footer 1'
    """
    if left is None or count > 3 or rows < 2 * count + 1:
        return ""
    what = "this last line is" if count == 1 else f"these last {count} lines are"
    return f"; if {what} no record: --skip-footer {count + left}"


def _other_width(row: list[str], separator: str, width: int, place: str) -> str:
    shown = quoted(separator.join(row))
    return f"{place}: {counted(len(row), 'field')} where the header has {width}: {shown}; correct the line, or cut it"


def records(block: Block, separator: str, source: str) -> Iterator[Record]:
    """Each record with the line on which it begins."""
    text = block.content.decode()
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if '"' not in text:
        for line, row in enumerate(csv.reader(lines, delimiter=separator), block.first_line):
            yield line, row or [""]
        return
    reader = csv.reader((line + "\n" for line in lines), delimiter=separator, strict=True)
    line = block.first_line
    try:
        for row in reader:
            yield line, row or [""]
            line = block.first_line + reader.line_num
    except csv.Error as error:
        what = "a quote opened here never closes: close it, or take it out"
        if "end of data" not in str(error):
            what = f"a quoted field goes on after its closing quote ({error}): write a quote in it twice"
        raise DataError(f"{source}:{line}: {what}") from None
