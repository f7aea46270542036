"""Where the series that come with Timeglass lie; `timeglass.datasets` knows what they are and where they are from."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DATA", "SUNSPOTS"]

DATA = Path(__file__).with_name("data")

# Monthly sunspot numbers, 1749-01 to 1983-12.
SUNSPOTS = DATA / "sunspots.csv"
