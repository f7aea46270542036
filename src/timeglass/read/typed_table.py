"""A table whose columns have types, batch by batch: Parquet, Arrow, data frames, arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates
from timeglass.dates.formats import DateFormat
from timeglass.dates.guess import guess_format
from timeglass.dates.text_column import TextColumn
from timeglass.errors import DataError
from timeglass.read.cells import BOOLEANS, Cells, words_of
from timeglass.read.csv_form import kind_of_column, runs_on
from timeglass.read.date_column import BAD_TIME, DateColumn, coarsest
from timeglass.read.faults import Fault, Faults
from timeglass.read.gathered import Batch, Gathered, Ids, Missing, room_for
from timeglass.read.layout import TIMES, Guess, Layout, Sample, find_layout
from timeglass.read.numbers import NumberFormat, Numbers
from timeglass.read.options import ReadOptions
from timeglass.read.table import Table, missing_fault
from timeglass.series.series import Change, as_text
from timeglass.types import Array
from timeglass.words import quoted

__all__ = ["read_typed"]

_LARGE = 2**18  # rows from which on it is told what they take
_SAMPLE = 1000  # rows


class _Reader:
    """Takes batches of typed columns, and keeps what is said about them. Rows are numbered from 1, as lines are."""

    def __init__(
        self, first: Sequence[Cells], options: ReadOptions, source: str, faults: Faults, *, many: bool
    ) -> None:
        self.options, self.source, self.faults = options, source, faults
        samples = [Sample(cells.name, _kind(cells, options), _repeats(cells)) for cells in first]
        self.layout: Layout = find_layout(samples, options, source, many=many)
        self.guesses: list[Guess] = list(self.layout.guesses)
        self.ids, self.row, self.rounded = Ids(), 1, list[str]()
        self.changes: list[Change] = []
        self.dates: DateColumn | None = None
        self.unit: str | None = None
        self._numbers_are: str | None = None  # that stand for times: number, Y, or a format of dates
        self.zone: str | None = None
        self.form: str | None = None
        self.time = self.layout.time
        if self.time is not None and first[self.time].words is not None:
            self._find_dates(first[self.time])

    def _find_dates(self, cells: Cells) -> None:
        """How times are written that are texts."""
        assert self.time is not None
        assert cells.words is not None
        known, places = cells.words
        rows = np.full(len(known), 1)
        rows[places[places >= 0][::-1]] = np.flatnonzero(places >= 0)[::-1] + 1
        texts = [(text, int(row)) for text, row in zip(known, rows, strict=True) if text]
        column = TextColumn([t for t, _ in texts], [r for _, r in texts], self.source, cells.name, self.time + 1)
        chosen = self.options.date_format
        form = DateFormat(chosen) if chosen else guess_format(column) if texts else None
        if form is not None:
            if form.why and not chosen:
                words = str(form).partition(";")[0].replace("read as", "times are read as")
                self.guesses.append(Guess(words, ("--date-format",)))
            self.dates, self.form = DateColumn(form, self.source, cells.name, self.time + 1), form.name
        elif self.options.time is not None or cells.name.lower() in TIMES:
            raise DataError(
                f"{self.source}: column {quoted(cells.name)} holds no times that can be read: say how they are "
                "written, --date-format dd.mm.yyyy, or --time none to number the rows"
            )
        else:
            self.guesses = [guess for guess in self.guesses if "--time" not in guess.options]
            words = f"column {quoted(cells.name)} holds no dates: the rows are numbered"
            self.guesses.append(Guess(words, ("--time", "--date-format")))
            self.time = None

    def batch(self, columns: Sequence[Cells]) -> Batch:
        count = max(map(len, columns), default=0)
        lines = range(self.row, self.row + count)
        codes = times = None
        if self.layout.id is not None:
            codes = self._codes(columns[self.layout.id], lines)
        if self.time is not None:
            times = self._times(columns[self.time], lines)
        values, missing = [], list[Missing]()
        for place, column in enumerate(self.layout.values):
            numbers = self._numbers(columns[column], column, lines, single=len(self.layout.values) == 1)
            missing += [
                Missing(row, place, _text(columns[column], row)) for row in np.flatnonzero(np.isnan(numbers)).tolist()
            ]
            values.append(numbers)
        self.row += count
        return Batch(lines, values, times, codes, missing)

    def _place(self, row: int, column: int, cells: Cells) -> str:
        return f"{self.source}:{row}:{column + 1}: column {quoted(cells.name)}"

    def _codes(self, cells: Cells, lines: range) -> NDArray[np.int32]:
        column = self.layout.id
        assert column is not None
        if cells.whole and cells.numbers is not None and cells.exact is not None:
            numbers, missing = cells.exact, np.isnan(cells.numbers)
            cells = words_of(cells.name, [None if gone else str(n) for n, gone in zip(numbers, missing, strict=True)])
        if cells.words is None:
            raise DataError(f"{self.source}: column {quoted(cells.name)} tells no series apart: expected names")
        words, places = cells.words
        blank = (places < 0) | np.isin(places, [i for i, word in enumerate(words) if not word])
        for row in np.flatnonzero(blank).tolist():
            message = f"{self._place(lines[row], column, cells)} is empty: which series is this row of?"
            self.faults.add(Fault("id", message, lines[row], column + 1))
        if blank.any():
            words, places = [*words, ""], np.where(blank, len(words), places)
        return self.ids.codes(words)[places]

    def _times(self, cells: Cells, lines: range) -> NDArray[np.int64]:
        column = self.time
        assert column is not None
        if cells.words is not None and self.dates is not None:
            words, places = cells.words
            if (places < 0).any():
                words, places = [*words, ""], np.where(places < 0, len(words), places)
            if self.faults.gather:  # each row that has a faulty word is a finding
                return self.dates.read([words[place] for place in places.tolist()], lines, self.faults)
            first = np.zeros(len(words), np.int64)
            first[places[::-1]] = np.arange(len(places))[::-1]
            return self.dates.read(words, [lines[i] for i in first.tolist()], self.faults)[places]
        if cells.times is not None:
            zone = cells.zone
            if zone is not None and "(" in zone:  # of dateutil or pytz: an object that no other library has
                raise DataError(
                    f"{self.source}: column {quoted(cells.name)} has the time zone {quoted(zone)}, which has no name "
                    "to be kept by: give the times in one that has, .dt.tz_convert('UTC') or 'Europe/Berlin'"
                )
            self.zone = f"UTC{zone}" if zone is not None and zone[:1] in "+-" else zone
            self.form = cells.form
            return self._known_times(cells, cells.times, lines)
        numbers = cells.numbers
        if numbers is None or not cells.whole or np.isnan(numbers).any():
            self._refuse_times(cells, numbers, lines)
        assert numbers is not None
        if self._numbers_are is None:
            self._numbers_are = self._ask_what_numbers_are(cells, numbers)
        if self.dates is not None:
            return self.dates.read([str(int(number)) for number in numbers], lines, self.faults)
        self.unit = self._numbers_are
        return numbers.astype(np.int64) - (1970 if self.unit == "Y" else 0)

    def _refuse_times(self, cells: Cells, numbers: Array | None, lines: range) -> None:
        column = self.time or 0
        if numbers is None or not cells.whole:
            what = cells.other or "numbers with a fraction"
            raise DataError(
                f"{self.source}: column {quoted(cells.name)} holds {what}, not times: choose another, --time"
            )
        row = lines[int(np.argmax(np.isnan(numbers)))]
        raise DataError(f"{self._place(row, column, cells)} is empty: fill the time in, or cut the row")

    def _ask_what_numbers_are(self, cells: Cells, numbers: Array) -> str:
        """Whole numbers may be years, or what only the user can know: the same questions as of texts."""
        texts = [str(int(number)) for number in np.unique(numbers)]
        column = TextColumn(texts, range(1, len(texts) + 1), self.source, cells.name, (self.time or 0) + 1)
        form = DateFormat(self.options.date_format) if self.options.date_format else guess_format(column)
        if form is None or form.name == "number":
            return "number"
        if form.name == "yyyy":
            if form.why:
                self.guesses.append(Guess(f"times are years, since {form.why}", ("--date-format",)))
            return "Y"
        self.dates, self.form = DateColumn(form, self.source, cells.name, (self.time or 0) + 1), form.name
        return form.name

    def _known_times(self, cells: Cells, times: Dates, lines: range) -> NDArray[np.int64]:
        gone = np.isnat(times)
        if gone.any():
            for row in np.flatnonzero(gone).tolist():
                message = f"{self._place(lines[row], self.time or 0, cells)} is empty: fill the time in, or cut the row"
                self.faults.add(Fault("date", message, lines[row], (self.time or 0) + 1))
        name, count = np.datetime_data(times.dtype)
        if (name, count) in (("Y", 1), ("M", 1), ("D", 1)):
            self.unit = name
            found = times.astype(np.int64)
        else:
            self.unit = "us"
            exact = times.astype("datetime64[us]")
            if ((exact.astype(times.dtype) != times) & ~gone).any():
                row = int(np.argmax((exact.astype(times.dtype) != times) & ~gone))
                raise DataError(
                    f"{self._place(lines[row], self.time or 0, cells)} holds {times[row]}: finer than a microsecond"
                )
            found = exact.astype(np.int64)
        found[gone] = BAD_TIME
        return found

    def _numbers(self, cells: Cells, column: int, lines: range, *, single: bool) -> Array:
        numbers = cells.numbers
        if numbers is None or (cells.other and not self.options.booleans):
            numbers = self._from_words(cells, column, lines)
        infinite = np.isinf(numbers)
        for row in np.flatnonzero(infinite).tolist():
            message = f"{self._place(lines[row], column, cells)} holds {numbers[row]}: expected a finite number"
            self.faults.add(Fault("value", message, lines[row], column + 1))
        if infinite.any():
            numbers = np.where(infinite, np.nan, numbers)
        for row, text in cells.rounded:
            self.rounded.append(f"row {lines[row]}: {text} cannot be held exactly; kept as {float(numbers[row])!r}")
        if single and self.options.missing is None:
            for row in np.flatnonzero(np.isnan(numbers) & ~infinite).tolist():
                if not self.faults.has(lines[row], column + 1):
                    where = (column + 1, cells.name)
                    self.faults.add(missing_fault(self.source, lines[row], where, _text(cells, row)))
        return numbers

    def _from_words(self, cells: Cells, column: int, lines: range) -> Array:
        if cells.words is None:
            hint = ": --booleans reads them as 1 and 0" if cells.other == BOOLEANS else ""
            raise DataError(
                f"{self.source}: column {quoted(cells.name)} holds {cells.other or 'times'}, not numbers{hint}"
            )
        known, places = cells.words
        options = self.options
        form = NumberFormat(
            options.decimal or ".", options.thousands, options.missing_words, options.booleans, options.strip_unit
        )
        found = form.read(known)
        why = dict(found.refused)
        for row, which in enumerate(places.tolist()):
            if which in why:
                message = f"{self._place(lines[row], column, cells)} holds {quoted(known[which])}: {why[which]}"
                self.faults.add(Fault("value", message, lines[row], column + 1))
        self._say_words(cells, lines, found)
        return np.append(found.values, np.nan)[places]

    def _say_words(self, cells: Cells, lines: range, found: Numbers) -> None:
        """What texts became that are not used as they stand."""
        assert cells.words is not None
        known, places = cells.words
        for which in found.rounded:
            for row in np.flatnonzero(places == which).tolist():
                kept = float(found.values[which])
                self.rounded.append(f"row {lines[row]}: {known[which]} cannot be held exactly; kept as {kept!r}")
        for which, reason in found.changed:
            for row in np.flatnonzero(places == which).tolist():
                self.changes.append(
                    Change(lines[row], cells.name, "", known[which], as_text(found.values[which]), reason)
                )

    def finish(self, gathered: Gathered) -> Dates | None:
        if gathered.times is None:
            return None
        times = gathered.times.whole()
        if self.dates is not None:
            return self.dates.finish(times)
        if self.unit in (None, "number"):
            return times
        if self.unit != "us":
            return times.view(f"datetime64[{self.unit}]")
        return coarsest(times, days=self.zone is None)


def _text(cells: Cells, row: int) -> str:
    """The word that stands in a row, "" for none."""
    if cells.words is None or cells.words[1][row] < 0:
        return ""
    return cells.words[0][cells.words[1][row]]


def _kind(cells: Cells, options: ReadOptions) -> str:
    """As of a column of texts: whole, number, date, text, blank."""
    if cells.times is not None:
        return "date"
    if cells.other:
        return "number" if options.booleans and cells.other == BOOLEANS else "text"
    if cells.numbers is not None:
        some = cells.numbers[:_SAMPLE]
        if not len(some):
            return "number"
        return "whole" if cells.whole and not np.isnan(some).any() and runs_on(some.tolist()) else "number"
    return kind_of_column([text for text in cells.texts(_SAMPLE) if text not in options.missing_words])


def _repeats(cells: Cells) -> bool:
    if cells.words is not None:
        return len(cells.words[0]) < len(cells.words[1])
    if cells.numbers is not None:
        some = cells.numbers[:_SAMPLE]
        return len(np.unique(some)) < len(some)
    return False


def read_typed(
    batches: Iterable[Sequence[Cells]],
    options: ReadOptions,
    source: str,
    faults: Faults,
    *,
    many: bool,
    rows: int = 0,
    tell: Callable[[str], None] | None = None,
) -> Table:
    """All batches, of which each has the same columns. `rows` is how many rows there will be, where that is known."""
    batches = iter(batches)
    first = next(batches, None)
    if first is None or not first or max(map(len, first)) == 0:
        names = ", ".join(cells.name for cells in first or ())
        raise DataError(f"{source} has {f'columns ({names[:60]}) but no rows' if names else 'no columns'}")
    reader = _Reader(first, options, source, faults, many=many)
    layout = reader.layout
    widths = len(layout.values), reader.time is not None, layout.id is not None
    spill = room_for(rows, widths, source, tell if rows > _LARGE else None)
    gathered = Gathered(*widths, rows, spill)
    for columns in chain([first], batches):
        if max(map(len, columns)) > 0:
            gathered.add(reader.batch(columns))
    zone, note = reader.dates.zone() if reader.dates else (reader.zone, "")
    more = [f"and {len(reader.rounded) - 3:,} more values that a double cannot hold exactly"] * (
        len(reader.rounded) > 3
    )
    return Table(
        source, gathered, layout.names, layout.values, reader.time, reader.ids.names if layout.id is not None else None,
        reader.finish(gathered), reader.form, zone, reader.guesses,
        [*reader.rounded[:3], *more, *([note] if note else [])], reader.changes,
        unit="row",
    )  # fmt: skip
