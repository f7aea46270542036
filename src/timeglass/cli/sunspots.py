"""`timeglass sunspots`: the tutorial's forecasting job from one command."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from timeglass.cli.reading import reading_options, say_reading
from timeglass.cli.series_path import dataset_options, series_path
from timeglass.files import check_folder
from timeglass.model.saving import check_place
from timeglass.read.options import ReadOptions
from timeglass.show.picture import draw_forecast, require_matplotlib
from timeglass.show.terminal import plot_lines
from timeglass.tutorial.job import JobOptions, JobResult, plan_job, run_job
from timeglass.tutorial.report import plan_lines, result_json, result_lines

__all__ = ["sunspots"]

_FEWEST_COLUMNS, _MOST_COLUMNS = 40, 120


def _say(lines: Iterable[str], quiet: bool) -> None:
    if not quiet:
        for line in lines:
            click.echo(line)


def _width() -> int:
    return max(_FEWEST_COLUMNS, min(shutil.get_terminal_size((100, 24)).columns, _MOST_COLUMNS))


def _terminal_plot(result: JobResult) -> list[str]:
    color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return ["", *plot_lines(result.picture, width=_width(), color=color)]


def _draw(result: JobResult, folder: Path) -> list[Path]:
    files = [folder / "forecast.png", folder / "forecast.svg"]
    draw_forecast(result.picture, files)
    return files


@click.command(short_help="Forecast the sunspots as the Keras tutorial does.")
@click.option("--data", metavar="FILE_OR_URL", help="A table with the values in its second column, or the name of a "
              "series that `timeglass data` lists. [default: sunspots]")  # fmt: skip
@click.option("--split", type=float, default=0.8, show_default=True, help="Share of the rows to train on.")
@click.option("--time-steps", type=int, default=12, show_default=True, help="Rows in one window.")
@click.option("--hidden-units", type=int, default=3, show_default=True, help="Units of the SimpleRNN.")
@click.option("--epochs", type=int, default=20, show_default=True, help="Passes over the training windows.")
@click.option("--networks", type=int, default=16, show_default=True, help="Networks to train side by side.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all starting weights and shuffles.")
@click.option(
    "--engine",
    metavar="lanes|numpy|keras",
    help="What trains: compiled kernel, NumPy reference, real Keras. [default: the fastest here]",
)
@click.option("--out", metavar="DIR", default="timeglass-sunspots", show_default=True, help="Folder for the pictures.")
@click.option("--save", metavar="FILE", help="Keep the trained networks, for trace and prove: .safetensors or .json.")
@click.option("--plot/--no-plot", default=True, help="Draw forecast.png and forecast.svg, and a plot in the terminal.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on standard output, and nothing else there."
)
@click.option("--allow-private-address", is_flag=True, help="Let --data lead to this machine or a private network.")
@reading_options
def sunspots(
    data: str | None,
    out: str,
    save: str | None,
    plot: bool,
    as_json: bool,
    allow_private_address: bool,
    reading: ReadOptions,
    **settings: float | int | str | None,
) -> None:
    """Forecast the monthly sunspots as the Keras tutorial does, with sixteen networks, a proof and a verdict.

    Exit codes: 0 done; 1 the proof failed or training diverged; 2 bad input; 130 stopped.
    """
    options = JobOptions(**settings)  # type: ignore[arg-type]  # click has the types, JobOptions checks the ranges
    folder = Path(out)
    if plot:
        require_matplotlib()
    if save is not None:
        check_place("--save", save)
    reading = dataset_options(data, reading)
    plan = plan_job(options, series_path(data), private=allow_private_address, reading=reading)
    if data is not None:
        say_reading(plan.series.origin, notes=False)
    if plot:
        check_folder("--out", folder)
    _say(plan_lines(plan, width=_width()), as_json)
    result = run_job(plan, verbose=1)
    _say(result_lines(result, width=_width()), as_json)
    files = []
    if plot:
        _say(_terminal_plot(result), as_json)
        files = _draw(result, folder)
        _say(["", *(f"Drawn     {path}" for path in files)], as_json)
    if save is not None:
        plan.model.save(save, plan.scaler)
        _say([f"Saved     {save}"], as_json)
    if as_json:
        click.echo(json.dumps(result_json(result, files), indent=2, allow_nan=False, ensure_ascii=False))
    if not result.proof.holds:
        raise SystemExit(1)
