"""A text table, block by block, into columns of numbers, times and names of series."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

import numpy as np

from timeglass.errors import DataError
from timeglass.read.csv_arrow import ArrowBlocks
from timeglass.read.csv_form import CsvForm, find_form
from timeglass.read.date_column import DateColumn
from timeglass.read.faults import Fault, Faults
from timeglass.read.gathered import Batch, Gathered, Ids, Lines, Missing, room_for
from timeglass.read.options import ReadOptions
from timeglass.read.rows import Rows, footer_hint, read_rows, records
from timeglass.read.table import Table, missing_fault
from timeglass.read.text import Block, Text
from timeglass.series.series import Change, as_text
from timeglass.words import counted, quoted

__all__ = ["read_csv"]

_AHEAD = 3  # blocks that are parsed while one is taken in
_MOST_NOTED = 3  # of values that a double does not hold


class _Reader:
    """Takes blocks and keeps what is said about them."""

    def __init__(self, form: CsvForm, options: ReadOptions, source: str, faults: Faults) -> None:
        self.form, self.options, self.source, self.faults = form, options, source, faults
        layout = form.layout
        self.ids = Ids()
        self.dates: DateColumn | None = None
        if layout.time is not None and form.dates is not None:
            self.dates = DateColumn(form.dates, source, form.name(layout.time), layout.time + 1)
        self.rounded: list[str] = []
        self.blank: list[int] = []  # lines that hold nothing but separators
        self.changes: list[Change] = []
        self.units: dict[int, tuple[str, int]] = {}  # of each column, with the line of the first

    def exact(self, block: Block) -> Batch:
        """The rows of a block by the exact reader."""
        layout, faults = self.form.layout, self.faults
        form = self.form
        known = form.records if block is form.rows else None
        lines = records(block, form.separator, self.source) if known is None else known
        rows = read_rows(lines, (form.separator, form.width), self.source, faults, left=block.left)
        self.blank += rows.blank
        codes = times = None
        if layout.id is not None:
            names = rows.column(layout.id)
            self.ids.trimmed |= any(row[layout.id] != name for row, name in zip(rows.fields, names, strict=True))
            self._check_names(names, rows.lines, layout.id)
            codes = self.ids.codes(names)
        if layout.time is not None and self.dates is not None:
            times = self.dates.read(rows.column(layout.time), rows.lines, faults, left=block.left)
        values, missing = [], []
        for place, column in enumerate(layout.values):
            found, blanks = self._numbers(rows, column, place, left=block.left)
            values.append(found)
            missing += blanks
        return Batch(_lines(rows), values, times, codes, missing)

    def _check_names(self, names: list[str], lines: list[int], column: int) -> None:
        for line in [line for name, line in zip(names, lines, strict=True) if not name] if "" in names else ():
            place = f"{self.source}:{line}:{column + 1}: column {quoted(self.form.name(column))}"
            self.faults.add(Fault("id", f"{place} is empty: which series is this row of?", line, column + 1))

    def _series(self, rows: Rows, row: int) -> str:
        """Of which series a row is, where a column tells."""
        place = self.form.layout.id
        return "" if place is None else rows.fields[row][place].strip()

    def _numbers(self, rows: Rows, column: int, place: int, *, left: int | None) -> tuple[np.ndarray, list[Missing]]:
        texts, name = rows.column(column), self.form.name(column)
        numbers = self.form.numbers.read(texts)
        for row, why in numbers.refused:
            where = f"{self.source}:{rows.lines[row]}:{column + 1}"
            message = f"{where}: column {quoted(name)} holds {quoted(texts[row])}: {why}"
            message += footer_hint(len(texts) - row, len(texts), left)
            self.faults.add(Fault("value", message, rows.lines[row], column + 1))
        if self.options.missing is None and len(self.form.layout.values) == 1:
            for row in numbers.missing:
                self.faults.add(
                    missing_fault(self.source, rows.lines[row], (column + 1, name), texts[row], self._series(rows, row))
                )
        for row in numbers.rounded:
            self.rounded.append(
                f"line {rows.lines[row]}: {quoted(texts[row])} cannot be held exactly; kept as "
                f"{float(numbers.values[row])!r}"
            )
        for unit, row in numbers.units.items():
            self._check_unit(unit, rows.lines[row], (column + 1, name))
        for row, why in numbers.changed:
            new = as_text(numbers.values[row])
            self.changes.append(Change(rows.lines[row], name, "", texts[row], new, why))
        return numbers.values, [Missing(row, place, texts[row]) for row in numbers.missing]

    def _check_unit(self, unit: str, line: int, column: tuple[int, str]) -> None:
        """One column has one unit: 3 kWh and 3 MWh are not the same 3."""
        first, where = self.units.setdefault(column[0], (unit, line))
        if first != unit:
            message = f"{self.source}:{line}:{column[0]}: column {quoted(column[1])}: its unit is {quoted(unit)}"
            message += f", in line {where} it is {quoted(first)}: bring them to one, and read them then"
            self.faults.add(Fault("value", message, line, column[0]))

    def notes(self) -> list[str]:
        more = len(self.rounded) - _MOST_NOTED
        tail = [f"and {more:,} more values that a double cannot hold exactly"] if more > 0 else []
        lines = ", ".join(f"line {line}" for line in self.blank[:3]) + ", …" * (len(self.blank) > 3)
        blank = (
            [f"{counted(len(self.blank), 'row')} of nothing but separators left out ({lines})"] if self.blank else []
        )
        trimmed = ["the names of series are taken without the blanks around them"] if self.ids.trimmed else []
        return [*trimmed, *blank, *self.rounded[:_MOST_NOTED], *tail]


def _lines(rows: Rows) -> Lines:
    lines = rows.lines
    if lines and lines[-1] - lines[0] + 1 == len(lines):
        return range(lines[0], lines[0] + len(lines))
    return np.array(lines, np.int64)


def read_csv(
    text: Text, options: ReadOptions, faults: Faults, *, many: bool, size: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Table:  # fmt: skip
    """All of a text table. `size` is the file's in bytes, if known; `tell` is told at the start what it will take."""
    source, blocks = text.source, text.blocks()
    if text.empty:
        raise DataError(f"{source} is empty (0 bytes): expected a header and rows such as 1749-01,58.0")
    first = next(blocks, None)
    if first is None or not first.content.strip():
        raise DataError(f"{source} has no text: expected a header and rows such as 1749-01,58.0")
    while first.lines < 2 and (more := next(blocks, None)) is not None:  # a header, and then a record that goes on
        first = Block(first.content + more.content, first.first_line, more.left)
    form = find_form(first, options, source, many=many)
    reader = _Reader(form, options, source, faults)
    gathered = _gathered(form, first, size, tell, source)
    for batch in _batches(reader, chain([form.rows], blocks)):
        gathered.add(batch)
    layout = form.layout
    zone, note = reader.dates.zone() if reader.dates else (None, "")
    times = None if reader.dates is None or gathered.times is None else reader.dates.finish(gathered.times.whole())
    return Table(
        source, gathered, layout.names, layout.values, layout.time, reader.ids.names if layout.id is not None else None,
        times, form.dates.name if form.dates is not None else None, zone, form.guesses,
        [*text.notes, *reader.notes(), *([note] if note else [])], reader.changes, _form_words(form, text, options),
    )  # fmt: skip


