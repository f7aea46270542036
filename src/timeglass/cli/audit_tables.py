"""The tables of `timeglass audit`: what came, the forecasts beside it, and which rows are for testing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from timeglass.errors import DataError, OptionError
from timeglass.forecast.zones import date_texts
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_panel, read_series
from timeglass.series.panel import Panel
from timeglass.series.series import Origin, Series
from timeglass.types import Array
from timeglass.words import counted, quoted

__all__ = ["AuditTables"]

_ACTUAL = ("y", "actual", "value", "target", "observed", "y_true")
_TEST = ("test", "testing", "holdout", "out-of-sample")
_TRAIN = ("train", "training", "fit", "in-sample")


@dataclass(frozen=True)
class AuditTables:
    """One series in two parts, and forecasts (test rows,) by the name of their column."""

    train: Array
    test: Series
    columns: dict[str, Array]
    origins: tuple[Origin, ...]

    @classmethod
    def read(
        cls, file: str, reading: ReadOptions, *, train: str | None, split: str | None, part: str | None,
        predictions: str | None, private: bool, tell: Callable[[str], None],
    ) -> AuditTables:  # fmt: skip
        """Reads FILE, and the training rows' where there is one. A `TimeglassError` says what does not fit."""
        said = [option for option, given in (("--train", train), ("--split", split), ("--part", part)) if given]
        if len(said) > 1:
            raise OptionError(f"{' and '.join(said)}: each says which rows are for training: give one of them")
        if reading.id is not None and str(reading.id) != "none":
            raise OptionError("--id: an audit is of one series: cut the table to that one, and leave --id out")
        wide = dataclasses.replace(reading, value=None, id="none")
        panel = read_panel(file, wide, private=private, tell=tell)
        actual = panel[_actual(panel, reading.value)]
        others = _chosen(panel, actual.name, predictions)
        origins: tuple[Origin, ...] = (panel.origin,)
        if train is not None:
            known = read_series(
                train, dataclasses.replace(reading, value=_same_column(reading)), private=private, tell=tell
            )
            first, before = 0, known.values
            origins = (known.origin, panel.origin)
            _check_order(known, actual)
        else:
            first = _first_test_row((file, panel.origin.name), actual, others, split, part, wide, private=private)
            before = actual.values[:first]
        test = actual[slice(first, None)]
        return cls(before, test, {other.name: _beside(test, other) for other in others}, origins)

    def forecasts(self, *, together: bool) -> dict[str, Array | None]:
        """Each column by itself; `together` all of them as those of several seeds, (S, rows)."""
        if not self.columns:
            return {"": None}
        if together:
            return {"": np.stack(list(self.columns.values()))}
        return dict(self.columns)


def _actual(panel: Panel, chosen: str | int | None) -> int:
    """Which series of the table is what came."""
    if chosen is not None:
        if str(chosen) in panel.ids:
            return panel.ids.index(str(chosen))
        if str(chosen).isdigit() and int(chosen) in panel.columns:
            return panel.columns.index(int(chosen))
        raise DataError(
            f"{panel.origin.name}: no column {quoted(str(chosen))} of numbers for --value: there are {_listed(panel)}"
        )
    if len(panel) == 1:
        return 0
    lower = [name.lower() for name in panel.ids]
    named = [lower.index(name) for name in _ACTUAL if name in lower]
    if not named:
        raise DataError(
            f"{panel.origin.name}: which column holds what came? There are {_listed(panel)}: say it, --value NAME"
        )
    return named[0]


def _listed(panel: Panel) -> str:
    return ", ".join(map(quoted, panel.ids[:8])) + ", …" * (len(panel) > 8)


def _same_column(reading: ReadOptions) -> str | int | None:
    """The column of the training table: that of the same name; a place may be another one there."""
    return reading.value if not str(reading.value).isdigit() else None


def _chosen(panel: Panel, actual: str, names: str | None) -> list[Series]:
    if names is None:
        return [series for series in panel if series.name != actual]
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in panel.ids or name == actual:
            raise OptionError(f"--predictions {name}: no such column of forecasts: there are {_listed(panel)}")
    return [panel[name] for name in wanted]


