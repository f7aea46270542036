"""The exact reader of rows: what fields stand on which line. Whatever is faster is held against it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

from timeglass.errors import DataError
from timeglass.read.faults import Fault, Faults
from timeglass.read.text import Block
from timeglass.words import counted, quoted

__all__ = ["Record", "Rows", "read_rows", "records"]

csv.field_size_limit(2**31 - 1)  # a line has its limit already


Record = tuple[int, list[str]]  # the line on which it begins, and its fields


class Rows:
    """Rows of one block: their fields, without the blanks around them, and their lines."""

    def __init__(self, fields: list[list[str]], lines: list[int]) -> None:
        self.fields, self.lines = fields, lines

    def column(self, position: int) -> list[str]:
        """The texts of a column, from 0."""
        return [row[position].strip() for row in self.fields]


def read_rows(found: Iterable[Record], separator: str, width: int, source: str, faults: Faults) -> Rows:
    """All records that are not blank, each of `width` fields; other widths are faults."""
    fields, lines = [], []
    for line, row in found:
        if len(row) == width and (width > 1 or row[0].strip()):
            fields.append(row)
            lines.append(line)
        elif len(row) > 1 or row[0].strip():
            faults.add(Fault("fields", _other_width(row, separator, width, f"{source}:{line}"), line))
    return Rows(fields, lines)


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
