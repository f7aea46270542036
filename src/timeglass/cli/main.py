"""The command line. Data goes to standard output, messages to standard error.

Exit codes: 0 done; 1 a proof failed, training diverged or a check found something; 2 what was given cannot be used;
130 stopped by Ctrl-C.
"""

from __future__ import annotations

import io
import os
import sys
from typing import NoReturn

import click

from timeglass import __version__
from timeglass.cli.audit import audit
from timeglass.cli.backtest import backtest
from timeglass.cli.check import check
from timeglass.cli.data import data
from timeglass.cli.forecast import forecast
from timeglass.cli.info import info
from timeglass.cli.prove import prove
from timeglass.cli.sunspots import sunspots
from timeglass.cli.trace import trace
from timeglass.cli.tune import tune
from timeglass.cli.tutorial import tutorial
from timeglass.errors import TimeglassError

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="timeglass")
def cli() -> None:
    """Timeglass: the see-through recurrent forecaster."""


cli.add_command(audit)
cli.add_command(backtest)
cli.add_command(check)
cli.add_command(data)
cli.add_command(forecast)
cli.add_command(info)
cli.add_command(prove)
cli.add_command(sunspots)
cli.add_command(trace)
cli.add_command(tune)
cli.add_command(tutorial)


def _end(message: str, code: int) -> NoReturn:
    click.echo(f"timeglass: {message}", err=True)
    raise SystemExit(code)


def _prepare_output() -> None:
    """Closed output is as good as none; a character that the output's encoding does not have becomes an escape."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  (until the end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _run() -> int:
    """The exit code. Without click's own `main`, which ends with 1 where the reader of the output has gone."""
    try:
        with cli.make_context("timeglass", sys.argv[1:]) as context:
            cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 2
    return 0


def _discard_output() -> None:
    """Python would complain again when it closes standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Runs the command line; every error that has a cause outside this program is one or two lines."""
    _prepare_output()
    code = 2 * (len(sys.argv) == 1)
    try:
        code = _run()
        sys.stdout.flush()
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        _end(f"{error.format_message()}{hint}", 2)
    except TimeglassError as error:
        _end(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _end("stopped", 130)
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        _discard_output()
    except OSError as error:
        _discard_output()
        _end(f"cannot write: {error.strerror or error}", 2)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
