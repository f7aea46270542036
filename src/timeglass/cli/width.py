"""How wide what a command prints may be."""

from __future__ import annotations

import os
import shutil
import sys

__all__ = ["output_width"]


def output_width() -> int | None:
    """Columns of the terminal, or those that COLUMNS asks for; None in a pipe or file, where lines are not broken."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else None
