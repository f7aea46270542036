"""`timeglass forecast`: from a table to dated forecasts, with intervals, their record, a verdict and an audit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from timeglass.cli.common_options import CommonOptions, common_options
from timeglass.cli.forecasting import check_future, forecaster_options, history_of, progress
from timeglass.cli.reading import reading_options

if TYPE_CHECKING:
    from timeglass.forecast.forecaster import Forecaster
    from timeglass.read.options import ReadOptions

__all__ = ["forecast"]


@click.command(short_help="Forecast the series of a table, with intervals and a verdict.")
@click.argument("data", metavar="DATA")
@click.option("--future", metavar="FILE", help="Table of the --future-columns for the rows to forecast, with dates.")
@click.option("--save", metavar="FILE", help="Keep the fitted forecaster: .safetensors.")
@common_options(
    out="Write the forecast to a .csv or .parquet file in place of standard output.",
    plot="Draw history, forecast and intervals: .png, .svg or .pdf.",
)
@forecaster_options
@reading_options
def forecast(
    data: str,
    future: str | None,
    save: str | None,
    common: CommonOptions,
    forecaster: Forecaster,
    reading: ReadOptions,
) -> None:
    """Forecast every series of DATA: what comes next, how sure that is, and whether it beats doing nothing.

    DATA is a CSV, TSV, Parquet or Arrow file, an address, - for standard input, or the name of a series that
    `timeglass data` lists. The forecast goes to standard output as CSV, everything else to standard error:
    `timeglass forecast sales.csv --horizon 12 > next.csv`.

    Exit codes: 0 done; 1 training diverged; 2 bad input; 130 stopped.
    """
    from timeglass.forecast.future_values import read_future
    from timeglass.forecast.pictures import draw_forecast
    from timeglass.forecast.report import forecast_lines, forecast_values  # a slow start
    from timeglass.forecast.saving import check_forecaster_place
    from timeglass.forecast.writing import csv_text

    check_future(forecaster.covariates, future)
    if save is not None:
        check_forecaster_place("--save", save)
    history, beside = history_of(data, reading, forecaster.covariates, common)
    if future is not None:  # what is wrong with it shall be said before training
        steps = forecaster.horizon or 1
        read_future(future, history, beside, (steps, steps), private=common.private, tell=common.say)
    with progress("training", quiet=common.quiet) as on_progress:
        forecaster.fit_history(history, beside=beside, on_progress=on_progress)
    made = forecaster.forecast(future=future, private=common.private)
    for line in forecast_lines(forecaster, made):
        common.say(line)
    columns, panel = made.columns(), history.panel
    common.write(columns, panel)
    common.draw(lambda place: draw_forecast(forecaster, made, place))
    if save is not None:
        forecaster.save(save)
        common.say(f"saved in {save}")
    if common.as_json:
        common.print_json(forecast_values(forecaster, made), panel.origin, beside)
    elif common.out is None:
        # As in the file: where it is no terminal, click would take codes of colours out of names.
        click.echo(csv_text(columns, panel.date_format, panel.zone), nl=False, color=True)
