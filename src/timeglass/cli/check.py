"""`timeglass check`: everything that is wrong or odd about a table, at once."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from timeglass.cli.reading import reading_options, say
from timeglass.cli.series_path import dataset_options, series_path
from timeglass.words import printable

if TYPE_CHECKING:
    from timeglass.read.options import ReadOptions

__all__ = ["check"]

_BAR = "checking: {percentage:3.0f}% |{bar}| {remaining} left"


@click.command(short_help="Say what stops the reading of a table, and what looks odd.")
@click.argument("file", metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--allow-private-address", is_flag=True, help="Let FILE lead to this machine or a private network.")
@reading_options
def check(file: str, as_json: bool, allow_private_address: bool, reading: ReadOptions) -> None:
    """Say everything that stops the reading of FILE, and what looks odd in it: outliers, breaks, repetitions.

    FILE is a CSV, TSV, Parquet or Arrow file, an address, - for standard input, or the name of a series that
    `timeglass data` lists. Nothing is changed in it. With the options that repair (--missing, --duplicates, …) it also
    lists each value that they change.

    Exit codes: 0 clean; 1 something was found; 2 the file cannot be read as a table; 130 stopped.
    """
    from tqdm import tqdm

    from timeglass.read.report import check as check_table  # a slow start

    with tqdm(total=100, bar_format=_BAR, disable=not sys.stderr.isatty(), leave=False, delay=0.5) as bar:
        report = check_table(
            series_path(file), dataset_options(file, reading), private=allow_private_address, tell=say,
            on_progress=lambda share: bar.update(100 * share - bar.n),
        )  # fmt: skip
    if as_json:
        text = json.dumps(report.json(), ensure_ascii=False, allow_nan=False, indent=2)
        click.echo("".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text))
    else:
        for line in report.lines():
            click.echo(printable(line))
    if not report.clean:
        raise SystemExit(1)
