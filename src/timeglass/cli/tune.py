"""`timeglass tune`: a search for better settings, and what the best of them gains on rows that it did not see."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from timeglass.cli.common_options import CommonOptions, common_options
from timeglass.cli.forecasting import forecaster_options, history_of, progress
from timeglass.cli.reading import reading_options
from timeglass.words import printable

if TYPE_CHECKING:
    from timeglass.forecast.forecaster import Forecaster
    from timeglass.forecast.leaderboard import Leaderboard
    from timeglass.read.options import ReadOptions

__all__ = ["tune"]

_SHOWN = 10
_OF_THE_RESULT = ("out", "as_json", "quiet")


@click.command(short_help="Search for better settings of the forecast.")
@click.argument("data", metavar="DATA")
@click.option("--trials", type=int, default=64, show_default=True, metavar="N", help="Settings to try.")
@click.option("--searcher", type=click.Choice(["lanes", "optuna"]), default="lanes", show_default=True,
              help="Spread over the space, many side by side; or led by Optuna from trial to trial.")  # fmt: skip
@click.option("--storage", metavar="URL", help="Where Optuna keeps its trials, such as sqlite:///tuning.db.")
@click.option("--study", metavar="NAME", help="Optuna's study, to go on with or to share.")
@common_options(out="Write the leaderboard to a .csv or .parquet file.")
@forecaster_options
@reading_options
def tune(
    data: str,
    trials: int,
    searcher: str,
    storage: str | None,
    study: str | None,
    common: CommonOptions,
    forecaster: Forecaster,
    reading: ReadOptions,
) -> None:
    """Search for settings that forecast DATA better than the given ones, the default where none is given.

    Each setting learns from the first rows and is judged by its forecasts of later ones; what the best gains is
    measured on the last rows, which the search did not see. The options that give it stand in the last line.

    Exit codes: 0 done; 1 training diverged; 2 bad input; 130 stopped before the default and another setting were tried.
    """
    from timeglass.forecast.tuning import Search  # a slow start
    from timeglass.forecast.tuning import tune as search_settings

    search = Search(None, trials, searcher, storage, study)  # type: ignore[arg-type]  # refused before anything is read
    history, beside = history_of(data, reading, forecaster.covariates, common)
    with progress("tuning", quiet=common.quiet) as on_progress:
        found = search_settings(forecaster, history, search, beside=beside, on_progress=on_progress)
    columns = found.leaderboard.columns()
    common.write(columns)
    if common.as_json:
        common.print_json(
            {
                "sentence": found.sentence(), "keep_default": found.keep_default, "best": found.best,
                "default": found.default, "stopped": found.stopped, "leaderboard": columns,
            },
            history.panel.origin,
            beside,
        )  # fmt: skip
        return
    head = "mean absolute error over the rows to choose by, in units of the seasonal naive one:"
    for line in [head, "", *_table(found.leaderboard), "", found.sentence(), *_options(found.settings, _given())]:
        click.echo(printable(line))


def _table(board: Leaderboard) -> list[str]:
    from timeglass.show.table import table_lines

    columns = board.columns()
    names = [name.removeprefix("networks__").replace("_", " ") for name in columns]
    rows = list(zip(*columns.values(), strict=True))[:_SHOWN]
    text = [[_shown(name, value) for name, value in zip(columns, row, strict=True)] for row in rows]
    more = len(board) - len(rows)
    return table_lines([names, *text]) + ([f"and {more:,} more"] if more > 0 else [])


def _shown(name: str, value: Any) -> str:
    if value is None:
        return "diverged" if name == "error" else "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _options(settings: dict[str, Any], given: dict[str, list[str]]) -> list[str]:
    """The settings as options of `timeglass forecast`, after those that were given and still hold."""
    tuned = {f"--{name.removeprefix('networks__').replace('count', 'networks').replace('_', '-')}": value
             for name, value in settings.items()}  # fmt: skip
    words = [word for option, own in given.items() if option not in tuned for word in own]
    for option, value in tuned.items():
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        elif value is not None:
            words += [option, str(value)]
    return [f"timeglass forecast DATA {shlex.join(words)}"] if settings else []


def _given() -> dict[str, list[str]]:
    """Options of this call that `timeglass forecast` takes too, but for where the result goes: each with its words."""
    context = click.get_current_context()
    assert context.parent is not None
    group = context.parent.command
    assert isinstance(group, click.Group)
    forecast = group.get_command(context, "forecast")
    assert forecast is not None
    known, found = {option for one in forecast.params for option in one.opts}, dict[str, list[str]]()
    for one in context.command.params:
        name, option = str(one.name), one.opts[-1]
        told = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not told or option not in known or not option.startswith("--") or name in _OF_THE_RESULT:
            continue
        value: Any = context.params[name]
        if isinstance(value, bool):
            found[option] = [option if value else one.secondary_opts[-1]]
        else:
            found[option] = [
                word for each in (value if isinstance(value, tuple) else [value]) for word in (option, str(each))
            ]
    return found
