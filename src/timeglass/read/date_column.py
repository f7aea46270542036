"""The times of a table, batch by batch: each text that occurs is read once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates
from timeglass.dates.clock_changes import zones_of
from timeglass.dates.formats import DateFormat
from timeglass.dates.text_column import TextColumn
from timeglass.errors import DataError
from timeglass.read.faults import Fault, Faults
from timeglass.read.rows import footer_hint
from timeglass.read.separator import looks_like_date, looks_like_number

__all__ = ["BAD_TIME", "DateColumn", "coarsest"]

BAD_TIME = np.iinfo(np.int64).min  # what a text that is no time becomes where faults are gathered
_MOST_KEPT = 200_000  # texts whose times are remembered
_MOST_OFFSETS = 1000  # times whose UTC offsets are kept to find the zone


class DateColumn:
    """Reads the texts of one column as whole numbers, which `finish` makes dates of."""

    def __init__(self, form: DateFormat, source: str, name: str, position: int) -> None:
        self.form, self._source, self._name, self._position = form, source, name, position
        self._known: dict[str, int] = {}
        self._reasons: dict[str, str] = {}  # of texts that are no time
        self._unit: str | None = None  # Y, M, D, us; number
        self._offsets: list[tuple[int, int]] = []  # time in UTC, minutes east of it
        self._in_utc: bool | None = None

    def read(
        self, texts: Sequence[str], lines: Sequence[int], faults: Faults, *, left: int | None = None
    ) -> NDArray[np.int64]:
        """The time of each text (N,), whose lines are given; `left` as in a `Block`."""
        unique = dict.fromkeys(texts)
        new = [text for text in unique if text not in self._known]
        if len(new) == len(texts):
            return self._times(texts, lines, faults, left=left, end=lines[-1] if texts else 0)
        if len(self._known) + len(new) > _MOST_KEPT:
            self._known = {text: self._known[text] for text in unique if text in self._known}
        if new:
            first = {text: row for row, text in reversed(list(enumerate(texts)))}
            places = [lines[first[text]] for text in new]
            times = self._times(new, places, None if faults.gather else faults, left=left, end=lines[-1])
            self._known.update(zip(new, times.tolist(), strict=True))
        found = np.fromiter(map(self._known.__getitem__, texts), np.int64, len(texts))
        if faults.gather:
            self._report(found, texts, lines, faults)
        return found

    def _report(self, found: NDArray[np.int64], texts: Sequence[str], lines: Sequence[int], faults: Faults) -> None:
        """A fault for each row whose text is no time."""
        for row in np.flatnonzero(found == BAD_TIME).tolist():
            message = f"{self._source}:{lines[row]}:{self._reasons[texts[row]]}"
            faults.add(Fault("date", message, lines[row], self._position))

    def _times(
        self, texts: Sequence[str], lines: Sequence[int], faults: Faults | None, *, left: int | None, end: int
    ) -> NDArray[np.int64]:
        """The time of each text. What is none is an error or, where faults are gathered, BAD_TIME and a reason."""
        column = TextColumn(texts, lines, self._source, self._name, self._position)
        try:
            return self._parsed(column)
        except DataError as error:
            if faults is not None and not faults.gather:
                raise self._with_footer(error, column, left=left, end=end) from None
        found, good = (
            np.full(len(texts), BAD_TIME),
            next((t for t, time in self._known.items() if time != BAD_TIME), None),
        )
        for row, (text, line) in enumerate(zip(texts, lines, strict=True)):
            # With one that can be read before it, which a message may show.
            some = [text] if good is None else [good, text]
            beside = TextColumn(some, [line] * len(some), self._source, self._name, self._position)
            try:
                found[row] = self._parsed(beside)[-1]
                good = good or text
            except DataError as error:
                message = str(self._with_footer(error, column, left=left, end=end))
                self._reasons[text] = message.removeprefix(f"{self._source}:{line}:")
        if faults is not None:
            self._report(found, texts, lines, faults)
        return found

    def _with_footer(self, error: DataError, column: TextColumn, *, left: int | None, end: int) -> DataError:
        """The error; where it is about a text at the end of a file that is nothing like a date, what else it may be.

        `end` is the line of the last text, which may be a known one.
        """
        message = str(error)
        for text, line in zip(column.texts, column.lines, strict=True) if left is not None else ():
            here = end - line < 3 and message.startswith(f"{self._source}:{line}:")
            if here and not looks_like_date(text) and not looks_like_number(text):
                return DataError(message + footer_hint(end - line + 1, end - 1, left))
        return error

    def _parsed(self, column: TextColumn) -> NDArray[np.int64]:
        for row, text in enumerate(column.texts):
            if not text:
                raise column.refusal(row, "the date is blank: fill it in, or cut the row")
        parsed = self.form.parse(column)
        dates = parsed.dates
        self._check_zone(parsed.offsets is not None, column)
        if dates.dtype.kind == "M" and np.datetime_data(dates.dtype)[0] in ("s", "ms", "us"):
            self._check_range(dates, column)
            dates = dates.astype("datetime64[us]")
        if parsed.offsets is not None and len(self._offsets) < _MOST_OFFSETS:
            times = dates.astype(np.int64)
            self._offsets += zip(times.tolist()[:_MOST_OFFSETS], parsed.offsets.tolist(), strict=False)
        self._unit = np.datetime_data(dates.dtype)[0] if dates.dtype.kind == "M" else "number"
        return dates.astype(np.int64)

    def _check_zone(self, has: bool, column: TextColumn) -> None:
        if self._in_utc is not None and self._in_utc != has:
            other = (
                "has a UTC offset, rows before it have none" if has else "has no UTC offset, rows before it have one"
            )
            raise column.refusal(0, f"{other}: give all of them one, or none")
        self._in_utc = has

    def _check_range(self, dates: Dates, column: TextColumn) -> None:
        seconds = dates.astype("datetime64[s]").astype(np.int64)
        far = np.abs(seconds) > 9 * 10**12  # the year 280,000: microseconds end soon after
        if far.any():
            raise column.refusal(int(np.argmax(far)), "no calendar needs a time so far away; correct it in the file")

    def finish(self, times: NDArray[np.int64]) -> Dates:
        """Whole numbers that `read` gave as dates, in the coarsest unit that holds all; copied only if need be."""
        if self._unit in (None, "number"):
            return times
        return times.view(f"datetime64[{self._unit}]") if self._unit != "us" else coarsest(times)

    def zone(self) -> tuple[str | None, str]:
        """The zone of times with UTC offsets, "UTC+01:00" or a name such as Europe/Berlin, and a note about them."""
        if not self._offsets:
            return None, ""
        times = np.array([time for time, _ in self._offsets]).view("datetime64[us]")
        offsets = np.array([offset for _, offset in self._offsets])
        kinds = np.unique(offsets).tolist()
        order = np.argsort(times, kind="stable")
        named = zones_of(times[order], offsets[order]) if len(kinds) > 1 else ()
        shown = [f"{'-' if m < 0 else '+'}{abs(m) // 60:02d}:{abs(m) % 60:02d}" for m in kinds]
        zone = named[0] if named else f"UTC{shown[0]}" if len(kinds) == 1 and kinds[0] else "UTC"
        note = (
            f"times are held in UTC; their offsets ({', '.join(shown[:4])}) are those of {zone}" if kinds != [0] else ""
        )
        return zone, note


def coarsest(times: NDArray[np.int64], *, days: bool = False) -> Dates:
    """Microseconds (N,) in the coarsest of s, ms and us, with `days` also D, that holds them; in their memory."""
    for unit, size in ((("D", 86400 * 10**6),) if days else ()) + (("s", 10**6), ("ms", 1000)):
        parts = (times[i : i + 2**20] for i in range(0, len(times), 2**20))
        if all(not (part % size)[part != BAD_TIME].any() for part in parts):
            bad = np.flatnonzero(times == BAD_TIME)
            times //= size
            times[bad] = BAD_TIME
            return times.view(f"datetime64[{unit}]")
    return times.view("datetime64[us]")
