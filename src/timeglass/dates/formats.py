"""Reads a column of dates exactly, a million in a few seconds, and writes others in the same form."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from timeglass.dates.calendar import Dates
from timeglass.dates.fields import Fields, Impossible
from timeglass.dates.patterns import expression, tokens
from timeglass.dates.text_column import TextColumn
from timeglass.dates.text_shapes import Shapes
from timeglass.dates.texts import unit_of, write
from timeglass.errors import OptionError

__all__ = ["DateFormat", "Parsed"]

_NUMERIC = ("number", "excel", "unix", "unix-ms")
_EXCEL_START = np.datetime64("1899-12-30", "s")  # right from its day 61 on: its 1900 has a 29 February


@dataclass(frozen=True)
class Parsed:
    """Dates (N,) in Y, M, D, s, ms or us, or whole numbers; in UTC where the texts have offsets, in minutes."""

    dates: Dates
    offsets: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class DateFormat:
    """How a column's dates are written: a pattern such as dd.mm.yyyy, or number, excel, unix or unix-ms.

    >>> column = TextColumn(["31.12.2020", "1.1.2021"], [2, 3], "data.csv", "Day")
    >>> DateFormat("dd.mm.yyyy").parse(column).dates.astype(str).tolist()
    ['2020-12-31', '2021-01-01']
    >>> DateFormat("Qq yyyy").format(np.array(["1959-07"], "datetime64[M]"))
    ['Q3 1959']
    """

    name: str
    why: str = field(default="", compare=False)  # what in the column speaks for it, where that was a guess

    def __post_init__(self) -> None:
        if self.name not in _NUMERIC:
            tokens(self.name)

    def __str__(self) -> str:
        what = {
            "number": "whole numbers, not dates", "yyyy": "years", "excel": "days of Excel's calendar",
            "unix": "seconds since 1970, in UTC", "unix-ms": "milliseconds since 1970, in UTC",
        }.get(self.name, f"dates written {self.name}")  # fmt: skip
        return f"read as {what}{', since ' * bool(self.why)}{self.why}; another reading: --date-format"

    def parse(self, column: TextColumn) -> Parsed:
        """Each text's date, exactly. DataError with the place of the first text that is none."""
        if self.name in _NUMERIC:
            return Parsed(_from_numbers(self, column))
        pattern, shapes, fields = expression(self.name), Shapes(column.texts), Fields(len(column))
        for shape, rows in shapes:
            match = pattern.fullmatch(shape)
            if match is None:  # shapes come in the order of their first rows: those to come begin later
                fields.problems.append(Impossible(int(rows[0]), self._expected(column, shapes, int(rows[0]))))
                break
            fields.read(shapes, rows, match)
        if problem := fields.first_problem():
            raise column.refusal(problem.row, problem.reason)
        dates = fields.dates(unit_of(tokens(self.name)))
        return Parsed(dates, fields.of("minutes_east") if fields.in_utc.any() else None)

    def _expected(self, column: TextColumn, shapes: Shapes, row: int) -> str:
        """What should stand where no date of this format does."""
        if re.fullmatch(r"[0-9]{1,2}([./-])[0-9]{1,2}\1[0-9]{2}", column.texts[row]):
            return "its year has two digits: write it with four"
        like = next((shape for shape in shapes.counts if expression(self.name).fullmatch(shape)), None)
        example = f" such as {column.texts[shapes.first(like)]}" if like else ""
        return f"expected a date written {self.name}{example}; correct it in the file, or cut the row"

    def format(self, dates: Dates, offsets: NDArray[np.int64] | None = None) -> list[str]:
        """Dates (N,), in UTC where offsets (N,) in minutes are given, written as this format reads them."""
        if (dates.dtype.kind == "M") == (self.name == "number"):
            raise OptionError(f"dates: {dates.dtype} cannot be written as {self.name}")
        if self.name in _NUMERIC:
            return _to_numbers(self.name, dates)
        return write(tokens(self.name), dates, offsets)


def _from_numbers(form: DateFormat, column: TextColumn) -> Dates:
    whole = form.name != "excel"
    pattern = re.compile(r"[+-]?0{1,18}" if whole else r"00000(\.0+)?")
    shapes = Shapes(column.texts)
    bad = next((shape for shape in shapes.counts if not pattern.fullmatch(shape)), None)
    if bad is not None:
        expected = "a whole number of at most 18 digits" if whole else "a day's number such as 44197"
        raise column.refusal(
            shapes.first(bad), f"expected {expected}; correct it in the file, or number the rows with --time none"
        )
    if form.name == "number":
        return np.array([int(text) for text in column.texts], np.int64)
    if form.name == "excel":
        seconds = np.round(np.array([float(text) for text in column.texts]) * 86400).astype(np.int64)
        dates = _EXCEL_START + seconds
        return dates.astype("datetime64[D]") if not (seconds % 86400).any() else dates
    values = np.array([int(text) for text in column.texts], np.int64)
    unit, most = ("s", 10**12) if form.name == "unix" else ("ms", 10**15)
    if (beyond := np.abs(values) > most).any():
        raise column.refusal(int(np.argmax(beyond)), f"no time of our era has so many {unit} since 1970")
    if unit == "ms" and not (values % 1000).any():
        values, unit = values // 1000, "s"
    return values.astype(f"datetime64[{unit}]")


def _to_numbers(name: str, dates: Dates) -> list[str]:
    if name == "number":
        return [str(number) for number in dates.tolist()]
    if name == "excel":
        seconds = (dates.astype("datetime64[s]") - _EXCEL_START).astype(np.int64)
        return [str(n // 86400) if n % 86400 == 0 else repr(n / 86400) for n in seconds.tolist()]
    unit = "s" if name == "unix" else "ms"
    values = dates.astype(f"datetime64[{unit}]")
    if (values != dates).any():
        raise OptionError(f"dates: {dates[np.argmax(values != dates)]} is finer than {name} can write")
    return [str(number) for number in values.astype(np.int64).tolist()]
