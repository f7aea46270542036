"""Other people's words, fit to be shown: no control characters, not too many."""

from __future__ import annotations

__all__ = ["counted", "printable", "quoted", "shown"]

_MOST = 40  # characters


def shown(text: str) -> str:
    r"""One line without control characters or marks of direction, at most 40 characters of it.

    >>> shown("a\nb"), shown("x" * 50) == "x" * 40 + "…"
    ('a\\nb', True)
    """
    return printable(text if len(text) <= _MOST else text[:_MOST] + "…")


def counted(count: int, what: str) -> str:
    """So many of something, whose plural ends in s.

    >>> counted(1, "window"), counted(1200, "step")
    ('1 window', '1,200 steps')
    """
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def printable(text: str) -> str:
    """The whole of it in one line, what cannot be printed as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def quoted(text: str) -> str:
    """The same in quotes."""
    return repr(text if len(text) <= _MOST else text[:_MOST] + "…")
