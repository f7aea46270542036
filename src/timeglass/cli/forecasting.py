"""What the commands that forecast have in common: options of the forecaster, its series, and progress."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from timeglass.cli.common_options import CommonOptions
from timeglass.cli.reading import say_reading
from timeglass.cli.series_path import dataset_options, series_path
from timeglass.errors import OptionError

if TYPE_CHECKING:
    from timeglass.forecast.covariates import Beside
    from timeglass.forecast.forecaster import Forecaster
    from timeglass.forecast.history import History
    from timeglass.forecast.settings import Covariates
    from timeglass.read.options import ReadOptions

__all__ = ["check_future", "forecaster_options", "history_of", "percentages", "progress"]

_NETWORKS = ("cell", "hidden_units", "time_steps", "networks", "epochs", "learning_rate", "strategy")
_OWN = ("horizon", "season", "level", "fallback", "log", "seed")
_COVARIATES = ("future_columns", "past_columns", "static_columns", "calendar")

_BAR = "{desc}: {percentage:3.0f}% |{bar}| {remaining} left"

# What errors call them: the parts of a forecaster, and what the commands hand to it.
_SETTINGS = {*_OWN, *_NETWORKS, "count", "calendar", "trials", "searcher", "storage", "study", "origins", "stride"}


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip()) if text else ()


def percentages(option: str, text: str) -> tuple[float, ...]:
    """Levels from text such as 80,95."""
    from timeglass.forecast.settings import check_levels  # a slow start

    try:
        numbers = [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise OptionError(f"{option} {text}: expected percentages such as 80,95") from None
    return check_levels(option, numbers)


def forecaster_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of a forecaster to a command, which gets it as `forecaster`."""

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in (*_NETWORKS, *_COVARIATES)}
        own = {name: given.pop(name) for name in _OWN}
        with _options_named():
            command(forecaster=_forecaster(chosen, own), **given)

    return functools.reduce(lambda inner, option: option(inner), reversed(_OPTIONS), wrapped)


def _forecaster(chosen: dict[str, Any], own: dict[str, Any]) -> Forecaster:
    from timeglass.forecast.forecaster import Forecaster  # a slow start
    from timeglass.forecast.settings import Covariates, Networks

    told = {name: chosen[name] for name in _NETWORKS if chosen[name] is not None}
    if "networks" in told:
        told["count"] = told.pop("networks")
    networks = Networks(**told) if told else None
    columns = {name.removesuffix("_columns"): _names(chosen[name]) for name in _COVARIATES}
    covariates = Covariates(**columns) if any(columns.values()) else None
    own["level"] = percentages("--level", own["level"])
    made = Forecaster(own.pop("horizon"), own.pop("season"), networks=networks, covariates=covariates, **own)
    made.check()
    return made


@contextmanager
def _options_named() -> Iterator[None]:
    """The error of a setting begins with its option."""
    try:
        yield
    except OptionError as error:
        name = re.match("[a-z_]*(?=[: ])", text := str(error))
        if name is None or name[0] not in _SETTINGS:
            raise
        option = name[0].replace("count", "networks").replace("_", "-")
        raise OptionError(f"--{option}{text[name.end() :]}") from None


_OPTIONS: list[Callable[..., Any]] = [
    click.option("--horizon", type=int, metavar="N", help="Rows to forecast. [default: by how often rows come]"),
    click.option(
        "--season", type=int, metavar="N", help="Rows in a season, 1 for none. [default: by how often rows come]"
    ),
    click.option("--level", default="80,95", show_default=True, metavar="P,…", help="Intervals to give, in percent."),
    click.option("--cell", type=click.Choice(["simple", "gru", "lstm"]), help="The recurrent cell. [default: gru]"),
    click.option("--hidden-units", type=int, metavar="N", help="Units of the cell. [default: 8, or 16 for much data]"),
    click.option("--time-steps", type=int, metavar="N", help="Rows in a window. [default: by season and horizon]"),
    click.option("--networks", type=int, metavar="N", help="Networks, half of each kind. [default: 16]"),
    click.option("--epochs", type=int, metavar="N", help="Passes over the windows, at most. [default: 32]"),
    click.option("--learning-rate", type=float, metavar="R", help="Adam's, at the start. [default: 0.003]"),
    click.option(
        "--strategy",
        type=click.Choice(["direct", "recursive"]),
        help="All steps at once, or one by one. [default: direct]",
    ),
    click.option("--fallback", is_flag=True, help="Forecast by a baseline where one did better on held-back rows."),
    click.option("--log/--no-log", default=None, help="Work with logarithms. [default: where all values suit]"),
    click.option("--future-columns", metavar="NAME,…", help="Covariates that are known of the rows to forecast."),
    click.option("--past-columns", metavar="NAME,…", help="Covariates that are known up to now only."),
    click.option("--static-columns", metavar="NAME,…", help="Columns that are the same in all rows of a series."),
    click.option(
        "--calendar", metavar="NAME,…", help="Of the dates: month, quarter, week, weekday, day, hour, minute."
    ),
    click.option(
        "--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of all starting weights and shuffles."
    ),
]


def check_future(covariates: Covariates | None, future: str | None) -> None:
    """Refuses, before anything is read, a table of future covariates without their names, and names without it."""
    names = covariates.future if covariates else ()
    if names and future is None:
        raise OptionError(
            f"--future-columns {','.join(names)}: the forecast needs them of the rows to come: give --future FILE, a "
            "table with dates and these columns, or --past-columns if they are known up to now only"
        )
    if future is not None and not names:
        raise OptionError(f"--future {future}: name its columns, --future-columns NAME,…, or leave it out")
    if future == "-":
        raise OptionError("--future: standard input can be read once only: give the table in a file")


def history_of(
    source: str, reading: ReadOptions, covariates: Covariates | None, common: CommonOptions
) -> tuple[History, Beside | None]:
    """The series of a file, an address or a bundled name, and what stands beside them; says how they were read."""
    from timeglass.forecast.covariates import read_beside, value_options  # a slow start
    from timeglass.forecast.history import History
    from timeglass.read.reading import read_panel

    if source == "-" and covariates and (covariates.future or covariates.past or covariates.static):
        raise OptionError("standard input can be read once only: give covariates in a file")
    path = series_path(source, quiet=common.quiet)
    told = value_options(path, dataset_options(source, reading, value=None), covariates)
    panel = read_panel(path, told, private=common.private, tell=common.say)
    if not common.quiet:
        say_reading(panel.origin)
    history = History(panel)
    if not covariates:
        return history, None
    beside = read_beside(path, history, covariates, told, private=common.private)
    for note in beside.notes:
        common.say(f"{panel.origin.name}: {note}")
    return history, beside


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Callable[[float], None] | None]:
    """A bar on standard error where that is a terminal; None where nothing is to be shown."""
    from tqdm import tqdm

    if quiet or not sys.stderr.isatty():
        yield None
        return
    with tqdm(total=100, desc=what, bar_format=_BAR, leave=False, delay=0.5) as bar:
        yield lambda share: bar.update(100 * share - bar.n) and None
