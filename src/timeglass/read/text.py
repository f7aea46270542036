"""Bytes of a text file, whatever their encoding and line ends, as UTF-8 in blocks of whole lines."""

from __future__ import annotations

import codecs
import csv
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np

from timeglass.errors import DataError
from timeglass.words import counted, quoted

__all__ = ["Block", "Text", "count_bytes"]

_PIECE = 4 * 2**20  # bytes read at once
_LONGEST = 16 * 2**20  # bytes of one line, or of one record whose quoted fields hold line ends
_MARKS = {
    b"\xef\xbb\xbf": "utf-8", b"\xff\xfe\0\0": "utf-32-le", b"\0\0\xfe\xff": "utf-32-be", b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}  # fmt: skip

_MARKS_OF_1252 = "€‚„…†‡ˆ‰‹‘’“”•–—˜™›\u00a0¡¢£¤¥¦§¨©«¬®¯°±²³´µ¶·¸¹»¼½¾¿×÷"


@dataclass(frozen=True)
class Block:
    """Whole lines, which end with a line feed except perhaps the last of the file."""

    content: bytes
    first_line: int  # the number of its first line in the file, from 1
    left: int | None = None  # where it ends the file, how many lines after it are left out

    @property
    def last(self) -> bool:
        return self.left is not None

    @functools.cached_property
    def lines(self) -> int:
        return count_bytes(self.content, b"\n") + (not self.content.endswith(b"\n") and bool(self.content))


