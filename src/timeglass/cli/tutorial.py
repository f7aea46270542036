"""`timeglass tutorial`: the tutorial's first part, with its numbers."""

from __future__ import annotations

import shutil
import sys

import click

__all__ = ["tutorial"]


@click.command()
def tutorial() -> None:
    """Walk through a small recurrent network by hand: weights, states, output, gradient."""
    from timeglass.tutorial.walk import walk  # a slow start

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in walk(width):
        click.echo(line)
