"""`timeglass forecast`: from a table to dated forecasts, with intervals, their record, a verdict and an audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timeglass.cli.forecasting import forecaster_options, history_of, progress
from timeglass.cli.reading import reading_options, say

if TYPE_CHECKING:
    from timeglass.forecast.forecaster import Forecaster
    from timeglass.read.options import ReadOptions

__all__ = ["check_plot", "forecast"]


@click.command()
@click.argument("data", metavar="DATA")
@click.option("--future", metavar="FILE", help="Table of the covariates of the rows to forecast.")
@click.option(
    "--out", metavar="FILE", help="Write the forecast to a .csv or .parquet file in place of standard output."
)
@click.option("--plot", metavar="FILE", help="Draw history, forecast and intervals: .png, .svg or .pdf.")
@click.option("--save", metavar="FILE", help="Keep the fitted forecaster: .safetensors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: forecast, record, verdict, audit.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("--allow-private-address", is_flag=True, help="Let DATA lead to this machine or a private network.")
@forecaster_options
@reading_options
def forecast(
    data: str,
    future: str | None,
    out: str | None,
    plot: str | None,
    save: str | None,
    as_json: bool,
    quiet: bool,
    allow_private_address: bool,
    forecaster: Forecaster,
    reading: ReadOptions,
) -> None:
    """Forecast every series of DATA: what comes next, how sure that is, and whether it beats doing nothing.

    DATA is a CSV, TSV, Parquet or Arrow file, an address, - for standard input, or the name of a series that
    `timeglass data` lists. The forecast goes to standard output as CSV, everything else to standard error.

    Exit codes: 0 done; 1 training diverged; 2 bad input; 130 stopped.
    """
    from timeglass.forecast.report import forecast_lines, forecast_values  # a slow start
    from timeglass.forecast.writing import check_table_place, csv_text, write_table

    forecaster.check()
    place = check_table_place("--out", out) if out else None
    if plot:
        check_plot(plot)
    if save:
        from timeglass.model.saving import check_place

        check_place("--save", save)
    history, beside = history_of(data, reading, forecaster.covariates, private=allow_private_address, quiet=quiet)
    with progress("training", quiet=quiet) as on_progress:
        forecaster.fit_history(history, beside=beside, on_progress=on_progress)
    made = forecaster.forecast(future=future)
    if not quiet:
        for line in forecast_lines(forecaster, made):
            say(line)
    columns = made.columns()
    if place is not None:
        write_table(columns, place, history.panel.date_format, made.zone)
        _tell(f"written to {place}", quiet)
    if plot:
        from timeglass.forecast.pictures import draw_forecast

        draw_forecast(forecaster, made, plot)
        _tell(f"drawn in {plot}", quiet)
    if save:
        forecaster.save(save)
        _tell(f"saved in {save}", quiet)
    if as_json:
        click.echo(json.dumps(forecast_values(forecaster, made), ensure_ascii=False, allow_nan=False, indent=2))
    elif place is None:
        click.echo(csv_text(columns, history.panel.date_format, made.zone), nl=False)


def _tell(message: str, quiet: bool) -> None:
    if not quiet:
        say(message)


def check_plot(path: str) -> None:
    """Refuses, before any work, a picture that could not be drawn there."""
    from timeglass.errors import OptionError
    from timeglass.files import check_folder
    from timeglass.show.picture import require_matplotlib

    place: Any = Path(path)
    if place.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise OptionError(f"--plot {path}: expected a name that ends in .png, .svg or .pdf")
    if not place.parent.is_dir():
        raise OptionError(f"--plot {path}: there is no folder {place.parent}: make it first")
    check_folder("--plot", place.parent)
    require_matplotlib()
