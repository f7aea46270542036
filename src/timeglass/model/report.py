"""Shows a fit on its way: a progress bar where there is a terminal, plain lines where there is a log."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

import numpy as np

from timeglass.errors import OptionError
from timeglass.model.history import Columns
from timeglass.train.engine import OnProgress

__all__ = ["Reporter", "check_verbose", "say"]


def check_verbose(verbose: int | str) -> None:
    """Refuses what Keras would not take either."""
    if verbose not in (0, 1, 2, "auto"):
        raise OptionError(f"verbose: expected 0, 1, 2 or 'auto', got {verbose!r}")


def say(line: str) -> None:
    """Prints what a callback with `verbose=1` has to say."""
    print(line)


class Reporter:
    """`verbose`: 0 silent, 1 or "auto" a bar on standard error if that is a terminal, 2 a line for each epoch."""

    def __init__(self, verbose: int | str, epochs: int, steps: int, on_progress: OnProgress | None) -> None:
        check_verbose(verbose)
        self._verbose = 1 if verbose == "auto" else verbose
        self._epochs, self._steps = epochs, epochs * steps
        self._on_progress = on_progress
        self._bar: Any = None

    @property
    def by_epoch(self) -> bool:
        """Whether each epoch is shown as it ends."""
        return self._verbose == 2

    def __enter__(self) -> Reporter:
        if self._verbose == 1 and sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm  # its start-up is only paid where a bar is drawn

            self._bar = tqdm(total=self._steps, unit="batch", leave=True, file=sys.stderr)
        return self

    def on_progress(self, share: float) -> None:
        if self._bar is not None:
            self._bar.update(round(share * self._steps) - self._bar.n)
        if self._on_progress is not None:
            self._on_progress(share)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def epochs(self, columns: Columns, first: int) -> None:
        """With verbose 2, one line for each epoch from `first` on; of many networks the median and the range."""
        if not self.by_epoch:
            return
        for epoch in range(first, len(columns["loss"])):
            shown = " - ".join(
                f"{name}: {_shown(column[epoch])}" for name, column in columns.items() if epoch < len(column)
            )
            print(f"Epoch {epoch + 1}/{self._epochs} - {shown}")


def _shown(value: Any) -> str:
    """A number, or the median and range of the networks still in training."""
    if np.ndim(value) == 0:
        return f"{value:.4g}"
    values = value[~np.isnan(value)]
    return f"{np.median(values):.4g} ({values.min():.4g} … {values.max():.4g})" if len(values) else "nan"
