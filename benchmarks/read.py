"""How long does it take to read, check and group a table, and how much memory: beside pandas, polars and the peers.

    python benchmarks/read.py                 # 100,000 series and 20 million rows, five rounds, some minutes
    python benchmarks/read.py --quick         # a hundredth of it: does it run at all

Each measurement is a process of its own, since a process never forgets its peak of memory; contenders take turns. What
is imported before the clock starts is said beside each. README.md beside this file keeps the numbers found.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import (
    Goal,
    Job,
    Numbers,
    Rounds,
    finish,
    installed,
    note,
    options,
    print_goals,
    print_machine,
    print_table,
    ratios,
    readable,
    spread,
    take_turns,
)

__all__ = ["main"]

STEPS = 200  # rows of a series
START = "2020-01-01"
MOST_TIME, MOST_MEMORY, MOST_SECONDS = 1.5, 2.5, 0.15  # of polars' time; of the arrays; for 1 MB

Read = Callable[[str], object]


# ---- the contenders: each imports what it needs, and gives what reads and groups one file


def timeglass_panel() -> Read:
    import pyarrow.compute
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from timeglass.read import read_panel

    return read_panel


def polars_eager() -> Read:
    import polars as pl

    def read(path: str) -> object:
        csv = path.endswith(".csv")
        frame = pl.read_csv(path, try_parse_dates=True) if csv else pl.read_parquet(path)
        return frame.group_by("unique_id").agg(pl.col("ds"), pl.col("y"))

    return read


def polars_in_order() -> Read:
    import polars as pl

    def read(path: str) -> object:
        csv = path.endswith(".csv")
        frame = pl.read_csv(path, try_parse_dates=True) if csv else pl.read_parquet(path)
        return frame.group_by("unique_id", maintain_order=True).agg(pl.col("ds"), pl.col("y"))

    return read


def polars_streaming() -> Read:
    import polars as pl

    def read(path: str) -> object:
        csv = path.endswith(".csv")
        frame = pl.scan_csv(path, try_parse_dates=True) if csv else pl.scan_parquet(path)
        return frame.group_by("unique_id").agg(pl.col("ds"), pl.col("y")).collect(engine="streaming")

    return read


def pandas_groups() -> Read:
    import pandas as pd

    def read(path: str) -> object:
        if path.endswith(".csv"):
            frame = pd.read_csv(path, dtype={"unique_id": "category"}, parse_dates=["ds"])
        else:
            frame = pd.read_parquet(path)
        return frame.groupby("unique_id", sort=False, observed=True).indices

    return read


def _pandas_frame(path: str) -> Any:
    import pandas as pd

    return pd.read_csv(path, parse_dates=["ds"]) if path.endswith(".csv") else pd.read_parquet(path)


def nixtla() -> Read:
    """What StatsForecast, NeuralForecast and MLForecast do with a long frame first."""
    from utilsforecast.processing import process_df

    return lambda path: process_df(_pandas_frame(path), "unique_id", "ds", "y")


def darts() -> Read:
    from darts import TimeSeries

    def read(path: str) -> object:
        return TimeSeries.from_group_dataframe(
            _pandas_frame(path), "unique_id", time_col="ds", value_cols="y", freq="D"
        )

    return read


def skforecast() -> Read:
    from skforecast.preprocessing import reshape_series_long_to_dict

    def read(path: str) -> object:
        return reshape_series_long_to_dict(_pandas_frame(path), series_id="unique_id", index="ds", values="y", freq="D")

    return read


def gluonts() -> Read:
    from gluonts.dataset.pandas import PandasDataset

    def read(path: str) -> object:
        frame = _pandas_frame(path)
        return list(PandasDataset.from_long_dataframe(frame, item_id="unique_id", timestamp="ds", target="y", freq="D"))

    return read


def timeglass_series() -> Read:
    from timeglass.read import read_series

    return read_series


def pandas_one() -> Read:
    import pandas as pd

    return lambda path: pd.read_csv(path, parse_dates=["ds"], index_col="ds")


def polars_one() -> Read:
    import polars as pl

    return lambda path: pl.read_csv(path, try_parse_dates=True)


def darts_one() -> Read:
    from darts import TimeSeries

    return lambda path: TimeSeries.from_csv(path, time_col="ds", freq="15min")


OURS, OURS_ONE = "Timeglass", "Timeglass, one series"
LARGE = {
    OURS: (timeglass_panel, ("pyarrow",)), "polars, eager": (polars_eager, ("polars",)),
    "polars, in order": (polars_in_order, ("polars",)), "polars, streaming": (polars_streaming, ("polars",)),
    "pandas": (pandas_groups, ("pandas",)),
}  # fmt: skip
PEERS = {
    OURS: (timeglass_panel, ("pyarrow",)), "utilsforecast, process_df": (nixtla, ("utilsforecast", "pandas")),
    "skforecast, reshape_series_long_to_dict": (skforecast, ("skforecast",)),
    "GluonTS, PandasDataset": (gluonts, ("gluonts", "pandas")), "Darts, from_group_dataframe": (darts, ("darts",)),
}  # fmt: skip
SMALL = {
    OURS_ONE: (timeglass_series, ()), "pandas": (pandas_one, ("pandas",)), "polars": (polars_one, ("polars",)),
    "Darts, from_csv": (darts_one, ("darts",)),
}  # fmt: skip


# ---- one measurement, in a process of its own


def _peak() -> int:
    """Bytes of memory that this process has held at most. getrusage would count what its parent held before it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def measure_one(function: str, path: str) -> None:
    """Prints seconds, peak of memory, and what it was before, as JSON."""
    read: Read = globals()[function]()
    before, began = _peak(), time.perf_counter()
    found = read(path)
    seconds = time.perf_counter() - began
    assert found is not None
    print(json.dumps({"seconds": seconds, "peak": _peak(), "before": before}))