def _form_words(form: CsvForm, text: Text, options: ReadOptions) -> str:
    """How the text was taken to be written, in one line."""
    mark = "a tab" if form.separator == "\t" else repr(form.separator)
    header = "no header" if options.header is False else "a header"
    return (
        f"{text.encoding.upper()}, fields separated by {mark}, decimal mark {form.numbers.decimal!r}, {header} "
        "(--encoding, --separator, --decimal, --header)"
    )


def _gathered(
    form: CsvForm, first: Block, size: int | None, tell: Callable[[str], None] | None, source: str
) -> Gathered:
    """Room for as many rows as the first block lets expect; in a file where half of the free memory is too small."""
    layout = form.layout
    rows = (
        first.lines if first.last or size is None else int(size * 1.02 / max(1, len(first.content)) * first.lines) + 1
    )
    widths = len(layout.values), layout.time is not None, layout.id is not None
    spill = room_for(rows, widths, source, None if first.last else tell)
    return Gathered(len(layout.values), layout.time is not None, layout.id is not None, rows, spill)


def _batches(reader: _Reader, blocks: Iterator[Block]) -> Iterator[Batch]:
    """Batches in the order of their blocks: by Arrow, where it is there and the block is large and plain."""
    arrow = ArrowBlocks.for_form(reader.form, reader.ids, reader.dates, reader.source)
    if arrow is None:
        yield from map(reader.exact, blocks)
        return
    with ThreadPoolExecutor(2) as pool:
        waiting: list[tuple[Block, Future[object]]] = []
        for block in blocks:
            waiting.append((block, pool.submit(arrow.parse, block)))
            if len(waiting) > _AHEAD:
                yield _taken(reader, arrow, *waiting.pop(0))
        for block, parsed in waiting:
            yield _taken(reader, arrow, block, parsed)


def _taken(reader: _Reader, arrow: ArrowBlocks, block: Block, parsed: Future[object]) -> Batch:
    batch = arrow.batch(block, parsed.result())
    return reader.exact(block) if batch is None else batch
