"""One series put in order: what is wrong is refused with its lines, or repaired as was asked, each repair listed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates, Frequency
from timeglass.dates.clock_changes import clock_changes
from timeglass.dates.frequencies import Irregular, steps
from timeglass.dates.gaps import Gap, duplicates, gaps, order
from timeglass.errors import InputError, OptionError
from timeglass.read.faults import Fault, Faults
from timeglass.read.options import ReadOptions
from timeglass.read.table import missing_fault
from timeglass.series.dates import date_label
from timeglass.series.filling import fill_linear, fill_seasonal
from timeglass.series.resampling import resample
from timeglass.series.series import Change, as_text
from timeglass.types import Array
from timeglass.words import counted, quoted

__all__ = ["Mender", "Rows"]

_LONGEST_GAP, _ANY_GAP = 10, 1000  # times the rows that there are, and so many more, are filled in at most


@dataclass
class Rows:
    """One series' rows. A missing value is NaN; `texts` has what stands there, by line."""

    values: Array  # (rows,)
    dates: Dates | None  # (rows,)
    lines: NDArray[np.int64]  # (rows,), 0 for a row that was filled in
    name: str  # of the series, "" where there is one
    column: tuple[int, str]  # of the values: its place from 1, its name
    time_column: int | None = None  # its place from 1
    texts: dict[int, str] = field(default_factory=dict)

    def keep(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> None:
        self.values, self.lines = self.values[rows], self.lines[rows]
        if self.dates is not None:
            self.dates = self.dates[rows]


@dataclass
class Mender:
    """Mends series one after another; `changes` and `notes` are what it did."""

    source: str
    options: ReadOptions
    faults: Faults
    date_format: str | None = None
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unit: str = "line"  # by which rows are counted
    wide: bool = False  # series of one table side by side may begin late and end early

    def mend(self, rows: Rows, frequency: Frequency | Irregular | None) -> Frequency | None:
        """Changes `rows` until each value is known and each date the next one; the frequency that they then have."""
        if rows.dates is not None:
            self._sort(rows)
            self._merge_duplicates(rows)
        if self.options.resampling is not None:
            frequency = self._resample(rows)
        self._trim(rows)
        known = self._fill_gaps(rows, frequency) if rows.dates is not None and frequency is not None else None
        if self.options.missing in ("linear", "seasonal"):
            self._fill(rows, known)
        self._drop_missing(rows)
        return known

    # ---- words

    def _label(self, date: np.datetime64 | np.int64) -> str:
        return date_label(date, self.date_format)

    def _place(self, line: int | None) -> str:
        return f"{self.source}:{line}" if line else self.source

    def _of(self, rows: Rows) -> str:
        return f"series {quoted(rows.name)}: " if rows.name else ""

    def _fault(self, kind: str, rows: Rows, message: str, row: int | None = None) -> None:
        line = int(rows.lines[row]) if row is not None else None
        column = rows.time_column if line and kind != "missing" else None
        place = f"{self._place(line)}{f':{column}' if column else ''}"
        self.faults.add(Fault(kind, f"{place}: {self._of(rows)}{message}", line, column))

    def _note(self, rows: Rows, kind: str, message: str, row: int) -> None:
        """What is mended without being asked, or as asked: said, and a finding of a check."""
        self.notes.append(f"{self._of(rows)}{message}")
        line = int(rows.lines[row]) or None
        self.faults.add(Fault(kind, f"{self._place(line)}: {self._of(rows)}{message}", line, stops=False))

    def _change(self, rows: Rows, row: int | None, old: str, new: str, why: str, date: str = "") -> None:
        line = int(rows.lines[row]) or None if row is not None else None
        if row is not None and rows.dates is not None:
            date = self._label(rows.dates[row])
        column = rows.name if rows.name and self.wide else rows.column[1]
        why = f"{why} of series {quoted(rows.name)}" if rows.name and not self.wide else why
        self.changes.append(Change(line, column, date, old, new, why))

    # ---- order

    def _sort(self, rows: Rows) -> None:
        assert rows.dates is not None
        if (rows.dates[1:] >= rows.dates[:-1]).all():
            return
        found = order(rows.dates)
        row = int(np.argmax(rows.dates[1:] < rows.dates[:-1])) + 1
        before = f"{self._label(rows.dates[row - 1])} ({self.unit} {rows.lines[row - 1]})"
        what = f"{self._label(rows.dates[row])} comes after {before}"
        if self.options.strict:
            self._fault("order", rows, f"{what}: sort the rows by date, or leave --strict out", row)
        how = "newest first, and were turned round" if found.reversed else ""
        how = how or f"out of order in {counted(found.moved, 'place')}, and were sorted"
        self._note(rows, "order", f"the rows stood {how} ({what})", row)
        rows.keep(found.rows)

    def _merge_duplicates(self, rows: Rows) -> None:
        assert rows.dates is not None
        pairs = duplicates(rows.dates)
        if len(pairs) == 0:
            return
        one, other = rows.values[pairs[:, 0]], rows.values[pairs[:, 1]]
        same = (one == other) | (np.isnan(one) & np.isnan(other))
        if not same.all() and self.options.duplicates is None:
            repeated = {change.time: str(change) for change in clock_changes(rows.dates) if change.kind == "repeated"}
            for a, b in pairs[~same].tolist():
                self._fault("duplicate", rows, self._twice(rows, a, b, repeated.get(rows.dates[a])), b)
        elif self.options.strict and same.all():
            a, b = pairs[0].tolist()
            self._fault("duplicate", rows, f"{self._both(rows, a, b)}, the same value: keep one", b)
        self._merge(rows, pairs, same)

    def _both(self, rows: Rows, a: int, b: int) -> str:
        assert rows.dates is not None
        return f"{self.unit}s {rows.lines[a]} and {rows.lines[b]} both say {self._label(rows.dates[a])}"

    def _twice(self, rows: Rows, a: int, b: int, clocks: str | None) -> str:
        values = [f"{rows.values[i]:.10g}" if not np.isnan(rows.values[i]) else "no value" for i in (a, b)]
        hint = f"; {clocks}" if clocks else ": keep one, or choose --duplicates last or mean"
        other = (
            "" if clocks or rows.name else "; if they belong to different series, --id tells which column names them"
        )
        return f"{self._both(rows, a, b)}: {' and '.join(values)}{hint}{other}"

    def _merge(self, rows: Rows, pairs: NDArray[np.int64], same: NDArray[np.bool_]) -> None:
        how = self.options.duplicates or "first"
        keep = np.ones(len(rows.values), bool)
        by_first = np.argsort(pairs[:, 0], kind="stable")
        cuts = np.flatnonzero(np.diff(pairs[by_first, 0])) + 1
        for group in np.split(by_first, cuts):
            first = int(pairs[group[0], 0])
            places = [first, *pairs[group, 1].tolist()]
            values = rows.values[places]
            keep[places[1:]] = False
            if same[group].all():
                for place in places[1:]:
                    self._change(
                        rows, place, as_text(rows.values[place]), "", f"the same as in {self.unit} {rows.lines[first]}"
                    )
                continue
            self._merge_different(rows, places, values, how)
        rows.keep(keep)

    def _merge_different(self, rows: Rows, places: list[int], values: Array, how: str) -> None:
        """Puts what comes of several values of one date in the place of the first."""
        known = [place for place, value in zip(places, values, strict=True) if not np.isnan(value)]
        new = _combined(rows.values[known], how)
        used = {"first": known[0], "last": known[-1]}.get(how)
        why = f"{how} of {len(places)} rows of this date"
        for place in places if self.options.duplicates else ():  # else it is a fault, and said
            if used is None:
                self._change(rows, place, as_text(rows.values[place]), as_text(new), why)
            elif place != used:
                self._change(
                    rows, place, as_text(rows.values[place]), "", f"the {why} is in {self.unit} {rows.lines[used]}"
                )
        rows.values[places[0]] = new
        if used is not None:
            rows.lines[places[0]] = rows.lines[used]

    # ---- frequency

    def _resample(self, rows: Rows) -> Frequency | None:
        assert self.options.resampling is not None
        words, how = self.options.resampling
        if rows.dates is None:
            raise OptionError(f"--resample {words}: the rows have no dates: say which column has them, --time")
        known = ~np.isnan(rows.values)
        for row in np.flatnonzero(~known).tolist():
            self._missing(rows, row)
        rows.keep(known)
        found = resample(rows.dates, rows.values, words, how)
        filled = found.counts > 0
        lines = np.where(filled, rows.lines[np.maximum(found.first_rows, 0)], 0)
        for bin_ in np.flatnonzero(filled).tolist():
            count = int(found.counts[bin_])
            date = self._label(found.dates[bin_])
            old = counted(count, "row")
            self.changes.append(
                Change(
                    int(lines[bin_]),
                    rows.column[1],
                    date,
                    old,
                    as_text(found.values[bin_]),
                    f"{how} of each {found.frequency.unit}",
                )
            )
        rows.values, rows.dates, rows.lines = found.values, found.dates, lines
        return found.frequency

    def _fill_gaps(self, rows: Rows, frequency: Frequency | Irregular) -> Frequency | None:
        assert rows.dates is not None
        if len(rows.dates) < 2 and isinstance(frequency, Irregular):
            return None
        if isinstance(frequency, Irregular):
            self._irregular(rows)
            return None
        try:
            found = gaps(rows.dates, frequency)
        except OptionError as error:
            self._irregular(rows, str(error).removeprefix("dates: "), frequency)
            return None
        if not found:
            return frequency
        missing = self.options.missing
        if missing is None:
            nights = [c for c in clock_changes(rows.dates) if c.kind == "missing"]
            for gap in found:
                if self._has_fault_between(int(rows.lines[gap.row]), int(rows.lines[gap.row + 1])):
                    continue  # the row is there, but its date cannot be read
                between = f"between {self.unit}s {rows.lines[gap.row]} and {rows.lines[gap.row + 1]}"
                what = self._label(gap.first) + (f"..{self._label(gap.last)}" if gap.count > 1 else "")
                night = next((f"; {c}" for c in nights if c.row == gap.row), "")
                self._fault(
                    "gap", rows,
                    f"gap {what} ({counted(gap.count, 'row')}) {between}{night}: fill the rows in, or choose --missing "
                    "linear, seasonal, or drop to go on without them", gap.row + 1,
                )  # fmt: skip
            return frequency
        if missing == "drop":
            one = counted(sum(gap.count for gap in found), "row")
            first = f"{self._label(found[0].first)}, after {self.unit} {rows.lines[found[0].row]}"
            what = f"{one} missing (the first: {first}): the rows beside such a gap are used as neighbours, as asked"
            self._note(rows, "gap", what, found[0].row)
            return frequency
        if self._has_long_gap(rows, found):
            return frequency
        self._insert(rows, frequency)
        return frequency

    def _has_long_gap(self, rows: Rows, found: list[Gap]) -> bool:
        """Whether far more rows are missing than there are: then a date is wrong, and nothing is filled in."""
        longest = max(found, key=lambda gap: gap.count)
        if longest.count <= _LONGEST_GAP * len(rows.values) + _ANY_GAP:
            return False
        assert rows.dates is not None
        before, after = (self._label(rows.dates[longest.row + i]) for i in (0, 1))
        line, count = rows.lines[longest.row], counted(len(rows.values), "row")
        what = f"{longest.count:,} rows are missing between {before} ({self.unit} {line}) and {after}, beside {count}"
        self._fault("gap", rows, f"{what}: is one of the dates wrong? Correct it, or cut the row", longest.row + 1)
        return True

    def _has_fault_between(self, line: int, end: int) -> bool:
        if not self.faults.gather:
            return False
        return self.faults.any_between(line, end)

    def _irregular(self, rows: Rows, why: str = "", frequency: Frequency | None = None) -> None:
        assert rows.dates is not None
        counts = steps(rows.dates)
        usual = f"the other series have a row every {frequency}; " if frequency and rows.name else ""
        shown = ", ".join(f"{count:,} of {step}" for step, count in counts[:5])
        more = f" and {counted(len(counts) - 5, 'other kind')}" if len(counts) > 5 else ""
        sizes, often = np.unique(np.diff(rows.dates), return_counts=True)
        bad = int(np.argmax(np.diff(rows.dates) != sizes[np.argmax(often)]))
        where = f"the first other step is between {self.unit}s {rows.lines[bad]} and {rows.lines[bad + 1]}"
        why = f"{why}: " if why and len(counts) < 2 else ""
        what = f"{usual}{why}the dates are not evenly spaced (steps: {shown}{more}; {where})"
        remedy = "choose --freq none to take the rows as they follow each other"
        if rows.dates.dtype.kind == "M":
            remedy = f"choose --resample day, month or the like, or {remedy.removeprefix('choose ')}"
        self._fault("steps", rows, f"{what}: {remedy}", bad + 1)

    def _insert(self, rows: Rows, frequency: Frequency) -> None:
        """A row without a value for each date that is missing."""
        assert rows.dates is not None
        ordinals, stride = frequency.ordinals(rows.dates), frequency.stride(rows.dates.dtype)
        places = (ordinals - ordinals[0]) // stride
        count = int(places[-1]) + 1
        dates = frequency.dates(ordinals[0] + stride * np.arange(count), rows.dates[:1])
        values, lines = np.full(count, np.nan), np.zeros(count, np.int64)
        values[places], lines[places], dates[places] = rows.values, rows.lines, rows.dates
        rows.values, rows.lines, rows.dates = values, lines, dates

    # ---- missing values

    def _missing(self, rows: Rows, row: int) -> None:
        """A fault where nothing was asked for, else a change: the row is left out."""
        text = rows.texts.get(int(rows.lines[row]), "")
        if self.options.missing is None:
            self.faults.add(missing_fault(self.source, int(rows.lines[row]), rows.column, text))
        else:
            self._change(rows, row, text, "", "no value")

    def _trim(self, rows: Rows) -> None:
        """In a wide table a series may begin later and end earlier than its neighbours; that is said."""
        known = np.flatnonzero(~np.isnan(rows.values))
        if not self.wide or len(known) in (0, len(rows.values)):
            return
        first, last = int(known[0]), int(known[-1])
        if first > 0 or last < len(rows.values) - 1:
            lines = f"from {self.unit} {rows.lines[first]} to {self.unit} {rows.lines[last]}"
            self._note(rows, "length", f"values {lines} alone: it begins and ends there", first)
            rows.keep(np.arange(first, last + 1))

    def _drop_missing(self, rows: Rows) -> None:
        bad = np.isnan(rows.values)
        if not bad.any():
            return
        for row in np.flatnonzero(bad).tolist():
            if self.options.missing == "drop" or self.wide:
                self._missing(rows, row)
        rows.keep(~bad)

    def _fill(self, rows: Rows, frequency: Frequency | None) -> None:
        bad = np.isnan(rows.values)
        if not bad.any():
            return
        known = rows.values
        try:
            if self.options.missing == "seasonal":
                rows.values = fill_seasonal(known, frequency.period if frequency is not None else 1)
            else:
                rows.values = fill_linear(known)
        except InputError as error:
            self._fault("missing", rows, f"--missing {self.options.missing}: {error}", int(np.argmax(bad)))
            return
        for row in np.flatnonzero(bad).tolist():
            line = int(rows.lines[row])
            old = rows.texts.get(line, "") if line else "no row"
            self._change(rows, row, old, as_text(rows.values[row]), f"filled in, {self.options.missing}")


def _combined(values: Array, how: str) -> float:
    if len(values) == 0:
        return float("nan")
    if how in ("first", "last"):
        return float(values[0 if how == "first" else -1])
    return float(getattr(values, how)())
