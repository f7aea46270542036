"""`timeglass info`: which engine runs here, and why."""

from __future__ import annotations

import json
import os
import platform
from typing import Any

import click
import numpy as np

from timeglass import __version__
from timeglass.kernel.library import kernel_status
from timeglass.train.team import thread_count

__all__ = ["info"]


def _facts() -> dict[str, Any]:
    status = kernel_status()
    library = status.library
    return {
        "timeglass": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "engine": "lanes" if library else "numpy",
        "reason": "the compiled kernel is there" if library else status.reason,
        "instruction set": library.instruction_set if library else None,
        "why this one": status.reason if library else None,
        "instruction sets": list(library.instruction_sets) if library else [],
        "threads": thread_count(),
        "kernel": library.path if library else None,
    }


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def info(as_json: bool) -> None:
    """Say which engine trains and predicts on this machine, and why.

    TIMEGLASS_INSTRUCTION_SET=avx512, avx2, neon or baseline forces an instruction set; TIMEGLASS_THREADS sets the
    number of threads; TIMEGLASS_KERNEL names another kernel file, or is `none` for the NumPy engine.
    """
    facts = _facts()
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    width = max(map(len, facts)) + 2
    for name, value in facts.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        if shown:
            click.echo(f"{name:<{width}}{shown}")