def _check_order(known: Series, actual: Series) -> None:
    """The training rows come before the others."""
    if known.dates is None or actual.dates is None or not known.dates.dtype.kind == actual.dates.dtype.kind == "M":
        return
    if known.dates[-1] >= actual.dates[0]:
        raise DataError(
            f"{known.place(len(known) - 1)}: the training rows end with {known.label(len(known) - 1)}, but "
            f"{actual.place(0)} begins with {actual.label(0)}: give training rows that come before"
        )


def _first_test_row(
    source: tuple[str, str], actual: Series, others: list[Series], split: str | None, part: str | None,
    wide: ReadOptions, *, private: bool,
) -> int:  # fmt: skip
    file, name = source
    if split is not None:
        return _split_row(actual, split)
    if part is not None:
        return _part_row(file, actual, part, wide, private=private)
    starts = [_rows(actual, other) for other in others]
    first = min((int(rows[0]) for rows in starts if len(rows)), default=0)
    if first == 0:
        raise OptionError(
            f"{name}: which rows are for testing? Give --split DATE, --part COLUMN, or --train FILE with the "
            "training rows"
        )
    return first


def _split_row(actual: Series, split: str) -> int:
    """The row of that date, or of the first that begins so, or of that number from 1."""
    dated = actual.dates is not None
    labels = [actual.label(row).removeprefix("row ") for row in range(len(actual))]
    if actual.dates is not None and actual.zone is not None:
        labels = date_texts(actual.dates, actual.date_format, actual.zone)
    found = [row for row, label in enumerate(labels) if label == split] or [
        row for row, label in enumerate(labels) if dated and label.startswith((f"{split}-", f"{split}T"))
    ]
    if not found and split.isascii() and split.isdigit() and int(split[:9]) <= len(actual):
        found = [int(split) - 1]
    if not found or found[0] < 1:
        raise OptionError(
            f"--split {split}: expected the first test row by its date, {labels[min(1, len(labels) - 1)]} to "
            f"{labels[-1]}, or by its number, 2 to {len(labels)}"
        )
    return found[0]


def _part_row(file: str, actual: Series, part: str, wide: ReadOptions, *, private: bool) -> int:
    """Where the column says test from; training rows must come before, and nothing after."""
    if file == "-":
        raise OptionError("--part: a table from standard input is read once: use --split, or a file")
    value = actual.name if actual.name else actual.position
    panel = read_panel(file, dataclasses.replace(wide, id=part, value=value), private=private)
    kinds = {name: name.lower() in _TEST for name in panel.ids}
    strange = [name for name in panel.ids if name.lower() not in (*_TEST, *_TRAIN)]
    if strange or set(kinds.values()) != {True, False}:
        raise DataError(
            f"{panel.origin.name}: column {quoted(part)} says {', '.join(map(quoted, panel.ids[:6]))}: expected train "
            "and test (--part)"
        )
    lines = {
        kind: np.concatenate([panel[name].lines for name in panel.ids if kinds[name] == kind]) for kind in (False, True)
    }
    rows = {kind: np.flatnonzero(np.isin(actual.lines, lines[kind])) for kind in (False, True)}
    if not len(rows[True]) or not len(rows[False]) or rows[False].max() > rows[True].min():
        raise DataError(
            f"{panel.origin.name}: column {quoted(part)} mixes train and test: expected all training rows before the "
            "test rows; a row after them cannot train an honest forecast"
        )
    return int(rows[True].min())


def _rows(actual: Series, other: Series) -> Array:
    """The rows of `actual` that `other` has a value in: of the same table."""
    if actual.dates is not None and other.dates is not None:
        return np.flatnonzero(np.isin(actual.dates, other.dates))
    return np.flatnonzero(np.isin(actual.lines, other.lines))


def _beside(test: Series, other: Series) -> Array:
    """The forecasts (rows,) of all test rows."""
    keys = (
        (test.dates, other.dates) if test.dates is not None and other.dates is not None else (test.lines, other.lines)
    )
    there = np.isin(keys[0], keys[1])
    if not there.all():
        row = int(np.flatnonzero(~there)[0])
        raise DataError(
            f"{test.place(row)}: column {quoted(other.name)} has no forecast of {test.label(row)}, one of "
            f"{counted(int((~there).sum()), 'test row')} without: leave these rows out, or another --split"
        )
    return other.values[np.searchsorted(keys[1], keys[0])]
