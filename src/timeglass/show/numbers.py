"""How a number is written wherever one is shown."""

from __future__ import annotations

__all__ = ["exact", "number"]


def number(value: float, digits: int = 5) -> str:
    """A number with so many significant digits, and a minus sign as wide as a plus.

    >>> number(-1.2369459), number(0.0), number(1e-9)
    ('−1.2369', '0', '1e−09')
    """
    return f"{value + 0.0:.{digits}g}".replace("-", "−")  # the sum makes -0 a 0


def exact(value: float) -> str:
    """Every digit that it takes to have the same float again, as Python writes it: fit to be copied.

    >>> exact(-0.1), exact(3.0)
    ('-0.1', '3.0')
    """
    return repr(float(value) + 0.0)
