"""The command line. Data goes to standard output, messages to standard error.

Exit codes: 0 done; 1 a proof failed or training diverged; 2 what was given cannot be used; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from timeglass import __version__
from timeglass.cli.info import info
from timeglass.cli.sunspots import sunspots
from timeglass.errors import TimeglassError

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="timeglass")
def cli() -> None:
    """Timeglass: the see-through recurrent forecaster."""


cli.add_command(info)
cli.add_command(sunspots)


def _end(message: str, code: int) -> NoReturn:
    click.echo(f"timeglass: {message}", err=True)
    raise SystemExit(code)


def main() -> None:
    """Runs the command line; every error that has a cause outside this program is one or two lines."""
    try:
        cli(prog_name="timeglass", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        raise SystemExit(2) from None
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        hint = f" (see {context.command_path} --help)" if context else ""
        _end(f"{error.format_message()}{hint}", 2)
    except TimeglassError as error:
        _end(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        _end("stopped", 130)
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does. Python would complain again when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
