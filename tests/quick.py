"""Which of many like cases stay in the quick suite: some, evenly. The others run with -m slow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

__all__ = ["one_in"]


def one_in(every: int, cases: Iterable[Any], *, several: bool = False) -> list[Any]:
    """One in so many of the cases, beginning with the first, as it is; the others marked slow.

    With `several` a case is a tuple of several arguments.

    >>> [getattr(case, "values", case) for case in one_in(2, ["a", "b", "c"])]
    ['a', ('b',), 'c']
    """
    return [
        case if i % every == 0 else pytest.param(*(case if several else [case]), marks=pytest.mark.slow)
        for i, case in enumerate(cases)
    ]
