"""`timeglass trace`: one forecast of a model, opened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timeglass.cli.width import output_width
from timeglass.errors import InputError, OptionError
from timeglass.words import quoted

if TYPE_CHECKING:
    from timeglass.explain.opened import Opened

__all__ = ["trace"]


def _numbers(option: str, text: str) -> list[float]:
    found = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = float("nan")
        if not -float("inf") < value < float("inf"):
            raise OptionError(f"{option}: {quoted(part.strip())} is not a finite number: write them like 1,2.5,-3")
        found.append(value)
    return found


def _opened(model: str, given: str | None, date: str | None, data: str | None, target: str | None, rest: Any) -> Opened:
    """The forecast of the numbers given, or of a date of a series."""
    from timeglass.explain.opened import open_forecast
    from timeglass.model.saving import load_model
    from timeglass.prepare.chosen import window_before
    from timeglass.series.bundled import SUNSPOTS
    from timeglass.series.read import read_series

    if given is not None and (date is not None or data is not None):
        raise OptionError("--input gives the window itself: leave out --date and --data")
    network, engine, private = rest
    loaded = load_model(model)
    actual = None if target is None else _numbers("--target", target)
    if given is not None:
        try:
            return open_forecast(loaded, _numbers("--input", given), actual, network=network, engine=engine)
        except InputError as error:
            raise type(error)(_as_options(error)) from None
    if loaded.architecture.features != 1:
        raise OptionError(f"--date: the model's windows have {loaded.architecture.features} features: use --input")
    series = read_series(str(SUNSPOTS) if data is None else data, private=private)
    chosen = window_before(series, loaded.architecture.time_steps, date)
    if actual is None and chosen.actual is not None:
        actual = [chosen.actual]
    try:
        return open_forecast(
            loaded, chosen.values, actual, labels=chosen.labels, target=chosen.target, network=network, engine=engine
        )
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


def _write(opened: Opened, xlsx: str | None, svg: str | None) -> Iterable[str]:
    """The files that were asked for, and a line for each."""
    if xlsx is not None:
        opened.trace.to_xlsx(Path(xlsx), scaler=opened.model.scaler)
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


@click.command()
@click.argument("model", metavar="MODEL")
@click.option("--input", "given", metavar="NUMBERS", help="The window, step after step: 1,2,3. In the series' units.")
@click.option("--date", metavar="DATE", help="Open the forecast for this date of the series. [default: the next one]")
@click.option("--data", metavar="FILE_OR_URL", help="The series: a CSV, values in column two. [default: sunspots]")
@click.option("--target", metavar="NUMBERS", help="What came after the window, for --backward. [default: the series']")
@click.option("--network", type=int, default=0, show_default=True, help="Which of the model's networks.")
@click.option("--engine", metavar="numpy|lanes", default="numpy", show_default=True, help="Whose numbers: the "
              "definition's in float64, or what the compiled kernel records.")  # fmt: skip
@click.option("--formulas", is_flag=True, help="Every equation with its numbers in.")
@click.option("--latex", is_flag=True, help="The equations as LaTeX, and nothing else.")
@click.option("--layer", metavar="NAME", help="Equations and states of this layer alone.")
@click.option("--step", type=int, metavar="T", help="Equations of this step alone, from 1 on.")
@click.option("--unit", type=int, metavar="J", help="Equations of this unit alone, from 0 on.")
@click.option("--backward", is_flag=True, help="The way back: loss, gradient flow, each gradient beside a difference.")
@click.option("--xlsx", metavar="FILE", help="Write the network and the window as a workbook of live formulas.")
@click.option("--svg", metavar="FILE", help="Draw the network unrolled over the window.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, nothing else there.")
@click.option("--allow-private-address", is_flag=True, help="Let --data lead to this machine or a private network.")
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
    backward: bool,
    xlsx: str | None,
    svg: str | None,
    as_json: bool,
    allow_private_address: bool,
) -> None:
    """Open one forecast of a saved MODEL: states, equations, gradients, attribution.

    Exit codes: 0 done; 1 a gradient is wrong; 2 bad input; 130 stopped.
    """
    from timeglass.explain.opened import backward_lines, formula_lines, state_lines, summary_lines

    if engine not in ("numpy", "lanes"):
        raise OptionError(f"--engine {engine}: expected numpy or lanes")
    opened = _opened(model, given, date, data, target, (network, engine, allow_private_address))
    if backward and opened.trace.losses is None:
        raise OptionError("--backward: what came after the window is not known: give it with --target")
    equations = partial(formula_lines, opened, layer=layer, step=step, unit=unit)
    if as_json or latex:
        for line in _write(opened, xlsx, svg):
            click.echo(line, err=True)
        ways = [False, True] if backward else [False]
        lines = [json.dumps(_json(opened), allow_nan=False)] if as_json else []
        lines += [] if as_json else [line for way in ways for line in equations(latex=True, backward=way)]
    else:
        width = output_width()
        lines = [*summary_lines(opened), *state_lines(opened, layer, width)]
        if formulas or step is not None or unit is not None:
            lines += ["", *equations(width=width)]
            lines += ["", "And back:", *equations(width=width, backward=True)] if backward else []
        if backward:
            lines += ["", *backward_lines(opened)]
        lines += ["", *_write(opened, xlsx, svg)] if xlsx or svg else []
    for line in lines:
        click.echo(line)
