"""Where in a Keras model something stands, for the messages about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from timeglass.errors import DataError, InputError

__all__ = ["Place"]


@dataclass(frozen=True)
class Place:
    """A file or a model, a part of it, a layer: and the error that says that what stands there cannot be used.

    >>> str(Place("a.keras").at("config.json").refuse("is empty"))
    'a.keras: config.json: is empty'
    """

    name: str
    error: type[InputError] = DataError

    def at(self, part: str) -> Place:
        """A place within this one."""
        return replace(self, name=f"{self.name}: {part}")

    def refuse(self, message: str) -> InputError:
        """The error, to be raised."""
        return self.error(f"{self.name}: {message}")
