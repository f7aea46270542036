"""What the columns of a table are: which has the times, which the values, which tells the series apart."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from timeglass.errors import DataError
from timeglass.read.options import Column, ReadOptions
from timeglass.words import counted, quoted, shown

__all__ = ["TIMES", "Guess", "Layout", "Sample", "find_layout"]

TIMES = ("ds", "date", "datetime", "time", "timestamp", "month", "year", "day", "week", "quarter", "period", "t")
_IDS = ("unique_id", "series_id", "item_id", "id", "series")
_VALUES = ("y", "value", "target")


@dataclass(frozen=True)
class Guess:
    """What was found out by itself, in one line, and the options that say otherwise."""

    words: str
    options: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.words} ({', '.join(self.options)})"


@dataclass(frozen=True)
class Sample:
    """What a column holds, by its first rows. `kind` is number, date, whole (numbers that count), text or blank."""

    name: str
    kind: str
    repeats: bool = False  # whether a value comes again


@dataclass(frozen=True)
class Layout:
    """Places of columns from 0. `values` has one column, or those of a wide table, each a series by its name."""

    names: tuple[str, ...]
    time: int | None
    values: tuple[int, ...]
    id: int | None
    guesses: tuple[Guess, ...]


def find_layout(
    samples: Sequence[Sample], options: ReadOptions, source: str, *, many: bool, line: int | None = None
) -> Layout:
    """Chosen columns, and the others by name and content. `many` takes all columns of numbers as series;
    `line` is the header's.

    A `DataError` asks where it is not plain: two columns of dates, or several of numbers where one is wanted.
    """
    names = tuple(sample.name for sample in samples)
    guesses: list[Guess] = []
    id_ = _find_id(samples, options, source, guesses)
    time = _find_time(samples, options, source, id_, guesses)
    at = source if line is None else f"{source}:{line}"
    values = _find_values(samples, options, (source, at), (time, id_), guesses, many=many and id_ is None)
    return Layout(names, time, values, id_, tuple(guesses))


def _chosen(given: Column, names: Sequence[str], option: str, source: str) -> int | None:
    """The place from 0 of a column given by name, or by place from 1."""
    if given is None:
        return None
    listed = ", ".join(quoted(name) for name in names[:12]) + ", …" * (len(names) > 12)
    text = str(given)
    places = [i for i, name in enumerate(names) if name == text] if isinstance(given, str) else []
    if len(places) > 1:
        each = " or ".join(f"--{option} {i + 1}" for i in places)
        raise DataError(f"{source}: {len(places)} columns are called {quoted(text)}: say which by its place, {each}")
    if places:
        return places[0]
    if text.isascii() and text.isdigit():
        if 1 <= int(text[:9]) <= len(names):
            return int(text) - 1
        expected = f"the {option} column is expected to be number {shown(text)} (--{option}), but"
        raise DataError(f"{source}: {expected} the table has {counted(len(names), 'column')}, {listed}")
    near = difflib.get_close_matches(text, names, n=1, cutoff=0.5)
    near = near or [name for name in names if name.lower() == text.lower()]
    hint = f"; the closest is {quoted(near[0])}" if near else ""
    raise DataError(f"{source}: no column {quoted(text)} for --{option}: there are {listed}{hint}")


def _named(samples: Sequence[Sample], known: Sequence[str], kinds: tuple[str, ...]) -> list[int]:
    """Columns of these kinds with a known name, the best known first."""
    found = [
        (known.index(s.name.lower()), i) for i, s in enumerate(samples) if s.name.lower() in known and s.kind in kinds
    ]
    return [i for _, i in sorted(found)]


def _find_id(samples: Sequence[Sample], options: ReadOptions, source: str, guesses: list[Guess]) -> int | None:
    if options.id is not None and str(options.id) == "none":
        return None
    chosen = _chosen(options.id, [s.name for s in samples], "id", source)
    if chosen is not None:
        return chosen
    named = _named(samples, _IDS, ("text", "number", "whole"))
    named = [i for i in named if i not in _places(samples, options)]
    if not named or (samples[named[0]].name.lower() in ("id", "series") and not samples[named[0]].repeats):
        return None
    guesses.append(Guess(f"series are told apart by column {quoted(samples[named[0]].name)}", ("--id",)))
    return named[0]


def _places(samples: Sequence[Sample], options: ReadOptions) -> list[int | None]:
    """The columns that were chosen for something else."""
    wanted = {str(options.time), str(options.value)}
    return [i for i, s in enumerate(samples) if s.name in wanted or str(i + 1) in wanted]


def _find_time(
    samples: Sequence[Sample], options: ReadOptions, source: str, id_: int | None, guesses: list[Guess]
) -> int | None:
    if options.time is not None and str(options.time) == "none":
        return None
    chosen = _chosen(options.time, [s.name for s in samples], "time", source)
    if chosen is not None:
        return chosen
    taken = {id_, *_values_places(samples, options)}
    free = [i for i in range(len(samples)) if i not in taken]
    _refuse_parts(samples, source)
    dates = [i for i in free if samples[i].kind == "date"]
    named = [i for i in _named(samples, TIMES, ("date", "number", "whole", "text", "blank")) if i in free]
    found = [i for i in named if samples[i].kind == "date"] or dates or named
    if len(dates) > 1 and len([i for i in named if i in dates]) != 1:
        listed = ", ".join(quoted(samples[i].name) for i in dates[:6])
        first = shown(samples[dates[0]].name)
        raise DataError(
            f"{source}: {len(dates)} columns hold dates, {listed}: say which counts, --time {first!r} or another"
        )
    if not found and free and samples[free[0]].kind == "whole" and len(samples) > 1:
        found = free[:1]  # rows that are numbered already
    if not found:
        if len(samples) > 1:
            guesses.append(Guess("no column holds dates: the rows are numbered", ("--time",)))
        return None
    guesses.append(Guess(f"times are in column {quoted(samples[found[0]].name)}", ("--time",)))
    return found[0]


def _refuse_parts(samples: Sequence[Sample], source: str) -> None:
    """Years in one column and months in another are a time only together."""
    kinds = {sample.name.lower(): sample for sample in samples}
    for first, second in (("year", "month"), ("year", "quarter"), ("year", "week"), ("date", "time"), ("date", "hour")):
        if first in kinds and second in kinds and kinds[second].kind in ("number", "whole", "text"):
            names = f"{quoted(kinds[first].name)} and {quoted(kinds[second].name)}"
            raise DataError(
                f"{source}: the time is spread over the columns {names}: join them in one, such as 2021-03 or "
                "2021-03-01T14:00, or say which one counts, --time NAME"
            )


def _values_places(samples: Sequence[Sample], options: ReadOptions) -> list[int]:
    wanted = str(options.value)
    named = [i for i, s in enumerate(samples) if s.name == wanted]
    return named or [i for i in range(len(samples)) if str(i + 1) == wanted]


def _find_values(
    samples: Sequence[Sample], options: ReadOptions, places: tuple[str, str], taken: tuple[int | None, ...],
    guesses: list[Guess], *, many: bool,
) -> tuple[int, ...]:  # fmt: skip
    source, header = places
    chosen = _chosen(options.value, [s.name for s in samples], "value", source)
    if chosen is not None:
        return (chosen,)
    free = [i for i in range(len(samples)) if i not in taken]
    numbers = [i for i in free if samples[i].kind in ("number", "whole")]
    named = [i for i in _named(samples, _VALUES, ("number", "whole")) if i in free]
    rest = [i for i in free if samples[i].kind != "blank" or samples[i].name]
    if not numbers and len(rest) == 1 and samples[rest[0]].kind != "date":
        numbers = rest  # the only column left: what is wrong with it, its values say
    if not numbers:
        listed = ", ".join(quoted(s.name) for s in samples[:12])
        raise DataError(
            f"{source}: no column holds numbers (columns: {listed}): say which has the values, --value NAME"
        )
    if many and len(numbers) > 1:
        _check_names([samples[i].name for i in numbers], numbers, header)
        guesses.append(Guess(f"each of the {len(numbers)} columns of numbers is a series", ("--value", "--id")))
        return tuple(numbers)
    if len(numbers) > 1 and not named:
        _check_names([samples[i].name for i in numbers], numbers, header)
        listed = ", ".join(quoted(samples[i].name) for i in numbers[:8]) + ", …" * (len(numbers) > 8)
        first = shown(samples[numbers[0]].name)
        raise DataError(
            f"{source}: {len(numbers)} columns hold numbers, {listed}: say which, --value {first!r} or another"
        )
    found = named[0] if named else numbers[0]
    same = [i for i in free if samples[i].name == samples[found].name]
    _check_names([samples[i].name for i in same], same, header)
    if len(rest) > 1 or samples[found].name:
        guesses.append(Guess(f"values are in column {quoted(samples[found].name)}", ("--value",)))
    return (found,)


def _check_names(names: Sequence[str], places: Sequence[int], source: str) -> None:
    again = next((name for name, count in Counter(names).items() if count > 1), None)
    if again is not None:
        same = [place for place, name in zip(places, names, strict=True) if name == again]
        each = " or ".join(f"--value {place + 1}" for place in same)
        raise DataError(f"{source}: {len(same)} columns are called {quoted(again)}: say which by its place, {each}")
