"""The way in: one series, or all of a table."""

from __future__ import annotations

import re
from collections.abc import Callable
from os import PathLike, fspath
from typing import Any

from timeglass.errors import DataError, InputError
from timeglass.read.assemble import assemble
from timeglass.read.csv_table import read_csv
from timeglass.read.faults import Fault, Faults
from timeglass.read.frames import is_frame, read_frame
from timeglass.read.growing import free_memory
from timeglass.read.options import ReadOptions
from timeglass.read.parquet import read_columns
from timeglass.read.stream import open_source
from timeglass.read.text import Text
from timeglass.series.panel import Panel
from timeglass.series.series import Series
from timeglass.words import quoted

__all__ = ["gather", "read_panel", "read_series"]

Tell = Callable[[str], None]


def read_series(
    source: Any, options: ReadOptions | None = None, *, private: bool = False, tell: Tell | None = None
) -> Series:
    """The one series of a table.

    `source` is a file's path, an http or https address, or "-" for standard input (CSV, TSV, Parquet, Arrow; also
    packed by gzip, bzip2, xz, zstd, zip); any data frame or series that narwhals knows; an array or list of numbers.
    What is not said in `options` is found out and stands in `origin.guesses`; a `DataError` asks where that would be
    a guess of luck, and names the place of whatever cannot be read. `private` admits addresses of private networks.
    `tell` is told at the start what a large file will take.

    >>> read_series([1.0, 2.0, 4.0]).values
    array([1., 2., 4.])
    """
    panel = _read(source, options or ReadOptions(), Faults(), many=False, private=private, tell=tell)
    if len(panel) != 1:
        names = ", ".join(map(quoted, panel.ids[:6])) + ", …" * (len(panel) > 6)
        raise DataError(
            f"{panel.origin.name} has {len(panel):,} series ({names}), one is wanted: use read_panel, or cut the others"
        )
    return panel[0]


def read_panel(
    source: Any, options: ReadOptions | None = None, *, private: bool = False, tell: Tell | None = None
) -> Panel:
    """All series of a table, as `read_series` reads one: of a column each, or told apart by a column of names.

    >>> read_panel({"ds": ["2020-01", "2020-02"], "a": [1.0, 2.0], "b": [3.0, 4.0]})["b"].values
    array([3., 4.])
    """
    return _read(source, options or ReadOptions(), Faults(), many=True, private=private, tell=tell)


def gather(
    source: Any, options: ReadOptions, *, private: bool = False, tell: Tell | None = None
) -> tuple[Panel | None, Faults]:
    """What can be read, and all that cannot. None where nothing can; a `DataError` where it is no table at all."""
    faults = Faults(gather=True)
    try:
        panel = _read(source, options, faults, many=True, private=private, tell=tell)
        return (panel if len(panel) else None), faults
    except InputError as error:
        if not faults.count:
            raise
        place = re.match(rf"{re.escape(str(source))}:([0-9]+):", str(error))
        faults.add(Fault("table", str(error), int(place[1]) if place else None))
        return None, faults


def _read(source: Any, options: ReadOptions, faults: Faults, *, many: bool, private: bool, tell: Tell | None) -> Panel:
    if is_frame(source):
        return assemble(read_frame(source, options, faults, many=many), options, faults)
    if not isinstance(source, str | PathLike):
        raise InputError(
            f"cannot read {type(source).__name__}: expected a file's path, an address, a data frame, an array or a list"
        )
    where = fspath(source)
    if not isinstance(where, str):
        raise InputError("expected a path of text, got bytes: use os.fsdecode")
    try:
        return _read_file(where, options, faults, many=many, private=private, tell=tell)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "thread" not in str(error):
            raise
        raise InputError(
            f"{where}: the memory is not enough ({free_memory() / 2**20:,.0f} MiB are free): cut it in parts; where "
            "the rows of a series lie apart, sort it by series first"
        ) from None


def _read_file(
    where: str, options: ReadOptions, faults: Faults, *, many: bool, private: bool, tell: Tell | None
) -> Panel:
    with open_source(where, private=private) as opened:
        if opened.kind == "text":
            text = Text(
                opened.file, opened.name, encoding=options.encoding, skip_lines=options.skip_lines,
                skip_footer=options.skip_footer,
            )  # fmt: skip
            table = read_csv(text, options, faults, many=many, size=None if opened.packed else opened.size, tell=tell)
        else:
            table = read_columns(opened, options, faults, many=many, tell=tell)
        if opened.packed:
            table.notes.insert(0, f"unpacked from {opened.packed}")
        return assemble(table, options, faults, sha256=opened.sha256(), fetched=opened.fetched)
