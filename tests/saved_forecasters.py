"""Fitted forecasters of every kind that a file can hold, for the tests of such files."""

from __future__ import annotations

import functools
import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.settings import Covariates, Networks
from timeglass.model.tensor_file import unpack
from timeglass.read import ReadOptions

__all__ = ["CASES", "KIND", "QUICK", "contents_of", "fitted", "fresh", "hourly", "panel", "values", "with_prices"]

KIND = ("timeglass forecaster", 1)
QUICK = Networks(hidden_units=2, count=4, epochs=2)


def values(rows: int, seed: int = 0) -> np.ndarray:
    return 100 + np.random.default_rng(seed).normal(size=rows).cumsum()


def hourly(rows: int, zone: str) -> pd.DataFrame:
    times = pd.date_range("2024-03-28", periods=rows, freq="h", tz="UTC").tz_convert(zone)
    return pd.DataFrame({"ds": times, "y": values(rows)})


def panel(lengths=(40, 44, 2, 30)) -> pd.DataFrame:
    """The third is too short, the last constant."""
    parts = [
        pd.DataFrame(
            {
                "unique_id": f"größe {i}",
                "ds": pd.date_range("2020-01-31", periods=n, freq="ME"),
                "y": values(n, i) if n != 30 else 7.0,
            }
        )
        for i, n in enumerate(lengths)
    ]
    return pd.concat(parts, ignore_index=True)


def with_a_gap() -> pd.DataFrame:
    frame = panel((40,)).drop(columns="unique_id")
    frame.loc[5, "y"] = np.nan
    return frame


def with_prices(lengths=(40, 44)) -> pd.DataFrame:
    rows = sum(lengths)
    frame = panel(lengths).assign(price=values(rows, 5), visits=values(rows, 6))
    return frame.assign(shop=frame["unique_id"].map({"größe 0": "east", "größe 1": "west"}))


CASES = {
    "one series": (values(60), {}),
    "below zero": (values(60) - 100, {}),
    "panel": (panel(), {"season": 12}),
    "polars": (pl.from_pandas(panel()).with_columns(pl.col("ds").cast(pl.Datetime("ms"))), {}),
    "arrow": (pa.Table.from_pandas(panel((30,)), preserve_index=False), {}),
    "dates": (pl.from_pandas(panel()).with_columns(pl.col("ds").cast(pl.Date)), {}),
    "zone": (hourly(60, "Europe/Berlin"), {"season": 1}),
    "years": (pl.DataFrame({"ds": pl.Series(range(1950, 2010), dtype=pl.Int64), "y": values(60)}), {}),
    "numbered rows": (pl.DataFrame({"ds": pl.Series(range(1, 61), dtype=pl.Int16), "y": values(60)}), {}),
    "wide": (pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=30), "a": values(30), "b": values(30, 1)}), {}),
    "too short for windows": (values(8), {"horizon": 5}),
    "too short to hold any back": (values(50), {"horizon": 25, "networks": replace(QUICK, time_steps=4)}),
    "only constant": ([5.0] * 20, {}),
    "local groups": (panel((40, 44)), {"networks": replace(QUICK, shared=False)}),
    "recursive": (values(50), {"networks": replace(QUICK, strategy="recursive", cell="simple")}),
    "tutorial": (values(60), {"horizon": 2, "networks": replace(QUICK, time_steps=6, recipe="tutorial")}),
    "fallback": (np.tile([1.0, 9.0, 4.0, 30.0], 12) + 1e-3 * values(48), {"season": 4, "fallback": True}),
    "settings": (values(40), {"season": 2, "level": 90.5, "log": False, "seed": 2**64 - 2}),
    "covariates": (with_prices(), {"covariates": Covariates(("price",), ("visits",), ("shop",), ("month",))}),
    "calendar": (panel((40, 44)), {"covariates": Covariates(calendar=("month",))}),
    "filled": (with_a_gap(), {}),
}


def fresh(name: str) -> Forecaster:
    source, settings = CASES[name]
    options = ReadOptions(missing="linear") if name == "filled" else None
    return Forecaster(**{"horizon": 3, "networks": QUICK} | settings).fit(source, options=options)


fitted = functools.cache(fresh)  # for tests that change nothing of it


def contents_of(content: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays of a good file, to be changed and sealed anew."""
    found = unpack(KIND, io.BytesIO(content), len(content))
    return json.loads(json.dumps(found.header)), found.arrays()
