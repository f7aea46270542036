"""What the commands that forecast share besides the forecaster: where results go, how much is said, private addresses.

A place that nothing can be written to is refused before any work.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timeglass.cli.reading import say
from timeglass.errors import OptionError
from timeglass.words import printable

if TYPE_CHECKING:
    from timeglass.forecast.covariates import Beside
    from timeglass.series.panel import Panel
    from timeglass.series.series import Origin

__all__ = ["CommonOptions", "common_options"]


@dataclass(frozen=True)
class CommonOptions:
    """As they were given: the files of the table and the picture, and whether addresses may be `private`."""

    out: Path | None
    plot: str | None
    as_json: bool
    quiet: bool
    private: bool

    def say(self, message: str) -> None:
        """On standard error, unless all is to be quiet."""
        if not self.quiet:
            say(message)

    def write(self, columns: Mapping[str, Any], panel: Panel | None = None) -> None:
        """The table to its file, where one was named; dates in the form of the rows of `panel`."""
        from timeglass.forecast.writing import write_table  # a slow start

        if self.out is None:
            return
        write_table(columns, self.out, *((panel.date_format, panel.zone) if panel is not None else ()))
        self.say(f"written to {self.out}")

    def print_json(self, values: Mapping[str, Any], origin: Origin, beside: Beside | None) -> None:
        """On standard output, with how the series and the covariates beside them were read."""
        data = {
            "source": printable(origin.name), "sha256": origin.sha256, "guesses": list(origin.guesses),
            "notes": [*origin.notes, *(beside.notes if beside else ())], "changes": list(map(str, origin.changes)),
        }  # fmt: skip
        click.echo(json.dumps({"data": data, **values}, ensure_ascii=False, allow_nan=False, indent=2))

    def draw(self, draw: Callable[[str], object]) -> None:
        """The picture to its file, where one was named."""
        if self.plot is not None:
            draw(self.plot)
            self.say(f"drawn in {self.plot}")


def common_options(*, out: str, plot: str | None = None) -> Callable[..., Callable[..., None]]:
    """Adds the options to a command, which gets them as `common`; `out` and `plot` are their help."""
    options = [click.option("--out", metavar="FILE", help=out)]
    if plot is not None:
        options.append(click.option("--plot", metavar="FILE", help=plot))
    options += _OPTIONS

    def add(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapped(
            *, out: str | None, as_json: bool, quiet: bool, allow_private_address: bool, plot: str | None = None,
            **given: Any,
        ) -> None:  # fmt: skip
            if sys.__stdout__ is None and (as_json or out is None):  # where it is closed, as by `>&-`
                remedy = "give --out FILE" if out is None else "leave --json out"
                raise OptionError(f"standard output is closed, so that the result would be lost: open it, or {remedy}")
            place = _table_place(out)
            if plot is not None:
                _check_plot(plot)
            command(common=CommonOptions(place, plot, as_json, quiet, allow_private_address), **given)

        return functools.reduce(lambda inner, option: option(inner), reversed(options), wrapped)

    return add


_OPTIONS: list[Callable[..., Any]] = [
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output."),
    click.option("--quiet", is_flag=True, help="Say nothing on standard error but errors."),
    click.option("--allow-private-address", is_flag=True, help="Let addresses lead to this machine or a private "
                 "network."),
]  # fmt: skip


def _table_place(out: str | None) -> Path | None:
    from timeglass.forecast.writing import check_table_place  # a slow start

    return None if out is None else check_table_place("--out", out)


def _check_plot(path: str) -> None:
    """Refuses a picture that could not be drawn there."""
    from timeglass.files import check_folder
    from timeglass.show.picture import require_matplotlib

    place = Path(path)
    if place.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise OptionError(f"--plot {path}: expected a name that ends in .png, .svg or .pdf")
    if place.is_dir():
        raise OptionError(f"--plot {path}: is a folder: give the name of a file")
    if not place.parent.is_dir():
        raise OptionError(f"--plot {path}: there is no folder {place.parent}: make it first")
    check_folder("--plot", place.parent)
    require_matplotlib()
