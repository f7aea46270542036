"""`timeglass tutorial`: the tutorial's first part, with its numbers."""

from __future__ import annotations

import click

from timeglass.cli.width import output_width

__all__ = ["tutorial"]


@click.command(short_help="Walk through a small recurrent network by hand.")
def tutorial() -> None:
    """Walk through a small recurrent network by hand: weights, states, output, gradient."""
    from timeglass.tutorial.walk import walk  # a slow start

    for line in walk(output_width()):
        click.echo(line)
