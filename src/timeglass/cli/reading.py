"""The options that say how a table is read: the same for each command that reads one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from timeglass.words import printable

if TYPE_CHECKING:
    from timeglass.series.series import Origin

__all__ = ["reading_options", "say", "say_reading"]

_TEXT = {
    "encoding": ("NAME", "Of the text: utf-8, cp1252, utf-16, …"),
    "separator": ("MARK", "Between fields: , ; | or tab."),
    "decimal": ("MARK", "Decimal mark: . or ,"),
    "thousands": ("MARK", "Mark between thousands, which no number has without this option."),
    "date_format": ("PATTERN", "How dates are written: dd.mm.yyyy, mm/dd/yyyy hh:mm, yyyyQq, excel, unix, …"),
    "time": ("COLUMN", "Column of the dates, by name or by place from 1; none to number the rows."),
    "value": ("COLUMN", "Column of the values, by name or by place from 1."),
    "id": ("COLUMN", "Column that tells series apart, by name or by place from 1."),
    "missing": ("HOW", "What to do where a value or a row is missing: linear, seasonal or drop."),
    "duplicates": ("HOW", "What to do with several values of one date: last, first, mean, sum, min or max."),
    "resample": ("FREQ[:HOW]", "Gather the rows by day, week, month, …; by their mean, or :sum, :last, …"),
}
_MOST_CHANGES = 10  # that are said
_FLAGS = {
    "booleans": "Read true and false as 1 and 0.",
    "strip_unit": "Read numbers with a unit, such as 12.5 kWh or $3, without it.",
    "strict": "Refuse rows that are out of order or stand twice, too.",
}


def reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options to a command, which gets them as `reading`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        from timeglass.read.options import MISSING_WORDS, ReadOptions  # a slow start

        chosen = {name: given.pop(name) for name in (*_TEXT, *_FLAGS, "header", "skip_lines", "skip_footer")}
        chosen["frequency"] = given.pop("freq")
        chosen["missing_words"] = (*MISSING_WORDS, *given.pop("missing_word"))
        if chosen["separator"] in ("tab", "\\t"):
            chosen["separator"] = "\t"
        command(reading=ReadOptions(**chosen), **given)

    return functools.reduce(lambda inner, option: option(inner), reversed(list(_options())), wrapped)


def _options() -> list[Callable[..., Any]]:
    found = [
        click.option(f"--{name.replace('_', '-')}", name, metavar=meta, help=text)
        for name, (meta, text) in _TEXT.items()
    ]
    found.insert(
        4, click.option("--header/--no-header", default=None, help="Whether the first line names the columns.")
    )
    found.insert(
        5, click.option("--skip-lines", type=int, default=0, metavar="N", help="Lines before the header to leave out.")
    )
    found.insert(
        6, click.option("--skip-footer", type=int, default=0, metavar="N", help="Lines at the end to leave out.")
    )
    found.append(
        click.option(
            "--freq",
            metavar="FREQ",
            help="How often rows come: day, month end, 15 minutes, …; none to take them as they follow.",
        )
    )
    found.append(
        click.option(
            "--missing-word",
            multiple=True,
            metavar="WORD",
            help="A word that stands for no value, besides NA and its like.",
        )
    )
    found += [
        click.option(f"--{name.replace('_', '-')}", name, is_flag=True, help=text) for name, text in _FLAGS.items()
    ]
    return found


def say(message: str) -> None:
    """On standard error."""
    click.echo(f"timeglass: {printable(message)}", err=True)


def say_reading(origin: Origin, *, notes: bool = True) -> None:
    """What the reader found out, noticed and changed, on standard error: one line each, many changes as a number."""
    for line in (*origin.guesses, *(origin.notes if notes else ()), *origin.changes[:_MOST_CHANGES]):
        say(f"{origin.name}: {line}")
    more = len(origin.changes) - _MOST_CHANGES
    if more > 0:
        say(f"{origin.name}: and {more:,} more changes: timeglass check lists all")
