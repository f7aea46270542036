"""`timeglass trace`: one forecast of a model, opened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timeglass.cli.reading import reading_options, say, say_reading
from timeglass.cli.series_path import dataset_options, series_path
from timeglass.cli.width import output_width
from timeglass.errors import InputError, OptionError
from timeglass.files import check_folder
from timeglass.words import printable, quoted

if TYPE_CHECKING:
    from timeglass.explain.opened import Opened
    from timeglass.read.options import ReadOptions

__all__ = ["trace"]


def _numbers(option: str, text: str) -> list[float]:
    found = []
    for part in text.split(","):
        try:
            value = float(part) if "_" not in part else float("nan")  # Python takes 1_2 for 12
        except ValueError:
            value = float("nan")
        if not -float("inf") < value < float("inf"):
            raise OptionError(f"{option}: {quoted(part.strip())} is not a finite number: write them like 1,2.5,-3")
        found.append(value)
    return found


def _opened(model: str, given: str | None, date: str | None, data: str | None, target: str | None, rest: Any) -> Opened:
    """The forecast of the numbers given, or of a date of a series."""
    from timeglass.explain.opened import one_target, open_forecast
    from timeglass.model.saving import load_model
    from timeglass.prepare.chosen import window_before
    from timeglass.read.reading import read_series

    if given is not None and (date is not None or data is not None):
        raise OptionError("--input gives the window itself: leave out --date and --data")
    network, engine, private, reading = rest
    loaded = load_model(model)
    actual = None if target is None else _numbers("--target", target)
    if given is not None:
        try:
            return open_forecast(loaded, _numbers("--input", given), actual, network=network, engine=engine)
        except InputError as error:
            raise type(error)(_as_options(error)) from None
    if loaded.architecture.features != 1:
        raise OptionError(f"--date: the model's windows have {loaded.architecture.features} features: use --input")
    series = read_series(series_path(data), dataset_options(data, reading, value=2), private=private, tell=say)
    if data is None:
        series = replace(series, origin=replace(series.origin, name="the sunspots"))
    else:
        say_reading(series.origin)
    chosen = window_before(series, loaded.architecture.time_steps, date)
    if actual is None and chosen.actual is not None and one_target(loaded):
        actual = [chosen.actual]
    try:
        opened = open_forecast(
            loaded, chosen.values, actual, labels=chosen.labels, target=chosen.target, network=network, engine=engine
        )
        return replace(opened, place=chosen.place)
    except InputError as error:
        raise type(error)(_as_options(error)) from None


def _as_options(error: InputError) -> str:
    """What the library says, in the words of the command line."""
    text = str(error)
    for words, option in {"trace network": "--network", "numbers given": "", "targets given": ""}.items():
        text = text.replace(words, option or words)
    if "numbers given" in text:
        return f"--input: {text}"
    return f"--target: {text}" if "targets given" in text else text


def _check_files(files: dict[str, str | None]) -> None:
    """Before any work: what cannot be written."""
    for option, name in files.items():
        if name is None:
            continue
        place = Path(name)
        if not name or place.is_dir():
            raise OptionError(f"{option} {name}: expected the name of a file")
        if not place.parent.is_dir():
            raise OptionError(f"{option} {name}: there is no folder {place.parent}: make it first")
        check_folder(option, place.parent)


def _write(opened: Opened, xlsx: str | None, svg: str | None) -> Iterable[str]:
    """The files that were asked for, and a line for each."""
    if xlsx is not None:
        opened.trace.to_xlsx(Path(xlsx), scaler=opened.scaler)
        yield f"Written   {xlsx}"
    if svg is not None:
        from timeglass.show.svg import save_svg
        from timeglass.show.unrolled_svg import unrolled_svg
        from timeglass.trace.unrolled import unrolled

        save_svg(Path(svg), unrolled_svg(unrolled(opened.trace)))
        yield f"Drawn     {svg}"


def _json(opened: Opened) -> dict[str, Any]:
    model, low_high = opened.model, opened.model.scaler
    return {
        "network": opened.network,
        "networks": model.networks,
        "window": {"labels": list(opened.labels), "values": opened.values.tolist()},
        "scaler": None if low_high is None else {"low": low_high.low, "high": low_high.high},
        "target": opened.target,
        "forecast": opened.original(opened.forecast).tolist(),
        "actual": None if opened.actual is None else opened.actual.tolist(),
        "trace": json.loads(opened.trace.to_json()),
    }


@click.command(short_help="Open one forecast of a saved model: states, equations, …")
@click.argument("model", metavar="MODEL")
@click.option("--input", "given", metavar="NUMBERS", help="The window, step after step: 1,2,3. In the series' units.")
@click.option("--date", metavar="DATE", help="Open the forecast for this date of the series. [default: the next one]")
@click.option("--data", metavar="FILE_OR_URL", help="The series: a table, values in column two, or a "
              "name that `timeglass data` lists. [default: sunspots]")  # fmt: skip
@click.option("--target", metavar="NUMBERS", help="What came after the window, for --backward. [default: the series']")
@click.option("--network", type=int, default=0, show_default=True, help="Which of the model's networks.")
@click.option("--engine", metavar="numpy|lanes", default="numpy", show_default=True, help="Whose numbers: the "
              "definition's in float64, or what the compiled kernel records.")  # fmt: skip
@click.option("--formulas", is_flag=True, help="Every equation with its numbers in.")
@click.option("--latex", is_flag=True, help="The equations as LaTeX, and nothing else.")
@click.option("--layer", metavar="NAME", help="Equations and states of this layer alone.")
@click.option("--step", type=int, metavar="T", help="Equations of this step alone, from 1 on.")
@click.option("--unit", type=int, metavar="J", help="Equations of this unit alone, from 0 on.")
@click.option(
    "--output", type=int, metavar="K", help="Which output the attribution is of. [default: 0, or the last step's]"
)
@click.option("--backward", is_flag=True, help="The way back: loss, gradient flow, each gradient beside a difference.")
@click.option("--xlsx", metavar="FILE", help="Write the network and the window as a workbook of live formulas.")
@click.option("--svg", metavar="FILE", help="Draw the network unrolled over the window.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, nothing else there.")
@click.option("--allow-private-address", is_flag=True, help="Let --data lead to this machine or a private network.")
@reading_options
def trace(
    model: str,
    given: str | None,
    date: str | None,
    data: str | None,
    target: str | None,
    network: int,
    engine: str,
    formulas: bool,
    latex: bool,
    layer: str | None,
    step: int | None,
    unit: int | None,
    output: int | None,
    backward: bool,
    xlsx: str | None,
    svg: str | None,
    as_json: bool,
    allow_private_address: bool,
    reading: ReadOptions,
) -> None:
    """Open one forecast of a saved MODEL: states, equations, gradients, attribution.

    Exit codes: 0 done; 1 a gradient is wrong; 2 bad input; 130 stopped.
    """
    from timeglass.explain.opened import backward_lines, formula_lines, state_lines, summary_lines

    _check_files({"--xlsx": xlsx, "--svg": svg})
    narrowed = latex or formulas or any(given is not None for given in (layer, step, unit))
    if as_json and narrowed:
        raise OptionError("--json gives the whole trace: leave out --formulas, --latex, --layer, --step and --unit")
    if engine not in ("numpy", "lanes"):
        raise OptionError(f"--engine {engine}: expected numpy or lanes")
    opened = _opened(model, given, date, data, target, (network, engine, allow_private_address, reading))
    if backward and opened.trace.losses is None:
        raise OptionError("--backward: what came after the window is not known: give it with --target")
    equations = partial(formula_lines, opened, layer=layer, step=step, unit=unit)
    holds = True
    if as_json:
        lines = [json.dumps(_json(opened), allow_nan=False)]
    elif latex:
        ways = [False, True] if backward else [False]
        lines = [line for way in ways for line in equations(latex=True, backward=way)]
    else:
        width = output_width()
        lines = [*summary_lines(opened, output), *state_lines(opened, layer, width)]
        if formulas or step is not None or unit is not None:
            lines += ["", *equations(width=width)]
            lines += ["", "And back:", *equations(width=width, backward=True)] if backward else []
        if backward:
            back, holds = backward_lines(opened)
            lines += ["", *back]
    for line in lines:
        # Names of layers are other people's words; a line of LaTeX or of an equation may hold several.
        click.echo("\n".join(map(printable, line.splitlines())))
    for line in _write(opened, xlsx, svg):
        click.echo(line, err=as_json or latex)
    if not holds:
        raise SystemExit(1)
