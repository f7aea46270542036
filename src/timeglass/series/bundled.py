"""The series that come with Timeglass; each has its provenance beside it in data/."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SUNSPOTS"]

# Monthly sunspot numbers, 1749-01 to 1983-12.
SUNSPOTS = Path(__file__).with_name("data") / "sunspots.csv"
