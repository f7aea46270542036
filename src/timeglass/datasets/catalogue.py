"""What the bundled series are. Their numbers lie in series/data/, written there by tools/make_datasets.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from timeglass.series.bundled import DATA

__all__ = ["DATASETS", "Dataset"]


@dataclass(frozen=True)
class Dataset:
    """What a bundled series is. `frequency` is a word such as "monthly"; `shows` says what it is good to try.

    `missing` is "drop" where rows are missing: those beside a gap are used as neighbours, and a note says so.
    """

    name: str
    what: str
    unit: str
    frequency: str
    shows: str
    source: str
    licence: str
    missing: str | None = None  # what to do where rows are missing

    @property
    def path(self) -> Path:
        """The CSV: a header, then a date and a value in each row."""
        return DATA / f"{self.name}.csv"


_FEDERAL = "public domain: data of the federal government of the United States (17 U.S.C. § 105)"
_FACTS = "free as facts: observed numbers in the order of their dates, published {when}; no text or arrangement of "
_FACTS += "another's is copied"


def _facts(when: str) -> str:
    return _FACTS.format(when=when)


_ALL = (
    Dataset(
        "sunspots",
        "sunspots, the mean of the month",
        "relative sunspot numbers",
        "monthly",
        "a cycle of about eleven years that is never quite the same",
        "Swiss Federal Observatory, Zurich, then Tokyo Astronomical Observatory; in D. F. Andrews, A. M. Herzberg, "
        "Data (1985); R: datasets::sunspots",
        _facts("in 1985"),
    ),
    Dataset(
        "air-passengers",
        "international airline passengers",
        "thousand passengers",
        "monthly",
        "a trend and a season that grows with it",
        "G. E. P. Box, G. M. Jenkins, Time Series Analysis, Forecasting and Control (1976), series G; "
        "R: datasets::AirPassengers",
        _facts("in 1976"),
    ),
    Dataset(
        "co2",
        "carbon dioxide in the air at Mauna Loa, Hawaii",
        "parts per million",
        "monthly",
        "a trend that leaves the range of the training part, and a small season",
        "National Oceanic and Atmospheric Administration (NOAA), Earth System Research Laboratory; "
        "R: Stat2Data::CO2Hawaii",
        _FEDERAL,
    ),
    Dataset(
        "global-temperature",
        "temperature of land and sea, worldwide, beside the mean of 1951 to 1980",
        "°C",
        "monthly",
        "a slow rise under much noise, values on both sides of zero",
        "National Aeronautics and Space Administration (NASA), Goddard Institute for Space Studies: Land-Ocean "
        "Temperature Index, as of 2023; R: stevedata::LOTI",
        _FEDERAL,
    ),
    Dataset(
        "nottingham",
        "mean air temperature at Nottingham Castle",
        "°F",
        "monthly",
        "a season and nothing else: repeating last year's month is hard to beat",
        "O. D. Anderson, Time Series Analysis and Forecasting (1976), series R; R: datasets::nottem",
        _facts("in 1976"),
    ),
    Dataset(
        "uk-gas",
        "gas consumption of the United Kingdom",
        "million therms",
        "quarterly",
        "quarters; a season that grows and changes its form",
        "J. Durbin, S. J. Koopman, Time Series Analysis by State Space Methods (2001); R: datasets::UKgas",
        _facts("in 2001"),
    ),
    Dataset(
        "lynx",
        "lynx trapped in Canada",
        "animals",
        "yearly",
        "a cycle of about ten years with sharp peaks",
        "M. J. Campbell, A. M. Walker, Journal of the Royal Statistical Society A 140 (1977); P. J. Brockwell, "
        "R. A. Davis, Time Series (1991), series G; R: datasets::lynx",
        _facts("in 1977"),
    ),
    Dataset(
        "nile",
        "flow of the Nile at Aswan",
        "10⁸ m³",
        "yearly",
        "a level that drops near 1898; few rows",
        "G. W. Cobb, Biometrika 65 (1978), table 1; R: datasets::Nile",
        _facts("in 1978"),
    ),
    Dataset(
        "lake-huron",
        "level of Lake Huron",
        "feet",
        "yearly",
        "values far from zero that change little",
        "P. J. Brockwell, R. A. Davis, Time Series: Theory and Methods (1991), series A; R: datasets::LakeHuron",
        _facts("in 1991"),
    ),
    Dataset(
        "tree-rings",
        "width of the rings of bristlecone pines at Methuselah Walk, California",
        "share of the usual width",
        "yearly",
        "many rows; years before the year 0, which R counts as a year",
        "D. A. Graybill (1980), in the Time Series Data Library as CA535.DAT; R: datasets::treering",
        _facts("in 1980"),
    ),
    Dataset(
        "gasoline",
        "motor gasoline supplied in the United States; a week is called by its Monday",
        "million barrels a day",
        "weekly",
        "weeks: a season of 52 rows and a bit",
        "Energy Information Administration (EIA); R: fpp3::us_gasoline",
        _FEDERAL,
    ),
    Dataset(
        "cholera",
        "cholera in England in 1849",
        "deaths",
        "daily",
        "one outbreak: the test part is unlike the training part",
        "General Register Office, W. Farr, Report on the Mortality of Cholera in England, 1848-49 (1852), transcribed "
        "by J. Riley; R: HistData::CholeraDeaths1849",
        "public domain: printed by the British government in 1852, its copyright has run out",
    ),
    Dataset(
        "ozone",
        "ozone over Roosevelt Island, New York, in the early afternoon",
        "parts per billion",
        "daily, 37 days missing",
        "dates with gaps: days without a measurement have no row",
        "New York State Department of Conservation; in J. M. Chambers and others, Graphical Methods for Data Analysis "
        "(1983); R: datasets::airquality",
        _facts("in 1983"),
        missing="drop",
    ),
    Dataset(
        "jfk-temperature",
        "air temperature at Kennedy Airport, New York, in universal time",
        "°F",
        "hourly",
        "hours: a cycle of 24 rows on top of the weather; 13.1 °F on 2013-05-09 between two of 57 cannot be right",
        "weather station (ASOS) of the National Weather Service and the Federal Aviation Administration; "
        "R: nycflights13::weather",
        _FEDERAL + "; nycflights13 is under CC0",
    ),
)

DATASETS = {dataset.name: dataset for dataset in _ALL}
