"""Oddities: each kind is found with its numbers, clean series of many sorts have none, nothing overflows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from quick import one_in

from timeglass.datasets import DATASETS, load
from timeglass.errors import OptionError
from timeglass.series.level_shift import level_shift
from timeglass.series.odd_stretches import constant_stretches, copied_stretches
from timeglass.series.odd_values import off_scale, repeated_values, squeezed_range, stand_ins
from timeglass.series.oddities import Oddity, oddities
from timeglass.series.outliers import outliers, running_median

Random = np.random.Generator


def kinds(found: tuple[Oddity, ...]) -> list[str]:
    return [oddity.kind for oddity in found]


def places(found: tuple[Oddity, ...] | list[Oddity]) -> list[tuple[str, int, int]]:
    return [(oddity.kind, oddity.first, oddity.last) for oddity in found]


def plain(seed: int = 0, rows: int = 120) -> np.ndarray:
    """Normal numbers about 60 with a deviation of 10."""
    return np.random.default_rng(seed).normal(60, 10, rows)


# What is found in the bundled series, with and without their period.
PERIODS = {"monthly": 12, "quarterly": 4, "weekly": 52, "daily": 7, "daily, 37 days missing": 7, "hourly": 24}
BUNDLED = {
    "sunspots": [("constant stretch", "1809-10", "1811-06", 4.310)],
    "nile": [("level shift", "1899", "1899", 6.275)],
    "jfk-temperature": [("outlier", "2013-05-09T02:00", "2013-05-09T02:00", 22.446)],
}


@pytest.mark.parametrize("name", DATASETS)
def test_the_bundled_series(name):
    series = load(name)
    expected = BUNDLED.get(name, [])
    for period in {1, PERIODS.get(DATASETS[name].frequency, 1)}:
        found = oddities(series.values, period=period)
        told = [(oddity.kind, series.label(oddity.first), series.label(oddity.last)) for oddity in found]
        assert told == [one[:3] for one in expected]
        if period == 1:
            assert [oddity.score for oddity in found] == pytest.approx([one[3] for one in expected], rel=0.002)


def words(name: str, period: int = 1) -> str:
    return oddities(load(name).values, period=period)[0].words


def test_words_of_the_bundled_series():
    assert words("jfk-temperature") == "13.1 is 22 robust deviations from its neighbours' median, 57.02"
    assert words("jfk-temperature", 24).endswith("is 27 robust deviations from its neighbours' median, 57.02, "
                                                 "and from the same season's")  # fmt: skip
    assert words("nile").startswith("from here on the level is 284 lower: t = 6.27, where 5.1 is the limit, with trend")
    # 21 months; no other run of zeros has more than 4.
    assert words("sunspots").startswith("0 comes 21 times in a row; elsewhere it is followed by itself with a prob")


# Clean series: what the generator gives for 200 seeds has at most so many findings of any kind.
def autoregressive(g: Random, n: int, phi: float) -> np.ndarray:
    values = g.normal(size=n + 50)
    for row in range(1, n + 50):
        values[row] += phi * values[row - 1]
    return values[50:]


def season(n: int, period: int = 12) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(n) / period)


CLEAN: dict[str, tuple[int, int, Callable[[Random, int], np.ndarray]]] = {
    # period, most series of 200 in which something is found, generator
    "white": (1, 1, lambda g, n: g.normal(size=n)),
    "white, period 12": (12, 1, lambda g, n: g.normal(size=n)),
    "walk": (1, 1, lambda g, n: g.normal(size=n).cumsum()),
    "autoregression": (1, 4, lambda g, n: autoregressive(g, n, 0.5)),
    "near a walk": (1, 4, lambda g, n: autoregressive(g, n, 0.9)),
    "trend": (1, 1, lambda g, n: g.normal(size=n) + 0.05 * np.arange(n)),
    "season": (12, 1, lambda g, n: g.normal(size=n) + 20 * season(n)),
    "season not given": (1, 1, lambda g, n: g.normal(size=n) + 20 * season(n)),
    "growth": (12, 4, lambda g, n: np.exp(np.arange(n) * 2 / n + 0.05 * g.normal(size=n) + 0.3 * season(n))),
    "closed on Sundays": (1, 1, lambda g, n: np.resize([10, 11, 12, 11, 14, 20, 0.0], n) * g.normal(1, 0.05, n)),
    "Decembers": (12, 2, lambda g, n: np.where(np.arange(n) % 12 == 11, 300, 100) * g.normal(1, 0.05, n)),
    "few counts": (1, 1, lambda g, n: g.poisson(0.3, n).astype(float)),
    "sales now and then": (1, 2, lambda g, n: np.where(g.random(n) < 0.1, g.geometric(0.2, n), 0).astype(float)),
    "lognormal": (1, 2, lambda g, n: g.lognormal(0, 0.5, n)),
    "walk in whole numbers": (1, 1, lambda g, n: np.round(g.normal(size=n).cumsum())),
    "four levels": (7, 1, lambda g, n: g.integers(0, 4, n).astype(float)),
}


@pytest.mark.parametrize(("rows", "seeds"), [(100, 200), (300, 50)])
@pytest.mark.parametrize("name", one_in(3, CLEAN))
def test_clean_series_have_none(name, rows, seeds):
    period, most, make = CLEAN[name]
    found = [oddities(make(np.random.default_rng(seed), rows), period=period) for seed in range(seeds)]
    assert sum(map(bool, found)) <= most


def test_noise_of_ten_thousand_rows_has_no_outlier():
    assert not any(outliers(np.random.default_rng(seed).normal(size=10_000)) for seed in range(20))


def test_running_median_against_a_loop():
    values = plain(1, 40)
    starts = [min(max(row - 3, 0), 33) for row in range(40)]
    assert running_median(values).tolist() == [sorted(values[start : start + 7])[3] for start in starts]


def test_an_outlier_by_hand():
    values = np.array([1.0, 2, 3, 90, 3, 2, 1])
    # Whole median 2, residuals -1 0 1 88 1 0 -1, MAD 1, 1.4826 of it; the limit for 7 rows is 10 (1 + 10/7) = 24.3.
    found = outliers(values)
    assert places(found) == [("outlier", 3, 3)]
    assert found[0].score == pytest.approx(88 / 1.4826)
    assert outliers(values[:6]) == []


@pytest.mark.parametrize("row", [0, 1, 60, 118, 119])
def test_an_outlier_is_found_in_any_row(row):
    values = plain()
    values[row] += 400
    assert ("outlier", row, row) in places(oddities(values))


def test_a_season_explains_its_own_peaks_and_not_one_in_another_month():
    g = np.random.default_rng(3)
    values = np.where(np.arange(120) % 12 == 11, 300.0, 100.0) * g.normal(1, 0.03, 120)
    assert oddities(values, period=12) == ()
    values[64] = 300
    assert places(oddities(values, period=12)) == [("outlier", 64, 64)]


def test_a_season_is_never_quite_the_same():
    values = np.random.default_rng(3).normal(100, 1, 120)
    values[11::12] += 200
    values[59] += 190  # 9.5 tenths of what a December has; the limit for 120 rows is 10.8
    assert oddities(values, period=12) == ()
    values[59] += 50
    assert places(oddities(values, period=12)) == [("outlier", 59, 59)]


def test_whole_numbers_differ_by_one_at_least():
    counts = np.zeros(100)
    counts[50] = 1
    assert oddities(counts) == ()
    counts[50] = 999
    assert kinds(oddities(counts)) == ["outlier"]


def test_scale():
    values = plain()
    values[70] = 1e300
    found = oddities(values)
    assert places(found) == [("scale", 70, 70), ("squeezed range", 70, 70)]
    middle = np.sort(np.abs(values))[59]
    assert found[0].score == pytest.approx(300 - np.log10(middle))
    assert found[0].words == f"1e300 is 1.6e298 times the median size, {middle:.6g}"
    expected = Oddity("scale", 3, 3, 6.0, "1e6 is 1.0e6 times the median size, 1")
    assert off_scale(np.array([0.0, 0, 0, 1e6, 1, 1])) == [expected]
    assert off_scale(np.array([1.0, 0.99e6, 1])) == []


def test_constant():
    expected = Oddity("constant", 0, 2, 3.0, "no variation; nothing to learn")
    assert oddities([7, 7, 7]) == (expected,)
    assert kinds(oddities([-0.0, 0.0])) == ["constant"]
    assert oddities([7]) == oddities([]) == oddities([1, 2]) == ()


@pytest.mark.parametrize("value", [-999, -9999, -99.99, 9999, 99999, -32768, 1e20])
def test_what_stands_for_missing_values(value):
    values = plain()
    values[[20, 21, 22, 23, 24, 80]] = value
    found = oddities(values)
    assert places(found)[0] == ("repeated value", 20, 80)
    assert set(kinds(found)) <= {"repeated value", "squeezed range"}
    assert "comes 6 times; all other values lie between" in found[0].words


def test_stand_ins_lie_apart():
    values = np.array([10.0, 20, 30, 35, 50, 12, 44, 31, 110, 110])
    assert stand_ins(values) == []  # 110 is no usual one
    values[8:] = 99
    assert [(one.first, one.last, one.score) for one in stand_ins(values)] == [(8, 9, (99 - 50) / 40)]
    values[9] = 33
    assert stand_ins(values) == []  # once, and not three times as far
    values[8:] = [-999, 999]
    assert [(one.first, one.score) for one in stand_ins(values)] == [(8, 1009 / 40), (9, 949 / 40)]
    assert stand_ins(np.array([300.0, 320, 0, 410, 400, 0, 350, 360, 377, 390]))[0].words.startswith("0 comes 2 times")
    assert stand_ins(np.arange(-5.0, 20)) == []


def test_a_stand_in_beside_a_value_off_the_scale():
    values = plain()
    values[[70, 80]] = 1e300, -999
    assert places(oddities(values)) == [("scale", 70, 70), ("squeezed range", 70, 70), ("repeated value", 80, 80)]


def test_minus_one_among_counts():
    counts = np.random.default_rng(0).poisson(9, 100).astype(float)
    counts[::20] = -1
    assert places(stand_ins(counts)) == [("repeated value", 0, 80)]
    assert stand_ins(counts - 1) == []
    assert stand_ins(np.where(counts < 0, -1, counts % 3)) == []  # 0, 1 and 2 are more frequent


def test_a_value_that_comes_too_often():
    values = plain()
    values[::12] = 71.3
    assert [(one.first, one.last, one.score) for one in repeated_values(values)] == [(0, 108, 10.0)]
    assert repeated_values(values)[0].words == "71.3 comes 10 times, no other value more than once: is it measured?"
    assert repeated_values(np.where(values == 71.3, 0, values)) == []  # zero is the smallest: nothing was sold
    assert repeated_values(np.round(values)) == []
    values = plain()
    values[10:20] = 71.3
    assert repeated_values(values) == []  # one run


def test_squeezed_range():
    values = np.append(np.arange(200.0), [7800.0, 9000.0])
    found = squeezed_range(values)
    assert places(found) == [("squeezed range", 201, 201)]
    assert found[0].score == pytest.approx(9000 / 199)
    assert found[0].words == (
        "99 % of the values lie in 2.2 % of the range, 0 to 199; with 9000 a min-max scale leaves them no room"
    )
    assert squeezed_range(np.append(np.arange(200.0), 3900.0)) == []  # 5.1 %
    assert squeezed_range(np.append(np.zeros(200), 1.0)) == []  # no range at all is no squeezed one


def test_constant_stretches():
    values = np.round(plain(), 1)
    values[30:50] = 61.7
    found = constant_stretches(values)
    assert places(found) == [("constant stretch", 30, 49)]
    equal = (np.diff(values) == 0).sum() - 19  # outside the run: also q's numerator, since no 61.7 is outside
    p0 = (equal + 1) / (119 - 19 + 2)
    p = p0 + 2 * np.sqrt(p0 * (1 - p0) / 10)
    assert found[0].score == pytest.approx(-np.log10(120 * p**19))


def test_zeros_may_last_where_zeros_often_follow_zeros():
    values = np.resize([0.0] * 12 + [3, 5, 8, 9, 7, 5, 4, 3, 2, 3, 2, 1], 240)
    values[84:91] = 0
    assert constant_stretches(values) == []
    values[84:] = np.resize([7, 7.5, 4], 156)
    assert places(constant_stretches(np.append(values, np.full(30, 4.1)))) == [("constant stretch", 240, 269)]


def test_copied_stretches():
    values = plain()
    values[80:92] = values[13:25]
    found = oddities(values, period=12)
    assert places(found) == [("copied stretch", 80, 91)]
    # No other value comes twice: M1 = M2 = M4 = 0, rho = 1 / 122.
    assert found[0].score == pytest.approx(10 * np.log10(122))
    assert found[0].words.startswith("12 values are those that stood 67 rows before: ")
    values[91] += 1
    assert oddities(values, period=12) == ()  # shorter than the period
    assert places(oddities(values)) == [("copied stretch", 80, 90)]


@pytest.mark.parametrize("period", [4, 7, 12, 30])
def test_a_period_is_no_copy(period):
    once = np.random.default_rng(period).normal(size=period)
    assert copied_stretches(np.tile(once, 10), period=period) == copied_stretches(np.tile(once, 10)) == []
    assert oddities(np.round(np.sin(np.arange(200) * 2 * np.pi / period), 6), period=period) == ()
    assert places(oddities(np.tile(plain(), 2))) == [("copied stretch", 120, 239)]  # all of it twice: one finding


def test_copies_against_a_loop():
    values = np.random.default_rng(5).integers(0, 60, 300).astype(float)
    values[200:212], values[250:263] = values[20:32], values[60:73]
    found = {(one.first, one.last) for one in copied_stretches(values)}
    wanted = set()
    for one in range(300):
        for other in range(one + 1, 300):
            length = 0
            while other + length < 300 and values[one + length] == values[other + length]:
                length += 1
            if length >= 8 and (one == 0 or values[one - 1] != values[other - 1]):
                wanted.add((other, other + length - 1))
    assert found == wanted
    assert len(found) == 2


@pytest.mark.parametrize(("phi", "size"), [(0.0, 3.0), (0.5, 8.0)])
def test_a_level_shift_is_found_at_its_row(phi, size):
    step = np.repeat([0.0, size], [90, 60])
    found = [level_shift(autoregressive(np.random.default_rng(seed), 150, phi) + step) for seed in range(40)]
    rows = np.array([one[0].first for one in found if one])
    assert len(rows) >= 38
    assert np.abs(rows - 90).max() <= 2


def test_a_level_shift_beside_trend_season_and_an_outlier():
    n = np.arange(120)
    values = 0.3 * n + 30 * season(120) + np.random.default_rng(1).normal(0, 2, 120) + np.where(n < 70, 0, 25)
    values[30] = 900
    found = oddities(values, period=12)
    assert places(found) == [("outlier", 30, 30), ("level shift", 70, 70)]
    assert found[1].words.startswith("from here on the level is 25.2 higher")
    assert "level shift" in kinds(oddities(-values, period=12))


def test_t_is_that_of_least_squares():
    values = np.random.default_rng(2).normal(size=100) + np.where(np.arange(100) < 40, 0, 5.0)
    x = np.stack([np.ones(100), np.arange(100), np.arange(100) >= 40], axis=1)
    b, left = np.linalg.lstsq(x, values, rcond=None)[:2]
    t = b[2] / np.sqrt(left[0] / 97 * np.linalg.inv(x.T @ x)[2, 2])
    found = level_shift(values)[0]
    near = (values - x @ b)[30:51]
    local = max(1.0, np.sqrt((near @ near) / 21 / (left[0] / 100)))
    assert found.first == 40
    assert found.score == pytest.approx(t / local, rel=1e-9)


def test_a_level_shift_in_many_rows():
    values = np.random.default_rng(0).normal(size=100_000) + np.where(np.arange(100_000) < 61_234, 0, 6.0)
    assert places(level_shift(values)) == [("level shift", 61_234, 61_234)]


def test_a_clean_step_and_clean_lines():
    assert places(oddities(np.repeat([0.0, 1.0], 30) + np.tile([0, 0.25], 30))) == [("level shift", 30, 30)]
    n = np.arange(240)
    assert [oddities(values) for values in (n * 1.0, 1.05**n, np.sin(n / 9), (n - 100.0) ** 2)] == [()] * 4


def test_at_most_twenty_of_a_kind():
    values = plain(0, 5000)
    rows = np.arange(100, 4900, 200)
    values[rows] += 1000 + rows
    found = [oddity for oddity in oddities(values) if oddity.kind == "outlier"]
    every = sorted(outliers(values), key=lambda oddity: oddity.score)
    assert {oddity.first for oddity in every} == set(rows.tolist())
    assert [oddity.first for oddity in found] == sorted(oddity.first for oddity in every[4:])
    assert found[-1].words.endswith("; 4 more that score lower are not listed")


@pytest.mark.parametrize("factor", [1e-300, 2.0**-1060, -1.0, 1e306])
def test_tiny_and_huge_values(factor):
    values = plain() * factor
    values[50] *= 1.9 if factor == 1e306 else 20  # beyond 1.8e308 there is nothing
    values[90:98] = values[10:18]
    found = oddities(values)
    assert ("copied stretch", 90, 97) in places(found)
    assert ("outlier", 50, 50) in places(found) or factor == 1e306
    assert all(np.isfinite(oddity.score) for oddity in found)


def test_the_largest_and_smallest_doubles():
    most, least = np.finfo(float).max, 5e-324
    for values in (
        [most, -most] * 30,
        [least, 2 * least, 0] * 20,
        [most, least] * 20,
        [1, 1e300],
        [most] * 9 + [-most],
    ):
        assert all(np.isfinite(oddity.score) for oddity in oddities(values))
    step = np.repeat([most, -most], 40) * np.random.default_rng(0).uniform(0.9, 1, 80)
    assert places(oddities(step)) == [("level shift", 40, 40)]


def test_a_scale_and_a_shift_change_nothing():
    values = np.random.default_rng(4).normal(size=150) + np.where(np.arange(150) < 80, 0, 4.0)
    values[30] += 40
    first, other = oddities(values), oddities(values * 2.0**40)
    assert [(one.kind, one.first, one.score) for one in first] == [(one.kind, one.first, one.score) for one in other]
    assert places(oddities(values + 1000)) == places(first)
    assert kinds(first) == ["outlier", "level shift"]


@pytest.mark.slow
def test_a_million_rows():
    values = np.round(np.random.default_rng(0).normal(size=1_000_000), 2)
    values[500_000] = 90
    assert ("outlier", 500_000, 500_000) in places(oddities(values, period=24))


def test_what_is_refused():
    for values, words in (([1.0, np.nan], "values: row 2 is not finite"), (np.eye(2), r"shape \(2, 2\)")):
        with pytest.raises(OptionError, match=words):
            oddities(values)
    with pytest.raises(OptionError, match=r"period: 1\.5 is no whole number"):
        oddities([1.0, 2.0], period=1.5)
