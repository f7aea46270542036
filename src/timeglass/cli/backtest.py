"""`timeglass backtest`: how good forecasts would have been, from origins in the past, beside baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import numpy as np

from timeglass.cli.common_options import CommonOptions, common_options
from timeglass.cli.forecasting import forecaster_options, history_of, progress
from timeglass.cli.reading import reading_options
from timeglass.words import printable

if TYPE_CHECKING:
    from timeglass.forecast.forecaster import Forecaster
    from timeglass.read.options import ReadOptions

__all__ = ["backtest"]


@click.command(short_help="Forecast known rows from earlier ones, beside baselines.")
@click.argument("data", metavar="DATA")
@click.option("--origins", type=int, default=5, show_default=True, metavar="N", help="Origins to forecast from.")
@click.option("--stride", type=int, metavar="N", help="Rows between origins. [default: a horizon]")
@click.option("--refit", is_flag=True, help="Train anew at each origin, not only before the first.")
@click.option("--statistical/--no-statistical", default=None,
              help="Compare with Theta and ETS, too. [default: where statsforecast is installed]")  # fmt: skip
@common_options(
    out="Write all forecasts to a .csv or .parquet file.",
    plot="Draw the forecasts over what came: .png, .svg or .pdf.",
)
@forecaster_options
@reading_options
def backtest(
    data: str,
    origins: int,
    stride: int | None,
    refit: bool,
    statistical: bool | None,
    common: CommonOptions,
    forecaster: Forecaster,
    reading: ReadOptions,
) -> None:
    """Forecast the last rows of every series of DATA from earlier origins, and compare with what came.

    Nothing is learned from rows after an origin. The result is the mean absolute scaled error of the forecast and of
    naive, seasonal naive, drift, mean, AR (and Theta, ETS), what each comparison shows, and one recommendation.

    Exit codes: 0 done; 1 training diverged; 2 bad input; 130 stopped.
    """
    from timeglass.forecast.pictures import draw_backtest
    from timeglass.forecast.report import backtest_lines, backtest_values  # a slow start
    from timeglass.prepare.checks import whole_number

    whole_number("origins", origins, at_least=1)
    if stride is not None:
        whole_number("stride", stride, at_least=1)
    history, beside = history_of(data, reading, forecaster.covariates, common)
    with progress("backtest", quiet=common.quiet) as on_progress:
        made = forecaster.backtest(
            (history, beside),
            origins=origins,
            stride=stride,
            refit=refit,
            statistical=statistical,
            on_progress=on_progress,
        )
    lengths = np.diff(history.panel.offsets)
    first = int(made.origins[made.which == lengths.argmax()].min())
    if origins > 1 and not refit:
        which = "" if len(lengths) == 1 else "of the longest series "
        common.say(
            f"learned once, {which}from the first {first:,} of {lengths.max():,} rows, while baselines learn from all "
            "rows before each origin: --refit learns anew at each"
        )
    common.write(made.columns(), history.panel)
    common.draw(lambda place: draw_backtest(made, place))
    if common.as_json:
        values = backtest_values(made) | {"refit": refit, "rows_before_first_origin": first}
        common.print_json(values, history.panel.origin, beside)
        return
    for line in backtest_lines(made):
        click.echo(printable(line))