class Text:
    """The blocks of a file, which are taken once. `notes` says how its bytes were read, where that is unusual."""

    def __init__(
        self, file: IO[bytes], source: str, *, encoding: str | None = None, skip_lines: int = 0, skip_footer: int = 0
    ) -> None:
        self._file, self.source, self.piece = file, source, _PIECE
        self.notes: list[str] = []
        self._skip, self._footer = skip_lines, skip_footer
        self._held = b""  # a carriage return at the end of a piece
        start = file.read(_PIECE)
        mark = next((mark for mark in _MARKS if start.startswith(mark)), b"")
        self.encoding = codecs.lookup(encoding or _MARKS.get(mark, "utf-8")).name
        if mark and self.encoding in (_MARKS[mark], "utf-16", "utf-32"):
            self.encoding = _MARKS[mark]
            self.notes.append(f"read as {_MARKS[mark].upper()}, by the mark in front")
        self.empty = not start
        if self.notes:
            start = start[len(mark) :]
        self._start = start

    def blocks(self) -> Iterator[Block]:
        """All of the file but the lines that are skipped, each block with the number of its first line."""
        waiting = None
        for block in self._checked():
            unended = not block.content.endswith(b"\n")  # the last line of a file
            if waiting is not None and (unended or self._may_be_footer(block)):
                block = Block(waiting.content + block.content, waiting.first_line)
            elif waiting is not None:
                yield waiting
            waiting = block
        if waiting is not None:
            yield self._without_footer(waiting)

    def _may_be_footer(self, block: Block) -> bool:
        """Whether the lines at the end that are to be left out may reach back over the whole of a block."""
        return self._footer > 0 and block.content.strip(b"\n").count(b"\n") < self._footer

    def _without_footer(self, block: Block) -> Block:
        if not self._footer:
            return Block(block.content, block.first_line, 0)
        lines = block.content.rstrip(b"\n").split(b"\n")
        kept, left = lines[: -self._footer], lines[-self._footer :]
        shown = quoted(left[0].decode("utf-8", "replace"))
        self.notes.append(
            f"{counted(len(left), 'line')} at the end left out, as asked: {shown}{' …' * (len(left) > 1)}"
        )
        return Block(b"".join(line + b"\n" for line in kept), block.first_line, self._footer)

    # ---- lines, not cut in quotes

    def _checked(self) -> Iterator[Block]:
        line, rest, skip, pieces = 1, b"", self._skip, self._normal()
        while True:
            try:
                piece = next(pieces, None)
            except _BadBytesError as bad:
                raise self._refusal(bad, line, rest) from None
            if piece is None:
                break
            data = rest + piece
            end = data.rfind(b"\n") + 1
            while skip and end:
                first = data.find(b"\n") + 1
                if line == 1:
                    shown = quoted(data[: first - 1].decode("utf-8", "replace"))
                    what = f"{counted(skip, 'line')} at the beginning left out, as asked: {shown}"
                    self.notes.append(what + " …" * (skip > 1))
                data, end, line, skip = data[first:], end - first, line + 1, skip - 1
            content, rest = data[:end], data[end:]
            content, rest = self._whole(content, rest)
            if len(rest) > _LONGEST:
                raise DataError(f"{self.source}:{line + content.count(10)}: {self._too_long(rest)}")
            if content:
                block = Block(content, line)
                yield block
                line += block.lines
        if rest and not skip:
            yield Block(rest, line)

    @staticmethod
    def _too_long(rest: bytes) -> str:
        if b'"' in rest:
            return f"a quote opened here never closes, or not within {_LONGEST:,} bytes: close it, or take it out"
        return f"one line of more than {_LONGEST:,} bytes: is this a table of text?"

    def _whole(self, content: bytes, rest: bytes) -> tuple[bytes, bytes]:
        """Where the last record ends within quotes, it goes to the rest."""
        if count_bytes(content, b'"') % 2 == 0:
            return content, rest
        lines = content.decode("utf-8", "replace").split("\n")[:-1]
        reader, before = csv.reader((text + "\n" for text in lines), strict=True), 0
        try:
            for _ in reader:
                before = reader.line_num
        except csv.Error as error:
            if "end of data" not in str(error):  # what is wrong with it, the reader of rows says
                return content, rest
            cut = sum(len(part) + 1 for part in content.split(b"\n")[:before])
            return content[:cut], content[cut:] + rest
        return content, rest

    # ---- bytes in UTF-8, lines that end with a line feed

    def _normal(self) -> Iterator[bytes]:
        for piece in self._utf8():
            piece = self._held + piece
            self._held = b"\r" if piece.endswith(b"\r") else b""  # a line feed may follow
            piece = piece[: len(piece) - len(self._held)]
            if b"\r" in piece:
                piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            if (nul := piece.find(b"\0")) >= 0:
                raise _BadBytesError(piece[:nul])
            yield piece
        if self._held:
            yield b"\n"

    def _pieces(self) -> Iterator[bytes]:
        if self._start:
            yield self._start
        while piece := self._file.read(self.piece):
            yield piece

    def _utf8(self) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self.encoding)()
        for piece in self._pieces():
            if self.encoding == "utf-8" and piece.isascii() and not decoder.getstate()[0]:
                yield piece
                continue
            try:
                text = decoder.decode(piece)
            except UnicodeError as error:
                raise _BadBytesError(self._before(error), error) from None
            yield text.encode("utf-8", "surrogatepass")
        try:
            decoder.decode(b"", final=True)
        except UnicodeError as error:
            raise _BadBytesError(self._before(error), error) from None

    def _before(self, error: UnicodeError) -> bytes:
        """What could be read of a piece."""
        if not isinstance(error, UnicodeDecodeError):
            return b""
        return error.object[: error.start].decode(self.encoding, "replace").encode()

    # ---- words for what cannot be read

    def _refusal(self, bad: _BadBytesError, line: int, rest: bytes) -> DataError:
        before = (
            (rest + self._held * (bad.error is not None) + bad.before).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        )
        line += count_bytes(before, b"\n")
        place = f"{self.source}:{line}"
        packed = (
            isinstance(bad.error, UnicodeDecodeError) and self.encoding == "utf-8" and b"\0" in bad.error.object[:1000]
        )
        if bad.error is None or packed:
            return DataError(
                f"{place}: holds a NUL character: the file is damaged, or UTF-16 without its mark: --encoding "
                "utf-16-le or utf-16-be"
            )
        name = self.encoding.upper()
        if not isinstance(bad.error, UnicodeDecodeError):
            return DataError(f"{place}: is not {name}: {bad.error}; choose another --encoding")
        byte = len(before) - before.rfind(b"\n")
        hint = "choose another --encoding"
        if self.encoding == "utf-8":
            hint = "save it as UTF-8"
            if looks := _looks_like(bad.error.object):
                word = quoted(_word_at(bad.error).decode(looks, "replace"))
                hint = f"it looks like {looks} ({word}): use --encoding {looks}"
        return DataError(f"{place}: byte {byte} is not {name}; {hint}")


class _BadBytesError(Exception):
    """Bytes that cannot be read, after those `before` of their piece; without an error a NUL."""

    def __init__(self, before: bytes, error: UnicodeError | None = None) -> None:
        super().__init__()
        self.before, self.error = before, error


def count_bytes(content: bytes, byte: bytes) -> int:
    """How often a byte occurs: bytes.count takes four times as long.

    >>> count_bytes(b"a,b,c", b",")
    2
    """
    return int(np.count_nonzero(np.frombuffer(content, np.uint8) == byte[0])) if byte in content else 0


def _word_at(error: UnicodeDecodeError) -> bytes:
    """The field around the byte that is wrong, at most a few letters of it."""
    before = re.split(rb"[\r\n,;\t|]", error.object[max(0, error.start - 16) : error.start])[-1]
    return before + re.split(rb"[\r\n,;\t|]", error.object[error.start : error.start + 16])[0]


def _looks_like(content: bytes) -> str | None:
    """An encoding in which these bytes are words."""
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        return None
    odd = {c for c in text if ord(c) > 127}
    return "cp1252" if all(c.isalpha() or c in _MARKS_OF_1252 for c in odd) else None
