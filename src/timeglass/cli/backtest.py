"""`timeglass backtest`: how good forecasts would have been, from origins in the past, beside baselines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from timeglass.cli.forecasting import forecaster_options, history_of, progress
from timeglass.cli.reading import reading_options, say
from timeglass.words import printable

if TYPE_CHECKING:
    from timeglass.forecast.forecaster import Forecaster
    from timeglass.read.options import ReadOptions

__all__ = ["backtest"]


@click.command()
@click.argument("data", metavar="DATA")
@click.option("--origins", type=int, default=5, show_default=True, metavar="N", help="Origins to forecast from.")
@click.option("--stride", type=int, metavar="N", help="Rows between origins. [default: a horizon]")
@click.option("--refit", is_flag=True, help="Train anew at each origin, not only before the first.")
@click.option("--statistical/--no-statistical", default=None,
              help="Compare with Theta and ETS, too. [default: where statsforecast is installed]")  # fmt: skip
@click.option("--out", metavar="FILE", help="Write all forecasts to a .csv or .parquet file.")
@click.option("--plot", metavar="FILE", help="Draw the forecasts over what came: .png, .svg or .pdf.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Say nothing but the result and errors.")
@click.option("--allow-private-address", is_flag=True, help="Let DATA lead to this machine or a private network.")
@forecaster_options
@reading_options
def backtest(
    data: str,
    origins: int,
    stride: int | None,
    refit: bool,
    statistical: bool | None,
    out: str | None,
    plot: str | None,
    as_json: bool,
    quiet: bool,
    allow_private_address: bool,
    forecaster: Forecaster,
    reading: ReadOptions,
) -> None:
    """Forecast the last rows of every series of DATA from earlier origins, and compare with what came.

    Nothing is learned from rows after an origin. The result is the mean absolute scaled error of the forecast and of
    naive, seasonal naive, drift, mean, AR (and Theta, ETS), and a verdict for each.

    Exit codes: 0 done; 2 bad input; 130 stopped.
    """
    from timeglass.cli.forecast import check_plot
    from timeglass.forecast.report import backtest_lines, backtest_values
    from timeglass.forecast.writing import check_table_place, write_table  # a slow start
    from timeglass.prepare.checks import whole_number

    forecaster.check()
    whole_number("--origins", origins, at_least=1)
    if stride is not None:
        whole_number("--stride", stride, at_least=1)
    place = check_table_place("--out", out) if out else None
    if plot:
        check_plot(plot)
    history, beside = history_of(data, reading, forecaster.covariates, private=allow_private_address, quiet=quiet)
    with progress("backtest", quiet=quiet) as on_progress:
        made = forecaster.backtest(
            (history, beside),
            origins=origins,
            stride=stride,
            refit=refit,
            statistical=statistical,
            on_progress=on_progress,
        )
    if place is not None:
        write_table(made.columns(), place, history.panel.date_format, history.panel.zone)
        if not quiet:
            say(f"written to {place}")
    if plot:
        from timeglass.forecast.pictures import draw_backtest

        draw_backtest(made, plot)
        if not quiet:
            say(f"drawn in {plot}")
    if as_json:
        click.echo(json.dumps(backtest_values(made), ensure_ascii=False, allow_nan=False, indent=2))
    else:
        for line in backtest_lines(made):
            click.echo(printable(line))
