"""`timeglass audit`: what makes the test error of somebody's forecasts untrue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from click.core import ParameterSource

from timeglass.cli.reading import reading_options, say, say_reading
from timeglass.cli.series_path import dataset_options, series_path
from timeglass.errors import OptionError
from timeglass.words import counted, printable, quoted

if TYPE_CHECKING:
    from timeglass.evaluate.audit_report import AuditReport
    from timeglass.read.options import ReadOptions

__all__ = ["audit"]


@click.command(short_help="Look for what makes the test error of forecasts untrue.")
@click.argument("file", metavar="FILE")
@click.option("--train", metavar="FILE", help="Table of the training rows, which FILE follows directly.")
@click.option("--split", metavar="DATE|ROW", help="First test row of FILE: its date, or its number from 1.")
@click.option("--part", metavar="COLUMN", help="Column of FILE that says train or test.")
@click.option("--predictions", metavar="NAME,…", help="Columns of forecasts. [default: all other columns of numbers]")
@click.option("--seeds", is_flag=True, help="The columns are forecasts of one network from several seeds.")
@click.option("--horizon", type=int, default=1, show_default=True, metavar="N", help="Rows ahead, of each forecast.")
@click.option("--period", type=int, metavar="N", help="Rows in the season that the forecasts count on.")
@click.option("--activation", metavar="NAME", help="Of the network's output: tanh, sigmoid, relu, linear, …")
@click.option("--scaler-min", type=float, metavar="Y", help="The minimum that the scaler has learned.")
@click.option("--scaler-max", type=float, metavar="Y", help="The maximum that the scaler has learned.")
@click.option("--scaler-mean", type=float, metavar="Y", help="The mean that the scaler has learned.")
@click.option("--scaler-std", type=float, metavar="Y", help="The standard deviation that the scaler has learned.")
@click.option("--weights", type=int, metavar="N", help="Numbers that the network learns.")
@click.option("--windows", type=int, metavar="N", help="Training windows that it learns from.")
@click.option("--time-steps", type=int, metavar="N", help="Rows in a window.")
@click.option("--reported-error", type=float, metavar="X", help="The test error that was published.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--allow-private-address", is_flag=True, help="Let FILE lead to this machine or a private network.")
@reading_options
def audit(file: str, as_json: bool, allow_private_address: bool, reading: ReadOptions, **given: Any) -> None:
    """Look for what makes a test error untrue: leaks, shifted targets, lucky seeds and the like.

    FILE is a table of what came, y (or --value), and of forecasts beside it, one column each: CSV, TSV, Parquet or
    Arrow, an address, or - for standard input. Its first test row is the one that --split or --part says, or the first
    row where there is --train; else the first that has a forecast. A check without what it needs is listed as not
    made. FILE may also be a forecaster that `timeglass forecast --save` wrote, a .safetensors file: the audit is that
    of its fit, and --json the only option.

    Exit codes: 0 nothing found; 1 something was found; 2 bad input; 130 stopped.
    """
    from timeglass.cli.audit_tables import AuditTables  # a slow start
    from timeglass.cli.audit_words import errors_in_options, in_options
    from timeglass.evaluate.audit_report import audit as audit_forecasts
    from timeglass.evaluate.evidence import Evidence

    if Path(file).suffix.lower() == ".safetensors":
        _audit_forecaster(file, as_json=as_json)
    scaler = _scaler(given)
    told = ("horizon", "activation", "weights", "windows", "time_steps", "reported_error")
    evidence = _evidence(Evidence, {name: given[name] for name in told})
    if given["period"] is not None and given["period"] < 1:
        raise OptionError(f"--period {given['period']}: expected a whole number of at least 1")
    where = {name: given[name] for name in ("split", "part", "predictions")}
    tables = AuditTables.read(
        series_path(file), dataset_options(file, reading), train=given["train"], private=allow_private_address,
        tell=say, **where,
    )  # fmt: skip
    for origin in tables.origins:
        say_reading(origin)
    name = tables.origins[-1].name
    with errors_in_options(name):
        reports = {
            which: audit_forecasts(
                tables.train, tables.test, forecasts, scaler=scaler, period=given["period"], evidence=evidence
            )
            for which, forecasts in tables.forecasts(together=given["seeds"]).items()
        }
    _print(name, {which: in_options(report) for which, report in reports.items()}, as_json=as_json)
    raise SystemExit(max(report.exit_code for report in reports.values()))


def _audit_forecaster(file: str, *, as_json: bool) -> NoReturn:
    """What the fit of a saved forecaster found in itself."""
    from timeglass.evaluate.audit_report import AuditReport
    from timeglass.forecast.saving import load_forecaster  # a slow start
    from timeglass.read.source import is_address

    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if given and option.name not in ("file", "as_json"):
            raise OptionError(
                f"{option.opts[0]}: a saved forecaster is audited with the rows it was fitted on: leave it out"
            )
    if is_address(file):
        raise OptionError(f"{quoted(file)}: a saved forecaster is read from a file: fetch it first")
    forecaster = load_forecaster(file)
    panel = forecaster.history_.panel
    numbers = {"series": len(panel), "rows": len(panel.values), "horizon": forecaster.horizon_}
    report = AuditReport(forecaster.audit_, len(panel.values), 0, 0)
    if as_json:
        checks = {name: report.json()[name] for name in ("found", "not_checked", "checks")}
        _print_json(file, len(report.found), [{"forecast": "", **numbers, **checks}])
    else:
        rows, ahead = counted(len(panel.values), "row"), counted(forecaster.horizon_, "row")
        click.echo(printable(f"{file}: a forecaster of {len(panel):,} series, {rows}, fitted for {ahead} ahead"))
        for line in report.lines()[1:]:
            click.echo(printable(line))
    raise SystemExit(report.exit_code)


def _print(file: str, reports: dict[str, AuditReport], *, as_json: bool) -> None:
    if as_json:
        audits = [{"forecast": printable(name), **report.json()} for name, report in reports.items()]
        _print_json(file, sum(len(report.found) for report in reports.values()), audits)
        return
    for place, (name, report) in enumerate(reports.items()):
        first, *rest = report.lines()
        for line in [*[""] * (place > 0), f"{file}{f', {name}' if name else ''}: {first}", *rest]:
            click.echo(printable(line))


def _print_json(file: str, found: int, audits: list[dict[str, Any]]) -> None:
    values = {"source": printable(file), "found": found, "audits": audits}
    click.echo(json.dumps(values, ensure_ascii=False, allow_nan=False, indent=2))


def _evidence(make: Any, told: dict[str, Any]) -> Any:
    """The evidence; an error begins with the option."""
    try:
        return make(**told)
    except OptionError as error:
        name, colon, rest = str(error).partition(":")
        raise OptionError(f"--{name.replace('_', '-')}{colon}{rest}") from None


def _scaler(given: dict[str, Any]) -> Any:
    """The limits, or the scaler of a mean and a standard deviation; None where nothing was said."""
    from timeglass.errors import InputError
    from timeglass.prepare.scale import MinMaxScaler, StandardScaler

    pairs = {("scaler_min", "scaler_max"): MinMaxScaler, ("scaler_mean", "scaler_std"): StandardScaler}
    told = [pair for pair in pairs if any(given[name] is not None for name in pair)]
    if not told:
        return None
    options = [f"--{name.replace('_', '-')}" for name in told[0]]
    if len(told) > 1:
        raise OptionError("--scaler-min and --scaler-mean: a scaler has either limits or a mean: give one pair")
    first, second = (given[name] for name in told[0])
    if first is None or second is None:
        raise OptionError(f"{options[0]} and {options[1]}: expected both, or neither")
    try:
        return pairs[told[0]](first, second)
    except InputError as error:
        raise OptionError(f"{options[0]} {first:g} and {options[1]} {second:g}: {error}") from None
