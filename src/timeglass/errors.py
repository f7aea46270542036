"""Everything that Timeglass raises on purpose.

    TimeglassError
    ├── InputError        what was given cannot be used (exit code 2)
    │   ├── DataError     a file, an address or a value in it
    │   ├── OptionError   an argument or option outside its range
    │   └── ShapeError    arrays or layers that do not fit together
    ├── EngineError       the engine asked for is not on this machine, or cannot do this (exit code 2)
    └── DivergenceError   training met a value that is not finite (exit code 1)

    EngineWarning         a slower engine does what the one chosen lacks; a UserWarning, said once

Each message says what was received, what was expected, where, and what to do. `InputError` is a
`ValueError` too, so that code written for Keras or NumPy catches it.
"""

from __future__ import annotations

from timeglass.words import printable

__all__ = [
    "DataError",
    "DivergenceError",
    "EngineError",
    "EngineWarning",
    "InputError",
    "OptionError",
    "ShapeError",
    "TimeglassError",
]


class TimeglassError(Exception):
    """The root of the tree. `exit_code` is what the command line ends with."""

    exit_code = 1

    def __str__(self) -> str:
        """The message in one line: what it repeats of file names, headers and answers can move no cursor."""
        return printable(super().__str__())


class InputError(TimeglassError, ValueError):
    """What was given cannot be used.

    Where it is about one of the values given: `row` is its row, from 0; of windows `step` is (window, time step), of
    targets and forecasts `target` is (window, step ahead). `Series.places` makes file, line and column of them.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        row: int | None = None,
        step: tuple[int, int] | None = None,
        target: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.row, self.step, self.target = row, step, target


class DataError(InputError):
    """A file, an address or a value in it cannot be used; the message begins with its place."""


class OptionError(InputError):
    """An argument is outside its range; the message begins with its name."""


class ShapeError(InputError):
    """Arrays or layers do not fit together; the message gives both shapes."""


class EngineError(TimeglassError):
    """The engine asked for is not on this machine, or cannot do what is asked; the message says what to do instead."""

    exit_code = 2


class DivergenceError(TimeglassError):
    """Training met a loss or weight that is not finite; the message says when and what to change."""


class EngineWarning(UserWarning):
    """Another engine does what the one chosen lacks; the message says what that is. The results are the same."""
