"""What --data and DATA may say: a file, an address, or a bundled series' name."""

from __future__ import annotations

import os

import click

from timeglass.errors import DataError
from timeglass.words import quoted

__all__ = ["series_path"]


def series_path(given: str | None) -> str:
    """The file or address to read; for None the bundled sunspots.

    A file of that name wins over a bundled series, and a line on standard error says so; a folder does not, since it
    cannot be read.
    """
    from timeglass.datasets.by_name import closest
    from timeglass.datasets.catalogue import DATASETS

    if given is None:
        return str(DATASETS["sunspots"].path)
    if not _is_word(given):
        return given
    is_there = os.path.exists(given) and not os.path.isdir(given)  # False too where a name is too long
    if given in DATASETS and not is_there:
        return str(DATASETS[given].path)
    if given in DATASETS:
        click.echo(
            f"timeglass: {given} is read from the file of that name here, which wins over the bundled series: "
            "move to another folder for that",
            err=True,
        )
    elif not os.path.exists(given) and (near := closest(given)):
        raise DataError(
            f"no file {quoted(given)} and no bundled series of that name: did you mean {near}? "
            "`timeglass data` lists them"
        )
    return given


def _is_word(given: str) -> bool:
    """Whether it could be a series' name: neither an address nor a path, and without an ending."""
    return given.isprintable() and not any(mark in given for mark in ":/\\.")
