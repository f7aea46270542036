"""What a check of an audit says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Finding", "Numbers", "not_checked"]

Numbers = dict[str, float | int | str | None]


@dataclass(frozen=True)
class Finding:
    """One check: whether it found something, what in words, and the numbers behind the words.

    With `checked` false there was too little to check it by, and `sentence` says what it needs: nothing is found then,
    and nothing is shown to be right.
    """

    name: str
    found: bool
    sentence: str
    numbers: Numbers
    checked: bool = True


def not_checked(name: str, needs: str, numbers: Mapping[str, float | int | str | None] | None = None) -> Finding:
    """A check that could not be made for want of something.

    >>> not_checked("claimed_season", "the season's rows (period)").sentence
    "Not checked: it needs the season's rows (period)."
    """
    return Finding(name, False, f"Not checked: it needs {needs}.", dict(numbers or {}), checked=False)
