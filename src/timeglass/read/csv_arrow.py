"""The same rows by pyarrow, many times as fast. Where the exact reader might say otherwise the block is left to it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from timeglass.errors import DataError
from timeglass.read.cells import primitive
from timeglass.read.csv_form import CsvForm
from timeglass.read.date_column import DateColumn
from timeglass.read.faults import Faults
from timeglass.read.gathered import Batch, Ids
from timeglass.read.text import Block

__all__ = ["SMALLEST", "ArrowBlocks"]

SMALLEST = 2**20  # bytes of a block for which starting pyarrow is worth its time
_QUOTE, _LINE_FEED = 34, 10
_WHOLE = 2.0**53
_TINY = re.compile(rb"[eE]-|0{300}")  # without one of these no number becomes zero


class ArrowBlocks:
    """Parses blocks of one form: `parse` in any thread, then `batch` in the order of the blocks."""

    def __init__(self, form: CsvForm, ids: Ids, dates: DateColumn | None, source: str) -> None:
        import pyarrow as pa  # an optional extra, and slow to start
        import pyarrow.csv as csv

        layout = form.layout
        self._form, self._ids, self._dates, self._source = form, ids, dates, source
        self._names = [str(i) for i in range(form.width)]
        words = pa.dictionary(pa.int32(), pa.string())
        types: dict[str, Any] = {str(i): pa.float64() for i in layout.values}
        self._words = [str(i) for i in (layout.id, layout.time) if i is not None]
        types |= dict.fromkeys(self._words, words)
        self._read, self._error = csv.read_csv, pa.ArrowInvalid
        self._parse = csv.ParseOptions(delimiter=form.separator, ignore_empty_lines=False)
        self._convert = csv.ConvertOptions(
            column_types=types, include_columns=list(types), decimal_point=form.numbers.decimal, null_values=[],
            strings_can_be_null=False, quoted_strings_can_be_null=False, true_values=[], false_values=[],
        )  # fmt: skip
        self._is_end = np.zeros(256, bool)  # of letters: what stands between fields
        self._is_end[[ord(form.separator), _LINE_FEED]] = True
        self._options = csv.ReadOptions

    @classmethod
    def for_form(cls, form: CsvForm, ids: Ids, dates: DateColumn | None, source: str) -> ArrowBlocks | None:
        """None where pyarrow is not installed, the table is small, or it cannot read such a form."""
        layout = form.layout
        thousands = form.numbers.thousands is not None
        same = layout.id is not None and layout.id in layout.values
        odd = thousands or same or bool(form.numbers.number_words) or form.separator == " "
        if len(form.rows.content) < SMALLEST or odd:
            return None
        try:
            return cls(form, ids, dates, source)
        except ImportError:
            return None

    def parse(self, block: Block) -> Any:
        """A table of Arrow's, or None for the exact reader."""
        content = block.content
        if b'"' in content and not self._quotes_are_plain(content):
            return None
        options = self._options(use_threads=False, column_names=self._names, block_size=len(content) + 1)
        try:
            return self._read(io.BytesIO(content), options, self._parse, self._convert)
        except (self._error, MemoryError):
            return None

    def _quotes_are_plain(self, content: bytes) -> bool:
        """Whether each quote begins or ends a field, and none stays open: pyarrow would not mind."""
        letters = np.frombuffer(b"\n%b\n" % content, np.uint8)
        places = np.flatnonzero(letters == _QUOTE)
        ends = int(self._is_end[letters[places - 1]].sum() + self._is_end[letters[places + 1]].sum())
        return len(places) % 2 == 0 and ends == len(places)

    def batch(self, block: Block, table: Any) -> Batch | None:
        """The columns of a parsed block; None where the exact reader should look at it."""
        if table is None or table.num_rows != block.lines:
            return None
        columns = [table[str(i)] for i in self._form.layout.values]
        if any(column.num_chunks != 1 or column.null_count for column in columns):
            return None
        values = [primitive(column.chunk(0), np.float64) for column in columns]
        if not all(self._is_plain(column, block.content) for column in values):
            return None
        lines = range(block.first_line, block.first_line + block.lines)
        words: dict[str, tuple[list[str], np.ndarray]] = {}
        for name in self._words:
            found = self._dictionary(table[name])
            if found is None:
                return None
            words[name] = found
        layout = self._form.layout
        codes = times = None
        if layout.time is not None and self._dates is not None:
            texts, places = words[str(layout.time)]
            times = self._times(texts, places)
            if times is None:
                return None
        if layout.id is not None:
            names, places = words[str(layout.id)]
            self._ids.trimmed |= names != self._raw(table[str(layout.id)])
            codes = self._ids.codes(names)[places]
        return Batch(lines, values, times, codes)

    def _is_plain(self, values: np.ndarray, content: bytes) -> bool:
        """Whether all are finite, held exactly, and none has become zero."""
        with np.errstate(invalid="ignore"):
            largest = np.abs(values).max(initial=0.0)
        if not largest < _WHOLE:
            return False
        return bool(values.all()) or not _TINY.search(content)

    def _dictionary(self, column: Any) -> tuple[list[str], np.ndarray] | None:
        """The texts that occur, in order of their first rows, and which of them each row has; None for odd ones."""
        if column.num_chunks != 1 or column.null_count:
            return None
        chunk = column.chunk(0)
        texts = [text.strip() for text in chunk.dictionary.to_pylist()]
        odd = any(not text or self._form.separator in text or '"' in text or "\n" in text for text in texts)
        return None if odd else (texts, primitive(chunk.indices, np.int32))

    @staticmethod
    def _raw(column: Any) -> list[str]:
        return list(column.chunk(0).dictionary.to_pylist())

    def _times(self, texts: Sequence[str], places: np.ndarray) -> np.ndarray | None:
        assert self._dates is not None
        try:
            # The lines do not matter: should a text be no time, the exact reader says where it stands.
            return self._dates.read(texts, range(len(texts)), Faults())[places]
        except DataError:
            return None
