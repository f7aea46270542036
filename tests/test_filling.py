"""Missing values filled in: by hand, beside NumPy and a least-squares solver, and the figures of the docstring."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from timeglass.errors import DataError, InputError, OptionError, ShapeError
from timeglass.series.bundled import DATA
from timeglass.series.filling import fill_linear, fill_seasonal

NAN = np.nan
TRIALS = settings(max_examples=100, deadline=None, derandomize=True)


def bundled(name: str) -> np.ndarray:
    return np.loadtxt(DATA / f"{name}.csv", delimiter=",", skiprows=1, usecols=1)


def test_lines_by_hand():
    assert fill_linear(np.array([0.0, NAN, 4.0, NAN, NAN, 1.0])).tolist() == [0.0, 2.0, 4.0, 3.0, 2.0, 1.0]


def test_lines_between_the_largest():
    assert fill_linear(np.array([1.5e308, NAN, NAN, -1.5e308])).tolist() == pytest.approx(
        [1.5e308, 5e307, -5e307, -1.5e308]
    )


def test_a_season_by_hand():
    # Places 0: 1 2 3, place 1: 5 . 7. Both grow by 1 in 2 rows, so b = 1/2 and s = (1 - 0, 5 - 1/2): apart by 3.5.
    # Less the season, row 2 is 2 - 1 and row 4 is 3 - 1; row 3 lies between: 1.5 + 4.5.
    values = np.array([1.0, 5.0, 2.0, NAN, 3.0, 7.0])
    assert fill_seasonal(values, 2).tolist() == pytest.approx([1, 5, 2, 6, 3, 7], abs=1e-14)
    # At the end the line goes on level: row 4 less its season is 3 - 1 = 2, and row 5 is 2 + 4.5.
    assert fill_seasonal(np.array([1.0, 5.0, 2.0, 6.0, 3.0, NAN]), 2)[5] == pytest.approx(6.5, abs=1e-14)
    # No place is known twice: no slope, and the season is what is known.
    assert fill_seasonal(np.array([4.0, 8.0, NAN, NAN, NAN]), 2).tolist() == [4.0, 8.0, 4.0, 8.0, 4.0]


@TRIALS
@given(st.integers(2, 9), st.integers(0, 10**6))
def test_the_season_is_that_of_least_squares(period, seed):
    rng = np.random.default_rng(seed)
    rows = np.arange(6 * period)
    known = np.sort(np.concatenate([np.arange(period), period + rng.choice(5 * period, 3 * period, replace=False)]))
    values = np.full(len(rows), NAN)
    values[known] = rng.normal(0, 3, len(known))
    design = np.column_stack([rows % period == place for place in range(period)] + [rows]).astype(float)
    fitted = np.linalg.lstsq(design[known], values[known], rcond=None)[0]
    season = design[:, :period] @ fitted[:period]
    wanted = np.interp(rows, known, (values - season)[known]) + season
    np.testing.assert_allclose(fill_seasonal(values, period), np.where(np.isnan(values), wanted, values), atol=1e-10)


@TRIALS
@given(st.integers(2, 7), st.floats(-5, 5), st.lists(st.floats(-100, 100), min_size=7, max_size=7), st.integers(0, 999))
def test_a_season_on_a_straight_line_comes_back(period, slope, season, seed):
    rng = np.random.default_rng(seed)
    rows = np.arange(8 * period)
    whole = slope * rows + np.array(season)[rows % period]
    holes = 1 + rng.choice(len(rows) - 2, 2 * period, replace=False)  # not at the ends, where the line is level
    holes = holes[holes >= period]  # each place stays known
    values = whole.copy()
    values[holes] = NAN
    np.testing.assert_allclose(fill_seasonal(values, period), whole, atol=1e-9)


VALUES = st.lists(st.floats(allow_infinity=False), min_size=1, max_size=30)


@TRIALS
@given(VALUES)
@example([1.7e308, NAN, NAN, -1.7e308])
@example([-1.7976931348623157e308, NAN, NAN, -1.7976931348623157e308])
@example([0.1, NAN, NAN, NAN, 0.1])
@example([5e-324, NAN, -0.0])
def test_lines_keep_what_is_known_and_stay_between_its_neighbours(numbers):
    values = np.array(numbers)
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == 0 or known[0] > 0 or known[-1] < len(values) - 1:
        with pytest.raises(InputError, match=r"no value is known|a line needs a known value on either side"):
            fill_linear(values)
        return
    filled = fill_linear(values)
    assert filled[known].tobytes() == values[known].tobytes()
    for row in np.flatnonzero(np.isnan(values)):
        low, high = sorted((values[known[known < row][-1]], values[known[known > row][0]]))
        assert low <= filled[row] <= high
    if np.abs(values[known]).max() < 1e300:
        np.testing.assert_allclose(
            filled, np.interp(np.arange(len(values)), known, values[known]), rtol=1e-12, atol=1e-300
        )


@TRIALS
@given(VALUES, st.integers(2, 5))
def test_seasons_keep_what_is_known(numbers, period):
    values = np.array(numbers)
    before = values.tobytes()
    try:
        filled = fill_seasonal(values, period)
    except InputError:
        known = ~np.isnan(values)
        places = [known[place::period].any() for place in range(min(period, len(values)))]
        assert not all(places) or np.abs(values[known]).max() > 1e290
        return
    assert np.isfinite(filled).all()
    assert filled[~np.isnan(values)].tobytes() == values[~np.isnan(values)].tobytes()
    assert values.tobytes() == before


def test_a_season_leaves_the_bits_of_what_is_known():
    values = np.random.default_rng(5).normal(0, 1, 60)
    values[:2] = -0.0, 1e-300  # each would be lost in v - s + s
    values[[7, 30, 31]] = NAN
    known = ~np.isnan(values)
    assert fill_seasonal(values, 12)[known].tobytes() == values[known].tobytes()


def test_a_season_of_large_values_goes_on_level():
    # b = 6e307 / 3, so s = (-6e307, 2e306 - b, -2 b): row 3 less its season is 6e307, and so are all that follow.
    filled = fill_seasonal(np.array([-6e307, 2e306, 0.0, 0.0, NAN, NAN, NAN, NAN]), 3)
    assert filled[4:].tolist() == pytest.approx([4.2e307, 2e307, 0.0, 4.2e307], abs=1e293)


def test_nothing_missing_is_a_copy():
    values = np.array([1.0, -0.0, 3.0])
    for filled in (fill_linear(values), fill_seasonal(values, 2)):
        assert filled.tobytes() == values.tobytes()
        assert not np.shares_memory(filled, values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([NAN, NAN, 1.0, NAN, 2.0], "the first 2 rows without one before: use seasonal, or drop"),
        ([1.0, NAN], "the last 1 row without one after: use seasonal, or drop"),
        ([NAN, 1.0, NAN, NAN], "the first 1 row without one before, the last 2 rows without one after"),
        ([NAN, NAN], "no value is known among 2 rows"), ([], "no value is known among 0 rows"),
        ([1.0, NAN, np.inf], "value 3 is inf"), ([[1.0, NAN]], r"got \(1, 2\)"), (["x"], "expected numbers"),
    ],
)  # fmt: skip
def test_what_has_no_line(values, words):
    with pytest.raises(InputError, match=words):
        fill_linear(np.array(values))


@pytest.mark.parametrize(
    ("values", "period", "error", "words"),
    [
        ([1.0, NAN], 1, InputError, "period 1: there is no season: use linear"),
        ([1.0, NAN], 0, OptionError, "at least 2, got 0"), ([1.0, NAN], 2.0, OptionError, "got 2.0"),
        ([1.0, NAN], True, OptionError, "got True"), ([NAN], 2, InputError, "no value is known among 1 row"),
        ([1.0, NAN, 3.0, NAN], 2, InputError, "no value is known in row 2 and each 2 rows on: the season of 2"),
        ([1.0, NAN, NAN, 4.0, NAN, NAN], 3, InputError, "row 2 and each 3 rows on, nor at 1 other places"),
        ([1.0, NAN], 10**12, InputError, "row 2 and each 1,000,000,000,000 rows on"),
        ([1e308, NAN, 1e308, -1e308, 1.7e308, 1.0], 2, DataError, "beyond a double: scale them"),
        ([1.0, NAN, -np.inf], 2, DataError, "value 3 is -inf"), ([[1.0]], 2, ShapeError, r"\(1, 1\)"),
    ],
)  # fmt: skip
def test_what_has_no_season(values, period, error, words):
    with pytest.raises(error, match=words):
        fill_seasonal(np.array(values), period)


# ---- the figures of fill_seasonal's docstring


def same_place(values: np.ndarray, period: int) -> np.ndarray:
    """The other rule: lines between the nearest known values of the same place."""
    filled = values.copy()
    for place in range(period):
        own = values[place::period]
        known = np.flatnonzero(~np.isnan(own))
        filled[place::period] = np.interp(np.arange(len(own)), known, own[known])
    return filled


def level_lines(values: np.ndarray, period: int) -> np.ndarray:
    known = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), known, values[known])


def holes(rows: int, kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind.endswith("%"):
        return rng.choice(rows, int(kind[:-2]) * rows // 100, replace=False)
    count = int(kind.split()[0])
    return rng.integers(0, rows - count + 1) + np.arange(count)


def error(fill, whole: np.ndarray, period: int, kind: str) -> float:
    """The root of the mean over the seeds of each one's mean square."""
    squares = []
    for seed in range(100):
        rows = holes(len(whole), kind, seed)
        values = whole.copy()
        values[rows] = NAN
        squares.append(np.mean((fill(values, period) - whole)[rows] ** 2))
    return float(np.sqrt(np.mean(squares)))


def figures() -> list[tuple[str, str, list[float]]]:
    found, name = [], ""
    for line in (fill_seasonal.__doc__ or "").splitlines():
        match = re.fullmatch(r"\s+(?:([a-z0-9-]+), )?(\d+ %|\d+ in a row)(?: of them)?\s+([0-9. ]+)", line)
        if match:
            name = match[1] or name
            found.append((name, match[2], [float(number) for number in match[3].split()]))
    return found


def test_there_are_figures():
    assert [len(numbers) for _, _, numbers in figures()] == [3] * 9


@pytest.mark.parametrize(("name", "kind", "wanted"), figures())
def test_the_figures_of_the_docstring(name, kind, wanted):
    got = [error(fill, bundled(name), 12, kind) for fill in (level_lines, same_place, fill_seasonal)]
    assert got == pytest.approx(wanted, abs=0.006)


def test_where_the_season_loses():
    wanted = re.search(r"cost ([0-9.]+) against ([0-9.]+) by", fill_seasonal.__doc__ or "")
    assert wanted is not None
    got = [error(fill, bundled("uk-gas"), 4, "10 %") for fill in (fill_seasonal, same_place)]
    assert got == pytest.approx([float(wanted[1]), float(wanted[2])], abs=0.006)
