"""`timeglass data`: the bundled series, and one of them as CSV."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from timeglass.datasets import Dataset
    from timeglass.series.series import Series

__all__ = ["data"]

_LABEL = 11  # columns before each entry
_FEWEST_COLUMNS = 40


@click.command(short_help="List the series that come with Timeglass, or print one.")
@click.argument("name", metavar="[NAME]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of all, or NAME with its dates and values.")
def data(name: str | None, as_json: bool) -> None:
    """List the series that come with Timeglass, or print the CSV of the one called NAME.

    `timeglass data nile > nile.csv` makes a file of it. DATA of forecast, backtest, tune and prove, and --data of
    sunspots and trace, take the name as well: `timeglass forecast nile`. A file of that name in the current folder
    wins there.

    Exit codes: 0 done; 2 there is no series of that name; 130 stopped.
    """
    from timeglass.datasets import DATASETS, find, load  # a slow start

    if name is not None and not as_json:
        click.echo(find(name).path.read_bytes(), nl=False)
    elif name is not None:
        click.echo(json.dumps(_json(find(name), load(name), rows=True), ensure_ascii=False, allow_nan=False))
    elif as_json:
        listed = [_json(dataset, load(dataset.name)) for dataset in DATASETS.values()]
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        entries = ("\n".join(_lines(dataset, load(dataset.name), _width())) for dataset in DATASETS.values())
        click.echo("\n\n".join(entries))


def _width() -> int:
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return max(_FEWEST_COLUMNS, shutil.get_terminal_size((100, 24)).columns) if known else 100


def _range(series: Series) -> tuple[str, str]:
    return series.label(0), series.label(len(series) - 1)


def _lines(dataset: Dataset, series: Series, width: int) -> Iterator[str]:
    """The name, then what is to be said about it, set in."""
    yield dataset.name
    first, last = _range(series)
    for label, text in {
        "What": f"{dataset.what}, in {dataset.unit}",
        "Rows": f"{len(series):,}, {first} to {last}, {dataset.frequency}",
        "Shows": dataset.shows,
        "Source": dataset.source,
        "Licence": dataset.licence,
    }.items():
        yield from textwrap.wrap(
            text, width, initial_indent=f"  {label}".ljust(_LABEL), subsequent_indent=" " * _LABEL,
            break_on_hyphens=False,
        )  # fmt: skip


def _json(dataset: Dataset, series: Series, *, rows: bool = False) -> dict[str, Any]:
    first, last = _range(series)
    facts = {
        "name": dataset.name,
        "what": dataset.what,
        "unit": dataset.unit,
        "frequency": dataset.frequency,
        "rows": len(series),
        "from": first,
        "to": last,
        "column": series.name,
        "shows": dataset.shows,
        "source": dataset.source,
        "licence": dataset.licence,
        "sha256": series.sha256,
        "notes": list(series.notes),
    }
    if rows:
        facts |= {"dates": [series.label(row) for row in range(len(series))], "values": series.values.tolist()}
    return facts
