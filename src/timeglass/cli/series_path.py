"""What --data and DATA may say: a file, an address, or a bundled series' name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from timeglass.errors import DataError
from timeglass.words import quoted

if TYPE_CHECKING:
    from timeglass.read.options import ReadOptions

__all__ = ["dataset_options", "series_path"]


def series_path(given: str | None, *, quiet: bool = False) -> str:
    """The file or address to read; for None the bundled sunspots.

    A file of that name wins over a bundled series, and a line on standard error says so unless all is to be `quiet`; a
    folder does not, since it cannot be read.
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
    if given in DATASETS and not quiet:
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


def dataset_options(given: str | None, chosen: ReadOptions, *, value: int | None = None) -> ReadOptions:
    """The options to read it with: those that were chosen, and for a bundled series what its gaps ask for.

    `value` is the place of the values' column where no other was chosen.
    """
    import dataclasses

    from timeglass.datasets.catalogue import DATASETS

    if chosen.value is None:
        chosen = dataclasses.replace(chosen, value=value)
    name = "sunspots" if given is None else given
    is_there = os.path.exists(name) and not os.path.isdir(name)
    if name not in DATASETS or (given is not None and is_there) or chosen.missing is not None:
        return chosen
    return dataclasses.replace(chosen, missing=DATASETS[name].missing)


def _is_word(given: str) -> bool:
    """Whether it could be a series' name: neither an address nor a path, and without an ending."""
    return given.isprintable() and not any(mark in given for mark in ":/\\.")
