"""Which rows of a series a date's forecast is made from."""

from __future__ import annotations

import numpy as np
import pytest

from timeglass import InputError, OptionError
from timeglass.prepare.chosen import window_before
from timeglass.read.reading import read_series
from timeglass.series.bundled import SUNSPOTS


def test_a_month_has_the_months_before_it():
    series = read_series(str(SUNSPOTS))
    chosen = window_before(series, 12, "1950-03")
    assert (chosen.labels[0], chosen.labels[-1], chosen.target) == ("1949-03", "1950-02", "1950-03")
    at = int(np.flatnonzero(series.dates == np.datetime64("1950-03"))[0])
    assert chosen.values.tolist() == series.values[at - 12 : at].tolist()
    assert chosen.actual == series.values[at]


def test_the_month_after_the_last_is_not_known_yet():
    series = read_series(str(SUNSPOTS))
    chosen = window_before(series, 3)
    assert (chosen.labels, chosen.target, chosen.actual) == (("1983-10", "1983-11", "1983-12"), "1984-01", None)
    assert chosen.values.tolist() == series.values[-3:].tolist()
    assert window_before(series, 3, "1984-01").labels == chosen.labels


@pytest.mark.parametrize("when", ["1749-03", "1984-02", "yesterday", "1950-3", ""])
def test_a_date_without_a_window_is_refused_with_those_that_have_one(when):
    with pytest.raises(OptionError, match=r"choose 1750-01 to 1984-01, written like that"):
        window_before(read_series(str(SUNSPOTS)), 12, when)


def test_rows_without_dates_have_numbers(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("name,y\n" + "".join(f"n{i},{i}\n" for i in range(1, 7)))
    series = read_series(str(file))
    chosen = window_before(series, 2, "4")
    assert (chosen.values.tolist(), chosen.labels, chosen.actual) == ([2.0, 3.0], ("2", "3"), 4.0)
    assert window_before(series, 2).target == "7"
    with pytest.raises(OptionError, match=r"--date 2: no row of .*rows.csv with 2 rows before it: choose 3 to 7"):
        window_before(series, 2, "2")
    with pytest.raises(InputError, match=r"6 rows, but the model's window has 7"):
        window_before(series, 7)


def test_the_day_after_is_as_far_as_the_days_usually_are(tmp_path):
    file = tmp_path / "weeks.csv"
    file.write_text("day,y\n2024-02-12,1\n2024-02-19,2\n2024-02-26,3\n")
    assert window_before(read_series(str(file)), 2).target == "2024-03-04"