def job(function: Callable[[], Read], path: Path) -> Job:
    """Measures a contender on a file."""

    def once() -> Numbers:
        command = [sys.executable, __file__, "--one", function.__name__, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{function.__name__} failed:\n{done.stderr[-2000:]}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    return once


# ---- the files


def write_long(folder: Path, series: int) -> tuple[Path, Path]:
    """So many series of 200 days each, one after another, as CSV and as Parquet."""
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as parquet

    names = pa.array([f"S{i:06d}" for i in range(series)])
    days = np.arange(START, np.datetime64(START) + STEPS, dtype="datetime64[D]")
    values = np.round(np.exp(np.random.default_rng(0).normal(3, 1, series * STEPS)), 2)
    table = pa.table(
        {
            "unique_id": names.take(pa.array(np.repeat(np.arange(series), STEPS))),
            "ds": np.tile(days, series),
            "y": values,
        }
    )
    paths = folder / f"{series}.csv", folder / f"{series}.parquet"
    csv.write_csv(table, paths[0], csv.WriteOptions(quoting_style="none"))
    parquet.write_table(table, paths[1])
    return paths


def write_small(folder: Path) -> Path:
    """One series in a CSV of 1 MB."""
    path, rows = folder / "one.csv", 43_000
    times = np.datetime64("2015-01-01T00:00") + 15 * np.arange(rows)
    values = np.arange(rows) * 7919 % 10007 / 100
    path.write_text("ds,y\n" + "".join(f"{t},{v:.2f}\n" for t, v in zip(times, values, strict=True)), encoding="utf-8")
    return path


# ---- the report


def report(title: str, contenders: dict[str, Any], path: Path, rounds: int) -> Rounds:
    """Measures all that are installed, and prints a row for each."""
    note(f"{title} …")
    ready = {name: job(function, path) for name, (function, needs) in contenders.items() if installed(*needs)}
    for name in contenders.keys() - ready.keys():
        note(f"{name} is not installed")
    found = take_turns(ready, rounds)
    ours = next(iter(contenders))
    print(f"{title} ({path.stat().st_size / 1e6:,.1f} MB)\n")
    rows = []
    for name, given in found.items():
        times = spread([one["seconds"] for one in given], readable), spread(ratios(found, name, ours))
        beyond = [(one["peak"] - one["before"]) / 1e6 for one in given]
        rows.append([name, *times, spread([one["peak"] / 1e6 for one in given]), spread(beyond)])
    print_table(["who", "time", "Timeglass = 1", "peak MB", "MB beyond its imports"], rows)
    return found


def _goals(title: str, found: Rounds, series: int) -> list[Goal]:
    """Against the fastest of polars' ways, round by round; memory as a whole, imports and all."""
    polars = [name for name in found if name.startswith("polars")]
    goals = []
    if polars:
        best = [min(values) for values in zip(*(ratios(found, name, OURS) for name in polars), strict=True)]
        goals.append(Goal(f"{title}: time of the fastest polars, Timeglass = 1", best, 1 / MOST_TIME))
    arrays = series * STEPS * (8 + 8) + 8 * (series + 1)  # values, dates, offsets
    goals.append(
        Goal(f"{title}: arrays by peak of memory", [arrays / one["peak"] for one in found[OURS]], 1 / MOST_MEMORY)
    )
    return goals


def main() -> None:
    """Makes the files, measures, prints."""
    if sys.argv[1:2] == ["--one"]:
        measure_one(*sys.argv[2:4])
        return
    given: argparse.Namespace = options(__doc__ or "").parse_args()
    rounds, series = (1, 1_000) if given.quick else (given.rounds, 100_000)
    os.environ.setdefault("POLARS_MAX_THREADS", str(os.cpu_count() or 1))
    here = print_machine(rounds)
    result: Numbers = {"machine": here}
    goals: list[Goal] = []
    with tempfile.TemporaryDirectory() as folder:
        files = write_long(Path(folder), series)
        for path in files:
            kind = {".csv": "CSV", ".parquet": "Parquet"}[path.suffix]
            title = f"{kind} of {series:,} series, {series * STEPS:,} rows"
            result[title] = report(title, LARGE, path, rounds)
            if not given.quick:
                goals += _goals(kind, result[title], series)
        few = 100 if given.quick else 1_000
        path = write_long(Path(folder), few)[0]
        title = f"CSV of {few:,} series, {few * STEPS:,} rows, the peers' own entry points"
        result[title] = report(title, PEERS, path, rounds)
        result["1 MB"] = report("CSV of one series, 43,000 rows", SMALL, write_small(Path(folder)), rounds)
        times = [MOST_SECONDS / one["seconds"] for one in result["1 MB"][OURS_ONE]]
        goals.append(Goal(f"1 MB: {MOST_SECONDS} s by the time it takes", times, 1.0))
    print_goals(goals)
    finish(given, result)


if __name__ == "__main__":
    main()
